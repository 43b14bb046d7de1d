"""A small run to listen to: recordings, features and scores of some IDs at some SNRs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile
from numpy.random import Generator

from asd.demo.signals import generator
from asd.detection.scores import Scores, UnitScores
from asd.detection.units import UnitClips
from asd.features.acoustic import clip_features
from asd.features.caches import Cache
from asd.features.cliplist import ClipRecord
from asd.recordings.audio import read_clip
from asd.recordings.state import content_checksum
from asd.scoring.listening import ListedUnit
from asd.splits import ProtocolName, Split
from narrow_faults import SteadyMachine

DETECTOR = "LOF"
SNRS = {"snr6": "6 dB", "snr_6": "-6 dB"}
TRAIN, NORMAL, ABNORMAL = 6, 8, 6  # clips


def small_run(
    root: Path,
    ids: tuple[str, ...] = ("id_00", "id_02"),
    *,
    seconds: float = 0.3,
    suffix: str = ".wav",
    protocol: ProtocolName = "strict",
) -> list[ListedUnit]:
    """Recordings under `root`, and the units of a run on them; the scores are random, with some of each kind wrong."""
    units = []
    for name in ids:
        for snr, label in SNRS.items():
            rng = generator("small run", name, snr)
            folder = os.path.join(snr, name)
            normal = _cache(root, folder, "normal", TRAIN + NORMAL, rng, seconds, suffix)
            abnormal = _cache(root, folder, "abnormal", ABNORMAL, rng, seconds, suffix)
            rows = np.arange(TRAIN + NORMAL)
            split = Split(rows[:TRAIN], rows[TRAIN:], np.arange(ABNORMAL), np.empty(0, int))
            nothing = Cache(normal.features[:0], [])
            clips = UnitClips(snr, name, normal, abnormal, nothing, split)
            test = np.concatenate([rng.normal(0.0, 1.0, NORMAL), rng.normal(1.0, 1.0, ABNORMAL)])
            scores = Scores(rng.normal(0.0, 1.0, TRAIN), test, 0.5)
            units.append(ListedUnit("fan", label, UnitScores(clips.names(), {DETECTOR: scores}, protocol), clips))
    return units


def _cache(root: Path, folder: str, kind: str, count: int, rng: Generator, seconds: float, suffix: str) -> Cache:
    machine = SteadyMachine.drawn(1, seconds)
    records, features = [], []
    for number in range(count):
        file = os.path.join(folder, kind, f"{number}{suffix}")
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = machine.clip(rng) + (machine.fault(rng, 1500.0, 10.0) if kind == "abnormal" else 0.0)
        soundfile.write(path, sound, 16_000, subtype="PCM_16", format="WAV")
        records.append(ClipRecord(file, content=content_checksum([os.fspath(path)])))
        features.append(clip_features(read_clip(path).samples))
    return Cache(np.stack(features), records)
