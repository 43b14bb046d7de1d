"""Why a recording got its score: what a page and a figure about it are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features.bands import log_mel
from ..features.columns import BASIC_COLUMNS, BASIC_NAMES, N_FEATURES
from ..features.spectrogram import DECIBELS, seconds_of, spectrogram, thinned
from ..files import StrPath
from ..models.metadata import DetectorRecord, Metadata, Typical
from .attribution import Attribution, attribute
from .bands import SHORT_SOUNDS
from .model import Verdict
from .windows import NoWindow, Window, read_windows

if TYPE_CHECKING:
    from .model import Model

_SMOOTHED = 500  # frames of a picture: those of a clip of 10 s are then means of two
_SHORT = 0.1  # seconds over which a difference is taken, since a single frame of noise differs by 6 dB from its mean
_LEAST_SPREAD = 1e-6  # as in `.bands`


@dataclass(frozen=True)
class Basic:
    """A basic feature of a clip beside those of normal ones.

    Attributes
    ----------
    name
        Of `asd.features.columns.BASIC_NAMES`.
    value
        The clip's.
    mean, spread
        Of normal clips; the spread is their standard deviation.
    """

    name: str
    value: float
    mean: float
    spread: float

    @property
    def deviation(self) -> float:
        """In standard deviations of normal clips."""
        return (self.value - self.mean) / max(self.spread, _LEAST_SPREAD * abs(self.mean), 1e-12)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a recording got its score.

    Attributes
    ----------
    verdict
        Of the window that is explained: the only one, or the one with the highest score.
    windows, unreadable
        Windows that the recording has, and how many of them could not be scored.
    about
        What the model says of itself.
    record
        The detector's threshold and its calibration scores.
    samples
        The window, float32 [samples] at 16 kHz.
    seconds
        From the first to the last frame of the spectrograms.
    spectrogram
        Of the window: power in mel bands, dB, float32 [128, frames].
    typical
        The most typical normal clip; None where the model has none, and `normal_spectrum` stands for it.
    normal_spectrum
        Mean spectrum of the normal training clips, dB, float64 [128].
    difference
        Of the window, over a tenth of a second or, of a long one, more, from `normal_spectrum`, dB, float32 [128,
        frames].
    deviations
        Of the window's mean spectrum from that of normal clips, in their standard deviations, float64 [128].
    short_deviations
        The same of how far short sounds stand out; None of a model without temporal features.
    basic
        The basic features.
    attribution
        What each frequency range contributes to the score.
    """

    verdict: Verdict
    windows: int
    unreadable: int
    about: Metadata
    record: DetectorRecord
    samples: NDArray[np.float32]
    seconds: float
    spectrogram: NDArray[np.float32]
    typical: Typical | None
    normal_spectrum: NDArray[np.float64]
    difference: NDArray[np.float32]
    deviations: NDArray[np.float64]
    short_deviations: NDArray[np.float64] | None
    basic: tuple[Basic, ...]
    attribution: Attribution

    @property
    def sentence(self) -> str:
        """The verdict, such as ``Anomalous: none of 169 normal clips scores as high as this (p = 0.0059)``."""
        normal = len(self.record.calibration)
        # the p-value counts the clip itself, too
        as_high = round(self.verdict.p_value * (normal + 1)) - 1
        count, verb = ("none", "scores") if as_high == 0 else (f"{as_high}", "scores" if as_high == 1 else "score")
        word = "Anomalous" if self.verdict.anomalous else "Normal"
        return f"{word}: {count} of {normal} normal clips {verb} as high as this (p = {self.verdict.p_value:.2g})"

    def save(self, html_path: StrPath, png_path: StrPath | None = None) -> None:
        """Write the page, and the figure of its panels if asked for, each whole or not at all.

        Raises
        ------
        UserError
            If a file can't be written.
        """
        from .page import write_figure, write_page

        if png_path is not None:
            write_figure(self, png_path)
        write_page(self, html_path)


def explain(model: Model, file: str, detector: str | None = None) -> Explanation:
    """Explain the score of a recording; of a long one, that of its most anomalous window.

    Parameters
    ----------
    detector
        Name of a detector or ensemble; by default, the model's own choice.

    Raises
    ------
    UserError
        If nothing of the recording can be scored, or there is no such detector.
    """
    judge = model.judge(detector)
    recorded = read_windows(file, model.about)
    readable = [window for window in recorded.windows if isinstance(window, Window)]
    if not readable:
        why = [window.reason for window in recorded.windows if isinstance(window, NoWindow)]
        raise UserError(f"{why[0] if why else f'{file}: nothing in it can be scored'}. Give another recording.")
    verdicts = list(judge([(file, replace(recorded, windows=list(readable)))]))
    scores = np.array([verdict.score for verdict in verdicts])
    if np.isnan(scores).all():
        raise UserError(
            f"{file}: {judge.detector} gives no finite score for it. Choose another detector with --detector."
        )
    highest = int(np.nanargmax(scores))
    window, verdict = readable[highest], verdicts[highest]
    normal = model.about.normal
    (nearest,) = model.outputs(window.features[None], ["nearest_normal"])
    found = spectrogram(window.samples)
    normal_spectrum = DECIBELS * normal.band_mean
    smoothed = thinned(found, max(1, min(_SMOOTHED, round(seconds_of(found.shape[1]) / _SHORT))))
    return Explanation(
        verdict=verdict,
        windows=len(recorded.windows),
        unreadable=len(recorded.windows) - len(readable),
        about=model.about,
        record=judge.record,
        samples=window.samples,
        seconds=seconds_of(found.shape[1]),
        spectrogram=thinned(found, _SMOOTHED),
        typical=model.about.typical,
        normal_spectrum=normal_spectrum,
        difference=(smoothed - normal_spectrum[:, None]).astype(np.float32),
        deviations=_deviations(log_mel(window.features[None])[0], normal.band_mean, normal.band_spread),
        short_deviations=_short_deviations(window.features, normal.mean, normal.spread),
        basic=tuple(
            Basic(*one)
            for one in zip(
                BASIC_NAMES,
                *(values[BASIC_COLUMNS].tolist() for values in (window.features, normal.mean, normal.spread)),
                strict=True,
            )
        ),
        attribution=attribute(partial(model.scores, detector=judge.detector), window.features, nearest[0]),
    )


def _deviations(
    values: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray((values - mean) / np.maximum(spread, _LEAST_SPREAD))


def _short_deviations(
    features: NDArray[np.float32], mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    if len(features) == N_FEATURES:
        return None
    return _deviations(features[SHORT_SOUNDS].astype(np.float64), mean[SHORT_SOUNDS], spread[SHORT_SOUNDS])
