"""Through Snakemake: what a listing finds is said and listed by the run, and what `check` accepts the run accepts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from small_data import write_clip
from workflow_runner import job, snakemake, write_config

pytestmark = pytest.mark.slow

TARGET = "results/features/fan/snr_a_normal.npy"


def config(**dataset: Any) -> dict[str, Any]:
    return {
        "dataset": {"root": "recordings", "pattern": "{id}/{kind}/*.wav", **dataset},
        "machines": {"fan": {"ids": ["a"]}},
        "snrs": {"snr": ""},
        "reference_snr": "snr",
        "detectors": ["LOF"],
        "ddae": {"epochs": 2, "batch_size": 4, "device": "cpu"},
        "statistics": {"replicates": 100},
    }


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for kind, count in (("normal", 12), ("abnormal", 4)):
        for number in range(count):
            write_clip(tmp_path / f"recordings/a/{kind}/{number:02d}.wav", len(kind) * 100 + number, kind == "abnormal")
    return tmp_path / "recordings"


def spoil(recordings: Path) -> None:
    """One of each that can't be used, and one that can though called otherwise."""
    folder = recordings / "a/normal"
    (folder / "broken.wav").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.wav")
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "silent.wav", np.zeros(4000), 16000)
    write_clip(folder / "LOUD.WAV", 7)
    (folder / "again.wav").symlink_to("00.wav")
    (folder / "._00.wav").write_bytes(b"AppleDouble")


def test_what_is_odd_is_said_by_the_run_and_listed_and_runs_once(tmp_path: Path, recordings: Path) -> None:
    spoil(recordings)
    stopped = snakemake(tmp_path, TARGET, "--configfile", write_config(tmp_path, config())).failed()
    assert not stopped.jobs
    for part in ("1 lead nowhere (broken links): recordings/a/normal/broken.wav", "dataset.on_bad_clip: skip"):
        assert part in stopped.output

    path = write_config(tmp_path, config(on_bad_clip="skip"))
    run = snakemake(tmp_path, "results/skipped_clips.csv", "--configfile", path).ok()
    log = (tmp_path / "results/logs/extract_features/fan/snr_a_normal.log").read_text(encoding="utf-8")
    for text in (run.output, log):
        for part in (
            "1 lead nowhere (broken links): recordings/a/normal/broken.wav",
            "1 are pipes, sockets or devices, not files, and are left out: recordings/a/normal/pipe.wav",
            "1 are empty (0 bytes): recordings/a/normal/empty.wav",
            "1 have an ending in other letters",
            "recordings/a/normal/LOUD.WAV",
            "1 are the same file as another one",
            "recordings/a/normal/again.wav (recordings/a/normal/00.wav)",
        ):
            assert part in text, text
    assert "skipped: recordings/a/normal/silent.wav" in log
    skipped = pd.read_csv(tmp_path / "results/skipped_clips.csv")
    names = ["broken", "empty", "pipe", "silent"]
    assert sorted(skipped["file"]) == [f"a/normal/{name}.wav" for name in names]
    assert len(np.load(tmp_path / TARGET)) == 13
    assert snakemake(tmp_path, "results/skipped_clips.csv", "--configfile", path).ok().jobs == []

    (recordings / "a/normal/broken.wav").unlink()
    again = snakemake(tmp_path, "results/skipped_clips.csv", "--configfile", path).ok()
    assert job("extract_features", machine="fan", snr="snr", id="a", kind="normal") in again.jobs


def test_check_fails_where_the_run_does_and_passes_where_it_skips(tmp_path: Path, recordings: Path) -> None:
    spoil(recordings)
    path = write_config(tmp_path, config())
    run = snakemake(tmp_path, "check", "--configfile", path, cores=2).failed()
    for part in (
        "Can't be used (2):",
        "normal/silent.wav: silent",
        "lead nowhere",
        "1 problem, 2 recordings can't be used, as listed above.",
        "on_bad_clip: skip",
        "Few clips",
    ):
        assert part in run.output, run.output
    path = write_config(tmp_path, config(on_bad_clip="skip"))
    run = snakemake(tmp_path, "check", "--configfile", path, cores=2).ok()
    assert "Left out, since dataset.on_bad_clip is skip (2):" in run.output
    assert "of 13 normal" in run.output

    for name in range(3, 12):
        (recordings / f"a/normal/{name:02d}.wav").write_bytes(b"x" * 1000)
    (recordings / "a/normal/LOUD.WAV").unlink()
    for target in ("check", "all"):
        run = snakemake(tmp_path, target, "--configfile", path, cores=2).failed()
        assert "3 normal clips are too few for the strict protocol" in run.output


def test_headers_alone_are_read_where_that_is_asked_for(tmp_path: Path, recordings: Path) -> None:
    soundfile.write(recordings / "a/normal/silent.wav", np.zeros(4000), 16000)
    (recordings / "a/normal/cut.wav").write_bytes((recordings / "a/normal/00.wav").read_bytes()[:5000])
    given = {**config(), "check": "headers"}
    run = snakemake(tmp_path, "check", "--configfile", write_config(tmp_path, given), cores=2).failed()
    assert "normal/cut.wav: truncated" in run.output
    assert "Can't be used (1)" in run.output
    assert "silent, every sample" not in run.output
    assert "level" not in run.output
    given["check"] = "samples"
    run = snakemake(tmp_path, "check", "--configfile", write_config(tmp_path, given), cores=2).failed()
    assert "normal/silent.wav: silent" in run.output


def test_two_labels_of_a_recording_stop_check_and_run(tmp_path: Path, recordings: Path) -> None:
    os.link(recordings / "a/normal/03.wav", recordings / "a/abnormal/x.wav")
    path = write_config(tmp_path, config())
    for target in ("check", "all"):
        run = snakemake(tmp_path, target, "--configfile", path, cores=2).failed()
        for part in ("a/normal/03.wav", "a/abnormal/x.wav", "ID a, normal", "ID a, abnormal"):
            assert part in run.output, run.output


def test_a_missing_archive_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    given = config(root="mimii")
    given["snrs"] = {"snr": "6_dB"}
    given["download"] = {
        "url": "https://example.org/{archive}.zip",
        "archives": {"6_dB_fan": {"bytes": 1, "md5": "0" * 32}},
    }
    path = write_config(tmp_path, given)
    for target in ("check", "all"):
        run = snakemake(tmp_path, target, "--configfile", path).failed()
        assert "run `snakemake download` with the same configuration" in run.output
        assert "6_dB_fan" in run.output


def test_sheets_are_checked_with_what_lies_beside_their_recordings(tmp_path: Path, recordings: Path) -> None:
    lines = ["file\tmachine\tid\tlabel"]
    for path in sorted(recordings.rglob("*.wav")):
        lines.append(f"{path.relative_to(tmp_path)}\tfan\ta\t{path.parent.name}")
    lines.append(lines[1])
    lines.append(f"{tmp_path}/{lines[2]}")
    (tmp_path / "sheet.tsv").write_text("\n".join(lines[:3] + lines[4:]), encoding="utf-8")
    (recordings / "a/normal/note.m4a").write_bytes(b"x")
    given = {**config(), "dataset": {"samples": "sheet.tsv"}}
    run = snakemake(tmp_path, "check", "--configfile", write_config(tmp_path, given), cores=2).ok()
    assert "2 are the same file as another one with the same label" in run.output
    assert "2 audio files that no key of the configuration takes" in run.output
    assert "normal/02.wav" in run.output
    assert "normal/note.m4a" in run.output
