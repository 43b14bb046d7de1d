"""Ensembles: mean scores on scales that come from training scores alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.detection.ensembles import Ensemble, combine, combine_files, ranked, standardised
from asd.detection.scores import ScoredClips, Scores, UnitScores, threshold_of
from asd.errors import UserError
from named_clips import scored_clips

values = st.floats(-1e3, 1e3, allow_subnormal=False)
some = st.lists(values, min_size=1, max_size=20).map(np.array)


def member(seed: int, scale: float = 1.0, offset: float = 0.0) -> Scores:
    random = np.random.default_rng(seed)
    train, test = (scale * random.normal(size=size) + offset for size in (30, 12))
    return Scores(train, test, threshold_of(train, 90.0, "paper"))


@settings(deadline=None, max_examples=80, database=None)
@given(some, some)
def test_ranks_are_the_share_of_training_scores_below_with_ties_counting_half(train, scores) -> None:
    expected = [np.mean([(other < score) + 0.5 * (other == score) for other in train]) for score in scores]
    assert ranked(scores, train) == pytest.approx(expected)


def test_standardised_training_scores_have_mean_0_and_standard_deviation_1() -> None:
    scores = member(0, 7.0, 40.0).train
    assert standardised(scores, scores).mean() == pytest.approx(0.0, abs=1e-12)
    assert standardised(scores, scores).std() == pytest.approx(1.0)
    assert standardised(np.array([scores.mean() + 2 * scores.std()]), scores) == pytest.approx([2.0])


@pytest.mark.filterwarnings("error")
def test_training_scores_without_spread_are_no_division_by_zero() -> None:
    assert standardised(np.array([1.0, 5.0, 9.0]), np.full(4, 5.0)).tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("average", ["z", "rank"])
def test_the_unit_of_a_member_does_not_matter(average) -> None:
    first, second = member(1), member(2)
    stretched = Scores(1e4 * second.train - 77.0, 1e4 * second.test - 77.0, 0.0)
    expected, got = (combine([first, other], average, 90.0, "paper") for other in (second, stretched))
    assert got.test == pytest.approx(expected.test)
    assert got.train == pytest.approx(expected.train)
    assert got.threshold == pytest.approx(expected.threshold)


@pytest.mark.parametrize("average", ["z", "rank"])
def test_test_scores_have_no_say_in_the_scale(average) -> None:
    first, second = member(1), member(2)
    poisoned = Scores(second.train, np.append(second.test[:-1], 1e9), second.threshold)
    expected, got = (combine([first, other], average, 90.0, "strict") for other in (second, poisoned))
    assert np.array_equal(got.test[:-1], expected.test[:-1])
    assert np.array_equal(got.train, expected.train)
    assert got.threshold == expected.threshold


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_the_mean_and_its_threshold(protocol) -> None:
    members = [member(seed) for seed in range(3)]
    got = combine(members, "z", 90.0, protocol)
    by_hand = sum((one.test - one.train.mean()) / one.train.std() for one in members) / 3
    assert got.test == pytest.approx(by_hand)
    assert got.threshold == threshold_of(got.train, 90.0, protocol)
    assert got.components is None


def test_an_ensemble_of_one_orders_clips_as_its_member_does() -> None:
    one = member(4)
    assert np.array_equal(np.argsort(combine([one], "z", 90.0, "paper").test), np.argsort(one.test))


@pytest.mark.parametrize("members", [[], [member(0), Scores(np.zeros(3), np.zeros(12), 0.0)]])
def test_members_must_have_scored_the_same_clips(members) -> None:
    with pytest.raises(ValueError, match="the same clips"):
        combine(members, "z", 90.0, "paper")


# --- of files ---

CLIPS = scored_clips(tuple(f"n{n}" for n in range(30)), tuple(f"m{n}" for n in range(6)), tuple("abcdef"))


def files(seed: int, clips: ScoredClips = CLIPS) -> UnitScores:
    return UnitScores(clips, {"KNN": member(seed), "LOF": member(100 + seed, 3.0)}, "paper")


def test_every_detector_of_every_file_is_averaged() -> None:
    members = [files(seed) for seed in range(3)]
    ensembles = [Ensemble("A", ["KNN", "LOF"], ["seeds"], "z"), Ensemble("B", ["LOF"], ["seeds"], "rank")]
    got = combine_files(members, ensembles, 90.0)
    both = combine([content.scores[name] for content in members for name in ("KNN", "LOF")], "z", 90.0, "paper")
    alone = combine([content.scores["LOF"] for content in members], "rank", 90.0, "paper")
    assert list(got.scores) == ["A", "B"]
    assert got.scores["A"].test == pytest.approx(both.test)
    assert got.scores["B"].test == pytest.approx(alone.test)
    assert (got.clips, got.protocol) == (CLIPS, "paper")


def test_seeds_that_tested_other_clips_are_not_averaged() -> None:
    others = [
        replace(CLIPS, abnormal=scored_clips((), (), tuple("uvwxyz")).abnormal),
        replace(CLIPS, abnormal=(CLIPS.abnormal[0]._replace(start="10"), *CLIPS.abnormal[1:])),
    ]
    for other in others:
        with pytest.raises(UserError, match=r"ensembles A: .* different clips"):
            combine_files([files(0), files(1, other)], [Ensemble("A", ["KNN"], ["seeds"], "z")], 90.0)


@pytest.mark.parametrize("average", ["z", "rank"])
def test_unlabelled_clips_are_averaged_as_test_clips_are(average) -> None:
    members = [member(seed) for seed in range(3)]
    got = combine([replace(one, unlabelled=one.test[:4]) for one in members], average, 90.0, "strict")
    assert got.unlabelled == pytest.approx(got.test[:4])
    assert np.array_equal(got.test, combine(members, average, 90.0, "strict").test)
    with pytest.raises(ValueError, match="the same clips"):
        combine([members[0], replace(members[1], unlabelled=members[1].test[:4])], average, 90.0, "strict")
