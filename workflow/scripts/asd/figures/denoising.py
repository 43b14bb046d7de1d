"""Figures of clips before and after denoising, and what it does to the distance between their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from ..ddae.denoiser import Denoiser
from ..detection.units import UnitClips
from ..features.bands import log_mel
from ..features.columns import (
    BASIC_COLUMNS,
    BASIC_NAMES,
    HIGHEST_FREQUENCY,
    N_FEATURES,
    hertz_to_mel,
    mel_centres,
    mel_to_hertz,
)
from ..files import StrPath
from .style import (
    ABNORMAL,
    HATCH,
    LARGE,
    MEDIUM,
    NORMAL,
    PAGE_WIDTH,
    SMALL,
    Series,
    fitted,
    legend_below,
    line_key,
    new_figure,
    show_range,
)

_DECIBEL = 10.0 / np.log(10.0)  # from the natural logarithm of a power
_QUANTILES = (0.1, 0.5, 0.9)
_MEL_SCALE = tuple(np.vectorize(scale, otypes=[np.float64]) for scale in (hertz_to_mel, mel_to_hertz))
_BASIC_UNITS = dict.fromkeys(("rms", "ptp", "mean", "std"), "amplitude")


@dataclass(frozen=True)
class FeaturePanel:
    """Features of the test clips at one SNR, before and after denoising.

    Attributes
    ----------
    before_normal, before_abnormal, after_normal, after_abnormal
        float32 [clips, 136], in the features' own units: what the networks give is scaled back.
    """

    before_normal: NDArray[np.float32]
    before_abnormal: NDArray[np.float32]
    after_normal: NDArray[np.float32]
    after_abnormal: NDArray[np.float32]

    @classmethod
    def of(cls, clips: UnitClips, denoiser: Denoiser) -> FeaturePanel:
        """Of the test clips of an ID."""
        before = [part[:, :N_FEATURES] for part in clips.test()]
        return cls(*before, *(denoiser.denoise_unscaled(part) for part in before))

    @property
    def pairs(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Before and after -> normal and abnormal clips."""
        return {
            "before": (self.before_normal, self.before_abnormal),
            "after": (self.after_normal, self.after_abnormal),
        }


def separation(normal: NDArray[np.float64], abnormal: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the medians of two groups of clips are apart, in units of their spread.

    Parameters
    ----------
    normal, abnormal
        float64 [clips, columns].

    Returns
    -------
    float64 [columns]
        Median of the abnormal less that of the normal clips, divided by half of the mean width of the two 10-90 %
        bands: beyond 1 either way, half of a band fits between the medians.  NaN where there is no spread.
    """
    if not len(normal) or not len(abnormal):
        return np.full(normal.shape[1], np.nan)
    low, middle, high = np.quantile(normal, _QUANTILES, axis=0)
    low_too, middle_too, high_too = np.quantile(abnormal, _QUANTILES, axis=0)
    half = ((high - low) + (high_too - low_too)) / 4.0
    result = np.full(normal.shape[1], np.nan)
    np.divide(middle_too - middle, half, out=result, where=half > 0)
    return result


FEWEST_TO_TELL = 10
"""Test clips of a class below which nothing is said of what denoising does to them."""

_CHANGED = 1.2
_APART = 0.25
_BEYOND_CHANCE = 1.3  # times the separation of so many clips that do not differ


def overall_separation(normal: NDArray[np.float32], abnormal: NDArray[np.float32]) -> float:
    """How far two groups of clips are apart in all features together: the root mean square of `separation`.

    Parameters
    ----------
    normal, abnormal
        float32 [clips, 136], in the features' own units; the mean log-mel spectrum counts in place of its cepstrum.

    Returns
    -------
    float
        NaN where a group is empty, or no feature varies.
    """
    apart = np.concatenate(
        [
            separation(log_mel(normal), log_mel(abnormal)),
            separation(*(np.asarray(block[:, BASIC_COLUMNS], np.float64) for block in (normal, abnormal))),
        ]
    )
    known = apart[np.isfinite(apart)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")


def verdict_on_denoising(panels: Mapping[str, FeaturePanel]) -> str:
    """What denoising does to the distance between normal and abnormal clips, in a sentence.

    Parameters
    ----------
    panels
        SNR's label -> features.
    """
    if not _has_abnormal(panels):
        return "There are no abnormal clips, so nothing shows whether denoising sets them apart."
    found: dict[str, list[str]] = {}
    for label, panel in panels.items():
        (before, after), numbers = (overall_separation(*pair) for pair in panel.pairs.values()), ""
        if min(len(panel.before_normal), len(panel.before_abnormal)) < FEWEST_TO_TELL:
            clause = "can't be judged by so few of them"
        elif not after > 0.0:
            clause = "makes nearly the same of all of them"
        else:
            numbers = f" ({before:.2f} to {after:.2f})"
            by_chance = _BEYOND_CHANCE * np.sqrt(1 / len(panel.before_normal) + 1 / len(panel.before_abnormal))
            if max(before, after) < max(_APART, by_chance):
                clause = "leaves them mixed"
            elif after >= _CHANGED * before:
                clause = "moves them further apart"
            else:
                clause = "moves them closer together" if after <= before / _CHANGED else "changes little"
        found.setdefault(clause, []).append(f"{label}{numbers}")
    clauses = [f"{clause} at {_enumerated(where)}" for clause, where in found.items()]
    sentence = f"Abnormal and normal clips: denoising {_enumerated(clauses)}."
    return sentence.replace(" (", " (separation ", 1) if " to " in sentence else sentence


def _enumerated(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def denoising(panels: Mapping[str, FeaturePanel], title: str) -> Figure:
    """What denoising does to the features of normal and of abnormal test clips, a page, with the verdict on top.

    The upper part has a column for each SNR: the mean log-mel spectra before and after denoising, in dB (median as a
    line, 10-90 % of the clips as a band), and how far abnormal and normal clips are apart in each mel band before and
    after (see `separation`).  The axis of frequency is the mel scale.  The lower part has a panel for each of the
    eight basic features in their own units, with the SNRs beside each other: boxes of 25-75 % with the median and
    whiskers of 10-90 %; hollow before and filled after denoising, normal at the left and abnormal (hatched when
    filled) at the right of each pair.

    Parameters
    ----------
    panels
        SNR's label -> features.
    title
        Above all panels.
    """
    page = _Denoising(list(panels), _has_abnormal(panels))
    page.show(panels, title)
    return page.figure


class DenoisingFigures:
    """Figures like those of `denoising`, each of which costs a fifth of the first."""

    def __init__(self) -> None:
        self._pages: dict[tuple[tuple[str, ...], bool], tuple[_Denoising, Series]] = {}

    def save(self, panels: Mapping[str, FeaturePanel], title: str, path: StrPath) -> None:
        """Write one as a PNG; SNRs, classes and title as `denoising` takes them."""
        shape = tuple(panels), _has_abnormal(panels)
        if shape not in self._pages:
            page = _Denoising(*shape)
            self._pages[shape] = page, Series(page.figure, page.varying, page.numbered)
        page, series = self._pages[shape]
        page.show(panels, title)
        series.save(path, page.title, page.verdict)


class _Denoising:
    """A page about denoising whose clips and title can be replaced.

    Attributes
    ----------
    varying
        What differs from one figure to the next, from the back to the front.
    numbered
        Axes with numbers at their left, and an example of these.
    """

    def __init__(self, labels: Sequence[str], abnormal: bool) -> None:
        count = max(len(labels), 1)
        figure = self.figure = new_figure(PAGE_WIDTH, 9.1, of_series=True)
        parts: Any = figure.subfigures(2, 1, height_ratios=(5.5, 3.6))
        upper, lower = parts
        self.grid = upper.subplots(3, count, squeeze=False, sharex=True, sharey="row")
        self.spectra = [_Spectra(self.grid[:, column], abnormal) for column in range(len(labels))]
        _settle_spectra(figure, self.grid, labels, abnormal)
        upper.supxlabel("mel band's centre in kHz", fontsize=MEDIUM)
        self.verdict = upper.suptitle(" ", fontsize=MEDIUM)
        self.title = figure.suptitle(" ")
        room = 0.95 * (PAGE_WIDTH / 4 - 0.5) / count
        names = [fitted(figure, label, SMALL, room) for label in labels]
        upright = any(label.count("\n") > 1 for label in names)
        names = [fitted(figure, label, SMALL, 0.8) for label in labels] if upright else names
        boxes = lower.subplots(2, -(-len(BASIC_NAMES) // 2), squeeze=False)
        self.boxes = [_Boxes(axes, len(labels)) for axes in boxes.flat[: len(BASIC_NAMES)]]
        for axes, name in zip(boxes.flat, BASIC_NAMES, strict=True):
            axes.set_title(name)
            axes.set_ylabel(_BASIC_UNITS.get(name, "no unit"), fontsize=SMALL, labelpad=1.0)
            axes.set_xticks(range(len(labels)), names, rotation=90 if upright else 0)
            axes.set_xlim(-0.6, count - 0.4)
            axes.tick_params(axis="x", length=0)
            axes.locator_params(axis="y", nbins=5)
            axes.grid(axis="y")
            for edge in range(1, len(labels)):
                axes.axvline(edge - 0.5, color="0.8", linewidth=0.6, zorder=0)
        kinds: list[tuple[str, bool, Any]] = [("normal", False, "-")]
        if abnormal:
            kinds.append(("abnormal", True, _DASHED))
        lines = [
            line_key(f"{kind} (median, 10–90 %)", color=ABNORMAL if of else NORMAL, linestyle=dash, linewidth=1.4)
            for kind, of, dash in kinds
        ]
        keys = [
            Patch(**_box_style(of, after), label=f"{kind} {'after' if after else 'before'}")
            for after in (False, True)
            for kind, of, _ in kinds
        ]
        handles: list[Artist] = [*lines, *keys]
        legend_below(figure, handles)
        self.numbered = dict.fromkeys(self.grid[:, 0], "−12.5") | {part.axes: "−0.000" for part in self.boxes}
        self.varying: list[Artist] = [self.title, self.verdict]
        for varying in (*(one.varying for one in self.spectra), *(one.varying for one in self.boxes)):
            self.varying += varying
        legend = self.grid[2, 0].get_legend()
        self.varying += [legend] if legend else []

    def show(self, panels: Mapping[str, FeaturePanel], title: str) -> None:
        """Replace what the page shows."""
        self.title.set_text(fitted(self.figure, title, LARGE, 0.96 * PAGE_WIDTH))
        self.verdict.set_text(fitted(self.figure, verdict_on_denoising(panels), MEDIUM, 0.96 * PAGE_WIDTH))
        for spectra, panel in zip(self.spectra, panels.values(), strict=True):
            spectra.show(panel)
        for axes in self.grid[:, 0] if panels else ():
            axes.autoscale_view(scalex=False)
        shared = [axes.get_ylim() for axes in self.grid[:2, 0]]
        for axes in self.grid[:2, 0]:
            axes.set_ylim(min(low for low, _ in shared), max(high for _, high in shared))
        if panels and not _has_abnormal(panels):
            self.grid[2, 0].set_ylim(-1.0, 1.0)
        for number, boxes in enumerate(self.boxes):
            column = BASIC_COLUMNS.start + number
            blocks = [block for panel in panels.values() for pair in panel.pairs.values() for block in pair]
            boxes.show([block[:, column] for block in blocks])


def _has_abnormal(panels: Mapping[str, FeaturePanel]) -> bool:
    return any(len(panel.before_abnormal) for panel in panels.values())


_DASHED = (0, (4, 1.2))
_SIDES = (("before", "0.55", 1.0), ("after", "black", 1.3))


class _Spectra:
    """Spectra of the clips at an SNR before and after denoising, and how far their classes are apart: three panels."""

    def __init__(self, column: Sequence[Axes], abnormal: bool) -> None:
        self.column, self.centres = column, mel_centres()
        nothing = np.full_like(self.centres, np.nan)
        self.bands: list[tuple[PolyCollection, Line2D]] = []
        self.varying: list[Artist] = []
        for axes in column[:2]:
            self.varying.append(axes.yaxis)
            for colour, dash in ((NORMAL, "-"), (ABNORMAL, _DASHED))[: 1 + abnormal]:
                band = PolyCollection([], facecolors=colour, alpha=0.22, linewidths=0)
                axes.add_collection(band, autolim=False)
                style: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 1.4, "zorder": 3}
                (line,) = axes.plot(self.centres, nothing, **style)
                self.bands.append((band, line))
            bands, lines = zip(*self.bands[-1 - abnormal :], strict=True)
            self.varying += [*bands, *lines, *axes.spines.values()]
        zero = column[2].axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
        self.apart = [
            column[2].plot(self.centres, nothing, color=colour, linewidth=width, label=when)[0]
            for when, colour, width in _SIDES
        ]
        self.varying += [column[2].yaxis, zero, *self.apart, *column[2].spines.values()]

    def show(self, panel: FeaturePanel) -> None:
        """Replace what the panels show."""
        bands = iter(self.bands)
        for axes, line_apart, blocks in zip(self.column, self.apart, panel.pairs.values(), strict=False):
            decibels = [_DECIBEL * log_mel(block) for block in blocks]
            shown = []
            for clips in decibels:
                if not len(clips):
                    continue
                band, line = next(bands)
                low, middle, high = np.quantile(clips, _QUANTILES, axis=0)
                corners = np.concatenate([np.stack([self.centres, low], 1), np.stack([self.centres, high], 1)[::-1]])
                band.set_verts([corners])
                line.set_ydata(middle)
                shown += [low, high]
            show_range(axes, [*shown, np.empty(0)])
            line_apart.set_ydata(separation(*decibels))
        show_range(self.column[2], [np.zeros(1), *(np.asarray(line.get_ydata(), float) for line in self.apart)])


def _settle_spectra(figure: Figure, grid: NDArray[Any], labels: Sequence[str], abnormal: bool) -> None:
    """Axes and texts of the panels of all SNRs."""
    room = (PAGE_WIDTH - 0.8) / max(len(labels), 1)
    kept = [0.0, 1000.0, 2000.0, 4000.0, 8000.0]
    if room > 1.6:
        kept.insert(1, 500.0)
    elif room < 1.1:
        kept = [0.0, 1000.0, 4000.0]
    for axes, label in zip(grid[0], labels, strict=False):
        axes.set_title(fitted(figure, label, MEDIUM, room))
    for axes in grid.flat:
        axes.set_xscale("function", functions=_MEL_SCALE)
        axes.set_xlim(0.0, HIGHEST_FREQUENCY)
        axes.set_xticks(kept, [f"{frequency / 1000.0:g}" for frequency in kept])
        axes.minorticks_off()
        axes.grid()
    for axes, text in zip(
        grid[:, 0], ("before: power in dB", "after: power in dB", "abnormal − normal\nin units of spread"), strict=True
    ):
        axes.set_ylabel(text)
    grid[2, 0].locator_params(axis="y", nbins=5)
    if labels and not abnormal:
        for axes in grid[2]:
            axes.set_yticks([])
            axes.text(
                0.5, 0.55, "no abnormal clips", transform=axes.transAxes, ha="center", color="0.4", fontsize=SMALL
            )
    elif labels:
        grid[2, 0].legend(loc="best", handlelength=1.4, frameon=True, framealpha=0.85, edgecolor="none", borderpad=0.2)


def _box_style(abnormal: bool, after: bool) -> dict[str, Any]:
    colour = ABNORMAL if abnormal else NORMAL
    if not after:
        return {"facecolor": "white", "edgecolor": colour, "linewidth": 0.9}
    if abnormal:
        return {"facecolor": "#E2BFAF", "edgecolor": colour, "linewidth": 0.9, "hatch": HATCH}
    return {"facecolor": colour, "edgecolor": colour, "linewidth": 0.9}


class _Boxes:
    """Boxes of 25-75 % with whiskers of 10-90 %, four for each SNR: normal and abnormal, before and after."""

    _WIDTH = 0.155

    def __init__(self, axes: Axes, snrs: int) -> None:
        self.axes = axes
        looks = [_box_style(abnormal, after) for after in (False, True) for abnormal in (False, True)]
        self.styles = looks * snrs
        self.places = [
            snr + 0.19 * (2 * after + abnormal - 1.5) + 0.06 * (2 * after - 1)
            for snr in range(snrs)
            for after in (0, 1)
            for abnormal in (0, 1)
        ]
        self.boxes = [
            Rectangle((place - self._WIDTH / 2, 0.0), self._WIDTH, 0.0, **style)
            for place, style in zip(self.places, self.styles, strict=True)
        ]
        for box in self.boxes:
            axes.add_artist(box)
        # all at once, which takes half of the time
        self.whiskers = LineCollection([], linewidths=0.9)
        self.medians = LineCollection([], colors="black", linewidths=1.2, zorder=3)
        for lines in (self.whiskers, self.medians):
            axes.add_collection(lines, autolim=False)
        self.varying: list[Artist] = [axes.yaxis, *self.boxes, self.whiskers, *axes.spines.values(), self.medians]

    def show(self, blocks: Sequence[NDArray[np.floating]]) -> None:
        """Replace what the boxes show: the values of each."""
        whiskers, colours, medians, shown = [], [], [], []
        for values, x, box, style in zip(blocks, self.places, self.boxes, self.styles, strict=True):
            finite = np.asarray(values, np.float64)
            finite = finite[np.isfinite(finite)]
            box.set_visible(bool(len(finite)))
            if not len(finite):
                continue
            low, start, middle, stop, high = np.quantile(finite, (0.1, 0.25, 0.5, 0.75, 0.9))
            box.set(y=start, height=stop - start)
            whiskers += [[(x, low), (x, start)], [(x, stop), (x, high)]]
            colours += [style["edgecolor"]] * 2
            medians.append([(x - self._WIDTH / 2, middle), (x + self._WIDTH / 2, middle)])
            shown.append(np.array([low, high]))
        self.whiskers.set_segments(whiskers)
        self.whiskers.set_color(colours)
        self.medians.set_segments(medians)
        show_range(self.axes, [*shown, np.empty(0)])
        self.axes.autoscale_view(scalex=False)
