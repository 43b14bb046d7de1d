"""Model files made by hand, of few operators: how far a clip's features are from the mean of normal clips, or from the
nearest of them in its log-mel spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.fft import idct

from asd.features.bands import in_bands, log_mel
from asd.features.columns import MEL_BANDS, N_FEATURES, TEMPORAL_SCALE
from asd.models.files import write_model
from asd.models.metadata import DetectorRecord, Metadata, Normal

DETECTOR = "DISTANCE"
NEAREST = "NEAREST"


def small_model(path: Path, train: NDArray[np.float32], calibration: NDArray[np.float32], **about: Any) -> Metadata:
    """Write a model with the detector `DETECTOR`, and return what it says of itself.

    Parameters
    ----------
    train, calibration
        Features of normal clips, float32 [clips, columns].
    about
        Further fields of `Metadata`, or others than here.
    """
    mean, spread = train.mean(axis=0, dtype=np.float64), np.maximum(train.std(axis=0, dtype=np.float64), 1e-3)
    scores = np.sqrt((((calibration - mean) / spread) ** 2).mean(axis=1))
    found = _metadata(DETECTOR, train, scores, about)
    write_model(path, _graph(train, mean, spread), found)
    return found


def neighbour_model(
    path: Path, train: NDArray[np.float32], calibration: NDArray[np.float32], *, neighbours: int = 1, **about: Any
) -> Metadata:
    """Write a model with the detector `NEAREST`: mean distance to the nearest normal clips, in standardised log-mel
    spectra and temporal columns.  Parameters as of `small_model`."""
    space = in_bands(train).astype(np.float64)
    mean, spread = space.mean(axis=0), np.maximum(space.std(axis=0), 1e-3)
    spread[N_FEATURES:] /= TEMPORAL_SCALE
    known = (space - mean) / spread
    distances = np.linalg.norm(((in_bands(calibration) - mean) / spread)[:, None] - known, axis=2)
    scores = np.sort(distances, axis=1)[:, :neighbours].mean(axis=1)
    found = _metadata(NEAREST, train, scores, about)
    write_model(path, _neighbour_graph(train, mean, spread, known, neighbours), found)
    return found


def _metadata(
    detector: str, train: NDArray[np.float32], scores: NDArray[np.float64], about: dict[str, Any]
) -> Metadata:
    bands, scores = log_mel(train), np.sort(scores)
    mean, spread = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    values: dict[str, Any] = {
        "machine": "fan",
        "id": "id_00",
        "snr": "snr6",
        "snr_label": "6 dB",
        "protocol": "strict",
        "noise_factor": "0.7",
        "seed": "0",
        "detector": detector,
        "detectors": {detector: DetectorRecord(float(np.quantile(scores, 0.95)), scores)},
        "calibrated": "training clips, by models that had not seen them",
        "normal": Normal(len(train), mean, spread, bands.mean(axis=0), bands.std(axis=0)),
        "features": ("mfcc", "basic") if train.shape[1] == 136 else ("mfcc", "basic", "temporal"),
    }
    return Metadata(**{**values, **about})


def _graph(train: NDArray[np.float32], mean: NDArray[np.float64], spread: NDArray[np.float64]) -> bytes:
    constants = {"train": train, "mean": mean.astype(np.float32), "spread": spread.astype(np.float32)}
    constants |= {"mean_of": np.array([1]), "one": np.array([1], np.int64), "two": np.array([2], np.int64)}
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "spread"], ["z"]),
        helper.make_node("Mul", ["z", "z"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "mean_of"], ["mean_square"], keepdims=0),
        helper.make_node("Sqrt", ["mean_square"], [f"score_{DETECTOR}"]),
        helper.make_node("Unsqueeze", ["features", "one"], ["rows"]),
        helper.make_node("Sub", ["rows", "train"], ["apart"]),
        helper.make_node("Div", ["apart", "spread"], ["apart_z"]),
        helper.make_node("ReduceSumSquare", ["apart_z", "two"], ["distances"], keepdims=0),
        helper.make_node("ArgMin", ["distances"], ["nearest"], axis=1, keepdims=0),
        helper.make_node("Gather", ["train", "nearest"], ["nearest_normal"]),
        helper.make_node("Identity", ["train"], ["normal_features"]),
    ]
    return _model(nodes, constants, DETECTOR, train)


def _neighbour_graph(
    train: NDArray[np.float32],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    known: NDArray[np.float64],
    neighbours: int,
) -> bytes:
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b
    constants = {
        "train": train,
        "inverse": idct(np.eye(MEL_BANDS), type=2, norm="ortho", axis=1).astype(np.float32),
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
        "known": (-2 * known.T).astype(np.float32),
        "known_squares": (known**2).sum(axis=1).astype(np.float32),
        "mel": np.array([MEL_BANDS], np.int64),
        "start": np.array([0], np.int64),
        "end": np.array([train.shape[1]], np.int64),
        "axis": np.array([1], np.int64),
        "zero": np.array(0, np.float32),
        "count": np.array([neighbours], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["features", "start", "mel", "axis"], ["cepstra"]),
        helper.make_node("Slice", ["features", "mel", "end", "axis"], ["others"]),
        helper.make_node("MatMul", ["cepstra", "inverse"], ["log_mel"]),
        helper.make_node("Concat", ["log_mel", "others"], ["space"], axis=1),
        helper.make_node("Sub", ["space", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "spread"], ["z"]),
        helper.make_node("ReduceSumSquare", ["z", "axis"], ["squares"], keepdims=1),
        helper.make_node("MatMul", ["z", "known"], ["products"]),
        helper.make_node("Add", ["products", "known_squares"], ["partial"]),
        helper.make_node("Add", ["partial", "squares"], ["unbounded"]),
        helper.make_node("Max", ["unbounded", "zero"], ["squared"]),
        helper.make_node("Sqrt", ["squared"], ["distances"]),
        helper.make_node("TopK", ["distances", "count"], ["near", "which"], axis=1, largest=0),
        helper.make_node("ReduceMean", ["near", "axis"], [f"score_{NEAREST}"], keepdims=0),
        helper.make_node("ArgMin", ["distances"], ["nearest"], axis=1, keepdims=0),
        helper.make_node("Gather", ["train", "nearest"], ["nearest_normal"]),
        helper.make_node("Identity", ["train"], ["normal_features"]),
    ]
    return _model(nodes, constants, NEAREST, train)


def _model(nodes: list[Any], constants: dict[str, NDArray[Any]], detector: str, train: NDArray[np.float32]) -> bytes:
    columns = train.shape[1]
    outputs = {f"score_{detector}": ["clips"], "nearest_normal": ["clips", columns], "normal_features": train.shape}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["clips", columns])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()
