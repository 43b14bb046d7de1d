"""What recordings there are, and whether a run would take them: a report before anybody waits for one.

They are read by what reads them in the run, so that both accept the same.
"""

from __future__ import annotations

import math
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import splits
from ..errors import UserError
from ..files.neutral import for_terminal, in_one_line
from ..processes import shared_out
from . import audio
from .comparisons import Seen, remarks_about
from .layout import LABELLED, Folder, Recording
from .listing import audio_files, some

_SHOWN = 20  # sentences of a kind
_SECONDS_BETWEEN = 5.0  # of what is said of the progress
_SAMPLE_BYTES = 4096  # from the middle of a file, to find copies
_COARSE = 0.1  # standard error of an AUC from which on there is a remark

Problem = Callable[[NDArray[np.float32]], str | None]


@dataclass(frozen=True)
class Reading:
    """How recordings are read; as the extraction has it.

    Attributes
    ----------
    channel, seconds
        Of `asd.recordings.audio.read_clips`.
    skip
        Whether what can't be used is left out, or ends the run.
    samples
        Whether samples are read, or headers alone.
    problem_of
        Why a clip that could be read can't be used, or None.
    """

    channel: audio.Channel = "mean"
    seconds: float | None = None
    skip: bool = False
    samples: bool = True
    problem_of: Problem | None = None


@dataclass(frozen=True)
class Inspection:
    """Result of `inspect`.

    Attributes
    ----------
    seen
        Folder -> its usable recordings.
    unusable
        A sentence for each recording, or clip of one, that can't be used.
    problems
        Sentences about folders of which nothing is left.
    remarks
        Sentences about recordings that can be used, but are worth a look.
    clips
        Folder -> the clips of a run: of each, its recording and split.
    """

    seen: Mapping[Folder, Sequence[Seen]]
    unusable: Sequence[str]
    problems: Sequence[str]
    remarks: Sequence[str]
    clips: Mapping[Folder, splits.Listed] = field(default_factory=dict)


def inspect(
    folders: Mapping[Folder, Sequence[Recording]],
    reading: Reading,
    processes: int = 1,
    say: Callable[[str], None] | None = None,
    snr_dirs: Mapping[str, str] | None = None,
) -> Inspection:
    """Read every recording.

    Parameters
    ----------
    folders
        Folder -> its recordings.
    processes
        That read at the same time.
    say
        Is told every few seconds how far it is.
    snr_dirs
        SNR -> what paths call it, for names that differ by it.

    Raises
    ------
    UserError
        If a process was killed.
    """
    tasks = [recording for listed in folders.values() for recording in listed]
    with shared_out(partial(_look, reading=reading), tasks, processes, "check") as results:
        looked = list(_with_progress(results, len(tasks), say))
    seen: dict[Folder, list[Seen]] = {}
    clips: dict[Folder, splits.Listed] = {}
    unusable: list[str] = []
    problems = []
    position = 0
    for folder, listed in folders.items():
        names: list[str] = []
        parts: list[str] = []
        seen[folder] = []
        for recording, (one, reasons) in zip(listed, looked[position : position + len(listed)], strict=True):
            unusable += reasons
            if one is not None and one.clips:
                seen[folder].append(one)
            # without `skip`, what is broken will be replaced, and counts
            count = (one.clips if one else 0) if reading.skip or not reasons else max(1, one.clips if one else 1)
            names += [recording.file] * count
            parts += [recording.split] * count
        if listed and not names:
            problems.append(f"{folder}: no usable recording is left")
        clips[folder] = splits.Listed(names, parts)
        position += len(listed)
    return Inspection(seen, unusable, problems, remarks_about(seen, snr_dirs or {}), clips)


def _with_progress(
    results: Iterable[tuple[Seen | None, list[str]]], total: int, say: Callable[[str], None] | None
) -> Iterator[tuple[Seen | None, list[str]]]:
    started = last = time.monotonic()
    for number, result in enumerate(results, 1):
        yield result
        now = time.monotonic()
        if say is not None and now - last >= _SECONDS_BETWEEN:
            last = now
            left = (now - started) / number * (total - number)
            say(f"{number} of {total} recordings, about {_hours(left)} h left")


def _look(recording: Recording, reading: Reading) -> tuple[Seen | None, list[str]]:
    """A recording, if any of it can be used, and what can't be."""
    try:
        status = [os.stat(file) for file in recording.files]
        likeness = _likeness(recording.files)
        date = max(one.st_mtime for one in status)
    except OSError as error:
        return None, [f"{recording.file}: can't be read ({error.strerror})"]
    if not reading.samples:
        return _look_at_header(recording, reading, likeness, date)
    problems: list[str] = []
    levels: list[float] = []
    notes: tuple[str, ...] = ()
    seconds, rate, channels = 0.0, 0, 0
    for clip in audio.read_clips(recording.files, reading.channel, reading.seconds):
        if isinstance(clip, audio.BadClip):
            if clip.start is None:
                return None, [clip.reason]
            problems.append(clip.reason)
            continue
        reason = reading.problem_of(clip.samples) if reading.problem_of else None
        if reason is not None:
            problems.append(f"{recording.file}: {reason}")
            continue
        levels.append(level_of(clip.samples))
        seconds += clip.duration
        rate, channels, notes = clip.sample_rate, clip.channels, clip.notes
    if not levels:
        return None, problems or [f"{recording.file}: shorter than a clip of {reading.seconds:g} s"]
    level = float(np.median(levels))
    return Seen(recording.files, seconds, rate, channels, level, len(levels), likeness, date, notes), problems


def _look_at_header(
    recording: Recording, reading: Reading, likeness: tuple[int, int], date: float
) -> tuple[Seen | None, list[str]]:
    try:
        header = audio.read_clip_header(recording.files, reading.channel, reading.seconds)
    except audio.BadClipError as error:
        return None, [str(error)]
    clips = 1 if reading.seconds is None else header.frames // round(reading.seconds * header.sample_rate)
    seen = Seen(recording.files, header.duration, header.sample_rate, header.channels, None, clips, likeness, date)
    return seen, []


def level_of(samples: NDArray[np.float32]) -> float:
    """Root mean square of float32 [samples], in dB of full scale.

    Examples
    --------
    >>> level_of(np.float32([0.1, -0.1]))
    -20.0
    """
    return round(10 * math.log10(max(float(np.dot(samples, samples)) / len(samples), 1e-30)), 3)


def _likeness(files: Sequence[str]) -> tuple[int, int]:
    """Size and a checksum of a few bytes in the middle: what copies of a file have in common."""
    total, value = 0, 0
    for name in files:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for somebody to write to it
        try:
            size = os.fstat(descriptor).st_size
            if size:
                value = zlib.crc32(os.pread(descriptor, _SAMPLE_BYTES, max(0, size // 2 - _SAMPLE_BYTES // 2)), value)
            total += size
        finally:
            os.close(descriptor)
    return total, value


def unused_recordings(root: str, used: Iterable[str], from_sheet: bool = False) -> list[str]:
    """Audio files that are none of `used`, whatever these are called; hidden ones are left out.

    Parameters
    ----------
    root
        Everything below it is looked at.
    from_sheet
        Instead, only the folders that hold used ones, since a sheet's root may be anything.
    """
    known = set()
    folders: dict[str, None] = {}
    for path in used:
        try:
            status = os.stat(path)
        except OSError:
            continue
        known.add((status.st_dev, status.st_ino))
        folders[os.path.dirname(path) or "."] = None
    places = dict.fromkeys(folders, "*") if from_sheet else {root: "**/*"}
    found: dict[str, None] = {}
    for folder, pattern in places.items():
        for path, identity in audio_files(folder, pattern).items():
            if identity[:2] not in known:
                found[path] = None
    return list(found)


# ------------------------------------------------------------------------------------------------------------- splits


def split_problems(
    clips: Mapping[Folder, splits.Listed], computations: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[str]]:
    """Whether the clips suffice for what is to be computed, split by what splits them in the run.

    Parameters
    ----------
    clips
        Folder -> its clips.
    computations
        Of each machine and protocol: ``splits``, for each seed the settings of `asd.splits.training_rows` and
        `asd.splits.detection_splits`; ``batch_size`` (``"auto"`` fits any number of clips), ``fewest_to_hold_out`` of
        the DDAE's clips, ``threshold_percentile``, and ``whitened_columns`` of detectors.

    Returns
    -------
    problems, remarks
        What the run would refuse, and what it would compute though it says little.
    """
    problems: list[str] = []
    remarks: list[str] = []
    for computation in computations:
        first = computation["splits"][0]["detection"]
        machine, units = first["machine"], [tuple(unit) for unit in first["units"]]
        folders = {(snr, name): [Folder(machine, snr, name, kind) for kind in LABELLED] for snr, name in units}
        if any(folder not in clips for pair in folders.values() for folder in pair):
            continue  # that something is missing has been said
        both = {unit: (clips[pair[0]], clips[pair[1]]) for unit, pair in folders.items()}
        reference = {name: both[first["reference_snr"], name][0] for _, name in units}
        try:
            every = [
                (splits.training_rows(reference, one["training"]), splits.detection_splits(both, one["detection"]))
                for one in computation["splits"]
            ]
        except UserError as error:
            problems.append(str(error))
            continue
        trained, split = every[0]  # other seeds have as many clips, or nearly so
        training = sum(len(rows) for rows in trained.values())
        remarks += _few_clips(f"machine {machine}, {first['protocol']} protocol", training, both, split, computation)
    return problems, remarks


def _few_clips(
    where: str,
    training: int,
    clips: Mapping[tuple[str, str], tuple[splits.Listed, splits.Listed]],
    units: Mapping[tuple[str, str], splits.Split],
    computation: Mapping[str, Any],
) -> Iterator[str]:
    """Remarks about what a machine's clips are too few for, each with the ID that has fewest."""
    if computation["batch_size"] != "auto" and training < computation["batch_size"]:
        yield f"{where}: {training} clips train the DDAE, fewer than a batch ({computation['batch_size']})"
    if training < computation["fewest_to_hold_out"]:
        yield f"{where}: {training} clips train the DDAE, too few to hold one out that says when it is trained enough"
    coarse = {
        unit: error
        for unit, split in units.items()
        if (error := auc_error(len(split.normal), len(split.abnormal))) > _COARSE
    }
    if coarse:
        worst = max(coarse, key=lambda unit: coarse[unit])
        split = units[worst]
        yield (
            f"{where}: of SNR {worst[0]}, ID {worst[1]}, {len(split.normal)} of {len(clips[worst][0])} normal and "
            f"{len(split.abnormal)} of {len(clips[worst][1])} abnormal clips are tested: an AUC of so few "
            f"may be off by {2 * coarse[worst]:.2f}{_and_others(len(coarse))}"
        )
    rows = {unit: len(split.train) for unit, split in units.items()}
    fewest = min(rows, key=lambda unit: rows[unit])
    above = 1 - computation["threshold_percentile"] / 100
    beyond = [unit for unit in rows if rows[unit] * above < 1]
    if beyond and above > 0:
        yield (
            f"{where}: {rows[fewest]} clips train the detectors of SNR {fewest[0]}, ID {fewest[1]}, so that the "
            f"{computation['threshold_percentile']:g}th percentile of their scores, the threshold, is the largest of "
            f"them; {math.ceil(1 / above - 1e-9)} are needed{_and_others(len(beyond))}"
        )
    whitened = {name: count for name, count in computation["whitened_columns"].items() if count > rows[fewest]}
    if whitened:
        names = ", ".join(whitened)
        yield (
            f"{where}: {rows[fewest]} clips of SNR {fewest[0]}, ID {fewest[1]}, are fewer than the "
            f"{max(whitened.values())} columns that {names} whitens"
        )


def _and_others(count: int) -> str:
    return f" ({count - 1} others are like it)" if count > 1 else ""


def auc_error(n_normal: int, n_abnormal: int) -> float:
    """Standard error of an AUC of 0.5; 0 where there is none.

    Examples
    --------
    >>> round(auc_error(2, 10), 2)
    0.23
    """
    pairs = n_normal * n_abnormal
    return math.sqrt((n_normal + n_abnormal + 1) / (12 * pairs)) if pairs else 0.0


# ------------------------------------------------------------------------------------------------------------- report


def report(
    inspection: Inspection,
    problems: Sequence[str],
    few: Sequence[str],
    unused: Sequence[str],
    remarks: Sequence[str] = (),
    skip: bool = False,
) -> str:
    """What was found, for people to read, fit for a terminal.

    Parameters
    ----------
    problems
        What is wrong with the folders, in sentences.
    few
        What there are too few clips for.
    unused
        Audio files that belong to no folder.
    remarks
        What was odd when recordings were listed.
    skip
        Whether what can't be used is left out.
    """
    header = ("machine", "SNR", "ID", "kind", "clips", "h:mm:ss", "seconds", "rate in Hz", "channels", "level in dB")
    lines = [header, *(_line(folder, seen) for folder, seen in inspection.seen.items() if seen)]
    if all(one.level is None for seen in inspection.seen.values() for one in seen):
        lines = [line[:-1] for line in lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = [
        "  ".join(
            text.rjust(width) if column > 3 else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    every = [one for seen in inspection.seen.values() for one in seen]
    total = _hours(sum(one.duration for one in every))
    blocks = ["\n".join(table), f"{sum(one.clips for one in every)} clips that can be used, {total} h in all"]
    left = f"{_count(len(unused), 'audio file')} that no key of the configuration takes: {some(unused, 5)}"
    suspicious = (
        ("Wrong", problems),
        ("Left out, since dataset.on_bad_clip is skip" if skip else "Can't be used", inspection.unusable),
        ("Worth a look", [*remarks, *inspection.remarks, *([left] if unused else [])]),
    )
    nothing = ("Nothing suspicious.", ())
    for title, sentences in (*suspicious, nothing, ("Few clips", few)):
        if title == nothing[0] and not any(sentences for _, sentences in suspicious):
            blocks.append(title)
        if sentences:
            shown = [f"  - {in_one_line(sentence)}" for sentence in sentences[:_SHOWN]]
            more = [f"  and {len(sentences) - _SHOWN} more"] if len(sentences) > _SHOWN else []
            blocks.append("\n".join([f"{title} ({len(sentences)}):", *shown, *more]))
    return for_terminal("\n\n".join(blocks))


def failure(problems: int, unusable: int, skip: bool = False) -> str | None:
    """What a check that fails says at its end, with remedies; None if the run would take all.

    Examples
    --------
    >>> print(failure(0, 1))
    1 recording can't be used, as listed above. Replace or remove it, or set dataset.on_bad_clip: skip to leave it out.
    """
    if skip:
        unusable = 0
    counts = [_count(problems, "problem")] if problems else []
    counts += [f"{_count(unusable, 'recording')} can't be used"] if unusable else []
    if not counts:
        return None
    it = "it" if unusable == 1 else "them"
    remedies = ["Mend the configuration or the folders."] if problems else []
    if unusable:
        remedies.append(f"Replace or remove {it}, or set dataset.on_bad_clip: skip to leave {it} out.")
    return f"{', '.join(counts)}, as listed above. {' '.join(remedies)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _line(folder: Folder, seen: Sequence[Seen]) -> tuple[str, ...]:
    durations = [one.duration for one in seen]
    low, high = f"{min(durations):.2f}", f"{max(durations):.2f}"
    levels = [one.level for one in seen if one.level is not None]
    return (
        *(in_one_line(text) for text in (folder.machine, folder.snr, folder.machine_id, folder.kind)),
        str(sum(one.clips for one in seen)),
        _hours(sum(durations)),
        low if low == high else f"{low}-{high}",
        "/".join(map(str, sorted({one.sample_rate for one in seen}))),
        "/".join(map(str, sorted({one.channels for one in seen}))),
        f"{np.median(levels):.1f}" if levels else "",
    )
