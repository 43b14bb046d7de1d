"""The tables of config/README.md are those of the schemas and of the registry of detectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from asd.ddae import settings
from asd.detection.detectors import METHODS, ProjectionName, Representation
from asd.errors import UserError
from asd.plan.documentation import README, main, rows_of_choices, rows_of_keys, rows_of_methods, with_tables
from asd.schema import read_schema
from places import REPOSITORY

SCHEMAS = REPOSITORY / "workflow" / "schemas"
SCHEMA = read_schema(SCHEMAS / "config.schema.yaml")


def names_in(schema: Any) -> Iterator[str]:
    """The name of every key that a schema knows."""
    if isinstance(schema, list):
        for entry in schema:
            yield from names_in(entry)
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {})
        for entry in schema.values():
            yield from names_in(entry)


def row(key: str) -> tuple[str, ...]:
    rows = {cells[0]: cells for cells in rows_of_keys(SCHEMA, SCHEMA["properties"])}
    return rows[f"`{key}`"][1:]


def test_the_tables_are_up_to_date() -> None:
    """If this fails: PYTHONPATH=workflow/scripts .venv/bin/python -m asd.plan.documentation"""
    assert README.samefile(REPOSITORY / "config" / "README.md")
    assert main(["--check"]) == 0


def test_every_key_of_the_schema_is_in_a_table() -> None:
    text = README.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    cells = " ".join(f"{cells[0]} {cells[2]}" for cells in rows if len(cells) == 4)
    for name in {*names_in(SCHEMA["properties"])}:
        assert re.search(rf"[`.]{name}[`.]", cells), name


def test_a_table_that_differs_is_noticed_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    good = README.read_text(encoding="utf-8")
    readme.write_text(good.replace("| `1000` |", "| `100` |"), encoding="utf-8")
    assert main([str(readme), "--check"]) == 1
    assert str(readme) in capsys.readouterr().out
    assert readme.read_text(encoding="utf-8") != good
    assert main([str(readme)]) == 0
    assert readme.read_text(encoding="utf-8") == good
    assert main([str(readme), "--check"]) == 0


def test_what_stands_around_the_tables_stays() -> None:
    text = "Before | it\n<!-- table: keys seeds -->\n| old |\n<!-- end of table -->\n\nafter\n"
    first, *table, last = with_tables(text, SCHEMAS).split("\n\n")
    assert first == "Before | it\n<!-- table: keys seeds -->"
    assert table[0].startswith(
        "| key | default | allowed | meaning |\n|---|---|---|---|\n| `seeds` | `[0]` | list; each: "
    )
    assert table[1] == "<!-- end of table -->"
    assert last == "after\n"


@pytest.mark.parametrize("name", ["keys seed", "tables", "choices method"])
def test_a_table_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(UserError, match=name.split()[-1]):
        with_tables(f"<!-- table: {name} -->\n<!-- end of table -->\n", SCHEMAS)


def test_rows_say_default_what_is_allowed_and_the_meaning() -> None:
    assert row("ddae.epochs")[:2] == ("`auto`", "`auto` or whole number, at least 1")
    assert row("ddae.device")[0] == "`auto`"
    assert row("dataset.cache")[:2] == ("`null`", "`null` or text")
    assert row("download.url")[0] == "required"
    assert row("dataset.root")[0] == "required with `pattern`"
    assert row("machines.<machine>.ids")[0] == "required without a sample sheet"
    assert row("machines.<machine>.ddae.epochs")[0] == "`ddae.epochs`"
    assert row("machines.<machine>.split.<ID>.ad_test")[:2] == ("required", "whole number, at least 2")
    assert row("snrs")[0] == "`{snr6: 6_dB, snr0: 0_dB, snr_6: -6_dB}`"
    assert row("detectors[].method")[0] == "required"


def test_epochs_auto_is_described_as_it_is() -> None:
    text = row("ddae.epochs")[2]
    assert f"below {settings.LEARNED:.0%}".replace("%", " %") in text
    assert f"ends {settings.PATIENCE} steps after these, at {settings.MOST_STEPS} at most" in text
    assert f"fewer than {settings.FEWEST_TO_HOLD_OUT} clips" in text
    assert f"takes {settings.STEPS_WITHOUT_VALIDATION} steps" in text


def test_each_method_has_a_row_with_its_parameters() -> None:
    rows = {cells[0]: cells[1:] for cells in rows_of_methods()}
    assert list(rows) == [*(f"`{name}`" for name in METHODS), "`PYOD:<class>`"]
    about, views, parameters = rows["`OCSVM`"]
    assert about.startswith("One-class SVM")
    assert views == "denoised, map-pca"
    assert parameters.startswith("`nu`: 0.1 (number, more than 0, at most 1): share of the training clips")
    assert all(len(cells[0]) > 10 for cells in rows.values())


@pytest.mark.parametrize(("key", "known"), [("representation", Representation), ("projection", ProjectionName)])
def test_the_schema_lists_the_views_that_the_program_has(key: str, known: Any) -> None:
    rows = list(rows_of_choices(SCHEMA, key))
    assert [name for name, _ in rows] == [f"`{name}`" for name in get_args(known)]
    assert all(about.endswith(".") for _, about in rows)
