"""Fitted detectors and ensembles as ONNX operators.

To let a detector of `asd.detection.detectors` go into model files, write a function here that makes operators of what
its fit left (`Fitted.model`), and decorate it with `operators_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detection.detectors import LocalHull, LocallyNormalised, Mixture, Neighbours, OfNetworks
from ..detection.ensembles import Average, scale_of
from ..detection.forest import OFFSET, Forest
from .graph import Graph, Trees, Value

Converter = Callable[[Graph, Value, Any], Value]
"""Given projected clips, double [clips, dimensions], and `Fitted.model`; gives scores, double [clips]."""

CONVERTERS: dict[str, Converter] = {}
"""Name of the method in `asd.detection.detectors.METHODS` -> its operators."""

_NO_RATIO = 1e-12


def operators_of(method: str) -> Callable[[Converter], Converter]:
    """Put a function into the registry (see the top of this module)."""

    def register(convert: Converter) -> Converter:
        CONVERTERS[method] = convert
        return convert

    return register


# -------------------------------------------------------------------------------------- scikit-learn's three detectors


@operators_of("IF")
def isolation_forest(graph: Graph, rows: Value, model: Forest) -> Value:
    """2 ** (-mean depth / average path length), less scikit-learn's offset.

    scikit-learn compares rows in single precision with limits in double precision.
    """
    depths = graph.trees(graph.cast(graph.cast(rows, np.float32), np.float64), _trees(model))
    exponent = graph.add("Div", graph.sum_of(depths, 1), graph.constant(-model.usual_length, np.float64))
    power = graph.add("Pow", graph.constant(2.0, np.float64), exponent)
    return graph.add("Add", power, graph.constant(-OFFSET, np.float64))


def _trees(forest: Forest) -> Trees:
    """All trees of an isolation forest, one after the other; a leaf weighs as much as a clip there is deep."""
    found, roots, n_inner, n_leaves = [], [], 0, 0
    for one, lengths in zip(forest.trees, forest.lengths, strict=True):
        found.append(_tree(one, lengths, n_inner, n_leaves))
        roots.append(n_inner)
        n_inner, n_leaves = n_inner + len(found[-1].limits), n_leaves + len(found[-1].weights)
    return Trees(
        np.array(roots), *(np.concatenate(arrays) for arrays in zip(*(one.arrays for one in found), strict=True))
    )


def _tree(tree: Any, lengths: NDArray[np.float64], first_inner: int, first_leaf: int) -> Trees:
    """A tree, its nodes and leaves numbered from these on."""
    left, right = tree.children_left, tree.children_right
    is_leaf = left < 0
    number = np.where(is_leaf, first_leaf + np.cumsum(is_leaf) - 1, first_inner + np.cumsum(~is_leaf) - 1)
    inner, leaves = np.flatnonzero(~is_leaf), np.flatnonzero(is_leaf)
    weights = lengths[leaves]
    if not len(inner):  # clips that are all alike: a node whose branches both end in the leaf
        own = np.array([first_leaf])
        return Trees(
            np.array([first_inner]), np.zeros(1), np.zeros(1, np.int64), own, own, np.ones(1), np.ones(1), weights
        )
    return Trees(
        np.array([first_inner]),
        tree.threshold[inner],
        tree.feature[inner],
        number[left[inner]],
        number[right[inner]],
        is_leaf[left[inner]],
        is_leaf[right[inner]],
        weights,
    )


@operators_of("OCSVM")
def one_class_svm(graph: Graph, rows: Value, model: Any) -> Value:
    """The intercept's opposite, less the weighted sum of the kernel over the support vectors."""
    squared = squared_distances(graph, rows, model.support_vectors_, exact=True)
    kernel = graph.add("Exp", graph.add("Mul", squared, graph.constant(-model._gamma, np.float64)))
    weighted = graph.add("MatMul", kernel, graph.constant(-model.dual_coef_[0][:, None], np.float64))
    return graph.add("Sub", graph.sum_of(weighted, 1), graph.constant(model.intercept_[0], np.float64))


@operators_of("LOF")
def local_outlier_factor(graph: Graph, rows: Value, model: Any) -> Value:
    """Mean density of the neighbours over a clip's own (Breunig et al., 2000, definitions 6 and 7)."""
    count = model.n_neighbors_
    distances, neighbours = nearest(graph, rows, model._fit_X, count)
    radius = graph.add("Gather", graph.constant(model._distances_fit_X_[:, count - 1], np.float64), neighbours)
    reach = graph.mean_of(graph.add("Max", distances, radius), 1)
    density = graph.mean_of(graph.add("Gather", graph.constant(model._lrd, np.float64), neighbours), 1)
    return graph.add("Mul", density, graph.add("Add", reach, graph.constant(1e-10, np.float64)))


# ----------------------------------------------------------------------------------------------- distances, Gaussians


def squared_distances(graph: Graph, rows: Value, train: NDArray[np.floating], *, exact: bool = False) -> Value:
    """Squared Euclidean distances to training rows, float [n, dimensions]; double [clips, n], not negative.

    Parameters
    ----------
    exact
        Whether the training rows are kept in double precision.
    """
    known = graph.constant(train, np.float64) if exact else graph.rows(train)
    own = graph.sum_of(graph.square(rows), 1, keep=True)
    others = graph.add("Transpose", graph.sum_of(graph.square(known), 1, keep=True), perm=[1, 0])
    # the constant gets the factor: products with one are fused, which earlier versions only do in single precision
    doubled = graph.add("Mul", graph.add("Transpose", known, perm=[1, 0]), graph.constant(-2.0, np.float64))
    products = graph.add("MatMul", rows, doubled)
    return graph.at_least(graph.add("Add", graph.add("Add", products, own), others), 0.0)


def distances_to(graph: Graph, rows: Value, train: NDArray[np.floating]) -> Value:
    """Euclidean distances to training rows, float [n, dimensions]; double [clips, n]."""
    return graph.add("Sqrt", squared_distances(graph, rows, train))


def nearest(graph: Graph, rows: Value, train: NDArray[np.floating], count: int) -> tuple[Value, Value]:
    """Distances to the nearest training rows, double [clips, count], and which these are, int64 [clips, count]."""
    return _smallest(graph, distances_to(graph, rows, train), count)


def _smallest(graph: Graph, values: Value, count: int) -> tuple[Value, Value]:
    found, which = graph.add_many("TopK", values, graph.integers(count), count=2, axis=1, largest=0, sorted=0)
    return found, which


@operators_of("MAHALANOBIS")
def mahalanobis(graph: Graph, rows: Value, mean: NDArray[np.float64]) -> Value:
    """Distance to the mean."""
    centred = graph.add("Sub", rows, graph.constant(mean, np.float64))
    return graph.add("Sqrt", graph.sum_of(graph.square(centred), 1))


@operators_of("KNN")
def nearest_neighbours(graph: Graph, rows: Value, model: Neighbours) -> Value:
    """Mean distance to the nearest training rows."""
    return graph.mean_of(nearest(graph, rows, model.rows, model.count)[0], 1)


@operators_of("LDN")
def locally_normalised(graph: Graph, rows: Value, model: LocallyNormalised) -> Value:
    """Logarithm of the mean of the smallest ratios of distance and radius."""
    radius = graph.constant(model.radius[None], np.float64)
    ratios = graph.add("Div", distances_to(graph, rows, model.rows), radius)
    return _log(graph, graph.mean_of(_smallest(graph, ratios, model.count)[0], 1))


def _log(graph: Graph, ratio: Value) -> Value:
    return graph.add("Log", graph.at_least(ratio, _NO_RATIO))


@operators_of("GMM")
def gaussian_mixture(graph: Graph, rows: Value, model: Mixture) -> Value:
    """Negative log-likelihood."""
    mixture = model.mixture
    x = graph.add("Div", rows, graph.constant(model.scale, np.float64))
    each = []
    for weight, mean, root in zip(mixture.weights_, mixture.means_, mixture.precisions_cholesky_, strict=True):
        turned = graph.add("MatMul", graph.add("Sub", x, graph.constant(mean, np.float64)), graph.double(root))
        square = graph.sum_of(graph.square(turned), 1, keep=True)
        certain = np.log(np.diag(root)).sum() + np.log(weight) - 0.5 * len(mean) * np.log(2 * np.pi)
        half = graph.add("Mul", square, graph.constant(-0.5, np.float64))
        each.append(graph.add("Add", half, graph.constant(certain, np.float64)))
    together = graph.add("ReduceLogSumExp", graph.side_by_side(*each), graph.integers(1), keepdims=0)
    return graph.add("Neg", together)


@operators_of("HULL")
def local_affine_hull(graph: Graph, rows: Value, model: LocalHull) -> Value:
    """See `asd.detection.detectors.local_affine_hull`; its equations are solved by elimination, one row a step."""
    _, neighbours = nearest(graph, rows, model.rows, model.count)
    spanned = graph.add("Sub", graph.add("Gather", graph.rows(model.rows), neighbours), _as_rows(graph, rows))
    products = graph.add("Einsum", spanned, spanned, equation="cid,cjd->cij")
    one = graph.constant(np.eye(model.count)[None], np.float64)
    trace = graph.sum_of(graph.sum_of(graph.add("Mul", products, one), 2, keep=True), 1, keep=True)
    share = graph.constant(model.regularization / model.count, np.float64)
    ridge = graph.at_least(graph.add("Mul", trace, share), _NO_RATIO)
    regularised = graph.add("Add", products, graph.add("Mul", one, ridge))
    weights = _solved_for_ones(graph, regularised, model.count)
    weights = graph.add("Div", weights, graph.sum_of(weights, 1, keep=True))
    rest = graph.sum_of(graph.add("Mul", weights, spanned), 1)
    distance = graph.add("Sqrt", graph.sum_of(graph.square(rest), 1))
    usual = graph.mean_of(graph.add("Gather", graph.constant(model.usual, np.float64), neighbours), 1)
    ratio = graph.add("Div", graph.at_least(distance, _NO_RATIO), graph.at_least(usual, _NO_RATIO))
    return graph.add("Log", ratio)


def _as_rows(graph: Graph, rows: Value) -> Value:
    """[clips, dimensions] to [clips, 1, dimensions]."""
    return graph.add("Unsqueeze", rows, graph.integers(1))


def _solved_for_ones(graph: Graph, matrices: Value, size: int) -> Value:
    """x of A x = 1, double [clips, size, 1], for symmetric positive definite matrices A, double [clips, size, size].

    Gauss and Jordan's elimination: a step divides the first row by its first number, takes it from the others so that
    their first column vanishes, and puts it behind them.  No pivots are looked for, which such matrices need none of.
    """
    ones = graph.add("ReduceMean", matrices, graph.integers(2), keepdims=1)  # of the right shape
    ones = graph.add("Add", graph.add("Mul", ones, graph.constant(0.0, np.float64)), graph.constant(1.0, np.float64))
    system = graph.add("Concat", matrices, ones, axis=2)
    for step in range(size):
        first, others = graph.add_many("Split", system, graph.integers(1, size - 1), count=2, axis=1)
        widths = graph.integers(1, size - step)
        pivot, right = graph.add_many("Split", first, widths, count=2, axis=2)
        column, body = graph.add_many("Split", others, widths, count=2, axis=2)
        row = graph.add("Div", right, pivot)
        body = graph.add("Sub", body, graph.add("Mul", column, row))
        system = graph.add("Concat", body, row, axis=1)
    return system


@operators_of("IDS")
def outlier_exposure_by_machine_id(graph: Graph, rows: Value, model: OfNetworks) -> Value:
    """Mean over the networks of standardised `LDN` scores."""
    found, start = [], 0
    for each, (mean, spread) in zip(model.each, model.scales, strict=True):
        width = each.rows.shape[1]
        score = locally_normalised(graph, graph.columns(rows, slice(start, start + width)), each)
        found.append(_scaled(graph, score, mean, spread))
        start += width
    return _mean(graph, found)


def _scaled(graph: Graph, score: Value, mean: float, spread: float) -> Value:
    centred = graph.add("Sub", score, graph.constant(mean, np.float64))
    return graph.add("Div", centred, graph.constant(spread, np.float64))


def _mean(graph: Graph, scores: Sequence[Value]) -> Value:
    return graph.add("Div", graph.add("Sum", *scores), graph.constant(float(len(scores)), np.float64))


# --------------------------------------------------------------------------------------------------------- ensembles


def ensemble(graph: Graph, members: Sequence[tuple[Value, NDArray[np.float64]]], average: Average) -> Value:
    """`asd.detection.ensembles.combine` of scores, double [clips], each with its member's training scores."""
    if average == "rank":
        return _mean(graph, [_ranked(graph, score, train) for score, train in members])
    scaled = []
    for score, train in members:
        mean, spread = scale_of(train)
        scaled.append(
            graph.add("Sign", graph.add("Sub", score, graph.constant(mean, np.float64)))
            if spread is None
            else _scaled(graph, score, mean, spread)
        )
    return _mean(graph, scaled)


def _ranked(graph: Graph, score: Value, train: NDArray[np.float64]) -> Value:
    """Share of training scores below, ties counting half."""
    column, known = graph.add("Unsqueeze", score, graph.integers(1)), graph.constant(train[None], np.float64)
    counts = [
        graph.sum_of(graph.cast(graph.add(operator, known, column), np.float64), 1)
        for operator in ("Less", "LessOrEqual")
    ]
    return graph.add("Div", graph.add("Add", *counts), graph.constant(2.0 * len(train), np.float64))
