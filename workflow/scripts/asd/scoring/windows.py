"""From a recording to the features of its windows, each as long as the clips that trained a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features.acoustic import clip_features
from ..models.metadata import Metadata
from ..recordings.audio import (
    FRAME_LENGTH,
    LONGEST,
    SAMPLE_RATE,
    BadClip,
    BadClipError,
    Header,
    read_clip,
    read_clip_header,
    read_clips,
)

_SAME = 0.05  # share of the length by which a recording may differ and still be one window


@dataclass(frozen=True)
class Window:
    """A part of a recording.

    Attributes
    ----------
    start, end
        Seconds.
    samples
        float32 [samples] at 16 kHz.
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


def read_windows(file: str, about: Metadata) -> Recorded:
    """Read a recording as the model's training clips were read, in windows of their length where it is longer.

    The last window ends where the recording does, so that it may overlap the one before.  A shorter recording is one
    window, with a remark.
    """
    try:
        header = read_clip_header(file, about.channel)
        parts = list(_parts(file, header, about))
    except BadClipError as error:
        return Recorded([NoWindow(0.0, 0.0, _without_configuration(str(error)))])
    return Recorded(parts, tuple(_remarks(header, about)))


def _without_configuration(message: str) -> str:
    """What is wrong, without the keys of a configuration that there is none of here."""
    return message.replace("dataset.channel asks for", "the model was trained on").replace(
        "; cut it into clips (dataset.clip_seconds)", "; cut it into shorter ones"
    )


def _parts(file: str, header: Header, about: Metadata) -> Iterator[Window | NoWindow]:
    seconds = about.seconds
    if seconds is None or header.duration <= (1 + _SAME) * seconds:
        clip = read_clip(file, about.channel)
        yield _window(file, clip.samples, 0.0, clip.duration, about)
    elif max(header.frames, header.duration * SAMPLE_RATE) <= LONGEST:
        clip = read_clip(file, about.channel)
        length = round(seconds * SAMPLE_RATE)
        starts = list(range(0, len(clip.samples) - length + 1, length))
        if len(clip.samples) - starts[-1] - length >= FRAME_LENGTH:
            starts.append(len(clip.samples) - length)
        for start in starts:
            samples = clip.samples[start : start + length]
            yield _window(file, samples, start / SAMPLE_RATE, (start + length) / SAMPLE_RATE, about)
    else:  # hours: as a stream, whose rest is left out
        for part in read_clips(file, about.channel, seconds):
            if isinstance(part, BadClip):
                if part.start is None:
                    raise BadClipError(part.reason)
                yield NoWindow(part.start, part.start + seconds, part.reason)
            else:
                yield _window(file, part.samples, part.start, part.start + part.duration, about)


def _window(file: str, samples: NDArray[np.float32], start: float, end: float, about: Metadata) -> Window | NoWindow:
    if len(samples) and samples.min() == samples.max():
        return NoWindow(start, end, f"{file}: is silent or constant from {start:g} to {end:g} s")
    features = clip_features(samples, about.features)
    if not np.isfinite(features).all():
        return NoWindow(start, end, f"{file}: its features are not finite, the samples are too large")
    return Window(start, end, samples, features)


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
