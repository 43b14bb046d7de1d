"""The small configuration that the catalog of workflows and the jobs of a fork run, and what ``make clean`` leaves."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from places import REPOSITORY
from workflow_runner import snakemake, working_copy


@pytest.mark.slow
def test_small_run_takes_all_steps(tmp_path: Path) -> None:
    repository = working_copy(tmp_path / "clone")
    there = repository / ".test"
    finished = snakemake(there, repository=repository, cores=2).ok()
    steps = {"simulate_recordings", "extract_features", "train_ddae", "detect_anomalies", "combine_scores"}
    steps |= {"evaluate_scores", "collect_results", "plot_confusion", "plot_features", "plot_loss", "plot_results"}
    steps |= {"export_models", "export_features", "list_hardest"}
    assert steps | {"plot_scores", "plot_roc"} == set(finished.rules)
    assert sum(finished.rules.values()) < 30
    assert (there / "results/leaderboard.csv").exists()
    # as users call it, in the repository
    command = [sys.executable, "-m", "snakemake", "--directory", ".test", "--report", "results/report.zip"]
    subprocess.run(command, cwd=repository, capture_output=True, check=True)
    with zipfile.ZipFile(there / "results/report.zip") as report:
        names = [name for name in report.namelist() if name.endswith((".html", ".js")) and "leaderboard" not in name]
        page = "".join(report.read(name).decode() for name in names)
    assert "Simulated recordings" in page
    assert "safe center" in page  # the style sheet of profiles/default
    # beside the files of the repository there are those that are not tracked
    assert {path.name for path in there.iterdir()} == {"config", "results", "resources", ".snakemake"}
    assert [path.name for path in (repository / "results").iterdir()] == ["README.md"]
    assert not (repository / "resources").exists()


def test_make_clean_keeps_the_readme_of_the_results(tmp_path: Path) -> None:
    (tmp_path / "workflow").symlink_to(REPOSITORY / "workflow")
    made = ["results/auc.csv", "results/.hidden", "results/figures/README.md", ".test/results/README.md"]
    kept = ["results/README.md", "other/results/auc.csv", ".test/config/config.yaml"]
    for name in [*made, *kept]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in range(2):
        command = ["make", "--file", str(REPOSITORY / "Makefile"), "clean", f"PYTHON={sys.executable}"]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        assert [name for name in [*made, *kept] if (tmp_path / name).exists()] == kept
        assert not (tmp_path / "results/figures").exists()


def test_make_clean_leaves_results_on_another_disk_and_does_without_any(tmp_path: Path) -> None:
    work, disk = tmp_path / "work", tmp_path / "disk"
    for folder in (work, disk):
        folder.mkdir()
    (work / "workflow").symlink_to(REPOSITORY / "workflow")
    (disk / "auc.csv").touch()
    command = ["make", "--file", str(REPOSITORY / "Makefile"), "clean", f"PYTHON={sys.executable}"]
    subprocess.run(command, cwd=work, capture_output=True, check=True)
    (work / "results").symlink_to(disk)
    subprocess.run(command, cwd=work, capture_output=True, check=True)
    assert (disk / "auc.csv").exists()
    assert {path.name for path in work.iterdir()} == {"workflow", "results"}
