"""New recordings: from the command to the answer for one clip, and many clips; beside a plain script."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from .data import Size, linked
from .measure import ONE_THREAD, REPOSITORY, Result

_CPU_TIME = """
import os, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
if done.returncode not in (0, 1):
    sys.exit(done.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def cpu_seconds(command: Sequence[str | Path]) -> float:
    """CPU time of a command with one thread for each library, imports and all."""
    arguments = [sys.executable, "-c", _CPU_TIME, *map(str, command)]
    done = subprocess.run(
        arguments,
        cwd=REPOSITORY,
        env={**ONE_THREAD, "PYTHONPATH": "workflow/scripts", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-4000:]}")
    return float(done.stdout)


def one_clip(recordings: Sequence[Path], caches: str, folder: Path, size: Size) -> list[Result]:
    """CPU time of a command that scores one clip."""
    model, plain = _models(caches, folder, size)
    ours = [sys.executable, "-m", "asd.scoring.command", "score", model, recordings[0]]
    theirs = [sys.executable, "-m", "benchmarks.plain_scoring", "score", plain, recordings[0]]
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(size.rounds):
        times["ours"].append(cpu_seconds(ours))
        times["plain"].append(cpu_seconds(theirs))
    own, other = median(times["ours"]), median(times["plain"])
    return [
        Result(
            "one new clip, from command to answer, CPU time",
            f"{other:.2f} s (librosa, joblib)",
            f"{own:.2f} s (`asd score`)",
            f"{other / own:.1f} times as fast",
        )
    ]


def many_clips(recordings: Sequence[Path], caches: str, folder: Path, size: Size) -> list[Result]:
    """Clips a second of one core, the start left out."""
    model, plain = _models(caches, folder, size)
    files = linked(folder / "many", recordings, max(size.clips // 2, 100))
    few = {"ours": 3, "plain": 3}
    commands = {
        "ours": [sys.executable, "-m", "asd.scoring.command", "score", "--csv", model],
        "plain": [sys.executable, "-m", "benchmarks.plain_scoring", "score", plain],
    }
    rates = {}
    for name, command in commands.items():
        count = len(files) if name == "ours" else max(len(files) // 10, 40)
        spent = median(
            cpu_seconds([*command, *files[:count]]) - cpu_seconds([*command, *files[: few[name]]])
            for _ in range(max(1, size.rounds // 2))
        )
        rates[name] = (count - few[name]) / spent
    return [
        Result(
            "many new clips, a second and core",
            f"{rates['plain']:.0f} (librosa, joblib)",
            f"{rates['ours']:.0f} (`asd score`)",
            f"{rates['ours'] / rates['plain']:.1f} times as fast",
        )
    ]


def _models(caches: str, folder: Path, size: Size) -> tuple[Path, Path]:
    """The workflow's model and the plain script's, of the same normal clips."""
    model, plain = folder / "model.onnx", folder / "model.joblib"
    if not plain.exists():
        cache = caches.format(snr="snr6", id=size.ids[0], kind="normal")
        train = np.load(cache)
        command = [sys.executable, "-m", "benchmarks.plain_scoring", "train", plain, cache]
        subprocess.run([str(part) for part in command], cwd=REPOSITORY, check=True)
        _write_model(model, train.astype(np.float32), size)
    return model, plain


def _write_model(path: Path, normal: np.ndarray, size: Size) -> None:
    """A model with the default detectors; how well its networks are trained is of no account for its speed."""
    from asd.classification.clips import ClipsOfId
    from asd.classification.training import ClassifierSettings, train_classifier
    from asd.ddae.model import train_machine
    from asd.ddae.settings import TrainingSettings
    from asd.detection.detectors import Detector, complete
    from asd.detection.ensembles import Ensemble, combine_files
    from asd.detection.scoring import detect
    from asd.detection.units import UnitClips
    from asd.features.bands import in_bands
    from asd.features.caches import Cache, ClipRecord, empty_cache
    from asd.models.export import Trained, build_model
    from asd.models.files import write_model
    from asd.splits import Split

    half = len(normal) // 2
    clips = [ClipRecord(f"{row}.wav", "10", "16000", "8") for row in range(len(normal))]
    unit = UnitClips(
        *("snr6", "id_00", Cache(normal, clips), empty_cache(normal.shape[1]), empty_cache(normal.shape[1])),
        Split(np.arange(half), np.arange(half, len(normal)), np.arange(0), np.arange(0)),
    )
    settings = TrainingSettings(noise_factor=0.5, epochs=1, batch_size=64, learning_rate=1e-4, seed=0)
    denoiser = train_machine({"id_00": normal}, {"id_00": np.arange(half)}, settings, protocol="paper").denoiser()
    others = [
        ClipsOfId("snr6", name, in_bands(normal[part]), [""] * len(normal[part]))
        for name, part in (("id_00", slice(0, half)), ("id_02", slice(half, None)))
    ]
    networks = train_classifier(others, ["snr6"], ClassifierSettings(networks=3, epochs=1, seed=0)).of_snr["snr6"]
    whitened = {"method": "HULL", "name": "HULL-whitened", "projection": "whitening"}
    detectors = [Detector(**complete(entry)) for entry in ("IF", "OCSVM", "LOF", "HULL", whitened, "IDS")]
    ensembles = [Ensemble("Ensemble", ["HULL", "HULL-whitened", "IDS"], [], "z")]
    options = {"protocol": "paper", "threshold_percentile": 95.0, "seed": 0}
    found = detect(unit, denoiser, detectors, networks=networks, **options)
    together = combine_files([found], ensembles, 95.0)
    found = type(found)(found.clips, found.scores | together.scores, found.protocol)
    trained = Trained("fan", "0.5", 0, unit, denoiser, networks, detectors, ensembles, found)
    built = build_model(trained, detector="Ensemble", snr_label="6 dB", channel="mean", clip_seconds=size.seconds)
    write_model(path, built.graph, built.about)
