"""What recordings there are, judged by their headers alone: a report before anybody waits for an extraction."""

from __future__ import annotations

import logging
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from .audio import SAMPLE_RATE, BadClipError, Channel, Header, read_clip_header
from .layout import Folder

logger = logging.getLogger(__name__)

_SHOWN = 5  # names in a remark
_SAMPLE_BYTES = 4096  # from the middle of a file, to find copies
_EXTENSIONS = (
    ".wav",
    ".w64",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".snd",
    ".caf",
)


@dataclass(frozen=True)
class _Looked:
    """What is known of a recording: its header or why it can't be used, and what its copies have in common."""

    path: str
    header: Header | None
    problem: str
    likeness: tuple[int, int]


@dataclass(frozen=True)
class Inspection:
    """Result of `inspect`.

    Attributes
    ----------
    headers
        Folder -> headers of its usable recordings.
    unusable
        A sentence for each recording that can't be used.
    remarks
        Sentences about recordings that can be used, but are worth a look.
    """

    headers: Mapping[Folder, Sequence[Header]]
    unusable: Sequence[str]
    remarks: Sequence[str]


def inspect(files: Mapping[Folder, Sequence[str]], channel: Channel = "mean", threads: int = 1) -> Inspection:
    """Read the header of every recording.

    Parameters
    ----------
    files
        Folder -> its recordings.
    channel
        As for `asd.recordings.audio.read_clip`: recordings without this channel can't be used.
    threads
        That read headers at the same time.
    """
    paths = [path for names in files.values() for path in names]
    looked: dict[str, _Looked] = {}
    with ThreadPoolExecutor(threads) as pool:
        for number, result in enumerate(pool.map(partial(_look, channel=channel), paths), start=1):
            looked[result.path] = result
            if number % 5000 == 0:
                logger.info("%d of %d headers", number, len(paths))
    headers, remarks = {}, []
    for folder, names in files.items():
        usable = {name: header for name in names if (header := looked[name].header) is not None}
        headers[folder] = list(usable.values())
        remarks += _odd_ones(folder, usable)
    remarks += _copies(looked.values())
    return Inspection(headers, [one.problem for one in looked.values() if one.problem], remarks)


def _look(path: str, channel: Channel) -> _Looked:
    try:
        return _Looked(path, read_clip_header(path, channel), "", _likeness(path))
    except BadClipError as error:
        return _Looked(path, None, str(error), (-1, 0))
    except OSError as error:
        return _Looked(path, None, f"{path}: can't be read ({error.strerror})", (-1, 0))


def _likeness(path: str) -> tuple[int, int]:
    """Size and a checksum of a few bytes in the middle: what copies of a file have in common."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(max(0, size // 2 - _SAMPLE_BYTES // 2))
        return size, zlib.crc32(file.read(_SAMPLE_BYTES))


def _odd_ones(folder: Folder, headers: Mapping[str, Header]) -> list[str]:
    """Remarks about recordings of a folder that differ from most of the others in it."""
    remarks = []
    for what, values in (
        ("sample rate", {name: f"{header.sample_rate} Hz" for name, header in headers.items()}),
        ("number of channels", {name: str(header.channels) for name, header in headers.items()}),
    ):
        counts = Counter(values.values())
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            odd = {name: value for name, value in values.items() if value != usual}
            found = ", ".join(sorted(set(odd.values())))
            remarks.append(f"{folder}: {len(odd)} of {len(values)} have another {what} ({found}): {_some(odd)}")
    durations = sorted(header.duration for header in headers.values())
    if durations:
        middle = durations[len(durations) // 2]
        odd = {name: "" for name, header in headers.items() if not 0.5 * middle <= header.duration <= 2.0 * middle}
        if odd:
            remarks.append(
                f"{folder}: {len(odd)} of {len(headers)} are less than half or more than twice as long as the median "
                f"({middle:.2f} s): {_some(odd)}"
            )
    slow = [name for name, header in headers.items() if header.sample_rate < SAMPLE_RATE]
    if slow:
        remarks.append(
            f"{folder}: {len(slow)} of {len(headers)} have less than {SAMPLE_RATE} Hz, so that the upper mel bands are "
            f"empty: {_some(slow)}"
        )
    return remarks


def _copies(looked: Iterable[_Looked]) -> list[str]:
    """Remarks about recordings with the same content: a copy may train and test a detector at once."""
    alike: dict[tuple[int, int], list[str]] = {}
    for one in looked:
        if one.header is not None:
            alike.setdefault(one.likeness, []).append(one.path)
    groups = []
    for names in alike.values():
        if len(names) > 1:
            by_content: dict[int, list[str]] = {}
            for name in names:
                by_content.setdefault(_checksum(name), []).append(name)
            groups += [group for group in by_content.values() if len(group) > 1]
    return [f"{len(group)} recordings are the same: {_some(group)}" for group in groups]


def _checksum(path: str) -> int:
    value = 0
    with open(path, "rb") as file:
        while block := file.read(2**20):
            value = zlib.crc32(block, value)
    return value


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")


def unused_recordings(root: str, used: Iterable[str]) -> list[str]:
    """Audio files under `root`, judged by their names, that are none of `used`; hidden ones are left out."""
    known = {os.path.normpath(path) for path in used}
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.normpath(os.path.join(folder, name))
            if not name.startswith(".") and name.lower().endswith(_EXTENSIONS) and path not in known:
                found.append(path)
    return found


def report(inspection: Inspection, problems: Sequence[str], unused: Sequence[str]) -> str:
    """What was found, for people to read.

    Parameters
    ----------
    problems
        Folders without recordings, in sentences.
    unused
        Audio files that belong to no folder.
    """
    header = ("machine", "SNR", "ID", "kind", "clips", "h:mm:ss", "seconds", "rate in Hz", "channels")
    lines = [header, *(_line(folder, headers) for folder, headers in inspection.headers.items() if headers)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    table = [
        "  ".join(
            text.rjust(width) if column > 3 else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    every = [one for headers in inspection.headers.values() for one in headers]
    total = _hours(sum(one.duration for one in every))
    blocks = ["\n".join(table), f"{len(every)} clips that can be used, {total} h in all"]
    left = [f"{len(unused)} audio files that no key of the configuration takes: {_some(unused)}"] if unused else []
    for title, sentences in (
        ("Missing", problems),
        ("Can't be used", inspection.unusable),
        ("Worth a look", [*inspection.remarks, *left]),
    ):
        if sentences:
            shown = [f"  - {sentence}" for sentence in sentences[: 4 * _SHOWN]]
            more = [f"  and {len(sentences) - 4 * _SHOWN} more"] if len(sentences) > 4 * _SHOWN else []
            blocks.append("\n".join([f"{title} ({len(sentences)}):", *shown, *more]))
    if len(blocks) == 2:
        blocks.append("Nothing suspicious.")
    return "\n\n".join(blocks)


def _hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _line(folder: Folder, headers: Sequence[Header]) -> tuple[str, ...]:
    durations = [header.duration for header in headers]
    low, high = f"{min(durations):.2f}", f"{max(durations):.2f}"
    return (
        *(folder.machine, folder.snr, folder.machine_id, folder.kind),
        str(len(headers)),
        _hours(sum(durations)),
        low if low == high else f"{low}-{high}",
        "/".join(map(str, sorted({header.sample_rate for header in headers}))),
        "/".join(map(str, sorted({header.channels for header in headers}))),
    )
