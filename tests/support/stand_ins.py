"""Programs that are not installed where the tests run: stand-ins that answer Snakemake and note what they are asked.

They show what Snakemake does with this workflow, and nothing of what conda or Apptainer would do then.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

# An environment is a Python that notes whether packages of the user's home folder are hidden from whoever makes it
_CONDA = """#!/bin/sh
case "$*" in
    "--version") echo "conda 25.1.1" ;;
    "info --json") echo '{{"conda_prefix": "{folder}", "platform": "linux-64"}}' ;;
    "env create "*)
        for prefix; do :; done
        mkdir -p "$prefix/bin"
        printf '#!/bin/sh\\nexec "{python}" "$@"\\n' > "$prefix/bin/python"
        chmod +x "$prefix/bin/python"
        echo "$PYTHONNOUSERSITE" > "$prefix/made_without_user_site"
        ;;
    *) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
esac
"""
_ACTIVATE = 'PATH="$1/bin:$PATH"\n'

# Runs the command on this machine, as the container would: with the image's Python first on the path
_APPTAINER = """#!{python}
import json, os, subprocess, sys

if sys.argv[1:] == ["--version"]:
    sys.exit(print("apptainer version 1.4.0"))
assert sys.argv[1] == "exec", sys.argv
options, rest = [], sys.argv[2:]
while rest[0].startswith("--"):
    options.append(rest[:2])
    del rest[:2]
image, *command = rest
settings = {{name: os.environ.get("APPTAINER_" + name) for name in ("BIND", "NV")}}
with open("{calls}", "a") as file:
    print(json.dumps({{"image": image, "command": command, "options": options, **settings}}), file=file)
path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
binds = [value.split(":") for name, value in options if name == "--bind"]
# folders that Snakemake has scripts import from, where the container would see them
seen = os.pathsep.join(bind[0] for bind in binds if bind[-1].startswith("/mnt/snakemake_"))
sys.exit(subprocess.call(command, env={{**os.environ, "PATH": path, "PYTHONPATH": seen}}))
"""


def _install(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))


def install_conda(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A conda whose environments have this Python, and packages only as far as Snakemake brings its own."""
    _install(monkeypatch, folder, "conda", _CONDA.format(folder=folder, python=sys._base_executable))  # type: ignore[attr-defined]
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "activate").write_text(_ACTIVATE, encoding="utf-8")


class Apptainer:
    """A stand-in for Apptainer on the path, and how it was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._calls = folder / "calls.jsonl"
        _install(monkeypatch, folder, "apptainer", _APPTAINER.format(python=sys.executable, calls=self._calls))

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._calls.read_text(encoding="utf-8").splitlines()]
