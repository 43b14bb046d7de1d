# Everything that rules need beside their own text: the checked configuration, lists of files, parameters, code hashes.

import logging
import math
import os
import re
import shutil
import site
import sys
import time
from functools import cache
from itertools import product
from pathlib import Path

import snakemake
import yaml
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import validate

STARTED = time.time()
RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
SCRIPTS = RULES.parent / "scripts"
SCHEMAS = RULES.parent / "schemas"
SCHEMA = SCHEMAS / "config.schema.yaml"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from asd import splits
from asd.demo import ownership
from asd.plan import configuration, fingerprint
from asd.recordings import layout as dataset
from asd.recordings import samplesheet as samples
from asd.joblog import USER_ERROR
from asd.recordings.layout import KINDS, Folder
from asd.detection.detectors import PYOD_PREFIX, find_method
from asd.errors import UserError

# ------------------------------------------------------------------------------------------ configuration


def stop(headline, problems):
    """End with a message for the user; an exception would show as a stack of calls in this file."""
    logger.error("\n".join([headline, *(f"  - {problem}" for problem in problems)]))
    sys.exit(1)


def check_config():
    """Stop with everything that is wrong with the configuration, or fill in the defaults."""
    too_large = configuration.size_problem(config)
    if too_large:
        stop("The configuration can't be used:", [too_large])
    schema = read_schema(SCHEMA)
    configuration.read_command_line_numbers(config, workflow.config_settings.config, schema)
    configuration.read_command_line_parameters(config, workflow.config_settings.config)
    listed, problems = sampled()
    if listed:
        problems += samples.complete_configuration(config, listed)
    problems = problems or configuration.schema_problems(config, schema)
    if not problems:
        validate(config, str(SCHEMA))
        problems = configuration.consistency_problems(config)
        if listed:
            problems += samples.sheet_problems(config, listed)
    if problems:
        stop("The configuration can't be used:", problems)
    return listed


def read_schema(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def sampled():
    """Lines of the sample sheet, if there is one, and what is wrong with it."""
    given = config.get("dataset")
    path = given.get("samples") if isinstance(given, dict) else None
    if not path or not isinstance(path, str):
        return [], []
    try:
        return (
            samples.read_samples(
                dataset.clean_path(path), read_schema(SCHEMAS / "samples.schema.yaml")
            ),
            [],
        )
    except UserError as error:
        return [], [str(error)]


SAMPLES = check_config()

DEMO_ROOT = "resources/demo"
# The wildcard protocol is what stands in file names for a protocol: nothing for the paper's
PROTOCOLS = {("" if name == "paper" else f"_{name}"): name for name in config["protocols"]}
RUN = "{machine}/nf{nf}_seed{seed}{protocol}"  # a training, and what follows from it
CHECKPOINT = f"results/checkpoints/{RUN}"
SCORES = f"results/scores/{RUN}/{{snr}}_{{id}}.{{suffix}}"
ENSEMBLES = f"results/ensembles/{RUN}/{{snr}}_{{id}}.{{suffix}}"
IDS_AT_ONCE = 4  # that a job of detection takes
ALL = "all"  # noise factor or seed of an ensemble over them
FIGURES = "results/figures"
AUC_FIGURE = f"{FIGURES}/auc/{{machine}}{{protocol}}.png"
NOISE_FACTOR_FIGURE = f"{FIGURES}/noise_factor/{{machine}}{{protocol}}.png"
ABLATION_FIGURE = f"{FIGURES}/ablation/{{machine}}{{protocol}}.png"
HEAT_MAP_FIGURE = f"{FIGURES}/auc_heat_map{{protocol}}.png"
LOSS_FIGURE = f"{FIGURES}/loss/{{machine}}{{protocol}}.png"
ROC_FIGURE = f"{FIGURES}/roc/{{machine}}_NF{{nf}}{{protocol}}.png"
SCORE_FIGURE = f"{FIGURES}/scores/{{machine}}_NF{{nf}}_{{detector}}{{protocol}}.png"
DENOISING_FIGURE = f"{FIGURES}/denoising/{{machine}}_NF{{nf}}_{{id}}{{protocol}}.png"
PROJECTION_FIGURE = f"{FIGURES}/projection/{{machine}}_NF{{nf}}_{{id}}{{protocol}}.png"
CONFUSION_FIGURE = (
    f"{FIGURES}/confusion/seed{{seed}}{{protocol}}/{{machine}}_NF{{nf}}_{{snr}}_{{detector}}.png"
)
MACHINES = config["machines"]
SNRS = config["snrs"]
REFERENCE = config["reference_snr"]
NOISE_FACTORS = config["noise_factors"]
SEEDS = config["seeds"]
DETECTORS = configuration.detector_settings(config)
ENSEMBLE_SETTINGS = config["ensembles"]
SHORTFALL = config["on_shortfall"]
CACHE = config["dataset"]["cache"]
# without one there are feature caches, and nothing else to read
ROOT = dataset.clean_path(config["dataset"].get("root", "."))
if SAMPLES:
    RECORDINGS = samples.SampleSheet(config["dataset"]["samples"], ROOT, SAMPLES, list(SNRS))
else:
    PATTERNS = configuration.patterns_of(config["dataset"])
    RECORDINGS = dataset.Recordings(ROOT, PATTERNS, SNRS, config["dataset"]["kinds"])
IS_DEMO = CACHE is None and not SAMPLES and ROOT == DEMO_ROOT
# Results, and the demo's recordings, are in cloud storage, and each job has copies of those it needs
IN_STORAGE = workflow.storage_settings.default_storage_provider is not None


def has_abnormal(machine, machine_id):
    """Whether there are abnormal clips of an ID, according to the configuration or the sample sheet."""
    return IS_DEMO or RECORDINGS.has_abnormal(machine, machine_id)


AUC_MACHINES = [
    machine
    for machine, settings in MACHINES.items()
    if any(has_abnormal(machine, name) for name in settings["ids"])
]


def any_of(values):
    """Regular expression of a wildcard that takes just these values."""
    return "|".join(sorted({re.escape(str(value)) for value in values}))


wildcard_constraints:
    machine=any_of(MACHINES),
    snr=any_of(SNRS),
    id=any_of(name for settings in MACHINES.values() for name in settings["ids"]),
    kind=any_of(KINDS),
    nf=any_of([*NOISE_FACTORS, ALL]),
    seed=any_of([*SEEDS, ALL]),
    # in brackets, since nothing at all would be taken for no constraint
    protocol=f"(?:{any_of(PROTOCOLS)})",


# -------------------------------------------------------------------------------------------------- files


def machine_ids(wildcards):
    return MACHINES[wildcards.machine]["ids"]


def demo_files(machine, snr, machine_id, kind):
    """Recordings that rule simulate_recordings makes, in MIMII's layout; machine and ID may be wildcards."""
    values = {"snr_dir": SNRS[snr], "machine": machine, "id": machine_id, "kind": kind}
    every_file = f"{DEMO_ROOT}/{dataset.fill(dataset.MIMII_PATTERN, values)}"
    numbers = range(config["demo"][f"{kind}_clips"])
    return [every_file.replace("*", f"{number:08d}") for number in numbers]


@cache
def require_own_demo_folder():
    """Stop where files of others would be overwritten, or read as if they were the demo's. In cloud storage, the folder
    is under a prefix that is the workflow's own."""
    if workflow.is_main_process and not IN_STORAGE:
        problem = ownership.problem(DEMO_ROOT)
        if problem:
            stop("The demo's recordings can't be made:", [problem])
        logger.warning(
            f"The recordings are simulated ({DEMO_ROOT}): the results say nothing of real machines."
        )


def demo_folder_is_own(wildcards):
    """Input function without files, which Snakemake calls before it touches anything, whatever the target is."""
    require_own_demo_folder()
    return []


@cache
def recordings(machine, snr, machine_id, kind):
    """Recordings of a folder, in the order of the rows of its feature cache."""
    if IS_DEMO:
        return demo_files(machine, snr, machine_id, kind)
    return RECORDINGS.files(Folder(machine, snr, machine_id, kind))


def on_this_computer(files):
    """Files that were there before the workflow. Cloud storage does not have them, so a job that reads them is not
    submitted where nodes share no disk with this computer."""
    return [local(file) for file in files] if IN_STORAGE else files


def folder_of(wildcards):
    return wildcards.machine, wildcards.snr, wildcards.id, wildcards.kind


def clips_of(wildcards):
    require_data()
    files = recordings(*folder_of(wildcards))
    return files if IS_DEMO else on_this_computer(files)


def root_of_clips():
    """The folder that the names of recordings start from; parameter function where the job has copies of them."""

    def root_of_copies(wildcards, input):
        return input[0].removesuffix(os.path.relpath(clips_of(wildcards)[0], ROOT))

    return root_of_copies if IS_DEMO and IN_STORAGE else ROOT


def state_of_clips(wildcards):
    """Changes with each change of a recording; Snakemake itself would not notice one replaced by an older file."""
    return "simulated" if IS_DEMO else dataset.state_of_files(clips_of(wildcards))


def given_cache(wildcards):
    """None of abnormal clips where there are none."""
    require_data()
    if wildcards.kind == "abnormal" and not has_abnormal(wildcards.machine, wildcards.id):
        return []
    values = {name: wildcards[name] for name in dataset.CACHE_FIELDS}
    return on_this_computer([dataset.clean_path(dataset.fill(CACHE, values))])


def given_clip_list(wildcards):
    """The clip list beside a given cache, where there is one."""
    clip_lists = [Path(cache).with_suffix(".csv") for cache in given_cache(wildcards)]
    return on_this_computer([str(clip_list) for clip_list in clip_lists if clip_list.exists()])


def kept_while_made(path):
    """Output that its job finds as it is. Snakemake does not fetch it from cloud storage, and would miss it there."""
    return path if IN_STORAGE else update(path)


def id_batches():
    """IDs that share a job of detection -> machines that have them."""
    batches = {}
    for machine, settings in MACHINES.items():
        ids = settings["ids"]
        for start in range(0, len(ids), IDS_AT_ONCE):
            batches.setdefault(tuple(ids[start : start + IDS_AT_ONCE]), []).append(machine)
    return batches


def numbered(name, number):
    """Name of a rule that may exist several times."""
    return name if number == 1 else f"{name}_{number}"


def caches_of(ids, ending):
    """Feature caches or clip lists of some IDs at all SNRs; the machine stays a wildcard."""
    path = f"results/features/{{machine}}/{{snr}}_{{id}}_{ending}"
    return expand(path, snr=SNRS, id=ids, allow_missing=True)


def scores_of(ids, suffix):
    """Results of detection of some IDs at all SNRs; the run stays a wildcard."""
    return expand(SCORES, snr=SNRS, id=ids, suffix=suffix, allow_missing=True)


def reference_files(suffix):
    """Input function: feature caches or clip lists of the normal clips of all IDs at the reference SNR, in the order of
    the IDs."""

    def files(wildcards):
        return [
            f"results/features/{wildcards.machine}/{REFERENCE}_{machine_id}_normal.{suffix}"
            for machine_id in machine_ids(wildcards)
        ]

    return files


def ensembles_at(nf, seed):
    """Names of the ensembles of a noise factor and seed, either of which may be `ALL`."""
    return [
        ensemble["name"]
        for ensemble in ENSEMBLE_SETTINGS
        if ("noise_factors" in ensemble["over"]) == (nf == ALL)
        and ("seeds" in ensemble["over"]) == (seed == ALL)
    ]


def runs():
    """Noise factors and seeds there are scores for: those of the trainings, and those of ensembles over them."""
    every = product([*NOISE_FACTORS, ALL], [*SEEDS, ALL])
    return [(nf, seed) for nf, seed in every if names_at(nf, seed)]


def names_at(nf, seed):
    """Names of all detectors and ensembles of a noise factor and seed."""
    detectors = [] if ALL in (nf, seed) else [detector["name"] for detector in DETECTORS]
    return [*detectors, *ensembles_at(nf, seed)]


def scored_units(machine, protocols=PROTOCOLS, nfs=None, seeds=None):
    """Path pattern, protocol, noise factor, seed, SNR and ID of all score files of a machine, of detectors as well as
    ensembles."""
    units = []
    for protocol, (nf, seed) in product(protocols, runs()):
        if (nfs is None or nf in nfs) and (seeds is None or seed in seeds):
            places = [] if ALL in (nf, seed) else [SCORES]
            places += [ENSEMBLES] if ensembles_at(nf, seed) else []
            units += product(places, [protocol], [nf], [seed], SNRS, MACHINES[machine]["ids"])
    return units


def paths_of_units(machine, units, suffix):
    return [
        place.format(
            machine=machine, protocol=protocol, nf=nf, seed=seed, snr=snr, id=name, suffix=suffix
        )
        for place, protocol, nf, seed, snr, name in units
    ]


def as_configured(text, values):
    """The value of a wildcard as the configuration has it."""
    return next(value for value in [*values, ALL] if str(value) == text)


def units_of(wildcards):
    """Scored units that the wildcards there are leave."""
    names = wildcards.keys()
    return scored_units(
        wildcards.machine,
        [wildcards.protocol] if "protocol" in names else PROTOCOLS,
        [as_configured(wildcards.nf, NOISE_FACTORS)] if "nf" in names else None,
        [as_configured(wildcards.seed, SEEDS)] if "seed" in names else None,
    )


def unit_files(suffix):
    """Input function: the score files of a machine (protocol, noise factor, seed), as far as there are wildcards."""

    def files(wildcards):
        return paths_of_units(wildcards.machine, units_of(wildcards), suffix)

    return files


def unit_settings(wildcards):
    """Protocol, noise factor, seed, SNR and ID of each of `unit_files`, in the same order."""
    return [
        [PROTOCOLS[protocol], str(nf), str(seed), snr, name]
        for _, protocol, nf, seed, snr, name in units_of(wildcards)
    ]


def ensemble_files(ids, suffix):
    """Scores of ensembles of some IDs at all SNRs; the run, whose noise factor or seed may be `ALL`, stays a wildcard."""
    return expand(ENSEMBLES, snr=SNRS, id=ids, suffix=suffix, allow_missing=True)


def ensemble_members(ids, wildcards):
    """Noise factor, seed, SNR and ID of the detectors' scores that ensembles of some IDs are made of."""
    nfs = NOISE_FACTORS if wildcards.nf == ALL else [wildcards.nf]
    seeds = SEEDS if wildcards.seed == ALL else [wildcards.seed]
    return list(product(nfs, seeds, SNRS, ids))


def member_files(ids, suffix):
    """Input function: the files of `ensemble_members`."""

    def files(wildcards):
        common = {"machine": wildcards.machine, "protocol": wildcards.protocol, "suffix": suffix}
        return [
            SCORES.format(nf=nf, seed=seed, snr=snr, id=name, **common)
            for nf, seed, snr, name in ensemble_members(ids, wildcards)
        ]

    return files


def confusion_batches():
    """Noise factors and seeds that have the same detectors and ensembles, with their names: a rule draws those."""
    batches = {}
    for run in runs():
        shared = tuple(part if part == ALL else "" for part in run)
        batches.setdefault(shared, []).append(run)
    return [(members, names_at(*members[0])) for members in batches.values()]


def detection_environment():
    """PyOD has an environment of its own, since few need it and it brings many packages."""
    pyod = any(detector["method"].startswith(PYOD_PREFIX) for detector in DETECTORS)
    return f"../../envs/detection{'_pyod' if pyod else ''}.yaml"


def trains_on_gpu():
    """Whether a profile or --set-resources has train_ddae ask for a GPU. Jobs on nodes are given the same resources,
    so they agree on it."""
    asked = workflow.resource_settings.overwrite_resources
    gpu = dict(asked.get("train_ddae", {})).get("gpu", 0)
    return getattr(gpu, "raw", gpu) != 0


def training_environment():
    """CUDA's libraries are gigabytes that only training on a GPU needs."""
    return f"../../envs/torch_{'cuda' if trains_on_gpu() else 'cpu'}.yaml"


# A training has the GPU of its machine to itself, unless a profile or --resources says that there are more. Not in
# profiles/default, whose `resources` would replace those of users' own profiles.
if trains_on_gpu() and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)

if trains_on_gpu() and config["ddae"]["device"] == "cpu" and workflow.is_main_process:
    logger.warning(
        "Each training asks for a GPU that it will not use, since ddae.device is cpu. Add "
        "--set-resources train_ddae:gpu=0, or set ddae.device to auto."
    )


# On a cluster the limit holds within a submission, where trainings may share a node; submissions are not counted.
resource_scopes:
    gpu="local",


def evaluation_files(suffix):
    return expand("results/evaluation/{machine}.{suffix}", machine=MACHINES, suffix=suffix)


def skipped_files():
    """Lists of recordings left out; caches that were given have none."""
    if CACHE is not None:
        return []
    return [
        f"results/features/{machine}/{snr}_{machine_id}_{kind}.skipped.csv"
        for machine, settings in MACHINES.items()
        for snr, machine_id, kind in product(SNRS, settings["ids"], KINDS)
    ]


def snr_labels():
    """SNR -> what figures call it."""
    return {snr: snr_dir.replace("_", " ") or snr for snr, snr_dir in SNRS.items()}


def file_name(detector):
    """Name of a detector in file names: other systems have no colons there."""
    return detector.replace(":", "-")


def protocol_of(wildcards):
    return PROTOCOLS[wildcards.protocol]


def in_report(path, caption, category, subcategory, **labels):
    """Output that the report shows. Subcategory and labels are text with wildcards, or functions of them; labels that
    are the same for all figures of a run are left out."""
    if len(PROTOCOLS) == 1:
        labels.pop("protocol", None)
    if len(SEEDS) == 1:
        labels.pop("seed", None)

    def labels_of(wildcards):
        return {
            name.replace("_", " "): (
                label(wildcards) if callable(label) else str(label).format(**wildcards)
            )
            for name, label in labels.items()
        }

    return report(
        path,
        caption=f"../report/{caption}.rst",
        category=category,
        subcategory=subcategory,
        labels=labels_of,
    )


PER_RUN = "{machine}, noise factor {nf}"  # the subcategory of figures of a training


def confusion_figures(names):
    """Figures of one machine, noise factor, seed and protocol, all of which stay wildcards."""
    return [
        in_report(
            expand(CONFUSION_FIGURE, snr=snr, detector=file_name(detector), allow_missing=True)[0],
            "confusion",
            "Confusion matrices",
            PER_RUN,
            detector=detector,
            SNR=snr_labels()[snr],
            seed="{seed}",
            protocol=protocol_of,
        )
        for snr, detector in product(SNRS, names)
    ]


def score_figures():
    """Histograms of one machine, noise factor and protocol, for each detector."""
    return [
        in_report(
            expand(SCORE_FIGURE, detector=file_name(detector["name"]), allow_missing=True)[0],
            "score_histograms",
            "Scores",
            PER_RUN,
            detector=detector["name"],
            protocol=protocol_of,
        )
        for detector in DETECTORS
    ]


def figures_of_ids(pattern, ids, caption, category):
    """Figures of one machine, noise factor and protocol, for each of some IDs."""
    return [
        in_report(
            expand(pattern, id=name, allow_missing=True)[0],
            caption,
            category,
            PER_RUN,
            ID=name,
            protocol=protocol_of,
        )
        for name in ids
    ]


def score_batches():
    """Machines with and without abnormal clips, each with the ROC figures of one of them."""
    roc = in_report(
        ROC_FIGURE, "roc", "ROC curves", "{machine}", noise_factor="{nf}", protocol=protocol_of
    )
    others = [machine for machine in MACHINES if machine not in AUC_MACHINES]
    batches = [(AUC_MACHINES, {"roc": roc}), (others, {})]
    return [batch for batch in batches if batch[0]]


def figures_of_machines(pattern, caption, figure):
    """AUC figures of all machines and protocols, in this order of loops."""
    return [
        in_report(
            pattern.format(machine=machine, protocol=protocol),
            caption,
            "AUC",
            machine,
            figure=figure,
            protocol=name,
        )
        for machine, (protocol, name) in product(AUC_MACHINES, PROTOCOLS.items())
    ]


def ablation_entries():
    """Detectors that show what the DDAE brings: name -> what the figure calls the method, and its representation. A
    method is among them if it is configured both without the DDAE (raw) and with it."""
    entries, seen = {}, {}
    for detector in DETECTORS:
        representation = detector["representation"]
        log_mel = representation.startswith("log-mel")
        method = f"{detector['method']}, log-mel" if log_mel else detector["method"]
        if detector["projection"] != find_method(detector["method"]).projection:
            method += f", {detector['projection']}"
        view = representation.replace("log-mel", "raw")
        if view not in seen.setdefault(method, set()):  # the first of several with other parameters
            seen[method].add(view)
            entries[detector["name"]] = [method, view]
    return {
        name: entry
        for name, entry in entries.items()
        if "raw" in seen[entry[0]] and len(seen[entry[0]]) > 1
    }


def result_figures():
    """Figures of the tables: kind of figure -> list of figures; none without abnormal clips."""
    if not AUC_MACHINES:
        return {}
    figures = {
        "heat_map": [
            in_report(
                HEAT_MAP_FIGURE.format(protocol=protocol),
                "auc_heat_map",
                "AUC",
                "all machines",
                figure="heat map",
                protocol=name,
            )
            for protocol, name in PROTOCOLS.items()
        ],
        "auc": figures_of_machines(AUC_FIGURE, "auc_by_snr", "against SNR"),
    }
    if len(NOISE_FACTORS) > 1:
        figures["noise_factor"] = figures_of_machines(
            NOISE_FACTOR_FIGURE, "auc_by_noise_factor", "against noise factor"
        )
    if ablation_entries():
        figures["ablation"] = figures_of_machines(ABLATION_FIGURE, "ablation", "ablation")
    return figures


def final_outputs():
    outputs = [
        "results/auc.csv",
        "results/summary.csv",
        "results/leaderboard.csv",
        "results/leaderboard.md",
        "results/leaderboard.html",
        "results/comparisons.csv",
        # as plain text: inputs that are marked for the report would be looked up a second time, from another folder
        *(str(path) for figures in result_figures().values() for path in figures),
        *expand(LOSS_FIGURE, machine=MACHINES, protocol=PROTOCOLS),
    ]
    # asked for by name, since Snakemake makes no intermediate file again while what follows from it is there
    outputs += expand(
        f"{CHECKPOINT}.{{suffix}}",
        machine=MACHINES,
        nf=NOISE_FACTORS,
        seed=SEEDS,
        protocol=PROTOCOLS,
        suffix=["pt", "npz"],
    )
    for machine in MACHINES:
        outputs += paths_of_units(machine, scored_units(machine), "csv")
        outputs += [
            f"results/features/{machine}/{snr}_{name}_{kind}.{suffix}"
            for snr, name, kind, suffix in product(
                SNRS, MACHINES[machine]["ids"], KINDS, ["npy", "csv"]
            )
        ]
    for nf, seed in runs():
        outputs += expand(
            CONFUSION_FIGURE,
            seed=seed,
            machine=AUC_MACHINES,
            protocol=PROTOCOLS,
            nf=nf,
            snr=SNRS,
            detector=[file_name(name) for name in names_at(nf, seed)],
        )
    common = {"nf": NOISE_FACTORS, "protocol": PROTOCOLS}
    outputs += expand(
        SCORE_FIGURE,
        machine=MACHINES,
        detector=[file_name(detector["name"]) for detector in DETECTORS],
        **common,
    )
    outputs += expand(ROC_FIGURE, machine=AUC_MACHINES, **common)
    for machine, settings in MACHINES.items():
        for pattern in (DENOISING_FIGURE, PROJECTION_FIGURE):
            outputs += expand(pattern, machine=machine, id=settings["ids"], **common)
    return outputs


# --------------------------------------------------------------------------------------------- parameters
# Settings go to a rule as one dictionary, since Snakemake compares the values of parameters without their names, so two
# numbers that change places would go unnoticed; always in the same order, since it compares dictionaries as text.


def code(script):
    """Hash of what a script and the modules it imports do: Snakemake does not look into imported modules."""
    return fingerprint.code_fingerprint(SCRIPTS / script, SCRIPTS / "asd")


@cache
def clip_counts(machine, snr, machine_id):
    """Numbers of normal and abnormal clips there are."""
    if CACHE is None:
        return tuple(len(recordings(machine, snr, machine_id, kind)) for kind in KINDS)
    from asd.features.caches import count_rows

    names = {"machine": machine, "snr": snr, "id": machine_id}
    return tuple(
        (
            count_rows(dataset.clean_path(dataset.fill(CACHE, {**names, "kind": kind})))
            if kind == "normal" or has_abnormal(machine, machine_id)
            else 0
        )
        for kind in KINDS
    )


def split_of(machine, snr, machine_id):
    """The numbers of clips asked for; automatic ones follow from the clips of this SNR."""
    counts = MACHINES[machine]["split"]
    if counts == "auto":
        return splits.Split.auto(*clip_counts(machine, snr, machine_id))
    return splits.Split(**counts[machine_id])


def strict_shares():
    """In a fixed order."""
    return dict(sorted(config["strict"]["shares"].items()))


def clips_of_training(machine, protocol):
    """What decides which clips train the DDAE."""
    if PROTOCOLS[protocol] == "strict":
        return {"share": strict_shares()["ddae"]}
    counts = [split_of(machine, REFERENCE, name).ddae for name in MACHINES[machine]["ids"]]
    return {"clips": counts, "on_shortfall": SHORTFALL}


def training_settings(wildcards):
    machine = wildcards.machine
    return {
        "machine": machine,
        "ids": machine_ids(wildcards),
        "reference_snr": REFERENCE,
        "protocol": PROTOCOLS[wildcards.protocol],
        **clips_of_training(machine, wildcards.protocol),
        "noise_factor": float(wildcards.nf),
        "seed": int(wildcards.seed),
        **configuration.training_settings(config, machine),
    }


def clips_of_detection(machine, protocol, ids):
    """What decides which clips of some IDs train and test the detectors; IDs in the order of the files."""
    units = list(product(SNRS, ids))
    if PROTOCOLS[protocol] == "strict":
        return {"units": [list(unit) for unit in units], "shares": strict_shares()}
    splits_asked = [split_of(machine, *unit) for unit in units]
    return {
        "units": [list(unit) for unit in units],
        "clips": [[split.ad_train, split.ad_test] for split in splits_asked],
        "on_shortfall": SHORTFALL,
    }


def split_settings(ids):
    """Parameter function: what decides which clips of some IDs train and test."""

    def settings(wildcards):
        return {
            "machine": wildcards.machine,
            "protocol": PROTOCOLS[wildcards.protocol],
            "reference_snr": REFERENCE,
            **clips_of_detection(wildcards.machine, wildcards.protocol, ids),
        }

    return settings


def detection_settings(ids):
    """Parameter function: the settings of detection for some IDs of a machine, in the order of the files."""
    split = split_settings(ids)

    def settings(wildcards):
        strict = PROTOCOLS[wildcards.protocol] == "strict"
        return {
            **split(wildcards),
            "seed": int(wildcards.seed),
            "detectors": DETECTORS,
            "threshold_percentile": config["threshold_percentile"],
            "folds": config["strict"]["folds"] if strict else None,
        }

    return settings


def ensemble_settings(ids):
    """Parameter function: which of the input files each output file is made of, and how."""

    def settings(wildcards):
        names = ensembles_at(wildcards.nf, wildcards.seed)
        return {
            "members": [[snr, name] for _, _, snr, name in ensemble_members(ids, wildcards)],
            "units": [list(unit) for unit in product(SNRS, ids)],
            "ensembles": [
                dict(sorted(ensemble.items()))
                for ensemble in ENSEMBLE_SETTINGS
                if ensemble["name"] in names
            ],
            "threshold_percentile": config["threshold_percentile"],
        }

    return settings


def evaluation_settings(wildcards):
    views = {
        detector["name"]: [detector["representation"], detector["projection"]]
        for detector in DETECTORS
    }
    views |= {ensemble["name"]: ["ensemble", ensemble["average"]] for ensemble in ENSEMBLE_SETTINGS}
    return {
        "machine": wildcards.machine,
        "units": unit_settings(wildcards),
        "views": views,
        "statistics": dict(sorted(config["statistics"].items())),
    }


def confusion_settings(names):
    """Parameter function of the confusion matrices of some detectors."""

    def settings(wildcards):
        return {
            "units": unit_settings(wildcards),
            "snr_labels": snr_labels(),
            "detectors": names,
            "protocol": PROTOCOLS[wildcards.protocol],
        }

    return settings


def score_figure_settings(wildcards):
    return {
        "units": unit_settings(wildcards),
        "snr_labels": snr_labels(),
        "detectors": [detector["name"] for detector in DETECTORS],
        "protocol": PROTOCOLS[wildcards.protocol],
        "seed": str(SEEDS[0]),
        "statistics": dict(sorted(config["statistics"].items())),
    }


def feature_figure_settings(ids):
    """Parameter function of the figures of features of some IDs."""
    split = split_settings(ids)

    def settings(wildcards):
        return {**split(wildcards), "seed": SEEDS[0], "snr_labels": snr_labels(), "ids": list(ids)}

    return settings


def loss_figure_settings(wildcards):
    return {
        "noise_factors": [float(nf) for nf in NOISE_FACTORS],
        "seeds": SEEDS,
        "machine": wildcards.machine,
        "protocol": PROTOCOLS[wildcards.protocol],
    }


def result_figure_settings():
    return {
        "machines": AUC_MACHINES,
        "evaluated": list(MACHINES),
        "confidence": config["statistics"]["confidence"],
        "protocols": list(PROTOCOLS.values()),
        "snr_labels": snr_labels(),
        "entries": ablation_entries(),
    }


def collection_settings():
    return {
        "machines": list(MACHINES),
        "confidence": config["statistics"]["confidence"],
        "simulated": IS_DEMO,
    }


def simulation_settings():
    return {**dict(sorted(config["demo"].items())), "snr_dirs": list(SNRS.values())}


def extraction_settings():
    settings = config["dataset"]
    return {
        "channel": settings["channel"],
        "on_bad_clip": settings["on_bad_clip"],
        "extraction": f"{code('extract_features.py')}-{settings['channel']}",
    }


def recordings_to_make():
    """The demo's recordings, which rule `check` would look at in vain before they are there."""
    if not IS_DEMO:
        return []
    units = [(machine, name) for machine in MACHINES for name in MACHINES[machine]["ids"]]
    return [
        file
        for (machine, machine_id), snr, kind in product(units, SNRS, KINDS)
        for file in demo_files(machine, snr, machine_id, kind)
    ]


def download_settings(wildcards):
    """Archives that the configured machines and SNRs need, in this order."""
    download = config.get("download")
    if download is None:
        stop(
            "Nothing to download:",
            [
                "download: the configuration has no such key. config/mimii.yaml has one, and config/README.md says what "
                "it means."
            ],
        )
    names = [
        dataset.fill(download["archive"], {"machine": machine, "snr_dir": snr_dir})
        for machine, snr_dir in product(MACHINES, SNRS.values())
    ]
    unknown = [name for name in names if name not in download["archives"]]
    if unknown:
        stop(
            "The configuration can't be used:",
            [
                f"download.archives: there is no {name!r}, which the machines and snrs need. There are "
                f"{', '.join(download['archives'])}"
                for name in unknown
            ],
        )
    if "root" not in config["dataset"]:
        stop("Nothing to download:", [f"dataset.root: {configuration.NO_ROOT}"])
    return {
        "root": ROOT,
        "archives": [
            {
                "name": name,
                "url": download["url"].format(archive=name),
                **dict(sorted(download["archives"][name].items())),
            }
            for name in dict.fromkeys(names)
        ],
        "delete_archives": download["delete_archives"],
    }


def check_settings(wildcards):
    if CACHE is not None:
        stop("Nothing to check:", ["dataset.cache: clips come from feature caches, not recordings"])
    folders, problems = [], []
    for machine, settings in MACHINES.items():
        for names in product([machine], SNRS, settings["ids"], KINDS):
            try:
                folders.append([list(names), recordings(*names)])
            except UserError as error:
                problems.append(str(error))
    twice = dataset.doubly_used({Folder(*names): files for names, files in folders})
    return {
        "root": ROOT,
        "patterns": not SAMPLES,
        "folders": folders,
        "problems": list(dict.fromkeys([*problems, *([twice] if twice else [])])),
        "channel": config["dataset"]["channel"],
    }


@cache
def unread_clips():
    """Number of recordings that each feature cache still has to read."""
    extraction = extraction_settings()["extraction"]
    counts = {}
    for machine, settings in MACHINES.items():
        for snr, machine_id, kind in product(SNRS, settings["ids"], KINDS):
            clip_list = f"results/features/{machine}/{snr}_{machine_id}_{kind}.csv"
            files = recordings(machine, snr, machine_id, kind)
            unread = dataset.count_unread(files, ROOT, clip_list, extraction)
            counts[machine, snr, machine_id, kind] = unread
    return counts


def extraction_threads(wildcards):
    """The share of the cores that a cache has of the recordings yet to be read: one core each while many caches are
    left to make, several where few are. A cluster has cores enough for all caches at once."""
    if workflow.remote_exec or workflow.resource_settings.nodes:
        return 1
    cores = workflow.resource_settings.cores or 1
    counts = unread_clips()
    own = counts[folder_of(wildcards)]
    return max(1, round(cores * own / max(1, sum(counts.values()))))


# ----------------------------------------------------------------------------------------------- resources
# What jobs ask a scheduler for: a fixed part and a part for each unit of work, as measured (docs/scaling.md).

# Around a job on a cluster there are two more Snakemakes, and packages come from a disk that many share.
OWN_MEGABYTES = 400
OWN_SECONDS = 60
SLOWER = 4  # times than where it was measured


def amount_of_work(work, wildcards):
    """Not counted again within a job that has been submitted: its request has been granted, and folders of a disk that
    many share are slow to list."""
    return 0 if work is None or workflow.remote_exec else work(wildcards)


def megabytes(fixed, each=0, work=None):
    """Resource function: memory in MB of a job with `fixed` MB and `each` MB for a unit of work; a job that was killed
    asks for more."""

    def mem_mb(wildcards, attempt):
        return math.ceil((OWN_MEGABYTES + fixed + each * amount_of_work(work, wildcards)) * attempt)

    return mem_mb


def minutes(fixed, each=0, work=None):
    """Resource function: time in minutes of a job that takes `fixed` seconds and `each` seconds for a unit of work."""

    def runtime(wildcards, attempt):
        seconds = fixed + each * amount_of_work(work, wildcards)
        return math.ceil((OWN_SECONDS + SLOWER * seconds) / 60) * attempt

    return runtime


def grouped(name):
    """Group function: small jobs share a submission where the profile says how many. Elsewhere a group would only
    clutter what a dry run prints."""

    def group(wildcards):
        return name if name in workflow.group_settings.group_components else None

    return group


# Units of work


def clips_in_cache(wildcards):
    *names, kind = folder_of(wildcards)
    return clip_counts(*names)[KINDS.index(kind)]


def clips_of_ids(ids):
    """Work function: clips of some IDs at all SNRs."""

    def clips(wildcards):
        return sum(sum(clip_counts(wildcards.machine, *unit)) for unit in product(SNRS, ids))

    return clips


def clips_of_reference(wildcards):
    """Clips that `train_ddae` reads."""
    counts = (clip_counts(wildcards.machine, REFERENCE, name) for name in machine_ids(wildcards))
    return sum(normal for normal, _ in counts)


def epochs_of_training(wildcards):
    """Clips times epochs."""
    epochs = configuration.training_settings(config, wildcards.machine)["epochs"]
    return clips_of_reference(wildcards) * epochs


def fitted_clips(ids):
    """Work function: clips times detectors times fits, of which cross-fitting needs several."""
    clips = clips_of_ids(ids)

    def fits(wildcards):
        folds = config["strict"]["folds"] if protocol_of(wildcards) == "strict" else 0
        return clips(wildcards) * len(DETECTORS) * (1 + folds)

    return fits


def scores_of_members(ids):
    """Work function: scores that are averaged."""
    clips = clips_of_ids(ids)

    def scores(wildcards):
        trainings = len(ensemble_members(ids, wildcards)) / (len(SNRS) * len(ids))
        return clips(wildcards) * len(DETECTORS) * trainings

    return scores


def scores_of_units(wildcards):
    """Scores in `unit_files`."""
    # detectors and ensembles of a unit stand in two files
    units = {unit[1:] for unit in units_of(wildcards)}
    return sum(
        sum(clip_counts(wildcards.machine, snr, name)) * len(names_at(nf, seed))
        for _, nf, seed, snr, name in units
    )


def simulated_seconds(wildcards):
    demo = config["demo"]
    return len(SNRS) * (demo["normal_clips"] + demo["abnormal_clips"]) * demo["seconds"]


@cache
def sizes_of_recordings(machine, snr, machine_id, kind):
    """MB of each recording of a folder; of the demo's, before there are any."""
    files = recordings(machine, snr, machine_id, kind)
    if IS_DEMO:
        demo = config["demo"]
        return [demo["seconds"] * demo["microphones"] * 16000 * 2 / 1e6] * len(files)
    return [os.stat(file).st_size / 1e6 for file in files]


def megabytes_recorded(wildcards):
    return sum(sizes_of_recordings(*folder_of(wildcards)))


def memory_of_extraction(wildcards, attempt, threads):
    """Each process reads one recording at a time."""

    def largest(wildcards):
        return threads * max(sizes_of_recordings(*folder_of(wildcards)), default=0)

    return megabytes(100 + 50 * threads, 10, largest)(wildcards, attempt)


# ------------------------------------------------------------------------------------- before and after a run


def data_problems():
    """Clips that are missing, too few, or of two kinds at once."""
    problems = []
    if IS_DEMO:
        from asd.demo.write import FAULTS

        unknown = [machine for machine in MACHINES if machine not in FAULTS]
        if unknown:
            problems.append(
                f"machines: {', '.join(unknown)} can't be simulated ({', '.join(FAULTS)} can). Set dataset.root to "
                "the folder of your recordings."
            )
    for machine, settings in MACHINES.items():
        for snr, machine_id in product(SNRS, settings["ids"]):
            where = f"machine {machine}, SNR {snr}, ID {machine_id}"
            try:
                counts = clip_counts(machine, snr, machine_id)
                split = split_of(machine, snr, machine_id)
                if "paper" in PROTOCOLS.values():
                    splits.parts(split, *counts, SHORTFALL, where)
                    if snr == REFERENCE:
                        splits.ddae_rows(split.ddae, counts[0], SHORTFALL, where)
                if "strict" in PROTOCOLS.values():
                    reference = clip_counts(machine, REFERENCE, machine_id)[0]
                    shares, name = strict_shares(), splits.unit_name(machine, machine_id)
                    splits.strict_rows(*counts, reference, shares, SEEDS[0], name, where)
            except UserError as error:
                problems.append(str(error))
    if CACHE is None and not IS_DEMO and not problems:
        twice = dataset.doubly_used(
            {
                Folder(*names, kind): recordings(*names, kind)
                for machine, settings in MACHINES.items()
                for names in product([machine], SNRS, settings["ids"])
                for kind in KINDS
            }
        )
        problems += [twice] if twice else []
    return problems


@cache
def require_data():
    """Stop before any job runs if clips are missing or too few, with everything that is. Only what needs recordings
    asks for this: a download does without."""
    # the jobs of a run parse these files again; the data have been checked by then
    if not workflow.is_main_process:
        return
    shown = list(dict.fromkeys(data_problems()))
    if shown:
        more = [f"and {len(shown) - 12} more"] if len(shown) > 12 else []
        stop("The data can't be used:", shown[:12] + more)
    without = [
        f"{machine} {machine_id}"
        for machine, settings in MACHINES.items()
        for machine_id in settings["ids"]
        if not has_abnormal(machine, machine_id)
    ]
    if without:
        logger.warning(
            f"No abnormal clips of {', '.join(without[:12])}{' and others' if len(without) > 12 else ''}: they are "
            "trained on and scored, but there is no AUC of them."
        )


def require_writable(folder):
    """Stop where nothing can be written; Snakemake itself would end with a stack of calls."""
    place = Path(folder) if Path(folder).is_dir() else Path()
    if not os.access(place, os.W_OK):
        stop(
            "Nothing can be written:",
            [
                f"{str(place.resolve())!r} is read-only, or you have no permission to write there. Change that, or choose "
                "another working directory with --directory."
            ],
        )


# With `--sdm conda`, packages in the user's home folder (pip install --user) are hidden from pip, which would not install
# them into an environment that is to have them, and from jobs, which would import them in place of the environment's.
# Where Snakemake itself is one of them, its own processes have to find it.
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    if not Path(snakemake.__file__).is_relative_to(site.getusersitepackages()):
        os.environ.update(PYTHONNOUSERSITE="1")


# With `--sdm apptainer`, all jobs run in this image: a file in the working directory (a link will do), or what the
# variable names, be it a file or an address that Apptainer can fetch it from. No matter of results, so not configured.
IMAGE = os.environ.get("ASD_IMAGE") or "resources/asd.sif"
IN_CONTAINERS = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def require_image():
    """Stop with the way to build it where it is missing; each job would fail for itself."""
    if "://" in IMAGE or Path(IMAGE).exists():
        return
    repository = RULES.parents[1]
    stop(
        "The container can't be used:",
        [
            f"there is no image {IMAGE!r} in {str(Path.cwd())!r}. Build it with Podman (or Docker) and Apptainer:\n"
            f"      podman build --tag asd --file {repository}/Containerfile {repository}\n"
            f"      podman save --output asd.tar asd; mkdir -p {Path(IMAGE).parent}\n"
            f"      apptainer build {IMAGE} docker-archive:asd.tar\n"
            "    Or set the environment variable ASD_IMAGE to the image to use."
        ],
    )


def open_containers():
    """Containers see no folder but the working directory and /tmp, unless it is named: these are the folders of the
    scripts and of the data, also where links lead to them. Nor do they see GPUs.
    --apptainer-args can add to it."""
    given = [ROOT, config["dataset"].get("samples") or ROOT, (CACHE or ROOT).partition("{")[0]]
    places = [RULES.parents[1], *map(Path, given)]
    places += [place.resolve() for place in places]
    # of a path that is yet to be made, or is a file, the folder
    folders = {next(f for f in (p, *p.parents) if f.is_dir()) for p in map(Path.absolute, places)}
    hidden = [str(f) for f in folders if f != Path("/") and not f.is_relative_to(Path.cwd())]
    prefix = "APPTAINER" if shutil.which("apptainer") else "SINGULARITY"
    shown = [folder for folder in os.environ.get(f"{prefix}_BIND", "").split(",") if folder]
    os.environ[f"{prefix}_BIND"] = ",".join([*shown, *sorted(set(hidden) - set(shown))])
    if trains_on_gpu():
        os.environ[f"{prefix}_NV"] = "1"


if IN_CONTAINERS:
    if workflow.is_main_process:
        require_image()
    open_containers()


def require_slurm():
    """Stop where jobs should be submitted but can't be; the executor would wait for ever."""
    plugin = workflow.executor_plugin
    if plugin and plugin.name == "slurm" and not shutil.which("sbatch"):
        stop(
            "No job can be submitted:",
            [
                "executor slurm: there is no program 'sbatch' here. Start Snakemake on a computer of the cluster, such as "
                "its login node, or without the Slurm profile."
            ],
        )


if workflow.is_main_process:
    require_writable(".snakemake")

# each job says in its log where it makes do with fewer clips
logging.getLogger("asd.splits").setLevel(logging.ERROR)


def show_summary():
    """Print the table of AUCs if this run made it."""
    table = Path("results/summary.txt")
    if table.exists() and table.stat().st_mtime >= STARTED:
        print(f"\n{table.read_text(encoding='utf-8')}", file=sys.stderr, flush=True)


def show_mistakes():
    """Repeat, at the end of the output, what failed jobs said to the user: it has scrolled away, or was said on a node."""
    for path in sorted(Path("results/logs").rglob("*.log")):
        if path.stat().st_mtime >= STARTED:
            _, found, message = path.read_text(encoding="utf-8").partition(USER_ERROR)
            if found:
                print(f"\n{path}:\n{message.rstrip()}", file=sys.stderr, flush=True)
