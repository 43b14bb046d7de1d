"""Verdicts for people and programs: a table, CSV, and JSON; each row as soon as it is known."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TextIO

from ..files.neutral import in_one_line
from .model import Verdict

COLUMNS = ("file", "start", "end", "detector", "score", "p_value", "verdict", "reasons")

WIDTH = 100
"""Characters of a line of the table."""

_UNDECODED = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are not UTF-8
_QUOTED = re.compile('[",\r\n]|^\\s|\\s$')
_NUMBERS = ("start", "end", "score", "p_value")
_WIDTHS = {"start": 8, "end": 8, "score": 10, "p_value": 7, "verdict": 9}
_NARROWEST_NAME, _WIDEST_DETECTOR = 16, 24
_GAP = "  "
_INDENT = "    "


def as_text(name: str) -> str:
    r"""A name as it is, but with bytes that are no UTF-8 spelled out, so that text with it stays text.

    Examples
    --------
    >>> print(as_text("fl\udcfcte.wav"))
    fl\xfcte.wav
    """
    return _UNDECODED.sub(lambda match: in_one_line(match[0]), name)


def number(value: float) -> str:
    """A number as text, nothing for NaN; it is the same one again in single precision.

    Examples
    --------
    >>> number(10.0), number(0.1), number(math.nan)
    ('10', '0.1', '')
    """
    return "" if math.isnan(value) else f"{value:.9g}"


def row(verdict: Verdict) -> tuple[str, ...]:
    """The cells of `COLUMNS`."""
    return (
        as_text(verdict.file),
        number(verdict.start),
        number(verdict.end),
        verdict.detector,
        number(verdict.score),
        number(verdict.p_value),
        verdict.verdict,
        as_text("; ".join(verdict.reasons)),
    )


def csv_line(cells: Iterable[str]) -> str:
    """A line of a CSV file (RFC 4180, but with a bare line feed at the end)."""
    return (
        ",".join(f'"{cell.replace(chr(34), 2 * chr(34))}"' if _QUOTED.search(cell) else cell for cell in cells) + "\n"
    )


def record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON has it: `COLUMNS` and remarks; what is no number is null."""
    values: dict[str, Any] = dict(zip(COLUMNS, row(verdict), strict=True))
    values |= {name: float(values[name]) if values[name] else None for name in _NUMBERS}
    values["reasons"] = [as_text(reason) for reason in verdict.reasons]
    values["remarks"] = list(verdict.remarks)
    return values


class Writer(Protocol):
    """What verdicts are given to; nothing is whole before `end`."""

    def begin(self) -> None: ...

    def add(self, verdict: Verdict) -> None: ...

    def end(self) -> None: ...


class CsvWriter:
    """Verdicts as CSV with a header."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        # a terminal obeys what may stand in the name of a file
        self._shown = in_one_line if file.isatty() else str

    def begin(self) -> None:
        """Write the header."""
        self._file.write(csv_line(COLUMNS))

    def add(self, verdict: Verdict) -> None:
        """Write a row."""
        self._file.write(csv_line(map(self._shown, row(verdict))))
        self._file.flush()

    def end(self) -> None:
        """Nothing follows."""


class JsonWriter:
    """Verdicts as one JSON array of objects, one a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._separator = "\n"

    def begin(self) -> None:
        """Write the start."""
        self._file.write("[")

    def add(self, verdict: Verdict) -> None:
        """Write an object; ASCII alone, so that no terminal minds what is in a name."""
        self._file.write(f"{self._separator}{json.dumps(record(verdict), allow_nan=False)}")
        self._file.flush()
        self._separator = ",\n"

    def end(self) -> None:
        """Write the end."""
        self._file.write("\n]\n")


class TableWriter:
    """Verdicts as aligned columns; below an anomalous one, or one that could not be scored, the reasons.

    Parameters
    ----------
    detectors
        Whose scores they are, for the width of the column.
    width
        Characters of a line, 80 or more.
    """

    def __init__(self, file: TextIO, detectors: Iterable[str] = (), width: int = WIDTH) -> None:
        self._file, self._width = file, width
        left = width - sum(_WIDTHS.values()) - len(_GAP) * (len(COLUMNS) - 2)
        detector = min(max(map(shown_width, ("detector", *detectors))), _WIDEST_DETECTOR, left - _NARROWEST_NAME)
        self._widths = {"file": left - detector, "detector": detector, **_WIDTHS}

    def begin(self) -> None:
        """Write the header."""
        self._write(COLUMNS[:-1])
        self._file.write(f"{_INDENT}{COLUMNS[-1]}\n")
        self._file.flush()

    def add(self, verdict: Verdict) -> None:
        """Write a row, and the reasons below it."""
        scored = not math.isnan(verdict.score)
        self._write(
            [
                shortened(in_one_line(verdict.file), self._widths["file"]),
                f"{verdict.start:.1f}",
                f"{verdict.end:.1f}",
                shortened(in_one_line(verdict.detector), self._widths["detector"]),
                f"{verdict.score:.4g}" if scored else "-",
                f"{verdict.p_value:.2g}" if scored else "-",
                verdict.verdict,
            ]
        )
        if verdict.verdict != "normal":
            for line in wrapped(map(in_one_line, verdict.reasons), self._width - len(_INDENT)):
                self._file.write(f"{_INDENT}{line}\n")
        self._file.flush()

    def end(self) -> None:
        """Nothing follows."""

    def _write(self, cells: Sequence[str]) -> None:
        padded = (
            _padded(cell, self._widths[name], left=name in _NUMBERS)
            for name, cell in zip(COLUMNS[:-1], cells, strict=True)
        )
        self._file.write(f"{_GAP.join(padded).rstrip()}\n")


def shown_width(text: str) -> int:
    """Columns of a terminal that a text takes: two for each character of Korean, Chinese and Japanese.

    Examples
    --------
    >>> shown_width("fan"), shown_width("팬")
    (3, 2)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def wrapped(reasons: Iterable[str], width: int) -> Iterator[str]:
    """Reasons in lines that are no wider than so many columns, broken within a reason or a word only where it is wider.

    Examples
    --------
    >>> list(wrapped(["3 dB above", "4 dB below", "it has much too many words"], 24))
    ['3 dB above; 4 dB below;', 'it has much too many', 'words']
    """
    texts = list(reasons)
    pieces = [f"{text};" for text in texts[:-1]] + texts[-1:]
    line = ""
    for word in (word for piece in pieces for word in ([piece] if shown_width(piece) <= width else piece.split())):
        if line and shown_width(f"{line} {word}") > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        while shown_width(line) > width:
            end = next(end for end in range(width, 0, -1) if shown_width(line[:end]) <= width)
            yield line[:end]
            line = line[end:]
    if line:
        yield line


def shortened(text: str, width: int) -> str:
    """The end of a text that is wider than so many columns, behind an ellipsis.

    Examples
    --------
    >>> shortened("recordings/fan/a.wav", 10)
    '…fan/a.wav'
    """
    if shown_width(text) <= width:
        return text
    while shown_width(text) > width - 1:
        text = text[1:]
    return f"…{text}"


def _padded(text: str, width: int, *, left: bool) -> str:
    spaces = " " * (width - shown_width(text))
    return spaces + text if left else text + spaces
