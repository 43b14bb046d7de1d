"""Figures of results.  Colours are safe for colour-blind readers, and nothing is told by colour alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .atomic import whole_file

DPI = 150
_CLASSES = ("Normal", "Abnormal")
_FONTS = ("DejaVu Sans", "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")
_MARKERS = "osD^vPX*"

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
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    cells = zip(counts.ravel(), shares.ravel(), strict=True)
    labels = np.array([f"{count}\n{share:.1%}" for count, share in cells]).reshape(counts.shape)
    figure, axes = plt.subplots(figsize=(4.2, 3.6))
    sns.heatmap(
        shares,
        annot=labels,
        fmt="",
        cmap="Blues",
        vmin=0.0,
        vmax=1.0,
        square=True,
        linewidths=1.0,
        annot_kws={"size": 13},
        xticklabels=_CLASSES,
        yticklabels=_CLASSES,
        cbar_kws={"label": "share of the true class"},
        ax=axes,
    )
    axes.set(xlabel="Predicted", ylabel="True")
    axes.set_title(title, fontsize=11)
    axes.tick_params(axis="y", rotation=90)
    return figure


def confusion_counts(table: pd.DataFrame) -> NDArray[np.int64]:
    """Sum of the confusion matrices of the rows of `table` (columns tn, fp, fn, tp): int64 [2, 2]."""
    return table[["tn", "fp", "fn", "tp"]].sum().to_numpy(np.int64).reshape(2, 2)


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
    palette = sns.color_palette("colorblind", max(len(detectors), 3))
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
            style = {"color": palette[number], "marker": _MARKERS[number % len(_MARKERS)]}
            for position, snr in zip(x, snrs, strict=True):
                values = by_id.get(snr, pd.Series(dtype=float))
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
