"""How many principal components to keep (Velicer's MAP test), and the projection onto them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from .columns import BASIC_COLUMNS, MFCC_COLUMNS

MAX_COMPONENTS = 20
_TINY = 1e-12


def map_test(rows: NDArray[np.floating]) -> int:
    """Number of components by Velicer's minimum average partial (MAP) test.

    After removing the first m components from the correlation matrix, the mean squared partial correlation
    that is left falls as long as components carry variance shared by many columns, and rises once they carry
    that of single columns.  The m with the smallest mean wins.

    Parameters
    ----------
    rows
        float [clips, columns], at least two columns.

    Returns
    -------
    int
        Between 1 and ``min(20, columns) - 1``, and not more than ``clips - 1`` (but at least 1).

    References
    ----------
    Velicer, W. F. (1976). Determining the number of components from the matrix of partial correlations.
    *Psychometrika* 41, 321-327.
    """
    x = np.asarray(rows, np.float64)
    count, columns = x.shape
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + _TINY)
    correlation = z.T @ z / count
    values, vectors = np.linalg.eigh(correlation)
    values, vectors = values[::-1], vectors[:, ::-1]
    remaining = correlation.copy()
    scores = []
    for m in range(min(MAX_COMPONENTS, columns) - 1):
        remaining -= values[m] * np.outer(vectors[:, m], vectors[:, m])
        scale = 1.0 / np.sqrt(np.maximum(np.diag(remaining), _TINY))
        partial = remaining * scale[:, None] * scale[None, :]
        np.fill_diagonal(partial, 0.0)
        scores.append(np.mean(partial**2))
    best = int(np.argmin(scores)) + 1
    return max(1, min(best, int(count) - 1))


@dataclass(frozen=True)
class BlockProjection:
    """PCA of the MFCC block and of the basic block, side by side.

    Attributes
    ----------
    mfcc, basic
        Fitted on the same training rows, with as many components as the MAP test says for each.
    """

    mfcc: PCA
    basic: PCA

    @classmethod
    def fit(cls, train: NDArray[np.floating]) -> BlockProjection:
        """Fit on denoised training rows, float [clips, 136]."""

        def fit_block(block: NDArray[np.floating]) -> PCA:
            # "full": the randomised solver that PCA picks for some shapes would add noise of its own
            return PCA(n_components=map_test(block), svd_solver="full").fit(block)

        return cls(fit_block(train[:, MFCC_COLUMNS]), fit_block(train[:, BASIC_COLUMNS]))

    @property
    def counts(self) -> tuple[int, int]:
        """Number of components of the MFCC and of the basic block."""
        return int(self.mfcc.n_components_), int(self.basic.n_components_)

    def apply(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Project float [clips, 136] to float [clips, sum(counts)]."""
        blocks = [self.mfcc.transform(rows[:, MFCC_COLUMNS]), self.basic.transform(rows[:, BASIC_COLUMNS])]
        return np.concatenate(blocks, axis=1)
