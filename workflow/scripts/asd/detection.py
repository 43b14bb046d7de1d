"""From the features of one ID at one SNR to a score and a decision for every clip."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from .atomic import whole_file
from .caches import read_clip_list, read_features
from .components import BlockProjection
from .denoising import Denoiser
from .detectors import DETECTORS
from .splits import OnShortfall, Parts, Split, parts

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Detection:
    """Scores of the training clips, then the normal, then the abnormal test clips, in file order.

    Attributes
    ----------
    scores
        Detector -> float64 [clips]; higher is more anomalous.
    thresholds
        Detector -> score above which a clip is taken for abnormal.
    map_mfcc, map_basic
        Number of principal components of either block.
    """

    scores: dict[str, NDArray[np.float64]]
    thresholds: dict[str, float]
    map_mfcc: int
    map_basic: int


def detect(
    normal: NDArray[np.float32],
    abnormal: NDArray[np.float32],
    rows: Parts,
    denoiser: Denoiser,
    detectors: Sequence[str],
    threshold_percentile: float,
    seed: int,
) -> Detection:
    """Denoise, project, fit the detectors on the training rows, and score training and test rows.

    Parameters
    ----------
    normal, abnormal
        Unscaled features in file order, float32 [clips, 136].
    rows
        Which of them train and which test.
    detectors
        Names out of `asd.detectors.DETECTORS`.
    threshold_percentile
        Percentile of the training scores that is the threshold of a decision.
    seed
        Of detectors that draw random numbers.
    """
    train = denoiser.denoise(normal[: rows.n_train])
    test_normal = denoiser.denoise(normal[rows.n_train : rows.n_train + rows.n_normal])
    test_abnormal = denoiser.denoise(abnormal[: rows.n_abnormal])
    projection = BlockProjection.fit(train)
    projected_train = projection.apply(train)
    projected = np.concatenate([projected_train, projection.apply(test_normal), projection.apply(test_abnormal)])
    scores, thresholds = {}, {}
    for name in detectors:
        scores[name] = DETECTORS[name](projected_train, seed)(projected)
        thresholds[name] = float(np.percentile(scores[name][: rows.n_train], threshold_percentile))
    return Detection(scores, thresholds, *projection.counts)


def write_scores(
    detection: Detection,
    rows: Parts,
    normal_files: Sequence[str],
    abnormal_files: Sequence[str],
    scores_path: Path,
    summary_path: Path,
) -> None:
    """Write one line for each clip, and what all of them share.

    Parameters
    ----------
    normal_files, abnormal_files
        Names of all clips, in the order of their features.
    scores_path
        CSV: file, part (train or test), label (normal or abnormal), and for each detector its score, written so that
        it is read back exactly, and its decision (normal or abnormal).
    summary_path
        JSON: thresholds, numbers of components and numbers of clips.
    """
    tested = normal_files[rows.n_train : rows.n_train + rows.n_normal]
    clips = [(file, "train", "normal") for file in normal_files[: rows.n_train]]
    clips += [(file, "test", "normal") for file in tested]
    clips += [(file, "test", "abnormal") for file in abnormal_files[: rows.n_abnormal]]
    header = ["file", "part", "label"]
    for name in detection.scores:
        header += [f"{name}_score", f"{name}_decision"]
    with whole_file(scores_path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for number, clip in enumerate(clips):
            line: list[str] = list(clip)
            for name, scores in detection.scores.items():
                score = float(scores[number])
                line += [repr(score), "abnormal" if score > detection.thresholds[name] else "normal"]
            writer.writerow(line)
    summary = {
        "thresholds": detection.thresholds,
        "map_mfcc": detection.map_mfcc,
        "map_basic": detection.map_basic,
        **asdict(rows),
    }
    with whole_file(summary_path) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def detect_files(
    denoiser: Denoiser,
    *,
    normal_path: Path,
    abnormal_path: Path,
    normal_list: Path,
    abnormal_list: Path,
    scores_path: Path,
    summary_path: Path,
    split: Split,
    on_shortfall: OnShortfall,
    where: str,
    detectors: Sequence[str],
    threshold_percentile: float,
    seed: int,
) -> None:
    """`detect` on the feature caches and clip lists of one ID at one SNR, and `write_scores`.

    Raises
    ------
    UserError
        If a cache or list can't be read, or if there are too few clips (see `asd.splits.parts`, also for `where`).
    """
    normal, abnormal = read_features(normal_path), read_features(abnormal_path)
    rows = parts(split, len(normal), len(abnormal), on_shortfall, where)
    detection = detect(normal, abnormal, rows, denoiser, detectors, threshold_percentile, seed)
    normal_files = [clip.file for clip in read_clip_list(normal_list)]
    abnormal_files = [clip.file for clip in read_clip_list(abnormal_list)]
    write_scores(detection, rows, normal_files, abnormal_files, scores_path, summary_path)
