"""What a recording's own header declares, and whether the file has it.

libsndfile reads a file that was cut off as a shorter recording, and takes fields that contradict each other as they
come, both without a word.  Here the headers are read once more, with nothing but `struct`, and held against the file
and against themselves.  Whatever a header says, only pieces of limited length are read from the places that it names.
What libsndfile refuses anyway is left to it.

Its log (``SoundFile.extra_info``) is no substitute: of the damage found here to files that libsndfile goes on reading
(20,000 random ones), it names all but 2 to 5 % in WAV and its kin and in AIFF, half in AU and CAF, and none in FLAC.

What no header tells, so that damage passes for sound:

- how long a recording is whose length is left open, as programs do that write to a pipe;
- in AIFF, AU and CAF, that the sample rate is wrong, which is stated once; in ADPCM, that it is wrong by 2 % or less;
- that one encoding stands in place of another of the same width: A-law and mu-law in WAV, any in AU, the order of bytes
  in CAF;
- changed samples where there is no check sum, as in all formats but FLAC and Ogg.

MP3, other codecs in WAV (G.721, NMS) and rare formats (VOC, NIST, MAT, ...) are left to libsndfile altogether.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

_MOST_CHUNKS = 1000  # of a file are looked at; nobody writes as many
_OPEN_LENGTH = 0x7FFFF000  # 32-bit sizes of audio from here on stand for "until the end of the stream", as 0 does
_OPEN_LENGTH_64 = (1 << 63) - 1
_ALL_ONES = 0xFFFFFFFF
_HEAD = 256  # bytes at the start that are read at once
_FORMAT_BYTES = 64  # of a format chunk; none that is known has more that matters
_TEXT = frozenset(range(0x20, 0x7F))


class DeclaredFormatError(Exception):
    """The file lacks what its header declares, or the header contradicts itself.

    The message is a part of a sentence, for instance "truncated, 1234 bytes of audio are missing at the end".
    """


@dataclass(frozen=True)
class DeclaredFormat:
    """What a header says of a recording; None, or no bytes, for what it leaves open.

    Attributes
    ----------
    sample_rate
        Hz.
    channels
        Number of channels.
    frames
        Samples per channel; None as well for codecs that pack several samples into a block.
    encoding
        Of a sample, in libsndfile's words: ``"PCM_16"``, ``"FLOAT"``, ...
    bits
        Of a sample, for FLAC.
    md5
        Of all decoded samples, for FLAC.
    """

    sample_rate: int | None = None
    channels: int | None = None
    frames: int | None = None
    encoding: str | None = None
    bits: int | None = None
    md5: bytes = b""
    counted: int | None = None
    by_name: bool = False
    notes: tuple[str, ...] = ()


class _File:
    """The bytes of a file from `start` on.  Reading beyond its end gives fewer bytes."""

    def __init__(self, descriptor: int, size: int, start: int = 0) -> None:
        self._descriptor = descriptor
        self._start = start
        self.size = max(0, size - start)
        self.head = os.pread(descriptor, _HEAD, start) if self.size else b""

    def read(self, position: int, length: int) -> bytes:
        if position + length <= len(self.head):
            return self.head[position : position + length]
        if position >= self.size:
            return b""
        return os.pread(self._descriptor, length, self._start + position)

    def from_byte(self, position: int) -> _File:
        return _File(self._descriptor, self._start + self.size, self._start + position)


def declared_format(descriptor: int, size: int) -> DeclaredFormat:
    """What the header of an open file of `size` bytes declares, once it is clear that the file can have it.

    Known are RIFF/WAVE (also RIFX, RF64 and BW64), W64, AIFF and AIFC, AU, CAF, Ogg and FLAC; others declare nothing.
    The position in the file stays where it is.

    Raises
    ------
    DeclaredFormatError
        If the file can't have it, or if the header contradicts itself.
    OSError
        If the file can't be read.
    """
    file = _File(descriptor, size)
    for _ in range(_MOST_CHUNKS):
        if file.head[:3] != b"ID3":
            break
        file = file.from_byte(10 + _id3_length(file.head))
    try:
        return _READERS[file.head[:4]](file) if file.head[:4] in _READERS else DeclaredFormat()
    except struct.error:  # fewer bytes than a field has
        raise _unreadable("its header is cut off") from None


def _id3_length(head: bytes) -> int:
    """Bytes of an ID3 tag after its own ten; each of the four bytes that tell holds seven bits."""
    first, second, third, fourth = head[6:10].ljust(4, b"\0")
    return (first & 127) << 21 | (second & 127) << 14 | (third & 127) << 7 | fourth & 127


def _contradiction(what: str) -> DeclaredFormatError:
    return DeclaredFormatError(f"its header contradicts itself: {what}")


def _truncated(missing: int) -> DeclaredFormatError:
    return DeclaredFormatError(f"truncated, {missing} bytes of audio are missing at the end")


def _unreadable(why: str) -> DeclaredFormatError:
    return DeclaredFormatError(f"not readable as audio ({why})")


class _Encoding(NamedTuple):
    """How samples are stored: `block` bytes for `packed` samples of all channels; None where blocks may vary."""

    sample_rate: int | None
    channels: int
    block: int | None = None
    name: str | None = None
    packed: int = 1


def _stated(number: int, open_from: int = _OPEN_LENGTH) -> int | None:
    """A number of bytes, None where it stands for "unknown"."""
    return None if number == 0 or number >= open_from else number


def _whole_samples(encoding: _Encoding, length: int | None, available: int, multiple: int = 2) -> int | None:
    """Samples per channel in `length` bytes of audio, None if the header leaves that open.

    Parameters
    ----------
    length
        As the header says; None for "until the end".
    available
        Bytes up to the end of the file.
    multiple
        Of which some programs make the number of bytes, and count those that they add.
    """
    block = encoding.block
    if block is None:
        return None
    if encoding.packed > 1:  # the last block may be shorter, and hold less
        return None if length is None or length % block else length // block * encoding.packed
    count = available if length is None else length
    rest = count % block
    if rest and (rest >= multiple or count % multiple):
        if length is None:
            raise DeclaredFormatError(f"truncated, the last sample lacks {block - rest} bytes")
        raise _contradiction(f"{length} bytes of audio are no multiple of {block} bytes, one sample of all channels")
    return None if length is None else length // block


# --------------------------------------------------------------------------------------------- files made of chunks


class _Layout(NamedTuple):
    """How a format is made of chunks.

    Attributes
    ----------
    header
        Name and length of a chunk.
    counted
        Bytes of that header that the length includes.
    multiple
        Chunks begin at multiples of it.
    format, audio
        Names of the two chunks that matter.
    preface
        Bytes in the audio chunk before the samples.
    open_from
        Lengths of the audio from here on leave it open.
    open_zero
        So does a length of 0.
    """

    header: struct.Struct
    counted: int
    multiple: int
    format: bytes
    audio: bytes
    preface: int
    open_from: int
    open_zero: bool


class _Chunk(NamedTuple):
    """Where the content of a chunk starts, and its bytes; a length of None is "until the end of the file"."""

    name: bytes
    start: int
    length: int | None


_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_RIFF = _Layout(struct.Struct("<4sI"), 0, 2, b"fmt ", b"data", 0, _OPEN_LENGTH, True)
_RIFX = _RIFF._replace(header=struct.Struct(">4sI"))
_RF64 = _RIFF._replace(open_from=_ALL_ONES, open_zero=False)
_W64 = _Layout(struct.Struct("<16sQ"), 24, 8, b"fmt " + _W64_TAIL, b"data" + _W64_TAIL, 0, _OPEN_LENGTH_64, False)
_AIFF = _Layout(struct.Struct(">4sI"), 0, 2, b"COMM", b"SSND", 8, _OPEN_LENGTH, True)
_CAF = _Layout(struct.Struct(">4sQ"), 0, 1, b"desc", b"data", 4, (1 << 64) - 1, False)

# a chunk of odd length without its pad byte is known by one of these names right behind it
_COMMON_NAMES = (b"fmt ", b"data", b"fact", b"LIST", b"bext", b"iXML", b"id3 ", b"JUNK", b"COMM", b"SSND", b"ANNO")


def _text(name: bytes) -> str:
    return name[:4].decode("latin-1").strip()


def _chunk_at(file: _File, position: int, layout: _Layout, unstated: int | None = None) -> _Chunk | None:
    """The chunk at a position, None at the end of the file.

    `unstated` is the length of the audio where its own chunk leaves it open.
    """
    header = file.read(position, layout.header.size)
    if len(header) < layout.header.size:
        return None
    name, length = layout.header.unpack(header)
    if layout is not _W64 and not _TEXT.issuperset(name):
        raise _contradiction(f"a part of it should begin at byte {position}, but none does")
    start = position + layout.header.size
    if name == layout.audio and (length >= layout.open_from or (length == 0 and layout.open_zero)):
        return _Chunk(name, start, unstated)
    if length < layout.counted:
        raise _contradiction(f"its part at byte {position} can't have {length} bytes")
    return _Chunk(name, start, length - layout.counted)


def _after(file: _File, chunk: _Chunk, layout: _Layout) -> int:
    """Where the next chunk begins."""
    end = file.size if chunk.length is None else chunk.start + chunk.length
    padding = -end % layout.multiple
    if padding and layout.multiple == 2 and file.read(end, 4) in _COMMON_NAMES:
        return end
    return end + padding


def _find_chunks(file: _File, position: int, layout: _Layout, unstated: int | None) -> dict[bytes, _Chunk]:
    """Chunks by name, from `position` up to where both format and audio are known."""
    found: dict[bytes, _Chunk] = {}
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk_at(file, position, layout, unstated)
        if chunk is None:
            break
        if chunk.name in found and chunk.name in (layout.format, layout.audio):
            raise _contradiction(f'it has two parts "{_text(chunk.name)}"')
        found[chunk.name] = chunk
        if layout.audio in found and layout.format in found:
            return found
        position = _after(file, chunk, layout)
    missing = layout.audio if layout.format in found else layout.format
    raise _unreadable(f'no part "{_text(missing)}" is found; the file may have been cut off before it')


def _audio_length(file: _File, layout: _Layout, chunk: _Chunk, stated_end: int | None) -> int | None:
    """Bytes of samples, None if the header leaves that open.

    Parameters
    ----------
    stated_end
        Where the last chunk ends according to the first bytes of the file; None if they don't say.

    Raises
    ------
    DeclaredFormatError
        If some are missing, or if what follows them shows that the length is wrong.
    """
    if chunk.length is None:
        is_empty = chunk.start + layout.preface >= file.size
        if stated_end is not None and not is_empty:  # who did not know the one did not know the other
            raise _contradiction("it states the length of the file, but not that of the audio")
        return None
    if chunk.length < layout.preface:
        raise _contradiction(f"its audio can't have {chunk.length} bytes")
    missing = chunk.start + chunk.length - file.size
    if missing > 0:
        raise _truncated(missing)
    _check_rest(file, layout, chunk, stated_end)
    return chunk.length - layout.preface


def _check_rest(file: _File, layout: _Layout, audio: _Chunk, stated_end: int | None) -> None:
    """Make sure that chunk follows chunk from the audio to the end; where bytes were lost or added, none does.

    Programs append other things behind the end that the file states, so this may be the end as well.
    """
    ends = [file.size] if stated_end is None or stated_end > file.size else [stated_end, file.size]
    chunk: _Chunk | None = audio
    position = audio.start
    for _ in range(_MOST_CHUNKS):
        if chunk is None or chunk.length is None:
            break
        bare = chunk.start + chunk.length
        position = _after(file, chunk, layout)
        last = bare + bare % 2 if layout is _CAF else position  # libsndfile ends CAF with a pad byte
        if any(bare - 1 <= end <= last for end in ends):
            return
        if layout is not _W64 and not _TEXT.issuperset(file.read(position, 4)):
            break
        chunk = _chunk_at(file, position, layout)
    if stated_end is not None and stated_end > file.size:
        raise DeclaredFormatError(f"truncated, {stated_end - file.size} bytes are missing")
    raise _contradiction(f"what follows the audio (at byte {position}) doesn't belong there")


def _format_of_chunks(
    file: _File,
    position: int,
    layout: _Layout,
    encoding_of: Callable[[bytes], _Encoding],
    stated_end: int | None,
    unstated: int | None = None,
) -> tuple[DeclaredFormat, dict[bytes, _Chunk]]:
    """What all formats made of chunks have in common; also the chunks up to the audio.

    Parameters
    ----------
    position
        Of the first chunk.
    encoding_of
        Reads the content of the format chunk, of which it gets `_FORMAT_BYTES` at most.
    stated_end, unstated
        See `_audio_length` and `_chunk_at`.
    """
    chunks = _find_chunks(file, position, layout, unstated)
    audio, form = chunks[layout.audio], chunks[layout.format]
    encoding = encoding_of(file.read(form.start, min(form.length or 0, _FORMAT_BYTES)))
    length = _audio_length(file, layout, audio, stated_end)
    available = max(0, file.size - audio.start - layout.preface)
    frames = _whole_samples(encoding, length, available, max(2, layout.multiple))
    return DeclaredFormat(encoding.sample_rate, encoding.channels, frames, encoding.name), chunks


# ------------------------------------------------------------------------------------------------- RIFF and its kin

_PCM, _MS_ADPCM, _FLOAT, _A_LAW, _MU_LAW, _IMA_ADPCM, _GSM = 0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31
_IBM_MU_LAW, _IBM_A_LAW = 0x101, 0x102
_EXTENSIBLE = 0xFFFE
_LAWS = {_A_LAW: "ALAW", _IBM_A_LAW: "ALAW", _MU_LAW: "ULAW", _IBM_MU_LAW: "ULAW"}
_PCM_NAMES = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_FLOAT_NAMES = {4: "FLOAT", 8: "DOUBLE"}
_SUBFORMATS = ((0, 0x10, bytes.fromhex("800000aa00389b71")), (0x0721, 0x11D3, bytes.fromhex("8644c8c1ca000000")))
_ADPCM_TOLERANCE = 0.02  # programs compute the mean byte rate of ADPCM in different ways


def _riff(file: _File) -> DeclaredFormat:
    order = ">" if file.head[:4] == b"RIFX" else "<"
    if file.head[8:12] != b"WAVE":
        return DeclaredFormat()
    size = _stated(struct.unpack_from(f"{order}I", file.head, 4)[0])
    layout = _RIFX if order == ">" else _RIFF
    return _format_of_chunks(file, 12, layout, lambda content: _wave_encoding(content, order), size and size + 8)[0]


def _rf64(file: _File) -> DeclaredFormat:
    """RIFF whose sizes stand in a chunk ``ds64``, with 64 bits."""
    size, audio = (_stated(number, _OPEN_LENGTH_64) for number in struct.unpack_from("<QQ", file.head, 20))
    return _format_of_chunks(file, 12, _RF64, _wave_encoding, size and size + 8, audio)[0]


def _w64(file: _File) -> DeclaredFormat:
    """Sony's variant: names of 16 bytes, sizes of 64 bits."""
    size = _stated(struct.unpack_from("<Q", file.head, 16)[0], _OPEN_LENGTH_64)
    return _format_of_chunks(file, 40, _W64, _wave_encoding, size)[0]


def _wave_encoding(content: bytes, order: str = "<") -> _Encoding:
    """Read a ``fmt`` chunk, which says most things twice."""
    tag, channels, rate, byte_rate, block, bits = struct.unpack_from(f"{order}HHIIHH", content)
    if tag == _EXTENSIBLE:
        tag = _extensible_tag(content, order, bits)
    width, name = _sample_width(tag, bits)
    if width is None:
        return _codec(content, order, tag)
    if channels * width == 0 or block != channels * width:
        raise _contradiction(f"{channels} channel(s) of {bits} bits don't make {block} bytes (block align)")
    if byte_rate != rate * block:
        raise _contradiction(f"{rate} samples of {block} bytes in a second are not {byte_rate} bytes (byte rate)")
    return _Encoding(rate, channels, block, name)


def _extensible_tag(content: bytes, order: str, bits: int) -> int:
    """The format that WAVE_FORMAT_EXTENSIBLE stands for; -1 for one of its own."""
    (valid,) = struct.unpack_from(f"{order}H", content, 18)
    tag, *kind = struct.unpack_from(f"{order}IHH8s", content, 24)
    if tuple(kind) not in _SUBFORMATS:
        return -1
    if tag in (_PCM, _FLOAT) and valid > bits:
        raise _contradiction(f"{valid} of {bits} bits of a sample are in use")
    return int(tag)


def _sample_width(tag: int, bits: int) -> tuple[int | None, str | None]:
    """Bytes of a sample and libsndfile's name of its encoding; no width for codecs."""
    if tag == _PCM:
        width = (bits + 7) // 8
        return width, "PCM_U8" if width == 1 else _PCM_NAMES.get(width)
    if tag == _FLOAT:
        return bits // 8, _FLOAT_NAMES.get(bits // 8)
    return (1, _LAWS[tag]) if tag in _LAWS else (None, None)


def _codec(content: bytes, order: str, tag: int) -> _Encoding:
    """ADPCM and GSM, after their rates are held against each other; others with nothing more than is known."""
    channels, rate, byte_rate, block = struct.unpack_from(f"{order}2xHIIH", content)
    if tag not in (_MS_ADPCM, _IMA_ADPCM, _GSM):
        return _Encoding(rate, channels)
    (packed,) = struct.unpack_from(f"{order}H", content, 18)  # libsndfile makes sure that a block holds so many samples
    # Microsoft's own encoder divides first, and rounds down
    near = abs(byte_rate * packed - rate * block) <= _ADPCM_TOLERANCE * rate * block
    if not near and byte_rate != rate // max(packed, 1) * block:
        raise _contradiction(f"{rate} samples in a second don't take {byte_rate} bytes (byte rate)")
    # libsndfile takes the pad byte after GSM for a block of its own
    return _Encoding(rate, channels) if tag == _GSM else _Encoding(rate, channels, block or None, None, packed)


# ----------------------------------------------------------------------------------------------------- AIFF and AIFC

_AIFF_WIDTHS = {b"FL32": 4, b"FL64": 8, b"ULAW": 1, b"ALAW": 1}
_AIFF_NAMES = {b"FL32": "FLOAT", b"FL64": "DOUBLE", b"ULAW": "ULAW", b"ALAW": "ALAW", b"RAW ": "PCM_U8"}
_AIFF_PACKETS = {b"IMA4": (34, 64), b"GSM ": (33, 160)}  # bytes and samples
_AIFF_INTEGERS = (b"NONE", b"TWOS", b"SOWT", b"RAW ", b"IN24", b"IN32", b"NI24", b"NI32", b"42NI", b"23NI")


def _aiff(file: _File) -> DeclaredFormat:
    if file.head[8:12] not in (b"AIFF", b"AIFC"):
        return DeclaredFormat()
    size = _stated(struct.unpack_from(">I", file.head, 4)[0])
    found, chunks = _format_of_chunks(file, 12, _AIFF, _aiff_encoding, size and size + 8)
    audio, form = chunks[b"SSND"], chunks[b"COMM"]
    if file.read(audio.start, 4) != bytes(4):
        raise _unreadable("its samples begin behind a gap; convert it, for instance to WAV")
    (frames,) = struct.unpack(">I", file.read(form.start + 2, 4))
    if found.frames is not None and found.frames != frames:
        raise _contradiction(f"it counts {frames} samples, but has bytes for {found.frames}")
    if audio.length is None and frames > 0:
        raise _contradiction(f"it counts {frames} samples, but leaves open how many bytes they take")
    if (form.length or 0) >= 22 and audio.length is not None and found.channels:
        packets = _AIFF_PACKETS.get(file.read(form.start + 18, 4).upper())
        if packets is not None:
            _check_aiff_packets(frames, found.channels, (audio.length - _AIFF.preface) // found.channels, *packets)
    return found


def _check_aiff_packets(frames: int, channels: int, length: int, size: int, samples: int) -> None:
    """Hold the number of samples against `length` bytes a channel in packets of `size` bytes and so many `samples`.

    Some programs count packets instead, libsndfile those of two channels as one.
    """
    packets = length // size
    if packets not in (frames, -(-frames // samples)) and packets // channels != frames:
        raise _contradiction(f"it counts {frames} samples or packets, but has {packets} packets")


def _aiff_encoding(content: bytes) -> _Encoding:
    channels, _, bits, exponent, mantissa = struct.unpack_from(">HIHHQ", content)
    codec = content[18:22].upper() or b"NONE"
    rate = mantissa >> (16446 - exponent) if 16383 <= exponent <= 16413 else None
    width = _AIFF_WIDTHS.get(codec, (bits + 7) // 8 if codec in _AIFF_INTEGERS else None)
    if not width or not channels:
        return _Encoding(rate, channels)
    return _Encoding(rate, channels, channels * width, _AIFF_NAMES.get(codec) or _PCM_NAMES.get(width))


# --------------------------------------------------------------------------------------------------------------- CAF


def _caf(file: _File) -> DeclaredFormat:
    return _format_of_chunks(file, 8, _CAF, _caf_encoding, None)[0]


def _caf_encoding(content: bytes) -> _Encoding:
    rate, codec, flags, block, frames, channels, bits = struct.unpack_from(">d4sIIIII", content)
    whole_rate = round(rate) if 0 < rate < 1 << 31 else None
    if codec not in (b"lpcm", b"alaw", b"ulaw"):
        return _Encoding(whole_rate, channels)
    width = (bits + 7) // 8
    if channels == 0 or width == 0 or block != channels * width or frames != 1:
        raise _contradiction(f"{frames} sample(s) of {channels} channel(s) of {bits} bits don't make {block} bytes")
    names = _FLOAT_NAMES if flags & 1 else _PCM_NAMES
    name = names.get(width) if codec == b"lpcm" else codec.decode().upper()
    return _Encoding(whole_rate, channels, block, name)


# ---------------------------------------------------------------------------------------------------------------- AU

_AU_ENCODINGS = {
    **{1: (1, "ULAW"), 2: (1, "PCM_S8"), 3: (2, "PCM_16"), 4: (3, "PCM_24"), 5: (4, "PCM_32")},
    **{6: (4, "FLOAT"), 7: (8, "DOUBLE"), 27: (1, "ALAW")},
}  # bytes of a sample, and libsndfile's name


def _au(file: _File) -> DeclaredFormat:
    order = ">" if file.head[:4] == b".snd" else "<"
    offset, stated, encoding, rate, channels = struct.unpack_from(f"{order}IIIII", file.head, 4)
    if offset < 24 or offset > file.size:
        raise _contradiction(f"its audio can't begin at byte {offset}")
    available = file.size - offset
    length = None if stated == _ALL_ONES else stated
    if length is not None and length > available:
        raise _truncated(length - available)
    if length is not None and length < available:
        raise _contradiction(f"it counts {length} bytes of audio, but {available} follow")
    width, name = _AU_ENCODINGS.get(encoding, (0, None))
    sound = _Encoding(rate, channels, channels * width or None, name)
    return DeclaredFormat(rate, channels, _whole_samples(sound, length, available), name)


# --------------------------------------------------------------------------------------------------------------- Ogg

_OGG_BEGINS, _OGG_ENDS = 2, 4
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def _ogg(file: _File) -> DeclaredFormat:
    """Look at every page: its check sum, its number, and whether the last one of each stream is there.

    libsndfile leaves out the damaged ones without a word.
    """
    pages: dict[int, int] = {}  # stream -> number of its last page
    running: set[int] = set()
    position = 0
    while position < file.size:
        header = file.read(position, 27)
        if header[:5] != b"OggS\0" or len(header) < 27:
            raise DeclaredFormatError(f"damaged or truncated, there is no Ogg page at byte {position}")
        lengths = file.read(position + 27, header[26])
        page = file.read(position, 27 + header[26] + sum(lengths))
        if len(lengths) < header[26] or len(page) < 27 + header[26] + sum(lengths):
            raise DeclaredFormatError(f"truncated, it ends in the middle of the Ogg page at byte {position}")
        flags, stream, number, stated = header[5], *struct.unpack_from("<III", header, 14)
        if _ogg_checksum(page[:22] + bytes(4) + page[26:]) != stated:
            raise DeclaredFormatError(f"damaged, the check sum of the Ogg page at byte {position} is wrong")
        _check_ogg_order(flags, stream, number, pages, running, position)
        position += len(page)
    if running:
        raise DeclaredFormatError("truncated, its last Ogg page is missing")
    return DeclaredFormat()


def _check_ogg_order(
    flags: int, stream: int, number: int, pages: dict[int, int], running: set[int], position: int
) -> None:
    """Make sure that a page continues its stream, and note it in `pages` and `running`."""
    if flags & _OGG_BEGINS:
        if pages and not running:
            raise DeclaredFormatError(f"a second recording begins at byte {position}; split the file")
        if stream in pages:
            raise DeclaredFormatError(f"damaged, its Ogg stream begins once more at byte {position}")
        running.add(stream)
    elif stream not in running or number != pages[stream] + 1 & _ALL_ONES:
        raise DeclaredFormatError(f"damaged, Ogg pages are missing or out of order at byte {position}")
    pages[stream] = number
    if flags & _OGG_ENDS:
        running.discard(stream)


def _ogg_checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's polynomial, but with the bits the other way round and nothing inverted."""
    reverse = zlib.crc32(page.translate(_REVERSED), _ALL_ONES) ^ _ALL_ONES
    return int.from_bytes(reverse.to_bytes(4, "little").translate(_REVERSED), "big")


# -------------------------------------------------------------------------------------------------------------- FLAC

_FLAC_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
_FLAC_BITS = (0, 8, 12, 0, 16, 20, 24, 32)
_SMALLEST_FLAC_FRAME = 10  # bytes: header of six with its check sum, one constant of two, check sum of two


def _flac(file: _File) -> DeclaredFormat:
    """Compare STREAMINFO with the header of the first frame, which repeats most of it."""
    longest_block, packed, md5 = struct.unpack_from(">10xH6xQ16s", file.head)
    rate, channels, bits = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    frames = packed & (1 << 36) - 1
    start = _after_flac_metadata(file)
    if frames > (file.size - start) // _SMALLEST_FLAC_FRAME * longest_block:
        raise DeclaredFormatError(
            f"truncated, {file.size} bytes can't hold the {frames} samples that its header declares"
        )
    _check_flac_frame(file.read(start, 16).ljust(16, b"\0"), rate, channels, bits)
    return DeclaredFormat(rate, channels, frames or None, None, bits, md5 if any(md5) else b"")


def _after_flac_metadata(file: _File) -> int:
    """Where the first frame begins."""
    position = 4
    for _ in range(_MOST_CHUNKS):
        header = file.read(position, 4)
        if len(header) < 4:
            break
        position += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 128:
            return position
    raise _unreadable("truncated, it ends before its audio begins")


def _check_flac_frame(frame: bytes, rate: int, channels: int, bits: int) -> None:
    """Hold the first bytes of the first frame against what the header says."""
    if frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
        raise _unreadable("truncated or damaged, its audio doesn't begin where its header ends")
    layout, width = frame[3] >> 4, _FLAC_BITS[frame[3] >> 1 & 7]
    found = {
        "channels": (channels, layout + 1 if layout < 8 else 2),
        "bits": (bits, width or bits),
        "Hz": (rate, _flac_frame_rate(frame) or rate),
    }
    for unit, (stated, repeated) in found.items():
        if stated != repeated:
            raise _contradiction(f"{stated} {unit}, but {repeated} {unit} where the audio begins")


def _flac_frame_rate(frame: bytes) -> int:
    """Sample rate in the header of a frame, Hz; 0 if it says "as in STREAMINFO"."""
    code = frame[2] & 15
    if code < len(_FLAC_RATES):
        return _FLAC_RATES[code]
    # after the frame's number, whose first byte tells its length, and the size of an unusual block
    number = max(1, 8 - (frame[4] ^ 0xFF).bit_length()) if frame[4] & 128 else 1
    position = 4 + number + {6: 1, 7: 2}.get(frame[2] >> 4, 0)
    if code == 12:
        return frame[position] * 1000
    return int.from_bytes(frame[position : position + 2], "big") * (10 if code == 14 else 1)


_READERS: dict[bytes, Callable[[_File], DeclaredFormat]] = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _rf64,
    b"BW64": _rf64,
    b"riff": _w64,
    b"FORM": _aiff,
    b"caff": _caf,
    b".snd": _au,
    b"dns.": _au,
    b"OggS": _ogg,
    b"fLaC": _flac,
}
