"""A user's mistake gets one clear message that names the file or key and what to do, an exit status other than 0, no
traceback, and no half-written output."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from small_data import make_recordings, small_config
from workflow_runner import Run, snakemake, write_config

pytestmark = pytest.mark.slow

IDS = ["id_00"]
Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    make_recordings(directory / "recordings", {"fan": IDS})
    return directory


@pytest.fixture
def work(data: Path, tmp_path: Path) -> Path:
    """A working directory with recordings of one fan."""
    shutil.copytree(data / "recordings", tmp_path / "recordings")
    return tmp_path


def one_fan() -> dict[str, Any]:
    config = small_config(ids=("id_00",))
    del config["machines"]["pump"]
    return config


def run(work: Path, config: dict[str, Any], *arguments: str) -> Run:
    return snakemake(work, *arguments, "--configfile", write_config(work, config))


def results(work: Path) -> list[str]:
    folder = work / "results"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def set_in(*keys: str, value: Any) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        for key in keys[:-1]:
            config = config.setdefault(key, {})
        config[keys[-1]] = value

    return edit


CONFIG_MISTAKES: dict[str, tuple[Edit, list[str]]] = {
    "unknown key": (set_in("ddae", "epoch", value=3), ["ddae", "'epoch'", "did you mean 'epochs'"]),
    "number as text": (set_in("ddae", "learning_rate", value="1e-4"), ["ddae.learning_rate", "1e-4", "1.0e-4"]),
    "negative noise factor": (set_in("noise_factors", value=[0.5, -0.1]), ["noise_factors[1]", "-0.1", "at least 0"]),
    "duplicate ID": (set_in("machines", "fan", "ids", value=["id_00", "id_00"]), ["machines.fan.ids", "id_00"]),
    "ID read as number": (set_in("machines", "fan", "ids", value=[0]), ["machines.fan.ids[0]", "quotes"]),
    "reference SNR": (set_in("reference_snr", value="snr3"), ["reference_snr", "snr3", "snr6, snr_6"]),
    "unknown detector": (set_in("detectors", value=["SVM"]), ["detectors[0]", "SVM", "OCSVM"]),
    "missing root": (set_in("dataset", "root", value="/no/such/folder"), ["dataset.root", "/no/such/folder"]),
    "pattern without match": (
        set_in("dataset", "pattern", value="{snr_dir}_{machine}/{machine}/{id}/{kind}/*.flac"),
        ["*.flac", "dataset.pattern", "00000000.wav"],
    ),
    "unknown placeholder": (set_in("dataset", "pattern", value="{snr}/{id}/{kind}/*.wav"), ["{snr}", "{snr_dir}"]),
    "ID that isn't there": (set_in("machines", "fan", "ids", value=["id_00", "id_77"]), ["id_77", "id_00"]),
    "machine that isn't there": (set_in("machines", "valve", value={"ids": ["id_00"]}), ["6_dB_valve", "6_dB_fan"]),
    "more clips than there are": (
        set_in("machines", "fan", "split", value={"id_00": {"ddae": 6, "ad_train": 12, "ad_test": 8}}),
        ["fan", "id_00", "12 + 4 normal clips", "there are 14", "on_shortfall: shrink"],
    ),
    "more DDAE clips than there are": (
        set_in("machines", "fan", "split", value={"id_00": {"ddae": 60, "ad_train": 8, "ad_test": 8}}),
        ["60", "there are 14"],
    ),
}


@pytest.mark.parametrize("name", CONFIG_MISTAKES)
def test_mistake_in_the_configuration_is_named_before_any_job(work: Path, name: str) -> None:
    edit, expected = CONFIG_MISTAKES[name]
    config = one_fan()
    edit(config)
    if name == "ID that isn't there":
        config["machines"]["fan"]["split"] = "auto"
    output = run(work, config, "--dry-run").failed().output
    for part in expected:
        assert part in output, output
    assert results(work) == []


def test_empty_class_folder(work: Path) -> None:
    for path in (work / "recordings/-6_dB_fan/fan/id_00/abnormal").iterdir():
        path.unlink()
    output = run(work, one_fan(), "--dry-run").failed().output
    assert "SNR snr_6, ID id_00, abnormal" in output
    assert "nothing" in output


def test_machine_that_can_not_be_simulated(tmp_path: Path) -> None:
    config = {"dataset": {"root": "resources/demo"}, "machines": {"gearbox": {"ids": ["id_00"]}}}
    output = run(tmp_path, config, "--dry-run").failed().output
    assert "gearbox" in output
    assert "fan, pump, slider, valve" in output
    assert "dataset.root" in output


BROKEN_CLIPS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:4000]), "truncated"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("no audio " * 100), "not readable as audio"),
    "all zeros": (lambda path: soundfile.write(path, np.zeros((4000, 2)), 16000), "silent"),
    "shorter than a frame": (
        lambda path: soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, (399, 2)), 16000),
        "shorter than one frame",
    ),
    "NaN": (lambda path: soundfile.write(path, np.full((4000, 2), np.nan), 16000, subtype="FLOAT"), "NaN"),
}
FOLDER = "6_dB_fan/fan/id_00/normal"
TARGET = "results/features/fan/snr6_id_00_normal.npy"


@pytest.mark.parametrize("name", BROKEN_CLIPS)
def test_broken_recording_stops_the_run_and_is_named(work: Path, name: str) -> None:
    damage, reason = BROKEN_CLIPS[name]
    damage(work / "recordings" / FOLDER / "00000009.wav")
    output = run(work, one_fan(), TARGET).failed().output
    assert f"recordings/{FOLDER}/00000009.wav" in output
    assert reason in output
    assert "dataset.on_bad_clip: skip" in output
    assert results(work) == ["logs/extract_features/fan/snr6_id_00_normal.log"]


def test_all_broken_recordings_of_a_folder_are_named_at_once(work: Path) -> None:
    for number in (2, 5):
        (work / "recordings" / FOLDER / f"{number:08d}.wav").write_bytes(b"")
    output = run(work, one_fan(), TARGET).failed().output
    assert output.count("2 of 14 recordings can't be used") == 2, "once when it happens, once at the end"
    assert output.rindex("2 of 14 recordings can't be used") > output.rindex("Error in rule extract_features")
    assert "00000002.wav" in output
    assert "00000005.wav" in output


def test_broken_recording_is_left_out_and_listed_where_asked_for(work: Path) -> None:
    (work / "recordings" / FOLDER / "00000009.wav").write_bytes(b"")
    config = one_fan()
    config["dataset"]["on_bad_clip"] = "skip"
    output = run(work, config, "results/skipped_clips.csv").ok().output
    assert "1 recordings were left out" in output
    listed = (work / "results/skipped_clips.csv").read_text(encoding="utf-8")
    assert f"{FOLDER}/00000009.wav" in listed
    assert len(np.load(work / TARGET)) == 13
    scores = (work / "results/scores/fan/nf0.5_seed0/snr6_id_00.csv").read_text(encoding="utf-8")
    assert "00000009.wav" not in scores


def test_mended_recording_lets_the_run_go_on(work: Path) -> None:
    path = work / "recordings" / FOLDER / "00000009.wav"
    good = path.read_bytes()
    path.write_bytes(good[:4000])
    run(work, one_fan(), TARGET).failed()
    path.write_bytes(good)
    run(work, one_fan(), TARGET).ok()
    assert len(np.load(work / TARGET)) == 14


BAD_CACHES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "wrong shape": (lambda path: np.save(path, np.zeros((20, 128), np.float32)), ["[clips, 136]", "[20, 128]"]),
    "wrong type": (lambda path: np.save(path, np.zeros((20, 136), np.int64)), ["float32", "int64"]),
    "not finite": (lambda path: np.save(path, np.full((20, 136), np.nan, np.float32)), ["NaN", "row 0"]),
    "no array": (lambda path: path.write_text("not an array"), ["not a readable NumPy array"]),
    "missing": (lambda path: path.unlink(), ["no such feature cache", "dataset.cache"]),
}


def given_caches(folder: Path) -> dict[str, Any]:
    """Caches of one fan at one SNR, and the configuration that starts from them."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for kind, count in (("normal", 20), ("abnormal", 6)):
        np.save(folder / f"snr6_id_00_{kind}.npy", random.normal(size=(count, 136)).astype(np.float32))
    config = one_fan()
    config["dataset"] = {"cache": "given/{snr}_{id}_{kind}.npy"}
    config["snrs"] = {"snr6": "6_dB"}
    return config


@pytest.mark.parametrize("name", BAD_CACHES)
def test_bad_feature_cache_is_named(tmp_path: Path, name: str) -> None:
    config = given_caches(tmp_path / "given")
    damage, expected = BAD_CACHES[name]
    damage(tmp_path / "given/snr6_id_00_normal.npy")
    output = run(tmp_path, config, TARGET).failed().output
    for part in ("given/snr6_id_00_normal.npy", *expected):
        assert part in output, output
    assert [path for path in results(tmp_path) if not path.startswith("logs/")] == []


def test_short_given_caches_shrink_both_test_classes(tmp_path: Path) -> None:
    config = given_caches(tmp_path / "given")
    config["machines"]["fan"]["split"]["id_00"]["ad_test"] = 24
    assert "on_shortfall: shrink" in run(tmp_path, config, "--dry-run").failed().output
    config["on_shortfall"] = "shrink"
    run(tmp_path, config, "results/auc.csv").ok()
    header, first, *_ = (tmp_path / "results/auc.csv").read_text(encoding="utf-8").splitlines()
    values = dict(zip(header.split(","), first.split(","), strict=True))
    assert (values["n_train"], values["n_normal"], values["n_abnormal"]) == ("8", "7", "6")
    log = tmp_path / "results/logs/detect_anomalies/fan/nf0.5_seed0.log"
    assert "fewer clips" in log.read_text(encoding="utf-8")


def test_too_few_clips_for_the_strict_protocol_are_named_before_anything_runs(work: Path) -> None:
    folder = work / "recordings/6_dB_fan/fan/id_00/normal"
    for path in sorted(folder.glob("*.wav"))[3:]:
        path.unlink()
    failed = run(work, {**one_fan(), "protocols": ["strict"]}).failed()
    assert "machine fan, SNR snr6, ID id_00: 3 normal clips are too few for the strict protocol" in failed.output
    assert results(work) == []


def test_a_detector_that_pyod_does_not_have_is_named_at_the_end(work: Path) -> None:
    pytest.importorskip("pyod", reason="PyOD (requirements-pyod.txt) is not installed")
    failed = run(work, {**one_fan(), "detectors": ["LOF", "PYOD:ECODE"]}, "results/auc.csv").failed()
    assert failed.output.count("PyOD has no detector 'ECODE'") == 2  # when it happens, and once more at the end
    assert not (work / "results/auc.csv").exists()


def test_damaged_scores_are_named(work: Path) -> None:
    run(work, one_fan(), "results/auc.csv").ok()
    scores = work / "results/scores/fan/nf0.5_seed0/snr6_id_00.csv"
    scores.write_text(scores.read_text(encoding="utf-8")[:300], encoding="utf-8")
    shutil.rmtree(work / "results/evaluation")  # what has been evaluated is not read again
    (work / "results/auc.csv").unlink()
    failed = run(work, one_fan(), "results/auc.csv").failed()
    assert "these scores can't be read" in failed.output
    assert str(scores.relative_to(work)) in failed.output
    assert f"Delete the folder {scores.parent.relative_to(work)}" in failed.output
    shutil.rmtree(scores.parent)
    assert run(work, one_fan(), "results/auc.csv").ok().rules["detect_anomalies"] == 1
