"""What earlier configurations have left under ``results/``: files that the plan knows nothing of."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from ..detection.origins import summary_path
from . import paths
from .run import Plan

_OF_THE_REPOSITORY = {"results/README.md"}


@dataclass(frozen=True)
class Leftover:
    """A file, or a folder in which there is nothing else.

    Attributes
    ----------
    size
        In bytes.
    files
        How many files it is.
    """

    path: str
    size: int
    files: int


def planned_files(plan: Plan) -> set[str]:
    """All files under ``results/`` that a run makes, but for logs and measured times."""
    listed = [*paths.final_outputs(plan), *paths.skipped(plan), paths.DATES, *_OF_THE_REPOSITORY]
    listed += ["results/skipped_clips.csv", "results/summary.txt"]
    for suffix in ("csv", "comparisons.csv", "conditions.csv", "npz"):
        listed += paths.evaluations(plan, suffix)
    for machine in plan.machines:
        listed += [paths.of_run(f"{paths.CHECKPOINT}.loss.csv", machine, run) for run in plan.trainings]
        folders = paths.scores(plan, machine, plan.scored_runs)
        summaries = [summary_path(folder, *unit) for folder, unit in product(folders, plan.units(machine))]
        listed += [str(path.with_suffix(suffix)) for path in summaries for suffix in (".csv", ".json")]
    return set(listed)


def leftovers(plan: Plan, results: str, is_of_a_rule: Callable[[str], bool]) -> list[Leftover]:
    """What lies under ``results/`` and is not of this plan, whole folders as one; the largest first.

    Parameters
    ----------
    results
        What stands before ``results/``.
    is_of_a_rule
        Whether a log or a file of measured times can be one of this plan's rules.
    """
    known = {f"{results}{file}" for file in planned_files(plan)}

    def is_left(path: str) -> bool:
        return path not in known and not is_of_a_rule(path)

    return sorted(_left_in(f"{results}results", is_left), key=lambda one: (-one.size, one.path))


def _left_in(folder: str, is_left: Callable[[str], bool]) -> Iterator[Leftover]:
    """Leftovers of a folder; if it holds nothing else, the folder itself."""
    found: list[Leftover] = []
    kept = False
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name) if os.path.isdir(folder) else ():
        if entry.is_dir(follow_symlinks=False):
            below = list(_left_in(entry.path, is_left))
            kept = kept or [one.path for one in below] != [entry.path]
            found += below
        elif is_left(entry.path):
            found.append(Leftover(entry.path, entry.stat(follow_symlinks=False).st_size, 1))
        else:
            kept = True
    if found and not kept and os.path.basename(folder) != "results":
        found = [Leftover(folder, sum(one.size for one in found), sum(one.files for one in found))]
    yield from found


def report(found: Iterable[Leftover]) -> str:
    """The list for the terminal, and the command that would delete all of it."""
    listed = list(found)
    if not listed:
        return "Nothing under results/ is of another configuration."
    lines = [
        f"{one.size / 1e6:10.3f} MB  {_printable(one.path)}" + (f" ({one.files} files)" if one.files > 1 else "")
        for one in listed
    ]
    total = sum(one.size for one in listed)
    command = shlex.join(["rm", "-r", "--", *(one.path for one in listed)])
    return "\n".join(
        [
            "Under results/, not of this configuration, and not used by it:",
            *lines,
            f"{total / 1e6:10.3f} MB in all. Nothing has been deleted; what you have not put there yourself, this would:",
            _printable(command),
        ]
    )


def _printable(text: str) -> str:
    """`text` without line breaks and codes that a terminal would obey."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
