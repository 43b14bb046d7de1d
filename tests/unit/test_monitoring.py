"""Whether a model still holds: the command, its report, figure and exit statuses.  About twenty seconds."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from asd.errors import UserError
from asd.features.acoustic import clip_features
from asd.features.bands import log_mel
from asd.features.columns import FEATURE_NAMES
from asd.features.spectrogram import DECIBELS
from asd.scoring.model import Model
from asd.scoring.monitoring import MARK, figure_path, monitor, monitor_command
from asd.scoring.p_values import p_values
from normal_sounds import normal_sounds, with_spectra
from places import SCRIPTS
from small_models import DETECTOR, small_model

HEADER = "file,start,end,detector,score,p_value,verdict,reasons\n"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the command has it: with more, small products of matrices mostly wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    small_model(path, normal_sounds(300, 1), normal_sounds(200, 2))
    return Model.load(path)


def scored(
    folder: Path,
    model: Model,
    features: NDArray[np.float32],
    *,
    kept: bool = True,
    name: str = "scores",
    detector: str = DETECTOR,
    rows: tuple[str, ...] = (),
) -> Path:
    """A table of scores of some clips, and their features beside it."""
    path = folder / f"{name}.csv"
    scores = model.scores(features)
    p = p_values(scores, model.record().calibration)
    lines = [
        f"clip_{n:04d}.wav,0,10,{detector},{score:.9g},{one:.9g},normal,\n"
        for n, (score, one) in enumerate(zip(scores, p, strict=True))
    ]
    path.write_text(HEADER + "".join((*lines, *rows)), encoding="utf-8")
    if kept:
        write_features(folder / f"{name}.features.csv", features)
    return path


def write_features(path: Path, features: NDArray[np.float32]) -> None:
    header = ",".join(("file", "start", "end", *FEATURE_NAMES))
    lines = [
        f"clip_{n:04d}.wav,0,10,{','.join(f'{value:.9g}' for value in clip[:136])}" for n, clip in enumerate(features)
    ]
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")


def with_change(
    features: NDArray[np.float32], first: int, change: Callable[[NDArray[np.float64]], None]
) -> NDArray[np.float32]:
    spectra = log_mel(features)
    change(spectra[first:])
    return with_spectra(features, spectra)


def faulty(spectra: NDArray[np.float64]) -> None:
    spectra[:, 60:66] += 3 / DECIBELS


def louder(spectra: NDArray[np.float64]) -> None:
    spectra += 6 / DECIBELS


def arguments(scores: Path, **others: Any) -> Namespace:
    return Namespace(
        **{"scores": str(scores), "model": None, "output": None, "json": False, "run_length": 10_000} | others
    )


# --------------------------------------------------------------------------------------------------------- the report


def test_a_model_that_holds(tmp_path: Path, model: Model) -> None:
    report = monitor(scored(tmp_path, model, normal_sounds(200, 3)), model)
    assert report.valid
    assert report.sentence == (
        "valid: the scores of 200 clips are those of normal clips, and so is the sound of the last 50"
    )
    assert report.remarks == []


def test_a_fault(tmp_path: Path, model: Model) -> None:
    report = monitor(scored(tmp_path, model, with_change(normal_sounds(200, 3), 120, faulty)), model)
    assert report.kind == "machine"
    assert report.since is not None
    assert abs(report.since - 120) <= 3
    assert report.sentence.startswith("not valid any more: the machine sounds different since about clip 12")
    assert "1.5-1.8 kHz, 2.9 dB above normal" in report.sentence
    assert report.sentence.endswith("look at the machine")


def test_a_fault_that_grows(tmp_path: Path, model: Model) -> None:
    def growing(spectra: NDArray[np.float64]) -> None:
        spectra[:, 60:66] += 0.05 / DECIBELS * np.arange(1, len(spectra) + 1)[:, None]

    report = monitor(scored(tmp_path, model, with_change(normal_sounds(250, 3), 120, growing)), model)
    assert report.kind == "machine"
    assert report.course is not None
    assert report.course.suddenly is False
    assert report.since is not None
    assert abs(report.since - 120) <= 15
    assert "growing by 0.0" in report.sentence


def test_a_level(tmp_path: Path, model: Model) -> None:
    report = monitor(scored(tmp_path, model, with_change(normal_sounds(200, 3), 120, louder)), model)
    assert report.kind == "level"
    assert "by +6.1 dB in all bands since about clip 121 (clip_0120.wav), suddenly" in report.sentence
    assert "calibrate again (make the model anew)" in report.sentence


def test_scores_alone_say_that_something_is_wrong_and_not_what(tmp_path: Path, model: Model) -> None:
    report = monitor(scored(tmp_path, model, with_change(normal_sounds(200, 3), 120, faulty)))
    assert report.kind == "scores"
    assert "the scores have become higher since about clip 1" in report.sentence
    assert any("--model" in remark for remark in report.remarks)
    assert report.charts[DETECTOR].limits.calibration_clips == 200
    assert monitor(scored(tmp_path, model, normal_sounds(200, 3))).valid


def test_a_fault_that_has_been_mended(tmp_path: Path, model: Model) -> None:
    features = np.concatenate([with_change(normal_sounds(160, 3), 100, faulty), normal_sounds(150, 4)])
    report = monitor(scored(tmp_path, model, features), model)
    assert report.valid
    [alarm] = report.charts[DETECTOR].alarms
    assert 100 < alarm.first < 160
    assert alarm.end is not None


def test_scores_that_rise_without_the_mean_sound(tmp_path: Path, model: Model) -> None:
    features = normal_sounds(200, 3)
    features[150:, 129] += 10.0  # kurtosis
    report = monitor(scored(tmp_path, model, features), model)
    assert report.kind == "scores"
    assert "short or rare sounds" in report.sentence


def test_a_change_that_the_scores_do_not_show(tmp_path: Path, model: Model) -> None:
    features = with_change(normal_sounds(200, 3), 120, faulty)
    path = scored(tmp_path, model, normal_sounds(200, 3))
    write_features(tmp_path / "scores.features.csv", features)
    report = monitor(path, model)
    assert report.kind == "machine"
    assert report.charts[DETECTOR].alarm is None
    assert report.sentence.endswith("the scores do not show it yet")


def test_recordings_that_can_not_be_scored(tmp_path: Path, model: Model) -> None:
    silent = "x.wav,0,10,DISTANCE,,,error,x.wav: is silent\n"
    report = monitor(scored(tmp_path, model, normal_sounds(60, 3), rows=(silent,) * 30), model)
    assert report.kind == "recordings"
    assert "30 of the last 50" in report.sentence
    assert "x.wav: is silent" in report.sentence
    assert monitor(scored(tmp_path, model, normal_sounds(60, 3), rows=(silent,) * 10), model).valid


def test_too_few_clips_are_said_to_be_few(tmp_path: Path, model: Model) -> None:
    report = monitor(scored(tmp_path, model, normal_sounds(5, 3)), model)
    assert report.valid
    assert "too few to say much yet" in report.sentence
    assert any("not compared yet" in remark for remark in report.remarks)


def test_a_recorder_that_repeats_itself_is_noticed(tmp_path: Path, model: Model) -> None:
    features = normal_sounds(60, 3)
    features[50:] = features[50]
    assert any(
        "the last 10 clips have the same score" in one for one in monitor(scored(tmp_path, model, features)).remarks
    )


def test_clips_that_resemble_their_neighbours_are_noticed(tmp_path: Path, model: Model) -> None:
    features = np.repeat(normal_sounds(150, 3), 2, axis=0) + 1e-4 * normal_sounds(300, 4)
    report = monitor(scored(tmp_path, model, features), model)
    [remark] = [one for one in report.remarks if "resemble" in one]
    assert "correlation 0.4" in remark or "correlation 0.5" in remark


# ---------------------------------------------------------------------------------------------------------- detectors


def test_scores_of_a_detector_that_the_model_does_not_have_are_refused(tmp_path: Path, model: Model) -> None:
    with pytest.raises(UserError, match="no detector 'OTHER'"):
        monitor(scored(tmp_path, model, normal_sounds(60, 3), detector="OTHER"), model)


def test_each_detector_has_its_charts_and_they_share_the_false_alarms(tmp_path: Path, model: Model) -> None:
    path = scored(tmp_path, model, normal_sounds(100, 3))
    alone = monitor(path).charts[DETECTOR].limits
    other = scored(tmp_path, model, with_change(normal_sounds(100, 3), 50, faulty), name="other", detector="OTHER")
    path.write_text(path.read_text() + other.read_text().partition("\n")[2])
    report = monitor(path)
    assert list(report.charts) == [DETECTOR, "OTHER"]
    assert report.detector == "OTHER"
    assert report.kind == "scores"
    assert report.charts["OTHER"].limits.run_length == 2 * alone.run_length
    assert report.charts["OTHER"].limits.cusum > alone.cusum


def test_scores_of_another_model_are_refused(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "other.onnx"
    small_model(path, normal_sounds(300, 1), normal_sounds(200, 7))
    other = scored(tmp_path, Model.load(path), normal_sounds(100, 3))
    with pytest.raises(UserError, match=r"p-values of DISTANCE .* another model gave them"):
        monitor(other, model)


def test_scores_with_fewer_digits_are_those_of_the_model(tmp_path: Path, model: Model) -> None:
    features = normal_sounds(100, 3)
    scores = model.scores(features)
    p = p_values(scores, model.record().calibration)
    path = tmp_path / "rounded.csv"
    path.write_text(
        HEADER + "".join(f"a,0,1,{DETECTOR},{s:.7g},{q:.3g},normal,\n" for s, q in zip(scores, p, strict=True))
    )
    assert monitor(path, model).valid


# ------------------------------------------------------------------------------------------------------ where from


def test_features_of_a_cut_off_file_are_used_as_far_as_they_go(tmp_path: Path, model: Model) -> None:
    path = scored(tmp_path, model, with_change(normal_sounds(200, 3), 120, faulty))
    beside = tmp_path / "scores.features.csv"
    beside.write_bytes(beside.read_bytes()[:-700])
    report = monitor(path, model)
    assert report.kind == "machine"
    assert report.change is not None
    assert report.change.clips == 49
    assert "the sound of 1 of the last 50 clips is not known: their features are not in scores.features.csv" in (
        report.remarks
    )


def test_features_of_others_and_recordings_that_are_gone(tmp_path: Path, model: Model) -> None:
    path = scored(tmp_path, model, with_change(normal_sounds(100, 3), 50, faulty), kept=False)
    (tmp_path / "scores.features.csv").write_text("a,b\n1,2\n")
    report = monitor(path, model)
    assert report.kind == "scores"
    assert any("recordings are not there any more" in remark for remark in report.remarks)
    assert any("too few clips are left" in remark for remark in report.remarks)


def test_recordings_are_read_again(tmp_path: Path) -> None:
    import soundfile

    random = np.random.default_rng(0)

    def recording(gain: float) -> NDArray[np.float32]:
        return np.asarray(gain * 0.05 * random.standard_normal(16_000), np.float32)

    train = np.stack([clip_features(recording(1.0)) for _ in range(60)])
    small_model(tmp_path / "m.onnx", train[:40], train[40:], seconds=1.0)
    model = Model.load(tmp_path / "m.onnx")
    features = []
    for number in range(40):
        samples = recording(1.0 if number < 25 else 4.0)
        soundfile.write(tmp_path / f"clip_{number:04d}.wav", samples, 16_000, subtype="FLOAT")
        features.append(clip_features(samples))
    path = scored(tmp_path, model, np.stack(features), kept=False)
    path.write_text(path.read_text().replace(",0,10,", ",0,1,"))
    report = monitor(path, model)
    assert report.kind == "level"
    assert report.change is not None
    assert report.change.decibels == pytest.approx(12, abs=0.5)
    assert report.since == 25
    (tmp_path / "clip_0030.wav").unlink()
    report = monitor(path, model)
    assert any("the sound of 1 of the last" in remark for remark in report.remarks)


def test_recordings_that_have_another_size_now_are_not_read(tmp_path: Path, model: Model) -> None:
    from asd.scoring.recent_sound import spectra_again
    from asd.scoring.score_table import read_score_table

    path = tmp_path / "scores.csv"
    path.write_text(HEADER.replace("\n", ",size,modified_ns,windows\n") + "a.wav,0,1,D,1,0.5,normal,,77,1,1\n")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    clips = read_score_table(path).detectors["D"]
    assert len(spectra_again(clips, [0], model.about, tmp_path)) == 0


# --------------------------------------------------------------------------------------------------------- the command


def test_exit_statuses_and_words(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    good = scored(tmp_path, model, normal_sounds(100, 3))
    assert monitor_command(arguments(good, model=model.path)) == 0
    said = capsys.readouterr()
    assert said.out.startswith("valid: ")
    assert said.out.endswith("scores.monitor.png\n")
    assert said.err == ""
    bad = scored(tmp_path, model, with_change(normal_sounds(100, 3), 60, louder), name="bad")
    assert monitor_command(arguments(bad, model=model.path, output="f.png")) == 1
    assert capsys.readouterr().out.startswith("not valid any more: the level")
    assert monitor_command(arguments(tmp_path / "none.csv")) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("asd: ")
    assert monitor_command(arguments(good, run_length=1)) == 2
    assert monitor_command(arguments(good, run_length=float("nan"))) == 2
    assert monitor_command(arguments(good, model=str(good))) == 2
    assert {one.name for one in tmp_path.glob("*.png")} == {"scores.monitor.png", "f.png"}


def test_json_is_json_and_the_same_each_time(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = scored(tmp_path, model, with_change(normal_sounds(200, 3), 120, faulty), rows=("torn",))
    texts = []
    for _ in range(2):
        assert monitor_command(arguments(path, model=model.path, json=True)) == 1
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    found = json.loads(texts[0], parse_constant=pytest.fail)
    assert found["valid"] is False
    assert found["kind"] == "machine"
    assert found["figure"] == "scores.monitor.png"
    assert found["unreadable_lines"] == [202]
    assert found["charts"][DETECTOR]["calibration_clips"] == 200
    assert found["charts"][DETECTOR]["alarms"][0]["ended_at_clip"] is None
    assert found["since"]["file"] == f"clip_{found['since']['clip'] - 1:04d}.wav"
    assert len(found["sound"]["difference_db"]) == 128


def test_the_figure_is_whole_and_known_again(tmp_path: Path, model: Model) -> None:
    from PIL import Image

    path = scored(tmp_path, model, with_change(normal_sounds(120, 3), 60, faulty))
    figure = tmp_path / "figure.png"
    for with_model in (model.path, None):
        assert monitor_command(arguments(path, model=with_model, output=str(figure))) == 1
        with Image.open(figure) as image:
            image.load()
            assert image.width == 1440
            assert image.info["Software"] == MARK
    assert sorted(one.name for one in tmp_path.iterdir()) == ["figure.png", "scores.csv", "scores.features.csv"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    other = tmp_path / "photo.png"
    other.write_bytes(b"\x89PNG\r\n\x1a\n of somebody")
    with pytest.raises(UserError, match="stays as it is"):
        figure_path("scores.csv", other)
    with pytest.raises(UserError, match="stays as it is"):
        figure_path("scores.csv", _folder(tmp_path / "folder.png"))
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="stays as it is"):
        figure_path("scores.csv", tmp_path / "link.png")
    with pytest.raises(UserError, match=r"end in \.png"):
        figure_path("scores.csv", tmp_path / "scores.csv")
    assert figure_path(tmp_path / "a.b.csv", None) == Path("a.b.monitor.png")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_names_of_others_are_harmless(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = scored(tmp_path, model, with_change(normal_sounds(100, 3), 50, faulty))
    path.write_text(path.read_text().replace("clip_", "\x1b[2J$x_{").replace(DETECTOR, "D\x1b$"))
    assert monitor_command(arguments(path)) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_without_matplotlib_there_is_no_figure_but_a_verdict(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.artist", None)
    monkeypatch.delitem(sys.modules, "asd.scoring.monitor_figure", raising=False)
    path = scored(tmp_path, model, normal_sounds(50, 3))
    assert monitor_command(arguments(path)) == 0
    assert "there is no figure, since matplotlib.artist is not installed" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))


def test_a_hundred_thousand_rows_take_seconds(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import time

    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    p = p_values(random.standard_normal(100_000), np.sort(random.standard_normal(600)))
    path = tmp_path / "long.csv"
    path.write_text(HEADER + "".join(f"c{n}.wav,0,10,D,1.25,{one:.9g},normal,r\n" for n, one in enumerate(p)))
    began = time.process_time()
    assert monitor_command(arguments(path)) in (0, 1)
    assert time.process_time() - began < 8
    assert "100000 clips" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------- real recordings


@pytest.mark.parametrize(("channel", "expected"), [("mean", "valid"), (0, "microphone")])
def test_real_recordings_of_one_microphone_in_place_of_eight(
    tmp_path: Path, fan_caches: Path, fan_recordings: Path, channel: int | str, expected: str
) -> None:
    """The features of the caches are of the mean of eight channels, that of a single one has more of the treble."""
    features = np.load(fan_caches / "snr_6_id_00_normal.npy")
    small_model(tmp_path / "m.onnx", features[8:700], features[700:], channel=channel, seconds=10.0)
    model = Model.load(tmp_path / "m.onnx")
    verdicts = model.score(sorted(fan_recordings.glob("*/fan/id_00/normal/*.wav"))) * 3
    path = tmp_path / "scores.csv"
    rows = [f"{v.file},{v.start:g},{v.end:g},{DETECTOR},{v.score:.9g},{v.p_value:.9g},normal,\n" for v in verdicts]
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    report = monitor(path, model)
    assert report.change is not None
    assert report.change.clips > 20
    assert report.kind == expected


def test_nothing_heavy_is_imported_for_it(tmp_path: Path, model: Model) -> None:
    import subprocess
    import sys

    path = scored(tmp_path, model, normal_sounds(60, 3))
    program = (
        "import sys\nfrom asd.scoring.model import Model\nfrom asd.scoring.monitoring import monitor\n"
        f"assert monitor({str(path)!r}, Model.load({model.path!r})).valid\n"
        "print({'torch', 'sklearn', 'pandas', 'seaborn', 'librosa', 'matplotlib', 'onnx'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True, check=True
    )
    assert found.stdout == "set()\n"
