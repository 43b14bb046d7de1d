"""Which bands of a clip are unusual, in decibels, in standard deviations of normal clips, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..features.bands import log_mel
from ..features.columns import MEL_BANDS, N_FEATURES, TEMPORAL_STATISTICS, mel_centres
from ..features.spectrogram import DECIBELS
from ..models.metadata import Normal

_FIRST = N_FEATURES + TEMPORAL_STATISTICS.index("p99_p50") * MEL_BANDS

SHORT_SOUNDS = slice(_FIRST, _FIRST + MEL_BANDS)
"""Columns that say of each band how far short sounds stand out from the rest of the clip."""

_NEIGHBOURS = 0.5  # share of the largest deviation down to which neighbouring bands belong to it


@dataclass(frozen=True)
class Region:
    """Neighbouring bands that deviate in the same direction.

    Attributes
    ----------
    first, last
        Bands, the last one included.
    decibels
        Mean difference from the mean of normal clips.
    deviation
        The largest in it, in standard deviations of normal clips.
    short
        Whether it is about short sounds, which stand out from the rest of the clip, and not about its mean.
    """

    first: int
    last: int
    decibels: float
    deviation: float
    short: bool = False

    @property
    def hertz(self) -> tuple[float, float]:
        """Where it begins and ends."""
        limits = band_limits()
        return float(limits[self.first]), float(limits[self.last + 1])

    def __str__(self) -> str:
        """Such as ``2.1-2.6 kHz, 7 dB above normal``."""
        direction = "above" if self.decibels > 0 else "below"
        what = f"{_range(*self.hertz)}, {'short sounds ' if self.short else ''}"
        return f"{what}{_two_digits(abs(self.decibels))} dB {direction} normal"


@cache
def band_limits() -> NDArray[np.float64]:
    """Frequencies in Hz between the mel bands, from 0 to 8000: halfway between their centres, float64 [129]."""
    centres = np.array(mel_centres())
    limits = np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [8000.0]])
    limits.flags.writeable = False  # it is the same one for all
    return limits


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _range(low: float, high: float) -> str:
    if high < 1000:
        return f"{low:.0f}-{high:.0f} Hz"
    digits = 1 if low >= 1000 and high - low >= 200 else 2
    return f"{low / 1000:.{digits}f}-{high / 1000:.{digits}f} kHz"


def unusual_regions(features: NDArray[np.float32], normal: Normal, count: int = 3) -> list[Region]:
    """The most unusual regions of a clip, the most unusual one first.

    Parameters
    ----------
    features
        Of one clip, unscaled, float32 [columns].
    count
        There are fewer where no others deviate at all.
    """
    differences = log_mel(features[None])[0] - normal.band_mean
    found = _regions(differences, normal.band_spread, short=False, count=count)
    if len(features) > N_FEATURES:
        outstanding = features[SHORT_SOUNDS].astype(np.float64) - normal.mean[SHORT_SOUNDS]
        found += _regions(outstanding, normal.spread[SHORT_SOUNDS], short=True, count=count)
    return sorted(found, key=lambda region: -abs(region.deviation))[:count]


def _regions(differences: NDArray[np.float64], spread: NDArray[np.float64], *, short: bool, count: int) -> list[Region]:
    """From differences and standard deviations of the bands, natural logarithms, float64 [128] both."""
    deviations = differences / np.maximum(spread, 1e-6)
    free = np.ones(MEL_BANDS, bool)
    found: list[Region] = []
    while len(found) < count and free.any():
        peak = int(np.argmax(np.where(free, np.abs(deviations), -1.0)))
        if deviations[peak] == 0:
            break
        belongs = free & (deviations * np.sign(deviations[peak]) >= _NEIGHBOURS * abs(deviations[peak]))
        first = last = peak
        while first > 0 and belongs[first - 1]:
            first -= 1
        while last < MEL_BANDS - 1 and belongs[last + 1]:
            last += 1
        region = slice(first, last + 1)
        decibels = float(DECIBELS * differences[region].mean())
        found.append(Region(first, last, decibels, float(deviations[peak]), short))
        free[max(first - 1, 0) : last + 2] = False
    return found


def reasons(features: NDArray[np.float32], normal: Normal, count: int = 3) -> tuple[str, ...]:
    """The most unusual bands of a clip in words."""
    return tuple(str(region) for region in unusual_regions(features, normal, count))
