"""What a run consists of: machines and their IDs, noise levels, trainings, detectors, ensembles and recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from typing import Any

from ..ddae.run import Run
from ..detection.detectors import find_method
from ..detection.views import ID_EMBEDDING, WITHOUT_SCALING
from ..features.columns import FeatureSet, in_order
from ..features.rows import count_rows
from ..recordings.headers import DeclaredFormatError, declared_format
from ..recordings.layout import (
    CACHE_FIELDS,
    KINDS,
    LABELLED,
    Folder,
    Kind,
    Listing,
    Recording,
    Recordings,
    Source,
    clean_path,
    fill,
)
from ..recordings.listing import existing_path
from ..recordings.samplesheet import Sample, SampleSheet
from ..splits import PROTOCOLS, ProtocolName
from . import configuration

CHANNEL_MARK = "_ch{channel}"
"""What the names of the files of a recording's channels differ by, unless the configuration says otherwise."""

DEMO_ROOT = "resources/demo"
"""The folder that the workflow fills with simulated recordings, and uses for nothing else."""

Unit = tuple[str, str]
"""SNR and ID: what one pair of score files is about."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A run, as its configuration has it.

    Attributes
    ----------
    config
        Checked, with defaults (see `asd.plan.configuration`).
    samples
        Lines of the sample sheet, where recordings are listed in one.

    Examples
    --------
    >>> from asd.plan import Plan
    >>> plan = Plan.from_config(checked_configuration)  # doctest: +SKIP
    >>> [str(run) for run in plan.trainings]  # doctest: +SKIP
    ['nf0.7_seed0', 'nf0.7_seed0_strict']
    """

    config: Mapping[str, Any]
    samples: Sequence[Sample] = field(default=(), repr=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], samples: Sequence[Sample] = ()) -> Plan:
        """The plan of a checked configuration, and of the lines of its sample sheet."""
        return cls(config, tuple(samples))

    # ------------------------------------------------------------------------------------------------- what there is

    @property
    def machines(self) -> list[str]:
        """Names of the machines."""
        return list(self.config["machines"])

    def ids(self, machine: str) -> list[str]:
        """IDs of a machine."""
        return list(self.config["machines"][machine]["ids"])

    @property
    def snrs(self) -> list[str]:
        """Names of the noise levels."""
        return list(self.config["snrs"])

    @property
    def reference_snr(self) -> str:
        """The noise level that trains the DDAE."""
        return str(self.config["reference_snr"])

    def units(self, machine: str) -> list[Unit]:
        """All SNRs and IDs of a machine, the IDs in the inner loop."""
        return list(product(self.snrs, self.ids(machine)))

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of clips that there are caches of; unlabelled ones only where there are any."""
        unlabelled = any(
            "unlabelled" in self.kinds_of(machine, name) for machine in self.machines for name in self.ids(machine)
        )
        return KINDS if unlabelled else LABELLED

    def folders(self) -> list[Folder]:
        """Every machine, SNR, ID and kind, in the order of loops over them."""
        return [
            Folder(machine, snr, name, kind)
            for machine in self.machines
            for (snr, name), kind in product(self.units(machine), self.kinds)
        ]

    @cached_property
    def auc_machines(self) -> list[str]:
        """Machines with abnormal clips of some ID, so that there is an AUC."""
        return [
            name for name in self.machines if any(self.has_abnormal(name, machine_id) for machine_id in self.ids(name))
        ]

    @property
    def machines_by_id(self) -> list[str]:
        """Those of them that have several IDs."""
        return [name for name in self.auc_machines if len(self.ids(name)) > 1]

    # ------------------------------------------------------------------------------------------------------ trainings

    @property
    def protocols(self) -> list[ProtocolName]:
        """Each has trainings of its own."""
        return list(self.config["protocols"])

    def folds(self, protocol: ProtocolName) -> int | None:
        """Parts of the training clips that are scored by models of the others; None where there is no cross-fitting."""
        return int(self.config["strict"]["folds"]) if PROTOCOLS[protocol].cross_fitted else None

    @property
    def noise_factors(self) -> list[float]:
        """Each has trainings of its own."""
        return [float(value) for value in self.config["noise_factors"]]

    @property
    def seeds(self) -> list[int]:
        """Each has trainings of its own."""
        return [int(value) for value in self.config["seeds"]]

    @property
    def trainings(self) -> list[Run]:
        """What is trained for each machine."""
        return [Run(*values) for values in product(self.noise_factors, self.seeds, self.protocols)]

    @cached_property
    def scored_runs(self) -> list[Run]:
        """What there are scores of: the trainings, and ensembles over several of them; protocol by protocol."""
        every = product(self.protocols, [*self.noise_factors, None], [*self.seeds, None])
        runs = (Run(noise_factor, seed, protocol) for protocol, noise_factor, seed in every)
        return [run for run in runs if self.names_at(run)]

    def scored_at(self, noise_factor: float | None, protocol: ProtocolName) -> list[Run]:
        """What there are scores of at a noise factor under a protocol."""
        return [run for run in self.scored_runs if (run.noise_factor, run.protocol) == (noise_factor, protocol)]

    # ------------------------------------------------------------------------------------------ detectors, ensembles

    @cached_property
    def detectors(self) -> list[dict[str, Any]]:
        """The configured detectors, each with everything its entry leaves out."""
        return configuration.detector_settings(self.config)

    @property
    def detectors_of_training(self) -> list[dict[str, Any]]:
        """Those of them that see anything of the DDAE, and so score anew with each training."""
        return [one for one in self.detectors if one["representation"] not in WITHOUT_SCALING]

    @property
    def detectors_without_ddae(self) -> list[dict[str, Any]]:
        """The others, whose scores all noise factors share."""
        return [one for one in self.detectors if one["representation"] in WITHOUT_SCALING]

    @property
    def detector_names(self) -> list[str]:
        """What tables and figures call the detectors."""
        return [str(detector["name"]) for detector in self.detectors]

    @cached_property
    def has_classifier(self) -> bool:
        """Whether some detector sees the output of the ID classifier."""
        return any(detector["representation"] == ID_EMBEDDING for detector in self.detectors)

    @property
    def one_classifier(self) -> bool:
        """Whether one classifier tells the IDs of all machines apart, or each machine has its own."""
        return bool(self.config["classifier"]["scope"] == "run")

    def classified_with(self, machine: str | None) -> list[str]:
        """Machines whose IDs the classifier of a machine tells apart; None stands for that of all machines."""
        return self.machines if self.one_classifier or machine is None else [machine]

    @property
    def ensembles(self) -> list[dict[str, Any]]:
        """The configured ensembles."""
        return list(self.config["ensembles"])

    def ensembles_at(self, run: Run) -> list[dict[str, Any]]:
        """The ensembles that belong to a run: those over all noise factors, or seeds, where it has none of its own."""
        return [
            ensemble
            for ensemble in self.ensembles
            if ("noise_factors" in ensemble["over"]) == (run.noise_factor is None)
            and ("seeds" in ensemble["over"]) == (run.seed is None)
        ]

    @property
    def names_of_training(self) -> list[str]:
        """Names of the detectors and ensembles of each training."""
        return self.names_at(self.trainings[0])

    @property
    def names_over_trainings(self) -> list[str]:
        """Names of ensembles over several trainings."""
        return [str(ensemble["name"]) for ensemble in self.ensembles if ensemble["over"]]

    def run_shown(self, name: str, noise_factor: float | None, protocol: ProtocolName) -> Run:
        """The run of an ensemble over several trainings that a figure shows: of the first seed, unless it averages over
        the seeds."""
        over = next(one["over"] for one in self.ensembles if one["name"] == name)
        return Run(noise_factor, None if "seeds" in over else self.seeds[0], protocol)

    def names_at(self, run: Run) -> list[str]:
        """Names of all detectors and ensembles of a run."""
        return [
            *(self.detector_names if run.is_training else []),
            *(str(ensemble["name"]) for ensemble in self.ensembles_at(run)),
        ]

    @cached_property
    def ablation(self) -> dict[str, list[str]]:
        """Detectors that show what the DDAE brings: name -> what the figure calls the method, and its representation.

        A method is among them if it is configured both without the DDAE (raw) and with it.
        """
        entries: dict[str, list[str]] = {}
        seen: dict[str, set[str]] = {}
        for detector in self.detectors:
            representation = detector["representation"]
            log_mel = representation.startswith("log-mel")
            method = f"{detector['method']}, log-mel" if log_mel else detector["method"]
            if detector["projection"] != find_method(detector["method"]).projection:
                method += f", {detector['projection']}"
            view = representation.replace("log-mel", "raw")
            if view not in seen.setdefault(method, set()):  # the first of several with other parameters
                seen[method].add(view)
                entries[detector["name"]] = [method, view]
        return {name: entry for name, entry in entries.items() if "raw" in seen[entry[0]] and len(seen[entry[0]]) > 1}

    def members(self, run: Run) -> list[Run]:
        """The trainings whose scores the ensembles of a run average."""
        noise_factors = self.noise_factors if run.noise_factor is None else [run.noise_factor]
        seeds = self.seeds if run.seed is None else [run.seed]
        return [Run(noise_factor, seed, run.protocol) for noise_factor, seed in product(noise_factors, seeds)]

    # ---------------------------------------------------------------------------------------------------------- models

    @property
    def exported(self) -> list[Run]:
        """The trainings of which there are models for new recordings."""
        first = [
            run for run in self.trainings if (run.noise_factor, run.seed) == (self.noise_factors[0], self.seeds[0])
        ]
        return {"none": [], "first": first, "all": self.trainings}[self.config["models"]["export"]]

    @property
    def deciding_detector(self) -> str:
        """The detector or ensemble whose verdict on a new recording counts."""
        ensembles = [str(one["name"]) for one in self.ensembles if not one["over"]]
        return str(self.config["models"].get("detector") or (ensembles or self.detector_names)[0])

    @property
    def run_for_new_recordings(self) -> Run:
        """The training whose models and clips people listen to: the first one of the first protocol, *strict* if it is
        there."""
        return Run(self.noise_factors[0], self.seeds[0], self.protocols[0])

    # ------------------------------------------------------------------------------------------------------ recordings

    @property
    def cache(self) -> str | None:
        """Path of feature caches that exist already, with placeholders."""
        given = self.config["dataset"]["cache"]
        return None if given is None else str(given)

    @property
    def features(self) -> tuple[FeatureSet, ...]:
        """The sets of features that clips have, in the order of the columns."""
        return in_order(self.config["features"])

    @property
    def root(self) -> str:
        """Folder of the recordings; without one there are feature caches, and nothing else to read."""
        return existing_path(clean_path(self.config["dataset"].get("root", ".")))

    @property
    def is_demo(self) -> bool:
        """Whether the recordings are those that the workflow simulates."""
        return self.cache is None and not self.samples and self.root == DEMO_ROOT

    @cached_property
    def source(self) -> Source:
        """Where the recordings come from; the demo's do once they are made."""
        dataset = self.config["dataset"]
        if self.samples:
            return SampleSheet(dataset["samples"], self.root, self.samples, self.snrs, self._channel_mark)
        return Recordings(
            self.root,
            configuration.texts_of(dataset["pattern"]),
            self.config["snrs"],
            {kind: configuration.texts_of(texts) for kind, texts in dataset["kinds"].items()},
            dataset["splits"],
            {name: configuration.texts_of(texts) for name, texts in dataset["attributes"].items()},
            self._channel_mark,
        )

    @property
    def _channel_mark(self) -> str | None:
        given = self.config["dataset"]["channels_as_files"]
        return {True: CHANNEL_MARK, False: None}.get(given, given)

    @property
    def clip_seconds(self) -> float | None:
        """Length of the clips that recordings are cut into; None where each is one, or feature caches are given."""
        given = self.config["dataset"]["clip_seconds"]
        return None if given is None or self.cache is not None else float(given)

    def kinds_of(self, machine: str, machine_id: str) -> tuple[Kind, ...]:
        """Which kinds of clips there are of an ID, according to the configuration or the sample sheet."""
        if self.is_demo:
            return LABELLED
        if self.cache is not None:
            return tuple(kind for kind in LABELLED if kind in self.config["dataset"]["kinds"])
        return self.source.kinds_of(machine, machine_id)

    def has_abnormal(self, machine: str, machine_id: str) -> bool:
        """Whether there are abnormal clips of an ID."""
        return "abnormal" in self.kinds_of(machine, machine_id)


@cache
def listing(plan: Plan, folder: Folder) -> Listing:
    """What was found for a folder.

    Raises
    ------
    UserError
        If there are no recordings, or one is missing or has two labels.
    """
    if plan.is_demo:
        snr_dir = plan.config["snrs"][folder.snr]
        files = demo_recordings(plan, folder.machine, snr_dir, folder.machine_id, folder.kind)
        return Listing([Recording((file,)) for file in files])
    return plan.source.listing(folder)


def recordings(plan: Plan, folder: Folder) -> Sequence[Recording]:
    """Recordings of a folder, in the order of the rows of its feature cache.

    Raises
    ------
    UserError
        As `listing` does.
    """
    return listing(plan, folder).recordings


def demo_recordings(plan: Plan, machine: str, snr_dir: str, machine_id: str, kind: str) -> list[str]:
    """Recordings that the workflow simulates, in MIMII's layout; machine and ID may be wildcards."""
    return [
        f"{DEMO_ROOT}/{snr_dir}_{machine}/{machine}/{machine_id}/{kind}/{number:08d}.wav"
        for number in range(plan.config["demo"][f"{kind}_clips"])
    ]


def given_cache(plan: Plan, folder: Folder) -> str | None:
    """The feature cache of a folder that exists already; None of abnormal clips where there are none."""
    if plan.cache is None or (folder.kind == "abnormal" and not plan.has_abnormal(folder.machine, folder.machine_id)):
        return None
    values = (folder.snr, folder.machine, folder.machine_id, folder.kind)
    return existing_path(clean_path(fill(plan.cache, dict(zip(CACHE_FIELDS, values, strict=True)))))


@cache
def clips(plan: Plan, folder: Folder) -> int:
    """Number of clips of a folder; where recordings are cut into clips, as far as their headers say how long they are.

    Raises
    ------
    UserError
        If there are none where there should be some, or if a feature cache can't be used.
    """
    if plan.cache is None:
        listed = recordings(plan, folder)
        return len(listed) if plan.clip_seconds is None else sum(_pieces(one.file, plan.clip_seconds) for one in listed)
    path = given_cache(plan, folder)
    return 0 if path is None else count_rows(path, features=plan.features)


def _pieces(file: str, seconds: float) -> int:
    """Number of clips that a recording gives; 1 if its header does not say."""
    try:
        with open(file, "rb") as opened:
            declared = declared_format(opened.fileno(), os.fstat(opened.fileno()).st_size)
    except (OSError, DeclaredFormatError):
        return 1
    if not declared.frames or not declared.sample_rate:
        return 1
    return max(1, declared.frames // max(1, round(seconds * declared.sample_rate)))


def clip_counts(plan: Plan, machine: str, snr: str, machine_id: str) -> tuple[int, int]:
    """Numbers of normal and abnormal clips of an ID at an SNR.

    Raises
    ------
    UserError
        As `clips` does.
    """
    normal, abnormal = (clips(plan, Folder(machine, snr, machine_id, kind)) for kind in LABELLED)
    return normal, abnormal
