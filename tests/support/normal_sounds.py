"""Features of clips of a machine that does not exist: a hum with harmonics before a background that comes and goes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from asd.features.bands import log_mel


def normal_sounds(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Features of `count` clips, float32 [count, 136]."""
    random = np.random.default_rng(seed)
    bands = np.arange(128)
    spectrum = (
        -6.0 - 0.05 * bands + 2.0 * np.exp(-0.5 * ((bands - 20) / 2) ** 2) + np.exp(-0.5 * ((bands - 60) / 2) ** 2)
    )
    smooth = np.cos(np.pi * (bands + 0.5)[:, None] / 128 * np.arange(12)) / (1 + np.arange(12))
    background = 0.25 * random.standard_normal((count, 12)) @ smooth.T
    features = np.zeros((count, 136), np.float32)
    features[:, 128:] = 1 + 0.1 * random.standard_normal((count, 8))
    return with_spectra(features, spectrum + background + 0.06 * random.standard_normal((count, 128)))


def with_spectra(features: NDArray[np.float32], spectra: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features with other log-mel spectra, float64 [clips, 128], in the place of their own."""
    return np.concatenate([dct(spectra, type=2, norm="ortho", axis=1), features[:, 128:]], axis=1, dtype=np.float32)


def spectra_of(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Log-mel spectra of `count` clips, float64 [count, 128]."""
    return log_mel(normal_sounds(count, seed))
