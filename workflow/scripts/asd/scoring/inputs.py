"""Which recordings are meant: files, folders with all below them, and standard input."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..errors import UserError
from ..files.neutral import in_one_line
from ..recordings.listing import AUDIO_ENDINGS, existing_path
from ..recordings.names import is_ignored

STANDARD_INPUT = "-"

_DIGITS = re.compile("([0-9]+)")
_AT_ONCE = 2**20  # bytes


def natural_order(path: str) -> tuple[tuple[tuple[int | str, ...], ...], str]:
    """What to sort paths by, so that ``clip_9.wav`` comes before ``clip_10.wav``.

    Examples
    --------
    >>> sorted(["b/1", "a/10", "a/9"], key=natural_order)
    ['a/9', 'a/10', 'b/1']
    """
    return tuple(
        tuple(int(text) if number % 2 else text for number, text in enumerate(_DIGITS.split(part)))
        for part in path.split("/")
    ), path


@dataclass
class Walk:
    """What is in a folder and all below it.

    Attributes
    ----------
    files
        Path -> its status, of what is sound by the ending of its name; in no order.
    hidden, others
        Numbers of hidden files and folders, and of files with other endings.
    problems
        What could not be looked into, a sentence each.
    """

    files: dict[str, os.stat_result] = field(default_factory=dict)
    hidden: int = 0
    others: int = 0
    problems: list[str] = field(default_factory=list)


def walk(folder: str) -> Walk:
    """Look through a folder.  Links are followed; a folder with several names is looked through once."""
    found = Walk()
    seen: set[tuple[int, int]] = set()
    waiting, links = [folder], list[str]()
    while waiting or links:
        # what has a name of its own is found by that
        current = waiting.pop() if waiting else links.pop()
        try:
            status = os.stat(current)
            if (status.st_dev, status.st_ino) in seen and status.st_ino:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                for entry in entries:
                    below = _take(entry, found)
                    if below:
                        (links if entry.is_symlink() else waiting).append(entry.path)
        except OSError as error:
            found.problems.append(f"{in_one_line(current)}: can't be looked into ({error.strerror or error})")
    return found


def _take(entry: os.DirEntry[str], found: Walk) -> bool:
    """Note an entry of a folder, and say whether it is a folder to look into."""
    is_sound = os.path.splitext(entry.name)[1].lower() in AUDIO_ENDINGS
    if entry.name[0] == "." or (not is_sound and is_ignored(entry.name)):
        found.hidden += 1
        return False
    try:
        status = entry.stat()
    except OSError as error:
        if is_sound and not (isinstance(error, FileNotFoundError) and not entry.is_symlink()):
            found.problems.append(f"{in_one_line(entry.path)}: can't be looked at ({error.strerror or error})")
        return False
    if stat.S_ISDIR(status.st_mode):
        return True
    if is_sound:
        found.files[entry.path] = status
    else:
        found.others += 1
    return False


@dataclass(frozen=True)
class Listed:
    """Recordings to be scored.

    Attributes
    ----------
    files
        Each once, in the order of the arguments, those of a folder in natural order.  They need not exist.
    left_out
        What was left out of folders, in words, none if nothing.
    problems
        Where recordings may be lost, a sentence each.
    """

    files: list[str]
    left_out: str = ""
    problems: tuple[str, ...] = ()


def listed(arguments: Iterable[str]) -> Listed:
    """The recordings that some arguments mean."""
    files: dict[tuple[str, str], str] = {}
    folders: dict[str, str] = {}
    hidden = others = 0
    problems: list[str] = []

    def add(path: str) -> None:
        """A file that has been added by another spelling of its folder stays as it is."""
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        files.setdefault((folders[folder], name), path)

    for argument in arguments:
        if argument == STANDARD_INPUT:
            files.setdefault(("", STANDARD_INPUT), STANDARD_INPUT)
            continue
        path = existing_path(argument)
        if not os.path.isdir(path):
            add(path)
            continue
        found = walk(path)
        problems += found.problems
        if found.files:
            hidden, others = hidden + found.hidden, others + found.others
        elif not found.problems:
            problems.append(
                f"{in_one_line(argument)}: there are no recordings in this folder (files that end in .wav, .flac, "
                f".mp3 and the like){_but(found)}"
            )
        for file in sorted(found.files, key=natural_order):
            add(file)
    return Listed(list(files.values()), _left_out(hidden, others), tuple(problems))


def _but(found: Walk) -> str:
    words = _left_out(found.hidden, found.others)
    return f", but {words}" if words else ""


def _left_out(hidden: int, others: int) -> str:
    words = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((hidden, "hidden file"), (others, "other file"))
        if count
    ]
    return " and ".join(words)


@contextmanager
def spooled_standard_input() -> Iterator[str]:
    """Yield a temporary file with what comes from standard input, for recordings can't be read as they come.

    Raises
    ------
    UserError
        If it is a terminal, or there is no room for it.
    """
    import tempfile

    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("-: a recording is to come from standard input, but that is a terminal")
    with tempfile.NamedTemporaryFile(prefix="asd_") as file:
        try:
            while block := sys.stdin.buffer.read(_AT_ONCE):
                file.write(block)
            file.flush()
        except OSError as error:
            raise UserError(f"-: standard input can't be kept in {file.name} ({error.strerror or error})") from error
        yield file.name
