"""What earlier configurations have left under ``results/``: files that the plan knows nothing of."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from ..detection.origins import summary_path
from ..files.neutral import in_one_line
from . import paths
from .run import Plan

_MARK = ".snakemake_timestamp"  # Snakemake's own, in each folder that is an output


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
    listed = [*paths.final_outputs(plan), *paths.listening(plan), *paths.skipped(plan), paths.DATES]
    for suffix in ("csv", "comparisons.csv", "conditions.csv", "false_alarms.csv", "npz"):
        listed += paths.evaluations(plan, suffix)
    for machine in plan.machines:
        listed += paths.losses_of_machine(plan, machine)
        folders = paths.scores(plan, machine, plan.scored_runs)
        folders += paths.scores_without_ddae(plan, machine, plan.trainings)
        listed += [f"{folder}/{_MARK}" for folder in folders]
        summaries = [summary_path(folder, *unit) for folder, unit in product(folders, plan.units(machine))]
        listed += [str(path.with_suffix(suffix)) for path in summaries for suffix in (".csv", ".json")]
        listed += [f"{folder}/{_MARK}" for folder in paths.models(plan, machine)]
        listed += [paths.model(machine, *unit, run) for run, unit in product(plan.exported, plan.units(machine))]
    return set(listed)


def leftovers(plan: Plan, results: str, is_of_a_rule: Callable[[str], bool]) -> list[Leftover]:
    """What lies in folders under ``results/`` and is not of this plan, whole folders as one; the largest first.

    Files beside these folders have the same names under every configuration, or are the user's.

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

    top = f"{results}results"
    # answers about new recordings are nothing that a configuration asks for again
    kept = os.path.basename(paths.ANSWERS)
    entries = os.scandir(top) if os.path.isdir(top) else ()
    folders = [entry.path for entry in entries if entry.is_dir() and entry.name != kept]
    found = [one for folder in folders for one in _left_in(folder, is_left)]
    return sorted(found, key=lambda one: (-one.size, one.path))


def _left_in(folder: str, is_left: Callable[[str], bool]) -> Iterator[Leftover]:
    """Leftovers of a folder; if it holds nothing else, the folder itself."""
    found: list[Leftover] = []
    kept = False
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            below = list(_left_in(entry.path, is_left))
            kept = kept or [one.path for one in below] != [entry.path]
            found += below
        elif is_left(entry.path):
            found.append(Leftover(entry.path, entry.stat(follow_symlinks=False).st_size, 1))
        else:
            kept = True
    if found and not kept:
        found = [Leftover(folder, sum(one.size for one in found), sum(one.files for one in found))]
    yield from found


def report(found: Iterable[Leftover]) -> str:
    """The list for the terminal, and the command that would delete all of it."""
    listed = list(found)
    if not listed:
        return "Nothing under results/ is of another configuration."
    lines = [
        f"{one.size / 1e3:10.1f} kB  {in_one_line(one.path)}" + (f" ({one.files} files)" if one.files > 1 else "")
        for one in listed
    ]
    total = sum(one.size for one in listed)
    command = shlex.join(["rm", "-r", "--", *(one.path for one in listed)])
    return "\n".join(
        [
            "Under results/, not of this configuration, and not used by it:",
            *lines,
            f"{total / 1e3:10.1f} kB in all. Nothing was deleted. This would do it:",
            in_one_line(command),
        ]
    )
