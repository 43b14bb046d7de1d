"""What each rule is given: just what its jobs use, always in the same form and order.

Settings go to a rule as one dictionary.  Snakemake compares the values of parameters without their names, so that two
numbers that change places would go unnoticed, and dictionaries as text, so that their order counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

from ..ddae.run import Run
from ..ddae.settings import AUTO, FEWEST_TO_HOLD_OUT
from ..detection.views import columns_seen
from ..errors import UserError
from ..features.columns import mark_of
from ..recordings.layout import Folder
from ..recordings.listing import left_out, sentences_about
from ..splits import AskedCounts, ProtocolName, given_share
from . import configuration, paths
from .run import Plan, clip_counts, listing, recordings

Settings = dict[str, Any]


def _sorted(settings: Any) -> Settings:
    return dict(sorted(settings.items()))


def snr_labels(plan: Plan) -> dict[str, str]:
    """SNR -> what figures call it."""
    return {snr: snr_dir.replace("_", " ") or snr for snr, snr_dir in plan.config["snrs"].items()}


# ----------------------------------------------------------------------------------------- recordings and features


def simulate_recordings(plan: Plan) -> Settings:
    """Length, number and seed of the demo's clips, and the texts of its SNRs."""
    return {**_sorted(plan.config["demo"]), "snr_dirs": list(plan.config["snrs"].values())}


def extract_features(plan: Plan, code: str) -> Settings:
    """How recordings are read; `code` is the hash of what reads them, which stands beside each row of a cache."""
    settings = plan.config["dataset"]
    return {
        "channel": settings["channel"],
        "seconds": plan.clip_seconds,
        "on_bad_clip": settings["on_bad_clip"],
        "features": list(plan.features),
        "extraction": f"{code}-{settings_of_features(plan)}",
    }


def import_features(plan: Plan) -> Settings:
    """What feature caches that exist already have to hold."""
    return {"features": list(plan.features)}


def settings_of_features(plan: Plan) -> str:
    """What the features of a recording depend on, in a word; of a feature cache that is given, what it holds."""
    mark = mark_of(plan.features)
    if plan.cache is not None:
        return mark.removeprefix("-")
    seconds = "" if plan.clip_seconds is None else f"-{plan.clip_seconds:g}s"
    return f"{plan.config['dataset']['channel']}{seconds}{mark}"


def recordings_of(plan: Plan, folder: Folder) -> list[list[Any]]:
    """Each recording of a folder for a job: its files, condition, split and attributes."""
    return [
        [list(one.files), one.condition, one.split, [list(pair) for pair in one.attributes]]
        for one in recordings(plan, folder)
    ]


def findings_of(plan: Plan, folder: Folder) -> Settings:
    """What is odd about the recordings of a folder, and what is none of them though it seems to be."""
    findings = listing(plan, folder).findings
    return {"left_out": left_out(findings), "sentences": sentences_about(findings)}


def check(plan: Plan) -> Settings:
    """All recordings, folder by folder, how they are read, and how they are split.

    Raises
    ------
    UserError
        If the clips come from feature caches.
    """
    if plan.cache is not None:
        raise UserError("dataset.cache: clips come from feature caches, there are no recordings to check")
    there = []
    for folder in plan.folders():
        # what is wrong with it is said by `asd.plan.checks.data_problems`
        with suppress(UserError):
            listing(plan, folder)
            there.append(folder)
    return {
        "root": plan.root,
        "from_sheet": bool(plan.samples),
        "folders": [
            [[folder.machine, folder.snr, folder.machine_id, folder.kind], recordings_of(plan, folder)]
            for folder in there
        ],
        "channel": plan.config["dataset"]["channel"],
        "seconds": plan.clip_seconds,
        "on_bad_clip": plan.config["dataset"]["on_bad_clip"],
        "samples": plan.config["check"] == "samples",
        "snr_dirs": dict(plan.config["snrs"]),
        "computations": [
            one
            for machine in plan.machines
            for protocol in plan.protocols
            for one in _computations(plan, machine, protocol)
        ],
    }


def _computations(plan: Plan, machine: str, protocol: ProtocolName) -> Iterator[Settings]:
    """What is computed of a machine under a protocol, as far as it depends on the number of clips; nothing if there are
    no clips to split."""
    with suppress(UserError):
        splits = [
            {
                "training": {
                    "machine": machine,
                    "reference_snr": plan.reference_snr,
                    "protocol": protocol,
                    **_clips_of_training(plan, machine, protocol),
                    "seed": seed,
                },
                "detection": {**_clips_of_detection(plan, machine, protocol, plan.ids(machine)), "seed": seed},
            }
            for seed in plan.seeds
        ]
        training = configuration.training_settings(plan.config, machine)
        yield {
            "splits": splits,
            "batch_size": training["batch_size"],
            "fewest_to_hold_out": FEWEST_TO_HOLD_OUT if training["epochs"] == AUTO else 0,
            "threshold_percentile": plan.config["threshold_percentile"],
            "whitened_columns": {
                str(one["name"]): columns_seen(
                    one["representation"], plan.features, plan.config["classifier"]["networks"]
                )
                for one in plan.detectors
                if one["projection"] == "whitening"
            },
        }


# ------------------------------------------------------------------------------------------------------------ splits


def asked_counts(plan: Plan, machine: str, snr: str, machine_id: str) -> AskedCounts:
    """Numbers of clips that the paper's protocol asks for; automatic ones follow from the clips of this SNR."""
    counts = plan.config["machines"][machine]["split"]
    if counts == "auto":
        return AskedCounts.auto(*clip_counts(plan, machine, snr, machine_id))
    return AskedCounts(**counts[machine_id])


def strict_shares(plan: Plan) -> dict[str, float]:
    """Per cent of the normal clips for each purpose, in a fixed order."""
    return _sorted(plan.config["strict"]["shares"])


def _clips_of_training(plan: Plan, machine: str, protocol: ProtocolName) -> Settings:
    """What decides which clips train the DDAE."""
    if protocol != "paper":
        shares = strict_shares(plan)
        return {"share": shares["ddae"] if protocol == "strict" else given_share(shares)}
    counts = [asked_counts(plan, machine, plan.reference_snr, name).ddae for name in plan.ids(machine)]
    return {"clips": counts, "on_shortfall": plan.config["on_shortfall"]}


def _clips_of_detection(plan: Plan, machine: str, protocol: ProtocolName, ids: list[str]) -> Settings:
    """What decides which clips of some IDs train and test the detectors; units in the order of the files."""
    units = [(snr, name) for snr, name in plan.units(machine) if name in ids]
    common = {
        "machine": machine,
        "protocol": protocol,
        "reference_snr": plan.reference_snr,
        "units": [list(unit) for unit in units],
    }
    if protocol != "paper":
        return {**common, "shares": strict_shares(plan)}
    asked = [asked_counts(plan, machine, *unit) for unit in units]
    return {
        **common,
        "clips": [[split.ad_train, split.ad_test] for split in asked],
        "on_shortfall": plan.config["on_shortfall"],
    }


# -------------------------------------------------------------------------------------------- training and detection


def train_ddae(plan: Plan, machine: str, run: Run) -> Settings:
    """Clips and settings of a training."""
    return {
        "machine": machine,
        "ids": plan.ids(machine),
        "reference_snr": plan.reference_snr,
        "protocol": run.protocol,
        **_clips_of_training(plan, machine, run.protocol),
        "noise_factor": run.noise_factor,
        "seed": run.seed,
        **configuration.training_settings(plan.config, machine),
    }


def train_classifier(plan: Plan, machine: str | None, seed: int, protocol: ProtocolName) -> Settings:
    """Clips and settings of an ID classifier, of one machine or of all."""
    settings = plan.config["classifier"]
    return {
        "machines": [
            {**_clips_of_detection(plan, name, protocol, plan.ids(name)), "seed": seed}
            for name in plan.classified_with(machine)
        ],
        "snrs": plan.snrs,
        "folds": plan.folds(protocol),
        "networks": settings["networks"],
        "epochs": settings["epochs"],
        "seed": seed,
    }


def detect_anomalies(plan: Plan, machine: str, run: Run) -> Settings:
    """Clips and detectors of a training's scores, and the order in which these stand beside those without a DDAE."""
    return {
        **_detection(plan, machine, run.seed, run.protocol, plan.detectors_of_training),
        "names": plan.detector_names,
    }


def detect_without_ddae(plan: Plan, machine: str, seed: int, protocol: ProtocolName) -> Settings:
    """Clips and detectors of the scores that all noise factors share."""
    return _detection(plan, machine, seed, protocol, plan.detectors_without_ddae)


def _detection(
    plan: Plan, machine: str, seed: int | None, protocol: ProtocolName, detectors: list[Settings]
) -> Settings:
    return {
        **_clips_of_detection(plan, machine, protocol, plan.ids(machine)),
        "seed": seed,
        "detectors": detectors,
        "threshold_percentile": plan.config["threshold_percentile"],
        "folds": plan.folds(protocol),
    }


def export_models(plan: Plan, machine: str, run: Run) -> Settings:
    """Clips, detectors and ensembles of a training's models, and how recordings are read."""
    return {
        **_clips_of_detection(plan, machine, run.protocol, plan.ids(machine)),
        "noise_factor": run.noise_factor_text,
        "seed": run.seed,
        "detectors": plan.detectors,
        "ensembles": [_sorted(ensemble) for ensemble in plan.ensembles],
        "detector": plan.deciding_detector,
        "snr_labels": snr_labels(plan),
        "channel": plan.config["dataset"]["channel"],
        "seconds": plan.clip_seconds,
    }


def files_of_recordings(plan: Plan) -> dict[str, list[str]]:
    """The files of each recording that has several, one for each channel, by the name that clip lists have."""
    if plan.cache is not None or plan.config["dataset"]["channels_as_files"] is False:
        return {}
    every = (one for folder in plan.folders() for one in recordings(plan, folder))
    return {os.path.relpath(one.file, plan.root): list(one.files) for one in every if len(one.files) > 1}


def list_hardest(plan: Plan) -> Settings:
    """The clips of the run that is listened to, and how they are read."""
    run = plan.run_for_new_recordings
    return {
        "machines": [
            {**_clips_of_detection(plan, name, run.protocol, plan.ids(name)), "seed": run.seed}
            for name in plan.machines
        ],
        "noise_factor": run.noise_factor_text,
        "seed": run.seed,
        "protocol": run.protocol,
        "detector": plan.deciding_detector,
        "folders": len(paths.scored(plan, [run])),
        "simulated": plan.is_demo,
        "snr_labels": snr_labels(plan),
        "channel": plan.config["dataset"]["channel"],
        "seconds": plan.clip_seconds,
    }


def combine_scores(plan: Plan, machine: str, run: Run) -> Settings:
    """The ensembles of a run; each averages the scores in all of the input folders."""
    return {
        "units": [list(unit) for unit in plan.units(machine)],
        "ensembles": [_sorted(ensemble) for ensemble in plan.ensembles_at(run)],
        "threshold_percentile": plan.config["threshold_percentile"],
    }


# ---------------------------------------------------------------------------------------------- evaluation and tables


def _scores(plan: Plan, machine: str, runs: Iterable[Run]) -> Settings:
    """What the folders of `asd.plan.paths.scores` are about, in the same order, and what each of them holds."""
    return {
        "runs": [[run.protocol, run.noise_factor_text, run.seed_text] for _, run in paths.scored(plan, runs)],
        "units": [list(unit) for unit in plan.units(machine)],
    }


def _statistics(plan: Plan) -> Settings:
    return _sorted(plan.config["statistics"])


def evaluate_scores(plan: Plan, machine: str) -> Settings:
    """All scores of a machine, what each detector sees, and the bootstrap."""
    views = {str(detector["name"]): [detector["representation"], detector["projection"]] for detector in plan.detectors}
    views |= {str(ensemble["name"]): ["ensemble", ensemble["average"]] for ensemble in plan.ensembles}
    return {
        "machine": machine,
        **_scores(plan, machine, plan.scored_runs),
        "views": views,
        "statistics": _statistics(plan),
    }


def _false_alarms(plan: Plan) -> float:
    """Share of the normal clips that thresholds are meant to flag."""
    return float(round(1 - plan.config["threshold_percentile"] / 100, 12))


def collect_results(plan: Plan) -> Settings:
    """Machines in the order of the tables."""
    return {
        "machines": plan.machines,
        "confidence": plan.config["statistics"]["confidence"],
        "false_alarms": _false_alarms(plan),
        "snr_labels": snr_labels(plan),
        "simulated": plan.is_demo,
    }


# ----------------------------------------------------------------------------------------------------------- figures


def plot_confusion(plan: Plan, machine: str, run: Run) -> Settings:
    """Confusion matrices of a training's detectors and ensembles at every SNR, in the order of the figures."""
    return _confusion(plan, machine, run, plan.names_at(run))


def plot_confusion_over_trainings(plan: Plan, machine: str, run: Run, detector: str) -> Settings:
    """Confusion matrices of one ensemble, given by its name in file names, at every SNR."""
    return _confusion(plan, machine, run, [name for name in plan.names_at(run) if paths.file_name(name) == detector])


def _confusion(plan: Plan, machine: str, run: Run, names: list[str]) -> Settings:
    return {
        **_scores(plan, machine, [run]),
        "snr_labels": snr_labels(plan),
        "detectors": names,
        "protocol": run.protocol,
        "asked": _false_alarms(plan),
        "confidence": plan.config["statistics"]["confidence"],
    }


def _detectors_of_paper(plan: Plan) -> list[str]:
    """Those of the paper's detectors that are configured, seeing what they see there."""
    return [
        str(one["name"])
        for one in plan.detectors
        if one["method"] in ("IF", "OCSVM", "LOF")
        and (one["representation"], one["projection"]) == ("denoised", "map-pca")
    ]


def plot_scores(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> Settings:
    """Scores of a machine, in the order of the figures; of the first seed."""
    run = Run(noise_factor, plan.seeds[0], protocol)
    return _shown_scores(plan, machine, run, plan.names_at(run))


def plot_scores_over_trainings(
    plan: Plan, machine: str, name: str, noise_factor: float | None, protocol: ProtocolName
) -> Settings:
    """Scores of one ensemble over several trainings."""
    return _shown_scores(plan, machine, plan.run_shown(name, noise_factor, protocol), [name])


def _shown_scores(plan: Plan, machine: str, run: Run, names: list[str]) -> Settings:
    return {
        **_scores(plan, machine, [run]),
        "snr_labels": snr_labels(plan),
        "detectors": names,
        "protocol": run.protocol,
        "seed": run.seed,
    }


def plot_roc(plan: Plan, machine: str, noise_factor: float, protocol: ProtocolName) -> Settings:
    """ROC curves of a machine, over all seeds."""
    runs = plan.scored_at(noise_factor, protocol)
    return {
        **_scores(plan, machine, runs),
        "snr_labels": snr_labels(plan),
        "protocol": protocol,
        "ensembles": list(dict.fromkeys(str(one["name"]) for run in runs for one in plan.ensembles_at(run))),
        "baselines": _detectors_of_paper(plan),
        "false_alarms": _false_alarms(plan),
        "statistics": _statistics(plan),
    }


def plot_features(plan: Plan, machine: str, machine_id: str, noise_factor: float, protocol: ProtocolName) -> Settings:
    """Figures of the features of an ID, and of what the best detector of its machine sees; of the first seed."""
    run = Run(noise_factor, plan.seeds[0], protocol)
    return {
        **_clips_of_detection(plan, machine, protocol, [machine_id]),
        "seed": plan.seeds[0],
        "snrs": plan.snrs,
        "snr_labels": snr_labels(plan),
        "scores": _scores(plan, machine, [run]),
        "views": {str(one["name"]): [one["representation"], one["projection"]] for one in plan.detectors},
        "ensembles": {str(one["name"]): list(one["detectors"]) for one in plan.ensembles_at(run)},
        "default": plan.deciding_detector,
        "false_alarms": _false_alarms(plan),
        "confidence": plan.config["statistics"]["confidence"],
    }


def plot_loss(plan: Plan, machine: str, protocol: ProtocolName) -> Settings:
    """Loss curves of a machine, in the order of the files."""
    return {"noise_factors": plan.noise_factors, "seeds": plan.seeds, "machine": machine, "protocol": protocol}


def plot_results(plan: Plan) -> Settings:
    """Figures of the tables; trainings with the files that say how long they took, below the folder of benchmarks."""
    return {
        "machines": plan.auc_machines,
        "machines_by_id": plan.machines_by_id,
        "evaluated": plan.machines,
        "confidence": plan.config["statistics"]["confidence"],
        "protocols": plan.protocols,
        "snr_labels": snr_labels(plan),
        "entries": plan.ablation,
        "asked": _false_alarms(plan),
        "trainings": [
            [machine, run.noise_factor, run.protocol, _below_benchmarks(machine, run)]
            for machine, run in product(plan.machines, plan.trainings)
        ],
    }


def _below_benchmarks(machine: str, run: Run) -> str:
    return os.path.relpath(paths.of_run(paths.TRAINING_BENCHMARK, machine, run), paths.BENCHMARKS)
