"""The workflow as a module of another one, read from git, as `snakedeploy deploy-workflow` writes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from git_module import committed, git, project
from small_data import small_config
from stand_ins import Apptainer
from workflow_runner import Run, run_snakefile, snakemake, write_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(tmp_path_factory.mktemp("git") / "repository")


def run(folder: Path, *arguments: str) -> Run:
    return run_snakefile(folder / "Snakefile", folder, *arguments)


def test_from_a_local_git_repository_under_a_prefix_and_other_names(
    repository: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")'
    project(tmp_path, source, prefix="below", names="asd_*")
    first = run(tmp_path, "asd_all").ok()
    assert first.rules["asd_detect_anomalies"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {
        *("recordings", "config.yaml", "Snakefile", "below", ".snakemake")
    }
    assert not run(tmp_path, "asd_all").ok().jobs
    # the same as without git, prefix and other names
    plain = tmp_path_factory.mktemp("plain")
    shutil.copytree(tmp_path / "recordings", plain / "recordings")
    snakemake(plain, "results/leaderboard.csv", "--configfile", tmp_path / "config.yaml").ok()
    for name in (
        "auc.csv",
        "leaderboard.csv",
        "scores/fan/nf0.5_seed0/snr6_id_00.csv",
        "features/pump/snr_6_id_00_normal.csv",
    ):
        assert (tmp_path / "below/results" / name).read_bytes() == (plain / "results" / name).read_bytes(), name
    # a recording replaced: only what follows from it
    (tmp_path / "recordings/6_dB_pump/pump/id_00/normal/00000003.wav").unlink()
    assert run(tmp_path, "asd_all", "--dry-run").ok().rules["asd_extract_features"] == 1


def test_from_github_as_a_clone_in_snakemake_s_cache(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network: Snakemake asks its clone first, and the tag is there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clone = tmp_path / "cache/snakemake/snakemake/source-cache/snakemake-git-cache/github.com/somebody/hearing"
    clone.parent.mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(clone))
    folder = tmp_path / "project"
    folder.mkdir()
    project(folder, 'github("somebody/hearing", path="workflow/Snakefile", tag="v1")')
    run(folder, "results/evaluation/fan.csv").ok()
    assert set(pd.read_csv(folder / "results/evaluation/fan.csv")["detector"]) == {"OCSVM", "LOF", "E"}
    listed = run(folder, "--list-rules").ok().output
    assert "detect_anomalies" in listed


def test_two_modules_of_one_version_beside_each_other(repository: Path, tmp_path: Path) -> None:
    source = f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")'
    project(tmp_path, source, prefix="first", names="first_*")
    text = (tmp_path / "Snakefile").read_text(encoding="utf-8")
    other = (
        text.replace('configfile: "config.yaml"\n\n', "").replace("first", "second").replace("module asd", "module two")
    )
    other = other.replace("from asd", "from two").replace(
        "config: config", 'config: config | {"noise_factors": [0.25]}'
    )
    (tmp_path / "Snakefile").write_text(f"{text}\n{other}", encoding="utf-8")
    jobs = run(tmp_path, "first_all", "second_all", "--dry-run").ok()
    assert jobs.rules["first_train_ddae"] == jobs.rules["second_train_ddae"] == 2
    assert "nf=0.25" in " ".join(job for job in jobs.jobs if job.startswith("second_train_ddae"))


def test_the_demo_under_a_prefix(repository: Path, tmp_path: Path) -> None:
    source = f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")'
    project(tmp_path, source, prefix="below")
    config = small_config(root="resources/demo", ids=("id_00",)) | {"snrs": {"snr6": "6_dB"}, "protocols": ["strict"]}
    config["demo"] = {"normal_clips": 8, "abnormal_clips": 3, "seconds": 0.5, "microphones": 1}
    write_config(tmp_path, config)
    target = "below/results/features/fan/snr6_id_00_normal.csv"
    run(tmp_path, target).ok()
    assert len(list((tmp_path / "below/resources/demo").rglob("*.wav"))) == 11
    files = pd.read_csv(tmp_path / target)["file"]
    assert files[0] == "6_dB_fan/fan/id_00/normal/00000000.wav"
    assert not run(tmp_path, target).ok().jobs


def test_in_containers_the_package_is_found(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apptainer = Apptainer(monkeypatch, tmp_path / "bin")
    source = f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")'
    project(tmp_path, source)
    image = tmp_path / "image.sif"
    image.touch()
    for name in ("ASD_IMAGE", "AUDIO_AD_IMAGE"):
        monkeypatch.setenv(name, str(image))
    run(tmp_path, "results/features/fan/snr6_id_00_normal.csv", "--sdm", "apptainer").ok()
    assert len(apptainer.calls) == 1
