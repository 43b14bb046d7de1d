"""The statistics of comparisons once more: slow, plain, from their definitions alone, for the tests to compare with.

Nothing here is used by the workflow.  Pairs of clips are gone through one by one.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np


def plain_kernel(abnormal: float, normal: float) -> float:
    """How right the order of a pair of scores is: 1, 0, or a half for a tie."""
    return 1.0 if abnormal > normal else 0.5 if abnormal == normal else 0.0


def plain_weighted_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Share of the pairs (abnormal, normal) in the right order, each pair weighted by the product of its weights."""
    right, total = 0.0, 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] and not labels[j]:
                pair = float(weights[i]) * float(weights[j])
                right += pair * plain_kernel(scores[i], scores[j])
                total += pair
    return right / total if total > 0 else math.nan


def plain_roc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> list[tuple[float, float]]:
    """Points (false positive rate, true positive rate), a threshold at each distinct score."""
    normal = sum(float(w) for w, label in zip(weights, labels, strict=True) if not label)
    abnormal = sum(float(w) for w, label in zip(weights, labels, strict=True) if label)
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        flagged = [k for k in range(len(scores)) if scores[k] >= threshold]
        false = sum(float(weights[k]) for k in flagged if not labels[k])
        true = sum(float(weights[k]) for k in flagged if labels[k])
        points.append((false / normal, true / abnormal))
    return points


def plain_weighted_partial_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, max_fpr: float) -> float:
    """Area below the ROC curve up to `max_fpr`, standardised after McClish: 0.5 is chance, 1 is perfect."""
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(plain_roc(labels, scores, weights)):
        if x0 >= max_fpr or x1 == x0:
            continue
        end = min(x1, max_fpr)
        area += (end - x0) * (y0 + y0 + (y1 - y0) * (end - x0) / (x1 - x0)) / 2.0
    smallest, largest = max_fpr**2 / 2.0, max_fpr
    return 0.5 * (1.0 + (area - smallest) / (largest - smallest))


def plain_roc_at(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """Highest true positive rate of the curve, lines between its points, at a false positive rate."""
    highest = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(plain_roc(labels, scores, weights)):
        if x0 <= rate <= x1:
            highest = max(highest, y1 if x1 == x0 else y0 + (y1 - y0) * (rate - x0) / (x1 - x0))
    return highest


def plain_placements(labels: np.ndarray, scores: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean kernel of each abnormal clip with all normal ones, and of each normal clip with all abnormal ones."""
    abnormal, normal = scores[labels].tolist(), scores[~labels].tolist()
    v10 = [sum(plain_kernel(x, y) for y in normal) / len(normal) for x in abnormal]
    v01 = [sum(plain_kernel(x, y) for x in abnormal) / len(abnormal) for y in normal]
    return v10, v01


def plain_covariance(first: list[float], second: list[float]) -> float:
    """Sample covariance, with n - 1."""
    mean_first, mean_second = sum(first) / len(first), sum(second) / len(second)
    products = [(a - mean_first) * (b - mean_second) for a, b in zip(first, second, strict=True)]
    return sum(products) / (len(first) - 1)


def plain_delong(labels: np.ndarray, scores: np.ndarray) -> tuple[list[float], list[list[float]]]:
    """AUCs of rows of scores, and S = S10 / m + S01 / n with m abnormal and n normal clips."""
    components = [plain_placements(labels, row) for row in scores]
    aucs = [sum(v10) / len(v10) for v10, _ in components]
    covariance = [
        [plain_covariance(a10, b10) / len(a10) + plain_covariance(a01, b01) / len(a01) for b10, b01 in components]
        for a10, a01 in components
    ]
    return aucs, covariance


def plain_test_of_means(units: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Difference of the mean AUCs, and its variance from the covariance of the AUCs of every seed of both detectors."""
    difference, variance = 0.0, 0.0
    for labels, first, second in units:
        aucs, covariance = plain_delong(labels, np.concatenate([first, second]))
        contrast = [1.0 / len(first)] * len(first) + [-1.0 / len(second)] * len(second)
        difference += sum(c * auc for c, auc in zip(contrast, aucs, strict=True)) / len(units)
        for i, row in enumerate(covariance):
            for j, value in enumerate(row):
                variance += contrast[i] * contrast[j] * value / len(units) ** 2
    return difference, variance


def plain_p_value(difference: float, variance: float) -> float:
    """Two-sided, by the normal distribution; certain without a variance."""
    if variance < 1e-15:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return 2.0 * NormalDist().cdf(-abs(difference) / math.sqrt(variance))


def plain_holm_rejects(p_values: list[float], level: float) -> list[bool]:
    """Holm's procedure itself: from the smallest p-value up, reject while it is at most level / (tests left)."""
    rejected = [False] * len(p_values)
    left = len(p_values)
    for number in sorted(range(len(p_values)), key=lambda k: p_values[k]):
        if p_values[number] * left > level:
            break
        rejected[number] = True
        left -= 1
    return rejected
