"""The advice that a leaderboard opens with: what it recommends, and what it says beside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from asd.evaluation import pages, shown
from asd.evaluation.advice import Advice, advise, marked, percent
from asd.evaluation.leaderboard import by_id, leaderboard
from asd.evaluation.statistics import auc_interval
from asd.evaluation.tables import SIMULATED

LABELS = {"snr6": "6 dB"}
EMPTY = leaderboard(pd.DataFrame({"auc": [], "protocol": []}), {}, 95.0)


def line(detector: str, auc: float = 0.88, **changes: Any) -> dict[str, Any]:
    """A line of a leaderboard whose false alarms are as asked for."""
    values = {
        **{"rank": 1, "protocol": "strict", "machine": "fan", "detector": detector, "noise_factor": 0.7},
        **{"representation": "raw", "auc": auc, "auc_low": auc - 0.04, "auc_high": auc + 0.03, "auc.snr6": auc},
        **{"pauc": 0.7, "f1": 0.5, "worst_machine": "fan", "worst_snr": "snr6", "worst_id": "id_00", "worst_auc": auc},
        **{"false_alarm_rate": 0.048, "false_alarms_low": 0.039, "false_alarms_high": 0.059},
        **{"false_alarms_off": False, "behind_first": 0.9 - auc, "p_value": 0.001, "p_holm": 0.002},
        **{"n_clips": 300, "n_seeds": 1, "recommended": False},
    }
    return values | changes


def off(detector: str, auc: float, **changes: Any) -> dict[str, Any]:
    alarms = {"false_alarm_rate": 0.926, "false_alarms_low": 0.9, "false_alarms_high": 0.94, "false_alarms_off": True}
    return line(detector, auc, rank=None, **alarms | changes)


def advice_of(*lines: dict[str, Any], simulated: bool = False) -> Advice:
    ranking, table = pd.DataFrame(lines), pd.DataFrame()
    return advise(ranking, table, confidence=95.0, asked=0.05, snr_labels=LABELS, simulated=simulated)


FIRST = line("Ensemble", representation="ensemble", p_value=math.nan, p_holm=math.nan)


def test_advice_in_one_sentence():
    advice = advice_of(FIRST, line("LOF", 0.8))
    assert advice.sentences[0] == (
        "Use Ensemble (thresholds of the strict protocol): on average it puts an abnormal clip above a normal one in "
        "88 % of pairs (95 % interval [84, 91] %), and flags 4.8 % of normal clips ([3.9, 5.9] %), where 5 % were "
        "asked for."
    )
    assert advice.recommended
    assert advice.entry == ("Ensemble", "0.7")
    assert advice.sentences[1:] == ("LOF comes next: its AUC is 0.100 lower, which is more than chance (p = 0.002).",)


def test_a_narrow_interval_has_a_decimal():
    advice = advice_of(line("Ensemble", 0.971, auc_low=0.967, auc_high=0.975))
    assert "in 97.1 % of pairs (95 % interval [96.7, 97.5] %)" in advice.sentences[0]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([line("LOF", 0.87, p_holm=0.2)], "LOF, a single detector without a DDAE, is not shown to be worse (AUC 0.870"),
        (
            [line("A", 0.87, p_holm=0.3, representation="denoised"), line("B", 0.86, p_holm=0.06)],
            "B, a single detector without a DDAE, is not shown",
        ),
        ([line("A", 0.87, p_holm=0.3, representation="ensemble")], "A is not shown to be worse (p = 0.300)."),
        ([line("A", 0.87, p_holm=math.nan)], "So few clips can't tell the detectors apart."),
        ([off("LDN", 0.95)], "LDN has a higher AUC (0.950), but flags 92.6 % of normal clips"),
        ([], ""),
    ],
)
def test_what_is_as_good_or_better_is_said(others, said):
    advice = advice_of(FIRST, *others)
    assert advice.entry == ("Ensemble", "0.7")
    assert said in advice.paragraph
    assert len(advice.sentences) == 1 + bool(said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("A", protocol="paper"), off("B", 0.95, protocol="paper")], "only the paper protocol was run"),
        ([off("B", 0.95), off("A", 0.9)], "the thresholds of all detectors are off; B flags 92.6 % of normal clips"),
        ([line("A", 0.53)], "A, is not shown to be better than chance"),
    ],
)
def test_nothing_that_does_not_hold_is_recommended(lines, said):
    advice = advice_of(*lines)
    assert advice.sentences[0].startswith("Nothing can be recommended")
    assert said in advice.sentences[0]
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in advice.sentences)
    assert len(set(advice.sentences)) == len(advice.sentences)
    assert not advice.recommended
    ranking = pd.DataFrame(lines)
    assert not marked(ranking, advice)["recommended"].any()
    tables = list(shown.of_ranking(ranking.astype({"rank": "Int64"}), 95.0, 0.05, LABELS))
    assert "recommended)" not in pages.markdown(advice, [], tables)
    assert "class=recommended" not in pages.leaderboard_page(advice, [], tables)


def test_the_strict_protocol_comes_before_the_paper_s():
    advice = advice_of(line("P", 0.99, protocol="paper"), FIRST)
    assert (advice.protocol, advice.entry) == ("strict", ("Ensemble", "0.7"))


def test_few_clips_a_weak_id_and_simulated_recordings_are_said():
    advice = advice_of(line("A", n_clips=12, worst_auc=0.6), simulated=True)
    assert "few test clips to rely on (12 of the smaller class)" in advice.paragraph
    assert "It is weakest on id_00 at 6 dB (60 % of pairs)." in advice.sentences
    assert advice.sentences[-1] == SIMULATED
    assert "noise factor" not in advice.paragraph


def test_noise_factors_are_named_where_there_are_several():
    advice = advice_of(line("A", noise_factor="all"), line("A", 0.8, noise_factor=0.7))
    assert advice.sentences[0].startswith("Use A (all noise factors) (")
    assert advice.sentences[1].startswith("A (noise factor 0.7) comes next")


def test_machines_with_another_best_detector_are_said_where_it_matters():
    everywhere = [line(name, auc, machine="all machines") for name, auc in (("A", 0.9), ("B", 0.8))]
    fan = [line("A", 0.95), line("B", 0.7)]
    valve = [line("B", 0.9, machine="valve"), line("A", 0.8, machine="valve", behind_first=0.1, p_holm=0.01)]
    pump = [line("B", 0.81, machine="pump"), line("A", 0.80, machine="pump", behind_first=0.01, p_holm=0.4)]
    slider = [line("B", 0.6, machine="slider"), off("A", 0.8, machine="slider", behind_first=-0.2)]
    saw = [line("A", 0.52, machine="saw"), line("B", 0.5, machine="saw")]
    advice = advice_of(*everywhere, *fan, *valve, *pump, *slider, *saw)
    assert advice.sentences[-3:] == (
        "Its threshold does not hold for slider (92.6 % flagged; B does).",
        "It is not shown to be better than chance for saw.",
        "Other detectors are better for single machines: B for valve (AUC 0.900 beside 0.800).",
    )


def unlabelled(protocol: str = "strict", **alarms: int) -> pd.DataFrame:
    """Detectors and how many of 200 normal clips each flags."""
    common = {"protocol": protocol, "machine": "press", "noise_factor": 0.7, "snr": "snr6", "id": "a", "seed": 0}
    return pd.DataFrame(
        {**common, "detector": name, "representation": "ensemble" if name == "Mean" else "raw", "auc": math.nan}
        | {"fp": count, "tn": 200 - count, "false_alarm_rate": count / 200, "n_normal": 200, "n_abnormal": 0}
        for name, count in alarms.items()
    )


@pytest.mark.parametrize(
    ("table", "said", "recommended"),
    [
        (unlabelled(A=10, Mean=12, B=100), "By its false alarms Mean can be used", True),
        (
            unlabelled(A=10),
            "By its false alarms A can be used (thresholds of the strict protocol): it flags 5.0 %",
            True,
        ),
        (unlabelled(A=100), "the thresholds of all are off; A flags 50.0 % of normal clips", False),
        (unlabelled("paper", A=10), "only the paper protocol was run", False),
    ],
)
def test_without_abnormal_clips_false_alarms_alone_decide(table, said, recommended):
    advice = advise(EMPTY, table, confidence=95.0, asked=0.05, snr_labels=LABELS)
    assert said in advice.sentences[0]
    assert "no abnormal clips" in advice.paragraph
    assert advice.recommended == recommended
    assert advice.paragraph.count("2 of 3 detectors keep to what was asked for") == (len(table) == 3)
    (ids,) = list(shown.of_ids(table, advice, 95.0, 0.05, LABELS)) or [None]
    assert (ids is not None) == recommended
    if ids:
        assert ids.header == ("ID", "false alarms (5 % asked)", "normal", "abnormal")


def test_a_table_by_id_marks_the_worst():
    table = pd.DataFrame(
        {"protocol": "strict", "machine": "fan", "noise_factor": 0.7, "snr": snr, "id": name, "seed": seed}
        | {"detector": "A", "auc": auc, "fp": 10, "tn": 190, "false_alarm_rate": 0.05, "n_normal": 200}
        | {"n_abnormal": 150}
        for seed in (0, 1)
        for (name, snr), auc in {
            ("|a", "snr6"): 0.9 + seed / 100,
            ("|a", "snr0"): 0.8,
            ("b", "snr6"): 0.7 - seed / 100,
            ("b", "snr0"): 0.75,
        }.items()
    )
    advice = Advice(("Use A.",), "strict", "fan", ("A", "0.7"), True)
    (ids,) = shown.of_ids(table, advice, 95.0, 0.05, LABELS)
    assert ids.header == ("ID", "AUC [95 %]", "false alarms (5 % asked)", "6 dB", "snr0", "normal", "abnormal")
    assert [row.cells[3:] for row in ids.rows] == [
        ("0.905", "0.800", "200", "150"),
        ("worst 0.695", "0.750", "200", "150"),
    ]
    low, high = auc_interval(0.8525, 200, 150, 95.0)
    assert ids.rows[0].cells[1] == f"0.853 [{low:.3f}, {high:.3f}]"
    assert by_id(table, ("A", "0.7"), 95.0, 0.05)["auc"].tolist() == pytest.approx([0.8525, 0.7225])
    assert r"| \|a | 0.853" in pages.markdown(advice, [], [ids])
    (equal,) = shown.of_ids(table.assign(auc=1.0), advice, 95.0, 0.05, LABELS)
    assert [row.cells[3:5] for row in equal.rows] == [
        ("1.000", "1.000")
    ] * 2  # where all are the same, none is the worst


@pytest.mark.parametrize("auc", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_interval_from_numbers_of_clips_covers_what_samples_show(auc):
    """Scores are normal variables, the abnormal ones shifted: as often inside as it says, or oftener."""
    low, high = auc_interval(auc, 60, 40, 90.0)
    assert 0 <= low <= auc <= high <= 1
    wider = auc_interval(auc, 30, 20, 90.0)
    assert wider[0] <= low
    assert wider[1] >= high
    assert all(math.isnan(end) for end in auc_interval(math.nan, 60, 40, 90.0))
    if auc == 0.9:
        random = np.random.default_rng(0)
        shift = 1.8124  # Φ(shift / √2) is 0.9
        inside = 0
        for _ in range(400):
            normal, abnormal = random.normal(size=60), random.normal(shift, size=40)
            found = float((abnormal[:, None] > normal).mean())
            ends = auc_interval(found, 60, 40, 90.0)
            inside += ends[0] <= auc <= ends[1]
        assert 0.86 <= inside / 400 <= 0.97


def test_shares_are_never_rounded_to_all_or_nothing():
    assert [percent(value, 0) for value in (0.0, 0.004, 0.5, 0.996, 0.9996, 1.0)] == [
        *("0", "0.4", "50", "99.6", "99.96", "100")
    ]


def test_paragraph_for_the_console_keeps_numbers_and_signs_together():
    text = shown.in_lines("flags 4.8 % of \x1b[2J normal clips " * 9, 31)
    assert max(map(len, text.splitlines())) <= 31
    assert not any(part.startswith("%") for part in text.splitlines())
    assert "\x1b" not in text
    assert "\u00a0" not in text
