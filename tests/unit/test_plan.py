"""The plan of a run: trainings, ensembles, files, parameters, work, and what is wrong with the data."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asd.ddae.run import Run
from asd.errors import UserError
from asd.features.columns import FEATURE_SETS
from asd.plan import Plan, checks, origins, parameters, paths, work
from asd.plan.run import clip_counts, demo_recordings, given_cache, recordings
from asd.recordings.audio import read_clips
from asd.recordings.layout import Folder, files_of
from plans import plan_of
from small_data import make_recordings, small_config, write_clip

IDS = {"fan": ["id_00", "id_02"], "pump": ["id_00"]}


def config(**changes: Any) -> dict[str, Any]:
    machines = {name: {"ids": ids} for name, ids in IDS.items()}
    return small_config() | {"machines": machines, "detectors": ["IF", {"method": "LDN", "name": "L:1"}]} | changes


OVER = [
    {"name": "BOTH", "detectors": ["IF", "L:1"]},
    {"name": "NF", "detectors": ["IF"], "over": ["noise_factors"]},
    {"name": "ALL", "detectors": ["IF", "L:1"], "over": ["noise_factors", "seeds"]},
]
SWEEP = {"noise_factors": [0, 0.5], "seeds": [0, 3], "protocols": ["paper"], "ensembles": OVER}


# ---------------------------------------------------------------------------------------------------------- trainings


def test_trainings_are_all_noise_factors_seeds_and_protocols() -> None:
    plan = plan_of(config(noise_factors=[0.0, 1, 0.25], seeds=[0, 7], protocols=["paper", "strict"]))
    names = {str(run) for run in plan.trainings}
    assert len(plan.trainings) == len(names) == 12
    assert {"nf0_seed0", "nf1_seed7_strict", "nf0.25_seed0"} <= names


def test_ensembles_over_trainings_are_runs_of_their_own() -> None:
    plan = plan_of(config(**SWEEP))
    assert [str(run) for run in plan.scored_runs] == [
        *("nf0_seed0", "nf0_seed3", "nf0.5_seed0", "nf0.5_seed3"),
        *("nfall_seed0", "nfall_seed3", "nfall_seedall"),
    ]
    assert plan.names_of_training == ["IF", "L:1", "BOTH"]
    assert plan.names_at(Run(None, 3, "paper")) == ["NF"]
    assert plan.names_at(Run(None, None, "paper")) == plan.names_over_trainings[:1] == ["ALL"]
    assert plan.names_at(Run(0.5, None, "paper")) == []
    assert plan.members(Run(None, 3, "paper")) == [Run(0, 3, "paper"), Run(0.5, 3, "paper")]
    assert len(plan.members(Run(None, None, "paper"))) == 4
    assert plan.members(Run(0.5, 3, "paper")) == [Run(0.5, 3, "paper")]


def test_figures_of_scores_show_each_ensemble_over_trainings_of_the_first_seed() -> None:
    over = [{"name": name, "detectors": ["IF"], "over": [name], "average": "z"} for name in ("seeds", "noise_factors")]
    plan = plan_of(config(**SWEEP | {"ensembles": over}))
    figures = [path for path in paths.final_outputs(plan) if "figures/scores/fan" in path]
    names = ["NF0_IF", "NF0_L-1", "NF0.5_IF", "NF0.5_L-1", "NF0_seeds", "NF0.5_seeds", "NFall_noise_factors"]
    assert sorted(figures) == sorted(f"results/figures/scores/fan_{name}.png" for name in names)
    assert plan.run_shown("seeds", 0.5, "paper") == Run(0.5, None, "paper")
    assert plan.run_shown("noise_factors", None, "paper") == Run(None, 0, "paper")
    settings = parameters.plot_scores_over_trainings(plan, "fan", "seeds", 0.5, "paper")
    assert (settings["runs"], settings["detectors"], settings["seed"]) == ([["paper", "0.5", "all"]], ["seeds"], None)


def test_units_are_all_snrs_and_ids_of_a_machine() -> None:
    plan = plan_of(config())
    assert plan.units("fan") == [(snr, name) for snr in ("snr6", "snr_6") for name in ("id_00", "id_02")]
    assert len(plan.folders()) == 2 * 3 * 2
    assert plan.folders()[1] == Folder("fan", "snr6", "id_00", "abnormal")


# -------------------------------------------------------------------------------------------------------------- files


def test_final_outputs_are_unique_and_have_no_wildcards() -> None:
    outputs = paths.final_outputs(plan_of(config(**SWEEP)))
    assert len(set(outputs)) == len(outputs)
    assert not any("{" in output or ":" in output for output in outputs)
    assert all(output.startswith("results/") for output in outputs)


def test_final_outputs_hold_each_kind_of_file_as_often_as_there_are_units() -> None:
    outputs = paths.final_outputs(plan_of(config(**SWEEP)))
    counts = {
        "features/": 12 * 2,
        "checkpoints/": 2 * 4 * 2,
        "scores/": 2 * 4,
        "ensembles/": 2 * (4 + 2 + 1),
        "figures/confusion/": 2 * (2 * (4 * 3 + 2 * 1 + 1) + (4 + 2 + 1)),  # matrices, and their grids
        "figures/scores/": 2 * (2 * 3 + 2),
        "figures/roc/": 2 * 2,
        "figures/denoising/": 3 * 2,
        "figures/projection/": 3 * 2,
        "figures/loss/": 2,
        "figures/auc/": 2,
        "figures/auc_by_id/": 1,  # of the machine with several IDs
        "figures/false_alarms/": 2,
        "figures/false_alarms_by_share/": 2,
        "benchmarks/training_time.png": 1,
        "figures/noise_factor/": 2,
        "figures/ablation/": 0,
        "figures/auc_heat_map": 1,
        "models/": 2 * 1 + 1,
    }
    assert {kind: sum(output.startswith(f"results/{kind}") for output in outputs) for kind in counts} == counts
    assert len(outputs) == sum(counts.values()) + len(paths.TABLES)


def test_names_of_files_are_those_that_users_know() -> None:
    outputs = set(paths.final_outputs(plan_of(config(noise_factors=[0.7], protocols=["paper", "strict"]))))
    assert {
        "results/auc.csv",
        "results/features/fan/snr_6_id_02_abnormal.npy",
        "results/checkpoints/pump/nf0.7_seed0_strict.pt",
        "results/scores/fan/nf0.7_seed0",
        "results/figures/confusion/seed0_strict/fan_NF0.7_snr6_L-1.png",
        "results/figures/confusion/seed0_strict/fan_NF0.7.png",
        "results/figures/auc/fan.png",
        "results/figures/loss/fan_strict.png",
        "results/figures/denoising/fan_NF0.7_id_00.png",
    } <= outputs


def test_patterns_of_rules_match_the_files_of_a_run() -> None:
    plan = plan_of(config(**SWEEP))
    wildcards = {"machine": "fan|pump", "snr": "snr6|snr_6", "id": "id_00|id_02", "kind": "normal|abnormal"}
    wildcards |= {"nf": r"0|0\.5|all", "seed": "0|3|all", "protocol": "(?:)", "detector": "IF|L-1|BOTH|NF|ALL"}
    patterns = [
        value for name, value in vars(paths).items() if name.isupper() and isinstance(value, str) and "{" in value
    ]
    compiled = []
    for pattern in patterns:
        parts = re.split(r"\{(\w+)\}", pattern)
        text = "".join(
            re.escape(part) if number % 2 == 0 else f"(?:{wildcards[part]})" for number, part in enumerate(parts)
        )
        compiled.append(re.compile(rf"{text}(?:\.\w+)?"))
    lost = [
        output
        for output in paths.final_outputs(plan)
        if Path(output).name not in (*paths.TABLES, "features.onnx", "training_time.png")
        and not any(pattern.fullmatch(output) for pattern in compiled)
    ]
    assert lost == []


def test_scores_of_detectors_and_ensembles_of_a_run_lie_in_two_folders() -> None:
    plan = plan_of(config(**SWEEP))
    assert paths.scores_of_run(plan, "fan", Run(0.5, 3, "paper")) == [
        "results/scores/fan/nf0.5_seed3",
        "results/ensembles/fan/nf0.5_seed3",
    ]
    assert paths.scores_of_run(plan, "fan", Run(None, 3, "paper")) == ["results/ensembles/fan/nfall_seed3"]
    assert len(paths.scores_of_machine(plan, "fan")) == 4 * 2 + 3
    settings = parameters.evaluate_scores(plan, "fan")
    assert len(settings["runs"]) == len(paths.scores_of_machine(plan, "fan"))
    assert settings["runs"][:2] == [["paper", "0", "0"], ["paper", "0", "0"]]
    assert settings["runs"][-1] == ["paper", "all", "all"]
    at = paths.scores_at(plan, "fan", 0.5, "paper")
    assert len(parameters.plot_roc(plan, "fan", 0.5, "paper")["runs"]) == len(at) == 4


def test_without_abnormal_clips_there_are_no_figures_of_auc() -> None:
    plan = plan_of(
        config(
            dataset={"root": "recordings", "kinds": {"normal": "normal"}, "pattern": "{snr_dir}/{machine}/{id}/*.wav"},
            protocols=["strict"],
        )
    )
    assert plan.auc_machines == []
    outputs = paths.final_outputs(plan)
    assert not [output for output in outputs if "/roc/" in output or "/figures/auc" in output]
    assert not [output for output in outputs if "/confusion/" in output]
    assert "results/figures/false_alarms/fan.png" in outputs
    assert checks.ids_without_abnormal_clips(plan) == ["fan id_00", "fan id_02", "pump id_00"]


def test_the_ablation_figure_is_of_methods_with_and_without_the_ddae() -> None:
    detectors = [
        {"method": "LOF", "name": "A", "representation": "raw"},
        {"method": "LOF", "name": "B"},
        {"method": "LOF", "name": "C", "parameters": {"n_neighbors": 5}},
        {"method": "KNN", "name": "D"},
        {"method": "LDN", "name": "E", "representation": "log-mel"},
        {"method": "LDN", "name": "F"},
        {"method": "LDN", "name": "G", "projection": "whitening", "representation": "log-mel"},
    ]
    assert plan_of(config(detectors=detectors)).ablation == {
        "A": ["LOF", "raw"],
        "B": ["LOF", "denoised"],
        "E": ["LDN, log-mel", "raw"],
        "F": ["LDN, log-mel", "raw+denoised"],
    }


# --------------------------------------------------------------------------------------------------------- parameters


def test_one_value_has_one_form_in_parameters() -> None:
    """Else Snakemake would take 1 and 1.0, or another order of the keys, for a change."""
    first = config(noise_factors=[1], statistics={"replicates": 100, "seed": 1})
    second = config(noise_factors=[1.0], statistics={"seed": 1, "replicates": 100})
    first["ddae"] = {"epochs": 2, "batch_size": 4}
    second["ddae"] = {"batch_size": 4, "epochs": 2}
    plans = [plan_of(given | {"protocols": ["strict"]}) for given in (first, second)]
    run = Run(1.0, 0, "strict")
    for function in (parameters.train_ddae, parameters.detect_anomalies, parameters.plot_confusion):
        assert repr(function(plans[0], "fan", run)) == repr(function(plans[1], "fan", run))
    assert repr(parameters.evaluate_scores(plans[0], "fan")) == repr(parameters.evaluate_scores(plans[1], "fan"))


def test_a_rule_gets_only_what_it_uses() -> None:
    base, other = (plan_of(config(protocols=["strict"], **changes)) for changes in ({}, {"statistics": {"seed": 5}}))
    run = Run(0.5, 0, "strict")
    for function in (parameters.train_ddae, parameters.detect_anomalies, parameters.combine_scores):
        assert function(base, "fan", run) == function(other, "fan", run)
    assert parameters.evaluate_scores(base, "fan") != parameters.evaluate_scores(other, "fan")
    epochs = config(protocols=["strict"])
    epochs["machines"]["pump"]["ddae"] = {"epochs": 9}
    changed = plan_of(epochs)
    assert parameters.train_ddae(base, "fan", run) == parameters.train_ddae(changed, "fan", run)
    assert parameters.train_ddae(base, "pump", run) != parameters.train_ddae(changed, "pump", run)
    assert parameters.detect_anomalies(base, "pump", run) == parameters.detect_anomalies(changed, "pump", run)


def test_clips_of_one_id_are_a_part_of_those_of_its_machine() -> None:
    split = {"id_00": {"ddae": 2, "ad_train": 5, "ad_test": 4}, "id_02": {"ddae": 3, "ad_train": 6, "ad_test": 2}}
    plan = plan_of(config(machines={"fan": {"ids": ["id_00", "id_02"], "split": split}}))
    every = parameters.detect_anomalies(plan, "fan", Run(0.5, 0, "paper"))
    assert every["units"] == [["snr6", "id_00"], ["snr6", "id_02"], ["snr_6", "id_00"], ["snr_6", "id_02"]]
    assert every["clips"] == [[5, 4], [6, 2], [5, 4], [6, 2]]
    own = parameters.plot_features(plan, "fan", "id_02", 0.5, "paper")
    assert (own["units"], own["clips"]) == ([["snr6", "id_02"], ["snr_6", "id_02"]], [[6, 2], [6, 2]])
    assert parameters.train_ddae(plan, "fan", Run(0.5, 0, "paper"))["clips"] == [2, 3]


def test_confusion_matrices_of_an_ensemble_over_trainings() -> None:
    plan = plan_of(config(**SWEEP))
    settings = parameters.plot_confusion_over_trainings(plan, "fan", Run(None, 3, "paper"), "NF")
    assert settings["detectors"] == ["NF"]
    assert settings["runs"] == [["paper", "all", "3"]]
    assert parameters.plot_confusion(plan, "fan", Run(0, 3, "paper"))["detectors"] == ["IF", "L:1", "BOTH"]


# --------------------------------------------------------------------------------------------- recordings, work, data


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_recordings(tmp_path / "recordings", IDS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_work_follows_from_the_clips(recorded: Path) -> None:
    plan = plan_of(config(**SWEEP))
    assert clip_counts(plan, "fan", "snr6", "id_00") == (14, 5)
    assert work.clips_of_machine(plan, "fan") == 2 * 2 * 19
    assert work.clips_of_reference(plan, "fan") == 2 * 14
    assert work.clips_times_epochs(plan, "fan") == 2 * 14 * 2
    assert work.clips_times_epochs(plan_of(config(ddae={"epochs": "auto"})), "fan") == 3000 * 64
    run = Run(0.5, 0, "paper")
    assert work.clips_times_fits(plan, "fan", run.protocol) == 2 * 2 * 19 * 2
    assert work.scores_of_run(plan, "fan", run) == 2 * 2 * 19 * 3
    assert work.scores_at(plan, "fan", 0.5, "paper") == 2 * 2 * 19 * 3 * 2
    assert work.scores_of_machine(plan, "pump") == 2 * 19 * (4 * 3 + 2 + 1)
    assert work.scores_averaged(plan, "pump", Run(None, None, "paper")) == 2 * 19 * 2 * 4
    assert work.clips_classified(plan, None) == work.clips_of_machine(plan, "fan") + work.clips_of_machine(plan, "pump")
    assert work.clips_times_networks_times_epochs(plan, "fan", "paper") == 2 * 2 * 19 * 3 * 20
    assert work.clips_times_networks_times_epochs(plan, "fan", "strict") == 2 * 2 * 19 * (3 + 5) * 20
    folder = Folder("pump", "snr6", "id_00", "normal")
    sizes = [os.path.getsize(path) / 1e6 for path in files_of(recordings(plan, folder))]
    assert work.megabytes_recorded(plan, folder) == pytest.approx(sum(sizes))
    assert work.megabytes_of_largest(plan, folder) == max(sizes)
    strict = plan_of(config(protocols=["strict"]))
    assert work.clips_times_fits(strict, "fan", "strict") == 2 * 2 * 19 * 2 * 6


def test_data_that_suffice_have_no_problems(recorded: Path) -> None:
    assert checks.data_problems(plan_of(config(protocols=["paper", "strict"]))) == []


def test_every_folder_without_recordings_is_named_and_no_more_than_a_dozen(recorded: Path) -> None:
    for path in (recorded / "recordings").rglob("abnormal/*.wav"):
        path.unlink()
    problems = checks.data_problems(plan_of(config()))
    assert len(problems) == 6
    assert all("abnormal" in problem for problem in problems)
    many = config(machines={"fan": {"ids": [f"id_{number}" for number in range(10)]}})
    problems = checks.data_problems(plan_of(many))
    assert len(problems) == 13
    assert problems[-1] == "and 8 more"


@pytest.mark.parametrize(("protocol", "says"), [("paper", "the split asks for"), ("strict", "strict protocol")])
def test_too_few_clips_are_a_problem_of_each_protocol(recorded: Path, protocol: str, says: str) -> None:
    for number in range(2, 14):
        (recorded / f"recordings/-6_dB_fan/fan/id_02/normal/{number:08d}.wav").unlink()
    given = config(protocols=[protocol])
    given["machines"]["fan"]["split"] = {name: {"ddae": 6, "ad_train": 8, "ad_test": 8} for name in IDS["fan"]}
    (problem,) = checks.data_problems(plan_of(given))
    assert says in problem
    assert "id_02" in problem


def sheet_of(folder: Path, lines: list[str]) -> dict[str, Any]:
    """A configuration of one ID with recordings as lines (label, split) say."""
    make_recordings(folder / "recordings", {"fan": ["id_00"]})
    files = sorted((folder / "recordings").rglob("*.wav"))
    text = [f"{file}\tfan\tid_00\t{line}" for file, line in zip(files, lines, strict=False)]
    (folder / "s.tsv").write_text("\n".join(["file\tmachine\tid\tlabel\tsplit", *text, ""]), encoding="utf-8")
    ids = {"fan": {"ids": ["id_00"]}}
    return config(machines=ids, snrs={"a": ""}, reference_snr="a", protocols=["given"], dataset={"samples": "s.tsv"})


TRAIN, TEST, FAULT = "normal\ttrain", "normal\ttest", "abnormal\ttest"


@pytest.mark.parametrize(
    ("lines", "seconds", "says"),
    [
        ([*[TRAIN] * 8, TEST, FAULT], None, None),
        ([TRAIN, TRAIN, TRAIN, TEST, FAULT], None, "given protocol: the DDAE needs at least 2 clips to train"),
        ([TRAIN, TEST, FAULT], 0.1, None),
        ([TRAIN, TRAIN, TEST, FAULT], None, "2 recordings are given to train and 1 to test; at least 3 and 1"),
        ([TRAIN, TRAIN, TRAIN, FAULT], None, "3 recordings are given to train and 0 to test"),
        ([TRAIN, TRAIN, FAULT], 0.1, "2 recordings are given to train and 0 to test; at least 1 and 1"),
        ([TRAIN, TRAIN, TRAIN, "normal\t", TEST], None, r"normal: nothing says of 1 of 5 recordings.*{split}"),
        ([TRAIN, TRAIN, "normal\t", TEST], 0.1, "normal: nothing says of 1 of 4 recordings"),
        ([TRAIN, TRAIN, TRAIN, TEST, "abnormal\t"], None, "abnormal: nothing says of 1 of 1 recordings"),
    ],
)
def test_a_given_split_that_can_not_be_is_a_problem_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], seconds: float | None, says: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    given = sheet_of(tmp_path, lines)
    given["dataset"]["clip_seconds"] = seconds
    problems = checks.data_problems(plan_of(given))
    assert len(problems) == (says is not None)
    assert says is None or re.search(says, problems[0])


@pytest.mark.parametrize("normal", [7, 8])
def test_a_single_clip_for_the_ddae_is_a_problem_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normal: int
) -> None:
    """A fifth of seven is one."""
    monkeypatch.chdir(tmp_path)
    problems = checks.data_problems(plan_of(sheet_of(tmp_path, [TRAIN] * normal + [FAULT]) | {"protocols": ["strict"]}))
    assert len(problems) == (normal == 7)
    assert all("machine fan, strict protocol: the DDAE needs at least 2 clips" in problem for problem in problems)


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_a_single_recording_cut_into_clips_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = sheet_of(tmp_path, [TRAIN, FAULT, FAULT]) | {"protocols": [protocol]}
    given["dataset"]["clip_seconds"] = 0.1
    (problem,) = checks.data_problems(plan_of(given))
    assert "one normal recording only" in problem


@pytest.mark.parametrize("frames", [4799, 4800, 4801, 6400, 1000])
def test_clips_of_long_recordings_are_counted_as_they_will_be_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    """Three tenths of a second are three clips of one, though 0.3 / 0.1 is less than three."""
    monkeypatch.chdir(tmp_path)
    given = sheet_of(tmp_path, [TRAIN, TEST, FAULT])
    given["dataset"]["clip_seconds"] = 0.1
    plan = plan_of(given)
    folder = Folder("fan", "a", "id_00", "abnormal")
    (file,) = files_of(recordings(plan, folder))
    soundfile.write(file, np.random.default_rng(0).normal(0, 0.1, frames), 16_000)
    assert clip_counts(plan, "fan", "a", "id_00")[1] == len(list(read_clips(file, "mean", 0.1)))


def test_a_recording_of_two_folders_is_a_problem(recorded: Path) -> None:
    pattern = "{snr_dir}_{machine}/{machine}/{id}/*{kind}/*.wav"
    (problem,) = checks.data_problems(plan_of(config(dataset={"root": "recordings", "pattern": pattern})))
    assert "two folders" in problem


def test_features_decide_what_caches_and_weights_are_made_from() -> None:
    paper, every = (plan_of(config(features=features)) for features in (["basic", "mfcc"], list(FEATURE_SETS)))
    settings = [parameters.extract_features(plan, "code") for plan in (paper, every)]
    assert [one["extraction"] for one in settings] == ["code-mean", "code-mean-temporal"]
    assert [len(one["features"]) for one in settings] == [2, 3]
    run = Run(0.7, 0, "strict")
    assert origins.of_weights(paper, "fan", run).settings != origins.of_weights(every, "fan", run).settings
    assert parameters.train_ddae(paper, "fan", run) == parameters.train_ddae(every, "fan", run)  # it sees the 136


def test_given_caches_of_other_features_are_a_problem_of_the_data(tmp_path: Path) -> None:
    for kind, rows in (("normal", 9), ("abnormal", 4)):
        np.save(tmp_path / f"{kind}.npy", np.zeros((rows, 136), np.float32))
    given = config(machines={"fan": {"ids": ["a"]}}, snrs={"snr6": ""}, dataset={"cache": str(tmp_path / "{kind}.npy")})
    plan = plan_of(given)
    assert plan.features == ("mfcc", "basic")  # what there was before there were others
    assert parameters.import_features(plan) == {"features": ["mfcc", "basic"]}
    assert checks.data_problems(plan) == []
    (problem,) = checks.data_problems(plan_of(given | {"features": list(FEATURE_SETS)}))
    assert "normal.npy: it has 136 columns, the features [mfcc, basic], but the configuration asks for" in problem


def test_given_caches_are_counted_by_their_headers(tmp_path: Path) -> None:
    for snr in ("snr6", "snr_6"):
        for name, kind, rows in (("a", "normal", 9), ("a", "abnormal", 4), ("b", "normal", 7), ("b", "abnormal", 5)):
            np.save(tmp_path / f"{snr}_{name}_{kind}.npy", np.zeros((rows, 136), np.float32))
    given = config(machines={"fan": {"ids": ["a", "b"]}}, protocols=["strict"])
    given["dataset"] = {"cache": str(tmp_path / "{snr}_{id}_{kind}.npy")}
    plan = plan_of(given)
    assert clip_counts(plan, "fan", "snr6", "b") == (7, 5)
    given["dataset"]["clip_seconds"] = 10  # there is nothing to cut
    assert checks.data_problems(plan_of(given)) == []
    assert clip_counts(plan_of(given), "fan", "snr6", "b") == (7, 5)
    assert given_cache(plan, Folder("fan", "snr6", "a", "normal")) == str(tmp_path / "snr6_a_normal.npy")
    assert paths.skipped(plan) == []
    assert paths.given_clip_list(str(tmp_path / "snr6_a_normal.npy")) is None
    (tmp_path / "snr6_a_normal.csv").write_text("file\n", encoding="utf-8")
    assert paths.given_clip_list(str(tmp_path / "snr6_a_normal.npy")) == str(tmp_path / "snr6_a_normal.csv")
    with pytest.raises(UserError, match="feature caches"):
        parameters.check(plan)


def test_check_is_told_what_is_there_and_what_is_missing(recorded: Path) -> None:
    (recorded / "recordings/6_dB_pump/pump/id_00/abnormal").rename(recorded / "gone")
    plan = plan_of(config())
    settings = parameters.check(plan)
    assert len(settings["folders"]) == 11
    assert ["pump", "snr6", "id_00", "normal"] in [names for names, _ in settings["folders"]]
    (problem,) = checks.data_problems(plan)
    assert "pump" in problem


def test_the_demo_needs_no_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    demo = {"normal_clips": 8, "abnormal_clips": 3, "seconds": 0.5, "microphones": 2}
    plan = plan_of(config(dataset={"root": "resources/demo/"}, demo=demo, protocols=["strict"]))
    assert plan.is_demo
    assert clip_counts(plan, "pump", "snr_6", "id_00") == (8, 3)
    assert checks.data_problems(plan) == []
    assert len(paths.to_simulate(plan)) == 2 * 3 * 11
    wanted = "resources/demo/6_dB_{machine}/{machine}/{id}/normal/00000007.wav"
    assert demo_recordings(plan, "{machine}", "6_dB", "{id}", "normal")[-1] == wanted
    assert work.simulated_seconds(plan) == 2 * 11 * 0.5
    folder = Folder("fan", "snr6", "id_00", "normal")
    assert work.megabytes_recorded(plan, folder) == pytest.approx(8 * 0.5 * 2 * 16000 * 2 / 1e6)
    assert parameters.collect_results(plan)["simulated"] is True
    mine = plan_of(config(dataset={"root": "resources/demo2"}))
    assert not mine.is_demo
    assert paths.to_simulate(mine) == []


def test_a_machine_that_can_not_be_simulated_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(
        config(dataset={"root": "resources/demo"}, machines={"gearbox": {"ids": ["a"]}}, protocols=["strict"])
    )
    (problem,) = checks.data_problems(plan)
    assert "gearbox" in problem
    assert "dataset.root" in problem


def test_files_of_others_in_the_folder_of_the_demo_are_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert checks.demo_problem() is None
    write_clip(tmp_path / "below/resources/demo/mine.wav", 1)
    assert checks.demo_problem() is None
    assert "mine.wav" in (checks.demo_problem("below/") or "")


def test_a_plan_is_a_value_of_its_own() -> None:
    first, second = plan_of(config()), plan_of(config())
    assert isinstance(first, Plan)
    assert first != second  # two plans never share what they have found on the disk
