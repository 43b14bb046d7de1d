"""The clips of a machine and ID that a detector finds hardest.

There are three kinds: abnormal ones that it missed, normal ones that it took for abnormal, and those of the others
whose score is nearest to the threshold.  Every SNR has its turn: the hardest of each, then the second of each, and so
on, for else they would all be of the worst SNR, where there is nothing to hear.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MOST = 12
"""Clips of a kind, machine and ID."""

Kind = Literal["missed", "false alarm", "near"]
KINDS: tuple[Kind, ...] = ("missed", "false alarm", "near")


@dataclass(frozen=True)
class Decisions:
    """What a detector says of the test clips of an ID at an SNR.

    Attributes
    ----------
    scores
        float64 [clips].
    abnormal
        bool [clips].
    threshold
        Score above which a clip is taken for abnormal.
    """

    scores: NDArray[np.float64]
    abnormal: NDArray[np.bool_]
    threshold: float

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whose decision is not their label, bool [clips]."""
        return np.asarray((self.scores > self.threshold) != self.abnormal)


@dataclass(frozen=True)
class Place:
    """A test clip: the number of its SNR, and of the clip there."""

    snr: int
    clip: int


def hardest(tested: Sequence[Decisions], most: int = MOST) -> dict[Kind, list[Place]]:
    """The hardest clips of a machine and ID, of each kind, those first that come first on the page.

    Parameters
    ----------
    tested
        Of each SNR.
    most
        Clips of a kind.

    Returns
    -------
    dict
        Misses by their score, the lowest first; false alarms by theirs, the highest first; and of all other clips those
        nearest to the threshold.  The SNRs take turns; clips of equal scores come in their order.
    """
    missed = [_first(one.scores, one.wrong & one.abnormal) for one in tested]
    alarms = [_first(-one.scores, one.wrong & ~one.abnormal) for one in tested]
    found: dict[Kind, list[Place]] = {
        "missed": _in_turns(missed)[:most],
        "false alarm": _in_turns(alarms)[:most],
    }
    listed = {place for places in found.values() for place in places}
    near = [_first(np.abs(one.scores - one.threshold), np.ones(len(one.scores), bool)) for one in tested]
    found["near"] = [place for place in _in_turns(near) if place not in listed][:most]
    return found


def _first(order: NDArray[np.float64], among: NDArray[np.bool_]) -> list[int]:
    """Clips that are `among` the wanted ones, in the order of these values."""
    rows = np.flatnonzero(among)
    return [int(row) for row in rows[np.argsort(order[rows], kind="stable")]]


def _in_turns(clips: Sequence[Sequence[int]]) -> list[Place]:
    """First the first clip of each SNR, then the second of each, and so on."""
    rounds = itertools.zip_longest(*clips)
    return [Place(snr, clip) for one in rounds for snr, clip in enumerate(one) if clip is not None]
