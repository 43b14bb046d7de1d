"""What figures show of a detector's view is what the detector is given."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.covariance import ledoit_wolf

from asd.detection.projections import fit_projection
from asd.detection.representations import blocks_of
from asd.detection.seen import as_seen, shrunk_covariance
from asd.detection.views import PROJECTIONS, ProjectionName


def correlated(rows: int, columns: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, columns)) @ np.random.default_rng(99).normal(size=(columns, columns))


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("columns", [136, 648])
def test_clips_are_as_far_apart_as_for_the_detector(projection: ProjectionName, columns: int) -> None:
    train, test = correlated(60, columns, 0), correlated(9, columns, 1)
    fitted = fit_projection(projection, train, blocks_of("log-mel", columns))
    expected = np.concatenate([fitted.apply(train), fitted.apply(test)])
    shown = np.concatenate(as_seen("log-mel", projection, train, test))
    assert shown.shape == expected.shape
    assert pdist(shown) == pytest.approx(pdist(expected), rel=1e-6)


@pytest.mark.parametrize("shape", [(2, 3), (50, 4), (5, 40)])
def test_the_shrunk_covariance_is_that_of_ledoit_and_wolf(shape: tuple[int, int]) -> None:
    rows = correlated(*shape, 3)
    rows -= rows.mean(axis=0)
    assert shrunk_covariance(rows) == pytest.approx(ledoit_wolf(rows, assume_centered=True)[0])


def test_rows_that_do_not_vary_are_no_error() -> None:
    (shown,) = as_seen("log-mel", "whitening", np.ones((4, 136)))
    assert np.isfinite(shown).all()
