"""From a representation to what detectors are fitted on: PCA sized by Velicer's MAP test, whitening, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..features.columns import BASIC_COLUMNS, MFCC_COLUMNS, TEMPORAL_COLUMNS, TEMPORAL_SCALE
from .representations import Blocks
from .views import ProjectionName

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

MAX_COMPONENTS = 20
_TINY = 1e-12
_FLAT = 1e-7


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


class Projection(Protocol):
    """Fitted on training rows; makes of a representation what a detector is fitted on."""

    @property
    def counts(self) -> tuple[int, int] | None:
        """Components by the MAP test of the MFCC (or log-mel) and temporal columns, and of the basic ones; None where
        there is no such test."""

    def apply(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Project float [clips, columns] to float [clips, dimensions]."""


@dataclass(frozen=True)
class BlockProjection:
    """PCA of each block of columns, side by side, each with as many components as the MAP test says for it.

    Attributes
    ----------
    blocks
        Columns of each block; MFCC and basic blocks take turns, a temporal one stands in the place of an MFCC block.
    components
        The PCA of each, fitted on the same training rows.
    """

    blocks: Blocks
    components: tuple[PCA, ...]

    @classmethod
    def fit(cls, train: NDArray[np.floating], blocks: Blocks = (MFCC_COLUMNS, BASIC_COLUMNS)) -> BlockProjection:
        """Fit on training rows, float [clips, columns]."""
        from sklearn.decomposition import PCA

        def fit_block(block: NDArray[np.floating]) -> PCA:
            # "full": the randomised solver that PCA picks for some shapes would add noise of its own
            return PCA(n_components=map_test(block), svd_solver="full").fit(block)

        return cls(blocks, tuple(fit_block(train[:, block]) for block in blocks))

    @property
    def counts(self) -> tuple[int, int]:
        """Number of components of the MFCC and temporal, and of the basic blocks."""
        numbers = [int(component.n_components_) for component in self.components]
        return sum(numbers[0::2]), sum(numbers[1::2])

    def apply(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Project float [clips, columns] to float64 [clips, sum(counts)].

        In double precision whatever the rows are in, as `asd.ddae.denoiser.forward` is.
        """
        x = np.asarray(rows, np.float64)
        pairs = zip(self.blocks, self.components, strict=True)
        return np.concatenate([(x[:, block] - one.mean_) @ one.components_.T for block, one in pairs], axis=1)


@dataclass(frozen=True)
class Standardisation:
    """Columns shifted and scaled to mean 0 and standard deviation 1 on the training rows; temporal ones to that of
    `TEMPORAL_SCALE`.

    Attributes
    ----------
    mean, scale
        Of each column, float64 [columns]; columns that do not vary have scale 1.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, train: NDArray[np.floating], blocks: Blocks = ()) -> Standardisation:
        """Fit on training rows, float [clips, columns], which have a temporal block if it is among `blocks`."""
        x = np.asarray(train, np.float64)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        # a column that is constant but for rounding would blow up the rounding
        scale[scale <= _FLAT * (1.0 + np.abs(mean))] = 1.0
        if TEMPORAL_COLUMNS in blocks:
            scale[TEMPORAL_COLUMNS] /= TEMPORAL_SCALE
        return cls(mean, scale)

    @property
    def counts(self) -> None:
        """There is no MAP test: all columns are kept."""
        return

    def apply(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Standardise float [clips, columns]; the shape stays."""
        return (np.asarray(rows, np.float64) - self.mean) / self.scale


@dataclass(frozen=True)
class Whitening:
    """Standardised columns, rotated and scaled so that their covariance on the training rows is about the identity.

    The covariance is Ledoit & Wolf's, shrunk towards a multiple of the identity just as far as the number of rows asks
    for: with hundreds of correlated columns, the plain one can hardly be inverted.  Euclidean distances between
    whitened rows are Mahalanobis distances between the rows.

    Attributes
    ----------
    standardisation
        Comes first.
    matrix
        Inverse square root of the shrunk covariance of the standardised columns, float64 [columns, columns].

    References
    ----------
    Ledoit, O. & Wolf, M. (2004). A well-conditioned estimator for large-dimensional covariance matrices.
    *Journal of Multivariate Analysis* 88, 365-411.
    """

    standardisation: Standardisation
    matrix: NDArray[np.float64]

    @classmethod
    def fit(cls, train: NDArray[np.floating], blocks: Blocks = ()) -> Whitening:
        """Fit on training rows, float [clips, columns], at least two; `blocks` as for `Standardisation.fit`."""
        from sklearn.covariance import ledoit_wolf

        standardisation = Standardisation.fit(train, blocks)
        covariance, _ = ledoit_wolf(standardisation.apply(train), assume_centered=True)
        values, vectors = np.linalg.eigh(covariance)
        root = np.sqrt(np.maximum(values, _TINY))
        return cls(standardisation, (vectors / root) @ vectors.T)

    @property
    def counts(self) -> None:
        """There is no MAP test: all columns are kept."""
        return

    def apply(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Whiten float [clips, columns]; the shape stays."""
        return self.standardisation.apply(rows) @ self.matrix


class Unprojected:
    """Columns as they are: those of an embedding have one scale already."""

    @property
    def counts(self) -> None:
        """There is no MAP test."""
        return

    def apply(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """float [clips, columns] to float64 of the same shape."""
        return np.asarray(rows, np.float64)


def fit_projection(name: ProjectionName, train: NDArray[np.floating], blocks: Blocks) -> Projection:
    """The projection of that name, fitted on training rows, float [clips, columns].

    Raises
    ------
    ValueError
        If the name is not one of `asd.detection.views.PROJECTIONS`.
    """
    match name:
        case "map-pca":
            return BlockProjection.fit(train, blocks)
        case "whitening":
            return Whitening.fit(train, blocks)
        case "standard":
            return Standardisation.fit(train, blocks)
        case "none":
            return Unprojected()
    raise ValueError(f"unknown projection {name!r}")
