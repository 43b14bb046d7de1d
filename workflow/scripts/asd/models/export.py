"""From a trained run to the model of one ID at one SNR: the detectors fitted again, as operators, and checked."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..classification.classifier import Networks
from ..ddae.denoiser import Denoiser
from ..detection.detectors import Detector
from ..detection.ensembles import Ensemble
from ..detection.projections import Standardisation
from ..detection.representations import Represented, blocks_of
from ..detection.scores import UnitScores
from ..detection.scoring import fit_detectors, training_groups
from ..detection.units import UnitClips
from ..errors import UserError
from ..evaluation.statistics import delong_covariance, interval_of_few, mean_placements
from ..features.bands import in_bands, log_mel
from ..features.cliplist import ClipRecord, list_checksum
from ..features.columns import sets_of
from ..features.spectrogram import spectrogram, thinned
from ..recordings.again import files_of_clip, read_again
from ..recordings.audio import SAMPLE_RATE, BadClipError, Channel
from ..splits import PROTOCOLS
from . import views as operators
from .detectors import CONVERTERS, distances_to, ensemble
from .graph import Graph, Value
from .metadata import Calibrated, DetectorRecord, Interval, Metadata, Normal, Typical

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""Of the difference between the scores of a model and those of the run, in standard deviations of the latter.  Means of
ranks may also differ by a rank: where a score lies next to a training score, the last digit says on which side."""

_CONFIDENCE, _NORMAL_QUANTILE = 95.0, 1.959964
_AT_ONCE = 64  # clips, whose distances to all training clips are in memory
_FRAMES = 250  # of a typical clip's spectrogram: a file needs no more
_VARIES = 0.05  # share by which clips may differ in length and still have one
_PACKAGES = ("asd", "numpy", "scipy", "scikit-learn", "onnx", "onnxruntime")

Samples = Callable[[ClipRecord], "NDArray[np.float32] | None"]
"""Reads a clip of a clip list again, float32 [samples] at 16 kHz; None where its recording is not at hand."""


@dataclass(frozen=True)
class Trained:
    """What a model is made of: the clips of an ID at an SNR, and what the run made of them.

    Attributes
    ----------
    networks
        Of the ID classifier at this SNR; none without one.
    ensembles
        Of the run's detectors.
    scores
        Of all detectors and ensembles, on these clips.
    """

    machine: str
    noise_factor: str
    seed: int
    clips: UnitClips
    denoiser: Denoiser
    networks: Sequence[Networks]
    detectors: Sequence[Detector]
    ensembles: Sequence[Ensemble]
    scores: UnitScores


@dataclass(frozen=True)
class Built:
    """A model before it is written: see `asd.models.files.write_model`."""

    graph: bytes
    about: Metadata


def build_model(
    trained: Trained,
    *,
    detector: str,
    snr_label: str,
    channel: int | Literal["mean"],
    clip_seconds: float | None,
    samples: Samples = lambda clip: None,
    origin: Mapping[str, str] | None = None,
) -> Built:
    """Make the model.

    Every output is compared with the run's own scores; a detector whose operators do not give them is left out, as is
    one that there are no operators for.

    Parameters
    ----------
    detector
        Whose verdict counts; if it is left out, the first one that is not.
    channel, clip_seconds
        As the recordings were read.

    Raises
    ------
    UserError
        If no detector is left.
    """
    clips, scores = trained.clips, trained.scores.scores
    features = clips.train_without_ddae()
    graph = Graph()
    columns = features.shape[1]
    given = graph.input("features", ("clips", columns))
    values, left_out = _scored(graph, given, trained, features)
    for name, value in values.items():
        graph.output(f"score_{name}", value, ("clips",))
    _add_normal_clips(graph, given, features)
    content = graph.to_bytes()
    tested = np.concatenate([*clips.test(), clips.unlabelled.features])
    ranks = {one.name: 1 / len(clips.split.train) for one in trained.ensembles if one.average == "rank"}
    for name, found in _outputs(content, tested, list(values)).items():
        known = np.concatenate([scores[name].test, scores[name].unlabelled])
        spread = float(scores[name].every.std()) or 1.0
        difference = float(np.abs(found - known).max(initial=0.0)) / spread
        if difference > max(TOLERANCE, ranks.get(name, 0.0) / spread):
            left_out[name] = f"its operators give other scores ({difference:.1g} standard deviations away)"
            logger.warning("%s: %s is not in the model: %s", clips.name, name, left_out[name])
    kept = [name for name in values if name not in left_out]
    if not kept:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise UserError(f"{clips.name}: no detector can go into a model file ({why}). Set models: {{export: none}}.")
    for name, reason in left_out.items():
        logger.info("%s: without %s: %s", clips.name, name, reason)
    records = list(_lines(clips))
    about = Metadata(
        machine=trained.machine,
        id=clips.machine_id,
        snr=clips.snr,
        snr_label=snr_label,
        protocol=trained.scores.protocol,
        noise_factor=trained.noise_factor,
        seed=str(trained.seed),
        detector=detector if detector in kept else kept[0],
        detectors={name: _record(trained.scores, name) for name in kept},
        calibrated=_calibrated(trained.scores),
        left_out=left_out,
        features=sets_of(columns) or (),
        channel=channel,
        seconds=clip_seconds or _common_length([clip.duration for clip in records]),
        sample_rate=_common([clip.sample_rate for clip in records]),
        channels=_common([clip.channels for clip in records]),
        trained_on=_trained_on(clips),
        versions={"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        origin=origin or {},
        normal=normal_statistics(features),
        typical=_typical(features, records, samples),
    )
    return Built(content, about)


def _scored(
    graph: Graph, given: Value, trained: Trained, features: NDArray[np.float32]
) -> tuple[dict[str, Value], dict[str, str]]:
    """Name -> double [clips], of the detectors and ensembles that there are operators for, and why there are none of
    the others."""
    clips, networks = trained.clips, trained.networks
    every = Represented.of(features, trained.denoiser, networks)
    seen = operators.Views(graph, given, features.shape[1], trained.denoiser, networks[0] if networks else None)
    values: dict[str, Value] = {}
    left_out = {
        one.name: f"there are no ONNX operators for {one.method}"
        for one in trained.detectors
        if one.method not in CONVERTERS
    }
    there = [one for one in trained.detectors if one.method in CONVERTERS]
    projected: dict[tuple[bool, str, str], Value] = {}
    for train, sharing in training_groups(every, len(clips.split.train), there):
        for fitted in fit_detectors(train, sharing, trained.seed):
            own = fitted.detector
            view = (own.needs_ddae, own.representation, own.projection)
            if view not in projected:
                projected[view] = operators.projected(graph, seen.get(own.representation), fitted.projection)
            values[own.name] = CONVERTERS[own.method](graph, projected[view], fitted.fitted.model)
    for one in trained.ensembles:
        missing = [name for name in one.detectors if name not in values]
        if one.over or missing:
            why = f"it averages over several {' and '.join(one.over)}" if one.over else f"without {', '.join(missing)}"
            left_out[one.name] = why.replace("_", " ")
            continue
        members = [(values[name], trained.scores.scores[name].train) for name in one.detectors]
        values[one.name] = ensemble(graph, members, one.average)
    order = [*(one.name for one in trained.detectors), *(one.name for one in trained.ensembles)]
    return {name: values[name] for name in order if name in values}, left_out


def _add_normal_clips(graph: Graph, given: Value, features: NDArray[np.float32]) -> None:
    """Outputs with the features of the normal training clips, float32 [n, columns], of all and of the nearest one.

    Which is nearest, standardised log-mel spectra and basic features say.
    """
    columns = features.shape[1]
    known = graph.constant(features, np.float32)
    rows = in_bands(features)
    standardisation = Standardisation.fit(rows, blocks_of("log-mel", columns))
    seen = operators.projected(graph, operators.in_bands(graph, given, columns), standardisation)
    apart = distances_to(graph, seen, standardisation.apply(rows))
    nearest = graph.add("ArgMin", apart, axis=1, keepdims=0)
    graph.output("nearest_normal", graph.add("Gather", known, nearest), ("clips", columns))
    graph.output("normal_features", known, features.shape)


def _outputs(graph: bytes, features: NDArray[np.float32], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Scores of clips by a model, float64 [clips] each."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    outputs = [f"score_{name}" for name in names]
    starts = range(0, len(features), _AT_ONCE)
    parts = [session.run(outputs, {"features": features[start : start + _AT_ONCE]}) for start in starts]
    return {
        name: np.concatenate([part[number] for part in parts] or [np.empty(0)]).astype(np.float64)
        for number, name in enumerate(names)
    }


def normal_statistics(features: NDArray[np.float32]) -> Normal:
    """Of normal clips by their features, float32 [clips, columns]."""
    bands, values = log_mel(features), features.astype(np.float64)
    return Normal(len(features), values.mean(axis=0), values.std(axis=0), bands.mean(axis=0), bands.std(axis=0))


def _calibrated(scores: UnitScores) -> Calibrated:
    if PROTOCOLS[scores.protocol].cross_fitted:
        return "training clips, by models that had not seen them"
    return "normal test clips"


def _record(scores: UnitScores, name: str) -> DetectorRecord:
    """What the run knows of a detector.  Training scores are no calibration where the models had seen the clips."""
    found = scores.scores[name]
    cross_fitted = PROTOCOLS[scores.protocol].cross_fitted
    calibration = found.train if cross_fitted else found.test[: len(scores.clips.normal)]
    return DetectorRecord(found.threshold, np.sort(calibration), _auc(scores, name))


def _auc(scores: UnitScores, name: str) -> Interval | None:
    """AUC of the test clips, with DeLong's interval, which few clips make wider."""
    labels = scores.clips.labels
    if not labels.any() or labels.all():
        return None
    placements = mean_placements(labels, scores.scores[name].test[None])
    auc = float(placements[0].mean())
    spread = float(np.sqrt(delong_covariance([placements])[0, 0]))
    fewer = int(min(labels.sum(), (~labels).sum()))
    if not np.isfinite(spread):
        return Interval(auc)
    width = _NORMAL_QUANTILE * spread
    low, high = interval_of_few(max(auc - width, 0.0), min(auc + width, 1.0), auc, fewer, _CONFIDENCE)
    return Interval(auc, low, high)


def _lines(clips: UnitClips) -> Sequence[ClipRecord]:
    """Lines of the clip list of `UnitClips.train_without_ddae`."""
    return [clips.normal.clips[row] for rows in (clips.split.train, clips.split.ddae) for row in rows]


def _common(texts: Sequence[str]) -> int | None:
    """The number that all have; None if they differ or do not have any."""
    found = set(texts)
    return int(float(found.pop())) if len(found) == 1 and "" not in found else None


def _common_length(texts: Sequence[str]) -> float | None:
    """Median length in seconds, if all are about as long."""
    if not texts or "" in texts:
        return None
    lengths = np.array([float(text) for text in texts])
    median = float(np.median(lengths))
    return median if np.abs(lengths - median).max() <= _VARIES * median else None


def _trained_on(clips: UnitClips) -> dict[str, Any]:
    dates = [int(part) for clip in _lines(clips) for part in clip.modified_ns.split("+") if part.isdecimal()]
    return {
        "normal_clips": len(clips.split.train),
        "further_normal_clips": len(clips.split.ddae),
        "tested_normal_clips": len(clips.split.normal),
        "tested_abnormal_clips": len(clips.split.abnormal),
        "clip_lists": {"normal": list_checksum(clips.normal.clips), "abnormal": list_checksum(clips.abnormal.clips)},
        "recorded": [_day(min(dates)), _day(max(dates))] if dates else None,
    }


def _day(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).date().isoformat()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def samples_at_hand(
    clip: ClipRecord, root: str, recordings: Mapping[str, Sequence[str]], channel: Channel, seconds: float | None
) -> NDArray[np.float32] | None:
    """Samples of a clip, float32 [samples] at 16 kHz; None where its recording can't be read.

    The other parameters are those of `asd.recordings.again`.
    """
    try:
        found = read_again(files_of_clip(clip.file, root, recordings), clip.start, channel, seconds)
    except (BadClipError, OSError):
        return None
    return None if found is None else found.samples


def _typical(features: NDArray[np.float32], records: Sequence[ClipRecord], samples: Samples) -> Typical | None:
    """The training clip nearest to the mean of all, if its recording is at hand."""
    rows = in_bands(features)
    standardised = Standardisation.fit(rows, blocks_of("log-mel", rows.shape[1])).apply(rows)
    record = records[int(np.argmin(np.square(standardised).sum(axis=1)))]
    found = samples(record)
    if found is None:
        return None
    return Typical(record.file, len(found) / SAMPLE_RATE, thinned(spectrogram(found), _FRAMES))
