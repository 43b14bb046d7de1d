"""Reading a clip again that a clip list names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .audio import BadClip, Channel, read_clips


def read_again(
    file: str,
    start: str,
    *,
    root: str,
    recordings: Mapping[str, Sequence[str]],
    channel: Channel,
    seconds: float | None,
) -> NDArray[np.float32] | None:
    """Samples of a clip, float32 [samples] at 16 kHz; None where its recording can't be read any more.

    Parameters
    ----------
    file, start
        As in the clip list: path under `root`, and where the clip begins, in seconds, or nothing.
    recordings
        The files of recordings that have one for each channel, by the name in the list.
    channel, seconds
        See `asd.recordings.audio.read_clips`.
    """
    begins = float(start) if start else 0.0
    for clip in read_clips(recordings.get(file, [os.path.join(root, file)]), channel, seconds):
        if isinstance(clip, BadClip):
            if clip.start is None:
                return None
        elif abs(clip.start - begins) < 1e-6 * (1 + begins):
            return clip.samples
    return None
