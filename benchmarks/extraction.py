"""Features of recordings: one core, two cores, memory, one clip more."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from . import plain
from .data import Size, linked
from .measure import Result, alternate, run

_ONE_JOB = """
import sys
sys.path.insert(0, "workflow/scripts")
from pathlib import Path
from asd.processes import keep_memory
keep_memory()
import asd.features.extraction
from benchmarks.extraction import extract
from benchmarks.measure import seconds
folder, processes, *files = sys.argv[1:]
(output := Path(folder) / "output").mkdir()
print(seconds(lambda: extract(files, Path(folder), output, int(processes))))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""

_ONE_VERSION = """
import sys, time
sys.path.insert(0, "workflow/scripts")
from asd.processes import keep_memory
version, *paths = sys.argv[1:]
if "plain" not in version and version != "double":
    keep_memory()
from benchmarks.extraction import VERSIONS
compute = VERSIONS[version]
compute(paths[0])  # imports, and what is computed once
started = time.process_time()
for path in paths:
    compute(path)
print(1000 * (time.process_time() - started) / len(paths))
"""


def job(files: Sequence[str], folder: Path, processes: int) -> tuple[float, float]:
    """Time in seconds, imports left out, and peak memory in MB of a process that extracts `files`, as a job does."""
    shutil.rmtree(folder / "output", ignore_errors=True)
    time, memory = run([sys.executable, "-c", _ONE_JOB, folder, str(processes), *files]).split()
    return float(time), int(memory) / 1000


def extract(files: Sequence[str], root: Path, output: Path, processes: int = 1) -> None:
    """What a job of rule extract_features does."""
    from asd.features.extraction import Reading, extract_cache
    from asd.recordings.layout import Recording

    paths = (output / name for name in ("cache.npy", "clips.csv", "skipped.csv"))
    recordings = [Recording((file,)) for file in files]
    extract_cache(recordings, str(root), *paths, Reading("mean", None, "error", "benchmark"), processes=processes)


@cache
def _some_frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 512))


def workflow(path: Path, features: Sequence[str]) -> None:
    """What a job of rule extract_features does with a recording."""
    from asd.features.acoustic import clip_features
    from asd.recordings.audio import read_clip

    clip_features(read_clip(path).samples, features)


def floor(path: Path) -> None:
    """The least that a clip takes with the same libraries: read, one FFT a frame, filter bank, logarithm.

    The FFT is that of double precision, the only one that is right for every signal.
    """
    import scipy.fft

    from asd.features.acoustic import filter_blocks

    samples, _ = soundfile.read(path, dtype="int16")
    frames = _some_frames(1 + len(samples) // 160)
    for start in range(0, len(frames), 256):
        squares = scipy.fft.rfft(frames[start : start + 256]).view(np.float64).astype(np.float32)
        mel = np.empty((128, len(squares)), np.float32)
        for columns, bands, weights in filter_blocks():
            np.matmul(weights, squares[:, columns].T, out=mel[bands])
        np.log(np.abs(mel, out=mel), out=mel)


VERSIONS: dict[str, Callable[[Path], object]] = {
    "plain": plain.extract,
    "double": lambda path: plain.extract(path, plain.read_in_double_precision),
    "plain, temporal": lambda path: plain.extract(path, temporal=True),
    "workflow": lambda path: workflow(path, ("mfcc", "basic")),
    "workflow, temporal": lambda path: workflow(path, ("mfcc", "basic", "temporal")),
    "floor": floor,
}
"""What takes turns, each in processes of its own: how the C library hands out memory depends on what a process did
before, and can double the time."""


def cpu_ms(version: str, recordings: Sequence[Path]) -> float:
    """CPU time in ms for a recording, imports left out, of a process that takes them one after the other."""
    return float(run([sys.executable, "-c", _ONE_VERSION, version, *recordings]))


def one_core(recordings: Sequence[Path], size: Size) -> list[Result]:
    turns = [{name: cpu_ms(name, recordings) for name in VERSIONS} for _ in range(size.rounds)]
    ms = {name: median(turn[name] for turn in turns) for name in VERSIONS}
    return [
        Result(
            "extraction, a clip, one core",
            f"librosa.load and librosa {ms['plain']:.1f} ms",
            f"{ms['workflow']:.2f} ms",
            f"{ms['plain'] / ms['workflow']:.1f} x as fast",
        ),
        Result(
            "",
            f"soundfile and librosa, double precision {ms['double']:.1f} ms",
            "",
            f"{ms['double'] / ms['workflow']:.1f} x as fast",
        ),
        Result(
            "",
            f"read, FFT, filter bank and logarithm alone {ms['floor']:.2f} ms",
            "",
            f"{ms['floor'] / ms['workflow']:.0%} of the time",
        ),
        Result(
            "extraction with temporal features, a clip, one core",
            f"librosa.load and librosa {ms['plain, temporal']:.1f} ms",
            f"{ms['workflow, temporal']:.2f} ms",
            f"{ms['plain, temporal'] / ms['workflow, temporal']:.1f} x as fast",
        ),
    ]


def two_cores(recordings: Sequence[Path], folder: Path, size: Size) -> list[Result]:
    files = linked(folder / "two_cores", recordings, size.clips)
    turns = [[job(files, folder, processes)[0] for processes in (1, 2)] for _ in range(size.rounds)]
    one, two = (median(times) for times in zip(*turns, strict=True))
    return [
        Result(
            f"extraction, {size.clips} clips, two cores",
            f"one core {one:.2f} s",
            f"{two:.2f} s",
            f"{one / two:.2f} x as fast",
        )
    ]


def memory(recordings: Sequence[Path], folder: Path, size: Size) -> list[Result]:
    files = linked(folder / "memory", recordings, size.clips)
    few, many = (job(files[:count], folder, 1)[1] for count in (10, size.clips))
    return [
        Result(
            f"extraction, peak memory, {size.clips} clips",
            f"10 clips {few:.0f} MB",
            f"{many:.0f} MB",
            f"{many / few:.2f} x as much",
        )
    ]


def one_clip_added(recordings: Sequence[Path], folder: Path, size: Size) -> list[Result]:
    count = min(200, size.clips)
    files = linked(folder / "one_added", recordings, count + 1)
    before, output = folder / "before", folder / "added"
    before.mkdir()
    extract(files[:count], folder, before)

    def full() -> None:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        extract(files, folder, output)

    def restore() -> None:
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(before, output)

    times = alternate({"full": full, "restore": restore, "added": lambda: extract(files, folder, output)}, size.rounds)
    return [
        Result(
            f"extraction, one clip added to {count}",
            f"all of them {1000 * times['full']:.0f} ms",
            f"{1000 * times['added']:.0f} ms",
            f"{times['added'] / times['full']:.1%} of the time",
        )
    ]
