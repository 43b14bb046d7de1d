"""From the features of one ID at one SNR to a score and a decision for every clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
