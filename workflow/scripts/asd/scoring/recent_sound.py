"""The sound of recent clips beside that of the training clips.

Their spectra come from the features that ``asd watch`` kept, or else from the recordings again.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..features.bands import log_mel
from ..features.columns import FEATURE_NAMES, MEL_BANDS, N_FEATURES
from ..models.metadata import Metadata
from .changes import Change, Course, change_between, course_of
from .charts import Charts
from .model import Model
from .score_table import RECENT, ScoredRows
from .windows import Window, read_windows

LARGEST_PART = 16 * 2**20
"""Bytes at the end of a file of features that are read, some thousands of clips."""

_FEWEST = 3  # clips whose sound is compared after an alarm
_FEWEST_WITHOUT_ALARM = 20
_FEWEST_SINCE = 5
_FEWEST_NORMAL = 10
_EARLIER = 60  # clips whose recordings are read again to see since when
_SAME_TIME = 0.02  # seconds by which a window may lie elsewhere, because fewer digits were written

Key = tuple[str, float, float]


@dataclass(frozen=True, eq=False)
class Spectra:
    """Log-mel spectra of some clips of a table.

    Attributes
    ----------
    numbers
        Of the clips in the table, ascending, int [clips].
    log_mel
        float64 [clips, 128].
    """

    numbers: NDArray[np.intp]
    log_mel: NDArray[np.float64]

    @classmethod
    def of(cls, features: Mapping[int, NDArray[np.float32]]) -> Spectra:
        """From the number of each clip -> its features, float32 [columns]."""
        numbers = sorted(features)
        found = log_mel(np.stack([features[number] for number in numbers])) if numbers else np.zeros((0, MEL_BANDS))
        return cls(np.array(numbers, np.intp), found)

    def __len__(self) -> int:
        return len(self.numbers)

    def and_then(self, later: Spectra) -> Spectra:
        """These and later ones."""
        both = (np.concatenate([self.numbers, later.numbers]), np.concatenate([self.log_mel, later.log_mel]))
        return Spectra(*both)

    def since(self, first: int) -> Spectra:
        """Those of the clips from a number on."""
        later = self.numbers >= first
        return Spectra(self.numbers[later], self.log_mel[later])


@dataclass(frozen=True)
class Comparison:
    """Of the sound of recent clips with that of the normal training clips.

    Attributes
    ----------
    change
        None where it is not known.
    course
        How it came; None where that is not known.
    remarks
        Sentences on what is not known.
    """

    change: Change | None
    course: Course | None
    remarks: tuple[str, ...]


def compare_sound(table: str, clips: ScoredRows, charts: Charts, model: Model) -> Comparison:
    """How the sound of recent clips differs from that of the training clips, and since when.

    Recent are the last `RECENT` clips, and of an alarm those since the change that it is about.

    Parameters
    ----------
    table
        Path of the table of scores.
    """
    alarm = charts.alarm
    begin = max((one.end for one in charts.alarms if one.end is not None), default=0)
    first = max(begin, len(clips) - RECENT, 0 if alarm is None else min(alarm.change, len(clips) - _FEWEST))
    fewest = _FEWEST_WITHOUT_ALARM if alarm is None else _FEWEST
    normal = log_mel(model.normal_features)
    if len(normal) < _FEWEST_NORMAL:
        return Comparison(None, None, (f"the sound is not compared: the model has only {len(normal)} normal clips",))
    if len(clips) - first < fewest:
        return Comparison(None, None, (f"the sound is not compared yet: that takes {fewest} clips",))
    beside, folder = features_beside(table), Path(table).parent
    spectra = kept_spectra(beside, clips)
    why = f"their features are not in {beside.name}"
    if spectra is None or not len(spectra.since(first)):
        spectra = spectra_again(clips, range(first, len(clips)), model.about, folder)
        why = "their recordings are not there any more, or not as they were"
    recent = spectra.since(first)
    missing = len(clips) - first - len(recent)
    remarks = [f"the sound of {missing} of the last {len(clips) - first} clips is not known: {why}"] if missing else []
    if len(recent) < fewest:
        remarks.append("the sound can't be compared: too few clips are left for it")
        return Comparison(None, None, tuple(remarks))
    change = change_between(recent.log_mel, normal)
    if change.kind == "nothing":
        return Comparison(change, None, tuple(remarks))
    spectra = spectra.since(begin)
    if spectra.numbers[0] >= first > begin:  # nothing is known yet of how it was before
        some = np.unique(np.linspace(begin, first - 1, _EARLIER).round().astype(int))
        earlier = spectra_again(clips, some.tolist(), model.about, folder)
        spectra = earlier.and_then(spectra)
    course = course_of(change, spectra.log_mel, spectra.numbers, normal)
    if course.since == spectra.numbers[0] > begin:  # or before it
        return Comparison(change, None, tuple(remarks))
    later = spectra.since(course.since)
    if course.since > first and len(later) >= _FEWEST_SINCE:
        again = change_between(later.log_mel, normal)
        if again.kind != "nothing":  # described without clips from before it, and as certain as with them
            change = replace(again, p_value=change.p_value, evidence=change.evidence)
    return Comparison(change, course, tuple(remarks))


def features_beside(scores: str) -> Path:
    """Where ``asd watch`` keeps the features of the clips in a table of scores."""
    path = Path(scores)
    return path.with_name(f"{path.stem}.features.csv")


def kept_spectra(path: Path, clips: ScoredRows) -> Spectra | None:
    """Spectra from a file of features; None if there is none, or it is of other columns.

    Of a large file only the end is read, and rows that can't be read are left out.
    """
    try:
        with path.open("rb") as file:
            header = file.readline(64 * 1024).decode("utf-8-sig", "surrogateescape").strip().split(",")
            begin = max(file.tell(), os.fstat(file.fileno()).st_size - LARGEST_PART)
            torn = begin > file.tell()
            file.seek(begin)
            lines = file.read(LARGEST_PART).decode("utf-8", "surrogateescape").split("\n")[torn:]
    except OSError:
        return None
    if header[: 3 + N_FEATURES] != ["file", "start", "end", *FEATURE_NAMES]:
        return None
    numbers: dict[Key, list[int]] = {}
    for number in range(len(clips)):
        numbers.setdefault(_key(clips.files[number], clips.starts[number], clips.ends[number]), []).append(number)
    found: dict[int, NDArray[np.float32]] = {}
    for line in reversed(lines):  # of clips of the same name, the last is the last
        if (row := _row(line, len(header))) and (waiting := numbers.get(row[0])):
            found[waiting.pop()] = row[1]
    return Spectra.of(found)


def _key(file: str, start: float, end: float) -> Key:
    return file, round(float(start), 2), round(float(end), 2)


def _row(line: str, width: int) -> tuple[Key, NDArray[np.float32]] | None:
    try:
        record = next(csv.reader([line]), [])
        if len(record) != width:
            return None
        values = np.array(record[3 : 3 + N_FEATURES], np.float32)
        key = _key(record[0], float(record[1]), float(record[2]))
    except (ValueError, OverflowError, csv.Error):
        return None
    return (key, values) if np.isfinite(values).all() else None


def spectra_again(clips: ScoredRows, numbers: Sequence[int], about: Metadata, folder: Path) -> Spectra:
    """Spectra of some clips, ascending, from their recordings as far as these are still there.

    Parameters
    ----------
    folder
        Where recordings with relative names are looked for after the current folder.
    """
    read: dict[str, list[Window]] = {}
    found: dict[int, NDArray[np.float32]] = {}
    for number in numbers:
        name = clips.files[number]
        if name not in read:
            read[name] = _windows(name, clips.sizes[number], about, folder)
        start, end = clips.starts[number], clips.ends[number]
        for window in read[name]:
            if abs(window.start - start) <= _SAME_TIME and abs(window.end - end) <= _SAME_TIME:
                found[number] = window.features
    return Spectra.of(found)


def _windows(name: str, size: int | None, about: Metadata, folder: Path) -> list[Window]:
    for path in (Path(name), folder / name):
        try:
            if path.is_file() and size in (None, path.stat().st_size):
                return [one for one in read_windows(os.fspath(path), about).windows if isinstance(one, Window)]
        except (OSError, ValueError):  # a name with zero bytes, or too long
            continue
    return []
