"""Small archives, what is in them, and `fetch_archive` with little patience."""

from __future__ import annotations

import hashlib
import io
import random
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from asd.download.archives import Archive, Retry, fetch_archive
from asd.errors import UserError
from faulty_server import Fault, FaultyServer

KINDS = [
    Fault.DROP,
    Fault.STALL,
    Fault.FLIP,
    Fault.SHORT,
    Fault.IGNORE_RANGE,
    Fault.WRONG_START,
    Fault.WRONG_TOTAL,
    Fault.BUSY,
]
"""Faults that pass; a page in place of the archive does not."""

QUICK = Retry(
    attempts=4,
    first_pause=0.005,
    longest_pause=0.01,
    longest_asked_pause=0.01,
    connect_timeout=2.0,
    read_timeout=0.25,
)
OVERSHOOT = 400_000  # bytes that a server has under way before it learns that the client has hung up

Content = dict[str, bytes]


def members(seed: int = 0, count: int = 8, size: int = 20_000) -> Content:
    """Random and compressible data in two folders."""
    rng = random.Random(seed)
    random_ones = {f"fan/id_00/{n:04}.wav": rng.randbytes(size) for n in range(0, count, 2)}
    texts = {f"fan/id_02/{n:04}.txt": b"%d hum " % rng.randrange(10**6) * (size // 8) for n in range(1, count, 2)}
    return random_ones | texts


def zipped(content: Mapping[str | zipfile.ZipInfo, bytes] | Content) -> bytes:
    """An archive: every second member is deflated, the others are stored."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (name, data) in enumerate(content.items()):
            method = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            archive.writestr(name, data, compress_type=method)
    return stream.getvalue()


def described(content: bytes, server: FaultyServer, name: str = "fan", unpacked: int = 0) -> Archive:
    """Of an archive that a server has; nothing said of its unpacked size, so that it is looked up once it is there."""
    return Archive(name, f"{server.url}/{name}.zip", len(content), hashlib.md5(content).hexdigest(), unpacked)


def tree(folder: Path) -> Content:
    """All files below a folder, hidden ones as well, by their path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def fetch(archive: Archive, root: Path, *, delete_archive: bool = True, retry: Retry = QUICK) -> None:
    with patch("os.sync"):  # it would wait for all that others write to this disk
        fetch_archive(archive, root, delete_archive=delete_archive, retry=retry)


def failure(archive: Archive, root: Path, *, delete_archive: bool = True, retry: Retry = QUICK) -> str:
    """What the user is told."""
    with pytest.raises(UserError) as caught:
        fetch(archive, root, delete_archive=delete_archive, retry=retry)
    return str(caught.value)


def unpacked(content: Content, name: str = "fan") -> Content:
    return {f"{name}/{member}": data for member, data in content.items()}


def starts(server: FaultyServer) -> list[int | None]:
    return [request.start for request in server.requests]


def flipped(content: bytes, *positions: int) -> bytes:
    changed = bytearray(content)
    for position in positions:
        changed[position] ^= 0x10
    return bytes(changed)


def offset(content: bytes, number: int) -> int:
    """Where the member of this number begins in an archive, -1 for the directory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.start_dir if number == -1 else archive.infolist()[number].header_offset


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


CONTENT = members()
WHOLE = zipped(CONTENT)
SIZE = len(WHOLE)
MEMBER = 20_100  # bytes of a stored member with its header
