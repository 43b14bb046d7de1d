"""Finding files by a glob, and everything that is odd about what was found: nothing is left out silently.

Files are told apart by what they are (device and inode) and not by their names, and names are compared in one form of
Unicode (`asd.recordings.names.same_name`).
"""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from ..files.neutral import in_one_line
from .names import is_ignored, same_name

SHOWN = 3
"""Names that a sentence about many files gives."""

AUDIO_ENDINGS = (
    *(".wav", ".wave", ".bwf", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".spx", ".aif", ".aiff", ".aifc"),
    *(".mp1", ".mp2", ".mp3", ".mpga", ".m4a", ".m4b", ".mp4", ".mov", ".aac", ".wma", ".asf", ".webm", ".weba"),
    *(".mka", ".caf", ".3gp", ".3g2", ".amr", ".awb", ".ac3", ".eac3", ".ape", ".wv", ".tta"),
    *(".au", ".snd", ".sph", ".nist", ".voc", ".sf", ".avr", ".paf", ".svx", ".sd2", ".sds"),
)
"""Of files that hold sound, in lower case."""

Identity = tuple[int, int, str]
"""Device and inode of a file; and its path, where the file system has no inodes."""


class Oddity(Enum):
    """What there is beside usable recordings: how it is called, and what becomes of it."""

    BROKEN_LINK = "lead nowhere (broken links)"
    UNREADABLE = "can't be looked into or at"
    NOT_A_FILE = "are pipes, sockets or devices, not files, and are left out"
    FOLDER = "are folders, though called like recordings, and are left out"
    EMPTY = "are empty (0 bytes)"
    OTHER_CASE = "have an ending in other letters (such as .WAV for .wav) and are taken as well"
    NOT_TAKEN = "differ from what is looked for in the case of the ending only, and are left out"
    SAME_NAME = "have the name of another one in other letters of the ending or another form of Unicode; both are taken"
    TWICE = "are the same file as another one with the same label, and are taken once"
    LISTED_LINK = "are links to a folder that is listed already, and are followed once"

    @property
    def may_hide_recordings(self) -> bool:
        """Whether recordings may be lost, which stops a run unless it is to skip bad clips."""
        return self in (Oddity.BROKEN_LINK, Oddity.UNREADABLE)

    @property
    def is_left_out(self) -> bool:
        """Whether it is to stand in the list of skipped clips."""
        return self in (Oddity.BROKEN_LINK, Oddity.UNREADABLE, Oddity.NOT_A_FILE, Oddity.FOLDER)


@dataclass(frozen=True)
class Finding:
    """One oddity: the path it is about, and another one, or the words of the operating system, where that helps."""

    oddity: Oddity
    path: str
    about: str = ""

    def __str__(self) -> str:
        return f"{in_one_line(self.path)}{f' ({in_one_line(self.about)})' if self.about else ''}"


def sentences_about(findings: Iterable[Finding]) -> list[str]:
    """One for each oddity, with the number of paths and the first of them.

    Examples
    --------
    >>> sentences_about([Finding(Oddity.EMPTY, f"{n}.wav") for n in range(5)])
    ['5 are empty (0 bytes): 0.wav, 1.wav, 2.wav and 2 more']
    """
    groups: dict[Oddity, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.oddity, []).append(finding)
    return [f"{len(groups[one])} {one.value}: {some(groups[one])}" for one in Oddity if one in groups]


def some(names: Sequence[object], shown: int = SHOWN) -> str:
    """The first of some names and how many more there are, fit for a terminal."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(in_one_line(str(name)) for name in names[:shown]) + more


def identity_of(path: str, status: os.stat_result) -> Identity:
    """What two names of one file have in common."""
    return (status.st_dev, status.st_ino, "") if status.st_ino else (0, 0, os.path.realpath(path))


def existing_path(path: str) -> str:
    """`path`, or one with the same name in another form of Unicode if only that exists."""
    if path.isascii() or os.path.lexists(path):
        return path
    there = "/" if path.startswith("/") else ""
    for part in path.split("/"):
        if part and not os.path.lexists(there + part):
            try:
                part = next((name for name in os.listdir(there or ".") if same_name(name) == same_name(part)), part)
            except OSError:
                return path
        there += f"{part}/" if part else ""
    there = there.rstrip("/") or "/"
    return there if os.path.lexists(there) else path


# ------------------------------------------------------------------------------------------------------------- globs


_GLOB = re.compile(r"\*\*/|\*+|\?|\[!?\]?[^\]]*\]")


def expression_of_glob(text: str, lazy: str = "") -> str:
    """Regular expression of a glob, within which ``*`` crosses no slash."""
    expression, position = "", 0
    for special in _GLOB.finditer(text):
        expression += re.escape(text[position : special.start()])
        position = special.end()
        match special[0]:
            case "**/":
                expression += "(?:[^/]+/)*"
            case "?":
                expression += "[^/]"
            case found if found.startswith("*"):
                expression += f"[^/]*{lazy}"
            case found:
                expression += fnmatch.translate(found).removeprefix("(?s:").removesuffix(")\\Z")
    return expression + re.escape(text[position:])


class Hit(NamedTuple):
    """A file that a glob takes.

    Attributes
    ----------
    path
        With the root in front.
    canonical
        Its path under the root, in the one form of Unicode, and with the ending in the letters of the glob.
    by_link
        Whether the path leads over a link.
    """

    path: str
    canonical: str
    status: os.stat_result
    by_link: bool


@dataclass(frozen=True)
class Tree:
    """A folder with all below it; what has been listed once is not listed again."""

    root: str
    _listed: dict[str, list[os.DirEntry[str]] | OSError] = field(default_factory=dict, repr=False, compare=False)

    def hits(self, pattern: str, report: Callable[[Finding], None]) -> list[Hit]:
        """Files that `pattern`, a glob, takes, in no order; oddities go to `report`."""
        pattern = same_name(re.sub("//+", "/", pattern))
        start = "/" if pattern.startswith("/") else ""
        parts = pattern.strip("/").split("/")
        walk = _Walk(self, [*parts, "*"] if parts[-1] == "**" else parts, report)
        walk.enter(start, 0, by_link=False)
        walk.follow_links()
        return walk.hits

    def path(self, name: str) -> str:
        """Of something under the root."""
        return posixpath.join(self.root, name) if name else self.root

    def entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What lies in `folder` (a name under the root that ends with a slash, or nothing).

        Raises
        ------
        OSError
            If it can't be listed.
        """
        if folder not in self._listed:
            try:
                with os.scandir(self.path(folder)) as found:
                    self._listed[folder] = list(found)
            except OSError as error:
                self._listed[folder] = error
        listed = self._listed[folder]
        if isinstance(listed, OSError):
            raise listed
        return listed


_FILE_ENDING = re.compile(r"\.[A-Za-z]\w{0,4}")
"""What a link to nowhere was one to a file by, rather than to a folder."""


class _Leaf:
    """What the last part of a glob takes."""

    def __init__(self, part: str) -> None:
        stem, ending = posixpath.splitext(part)
        self.ending = ending if ending and not glob.has_magic(ending) else ""
        self.is_audio = self.ending.lower() in AUDIO_ENDINGS
        stem = stem if self.ending else part
        self._takes_any_stem = stem == "*"
        self._takes = re.compile(expression_of_glob(stem) + f"(?i:{re.escape(self.ending)})", re.DOTALL).fullmatch

    def canonical(self, name: str) -> tuple[str, bool] | None:
        """`name` with the ending in the letters of the glob, and whether it is as written; None if it does not fit."""
        if not name.isascii():
            name = same_name(name)
        as_written = name.endswith(self.ending)
        if not (as_written and self._takes_any_stem) and not self._takes(name):
            return None
        if as_written:
            return name, True
        return name[: len(name) - len(self.ending)] + self.ending, False


class _Walk:
    """One walk through a tree along the parts of a glob."""

    def __init__(self, tree: Tree, parts: Sequence[str], report: Callable[[Finding], None]) -> None:
        self.hits: list[Hit] = []
        self._tree, self._parts, self._report = tree, parts, report
        self._leaf = _Leaf(parts[-1])
        self._dots = [part.startswith(".") for part in parts]
        self._seen: set[tuple[Identity, int]] = set()
        self._links: list[tuple[str, str, int]] = []

    def enter(self, folder: str, position: int, by_link: bool, canonical: str | None = None) -> None:
        """List what the parts from `position` on take in a folder; links on the way through ``**`` are left for later,
        so that what has a name of its own is found by that."""
        canonical = folder if canonical is None else canonical
        part = self._parts[position]
        if position == len(self._parts) - 1:
            self._list_files(folder, canonical, by_link)
        elif part == "**":
            if self._is_new(folder, position):
                self.enter(folder, position + 1, by_link, canonical)
                for entry in self._folders(folder, position):
                    name = f"{folder}{entry.name}/"
                    if entry.is_symlink():
                        self._links.append((name, f"{canonical}{same_name(entry.name)}/", position))
                    else:
                        self.enter(name, position, by_link, f"{canonical}{same_name(entry.name)}/")
        elif part in ("", ".", "..") or (part.isascii() and not glob.has_magic(part)):
            if self._is_link_to_nowhere(f"{folder}{part}"):
                self._report(Finding(Oddity.BROKEN_LINK, self._tree.path(f"{folder}{part}")))
            else:
                self.enter(f"{folder}{part}/", position + 1, by_link, f"{canonical}{part}/")
        else:
            takes = re.compile(expression_of_glob(part), re.DOTALL).fullmatch
            for entry in self._folders(folder, position, takes):
                below = f"{canonical}{same_name(entry.name)}/"
                self.enter(f"{folder}{entry.name}/", position + 1, by_link or entry.is_symlink(), below)

    def follow_links(self) -> None:
        """Follow links that ``**`` came upon, to folders that it has not been in."""
        while self._links:
            links, self._links = sorted(self._links), []
            for name, canonical, position in links:
                if (self._identity(name), position) in self._seen:
                    self._report(Finding(Oddity.LISTED_LINK, self._tree.path(name.removesuffix("/"))))
                else:
                    self.enter(name, position, True, canonical)

    def _identity(self, folder: str) -> Identity:
        path = self._tree.path(folder)
        try:
            return identity_of(path, os.stat(path))
        except OSError:
            return (0, 0, path)

    def _is_new(self, folder: str, position: int) -> bool:
        key = (self._identity(folder), position)
        new = key not in self._seen
        self._seen.add(key)
        return new

    def _is_link_to_nowhere(self, name: str) -> bool:
        path = self._tree.path(name)
        return os.path.islink(path) and not os.path.exists(path)

    def _entries(self, folder: str, position: int, only_hidden: bool = False) -> Iterator[os.DirEntry[str]]:
        """What is not to be ignored in a folder, or only not hidden; none if it does not exist."""
        try:
            listed = self._tree.entries(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            path = self._tree.path(folder.removesuffix("/"))
            self._report(Finding(Oddity.UNREADABLE, path, error.strerror or str(error)))
            return
        dots = self._dots[position]
        for entry in listed:
            name = entry.name
            if name[0] == ".":
                if dots and name[1:2] != "_":
                    yield entry
            elif only_hidden or not is_ignored(name):
                yield entry

    def _folders(self, folder: str, position: int, takes: Callable[[str], object] = bool) -> Iterator[os.DirEntry[str]]:
        """Folders in a folder whose names a part takes."""
        for entry in self._entries(folder, position):
            if not takes(same_name(entry.name)):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:  # links in a circle
                is_folder = False
            if is_folder:
                yield entry
            elif not _FILE_ENDING.fullmatch(posixpath.splitext(entry.name)[1]) and self._is_link_to_nowhere(
                f"{folder}{entry.name}"
            ):
                self._report(Finding(Oddity.BROKEN_LINK, entry.path))

    def _list_files(self, folder: str, canonical: str, by_link: bool) -> None:
        leaf = self._leaf
        for entry in self._entries(folder, len(self._parts) - 1, only_hidden=leaf.is_audio):
            found = leaf.canonical(entry.name)
            if found is None:
                continue
            name, as_written = found
            if not as_written and not leaf.is_audio:
                self._report(Finding(Oddity.NOT_TAKEN, entry.path))
                continue
            status = status_of(entry.path, self._report, leaf.is_audio)
            if status is None:
                continue
            if not as_written:
                self._report(Finding(Oddity.OTHER_CASE, entry.path))
            self.hits.append(Hit(entry.path, canonical + name, status, by_link or entry.is_symlink()))


def status_of(path: str, report: Callable[[Finding], None], is_audio: bool = False) -> os.stat_result | None:
    """Status of a file; None, and a report, if it is something else; None alone if there is nothing.

    Parameters
    ----------
    is_audio
        Whether a folder of this name was taken for a recording, too.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            if os.path.islink(path):
                report(Finding(Oddity.BROKEN_LINK, path))
        else:
            report(Finding(Oddity.UNREADABLE, path, error.strerror or str(error)))
        return None
    if stat.S_ISREG(status.st_mode):
        if status.st_size == 0:
            report(Finding(Oddity.EMPTY, path))
        return status
    if not stat.S_ISDIR(status.st_mode):
        report(Finding(Oddity.NOT_A_FILE, path))
    elif is_audio:
        report(Finding(Oddity.FOLDER, path))
    return None


def audio_files(root: str, pattern: str = "**/*") -> dict[str, Identity]:
    """Files under a folder that have the ending of sound, in sorted order, and what they are."""
    hits = sorted(Tree(root).hits(pattern, lambda finding: None), key=lambda hit: hit.canonical)
    return {
        hit.path: identity_of(hit.path, hit.status)
        for hit in hits
        if posixpath.splitext(hit.path)[1].lower() in AUDIO_ENDINGS
    }


def problem_of_hidden(findings: Iterable[Finding]) -> str | None:
    """A sentence if recordings may be lost among what was found, with a remedy; else None."""
    lost = [finding for finding in findings if finding.oddity.may_hide_recordings]
    if not lost:
        return None
    return (
        f"of what dataset.pattern or the sample sheet takes, {'; '.join(sentences_about(lost))}. Bring back what is "
        "missing (is a disk not mounted?) or the permission to read it, or remove it; dataset.on_bad_clip: skip leaves "
        "such things out and lists them"
    )


def left_out(findings: Iterable[Finding]) -> dict[str, str]:
    """Paths that are no recordings though they seem to be, and why, as a list of skipped clips has it."""
    reasons = {
        Oddity.BROKEN_LINK: "leads nowhere (broken link)",
        Oddity.UNREADABLE: "can't be looked into or at",
        Oddity.NOT_A_FILE: "is a pipe, socket or device, not a file",
        Oddity.FOLDER: "is a folder, though called like a recording",
    }
    return {
        one.path: f"{one.path}: {reasons[one.oddity]}{f' ({one.about})' if one.about else ''}"
        for one in findings
        if one.oddity.is_left_out
    }
