"""Nearest training rows: distances and hulls, of as many rows as there may be.

Nothing here holds the distances of all rows to all: memory grows with the rows, not with their square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

Rows = NDArray[np.float64]
"""float64 [rows, columns]."""

Reduction = Callable[[Rows], NDArray[np.float64]]
"""float64 [rows, columns] to float64 [rows]."""

_DISTANCES_AT_ONCE = 2**22  # 34 MB: of 2,048 rows to one another, so that those of an ID of MIMII are one block
_FEWEST_CARDS = 4
_CLIPS_AT_ONCE = 32  # with 20 neighbours of 136 columns, 0.7 MB, which stays in a core's cache; of 648, 3.3 MB


def searched(rows: NDArray[np.floating], count: int) -> NearestNeighbors:
    """What finds the `count` nearest of some rows: of other rows, or of each row among the others.

    By brute force, a few hundred rows at a time: in a hundred dimensions, trees visit every leaf.
    """
    return NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows)


def mean_of_smallest(values: Rows, count: int) -> NDArray[np.float64]:
    """Mean of the `count` smallest of each row of [rows, columns]."""
    return np.asarray(np.partition(_few(values, count), count - 1, axis=1)[:, :count].mean(axis=1), np.float64)


def _few(values: Rows, count: int) -> Rows:
    """Some of the values of each row, the `count` smallest among them.

    Columns are dealt out to hands.  The smallest values are in the hands with the smallest minima, which are found ten
    times as fast as by partition.
    """
    cards = isqrt(values.shape[1] // count)  # so that there are about as many hands as values in the chosen ones
    if cards < _FEWEST_CARDS:
        return values
    hands = values.shape[1] // cards
    dealt = values[:, : hands * cards].reshape(len(values), cards, hands)
    lowest = np.argpartition(dealt.min(axis=1), count - 1, axis=1)[:, :count]
    chosen = np.take_along_axis(dealt, lowest[:, None, :], axis=2).reshape(len(values), -1)
    return np.concatenate([chosen, values[:, hands * cards :]], axis=1)


@dataclass(frozen=True)
class Distances:
    """Distances to some rows, float64 [n, columns], which are worked out a block at a time."""

    rows: Rows

    def each(self, reduce: Reduction, others: Rows) -> NDArray[np.float64]:
        """What `reduce` makes of the distances of other rows to these, float64 [others, n] in parts; float64 [others].

        `reduce` may not change the distances.
        """
        return _joined(reduce(euclidean_distances(others[part], self.rows)) for part in self._parts(others))

    def each_left_out(self, reduce: Reduction) -> NDArray[np.float64]:
        """The same of the rows themselves, each infinitely far from itself."""
        if len(self._parts(self.rows)) == 1:
            return reduce(self._between)
        parts = self._parts(self.rows)
        return _joined(reduce(_left_out(euclidean_distances(self.rows[part], self.rows), part.start)) for part in parts)

    @cached_property
    def _between(self) -> Rows:
        """Of few rows, which are asked for more than once."""
        return _left_out(euclidean_distances(self.rows), 0)

    def _parts(self, others: Rows) -> list[slice]:
        at_once = max(1, _DISTANCES_AT_ONCE // len(self.rows))
        return [slice(start, start + at_once) for start in range(0, len(others), at_once)]


def _joined(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *parts])


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
