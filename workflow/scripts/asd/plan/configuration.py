"""Configuration of this workflow: checked as a whole, and what follows from it for one machine."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ddae.run import ALL, ALL_MACHINES
from ..ddae.settings import resolved
from ..detection.detectors import METHODS, PYOD_PREFIX, Method, complete, find_method
from ..detection.views import ID_EMBEDDING
from ..errors import UserError
from ..features.columns import OF_THE_DDAE, in_order, in_words
from ..recordings.discovery import complete_from_folders
from ..recordings.layout import CACHE_FIELDS, RECORDING_FIELDS, clean_path, placeholders
from ..recordings.listing import existing_path
from ..recordings.names import same_name
from ..recordings.samplesheet import Sample, complete_configuration, read_samples, sheet_problems
from ..schema import (
    NOTHING_WRITTEN,
    Written,
    canonical_numbers,
    fill_in_defaults,
    number_from_text,
    read_command_line_numbers,
    read_schema,
    remove_own_keys,
    schema_problems,
    size_problem,
    value_at,
)
from ..splits import PROTOCOLS, ProtocolName
from .written import File, written_in, yaml_problems

CONFIG_SCHEMA = "config.schema.yaml"
SAMPLES_SCHEMA = "samples.schema.yaml"

LONGEST_NAME = 64
"""Bytes of the name of a machine, ID, SNR or detector: three of them, a noise factor, and what `asd.files.atomic` puts
around the name while a file is written, stay below the 255 of most disks."""

_RENAME = "Give it another name"
_IN_FIGURES = re.compile(rf"_nf(\d|{ALL}(_|$))")


class ConfigurationError(UserError):
    """Everything that is wrong with a configuration.

    Attributes
    ----------
    problems
        A sentence each, with key, value and remedy.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["The configuration can't be used:", *(f"  - {line}" for line in self.problems)]))


@dataclass(frozen=True)
class Checked:
    """A configuration that a run can work with.

    Attributes
    ----------
    config
        With defaults, and with what a sample sheet says.
    samples
        Lines of the sample sheet; None where there is none.
    remarks
        What was left out of the configuration, and why, a sentence each.
    """

    config: dict[str, Any]
    samples: tuple[Sample, ...] | None
    remarks: tuple[str, ...] = ()


def checked(
    config: dict[str, Any], *, command_line: Mapping[str, Any], files: Sequence[File], schema_folder: Path
) -> Checked:
    """Check a configuration, and complete it in place.

    Parameters
    ----------
    config
        As it has been read from `files` and the command line.  Keys that start with ``x-`` are removed where the schema
        lists the keys there are; numbers that the command line gives as text become numbers; what is left out is taken
        from the sample sheet, if there is one, and else from the defaults of the schema.
    command_line
        The part of it that the command line gives.
    files
        Configuration files, for what they say of which nothing is left in `config`.
    schema_folder
        Holds `CONFIG_SCHEMA` and `SAMPLES_SCHEMA`.

    Raises
    ------
    ConfigurationError
        With everything that is wrong with it.
    """
    too_large = size_problem(config)
    if too_large:
        raise ConfigurationError([too_large])
    written = written_in(config, files, command_line)
    schema = read_schema(schema_folder / CONFIG_SCHEMA)
    remove_own_keys(config, schema)
    read_command_line_numbers(config, command_line, schema)
    read_command_line_parameters(config, command_line)
    samples, problems = _samples_of(config, schema_folder)
    if samples:
        problems += complete_configuration(config, samples)
    elif not problems:
        problems += _complete_from_folders(config, schema)
    # without the sheet, there would seem to be no machines
    problems = problems or schema_problems(config, schema, written)
    if not problems:
        if "detectors" not in config:
            config.setdefault("ensembles", [{"name": "Ensemble", "detectors": ["HULL", "HULL-whitened", "IDS"]}])
        if value_at(config, ("dataset", "cache")) is not None:
            config.setdefault("features", list(OF_THE_DDAE))
        fill_in_defaults(config, schema)
        problems = consistency_problems(config, written)
        problems += sheet_problems(config, samples) if samples else []
    problems = [problem for file in files for problem in yaml_problems(file)] + problems
    if problems:
        raise ConfigurationError(problems)
    remarks = leave_out_single_ids(config)
    make_canonical(config, schema)
    return Checked(config, tuple(samples) if samples else None, tuple(remarks))


def _complete_from_folders(config: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Fill in what the folders of recordings say, in a configuration that has yet to pass its schema."""
    dataset = config.get("dataset")
    if not isinstance(dataset, dict) or dataset.get("cache") is not None:
        return []
    default = schema["properties"]["dataset"]["properties"]["pattern"]["default"]
    patterns = dataset.get("pattern", default)
    listed = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, list) or not all(isinstance(pattern, str) for pattern in listed):
        return []
    try:
        complete_from_folders(config, tuple(listed))
    except UserError as error:
        return [str(error)]
    return []


def leave_out_single_ids(config: dict[str, Any]) -> list[str]:
    """Leave out what tells IDs apart where there is but one, in place; a sentence for each detector and ensemble.

    One machine with a single ID is enough: every table compares the same detectors on all machines.

    Raises
    ------
    ConfigurationError
        If no detector is left.
    """
    counts = {name: len(settings["ids"]) for name, settings in config["machines"].items()}
    if config["classifier"]["scope"] == "run":
        single = [] if sum(counts.values()) > 1 else list(counts)
    else:
        single = [name for name, count in counts.items() if count == 1]
    left_out = [one["name"] for one in detector_settings(config) if one["representation"] == ID_EMBEDDING]
    if not single or not left_out:
        return []
    entries = zip(config["detectors"], detector_settings(config), strict=True)
    if len(left_out) == len(config["detectors"]):
        raise ConfigurationError(
            [
                f"detectors: {', '.join(left_out)} learns from the other IDs of a machine, and there is but one ID of "
                f"{', '.join(single)}. Add another detector, for example HULL"
            ]
        )
    config["detectors"] = [entry for entry, settings in entries if settings["name"] not in left_out]
    without = []
    for ensemble in config["ensembles"]:
        kept = [name for name in ensemble["detectors"] if name not in left_out]
        if len(kept) < len(ensemble["detectors"]):
            without.append(ensemble["name"])
            ensemble["detectors"] = kept
    config["ensembles"] = [one for one in config["ensembles"] if len(one["detectors"]) > (0 if one["over"] else 1)]
    there = [one["name"] for one in config["ensembles"]]
    said = [f"{name} {'goes without' if name in there else 'is left out, too'}" for name in without]
    run = "" if len(counts) == 1 else " With classifier: {scope: run}, IDs of other machines would count."
    return [
        f"{', '.join(left_out)}: left out, since it learns from the other IDs of a machine, and there is but one ID of "
        f"{', '.join(single)}{''.join(f'; {text}' for text in said)}.{run}"
    ]


def make_canonical(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Bring a checked configuration into the one form that all have which mean the same, in place.

    Numbers have the type of their schema (95 is 95.0), and what is a set is in an order of its own: noise levels from
    the highest SNR to the lowest, methods as the table of detectors has them, all else by name or number.
    """
    canonical_numbers(config, schema)
    config["snrs"] = dict(sorted(config["snrs"].items(), key=_by_snr))
    config["machines"] = dict(sorted(config["machines"].items()))
    for settings in config["machines"].values():
        settings["ids"] = sorted(settings["ids"])
    config["features"] = list(in_order(config["features"]))
    config["protocols"] = [name for name in PROTOCOLS if name in config["protocols"]]
    for key in ("noise_factors", "seeds"):
        config[key] = sorted(config[key])
    for entry in config["detectors"]:
        if isinstance(entry, dict) and entry["method"] in METHODS:
            canonical_numbers(entry.get("parameters", {}), _schema_of_parameters(METHODS[entry["method"]]))
    config["detectors"] = sorted(config["detectors"], key=_by_method)
    for ensemble in config["ensembles"]:
        ensemble.update(detectors=sorted(ensemble["detectors"]), over=sorted(ensemble["over"]))
    config["ensembles"] = sorted(config["ensembles"], key=lambda ensemble: str(ensemble["name"]))


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _by_snr(entry: tuple[str, str]) -> tuple[float, str]:
    """For the order of noise levels: their dB as far as text of the folder or name say, highest first."""
    name, snr_dir = entry
    found = _NUMBER.search(snr_dir) or _NUMBER.search(name)
    return (-float(found[0]) if found else math.inf, name)


def _by_method(entry: str | Mapping[str, Any]) -> tuple[int, str]:
    """For the order of detectors: that of the methods, then their names."""
    settings = {"method": entry} if isinstance(entry, str) else entry
    methods = list(METHODS)
    method = str(settings["method"])
    return (methods.index(method) if method in methods else len(methods), str(settings.get("name", method)))


def _samples_of(config: Mapping[str, Any], schema_folder: Path) -> tuple[list[Sample], list[str]]:
    """Lines of the sample sheet, if there is one, and what is wrong with it."""
    path = value_at(config, ("dataset", "samples"))
    if not path or not isinstance(path, str):
        return [], []
    try:
        return read_samples(existing_path(clean_path(path)), read_schema(schema_folder / SAMPLES_SCHEMA)), []
    except UserError as error:
        return [], [str(error)]


def read_command_line_parameters(config: Mapping[str, Any], command_line: Mapping[str, Any]) -> None:
    """The same as `read_command_line_numbers` for parameters of detectors; each method has a schema of its own.

    Parameters of PyOD's detectors have none: text that is a number becomes one.
    """
    detectors = config.get("detectors")
    for number, entry in enumerate(detectors if isinstance(detectors, list) else []):
        given = value_at(command_line, ("detectors", number, "parameters"))
        parameters = value_at(entry, ("parameters",))
        name = str(value_at(entry, ("method",)))
        if not isinstance(given, Mapping) or not isinstance(parameters, dict):
            continue
        if name in METHODS:
            read_command_line_numbers(parameters, given, _schema_of_parameters(METHODS[name]))
        elif name.startswith(PYOD_PREFIX):
            for key, value in parameters.items():
                read = number_from_text(value, ["integer", "number"]) if isinstance(value, str) else None
                parameters[key] = value if read is None else read


def _schema_of_parameters(method: Method) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(method.parameters)}


def _pattern_problems(key: str, pattern: str, fields: tuple[str, ...], many: Mapping[str, bool]) -> Iterator[str]:
    """`many` says of fields whether the configuration has several values of them, which a pattern has to tell apart."""
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
        if many.get(name) and name not in names:
            only_normal = " (if there are only normal clips, say so: dataset.kinds: {normal: normal})"
            yield (
                f"{key}: {pattern!r} lacks {{{name}}}, but the configuration has several of them, which would all "
                f"read the same files{only_normal if name == 'kind' else ''}"
            )


def _name_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Names that can't stand in names of files, or would give two outputs the same one.

    Disks of macOS and Windows take ``A`` for ``a``, and some ``\u00fc`` for ``u`` with two dots, so these are the same.
    """
    names = _names_by_key(config)
    problems = [problem for key, listed in names.items() for name in listed for problem in _unfit(key, name)]
    detectors = names.pop("detectors") + names.pop("ensembles")
    for key, listed in {**names, "detectors, ensembles": detectors}.items():
        problems += _alike(key, listed)
    # if names clash, so do pairs of them
    yield from problems or _pair_problems(config["snrs"], config["machines"], detectors)


def _names_by_key(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Keys of the configuration that hold names, and these."""
    machines = config["machines"]
    names = {"snrs": list(config["snrs"]), "machines": list(machines)}
    names |= {f"machines.{machine}.ids": list(settings["ids"]) for machine, settings in machines.items()}
    names["detectors"] = [
        entry if isinstance(entry, str) else entry.get("name", entry["method"]) for entry in config["detectors"]
    ]
    names["ensembles"] = [ensemble["name"] for ensemble in config["ensembles"]]
    return names


def _unfit(key: str, name: str) -> Iterator[str]:
    """Why a name can't stand in names of files or in tables."""
    length = len(name.encode("utf-8", "surrogatepass"))
    if length > LONGEST_NAME:
        yield (
            f"{key}: {name[:40]!r}... is too long, {length} bytes in UTF-8: up to {LONGEST_NAME} are allowed, since "
            "several names together make the name of a file. Give it a shorter name"
        )
    folded = name.casefold()
    for protocol, about in PROTOCOLS.items():
        if about.suffix and folded.endswith(about.suffix):
            yield f"{key}: {name!r} ends in {about.suffix}, as file names of the {protocol} protocol do. {_RENAME}"
        if about.suffix and key == "ensembles" and folded.startswith(f"{about.suffix.strip('_')}_"):
            yield f"{key}: {name!r} would look like an ensemble of the {protocol} protocol in names of files. {_RENAME}"
    if key == "machines" and (_IN_FIGURES.search(folded) or folded.endswith(".comparisons")):
        yield f"machines: {name!r} holds what follows the machine in names of files (_NF0.7, .comparisons). {_RENAME}"
    if key == "machines" and folded == ALL_MACHINES:
        yield f"machines: {name!r} is what tables call the mean over the machines. {_RENAME}"
    if key == "snrs" and folded == ALL:
        yield f"snrs: {name!r} is what tables call the mean over the SNRs. Give this noise level another name"


def _in_files(name: str) -> str:
    """A name as disks compare it."""
    return same_name(name.replace(":", "-")).casefold()


def _alike(key: str, names: Iterable[str]) -> Iterator[str]:
    """Different names that some or all disks take for the same; the same names are another mistake."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(_in_files(name), name)
        if other != name:
            yield f"{key}: {other!r} and {name!r} have the same file name on some disks. Give one of them another name"


def _pair_problems(
    snrs: Iterable[str], machines: Mapping[str, Mapping[str, Any]], detectors: Sequence[str]
) -> Iterator[str]:
    """An SNR and an ID, or a detector, are joined by an underscore in names of files; pairs must be told apart."""
    partners = {f"machines.{machine}.ids": ("ID", settings["ids"]) for machine, settings in machines.items()}
    partners["detectors, ensembles"] = ("detector", detectors)
    for key, (what, names) in partners.items():
        seen: dict[str, tuple[str, str]] = {}
        for pair in itertools.product(snrs, names):
            first = seen.setdefault(_in_files("_".join(pair)), pair)
            if first != pair:
                both = " and ".join(f"SNR {snr!r} with {what} {name!r}" for snr, name in (first, pair))
                yield f"{key}: {both} would both be called {'_'.join(pair)!r}. Rename one of the SNRs under snrs"


def _detector_problems(config: Mapping[str, Any], written: Written) -> Iterator[str]:
    """Methods that do not exist, parameters that a method does not take, names that stand twice."""
    names: list[str] = []
    for number, entry in enumerate(config["detectors"]):
        given: Mapping[str, Any] = {"method": entry} if isinstance(entry, str) else entry
        key = f"detectors[{number}]" if isinstance(entry, str) else f"detectors[{number}].method"
        name = given["method"]
        names.append(given.get("name", name))
        method = _method(name)
        if method is None:
            close = difflib.get_close_matches(name.upper(), METHODS, n=1)
            hint = f", did you mean {close[0]!r}?" if close else "."
            yield (
                f"{key}: unknown detector {name!r}{hint} There are {', '.join(METHODS)}, and {PYOD_PREFIX}<class> for "
                f"those of PyOD, such as {PYOD_PREFIX}ECOD"
            )
            continue
        yield from _view_problems(f"detectors[{number}]", complete(given))
        if not name.startswith(PYOD_PREFIX):
            place = ("detectors", number, "parameters")
            yield from schema_problems(given.get("parameters", {}), _schema_of_parameters(method), written, place)
    for number, ensemble in enumerate(config["ensembles"]):
        yield from _ensemble_problems(f"ensembles[{number}]", ensemble, names, config["protocols"])
    names += [ensemble["name"] for ensemble in config["ensembles"]]
    yield from _model_problems(config, names)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"detectors, ensembles: the name {name!r} stands there more than once. Give each entry a name of its own, "
            f"for example {{method: {name}, name: {name}-raw, representation: raw}}"
        )


def _view_problems(key: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Representations and projections that do not go together."""
    embedded = settings["representation"] == ID_EMBEDDING
    if settings["method"] == "IDS" and not (embedded and settings["projection"] == "none"):
        yield f"{key}: IDS sees nothing but the {ID_EMBEDDING}, unprojected. Remove its representation and projection"
    elif embedded and settings["projection"] == "map-pca":
        yield (
            f"{key}.projection: map-pca takes the MFCC and the basic columns apart, and {ID_EMBEDDING} has neither. "
            "Use none, standard or whitening"
        )


def _method(name: str) -> Method | None:
    if name.startswith(PYOD_PREFIX) and not name.removeprefix(PYOD_PREFIX).isidentifier():
        return None  # no name of a class, and perhaps none of a file
    try:
        return find_method(name)
    except KeyError:
        return None


def _ensemble_problems(
    key: str, ensemble: Mapping[str, Any], names: list[str], protocols: list[ProtocolName]
) -> Iterator[str]:
    for member in ensemble["detectors"]:
        if member not in names:
            yield f"{key}.detectors: {member!r} is none of the detectors ({', '.join(names)})"
    if len(ensemble["detectors"]) == 1 and not ensemble["over"]:
        yield f"{key}: an ensemble of a single detector needs 'over' (noise_factors, seeds)"
    if "seeds" in ensemble["over"] and not all(PROTOCOLS[name].seeds_share_clips for name in protocols):
        yield (
            f"{key}.over: seeds can't be averaged under the strict and given protocols, where each seed trains and "
            "tests with other clips. Leave seeds out, or use protocols: [paper]"
        )


def _model_problems(config: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    """What is asked for of models and new recordings that there is none of."""
    detector = config["models"].get("detector")
    over = [ensemble["name"] for ensemble in config["ensembles"] if ensemble["over"]]
    there = [name for name in names if name not in over]
    if detector is not None and detector not in there:
        several = " It averages over several trainings, and a model is of one" if detector in over else ""
        yield f"models.detector: {detector!r} is none of {', '.join(there)}.{several}"
    asked = config["score"]
    for key, known in (("machine", list(config["machines"])), ("snr", list(config["snrs"]))):
        if asked.get(key, known[0]) not in known:
            yield f"score.{key}: {asked[key]!r} is none of {', '.join(known)}"


def _share_problems(config: Mapping[str, Any], written: Written) -> Iterator[str]:
    shares = config["strict"]["shares"]
    total = sum(shares.values())
    if abs(total - 100) > 1e-6:
        texts = [written.values.get(("strict", "shares", key), f"{value:g}") for key, value in shares.items()]
        yield f"strict.shares: {' + '.join(texts)} = {total:g} % of the normal clips, 100 are needed"


def detector_settings(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configured detectors, each with everything its entry leaves out (see `asd.detection.detectors.complete`)."""
    return [complete(entry) for entry in config["detectors"]]


def consistency_problems(config: Mapping[str, Any], written: Written = NOTHING_WRITTEN) -> list[str]:
    """What a schema can't see: keys that contradict each other.  `config` has passed the schema, with defaults."""
    problems = []
    snrs = config["snrs"]
    if config["reference_snr"] not in snrs:
        problems.append(
            f"reference_snr: {config['reference_snr']!r} is not among the snrs ({', '.join(snrs)}). It names the noise "
            "level that fits the scaling and trains the DDAE"
        )
    missing_sets = [name for name in OF_THE_DDAE if name not in config["features"]]
    if missing_sets:
        problems.append(
            f"features: {', '.join(missing_sets)} can't be left out, the DDAE is trained on them. Use "
            f"{in_words(in_order(config['features']))}"
        )
    problems.extend(_name_problems(config))
    problems.extend(_detector_problems(config, written))
    problems.extend(_share_problems(config, written))
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
    attributes = dataset["attributes"]
    for pattern in texts_of(dataset["pattern"]):
        yield from _pattern_problems("dataset.pattern", pattern, (*RECORDING_FIELDS, *attributes), many)
    named = {name for pattern in texts_of(dataset["pattern"]) for name in re.findall(r"\{(\w+)\}", pattern)}
    for name in attributes:
        if name not in named:
            yield f"dataset.attributes: {{{name}}} is not in dataset.pattern. Put it there, or remove the attribute"
    kinds = [text for texts in dataset["kinds"].values() for text in texts_of(texts)]
    for key, texts in (
        ("snrs", list(snrs.values())),
        ("dataset.kinds", kinds),
        ("dataset.splits", list(dataset["splits"].values())),
    ):
        twice = sorted({text for text in texts if texts.count(text) > 1})
        if twice:
            what = {"snrs": "SNR", "dataset.kinds": "kind"}.get(key, "split")
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


def texts_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """What may be given as one text or as several: a pattern, or what stands for a placeholder."""
    return (given,) if isinstance(given, str) else tuple(given)


def training_settings(config: Mapping[str, Any], machine: str) -> dict[str, Any]:
    """The settings under ``ddae`` for `machine`: its own, else the common ones.

    ``auto`` is left where it depends on the clips.  They are in a fixed order, whatever the order in the file, so that
    the same settings compare equal.
    """
    common, own = config["ddae"], config["machines"][machine]["ddae"]
    widths = {**common["encoder_widths"], **own.get("encoder_widths", {})}
    return dict(sorted(resolved({**common, **own, "encoder_widths": dict(sorted(widths.items()))}).items()))
