"""The figure of ``asd monitor``: p-values, both charts with their limits, and the sound of recent clips."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ..features.columns import HIGHEST_FREQUENCY, MEL_BANDS, hertz_to_mel
from ..figures.style import (
    ABNORMAL,
    DPI,
    LARGE,
    NEUTRAL,
    NORMAL,
    PAGE_WIDTH,
    SMALL,
    fitted,
    legend_below,
    line_key,
    new_figure,
)
from ..files.atomic import whole_file
from ..files.neutral import in_one_line
from .changes import Change
from .monitoring import MARK, Report

_TICKS = (0, 500, 1000, 2000, 4000, 8000)  # Hz
_MARKS = 4000  # points, more of which would hide each other
_DARK = "#004488"
_DESCRIBED = {
    "level": "as if all bands had changed alike",
    "level and machine": "as if all bands and some regions had changed",
    "machine": "as if some regions had changed",
    "microphone": "as by another microphone or room",
    "noise": "as by a steady noise",
    "whole": "as if the machine had changed as a whole",
}


def save_figure(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the figure, a PNG, whole or not at all.

    Raises
    ------
    UserError
        If the disk refuses it.
    """
    figure = drawn(report)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": MARK})


def drawn(report: Report) -> Figure:
    """The figure of a report."""
    heights = [1.0, 1.0, 1.0] + [1.5] * (report.change is not None)
    figure = new_figure(PAGE_WIDTH, 1.3 + 1.15 * sum(heights))
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    charts = report.charts[report.detector]
    numbers = np.arange(1, len(charts.z) + 1)
    _p_values(panels[0], report)
    _chart(panels[1], numbers, charts.ewma, charts.limits.ewma, "EWMA of z")
    _chart(panels[2], numbers, charts.cusum, charts.limits.cusum, "CUSUM of z")
    for axes in panels[:3]:
        _mark_alarms(axes, report)
        axes.set_xlim(0.5, len(charts.z) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels[:2]:
        axes.tick_params(labelbottom=False)
    panels[2].set_xlabel("clip, in the order of time")
    if report.change is not None:
        _sound(panels[3], report.change)
    title = fitted(figure, in_one_line(report.sentence), LARGE, 0.96 * PAGE_WIDTH)
    figure.suptitle(title, color=NEUTRAL if report.valid else ABNORMAL)
    legend_below(figure, list(_keys(report)), None)
    return figure


def _p_values(axes: Axes, report: Report) -> None:
    p = report.clips.p_values
    every = max(1, -(-len(p) // _MARKS))
    # of many clips, of each few neighbours the smallest p-value
    ends = np.arange(0, len(p), every)
    axes.plot(ends + 1, np.minimum.reduceat(p, ends), linestyle="", marker=".", markersize=3, color=NORMAL)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # not as a formula
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(min(float(p.min()), 0.01) / 1.5, 1.3)
    axes.set_ylabel("p-value")
    axes.set_title(_shortened(report.detector), loc="left", fontsize=SMALL, color=NEUTRAL)


def _shortened(name: str) -> str:
    """A detector's name, cut where it is too long for the figure."""
    shown = in_one_line(name)
    return shown if len(shown) <= 80 else f"{shown[:79]}\N{HORIZONTAL ELLIPSIS}"


def _chart(axes: Axes, numbers: NDArray[np.intp], values: NDArray[np.float64], limit: float, label: str) -> None:
    axes.plot(numbers, values, color=_DARK, linewidth=0.9)
    axes.axhline(limit, color=ABNORMAL, linestyle="--", linewidth=1.0)
    low, high = float(values.min()), max(float(values.max()), limit)
    room = 0.08 * (high - low)
    axes.set_ylim(low - room, high + room)
    axes.set_ylabel(label)


def _mark_alarms(axes: Axes, report: Report) -> None:
    charts = report.charts[report.detector]
    for alarm in charts.alarms:
        end = len(charts.z) if alarm.end is None else alarm.end + 1
        axes.axvspan(alarm.first + 0.5, end + 0.5, color=ABNORMAL, alpha=0.12, linewidth=0)
        axes.axvline(alarm.first + 1, color=ABNORMAL, linewidth=0.9)
    if report.since is not None:
        axes.axvline(report.since + 1, color="black", linestyle=":", linewidth=1.1)


def _sound(axes: Axes, change: Change) -> None:
    bands = np.arange(MEL_BANDS)
    axes.fill_between(bands, -change.spread, change.spread, color="0.9", linewidth=0)
    axes.axhline(0.0, color=NEUTRAL, linewidth=0.6)
    axes.fill_between(
        bands,
        change.difference - 2 * change.error,
        change.difference + 2 * change.error,
        color=NORMAL,
        alpha=0.35,
        linewidth=0,
    )
    axes.plot(bands, change.difference, color=_DARK, linewidth=1.2)
    if change.kind != "nothing":
        axes.plot(bands, change.described, color=ABNORMAL, linestyle="-.", linewidth=1.0)
    places = [hertz_to_mel(tick) * (MEL_BANDS + 1) / hertz_to_mel(HIGHEST_FREQUENCY) - 1 for tick in _TICKS]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick / 1000:g}" for tick in _TICKS]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-1, MEL_BANDS)
    axes.set_xlabel(f"frequency in kHz: sound of {change.clips} recent clips less that of {change.normal_clips} normal")
    axes.set_ylabel("dB")


def _keys(report: Report) -> Iterator[Artist]:
    yield line_key("limit", color=ABNORMAL, linestyle="--")
    if report.charts[report.detector].alarms:
        yield Patch(color=ABNORMAL, alpha=0.12, label="alarm")
    if report.since is not None:
        yield line_key("since then", color="black", linestyle=":")
    if report.change is not None:
        yield Patch(color="0.9", label="spread of normal clips")
        yield Patch(color=NORMAL, alpha=0.35, label="recent less normal clips, 95 %")
        if report.change.kind != "nothing":
            words = _DESCRIBED["whole" if report.change.whole else report.change.kind]
            yield line_key(words, color=ABNORMAL, linestyle="-.")
