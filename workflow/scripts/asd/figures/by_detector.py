"""Figures with a row for each detector: AUC by SNR, and false alarms; and one with a row for each machine: training."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..ddae.run import ALL
from ..evaluation.statistics import exact_interval, is_off
from ..files import StrPath
from ..splits import title_of
from .results import Estimate, estimates, unique, whiskers
from .style import (
    ABNORMAL,
    END_WIDTH,
    FAINT,
    MEDIUM,
    NEUTRAL,
    PAGE_WIDTH,
    SMALL,
    detector_styles,
    fitted,
    hide_unused,
    label_ends,
    legend_below,
    line_key,
    new_figure,
    text_width,
    title_above,
)

if TYPE_CHECKING:
    import pandas as pd

_NAMES = 1.5  # inches that names of rows have; longer ones are broken
_NARROW = 5.0  # inches, of a figure with a single panel
_PROTOCOLS: tuple[dict[str, Any], ...] = (
    {"color": "#004488", "marker": "o"},
    {"color": "#B07A00", "marker": "D"},
    {"color": "#BB5566", "marker": "s"},
)
_ON_TARGET: dict[str, Any] = {"color": "#004488", "marker": "o"}
_OFF: dict[str, Any] = {"color": ABNORMAL, "marker": "X"}

_SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0)  # where axes of shares have ticks

_Lane = tuple[str, float | None]
"""Protocol and noise factor (None for ensembles over all of them): a line of marks in a row."""
_Place = tuple[str, float | None, str, str]
"""Protocol, noise factor, SNR and detector."""


class _Rows:
    """Rows of marks, each with one lane or several, from the top down; inches per lane follow from their number.

    Attributes
    ----------
    lanes
        (Row, lane) -> height.
    bands
        Row -> ends of its band.
    names
        Row -> its name, broken into lines.
    pitch
        Inches of a lane.
    bottom
        Height of the lower end.
    """

    def __init__(self, figure: Figure, wanted: Mapping[str, Sequence[Any]]) -> None:
        self.lanes: dict[tuple[str, Any], float] = {}
        self.bands: dict[str, tuple[float, float]] = {}
        at = 0.0
        for row, lanes in wanted.items():
            for number, lane in enumerate(lanes):
                self.lanes[row, lane] = at + number + 0.5
            self.bands[row] = (at - 0.3, at + len(lanes) + 0.3)
            at += len(lanes) + 0.6
        self.bottom = max(at - 0.3, 1.0)
        self.names = {row: fitted(figure, row, SMALL, _NAMES) for row in wanted}
        most = max(map(len, wanted.values()), default=1)
        self.pitch = 0.12 if most < 5 else 0.09 if most < 9 else 0.065
        for row, (start, stop) in self.bands.items():
            self.pitch = max(self.pitch, 0.14 * (self.names[row].count("\n") + 1.2) / (stop - start))
        self.left = max((text_width(figure, name, SMALL) for name in self.names.values()), default=0.0) + 0.2
        self.mark = 4.5 if self.pitch > 0.08 else 3.2

    @property
    def height(self) -> float:
        """Inches of all rows."""
        return self.pitch * (self.bottom + 0.3)

    def draw(self, axes: Axes) -> None:
        """Bands and names; the marks are the caller's."""
        for number, (start, stop) in enumerate(self.bands.values()):
            axes.axhspan(start, stop, color="0.95" if number % 2 == 0 else "white", linewidth=0, zorder=0)
        axes.set_yticks([(low + high) / 2 for low, high in self.bands.values()], list(self.names.values()))
        axes.set_ylim(self.bottom, -0.3)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelbottom=True)
        axes.grid(axis="x", color="0.82")


def _shaded(style: Mapping[str, Any], shade: float, size: float) -> dict[str, Any]:
    """Marks of this style, their faces from white (0) to full colour (1)."""
    face = 1.0 - shade * (1.0 - np.asarray(to_rgb(style["color"])))
    return {**style, "linestyle": "", "markerfacecolor": tuple(face.tolist()), "markersize": size, "zorder": 3}


def _order_of(factors: Sequence[float | None]) -> str | None:
    """What a legend says of several noise factors."""
    if len(factors) < 2:
        return None
    order = ", ".join(ALL if factor is None else f"{factor:g}" for factor in factors)
    return f"noise factor from top (light) to bottom (full): {order}"


def _factor(value: Any) -> float | None:
    return None if value == ALL else float(value)


# --- AUC by SNR ---


def auc_by_snr(summary: pd.DataFrame, table: pd.DataFrame, snr_labels: Mapping[str, str], title: str) -> Figure:
    """AUC of one machine: a panel for each SNR, with a row for each detector, the best on top.

    A mark is the mean over IDs and seeds, its whisker the bootstrap interval; ticks are single IDs (mean over seeds).
    A row has a line of them for each protocol and, from light to full marks, for each noise factor.  Rows are in the
    order of the mean over SNRs and noise factors under the first protocol.  All panels have the same axis: from 0.5,
    which is chance, to 1, or from lower where values are lower.

    Parameters
    ----------
    summary
        Rows of one machine with the columns ``protocol, machine, noise_factor, snr, detector, auc_mean, auc_low,
        auc_high``; the noise factor is a number, also as text, or `ALL`.  Rows may be missing or NaN.
    table
        Rows of the same machine with the columns of ``auc.csv``.
    snr_labels
        SNR -> text above its panel, in their order.
    title
        Above all panels.
    """
    protocols = [str(name) for name in unique(summary["protocol"])]
    found: dict[_Place, Estimate] = {}
    for protocol in protocols:
        of_protocol = estimates(summary[summary["protocol"] == protocol])
        found |= {(protocol, factor, snr, detector): one for (_, factor, snr, detector), one in of_protocol.items()}
    ids = _ids_of(table)
    factors = sorted({key[1] for key in found}, key=lambda factor: (factor is None, factor))
    lanes = list(product(protocols, factors))
    there = {(key[3], key[:2]) for key in found}
    figure = new_figure(PAGE_WIDTH if len(snr_labels) > 1 else _NARROW, 1.0)
    best = _best_first(found, protocols)
    rows = _Rows(figure, {name: [lane for lane in lanes if (name, lane) in there] for name in best})
    columns = max(1, min(len(snr_labels), int((figure.get_figwidth() - rows.left) / 1.2)))
    down = -(-len(snr_labels) // columns)
    columns = -(-len(snr_labels) // down)
    figure.set_figheight(1.0 + down * (rows.height + 0.5))
    grid = figure.subplots(down, columns, sharex=True, sharey=True, squeeze=False)
    hide_unused(grid, len(snr_labels))
    styles = dict(zip(protocols, _PROTOCOLS, strict=False))
    for axes, (snr, label) in zip(grid.flat, snr_labels.items(), strict=False):
        rows.draw(axes)
        for (detector, (protocol, factor)), y in rows.lanes.items():
            key = (protocol, factor, snr, detector)
            if key not in found:
                continue
            style, shade = styles[protocol], (factors.index(factor) + 1) / len(factors)
            values = list(ids.get(key, {}).values())
            axes.plot(
                *(values, [y] * len(values)),
                **{"color": style["color"], "linestyle": "", "marker": "|", "markersize": 6.0, "alpha": 0.8},
            )
            whiskers(axes, [y], [found[key].low], [found[key].high], style["color"], horizontal=True)
            axes.plot([found[key].mean], [y], label=detector, **_shaded(style, shade, rows.mark))
        axes.set_title(fitted(figure, label, MEDIUM, (figure.get_figwidth() - rows.left) / columns))
    shown = [end for one in found.values() for end in (one.mean, one.low) if np.isfinite(end)]
    shown += [value for of in ids.values() for value in of.values()]
    for axes in grid.flat[: len(snr_labels)]:
        _whole_auc_axis(axes, shown)
        axes.set_xlabel("AUC")
    keys: list[Artist] = [
        line_key(title_of(name), **_shaded(style, 1.0, 4.5) | {"linestyle": "-", "linewidth": 0.9})
        for name, style in styles.items()
    ]
    keys.append(line_key("single ID", color=NEUTRAL, marker="|", linestyle="", markersize=6.0))
    keys.append(line_key("chance", color=NEUTRAL, linestyle=":", linewidth=1.0))
    legend_below(figure, keys, _order_of(factors))
    title_above(figure, title)
    return figure


def _whole_auc_axis(axes: Axes, values: Sequence[float]) -> None:
    """An axis of AUC from chance, or the next tenth below the lowest of `values`, to 1, with chance drawn."""
    low = min(0.5, np.floor(10 * min(values, default=0.5) + 1e-9) / 10)
    axes.set_xlim(low - 0.012, 1.012)
    step = 0.1 if low >= 0.5 else 0.2 if low > 0.05 else 0.25
    ticks = np.arange(1.0, low - 1e-9, -step)
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axes.axvline(0.5, color=NEUTRAL, linestyle=":", linewidth=1.0, zorder=0.5)


def _best_first(found: Mapping[_Place, Estimate], protocols: Sequence[str]) -> list[str]:
    """Detectors by their mean AUC under the first protocol that they have values of."""
    means: dict[str, float] = {}
    for protocol in protocols:
        values: dict[str, list[float]] = {}
        for (of, _, _, detector), one in found.items():
            if of == protocol:
                values.setdefault(detector, []).append(one.mean)
        means = {name: float(np.mean(of_name)) for name, of_name in values.items()} | means
    return sorted(means, key=lambda name: -means[name])


def _ids_of(table: pd.DataFrame) -> dict[_Place, dict[str, float]]:
    """ID -> AUC at each place, the mean over the seeds; without IDs that have none."""
    values: dict[_Place, dict[str, list[float]]] = {}
    columns = ("protocol", "noise_factor", "snr", "detector", "id", "auc")
    for protocol, factor, snr, detector, machine_id, auc in zip(*(table[name] for name in columns), strict=True):
        if np.isfinite(auc):
            of_place = values.setdefault((str(protocol), _factor(factor), str(snr), str(detector)), {})
            of_place.setdefault(str(machine_id), []).append(float(auc))
    return {place: {name: float(np.mean(of_id)) for name, of_id in ids.items()} for place, ids in values.items()}


# --- false alarms ---


def false_alarms(
    table: pd.DataFrame, snr_labels: Mapping[str, str], title: str, *, asked: float, confidence: float
) -> Figure:
    """Share of the normal test clips of one machine that each detector flags, beside the share asked for.

    There is a panel for each protocol, all with the same rows and the same axis, whose unit is a square root, so that
    small shares are told apart.  A mark is the mean over SNRs, IDs and seeds, its whisker the exact interval for as
    many clips as there are; ticks are single SNRs.  Marks are crosses where `is_off` says so of the threshold.  The
    grey band is what it lets pass without asking for the interval: from half to twice the share asked for.

    Parameters
    ----------
    table
        Rows of one machine with the columns of ``auc.csv``; abnormal clips are not needed.
    snr_labels
        SNR -> its text, in their order.
    title
        Above all panels.
    asked
        Share of the normal clips that thresholds are meant to flag.
    confidence
        Of the interval, in per cent.
    """
    protocols = [str(name) for name in unique(table["protocol"])]
    groups = {
        (str(protocol), _factor(factor), str(detector)): group
        for (protocol, factor, detector), group in table.groupby(["protocol", "noise_factor", "detector"], sort=False)
    }
    factors = sorted({key[1] for key in groups}, key=lambda factor: (factor is None, factor))
    detectors = unique(detector for _, _, detector in groups)
    there = {(detector, factor) for _, factor, detector in groups}
    figure = new_figure(PAGE_WIDTH if len(protocols) > 1 else _NARROW, 1.0)
    rows = _Rows(figure, {name: [one for one in factors if (name, one) in there] for name in detectors})
    figure.set_figheight(1.5 + rows.height)
    grid = figure.subplots(1, len(protocols), sharex=True, sharey=True, squeeze=False)
    width = (figure.get_figwidth() - rows.left) / len(protocols) - 0.15
    bad = 0
    for axes, protocol in zip(grid.flat, protocols, strict=True):
        rows.draw(axes)
        axes.axvspan(asked / 2, 2 * asked, color=FAINT, linewidth=0, zorder=0.4)
        axes.axvline(asked, color="black", linewidth=0.8, zorder=1)
        for (detector, factor), y in rows.lanes.items():
            if (protocol, factor, detector) not in groups:
                continue
            rate, low, high, of_snrs = _measured(groups[protocol, factor, detector], confidence)
            off = is_off(rate, low, high, asked)
            bad += off
            style, shade = _OFF if off else _ON_TARGET, (factors.index(factor) + 1) / len(factors)
            axes.plot(
                *(of_snrs, [y] * len(of_snrs)),
                **{"color": style["color"], "linestyle": "", "marker": "|", "markersize": 6.0, "alpha": 0.8},
            )
            whiskers(axes, [y], [low], [high], style["color"], horizontal=True)
            mark = _shaded(style, shade, rows.mark + 0.8 * off)
            axes.plot([rate], [y], label=detector, clip_on=False, **mark)
        axes.set_title(fitted(figure, title_of(protocol), MEDIUM, width))
        axes.set_xlabel(
            fitted(figure, "false alarms: share of normal test clips flagged (square-root scale)", MEDIUM, width)
        )
    _square_root_scale(grid.flat[0].xaxis)
    keys: list[Artist] = [
        line_key(f"asked for: {asked:.1%}", color="black", linewidth=0.8),
        line_key(f"measured, with {confidence:g} % interval", **_shaded(_ON_TARGET, 1.0, 4.5) | {"linestyle": "-"}),
    ]
    if bad:
        beyond = "more than twice or less than half of what was asked for, beyond chance"
        keys.append(line_key(beyond, **_shaded(_OFF, 1.0, 5.3) | {"linestyle": "-"}))
    if len(snr_labels) > 1:
        keys.append(line_key("single SNR", color=NEUTRAL, marker="|", linestyle="", markersize=6.0))
    legend_below(figure, keys, _order_of(factors))
    title_above(figure, title)
    return figure


def _measured(group: pd.DataFrame, confidence: float) -> tuple[float, float, float, list[float]]:
    """Share of the normal clips that is flagged, its interval, and the share at each SNR."""
    rate = float(group["false_alarm_rate"].mean())
    # SNRs and seeds share clips
    clips = round(float((group["fp"] + group["tn"]).groupby(group["id"]).mean().sum()))
    low, high = exact_interval(round(rate * clips), clips, confidence)
    return rate, low, high, [float(value) for value in group.groupby("snr")["false_alarm_rate"].mean()]


def _square_root_scale(axis: Axis, highest: float = 1.0) -> None:
    """An axis of shares from 0 to the `highest`, finer where they are small."""
    functions = (lambda x: np.sqrt(np.clip(x, 0.0, None)), np.square)
    if isinstance(axis, XAxis):
        axis.axes.set_xscale("function", functions=functions)
        axis.axes.set_xlim(0.0, highest)
    else:
        axis.axes.set_yscale("function", functions=functions)
        axis.axes.set_ylim(0.0, highest)
    axis.set_major_locator(FixedLocator([share for share in _SHARES if share <= highest]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))


def false_alarms_by_share(table: pd.DataFrame, title: str, *, asked: float, confidence: float) -> Figure:
    """Share of the normal test clips that each detector flags, against the share that its threshold is asked for.

    There is a panel for each protocol, with a line for each detector (the mean over noise factors), named at its end.
    On the diagonal, as many are flagged as asked for; the grey band is what chance alone makes of that.  Both axes have
    the unit of a square root.

    Parameters
    ----------
    table
        Rows of one machine with the columns of `asd.evaluation.rows.FalseAlarmRow`.
    title
        Above all panels.
    asked
        Share that the thresholds of the run are asked for, which is marked.
    confidence
        Of the grey band, in per cent.
    """
    protocols = [str(name) for name in unique(table["protocol"])]
    detectors = [str(name) for name in unique(table["detector"])]
    styles = detector_styles(detectors)
    figure = new_figure(PAGE_WIDTH if len(protocols) > 1 else _NARROW, 1.0)
    names = [fitted(figure, name, SMALL, END_WIDTH) for name in detectors]
    lines = max(name.count("\n") + 1 for name in names)
    tall = max(2.3, 1.25 * SMALL / 72.0 * lines * len(detectors) + 0.3)
    columns = min(2, len(protocols))
    down = -(-len(protocols) // columns)
    figure.set_figheight(1.3 + (tall + 0.6) * down)
    grid = figure.subplots(down, columns, sharex=True, sharey=True, squeeze=False)
    hide_unused(grid, len(protocols))
    width = figure.get_figwidth() / columns - max(text_width(figure, name, SMALL) for name in names) - 0.9
    ends: dict[Axes, list[tuple[float, float, str, Mapping[str, Any]]]] = {}
    for axes, protocol in zip(grid.flat, protocols, strict=False):
        of_protocol = table[table["protocol"] == protocol]
        shares = sorted({float(share) for share in of_protocol["asked"]})
        clips = int(of_protocol["n_normal"].max())
        low, high = zip(*(exact_interval(round(share * clips), clips, confidence) for share in shares), strict=True)
        axes.fill_between(shares, low, high, color=FAINT, linewidth=0, zorder=0)
        axes.plot([0.0, *shares], [0.0, *shares], color="black", linewidth=0.8, zorder=1)
        axes.axvline(asked, color=NEUTRAL, linestyle=":", linewidth=1.0, zorder=0.5)
        ends[axes] = []
        for detector, style in styles.items():
            of_detector = of_protocol[of_protocol["detector"] == detector].groupby("asked")["false_alarm_rate"].mean()
            if len(of_detector):
                rates = of_detector.to_numpy(float)
                axes.plot(of_detector.index.to_numpy(float), rates, label=detector, zorder=2, **style)
                ends[axes].append((shares[-1], float(rates[-1]), detector, style))
        axes.set_title(fitted(figure, title_of(protocol), MEDIUM, width))
        axes.set_xlabel("share asked for")
        axes.set_ylabel("normal test clips flagged")
        axes.tick_params(labelbottom=True, labelleft=True)
        axes.grid()
    most = float(table["false_alarm_rate"].max())
    _square_root_scale(grid.flat[0].xaxis, float(table["asked"].max()))
    _square_root_scale(grid.flat[0].yaxis, min(tick for tick in _SHARES if tick >= max(most, 0.2)))
    keys: list[Artist] = [
        line_key("as asked", color="black", linewidth=0.8),
        Patch(facecolor=FAINT, label=f"chance, {confidence:g} %"),
        line_key(f"of this run: {asked:.1%}", color=NEUTRAL, linestyle=":", linewidth=1.0),
    ]
    legend_below(figure, keys, "square-root scales")
    title_above(figure, title)
    label_ends(figure, ends)
    return figure


# --- training ---


def seconds_of_job(path: StrPath) -> float:
    """What a benchmark file of Snakemake says of how long a job took, the mean of its repeats; NaN if there is none."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            seconds = [float(line["s"]) for line in csv.DictReader(file, delimiter="\t")]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return float("nan")
    return float(np.mean(seconds)) if seconds else float("nan")


def training_time(seconds: Iterable[tuple[str, float, str, float]], title: str) -> Figure:
    """How long each training of a DDAE took: a row for each machine, in it a line for each protocol and noise factor.

    Parameters
    ----------
    seconds
        Machine, noise factor, protocol and seconds of each training; NaN where they are not known.
    title
        Above the panel.
    """
    trainings = list(seconds)
    protocols = unique(protocol for _, _, protocol, _ in trainings)
    factors = sorted({factor for _, factor, _, _ in trainings})
    figure = new_figure(_NARROW, 1.0)
    lanes = list(product(protocols, factors))
    rows = _Rows(figure, dict.fromkeys((machine for machine, _, _, _ in trainings), lanes))
    figure.set_figheight(1.2 + rows.height)
    axes = figure.subplots()
    rows.draw(axes)
    styles = dict(zip(protocols, _PROTOCOLS, strict=False))
    for machine, factor, protocol, took in trainings:
        shade = (factors.index(factor) + 1) / len(factors)
        mark = _shaded(styles[protocol], shade, rows.mark)
        axes.plot([took], [rows.lanes[machine, (protocol, factor)]], label=machine, **mark)
    known = [took for *_, took in trainings if np.isfinite(took)]
    axes.set_xlim(0.0, 1.08 * max(known, default=1.0))
    axes.set_xlabel("seconds of a job that trains a DDAE, its start included")
    if len(known) < len(trainings):
        title += f" ({len(trainings) - len(known)} of {len(trainings)} not recorded here)"
    keys = [line_key(f"{name} protocol", **_shaded(style, 1.0, 4.5)) for name, style in styles.items()]
    legend_below(figure, keys, _order_of(factors))
    title_above(figure, title)
    return figure
