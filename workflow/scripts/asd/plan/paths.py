"""Where everything lies: the names of files, as patterns with wildcards and as lists for a whole run.

The wildcard ``protocol`` is what stands in names for a protocol: nothing for the paper's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache as memoized
from itertools import product
from pathlib import Path

from ..ddae.run import Run, noise_factor_text, suffix_of
from ..recordings.layout import LABELLED, Folder, files_of
from ..splits import ProtocolName
from .run import Plan, recordings

RUN = "{machine}/nf{nf}_seed{seed}{protocol}"  # a training, and what follows from it
FEATURES = "results/features/{machine}/{snr}_{id}_{kind}"
CHECKPOINT = f"results/checkpoints/{RUN}"
SCORES = f"results/scores/{RUN}"
SCORES_WITHOUT_DDAE = "results/scores_without_ddae/{machine}/seed{seed}{protocol}"
ENSEMBLES = f"results/ensembles/{RUN}"
EVALUATION = "results/evaluation/{machine}"
CLASSIFIERS = "results/classifiers"
MODELS = f"results/models/{RUN}"
FEATURE_EXTRACTOR = "results/models/features.onnx"
LISTENING_PAGE = "results/listen.html"
ANSWERS = "results/scored"
SCORED_NAME = "{machine}_{snr}_{id}"
SCORED = f"{ANSWERS}/{SCORED_NAME}"

FIGURES = "results/figures"
AUC_FIGURE = f"{FIGURES}/auc/{{machine}}.png"
AUC_BY_ID_FIGURE = f"{FIGURES}/auc_by_id/{{machine}}.png"
FALSE_ALARM_FIGURE = f"{FIGURES}/false_alarms/{{machine}}.png"
FALSE_ALARMS_BY_SHARE_FIGURE = f"{FIGURES}/false_alarms_by_share/{{machine}}.png"
NOISE_FACTOR_FIGURE = f"{FIGURES}/noise_factor/{{machine}}{{protocol}}.png"
ABLATION_FIGURE = f"{FIGURES}/ablation/{{machine}}{{protocol}}.png"
HEAT_MAP_FIGURE = f"{FIGURES}/auc_heat_map{{protocol}}.png"
LOSS_FIGURE = f"{FIGURES}/loss/{{machine}}{{protocol}}.png"
ROC_FIGURE = f"{FIGURES}/roc/{{machine}}_NF{{nf}}{{protocol}}.png"
SCORE_FIGURE = f"{FIGURES}/scores/{{machine}}_NF{{nf}}_{{detector}}{{protocol}}.png"
DENOISING_FIGURE = f"{FIGURES}/denoising/{{machine}}_NF{{nf}}_{{id}}{{protocol}}.png"
PROJECTION_FIGURE = f"{FIGURES}/projection/{{machine}}_NF{{nf}}_{{id}}{{protocol}}.png"
CONFUSION_FIGURE = f"{FIGURES}/confusion/seed{{seed}}{{protocol}}/{{machine}}_NF{{nf}}_{{snr}}_{{detector}}.png"
CONFUSION_GRID = f"{FIGURES}/confusion/seed{{seed}}{{protocol}}/{{machine}}_NF{{nf}}.png"
CONFUSION_GRID_OVER_TRAININGS = f"{FIGURES}/confusion/seed{{seed}}{{protocol}}/{{machine}}_NF{{nf}}_{{detector}}.png"

BENCHMARKS = "results/benchmarks"
TRAINING_BENCHMARK = f"{BENCHMARKS}/train_ddae/{RUN}.tsv"
# where times are, and for the same reason: they are never the same in two runs
TRAINING_TIME_FIGURE = f"{BENCHMARKS}/training_time.png"

TABLES = (
    *("auc.csv", "summary.csv", "leaderboard.csv", "comparisons.csv", "conditions.csv"),
    *("auc.html", "summary.html", "leaderboard.html", "comparisons.html", "conditions.html", "leaderboard.md"),
)
DATES = "results/features/dates.csv"


def filled(pattern: str, values: Mapping[str, str]) -> str:
    """`pattern` with some of its wildcards replaced.

    Examples
    --------
    >>> filled("{machine}_{snr}.png", {"snr": "snr6"})
    '{machine}_snr6.png'
    """
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


def of_run(pattern: str, machine: str, run: Run) -> str:
    """The file or folder of a run."""
    return filled(
        pattern,
        {
            "machine": machine,
            "nf": run.noise_factor_text,
            "seed": run.seed_text,
            "protocol": suffix_of(run.protocol),
        },
    )


def file_name(detector: str) -> str:
    """Name of a detector in file names: other systems have no colons there."""
    return detector.replace(":", "-")


# ------------------------------------------------------------------------------------------------------------- inputs


def cache(folder: Folder, suffix: str) -> str:
    """Feature cache (suffix ``npy``) or clip list (``csv``) of a folder of recordings."""
    values = {"machine": folder.machine, "snr": folder.snr, "id": folder.machine_id, "kind": folder.kind}
    return f"{filled(FEATURES, values)}.{suffix}"


@memoized
def caches(plan: Plan, machine: str, kind: str, suffix: str) -> list[str]:
    """Feature caches or clip lists of a machine, in the order of `Plan.units`; none of a kind that nothing is of."""
    if kind not in plan.kinds:
        return []
    return [cache(Folder(machine, snr, name, kind), suffix) for snr, name in plan.units(machine)]


def caches_of_ids(plan: Plan, machine: str, ids: Sequence[str], kind: str, suffix: str) -> list[str]:
    """Feature caches or clip lists of some IDs of a machine, in the order of `Plan.units`."""
    return [cache(Folder(machine, snr, name, kind), suffix) for snr, name in product(plan.snrs, ids)]


def clip_lists(plan: Plan, machine: str) -> list[str]:
    """Clip lists of a machine, of all that its scores depend on: kind by kind."""
    return [path for kind in plan.kinds for path in caches(plan, machine, kind, "csv")]


def trainings_of(plan: Plan, runs: Iterable[Run]) -> list[Run]:
    """The trainings that some runs are made from: themselves, or those that ensembles average over."""
    return list(dict.fromkeys(member for run in runs for member in plan.members(run)))


def classifier_name(plan: Plan) -> str:
    """Pattern of what an ID classifier is called: one for all machines has no ``{machine}``."""
    return f"{'' if plan.one_classifier else '{machine}/'}seed{{seed}}{{protocol}}"


def classifiers_of(plan: Plan, runs: Iterable[Run]) -> list[Run]:
    """What some runs have classifiers of their own of, which know nothing of noise factors; none without a detector
    that needs one."""
    if not plan.has_classifier:
        return []
    return list(dict.fromkeys(Run(None, run.seed, run.protocol) for run in trainings_of(plan, runs)))


def classifiers(plan: Plan, machine: str, runs: Iterable[Run]) -> list[str]:
    """The ID classifiers of some runs of a machine."""
    pattern = f"{CLASSIFIERS}/{classifier_name(plan)}.npz"
    return [of_run(pattern, machine, run) for run in classifiers_of(plan, runs)]


def classifiers_of_run(plan: Plan, machine: str, run: Run) -> list[str]:
    """The ID classifier of a run, if it has one."""
    return classifiers(plan, machine, [run])


def classifier_of(plan: Plan, machine: str, seed: int, protocol: ProtocolName) -> list[str]:
    """The ID classifier of a seed and protocol, if there is one."""
    return classifiers(plan, machine, [Run(plan.noise_factors[0], seed, protocol)])


def classified(plan: Plan, machine: str | None, kind: str, suffix: str) -> list[str]:
    """Feature caches or clip lists that the classifier of a machine is trained from."""
    return [path for name in plan.classified_with(machine) for path in caches(plan, name, kind, suffix)]


def classified_lists(plan: Plan, machine: str | None) -> list[str]:
    """Clip lists that tell whether a classifier was made from them; none without one."""
    if not plan.has_classifier:
        return []
    return [path for kind in LABELLED for path in classified(plan, machine, kind, "csv")]


def checkpoints(plan: Plan, machine: str, runs: Iterable[Run]) -> list[str]:
    """The trained networks of some runs of a machine."""
    return [of_run(f"{CHECKPOINT}.npz", machine, run) for run in trainings_of(plan, runs)]


def weights(plan: Plan, machine: str, runs: Sequence[Run]) -> list[str]:
    """The trained networks, and the ID classifiers, that the scores of some runs are made with."""
    return checkpoints(plan, machine, runs) + classifiers(plan, machine, runs)


def weights_of_run(plan: Plan, machine: str, run: Run) -> list[str]:
    """The trained networks, and the ID classifiers, that the scores of a run are made with."""
    return weights(plan, machine, [run])


def weights_of_machine(plan: Plan, machine: str) -> list[str]:
    """All trained networks of a machine that scores are made with."""
    return weights(plan, machine, plan.scored_runs)


def reference_caches(plan: Plan, machine: str, suffix: str) -> list[str]:
    """Feature caches or clip lists of the normal clips of all IDs at the reference SNR, which train the DDAE."""
    return [cache(Folder(machine, plan.reference_snr, name, "normal"), suffix) for name in plan.ids(machine)]


def skipped(plan: Plan) -> list[str]:
    """Lists of recordings left out; caches that were given have none."""
    return [cache(folder, "skipped.csv") for folder in plan.folders()] if plan.cache is None else []


def given_clip_list(path: str | None) -> str | None:
    """The clip list beside a feature cache that was given, where there is one."""
    clip_list = None if path is None else Path(path).with_suffix(".csv")
    return str(clip_list) if clip_list is not None and clip_list.exists() else None


def scored(plan: Plan, runs: Iterable[Run]) -> list[tuple[str, Run]]:
    """Patterns of the folders of scores of some runs, each with its run: detectors, then ensembles."""
    folders = []
    for run in runs:
        folders += [(SCORES, run)] if run.is_training else []
        folders += [(ENSEMBLES, run)] if plan.ensembles_at(run) else []
    return folders


def scores(plan: Plan, machine: str, runs: Iterable[Run]) -> list[str]:
    """Folders of scores of some runs of a machine, of detectors as well as ensembles."""
    return [of_run(pattern, machine, run) for pattern, run in scored(plan, runs)]


def scores_without_ddae(plan: Plan, machine: str, runs: Iterable[Run]) -> list[str]:
    """Folders of the scores that some trainings share with those of other noise factors; none if no detector has such
    scores."""
    if not plan.detectors_without_ddae:
        return []
    return list(dict.fromkeys(of_run(SCORES_WITHOUT_DDAE, machine, run) for run in runs))


def shared_scores(plan: Plan, machine: str, run: Run) -> list[str]:
    """The folder of such scores that those of a training take in, if there is one."""
    return scores_without_ddae(plan, machine, [run])


def scores_of_run(plan: Plan, machine: str, run: Run) -> list[str]:
    """Folders of scores of one run, of detectors as well as ensembles."""
    return scores(plan, machine, [run])


def scores_of_machine(plan: Plan, machine: str) -> list[str]:
    """Folders of all scores of a machine."""
    return scores(plan, machine, plan.scored_runs)


def members(plan: Plan, machine: str, run: Run) -> list[str]:
    """Folders of the scores that the ensembles of a run average."""
    return [of_run(SCORES, machine, member) for member in plan.members(run)]


def models(plan: Plan, machine: str) -> list[str]:
    """Folders of models for new recordings."""
    return [of_run(MODELS, machine, run) for run in plan.exported]


def models_for_new_recordings(plan: Plan, machine: str) -> str:
    """The folder of models that new recordings of a machine are scored by."""
    return of_run(MODELS, machine, plan.run_for_new_recordings)


def model(machine: str, snr: str, machine_id: str, run: Run) -> str:
    """The model of an ID at an SNR."""
    return f"{of_run(MODELS, machine, run)}/{snr}_{machine_id}.onnx"


def listening(plan: Plan) -> list[str]:
    """The page to listen to; none without recordings."""
    return [] if plan.cache is not None else [LISTENING_PAGE]


def listened(plan: Plan) -> list[str]:
    """Folders of the scores that it is about, of detectors and then of ensembles, of all machines."""
    run = plan.run_for_new_recordings
    return [folder for machine in plan.machines for folder in scores_of_run(plan, machine, run)]


def losses_of_machine(plan: Plan, machine: str) -> list[str]:
    """Loss curves of all trainings of a machine, in the order of `Plan.trainings`."""
    return [of_run(f"{CHECKPOINT}.loss.csv", machine, run) for run in plan.trainings]


def evaluations(plan: Plan, suffix: str) -> list[str]:
    """Tables or bootstraps of all machines."""
    return [f"{filled(EVALUATION, {'machine': machine})}.{suffix}" for machine in plan.machines]


def to_simulate(plan: Plan) -> list[str]:
    """The demo's recordings, all of them; none of another data set."""
    return files_of(one for folder in plan.folders() for one in recordings(plan, folder)) if plan.is_demo else []


# ------------------------------------------------------------------------------------------------------ a whole run


def confusion_figures(plan: Plan, machine: str, run: Run) -> list[str]:
    """Confusion matrices of every detector and ensemble of a run at every SNR."""
    names = plan.names_at(run)
    pattern = of_run(CONFUSION_FIGURE, machine, run)
    return [filled(pattern, {"snr": snr, "detector": file_name(name)}) for snr, name in product(plan.snrs, names)]


def confusion_grids(plan: Plan, machine: str, run: Run) -> list[str]:
    """All of these in one figure; those of ensembles over several trainings in one each."""
    if run.is_training:
        return [of_run(CONFUSION_GRID, machine, run)]
    pattern = of_run(CONFUSION_GRID_OVER_TRAININGS, machine, run)
    return [filled(pattern, {"detector": file_name(name)}) for name in plan.names_at(run)]


def _figures_of_machine(plan: Plan, machine: str) -> list[str]:
    has_auc = machine in plan.auc_machines
    figures = []
    for protocol in plan.protocols:
        common = {"machine": machine, "protocol": suffix_of(protocol)}
        figures.append(filled(LOSS_FIGURE, common))
        for ensemble in plan.ensembles:
            over = ensemble["over"]
            noise_factors = () if not over else (None,) if "noise_factors" in over else plan.noise_factors
            for noise_factor in noise_factors:
                values = {
                    "nf": Run(noise_factor, None, protocol).noise_factor_text,
                    "detector": file_name(ensemble["name"]),
                }
                figures.append(filled(SCORE_FIGURE, common | values))
        for noise_factor in plan.noise_factors:
            values = common | {"nf": noise_factor_text(noise_factor)}
            figures += [filled(SCORE_FIGURE, values | {"detector": file_name(name)}) for name in plan.names_of_training]
            figures += [filled(ROC_FIGURE, values)] if has_auc else []
            figures += [
                filled(pattern, values | {"id": name})
                for pattern, name in product((DENOISING_FIGURE, PROJECTION_FIGURE), plan.ids(machine))
            ]
    if has_auc:
        figures += [
            figure
            for run, figures_of in product(plan.scored_runs, (confusion_grids, confusion_figures))
            for figure in figures_of(plan, machine, run)
        ]
    return figures


def result_figures(plan: Plan) -> dict[str, list[str]]:
    """Figures of the tables: kind -> figures, in the order of machines, and then of protocols.

    Of false alarms there are two of each machine, of the training time is one.  Those of AUCs are of machines with
    abnormal clips, and by ID of those with several IDs; heat maps are of a protocol.
    """
    of_machines = {"false_alarms": FALSE_ALARM_FIGURE, "false_alarms_by_share": FALSE_ALARMS_BY_SHARE_FIGURE}
    figures = {
        kind: [filled(pattern, {"machine": machine}) for machine in plan.machines]
        for kind, pattern in of_machines.items()
    }
    figures["training_time"] = [TRAINING_TIME_FIGURE]
    if not plan.auc_machines:
        return figures
    protocols = [suffix_of(protocol) for protocol in plan.protocols]
    figures["heat_map"] = [filled(HEAT_MAP_FIGURE, {"protocol": protocol}) for protocol in protocols]
    figures["auc"] = [filled(AUC_FIGURE, {"machine": machine}) for machine in plan.auc_machines]
    by_id = [filled(AUC_BY_ID_FIGURE, {"machine": machine}) for machine in plan.machines_by_id]
    figures |= {"by_id": by_id} if by_id else {}
    patterns = {"noise_factor": NOISE_FACTOR_FIGURE} if len(plan.noise_factors) > 1 else {}
    patterns |= {"ablation": ABLATION_FIGURE} if plan.ablation else {}
    for kind, pattern in patterns.items():
        figures[kind] = [
            filled(pattern, {"machine": machine, "protocol": protocol})
            for machine, protocol in product(plan.auc_machines, protocols)
        ]
    return figures


def final_outputs(plan: Plan) -> list[str]:
    """All that a run leaves.

    Also what other outputs follow from: Snakemake makes no intermediate file again while these are there.
    """
    outputs = [f"results/{name}" for name in TABLES]
    outputs += [figure for figures in result_figures(plan).values() for figure in figures]
    outputs += [cache(folder, suffix) for folder, suffix in product(plan.folders(), ("npy", "csv"))]
    for machine in plan.machines:
        outputs += [
            of_run(f"{CHECKPOINT}.{suffix}", machine, run) for run, suffix in product(plan.trainings, ("pt", "npz"))
        ]
        outputs += classifiers(plan, machine, plan.trainings)
        outputs += scores_without_ddae(plan, machine, plan.trainings)
        outputs += scores(plan, machine, plan.scored_runs)
        outputs += models(plan, machine)
        outputs += _figures_of_machine(plan, machine)
    outputs += [FEATURE_EXTRACTOR] if plan.exported else []
    return outputs
