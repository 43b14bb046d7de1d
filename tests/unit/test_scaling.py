"""Scaling by the columns' minimum and maximum over all normal clips."""

from __future__ import annotations

import numpy as np
import pytest

from asd.ddae.scaling import MinMaxScaling
from plain_method import plain_scale


def random_rows(rows: int, seed: int, columns: int = 136) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(generator.normal(0, 50, columns), 10, (rows, columns)).astype(np.float32)


def test_minimum_and_maximum_are_those_of_all_blocks_together():
    blocks = [random_rows(rows, seed) for seed, rows in enumerate((5, 1, 17))]
    scaling = MinMaxScaling.fit(blocks)
    everything = np.vstack(blocks)
    for column in range(136):
        assert scaling.minimum[column] == min(everything[:, column])
        assert scaling.maximum[column] == max(everything[:, column])


def test_blocks_may_come_from_a_generator_or_a_dictionary():
    blocks = {"id_00": random_rows(4, 0), "id_02": random_rows(4, 1)}
    from_generator = MinMaxScaling.fit(block for block in blocks.values())
    from_dictionary = MinMaxScaling.fit(blocks.values())
    assert np.array_equal(from_generator.minimum, from_dictionary.minimum)
    assert np.array_equal(from_generator.maximum, from_dictionary.maximum)


def test_values_follow_the_formula_of_the_method():
    normals, others = random_rows(20, 0), random_rows(7, 1)
    scaled = MinMaxScaling.fit([normals]).apply(others)
    assert scaled == pytest.approx(plain_scale(others, normals), abs=2e-5)


def test_fitted_rows_span_zero_to_one():
    rows = random_rows(50, 3)
    scaled = MinMaxScaling.fit([rows]).apply(rows)
    assert np.array_equal(scaled.min(axis=0), np.zeros(136, np.float32))
    assert scaled.max(axis=0) == pytest.approx(np.ones(136), abs=1e-6)


def test_values_beyond_the_fitted_range_are_not_clipped():
    scaling = MinMaxScaling.fit([np.array([[0.0], [2.0]], np.float32)])
    scaled = scaling.apply(np.array([[-4.0], [1.0], [6.0]], np.float32))
    assert scaled.ravel() == pytest.approx([-2.0, 0.5, 3.0], abs=1e-6)


def test_the_span_is_widened_by_one_hundred_millionth():
    scaling = MinMaxScaling.fit([np.array([[0.0], [1e-8]], np.float32)])
    assert scaling.apply(np.array([[1e-8]], np.float32)).item() == pytest.approx(0.5, rel=1e-5)


def test_a_constant_column_becomes_zero_and_nothing_is_divided_by_zero():
    rows = random_rows(6, 4, columns=3)
    rows[:, 1] = 0.25
    with np.errstate(all="raise"):
        scaled = MinMaxScaling.fit([rows]).apply(rows)
    assert np.array_equal(scaled[:, 1], np.zeros(6, np.float32))
    other = MinMaxScaling.fit([np.zeros((3, 1), np.float32)]).apply(np.array([[1e-8]], np.float32))
    assert other.item() == pytest.approx(1.0, rel=1e-5)


def test_everything_stays_float32():
    scaling = MinMaxScaling.fit([random_rows(4, 5), random_rows(2, 6)])
    assert scaling.minimum.dtype == scaling.maximum.dtype == np.float32
    assert scaling.apply(random_rows(3, 7)).dtype == np.float32


def test_the_input_is_left_as_it_was():
    rows = random_rows(5, 8)
    copy = rows.copy()
    MinMaxScaling.fit([rows]).apply(rows)
    assert np.array_equal(rows, copy)


def test_inverse_gives_back_the_features():
    rows = random_rows(6, 5)
    scaling = MinMaxScaling.fit([rows])
    again = scaling.invert(scaling.apply(rows))
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, rows, rtol=0, atol=1e-5 * np.abs(rows).max())
