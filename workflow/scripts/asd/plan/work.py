"""How much work a job is, in the units that memory and time of its rule are measured by (docs/scaling.md)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from ..ddae.run import Run
from ..ddae.settings import rows_seen
from ..errors import UserError
from ..recordings.layout import Folder, files_of
from ..splits import ProtocolName
from . import configuration
from .run import Plan, Unit, clip_counts, clips, recordings

_BYTES_PER_SAMPLE = 2  # of the demo's recordings, at 16 kHz
_SAMPLE_RATE = 16000


def clips_of_units(plan: Plan, machine: str, units: Iterable[Unit]) -> int:
    """Clips of some SNRs and IDs of a machine."""
    return sum(sum(clip_counts(plan, machine, *unit)) for unit in units)


def clips_of_reference(plan: Plan, machine: str) -> int:
    """Clips that a training reads."""
    return sum(clips(plan, Folder(machine, plan.reference_snr, name, "normal")) for name in plan.ids(machine))


def clips_times_epochs(plan: Plan, machine: str) -> int:
    """Of a training; for ``auto``, of as many steps as it may take."""
    settings = configuration.training_settings(plan.config, machine)
    return rows_seen(settings["epochs"], settings["batch_size"], clips_of_reference(plan, machine))


def clips_classified(plan: Plan, machine: str | None) -> int:
    """Clips that the training of an ID classifier reads."""
    return sum(clips_of_machine(plan, name) for name in plan.classified_with(machine))


def clips_times_networks_times_epochs(plan: Plan, machine: str | None, protocol: ProtocolName) -> int:
    """Of the training of an ID classifier."""
    settings = plan.config["classifier"]
    networks: int = settings["networks"] + (plan.folds(protocol) or 0)
    return clips_classified(plan, machine) * networks * int(settings["epochs"])


def clips_of_machine(plan: Plan, machine: str) -> int:
    """Clips that detection reads."""
    return clips_of_units(plan, machine, plan.units(machine))


def clips_times_fits(plan: Plan, machine: str, protocol: ProtocolName) -> int:
    """Clips times detectors times fits, of which cross-fitting needs several."""
    return clips_of_machine(plan, machine) * len(plan.detectors) * (1 + (plan.folds(protocol) or 0))


def scores_averaged(plan: Plan, machine: str, run: Run) -> int:
    """Scores that ensembles are made of."""
    return clips_of_machine(plan, machine) * len(plan.detectors) * len(plan.members(run))


def clips_times_detectors(plan: Plan, machine: str) -> int:
    """Of the models of a training."""
    return clips_of_machine(plan, machine) * len(plan.detectors)


def units(plan: Plan) -> int:
    """SNRs and IDs of all machines."""
    return sum(len(plan.units(machine)) for machine in plan.machines)


def _scores(plan: Plan, machine: str, runs: Iterable[Run]) -> int:
    return clips_of_machine(plan, machine) * sum(len(plan.names_at(run)) for run in runs)


def scores_of_run(plan: Plan, machine: str, run: Run) -> int:
    """Scores of all detectors and ensembles of a run."""
    return _scores(plan, machine, [run])


def scores_at(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> int:
    """Scores of all detectors and ensembles at a noise factor."""
    return _scores(plan, machine, plan.scored_at(noise_factor, protocol))


def scores_of_machine(plan: Plan, machine: str) -> int:
    """All scores of a machine."""
    return _scores(plan, machine, plan.scored_runs)


def clips_of_id(plan: Plan, machine: str, machine_id: str) -> int:
    """Clips of an ID at all SNRs."""
    return clips_of_units(plan, machine, [(snr, machine_id) for snr in plan.snrs])


def simulated_seconds(plan: Plan) -> float:
    """Seconds of sound of an ID of the demo."""
    demo = plan.config["demo"]
    return float(len(plan.snrs) * (demo["normal_clips"] + demo["abnormal_clips"]) * demo["seconds"])


@cache
def _megabytes(plan: Plan, folder: Folder) -> list[float]:
    """MB of each recording of a folder; of the demo's, before there are any."""
    files = files_of(recordings(plan, folder))
    if plan.is_demo:
        demo = plan.config["demo"]
        return [demo["seconds"] * demo["microphones"] * _SAMPLE_RATE * _BYTES_PER_SAMPLE / 1e6] * len(files)
    return [os.stat(file).st_size / 1e6 for file in files]


def megabytes_recorded(plan: Plan, folder: Folder) -> float:
    """MB of the recordings of a folder."""
    return sum(_megabytes(plan, folder))


def megabytes_of_largest(plan: Plan, folder: Folder) -> float:
    """MB of the largest recording of a folder."""
    return max(_megabytes(plan, folder), default=0)


def _folders_there(plan: Plan) -> list[Folder]:
    """Folders that have what they should have; what is wrong with others is for the check to say."""
    there = []
    for folder in plan.folders():
        with suppress(UserError):
            recordings(plan, folder)
            there.append(folder)
    return there


def megabytes_to_check(plan: Plan) -> float:
    """MB of all recordings there are."""
    return sum(megabytes_recorded(plan, folder) for folder in _folders_there(plan))


def megabytes_of_largest_to_check(plan: Plan) -> float:
    """MB of the largest recording there is."""
    return max((megabytes_of_largest(plan, folder) for folder in _folders_there(plan)), default=0)
