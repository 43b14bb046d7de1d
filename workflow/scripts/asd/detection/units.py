"""The clips of some IDs of a machine, and which of them train and test the detectors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classification.clips import ClipsOfId
from ..features.bands import in_bands
from ..features.caches import Cache, empty_cache, listed, read_cache
from ..files import StrPath
from ..files.origin import Origin
from ..splits import Split, detection_splits
from .clips import ScoredClip, ScoredClips


@dataclass(frozen=True)
class UnitClips:
    """The clips of one ID at one SNR.

    Attributes
    ----------
    normal, abnormal, unlabelled
        Unscaled features, float32 [clips, columns], and the clips they are of, in file order.
    split
        Which of them train and which test.
    """

    snr: str
    machine_id: str
    normal: Cache
    abnormal: Cache
    unlabelled: Cache
    split: Split

    def train(self) -> NDArray[np.float32]:
        """Features of the training clips, float32 [n_train, columns]."""
        return self.normal.features[self.split.train]

    def train_without_ddae(self) -> NDArray[np.float32]:
        """The same, and behind them those of further normal clips, for what needs no DDAE, float32 [clips, columns]."""
        rows = np.concatenate([self.split.train, self.split.ddae])
        return np.asarray(self.normal.features[rows], np.float32)

    def training_recordings(self) -> list[str]:
        """What the training clips, and then those further ones, were cut from or are."""
        return [self.normal.clips[row].file for rows in (self.split.train, self.split.ddae) for row in rows]

    def of_id(self) -> ClipsOfId:
        """What trains the ID classifier."""
        return ClipsOfId(self.snr, self.name, in_bands(self.train_without_ddae()), self.training_recordings())

    @property
    def name(self) -> str:
        """For messages."""
        return f"ID {self.machine_id}, SNR {self.snr}"

    def test(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features of the normal and of the abnormal test clips, float32 [n_normal, columns], [n_abnormal, columns]."""
        return self.normal.features[self.split.normal], self.abnormal.features[self.split.abnormal]

    def names(self) -> ScoredClips:
        """Names of the training, of the test and of the unlabelled clips."""
        parts = (
            (self.normal, self.split.train),
            (self.normal, self.split.normal),
            (self.abnormal, self.split.abnormal),
            (self.unlabelled, range(len(self.unlabelled.clips))),
        )
        return ScoredClips(*(tuple(ScoredClip.of(cache.clips[row]) for row in rows) for cache, rows in parts))


def read_unit_clips(
    normal: Sequence[StrPath],
    normal_clips: Sequence[StrPath],
    abnormal: Sequence[StrPath],
    abnormal_clips: Sequence[StrPath],
    settings: Mapping[str, Any],
    unlabelled: Sequence[StrPath] = (),
    unlabelled_clips: Sequence[StrPath] = (),
    expected: Sequence[Origin] = (),
) -> list[UnitClips]:
    """The clips of some IDs at all SNRs.

    Parameters
    ----------
    normal, abnormal
        Feature caches of each of ``settings["units"]`` (SNR and ID).
    normal_clips, abnormal_clips
        Their clip lists.
    settings
        As `asd.splits.detection_splits` takes them.
    unlabelled, unlabelled_clips
        Caches and clip lists of unlabelled clips; none where there are no such clips at all.
    expected
        Whose the caches have to be, in any order; if left out, anybody's.

    Raises
    ------
    UserError
        If a cache can't be read, does not match its checksums or is another one's, or if there are too few clips.
    """
    units = [(snr, name) for snr, name in settings["units"]]
    origins = {(origin.snr, origin.id, origin.kind): origin for origin in expected}

    def read(kind: str, arrays: Sequence[StrPath], lists: Sequence[StrPath]) -> list[Cache]:
        return [
            read_cache(array, clips, allow_empty=kind != "normal", expected=origins[*unit, kind] if origins else None)
            for unit, array, clips in zip(units, arrays, lists, strict=True)
        ]

    first, second = read("normal", normal, normal_clips), read("abnormal", abnormal, abnormal_clips)
    nothing = [empty_cache(cache.features.shape[1]) for cache in first]
    third = read("unlabelled", unlabelled, unlabelled_clips) if unlabelled else nothing
    caches = dict(zip(units, zip(first, second, third, strict=True), strict=True))
    splits = detection_splits({unit: (listed(one), listed(two)) for unit, (one, two, _) in caches.items()}, settings)
    return [UnitClips(*unit, *three, splits[unit]) for unit, three in caches.items()]


def split_again(clips: Sequence[UnitClips], settings: Mapping[str, Any]) -> list[UnitClips]:
    """The same clips under another protocol.

    Parameters
    ----------
    clips
        Of the units of `settings`, which are as `read_unit_clips` takes them.

    Raises
    ------
    UserError
        If there are too few clips.
    """
    there = {(one.snr, one.machine_id): (listed(one.normal), listed(one.abnormal)) for one in clips}
    splits = detection_splits(there, settings)
    return [replace(one, split=splits[one.snr, one.machine_id]) for one in clips]


def read_clips_of_machines(
    normal: Sequence[StrPath],
    normal_clips: Sequence[StrPath],
    abnormal: Sequence[StrPath],
    abnormal_clips: Sequence[StrPath],
    settings: Sequence[Mapping[str, Any]],
    expected: Sequence[Origin] = (),
) -> list[UnitClips]:
    """The clips of some machines, one after the other.

    Parameters
    ----------
    settings
        Of each machine, as `read_unit_clips` takes them, which takes the others, too.

    Raises
    ------
    UserError
        As `read_unit_clips` does.
    """
    files = [iter(paths) for paths in (normal, normal_clips, abnormal, abnormal_clips)]
    found = []
    for of_machine in settings:
        count = len(of_machine["units"])
        arrays, lists, abnormal_arrays, abnormal_lists = (list(itertools.islice(paths, count)) for paths in files)
        own = [origin for origin in expected if origin.machine == of_machine["machine"]]
        found += read_unit_clips(arrays, lists, abnormal_arrays, abnormal_lists, of_machine, expected=own)
    return found
