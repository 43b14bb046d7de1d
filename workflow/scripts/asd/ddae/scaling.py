"""Column-wise minimum and maximum of the features, fitted on normal clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EPSILON = 1e-8


@dataclass(frozen=True)
class MinMaxScaling:
    """Maps each column's [minimum, maximum] to [0, 1]; values outside are not clipped.

    Attributes
    ----------
    minimum, maximum
        float32 [columns].
    """

    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]

    @classmethod
    def fit(cls, blocks: Iterable[NDArray[np.float32]]) -> MinMaxScaling:
        """Minimum and maximum over all rows of all `blocks`, each float32 [clips, columns]."""
        rows = np.concatenate(list(blocks))
        return cls(rows.min(axis=0), rows.max(axis=0))

    @property
    def span(self) -> NDArray[np.float32]:
        """What differences from the minimum are divided by, float32 [columns], never 0."""
        return np.asarray(self.maximum - self.minimum + np.float32(_EPSILON), np.float32)

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale `features`, float32 [clips, columns], to the same shape and type."""
        return np.asarray((features - self.minimum) / self.span, np.float32)

    def invert(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undo `apply`: float32 [clips, columns] in the features' own units."""
        return np.asarray(scaled * self.span + self.minimum, np.float32)
