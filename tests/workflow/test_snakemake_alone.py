"""Snakemake and conda are all that the computer has: everything is planned in an environment with Snakemake alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from places import REPOSITORY, SCRIPTS
from small_data import SNRS, make_recordings, small_config
from stand_ins import install_conda
from workflow_runner import write_config

pytestmark = pytest.mark.slow

IDS = ["id_00", "id_02"]


def bare(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of a virtual environment with Snakemake of the pinned version, and what that brings."""
    folder = tmp_path_factory.mktemp("alone")
    bare(sys.executable, "-m", "venv", "environment", cwd=folder).check_returncode()
    python = str(folder / "environment" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = bare(*pip, "--constraint", str(REPOSITORY / "requirements.txt"), "snakemake", cwd=folder)
    if done.returncode:
        pytest.skip(f"Snakemake can't be installed into an environment of its own: {done.stdout[-300:]}")
    return python


@pytest.fixture
def conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_conda(monkeypatch, tmp_path / "bin")


def plan(python: str, directory: Path, *arguments: str | Path) -> dict[str, int]:
    """Rule -> jobs of a dry run with an environment for each rule."""
    options = ["--snakefile", REPOSITORY / "Snakefile", "--directory", directory, "--dry-run", "--sdm", "conda"]
    command = [python, "-m", "snakemake", *arguments, *options, "--quiet", "rules", "--cores", "1"]
    done = bare(*map(str, command), cwd=directory)
    assert done.returncode == 0, done.stdout
    counted = done.stdout.partition("Job stats:")[2].partition("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", counted, re.MULTILINE)}


def test_the_environment_has_nothing_that_jobs_need(python: str, tmp_path: Path) -> None:
    for package in ("numpy", "scipy", "pandas", "sklearn", "soundfile", "librosa", "torch", "matplotlib"):
        assert bare(python, "-c", f"import {package}", cwd=tmp_path).returncode, package


def test_the_plan_is_imported(python: str, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n" + "".join(
        f"import asd.plan.{path.stem}\n" for path in sorted((SCRIPTS / "asd" / "plan").glob("[a-z]*.py"))
    )
    done = bare(python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("conda")
def test_the_demo(python: str, tmp_path: Path) -> None:
    jobs = plan(python, tmp_path)
    assert (jobs["simulate_recordings"], jobs["train_ddae"]) == (8, 8)
    assert plan(python, tmp_path, "check") == {"simulate_recordings": 8, "check": 1}


def recorded(directory: Path, machines: Sequence[str] = ("fan",)) -> Path:
    make_recordings(directory / "recordings", dict.fromkeys(machines, IDS))
    return directory / "recordings"


@pytest.mark.usefixtures("conda")
def test_own_recordings_and_their_check(python: str, tmp_path: Path) -> None:
    recorded(tmp_path, ("fan", "pump"))
    config = small_config() | {"protocols": ["paper", "strict"]}
    path = write_config(tmp_path, config)
    jobs = plan(python, tmp_path, "--configfile", path)
    assert (jobs["extract_features"], jobs["detect_anomalies"]) == (16, 4)
    assert plan(python, tmp_path, "check", "--configfile", path) == {"check": 1}


@pytest.mark.usefixtures("conda")
def test_feature_caches(python: str, tmp_path: Path) -> None:
    for snr in SNRS:
        for name in IDS:
            for kind, rows in (("normal", 14), ("abnormal", 5)):
                np.save(tmp_path / f"{snr}_{name}_{kind}.npy", np.zeros((rows, 136), np.float32))
    config: dict[str, Any] = small_config() | {"dataset": {"cache": "{snr}_{id}_{kind}.npy"}}
    del config["machines"]["pump"]
    jobs = plan(python, tmp_path, "--configfile", write_config(tmp_path, config))
    assert (jobs["import_features"], jobs["plot_features"]) == (8, 1)


@pytest.mark.usefixtures("conda")
def test_a_sample_sheet(python: str, tmp_path: Path) -> None:
    root = recorded(tmp_path)
    lines = ["file\tmachine\tid\tsnr\tlabel"]
    for path in sorted(root.rglob("*.wav")):
        snr_dir, machine, name, kind, _ = path.relative_to(root).parts
        lines.append(f"{path.relative_to(tmp_path)}\t{machine}\t{name}\t{snr_dir.removesuffix('_fan')}\t{kind}")
    (tmp_path / "samples.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"dataset": {"samples": "samples.tsv"}, "reference_snr": "6_dB", "protocols": ["strict"]}
    jobs = plan(python, tmp_path, "--configfile", write_config(tmp_path, config))
    assert (jobs["extract_features"], jobs["evaluate_scores"]) == (8, 1)


@pytest.mark.usefixtures("conda")
def test_a_download(python: str, tmp_path: Path) -> None:
    mimii = REPOSITORY / "config" / "mimii.yaml"
    config = yaml.safe_load(mimii.read_text(encoding="utf-8"))
    config["dataset"]["root"] = str(tmp_path / "data")
    for archive in config["download"]["archives"].values():
        archive.update(bytes=1, unpacked=1)  # there may be no room for MIMII here
    jobs = plan(python, tmp_path, "download", "--configfile", write_config(tmp_path, config))
    assert jobs == {"fetch_archive": 12, "download": 1}


@pytest.mark.usefixtures("conda")
def test_the_ablation(python: str, tmp_path: Path) -> None:
    make_recordings(tmp_path / "recordings", {"fan": IDS}, {"snr6": "6_dB", "snr0": "0_dB", "snr_6": "-6_dB"})
    config = yaml.safe_load((REPOSITORY / "config" / "ablation.yaml").read_text(encoding="utf-8"))
    config["dataset"]["root"] = "recordings"
    config["machines"] = {"fan": {"ids": IDS}}
    jobs = plan(python, tmp_path, "--configfile", write_config(tmp_path, config))
    assert (jobs["train_ddae"], jobs["plot_results"]) == (9, 1)
