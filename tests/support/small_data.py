"""A small data set in MIMII's layout, made in a second: hums in noise, with a rattle where something is broken."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SNRS = {"snr6": "6_dB", "snr_6": "-6_dB"}
N_NORMAL, N_ABNORMAL = 14, 5
SECONDS = 0.25


def clip(seed: int, abnormal: bool, noise: float) -> np.ndarray:
    """float64 [samples, 2]: a hum, and noise of the given strength."""
    random = np.random.default_rng(seed)
    time = np.arange(int(16000 * SECONDS)) / 16000
    hum = sum(np.sin(2 * np.pi * 120 * k * time + random.uniform(0, 6)) / k for k in range(1, 6))
    if abnormal:
        hum = hum * (1 + 0.8 * np.sin(2 * np.pi * 24 * time)) + 0.5 * random.normal(size=len(time)) * (
            time % 0.05 < 0.01
        )
    mixed = hum + noise * random.normal(size=len(time))
    return 0.05 * np.stack([mixed, 0.8 * mixed + 0.05 * random.normal(size=len(time))], axis=1)


def write_clip(path: Path, seed: int, abnormal: bool = False, noise: float = 0.5) -> Path:
    """One 16-bit recording with two channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, clip(seed, abnormal, noise), 16000, subtype="PCM_16")
    return path


def make_recordings(root: Path, machines: dict[str, list[str]], snrs: dict[str, str] | None = None) -> None:
    """Recordings of `machines` (machine -> IDs) in MIMII's layout under `root`."""
    for level, snr_dir in enumerate((snrs or SNRS).values()):
        for machine, ids in machines.items():
            for name in ids:
                for kind, count in (("normal", N_NORMAL), ("abnormal", N_ABNORMAL)):
                    for number in range(count):
                        path = root / f"{snr_dir}_{machine}" / machine / name / kind / f"{number:08d}.wav"
                        seed = zlib.crc32(str(path.relative_to(root)).encode())
                        write_clip(path, seed, kind == "abnormal", 0.5 * 4**level)


def small_config(root: str = "recordings", ids: tuple[str, ...] = ("id_00", "id_02")) -> dict[str, Any]:
    """Configuration of two machines with fixed splits and a very short training."""
    split = {name: {"ddae": 6, "ad_train": 8, "ad_test": 8} for name in ids}
    return {
        "dataset": {"root": root},
        "snrs": dict(SNRS),
        "reference_snr": "snr6",
        "machines": {
            "fan": {"ids": list(ids), "split": split},
            "pump": {"ids": list(ids), "split": split, "ddae": {"epochs": 3}},
        },
        "ddae": {"epochs": 2, "batch_size": 4, "learning_rate": 1.0e-3, "device": "cpu"},
        "noise_factors": [0.5],
        "seeds": [0],
        "protocols": ["paper"],
        "detectors": ["OCSVM", "LOF"],
        "statistics": {"replicates": 100},
    }
