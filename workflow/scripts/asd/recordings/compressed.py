"""Stub."""

from __future__ import annotations

from typing import Any, BinaryIO

HEAD_BYTES = 64


class CompressedError(Exception):
    """Stub."""


def kind_of(head: bytes) -> str | None:
    """Stub."""
    return None


class CompressedFile:
    """Stub."""

    samplerate: int
    channels: int
    frames: int
    subtype: str

    def __init__(self, file: BinaryIO, kind: str) -> None: ...

    def __enter__(self) -> CompressedFile:
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> Any:
        """Stub."""
