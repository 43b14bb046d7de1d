"""What tells a damaged file from a whole one: checksums, and NumPy and zip files whose own words are checked first."""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAX_ARCHIVE_BYTES = 64 * 2**20
"""Of an archive of weights; those of this workflow have less than a hundredth of it."""

_END_OF_ARCHIVE = b"PK\x05\x06"
_END_OF_ARCHIVE_SIZE = 22  # without a comment, which neither NumPy nor torch writes


def crc32(content: bytes) -> str:
    """CRC-32, 8 hexadecimal digits."""
    return f"{zlib.crc32(content):08x}"


@dataclass(frozen=True)
class ArrayHeader:
    """What a ``.npy`` file says of its array."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def shaped(self, values: NDArray[Any]) -> NDArray[Any]:
        """The elements, [count], in the array's shape."""
        return values.reshape(self.shape, order="F" if self.fortran_order else "C")


def read_header(file: BinaryIO, size: int) -> ArrayHeader:
    """Header of a ``.npy`` file, after which `file` stands at the first element.

    Nothing of the size that a header claims has to be allocated to find that the claim is wrong.

    Parameters
    ----------
    file
        Open at its beginning.
    size
        Of the whole file in bytes.

    Raises
    ------
    ValueError
        If this is no such file, or if it is longer or shorter than its header says, or holds Python objects.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is not read")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which could run code")
    header = ArrayHeader(tuple(map(int, shape)), fortran_order, dtype)  # NumPy lets True pass for 1
    data, there = header.count * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or data != there:
        raise ValueError(f"{list(shape)} elements of {dtype} are {data} bytes, but {there} are there")
    return header


def array_of(content: bytes) -> NDArray[Any]:
    """The array of a whole ``.npy`` file.

    Raises
    ------
    ValueError
        As `read_header` does.
    """
    file = io.BytesIO(content)
    header = read_header(file, len(content))
    return header.shaped(np.frombuffer(content, header.dtype, header.count, file.tell())).copy()


def read_members(path: str | os.PathLike[str], max_bytes: int = MAX_ARCHIVE_BYTES) -> dict[str, bytes]:
    """The members of a zip archive as NumPy and torch write it, none of them compressed; name -> content.

    Each member has been compared with its CRC-32.  As none is compressed and all of them together are no larger than
    the file, which is bounded itself, no archive takes more memory than twice `max_bytes`.

    Raises
    ------
    ValueError, zipfile.BadZipFile
        If the archive is damaged, was written by something else, or is larger than `max_bytes`; the module
        `zipfile` raises other exceptions too, depending on where it is damaged.
    OSError
        If the file can't be read.
    """
    with open(path, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes // 2**20} MiB")
    if content[-_END_OF_ARCHIVE_SIZE:][: len(_END_OF_ARCHIVE)] != _END_OF_ARCHIVE:
        raise ValueError("its end is missing, or something follows it")
    (count,) = struct.unpack("<H", content[-_END_OF_ARCHIVE_SIZE:][10:12])
    # from memory, since `zipfile` reads as many bytes as the archive says its directory has
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) != count:  # `zipfile` does not compare them: a list that is cut short would go unnoticed
            raise ValueError(f"it has {len(members)} members, {count} are counted")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed")
        if sum(member.file_size for member in members) > len(content):
            raise ValueError("its members are larger than the file")
        if min((member.header_offset for member in members), default=0) != 0:
            raise ValueError("something stands before its first member")
        if len({member.filename for member in members}) != len(members):
            raise ValueError("two of its members have the same name")
        return {member.filename: archive.read(member) for member in members}


def read_archive(path: str | os.PathLike[str], max_bytes: int = MAX_ARCHIVE_BYTES) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file that `numpy.savez` wrote.

    Raises
    ------
    ValueError, zipfile.BadZipFile, OSError
        As `read_members` and `read_header` do.
    """
    return {name.removesuffix(".npy"): array_of(content) for name, content in read_members(path, max_bytes).items()}
