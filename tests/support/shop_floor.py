"""Recordings of a machine that hums, a model of it, and the command that scores them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from asd.features.acoustic import clip_features
from asd.models.metadata import Metadata
from places import SCRIPTS
from small_models import small_model

RATE = 16_000
SECONDS = 0.5
"""Length of the clips that train the model."""

_CLIPS = 60


def hum(seconds: float = SECONDS, seed: int = 0, *, fault: bool = False, rate: int = RATE) -> NDArray[np.float32]:
    """Noise, and with a fault a whistle of 3 kHz, float32 [samples]."""
    generator = np.random.default_rng(seed)
    samples = 0.05 * generator.standard_normal(round(seconds * rate))
    if fault:
        samples += 0.05 * np.sin(2 * np.pi * 3000 * np.arange(len(samples)) / rate)
    return samples.astype(np.float32)


def record(path: Path, seconds: float = SECONDS, seed: int = 0, *, channels: int = 1, **options: Any) -> Path:
    """Write a recording; the options are those of `hum`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = hum(seconds, seed, **options)
    soundfile.write(path, np.repeat(samples[:, None], channels, axis=1), options.get("rate", RATE), subtype="PCM_16")
    return path


def hum_model(path: Path, **about: Any) -> Metadata:
    """Write a model of the machine without a fault; `about` are other fields of `Metadata` than the usual ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    features = np.stack([clip_features(hum(seed=1000 + seed), about.get("features", ())) for seed in range(_CLIPS)])
    values = {"seconds": SECONDS, "sample_rate": RATE, "channels": 1, **about}
    return small_model(path, features[: _CLIPS // 2], features[_CLIPS // 2 :], **values)


def asd(
    *arguments: str | os.PathLike[str] | bytes,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run the command in a process of its own."""
    return subprocess.run(
        command(*arguments),
        **{
            "capture_output": True,
            "text": True,
            "timeout": 120,
            "env": {**variables(), **(environment or {})},
            **options,
        },
    )


def command(*arguments: str | os.PathLike[str] | bytes) -> list[str | bytes]:
    """What to run for ``asd`` with some arguments."""
    code = "import sys; from asd.scoring.command import main; sys.exit(main())"
    return [sys.executable, "-c", code, *(one if isinstance(one, bytes) else os.fspath(one) for one in arguments)]


def variables() -> dict[str, str]:
    """Environment in which the package is found."""
    return {**os.environ, "PYTHONPATH": str(SCRIPTS)}
