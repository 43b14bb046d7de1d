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
from .components import BlockProjection
from .denoising import Denoiser
from .detectors import DETECTORS
from .splits import Parts


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
    parts: Parts,
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
    parts
        Which rows train and which test.
    detectors
        Names out of `asd.detectors.DETECTORS`.
    threshold_percentile
        Percentile of the training scores that is the threshold of a decision.
    seed
        Of detectors that draw random numbers.
    """
    train = denoiser.denoise(normal[: parts.n_train])
    test_normal = denoiser.denoise(normal[parts.n_train : parts.n_train + parts.n_normal])
    test_abnormal = denoiser.denoise(abnormal[: parts.n_abnormal])
    projection = BlockProjection.fit(train)
    projected_train = projection.apply(train)
    projected = np.concatenate([projected_train, projection.apply(test_normal), projection.apply(test_abnormal)])
    scores, thresholds = {}, {}
    for name in detectors:
        scores[name] = DETECTORS[name](projected_train, seed)(projected)
        thresholds[name] = float(np.percentile(scores[name][: parts.n_train], threshold_percentile))
    return Detection(scores, thresholds, *projection.counts)


def write_scores(
    detection: Detection,
    parts: Parts,
    normal_files: Sequence[str],
    abnormal_files: Sequence[str],
    scores_path: str | os.PathLike[str],
    summary_path: str | os.PathLike[str],
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
    tested = normal_files[parts.n_train : parts.n_train + parts.n_normal]
    clips = [(file, "train", "normal") for file in normal_files[: parts.n_train]]
    clips += [(file, "test", "normal") for file in tested]
    clips += [(file, "test", "abnormal") for file in abnormal_files[: parts.n_abnormal]]
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
        **asdict(parts),
    }
    with whole_file(summary_path) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
