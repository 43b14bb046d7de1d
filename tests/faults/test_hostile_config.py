"""Damaged and hostile configurations: every one is refused in words, or is one that the rules can work with.

FUZZ=5000 in the environment tries as many of each kind.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asd.plan import configuration
from asd.plan.configuration import ConfigurationError, checked
from asd.plan.written import yaml_problems
from asd.recordings import layout
from places import REPOSITORY

SCHEMAS = REPOSITORY / "workflow" / "schemas"
SCHEMA = yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text(encoding="utf-8"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "config").glob("*.yaml"))}
CONFIGS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
EXAMPLES = int(os.environ.get("FUZZ", "120"))
OUTCOMES: Counter[str] = Counter()
# What YAML makes something else of than stands there, or nearly does
ODD = [
    *(
        "no",
        "yes",
        "Off",
        "~",
        "null",
        "12:30",
        "-1:30",
        "1:30.5",
        "1_000",
        "010",
        "-017",
        "08",
        "0o17",
        "0x1F",
        "0b11",
    ),
    *(".5e3", "1e-4", ".inf", "-.INF", ".nan", "2020-01-31", "00"),
]

fuzz = settings(deadline=5000, derandomize=True, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configurations")


def file_with(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module", autouse=True)
def _outcomes() -> Any:
    yield
    print(f"\nconfigurations: {dict(OUTCOMES)}")


def problems_of(config: Any, *files: Path) -> list[str]:
    """What is said of a configuration that has been read from files; none if it can be used."""
    try:
        checked(config, command_line={}, files=files, schema_folder=SCHEMAS)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def judge(config: Any, *files: Path) -> None:
    """Refused in short sentences, or usable: names are safe in paths, and everything a rule asks for is there."""
    started = time.perf_counter()
    problems = problems_of(config, *files)
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
        assert training["epochs"] == "auto" or training["epochs"] >= 1
        assert training["learning_rate"] > 0
        assert all(0 < width <= 512 for widths in training["encoder_widths"].values() for width in widths)
    if config["dataset"]["cache"] is None and config["dataset"]["samples"] is None:
        patterns = config["dataset"]["pattern"]
        values = dict.fromkeys((*layout.RECORDING_FIELDS, *config["dataset"]["attributes"]), "x")
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            layout.fill(pattern, values, for_glob=True)


# ----------------------------------------------------------------------------------------------- what YAML may hold

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
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


def mappings_with_fixed_keys(config: Any) -> list[tuple[Any, ...]]:
    free = {
        "machines",
        "snrs",
        "split",
        "archives",
        "parameters",
        "attributes",
        "kinds",
    }  # whose keys are the user's own
    return [()] + [
        place
        for place in places(config)
        if isinstance(owner_of(config, (*place, None)), dict) and not free & {str(part) for part in place[-1:]}
    ]


@fuzz
@given(st.sampled_from(sorted(CONFIGS)), st.data())
def test_an_unknown_key_is_never_accepted(name: str, data: st.DataObject) -> None:
    config = copy.deepcopy(CONFIGS[name])
    mapping = owner_of(config, (*data.draw(st.sampled_from(mappings_with_fixed_keys(config))), None))
    new_keys = st.text(min_size=1, max_size=8).filter(
        lambda key: not key.startswith("x-") and key not in json.dumps(SCHEMA)
    )
    mapping[data.draw(new_keys)] = 1
    assert problems_of(config)


@cache
def completed(name: str) -> Any:
    config = copy.deepcopy(CONFIGS[name])
    assert problems_of(config) == []
    return config


@fuzz
@given(st.sampled_from(sorted(CONFIGS)), st.data())
def test_own_keys_change_nothing_whatever_they_hold(name: str, data: st.DataObject) -> None:
    config = copy.deepcopy(CONFIGS[name])
    for place in data.draw(st.lists(st.sampled_from(mappings_with_fixed_keys(config)), min_size=1, max_size=3)):
        owner_of(config, (*place, None))[f"x-{data.draw(st.text(max_size=8))}"] = data.draw(values)
    assert problems_of(config) == []
    assert config == completed(name)


@fuzz
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_the_text_of_a_configuration_with_some_characters_changed(folder: Path, name: str, data: st.DataObject) -> None:
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
        config = yaml.load("".join(text), Loader=yaml.FullLoader)
    except (yaml.YAMLError, ValueError):  # a date such as 2020-13-45 is a ValueError; Snakemake names the file
        OUTCOMES["no YAML"] += 1
        return
    path = file_with(folder, "".join(text))
    judge(config if isinstance(config, dict) else {"machines": config}, path)


def scalars_of(node: yaml.Node) -> list[yaml.ScalarNode]:
    """Values without quotes, and keys, that stand in a file."""
    if isinstance(node, yaml.ScalarNode):
        return [] if node.style else [node]
    if isinstance(node, yaml.MappingNode):
        return [scalar for pair in node.value for part in pair for scalar in scalars_of(part)]
    return [scalar for part in node.value for scalar in scalars_of(part)]


@fuzz
@given(st.sampled_from(sorted(TEXTS)), st.sampled_from(ODD), st.data())
def test_what_is_said_of_an_odd_text_shows_it_as_it_is_written(
    folder: Path, name: str, odd: str, data: st.DataObject
) -> None:
    text = TEXTS[name]
    place = data.draw(st.sampled_from(scalars_of(yaml.compose(text))))
    path = file_with(folder, text[: place.start_mark.index] + odd + text[place.end_mark.index :])
    problems = problems_of(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.FullLoader), path)
    OUTCOMES["odd text refused" if problems else "odd text accepted"] += 1
    for problem in problems:
        assert not [made for made in ("True", "False", "None", "datetime") if made in problem]
    # a key that is gone is missed, be it by its name
    is_key = text[place.end_mark.index :].startswith(":")
    assert not problems or is_key or any(odd in problem for problem in problems)


def in_flow(value: Any, twice: tuple[Any, ...], place: tuple[Any, ...] = ()) -> str:
    """YAML of `value` in which the key at `twice` stands twice, in two lines."""
    if isinstance(value, list):
        return f"[{', '.join(in_flow(item, twice, (*place, number)) for number, item in enumerate(value))}]"
    if not isinstance(value, dict):
        return json.dumps(value)
    entries = [(key, f"{json.dumps(key)}: {in_flow(item, twice, (*place, key))}") for key, item in value.items()]
    again = [entry for key, entry in entries if (*place, key) == twice]
    return f"{{{', '.join([entry for _, entry in entries] + [chr(10) + entry for entry in again])}}}"


@fuzz
@given(st.sampled_from(sorted(CONFIGS)), st.data())
def test_a_key_that_stands_twice_anywhere_is_named(folder: Path, name: str, data: st.DataObject) -> None:
    keys = [place for place in places(CONFIGS[name]) if isinstance(place[-1], str)]
    place = data.draw(st.sampled_from(keys))
    path = file_with(folder, in_flow(CONFIGS[name], place))
    assert json.loads(path.read_text(encoding="utf-8")) == CONFIGS[name]  # nothing is said there
    (problem,) = yaml_problems(path)
    assert f"the key {'.'.join(map(str, place))} stands there more than once, in lines " in problem
    assert problem in problems_of(copy.deepcopy(CONFIGS[name]), path)


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


@pytest.mark.parametrize("text", ["seeds: [0x" + "F" * 5000 + "]", "machines: {0x" + "F" * 1000 + ": {ids: [a]}}"])
def test_a_number_that_python_does_not_print_is_refused(folder: Path, text: str) -> None:
    path = file_with(folder, text)
    (problem,) = problems_of(yaml.load(text, Loader=yaml.FullLoader), path)
    assert "hundreds of digits" in problem


def test_the_configurations_of_the_repository_are_accepted() -> None:
    for config in CONFIGS.values():
        assert problems_of(copy.deepcopy(config)) == []
