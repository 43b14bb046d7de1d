"""Recordings: reading them as one mono signal, and telling a broken one from a good one.

Decoding is soundfile's (libsndfile), resampling is soxr's, which is also what librosa uses.  Before libsndfile sees a
file, `asd.recordings.headers` has read its header, and both must have understood the same.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import UserError
from . import headers

SAMPLE_RATE = 16_000
"""Sample rate, in Hz, at which features are computed."""

FRAME_LENGTH = 400
"""Samples of one analysis frame (25 ms): a shorter clip has no whole frame."""

LONGEST = 2**27
"""Most samples per channel, as recorded and at `SAMPLE_RATE`: 46 minutes at 48 kHz, 2 hours and 20 minutes at 16 kHz.

With it, reading takes 1 GB of memory at most (measured: 0.8), whatever a header claims.
"""

MOST_CHANNELS = 1024
"""Most channels of a recording; libsndfile takes no more either."""

LOWEST_RATE, HIGHEST_RATE = 1000, 10_000_000
"""Range of the sample rate, in Hz.  With a lower one, from a damaged header, a clip would grow a thousandfold."""

Channel = int | Literal["mean"]

_ROUNDING = 1e-6  # relative; less is what adding up channels leaves of a constant signal
_FULL_SCALE = 32_768.0  # of 16-bit samples
_SAMPLES_AT_ONCE = 16_384  # of all channels; what is worked on stays in the CPU's cache
_VALUES_AT_ONCE = 2**22  # samples times channels that are decoded at once; 30 s of MIMII's eight channels are fewer
_UNKNOWN_LENGTH = 2**62  # libsndfile gives larger numbers of samples for streams of unknown length


class BadClipError(UserError):
    """A recording that can't be used.  The message names the file and says why."""


@dataclass(frozen=True)
class Header:
    """How a recording is stored.

    Attributes
    ----------
    sample_rate
        Hz.
    channels
        Number of channels.
    frames
        Samples per channel.
    encoding
        Of a sample, in libsndfile's words: ``"PCM_16"``, ``"FLOAT"``, ...
    """

    sample_rate: int
    channels: int
    frames: int
    encoding: str

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.sample_rate


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


def read_clip_header(path: str | os.PathLike[str], channel: Channel = "mean") -> Header:
    """Read how a recording is stored, without decoding it.

    Parameters
    ----------
    path, channel
        See `read_clip`.

    Raises
    ------
    BadClipError
        As `read_clip` does, for all that can be known without the samples.
    """
    name = os.fspath(path)
    _file_state(name)
    with _opened(name) as (_, header, _):
        _check_limits(name, header, channel)
        samples = header.frames * SAMPLE_RATE / header.sample_rate
        uncertain = header.sample_rate != SAMPLE_RATE  # the resampler rounds up or down
        if samples + uncertain < FRAME_LENGTH:
            raise _too_short(name, int(samples))
        return header


def read_clip(path: str | os.PathLike[str], channel: Channel = "mean") -> Clip:
    """Read a recording, mix or pick its channels, and resample it to `SAMPLE_RATE` where needed.

    Memory is bounded by what the file contains, and by `LONGEST`.

    Parameters
    ----------
    path
        Any format with a header that libsndfile reads, any number of channels up to `MOST_CHANNELS`.
    channel
        ``"mean"`` for the mean over all channels, or one channel's number, from 0.

    Raises
    ------
    BadClipError
        If the file is missing, not a regular file, empty, no audio, truncated or damaged as far as its format lets it
        be known (see `.headers`; FLAC is compared with the MD5 of its samples), silent or constant, has NaN or
        infinite samples, more than `LONGEST` samples, a sample rate outside of `LOWEST_RATE` to `HIGHEST_RATE`, not the
        channel asked for, is shorter than one frame of 25 ms, or changes while it is read.
    """
    name = os.fspath(path)
    before = _file_state(name)
    try:
        clip = _read(name, channel)
    except BadClipError:
        _check_unchanged(name, before)  # if it was changed, that is the reason
        raise
    _check_unchanged(name, before)
    return clip


def _file_state(path: str) -> tuple[int, int]:
    """Size and time of the last modification.

    Raises
    ------
    BadClipError
        If it isn't a regular file: to open a pipe would wait for somebody to write to it.
    """
    with _os_errors_named(path):
        status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise BadClipError(f"{path}: is a folder, not a recording")
    if not stat.S_ISREG(status.st_mode):
        raise BadClipError(f"{path}: is not a regular file but a pipe, socket or device")
    if status.st_size == 0:
        raise BadClipError(f"{path}: the file is empty (0 bytes)")
    return status.st_size, status.st_mtime_ns


def _check_unchanged(path: str, before: tuple[int, int]) -> None:
    try:
        status = os.stat(path)
    except OSError as error:
        raise BadClipError(f"{path}: disappeared while it was read ({error.strerror}); run again") from None
    if (status.st_size, status.st_mtime_ns) != before:
        raise BadClipError(f"{path}: was changed while it was read; run again once nothing writes to it")


@contextmanager
def _os_errors_named(path: str) -> Iterator[None]:
    """Turn what the operating system or libsndfile complain about into a `BadClipError`."""
    try:
        yield
    except FileNotFoundError:
        raise BadClipError(f"{path}: no such file") from None
    except PermissionError:
        raise BadClipError(f"{path}: no permission to read the file") from None
    except OSError as error:
        raise BadClipError(f"{path}: can't be opened or read ({error.strerror})") from None
    except headers.DeclaredFormatError as error:
        raise BadClipError(f"{path}: {error}") from None
    except soundfile.LibsndfileError as error:
        raise BadClipError(f"{path}: not readable as audio ({error.error_string})") from None
    except MemoryError:
        raise BadClipError(f"{path}: there is not enough memory to read it") from None
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise BadClipError(f"{path}: not readable as audio ({error})") from None


@contextmanager
def _opened(path: str) -> Iterator[tuple[soundfile.SoundFile, Header, headers.DeclaredFormat]]:
    """Open a recording, and make sure that libsndfile takes its header for what it says.

    libsndfile gets a descriptor instead of the name, for it goes by the extension where it doesn't know the content: it
    takes a damaged ``.au`` for samples without a header.
    """
    with _os_errors_named(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            declared = headers.declared_format(descriptor, os.fstat(descriptor).st_size)
            with soundfile.SoundFile(descriptor, closefd=False) as file:
                header = Header(file.samplerate, file.channels, file.frames, file.subtype)
                _check_agreement(path, header, declared)
                yield file, header, declared
        finally:
            os.close(descriptor)


def _check_agreement(path: str, header: Header, declared: headers.DeclaredFormat) -> None:
    """Compare what libsndfile understood with what the header declares."""
    for what, found, stated in (
        ("Hz", header.sample_rate, declared.sample_rate),
        ("channels", header.channels, declared.channels),
        ("samples", header.frames, declared.frames),
        ("as encoding", header.encoding, declared.encoding),
    ):
        if stated is not None and found != stated:
            raise BadClipError(
                f"{path}: its header says {stated} {what}, but libsndfile finds {found}; the file is damaged, or has "
                "to be converted, for instance to WAV"
            )


def _check_limits(path: str, header: Header, channel: Channel) -> None:
    rate, channels, frames = header.sample_rate, header.channels, header.frames
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise BadClipError(f"{path}: a sample rate of {rate} Hz, {LOWEST_RATE} to {HIGHEST_RATE} Hz can be used")
    if not 0 < channels <= MOST_CHANNELS:
        raise BadClipError(f"{path}: {channels} channels, 1 to {MOST_CHANNELS} can be used")
    if channel != "mean" and not 0 <= channel < channels:
        raise BadClipError(
            f"{path}: has {channels} channel(s), numbered from 0, but dataset.channel asks for number {channel}"
        )
    if frames < 0 or frames >= _UNKNOWN_LENGTH:
        raise BadClipError(f"{path}: its header doesn't say how long it is; convert it, for instance to WAV")
    if max(frames, frames * SAMPLE_RATE / rate) > LONGEST:
        raise BadClipError(
            f"{path}: {header.duration / 60:.0f} minutes at {rate} Hz are too long, at most {LONGEST} samples can be "
            f"used, as recorded and at {SAMPLE_RATE} Hz; cut it into clips"
        )


def _too_short(path: str, length: int) -> BadClipError:
    return BadClipError(f"{path}: {length} samples at {SAMPLE_RATE} Hz are shorter than one frame ({FRAME_LENGTH})")


def _read(path: str, channel: Channel) -> Clip:
    """`read_clip` of a file that does not change."""
    with _opened(path) as (file, header, declared):
        _check_limits(path, header, channel)
        samples = _mono(path, file, header, declared, channel)
    if len(samples):
        low, high = float(samples.min()), float(samples.max())  # both are NaN if any sample is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise BadClipError(f"{path}: contains NaN or infinite samples")
        if high - low <= _ROUNDING * max(abs(low), abs(high)):
            raise BadClipError(f"{path}: silent, every sample is {samples[0]:g}")
    if header.sample_rate != SAMPLE_RATE and len(samples):
        import soxr

        with _os_errors_named(path):
            samples = soxr.resample(samples, header.sample_rate, SAMPLE_RATE)
    if len(samples) < FRAME_LENGTH:
        raise _too_short(path, len(samples))
    return Clip(np.ascontiguousarray(samples, np.float32), header.duration, header.sample_rate, header.channels)


def _mono(
    path: str, file: soundfile.SoundFile, header: Header, declared: headers.DeclaredFormat, channel: Channel
) -> NDArray[np.float32]:
    """Decode a recording to float32 [samples] at its own rate: in one piece, or in blocks if it is long."""
    # 16-bit samples as they are: libsndfile takes ten times as long to make floats of them
    kind = "int16" if header.encoding == "PCM_16" else "float32"
    # the mean of whole blocks of rows is rounded in the same way wherever a recording is divided
    at_once = max(1, _VALUES_AT_ONCE // header.channels // _SAMPLES_AT_ONCE) * _SAMPLES_AT_ONCE
    digest = hashlib.md5(usedforsecurity=False) if declared.md5 else None
    samples = np.empty(0, np.float32)
    done = 0
    while done < header.frames:
        wanted = min(at_once, header.frames - done)
        data = file.read(wanted, kind, always_2d=True)
        if len(data) < wanted:
            raise BadClipError(f"{path}: truncated, {done + len(data)} of {header.frames} samples could be read")
        if done == 0 and header.encoding == "PCM_32" and _are_floats(data):
            raise BadClipError(f"{path}: its header is damaged, the samples are floating-point numbers, not integers")
        if digest is not None:
            for start in range(0, wanted, _SAMPLES_AT_ONCE):
                digest.update(_flac_bytes(data[start : start + _SAMPLES_AT_ONCE], declared.bits or 16).data)
        mono = _mean_over_channels(data if channel == "mean" else data[:, channel : channel + 1])
        if wanted == header.frames:
            samples = mono
        else:
            if done == 0:  # not earlier: now it is clear that the file has more than a header
                samples = np.empty(header.frames, np.float32)
            samples[done : done + wanted] = mono
        done += wanted
    if declared.bits is not None and not _flac_is_whole(file, digest, declared.md5):
        raise BadClipError(f"{path}: damaged, the samples are not those that were recorded (FLAC check sum)")
    return samples


def _are_floats(data: NDArray[np.floating]) -> bool:
    """Whether 32-bit integers, here in [-1, 1), are in truth floating-point numbers, for one bit tells them apart.

    The bits of 1e-9 to 1 make an integer of 0.37 to 0.5 of full scale, those of -1 to -1e-9 one of -0.5 to -0.63.  No
    sound jumps from the one to the other.
    """
    usual = np.abs(np.abs(data) - 0.5) < 0.13
    return bool(data.min(initial=0) < 0 < data.max(initial=0) and np.mean(usual | (data == 0)) > 0.99)


def _flac_bytes(data: NDArray[np.int16] | NDArray[np.float32], bits: int) -> NDArray[np.int16] | NDArray[np.uint8]:
    """The bytes that FLAC's check sum is of: samples [samples, channels] as little-endian integers."""
    if data.dtype == np.int16:
        return data.astype("<i2", copy=False)
    integers = (data * np.float32(2 ** (bits - 1))).astype("<i4")  # exact up to 24 bits
    every_byte = integers.view(np.uint8).reshape(-1, 4)
    used = np.empty((len(every_byte), bits // 8), np.uint8)
    for number in range(bits // 8):  # half as long as all at once, for their copies would be of three bytes each
        used[:, number] = every_byte[:, number]
    return used


def _flac_is_whole(file: soundfile.SoundFile, digest: hashlib._Hash | None, md5: bytes) -> bool:
    """Whether the samples are those that were encoded; without an MD5, whether the check sums of all frames fit.

    libFLAC puts silence in the place of a damaged frame, which libsndfile only notes in its log.
    """
    if digest is not None:
        return digest.digest() == md5
    return "STREAM_DECODER_ERROR" not in file.extra_info


def _mean_over_channels(data: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the columns of int16 or float32 [samples, channels], as float32 [samples] in [-1, 1).

    A matrix product takes a tenth of the time of ``data.mean(axis=1)``.  Sums of 16-bit samples are exact in float32
    for up to 256 channels, so the mean is rounded once, as if they had been divided by 32768 first.
    """
    channels = data.shape[1]
    full_scale = _FULL_SCALE if data.dtype == np.int16 else 1.0
    samples = np.empty(len(data), np.float32)
    weights = np.ones(channels, np.float32)
    with np.errstate(all="ignore"):  # what isn't finite is found later
        for start in range(0, len(data), _SAMPLES_AT_ONCE):
            block = data[start : start + _SAMPLES_AT_ONCE].astype(np.float32, copy=False)
            np.matmul(block, weights, out=samples[start : start + _SAMPLES_AT_ONCE])
    samples /= np.float32(channels * full_scale)
    return samples


# PLACEHOLDER until the streaming reader is merged
@dataclass(frozen=True)
class BadClip:
    start: float
    reason: str


def read_clips(recording, channel="mean", seconds=None):
    try:
        clip = read_clip(recording[0], channel)
    except BadClipError as error:
        yield BadClip(0.0, str(error))
        return
    import types

    whole = types.SimpleNamespace(
        start=0.0, samples=clip.samples, duration=clip.duration, sample_rate=clip.sample_rate, channels=clip.channels
    )
    if seconds is None:
        yield whole
        return
    n = round(seconds * SAMPLE_RATE)
    for k in range(len(clip.samples) // n):
        yield types.SimpleNamespace(
            start=k * seconds,
            samples=clip.samples[k * n : (k + 1) * n],
            duration=seconds,
            sample_rate=clip.sample_rate,
            channels=clip.channels,
        )
