"""Runs of the workflow as users start it: every output, both entry points, strange paths, profiles, the report."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from asd.evaluation.tables import AUC_COLUMNS, SUMMARY_COLUMNS
from asd.recordings.layout import LABELLED
from places import REPOSITORY
from small_data import SNRS, make_recordings, small_config
from workflow_runner import job, snakemake, write_config

pytestmark = pytest.mark.slow

STRANGE_ROOT = "F:/소리 데이터 [MIMII]"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one machine with two noise factors and two seeds, in a folder with spaces and Hangul."""
    directory = tmp_path_factory.mktemp("결과 on another disk")
    make_recordings(directory / STRANGE_ROOT, {"fan": ["id_00", "id_02"]})
    config = small_config(root=STRANGE_ROOT)
    del config["machines"]["pump"]
    config.update(noise_factors=[0, 0.5], seeds=[0, 3], detectors=["IF", "OCSVM", "LOF"])
    run = snakemake(directory, "--configfile", write_config(directory, config), cores=2).ok()
    (directory / "console.txt").write_text(run.output, encoding="utf-8")
    return directory


def test_feature_caches_and_clip_lists(finished: Path) -> None:
    for snr in SNRS:
        for name in ("id_00", "id_02"):
            for kind, count in zip(LABELLED, (14, 5), strict=True):
                cache = finished / f"results/features/fan/{snr}_{name}_{kind}.npy"
                features = np.load(cache)
                clips = pd.read_csv(cache.with_suffix(".csv"), dtype=str)
                assert features.shape == (count, 648)
                assert features.dtype == np.float32
                assert list(clips.columns[:4]) == ["file", "duration", "sample_rate", "channels"]
                folder = f"{SNRS[snr]}_fan/fan/{name}/{kind}"
                assert list(clips["file"]) == [f"{folder}/{number:08d}.wav" for number in range(count)]
                assert set(clips["duration"]) == {"0.25"}
                assert set(clips["channels"]) == {"2"}


@pytest.mark.parametrize("unit", ["nf0_seed0", "nf0_seed3", "nf0.5_seed0", "nf0.5_seed3"])
def test_checkpoints(finished: Path, unit: str) -> None:
    content = torch.load(finished / f"results/checkpoints/fan/{unit}.pt", weights_only=True)
    configuration = content["configuration"]
    assert f"nf{configuration['noise_factor']:g}_seed{configuration['seed']}" == unit
    assert configuration["clips"] == [6, 6]
    assert configuration["device"] == "cpu"
    assert {name: len(curve["training"]) for name, curve in content["loss"].items()} == {"mfcc": 2, "basic": 2}
    assert content["scaling"]["minimum"].shape == (136,)
    assert "training on CPU" in (finished / f"results/logs/train_ddae/fan/{unit}.log").read_text(encoding="utf-8")


def test_scores(finished: Path) -> None:
    scores = pd.read_csv(finished / "results/scores/fan/nf0.5_seed3/snr_6_id_02.csv")
    detectors = ["IF", "OCSVM", "LOF"]
    per_detector = [f"{name}_{what}" for name in detectors for what in ("score", "decision")]
    about = ["start", "condition", "attributes"]
    assert list(scores.columns) == ["file", "part", "label", "protocol", *per_detector, *about]
    assert set(scores["protocol"]) == {"paper"}
    assert scores.groupby(["part", "label"]).size().to_dict() == {
        ("train", "normal"): 8,
        ("test", "normal"): 4,
        ("test", "abnormal"): 4,
    }


def test_tables(finished: Path) -> None:
    table, summary = (pd.read_csv(finished / f"results/{name}.csv") for name in ("auc", "summary"))
    assert list(table.columns) == list(AUC_COLUMNS)
    assert list(summary.columns) == list(SUMMARY_COLUMNS)
    assert len(table) == 2 * 2 * len(SNRS) * 2 * 3
    assert len(summary) == 2 * len(SNRS) * 3
    assert set(summary["n_ids"]) == {2}
    assert set(summary["n_seeds"]) == {2}
    assert (table["tn"] + table["fp"] == 4).all()
    assert (table["fn"] + table["tp"] == 4).all()
    assert table["auc"].between(0, 1).all()


def test_leaderboard_ranks_detectors_at_noise_factors(finished: Path) -> None:
    ranking = pd.read_csv(finished / "results/leaderboard.csv")
    ranked = ranking[~ranking["false_alarms_off"]]
    assert ranked["rank"].tolist() == [*range(1, len(ranked) + 1)]
    assert ranking["rank"].isna().tolist() == [False] * len(ranked) + [True] * (6 - len(ranked))
    assert ranked["auc"].is_monotonic_decreasing
    assert set(zip(ranking["detector"], ranking["noise_factor"], strict=True)) == {
        (detector, nf) for detector in ("IF", "OCSVM", "LOF") for nf in (0, 0.5)
    }
    assert (ranking["auc_low"] <= ranking["auc"]).all()
    assert (ranking["auc_high"] >= ranking["auc"]).all()
    first = ranking.iloc[0]
    summary = pd.read_csv(finished / "results/summary.csv")
    same = summary[(summary["detector"] == first["detector"]) & (summary["noise_factor"] == first["noise_factor"])]
    assert first["auc"] == pytest.approx(same["auc_mean"].mean())
    text = (finished / "results/leaderboard.md").read_text(encoding="utf-8")
    assert f"| 1 | {first['detector']} |" in text
    assert f"{first['auc']:.3f} [" in text
    comparisons = pd.read_csv(finished / "results/comparisons.csv")
    assert len(comparisons) == (len(SNRS) + 1) * 6 * 5 / 2
    assert comparisons["p_value"].isna().all()  # of so few test clips


def test_console_shows_the_mean_aucs(finished: Path) -> None:
    console = (finished / "console.txt").read_text(encoding="utf-8")
    summary = pd.read_csv(finished / "results/summary.csv")
    for noise_factor in ("0", "0.5"):
        assert f"fan, noise factor {noise_factor}, paper protocol: mean AUC over 2 IDs" in console
    for mean in summary["auc_mean"]:
        assert f"{mean:.3f}" in console


def figures_of(finished: Path) -> list[Path]:
    """All figures but the confusion matrices."""
    figures = finished / "results/figures"
    return [path for path in figures.rglob("*.png") if figures / "confusion" not in path.parents]


def test_figures(finished: Path) -> None:
    wanted = {
        f"seed{seed}/fan_NF{nf}_{snr}_{detector}.png"
        for seed in (0, 3)
        for nf in (0, 0.5)
        for snr in SNRS
        for detector in ("IF", "OCSVM", "LOF")
    } | {f"seed{seed}/fan_NF{nf}.png" for seed in (0, 3) for nf in (0, 0.5)}
    folder = finished / "results/figures/confusion"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.png")} == wanted
    others = {path.relative_to(finished / "results/figures").as_posix() for path in figures_of(finished)}
    expected = {"auc_heat_map.png", "auc/fan.png", "noise_factor/fan.png", "loss/fan.png"}
    expected |= {"auc_by_id/fan.png", "false_alarms/fan.png", "false_alarms_by_share/fan.png"}
    assert (finished / "results/benchmarks/training_time.png").exists()
    for nf in (0, 0.5):
        ids, detectors = ("id_00", "id_02"), ("IF", "OCSVM", "LOF")
        expected |= {f"{kind}/fan_NF{nf}_{name}.png" for kind in ("denoising", "projection") for name in ids}
        expected |= {f"scores/fan_NF{nf}_{detector}.png" for detector in detectors} | {f"roc/fan_NF{nf}.png"}
    assert others == expected
    for path in (*folder.rglob("*.png"), *figures_of(finished)):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_no_temporary_files_are_left(finished: Path) -> None:
    assert [path for path in (finished / "results").rglob("*") if ".part" in path.name] == []


def test_nothing_is_written_outside_results(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == {"results", ".snakemake", "F:", "config.yaml", "console.txt"}


def test_report(finished: Path) -> None:
    arguments = ("--report", "results/report.zip", "--configfile", finished / "config.yaml")
    snakemake(finished, *arguments).ok()
    with zipfile.ZipFile(finished / "results/report.zip") as archive:
        names = archive.namelist()
    assert any(name.endswith("report.html") for name in names)
    for figure in ("fan_NF0.5.png", "fan.png", "training_time.png"):
        assert any(name.endswith(figure) for name in names), names
    assert not any(name.endswith("fan_NF0.5_snr_6_LOF.png") for name in names)  # they are in the grid
    (finished / "results/report.zip").unlink()


def test_both_entry_points_plan_the_demo_and_need_no_config_in_the_working_directory(tmp_path: Path) -> None:
    plans = []
    for snakefile in ("Snakefile", "workflow/Snakefile"):
        plans.append(snakemake(tmp_path, "--dry-run", "--snakefile", REPOSITORY / snakefile).ok().rules)
    assert plans[0] == plans[1]
    assert plans[0]["train_ddae"] == 8  # four machines, two protocols
    assert plans[0]["simulate_recordings"] == 8
    assert list(tmp_path.glob("re*")) == []


def test_config_of_the_working_directory_comes_first(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(
        "dataset: {root: resources/demo}\nmachines: {slider: {ids: [left]}}\n", encoding="utf-8"
    )
    assert snakemake(tmp_path, "--dry-run").ok().rules["simulate_recordings"] == 1


def test_given_configfile_stands_alone_and_command_line_overrides_it(tmp_path: Path) -> None:
    path = write_config(tmp_path, {"dataset": {"root": "resources/demo"}, "machines": {"pump": {"ids": ["a"]}}})
    run = snakemake(tmp_path, "--dry-run", "--configfile", path, "--config", "noise_factors=[0.1, 0.3]").ok()
    assert run.rules["train_ddae"] == 2
    assert run.rules["detect_anomalies"] == 2
    assert "machine=pump" in run.output
    assert "machine=fan" not in run.output


def test_root_given_on_the_command_line_replaces_the_demo(finished: Path) -> None:
    config = ["dataset={root: '" + STRANGE_ROOT + "'}", "machines={fan: {ids: [id_00]}}"]
    run = snakemake(finished, "--dry-run", "--configfile", finished / "config.yaml", "--config", *config).ok()
    assert run.rules["simulate_recordings"] == 0


def test_slurm_profile_asks_for_a_gpu_to_train_and_nowhere_else(tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm executor plugin is not installed")
    run = snakemake(tmp_path, "--dry-run", "--profile", REPOSITORY / "profiles/slurm").ok()
    asking = {rule for rule, jobs in run.requests.items() if any(job.get("gpu") for job in jobs)}
    assert asking == {"train_ddae"}
    assert all(job["gpu"] == 1 for job in run.requests["train_ddae"])
    assert {"simulate_recordings", "extract_features", "detect_anomalies", "plot_confusion"} <= set(run.requests)
    submissions = Counter(re.findall(r"Group job (\w+) ", run.output))
    assert sum(len(jobs) for jobs in run.requests.values()) > 80
    once = ("extraction", "training", "classifiers", "detection_without_ddae", "detection", "ensembles", "models")
    assert submissions == dict.fromkeys((*once, "figures", "tables"), 1)


def test_small_jobs_of_a_sweep_share_submissions(tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm executor plugin is not installed")
    make_recordings(tmp_path / "recordings", {"fan": ["id_00"]})
    config = small_config(ids=("id_00",))
    del config["machines"]["pump"]
    config["noise_factors"] = [number / 10 for number in range(25)]
    profile = REPOSITORY / "profiles/slurm"
    configfile = write_config(tmp_path, config)
    run = snakemake(tmp_path, "--dry-run", "--profile", profile, "--configfile", configfile).ok()
    assert "a GPU that it will not use, since ddae.device is cpu" in run.output
    jobs = sum(len(jobs) for jobs in run.requests.values())
    assert jobs == 4 + 6 * 25 + 1 + 3 + 3  # caches, six jobs a training, losses, tables, models and a page
    submissions = Counter(re.findall(r"Group job (\w+) ", run.output))
    # 20 trainings and 10 detections go together, and 40 figures
    assert submissions == {"extraction": 1, "training": 2, "detection": 3, "models": 1, "figures": 3, "tables": 1}


def test_slurm_profile_without_slurm_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm executor plugin is not installed")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "which"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))
    run = snakemake(tmp_path, "--profile", REPOSITORY / "profiles/slurm").failed()
    assert "there is no program 'sbatch' here" in run.output
    assert not run.jobs


def test_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    make_recordings(tmp_path / "recordings", {"fan": ["id_00"]})
    config = small_config(ids=("id_00",))
    del config["machines"]["pump"]
    config["ddae"]["epochs"] = 100_000
    path = write_config(tmp_path, config)
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", tmp_path]
    command += ["--cores", "1", "--configfile", path]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # a test run that was itself started in the background would hand on its deafness to Ctrl-C
    hearing = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [str(part) for part in command]
    running = subprocess.Popen(command, **quiet, start_new_session=True, preexec_fn=hearing)
    log = tmp_path / "results/logs/train_ddae/fan/nf0.5_seed0.log"
    try:
        for _ in range(600):
            if log.exists() and "train the networks" in log.read_text(encoding="utf-8"):
                break
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(0.2)
        os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C does, to Snakemake and to its job
        assert running.wait(60) != 0
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert not (tmp_path / "results/checkpoints/fan/nf0.5_seed0.pt").exists()
    config["ddae"]["epochs"] = 1
    run = snakemake(tmp_path, "results/auc.csv", "--configfile", write_config(tmp_path, config)).ok()
    assert job("extract_features", machine="fan", snr="snr6", id="id_00", kind="normal") not in run.jobs
    assert run.rules["train_ddae"] == 1
    assert (tmp_path / "results/auc.csv").exists()
