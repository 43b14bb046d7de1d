"""The features as a graph of standard ONNX operators, for programs that score clips without this package.

All of it is computed in double precision: a band that is almost empty beside a very strong one needs it (see
`asd.features.acoustic`), and it takes hardly more time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..features.acoustic import FFT_LENGTH, HISTOGRAM_BINS, HOP_LENGTH, LOG_FLOOR, mel_filter_bank
from ..features.columns import (
    FEATURE_NAMES,
    MEL_BANDS,
    TEMPORAL_NAMES,
    FeatureSet,
    count_columns,
    in_order,
    mel_centres,
)
from ..files import StrPath
from ..recordings.audio import FRAME_LENGTH, SAMPLE_RATE
from .files import FEATURES_KIND, write_sealed
from .graph import Graph, Value
from .metadata import FORMAT

_TINY = 1e-12  # as in `asd.features.acoustic.basic_block`


def feature_graph(features: Sequence[FeatureSet]) -> bytes:
    """`asd.features.acoustic.clip_features` as an ONNX model.

    Its input ``samples`` is float32 [n]: a mono signal at 16 kHz in [-1, 1), at least 400 samples (25 ms) and not
    constant, for the features of a constant signal are not finite.  Its output ``features`` is float32 [columns].

    Parameters
    ----------
    features
        Sets of `asd.features.columns.FEATURE_SETS`; ``mfcc`` and ``basic`` are always among them.

    Returns
    -------
    bytes
        A serialised ``onnx.ModelProto``.

    Examples
    --------
    >>> import onnxruntime
    >>> session = onnxruntime.InferenceSession(feature_graph(["mfcc", "basic"]))
    >>> clip = np.sin(np.arange(16000, dtype=np.float32))
    >>> session.run(["features"], {"samples": clip})[0].shape
    (136,)
    """
    graph = Graph()
    samples = graph.cast(graph.input("samples", ("n",)), np.float64)
    log_mel = _log_mel(graph, samples)
    blocks = [_cepstrum(graph, log_mel), _basic_block(graph, samples)]
    if "temporal" in features:
        blocks.append(_temporal_block(graph, log_mel))
    graph.output("features", graph.add("Concat", *blocks, axis=0), (count_columns(features),))
    return graph.to_bytes()


def write_feature_extractor(path: StrPath, features: Sequence[FeatureSet]) -> None:
    """Write `feature_graph`, sealed and with what it says of itself, whole or not at all."""
    write_sealed(path, feature_graph(features), json.dumps(_about(features), ensure_ascii=False))


def _about(features: Sequence[FeatureSet]) -> dict[str, Any]:
    sets = in_order(features)
    return {
        "format": FORMAT,
        "kind": FEATURES_KIND,
        "features": list(sets),
        "names": [*FEATURE_NAMES, *(TEMPORAL_NAMES if "temporal" in sets else ())],
        "sample_rate": SAMPLE_RATE,
        "shortest": FRAME_LENGTH,
        "samples": "mono, float32 in [-1, 1): 16-bit samples divided by 32768; other sample rates resampled",
        "mono": 'by "channel" of the model: the mean over all channels ("mean"), or one channel, numbered from 0',
        "log_mel": "natural logarithm of power in each mel band, mean over the frames: the inverse orthonormal DCT-II "
        f"of columns 0 to {MEL_BANDS - 1}",
        "mel_centres": list(mel_centres()),
    }


def _whole(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


def _double(number: float) -> NDArray[np.float64]:
    return np.array(number, np.float64)


def _log_mel(graph: Graph, samples: str) -> str:
    """Log mel spectra, float64 [frames, MEL_BANDS], of float64 [samples]."""
    add = graph.add
    before = FRAME_LENGTH // 2  # the window stands at the start of the FFT, as in `asd.features.acoustic`
    window = np.zeros(FFT_LENGTH)
    window[:FRAME_LENGTH] = np.hanning(FRAME_LENGTH + 1)[:-1]
    padded = add("Pad", samples, _whole(before, FFT_LENGTH - before))
    signal = add("Unsqueeze", padded, _whole(0, 2))
    spectra = add("STFT", signal, np.array(HOP_LENGTH, np.int64), window, onesided=1)
    powers = add("ReduceSumSquare", spectra, _whole(3), keepdims=0)
    mel = add("MatMul", add("Squeeze", powers, _whole(0)), mel_filter_bank().astype(np.float64))
    return add("Log", add("Add", mel, _double(LOG_FLOOR)))


def _cepstrum(graph: Graph, log_mel: str) -> str:
    """The MFCC block, float64 [MEL_BANDS]."""
    add = graph.add
    mean = add("ReduceMean", log_mel, _whole(0), keepdims=0)
    return add("MatMul", mean, scipy.fft.dct(np.eye(MEL_BANDS), type=2, norm="ortho", axis=1))


def _basic_block(graph: Graph, samples: str) -> str:
    """The basic block, float64 [8], of float64 [samples]."""
    add = graph.add
    low, high = (add(name, samples, keepdims=1) for name in ("ReduceMin", "ReduceMax"))
    extent = add("Sub", high, low)
    mean = add("ReduceMean", samples, keepdims=1)
    centred = add("Sub", samples, mean)
    squared = add("Mul", centred, centred)
    variance = add("ReduceMean", squared, keepdims=1)
    deviation = add("Sqrt", variance)
    third = add("ReduceMean", add("Mul", squared, centred), keepdims=1)
    fourth = add("ReduceMean", add("Mul", squared, squared), keepdims=1)
    kurtosis = add("Sub", add("Div", fourth, add("Mul", variance, variance)), _double(3.0))
    skewness = add("Div", third, add("Mul", variance, deviation))
    rms = add("Sqrt", add("Add", add("Add", variance, add("Mul", mean, mean)), _double(_TINY)))
    peak = add("Max", add("Abs", low), add("Abs", high))
    crest = add("Div", add("Add", peak, _double(_TINY)), add("Add", rms, _double(_TINY)))
    entropy = _entropy(graph, samples, low, extent)
    return add("Concat", rms, kurtosis, skewness, extent, crest, mean, deviation, entropy, axis=0)


def _entropy(graph: Graph, samples: str, low: str, extent: str) -> str:
    """``-sum h * log2(h + 1e-12)`` of the histogram of densities, float64 [1]."""
    add = graph.add
    from onnx import TensorProto, helper

    # a division, not a product: values on the edge of a bin then fall where `basic_block` puts them
    position = add("Div", add("Sub", samples, low), add("Div", extent, _double(HISTOGRAM_BINS)))
    bins = graph.cast(position, np.int64)
    # the maximum belongs to the last bin; a constant signal, where positions are no numbers, must not reach outside
    bins = add("Max", add("Min", bins, _whole(HISTOGRAM_BINS - 1)), _whole(0))
    length = add("Shape", samples)
    each = add("ConstantOfShape", length, value=helper.make_tensor("one", TensorProto.DOUBLE, [1], [1.0]))
    counts = add("ScatterElements", np.zeros(HISTOGRAM_BINS), bins, each, axis=0, reduction="add")
    count = graph.cast(length, np.float64)
    density = add("Mul", counts, add("Div", _double(HISTOGRAM_BINS), add("Mul", count, extent)))
    bits = add("Div", add("Log", add("Add", density, _double(_TINY))), _double(float(np.log(2.0))))
    return add("Neg", add("ReduceSum", add("Mul", density, bits), keepdims=1))


def _temporal_block(graph: Graph, log_mel: str) -> str:
    """The temporal block, float64 [512], of float64 [frames, MEL_BANDS]."""
    add = graph.add
    axis = _whole(0)
    frames = add("Slice", add("Shape", log_mel), _whole(0), _whole(1))
    last = add("Sub", frames, _whole(1))
    centred = add("Sub", log_mel, add("ReduceMean", log_mel, axis, keepdims=1))
    deviation = add("Sqrt", add("ReduceMean", add("Mul", centred, centred), axis, keepdims=0))

    after = add("Slice", log_mel, _whole(1), frames, axis)
    before = add("Slice", log_mel, _whole(0), last, axis)
    steps = add("ReduceSum", add("Abs", add("Sub", after, before)), axis, keepdims=0)
    delta = add("Div", steps, graph.cast(add("Max", last, _whole(1)), np.float64))

    # the largest values of each band in falling order, down to the median's lower neighbour
    median_below = add("Div", last, _whole(2))
    largest, _ = graph.add_many("TopK", log_mel, add("Sub", frames, median_below), count=2, axis=0)
    percentiles = [_percentile(graph, largest, last, percent) for percent in (99, 50)]
    maximum = add("Squeeze", add("Gather", largest, axis, axis=0), axis)
    return add("Concat", deviation, add("Sub", *percentiles), delta, maximum, axis=0)


def _percentile(graph: Graph, largest: Value, last: Value, percent: int) -> Value:
    """A percentile of each band, interpolated linearly, float64 [MEL_BANDS].

    Parameters
    ----------
    largest
        The largest values of each band in falling order, float64 [values, MEL_BANDS].
    last
        Number of the last of all values in rising order.
    """
    add = graph.add
    place = add("Mul", last, _whole(percent))
    below = add("Div", place, _whole(100))
    rest = add("Div", graph.cast(add("Sub", place, add("Mul", below, _whole(100))), np.float64), _double(100.0))
    above = add("Min", add("Add", below, _whole(1)), last)
    low, high = (
        add("Squeeze", add("Gather", largest, add("Sub", last, rank), axis=0), _whole(0)) for rank in (below, above)
    )
    return add("Add", low, add("Mul", add("Sub", high, low), rest))
