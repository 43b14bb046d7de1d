"""Figures of scores: ROC curves, and histograms of the scores of training and test clips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from .style import (
    ABNORMAL,
    HATCH,
    MEDIUM,
    NEUTRAL,
    NORMAL,
    PAGE_WIDTH,
    SMALL,
    clip_grid,
    detector_styles,
    fitted,
    legend_below,
    line_key,
    new_figure,
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


_BINS = 24


# --- histograms ---


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


def score_limits(panel: ScorePanel) -> tuple[float, float]:
    """The part of the axis of scores that is worth showing.

    All scores, but no further below the normal clips (training and test together, less 1 % at either end) than half
    their range, and no further above them, or above the threshold, than twice their range.
    """
    normal = _finite(np.concatenate([panel.train, panel.normal]))
    every = np.concatenate([normal, _finite(panel.abnormal), _finite([panel.threshold])])
    if not len(every):
        return 0.0, 1.0
    low, high = np.quantile(normal if len(normal) else every, (0.01, 0.99))
    span = max(float(high - low), 1e-3 * max(abs(float(high)), 1e-3))
    top = max(float(high), panel.threshold) if np.isfinite(panel.threshold) else float(high)
    start, stop = max(float(every.min()), float(low) - 0.5 * span), min(float(every.max()), top + 2.0 * span)
    margin = 0.03 * (stop - start) if stop - start > 0.1 * span else 0.5 * span
    return start - margin, stop + margin


def score_histograms(panels: Mapping[tuple[str, str], ScorePanel], title: str) -> Figure:
    """Histograms of one detector's scores, a panel for each SNR and ID.

    Each histogram shows shares of its own clips, so that few abnormal clips are as high as many normal ones.  Scores
    far outside of those of the normal clips (see `score_limits`) are one bar set apart at that end of the axis, and
    counted above the panel.  Above it are also the share of normal test clips above the threshold (FA, false alarms)
    and that of the abnormal ones (det., detected).

    Parameters
    ----------
    panels
        (SNR's label, ID) -> scores.  SNRs go down and IDs across, or the other way round for one ID or more than four.
    title
        Above all panels.
    """
    figure, grid = clip_grid(panels, above=0.3, below=0.18)
    for key, axes in grid.items():
        panel = panels[key]
        low, high = score_limits(panel)
        bins = _Bins.of(panel, low, high)
        edges = bins.edges
        train, normal, abnormal = (bins.shares(values) for values in (panel.train, panel.normal, panel.abnormal))
        axes.stairs(normal, edges, fill=True, facecolor=NORMAL, edgecolor=NORMAL, linewidth=0.5, label="normal")
        patch = axes.stairs(abnormal, edges, fill=True, linewidth=0.6, hatch=HATCH, label="abnormal")
        patch.set(facecolor=(*to_rgb(ABNORMAL), 0.25), edgecolor=ABNORMAL)
        axes.stairs(train, edges, color="black", linewidth=0.8, label="train")
        if np.isfinite(panel.threshold):
            axes.axvline(panel.threshold, color="black", linestyle=(0, (3, 1.5)), linewidth=1.0)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0.0, 1.05 * max(float(np.max([train.max(), normal.max(), abnormal.max()])), 1e-3))
        ticks = [tick for tick in cast(Any, MaxNLocator(3)).tick_values(low, high) if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_yticks([])
        alarms, detected = _share_above(panel.normal, panel), _share_above(panel.abnormal, panel)
        about = f"FA {alarms}, det. {detected}"
        outside = _beyond(panel, low, high)
        axes.set_title(f"{about}\n{outside or ' '}", fontsize=SMALL, loc="left", linespacing=1.1, pad=2.0)
    handles: list[Artist] = [
        Patch(facecolor="none", edgecolor="black", linewidth=0.8, label="normal, training"),
        Patch(facecolor=NORMAL, label="normal, test"),
        Patch(
            facecolor=(*to_rgb(ABNORMAL), 0.25), edgecolor=ABNORMAL, hatch=HATCH, linewidth=0.6, label="abnormal, test"
        ),
        line_key("threshold", color="black", linestyle=(0, (3, 1.5)), linewidth=1.0),
    ]
    note = (
        "shares of the clips of each kind by score; FA: false alarms, det.: detected; "
        "▸ or ◂: test clips (N normal, A abnormal) beyond the axis, all in the bar at its end"
    )
    legend_below(figure, handles, note)
    title_above(figure, title)
    return figure


@dataclass(frozen=True)
class _Bins:
    """Bins of equal width, and at either end, where there is something beyond, a gap and a bin for all of that."""

    bounds: NDArray[np.float64]
    before: bool
    after: bool

    @classmethod
    def of(cls, panel: ScorePanel, low: float, high: float) -> _Bins:
        every = _finite(np.concatenate([panel.train, panel.normal, panel.abnormal]))
        return cls(np.linspace(low, high, _BINS + 1), bool(np.any(every < low)), bool(np.any(every > high)))

    @property
    def edges(self) -> NDArray[np.float64]:
        """float64 [bins + 1]."""
        low, high, step = self.bounds[0], self.bounds[-1], self.bounds[1] - self.bounds[0]
        start = [low - 3.0 * step, low - step] if self.before else []
        stop = [high + step, high + 3.0 * step] if self.after else []
        return np.concatenate([start, self.bounds, stop])

    def shares(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of all `values` in each bin, float64 [bins]; nothing in the gaps."""
        finite = _finite(values)
        counts, _ = np.histogram(finite, self.bounds)
        start = [np.sum(finite < self.bounds[0]), 0] if self.before else []
        stop = [0, np.sum(finite > self.bounds[-1])] if self.after else []
        return np.asarray(np.concatenate([start, counts, stop]) / max(len(values), 1), np.float64)


def _finite(values: Any) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64).ravel()
    return array[np.isfinite(array)]


def _share_above(values: NDArray[np.float64], panel: ScorePanel) -> str:
    return f"{np.mean(values > panel.threshold):.0%}" if len(values) else "–"


def _beyond(panel: ScorePanel, low: float, high: float) -> str:
    """How many test clips are beyond the ends of the axis, at which end, and of which class."""
    parts = (("N", panel.normal), ("A", panel.abnormal))
    below = [f"{count} {name}" for name, values in parts if (count := int(np.sum(values < low)))]
    above = [f"{count} {name}" for name, values in parts if (count := int(np.sum(values > high)))]
    texts = [f"◂ {', '.join(below)}"] * bool(below) + [f"{', '.join(above)} ▸"] * bool(above)
    return "  ".join(texts)
