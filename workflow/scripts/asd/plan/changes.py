"""Which recordings are still those that a feature cache was made from, whatever their dates and their folder.

Snakemake compares dates and paths, so that a copied or touched recording would set off everything.  Here a folder of
recordings has a name (its *state*), which the extraction is given as a parameter and writes into its clip list.  While
the listed recordings are there with the same content, the plan reads the name back from the list, and nothing runs; if
anything is added, removed, replaced or called otherwise, there is another name, and the extraction runs.

Where a date differs, the content is read to tell (CRC-32).  `dates` keeps what was found, so that it is read once.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..errors import UserError
from ..features.cliplist import ClipRecord, attributes_text, read_clip_list, read_skipped
from ..files.origin import digest
from ..recordings.layout import Folder, Recording
from ..recordings.listing import left_out
from ..recordings.names import names_under
from ..recordings.state import State, content_checksum, state_of_files
from . import parameters, paths
from .run import Plan, listing, recordings

Dates = Mapping[tuple[str, str, str], str]
"""File, size and time of the last modification -> CRC-32 of the content."""


@dataclass(frozen=True)
class FolderState:
    """What is known of the recordings of a folder.

    Attributes
    ----------
    name
        Given to the extraction, which runs if it is another one.
    unread
        Number of recordings that the extraction has to read.
    redated
        Lines of `asd.features.cliplist.DATES_COLUMNS` for recordings whose date differs from that in the clip list, but
        not their content.
    """

    name: str
    unread: int
    redated: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True)
class _Listed:
    """A clip list, with its list of skipped recordings: file -> its line, in file order for the former.

    Recordings of which only some clips were left out are among the former, and `incomplete`.
    """

    state: str = ""
    extraction: str = ""
    clips: Mapping[str, ClipRecord] = field(default_factory=dict)
    skipped: Mapping[str, ClipRecord] = field(default_factory=dict)
    incomplete: frozenset[str] = frozenset()

    def has_all_clips_of(self, name: str) -> bool:
        """Whether a recording is listed, and none of its clips was left out."""
        return name in self.clips and name not in self.incomplete


def read_dates(path: str) -> dict[tuple[str, str, str], str]:
    """Contents by file, size and time, as rule ``note_dates`` wrote them; none if there is no such file."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {(row["file"], row["size"], row["modified_ns"]): row["content"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return {}


def folder_state(
    recordings: Sequence[Recording],
    root: str,
    clip_list: str,
    skipped_list: str,
    dates: Dates,
    extraction: str = "",
    left_out: Iterable[str] = (),
    states: Mapping[str, State] = MappingProxyType({}),
) -> FolderState:
    """Compare the recordings of a folder with those that its feature cache was made from.

    Parameters
    ----------
    recordings
        In the order of the rows.
    root
        Left out of names in lists.
    clip_list, skipped_list
        What `asd.features.extraction.extract_cache` wrote; they need not exist.
    dates
        Contents that are known already.
    extraction
        As the extraction is given it.
    left_out
        Paths that are no recordings, but stand in the list of skipped ones.
    states
        See `asd.recordings.state.state_of_files`.
    """
    listed = _read_lists(clip_list, skipped_list)
    odd = names_under(root, left_out)
    names = names_under(root, (recording.file for recording in recordings))
    found = [state_of_files(recording.files, states) for recording in recordings]
    checker = _Checker(listed, dates)
    same = [checker.is_same(*one) for one in zip(names, recordings, found, strict=True)]
    taken_over = (
        sum(one and listed.has_all_clips_of(name) for one, name in zip(same, names, strict=True))
        if extraction == listed.extraction
        else 0
    )
    in_order = [name for name in names if name in listed.clips] == list(listed.clips)
    whole = len(names) + len(odd) == len(listed.clips) + len(listed.skipped)
    whole = whole and all(name in listed.skipped and not listed.skipped[name].size for name in odd)
    if listed.state and all(same) and in_order and whole:
        return FolderState(listed.state, len(names) - taken_over, tuple(checker.redated))
    digest = hashlib.sha256()
    for name, recording, state in zip(names, recordings, found, strict=True):
        about = (name, *state, *_about(recording))
        digest.update("\0".join([*about, ""]).encode("utf-8", "surrogateescape"))
    for name in odd:
        digest.update(f"{name}\0\0".encode("utf-8", "surrogateescape"))
    return FolderState(digest.hexdigest()[:16], len(names) - taken_over)


def _about(recording: Recording) -> tuple[str, str, str]:
    return recording.condition, recording.split, attributes_text(recording.attributes)


def _read_lists(clip_list: str, skipped_list: str) -> _Listed:
    """Both lists; nothing at all if one of them can't be read."""
    if not os.path.exists(clip_list):
        return _Listed()
    try:
        clips, skipped = read_clip_list(clip_list), read_skipped(skipped_list)
    except UserError:
        return _Listed()
    known = {clip.file: clip for clip in clips}
    left_out = {
        row["file"]: ClipRecord(row["file"], size=row["size"], modified_ns=row["modified_ns"], content=row["content"])
        for row in skipped
    }
    incomplete = frozenset(known.keys() & left_out.keys())
    left_out = {file: about for file, about in left_out.items() if file not in incomplete}
    state, extraction = (clips[0].recordings, clips[0].extraction) if clips else ("", "")
    return _Listed(state, extraction, known, left_out, incomplete)


class _Checker:
    """Tells whether recordings are those of a list, and keeps those whose date differs."""

    def __init__(self, listed: _Listed, dates: Dates) -> None:
        self._listed, self._dates = listed, dates
        self.redated: list[tuple[str, str, str, str]] = []

    def is_same(self, name: str, recording: Recording, state: tuple[str, str]) -> bool:
        """Whether the list has this recording with the same content, and nothing else is known of it by now."""
        known = self._listed.clips.get(name)
        if known is None:
            known = self._listed.skipped.get(name)
        elif (known.condition, known.split, known.attributes) != _about(recording):
            return False
        size, modified_ns = state
        if known is None or known.size != size or not size:
            return False
        if known.modified_ns == modified_ns:
            return True
        content = self._dates.get((name, size, modified_ns))
        if content is None and known.content:
            try:
                content = content_checksum(recording.files)
            except OSError:
                return False
        if not content or content != known.content:
            return False
        self.redated.append((name, size, modified_ns, content))
        return True


def state_of_demo(plan: Plan, code: str) -> str:
    """What the simulated recordings are called in place of a state: it follows from how they are made."""
    return f"simulated-{digest([parameters.simulate_recordings(plan), code])}"


def folder_states(plan: Plan, extraction: str, results: str = "") -> dict[Folder, FolderState]:
    """State of each folder of recordings.

    Parameters
    ----------
    extraction
        Hash of code and settings that the caches are made with.
    results
        What stands before ``results/`` in the names of files.
    """
    dates = read_dates(f"{results}{paths.DATES}")
    return {
        folder: folder_state(
            recordings(plan, folder),
            plan.root,
            f"{results}{paths.cache(folder, 'csv')}",
            f"{results}{paths.cache(folder, 'skipped.csv')}",
            dates,
            extraction,
            left_out(listing(plan, folder).findings),
            listing(plan, folder).states,
        )
        for folder in plan.folders()
    }
