"""A part of an open file as a file of its own: plain samples behind a header, audio between titles."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO


class FilePart(io.RawIOBase):
    """A part of a file, read at a position of its own, so that several readers can share the file.

    Parameters
    ----------
    file
        Open for reading.
    start, end
        Its bytes; the end of the file unless said otherwise.

    Notes
    -----
    FFmpeg asks for impossible positions in damaged files, which it is told by a negative number.
    """

    def __init__(self, file: BinaryIO | io.RawIOBase, start: int = 0, end: int | None = None) -> None:
        self._file, self._position, self._start = file, 0, start
        self._size = max(0, (file.seek(0, os.SEEK_END) if end is None else end) - start)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Position in the part."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position in the part, and say which; -1 if there is none such."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}.get(whence)
        if base is None or not 0 <= base + offset < 2**63:
            return -1
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as the part goes."""
        self._file.seek(self._start + min(self._position, self._size))
        content = self._file.read(max(0, min(len(buffer), self._size - self._position))) or b""
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
