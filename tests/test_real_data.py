"""The workflow on real MIMII data, where they are at hand: it meets the published method's figures."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import REPOSITORY, SHARED
from workflow_runner import snakemake, write_config

TOLERANCE = {"OCSVM": 0.004, "LOF": 0.008, "IF": 0.025}
"""How far the mean AUC over the IDs may lie from the expected one: rounding alone moves it that far."""


@pytest.fixture(scope="module")
def fan(tmp_path_factory: pytest.TempPathFactory, fan_caches: Path) -> Path:
    """Results of fan with noise factor 0.7 and seed 0, from the real feature caches, trained on the CPU."""
    directory = tmp_path_factory.mktemp("fan")
    mimii = yaml.safe_load((REPOSITORY / "config/mimii.yaml").read_text(encoding="utf-8"))
    config = {
        **mimii,
        "dataset": {"cache": str(fan_caches / "{snr}_{id}_{kind}.npy")},
        "machines": {"fan": mimii["machines"]["fan"]},
        "ddae": {**mimii["ddae"], "device": "cpu"},
        "noise_factors": [0.7],
        "seeds": [0],
    }
    snakemake(directory, "--configfile", write_config(directory, config), cores=2).ok()
    return directory / "results"


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    return pd.read_csv(SHARED / "reference" / "expected_fan.csv")


def test_auc_means_over_the_ids(fan: Path, expected: pd.DataFrame) -> None:
    group = ["snr", "detector"]
    measured = pd.read_csv(fan / "auc.csv").groupby(group)["auc"].mean()
    for (snr, detector), auc in expected.groupby(group)["auc"].mean().items():
        assert measured[snr, detector] == pytest.approx(auc, abs=TOLERANCE[detector]), (snr, detector)


def test_test_set_counts(fan: Path, expected: pd.DataFrame) -> None:
    columns = ["snr", "id", "detector", "n_train", "n_normal", "n_abnormal"]
    order = columns[:3]
    measured = pd.read_csv(fan / "auc.csv")[columns].sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(measured, expected[columns].sort_values(order, ignore_index=True))


def test_summary_and_scores_agree_with_the_table(fan: Path) -> None:
    table, summary = pd.read_csv(fan / "auc.csv"), pd.read_csv(fan / "summary.csv")
    assert len(summary) == 9
    for row in summary.itertuples():
        same = table[(table["snr"] == row.snr) & (table["detector"] == row.detector)]
        assert row.auc_mean == pytest.approx(same["auc"].mean())
        assert row.worst_auc == pytest.approx(same["auc"].min())
    for row in table.itertuples():
        scores = pd.read_csv(fan / f"scores/fan/nf0.7_seed0/{row.snr}_{row.id}.csv").query("part == 'test'")
        flagged = scores[f"{row.detector}_decision"] == "abnormal"
        assert row.tp == (flagged & (scores["label"] == "abnormal")).sum()
        assert row.fp == (flagged & (scores["label"] == "normal")).sum()


def audio_config(root: Path) -> dict[str, Any]:
    return {
        "dataset": {"root": str(root)},
        "snrs": {"snr_6": "-6_dB"},
        "reference_snr": "snr_6",
        "machines": {"fan": {"ids": ["id_00", "id_02"], "split": "auto"}},
    }


def test_run_from_real_recordings_alone(tmp_path: Path, fan_recordings: Path, fan_caches: Path) -> None:
    run = snakemake(tmp_path, "--configfile", write_config(tmp_path, audio_config(fan_recordings)), cores=2).ok()
    results = tmp_path / "results"
    for name in ("id_00", "id_02"):
        for kind, count in (("normal", 8), ("abnormal", 4)):
            features = np.load(results / f"features/fan/snr_6_{name}_{kind}.npy")
            known = np.load(fan_caches / f"snr_6_{name}_{kind}.npy")[:count]
            np.testing.assert_allclose(features[:, :128], known[:, :128], rtol=0, atol=2e-4)
            np.testing.assert_allclose(features[:, 128:], known[:, 128:], rtol=1e-3, atol=1e-6)
            with open(results / f"features/fan/snr_6_{name}_{kind}.csv", newline="", encoding="utf-8") as file:
                clips = list(csv.DictReader(file))
            assert [clip["file"].rsplit("/", 1)[1] for clip in clips] == [f"{n:08d}.wav" for n in range(count)]
            assert {(clip["duration"], clip["sample_rate"], clip["channels"]) for clip in clips} == {
                ("10", "16000", "8")
            }
    assert len(pd.read_csv(results / "auc.csv")) == 2 * 3
    assert len(list(results.glob("figures/confusion/seed0/fan_NF0.7_snr_6_*.png"))) == 3
    for path in ("summary.csv", "figures/auc/fan.png", "checkpoints/fan/nf0.7_seed0.pt"):
        assert (results / path).stat().st_size > 0
    assert "mean AUC over 2 IDs" in run.output
