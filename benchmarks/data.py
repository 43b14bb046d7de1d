"""What is measured on: real recordings and feature caches where they are at hand, else made ones of the same size."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path

import numpy as np

from .measure import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

KINDS = ("normal", "abnormal")
SNR_DIRS = {"snr6": "6_dB", "snr0": "0_dB", "snr_6": "-6_dB"}

# Normal and abnormal clips of id_00, id_02, id_04 and id_06 in MIMII, the same at each SNR
MIMII_CLIPS = {
    "fan": ((1011, 407), (1016, 359), (1033, 348), (1015, 361)),
    "pump": ((1006, 143), (1005, 111), (702, 100), (1036, 102)),
    "slider": ((1068, 356), (1068, 267), (534, 178), (534, 89)),
    "valve": ((991, 119), (708, 120), (1000, 120), (992, 120)),
}
IDS = ("id_00", "id_02", "id_04", "id_06")

_BYTES_OF_CLIP = 44 + 10 * 16_000 * 8 * 2

_SHARED = REPOSITORY.parent / "shared" / "data"
_CACHES = "mimii_features/cache_fan_fast/{snr}_{id}_{kind}.npy"


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    rounds, sweep_rounds
        Of everything that takes turns; the sweep has its own number, since it takes minutes.
    clips
        Of the extractions that are compared with themselves: on two cores, in memory, with one clip added.
    whole_seeds, whole_targets
        Of a run with all that follows from its trainings; without targets, everything.
    """

    rounds: int
    sweep_rounds: int
    clips: int
    seconds: float
    epochs: int
    ids: tuple[str, ...]
    split: tuple[tuple[int, int, int], ...]
    sweep: tuple[float, ...]
    whole_seeds: tuple[int, ...]
    whole_targets: tuple[str, ...]
    planned_machines: tuple[str, ...]
    planned_noise_factors: tuple[float, ...]
    planned_seeds: tuple[int, ...]
    planned_snrs: tuple[str, ...]
    shrink_mimii: int
    training_clips: int


FULL = Size(
    rounds=7,
    sweep_rounds=3,
    clips=1000,
    seconds=10.0,
    epochs=100,
    ids=IDS,
    split=((285, 794, 339), (276, 769, 330), (278, 773, 330), (277, 770, 329)),
    sweep=(0.1, 0.3, 0.5, 0.7, 0.9),
    whole_seeds=(0, 1),
    whole_targets=(),
    planned_machines=tuple(MIMII_CLIPS),
    planned_noise_factors=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    planned_seeds=(0, 1, 2),
    planned_snrs=tuple(SNR_DIRS),
    shrink_mimii=1,
    training_clips=100_000,
)
QUICK = Size(
    rounds=1,
    sweep_rounds=1,
    clips=20,
    seconds=0.5,
    epochs=2,
    ids=("id_00",),
    split=((20, 40, 20),),
    sweep=(0.5,),
    whole_seeds=(0,),
    whole_targets=("results/auc.csv",),
    planned_machines=("fan",),
    planned_noise_factors=(0.5,),
    planned_seeds=(0,),
    planned_snrs=("snr6",),
    shrink_mimii=40,
    training_clips=400,
)


def recordings(folder: Path, size: Size, given: str | None) -> list[Path]:
    """Recordings that match the glob `given`, or MIMII's shared ones, or made ones in `folder`."""
    if given:
        found = sorted(glob.glob(given, recursive=True))
        if not found:
            raise SystemExit(f"--recordings: nothing matches {given!r}")
        return [Path(path) for path in found]
    shared = sorted((_SHARED / "mimii_audio").rglob("*.wav"))
    return shared if shared and size is FULL else _made_recordings(folder, size)


def _made_recordings(folder: Path, size: Size) -> list[Path]:
    """Hums in noise: 8 channels, 16 kHz, 16 bit."""
    import soundfile

    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    time = np.arange(int(16_000 * size.seconds))[:, None] / 16_000
    paths = [folder / f"{number:08d}.wav" for number in range(24 if size is FULL else 3)]
    for path in paths:
        hum = 0.05 * np.sin(2 * np.pi * random.uniform(50, 300) * time)
        soundfile.write(path, hum + 0.02 * random.normal(size=(len(time), 8)), 16_000, subtype="PCM_16")
    return paths


def linked(folder: Path, originals: Sequence[Path], count: int) -> list[str]:
    """`count` names in `folder` for the recordings, which repeat."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:08d}.wav" for number in range(count)]
    for path, original in zip(paths, islice(cycle(originals), count), strict=True):
        path.symlink_to(original.resolve())
    return [str(path) for path in paths]


def caches(folder: Path, size: Size, given: str | None) -> str:
    """Pattern of feature caches with ``{snr}``, ``{id}`` and ``{kind}``: given, MIMII's shared fan, or made ones."""
    if given:
        return given
    if (_SHARED / _CACHES).parent.is_dir() and size is FULL:
        return str(_SHARED / _CACHES)
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    pattern = str(folder / "{snr}_{id}_{kind}.npy")
    mixing = random.normal(size=(20, 136))
    for (level, snr), name, kind in product(enumerate(SNR_DIRS), size.ids, KINDS):
        _, train, test = size.split[size.ids.index(name)]
        rows = random.normal(size=(train + test, 20)) @ mixing + (2 + level) * random.normal(size=(train + test, 136))
        np.save(pattern.format(snr=snr, id=name, kind=kind), (rows + 3 * (kind == "abnormal")).astype(np.float32))
    return pattern


def mimii_tree(root: Path, size: Size, times: int = 1) -> None:
    """A tree of files with MIMII's counts, or `times` as many, and its size of 10 s, but no content on the disk."""
    for machine, snr_dir in product(size.planned_machines, [SNR_DIRS[snr] for snr in size.planned_snrs]):
        for name, counts in zip(IDS, MIMII_CLIPS[machine], strict=True):
            for kind, count in zip(KINDS, counts, strict=True):
                folder = root / f"{snr_dir}_{machine}" / machine / name / kind
                folder.mkdir(parents=True)
                for number in range(times * (count // size.shrink_mimii)):
                    with open(folder / f"{number:08d}.wav", "wb") as file:
                        file.truncate(_BYTES_OF_CLIP)
