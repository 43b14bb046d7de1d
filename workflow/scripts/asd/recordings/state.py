"""Whether a recording is still the one that was read: by size and date or, where the date differs, by its content."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence

_AT_ONCE = 2**20  # bytes


def state_of_files(files: Sequence[str]) -> tuple[str, str]:
    """Sizes in bytes and times of the last modification in nanoseconds, each joined by ``+``; empty if one is missing.

    Examples
    --------
    >>> state_of_files(["no such file"])
    ('', '')
    """
    try:
        states = [os.stat(file) for file in files]
    except OSError:
        return "", ""
    return "+".join(str(one.st_size) for one in states), "+".join(str(one.st_mtime_ns) for one in states)


def content_checksum(files: Sequence[str]) -> str:
    """CRC-32 of the bytes of some files, one after the other, 8 hexadecimal digits.

    Raises
    ------
    OSError
        If one can't be read.
    """
    value = 0
    for file in files:
        with open(file, "rb") as content:
            while block := content.read(_AT_ONCE):
                value = zlib.crc32(block, value)
    return f"{value:08x}"
