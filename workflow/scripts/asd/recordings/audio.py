"""Recordings: reading them as mono signals, and telling a broken one from a good one.

Decoding is soundfile's (libsndfile), and FFmpeg's where that has none (`asd.recordings.compressed`); resampling is
soxr's, which is also what librosa uses.  Before libsndfile sees a file, `asd.recordings.headers` has read its header,
and both must have understood the same.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import UserError
from . import compressed, headers
from .parts import FilePart

SAMPLE_RATE = 16_000
"""Sample rate, in Hz, at which features are computed."""

FRAME_LENGTH = 400
"""Samples of one analysis frame (25 ms): a shorter clip has no whole frame."""

LONGEST = 2**27
"""Most samples per channel of a clip, as recorded and at `SAMPLE_RATE`: 46 minutes at 48 kHz, 2 hours and 20 minutes at
16 kHz.  A recording that is cut into clips may be longer.

With it, reading takes 1 GB of memory at most (measured: 0.8), whatever a header claims.
"""

MOST_CHANNELS = 1024
"""Most channels of a recording; libsndfile takes no more either."""

LOWEST_RATE, HIGHEST_RATE = 1000, 10_000_000
"""Range of the sample rate, in Hz.  With a lower one, from a damaged header, a clip would grow a thousandfold."""

Channel = int | Literal["mean"]

Files = str | os.PathLike[str] | Sequence[str]
"""A recording: its file, or the files of its channels in their order."""

Seconds = float | None | Callable[["Header"], float | None]
"""How long clips are: None for a whole recording; or what says so of its header."""

_ROUNDING = 1e-6  # relative; less is what adding up channels leaves of a constant signal
_FULL_SCALE = 32_768.0  # of 16-bit samples
_SAMPLES_AT_ONCE = 16_384  # of all channels; what is worked on stays in the CPU's cache
_VALUES_AT_ONCE = 2**22  # samples times channels that are decoded at once; 30 s of MIMII's eight channels are fewer
_KNOWN_BY_NAME = (".sd2", ".sds")  # what libsndfile recognises by nothing else
_ENOUGH_SAMPLES = 400  # to tell what they are
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
    start
        Where it begins in its recording, in seconds.
    notes
        What was wrong with the header and made no difference, a sentence each.
    """

    samples: NDArray[np.float32]
    duration: float
    sample_rate: int
    channels: int
    start: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BadClip:
    """A clip that can't be used, and why.

    Attributes
    ----------
    start
        Where it begins in its recording, in seconds; None if nothing of the recording can be used, not even clips that
        came before.
    reason
        Names the file.
    """

    start: float | None
    reason: str


class _Decoder(Protocol):
    """What decodes a file: soundfile's, or one of `asd.recordings.compressed`."""

    def read(self, frames: int, dtype: str, always_2d: bool) -> NDArray[Any]:
        """The next samples, [at most `frames`, channels]."""


def read_clip_header(recording: Files, channel: Channel = "mean", seconds: float | None = None) -> Header:
    """Read how a recording is stored, without decoding it where its header says how long it is.

    Parameters
    ----------
    recording, channel, seconds
        See `read_clips`.

    Returns
    -------
    Header
        Of several files, with the channels of all of them.

    Raises
    ------
    BadClipError
        As `read_clip` does, for all that can be known without the samples.
    """
    names = _names(recording)
    for name in names:
        _file_state(name)
    with _opened_together(names) as opened:
        header = _common_header(opened)
        _check_limits(names[0], header, channel, seconds)
        samples = header.frames * SAMPLE_RATE / header.sample_rate
        uncertain = header.sample_rate != SAMPLE_RATE  # the resampler rounds up or down
        if samples + uncertain < FRAME_LENGTH:
            raise _too_short(names[0], int(samples))
        return header


def read_clip(recording: Files, channel: Channel = "mean") -> Clip:
    """Read a recording, mix or pick its channels, and resample it to `SAMPLE_RATE` where needed.

    Memory is bounded by what the file contains, and by `LONGEST`.

    Parameters
    ----------
    recording
        One file, in any format with a header that libsndfile or FFmpeg read, with any number of channels up to
        `MOST_CHANNELS`; or several of the same rate and length, whose channels are taken together.
    channel
        ``"mean"`` for the mean over all channels, or one channel's number, from 0.

    Raises
    ------
    BadClipError
        If a file is missing, not a regular file, empty, no audio, truncated or damaged as far as its format lets it be
        known (see `.headers`; FLAC is compared with the MD5 of its samples), silent or constant, has NaN or infinite
        samples, more than `LONGEST` samples, a sample rate outside of `LOWEST_RATE` to `HIGHEST_RATE`, not the channel
        asked for, is shorter than one frame of 25 ms, or changes while it is read.
    """
    (clip,) = _clips(_names(recording), channel, None)
    if isinstance(clip, BadClip):
        raise BadClipError(clip.reason)
    return clip


def read_clips(
    recording: Files, channel: Channel = "mean", seconds: Seconds = None, *, to_the_end: bool = False
) -> Iterator[Clip | BadClip]:
    """The clips of a recording, one after the other; what is wrong comes in the place of a clip.

    Parameters
    ----------
    recording, channel
        See `read_clip`.
    seconds
        Length of the clips into which the recording is cut at its own sample rate, each of which is resampled as if it
        were a recording.  None takes the recording as one clip.
    to_the_end
        Of a rest that is a frame or longer, give a last clip that ends where the recording does, and so overlaps the
        one before; else the rest is left out.

    Yields
    ------
    Clip or BadClip
        Of a recording that turns out to be broken, the last one is a `BadClip` without a start.
    """
    names = _names(recording)
    try:
        yield from _clips(names, channel, seconds, to_the_end)
    except BadClipError as error:
        yield BadClip(None, str(error))


def by_note(notes: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Files that each note is about, from those of each clip (file and notes).

    Examples
    --------
    >>> by_note([("a.wav", ["odd"]), ("a.wav", ["odd"]), ("b.wav", ["odd"])])
    {'odd': ['a.wav', 'b.wav']}
    """
    found: dict[str, dict[str, None]] = {}
    for file, of_file in notes:
        for note in of_file:
            found.setdefault(note, {})[file] = None
    return {note: list(files) for note, files in found.items()}


def _names(recording: Files) -> tuple[str, ...]:
    return (os.fspath(recording),) if isinstance(recording, str | os.PathLike) else tuple(map(os.fspath, recording))


def _clips(
    names: tuple[str, ...], channel: Channel, seconds: Seconds, to_the_end: bool = False
) -> Iterator[Clip | BadClip]:
    """`read_clips`, with what is wrong with the whole recording raised."""
    before = [_file_state(name) for name in names]
    try:
        yield from _cut(names, channel, seconds, to_the_end)
    except BadClipError:
        for name, state in zip(names, before, strict=True):
            _check_unchanged(name, state)  # if it was changed, that is the reason
        raise
    for name, state in zip(names, before, strict=True):
        _check_unchanged(name, state)


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
    except (headers.DeclaredFormatError, compressed.CompressedError) as error:
        raise BadClipError(f"{path}: {error}") from None
    except soundfile.LibsndfileError as error:
        raise BadClipError(f"{path}: not readable as audio ({error.error_string})") from None
    except MemoryError:
        raise BadClipError(f"{path}: there is not enough memory to read it") from None
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise BadClipError(f"{path}: not readable as audio ({error})") from None


@dataclass(frozen=True)
class _Opened:
    """A file that is being read."""

    path: str
    decoder: _Decoder
    header: Header
    declared: headers.DeclaredFormat


@contextmanager
def _opened(path: str) -> Iterator[_Opened]:
    """Open a recording, and make sure that libsndfile takes its header for what it says.

    libsndfile gets a descriptor instead of the name, for it goes by the extension where it doesn't know the content: it
    takes a damaged ``.au`` for samples without a header.
    """
    with _os_errors_named(path), ExitStack() as stack:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        stack.callback(os.close, descriptor)
        kind = compressed.kind_of_file(descriptor)
        declared = headers.DeclaredFormat()
        if kind is None:
            declared = headers.declared_format(descriptor, os.fstat(descriptor).st_size)
            try:
                file = stack.enter_context(_sound_file(path, descriptor, declared))
            except soundfile.LibsndfileError:
                if os.pread(descriptor, 4, 0) != b"OggS":
                    raise
                kind = "ogg"  # with FLAC or Speex in it
        if kind is not None:
            content = stack.enter_context(open(descriptor, "rb", closefd=False))
            decoder = stack.enter_context(compressed.CompressedFile(content, kind))
            header = Header(decoder.samplerate, decoder.channels, decoder.frames, decoder.subtype)
            yield _Opened(path, decoder, header, declared)
            return
        frames = file.frames if declared.counted is None else min(file.frames, declared.counted)
        header = Header(file.samplerate, file.channels, frames, file.subtype)
        _check_agreement(path, header, declared)
        yield _Opened(path, file, header, declared)


def _sound_file(path: str, descriptor: int, declared: headers.DeclaredFormat) -> soundfile.SoundFile:
    """The file for libsndfile: as it is or, where that takes a header otherwise that is wrong in what makes no
    difference, its plain samples."""
    try:
        file = soundfile.SoundFile(descriptor, closefd=False)
    except soundfile.LibsndfileError:
        if declared.plain is None:
            if os.path.splitext(path)[1].lower() in _KNOWN_BY_NAME:
                return soundfile.SoundFile(path)
            raise
    else:
        found = (file.samplerate, file.channels, file.frames, file.subtype)
        if declared.plain is None or found == (
            *(declared.sample_rate, declared.channels, declared.frames, declared.encoding),
        ):
            return file
        file.close()
    start, length, _ = declared.plain
    return soundfile.SoundFile(
        FilePart(io.FileIO(descriptor, closefd=False), start, start + length),
        format="RAW",
        samplerate=declared.sample_rate,
        channels=declared.channels,
        subtype=declared.encoding,
        endian="BIG" if declared.plain.big_endian else "LITTLE",
    )


@contextmanager
def _opened_together(names: Sequence[str]) -> Iterator[list[_Opened]]:
    """Open the files of a recording, and make sure that they belong together."""
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(name)) for name in names]
        first = opened[0]
        for other in opened[1:]:
            for what, one, two in (
                ("Hz", first.header.sample_rate, other.header.sample_rate),
                ("samples", first.header.frames, other.header.frames),
            ):
                if one != two:
                    raise BadClipError(
                        f"{other.path}: {two} {what}, but {one} in {first.path}; the channels of a recording have to "
                        "be of the same rate and length (dataset.channels_as_files)"
                    )
        yield opened


def _common_header(opened: Sequence[_Opened]) -> Header:
    return replace(opened[0].header, channels=sum(one.header.channels for one in opened))


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


def _check_limits(path: str, header: Header, channel: Channel, seconds: float | None = None) -> None:
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
    length = frames if seconds is None else round(seconds * rate)
    if length > frames:
        raise BadClipError(
            f"{path}: {header.duration:.2f} s are shorter than a clip of {seconds:g} s (dataset.clip_seconds)"
        )
    if max(length, length * SAMPLE_RATE / rate) > LONGEST:
        raise BadClipError(
            f"{path}: {length / rate / 60:.0f} minutes at {rate} Hz are too long, at most {LONGEST} samples can be "
            f"used, as recorded and at {SAMPLE_RATE} Hz; cut it into clips (dataset.clip_seconds)"
        )


def _too_short(path: str, length: int) -> BadClipError:
    return BadClipError(f"{path}: {length} samples at {SAMPLE_RATE} Hz are shorter than one frame ({FRAME_LENGTH})")


def _cut(names: tuple[str, ...], channel: Channel, seconds: Seconds, to_the_end: bool) -> Iterator[Clip | BadClip]:
    """`_clips` of files that do not change."""
    with _opened_together(names) as opened:
        header = _common_header(opened)
        seconds = seconds(header) if callable(seconds) else seconds
        _check_limits(names[0], header, channel, seconds)
        rate = header.sample_rate
        length = header.frames if seconds is None else round(seconds * rate)
        notes = tuple(dict.fromkeys(note for one in opened for note in one.declared.notes))

        def clip(samples: NDArray[np.float32], start: float) -> Clip | BadClip:
            try:
                resampled = _resampled(names[0], samples, rate, channel, header.channels)
            except BadClipError as error:
                if seconds is None:
                    raise
                return BadClip(start, f"{error} (at {start:g} s)")
            return Clip(resampled, len(samples) / rate, rate, header.channels, start, notes)

        blocks = _Remembered(_mono(opened, header, channel), length if to_the_end else 0)
        for number, samples in enumerate(_pieces(iter(blocks), length)):
            yield clip(samples, number * length / rate)
        rest = header.frames % length if to_the_end and length else 0
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
            while self._recent and known - len(self._recent[0]) >= self._length:
                known -= len(self._recent.popleft())
            yield block

    def last(self) -> NDArray[np.float32]:
        """The last samples, float32 [length]."""
        return np.concatenate(self._recent)[-self._length :]


def _pieces(blocks: Iterator[NDArray[np.float32]], length: int) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples anew in pieces of `length`; a shorter rest is left out, but nothing at all is one piece."""
    piece, filled = np.empty(0, np.float32), 0
    if length == 0:
        yield from itertools.islice(itertools.chain(blocks, [piece]), 1)
    for block in blocks:
        position = 0
        while position < len(block):
            if filled == 0 and len(block) - position >= length:
                yield block[position : position + length]
                position += length
                continue
            if filled == 0:  # not earlier: now it is clear that the file has more than a header
                piece = np.empty(length, np.float32)
            taken = min(length - filled, len(block) - position)
            piece[filled : filled + taken] = block[position : position + taken]
            filled, position = (filled + taken) % length, position + taken
            if filled == 0:
                yield piece


def _resampled(
    path: str, samples: NDArray[np.float32], rate: int, channel: Channel, channels: int
) -> NDArray[np.float32]:
    """A clip at `SAMPLE_RATE`, once it is clear that it can be used."""
    if len(samples):
        low, high = float(samples.min()), float(samples.max())  # both are NaN if any sample is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise BadClipError(f"{path}: contains NaN or infinite samples; record or export it again")
        if high - low <= _ROUNDING * max(abs(low), abs(high)):
            cancel = "; if its channels cancel each other, take one: dataset.channel: 0"
            hint = cancel if channel == "mean" and channels > 1 else ""
            raise BadClipError(f"{path}: silent, every sample is {samples[0]:g}{hint}")
    if rate != SAMPLE_RATE and len(samples):
        import soxr

        with _os_errors_named(path):
            samples = soxr.resample(samples, rate, SAMPLE_RATE)
    if len(samples) < FRAME_LENGTH:
        raise _too_short(path, len(samples))
    return np.ascontiguousarray(samples, np.float32)


def _mono(opened: Sequence[_Opened], header: Header, channel: Channel) -> Iterator[NDArray[np.float32]]:
    """Decode a recording to blocks of float32 [samples] at its own rate; all of it is one block unless it is long."""
    # the mean of whole blocks of rows is rounded in the same way wherever a recording is divided
    at_once = max(1, _VALUES_AT_ONCE // header.channels // _SAMPLES_AT_ONCE) * _SAMPLES_AT_ONCE
    if len(opened) == 1:
        yield from _mono_of_file(opened[0], channel, at_once)
        return
    if channel == "mean":
        every = zip(*(_mono_of_file(one, "mean", at_once) for one in opened), strict=True)
        shares = [np.float32(one.header.channels / header.channels) for one in opened]
        for blocks in every:
            yield np.sum([block * share for block, share in zip(blocks, shares, strict=True)], axis=0)
        return
    for one in opened:
        if channel < one.header.channels:
            yield from _mono_of_file(one, channel, at_once)
            return
        channel -= one.header.channels


def _mono_of_file(one: _Opened, channel: Channel, at_once: int) -> Iterator[NDArray[np.float32]]:
    path, header, declared = one.path, one.header, one.declared
    # 16-bit samples as they are: libsndfile takes ten times as long to make floats of them
    kind = "int16" if header.encoding == "PCM_16" else "float32"
    digest = hashlib.md5(usedforsecurity=False) if declared.md5 else None
    done = 0
    while done < header.frames:
        wanted = min(at_once, header.frames - done)
        with _os_errors_named(path):
            data = one.decoder.read(wanted, kind, always_2d=True)
        if len(data) < wanted:
            raise BadClipError(f"{path}: truncated, {done + len(data)} of {header.frames} samples could be read")
        if done == 0 and header.encoding == "PCM_32" and _are_floats(data):
            raise BadClipError(f"{path}: its header is damaged, the samples are floating-point numbers, not integers")
        if digest is not None:
            for start in range(0, wanted, _SAMPLES_AT_ONCE):
                digest.update(_flac_bytes(data[start : start + _SAMPLES_AT_ONCE], declared.bits or 16).data)
        yield _mean_over_channels(data if channel == "mean" else data[:, channel : channel + 1])
        done += wanted
    if declared.bits is not None and not _flac_is_whole(one.decoder, digest, declared.md5):
        raise BadClipError(f"{path}: damaged, the samples are not those that were recorded (FLAC check sum)")


def _are_floats(data: NDArray[np.floating]) -> bool:
    """Whether 32-bit integers, here in [-1, 1), are in truth floating-point numbers, for one bit tells them apart.

    The bits of 1e-9 to 1 make an integer of 0.37 to 0.5 of full scale, those of -1 to -1e-9 one of -0.5 to -0.63.  No
    sound jumps from the one to the other, but for square waves, which have few values.  Zero is zero either way.
    """
    sound = data[data != 0]
    usual = np.where(sound > 0, (sound > 0.37) & (sound < 0.502), (sound > -0.63) & (sound < -0.498))
    both = sound.size >= _ENOUGH_SAMPLES and sound.min() < 0 < sound.max()
    return bool(both and usual.mean() > 0.99 and len(np.unique(sound)) > sound.size // 10)


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
