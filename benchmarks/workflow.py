"""Whole runs of Snakemake: a sweep, an empty job, and planning when there is nothing to do."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from .data import SNR_DIRS, Size, mimii_tree
from .measure import REPOSITORY, Result, Use, alternate, run, used
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


def _fan(caches: str, size: Size, noise_factors: Sequence[float]) -> dict[str, Any]:
    """Configuration of fan from its caches, of one seed under the paper's protocol."""
    training = {"epochs": size.epochs, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
    parts = ("ddae", "ad_train", "ad_test")
    split = {name: dict(zip(parts, counts, strict=True)) for name, counts in zip(size.ids, size.split, strict=True)}
    return {
        "dataset": {"root": ".", "cache": caches},
        "snrs": SNR_DIRS,
        "reference_snr": "snr6",
        "machines": {"fan": {"ids": list(size.ids), "split": split}},
        "ddae": {**training, "device": "cpu"},
        "noise_factors": list(noise_factors),
        "seeds": [0],
        "protocols": ["paper"],
    }


def whole(caches: str, folder: Path, size: Size) -> list[Result]:
    """From feature caches to everything that follows from two noise factors, with MIMII's detectors, under both
    protocols: CPU time of all processes."""
    of_mimii = yaml.safe_load((REPOSITORY / "config" / "mimii.yaml").read_text(encoding="utf-8"))
    config = _fan(caches, size, size.sweep[:2]) | {"seeds": list(size.whole_seeds), "protocols": ["paper", "strict"]}
    config |= {name: of_mimii[name] for name in ("detectors", "ensembles", "classifier")}
    configfile = _write(folder / "whole.yaml", config)
    (folder / "whole").mkdir()
    taken = used(snakemake(folder / "whole", *size.whole_targets, "--configfile", configfile))
    trainings = len(config["noise_factors"]) * len(config["seeds"]) * 2
    return [
        Result(
            f"{trainings} trainings, fan from caches, both protocols, everything that follows: CPU time",
            f"{taken.cpu:.0f} s in all, {taken.seconds:.0f} s on {CORES} cores",
            f"{taken.cpu / trainings:.1f} s a training",
            "",
        )
    ]


def sweep(caches: str, folder: Path, size: Size) -> list[Result]:
    """From feature caches to scores, tables and confusion matrices, for several noise factors, by the plain script's
    detectors."""
    config = _fan(caches, size, size.sweep) | {"detectors": ["IF", "OCSVM", "LOF"], "ensembles": []}
    configfile = _write(folder / "sweep.yaml", config)
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


_EMPTY_RULE = """

rule {name}:
    input:
        lambda wildcards: INPUTS["{name}"][int(wildcards.number)],
    output:
        {outputs},
    log:
        "logs/{name}/{{number}}.log",
    params:
        settings="{name}",
    script:
        "empty.py"
"""

_EMPTY_TARGETS = 5000


def _records(directory: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each output of the last run in a directory, and what Snakemake has kept of it."""
    metadata = directory / ".snakemake" / "metadata"
    for path in filter(Path.is_file, metadata.rglob("*")):
        name = "".join(part.removeprefix("@") for part in path.relative_to(metadata).parts)
        yield base64.urlsafe_b64decode(name).decode(), json.loads(path.read_text(encoding="utf-8"))


def _same_files_plainly(directory: Path, floor: Path) -> str:
    """Make, in `floor`, a workflow with the jobs of the last run in `directory`, and as many inputs and outputs of each
    from the same jobs, without any function but one that looks inputs up.  Returns how many there are.
    """
    jobs: dict[str, dict[str, list[tuple[str, list[str]]]]] = defaultdict(lambda: defaultdict(list))
    for name, record in _records(directory):
        jobs[record["rule"]][str(record["log"])].append((name, record["input"]))
    places = {
        name: f"out/{rule}/{number}/{position}"
        for rule, of_rule in jobs.items()
        for number, outputs in enumerate(of_rule.values())
        for position, (name, _) in enumerate(sorted(outputs))
    }
    inputs = {
        rule: [[places[file] for file in outputs[0][1] if file in places] for outputs in of_rule.values()]
        for rule, of_rule in jobs.items()
    }
    width = {rule: max(map(len, of_rule.values())) for rule, of_rule in jobs.items()}
    targets = [
        f"out/{rule}/{number}/{position}"
        for rule in jobs
        for number in range(len(jobs[rule]))
        for position in range(width[rule])
    ]
    for target in targets:
        (floor / target).parent.mkdir(parents=True, exist_ok=True)
        (floor / target).touch()
    (floor / "files.json").write_text(json.dumps([inputs, targets]), encoding="utf-8")
    rules = [
        _EMPTY_RULE.format(
            name=rule, outputs=", ".join(f'"out/{rule}/{{number}}/{position}"' for position in range(width[rule]))
        )
        for rule in jobs
    ]
    head = (
        'import json\n\nINPUTS, TARGETS = json.load(open("files.json"))\n\n\nrule all:\n    input:\n        TARGETS,\n'
    )
    _write_workflow(floor, head + "".join(rules))
    read = sum(len(files) for of_rule in inputs.values() for files in of_rule)
    return f"{sum(map(len, jobs.values()))} jobs, {len(targets)} outputs, {read} inputs"


def _write_workflow(directory: Path, text: str) -> None:
    (directory / "Snakefile").write_text(text, encoding="utf-8")
    (directory / "empty.py").write_text("", encoding="utf-8")


def _plain(*arguments: str) -> list[str | Path]:
    """The command that runs the workflow of the working directory with the settings of ours."""
    profile = REPOSITORY / "profiles" / "default"
    return [sys.executable, "-m", "snakemake", "--workflow-profile", profile, "--cores", CORES, *arguments]


def _without_anything_to_do(command: list[str | Path], directory: Path) -> None:
    left = run(command, directory)
    if "Nothing to be done" not in left:
        raise SystemExit(f"a finished run has jobs left:\n{left[-2000:]}")


def _empty_targets(directory: Path, count: int) -> None:
    """So many jobs, each with one file, as in `_EMPTY_JOBS`; all are done."""
    (directory / "out").mkdir(parents=True)
    for number in range(count):
        (directory / "out" / str(number)).touch()
    _write_workflow(directory, _EMPTY_JOBS.replace('int(config["jobs"])', str(count)))
    run(_plain("--touch", "--forceall", "--quiet"), directory)


def planning(folder: Path, size: Size, times: int = 1) -> list[Result]:
    """CPU time and memory to find out what to do, before the first run and when nothing is to be done; beside it, those
    of Snakemake alone.

    Parameters
    ----------
    times
        As many recordings as MIMII has.
    """
    mimii_tree(folder / "mimii", size, times)
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
    places = {name: folder / f"{name}_to_plan" for name in ("planning", "floor", "empty")}
    for place in places.values():
        place.mkdir()

    def command(*arguments: str) -> list[str | Path]:
        return snakemake(places["planning"], *arguments, "--configfile", configfile, repository=repository)

    first = used(command("--dry-run", "--quiet"))
    run(command("--quiet"))
    _without_anything_to_do(command("--dry-run"), REPOSITORY)
    files = _same_files_plainly(places["planning"], places["floor"])
    run(_plain("--touch", "--forceall", "--quiet"), places["floor"])
    _empty_targets(places["empty"], _EMPTY_TARGETS // size.shrink_mimii)
    rounds = [
        [
            used(command("--dry-run")),
            used(command()),
            used(_plain(), places["floor"]),
            used(_plain(), places["empty"]),
        ]
        for _ in range(min(3, size.rounds))
    ]
    dry, real, floor, empty = (
        Use(*map(statistics.median, zip(*of_one, strict=True))) for of_one in zip(*rounds, strict=True)
    )
    clips = sum(1 for _ in (folder / "mimii").rglob("*.wav"))
    trainings = len(size.planned_noise_factors) * len(size.planned_seeds) * len(size.planned_machines)
    return [
        Result(
            f"planning, {clips} recordings, {trainings} trainings, nothing to do",
            f"Snakemake alone with the same files ({files}) {floor.cpu:.1f} s of CPU, {floor.megabytes:.0f} MB; "
            f"{_EMPTY_TARGETS // size.shrink_mimii} targets of one rule {empty.cpu:.1f} s",
            f"{real.cpu:.1f} s of CPU, {real.megabytes:.0f} MB; dry run {dry.cpu:.1f} s, before the first run "
            f"{first.cpu:.1f} s, {first.megabytes:.0f} MB",
            f"{real.cpu / floor.cpu:.2f} x the time",
        )
    ]
