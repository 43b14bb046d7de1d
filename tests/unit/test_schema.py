"""Schemas: what they allow in words, defaults as Snakemake fills them in, keys that are the user's own."""

from __future__ import annotations

import copy
import doctest
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from snakemake.utils import validate

from asd import schema as asd_schema
from asd.plan.written import yaml_problems
from asd.schema import (
    Written,
    allowed,
    fill_in_defaults,
    first_sentence,
    read_schema,
    remove_own_keys,
    schema_problems,
)
from places import REPOSITORY, SCRIPTS

SCHEMAS = sorted((REPOSITORY / "workflow" / "schemas").glob("*.yaml"))
PATH = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
SCHEMA = read_schema(PATH)
SHIPPED = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (REPOSITORY / "config").glob("*.yaml")
}


def parts(schema: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema of a property inside a schema, with where it stands."""
    if isinstance(schema, list):
        for number, entry in enumerate(schema):
            yield from parts(entry, f"{place}[{number}]")
    if isinstance(schema, dict):
        for name, entry in schema.get("properties", {}).items():
            yield f"{place}.{name}", entry
        for name, entry in schema.items():
            yield from parts(entry, f"{place}.{name}")


def test_the_examples_are_right() -> None:
    result = doctest.testmod(asd_schema)
    assert result.attempted > 5
    assert result.failed == 0


def test_nothing_that_only_the_analysis_needs_is_imported() -> None:
    code = (
        "import sys, asd.schema, asd.plan.written; print({'numpy', 'pandas', 'scipy', 'soundfile'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


# ------------------------------------------------------------------------------------------------ the schemas shipped


@pytest.mark.parametrize("path", SCHEMAS, ids=[path.name for path in SCHEMAS])
def test_the_schemas_are_ones_and_have_no_key_twice(path: Path) -> None:
    Draft202012Validator.check_schema(read_schema(path))
    assert yaml_problems(path) == []


@pytest.mark.parametrize("path", SCHEMAS, ids=[path.name for path in SCHEMAS])
def test_each_key_is_described_in_a_sentence_that_fits_into_a_message(path: Path) -> None:
    schema = read_schema(path)
    found = list(parts(schema))
    assert len(found) >= 5
    for place, part in found:
        text = asd_schema.resolved(part, schema).get("description", "")
        assert text.endswith("."), place
        assert 5 < len(first_sentence(text)) < 160, place


def test_the_defaults_are_allowed_themselves() -> None:
    for place, part in parts(SCHEMA):
        if "default" in part:
            whole = {**asd_schema.resolved(part, SCHEMA), "$defs": SCHEMA["$defs"]}
            assert schema_problems(part["default"], whole) == [], place


# ----------------------------------------------------------------------------------------------------------- defaults


def as_snakemake_fills_in(config: dict[str, Any]) -> dict[str, Any]:
    filled = copy.deepcopy(config)
    validate(filled, str(PATH))
    return filled


def filled_in(config: dict[str, Any]) -> dict[str, Any]:
    filled = copy.deepcopy(config)
    fill_in_defaults(filled, SCHEMA)
    return filled


def assert_same(config: dict[str, Any]) -> None:
    """The same keys, values and order of keys."""
    assert json.dumps(filled_in(config)) == json.dumps(as_snakemake_fills_in(config))


@pytest.mark.parametrize("name", SHIPPED)
def test_defaults_are_filled_in_as_snakemake_does(name: str) -> None:
    assert_same(SHIPPED[name])


def keys_of(value: Any) -> list[tuple[Any, Any]]:
    """Every mapping inside `value` with each of its keys."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [(value, key) for key in value] if isinstance(value, dict) else []
    return own + [pair for item in inside for pair in keys_of(item)]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.sampled_from(sorted(SHIPPED)), st.data())
def test_defaults_are_filled_in_as_snakemake_does_whatever_is_left_out(name: str, data: st.DataObject) -> None:
    config = copy.deepcopy(SHIPPED[name])
    for _ in range(data.draw(st.integers(0, 12))):
        mapping, key = data.draw(st.sampled_from(keys_of(config)))
        if (mapping is not config or key != "machines") and key in mapping:
            del mapping[key]
    if not schema_problems(config, SCHEMA):
        assert_same(config)


def test_defaults_of_one_configuration_are_not_those_of_the_next() -> None:
    first = filled_in({"machines": {"fan": {"ids": ["a"]}}})
    first["seeds"].append(7)
    first["ddae"]["epochs"] = 7
    second = filled_in({"machines": {"fan": {"ids": ["a"]}}})
    assert second["seeds"] == [0]
    assert second["ddae"]["epochs"] == "auto"


# ------------------------------------------------------------------------------------------------- keys of one's own


def test_own_keys_are_removed_where_the_schema_lists_the_keys() -> None:
    config = {
        "x-ids": ["a", "b"],
        "machines": {"fan": {"ids": ["a"], "x-note": 1, "ddae": {"x-a": {}}}},
        "dataset": {"root": "r", "x-kinds": {"normal": "n"}},
        "detectors": ["IF", {"method": "LOF", "x-why": "none"}],
        "ensembles": [{"name": "A", "detectors": ["IF", "LOF"], "x-": None}],
    }
    remove_own_keys(config, SCHEMA)
    assert config == {
        "machines": {"fan": {"ids": ["a"], "ddae": {}}},
        "dataset": {"root": "r"},
        "detectors": ["IF", {"method": "LOF"}],
        "ensembles": [{"name": "A", "detectors": ["IF", "LOF"]}],
    }


def test_names_of_the_user_s_own_may_start_as_own_keys_do() -> None:
    config = {
        "machines": {"x-ray": {"ids": ["x-1"], "split": {"x-1": {"ddae": 1, "ad_train": 2, "ad_test": 2}}}},
        "snrs": {"x-6": "x"},
        "reference_snr": "x-6",
        "detectors": [{"method": "PYOD:A", "parameters": {"x-a": 1}}],
    }
    before = copy.deepcopy(config)
    remove_own_keys(config, SCHEMA)
    assert config == before
    assert schema_problems(config, SCHEMA) == []


@pytest.mark.parametrize("value", [None, [], "text", 5, {"machines": "x-1"}, {"machines": {"fan": None}}])
def test_what_is_no_configuration_is_left_to_the_schema(value: Any) -> None:
    before = copy.deepcopy(value)
    remove_own_keys(value, SCHEMA)
    assert value == before


# ------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["null", "string"]}, "`null` or text"),
        ({"type": "boolean"}, "`true` or `false`"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 100}, "number, more than 0, at most 100"),
        ({"enum": ["a", "b", "c"]}, "`a`, `b` or `c`"),
        ({"oneOf": [{"const": "a", "description": "A."}, {"const": "b"}]}, "`a` or `b`"),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}]}, "`auto` or whole number"),
        ({"type": "array", "items": {"$ref": "#/$defs/share"}}, "list; each: number, more than 0, less than 100"),
        ({"type": "object", "properties": {"a": {}, "b": {}}}, "mapping with `a`, `b`"),
        (
            {"type": "object", "propertyNames": {"title": "ID"}, "additionalProperties": {"type": "string"}},
            "mapping; each ID: text",
        ),
        ({"type": "string", "title": "32 digits"}, "32 digits"),
    ],
)
def test_what_a_schema_allows_is_said_in_words(schema: Mapping[str, Any], words: str) -> None:
    assert allowed(schema, SCHEMA) == words


def test_a_list_of_choices_that_are_described_is_one_of_choices() -> None:
    schema = {"oneOf": [{"const": "a", "description": "A."}, {"const": "b", "description": "B."}]}
    assert schema_problems("c", schema) == ["the configuration: 'c' is not allowed, choose from a, b"]


def test_a_problem_is_named_by_where_the_part_stands_that_is_checked() -> None:
    schema = {"type": "object", "properties": {"k": {"type": "integer"}}}
    written = Written({("detectors", 0, "parameters", "k"): "1:30"})
    (line,) = schema_problems({"k": 90}, schema, written, ("detectors", 0, "parameters"))
    assert line.startswith("detectors[0].parameters.k: 1:30 is not allowed (YAML reads 1:30 as the number 90")
