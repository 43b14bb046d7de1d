"""The benchmarks run; what they measure is no matter of a test."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import yaml

from asd.features.acoustic import clip_features
from asd.features.columns import FEATURE_SETS
from asd.recordings.audio import read_clip
from benchmarks import jobs, plain, quality
from places import REPOSITORY
from small_data import write_clip

pytestmark = pytest.mark.slow

WHAT = [
    "extraction, a clip, one core",
    "extraction with temporal features, a clip, one core",
    "extraction, 20 clips, two cores",
    "extraction, peak memory, 20 clips",
    "extraction, one clip added to 20",
    "DDAE, 2 epochs, 20 clips, one core",
    "sweep, fan from caches, 1 noise factors, 2 cores, start-up included",
    "2 trainings, fan from caches, both protocols, everything that follows: CPU time",
    "a job that does nothing",
    "planning, 135 recordings, 1 trainings, nothing to do",
    "one new clip, from command to answer, CPU time",
    "many new clips, a second and core",
    "400 training clips of an ID, HULL and HULL-whitened: CPU time, peak memory",
]


def test_every_benchmark_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row in WHAT] == WHAT, done.stdout


def test_the_plain_extraction_computes_the_same_features(tmp_path) -> None:
    path = write_clip(tmp_path / "clip.wav", 0)
    ours = clip_features(read_clip(path).samples, FEATURE_SETS)
    for read in (plain.read, plain.read_in_double_precision):
        np.testing.assert_allclose(plain.extract(path, read), ours[:136], rtol=1e-3, atol=2e-4)
        np.testing.assert_allclose(plain.extract(path, read, temporal=True), ours, rtol=1e-3, atol=2e-3)


def test_what_the_jobs_of_a_run_took(tmp_path) -> None:
    head = "s\th:m:s\tmax_rss\tmax_vms\n"
    for name, seconds, memory in (
        ("detect_anomalies/fan/a", 2.0, "100.5"),
        ("detect_anomalies/pump/b", 4.0, "250"),
        ("collect_results", 0.5, "NA"),
    ):
        path = tmp_path / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{head}{seconds}\t0:00:02\t{memory}\t900\n", encoding="utf-8")
    text = jobs.table(jobs.measured(tmp_path))
    assert "| detect_anomalies | 2 | 6.0 | 3.0 | 4.0 | 250 |" in text
    assert "| collect_results | 1 | 0.5 | 0.5 | 0.5 | nan |" in text


def test_quality_from_caches_alone(tmp_path, capsys) -> None:
    """Faults that are far off, and normal test clips that are drawn like the training clips."""
    random = np.random.default_rng(0)
    for machine_id, kind in product(("a", "b"), ("normal", "abnormal")):
        rows = random.normal(0 if machine_id == "a" else 1, 1, (60 if kind == "normal" else 12, 136))
        np.save(tmp_path / f"s_{machine_id}_{kind}.npy", (rows + 5 * (kind == "abnormal")).astype(np.float32))
    config = {
        "dataset": {"cache": "another"},
        "snrs": {"s": "s"},
        "reference_snr": "s",
        "machines": {"fan": {"ids": ["a", "b"]}, "pump": {"ids": ["a", "b"]}},
        "ddae": {"epochs": 1},
        "classifier": {"networks": 1, "epochs": 2},
        "detectors": ["LOF", "HULL", "IDS"],
        "ensembles": [{"name": "Both", "detectors": ["HULL", "IDS"]}],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    caches = str(tmp_path / "{snr}_{id}_{kind}.npy")
    options = ["--machines", "fan", "--seeds", "0", "1", "--protocols", "strict", "--calibration"]
    quality.main(["--config", str(tmp_path / "config.yaml"), "--caches", caches, *options])
    aucs, p_values = capsys.readouterr().out.split("\n\n")
    rows = [line.strip("| ").split(" | ") for line in aucs.splitlines()[2:]]
    assert [cells[:2] for cells in rows] == [["strict", "fan"]] * 4
    assert {cells[2]: cells[3:6] for cells in rows if cells[2] in ("HULL", "Both")} == {
        name: ["1.0000", "1.0000", "0.0000"] for name in ("HULL", "Both")
    }
    assert all(0 <= float(cells[6].removesuffix(" %")) < 20 for cells in rows)
    rows = [line.strip("| ").split(" | ") for line in p_values.splitlines()[2:]]
    assert [cells[2:4] for cells in rows] == [[name, of] for name in "ab" for of in ("LOF", "HULL", "IDS", "Both")]
    assert all(float(cells[4]) < 0.4 for cells in rows)  # 2 x 14 clips each
