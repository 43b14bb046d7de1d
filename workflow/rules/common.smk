# What the rules stand on: the package, the checked configuration, the plan of the run, and adapters from wildcards to it.

import gc
import io
import logging
import os
import posixpath
import re
import sys
import tarfile
import tempfile
import time
from functools import cache
from inspect import signature
from itertools import product
from pathlib import Path

from snakemake.logging import logger
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile

STARTED = time.time()

# A plan of thousands of jobs is millions of objects that stay, which Python would search for garbage over and over: a
# sixth of the time of planning. There is next to none to find.
if workflow.is_main_process:
    gc.set_threshold(1_000_000, 50, 100)


def stop(headline, problems):
    """End with a message for the user; an exception would show as a stack of calls in this file."""
    text = "\n".join([headline, *(f"  - {problem}" for problem in problems)])
    # imported below, later than some of what can go wrong
    logger.error(globals().get("for_terminal", str)(text))
    sys.exit(1)


# ------------------------------------------------------------------------------------------------- the package


def workflow_folder():
    """The folder `workflow/` on this computer. If Snakemake reads it from git, it is copied into Snakemake's cache of
    sources, where scripts of jobs find the package, too."""
    rules = workflow.current_basedir
    if isinstance(rules, LocalSourceFile):
        return Path(rules.get_path_or_uri(secret_free=True)).parent
    if isinstance(rules, HostingProviderFile):
        repository = rules.hosted_repo.repo
    elif isinstance(rules, LocalGitFile):
        import git

        repository = git.Repo(rules.repo_path)
        # Snakemake 9.27 joins a script to its folder in a local repository as if both were text
        join = LocalGitFile.join
        LocalGitFile.join = lambda folder, path: join(folder, str(path))
    else:
        stop(
            "The workflow can't be loaded:",
            [f"{rules}: load it from a local folder, or with github(), gitlab() or gitfile()"],
        )
    name = posixpath.dirname(rules.path)
    commit = repository.commit(rules.ref).hexsha
    folder = Path(workflow.sourcecache.runtime_cache_path) / "workflows" / commit
    if not folder.exists():
        packed = io.BytesIO()
        repository.archive(packed, treeish=commit, path=name)
        packed.seek(0)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            with tarfile.open(fileobj=packed) as archive:
                archive.extractall(Path(temporary) / "unpacked", filter="data")
            # another process may have been faster
            if not folder.exists():
                os.rename(Path(temporary) / "unpacked", folder)
    return folder / name


WORKFLOW = workflow_folder()
SCRIPTS = WORKFLOW / "scripts"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))
# Snakemake hands its import path on to the scripts, but behind what is installed: another version of the package, perhaps
SEARCHED_FIRST = [
    path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path != str(SCRIPTS)
]
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(SCRIPTS), *SEARCHED_FIRST])))

import asd

if Path(asd.__file__).parent != SCRIPTS / "asd":
    stop(
        "The workflow can't be loaded:",
        [
            f"another package 'asd' ({Path(asd.__file__).parent}) is in use already. Two versions of this workflow can't be "
            "modules of one Snakefile."
        ],
    )

from asd.ddae.run import ALL, Run, noise_factor_text, suffix_of
from asd.demo.ownership import manifest_of
from asd.errors import UserError
from asd.files.neutral import for_terminal
from asd.files.origin import Digested
from asd.joblog import USER_ERROR
from asd.plan import (
    Plan,
    archives,
    changes,
    checks,
    configuration,
    ending,
    fingerprint,
    leftovers,
    messages,
    new_recordings,
    origins,
    parameters,
    paths,
    provenance,
    work,
)
from asd.plan.run import DEMO_ROOT, clips, demo_recordings, given_cache, recordings
from asd.recordings.layout import KINDS, LABELLED, Folder, files_of
from asd.recordings.state import state_of_files

# each job says in its log where it makes do with fewer clips
logging.getLogger("asd.splits").setLevel(logging.ERROR)


@cache
def code(script):
    """Hash of what a script and the modules it imports do: Snakemake does not look into imported modules."""
    return fingerprint.code_fingerprint(SCRIPTS / script, SCRIPTS / "asd")


def hashed(script):
    """Parameter function, the same. Each job parses these files, and needs the hash of its own script alone."""
    return lambda wildcards: code(script)


# ---------------------------------------------------------------------------------------------------- the plan

try:
    CHECKED = configuration.checked(
        config,
        command_line=workflow.config_settings.config,
        files=workflow.configfiles,
        schema_folder=WORKFLOW / "schemas",
    )
except configuration.ConfigurationError as error:
    stop("The configuration can't be used:", error.problems)

PLAN = Plan.from_config(CHECKED.config, CHECKED.samples or ())

# Of a module with a prefix: it stands before all that the workflow makes, but not before what the user has named
PREFIX = workflow.modifier.path_modifier.replace_prefix("results").removesuffix("results")
# Results, and the demo's recordings, are in cloud storage, and each job has copies of those it needs
IN_STORAGE = workflow.storage_settings.default_storage_provider is not None
PROTOCOLS = {suffix_of(protocol): protocol for protocol in PLAN.protocols}


def any_of(values):
    """Regular expression of a wildcard that takes just these values."""
    return "|".join(sorted({re.escape(str(value)) for value in values}))


NOISE_FACTORS = [noise_factor_text(value) for value in PLAN.noise_factors]


wildcard_constraints:
    machine=any_of(PLAN.machines),
    snr=any_of(PLAN.snrs),
    id=any_of(name for machine in PLAN.machines for name in PLAN.ids(machine)),
    kind=any_of(KINDS),
    nf=any_of([*NOISE_FACTORS, ALL]),
    seed=any_of([*PLAN.seeds, ALL]),
    # in brackets, since nothing at all would be taken for no constraint
    protocol=f"(?:{any_of(PROTOCOLS)})",


# ------------------------------------------------------------------------------------------------------- adapters


def protocol_of(wildcards):
    return PROTOCOLS[wildcards.protocol]


def folder_of(wildcards):
    return Folder(wildcards.machine, wildcards.snr, wildcards.id, wildcards.kind)


def noise_factor_of(wildcards):
    return None if wildcards.nf == ALL else float(wildcards.nf)


def ensemble_of(wildcards):
    return next(
        name for name in PLAN.names_over_trainings if paths.file_name(name) == wildcards.detector
    )


ARGUMENTS = {
    "machine": lambda wildcards: wildcards.machine,
    "id": lambda wildcards: wildcards.id,
    "ids": lambda wildcards: PLAN.ids(wildcards.machine),
    "one_id": lambda wildcards: [wildcards.id],
    "detector": lambda wildcards: wildcards.detector,
    "archive": lambda wildcards: wildcards.archive,
    "protocol": protocol_of,
    "scope": lambda wildcards: wildcards.get("machine"),  # none of what is of all machines
    "seed": lambda wildcards: int(wildcards.seed),
    "noise_factor": noise_factor_of,
    "ensemble": ensemble_of,
    "run": lambda wildcards: Run.of(wildcards.nf, wildcards.seed, protocol_of(wildcards)),
    # under each protocol
    "runs": lambda wildcards: [
        Run.of(wildcards.nf, wildcards.seed, protocol) for protocol in PLAN.protocols
    ],
    "first_runs": lambda wildcards: PLAN.first_runs(noise_factor_of(wildcards)),
    "runs_scored": lambda wildcards: PLAN.scored_at(noise_factor_of(wildcards)),
    "runs_shown": lambda wildcards: PLAN.runs_shown(
        ensemble_of(wildcards), noise_factor_of(wildcards)
    ),
    "folder": folder_of,
}


def planned(function, *arguments, **fixed):
    """Function of wildcards (for inputs, parameters and work) from one of the plan, which takes the plan, the
    `arguments` that the wildcards stand for, and what is `fixed`."""
    # Snakemake keeps parameters as text, with each file that a job makes, and reads them whenever it plans
    shown = Digested if function.__module__ == origins.__name__ else lambda value: value

    def of_wildcards(wildcards):
        try:
            values = (ARGUMENTS[name](wildcards) for name in arguments)
            return shown(function(PLAN, *values, **fixed))
        except UserError as error:
            stop("The data can't be used:", [str(error)])

    # Snakemake asks for it several times for each job; looked up, it takes a tenth of the time to find out
    of_wildcards.__signature__ = signature(of_wildcards)
    return of_wildcards


def described(function, *arguments):
    """Parameter function: what a job is about, for its `message`. Since it takes the input, Snakemake does not compare its
    values: other words run nothing again. Only the process that people watch needs them; on a node of a cluster,
    recordings may be out of reach."""
    of_wildcards = planned(function, *arguments)

    def about(wildcards, input):
        return of_wildcards(wildcards) if workflow.is_main_process else ""

    return about


def given_by_user(files):
    """Files that were there before the workflow, wherever it writes: a prefix is not theirs, and cloud storage does
    not have them, so that a job that reads them is not submitted where nodes share no disk with this computer.
    """
    return [local(file) for file in files] if IN_STORAGE or PREFIX else files


def would_be_filled_in(file):
    """Whether Snakemake would read its name as a pattern: `{id}.wav` as a wildcard, `<results>` as a variable. There is
    no way to escape them, so that such a file is no input; the job is given its name as a parameter.
    """
    return "{" in file or "<" in file


def as_inputs(files):
    """Those of the user's files that can be inputs."""
    return given_by_user([file for file in files if not would_be_filled_in(file)])


def by_name(files):
    """All files of a job if some of them can't be inputs, else none."""
    return files if any(map(would_be_filled_in, files)) else []


def kept_while_made(path):
    """Output that its job finds as it is. Snakemake does not fetch it from cloud storage, and would miss it there."""
    return path if IN_STORAGE else update(path)


def clips_of(wildcards):
    """Recordings that a job waits for. The user's are no input: whether they have changed is for `state_of_clips` to
    say, by their content and not by their dates and paths, and their names may hold anything. Where results are in cloud
    storage, they are, so that the job is not submitted to where they can't be read."""
    require_data()
    files = files_of(planned(recordings, "folder")(wildcards))
    if PLAN.is_demo:
        return files
    return [ancient(file) for file in as_inputs(files)] if IN_STORAGE else []


class Later:
    """Value of a parameter that is found out as a job is sent it: of a run, Snakemake asks for those of all jobs, also of
    the many that have nothing to do."""

    def __init__(self, find):
        self.find = find

    def __reduce__(self):
        value = self.find()
        return type(value), (value,)


def recordings_read(wildcards, input):
    """Parameter function; since it takes the input, Snakemake does not compare its values, which hold paths."""
    if not PLAN.is_demo:
        return Later(lambda: planned(parameters.recordings_of, "folder")(wildcards))
    return [[[file], "", "", []] for file in input]


def findings_read(wildcards, input):
    """Parameter function, not compared for the same reason: what is odd about the recordings."""
    return Later(lambda: planned(parameters.findings_of, "folder")(wildcards))


@cache
def asked(rule):
    """What is asked about new recordings."""
    try:
        return new_recordings.asked(PLAN, rule)
    except UserError as error:
        stop("New recordings can't be scored:", [str(error)])


def asked_of(wildcards):
    """The same, if it is about what a job makes."""
    found = asked("score")
    if paths.filled(paths.SCORED, wildcards) != found.place:
        stop(
            "New recordings can't be scored:",
            [f"score: asks for {found.place}.csv, and nothing else"],
        )
    return found


def root_of_recordings(wildcards, input):
    """Parameter function, not compared either: where recordings are, if a job can do without them."""
    return f"{PREFIX if PLAN.is_demo else ''}{PLAN.root}"


def files_of_recordings(wildcards, input):
    """Parameter function, not compared either: the files of recordings that have one for each channel."""
    return Later(lambda: planned(parameters.files_of_recordings)(wildcards))


def root_of_clips(wildcards, input):
    """Parameter function: the folder that names of recordings start from."""
    if not PLAN.is_demo:
        return PLAN.root
    return input[0].removesuffix(os.path.relpath(clips_of(wildcards)[0], PLAN.root))


@cache
def states_of_clips():
    extraction = parameters.extract_features(PLAN, code("extract_features.py"))["extraction"]
    return changes.folder_states(PLAN, extraction, PREFIX)


def state_of_clips(wildcards):
    """Changes with each change of a recording, but not with its date or its folder alone."""
    require_data()
    if PLAN.is_demo:
        return changes.state_of_demo(PLAN, code("simulate_recordings.py"))
    return states_of_clips()[folder_of(wildcards)].name


@cache
def redated_clips():
    """Recordings with other dates than when they were read, and the same content."""
    if PLAN.is_demo or PLAN.cache is not None or IN_STORAGE:
        return []
    return [line for state in states_of_clips().values() for line in state.redated]


def dates_to_note(wildcards):
    """The list of their dates, where it lacks some, so that the next run need not read them again."""
    require_data()
    known = changes.read_dates(f"{PREFIX}{paths.DATES}")
    if all(line[:3] in known for line in redated_clips()):
        return []
    logger.info(
        f"{len(redated_clips())} recordings have other dates than when they were read, but the same content."
    )
    return [paths.DATES]


def caches_given(wildcards):
    """The cache, in a list, and its clip list where there is one; no cache of abnormal clips where there are none."""
    path = given_cache(PLAN, folder_of(wildcards))
    found = {"cache": path, "clips": paths.given_clip_list(path)}
    return {name: [] if file is None else [file] for name, file in found.items()}


def caches_as_inputs(wildcards):
    require_data()
    return {name: as_inputs(files) for name, files in caches_given(wildcards).items()}


def caches_by_name(wildcards):
    """The same where they can't be inputs, with their state; nothing where they are."""
    named = {name: by_name(files) for name, files in caches_given(wildcards).items()}
    return (
        {**named, "state": list(state_of_files(sum(named.values(), [])))}
        if any(named.values())
        else {}
    )


# Unpacked by this run: the mark of another run says nothing, since its folder may have been deleted.
ARCHIVE_MARK = f".snakemake/archives/{{archive}}.{STARTED:.0f}"


@cache
def archives_left():
    """Archives that `download` has yet to fetch; stops if they can't be had or have no room."""
    asked = workflow.resource_settings
    try:
        names = archives.archives_left(PLAN)
        archives.require_space_for(PLAN, names, asked.cores or asked.local_cores or 1)
    except UserError as error:
        stop("The archives can't be fetched:", [str(error)])
    if not names:
        logger.info(f"All archives are unpacked already ({PLAN.root}).")
    return names


def marks_of_archives_left(wildcards):
    return given_by_user([ARCHIVE_MARK.format(archive=name) for name in archives_left()])


def is_log_or_benchmark(path):
    """Whether a path is what a rule writes beside its outputs, for what is in the plan."""
    for defined in workflow.rules:
        for pattern in filter(None, [*defined.log, defined.benchmark]):
            found = pattern.match(path)
            values = found.groupdict() if found else {}
            if found and values.get("id") in (
                None,
                *PLAN.ids(values.get("machine", PLAN.machines[0])),
            ):
                return True
    return False


def report_of_leftovers():
    if IN_STORAGE:
        stop("Leftovers can't be listed:", ["the results are in cloud storage: list them there"])
    return leftovers.report(leftovers.leftovers(PLAN, PREFIX, is_log_or_benchmark))
