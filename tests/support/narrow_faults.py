"""A machine that runs steadily, and faults of it that are heard in one narrow band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from asd.demo.signals import Array, band, coloured, gain, generator, grid_of
from asd.features.acoustic import clip_features
from asd.features.columns import FeatureSet
from asd.recordings.audio import SAMPLE_RATE

LEVEL = 0.02  # rms of a normal clip


@dataclass(frozen=True)
class SteadyMachine:
    """Noise of a smooth spectrum; from clip to clip its level and tilt differ by 1 dB.

    Attributes
    ----------
    samples
        Of a clip.
    amplitude
        Over frequency, float64 [bins].
    """

    samples: int
    amplitude: Array

    @classmethod
    def drawn(cls, seed: int, seconds: float = 2.0, *, hum: bool = False) -> SteadyMachine:
        """Of some seed; with hum at multiples of its rate, which may hide a fault beside it."""
        grid = grid_of(round(seconds * SAMPLE_RATE))
        rng = generator("steady machine", seed)
        tilt = np.exp(grid.bumps @ rng.normal(0.0, 4.0 * np.log(10) / 20, grid.bumps.shape[1]))
        amplitude = tilt * band(grid.frequencies, 60.0, rng.uniform(500.0, 2000.0), 1)
        for line in rng.uniform(20.0, 60.0) * np.arange(1, 20) if hum else ():
            amplitude += amplitude.max() * rng.uniform() * np.exp(-((grid.frequencies - line) ** 2))
        return cls(grid.samples, amplitude / np.sqrt(np.vdot(amplitude, amplitude)))

    def clip(self, rng: Generator) -> NDArray[np.float32]:
        """A normal clip, float32 [samples]."""
        grid = grid_of(self.samples)
        tilt = np.exp(grid.bumps @ rng.normal(0.0, np.log(10) / 20, grid.bumps.shape[1]))
        spectrum = scipy.fft.rfft(coloured(rng, self.amplitude, grid.length)) * tilt * gain(rng.normal())
        return (LEVEL * scipy.fft.irfft(spectrum, n=grid.length))[-self.samples :].astype(np.float32)

    def fault(self, rng: Generator, hertz: float, decibels: float = 6.0, *, tone: bool = False) -> NDArray[np.float32]:
        """A tone or a noise a sixth of an octave wide, with so much more power than the machine has there."""
        grid = grid_of(self.samples)
        half = max(40.0, hertz * (2 ** (1 / 12) - 1))  # frames of 25 ms tell 40 Hz apart
        inside = (grid.frequencies >= hertz - half) & (grid.frequencies < hertz + half)
        power = LEVEL**2 * (self.amplitude[inside] ** 2).sum() / (self.amplitude**2).sum() * 10 ** (decibels / 10)
        if tone:
            times = np.arange(self.samples) / SAMPLE_RATE
            sound = np.sqrt(2) * np.sin(2 * np.pi * hertz * times + rng.uniform(0, 2 * np.pi))
        else:
            sound = coloured(rng, inside.astype(float), grid.length)[-self.samples :]
        return (np.sqrt(power) * sound).astype(np.float32)

    def features(self, rng: Generator, clips: int, sets: tuple[FeatureSet, ...]) -> NDArray[np.float32]:
        """Of normal clips, float32 [clips, columns]."""
        with threadpool_limits(1):  # sums of some thousand numbers are waited for, where other work has the cores
            return np.stack([clip_features(self.clip(rng), sets) for _ in range(clips)])
