"""The detectors: scikit-learn's, all with higher scores for more anomalous clips."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from asd.detectors import DETECTORS


def expected_scores(name: str, train: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """The table of the method, line by line."""
    if name == "IF":
        return -IsolationForest(random_state=seed).fit(train).decision_function(rows)
    if name == "OCSVM":
        return -OneClassSVM(gamma="scale", nu=0.1).fit(train).decision_function(rows)
    assert name == "LOF"
    return -LocalOutlierFactor(novelty=True).fit(train).score_samples(rows)


def points(rows: int, seed: int, columns: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)) * np.linspace(2.0, 0.2, columns)


def test_there_are_the_three_detectors_of_the_method():
    assert list(DETECTORS) == ["IF", "OCSVM", "LOF"]


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("name", DETECTORS)
def test_scores_equal_the_scikit_learn_expression(name, seed):
    train, rows = points(80, 1), points(30, 2) * 2.0
    assert np.array_equal(DETECTORS[name](train, seed)(rows), expected_scores(name, train, rows, seed))


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_of_float32_rows_equal_the_scikit_learn_expression(name):
    train, rows = points(40, 3).astype(np.float32), points(20, 4).astype(np.float32)
    assert np.array_equal(DETECTORS[name](train, 0)(rows), expected_scores(name, train, rows, 0))


@pytest.mark.parametrize("name", DETECTORS)
def test_an_outlier_scores_higher_than_every_inlier(name):
    score = DETECTORS[name](points(100, 5), 0)
    inliers, outlier = points(100, 6) * 0.5, np.full((1, 7), 8.0)
    assert score(outlier).item() > score(inliers).max()


@pytest.mark.filterwarnings("ignore:n_neighbors")
@pytest.mark.parametrize("rows", [2, 6])
@pytest.mark.parametrize("name", DETECTORS)
def test_a_handful_of_training_rows_is_enough(name, rows):
    train, others = points(rows, 7), points(10, 8)
    scores = DETECTORS[name](train, 0)(others)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores, expected_scores(name, train, others, 0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DETECTORS)
def test_a_handful_of_training_rows_gives_no_warnings(name):
    DETECTORS[name](points(6, 7), 0)(points(10, 8))


@pytest.mark.parametrize("name", DETECTORS)
def test_the_same_seed_gives_the_same_scores(name):
    train, rows = points(60, 9), points(20, 10)
    assert np.array_equal(DETECTORS[name](train, 3)(rows), DETECTORS[name](train, 3)(rows))


def test_another_seed_grows_another_isolation_forest():
    train, rows = points(60, 9), points(20, 10)
    assert not np.array_equal(DETECTORS["IF"](train, 0)(rows), DETECTORS["IF"](train, 1)(rows))


@pytest.mark.parametrize("name", ["OCSVM", "LOF"])
def test_the_other_detectors_draw_no_random_numbers(name):
    train, rows = points(60, 9), points(20, 10)
    assert np.array_equal(DETECTORS[name](train, 0)(rows), DETECTORS[name](train, 1)(rows))


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_are_one_float64_for_each_row(name):
    scores = DETECTORS[name](points(30, 11), 0)(points(12, 12))
    assert scores.shape == (12,)
    assert scores.dtype == np.float64
