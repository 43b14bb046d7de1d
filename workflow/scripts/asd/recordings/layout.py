"""Where the recordings of a data set lie: from a pattern with placeholders to sorted lists of recordings."""

from __future__ import annotations

import glob
import itertools
import os
import posixpath
import re
import string
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from ..errors import UserError
from .listing import Finding, Hit, Identity, Oddity, Tree, expression_of_glob, identity_of, sentences_about
from .names import require_usable_names, same_name
from .state import State

Kind = Literal["normal", "abnormal", "unlabelled"]
LABELLED: tuple[Kind, ...] = ("normal", "abnormal")
KINDS: tuple[Kind, ...] = (*LABELLED, "unlabelled")
"""Unlabelled clips are scored; they neither train nor count in an AUC."""

KIND_TEXTS: Mapping[str, tuple[str, ...]] = {kind: (kind,) for kind in LABELLED}
"""What stands for ``{kind}`` in MIMII's paths."""

SPLITS = ("train", "test")
SPLIT_TEXTS: Mapping[str, str] = {split: split for split in SPLITS}

MIMII_PATTERN = "{snr_dir}_{machine}/{machine}/{id}/{kind}/*.wav"
RECORDING_FIELDS = ("snr_dir", "machine", "id", "kind", "split", "condition")
CACHE_FIELDS = ("snr", "machine", "id", "kind")


@dataclass(frozen=True)
class Folder:
    """The clips of one kind (normal, abnormal or unlabelled) of one machine ID at one SNR."""

    machine: str
    snr: str
    machine_id: str
    kind: str

    def __str__(self) -> str:
        return f"machine {self.machine}, SNR {self.snr}, ID {self.machine_id}, {self.kind}"


class Recording(NamedTuple):
    """One recording, and what is known of it beside its folder.

    Attributes
    ----------
    files
        Its file, or the files of its channels in their order.
    condition
        Which fault, or which state of a healthy machine; empty where it has no name.
    split
        ``train`` or ``test`` where the data set itself says so, else empty.
    attributes
        Names and values of anything else, such as the domain or the speed.
    """

    files: tuple[str, ...]
    condition: str = ""
    split: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> str:
        """The file that the recording is called by."""
        return self.files[0]


def files_of(recordings: Iterable[Recording]) -> list[str]:
    """All files of some recordings."""
    return [file for recording in recordings for file in recording.files]


@dataclass(frozen=True)
class Listing:
    """What was found for a folder.

    Attributes
    ----------
    recordings
        In the order of the rows of its feature cache.
    findings
        What is odd about them, or was found in their place.
    identities
        File -> what its other names have in common with it.
    states
        File -> size and date.
    """

    recordings: Sequence[Recording]
    findings: Sequence[Finding] = ()
    identities: Mapping[str, Identity] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------------- patterns


def placeholders(pattern: str) -> list[str]:
    """Names in braces in `pattern`, in order.

    Raises
    ------
    ValueError
        If braces do not match, or one holds anything but a name.
    """
    return [name for _, name in _parts(pattern) if name is not None]


def _parts(pattern: str) -> Iterator[tuple[str, str | None]]:
    """Plain text, and the placeholder that follows it."""
    for text, name, spec, conversion in string.Formatter().parse(pattern):
        if name is not None and (not name.isidentifier() or spec or conversion):
            raise ValueError(f"{{{name}}} is no plain placeholder")
        yield text, name


def fill(pattern: str, values: Mapping[str, str], *, for_glob: bool = False) -> str:
    """`pattern` with its placeholders replaced; for a glob, special characters of the values are escaped."""
    if for_glob:
        values = {name: glob.escape(value) for name, value in values.items()}
    return pattern.format(**values)


def expression_of(pattern: str, fixed: Mapping[str, str], captured: Mapping[str, str]) -> re.Pattern[str]:
    """Regular expression of the paths that a pattern takes, with a named group for each placeholder in `captured`.

    Parameters
    ----------
    fixed
        Placeholder -> its text.
    captured
        Placeholder -> glob of the texts it takes.

    Examples
    --------
    >>> expression_of("{id}/{kind}_*.wav", {"id": "a"}, {"kind": "ok*"}).fullmatch("a/ok2_1.wav")["kind"]
    'ok2'
    """
    seen: set[str] = set()
    expression = ""
    for text, name in _parts(pattern):
        expression += expression_of_glob(text)
        if name is None:
            continue
        if name in fixed:
            expression += re.escape(fixed[name])
        elif name in seen:
            expression += f"(?P={name})"
        else:
            seen.add(name)
            expression += f"(?P<{name}>{expression_of_glob(captured[name], lazy='?')})"
    return re.compile(expression, re.DOTALL)


def clean_path(path: str) -> str:
    """`path` with ``~`` expanded and redundant parts removed, so that one file always has one spelling."""
    return posixpath.normpath(os.path.expanduser(path))


class Source(Protocol):
    """Where recordings come from: a tree of folders, or a sample sheet."""

    @property
    def root(self) -> str:
        """Folder that clips are named relative to."""

    def listing(self, folder: Folder) -> Listing:
        """Recordings of `folder`, in the order of the rows of its feature cache, and what is odd about them."""

    def kinds_of(self, machine: str, machine_id: str) -> tuple[Kind, ...]:
        """Which kinds of clips there should be of a machine ID; without abnormal ones there is no AUC."""


@dataclass(frozen=True)
class Recordings:
    """A tree of recordings.

    Attributes
    ----------
    root
        Existing folder.
    patterns
        Paths under `root`, globs with the placeholders of `RECORDING_FIELDS` and the names of `attributes`.
    snr_dirs
        SNR name -> text of ``{snr_dir}``.
    kinds
        Kind -> texts of ``{kind}``, which may be globs; *abnormal* is left out where there are only normal clips.
    splits
        ``train`` and ``test`` -> text of ``{split}``.
    attributes
        Name of a placeholder -> texts it takes, which may be globs.
    channel_mark
        What the names of a recording's files differ by, with ``{channel}`` for its number, where each channel has a
        file of its own.
    """

    root: str
    patterns: tuple[str, ...]
    snr_dirs: Mapping[str, str]
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: KIND_TEXTS)
    splits: Mapping[str, str] = field(default_factory=lambda: SPLIT_TEXTS)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channel_mark: str | None = None

    def kinds_of(self, machine: str, machine_id: str) -> tuple[Kind, ...]:
        """Which kinds there should be: the same for all machines and IDs."""
        return tuple(kind for kind in KINDS if kind in self.kinds)

    @cached_property
    def _tree(self) -> Tree:
        return Tree(self.root)

    def recordings(self, folder: Folder) -> list[Recording]:
        """The recordings of `listing`."""
        return list(self.listing(folder).recordings)

    def listing(self, folder: Folder) -> Listing:
        """Recordings of `folder`, each with `root` in front: those of the first pattern in sorted order, but training
        clips before test clips where the path tells them apart, then those of the next.

        Hidden files, and what macOS adds to folders and archives, are left out.  Where an ending of sound is asked for,
        it may be in other letters (``.WAV``).  A file with several names is listed once.

        Raises
        ------
        UserError
            If `root` or the folder does not exist, if no file matches, or if one has two labels.  The message names how
            far the path exists and what there is instead.
        """
        if not os.path.isdir(self.root):
            raise UserError(
                f"dataset.root: there is no folder {self.root!r}"
                f"{'' if os.path.isabs(self.root) else f' in {os.getcwd()!r}'}. "
                "Set dataset.root to the folder that holds the recordings."
            )
        if folder.kind not in self.kinds:
            return Listing([])
        findings: list[Finding] = []
        found: dict[str, tuple[Hit, Recording]] = {}  # by name, in this order
        for pattern in self.patterns:
            for hit, recording in self._matching(pattern, folder, findings.append):
                found.setdefault(hit.path, (hit, recording))
        if not found and folder.kind != "unlabelled":
            readable = [self._readable(pattern, folder) for pattern in self.patterns]
            odd = "".join(f"{sentence[:1].upper()}{sentence[1:]}. " for sentence in sentences_about(findings))
            raise UserError(
                f"no recordings for {folder}: nothing matches {' or '.join(map(repr, readable))}. {odd}"
                f"{self._how_far(readable[0])}{_no_abnormal_clips(folder)}"
            )
        require_usable_names(found)
        single = without_other_names(
            [(recording, identity_of(recording.file, hit.status), hit.by_link) for hit, recording in found.values()],
            folder,
            findings.append,
        )
        identities = {recording.file: identity for identity, recording in single.items()}
        findings += _same_names((hit for hit, _ in found.values()), identities)
        recordings = joined_channels(list(single.values()), self.channel_mark, folder)
        states = {path: (hit.status.st_size, hit.status.st_mtime_ns) for path, (hit, _) in found.items()}
        return Listing(recordings, list(dict.fromkeys(findings)), identities, states)

    def _fixed(self, folder: Folder) -> dict[str, str]:
        """Placeholders that stand for one text in a folder."""
        return {"snr_dir": self.snr_dirs[folder.snr], "machine": folder.machine, "id": folder.machine_id}

    def _readable(self, pattern: str, folder: Folder) -> str:
        """`pattern` for people: what a folder's recordings are looked for by."""
        open_texts = dict.fromkeys(("split", "condition", *self.attributes), "*")
        return fill(pattern, {**open_texts, **self._fixed(folder), "kind": "|".join(self.kinds[folder.kind])})

    def _matching(self, pattern: str, folder: Folder, report: Callable[[Finding], None]) -> list[tuple[Hit, Recording]]:
        """Recordings that a pattern takes, those of the training split first, in sorted order."""
        fixed, names = self._fixed(folder), placeholders(pattern)
        texts: dict[str, tuple[str, ...]] = {
            # a text with special characters may be a glob, or the very name
            "kind": tuple(dict.fromkeys(one for text in self.kinds[folder.kind] for one in (glob.escape(text), text))),
            "split": tuple(map(glob.escape, self.splits.values())),
            "condition": ("*",),
            **self.attributes,
        }
        texts = {name: texts[name] for name in texts if name in names}
        split_of = {same_name(text): split for split, text in self.splits.items()}
        has_conditions = "kind" in names and self._has_conditions(folder.kind)

        def known_of(groups: Mapping[str, str]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
            condition = groups.get("condition") or (groups["kind"] if has_conditions else "")
            attributes = tuple((key, groups[key]) for key in self.attributes if key in groups)
            return condition, split_of.get(groups.get("split", ""), ""), attributes

        found: dict[str, tuple[Hit, Recording]] = {}
        for combination in itertools.product(*texts.values()):
            captured = dict(zip(texts, map(same_name, combination), strict=True))
            expression = expression_of(
                same_name(pattern),
                {name: same_name(text) for name, text in fixed.items()},
                captured,
            )
            values = {name: glob.escape(text) for name, text in fixed.items()} | captured
            # with nothing left open, the walk has compared it all
            literal = None if any(map(glob.has_magic, combination)) else known_of(captured)
            for hit in self._tree.hits(fill(pattern, values), report):
                known = literal
                if known is None:
                    match = expression.fullmatch(hit.canonical)
                    if match is None:
                        continue
                    known = known_of(match.groupdict())
                found[hit.path] = (hit, Recording((hit.path,), *known))
        # In the same order wherever the files lie, whatever form of Unicode their names have there: by split, canonical
        # name and path, the last one first, since texts are compared faster than tuples of them.
        ordered = [found[path] for path in sorted(found)]
        ordered.sort(key=lambda one: one[0].canonical)
        ordered.sort(key=lambda one: one[1].split == "test")
        return ordered

    def _has_conditions(self, kind: str) -> bool:
        """Whether the text of ``{kind}`` says more than the kind: one of several, or of those that a glob takes."""
        texts = self.kinds[kind]
        return len(texts) > 1 or glob.has_magic(texts[0])

    def _how_far(self, wanted: str) -> str:
        """Which part of a path under `root` exists, and what lies there."""
        there = Path(self.root)
        for part in wanted.split("/")[:-1]:
            if not (there / part).is_dir():
                break
            there /= part
        try:
            names = sorted(entry.name for entry in there.iterdir())
        except OSError as error:
            return f"{str(there)!r} can't be looked into ({error.strerror})."
        listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return f"{str(there)!r} exists and holds: {listed or 'nothing'}. Check dataset.pattern, snrs and machines."


def _no_abnormal_clips(folder: Folder) -> str:
    if folder.kind == "normal":
        return ""
    return " If there are only normal clips, say so: dataset.kinds: {normal: normal}."


def _same_names(hits: Iterable[Hit], listed: Container[str]) -> Iterator[Finding]:
    """Different files that one would call the same."""
    first: dict[str, str] = {}
    for hit in hits:
        if hit.path in listed:
            other = first.setdefault(hit.canonical, hit.path)
            if other != hit.path:
                yield Finding(Oddity.SAME_NAME, hit.path, other)


def without_other_names(
    recordings: Iterable[tuple[Recording, Identity, bool]], where: object, report: Callable[[Finding], None]
) -> dict[Identity, Recording]:
    """Recordings of a folder, each once, though it may have several names: links, hard links, other spellings.

    Parameters
    ----------
    recordings
        With what they are, and whether their name is a link: another one is preferred.
    where
        What they are of, for messages.
    report
        Is told which are left out.

    Raises
    ------
    UserError
        If what is known of a recording differs with its name.
    """
    kept: dict[Identity, tuple[Recording, Identity, bool]] = {}
    for one in recordings:
        recording, identity, by_link = one
        first, _, first_by_link = kept.setdefault(identity, one)
        if first is recording:
            continue
        if recording._replace(files=first.files) != first:
            raise UserError(
                f"{where}: {first.file!r} and {recording.file!r} are one recording, but differ in condition, split or "
                f"attributes ({_about(first)}; {_about(recording)}). Remove or correct one of them."
            )
        if first_by_link and not by_link:
            kept[identity] = one
            first, recording = recording, first
        report(Finding(Oddity.TWICE, recording.file, first.file))
    return {identity: recording for identity, (recording, _, _) in kept.items()}


def _about(recording: Recording) -> str:
    """What is known of a recording, for messages."""
    known = {"condition": recording.condition, "split": recording.split, **dict(recording.attributes)}
    return ", ".join(f"{name} {text!r}" for name, text in known.items() if text) or "nothing known"


def doubly_used(found: Mapping[Folder, Listing]) -> str | None:
    """A sentence about recordings that belong to two folders, such as normal and abnormal, or None.

    A pattern may be too wide: ``*{kind}*`` takes ``abnormal_0.wav`` for a normal clip as well; and a recording may have
    several names.
    """
    of_folders = [set(listing.identities.values()) for listing in found.values()]
    if len(set().union(*of_folders)) == sum(map(len, of_folders)):
        return None
    owners: dict[Identity, tuple[str, Folder]] = {}
    twice: dict[Identity, tuple[str, str, Folder, Folder]] = {}
    for folder, listing in found.items():
        for name, identity in listing.identities.items():
            first, owner = owners.setdefault(identity, (name, folder))
            if owner != folder:
                twice[identity] = (first, name, owner, folder)
    first, second, owner, other = next(iter(twice.values()))
    also = "" if first == second else f", being the same file as {second!r}"
    return (
        f"{len(twice)} recordings belong to two folders: {first!r} to {owner} as well as{also} to {other}. Make "
        "dataset.pattern narrower, remove links and copies, or correct snrs, dataset.kinds, the IDs or the sheet."
    )


# -------------------------------------------------------------------------------------------- a file for each channel


def joined_channels(recordings: Sequence[Recording], mark: str | None, where: object) -> list[Recording]:
    """Recordings of which each channel has a file of its own, put together.

    Parameters
    ----------
    recordings
        One for each file.
    mark
        What the names of the files differ by, with ``{channel}`` for the number; None where every file is a recording.
    where
        What the recordings are of, for messages.

    Returns
    -------
    list of Recording
        With the files in the order of the numbers, in the place of the first of them.

    Raises
    ------
    UserError
        If a file has no such mark, if some recordings lack a channel that others have, or if the files of one differ in
        what is known of them.
    """
    if mark is None:
        return list(recordings)
    before, after = map(re.escape, mark.split("{channel}"))
    expression = re.compile(rf"{before}(\d+)(?!\d){after}")
    groups: dict[str, dict[int, Recording]] = {}
    for recording in recordings:
        folder, name = posixpath.split(recording.file)
        found = list(expression.finditer(name))
        if not found:
            raise UserError(
                f"{where}: dataset.channels_as_files is {mark!r}, but there is nothing like it in the name of "
                f"{recording.file!r}. Correct it, or leave such files out."
            )
        start, end = found[-1].span(1)
        key = posixpath.join(folder, f"{name[:start]}\0{name[end:]}")
        channels = groups.setdefault(key, {})
        if channels.setdefault(int(found[-1][1]), recording) is not recording:
            raise UserError(f"{where}: {recording.file!r} and another file are the same channel of one recording.")
    every = sorted({number for channels in groups.values() for number in channels})
    for channels in groups.values():
        first = channels[min(channels)]
        missing = [str(number) for number in every if number not in channels]
        if missing:
            raise UserError(
                f"{where}: the recording of {first.file!r} has no file of channel {', '.join(missing)}, which others "
                "have. Add it, or leave the recording out."
            )
        if any(other._replace(files=first.files) != first for other in channels.values()):
            raise UserError(f"{where}: the files of the channels of {first.file!r} differ in condition or attributes.")
    return [
        channels[every[0]]._replace(files=tuple(channels[number].file for number in every))
        for channels in groups.values()
    ]
