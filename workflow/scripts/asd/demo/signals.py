"""Building blocks of simulated sounds: seeded random numbers, spectra, noise, tones of what turns, blows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.random import Generator
from numpy.typing import NDArray

from ..recordings.audio import SAMPLE_RATE

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex128]

TABLE = 16384
"""Angles of one revolution; taking the nearest errs by -39 dB at the highest order, less below."""

ORDERS = 96
"""Highest multiple of the rotation rate."""

_LEAD_IN = 320  # samples made and thrown away, so that delays and ringing do not wrap around into the clip
_BUMPS = 7  # over 7.3 octaves


@dataclass(frozen=True)
class Grid:
    """Times and frequencies of a clip and its lead-in.

    Attributes
    ----------
    samples
        Of the clip that is kept: the last of `length`.
    length
        A length with a fast Fourier transform.
    times
        Seconds, float64 [length].
    frequencies
        Hz, float64 [length // 2 + 1].
    bumps
        Triangles over the logarithm of the frequency that add up to 1, float64 [length // 2 + 1, bumps].
    """

    samples: int
    length: int
    times: Array
    frequencies: Array
    bumps: Array


@lru_cache(maxsize=4)
def grid_of(samples: int) -> Grid:
    """The grid of clips of so many samples."""
    length = int(scipy.fft.next_fast_len(samples + _LEAD_IN, real=True))
    frequencies = np.asarray(scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE))
    knots = np.log(np.geomspace(50.0, 8000.0, _BUMPS))
    octaves = np.log(np.maximum(frequencies, 1.0))
    bumps = np.column_stack([np.interp(octaves, knots, row) for row in np.eye(_BUMPS)])
    return Grid(samples, length, np.arange(length) / SAMPLE_RATE, frequencies, bumps)


def generator(*names: object) -> Generator:
    """A generator seeded with `names`; Python's own ``hash`` of a text differs from process to process."""
    digest = hashlib.sha256("\0".join(map(str, names)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


def gain(decibels: float) -> float:
    """Amplitude ratio of a level difference in dB."""
    return float(10.0 ** (decibels / 20.0))


def power(signal: Array) -> float:
    """Mean square over everything."""
    return float(np.vdot(signal, signal)) / signal.size


def band(frequencies: Array, low: float, high: float, order: int = 2) -> Array:
    """Amplitude over frequency, flat from `low` to `high` Hz, falling with ``6 * order`` dB per octave outside."""
    safe = np.maximum(frequencies, 1.0)
    return np.asarray(1.0 / np.sqrt((1.0 + (low / safe) ** (2 * order)) * (1.0 + (safe / high) ** (2 * order))))


def gaussian(rng: Generator, shape: tuple[int, ...]) -> Spectrum:
    """Complex white Gaussian spectra of unit power per bin and part."""
    return rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]


def coloured(rng: Generator, amplitude: Array, length: int) -> Array:
    """Gaussian noise of rms 1 on average, its spectrum proportional to `amplitude`, float64 [bins] -> [length]."""
    scale = length / (2.0 * np.sqrt(np.vdot(amplitude, amplitude)))
    return np.asarray(scipy.fft.irfft(gaussian(rng, amplitude.shape) * (amplitude * scale), n=length))


def body_response(rng: Generator, frequencies: Array, low: float, high: float, modes: int, peak: float) -> Spectrum:
    """Response of a housing: direct sound and `modes` resonances between `low` and `high` Hz.

    Each is a damped oscillator, so that the response is causal and a blow rings and dies away.
    """
    response = np.ones(len(frequencies), np.complex128)
    for resonance in np.geomspace(low, high, modes) * rng.uniform(0.85, 1.18, modes):
        sharpness = rng.uniform(6.0, 25.0)
        height = peak * rng.uniform(0.4, 1.0) * rng.choice([-1.0, 1.0])
        oscillator = resonance**2 - frequencies**2 + 1j * frequencies * resonance / sharpness
        response += height / sharpness * resonance**2 / oscillator
    return response


def one_revolution(amplitudes: Array, phases: Array) -> Array:
    """Sound of one revolution over the angle, float64 [TABLE], from the amplitude of each order, float64 [ORDERS].

    Order k is the k-fold of the rotation rate.
    """
    spectrum = np.zeros(TABLE // 2 + 1, np.complex128)
    spectrum[1 : ORDERS + 1] = amplitudes * np.exp(1j * phases) * (TABLE / 2)
    return np.asarray(scipy.fft.irfft(spectrum, n=TABLE))


def turned(revolution: Array, turns: Array) -> Array:
    """The sound of `revolution` at the angles `turns`, in revolutions >= 0."""
    return np.asarray(revolution[(turns * TABLE).astype(np.int64) & (TABLE - 1)])


def wander(rng: Generator, grid: Grid, deviation: float, every: float) -> Array:
    """A slow random curve about 0 with standard deviation of about `deviation`, one knot `every` so many seconds."""
    knots = int(grid.times[-1] / every) + 3
    curve = np.convolve(rng.standard_normal(knots + 2), [0.41, 0.82, 0.41], mode="valid")
    return np.interp(grid.times, np.arange(knots) * every, deviation * curve)


def shaft_turns(rng: Generator, grid: Grid, rate: float, drift: float) -> Array:
    """Angle of a shaft in revolutions, from a random start, at `rate` Hz with a relative `drift`."""
    speed = 1.0 + wander(rng, grid, drift, 0.25)
    return np.asarray(rng.uniform() + np.cumsum(speed) * (rate / SAMPLE_RATE))


def add_blows(signal: Array, times: Array, heights: Array, width: float) -> None:
    """Add blows to `signal` in place: raised cosines of `width` seconds (the contact), at `times` in seconds.

    A short contact excites high resonances too, a long and soft one only the low ones.  The blows have equal
    energy at equal height, whatever their width.
    """
    contact = np.hanning(max(1, round(width * SAMPLE_RATE)) + 2)[1:-1]
    contact = contact / np.sqrt(np.vdot(contact, contact))
    starts = (times * SAMPLE_RATE).astype(np.int64)
    inside = (starts >= 0) & (starts + len(contact) <= len(signal))
    spread = starts[inside, None] + np.arange(len(contact))
    np.add.at(signal, spread, heights[inside, None] * contact)


def poisson_times(rng: Generator, grid: Grid, rate: float) -> Array:
    """Times in seconds of random events, `rate` of them per second."""
    return np.asarray(rng.uniform(0.0, grid.times[-1], rng.poisson(rate * grid.times[-1])))
