"""Odd names of files and folders through Snakemake, which has a meaning of its own for some of them."""

from __future__ import annotations

import csv
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from small_data import write_clip
from workflow_runner import Run, snakemake, write_config

pytestmark = pytest.mark.slow

ODD = [
    *("{id}.wav", "{machine}{snr}.wav", "{unknown}.wav", "{id,[a-z]+}.wav", "{}.wav", "{{x}}.wav", "{.wav", "a}.wav"),
    *("<results>.wav", "<unknown>.wav", "<>.wav", "100%.wav", "%s%(x)d.wav", "%7Bid%7D.wav"),
    *("$HOME.wav", "$(touch x).wav", "`touch x`.wav", "a;b&c|d.wav", "'quoted'.wav", '"quoted".wav', "back\\slash.wav"),
    *("-rf.wav", "--help.wav", "~.wav", "~root.wav", " leading.wav", "trailing .wav", "two  spaces.wav", "#&=+@.wav"),
    *(
        "*.wav",
        "[ab]?.wav",
        "=cmd.wav",
        "a,b.wav",
        "s3:x.wav",
        "http:x.wav",
        "소음.wav",
        "\U0001f50a.wav",
        "\u202egnp.wav",
    ),
    *(unicodedata.normalize("NFD", "고장.wav"), f"{'long' * 62}.wav"),
]
CONFIG = {
    "dataset": {"root": "recordings", "pattern": "{kind}/**/*.wav"},
    "snrs": {"only": ""},
    "reference_snr": "only",
    "machines": {"fan": {"ids": ["x"]}},
}
FEATURES = "results/features/fan/only_x_normal"


def features(directory: Path, config: dict[str, object]) -> tuple[Run, list[str]]:
    """A run as far as the features of the normal clips, and the names in their clip list."""
    run = snakemake(directory, f"{FEATURES}.npy", "--configfile", write_config(directory, config)).ok()
    with (directory / f"{FEATURES}.csv").open(newline="", encoding="utf-8") as lines:
        return run, [row["file"] for row in csv.DictReader(lines)]


@pytest.mark.parametrize("root", ["recordings", "{id} <results> {x} '$HOME'/100% [a]/소리"])
def test_clips_are_read_whatever_they_and_their_folders_are_called(tmp_path: Path, root: str) -> None:
    plain = {f"plain/{number:02d}.wav": number for number in range(20)}
    odd = {f"{('{id}', ' <x> ', '-d')[number % 3]}/{name}": number for number, name in enumerate(ODD, start=20)}
    for name, seed in (plain | odd).items():
        write_clip(tmp_path / root / "normal" / name, seed)
    for number in range(5):
        write_clip(tmp_path / root / f"abnormal/{number}.wav", 100 + number, abnormal=True)
    config = CONFIG | {"dataset": {**CONFIG["dataset"], "root": root}}
    _, names = features(tmp_path, config)
    assert names == sorted(f"normal/{name}" for name in plain | odd)
    if root != "recordings":
        snakemake(tmp_path, "check", "--configfile", tmp_path / "config.yaml").ok()
    rows = np.load(tmp_path / f"{FEATURES}.npy")
    assert len(np.unique(rows, axis=0)) == len(names), "no clip stands for another"
    assert not (tmp_path / "x").exists()

    assert not snakemake(tmp_path, "-n", f"{FEATURES}.npy", "--configfile", tmp_path / "config.yaml").ok().jobs
    changed = tmp_path / root / "normal/-d/{id}.wav"
    assert changed.exists()
    write_clip(changed, 77)
    os.utime(changed, (1e9, 1e9))
    run, again = features(tmp_path, config)
    assert run.rules["extract_features"] == 1
    assert again == names
    differing = (np.load(tmp_path / f"{FEATURES}.npy") != rows).any(axis=1)
    assert [name for name, differs in zip(names, differing, strict=True) if differs] == ["normal/-d/{id}.wav"]


def test_a_sheet_names_clips_whatever_they_and_it_are_called(tmp_path: Path) -> None:
    names = [name for name in ODD if name.strip() == name]
    for number, name in enumerate(names):
        write_clip(tmp_path / "{id} <x>" / name, number)
    for number in range(5):
        write_clip(tmp_path / f"{{kind}} {number}.wav", 100 + number, abnormal=True)
    lines = [[f"{{id}} <x>/{name}", "normal"] for name in names]
    lines += [[f"{{kind}} {number}.wav", "abnormal"] for number in range(5)]
    with (tmp_path / "{id} <results>.tsv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerows([["file", "label", "machine", "id", "snr"]])
        csv.writer(file, delimiter="\t").writerows([*line, "fan", "x", "only"] for line in lines)
    _, found = features(tmp_path, {"dataset": {"samples": "{id} <results>.tsv"}})
    assert found == [f"{{id}} <x>/{name}" for name in names]


def test_caches_are_read_whatever_their_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "{id} <results>"
    folder.mkdir()
    values = np.random.default_rng(0).normal(size=(2, 40, 136)).astype(np.float32)
    for kind, of_kind in zip(("normal", "abnormal"), values, strict=True):
        np.save(folder / f"{kind}.npy", of_kind)
    config = CONFIG | {"dataset": {"cache": "{{id}} <results>/{kind}.npy"}}
    features(tmp_path, config)
    np.testing.assert_array_equal(np.load(tmp_path / f"{FEATURES}.npy"), values[0])
    np.save(folder / "normal.npy", values[1])
    run, _ = features(tmp_path, config)
    assert run.rules["import_features"] == 1
    np.testing.assert_array_equal(np.load(tmp_path / f"{FEATURES}.npy"), values[1])


def test_names_that_can_not_be_written_down_are_refused_with_a_remedy(tmp_path: Path) -> None:
    for number in range(20):
        write_clip(tmp_path / f"recordings/normal/{number:02d}.wav", number)
        write_clip(tmp_path / f"recordings/abnormal/{number:02d}.wav", 50 + number, abnormal=True)
    path = write_config(tmp_path, CONFIG)
    clip = tmp_path / "recordings/normal/00.wav"
    odd = {
        "two\nlines \x1b[31m.wav": r"'recordings/normal/two\x0alines \x1b[31m.wav': the name holds a control character",
        os.fsdecode("소음 1.wav".encode("cp949")): "convmv -f cp949 -t utf-8 -r --notest recordings/normal",
    }
    for (name, said), target in zip(odd.items(), ("check", f"{FEATURES}.npy"), strict=True):
        renamed = clip.rename(clip.with_name(name))
        run = snakemake(tmp_path, target, "--configfile", path).failed()
        assert said in run.output, run.output
        assert "\x1b" not in run.output
        assert "extract_features" not in run.rules
        clip = renamed.rename(clip)


def test_machines_ids_snrs_and_detectors_are_shown_literally_whatever_they_are_called(tmp_path: Path) -> None:
    machine, machine_id, snr, text = "|fan_ %d $x$", "~`a' \"b", "=1+1", "x {y} _z_ *"
    for kind, count in (("normal", 20), ("abnormal", 5)):
        for number in range(count):
            write_clip(tmp_path / "recordings" / text / machine / machine_id / kind / f"{number}.wav", number)
    config = {
        "dataset": {"root": "recordings", "pattern": "{snr_dir}/{machine}/{id}/{kind}/*.wav"},
        "snrs": {snr: text},
        "reference_snr": snr,
        "machines": {machine: {"ids": [machine_id]}},
        "ddae": {"epochs": 2, "batch_size": 4, "device": "cpu"},
        "statistics": {"replicates": 100},
        "detectors": [{"method": "LOF", "name": "a_b:_"}],
        "protocols": ["paper"],
    }
    arguments = ("--configfile", write_config(tmp_path, config))
    run = snakemake(tmp_path, *arguments, cores=2).ok()
    assert f"{machine}, noise factor 0.7, paper protocol" in run.output
    assert not snakemake(tmp_path, "-n", *arguments).ok().jobs
    results = tmp_path / "results"
    assert (results / f"figures/confusion/seed0/{machine}_NF0.7_{snr}_a_b-_.png").exists()
    for name in (f"confusion/seed0/{machine}_NF0.7", f"auc/{machine}", f"false_alarms_by_share/{machine}"):
        assert (results / f"figures/{name}.png").exists()
    markdown = (results / "leaderboard.md").read_text(encoding="utf-8")
    assert r"**\|fan\_ %d \$x\$, paper protocol" in markdown
    assert "\n'=1+1" in (results / "auc.csv").read_text(encoding="utf-8").replace(",", "\n")
    snakemake(tmp_path, *arguments, "--report", "report.html").ok()
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "system-message" not in report
    assert f"{machine}</tt> at noise factor" in report
