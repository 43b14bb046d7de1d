"""Bootstrap weights, weighted AUCs, DeLong's test and p-values, against scikit-learn, pairs of clips and simulation."""

from __future__ import annotations

import math
import statistics as standard_statistics
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score, roc_curve

from asd.evaluation.statistics import (
    bootstrap_p_value,
    bootstrap_weights,
    decision_statistics,
    delong_covariance,
    delong_p_value,
    exact_interval,
    holm,
    interval_of_few,
    is_off,
    is_off_by_count,
    mean_placements,
    percentile_interval,
    resampled_seeds,
    roc_on_grid,
    weighted_aucs,
    weighted_partial_aucs,
)
from places import REPOSITORY
from plain_statistics import (
    plain_delong,
    plain_holm_rejects,
    plain_p_value,
    plain_placements,
    plain_roc_at,
    plain_test_of_means,
    plain_weighted_auc,
    plain_weighted_partial_auc,
)

SCORE = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3, allow_subnormal=False))  # many are tied
WHOLE = st.integers(0, 4)
FRACTION = st.one_of(st.just(0.0), st.floats(1e-3, 5.0))


@st.composite
def mixed_labels(draw, smallest: int = 1, largest: int = 12) -> np.ndarray:
    """Labels of both classes in any order."""
    counts = draw(st.integers(smallest, largest)), draw(st.integers(smallest, largest))
    return np.array(draw(st.permutations([False] * counts[0] + [True] * counts[1])))


def arrays_of(draw, value, *shape: int) -> np.ndarray:
    size = math.prod(shape)
    return np.array(draw(st.lists(value, min_size=size, max_size=size))).reshape(shape)


@st.composite
def weighted_clips(draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores, and two rows of weights that leave both classes something."""
    labels = draw(mixed_labels())
    scores = arrays_of(draw, SCORE, len(labels))
    weights = arrays_of(draw, draw(st.sampled_from([WHOLE, FRACTION])), 2, len(labels))
    for label in (False, True):
        lost = ~(weights[:, labels == label] > 0).any(axis=1)
        weights[lost, np.flatnonzero(labels == label)[0]] = 1
    return labels, scores, weights


# --- AUCs of weighted clips ---


@settings(deadline=None, max_examples=40, database=None)
@given(weighted_clips())
def test_weighted_auc_is_that_of_scikit_learn_and_of_weighted_pairs(data):
    labels, scores, weights = data
    got = weighted_aucs(labels, scores, weights)
    assert got.dtype == np.float64
    for auc, row in zip(got, weights, strict=True):
        assert auc == pytest.approx(roc_auc_score(labels, scores, sample_weight=row), abs=1e-12)
        assert auc == pytest.approx(plain_weighted_auc(labels, scores, row), abs=1e-12)


@settings(deadline=None, max_examples=40, database=None)
@given(weighted_clips(), st.one_of(st.sampled_from([0.1, 0.2, 0.5, 1.0]), st.floats(0.01, 1.0)))
def test_weighted_partial_auc_is_that_of_scikit_learn_and_of_the_curve(data, max_fpr):
    labels, scores, weights = data
    got = weighted_partial_aucs(labels, scores, weights, max_fpr)
    for area, row in zip(got, weights, strict=True):
        assert area == pytest.approx(roc_auc_score(labels, scores, sample_weight=row, max_fpr=max_fpr), abs=1e-9)
        assert area == pytest.approx(plain_weighted_partial_auc(labels, scores, row, max_fpr), abs=1e-9)


def test_partial_auc_is_up_to_a_tenth_unless_told_otherwise():
    labels = np.repeat([False, True], 20)
    scores = np.random.default_rng(0).normal(size=40) + labels
    assert weighted_partial_aucs(labels, scores, np.ones((1, 40)))[0] == pytest.approx(
        roc_auc_score(labels, scores, max_fpr=0.1), abs=1e-12
    )


@settings(deadline=None, max_examples=40, database=None)
@given(mixed_labels(), st.data())
def test_whole_weights_are_exactly_repeated_clips(labels, data):
    scores = arrays_of(data.draw, SCORE, len(labels))
    weights = arrays_of(data.draw, st.integers(1, 4), 1, len(labels))
    repeated = np.repeat(labels, weights[0]), np.repeat(scores, weights[0])
    once = np.ones((1, weights.sum()))
    for statistic in (weighted_aucs, weighted_partial_aucs):
        assert statistic(labels, scores, weights)[0] == statistic(*repeated, once)[0]


@settings(deadline=None, max_examples=40, database=None)
@given(weighted_clips(), st.floats(0.5, 20.0))
def test_weights_matter_only_relative_to_each_other(data, factor):
    labels, scores, weights = data
    for statistic in (weighted_aucs, weighted_partial_aucs):
        np.testing.assert_allclose(
            statistic(labels, scores, weights * factor), statistic(labels, scores, weights), rtol=0, atol=1e-9
        )


@settings(deadline=None, max_examples=40, database=None)
@given(weighted_clips(), st.randoms(use_true_random=False))
def test_order_and_scale_of_scores_and_order_of_clips_change_nothing(data, random):
    labels, scores, weights = data
    weights = (weights * 1024).astype(np.int64)  # whole, so that sums are exact in any order
    weights[:, labels] += 1
    weights[:, ~labels] += 1
    ranks = np.searchsorted(np.unique(scores), scores)  # a monotone transform that no rounding spoils
    shuffled = np.array(random.sample(range(len(labels)), len(labels)))
    for statistic in (weighted_aucs, weighted_partial_aucs):
        expected = statistic(labels, scores, weights)
        np.testing.assert_array_equal(statistic(labels, np.exp(ranks / 10.0), weights), expected)
        np.testing.assert_array_equal(statistic(labels[shuffled], scores[shuffled], weights[:, shuffled]), expected)
    np.testing.assert_allclose(
        weighted_aucs(labels, -scores, weights), 1.0 - weighted_aucs(labels, scores, weights), rtol=0, atol=1e-12
    )


def test_infinite_scores_are_ordered_like_any_others():
    labels = np.array([False, False, True, True])
    scores = np.array([-np.inf, 1.0, 1.0, np.inf])
    assert weighted_aucs(labels, scores, np.ones((1, 4))).tolist() == [0.875]


@pytest.mark.filterwarnings("error")
def test_a_class_without_weight_has_no_auc():
    labels = np.array([False, False, True, True])
    weights = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 0, 1]])
    scores = np.arange(4.0)
    for statistic in (weighted_aucs, weighted_partial_aucs):
        np.testing.assert_array_equal(statistic(labels, scores, weights), [np.nan, np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(
        roc_on_grid(labels, scores, [0.0, 1.0], weights), [[np.nan] * 2, [np.nan] * 2, [np.nan] * 2, [1.0, 1.0]]
    )
    assert np.isnan(weighted_aucs(np.zeros(4, bool), scores, weights)).all()


def test_many_replicates_are_those_of_single_rows():
    random = np.random.default_rng(1)
    labels = random.random(150) < 0.4
    scores = random.integers(30, size=150).astype(float)
    weights = bootstrap_weights(labels, 700, random)  # several blocks
    grid = np.linspace(0, 1, 11)
    for statistic in (
        weighted_aucs,
        weighted_partial_aucs,
        lambda labels, scores, weights: roc_on_grid(labels, scores, grid, weights),
    ):
        one_by_one = np.concatenate([statistic(labels, scores, row[None]) for row in weights])
        np.testing.assert_array_equal(statistic(labels, scores, weights), one_by_one)
        assert len(statistic(labels, scores, weights[:0])) == 0


CLIPS = np.array([False, True]), np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("labels", "scores", "weights", "message"),
    [
        (*CLIPS, np.ones(2), "weights must be"),
        (*CLIPS, np.ones((1, 3)), "weights must be"),
        (*CLIPS, np.array([[1.0, -1.0]]), "not negative"),
        (*CLIPS, np.array([[1.0, np.nan]]), "finite"),
        (*CLIPS, np.array([[1.0, np.inf]]), "finite"),
        (CLIPS[0], np.array([0.0, np.nan]), np.ones((1, 2)), "NaN"),
        (CLIPS[0], np.zeros(3), np.ones((1, 3)), "labels and scores"),
        (np.zeros(0, bool), np.zeros(0), np.ones((1, 0)), "at least one"),
    ],
)
def test_unusable_clips_and_weights_are_refused(labels, scores, weights, message):
    for statistic in (weighted_aucs, weighted_partial_aucs):
        with pytest.raises(ValueError, match=message):
            statistic(labels, scores, weights)
    with pytest.raises(ValueError, match=message):
        roc_on_grid(labels, scores, [0.5], weights)


@pytest.mark.parametrize("max_fpr", [0.0, -0.1, 1.1, math.nan])
def test_partial_auc_needs_a_rate(max_fpr):
    with pytest.raises(ValueError, match="max_fpr"):
        weighted_partial_aucs(*CLIPS, np.ones((1, 2)), max_fpr)


# --- ROC curves on a grid ---


@settings(deadline=None, max_examples=40, database=None)
@given(weighted_clips(), st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 1.0])), max_size=6))
def test_rates_on_a_grid_are_the_upper_end_of_the_curve(data, grid):
    labels, scores, weights = data
    got = roc_on_grid(labels, scores, grid, weights)
    assert got.shape == (2, len(grid))
    for rates, row in zip(got, weights, strict=True):
        expected = [
            # a rate a rounding error before a jump may be taken to be at it
            (plain_roc_at(labels, scores, row, rate), plain_roc_at(labels, scores, row, min(1.0, rate + 2e-12)))
            for rate in grid
        ]
        for rate, (low, high) in zip(rates, expected, strict=True):
            assert low - 1e-8 <= rate <= high + 1e-8


@settings(deadline=None, max_examples=40, database=None)
@given(mixed_labels(), st.data())
def test_ends_of_the_curve(labels, data):
    scores = arrays_of(data.draw, SCORE, len(labels))
    ((first, last),) = roc_on_grid(labels, scores, [0.0, 1.0])
    assert first == np.mean(scores[labels] > scores[~labels].max())
    assert last == 1.0


def test_rates_at_all_points_of_a_curve_despite_rounding():
    random = np.random.default_rng(5)
    labels = np.repeat([False, True], [100, 70])
    scores = random.permutation(170).astype(float)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    rates = np.unique(false)
    highest = [true[false == rate].max() for rate in rates]
    assert roc_on_grid(labels, scores, rates)[0].tolist() == highest
    assert roc_on_grid(labels, scores, np.nextafter(rates, 0.0))[0].tolist() == highest  # just short of the jumps
    np.testing.assert_allclose(roc_on_grid(labels, scores, np.nextafter(rates[:-1], 1.0))[0], highest[:-1], rtol=1e-12)


def test_rates_just_short_of_a_narrow_step_stay_on_the_curve():
    labels = np.array([False, False, False, True, True])
    scores = np.array([3.0, 2.0, 0.0, 2.0, 1.0])
    weights = np.array([[1.0, 4e-11, 1.0, 1.0, 1.0]])
    step = 1.0 / weights[0, :3].sum()  # here the curve starts to rise from 0, to 0.5 within a rate of 2e-11
    assert roc_on_grid(labels, scores, [step - 5e-13, step], weights).tolist() == [[0.0, 0.0]]


def test_area_below_the_grid_is_the_auc():
    random = np.random.default_rng(6)
    labels = random.random(60) < 0.5
    scores = random.integers(8, size=60) + 2.0 * labels
    weights = random.random((4, 60))
    curves = roc_on_grid(labels, scores, np.linspace(0, 1, 20_001), weights)
    areas = np.trapezoid(curves, dx=1 / 20_000, axis=1)
    np.testing.assert_allclose(areas, weighted_aucs(labels, scores, weights), rtol=0, atol=1e-4)


@pytest.mark.parametrize("grid", [[0.1, 1.1], [-0.1], [math.nan], [[0.1]]])
def test_a_grid_is_a_list_of_rates(grid):
    with pytest.raises(ValueError, match="grid"):
        roc_on_grid(*CLIPS, grid)


# --- bootstrap weights ---


@settings(deadline=None, max_examples=40, database=None)
@given(st.lists(st.sampled_from(["b", "a", "c"]), max_size=40), st.integers(0, 20), st.integers(0, 2**32))
def test_each_stratum_keeps_its_size_in_every_replicate(strata, replicates, seed):
    strata = np.array(strata, dtype=str)
    weights = bootstrap_weights(strata, replicates, np.random.default_rng(seed))
    assert weights.dtype == np.int32
    assert weights.shape == (replicates, len(strata))
    assert (weights >= 0).all()
    for name in set(strata.tolist()):
        assert (weights[:, strata == name].sum(axis=1) == (strata == name).sum()).all()


@settings(deadline=None, max_examples=40, database=None)
@given(st.lists(st.integers(-2, 2), min_size=1, max_size=40), st.integers(0, 2**32), st.data())
def test_draws_of_a_stratum_depend_on_its_place_and_its_size_alone(strata, seed, data):
    strata = np.array(strata)
    weights = bootstrap_weights(strata, 5, np.random.default_rng(seed))
    names = list(dict.fromkeys(strata.tolist()))  # in order of appearance
    kept = data.draw(st.sampled_from(names))
    sizes = [(strata == name).sum() if name == kept else data.draw(st.integers(1, 9)) for name in names]
    other = np.repeat(np.arange(len(names)) * -10, sizes)  # other names, other sizes, no mixing
    other_weights = bootstrap_weights(other, 5, np.random.default_rng(seed))
    np.testing.assert_array_equal(other_weights[:, other == -10 * names.index(kept)], weights[:, strata == kept])


def test_strata_and_calls_get_draws_of_their_own():
    random = np.random.default_rng(3)
    strata = np.repeat(["a", "b"], 30)
    first, second = bootstrap_weights(strata, 50, random), bootstrap_weights(strata, 50, random)
    assert (first[:, :30] != first[:, 30:]).any()
    assert (first != second).any()
    assert (bootstrap_weights(strata, 50, np.random.default_rng(3)) == first).all()


def test_generator_is_left_in_the_same_state_whatever_the_strata_are():
    states = []
    for strata in ([0], [0, 0, 1], ["x"] * 50 + ["y"] * 20):
        random = np.random.default_rng(8)
        bootstrap_weights(strata, 7, random)
        states.append(random.integers(2**60))
    assert len(set(states)) == 1


def test_weights_are_multinomial_counts():
    weights = bootstrap_weights(np.repeat([0, 1], [3, 50]), 20_000, np.random.default_rng(4))
    # three draws out of three: 27 equally likely sequences
    codes, counts = np.unique(weights[:, :3] @ [16, 4, 1], return_counts=True)
    assert len(codes) == 10
    ways = [
        math.factorial(3) / math.prod(math.factorial(int(digit)) for digit in (code // 16, code % 16 // 4, code % 4))
        for code in codes
    ]
    assert stats.chisquare(counts, np.array(ways) / 27 * 20_000).pvalue > 0.001
    # 50 draws out of 50: mean 1, variance 1 - 1/50, covariance -1/50; nothing between the strata
    large = weights[:, 3:]
    covariance = np.cov(large.T)
    assert large.mean(axis=0) == pytest.approx(np.ones(50), abs=0.04)
    assert np.diag(covariance).mean() == pytest.approx(1 - 1 / 50, rel=0.01)
    assert covariance[~np.eye(50, dtype=bool)].mean() == pytest.approx(-1 / 50, rel=0.01)
    assert np.abs(np.corrcoef(weights[:, 0], large.T)[0, 1:]).max() < 0.035


@pytest.mark.parametrize(("strata", "replicates"), [([[0, 1]], 3), ([0, 1], -1)])
def test_strata_are_a_list(strata, replicates):
    with pytest.raises(ValueError, match="strata"):
        bootstrap_weights(strata, replicates, np.random.default_rng(0))


def test_seeds_are_drawn_with_replacement():
    shares = resampled_seeds(3, 20_000, np.random.default_rng(9))
    assert shares.shape == (20_000, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=0, atol=1e-15)
    assert set(np.rint(shares.ravel() * 3).tolist()) == {0.0, 1.0, 2.0, 3.0}
    np.testing.assert_allclose(shares, np.rint(shares * 3) / 3, rtol=0, atol=1e-15)
    np.testing.assert_allclose(shares.mean(axis=0), 1 / 3, atol=0.01)
    np.testing.assert_allclose(shares.var(axis=0), 2 / 27, rtol=0.05)  # 3 * 1/3 * 2/3 / 9
    assert (resampled_seeds(3, 20_000, np.random.default_rng(9)) == shares).all()


def test_a_single_seed_always_counts_fully():
    assert resampled_seeds(1, 4, np.random.default_rng(0)).tolist() == [[1.0]] * 4


@pytest.mark.parametrize(("n_seeds", "replicates"), [(0, 5), (3, -1)])
def test_there_must_be_seeds(n_seeds, replicates):
    with pytest.raises(ValueError, match="seed"):
        resampled_seeds(n_seeds, replicates, np.random.default_rng(0))


# --- intervals and p-values ---


def test_interval_by_hand():
    samples = np.random.default_rng(0).permutation(101).astype(float)
    assert [float(end) for end in percentile_interval(samples, 95.0)] == [2.5, 97.5]
    assert [float(end) for end in percentile_interval(samples, 50.0)] == [25.0, 75.0]


@pytest.mark.filterwarnings("error")
def test_interval_of_columns_leaves_out_missing_replicates():
    column = np.arange(101.0)
    with_gaps = np.where(column % 2 == 0, column, np.nan)
    samples = np.stack([column, with_gaps, np.full(101, np.nan)], axis=1)
    low, high = percentile_interval(samples, 90.0)
    np.testing.assert_allclose(low, [5.0, 5.0, np.nan])
    np.testing.assert_allclose(high, [95.0, 95.0, np.nan])
    low, high = percentile_interval(samples[:, 2], 90.0)
    assert np.isnan(low)
    assert np.isnan(high)


@settings(deadline=None, max_examples=40, database=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(1.0, 99.0))
def test_interval_turns_round_with_the_sign(samples, confidence):
    low, high = percentile_interval(samples, confidence)
    assert min(samples) <= low <= high <= max(samples)
    assert percentile_interval(-np.array(samples), confidence) == (pytest.approx(-high), pytest.approx(-low))


@pytest.mark.parametrize(
    ("samples", "confidence", "message"),
    [([], 95.0, "no replicates"), ([1.0], 0.0, "confidence"), ([1.0], 100.0, "confidence"), ([1.0], math.nan, "conf")],
)
def test_intervals_that_make_no_sense_are_refused(samples, confidence, message):
    with pytest.raises(ValueError, match=message):
        percentile_interval(samples, confidence)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1] * 99, 2 / 100),
        ([-0.1] * 99, 2 / 100),
        ([0.1] * 95 + [-0.1] * 4, 2 * 5 / 100),
        ([0.1] * 95 + [0.0] * 4, 2 * 5 / 100),
        ([0.1] * 50 + [-0.1] * 49, 1.0),
        ([0.0] * 99, 1.0),
        ([0.0], 1.0),
        ([0.1], 1.0),
        ([0.1] * 99 + [math.nan] * 50, 2 / 100),
    ],
)
def test_bootstrap_p_value_by_hand(differences, expected):
    assert bootstrap_p_value(differences) == pytest.approx(expected, abs=1e-15)


@settings(deadline=None, max_examples=40, database=None)
@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=60))
def test_bootstrap_p_value_has_no_side(differences):
    p_value = bootstrap_p_value(differences)
    assert 2 / (len(differences) + 1) <= p_value <= 1.0 or p_value == 1.0
    assert bootstrap_p_value([-difference for difference in differences]) == p_value
    assert bootstrap_p_value([3 * difference for difference in differences]) == p_value


def test_p_value_agrees_with_the_interval():
    differences = np.random.default_rng(2).normal(0.02, 0.01, 999)
    p_value = bootstrap_p_value(differences)
    assert percentile_interval(differences, 100 * (1 - 0.8 * p_value))[0] < 0
    assert percentile_interval(differences, 100 * (1 - 1.2 * p_value))[0] > 0


def test_differences_that_are_all_missing_have_no_p_value():
    assert math.isnan(bootstrap_p_value([math.nan, math.nan]))


@pytest.mark.parametrize("differences", [[], [[0.1, 0.2]], 0.1])
def test_there_must_be_differences(differences):
    with pytest.raises(ValueError, match="differences"):
        bootstrap_p_value(differences)


def test_holm_by_hand():
    # Four tests: 0.005 * 4, 0.01 * 3, then 0.03 * 2, which 0.04 * 1 may not undercut
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.01, 0.9]).tolist() == [1.0, 0.03, 1.0]
    np.testing.assert_allclose(holm([math.nan, 0.02, 0.03, math.nan]), [math.nan, 0.04, 0.04, math.nan])
    assert holm([]).tolist() == []
    assert holm([0.2]).tolist() == [0.2]


@settings(deadline=None, max_examples=40, database=None)
@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.02, 0.05])), min_size=1, max_size=12), st.data())
def test_holm_rejects_what_its_procedure_rejects(p_values, data):
    adjusted = holm(p_values)
    level = data.draw(st.floats(0.001, 0.999))
    rejected = plain_holm_rejects(p_values, level)
    for one, is_rejected in zip(adjusted, rejected, strict=True):
        assert (one <= level) == is_rejected or one == pytest.approx(level, rel=1e-12)
    assert (adjusted >= p_values).all()
    order = data.draw(st.permutations(range(len(p_values))))
    np.testing.assert_array_equal(holm(np.array(p_values)[order]), adjusted[order])


def test_holm_does_not_change_what_it_is_given():
    p_values = np.array([0.01, 0.02])
    holm(p_values)
    assert p_values.tolist() == [0.01, 0.02]


@pytest.mark.parametrize("p_values", [[0.1, 1.1], [-0.1], [[0.1, 0.2]]])
def test_p_values_are_probabilities(p_values):
    with pytest.raises(ValueError, match="p-values"):
        holm(p_values)


# --- DeLong's test ---


class Compared(NamedTuple):
    """Two detectors on some groups of clips: the difference of their mean AUCs, its variance and its p-value."""

    difference: float
    variance: float
    p_value: float | None


def delong(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    """AUCs of rows of scores, and their covariance."""
    components = [mean_placements(labels, np.asarray(row)[None]) for row in scores]
    return np.array([v10.mean() for v10, _ in components]), delong_covariance(components)


def delong_test_of_means(units) -> Compared:
    """As a machine's entries are compared: labels, and each detector's scores [seeds, clips], of every group (ID)."""
    pairs = [[mean_placements(labels, scores) for scores in both] for labels, *both in units]
    difference = sum(float(first[0].mean() - second[0].mean()) for first, second in pairs) / len(units)
    covariance = sum(map(delong_covariance, pairs)) / len(units) ** 2
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return Compared(difference, float(variance), delong_p_value(covariance, 0, 1, difference))


def delong_test(labels, first, second) -> Compared:
    return delong_test_of_means([(labels, np.asarray(first)[None], np.asarray(second)[None])])


# Albumin, total protein, K-G score, and 1 for patients with ovarian cancer whom surgery would benefit: the example of
# DeLong et al. (1988), with the numbers of SAS/STAT User's Guide, PROC LOGISTIC, "Comparing Receiver Operating
# Characteristic Curves".
PATIENT_ROWS = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1
3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1
4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""
PATIENTS = np.array(PATIENT_ROWS.split(), float).reshape(43, 4)


def test_worked_example_of_delong():
    worse_off = PATIENTS[:, 3] == 0
    albumin, kg_score, protein = -PATIENTS[:, 0], PATIENTS[:, 2], -PATIENTS[:, 1]
    aucs, covariance = delong(worse_off, [albumin, kg_score, protein])
    assert aucs == pytest.approx([0.7366, 0.7258, 0.6478], abs=5e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([0.0927, 0.1028, 0.1000], abs=5e-5)
    against_kg = [delong_test(worse_off, test, kg_score) for test in (albumin, protein)]
    assert [one.difference for one in against_kg] == pytest.approx([0.0108, -0.0780], abs=5e-5)
    assert [math.sqrt(one.variance) for one in against_kg] == pytest.approx([0.0953, 0.1046], abs=5e-5)
    contrast = np.array([[1, -1, 0], [0, -1, 1]])
    difference = contrast @ aucs
    chi_squared = difference @ np.linalg.solve(contrast @ covariance @ contrast.T, difference)
    assert chi_squared == pytest.approx(2.5340, abs=5e-5)


def test_delong_by_hand():
    # abnormal 3, 2, 4 and normal 1, 2: of the six pairs five are right and one is tied
    labels = np.array([False, True, True, False, True])
    v10, v01 = mean_placements(labels, np.array([[1.0, 3.0, 2.0, 2.0, 4.0]]))
    assert v10.tolist() == [1.0, 0.75, 1.0]
    assert v01 == pytest.approx([1.0, 2.5 / 3])
    aucs, covariance = delong(labels, [[1.0, 3.0, 2.0, 2.0, 4.0]])
    assert aucs == pytest.approx([5.5 / 6])
    # variances 1/48 of v10 and 1/72 of v01
    assert covariance == pytest.approx(np.array([[1 / 48 / 3 + 1 / 72 / 2]]))


@st.composite
def two_detectors(draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = draw(mixed_labels(smallest=2, largest=10))
    return labels, *arrays_of(draw, SCORE, 2, len(labels))


@settings(deadline=None, max_examples=40, database=None)
@given(mixed_labels(), st.data())
def test_placements_are_those_of_pairs(labels, data):
    scores = arrays_of(data.draw, SCORE, len(labels))
    v10, v01 = mean_placements(labels, scores[None])
    expected10, expected01 = plain_placements(labels, scores)
    np.testing.assert_allclose(v10, expected10, rtol=0, atol=1e-14)
    np.testing.assert_allclose(v01, expected01, rtol=0, atol=1e-14)
    assert v10.mean() == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@settings(deadline=None, max_examples=40, database=None)
@given(mixed_labels(smallest=2, largest=10), st.integers(1, 4), st.data())
def test_delong_is_its_definition(labels, detectors, data):
    scores = arrays_of(data.draw, SCORE, detectors, len(labels))
    aucs, covariance = delong(labels, scores)
    expected_aucs, expected = plain_delong(labels, scores)
    np.testing.assert_allclose(aucs, expected_aucs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariance, expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=40, database=None)
@given(two_detectors())
def test_p_value_is_that_of_the_normal_distribution(data):
    labels, first, second = data
    got = delong_test(labels, first, second)
    assert got.p_value == pytest.approx(plain_p_value(*plain_test_of_means([(labels, first[None], second[None])])))
    if got.variance > 1e-18:
        assert got.p_value == pytest.approx(2 * stats.norm.sf(abs(got.difference) / math.sqrt(got.variance)), rel=1e-6)


@settings(deadline=None, max_examples=40, database=None)
@given(two_detectors())
def test_swapping_detectors_turns_the_sign_and_scales_do_not_matter(data):
    labels, first, second = data
    got = delong_test(labels, first, second)
    swapped = delong_test(labels, second, first)
    assert swapped.difference == pytest.approx(-got.difference, abs=1e-15)
    assert swapped.p_value == pytest.approx(got.p_value, rel=1e-9)
    ranks = np.searchsorted(np.unique(first), first)
    assert delong_test(labels, np.exp(ranks / 10.0), second) == got
    reversed_classes = delong_test(~labels, -first, -second)
    assert reversed_classes.difference == pytest.approx(got.difference, abs=1e-12)
    assert reversed_classes.variance == pytest.approx(got.variance, abs=1e-12)


@settings(deadline=None, max_examples=40, database=None)
@given(mixed_labels(smallest=2), st.data())
def test_detectors_that_say_the_same_do_not_differ(labels, data):
    seeds = arrays_of(data.draw, SCORE, 3, len(labels))
    ranks = np.searchsorted(np.unique(seeds), seeds)
    for other in (np.sqrt(ranks), seeds[[2, 0, 1]]):  # other scales; the same seeds in another order
        same = delong_test_of_means([(labels, seeds, other)])
        assert (same.difference, same.p_value) == (0.0, 1.0)
        assert same.variance == pytest.approx(0.0, abs=1e-15)


def test_difference_without_variance_is_certain():
    labels = np.repeat([False, True], 5)
    assert delong_test(labels, np.arange(10.0), -np.arange(10.0)) == Compared(1.0, 0.0, 0.0)


def test_a_tiny_p_value_is_not_rounded_to_none():
    labels = np.repeat([False, True], 400)
    scores = np.random.default_rng(0).normal(size=(2, 800)) + np.array([[3.0], [0.0]]) * labels
    got = delong_test(labels, *scores)
    assert 0.0 < got.p_value < 1e-60
    assert got.p_value == pytest.approx(2 * stats.norm.sf(got.difference / math.sqrt(got.variance)), rel=1e-6)


@pytest.mark.filterwarnings("error")
def test_a_single_clip_of_a_class_has_no_variance():
    labels = np.array([True, False, False])
    aucs, covariance = delong(labels, [[1.0, 0.0, 2.0], [1.0, 0.0, 0.5]])
    assert aucs.tolist() == [0.5, 1.0]
    assert np.isnan(covariance).all()
    got = delong_test(labels, [1.0, 0.0, 2.0], [1.0, 0.0, 0.5])
    assert got.difference == -0.5
    assert math.isnan(got.variance)
    assert got.p_value is None


@st.composite
def groups(draw) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    units = []
    for _ in range(draw(st.integers(1, 3))):
        labels = draw(mixed_labels(smallest=2, largest=6))
        seeds = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        units.append((labels, *(arrays_of(draw, SCORE, count, len(labels)) for count in seeds)))
    return units


@settings(deadline=None, max_examples=40, database=None)
@given(groups())
def test_comparison_of_means_has_the_variance_of_the_contrast_of_all_seeds(units):
    got = delong_test_of_means(units)
    difference, variance = plain_test_of_means(units)
    assert got.difference == pytest.approx(difference, abs=1e-12)
    assert got.variance == pytest.approx(variance, abs=1e-12)


def test_equal_groups_shrink_the_standard_error_and_equal_seeds_do_not():
    labels = PATIENTS[:, 3] == 0
    first, second = -PATIENTS[:, 0], PATIENTS[:, 2]
    one = delong_test(labels, first, second)
    four = delong_test_of_means([(labels, first[None], second[None])] * 4)
    assert four.difference == pytest.approx(one.difference)
    assert four.variance == pytest.approx(one.variance / 4)
    seeds = delong_test_of_means([(labels, np.stack([first] * 4), np.stack([second] * 4))])
    assert seeds.difference == pytest.approx(one.difference)
    assert seeds.variance == pytest.approx(one.variance)


BOTH = np.array([False, True])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_placements(np.ones(2, bool), np.zeros((1, 2))), "normal and abnormal"),
        (lambda: mean_placements(np.zeros(2, bool), np.zeros((1, 2))), "normal and abnormal"),
        (lambda: mean_placements(BOTH, np.array([[0, 1], [0, math.nan]])), "NaN"),
        (lambda: mean_placements(BOTH, np.zeros((1, 3))), "labels and scores"),
        (lambda: mean_placements(BOTH, np.zeros(2)), "seeds, clips"),
        (lambda: mean_placements(BOTH, np.zeros((0, 2))), "at least one seed"),
    ],
)
def test_unusable_scores_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- do they keep their promises? ---


def binormal(random: np.random.Generator, separation: float, clips: int = 40) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([False, True], clips)
    return labels, random.normal(size=2 * clips) + separation * labels


def test_standard_error_of_delong_is_that_of_the_bootstrap():
    random = np.random.default_rng(11)
    labels, first = binormal(random, 1.0, clips=150)
    second = 0.7 * first + random.normal(size=300)
    weights = bootstrap_weights(labels, 4000, random)
    replicates = np.array([weighted_aucs(labels, scores, weights) for scores in (first, second)])
    aucs, covariance = delong(labels, [first, second])
    # 4000 replicates know a standard deviation to about 1 %, and the bootstrap divides by n, not n - 1
    np.testing.assert_allclose(replicates.std(axis=1), np.sqrt(np.diag(covariance)), rtol=0.05)
    np.testing.assert_allclose(replicates.mean(axis=1), aucs, atol=0.002)
    standard_error = math.sqrt(delong_test(labels, first, second).variance)
    assert np.std(replicates[0] - replicates[1]) == pytest.approx(standard_error, rel=0.05)


def test_intervals_of_95_per_cent_hold_the_true_auc_about_that_often():
    random = np.random.default_rng(12)
    truth = float(stats.norm.cdf(1.0 / math.sqrt(2.0)))  # P(X + 1 > Y) with X, Y standard normal
    held, widths = 0, []
    for _ in range(400):
        labels, scores = binormal(random, 1.0)
        low, high = percentile_interval(weighted_aucs(labels, scores, bootstrap_weights(labels, 400, random)), 95.0)
        held += low <= truth <= high
        widths.append(high - low)
    assert 0.90 <= held / 400 <= 0.99
    assert standard_statistics.mean(widths) < 0.25  # not by being wide: the standard error is 0.054


def test_p_values_without_a_difference_are_uniform():
    random = np.random.default_rng(13)
    by_delong, by_bootstrap = [], []
    for _ in range(400):
        labels, shared = binormal(random, 1.0)
        first, second = shared + random.normal(size=(2, len(labels)))  # equally good, and correlated
        by_delong.append(delong_test(labels, first, second).p_value)
        weights = bootstrap_weights(labels, 300, random)
        by_bootstrap.append(
            bootstrap_p_value(weighted_aucs(labels, first, weights) - weighted_aucs(labels, second, weights))
        )
    for p_values in (by_delong, by_bootstrap):
        assert stats.kstest(p_values, "uniform").pvalue > 0.01
        assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.08
    assert np.corrcoef(by_delong, by_bootstrap)[0, 1] > 0.97


def test_real_differences_have_small_p_values():
    random = np.random.default_rng(14)
    by_delong, by_bootstrap = [], []
    for _ in range(50):
        labels, first = binormal(random, 2.0)
        second = random.normal(size=len(labels)) + 0.5 * labels
        by_delong.append(delong_test(labels, first, second).p_value)
        weights = bootstrap_weights(labels, 300, random)
        by_bootstrap.append(
            bootstrap_p_value(weighted_aucs(labels, first, weights) - weighted_aucs(labels, second, weights))
        )
    assert np.mean(np.array(by_delong) < 0.05) > 0.9
    assert np.mean(np.array(by_bootstrap) < 0.05) > 0.9


def test_standard_error_of_means_is_the_spread_over_repeated_samples():
    random = np.random.default_rng(15)
    sizes = [(30, 40), (60, 25), (40, 40)]
    comparisons = []
    for _ in range(400):
        units = []
        for normal, abnormal in sizes:
            labels = np.repeat([False, True], [normal, abnormal])
            clip = random.normal(size=len(labels)) + 1.2 * labels
            seeds = clip + 0.5 * random.normal(
                size=(2, 2, len(labels))
            )  # seeds see the same clips with noise of theirs
            units.append((labels, seeds[0], seeds[1]))
        comparisons.append(delong_test_of_means(units))
    spread = np.std([one.difference for one in comparisons])
    assert np.sqrt(np.mean([one.variance for one in comparisons])) == pytest.approx(spread, rel=0.1)
    assert stats.kstest([one.p_value for one in comparisons], "uniform").pvalue > 0.01


# --- decisions and summaries ---


@settings(deadline=None, max_examples=40, database=None)
@given(*(st.integers(0, 6) for _ in range(4)))
def test_decision_statistics_are_those_of_scikit_learn(tn, fp, fn, tp):
    got = decision_statistics(tn, fp, fn, tp)
    assert list(got) == ["precision", "recall", "f1", "false_alarm_rate"]
    if tn + fp + fn + tp:
        labels = np.repeat([False, False, True, True], [tn, fp, fn, tp])
        decisions = np.repeat([False, True, False, True], [tn, fp, fn, tp])
        expected = precision_recall_fscore_support(labels, decisions, average="binary", pos_label=True, zero_division=0)
        assert [got["precision"], got["recall"], got["f1"]] == pytest.approx(expected[:3], abs=1e-12)
    if tn + fp:
        assert got["false_alarm_rate"] == fp / (tn + fp)
    else:
        assert math.isnan(got["false_alarm_rate"])


def test_decision_statistics_by_hand():
    assert decision_statistics(8, 2, 1, 3) == {
        "precision": 0.6,
        "recall": 0.75,
        "f1": pytest.approx(2 / 3),
        "false_alarm_rate": 0.2,
    }
    nothing_flagged = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "false_alarm_rate": 0.0}
    assert decision_statistics(5, 0, 5, 0) == nothing_flagged


@pytest.mark.parametrize("counts", [(-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, -1, 0), (0, 0, 0, -1)])
def test_counts_are_not_negative(counts):
    with pytest.raises(ValueError, match="counts"):
        decision_statistics(*counts)


def test_module_starts_without_heavy_libraries():
    code = (
        "import sys, asd.evaluation.statistics as s;"
        "s.mean_placements([False, True] * 2, [[1., 2., 0., 3.], [1., 2., 3., 4.]]);"
        "print(sorted({'scipy', 'sklearn', 'pandas', 'torch'} & set(sys.modules)))"
    )
    folder = REPOSITORY / "workflow" / "scripts"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- false alarms ---


@pytest.mark.parametrize(("count", "total"), [(0, 1), (0, 2), (2, 2), (1, 20), (7, 60), (300, 300)])
def test_the_exact_interval_is_that_of_the_tails_of_the_binomial(count: int, total: int) -> None:
    """At its ends, what was seen, or more (less) of it, has a probability of 5 %."""
    low, high = exact_interval(count, total, 90.0)
    assert low == 0.0 if count == 0 else stats.binom.sf(count - 1, total, low) == pytest.approx(0.05)
    assert high == 1.0 if count == total else stats.binom.cdf(count, total, high) == pytest.approx(0.05)


def test_nothing_to_count_says_nothing() -> None:
    assert exact_interval(0, 0, 95.0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("count", "total", "asked", "off"),
    [
        (18, 100, 0.05, True),
        (10, 100, 0.05, False),  # just twice
        (1, 2, 0.05, False),  # two clips say nothing
        (55, 100, 0.05, True),
        (0, 40, 0.05, False),
        (0, 400, 0.05, True),
        (12, 400, 0.05, False),
        (5, 100, 0.0, False),
    ],
)
def test_false_alarms_are_off_beyond_twice_and_beyond_chance(count: int, total: int, asked: float, off: bool) -> None:
    assert is_off(count / total, *exact_interval(count, total, 95.0), asked) == off
    assert is_off_by_count(count / total, count, total, 95.0, asked) == off


@pytest.mark.parametrize("clips", [1, 3, 12, 29])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_intervals_of_few_clips_are_those_of_a_share_and_never_narrower_than_before(clips: int, share: float) -> None:
    told = round(share * clips)
    low, high = interval_of_few(told / clips, told / clips, told / clips, clips, 95.0)
    assert (low, high) == pytest.approx(exact_interval(told, clips, 95.0))
    assert interval_of_few(-0.1, 1.1, told / clips, clips, 95.0) == (-0.1, 1.1)


def test_intervals_of_many_clips_are_the_bootstrap_s() -> None:
    assert interval_of_few(0.81, 0.83, 0.82, 30, 95.0) == (0.81, 0.83)
    assert interval_of_few(0.82, 0.82, 0.82, 30, 95.0)[0] < 0.7
    assert all(map(math.isnan, interval_of_few(math.nan, math.nan, math.nan, 5, 95.0)))


def test_intervals_of_perfect_scores_hold_the_true_auc_as_often_as_said() -> None:
    """Normal and abnormal clips 1.5 standard deviations apart, five of each: 95 % of the intervals hold the AUC."""
    random = np.random.default_rng(0)
    truth = stats.norm.cdf(1.5 / math.sqrt(2))
    labels = np.repeat([False, True], 5)
    held = []
    for _ in range(400):
        scores = random.normal(size=10) + 1.5 * labels
        weights = bootstrap_weights(labels, 100, random)
        low, high = percentile_interval(weighted_aucs(labels, scores, weights), 95.0)
        auc = float(weighted_aucs(labels, scores, np.ones((1, 10)))[0])
        low, high = interval_of_few(float(low), float(high), auc, 5, 95.0)
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.95
