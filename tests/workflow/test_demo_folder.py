"""The demo's folder: recordings of others that lie there are never touched, the demo's own are made and made again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from asd.demo.ownership import Manifest, manifest_of, own_and_others, problem, remove_own
from places import REPOSITORY
from small_data import write_clip
from workflow_runner import Run, snakemake, write_config

ROOT = "resources/demo"
TARGETS = {
    "everything": [],
    "check": ["check"],
    "a cache": ["results/features/fan/snr6_id_00_normal.npy"],
    "a recording": [f"{ROOT}/6_dB_fan/fan/id_00/normal/00000000.wav"],
    "forced": ["--forceall"],
    "touched": ["--touch"],
    "outputs deleted": ["--delete-all-output"],
    "up to a rule": ["--until", "simulate_recordings"],
}


def demo_config(**demo: Any) -> dict[str, Any]:
    return {
        "dataset": {"root": ROOT},
        "demo": {"normal_clips": 10, "abnormal_clips": 2, "seconds": 0.3, "microphones": 1} | demo,
        "snrs": {"snr6": "6_dB"},
        "machines": {"fan": {"ids": ["id_00"]}},
        "ddae": {"epochs": 2, "batch_size": 4, "device": "cpu"},
        "detectors": ["OCSVM"],
        "statistics": {"replicates": 100},
    }


def run(directory: Path, *arguments: str, **demo: Any) -> Run:
    return snakemake(directory, *arguments, "--configfile", write_config(directory, demo_config(**demo)))


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file below a folder, and where links lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path), 0
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    return found


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A user's recordings, under the very names that the demo's have."""
    for number in range(3):
        write_clip(tmp_path / "mine" / f"6_dB_fan/fan/id_00/normal/{number:08d}.wav", number)
    return tmp_path / "mine"


@pytest.mark.parametrize("arguments", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("place", ["a folder", "a link", "links in it"])
def test_recordings_of_a_user_survive_every_target(recordings: Path, place: str, arguments: list[str]) -> None:
    directory = recordings.parent
    demo = directory / ROOT
    demo.parent.mkdir()
    if place == "a folder":
        recordings.rename(demo)
    elif place == "a link":
        demo.symlink_to(recordings)
    else:
        demo.mkdir()
        (demo / "6_dB_fan").symlink_to(recordings / "6_dB_fan")
    before = state(directory)
    refused = run(directory, *arguments).failed()
    assert "dataset.root" in refused.output
    assert "Nothing was touched" in refused.output
    after = {path: of for path, of in state(directory).items() if path in before}
    assert after == before
    assert not list(demo.glob("simulated_*"))


def test_the_default_configuration_refuses_too(recordings: Path) -> None:
    (recordings.parent / "resources").mkdir()
    recordings.rename(recordings.parent / ROOT)
    before = state(recordings.parent)
    assert "did not make" in snakemake(recordings.parent, "check").failed().output
    assert before.items() <= state(recordings.parent).items()


@pytest.mark.slow
def test_the_demo_is_made_again_where_it_was_made_before(tmp_path: Path) -> None:
    target = "results/features/fan/snr6_id_00_normal.npy"
    assert run(tmp_path, target).ok().rules == {"simulate_recordings": 1, "extract_features": 1}
    made = state(tmp_path / ROOT)
    assert len(made) == 13
    assert not run(tmp_path, target).ok().jobs
    assert run(tmp_path, target, seed=1).ok().rules == {"simulate_recordings": 1, "extract_features": 1}
    assert run(tmp_path, target, normal_clips=8).ok().rules["simulate_recordings"] == 1
    assert problem(str(tmp_path / ROOT)) is None  # two clips of before are left, and known
    run(tmp_path, target, "--touch").ok()
    lost = tmp_path / ROOT / "6_dB_fan/fan/id_00/normal/00000002.wav"
    lost.unlink()
    assert run(tmp_path, target, normal_clips=8).ok().rules["simulate_recordings"] == 1
    run(tmp_path, "--delete-all-output", target).ok()
    assert not list((tmp_path / ROOT).rglob("0*1.wav"))


def test_a_recording_that_was_replaced_or_added_is_noticed(tmp_path: Path) -> None:
    target = "results/features/fan/snr6_id_00_normal.npy"
    run(tmp_path, target).ok()
    replaced = tmp_path / ROOT / "6_dB_fan/fan/id_00/normal/00000002.wav"
    content, times = replaced.read_bytes(), replaced.stat()
    replaced.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(replaced, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert str(replaced.relative_to(tmp_path)) in run(tmp_path, target).failed().output
    replaced.write_bytes(content)
    run(tmp_path, target).ok()
    added = write_clip(tmp_path / ROOT / "mine.wav", 1)
    assert str(added.relative_to(tmp_path)) in run(tmp_path, "--forceall", target).failed().output
    assert added.exists()


def test_a_simulation_that_was_killed_goes_on(tmp_path: Path) -> None:
    root = tmp_path / ROOT
    with Manifest(manifest_of(str(root), "fan", "id_00")) as manifest:
        for number in range(4):
            path = root / f"6_dB_fan/fan/id_00/normal/{number:08d}.wav"
            content = write_clip(tmp_path / "other.wav", number).read_bytes()
            manifest.add(path, content)
            if number < 3:  # killed between the list and the recording
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    with Path(manifest_of(str(root), "fan", "id_00")).open("a") as file:
        file.write("6_dB_fan/fan/id_00/normal/0000")
    assert problem(str(root)) is None
    run(tmp_path, "results/features/fan/snr6_id_00_normal.npy").ok()
    own, others = own_and_others(str(root))
    assert (len(own), others) == (13, [])


def test_cleaning_removes_what_the_demo_made_and_nothing_else(tmp_path: Path) -> None:
    root = str(tmp_path / "demo")
    made = tmp_path / "demo" / "a" / "made.wav"
    with Manifest(manifest_of(root, "fan", "a")) as manifest:
        manifest.add(made, b"sound")
        made.parent.mkdir()
        made.write_bytes(b"sound")
    mine = write_clip(tmp_path / "demo" / "b" / "mine.wav", 1)
    (tmp_path / "demo" / "link").symlink_to(tmp_path)
    assert remove_own(root) == [str(mine), str(tmp_path / "demo" / "link")]
    assert [path.name for path in sorted((tmp_path / "demo").rglob("*"))] == ["b", "mine.wav", "link"]
    mine.unlink()
    (tmp_path / "demo" / "link").unlink()
    assert remove_own(root) == []
    assert not (tmp_path / "demo").exists()
    assert remove_own(root) == []


def test_make_clean_leaves_recordings_of_others(tmp_path: Path) -> None:
    mine = write_clip(tmp_path / ROOT / "mine.wav", 1)
    (tmp_path / "workflow").symlink_to(REPOSITORY / "workflow")
    command = ["make", "--file", str(REPOSITORY / "Makefile"), "clean", f"PYTHON={sys.executable}"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert mine.exists()
    assert "mine.wav" in printed


def test_a_configuration_that_names_no_recordings_is_not_the_demo(tmp_path: Path) -> None:
    config = demo_config()
    del config["dataset"]
    path = write_config(tmp_path, config)
    for target in ([], ["check"], ["download"]):
        output = snakemake(tmp_path, *target, "--configfile", path).failed().output
        assert "dataset.root: is missing" in output
        assert not (tmp_path / "resources").exists()


@pytest.mark.slow
def test_a_run_on_simulated_recordings_says_so(tmp_path: Path) -> None:
    output = run(tmp_path, "results/leaderboard.html", normal_clips=14).ok().output
    assert "recordings are simulated" in output
    assert "Simulated recordings" in output.rpartition("steps (100%) done")[2]
    results = tmp_path / "results"
    for name in ("auc", "summary", "leaderboard", "comparisons"):
        assert set(pd.read_csv(results / f"{name}.csv").get("data")) <= {"simulated"}, name
        assert pd.read_csv(results / f"{name}.csv").columns[-1] == "data"
    assert "Simulated recordings" in (results / "leaderboard.md").read_text(encoding="utf-8")
    assert "Simulated recordings" in (results / "leaderboard.html").read_text(encoding="utf-8")
