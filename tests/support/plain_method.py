"""The method once more: slow, plain, and written from its description alone, for the tests to compare with.

Nothing here is used by the workflow.  Everything is spelled out in loops, so that it can be read beside the text.
"""

from __future__ import annotations

import itertools

import numpy as np


def plain_scale(features: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Scale each value with the minimum and maximum of its column of `normals`, in float64."""
    scaled = np.empty(features.shape)
    for column in range(features.shape[1]):
        low, high = float(normals[:, column].min()), float(normals[:, column].max())
        for row in range(features.shape[0]):
            scaled[row, column] = (float(features[row, column]) - low) / (high - low + 1e-8)
    return scaled


def plain_map_scores(rows: np.ndarray) -> list[float]:
    """Mean squared partial correlation after removing the first 1, 2, ... components."""
    rows = np.asarray(rows, dtype=np.float64)
    n, p = rows.shape
    z = np.empty((n, p))
    for column in range(p):
        values = rows[:, column]
        z[:, column] = (values - values.mean()) / (np.sqrt(((values - values.mean()) ** 2).mean()) + 1e-12)
    correlation = np.empty((p, p))
    for i in range(p):
        for j in range(p):
            correlation[i, j] = np.mean(z[:, i] * z[:, j])
    eigenvalues, eigenvectors = np.linalg.eigh(correlation)
    falling = sorted(range(p), key=lambda number: -eigenvalues[number])
    scores = []
    for m in range(1, min(20, p)):
        c = correlation.copy()
        for number in falling[:m]:
            vector = eigenvectors[:, number]
            c = c - eigenvalues[number] * vector.reshape(p, 1) * vector.reshape(1, p)
        roots = [max(c[i, i], 1e-12) ** 0.5 for i in range(p)]
        total = 0.0
        for i in range(p):
            for j in range(p):
                if i != j:
                    total += (c[i, j] / (roots[i] * roots[j])) ** 2
        scores.append(total / (p * p))
    return scores


def plain_map_test(rows: np.ndarray) -> int:
    """Velicer's minimum average partial test: the m with the smallest score, at most rows - 1 and at least 1."""
    best, smallest = 1, np.inf
    for m, score in enumerate(plain_map_scores(rows), start=1):
        if score < smallest:
            best, smallest = m, score
    return max(1, min(best, len(rows) - 1))


def plain_pca(train: np.ndarray, rows: np.ndarray, components: int) -> np.ndarray:
    """Projection of `rows` on the first principal axes of `train`; the signs of the axes are arbitrary."""
    mean = np.asarray(train, dtype=np.float64).mean(axis=0)
    _, _, axes = np.linalg.svd(train - mean, full_matrices=False)
    return (rows - mean) @ axes[:components].T


def plain_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of the pairs (abnormal, normal) in which the abnormal clip scores higher; a tie counts a half."""
    wins, pairs = 0.0, 0
    for positive in scores[labels]:
        for negative in scores[~labels]:
            pairs += 1
            if positive > negative:
                wins += 1.0
            elif positive == negative:
                wins += 0.5
    return wins / pairs


def plain_partial_auc(labels: np.ndarray, scores: np.ndarray, max_fpr: float = 0.1) -> float:
    """Area below the ROC curve up to `max_fpr`, standardised after McClish: 0.5 is chance, 1 is perfect."""
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        above = scores >= threshold
        points.append(((above & ~labels).sum() / (~labels).sum(), (above & labels).sum() / labels.sum()))
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 >= max_fpr:
            break
        if x1 > max_fpr:
            y1 = y0 + (y1 - y0) * (max_fpr - x0) / (x1 - x0)
            x1 = max_fpr
        area += (x1 - x0) * (y0 + y1) / 2.0
    smallest, largest = max_fpr**2 / 2.0, max_fpr
    return 0.5 * (1.0 + (area - smallest) / (largest - smallest))
