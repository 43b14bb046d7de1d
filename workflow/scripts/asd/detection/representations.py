"""What a detector sees of a clip: features as they are, denoised ones, both, or what denoising took away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ddae.denoiser import Denoiser
from ..ddae.scaling import MinMaxScaling
from ..features.columns import BASIC_COLUMNS, MFCC_COLUMNS, N_FEATURES, TEMPORAL_COLUMNS
from .views import Representation

Blocks = Sequence[slice]
"""Columns of an array that belong together: MFCC and basic block, once or twice, or with a temporal one."""


def blocks_of(representation: Representation, columns: int = N_FEATURES) -> Blocks:
    """The MFCC (or log-mel) and the basic block of a representation, then those of its denoised half, if it has one, or
    the temporal block, if it has that.

    Parameters
    ----------
    columns
        That the represented clips have.
    """
    once = (MFCC_COLUMNS, BASIC_COLUMNS)
    if representation.endswith("+denoised"):
        return (*once, *(slice(N_FEATURES + block.start, N_FEATURES + block.stop) for block in once))
    return (*once, TEMPORAL_COLUMNS) if columns > N_FEATURES else once


def log_mel(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean log-mel spectrum of clips, from their features.

    The MFCC block is the mean over the frames of the orthonormal DCT-II of the log-mel spectrum, and the DCT is
    linear: its inverse is the mean over the frames of the log-mel spectrum.

    Parameters
    ----------
    features
        float [clips, columns], unscaled.

    Returns
    -------
    float64 [clips, 128]
        Natural logarithm of the power in each mel band, mean over the frames.
    """
    from scipy.fft import idct

    block = np.asarray(features, np.float64)[:, MFCC_COLUMNS]
    return np.asarray(idct(block, type=2, norm="ortho", axis=1), np.float64)


def _in_bands(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unscaled features, float32 [clips, columns], with the log-mel spectrum in the place of the MFCC block."""
    return np.concatenate([log_mel(features), features[:, BASIC_COLUMNS.start :]], axis=1, dtype=np.float32)


@dataclass(frozen=True)
class Represented:
    """Clips before and after denoising.

    Attributes
    ----------
    features
        Unscaled, float32 [clips, columns]: the 136 that the DDAE sees, and further ones if there are any.
    scaled, denoised
        The DDAE's input x' and its output, float32 [clips, 136].
    scaling
        From the features' own units to x'.
    """

    features: NDArray[np.float32]
    scaled: NDArray[np.float32]
    denoised: NDArray[np.float32]
    scaling: MinMaxScaling

    @classmethod
    def of(cls, features: NDArray[np.float32], denoiser: Denoiser) -> Represented:
        """From unscaled features, float32 [clips, columns]."""
        return cls(features, denoiser.scale(features), denoiser.denoise(features), denoiser.scaling)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Represented:
        """Some of the clips."""
        return Represented(self.features[rows], self.scaled[rows], self.denoised[rows], self.scaling)

    def __len__(self) -> int:
        return len(self.features)

    def get(self, representation: Representation) -> NDArray[np.float32]:
        """The clips as a detector sees them.

        ``denoised`` is the paper's; ``raw`` the scaled features as they are, without the DDAE; ``raw+denoised`` both
        side by side; ``residual`` the scaled features minus the denoised ones.  ``log-mel`` is the mean log-mel
        spectrum in place of its cepstrum, and the basic features, both in their own units: a fault that moves a few
        bands moves a few columns here, but all MFCCs.  ``log-mel+denoised`` has the denoised clips beside it.  Features
        that the DDAE does not see are in ``log-mel`` alone: elsewhere they would stand beside nothing.

        Returns
        -------
        float32 [clips, 136], with ``+denoised`` [clips, 272], and as many columns as `features` for ``log-mel``

        Raises
        ------
        ValueError
            If the name is not one of `asd.detection.views.REPRESENTATIONS`.
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
            case "log-mel":
                return _in_bands(self.features)
            case "log-mel+denoised":
                halves = (self.features[:, :N_FEATURES], self.scaling.invert(self.denoised))
                return np.concatenate([_in_bands(half) for half in halves], axis=1)
        raise ValueError(f"unknown representation {representation!r}")
