"""From a folder of recordings to its feature cache; a changed folder costs only its changed clips.

Several processes share the clips where several cores are granted.  Threads would wait for each other: a clip is
hundreds of calls of NumPy that take some microseconds each, and only inside of them does Python let others run.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import UserError
from ..recordings import audio
from .acoustic import clip_features
from .caches import ClipRecord, Features, checksum, read_clip_list, read_features, write_cache, write_rows
from .columns import N_FEATURES

logger = logging.getLogger(__name__)

OnBadClip = Literal["error", "skip"]

_MESSAGES_SHOWN = 20
_CLIPS_WORTH_A_PROCESS = 8
_SHARES = 10  # that a process takes from the queue, one after the other, so that all end at about the same time
_PR_SET_PDEATHSIG = 1


def _reusable_rows(
    array_path: Path, list_path: Path, extraction: str
) -> dict[tuple[str, str, str], tuple[ClipRecord, Features]]:
    """Rows of an earlier cache by (file, size, modified_ns); none if array and list do not belong together."""
    if not (array_path.exists() and list_path.exists()):
        return {}
    try:
        features, clips = read_features(array_path, allow_empty=True), read_clip_list(list_path)
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


@dataclass(frozen=True)
class _Extracted:
    """Features of one recording, float32 [136], and how it was recorded: duration, sample rate and channels as text."""

    row: Features
    about: tuple[str, str, str]


def _extract_clip(path: str, channel: audio.Channel) -> _Extracted | audio.BadClipError:
    """Features of a recording, or why there are none."""
    try:
        clip = audio.read_clip(path, channel)
        row = clip_features(clip.samples)
        if not np.isfinite(row).all():
            raise audio.BadClipError(f"{path}: its features are not finite, the samples are too large")
    except audio.BadClipError as error:
        return error
    return _Extracted(row, (f"{clip.duration:g}", str(clip.sample_rate), str(clip.channels)))


def _begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it, also if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(libc := ctypes.CDLL(None), "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _shared_out(
    function: Callable[[str], _Extracted | audio.BadClipError], paths: Sequence[str], processes: int
) -> Iterator[Iterator[_Extracted | audio.BadClipError]]:
    """Yield an iterator over the results of `function` in the order of `paths`.

    Raises
    ------
    UserError
        If a process was killed.
    """
    processes = min(processes, -(-len(paths) // _CLIPS_WORTH_A_PROCESS))
    if processes <= 1:
        yield map(function, paths)
        return
    # imported here, for most jobs have one core
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # forked, since a fresh interpreter takes longer to import NumPy than a hundred clips
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin_worker) as pool:
        try:
            yield pool.map(function, paths, chunksize=-(-len(paths) // (processes * _SHARES)))
        except BrokenProcessPool:
            raise UserError(
                f"one of {processes} processes that read recordings was killed, perhaps for want of memory. Run again "
                "with more of it, or with fewer processes: --set-threads extract_features=1"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def extract_cache(
    files: Sequence[str],
    root: str,
    array_path: str | os.PathLike[str],
    list_path: str | os.PathLike[str],
    skipped_path: str | os.PathLike[str],
    channel: audio.Channel,
    on_bad_clip: OnBadClip,
    extraction: str,
    processes: int = 1,
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
        See `asd.recordings.audio.read_clip`.
    on_bad_clip
        ``"error"`` to stop and name the broken recordings; ``"skip"`` to leave them out and list them.
    extraction
        Hash of all that the features depend on but the recording: code and settings.
    processes
        That read clips at the same time.  The result does not depend on it.

    Raises
    ------
    UserError
        If a recording is broken and `on_bad_clip` is ``"error"``, or if no good one is left.
    """
    names = [os.path.relpath(path, root) for path in files]
    # before reading: if a file changes meanwhile, it does not match next time and is read again
    states = [_state(path) for path in files]
    earlier = _reusable_rows(Path(array_path), Path(list_path), extraction)
    reused = {name for name, state in zip(names, states, strict=True) if (name, *state) in earlier}
    to_read = [path for path, name in zip(files, names, strict=True) if name not in reused]

    features = np.empty((len(files), N_FEATURES), np.float32)
    clips: list[ClipRecord] = []
    problems: list[tuple[str, str]] = []
    with _shared_out(partial(_extract_clip, channel=channel), to_read, processes) as results:
        for number, (name, state) in enumerate(zip(names, states, strict=True), start=1):
            if name in reused:
                clip, row = earlier[name, *state]
            else:
                result = next(results)
                if isinstance(result, audio.BadClipError):
                    problems.append((name, str(result)))
                    continue
                row = result.row
                clip = ClipRecord(name, *result.about, *state, extraction, checksum(row))
            features[len(clips)] = row
            clips.append(clip)
            if number % 100 == 0:
                logger.info("%d of %d clips", number, len(files))
    messages = [message for _, message in problems]
    if problems and (on_bad_clip == "error" or not clips):
        raise UserError(_bad_clips_message(messages, len(files), can_skip=bool(clips)))
    for message in messages:
        logger.warning("skipped: %s", message)
    write_cache(array_path, list_path, features[: len(clips)], clips, allow_empty=not files)
    write_rows(skipped_path, ("file", "reason"), problems)
    computed = len(clips) - len(reused)
    logger.info("%d clips: %d computed, %d taken over, %d skipped", len(files), computed, len(reused), len(problems))


def _state(path: str) -> tuple[str, str]:
    """Size and modification time of a file as the clip list has them; empty if there is no such file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return "", ""
    return str(status.st_size), str(status.st_mtime_ns)


def _bad_clips_message(messages: Sequence[str], total: int, can_skip: bool) -> str:
    listed = "\n".join(f"  {message}" for message in messages[:_MESSAGES_SHOWN])
    more = f"\n  and {len(messages) - _MESSAGES_SHOWN} more" if len(messages) > _MESSAGES_SHOWN else ""
    remedy = "Replace or remove them, or set dataset.on_bad_clip: skip to leave them out and list them."
    if not can_skip:
        remedy = "No usable recording is left in this folder."
    return f"{len(messages)} of {total} recordings can't be used:\n{listed}{more}\n{remedy}"
