"""Figures of a run's summary: AUC by noise factor, as a heat map, and what denoising brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..ddae.run import ALL
from .style import (
    COLUMN_WIDTH,
    END_WIDTH,
    HATCH,
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
    readable_on,
    settle_auc_axis,
    text_width,
    title_above,
)

if TYPE_CHECKING:
    import pandas as pd

ABLATION_VIEWS = ("raw", "denoised", "raw+denoised", "residual")

_FEW = 4  # detectors whose bands can be told apart
_MAP = "viridis"
_LOWEST = 0.5  # AUC at the lower end of the heat map's colours
_MARKS = {"raw": "o", "denoised": "s", "raw+denoised": "D", "residual": "^"}
_REFERENCE: dict[str, Any] = {"color": "black", "linewidth": 0.7, "linestyle": (0, (4, 2)), "zorder": 1}
_COLOURS = {"raw": "#000000", "denoised": "#004488", "raw+denoised": "#B07A00", "residual": "#BB5566"}


@dataclass(frozen=True)
class Estimate:
    """A mean AUC and the ends of its 95 % interval; NaN where it is not known."""

    mean: float
    low: float
    high: float


_Key = tuple[str, float | None, str, str]
"""Machine, noise factor (None for ensembles over all of them), SNR, detector."""


def estimates(summary: pd.DataFrame) -> dict[_Key, Estimate]:
    """The rows of `summary` whose mean is a number."""
    found: dict[_Key, Estimate] = {}
    columns = ("machine", "noise_factor", "snr", "detector", "auc_mean", "auc_low", "auc_high")
    for machine, noise_factor, snr, detector, *numbers in zip(*(summary[name] for name in columns), strict=True):
        mean, low, high = (float(number) for number in numbers)
        if np.isfinite(mean):
            factor = None if noise_factor == ALL else float(noise_factor)
            found[str(machine), factor, str(snr), str(detector)] = Estimate(mean, low, high)
    return found


def unique(values: Iterable[Any]) -> list[Any]:
    """In the order of first appearance."""
    return list(dict.fromkeys(values))


def noise_factors_of(found: Iterable[_Key]) -> list[float]:
    return sorted({factor for _, factor, _, _ in found if factor is not None})


def _ticks_that_fit(values: Sequence[float], width: float) -> list[float]:
    """Those of rising `values` whose labels have 0.3 in, on an axis of `width` inches, from the last one shown."""
    kept = list(values[:1])
    for value in values[1:]:
        if (value - kept[-1]) / (values[-1] - values[0]) * width >= 0.3:
            kept.append(value)
    return kept


# --- AUC by noise factor ---


def auc_by_noise_factor(summary: pd.DataFrame, snr_labels: Mapping[str, str], title: str) -> Figure:
    """AUC against the noise factor for each detector of one machine: a panel for each SNR, all of the same range.

    A whisker, and the light band of up to four detectors, is the bootstrap 95 % interval (``auc_low`` to
    ``auc_high``).  Detectors stand a little beside each other at each noise factor.  Ensembles over the noise factors
    are dashed horizontal lines, their marks and whiskers right of the last noise factor.  More than four detectors
    have panels below each other, and their names at the ends of their lines.

    Parameters
    ----------
    summary
        Rows of one machine and protocol with the columns ``machine, noise_factor, snr, detector, auc_mean, auc_low,
        auc_high``; the noise factor is a number or `ALL`.  Rows may be missing or NaN.
    snr_labels
        SNR -> text above its panel, in the order of the panels.
    title
        Above all panels.
    """
    found = {(snr, detector, factor): value for (_, factor, snr, detector), value in estimates(summary).items()}
    detectors = [str(name) for name in unique(summary["detector"])]
    styles = detector_styles(detectors)
    factors = sorted({factor for _, _, factor in found if factor is not None})
    ensembles = [name for name in detectors if any((snr, name, None) in found for snr in snr_labels)]
    few = len(detectors) <= _FEW
    columns = min(3, len(snr_labels)) if few else 1
    rows = -(-len(snr_labels) // columns)
    columns = -(-len(snr_labels) // rows)
    figure = new_figure(COLUMN_WIDTH if few and columns == 1 else PAGE_WIDTH, 1.0)
    lines = max(fitted(figure, name, SMALL, END_WIDTH).count("\n") + 1 for name in detectors)
    tall = 2.1 if few else max(2.1, 1.25 * SMALL / 72.0 * lines * len(detectors) + 0.1) + 0.2
    figure.set_figheight(0.7 + tall * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    hide_unused(grid, len(snr_labels))

    width = (figure.get_figwidth() - 0.8) / columns - (0.1 if few else 1.6)
    gaps = np.diff(factors)
    closest = float(gaps.min()) if len(gaps) else 1.0
    span = factors[-1] - factors[0] if len(factors) > 1 else 1.0
    # neighbours stand 0.055 in from each other, but take no more than 0.7 of the closest gap
    step = min(0.055 * span / width, 0.7 * closest / max(len(detectors), 1))
    half = step * (len(detectors) - 1) / 2
    beyond = (factors[-1] if factors else 0.0) + max(0.3 * span / width, half + 0.1 * span)
    ends: dict[Axes, list[tuple[float, float, str, Mapping[str, Any]]]] = {}
    for axes, (snr, label) in zip(grid.flat, snr_labels.items(), strict=False):
        ends[axes] = []
        for number, (detector, style) in enumerate(styles.items()):
            shift = step * number - half
            mark = {"color": style["color"], "marker": style["marker"]}
            end: tuple[float, float] | None = None
            values = [found.get((snr, detector, factor), Estimate(*[np.nan] * 3)) for factor in factors]
            x = np.asarray(factors, float) + shift
            mean, low, high = (
                np.array([getattr(value, part) for value in values], float) for part in ("mean", "low", "high")
            )
            shown = np.isfinite(mean)
            if shown.any():
                axes.plot(x, mean, label=detector, zorder=3, **style)
                whiskers(axes, x, low, high, style["color"])
                if few:
                    axes.fill_between(x, low, high, color=style["color"], alpha=0.12, linewidth=0, zorder=1)
                end = float(x[shown][-1]), float(mean[shown][-1])
            ensemble = found.get((snr, detector, None))
            if ensemble is not None:
                place = beyond + step * (ensembles.index(detector) - (len(ensembles) - 1) / 2)
                axes.axhline(ensemble.mean, color=style["color"], linestyle=(0, (5, 3)), linewidth=0.9, zorder=2)
                axes.plot([place], [ensemble.mean], linestyle="", markerfacecolor="white", zorder=3, **mark)
                whiskers(axes, [place], [ensemble.low], [ensemble.high], style["color"])
                if end is None:
                    end, mark = (place, ensemble.mean), {**mark, "markerfacecolor": "white"}
            if end:
                ends[axes].append((*end, detector, mark))
        axes.set_title(fitted(figure, label, MEDIUM, width))
        ticks = _ticks_that_fit(factors, width * (span / (span + beyond - factors[-1]) if ensembles and factors else 1))
        names = [f"{factor:g}" for factor in ticks]
        axes.set_xticks([*ticks, *[beyond] * bool(ensembles)], [*names, *[ALL] * bool(ensembles)])
        left = (factors[0] if factors else beyond) - half - 0.05 * span
        right = (beyond if ensembles or not factors else factors[-1]) + half + 0.05 * span
        axes.set_xlim(left, right)
        axes.tick_params(axis="x", labelbottom=True)
        axes.grid(axis="y")
    for axes in ends:
        settle_auc_axis(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel("AUC")
    for number in range(len(snr_labels) - columns, len(snr_labels)):
        grid.flat[number].set_xlabel("noise factor")
    title_above(figure, title)
    hollow = {"linestyle": (0, (5, 3)), "markerfacecolor": "white"}
    along = {name for _, name, factor in found if factor is not None}
    keys: list[Artist] = []
    if few:
        keys += [line_key(name, **(style if name in along else style | hollow)) for name, style in styles.items()]
    if ensembles and (not few or along & set(ensembles)):
        keys.append(line_key("over all noise factors", color=NEUTRAL, marker="o", **hollow))
    if keys:
        legend_below(figure, keys)
    if not few:
        label_ends(figure, ends)
    return figure


def whiskers(axes: Axes, x: Any, low: Any, high: Any, colour: str, *, horizontal: bool = False) -> None:
    """Bars without caps from `low` to `high`, where both are known."""
    known = np.isfinite(np.asarray(low, float)) & np.isfinite(np.asarray(high, float))
    at, start, stop = (np.asarray(values, float)[known] for values in (x, low, high))
    if known.any():
        (axes.hlines if horizontal else axes.vlines)(at, start, stop, color=colour, linewidth=0.9, zorder=2.5)


# --- heat map ---


def auc_heat_map(summary: pd.DataFrame, snr_labels: Mapping[str, str], title: str) -> Figure:
    """Mean AUC as a table with colours: rows are machines and SNRs, columns are detectors.

    There is a panel for each noise factor if there are up to three, otherwise one of the mean over those noise
    factors that a detector has; ensembles over the noise factors (`ALL`) have a panel of their own.  Each machine
    of several SNRs has a last row with the mean over them, empty for a detector that lacks one.  The best of a row in
    its panel is bold, to the three digits shown.  Colours are the same in all figures, from 0.5 (chance, and below)
    to 1; hatched cells have no value.

    Parameters
    ----------
    summary
        Rows of one protocol with the columns ``machine, noise_factor, snr, detector, auc_mean, auc_low, auc_high``.
    snr_labels
        SNR -> name of its rows, in their order.
    title
        Above all panels.
    """
    found = estimates(summary)
    names = [str(name) for name in unique(summary["detector"])]
    rows = _table_rows([str(name) for name in unique(summary["machine"])], found, snr_labels)
    return _heat_map(_panels(found, rows, names), rows, title)


def auc_by_id(table: pd.DataFrame, snr_labels: Mapping[str, str], title: str) -> Figure:
    """AUC of each ID of a machine (rows, SNR by SNR) and detector (columns), as `auc_heat_map` draws it.

    Values are means over noise factors and seeds.  Each protocol has a panel; an SNR of several IDs has a last row with
    the mean over them.

    Parameters
    ----------
    table
        Rows of one machine with the columns of ``auc.csv``; noise factors may be numbers or text.
    snr_labels
        SNR -> text above its IDs, in their order.
    title
        Above all panels.
    """
    known = table[np.isfinite(table["auc"].to_numpy(float))]
    names = [str(name) for name in unique(known["detector"])]
    ids = {str(name): str(name) for name in unique(known["id"])}
    # whatever the protocol
    places = [(str(snr), None, str(machine_id), "") for snr, machine_id in zip(known["snr"], known["id"], strict=True)]
    rows = _table_rows(list(snr_labels), places, ids, snr_labels)
    panels: list[_Panel] = []
    protocols = unique(known["protocol"])
    for protocol in protocols:
        groups = known[known["protocol"] == protocol].groupby(["snr", "noise_factor", "id", "detector"], sort=False)
        found = {
            (str(snr), None if factor == ALL else float(factor), str(machine_id), str(detector)): Estimate(
                float(values.mean()), np.nan, np.nan
            )
            for (snr, factor, machine_id, detector), values in groups["auc"]
        }
        of = f"{protocol} protocol, " if len(protocols) > 1 else ""
        panels += [(of + heading, columns, values) for heading, columns, values in _panels(found, rows, names, apart=1)]
    return _heat_map(panels, rows, title)


_Panel = tuple[str, list[str], NDArray[np.float64]]
"""Heading, detectors, and values, float64 [rows, detectors]."""


def _panels(found: Mapping[_Key, Estimate], rows: Sequence[_Row], names: Sequence[str], apart: int = 3) -> list[_Panel]:
    """A panel for each noise factor, if there are no more than are to stand `apart`, else one of their mean.

    Ensembles over the noise factors have a panel of their own, but if one is `apart` they are columns of that.
    """
    factors = noise_factors_of(found)
    over_factors: list[float | None] = [None] if any(factor is None for _, factor, _, _ in found) else []
    heading = f"mean over {len(factors)} noise factors"
    if apart == 1:
        if len(factors) == 1:
            heading = f"noise factor {factors[0]:g}"
        wanted: list[tuple[str, Sequence[float | None]]] = [(heading, [*factors, *over_factors])]
    elif len(factors) > apart:
        wanted = [(heading, factors)]
    else:
        wanted = [(f"noise factor {factor:g}", [factor]) for factor in factors]
    if over_factors and apart > 1:
        wanted.append(("ensembles over noise factors", over_factors))
    panels = []
    for heading, of in wanted:
        chosen = [name for name in names if any(key[3] == name and key[1] in of for key in found)]
        panels.append((heading, chosen, _means(found, rows, of, chosen)))
    return panels


def _heat_map(panels: Sequence[_Panel], rows: Sequence[_Row], title: str) -> Figure:
    """Panels of the same rows, beside or below each other as they fit."""
    figure = new_figure(PAGE_WIDTH, 1.0)
    labels = [fitted(figure, row.text, SMALL, 1.6) for row in rows]
    margin = 0.25 + max(
        text_width(figure, label, SMALL, weight="bold" if row.heading else "normal")
        for label, row in zip(labels, rows, strict=True)
    )
    heads = [[fitted(figure, name, SMALL, 1.4) for name in columns] for _, columns, _ in panels]
    longest = max(text_width(figure, head, SMALL) for columns in heads for head in columns)
    upright = longest <= 0.48
    cell = max(0.42, longest + 0.06) if upright else 0.42
    height = 0.2 * max(label.count("\n") * 0.7 + 1 for label in labels)
    beside, widths = 1, [0.0]
    for count in range(1, len(panels) + 1):
        cells = [max(len(columns) for _, columns, _ in panels[start::count]) for start in range(count)]
        needed = [max(1.3, cell * number) for number in cells]
        if count == 1 or margin + sum(needed) + 0.15 * count + 0.7 <= PAGE_WIDTH:
            beside, widths = count, needed
    down = -(-len(panels) // beside)
    deepest = 0.16 if upright else longest
    headings = [fitted(figure, text, MEDIUM, widths[number % beside]) for number, (text, _, _) in enumerate(panels)]
    above = 0.1 + 0.16 * max(heading.count("\n") + 1 for heading in headings)
    wide = max(2.4, margin + sum(widths) + 0.15 * beside + 0.7)
    title_lines = fitted(figure, title, 10.0, 0.96 * wide).count("\n") + 1
    figure.set_size_inches(wide, 0.2 * title_lines + down * (height * len(rows) + deepest + above + 0.1) + 0.1)
    grid = figure.subplots(down, beside, squeeze=False, gridspec_kw={"width_ratios": widths})
    hide_unused(grid, len(panels))
    colours = ScalarMappable(Normalize(_LOWEST, 1.0), matplotlib.colormaps[_MAP])
    for number, (axes, (_, columns, values)) in enumerate(zip(grid.flat, panels, strict=False)):
        _draw_table(axes, values, rows, colours)
        axes.set_xlim(0, widths[number % beside] / cell)  # all cells of a figure are of one size
        axes.set_title(headings[number], loc="left")
        turned: dict[str, Any] = {} if upright else {"rotation": 90, "va": "top", "ha": "center"}
        axes.set_xticks(np.arange(len(columns)) + 0.5, heads[number], **turned)
        axes.set_yticks(np.arange(len(rows)) + 0.5, labels if number % beside == 0 else [""] * len(rows))
        for text, row in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_weight("bold" if row.heading else "normal")
            text.set_style("italic" if row.mean else "normal")
    below = any(bool((values < _LOWEST).any()) for _, _, values in panels)
    used = list(grid.flat[: len(panels)])
    bar = figure.colorbar(
        colours, ax=used, label="AUC", extend="min" if below else "neither", aspect=30, fraction=0.05, pad=0.02
    )
    bar.outline.set_visible(False)
    title_above(figure, title)
    return figure


@dataclass(frozen=True)
class _Row:
    """A row of the heat map: the heading of a machine, one SNR of it, or the mean over its SNRs."""

    machine: str
    text: str
    snr: str = ""
    snrs: tuple[str, ...] = ()

    @property
    def heading(self) -> bool:
        return not self.snrs

    @property
    def mean(self) -> bool:
        return len(self.snrs) > 1


def _table_rows(
    machines: Sequence[str],
    found: Iterable[_Key],
    snr_labels: Mapping[str, str],
    headings: Mapping[str, str] | None = None,
) -> list[_Row]:
    there = {(machine, snr) for machine, _, snr, _ in found}
    rows = []
    for machine in machines:
        snrs = tuple(snr for snr in snr_labels if (machine, snr) in there)
        rows.append(_Row(machine, headings[machine] if headings else machine))
        rows += [_Row(machine, snr_labels[snr], snr, (snr,)) for snr in snrs]
        if len(snrs) > 1:
            rows.append(_Row(machine, "mean", "", snrs))
    return rows


def _means(
    found: Mapping[_Key, Estimate], rows: Sequence[_Row], factors: Sequence[float | None], detectors: Sequence[str]
) -> NDArray[np.float64]:
    """float64 [rows, detectors], NaN where there is no value."""
    values = np.full((len(rows), len(detectors)), np.nan)
    for number, row in enumerate(rows):
        for column, detector in enumerate(detectors):
            means = []
            for snr in row.snrs:
                keys = ((row.machine, factor, snr, detector) for factor in factors)
                over = [found[key].mean for key in keys if key in found]
                means.append(float(np.mean(over)) if over else np.nan)
            if means:
                values[number, column] = float(np.mean(means))
    return values


def _draw_table(axes: Axes, values: NDArray[np.float64], rows: Sequence[_Row], colours: ScalarMappable) -> None:
    axes.pcolormesh(np.ma.masked_invalid(values), cmap=_MAP, vmin=_LOWEST, vmax=1.0, edgecolors="white", linewidth=1.0)
    for line, row in enumerate(rows):
        if row.heading:
            continue
        shown = [f"{value:.3f}" for value in values[line]]
        best = max((text for text in shown if text != "nan"), default="")
        alone = sum(text != "nan" for text in shown) < 2
        for column, text in enumerate(shown):
            if text == "nan":
                axes.add_patch(Rectangle((column, line), 1, 1, facecolor="0.95", edgecolor="0.75", hatch=HATCH, lw=0))
                continue
            axes.text(
                column + 0.5,
                line + 0.5,
                text.removeprefix("0"),
                ha="center",
                va="center",
                fontsize=SMALL,
                weight="bold" if text == best and not alone else "normal",
                color=readable_on(colours.to_rgba(values[line, column])),
            )
        if row.mean:
            axes.plot([0, values.shape[1]], [line, line], color="black", linewidth=0.8)
    axes.set_ylim(len(rows), 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


# --- ablation ---


def ablation(
    summary: pd.DataFrame, entries: Mapping[str, tuple[str, str]], snr_labels: Mapping[str, str], title: str
) -> Figure:
    """What denoising brings: the AUC of each method on each representation of the clips, a panel for each SNR.

    A mark is the mean AUC, its whisker the bootstrap 95 % interval.  Each method has a band, in it a line of marks
    for each representation and, from top to bottom and from light to full marks, for each noise factor; values that
    are the same for all noise factors, like those without denoising, appear once.  The vertical line through the
    band of a method is its (mean) AUC without denoising: marks right of it are better.

    Parameters
    ----------
    summary
        Rows of one protocol with the columns ``machine, noise_factor, snr, detector, auc_mean, auc_low, auc_high``.
        Several machines have rows of panels.
    entries
        Detector of `summary` -> method, and representation: one of `ABLATION_VIEWS`.  Other detectors are left out.
    snr_labels
        SNR -> text above its panel, in the order of the panels.
    title
        Above all panels.
    """
    found = {key: value for key, value in estimates(summary).items() if key[3] in entries}
    machines = [str(name) for name in unique(summary["machine"])]
    methods = unique(method for method, _ in entries.values())
    factors: list[float | None] = list(noise_factors_of(found))
    if any(factor is None for _, factor, _, _ in found):
        factors.append(None)
    named = {entry: [name for name, other in entries.items() if other == entry] for entry in entries.values()}
    constant = {entry for entry, names in named.items() if _is_constant(found, names)}
    shades = {factor: (n + 1) / len(factors) for n, factor in enumerate(factors)}

    # lanes: what stands at which height, the same in all panels
    lanes: dict[tuple[str, str, float | None], float] = {}
    bands: dict[str, tuple[float, float]] = {}
    at = 0.0
    for method in methods:
        start = at
        for representation in ABLATION_VIEWS:
            names = named.get((method, representation), [])
            there = {factor for _, factor, _, name in found if name in names}
            used = [factor for factor in factors if factor in there]
            if (method, representation) in constant:
                used = used[:1]
            for factor in used:
                lanes[method, representation, factor] = at + 0.5
                at += 1.0
            at += 0.6 * bool(used)
        bands[method] = (start - 0.4, at - 0.2)
        at += 0.6
    total = max(at - 0.6, 1.0)

    pitch = 0.13 if len(factors) < 4 else 0.1 if len(factors) < 6 else 0.06
    columns = len(snr_labels)
    height = max(pitch * total, 0.35 * len(methods), 0.9)
    figure = new_figure(COLUMN_WIDTH if columns == 1 else PAGE_WIDTH, 1.3 + len(machines) * (height + 0.45))
    grid = figure.subplots(len(machines), columns, sharex=True, sharey=True, squeeze=False)
    for line, machine in enumerate(machines):
        for column, (snr, label) in enumerate(snr_labels.items()):
            axes = grid[line, column]
            for number, (low, high) in enumerate(bands.values()):
                axes.axhspan(low, high, color="0.95" if number % 2 == 0 else "white", linewidth=0, zorder=0)
            raw: dict[str, list[float]] = {}
            for (method, representation, factor), y in lanes.items():
                entry = (method, representation)
                keys = product([machine], factors if entry in constant else [factor], [snr], named[entry])
                value = next((found[key] for key in keys if key in found), None)
                if value is None:
                    continue
                style = _mark(
                    representation, 1.0 if entry in constant else shades[factor], 4.5 if pitch > 0.08 else 3.2
                )
                whiskers(axes, [y], [value.low], [value.high], _COLOURS[representation], horizontal=True)
                axes.plot([value.mean], [y], linestyle="", zorder=3, **style)
                if representation == "raw":
                    raw.setdefault(method, []).append(value.mean)
            for method, means in raw.items():
                axes.vlines(float(np.mean(means)), *bands[method], label="raw", **_REFERENCE)
            heading = label if len(machines) == 1 else f"{machine}, {label}"
            axes.set_title(fitted(figure, heading, MEDIUM, (figure.get_figwidth() - 1.0) / columns))
            axes.set_ylim(total + 0.2, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.tick_params(axis="x", labelbottom=True)
            axes.grid(axis="x", color="0.82")
    centres = [(low + high) / 2 for low, high in bands.values()]
    grid[0, 0].set_yticks(centres, [fitted(figure, method, SMALL, 1.3) for method in methods])
    for axes in grid.flat:
        settle_auc_axis(axes, horizontal=True)
        axes.locator_params(axis="x", nbins=max(2, 15 // columns))
    for axes in grid[-1]:
        axes.set_xlabel("AUC")
    shown = [name for name in ABLATION_VIEWS if any(key[1] == name for key in lanes)]
    handles: list[Artist] = [line_key(name, linestyle="-", linewidth=0.9, **_mark(name, 1.0, 4.5)) for name in shown]
    if "raw" in shown:
        handles.append(line_key("raw, as a reference", **_REFERENCE))
    varying = sorted({f for method, name, f in lanes if (method, name) not in constant}, key=factors.index)
    if handles:
        order = ", ".join(ALL if factor is None else f"{factor:g}" for factor in varying)
        note = f"noise factor from top (light) to bottom (full): {order}" if len(varying) > 1 else None
        legend_below(figure, handles, note)
    title_above(figure, title)
    return figure


def _is_constant(found: Mapping[_Key, Estimate], names: Sequence[str]) -> bool:
    """Whether the values of these detectors do not depend on the noise factor."""
    seen: dict[tuple[str, str, str], set[Estimate]] = {}
    for (machine, _, snr, name), value in found.items():
        if name in names:
            seen.setdefault((machine, snr, name), set()).add(
                Estimate(value.mean, *np.nan_to_num((value.low, value.high)))
            )
    return all(len(values) == 1 for values in seen.values())


def _mark(representation: str, shade: float, size: float) -> dict[str, Any]:
    """Marker of a representation, its face from white (0) to full colour (1)."""
    colour = np.asarray(to_rgb(_COLOURS[representation]))
    return {
        "color": _COLOURS[representation],
        "marker": _MARKS[representation],
        "markerfacecolor": tuple((1.0 - shade * (1.0 - colour)).tolist()),
        "markeredgewidth": 0.9,
        "markersize": size,
    }
