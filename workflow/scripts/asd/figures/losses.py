"""Figures of losses: whether the networks have learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..ddae.loss import Curve
from .style import (
    ABNORMAL,
    MEDIUM,
    PAGE_WIDTH,
    fitted,
    label_ends,
    legend_below,
    line_key,
    new_figure,
    title_above,
)

_NETWORKS = {"mfcc": "MFCC network", "basic": "basic network"}


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
