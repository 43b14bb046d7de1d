"""Figures about a clip: spectrograms, and what is unusual in them.

Each panel is drawn into axes of its caller, so that the page has them one by one, in light and in dark, and the figure
all together.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from ..features.columns import HIGHEST_FREQUENCY, MEL_BANDS, hertz_to_mel, mel_centres
from ..features.spectrogram import thinned
from ..figures.style import ABNORMAL, LARGE, MEDIUM, NEUTRAL, NORMAL, PAGE_WIDTH, SMALL, fitted, new_figure
from ..files.neutral import in_one_line

if TYPE_CHECKING:
    from .explanation import Explanation

PANEL_WIDTH = 4.4  # inches; on a phone's screen, its letters are then those of a newspaper
_SHARPNESS = 190  # dots an inch
_QUALITY = 82  # of WebP, of spectrograms
_RANGE = 70.0  # dB that a spectrogram shows at most
_LEAST_RANGE = 20.0
_LEAST_DIFFERENCE = 10.0  # dB, at the ends of the scale
_TICKS = (0, 500, 1000, 2000, 4000, 8000)  # Hz
_WITHIN = 2.0  # standard deviations that are shaded
_BARS = 10  # of contributions
_FAR = 3.0  # times the range of the calibration scores, beyond which a score is drawn at the edge
_SMALL_FRAMES = 400

_BASIC_WORDS = {
    "rms": "level (rms)",
    "kurtosis": "kurtosis",
    "skewness": "skewness",
    "ptp": "peak to peak",
    "crest": "crest factor",
    "mean": "offset (mean)",
    "std": "deviation (std)",
    "entropy": "entropy",
}


@dataclass(frozen=True)
class Theme:
    """Colours of a figure."""

    ink: str
    paper: str
    faint: str
    neutral: str
    normal: str
    abnormal: str
    diverging: str


LIGHT = Theme("#1b1f24", "#ffffff", "#e1e4e8", NEUTRAL, NORMAL, ABNORMAL, "RdBu_r")
DARK = Theme("#e6e9ed", "#14171b", "#363d46", "#a0a8b2", "#4A9FD8", "#ff9d76", "berlin")


@contextmanager
def themed(theme: Theme) -> Iterator[None]:
    """Have figures drawn in the colours of a theme."""
    colours: dict[Any, Any] = {
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), theme.ink),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), theme.paper),
        "axes.edgecolor": theme.neutral,
        "grid.color": theme.faint,
    }
    with matplotlib.rc_context(colours):
        yield


@dataclass(frozen=True)
class Panel:
    """A panel of the page.

    Attributes
    ----------
    draw
        Draws it into axes.
    description
        What is to be seen, in words.
    height
        Inches at a width of `PANEL_WIDTH`.
    photographic
        Whether it is a picture of many colours, and not of lines.
    """

    draw: Callable[[Axes, Theme], None]
    description: str
    height: float
    photographic: bool = False


@dataclass(frozen=True)
class Picture:
    """A panel as files of the MIME type `kind`, of so many pixels."""

    light: bytes
    dark: bytes
    kind: str
    size: tuple[int, int]


def pictured(panel: Panel) -> Picture:
    """Draw a panel in light and in dark."""
    light, dark = (_drawn(panel, theme) for theme in (LIGHT, DARK))
    kind, size = _image_format(), (round(PANEL_WIDTH * _SHARPNESS), round(panel.height * _SHARPNESS))
    return Picture(light, dark, f"image/{kind}", size)


def _drawn(panel: Panel, theme: Theme) -> bytes:
    with themed(theme):
        figure = new_figure(PANEL_WIDTH, panel.height)
        panel.draw(figure.add_subplot(), theme)
        kind = _image_format()
        how: dict[str, Any] = {"quality": _QUALITY} if panel.photographic else {"lossless": True, "quality": 80}
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=_SHARPNESS, pil_kwargs=how if kind == "webp" else {"optimize": True})
        return buffer.getvalue()


def _image_format() -> str:
    from PIL import features

    return "webp" if features.check("webp") else "png"


# ----------------------------------------------------------------------------------------------------- the panels


def panels(explanation: Explanation) -> dict[str, Panel]:
    """Name -> panel, of all that there is to see of an explanation."""
    found = explanation
    low, high = decibel_range(found.spectrogram, *([] if found.typical is None else [found.typical.spectrogram]))
    instead = np.repeat(found.normal_spectrum[:, None], 2, axis=1).astype(np.float32)
    typical, seconds = (
        (instead, found.seconds)
        if found.typical is None
        else (thinned(found.typical.spectrogram, found.spectrogram.shape[1]), found.typical.seconds)
    )
    shades: dict[str, Any] = {"low": low, "high": high, "label": "dB"}
    limit = difference_limit(found.difference)
    top = "; ".join(found.verdict.reasons)
    ranked = [range_in_words(part.hertz) for part in found.attribution.ranked[:3]]
    odd = max(found.basic, key=lambda one: abs(one.deviation))

    def clip(axes: Axes, theme: Theme) -> None:
        draw_spectrogram(axes, found.spectrogram, found.seconds, theme, title="This clip", **shades)

    def normal(axes: Axes, theme: Theme) -> None:
        title = "Mean spectrum of normal clips" if found.typical is None else "The most typical normal clip"
        draw_spectrogram(axes, typical, seconds, theme, title=title, **shades)

    def difference(axes: Axes, theme: Theme) -> None:
        draw_spectrogram(
            *(axes, found.difference, found.seconds, theme),
            title="This clip less the mean of normal clips",
            low=-limit,
            high=limit,
            label="dB above normal",
            colours=theme.diverging,
        )

    return {
        "clip": Panel(
            clip,
            f"Spectrogram of the clip: time from 0 to {found.seconds:.3g} s to the right, frequency from 0 to 8 kHz "
            f"upward, {low:.0f} to {high:.0f} dB.",
            2.9,
            photographic=True,
        ),
        "typical": Panel(
            normal,
            "The model has no typical clip: the mean spectrum of normal clips, the same at all times."
            if found.typical is None
            else "Spectrogram of the most typical normal clip, in the same colours.",
            2.9,
            photographic=True,
        ),
        "difference": Panel(
            difference,
            f"Difference of the clip from the mean of normal clips, from {-limit:.0f} to {limit:.0f} dB. Most unusual: "
            f"{top}.",
            2.9,
            photographic=True,
        ),
        "deviations": Panel(
            lambda axes, theme: draw_deviations(axes, found.deviations, found.short_deviations, theme),
            "Difference of each mel band from normal clips in their standard deviations. Most unusual: " + top + ".",
            2.9,
        ),
        "attribution": Panel(
            lambda axes, theme: draw_attribution(axes, found, theme),
            f"What frequency ranges contribute to the score. Most: {', then '.join(ranked)}.",
            2.9,
        ),
        "basic": Panel(
            lambda axes, theme: draw_basic(axes, found, theme),
            "The eight basic features beside those of normal clips. Farthest from them: "
            f"{_BASIC_WORDS[odd.name]}, {odd.deviation:+.1f} standard deviations.",
            2.9,
        ),
        "scores": Panel(
            lambda axes, theme: draw_scores(axes, found, theme),
            f"Histogram of the scores of {len(found.record.calibration)} normal clips; this clip's score is "
            f"{found.verdict.score:.4g}, the threshold {found.record.threshold:.4g}.",
            2.9,
        ),
    }


def range_in_words(hertz: tuple[float, float] | None) -> str:
    """A part of a clip: ``2.1-2.6 kHz``, ``basic features``."""
    if hertz is None:
        return "basic features"
    low, high = hertz
    return f"{low:.0f}-{high:.0f} Hz" if high < 1000 else f"{low / 1000:.2g}-{high / 1000:.2g} kHz"


def decibel_range(*spectrograms: NDArray[np.float32]) -> tuple[float, float]:
    """Lowest and highest dB that are told apart in spectrograms, which are drawn in the same colours."""
    values = np.concatenate([one.ravel() for one in spectrograms])
    low, high = (float(value) for value in np.percentile(values, (1, 99.9)))
    high = max(high, low + _LEAST_RANGE)
    return max(low, high - _RANGE), high


def difference_limit(difference: NDArray[np.float32]) -> float:
    """dB at both ends of the colours of a difference, so that no difference has the colour between."""
    return max(_LEAST_DIFFERENCE, float(np.percentile(np.abs(difference), 99.5)))


def draw_spectrogram(
    axes: Axes,
    values: NDArray[np.float32],
    seconds: float,
    theme: Theme,
    *,
    title: str,
    low: float,
    high: float,
    label: str,
    colours: str = "magma",
) -> None:
    """A spectrogram, float32 [128, frames], over `seconds`."""
    from librosa.display import specshow

    mesh = specshow(
        *(values,),
        ax=axes,
        x_coords=(np.arange(values.shape[1]) + 0.5) * (seconds / values.shape[1]),
        x_axis="time" if seconds >= 60 else "s",
        y_axis="mel",
        sr=2 * HIGHEST_FREQUENCY,
        fmax=HIGHEST_FREQUENCY,
        vmin=low,
        vmax=high,
        cmap=colours,
    )
    mesh.set_rasterized(True)
    axes.set(title=title, xlabel="time" if seconds >= 60 else "time (s)", ylabel="frequency (kHz)")
    axes.set(xlim=(0.0, seconds), ylim=(0.0, HIGHEST_FREQUENCY))
    _ticks_in_kilohertz(axes.yaxis, _TICKS)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    bar = axes.figure.colorbar(mesh, ax=axes, label=label, pad=0.02, aspect=25)
    bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)


def _ticks_in_kilohertz(axis: Any, places: Sequence[float]) -> None:
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter([f"{value / 1000:g}" for value in _TICKS]))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def band_of(hertz: float) -> float:
    """Place of a frequency among the mel bands: 0.0 at the centre of the first."""
    centres = mel_centres()
    step = (hertz_to_mel(centres[-1]) - hertz_to_mel(centres[0])) / (MEL_BANDS - 1)
    return (hertz_to_mel(hertz) - hertz_to_mel(centres[0])) / step


def draw_deviations(
    axes: Axes, deviations: NDArray[np.float64], short: NDArray[np.float64] | None, theme: Theme
) -> None:
    """Deviations of the mel bands, and of short sounds in them, float64 [128] both."""
    bands = np.arange(MEL_BANDS)
    axes.axhspan(-_WITHIN, _WITHIN, color=theme.normal, alpha=0.2, linewidth=0)
    axes.axhline(0.0, color=theme.neutral, linewidth=0.6)
    outside = np.abs(deviations) > _WITHIN
    axes.bar(bands[~outside], deviations[~outside], width=1.0, color=theme.neutral, linewidth=0)
    axes.bar(bands[outside], deviations[outside], width=1.0, color=theme.abnormal, linewidth=0)
    if short is not None:
        axes.plot(bands, short, color=theme.ink, linewidth=0.9, linestyle="--", label="short sounds")
        level = Patch(color=theme.neutral, linewidth=0, label="mean level")
        axes.legend(handles=[level, *axes.get_legend_handles_labels()[0]], loc="best", fontsize=SMALL)
    axes.set(title="Bands beside normal clips", xlabel="frequency (kHz)", ylabel="standard deviations")
    axes.set_xlim(-1.0, MEL_BANDS)
    _ticks_in_kilohertz(axes.xaxis, [band_of(value) for value in _TICKS])
    reach = 1.08 * max(3.0, *(float(np.abs(one).max()) for one in (deviations, short) if one is not None))
    low = min(-3.0, *(float(one.min()) for one in (deviations, short) if one is not None))
    axes.set_ylim(max(-reach, 1.08 * low), reach)


def draw_attribution(axes: Axes, explanation: Explanation, theme: Theme) -> None:
    """The parts that contribute most, as bars."""
    ranked = explanation.attribution.ranked
    parts = ranked[:_BARS][::-1]
    values = [part.contribution for part in parts]
    colours = [theme.abnormal if value > 0 else theme.normal for value in values]
    places = np.arange(len(parts))
    axes.barh(places, values, color=colours, height=0.72)
    axes.axvline(0.0, color=theme.neutral, linewidth=0.6)
    axes.set_yticks(places, [range_in_words(part.hertz) for part in parts])
    axes.tick_params(axis="y", length=0)
    axes.set(title="What contributes most to the score", xlabel="contribution to the score")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x")


def draw_basic(axes: Axes, explanation: Explanation, theme: Theme) -> None:
    """The basic features, in standard deviations of normal clips, with their values."""
    basic = explanation.basic[::-1]
    places = np.arange(len(basic))
    values = np.array([one.deviation for one in basic])
    reach = max(4.0, 1.15 * float(np.abs(values).max()))
    axes.axvspan(-_WITHIN, _WITHIN, color=theme.normal, alpha=0.2, linewidth=0)
    axes.axvline(0.0, color=theme.neutral, linewidth=0.6)
    outside = np.abs(values) > _WITHIN
    for which, colour, mark in ((~outside, theme.neutral, "o"), (outside, theme.abnormal, "D")):
        axes.hlines(places[which], 0.0, values[which], color=colour, linewidth=1.0)
        axes.plot(values[which], places[which], mark, color=colour, markersize=5)
    axes.set_yticks(places, [_BASIC_WORDS[one.name] for one in basic])
    axes.tick_params(axis="y", length=0)
    for place, one in zip(places, basic, strict=True):
        low, high = one.mean - _WITHIN * one.spread, one.mean + _WITHIN * one.spread
        axes.annotate(
            f"{_number(one.value)}  ({_number(low)} to {_number(high)})",
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    axes.set(title="Basic features, and their normal range", xlabel="standard deviations")
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-0.6, len(basic) - 0.4)


def _number(value: float) -> str:
    """Of two digits: ``0.012``, ``-13000``."""
    return f"{float(f'{value:.2g}'):g}"


def draw_scores(axes: Axes, explanation: Explanation, theme: Theme) -> None:
    """The score among those of the calibration clips, and the threshold."""
    import seaborn

    calibration, threshold = explanation.record.calibration, explanation.record.threshold
    score = explanation.verdict.score
    low, high = float(min(calibration[0], threshold)), float(max(calibration[-1], threshold))
    span = max(high - low, 1e-9 * max(1.0, abs(high)))
    seaborn.histplot(x=calibration, ax=axes, bins=_bins(calibration), color=theme.normal, edgecolor=theme.paper)
    seaborn.rugplot(x=calibration, ax=axes, color=theme.normal, height=0.03, alpha=0.6)
    axes.axvline(threshold, color=theme.ink, linestyle="--", linewidth=1.0)
    far = score > high + _FAR * span or score < low - _FAR * span
    left = low - 0.08 * span if far else min(low, score) - 0.08 * span
    right = high + 0.5 * span if far else max(high, score) + 0.08 * span
    axes.set_xlim(left, right)
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    place = right if far and score > high else left if far else score
    colour = theme.abnormal if explanation.verdict.anomalous else theme.ink
    if not far:
        axes.axvline(score, color=colour, linewidth=1.6)
    arrow = " →" if far and score > high else ""
    for where, text, of, height, other in (
        (place, f"this clip {score:.4g}{arrow}", colour, 0.97, threshold),
        (threshold, f"threshold {threshold:.4g}", theme.ink, 0.87, place),
    ):
        share = (where - left) / (right - left)
        rightward = share < 0.3 or (share < 0.7 and where >= other)  # away from the other, as far as there is room
        axes.annotate(
            text,
            (where, height),
            xycoords=("data", "axes fraction"),
            xytext=(4 if rightward else -4, 0),
            textcoords="offset points",
            ha="left" if rightward else "right",
            va="top",
            fontsize=SMALL,
            color=of,
            bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1.0},
        )
    title = f"Scores of {len(calibration)} normal clips"
    axes.set(title=title, xlabel=f"score of {explanation.verdict.detector}", ylabel="normal clips")


def _bins(values: NDArray[np.float64]) -> int:
    return int(np.clip(np.sqrt(len(values)) * 1.5, 5, 40))


# ------------------------------------------------------------------------------------------------- figures of panels


def all_panels(explanation: Explanation) -> Figure:
    """One figure, a page wide, with all panels."""
    drawn = panels(explanation)
    with themed(LIGHT):
        figure = new_figure(PAGE_WIDTH, 10.0)
        names = ("clip", "typical", "difference", "deviations", "attribution", "basic", "scores")
        parts = cast(Any, figure.subfigures(4, 2)).ravel()  # each with a layout of its own, for labels differ in length
        for part, name in zip(parts, names, strict=False):
            drawn[name].draw(part.subplots(), LIGHT)
        _write_facts(parts[-1].subplots(), figure, explanation)
        title = f"{in_one_line(os.path.basename(explanation.verdict.file))}: {explanation.sentence}"
        figure.suptitle(fitted(figure, title, LARGE, 0.96 * PAGE_WIDTH))
    return figure


def _write_facts(axes: Axes, figure: Figure, explanation: Explanation) -> None:
    verdict = explanation.verdict
    lines = [
        explanation.about.title,
        f"{verdict.detector}, {verdict.start:.4g} to {verdict.end:.4g} s",
        "",
        "Most unusual:",
        *verdict.reasons,
        *verdict.remarks,
    ]
    axes.axis("off")
    text = "\n".join(fitted(figure, in_one_line(line), MEDIUM, 0.44 * PAGE_WIDTH) for line in lines)
    axes.text(0.0, 1.0, text, va="top", transform=axes.transAxes, fontsize=MEDIUM)


def small_spectrogram(values: NDArray[np.float32], low: float, high: float) -> Picture:
    """A spectrogram, float32 [128, frames], without axes, from black at `low` dB to bright at `high` dB.

    It is the same in light and in dark.
    """
    from PIL import Image

    shown = thinned(values, _SMALL_FRAMES)
    colours = matplotlib.colormaps["magma"]((np.clip(shown, low, high) - low) / (high - low), bytes=True)
    picture = Image.fromarray(np.ascontiguousarray(colours[::-1, :, :3]))
    buffer, kind = io.BytesIO(), _image_format()
    picture.save(buffer, kind, **({"quality": _QUALITY, "method": 6} if kind == "webp" else {"optimize": True}))
    return Picture(buffer.getvalue(), buffer.getvalue(), f"image/{kind}", picture.size)
