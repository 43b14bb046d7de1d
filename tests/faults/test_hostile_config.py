"""Damaged and hostile configurations: every one is refused in words, or is one that the rules can work with.

FUZZ=5000 in the environment tries as many of each kind.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asd.plan import configuration
from asd.recordings import layout
from places import REPOSITORY

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "config").glob("*.yaml"))}
CONFIGS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
EXAMPLES = int(os.environ.get("FUZZ", "120"))
OUTCOMES: Counter[str] = Counter()

fuzz = settings(deadline=5000, derandomize=True, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def _outcomes() -> Any:
    yield
    print(f"\nconfigurations: {dict(OUTCOMES)}")


def problems_of(config: Any) -> list[str]:
    """What Snakemake is told of a configuration, in the order of `check_config` in rules/common.smk."""
    too_large = configuration.size_problem(config)
    if too_large:
        return [too_large]
    configuration.read_command_line_numbers(config, {}, SCHEMA)
    configuration.read_command_line_parameters(config, {})
    problems = configuration.schema_problems(config, SCHEMA)
    if problems:
        return problems
    with_defaults(config, SCHEMA)
    return configuration.consistency_problems(config)


def with_defaults(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Fill in defaults in place, as Snakemake's `validate` does."""
    for name, entry in schema.get("properties", {}).items():
        if "default" in entry:
            config.setdefault(name, copy.deepcopy(entry["default"]))
        if isinstance(config.get(name), dict):
            with_defaults(config[name], entry)
    if isinstance(schema.get("additionalProperties"), dict):
        for value in config.values():
            if isinstance(value, dict):
                with_defaults(value, schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        return
    if config is not None and schema is SCHEMA:
        for ensemble in config["ensembles"]:
            ensemble.setdefault("over", [])
            ensemble.setdefault("average", "z")


def judge(config: Any) -> None:
    """Refused in short sentences, or usable: names are safe in paths, and everything a rule asks for is there."""
    started = time.perf_counter()
    problems = problems_of(config)
    assert time.perf_counter() - started < 5
    OUTCOMES["refused" if problems else "accepted"] += 1
    if problems:
        assert all(problem and len(problem) < 2000 for problem in problems)
        return
    names = [*config["machines"], *config["snrs"]]
    names += [name for machine in config["machines"].values() for name in machine["ids"]]
    for name in names:
        assert name not in (".", "..")
        assert not set("/\\{}\n\0") & set(name), name
    detectors = configuration.detector_settings(config)
    assert all(not set("/\\ {}") & set(detector["name"]) for detector in detectors)
    for machine in config["machines"]:
        training = configuration.training_settings(config, machine)
        assert training["epochs"] >= 1
        assert training["learning_rate"] > 0
    for pattern in configuration.patterns_of(config["dataset"]):
        values = dict.fromkeys(layout.RECORDING_FIELDS, "x")
        if config["dataset"]["cache"] is None and config["dataset"]["samples"] is None:
            layout.fill(pattern, values, for_glob=True)


# ----------------------------------------------------------------------------------------------- what YAML may hold

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "auto", "../x", "a/b", "{id}", "{machine", "*", "1e-4", "00", "all", "PYOD:", "x\0y", "é" * 300]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all entries inside `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inside for place in [(*path, key), *places(item, (*path, key))]]


def owner_of(config: Any, place: tuple[Any, ...]) -> Any:
    for part in place[:-1]:
        config = config[part]
    return config


@fuzz
@given(values)
def test_anything_may_stand_in_a_configuration(value: Any) -> None:
    judge(value if isinstance(value, dict) else {"machines": value})


@fuzz
@given(st.sampled_from(sorted(CONFIGS)), st.data())
def test_a_configuration_with_some_entries_replaced_renamed_or_removed(name: str, data: st.DataObject) -> None:
    config = copy.deepcopy(CONFIGS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(config) or [("machines",)]))
        owner, key = owner_of(config, place), place[-1]
        match data.draw(st.sampled_from(["replace", "rename", "remove", "swap"])):
            case "replace":
                owner[key] = data.draw(values)
            case "rename" if isinstance(owner, dict):
                owner[data.draw(st.text(max_size=8))] = owner.pop(key)
            case "swap":
                other = data.draw(st.sampled_from(places(config)))
                owner[key] = copy.deepcopy(owner_of(config, other)[other[-1]])
            case _:
                del owner[key]
    judge(config)


@fuzz
@given(st.sampled_from(sorted(CONFIGS)), st.data())
def test_an_unknown_key_is_never_accepted(name: str, data: st.DataObject) -> None:
    config = copy.deepcopy(CONFIGS[name])
    free = {"machines", "snrs", "split", "archives", "parameters"}  # whose keys are the user's own
    mappings = [()] + [
        place
        for place in places(config)
        if isinstance(owner_of(config, (*place, None)), dict) and not free & {str(part) for part in place[-1:]}
    ]
    mapping = owner_of(config, (*data.draw(st.sampled_from(mappings)), None))
    mapping[data.draw(st.text(min_size=1, max_size=8).filter(lambda key: key not in json.dumps(SCHEMA)))] = 1
    assert problems_of(config)


@fuzz
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_the_text_of_a_configuration_with_some_characters_changed(name: str, data: st.DataObject) -> None:
    text = list(TEXTS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(["set", "insert", "cut", "repeat"])):
            case "set":
                text[place] = data.draw(st.characters(codec="utf-8"))
            case "insert":
                text[place:place] = data.draw(
                    st.sampled_from(["\n", " ", ": ", "- ", "&a ", "*a", "{", "]", "'", "\t"])
                )
            case "cut":
                text = text[: place + 1]
            case _:
                text[place:place] = text[place : place + 40]
    try:
        config = yaml.safe_load("".join(text))
    except (yaml.YAMLError, ValueError):  # a date such as 2020-13-45 is a ValueError; Snakemake names the file
        OUTCOMES["no YAML"] += 1
        return
    judge(config if isinstance(config, dict) else {"machines": config})


@pytest.mark.parametrize("key", ["machines", "noise_factors", "dataset", "x"])
def test_a_few_lines_that_stand_for_billions_are_refused_at_once(key: str) -> None:
    bomb: Any = ["x"] * 9
    for _ in range(9):
        bomb = [bomb] * 9
    started = time.perf_counter()
    assert problems_of({"machines": {"fan": {"ids": ["a"]}}, key: bomb})
    endless: dict[str, Any] = {}
    endless["fan"] = endless
    assert problems_of({"machines": endless})
    assert time.perf_counter() - started < 5


def test_the_configurations_of_the_repository_are_accepted() -> None:
    for config in CONFIGS.values():
        assert problems_of(copy.deepcopy(config)) == []
