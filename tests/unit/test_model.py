"""A model in use: loading it, whatever has become of its file, and what it says."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.models import metadata
from asd.models.files import read_model, write_model
from asd.models.metadata import DetectorRecord
from asd.scoring.model import Model, Verdict
from asd.scoring.p_values import p_values
from asd.scoring.windows import Recorded, Window
from shop_floor import RATE, SECONDS, hum, hum_model, record, variables
from small_models import DETECTOR

MUTATIONS = 1000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty without a fault, and five with one."""
    folder = tmp_path_factory.mktemp("clips")
    good = [record(folder / f"good_{number}.wav", seed=number) for number in range(20)]
    return good + [record(folder / f"bad_{number}.wav", seed=number, fault=True) for number in range(5)]


# ------------------------------------------------------------------------------------------------------------- verdicts


def test_a_fault_is_anomalous_and_the_reason_is_where_it_is(model: Model, clips: list[Path]) -> None:
    found = model.score(clips)
    assert [one.file for one in found] == [str(path) for path in clips]
    assert [one.verdict for one in found[20:]] == ["anomalous"] * 5
    assert sum(one.anomalous for one in found[:20]) <= 4
    for one in found[20:]:
        assert one.p_value == 1 / (1 + len(model.record().calibration))
        assert one.reasons[0].startswith(("2.9-3.1 kHz", "2.92-3.0", "2.94-3.0"))
        assert one.reasons[0].endswith("dB above normal")


def test_a_verdict_is_that_of_the_formulas(model: Model, clips: list[Path]) -> None:
    record_of = model.record()
    for one in model.score(clips):
        assert (one.start, one.end, one.detector, one.remarks) == (0, SECONDS, DETECTOR, ())
        assert one.p_value == float(p_values(one.score, record_of.calibration))
        assert one.anomalous == (one.score > record_of.threshold)


def test_one_path_is_as_good_as_several(model: Model, clips: list[Path]) -> None:
    assert model.score(str(clips[0])) == model.score([clips[0]]) == model.score(iter(clips[:1]))
    assert model.score([]) == []


@pytest.mark.parametrize("at_once", [1, 7, 64])
def test_scores_do_not_depend_on_what_is_scored_together(
    model: Model, clips: list[Path], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [verdict for path in clips for verdict in model.score(path)]
    monkeypatch.setattr("asd.scoring.model._AT_ONCE", at_once)
    assert model.score(clips) == expected


def test_verdicts_come_before_all_is_read(model: Model, clips: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asd.scoring.model._AT_ONCE", 3)
    asked = []
    found = model.verdicts(path for path in clips if asked.append(path) is None)
    next(found)
    assert len(asked) == 3


def test_a_clip_that_trained_the_model_is_told(model: Model, tmp_path: Path) -> None:
    """Its own features are the nearest ones: no score of it means anything."""
    known, new = tmp_path / "known.wav", tmp_path / "new.wav"
    for path, seed in ((known, 1003), (new, 3)):
        soundfile.write(path, hum(seed=seed), RATE, subtype="FLOAT")
    trained, other = model.score([known, new])
    assert trained.remarks == ("one of the clips that trained the model: its score and its p-value say nothing",)
    assert other.remarks == ()


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_a_share_of_false_alarms_sets_the_threshold(model: Model, clips: list[Path], share: float) -> None:
    for one in model.score(clips, false_alarms=share):
        assert one.anomalous == (one.p_value <= share)


def test_what_can_not_be_kept_is_refused_before_anything_is_read(model: Model) -> None:
    count = len(model.record().calibration)
    with pytest.raises(UserError, match=f"calibrated on {count}"):
        model.score(["none.wav"], false_alarms=0.9 / (1 + count))
    with pytest.raises(UserError, match="a share between"):
        model.score(["none.wav"], false_alarms=5)


def test_another_detector_is_taken_by_name_and_one_that_is_none_is_refused(tmp_path: Path, clips: list[Path]) -> None:
    about = hum_model(tmp_path / "m.onnx", left_out={"PYOD:ECOD": "it has no ONNX operators"})
    model = Model.load(tmp_path / "m.onnx")
    assert model.score(clips[:1], detector=DETECTOR) == model.score(clips[:1])
    with pytest.raises(UserError, match=f"no detector 'LOF': it has {DETECTOR}"):
        model.score(clips, detector="LOF")
    with pytest.raises(UserError, match="no detector 'PYOD:ECOD': it has no ONNX operators"):
        model.score(clips, detector="PYOD:ECOD")
    assert list(about.detectors) == [DETECTOR]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_no_verdict(model: Model, score: float) -> None:
    class Broken(Model):
        def outputs(self, features: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
            return [np.full(len(features), score) if name.startswith("score_") else features + 1 for name in names]

    window = Window(0.0, 1.0, np.zeros(0, np.float32), np.zeros(136, np.float32))
    judge = Broken(model.path, model.about, model.graph).judge()
    (verdict,) = judge([("a.wav", Recorded([window]))])
    assert (verdict.verdict, verdict.anomalous) == ("error", False)
    assert math.isnan(verdict.score)
    assert verdict.reasons == (f"its score is no finite number ({score})",)


def test_the_graph_gives_normal_clips_too(model: Model, clips: list[Path]) -> None:
    normal = model.normal_features
    assert normal.shape == (30, 136)
    (nearest,) = model.outputs(normal[3:5], ["nearest_normal"])
    assert np.array_equal(nearest, normal[3:5])


# ---------------------------------------------------------------------------------------------------------- the file


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A file to which something has happened: bits flipped, cut short, bytes put in or taken out, blocks swapped."""
    changed = bytearray(content)
    place = chance.randrange(len(content)) if chance.random() < 0.7 else len(content) - 1 - chance.randrange(2000)
    length = chance.choice([1, 2, 7, 64, 4096])
    match chance.randrange(7):
        case 0:
            for _ in range(length):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        case 1:
            del changed[place:]
        case 2:
            changed[place:place] = chance.randbytes(length)
        case 3:
            del changed[place : place + length]
        case 4:
            other = chance.randrange(len(content))
            first, second = changed[place : place + length], changed[other : other + length]
            if len(first) == len(second) and abs(place - other) >= length:
                changed[place : place + length], changed[other : other + length] = second, first
        case 5:
            changed[place : place + length] = bytes(len(changed[place : place + length]))
        case _:
            changed += changed[place : place + length]
    return bytes(changed)


def test_a_damaged_file_is_refused_or_gives_the_same_scores(
    model_file: Path, clips: list[Path], tmp_path: Path
) -> None:
    content, path = model_file.read_bytes(), tmp_path / "damaged.onnx"
    expected = Model.load(model_file).score(clips[:2])
    chance = random.Random(0)
    refusals = []
    for _ in range(MUTATIONS):
        changed = mutated(content, chance)
        path.write_bytes(changed)
        try:
            assert Model.load(path).score(clips[:2]) == expected
            assert changed == content
        except UserError as error:
            refusals.append(str(error))
    assert len(refusals) > 0.95 * MUTATIONS
    assert all(refusal.startswith(f"{path}: ") for refusal in refusals)


def test_every_bit_of_the_seal_counts(model_file: Path, tmp_path: Path) -> None:
    content, path = model_file.read_bytes(), tmp_path / "damaged.onnx"
    for place in range(len(content) - 80, len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(UserError):
                read_model(path)


def test_another_format_is_refused_in_words(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(metadata, "FORMAT", 7)
        hum_model(tmp_path / "m.onnx")
    with pytest.raises(UserError, match="it is of format 7, and this version reads format 1: use the version of"):
        Model.load(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read"),
        (b"", "no model of this package, or it is damaged"),
        (b"RIFF1234WAVE", "no model of this package, or it is damaged"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        Model.load(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        Model.load(tmp_path)


def test_a_graph_that_onnx_runtime_refuses_is_named(model: Model, tmp_path: Path, clips: list[Path]) -> None:
    path = tmp_path / "m.onnx"
    write_model(path, b"", model.about)
    with pytest.raises(UserError, match=rf"{path}: ONNX Runtime .* can't load it"):
        Model.load(path).score(clips[:1])


def test_a_graph_without_an_output_that_it_should_have_is_named(
    model_file: Path, model: Model, tmp_path: Path, clips: list[Path]
) -> None:
    path = tmp_path / "m.onnx"
    detectors = {"LOF": DetectorRecord(1.0, np.array([0.5]))}
    write_model(path, model_file.read_bytes(), replace(model.about, detectors=detectors, detector="LOF"))
    with pytest.raises(UserError, match=rf"{path}: ONNX Runtime .* can't run it"):
        Model.load(path).score(clips[:1])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), st.lists, max_leaves=5)
)
def test_whatever_stands_in_the_place_of_a_value_is_refused_or_understood(model: Model, value: object) -> None:
    about = json.loads(model.about.to_json())
    for name in about:
        text = json.dumps({**about, name: value})
        try:
            read = metadata.Metadata.from_json(text)
        except metadata.MetadataError:
            continue
        assert read.detector in read.detectors


# ------------------------------------------------------------------------------------------------------ from asd import


def test_the_package_gives_what_others_use_without_importing_it_before() -> None:
    code = (
        "import sys, asd\n"
        "assert not {'numpy', 'asd.scoring', 'asd.scoring.model'} & set(sys.modules), sorted(sys.modules)\n"
        "from asd import Model, Verdict, UserError, Explanation\n"
        "assert Model is asd.scoring.model.Model and Verdict is asd.scoring.model.Verdict\n"
        "assert UserError is asd.errors.UserError\n"
        "try:\n    from asd import Nothing\nexcept ImportError as error:\n    print(error)\n"
        "assert not {'torch', 'sklearn', 'librosa', 'matplotlib', 'onnxruntime'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=variables(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot import name 'Nothing' from 'asd'" in done.stdout


def test_a_verdict_says_what_it_is() -> None:
    verdict = Verdict("a.wav", 0.0, 1.0, 2.0, 0.5, True, ())
    assert [replace(verdict, anomalous=one).verdict for one in (True, False)] == ["anomalous", "normal"]
    assert replace(verdict, score=math.nan).verdict == "error"
