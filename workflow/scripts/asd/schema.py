"""Configurations and JSON schemas: what does not fit in words, what is allowed in words, defaults, text into numbers.

The generic half of checking a configuration: nothing here knows the keys of this workflow (`asd.plan.configuration`
does).  Messages show values as they stand in the file: YAML makes ``False`` of ``no`` and 750 of ``12:30``, which
nobody would find there again.
"""

from __future__ import annotations

import copy
import datetime
import difflib
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators

Place = tuple[Any, ...]
"""Where a value stands: keys and, in lists, numbers, from the outside in."""

OWN_PREFIX = "x-"
"""Of keys that are the user's own, where a schema lists the keys there are; they may hold anchors."""

MAX_ENTRIES = 100_000  # values and keys
_MAX_BITS = 1000  # of a whole number
_MAX_SHOWN = 200  # characters of a value in a message
_MAX_DEPTH = 5  # of a value in a message

_TYPE_NAMES = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


@dataclass(frozen=True)
class Written:
    """What stands in configuration files where YAML may read something else.

    Attributes
    ----------
    values
        Place -> text of a value that has no quotes.
    keys
        Place -> text of a key that YAML reads as something other than text.
    """

    values: Mapping[Place, str] = field(default_factory=dict)
    keys: Mapping[Place, str] = field(default_factory=dict)


NOTHING_WRITTEN = Written()
"""Where there is no file: values of the command line, or made by a program."""


def read_schema(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A JSON schema, as a YAML file has it."""
    with open(path, "rb") as file:
        # several times as fast as the one in Python, where it has been built
        schema: dict[str, Any] = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return schema


def value_at(values: Any, place: Place) -> Any:
    """The value at `place` in nested mappings and lists, or None.

    >>> value_at({"machines": {"fan": {"ids": ["00", "01"]}}}, ("machines", "fan", "ids", 1))
    '01'
    """
    for part in place:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def size_problem(config: Any) -> str | None:
    """A sentence about a configuration that is too large to be one, or None.

    A few lines of YAML can stand for any number of entries: an anchor may be used many times, and inside of itself.
    Everything else here walks through all of them, and prints them.
    """
    count, pending = 0, [config]
    while pending:
        count += 1
        if count > MAX_ENTRIES:
            return f"the configuration has more than {MAX_ENTRIES} entries, or an anchor (&) is used inside of itself"
        value = pending.pop()
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            return "the configuration holds a whole number of hundreds of digits"  # which Python won't even print
        inside = itertools.chain(value, value.values()) if isinstance(value, Mapping) else value
        pending.extend(itertools.islice(inside if isinstance(value, Mapping | list) else (), MAX_ENTRIES + 1))
    return None


# ------------------------------------------------------------------------------------------- what a schema allows


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with its reference, if it has one, replaced by what it refers to in `root`; its own keys win."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    return {**resolved(root["$defs"][name], root), **{key: value for key, value in schema.items() if key != "$ref"}}


def choices(schema: Mapping[str, Any]) -> dict[Any, str]:
    """The values that a schema lists, each with its description, or none.

    They are listed by ``enum``, or, where each has a description of its own, as constants under ``oneOf``.
    """
    if "const" in schema:
        return {schema["const"]: schema.get("description", "")}
    if "enum" in schema:
        return dict.fromkeys(schema["enum"], "")
    listed = schema.get("oneOf", [])
    if not all("const" in entry for entry in listed):
        return {}
    return {entry["const"]: entry.get("description", "") for entry in listed}


def allowed(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What `schema`, part of `root`, allows, in words; its ``title``, if it has one.

    >>> allowed({"type": "integer", "minimum": 1}, {})
    'whole number, at least 1'
    >>> allowed({"type": "array", "items": {"enum": ["paper", "strict"]}}, {})
    'list; each: `paper` or `strict`'
    """
    schema = resolved(schema, root)
    if "title" in schema:
        return str(schema["title"])
    listed = choices(schema)
    if listed:
        return _either([f"`{value}`" for value in listed])
    if "anyOf" in schema:
        return _either([allowed(alternative, root) for alternative in schema["anyOf"]])
    types = schema.get("type", [])
    return _either([_allowed_of_type(name, schema, root) for name in ([types] if isinstance(types, str) else types)])


def _allowed_of_type(name: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    match name:
        case "array":
            return f"list; each: {allowed(schema.get('items', {}), root)}"
        case "object" if schema.get("properties"):
            return f"mapping with {', '.join(f'`{key}`' for key in schema['properties'])}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            key = schema.get("propertyNames", {}).get("title", "name")
            return f"mapping; each {key}: {allowed(schema['additionalProperties'], root)}"
        case "object":
            return "mapping"
        case "integer" | "number":
            limits = [f"{words} {schema[limit]}" for limit, words in _LIMITS.items() if limit in schema]
            return ", ".join(["whole number" if name == "integer" else "number", *limits])
        case "boolean":
            return "`true` or `false`"
        case "null":
            return "`null`"
    return "text"


def _either(alternatives: list[str]) -> str:
    *others, last = alternatives or ["anything"]
    return f"{', '.join(others)} or {last}" if others else last


def first_sentence(text: str) -> str:
    """The first sentence of a description, without its full stop, for messages.

    >>> first_sentence("Sample sheet, with `file` and `id`. `pattern` has no effect.")
    'Sample sheet, with file and id'
    """
    return re.split(r"\.(?:\s+|$)", text, maxsplit=1)[0].replace("`", "")


# ------------------------------------------------------------------------------------------------ values in words


def _plain(value: Any) -> str:
    """A value by itself as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return str(value) if isinstance(value, datetime.date) else repr(value)


def _shown(value: Any, place: Place, written: Written, depth: int = 0) -> str:
    """A value as it is written."""
    if depth > _MAX_DEPTH:
        return "..."
    if isinstance(value, list):
        items = (_shown(item, (*place, number), written, depth + 1) for number, item in enumerate(value[:_MAX_SHOWN]))
        return _cut(f"[{', '.join(items)}]")
    if isinstance(value, Mapping):
        entries = (
            f"{_cut(written.keys.get((*place, key), str(key)))}: {_shown(item, (*place, key), written, depth + 1)}"
            for key, item in itertools.islice(value.items(), _MAX_SHOWN)
        )
        return _cut(f"{{{', '.join(entries)}}}")
    return _cut(_plain(value) if isinstance(value, str) else written.values.get(place, _plain(value)))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _key(place: Place, written: Written) -> str:
    """``machines.fan.ids[0]`` for the place of an error."""
    key = ""
    for number, part in enumerate(place):
        text = written.keys.get(place[: number + 1])
        if isinstance(part, int) and text is None:
            key += f"[{part}]"
        else:
            key += f"{'.' if key else ''}{_cut(text or str(part))}"
    return key or "the configuration"


def _reading(value: Any, text: str | None) -> str | None:
    """What YAML makes of `text`, in words, where that is not what anyone would read there; else None."""
    if text is None or isinstance(value, str) or value is None:
        return None
    if isinstance(value, bool):
        return None if text.lower() == _plain(value) else _plain(value)
    if isinstance(value, int | float):
        return None if _decimal(text) == value or not math.isfinite(value) else f"the number {value}"
    return f"a {type(value).__name__}"


def _decimal(text: str) -> int | float | None:
    """`text` as a decimal number, or None."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _number_in_yaml(text: str) -> str | None:
    """How YAML would have a number that it reads as text, such as ``1e-4`` or ``08``; None if it is no number.

    >>> [_number_in_yaml(text) for text in ("1e-4", ".5e3", "08", "0o17", "0.7", "1e")]
    ['1.0e-4', '.5e+3', '8', '15', '0.7', None]
    """
    try:
        return str(int(text, 0))
    except ValueError:
        pass
    match = re.fullmatch(r"([-+]?)(\d*)(\.\d*)?(?:[eE]([-+]?)(\d+))?", text.strip())
    if match is None or not (match[2] or (match[3] or "").strip(".")):
        return None
    sign, whole, fraction, exponent_sign, exponent = match.groups()
    whole = whole and (whole.lstrip("0") or "0")
    if fraction is None and exponent is None:
        return f"{sign}{whole}"
    return f"{sign}{whole}{fraction or '.0'}" + (f"e{exponent_sign or '+'}{exponent}" if exponent else "")


# ------------------------------------------------------------------------------------------------------- problems


def schema_problems(
    config: Any, schema: Mapping[str, Any], written: Written = NOTHING_WRITTEN, place: Place = ()
) -> list[str]:
    """Everything in `config` that the JSON `schema` does not allow, a sentence each, naming key, value and remedy.

    Parameters
    ----------
    written
        What stands in the files.
    place
        Where `config` stands in them.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: [str(p) for p in error.path])
    named = {(*place, *error.absolute_path) for error in errors}
    surprises = [f"{_key(at, written)}: {words}" for at, words in _surprises(config, place, written) if at not in named]
    return surprises + [line for error in errors for line in _explain(error, schema, written, place)]


def _surprises(value: Any, place: Place, written: Written) -> Iterator[tuple[Place, str]]:
    """What a schema does not see: NaN and infinity pass every limit, and numbers may be other ones than they look."""
    if isinstance(value, Mapping | list):
        for part, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _surprises(item, (*place, part), written)
        return
    text = written.values.get(place)
    shown = _shown(value, place, written)
    if isinstance(value, float) and not math.isfinite(value):
        yield place, f"{shown} is not allowed, a finite number is needed"
    elif isinstance(value, int | float):
        reading = _reading(value, text)
        if reading and not isinstance(value, bool) and not re.match(r"[-+]?0[xb]", text or ""):
            yield place, f"{shown} is not allowed (YAML reads {text} as {reading}: write {value}, if it is meant)"
    elif not isinstance(value, str | None):
        what = f"a {type(value).__name__}"
        yield place, f"{shown} is not allowed (YAML reads it as {what}: write it in quotes, if text is meant)"


def _explain(error: Any, root: Mapping[str, Any], written: Written, base: Place) -> Iterator[str]:
    """One line for each thing that is wrong."""
    place, value = (*base, *error.absolute_path), error.instance
    if error.validator in ("anyOf", "oneOf") and not choices(error.schema):
        # the alternative of the value's own type explains best what is wrong inside it
        inside = [part for part in error.context or () if part.validator != "type" or part.path or _is_of_key(part)]
        inside = [part for part in inside if part.validator not in ("const", "enum")] if len(inside) > 1 else inside
        if inside and isinstance(value, Mapping | list):
            for part in inside:
                yield from _explain(part, root, written, base)
            return
    if _is_of_key(error):
        text = written.keys.get((*place, value))
        shown = text or _cut(_plain(value))
    else:
        text = written.values.get(place)
        shown = _shown(value, place, written)
    problem = _problem(error, root, place, shown, text, written)
    about = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    meaning = f". Meaning: {first_sentence(about)}" if about and error.validator != "additionalProperties" else ""
    yield f"{_key(place, written)}: {problem}{meaning}"


def _is_of_key(error: Any) -> bool:
    """Whether it is the name of a key, and not its value, that is wrong."""
    return "propertyNames" in error.schema_path


def _problem(error: Any, root: Mapping[str, Any], place: Place, shown: str, text: str | None, written: Written) -> str:
    """What is wrong with a value; `shown` and `text` are the value as it is written, if that is known."""
    limit = error.validator_value
    reading = _reading(error.instance, text)
    read = f" (YAML reads {text} as {reading})" if reading else ""
    match error.validator:
        case "type":
            return _wrong_type(error, place, shown, text)
        case "additionalProperties":
            return _unknown_keys(error, place, written)
        case "required":
            return f"the key {_missing_key(error)!r} is missing"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            return f"{shown} is out of range{read}, {_LIMITS[error.validator]} {limit} is needed"
        case "enum" | "const" | "oneOf" if choices(error.schema):
            return f"{shown} is not allowed{read}, choose from {', '.join(map(str, choices(error.schema)))}"
        case "anyOf" | "oneOf":
            types = [str(part["type"]) for part in limit if isinstance(part.get("type"), str)]
            is_text = isinstance(error.instance, str) and "string" not in types
            hint = _number_hint(error.instance, types, is_plain=text is not None) if is_text else ""
            return f"{shown} is not allowed{read}, but {allowed(error.schema, root).replace('`', '')}{hint}"
        case "uniqueItems":
            items = [_shown(item, (*place, number), written) for number, item in _repeated(error.instance)]
            return f"{_cut(', '.join(items))} stands there more than once"
        case "pattern":
            title = error.schema.get("title", "").replace("`", "")
            return f"{shown} is not allowed{f', but {title}' if title else ''}"
        case "minItems" | "minProperties" | "minLength":
            return "is empty, at least one entry is needed"
    return str(error.message[: 2 * _MAX_SHOWN])


def _repeated(items: list[Any]) -> Iterator[tuple[int, Any]]:
    """The items that equal one before them, with their numbers."""
    seen: set[Any] = set()
    for number, item in enumerate(items):
        comparable = repr(item) if isinstance(item, list | dict) else item
        if comparable in seen:
            yield number, item
        seen.add(comparable)


def _wrong_type(error: Any, place: Place, shown: str, text: str | None) -> str:
    value, wanted = error.instance, error.validator_value
    types = [wanted] if isinstance(wanted, str) else wanted
    names = " or ".join(_TYPE_NAMES[name] for name in types)
    is_text_wanted = "string" in types
    if value is None:
        remedies = ["leave the key out to take its default"] if place and isinstance(place[-1], str) else []
        remedies += [f'write it in quotes, "{text}", if this text is meant'] if is_text_wanted and text else []
        said = f"{text} stands for no value" if text else "has no value"
        return f"{said}, {names} is needed" + (f" ({', or '.join(remedies)})" if remedies else "")
    problem = f"{shown} is not allowed, {names} is needed"
    if isinstance(value, str):
        return problem + _number_hint(value, types, is_plain=text is not None)
    reading = _reading(value, text)
    if is_text_wanted and text is not None:
        what = reading or (_plain(value) if isinstance(value, bool) else "a number")
        return f'{problem} (YAML reads {text} as {what}: write it in quotes, "{text}")'
    if is_text_wanted and isinstance(value, int | float) and not isinstance(value, bool):
        return f'{problem} (put names made of digits in quotes, like "00")'
    return f"{problem} (YAML reads {text} as {reading})" if reading else problem


def _number_hint(value: str, types: list[str], *, is_plain: bool) -> str:
    """How to write a number that is text; `is_plain` where it is known to have no quotes."""
    better = _number_in_yaml(value) if {"number", "integer"} & set(types) else None
    if better is None or ("number" not in types and not isinstance(_decimal(better), int)):
        return ""
    if is_plain or better != value:
        return f" (YAML reads {value} as text: write {better}, without quotes)"
    return " (write it without quotes)"


def _missing_key(error: Any) -> str:
    """jsonschema makes an error of each missing key, and says which one in its message only."""
    return next(str(name) for name in error.validator_value if error.message.startswith(repr(name)))


def _unknown_keys(error: Any, place: Place, written: Written) -> str:
    known = list(error.schema.get("properties", {}))
    parts = []
    for name in error.instance:
        if name in known:
            continue
        close = difflib.get_close_matches(str(name), known, n=1)
        shown = written.keys.get((*place, name)) or _plain(name)
        parts.append(f"unknown key {_cut(shown)}" + (f", did you mean {close[0]!r}?" if close else "."))
    return f"{' '.join(parts)} Allowed here: {', '.join(known)}"


# ------------------------------------------------------------------------------------ changes of a configuration


def remove_own_keys(config: Any, schema: Mapping[str, Any]) -> None:
    """Remove, in place, keys that start with `OWN_PREFIX` from mappings of which `schema` lists all the keys."""

    def without_own(validator: Any, others: Any, instance: Any, part: Mapping[str, Any]) -> Iterator[Any]:
        if others is False and isinstance(instance, dict):
            for name in [name for name in instance if isinstance(name, str) and name.startswith(OWN_PREFIX)]:
                del instance[name]
        yield from Draft202012Validator.VALIDATORS["additionalProperties"](validator, others, instance, part)

    _visit(config, schema, {"additionalProperties": without_own})


def fill_in_defaults(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Give each key that is left out, in place, the default that `schema` has for it, also in what defaults bring.

    >>> config = {"ddae": {"epochs": 5}}
    >>> epochs = {"properties": {"epochs": {"default": 100}, "device": {"default": "auto"}}}
    >>> fill_in_defaults(config, {"properties": {"ddae": epochs, "seeds": {"default": [0]}}})
    >>> config
    {'ddae': {'epochs': 5, 'device': 'auto'}, 'seeds': [0]}
    """

    def filled(validator: Any, properties: Mapping[str, Any], instance: Any, part: Mapping[str, Any]) -> Iterator[Any]:
        for name, about in properties.items() if isinstance(instance, dict) else ():
            if "default" in about:
                instance.setdefault(name, copy.deepcopy(about["default"]))
        yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, part)

    _visit(config, schema, {"properties": filled})


def canonical_numbers(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Give numbers, in place, the type that `schema` has for them, so that what means the same is the same.

    >>> config = {"percentile": 95, "epochs": 100.0, "seeds": [0.0]}
    >>> types = {"percentile": {"type": "number"}, "epochs": {"type": "integer"}}
    >>> canonical_numbers(config, {"properties": {**types, "seeds": {"items": {"type": "integer"}}}})
    >>> config
    {'percentile': 95.0, 'epochs': 100, 'seeds': [0]}
    """
    kinds = {"number": float, "integer": int}

    def typed(value: Any, about: Mapping[str, Any]) -> Any:
        about = resolved(about, schema)
        types = [str(option.get("type")) for option in (about, *about.get("anyOf", ()), *about.get("oneOf", ()))]
        kind = next((kinds[name] for name in types if name in kinds), None)
        return kind(value) if kind and isinstance(value, int | float) and not isinstance(value, bool) else value

    def of_properties(validator: Any, properties: Any, instance: Any, part: Any) -> Iterator[Any]:
        for name in properties.keys() & (instance if isinstance(instance, dict) else {}).keys():
            instance[name] = typed(instance[name], properties[name])
        yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, part)

    def of_items(validator: Any, about: Any, instance: Any, part: Any) -> Iterator[Any]:
        if isinstance(instance, list):
            instance[:] = [typed(value, about) for value in instance]
        yield from Draft202012Validator.VALIDATORS["items"](validator, about, instance, part)

    _visit(config, schema, {"properties": of_properties, "items": of_items})


def _visit(config: Any, schema: Mapping[str, Any], keywords: Mapping[str, Any]) -> None:
    """Go through `config` as far as `schema` describes it; `keywords` say what is done on the way."""
    visitor = validators.extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    for _ in visitor(schema).iter_errors(config):
        pass


def read_command_line_numbers(
    config: dict[str, Any], command_line: Mapping[str, Any], schema: Mapping[str, Any]
) -> None:
    """Turn text into numbers, in place, where `schema` needs numbers and the text came from the command line.

    Snakemake reads lists and mappings of ``--config`` as text throughout, so ``--config noise_factors='[0.2, 0.7]'``
    arrives as two words.  Text in a configuration file stays text: there it is a mistake worth naming.
    """
    errors = list(Draft202012Validator(schema).iter_errors(config))
    errors += [part for error in errors for part in error.context or ()]
    for error in errors:
        place = tuple(error.absolute_path)
        if error.validator != "type" or not isinstance(error.instance, str):
            continue
        if value_at(command_line, place) != error.instance:
            continue
        number = number_from_text(error.instance, error.validator_value)
        if number is not None:
            value_at(config, place[:-1])[place[-1]] = number


def number_from_text(text: str, types: str | list[str]) -> int | float | bool | None:
    """`text` as one of the JSON schema `types`, or None if it is none of them.

    >>> number_from_text("3", ["integer", "number"]), number_from_text("0.5", "number"), number_from_text("x", "number")
    (3, 0.5, None)
    """
    for name in [types] if isinstance(types, str) else types:
        try:
            match name:
                case "integer":
                    return int(text)
                case "number":
                    return float(text)
                case "boolean":
                    return {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError):
            continue
    return None
