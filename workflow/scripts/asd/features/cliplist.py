"""Clip lists: what the rows of a feature cache are of, and what they were computed from.

A module of its own, since the plan of a run reads them on machines without NumPy.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.integrity import sealed_line, unsealed_line
from ..files.origin import NOTHING, Origin, digest

_LINE_CHECKSUM = "line_checksum"  # column of a clip list: CRC-32 of the line's other values
SKIPPED_COLUMNS = ("file", "reason", "size", "modified_ns", "content")
"""Of a list of recordings that were left out."""

DATES_COLUMNS = ("file", "size", "modified_ns", "content")
"""Of a list of recordings that have another date than when they were read, but the same content."""


class ClipRecord(NamedTuple):
    """One line of a clip list; every value as text, empty where it is not known.

    Attributes
    ----------
    file
        Path under the data set's root, of the first file where each channel has one.
    duration, sample_rate, channels
        As recorded: seconds, Hz, count.
    start
        Where the clip begins in its recording, in seconds; empty where it is the whole recording.
    condition, split
        As `asd.recordings.layout.Recording` has them.
    attributes
        The same as a JSON mapping.
    size, modified_ns
        Of the file when it was read: bytes, and nanoseconds since 1970; of several joined by ``+``.
    content
        CRC-32 of the file's bytes, 8 hexadecimal digits.
    recordings
        What the whole list was made from, as the plan names it.
    extraction
        What the features were computed with: hash of the code, a hyphen, and the settings.
    machine, snr, id, kind
        What all clips of the list are of.
    list_checksum
        Of all clips of the list, as far as results depend on them; see `list_checksum`.
    checksum
        CRC-32 of the row of features, 8 hexadecimal digits.
    """

    file: str
    duration: str = ""
    sample_rate: str = ""
    channels: str = ""
    start: str = ""
    condition: str = ""
    split: str = ""
    attributes: str = ""
    size: str = ""
    modified_ns: str = ""
    content: str = ""
    recordings: str = ""
    extraction: str = ""
    machine: str = ""
    snr: str = ""
    id: str = ""
    kind: str = ""
    list_checksum: str = ""
    checksum: str = ""

    @property
    def origin(self) -> Origin:
        """Whose the list is."""
        code, _, settings = self.extraction.partition("-")
        whose = {"machine": self.machine, "snr": self.snr, "id": self.id, "kind": self.kind}
        return Origin(**whose, settings=settings, made_from=self.recordings, code=code)


_DECIDING = attrgetter("file", "start", "condition", "split", "attributes", "checksum")


def list_checksum(clips: Iterable[ClipRecord]) -> str:
    """16 hexadecimal digits for the clips and their features, whatever the dates of the recordings."""
    return digest([_DECIDING(clip) for clip in clips])


def require_origin(clips: Sequence[ClipRecord], expected: Origin | None) -> None:
    """Refuse clips of something else.  A list without clips can't say whose it is, but only where there are no
    recordings it may be empty.

    Raises
    ------
    ValueError
        The message does not name the list.
    """
    if clips:
        clips[0].origin.require(expected)
    elif expected is not None and expected.made_from != NOTHING:
        raise ValueError("there are no clips in it")


_NAMES = list(ClipRecord._fields)


def attributes_text(attributes: Sequence[tuple[str, str]]) -> str:
    """Names and values as a clip list has them; none as nothing at all."""
    return json.dumps(dict(attributes), ensure_ascii=False) if attributes else ""


def attributes_of(text: str) -> tuple[tuple[str, str], ...]:
    """What `attributes_text` was given.

    Raises
    ------
    ValueError
        If it is something else.
    """
    values = json.loads(text) if text else {}
    if not isinstance(values, dict):
        raise ValueError(f"{text[:100]!r} is no mapping")
    return tuple((str(name), str(value)) for name, value in values.items())


def write_rows(path: StrPath, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file, whole or not at all."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_clip_list(path: StrPath, clips: Iterable[ClipRecord]) -> None:
    """Write a clip list, each line with a checksum of its own."""
    write_rows(path, [*_NAMES, _LINE_CHECKSUM], map(sealed_line, clips))


def read_clip_list(path: StrPath, *, given: bool = False) -> list[ClipRecord]:
    """Read a clip list; columns that `ClipRecord` does not know are ignored.

    Parameters
    ----------
    given
        The list comes from elsewhere: all columns but ``file`` may be missing or empty.

    Raises
    ------
    UserError
        If the file is missing, is no text, has no column ``file``, or if a line does not match its checksum.
    """
    remedy = "Mend it, or remove its checksums." if given else "Delete it and the .npy file beside it, and run again."
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if "file" not in (reader.fieldnames or []):
                raise UserError(f"{path}: not a clip list, it has no column 'file'. {remedy}")
            lines = _cells(reader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such clip list. Delete the .npy file beside it and run again.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a clip list ({error}). {remedy}") from error
    clips = []
    for number, cells in enumerate(lines, start=1):
        try:
            clips.append(ClipRecord(*unsealed_line(cells, or_bare=given)))
        except ValueError:
            raise UserError(
                f"{path}: clip {number} ({cells[0]}) does not match its {_LINE_CHECKSUM}. {remedy}"
            ) from None
    return clips


def _cells(reader: csv.DictReader[str]) -> list[list[str]]:
    """Values and checksum of each line, empty where they are missing."""
    names = [*_NAMES, _LINE_CHECKSUM]
    if reader.fieldnames != names:
        return [[line.get(name) or "" for name in names] for line in reader]
    # as this workflow writes them: without a mapping for each line, in half of the time
    return [_filled_up(line, len(names)) for line in reader.reader if line]


def _filled_up(line: list[str], count: int) -> list[str]:
    return line if len(line) == count else [*line, *[""] * (count - len(line))][:count]


def read_first_clip(path: StrPath) -> ClipRecord | None:
    """The first line of a clip list that this workflow wrote, which says what the whole list is; None if it is empty.

    Raises
    ------
    ValueError, csv.Error, OSError
        If it is no clip list.
    """
    with open(path, newline="", encoding="utf-8") as file:
        line = next(csv.DictReader(file), None)
    if line is None:
        return None
    return ClipRecord(*unsealed_line([line.get(name) or "" for name in (*_NAMES, _LINE_CHECKSUM)]))


def read_list_checksum(path: StrPath, expected: Origin) -> str:
    """What stands for all clips of a clip list that this workflow wrote, from its first line.

    Raises
    ------
    UserError
        If it is no clip list, or not the expected one.
    """
    try:
        first = read_first_clip(path)
        require_origin([first] if first else [], expected)
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: {error}. Delete it and the .npy file beside it, and run again.") from error
    return first.list_checksum if first else NOTHING


def write_skipped(path: StrPath, lines: Iterable[Sequence[str]]) -> None:
    """Write a list of recordings that were left out, lines of `SKIPPED_COLUMNS`, each with a checksum of its own."""
    write_rows(path, [*SKIPPED_COLUMNS, _LINE_CHECKSUM], map(sealed_line, lines))


def read_skipped(path: StrPath) -> list[dict[str, str]]:
    """Lines of a list of recordings that were left out, with `SKIPPED_COLUMNS`.

    Raises
    ------
    UserError
        If it is something else, or a line does not match its checksum.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
            if header != [*SKIPPED_COLUMNS, _LINE_CHECKSUM]:
                raise ValueError(f"its columns are {', '.join(header)}")
            return [dict(zip(SKIPPED_COLUMNS, unsealed_line(line), strict=True)) for line in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: no list of recordings ({error}). Delete the file and run again.") from error
