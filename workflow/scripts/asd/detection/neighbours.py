"""Nearest training rows: distances and hulls, of as many rows as there may be.

Nothing here holds the distances of all rows to all: memory grows with the rows, not with their square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

Rows = NDArray[np.float64]
"""float64 [rows, columns]."""

_DISTANCES_AT_ONCE = 2**23  # 67 MB: of 2,896 rows to one another, so that those of MIMII are one block
_HAND = 32
_CLIPS_AT_ONCE = 32  # with 20 neighbours of 136 columns, 0.7 MB, which stays in a core's cache; of 648, 3.3 MB


def searched(rows: Rows, count: int) -> NearestNeighbors:
    """What finds the `count` nearest of some rows: of other rows, or of each row among the others.

    By brute force, a few hundred rows at a time: in a hundred dimensions, trees visit every leaf.
    """
    return NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows)


def mean_of_smallest(values: Rows, count: int) -> NDArray[np.float64]:
    """Mean of the `count` smallest of each row of [rows, columns]."""
    return np.asarray(np.partition(_few(values, count), count - 1, axis=1)[:, :count].mean(axis=1), np.float64)


def _few(values: Rows, count: int) -> Rows:
    """Some of the values of each row, the `count` smallest among them; all, where there are few.

    Columns are dealt to many hands of 32.  The smallest values are in the hands with the smallest minima; minima are
    found ten times as fast as by partition.
    """
    hands = values.shape[1] // _HAND
    if hands < 8 * count:
        return values
    dealt = values[:, : hands * _HAND].reshape(len(values), _HAND, hands)
    lowest = np.argpartition(dealt.min(axis=1), count - 1, axis=1)[:, :count]
    chosen = np.take_along_axis(dealt, lowest[:, None, :], axis=2).reshape(len(values), -1)
    return np.concatenate([chosen, values[:, hands * _HAND :]], axis=1)


@dataclass(frozen=True)
class Distances:
    """Distances to some rows, which are worked out a block of rows at a time.

    Attributes
    ----------
    rows
        float64 [n, columns].
    """

    rows: Rows
    _between: list[Rows] = field(default_factory=list, repr=False)

    def each(self, reduce: Callable[[Rows], NDArray[np.float64]], others: Rows) -> NDArray[np.float64]:
        """What `reduce` makes of the distances of other rows, float64 [others, n] in parts; float64 [others]."""
        step = self._at_once
        parts = [reduce(euclidean_distances(others[start : start + step], self.rows)) for start in self._starts(others)]
        return np.concatenate(parts) if parts else np.empty(0)

    def each_left_out(self, reduce: Callable[[Rows], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The same of the rows themselves, each infinitely far from itself; `reduce` may not change the distances."""
        if self._at_once >= len(self.rows) and not self._between:
            self._between.append(_left_out(euclidean_distances(self.rows), 0))  # asked for twice
        if self._between:
            return reduce(self._between[0])
        step = self._at_once
        return np.concatenate(
            [
                reduce(_left_out(euclidean_distances(self.rows[start : start + step], self.rows), start))
                for start in self._starts(self.rows)
            ]
        )

    @property
    def _at_once(self) -> int:
        return max(1, _DISTANCES_AT_ONCE // len(self.rows))

    def _starts(self, others: Rows) -> range:
        return range(0, len(others), self._at_once)


def _left_out(between: Rows, first: int) -> Rows:
    """Distances of rows from number `first` on to all, without those of each to itself."""
    numbers = np.arange(len(between))
    between[numbers, first + numbers] = np.inf
    return between


def hull_distances(clips: Rows, rows: Rows, neighbours: NDArray[np.intp], regularization: float) -> NDArray[np.float64]:
    """How far each clip, [clips, columns], is from the regularised affine hull of some rows; float64 [clips].

    With G the neighbours minus the clip and C = G G' + regularization * trace(G G') / k * I, the weights are C^-1 1,
    divided by their sum, and the distance is |w' G|.

    Parameters
    ----------
    neighbours
        Which of `rows` span the hull of each clip, int [clips, k].
    """
    found = np.empty(len(clips))
    count = neighbours.shape[1]
    diagonal, ones = np.arange(count), np.ones((_CLIPS_AT_ONCE, count, 1))
    room = np.empty((_CLIPS_AT_ONCE, count, rows.shape[1]))
    for start in range(0, len(clips), _CLIPS_AT_ONCE):
        part = slice(start, start + _CLIPS_AT_ONCE)
        spanned = room[: len(clips[part])]
        # the default mode would make a copy of them first
        np.take(rows, neighbours[part], axis=0, out=spanned, mode="clip")
        spanned -= clips[part, None, :]
        products = spanned @ spanned.transpose(0, 2, 1)
        trace = np.trace(products, axis1=1, axis2=2)
        # rows that all equal the clip have no distances to keep the weights small by
        products[:, diagonal, diagonal] += np.maximum(regularization * trace / count, 1e-12)[:, None]
        weights = np.linalg.solve(products, ones[: len(spanned)])[:, :, 0]
        weights /= weights.sum(axis=1, keepdims=True)
        found[part] = np.linalg.norm((weights[:, None, :] @ spanned)[:, 0, :], axis=1)
    return found
