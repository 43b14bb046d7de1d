"""Layouts of data sets: the configurations that come along, and those of a page, on trees of such files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import layouts
from asd.plan import checks
from asd.plan.run import clip_counts, recordings
from asd.recordings.layout import Folder
from places import REPOSITORY
from plans import plan_of
from workflow_runner import snakemake, write_config

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs/own_recordings.md").read_text(encoding="utf-8")
WRITTEN = dict(re.findall(r"<!-- layout: (\w+) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL))
SHIPPED = sorted(path.stem for path in (REPOSITORY / "config").glob("*.yaml") if hasattr(layouts, path.stem))
CLIPS = {  # normal and abnormal ones of an ID
    "folders": (20, 4),
    "faults": (20, 10),
    "names": (20, 4),
    "parts": (16, 4),
    "channels": (20, 4),
    "hours": (12, 4),
    "healthy": (20, 0),
    "unknown": (20, 0),
}
SHORT: dict[str, Any] = {
    "ddae": {"epochs": 2, "batch_size": 4, "device": "cpu"},
    "statistics": {"replicates": 100},
    "detectors": ["LOF"],
}


def configuration(name: str, folder: Path) -> dict[str, Any]:
    """What the page says, with recordings in `folder`."""
    config: dict[str, Any] = yaml.safe_load(WRITTEN[name])
    config["dataset"]["root"] = str(layouts.make_layout(getattr(layouts, name), folder))
    return config


def test_every_layout_of_the_page_is_tried_and_takes_four_lines_at_most() -> None:
    assert WRITTEN.keys() == CLIPS.keys()
    assert all(len(text.splitlines()) <= 4 for text in WRITTEN.values())


@pytest.mark.parametrize("name", CLIPS)
def test_what_the_page_says_finds_every_clip(name: str, tmp_path: Path) -> None:
    plan = plan_of(configuration(name, tmp_path))
    assert checks.data_problems(plan) == []
    for machine in plan.machines:
        assert {clip_counts(plan, machine, *unit) for unit in plan.units(machine)} == {CLIPS[name]}


def test_faults_are_conditions_and_parts_are_splits(tmp_path: Path) -> None:
    faults = plan_of(configuration("faults", tmp_path / "faults"))
    abnormal = recordings(faults, Folder("press", "as_recorded", "left", "abnormal"))
    assert Counter(one.condition for one in abnormal) == {"leak": 3, "belt": 3, "fault_valve": 2, "fault_bearing": 2}
    parts = plan_of(configuration("parts", tmp_path / "parts"))
    normal = recordings(parts, Folder("machine", "as_recorded", "00", "normal"))
    assert [one.split for one in normal] == ["train"] * 12 + ["test"] * 4


def run(name: str, folder: Path) -> pd.DataFrame:
    """Scores of the only ID, after a run of what the page says."""
    config = configuration(name, folder / "recordings") | SHORT
    targets = ["results/auc.csv", "results/conditions.csv"]
    snakemake(folder, *targets, "--configfile", write_config(folder, config), cores=2).ok()
    (scores,) = folder.glob("results/scores/*/*/*.csv")
    return pd.read_csv(scores, dtype={"start": str}, keep_default_na=False)


def test_clips_of_one_recording_never_train_and_test(tmp_path: Path) -> None:
    scores = run("hours", tmp_path)
    assert Counter(scores.loc[scores["label"] == "abnormal", "start"]) == dict.fromkeys(("0", "10", "20", "30"), 1)
    normal = scores[scores["label"] == "normal"]
    assert set(normal["part"]) == {"train", "test"}
    assert (normal.groupby("file")["part"].nunique() == 1).all()


def test_channels_are_one_recording_and_unjudged_clips_are_scored(tmp_path: Path) -> None:
    scores = run("channels", tmp_path / "channels")
    assert len(scores) == 20 + 4 - 4  # four train the DDAE
    assert all(file.endswith("_ch1.wav") for file in scores["file"])
    lists = pd.read_csv(tmp_path / "channels/results/features/machine/as_recorded_00_normal.csv")
    assert set(lists["channels"]) == {2}
    unknown = run("unknown", tmp_path / "unknown")
    assert Counter(unknown["label"]) == {"normal": 16, "unlabelled": 5}
    assert set(unknown.loc[unknown["label"] == "unlabelled", "part"]) == {"test"}
    auc = pd.read_csv(tmp_path / "unknown/results/auc.csv")
    assert list(auc["n_normal"] + auc["n_train"]) == [16]


def test_the_given_split_is_that_of_the_folders(tmp_path: Path) -> None:
    scores = run("parts", tmp_path)
    assert (scores["file"].str.split("/").str[0] == scores["part"]).all()
    assert Counter(scores["part"]) == {"train": 12 - 3, "test": 8}  # three train the DDAE


@pytest.mark.parametrize("name", SHIPPED)
def test_a_configuration_that_comes_along_takes_its_data_set(name: str, tmp_path: Path) -> None:
    layouts.make_layout(getattr(layouts, name), tmp_path / "data")
    config = yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
    config["dataset"]["root"] = "data"
    run = snakemake(tmp_path, "--configfile", write_config(tmp_path, config), "--dry-run").ok()
    ids = sum(len(machine["ids"]) for machine in config["machines"].values())
    assert run.rules["extract_features"] == 2 * ids
    assert run.rules["train_ddae"] == len(config["machines"])


def test_all_configurations_that_come_along_are_tried() -> None:
    names = {path.stem for path in (REPOSITORY / "config").glob("*.yaml")}
    assert names - set(SHIPPED) == {"config", "mimii", "ablation"}  # tried elsewhere
    assert all(f"{name}.yaml" in PAGE for name in names - {"config", "ablation", "dcase2021", "dcase2022"})
