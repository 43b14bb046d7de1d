"""Measure the workflow against a plain reading of its method, side by side, and print a table.

Everything takes turns on the same machine with one thread for each library; times are medians.  With MIMII's recordings
and feature caches at hand (--recordings, --caches) they are measured, else made ones of the same size.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .measure import ONE_THREAD, Result, machine


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = (
        "extraction",
        "two-cores",
        "memory",
        "one-clip",
        "training",
        "sweep",
        "whole",
        "empty-job",
        "planning",
        "score-one",
        "score-many",
        "scale",
    )
    parser.add_argument(
        "only",
        nargs="*",
        choices=[*names, "planning-tenfold", []],
        help="what to measure; if left out, everything but planning with ten times MIMII's recordings",
    )
    parser.add_argument("--quick", action="store_true", help="tiny data and one round, to see that it runs")
    parser.add_argument("--recordings", help="glob of recordings")
    parser.add_argument("--caches", help="pattern of fan's feature caches with {snr}, {id} and {kind}")
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD)  # before NumPy is imported

    from . import data, extraction, scale, scoring, training, workflow

    size = data.QUICK if arguments.quick else data.FULL
    print(machine(), "\n", sep="", flush=True)
    print("| what | compared with | workflow | |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recordings = data.recordings(folder / "recordings", size, arguments.recordings)
        caches = data.caches(folder / "caches", size, arguments.caches)
        benches: dict[str, Callable[[], list[Result]]] = {
            "extraction": lambda: extraction.one_core(recordings, size),
            "two-cores": lambda: extraction.two_cores(recordings, folder, size),
            "memory": lambda: extraction.memory(recordings, folder, size),
            "one-clip": lambda: extraction.one_clip_added(recordings, folder, size),
            "training": lambda: training.one_ddae(caches, size),
            "sweep": lambda: workflow.sweep(caches, folder, size),
            "whole": lambda: workflow.whole(caches, folder, size),
            "empty-job": lambda: workflow.empty_job(folder, size),
            "planning": lambda: workflow.planning(folder, size),
            "planning-tenfold": lambda: workflow.planning(folder / "tenfold", size, times=10),
            "score-one": lambda: scoring.one_clip(recordings, caches, folder, size),
            "score-many": lambda: scoring.many_clips(recordings, caches, folder, size),
            "scale": lambda: scale.many_training_clips(caches, size),
        }
        for name in arguments.only or names:
            for result in benches[name]():
                print(f"| {result.what} | {result.compared} | {result.workflow} | {result.ratio} |", flush=True)


if __name__ == "__main__":
    main()
