"""Measure how well detectors tell abnormal from normal clips, from feature caches alone, and print a table.

    PYTHONPATH=workflow/scripts python -m benchmarks.quality --caches '/data/cache_{machine}/{snr}_{id}_{kind}.npy'

Everything is computed as the workflow does, with the functions that its jobs call, but in one process: detectors and
ensembles of a configuration, machines, SNRs, protocols and seeds.  Beside the AUCs (means over IDs and seeds) stand
their spread over the seeds and the false alarms.  With --calibration it says, for each ID, how far the p values of
normal test clips are from uniform.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .measure import ONE_THREAD

if TYPE_CHECKING:
    from asd.classification.classifier import Classifier
    from asd.ddae.denoiser import Denoiser
    from asd.ddae.run import Run
    from asd.detection.units import UnitClips
    from asd.plan import Plan

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a detector made of an ID at an SNR.

    Attributes
    ----------
    false_alarms
        Share of the normal test clips above the threshold.
    p_values
        Of the normal test clips: the share of normal clips that would score as high, as the training scores have it.
    """

    protocol: str
    seed: int
    machine: str
    snr: str
    id: str
    detector: str
    auc: float
    false_alarms: float
    p_values: tuple[float, ...]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--config", type=Path, default=REPOSITORY / "config/mimii.yaml", help="configuration file")
    parser.add_argument("--caches", required=True, help="pattern of feature caches, as dataset.cache")
    parser.add_argument("--machines", nargs="+", help="of the configuration; all of them if left out")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--protocols", nargs="+", default=["strict", "paper"])
    parser.add_argument("--calibration", action="store_true", help="also how uniform p values of normal test clips are")
    arguments = parser.parse_args(given)
    os.environ.update(ONE_THREAD)  # before NumPy is imported
    plan = plan_of(arguments)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        caches = Caches(plan, Path(folder))
        for protocol, seed in itertools.product(plan.protocols, plan.seeds):
            outcomes += outcomes_of(plan, caches, protocol, seed)
            print(f"{protocol}, seed {seed}: done", file=sys.stderr, flush=True)
    print(*quality_table(outcomes, plan.snrs), sep="\n")
    if arguments.calibration:
        print("", *calibration_table(outcomes), sep="\n")


def plan_of(arguments: argparse.Namespace) -> Plan:
    """The plan of a configuration, with the given caches, machines, seeds and protocols."""
    import yaml

    from asd.plan import Plan, configuration

    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    config.pop("download", None)
    config["dataset"] = {"cache": arguments.caches}
    config.update(seeds=arguments.seeds, protocols=arguments.protocols)
    if arguments.machines:
        config["machines"] = {name: config["machines"][name] for name in arguments.machines}
    schemas = REPOSITORY / "workflow/schemas"
    return Plan.from_config(configuration.checked(config, command_line={}, files=[], schema_folder=schemas).config)


class Caches:
    """The given caches, checked and taken over into a folder as the workflow does."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        from asd.features.caches import import_cache
        from asd.plan import origins, paths
        from asd.plan.run import given_cache

        self.plan, self.folder = plan, folder
        for one in plan.folders():
            path = given_cache(plan, one)
            array, clips = (folder / paths.cache(one, suffix) for suffix in ("npy", "csv"))
            array.parent.mkdir(parents=True, exist_ok=True)
            import_cache(path, paths.given_clip_list(path), array, clips, origins.of_cache(plan, one))

    def clips_of(self, machine: str, run: Run) -> list[UnitClips]:
        """Clips of a machine, split as for a run."""
        from asd.detection.units import read_unit_clips
        from asd.plan import parameters, paths

        normal, normal_clips, abnormal, abnormal_clips = (
            [str(self.folder / path) for path in paths.caches(self.plan, machine, kind, suffix)]
            for kind, suffix in itertools.product(("normal", "abnormal"), ("npy", "csv"))
        )
        settings = parameters.detect_anomalies(self.plan, machine, run)
        return read_unit_clips(normal, normal_clips, abnormal, abnormal_clips, settings)


def outcomes_of(plan: Plan, caches: Caches, protocol: Any, seed: int) -> Iterator[Outcome]:
    """Outcomes of all machines under a protocol with a seed."""
    from asd.ddae.run import Run

    run = Run(plan.noise_factors[0], seed, protocol)
    clips = {machine: caches.clips_of(machine, run) for machine in plan.machines}
    classifiers: dict[tuple[str, ...], Classifier] = {}
    for machine in plan.machines:
        together = tuple(plan.classified_with(machine))
        if plan.has_classifier and together not in classifiers:
            classifiers[together] = _classifier(plan, [unit for name in together for unit in clips[name]], run)
        denoiser = _denoiser(plan, machine, clips[machine], run)
        for unit in clips[machine]:
            yield from _outcomes(plan, machine, unit, denoiser, classifiers.get(together), run)


def _classifier(plan: Plan, clips: Sequence[UnitClips], run: Run) -> Classifier:
    from asd.classification.training import ClassifierSettings, train_classifier

    settings = ClassifierSettings(
        networks=plan.config["classifier"]["networks"], epochs=plan.config["classifier"]["epochs"], seed=run.seed or 0
    )
    return train_classifier([unit.of_id() for unit in clips], plan.snrs, settings, plan.folds(run.protocol))


def _denoiser(plan: Plan, machine: str, clips: Sequence[UnitClips], run: Run) -> Denoiser:
    from asd.ddae.model import train_machine
    from asd.ddae.settings import TrainingSettings
    from asd.features.caches import listed
    from asd.plan import parameters
    from asd.splits import training_rows

    settings = parameters.train_ddae(plan, machine, run)
    reference = {unit.machine_id: unit.normal for unit in clips if unit.snr == plan.reference_snr}
    rows = training_rows({name: listed(cache) for name, cache in reference.items()}, settings)
    names = ("noise_factor", "epochs", "batch_size", "learning_rate", "seed", "encoder_widths", "activation")
    training = TrainingSettings(**{name: settings[name] for name in names})
    features = {name: cache.features for name, cache in reference.items()}
    return train_machine(features, rows, training, protocol=run.protocol).denoiser()


def _outcomes(
    plan: Plan, machine: str, unit: UnitClips, denoiser: Denoiser, classifier: Classifier | None, run: Run
) -> Iterator[Outcome]:
    """Outcomes of all detectors and ensembles on an ID at an SNR."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    from asd.detection.detectors import Detector
    from asd.detection.ensembles import Ensemble, combine_files
    from asd.detection.scoring import detect

    percentile = plan.config["threshold_percentile"]
    found = detect(
        unit,
        denoiser,
        [Detector(**about) for about in plan.detectors],
        networks=classifier.of_snr[unit.snr] if classifier else (),
        protocol=run.protocol,
        threshold_percentile=percentile,
        folds=plan.folds(run.protocol),
        seed=run.seed or 0,
    )
    ensembles = [Ensemble(**about) for about in plan.ensembles_at(run)]
    scores = found.scores | (combine_files([found], ensembles, percentile).scores if ensembles else {})
    labels = found.clips.labels
    for name, one in scores.items():
        normal = one.test[~labels]
        higher = (one.train[None, :] >= normal[:, None]).sum(axis=1)
        yield Outcome(
            *(run.protocol, run.seed or 0, machine, unit.snr, unit.machine_id, name),
            float(roc_auc_score(labels, one.test)),
            float(np.mean(normal > one.threshold)),
            tuple(((1 + higher) / (1 + len(one.train))).tolist()),
        )


def quality_table(outcomes: Sequence[Outcome], snrs: Sequence[str]) -> Iterator[str]:
    """Lines of a Markdown table: for each protocol and machine the detectors, the best first."""
    import pandas as pd

    table = pd.DataFrame([vars(one) for one in outcomes]).drop(columns="p_values")
    yield f"| protocol | machine | detector | {' | '.join(snrs)} | mean | spread over seeds | false alarms |"
    yield f"|---|---|---|{'---|' * (len(snrs) + 3)}"
    for (protocol, machine), part in table.groupby(["protocol", "machine"], sort=False):
        means = part.groupby("detector")["auc"].mean().sort_values(ascending=False)
        for detector, mean in means.items():
            own = part[part["detector"] == detector]
            cells = [f"{own[own['snr'] == snr]['auc'].mean():.4f}" for snr in snrs]
            spread = own.groupby("seed")["auc"].mean().std(ddof=0)
            yield (
                f"| {protocol} | {machine} | {detector} | {' | '.join(cells)} | {mean:.4f} | {spread:.4f} "
                f"| {100 * own['false_alarms'].mean():.1f} % |"
            )


def calibration_table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lines of a Markdown table: how far the p values of normal test clips are from uniform (Kolmogorov-Smirnov), and
    which share of them is at most 1, 5 and 10 %."""
    import numpy as np
    from scipy.stats import kstest

    yield "| protocol | machine | ID | detector | largest distance from uniform | <= 0.01 | <= 0.05 | <= 0.10 |"
    yield "|---|---|---|---|---|---|---|---|"
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for one in outcomes:
        groups.setdefault((one.protocol, one.machine, one.id, one.detector), []).extend(one.p_values)
    for key, values in groups.items():
        p_values = np.asarray(values)
        shares = [f"{np.mean(p_values <= level):.3f}" for level in (0.01, 0.05, 0.10)]
        yield f"| {' | '.join(key)} | {kstest(p_values, 'uniform').statistic:.3f} | {' | '.join(shares)} |"


if __name__ == "__main__":
    main()
