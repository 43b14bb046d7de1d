"""Intermediate files of a finished run that are swapped, stale or edited, and a run that has to do with them."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from small_data import write_clip
from workflow_runner import Run, snakemake, write_config

TRIALS = int(os.environ.get("FAULT_TRIALS", "0"))
MACHINES = {"fan": ["id_00", "id_02"], "pump": ["id_00"]}
SNRS = {"snr6": "6_dB"} | ({"snr0": "0_dB"} if TRIALS else {})
CLIPS = {"normal": 10, "abnormal": 5}
NOISE_FACTORS, SEEDS = ("0.5",), ("0", "1")
TABLES = (
    "auc.csv",
    "summary.csv",
    "conditions.csv",
    "leaderboard.csv",
    "leaderboard.md",
    "comparisons.csv",
    "skipped_clips.csv",
)
FIGURES = tuple(f"figures/loss/{machine}.png" for machine in MACHINES)
BROKEN = "6_dB_fan/fan/id_00/normal/00000009.wav"


def make_recordings(root: Path, first_seed: int = 0) -> None:
    """Two machines; one recording is broken, and the first of each folder follows `first_seed`."""
    number = 0
    for (snr_dir, (machine, ids)), (kind, count) in product(product(SNRS.values(), MACHINES.items()), CLIPS.items()):
        for name, clip in product(ids, range(count)):
            number += 1
            path = root / f"{snr_dir}_{machine}" / machine / name / kind / f"{clip:08d}.wav"
            write_clip(path, seed=number + (first_seed if clip == 0 else 0), abnormal=kind == "abnormal")
    (root / BROKEN).write_bytes(b"RIFF")


def config(root: Path) -> dict[str, Any]:
    """Of the run whose results are the right ones."""
    split = {"ddae": 4, "ad_train": 5, "ad_test": 6}
    return {
        "dataset": {"root": str(root), "on_bad_clip": "skip"},
        "snrs": SNRS,
        "reference_snr": "snr6",
        "machines": {name: {"ids": ids, "split": dict.fromkeys(ids, split)} for name, ids in MACHINES.items()},
        "ddae": {"epochs": 1, "batch_size": 4, "device": "cpu"},
        "noise_factors": [float(value) for value in NOISE_FACTORS],
        "seeds": [int(value) for value in SEEDS],
        "protocols": ["paper"],
        "detectors": ["OCSVM", "LOF"],
        "ensembles": [
            {"name": "BOTH", "detectors": ["OCSVM", "LOF"]},
            {"name": "SEEDS", "detectors": ["LOF"], "over": ["seeds"]},
        ],
        "statistics": {"replicates": 100},
    }


def with_other_settings(right: dict[str, Any]) -> dict[str, Any]:
    """Everything is made otherwise."""
    changed = {**right, "ddae": {**right["ddae"], "epochs": 2}, "threshold_percentile": 80}
    changed["dataset"] = {**right["dataset"], "channel": 0}
    return {**changed, "statistics": {"replicates": 120}}


def run(directory: Path, *arguments: str) -> Run:
    targets = [f"results/{name}" for name in ("auc.csv", *FIGURES)]
    return snakemake(directory, *targets, *arguments, "--configfile", directory / "config.yaml", cores=2)


@dataclass(frozen=True)
class Worlds:
    """Finished runs: the right one, and earlier ones of other recordings or settings."""

    right: Path
    earlier: tuple[Path, ...]

    @classmethod
    def make(cls, folder: Path) -> Worlds:
        """All of them with recordings at the same place."""
        root, right = folder / "recordings", folder / "right"
        right.mkdir()
        make_recordings(root, first_seed=5000)
        write_config(right, config(root))
        run(right).ok()
        other_recordings, other_settings = folder / "other_recordings", folder / "other_settings"
        shutil.copytree(right, other_recordings)
        make_recordings(root)
        run(right).ok()
        shutil.copytree(right, other_settings)
        write_config(other_settings, with_other_settings(config(root)))
        run(other_settings).ok()
        return cls(right, (other_recordings, other_settings))


# --------------------------------------------------------------------------------------------------- kinds of files

RUNS = [f"{machine}/nf{nf}_seed{seed}" for machine, nf, seed in product(MACHINES, NOISE_FACTORS, SEEDS)]
OVER_SEEDS = [f"{machine}/nf{nf}_seedall" for machine, nf in product(MACHINES, NOISE_FACTORS)]
UNITS = [(machine, f"{snr}_{name}") for machine, ids in MACHINES.items() for name in ids for snr in SNRS]
FOLDERS = [f"{machine}/{unit}_{kind}" for (machine, unit), kind in product(UNITS, CLIPS)]


def _of_units(stage: str, runs: Sequence[str]) -> list[str]:
    return [
        f"{stage}/{of_run}/{unit}" for of_run in runs for machine, unit in UNITS if of_run.startswith(f"{machine}/")
    ]


CACHES = [f"features/{folder}" for folder in FOLDERS]
WEIGHTS = [f"checkpoints/{of_run}" for of_run in RUNS]
SCORES, ENSEMBLES = _of_units("scores", RUNS), _of_units("ensembles", [*RUNS, *OVER_SEEDS])
EVALUATIONS = [f"evaluation/{machine}" for machine in MACHINES]
OF_EVALUATION = (".csv", ".comparisons.csv", ".conditions.csv", ".false_alarms.csv", ".npz")


@dataclass(frozen=True)
class Kind:
    """Files that may be taken for one another.

    Attributes
    ----------
    stems
        What their names begin with.
    endings
        Of the files that are exchanged together.
    stage
        Position in `STAGES` of what makes them.
    """

    stems: list[str]
    endings: tuple[str, ...]
    stage: int


KINDS = {
    "cache and clip list": Kind(CACHES, (".npy", ".csv"), 0),
    "cache, clip list, list of skipped": Kind(CACHES, (".npy", ".csv", ".skipped.csv"), 0),
    "feature cache": Kind(CACHES, (".npy",), 0),
    "clip list": Kind(CACHES, (".csv",), 0),
    "list of skipped": Kind(CACHES, (".skipped.csv",), 0),
    "weights": Kind(WEIGHTS, (".npz",), 1),
    "all of a training": Kind(WEIGHTS, (".npz", ".pt", ".loss.csv"), 1),
    "loss curves": Kind(WEIGHTS, (".loss.csv",), 1),
    "scores and summary": Kind(SCORES, (".csv", ".json"), 2),
    "scores": Kind(SCORES, (".csv",), 2),
    "summary": Kind(SCORES, (".json",), 2),
    "folder of scores": Kind([f"scores/{of_run}" for of_run in RUNS], ("",), 2),
    "ensembles": Kind(ENSEMBLES, (".csv", ".json"), 3),
    "folder of ensembles": Kind([f"ensembles/{of_run}" for of_run in [*RUNS, *OVER_SEEDS]], ("",), 3),
    "evaluation": Kind(EVALUATIONS, OF_EVALUATION, 4),
    "table of a machine": Kind(EVALUATIONS, (".csv",), 4),
    "comparisons": Kind(EVALUATIONS, (".comparisons.csv",), 4),
    "conditions": Kind(EVALUATIONS, (".conditions.csv",), 4),
    "replicates": Kind(EVALUATIONS, (".npz",), 4),
}
STAGES = (
    (),
    ("checkpoints/{machine}/*",),
    ("scores/{machine}/*",),
    ("ensembles/{machine}/*",),
    ("evaluation/{machine}.*",),
    ("*.csv", "*.md", "*.html", "*.txt", "figures/loss/{machine}.png"),
)
"""What each stage leaves of a machine, under ``results/``."""


# --------------------------------------------------------------------------------------------------------- tampering


def _edit(path: Path, chance: random.Random) -> None:
    """As somebody does who opens a file and saves it with another value."""
    if path.is_dir():
        return _edit(chance.choice(sorted(path.glob("snr*"))), chance)
    if path.suffix == ".npy":
        array = np.load(path)
        array[chance.randrange(len(array)), chance.randrange(array.shape[1])] += 1
        return np.save(path, array)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            arrays = dict(archive)
        name = chance.choice([name for name, array in arrays.items() if array.dtype.kind == "f" and array.size])
        arrays[name] = arrays[name] + 1
        return np.savez(path, **arrays)
    if path.suffix == ".pt":
        content = torch.load(path, weights_only=True)
        content["configuration"]["epochs"] += 1
        return torch.save(content, path)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json" and chance.random() < 0.5:
        content = json.loads(text)
        content["thresholds"] = {name: value + 1 for name, value in content["thresholds"].items()}
        return path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    start = text.index("\n")
    digits = [found.start() for found in re.finditer(r"\d", text) if found.start() > start]
    if not digits:  # nothing was skipped, or there is no condition
        return path.write_text(f"{text}{','.join(['1'] * len(text.split(',')))}\n", encoding="utf-8")
    place = chance.choice(digits)
    path.write_text(f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}", encoding="utf-8")
    return None


def _replace(path: Path, by: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        shutil.copytree(by, path)
    else:
        shutil.copy(by, path)


def _same(first: Path, second: Path) -> bool:
    if first.is_dir():
        return all(_same(path, second / path.name) for path in first.glob("snr*"))
    return first.read_bytes() == second.read_bytes()


HOW = ("swapped", "other recordings", "other settings", "edited")


@dataclass(frozen=True)
class Trial:
    """One thing that is wrong with the results of a finished run.

    Attributes
    ----------
    what, how
        Of `KINDS` and `HOW`.
    number
        Decides all else.
    """

    what: str
    how: str
    number: int

    def __str__(self) -> str:
        return f"{self.what}, {self.how}, {self.number}"

    def tamper(self, worlds: Worlds, directory: Path) -> list[str]:
        """Copy the right run into `directory`, do it, and delete what follows from it at some stage; the names of the
        files under ``results/`` that are wrong now, none if that did not change them."""
        chance = random.Random(str(self))
        kind = KINDS[self.what]
        shutil.copytree(worlds.right, directory, symlinks=True)
        results = directory / "results"
        stem, other = chance.sample(kind.stems, 2)
        if self.what.startswith("folder") or kind.stage > 1:  # what has the same units
            same = [name for name in kind.stems if name != stem and self._fits(results, stem, name, kind)]
            other = chance.choice(same or [other])
        keep_times = chance.random() < 0.5
        source = {"other recordings": worlds.earlier[0], "other settings": worlds.earlier[1]}.get(self.how)
        wrong = []
        edited = chance.choice(kind.endings)
        for ending in kind.endings:
            path = results / f"{stem}{ending}"
            by = results / f"{other}{ending}" if source is None else source / "results" / f"{stem}{ending}"
            before = path.stat()
            if self.how == "edited":
                if ending == edited:
                    _edit(path, chance)
                    wrong.append(f"{stem}{ending}")
            elif not _same(path, by):
                _replace(path, by)
                wrong.append(f"{stem}{ending}")
            if keep_times:
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        later = chance.randrange(kind.stage + 1, len(STAGES))
        for pattern in STAGES[later]:
            for path in results.glob(pattern.format(machine=Path(stem).parts[1])):
                if path.name != "README.md":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        return wrong

    @staticmethod
    def _fits(results: Path, stem: str, other: str, kind: Kind) -> bool:
        first, second = results / f"{stem}{kind.endings[0]}", results / f"{other}{kind.endings[0]}"
        names: Callable[[Path], set[str]] = lambda path: {one.name for one in path.glob("snr*")}  # noqa: E731
        return names(first) == names(second)


def differing(directory: Path, right: Path) -> list[str]:
    """Tables and figures that are not as in the right run."""
    names = [f"results/{name}" for name in (*TABLES, *FIGURES)]
    return [
        name
        for name in names
        if not (directory / name).exists() or (directory / name).read_bytes() != (right / name).read_bytes()
    ]
