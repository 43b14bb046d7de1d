"""What tells a damaged file from a whole one: seals, and NumPy and zip files whose own words are checked first.

NumPy is imported where arrays are made, not before: the plan of a run reads headers of arrays on machines without it.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from . import StrPath
from .atomic import whole_file
from .origin import Origin, digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ARCHIVE_BYTES = 64 * 2**20
"""Of an archive of weights; those of this workflow have less than a hundredth of it."""

# ----------------------------------------------------------------------------------------------------------- seals
# A seal is the CRC-32 of what it vouches for, as text. It stands beside it: at the end of a text, as the last cell of a
# line, as the last value of a mapping, or in another file.

_SEAL_DIGITS = 8
_SEAL_KEY = "crc32"


def seal_of(content: bytes) -> str:
    """CRC-32, 8 hexadecimal digits."""
    return f"{zlib.crc32(content):0{_SEAL_DIGITS}x}"


def sealed(lines: str) -> str:
    """CSV text whose last cell, empty so far, gets the seal of all that stands before it."""
    text = lines.removesuffix("\n")
    return f"{text}{seal_of(text.encode())}\n"


def unsealed(text: str) -> str:
    """What `sealed` was given.

    Raises
    ------
    ValueError
        If its seal does not match.
    """
    lines = f"{text[: -_SEAL_DIGITS - 1]}\n"
    if text != sealed(lines):
        raise ValueError("its checksum does not match")
    return lines


def sealed_line(cells: Sequence[str]) -> list[str]:
    """The cells of a line of a table, and their seal."""
    return [*cells, _seal_of_line(cells)]


def _seal_of_line(cells: Sequence[str]) -> str:
    return seal_of("\0".join(cells).encode())


def unsealed_line(cells: Sequence[str], *, or_bare: bool = False) -> list[str]:
    """The cells that `sealed_line` was given.

    Parameters
    ----------
    or_bare
        The seal may be empty.

    Raises
    ------
    ValueError
        If the seal does not match.
    """
    *values, seal = cells
    if (seal or not or_bare) and seal != _seal_of_line(values):
        raise ValueError("its checksum does not match")
    return values


def sealed_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values to be written as JSON, and their seal, ``crc32``."""
    return {**values, _SEAL_KEY: seal_of(json.dumps(dict(values)).encode())}


def unsealed_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that `sealed_mapping` was given, read back from JSON.

    Raises
    ------
    ValueError
        If their seal does not match.
    KeyError
        If there is none.
    """
    seal = values[_SEAL_KEY]
    bare = {key: value for key, value in values.items() if key != _SEAL_KEY}
    if seal != sealed_mapping(bare)[_SEAL_KEY]:
        raise ValueError("its checksum does not match")
    return bare


# ---------------------------------------------------------------------------------------------------------- arrays

_MAGIC = b"\x93NUMPY"
_LENGTHS = {(1, 0): struct.Struct("<H"), (2, 0): struct.Struct("<I")}
_MAX_HEADER = 10_000  # characters, as NumPy has it; longer ones could take the parser much time and memory
_KEYS = {"descr", "fortran_order", "shape"}
_DTYPE = re.compile(r"(?P<order>[<>|])(?P<kind>[biufcSUO])(?P<size>\d*)", re.ASCII)
_NUMBERS = {"b": ("bool", (1,)), "i": ("int", (1, 2, 4, 8)), "u": ("uint", (1, 2, 4, 8))}
_NUMBERS |= {"f": ("float", (2, 4, 8)), "c": ("complex", (8, 16))}
_BYTES_PER_CHARACTER = 4


@dataclass(frozen=True)
class ArrayHeader:
    """What a ``.npy`` file says of its array.

    Attributes
    ----------
    dtype
        As NumPy writes it, such as ``<f4`` or ``<U8``.
    itemsize
        Of an element in bytes.
    """

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: str
    itemsize: int

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def type_name(self) -> str:
        """The type as NumPy calls it: ``float32`` for ``<f4``."""
        order, kind = self.dtype[0], self.dtype[1]
        if kind not in _NUMBERS or order == ">":
            return self.dtype
        name, _ = _NUMBERS[kind]
        return name if kind == "b" else f"{name}{8 * self.itemsize}"

    def shaped(self, values: NDArray[Any]) -> NDArray[Any]:
        """The elements, [count], in the array's shape."""
        return values.reshape(self.shape, order="F" if self.fortran_order else "C")


def _itemsize(dtype: Any) -> int:
    """Bytes of an element of a plain type.

    Raises
    ------
    ValueError
        If the type is no plain one.
    """
    found = _DTYPE.fullmatch(dtype) if isinstance(dtype, str) else None
    if found is None:
        raise ValueError(f"its type {str(dtype)[:100]!r} is none of plain numbers or text")
    order, kind, digits = found.groups()
    if kind == "O":
        raise ValueError("it holds Python objects, which could run code")
    size = int(digits or -1)
    if kind in _NUMBERS:
        known = size in _NUMBERS[kind][1] and (order == "|") == (size == 1)
    else:
        known = size >= 0 and (order == "|") == (kind == "S")
    if not known:
        raise ValueError(f"there is no type {dtype!r}")
    return size * _BYTES_PER_CHARACTER if kind == "U" else size


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError("it ends within its header")
    return content


def read_array_header(file: BinaryIO, size: int) -> ArrayHeader:
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
        If this is no such file, or if it is longer or shorter than its header says, or holds anything but plain numbers
        or text.
    """
    magic = _read_exactly(file, len(_MAGIC) + 2)
    version = (magic[-2], magic[-1])
    if magic[:-2] != _MAGIC:
        raise ValueError("it does not begin as NumPy's files do")
    if version not in _LENGTHS:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is not read")
    (length,) = _LENGTHS[version].unpack(_read_exactly(file, _LENGTHS[version].size))
    if length > _MAX_HEADER:
        raise ValueError(f"its header has {length} characters")
    text = _read_exactly(file, length).decode("latin-1")
    try:
        about = ast.literal_eval(text)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"its header can't be read ({type(error).__name__})") from None
    if not isinstance(about, dict) or about.keys() != _KEYS:
        raise ValueError(f"its header is no mapping with {', '.join(sorted(_KEYS))}")
    shape, fortran_order, dtype = about["shape"], about["fortran_order"], about["descr"]
    if not isinstance(shape, tuple) or not all(isinstance(side, int) for side in shape):
        raise ValueError("its shape is no list of whole numbers")
    if not isinstance(fortran_order, bool):
        raise ValueError("its order of elements is neither C's nor Fortran's")
    header = ArrayHeader(tuple(map(int, shape)), fortran_order, dtype, _itemsize(dtype))  # NumPy lets True pass for 1
    data, there = header.count * header.itemsize, size - file.tell()
    if min(header.shape, default=0) < 0 or data != there:
        raise ValueError(f"{list(header.shape)} elements of {header.type_name} are {data} bytes, but {there} are there")
    return header


def array_of(content: bytes) -> NDArray[Any]:
    """The array of a whole ``.npy`` file.

    Raises
    ------
    ValueError
        As `read_array_header` does.
    """
    import numpy as np

    file = io.BytesIO(content)
    header = read_array_header(file, len(content))
    return header.shaped(np.frombuffer(content, header.dtype, header.count, file.tell())).copy()


# -------------------------------------------------------------------------------------------------------- archives

_END_OF_ARCHIVE = b"PK\x05\x06"
_END_OF_ARCHIVE_SIZE = 22  # without a comment, which NumPy does not write


def _read_members(path: StrPath, max_bytes: int) -> dict[str, bytes]:
    """The members of a zip archive as NumPy writes it, none of them compressed; name -> content.

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


_ORIGIN = "origin"  # member of an archive: an origin and a checksum of the other members, as JSON
_CONTENT = "content"


def _checksum_of_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    return digest(
        [
            [name, str(array.dtype), list(array.shape), seal_of(array.tobytes())]
            for name, array in sorted(arrays.items())
        ]
    )


def write_archive(path: StrPath, arrays: Mapping[str, NDArray[Any]], origin: Origin | None = None) -> None:
    """Write arrays as an ``.npz`` file that says whose it is, whole or not at all."""
    import numpy as np

    about = {_CONTENT: _checksum_of_arrays(arrays), **(origin or Origin()).values()}
    told = np.frombuffer(json.dumps(sealed_mapping(about)).encode(), np.uint8)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **{**arrays, _ORIGIN: told})  # type: ignore[arg-type]


def _origin_of_archive(content: bytes) -> tuple[Origin, str]:
    """Origin and checksum of the other members, from the member that holds them.

    Raises
    ------
    ValueError, KeyError
        If it is something else.
    """
    file = io.BytesIO(content)
    read_array_header(file, len(content))
    about = unsealed_mapping(json.loads(file.read()))
    checksum = about.pop(_CONTENT)
    return Origin.of(about), checksum


def read_archive(
    path: StrPath, max_bytes: int = MAX_ARCHIVE_BYTES, *, expected: Origin | None = None
) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file that `write_archive` wrote.

    Parameters
    ----------
    expected
        Whose it has to be.

    Raises
    ------
    ValueError, KeyError, zipfile.BadZipFile, OSError
        As `_read_members` and `read_array_header` do, or if it is another one's, or does not say whose it is.
    """
    members = _read_members(path, max_bytes)
    origin, checksum = _origin_of_archive(members.pop(f"{_ORIGIN}.npy"))
    origin.require(expected)
    arrays = {name.removesuffix(".npy"): array_of(content) for name, content in members.items()}
    if checksum != _checksum_of_arrays(arrays):
        raise ValueError("its arrays do not match their checksum")
    return arrays


def read_origin_of_archive(path: StrPath) -> tuple[Origin, str]:
    """Whose an archive of `write_archive` is, and the checksum of its arrays, which are not read.

    Raises
    ------
    ValueError, KeyError, zipfile.BadZipFile, OSError
        As `read_archive` does.
    """
    with zipfile.ZipFile(path) as archive:
        return _origin_of_archive(archive.read(f"{_ORIGIN}.npy"))
