"""The example script, which has nothing but ONNX Runtime and NumPy, says what the package says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asd.features.acoustic import clip_features
from asd.features.columns import FEATURE_SETS, OF_THE_DDAE, FeatureSet
from asd.models.feature_graph import write_feature_extractor
from asd.recordings.audio import read_clip
from asd.scoring.model import Model, Verdict
from places import REPOSITORY
from small_data import write_clip
from small_models import small_model

SCRIPT = REPOSITORY / "examples" / "onnx" / "score.py"
LINE = re.compile(
    r"(?P<file>.*) (?P<start>\S+)-(?P<end>\S+) s: (?P<verdict>\w+), score (?P<score>\S+), "
    r"threshold (?P<threshold>\S+), p = (?P<p_value>\S+)"
)
ALONE = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"asd", "scipy", "soundfile", "soxr", "onnx", "librosa", "sklearn", "torch"}:
            raise ImportError(f"{name} is not to be used")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def small_machine(folder: Path, features: tuple[FeatureSet, ...], **about: Any) -> Model:
    """A model of a few small clips; beside it, what computes the features."""
    clips = [read_clip(write_clip(folder / f"normal_{seed}.wav", seed)).samples for seed in range(20)]
    rows = np.stack([clip_features(clip, features) for clip in clips])
    small_model(folder / "model.onnx", rows[:10], rows[10:], **{"features": features, "seconds": 0.25, **about})
    write_feature_extractor(folder / "features.onnx", features)
    return Model.load(folder / "model.onnx")


def run_example(folder: Path, *recordings: Path) -> list[str]:
    command = [sys.executable, "-c", ALONE, SCRIPT, folder / "features.onnx", folder / "model.onnx", *recordings]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def assert_same(lines: list[str], verdicts: list[Verdict]) -> None:
    assert len(lines) == len(verdicts)
    for line, verdict in zip(lines, verdicts, strict=True):
        found = LINE.fullmatch(line)
        assert found, line
        assert (found["file"], found["verdict"]) == (verdict.file, verdict.verdict)
        numbers = [float(found[name]) for name in ("start", "end", "score", "p_value")]
        expected = [verdict.start, verdict.end, verdict.score, float(f"{verdict.p_value:.2g}")]
        np.testing.assert_allclose(numbers, expected, rtol=5e-5)


@pytest.mark.parametrize("features", [OF_THE_DDAE, FEATURE_SETS])
def test_verdicts_are_those_of_the_package(tmp_path: Path, features: tuple[FeatureSet, ...]) -> None:
    model = small_machine(tmp_path, features)
    broken = write_clip(tmp_path / "broken one.wav", 99, abnormal=True, noise=0.1)
    long = tmp_path / "long.wav"
    samples = [soundfile.read(tmp_path / f"normal_{seed}.wav")[0] for seed in (3, 4, 5)]
    soundfile.write(long, np.concatenate(samples)[:10_000], 16_000, subtype="PCM_16")
    recordings = [tmp_path / "normal_7.wav", broken, long]
    verdicts = model.score(recordings)
    assert [verdict.verdict for verdict in verdicts[:2]] == ["normal", "anomalous"]
    assert [round(verdict.start, 3) for verdict in verdicts[2:]] == [0, 0.25, 0.375]
    assert_same(run_example(tmp_path, *recordings), verdicts)


def test_one_channel_of_eight_is_taken_where_the_model_was_trained_on_it(tmp_path: Path, fan_recordings: Path) -> None:
    recordings = sorted(fan_recordings.rglob("abnormal/*.wav"))[:2]
    model = small_machine(tmp_path, OF_THE_DDAE, channel=3, seconds=10.0)
    verdicts = model.score(recordings)
    assert_same(run_example(tmp_path, *recordings), verdicts)
    mean = small_machine(tmp_path, OF_THE_DDAE, seconds=10.0).score(recordings)
    assert abs(mean[0].score / verdicts[0].score - 1) > 1e-3


def test_silence_has_no_score(tmp_path: Path) -> None:
    small_machine(tmp_path, OF_THE_DDAE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 16_000, subtype="PCM_16")
    (line,) = run_example(tmp_path, tmp_path / "silent.wav")
    assert "silent" in line
