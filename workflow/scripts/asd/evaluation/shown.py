"""Tables as people read them: cells of text, with SNRs as figures call them (6 dB, not snr6) and marks in words."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import combining, east_asian_width

import pandas as pd

from ..ddae.run import ALL, ALL_MACHINES
from ..files.neutral import in_one_line
from ..splits import title_of
from .advice import Advice, noise_factor_in_words, percent
from .leaderboard import by_id, in_order
from .machine import ALL_SNRS
from .tables import lines_of, number_of

MOST_ROWS = 1000
"""Of a table on a page; what is left out is in the CSV file."""

CONSOLE_WIDTH = 110  # columns


@dataclass(frozen=True)
class Row:
    """Cells of a line.

    Attributes
    ----------
    kind
        ``recommended``, ``off`` (of no use as it is) or nothing; what it says is in the cells, too.
    """

    cells: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class Shown:
    """A table for people.

    Attributes
    ----------
    title, header
        Plain text.
    texts
        Columns that hold text; the others hold numbers.
    details
        Columns that a summary does without.
    notes
        What columns mean: name and explanation.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    texts: frozenset[int] = frozenset({0})
    details: frozenset[int] = frozenset()
    notes: tuple[tuple[str, str], ...] = ()


def of_leaderboard(
    ranking: pd.DataFrame,
    table: pd.DataFrame,
    advice: Advice,
    confidence: float,
    asked: float,
    snr_labels: Mapping[str, str],
) -> list[Shown]:
    """The tables of a leaderboard: the first ranking and what its columns mean, the advised detector on each ID, and
    the other rankings."""
    rankings = list(of_ranking(ranking, confidence, asked, snr_labels))
    ids = of_ids(table, advice, confidence, asked, snr_labels)
    explained = [replace(first, notes=meanings(confidence, asked)) for first in rankings[:1]]
    return [*explained, *ids, *rankings[1:]]


def of_ranking(
    ranking: pd.DataFrame, confidence: float, asked: float | None, snr_labels: Mapping[str, str]
) -> Iterator[Shown]:
    """The ranking of each protocol and machine."""
    snrs = [column for column in ranking.columns if column.startswith("auc.")]
    factors = len(set(ranking["noise_factor"])) > 1
    for (protocol, machine), group in ranking.groupby(["protocol", "machine"], sort=False):
        header = ["", "detector", *(["noise factor"] if factors else []), f"AUC [{confidence:g} %]"]
        header += [_alarms_head(asked), "p vs first", *(_label(name.removeprefix("auc."), snr_labels) for name in snrs)]
        header += ["pAUC", "F1", "worst"]
        yield Shown(
            _title(str(protocol), str(machine), group["n_seeds"]),
            tuple(header),
            tuple(_ranked(line, snrs, snr_labels, factors) for line in lines_of(group)),
            frozenset({1, len(header) - 1}),
            frozenset(range(5 + factors, len(header))),
        )


def _title(protocol: str, machine: str, seeds: pd.Series[Any]) -> str:
    count = int(seeds.max())
    return f"{machine}, {title_of(protocol)}: mean over SNRs, IDs and {count} seed{'s' * (count != 1)}"


def _ranked(line: Mapping[str, Any], snrs: Sequence[str], snr_labels: Mapping[str, str], factors: bool) -> Row:
    machine = [str(line["worst_machine"])] if line["machine"] == ALL_MACHINES else []
    worst = f"{' '.join([*machine, str(line['worst_id'])])}, {_label(str(line['worst_snr']), snr_labels)}"
    off, recommended = bool(line["false_alarms_off"]), bool(line["recommended"])
    cells = [
        "off" if off else str(line["rank"]),
        f"{line['detector']}{' (recommended)' * recommended}",
        *([noise_factor_in_words(line["noise_factor"])] if factors else []),
        f"{line['auc']:.3f} [{line['auc_low']:.3f}, {line['auc_high']:.3f}]",
        _alarms(line),
        _p(line["p_holm"]),
        *(f"{line[name]:.3f}" for name in snrs),
        f"{line['pauc']:.3f}",
        f"{line['f1']:.3f}",
        f"{line['worst_auc']:.3f} ({worst})",
    ]
    return Row(tuple(cells), "off" if off else "recommended" if recommended else "")


def _alarms_head(asked: float | None) -> str:
    return "false alarms" if asked is None else f"false alarms ({100 * asked:g} % asked)"


def _alarms(line: Mapping[str, Any]) -> str:
    low, high = percent(line["false_alarms_low"]), percent(line["false_alarms_high"])
    return f"{percent(line['false_alarm_rate'])} % [{low}, {high}]{' !' * bool(line['false_alarms_off'])}"


def meanings(confidence: float, asked: float) -> tuple[tuple[str, str], ...]:
    """What the columns of a ranking say: name and explanation in a line."""
    return (
        (
            "AUC",
            "how often an abnormal clip has a higher score than a normal one: 1 is always, 0.5 is chance. In brackets "
            f"the {confidence:g} % interval of a bootstrap over seeds and test clips",
        ),
        (
            "false alarms",
            f"normal clips that are flagged, where {100 * asked:g} % were asked for; in brackets the interval. off and "
            "! mark more than twice or less than half of that, beyond chance: such a threshold is of no use, whatever "
            "the AUC. In-sample thresholds (paper protocol) often are",
        ),
        (
            "p vs first",
            "how easily chance alone makes such a difference to the first, on the same clips (with Holm's correction "
            "for the number of detectors): above 0.05, the first is not shown to be better. It was picked by these "
            "very clips, which flatters it a little",
        ),
        ("pAUC", "the AUC where at most 10 % of the normal clips are flagged, scaled so that 0.5 is chance"),
        (
            "F1",
            "harmonic mean of two shares at the threshold: alarms that are right, and abnormal clips that are found",
        ),
        ("worst", "the lowest AUC of any ID at any SNR"),
    )


def of_ids(
    table: pd.DataFrame,
    advice: Advice,
    confidence: float,
    asked: float,
    snr_labels: Mapping[str, str],
) -> Iterator[Shown]:
    """The detector that the advice is about on each ID, the worst SNR of all marked; nothing without a detector."""
    if advice.entry is None:
        return
    ids = by_id(table[table["protocol"] == advice.protocol], advice.entry, confidence, asked)
    snrs = [column for column in ids.columns if column.startswith("auc.")]
    machines, known = ids["machine"].nunique() > 1, bool(ids["auc"].notna().any())
    values = [value for name in snrs for value in ids[name] if value == value]
    # where all are the same, none is the worst
    lowest = min(values) if len(set(values)) > 1 else math.nan
    header = [*(["machine"] if machines else []), "ID"]
    header += [f"AUC [{confidence:g} %]"] if known else []
    header += [_alarms_head(asked)]
    header += [_label(name.removeprefix("auc."), snr_labels) for name in snrs] if known else []
    header += ["normal", "abnormal"]
    ordered = ids.sort_values("auc", kind="stable", na_position="last") if len(ids) > MOST_ROWS else ids
    rows = []
    for line in lines_of(ordered.head(MOST_ROWS)):
        interval = f" [{_three(line['auc_low'])}, {_three(line['auc_high'])}]" if line["auc"] == line["auc"] else ""
        cells = [*([str(line["machine"])] if machines else []), str(line["id"])]
        cells += [f"{_three(line['auc'])}{interval}"] if known else []
        cells += [_alarms(line)]
        cells += [f"{'worst ' * bool(line[name] == lowest)}{_three(line[name])}" for name in snrs] if known else []
        cells += [str(line["n_normal"]), str(line["n_abnormal"])]
        rows.append(Row(tuple(cells), "off" if line["false_alarms_off"] else ""))
    detector, factor = advice.entry
    name = detector if table["noise_factor"].map(str).nunique() == 1 else f"{detector}, {_factor(number_of(factor))}"
    some = f", the {MOST_ROWS} lowest of {len(ids)}" if len(ids) > MOST_ROWS else ""
    yield Shown(
        f"{name} by machine ID, {title_of(advice.protocol)}: mean over seeds{some}",
        tuple(header),
        tuple(rows),
        frozenset(range(1 + machines)),
        notes=(
            ("normal, abnormal", "test clips at an SNR. Intervals are for as many clips, which SNRs and seeds share"),
        ),
    )


# ------------------------------------------------------------------------------------------------ the other tables


def of_summary(summary: pd.DataFrame, snr_labels: Mapping[str, str]) -> Iterator[Shown]:
    """Mean AUC of each detector at each SNR (columns), for each protocol, machine and noise factor."""
    for (protocol, machine, factor), group in _by_protocol(summary, ["protocol", "machine", "noise_factor"]):
        snrs, known = list(dict.fromkeys(group["snr"])), bool(int(group["n_ids"].max()))
        at = {(line["detector"], line["snr"]): line for line in lines_of(group)}
        rows = []
        for detector in dict.fromkeys(group["detector"]):
            lines = [at.get((detector, snr)) for snr in snrs]
            cells = [_mean(line, known) for line in lines]
            there = [line for line in lines if line is not None and known and line["worst_auc"] == line["worst_auc"]]
            worst = min(there, key=lambda line: line["worst_auc"], default=None)
            shown = (
                f"{worst['worst_auc']:.3f} ({worst['worst_id']}, {_label(worst['snr'], snr_labels)})" if worst else "-"
            )
            flagged = [line["false_alarm_rate"] for line in lines if line is not None]
            alarms = _percent(math.fsum(flagged) / len(flagged))
            rows.append(Row((detector, *cells, *([shown] if known else []), *([alarms] if known else []))))
        seeds, ids = int(group["n_seeds"].max()), int(group["n_ids"].max())
        what = (
            f"AUC, mean over {ids} ID{'s' * (ids != 1)} and {seeds} seed{'s' * (seeds != 1)}"
            if known
            else "false alarms"
        )
        header = (
            "detector",
            *(_label(snr, snr_labels) for snr in snrs),
            *(["worst ID"] if known else []),
            "false alarms",
        )
        yield Shown(
            f"{machine}, {_factor(factor)}, {title_of(protocol)}: {what}",
            header,
            tuple(rows),
            frozenset({0, len(header) - 2} if known else {0}),
        )


def of_every_id(table: pd.DataFrame, snr_labels: Mapping[str, str]) -> Iterator[Shown]:
    """AUC of each ID at each SNR (rows) by detector (columns), for each protocol, machine and noise factor."""
    for (protocol, machine, factor), group in _by_protocol(table, ["protocol", "machine", "noise_factor"]):
        detectors = list(dict.fromkeys(group["detector"]))
        known = bool(group["auc"].notna().any())
        column = "auc" if known else "false_alarm_rate"
        means = group.groupby(["id", "snr", "detector"], sort=False)[column].mean().to_dict()
        rows = []
        for name, snr in dict.fromkeys(zip(group["id"], group["snr"], strict=True)):
            values = [means.get((name, snr, detector), math.nan) for detector in detectors]
            best = max((value for value in values if value == value), default=None)
            cells = [
                _best(value, known and value == best and len(detectors) > 1) if known else _percent(value)
                for value in values
            ]
            rows.append(Row((str(name), _label(str(snr), snr_labels), *cells)))
        what = (
            "AUC, mean over seeds; * marks the highest of a line"
            if known
            else "false alarms, since there are no abnormal clips"
        )
        yield Shown(
            f"{machine}, {_factor(factor)}, {title_of(protocol)}: {what}",
            ("ID", "SNR", *detectors),
            tuple(rows),
            frozenset({0, 1}),
        )


def of_comparisons(table: pd.DataFrame, confidence: float, snr_labels: Mapping[str, str]) -> Iterator[Shown]:
    """Every pair of detectors on the mean over the SNRs and at each SNR, for each protocol and machine."""
    for (protocol, machine), group in _by_protocol(table, ["protocol", "machine"]):
        snrs = [snr for snr in dict.fromkeys(group["snr"]) if snr != ALL_SNRS]
        several = group["noise_factor"].map(str).nunique() > 1 or group["other_noise_factor"].map(str).nunique() > 1

        def name(line: Mapping[str, Any], which: str, several: bool = several) -> str:
            factor = noise_factor_in_words(line[f"{which}noise_factor"])
            return f"{line[f'{which}detector']}{f' (noise factor {factor})' if several else ''}"

        differences: dict[tuple[str, str, str], float] = {}
        for line in lines_of(group):
            pair = name(line, ""), name(line, "other_")
            differences[(*pair, line["snr"])] = line["difference"]
            differences[(*pair[::-1], line["snr"])] = -line["difference"]
        rows = []
        for line in lines_of(group[group["snr"] == ALL_SNRS]):
            pair = name(line, ""), name(line, "other_")
            shown = line["p_value"] <= 0.05
            cells = [
                *pair,
                f"{_signed(line['difference'])} [{_signed(line['low'])}, {_signed(line['high'])}]",
                _p(line["p_value"]) or "-",
                "yes" if shown else "no",
                *(f"{differences.get((*pair, snr), float('nan')):+.3f}" for snr in snrs),
            ]
            rows.append(Row(tuple(cells)))
        header = (
            "higher",
            "lower",
            f"difference [{confidence:g} %]",
            "p",
            "shown",
            *(f"at {_label(snr, snr_labels)}" for snr in snrs),
        )
        yield Shown(
            f"{machine}, {title_of(protocol)}: by how much the AUC of one is higher",
            header,
            tuple(rows),
            frozenset({0, 1}),
        )


def of_conditions(table: pd.DataFrame, snr_labels: Mapping[str, str]) -> Iterator[Shown]:
    """AUC of each fault and each value of an attribute (rows) by detector (columns): mean over seeds."""
    for (protocol, machine, factor), group in _by_protocol(table, ["protocol", "machine", "noise_factor"]):
        detectors = list(dict.fromkeys(group["detector"]))
        keys = ["attribute", "value", "id", "snr"]
        means = group.groupby([*keys, "detector"], sort=False)["auc"].mean().to_dict()
        counts = group.groupby(keys, sort=False)[["n_normal", "n_abnormal"]].first()
        rows = []
        for attribute, value, name, snr, normal, abnormal in counts.reset_index().itertuples(index=False):
            values = [means.get((attribute, value, name, snr, detector), math.nan) for detector in detectors]
            cells = (attribute, value, name, _label(snr, snr_labels), *map(_three, values))
            rows.append(Row((*cells, str(normal), str(abnormal))))
        yield Shown(
            f"{machine}, {_factor(factor)}, {title_of(protocol)}: AUC, mean over seeds",
            ("attribute", "value", "ID", "SNR", *detectors, "normal", "abnormal"),
            tuple(rows),
            frozenset(range(4)),
        )


def _by_protocol(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Groups in their order, those of protocols first whose figures hold for new clips."""
    for protocol in in_order(table["protocol"]):
        yield from table[table["protocol"] == protocol].groupby(keys, sort=False)


def _label(snr: str, snr_labels: Mapping[str, str]) -> str:
    return snr_labels.get(snr, snr)


def _factor(noise_factor: Any) -> str:
    return "all noise factors" if noise_factor == ALL else f"noise factor {noise_factor:g}"


def _mean(line: Mapping[str, Any] | None, known: bool) -> str:
    if line is None:
        return "-"
    if not known:
        return f"{line['false_alarm_rate']:.1%}"
    return f"{line['auc_mean']:.3f}" if pd.isna(line["auc_std"]) else f"{line['auc_mean']:.3f} ±{line['auc_std']:.3f}"


def _three(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _signed(value: float) -> str:
    text = f"{value:+.3f}"
    return text[1:] if text in ("+0.000", "-0.000") else text


def _best(value: float, is_best: bool) -> str:
    return f"{'* ' * bool(is_best)}{_three(value)}"


def _percent(value: float) -> str:
    return "-" if value != value else f"{percent(value)} %"


def _p(value: float) -> str:
    if pd.isna(value):
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


# -------------------------------------------------------------------------------------------------- the console


def in_lines(text: str, width: int = CONSOLE_WIDTH) -> str:
    """A paragraph in lines."""
    kept = with_kept_signs(in_one_line(text), _KEPT)
    lines = textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(_KEPT, " ")


_KEPT = "\u00a0"


def with_kept_signs(text: str, space: str) -> str:
    """`text` with a `space` that does not break in front of per cent signs and dB, and after ``p =``."""
    return re.sub(
        r"(?<=[\d\]]) (?=%|dB\b)|(?<=%) (?=asked)|(?<=\d,) (?=[\d.]+\])|(?<=\bp) (?=[=<≥])|(?<=p [=<≥]) (?=\d)",
        space,
        text,
    )


def for_console(
    advice: Advice,
    summary: pd.DataFrame,
    snr_labels: Mapping[str, str],
    left_out: int,
    skipped: str,
    trainings: str,
) -> str:
    """What the end of a run shows: the advice as its first paragraph, and the mean AUCs.

    Parameters
    ----------
    left_out, skipped
        How many recordings were, and the file that lists them.
    trainings
        What is said of trainings.
    """
    text = f"{in_lines(advice.paragraph)}\n\n{format_summary(summary, snr_labels)}"
    if left_out:
        text += f"\n{left_out} recordings were left out, see {skipped}\n"
    return text + trainings


def format_summary(summary: pd.DataFrame, snr_labels: Mapping[str, str]) -> str:
    """The table for the terminal: for each machine and noise factor, mean AUC by SNR (rows) and detector (columns).

    With several seeds, the standard deviation over them follows each mean.  A machine without abnormal clips has no
    AUC; its table shows the shares of the normal test clips that are flagged.  Detectors that a line has no room for
    come below the others.
    """
    blocks = []
    summary = summary.assign(**{name: summary[name].map(in_one_line) for name in ("machine", "detector")})
    for (protocol, machine, noise_factor), group in _by_protocol(summary, ["protocol", "machine", "noise_factor"]):
        snrs = list(dict.fromkeys(group["snr"]))
        unknown = not int(group["n_ids"].max())
        cells = {(line["snr"], line["detector"]): _mean(line, not unknown) for line in lines_of(group)}
        ids, seeds = int(group["n_ids"].max()), int(group["n_seeds"].max())
        title = (
            f"{machine}, {_factor(noise_factor)}, {protocol} protocol: "
            + ("no abnormal clips, so no AUC; false alarms" if unknown else f"mean AUC over {ids} ID{'s' * (ids != 1)}")
            + (f", mean{' and standard deviation' * (not unknown)} over {seeds} seeds" if seeds > 1 else "")
        )
        first = ["SNR", *(in_one_line(_label(snr, snr_labels)) for snr in snrs)]
        others = [[name, *(cells.get((snr, name), "-") for snr in snrs)] for name in dict.fromkeys(group["detector"])]
        blocks.append("\n".join([title, *_beside(first, others)]))
    return "\n\n".join(blocks) + "\n"


def _beside(first: Sequence[str], others: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of columns, the first one at the left; it begins anew where a line is full."""
    width_of = {id(column): max(map(_columns, column)) for column in (first, *others)}
    left = list(others)
    while left:
        width, count = width_of[id(first)], 0
        while count < len(left) and (not count or width + 2 + width_of[id(left[count])] <= CONSOLE_WIDTH):
            width, count = width + 2 + width_of[id(left[count])], count + 1
        here, left = left[:count], left[count:]
        for number, cell in enumerate(first):
            aligned = (_right(column[number], width_of[id(column)]) for column in here)
            yield "  ".join([_left(cell, width_of[id(first)]), *aligned])


def _columns(text: str) -> int:
    """Of a terminal, where letters of Korean and others take two."""
    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in text)


def _left(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))


def _right(text: str, width: int) -> str:
    return " " * (width - _columns(text)) + text
