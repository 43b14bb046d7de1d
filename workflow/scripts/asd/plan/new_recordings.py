"""New recordings that a run's models are asked about: the section ``score`` of the configuration."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UserError
from ..files.origin import digest
from ..scoring.inputs import listed
from . import configuration, paths
from .run import Plan

_EXAMPLE = "snakemake {rule} --config score='{{recordings: new/, machine: {machine}, id: {machine_id}}}'"


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes
    ----------
    recordings
        Files and folders, as they were given, globs filled in.
    false_alarms
        See `asd.scoring.model.Model.score`.
    """

    machine: str
    snr: str
    machine_id: str
    recordings: Sequence[str]
    false_alarms: float | None

    @property
    def place(self) -> str:
        """Of the answers, without a suffix."""
        return paths.filled(paths.SCORED, {"machine": self.machine, "snr": self.snr, "id": self.machine_id})

    def state(self) -> str:
        """Changes with each recording that is added, removed or written anew."""
        found = listed(self.recordings)
        status = [(file, os.stat(file)) for file in found.files if os.path.exists(file)]
        return digest([[file, one.st_size, one.st_mtime_ns] for file, one in status])


def asked(plan: Plan, rule: str = "score") -> Asked:
    """What the configuration asks.

    Parameters
    ----------
    rule
        For the message.

    Raises
    ------
    UserError
        If it does not say which recordings, or of what, or if there are no models.
    """
    section = plan.config["score"]
    machine = section.get("machine", plan.machines[0])
    machine_id = section.get("id", plan.ids(machine)[0])
    example = _EXAMPLE.format(rule=rule, machine=machine, machine_id=machine_id)
    if "recordings" not in section:
        raise UserError(f"score.recordings: which recordings? For example:\n      {example}")
    if "machine" not in section and len(plan.machines) > 1:
        raise UserError(f"score.machine: which of {', '.join(plan.machines)}? For example:\n      {example}")
    if "id" not in section and len(plan.ids(machine)) > 1:
        raise UserError(f"score.id: which of {', '.join(plan.ids(machine))}? For example:\n      {example}")
    if machine_id not in plan.ids(machine):
        raise UserError(f"score.id: {machine_id!r} is none of {machine}'s ({', '.join(plan.ids(machine))})")
    if not plan.exported:
        raise UserError("score: there are no models, for models.export is none. Set it to first")
    return Asked(
        machine,
        section.get("snr", plan.reference_snr),
        machine_id,
        [file for text in configuration.texts_of(section["recordings"]) for file in _filled_in(text)],
        section.get("false_alarms"),
    )


def _filled_in(text: str) -> list[str]:
    """A file or folder, or what a glob stands for.

    Raises
    ------
    UserError
        If there is nothing of that name.
    """
    path = os.path.expanduser(text)
    found = [path] if os.path.exists(path) else sorted(glob.glob(path, recursive=True))
    if not found:
        raise UserError(f"score.recordings: there is nothing at {text!r} ({os.path.abspath(path)})")
    return found
