"""A rule's name stands for all of its jobs: every machine and ID, whatever a job takes at once."""

from __future__ import annotations

import os
import re
from itertools import product
from pathlib import Path

import pytest

from asd.plan import paths
from plans import plan_of
from small_data import make_recordings, small_config
from workflow_runner import job, snakemake, write_config

IDS = {"fan": [f"id_{number:02d}" for number in range(6)], "pump": ["left", "right"]}
CONFIG = small_config() | {
    "machines": {name: {"ids": ids} for name, ids in IDS.items()},
    "snrs": {"snr6": "6_dB"},
    "seeds": [0, 1],
    "protocols": ["strict"],
    "ensembles": [{"name": "E", "detectors": ["OCSVM", "LOF"]}],
}
RUNS = [{"machine": machine, "nf": 0.5, "seed": seed, "protocol": "_strict"} for machine in IDS for seed in (0, 1)]
DETECTIONS = {job("detect_anomalies", **run) for run in RUNS}
FEATURE_FIGURES = {job("plot_features", machine="fan", nf=0.5)}
FEATURE_FIGURES |= {job("plot_features_of_id", machine="pump", id=name, nf=0.5) for name in IDS["pump"]}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six IDs of one machine and two of another: caches, and empty files as if detection had been done."""
    folder = tmp_path_factory.mktemp("names")
    make_recordings(folder / "recordings", IDS, {"snr6": "6_dB"})
    config = CONFIG | {"dataset": {"root": str(folder / "recordings")}}
    write_config(folder, config)
    plan = plan_of(config)
    snakemake(folder, "--until", "extract_features", "--configfile", folder / "config.yaml", cores=2).ok()
    made = [
        paths.of_run(f"{paths.CHECKPOINT}.{suffix}", machine, run)
        for machine, run, suffix in product(IDS, plan.trainings, ("pt", "npz", "loss.csv"))
    ]
    made += [
        f"{paths.of_run(paths.SCORES, machine, run)}/.snakemake_timestamp"
        for machine, run in product(IDS, plan.trainings)
    ]
    for number, name in enumerate(made):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (2e9 + number, 2e9 + number))  # in the order in which they would be made
    # into Snakemake's record: without it, files have to say that they are as planned
    snakemake(folder, "--touch", "--until", "detect_anomalies", "--configfile", folder / "config.yaml").ok()
    return folder


def plan(directory: Path, *arguments: str) -> set[str]:
    run = snakemake(directory, *arguments, "--dry-run", "--configfile", directory / "config.yaml").ok()
    assert len(run.jobs) == len(set(run.jobs))
    return set(run.jobs)


def test_every_rule_has_a_name_that_says_what_it_does_and_no_number(directory: Path) -> None:
    listed = snakemake(directory, "--list-rules", "--configfile", directory / "config.yaml").ok().output
    names = re.findall(r"^([a-z_0-9]+)$", listed, re.MULTILINE)
    assert {"detect_anomalies", "combine_scores", "plot_confusion", "plot_scores", "plot_roc", "plot_features"} <= set(
        names
    )
    assert not [name for name in names if re.search(r"\d", name)]


def test_until(directory: Path) -> None:
    assert plan(directory, "--until", "detect_anomalies") == set()
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir()
    write_config(elsewhere, CONFIG | {"dataset": {"root": str(directory / "recordings")}})
    jobs = plan(elsewhere, "--until", "detect_anomalies")
    assert {name for name in jobs if name.startswith("detect_anomalies")} == DETECTIONS
    assert {name.split("(")[0] for name in jobs} == {"extract_features", "train_ddae", "detect_anomalies"}
    assert len(jobs) == 2 * 8 + 4 + 4


def test_forcerun(directory: Path) -> None:
    jobs = plan(directory, "--forcerun", "detect_anomalies", "--until", "detect_anomalies")
    assert jobs == DETECTIONS


def test_omit_from(directory: Path) -> None:
    everything = plan(directory)
    without = plan(directory, "--omit-from", "plot_features", "plot_features_of_id")
    assert everything - without == FEATURE_FIGURES
    assert not without - everything
    assert {name.split("(")[0] for name in plan(directory, "--omit-from", "detect_anomalies")}.isdisjoint(
        {"detect_anomalies", "combine_scores", "evaluate_scores", "collect_results", "plot_confusion", "plot_roc"}
    )


def test_set_resources_and_threads(directory: Path) -> None:
    arguments = ["--dry-run", "--forcerun", "detect_anomalies", "--until", "detect_anomalies"]
    arguments += ["--set-resources", "detect_anomalies:mem_mb=4321", "--configfile", str(directory / "config.yaml")]
    requests = snakemake(directory, *arguments).ok().requests["detect_anomalies"]
    assert [request["mem_mb"] for request in requests] == [4321] * 4
