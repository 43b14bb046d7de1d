"""What a recording's own header declares, and whether the file has it.

libsndfile reads a file that was cut off as a shorter recording, without a word.  Here the headers are read once more,
with nothing but `struct`, for what decides length and format: audio that is missing, or that lies beyond the end which
the header states, is an error.  What says a thing once more and makes no difference (byte rates, sizes that were never
filled in, pad bytes) may be wrong, which is noted.  Whatever a header says, only pieces of limited length are read from
the places that it names.  What libsndfile refuses anyway is left to it.

Its log (``SoundFile.extra_info``) is no substitute: of the damage found here to files that libsndfile goes on reading
(20,000 random ones), it names all but 2 to 5 % in WAV and its kin and in AIFF, half in AU and CAF, and none in FLAC.

What no header tells, so that damage passes for sound:

- how long a recording is whose length is left open, as programs do that write to a pipe;
- in AIFF, AU and CAF, that the sample rate is wrong, which is stated once; in ADPCM, that it is wrong;
- that one encoding stands in place of another of the same width: A-law and mu-law in WAV, any in AU, the order of bytes
  in CAF;
- changed samples where there is no check sum, as in all formats but FLAC and Ogg.

Other codecs in WAV (G.721, NMS) and rare formats (VOC, NIST, MAT, ...) are left to libsndfile altogether.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

_MOST_CHUNKS = 100_000  # of a file are looked at
_OPEN_LENGTHS = (range(0x7FFFF000, 0x80000010), range(0xFFFFF000, 0x100000000))
"""32-bit sizes that programs write who don't know the length: "until the end of the stream", as 0 does."""

_OPEN_LENGTH_64 = (1 << 63) - 1
_ALL_ONES = 0xFFFFFFFF
_HEAD = 256  # bytes at the start that are read at once
_FORMAT_BYTES = 64  # of a format chunk; none that is known has more that matters
_TEXT = frozenset(range(0x20, 0x7F))


class DeclaredFormatError(Exception):
    """The file lacks what its header declares, or the header contradicts itself.

    The message is a part of a sentence, for instance "truncated, 1234 bytes of audio are missing at the end".
    """


class PlainSamples(NamedTuple):
    """Where samples lie in a file: first byte, number of bytes, and whether the high byte of each comes first."""

    start: int
    length: int
    big_endian: bool


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
    counted
        Samples per channel that belong to the recording, where the last block of a codec holds more.
    plain
        Where plain samples lie, so that they can be read without libsndfile's opinion of the header.
    notes
        What is wrong with the header and makes no difference, a sentence each, the same for all files.
    """

    sample_rate: int | None = None
    channels: int | None = None
    frames: int | None = None
    encoding: str | None = None
    bits: int | None = None
    md5: bytes = b""
    counted: int | None = None
    plain: PlainSamples | None = None
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
        file = file.from_byte(10 + id3_length(file.head))
    try:
        return _READERS[file.head[:4]](file) if file.head[:4] in _READERS else DeclaredFormat()
    except struct.error:  # fewer bytes than a field has
        raise _unreadable("its header is cut off") from None


def id3_length(head: bytes) -> int:
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
    notes: tuple[str, ...] = ()


def _is_open(number: int) -> bool:
    """Whether a size of 32 bits stands for "unknown"."""
    return number == 0 or any(number in lengths for lengths in _OPEN_LENGTHS)


# --------------------------------------------------------------------------------------------- files made of chunks

_UNFILLED = "its header was never filled in, as when a recorder is stopped; the audio goes to the end of the file"
_COUNTS_HEADER = "its size of the audio counts the header, too"
_PARTIAL = "a part of a sample at its end was left out"
_NAMES = frozenset(
    name.encode()
    for text in (
        "fmt |data|fact|LIST|bext|iXML|id3 |ID3 |JUNK|PAD |FLLR|cue |smpl|inst|PEAK|afsp|DISP",
        "_PMX|COMM|SSND|ANNO|NAME|MARK|APPL",
    )
    for name in text.split("|")
)
"""Of chunks that are known; one of them at the very end may be cut off."""

_TAIL = 1 << 16  # bytes at the end of a file, in which chunks behind audio of unknown length are looked for
_ODD_REST = "what follows the audio is cut off, or is no part of the format"


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
    big_endian
        The order of bytes of samples.
    """

    header: struct.Struct
    counted: int
    multiple: int
    format: bytes
    audio: bytes
    preface: int
    big_endian: bool

    def is_open(self, length: int) -> bool:
        """Whether this length of the audio stands for "until the end"."""
        if self.header.size == 8:
            return _is_open(length)
        return length >= _OPEN_LENGTH_64


class _Chunk(NamedTuple):
    """Where the content of a chunk starts, and its bytes; a length of None is "until the end of the file"."""

    name: bytes
    start: int
    length: int | None


_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_KIND = (bytes.fromhex("726966662e91cf11a5d628db04c10000"), b"wave" + _W64_TAIL)
_RIFF = _Layout(struct.Struct("<4sI"), 0, 2, b"fmt ", b"data", 0, False)
_RIFX = _RIFF._replace(header=struct.Struct(">4sI"), big_endian=True)
_W64 = _Layout(struct.Struct("<16sQ"), 24, 8, b"fmt " + _W64_TAIL, b"data" + _W64_TAIL, 0, False)
_AIFF = _Layout(struct.Struct(">4sI"), 0, 2, b"COMM", b"SSND", 8, True)
_CAF = _Layout(struct.Struct(">4sQ"), 0, 1, b"desc", b"data", 4, True)


def _text(name: bytes) -> str:
    return name[:4].decode("latin-1").strip()


def _chunk_at(file: _File, position: int, layout: _Layout) -> _Chunk | None:
    """The chunk at a position; None where none begins."""
    header = file.read(position, layout.header.size)
    if len(header) < layout.header.size:
        return None
    name, length = layout.header.unpack(header)
    if layout is not _W64 and not (_TEXT.issuperset(name) and name.strip()):
        return None
    start = position + layout.header.size
    if length < layout.counted:
        return None
    return _Chunk(name, start, length - layout.counted)


def _after(file: _File, chunk: _Chunk, layout: _Layout) -> int:
    """Where the next chunk begins: behind a pad byte, which some programs leave out."""
    end = chunk.start + (chunk.length or 0)
    padded = end + -end % layout.multiple
    if padded == end or layout.multiple != 2:
        return padded
    for position in (padded, end):
        after = _chunk_at(file, position, layout)
        if after is not None and after.start + (after.length or 0) <= file.size + 1:
            return position
    return padded


def _find_chunks(file: _File, position: int, layout: _Layout) -> dict[bytes, _Chunk]:
    """Chunks by name, from `position` up to where both format and audio are known."""
    found: dict[bytes, _Chunk] = {}
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk_at(file, position, layout)
        if chunk is None:
            break
        if chunk.name in found and chunk.name in (layout.format, layout.audio):
            raise _contradiction(f'it has two parts "{_text(chunk.name)}"')
        if layout is _AIFF and chunk.name == b"COMM" and chunk.length == 26 and _follows(file, chunk.start + 18):
            chunk = chunk._replace(length=18)  # some programs count the chunk's own header
        found[chunk.name] = chunk
        if layout.audio in found and layout.format in found:
            return found
        position = _after(file, chunk, layout)
    missing = layout.audio if layout.format in found else layout.format
    raise _unreadable(f'no part "{_text(missing)}" is found; the file may have been cut off before it')


def _follows(file: _File, position: int) -> bool:
    """Whether a chunk of AIFF begins here that fits into the file."""
    chunk = _chunk_at(file, position, _AIFF)
    return chunk is not None and chunk.start + (chunk.length or 0) <= file.size + 1


def _audio_length(
    file: _File, layout: _Layout, chunk: _Chunk, length: int, stated_end: int | None
) -> tuple[int, tuple[str, ...]]:
    """Bytes of samples, and what is wrong with the header and makes no difference.

    Parameters
    ----------
    length
        Of the chunk's content, as stated.
    stated_end
        Where the last chunk ends according to the first bytes of the file; None if they don't say.

    Raises
    ------
    DeclaredFormatError
        If some are missing, or if audio follows them.
    """
    available = file.size - chunk.start
    if layout.is_open(length) and (length > available or length == 0):
        whole = stated_end == file.size and _rest_problem(file, layout, chunk._replace(length=0), stated_end) is None
        if length == 0 and whole and available > 0:
            return 0, ()  # an empty recording, with other parts behind it
        available -= _trailing_chunks(file, layout, chunk.start)
        return max(0, available - layout.preface), (_UNFILLED,) if length == 0 else ()
    if length < layout.preface:
        raise _contradiction(f"its audio can't have {length} bytes")
    missing = length - available
    if missing > 0:
        header = chunk.start
        fits = stated_end is not None and stated_end <= file.size
        if (fits and missing <= header) or (stated_end == file.size + 8 and missing == header):
            return available - layout.preface, (_COUNTS_HEADER,)
        raise _truncated(missing)
    problem = _rest_problem(file, layout, chunk, stated_end)
    if problem is not None and problem != _ODD_REST:
        raise _contradiction(problem)
    return length - layout.preface, () if problem is None else (problem,)


def _rest_problem(file: _File, layout: _Layout, audio: _Chunk, stated_end: int | None) -> str | None:
    """What is wrong with that which follows the audio: None if it is chunks up to the end, `_ODD_REST` if it is no
    audio all the same, or a sentence about audio that the header does not count."""
    position = _after(file, audio, layout)
    chunk: _Chunk | None = None
    for _ in range(_MOST_CHUNKS):
        if position >= file.size - 1 - (layout is _CAF):  # libsndfile ends CAF with a pad byte
            return None
        chunk = _chunk_at(file, position, layout)
        if chunk is None:
            break
        if chunk.start + (chunk.length or 0) > file.size + 1:
            if chunk.name in _NAMES:
                return _ODD_REST
            break
        position = _after(file, chunk, layout)
    rest = file.size - position
    if rest < 1 << 32 and _is_padding(file, position):
        return None
    tag = file.read(position, 8)
    few = rest <= 8 and (stated_end is None or stated_end <= file.size + 1)
    if few or (rest < 8 and tag[:4] in _NAMES) or tag[:3] in (b"TAG", b"ID3") or tag == b"APETAGEX":
        return _ODD_REST
    if position == stated_end and chunk is None and rest <= 4096 and position != audio.start + (audio.length or 0):
        return _ODD_REST  # of another program, behind its own chunks
    return f"what follows the audio that it states ({rest} bytes at byte {position}) may be audio, too"


def _trailing_chunks(file: _File, layout: _Layout, start: int) -> int:
    """Bytes of the chunks at the end of a file whose audio, from `start` on, is of unknown length."""
    begin = max(start, file.size - _TAIL)
    tail = file.read(begin, _TAIL)
    for name in (b"LIST", b"id3 ", b"bext", b"cue "):
        position = tail.rfind(name)
        if position >= 0:
            chunk = _chunk_at(file, begin + position, layout)
            if chunk is not None and chunk.start + (chunk.length or 0) in (file.size, file.size - 1):
                return len(tail) - position
    return 0


def _is_padding(file: _File, position: int) -> bool:
    """Whether nothing but zeros, or nothing but ones, follows."""
    first = file.read(position, 1)
    if first not in (b"\0", b"\xff"):
        return False
    while block := file.read(position, 1 << 20):
        if block.strip(first):
            return False
        position += len(block)
    return True


def _format_of_chunks(
    file: _File,
    position: int,
    layout: _Layout,
    encoding_of: Callable[[bytes], _Encoding],
    stated_end: int | None,
    stated_length: int | None = None,
) -> tuple[DeclaredFormat, dict[bytes, _Chunk]]:
    """What all formats made of chunks have in common; also the chunks up to the audio.

    Parameters
    ----------
    position
        Of the first chunk.
    encoding_of
        Reads the content of the format chunk, of which it gets `_FORMAT_BYTES` at most.
    stated_end
        See `_audio_length`.
    stated_length
        Of the audio, where another chunk has it.
    """
    chunks = _find_chunks(file, position, layout)
    audio, form = chunks[layout.audio], chunks[layout.format]
    encoding = encoding_of(file.read(form.start, min(form.length or 0, _FORMAT_BYTES)))
    length = audio.length or 0
    if stated_length is not None and length >= _ALL_ONES:
        length = stated_length
        audio = audio._replace(length=length)
    length, notes = _audio_length(file, layout, audio, length, stated_end)
    return _declared(encoding, audio.start + layout.preface, length, layout.big_endian, notes), chunks


def _declared(
    encoding: _Encoding, start: int, length: int, big_endian: bool, notes: tuple[str, ...] = ()
) -> DeclaredFormat:
    """The format of `length` bytes of audio from `start` on; a last sample that is not whole is left out."""
    frames, plain = None, None
    if encoding.block is not None and encoding.packed == 1:
        frames, rest = divmod(length, encoding.block)
        notes = (*notes, _PARTIAL) if rest > 1 else notes  # a single byte pads, with some programs
        plain = PlainSamples(start, frames * encoding.block, big_endian) if encoding.name else None
    return DeclaredFormat(
        encoding.sample_rate,
        encoding.channels,
        frames,
        encoding.name,
        plain=plain,
        notes=(*notes, *encoding.notes),
    )


# ------------------------------------------------------------------------------------------------- RIFF and its kin

_PCM, _MS_ADPCM, _FLOAT, _A_LAW, _MU_LAW, _IMA_ADPCM, _GSM = 0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31
_EXTENSIBLE = 0xFFFE
_LAWS = {_A_LAW: "ALAW", _MU_LAW: "ULAW"}
_PCM_NAMES = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_FLOAT_NAMES = {4: "FLOAT", 8: "DOUBLE"}
_SUBFORMATS = ((0, 0x10, bytes.fromhex("800000aa00389b71")), (0x0721, 0x11D3, bytes.fromhex("8644c8c1ca000000")))


def _riff(file: _File) -> DeclaredFormat:
    order = ">" if file.head[:4] == b"RIFX" else "<"
    if file.head[8:12] != b"WAVE":
        return DeclaredFormat()
    size = struct.unpack_from(f"{order}I", file.head, 4)[0]
    layout = _RIFX if order == ">" else _RIFF
    end = None if _is_open(size) else size + 8
    found, chunks = _format_of_chunks(file, 12, layout, lambda content: _wave_encoding(content, order), end)
    return _counted(file, found, chunks, order)


def _counted(file: _File, found: DeclaredFormat, chunks: dict[bytes, _Chunk], order: str) -> DeclaredFormat:
    """With the samples that a chunk ``fact`` counts of a codec, whose last block may hold more."""
    form, audio, fact = chunks[b"fmt "], chunks[b"data"], chunks.get(b"fact")
    (tag,) = struct.unpack(f"{order}H", file.read(form.start, 2))
    if tag not in (_MS_ADPCM, _IMA_ADPCM, _GSM) or fact is None or (fact.length or 0) < 4:
        return found
    (block,) = struct.unpack_from(f"{order}H", file.read(form.start + 12, 2))
    (packed,) = struct.unpack_from(f"{order}H", file.read(form.start + 18, 2).ljust(2, b"\0"))
    (samples,) = struct.unpack(f"{order}I", file.read(fact.start, 4))
    blocks = -(-(audio.length or 0) // block) if block else 0
    # a block more or less: some count the first samples of a block otherwise, and GSM's pad byte is taken for a block
    plausible = (blocks - 2) * packed < samples <= (blocks + 1) * packed
    return replace(found, counted=samples) if plausible and samples else found


def _rf64(file: _File) -> DeclaredFormat:
    """RIFF whose sizes stand in a chunk ``ds64``, with 64 bits."""
    if file.head[8:16] != b"WAVEds64":
        return DeclaredFormat()
    size, audio = struct.unpack_from("<QQ", file.head, 20)
    end = None if size in (0, _OPEN_LENGTH_64) or size >= _OPEN_LENGTH_64 else size + 8
    return _format_of_chunks(file, 12, _RIFF, _wave_encoding, end, audio)[0]


def _w64(file: _File) -> DeclaredFormat:
    """Sony's variant: names of 16 bytes, sizes of 64 bits."""
    if (file.head[:16], file.head[24:40]) != _W64_KIND:
        return DeclaredFormat()
    size = struct.unpack_from("<Q", file.head, 16)[0]
    return _format_of_chunks(file, 40, _W64, _wave_encoding, None if size >= _OPEN_LENGTH_64 else size)[0]


_ADPCM_TOLERANCE = 0.02  # programs compute the mean byte rate of ADPCM in different ways
_FFMPEG_BYTE_RATE = 16000  # of ADPCM, whatever its sample rate
_RATES = {base * factor for base in (8000, 11025, 12000) for factor in (1, 2, 4, 8, 16, 32)}
_RATES |= {5512, 6000, 37800, 50000}
_BYTE_RATE = "its byte rate or block size is wrong, which makes no difference"


def _wave_encoding(content: bytes, order: str = "<") -> _Encoding:
    """Read a ``fmt`` chunk, which says most things twice."""
    tag, channels, rate, byte_rate, block, bits = struct.unpack_from(f"{order}HHIIHH", content)
    if tag == _EXTENSIBLE:
        tag = _extensible_tag(content, order, bits)
    width, name = _sample_width(tag, bits)
    if width is None:
        return _codec(content, order, tag)
    needed = channels * width
    if needed == 0:
        raise _contradiction(f"{channels} channel(s) of {bits} bits are no samples")
    if (block, byte_rate) == (needed, rate * needed):
        return _Encoding(rate, channels, needed, name)
    # whichever of the three is right has to be certain
    if block != needed and byte_rate != rate * needed and (block, byte_rate) != (0, 0):
        raise _contradiction(f"{channels} channel(s) of {bits} bits don't make {block} bytes (block align)")
    other = byte_rate / needed
    if block == needed and rate not in _RATES and byte_rate and other != rate:
        raise _contradiction(f"{rate} samples of {block} bytes in a second are not {byte_rate} bytes (byte rate)")
    if block == needed and other in _RATES and byte_rate not in (rate, rate * 8 * needed, rate * needed):
        raise _contradiction(f"{rate} samples of {block} bytes in a second are not {byte_rate} bytes (byte rate)")
    return _Encoding(rate, channels, needed, name, notes=(_BYTE_RATE,))


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
    """ADPCM and GSM, whose byte rates programs compute in many ways; others with nothing more than is known."""
    channels, rate, byte_rate, block = struct.unpack_from(f"{order}2xHIIH", content)
    if tag not in (_MS_ADPCM, _IMA_ADPCM, _GSM):
        return _Encoding(rate, channels)
    (packed,) = struct.unpack_from(f"{order}H", content, 18)  # libsndfile makes sure that a block holds so many samples
    implied = byte_rate * packed / block if block else 0
    near = {other for other in (*_RATES, rate) if abs(implied - other) <= _ADPCM_TOLERANCE * other}
    if near and rate not in near and byte_rate != _FFMPEG_BYTE_RATE:
        raise _contradiction(f"{rate} samples in a second don't take {byte_rate} bytes (byte rate)")
    # libsndfile takes the pad byte after GSM for a block of its own
    return _Encoding(rate, channels) if tag == _GSM else _Encoding(rate, channels, block or None, None, packed)


# ----------------------------------------------------------------------------------------------------- AIFF and AIFC

_AIFF_WIDTHS = {b"FL32": 4, b"FL64": 8, b"ULAW": 1, b"ALAW": 1}
_AIFF_NAMES = {b"FL32": "FLOAT", b"FL64": "DOUBLE", b"ULAW": "ULAW", b"ALAW": "ALAW", b"RAW ": "PCM_U8"}
_AIFF_INTEGERS = (b"NONE", b"TWOS", b"SOWT", b"RAW ", b"IN24", b"IN32", b"NI24", b"NI32", b"42NI", b"23NI")


def _aiff(file: _File) -> DeclaredFormat:
    if file.head[8:12] not in (b"AIFF", b"AIFC"):
        return DeclaredFormat()
    size = struct.unpack_from(">I", file.head, 4)[0]
    end = None if _is_open(size) else size + 8
    found, chunks = _format_of_chunks(file, 12, _AIFF, _aiff_encoding, end)
    audio, form = chunks[b"SSND"], chunks[b"COMM"]
    (offset,) = struct.unpack(">I", file.read(audio.start, 4))
    (frames,) = struct.unpack(">I", file.read(form.start + 2, 4))
    codec = file.read(form.start + 18, 4).upper() if (form.length or 0) >= 22 else b""
    if found.plain is not None:
        return _plain_aiff(found, offset, frames, codec)
    return found


def _plain_aiff(found: DeclaredFormat, offset: int, frames: int, codec: bytes) -> DeclaredFormat:
    """Samples that may begin behind a gap, held against their number in the header."""
    start, length, _ = found.plain or PlainSamples(0, 0, True)
    block = length // found.frames if found.frames else 1
    if offset > length:
        raise _contradiction(f"its samples can't begin {offset} bytes behind their header")
    there = (length - offset) // block
    if _is_open(frames) or frames == 0:
        frames = there
    if frames > there:
        raise _truncated((frames - there) * block)
    if frames < there:
        raise _contradiction(f"it counts {frames} samples, but has bytes for {there}")
    big_endian = codec not in (b"SOWT", b"42NI", b"23NI")
    return replace(found, frames=frames, plain=PlainSamples(start + offset, frames * block, big_endian))


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
    found, chunks = _format_of_chunks(file, 8, _CAF, _caf_encoding, None)
    flags = struct.unpack(">I", file.read(chunks[b"desc"].start + 12, 4))[0]
    if found.plain is None:
        return found
    return replace(found, plain=found.plain._replace(big_endian=not flags & 2))


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
    length = available if stated == _ALL_ONES else stated
    if length > available:
        raise _truncated(length - available)
    width, name = _AU_ENCODINGS.get(encoding, (0, None))
    sound = _Encoding(rate, channels, channels * width or None, name)
    notes: tuple[str, ...] = ()
    if length == 0 and available:
        length, notes = available, (_UNFILLED,)
    elif length < available and not _is_padding(file, offset + length) and available - length > 16:
        raise _contradiction(f"it counts {length} bytes of audio, but {available} follow")
    return _declared(sound, offset, length, order == ">", notes)


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
        if header[:5] != b"OggS\0" and pages and not running:
            return DeclaredFormat(notes=(_ODD_REST,))
        if header[:1] == b"\0" and (after := _after_zeros(file, position)) is not None:
            position = after  # between pages, in files that were mended
            continue
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


def _after_zeros(file: _File, position: int) -> int | None:
    """Where the next page begins behind zeros; the end of the file if nothing else follows, None if it is no page."""
    while block := file.read(position, 1 << 16):
        rest = block.lstrip(b"\0")
        if rest:
            position += len(block) - len(rest)
            return position if file.read(position, 4) == b"OggS" else None
        position += len(block)
    return position


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
