"""Names of recordings: which can't be used, which are the same one, and which are no recordings at all.

Nearly any name works: spaces, quotes, braces, brackets, signs of shells and any script.  What does not is a name that
can't be written down: with control characters, or of bytes that are no text.
"""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import PurePath

from ..errors import UserError
from ..files.neutral import in_one_line

_BEFORE_UTF_8 = ("cp949", "cp932", "cp1252")
"""Encodings of names in zip archives from Windows: Korean, Japanese, Western; the first that fits is a good guess."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNDECODED = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are not UTF-8

_BY_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini"}
"""What macOS and Windows add to folders and archives; the first holds shadows of recordings, with their names."""


def name_problem(path: str) -> str | None:
    """Why the name of a recording, or of a folder above it, can't be used, and what to do; None if it can be.

    Examples
    --------
    >>> name_problem("fan/{id} 100%.wav") is None
    True
    >>> print(name_problem("fan/a\\nb.wav"))
    'fan/a\\x0ab.wav': the name holds a control character (such as a line break). Rename it
    """
    if path.isprintable():  # nearly all are, and it takes a fraction of the time
        return None
    if _UNDECODED.search(path):
        return f"'{in_one_line(path)}': the name is not UTF-8{_remedy_for(path)}"
    if _CONTROL.search(path):
        return f"'{in_one_line(path)}': the name holds a control character (such as a line break). Rename it"
    return None


def _remedy_for(path: str) -> str:
    """What a name may have been meant as, and the command that makes it so; for all names of the folder at once."""
    name = next(part for part in PurePath(path).parts if _UNDECODED.search(part))
    folder = path[: path.index(name)].rstrip("/") or ("/" if path.startswith("/") else ".")
    for encoding in _BEFORE_UTF_8:
        try:
            meant = os.fsencode(name).decode(encoding)
        except UnicodeDecodeError:
            continue
        if meant.isprintable():
            return (
                f", as in archives packed on Windows; in {encoding} it is {meant!r}. Rename it, or all of the folder: "
                f"convmv -f {encoding} -t utf-8 -r --notest {shlex.quote(folder)}"
            )
    return ". Rename it"


def require_usable_names(paths: Iterable[str]) -> None:
    """Refuse recordings whose names can't be used.

    Raises
    ------
    UserError
        With the number of them, and what is wrong with the first.
    """
    problems = [problem for path in paths if (problem := name_problem(path)) is not None]
    if problems:
        raise UserError(f"{len(problems)} recordings have names that can't be used, the first: {problems[0]}.")


def same_name(name: str) -> str:
    """The form of a name in which to compare it: macOS writes accents and Korean syllables in pieces (NFD), others
    whole (NFC), and archives carry the one to where the other is typed.

    Examples
    --------
    >>> same_name("u\\u0308") == same_name("\\u00fc")
    True
    """
    return unicodedata.normalize("NFC", name)


def names_under(root: str, paths: Iterable[str]) -> list[str]:
    """Paths relative to a folder, as `os.path.relpath` has them, which looks up the working directory for each: with
    hundreds of thousands, that takes seconds.

    Examples
    --------
    >>> names_under("data", ["data/fan/a.wav", "data/./b.wav", "other/c.wav"])
    ['fan/a.wav', 'b.wav', '../other/c.wav']
    """
    start = root if root.endswith("/") else f"{root}/"
    names = []
    for path in paths:
        name = path[len(start) :]
        plain = path.startswith(start) and name and name[0] not in "./" and "/." not in name and "//" not in name
        names.append(name if plain and name[-1] != "/" else os.path.relpath(path, root))
    return names


def is_ignored(path: str) -> bool:
    """Whether a file is none that anybody recorded, going by the parts of its path below the root: hidden, or what
    macOS and Windows leave behind (``._clip.wav`` and the folder ``__MACOSX`` hold no audio, but its names).

    Examples
    --------
    >>> [is_ignored(name) for name in ("__MACOSX/fan/a.wav", "fan/._a.wav", "fan/Thumbs.db", "fan/a.wav")]
    [True, True, True, False]
    """
    parts = (part for part in PurePath(path).parts if part not in (".", ".."))
    return any(part.startswith(".") or part.lower() in _BY_SYSTEMS for part in parts)
