"""Zip archives as files: check sums, which members are damaged and where, and unpacking that nothing can mislead."""

from __future__ import annotations

import bisect
import errno
import hashlib
import math
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ..errors import UserError

Span = tuple[int, int]
"""Bytes of a file: the first, and the one after the last."""

SIGNATURE = b"PK"
"""All records of a zip archive begin with it, so the archive does."""

_BLOCK = 2**18  # bytes that are read at once


# --------------------------------------------------------------------------------------------- verifying, mending


def checksums(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Checksums of a file, read once: the name of the method (``md5``, ``sha256``) and hexadecimal digits."""
    found = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for digest in found.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in found.items()}


def _is_whole(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Whether a member can be unpacked and has the CRC-32 that the archive's directory says."""
    try:
        with archive.open(member) as file:
            while file.read(_BLOCK):
                pass
    except Exception as error:  # zipfile raises many types, depending on where a member is damaged
        if isinstance(error, OSError) and error.errno:  # the disk's, not the archive's
            raise
        return False
    return True


def _joined(spans: Sequence[Span]) -> list[Span]:
    """`spans` in order, those that touch or overlap as one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def directory_start(path: Path) -> int | None:
    """Where the directory at the end of an archive begins; None if it can't be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return min(max(archive.start_dir, 0), path.stat().st_size)
    except Exception as error:  # of many types, as above
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # a damaged offset gives EINVAL
            raise
        return None


def damaged_spans(path: Path) -> list[Span]:
    """Bytes of the damaged members of an archive whose directory can be read."""
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if 0 <= member.header_offset < archive.start_dir]
        starts = sorted({member.header_offset for member in members})
        ends = [*starts[1:], archive.start_dir]
        damaged = [member.header_offset for member in members if not _is_whole(archive, member)]
        return _joined([(start, ends[bisect.bisect_left(starts, start)]) for start in damaged])


# -------------------------------------------------------------------------------------------------------- unpacking


def _refusal(member: zipfile.ZipInfo) -> str | None:
    """Why a member must not be unpacked, None if it may."""
    for name in (member.filename, member.orig_filename):
        if "\0" in name or "\\" in name:
            return "its name has a NUL or a backslash"
        if name.startswith("/") or re.match("[A-Za-z]:", name):
            return "its name is an absolute path"
        if ".." in name.split("/"):
            return "its name leads out of its folder"
        if not PurePosixPath(name).parts and not name.endswith("/"):
            return "it has no name"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "it is a link or a device"
    if member.flag_bits & 0x1:
        return "it is encrypted"
    return None


def check_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse an archive that would write elsewhere than into its folder, or one file over another.

    Raises
    ------
    UserError
        With the first member that is wrong.
    """
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    problem: str | None = None
    for member in members:
        name = PurePosixPath(member.filename)
        problem = _refusal(member)
        if name in files or (name in folders and member.is_dir()):
            problem = problem or "its name is there twice"
        if problem:
            break
        (folders if member.is_dir() else files).add(name)
    else:
        above = {parent for name in files | folders for parent in name.parents} | folders
        for member in members:
            if not member.is_dir() and PurePosixPath(member.filename) in above:
                problem = "it is both a file and a folder"
                break
    if problem:
        raise UserError(
            f"{path}: not unpacked, for {problem}: {member.filename!r}. No file was written. The archive is as its "
            "publisher made it; ask there."
        )


class TooLarge(Exception):
    """Files of an archive take more than they may."""


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, room: float) -> int:
    """Unpack a checked member below `folder`, and return its size.

    No more than its declared size (zipfile sees to it, and to the CRC), and no more than `room`.
    """
    target = folder.joinpath(*PurePosixPath(member.filename).parts)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(member) as source, target.open("xb") as file:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > room:
                raise TooLarge
            file.write(block)
    if size != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename!r} has {size} bytes instead of {member.file_size}")
    return size


def unpack(
    archive: zipfile.ZipFile,
    members: Sequence[zipfile.ZipInfo],
    temporary: Path,
    folder: Path,
    most: float = math.inf,
) -> None:
    """Unpack checked members into `temporary`, a new folder, and rename that to `folder`; if that fails, leave none.

    Raises
    ------
    TooLarge
        As soon as it would take more than `most` bytes, whatever the archive's directory says of sizes.
    """
    written = 0
    try:
        temporary.mkdir()
        for member in members:
            written += _unpack_member(archive, member, temporary, most - written)
        os.sync()  # else a power failure could leave the new name with empty files
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
