"""Tables of results: writing and reading them, and their summary over IDs and seeds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from .atomic import whole_file

AUC_COLUMNS = (
    *("machine", "noise_factor", "seed", "snr", "id", "detector", "auc", "pauc", "threshold"),
    *("n_train", "n_normal", "n_abnormal", "tn", "fp", "fn", "tp", "map_mfcc", "map_basic"),
)
SUMMARY_COLUMNS = (
    *("machine", "noise_factor", "snr", "detector", "auc_mean", "auc_std", "pauc_mean"),
    *("worst_id", "worst_auc", "n_ids", "n_seeds"),
)
_GROUP = ["machine", "noise_factor", "snr", "detector"]


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write `table` as CSV, whole or not at all; numbers are read back exactly."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(paths: Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """The rows of several tables that `write_table` wrote, one after the other; names stay text, even ``00``."""
    names = dict.fromkeys(("machine", "snr", "id", "detector"), str)
    tables = [pd.read_csv(path, dtype=names, keep_default_na=False) for path in paths]
    return pd.concat(tables, ignore_index=True)


def collect(
    tables: Sequence[str | os.PathLike[str]],
    skipped: Sequence[str | os.PathLike[str]],
    *,
    auc_path: str | os.PathLike[str],
    summary_path: str | os.PathLike[str],
    skipped_path: str | os.PathLike[str],
    text_path: str | os.PathLike[str],
) -> None:
    """Join the tables of all machines, noise factors and seeds, and sum them up.

    Parameters
    ----------
    tables
        Tables with `AUC_COLUMNS`.
    skipped
        Lists (file, reason) of recordings that were left out.
    auc_path, summary_path, skipped_path
        CSV files to write.
    text_path
        The table for the terminal.
    """
    table = read_table(tables)
    summary = summarise(table)
    write_table(table, auc_path)
    write_table(summary, summary_path)
    lists = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in skipped]
    left_out = pd.concat(lists, ignore_index=True) if lists else pd.DataFrame(columns=["file", "reason"])
    write_table(left_out, skipped_path)
    text = format_summary(summary)
    if len(left_out):
        text += f"\n{len(left_out)} recordings were left out, see {skipped_path}\n"
    with whole_file(text_path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def auc_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """A table with `AUC_COLUMNS` from dictionaries with these keys."""
    return pd.DataFrame(list(rows), columns=list(AUC_COLUMNS))


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over IDs and seeds for each machine, noise factor, SNR and detector, in the order of first appearance.

    ``auc_std`` is the sample standard deviation, over the seeds, of the mean over the IDs; it is empty for a
    single seed.  ``worst_id`` is the ID with the lowest mean over the seeds, ``worst_auc`` that mean.
    """
    rows = []
    for key, group in table.groupby(_GROUP, sort=False):
        by_seed = group.groupby("seed")["auc"].mean()
        by_id = group.groupby("id", sort=False)["auc"].mean()
        statistics = {
            "auc_mean": by_seed.mean(),
            "auc_std": by_seed.std(ddof=1),
            "pauc_mean": group.groupby("seed")["pauc"].mean().mean(),
            "worst_id": by_id.idxmin(),
            "worst_auc": by_id.min(),
            "n_ids": len(by_id),
            "n_seeds": len(by_seed),
        }
        rows.append({**dict(zip(_GROUP, key, strict=True)), **statistics})
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def format_summary(summary: pd.DataFrame) -> str:
    """The table for the terminal: for each machine and noise factor, mean AUC by SNR (rows) and detector (columns).

    With several seeds, the standard deviation over them follows each mean.
    """
    blocks = []
    for (machine, noise_factor), group in summary.groupby(["machine", "noise_factor"], sort=False):
        detectors = list(dict.fromkeys(group["detector"]))
        snrs = list(dict.fromkeys(group["snr"]))
        cells = {(row.snr, row.detector): _cell(row.auc_mean, row.auc_std) for row in group.itertuples()}
        first = max(len("SNR"), *(len(snr) for snr in snrs))
        width = max(len(text) for text in (*detectors, *cells.values()))
        ids, seeds = int(group["n_ids"].max()), int(group["n_seeds"].max())
        lines = [
            f"{machine}, noise factor {noise_factor:g}: mean AUC over {ids} ID{'s' * (ids != 1)}"
            + (f", mean and standard deviation over {seeds} seeds" if seeds > 1 else "")
        ]
        lines.append("  ".join(["SNR".ljust(first), *(name.rjust(width) for name in detectors)]))
        lines += [
            "  ".join([snr.ljust(first), *(cells.get((snr, name), "-").rjust(width) for name in detectors)])
            for snr in snrs
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _cell(mean: Any, std: Any) -> str:
    return f"{mean:.3f}" if pd.isna(std) else f"{mean:.3f} ±{std:.3f}"
