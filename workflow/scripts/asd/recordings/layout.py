"""Where the recordings of a data set lie: from a pattern with placeholders to sorted lists of files."""

from __future__ import annotations

import csv
import glob
import hashlib
import os
import posixpath
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..errors import UserError
from .names import require_usable_names

KINDS = ("normal", "abnormal")
KIND_TEXTS = {kind: kind for kind in KINDS}
"""What stands for ``{kind}`` in MIMII's paths."""

MIMII_PATTERN = "{snr_dir}_{machine}/{machine}/{id}/{kind}/*.wav"
RECORDING_FIELDS = ("snr_dir", "machine", "id", "kind")
CACHE_FIELDS = ("snr", "machine", "id", "kind")


@dataclass(frozen=True)
class Folder:
    """The clips of one kind (normal or abnormal) of one machine ID at one SNR."""

    machine: str
    snr: str
    machine_id: str
    kind: str

    def __str__(self) -> str:
        return f"machine {self.machine}, SNR {self.snr}, ID {self.machine_id}, {self.kind}"


def placeholders(pattern: str) -> list[str]:
    """Names in braces in `pattern`, in order.

    Raises
    ------
    ValueError
        If braces do not match, or one holds anything but a name.
    """
    names = []
    for _, name, spec, conversion in string.Formatter().parse(pattern):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}} is no plain placeholder")
        names.append(name)
    return names


def fill(pattern: str, values: Mapping[str, str], *, for_glob: bool = False) -> str:
    """`pattern` with its placeholders replaced; for a glob, special characters of the values are escaped."""
    if for_glob:
        values = {name: glob.escape(value) for name, value in values.items()}
    return pattern.format(**values)


def clean_path(path: str) -> str:
    """`path` with ``~`` expanded and redundant parts removed, so that one file always has one spelling."""
    return posixpath.normpath(os.path.expanduser(path))


class Source(Protocol):
    """Where recordings come from: a tree of folders, or a sample sheet."""

    @property
    def root(self) -> str:
        """Folder that clips are named relative to."""

    def files(self, folder: Folder) -> list[str]:
        """Recordings of `folder`, in the order of the rows of its feature cache."""

    def has_abnormal(self, machine: str, machine_id: str) -> bool:
        """Whether there should be abnormal clips of a machine ID; without them there is no AUC."""


@dataclass(frozen=True)
class Recordings:
    """A tree of recordings.

    Attributes
    ----------
    root
        Existing folder.
    patterns
        Paths under `root`, globs with the placeholders of `RECORDING_FIELDS`.
    snr_dirs
        SNR name -> text of ``{snr_dir}``.
    kinds
        Kind -> text of ``{kind}``; *abnormal* is left out where there are only normal clips.
    """

    root: str
    patterns: tuple[str, ...]
    snr_dirs: Mapping[str, str]
    kinds: Mapping[str, str] = field(default_factory=lambda: KIND_TEXTS)

    def has_abnormal(self, machine: str, machine_id: str) -> bool:
        """Whether there should be abnormal clips: the same for all machines and IDs."""
        return "abnormal" in self.kinds

    def files(self, folder: Folder) -> list[str]:
        """Recordings of `folder`, each with `root` in front: those of the first pattern in sorted order, then those
        of the next.  Hidden files are left out.

        Raises
        ------
        UserError
            If `root` or the folder does not exist, or no file matches.  The message names how far the path
            exists and what there is instead.
        """
        if not os.path.isdir(self.root):
            raise UserError(
                f"dataset.root: there is no folder {self.root!r}"
                f"{'' if os.path.isabs(self.root) else f' in {os.getcwd()!r}'}. "
                "Set dataset.root to the folder that holds the recordings."
            )
        if folder.kind not in self.kinds:
            return []
        values = {
            "snr_dir": self.snr_dirs[folder.snr],
            "machine": folder.machine,
            "id": folder.machine_id,
            "kind": self.kinds[folder.kind],
        }
        files: dict[str, None] = {}  # a set that keeps the order
        for pattern in self.patterns:
            found = glob.glob(fill(pattern, values, for_glob=True), root_dir=self.root, recursive=True)
            files |= dict.fromkeys(sorted(name for name in found if os.path.isfile(os.path.join(self.root, name))))
        if not files:
            readable = [fill(pattern, values) for pattern in self.patterns]
            raise UserError(
                f"no recordings for {folder}: nothing matches {' or '.join(map(repr, readable))}. "
                f"{self._how_far(readable[0])}{_no_abnormal_clips(folder)}"
            )
        paths = [posixpath.join(self.root, name) for name in files]
        require_usable_names(paths)
        return paths

    def _how_far(self, wanted: str) -> str:
        """Which part of a path under `root` exists, and what lies there."""
        there = Path(self.root)
        for part in wanted.split("/")[:-1]:
            if not (there / part).is_dir():
                break
            there /= part
        names = sorted(entry.name for entry in there.iterdir())
        listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return f"{str(there)!r} exists and holds: {listed or 'nothing'}. Check dataset.pattern, snrs and machines."


def _no_abnormal_clips(folder: Folder) -> str:
    if folder.kind == "normal":
        return ""
    return " If there are only normal clips, say so: dataset.kinds: {normal: normal}."


def doubly_used(files: Mapping[Folder, Sequence[str]]) -> str | None:
    """A sentence about recordings that belong to two folders, such as normal and abnormal, or None.

    A pattern may be too wide: ``*{kind}*`` takes ``abnormal_0.wav`` for a normal clip as well.
    """
    owners: dict[str, Folder] = {}
    twice: dict[str, tuple[Folder, Folder]] = {}
    for folder, names in files.items():
        for name in names:
            if owners.setdefault(name, folder) != folder:
                twice[name] = (owners[name], folder)
    if not twice:
        return None
    name, (first, second) = next(iter(twice.items()))
    return (
        f"{len(twice)} recordings belong to two folders: {name!r} to {first} as well as to {second}. Make "
        "dataset.pattern narrower, or correct snrs, dataset.kinds or the IDs."
    )


def count_unread(files: Sequence[str], root: str, clip_list: str | os.PathLike[str], extraction: str) -> int:
    """How many of `files` have to be read to bring a feature cache up to date, judging by its clip list.

    Parameters
    ----------
    clip_list
        What `asd.features.extraction.extract_cache` wrote; it need not exist.
    extraction
        As `extract_cache` is given it.
    """
    try:
        with open(clip_list, newline="", encoding="utf-8") as lines:
            listed = {
                (row["file"], row["size"], row["modified_ns"])
                for row in csv.DictReader(lines)
                if row["extraction"] == extraction
            }
        found = ((os.path.relpath(file, root), os.stat(file)) for file in files if listed)
        known = sum((name, str(status.st_size), str(status.st_mtime_ns)) in listed for name, status in found)
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return len(files)
    return len(files) - known


def state_of_files(files: Sequence[str]) -> str:
    """Digest of sizes and modification times, which changes when a file is replaced, even by an older one."""
    digest = hashlib.sha256()
    for file in files:
        status = os.stat(file)
        digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
