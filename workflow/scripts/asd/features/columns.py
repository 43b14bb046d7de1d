"""The columns of a feature array: which numbers a clip has, apart from how they are computed; and the mel bands.

A module of its own, so that code which only uses features does not depend on the code that extracts them.  It needs
no NumPy.

Features come in sets.  ``mfcc`` and ``basic`` are the published ones, and all that the DDAE sees; ``temporal`` follows
them in the array where it is asked for, so that the columns of a set never change places.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

MEL_BANDS = 128
HIGHEST_FREQUENCY = 8000.0
"""Hz, upper end of the mel bands: half of the sample rate at which features are computed."""

BASIC_NAMES = ("rms", "kurtosis", "skewness", "ptp", "crest", "mean", "std", "entropy")

MFCC_COLUMNS = slice(0, MEL_BANDS)
BASIC_COLUMNS = slice(MEL_BANDS, MEL_BANDS + len(BASIC_NAMES))
FEATURE_NAMES = (*(f"mfcc_{number}" for number in range(MEL_BANDS)), *BASIC_NAMES)
N_FEATURES = len(FEATURE_NAMES)
"""Of the sets ``mfcc`` and ``basic`` together: the columns that the DDAE sees come first in every array."""

TEMPORAL_STATISTICS = ("std", "p99_p50", "delta", "max")
"""What ``temporal`` has of each mel band; see `asd.features.acoustic.temporal_block`."""

TEMPORAL_NAMES = tuple(f"log_mel_{name}_{band}" for name in TEMPORAL_STATISTICS for band in range(MEL_BANDS))
TEMPORAL_COLUMNS = slice(N_FEATURES, N_FEATURES + len(TEMPORAL_NAMES))

TEMPORAL_SCALE = (0.5 * MEL_BANDS / len(TEMPORAL_NAMES)) ** 0.5
"""Standard deviation of standardised temporal columns, so that all of them together count half as much as the mean
spectrum.  At full weight they outvote the other columns four to one: a fault of a machine that runs steadily, which the
mean hears best, then drowns in what happens around the machine."""

FeatureSet = Literal["mfcc", "basic", "temporal"]
FEATURE_SETS: tuple[FeatureSet, ...] = get_args(FeatureSet)
"""In the order of the columns."""

OF_THE_DDAE: tuple[FeatureSet, ...] = ("mfcc", "basic")
"""The sets that there always are."""

_COLUMNS: dict[FeatureSet, slice] = {"mfcc": MFCC_COLUMNS, "basic": BASIC_COLUMNS, "temporal": TEMPORAL_COLUMNS}


def in_order(features: Iterable[str]) -> tuple[FeatureSet, ...]:
    """Sets of features in the order of the columns, those of the DDAE among them."""
    asked = {*features, *OF_THE_DDAE}
    return tuple(name for name in FEATURE_SETS if name in asked)


def count_columns(features: Iterable[str]) -> int:
    """Number of columns of some sets of features: 136 of ``mfcc`` and ``basic``, 648 with ``temporal``."""
    return sum(_COLUMNS[name].stop - _COLUMNS[name].start for name in in_order(features))


def sets_of(columns: int) -> tuple[FeatureSet, ...] | None:
    """The sets of features that have so many columns together; None if there are no such sets."""
    return next((features for features in (OF_THE_DDAE, FEATURE_SETS) if count_columns(features) == columns), None)


def mark_of(features: Iterable[str]) -> str:
    """What stands for sets of features in the settings of a file: nothing for those of the DDAE alone."""
    return "".join(f"-{name}" for name in in_order(features) if name not in OF_THE_DDAE)


def sets_marked(settings: str) -> tuple[FeatureSet, ...]:
    """The sets of features of settings that end in what `mark_of` gave."""
    return in_order(name for name in settings.split("-") if name in FEATURE_SETS)


def in_words(features: Sequence[str]) -> str:
    """Sets of features as the configuration has them: ``[mfcc, basic]``."""
    return f"[{', '.join(features)}]"


# Slaney's mel scale (Auditory Toolbox), as in librosa's defaults: linear below the knee, logarithmic above
_KNEE = 1000.0  # Hz
_LINEAR_STEP = 200.0 / 3.0  # Hz a mel below it
_KNEE_MEL = 15.0
_LOG_STEP = math.log(6.4) / 27.0  # of the frequency's logarithm a mel above it
_HIGHEST_MEL = 1e4  # the frequencies of higher ones would be no finite numbers


def hertz_to_mel(hertz: float) -> float:
    """Place of a frequency on the mel scale: 15.0 for 1000.0, 42.0 for 6400.0."""
    if hertz < _KNEE:
        return hertz / _LINEAR_STEP
    return _KNEE_MEL + math.log(hertz / _KNEE) / _LOG_STEP


def mel_to_hertz(mel: float) -> float:
    """Frequency in Hz at a place of the mel scale, the inverse of `hertz_to_mel`."""
    if mel < _KNEE_MEL:
        return mel * _LINEAR_STEP
    return _KNEE * math.exp((min(mel, _HIGHEST_MEL) - _KNEE_MEL) * _LOG_STEP)


def mel_edges() -> tuple[float, ...]:
    """Frequencies in Hz, MEL_BANDS + 2 of them, evenly spaced on the mel scale from 0 to `HIGHEST_FREQUENCY`.

    Band b rises from edge b, has its centre at edge b + 1, and falls to edge b + 2.
    """
    step = hertz_to_mel(HIGHEST_FREQUENCY) / (MEL_BANDS + 1)
    return (*(mel_to_hertz(number * step) for number in range(MEL_BANDS + 1)), HIGHEST_FREQUENCY)


def mel_centres() -> tuple[float, ...]:
    """Centre frequencies in Hz of the mel bands."""
    return mel_edges()[1:-1]
