"""Snakemake in a fork of a process that has imported it, which saves each call the second that its imports take.

Nothing else is shared: neither the workflow's own modules nor results of a call before.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["forked_snakemake", "snakemake.cli", "snakemake.workflow", "snakemake.dag", "smart_open", "jsonschema"]
)


def call(arguments: Sequence[str], directory: Path, output: Path, seconds: float, job_path: Path | None = None) -> int:
    """Exit status of ``snakemake`` with `arguments`, started in `directory`; what it prints goes into `output`.

    Jobs find modules in `job_path`, too.

    Raises
    ------
    TimeoutError
        If it takes longer than `seconds`; it has been killed then.
    """
    environment = os.environ | ({"PYTHONPATH": str(job_path)} if job_path else {})
    process = _CONTEXT.Process(target=_main, args=(list(arguments), str(directory), str(output), environment))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{' '.join(arguments)} takes more than {seconds} s:\n{output.read_text(encoding='utf-8')}")
    return process.exitcode


def _main(arguments: list[str], directory: str, output: str, environment: Mapping[str, str]) -> None:
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    console = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for descriptor in (1, 2):
        os.dup2(console, descriptor)
    from snakemake.cli import main

    sys.argv = ["snakemake", *arguments]
    try:
        main()
    finally:
        # a process of this kind would leave them out
        atexit._run_exitfuncs()
