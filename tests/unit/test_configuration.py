"""Configuration: what is shipped is right, and each mistake is named in one line that a newcomer can act on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from asd.plan.configuration import (
    CONFIG_SCHEMA,
    Checked,
    ConfigurationError,
    checked,
    consistency_problems,
    detector_settings,
    make_canonical,
    read_command_line_parameters,
    training_settings,
)
from asd.recordings.samplesheet import Sample
from asd.schema import fill_in_defaults, read_schema, schema_problems
from places import REPOSITORY
from table_2 import TABLE_2

SCHEMA_FOLDER = REPOSITORY / "workflow" / "schemas"
SCHEMA = yaml.safe_load((SCHEMA_FOLDER / "config.schema.yaml").read_text(encoding="utf-8"))
SHIPPED = sorted((REPOSITORY / "config").glob("*.yaml"))

Config = dict[str, Any]


def load(path: Path) -> Config:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def with_defaults(config: Config) -> Config:
    """A copy of `config` in which each key left out has the default of the schema."""
    filled = copy.deepcopy(config)
    fill_in_defaults(filled, SCHEMA)
    return filled


def problems(config: Any) -> list[str]:
    """What a run would report."""
    found = schema_problems(config, SCHEMA)
    return found or consistency_problems(with_defaults(config))


def minimal(**changes: Any) -> Config:
    dataset = changes.pop("dataset", {})
    if isinstance(dataset, dict) and not dataset.keys() & {"samples", "cache"}:
        dataset = {"root": "recordings"} | dataset
    return {"machines": {"fan": {"ids": ["id_00", "id_02"]}}, "dataset": dataset, **changes}


def fan(**changes: Any) -> Config:
    return minimal(machines={"fan": {"ids": ["id_00", "id_02"], **changes}})


# ----------------------------------------------------------------------------------------------- what is shipped


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_shipped_configurations_have_no_problems(path: Path) -> None:
    check(load(path), {})


def test_the_shipped_configurations_are_there() -> None:
    assert {"config.yaml", "mimii.yaml", "ablation.yaml"} <= {path.name for path in SHIPPED}


def test_machines_alone_are_a_whole_configuration() -> None:
    assert problems(minimal()) == []


def test_the_defaults() -> None:
    config = with_defaults(minimal())
    assert config["snrs"] == {"snr6": "6_dB", "snr0": "0_dB", "snr_6": "-6_dB"}
    assert config["reference_snr"] == "snr6"
    widths = {"mfcc": [64, 32, 16, 8], "basic": [16, 32, 64, 128]}
    assert config["ddae"] == {
        **dict.fromkeys(("epochs", "batch_size", "learning_rate", "device"), "auto"),
        "encoder_widths": widths,
        "activation": "relu",
    }
    assert config["noise_factors"] == [0.7]
    assert config["seeds"] == [0]
    whitened = {"method": "HULL", "name": "HULL-whitened", "projection": "whitening"}
    assert config["detectors"] == ["IF", "OCSVM", "LOF", "HULL", whitened, "IDS"]
    assert config["threshold_percentile"] == 95
    assert config["machines"]["fan"]["split"] == "auto"
    assert config["dataset"]["channel"] == "mean"


def test_features_are_all_for_recordings_and_the_paper_s_for_given_caches_and_for_mimii() -> None:
    def features(config: Config) -> Any:
        return checked(config, command_line={}, files=[], schema_folder=SCHEMA_FOLDER).config["features"]

    given = {"cache": "{snr}_{id}_{kind}.npy"}
    assert features(minimal()) == features(load(REPOSITORY / "config" / "config.yaml")) == ["mfcc", "basic", "temporal"]
    assert features(minimal(dataset=given)) == features(load(REPOSITORY / "config" / "mimii.yaml")) == ["mfcc", "basic"]
    assert features(minimal(dataset=given, features=["temporal", "basic", "mfcc"])) == ["mfcc", "basic", "temporal"]
    assert problems(minimal(features=["mfcc", "basic", "spectral"])) != []


def test_the_default_ensemble_is_that_of_the_default_detectors() -> None:
    def checked_copy(config: Config) -> Config:
        checked(config, command_line={}, files=[], schema_folder=SCHEMA_FOLDER)
        return config

    (ensemble,) = checked_copy(minimal())["ensembles"]
    assert (ensemble["name"], ensemble["detectors"]) == ("Ensemble", ["HULL", "HULL-whitened", "IDS"])
    assert checked_copy(minimal(detectors=["LOF"]))["ensembles"] == []
    assert checked_copy(minimal(ensembles=[]))["ensembles"] == []
    alone = checked_copy(minimal(machines={"fan": {"ids": ["id_00"]}}))
    assert (alone["ensembles"][0]["name"], alone["ensembles"][0]["detectors"]) == (
        "Ensemble",
        ["HULL", "HULL-whitened"],
    )
    mine = [{"name": "E", "detectors": ["IF", "HULL"]}]
    assert [ensemble["name"] for ensemble in checked_copy(minimal(ensembles=mine))["ensembles"]] == ["E"]


def test_new_data_are_judged_by_the_strict_protocol_and_mimii_by_the_paper_s_too() -> None:
    assert with_defaults(minimal())["protocols"] == ["strict"]
    assert with_defaults(minimal())["strict"] == {"shares": {"ddae": 20, "ad_train": 56, "ad_test": 24}, "folds": 5}
    assert with_defaults(load(REPOSITORY / "config" / "mimii.yaml"))["protocols"] == ["strict", "paper"]


def test_the_ablation_has_each_method_with_each_representation_and_differs_from_mimii_in_nothing_else() -> None:
    ablation, mimii = (load(REPOSITORY / "config" / f"{name}.yaml") for name in ("ablation", "mimii"))
    detectors = detector_settings(with_defaults(ablation))
    seen = {(detector["method"], detector["representation"]) for detector in detectors}
    methods = {method for method, _ in seen} - {"LDN"}
    views = ("raw", "denoised", "raw+denoised", "residual")
    with_and_without = {("LDN", "log-mel"), ("LDN", "log-mel+denoised")}
    assert seen == {(method, view) for method in methods for view in views} | with_and_without
    assert len(seen) == len(detectors)
    assert {"LOF", "KNN"} <= methods
    for key in ("dataset", "snrs", "reference_snr", "machines", "ddae", "on_shortfall"):
        assert ablation[key] == mimii[key], key


def test_mimii_has_the_counts_of_table_2() -> None:
    machines = load(REPOSITORY / "config" / "mimii.yaml")["machines"]
    counts = {
        machine: {name: tuple(split[key] for key in ("ddae", "ad_train", "ad_test")) for name, split in ids.items()}
        for machine, ids in ((machine, machines[machine]["split"]) for machine in ("fan", "pump", "slider"))
    }
    assert counts == TABLE_2
    assert all(machines[machine]["ids"] == ["id_00", "id_02", "id_04", "id_06"] for machine in machines)
    assert machines["valve"].get("split", "auto") == "auto"


@pytest.mark.parametrize(
    ("machine", "epochs", "batch_size", "learning_rate"),
    [("fan", 100, 64, 1e-4), ("pump", 100, 64, 1e-4), ("slider", 300, 128, 1e-5), ("valve", 100, 64, 1e-4)],
)
def test_mimii_has_the_training_settings_of_the_paper(
    machine: str, epochs: int, batch_size: int, learning_rate: float
) -> None:
    settings = training_settings(with_defaults(load(REPOSITORY / "config" / "mimii.yaml")), machine)
    assert (settings["epochs"], settings["batch_size"], settings["learning_rate"]) == (
        epochs,
        batch_size,
        learning_rate,
    )


# ---------------------------------------------------------------------------------------------- what is allowed


def test_a_complete_configuration_with_every_key_is_allowed() -> None:
    assert problems(with_defaults(minimal())) == []


@pytest.mark.parametrize("channel", ["mean", 0, 7])
def test_the_channel_is_mean_or_a_number(channel: Any) -> None:
    assert problems(minimal(dataset={"channel": channel})) == []


@pytest.mark.parametrize("name", ["00", "선풍기 1", "fan-1.b", "a_b", "x"])
def test_names_may_have_spaces_dots_and_other_scripts(name: str) -> None:
    assert problems(minimal(machines={name: {"ids": [name]}})) == []


@pytest.mark.parametrize(
    "name",
    [
        "a\n",
        "\n",
        "a\tb",
        "\x1b[31ma",
        "a\x00",
        "a\x7f",
        "a\x85",
        "\u202ea",
        "a\u2028b",
        "<img>",
        "\ud800",
        "..",
        "a\r",
    ],
)
def test_names_have_no_control_characters_and_no_line_break_at_the_end(name: str) -> None:
    for config in (
        minimal(machines={name: {"ids": ["a"]}}),
        minimal(machines={"fan": {"ids": [name]}}),
        minimal(snrs={name: "x"}, reference_snr=name),
        minimal(detectors=[{"method": "LOF", "name": name}]),
        minimal(ensembles=[{"name": name, "detectors": ["IF", "LOF"]}]),
    ):
        assert problems(config), config


@pytest.mark.parametrize("text", ["6\ndB", "6 dB\n", "\x1b[31m", "a\0b"])
def test_texts_of_the_snr_in_paths_have_no_control_characters(text: str) -> None:
    (problem,) = problems(minimal(snrs={"snr6": text}))
    assert "without control characters" in problem


def test_a_noise_factor_of_zero_and_a_percentile_of_100_are_allowed() -> None:
    assert problems(minimal(noise_factors=[0, 1.5], threshold_percentile=100)) == []


def test_a_single_snr_needs_no_place_in_the_pattern() -> None:
    assert problems(minimal(snrs={"only": ""}, reference_snr="only", dataset={"pattern": "{id}/{kind}/*.wav"})) == []


def test_counts_for_each_id_are_allowed() -> None:
    counts = {"ddae": 1, "ad_train": 2, "ad_test": 2}
    assert problems(fan(split={"id_00": counts, "id_02": counts})) == []


def test_detectors_may_have_names_parameters_and_representations_of_their_own() -> None:
    detectors = ["KNN", {"method": "KNN", "name": "KNN-5", "parameters": {"n_neighbors": 5}, "projection": "map-pca"}]
    assert (
        problems(minimal(detectors=[*detectors, "PYOD:ECOD", {"method": "PYOD:HBOS", "parameters": {"n_bins": 5}}]))
        == []
    )
    named = detector_settings(with_defaults(minimal(detectors=detectors)))
    assert [detector["name"] for detector in named] == ["KNN", "KNN-5"]
    assert named[1]["projection"] == "map-pca"


def test_ensembles_may_be_over_seeds_under_the_paper_s_protocol() -> None:
    ensembles = [{"name": "A", "detectors": ["IF", "LOF"], "over": ["seeds", "noise_factors"], "average": "rank"}]
    assert problems(minimal(ensembles=ensembles, protocols=["paper"])) == []


def test_caches_may_be_given_instead_of_recordings() -> None:
    cache = "cache_{machine}_fast/{snr}_{id}_{kind}.npy"
    assert problems(minimal(dataset={"cache": cache, "pattern": "without/any/place.wav"})) == []


# ------------------------------------------------------------------------------------- one mistake, one clear line

COUNTS = {"ddae": 5, "ad_train": 10, "ad_test": 4}

# configuration, key named at the start of the line, what else the line says
SCHEMA_MISTAKES: dict[str, tuple[Any, str, list[str]]] = {
    "unknown key": (minimal(detector=["IF"]), "the configuration", ["'detector'", "did you mean 'detectors'?"]),
    "unknown key under dataset": (minimal(dataset={"rot": "x"}), "dataset", ["'rot'", "did you mean 'root'?"]),
    "unknown key under ddae": (minimal(ddae={"epoch": 5}), "ddae", ["'epoch'", "did you mean 'epochs'?"]),
    "unknown key under demo": (minimal(demo={"second": 5}), "demo", ["'second'", "did you mean 'seconds'?"]),
    "unknown key of a machine": (fan(splits="auto"), "machines.fan", ["'splits'", "did you mean 'split'?"]),
    "unknown training key of a machine": (
        fan(ddae={"learningrate": 0.1}),
        "machines.fan.ddae",
        ["'learningrate'", "did you mean 'learning_rate'?"],
    ),
    "unknown count": (
        fan(split={"id_00": {**COUNTS, "ad_tests": 4}, "id_02": COUNTS}),
        "machines.fan.split.id_00",
        ["'ad_tests'", "did you mean 'ad_test'?"],
    ),
    "unknown key like no other": (minimal(zzz=1), "the configuration", ["'zzz'. Allowed here: dataset, "]),
    "number that YAML reads as text": (
        yaml.safe_load("machines: {fan: {ids: [a]}}\nddae: {learning_rate: 1e-4}"),
        "ddae.learning_rate",
        ["'1e-4'", "1.0e-4", "number, more than 0"],
    ),
    "learning rate of zero": (minimal(ddae={"learning_rate": 0}), "ddae.learning_rate", ["0", "more than 0"]),
    "fractional epochs": (minimal(ddae={"epochs": 1.5}), "ddae.epochs", ["1.5", "whole number"]),
    "epochs in words": (minimal(ddae={"epochs": "many"}), "ddae.epochs", ["'many'", "auto or whole number"]),
    "layer of no units": (
        minimal(ddae={"encoder_widths": {"mfcc": [64, 0]}}),
        "ddae.encoder_widths.mfcc[1]",
        ["0", "at least 1"],
    ),
    "layer of too many units": (
        minimal(ddae={"encoder_widths": {"basic": [513]}}),
        "ddae.encoder_widths.basic[0]",
        ["513", "at most 512"],
    ),
    "no layers": (minimal(ddae={"encoder_widths": {"mfcc": []}}), "ddae.encoder_widths.mfcc", ["empty"]),
    "unknown network": (minimal(ddae={"encoder_widths": {"mel": [8]}}), "ddae.encoder_widths", ["'mel'", "basic"]),
    "unknown activation": (minimal(ddae={"activation": "gelu"}), "ddae.activation", ["'gelu'", "relu, leaky_relu"]),
    "batch size of zero": (minimal(ddae={"batch_size": 0}), "ddae.batch_size", ["0", "at least 1"]),
    "unknown device": (minimal(ddae={"device": "gpu"}), "ddae.device", ["'gpu'", "auto, cpu, cuda"]),
    "negative noise factor": (minimal(noise_factors=[0.7, -0.1]), "noise_factors[1]", ["-0.1", "at least 0"]),
    "noise factor as text": (minimal(noise_factors=["0.7"]), "noise_factors[0]", ["'0.7'", "a number is needed"]),
    "noise factor twice": (minimal(noise_factors=[0.7, 0.7]), "noise_factors", ["0.7", "more than once"]),
    "noise factor without brackets": (minimal(noise_factors=0.7), "noise_factors", ["0.7", "a list is needed"]),
    "no noise factors": (minimal(noise_factors=[]), "noise_factors", ["empty"]),
    "noise factor that is no number": (minimal(noise_factors=[float("nan")]), "noise_factors[0]", ["nan"]),
    "infinite noise factor": (minimal(noise_factors=[float("inf")]), "noise_factors[0]", ["inf"]),
    "learning rate that is no number": (
        minimal(ddae={"learning_rate": float("nan")}),
        "ddae.learning_rate",
        ["nan"],
    ),
    "percentile that is no number": (minimal(threshold_percentile=float("nan")), "threshold_percentile", ["nan"]),
    "negative seed": (minimal(seeds=[-1]), "seeds[0]", ["-1", "at least 0"]),
    "no seeds": (minimal(seeds=[]), "seeds", ["empty"]),
    "ID twice": (fan(ids=["id_00", "id_02", "id_00"]), "machines.fan.ids", ["id_00", "more than once"]),
    "ID that is a number": (fan(ids=["id_00", 0]), "machines.fan.ids[1]", ["0 is not allowed", "quotes", '"00"']),
    "ID with a slash": (fan(ids=["a/b"]), "machines.fan.ids[0]", ["'a/b'", "slashes"]),
    "ID with a space at its end": (fan(ids=["id_00 "]), "machines.fan.ids[0]", ["'id_00 '", "white space"]),
    "ID without brackets": (fan(ids="id_00"), "machines.fan.ids", ["'id_00'", "a list is needed"]),
    "no IDs": (fan(ids=[]), "machines.fan.ids", ["empty"]),
    "IDs missing": (minimal(machines={"fan": {}}), "machines.fan", ["'ids' is missing"]),
    "machine without anything": (minimal(machines={"fan": None}), "machines.fan", ["no value", "mapping"]),
    "machines missing": ({"seeds": [1]}, "the configuration", ["'machines' is missing"]),
    "no machines": (minimal(machines={}), "machines", ["empty"]),
    "machines as a list": (minimal(machines=["fan"]), "machines", ["['fan']", "mapping"]),
    "null machines": (minimal(machines=None), "machines", ["no value", "mapping"]),
    "null section": (minimal(ddae=None), "ddae", ["no value", "mapping", "leave the key out"]),
    "null value": (minimal(dataset={"root": None}), "dataset.root", ["no value", "text is needed"]),
    "text for a section": (minimal(dataset="/data"), "dataset", ["'/data'", "mapping"]),
    "empty file": (None, "the configuration", ["no value", "mapping"]),
    "empty root": (minimal(dataset={"root": ""}), "dataset.root", ["empty"]),
    "split as text": (fan(split="60/40"), "machines.fan.split", ["'60/40'", "auto", "ddae, ad_train and ad_test"]),
    "split as a number": (fan(split=0.5), "machines.fan.split", ["0.5", "auto"]),
    "split without any ID": (fan(split={}), "machines.fan.split", ["empty"]),
    "count as text": (
        fan(split={"id_00": {**COUNTS, "ddae": "many"}, "id_02": COUNTS}),
        "machines.fan.split.id_00.ddae",
        ["'many'", "a whole number"],
    ),
    "count too small": (
        fan(split={"id_00": {**COUNTS, "ad_train": 1}, "id_02": COUNTS}),
        "machines.fan.split.id_00.ad_train",
        ["1 is out of range", "at least 2"],
    ),
    "count missing": (
        fan(split={"id_00": {"ddae": 5, "ad_train": 10}, "id_02": COUNTS}),
        "machines.fan.split.id_00",
        ["'ad_test' is missing"],
    ),
    "channel as text": (minimal(dataset={"channel": "left"}), "dataset.channel", ["'left'", "mean", "from 0"]),
    "negative channel": (minimal(dataset={"channel": -1}), "dataset.channel", ["-1", "from 0"]),
    "channel true": (minimal(dataset={"channel": True}), "dataset.channel", ["true", "from 0"]),
    "detector that is a number": (minimal(detectors=[5]), "detectors[0]", ["5 is not allowed", "name of a detector"]),
    "detector without a method": (minimal(detectors=[{"name": "X"}]), "detectors[0]", ["'method' is missing"]),
    "detector with an unknown key": (
        minimal(detectors=[{"method": "LOF", "params": {}}]),
        "detectors[0]",
        ["'params'", "did you mean 'parameters'?"],
    ),
    "detector with an unknown representation": (
        minimal(detectors=[{"method": "LOF", "representation": "clean"}]),
        "detectors[0].representation",
        ["'clean'", "denoised, raw, raw+denoised, residual"],
    ),
    "detector whose name is no file name": (
        minimal(detectors=[{"method": "LOF", "name": "L/OF"}]),
        "detectors[0].name",
        ["'L/OF'", "letters, digits"],
    ),
    "unknown protocol": (minimal(protocols=["loose"]), "protocols[0]", ["'loose'", "strict, given, paper"]),
    "protocol twice": (minimal(protocols=["paper", "paper"]), "protocols", ["paper", "more than once"]),
    "one fold": (minimal(strict={"folds": 1}), "strict.folds", ["1 is out of range", "at least 2"]),
    "share missing": (minimal(strict={"shares": {"ddae": 20, "ad_train": 80}}), "strict.shares", ["'ad_test'"]),
    "few replicates": (minimal(statistics={"replicates": 5}), "statistics.replicates", ["5", "at least 100"]),
    "ensemble over detectors": (
        minimal(ensembles=[{"name": "A", "detectors": ["IF"], "over": ["detectors"]}]),
        "ensembles[0].over[0]",
        ["'detectors'", "noise_factors, seeds"],
    ),
    "ensemble without a name": (minimal(ensembles=[{"detectors": ["IF"]}]), "ensembles[0]", ["'name' is missing"]),
    "no detectors": (minimal(detectors=[]), "detectors", ["empty"]),
    "percentile 0": (minimal(threshold_percentile=0), "threshold_percentile", ["0 is out of range", "more than 0"]),
    "percentile 101": (minimal(threshold_percentile=101), "threshold_percentile", ["101", "at most 100"]),
    "unknown shortfall": (minimal(on_shortfall="ignore"), "on_shortfall", ["'ignore'", "error, shrink"]),
    "unknown way with bad clips": (
        minimal(dataset={"on_bad_clip": "drop"}),
        "dataset.on_bad_clip",
        ["'drop'", "error, skip"],
    ),
    "no SNRs": (minimal(snrs={}), "snrs", ["empty"]),
    "SNR text that is a number": (minimal(snrs={"snr6": 6}), "snrs.snr6", ["6 is not allowed", "quotes"]),
    "SNR name that is a number": (minimal(snrs={6: "6_dB"}), "snrs", ["6 is not allowed", "quotes"]),
    "SNR name with a slash": (minimal(snrs={"6/dB": "6_dB"}), "snrs", ["'6/dB'", "slashes"]),
}


def assert_clear(line: str, key: str, says: list[str]) -> None:
    assert line.startswith(f"{key}: ")
    for text in says:
        assert text in line
    assert len(line) < 400
    for clutter in ("\n", "Traceback", "$ref", "$defs", "additionalProperties", "jsonschema", "minimum", "'type'"):
        assert clutter not in line


@pytest.mark.parametrize("mistake", SCHEMA_MISTAKES)
def test_a_mistake_is_named_in_one_clear_line(mistake: str) -> None:
    config, key, says = SCHEMA_MISTAKES[mistake]
    found = problems(config)
    assert len(found) == 1, found
    assert_clear(found[0], key, says)


def test_several_mistakes_are_all_named_at_once() -> None:
    found = problems(minimal(seeds=[-1], protocols=["loose"], ddae={"epochs": 0}))
    assert sorted(line.split(":")[0] for line in found) == ["ddae.epochs", "protocols[0]", "seeds[0]"]


def test_each_missing_count_is_named() -> None:
    found = problems(fan(split={"id_00": {"ddae": 5}, "id_02": COUNTS}))
    assert sum("'ad_train' is missing" in line for line in found) == 1
    assert sum("'ad_test' is missing" in line for line in found) == 1


def test_a_whole_number_as_text_is_not_advised_to_be_written_with_a_point() -> None:
    (line,) = problems(minimal(seeds=["0"]))
    assert_clear(line, "seeds[0]", ["'0'", "whole number"])
    assert "1.0e-4" not in line


# ---------------------------------------------------------------------------------------- keys that do not fit together

TWO_SNRS = {"snr6": "6_dB", "snr0": "0_dB"}
CONTRADICTIONS: dict[str, tuple[Config, str, list[str]]] = {
    "reference SNR that is none of the SNRs": (
        minimal(snrs=TWO_SNRS, reference_snr="clean"),
        "reference_snr",
        ["'clean'", "snr6, snr0"],
    ),
    "split without one of the IDs": (fan(split={"id_00": COUNTS}), "machines.fan.split", ["id_02", "split: auto"]),
    "pattern with an unknown placeholder": (
        minimal(dataset={"pattern": "{snr_dir}/{id}/{kind}/{section}.wav"}),
        "dataset.pattern",
        ["{section}", "Known: {snr_dir}, {machine}, {id}, {kind}"],
    ),
    "pattern that lacks the SNR": (
        minimal(snrs=TWO_SNRS, dataset={"pattern": "{machine}/{id}/{kind}/*.wav"}),
        "dataset.pattern",
        ["lacks {snr_dir}", "'{machine}/{id}/{kind}/*.wav'"],
    ),
    "pattern that lacks the ID": (
        minimal(dataset={"pattern": "{snr_dir}/{machine}/{kind}/*.wav"}),
        "dataset.pattern",
        ["lacks {id}"],
    ),
    "pattern that lacks the kind": (
        minimal(dataset={"pattern": "{snr_dir}/{machine}/{id}/*.wav"}),
        "dataset.pattern",
        ["lacks {kind}"],
    ),
    "pattern that lacks the machine": (
        {
            "machines": {"fan": {"ids": ["a"]}, "pump": {"ids": ["a"]}},
            "dataset": {"root": "recordings", "pattern": "{snr_dir}/{kind}/*.wav"},
        },
        "dataset.pattern",
        ["lacks {machine}"],
    ),
    "pattern with an open brace": (
        minimal(dataset={"pattern": "{snr_dir}/{id}/{kind/*.wav"}),
        "dataset.pattern",
        ["'{snr_dir}/{id}/{kind/*.wav'", "not a valid pattern"],
    ),
    "pattern with a closing brace too many": (
        minimal(dataset={"pattern": "{snr_dir}/{id}}/{kind}/*.wav"}),
        "dataset.pattern",
        ["not a valid pattern"],
    ),
    "cache with an unknown placeholder": (
        minimal(dataset={"cache": "{snr}_{id}_{kind}_{seed}.npy"}),
        "dataset.cache",
        ["{seed}", "Known: {snr}, {machine}, {id}, {kind}"],
    ),
    "cache that lacks the SNR": (
        minimal(dataset={"cache": "{machine}/{id}_{kind}.npy"}),
        "dataset.cache",
        ["lacks {snr}"],
    ),
    "features without those of the DDAE": (
        minimal(features=["basic", "temporal"]),
        "features",
        ["mfcc can't be left out", "Use [mfcc, basic, temporal]"],
    ),
    "SNR called as the mean": (minimal(snrs={"snr6": "6_dB", "all": "x"}), "snrs", ["'all'", "another name"]),
    "unknown detector": (minimal(detectors=["IF", "XYZ"]), "detectors[1]", ["'XYZ'", "IF, OCSVM, LOF", "PYOD:ECOD"]),
    "detector in small letters": (minimal(detectors=["knn"]), "detectors[0]", ["'knn'", "did you mean 'KNN'?"]),
    "unknown detector with a name": (
        minimal(detectors=["IF", {"method": "PYOD:a/b", "name": "X"}]),
        "detectors[1].method",
        ["'PYOD:a/b'", "PYOD:ECOD"],
    ),
    "detector twice": (minimal(detectors=["IF", "IF"]), "detectors, ensembles", ["'IF'", "more than once"]),
    "ensemble called as a detector": (
        minimal(ensembles=[{"name": "LOF", "detectors": ["IF", "OCSVM"]}]),
        "detectors, ensembles",
        ["'LOF'", "more than once"],
    ),
    "unknown parameter": (
        minimal(detectors=[{"method": "LOF", "parameters": {"neighbors": 5}}]),
        "detectors[0].parameters",
        ["'neighbors'", "did you mean 'n_neighbors'?"],
    ),
    "parameter out of range": (
        minimal(detectors=["IF", {"method": "OCSVM", "parameters": {"nu": 2}}]),
        "detectors[1].parameters.nu",
        ["2 is out of range", "at most 1"],
    ),
    "parameter of the wrong type": (
        minimal(detectors=[{"method": "KNN", "parameters": {"n_neighbors": 1.5}}]),
        "detectors[0].parameters.n_neighbors",
        ["1.5", "a whole number"],
    ),
    "ensemble of an unknown detector": (
        minimal(ensembles=[{"name": "A", "detectors": ["IF", "KNN"]}]),
        "ensembles[0].detectors",
        ["'KNN'", "IF, OCSVM, LOF"],
    ),
    "ensemble of one": (minimal(ensembles=[{"name": "A", "detectors": ["IF"]}]), "ensembles[0]", ["single", "over"]),
    "ensemble over the seeds of the strict protocol": (
        minimal(ensembles=[{"name": "A", "detectors": ["IF"], "over": ["seeds"]}]),
        "ensembles[0].over",
        ["strict", "with other clips"],
    ),
    "machine called as an output of the strict protocol": (
        minimal(machines={"fan_strict": {"ids": ["a"]}}),
        "machines",
        ["'fan_strict'", "ends in _strict"],
    ),
    "ID called as an output of the strict protocol": (
        minimal(machines={"fan": {"ids": ["a", "a_strict"]}}),
        "machines.fan.ids",
        ["'a_strict'", "ends in _strict"],
    ),
    "detectors with the same file name": (
        minimal(detectors=["PYOD:ECOD", {"method": "LOF", "name": "PYOD-ECOD"}]),
        "detectors, ensembles",
        ["'PYOD:ECOD' and 'PYOD-ECOD'", "same file name"],
    ),
    "detectors that differ in case": (
        minimal(detectors=["IF", {"method": "LOF", "name": "if"}]),
        "detectors, ensembles",
        ["'IF' and 'if'", "same file name"],
    ),
    "machines that differ in case": (
        minimal(machines={"Fan": {"ids": ["a"]}, "fan": {"ids": ["a"]}}),
        "machines",
        ["'Fan' and 'fan'", "same file name"],
    ),
    "IDs that differ in their Unicode form": (
        minimal(machines={"fan": {"ids": ["\u00fc", "u\u0308"]}}),
        "machines.fan.ids",
        ["same file name"],
    ),
    "SNRs that differ in case": (
        minimal(snrs={"snr6": "a", "SNR6": "b"}),
        "snrs",
        ["'snr6' and 'SNR6'", "same file name"],
    ),
    "SNR and detector that give the same name": (
        minimal(
            snrs={"a": "a", "a_b": "ab"},
            reference_snr="a",
            detectors=[{"method": "LOF", "name": "b_c"}, {"method": "IF", "name": "c"}],
        ),
        "detectors, ensembles",
        ["'a_b_c'", "SNR 'a' with detector 'b_c'", "SNR 'a_b' with detector 'c'", "under snrs"],
    ),
    "SNR and ensemble that give the same name": (
        minimal(
            snrs={"a": "a", "a_b": "ab"},
            reference_snr="a",
            detectors=["IF", {"method": "LOF", "name": "c"}],
            ensembles=[{"name": "b-x", "detectors": ["IF", "c"]}, {"name": "b_c", "detectors": ["IF", "c"]}],
        ),
        "detectors, ensembles",
        ["'a_b_c'", "'b_c'"],
    ),
    "machine with what follows it in figures": (
        minimal(machines={"fan_NF0.5": {"ids": ["a"]}}),
        "machines",
        ["'fan_NF0.5'", "_NF0.7"],
    ),
    "machine called as a table": (minimal(machines={"a.comparisons": {"ids": ["a"]}}), "machines", [".comparisons"]),
    "machine called as the mean": (minimal(machines={"All machines": {"ids": ["a"]}}), "machines", ["the mean over"]),
    "machine with a long name": (minimal(machines={"m" * 65: {"ids": ["a"]}}), "machines", ["65 bytes", "up to 64"]),
    "ID with a long name": (minimal(machines={"fan": {"ids": ["가" * 22]}}), "machines.fan.ids", ["66 bytes"]),
    "SNR with a long name": (
        minimal(snrs={"s" * 65: "x"}, reference_snr="s" * 65),
        "snrs",
        ["65 bytes", "shorter name"],
    ),
    "detector with a long name": (
        minimal(detectors=[{"method": "LOF", "name": "d" * 65}]),
        "detectors",
        ["65 bytes", "shorter name"],
    ),
    "ensemble that looks like one of another protocol": (
        minimal(ensembles=[{"name": "strict_A", "detectors": ["IF", "LOF"]}]),
        "ensembles",
        ["'strict_A'", "strict protocol"],
    ),
    "shares that are not everything": (
        minimal(strict={"shares": {"ddae": 20, "ad_train": 50, "ad_test": 20}}),
        "strict.shares",
        ["20 + 50 + 20 = 90", "100"],
    ),
    "two SNRs with the same text": (
        minimal(snrs={"snr6": "6_dB", "quiet": "6_dB"}),
        "snrs",
        ["'6_dB'", "more than one SNR"],
    ),
    "SNR and ID that give the same name": (
        {
            "dataset": {"root": "recordings"},
            "machines": {"fan": {"ids": ["b_c", "c"]}},
            "snrs": {"a": "a", "a_b": "ab"},
            "reference_snr": "a",
        },
        "machines.fan.ids",
        ["'a_b_c'", "'b_c'", "'a_b'"],
    ),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_a_contradiction_is_named_in_one_clear_line(contradiction: str) -> None:
    config, key, says = CONTRADICTIONS[contradiction]
    assert schema_problems(config, SCHEMA) == []
    found = problems(config)
    assert len(found) == 1, found
    assert_clear(found[0], key, says)


def test_contradictions_are_all_named_at_once() -> None:
    found = problems(
        {**fan(split={"id_00": COUNTS}), "reference_snr": "clean", "dataset": {"root": "a", "pattern": "{kind"}}
    )
    assert {line.split(":")[0] for line in found} == {"reference_snr", "machines.fan.split", "dataset.pattern"}


@pytest.mark.parametrize("check", [lambda config: schema_problems(config, SCHEMA), consistency_problems])
def test_checking_does_not_change_the_configuration(check: Callable[[Config], list[str]]) -> None:
    config = with_defaults(minimal())
    before = copy.deepcopy(config)
    check(config)
    assert config == before


# ---------------------------------------------------------------------------------------------------- as a whole


def check(config: Config, command_line: Config | None = None) -> Checked:
    return checked(config, command_line=command_line or {}, files=[], schema_folder=SCHEMA_FOLDER)


def problems_found(config: Config, command_line: Config | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        check(config, command_line)
    return caught.value.problems


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_a_configuration_is_completed_in_place(path: Path) -> None:
    config = load(path)
    found = checked(config, command_line={}, files=[path], schema_folder=SCHEMA_FOLDER)
    assert found.config is config
    assert found.samples is None
    expected = load(path)
    if "snrs" not in expected and "{snr_dir}" not in str(expected["dataset"].get("pattern", "{snr_dir}")):
        expected |= {"snrs": {"as_recorded": ""}, "reference_snr": "as_recorded"}
    expected = with_defaults(expected)
    make_canonical(expected, read_schema(SCHEMA_FOLDER / CONFIG_SCHEMA))
    assert config == expected


CANONICAL = {
    "numbers": ({"threshold_percentile": 95, "seeds": [1.0, 0], "noise_factors": [1, 0.5]}, {}),
    "detectors and ensembles": (
        {
            "detectors": ["LOF", {"method": "KNN", "name": "X"}, "IF", "KNN"],
            "ensembles": [{"name": "b", "detectors": ["LOF", "IF"]}, {"name": "a", "detectors": ["KNN", "X"]}],
        },
        {
            "detectors": ["IF", "LOF", {"method": "KNN", "name": "X"}, "KNN"],
            "ensembles": [{"name": "a", "detectors": ["KNN", "X"]}, {"name": "b", "detectors": ["IF", "LOF"]}],
        },
    ),
    "noise levels and IDs": (
        {"snrs": {"snr_6": "-6_dB", "snr6": "6_dB", "snr0": "0_dB"}, "machines": {"fan": {"ids": ["b", "a"]}}},
        {"snrs": {"snr6": "6_dB", "snr0": "0_dB", "snr_6": "-6_dB"}, "machines": {"fan": {"ids": ["a", "b"]}}},
    ),
    "parameters": (
        {"detectors": [{"method": "LOF", "parameters": {"n_neighbors": 5.0}}]},
        {"detectors": [{"method": "LOF", "parameters": {"n_neighbors": 5}}]},
    ),
}


@pytest.mark.parametrize(("one", "other"), CANONICAL.values(), ids=CANONICAL)
def test_what_means_the_same_is_the_same_also_as_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Snakemake compares texts: numbers have one type, and lists that are sets one order."""
    first = check(minimal(**copy.deepcopy(one)), {}).config
    second = check(minimal(**copy.deepcopy(other)), {}).config
    if not other:
        assert repr(first["threshold_percentile"]) == "95.0"
        assert repr((first["seeds"], first["noise_factors"])) == "([0, 1], [0.5, 1.0])"
        return
    for key in one:
        assert repr(first[key]) == repr(second[key])


def with_other_types(value: Any) -> Any:
    """The same numbers, but whole ones as 1.0 instead of 1 and the other way round."""
    if isinstance(value, dict):
        return {name: with_other_types(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [with_other_types(inside) for inside in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return value
    return float(value) if isinstance(value, int) else int(value)


def test_each_number_has_one_type_however_it_was_written() -> None:
    """Also one that could have been a word or nothing instead, one of a single machine, and one of a parameter."""
    counts = {name: {"ddae": 20, "ad_train": 56, "ad_test": 24} for name in ("id_00", "id_02")}
    config = minimal(
        dataset={"channel": 2, "clip_seconds": 10},
        detectors=[
            {"method": "LOF", "parameters": {"n_neighbors": 5}},
            {"method": "KNN", "parameters": {"n_neighbors": 3}},
        ],
        noise_factors=[1, 2],
        protocols=["paper", "strict"],
        threshold_percentile=95,
    )
    config["machines"]["fan"] |= {"split": counts, "ddae": {"epochs": 7, "learning_rate": 1}}
    first = check(copy.deepcopy(config)).config
    assert repr(first) == repr(check(with_other_types(config)).config)
    assert repr(first) == repr(check(with_other_types(first)).config)
    assert repr((first["dataset"]["channel"], first["dataset"]["clip_seconds"])) == "(2, 10.0)"


def test_everything_that_is_wrong_is_in_one_message() -> None:
    config = minimal(seeds=[-1], on_shortfall="ignore")
    problems = problems_found(config)
    assert [line.split(":")[0] for line in problems] == ["on_shortfall", "seeds[0]"]
    assert str(ConfigurationError(problems)).splitlines() == [
        "The configuration can't be used:",
        *(f"  - {problem}" for problem in problems),
    ]


def test_contradictions_are_found_too() -> None:
    assert [line.split(":")[0] for line in problems_found(minimal(reference_snr="x"))] == ["reference_snr"]


def test_lists_of_the_command_line_are_read_as_numbers_where_numbers_are_needed() -> None:
    command_line = {"noise_factors": ["0.2", "0.7"], "ddae": {"epochs": "5"}}
    config = check(minimal(**copy.deepcopy(command_line)), command_line).config
    assert config["noise_factors"] == [0.2, 0.7]
    assert config["ddae"]["epochs"] == 5
    (problem,) = problems_found(minimal(noise_factors=["12:30"]), {"noise_factors": ["12:30"]})
    assert problem.startswith("noise_factors[0]: '12:30' is not allowed, a number is needed")


def test_a_fraction_for_a_whole_number_is_not_advised_to_be_written_without_quotes() -> None:
    (problem,) = problems_found(minimal(seeds=["1.5"]), {"seeds": ["1.5"]})
    assert "quotes" not in problem


def test_a_sample_sheet_completes_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.tsv").write_text("file\tmachine\tid\na.wav\tpress\tleft\n", encoding="utf-8")
    found = check({"dataset": {"samples": "./s.tsv"}})
    assert found.samples == (Sample(2, "a.wav", "press", "left", None, "normal"),)
    assert found.config["machines"] == {"press": {"ids": ["left"], "split": "auto", "ddae": {}}}
    assert found.config["snrs"] == {"as_recorded": ""}
    assert found.config["dataset"]["root"] == "."


def test_mistakes_of_a_sample_sheet_are_found_without_those_that_follow_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (problem,) = problems_found({"dataset": {"samples": "s.tsv"}})
    assert problem.startswith("dataset.samples: there is no file 's.tsv'")
    (tmp_path / "s.tsv").write_text("file\tmachine\tid\na.wav\tpress\tleft\n", encoding="utf-8")
    (problem,) = problems_found({"dataset": {"samples": "s.tsv"}, "machines": {"press": {"ids": ["right"]}}})
    assert problem.startswith("machines.press.ids: right is not in the sample sheet")


def test_a_configuration_that_stands_for_billions_of_entries_is_refused_before_anything_else() -> None:
    endless: Config = {}
    endless["machines"] = endless
    (problem,) = problems_found(endless)
    assert "anchor" in problem


# ------------------------------------------------------------------------------------------------- training settings


def test_a_machine_overrides_just_the_training_settings_it_names() -> None:
    machines = {"fan": {"ids": ["a"]}, "slider": {"ids": ["a"], "ddae": {"epochs": 300, "learning_rate": 1e-5}}}
    config = with_defaults({"machines": machines, "ddae": {"epochs": 7, "batch_size": 8, "device": "cpu"}})
    widths = {"basic": [16, 32, 64, 128], "mfcc": [64, 32, 16, 8]}
    common = {"epochs": 7, "batch_size": 8, "learning_rate": 1e-4, "device": "cpu"}
    common |= {"encoder_widths": widths, "activation": "relu"}
    assert training_settings(config, "fan") == common
    assert training_settings(config, "slider") == {**common, "epochs": 300, "learning_rate": 1e-5}


def test_a_machine_overrides_just_the_network_whose_widths_it_names() -> None:
    machines = {"fan": {"ids": ["a"], "ddae": {"encoder_widths": {"mfcc": [32, 4]}, "activation": "silu"}}}
    config = with_defaults({"machines": machines, "ddae": {"encoder_widths": {"basic": [16]}}})
    settings = training_settings(config, "fan")
    assert settings["encoder_widths"] == {"basic": [16], "mfcc": [32, 4]}
    assert settings["activation"] == "silu"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("auto", "auto", 1e-3)),
        ({"epochs": 50}, (50, 64, 1e-4)),
        ({"epochs": 50, "batch_size": 8}, (50, 8, 1e-4)),
        ({"batch_size": 8, "learning_rate": 1e-2}, ("auto", 8, 1e-2)),
    ],
)
def test_with_a_number_of_epochs_auto_is_what_the_paper_has(given: Config, expected: tuple) -> None:
    settings = training_settings(with_defaults(minimal(ddae=given)), "fan")
    assert tuple(settings[key] for key in ("epochs", "batch_size", "learning_rate")) == expected


def test_training_settings_have_one_order_whatever_the_order_in_the_file() -> None:
    forwards = with_defaults(minimal(ddae={"epochs": 7, "batch_size": 8}))
    backwards = with_defaults(minimal(ddae={"batch_size": 8, "epochs": 7}))
    assert list(training_settings(forwards, "fan").items()) == list(training_settings(backwards, "fan").items())


# ------------------------------------------------------------------------------------------------------ command line


def test_parameters_given_on_the_command_line_are_read_as_numbers_and_those_of_files_are_not() -> None:
    """Snakemake reads lists and mappings of ``--config`` as text throughout."""
    hbos = {"method": "PYOD:HBOS", "parameters": {"n_bins": "7", "alpha": "0.2", "tol": "auto"}}
    written = [
        "IF",
        {"method": "KNN", "parameters": {"n_neighbors": "3"}},
        {"method": "OCSVM", "parameters": {"nu": "0.2"}},
        hbos,
    ]
    from_command_line, from_file = copy.deepcopy(written), copy.deepcopy(written)
    read_command_line_parameters({"detectors": from_command_line}, {"detectors": copy.deepcopy(written)})
    read_command_line_parameters({"detectors": from_file}, {"seeds": ["0"]})
    assert from_command_line[1]["parameters"] == {"n_neighbors": 3}
    assert from_command_line[2]["parameters"] == {"nu": 0.2}
    assert from_command_line[3]["parameters"] == {"n_bins": 7, "alpha": 0.2, "tol": "auto"}
    assert from_file == written


@pytest.mark.parametrize("config", [{}, {"detectors": "KNN"}, {"detectors": [5, None, {"parameters": 3}]}])
def test_reading_parameters_leaves_mistakes_to_the_schema(config: Config) -> None:
    before = copy.deepcopy(config)
    read_command_line_parameters(config, config)
    assert config == before


# ------------------------------------------------------------------------------------------ what tells IDs apart


@pytest.mark.parametrize(
    ("scope", "machines", "single"),
    [
        ("machine", {"fan": ["a", "b"], "pump": ["c", "d"]}, []),
        ("machine", {"fan": ["a", "b"], "pump": ["c"]}, ["pump"]),
        ("run", {"fan": ["a", "b"], "pump": ["c"]}, []),
        ("run", {"fan": ["a"], "pump": ["c"]}, []),
        ("run", {"fan": ["a"]}, ["fan"]),
    ],
)
def test_what_learns_from_other_ids_is_left_out_where_there_are_none_and_that_is_said(
    scope: str, machines: dict[str, list[str]], single: list[str]
) -> None:
    config = minimal(
        machines={name: {"ids": ids} for name, ids in machines.items()},
        detectors=[
            "LOF",
            "IDS",
            {"method": "KNN", "name": "K", "representation": "id-embedding", "projection": "none"},
        ],
        ensembles=[
            {"name": "three", "detectors": ["LOF", "IDS", "K"], "over": ["noise_factors"]},
            {"name": "two", "detectors": ["LOF", "IDS"]},
        ],
        classifier={"scope": scope},
    )
    found = checked(config, command_line={}, files=[], schema_folder=SCHEMA_FOLDER)
    assert "IDS" in config["detectors"] or single
    if not single:
        assert found.remarks == ()
        assert len(config["ensembles"]) == 2
        return
    assert config["detectors"] == ["LOF"]
    assert [(one["name"], one["detectors"]) for one in config["ensembles"]] == [("three", ["LOF"])]
    with pytest.raises(ConfigurationError, match=f"IDS learns from .*but one ID of {single[0]}. Add another detector"):
        checked(
            {**config, "detectors": ["IDS"], "ensembles": []}, command_line={}, files=[], schema_folder=SCHEMA_FOLDER
        )
    (remark,) = found.remarks
    assert remark.startswith("IDS, K: left out, since it learns from the other IDs of a machine")
    assert f"one ID of {single[0]}; three goes without; two is left out, too" in remark


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"method": "IDS", "representation": "raw"}, "IDS sees nothing but the id-embedding, unprojected"),
        ({"method": "IDS", "projection": "standard"}, "IDS sees nothing but the id-embedding, unprojected"),
        ({"method": "LOF", "representation": "id-embedding"}, "projection: map-pca takes the MFCC"),
    ],
)
def test_embeddings_are_not_projected_as_features_are(entry: Config, problem: str) -> None:
    (found,) = problems(minimal(detectors=[entry]))
    assert problem in found
    assert (
        problems(minimal(detectors=[{"method": "LOF", "representation": "id-embedding", "projection": "none"}])) == []
    )
