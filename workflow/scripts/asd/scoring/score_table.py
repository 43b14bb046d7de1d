"""Reading tables of scores, as ``asd score --csv`` and ``asd watch`` write them, whatever has become of them since."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import StrPath
from ..files.neutral import in_one_line

NEEDED = ("file", "start", "end", "detector", "score", "p_value", "verdict")
LARGEST = 2**30
"""Bytes of a table, some millions of rows."""

_VERDICTS = ("normal", "anomalous", "error")


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The clips that one detector scored, in the order of the table.

    Attributes
    ----------
    files, starts, ends
        The recording, and the seconds of it.
    scores, p_values
        float64 [clips].
    rounding
        By how much each p-value may be wrong because fewer digits were written, float64 [clips].
    lines
        Number of each clip's line in the file.
    sizes
        Of the recording in bytes when it was scored; None where the table does not say it.
    """

    files: Sequence[str]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]
    rounding: NDArray[np.float64]
    lines: Sequence[int]
    sizes: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """A table of scores.

    Attributes
    ----------
    detectors
        Name -> its clips.
    errors
        What stands in the rows of recordings that could not be scored, in their order.
    recent_errors
        How many of the last `RECENT` rows these are.
    unreadable
        Numbers of lines that are no rows of it.
    """

    path: str
    detectors: dict[str, ScoredRows]
    rows: int
    errors: list[str]
    recent_errors: int
    unreadable: list[int] = field(default_factory=list)


RECENT = 50
"""Clips that say how it is now."""


@dataclass
class _Columns:
    """Of one detector, while it is read."""

    files: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    p_values: list[float] = field(default_factory=list)
    digits: int = 1
    lines: list[int] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)

    def finished(self) -> ScoredRows:
        p = np.array(self.p_values)
        # as many digits as the longest number has, since zeros at the end are not written
        rounding = 0.5 * 10.0 ** (np.floor(np.log10(p)) - self.digits + 1)
        starts, ends, scores = (np.array(one) for one in (self.starts, self.ends, self.scores))
        return ScoredRows(self.files, starts, ends, scores, p, rounding, self.lines, self.sizes)


def read_score_table(path: StrPath) -> ScoreTable:
    """Read a table of scores.

    Rows that can't be read, such as one that was cut off when a disk was full, are left out and counted.

    Raises
    ------
    UserError
        If it can't be read, has other columns, or has no clip that was scored.
    """
    lines = _lines(path)
    numbered = _records(lines)
    header = [name.strip() for name in next(numbered, (0, [""]))[1]]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise UserError(
            f"{path}: the column{'s' * (len(missing) > 1)} {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} "
            "missing. Give a table that asd score --csv or asd watch wrote."
        )
    place = {name: header.index(name) for name in (*NEEDED, "reasons", "size") if name in header}
    columns: dict[str, _Columns] = {}
    errors: list[str] = []
    unreadable: list[int] = []
    is_error: list[bool] = []
    for line, record in numbered:
        if not record:
            continue
        if len(record) != len(header) or record[place["verdict"]] not in _VERDICTS:
            unreadable.append(line)
        elif record[place["verdict"]] == "error":
            errors.append(record[place["reasons"]] if "reasons" in place else "")
            is_error.append(True)
        elif _take(record, place, line, columns):
            is_error.append(False)
        else:
            unreadable.append(line)
    if not columns:
        raise UserError(f"{path}: {_why_nothing(errors, unreadable)}")
    found = {name: one.finished() for name, one in columns.items()}
    return ScoreTable(str(path), found, len(is_error), errors, sum(is_error[-RECENT:]), unreadable)


def _why_nothing(errors: Sequence[str], unreadable: Sequence[int]) -> str:
    if errors:
        return (
            f"no clip was scored: all {len(errors)} rows are of recordings that could not be, the last one because "
            f"{in_one_line(errors[-1]) or '(it does not say)'}"
        )
    if unreadable:
        return f"no row can be read, beginning with line {unreadable[0]}. Give a table of asd score --csv or asd watch."
    return "there are no rows in it yet. Score recordings first: asd score --csv, or asd watch."


def _take(record: Sequence[str], place: dict[str, int], line: int, columns: dict[str, _Columns]) -> bool:
    """Add a row to the columns of its detector, if it can be read."""
    try:
        start, end, score, p_value = (float(record[place[name]]) for name in ("start", "end", "score", "p_value"))
    except ValueError:
        return False
    if not (math.isfinite(start) and math.isfinite(end) and math.isfinite(score) and 0 < p_value <= 1):
        return False
    to = columns.setdefault(record[place["detector"]], _Columns())
    to.files.append(record[place["file"]])
    to.starts.append(start)
    to.ends.append(end)
    to.scores.append(score)
    to.p_values.append(p_value)
    to.digits = max(to.digits, _digits(record[place["p_value"]]))
    to.lines.append(line)
    size = record[place["size"]] if "size" in place else ""
    to.sizes.append(int(size) if size.isascii() and size.isdigit() and len(size) < 20 else None)
    return True


def _digits(number: str) -> int:
    """How many digits a number is written with, without zeros in front."""
    return len(number.strip().lower().split("e")[0].replace(".", "").lstrip("+-0"))


def _lines(path: StrPath) -> list[str]:
    try:
        if Path(path).is_dir():
            raise UserError(f"{path}: is a folder. Give a table that asd score --csv or asd watch wrote.")
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: the table of scores can't be read ({error.strerror or error}).") from error
    if len(content) > LARGEST:
        raise UserError(f"{path}: is larger than any table of scores ({LARGEST / 2**20:.0f} MB). Give the end of it.")
    text = content.decode("utf-8-sig", "surrogateescape")
    return [f"{line}\n" for line in text.replace("\r\n", "\n").split("\n")]


def _records(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and fields of each record.

    A quotation mark that is never closed, in a row that was cut off, would swallow the rows that follow: a record of
    several lines that has not as many fields as the first one is read again line by line.
    """
    reader = csv.reader(lines)
    width = None
    while True:
        first = reader.line_num
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            record = ["", ""]
        last = reader.line_num
        width = len(record) if width is None else width
        if last - first == 1 or len(record) == width:
            yield first + 1, record
            continue
        for number in range(first, last):
            try:
                yield number + 1, next(csv.reader([lines[number]]), [])
            except csv.Error:
                yield number + 1, ["", ""]
