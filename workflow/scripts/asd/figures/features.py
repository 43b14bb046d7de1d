"""Figures of features: losses of the networks, clips before and after denoising, and their principal components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..ddae.loss import Curve
from ..features.bands import log_mel
from ..features.columns import BASIC_COLUMNS, BASIC_NAMES, HIGHEST_FREQUENCY, hertz_to_mel, mel_centres, mel_to_hertz
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
    clip_grid,
    fitted,
    label_ends,
    legend_below,
    line_key,
    new_figure,
    show_range,
    title_above,
)

_DECIBEL = 10.0 / np.log(10.0)  # from the natural logarithm of a power
_QUANTILES = (0.1, 0.5, 0.9)
_MEL_SCALE = tuple(np.vectorize(scale, otypes=[np.float64]) for scale in (hertz_to_mel, mel_to_hertz))
_BASIC_UNITS = dict.fromkeys(("rms", "ptp", "mean", "std"), "amplitude")
_NETWORKS = {"mfcc": "MFCC network", "basic": "basic network"}


# --- data ---


def project_2d(
    train: NDArray[np.floating], *others: NDArray[np.floating]
) -> tuple[tuple[NDArray[np.float64], ...], tuple[float, float]]:
    """The two directions in which clips lie apart from the typical training clip, and all clips in their plane.

    They are the first two principal components of all rows' directions, seen from the median training row (spherical
    principal components): each clip counts once, however far out it is, and whether it is normal does not count.
    Components of the training rows alone would show nothing of what whitening sees: these vary alike in all directions.

    Parameters
    ----------
    train
        float [clips, columns], at least one clip.
    others
        float [clips, columns] each.

    Returns
    -------
    tuple
        The projections float64 [clips, 2] of `train` and of each of `others`, and for the two components the share of
        the squared distance to the median training row that is along them, mean over the clips.  The largest loading
        of a component is positive.  A component that there are too few clips for is zero.

    References
    ----------
    Locantore, N. et al. (1999). Robust principal component analysis for functional data. *Test* 8, 1-73.
    """
    blocks = [np.asarray(block, np.float64) for block in (train, *others)]
    middle = np.median(blocks[0], axis=0)
    rows = np.concatenate(blocks) - middle
    # what rounding leaves of a distance that is not there
    tiny = np.finfo(np.float64).eps * max(rows.shape) * (float(np.abs(blocks[0]).max()) + 1e-300)
    lengths = np.linalg.norm(rows, axis=1)
    directions = rows[lengths > tiny] / lengths[lengths > tiny, None]
    axes = np.zeros((2, rows.shape[1]))
    shares = np.zeros(2)
    if len(directions):
        values, vectors = np.linalg.eigh(directions.T @ directions)
        for number, place in enumerate(range(len(values) - 1, max(len(values) - 3, -1), -1)):
            if values[place] > 1e-9 * len(directions):
                vector = vectors[:, place]
                axes[number] = vector * np.sign(vector[np.argmax(np.abs(vector))])
                shares[number] = values[place] / len(directions)
    return tuple((block - middle) @ axes.T for block in blocks), (float(shares[0]), float(shares[1]))


# --- losses ---


def loss_curves(curves: Mapping[str, Mapping[float, Sequence[Curve]]], title: str) -> Figure:
    """Losses against the epoch or step, on a logarithmic axis: a panel for each network.

    The line is the mean over the seeds, the band their range; dashed lines are the losses of held-out clips, with a dot
    where each seed's weights were kept.  Noise factors are darker the smaller they are, and named at the ends of the
    lines.  Above a panel stands whether its network has learned.

    Parameters
    ----------
    curves
        Network (``mfcc``, ``basic``) -> noise factor -> the training of each seed.
    title
        Above all panels.
    """
    factors = sorted({factor for of in curves.values() for factor in of})
    # the lightest third of the map is too light for lines on white
    places = np.linspace(0.0, 0.72, len(factors)) if len(factors) > 1 else [0.0]
    styles = {
        factor: {"color": matplotlib.colormaps["viridis"](float(place))}
        for factor, place in zip(factors, places, strict=True)
    }
    figure = new_figure(PAGE_WIDTH, 3.5)
    grid = figure.subplots(1, max(len(curves), 1), squeeze=False)
    ends: dict[Axes, list[tuple[float, float, str, Mapping[str, Any]]]] = {}
    every = [curve for of in curves.values() for trained in of.values() for curve in trained]
    unit = every[0].unit if every else "epoch"
    for axes, (network, of) in zip(grid.flat, curves.items(), strict=False):
        ends[axes] = []
        longest = 1
        for factor in sorted(of):
            style = styles[factor]
            end = _draw_training(axes, of[factor], f"{factor:g}", style)
            _draw_validation(axes, of[factor], style)
            if end is not None:
                longest = max(longest, int(end[0]))
                ends[axes].append((*end, f"{factor:g}", style))
        axes.set_yscale("log")
        _plain_log_axis(axes)
        start = 0 if unit == "step" else 1
        axes.set_xlim(start - 0.01 * longest, longest + 0.01 * longest)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel(_PLACES[unit])
        said, fine = verdict_on_training(of)
        said = fitted(figure, said, MEDIUM, 0.8 * figure.get_figwidth() / len(curves))
        axes.set_title(f"{_NETWORKS.get(network, network)}\n{said}", color="black" if fine else ABNORMAL)
        axes.grid()
    grid[0, 0].set_ylabel("loss: mean squared error\nof features scaled to 0–1")
    seeds = max((len(trained) for of in curves.values() for trained in of.values()), default=1)
    notes = ["numbers at the lines: noise factor"]
    notes += [f"mean and range over {seeds} seeds"] if seeds > 1 else []
    keys: list[Artist] = [line_key("clips that train", color="black")]
    if any(curve.validation for curve in every):
        keys.append(line_key("clips held out", color="black", **_HELD_OUT))
        keys.append(line_key("weights that were kept", color="black", linestyle="", marker="o", markersize=3.5))
    legend_below(figure, keys, "; ".join(notes))
    title_above(figure, title)
    label_ends(figure, ends)
    return figure


_PLACES = {"epoch": "epoch (all training clips once)", "step": "step (one batch of clips)"}
_HELD_OUT: dict[str, Any] = {"linestyle": (0, (4, 1.8)), "linewidth": 1.0}


def verdict_on_training(of: Mapping[float, Sequence[Curve]]) -> tuple[str, bool]:
    """Whether a network has learned, in a few words, and whether all is well.

    Parameters
    ----------
    of
        Noise factor -> the training of each seed.

    Examples
    --------
    >>> verdict_on_training({0.7: [Curve([0.08, 0.02], [], 0, 1, spread=0.5)]})
    ('has learned: its loss fell by 75 %', True)
    >>> verdict_on_training({0.2: [Curve([0.08, 0.02], [], 0, 1)], 0.7: [Curve([0.08, 0.079], [], 0, 1)]})
    ('has hardly learned anything at noise factor 0.7', False)
    """
    untrained = [f"{factor:g}" for factor in sorted(of) if any(curve.complaints() for curve in of[factor])]
    if untrained:
        return f"has hardly learned anything at noise factor {', '.join(untrained)}", False
    pairs = [curve.first_and_kept for trained in of.values() for curve in trained]
    falls = sorted(100.0 * (1.0 - kept / first) for first, kept in pairs)
    if not falls:
        return "no training", True
    low, high = f"{falls[0]:.0f}", f"{falls[-1]:.0f}"
    return f"has learned: its loss fell by {low if low == high else f'{low} to {high}'} %", True


def _stacked(trained: Sequence[Curve], values: Sequence[Sequence[float]]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Places where some of the seeds have a value, [places], and the values there, [seeds, places]; NaN where a seed
    has none."""
    longest = max(trained, key=lambda curve: len(curve.training)).places if trained else []
    stacked = np.full((len(trained), len(longest)), np.nan)
    for row, of_seed in zip(stacked, values, strict=True):
        row[: len(of_seed)] = of_seed
    known = np.isfinite(stacked).any(axis=0)
    return np.asarray(longest)[known], stacked[:, known]


def _draw_training(
    axes: Axes, trained: Sequence[Curve], label: str, style: Mapping[str, Any]
) -> tuple[float, float] | None:
    """Mean and range of the training losses of all seeds; where the line ends, if there is one."""
    places, losses = _stacked(trained, [curve.training for curve in trained])
    if not len(places):
        return None
    mean, low, high = np.nanmean(losses, axis=0), np.nanmin(losses, axis=0), np.nanmax(losses, axis=0)
    axes.fill_between(places, low, high, color=style["color"], alpha=0.15, linewidth=0)
    axes.plot(places, mean, marker="o" if len(places) == 1 else "", label=label, **style)
    return float(places[-1]), float(mean[-1])


def _draw_validation(axes: Axes, trained: Sequence[Curve], style: Mapping[str, Any]) -> None:
    """Mean of the losses of held-out clips over all seeds, and where each seed's weights were kept."""
    places, losses = _stacked(trained, [curve.validation for curve in trained])
    if not len(places):
        return
    axes.plot(places, np.nanmean(losses, axis=0), **{**style, **_HELD_OUT})
    kept = [(curve.places[curve.kept], curve.validation[curve.kept]) for curve in trained if curve.validation]
    axes.plot(*zip(*kept, strict=True), linestyle="", marker="o", markersize=3.5, color=style["color"])


def _plain_log_axis(axes: Axes) -> None:
    """Ticks of a logarithmic y axis as plain numbers: at each power of ten, and between where there are few."""
    low, high = axes.get_ylim()
    decades = np.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0) if decades > 1.0 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


# --- denoising ---


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


# --- projection ---


@dataclass(frozen=True)
class ProjectionPanel:
    """Two components of the clips of one ID at one SNR.

    Attributes
    ----------
    train, normal, abnormal
        float64 [clips, 2]: the training clips, and the test clips of either class.
    explained
        The components' shares of the squared distance to the typical training clip (see `project_2d`).
    auc
        Of the detector whose view this is; NaN where it is not known.
    """

    train: NDArray[np.float64]
    normal: NDArray[np.float64]
    abnormal: NDArray[np.float64]
    explained: tuple[float, float]
    auc: float = float("nan")


def projection_limits(panel: ProjectionPanel) -> NDArray[np.float64]:
    """Lower and upper limit of both axes, float64 [2 limits, 2 axes].

    They hold 98 % of each class along each axis, but reach no further from the normal clips than three times the
    range of those.
    """
    normal = np.concatenate([panel.train, panel.normal])
    normal = normal[np.isfinite(normal).all(axis=1)]
    abnormal = panel.abnormal[np.isfinite(panel.abnormal).all(axis=1)]
    if not len(normal):
        normal = abnormal if len(abnormal) else np.array([[0.0, 0.0], [1.0, 1.0]])
    low, high = np.quantile(normal, (0.01, 0.99), axis=0)
    span = np.maximum(high - low, 1e-9)
    if len(abnormal):
        low_too, high_too = np.quantile(abnormal, (0.01, 0.99), axis=0)
        low, high = (
            np.minimum(low, np.maximum(low_too, low - 3.0 * span)),
            np.maximum(high, np.minimum(high_too, high + 3.0 * span)),
        )
    margin = 0.06 * (high - low) + 1e-9
    return np.asarray([low - margin, high + margin], np.float64)


def projection(panels: Mapping[tuple[str, str], ProjectionPanel], title: str) -> Figure:
    """Clips in the plane of two components, a panel for each SNR and ID.

    Clips outside of the axes stand at their edge, as marks of half the size, and are counted above the panel.

    Parameters
    ----------
    panels
        (SNR's label, ID) -> clips.  SNRs go down and IDs across, or the other way round for one ID or more than four.
    title
        Above all panels.
    """
    planes = _Planes(list(panels), _has_abnormal_clips(panels))
    planes.show(panels, title)
    return planes.figure


def _has_abnormal_clips(panels: Mapping[tuple[str, str], ProjectionPanel]) -> bool:
    return any(len(panel.abnormal) for panel in panels.values())


class ProjectionFigures:
    """Figures like those of `projection`, each of which costs a fifth of the first."""

    def __init__(self) -> None:
        self._pages: dict[tuple[tuple[tuple[str, str], ...], bool], tuple[_Planes, Series]] = {}

    def save(self, panels: Mapping[tuple[str, str], ProjectionPanel], title: str, path: StrPath) -> None:
        """Write one as a PNG; clips and title as `projection` takes them."""
        shape = tuple(panels), _has_abnormal_clips(panels)
        if shape not in self._pages:
            planes = _Planes(*shape)
            self._pages[shape] = planes, Series(planes.figure, planes.varying)
        planes, series = self._pages[shape]
        planes.show(panels, title)
        series.save(path, planes.title)


_CLOUDS: dict[str, dict[str, Any]] = {
    "train": {"marker": ".", "color": "0.5", "linewidths": 0},
    "abnormal": {"marker": "x", "color": ABNORMAL, "linewidths": 0.8},
    "normal": {"marker": "o", "facecolors": "none", "edgecolors": NORMAL, "linewidths": 0.8},
}
_LETTERS = {"train": "T", "normal": "N", "abnormal": "A"}


class _Planes:
    """A figure of projections whose clips and title can be replaced.

    Attributes
    ----------
    varying
        What differs from one figure to the next, from the back to the front.
    """

    def __init__(self, keys: Sequence[tuple[str, str]], abnormal: bool) -> None:
        self.figure, self.grid = clip_grid(keys, above=0.3, below=0.2)
        self.clouds: dict[tuple[str, str], dict[str, tuple[PathCollection, PathCollection]]] = {}
        self.title = self.figure.suptitle(" ")
        self.varying: list[Artist] = [self.title]
        for key, axes in self.grid.items():
            of = self.clouds[key] = {
                name: (
                    axes.scatter([], [], label=name, **style),
                    axes.scatter([], [], clip_on=False, zorder=3, **style),
                )
                for name, style in _CLOUDS.items()
            }
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(True)
            axes.spines[:].set_color("0.6")
            axes.set_title(" \n ", fontsize=SMALL, loc="left", pad=3.0, linespacing=1.1, y=1.0)
            axes.set_xlabel(" ", fontsize=SMALL, labelpad=2.0)
            inside, outside = zip(*of.values(), strict=True)
            self.varying += [*inside, *axes.spines.values(), *outside, axes._left_title, axes.xaxis]  # type: ignore[attr-defined]
        marks = {
            "train": {"marker": ".", "color": "0.5"},
            "normal": {"marker": "o", "markerfacecolor": "none", "color": NORMAL},
            "abnormal": {"marker": "x", "color": ABNORMAL},
        }
        names = {"train": "normal, training (T)", "normal": "normal, test (N)"}
        names |= {"abnormal": "abnormal, test (A)"} if abnormal else {}
        handles: list[Artist] = [line_key(text, linestyle="", **marks[name]) for name, text in names.items()]
        note = "first component across, second upwards, no unit; below: their shares of squared distances"
        legend_below(self.figure, handles, note)

    def show(self, panels: Mapping[tuple[str, str], ProjectionPanel], title: str) -> None:
        """Replace what the figure shows."""
        self.title.set_text(fitted(self.figure, title, LARGE, 0.96 * self.figure.get_figwidth()))
        for key, axes in self.grid.items():
            panel = panels[key]
            limits = projection_limits(panel)
            counts = {}
            for name, (inner, outer) in self.clouds[key].items():
                clips = np.asarray(getattr(panel, name), np.float64)
                clips = clips[np.isfinite(clips).all(axis=1)]
                shown = np.clip(clips, *limits)
                outside = (shown != clips).any(axis=1)
                size, alpha = (11.0, 0.8) if len(clips) <= 100 else (8.0, 0.6) if len(clips) <= 1000 else (5.0, 0.4)
                for cloud, which, of_size in ((inner, ~outside, size), (outer, outside, size / 2.0)):
                    cloud.set_offsets(shown[which])
                    cloud.set_sizes([of_size])
                    cloud.set(alpha=alpha, rasterized=len(clips) > 2000)
                counts[name] = int(outside.sum())
            axes.set(xlim=limits[:, 0], ylim=limits[:, 1])
            beyond = ", ".join(f"{counts[name]} {letter}" for name, letter in _LETTERS.items() if counts[name])
            about = f"AUC {panel.auc:.3f}" if np.isfinite(panel.auc) else " "
            axes.set_title(
                f"{about}\n{f'outside: {beyond}' if beyond else ' '}", loc="left", fontsize=SMALL, pad=3.0, y=1.0
            )
            shares = " and ".join(f"{share:.0%}".replace("%", " %") for share in panel.explained)
            axes.set_xlabel(shares)
