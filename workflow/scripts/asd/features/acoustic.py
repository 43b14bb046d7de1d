"""The acoustic features of a clip.

Columns 0-127, the *MFCC block*: the mean over the frames of 128 mel-frequency cepstral coefficients.
Columns 128-135, the *basic block*: eight statistics of the samples.
Columns 136-647, the *temporal block*, where it is asked for: how each of the 128 mel bands changes over the frames.

The first two blocks are those of the paper.  A mean over time can't tell a click from the same sound spread over the
clip; the third can.

Source: Kim & Kim (2024), *Enhancing Sound-Based Anomaly Detection Using Deep Denoising Autoencoder*; mel bands and
their area normalisation after Slaney's Auditory Toolbox, as in librosa's defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise

import numpy as np
import scipy.fftpack
from numpy.typing import NDArray

from ..recordings.audio import FRAME_LENGTH, SAMPLE_RATE
from .columns import MEL_BANDS, OF_THE_DDAE, TEMPORAL_STATISTICS, mel_edges

HOP_LENGTH = 160
FFT_LENGTH = 512
LOG_FLOOR = 1e-8
HISTOGRAM_BINS = 256

_TINY = 1e-12
# What is worked on at once: all of a clip of 10 s, for a call of NumPy costs as much as thousands of values; the memory
# of a long recording is bounded.
_FRAMES_AT_ONCE = 1024
_SAMPLES_AT_ONCE = 262_144
_VALUES_AT_ONCE = 262_144
_WINDOWS_AT_ONCE = 16
_BLOCK_EDGES = (*range(0, 80, 16), *range(80, MEL_BANDS + 1, 8))  # bands; higher ones see more bins

# Single precision is checked on about so many frames of a clip, and is enough if the norm of the differences of their
# mean log mel bands stays below the limit: no MFCC can then differ by more.  Recorded sounds differ by a few 1e-6.
_FRAMES_CHECKED = 20
_PRECISION_LIMIT = 2e-5


@cache
def mel_filter_bank() -> NDArray[np.float32]:
    """Triangular mel filters over 0-8000 Hz, each of unit area (Slaney's normalisation).

    Returns
    -------
    float32 [FFT_LENGTH // 2 + 1, MEL_BANDS]
        Equal to the transpose of ``librosa.filters.mel(sr=16000, n_fft=512, n_mels=128)``.
    """
    edges = np.array(mel_edges())
    bins = np.fft.rfftfreq(FFT_LENGTH, 1.0 / SAMPLE_RATE)
    widths = np.diff(edges)
    rising = (bins[:, None] - edges[None, :-2]) / widths[:-1]
    falling = (edges[None, 2:] - bins[:, None]) / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2])), np.float32)


@cache
def filter_blocks() -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    """The filter bank cut into groups of neighbouring bands, each with just the bins that these bands see.

    A filter covers few bins, so the whole bank as one matrix product would mostly multiply by zero.

    Returns
    -------
    tuple of (columns, bands, weights)
        `weights` is float32 [bands, 2 * bins]: each column stands there twice, for the squares of a bin's real and
        imaginary part, which are the `columns` 2 * bin - 1 and 2 * bin of a squared spectrum in FFTPACK's order.  The
        first and the last bin, which have no imaginary part, are at the ends of the mel bands and count for nothing.
    """
    blocks = []
    for first, end in pairwise(_BLOCK_EDGES):
        bands = slice(first, end)
        bins = np.flatnonzero(mel_filter_bank()[:, bands].any(axis=1))
        low, high = int(bins[0]), int(bins[-1]) + 1
        weights = np.repeat(mel_filter_bank()[low:high, bands], 2, axis=0).T
        blocks.append((slice(2 * low - 1, 2 * high - 1), bands, weights))
    return tuple(blocks)


@cache
def _windows() -> NDArray[np.float64]:
    """Equal rows: the periodic Hann window of one frame, followed by zeros, float64 [_WINDOWS_AT_ONCE, FFT_LENGTH]."""
    phase = 2.0 * np.pi * np.arange(FRAME_LENGTH) / FRAME_LENGTH
    windows = np.zeros((_WINDOWS_AT_ONCE, FFT_LENGTH))
    windows[:, :FRAME_LENGTH] = 0.5 - 0.5 * np.cos(phase)
    return windows


def _frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """View of the zero-padded signal, float32 [frames, FFT_LENGTH], of which windows take the first FRAME_LENGTH.

    A window centred in the FFT only shifts the frame, and a shift does not change the power.  So the window stands at
    the start of the FFT, and the frames begin where librosa's window does.
    """
    start, end = FRAME_LENGTH // 2, FRAME_LENGTH // 2 + len(samples)
    padded = np.empty(len(samples) + FFT_LENGTH, np.float32)
    padded[:start], padded[start:end], padded[end:] = 0.0, samples, 0.0
    step = padded.itemsize
    return np.ndarray((1 + len(samples) // HOP_LENGTH, FFT_LENGTH), np.float32, padded, 0, (HOP_LENGTH * step, step))


def _windowed(frames: NDArray[np.float32], precision: type[np.floating]) -> NDArray[np.floating]:
    """Frames times the window, [frames, FFT_LENGTH].

    NumPy goes through a product of rows with one row by itself for each of them, which takes as long as the product:
    so they are copied, and many are taken at once.
    """
    groups = -(-len(frames) // _WINDOWS_AT_ONCE)
    windowed = np.empty((groups, _WINDOWS_AT_ONCE, FFT_LENGTH), precision)
    rows = windowed.reshape(-1, FFT_LENGTH)
    rows[: len(frames)], rows[len(frames) :] = frames, 0.0
    np.multiply(windowed, _windows().astype(precision, copy=False), out=windowed)
    return rows[: len(frames)]


def _log_mel(frames: NDArray[np.float32], precision: type[np.floating]) -> NDArray[np.float32]:
    """Log of the mel power spectra of `frames`, float32 [MEL_BANDS, frames].

    `precision` is that of window and FFT; sums of powers and their logarithms need no more than float32.
    """
    # that of scipy.fft takes room for another array, and some time to find out which library is to do it
    spectrum = scipy.fftpack.rfft(_windowed(frames, precision), overwrite_x=True)
    mel = np.empty((MEL_BANDS, len(frames)), np.float32)
    with np.errstate(all="ignore"):  # samples so large that their power is not finite are named later
        squares = spectrum.astype(np.float32, copy=False)
        np.multiply(squares, squares, out=squares)
        for columns, bands, weights in filter_blocks():
            np.matmul(weights, squares[:, columns].T, out=mel[bands])
    mel += np.float32(LOG_FLOOR)
    return np.log(mel, out=mel)


def _mean_and_courses(samples: NDArray[np.float32], *, keep: bool) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Mean over the frames of the natural log of the mel power spectrogram, and the course of each band over them.

    Frames of 25 ms every 10 ms, the Hann window centred in an FFT of 512, the signal padded with zeros by 256
    samples at both ends (librosa's ``center=True, pad_mode="constant"``).

    An FFT in single precision takes two thirds of the time, and rounds a thousand times finer than recordings of one
    machine differ.  Only where a band is almost empty beside a very strong one, as in a synthetic pure tone, does
    rounding show.  So some frames are transformed in double precision too, and if they differ, all are.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz, at least one frame.
    keep
        Whether the courses are wanted: those of a long recording take nearly as much memory as its samples.

    Returns
    -------
    tuple
        The mean, float64 [MEL_BANDS], and the log mel spectra with the frames side by side, float32 [MEL_BANDS,
        frames]; no frames unless `keep`.
    """
    frames = _frames(samples)
    parts = [slice(start, start + _FRAMES_AT_ONCE) for start in range(0, len(frames), _FRAMES_AT_ONCE)]
    courses = np.empty((MEL_BANDS, len(frames) if keep else 0), np.float32)
    step = len(frames) // _FRAMES_CHECKED | 1  # odd, since few sounds repeat in an odd number of frames
    total, difference = np.zeros(MEL_BANDS), np.zeros(MEL_BANDS)
    checked = 0
    for part in parts:
        block = frames[part]
        log_mel = _log_mel(block, np.float32)
        if keep:
            courses[:, part] = log_mel
        total += log_mel.sum(axis=1, dtype=np.float64)
        exact = _log_mel(block[::step], np.float64)
        difference += (log_mel[:, ::step] - exact).sum(axis=1, dtype=np.float64)
        checked += exact.shape[1]
    if np.linalg.norm(difference) > _PRECISION_LIMIT * checked:
        total = np.zeros(MEL_BANDS)
        for part in parts:
            log_mel = _log_mel(frames[part], np.float64)
            if keep:
                courses[:, part] = log_mel
            total += log_mel.sum(axis=1, dtype=np.float64)
    return total / len(frames), courses


def mean_log_mel(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean over the frames of the log mel spectrum of samples, float32 [samples]; float64 [MEL_BANDS].

    How it is computed, `_mean_and_courses` says.
    """
    return _mean_and_courses(samples, keep=False)[0]


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
    return _cepstrum(mean_log_mel(samples))


def _cepstrum(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal DCT-II of a log mel spectrum, float64 [MEL_BANDS] both."""
    return np.asarray(scipy.fftpack.dct(spectrum, type=2, norm="ortho"))


def log_mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The frames of `mean_log_mel` of samples, float32 [samples]: float32 [MEL_BANDS, frames]."""
    return _mean_and_courses(samples, keep=True)[1]


def temporal_block(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the mean over time loses of a clip: how each mel band of its log mel spectrum changes over the frames.

    The frames are those of the MFCC block.  Of each band: the (population) standard deviation; the 99th percentile
    less the median, both interpolated linearly, which is how far short sounds stand out; the mean absolute difference
    between neighbouring frames (0 where there is just one); and the maximum.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz.

    Returns
    -------
    float32 [512]
        The statistics one after the other in the order of `asd.features.columns.TEMPORAL_STATISTICS`, each of all
        bands.
    """
    return _temporal_statistics(log_mel_spectrogram(samples))


def _temporal_statistics(courses: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same from log mel spectra, float32 [MEL_BANDS, frames]."""
    found = np.empty((len(TEMPORAL_STATISTICS), MEL_BANDS), np.float32)
    together = max(1, _VALUES_AT_ONCE // courses.shape[1])
    for first in range(0, MEL_BANDS, together):
        bands = slice(first, first + together)
        some = courses[bands]
        steps = np.diff(some, axis=1)
        delta = np.abs(steps, out=steps).mean(axis=1) if steps.shape[1] else np.zeros(len(some))
        median, high, highest = _order_statistics(some)
        found[:, bands] = some.std(axis=1), high - median, delta, highest
    return found.ravel()


def _order_statistics(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Median and 99th percentile, both interpolated linearly, and maximum of each row of float32 [rows, values].

    Each half of a row is sorted by itself, for NumPy sorts up to 512 values without a branch, which is three times as
    fast as a whole clip's.  The smaller values of each pair of the first half, upwards, and the second, downwards, are
    the lower half of all, as in bitonic sorting: the median lies between the highest of them and the lowest of the
    others.  The largest of all are among the largest of each half.

    Returns
    -------
    tuple of float32 [rows]
    """
    count = rows.shape[1]
    half = -(-count // 2)
    halves = np.empty((len(rows), 2, half), np.float32)
    halves[:, 0], halves[:, 1, : count - half], halves[:, 1, count - half :] = rows[:, :half], rows[:, half:], np.inf
    halves.sort(axis=2)
    upwards, downwards = halves[:, 0], halves[:, 1, ::-1]
    median = np.minimum(upwards, downwards).max(axis=1)
    if count % 2 == 0:
        median += (np.maximum(upwards, downwards).min(axis=1) - median) * np.float32(0.5)
    below, rest = divmod(99 * (count - 1), 100)
    most = count - below
    largest = np.concatenate([upwards[:, -most:], halves[:, 1, : count - half][:, -most:]], axis=1)
    largest.sort(axis=1)
    low, high = largest[:, -most], largest[:, min(1 - most, -1)]
    return median, low + (high - low) * np.float32(rest / 100), largest[:, -1]


def basic_block(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Eight statistics of the samples, in the order of `asd.features.columns.BASIC_NAMES`.

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
    low, high = float(samples.min()), float(samples.max())
    converted = samples.astype(np.float64) if len(samples) <= _SAMPLES_AT_ONCE else samples
    mean = float(converted.mean(dtype=np.float64))
    second = third = fourth = 0.0
    counts = np.zeros(HISTOGRAM_BINS + 1, np.intp)
    for start in range(0, len(samples), _SAMPLES_AT_ONCE):
        values = converted[start : start + _SAMPLES_AT_ONCE]
        position = np.subtract(values, low, dtype=np.float64)
        # a division, not a product: values on the edge of a bin then fall where np.histogram puts them
        position /= (high - low) / HISTOGRAM_BINS
        counts += np.bincount(position.astype(np.int32), minlength=HISTOGRAM_BINS + 1)
        centred = np.subtract(values, mean, dtype=np.float64)
        squared = np.multiply(centred, centred, out=position)
        second += np.dot(centred, centred)
        third += np.dot(squared, centred)
        fourth += np.dot(squared, squared)
    counts[-2] += counts[-1]  # the maximum belongs to the last bin
    count = len(samples)
    density = counts[:-1][counts[:-1] > 0] * (HISTOGRAM_BINS / (count * (high - low)))
    variance = second / count
    rms = np.sqrt(variance + mean * mean + _TINY)
    return np.array(
        [
            rms,
            fourth / count / variance**2 - 3.0,
            third / count / variance**1.5,
            high - low,
            (max(abs(low), abs(high)) + _TINY) / (rms + _TINY),
            mean,
            np.sqrt(variance),
            -np.sum(density * np.log2(density + _TINY)),
        ]
    )


def clip_features(samples: NDArray[np.float32], features: Iterable[str] = OF_THE_DDAE) -> NDArray[np.float32]:
    """The features of a clip.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz, at least one frame long and not constant (see `asd.recordings.audio.read_clip`).

    features
        Sets of `asd.features.columns.FEATURE_SETS`; ``mfcc`` and ``basic`` are always among them.

    Returns
    -------
    float32 [136], with ``temporal`` [648]
        In the order of `asd.features.columns.FEATURE_NAMES`, then of `asd.features.columns.TEMPORAL_NAMES`.  Those of a
        set are the same to the last bit whichever others are asked for.
    """
    temporal = "temporal" in features
    mean, courses = _mean_and_courses(samples, keep=temporal)
    published = np.concatenate([_cepstrum(mean), basic_block(samples)]).astype(np.float32)
    return np.concatenate([published, _temporal_statistics(courses)]) if temporal else published
