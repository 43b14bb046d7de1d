"""Figures of results.  Colours are safe for colour-blind readers, and nothing is told by colour alone.

Plain matplotlib: there are many figures in many jobs, and seaborn would take each of them a second to import.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .atomic import whole_file

if TYPE_CHECKING:
    import pandas as pd

DPI = 150
_CLASSES = ("Normal", "Abnormal")
_FONTS = ("DejaVu Sans", "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")
_MARKERS = "osD^vPX*"
_COLOURS = ("#0173B2", "#DE8F05", "#029E73", "#D55E00", "#CC78BC", "#CA9161", "#FBAFE4", "#949494")
_DARK = 0.5  # share above which a cell of a heat map needs white letters

# matplotlib warns about each family it can't find, so name only those that are there; the later ones are for
# machines and IDs with names in other scripts
_INSTALLED = {font.name for font in font_manager.fontManager.ttflist}
plt.rcParams["font.family"] = [name for name in _FONTS if name in _INSTALLED] or ["sans-serif"]


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write `figure` in the format of the suffix of `path`, whole or not at all, and close it."""
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=DPI, bbox_inches="tight")
    plt.close(figure)


def confusion_heat_map(counts: NDArray[np.integer], title: str) -> Figure:
    """Heat map of a confusion matrix.

    Parameters
    ----------
    counts
        int [2, 2]: rows are the true, columns the predicted class; normal first.
    title
        Above the matrix.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(4.2, 3.6), layout="constrained")
    mesh = axes.pcolormesh(shares, cmap="Blues", vmin=0.0, vmax=1.0, edgecolors="white", linewidth=1.0)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > _DARK else "black"
        label = f"{counts[row, column]}\n{share:.1%}"
        axes.text(column + 0.5, row + 0.5, label, ha="center", va="center", fontsize=13, color=colour)
    figure.colorbar(mesh, ax=axes, label="share of the true class").outline.set_visible(False)
    axes.set(xlabel="Predicted", ylabel="True", aspect="equal")
    axes.set_xticks((0.5, 1.5), _CLASSES)
    axes.set_yticks((0.5, 1.5), _CLASSES, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=11)
    return figure


def auc_by_snr(table: pd.DataFrame, snr_labels: Mapping[str, str], title: str) -> Figure:
    """AUC against SNR for each detector of one machine: a panel for each noise factor.

    The line is the mean over IDs and seeds, the small marks are single IDs (mean over seeds), and the bar is the
    standard deviation, over the seeds, of the mean over the IDs.

    Parameters
    ----------
    table
        Rows of one machine with the columns of ``auc.csv``.
    snr_labels
        SNR -> text below the axis, in the order along it.
    """
    snrs = list(snr_labels)
    noise_factors = sorted(table["noise_factor"].unique())
    detectors = list(dict.fromkeys(table["detector"]))
    columns = min(3, len(noise_factors))
    rows = -(-len(noise_factors) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.2 + 3.6 * columns, 0.8 + 3.0 * rows), sharex=True, sharey=True, squeeze=False
    )
    for axes in grid.flat[len(noise_factors) :]:
        axes.set_visible(False)
    for axes, noise_factor in zip(grid.flat, noise_factors, strict=False):
        panel = table[table["noise_factor"] == noise_factor]
        for number, detector in enumerate(detectors):
            rows_of = panel[panel["detector"] == detector]
            offset = 0.16 * (number - (len(detectors) - 1) / 2)
            x = np.arange(len(snrs)) + offset
            by_id = rows_of.groupby(["snr", "id"])["auc"].mean()
            by_seed = rows_of.groupby(["snr", "seed"])["auc"].mean().groupby("snr")
            means = by_seed.mean().reindex(snrs)
            spread = by_seed.std(ddof=1).reindex(snrs)
            style = {"color": _COLOURS[number % len(_COLOURS)], "marker": _MARKERS[number % len(_MARKERS)]}
            for position, snr in zip(x, snrs, strict=True):
                values = by_id.get(snr, ())
                axes.plot([position] * len(values), values, linestyle="", markersize=4, alpha=0.35, **style)
            axes.errorbar(
                x,
                means,
                yerr=None if spread.isna().all() else spread,
                capsize=3,
                linewidth=1.5,
                markersize=7,
                label=detector,
                **style,
            )
        axes.axhline(0.5, color="0.6", linestyle=":", linewidth=1.0)
        axes.set_title(f"noise factor {noise_factor:g}", fontsize=10)
        axes.set_xticks(np.arange(len(snrs)), [snr_labels[snr] for snr in snrs])
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
    for axes in grid[:, 0]:
        axes.set_ylabel("AUC")
    grid[0, 0].legend(title="detector", fontsize=9)
    figure.suptitle(title)
    figure.tight_layout()
    return figure
