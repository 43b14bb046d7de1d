"""The bootstrap of a machine's AUCs once more: slow, plain, for the tests to compare with.

Nothing here is used by the workflow.  A clip that was drawn twice literally stands there twice, and scikit-learn takes
its AUC.
"""

from __future__ import annotations

import math

import numpy as np
from sklearn.metrics import roc_auc_score

MAX_FPR = 0.1


def plain_repeated(values: np.ndarray, times: list[int]) -> np.ndarray:
    """Each value as often as it was drawn."""
    return np.array([value for value, count in zip(values, times, strict=True) for _ in range(count)])


def plain_auc_of_drawn(labels: np.ndarray, scores: np.ndarray, times: list[int], max_fpr: float | None) -> float:
    """AUC, or partial AUC, of the clips that were drawn; NaN if these are of one class only."""
    drawn_labels = plain_repeated(labels, times)
    if len(set(drawn_labels.tolist())) < 2:
        return math.nan
    return float(roc_auc_score(drawn_labels, plain_repeated(scores, times), max_fpr=max_fpr))


def plain_mean_over_seeds(values: list[float], times: list[int]) -> float:
    """Mean over the seeds that were drawn, of those that have an AUC; over all that have one, if none was drawn."""
    drawn = [value for value, count in zip(values, times, strict=True) for _ in range(count) if not math.isnan(value)]
    there = drawn or [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan


def plain_replicate(
    ids: list[list[tuple[np.ndarray, np.ndarray, list[str]]]],
    times_of_clips: list[dict[tuple[bool, str], int]],
    times_of_seeds: list[int],
    max_fpr: float | None = None,
) -> float:
    """Mean over IDs, of the mean over seeds, of the AUC of one detector at one SNR in one replicate.

    Parameters
    ----------
    ids
        For each ID and each seed: labels, scores and names of the test clips.
    times_of_clips
        For each ID: how often each clip (label and name) was drawn.
    times_of_seeds
        How often each seed was drawn.
    """
    means = []
    for seeds, drawn in zip(ids, times_of_clips, strict=True):
        values = []
        for labels, scores, names in seeds:
            times = [drawn[bool(label), name] for label, name in zip(labels, names, strict=True)]
            values.append(plain_auc_of_drawn(labels, scores, times, max_fpr))
        means.append(plain_mean_over_seeds(values, times_of_seeds))
    return sum(means) / len(means)
