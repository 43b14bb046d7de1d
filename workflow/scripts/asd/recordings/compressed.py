"""Recordings that libsndfile can't read, or whose length it estimates, through PyAV: MP3, M4A, AAC, WMA, WebM, ...

PyAV brings FFmpeg's libraries.  It is imported when such a recording is met, and only then.  A file is handed over open
and with the name of its demuxer, so that no playlist and no address in it leads anywhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

_HEAD_BYTES = 4096  # that `kind_of` looks at

_MOST_TAGS = 100  # of ID3, one after the other

MOST_CHANNELS = 64
_LOWEST_RATE, _HIGHEST_RATE = 1000, 10_000_000

_MPEG_IN_WAV = (0x50, 0x55)  # MP2 and MP3
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ADTS_RATES = 13
_BITRATES = {
    (3, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # kbit/s by version (3: MPEG-1, 2: MPEG-2) and layer
_MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


class CompressedError(Exception):
    """The recording can't be read, or not all of it.  The message is a part of a sentence."""


def kind_of_file(descriptor: int) -> str | None:
    """FFmpeg's name of the demuxer for an open file; None for what libsndfile reads."""
    start = 0
    for _ in range(_MOST_TAGS):
        head = os.pread(descriptor, _HEAD_BYTES, start)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        start += 10 + ((head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 | head[9] & 127)
    kind = kind_of(head)
    return "mp3" if kind is None and start and not head.strip(b"\0") else kind


def kind_of(head: bytes) -> str | None:
    """FFmpeg's name of the demuxer for a recording that begins with `head`, some thousand bytes; None for what
    libsndfile reads."""
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "wav" if _format_tag(head) in _MPEG_IN_WAV else None
    if head[:4] == b"caff":
        return "caf" if b"desc" in head[:64] and head[head.find(b"desc") + 20 :][:4] in (b"alac", b"aac ") else None
    if head[:4] == b"fLaC":  # of unknown length, as streams are
        return None if any(head[22:26]) or head[21] & 15 else "flac"
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
        ("mp3", _is_mpeg(head)),
    ):
        if found:
            return kind
    return None


def _format_tag(head: bytes) -> int | None:
    position = head.find(b"fmt ", 12)
    return int.from_bytes(head[position + 8 : position + 10], "little") if position > 0 else None


def _is_adts(head: bytes) -> bool:
    """Whether a frame of AAC is followed by another one."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= _ADTS_RATES:
        return False
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    after = head[length : length + 2]
    return length > 7 and (len(after) < 2 or (after[0] == 0xFF and after[1] & 0xF6 == 0xF0))


def _is_mpeg(head: bytes) -> bool:
    """Whether frame after frame of MPEG audio is at the start, perhaps behind a few other bytes."""
    for start in range(max(0, min(len(head) - 4, 2048))):
        length = _mpeg_frame(head[start : start + 4])
        if length is None:
            continue
        second = head[start + length : start + length + 4]
        if len(second) < 4 and start == 0:
            return True
        if _mpeg_frame(second) is not None and (start == 0 or _mpeg_frame(_third(head, start, length)) is not None):
            return True
    return False


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


def _is_tag(content: bytes) -> bool:
    """Whether this is a title, or a part of one, and no audio."""
    return content[:3] in (b"ID3", b"TAG") or content[:8] == b"APETAGEX" or content[:11] == b"LYRICSBEGIN"


class CompressedFile:
    """An open recording, decoded block by block, with the interface of `soundfile.SoundFile`.

    Parameters
    ----------
    file
        Open at its beginning; stays open.
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
    frames
        Samples per channel, counted by decoding all of it once.

    Raises
    ------
    CompressedError
        If there is no audio in it, or none that can be decoded as a whole.
    """

    def __init__(self, file: BinaryIO, kind: str) -> None:
        self._file, self._kind = file, kind
        self._container: Any = None
        self._blocks: Iterator[NDArray[np.float32]] = iter(())
        self._rest: NDArray[np.float32] | None = None
        with _named_errors():
            stream = self._open()
            self.subtype = str(stream.codec_context.name).upper()
        self.samplerate, self.channels = 0, 0  # those of the first frame
        self.frames = sum(len(block) for block in self._decoded(stream))
        if not self.frames:
            raise CompressedError("not readable as audio (nothing can be decoded); if it plays: ffmpeg -i in out.wav")
        self.close()
        self._blocks = self._decoded(self._open())

    def _open(self) -> av.AudioStream:
        import av

        av.logging.set_level(av.logging.PANIC)  # the reader says what is wrong
        self._file.seek(0)
        self._container = av.open(
            self._file,
            "r",
            format=self._kind,
            options={"protocol_whitelist": "", "enable_drefs": "0"},
            metadata_errors="ignore",
        )
        streams = list(self._container.streams.audio)
        if len(streams) != 1:
            what = "no audio" if not streams else f"{len(streams)} audio streams"
            raise CompressedError(f"there is {what} in it; take one out: ffmpeg -i in -map 0:a:0 out.wav")
        stream: av.AudioStream = streams[0]
        stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer"}
        stream.codec_context.thread_type = "NONE"
        return stream

    def _decoded(self, stream: av.AudioStream) -> Iterator[NDArray[np.float32]]:
        """Blocks of float32 [samples, channels], one for each frame of the codec."""
        with _named_errors():
            promised = stream.duration
            base, first, last = stream.time_base, None, 0.0
            done = 0
            for packet in self._container.demux(stream):
                if packet.is_corrupt:
                    raise CompressedError("damaged or truncated, a part of its audio can't be decoded")
                for frame in self._frames_of(packet):
                    if not self.channels:
                        self._take_format(frame)
                    if frame.sample_rate != self.samplerate or frame.layout.nb_channels != self.channels:
                        raise CompressedError(
                            f"its sample rate or number of channels changes at {done / self.samplerate:.2f} s; convert "
                            "it: ffmpeg -i in out.wav"
                        )
                    block = _samples_of(frame, self.channels)
                    done += len(block)
                    yield block
                if packet.pts is not None and packet.duration and base is not None:
                    first = packet.pts if first is None else first
                    last = float((packet.pts + packet.duration - first) * base)
            stated = float(promised * base) if promised and base is not None and self._promises() else 0.0
            if stated - max(last, done / max(self.samplerate, 1)) > _TOLERATED_SECONDS:
                raise CompressedError(
                    f"truncated, {stated:.2f} s are promised, but only {done / max(self.samplerate, 1):.2f} s are there"
                )

    def _frames_of(self, packet: Any) -> list[Any]:
        """Frames of a packet; none of what stands between the recordings in joined MP3s, or behind the last one."""
        import av

        try:
            return list(packet.decode())
        except av.error.InvalidDataError:
            content = bytes(packet)
            if self._kind != "mp3" or not (_is_tag(content) or not content.strip(b"\0\xff")):
                raise
            return []

    def _take_format(self, frame: Any) -> None:
        self.samplerate, self.channels = int(frame.sample_rate), int(frame.layout.nb_channels)
        if not _LOWEST_RATE <= self.samplerate <= _HIGHEST_RATE or not 0 < self.channels <= MOST_CHANNELS:
            raise CompressedError(
                f"not readable as audio ({self.channels} channels at {self.samplerate} Hz); convert it: "
                "ffmpeg -i in out.wav"
            )

    def _promises(self) -> bool:
        """Whether the container states a length that is not estimated from the size of the file."""
        if self._kind in ("mov", "asf", "matroska", "caf", "wav", "ape", "tta", "wv"):
            return True
        return self._kind == "mp3" and self._has_index()

    def _has_index(self) -> bool:
        """Whether the first frame of an MP3 counts the frames, as a header of Xing, LAME or VBRI does."""
        position = self._file.tell()
        self._file.seek(0)
        head = self._file.read(1 << 16)
        self._file.seek(position)
        return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> NDArray[np.float32]:
        """The next samples, float32 [at most `frames`, channels]."""
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
        if self._container is not None:
            self._container.close()
            self._container = None

    def __enter__(self) -> CompressedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_TOLERATED_SECONDS = 0.15  # delay and padding of encoders: some thousand samples


def _samples_of(frame: Any, channels: int) -> NDArray[np.float32]:
    """Samples of a frame as float32 [samples, channels] in [-1, 1)."""
    data = frame.to_ndarray()
    samples = data.T if frame.format.is_planar else data.reshape(-1, channels)
    if samples.dtype.kind == "f":
        return np.asarray(samples, np.float32)
    if samples.dtype == np.uint8:
        return np.asarray((samples.astype(np.float32) - 128) / 128, np.float32)
    return np.asarray(samples / 2.0 ** (8 * samples.dtype.itemsize - 1), np.float32)


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
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CompressedError(
            f"damaged or not readable as audio ({reason}); if it plays, convert it: ffmpeg -i in out.wav"
        ) from None
