"""Features by mel band: what a fault that moves a few bands moves a few columns of, and not all as of a cepstrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .columns import BASIC_COLUMNS, MFCC_COLUMNS


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


def in_bands(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unscaled features, float32 [clips, columns], with the log-mel spectrum in the place of the MFCC block."""
    return np.concatenate([log_mel(features), features[:, BASIC_COLUMNS.start :]], axis=1, dtype=np.float32)
