"""Tables of results: writing and reading them, their summary over IDs and seeds, and the leaderboard.

Names are written as they are where they are read again, and as harmless text where people look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import harmonic_mean
from typing import Any

import numpy as np
import pandas as pd

from ..ddae.loss import Curves, complaints_of
from ..ddae.run import ALL, ALL_MACHINES
from ..features.cliplist import SKIPPED_COLUMNS, read_skipped
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.neutral import for_html, for_markdown, for_spreadsheet, in_one_line
from ..files.origin import Origin
from ..splits import title_of
from .machine import Entry, Replicates, read_replicates
from .rows import AucRow, ComparisonRow, ConditionRow, SummaryRow, columns_of, text_columns_of
from .statistics import (
    FEW_CLIPS,
    FEWEST_FOR_P_VALUES,
    bootstrap_p_value,
    clips_of_smaller_class,
    exact_interval,
    holm,
    interval_of_few,
    is_off,
    percentile_interval,
)

AUC_COLUMNS = columns_of(AucRow)
SUMMARY_COLUMNS = columns_of(SummaryRow)
COMPARISON_COLUMNS = columns_of(ComparisonRow)
CONDITION_COLUMNS = columns_of(ConditionRow)
DECISION_COLUMNS = ("precision", "recall", "f1", "false_alarm_rate")
SIMULATED = "Simulated recordings (the demo): these results say nothing of real machines."
_SHOWN = 6  # trainings
_GROUP = ["protocol", "machine", "noise_factor", "snr", "detector"]

ByMachine = Mapping[str, Mapping[str, Replicates]]
"""Machine -> protocol -> bootstrap of its AUCs."""

Trainings = Sequence[tuple[Origin, Curves]]
"""Which trainings of a DDAE there are, and how each went."""


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


def _number(text: str) -> float | int | str:
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
            values = [_number(value) for value in table[column]]
            table[column] = pd.Series(values, index=table.index, dtype=None if _all_numbers(values) else object)
    return table


_KINDS = (AucRow, SummaryRow, ComparisonRow, ConditionRow)
_TEXT = dict.fromkeys((name for kind in _KINDS for name in text_columns_of(kind)), str)
_EMPTY = {name: [""] for kind in _KINDS for name in (*columns_of(kind), "p_holm") if name not in _TEXT}
"""Columns of numbers, which may be missing."""


def _all_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def collect(
    tables: Sequence[StrPath],
    replicates: Mapping[str, StrPath],
    comparisons: Sequence[StrPath],
    conditions: Sequence[StrPath],
    skipped: Sequence[StrPath],
    trainings: Trainings = (),
    *,
    confidence: float,
    asked: float,
    simulated: bool = False,
    expected: Sequence[Origin] = (),
    auc_path: StrPath,
    summary_path: StrPath,
    leaderboard_path: StrPath,
    markdown_path: StrPath,
    html_path: StrPath,
    comparisons_path: StrPath,
    conditions_path: StrPath,
    skipped_path: StrPath,
    text_path: StrPath,
) -> None:
    """Join the tables of all machines, noise factors and seeds, and sum them up.

    Parameters
    ----------
    tables
        Tables with `AUC_COLUMNS`, one for each machine.
    replicates
        Machine -> what `asd.evaluation.machine.write_replicates` wrote.
    comparisons
        Tables with `COMPARISON_COLUMNS`, one for each machine.
    conditions
        Tables with `CONDITION_COLUMNS`, one for each machine.
    skipped
        Lists (`SKIPPED_COLUMNS`) of recordings that were left out.
    trainings
        Each training of a DDAE: which it is, and how it went.
    confidence
        Of the intervals, in per cent.
    asked
        Share of the normal clips that thresholds are meant to flag.
    simulated
        The recordings are the demo's: every table says so, CSV files in a column ``data``.
    expected
        Whose the files of each machine have to be; if left out, anybody's.
    auc_path, summary_path, leaderboard_path, comparisons_path, conditions_path, skipped_path
        CSV files to write.
    markdown_path, html_path
        The leaderboard as Markdown, and as a page.
    text_path
        The table for the terminal.
    """
    table, by_machine = read_evaluation(
        list(replicates), tables, comparisons, list(replicates.values()), conditions, expected=expected
    )
    summary = summarise(table, by_machine, confidence)
    ranking = leaderboard(table, by_machine, confidence, asked)
    written_tables = {
        auc_path: table,
        summary_path: summary,
        leaderboard_path: ranking,
        comparisons_path: read_table(comparisons)[list(COMPARISON_COLUMNS)],
        conditions_path: read_table(conditions)[list(CONDITION_COLUMNS)],
    }
    for path, content in written_tables.items():
        write_table(for_people(content.assign(data="simulated") if simulated else content), path)
    sentences = [SIMULATED] if simulated else []
    sentences += _about_trainings(trainings)
    sentences += _not_ranked([machine for machine, replicates_of in by_machine.items() if not replicates_of])
    sentences += _about_few_clips(table)
    sentences += _about_marks(ranking, confidence, asked)
    for path, written in ((markdown_path, markdown), (html_path, html_page)):
        with whole_file(path) as temporary:
            temporary.write_text(written(ranking, confidence, sentences), encoding="utf-8")
    left_out = pd.DataFrame([line for path in skipped for line in read_skipped(path)], columns=SKIPPED_COLUMNS[:2])
    write_table(for_people(left_out), skipped_path)
    text = f"{SIMULATED}\n\n" * simulated + format_summary(summary)
    if len(left_out):
        text += f"\n{len(left_out)} recordings were left out, see {skipped_path}\n"
    text += _for_console(trainings)
    with whole_file(text_path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
            few = _smaller_class(group), confidence
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
                auc_harmonic_mean=_harmonic_mean(by_id["auc"]),
                pauc_low=pauc_interval[0],
                pauc_high=pauc_interval[1],
                pauc_harmonic_mean=_harmonic_mean(by_id["pauc"]),
                **_decisions(group),
            )
        )
    return _table_of(rows, SummaryRow)


def _smaller_class(group: pd.DataFrame) -> int:
    """Test clips of the class of which there are fewer, in all IDs; SNRs and seeds share them."""
    units = list(zip(group["machine"], group["id"], strict=True))
    return clips_of_smaller_class(units, group["n_normal"], group["n_abnormal"])


def _harmonic_mean(values: pd.Series[Any]) -> float:
    """With which the DCASE challenges summarise AUCs (Kawaguchi et al., DCASE 2021); 0 if any value is."""
    return harmonic_mean(values.tolist()) if len(values) else float("nan")


def _decisions(group: pd.DataFrame) -> dict[str, Any]:
    return {name: float(group[name].mean()) for name in DECISION_COLUMNS}


def _same(noise_factor: Any, text: str) -> bool:
    return bool(noise_factor == _number(text))


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
    return _interval(auc, confidence), _interval(pauc, confidence)


def _interval(samples: Any, confidence: float) -> tuple[float, float]:
    low, high = percentile_interval(np.asarray(samples, np.float64), confidence)
    return float(low), float(high)


def format_summary(summary: pd.DataFrame) -> str:
    """The table for the terminal: for each machine and noise factor, mean AUC by SNR (rows) and detector (columns).

    With several seeds, the standard deviation over them follows each mean.  A machine without abnormal clips has no
    AUC; its table shows the shares of the normal test clips that are flagged.
    """
    blocks = []
    summary = summary.assign(**{name: summary[name].map(in_one_line) for name in ("machine", "snr", "detector")})
    for (protocol, machine, noise_factor), group in summary.groupby(
        ["protocol", "machine", "noise_factor"], sort=False
    ):
        detectors = list(dict.fromkeys(group["detector"]))
        snrs = list(dict.fromkeys(group["snr"]))
        unknown = not int(group["n_ids"].max())
        cells = {
            (row.snr, row.detector): f"{row.false_alarm_rate:.1%}" if unknown else _cell(row.auc_mean, row.auc_std)
            for row in group.itertuples()
        }
        first = max(len("SNR"), *(len(snr) for snr in snrs))
        width = max(len(text) for text in (*detectors, *cells.values()))
        ids, seeds = int(group["n_ids"].max()), int(group["n_seeds"].max())
        lines = [
            f"{machine}, {_factor(noise_factor)}, {protocol} protocol: "
            + ("no abnormal clips, so no AUC; false alarms" if unknown else f"mean AUC over {ids} ID{'s' * (ids != 1)}")
            + (f", mean{' and standard deviation' * (not unknown)} over {seeds} seeds" if seeds > 1 else "")
        ]
        lines.append("  ".join(["SNR".ljust(first), *(name.rjust(width) for name in detectors)]))
        lines += [
            "  ".join([snr.ljust(first), *(cells.get((snr, name), "-").rjust(width) for name in detectors)])
            for snr in snrs
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _factor(noise_factor: Any) -> str:
    return "all noise factors" if noise_factor == ALL else f"noise factor {noise_factor:g}"


def _cell(mean: Any, std: Any) -> str:
    return f"{mean:.3f}" if pd.isna(std) else f"{mean:.3f} ±{std:.3f}"


# ------------------------------------------------------------------------------------------------ leaderboard


def leaderboard(
    table: pd.DataFrame, by_machine: ByMachine, confidence: float, asked: float | None = None
) -> pd.DataFrame:
    """Detectors (each at each noise factor) in the order of their mean AUC over SNRs, IDs and seeds.

    Detectors whose thresholds flag more than twice or less than half of what was `asked` for, a share of the normal
    clips, beyond chance, come behind the others and have no rank: they are of no use as they are, however high their
    AUC.

    A ranking for each protocol and machine and, where there are several machines, one of the mean over all of them,
    which comes first.  Columns: ``rank``, ``protocol``, ``machine``, ``detector``, ``noise_factor``,
    ``representation``, ``projection``; ``auc`` with its bootstrap interval ``auc_low`` .. ``auc_high`` and ``auc_std``
    over the seeds; ``auc.<snr>`` for each SNR; ``pauc``; ``auc_harmonic_mean`` over SNRs and IDs; ``worst`` (SNR and
    ID with the lowest mean over the seeds) and ``worst_auc``; ``precision``, ``recall``, ``f1``,
    ``false_alarm_rate``; ``behind_first``, the difference to the first of the ranking on the same clips, its
    bootstrap ``p_value`` and ``p_holm``, adjusted for the number of comparisons in the ranking (Holm, 1979);
    ``n_seeds``; the exact interval ``false_alarms_low`` .. ``false_alarms_high`` of the false-alarm rate, for as many
    clips as there are of the IDs, since SNRs and seeds share them; ``false_alarms_off``, whether it is one of those.
    Machines without abnormal clips are left out; if all are, the table is empty.
    """
    rows = []
    table = table.dropna(subset="auc")
    for protocol in dict.fromkeys(table["protocol"]):
        ranked = [machine for machine, of_protocols in by_machine.items() if protocol in of_protocols]
        scopes: list[tuple[str, list[str]]] = [(machine, [machine]) for machine in ranked]
        if len(ranked) > 1:
            scopes.insert(0, (ALL_MACHINES, ranked))
        for scope, machines in scopes:
            rows += _ranking(table, by_machine, protocol, scope, machines, confidence, asked)
    ranking = pd.DataFrame(rows, columns=None if rows else list(_LEADERBOARD_COLUMNS))
    return ranking.astype({"rank": "Int64"})


def _ranking(
    table: pd.DataFrame,
    by_machine: ByMachine,
    protocol: str,
    scope: str,
    machines: Sequence[str],
    confidence: float,
    asked: float | None,
) -> list[dict[str, Any]]:
    values = [by_machine[machine][protocol] for machine in machines]
    entries: tuple[Entry, ...] = values[0].entries
    auc = np.mean([value.auc for value in values], axis=0)  # [entries, snrs]
    # machines have no clips in common, so their replicates are independent, and the mean has replicates of its own
    samples = np.mean([value.auc_replicates.mean(axis=1) for value in values], axis=0).astype(np.float64)
    here = table[(table["protocol"] == protocol) & table["machine"].isin(machines)]
    groups = [
        here[(here["detector"] == detector) & (here["noise_factor"] == _number(factor))] for detector, factor in entries
    ]
    alarms = [_false_alarms(group, confidence, asked) for group in groups]
    # of two that are equally good, a mean of detectors depends less on luck than any of them
    single = [group["representation"].iloc[0] != "ensemble" for group in groups]
    order = np.lexsort((single, -auc.mean(axis=1).round(9), [of["false_alarms_off"] for of in alarms]))
    first = order[0]
    clips = [_smaller_class(group) for group in groups]
    p_values = np.array(
        [
            bootstrap_p_value(samples[first] - samples[number])
            if min(clips[first], clips[number]) >= FEWEST_FOR_P_VALUES
            else np.nan
            for number in order[1:]
        ]
    )
    adjusted = holm(p_values) if len(p_values) else p_values
    rows = []
    for rank, number in enumerate(order, start=1):
        (detector, factor), group = entries[number], groups[number]
        cells = group.groupby(["machine", "snr", "id"], sort=False)["auc"].mean()
        worst = cells.idxmin()
        mean = float(auc[number].mean())
        low, high = interval_of_few(*_interval(samples[number], confidence), mean, clips[number], confidence)
        rows.append(
            {
                "rank": None if alarms[number]["false_alarms_off"] else rank,
                "protocol": protocol,
                "machine": scope,
                "detector": detector,
                "noise_factor": _number(factor),
                "representation": group["representation"].iloc[0],
                "projection": group["projection"].iloc[0],
                "auc": mean,
                "auc_low": low,
                "auc_high": high,
                "auc_std": _mean_of_machines(group, ["auc"], "seed")["auc"].std(ddof=1),
                **{f"auc.{snr}": float(auc[number, column]) for column, snr in enumerate(values[0].snrs)},
                "pauc": float(np.mean([value.pauc[number].mean() for value in values])),
                "auc_harmonic_mean": _harmonic_mean(cells),
                "worst": " ".join(worst if len(machines) > 1 else worst[1:]),
                "worst_auc": float(cells.min()),
                **_decisions(_mean_of_machines(group, list(DECISION_COLUMNS))),
                "behind_first": float(auc[first].mean() - auc[number].mean()),
                "p_value": float(p_values[rank - 2]) if rank > 1 else np.nan,
                "p_holm": float(adjusted[rank - 2]) if rank > 1 else np.nan,
                "n_seeds": group["seed"].nunique(),
                **alarms[number],
            }
        )
    return rows


def _false_alarms(group: pd.DataFrame, confidence: float, asked: float | None) -> dict[str, Any]:
    """Interval of the false-alarm rate of a detector, and whether its threshold is off."""
    rate = _decisions(_mean_of_machines(group, list(DECISION_COLUMNS)))["false_alarm_rate"]
    normal = group.assign(normal=group["fp"] + group["tn"])
    total = round(normal.groupby(["machine", "id"])["normal"].mean().sum())
    low, high = exact_interval(round(rate * total), total, confidence)
    off = asked is not None and is_off(rate, low, high, asked)
    return {"false_alarms_low": low, "false_alarms_high": high, "false_alarms_off": off}


def _mean_of_machines(group: pd.DataFrame, columns: list[str], by: str = "detector") -> pd.DataFrame:
    """Means of the machines' means, so that a machine with many IDs counts no more than the others."""
    of_machines = group.groupby([by, "machine"], sort=False)[columns].mean()
    return of_machines.groupby(level=by, sort=False).mean()


_LEADERBOARD_COLUMNS = ("rank", "protocol", "machine", "detector", "noise_factor", "auc", "false_alarms_off")
"""Of a leaderboard without lines."""


def _printed(ranking: pd.DataFrame, confidence: float) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Title, header and lines of cells of the ranking of each protocol and machine, for people to read."""
    snrs = [column for column in ranking.columns if column.startswith("auc.")]
    for (protocol, machine), group in ranking.groupby(["protocol", "machine"], sort=False):
        seeds = int(group["n_seeds"].max())
        header = [
            "",
            "detector",
            "noise factor",
            f"AUC [{confidence:g} %]",
            *(name.removeprefix("auc.") for name in snrs),
        ]
        header += ["pAUC", "worst", "false alarms", "F1", "p vs first"]
        lines = []
        for row in group.to_dict("records"):
            cells = [
                "" if pd.isna(row["rank"]) else str(row["rank"]),
                str(row["detector"]),
                _short(row["noise_factor"]),
            ]
            cells.append(f"{row['auc']:.3f} [{row['auc_low']:.3f}, {row['auc_high']:.3f}]")
            cells += [f"{row[name]:.3f}" for name in snrs]
            cells += [f"{row['pauc']:.3f}", f"{row['worst_auc']:.3f} ({row['worst']})"]
            cells += [f"{row['false_alarm_rate']:.1%}{' !' * bool(row['false_alarms_off'])}", f"{row['f1']:.3f}"]
            cells.append(_p(row["p_value"]))
            lines.append(cells)
        title = f"{machine}, {title_of(str(protocol))}"
        yield f"{title}: mean over SNRs, IDs and {seeds} seed{'s' * (seeds != 1)}", header, lines


def _not_ranked(machines: Sequence[str]) -> list[str]:
    """What is said of machines that there is no AUC of: a sentence, or nothing."""
    return [f"No AUC, since there are no abnormal clips: {', '.join(machines)}."] if machines else []


def _untrained(trainings: Trainings) -> tuple[str, list[str]]:
    """What is said of DDAEs that have hardly learned anything: that there are some, and a clause for each of them."""
    found = {whose: complaints_of(curves) for whose, curves in trainings}
    clauses = [
        f"{whose.machine} (noise factor {whose.noise_factor}, seed {whose.seed}, {whose.protocol} protocol): "
        + "; ".join(said)
        for whose, said in found.items()
        if said
    ]
    more = [f"and {len(clauses) - _SHOWN} more"] if len(clauses) > _SHOWN else []
    have = "has" if len(clauses) == 1 else "have"
    return f"{len(clauses)} of {len(found)} DDAEs {have} hardly learned anything", clauses[:_SHOWN] + more


_REMEDY = "ddae.epochs: auto, or more clips to train with, may help; see results/figures/loss."


def _about_trainings(trainings: Trainings) -> list[str]:
    """The same in a sentence, or nothing."""
    headline, clauses = _untrained(trainings)
    if not clauses:
        return []
    return [f"{headline}, so that scores of their output say little: {'. '.join(clauses)}. {_REMEDY}"]


def _for_console(trainings: Trainings) -> str:
    """The same in lines, or nothing."""
    headline, clauses = _untrained(trainings)
    lines = [f"{headline}:", *(f"  {in_one_line(clause)}" for clause in clauses), _REMEDY]
    return "\n".join(["", *lines, ""]) if clauses else ""


def _about_few_clips(table: pd.DataFrame) -> list[str]:
    """What is said of machines with few test clips of a class: a sentence, or nothing."""
    ranked = table.dropna(subset="auc")
    clips = {
        f"{machine} ({protocol})": _smaller_class(group)
        for (protocol, machine), group in ranked.groupby(["protocol", "machine"], sort=False)
    }
    counts = [f"{name}: {count}" for name, count in clips.items() if count < FEW_CLIPS]
    if not counts:
        return []
    return [
        f"Few test clips of the smaller class: {', '.join(counts)}. Intervals are as wide as so few ask for; "
        f"below {FEWEST_FOR_P_VALUES} there are no p values. {FEW_CLIPS} tell a good detector from a bad one; to tell "
        "good ones apart takes some hundreds."
    ]


def _about_marks(ranking: pd.DataFrame, confidence: float, asked: float) -> list[str]:
    """What is said of detectors that are not ranked because of their thresholds: a sentence, or nothing."""
    off = ranking[ranking["false_alarms_off"].astype(bool)]
    if off.empty:
        return []
    words = "In-sample thresholds (paper protocol) often do. " * bool((off["protocol"] == "paper").any())
    return [
        f"! flags more than twice, or less than half of the {asked:.1%} of normal clips asked for, beyond chance "
        f"({confidence:g} % interval); so it has no rank. {words}".rstrip()
    ]


def markdown(ranking: pd.DataFrame, confidence: float, sentences: Sequence[str] = ()) -> str:
    """The leaderboard as Markdown tables, one for each protocol and machine, with `sentences` above."""
    blocks = list(map(for_markdown, sentences))
    for title, header, lines in _printed(ranking, confidence):
        rule = ["--:", ":--", *["--:"] * (len(header) - 2)]
        blocks.append("\n".join([f"**{for_markdown(title)}**", "", _line(header), _line(rule), *map(_line, lines)]))
    return "\n\n".join(blocks) + "\n"


def html_page(ranking: pd.DataFrame, confidence: float, sentences: Sequence[str] = ()) -> str:
    """The leaderboard as a page that stands alone, tables as in `markdown`."""
    parts = [_HTML_HEAD, *(f"<p>{for_html(sentence)}</p>" for sentence in sentences)]
    for title, header, lines in _printed(ranking, confidence):
        parts.append(f'<table class="leaderboard">\n<caption>{for_html(title)}</caption>')
        parts.append(f"<thead><tr>{_cells(header, 'th')}</tr></thead>\n<tbody>")
        parts += [f"<tr{' class=first' * (cells[0] == '1')}>{_cells(cells, 'td')}</tr>" for cells in lines]
        parts.append("</tbody>\n</table>")
    return "\n".join([*parts, "</body></html>", ""])


def _cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag}>{for_html(text)}</{tag}>" for text in texts)


_HTML_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title><style>
.leaderboard { border-collapse: collapse; margin: 0 0 1.5rem; width: auto;
  font: 0.8rem/1.4 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.leaderboard caption { text-align: left; font-weight: 600; padding-bottom: 0.4rem; }
.leaderboard th, .leaderboard td { padding: 0.2rem 0.45rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #e2e8f0; }
.leaderboard th { vertical-align: bottom; border-bottom: 2px solid #94a3b8; }
.leaderboard th:nth-child(2), .leaderboard td:nth-child(2) { text-align: left; }
.leaderboard tr.first td { font-weight: 600; background: #ecfdf5; }
</style></head><body>"""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(for_markdown, cells))} |"


def _short(noise_factor: Any) -> str:
    return noise_factor if isinstance(noise_factor, str) else f"{noise_factor:g}"


def _p(value: float) -> str:
    if pd.isna(value):
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"
