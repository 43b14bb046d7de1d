# What is checked before a run, whatever its target, and said after it.

import snakemake.persistence as records


@cache
def require_data():
    """Stop before any job runs if clips are missing or too few, with everything that is. Only what needs recordings
    asks for this: a download does without."""
    # the jobs of a run parse these files again; the data have been checked by then
    if not workflow.is_main_process:
        return
    problems = checks.data_problems(PLAN)
    if problems:
        stop("The data can't be used:", problems)
    for remark in [*CHECKED.remarks, *checks.data_remarks(PLAN)]:
        logger.warning(remark)
    without = checks.ids_without_abnormal_clips(PLAN)
    if without:
        logger.warning(
            f"No abnormal clips of {', '.join(without[:12])}{' and others' if len(without) > 12 else ''}: they are "
            "trained on and scored, but there is no AUC of them."
        )


@cache
def require_own_demo_folder():
    """Stop where files of others would be overwritten, or read as if they were the demo's. In cloud storage, the folder
    is under a prefix that is the workflow's own."""
    if workflow.is_main_process and not IN_STORAGE:
        problem = checks.demo_problem(PREFIX)
        if problem:
            stop("The demo's recordings can't be made:", [problem])
        # of modules, Snakemake calls no onstart
        if not workflow.modifier.is_main_snakefile():
            tell_of_simulation()


def tell_of_simulation():
    """Once there is something to do, so that a run with nothing to do says no more than that."""
    logger.warning(
        f"The recordings are simulated ({DEMO_ROOT}): the results say nothing of real machines."
    )


def demo_folder_is_own(wildcards):
    """Input function without files, which Snakemake calls before it touches anything, whatever the target is."""
    require_own_demo_folder()
    return []


# ------------------------------------------------------------------------------------- results without a record


def as_planned(function, script, *arguments):
    """Function of wildcards: whether an output says that it is what the plan asks for."""
    return planned(function, *arguments, results=PREFIX, code=code(script))


def cache_as_planned(wildcards):
    about = {"state": state_of_clips(wildcards), "code": code("extract_features.py")}
    return provenance.cache_is_as_planned(PLAN, folder_of(wildcards), PREFIX, **about)


# Rules whose outputs say it; of the others, tables and figures, nothing but making them again tells.
PROOFS = {
    workflow.modifier.modify_rulename(rule): proof
    for rule, proof in {
        "extract_features": cache_as_planned,
        "import_features": planned(provenance.import_is_as_planned, "folder", results=PREFIX),
        "train_ddae": as_planned(
            provenance.weights_are_as_planned, "train_ddae.py", "machine", "run"
        ),
        "train_classifier": as_planned(
            provenance.classifier_is_as_planned,
            "train_classifier.py",
            "scope",
            "seed",
            "protocol",
        ),
        "detect_without_ddae": as_planned(
            provenance.scores_without_ddae_are_as_planned,
            "detect_without_ddae.py",
            "machine",
            "seed",
            "protocol",
        ),
        "detect_anomalies": as_planned(
            provenance.scores_are_as_planned, "detect_anomalies.py", "machine", "run"
        ),
        "combine_scores": as_planned(
            provenance.ensembles_are_as_planned, "combine_scores.py", "machine", "run"
        ),
        "evaluate_scores": as_planned(
            provenance.evaluation_is_as_planned, "evaluate_scores.py", "machine"
        ),
    }.items()
}


@cache
def tell_of_doubt(said):
    """Once; where Snakemake has not been told to make such results again, that is said."""
    if not workflow.dag_settings.force_incomplete:
        remedy = "Add --rerun-incomplete, as profiles/default does; or --touch, if you know that they are right."
        stop("The results can't be told to be those of this configuration:", [f"{said}. {remedy}"])
    logger.warning(f"{said}: what does not say that it is of this configuration is made again.")


def outputs_to_doubt(persistence, job):
    """Outputs that are there, that Snakemake would keep, and that are perhaps not those of this configuration: it has no
    record of them, or, of caches, they are no longer those that it has a record of."""
    there = [file for file in job.output if os.path.exists(file)]
    unknown = [file for file in there if persistence.metadata(file) is None]
    proof = PROOFS.get(job.rule.name, lambda wildcards: False)
    if unknown:
        if proof(job.wildcards):
            return []
        tell_of_doubt(
            "Snakemake has no record of some of the results, perhaps since .snakemake is missing"
        )
        return unknown
    # recordings are no inputs, so that Snakemake does not see that a cache is of others
    if there and proof is cache_as_planned and not proof(job.wildcards):
        if not persistence.params_changed(job):
            tell_of_doubt("Some feature caches are not of the recordings that are there now")
            return there
    return []


def doubt_results():
    """Have Snakemake take such outputs for incomplete ones, which it makes again (`rerun-incomplete`)."""
    own = {rule.name for rule in workflow.rules}
    Persistence = getattr(records, "PersistenceBase", None) or records.Persistence
    incomplete = Persistence.incomplete

    async def incomplete_or_doubtful(persistence, job):
        marked = await incomplete(persistence, job)
        return marked or (outputs_to_doubt(persistence, job) if job.rule.name in own else marked)

    Persistence.incomplete = incomplete_or_doubtful


def show_summary():
    """Print the table of AUCs if this run made it, and what to open next."""
    table = Path(f"{PREFIX}results/summary.txt")
    if table.exists() and table.stat().st_mtime >= STARTED:
        lines = [
            *ending.summary_lines(table.read_text(encoding="utf-8"), str(table)),
            "",
            *ending.next_lines(PLAN, PREFIX, sys.argv[1:]),
        ]
        text = for_terminal("\n".join(lines))
        print(f"\n{text}\n", file=sys.stderr, flush=True)


def show_mistakes():
    """Repeat, at the end of the output, what failed jobs said to the user: it has scrolled away, or was said on a node."""
    if CONSOLE is not None:
        CONSOLE.tell_failures()
        return
    for path in sorted(Path(f"{PREFIX}results/logs").rglob("*.log")):
        if path.stat().st_mtime >= STARTED:
            _, found, message = path.read_text(encoding="utf-8").partition(USER_ERROR)
            if found:
                print(f"\n{path}:\n{message.rstrip()}", file=sys.stderr, flush=True)
