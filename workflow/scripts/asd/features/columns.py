"""The columns of a feature array: which numbers a clip has, apart from how they are computed; and the mel bands.

A module of its own, so that code which only uses features does not depend on the code that extracts them.  It needs
no NumPy.
"""

from __future__ import annotations

import math

MEL_BANDS = 128
HIGHEST_FREQUENCY = 8000.0
"""Hz, upper end of the mel bands: half of the sample rate at which features are computed."""

BASIC_NAMES = ("rms", "kurtosis", "skewness", "ptp", "crest", "mean", "std", "entropy")

MFCC_COLUMNS = slice(0, MEL_BANDS)
BASIC_COLUMNS = slice(MEL_BANDS, MEL_BANDS + len(BASIC_NAMES))
FEATURE_NAMES = (*(f"mfcc_{number}" for number in range(MEL_BANDS)), *BASIC_NAMES)
N_FEATURES = len(FEATURE_NAMES)

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
