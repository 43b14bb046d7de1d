"""What a detector sees of clips, for figures: what `.projections` gives, without scikit-learn.

Up to rotations, which change no distance, and the last digits.  Figures do without scikit-learn, which takes as long to
import as to draw one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .projections import Standardisation, map_test
from .representations import blocks_of
from .views import ProjectionName, Representation

_TINY = 1e-12


def as_seen(
    representation: Representation,
    projection: ProjectionName,
    train: NDArray[np.floating],
    *others: NDArray[np.floating],
) -> tuple[NDArray[np.float64], ...]:
    """Training rows and others as a detector is given them, but for a rotation.

    Parameters
    ----------
    train
        Represented clips that the projection is fitted on, float [clips, columns], at least two.
    others
        float [clips, columns] each.

    Returns
    -------
    tuple
        float64 [clips, dimensions] for `train` and each of `others`.
    """
    blocks = blocks_of(representation, train.shape[1])
    rows = [np.asarray(block, np.float64) for block in (train, *others)]
    match projection:
        case "map-pca":
            parts = [_components([one[:, block] for one in rows], map_test(train[:, block])) for block in blocks]
            return tuple(np.concatenate(together, axis=1) for together in zip(*parts, strict=True))
        case "none":
            return tuple(rows)
    standardised = [Standardisation.fit(train, blocks).apply(one) for one in rows]
    if projection == "standard":
        return tuple(standardised)
    values, vectors = np.linalg.eigh(shrunk_covariance(standardised[0]))
    return tuple(one @ (vectors / np.sqrt(np.maximum(values, _TINY))) for one in standardised)


def _components(rows: list[NDArray[np.float64]], count: int) -> list[NDArray[np.float64]]:
    """Principal components of the first of some arrays, float64 [clips, columns], and the others projected on them."""
    mean = rows[0].mean(axis=0)
    _, _, vectors = np.linalg.svd(rows[0] - mean, full_matrices=False)
    return [(one - mean) @ vectors[:count].T for one in rows]


def shrunk_covariance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of centred rows, float64 [clips, columns], shrunk as Ledoit & Wolf (2004) say, [columns, columns]."""
    count, columns = rows.shape
    plain = rows.T @ rows / count
    level = float(np.trace(plain)) / columns
    # of the rows' own outer products around their mean, and of that mean around a multiple of the identity
    noise = float(np.sum(np.square(rows).sum(axis=1) ** 2)) / count - float(np.sum(plain**2))
    spread = float(np.sum(plain**2)) - columns * level**2
    share = min(max(noise / count, 0.0) / spread, 1.0) if spread > 0.0 else 1.0
    return np.asarray((1.0 - share) * plain + share * level * np.eye(columns), np.float64)
