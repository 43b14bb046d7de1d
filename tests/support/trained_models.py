"""Trained runs in small, to make models of: random features, networks with random weights, real detectors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asd.classification.classifier import Networks
from asd.classification.widths import EMBEDDING_WIDTH, HIDDEN_WIDTHS
from asd.ddae.denoiser import Denoiser
from asd.ddae.scaling import MinMaxScaling
from asd.detection.detectors import Detector, complete
from asd.detection.ensembles import Ensemble, combine_files
from asd.detection.scoring import detect
from asd.detection.units import UnitClips
from asd.features.caches import Cache, ClipRecord, empty_cache
from asd.models.export import Built, Trained, build_model
from asd.splits import Split

N_TRAIN, N_DDAE = 60, 20
SPLIT = Split(np.arange(N_TRAIN), np.arange(80, 110), np.arange(25), np.arange(N_TRAIN, N_TRAIN + N_DDAE))


def clips(rows: int, seed: int, columns: int = 136, shift: float = 0.0) -> np.ndarray:
    """Unscaled features with a few causes behind them, float32 [rows, columns]."""
    generator = np.random.default_rng(seed)
    loadings = np.random.default_rng(99).normal(size=(6, columns))
    values = (generator.normal(size=(rows, 6)) + shift) @ loadings + 0.3 * generator.normal(size=(rows, columns))
    return (values * np.linspace(0.5, 5.0, columns) - 20).astype(np.float32)


def unit(columns: int = 136, normal: np.ndarray | None = None) -> UnitClips:
    """An ID at an SNR: 110 normal clips (those that are given, or random ones) and 25 abnormal ones."""
    features = clips(110, 0, columns) if normal is None else normal, clips(25, 1, columns, shift=1.0)
    lists = [[ClipRecord(f"{row}.wav", "10", "16000", "8") for row in range(len(one))] for one in features]
    normal, abnormal = (Cache(*pair) for pair in zip(features, lists, strict=True))
    return UnitClips("snr6", "id_00", normal, abnormal, empty_cache(columns), SPLIT)


def denoiser(features: np.ndarray, activation: str = "relu") -> Denoiser:
    generator = np.random.default_rng(7)

    def layers(*widths: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (
                (generator.normal(size=(after, before)) * 2.0 / np.sqrt(before)).astype(np.float32),
                (0.3 * generator.normal(size=after)).astype(np.float32),
            )
            for before, after in itertools.pairwise(widths)
        ]

    networks = {"mfcc": layers(128, 12, 5, 12, 128), "basic": layers(8, 16, 20, 16, 8)}
    return Denoiser(MinMaxScaling.fit([features[:, :136]]), networks, activation)


def networks(columns: int = 136, count: int = 3) -> Networks:
    generator = np.random.default_rng(8)
    weights = []
    for inputs, outputs in itertools.pairwise((columns, *HIDDEN_WIDTHS, EMBEDDING_WIDTH)):
        shapes = [(count, inputs, outputs), *[(count, 1, outputs)] * (3 if outputs != EMBEDDING_WIDTH else 1)]
        weights += [(generator.normal(size=shape) / np.sqrt(inputs)).astype(np.float32) for shape in shapes]
    mean, scale = np.full(columns, -3, np.float32), np.full(columns, 0.2, np.float32)
    return Networks(mean, scale, weights)


def trained(
    entries: Sequence[object], ensembles: Sequence[Ensemble] = (), columns: int = 136, **changes: Any
) -> Trained:
    of_unit = changes.pop("clips", unit(columns))
    detectors = [Detector(**complete(entry)) for entry in entries]
    network = denoiser(of_unit.normal.features, changes.pop("activation", "relu"))
    classifier = [networks(columns)] * 4  # of all clips, and of three folds
    protocol = changes.pop("protocol", "strict")
    scores = detect(
        *(of_unit, network, detectors),
        networks=classifier,
        protocol=protocol,
        threshold_percentile=90.0,
        folds=3,
        seed=0,
    )
    of_one = [one for one in ensembles if not one.over]
    together = scores.scores | (combine_files([scores], of_one, 90.0).scores if of_one else {})
    scores = replace(scores, scores=together)
    return Trained("fan", "0.7", 0, of_unit, network, classifier, detectors, ensembles, scores)


def built(run: Trained, **options: Any) -> Built:
    first = (*run.detectors, *run.ensembles)[0].name
    return build_model(
        run, **{"detector": first, "snr_label": "6 dB", "channel": "mean", "clip_seconds": None, **options}
    )
