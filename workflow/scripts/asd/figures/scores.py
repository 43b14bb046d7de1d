"""Figures of scores: ROC curves, and the scores of training and test clips as strips of dots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from ..detection.scores import UnitScores
from ..evaluation.statistics import weighted_aucs
from ..files import StrPath
from .style import (
    ABNORMAL,
    LARGE,
    MEDIUM,
    NEUTRAL,
    NORMAL,
    PAGE_WIDTH,
    SMALL,
    Base,
    detector_styles,
    fitted,
    legend_below,
    line_key,
    new_figure,
    text_width,
    title_above,
)

ZOOM = 0.1
"""The partial AUC sees false positive rates up to here."""

_BASELINE = {"color": "0.45", "linestyle": (0, (6, 1.5)), "marker": "X", "linewidth": 1.0}


# --- ROC ---


@dataclass(frozen=True)
class RocBand:
    """A mean ROC curve and the band around it.

    Attributes
    ----------
    mean, low, high
        float64 [grid], true positive rate at each false positive rate of the grid; NaN where it is not known.
    auc
        Written beside the name; NaN where it is not known.
    at_threshold
        Shares of the normal and of the abnormal clips above the detector's thresholds; None where they are not known.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    auc: float = math.nan
    at_threshold: tuple[float, float] | None = None


def roc_curves(
    curves: Mapping[str, Mapping[str, RocBand]],
    grid: NDArray[np.float64],
    title: str,
    *,
    baseline: str | None = None,
    asked: float = 0.0,
    note: str = "",
) -> Figure:
    """ROC curves of a few detectors: a row for each SNR, the whole curve at the left and its beginning at the right.

    The beginning are the false positive rates up to 0.1, those that the partial AUC sees.  The bands are the lows and
    highs as given.  A mark is where the thresholds of a detector put it.

    Parameters
    ----------
    curves
        SNR's label -> detector -> mean and band of its curve.
    grid
        float64 [grid], false positive rates from 0 to 1.
    title
        Above all panels.
    baseline
        Which of the detectors is there for comparison; it is grey and said to be one.
    asked
        Share of the normal clips that thresholds are meant to flag, an upright line; none at 0.
    note
        A sentence below all panels.
    """
    names = dict.fromkeys(name for detectors in curves.values() for name in detectors)
    styles = detector_styles(name for name in names if name != baseline)
    styles |= {baseline: _BASELINE} if baseline is not None else {}
    figure = new_figure(PAGE_WIDTH, 1.0)
    entries = {
        label: [_roc_entry(figure, name, band, name == baseline) for name, band in detectors.items()]
        for label, detectors in curves.items()
    }
    lines = max((sum(text.count("\n") + 1 for text in texts) for texts in entries.values()), default=1)
    figure.set_figheight(1.1 + max(1.75, 0.157 * lines + 0.4) * max(len(curves), 1))
    panels = figure.subplots(
        max(len(curves), 1), 3, squeeze=False, sharex="col", gridspec_kw={"width_ratios": (1.0, 1.35, 0.98)}
    )
    for row, (label, detectors) in zip(panels, curves.items(), strict=False):
        whole, start, key = row
        for axes in (whole, start):
            for name, band in detectors.items():
                _draw_roc(axes, grid, band, name, styles[name])
            axes.plot((0.0, 1.0), (0.0, 1.0), color=NEUTRAL, linestyle=":", linewidth=0.8)
            if asked > 0:
                axes.axvline(asked, color="black", linewidth=0.7, zorder=0.8)
            axes.set_ylim(0.0, 1.02)
            axes.set_yticks((0.0, 0.25, 0.5, 0.75, 1.0), ["0", "25", "50", "75", "100"])
            axes.grid()
        whole.axvspan(0.0, ZOOM, color="0.93", linewidth=0, zorder=0)
        whole.set(xlim=(-0.01, 1.0), ylabel="abnormal clips\nfound in %")
        start.set_xlim(0.0, ZOOM)
        for axes, ticks in ((whole, np.linspace(0.0, 1.0, 5)), (start, np.linspace(0.0, ZOOM, 6))):
            axes.set_xticks(ticks, [f"{100.0 * tick:g}" for tick in ticks])
            axes.tick_params(labelbottom=True)
        start.tick_params(labelleft=False)
        handles = [line_key(text, **styles[name]) for name, text in zip(detectors, entries[label], strict=True)]
        key.set_axis_off()
        key.legend(
            handles=handles,
            title=fitted(figure, f"{label}, AUC", MEDIUM, 1.8),
            title_fontproperties={"size": MEDIUM, "weight": "bold"},
            loc="center left",
            borderaxespad=0.0,
            alignment="left",
        )
    panels[0, 0].set_title("ROC curve")
    panels[0, 1].set_title(f"few false alarms (up to {100.0 * ZOOM:g} %)")
    for axes in panels[-1, :2]:
        axes.set_xlabel("false alarms in %")
    meaning = [line_key("chance", color=NEUTRAL, linestyle=":", linewidth=0.8)]
    if asked > 0:
        meaning.insert(0, line_key(f"false alarms asked for: {_per_cent(asked)}", color="black", linewidth=0.7))
    if any(band.at_threshold is not None for detectors in curves.values() for band in detectors.values()):
        meaning.append(line_key("at the threshold", color="black", linestyle="", marker="o"))
    handles_below: list[Artist] = list(meaning)
    legend_below(figure, handles_below, note or None)
    title_above(figure, title)
    return figure


def _draw_roc(axes: Axes, grid: NDArray[np.float64], band: RocBand, name: str, style: Mapping[str, Any]) -> None:
    line = {part: value for part, value in style.items() if part != "marker"}
    axes.fill_between(grid, band.low, band.high, color=style["color"], alpha=0.13, linewidth=0)
    axes.plot(grid, band.mean, label=name, **line)
    if band.at_threshold is not None:
        axes.plot(
            *([share] for share in band.at_threshold),
            **{"linestyle": "", "marker": style["marker"], "color": style["color"], "markersize": 5.0, "zorder": 3},
            markeredgecolor="white",
            markeredgewidth=0.5,
        )


def _roc_entry(figure: Figure, name: str, band: RocBand, is_baseline: bool) -> str:
    """A detector in the legend of a row: its AUC, and what its threshold finds at what price."""
    text = f"baseline: {name}" if is_baseline else name
    text += f"  {band.auc:.3f}" if np.isfinite(band.auc) else ""
    if band.at_threshold is not None:
        alarms, found = band.at_threshold
        text += f"\nfinds {_per_cent(found)}, false {_per_cent(alarms)}"
    return fitted(figure, text, SMALL, 1.8)


def _per_cent(share: float) -> str:
    """Two digits, or all of a whole number: ``5.3 %``, ``0.42 %``, ``83 %``."""
    value = 100.0 * share
    return f"{value:.0f} %" if value >= 10 or value == round(value) else f"{value:.2g} %"


# --- strips ---

MANY = 100
"""Clips of a strip of which each is a dot."""

_STRIP = 0.145  # inches; letters of `SMALL` fit
_GAP = 0.09  # between IDs
_NAMES = 0.62  # of the strips
_USUAL, _LIMIT = "0: median of the training clips", "1: threshold"


@dataclass(frozen=True)
class ScorePanel:
    """Scores of one detector on one ID at one SNR; higher is more anomalous.

    Attributes
    ----------
    train, normal, abnormal
        float64 [clips]: the training clips, and the test clips of either class.
    threshold
        Scores above it are taken for abnormal.
    """

    train: NDArray[np.float64]
    normal: NDArray[np.float64]
    abnormal: NDArray[np.float64]
    threshold: float

    @classmethod
    def of(cls, content: UnitScores, detector: str) -> ScorePanel:
        """Of a detector, by its name."""
        scores, abnormal = content.scores[detector], content.clips.labels
        return cls(scores.train, scores.test[~abnormal], scores.test[abnormal], scores.threshold)

    @property
    def kinds(self) -> dict[str, NDArray[np.float64]]:
        """What strips are called -> scores."""
        return {"training": self.train, "normal": self.normal, "abnormal": self.abnormal}

    @property
    def auc(self) -> float:
        """NaN where a class is missing."""
        if not len(self.normal) or not len(self.abnormal):
            return math.nan
        labels = np.arange(len(self.normal) + len(self.abnormal)) >= len(self.normal)
        scores = np.concatenate([self.normal, self.abnormal])
        return float(weighted_aucs(labels, scores, np.ones((1, len(labels))))[0])


def in_units_of_threshold(
    scores: NDArray[np.float64], train: NDArray[np.float64], threshold: float
) -> NDArray[np.float64]:
    """Scores on a scale that means the same for every detector: 0 is the median of the training clips, 1 the threshold.

    Parameters
    ----------
    scores
        float64 [clips].
    train
        float64 [training clips], at least one.

    Returns
    -------
    float64 [clips]
        Above 1 just where the score is above the threshold.  Where that is not above the median, a unit is half
        the range of the middle 90 % of the training clips, and 1 is still the threshold; where there is no such range,
        what lies below, at or above it is 0, 1 or 2.
    """
    low, middle, high = np.quantile(train, (0.05, 0.5, 0.95))
    tiny = 1e-9 * max(abs(float(middle)), abs(threshold), 1e-300)
    step = threshold - float(middle)
    if step <= tiny:
        step = float(high - low) / 2.0
    if step <= tiny:
        return np.asarray(1.0 + np.sign(scores - threshold), np.float64)
    return np.asarray(1.0 + (scores - threshold) / step, np.float64)


def strip_limits(panels: Iterable[ScorePanel]) -> tuple[float, float]:
    """The part of the axis that is worth showing, in units of the threshold, for all panels of a figure.

    98 % of the normal clips of each panel, and of the abnormal ones nine tenths, as far as that takes no more than
    twice the room; from 0 to 2 at least.
    """
    low, high, far = 0.0, 2.0, 2.0
    for panel in panels:
        normal = in_units_of_threshold(_finite([*panel.train, *panel.normal]), panel.train, panel.threshold)
        start, stop = np.quantile(normal, (0.01, 0.99))
        low, high = min(low, float(start)), max(high, float(stop))
        if len(panel.abnormal):
            scores = in_units_of_threshold(_finite(panel.abnormal), panel.train, panel.threshold)
            far = max(far, float(np.quantile(scores, 0.9))) if len(scores) else far
    high = max(high, min(far, 2.0 * high))
    margin = 0.03 * (high - low)
    return low - margin, high + margin


Panels = Mapping[tuple[str, str], ScorePanel]
"""(SNR's label, ID) -> scores of a detector."""


def score_strips(panels: Panels, title: str) -> Figure:
    """One detector's scores as dots, in units of the threshold: a part for each SNR, in it three strips for each ID.

    The strips are the training clips, the normal and the abnormal test clips, with an upright mark at the median of
    each; of more than `MANY` clips, the middle 80 % are bars.  Clips beyond the axis are arrows at its end.  At the
    right stand the normal clips above the threshold (false alarms) and the abnormal ones that are not (missed), and how
    many clips are beyond the axis.

    Parameters
    ----------
    panels
        (SNR's label, ID) -> scores.
    title
        Above all parts.
    """
    strips = _Strips(_Shape.of(panels, title), [panels])
    strips.show(panels, title)
    return strips.figure


def save_score_strips(figures: Iterable[tuple[Panels, str, StrPath]]) -> None:
    """Write figures like those of `score_strips` as PNG.

    There are dozens of them for each machine.  What those with the same SNRs and IDs share is drawn once, and all have
    as much room at their right as the one that needs most.

    Parameters
    ----------
    figures
        Scores and title, as `score_strips` takes them, and the file to write.
    """
    groups: dict[_Shape, list[tuple[Panels, str, StrPath]]] = {}
    for one in figures:
        groups.setdefault(_Shape.of(*one[:2]), []).append(one)
    for shape, alike in groups.items():
        strips = _Strips(shape, [panels for panels, _, _ in alike])
        base = Base(strips.figure, strips.varying)
        for panels, title, path in alike:
            strips.show(panels, title)
            base.save_with(strips.varying, path)


@dataclass(frozen=True)
class _Shape:
    """What decides where everything stands in a figure of strips.

    Attributes
    ----------
    there
        (SNR's label, ID) of the panels.
    kinds
        Of clips.
    many
        Whether some strip has bars.
    title, headings
        Lines of the title, and of the heading of each SNR.
    """

    there: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    many: bool
    title: int
    headings: tuple[int, ...]

    @classmethod
    def of(cls, panels: Panels, title: str) -> _Shape:
        """The shape of a figure."""
        figure = new_figure(PAGE_WIDTH, 1.0, of_series=True)
        kinds = ["training", "normal"] + ["abnormal"] * any(len(panel.abnormal) for panel in panels.values())
        left = _left_of([name for _, name in panels])
        snrs = dict.fromkeys(snr for snr, _ in panels)
        return cls(
            tuple(panels),
            tuple(kinds),
            any(len(of) > MANY for panel in panels.values() for of in panel.kinds.values()),
            _fitted_title(figure, title).count("\n") + 1,
            tuple(_fitted_heading(figure, snr, panels, left).count("\n") + 1 for snr in snrs),
        )


def _fitted_title(figure: Figure, title: str) -> str:
    return fitted(figure, title, LARGE, 0.96 * PAGE_WIDTH)


def _fitted_heading(figure: Figure, snr: str, panels: Panels, left: float) -> str:
    return fitted(figure, _heading(snr, panels), MEDIUM, PAGE_WIDTH - left - 0.1)


def _left_of(ids: Iterable[str]) -> float:
    """Inches at the left of the strips, for the names of IDs and strips."""
    figure = new_figure(PAGE_WIDTH, 1.0, of_series=True)
    longest = max((text_width(figure, name, SMALL) for name in ids), default=0.0)
    return 0.15 + min(longest, 1.1) + _NAMES


class _Strips:
    """A figure of strips whose scores and title can be replaced by others of the same shape.

    Attributes
    ----------
    varying
        What differs from one figure to the next, from the back to the front.
    """

    def __init__(self, shape: _Shape, every: Sequence[Panels]) -> None:
        snrs = list(dict.fromkeys(snr for snr, _ in shape.there))
        ids = list(dict.fromkeys(name for _, name in shape.there))
        figure = self.figure = new_figure(PAGE_WIDTH, 1.0, of_series=True)
        figure.set_layout_engine("none")  # there are dozens of these; to have them laid out takes half of the time
        names = [fitted(figure, name, SMALL, 1.1) for name in ids]
        self.left = left = _left_of(ids)
        lines = max((name.count("\n") + 1 for name in names), default=1)
        each = max(_STRIP * len(shape.kinds), 0.135 * lines) + _GAP
        above = [0.17 * lines_of + 0.08 for lines_of in shape.headings]
        top, bottom = 0.05 + 0.17 * shape.title, 0.68 if shape.many else 0.5
        height = top + sum(above) + each * len(ids) * len(snrs) + 0.06 * len(snrs) + bottom
        figure.set_figheight(height)
        self.title = figure.suptitle("", y=1.0 - 0.06 / height, va="top")
        right = 0.2 + max((text_width(figure, text, SMALL) for text in _words(every, shape.kinds)), default=0.0)
        width = PAGE_WIDTH - left - right
        self.parts: dict[str, _Part] = {}
        place = height - top
        for snr, room in zip(snrs, above, strict=True):
            place -= room + each * len(ids)
            box = (left / PAGE_WIDTH, place / height, width / PAGE_WIDTH, each * len(ids) / height)
            axes = figure.add_axes(box)
            axes.set_ylim(each * len(ids), 0.0)
            here = {name: each * number for number, name in enumerate(ids) if (snr, name) in shape.there}
            for number, name in enumerate(names):
                middle = each * (number + 0.5)
                axes.annotate(name, (-72.0 * _NAMES, middle), xycoords=("axes points", "data"), **_ASIDE, ha="right")
                if ids[number] not in here:
                    axes.annotate("no data", (4.0, middle), xycoords=("axes points", "data"), **_ASIDE)
                if number:
                    axes.axhline(each * number, color="0.85", linewidth=0.6, zorder=0)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.grid(axis="x")
            axes.tick_params(labelbottom=snr == snrs[-1])
            margin = (each - _STRIP * len(shape.kinds)) / 2.0
            middles = {
                (kind, name): start + margin + _STRIP * (row + 0.5)
                for row, kind in enumerate(shape.kinds)
                for name, start in here.items()
            }
            self.parts[snr] = _Part(axes, middles, shape.kinds)
            place -= 0.06
        if snrs:
            text = f"score, in units of the threshold ({_USUAL}, {_LIMIT})"
            if shape.many:
                text += "\nof many clips, bars are 25–75 % and 10–90 %, and dots the others"
            axes.set_xlabel(text, x=(PAGE_WIDTH / 2.0 - left) / width)  # in the middle of the page
        self.varying = [self.title, *(artist for part in self.parts.values() for artist in part.varying)]

    def show(self, panels: Panels, title: str) -> None:
        """Replace what the figure shows."""
        self.title.set_text(_fitted_title(self.figure, title))
        limits = strip_limits(panels.values())
        for snr, part in self.parts.items():
            part.axes.set_xlim(limits)
            part.heading.set_text(_fitted_heading(self.figure, snr, panels, self.left))
            part.show({name: panel for (label, name), panel in panels.items() if label == snr})


def _words(every: Iterable[Panels], kinds: Sequence[str]) -> Iterator[str]:
    """All that stands at the right of strips."""
    for panels in every:
        limits = strip_limits(panels.values())
        for panel, kind in product(panels.values(), kinds):
            yield _counted(kind, panel, limits)


class _Part:
    """The strips of an SNR.

    Attributes
    ----------
    varying
        What differs from one figure to the next, from the back to the front.
    """

    def __init__(self, axes: Axes, middles: Mapping[tuple[str, str], float], kinds: Sequence[str]) -> None:
        self.axes, self.middles = axes, middles
        axes.set_title(" ", loc="left", weight="bold", pad=2.5, y=1.0)
        self.heading: Text = axes._left_title  # type: ignore[attr-defined]
        usual = axes.axvline(0.0, color="0.6", linewidth=0.6, zorder=0.5)
        limit = axes.axvline(1.0, color="black", linestyle=(0, (3, 1.5)), linewidth=1.0, zorder=3)
        self.bars = {
            (kind, width): PolyCollection([], facecolors=_COLOURS[kind], alpha=alpha, linewidths=0)
            for kind in kinds
            for width, alpha in ((0.3, 0.5), (0.6, 1.0))
        }
        self.medians = LineCollection([], colors="black", linewidths=1.1)
        for collection in (*self.bars.values(), self.medians):
            axes.add_collection(collection, autolim=False)
        style: dict[str, Any] = {"linestyle": "", "markeredgewidth": 0.0, "markersize": 2.4, "alpha": 0.8}
        self.dots = {
            (kind, mark): axes.plot(
                *([], []),
                **style,
                marker=mark,
                color=_COLOURS[kind],
                clip_on=mark == "o",
            )[0]
            for kind in kinds
            for mark in "o<>"
        }
        where: dict[str, Any] = {"xycoords": ("axes points", "data"), **_ASIDE}
        self.words = {}
        for (kind, name), middle in middles.items():
            axes.annotate(kind, (-5.0, middle), color="0.3", ha="right", **where)
            at_right = {"xytext": (7.0, 0.0), "textcoords": "offset points", **where, **_AT_RIGHT}
            self.words[kind, name] = axes.annotate("", (1.0, middle), **at_right)
        self.varying: list[Artist] = [
            *(axes.xaxis, usual, *self.bars.values(), *self.dots.values(), self.medians, axes.spines["bottom"], limit),
            *(self.heading, *self.words.values()),
        ]

    def show(self, panels: Mapping[str, ScorePanel]) -> None:
        """ID -> scores."""
        low, high = self.axes.get_xlim()
        dots: dict[tuple[str, str], list[NDArray[np.float64]]] = {key: [] for key in self.dots}
        bars: dict[tuple[str, float], list[NDArray[np.float64]]] = {key: [] for key in self.bars}
        medians = []
        for (kind, name), middle in self.middles.items():
            panel = panels[name]
            places = np.sort(in_units_of_threshold(_finite(panel.kinds[kind]), panel.train, panel.threshold))
            # neighbours are kept apart, and a figure is the same each time it is drawn
            heights = middle + 0.8 * _STRIP * ((np.arange(len(places)) * _GOLDEN) % 1.0 - 0.5)
            below, above = places < low, places > high
            points = np.stack([np.clip(places, low, high), heights], axis=1)
            alone = np.ones(len(places), bool)
            if len(places) > MANY:
                start, first, last, stop = np.clip(np.quantile(places, (0.1, 0.25, 0.75, 0.9)), low, high)
                for (left, right), width in (((start, stop), 0.3), ((first, last), 0.6)):
                    upper, lower = middle - width * _STRIP / 2.0, middle + width * _STRIP / 2.0
                    box = np.array([(left, upper), (right, upper), (right, lower), (left, lower)])
                    bars[kind, width].append(box)
                alone = below | above | (places < start) | (places > stop)
            for mark, which in (("o", alone & ~(below | above)), ("<", below), (">", above)):
                dots[kind, mark].append(points[which])
            if len(places):
                median = min(max(float(np.median(places)), low), high)
                medians.append([(median, middle - 0.4 * _STRIP), (median, middle + 0.4 * _STRIP)])
            self.words[kind, name].set_text(_counted(kind, panel, (low, high)))
        for key, boxes in bars.items():
            self.bars[key].set_verts(boxes)
        for mark_of, points_of in dots.items():
            self.dots[mark_of].set_data(*(np.concatenate(points_of).T if points_of else ([], [])))
        self.medians.set_segments(medians)


_ASIDE: dict[str, Any] = {"va": "center", "fontsize": SMALL, "annotation_clip": False}
_COLOURS = {"training": "0.45", "normal": NORMAL, "abnormal": ABNORMAL}
_AT_RIGHT = {"xycoords": ("axes fraction", "data")}
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def _heading(snr: str, panels: Mapping[tuple[str, str], ScorePanel]) -> str:
    aucs = [panel.auc for (label, _), panel in panels.items() if label == snr]
    known = [auc for auc in aucs if np.isfinite(auc)]
    of = f", mean of {len(known)} IDs" if len(known) > 1 else ""
    return f"{snr}: AUC {np.mean(known):.3f}{of}" if known else snr


def _counted(kind: str, panel: ScorePanel, limits: tuple[float, float]) -> str:
    """What is said of a strip at its right."""
    scores = panel.kinds[kind]
    places = in_units_of_threshold(_finite(scores), panel.train, panel.threshold)
    below, above = (int(np.sum(outside)) for outside in (places < limits[0], places > limits[1]))
    beyond = "  ".join([f"◂ {below}"] * bool(below) + [f"{above} ▸"] * bool(above))
    if kind == "training":
        return beyond
    if not len(scores):
        return f"no {kind} clips"
    flagged = int(np.sum(scores > panel.threshold))
    count, what = (flagged, "false alarms") if kind == "normal" else (len(scores) - flagged, "missed")
    what = "false alarm" if what == "false alarms" and count == 1 else what
    return f"{count} of {len(scores)} {what} ({_per_cent(count / len(scores))})" + f"  {beyond}" * bool(beyond)


def _finite(values: Any) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64).ravel()
    return array[np.isfinite(array)]
