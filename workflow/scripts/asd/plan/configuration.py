"""Configuration: what is wrong with it, in words, and what follows from it for one machine."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from ..detection.detectors import METHODS, PYOD_PREFIX, Method, complete, find_method
from ..recordings.layout import CACHE_FIELDS, RECORDING_FIELDS, placeholders

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


_MAX_ENTRIES = 100_000
_MAX_SHOWN = 200  # characters of a value in a message


def size_problem(config: Any) -> str | None:
    """A sentence about a configuration that is too large to be one, or None.

    A few lines of YAML can stand for any number of entries: an anchor may be used many times, and inside of itself.
    Everything else here walks through all of them.
    """
    count, pending = 0, [config]
    while pending:
        count += 1
        if count > _MAX_ENTRIES:
            return f"the configuration has more than {_MAX_ENTRIES} entries, or an anchor (&) is used inside of itself"
        value = pending.pop()
        inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        pending.extend(itertools.islice(inside, _MAX_ENTRIES + 1))
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _key(path: Any) -> str:
    """``machines.fan.ids[0]`` for the path of an error."""
    key = ""
    for part in path:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    return key or "the configuration"


def _is_number_as_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _missing_key(error: Any) -> str:
    """jsonschema makes an error of each missing key, and says which one in its message only."""
    return next(str(name) for name in error.validator_value if error.message.startswith(repr(name)))


def _wrong_type(error: Any) -> str:
    wanted = error.validator_value
    names = " or ".join(_TYPE_NAMES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
    text = f"{_shown(error.instance)} is not allowed, {names} is needed"
    if error.instance is None:
        text = f"has no value, {names} is needed (leave the key out to take its default)"
    elif _is_number_as_text(error.instance) and wanted == "integer":
        text += " (write it without quotes)"
    elif _is_number_as_text(error.instance):
        text += f" (YAML reads {error.instance} as text: write it with a point, like 1.0e-4, and without quotes)"
    elif wanted == "string" and isinstance(error.instance, int | float):
        text += ' (put names made of digits in quotes, like "00")'
    return text


def _unknown_keys(error: Any) -> str:
    allowed = list(error.schema.get("properties", {}))
    parts = []
    for name in error.instance:
        if name in allowed:
            continue
        close = difflib.get_close_matches(str(name), allowed, n=1)
        parts.append(f"unknown key {_shown(name)}" + (f", did you mean {close[0]!r}?" if close else "."))
    return f"{' '.join(parts)} Allowed here: {', '.join(allowed)}"


def _explain(error: Any) -> Iterator[str]:
    """One line for each thing that is wrong."""
    key, value, limit = _key(error.absolute_path), error.instance, error.validator_value
    allowed = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    if error.validator in ("anyOf", "oneOf"):
        # the alternative of the value's own type explains best what is wrong inside it
        inside = [part for part in error.context or () if part.validator != "type" or len(part.path) > 0]
        inside = [part for part in inside if part.validator not in ("const", "enum")] if len(inside) > 1 else inside
        if inside and isinstance(value, Mapping):
            for part in inside:
                yield from _explain(part)
            return
        yield f"{key}: {_shown(value)} is not allowed. {allowed or ''}".rstrip()
        return
    match error.validator:
        case "type":
            text = _wrong_type(error)
        case "additionalProperties":
            text = _unknown_keys(error)
        case "required":
            text = f"the key {_missing_key(error)!r} is missing"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            text = f"{value!r} is out of range, {_LIMITS[error.validator]} {limit} is needed"
        case "enum" | "const":
            options = limit if isinstance(limit, list) else [limit]
            text = f"{_shown(value)} is not allowed, choose from {', '.join(map(str, options))}"
        case "uniqueItems":
            twice = [item for number, item in enumerate(value) if item in value[:number]]
            text = f"{', '.join(map(_shown, twice))} stands there more than once"
        case "pattern":
            text = f"{_shown(value)} is not allowed"
        case "minItems" | "minProperties" | "minLength":
            text = "is empty, at least one entry is needed"
        case _:
            text = error.message[: 2 * _MAX_SHOWN]
    yield f"{key}: {text}" + (f". Meaning: {allowed}" if allowed and error.validator != "additionalProperties" else "")


def _number(text: str, types: Any) -> int | float | bool | None:
    """`text` as one of the JSON schema `types`, or None if it is none of them."""
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
        path = list(error.absolute_path)
        if error.validator != "type" or not isinstance(error.instance, str):
            continue
        if _at(command_line, path) != error.instance:
            continue
        number = _number(error.instance, error.validator_value)
        if number is not None:
            _at(config, path[:-1])[path[-1]] = number


def read_command_line_parameters(config: Mapping[str, Any], command_line: Mapping[str, Any]) -> None:
    """The same as `read_command_line_numbers` for parameters of detectors; each method has a schema of its own.

    Parameters of PyOD's detectors have none: text that is a number becomes one.
    """
    detectors = config.get("detectors")
    for number, entry in enumerate(detectors if isinstance(detectors, list) else []):
        given = _at(command_line, ["detectors", number, "parameters"])
        parameters = _at(entry, ["parameters"])
        name = str(_at(entry, ["method"]))
        if not isinstance(given, Mapping) or not isinstance(parameters, dict):
            continue
        if name in METHODS:
            read_command_line_numbers(parameters, given, _schema_of_parameters(METHODS[name]))
        elif name.startswith(PYOD_PREFIX):
            for key, value in parameters.items():
                read = _number(value, ["integer", "number"]) if isinstance(value, str) else None
                parameters[key] = value if read is None else read


def _schema_of_parameters(method: Method) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(method.parameters)}


def _at(values: Any, path: list[Any]) -> Any:
    """The value at `path` in nested mappings and lists, or None."""
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Everything in `config` that the JSON `schema` does not allow, a sentence each, naming key, value and remedy."""
    unbounded = [f"{key}: {value!r} is not allowed, a finite number is needed" for key, value in _not_finite(config)]
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: [str(p) for p in error.path])
    return unbounded + [line for error in errors for line in _explain(error)]


def _not_finite(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, float]]:
    """NaN and infinity pass every limit of a JSON schema."""
    if isinstance(value, float) and not math.isfinite(value):
        yield _key(path), value
    inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for part, item in inside:
        yield from _not_finite(item, (*path, part))


def _pattern_problems(key: str, pattern: str, fields: tuple[str, ...], many: Mapping[str, bool]) -> Iterator[str]:
    """`many` says of each field whether the configuration has several values of it."""
    try:
        names = placeholders(pattern)
    except ValueError as error:
        yield f"{key}: {pattern!r} is not a valid pattern ({error})"
        return
    for name in dict.fromkeys(names):
        if name not in fields:
            known = ", ".join(f"{{{field}}}" for field in fields)
            yield f"{key}: unknown placeholder {{{name}}} in {pattern!r}. Known: {known}"
    for name in fields:
        if many[name] and name not in names:
            only_normal = " (if there are only normal clips, say so: dataset.kinds: {normal: normal})"
            yield (
                f"{key}: {pattern!r} lacks {{{name}}}, but the configuration has several of them, which would all "
                f"read the same files{only_normal if name == 'kind' else ''}"
            )


def _name_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """SNR and ID stand side by side in file names, joined by an underscore; the two must be told apart."""
    for machine, settings in config["machines"].items():
        seen: dict[str, tuple[str, str]] = {}
        for pair in itertools.product(config["snrs"], settings["ids"]):
            name = "_".join(pair)
            if name in seen:
                first = seen[name]
                yield (
                    f"machines.{machine}.ids: SNR {first[0]!r} with ID {first[1]!r} and SNR {pair[0]!r} with ID "
                    f"{pair[1]!r} would both be called {name!r}. Rename one of the SNRs under snrs"
                )
            seen[name] = pair


def _detector_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Methods that do not exist, parameters that a method does not take, names that stand twice."""
    names: list[str] = []
    for number, entry in enumerate(config["detectors"]):
        key = f"detectors[{number}]"
        given: Mapping[str, Any] = {"method": entry} if isinstance(entry, str) else entry
        name = given["method"]
        try:
            method = find_method(name)
        except KeyError:
            close = difflib.get_close_matches(name.upper(), METHODS, n=1)
            hint = f", did you mean {close[0]!r}?" if close else "."
            yield (
                f"{key}: unknown detector {name!r}{hint} There are {', '.join(METHODS)}, and {PYOD_PREFIX}<class> for "
                f"those of PyOD, such as {PYOD_PREFIX}ECOD"
            )
            continue
        if not name.startswith(PYOD_PREFIX):
            for problem in schema_problems(given.get("parameters", {}), _schema_of_parameters(method)):
                yield f"{key}.parameters.{problem}".replace(".parameters.the configuration:", ".parameters:")
        names.append(given.get("name", name))
    for number, ensemble in enumerate(config["ensembles"]):
        yield from _ensemble_problems(f"ensembles[{number}]", ensemble, names, config["protocols"])
    names += [ensemble["name"] for ensemble in config["ensembles"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"detectors, ensembles: the name {name!r} stands there more than once. Give each entry a name of its own, "
            f"for example {{method: {name}, name: {name}-raw, representation: raw}}"
        )


def _ensemble_problems(key: str, ensemble: Mapping[str, Any], names: list[str], protocols: list[str]) -> Iterator[str]:
    for member in ensemble["detectors"]:
        if member not in names:
            yield f"{key}.detectors: {member!r} is none of the detectors ({', '.join(names)})"
    if len(ensemble["detectors"]) == 1 and not ensemble["over"]:
        yield f"{key}: an ensemble of a single detector needs 'over' (noise_factors, seeds)"
    if "seeds" in ensemble["over"] and "strict" in protocols:
        yield (
            f"{key}.over: seeds can't be averaged under the strict protocol, where each seed tests other clips. Leave "
            "seeds out, or use protocols: [paper]"
        )


def _file_name_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Names that would give two outputs the same file name, or look like those of the strict protocol."""
    detectors = [
        entry if isinstance(entry, str) else entry.get("name", entry["method"]) for entry in config["detectors"]
    ]
    names = {"detectors": detectors, "machines": list(config["machines"])}
    names |= {f"machines.{machine}.ids": settings["ids"] for machine, settings in config["machines"].items()}
    names["ensembles"] = [ensemble["name"] for ensemble in config["ensembles"]]
    for key, listed in names.items():
        for name in listed:
            if name.endswith("_strict"):
                yield f"{key}: {name!r} ends in _strict, as file names of the strict protocol do. Give it another name"
    in_files: dict[str, str] = {}
    for name in (*names["detectors"], *names["ensembles"]):
        other = in_files.setdefault(name.replace(":", "-"), name)
        if other != name:
            yield f"detectors, ensembles: {other!r} and {name!r} have the same file name. Give one of them another name"


def _share_problems(config: Mapping[str, Any]) -> Iterator[str]:
    shares = config["strict"]["shares"]
    total = sum(shares.values())
    if abs(total - 100) > 1e-6:
        listed = " + ".join(f"{value:g}" for value in shares.values())
        yield f"strict.shares: {listed} = {total:g} % of the normal clips, 100 are needed"


def detector_settings(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configured detectors, each with everything its entry leaves out (see `asd.detection.detectors.complete`)."""
    return [complete(entry) for entry in config["detectors"]]


def consistency_problems(config: Mapping[str, Any]) -> list[str]:
    """What a schema can't see: keys that contradict each other.  `config` has passed the schema, with defaults."""
    problems = []
    snrs = config["snrs"]
    if config["reference_snr"] not in snrs:
        problems.append(
            f"reference_snr: {config['reference_snr']!r} is not among the snrs ({', '.join(snrs)}). It names the noise "
            "level that fits the scaling and trains the DDAE"
        )
    if "all" in snrs:
        problems.append("snrs: 'all' is what tables call the mean over the SNRs. Give this noise level another name")
    problems.extend(_name_problems(config))
    problems.extend(_detector_problems(config))
    problems.extend(_file_name_problems(config))
    problems.extend(_share_problems(config))
    for machine, settings in config["machines"].items():
        split = settings["split"]
        missing = [] if split == "auto" else [name for name in settings["ids"] if name not in split]
        if missing:
            problems.append(
                f"machines.{machine}.split: no counts for {', '.join(missing)}. Add ddae, ad_train and ad_test for "
                "each ID, or use split: auto"
            )
    machines = config["machines"].values()
    many = {
        "snr": len(snrs) > 1,
        "snr_dir": len(snrs) > 1,
        "machine": len(machines) > 1,
        "id": any(len(settings["ids"]) > 1 for settings in machines),
        "kind": len(config["dataset"]["kinds"]) > 1,
    }
    problems.extend(_source_problems(config["dataset"], snrs, many))
    if "download" in config:
        problems.extend(_download_problems(config["download"], many))
    return problems


NO_ROOT = (
    "is missing. Set it to the folder of your recordings (or set dataset.samples or dataset.cache); only "
    "config/config.yaml, the demo, runs on recordings that the workflow simulates"
)


def _source_problems(dataset: Mapping[str, Any], snrs: Mapping[str, str], many: Mapping[str, bool]) -> Iterator[str]:
    """What is wrong with the place of the recordings: a sample sheet, feature caches, or patterns."""
    if dataset["samples"] is not None:
        if dataset["cache"] is not None:
            yield "dataset.samples: the clips can't come from a sample sheet and from dataset.cache. Remove one of them"
        return
    if dataset["cache"] is not None:
        yield from _pattern_problems("dataset.cache", dataset["cache"], CACHE_FIELDS, many)
        return
    if "root" not in dataset:
        yield f"dataset.root: {NO_ROOT}"
    for pattern in patterns_of(dataset):
        yield from _pattern_problems("dataset.pattern", pattern, RECORDING_FIELDS, many)
    for key, texts in (("snrs", list(snrs.values())), ("dataset.kinds", list(dataset["kinds"].values()))):
        twice = sorted({text for text in texts if texts.count(text) > 1})
        if twice:
            what = "SNR" if key == "snrs" else "kind"
            yield f"{key}: {', '.join(map(repr, twice))} stands for more than one {what}"


def _download_problems(download: Mapping[str, Any], many: Mapping[str, bool]) -> Iterator[str]:
    yield from _pattern_problems("download.archive", download["archive"], ("snr_dir", "machine"), many)
    try:
        names = placeholders(download["url"])
    except ValueError as error:
        yield f"download.url: {download['url']!r} is not a valid address ({error})"
        return
    for name in names:
        if name != "archive":
            yield f"download.url: unknown placeholder {{{name}}}. Known: {{archive}}"


def patterns_of(dataset: Mapping[str, Any]) -> tuple[str, ...]:
    """``dataset.pattern``, which may be one pattern or several."""
    pattern = dataset["pattern"]
    return (pattern,) if isinstance(pattern, str) else tuple(pattern)


def training_settings(config: Mapping[str, Any], machine: str) -> dict[str, Any]:
    """``batch_size``, ``device``, ``epochs`` and ``learning_rate`` for `machine`: its own, else the common ones.

    In this order, whatever the order in the file, so that the same settings compare equal.
    """
    return dict(sorted({**config["ddae"], **config["machines"][machine]["ddae"]}.items()))


class ConfigurationError(Exception):
    problems: list[str]

    def __init__(self, problems):
        self.problems = problems


def checked(config, *, command_line, files, schemas):
    import yaml
    from snakemake.utils import validate
    from ..recordings import samplesheet as samples
    from ..recordings.layout import clean_path
    from ..errors import UserError

    schema = yaml.safe_load((schemas / "config.schema.yaml").read_text())
    read_command_line_numbers(config, command_line, schema)
    read_command_line_parameters(config, command_line)
    listed, problems = [], []
    path = (config.get("dataset") or {}).get("samples") if isinstance(config.get("dataset") or {}, dict) else None
    if path and isinstance(path, str):
        try:
            listed = samples.read_samples(
                clean_path(path), yaml.safe_load((schemas / "samples.schema.yaml").read_text())
            )
        except UserError as error:
            problems = [str(error)]
    if listed:
        problems += samples.complete_configuration(config, listed)
    problems = problems or schema_problems(config, schema)
    if not problems:
        validate(config, str(schemas / "config.schema.yaml"))
        problems = consistency_problems(config)
        if listed:
            problems += samples.sheet_problems(config, listed)
    if problems:
        raise ConfigurationError(problems)
    return config, listed
