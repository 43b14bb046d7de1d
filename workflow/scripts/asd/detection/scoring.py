"""From the features of one ID at one SNR to a score and a decision for every clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classification.classifier import Networks
from ..ddae.denoiser import Denoiser
from ..features.columns import N_FEATURES
from ..splits import FEWEST_CLIPS, PROTOCOLS, ProtocolName, fold_numbers
from .detectors import Detector, Fitted
from .projections import Projection, fit_projection
from .representations import Represented, blocks_of
from .scores import Scores, UnitScores, threshold_of
from .units import UnitClips


@dataclass(frozen=True)
class FittedDetector:
    """A detector, fitted on projected training clips.

    Attributes
    ----------
    fitted
        What scores projected clips.
    """

    detector: Detector
    projection: Projection
    fitted: Fitted

    @property
    def name(self) -> str:
        """Of the detector."""
        return self.detector.name

    def score(self, clips: Represented) -> NDArray[np.float64]:
        """Scores of clips that it has not seen, float64 [clips]."""
        return self.fitted.score(self.projection.apply(clips.get(self.detector.representation)))


def fit_detectors(train: Represented, detectors: Sequence[Detector], seed: int) -> Iterator[FittedDetector]:
    """Each detector, fitted on training clips.  Detectors that see the same share the projection."""
    views: dict[tuple[str, str], tuple[Projection, NDArray[np.floating]]] = {}
    for detector in detectors:
        view = (detector.representation, detector.projection)
        if view not in views:
            rows = train.get(detector.representation)
            projection = fit_projection(detector.projection, rows, blocks_of(detector.representation, rows.shape[1]))
            views[view] = projection, projection.apply(rows)
        projection, projected = views[view]
        yield FittedDetector(detector, projection, detector.fit(projected, seed))


def training_groups(
    every: Represented, n_train: int, detectors: Sequence[Detector]
) -> tuple[tuple[Represented, list[Detector]], ...]:
    """Training clips, and the detectors that are fitted on them: those that need no DDAE train on the clips that train
    it, too, which stand behind the `n_train` others."""
    return (
        (every[:n_train], [detector for detector in detectors if detector.needs_ddae]),
        (every, [detector for detector in detectors if not detector.needs_ddae]),
    )


def cross_fitted_scores(
    train: Represented,
    detectors: Sequence[Detector],
    folds: int,
    seed: int,
    recordings: Sequence[str] | None = None,
    where: str = "training clips",
) -> dict[str, NDArray[np.float64]]:
    """Scores of the training clips by models that were fitted on other training clips.

    Parameters
    ----------
    folds
        Into which the clips are divided at random; the clips of each are scored by what is fitted on the rest,
        projection included.  No more than there are recordings.
    recordings
        Which recording each clip was cut from (see `asd.splits.fold_numbers`).  By default, each is one of its own.  Of
        two clips, each is scored by what is fitted on both.
    where
        What the clips are, for messages.

    Returns
    -------
    dict
        Name of the detector -> float64 [clips].
    """
    fold_of = fold_numbers(recordings or [""] * len(train), folds, seed, where)
    scores = {detector.name: np.empty(len(train)) for detector in detectors}
    for fold in np.unique(fold_of):
        held_out = np.flatnonzero(fold_of == fold)
        rest = np.flatnonzero(fold_of != fold)
        rest = rest if len(rest) >= FEWEST_CLIPS else np.arange(len(train))
        in_fold = train.in_fold(int(fold))
        for fitted in fit_detectors(in_fold[rest], detectors, seed):
            scores[fitted.name][held_out] = fitted.score(in_fold[held_out])
    return scores


def detect(
    clips: UnitClips,
    denoiser: Denoiser | None,
    detectors: Sequence[Detector],
    *,
    networks: Sequence[Networks] = (),
    protocol: ProtocolName,
    threshold_percentile: float,
    folds: int | None = None,
    seed: int,
) -> UnitScores:
    """Denoise, project, fit the detectors on the training clips of an ID at an SNR, and score training and test clips.

    Detectors that need no DDAE train on the clips that train it, too.

    Parameters
    ----------
    denoiser
        None where no detector sees anything of it (see `asd.detection.views.WITHOUT_SCALING`).
    networks
        Of the ID classifier at this SNR (see `asd.classification.classifier`), for detectors that see its embeddings.
    protocol
        Whose training scores count: under *paper* those of the models themselves, under the others cross-fitted ones,
        or those of clips left out where a detector has them, temporal columns do not outnumber the clips, and every
        clip is a recording of its own.
    threshold_percentile
        Percentile of the training scores that is the threshold of a decision.
    folds
        Of the cross-fitting, which only *strict* needs.
    seed
        Of detectors that draw random numbers, and of the folds.
    """
    n_train = len(clips.split.train)
    every = Represented.of(clips.train_without_ddae(), denoiser, networks)
    tested = np.concatenate([*clips.test(), clips.unlabelled.features])
    n_labelled = len(tested) - len(clips.unlabelled.features)
    test = Represented.of(tested, denoiser, networks[:1])  # no fold has seen them
    where = f"training clips of {clips.name}"
    recordings = clips.training_recordings()
    found = {}
    for train, sharing in training_groups(every, n_train, detectors):
        of_train = recordings[: len(train)]
        cross_fitted = {}
        if PROTOCOLS[protocol].cross_fitted:
            refitted = [
                detector for detector in sharing if not (_left_out_tells(detector, train) and _all_differ(of_train))
            ]
            cross_fitted = cross_fitted_scores(train, refitted, folds or 2, seed, of_train, where) if refitted else {}
        for one in fit_detectors(train, sharing, seed):
            known = cross_fitted.get(one.name)
            # of the clips that train all detectors, so that their scores can be averaged
            training_scores = (one.fitted.training_scores if known is None else known)[:n_train]
            threshold = threshold_of(training_scores, threshold_percentile, protocol)
            labelled, unlabelled = np.split(one.score(test), [n_labelled])
            found[one.name] = Scores(training_scores, labelled, threshold, one.projection.counts, unlabelled)
    return UnitScores(clips.names(), {detector.name: found[detector.name] for detector in detectors}, protocol)


def detect_all(
    units: Iterable[UnitClips],
    settings: Mapping[str, Any],
    denoiser: Denoiser | None = None,
    networks: Mapping[str, Sequence[Networks]] | None = None,
) -> Iterator[tuple[UnitClips, UnitScores]]:
    """`detect` of several IDs and SNRs, each with its scores.

    Parameters
    ----------
    settings
        ``detectors``, as `Detector` takes them, ``protocol``, ``threshold_percentile``, ``folds`` and ``seed``.
    networks
        SNR -> those of the ID classifier.
    """
    detectors = [Detector(**about) for about in settings["detectors"]]
    options = {name: settings[name] for name in ("protocol", "threshold_percentile", "folds", "seed")}
    for clips in units:
        yield clips, detect(clips, denoiser, detectors, networks=(networks or {}).get(clips.snr, ()), **options)


def _left_out_tells(detector: Detector, train: Represented) -> bool:
    """Whether scores of left-out training clips calibrate a detector.

    The standardisation has seen these clips, which tells where columns outnumber them: a clip that is far out in one of
    many columns widens it.  Of the simulated clips (61 for training, 5 % asked for), left-out scores flag 10.6 % with
    648 columns, cross-fitted ones 6.9 %; with 136 columns both 8 %.
    """
    columns = train.get(detector.representation).shape[1]
    return detector.leave_one_out and columns <= max(len(train), N_FEATURES)


def _all_differ(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)
