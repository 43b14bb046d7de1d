"""Which detectors of a training are the best, in the order of the leaderboard, from scores that figures read anyway."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..detection.scores import UnitScores
from .machine import Unit, with_abnormal_clips
from .statistics import is_off_by_count, order_of_merit, weighted_aucs

SHOWN = 3
"""Detectors that a figure shows as the best."""


@dataclass(frozen=True)
class Standing:
    """How good a detector or ensemble is on a machine.

    Attributes
    ----------
    auc
        Mean over SNRs, IDs and seeds; NaN without abnormal clips.
    false_alarm_rate
        Mean share of normal test clips that are flagged.
    is_off
        Whether that share is far from the one asked for (see `asd.evaluation.statistics.is_off`).
    """

    detector: str
    auc: float
    false_alarm_rate: float
    is_off: bool


def standings(
    contents: Mapping[Unit, UnitScores], ensembles: Collection[str], asked: float, confidence: float
) -> list[Standing]:
    """Detectors and ensembles of one noise factor under one protocol, the best first.

    The order is that of the leaderboard (`asd.evaluation.statistics.order_of_merit`).

    Parameters
    ----------
    contents
        Scores of every ID at every SNR under every seed.  Those without abnormal clips count only if all are; then
        nothing is known of the AUC, and the order is that of the scores.
    ensembles
        Which of the names are ensembles.
    asked
        Share of the normal clips that thresholds are meant to flag.
    confidence
        Of the interval of the share that is flagged, in per cent.
    """
    counted = with_abnormal_clips(contents) or dict(contents)
    found = [
        _standing(name, counted, asked, confidence)
        for name in dict.fromkeys(name for content in counted.values() for name in content.scores)
    ]

    if not with_abnormal_clips(contents):
        return found
    return sorted(found, key=lambda one: order_of_merit(one.is_off, one.auc, one.detector in ensembles))


def _standing(name: str, contents: Mapping[Unit, UnitScores], asked: float, confidence: float) -> Standing:
    aucs: dict[tuple[str, str], list[float]] = {}
    normal: dict[str, list[int]] = {}
    rates = []
    for unit, content in contents.items():
        if name in content.scores:
            scores, labels = content.scores[name], content.clips.labels
            aucs.setdefault((unit.snr, unit.machine_id), []).append(_auc(content, name))
            normal.setdefault(unit.machine_id, []).append(len(content.clips.normal))
            rates.append(float(np.mean(scores.test[~labels] > scores.threshold)))
    rate = float(np.mean(rates))
    # SNRs and seeds share the clips of an ID
    total = round(sum(float(np.mean(counts)) for counts in normal.values()))
    off = is_off_by_count(rate, round(rate * total), total, confidence, asked)
    return Standing(name, float(np.mean([np.mean(of_seeds) for of_seeds in aucs.values()])), rate, off)


def best_of(ordered: Sequence[Standing], count: int = SHOWN) -> list[Standing]:
    """The first few whose false alarms are not off; if all are off, the first few of those."""
    return [one for one in ordered if not one.is_off][:count] or list(ordered[:count])


def baseline_of(ordered: Sequence[Standing], baselines: Collection[str], shown: Collection[str]) -> Standing | None:
    """The best of the `baselines` that is not `shown` anyway, by its AUC alone; None if there is none."""
    others = [one for one in ordered if one.detector in baselines and one.detector not in shown]
    return max(others, key=lambda one: one.auc, default=None)


@dataclass(frozen=True)
class BestView:
    """A detector whose view of the clips is worth a figure.

    Attributes
    ----------
    detector
        No ensemble, for these see nothing themselves.
    first
        What is the best: it, or an ensemble that it is a member of.
    auc
        Mean AUC of `first`; NaN without abnormal clips, where nothing is known to be the best.
    """

    detector: str
    first: str
    auc: float

    def words(self, representation: str, projection: str) -> str:
        """For a title.

        Examples
        --------
        >>> BestView("HULL", "HULL", 0.9876).words("log-mel", "standard")
        'what HULL sees (log-mel, standardised), the best with AUC 0.988'
        >>> BestView("IDS", "MEAN", 0.9876).words("id-embedding", "none")
        'what IDS sees (id-embedding), best member of the best, MEAN (AUC 0.988)'
        >>> BestView("LOF", "LOF", float("nan")).words("denoised", "map-pca")
        'what LOF sees (denoised, principal components)'
        """
        done = _DONE[projection]
        sees = f"what {self.detector} sees ({representation}{', ' * bool(done)}{done})"
        if math.isnan(self.auc):
            return sees
        if self.detector == self.first:
            return f"{sees}, the best with AUC {self.auc:.3f}"
        return f"{sees}, best member of the best, {self.first} (AUC {self.auc:.3f})"


_DONE = {"map-pca": "principal components", "whitening": "whitened", "standard": "standardised", "none": ""}


def best_view(ordered: Sequence[Standing], ensembles: Mapping[str, Sequence[str]], default: str) -> BestView:
    """The best detector or, where an ensemble is the best, its member with the highest AUC.

    Parameters
    ----------
    ordered
        At least one.
    ensembles
        Name -> its members.
    default
        Detector or ensemble that counts as the best where there are no abnormal clips to tell; of an ensemble the first
        member.
    """
    known = [one for one in ordered if not math.isnan(one.auc)]
    named = [one for one in ordered if one.detector == default]
    first = (best_of(known, 1) or named or ordered)[0]
    members = [one for name in ensembles.get(first.detector, ()) for one in ordered if one.detector == name]
    seen = max(members or [first], key=lambda one: -1.0 if math.isnan(one.auc) else one.auc)
    return BestView(seen.detector, first.detector, first.auc)


def auc_of(contents: Mapping[Unit, UnitScores], detector: str, snr: str, machine_id: str) -> float:
    """AUC of a detector on one ID at one SNR, mean over the seeds; NaN without abnormal clips."""
    here = (one for unit, one in contents.items() if (unit.snr, unit.machine_id) == (snr, machine_id))
    return float(np.mean([_auc(one, detector) for one in here]))


def _auc(content: UnitScores, detector: str) -> float:
    labels = content.clips.labels
    if not labels.any():
        return math.nan
    return float(weighted_aucs(labels, content.scores[detector].test, np.ones((1, len(labels))))[0])


def words_about(ordered: Sequence[Standing], asked: float) -> str:
    """How the best were chosen, in a sentence for below a figure.

    Examples
    --------
    >>> words_about([Standing("A", 0.9, 0.05, False), Standing("B", 0.8, 0.3, True)], 0.05)
    'Best by mean AUC over SNRs and IDs; 1 left out for false alarms far from the 5 % asked for.'
    """
    off = sum(one.is_off for one in ordered)
    best = "Best by mean AUC over SNRs and IDs"
    if not off:
        return f"{best}."
    share = f"{100.0 * asked:.3g} % asked for"
    if off == len(ordered):
        return f"{best}, though the false alarms of all are far from the {share}."
    return f"{best}; {off} left out for false alarms far from the {share}."


def only(contents: Mapping[Unit, UnitScores], names: Sequence[str]) -> dict[Unit, UnitScores]:
    """Scores of some detectors, in the order of `names`."""
    return {
        unit: replace(content, scores={name: content.scores[name] for name in names if name in content.scores})
        for unit, content in contents.items()
    }


def detection_rates(contents: Mapping[Unit, UnitScores], detector: str) -> tuple[float, float]:
    """Shares of the normal and of the abnormal test clips above a detector's thresholds, mean over IDs and seeds."""
    pairs = [
        (content.scores[detector].test > content.scores[detector].threshold, content.clips.labels)
        for content in with_abnormal_clips(contents).values()
        if detector in content.scores
    ]
    alarms = [float(np.mean(flagged[~abnormal])) for flagged, abnormal in pairs]
    found = [float(np.mean(flagged[abnormal])) for flagged, abnormal in pairs]
    return float(np.mean(alarms)), float(np.mean(found))
