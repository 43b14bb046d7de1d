"""The 136 acoustic features of a clip.

Columns 0-127, the *MFCC block*: the mean over the frames of 128 mel-frequency cepstral coefficients.
Columns 128-135, the *basic block*: eight statistics of the samples.

Source: Kim & Kim (2024), *Enhancing Sound-Based Anomaly Detection Using Deep Denoising Autoencoder*; mel scale and
area normalisation after Slaney's Auditory Toolbox, as in librosa's defaults.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .audio import FRAME_LENGTH, SAMPLE_RATE
from .columns import MEL_BANDS

HOP_LENGTH = 160
FFT_LENGTH = 512
LOG_FLOOR = 1e-8
HISTOGRAM_BINS = 256

_TINY = 1e-12
_FRAMES_AT_ONCE = 128  # bounds the memory of a long recording; blocks that fit the CPU's cache are fastest


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: linear below 1000 Hz (15 mel), logarithmic above."""
    linear = mel * 200.0 / 3.0
    return np.where(mel < 15.0, linear, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


@cache
def mel_filter_bank() -> NDArray[np.float32]:
    """Triangular mel filters over 0-8000 Hz, each of unit area (Slaney's normalisation).

    Returns
    -------
    float32 [FFT_LENGTH // 2 + 1, MEL_BANDS]
        Equal to the transpose of ``librosa.filters.mel(sr=16000, n_fft=512, n_mels=128)``.
    """
    top = 15.0 + 27.0 * np.log(SAMPLE_RATE / 2 / 1000.0) / np.log(6.4)
    edges = _mel_to_hz(np.linspace(0.0, top, MEL_BANDS + 2))
    bins = np.fft.rfftfreq(FFT_LENGTH, 1.0 / SAMPLE_RATE)
    widths = np.diff(edges)
    rising = (bins[:, None] - edges[None, :-2]) / widths[:-1]
    falling = (edges[None, 2:] - bins[:, None]) / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2])), np.float32)


@cache
def _window() -> NDArray[np.float64]:
    """Periodic Hann window of one frame, float64 [FRAME_LENGTH].

    With a float32 window or transform, rounding would show in the bands that a pure tone leaves almost empty.
    """
    phase = 2.0 * np.pi * np.arange(FRAME_LENGTH) / FRAME_LENGTH
    return np.asarray(0.5 - 0.5 * np.cos(phase))


def mean_log_mel(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean over the frames of the natural log of the mel power spectrogram.

    Frames of 25 ms every 10 ms, the Hann window centred in an FFT of 512, the signal padded with zeros by 256
    samples at both ends (librosa's ``center=True, pad_mode="constant"``).

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz.

    Returns
    -------
    float64 [MEL_BANDS]
    """
    # A window centred in the FFT only shifts the frame, and a shift does not change the power.  So each frame
    # is its 400 samples, and the padding shrinks by what the window hides at either end.
    hidden = (FFT_LENGTH - FRAME_LENGTH) // 2
    padded = np.pad(samples, FFT_LENGTH // 2 - hidden)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_LENGTH)[::HOP_LENGTH]
    total = np.zeros(MEL_BANDS)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        spectrum = scipy.fft.rfft(frames[start : start + _FRAMES_AT_ONCE] * _window(), n=FFT_LENGTH)
        power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
        mel = power @ mel_filter_bank()
        total += np.log(mel + np.float32(LOG_FLOOR)).sum(axis=0, dtype=np.float64)
    return total / len(frames)


def mfcc_block(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean MFCCs of a clip: the orthonormal DCT-II of `mean_log_mel`.

    The DCT is linear, so the mean over the frames may be taken before it.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz.

    Returns
    -------
    float64 [128]
    """
    return np.asarray(scipy.fft.dct(mean_log_mel(samples), type=2, norm="ortho"))


def basic_block(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Eight statistics of the samples, in the order of `asd.columns.BASIC_NAMES`.

    Kurtosis is Fisher's (0 for a normal distribution); kurtosis, skewness and std are the biased estimates.
    *entropy* is not Shannon's: it is ``-sum h * log2(h + 1e-12)`` over the non-empty bins of a 256-bin
    *density* histogram from minimum to maximum, and the densities are not multiplied by the width of a bin.
    It is kept as published, since trained models depend on it.

    Parameters
    ----------
    samples
        float32 [samples], not all equal.

    Returns
    -------
    float64 [8]
    """
    y = samples.astype(np.float64)
    mean = y.mean()
    centred = y - mean
    squared = centred * centred
    variance = squared.mean()
    rms = np.sqrt(np.mean(y * y) + _TINY)
    low, high = samples.min(), samples.max()
    density, _ = np.histogram(y, bins=HISTOGRAM_BINS, density=True)
    density = density[density > 0]
    return np.array(
        [
            rms,
            np.mean(squared * squared) / variance**2 - 3.0,
            np.mean(squared * centred) / variance**1.5,
            float(high) - float(low),
            (float(max(abs(low), abs(high))) + _TINY) / (rms + _TINY),
            mean,
            np.sqrt(variance),
            -np.sum(density * np.log2(density + _TINY)),
        ]
    )


def clip_features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """All features of a clip.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz, at least one frame long and not constant (see `asd.audio.read_clip`).

    Returns
    -------
    float32 [136]
        In the order of `asd.columns.FEATURE_NAMES`.
    """
    return np.concatenate([mfcc_block(samples), basic_block(samples)]).astype(np.float32)
