"""What a run that has succeeded says at its end: the best detector in a sentence, short tables, what to open next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..files.neutral import in_one_line
from . import paths
from .run import Plan

_LINES = 24
"""Lines of the summary that are shown; the sentence of advice always is."""

_ALWAYS_GIVEN = ("--cores", "-c", "--jobs", "-j")


def summary_lines(text: str, path: str) -> list[str]:
    """The summary of a run, whose first paragraph is the advice; if it is long, its beginning and where the rest is."""
    lines = text.strip().splitlines()
    advice = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    shown = max(_LINES, advice)
    if len(lines) <= shown + 2:
        return lines
    return [*lines[:shown], f"... {len(lines) - shown} more lines in {path}"]


def next_lines(plan: Plan, prefix: str, arguments: Sequence[str]) -> list[str]:
    """What to open and to call next, of what there is.

    Parameters
    ----------
    prefix
        Stands before all that the workflow makes.
    arguments
        Of the command that has started this run, without its name.
    """
    run = plan.run_for_new_recordings
    machine, snr = plan.machines[0], plan.reference_snr
    model = f"{prefix}{paths.model(machine, snr, plan.ids(machine)[0], run)}"
    asd, snakemake = _command("asd"), _command("snakemake")
    pages = {
        "all detectors, with intervals": f"{prefix}results/leaderboard.html",
        "the hardest recordings, to listen to": f"{prefix}{paths.LISTENING_PAGE}",
    }
    found = {words: path for words, path in pages.items() if os.path.exists(path)}
    called = snakemake if snakemake and _is_plain(arguments) else "the same command with"
    found["figures and tables in one file"] = f"{called} --report results/report.zip"
    if asd and os.path.exists(model):
        found[f"whether a recording is unusual, by {in_one_line(plan.deciding_detector)}"] = (
            f"{asd} score {shlex.quote(model)} RECORDING.wav"
        )
    width = max(map(len, found))
    return ["What to open next:", *(f"  {words:{width}}  {what}" for words, what in found.items())]


def _is_plain(arguments: Iterable[str]) -> bool:
    """Whether a command has no more to say than on how many cores."""
    return all(word.startswith(_ALWAYS_GIVEN) or word.isdigit() or word == "all" for word in arguments)


def _command(name: str) -> str | None:
    """How to call a program that came with this Python, from the working directory."""
    if shutil.which(name):
        return name
    beside = Path(sys.executable).parent / name
    if not beside.exists():
        return None
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)
