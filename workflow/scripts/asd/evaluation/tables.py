"""Tables of results: writing and reading them, and their summary over IDs and seeds.

Names are written as they are where they are read again, and as harmless text where people look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import harmonic_mean
from typing import Any

import numpy as np
import pandas as pd

from ..files import StrPath
from ..files.atomic import whole_file
from ..files.neutral import for_spreadsheet
from ..files.origin import Origin
from .machine import Replicates, read_replicates
from .rows import AucRow, ComparisonRow, ConditionRow, SummaryRow, columns_of, text_columns_of
from .statistics import clips_of_smaller_class, interval_of_few, percentile_interval

AUC_COLUMNS = columns_of(AucRow)
SUMMARY_COLUMNS = columns_of(SummaryRow)
COMPARISON_COLUMNS = columns_of(ComparisonRow)
CONDITION_COLUMNS = columns_of(ConditionRow)
DECISION_COLUMNS = ("precision", "recall", "f1", "false_alarm_rate")
SIMULATED = "Simulated recordings (the demo): these results say nothing of real machines."
_GROUP = ["protocol", "machine", "noise_factor", "snr", "detector"]

ByMachine = Mapping[str, Mapping[str, Replicates]]
"""Machine -> protocol -> bootstrap of its AUCs."""


def write_table(table: pd.DataFrame, path: StrPath) -> None:
    """Write `table` as CSV, whole or not at all; numbers are read back exactly."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)


def for_people(table: pd.DataFrame) -> pd.DataFrame:
    """`table` as spreadsheets open it: text that they would run as a formula has an apostrophe in front.

    For the tables of a whole run, ``results/*.csv``.  Those that other jobs read (of a machine, clip lists, scores)
    hold names as they are.
    """
    changed = {
        name: cells.map(lambda cell: for_spreadsheet(cell) if isinstance(cell, str) else cell)
        for name, cells in table.items()
        if any(isinstance(cell, str) and for_spreadsheet(cell) != cell for cell in cells)
    }
    return table.assign(**{str(name): cells for name, cells in changed.items()})


def number_of(text: str) -> float | int | str:
    """A noise factor or seed; `ALL` stays text."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


def read_table(paths: Iterable[StrPath]) -> pd.DataFrame:
    """The rows of several tables that `write_table` wrote, one after the other; names stay text, even ``00``.

    Noise factors and seeds are numbers, except for the `ALL` of ensembles.
    """
    tables = [pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=_EMPTY) for path in paths]
    table = pd.concat(tables, ignore_index=True)
    for column in ("noise_factor", "other_noise_factor", "seed"):
        if column in table:
            values = [number_of(value) for value in table[column]]
            table[column] = pd.Series(values, index=table.index, dtype=None if _all_numbers(values) else object)
    return table


_KINDS = (AucRow, SummaryRow, ComparisonRow, ConditionRow)
_TEXT = dict.fromkeys((name for kind in _KINDS for name in text_columns_of(kind)), str)
_EMPTY = {name: [""] for kind in _KINDS for name in (*columns_of(kind), "p_holm") if name not in _TEXT}
"""Columns of numbers, which may be missing."""


def _all_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def read_evaluation(
    machines: Sequence[str],
    tables: Sequence[StrPath],
    comparisons: Sequence[StrPath],
    replicates: Sequence[StrPath],
    conditions: Sequence[StrPath] = (),
    false_alarms: Sequence[StrPath] = (),
    *,
    expected: Sequence[Origin] = (),
) -> tuple[pd.DataFrame, dict[str, dict[str, Replicates]]]:
    """Table of all AUCs, and machine -> bootstraps, from the files of each machine, once these are found whole.

    Raises
    ------
    UserError
        If one of the files is damaged or, where it is said whose they have to be, another one's.
    """
    origins: Sequence[Origin | None] = expected or [None] * len(machines)
    others = [files for files in (conditions, false_alarms) if files]
    files = zip(machines, replicates, origins, tables, comparisons, *others, strict=True)
    by_machine = {machine: read_replicates(path, of_machine, whose) for machine, path, whose, *of_machine in files}
    return read_table(tables), by_machine


def auc_table(rows: Iterable[AucRow]) -> pd.DataFrame:
    """Lines of ``auc.csv``."""
    return _table_of(rows, AucRow)


def comparison_table(rows: Iterable[ComparisonRow]) -> pd.DataFrame:
    """Lines of ``comparisons.csv``."""
    return _table_of(rows, ComparisonRow)


def condition_table(rows: Iterable[ConditionRow]) -> pd.DataFrame:
    """Lines of ``conditions.csv``."""
    return _table_of(rows, ConditionRow)


def _table_of(rows: Iterable[Any], kind: type[Any]) -> pd.DataFrame:
    """Lines of one of the classes of `.rows`; whole numbers stay whole where some are missing."""
    lines = list(rows)
    columns = {name: [getattr(line, name) for line in lines] for name in columns_of(kind)}
    return pd.DataFrame(
        {name: pd.Series(values, dtype=object if None in values else None) for name, values in columns.items()}
    )


def lines_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Column -> cell of each line."""
    return [{str(name): cell for name, cell in line.items()} for line in table.to_dict("records")]


# ---------------------------------------------------------------------------------------------------- summary


def summarise(table: pd.DataFrame, by_machine: ByMachine | None = None, confidence: float = 95.0) -> pd.DataFrame:
    """Mean over IDs and seeds for each protocol, machine, noise factor, SNR and detector, in the order of appearance.

    ``auc_std`` is the sample standard deviation, over the seeds, of the mean over the IDs; it is empty for a
    single seed.  ``auc_low`` .. ``auc_high`` is the bootstrap interval over seeds and clips, empty without a bootstrap.
    Harmonic means are over the IDs, of the mean over the seeds; they weigh a bad ID more.  ``worst_id`` is the ID with
    the lowest mean over the seeds, ``worst_auc`` that mean.  IDs without abnormal clips count for the false-alarm rate
    alone; where all are, AUCs are empty and ``n_ids`` is 0.
    """
    rows = []
    for key, group in table.groupby(_GROUP, sort=False):
        where: dict[str, Any] = dict(zip(_GROUP, key, strict=True))
        by_seed = group.groupby("seed")["auc"].mean()
        by_id = group.groupby("id", sort=False)[["auc", "pauc"]].mean().dropna()
        auc_interval, pauc_interval = _intervals(by_machine, where, confidence)
        if by_machine is not None:
            few = smaller_class(group), confidence
            auc_interval = interval_of_few(*auc_interval, float(by_seed.mean()), *few)
            pauc_interval = interval_of_few(*pauc_interval, float(by_id["pauc"].mean()), *few)
        rows.append(
            SummaryRow(
                **where,
                auc_mean=by_seed.mean(),
                auc_std=by_seed.std(ddof=1),
                pauc_mean=group.groupby("seed")["pauc"].mean().mean(),
                worst_id=str(by_id["auc"].idxmin()) if len(by_id) else "",
                worst_auc=by_id["auc"].min(),
                n_ids=len(by_id),
                n_seeds=len(by_seed),
                auc_low=auc_interval[0],
                auc_high=auc_interval[1],
                auc_harmonic_mean=harmonic_mean_of(by_id["auc"]),
                pauc_low=pauc_interval[0],
                pauc_high=pauc_interval[1],
                pauc_harmonic_mean=harmonic_mean_of(by_id["pauc"]),
                **decisions_of(group),
            )
        )
    return _table_of(rows, SummaryRow)


def smaller_class(group: pd.DataFrame) -> int:
    """Test clips of the class of which there are fewer, in all IDs; SNRs and seeds share them."""
    units = list(zip(group["machine"], group["id"], strict=True))
    return clips_of_smaller_class(units, group["n_normal"], group["n_abnormal"])


def harmonic_mean_of(values: pd.Series[Any]) -> float:
    """With which the DCASE challenges summarise AUCs (Kawaguchi et al., DCASE 2021); 0 if any value is."""
    return harmonic_mean(values.tolist()) if len(values) else float("nan")


def decisions_of(group: pd.DataFrame) -> dict[str, Any]:
    """Means of the `DECISION_COLUMNS`."""
    return {name: float(group[name].mean()) for name in DECISION_COLUMNS}


def _same(noise_factor: Any, text: str) -> bool:
    return bool(noise_factor == number_of(text))


def _intervals(
    by_machine: ByMachine | None, where: Mapping[str, Any], confidence: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    values = None if by_machine is None else by_machine[where["machine"]].get(where["protocol"])
    if values is None:
        return (np.nan, np.nan), (np.nan, np.nan)
    number = next(
        number
        for number, (detector, factor) in enumerate(values.entries)
        if detector == where["detector"] and _same(where["noise_factor"], factor)
    )
    column = values.snrs.index(where["snr"])
    auc, pauc = values.auc_replicates[number, column], values.pauc_replicates[number, column]
    return interval_of(auc, confidence), interval_of(pauc, confidence)


def interval_of(samples: Any, confidence: float) -> tuple[float, float]:
    """Percentile interval of replicates, in per cent `confidence`."""
    low, high = percentile_interval(np.asarray(samples, np.float64), confidence)
    return float(low), float(high)
