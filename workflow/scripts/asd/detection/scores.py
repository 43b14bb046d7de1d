"""Scores of clips and the decisions that follow, and the two files that hold those of one ID at one SNR."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.integrity import seal_of, sealed_mapping
from ..files.origin import Origin
from ..splits import PROTOCOLS, ProtocolName
from .clips import ScoredClip, ScoredClips
from .origins import read_summary, summary_path

_CLIP_COLUMNS = ("file", "part", "label", "protocol")
_ABOUT_COLUMNS = ("start", "condition", "attributes")  # behind the detectors


@dataclass(frozen=True)
class Scores:
    """What one detector says of the clips of one ID at one SNR.

    Attributes
    ----------
    train
        Scores of the training clips, float64 [n_train]; higher is more anomalous.
    test
        Scores of the normal, then the abnormal test clips, float64 [n_normal + n_abnormal].
    threshold
        Score above which a clip is taken for abnormal.
    components
        Components by the MAP test of the MFCC and of the basic columns; None where there was no such test.
    unlabelled
        Scores of the unlabelled clips, float64 [n_unlabelled].
    """

    train: NDArray[np.float64]
    test: NDArray[np.float64]
    threshold: float
    components: tuple[int, int] | None = None
    unlabelled: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @property
    def every(self) -> NDArray[np.float64]:
        """Scores of the training, the test and the unlabelled clips."""
        return np.concatenate([self.train, self.test, self.unlabelled])


@dataclass(frozen=True)
class UnitScores:
    """What all detectors say of the clips of one ID at one SNR.

    Attributes
    ----------
    scores
        Detector -> its scores.
    origin
        Whose they are.
    """

    clips: ScoredClips
    scores: dict[str, Scores]
    protocol: ProtocolName
    origin: Origin = field(default_factory=Origin)


def threshold_of(training_scores: NDArray[np.float64], percentile: float, protocol: ProtocolName) -> float:
    """Score above which a clip is taken for abnormal: a percentile of the training scores, float64 [clips].

    Under the *paper* protocol NumPy's default, under *strict* the quantile that Hyndman & Fan (1996) number 6: as the
    k-th smallest of n exchangeable scores lies above a new normal one with probability k / (n + 1), a new normal clip
    is then flagged with exactly the probability asked for, however few training clips there are (as long as the
    percentile is no finer than they can tell).
    """
    method = PROTOCOLS[protocol].quantile
    return float(np.percentile(training_scores, percentile, method=method))  # type: ignore[call-overload]


def score_paths(folder: StrPath, snr: str, machine_id: str) -> tuple[Path, Path]:
    """The two files of an ID at an SNR in the folder of a run: scores and summary, as `write_scores` takes them."""
    summary = summary_path(folder, snr, machine_id)
    return summary.parent / f"{snr}_{machine_id}.csv", summary


def write_scores(content: UnitScores, scores_path: StrPath, summary_path: StrPath) -> None:
    """Write one line for each clip, and what all of them share.

    Parameters
    ----------
    scores_path
        CSV: file, part (train or test), label (normal, abnormal or unlabelled), protocol, for each detector its score,
        written so that it is read back exactly, and its decision (normal or abnormal); start (in a recording that was
        cut into clips), condition, attributes (as JSON).
    summary_path
        JSON: protocol, thresholds, numbers of components (``map_mfcc``, ``map_basic``) and of clips; whose the scores
        are (``origin``); CRC-32 of the file of scores (``scores_crc32``) and of all these values (``crc32``).

    Raises
    ------
    UserError
        If a score is not finite.
    """
    clips, scores, protocol = content.clips, content.scores, content.protocol
    _check_finite(scores)
    parts = {("train", "normal"): clips.train, ("test", "normal"): clips.normal}
    parts |= {("test", "abnormal"): clips.abnormal, ("test", "unlabelled"): clips.unlabelled}
    lines = [
        ([clip.file, *part, protocol], [clip.start, clip.condition, clip.attributes])
        for part, of_part in parts.items()
        for clip in of_part
    ]
    names = [f"{name}_{what}" for name in scores for what in ("score", "decision")]
    columns = {name: result.every.tolist() for name, result in scores.items()}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_CLIP_COLUMNS, *names, *_ABOUT_COLUMNS])
    for number, (line, about) in enumerate(lines):
        for name, result in scores.items():
            score = columns[name][number]
            line += [repr(score), "abnormal" if score > result.threshold else "normal"]
        writer.writerow([*line, *about])
    written = text.getvalue().encode("utf-8")
    with whole_file(scores_path) as temporary:
        temporary.write_bytes(written)
    tested = {name: result.components for name, result in scores.items() if result.components is not None}
    summary: dict[str, Any] = {
        "protocol": protocol,
        "thresholds": {name: result.threshold for name, result in scores.items()},
        "map_mfcc": {name: mfcc for name, (mfcc, _) in tested.items()},
        "map_basic": {name: basic for name, (_, basic) in tested.items()},
        "n_train": len(clips.train),
        "n_normal": len(clips.normal),
        "n_abnormal": len(clips.abnormal),
        "n_unlabelled": len(clips.unlabelled),
        "origin": content.origin.values(),
        "scores_crc32": seal_of(written),
    }
    with whole_file(summary_path) as temporary:
        temporary.write_text(json.dumps(sealed_mapping(summary), indent=2) + "\n", encoding="utf-8")


def _check_finite(scores: Mapping[str, Scores]) -> None:
    """Refuse scores that neither rank nor threshold is defined for.

    Raises
    ------
    UserError
        If there are any.
    """
    for name, result in scores.items():
        if not (np.isfinite(result.every).all() and np.isfinite(result.threshold)):
            raise UserError(
                f"{name} gave scores that are not finite numbers. Change its parameters, or leave it out of detectors."
            )


def read_scores(scores_path: StrPath, summary_path: StrPath, expected: Origin | None = None) -> UnitScores:
    """Read both files back.

    Parameters
    ----------
    expected
        Whose they have to be.

    Raises
    ------
    UserError
        If one of them is missing, damaged or another one's, or the two do not belong together.
    """
    try:
        summary, origin = read_summary(summary_path)
        origin.require(expected)
        content = Path(scores_path).read_bytes()
        if summary["scores_crc32"] != seal_of(content):
            raise ValueError("the scores do not match their checksum in the summary")
        header, *lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
        counts = [int(summary[f"n_{part}"]) for part in ("train", "normal", "abnormal", "unlabelled")]
        if len(lines) != sum(counts):
            raise ValueError(f"{len(lines)} clips, {sum(counts)} expected")
        if any(len(line) != len(header) for line in lines):
            raise ValueError("a line has other columns than the first one")
        columns: Mapping[str, Sequence[str]] = dict(zip(header, zip(*lines, strict=True), strict=True))
        every = list(map(ScoredClip, *(columns[name] for name in ("file", "start", "condition", "attributes"))))
        ends = np.cumsum([0, *counts]).tolist()
        clips = ScoredClips(*(tuple(every[start:end]) for start, end in itertools.pairwise(ends)))
        scores = {}
        for name, threshold in summary["thresholds"].items():
            values = np.array(list(map(float, columns[f"{name}_score"])))
            train, test, unlabelled = np.split(values, [ends[1], ends[3]])
            components = (
                (summary["map_mfcc"][name], summary["map_basic"][name]) if name in summary["map_mfcc"] else None
            )
            scores[name] = Scores(train, test, float(threshold), components, unlabelled)
        return UnitScores(clips, scores, summary["protocol"], origin)
    except (
        *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, csv.Error),
        *(FileNotFoundError, IsADirectoryError),
    ) as error:
        raise UserError(
            f"{scores_path}, {summary_path}: these scores can't be read ({type(error).__name__}: {error}). Delete the "
            f"folder {Path(scores_path).parent} and run again."
        ) from error


def read_scores_of_all(folders: Sequence[StrPath], snr: str, machine_id: str, expected: Sequence[Origin]) -> UnitScores:
    """Scores of the detectors and of the ensembles of a run, from their folders, of one ID at one SNR.

    Parameters
    ----------
    expected
        Whose the scores in each folder have to be; SNR and ID are left open.

    Raises
    ------
    UserError
        As `read_scores`, or if the folders are about different clips.
    """
    contents = [
        read_scores(*score_paths(folder, snr, machine_id), replace(whose, snr=snr, id=machine_id))
        for folder, whose in zip(folders, expected, strict=True)
    ]
    return side_by_side(contents, ", ".join(map(str, folders)))


def side_by_side(contents: Sequence[UnitScores], where: str, names: Sequence[str] = ()) -> UnitScores:
    """What several files say of the same clips, as one that has all detectors.

    Parameters
    ----------
    where
        The files, for messages.
    names
        All detectors, in the order that they are wanted in; if left out, as they come.

    Raises
    ------
    UserError
        If they are about different clips.
    """
    first = contents[0]
    if any(content.clips != first.clips for content in contents):
        raise UserError(f"{where}: these scores are of different clips. Run detection again.")
    found = {name: one for content in contents for name, one in content.scores.items()}
    return replace(first, scores={name: found[name] for name in names or found})
