"""The clips that scores are of, by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ScoredClips:
    """Names of the clips that the scores belong to, in their order."""

    train: tuple[str, ...]
    normal: tuple[str, ...]
    abnormal: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.bool_]:
        """True for the abnormal ones among the test clips, bool [n_normal + n_abnormal]."""
        return np.repeat([False, True], [len(self.normal), len(self.abnormal)])

    @property
    def tested(self) -> tuple[str, ...]:
        """The test clips, normal ones first."""
        return self.normal + self.abnormal
