"""Whole runs of Snakemake: a sweep, an empty job, and planning when there is nothing to do."""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path

import yaml

from .data import SNR_DIRS, Size, mimii_tree
from .measure import REPOSITORY, Result, alternate, run, seconds, time_and_memory
from .training import BATCH_SIZE, LEARNING_RATE

CORES = "2"

_EMPTY_JOBS = """
rule all:
    input:
        expand("out/{number}", number=range(int(config["jobs"]))),


rule empty:
    output:
        "out/{number}",
    log:
        "logs/{number}.log",
    script:
        "empty.py"
"""

# In front of a script: the outputs are there, and the script itself never begins.
_PRETEND = """
import pathlib
import sys

if snakemake.rule == "extract_features":
    import numpy
    from asd.features import extraction

    def pretended(named, reading):
        size, date = extraction.state_of_files(named[0].files)
        clip = extraction.ClipRecord(named[1], size=size, modified_ns=date, extraction=reading.extraction)
        return [extraction._Row(numpy.zeros(136, "f4"), clip)]

    extraction._extract = pretended
    snakemake.threads = 1
for path in map(pathlib.Path, snakemake.output if snakemake.rule != "extract_features" else []):
    # whose output is a folder
    if snakemake.rule in ("detect_without_ddae", "detect_anomalies", "combine_scores", "export_models"):
        path.mkdir()
    else:
        path.write_bytes(b"")
if snakemake.rule != "extract_features":
    sys.exit(0)
"""


def snakemake(directory: Path, *arguments: str | Path, repository: Path = REPOSITORY) -> list[str | Path]:
    """The command that runs the workflow of `repository` in `directory`."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", repository / "Snakefile", "--directory", directory]
    return [*command, "--cores", CORES, *arguments]


def _write(path: Path, config: dict) -> Path:  # type: ignore[type-arg]
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def sweep(caches: str, folder: Path, size: Size) -> list[Result]:
    """From feature caches to scores, tables and confusion matrices, for several noise factors."""
    training = {"epochs": size.epochs, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
    parts = ("ddae", "ad_train", "ad_test")
    split = {name: dict(zip(parts, counts, strict=True)) for name, counts in zip(size.ids, size.split, strict=True)}
    configfile = _write(
        folder / "sweep.yaml",
        {
            "dataset": {"root": ".", "cache": caches},
            "snrs": SNR_DIRS,
            "reference_snr": "snr6",
            "machines": {"fan": {"ids": list(size.ids), "split": split}},
            "ddae": {**training, "device": "cpu"},
            "noise_factors": list(size.sweep),
            "seeds": [0],
            "protocols": ["paper"],
        },
    )
    # what the plain script makes, too: scores, AUCs and confusion matrices; intervals and comparisons come with them
    names = itertools.product(size.sweep, SNR_DIRS, ("IF", "OCSVM", "LOF"))
    figures = [f"results/figures/confusion/seed0/fan_NF{nf}_{snr}_{detector}.png" for nf, snr, detector in names]
    counts = [f"{name}={'/'.join(map(str, numbers))}" for name, numbers in zip(size.ids, size.split, strict=True)]
    common = ["--caches", caches, "--snrs", *SNR_DIRS, "--reference-snr", "snr6", "--split", *counts]
    common += ["--epochs", str(size.epochs), "--output", str(folder / "plain")]

    def by_plain() -> None:
        for noise_factor in size.sweep:
            run([sys.executable, "-m", "benchmarks.plain", *common, "--noise-factor", str(noise_factor)])

    def by_workflow() -> None:
        shutil.rmtree(folder / "sweep", ignore_errors=True)
        (folder / "sweep").mkdir()
        run(snakemake(folder / "sweep", "results/auc.csv", *figures, "--configfile", configfile))

    times = alternate({"plain": by_plain, "workflow": by_workflow}, size.sweep_rounds)
    return [
        Result(
            f"sweep, fan from caches, {len(size.sweep)} noise factors, {CORES} cores, start-up included",
            f"{len(size.sweep)} runs of a plain script {times['plain']:.1f} s",
            f"{times['workflow']:.1f} s",
            f"{times['workflow'] / times['plain']:.2f} x the time",
        )
    ]


def empty_job(folder: Path, size: Size) -> list[Result]:
    """What a job costs that does nothing, and the programs that ours have to load."""
    directory = folder / "empty"
    directory.mkdir()
    (directory / "Snakefile").write_text(_EMPTY_JOBS, encoding="utf-8")
    (directory / "empty.py").write_text('open(snakemake.output[0], "w").close()\n', encoding="utf-8")

    def jobs(count: int) -> None:
        shutil.rmtree(directory / "out", ignore_errors=True)
        run([sys.executable, "-m", "snakemake", "--cores", "1", "--config", f"jobs={count}"], directory)

    many = 1 + 10 * size.rounds
    times = alternate({"one": lambda: jobs(1), "many": lambda: jobs(many)}, min(3, size.rounds))
    each = (times["many"] - times["one"]) / (many - 1)
    rooms = ("features.acoustic", "ddae.model", "detection.scoring", "evaluation.machine", "figures.style")
    code = "import sys; sys.path.insert(0, 'workflow/scripts'); import asd.{}"
    imports = alternate(
        {name.split(".")[0]: lambda name=name: run([sys.executable, "-c", code.format(name)]) for name in rooms},  # type: ignore[misc]
        size.rounds,
    )
    loading = ", ".join(f"{name} {time:.1f}" for name, time in imports.items())
    return [
        Result("a job that does nothing", "", f"{each:.2f} s", f"loading, in s: {loading}"),
    ]


def planning(folder: Path, size: Size) -> list[Result]:
    """Time and memory to find out what to do, before the first run and when nothing is to be done."""
    mimii_tree(folder / "mimii", size)
    repository = folder / "repository"
    for name in ("workflow", "profiles", "config", "envs"):
        shutil.copytree(REPOSITORY / name, repository / name, symlinks=True)
    shutil.copy(REPOSITORY / "Snakefile", repository)
    for script in (repository / "workflow" / "scripts").glob("*.py"):
        script.write_text(_PRETEND + script.read_text(encoding="utf-8"), encoding="utf-8")
    config = yaml.safe_load((REPOSITORY / "config" / "mimii.yaml").read_text(encoding="utf-8"))
    config["dataset"]["root"] = str(folder / "mimii")
    config["machines"] = {name: {**config["machines"][name], "split": "auto"} for name in size.planned_machines}
    config |= {"noise_factors": list(size.planned_noise_factors), "seeds": list(size.planned_seeds)}
    config["snrs"] = {name: SNR_DIRS[name] for name in size.planned_snrs}
    configfile = _write(folder / "planning.yaml", config)
    (folder / "planning").mkdir()

    def command(*arguments: str) -> list[str | Path]:
        return snakemake(folder / "planning", *arguments, "--configfile", configfile, repository=repository)

    first = time_and_memory(command("--dry-run", "--quiet"))
    run(command("--quiet"))
    left = run(command("--dry-run"))
    if "Nothing to be done" not in left:
        raise SystemExit(f"a finished run has jobs left:\n{left[-2000:]}")
    dry = [time_and_memory(command("--dry-run")) for _ in range(min(3, size.rounds))]
    real = seconds(lambda: run(command()))
    clips = sum(1 for _ in (folder / "mimii").rglob("*.wav"))
    time, memory = sorted(dry)[len(dry) // 2]
    trainings = len(size.planned_noise_factors) * len(size.planned_seeds) * len(size.planned_machines)
    return [
        Result(
            f"planning, {clips} recordings, {trainings} trainings, nothing to do",
            f"before the first run {first[0]:.1f} s, {first[1]:.0f} MB",
            f"dry run {time:.1f} s, {memory:.0f} MB; run {real:.1f} s",
            "",
        )
    ]
