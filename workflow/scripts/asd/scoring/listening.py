"""The page to listen to: the clips of a run that its detector finds hardest, with their sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..detection.scores import UnitScores
from ..detection.units import UnitClips
from ..files import StrPath
from ..recordings.audio import Channel

LARGEST = 24 * 2**20
"""Bytes of the page, unless asked for otherwise."""


@dataclass(frozen=True)
class ListedUnit:
    """One ID at one SNR, as it was tested.

    Attributes
    ----------
    machine, snr_label
        For people; the rest is in `clips`.
    scores
        Of the detectors, and of the ensembles if theirs are wanted, as `asd.detection.scores.read_scores` gives them.
    clips
        The same clips with their features, as `asd.detection.units.read_unit_clips` gives them.
    """

    machine: str
    snr_label: str
    scores: UnitScores
    clips: UnitClips


@dataclass(frozen=True)
class Listened:
    """What a page holds.

    Attributes
    ----------
    shown
        Clips on it.
    left_out
        Misses and false alarms that there was no room for.
    silent
        Clips on it without sound, for their recordings can't be read any more or have changed.
    size
        Bytes.
    """

    shown: int
    left_out: int
    silent: int
    size: int


def write_listening_page(
    path: StrPath,
    units: Sequence[ListedUnit],
    detector: str,
    *,
    title: str,
    root: str,
    recordings: Mapping[str, Sequence[str]],
    channel: Channel,
    seconds: float | None,
    largest: int = LARGEST,
    processes: int = 1,
) -> Listened:
    """Write the page, one HTML file that needs no other.

    Parameters
    ----------
    path
        Of the page.
    units
        Every ID at every SNR, in the order of the page.
    detector
        Whose scores count: a detector or an ensemble, of all `units`.
    title
        Which run it is, in words: noise factor, seed, protocol.
    root
        Folder that the clips are named relative to (`asd.recordings.layout.Source.root`).
    recordings
        Clip's name in the clip list -> the files of its recording, one for each channel where they have one each.  What
        is not in it is looked for under `root`.
    channel, seconds
        As the clips were read: `asd.recordings.audio.read_clips`.
    largest
        Bytes that the page must not have more of.
    processes
        That read recordings at the same time.  The page does not depend on it.

    Raises
    ------
    UserError
        If a unit has no scores of `detector`, or scores and clips are not of the same clips.
    """
    raise NotImplementedError
