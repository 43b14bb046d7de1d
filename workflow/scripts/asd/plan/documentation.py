"""The tables of ``config/README.md``, made from the schemas and from the registry of detectors.

    PYTHONPATH=workflow/scripts python -m asd.plan.documentation [--check]

writes each table anew, between its two marks::

    <!-- table: keys snrs, reference_snr -->
    <!-- end of table -->

or, with ``--check``, says which differ.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..detection.detectors import METHODS, PYOD_PREFIX, Method, find_method
from ..errors import UserError
from ..schema import allowed, choices, read_schema, resolved
from .configuration import CONFIG_SCHEMA, SAMPLES_SCHEMA

WORKFLOW = Path(__file__).parents[3]
README = WORKFLOW.parent / "config" / "README.md"

_TABLE = re.compile(r"(<!-- table: (?P<name>.+?) -->\n)(?P<rows>.*?)(<!-- end of table -->)", re.DOTALL)
_KEY_COLUMNS = ("key", "default", "allowed", "meaning")

Row = tuple[str, ...]


def with_tables(text: str, schemas: Path) -> str:
    """`text` of a README with each table made anew.

    Parameters
    ----------
    schemas
        Folder of the schemas.

    Raises
    ------
    UserError
        If there is no table of a name that stands in a mark.
    """
    config = read_schema(schemas / CONFIG_SCHEMA)
    samples = read_schema(schemas / SAMPLES_SCHEMA)

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n{_markdown(*_table(match['name'], config, samples))}\n{match[4]}"

    return _TABLE.sub(table, text)


def _table(name: str, config: Mapping[str, Any], samples: Mapping[str, Any]) -> tuple[Sequence[str], Iterable[Row]]:
    """Header and rows of the table of that name."""
    match name.split():
        case ["keys", *keys]:
            return _KEY_COLUMNS, rows_of_keys(config, [key.rstrip(",") for key in keys])
        case ["columns"]:
            return ("column", "allowed", "meaning"), rows_of_columns(samples)
        case ["methods"]:
            return ("method", "what it is", "representation, projection", "parameters"), rows_of_methods()
        case ["choices", key]:
            return (key, "meaning"), rows_of_choices(config, key)
    raise UserError(f"there is no table {name!r}: keys, columns, methods, or choices of a key of detectors")


def _markdown(header: Sequence[str], rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in (header, *rows)]
    return "".join([lines[0], f"|{'---|' * len(header)}\n", *lines[1:]])


# ----------------------------------------------------------------------------------------------------------- keys


def rows_of_keys(schema: Mapping[str, Any], keys: Iterable[str]) -> Iterator[Row]:
    """Rows of some keys at the top of a schema, and of all keys inside of them.

    Raises
    ------
    UserError
        If there is no such key.
    """
    for key in keys:
        if key not in schema["properties"]:
            raise UserError(f"the schema has no key {key!r}. It has {', '.join(schema['properties'])}")
        yield from _rows(key, schema["properties"][key], schema, is_required=key in schema["required"])


def _rows(key: str, part: Mapping[str, Any], root: Mapping[str, Any], *, is_required: bool) -> Iterator[Row]:
    part = resolved(part, root)
    if not _is_section(part):
        yield f"`{key}`", _default(part, is_required), allowed(part, root), part["description"]
    for inside, below in _inside(key, part):
        for name, entry in below["properties"].items():
            yield from _rows(f"{inside}.{name}", entry, root, is_required=name in below.get("required", ()))


def _is_section(part: Mapping[str, Any]) -> bool:
    """Whether a mapping is there for its keys alone, each of which has a row of its own."""
    return bool(part.get("properties")) and not part.get("default")


def _inside(key: str, part: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Mappings with fixed keys inside of a value, each with the key that stands for it."""
    if _is_section(part):
        yield key, part
    for alternative in part.get("anyOf", ()):
        yield from _inside(key, alternative)
    if isinstance(part.get("additionalProperties"), Mapping):
        name = part.get("propertyNames", {}).get("title", "name")
        yield from _inside(f"{key}.<{name}>", part["additionalProperties"])
    if isinstance(part.get("items"), Mapping):
        yield from _inside(f"{key}[]", part["items"])


def _default(part: Mapping[str, Any], is_required: bool) -> str:
    if "x-default" in part:
        return str(part["x-default"])
    if "default" in part:
        return f"`{_in_yaml(part['default'])}`"
    return "required" if is_required else ""


def _in_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def rows_of_columns(schema: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of the columns of a sample sheet."""
    for name, part in schema["properties"].items():
        entry = resolved(part, schema)
        yield f"`{name}`", allowed(entry, schema), entry["description"]


# ------------------------------------------------------------------------------------------------------ detectors


def rows_of_choices(schema: Mapping[str, Any], key: str) -> Iterator[Row]:
    """Rows of the values that a key of an entry of ``detectors`` may have.

    Raises
    ------
    UserError
        If there is no such key, or its values are not listed.
    """
    (entry,) = (below for _, below in _inside("detectors", schema["properties"]["detectors"]))
    listed = choices(entry["properties"].get(key, {}))
    if not listed:
        raise UserError(f"the schema lists no values of detectors[].{key}")
    for value, about in listed.items():
        yield f"`{value}`", about


def rows_of_methods() -> Iterator[Row]:
    """Rows of the methods of the registry, and one for those of PyOD."""
    for name, method in METHODS.items():
        parameters = [_parameter(parameter, about) for parameter, about in method.parameters.items()]
        yield f"`{name}`", _first_line(method), _views(method), "; ".join(parameters)
    any_class = find_method(f"{PYOD_PREFIX}ECOD")
    yield f"`{PYOD_PREFIX}<class>`", _first_line(any_class), _views(any_class), "as there"


def _parameter(name: str, about: Mapping[str, Any]) -> str:
    return f"`{name}`: {about['default']} ({allowed(about, {})}): {about['description']}"


def _first_line(method: Method) -> str:
    paragraph = (inspect.getdoc(method.fit) or "").split("\n\n")[0]
    return " ".join(paragraph.split()).removesuffix(".").replace("``", "`")


def _views(method: Method) -> str:
    return f"{method.representation}, {method.projection}"


# ----------------------------------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or compare them; the exit status is 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m asd.plan.documentation", description=__doc__)
    parser.add_argument("readme", nargs="?", type=Path, default=README)
    parser.add_argument("--check", action="store_true", help="write nothing, say whether the tables are up to date")
    options = parser.parse_args(arguments)
    old = options.readme.read_text(encoding="utf-8")
    new = with_tables(old, WORKFLOW / "schemas")
    if new == old:
        return 0
    if options.check:
        print(f"{options.readme}: the tables differ from the schemas. Run: python -m asd.plan.documentation")
        return 1
    options.readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
