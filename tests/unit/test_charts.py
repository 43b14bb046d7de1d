"""Control charts of p-values: run lengths beside published ones and simulations, alarms, and how many clips calibrated.

About ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from asd.scoring.charts import (
    CAP,
    CHARTS,
    Limits,
    calibration_clips,
    correlation,
    cusum_run_lengths,
    draw_charts,
    ewma_run_lengths,
    false_alarms_apart,
    given_calibration,
    limits_for,
    quantiles,
    standard_normal,
)
from asd.scoring.p_values import p_values
from benchmarks import monitoring


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the command has it: with more, small products of matrices mostly wait for each other."""
    with threadpool_limits(1):
        yield


# ---------------------------------------------------------------------------------------------------------- quantiles


def test_quantiles_are_those_of_the_middle_between_two_calibration_scores() -> None:
    found = quantiles([1 / 4, 2 / 4, 3 / 4, 1.0], 3)
    assert np.allclose(found, -ndtri([0.125, 0.375, 0.625, 0.875]))
    assert found[0] == -found[3]


def test_quantiles_are_finite_whatever_the_p_value() -> None:
    assert np.isfinite(quantiles([1e-300, 1.0], None)).all()
    assert np.isfinite(quantiles([1e-300, 1.0], 10**6)).all()


@pytest.mark.parametrize("clips", [9, 60, 150, 601])
def test_the_number_of_calibration_clips_is_told_from_p_values(clips: int) -> None:
    random = np.random.default_rng(clips)
    p = p_values(random.standard_normal(2000), np.sort(random.standard_normal(clips)))
    assert calibration_clips(p) == clips
    written = np.array([float(f"{one:.4g}") for one in p])
    rounding = 0.5 * 10.0 ** (np.floor(np.log10(p)) - 3)
    assert calibration_clips(written, rounding=rounding) == clips


def test_the_smallest_number_of_calibration_clips_is_told_from_few_p_values() -> None:
    assert calibration_clips([0.5, 0.25]) == 3
    assert calibration_clips([1.0]) == 1


def test_p_values_that_are_no_multiples_have_no_number_of_calibration_clips() -> None:
    p = np.random.default_rng(0).random(100)
    assert calibration_clips(p, largest=2000) is None
    assert calibration_clips([]) is None


# -------------------------------------------------------------------------------------------------------- run lengths


@pytest.mark.parametrize(("limit", "published"), [(3, 117.6), (4, 335.4), (5, 930.9)])
def test_run_lengths_of_the_cusum_are_the_published_ones(limit: float, published: float) -> None:
    # Montgomery, Introduction to Statistical Quality Control, and Hawkins & Olwell (1998): two-sided are half of these
    assert cusum_run_lengths(standard_normal, limit)[0] == pytest.approx(published, rel=2e-3)


@pytest.mark.parametrize(
    ("weight", "times"), [(0.40, 3.054), (0.25, 2.998), (0.20, 2.962), (0.10, 2.814), (0.05, 2.615)]
)
def test_run_lengths_of_the_ewma_are_the_published_ones(weight: float, times: float) -> None:
    # Lucas & Saccucci (1990): limits in standard deviations with a two-sided run length of 500
    limit = times * (weight / (2 - weight)) ** 0.5
    found = ewma_run_lengths(standard_normal, limit, weight=weight, two_sided=True)[0]
    assert found == pytest.approx(500, rel=5e-3)


def test_one_side_of_an_ewma_alarms_half_as_often_as_both() -> None:
    limit = 2.814 * (0.1 / 1.9) ** 0.5
    assert ewma_run_lengths(standard_normal, limit)[0] == pytest.approx(1000, rel=0.05)


def test_even_shares_are_the_standard_normal_distribution() -> None:
    even = given_calibration(np.full((2, 51), 1 / 51))
    x = np.linspace(-3, 3, 20)
    assert np.allclose(even(x), standard_normal(x))
    assert np.allclose(cusum_run_lengths(even, 4.0), cusum_run_lengths(standard_normal, 4.0))


def test_run_lengths_are_those_of_a_simulation() -> None:
    limits = Limits(0, None, 4.0, 0.65)
    expected = {
        "cusum": cusum_run_lengths(standard_normal, limits.cusum)[0],
        "ewma": ewma_run_lengths(standard_normal, limits.ewma)[0],
    }
    random = np.random.default_rng(1)
    for chart, other in (("cusum", {"ewma": 99.0}), ("ewma", {"cusum": 99.0})):
        alone = Limits(0, None, **({"cusum": 4.0, "ewma": 0.65} | other))
        first = []
        for _ in range(700):
            charts = draw_charts(random.standard_normal(4000), alone)
            first.append(charts.alarms[0].first + 1 if charts.alarms else 4000)
        assert np.mean(first) == pytest.approx(expected[chart], rel=0.12), chart


def test_both_charts_together_keep_the_run_length() -> None:
    limits = limits_for(500, None)
    apart = false_alarms_apart(limits, clips=1_000_000)
    assert 500 <= apart < CHARTS * 500
    # each alone, which half of the false alarms are for
    assert cusum_run_lengths(standard_normal, limits.cusum)[0] == pytest.approx(CHARTS * 500, rel=0.01)
    assert ewma_run_lengths(standard_normal, limits.ewma)[0] == pytest.approx(CHARTS * 500, rel=0.01)


@pytest.mark.parametrize("clips", [60, 150])
def test_run_lengths_hold_with_nine_in_ten_sets_of_calibration_clips(clips: int) -> None:
    asked = 500
    real = monitoring.real_run_lengths(clips, limits_for(asked, clips), sets=150, side_by_side=60, steps=1500)
    assert np.mean(real >= asked) >= 0.83
    without = monitoring.real_run_lengths(clips, limits_for(asked, None), sets=150, side_by_side=60, steps=1500)
    assert np.mean(without >= asked) < 0.8  # what the allowance is there for


def test_limits_grow_with_the_run_length_and_with_fewer_calibration_clips() -> None:
    many, some, few = (limits_for(10_000, clips) for clips in (None, 600, 60))
    assert many.cusum < some.cusum < few.cusum
    assert many.ewma < some.ewma < few.ewma
    assert limits_for(1000, 60).cusum < few.cusum
    assert limits_for(10_000, 10**6) == Limits(10_000, 10**6, many.cusum, many.ewma)


def test_limits_are_the_same_each_time() -> None:
    first = limits_for(777, 80)
    limits_for.cache_clear()
    assert limits_for(777, 80) == first


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_there_are_limits_even_for_hardly_any_calibration_clips(clips: int) -> None:
    limits = limits_for(10_000, clips)
    assert np.isfinite([limits.cusum, limits.ewma]).all()


# ------------------------------------------------------------------------------------------------------------- charts


def test_charts_are_what_they_are_defined_as() -> None:
    z = np.random.default_rng(0).standard_normal(200)
    charts = draw_charts(z, Limits(0, None, 1e9, 1e9))
    cusum = ewma = 0.0
    for number, one in enumerate(z):
        cusum, ewma = max(0.0, cusum + one - 0.5), 0.9 * ewma + 0.1 * one
        assert charts.cusum[number] == pytest.approx(cusum)
        assert charts.ewma[number] == pytest.approx(ewma)
    assert charts.alarms == ()


def test_an_alarm_says_since_when() -> None:
    z = np.concatenate([np.full(100, -0.2), np.full(30, 1.5)])
    charts = draw_charts(z, limits_for(10_000, None))
    [alarm] = charts.alarms
    assert charts.alarm == alarm
    assert alarm.change == 100
    assert alarm.change < alarm.first < 115
    assert alarm.end is None


def test_an_alarm_ends_when_the_machine_has_been_mended() -> None:
    z = np.concatenate([np.zeros(100), np.full(2000, 3.0), np.zeros(200)])
    charts = draw_charts(z, limits_for(10_000, None))
    [alarm] = charts.alarms
    assert charts.alarm is None
    assert alarm.first < 110
    assert alarm.end is not None
    assert 2100 < alarm.end < 2150
    assert charts.cusum.max() == pytest.approx(CAP * charts.limits.cusum)


def test_a_second_alarm_begins_after_the_first_has_ended() -> None:
    fault = np.full(50, 3.0)
    charts = draw_charts(np.concatenate([np.zeros(50), fault, np.zeros(200), fault]), limits_for(10_000, None))
    assert [one.end is None for one in charts.alarms] == [False, True]
    assert charts.alarms[1].change == 300


def test_lower_scores_are_noticed_and_no_alarm() -> None:
    charts = draw_charts(np.full(100, -2.0), limits_for(10_000, None))
    assert charts.alarms == ()
    assert charts.low is not None
    assert charts.ewma.min() == -charts.limits.ewma


def test_large_shifts_are_noticed_sooner() -> None:
    medians = [np.nanmedian(monitoring.delays(shift, 150, trials=60)) for shift in (0.5, 1.0, 2.0)]
    assert medians[0] > medians[1] > medians[2]
    assert medians[1] < 40


def test_many_clips_take_little_time() -> None:
    import time

    z = np.random.default_rng(0).standard_normal(100_000)
    began = time.process_time()
    draw_charts(z, limits_for(10_000, 150))
    assert time.process_time() - began < 3


# ------------------------------------------------------------------------------------------- clips that are alike


def test_correlated_neighbours_are_noticed_and_others_are_not() -> None:
    random = np.random.default_rng(0)
    white = random.standard_normal(1000)
    red = np.empty(1000)
    red[0] = white[0]
    for number in range(1, 1000):
        red[number] = 0.4 * red[number - 1] + 0.84**0.5 * white[number]
    assert correlation(red) == pytest.approx(0.4, abs=0.1)
    assert correlation(white) is None
    assert correlation(np.zeros(100)) is None
    assert correlation(white[:10]) is None


def test_correlated_neighbours_alarm_more_often() -> None:
    limits = limits_for(500, None)
    apart = [false_alarms_apart(limits, one, clips=200_000) for one in (0.0, 0.2, 0.4)]
    assert apart[0] > 2 * apart[1] > 2 * apart[2]
