"""The best detectors of a training: in the order of the leaderboard, and what a figure shows of them."""

from __future__ import annotations

import doctest
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from asd.detection.scores import Scores, UnitScores
from asd.evaluation import best
from asd.evaluation.best import (
    BestView,
    Standing,
    auc_of,
    baseline_of,
    best_of,
    best_view,
    detection_rates,
    standings,
    words_about,
)
from asd.evaluation.leaderboard import leaderboard
from asd.evaluation.machine import Unit, evaluate_machine
from asd.evaluation.tables import auc_table
from named_clips import scored_clips
from plain_method import plain_auc

ASKED, CONFIDENCE = 0.05, 95.0
SHIFTS = {"IF": 0.6, "LOF": 2.0, "IN-SAMPLE": 3.0, "TWIN": 1.2, "MEAN": 1.2, "KNN": 0.2}


def made_scores(n_abnormal: int = 12) -> dict[Unit, UnitScores]:
    """TWIN and the ensemble MEAN score alike; the threshold of IN-SAMPLE flags nearly everything."""
    random, contents = np.random.default_rng(4), {}
    for snr, name in itertools.product(("snr6", "snr0"), ("id_00", "id_02")):
        clips = scored_clips(("t0", "t1"), [f"n{n}" for n in range(40)], [f"a{n}" for n in range(n_abnormal)])
        noise = random.normal(size=(len(SHIFTS), len(clips.tested)))
        scores = {
            detector: Scores(np.arange(2.0), values + shift * clips.labels, -1.0 if detector == "IN-SAMPLE" else 1.7)
            for (detector, shift), values in zip(SHIFTS.items(), noise, strict=True)
        }
        scores["MEAN"] = replace(scores["TWIN"])
        contents[Unit.of("strict", "0.7", "0", snr, name)] = UnitScores(clips, scores, "strict")
    return contents


def test_the_order_is_that_of_the_leaderboard():
    contents = made_scores()
    views = {name: ["ensemble" if name == "MEAN" else "raw", "none"] for name in SHIFTS}
    result = evaluate_machine(contents, "fan", views, replicates=5, confidence=CONFIDENCE, seed=0)
    ranking = leaderboard(
        auc_table(result.rows).assign(noise_factor=0.7), {"fan": result.replicates}, CONFIDENCE, ASKED
    )
    found = standings(contents, ["MEAN"], ASKED, CONFIDENCE)
    assert [one.detector for one in found] == ranking["detector"].tolist()
    assert [one.detector for one in found][-1] == "IN-SAMPLE"
    for one, line in zip(found, ranking.to_dict("records"), strict=True):
        assert one.auc == pytest.approx(line["auc"])
        assert one.false_alarm_rate == pytest.approx(line["false_alarm_rate"])
        assert one.is_off == line["false_alarms_off"]
    names = [one.detector for one in found]
    assert names.index("MEAN") == names.index("TWIN") - 1


def test_without_abnormal_clips_the_order_is_that_of_the_scores():
    found = standings(made_scores(0), ["MEAN"], ASKED, CONFIDENCE)
    assert [one.detector for one in found] == list(SHIFTS)
    assert all(math.isnan(one.auc) for one in found)


def made(detector: str, auc: float, is_off: bool = False) -> Standing:
    return Standing(detector, auc, 0.05, is_off)


def test_the_best_are_those_whose_false_alarms_are_as_asked_and_others_only_if_all_are_off():
    ordered = [made("A", 0.9), made("B", 0.8), made("C", 0.99, is_off=True), made("D", 0.98, is_off=True)]
    assert [one.detector for one in best_of(ordered)] == ["A", "B"]
    assert [one.detector for one in best_of(ordered, 1)] == ["A"]
    assert [one.detector for one in best_of(ordered[2:])] == ["C", "D"]
    assert best_of([]) == []


def test_the_baseline_is_the_best_of_the_papers_that_is_not_shown_anyway():
    ordered = [made("LOF", 0.9), made("HULL", 0.8), made("OCSVM", 0.6), made("IF", 0.7, is_off=True)]
    paper = ["IF", "OCSVM", "LOF"]
    assert baseline_of(ordered, paper, ["LOF", "HULL"]) == made("IF", 0.7, is_off=True)
    assert baseline_of(ordered, paper, ["LOF", "OCSVM", "IF"]) is None
    assert baseline_of(ordered, [], []) is None


def test_the_view_is_that_of_the_best_or_of_the_best_member_of_the_best_ensemble():
    ordered = [made("MEAN", 0.9), made("LOF", 0.8), made("IF", 0.85, is_off=True), made("TWIN", 0.84, is_off=True)]
    assert best_view(ordered, {"MEAN": ["LOF", "IF"]}, "LOF") == BestView("IF", "MEAN", 0.9)
    assert best_view(ordered[1:], {}, "IF") == BestView("LOF", "LOF", 0.8)


@pytest.mark.parametrize(
    ("default", "seen"), [("LOF", ("LOF", "LOF")), ("MEAN", ("LOF", "MEAN")), ("elsewhere", ("IF", "IF"))]
)
def test_without_abnormal_clips_the_view_is_that_of_the_default(default, seen):
    ordered = [made(name, math.nan) for name in ("IF", "LOF", "MEAN")]
    view = best_view(ordered, {"MEAN": ["LOF", "IF"]}, default)
    assert (view.detector, view.first) == seen
    assert "AUC" not in view.words("raw", "whitening")


def test_the_auc_of_one_id_at_one_snr():
    contents = made_scores()
    content = contents[Unit.of("strict", "0.7", "0", "snr0", "id_02")]
    expected = plain_auc(content.clips.labels, content.scores["LOF"].test)
    assert auc_of(contents, "LOF", "snr0", "id_02") == pytest.approx(expected)
    assert math.isnan(auc_of(made_scores(0), "LOF", "snr0", "id_02"))


def test_rates_at_the_threshold_are_means_over_the_ids():
    contents = made_scores()
    alarms, found = [], []
    for content in contents.values():
        flagged = [score > content.scores["LOF"].threshold for score in content.scores["LOF"].test]
        alarms.append(sum(flagged[:40]) / 40)
        found.append(sum(flagged[40:]) / 12)
    assert detection_rates(contents, "LOF") == pytest.approx((sum(alarms) / 4, sum(found) / 4))


def test_how_the_best_were_chosen_is_said():
    as_asked, off = made("A", 0.9), made("B", 0.8, is_off=True)
    best = "Best by mean AUC over SNRs and IDs"
    assert words_about([as_asked], 0.05) == f"{best}."
    assert words_about([as_asked, off, off], 0.025) == (
        f"{best}; 2 left out for false alarms far from the 2.5 % asked for."
    )
    assert words_about([off], 0.05) == f"{best}, though the false alarms of all are far from the 5 % asked for."


def test_examples() -> None:
    assert doctest.testmod(best).failed == 0
