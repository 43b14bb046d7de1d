"""How well detectors tell abnormal from normal clips: statistics of a machine, and how certain they are.

The uncertainty is that of a bootstrap over seeds and clips.  In each replicate the seeds are drawn anew with
replacement, and so are the test clips of each ID, normal and abnormal ones apart (stratified), clips that were cut from
one recording together.  A clip keeps its weight under every detector, noise factor and seed, so that detectors are
compared on the same clips; it does at every SNR too, where the same number of clips is tested, since in MIMII these are
the same recordings in more or less noise.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ddae.run import ALL, Run
from ..detection.clips import ScoredClip, ScoredClips
from ..detection.scores import UnitScores, read_scores, score_paths
from ..errors import UserError
from ..files import StrPath
from ..files.integrity import read_archive, seal_of, write_archive
from ..files.origin import Origin
from ..splits import ProtocolName
from .rows import AucRow, ComparisonRow
from .statistics import (
    FEW_CLIPS,
    FEWEST_FOR_P_VALUES,
    bootstrap_p_value,
    bootstrap_weights,
    clips_of_smaller_class,
    decision_statistics,
    delong_covariance,
    delong_p_value,
    interval_of_few,
    mean_placements,
    percentile_interval,
    resampled_seeds,
    roc_on_grid,
    weighted_aucs,
    weighted_partial_aucs,
)

PARTIAL_AUC_MAX_FPR = 0.1
FALSE_POSITIVE_RATES = np.concatenate([np.linspace(0.0, 0.1, 51), np.linspace(0.1, 1.0, 91)[1:]])
"""Where ROC curves are averaged: finer where few false alarms are."""

MAX_CURVE_REPLICATES = 500  # partial AUCs and bands of curves take longer, and no p value comes from them

_CHECKSUMS = "checksums"  # member of an archive of replicates: CRC-32 of the tables that go with them
_MAX_REPLICATES_BYTES = 2**32  # 1000 entries at 10 SNRs in 100,000 replicates

ALL_SNRS = ALL
"""What tables call the mean over the SNRs."""


@dataclass(frozen=True)
class Unit:
    """What scores are about."""

    run: Run
    snr: str
    machine_id: str

    @classmethod
    def of(cls, protocol: ProtocolName, noise_factor: str, seed: str, snr: str, machine_id: str) -> Unit:
        """From texts, as parameters of rules have them."""
        return cls(Run.of(noise_factor, seed, protocol), snr, machine_id)


Entry = tuple[str, str]
"""Detector and text of the noise factor: what is ranked and compared."""


def read_unit_scores(
    folders: Sequence[StrPath],
    runs: Sequence[tuple[ProtocolName, str, str]],
    units: Sequence[tuple[str, str]],
    expected: Sequence[Origin] = (),
) -> dict[Unit, UnitScores]:
    """Scores of all detectors of every run on every ID at every SNR.

    Parameters
    ----------
    folders
        Of each of `runs`: two files for each of `units`, as `asd.detection.scores.score_paths` calls them.
    runs
        Protocol, noise factor and seed; one may stand there twice, with detectors and with ensembles.
    units
        SNR and ID.
    expected
        Whose the scores in each of `folders` have to be; if left out, anybody's.

    Raises
    ------
    UserError
        If a file is missing, damaged or another one's, or files of one run, SNR and ID are about different clips.
    """
    contents: dict[Unit, UnitScores] = {}
    origins: Sequence[Origin | None] = expected or [None] * len(folders)
    for (folder, run, whose), (snr, machine_id) in itertools.product(zip(folders, runs, origins, strict=True), units):
        unit, paths = Unit.of(*run, snr, machine_id), score_paths(folder, snr, machine_id)
        scores = read_scores(*paths, whose and replace(whose, snr=snr, id=machine_id))
        if unit in contents:
            before = contents[unit]
            if before.clips != scores.clips:
                raise UserError(f"{paths[0]}: not the clips that the detectors scored. Delete the file and run again.")
            scores = replace(scores, scores={**before.scores, **scores.scores})
        contents[unit] = scores
    return contents


def with_abnormal_clips(contents: Mapping[Unit, UnitScores]) -> dict[Unit, UnitScores]:
    """The units of `contents` that there is an AUC of."""
    return {unit: files for unit, files in contents.items() if files.clips.abnormal}


def confusion_counts(labels: NDArray[np.bool_], decisions: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Confusion matrix, int64 [2, 2]: rows are the true, columns the predicted class; normal first."""
    return np.bincount(2 * labels + decisions, minlength=4).reshape(2, 2)


def summed_confusion(contents: Iterable[UnitScores], detector: str) -> NDArray[np.int64]:
    """Confusion matrix of a detector's decisions, summed over some files; int64 [2, 2] as `confusion_counts`."""
    total = np.zeros((2, 2), np.int64)
    for content in contents:
        scores = content.scores[detector]
        total += confusion_counts(content.clips.labels, scores.test > scores.threshold)
    return total


def score_statistics(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], decisions: NDArray[np.bool_]
) -> dict[str, Any]:
    """Statistics of one detector's scores of test clips.

    Parameters
    ----------
    labels
        bool [clips], True for abnormal; normal clips must be there.
    scores
        float64 [clips], higher is more anomalous.
    decisions
        bool [clips], True where the score is above the threshold.

    Returns
    -------
    dict
        ``auc``; ``pauc`` (false positive rate up to 0.1, standardised after McClish (1989) so that chance is 0.5);
        ``tn``, ``fp``, ``fn``, ``tp`` with abnormal as positive; ``precision``, ``recall``, ``f1`` and
        ``false_alarm_rate`` of the decisions.  Without abnormal clips, all that needs them is NaN.
    """
    tn, fp, fn, tp = (int(count) for count in confusion_counts(labels, decisions).ravel())
    if not labels.any():
        unknown = dict.fromkeys(("auc", "pauc", "precision", "recall", "f1"), math.nan)
        return {"tn": tn, "fp": fp, "fn": fn, "tp": tp, **decision_statistics(tn, fp, fn, tp), **unknown}
    once = np.ones((1, len(labels)))
    auc = float(weighted_aucs(labels, scores, once)[0])
    pauc = float(weighted_partial_aucs(labels, scores, once, PARTIAL_AUC_MAX_FPR)[0])
    counts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    return {"auc": auc, "pauc": pauc, **counts, **decision_statistics(tn, fp, fn, tp)}


def auc_rows(unit: Unit, content: UnitScores, machine: str, views: Mapping[str, Sequence[str]]) -> list[AucRow]:
    """Statistics of each detector on one ID at one SNR.

    Parameters
    ----------
    views
        Detector -> representation and projection.
    """
    clips, rows = content.clips, []
    for name, scores in content.scores.items():
        map_mfcc, map_basic = scores.components or (None, None)
        representation, projection = views[name]
        rows.append(
            AucRow(
                machine=machine,
                noise_factor=unit.run.noise_factor_text,
                seed=unit.run.seed_text,
                protocol=unit.run.protocol,
                snr=unit.snr,
                id=unit.machine_id,
                detector=name,
                representation=representation,
                projection=projection,
                threshold=scores.threshold,
                n_train=len(clips.train),
                n_normal=len(clips.normal),
                n_abnormal=len(clips.abnormal),
                map_mfcc=map_mfcc,
                map_basic=map_basic,
                **score_statistics(clips.labels, scores.test, scores.test > scores.threshold),
            )
        )
    return rows


# ------------------------------------------------------------------------------------------------ uncertainty


@dataclass(frozen=True)
class Replicates:
    """AUCs of one machine under one protocol, as they are and in each replicate of the bootstrap.

    Attributes
    ----------
    entries
        Detectors and noise factors.
    snrs
        In the order of the axis.
    auc, pauc
        Mean over IDs and seeds, float64 [entries, snrs].
    auc_replicates, pauc_replicates
        The same in each replicate, float32 [entries, snrs, replicates]; of the partial AUC no more than the first
        `MAX_CURVE_REPLICATES`.
    covariance
        DeLong's covariance of the mean AUCs of all entries, float64 [snrs, entries, entries]: the uncertainty from the
        choice of test clips alone.  NaN where the seeds test different clips.
    """

    entries: tuple[Entry, ...]
    snrs: tuple[str, ...]
    auc: NDArray[np.float64]
    pauc: NDArray[np.float64]
    auc_replicates: NDArray[np.float32]
    pauc_replicates: NDArray[np.float32]
    covariance: NDArray[np.float64]


def _random(*names: Any) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(str(name).encode()) for name in names])


def _seeds_of(units: Iterable[Unit]) -> list[int | None]:
    return list(dict.fromkeys(unit.run.seed for unit in units))


def bootstrap(
    files: Mapping[Unit, UnitScores], entries: Sequence[Entry], machine: str, replicates: int, seed: int
) -> Replicates:
    """AUCs of a machine's `entries` under one protocol, and their bootstrap over seeds and clips.

    Parameters
    ----------
    files
        Scores of every entry at every SNR and ID under every one of its seeds.
    entries
        What to look at; all of them must be in `files`.
    machine
        With `seed`, starts the random numbers.
    replicates
        Of the bootstrap.
    """
    snrs = tuple(dict.fromkeys(unit.snr for unit in files))
    ids = tuple(dict.fromkeys(unit.machine_id for unit in files))
    shape = (len(entries), len(snrs))
    auc, pauc = np.zeros(shape), np.zeros(shape)
    auc_replicates = np.zeros((*shape, replicates))
    pauc_replicates = np.zeros((*shape, min(replicates, MAX_CURVE_REPLICATES)))
    covariance = np.zeros((len(snrs), len(entries), len(entries)))
    every_seed = _seeds_of(files)
    seed_weights = {
        count: resampled_seeds(count, replicates, _random(seed, machine, "seeds", count))
        for count in range(1, len(every_seed) + 1)
    }
    for (snr_number, snr), machine_id in itertools.product(enumerate(snrs), ids):
        here = {unit: content for unit, content in files.items() if (unit.snr, unit.machine_id) == (snr, machine_id)}
        aucs_of = _UnitAucs(_clip_weights(list(here.values()), replicates, _random(seed, machine, machine_id)))
        components: list[tuple[tuple[ScoredClip, ...], NDArray[np.float64], NDArray[np.float64]]] = []
        for number, (detector, noise_factor) in enumerate(entries):
            scored = [
                content
                for unit, content in here.items()
                if unit.run.noise_factor_text == noise_factor and detector in content.scores
            ]
            by_seed = [aucs_of(content, detector) for content in scored]
            drawn = seed_weights[len(scored)]
            for values, means, samples in ((0, auc, auc_replicates), (1, pauc, pauc_replicates)):
                means[number, snr_number] += np.mean([unit[values][0] for unit in by_seed]) / len(ids)
                every = np.stack([unit[values][1] for unit in by_seed], axis=1)  # [replicates, seeds]
                samples[number, snr_number] += _mean_of_those_there(every, drawn[: len(every)]) / len(ids)
            components.append(_shared_placements(scored, detector))
        covariance[snr_number] += _delong_covariance(components) / len(ids) ** 2
    return Replicates(
        tuple(entries),
        snrs,
        auc,
        pauc,
        auc_replicates.astype(np.float32),
        pauc_replicates.astype(np.float32),
        covariance,
    )


def _mean_of_those_there(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over the columns of [replicates, seeds]; a replicate may have left a seed without a class."""
    there = np.isfinite(values)
    weights = np.where(there, weights, 0.0)
    total = weights.sum(axis=1)
    mean = np.where(there, values, 0.0)
    sums = (mean * weights).sum(axis=1)
    plain = np.where(there.any(axis=1), mean.sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.nan)
    return np.asarray(np.where(total > 0, sums / np.where(total > 0, total, 1.0), plain), np.float64)


def _drawn_together(contents: Sequence[UnitScores]) -> dict[tuple[bool, ScoredClip], tuple[bool, str, str]]:
    """Test clip with its label -> what is drawn: its recording or, where all clips of that label were cut from the same
    one, the clip itself."""
    clips = {
        clip for content in contents for clip in zip(content.clips.labels.tolist(), content.clips.tested, strict=True)
    }
    recordings = {label: len({clip.file for other, clip in clips if other == label}) for label in (False, True)}
    return {
        (label, clip): (label, clip.file, "" if recordings[label] > 1 else clip.start) for label, clip in sorted(clips)
    }


def _clip_weights(
    contents: Sequence[UnitScores], replicates: int, random: np.random.Generator
) -> dict[tuple[bool, ScoredClip], NDArray[np.int32]]:
    """Weight of each test clip (with its label) of an ID at an SNR in each replicate, int [replicates]."""
    drawn = _drawn_together(contents)
    units = list(dict.fromkeys(drawn.values()))
    strata = np.array([label for label, *_ in units])
    weights = dict(zip(units, bootstrap_weights(strata, replicates, random).T, strict=True))
    return {clip: weights[unit] for clip, unit in drawn.items()}


_WithReplicates = tuple[float, NDArray[np.float64]]
"""A value as it is, and in each replicate."""


class _UnitAucs:
    """AUCs and partial AUCs of an ID at an SNR, with their replicates.

    What several noise factors share is computed once: detectors without a DDAE give the same scores at all of them, and
    all trainings of a seed test the same clips.

    Parameters
    ----------
    weights
        Of each test clip, with its label, in each replicate, int [replicates].
    """

    def __init__(self, weights: Mapping[tuple[bool, ScoredClip], NDArray[np.int32]]) -> None:
        self._weights = weights
        self._of_clips: dict[ScoredClips, tuple[NDArray[np.int32], dict[bytes, tuple[_WithReplicates, ...]]]] = {}

    def __call__(self, content: UnitScores, detector: str) -> tuple[_WithReplicates, ...]:
        """AUC and partial AUC of a detector."""
        if content.clips not in self._of_clips:
            self._of_clips[content.clips] = _columns(self._weights, content.clips), {}
        weights, known = self._of_clips[content.clips]
        scores = content.scores[detector].test
        if scores.tobytes() not in known:
            known[scores.tobytes()] = _unit_aucs(content.clips.labels, scores, weights)
        return known[scores.tobytes()]


def _columns(weights: Mapping[tuple[bool, ScoredClip], NDArray[np.int32]], clips: ScoredClips) -> NDArray[np.int32]:
    """Weights of some clips, int [1 + replicates, clips], the first ones as if nothing were drawn."""
    drawn = np.stack([weights[clip] for clip in zip(clips.labels.tolist(), clips.tested, strict=True)], axis=1)
    return np.concatenate([np.ones((1, drawn.shape[1]), drawn.dtype), drawn])


def _unit_aucs(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.int32]
) -> tuple[_WithReplicates, ...]:
    aucs = weighted_aucs(labels, scores, weights)
    paucs = weighted_partial_aucs(labels, scores, weights[: 1 + MAX_CURVE_REPLICATES], PARTIAL_AUC_MAX_FPR)
    return (float(aucs[0]), aucs[1:]), (float(paucs[0]), paucs[1:])


def _shared_placements(
    scored: Sequence[UnitScores], detector: str
) -> tuple[tuple[ScoredClip, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Names of the test clips and DeLong's structural components, averaged over the seeds.

    The names are empty where the seeds tested different clips, so that the average makes no sense, and where clips were
    cut from recordings, so that they are not independent.
    """
    tested = {content.clips.tested for content in scored}
    if len(tested) != 1 or any(clip.start for clips in tested for clip in clips):
        return (), np.empty(0), np.empty(0)
    scores = np.stack([content.scores[detector].test for content in scored])
    return tested.pop(), *mean_placements(scored[0].clips.labels, scores)


def _delong_covariance(
    components: Sequence[tuple[tuple[ScoredClip, ...], NDArray[np.float64], NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """Covariance of the AUCs of all entries on one ID, float64 [entries, entries] (DeLong et al., 1988)."""
    if len({names for names, _, _ in components}) != 1 or not components[0][0]:
        return np.full((len(components), len(components)), np.nan)
    return delong_covariance([(v10, v01) for _, v10, v01 in components])


def write_replicates(
    by_protocol: Mapping[str, Replicates],
    path: StrPath,
    tables: Sequence[StrPath] = (),
    origin: Origin | None = None,
) -> None:
    """Write the replicates of every protocol as a NumPy archive, with checksums of the `tables` that go with them, and
    say whose they are."""
    arrays: dict[str, NDArray[Any]] = {
        _CHECKSUMS: np.array([seal_of(Path(table).read_bytes()) for table in tables], "U8")
    }
    for protocol, values in by_protocol.items():
        arrays |= {
            f"{protocol}.entries": np.array(values.entries),
            f"{protocol}.snrs": np.array(values.snrs),
            f"{protocol}.auc": values.auc,
            f"{protocol}.pauc": values.pauc,
            f"{protocol}.auc_replicates": values.auc_replicates,
            f"{protocol}.pauc_replicates": values.pauc_replicates,
            f"{protocol}.covariance": values.covariance,
        }
    write_archive(path, arrays, origin)


def read_replicates(
    path: StrPath, tables: Sequence[StrPath] = (), expected: Origin | None = None
) -> dict[str, Replicates]:
    """Read what `write_replicates` wrote, and compare the `tables` with their checksums.

    Parameters
    ----------
    expected
        Whose it has to be.

    Raises
    ------
    UserError
        If the archive or one of the tables is missing, damaged or another one's.
    """
    try:
        arrays = read_archive(path, _MAX_REPLICATES_BYTES, expected=expected)
        checksums = arrays.pop(_CHECKSUMS).tolist()
        protocols = dict.fromkeys(key.split(".")[0] for key in arrays)
        by_protocol = {
            protocol: Replicates(
                tuple((str(detector), str(factor)) for detector, factor in arrays[f"{protocol}.entries"]),
                tuple(map(str, arrays[f"{protocol}.snrs"])),
                *(
                    arrays[f"{protocol}.{name}"]
                    for name in ("auc", "pauc", "auc_replicates", "pauc_replicates", "covariance")
                ),
            )
            for protocol in protocols
        }
    except Exception as error:  # of many types, depending on where the file is damaged
        raise UserError(f"{path}: no readable replicates ({error}). Delete the file and run again.") from error
    for table, checksum in zip(tables, checksums, strict=False):  # none where no tables went with them
        if not Path(table).exists() or seal_of(Path(table).read_bytes()) != checksum:
            raise UserError(
                f"{table}: it is damaged, its checksum in {path} is another one. Delete both and run again."
            )
    return by_protocol


@dataclass(frozen=True)
class RocCurve:
    """True positive rates at `FALSE_POSITIVE_RATES`, float64 [rates]: mean over IDs and seeds, and its interval.

    `auc` is the mean of the AUCs.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    auc: float


def roc_bands(
    contents: Mapping[Unit, UnitScores], machine: str, *, replicates: int, confidence: float, seed: int
) -> dict[str, RocCurve]:
    """ROC curve of each detector at one noise factor and SNR, averaged vertically over IDs and seeds.

    Parameters
    ----------
    contents
        Scores of IDs with abnormal clips.
    replicates, seed
        Of the bootstrap over seeds and clips, as for `bootstrap`.
    confidence
        Of the interval at each false positive rate, in per cent; of few clips it is as wide as `interval_of_few` says.

    References
    ----------
    Fawcett, T. (2006). An introduction to ROC analysis. *Pattern Recognition Letters* 27, 861-874 (vertical averaging).
    """
    count = min(replicates, MAX_CURVE_REPLICATES)
    ids = tuple(dict.fromkeys(unit.machine_id for unit in contents))
    sums: dict[str, NDArray[np.float64]] = {}
    aucs: dict[str, list[float]] = {}
    for machine_id in ids:
        here = [content for unit, content in contents.items() if unit.machine_id == machine_id]
        weights = _clip_weights(here, count, _random(seed, machine, machine_id))
        columns_of = {content.clips: _columns(weights, content.clips) for content in here}
        for name in dict.fromkeys(name for content in here for name in content.scores):
            curves = []
            for content in (content for content in here if name in content.scores):
                columns = columns_of[content.clips]
                labels, scores = content.clips.labels, content.scores[name].test
                curves.append(roc_on_grid(labels, scores, FALSE_POSITIVE_RATES, columns))
                aucs.setdefault(name, []).append(float(weighted_aucs(labels, scores, columns[:1])[0]))
            every = np.stack(curves)  # [seeds, 1 + replicates, rates]; the first row is the data as they are
            drawn = resampled_seeds(len(curves), count, _random(seed, machine, "seeds", len(curves)))
            drawn = np.concatenate([np.full((1, len(curves)), 1.0 / len(curves)), drawn])
            there = np.isfinite(every)
            seed_weights = np.where(there, drawn.T[:, :, None], 0.0)
            total = seed_weights.sum(axis=0)
            mean = np.where(there, every * seed_weights, 0.0).sum(axis=0) / np.where(total > 0, total, np.nan)
            sums[name] = sums.get(name, 0.0) + mean / len(ids)
    clips = _clips_of_smaller_class(contents)
    bands = {}
    for name, curves_of in sums.items():
        low, high = percentile_interval(curves_of[1:], confidence)
        if clips < FEW_CLIPS:
            for point in np.flatnonzero(FALSE_POSITIVE_RATES < 1.0):  # where all are flagged, no clip is missed
                ends = float(low[point]), float(high[point]), float(curves_of[0][point])
                low[point], high[point] = interval_of_few(*ends, clips, confidence)
        bands[name] = RocCurve(curves_of[0], low, high, float(np.mean(aucs[name])))
    return bands


def _clips_of_smaller_class(contents: Mapping[Unit, UnitScores]) -> int:
    """Test clips of all IDs of the class of which there are fewer."""
    clips = [content.clips for content in contents.values()]
    counts = ([len(one.normal) for one in clips], [len(one.abnormal) for one in clips])
    return clips_of_smaller_class([unit.machine_id for unit in contents], *counts)


# ------------------------------------------------------------------------------------------------ comparisons


def compare(
    values: Replicates, protocol: str, machine: str, confidence: float, clips: int = FEWEST_FOR_P_VALUES
) -> list[ComparisonRow]:
    """Every pair of entries at each SNR, and on the mean over the SNRs (`ALL_SNRS`).

    Parameters
    ----------
    clips
        Test clips of the smaller class, in all IDs; where these are fewer than `FEWEST_FOR_P_VALUES`, no p value means
        anything, and there are none.
    """
    rows = []
    for number, snr in enumerate((*values.snrs, ALL_SNRS)):
        if snr == ALL_SNRS:
            auc, samples = values.auc.mean(axis=1), values.auc_replicates.mean(axis=1)
        else:
            auc, samples = values.auc[:, number], values.auc_replicates[:, number]
        order = np.argsort(-auc, kind="stable")
        for first, second in itertools.combinations(order, 2):
            differences = samples[first].astype(np.float64) - samples[second]
            difference = float(auc[first] - auc[second])
            low, high = percentile_interval(differences, confidence)
            p_delong, p_value = None, math.nan
            if clips >= FEWEST_FOR_P_VALUES:
                p_value = bootstrap_p_value(differences)
                if snr != ALL_SNRS:
                    p_delong = delong_p_value(values.covariance[number], first, second, difference)
            rows.append(
                ComparisonRow(
                    protocol=protocol,
                    machine=machine,
                    snr=snr,
                    detector=values.entries[first][0],
                    noise_factor=values.entries[first][1],
                    other_detector=values.entries[second][0],
                    other_noise_factor=values.entries[second][1],
                    difference=difference,
                    low=float(low),
                    high=float(high),
                    p_value=p_value,
                    p_delong=p_delong,
                )
            )
    return rows


# ------------------------------------------------------------------------------------------------ a whole machine


@dataclass(frozen=True)
class MachineResults:
    """Rows of the tables, and protocol -> bootstrap of the AUCs, as far as there are abnormal clips."""

    rows: list[AucRow]
    comparisons: list[ComparisonRow]
    replicates: dict[str, Replicates]


def evaluate_machine(
    contents: Mapping[Unit, UnitScores],
    machine: str,
    views: Mapping[str, Sequence[str]],
    *,
    replicates: int,
    confidence: float,
    seed: int,
) -> MachineResults:
    """Statistics of every detector at every unit, their bootstrap, and all comparisons under each protocol.

    Parameters
    ----------
    views
        Detector -> representation and projection, for the table.
    replicates, seed
        Of the bootstrap.
    confidence
        Of the intervals, in per cent.
    """
    rows = [row for unit, content in contents.items() for row in auc_rows(unit, content, machine, views)]
    results: dict[str, Replicates] = {}
    comparisons = []
    labelled = with_abnormal_clips(contents)
    for protocol in dict.fromkeys(unit.run.protocol for unit in labelled):
        files_of = {unit: files for unit, files in labelled.items() if unit.run.protocol == protocol}
        scored = ((unit.run, name) for unit, files in files_of.items() for name in files.scores)
        entries = list(dict.fromkeys((name, run.noise_factor_text) for run, name in scored))
        results[protocol] = bootstrap(files_of, entries, machine, replicates, seed)
        comparisons += compare(results[protocol], protocol, machine, confidence, _clips_of_smaller_class(files_of))
    return MachineResults(rows, comparisons, results)
