"""Ensembles: the mean of several detectors' scores, or of one detector's under several trainings.

Detectors score in units of their own, so each member's scores are first put on a common scale.  The scale comes from
the member's training scores alone, so that no test clip has a say in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..splits import ProtocolName
from .scores import Scores, UnitScores, threshold_of

Average = Literal["z", "rank"]


def standardised(scores: NDArray[np.float64], train: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores in standard deviations of the training scores from their mean; float64 [clips] each.

    Training scores that are all equal have no scale: what lies above, at or below them is then 1, 0 or -1.
    """
    mean, spread = scale_of(train)
    if spread is None:
        return np.asarray(np.sign(scores - mean), np.float64)
    return np.asarray((scores - mean) / spread, np.float64)


def scale_of(train: NDArray[np.float64]) -> tuple[float, float | None]:
    """Mean of training scores and their standard deviation; None in its place where they are all equal."""
    mean, spread = float(train.mean()), float(train.std())
    return mean, spread if spread > 1e-12 * (1.0 + abs(mean)) else None


def ranked(scores: NDArray[np.float64], train: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the training scores below each score, ties counting half; float64 [clips] in [0, 1].

    All that is above every training score has rank 1, however far above.
    """
    known = np.sort(train)
    below = np.searchsorted(known, scores, side="left") + np.searchsorted(known, scores, side="right")
    return below / (2.0 * len(known))


def combine(members: Sequence[Scores], average: Average, threshold_percentile: float, protocol: ProtocolName) -> Scores:
    """Mean of the members' scores of the same clips, each on the scale of its own training scores.

    Parameters
    ----------
    members
        Scores of the same training and the same test clips, in the same order.
    average
        ``z``: mean of `standardised` scores; ``rank``: mean of `ranked` ones.
    threshold_percentile, protocol
        For the threshold, from the combined training scores as a detector's is from its own.

    Raises
    ------
    ValueError
        If there are no members, or they scored different numbers of clips.
    """
    if not members or len({(len(one.train), len(one.test), len(one.unlabelled)) for one in members}) != 1:
        raise ValueError("an ensemble needs members that scored the same clips")
    scale = standardised if average == "z" else ranked
    train = np.mean([scale(member.train, member.train) for member in members], axis=0)
    test = np.mean([scale(member.test, member.train) for member in members], axis=0)
    unlabelled = np.mean([scale(member.unlabelled, member.train) for member in members], axis=0)
    return Scores(train, test, threshold_of(train, threshold_percentile, protocol), unlabelled=unlabelled)


@dataclass(frozen=True)
class Ensemble:
    """As the configuration has it: which detectors' scores, over what else, and how they are averaged."""

    name: str
    detectors: Sequence[str]
    over: Sequence[str]
    average: Average


def combine_files(
    members: Sequence[UnitScores], ensembles: Sequence[Ensemble], threshold_percentile: float
) -> UnitScores:
    """Scores of some ensembles on one ID at one SNR.

    Parameters
    ----------
    members
        Scores of the detectors at each noise factor and seed that is averaged over.

    Raises
    ------
    UserError
        If the members scored different clips.
    """
    first = members[0]
    if any(content.clips != first.clips for content in members):
        raise UserError(
            f"ensembles {', '.join(ensemble.name for ensemble in ensembles)}: the scores to be averaged are of "
            "different clips. Run detection again; ensembles over seeds need the paper protocol."
        )
    scores = {
        ensemble.name: combine(
            [content.scores[name] for content in members for name in ensemble.detectors],
            ensemble.average,
            threshold_percentile,
            first.protocol,
        )
        for ensemble in ensembles
    }
    return UnitScores(first.clips, scores, first.protocol)
