"""The clips that scores are of, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..features.cliplist import ClipRecord


class ScoredClip(NamedTuple):
    """A clip, and what results are told apart by.

    Attributes
    ----------
    file, start, condition, attributes
        As `asd.features.cliplist.ClipRecord` has them.
    """

    file: str
    start: str = ""
    condition: str = ""
    attributes: str = ""

    @classmethod
    def of(cls, clip: ClipRecord) -> ScoredClip:
        """From a clip list."""
        return cls(clip.file, clip.start, clip.condition, clip.attributes)


@dataclass(frozen=True)
class ScoredClips:
    """The clips that scores belong to, in their order."""

    train: tuple[ScoredClip, ...]
    normal: tuple[ScoredClip, ...]
    abnormal: tuple[ScoredClip, ...]
    unlabelled: tuple[ScoredClip, ...] = ()

    @property
    def labels(self) -> NDArray[np.bool_]:
        """True for the abnormal ones among the test clips, bool [n_normal + n_abnormal]."""
        return np.repeat([False, True], [len(self.normal), len(self.abnormal)])

    @property
    def tested(self) -> tuple[ScoredClip, ...]:
        """The test clips, normal ones first."""
        return self.normal + self.abnormal
