"""Recordings that libsndfile can't read, or whose length it estimates, through PyAV: MP3, M4A, AAC, WMA, WebM, ...

PyAV brings FFmpeg's libraries.  It is imported when such a recording is met, and only then.  A file is handed over open
and with the name of its demuxer, so that no playlist and no address in it leads anywhere else.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .headers import id3_length
from .parts import FilePart

HEAD_BYTES = 4096
"""That `kind_of` looks at."""

_MOST_TAGS = 100  # of ID3, one after the other

MOST_CHANNELS = 64
_LOWEST_RATE, _HIGHEST_RATE = 1000, 10_000_000

_OTHERS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"FORM", b".snd", b"dns.", b"OggS", b"fLaC", b"NIST", b"Crea")
"""Beginnings of formats in whose damaged or whole files frames of MPEG audio are not looked for."""

_TAGS_IN_WAV = (0x50, 0x55, 0xFF, 0x160, 0x161, 0x162, 0x163, 0x1610, 0x2000, 0x2001)  # MP2, MP3, AAC, WMA, AC-3, DTS
_EXTENSIBLE = 0xFFFE
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ADTS_RATES = 13
_BITRATES = {
    (3, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # kbit/s by version (3: MPEG-1, 2: MPEG-2) and layer
_MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

_XING_POSITIONS = (36, 21, 13)  # in a frame: behind its header and what stands there about its channels
_LONGEST_LYRICS = 11 + 999_999 + 15
_LONGEST_FRAME = 2**21  # samples of a frame of a codec; Monkey's Audio has the longest, of 1.2 million
_LONGEST_FRAME_BYTES = 8192  # of streams of frames: AAC's
_TOLERATED_SECONDS = 0.1  # delay and padding of encoders: some thousand samples
_STREAMS = ("mp3", "aac", "ac3", "eac3")  # frames that follow each other, without a container
_STRICT_ABOUT_TAGS = ("ape", "wv")  # whose demuxers stumble over titles before or behind the audio
_TAGGED = (*_STREAMS, *_STRICT_ABOUT_TAGS)
_MOST_CHUNKS = 10_000  # before the audio of a WAV
_STATE_LENGTH = ("mov", "matroska", "caf", "ape", "tta", "wv", "flac")  # others have it estimated
_DECODERS = (
    *("mp3float", "mp3", "mp2float", "mp2", "mp1float", "mp1", "aac", "aac_latm", "alac", "ac3", "eac3", "dca"),
    *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "opus", "libopus", "vorbis", "speex", "flac"),
    *("ape", "wavpack", "tta", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "truehd", "gsm", "gsm_ms"),
    *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav"),
    *("adpcm_ima_qt", "als"),
)
"""FFmpeg's decoders that a recording may ask for: those of audio in the containers that are taken."""


class CompressedError(Exception):
    """The recording can't be read, or not all of it.  The message is a part of a sentence."""


def kind_of_file(descriptor: int) -> str | None:
    """FFmpeg's name of the demuxer for an open file; None for what libsndfile reads."""
    # libsndfile goes on from where the descriptor is, which pread leaves alone
    start, head = _behind_tags(lambda position: os.pread(descriptor, HEAD_BYTES, position))
    kind = kind_of(head)
    return "mp3" if kind is None and start and not head.strip(b"\0") else kind


def kind_of(head: bytes) -> str | None:
    """FFmpeg's name of the demuxer for a recording that begins with `head`, some thousand bytes; None for what
    libsndfile reads."""
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "wav" if _format_tag(head) in _TAGS_IN_WAV else None
    if head[:4] == b"caff":
        return "caf" if b"desc" in head[:64] and head[head.find(b"desc") + 20 :][:4] in (b"alac", b"aac ") else None
    if head[:4] == b"fLaC":  # of unknown length, as streams are
        return "flac" if len(head) >= 26 and not (any(head[22:26]) or head[21] & 15) else None
    for kind, found in (
        ("ape", head[:4] == b"MAC "),
        ("wv", head[:4] == b"wvpk"),
        ("tta", head[:4] == b"TTA1"),
        ("mov", head[4:8] in (b"ftyp", b"moov", b"wide")),
        ("asf", head[:16] == _ASF),
        ("matroska", head[:4] == b"\x1a\x45\xdf\xa3"),
        ("amr", head[:5] == b"#!AMR"),
        ("ac3", head[:2] == b"\x0b\x77"),
        ("aac", _is_adts(head)),
        ("mp3", head[:4] not in _OTHERS and _is_mpeg(head)),
    ):
        if found:
            return kind
    return None


def _behind_tags(read_at: Callable[[int], bytes]) -> tuple[int, bytes]:
    """Where what follows the ID3v2 tags at the start begins, and its first bytes; `read_at` gives those at a place."""
    start = 0
    for _ in range(_MOST_TAGS):
        head = read_at(start)
        length = _tag_length(head) if head[:3] == b"ID3" else 0
        if not length:
            break
        start += length
    return start, head


def _format_tag(head: bytes) -> int | None:
    position = head.find(b"fmt ", 12)
    if position < 0:
        return None
    order: Literal["little", "big"] = "big" if head[:4] == b"RIFX" else "little"
    tag = int.from_bytes(head[position + 8 : position + 10], order)
    return int.from_bytes(head[position + 32 : position + 34], order) if tag == _EXTENSIBLE else tag


def _is_adts(head: bytes) -> bool:
    """Whether a frame of AAC is followed by another one."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= _ADTS_RATES:
        return False
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    after = head[length : length + 2]
    return length > 7 and (len(after) < 2 or (after[0] == 0xFF and after[1] & 0xF6 == 0xF0))


def _is_mpeg(head: bytes) -> bool:
    """Whether frame after frame of MPEG audio is at the start, perhaps behind a few other bytes."""
    return _first_mpeg_frame(head) is not None


def _first_mpeg_frame(head: bytes) -> int | None:
    """Where the first of several frames of MPEG audio begins."""
    for start in range(max(0, min(len(head) - 4, 2048))):
        length = _mpeg_frame(head[start : start + 4])
        if length is None:
            continue
        second = head[start + length : start + length + 4]
        if len(second) < 4 and start == 0:
            return 0
        if _mpeg_frame(second) is not None and (start == 0 or _mpeg_frame(_third(head, start, length)) is not None):
            return start
    return None


def _third(head: bytes, start: int, length: int) -> bytes:
    second = start + length
    other = _mpeg_frame(head[second : second + 4]) or 0
    return head[second + other : second + other + 4]


def _mpeg_frame(header: bytes) -> int | None:
    """Bytes of a frame of MPEG audio with this header; None if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, bit_index, padding = header[2] >> 2 & 3, header[2] >> 4, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate_index == 3 or bit_index in (0, 15):
        return None
    rate = _MPEG_RATES[version][rate_index]
    bitrate = 1000 * _BITRATES[(3, layer) if version == 3 else (2, min(layer, 2))][bit_index]
    if layer == 1:
        return (12 * bitrate // rate + padding) * 4
    samples = 1152 if version == 3 or layer == 2 else 576
    return samples // 8 * bitrate // rate + padding


def _tag_length(content: bytes) -> int:
    """Bytes of the title, or of the lyrics, that `content` begins with; 0 if it is none, and perhaps audio."""
    if content[:3] == b"ID3" and len(content) >= 10:
        return 10 + id3_length(content) + (10 if content[5] & 0x10 else 0)
    if content[:8] == b"APETAGEX" and len(content) >= 24:
        is_header = content[23] & 0x20
        return 32 + (int.from_bytes(content[12:16], "little") if is_header else 0)
    if content[:11] == b"LYRICSBEGIN":
        return _LONGEST_LYRICS
    return 128 if content[:3] == b"TAG" else 0


def _head_at(part: FilePart, position: int) -> bytes:
    """As many bytes at a position as `kind_of` looks at."""
    part.seek(position)
    return part.read(HEAD_BYTES)


def _without_tags(file: BinaryIO, kind: str) -> FilePart:
    """The file without the titles before and behind the audio, which not all demuxers know."""
    whole = FilePart(file)
    if kind not in _TAGGED:
        return whole
    start, _ = _behind_tags(partial(_head_at, whole))
    end = whole.seek(0, os.SEEK_END)
    for _ in range(_MOST_TAGS):
        whole.seek(max(start, end - 128))
        last = whole.read(128)
        footer = last[-32:]
        if last[:3] == b"TAG":
            length = len(last)
        elif footer[:8] == b"APETAGEX":
            has_header = footer[23] & 0x80
            length = int.from_bytes(footer[12:16], "little") + (32 if has_header else 0)
        elif last[-10:-7] == b"3DI":
            length = 10 + _tag_length(b"ID3" + last[-7:])
        else:
            length = 0
        if not 0 < length <= end - start:
            break
        end -= length
    return FilePart(file, min(start, end), end)


class _Promise(NamedTuple):
    """What a header states: frames of the codec, bytes more than there are, and seconds; 0 where it does not."""

    frames: int = 0
    missing_bytes: int = 0
    seconds: float = 0.0


def _promise_of_mpeg(view: FilePart) -> _Promise:
    """Frames and bytes that a header of Xing, LAME or VBRI in the first frame states, its own left out."""
    head = _head_at(view, 0)
    start = _first_mpeg_frame(head)
    if start is None:
        return _Promise()
    frame = head[start : start + 64]
    available = view.seek(0, os.SEEK_END) - start

    def number(position: int) -> int:
        return int.from_bytes(frame[position : position + 4], "big")

    frames = size = 0
    if frame[36:40] == b"VBRI":
        size, frames = number(46), number(50)
    for position in _XING_POSITIONS:
        if frame[position : position + 4] in (b"Xing", b"Info"):
            flags = number(position + 4)
            frames = number(position + 8) if flags & 1 else 0
            size = number(position + 8 + 4 * (flags & 1)) if flags & 2 else 0
    return _Promise(frames, max(0, size - available)) if frames else _Promise()


def _promise_of_wave(view: FilePart) -> _Promise:
    """Bytes that the audio's chunk of a WAV lacks.  Its length in seconds is that of a mean bit rate."""
    size, position = view.seek(0, os.SEEK_END), 12
    for _ in range(_MOST_CHUNKS):
        view.seek(position)
        head = view.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8:
            break
        if head[:4] == b"data":
            never_filled_in = length in (0, 0xFFFFFFFF)
            return _Promise(0, 0 if never_filled_in else max(0, position + 8 + length - size))
        position += 8 + length + length % 2
    return _Promise()


def _promise_of_asf(view: FilePart) -> _Promise:
    """Bytes that a WMA lacks, and its length, which FFmpeg derives from the size of the file at times."""
    view.seek(0)
    head = view.read(1 << 16)
    start = head.find(_ASF_PROPERTIES)
    if start < 0 or len(head) < start + 92:
        return _Promise()
    size, _, _, play, _, preroll, flags = struct.unpack_from("<6QI", head, start + 40)
    if flags & 1:  # a stream: the rest is not filled in
        return _Promise()
    return _Promise(0, max(0, size - view.seek(0, os.SEEK_END)), play / 1e7 - preroll / 1e3)


class CompressedFile:
    """An open recording, decoded block by block, with the interface of `soundfile.SoundFile`.

    Parameters
    ----------
    file
        Path, or a file open for reading, which stays open.
    kind
        As `kind_of` says.

    Attributes
    ----------
    samplerate
        Hz.
    channels
        Number of channels.
    subtype
        Name of the codec, in capitals.

    Raises
    ------
    CompressedError
        If there is no audio in it, or none that can be decoded as a whole.

    Notes
    -----
    Memory is that of the samples asked for, twice, and of one frame of the codec, of `_LONGEST_FRAME` samples at most.
    """

    def __init__(self, file: str | os.PathLike[str] | BinaryIO, kind: str) -> None:
        self._own = open(file, "rb") if isinstance(file, str | os.PathLike) else None  # noqa: SIM115
        self._file: Any = self._own or file
        self._kind, self._frames = kind, -1
        self.samplerate, self.channels, self.subtype = 0, 0, ""  # those of the first frame
        self._blocks = self._decoded()
        self._rest: NDArray[np.float32] | None = None
        try:
            self._rest = next(self._blocks, None)
            if self._rest is None:
                raise CompressedError(
                    "not readable as audio (nothing can be decoded); if it plays: ffmpeg -i in out.wav"
                )
        except BaseException:
            self.close()
            raise

    @property
    def frames(self) -> int:
        """Samples per channel, counted by decoding all of it once.

        Raises
        ------
        CompressedError
            As the constructor.
        """
        if self._frames < 0:
            self._frames = sum(len(block) for block in self._decoded())
        return self._frames

    def _decoded(self) -> Generator[NDArray[np.float32]]:
        """Blocks of float32 [samples, channels], one for each frame of the codec."""
        audio = _without_tags(self._file, self._kind)
        promise = _PROMISES.get(self._kind, _promise_of_nothing)(audio)
        audio.seek(0)
        # FFmpeg knows the tags of the others, and takes the length of MP3 for another one without them
        view = audio if self._kind in _STRICT_ABOUT_TAGS else FilePart(self._file)
        with _named_errors(), _opened(view, self._kind) as (container, stream):
            self.subtype = str(stream.codec_context.name).upper()
            judge = _Judge(promise, FilePart(self._file), self._kind, container, stream)
            for packet in judge.packets_of(container.demux(stream)):
                for frame in judge.frames_of(packet):
                    if not self.channels:
                        self._take_format(frame)
                    if frame.sample_rate != self.samplerate or frame.layout.nb_channels != self.channels:
                        raise CompressedError(
                            "its sample rate or number of channels changes within it; convert it: ffmpeg -i in out.wav"
                        )
                    judge.samples += frame.samples
                    yield _samples_of(frame, self.channels)
            judge.check_end()

    def _take_format(self, frame: Any) -> None:
        samplerate, channels = int(frame.sample_rate), int(frame.layout.nb_channels)
        if not _LOWEST_RATE <= samplerate <= _HIGHEST_RATE or not 0 < channels <= MOST_CHANNELS:
            raise CompressedError(
                f"not readable as audio ({channels} channels at {samplerate} Hz); convert it: ffmpeg -i in out.wav"
            )
        self.samplerate, self.channels = samplerate, channels

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> NDArray[np.float32]:
        """The next samples, float32 [at most `frames`, channels]; fewer at the end only.

        Raises
        ------
        CompressedError
            If the next samples are damaged, or fewer than were promised.
        """
        parts, count = [], 0
        while count < frames:
            block = self._rest if self._rest is not None else next(self._blocks, None)
            self._rest = None
            if block is None:
                break
            taken = block[: frames - count]
            if len(taken) < len(block):
                self._rest = block[len(taken) :]
            parts.append(taken)
            count += len(taken)
        return np.concatenate(parts) if parts else np.empty((0, self.channels), np.float32)

    def close(self) -> None:
        """Free the decoder."""
        self._blocks.close()
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> CompressedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _opened(view: FilePart, kind: str) -> Iterator[tuple[Any, Any]]:
    """The container and its only stream of audio, whose decoder is one of audio and takes frames of bounded length."""
    import av

    av.logging.set_level(av.logging.PANIC)  # the reader says what is wrong
    options = {"protocol_whitelist": "", "enable_drefs": "0", "codec_whitelist": ",".join(_DECODERS)}
    with av.open(view, "r", format=kind, options=options, metadata_errors="ignore") as container:
        streams = list(container.streams.audio)
        if len(streams) != 1:
            what = "no audio" if not streams else f"{len(streams)} audio streams"
            raise CompressedError(f"there is {what} in it; take one out: ffmpeg -i in -map 0:a:0 out.wav")
        stream = streams[0]
        decoder = stream.codec_context
        if decoder is None or decoder.name not in _DECODERS:
            raise CompressedError(
                f"not readable as audio (codec {'unknown' if decoder is None else decoder.name}); if it plays, convert "
                "it: ffmpeg -i in out.wav"
            )
        # "buffer" and "bitstream" would mute valid frames of MP3; checksums of layer I are computed wrongly
        checks = "crccheck" if decoder.name.startswith("mp1") else "crccheck+explode"
        decoder.options = {"err_detect": checks, "max_samples": str(_LONGEST_FRAME)}
        decoder.thread_type = "NONE"
        yield container, stream


class _Judge:
    """Tells whether all of the audio was decoded.

    Attributes
    ----------
    samples
        Decoded so far, per channel.
    """

    def __init__(self, promise: _Promise, view: FilePart, kind: str, container: Any, stream: Any) -> None:
        self.samples = 0
        self._view, self._rate = view, max(1, int(stream.rate or 1))
        self._kind = kind
        self._packets, self._promise = 0, promise
        self._tag_end, self._failed, self._cut = 0, "", False
        base = float(stream.time_base) if stream.time_base else 0.0
        self._first: int | None = None
        self._next: int | None = None
        self._last, self._base = 0.0, base
        alone = len(container.streams) == 1 or kind == "mov"  # elsewhere, the length is that of the longest stream
        stated = float(stream.duration or 0) * base or (container.duration or 0) / 1e6
        self._alone = alone
        self._seconds = (stated if kind in _STATE_LENGTH else promise.seconds) if alone else 0.0

    def packets_of(self, packets: Iterator[Any]) -> Iterator[Any]:
        """The packets, without the complaint about bytes behind the last one."""
        import av

        try:
            yield from packets
        except av.error.InvalidDataError:
            if not self.is_complete():
                raise

    def frames_of(self, packet: Any) -> list[Any]:
        """Frames of a packet; none of titles between joined recordings or behind the last one, or of a last frame
        that is there in part."""
        import av

        if packet.is_corrupt and self._kind != "wav":  # where sizes that were never filled in are no damage
            raise CompressedError("damaged or truncated, a part of its audio can't be decoded")
        try:
            frames = list(packet.decode())
        except av.error.InvalidDataError as error:
            if self._kind not in _STREAMS:
                raise
            content, position = bytes(packet), packet.pos or 0
            length = _tag_length(content)
            if length:
                self._tag_end = position + length
            elif position >= self._tag_end and (
                self._failed or (len(content) > _LONGEST_FRAME_BYTES and content.strip(b"\0\xff"))
            ):
                raise CompressedError(
                    f"damaged, what follows byte {position} can't be decoded ({self._failed or _reason(error)})"
                ) from None
            elif position >= self._tag_end:
                self._failed = _reason(error)
            return []
        if packet.size and self._failed:
            raise CompressedError(f"damaged, a part of its audio can't be decoded ({self._failed})")
        self._check_place(packet)
        if packet.size:
            self._packets += 1
            self._cut = self._kind == "mp3" and packet.size < (_mpeg_frame(bytes(packet)[:4]) or 0)
        if packet.pts is not None and packet.duration:
            self._first = packet.pts if self._first is None else self._first
            self._last = (packet.pts + packet.duration - self._first) * self._base
        return frames

    def _check_place(self, packet: Any) -> None:
        """Raise if the demuxer has left something out before a packet: ADTS and Matroska are searched for the next
        one where they are damaged."""
        if self._kind == "aac" and packet.size and packet.pos is not None:
            if self._next is not None and packet.pos > self._next:
                self._view.seek(self._next)
                between = self._view.read(packet.pos - self._next)
                if not _tag_length(between):
                    raise CompressedError(f"damaged, {len(between)} bytes at {self._next} are no audio")
            self._next = packet.pos + packet.size
        if self._kind == "matroska" and self._alone and self._first is not None and packet.pts is not None:
            hole = (packet.pts - self._first) * self._base - max(self._last, self.samples / self._rate)
            if hole > _TOLERATED_SECONDS:
                raise CompressedError(f"damaged, {hole:.2f} s are missing at {self.samples / self._rate:.2f} s")

    def is_complete(self) -> bool:
        """Whether all that was promised has been decoded, so that what follows is no audio."""
        return 0 < self._seconds * self._rate <= self.samples + 1

    def check_end(self) -> None:
        """Raise if there is less than was promised."""
        there = self.samples / self._rate
        if self._seconds - max(self._last, there) > _TOLERATED_SECONDS:
            raise CompressedError(f"truncated, {self._seconds:.2f} s are promised, but only {there:.2f} s are there")
        if not self._promise.frames and self._promise.missing_bytes:
            raise CompressedError(f"truncated, {self._promise.missing_bytes} bytes of its audio are missing")
        missing = self._promise.frames - self._packets + self._cut  # a last frame that is there in part does not count
        if missing > 1 or (missing == 1 and self._promise.missing_bytes):  # some encoders count the header as well
            whole = self._packets - self._cut
            raise CompressedError(
                f"truncated, {self._promise.frames} frames are promised, but only {whole} are there ({there:.2f} s)"
            )


def _samples_of(frame: Any, channels: int) -> NDArray[np.float32]:
    """Samples of a frame as float32 [samples, channels] in [-1, 1)."""
    data = frame.to_ndarray()
    samples = data.T if frame.format.is_planar else data.reshape(-1, channels)
    if samples.dtype.kind == "f":
        return np.asarray(samples, np.float32)
    if samples.dtype == np.uint8:
        return np.asarray((samples.astype(np.float32) - 128) / 128, np.float32)
    return np.asarray(samples / 2.0 ** (8 * samples.dtype.itemsize - 1), np.float32)


def _promise_of_nothing(_: FilePart) -> _Promise:
    return _Promise()


_PROMISES = {"mp3": _promise_of_mpeg, "wav": _promise_of_wave, "asf": _promise_of_asf}


class _named_errors:
    """Context in which what FFmpeg and PyAV complain about becomes a `CompressedError`."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None or isinstance(error, CompressedError | GeneratorExit | MemoryError | KeyboardInterrupt):
            return
        if isinstance(error, ImportError):
            raise CompressedError(
                "PyAV is needed to read it (pip install -r requirements.txt), or convert it: ffmpeg -i in out.wav"
            ) from None
        raise CompressedError(
            f"damaged or not readable as audio ({_reason(error)}); if it plays, convert it: ffmpeg -i in out.wav"
        ) from None


def _reason(error: BaseException) -> str:
    """Words of FFmpeg or of the operating system, without numbers and names."""
    return str(getattr(error, "strerror", None) or error)
