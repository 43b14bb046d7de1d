"""What re-runs after an edit: exactly what depends on it.  Snakemake runs for real; its jobs are compared with what
the documentation promises."""

from __future__ import annotations

import os
import re
import shutil
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from places import REPOSITORY
from small_data import SNRS, make_recordings, small_config, write_clip
from workflow_runner import Run, job, snakemake, write_config

pytestmark = pytest.mark.slow

MACHINES = {"fan": ["id_00", "id_02"], "pump": ["id_02"]}


Unit = dict[str, Any]
PAPER, STRICT = "", "_strict"  # the wildcard protocol


def from_training(machine: str, nf: float = 0.5, seed: int = 0, protocol: str = PAPER) -> set[str]:
    """The jobs of one machine, noise factor, seed and protocol from training to its figures."""
    unit: Unit = {"machine": machine, "nf": nf, "seed": seed, "protocol": protocol}
    jobs = {job("train_ddae", **unit), job("plot_loss", machine=machine)}
    return jobs | from_detection(machine, nf, seed, protocol)


def combining(machine: str, nf: float | str = 0.5, seed: int = 0, protocol: str = PAPER) -> set[str]:
    return {job("combine_scores", machine=machine, nf=nf, seed=seed, protocol=protocol)}


def of_features(machine: str, nf: float = 0.5) -> set[str]:
    """Figures of features, which show what the best detector of the machine sees; fan has the usual IDs."""
    if machine == "fan":
        return {job("plot_features", machine=machine, nf=nf)}
    return {job("plot_features_of_id", machine=machine, id=name, nf=nf) for name in MACHINES[machine]}


def from_detection(machine: str, nf: float = 0.5, seed: int = 0, protocol: str = PAPER) -> set[str]:
    """Detection, which all IDs of the machine share, and what follows."""
    unit: Unit = {"machine": machine, "nf": nf, "seed": seed, "protocol": protocol}
    return {job("detect_anomalies", **unit)} | from_evaluation(machine, nf, seed, protocol)


def from_evaluation(machine: str, nf: float = 0.5, seed: int = 0, protocol: str = PAPER) -> set[str]:
    return evaluation(machine) | of_scores(machine, nf, seed) | exported(machine, nf, seed, protocol)


def exported(machine: str, nf: float = 0.5, seed: int = 0, protocol: str = PAPER) -> set[str]:
    """Models and what there is to listen to, which are of the first noise factor and seed."""
    if seed:
        return set()
    return {job("export_models", machine=machine, nf=nf, seed=seed, protocol=protocol), job("list_hardest")}


def evaluation(machine: str) -> set[str]:
    return {job("evaluate_scores", machine=machine)} | the_end()


def of_scores(machine: str, nf: float = 0.5, seed: int = 0) -> set[str]:
    """Figures of scores, under all protocols; those of every clip, and of their features, are of the first seed."""
    unit: Unit = {"machine": machine, "nf": nf}
    of_clips = {job("plot_scores", **unit)} | of_features(machine, nf) if seed == 0 else set()
    return {job("plot_confusion", **unit, seed=seed), job("plot_roc", **unit)} | of_clips


def the_end() -> set[str]:
    return {job("collect_results"), job("plot_results")}


def extraction(machine: str, snr: str, name: str, kind: str) -> set[str]:
    return {job("extract_features", machine=machine, snr=snr, id=name, kind=kind)}


ALL_EXTRACTIONS = {
    one
    for machine, names in MACHINES.items()
    for snr, name, kind in product(SNRS, names, ("normal", "abnormal"))
    for one in extraction(machine, snr, name, kind)
}
FROM_TRAINING = from_training("fan") | from_training("pump")
FROM_DETECTION = from_detection("fan") | from_detection("pump")
FROM_EVALUATION = FROM_DETECTION - {name for name in FROM_DETECTION if name.startswith("detect_")}
STATISTICS = evaluation("fan") | evaluation("pump")
FIGURES = {name for name in FROM_TRAINING if name.startswith("plot_")}
TABLES = "results/auc.csv"  # a target without figures, which take most of the time


def to_tables(jobs: set[str]) -> set[str]:
    return {name for name in jobs if not name.startswith(("plot_", "export_", "list_"))}


class Finished:
    """A finished run: a working directory with recordings, results and a configuration that can be edited."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config: dict[str, Any] = small_config()
        self.config["machines"]["pump"]["ids"] = MACHINES["pump"]
        self.repository = REPOSITORY

    def recording(self, machine: str, snr: str, name: str, kind: str, number: int) -> Path:
        return self.directory / f"recordings/{SNRS[snr]}_{machine}/{machine}/{name}/{kind}/{number:08d}.wav"

    def run(self, *arguments: str, cores: int = 1) -> Run:
        configfile = write_config(self.directory, self.config)
        arguments = (*arguments, "--configfile", str(configfile))
        run = snakemake(self.directory, *arguments, repository=self.repository, cores=cores)
        assert len(run.jobs) == len(set(run.jobs)), "a job ran twice"
        return run.ok()

    def run_anyway(self, *arguments: str) -> Run:
        """A run that may fail."""
        configfile = write_config(self.directory, self.config)
        return snakemake(self.directory, *arguments, "--configfile", str(configfile), repository=self.repository)

    def plan(self, *targets: str) -> set[str]:
        """The jobs that would run."""
        return set(self.run(*targets, "--dry-run").jobs)

    def runs(self, *targets: str) -> set[str]:
        """The jobs that run."""
        return set(self.run(*targets).jobs)

    def edit_code(self, module: str, old: str, new: str) -> None:
        path = self.repository / "workflow" / "scripts" / module
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {module}"
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Run]:
    directory = tmp_path_factory.mktemp("first")
    make_recordings(directory / "recordings", MACHINES)
    finished = Finished(directory)
    return finished, finished.run(cores=2)


@pytest.fixture
def finished(first_run: tuple[Finished, Run], tmp_path: Path) -> Finished:
    """A copy of the finished run, time stamps included."""
    directory = tmp_path / "work"
    shutil.copytree(first_run[0].directory, directory, symlinks=True)
    return Finished(directory)


@pytest.fixture
def clone(finished: Finished, tmp_path: Path) -> Finished:
    """The finished run, continued from a copy of the repository whose files are all new."""
    copy = tmp_path / "clone"
    for name in ("workflow", "config", "envs", "profiles"):
        shutil.copytree(REPOSITORY / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", copy / "Snakefile")
    for path in copy.rglob("*"):
        os.utime(path)
    finished.repository = copy
    return finished


def test_first_run_makes_each_target_once(first_run: tuple[Finished, Run]) -> None:
    assert set(first_run[1].jobs) == ALL_EXTRACTIONS | FROM_TRAINING | {job("export_features")}


def test_nothing_changed_runs_nothing(finished: Finished) -> None:
    assert finished.plan() == set()


def test_other_number_of_cores_runs_nothing(finished: Finished) -> None:
    assert finished.run("--dry-run", cores=7).jobs == []


def test_comment_in_config_runs_nothing(finished: Finished) -> None:
    path = write_config(finished.directory, finished.config)
    path.write_text("# a comment\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    run = snakemake(finished.directory, "--configfile", path, "--dry-run").ok()
    assert run.jobs == []


def test_same_config_in_another_order_runs_nothing(finished: Finished) -> None:
    finished.config = dict(reversed(finished.config.items()))
    finished.config["ddae"] = dict(reversed(finished.config["ddae"].items()))
    assert finished.plan() == set()


def test_fresh_clone_runs_nothing(clone: Finished) -> None:
    assert clone.plan() == set()


def test_comments_and_docstrings_of_code_run_nothing(clone: Finished) -> None:
    for module in (clone.repository / "workflow" / "scripts").rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        module.write_text(text.replace('"""', '"""Reworded. ', 1) + "\n# a comment\n", encoding="utf-8")
    assert clone.plan() == set()


def test_machines_in_another_order_only_touch_the_ends(finished: Finished) -> None:
    finished.config["machines"] = dict(reversed(finished.config["machines"].items()))
    assert finished.plan() <= the_end()


def test_other_entry_point_runs_nothing(finished: Finished) -> None:
    arguments = ["--configfile", write_config(finished.directory, finished.config), "--dry-run"]
    run = snakemake(finished.directory, "--snakefile", REPOSITORY / "workflow" / "Snakefile", *arguments).ok()
    assert run.jobs == []


def test_seed_added(finished: Finished) -> None:
    finished.config["seeds"] = [0, 1]
    assert finished.plan() == from_training("fan", seed=1) | from_training("pump", seed=1)


def test_noise_factor_added_and_another_removed(finished: Finished) -> None:
    finished.config["noise_factors"] = [0.2, 0.5]
    added = from_training("fan", nf=0.2) | from_training("pump", nf=0.2)
    assert finished.plan() == added
    assert finished.runs(TABLES) == to_tables(added)
    finished.config["noise_factors"] = [0.2]
    assert finished.plan(TABLES) == to_tables(STATISTICS)


def test_epochs_of_one_machine(finished: Finished) -> None:
    finished.config["machines"]["fan"]["ddae"] = {"epochs": 3}
    assert finished.plan() == from_training("fan")


def test_detector_added_trains_and_extracts_nothing(finished: Finished) -> None:
    finished.config["detectors"] = ["IF", "OCSVM", "LOF"]
    assert finished.plan() == FROM_DETECTION


def test_parameter_of_a_detector(finished: Finished) -> None:
    finished.config["detectors"] = ["OCSVM", {"method": "LOF", "parameters": {"n_neighbors": 5}}]
    assert finished.plan() == FROM_DETECTION


def test_default_of_a_detector_written_out_runs_nothing(finished: Finished) -> None:
    lof = {"method": "LOF", "name": "LOF", "representation": "denoised", "projection": "map-pca"}
    finished.config["detectors"] = [{"method": "OCSVM", "parameters": {"nu": 0.1}}, lof]
    assert finished.plan() == set()


def test_protocol_added_leaves_the_other_one_s_trainings_and_scores(finished: Finished) -> None:
    """It has trainings of its own, since other clips train the DDAE; nothing is extracted."""
    finished.config["protocols"] = ["paper", "strict"]
    strict = from_training("fan", protocol=STRICT) | from_training("pump", protocol=STRICT)
    assert finished.plan() == strict
    assert finished.runs(TABLES) == to_tables(strict)
    finished.config["protocols"] = ["strict", "paper"]
    assert finished.plan(TABLES) <= STATISTICS
    finished.config["strict"] = {"folds": 3}
    detection = from_detection("fan", protocol=STRICT) | from_detection("pump", protocol=STRICT)
    assert finished.plan(TABLES) == to_tables(detection)
    counts = {"ddae": 5, "ad_train": 8, "ad_test": 8}
    finished.config["machines"]["pump"]["split"] = {"id_00": counts, "id_02": counts}
    # only the paper's protocol goes by counts
    assert finished.plan(TABLES) == to_tables(detection | from_training("pump"))


def test_detector_by_other_ids_trains_a_classifier_that_noise_factors_share(finished: Finished) -> None:
    finished.config["detectors"] = ["OCSVM", "LOF", "IDS"]
    finished.config["classifier"] = {"scope": "run", "networks": 1, "epochs": 2}
    shared = {job("detect_without_ddae", machine=machine, seed=0, protocol=PAPER) for machine in MACHINES}
    classifier = {job("train_classifier", seed=0, protocol=PAPER)} | shared
    assert finished.plan() == classifier | FROM_DETECTION
    assert finished.runs(TABLES) == classifier | to_tables(FROM_DETECTION)
    assert finished.plan(TABLES) == set()
    finished.config["noise_factors"] = [0.2, 0.5]
    added = from_training("fan", nf=0.2) | from_training("pump", nf=0.2)
    assert finished.plan(TABLES) == to_tables(added)
    finished.config["noise_factors"] = [0.5]
    finished.config["classifier"]["epochs"] = 3
    assert finished.plan(TABLES) == classifier | to_tables(FROM_DETECTION)
    finished.config["classifier"]["epochs"] = 2
    finished.config["machines"]["fan"]["ddae"] = {"epochs": 3}
    assert finished.plan(TABLES) == to_tables(from_training("fan"))
    del finished.config["machines"]["fan"]["ddae"]
    # without a record, it is known for what it is, and for what it is not
    shutil.move(finished.directory / ".snakemake", finished.directory / "records")
    assert finished.plan(TABLES) == {job("collect_results")}
    damaged = finished.directory / "results/classifiers/seed0.npz"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9])
    assert finished.plan(TABLES) == classifier | to_tables(FROM_DETECTION)
    damaged.write_bytes(whole)
    shutil.rmtree(finished.directory / ".snakemake")
    shutil.move(finished.directory / "records", finished.directory / ".snakemake")
    of_pump, of_fan = (finished.directory / f"results/scores_without_ddae/{name}/seed0" for name in ("pump", "fan"))
    for file in ("snr6_id_02.csv", "snr6_id_02.json"):
        shutil.copy(of_pump / file, of_fan / file)
    swapped = finished.run_anyway(TABLES, "--forcerun", "detect_anomalies").output
    assert re.search(r"scores_without_ddae/fan/seed0/snr6_id_02.*can't be read .*of machine pump, not fan", swapped)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    unusable = finished.run_anyway(TABLES, "--forcerun", "detect_without_ddae").output
    assert "results/classifiers/seed0.npz: this ID classifier can't be used" in unusable
    # of one machine, what the other has is of no account, and one ID alone has none to learn from
    finished.config["classifier"]["scope"] = "machine"
    without = finished.run(TABLES, "--dry-run")
    assert (
        "IDS: left out, since it learns from the other IDs of a machine, and there is but one ID of pump"
        in without.output
    )


def test_ensemble_added_scores_no_clip(finished: Finished) -> None:
    finished.config["ensembles"] = [{"name": "BOTH", "detectors": ["OCSVM", "LOF"]}]
    combined = combining("fan") | combining("pump")
    assert finished.plan() == combined | FROM_EVALUATION
    assert finished.runs(TABLES) == to_tables(combined | FROM_EVALUATION)
    finished.config["noise_factors"] = [0.2, 0.5]
    added = from_training("fan", nf=0.2) | from_training("pump", nf=0.2)
    assert finished.plan(TABLES) == to_tables(added | combining("fan", 0.2) | combining("pump", 0.2))
    finished.config["noise_factors"] = [0.5]
    finished.config["ensembles"][0]["average"] = "rank"
    assert finished.plan(TABLES) == to_tables(combined | FROM_EVALUATION)


def test_ensemble_over_noise_factors_leaves_their_own_scores(finished: Finished) -> None:
    finished.config["ensembles"] = [{"name": "ALL", "detectors": ["LOF"], "over": ["noise_factors"]}]
    over_all = combining("fan", "all") | combining("pump", "all")
    unit: Unit = {"nf": "all", "seed": 0, "detector": "ALL"}
    of_ensemble = {job("plot_confusion_over_trainings", machine=machine, **unit) for machine in MACHINES}
    del unit["seed"]
    of_ensemble |= {job("plot_scores_over_trainings", machine=machine, **unit) for machine in MACHINES}
    # which models do not have, and say so
    models = {name for machine in MACHINES for name in exported(machine) if name.startswith("export_")}
    assert finished.plan() == over_all | STATISTICS | of_ensemble | models


def test_replicates_of_the_bootstrap(finished: Finished) -> None:
    finished.config["statistics"]["replicates"] = 150
    of_curves = {job("plot_roc", machine=machine, nf=0.5) for machine in MACHINES}
    assert finished.plan() == STATISTICS | of_curves


def test_threshold(finished: Finished) -> None:
    finished.config["threshold_percentile"] = 90
    assert finished.plan() == FROM_DETECTION


def test_values_of_two_settings_swapped(finished: Finished) -> None:
    """Snakemake compares parameters without their names; the settings of a rule must not fall into that trap."""
    finished.config["ddae"].update(epochs=4, batch_size=2)
    assert finished.plan() == from_training("fan") | from_training("pump")


def test_split_of_one_id_for_detection_only(finished: Finished) -> None:
    counts = {"ddae": 6, "ad_train": 8, "ad_test": 8}
    finished.config["machines"]["fan"]["split"] = {"id_00": counts, "id_02": {**counts, "ad_train": 7}}
    assert finished.plan() == from_detection("fan")


def test_another_channel_or_set_of_features_extracts_everything_again(finished: Finished) -> None:
    finished.config["dataset"]["channel"] = 1
    assert finished.plan() == ALL_EXTRACTIONS | FROM_TRAINING
    del finished.config["dataset"]["channel"]
    finished.config["features"] = ["mfcc", "basic"]
    assert finished.plan() == ALL_EXTRACTIONS | FROM_TRAINING | {job("export_features")}


def log_of_extraction(finished: Finished, machine: str, snr: str, name: str, kind: str) -> str:
    path = finished.directory / f"results/logs/extract_features/{machine}/{snr}_{name}_{kind}.log"
    return path.read_text(encoding="utf-8")


def test_recording_added_reads_only_that_one(finished: Finished) -> None:
    folder = ("pump", "snr_6", "id_02", "abnormal")
    write_clip(finished.recording(*folder, 5), seed=99, abnormal=True)
    assert finished.runs() == extraction(*folder) | from_detection("pump")
    assert "6 clips: 1 computed, 5 taken over, 0 skipped" in log_of_extraction(finished, *folder)
    again = finished.run()
    assert again.jobs == []
    assert "Nothing to be done" in again.output


def threads_of(run: Run, snr: str, kind: str) -> int:
    """Threads that the cache of pump's only ID gets."""
    jobs = re.findall(r"^rule extract_features:\n((?:    .*\n)*)", run.output, re.MULTILINE)
    (job_of_cache,) = (text for text in jobs if f"{snr}_id_02_{kind}.skipped.csv" in text)
    return int((re.search(r"^    threads: (\d+)$", job_of_cache, re.MULTILINE) or ["", "1"])[1])


def test_cores_are_shared_by_the_recordings_yet_to_be_read(finished: Finished) -> None:
    caches = [f"results/features/pump/{snr}_id_02_{kind}.npy" for snr in SNRS for kind in ("normal", "abnormal")]
    first, second = (path for path in caches if "_normal" in path)

    def forget(cache: str) -> None:
        (finished.directory / cache).unlink()
        (finished.directory / cache).with_suffix(".csv").unlink()

    forget(first)
    assert threads_of(finished.run(*caches, "--dry-run", cores=6), "snr6", "normal") == 6
    forget(second)
    write_clip(finished.recording("pump", "snr_6", "id_02", "abnormal", 9), seed=5, abnormal=True)
    together = finished.run(*caches, "--dry-run", cores=6)
    assert [threads_of(together, snr, "normal") for snr in ("snr6", "snr_6")] == [3, 3]
    assert threads_of(together, "snr_6", "abnormal") == 1


def test_recording_removed(finished: Finished) -> None:
    folder = ("fan", "snr_6", "id_00", "normal")
    finished.recording(*folder, 3).unlink()
    assert finished.plan() == extraction(*folder) | from_detection("fan")
    finished.run("results/features/fan/snr_6_id_00_normal.npy")
    assert "13 clips: 0 computed, 13 taken over, 0 skipped" in log_of_extraction(finished, *folder)
    assert len(np.load(finished.directory / "results/features/fan/snr_6_id_00_normal.npy")) == 13


@pytest.mark.parametrize("age", [0, 10 * 365 * 24 * 3600], ids=["newer", "older than the cache"])
def test_recording_replaced(finished: Finished, age: int) -> None:
    folder = ("fan", "snr_6", "id_02", "normal")
    path = write_clip(finished.recording(*folder, 7), seed=1234)
    os.utime(path, times=(time.time() - age,) * 2)
    assert finished.plan() == extraction(*folder) | from_detection("fan")
    finished.run("results/features/fan/snr_6_id_02_normal.npy")
    assert "14 clips: 1 computed, 13 taken over, 0 skipped" in log_of_extraction(finished, *folder)


def test_normal_recording_at_the_reference_snr_trains_its_machine_again(finished: Finished) -> None:
    folder = ("pump", "snr6", "id_02", "normal")
    write_clip(finished.recording(*folder, 20), seed=77)
    assert finished.plan() == extraction(*folder) | from_training("pump")


CODE_EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "features": (
        "asd/features/acoustic.py",
        "LOG_FLOOR = 1e-8",
        "LOG_FLOOR = 2e-8",
        ALL_EXTRACTIONS | FROM_TRAINING | {job("export_features")},
    ),
    "training": ("asd/ddae/training.py", "_ROWS_TO_VALIDATE = 256", "_ROWS_TO_VALIDATE = 128", FROM_TRAINING),
    "components": ("asd/detection/projections.py", "MAX_COMPONENTS = 20", "MAX_COMPONENTS = 19", FROM_DETECTION),
    "detectors": (
        "asd/detection/detectors.py",
        'OneClassSVM(gamma="scale"',
        'OneClassSVM(gamma="auto"',
        FROM_DETECTION,
    ),
    "script": ("detect_anomalies.py", '", ".join(files.shared)', '"; ".join(files.shared)', FROM_DETECTION),
    "statistics": ("asd/evaluation/statistics.py", "_SAME_RATE = 1e-12", "_SAME_RATE = 1e-11", FROM_EVALUATION),
    "tables": ("asd/evaluation/tables.py", "Simulated recordings (the demo)", "Recordings of the demo", STATISTICS),
    "models": (
        "asd/models/detectors.py",
        "_NO_RATIO = 1e-12",
        "_NO_RATIO = 1e-11",
        {name for name in FROM_DETECTION if name.startswith("export_")},
    ),
    "figures": ("asd/figures/style.py", "DPI = 200", "DPI = 90", FIGURES | {job("list_hardest")}),
}


@pytest.mark.parametrize("stage", CODE_EDITS)
def test_code_of_one_stage_runs_that_stage_and_after(clone: Finished, stage: str) -> None:
    module, old, new, expected = CODE_EDITS[stage]
    clone.edit_code(module, old, new)
    assert clone.plan() == expected


def test_code_of_a_figure_draws_it_again(clone: Finished) -> None:
    figure = clone.directory / "results/figures/loss/fan.png"
    before = figure.read_bytes()
    clone.edit_code(*CODE_EDITS["figures"][:3])
    assert clone.runs("results/figures/loss/fan.png") == {job("plot_loss", machine="fan")}
    assert figure.read_bytes() != before


def test_deleted_feature_cache_is_made_again(finished: Finished) -> None:
    path = finished.directory / "results/features/fan/snr_6_id_00_normal.npy"
    before = np.load(path)
    path.unlink()
    run = finished.run("results/features/fan/snr_6_id_00_normal.npy")
    assert set(run.jobs) == extraction("fan", "snr_6", "id_00", "normal")
    assert np.array_equal(np.load(path), before)


# ------------------------------------------------------------------------------------------- what means the same


NOTED = {job("note_dates")}


def test_settings_that_mean_the_same_run_nothing(finished: Finished) -> None:
    config = finished.config
    config["snrs"] = dict(reversed(config["snrs"].items()))
    config["machines"] = dict(reversed(config["machines"].items()))
    for settings in config["machines"].values():
        settings["ids"] = settings["ids"][::-1]
    config["detectors"] = ["LOF", "OCSVM"]
    config |= {"threshold_percentile": 95.0, "seeds": [0.0], "noise_factors": [0.50]}
    config["ddae"] |= {"epochs": 2.0, "batch_size": 4.0}
    config["strict"] = {"shares": {"ad_test": 24.0, "ad_train": 56, "ddae": 20}}
    config["dataset"] |= {"root": "./recordings/", "kinds": {"abnormal": ["abnormal"], "normal": "normal"}}
    assert finished.plan() == set()


def test_recordings_reached_by_another_path_run_nothing(finished: Finished) -> None:
    folder = finished.directory
    for root in (folder / "recordings", folder / "link"):
        root.exists() or (folder / "link").symlink_to("recordings")
        finished.config["dataset"]["root"] = str(root)
        assert finished.plan() == set()
    (folder / "recordings").rename(folder / "moved")
    finished.config["dataset"]["root"] = "moved"
    assert finished.plan() == set()


def test_touched_and_copied_recordings_are_compared_once_and_train_nothing(finished: Finished) -> None:
    """Also with a date in the future, which Snakemake would take for newer each time."""
    tables = (finished.directory / TABLES).read_bytes()
    folder = finished.directory / "recordings"
    for number, path in enumerate(sorted(folder.rglob("*.wav"))):
        os.utime(path, times=(time.time() + (number % 3) * 1e8,) * 2)
    assert finished.runs() == NOTED
    assert finished.plan() == set()
    shutil.copytree(folder, finished.directory / "copy", copy_function=shutil.copyfile)
    finished.config["dataset"]["root"] = "copy"
    assert finished.runs() == NOTED
    assert finished.plan() == set()
    assert (finished.directory / TABLES).read_bytes() == tables


def test_a_touched_recording_with_another_content_is_read(finished: Finished) -> None:
    folder = ("pump", "snr_6", "id_02", "abnormal")
    path = finished.recording(*folder, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # the same size
    path.write_bytes(content)
    os.utime(finished.recording(*folder, 2))
    assert finished.runs(TABLES) == to_tables(extraction(*folder) | from_detection("pump"))
    assert "5 clips: 1 computed, 4 taken over, 0 skipped" in log_of_extraction(finished, *folder)
    assert finished.plan(TABLES) == set()


def test_a_renamed_recording_is_not_read_again(finished: Finished) -> None:
    folder = ("fan", "snr_6", "id_00", "abnormal")
    path = finished.recording(*folder, 1)
    path.rename(path.with_name("00000001b.wav"))
    assert finished.runs(TABLES) == to_tables(extraction(*folder) | from_detection("fan"))
    assert "5 clips: 0 computed, 5 taken over, 0 skipped" in log_of_extraction(finished, *folder)
