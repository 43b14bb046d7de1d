"""The room around a machine: the hall with its background noise and events, and the microphones in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.random import Generator

from ..recordings.audio import SAMPLE_RATE
from .signals import ORDERS, Array, Grid, Spectrum, band, gaussian, generator, grid_of, one_revolution, turned

_TILT = 2.2  # dB by which the spectrum of the background differs from clip to clip
_SOUND_SPEED = 343.0  # m/s
_SPACING = 0.07  # m between neighbouring microphones
_SENSOR_NOISE = 1e-3  # rms of a microphone by itself, where the background has 1


def microphone_response(rng: Generator, frequencies: Array, microphones: int) -> Spectrum:
    """Response of each microphone to a source in a random direction: its gain (1 dB) and its delay."""
    delays = rng.uniform(0.0, _SPACING / _SOUND_SPEED, (microphones, 1))
    gains = 10.0 ** (rng.normal(0.0, 1.0, (microphones, 1)) / 20.0)
    return np.asarray(gains * np.exp(-2j * np.pi * delays * frequencies))


def received(spectrum: Spectrum, response: Spectrum, grid: Grid) -> Array:
    """The clip without its lead-in, float64 [microphones, samples], of a source's `spectrum`."""
    return np.ascontiguousarray(scipy.fft.irfft(spectrum * response, n=grid.length)[:, -grid.samples :])


@dataclass(frozen=True)
class Hall:
    """The hall in which the machine stands.

    Attributes
    ----------
    rumble
        Amplitude of its usual background over frequency, float64 [bins].
    reverberation
        Response from anywhere in the hall, complex128 [bins].
    together
        Amplitude of the part of the diffuse background that all microphones have in common, float64 [bins]; the
        rest of its power differs between them.
    """

    rumble: Array
    reverberation: Spectrum
    together: Array


@lru_cache(maxsize=4)
def hall_of(samples: int, seed: int) -> Hall:
    """The one hall of all recordings with this `seed`, for clips of so many samples."""
    grid = grid_of(samples)
    rng = generator("hall", seed)
    frequencies = grid.frequencies
    length = round(0.35 * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= 0.5 / np.sqrt(np.vdot(tail, tail))
    tail[0] += 1.0
    together = np.sqrt(np.abs(np.sinc(2.0 * frequencies * _SPACING / _SOUND_SPEED)))
    return Hall(
        rumble=band(frequencies, 60.0, rng.uniform(250.0, 450.0), 1)
        * band(frequencies, 1.0, 2500.0, 1)
        * _random_tilt(rng, grid, 2.0),
        reverberation=scipy.fft.rfft(tail, n=grid.length),
        together=together,
    )


def _random_tilt(rng: Generator, grid: Grid, deviation: float) -> Array:
    """A smooth random amplitude over frequency, of `deviation` dB, independent about every octave."""
    return np.asarray(np.exp(grid.bumps @ rng.normal(0.0, deviation * np.log(10.0) / 20.0, grid.bumps.shape[1])))


def _hum_lines(rng: Generator, amplitude: Array, seconds: float) -> None:
    """Add other machines to the `amplitude` of a background, in place: lines at multiples of their rates.

    Far machines are heard by way of many echoes and never run quite evenly, so that a line is a narrow band of
    noise, up to 1 Hz to either side.
    """
    level = float(amplitude.max())
    wide = max(1, round(seconds))  # bins to either side within 1 Hz
    for _ in range(int(rng.integers(1, 4))):
        rate = rng.uniform(24.0, 180.0)
        lines = rate * np.arange(1, int(min(30.0, 4000.0 / rate)) + 1)
        bins = np.round(lines * seconds).astype(np.int64)[:, None] + np.arange(-wide, wide + 1)
        heights = level * rng.uniform(1.0, 4.0) * rng.lognormal(0.0, 0.7, len(lines))
        heights *= np.arange(1, len(lines) + 1) ** -0.7
        np.add.at(amplitude, bins, heights[:, None] * np.hanning(2 * wide + 3)[1:-1])


def _add_clank(signal: Array, rng: Generator, start: int) -> None:
    """Metal on metal: a few high resonances struck at once, dying away."""
    times = np.arange(round(rng.uniform(0.08, 0.3) * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(times))
    for _ in range(4):
        decay = np.exp(-times * 5.0 / times[-1] * rng.uniform(1.0, 2.0))
        sound += rng.uniform(0.3, 1.0) * decay * np.sin(2.0 * np.pi * rng.uniform(400.0, 5000.0) * times)
    _add_at(signal, rng.uniform(0.5, 2.0) * sound, start)


def _add_hiss(signal: Array, rng: Generator, start: int) -> None:
    """Compressed air let off: a burst of noise without its low frequencies."""
    length = round(rng.uniform(0.1, 0.5) * SAMPLE_RATE)
    burst = np.diff(rng.standard_normal(length + 1)) * np.hanning(length)
    _add_at(signal, rng.uniform(0.15, 0.6) * burst, start)


def _add_voice(signal: Array, rng: Generator, start: int) -> None:
    """Somebody calls: a gliding pitch below a few formants, in syllables."""
    length = round(rng.uniform(0.3, 0.8) * SAMPLE_RATE)
    times = np.arange(length) / SAMPLE_RATE
    pitch = rng.uniform(100.0, 230.0)
    turns = pitch * times * (1.0 + rng.uniform(-0.15, 0.15) * times)
    harmonics = pitch * np.arange(1, ORDERS + 1)
    formants = sum(
        weight * np.exp(-(((harmonics - rng.uniform(low, high)) / 150.0) ** 2))
        for low, high, weight in ((300.0, 800.0, 1.0), (900.0, 2000.0, 0.5), (2300.0, 3000.0, 0.25))
    )
    syllables = np.sin(np.pi * times * rng.uniform(3.0, 5.0)) ** 2 * np.hanning(length)
    voice = turned(one_revolution(np.asarray(formants), rng.uniform(0.0, 2.0 * np.pi, ORDERS)), turns)
    _add_at(signal, rng.uniform(0.5, 1.5) * syllables * voice, start)


def _add_at(signal: Array, sound: Array, start: int) -> None:
    """Add `sound` to `signal` in place, from `start` on; what goes beyond the end is lost."""
    end = min(len(signal), start + len(sound))
    signal[start:end] += sound[: end - start]


_EVENTS: tuple[tuple[Callable[[Array, Generator, int], None], float], ...] = (
    (_add_clank, 0.4),
    (_add_hiss, 0.2),
    (_add_voice, 0.2),
)
"""What happens in the hall now and then, and how often per second."""


def _events(rng: Generator, grid: Grid) -> Array:
    """What happens near the microphones during a clip, float64 [length]; the steady background has rms 1."""
    signal = np.zeros(grid.length)
    for add, rate in _EVENTS:
        for start in rng.integers(0, grid.length, rng.poisson(rate * grid.times[-1])):
            add(signal, rng, int(start))
    return signal


def background(rng: Generator, grid: Grid, hall: Hall, microphones: int) -> Array:
    """Noise of a factory, float64 [microphones, samples], on no particular scale.

    A diffuse field of rumble and hum, alike in all microphones where the wave is long against their distance and
    different where it is short; events from one direction each clip, with their echoes; and the microphones' own
    faint white noise.
    """
    amplitude = hall.rumble * _random_tilt(rng, grid, _TILT)
    _hum_lines(rng, amplitude, grid.length / SAMPLE_RATE)
    amplitude *= grid.length / (2.0 * np.sqrt(np.vdot(amplitude, amplitude)))
    spectra = gaussian(rng, (2, len(amplitude)))
    spectra[0] *= amplitude * hall.together
    spectra[1] *= np.sqrt(amplitude**2 * (1.0 - hall.together**2) + _SENSOR_NOISE**2 * grid.length / 2.0)
    together, apart = scipy.fft.irfft(spectra, n=grid.length)
    echoing = scipy.fft.irfft(scipy.fft.rfft(_events(rng, grid)) * hall.reverberation, n=grid.length)
    delays = np.round(rng.uniform(0.0, _SPACING / _SOUND_SPEED, microphones) * SAMPLE_RATE).astype(np.int64)
    gains = 10.0 ** (rng.normal(0.0, 0.7, microphones) / 20.0)
    # Stretches of one noise that begin far apart are as unlike as separate noises, and cheaper to make.
    far = np.arange(microphones) * (grid.length // microphones)
    first = grid.length - grid.samples
    recorded = np.empty((microphones, grid.samples))
    for row, delay, gain, shift in zip(recorded, delays, gains, far, strict=True):
        row[:] = echoing[first - delay : grid.length - delay]
        row += together[first:]
        shifted = np.roll(apart, shift)
        row += shifted[first:]
        row *= gain
    return recorded
