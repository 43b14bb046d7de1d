"""No stage takes more threads than it is granted.

Snakemake grants them to the libraries by environment variables such as OMP_NUM_THREADS.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from places import REPOSITORY

COUNT_THREADS = """
import sys
import numpy as np
sys.path.insert(0, {scripts!r})
{stage}
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("Threads:")))
"""
STAGES = {
    "features": "from asd.features.acoustic import clip_features; "
    "clip_features(np.random.rand(160_000).astype(np.float32))",
    "detectors": "from asd.detection.detectors import METHODS, Detector, complete; x = np.random.rand(800, 25); "
    "[Detector(**complete(name)).fit(x, 0).score(x) for name in METHODS]",
    "components": "from asd.detection.projections import BlockProjection, Whitening; x = np.random.rand(800, 136); "
    "BlockProjection.fit(x).apply(x); Whitening.fit(x).apply(x)",
    "bootstrap": "from asd.evaluation.statistics import bootstrap_weights, weighted_aucs; y = np.arange(300) > 150; "
    "weighted_aucs(y, np.random.rand(300), bootstrap_weights(y, 1000, np.random.default_rng(0)))",
    "training": "from asd.ddae.model import TrainingSettings, train; from asd.ddae.scaling import MinMaxScaling; "
    "x = np.random.rand(100, 136).astype(np.float32); "
    "train(MinMaxScaling.fit([x]), x, TrainingSettings(0.5, 2, 64, 1e-4, 0))",
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts threads in /proc")
@pytest.mark.parametrize("stage", STAGES)
def test_one_thread_is_enough_where_one_is_granted(stage: str) -> None:
    granted = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    code = COUNT_THREADS.format(scripts=str(REPOSITORY / "workflow" / "scripts"), stage=STAGES[stage])
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **granted}, capture_output=True, text=True)
    assert done.stdout.split() == ["1"], done.stderr
