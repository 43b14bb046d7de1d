"""Sample sheets: a table that says of each recording which machine, ID, noise level and kind it is of.

An alternative to a pattern (see `asd.recordings.layout`) for recordings that lie in no order of folders.
"""

from __future__ import annotations

import csv
import difflib
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import UserError
from ..schema import schema_problems
from .layout import KINDS, Folder, Kind, Listing, Recording, clean_path, joined_channels, without_other_names
from .listing import Finding, Identity, existing_path, identity_of, status_of
from .names import require_usable_names, same_name
from .state import State

REQUIRED = ("file", "machine", "id")
OPTIONAL = ("snr", "label", "condition", "split")
ONLY_SNR = "as_recorded"
"""Name of the noise level of a sheet that has no column ``snr``."""

_MAX_BYTES = 256 * 2**20  # millions of lines; anything larger is no sample sheet
_SHOWN = 8


@dataclass(frozen=True)
class Sample:
    """A line of a sample sheet: where it stands, the recording, and what it is of.

    `snr` is None in a sheet that has no such column; `attributes` are what stands in columns of the user's own.
    """

    line: int
    file: str
    machine: str
    machine_id: str
    snr: str | None
    kind: str
    condition: str = ""
    split: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


def read_samples(path: str | os.PathLike[str], schema: Mapping[str, Any]) -> list[Sample]:
    """Read a sample sheet.

    Parameters
    ----------
    path
        Text with one line a recording and a header, columns separated by tabs (by commas in ``.csv``), UTF-8: ``file``,
        ``machine`` and ``id``; ``snr`` if there are several; ``label`` (normal, abnormal or unlabelled), without which
        all clips are normal; ``condition``; ``split``; any others are attributes.
    schema
        JSON schema of a line.

    Raises
    ------
    UserError
        With everything that is wrong with the sheet, by line.
    """
    header, lines = _read_table(path)
    problems = list(_header_problems(header))
    if not problems:
        problems = list(_line_problems(header, lines, schema))
    if not lines and not problems:
        problems = ["it has a header, but no lines"]
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise UserError(f"{path}: the sample sheet can't be used: {'; '.join(problems[:_SHOWN] + more)}")
    # names in the one form of Unicode; files have to be called as they are on the disk
    rows = [
        (number, {name: cell if name == "file" else same_name(cell) for name, cell in zip(header, cells, strict=True)})
        for number, cells in lines
    ]
    own = [name for name in header if name not in (*REQUIRED, *OPTIONAL)]
    return [
        Sample(
            line=number,
            file=row["file"],
            machine=row["machine"],
            machine_id=row["id"],
            snr=row.get("snr"),
            kind=row.get("label") or "normal",
            condition=row.get("condition", ""),
            split=row.get("split", ""),
            attributes=tuple((name, row[name]) for name in own),
        )
        for number, row in rows
    ]


def _read_table(path: str | os.PathLike[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and lines (with their numbers) of a table; white space around cells and empty lines are left out."""
    if not os.path.exists(path):
        raise UserError(f"dataset.samples: there is no file {os.fspath(path)!r} in {os.getcwd()!r}")
    if not os.path.isfile(path) or os.path.getsize(path) > _MAX_BYTES:
        raise UserError(f"dataset.samples: {os.fspath(path)!r} is no sample sheet, but a folder, device or huge file")
    delimiter = "," if os.fspath(path).lower().endswith(".csv") else "\t"
    lines = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                cells = [cell.strip() for cell in cells]
                if any(cells):
                    lines.append((reader.line_num, cells))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}: no readable sample sheet ({error}). Save it as text (UTF-8), with columns separated by "
            f"{_name_of(delimiter)}."
        ) from None
    except OSError as error:
        raise UserError(f"{path}: the sample sheet can't be opened ({error.strerror})") from None
    if not lines:
        raise UserError(f"{path}: the sample sheet is empty. Its first line names the columns: {', '.join(REQUIRED)}")
    header = lines[0][1]
    if len(header) == 1 and any(other in header[0] for other in ",;\t"):
        raise UserError(
            f"{path}: the columns of this sample sheet are separated by {_name_of(delimiter)}, but its first line is "
            f"{header[0][:80]!r}"
        )
    return header, lines[1:]


def _name_of(delimiter: str) -> str:
    return "commas" if delimiter == "," else "tabs"


def _header_problems(header: Sequence[str]) -> Iterator[str]:
    known = (*REQUIRED, *OPTIONAL)
    for name in dict.fromkeys(header):
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.75)
        if name not in known and close:
            # any other unknown column is an attribute, but not one that was meant for something else
            yield f"line 1: unknown column {name[:40]!r}, did you mean {close[0]!r}? Columns: {', '.join(known)}"
        elif not name:
            yield "line 1: a column has no name"
        elif header.count(name) > 1:
            yield f"line 1: the column {name!r} stands there more than once"
    for name in REQUIRED:
        if name not in header:
            yield f"line 1: the column {name!r} is missing"


def _line_problems(
    header: Sequence[str], lines: Sequence[tuple[int, list[str]]], schema: Mapping[str, Any]
) -> Iterator[str]:
    # no label at all is allowed; some without are not, since they would pass for normal ones
    labelled = "label" in header and any(
        len(cells) == len(header) and cells[header.index("label")] for _, cells in lines
    )
    judged: dict[tuple[str, ...], list[str]] = {}  # a schema takes its time, and lines differ in little but the file
    first: dict[str, tuple[int, dict[str, str]]] = {}
    for number, cells in lines:
        if len(cells) != len(header):
            yield f"line {number}: {len(cells)} columns, the header has {len(header)}"
            continue
        row = dict(zip(header, cells, strict=True))
        if not labelled:
            row.pop("label", None)
        file = row["file"]
        row["file"] = "x" if file else ""
        # the same line once more does no harm, and is left out when files are looked at
        same, as_what = first.setdefault(posixpath.normpath(same_name(file)), (number, row)) if file else (number, row)
        if row != as_what:
            differ = {name: (as_what.get(name), text) for name, text in row.items() if as_what.get(name) != text}
            texts = "; ".join(f"{name}: {before!r} there, {text!r} here" for name, (before, text) in differ.items())
            yield f"line {number}: {file[:200]!r} stands in line {same} already, as something else ({texts[:200]})"
        row = {name: row[name] for name in (*REQUIRED, *OPTIONAL) if name in row}
        key = tuple(row.values())
        if key not in judged:
            judged[key] = schema_problems(row, schema)
        yield from (f"line {number}: {problem}" for problem in judged[key])
        if "\0" in file:
            yield f"line {number}: a file name holds a NUL character"


@dataclass(frozen=True)
class SampleSheet:
    """Recordings that a sample sheet names.

    Attributes
    ----------
    path
        Of the sheet, for messages.
    root
        Folder that relative file names start from.
    samples
        Its lines.
    snrs
        The configured noise levels; the only one is that of a sheet without the column ``snr``.
    channel_mark
        As `asd.recordings.layout.Recordings` has it.
    """

    path: str
    root: str
    samples: Sequence[Sample]
    snrs: Sequence[str]
    channel_mark: str | None = None

    @cached_property
    def _folders(self) -> dict[Folder, list[Sample]]:
        folders: dict[Folder, list[Sample]] = {}
        for sample in self.samples:
            snr = self.snrs[0] if sample.snr is None else sample.snr
            folder = _named(Folder(sample.machine, snr, sample.machine_id, sample.kind))
            folders.setdefault(folder, []).append(sample)
        return folders

    def kinds_of(self, machine: str, machine_id: str) -> tuple[Kind, ...]:
        """Kinds of clips that lines name of this machine ID; normal ones there have to be."""
        wanted = (same_name(machine), same_name(machine_id))
        named = {folder.kind for folder in self._folders if (folder.machine, folder.machine_id) == wanted}
        return tuple(kind for kind in KINDS if kind in named | {"normal"})

    def recordings(self, folder: Folder) -> list[Recording]:
        """The recordings of `listing`."""
        return list(self.listing(folder).recordings)

    def listing(self, folder: Folder) -> Listing:
        """Recordings of `folder` in the order of the sheet, relative ones with `root` in front, each once.

        Raises
        ------
        UserError
            If the sheet names none, one that does not exist, or one twice that it says different things of.
        """
        samples = self._folders.get(_named(folder), [])
        if not samples:
            if folder.kind not in self.kinds_of(folder.machine, folder.machine_id) or folder.kind == "unlabelled":
                return Listing([])
            raise UserError(f"{self.path}: no line for {folder}. Correct the sheet, or machines and snrs.")
        findings: list[Finding] = []
        found: list[tuple[Recording, Identity, bool]] = []
        states: dict[str, State] = {}
        lost: list[tuple[Sample, str]] = []
        for sample in samples:
            path = existing_path(clean_path(posixpath.join(self.root, os.path.expanduser(sample.file))))
            status = status_of(path, findings.append)
            if status is not None:
                recording = Recording((path,), sample.condition, sample.split, sample.attributes)
                found.append((recording, identity_of(path, status), False))
                states[path] = (status.st_size, status.st_mtime_ns)
            elif not findings or findings[-1].path != path:
                lost.append((sample, path))
        if lost:
            sample, path = lost[0]
            what = "are folders or not there" if os.path.isdir(path) else "are not there"
            raise UserError(
                f"{self.path}: {len(lost)} of {len(samples)} recordings of {folder} {what}, the first in line "
                f"{sample.line}: {path!r}. Names are relative to dataset.root ({self.root!r})."
            )
        require_usable_names(recording.file for recording, _, _ in found)
        where = f"{self.path}: {folder}"
        single = without_other_names(found, where, findings.append)
        recordings = joined_channels(list(single.values()), self.channel_mark, where)
        identities = {recording.file: identity for identity, recording in single.items()}
        return Listing(recordings, list(dict.fromkeys(findings)), identities, states)


def _named(folder: Folder) -> Folder:
    """`folder` with its names in the one form of Unicode."""
    return Folder(*map(same_name, (folder.machine, folder.snr, folder.machine_id, folder.kind)))


def complete_configuration(config: dict[str, Any], samples: Sequence[Sample]) -> list[str]:
    """Fill in, in place, what the configuration leaves to the sheet: ``machines``, their ``ids``, ``snrs`` and, of a
    single noise level, ``reference_snr``.  Values of a wrong type are left for the schema to complain about.

    Returns
    -------
    list of str
        A sentence for each machine that the sheet does not know.
    """
    ids: dict[str, dict[str, None]] = {}
    for sample in samples:
        ids.setdefault(same_name(sample.machine), {})[sample.machine_id] = None
    machines = config.setdefault("machines", {name: {} for name in ids})
    problems = []
    for name, settings in machines.items() if isinstance(machines, dict) else ():
        known = ids.get(same_name(str(name)))
        if known is None:
            problems.append(f"machines: {name} is not in the sample sheet, which has {', '.join(sorted(ids))}")
        elif isinstance(settings, dict):
            settings.setdefault("ids", list(known))
    found = dict.fromkeys(sample.snr or ONLY_SNR for sample in samples)
    snrs = config.setdefault("snrs", dict.fromkeys(found, ""))
    if isinstance(snrs, dict) and len(snrs) == 1:
        config.setdefault("reference_snr", next(iter(snrs)))
    config["dataset"].setdefault("root", ".")
    return problems


def sheet_problems(config: Mapping[str, Any], samples: Sequence[Sample]) -> list[str]:
    """What contradicts the sheet in a configuration that has passed its schema."""
    problems = []
    if any(sample.snr is None for sample in samples) and len(config["snrs"]) > 1:
        problems.append(
            f"snrs: there are several ({', '.join(config['snrs'])}), but the sample sheet has no column 'snr' that "
            "tells them apart"
        )
    there = {(sample.machine, sample.machine_id) for sample in samples}
    for machine, settings in config["machines"].items():
        known = sorted(name for other, name in there if same_name(other) == same_name(machine))
        missing = [name for name in settings["ids"] if same_name(name) not in map(same_name, known)]
        if missing:
            problems.append(
                f"machines.{machine}.ids: {', '.join(missing)} is not in the sample sheet, which has {', '.join(known)}"
            )
    named = {same_name(sample.snr) for sample in samples if sample.snr is not None}
    for snr in config["snrs"]:
        if named and same_name(snr) not in named:
            problems.append(f"snrs: {snr} is not in the sample sheet, which has {', '.join(sorted(named))}")
    return problems
