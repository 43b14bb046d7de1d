# Everything that rules need beside their own text: the checked configuration, lists of files, parameters, code hashes.

import logging
import re
import sys
import time
from functools import cache
from itertools import product
from pathlib import Path

import yaml
from snakemake.logging import logger
from snakemake.utils import validate

STARTED = time.time()
RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
SCRIPTS = RULES.parent / "scripts"
SCHEMA = RULES.parent / "schemas" / "config.schema.yaml"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from asd import configuration, dataset, fingerprint, splits
from asd.console import USER_ERROR
from asd.dataset import KINDS, Folder
from asd.errors import UserError

# ------------------------------------------------------------------------------------------ configuration


def stop(headline, problems):
    """End with a message for the user; an exception would show as a stack of calls in this file."""
    logger.error("\n".join([headline, *(f"  - {problem}" for problem in problems)]))
    sys.exit(1)


def check_config():
    """Stop with everything that is wrong with the configuration, or fill in the defaults."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    configuration.read_command_line_numbers(config, workflow.config_settings.config, schema)
    problems = configuration.schema_problems(config, schema)
    if not problems:
        validate(config, str(SCHEMA))
        problems = configuration.consistency_problems(config)
    if problems:
        stop("The configuration can't be used:", problems)


check_config()

DEMO_ROOT = "resources/demo"
SCORES = "results/scores/{machine}/nf{nf}_seed{seed}/{snr}_{id}.{suffix}"
IDS_AT_ONCE = 4  # that a job of detection takes
AUC_FIGURE = "results/figures/auc/{machine}.png"
CONFUSION_FIGURE = "results/figures/confusion/seed{seed}/{machine}_NF{nf}_{snr}_{detector}.png"
MACHINES = config["machines"]
SNRS = config["snrs"]
REFERENCE = config["reference_snr"]
DETECTORS = config["detectors"]
SHORTFALL = config["on_shortfall"]
CACHE = config["dataset"]["cache"]
RECORDINGS = dataset.Recordings(
    root=dataset.clean_path(config["dataset"]["root"]),
    pattern=config["dataset"]["pattern"],
    snr_dirs=SNRS,
)
IS_DEMO = CACHE is None and RECORDINGS.root == DEMO_ROOT


def any_of(values):
    """Regular expression of a wildcard that takes just these values."""
    return "|".join(sorted({re.escape(str(value)) for value in values}))


wildcard_constraints:
    machine=any_of(MACHINES),
    snr=any_of(SNRS),
    id=any_of(name for settings in MACHINES.values() for name in settings["ids"]),
    kind=any_of(KINDS),
    nf=any_of(config["noise_factors"]),
    seed=any_of(config["seeds"]),


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
def recordings(machine, snr, machine_id, kind):
    """Recordings of a folder, in the order of the rows of its feature cache."""
    if IS_DEMO:
        return demo_files(machine, snr, machine_id, kind)
    return RECORDINGS.files(Folder(machine, snr, machine_id, kind))


def clips_of(wildcards):
    return recordings(wildcards.machine, wildcards.snr, wildcards.id, wildcards.kind)


def state_of_clips(wildcards):
    """Changes with each change of a recording; Snakemake itself would not notice one replaced by an older file."""
    return "simulated" if IS_DEMO else dataset.state_of_files(clips_of(wildcards))


def given_cache(wildcards):
    values = {name: wildcards[name] for name in dataset.CACHE_FIELDS}
    return dataset.clean_path(dataset.fill(CACHE, values))


def given_clip_list(wildcards):
    """The clip list beside a given cache, where there is one."""
    clip_list = Path(given_cache(wildcards)).with_suffix(".csv")
    return [str(clip_list)] if clip_list.exists() else []


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
    """Results of detection of some IDs at all SNRs; machine, noise factor and seed stay wildcards."""
    return expand(SCORES, snr=SNRS, id=ids, suffix=suffix, allow_missing=True)


def reference_caches(wildcards):
    """Normal clips of all IDs at the reference SNR, in the order of the IDs."""
    return [
        f"results/features/{wildcards.machine}/{REFERENCE}_{machine_id}_normal.npy"
        for machine_id in machine_ids(wildcards)
    ]


def score_files(wildcards):
    """Scores of all SNRs and IDs of a machine, at one noise factor and seed."""
    return [
        SCORES.format(**wildcards, snr=snr, id=machine_id, suffix="csv")
        for snr, machine_id in product(SNRS, machine_ids(wildcards))
    ]


def evaluated_units(wildcards):
    """Noise factor, seed, SNR and ID of all results of detection of a machine."""
    return product(config["noise_factors"], config["seeds"], SNRS, machine_ids(wildcards))


def all_score_files(suffix):
    """Input function: the results of detection of a machine."""

    def files(wildcards):
        return [
            SCORES.format(
                machine=wildcards.machine, nf=nf, seed=seed, snr=snr, id=machine_id, suffix=suffix
            )
            for nf, seed, snr, machine_id in evaluated_units(wildcards)
        ]

    return files


def evaluation_files():
    return expand("results/evaluation/{machine}.csv", machine=MACHINES)


def skipped_files():
    """Lists of recordings left out; caches that were given have none."""
    if CACHE is not None:
        return []
    return [
        f"results/features/{machine}/{snr}_{machine_id}_{kind}.skipped.csv"
        for machine, settings in MACHINES.items()
        for snr, machine_id, kind in product(SNRS, settings["ids"], KINDS)
    ]


def confusion_figure(snr, detector):
    path = expand(CONFUSION_FIGURE, snr=snr, detector=detector, allow_missing=True)[0]
    labels = {
        "noise factor": "{nf}",
        "seed": "{seed}",
        "SNR": snr_labels()[snr],
        "detector": detector,
    }
    caption, category = "../report/confusion.rst", "Confusion matrices"
    return report(path, caption=caption, category=category, subcategory="{machine}", labels=labels)


def confusion_figures():
    """Figures of one machine, noise factor and seed."""
    return [confusion_figure(snr, detector) for snr, detector in product(SNRS, DETECTORS)]


def auc_figure(machine):
    path, caption = AUC_FIGURE.format(machine=machine), "../report/auc_by_snr.rst"
    return report(path, caption=caption, category="AUC by SNR", labels={"machine": machine})


def auc_figures():
    """One figure for each machine."""
    return [auc_figure(machine) for machine in MACHINES]


def snr_labels():
    """SNR -> what figures call it."""
    return {snr: snr_dir.replace("_", " ") or snr for snr, snr_dir in SNRS.items()}


def final_outputs():
    return [
        "results/auc.csv",
        "results/summary.csv",
        *expand(AUC_FIGURE, machine=MACHINES),
        *expand(
            CONFUSION_FIGURE,
            seed=config["seeds"],
            machine=MACHINES,
            nf=config["noise_factors"],
            snr=SNRS,
            detector=DETECTORS,
        ),
    ]


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
    from asd.caches import count_rows

    names = {"machine": machine, "snr": snr, "id": machine_id}
    return tuple(
        count_rows(dataset.clean_path(dataset.fill(CACHE, {**names, "kind": kind})))
        for kind in KINDS
    )


def split_of(machine, snr, machine_id):
    """The numbers of clips asked for; automatic ones follow from the clips of this SNR."""
    counts = MACHINES[machine]["split"]
    if counts == "auto":
        return splits.Split.auto(*clip_counts(machine, snr, machine_id))
    return splits.Split(**counts[machine_id])


def training_settings(wildcards):
    machine = wildcards.machine
    ids = machine_ids(wildcards)
    return {
        "machine": machine,
        "ids": ids,
        "reference_snr": REFERENCE,
        "clips": [split_of(machine, REFERENCE, machine_id).ddae for machine_id in ids],
        "on_shortfall": SHORTFALL,
        "noise_factor": float(wildcards.nf),
        "seed": int(wildcards.seed),
        **configuration.training_settings(config, machine),
    }


def detection_settings(ids):
    """Parameter function: the settings of detection for some IDs of a machine, in the order of the files."""

    def settings(wildcards):
        machine = wildcards.machine
        asked = {(snr, name): split_of(machine, snr, name) for snr, name in product(SNRS, ids)}
        return {
            "machine": machine,
            "seed": int(wildcards.seed),
            "clips": [[*unit, split.ad_train, split.ad_test] for unit, split in asked.items()],
            "on_shortfall": SHORTFALL,
            "detectors": DETECTORS,
            "threshold_percentile": config["threshold_percentile"],
        }

    return settings


def evaluation_settings(wildcards):
    return {
        "machine": wildcards.machine,
        "units": [
            [float(nf), seed, snr, machine_id]
            for nf, seed, snr, machine_id in evaluated_units(wildcards)
        ],
        "detectors": DETECTORS,
    }


def confusion_settings(wildcards):
    return {
        "ids": machine_ids(wildcards),
        "snr_labels": snr_labels(),
        "detectors": DETECTORS,
    }


def simulation_settings():
    return {**dict(sorted(config["demo"].items())), "snr_dirs": list(SNRS.values())}


def extraction_settings():
    settings = config["dataset"]
    return {
        "root": RECORDINGS.root,
        "channel": settings["channel"],
        "on_bad_clip": settings["on_bad_clip"],
        "extraction": f"{code('extract_features.py')}-{settings['channel']}",
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
            unread = dataset.count_unread(files, RECORDINGS.root, clip_list, extraction)
            counts[machine, snr, machine_id, kind] = unread
    return counts


def extraction_threads(wildcards):
    """The share of the cores that a cache has of the recordings yet to be read: one core each while many caches are
    left to make, several where few are."""
    cores = workflow.resource_settings.cores or 1
    counts = unread_clips()
    own = counts[wildcards.machine, wildcards.snr, wildcards.id, wildcards.kind]
    return max(1, round(cores * own / max(1, sum(counts.values()))))


# ------------------------------------------------------------------------------------- before and after a run


def check_data():
    """Stop before any job runs if clips are missing or too few, with everything that is."""
    problems = []
    if IS_DEMO:
        from asd.simulation import FAULTS

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
                splits.parts(split, *counts, SHORTFALL, where)
                if snr == REFERENCE:
                    splits.ddae_rows(split.ddae, counts[0], SHORTFALL, where)
            except UserError as error:
                problems.append(str(error))
    if problems:
        shown = list(dict.fromkeys(problems))
        more = [f"and {len(shown) - 12} more"] if len(shown) > 12 else []
        stop("The data can't be used:", shown[:12] + more)


# each job says in its log where it makes do with fewer clips
logging.getLogger("asd.splits").setLevel(logging.ERROR)

# the jobs of a run parse this file again; the data have been checked by then
if workflow.is_main_process:
    check_data()


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
