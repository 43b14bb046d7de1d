"""A model file made by hand, of few operators: how far a clip's features are from the mean of normal clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from asd.features.bands import log_mel
from asd.models.files import write_model
from asd.models.metadata import DetectorRecord, Metadata, Normal

DETECTOR = "DISTANCE"


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
    bands = log_mel(train)
    scores = np.sort(np.sqrt((((calibration - mean) / spread) ** 2).mean(axis=1)))
    values: dict[str, Any] = {
        "machine": "fan",
        "id": "id_00",
        "snr": "snr6",
        "snr_label": "6 dB",
        "protocol": "strict",
        "noise_factor": "0.7",
        "seed": "0",
        "detector": DETECTOR,
        "detectors": {DETECTOR: DetectorRecord(float(np.quantile(scores, 0.95)), scores)},
        "calibrated": "training clips, by models that had not seen them",
        "normal": Normal(len(train), mean, train.std(axis=0, dtype=np.float64), bands.mean(axis=0), bands.std(axis=0)),
        "features": ("mfcc", "basic") if train.shape[1] == 136 else ("mfcc", "basic", "temporal"),
    }
    write_model(path, _graph(train, mean, spread), found := Metadata(**{**values, **about}))
    return found


def _graph(train: NDArray[np.float32], mean: NDArray[np.float64], spread: NDArray[np.float64]) -> bytes:
    columns = train.shape[1]
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
    outputs = {f"score_{DETECTOR}": ["clips"], "nearest_normal": ["clips", columns], "normal_features": train.shape}
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
