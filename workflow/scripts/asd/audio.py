"""Recordings: reading them as one mono signal, and telling a broken one from a good one.

Decoding is soundfile's (libsndfile), resampling is soxr's, which is also what librosa uses.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from .errors import UserError

SAMPLE_RATE = 16_000
"""Sample rate, in Hz, at which features are computed."""

FRAME_LENGTH = 400
"""Samples of one analysis frame (25 ms): a shorter clip has no whole frame."""

Channel = int | Literal["mean"]

_NO_PROMISE = 0x7FFFF000  # sizes of a data chunk from here on stand for "until the end of the stream"
_ROUNDING = 1e-6  # relative; less is what adding up channels leaves of a constant signal
_FULL_SCALE = 32_768.0  # of 16-bit samples
_SAMPLES_AT_ONCE = 16_384  # of all channels; what is worked on stays in the CPU's cache
_MIN_SAMPLE_RATE = 1000  # Hz; a damaged header with less would blow a clip up a thousandfold in resampling


class BadClipError(UserError):
    """A recording that can't be used.  The message names the file and says why."""


@dataclass(frozen=True)
class Clip:
    """One recording as a mono signal.

    Attributes
    ----------
    samples
        float32 [samples] in [-1, 1), at `SAMPLE_RATE`.
    duration
        Seconds, as recorded.
    sample_rate
        Hz, as recorded.
    channels
        Number of channels, as recorded.
    """

    samples: NDArray[np.float32]
    duration: float
    sample_rate: int
    channels: int


def _missing_wav_bytes(path: Path) -> int:
    """How many bytes of the ``data`` chunk the header of a WAV file promises and the file lacks.

    libsndfile reads such a file without complaint as far as it goes, so a recording cut off in the middle of
    a copy would pass for a shorter one.  Sizes of 0 and of 2 GiB or more are what programs write that stream to a
    pipe; they promise nothing.  Other formats than RIFF/WAVE return 0.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                return 0 if length == 0 or length >= _NO_PROMISE else max(0, position + 8 + length - size)
            position += 8 + length + length % 2
    return 0


def _mean_over_channels(data: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the columns of int16 or float32 [samples, channels], as float32 [samples] in [-1, 1).

    A matrix product takes a tenth of the time of ``data.mean(axis=1)``.  Sums of 16-bit samples are exact in float32
    for up to 256 channels, so the mean is rounded once, as if they had been divided by 32768 first.
    """
    channels = data.shape[1]
    full_scale = _FULL_SCALE if data.dtype == np.int16 else 1.0
    samples = np.empty(len(data), np.float32)
    weights = np.ones(channels, np.float32)
    for start in range(0, len(data), _SAMPLES_AT_ONCE):
        block = data[start : start + _SAMPLES_AT_ONCE].astype(np.float32, copy=False)
        np.matmul(block, weights, out=samples[start : start + _SAMPLES_AT_ONCE])
    samples /= np.float32(channels * full_scale)
    return samples


def read_clip(path: str | os.PathLike[str], channel: Channel = "mean") -> Clip:
    """Read a recording, mix or pick its channels, and resample it to `SAMPLE_RATE` where needed.

    Parameters
    ----------
    path
        Any format libsndfile reads, any number of channels.
    channel
        ``"mean"`` for the mean over all channels, or one channel's number, from 0.

    Raises
    ------
    BadClipError
        If the file is missing, empty, no audio, truncated (as far as the format lets it be known: WAV and FLAC do),
        silent or constant, has NaN or infinite samples, a sample rate below 1 kHz, not the channel asked for, or is
        shorter than one frame of 25 ms.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise BadClipError(f"{path}: the file is empty (0 bytes)")
        missing = _missing_wav_bytes(path)
        if missing:
            raise BadClipError(f"{path}: truncated, {missing} bytes of audio are missing at the end")
        with soundfile.SoundFile(path) as file:
            declared, rate, channels = file.frames, file.samplerate, file.channels
            # 16-bit samples as they are: libsndfile takes ten times as long to make floats of them
            data = file.read(dtype="int16" if file.subtype == "PCM_16" else "float32", always_2d=True)
    except FileNotFoundError:
        raise BadClipError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadClipError(f"{path}: is a folder, not a recording") from None
    except PermissionError:
        raise BadClipError(f"{path}: no permission to read the file") from None
    except OSError as error:
        raise BadClipError(f"{path}: can't be opened ({error.strerror})") from None
    except soundfile.LibsndfileError as error:
        raise BadClipError(f"{path}: not readable as audio ({error.error_string})") from None
    except (MemoryError, TypeError, ValueError) as error:
        # headerless formats (.raw), and headers that promise an absurd length
        raise BadClipError(f"{path}: not readable as audio ({error})") from None
    if rate < _MIN_SAMPLE_RATE:
        raise BadClipError(f"{path}: a sample rate of {rate} Hz, at least {_MIN_SAMPLE_RATE} Hz is needed")
    if len(data) < declared:
        raise BadClipError(f"{path}: truncated, {len(data)} of {declared} samples could be read")
    if channel == "mean":
        samples = _mean_over_channels(data)
    elif 0 <= channel < channels:
        samples = _mean_over_channels(data[:, channel : channel + 1])
    else:
        raise BadClipError(
            f"{path}: has {channels} channel(s), numbered from 0, but dataset.channel asks for number {channel}"
        )
    if len(samples):
        low, high = samples.min(), samples.max()  # both are NaN if any sample is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise BadClipError(f"{path}: contains NaN or infinite samples")
        if high - low <= _ROUNDING * max(abs(low), abs(high)):
            raise BadClipError(f"{path}: silent, every sample is {samples[0]:g}")
    if rate != SAMPLE_RATE and len(samples):
        import soxr

        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    if len(samples) < FRAME_LENGTH:
        raise BadClipError(
            f"{path}: {len(samples)} samples at {SAMPLE_RATE} Hz are shorter than one frame ({FRAME_LENGTH})"
        )
    return Clip(np.ascontiguousarray(samples, np.float32), declared / rate, rate, channels)
