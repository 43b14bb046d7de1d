"""Runs Snakemake on this repository's workflow and tells which jobs ran."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import forked_snakemake
from places import REPOSITORY

SECONDS = 600  # after which a call counts as stuck
QUICK_FIGURES = Path(__file__).with_name("quick_figures")

# with spaces in front where jobs are in groups
_JOB = re.compile(r"^ *(?:local)?rule (?P<rule>\w+):\n(?P<body>(?: +[a-z_]+: .*\n)*)", re.MULTILINE)
_WILDCARDS = re.compile(r"^ +wildcards: (.*)$", re.MULTILINE)
_RESOURCES = re.compile(r"^ +resources: (.*)$", re.MULTILINE)


def job(rule: str, **wildcards: Any) -> str:
    """How `Run.jobs` writes a job."""
    return f"{rule}({', '.join(f'{name}={value}' for name, value in sorted(wildcards.items()))})"


@dataclass(frozen=True)
class Run:
    """A finished call of snakemake in a working directory."""

    returncode: int
    output: str
    directory: Path

    @property
    def jobs(self) -> list[str]:
        """All jobs that ran, or would run, without the target rules; in the order of the output."""
        found = []
        for match in _JOB.finditer(self.output):
            if match["rule"] in ("all", "default"):
                continue
            wildcards = _WILDCARDS.search(match["body"])
            pairs = dict(pair.split("=", 1) for pair in wildcards[1].split(", ")) if wildcards else {}
            found.append(job(match["rule"], **pairs))
        return found

    @property
    def requests(self) -> dict[str, list[dict[str, int]]]:
        """Rule -> the resources that are numbers, of each of its jobs, without the target rules."""
        found: dict[str, list[dict[str, int]]] = {}
        for match in _JOB.finditer(self.output):
            resources = _RESOURCES.search(match["body"])
            if match["rule"] not in ("all", "default") and resources:
                numbers = re.findall(r"(\w+)=(\d+)(?=,|$)", resources[1])
                found.setdefault(match["rule"], []).append({name: int(number) for name, number in numbers})
        return found

    @property
    def rules(self) -> Counter[str]:
        """How many jobs of each rule."""
        return Counter(name.split("(")[0] for name in self.jobs)

    def ok(self) -> Run:
        """This run, if it succeeded."""
        assert self.returncode == 0, self.output
        return self

    def failed(self) -> Run:
        """This run, if it ended with an error and without a Python traceback."""
        assert self.returncode != 0, self.output
        assert "Traceback" not in self.output, self.output
        return self


def snakemake(
    directory: Path,
    *arguments: str | Path,
    repository: Path = REPOSITORY,
    cores: int = 1,
    figures_as_seen: bool = False,
) -> Run:
    """Call snakemake of `repository` with the working directory `directory`; see `run_snakefile`."""
    return run_snakefile(repository / "Snakefile", directory, *arguments, cores=cores, figures_as_seen=figures_as_seen)


def run_snakefile(
    snakefile: Path, directory: Path, *arguments: str | Path, cores: int = 1, figures_as_seen: bool = False
) -> Run:
    """Call snakemake on any Snakefile with the working directory `directory`.

    Figures are small and without a layout (`quick_figures`), unless a test looks at them.
    """
    parts = ["--snakefile", snakefile, "--directory", directory]
    command = [str(part) for part in [*parts, "--cores", str(cores), "--nocolor", *arguments]]
    with tempfile.TemporaryDirectory() as folder:
        console = Path(folder) / "console.txt"
        if "PYTHONPATH" in os.environ:  # has a say only when Python starts
            with console.open("wb") as output:
                process = [sys.executable, "-m", "snakemake", *command]
                returncode = subprocess.run(
                    process, cwd=directory, stdout=output, stderr=output, timeout=SECONDS, check=False
                ).returncode
        else:
            job_path = None if figures_as_seen else QUICK_FIGURES
            returncode = forked_snakemake.call(command, directory, console, SECONDS, job_path)
        return Run(returncode, console.read_text(encoding="utf-8"), directory)


def write_config(directory: Path, config: dict[str, Any]) -> Path:
    """Write `config` to a file in `directory`, for ``--configfile``."""
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def working_copy(folder: Path) -> Path:
    """The files of this repository as they are now, committed or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = REPOSITORY / name, folder / name
        if source.is_file() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                target.symlink_to(os.readlink(source))
            else:
                target.write_bytes(source.read_bytes())
    return folder
