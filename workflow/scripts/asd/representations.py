"""What a detector sees of a clip: the scaled features, the denoised ones, both, or what denoising took away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .columns import BASIC_COLUMNS, MFCC_COLUMNS, N_FEATURES
from .denoising import Denoiser

Representation = Literal["denoised", "raw", "raw+denoised", "residual"]
REPRESENTATIONS: tuple[Representation, ...] = ("denoised", "raw", "raw+denoised", "residual")

Blocks = Sequence[slice]
"""Columns of an array that belong together: MFCC and basic block, once or twice."""


def blocks_of(representation: Representation) -> Blocks:
    """The MFCC and the basic block of a representation; for ``raw+denoised`` those of the raw half, then the others."""
    once = (MFCC_COLUMNS, BASIC_COLUMNS)
    if representation != "raw+denoised":
        return once
    return (*once, *(slice(N_FEATURES + block.start, N_FEATURES + block.stop) for block in once))


@dataclass(frozen=True)
class Represented:
    """Clips before and after denoising.

    Attributes
    ----------
    scaled, denoised
        The DDAE's input x' and its output, float32 [clips, 136].
    """

    scaled: NDArray[np.float32]
    denoised: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32], denoiser: Denoiser) -> Represented:
        """From unscaled features, float32 [clips, 136]."""
        return cls(denoiser.scale(features), denoiser.denoise(features))

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Represented:
        """Some of the clips."""
        return Represented(self.scaled[rows], self.denoised[rows])

    def __len__(self) -> int:
        return len(self.scaled)

    def get(self, representation: Representation) -> NDArray[np.float32]:
        """The clips as a detector sees them.

        ``denoised`` is the paper's; ``raw`` the scaled features as they are, without the DDAE; ``raw+denoised`` both
        side by side; ``residual`` the scaled features minus the denoised ones.

        Returns
        -------
        float32 [clips, 136], for ``raw+denoised`` [clips, 272]

        Raises
        ------
        ValueError
            If the name is not one of `REPRESENTATIONS`.
        """
        match representation:
            case "denoised":
                return self.denoised
            case "raw":
                return self.scaled
            case "raw+denoised":
                return np.concatenate([self.scaled, self.denoised], axis=1)
            case "residual":
                return self.scaled - self.denoised
        raise ValueError(f"unknown representation {representation!r}")
