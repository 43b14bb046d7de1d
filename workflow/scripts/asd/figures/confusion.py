"""Figures of decisions: single confusion matrices, by the hundred, and all of a training beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from ..evaluation.statistics import is_off_by_count
from ..files import StrPath
from .style import (
    ABNORMAL,
    COLUMN_WIDTH,
    LARGE,
    MEDIUM,
    PAGE_WIDTH,
    SMALL,
    Base,
    fitted,
    legend_below,
    new_figure,
    readable_on,
    text_width,
    title_above,
)

Counts = NDArray[np.integer]
"""int [2, 2]: rows are the true, columns the predicted class; normal first."""

_CLASSES = ("Normal", "Abnormal")
_RIGHT, _WRONG = "Blues", "Oranges"
_DARKEST = 0.75  # of the colours of the grid, so that letters on them stay readable


def _shares(counts: Counts) -> NDArray[np.float64]:
    """Of the true class, float64 [2, 2]; 0 of a class without clips."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), np.float64)


# --- single matrices ---


def confusion_heat_map(counts: Counts, title: str) -> Figure:
    """Heat map of a confusion matrix, a column wide.

    Parameters
    ----------
    counts
        int [2, 2]: rows are the true, columns the predicted class; normal first.
    title
        Above the matrix.
    """
    return _SingleMatrix(counts, title).figure


class _SingleMatrix:
    """A figure of one confusion matrix, whose counts and title can be replaced."""

    def __init__(self, counts: Counts, title: str) -> None:
        figure = new_figure(COLUMN_WIDTH, 3.1)
        figure.set_layout_engine("none")  # all are alike, and to have them laid out takes a third of the time
        axes = figure.add_axes((0.12, 0.13, 0.61, 0.61 * COLUMN_WIDTH / 3.1))
        scale = figure.add_axes((0.765, 0.13, 0.03, 0.61 * COLUMN_WIDTH / 3.1))
        self.figure, self.axes = figure, axes
        self.mesh = axes.pcolormesh(_shares(counts), cmap=_RIGHT, vmin=0.0, vmax=1.0, edgecolors="white", linewidth=1.0)
        self.texts = [
            axes.text(column + 0.5, row + 0.5, "", ha="center", va="center", fontsize=11)
            for row, column in np.ndindex(2, 2)
        ]
        figure.colorbar(self.mesh, cax=scale, label="share of the true class").outline.set_visible(False)
        axes.set(xlabel="Predicted", ylabel="True", aspect="equal")
        axes.set_xticks((0.5, 1.5), _CLASSES)
        axes.set_yticks((0.5, 1.5), _CLASSES, rotation=90, va="center")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.invert_yaxis()
        self.show(counts, title)

    def show(self, counts: Counts, title: str) -> None:
        """Replace what the matrix shows."""
        shares = _shares(counts)
        self.mesh.set_array(shares)
        for text, count, share in zip(self.texts, counts.flat, shares.flat, strict=True):
            text.set(text=f"{count}\n{share:.1%}", color=readable_on(colormaps[_RIGHT](share)))
        self.axes.set_title(fitted(self.figure, title, MEDIUM, 2.7))


def save_confusion_heat_maps(matrices: Iterable[tuple[Counts, str, StrPath]]) -> None:
    """Write figures like those of `confusion_heat_map`, as PNG and to the pixel.

    There are thousands of them in a sweep.  What all share is drawn once.

    Parameters
    ----------
    matrices
        Counts and title, as `confusion_heat_map` takes them, and the file to write.
    """
    single: _SingleMatrix | None = None
    for counts, title, path in matrices:
        if single is None:
            single = _SingleMatrix(counts, title)
            varying = (single.mesh, *single.texts, single.axes.title)
            base = Base(single.figure, varying)
        single.show(counts, title)
        base.save_with(varying, path)


# --- all of a training ---


def confusion_grid(
    counts: Mapping[tuple[str, str], Counts],
    snr_labels: Mapping[str, str],
    title: str,
    *,
    asked: float,
    confidence: float = 95.0,
) -> Figure:
    """Confusion matrices of all detectors (rows) at all SNRs (columns), so many columns below each other as need be.

    Right decisions are blue, wrong ones orange; the darker, the larger is the share of the true class.  False alarms
    are framed; the frame is thick and the number bold where the threshold is off, as `is_off` has it.

    Parameters
    ----------
    counts
        (Detector, SNR) -> int [2, 2], as `confusion_heat_map` takes them.
    snr_labels
        SNR -> text above its matrices, in their order.
    title
        Above all of it.
    asked
        Share of the normal clips that thresholds are meant to flag.
    confidence
        In per cent, of the interval that tells whether a threshold is off.
    """
    detectors = list(dict.fromkeys(detector for detector, _ in counts))
    texts = {key: _cell_texts(matrix) for key, matrix in counts.items()}
    off = {key for key, matrix in counts.items() if _threshold_is_off(matrix, asked, confidence)}
    figure = new_figure(PAGE_WIDTH, 1.0)
    gap, corner = 0.14, "true \\ taken for"
    true = text_width(figure, "abnormal", SMALL) + 0.08
    widest = [text_width(figure, text, SMALL) for of in texts.values() for text in of]
    widest += [text_width(figure, texts[key][1], SMALL, weight="bold") for key in off]
    cell = max(*widest, text_width(figure, "abnormal", SMALL)) + 0.1
    # names have what three SNRs leave them
    room = PAGE_WIDTH - 0.2 - true - min(3, len(snr_labels)) * (2 * cell + gap)
    names = {name: fitted(figure, name, SMALL, min(max(room, 0.7), 1.5)) for name in detectors}
    first = max(text_width(figure, name, SMALL) for name in names.values()) + 0.1
    left = max(first + true, text_width(figure, corner, SMALL) + 0.12)
    height = max(0.2, 0.075 * max(name.count("\n") + 1 for name in names.values()))
    pitch = 2 * height + 0.09
    across = max(1, int((PAGE_WIDTH - 0.1 - left + gap) / (2 * cell + gap)))
    labels = {snr: fitted(figure, label, MEDIUM, 2 * cell) for snr, label in snr_labels.items()}
    bands = [list(labels)[start : start + across] for start in range(0, len(labels), across)]
    head = 0.17 * max(label.count("\n") + 1 for label in labels.values()) + 0.22
    deep = head + pitch * len(detectors) + 0.1
    wide = left + max(map(len, bands)) * (2 * cell + gap) - gap
    keys = [
        Patch(facecolor=colormaps[_RIGHT](0.55), label="right decisions"),
        Patch(facecolor=colormaps[_WRONG](0.55), label="wrong ones; the darker, the more of the true class"),
        Patch(facecolor="white", edgecolor="black", linewidth=0.8, label=f"false alarms; {asked:.1%} asked for"),
    ]
    if off:
        keys.append(
            Patch(
                facecolor="white",
                edgecolor=ABNORMAL,
                linewidth=2.0,
                label="more than twice or less than half of that, beyond chance",
            )
        )
    figure.set_figwidth(max(COLUMN_WIDTH, wide + 0.1))
    title_lines = fitted(figure, title, LARGE, 0.96 * figure.get_figwidth()).count("\n") + 1
    figure.set_figheight(0.2 * title_lines + deep * len(bands) + 0.35 + 0.18 * len(keys))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, figure.get_figwidth() - 0.1), ylim=(deep * len(bands), 0), aspect="equal", anchor="W")
    for number, band in enumerate(bands):
        top = number * deep
        write: dict[str, Any] = {"fontsize": SMALL, "va": "center"}
        axes.text(left - 0.08, top + head - 0.09, corner, ha="right", color="0.35", **write)
        for column, snr in enumerate(band):
            x = left + column * (2 * cell + gap)
            axes.text(x + cell, top, labels[snr], ha="center", va="top", fontsize=MEDIUM)
            for place, name in enumerate(("normal", "abnormal")):
                axes.text(x + (place + 0.5) * cell, top + head - 0.09, name, ha="center", color="0.35", **write)
        for line, detector in enumerate(detectors):
            y = top + head + line * pitch
            axes.text(0.0, y + height, names[detector], ha="left", linespacing=1.0, **write)
            for place, name in enumerate(("normal", "abnormal")):
                axes.text(left - 0.08, y + (place + 0.5) * height, name, ha="right", color="0.35", **write)
            for column, snr in enumerate(band):
                key = (detector, snr)
                if key in counts:
                    place_of = (left + column * (2 * cell + gap), y)
                    _draw_matrix(axes, counts[key], texts[key], place_of, (cell, height), key in off)
    for text in axes.texts:
        text.set_in_layout(False)  # to measure all of them takes as long as to draw them
    title_above(figure, title)
    legend_below(figure, keys)
    return figure


def _threshold_is_off(counts: Counts, asked: float, confidence: float) -> bool:
    alarms, normal = int(counts[0, 1]), int(counts[0].sum())
    return bool(normal) and is_off_by_count(alarms / normal, alarms, normal, confidence, asked)


def _cell_texts(counts: Counts) -> list[str]:
    """Count and share of each cell, row by row."""
    return [f"{count} ({_percent(share)})" for count, share in zip(counts.flat, _shares(counts).flat, strict=True)]


def _percent(share: float) -> str:
    """Of so few letters that three matrices stand beside each other; small shares are those that are asked for."""
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.1%}" if 0 < share < 0.0995 else f"{share:.0%}"


def _draw_matrix(
    axes: Any, counts: Counts, texts: Sequence[str], corner: tuple[float, float], size: tuple[float, float], off: bool
) -> None:
    """One matrix of the grid; its upper left `corner` and the `size` of its cells in inches."""
    for (row, column), share in np.ndenumerate(_shares(counts)):
        x, y = corner[0] + column * size[0], corner[1] + row * size[1]
        colour = colormaps[_RIGHT if row == column else _WRONG](_DARKEST * share)
        axes.add_artist(Rectangle((x, y), *size, facecolor=colour, edgecolor="white", linewidth=1.0))
        axes.text(
            x + size[0] / 2,
            y + size[1] / 2,
            texts[2 * row + column],
            ha="center",
            va="center",
            fontsize=SMALL,
            weight="bold" if off and (row, column) == (0, 1) else "normal",
            color=readable_on(colour),
        )
    frame: dict[str, Any] = {"edgecolor": ABNORMAL, "linewidth": 2.0} if off else {"edgecolor": "0.2", "linewidth": 0.8}
    axes.add_artist(Rectangle((corner[0] + size[0], corner[1]), *size, fill=False, zorder=3, clip_on=False, **frame))
