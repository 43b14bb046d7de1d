"""From a folder of recordings to its feature cache; a changed folder costs only its changed clips."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from . import audio
from .caches import ClipRecord, Features, checksum, read_clip_list, read_features, write_cache, write_rows
from .columns import N_FEATURES
from .errors import UserError
from .features import clip_features

logger = logging.getLogger(__name__)

OnBadClip = Literal["error", "skip"]

_MESSAGES_SHOWN = 20


def _reusable_rows(
    array_path: Path, list_path: Path, extraction: str
) -> dict[tuple[str, str, str], tuple[ClipRecord, Features]]:
    """Rows of an earlier cache by (file, size, modified_ns); none if array and list do not belong together."""
    if not (array_path.exists() and list_path.exists()):
        return {}
    try:
        features, clips = read_features(array_path), read_clip_list(list_path)
    except UserError as error:
        logger.warning("the earlier cache is not used: %s", error)
        return {}
    if len(features) != len(clips):
        logger.warning("the earlier cache is not used: %d rows, but %d clips listed", len(features), len(clips))
        return {}
    return {
        (clip.file, clip.size, clip.modified_ns): (clip, row)
        for clip, row in zip(clips, features, strict=True)
        if clip.extraction == extraction and clip.checksum == checksum(row)
    }


def extract_cache(
    files: Sequence[str],
    root: str,
    array_path: str | os.PathLike[str],
    list_path: str | os.PathLike[str],
    skipped_path: str | os.PathLike[str],
    channel: int | Literal["mean"],
    on_bad_clip: OnBadClip,
    extraction: str,
) -> None:
    """Compute the features of `files` and write cache, clip list and list of skipped clips.

    If the outputs exist already, rows are taken over from them for files whose name, size and modification time are
    unchanged and that were computed with the same `extraction`; only the others are read.

    Parameters
    ----------
    files
        Recordings, in the order of the rows.
    root
        Left out of the names in the lists.
    channel
        See `asd.audio.read_clip`.
    on_bad_clip
        ``"error"`` to stop and name the broken recordings; ``"skip"`` to leave them out and list them.
    extraction
        Hash of all that the features depend on but the recording: code and settings.

    Raises
    ------
    UserError
        If a recording is broken and `on_bad_clip` is ``"error"``, or if no good one is left.
    """
    earlier = _reusable_rows(Path(array_path), Path(list_path), extraction)
    features = np.empty((len(files), N_FEATURES), np.float32)
    clips: list[ClipRecord] = []
    problems: list[tuple[str, str]] = []
    reused = 0
    for number, path in enumerate(files, start=1):
        name = os.path.relpath(path, root)
        try:
            # before reading: if the file changes meanwhile, it does not match next time and is read again
            status = os.stat(path)
            key = (name, str(status.st_size), str(status.st_mtime_ns))
            if key in earlier:
                clip, row = earlier[key]
                reused += 1
            else:
                read = audio.read_clip(path, channel)
                row = clip_features(read.samples)
                if not np.isfinite(row).all():
                    raise audio.BadClipError(f"{path}: its features are not finite, the samples are too large")
                about = (f"{read.duration:g}", str(read.sample_rate), str(read.channels))
                clip = ClipRecord(name, *about, *key[1:], extraction, checksum(row))
        except FileNotFoundError:
            problems.append((name, f"{path}: no such file"))
        except audio.BadClipError as error:
            problems.append((name, str(error)))
        else:
            features[len(clips)] = row
            clips.append(clip)
        if number % 100 == 0:
            logger.info("%d of %d clips", number, len(files))
    messages = [message for _, message in problems]
    if problems and (on_bad_clip == "error" or not clips):
        raise UserError(_bad_clips_message(messages, len(files), can_skip=bool(clips)))
    for message in messages:
        logger.warning("skipped: %s", message)
    write_cache(array_path, list_path, features[: len(clips)], clips)
    write_rows(skipped_path, ("file", "reason"), problems)
    logger.info(
        "%d clips: %d computed, %d taken over, %d skipped", len(files), len(clips) - reused, reused, len(problems)
    )


def _bad_clips_message(messages: Sequence[str], total: int, can_skip: bool) -> str:
    listed = "\n".join(f"  {message}" for message in messages[:_MESSAGES_SHOWN])
    more = f"\n  and {len(messages) - _MESSAGES_SHOWN} more" if len(messages) > _MESSAGES_SHOWN else ""
    remedy = "Replace or remove them, or set dataset.on_bad_clip: skip to leave them out and list them."
    if not can_skip:
        remedy = "No usable recording is left in this folder."
    return f"{len(messages)} of {total} recordings can't be used:\n{listed}{more}\n{remedy}"
