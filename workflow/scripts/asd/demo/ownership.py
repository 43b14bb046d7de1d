"""Which files in the folder of the demo are the demo's own, so that nobody else's are ever overwritten.

A manifest beside the simulated recordings of each machine and ID lists them with size and SHA-256.  A recording is
listed before it gets its name, so that whatever ends a simulation, each of its files is in the list.
"""

from __future__ import annotations

import csv
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ..files.atomic import whole_file

_START, _END = "simulated_", ".csv"
_HEADER = ("simulated_file", "bytes", "sha256")
_BLOCK = 2**20

Entries = dict[str, tuple[int, str]]
"""File, relative to the demo's folder -> bytes and SHA-256."""


def manifest_of(root: str, machine: str, machine_id: str) -> str:
    """Path of the manifest of a machine and ID (which may be wildcards) in the demo's folder."""
    return f"{root}/{_START}{machine}_{machine_id}{_END}"


class Manifest:
    """Claims recordings as the demo's, one before each is written; a context manager.

    Entries of an earlier simulation stay, as far as their files do.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __enter__(self) -> Manifest:
        root = self._path.parent
        kept = {name: entry for name, entry in _read(self._path).items() if (root / name).exists()}
        with whole_file(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [_HEADER, *([name, str(size), digest] for name, (size, digest) in kept.items())]
            )
        self._file = self._path.open("a", newline="", encoding="utf-8")
        return self

    def add(self, path: str | os.PathLike[str], content: bytes) -> None:
        """List a recording that is about to be written."""
        name = os.path.relpath(path, self._path.parent)
        line = [name, str(len(content)), hashlib.sha256(content).hexdigest()]
        csv.writer(self._file, lineterminator="\n").writerow(line)
        self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


def _read(path: Path) -> Entries:
    """Entries of a manifest, the last one of each file; none if this is no manifest.  A line cut short is left out."""
    entries: Entries = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            if tuple(next(lines, ())) != _HEADER:
                return {}
            for line in lines:
                if (
                    len(line) == len(_HEADER)
                    and line[1].isdecimal()
                    and len(line[2]) == hashlib.sha256().digest_size * 2
                ):
                    entries[line[0]] = int(line[1]), line[2]
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    return entries


def _is_manifest(entry: os.DirEntry[str]) -> bool:
    if not (entry.name.startswith(_START) and entry.name.endswith(_END) and entry.is_file(follow_symlinks=False)):
        return False
    with open(entry.path, "rb") as file:
        return file.readline().strip() == ",".join(_HEADER).encode()


def _entries_below(folder: str) -> Iterator[os.DirEntry[str]]:
    """All but folders, at any depth, in sorted order; links are not followed.  Hidden ones are no recordings."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _entries_below(entry.path)
        else:
            yield entry


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def own_and_others(root: str | os.PathLike[str]) -> tuple[list[str], list[str]]:
    """Files below the demo's folder that it made, manifests last, and all others, links among them; paths with `root`.

    The demo made what a manifest lists, as long as it is unchanged.  A file whose content is older than its manifest
    (both are, by the clock of the disk) is not read again.

    Raises
    ------
    OSError
        If a folder can't be listed or a file can't be read.
    """
    root = os.fspath(root)
    if not os.path.lexists(root):
        return [], []
    if os.path.islink(root) or not os.path.isdir(root):
        return [], [root]
    with os.scandir(root) as listing:
        manifests = [entry for entry in listing if _is_manifest(entry)]
    listed: dict[str, tuple[int, str, int]] = {}  # bytes, SHA-256, and when the manifest was written
    for manifest in manifests:
        written = manifest.stat(follow_symlinks=False).st_ctime_ns
        for name, entry in _read(Path(manifest.path)).items():
            listed[os.path.join(root, name)] = (*entry, written)
    own, others = [], []
    manifest_paths = sorted(manifest.path for manifest in manifests)
    for found in _entries_below(root):
        if found.path in manifest_paths:
            continue
        status = found.stat(follow_symlinks=False)
        size, digest, written = listed.get(found.path, (-1, "", 0))
        same = stat.S_ISREG(status.st_mode) and status.st_size == size
        if same and (status.st_ctime_ns <= written or _sha256(found.path) == digest):
            own.append(found.path)
        else:
            others.append(found.path)
    return own + manifest_paths, others


def problem(root: str) -> str | None:
    """A sentence about what the demo must not touch in its folder, or None."""
    try:
        others = own_and_others(root)[1]
    except OSError as error:
        return f"{root}: it can't be seen whether all files there are the demo's ({error})."
    if not others:
        return None
    if others == [root]:
        what = f"{root!r} is a link" if os.path.islink(root) else f"{root!r} is no folder"
    else:
        many = f"{len(others)} files or links" if len(others) > 1 else "a file or link"
        what = f"{root!r} holds {many} that the demo did not make, or that somebody has changed: {others[0]!r}"
        what += " and others" if len(others) > 1 else ""
    return (
        f"{what}. Nothing was touched. Are they recordings of yours? Then move them to a folder of their own and set "
        "dataset.root to it (config/README.md). If nobody needs them, delete them; a demo that an earlier version made "
        "has no list of its files, and can simply be deleted: it is made again."
    )


def remove_own(root: str) -> list[str]:
    """Remove the files that the demo made and folders that are empty then; return what others have there."""
    own, others = own_and_others(root)
    for path in own:
        os.unlink(path)
    for folder, _, _ in os.walk(root, topdown=False):
        if not os.path.islink(folder) and not os.listdir(folder):
            os.rmdir(folder)
    return others


if __name__ == "__main__":  # make clean
    for left in remove_own(sys.argv[1]):
        print(f"left alone, since the demo did not make it: {left}")
