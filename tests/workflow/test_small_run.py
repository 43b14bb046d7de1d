"""The small configuration that the catalog of workflows and the jobs of a fork run, and what ``make clean`` leaves."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from places import REPOSITORY
from workflow_runner import snakemake, working_copy

JOBS_OF_DEMO = 153
CHARACTERS = 30_000  # on the terminal, of the demo


def as_people_see_it(output: str) -> list[str]:
    """The lines of what a run has said, none of which is too long."""
    lines = output.splitlines()
    assert max(map(len, lines)) <= 500, output
    return lines


@pytest.mark.slow
def test_small_run_takes_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASD_CONSOLE")
    repository = working_copy(tmp_path / "clone")
    there = repository / ".test"
    run = snakemake(there, repository=repository, cores=2, figures_as_seen=True).ok()
    (log,) = (there / ".snakemake/log").glob("*.log")
    finished = replace(run, output=log.read_text(encoding="utf-8"))
    steps = {"simulate_recordings", "extract_features", "train_ddae", "detect_anomalies", "combine_scores"}
    steps |= {
        "detect_without_ddae",
        "evaluate_scores",
        "collect_results",
        "plot_confusion",
        "plot_features",
        "plot_loss",
        "plot_results",
    }
    steps |= {"export_models", "export_features", "list_hardest"}
    assert steps | {"plot_scores", "plot_roc"} == set(finished.rules)
    number = sum(finished.rules.values())
    assert number < 30
    assert (there / "results/leaderboard.csv").exists()
    lines = as_people_see_it(run.output)
    ended = [line for line in lines if re.match(rf"\d\d:\d\d:\d\d  \[ *\d+/{number}\b[^]]*\]  (?!still at it)", line)]
    assert len(ended) == number
    assert ended[-1].partition("  [")[2].startswith(f"{number}/{number}]")
    assert any(
        line.endswith("  fan id_00 at 6 dB: features of 20 normal recordings (extract_features)") for line in lines
    )
    beside = len(run.output) - sum(map(len, lines[lines.index(ended[0]) : lines.index(ended[-1])]))
    assert beside + max(map(len, lines[: lines.index(ended[-1])])) * JOBS_OF_DEMO < CHARACTERS
    assert "results/leaderboard.html" in run.output
    assert str(log.relative_to(there)) in lines[-1]
    assert run.output.count(log.name) == 1
    plan_and_failure(there, repository)
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


def plan_and_failure(there: Path, repository: Path) -> None:
    """A second run says in a line that there is nothing to do, a dry run is short, a failing job is seen at the end."""
    again = as_people_see_it(snakemake(there, repository=repository).ok().output)
    assert again[1:] == ["Nothing to be done: all that was asked for is there and up to date."]
    cache = there / "results/features/fan/snr6_id_00_normal.npy"
    whole = cache.read_bytes()
    cache.write_bytes(whole[:300])
    planned = as_people_see_it(snakemake(there, "-n", repository=repository).ok().output)
    assert any(re.match(r"train_ddae +1  what it reads is newer", line) for line in planned), planned
    assert len(planned) < 30
    every_detail = snakemake(there, "-n", "-p", repository=repository).ok()
    assert {"train_ddae", "plot_results"} <= set(every_detail.rules)
    assert "reason: " in every_detail.output
    failed = snakemake(there, "results/auc.csv", repository=repository).failed().output
    end = "\n".join(as_people_see_it(failed)[-25:])
    said = ["1 job failed", "not a readable", f"Delete {cache.relative_to(there)} and run again"]
    assert all(part in end for part in said), failed
    # whichever job reads it first
    first = {
        "train_ddae": ("fan, noise factor 0.7, seed 0, strict: training of the DDAE", "nf0.7_seed0_strict"),
        "detect_without_ddae": ("fan, seed 0, strict: scores of 1 detector without DDAE", "seed0_strict"),
    }
    assert any(
        f"{about}  (rule {rule})" in end and f"log: results/logs/{rule}/fan/{log}.log" in end
        for rule, (about, log) in first.items()
    ), failed
    assert failed.count("not a readable") == 1
    cache.write_bytes(whole)


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
