"""What detectors are given of a clip, as ONNX operators: representations and projections.

Each function mirrors one of `asd.detection.representations` or `asd.detection.projections`, to the last bit of single
precision where that rounds to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..classification.classifier import EPSILON, Networks
from ..classification.widths import EMBEDDING_LENGTH
from ..ddae.denoiser import LEAKY_SLOPE, NETWORKS, Denoiser, Layers
from ..detection.projections import BlockProjection, Projection, Standardisation, Unprojected, Whitening
from ..detection.views import Representation
from ..features.columns import BASIC_COLUMNS, MEL_BANDS, MFCC_COLUMNS, N_FEATURES
from .graph import Graph, Value


class Views:
    """The representations of the clips that a graph is given, each made once and only if asked for.

    Parameters
    ----------
    features
        Input of the graph, float32 [clips, columns].
    columns
        Their number.
    networks
        Of the ID classifier, those that all training clips train.
    """

    def __init__(
        self, graph: Graph, features: Value, columns: int, denoiser: Denoiser, networks: Networks | None = None
    ) -> None:
        self._graph, self._features, self._columns = graph, features, columns
        self._denoiser, self._networks = denoiser, networks

    def get(self, representation: Representation) -> Value:
        """float32 [clips, columns].

        Raises
        ------
        ValueError
            If there is no such representation, or no classifier.
        """
        match representation:
            case "denoised":
                return self._denoised
            case "raw":
                return self._scaled
            case "raw+denoised":
                return self._raw_denoised
            case "residual":
                return self._residual
            case "log-mel":
                return self._in_bands
            case "log-mel+denoised":
                return self._in_bands_denoised
            case "id-embedding" if self._networks is not None:
                return self._embedding
        raise ValueError(f"unknown representation {representation!r}")

    @cached_property
    def _seen(self) -> Value:
        """What the DDAE sees."""
        return self._graph.columns(self._features, slice(0, N_FEATURES))

    @cached_property
    def _limits(self) -> tuple[Value, Value]:
        """Minimum and span of the scaling, float32 [136]."""
        scaling = self._denoiser.scaling
        return self._graph.constant(scaling.minimum, np.float32), self._graph.constant(scaling.span, np.float32)

    @cached_property
    def _scaled(self) -> Value:
        minimum, span = self._limits
        return self._graph.add("Div", self._graph.add("Sub", self._seen, minimum), span)

    @cached_property
    def _denoised(self) -> Value:
        denoiser, graph = self._denoiser, self._graph
        blocks = [
            network(graph, graph.columns(self._scaled, columns), denoiser.networks[name], denoiser.activation)
            for name, columns in NETWORKS.items()
        ]
        return self._graph.side_by_side(*blocks)

    @cached_property
    def _raw_denoised(self) -> Value:
        return self._graph.side_by_side(self._scaled, self._denoised)

    @cached_property
    def _residual(self) -> Value:
        return self._graph.add("Sub", self._scaled, self._denoised)

    @cached_property
    def _in_bands(self) -> Value:
        return in_bands(self._graph, self._features, self._columns)

    @cached_property
    def _in_bands_denoised(self) -> Value:
        minimum, span = self._limits
        unscaled = self._graph.add("Add", self._graph.add("Mul", self._denoised, span), minimum)
        halves = (self._seen, unscaled)
        return self._graph.side_by_side(*(in_bands(self._graph, half, N_FEATURES) for half in halves))

    @cached_property
    def _embedding(self) -> Value:
        assert self._networks is not None
        return embedding(self._graph, self._in_bands, self._networks)


def in_bands(graph: Graph, features: Value, columns: int) -> Value:
    """`asd.features.bands.in_bands`: float32 [clips, columns] to the same."""
    matrix = scipy.fft.idct(np.eye(MEL_BANDS), type=2, norm="ortho", axis=1)
    cepstrum = graph.cast(graph.columns(features, MFCC_COLUMNS), np.float64)
    spectrum = graph.cast(graph.add("MatMul", cepstrum, graph.constant(matrix, np.float64)), np.float32)
    return graph.side_by_side(spectrum, graph.columns(features, slice(BASIC_COLUMNS.start, columns)))


def network(graph: Graph, x: Value, layers: Layers, activation: str) -> Value:
    """`asd.ddae.denoiser.forward`: float32 [clips, columns] to the same."""
    code = len(layers) // 2 - 1
    y = graph.cast(x, np.float64)
    for number, (weight, bias) in enumerate(layers):
        y = graph.add("Add", graph.add("MatMul", y, graph.double(weight.T)), graph.double(bias))
        if number not in (code, len(layers) - 1):
            y = _activated(graph, y, activation)
    return graph.cast(graph.add("Sigmoid", y), np.float32)


def _activated(graph: Graph, y: Value, activation: str) -> Value:
    match activation:
        case "relu":
            return graph.at_least(y, 0.0)
        case "leaky_relu":
            slope = graph.constant(np.float64(np.float32(LEAKY_SLOPE)))
            return graph.add("Max", y, graph.add("Mul", y, slope))
        case "silu":
            return _silu(graph, y)
        case "tanh":
            return graph.add("Tanh", y)
    raise ValueError(f"unknown activation {activation!r}")


def _silu(graph: Graph, y: Value) -> Value:
    """y times its sigmoid, without what ONNX Runtime in browsers (1.30) has in single precision only."""
    below = graph.add("Add", graph.add("Exp", graph.add("Neg", y)), graph.constant(1.0, np.float64))
    return graph.add("Div", y, below)


def embedding(graph: Graph, seen: Value, networks: Networks) -> Value:
    """`Networks.embed`: float32 [clips, columns] to float32 [clips, 64 * networks]."""
    mean, scale = graph.constant(networks.mean, np.float32), graph.constant(networks.scale, np.float32)
    x = graph.cast(graph.add("Mul", graph.add("Sub", seen, mean), scale), np.float64)
    each = [_embedding(graph, x, [array[number] for array in networks.weights]) for number in range(networks.count)]
    return graph.cast(graph.side_by_side(*each), np.float32)


def _embedding(graph: Graph, x: Value, weights: Sequence[NDArray[np.float32]]) -> Value:
    """By one network, double [clips, columns] to [clips, 64]."""
    *hidden, weight, bias = weights
    for start in range(0, len(hidden), 4):
        layer_weight, layer_bias, gain, shift = map(graph.double, hidden[start : start + 4])
        x = graph.add("Add", graph.add("MatMul", x, layer_weight), layer_bias)
        x = graph.add("Sub", x, graph.mean_of(x, -1, keep=True))
        variance = graph.mean_of(graph.square(x), -1, keep=True)
        x = graph.add("Div", x, graph.add("Sqrt", graph.add("Add", variance, graph.constant(EPSILON, np.float64))))
        x = graph.add("Add", graph.add("Mul", x, gain), shift)
        x = _silu(graph, x)
    x = graph.add("Add", graph.add("MatMul", x, graph.double(weight)), graph.double(bias))
    length = graph.add("Sqrt", graph.sum_of(graph.square(x), -1, keep=True))
    whole = graph.add("Mul", x, graph.constant(EMBEDDING_LENGTH, np.float64))
    return graph.add("Div", whole, graph.at_least(length, 1e-12))


def projected(graph: Graph, rows: Value, projection: Projection) -> Value:
    """`Projection.apply`: float32 [clips, columns] to double [clips, dimensions].

    Raises
    ------
    ValueError
        If there are no operators for such a projection.
    """
    x = graph.cast(rows, np.float64)
    match projection:
        case Unprojected():
            return x
        case Standardisation():
            return _standardised(graph, x, projection)
        case Whitening():
            standardised = _standardised(graph, x, projection.standardisation)
            return graph.add("MatMul", standardised, graph.double(projection.matrix))
        case BlockProjection():
            parts = []
            for block, component in zip(projection.blocks, projection.components, strict=True):
                centred = graph.add("Sub", graph.columns(x, block), graph.double(component.mean_))
                parts.append(graph.add("MatMul", centred, graph.double(component.components_.T)))
            return graph.side_by_side(*parts)
    raise ValueError(f"there are no operators for {type(projection).__name__}")


def _standardised(graph: Graph, x: Value, projection: Standardisation) -> Value:
    centred = graph.add("Sub", x, graph.constant(projection.mean, np.float64))
    return graph.add("Div", centred, graph.constant(projection.scale, np.float64))
