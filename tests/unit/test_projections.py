"""Velicer's MAP test and the projection on principal components of the two blocks."""

from __future__ import annotations

import numpy as np
import pytest

from asd.detection.projections import (
    MAX_COMPONENTS,
    BlockProjection,
    Standardisation,
    Whitening,
    fit_projection,
    map_test,
)
from asd.detection.representations import blocks_of
from asd.detection.views import PROJECTIONS
from plain_method import plain_map_test, plain_pca


def factor_data(rows: int, columns_each: int, factors: int, noise: float, seed: int) -> np.ndarray:
    """Each factor drives its own group of columns; the rest of their variance is their own."""
    generator = np.random.default_rng(seed)
    hidden = generator.normal(size=(rows, factors))
    return np.repeat(hidden, columns_each, axis=1) + noise * generator.normal(size=(rows, factors * columns_each))


def mixed_data(rows: int, columns: int, factors: int, noise: float, seed: int) -> np.ndarray:
    """Every column is driven by every factor, on a scale of its own."""
    generator = np.random.default_rng(seed)
    loadings = generator.normal(size=(factors, columns)) * generator.uniform(0.2, 2.0, (factors, 1))
    rows_of = generator.normal(size=(rows, factors)) @ loadings + noise * generator.normal(size=(rows, columns))
    return rows_of * generator.lognormal(0, 2, columns) + generator.normal(0, 10, columns)


@pytest.mark.parametrize("seed", range(12))
def test_map_test_agrees_with_the_plain_loops_on_pure_noise(seed):
    rows = np.random.default_rng(seed).normal(size=(30 + 10 * seed, 3 + seed))
    assert map_test(rows) == plain_map_test(rows)


@pytest.mark.parametrize("seed", range(20))
def test_map_test_agrees_with_the_plain_loops_on_correlated_factors(seed):
    rows = mixed_data(60 + 5 * seed, 10 + seed, 1 + seed % 7, 0.3 + 0.05 * seed, seed)
    assert map_test(rows) == plain_map_test(rows)


@pytest.mark.parametrize("seed", range(12))
def test_map_test_agrees_with_the_plain_loops_on_eight_columns(seed):
    rows = mixed_data(50, 8, 1 + seed % 6, 0.5, 100 + seed)
    assert map_test(rows) == plain_map_test(rows)


@pytest.mark.parametrize(("rows", "factors"), [(300, 5), (140, 12), (90, 3)])
def test_map_test_agrees_with_the_plain_loops_on_128_columns(rows, factors):
    data = mixed_data(rows, 128, factors, 1.0, rows)
    assert map_test(data) == plain_map_test(data)


@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (3, 12), (6, 25), (10, 30), (15, 20), (25, 40)])
def test_map_test_agrees_with_the_plain_loops_on_fewer_rows_than_columns(rows, columns):
    data = mixed_data(rows, columns, 3, 0.5, rows)
    assert map_test(data) == plain_map_test(data)


@pytest.mark.parametrize("constant", [(0,), (3, 7), (0, 1, 2, 3, 4)])
def test_map_test_agrees_with_the_plain_loops_on_constant_columns(constant):
    rows = mixed_data(80, 14, 3, 0.5, 7)
    rows[:, constant] = 0.5
    assert map_test(rows) == plain_map_test(rows)


@pytest.mark.parametrize("seed", range(5))
def test_map_test_computes_in_float64_when_given_float32(seed):
    rows = mixed_data(70, 20, 4, 0.6, 200 + seed).astype(np.float32)
    assert map_test(rows) == plain_map_test(rows.astype(np.float64))


@pytest.mark.parametrize("factors", [1, 2, 3, 5, 8])
def test_strong_factors_with_twenty_columns_each_are_counted(factors):
    assert map_test(factor_data(500, 20, factors, 0.5, factors)) == factors


def test_the_unit_of_a_column_does_not_matter():
    rows = factor_data(200, 6, 3, 0.5, 0)
    assert map_test(rows * np.logspace(-3, 3, rows.shape[1]) + 100.0) == map_test(rows) == 3


def test_no_more_than_nineteen_components_even_if_there_are_more_factors():
    rows = mixed_data(800, 80, 22, 1.0, 1)
    assert MAX_COMPONENTS == 20
    assert map_test(rows) == plain_map_test(rows) == 19


def test_no_more_than_rows_less_one():
    rows = mixed_data(4, 60, 10, 0.2, 2)
    assert map_test(rows) == plain_map_test(rows) == 3


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 30])
@pytest.mark.parametrize("columns", [2, 3, 8, 19, 20, 21, 128])
def test_the_result_stays_within_its_bounds(rows, columns):
    count = map_test(np.random.default_rng(rows * columns).uniform(size=(rows, columns)))
    assert 1 <= count <= min(20, columns) - 1
    assert count <= max(1, rows - 1)


def test_rows_that_are_all_alike_give_one_component():
    assert map_test(np.full((10, 8), 0.5)) == 1


def test_the_input_of_the_map_test_is_left_as_it_was():
    rows = mixed_data(20, 8, 2, 0.5, 0)
    copy = rows.copy()
    map_test(rows)
    assert np.array_equal(rows, copy)


def denoised_like(rows: int, seed: int) -> np.ndarray:
    """Values in (0, 1), float32 [rows, 136], with a few factors behind each block, as networks give them."""
    blocks = (mixed_data(rows, 128, 6, 1.0, seed), mixed_data(rows, 8, 2, 0.5, seed + 1))
    values = np.hstack([(block - block.mean(axis=0)) / block.std(axis=0) for block in blocks])
    return (1.0 / (1.0 + np.exp(-values))).astype(np.float32)


@pytest.fixture(scope="module")
def train_rows() -> np.ndarray:
    return denoised_like(90, 0)


def test_counts_are_those_of_the_map_test_for_each_block_separately(train_rows):
    counts = BlockProjection.fit(train_rows).counts
    assert counts == (plain_map_test(train_rows[:, :128]), plain_map_test(train_rows[:, 128:]))
    assert counts[0] != counts[1]


@pytest.mark.parametrize("rows", [2, 6, 90])
def test_projection_is_the_plain_svd_of_each_block_side_by_side(rows):
    train, others = denoised_like(rows, 0), denoised_like(15, 5)
    projection = BlockProjection.fit(train)
    mfcc, basic = projection.counts
    got = projection.apply(others)
    expected = np.hstack(
        [plain_pca(train[:, :128], others[:, :128], mfcc), plain_pca(train[:, 128:], others[:, 128:], basic)]
    )
    assert got.shape == (15, mfcc + basic)
    for column in range(mfcc + basic):
        sign = np.sign(np.dot(got[:, column], expected[:, column]))
        assert got[:, column] == pytest.approx(sign * expected[:, column], abs=2e-4), f"component {column}"


def test_projection_centres_on_the_training_rows_only(train_rows):
    projection = BlockProjection.fit(train_rows)
    assert projection.apply(train_rows).mean(axis=0) == pytest.approx(np.zeros(sum(projection.counts)), abs=1e-5)
    assert abs(projection.apply(train_rows[:10] + 0.5).mean(axis=0)).max() > 0.1


def test_projecting_rows_one_by_one_gives_the_same(train_rows):
    projection = BlockProjection.fit(train_rows)
    together = projection.apply(train_rows[:8])
    for number in range(8):
        assert projection.apply(train_rows[number : number + 1])[0] == pytest.approx(together[number], abs=1e-5)


def test_two_fits_on_the_same_rows_are_identical(train_rows):
    first, second = BlockProjection.fit(train_rows), BlockProjection.fit(train_rows.copy())
    assert first.counts == second.counts
    assert np.array_equal(first.apply(train_rows), second.apply(train_rows))


# --- both halves, and whitening


def test_raw_and_denoised_blocks_each_have_a_map_test_of_their_own():
    rows = np.hstack([mixed_data(50, 128, 3, 0.5, 1), mixed_data(50, 8, 2, 0.5, 2)] * 2)
    rows[:, 136:] += 0.3 * np.random.default_rng(3).normal(size=(50, 136))
    projection = BlockProjection.fit(rows, blocks_of("raw+denoised"))
    expected = [plain_map_test(rows[:, block]) for block in blocks_of("raw+denoised")]
    assert [component.n_components_ for component in projection.components] == expected
    assert projection.counts == (expected[0] + expected[2], expected[1] + expected[3])
    assert projection.apply(rows).shape == (50, sum(expected))


def whitened_plainly(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mahalanobis distances between pairs of rows, with scikit-learn's shrunk covariance of standardised columns."""
    from sklearn.covariance import LedoitWolf

    mean, scale = train.mean(axis=0), train.std(axis=0)
    precision = LedoitWolf(assume_centered=True).fit((train - mean) / scale).precision_
    standard = (rows - mean) / scale
    return np.array([[np.sqrt((a - b) @ precision @ (a - b)) for b in standard] for a in standard])


@pytest.mark.parametrize(("rows", "columns"), [(60, 10), (30, 80)])
def test_distances_between_whitened_rows_are_mahalanobis_distances(rows, columns):
    train, others = mixed_data(rows, columns, 4, 0.5, 1), mixed_data(12, columns, 4, 0.5, 2)
    whitened = Whitening.fit(train).apply(others)
    got = np.sqrt(((whitened[:, None] - whitened[None]) ** 2).sum(axis=2))
    assert got == pytest.approx(whitened_plainly(train, others), rel=1e-6, abs=1e-6)


def test_whitened_training_rows_are_about_uncorrelated():
    train = mixed_data(4000, 6, 6, 1.0, 3)
    covariance = np.cov(Whitening.fit(train).apply(train).T)
    assert covariance == pytest.approx(np.eye(6), abs=0.05)
    assert Whitening.fit(train).counts is None


def test_standardised_training_rows_have_mean_0_and_standard_deviation_1():
    train = mixed_data(50, 6, 2, 1.0, 3)
    rows = Standardisation.fit(train).apply(train)
    assert rows.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)
    assert rows.std(axis=0) == pytest.approx(np.ones(6))
    assert Standardisation.fit(train).counts is None


@pytest.mark.filterwarnings("error")
def test_constant_columns_and_two_rows_can_be_whitened():
    train = mixed_data(40, 5, 2, 0.5, 4).astype(np.float32)
    train[:, 2] = np.float32(0.1)
    projected = Whitening.fit(train).apply(train + 1)
    assert np.isfinite(projected).all()
    assert np.abs(projected).max() < 1e3
    assert np.isfinite(Whitening.fit(train[:2]).apply(train)).all()


def test_projections_are_found_by_name():
    rows = mixed_data(40, 136, 4, 0.5, 5)
    assert PROJECTIONS == ("map-pca", "whitening", "standard", "none")
    assert isinstance(fit_projection("standard", rows, blocks_of("raw")), Standardisation)
    assert isinstance(fit_projection("map-pca", rows, blocks_of("raw")), BlockProjection)
    assert isinstance(fit_projection("whitening", rows, blocks_of("raw")), Whitening)
    unprojected = fit_projection("none", rows, blocks_of("raw"))
    assert np.array_equal(unprojected.apply(rows[:3]), rows[:3])
    assert unprojected.counts is None
    with pytest.raises(ValueError, match="unknown projection 'pca'"):
        fit_projection("pca", rows, blocks_of("raw"))
