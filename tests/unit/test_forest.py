"""Isolation forests: tree for tree those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from asd.detection.forest import average_path_length, grow


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 40, 255, 256, 257, 600]),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_scores_are_those_of_scikit_learn_to_the_last_bit(
    clips: int, columns: int, seed: int, dtype: type[np.floating], rounded: bool
) -> None:
    """Also of rows that are alike, and of those that trees have grown from."""
    generator = np.random.default_rng(seed)
    train, others = (generator.normal(size=(count, columns)).astype(dtype) for count in (clips, 30))
    if rounded:
        train, others = np.round(train), np.round(others)
    rows = np.vstack([train, others])
    model = IsolationForest(random_state=seed).fit(train)
    assert np.array_equal(grow(train, seed).score(rows), -model.decision_function(rows))


def test_the_average_path_length_is_that_of_random_trees() -> None:
    """Depth of an unsuccessful search in binary trees that were grown by inserting numbers in random order."""
    assert average_path_length(np.array([0, 1, 2])).tolist() == [0, 0, 1]
    random = np.random.default_rng(0)

    def depth_of_search(order: list[int], wanted: float) -> int:
        low, high, depth = -np.inf, np.inf, 0
        for value in order:
            if low < value < high:
                depth += 1
                low, high = (low, value) if wanted < value else (value, high)
        return depth

    for count in (10, 50):
        # of n clips an isolation tree has n leaves, as a search tree of n - 1 numbers has n places to end in
        depths = [
            depth_of_search(random.permutation(count - 1).tolist(), place - 0.5)
            for _ in range(200)
            for place in range(count)
        ]
        assert np.mean(depths) == pytest.approx(float(average_path_length(np.array(count))), rel=0.05)
