"""Results of other configurations: listed, never used; and results that Snakemake has no record of."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from faults import EVERYTHING, TABLES, Workplace, differences, make_tiny_recordings, tiny_config
from workflow_runner import Run, snakemake, write_config

pytestmark = pytest.mark.slow

ENSEMBLE = {"name": "BOTH", "detectors": ["OCSVM", "LOF"]}
FIGURES = {"plot_confusion", "plot_features", "plot_loss", "plot_results", "plot_roc", "plot_scores"}
FOR_NEW_RECORDINGS = {"export_models", "export_features", "list_hardest"}
_LINE = re.compile(r"^ +[\d.]+ kB  (\S+)", re.MULTILINE)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A finished run with two seeds, two IDs and an ensemble."""
    root = tmp_path_factory.mktemp("recordings")
    make_tiny_recordings(root)
    workplace = Workplace.create(tmp_path_factory.mktemp("first") / "work", root)
    write_config(workplace.directory, tiny_config(str(root)) | {"seeds": [0, 1], "ensembles": [ENSEMBLE]})
    workplace.run(EVERYTHING).ok()
    return workplace


@pytest.fixture
def finished(first: Workplace, tmp_path: Path) -> Workplace:
    return first.copy_to(tmp_path / "work")


def change(workplace: Workplace, old: str, new: str) -> None:
    path = workplace.directory / "config.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def leftovers(workplace: Workplace) -> tuple[set[str], Run]:
    configfile = workplace.directory / "config.yaml"
    run = snakemake(workplace.directory, "leftovers", "--configfile", configfile).ok()
    return set(_LINE.findall(run.output)), run


# ----------------------------------------------------------------------------------------------------------- leftovers


def test_nothing_is_left_over_of_the_same_configuration(finished: Workplace) -> None:
    (finished.results / "report.zip").write_text("the user's")
    listed, run = leftovers(finished)
    assert listed == set()
    assert "Nothing under results/ is of another configuration." in run.output


def test_what_a_removed_seed_leaves_is_listed_and_not_deleted(finished: Workplace) -> None:
    change(finished, "seeds:\n- 0\n- 1\n", "seeds:\n- 0\n")
    before = {path for path in finished.results.rglob("*") if path.is_file()}
    listed, run = leftovers(finished)
    assert listed == {
        *(f"results/{folder}/fan/nf0.5_seed1" for folder in ("scores", "ensembles")),
        *(f"results/checkpoints/fan/nf0.5_seed1.{suffix}" for suffix in ("pt", "npz", "loss.csv")),
        "results/figures/confusion/seed1",
        *(f"results/logs/{rule}/fan/nf0.5_seed1.log" for rule in OF_A_RUN),
        *(f"results/benchmarks/{rule}/fan/nf0.5_seed1.tsv" for rule in OF_A_RUN),
    }
    assert before <= {path for path in finished.results.rglob("*") if path.is_file()}
    command = run.output[run.output.index("rm -r -- ") :].splitlines()[0].split()[3:]
    assert set(command) == listed


OF_A_RUN = ("train_ddae", "detect_anomalies", "combine_scores", "plot_confusion")


def test_what_a_removed_id_leaves_is_listed_and_not_in_the_tables(finished: Workplace) -> None:
    change(finished, "    - id_02\n", "")
    listed, _ = leftovers(finished)
    assert "results/features/fan/snr6_id_02_normal.npy" in listed
    assert "results/scores/fan/nf0.5_seed0/snr6_id_02.csv" in listed
    assert not [name for name in listed if "id_00" in name]
    finished.run(TABLES).ok()
    assert "id_02" not in (finished.results / "auc.csv").read_text(encoding="utf-8")
    assert not (finished.results / "scores/fan/nf0.5_seed0/snr6_id_02.csv").exists()


def test_what_a_removed_detector_leaves_is_listed(finished: Workplace) -> None:
    change(finished, "detectors:\n- OCSVM\n- LOF\n", "detectors:\n- LOF\n")
    change(finished, "ensembles:\n- name: BOTH\n  detectors:\n  - OCSVM\n  - LOF\n", "ensembles: []\n")
    listed, _ = leftovers(finished)
    assert {"results/ensembles", "results/figures/scores/fan_NF0.5_OCSVM.png"} <= listed
    assert not [name for name in listed if "LOF" in name or "/scores/fan/" in name]


# ------------------------------------------------------------------------------------------------------ without record


def test_without_record_what_says_that_it_is_as_planned_is_kept(finished: Workplace, first: Workplace) -> None:
    shutil.rmtree(finished.directory / ".snakemake")
    run = finished.run(EVERYTHING).ok()
    assert "Snakemake has no record of some of the results" in run.output
    assert set(run.rules) == {*FIGURES, *FOR_NEW_RECORDINGS, "collect_results"}
    assert differences(finished, first, EVERYTHING) == []
    assert finished.run(EVERYTHING).ok().jobs == []


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("epochs: 1", "epochs: 2", {"extract_features"}),
        (
            "replicates: 100",
            "replicates: 200",
            {"extract_features", "train_ddae", "detect_anomalies", "combine_scores"},
        ),
        ("root: ", "channel: 0\n  root: ", set()),
    ],
)
def test_without_record_what_follows_from_changed_settings_is_made_again(
    finished: Workplace, old: str, new: str, kept: set[str]
) -> None:
    shutil.rmtree(finished.directory / ".snakemake")
    change(finished, old, new)
    configfile = finished.directory / "config.yaml"
    plan = snakemake(finished.directory, "--dry-run", "--configfile", configfile).ok()
    stages = {"extract_features", "train_ddae", "detect_anomalies", "combine_scores", "evaluate_scores"}
    assert set(plan.rules) == FIGURES | FOR_NEW_RECORDINGS | (stages - kept) | {"collect_results"}


def test_without_record_a_changed_recording_is_noticed(finished: Workplace, first: Workplace, tmp_path: Path) -> None:
    config = (finished.directory / "config.yaml").read_text(encoding="utf-8")
    root = Path(re.search(r"root: (\S+)", config)[1])  # type: ignore[index]
    shutil.copytree(root, tmp_path / "moved")
    change(finished, f"root: {root}", f"root: {tmp_path / 'moved'}")
    shutil.rmtree(finished.directory / ".snakemake")
    normal = tmp_path / "moved/6_dB_fan/fan/id_00/normal"
    shutil.copy(normal / "00000001.wav", normal / "00000000.wav")
    configfile = finished.directory / "config.yaml"
    plan = snakemake(finished.directory, "--dry-run", "--configfile", configfile).ok()
    assert [job for job in plan.jobs if job.startswith("extract")] == [
        "extract_features(id=id_00, kind=normal, machine=fan, snr=snr6)"
    ]


def test_without_record_and_profile_the_run_stops_and_says_what_to_do(finished: Workplace) -> None:
    shutil.rmtree(finished.directory / ".snakemake")
    configfile = finished.directory / "config.yaml"
    run = snakemake(finished.directory, "--workflow-profile", "none", "--configfile", configfile).failed()
    assert "perhaps since .snakemake is missing. Add --rerun-incomplete" in run.output
    assert run.jobs == []


def test_an_older_cache_in_place_of_the_newest_is_made_again(finished: Workplace, first: Workplace) -> None:
    features = finished.results / "features/fan"
    for suffix in (".npy", ".csv", ".skipped.csv"):
        shutil.copy2(features / f"snr6_id_02_normal{suffix}", features / f"snr6_id_00_normal{suffix}")
    run = finished.run(TABLES).ok()
    assert "Some feature caches are not of the recordings that are there now" in run.output
    assert run.rules["extract_features"] == 1
    assert differences(finished, first, TABLES) == []
