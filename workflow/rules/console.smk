# What people see of a run on the terminal (asd.plan.console); Snakemake's own log file has every detail of each job.
# ASD_CONSOLE=snakemake in the environment, --verbose, --printshellcmds, --quiet, --show-failed-logs and --logger keep
# Snakemake's own output.

import copy

from snakemake.logging import DefaultFormatter

from asd.joblog import TOLD_BY_SNAKEMAKE
from asd.plan.console import Console

OWN_OUTPUT = os.environ.get("ASD_CONSOLE") == "snakemake"


class Detailed(DefaultFormatter):
    """Snakemake leaves out files, wildcards and resources of jobs that have a message; here they come with it."""

    def format(self, record):
        # errors have a message of their own, of the executor
        if not getattr(record, "rule_msg", None) or not hasattr(record, "reason"):
            return super().format(record)
        told = copy.copy(record)
        told.rule_msg = None
        head, _, rest = super().format(told).rstrip().partition(":\n")
        return f"{head}:\n    message: {record.rule_msg}\n{rest}"


def watch_run():
    """Have the terminal show what people need, and Snakemake's log file everything."""
    settings = workflow.logger_manager.settings
    handlers = {handler.name: handler for handler in logger.handlers}
    terminal = handlers.get("DefaultStreamHandler")
    for handler in filter(None, [terminal, handlers.get("DefaultLogFileHandler")]):
        handler.setFormatter(Detailed(settings.quiet, settings.show_failed_logs))
    asked_for_more = (
        settings.verbose
        or settings.printshellcmds
        or settings.debug_dag
        or settings.show_failed_logs
        or settings.quiet
    )
    if terminal is None or OWN_OUTPUT or asked_for_more:
        return None
    console = Console(
        terminal.stream,
        targets=TARGET_RULES,
        dry=settings.dryrun,
        colour=not terminal.nocolor,
        otherwise=terminal,
    )
    logger.removeHandler(terminal)
    logger.addHandler(console)
    console.keep_alive()
    return console


def quieten_jobs():
    """Jobs on this computer leave it to the end of the run to say why they failed."""
    if CONSOLE is not None and workflow.local_exec:
        os.environ[TOLD_BY_SNAKEMAKE] = "1"


# Another workflow that has this one as a module decides for itself
WATCHED = workflow.is_main_process and (workflow.modifier.is_main_snakefile() or OWN_OUTPUT)
TARGET_RULES = {"all", "default", "download", "score", "monitor"}
CONSOLE = None

if WATCHED:
    try:
        CONSOLE = watch_run()
    except (AttributeError, TypeError) as error:  # of another version of Snakemake
        logger.debug(f"Snakemake's own output is shown: {error}")
