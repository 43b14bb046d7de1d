"""Conformal p-values: the formula, what they promise, and shares of false alarms."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.scoring.p_values import is_anomalous, p_values, require_enough

SCORES = st.lists(st.integers(-20, 20).map(float) | st.floats(-1e6, 1e6), min_size=1, max_size=40)


def plain_p_value(score: float, calibration: list[float]) -> Fraction:
    """From the definition: of the clip and the calibration clips, the share that scores as high or higher."""
    return Fraction(1 + sum(one >= score for one in calibration), 1 + len(calibration))


@settings(derandomize=True)
@given(SCORES, SCORES)
def test_p_values_are_those_of_the_definition(scores: list[float], calibration: list[float]) -> None:
    found = p_values(scores, np.sort(calibration))
    assert found.tolist() == [float(plain_p_value(score, calibration)) for score in scores]


@settings(derandomize=True)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40, unique=True))
def test_of_clips_that_could_change_places_each_p_value_is_equally_likely(scores: list[float]) -> None:
    """Whichever of n + 1 clips is the new one: their p-values are 1 / (n + 1), 2 / (n + 1), ..., 1, each once."""
    found = [float(p_values(score, np.sort(scores[:at] + scores[at + 1 :]))) for at, score in enumerate(scores)]
    assert sorted(found) == [number / len(scores) for number in range(1, len(scores) + 1)]


@settings(derandomize=True)
@given(SCORES)
def test_equal_scores_make_false_alarms_rarer_never_more_frequent(scores: list[float]) -> None:
    found = [float(p_values(score, np.sort(scores[:at] + scores[at + 1 :]))) for at, score in enumerate(scores)]
    for number in range(1, len(scores) + 1):
        assert sum(is_anomalous(one, number / len(scores)) for one in found) <= number


def test_of_random_normal_clips_the_share_asked_for_is_anomalous() -> None:
    generator = np.random.default_rng(0)
    alarms = [
        is_anomalous(float(p_values(generator.gamma(2), np.sort(generator.gamma(2, size=99)))), 0.05)
        for _ in range(20_000)
    ]
    assert abs(np.mean(alarms) - 0.05) < 4 * math.sqrt(0.05 * 0.95 / len(alarms))


def test_no_score_has_no_p_value() -> None:
    calibration = np.array([1.0, 2.0])
    assert np.isnan(p_values([np.nan, 0.0], calibration)).tolist() == [True, False]
    assert p_values([np.inf, -np.inf], calibration).tolist() == [1 / 3, 1.0]


@pytest.mark.parametrize("share", [0.5, 0.25, 0.2, 0.1, 0.05, 0.03, 0.01, 0.003, 0.001, 1 / 3, 1 / 7])
def test_as_many_calibration_clips_are_asked_for_as_it_takes(share: float) -> None:
    enough = next(
        count for count in range(1, 2000) if Fraction(1, count + 1) <= Fraction(share).limit_denominator(10**6)
    )
    require_enough(share, np.zeros(enough))
    assert is_anomalous(float(p_values(1.0, np.zeros(enough))), share)
    with pytest.raises(UserError, match=rf"calibrated on {enough - 1}, .* takes at least {enough}\.") as caught:
        require_enough(share, np.zeros(enough - 1))
    assert re.search(r"the smallest share", str(caught.value))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0, math.nan, math.inf])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(UserError, match="a share between 0 and 1"):
        require_enough(share, np.zeros(1000))
