"""The image that all rules can run in: what it holds, and what Snakemake makes of it.

Apptainer is a stand-in here (`stand_ins.Apptainer`), which notes how it is called and runs the command on this machine.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from places import REPOSITORY
from small_data import make_recordings, small_config
from stand_ins import Apptainer
from workflow_runner import Run, snakemake, write_config

CONTAINERFILE = (REPOSITORY / "Containerfile").read_text(encoding="utf-8")
APPTAINER = ("--sdm", "apptainer")
IMAGE = "resources/asd.sif"


def options_of(call: dict[str, Any], name: str) -> list[str]:
    return [value for option, value in call["options"] if option == name]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory; the recordings, of one machine at one SNR, are elsewhere."""
    base = tmp_path_factory.mktemp("container")
    make_recordings(base / "recordings", {"fan": ["id_00"]}, {"snr6": "6_dB"})
    config = small_config(str(base / "recordings"), ids=("id_00",))
    del config["machines"]["pump"]
    (base / "work").mkdir()
    write_config(base / "work", config | {"snrs": {"snr6": "6_dB"}, "detectors": ["LOF"]})
    return base / "work"


def run(directory: Path, *arguments: str) -> Run:
    return snakemake(directory, "--configfile", directory / "config.yaml", *arguments)


def test_image_has_the_versions_of_the_environments() -> None:
    python = re.search(r"^ARG BASE=python:([\d.]+)-slim$", CONTAINERFILE, re.MULTILINE)
    assert python
    for path in (REPOSITORY / "envs").glob("*.yaml"):
        assert f"python={python[1]}" in yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"], path.name
    installed = set(re.findall(r"--requirement /\S*/(\S+)", CONTAINERFILE))
    assert installed == {"requirements.txt", "requirements-pyod.txt"}
    assert installed <= set(re.findall(r"^COPY (.*) \S+$", CONTAINERFILE, re.MULTILINE)[0].split())
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {f"!{name}" for name in installed} <= set(ignored)
    assert "\nENV PYTHONNOUSERSITE=1\n" in CONTAINERFILE
    assert "\nsnakemake==" in (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")


def test_missing_image_is_explained(directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Apptainer(monkeypatch, tmp_path)
    message = run(directory, *APPTAINER).failed().output
    assert f"there is no image '{IMAGE}'" in message
    assert f"apptainer build {IMAGE} docker-archive:asd.tar" in message
    assert str(REPOSITORY / "Containerfile") in message


def test_image_of_the_environment_variable_need_not_be_a_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Apptainer(monkeypatch, tmp_path)
    monkeypatch.setenv("ASD_IMAGE", "docker://somewhere/asd:1")
    planned = run(directory, *APPTAINER, "--dry-run").ok()
    assert "docker://somewhere/asd:1 will be pulled" in planned.output


@pytest.mark.slow
def test_every_job_runs_in_the_image(directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apptainer = Apptainer(monkeypatch, tmp_path)
    (directory / IMAGE).parent.mkdir()
    (directory / IMAGE).touch()
    targets = ["results/leaderboard.csv", "results/figures/loss/fan.png"]
    inside = run(directory, *APPTAINER, "--profile", str(REPOSITORY / "profiles/gpu"), "--", *targets).ok()
    scripts = [re.search(r"python \S+\.(\w+)\.py", call["command"][-1]) for call in apptainer.calls]
    assert sorted(script[1] for script in scripts if script) == sorted(inside.rules.elements())
    assert len(inside.rules) == 6
    for call in apptainer.calls:
        assert call["image"] == IMAGE
        assert call["command"][:2] == ["bash", "-c"]
        assert options_of(call, "--home") == [str(directory)]
        assert set(call["BIND"].split(",")) == {str(REPOSITORY), str(directory.parent / "recordings")}
        assert call["NV"] == "1"
    # the image is that of the whole workflow, so the other rules have it as well
    rules = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    assert "container:" not in rules


def test_without_apptainer_no_image_is_needed_and_another_one_reruns_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def features(*arguments: str) -> Run:
        options = ("--configfile", directory / "config.yaml", *arguments)
        return snakemake(tmp_path, *options, "--", "results/features/fan/snr6_id_00_normal.npy").ok()

    assert features().rules == {"extract_features": 1}
    monkeypatch.setenv("ASD_IMAGE", "another.sif")
    assert features("--dry-run").jobs == []
