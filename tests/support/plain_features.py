"""The features written down once more, plainly and slowly, to compare the package with.

Nothing here is taken from the package.  Every formula stands by itself, and the signal is float64 throughout, with
librosa and SciPy wherever they have the formula already.
"""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import scipy.fft
import scipy.stats
from numpy.typing import ArrayLike, NDArray

RATE = 16_000
N_MELS = 128
BASIC_ORDER = ["rms", "kurtosis", "skewness", "ptp", "crest", "mean", "std", "entropy"]


def plain_mel_filters() -> NDArray[np.float64]:
    """Slaney's mel filters as librosa makes them, [mel bands, FFT bins]."""
    return librosa.filters.mel(sr=RATE, n_fft=512, n_mels=N_MELS, dtype=np.float64)


def plain_log_mel(signal: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of the mel power spectrogram, [mel bands, frames]."""
    mel = librosa.feature.melspectrogram(
        y=np.asarray(signal, np.float64),
        sr=RATE,
        n_fft=512,
        win_length=400,
        hop_length=160,
        window="hann",
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=N_MELS,
    )
    return np.log(mel + 1e-8)


def plain_mfcc_block(signal: ArrayLike) -> NDArray[np.float64]:
    """Mean over the frames of the MFCCs: here each frame is transformed first, and the mean is taken last."""
    spectra = plain_log_mel(signal)
    coefficients = np.empty_like(spectra)
    for frame in range(spectra.shape[1]):
        coefficients[:, frame] = scipy.fft.dct(spectra[:, frame], type=2, norm="ortho")
    return coefficients.mean(axis=1)


def plain_temporal_block(signal: ArrayLike) -> NDArray[np.float64]:
    """Four statistics of each mel band over time, one mel band after the other within each."""
    statistics: list[list[float]] = [[], [], [], []]
    for course in plain_log_mel(signal):
        steps = [abs(after - before) for before, after in itertools.pairwise(course)]
        statistics[0].append(float(np.sqrt(np.mean((course - np.mean(course)) ** 2))))
        statistics[1].append(float(np.percentile(course, 99) - np.percentile(course, 50)))
        statistics[2].append(sum(steps) / len(steps) if steps else 0.0)
        statistics[3].append(float(max(course)))
    return np.concatenate(statistics)


def plain_rms(y: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(y**2) + 1e-12))


def plain_kurtosis(y: NDArray[np.float64]) -> float:
    return float(scipy.stats.kurtosis(y, fisher=True, bias=True))


def plain_skewness(y: NDArray[np.float64]) -> float:
    return float(scipy.stats.skew(y, bias=True))


def plain_ptp(y: NDArray[np.float64]) -> float:
    return float(np.max(y) - np.min(y))


def plain_crest(y: NDArray[np.float64]) -> float:
    return float((np.max(np.abs(y)) + 1e-12) / (plain_rms(y) + 1e-12))


def plain_mean(y: NDArray[np.float64]) -> float:
    return float(np.mean(y))


def plain_std(y: NDArray[np.float64]) -> float:
    return float(np.std(y, ddof=0))


def plain_entropy(y: NDArray[np.float64]) -> float:
    """Sum over the densities, not the probabilities: it is not Shannon's entropy."""
    density, _ = np.histogram(y, bins=256, range=(y.min(), y.max()), density=True)
    return float(-sum(h * np.log2(h + 1e-12) for h in density if h > 0))


def shannon_entropy(y: NDArray[np.float64]) -> float:
    """What column *entropy* is not: the entropy, in bits, of the 256 bins' probabilities."""
    counts, _ = np.histogram(y, bins=256)
    return float(-sum(p * np.log2(p) for p in counts / counts.sum() if p > 0))


def plain_basic_block(signal: ArrayLike) -> NDArray[np.float64]:
    """The eight statistics in the order of `BASIC_ORDER`."""
    y = np.asarray(signal, np.float64)
    return np.array(
        [
            plain_rms(y),
            plain_kurtosis(y),
            plain_skewness(y),
            plain_ptp(y),
            plain_crest(y),
            plain_mean(y),
            plain_std(y),
            plain_entropy(y),
        ]
    )


def plain_features(signal: ArrayLike) -> NDArray[np.float64]:
    """The 136 published features of a mono signal at 16 kHz."""
    return np.concatenate([plain_mfcc_block(signal), plain_basic_block(signal)])
