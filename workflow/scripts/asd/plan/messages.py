"""What a job is about, in words for people who watch a run: functions called as the rules are.

What names machines comes first, so that a list of jobs can be read along its left edge.
"""

from __future__ import annotations

from ..ddae.run import Run, noise_factor_text
from ..errors import UserError
from ..files.neutral import in_one_line
from ..recordings.layout import Folder
from ..recordings.samplesheet import ONLY_SNR
from ..splits import ProtocolName
from . import paths
from .parameters import snr_labels
from .run import Plan, clips, recordings

_LONGEST = 160
"""Characters of a message; names of machines may have any length."""


def _said(subject: str, what: str) -> str:
    text = in_one_line(f"{subject}: {what}")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _unit(plan: Plan, folder: Folder) -> str:
    unit = f"{folder.machine} {folder.machine_id}"
    # recordings without noise levels have one SNR, whose name says nothing
    return unit if folder.snr == ONLY_SNR else f"{unit} at {snr_labels(plan)[folder.snr]}"


def _run(machine: str, run: Run) -> str:
    factor = "all noise factors" if run.noise_factor is None else f"noise factor {run.noise_factor_text}"
    seed = "all seeds" if run.seed is None else f"seed {run.seed}"
    return f"{machine}, {factor}, {seed}, {run.protocol}"


def _at(subject: str, noise_factor: float | None, protocol: ProtocolName) -> str:
    return f"{subject}, noise factor {noise_factor_text(noise_factor)}, {protocol}"


# --------------------------------------------------------------------------------------------- recordings and features


def simulate_recordings(plan: Plan, machine: str, machine_id: str) -> str:
    """The demo's recordings of an ID.

    Examples
    --------
    >>> simulate_recordings(plan, "fan", "id_00")  # doctest: +SKIP
    'fan id_00: 300 simulated recordings'
    """
    demo = plan.config["demo"]
    number = len(plan.snrs) * (demo["normal_clips"] + demo["abnormal_clips"])
    return _said(f"{machine} {machine_id}", _counted(number, "simulated recording"))


def extract_features(plan: Plan, folder: Folder) -> str:
    """Features of the recordings of a folder, which are not counted where something is wrong with them: that is said
    elsewhere.

    Examples
    --------
    >>> extract_features(plan, Folder("fan", "snr6", "id_00", "normal"))  # doctest: +SKIP
    'fan id_00 at 6 dB: features of 80 normal recordings'
    """
    try:
        number = len(recordings(plan, folder))
    except UserError:
        return _said(_unit(plan, folder), f"features of {folder.kind} recordings")
    return _said(_unit(plan, folder), f"features of {_counted(number, f'{folder.kind} recording')}")


def import_features(plan: Plan, folder: Folder) -> str:
    """Features taken over from a cache."""
    try:
        number = clips(plan, folder)
    except UserError:
        return _said(_unit(plan, folder), f"features of {folder.kind} clips, taken over")
    return _said(_unit(plan, folder), f"features of {_counted(number, f'{folder.kind} clip')}, taken over")


# ---------------------------------------------------------------------------------------------- training and detection


def train_ddae(plan: Plan, machine: str, run: Run) -> str:
    """A training.

    Examples
    --------
    >>> train_ddae(plan, "fan", Run(0.7, 0, "strict"))  # doctest: +SKIP
    'fan, noise factor 0.7, seed 0, strict: training of the DDAE'
    """
    return _said(_run(machine, run), "training of the DDAE")


def train_classifier(plan: Plan, machine: str | None, seed: int, protocol: ProtocolName) -> str:
    """A training of an ID classifier, of one machine or of all."""
    return _said(f"{machine or 'all machines'}, seed {seed}, {protocol}", "training of the ID classifier")


def detect_without_ddae(plan: Plan, machine: str, seed: int, protocol: ProtocolName) -> str:
    """Scores that all noise factors share."""
    number = _counted(len(plan.detectors_without_ddae), "detector")
    return _said(f"{machine}, seed {seed}, {protocol}", f"scores of {number} without DDAE")


def detect_anomalies(plan: Plan, machine: str, run: Run) -> str:
    """Scores of a training's detectors."""
    return _said(_run(machine, run), f"scores of {_counted(len(plan.detectors), 'detector')}")


def combine_scores(plan: Plan, machine: str, run: Run) -> str:
    """Scores of a run's ensembles."""
    return _said(_run(machine, run), f"scores of {_counted(len(plan.ensembles_at(run)), 'ensemble')}")


# -------------------------------------------------------------------------------------------------- tables and figures


def evaluate_scores(plan: Plan, machine: str) -> str:
    """Statistics of a machine."""
    return _said(machine, "AUCs, false alarms and their intervals")


def plot_confusion(plan: Plan, machine: str, run: Run) -> str:
    """Confusion matrices of a run."""
    return _said(_run(machine, run), "confusion matrices")


def plot_confusion_over_trainings(plan: Plan, machine: str, run: Run, detector: str) -> str:
    """Confusion matrices of one ensemble, given by its name in file names."""
    name = next((name for name in plan.names_at(run) if paths.file_name(name) == detector), detector)
    return _said(_run(machine, run), f"confusion matrices of {name}")


def plot_scores(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> str:
    """Figures of scores."""
    return _said(_at(machine, noise_factor, protocol), "figures of the scores")


def plot_scores_over_trainings(
    plan: Plan, machine: str, name: str, noise_factor: float | None, protocol: ProtocolName
) -> str:
    """Figure of the scores of one ensemble over several trainings."""
    return _said(_run(machine, plan.run_shown(name, noise_factor, protocol)), f"figure of the scores of {name}")


def plot_roc(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> str:
    """ROC curves."""
    return _said(_at(machine, noise_factor, protocol), "ROC curves")


def plot_features(plan: Plan, machine: str, machine_id: str, noise_factor: float, protocol: ProtocolName) -> str:
    """Figures of an ID's features."""
    return _said(_at(f"{machine} {machine_id}", noise_factor, protocol), "figures of the features")


def plot_loss(plan: Plan, machine: str, protocol: ProtocolName) -> str:
    """Loss curves of a machine."""
    return _said(f"{machine}, {protocol}", "how the trainings went")


# ------------------------------------------------------------------------------------------- models and new recordings


def export_models(plan: Plan, machine: str, run: Run) -> str:
    """Models of a training."""
    return _said(_run(machine, run), "models for new recordings")


def score_recordings(plan: Plan, machine: str) -> str:
    """Scores of new recordings."""
    return _said(machine, "scores of new recordings")


def monitor_recordings(plan: Plan, machine: str) -> str:
    """Whether the models still hold."""
    return _said(machine, "whether the models still hold")


def fetch_archive(plan: Plan, archive: str) -> str:
    """An archive of recordings.

    Examples
    --------
    >>> fetch_archive(plan, "6_dB_fan.zip")  # doctest: +SKIP
    'Fetching and unpacking 6_dB_fan.zip'
    """
    return in_one_line(f"Fetching and unpacking {archive}")
