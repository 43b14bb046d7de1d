"""The leaderboard: detectors in the order of their AUC, and how one of them does on each ID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..ddae.run import ALL_MACHINES
from ..splits import PROTOCOLS
from .machine import Entry
from .statistics import (
    FEWEST_FOR_P_VALUES,
    auc_interval,
    bootstrap_p_value,
    exact_interval,
    holm,
    interval_of_few,
    is_off,
    order_of_merit,
)
from .tables import (
    DECISION_COLUMNS,
    ByMachine,
    decisions_of,
    harmonic_mean_of,
    interval_of,
    number_of,
    smaller_class,
)

_COLUMNS = ("rank", "protocol", "machine", "detector", "noise_factor", "auc", "false_alarms_off", "recommended")
"""Of a leaderboard without lines."""

_ORDER = [str(name) for name in PROTOCOLS]


def leaderboard(
    table: pd.DataFrame, by_machine: ByMachine, confidence: float, asked: float | None = None
) -> pd.DataFrame:
    """Detectors (each at each noise factor) in the order of their mean AUC over SNRs, IDs and seeds.

    Detectors whose thresholds flag more than twice or less than half of what was `asked` for, a share of the normal
    clips, beyond chance, come behind the others and have no rank: they are of no use as they are, however high their
    AUC.

    A ranking for each protocol and machine and, where there are several machines, one of the mean over all of them,
    which comes first; protocols whose figures hold for new clips come before others.  Columns: ``rank``, ``protocol``,
    ``machine``, ``detector``, ``noise_factor``, ``representation``, ``projection``; ``auc`` with its bootstrap interval
    ``auc_low`` .. ``auc_high`` and ``auc_std`` over the seeds; ``auc.<snr>`` for each SNR; ``pauc``;
    ``auc_harmonic_mean`` over SNRs and IDs; ``worst`` (SNR and ID with the lowest mean over the seeds) and
    ``worst_auc``; ``precision``, ``recall``, ``f1``, ``false_alarm_rate``; ``behind_first``, the difference to the
    first of the ranking on the same clips, its bootstrap ``p_value`` and ``p_holm``, adjusted for the number of
    comparisons in the ranking (Holm, 1979); ``n_seeds``; the exact interval ``false_alarms_low`` ..
    ``false_alarms_high`` of the false-alarm rate, for as many clips as there are of the IDs, since SNRs and seeds share
    them; ``false_alarms_off``, whether it is one of those; ``worst_machine``, ``worst_snr`` and ``worst_id``, the parts
    of ``worst``; ``n_clips``, test clips of the class of which there are fewer; ``recommended``, False until
    `asd.evaluation.advice` says it.
    Machines without abnormal clips are left out; if all are, the table is empty.
    """
    rows = []
    table = table.dropna(subset="auc")
    for protocol in in_order(table["protocol"]):
        ranked = [machine for machine, of_protocols in by_machine.items() if protocol in of_protocols]
        scopes: list[tuple[str, list[str]]] = [(machine, [machine]) for machine in ranked]
        if len(ranked) > 1:
            scopes.insert(0, (ALL_MACHINES, ranked))
        for scope, machines in scopes:
            rows += _ranking(table, by_machine, protocol, scope, machines, confidence, asked)
    ranking = pd.DataFrame(rows, columns=None if rows else list(_COLUMNS))
    return ranking.astype({"rank": "Int64", "false_alarms_off": bool, "recommended": bool})


def in_order(protocols: Iterable[Any]) -> list[str]:
    """Each protocol once, those first whose figures hold for new clips."""
    return sorted(dict.fromkeys(map(str, protocols)), key=_ORDER.index)


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
        here[(here["detector"] == detector) & (here["noise_factor"] == number_of(factor))]
        for detector, factor in entries
    ]
    alarms = [false_alarms(group, confidence, asked) for group in groups]
    means = auc.mean(axis=1)
    order = sorted(
        range(len(entries)),
        key=lambda number: order_of_merit(
            alarms[number]["false_alarms_off"],
            float(means[number]),
            groups[number]["representation"].iloc[0] == "ensemble",
        ),
    )
    first = order[0]
    clips = [smaller_class(group) for group in groups]
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
        worst: Any = cells.idxmin()
        mean = float(auc[number].mean())
        low, high = interval_of_few(*interval_of(samples[number], confidence), mean, clips[number], confidence)
        rows.append(
            {
                "rank": None if alarms[number]["false_alarms_off"] else rank,
                "protocol": protocol,
                "machine": scope,
                "detector": detector,
                "noise_factor": number_of(factor),
                "representation": group["representation"].iloc[0],
                "projection": group["projection"].iloc[0],
                "auc": mean,
                "auc_low": low,
                "auc_high": high,
                "auc_std": _mean_of_machines(group, ["auc"], "seed")["auc"].std(ddof=1),
                **{f"auc.{snr}": float(auc[number, column]) for column, snr in enumerate(values[0].snrs)},
                "pauc": float(np.mean([value.pauc[number].mean() for value in values])),
                "auc_harmonic_mean": harmonic_mean_of(cells),
                "worst": " ".join(worst if len(machines) > 1 else worst[1:]),
                "worst_auc": float(cells.min()),
                **decisions_of(_mean_of_machines(group, list(DECISION_COLUMNS))),
                "behind_first": float(auc[first].mean() - auc[number].mean()),
                "p_value": float(p_values[rank - 2]) if rank > 1 else np.nan,
                "p_holm": float(adjusted[rank - 2]) if rank > 1 else np.nan,
                "n_seeds": group["seed"].nunique(),
                **alarms[number],
                **dict(zip(("worst_machine", "worst_snr", "worst_id"), worst, strict=True)),
                "n_clips": clips[number],
                "recommended": False,
            }
        )
    return rows


def false_alarms(group: pd.DataFrame, confidence: float, asked: float | None) -> dict[str, Any]:
    """Interval of the false-alarm rate of a detector, and whether its threshold is off.

    Parameters
    ----------
    group
        Its lines of ``auc.csv``: machines, IDs, SNRs and seeds.
    """
    rate = float(_mean_of_machines(group, ["false_alarm_rate"])["false_alarm_rate"].mean())
    normal = group.assign(normal=group["fp"] + group["tn"])
    total = round(normal.groupby(["machine", "id"])["normal"].mean().sum())
    low, high = exact_interval(round(rate * total), total, confidence)
    off = asked is not None and is_off(rate, low, high, asked)
    return {"false_alarms_low": low, "false_alarms_high": high, "false_alarms_off": off}


def _mean_of_machines(group: pd.DataFrame, columns: list[str], by: str = "detector") -> pd.DataFrame:
    """Means of the machines' means, so that a machine with many IDs counts no more than the others."""
    of_machines = group.groupby([by, "machine"], sort=False)[columns].mean()
    return of_machines.groupby(level=by, sort=False).mean()


def by_id(table: pd.DataFrame, entry: Entry, confidence: float, asked: float | None) -> pd.DataFrame:
    """How a detector does on each ID of each machine: means over the seeds.

    Columns: ``machine``, ``id``; ``auc.<snr>`` for each SNR; ``auc``, the mean over the SNRs, with the interval
    ``auc_low`` .. ``auc_high`` of Hanley & McNeil for as many clips as the ID has, since SNRs and seeds share them;
    ``false_alarm_rate`` with its interval and ``false_alarms_off``, as `leaderboard` has them; ``n_normal`` and
    ``n_abnormal``, test clips at an SNR.

    Parameters
    ----------
    table
        Lines of ``auc.csv`` under one protocol.
    entry
        Detector and text of the noise factor.
    """
    detector, factor = entry
    mine = table[(table["detector"] == detector) & (table["noise_factor"] == number_of(factor))]
    snrs = list(dict.fromkeys(mine["snr"]))
    rows = []
    for (machine, name), group in mine.groupby(["machine", "id"], sort=False):
        at = group.groupby("snr", sort=False)["auc"].mean()
        auc, counts = float(at.mean()), [round(group[column].mean()) for column in ("n_normal", "n_abnormal")]
        low, high = auc_interval(auc, counts[0], counts[1], confidence)
        rows.append(
            {
                "machine": machine,
                "id": name,
                **{f"auc.{snr}": float(at.get(snr, np.nan)) for snr in snrs},
                "auc": auc,
                "auc_low": low,
                "auc_high": high,
                "false_alarm_rate": float(group["false_alarm_rate"].mean()),
                **false_alarms(group, confidence, asked),
                "n_normal": counts[0],
                "n_abnormal": counts[1],
            }
        )
    return pd.DataFrame(rows)
