"""Spectrograms to look at, on the mel bands of the features.

A module of its own, since features do not depend on it: a change here reads no recording again.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..recordings.audio import FRAME_LENGTH
from .acoustic import FFT_LENGTH, HOP_LENGTH, LOG_FLOOR, mel_filter_bank

_FRAMES_AT_ONCE = 1024


def mel_spectrogram(samples: NDArray[np.float32], most_frames: int = 250) -> NDArray[np.float32]:
    """Power in the mel bands over time, in decibels.

    Frames are those of the features; where there are more than `most_frames`, the power of neighbouring ones is
    averaged.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz, at least one frame.

    Returns
    -------
    float32 [128, frames]
        ``10 * log10(power + 1e-8)``, bands from low to high.
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_LENGTH, dtype=np.float32) / FRAME_LENGTH)
    before = FRAME_LENGTH // 2
    padded = np.zeros(len(samples) + FFT_LENGTH, np.float32)
    padded[before : before + len(samples)] = samples
    every_position = np.lib.stride_tricks.sliding_window_view(padded, FRAME_LENGTH)
    frames = every_position[::HOP_LENGTH][: 1 + len(samples) // HOP_LENGTH]
    together = -(-len(frames) // most_frames)
    powers = []
    size = max(1, _FRAMES_AT_ONCE // together) * together
    for start in range(0, len(frames), size):
        spectra = scipy.fft.rfft(frames[start : start + size] * window, FFT_LENGTH)
        power = (np.abs(spectra) ** 2) @ mel_filter_bank()
        powers.append(np.add.reduceat(power, range(0, len(power), together)))
    counts = np.diff([*range(0, len(frames), together), len(frames)])
    mean = np.concatenate(powers) / counts[:, None]
    return np.asarray(10 * np.log10(mean + LOG_FLOOR).T, np.float32)
