"""Timing and memory, and the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes
    ----------
    compared
        What the workflow is measured against, with its value; empty where there is nothing to compare with.
    ratio
        How the two relate, in words a reader understands without the code.
    """

    what: str
    compared: str
    workflow: str
    ratio: str


def seconds(function: Callable[[], Any]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def alternate(functions: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median wall time of each function; they take turns, so that all see the same moods of the machine."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: statistics.median(values) for name, values in times.items()}


def run(command: Sequence[str | Path], directory: Path = REPOSITORY) -> str:
    """Output of a command with one thread for each library; stops with the output if the command fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


_TIMED = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
wall, of_children = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
used = {"s": wall, "cpu": of_children.ru_utime + of_children.ru_stime, "kB": of_children.ru_maxrss}
print(done.stdout[-4000:] if done.returncode else json.dumps(used))
sys.exit(done.returncode)
"""


class Use(NamedTuple):
    """What a command took: wall time and CPU time in seconds, and its peak memory in MB."""

    seconds: float
    cpu: float
    megabytes: float


def used(command: Sequence[str | Path], directory: Path = REPOSITORY) -> Use:
    """What a command takes, started by a process that is itself small."""
    found = json.loads(run([sys.executable, "-c", _TIMED, *command], directory))
    return Use(found["s"], found["cpu"], found["kB"] / 1000)


def machine() -> str:
    """The machine and the versions that the figures depend on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
        vector = next((name for name in ("avx512f", "avx2", "sse4_2") if name in flags.split()), "")
        model = " ".join(part for part in (names[0] if names else model, vector) if part)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = ("numpy", "scipy", "librosa", "torch", "scikit-learn", "snakemake")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, {memory:.0f} GB, Python {platform.python_version()}, {versions}"
