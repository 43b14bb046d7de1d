"""Reading a clip again that a clip list names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from .audio import BadClip, Channel, Clip, read_clip, read_clips


def files_of_clip(file: str, root: str, recordings: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The files of the recording that a clip is, or was cut from.

    Parameters
    ----------
    file
        As in the clip list: path under `root`.
    recordings
        The files of recordings that have one for each channel, by the name in the list.
    """
    return tuple(recordings.get(file) or (os.path.join(root, file),))


def read_again(files: Sequence[str], start: str, channel: Channel, seconds: float | None) -> Clip | None:
    """A clip; None where its recording has no such clip any more.

    Parameters
    ----------
    start
        As in the clip list: where it begins, in seconds; nothing where it is the whole recording.
    channel, seconds
        See `asd.recordings.audio.read_clips`.

    Raises
    ------
    BadClipError
        If the recording can't be read.
    """
    if not start:
        return read_clip(files, channel)
    for clip in read_clips(files, channel, seconds):
        if clip.start is not None and f"{clip.start:.10g}" == start:
            return None if isinstance(clip, BadClip) else clip
    return None
