"""The features as an ONNX model: equal to those of the package on real, synthetic and odd recordings; its file."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from asd.errors import UserError
from asd.features.acoustic import clip_features
from asd.features.columns import (
    FEATURE_NAMES,
    FEATURE_SETS,
    N_FEATURES,
    OF_THE_DDAE,
    TEMPORAL_NAMES,
    FeatureSet,
    count_columns,
    mel_centres,
)
from asd.models.feature_graph import feature_graph, write_feature_extractor
from asd.models.files import read_model, read_sealed
from asd.recordings.audio import read_clip

Signal = NDArray[np.float32]

TOLERANCE = 2e-4
ONE_ROUNDING = 2.0**-23  # of float32: the entropy of a quiet clip is of millions
TIME = np.arange(160_000) / 16_000


def noise(length: int = 160_000, amplitude: float = 0.1) -> NDArray[np.float64]:
    return amplitude * np.random.default_rng(length).standard_normal(length)


SIGNALS: dict[str, NDArray[np.float64]] = {
    "tone over near silence": 0.5 * np.sin(2 * np.pi * 1000 * TIME) + noise(amplitude=1e-5),
    "tone that never falls on the same sample twice": 0.5 * np.sin(2 * np.pi * 440.123 * TIME),
    "tone of 16 samples": np.sin(2 * np.pi * 1000 * TIME),
    "16-bit tone": np.round(32767 * np.sin(2 * np.pi * 440 * TIME)) / 32768,
    "white noise": noise(),
    "full-scale square wave": np.where(np.arange(len(TIME)) // 20 % 2 == 0, -1.0, 32767 / 32768),
    "clicks over near silence": np.where(np.arange(len(TIME)) % 4001 == 0, 0.9, 0.0) + noise(amplitude=1e-4),
    "clicks alone": np.where(np.arange(len(TIME)) % 4001 == 0, 0.9, 0.0),
    "silence, then a click": np.concatenate([np.zeros(4000), [0.3, -0.3], np.zeros(7)]),
    "quiet noise": noise(amplitude=1e-4),
    "quiet tone": 1e-4 * np.sin(2 * np.pi * 300 * TIME),
    "noise on a large offset": 0.5 + noise(8000, 1e-3),
    "16-bit steps": np.round(32768 * noise(8000, 1e-3)) / 32768,
    "saw tooth": np.linspace(-1, 0.99, 8000),
    "shortest": noise(400),
    "one sample more": noise(401),
    "two seconds": noise(32_000),
    "odd length": noise(12_347),
    "one sample less than whole frames": noise(15_999),
    "a minute": noise(960_000),
}


@cache
def session(features: tuple[FeatureSet, ...]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(feature_graph(features), options, providers=["CPUExecutionProvider"])


def of_the_graph(samples: Signal, features: tuple[FeatureSet, ...] = FEATURE_SETS) -> Signal:
    (found,) = session(features).run(None, {"samples": samples})
    assert found.dtype == np.float32
    return np.asarray(found)


def assert_same(samples: Signal, case: str = "") -> None:
    """That all columns of the graph are those of the package."""
    every = of_the_graph(samples)
    np.testing.assert_array_equal(of_the_graph(samples, OF_THE_DDAE), every[:N_FEATURES], err_msg=case)
    expected = clip_features(samples, FEATURE_SETS)
    assert every.shape == expected.shape
    np.testing.assert_allclose(every, expected, rtol=ONE_ROUNDING, atol=TOLERANCE, err_msg=case)


@pytest.mark.parametrize("name", SIGNALS)
def test_features_of_synthetic_signals_are_those_of_the_package(name: str) -> None:
    assert_same(SIGNALS[name].astype(np.float32))


def test_features_of_real_recordings_are_those_of_the_package(fan_recordings: Path) -> None:
    files = sorted(fan_recordings.rglob("*.wav"))
    assert len(files) == 24
    for file in files:
        assert_same(read_clip(file).samples, str(file))


@settings(max_examples=30, deadline=None)
@given(length=st.integers(400, 3000), seed=st.integers(0, 2**32 - 1), exponent=st.integers(-5, 0))
def test_features_of_any_length_and_loudness_are_those_of_the_package(length: int, seed: int, exponent: int) -> None:
    rng = np.random.default_rng(seed)
    samples = 10.0**exponent * rng.standard_normal(length) * rng.uniform(0.1, 1) + rng.uniform(-0.5, 0.5)
    assert_same(samples.clip(-1, 1).astype(np.float32))


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_constant_signal_has_features_that_are_no_numbers_and_stops_nothing(value: float) -> None:
    found = of_the_graph(np.full(16_000, value, np.float32))
    assert np.isnan(found[FEATURE_NAMES.index("entropy")])
    assert np.isfinite(of_the_graph(SIGNALS["white noise"].astype(np.float32))).all()


def test_the_same_features_give_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_feature_extractor(tmp_path / name, OF_THE_DDAE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("features", [OF_THE_DDAE, FEATURE_SETS])
def test_the_file_is_sealed_and_says_what_it_computes(tmp_path: Path, features: tuple[FeatureSet, ...]) -> None:
    path = tmp_path / "features.onnx"
    write_feature_extractor(path, features)
    loaded = onnxruntime.InferenceSession(read_sealed(path), providers=["CPUExecutionProvider"])
    about = json.loads(loaded.get_modelmeta().custom_metadata_map["asd"])
    assert (about["format"], about["kind"], about["sample_rate"], about["shortest"]) == (1, "features", 16_000, 400)
    assert about["features"] == list(features)
    assert about["names"] == [*FEATURE_NAMES, *TEMPORAL_NAMES][: count_columns(features)]
    assert about["mel_centres"] == list(mel_centres())
    (given,), (got,) = loaded.get_inputs(), loaded.get_outputs()
    assert (given.name, given.type, got.name, got.type) == ("samples", "tensor(float)", "features", "tensor(float)")
    assert got.shape == [len(about["names"])]
    assert path.stat().st_size < 500_000


def test_it_is_no_model_of_a_machine(tmp_path: Path) -> None:
    path = tmp_path / "features.onnx"
    write_feature_extractor(path, OF_THE_DDAE)
    with pytest.raises(UserError, match=r"features\.onnx: this is no model of a machine, but the file that computes"):
        read_model(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="its seal does not match"):
        read_model(path)
