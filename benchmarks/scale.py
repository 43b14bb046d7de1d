"""Years of a machine: the default ensemble of an ID with many normal clips, its time and its memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from .data import Size
from .measure import Result, run

_BYTES_OF_A_DISTANCE = 8


def many_training_clips(caches: str, size: Size) -> list[Result]:
    """Fit and score in a process of its own, under each protocol."""
    cache = caches.format(snr="snr6", id=size.ids[0], kind="normal")
    used = {
        protocol: json.loads(run([sys.executable, "-m", "benchmarks.scale", cache, str(size.training_clips), protocol]))
        for protocol in ("paper", "strict")
    }
    times = ", ".join(f"{protocol} {each['s']:.0f} s" for protocol, each in used.items())
    return [
        Result(
            f"{size.training_clips} training clips of an ID, HULL and HULL-whitened: CPU time, peak memory",
            f"all distances at once {_BYTES_OF_A_DISTANCE * size.training_clips**2 / 1e9:.2g} GB",
            f"{times}, {max(each['MB'] for each in used.values()):.0f} MB",
            "",
        )
    ]


def _made(known: np.ndarray, clips: int) -> np.ndarray:
    """Clips between clips of a cache, and some way off; float32 [clips, columns]."""
    random = np.random.default_rng(0)
    found = np.empty((clips, known.shape[1]), np.float32)
    noise = 0.3 * known.std(axis=0)
    for start in range(0, clips, 10_000):
        part = found[start : start + 10_000]
        weights = random.dirichlet(np.ones(4), size=len(part))
        part[:] = np.einsum("ck,ckf->cf", weights, known[random.integers(len(known), size=(len(part), 4))])
        part += noise * random.normal(size=part.shape)
    return found


def _measure(cache: Path, clips: int, protocol: str) -> dict[str, float]:
    from asd.detection.detectors import Detector, complete
    from asd.detection.scoring import detect
    from asd.detection.units import UnitClips
    from asd.features.caches import Cache, ClipRecord, empty_cache
    from asd.splits import Split

    tested = max(clips // 100, 2)
    normal = _made(np.load(cache).astype(np.float32), clips + tested)
    records = [ClipRecord(f"{row}.wav", "10", "16000", "8") for row in range(len(normal))]
    nothing = empty_cache(normal.shape[1])
    rows = np.arange(len(normal))
    split = Split(train=rows[:clips], normal=rows[clips:], abnormal=rows[:0], ddae=rows[:0])
    unit = UnitClips("snr6", "id_00", Cache(normal, records), nothing, nothing, split)
    whitened = {"method": "HULL", "name": "HULL-whitened", "projection": "whitening"}
    detectors = [Detector(**complete(entry)) for entry in ("HULL", whitened)]
    started = time.process_time()
    folds = None if protocol == "paper" else 5
    detect(unit, None, detectors, protocol=protocol, threshold_percentile=95.0, folds=folds, seed=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"s": time.process_time() - started, "MB": peak}


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
