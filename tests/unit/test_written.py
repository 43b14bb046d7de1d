"""Configuration files as they are written: keys that stand twice are named, and messages show what stands there."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import yaml

from asd.plan.configuration import ConfigurationError, checked
from asd.plan.written import written_in, written_texts, yaml_problems
from places import REPOSITORY

SCHEMAS = REPOSITORY / "workflow" / "schemas"


def file_with(folder: Path, text: str, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path) -> Any:
    """As Snakemake does."""
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text, object_pairs_hook=OrderedDict)
    except ValueError:
        return yaml.load(text, Loader=yaml.FullLoader)


# ---------------------------------------------------------------------------------------------- keys that stand twice

TWICE = {
    "at the top": ("seeds: [0]\nmachines: {}\nseeds: [1]\n", ["the key seeds", "in lines 1 and 3"]),
    "three times": ("a: 1\na: 2\nb: 0\na: 3\n", ["the key a", "in lines 1, 2 and 4"]),
    "inside": ("machines:\n  fan:\n    ids: [a]\n    ids: [b]\n", ["the key machines.fan.ids", "in lines 3 and 4"]),
    "in a line": ("machines: {fan: {ids: [a], ids: [b]}}\n", ["the key machines.fan.ids", "in line 1"]),
    "in a list": ("ensembles:\n- {name: a}\n- name: b\n  name: c\n", ["ensembles.1.name", "in lines 3 and 4"]),
    "with and without quotes": ("\"00\": 1\na: 1\n00: 2\n'00': 3\n", ["the key 00", "in lines 1 and 4"]),
    "written differently": ("yes: 1\ntrue: 2\n", ["in lines 1 and 2"]),
    "as an anchor": ("x-a: &a\n  b: 1\n  b: 2\nc: *a\nd: *a\n", ["the key x-a.b", "in lines 2 and 3"]),
    "in JSON": ('{"machines": {"a": 1,\n"a": 2}}', ["the key machines.a", "in lines 1 and 2"]),
    "in JSON that is no YAML": ('{"x": "\\ud83d\\ude00", "machines": {"a": 1, "a": 2}}', ["the key a "]),
}


@pytest.mark.parametrize("case", TWICE)
def test_a_key_that_stands_twice_is_named_with_file_and_lines(tmp_path: Path, case: str) -> None:
    text, says = TWICE[case]
    path = file_with(tmp_path, text)
    assert load(path)  # nothing is said there
    (problem,) = yaml_problems(path)
    assert problem.startswith(f"{path}: ")
    assert all(part in problem for part in says), problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 1}]\n",
        "x-a: &a {b: 1, c: 2}\nd: {<<: *a, b: 3}\ne: {b: 1, <<: *a}\n",
        "x-a: &a {b: 1}\nx-c: &c {b: 2}\nd: {<<: [*a, *c]}\n",
        "1: a\n'1': b\n",
        "a: &a [*a, *a]\n",
        "__use_yte__: true\na: 1\na: 2\n",
        "a: [1, 2\n",
        "a: 1\n---\na: 1\n",
        "2020-13-45: 1\n",
        "? [a]\n: 1\n? [a]\n: 2\n",
    ],
)
def test_other_keys_are_not(tmp_path: Path, text: str) -> None:
    assert yaml_problems(file_with(tmp_path, text)) == []


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "none", tmp_path):
        assert yaml_problems(path) == []
        assert written_texts(path).values == {}


@pytest.mark.parametrize("path", sorted((REPOSITORY / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_configurations_have_no_key_twice(path: Path) -> None:
    assert yaml_problems(path) == []


# ----------------------------------------------------------------------------------------------------- texts as written


def test_texts_are_kept_by_their_places(tmp_path: Path) -> None:
    text = "a: [no, 'no', 1_0]\nb: &b {00: ~, c: 0.70}\nd: *b\ne: {<<: *b, c: 12:30}\nf:\n"
    written = written_texts(file_with(tmp_path, text))
    assert written.values == {
        ("a", 0): "no",
        ("a", 2): "1_0",
        ("b", 0): "~",
        ("b", "c"): "0.70",
        ("d", 0): "~",
        ("d", "c"): "0.70",
        ("e", 0): "~",
        ("e", "c"): "12:30",
        ("f",): "",
    }
    assert written.keys == {("b", 0): "00", ("d", 0): "00", ("e", 0): "00"}


def test_the_command_line_and_the_last_file_have_the_last_word(tmp_path: Path) -> None:
    first = file_with(tmp_path, "a: 010\nb: 010\nc: {d: no}\ne: [012, 012]\n", "first.yaml")
    last = file_with(tmp_path, "b: 0x8\n", "last.yaml")
    config = {"a": 8, "b": 8, "c": {"d": False}, "e": ["x"]}
    assert written_in(config, [first, last], {}).values == {("a",): "010", ("b",): "0x8", ("c", "d"): "no"}
    assert written_in(config, [first, last], {"a": 8, "c": {"d": False}}).values == {("b",): "0x8"}


def test_texts_of_a_part_of_another_workflow_s_configuration_are_not_taken(tmp_path: Path) -> None:
    path = file_with(tmp_path, "seeds: 0x10\nasd: {seeds: [1]}\n")
    assert written_in(load(path)["asd"], [path], {}).values == {}


# ------------------------------------------------------------------------------------------------------------ messages

ROOT = "dataset: {root: recordings}"
FAN = f"{ROOT}\nmachines: {{fan: {{ids: [a]}}}}"


def machines(text: str) -> str:
    return f"{ROOT}\nmachines: {{{text}}}"


def ids(text: str) -> str:
    return machines(f"fan: {{ids: [{text}]}}")


def detector(text: str) -> str:
    return f"{FAN}\ndetectors: [{{{text}}}]"


# configuration, how its line about the mistake begins, and what else it says
MESSAGES = {
    "ID no": (
        ids("no"),
        "machines.fan.ids[0]: no is not allowed, text is needed",
        'YAML reads no as false: write it in quotes, "no"',
    ),
    "ID true": (ids("true"), "machines.fan.ids[0]: true is not allowed", "reads true as true: write it in quotes"),
    "ID 00": (ids("a, 00"), "machines.fan.ids[1]: 00 is not allowed", "YAML reads 00 as a number: write it in quotes"),
    "ID 1_000": (ids("1_000"), "machines.fan.ids[0]: 1_000 is not allowed", '"1_000"'),
    "ID that is a time": (ids("12:30"), "machines.fan.ids[0]: 12:30 is not", "as the number 750: write it in quotes"),
    "ID that is a date": (ids("2020-01-31"), "machines.fan.ids[0]: 2020-01-31 is", "as a date: write it in quotes"),
    "ID that is nothing": (ids("~"), "machines.fan.ids[0]: ~ stands for no value", 'write it in quotes, "~"'),
    "ID from an anchor": (f"x-ids: &ids [no]\n{machines('fan: {ids: *ids}')}", "machines.fan.ids[0]: no is", "false"),
    "ID from a merge": (
        f"x-fan: &fan {{ids: [no]}}\n{machines('fan: {<<: *fan, split: auto}')}",
        "machines.fan.ids[0]: no is",
        "false",
    ),
    "ID of a split": (
        machines("fan: {ids: ['00'], split: {00: {ddae: 1, ad_train: 2, ad_test: 2}}}"),
        "machines.fan.split: 00 is not allowed, text is needed",
        'YAML reads 00 as a number: write it in quotes, "00"',
    ),
    "machine no": (machines("no: {ids: [a]}"), "machines: no is not allowed, text is needed", "reads no as false"),
    "inside of machine 017": (machines("017: {ids: [a/b]}"), "machines.017.ids[0]: 'a/b' is not allowed", "slashes"),
    "root that is a date": (
        "dataset: {root: 2020-01-31}\nmachines: {fan: {ids: [a]}}",
        "dataset.root: 2020-01-31 is not allowed, text is needed",
        "as a date",
    ),
    "root null": (
        "dataset: {root: null}\nmachines: {fan: {ids: [a]}}",
        "dataset.root: null stands for no value, text is needed",
        "leave the key out",
    ),
    "root left empty": (
        "dataset: {root: }\nmachines: {fan: {ids: [a]}}",
        "dataset.root: has no value, text is needed",
        "leave the key out",
    ),
    "channel yes": (
        "dataset: {root: a, channel: yes}\nmachines: {fan: {ids: [a]}}",
        "dataset.channel: yes is not allowed (YAML reads yes as true)",
        "mean or whole number",
    ),
    "noise factor that is a time": (
        f"{FAN}\nnoise_factors: [12:30]",
        "noise_factors[0]: 12:30 is not allowed",
        "YAML reads 12:30 as the number 750: write 750, if it is meant",
    ),
    "noise factor off": (f"{FAN}\nnoise_factors: [off]", "noise_factors[0]: off is not allowed", "reads off as false"),
    "noise factor without a point": (f"{FAN}\nnoise_factors: [1e-4]", "noise_factors[0]: '1e-4'", "write 1.0e-4"),
    "noise factor without a sign": (f"{FAN}\nnoise_factors: [.5e3]", "noise_factors[0]: '.5e3'", "write .5e+3"),
    "noise factor in quotes": (f"{FAN}\nnoise_factors: ['0.7']", "noise_factors[0]: '0.7'", "write it without quotes"),
    "noise factor twice": (f"{FAN}\nnoise_factors: [0.7, 0.70]", "noise_factors: 0.70 stands", "more than once"),
    "seed in octal": (f"{FAN}\nseeds: [1, 010]", "seeds[1]: 010 is not allowed", "YAML reads 010 as the number 8"),
    "seed with a zero in front": (f"{FAN}\nseeds: [08]", "seeds[0]: '08' is not allowed", "reads 08 as text: write 8"),
    "seed in octal, as of later": (f"{FAN}\nseeds: [0o17]", "seeds[0]: '0o17' is", "reads 0o17 as text: write 15"),
    "seed out of range": (
        f"{FAN}\nseeds: [0x1FFFFFFFF]",
        "seeds[0]: 0x1FFFFFFFF is out of range",
        "as the number 8589934591",
    ),
    "infinite": (f"{FAN}\nthreshold_percentile: .inf", "threshold_percentile: .inf is out of range", "at most 100"),
    "no number": (f"{FAN}\nthreshold_percentile: .NaN", "threshold_percentile: .NaN is not allowed", "a finite number"),
    "choice": (
        f"{FAN}\non_shortfall: off",
        "on_shortfall: off is not allowed (YAML reads off as false)",
        "choose from error, shrink",
    ),
    "odd things inside": (f"{FAN}\nddae: [no, {{12:30: ~}}]", "ddae: [no, {12:30: ~}] is not allowed", "a mapping"),
    "unknown key": (f"{FAN}\noff: 1", "the configuration: unknown key off", "Allowed here: dataset"),
    "parameter": (
        detector("method: KNN, parameters: {n_neighbors: no}"),
        "detectors[0].parameters.n_neighbors: no is not allowed, a whole number is needed",
        "YAML reads no as false",
    ),
    "parameter that is a time": (
        detector("method: KNN, parameters: {n_neighbors: 1:30}"),
        "detectors[0].parameters.n_neighbors: 1:30 is not allowed",
        "the number 90",
    ),
    "parameter of PyOD": (
        detector("method: 'PYOD:A', parameters: {day: 2020-01-31}"),
        "detectors[0].parameters.day: 2020-01-31 is not allowed",
        "write it in quotes",
    ),
    "name of a parameter of PyOD": (
        detector("method: 'PYOD:A', parameters: {off: 1}"),
        "detectors[0].parameters: off is not allowed, text is needed",
        "YAML reads off as false",
    ),
}


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        checked(load(path), command_line={}, files=[path], schema_folder=SCHEMAS)
    return caught.value.problems


@pytest.mark.parametrize("case", MESSAGES)
def test_a_message_shows_what_is_written(tmp_path: Path, case: str) -> None:
    text, begins, says = MESSAGES[case]
    found = problems_of(file_with(tmp_path, text))
    (line,) = (line for line in found if line.startswith(begins))
    assert says in line
    for line in found:
        assert len(line) < 400
        assert not [clutter for clutter in ("True", "False", "None", "datetime") if clutter in line]


@pytest.mark.parametrize("text", ["1_000", "0x1F", "0b11", "007", "+3", "1.0e+2", "0.70"])
def test_numbers_that_are_what_they_look_like_are_allowed(tmp_path: Path, text: str) -> None:
    path = file_with(tmp_path, f"{FAN}\nnoise_factors: [{text}]\n")
    config = checked(load(path), command_line={}, files=[path], schema_folder=SCHEMAS).config
    assert config["noise_factors"] == [yaml.safe_load(text)]


def test_yes_and_no_are_fine_where_true_and_false_are_asked_for(tmp_path: Path) -> None:
    archives = "{a: {bytes: 1, md5: '" + "0" * 32 + "'}}"
    download = f"download: {{url: 'http://a/{{archive}}', archives: {archives}, delete_archives: yes}}"
    path = file_with(tmp_path, f"{FAN}\n{download}\n")
    config = checked(load(path), command_line={}, files=[path], schema_folder=SCHEMAS).config
    assert config["download"]["delete_archives"] is True


def test_odd_texts_under_own_keys_are_left_alone(tmp_path: Path) -> None:
    path = file_with(tmp_path, f"x-odd: [no, 12:30, .nan, 2020-01-31]\n{FAN}")
    assert "x-odd" not in checked(load(path), command_line={}, files=[path], schema_folder=SCHEMAS).config


def test_keys_that_stand_twice_are_named_beside_everything_else(tmp_path: Path) -> None:
    path = file_with(tmp_path, f"{FAN}\nseeds: [0]\nseeds: [-1]\nnoise_factors: []\n")
    found = problems_of(path)
    assert [line.split(":")[0] for line in found] == [str(path), "noise_factors", "seeds[0]"]
    assert "in lines 3 and 4" in found[0]
