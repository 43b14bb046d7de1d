"""Whether a recording is still the one that was read: by size and date or, where the date differs, by its content."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

_AT_ONCE = 2**18  # bytes


State = tuple[int, int]
"""Size of a file in bytes, and the time of its last modification in nanoseconds."""


def state_of_files(files: Sequence[str], known: Mapping[str, State] = MappingProxyType({})) -> tuple[str, str]:
    """Sizes in bytes and times of the last modification in nanoseconds, each joined by ``+``; empty if one is missing.

    Parameters
    ----------
    known
        Of files that need not be looked at again.

    Examples
    --------
    >>> state_of_files(["no such file"])
    ('', '')
    """
    try:
        states = [known.get(file) or _state(file) for file in files]
    except OSError:
        return "", ""
    return "+".join([str(size) for size, _ in states]), "+".join([str(date) for _, date in states])


def _state(file: str) -> State:
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def content_checksum(files: Sequence[str]) -> str:
    """CRC-32 of the bytes of some files, one after the other, 8 hexadecimal digits.

    Raises
    ------
    OSError
        If one can't be read.
    """
    value = 0
    # always into the same memory, for to get new memory from the system takes as long as the check sum
    block = memoryview(bytearray(_AT_ONCE))
    for file in files:
        with open(file, "rb", buffering=0) as content:
            while count := content.readinto(block):
                value = zlib.crc32(block[:count], value)
    return f"{value:08x}"
