"""The sound of a clip for a page: small, and the same bytes for the same clip."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recordings.audio import SAMPLE_RATE

LONGEST = 300.0
"""Seconds that are put on a page; of a longer clip it is the beginning."""

GOOD, SMALL = 64.0, 32.0
"""Kilobits a second of Opus: for a page about one clip, and for one of many."""

_PEAK = 10 ** (-1 / 20)  # of full scale: quieter clips are made so loud
_LOWEST, _HIGHEST = 6.0, 256.0  # kilobits a second, from libsndfile's compression level 1 to 0
_SERIAL = 1
_AT_ONCE = 2**16  # samples


@dataclass(frozen=True)
class Sound:
    """A clip as browsers play it.

    Attributes
    ----------
    content, kind
        A file, and its MIME type.
    decibels
        By which it was made louder.
    seconds
        Its length.
    whole
        Whether that is all of the clip.
    """

    content: bytes
    kind: str
    decibels: float
    seconds: float
    whole: bool = True


def sound_of(
    samples: NDArray[np.float32], kilobits: float = GOOD, loudest: float = 0.0, longest: float = LONGEST
) -> Sound:
    """Encode a clip: Opus in Ogg, or FLAC where libsndfile has no Opus.

    Parameters
    ----------
    samples
        float32 [samples] at 16 kHz.
    kilobits
        A second, of Opus.
    loudest
        Amplitude that is made full scale, so that clips can be compared; the clip's own where that is higher.
    longest
        Seconds that are kept.
    """
    import soundfile

    kept = samples[: round(longest * SAMPLE_RATE)]
    peak = max(float(np.abs(kept).max()), loudest)
    factor = max(1.0, _PEAK / peak) if peak > 0 else 1.0
    opus = "OPUS" in soundfile.available_subtypes("OGG")
    form: dict[str, Any] = {"format": "OGG", "subtype": "OPUS"} if opus else {"format": "FLAC", "subtype": "PCM_16"}
    if opus:
        form["compression_level"] = (_HIGHEST - kilobits) / (_HIGHEST - _LOWEST)
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", SAMPLE_RATE, 1, **form) as file:
        for start in range(0, len(kept), _AT_ONCE):
            file.write(np.clip(kept[start : start + _AT_ONCE] * np.float32(factor), -1.0, 1.0))
    content = with_serial(buffer.getvalue(), _SERIAL) if opus else buffer.getvalue()
    return Sound(
        content,
        "audio/ogg;codecs=opus" if opus else "audio/flac",
        20 * float(np.log10(factor)),
        len(kept) / SAMPLE_RATE,
        len(kept) == len(samples),
    )


def with_serial(content: bytes, serial: int) -> bytes:
    """An Ogg file of one stream with this serial number, in the place of the random one of the encoder.

    Raises
    ------
    ValueError
        If it is no Ogg file.

    Source: RFC 3533, section 6.
    """
    changed = bytearray(content)
    start = 0
    while start < len(changed):
        if changed[start : start + 4] != b"OggS":
            raise ValueError("this is no Ogg file")
        segments = changed[start + 26]
        end = start + 27 + segments + sum(changed[start + 27 : start + 27 + segments])
        changed[start + 14 : start + 18] = serial.to_bytes(4, "little")
        changed[start + 22 : start + 26] = bytes(4)
        changed[start + 22 : start + 26] = _ogg_checksum(changed[start:end]).to_bytes(4, "little")
        start = end
    return bytes(changed)


def _checksum_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _checksum_table()


def _ogg_checksum(page: bytes | bytearray) -> int:
    """CRC-32 of polynomial 0x04C11DB7, highest bit first, from 0: not that of zlib, whose bits go the other way."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ byte]
    return value
