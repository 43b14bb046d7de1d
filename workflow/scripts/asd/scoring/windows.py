"""From a recording to the features of its windows, each as long as the clips that trained a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features.acoustic import clip_features
from ..models.metadata import Metadata
from ..recordings.audio import SAMPLE_RATE, BadClip, Clip, Header, read_clips

_SAME = 0.05  # share of the length by which a recording may differ and still be one window
_NOTHING = np.empty(0, np.float32)

_OF_A_CONFIGURATION = (
    (r"but dataset\.channel asks for number (\d+)", r"but the model was trained on number \1"),
    (r"; if its channels cancel each other, take one: dataset\.channel: 0", ""),
    (r"; cut it into clips \(dataset\.clip_seconds\)", "; cut it into shorter ones"),
    (r" \(dataset\.clip_seconds\)", ""),
    (r"pip install -r requirements\.txt", "pip install av"),
)
"""Words about keys of a configuration, which there is none of here, and what stands in their place."""


@dataclass(frozen=True)
class Window:
    """A part of a recording.

    Attributes
    ----------
    start, end
        Seconds.
    samples
        float32 [samples] at 16 kHz; none if they were not to be kept.
    features
        float32 [columns].
    """

    start: float
    end: float
    samples: NDArray[np.float32]
    features: NDArray[np.float32]


@dataclass(frozen=True)
class NoWindow:
    """A part of a recording that can't be scored, all of it if `start` and `end` are 0, and why."""

    start: float
    end: float
    reason: str


@dataclass(frozen=True)
class Recorded:
    """The windows of a recording.

    Attributes
    ----------
    remarks
        In what the recording differs from those that trained the model, a sentence each.
    """

    windows: list[Window | NoWindow]
    remarks: tuple[str, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether all of it could not be read."""
        first = self.windows[0]
        return isinstance(first, NoWindow) and first.end == 0


def read_windows(file: str, about: Metadata, *, keep_samples: bool = True) -> Recorded:
    """Read a recording as the model's training clips were read, in windows of their length where it is longer.

    Each window is read and resampled as if it were a recording.  The last one ends where the recording does, so that it
    may overlap the one before.  A shorter recording is one window, with a remark.

    Parameters
    ----------
    keep_samples
        Without, a recording of any length takes little memory.
    """
    headers: list[Header] = []

    def length(header: Header) -> float | None:
        headers.append(header)
        seconds = about.seconds
        return None if seconds is None or header.duration <= (1 + _SAME) * seconds else seconds

    windows: list[Window | NoWindow] = []
    try:
        for part in read_clips(file, about.channel, length, to_the_end=True):
            if isinstance(part, Clip):
                windows.append(_window(file, part, about, keep_samples))
            elif part.start is None:
                return _unreadable(part)
            else:
                end = part.start + (about.seconds or 0.0)
                windows.append(NoWindow(part.start, end, _without_configuration(part.reason)))
    except MemoryError:
        return Recorded([NoWindow(0.0, 0.0, f"{file}: there is not enough memory for it")])
    return Recorded(windows, tuple(_remarks(headers[0], about)))


def _unreadable(why: BadClip) -> Recorded:
    return Recorded([NoWindow(0.0, 0.0, _without_configuration(why.reason))])


def _without_configuration(message: str) -> str:
    for pattern, words in _OF_A_CONFIGURATION:
        message = re.sub(pattern, words, message)
    return message


def _window(file: str, clip: Clip, about: Metadata, keep_samples: bool) -> Window | NoWindow:
    start, end = clip.start, clip.start + clip.duration
    if clip.samples.min() == clip.samples.max():  # after resampling
        return NoWindow(start, end, f"{file}: is silent or constant from {start:g} to {end:g} s")
    with np.errstate(all="ignore"):  # what isn't finite is said
        features = clip_features(clip.samples, about.features)
    if not np.isfinite(features).all():
        return NoWindow(start, end, f"{file}: its features are not finite, the samples are too large")
    return Window(start, end, clip.samples if keep_samples else _NOTHING, features)


def _remarks(header: Header, about: Metadata) -> Iterator[str]:
    if about.seconds is not None and header.duration < (1 - _SAME) * about.seconds:
        yield (
            f"{header.duration:.3g} s, the training clips have {about.seconds:g} s: the score scatters more, and the "
            "p-value is approximate"
        )
    if about.channels is not None and header.channels != about.channels:
        yield f"{header.channels} channel(s), the training recordings have {about.channels}: another microphone?"
    rate = about.sample_rate
    if rate is not None and header.sample_rate != rate and min(rate, header.sample_rate) < SAMPLE_RATE:
        yield f"{header.sample_rate} Hz, the training recordings have {rate} Hz: bands above half of it are missing"
    elif rate is None and header.sample_rate < SAMPLE_RATE:
        yield f"{header.sample_rate} Hz: there is nothing above {header.sample_rate / 2000:g} kHz"
