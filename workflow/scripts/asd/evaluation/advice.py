"""What the results of a run say, in sentences: which detector to use, and what to know before.

Sentences hold names as they are; where they are shown, these are made harmless (`asd.files.neutral`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from ..ddae.loss import Curves, complaints_of
from ..ddae.run import ALL, ALL_MACHINES
from ..detection.views import WITHOUT_DDAE
from ..files.neutral import in_one_line
from ..files.origin import Origin
from ..splits import PROTOCOLS, ProtocolName
from .leaderboard import false_alarms, in_order
from .machine import Entry
from .statistics import FEW_CLIPS, FEWEST_FOR_P_VALUES
from .tables import SIMULATED, lines_of, number_of, smaller_class

Trainings = Sequence[tuple[Origin, Curves]]
"""Which trainings of a DDAE there are, and how each went."""

SIGNIFICANT = 0.05
"""p value, adjusted for the comparisons of a ranking, above which no difference is shown."""

_SHOWN = 6  # trainings
_NAMED = 3  # machines, detectors
_NOTEWORTHY = 0.01  # difference of AUCs, below which another detector for a machine is not worth the words
_NARROW = 0.02  # interval of an AUC whose ends whole per cent would hardly tell apart
_WEAK = 0.1  # by which the worst ID is behind the mean to be named


@dataclass(frozen=True)
class Advice:
    """What to do with the results of a run.

    Attributes
    ----------
    sentences
        The first is the advice, the others are what to know with it.
    protocol, machine
        The ranking it is from; empty without one.
    entry
        Detector and text of the noise factor (all its digits) that the sentences are about; None where there is
        nothing to say of one.
    recommended
        Whether it is one to use: its thresholds hold for new clips, and it is better than chance.
    """

    sentences: tuple[str, ...]
    protocol: str = ""
    machine: str = ""
    entry: Entry | None = None
    recommended: bool = False

    @property
    def paragraph(self) -> str:
        """All sentences."""
        return " ".join(self.sentences)


def advise(
    ranking: pd.DataFrame,
    table: pd.DataFrame,
    *,
    confidence: float,
    asked: float,
    snr_labels: Mapping[str, str],
    simulated: bool = False,
) -> Advice:
    """Which detector to use: the first of the ranking that holds for new clips, if it is any good.

    Parameters
    ----------
    ranking
        As `asd.evaluation.leaderboard.leaderboard` gives it.
    table
        Lines of ``auc.csv``.
    confidence
        Of the intervals, in per cent.
    asked
        Share of the normal clips that thresholds are meant to flag.
    snr_labels
        SNR -> what people call it.
    simulated
        The recordings are the demo's.
    """
    if ranking.empty:
        found = _without_auc(table, confidence, asked)
    else:
        protocol = in_order(ranking["protocol"])[0]
        of_protocol = ranking[ranking["protocol"] == protocol]
        scope = str(of_protocol["machine"].iloc[0])
        lines = lines_of(of_protocol[of_protocol["machine"] == scope])
        several = len(set(ranking["noise_factor"])) > 1
        words = _Words(lines, confidence, asked, snr_labels, several, int(of_protocol["n_clips"].min()))
        sentences, line, recommended = words.advice()
        if recommended and scope == ALL_MACHINES:
            sentences += words.of_machines(of_protocol[of_protocol["machine"] != scope])
        found = Advice(tuple(sentences), protocol, scope, _entry(line), recommended)
    return Advice(
        (*found.sentences, SIMULATED) if simulated else found.sentences,
        *(found.protocol, found.machine, found.entry, found.recommended),
    )


def marked(ranking: pd.DataFrame, advice: Advice) -> pd.DataFrame:
    """`ranking` with what is recommended marked in the ranking that the advice is from."""
    if not advice.recommended or advice.entry is None:
        return ranking
    here = (ranking["protocol"] == advice.protocol) & (ranking["machine"] == advice.machine)
    detector, factor = advice.entry
    mine = (ranking["detector"] == detector) & (ranking["noise_factor"] == number_of(factor))
    return ranking.assign(recommended=here & mine)


def percent(share: float, digits: int = 1) -> str:
    """A share for people, without the sign: never 100 or 0 where it is not.

    Examples
    --------
    >>> percent(0.0482), percent(0.05, 0), percent(0.9996, 0), percent(1.0)
    ('4.8', '5', '99.96', '100')
    """
    text = f"{100 * share:.{digits}f}"
    while digits < 3 and float(text) in (0, 100) and share not in (0, 1):
        digits += 1
        text = f"{100 * share:.{digits}f}"
    return f"{float(text):g}" if float(text) in (0, 100) else text


def p_in_words(value: float) -> str:
    """A p value: ``p = 0.021``, ``p < 0.001``."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def noise_factor_in_words(noise_factor: Any) -> str:
    """A noise factor as tables have it: ``0.7``, ``all``."""
    return str(noise_factor) if isinstance(noise_factor, str) else f"{noise_factor:g}"


def _entry(line: Mapping[str, Any]) -> Entry:
    return str(line["detector"]), str(line["noise_factor"])


def _listed(names: Sequence[str]) -> str:
    """Some names in words: ``a``, ``a and b``, ``a, b, c and 4 others``."""
    more = len(names) - _NAMED
    shown = [*names[:_NAMED], f"{more} other{'s' * (more > 1)}"] if more > 0 else list(names)
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _holds_for_new_clips(protocol: str) -> bool:
    return PROTOCOLS[cast(ProtocolName, protocol)].cross_fitted


@dataclass(frozen=True)
class _Words:
    """Sentences about one ranking."""

    lines: Sequence[Mapping[str, Any]]
    confidence: float
    asked: float
    snr_labels: Mapping[str, str]
    with_noise_factor: bool
    clips: int  # of a machine, of the class of which there are fewer

    def name(self, line: Mapping[str, Any]) -> str:
        detector, factor = str(line["detector"]), noise_factor_in_words(line["noise_factor"])
        if not self.with_noise_factor:
            return detector
        return f"{detector} ({'all noise factors' if factor == ALL else f'noise factor {factor}'})"

    def interval(self, low: float, high: float, digits: int = 0) -> str:
        return f"[{percent(low, digits)}, {percent(high, digits)}] %"

    def pairs(self, line: Mapping[str, Any]) -> str:
        """How good it is, with a decimal where the interval is narrow."""
        digits = int(line["auc_high"] - line["auc_low"] < _NARROW)
        return (
            f"on average it puts an abnormal clip above a normal one in {percent(line['auc'], digits)} % of pairs "
            f"({self.confidence:g} % interval {self.interval(line['auc_low'], line['auc_high'], digits)})"
        )

    def flags(self, line: Mapping[str, Any]) -> str:
        """How many false alarms it has."""
        return (
            f"flags {percent(line['false_alarm_rate'])} % of normal clips "
            f"({self.interval(line['false_alarms_low'], line['false_alarms_high'], 1)}), where "
            f"{100 * self.asked:g} % were asked for"
        )

    def advice(self) -> tuple[list[str], Mapping[str, Any], bool]:
        """Sentences about a detector, the line of the ranking that is its, and whether it is to be used."""
        first = self.lines[0]
        name, protocol = self.name(first), str(first["protocol"])
        by_auc = max(self.lines, key=lambda line: line["auc"])
        if not _holds_for_new_clips(protocol):
            return (
                [
                    f"Nothing can be recommended yet: only the {protocol} protocol was run, whose thresholds come from "
                    "the scores of the very clips that the detectors were fitted on, and do not hold for new ones.",
                    "Add strict to protocols and run again.",
                    f"By AUC alone {self.name(by_auc)} is the best: {self.pairs(by_auc)}; it {self.flags(by_auc)}.",
                    *self.of_few(),
                ],
                by_auc,
                False,
            )
        if first["false_alarms_off"]:
            return (
                [
                    "Nothing can be recommended as it is: the thresholds of all detectors are off; "
                    f"{name} {self.flags(first)}.",
                    f"By AUC alone {self.name(by_auc)} is the best: {self.pairs(by_auc)}.",
                    "More normal clips to train with, recorded as those tested were, bring thresholds closer.",
                    *self.of_few(),
                ],
                first,
                False,
            )
        if first["auc_low"] <= 0.5:
            return (
                [
                    f"Nothing can be recommended: the best detector, {name}, is not shown to be better than chance; "
                    f"{self.pairs(first)}, where chance is 50 %.",
                    *self.of_few(),
                ],
                first,
                False,
            )
        return (
            [
                f"Use {name} (thresholds of the {protocol} protocol): {self.pairs(first)}, and {self.flags(first)}.",
                *self.of_few(),
                *self.of_others(),
                *self.of_better_but_off(),
                *self.of_worst(first),
            ],
            first,
            True,
        )

    def of_few(self) -> Iterator[str]:
        if self.clips < FEW_CLIPS:
            machine = " of a machine" * (self.lines[0]["machine"] == ALL_MACHINES)
            yield (
                f"These are few test clips to rely on ({self.clips} of the smaller class{machine}): test with "
                f"{FEW_CLIPS} at least, better some hundreds."
            )

    def of_others(self) -> Iterator[str]:
        """Whether something simpler does as well."""
        first, *others = [line for line in self.lines if not line["false_alarms_off"]]
        compared = [line for line in others if not pd.isna(line["p_holm"])]
        as_good = [line for line in compared if line["p_holm"] > SIGNIFICANT]
        simpler = [line for line in as_good if _effort(line) < _effort(first)]
        if simpler:
            line = min(simpler, key=lambda line: (_effort(line), -line["auc"]))
            yield (
                f"{self.name(line)}, {_why_simpler(line, first)}, is not shown to be worse "
                f"(AUC {line['auc']:.3f} beside {first['auc']:.3f}, {p_in_words(line['p_holm'])})."
            )
        elif as_good:
            names, is_are = _listed([self.name(line) for line in as_good]), "is" if len(as_good) == 1 else "are"
            smallest = min(line["p_holm"] for line in as_good)
            yield f"{names} {is_are} not shown to be worse (p {'=' if len(as_good) == 1 else '≥'} {smallest:.3f})."
        elif compared:
            line = compared[0]
            yield (
                f"{self.name(line)} comes next: its AUC is {line['behind_first']:.3f} lower, which is more than chance "
                f"({p_in_words(line['p_holm'])})."
            )
        elif others:
            yield "So few clips can't tell the detectors apart."

    def of_better_but_off(self) -> Iterator[str]:
        first = self.lines[0]
        better = [line for line in self.lines if line["false_alarms_off"] and line["auc"] > first["auc"]]
        if better:
            line = max(better, key=lambda line: line["auc"])
            yield (
                f"{self.name(line)} has a higher AUC ({line['auc']:.3f}), but flags "
                f"{percent(line['false_alarm_rate'])} % of normal clips, so its threshold is of no use."
            )

    def of_worst(self, line: Mapping[str, Any]) -> Iterator[str]:
        if line["worst_auc"] < line["auc"] - _WEAK:
            machine = f"{line['worst_machine']} " if line["machine"] == ALL_MACHINES else ""
            snr = self.snr_labels.get(line["worst_snr"], line["worst_snr"])
            yield f"It is weakest on {machine}{line['worst_id']} at {snr} ({percent(line['worst_auc'], 0)} % of pairs)."

    def of_machines(self, of_protocol: pd.DataFrame) -> list[str]:
        """Where the first over all machines is not what to use for one of them."""
        unusable, chance, others = [], [], []
        for machine, group in of_protocol.groupby("machine", sort=False):
            lines = lines_of(group)
            best, mine = lines[0], next(line for line in lines if _entry(line) == _entry(self.lines[0]))
            if mine["false_alarms_off"]:
                instead = "" if best["false_alarms_off"] else f"; {self.name(best)} does"
                unusable.append(f"{machine} ({percent(mine['false_alarm_rate'])} % flagged{instead})")
                continue
            if mine["auc_low"] <= 0.5:
                chance.append(str(machine))
            if mine is not best and mine["behind_first"] >= _NOTEWORTHY and mine["p_holm"] <= SIGNIFICANT:
                others.append(f"{self.name(best)} for {machine} (AUC {best['auc']:.3f} beside {mine['auc']:.3f})")
        sentences = []
        if unusable:
            sentences.append(f"Its threshold does not hold for {_listed(unusable)}.")
        if chance:
            sentences.append(f"It is not shown to be better than chance for {_listed(chance)}.")
        if others:
            sentences.append(f"Other detectors are better for single machines: {_listed(others)}.")
        return sentences


def _effort(line: Mapping[str, Any]) -> tuple[bool, bool]:
    """Of two detectors, the simpler one has the smaller."""
    return line["representation"] == "ensemble", line["representation"] not in WITHOUT_DDAE


def _why_simpler(line: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    several, with_ddae = _effort(line)
    reasons = ["a single detector"] if not several and _effort(first)[0] else []
    return " ".join([*(reasons or ["simpler"]), *([] if with_ddae else ["without a DDAE"])])


def _without_auc(table: pd.DataFrame, confidence: float, asked: float) -> Advice:
    """What can be said without abnormal clips: which thresholds hold."""
    why = "There are no abnormal clips, so nobody can know which detector finds faults best (no AUC)."
    if table.empty:
        return Advice(("There are no results.",))
    protocol = in_order(table["protocol"])[0]
    here = table[table["protocol"] == protocol]
    several = here["noise_factor"].map(str).nunique() > 1
    lines: list[dict[str, Any]] = []
    for (detector, factor), group in here.groupby(["detector", "noise_factor"], sort=False):
        lines.append(
            {
                "detector": detector,
                "noise_factor": factor,
                "representation": group["representation"].iloc[0],
                "false_alarm_rate": float(group.groupby("machine")["false_alarm_rate"].mean().mean()),
                **false_alarms(group, confidence, asked),
            }
        )
    words = _Words(lines, confidence, asked, {}, several, 0)
    if not _holds_for_new_clips(protocol):
        return Advice(
            (
                f"Nothing can be recommended: {why[0].lower()}{why[1:-1]}, and only the {protocol} protocol was run, "
                "whose thresholds do not hold for new clips.",
                "Add strict to protocols and run again.",
            ),
            protocol,
        )
    holding = [line for line in lines if not line["false_alarms_off"]]
    if not holding:
        line = min(lines, key=lambda line: abs(line["false_alarm_rate"] - asked))
        return Advice(
            (
                f"Nothing can be recommended: {why[0].lower()}{why[1:-1]}, and the thresholds of all are off; "
                f"{words.name(line)} {words.flags(line)}.",
            ),
            protocol,
        )
    chosen = min(
        holding, key=lambda line: (line["representation"] != "ensemble", abs(line["false_alarm_rate"] - asked))
    )
    others = "a few dozen recordings of faults would tell them apart."
    kept = f"{len(holding)} of {len(lines)} detectors keep" if len(holding) < len(lines) else "All detectors keep"
    return Advice(
        (
            f"By its false alarms {words.name(chosen)} can be used (thresholds of the {protocol} protocol): it "
            f"{words.flags(chosen)}.",
            why,
            *([f"{kept} to what was asked for; {others}"] if len(lines) > 1 else []),
        ),
        protocol,
        "",
        _entry(chosen),
        True,
    )


# ------------------------------------------------------------------------------------------------------ remarks


def remarks(table: pd.DataFrame, unranked: Sequence[str], trainings: Trainings) -> list[str]:
    """What to know of a leaderboard, a sentence or two each; nothing where all is well.

    Parameters
    ----------
    unranked
        Machines without abnormal clips.
    """
    return [
        *about_trainings(trainings),
        *_not_ranked(unranked),
        *about_few_clips(table),
    ]


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


def about_trainings(trainings: Trainings) -> list[str]:
    """The same in a sentence, or nothing."""
    headline, clauses = _untrained(trainings)
    if not clauses:
        return []
    return [f"{headline}, so that scores of their output say little: {'. '.join(clauses)}. {_REMEDY}"]


def about_trainings_in_lines(trainings: Trainings) -> str:
    """The same in lines, or nothing."""
    headline, clauses = _untrained(trainings)
    lines = [f"{headline}:", *(f"  {in_one_line(clause)}" for clause in clauses), _REMEDY]
    return "\n".join(["", *lines, ""]) if clauses else ""


def about_few_clips(table: pd.DataFrame) -> list[str]:
    """What is said of machines with few test clips of a class: a sentence, or nothing."""
    ranked = table.dropna(subset="auc")
    clips = {
        f"{machine} ({protocol})": smaller_class(group)
        for (protocol, machine), group in ranked.groupby(["protocol", "machine"], sort=False)
    }
    counts = [f"{name}: {count}" for name, count in clips.items() if count < FEW_CLIPS]
    if not counts:
        return []
    return [
        f"Few test clips of the smaller class: {', '.join(counts)}. Intervals are as wide as so few ask for; "
        f"below {FEWEST_FOR_P_VALUES} there are no p values."
    ]
