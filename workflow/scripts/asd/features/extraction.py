"""From a folder of recordings to its feature cache; a changed folder costs only its changed clips."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files.origin import Origin
from ..processes import shared_out
from ..recordings import audio
from ..recordings.layout import Recording
from ..recordings.state import content_checksum, state_of_files
from .acoustic import clip_features
from .caches import Features, checksum, empty_cache, read_features, write_cache
from .cliplist import ClipRecord, attributes_text, read_clip_list, read_skipped, write_skipped
from .columns import OF_THE_DDAE, count_columns

logger = logging.getLogger(__name__)

OnBadClip = Literal["error", "skip"]

NOT_FINITE = "its features are not finite, the samples are too large; scale them to [-1, 1]"

_MESSAGES_SHOWN = 20
_CERTAINLY_FINITE = 1e6  # features of smaller samples are; full scale is 1


@dataclass(frozen=True)
class Reading:
    """How recordings become clips.

    Attributes
    ----------
    channel
        See `asd.recordings.audio.read_clip`.
    seconds
        Of the clips that recordings are cut into; None where each is one clip.
    on_bad_clip
        ``"error"`` to stop and name the broken recordings; ``"skip"`` to leave them out and list them.
    extraction
        Hash of all that the features depend on but the recording: code and settings.
    features
        Sets of `asd.features.columns.FEATURE_SETS`.
    """

    channel: audio.Channel
    seconds: float | None
    on_bad_clip: OnBadClip
    extraction: str
    features: Sequence[str] = OF_THE_DDAE


@dataclass(frozen=True)
class _Row:
    """Features of a clip, float32 [columns], and its line in the clip list; the checksum is added when it is written.

    `notes` are those of `asd.recordings.audio.Clip`.
    """

    features: Features
    clip: ClipRecord
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Problem:
    """A recording, or a clip of it, that can't be used, as a clip list would have it, and why."""

    clip: ClipRecord
    reason: str


class _Earlier:
    """Rows of an earlier cache, by the recording they are of; none if array and list do not belong together.

    A recording of which clips were left out is not among them: it has to be said again why.
    """

    def __init__(self, array_path: Path, list_path: Path, skipped_path: Path, extraction: str) -> None:
        self._by_date: dict[tuple[str, str, str], list[_Row]] = {}
        self._by_content: dict[tuple[str, str], list[_Row]] = {}
        self._sizes: set[str] = set()
        if not (array_path.exists() and list_path.exists()):
            return
        try:
            features, clips = read_features(array_path, allow_empty=True), read_clip_list(list_path)
            incomplete = {line["file"] for line in read_skipped(skipped_path)}
        except UserError as error:
            logger.warning("the earlier cache is not used: %s", error)
            return
        if len(features) != len(clips):
            logger.warning("the earlier cache is not used: %d rows, but %d clips listed", len(features), len(clips))
            return
        by_file: dict[str, list[_Row]] = {}
        for clip, row in zip(clips, features, strict=True):
            if clip.extraction == extraction and clip.checksum == checksum(row) and clip.file not in incomplete:
                by_file.setdefault(clip.file, []).append(_Row(row, clip))
        counts = Counter(clip.file for clip in clips)
        for file, rows in by_file.items():
            clip = rows[0].clip
            if len(rows) == counts[file]:  # of a recording in several clips, all are whole
                self._by_date[file, clip.size, clip.modified_ns] = rows
                self._by_content[clip.size, clip.content] = rows
                self._sizes.add(clip.size)

    def find(self, name: str, files: Sequence[str], size: str, modified_ns: str) -> list[_Row] | None:
        """Rows of a recording, also if it was only touched, moved or renamed."""
        rows = self._by_date.get((name, size, modified_ns))
        if rows is None and size in self._sizes:
            rows = self._by_content.get((size, content_checksum(files)))
        return rows


def _extract(named: tuple[Recording, str], reading: Reading) -> list[_Row | _Problem]:
    """Features of the clips of a recording, here with its name in the lists, or why there are none."""
    recording, name = named
    size, modified_ns = state_of_files(recording.files)
    about = ClipRecord(
        name,
        condition=recording.condition,
        split=recording.split,
        attributes=attributes_text(recording.attributes),
        size=size,
        modified_ns=modified_ns,
        extraction=reading.extraction,
    )
    rows: list[_Row | _Problem] = []
    for clip in audio.read_clips(recording.files, reading.channel, reading.seconds):
        start = "" if reading.seconds is None or clip.start is None else f"{clip.start:.10g}"
        if isinstance(clip, audio.BadClip):
            rows = [] if clip.start is None else rows
            rows.append(_Problem(about._replace(start=start), clip.reason))
            continue
        features = clip_features(clip.samples, reading.features)
        if not np.isfinite(features).all():
            rows.append(_Problem(about._replace(start=start), f"{recording.file}: {NOT_FINITE}"))
            continue
        line = about._replace(
            start=start,
            duration=f"{clip.duration:g}",
            sample_rate=str(clip.sample_rate),
            channels=str(clip.channels),
        )
        rows.append(_Row(features, line, clip.notes))
    try:
        content = content_checksum(recording.files)
    except OSError:  # it has gone meanwhile, and the next run will see that
        content = ""
    return [replace(row, clip=row.clip._replace(content=content)) for row in rows]


Result = list[_Row | _Problem]


def features_problem(samples: NDArray[np.float32]) -> str | None:
    """Why a clip, float32 [samples], that could be read has no features, or None.

    Features are computed only where they may fail, so that this takes next to no time.  Where the published ones are
    finite, so are all.
    """
    if np.abs(samples).max(initial=0) < _CERTAINLY_FINITE:
        return None
    with np.errstate(all="ignore"):
        return None if np.isfinite(clip_features(samples)).all() else NOT_FINITE


def extract_cache(
    recordings: Sequence[Recording],
    root: str,
    array_path: str | os.PathLike[str],
    list_path: str | os.PathLike[str],
    skipped_path: str | os.PathLike[str],
    reading: Reading,
    state: str = "",
    left_out: Mapping[str, str] | None = None,
    processes: int = 1,
    origin: Origin | None = None,
) -> None:
    """Compute the features of recordings and write cache, clip list and list of skipped clips.

    If the outputs exist already, rows are taken over from them for recordings whose content is unchanged and that were
    computed with the same `Reading.extraction`; only the others are read.

    Parameters
    ----------
    recordings
        In the order of the rows.
    root
        Left out of the names in the lists.
    state
        What the plan calls these recordings (`asd.plan.changes`), to be found again in the clip list.
    left_out
        Paths that were found in the place of recordings, and why they are none; they are listed as skipped.
    processes
        That read clips at the same time.  The result does not depend on it.
    origin
        Whose the recordings are.

    Raises
    ------
    UserError
        If a recording is broken and `Reading.on_bad_clip` is ``"error"``, or if no good one is left.
    """
    names = [os.path.relpath(recording.file, root) for recording in recordings]
    # before reading: if a file changes meanwhile, it does not match next time and is read again
    states = [state_of_files(recording.files) for recording in recordings]
    earlier = _Earlier(Path(array_path), Path(list_path), Path(skipped_path), reading.extraction)
    known = [
        earlier.find(name, recording.files, *of) for name, recording, of in zip(names, recordings, states, strict=True)
    ]
    to_read = [pair for pair, rows in zip(zip(recordings, names, strict=True), known, strict=True) if rows is None]
    rows: list[_Row] = []
    problems: list[_Problem] = []
    with shared_out(partial(_extract, reading=reading), to_read, processes) as results:
        for number, (recording, name, of, found) in enumerate(zip(recordings, names, states, known, strict=True), 1):
            result = next(results) if found is None else _renewed(found, recording, name, *of)
            rows += [row for row in result if isinstance(row, _Row)]
            problems += [row for row in result if isinstance(row, _Problem)]
            if number % 100 == 0:
                logger.info("%d of %d recordings", number, len(recordings))
    for note, files in audio.by_note((row.clip.file, row.notes) for row in rows).items():
        logger.info("%d recordings, such as %s: %s", len(files), files[0], note)
    messages = [problem.reason for problem in problems]
    if problems and (reading.on_bad_clip == "error" or not rows):
        raise UserError(_bad_clips_message(messages, len(rows) + len(problems), can_skip=bool(rows)))
    for message in messages:
        logger.warning("skipped: %s", message)
    nothing = empty_cache(count_columns(reading.features)).features
    features = np.stack([row.features for row in rows]) if rows else nothing
    clips = [row.clip._replace(recordings=state) for row in rows]
    write_cache(array_path, list_path, features, clips, origin=origin, allow_empty=not recordings)
    skipped = ((one.clip.file, one.reason, one.clip.size, one.clip.modified_ns, one.clip.content) for one in problems)
    odd = ((os.path.relpath(path, root), reason, "", "", "") for path, reason in (left_out or {}).items())
    write_skipped(skipped_path, [*skipped, *odd])
    taken_over = sum(len(found) for found in known if found is not None)
    logger.info(
        "%d recordings, %d clips: %d computed, %d taken over, %d skipped",
        *(len(recordings), len(rows), len(rows) - taken_over, taken_over, len(problems)),
    )


def _renewed(rows: Sequence[_Row], recording: Recording, name: str, size: str, modified_ns: str) -> Result:
    """Rows of an earlier cache with what is now known of their recording."""
    about = {
        "file": name,
        "condition": recording.condition,
        "split": recording.split,
        "attributes": attributes_text(recording.attributes),
        "size": size,
        "modified_ns": modified_ns,
    }
    return [_Row(row.features, row.clip._replace(**about)) for row in rows]


def _bad_clips_message(messages: Sequence[str], total: int, can_skip: bool) -> str:
    listed = "\n".join(f"  {message}" for message in messages[:_MESSAGES_SHOWN])
    more = f"\n  and {len(messages) - _MESSAGES_SHOWN} more" if len(messages) > _MESSAGES_SHOWN else ""
    remedy = (
        "Replace or remove them, or set dataset.on_bad_clip: skip to leave them out and list them. `snakemake check` "
        "lists those of all folders."
    )
    if not can_skip:
        remedy = "No usable recording is left in this folder."
    return f"{len(messages)} of {total} recordings can't be used:\n{listed}{more}\n{remedy}"
