"""The log-mel spectrogram of a clip in decibels, for people to look at: of the very frames that the features are of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .acoustic import HOP_LENGTH, log_mel_spectrogram

DECIBELS = float(10 / np.log(10))
"""In a unit of the natural logarithm of power."""


def spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power in each mel band over time.

    Its mean over the frames is that of the features: 4.34 times `asd.features.bands.log_mel`.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz, at least one frame.

    Returns
    -------
    float32 [128, frames]
        Decibels, low bands first, a frame every 10 ms.
    """
    return log_mel_spectrogram(samples) * np.float32(DECIBELS)


def thinned(values: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """A spectrogram, float32 [bands, frames], of at most so many frames, each the mean of equally many neighbours.

    The last one is of what is left, so that all have the same length but for it.

    Examples
    --------
    >>> thinned(np.array([[1.0, 3.0, 5.0]], np.float32), 2).tolist()
    [[2.0, 5.0]]
    """
    together = max(1, -(-values.shape[1] // most))
    starts = np.arange(0, values.shape[1], together)
    counts = np.diff([*starts, values.shape[1]])
    return np.asarray(np.add.reduceat(values, starts, axis=1, dtype=np.float64) / counts, np.float32)


def seconds_of(frames: int) -> float:
    """Length of so many frames of `spectrogram`."""
    return frames * HOP_LENGTH / 16_000
