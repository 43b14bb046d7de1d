# What is checked before a run, whatever its target, and said after it.


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
    for remark in checks.data_remarks(PLAN):
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
        logger.warning(
            f"The recordings are simulated ({DEMO_ROOT}): the results say nothing of real machines."
        )


def demo_folder_is_own(wildcards):
    """Input function without files, which Snakemake calls before it touches anything, whatever the target is."""
    require_own_demo_folder()
    return []


def show_summary():
    """Print the table of AUCs if this run made it."""
    table = Path(f"{PREFIX}results/summary.txt")
    if table.exists() and table.stat().st_mtime >= STARTED:
        print(f"\n{table.read_text(encoding='utf-8')}", file=sys.stderr, flush=True)


def show_mistakes():
    """Repeat, at the end of the output, what failed jobs said to the user: it has scrolled away, or was said on a node."""
    for path in sorted(Path(f"{PREFIX}results/logs").rglob("*.log")):
        if path.stat().st_mtime >= STARTED:
            _, found, message = path.read_text(encoding="utf-8").partition(USER_ERROR)
            if found:
                print(f"\n{path}:\n{message.rstrip()}", file=sys.stderr, flush=True)
