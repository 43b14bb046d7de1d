"""The workflow in a git repository, and a project of a user that has it as a module."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from small_data import make_recordings, small_config
from workflow_runner import working_copy, write_config

_GIT = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    """What git prints in a folder."""
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | _GIT, capture_output=True, text=True, check=True).stdout


def committed(folder: Path) -> Path:
    """This repository as it is now, committed in `folder` and tagged v1."""
    working_copy(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "now")
    git(folder, "tag", "v1")
    return folder


def project(folder: Path, source: str, *, prefix: str | None = None, names: str = "*") -> None:
    """A project of a user: recordings, a configuration, and a Snakefile that uses the workflow."""
    make_recordings(folder / "recordings", {"fan": ["id_00"], "pump": ["id_00"]})
    config = small_config(ids=("id_00",)) | {
        "ensembles": [{"name": "E", "detectors": ["OCSVM", "LOF"]}],
        "protocols": ["paper"],
    }
    write_config(folder, config)
    (folder / "Snakefile").write_text(
        f'configfile: "config.yaml"\n\nmodule asd:\n    snakefile: {source}\n    config: config\n'
        + (f'    prefix: "{prefix}"\n' if prefix else "")
        + f"\nuse rule * from asd as {names}\n",
        encoding="utf-8",
    )
