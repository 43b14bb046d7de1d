"""Whose each file is, as the plan has it: what a job writes into what it makes, and finds in what it reads.

What stands for the settings of a file stands also for those of what it is made from, so that it tells by itself whether
a file was made under the present configuration.  Hashes of code are not among them: whether something runs again when
code changes is for Snakemake to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from ..ddae.run import Run
from ..files.origin import NOTHING, Origin, Origins, digest
from ..recordings.layout import LABELLED, Folder, Kind
from ..splits import ProtocolName
from . import parameters, paths
from .run import Plan

# ---------------------------------------------------------------------------------------------------------- of files


@cache
def of_cache(plan: Plan, folder: Folder) -> Origin:
    """Of a feature cache and its clip list."""
    there = folder.kind in plan.kinds_of(folder.machine, folder.machine_id)
    return Origin(
        *(folder.machine, folder.snr, folder.machine_id, folder.kind),
        settings=parameters.settings_of_features(plan),
        made_from="" if there else NOTHING,
    )


def _of_run(machine: str, run: Run, settings: Any) -> Origin:
    return Origin(
        machine,
        noise_factor=run.noise_factor_text,
        seed=run.seed_text,
        protocol=run.protocol,
        settings=digest(settings),
    )


@cache
def of_weights(plan: Plan, machine: str, run: Run) -> Origin:
    """Of what a training leaves.  On which device it ran does not decide the content, but for the last digits."""
    settings = parameters.train_ddae(plan, machine, run)
    del settings["device"]
    return _of_run(machine, run, [settings, parameters.settings_of_features(plan)])


@cache
def of_classifier(plan: Plan, machine: str | None, seed: int, protocol: ProtocolName) -> Origin:
    """Of an ID classifier; one for all machines is of none."""
    settings = parameters.train_classifier(plan, machine, seed, protocol)
    return Origin(
        "" if plan.one_classifier else str(machine),
        seed=str(seed),
        protocol=protocol,
        settings=digest([settings, parameters.settings_of_features(plan)]),
    )


def _of_classifiers(plan: Plan, machine: str, runs: Iterable[Run]) -> list[Origin]:
    """Of the files of `asd.plan.paths.classifiers`."""
    return [
        of_classifier(plan, machine, run.seed, run.protocol)
        for run in paths.classifiers_of(plan, runs)
        if run.seed is not None
    ]


@cache
def of_scores_without_ddae(plan: Plan, machine: str, seed: int, protocol: ProtocolName) -> Origin:
    """Of the scores that all noise factors share; SNR and ID are left open."""
    settings = parameters.detect_without_ddae(plan, machine, seed, protocol)
    classifiers = _of_classifiers(plan, machine, [Run(plan.noise_factors[0], seed, protocol)])
    features = parameters.settings_of_features(plan)
    made_with = [settings, features, *(origin.settings for origin in classifiers)]
    return Origin(machine, seed=str(seed), protocol=protocol, settings=digest(made_with))


def _of_shared(plan: Plan, machine: str, run: Run) -> list[Origin]:
    """Of the folder of `asd.plan.paths.shared_scores`."""
    if run.seed is None or not plan.detectors_without_ddae:
        return []
    return [of_scores_without_ddae(plan, machine, run.seed, run.protocol)]


@cache
def of_scores(plan: Plan, machine: str, run: Run) -> Origin:
    """Of the detectors' scores of a training; SNR and ID are left open."""
    settings = parameters.detect_anomalies(plan, machine, run)
    made_with = [of_weights(plan, machine, run), *_of_shared(plan, machine, run)]
    return _of_run(machine, run, [settings, *(origin.settings for origin in made_with)])


@cache
def of_ensembles(plan: Plan, machine: str, run: Run) -> Origin:
    """Of the ensembles' scores of a run; SNR and ID are left open."""
    settings = parameters.combine_scores(plan, machine, run)
    return _of_run(machine, run, [settings, *(of_scores(plan, machine, one).settings for one in plan.members(run))])


@cache
def of_models(plan: Plan, machine: str, run: Run) -> Origin:
    """Of the models of a training; SNR and ID are left open."""
    settings = parameters.export_models(plan, machine, run)
    return _of_run(machine, run, [settings, *(one.settings for one in _of_folders(plan, machine, [run]))])


@cache
def of_evaluation(plan: Plan, machine: str) -> Origin:
    """Of the tables and the bootstrap of a machine."""
    settings = parameters.evaluate_scores(plan, machine)
    scored = [origin.settings for origin in _of_folders(plan, machine, plan.scored_runs)]
    return Origin(machine, settings=digest([settings, scored]))


def _of_folders(plan: Plan, machine: str, runs: Iterable[Run]) -> list[Origin]:
    """Of the folders of `asd.plan.paths.scores`."""
    return [
        of_scores(plan, machine, run) if pattern == paths.SCORES else of_ensembles(plan, machine, run)
        for pattern, run in paths.scored(plan, runs)
    ]


# ---------------------------------------------------------------------------------------------------------- of rules


def _listed(origins: Iterable[Origin]) -> list[dict[str, str]]:
    return [origin.values() for origin in origins]


def _of_caches(plan: Plan, machine: str, ids: Sequence[str], kinds: Sequence[Kind], snrs: Sequence[str]) -> Any:
    folders = (Folder(machine, snr, name, kind) for kind in kinds for snr in snrs for name in ids)
    return _listed(of_cache(plan, folder) for folder in folders)


def _reference(plan: Plan, machine: str) -> Any:
    """Of the caches of `asd.plan.paths.reference_caches`."""
    return _of_caches(plan, machine, plan.ids(machine), ("normal",), [plan.reference_snr])


def _classified(plan: Plan, machine: str | None) -> Any:
    """Of the clip lists of `asd.plan.paths.classified_lists`."""
    if not plan.has_classifier:
        return []
    return _listed(
        of_cache(plan, Folder(name, snr, machine_id, kind))
        for kind in LABELLED
        for name in plan.classified_with(machine)
        for snr, machine_id in plan.units(name)
    )


def _sources(plan: Plan, machine: str, runs: Iterable[Run]) -> Origins:
    """What scores of some runs are made from: `asd.plan.paths.clip_lists` and `asd.plan.paths.weights`."""
    return {
        "clips": _of_caches(plan, machine, plan.ids(machine), plan.kinds, plan.snrs),
        "weights": _listed(
            [
                *(of_weights(plan, machine, one) for one in paths.trainings_of(plan, runs)),
                *_of_classifiers(plan, machine, runs),
            ]
        ),
    }


def extract_features(plan: Plan, folder: Folder) -> Origins:
    """What a cache is of; for given ones, too."""
    return {"own": [of_cache(plan, folder).values()]}


def train_ddae(plan: Plan, machine: str, run: Run) -> Origins:
    """A training, and the caches of its clips."""
    return {"own": [of_weights(plan, machine, run).values()], "reference": _reference(plan, machine)}


def train_classifier(plan: Plan, machine: str | None, seed: int, protocol: ProtocolName) -> Origins:
    """An ID classifier, and the caches of its clips."""
    return {
        "own": [of_classifier(plan, machine, seed, protocol).values()],
        "classified": _classified(plan, machine),
    }


def detect_without_ddae(plan: Plan, machine: str, seed: int, protocol: ProtocolName) -> Origins:
    """Scores that all noise factors share, and what they are made from."""
    classifiers = _listed(_of_classifiers(plan, machine, [Run(plan.noise_factors[0], seed, protocol)]))
    return {
        "own": [of_scores_without_ddae(plan, machine, seed, protocol).values()],
        "clips": _of_caches(plan, machine, plan.ids(machine), plan.kinds, plan.snrs),
        "weights": classifiers,
        "classifier": classifiers,
        "classified": _classified(plan, machine),
    }


def detect_anomalies(plan: Plan, machine: str, run: Run) -> Origins:
    """Scores of a training, and what they are made from."""
    return {
        "own": [of_scores(plan, machine, run).values()],
        "reference": _reference(plan, machine),
        "shared": _listed(_of_shared(plan, machine, run)),
        **_sources(plan, machine, [run]),
    }


def combine_scores(plan: Plan, machine: str, run: Run) -> Origins:
    """Scores of ensembles, and of their members."""
    members = plan.members(run)
    return {
        "own": [of_ensembles(plan, machine, run).values()],
        "scores": _listed(of_scores(plan, machine, member) for member in members),
        **_sources(plan, machine, [run]),
    }


def export_models(plan: Plan, machine: str, run: Run) -> Origins:
    """Models of a training, and what they are made from."""
    return {
        "own": [of_models(plan, machine, run).values()],
        "reference": _reference(plan, machine),
        "classifier": _listed(_of_classifiers(plan, machine, [run])),
        "classified": _classified(plan, machine),
        **_read_scores(plan, machine, [run]),
    }


def list_hardest(plan: Plan) -> Origins:
    """Machine -> the scores of the run that is listened to, and what they are made from."""
    return {machine: scores_of_run(plan, machine, plan.run_for_new_recordings) for machine in plan.machines}


def _read_scores(plan: Plan, machine: str, runs: Sequence[Run]) -> Origins:
    return {"scores": _listed(_of_folders(plan, machine, runs)), **_sources(plan, machine, runs)}


def evaluate_scores(plan: Plan, machine: str) -> Origins:
    """All scores of a machine, and its evaluation."""
    return {"own": [of_evaluation(plan, machine).values()], **_read_scores(plan, machine, plan.scored_runs)}


def collect_results(plan: Plan) -> Origins:
    """Machine -> its evaluation, its scores, and what they are made from."""
    return {machine: evaluate_scores(plan, machine) for machine in plan.machines}


def trainings(plan: Plan) -> Origins:
    """Machine -> all its trainings, `asd.plan.paths.losses_of_machine`, and the caches of their clips."""
    return {
        machine: {
            "loss": _listed(of_weights(plan, machine, run) for run in plan.trainings),
            "reference": _reference(plan, machine),
        }
        for machine in plan.machines
    }


def scores_of_run(plan: Plan, machine: str, run: Run) -> Origins:
    """Scores that figures of a run show."""
    return _read_scores(plan, machine, [run])


def scores_at(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> Origins:
    """Scores that figures of a noise factor show."""
    return _read_scores(plan, machine, plan.scored_at(noise_factor, protocol))


def scores_of_first_seed(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> Origins:
    """Scores of the first seed."""
    return _read_scores(plan, machine, [Run(noise_factor, plan.seeds[0], protocol)])


def scores_shown(plan: Plan, machine: str, name: str, noise_factor: float | None, protocol: ProtocolName) -> Origins:
    """Scores of `asd.plan.paths.scores_shown`."""
    return _read_scores(plan, machine, [plan.run_shown(name, noise_factor, protocol)])


def plot_features(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> Origins:
    """Scores of the first seed, and what they are made from."""
    run = Run(noise_factor, plan.seeds[0], protocol)
    return {
        "reference": _reference(plan, machine),
        "classifier": _listed(_of_classifiers(plan, machine, [run])),
        "classified": _classified(plan, machine),
        **_read_scores(plan, machine, [run]),
    }


def plot_loss(plan: Plan, machine: str, protocol: ProtocolName) -> Origins:
    """The trainings of `asd.plan.paths.losses`, and the caches of their clips."""
    runs = [run for run in plan.trainings if run.protocol == protocol]
    return {"loss": _listed(of_weights(plan, machine, run) for run in runs), "reference": _reference(plan, machine)}
