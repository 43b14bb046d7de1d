"""Recordings in clips, all of them to the end: what is scored must not be left out for not filling a clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

# A module of its own, with private functions of its neighbour: a line more in there would have the features of every
# data set extracted again.
from .audio import (
    FRAME_LENGTH,
    SAMPLE_RATE,
    BadClip,
    BadClipError,
    Channel,
    Clip,
    Header,
    _check_limits,
    _check_unchanged,
    _common_header,
    _file_state,
    _mono,
    _opened_together,
    _pieces,
    _resampled,
)


def read_clips_to_the_end(
    file: str, channel: Channel, seconds_of: Callable[[Header], float | None]
) -> Iterator[Clip | BadClip]:
    """The clips of a recording, as `asd.recordings.audio.read_clips` has them, and a last one that ends where the
    recording does, and so overlaps the one before, if a frame or more is left.

    Parameters
    ----------
    seconds_of
        What says of the header how long the clips are; None takes the recording as one.

    Yields
    ------
    Clip or BadClip
        Of a recording that turns out to be broken, the last one is a `BadClip` without a start.
    """
    try:
        before = _file_state(file)
        try:
            yield from _cut(file, channel, seconds_of)
        except BadClipError:
            _check_unchanged(file, before)  # if it was changed, that is the reason
            raise
        _check_unchanged(file, before)
    except BadClipError as error:
        yield BadClip(None, str(error))


def _cut(file: str, channel: Channel, seconds_of: Callable[[Header], float | None]) -> Iterator[Clip | BadClip]:
    """The same, with what is wrong with the whole recording raised."""
    with _opened_together([file]) as opened:
        header = _common_header(opened)
        seconds = seconds_of(header)
        _check_limits(file, header, channel, seconds)
        rate = header.sample_rate
        length = header.frames if seconds is None else round(seconds * rate)

        def clip(samples: NDArray[np.float32], start: float) -> Clip | BadClip:
            try:
                resampled = _resampled(file, samples, rate, channel, header.channels)
            except BadClipError as error:
                if seconds is None:
                    raise
                return BadClip(start, f"{error} (at {start:g} s)")
            return Clip(resampled, len(samples) / rate, rate, header.channels, start)

        blocks = _Remembered(_mono(opened, header, channel), length)
        for number, samples in enumerate(_pieces(iter(blocks), length)):
            yield clip(samples, number * length / rate)
        rest = header.frames % length if length else 0
        if rest * SAMPLE_RATE >= FRAME_LENGTH * rate:
            yield clip(blocks.last(), (header.frames - length) / rate)


class _Remembered:
    """Blocks of samples, of which the last `length` samples are still known when all have been given."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]], length: int) -> None:
        self._blocks, self._length = blocks, length
        self._recent: deque[NDArray[np.float32]] = deque()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        known = 0
        for block in self._blocks:
            self._recent.append(block)
            known += len(block)
            while known - len(self._recent[0]) >= self._length:
                known -= len(self._recent.popleft())
            yield block

    def last(self) -> NDArray[np.float32]:
        """The last samples, float32 [length]."""
        return np.concatenate(self._recent)[-self._length :]
