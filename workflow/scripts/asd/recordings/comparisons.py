"""Remarks about recordings that can be used: those unlike the others, and what differs between folders that should not.

If all faults were recorded with another device than the healthy machine, a detector learns the device.
"""

from __future__ import annotations

import os
import posixpath
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .audio import SAMPLE_RATE, by_note
from .layout import Folder
from .listing import some
from .state import content_checksum

_SHOWN = 5  # names in a remark
_OTHER_LENGTH = 1.2  # ratio of medians between folders
_OTHER_SHARE = 0.25  # of the recordings of a folder that have what those of another one have not
_LOUDER, _MUCH_LOUDER = 3.0, 10.0  # dB
_TELLS_APART = 0.9  # AUC of the level alone
_CLOCKS_DIFFER = 600.0  # s

_WORDS = {
    "abnormal": (
        *("abnormal", "anomaly", "anomalous", "anomalies", "ng", "fault", "faulty", "defect", "defective", "broken"),
    ),
    "normal": ("normal", "ok", "healthy", "good"),
}
_HANGUL = {"abnormal": "비정상|불량|고장|이상음", "normal": "(?<!비)정상"}
_SAYS = {
    kind: re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])|{_HANGUL[kind]}", re.IGNORECASE)
    for kind, words in _WORDS.items()
}


@dataclass(frozen=True)
class Seen:
    """What is known of a recording that can be used.

    Attributes
    ----------
    files
        Its file, or those of its channels.
    duration
        Seconds that can be used.
    sample_rate, channels
        Hz, count.
    level
        Median root mean square of its clips, in dB of full scale; None if only its header was read.
    clips
        That it gives.
    likeness
        What copies of it have in common.
    date
        Seconds since 1970 of its last modification.
    notes
        What is wrong with its header and makes no difference, a sentence each.
    """

    files: tuple[str, ...]
    duration: float
    sample_rate: int
    channels: int
    level: float | None
    clips: int
    likeness: tuple[int, int]
    date: float
    notes: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file that it is called by."""
        return self.files[0]


def remarks_about(seen: Mapping[Folder, Sequence[Seen]], snr_dirs: Mapping[str, str]) -> list[str]:
    """Sentences about recordings that can be used, but are worth a look: the gravest first.

    Parameters
    ----------
    snr_dirs
        SNR -> what paths call it.
    """
    return [
        *_copies(seen),
        *_labels_in_names(seen),
        *_between_kinds(seen),
        *_between_snrs(seen, snr_dirs),
        *_between(seen, "IDs", lambda folder: (folder.machine, folder.snr, folder.kind), "machine_id"),
        *_between(seen, "SNRs", lambda folder: (folder.machine, folder.machine_id, folder.kind), "snr"),
        *(remark for folder, listed in seen.items() for remark in _odd_ones(folder, listed)),
        *_future(seen),
        *_tolerated(seen),
    ]


# --------------------------------------------------------------------------------------------------- within a folder


def _odd_ones(folder: Folder, seen: Sequence[Seen]) -> Iterator[str]:
    """Recordings that differ from most of the others in their folder."""
    for what, values in (
        ("sample rate", {one.file: f"{one.sample_rate} Hz" for one in seen}),
        ("number of channels", {one.file: str(one.channels) for one in seen}),
    ):
        counts = Counter(values.values())
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            odd = {name: value for name, value in values.items() if value != usual}
            found = ", ".join(sorted(set(odd.values())))
            yield f"{folder}: {len(odd)} of {len(values)} have another {what} ({found}): {some(list(odd), _SHOWN)}"
    if seen:
        middle = sorted(one.duration for one in seen)[len(seen) // 2]
        names = [one.file for one in seen if not 0.5 * middle <= one.duration <= 2.0 * middle]
        if names:
            yield (
                f"{folder}: {len(names)} of {len(seen)} are less than half or more than twice as long as the median "
                f"({middle:.2f} s): {some(names, _SHOWN)}"
            )
    slow = [one.file for one in seen if one.sample_rate < SAMPLE_RATE]
    if slow:
        yield (
            f"{folder}: {len(slow)} of {len(seen)} have less than {SAMPLE_RATE} Hz, so that the upper mel bands are "
            f"empty: {some(slow, _SHOWN)}"
        )


def _future(seen: Mapping[Folder, Sequence[Seen]]) -> Iterator[str]:
    """Recordings from later on: the clock of a recorder, or of this computer, is wrong."""
    names = [one.file for listed in seen.values() for one in listed if one.date > time.time() + _CLOCKS_DIFFER]
    if names:
        yield f"{len(names)} have a date in the future; is a clock wrong? {some(names, _SHOWN)}"


# ----------------------------------------------------------------------------------------------- labels that contradict


def _copies(seen: Mapping[Folder, Sequence[Seen]]) -> list[str]:
    """Recordings with the same content: a copy may train and test a detector at once, or have two labels."""
    alike: dict[tuple[int, int], list[tuple[Folder, Seen]]] = {}
    for folder, listed in seen.items():
        for one in listed:
            alike.setdefault(one.likeness, []).append((folder, one))
    contradictory, copies = [], []
    for candidates in alike.values():
        groups: dict[str, list[tuple[Folder, Seen]]] = {}
        for folder, one in candidates if len(candidates) > 1 else ():
            try:
                groups.setdefault(content_checksum(one.files), []).append((folder, one))
            except OSError:
                continue
        for group in groups.values():
            if len(group) < 2:
                continue
            names = some([one.file for _, one in group], _SHOWN)
            kinds = sorted({folder.kind for folder, _ in group} - {"unlabelled"}, reverse=True)
            places = {(folder.machine, folder.machine_id, folder.snr) for folder, _ in group}
            if len(kinds) > 1:
                contradictory.append(f"{len(group)} recordings are the same, but {' and '.join(kinds)}: {names}")
            elif len(places) > 1:
                copies.append(f"{len(group)} recordings are the same, but of several IDs or SNRs: {names}")
            else:
                copies.append(f"{len(group)} recordings are the same: {names}")
    return contradictory + copies


def _labels_in_names(seen: Mapping[Folder, Sequence[Seen]]) -> Iterator[str]:
    """File names that say another label than the folder or the sheet."""
    for folder, listed in seen.items():
        for kind, other in (("normal", "abnormal"), ("abnormal", "normal")):
            if folder.kind != kind:
                continue
            names = [one.file for one in listed if _says(one.file, other) and not _says(one.file, kind)]
            if names:
                yield f"{folder}: {len(names)} of {len(listed)} are {other} by their names: {some(names, _SHOWN)}"


def _says(file: str, kind: str) -> bool:
    return _SAYS[kind].search(posixpath.basename(file)) is not None


# ------------------------------------------------------------------------------------------------- between folders


def _between_kinds(seen: Mapping[Folder, Sequence[Seen]]) -> Iterator[str]:
    """What tells normal and other recordings of an ID apart, though it is not the machine."""
    units: dict[tuple[str, str, str], dict[str, Sequence[Seen]]] = {}
    for folder, listed in seen.items():
        if listed:
            units.setdefault((folder.machine, folder.snr, folder.machine_id), {})[folder.kind] = listed
    for (machine, snr, machine_id), kinds in units.items():
        for kind in ("abnormal", "unlabelled"):
            if "normal" in kinds and kind in kinds:
                found = list(_differences({"normal": kinds["normal"], kind: kinds[kind]}))
                if found:
                    yield (
                        f"machine {machine}, SNR {snr}, ID {machine_id}: normal and {kind} recordings differ in "
                        f"{'; in '.join(found)}: a detector would learn the recorder, not the machine"
                    )


def _differences(both: Mapping[str, Sequence[Seen]]) -> Iterator[str]:
    first, second = both.values()
    for what, values in _categories(both).items():
        one, other = (Counter(texts) for texts in values.values())
        apart = sum(abs(one[text] / len(first) - other[text] / len(second)) for text in {*one, *other}) / 2
        if apart >= _OTHER_SHARE:
            yield f"{what} ({_usual(values)})"
    lengths = {name: statistics.median(one.duration for one in seen) for name, seen in both.items()}
    if max(lengths.values()) > _OTHER_LENGTH * min(lengths.values()):
        yield f"length ({_texts({name: f'{value:.2f} s' for name, value in lengths.items()})})"
    levels = {name: [one.level for one in seen if one.level is not None] for name, seen in both.items()}
    if all(levels.values()):
        middles = {name: statistics.median(values) for name, values in levels.items()}
        louder = max(middles.values()) - min(middles.values())
        if louder >= _MUCH_LOUDER or (louder >= _LOUDER and _tells_apart(*levels.values()) >= _TELLS_APART):
            yield f"level ({_texts({name: f'{value:.1f} dB' for name, value in middles.items()})})"


def _categories(groups: Mapping[str, Sequence[Seen]]) -> dict[str, dict[str, list[str]]]:
    """What is counted of the recordings of some groups, in words."""
    return {
        "sample rate": {name: [f"{one.sample_rate} Hz" for one in seen] for name, seen in groups.items()},
        "number of channels": {name: [str(one.channels) for one in seen] for name, seen in groups.items()},
        "file format": {
            name: [posixpath.splitext(one.file)[1].lower() for one in seen] for name, seen in groups.items()
        },
    }


def _usual(values: Mapping[str, Sequence[str]]) -> str:
    return _texts({name: Counter(texts).most_common(1)[0][0] for name, texts in values.items()})


def _texts(values: Mapping[str, str]) -> str:
    """Groups and their texts; where there are many, those of each text."""
    if len(values) <= _SHOWN:
        return ", ".join(f"{name} {text}" for name, text in values.items())
    counts = Counter(values.values())
    return ", ".join(f"{text} of {count}" for text, count in counts.most_common(_SHOWN))


def _tells_apart(first: Sequence[float], second: Sequence[float]) -> float:
    """AUC of the level alone, whichever way round: 0.5 to 1.

    Examples
    --------
    >>> _tells_apart([1, 2], [3, 4])
    1.0
    """
    ranks: dict[float, float] = {}
    for position, value in enumerate(sorted([*first, *second]), 1):
        ranks.setdefault(value, position)
    wins = sum(ranks[value] for value in first) - len(first) * (len(first) + 1) / 2
    share = wins / (len(first) * len(second))
    return max(share, 1 - share)


def _between(
    seen: Mapping[Folder, Sequence[Seen]], what: str, key: Callable[[Folder], tuple[str, str, str]], attribute: str
) -> Iterator[str]:
    """What differs between the normal recordings of the IDs of a machine, or between its SNRs."""
    groups: dict[tuple[str, str, str], dict[str, Sequence[Seen]]] = {}
    for folder, listed in seen.items():
        if listed and folder.kind == "normal":
            groups.setdefault(key(folder), {})[getattr(folder, attribute)] = listed
    for (machine, other, _), members in groups.items():
        if len(members) < 2:
            continue
        found = [
            f"{name} ({_usual(values)})"
            for name, values in _categories(members).items()
            if len({Counter(texts).most_common(1)[0][0] for texts in values.values()}) > 1
        ]
        lengths = {name: statistics.median(one.duration for one in listed) for name, listed in members.items()}
        if max(lengths.values()) > _OTHER_LENGTH * min(lengths.values()):
            found.append(f"length ({_texts({name: f'{value:.2f} s' for name, value in lengths.items()})})")
        levels = {
            name: statistics.median(known)
            for name, listed in members.items()
            if (known := [one.level for one in listed if one.level is not None])
        }
        if levels and max(levels.values()) - min(levels.values()) >= _MUCH_LOUDER:
            found.append(f"level ({_texts({name: f'{value:.1f} dB' for name, value in levels.items()})})")
        if found:
            where = f"{'SNR' if what == 'IDs' else 'ID'} {other}"
            yield f"machine {machine}, {where}: its {what} differ in {'; in '.join(found)}"


def _between_snrs(seen: Mapping[Folder, Sequence[Seen]], snr_dirs: Mapping[str, str]) -> Iterator[str]:
    """Recordings of an ID that can't be the same at every SNR: row n is taken for the same one, so that what trains the
    DDAE is not tested."""
    groups: dict[tuple[str, str, str], dict[str, Sequence[Seen]]] = {}
    for folder, listed in seen.items():
        if folder.kind == "normal":
            groups.setdefault((folder.machine, folder.machine_id, folder.kind), {})[folder.snr] = listed
    for (machine, machine_id, kind), snrs in groups.items():
        if len(snrs) < 2:
            continue
        where = f"machine {machine}, ID {machine_id}, {kind}"
        why = "clip n is taken for the same one at every SNR"
        counts = {snr: sum(one.clips for one in listed) for snr, listed in snrs.items()}
        if len(set(counts.values())) > 1:
            texts = _texts({snr: str(count) for snr, count in counts.items()})
            yield f"{where}: not as many clips at every SNR ({texts}), but {why}"
            continue
        names = {
            snr: [_bare_name(one.file, (snr, snr_dirs.get(snr, ""))) for one in listed] for snr, listed in snrs.items()
        }
        for (snr, first), (other, second) in combinations(names.items(), 2):
            differing = [pair for pair in zip(first, second, strict=False) if pair[0] != pair[1]]
            if differing:
                one, two = differing[0]
                yield (
                    f"{where}: {len(differing)} of {len(first)} have other names at SNR {snr} than at {other}, such as "
                    f"{one!r} and {two!r}, but {why}"
                )
                break


def _bare_name(file: str, snr_texts: Iterable[str]) -> str:
    """Name of a file without its ending and what stands for the SNR."""
    name = os.path.splitext(posixpath.basename(file))[0]
    for text in sorted(snr_texts, key=len, reverse=True):
        if text:
            name = name.replace(text, "")
    return name.strip("_-. ")


def _tolerated(seen: Mapping[Folder, Sequence[Seen]]) -> Iterator[str]:
    """Headers that say something wrong which the reader can do without."""
    for note, files in by_note((one.file, one.notes) for listed in seen.values() for one in listed).items():
        yield f"{len(files)} recording(s), such as {files[0]}: {note}"
