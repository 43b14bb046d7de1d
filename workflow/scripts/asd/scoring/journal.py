"""The tables that ``asd watch`` writes: scores, and beside them the features of the same rows.

Both only grow, a recording at a time: its features first, then its scores.  A recording counts once all of its scores
are there.  So whatever ends the program, at most one recording is not whole, at the end of either table, and is cut off
when it is started again.  Nothing else is ever removed, and a table with anything else in it is refused.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import os
import re
import stat
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features.columns import FEATURE_NAMES, N_FEATURES
from ..files import StrPath
from ..files.atomic import disk_problem
from .model import Verdict
from .output import COLUMNS, as_text, csv_line, number, row

SCORE_COLUMNS = (*COLUMNS, "size", "modified_ns", "windows")
FEATURE_COLUMNS = ("file", "start", "end", *FEATURE_NAMES)

_VERDICT = COLUMNS.index("verdict")
_VERDICTS = ("normal", "anomalous", "error")
_LOCKED = (errno.EAGAIN, errno.EACCES)
_WHOLE_NUMBER = re.compile("-?[0-9]{1,20}")
_LONGEST_ROW = 2**20  # bytes, far above one


class State(NamedTuple):
    """Of a file: bytes, and time of the last modification in nanoseconds."""

    size: int
    modified_ns: int


class Key(NamedTuple):
    """What is never scored twice: a recording as it is at a time, by its path as text."""

    file: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Scored:
    """A recording that has been scored.

    Attributes
    ----------
    verdicts
        One for each of its windows.
    features
        Of each window, float32 [columns]; None where it has none.
    """

    verdicts: Sequence[Verdict]
    features: Sequence[NDArray[np.float32] | None]


def features_beside(path: StrPath) -> Path:
    """Where the features of a table of scores are.

    Examples
    --------
    >>> str(features_beside("line_3/scores.csv"))
    'line_3/scores.features.csv'
    """
    return Path(path).with_suffix(".features.csv")


class MovedError(Exception):
    """A table is not where it was: somebody has moved or removed it."""


class Journal:
    """Both tables, open for appending, and what is in them.

    Attributes
    ----------
    done
        Recordings that need not be scored.
    remarks
        What was found and mended when it was opened, a sentence each.

    Raises
    ------
    UserError
        If another process appends to them, they hold anything else than what is written here, or the disk refuses.
    """

    def __init__(self, path: StrPath) -> None:
        self.remarks: list[str] = []
        with ExitStack() as stack:
            self._scores = stack.enter_context(closing(_Table(Path(path), SCORE_COLUMNS)))
            self._scores.lock()
            scores = _scores_in(self._scores)
            self.done = scores.done
            self._features = stack.enter_context(closing(_Table(features_beside(path), FEATURE_COLUMNS)))
            # before anything is cut off: both have to be ours
            features = _features_in(self._features)
            kept = self._features_to_keep(scores, features)
            if self._scores.cut(scores.end):
                self.remarks.append(f"{path}: the last recording was not whole, and is scored again")
            self._features.cut(features.ends[kept])
            self._opened = stack.pop_all()

    def _features_to_keep(self, scores: _Scores, features: _Features) -> int:
        """Number of rows of features whose scores are there."""
        kept = None if scores.end == 0 and features.rows else _aligned(scores.rows, features)
        if kept is None:
            raise UserError(
                f"{self._features.path}: its rows are not those of {self._scores.path}. Move both of them away, or "
                "bring back the one that belongs to the other."
            )
        missing = len(scores.rows) - kept
        if missing:
            self.remarks.append(
                f"{self._features.path}: the features of the first {missing} rows of {self._scores.path} are missing"
            )
        return kept

    def close(self) -> None:
        """Let others append."""
        self._opened.close()

    def append_features(self, scored: Scored) -> None:
        """The first of two steps.

        Raises
        ------
        OSError
            If the disk refuses; nothing has been written then.
        MovedError
            If a table is not there any more.
        """
        self._scores.require_in_place()
        lines = [
            csv_line([as_text(verdict.file), number(verdict.start), number(verdict.end), *_numbers(features)])
            for verdict, features in zip(scored.verdicts, scored.features, strict=True)
            if features is not None and verdict.verdict != "error"
        ]
        self._features.append("".join(lines))

    def append_scores(self, scored: Scored, state: State) -> None:
        """The second step, with which the recording is done.

        Raises
        ------
        OSError
            If the disk refuses; nothing of it has been written then, and its features have been taken back.
        MovedError
            If a table is not there any more.
        """
        about = (str(state.size), str(state.modified_ns), str(len(scored.verdicts)))
        try:
            self._scores.append("".join(csv_line([*row(verdict), *about]) for verdict in scored.verdicts))
        except OSError:
            self.take_back_features()
            raise
        self.done.add(Key(as_text(scored.verdicts[0].file), *state))

    def take_back_features(self) -> None:
        """Undo the first step."""
        self._features.take_back()


def _numbers(features: NDArray[np.float32]) -> list[str]:
    return [f"{value:.6g}" for value in features[:N_FEATURES].tolist()]


# ------------------------------------------------------------------------------------------------------ a table as such


class _Row(NamedTuple):
    """Cells of a row, where it begins and ends, and the number of its line."""

    cells: list[str]
    start: int
    end: int
    line: int


class _Table:
    """A CSV file that is only ever appended to."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, columns
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
            self._descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise _refusal(error, path) from error
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            self.close()
            raise UserError(f"{path}: is a pipe or device, where nothing is found again. Give a file.")
        self._before: int | None = None  # length before what was appended last
        self._torn = False  # whether to go back to it

    def close(self) -> None:
        """Give up the lock, too."""
        os.close(self._descriptor)

    def lock(self) -> None:
        """Keep other processes from appending, as long as it is open."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _LOCKED:
                raise UserError(f"{self.path}: another asd watch appends to it. Give another file.") from error
            # some network disks know no locks

    def header_end(self) -> int:
        """Where the header ends, in bytes; 0 if it is not whole."""
        with open(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            first = file.readline(_LONGEST_ROW)
        return len(first) if first.endswith(b"\n") else 0

    def rows(self) -> Iterator[_Row]:
        """Whole rows below the header.

        Raises
        ------
        UserError
            If there is no such header, or anything is not as it is written here; but what looks like the beginning of
            a row or of the header at the end is left out.
        """
        try:
            with open(os.dup(self._descriptor), "rb") as file:
                yield from self._rows_of(file)
        except OSError as error:
            raise _refusal(error, self.path) from error

    def _rows_of(self, file: BinaryIO) -> Iterator[_Row]:
        file.seek(0)
        first = file.readline()
        header = csv_line(self.columns).encode()
        if not first.endswith(b"\n") and header.startswith(first):
            return None
        if first.rstrip() != header.rstrip():
            raise UserError(
                f"{self.path}: is not a table of asd watch, or not of this version of it: its first line is another "
                "one. Give another file."
            )
        lines = _Lines(file, len(first))
        reader = csv.reader(lines, strict=True)
        while True:
            start, number = lines.position, lines.number
            try:
                cells = next(reader, None)
            except csv.Error as error:
                if not lines.at_end():
                    raise self.not_ours(number, str(error)) from None
                return self._require_beginning(file, start, number)
            if cells is None:
                return None
            if not lines.whole:
                return self._require_beginning(file, start, number)
            if not cells:
                raise self.not_ours(number, "an empty line")
            yield _Row(cells, start, lines.position, number)

    def _require_beginning(self, file: BinaryIO, start: int, line: int) -> None:
        """Refuse what can't be the beginning of a row: whoever wrote it has to decide on it."""
        file.seek(start)
        rest = file.read(_LONGEST_ROW)
        text = rest.rstrip(b"\0").decode(errors="surrogateescape")  # zeros are left after power cuts
        cells = next(csv.reader([text.replace("\n", " ")]), [])
        names_a_file = not text or text.lstrip('"')[:1] in ("", os.sep)
        if len(cells) > len(self.columns) or not names_a_file or not all(map(_is_number, cells[1:-1][:2])):
            raise self.not_ours(line, "it has no end")

    def not_ours(self, line: int, why: str) -> UserError:
        """What to say of a line that has not been written here."""
        return UserError(
            f"{self.path}, line {line}: asd watch has not written this ({why}). Correct it, or move the table away."
        )

    def cut(self, end: int) -> bool:
        """Cut off what is behind a place; whether anything was.  A table of which nothing is left gets its header."""
        try:
            size = os.fstat(self._descriptor).st_size
            if end < size:
                os.ftruncate(self._descriptor, end)
            if end == 0:
                self.append(csv_line(self.columns))
                self._sync_folder()
        except OSError as error:
            raise _refusal(error, self.path) from error
        return end < size

    def append(self, text: str) -> None:
        """Append in one go, and wait until it is on the disk.

        Raises
        ------
        OSError
            If the disk refuses; the file is then as it was, or becomes so before it is appended to again.
        MovedError
            If it is not there any more.
        """
        self.require_in_place()
        if self._torn and self._before is not None:
            os.ftruncate(self._descriptor, self._before)
        self._before, self._torn = os.fstat(self._descriptor).st_size, False
        content = text.encode()
        try:
            written = 0
            while written < len(content):
                written += os.write(self._descriptor, content[written:])
            os.fsync(self._descriptor)
        except OSError:
            self.take_back()
            raise

    def take_back(self) -> None:
        """Undo the last `append`."""
        if self._before is None:
            return
        self._torn = True
        with suppress(OSError):
            os.ftruncate(self._descriptor, self._before)
            self._torn = False

    def require_in_place(self) -> None:
        """Refuse to write where nobody will look.

        Raises
        ------
        MovedError
            If the path leads to another file, or nowhere.
        """
        here = os.fstat(self._descriptor)
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            raise MovedError(self.path) from None
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            raise MovedError(self.path)

    def _sync_folder(self) -> None:
        with suppress(OSError):  # not everywhere
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _refusal(error: OSError, path: Path) -> UserError:
    return UserError(disk_problem(error, path) or f"{path}: can't be used ({error.strerror or error})")


class _Lines:
    """Lines of a file as text, for the reader of CSV, which takes as many as it needs for a row."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self.position = file, start
        self._size = os.fstat(file.fileno()).st_size
        self.number, self.whole = 2, True

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.position += len(line)
            self.number += 1
            self.whole = line.endswith(b"\n")
            yield line.decode(errors="surrogateescape")

    def at_end(self) -> bool:
        """Whether there are no more."""
        return self.position >= self._size


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False


# ----------------------------------------------------------------------------------------------------- what is in them


@dataclass
class _Scores:
    """Whole recordings in a table of scores.

    Attributes
    ----------
    end
        Of the last of them, in bytes; 0 if there is no header.
    rows
        What stands for each row that was scored, in their order.
    """

    end: int
    done: set[Key]
    rows: array[int]


@dataclass
class _Features:
    """Rows in a table of features.

    Attributes
    ----------
    rows, files
        What stands for each row, and for the file it is of.
    ends
        Where the header and each row end; 0 if there is no header.
    """

    rows: array[int]
    files: array[int]
    ends: array[int]


def _scores_in(table: _Table) -> _Scores:
    found = _Scores(0, set(), array("q"))
    begun: list[_Row] = []
    for one in table.rows():
        wrong = _wrong_with(one.cells)
        if (
            not wrong
            and begun
            and begun[0].cells[len(COLUMNS) :] + begun[0].cells[:1] != (one.cells[len(COLUMNS) :] + one.cells[:1])
        ):
            wrong = "rows of the recording before it are missing"
        if wrong:
            raise table.not_ours(one.line, wrong)
        begun.append(one)
        size, modified_ns, windows = map(int, one.cells[len(COLUMNS) :])
        if len(begun) == windows:
            found.done.add(Key(one.cells[0], size, modified_ns))
            found.rows.extend(_mark(row.cells) for row in begun if row.cells[_VERDICT] != "error")
            found.end, begun = one.end, []
    if not found.end:
        found.end = table.header_end()
    return found


def _wrong_with(cells: Sequence[str]) -> str:
    if len(cells) != len(SCORE_COLUMNS):
        return f"{len(cells)} values in place of {len(SCORE_COLUMNS)}"
    if not all(map(_is_number, cells[1:3])) or cells[_VERDICT] not in _VERDICTS:
        return "no start, end or verdict"
    if not all(_WHOLE_NUMBER.fullmatch(cell) for cell in cells[len(COLUMNS) :]) or int(cells[-1]) < 1:
        return "no size, time or number of windows"
    return ""


def _mark(cells: Sequence[str]) -> int:
    """Stands for file, start and end."""
    return hash(tuple(cells[:3]))


def _features_in(table: _Table) -> _Features:
    found = _Features(array("q"), array("q"), array("q", [table.header_end()]))
    for one in table.rows():
        if len(one.cells) != len(FEATURE_COLUMNS):
            raise table.not_ours(one.line, f"{len(one.cells)} values in place of {len(FEATURE_COLUMNS)}")
        found.rows.append(_mark(one.cells))
        found.files.append(hash(one.cells[0]))
        found.ends.append(one.end)
    return found


def _aligned(scores: array[int], features: _Features) -> int | None:
    """How many rows of features belong to the last rows of scores, if at most one recording follows them.

    All of them, as a rule; where the table of features was begun later than that of scores, fewer.
    """
    count = len(features.rows)
    dropped = 0  # at most
    while dropped < count and features.files[count - 1 - dropped] == features.files[count - 1]:
        dropped += 1
    candidates = [len(scores), *range(count, count - dropped - 1, -1)]
    for kept in candidates:
        if not count - dropped <= kept <= min(count, len(scores)) or (kept == 0 and count and scores):
            continue
        if bool(features.rows[:kept] == scores[len(scores) - kept :]):
            return int(kept)
    return None
