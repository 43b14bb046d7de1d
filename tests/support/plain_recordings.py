"""Uncompressed recordings read once more, plainly: nothing of the package, no audio library, the file as one `bytes`.

Written from the descriptions of the formats: Microsoft's *Multimedia Programming Interface and Data Specifications
1.0* and *Multiple Channel Audio Data and WAVE Files* (WAV), EBU Tech 3306 (RF64), Sony's *Wave64*, Apple's *AIFF-C*
and *Core Audio Format*, the header of Sun's ``audio_filehdr.h`` (AU); ITU-T G.711 for A-law and mu-law.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STREAMED = 0x7FFFF000
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


class NotPlainError(Exception):
    """The bytes are no uncompressed recording, or contradict themselves."""


class UnknownCodecError(NotPlainError):
    """They may be a good recording, but none that is read here."""


@dataclass
class Recording:
    """`samples` are float64 [samples, channels], full scale is 1; `rate` is in Hz."""

    rate: float
    samples: NDArray[np.float64]


def plain_recording(content: bytes) -> Recording:
    """Decode a WAV, RF64, W64, AIFF, AIFC, AU or CAF file.

    Raises
    ------
    NotPlainError
        If it is not what its header says; as `UnknownCodecError` if it is none of them, or compressed.
    """
    readers = {
        b"RIFF": plain_wav,
        b"RIFX": plain_wav,
        b"RF64": plain_rf64,
        b"riff": plain_w64,
        b"FORM": plain_aiff,
        b".snd": plain_au,
        b"dns.": plain_au,
        b"caff": plain_caf,
    }
    if content[:4] not in readers:
        raise UnknownCodecError("an unknown format")
    try:
        return readers[content[:4]](content)
    except struct.error as error:
        raise NotPlainError(f"too short ({error})") from None


# ------------------------------------------------------------------------------------------------------------ samples


def a_law(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """ITU-T G.711: every second bit is inverted; three bits of exponent, four of mantissa."""
    values = np.empty(256)
    for code in range(256):
        bits = code ^ 0x55
        exponent, mantissa = bits >> 4 & 7, bits & 15
        size = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
        values[code] = size if bits & 0x80 else -size
    return values[codes] / 32768


def mu_law(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """ITU-T G.711: all bits are inverted, and a bias of 132 is taken off."""
    values = np.empty(256)
    for code in range(256):
        bits = ~code & 0xFF
        size = (((bits & 15) << 3) + 132 << (bits >> 4 & 7)) - 132
        values[code] = -size if bits & 0x80 else size
    return values[codes] / 32768


def integers(data: bytes, width: int, order: str) -> NDArray[np.float64]:
    """Signed integers of `width` bytes, full scale is 1."""
    rows = np.frombuffer(data, np.uint8).reshape(-1, width).astype(np.int64)
    if order == ">":
        rows = rows[:, ::-1]
    value = sum(rows[:, place] << 8 * place for place in range(width))
    half = 1 << (8 * width - 1)
    return (np.asarray(value) ^ half) / half - 1.0 if width else np.empty(0)


def samples_of(data: bytes, channels: int, kind: str, width: int, order: str) -> NDArray[np.float64]:
    """Decode `data` to [samples, channels]; `kind` is integer, unsigned, float, A-law or mu-law."""
    if channels < 1 or width < 1 or (kind == "float" and width not in (4, 8)) or width > 8:
        raise NotPlainError(f"{channels} channels of {width} bytes")
    data = data[: len(data) // (channels * width) * channels * width]
    values: NDArray[np.float64]
    if kind == "float":
        values = np.frombuffer(data, f"{order}f{width}").astype(np.float64)
    elif kind == "unsigned":
        values = (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) / 128.0
    elif kind == "integer":
        values = integers(data, width, order)
    else:
        values = {"A-law": a_law, "mu-law": mu_law}[kind](np.frombuffer(data, np.uint8))
    return values.reshape(-1, channels)


# --------------------------------------------------------------------------------------------------- RIFF and its kin


USUAL_RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)


def wave_format(form: bytes, order: str) -> tuple[int, int, str, int]:
    """Sample rate, channels, kind and width of samples in a ``fmt`` chunk."""
    tag, channels, rate, byte_rate, block, bits = struct.unpack(f"{order}HHIIHH", form[:16])
    if tag == 0xFFFE:
        tag, second, third, rest = struct.unpack(f"{order}IHH8s", form[24:40])
        if (second, third, rest) not in (
            (0, 16, bytes.fromhex("800000aa00389b71")),
            (0x0721, 0x11D3, bytes.fromhex("8644c8c1ca000000")),
        ):
            raise UnknownCodecError("an unknown kind of sample")
    width = (bits + 7) // 8
    if tag in (6, 7):
        width = 1
    if tag not in (1, 3, 6, 7):
        raise UnknownCodecError(f"format {tag}")
    # the block size and the byte rate only repeat what else is there; both wrong, or a byte rate that makes another
    # usual rate of the samples, leave open which of them is damaged
    needed = channels * width
    if needed == 0 or (block not in (0, needed) and byte_rate != rate * needed):
        raise NotPlainError("contradictions")
    if byte_rate not in (rate, rate * needed, rate * needed * 8) and byte_rate / needed in USUAL_RATES:
        raise NotPlainError("contradictions")
    kind = {1: "unsigned" if width == 1 else "integer", 3: "float", 6: "A-law", 7: "mu-law"}[tag]
    return rate, channels, kind, width


def plain_wav(content: bytes, data_size: int | None = None) -> Recording:
    """RIFF/WAVE; `data_size` stands for one of 0xFFFFFFFF."""
    order = ">" if content[:4] == b"RIFX" else "<"
    if content[8:12] != b"WAVE":
        raise NotPlainError("no WAVE")
    form = None
    position = 12
    while position + 8 <= len(content):
        name, size = struct.unpack(f"{order}4sI", content[position : position + 8])
        position += 8
        if name == b"fmt ":
            form = content[position : position + size]
        if name == b"data":
            if form is None:
                raise NotPlainError("data before fmt")
            if size == 0xFFFFFFFF and data_size is not None:
                size = data_size
            if size == 0 or (size >= STREAMED and position + size > len(content)):
                size = len(content) - position
            if position + size > len(content):
                raise NotPlainError("truncated")
            rate, channels, kind, width = wave_format(form, order)
            return Recording(rate, samples_of(content[position : position + size], channels, kind, width, order))
        position += size + size % 2
    raise NotPlainError("no data")


def plain_rf64(content: bytes) -> Recording:
    name, _, _, data_size = struct.unpack("<4sIQQ", content[12:36])
    if name != b"ds64":
        raise NotPlainError("no ds64")
    return plain_wav(content, 0 if data_size >= 0x7FFFFFFFFFFFFFFF else data_size)


def plain_w64(content: bytes) -> Recording:
    if content[24:40] != b"wave" + W64_TAIL:
        raise NotPlainError("no wave")
    form = None
    position = 40
    while position + 24 <= len(content):
        name, size = struct.unpack("<16sQ", content[position : position + 24])
        if size < 24:
            raise NotPlainError("a chunk shorter than its header")
        body = content[position + 24 : position + size]
        if name == b"fmt " + W64_TAIL:
            form = body
        if name == b"data" + W64_TAIL:
            if form is None or (position + size > len(content) and size < 0x7FFFFFFFFFFFFFFF):
                raise NotPlainError("truncated, or data before fmt")
            rate, channels, kind, width = wave_format(form, "<")
            return Recording(rate, samples_of(body, channels, kind, width, "<"))
        position += size + -size % 8
    raise NotPlainError("no data")


# --------------------------------------------------------------------------------------------------------------- others


def extended(number: bytes) -> float:
    """An 80-bit floating-point number, without sign."""
    exponent, mantissa = struct.unpack(">HQ", number)
    if exponent >= 0x8000 or exponent > 16383 + 64:
        raise NotPlainError("an impossible sample rate")
    return float(mantissa * 2.0 ** (exponent - 16383 - 63))


def plain_aiff(content: bytes) -> Recording:
    if content[8:12] not in (b"AIFF", b"AIFC"):
        raise UnknownCodecError("no AIFF")
    parts: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= len(content):
        name, size = struct.unpack(">4sI", content[position : position + 8])
        if name == b"SSND" and (size == 0 or size >= STREAMED):
            size = len(content) - position - 8
        if position + 8 + size > len(content) and name == b"SSND":
            raise NotPlainError("truncated")
        parts[name] = content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    if b"COMM" not in parts or b"SSND" not in parts:
        raise NotPlainError("no COMM or no SSND")
    form = parts[b"COMM"]
    channels, frames, bits = struct.unpack(">HIH", form[:8])
    codec = form[18:22].upper() or b"NONE"
    width = (bits + 7) // 8
    kinds = {
        b"NONE": ("integer", ">"),
        b"TWOS": ("integer", ">"),
        b"SOWT": ("integer", "<"),
        b"RAW ": ("unsigned", ">"),
    }
    laws = {b"ALAW": "A-law", b"ULAW": "mu-law"}
    floats = {b"FL32": 4, b"FL64": 8}
    if codec in kinds:
        kind, order = kinds[codec]
    elif codec in laws:
        kind, order, width = laws[codec], ">", 1
    elif codec in floats:
        kind, order, width = "float", ">", floats[codec]
    else:
        raise UnknownCodecError(f"codec {codec!r}")
    (offset,) = struct.unpack(">I", parts[b"SSND"][:4])
    samples = samples_of(parts[b"SSND"][8 + offset :], channels, kind, width, order)
    if frames not in (len(samples), 0):  # none if written to a pipe
        raise NotPlainError("contradictions")
    return Recording(extended(form[8:18]), samples)


def plain_au(content: bytes) -> Recording:
    order = ">" if content[:4] == b".snd" else "<"
    offset, size, encoding, rate, channels = struct.unpack(f"{order}5I", content[4:24])
    if size != 0xFFFFFFFF and offset + size > len(content):
        raise NotPlainError("truncated")
    kinds = {
        1: ("mu-law", 1),
        2: ("integer", 1),
        3: ("integer", 2),
        4: ("integer", 3),
        5: ("integer", 4),
        6: ("float", 4),
        7: ("float", 8),
        27: ("A-law", 1),
    }
    if encoding not in kinds:
        raise UnknownCodecError(f"encoding {encoding}")
    if offset < 24:
        raise NotPlainError(f"offset {offset}")
    kind, width = kinds[encoding]
    end = len(content) if size == 0xFFFFFFFF else offset + size
    return Recording(rate, samples_of(content[offset:end], channels, kind, width, order))


def plain_caf(content: bytes) -> Recording:
    form = None
    position = 8
    while position + 12 <= len(content):
        name, size = struct.unpack(">4sq", content[position : position + 12])
        position += 12
        if name == b"desc":
            form = content[position : position + 32]
        if name == b"data":
            size = len(content) - position if size == -1 else size
            if form is None or size < 4 or position + size > len(content):
                raise NotPlainError("truncated, or data before desc")
            rate, codec, flags, block, per_packet, channels, bits = struct.unpack(">d4s5I", form)
            kinds = {b"lpcm": "float" if flags & 1 else "integer", b"alaw": "A-law", b"ulaw": "mu-law"}
            if codec not in kinds:
                raise UnknownCodecError(f"codec {codec!r}")
            width = (bits + 7) // 8
            if block != channels * width or per_packet != 1:
                raise NotPlainError("contradictions")
            data = content[position + 4 : position + size]
            return Recording(rate, samples_of(data, channels, kinds[codec], width, "<" if flags & 2 else ">"))
        if size < 0:
            raise NotPlainError("a negative size")
        position += size
    raise NotPlainError("no data")
