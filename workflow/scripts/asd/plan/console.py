"""What people see of a run: a line for each job that has ended, with progress and time left; failures once, at the end.

Snakemake's logger hands over its records, of which this knows the attributes and no class.  What is of no use to people
is left out; Snakemake's own log file has it.
"""

from __future__ import annotations

import ast
import logging
import os
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TextIO

from ..files.neutral import for_terminal, in_one_line
from ..joblog import USER_ERROR

SILENCE = 8.0
"""Seconds after which a line says that the run goes on; in long runs a sixtieth of the time that has passed."""

LONGEST = 400
"""Characters of a line."""

_FEW = 12
"""Jobs that a dry run lists one by one."""

_SHOWN_FAILURES = 3
_LINES_OF_A_CAUSE = 12
_LINES_OF_ONE_OF_SEVERAL = 3
_ENOUGH_TO_ESTIMATE = 3  # finished jobs, or a twentieth of all
_NEVER_SAID = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell:",
    "Group jobs: inactive",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Select jobs to execute",
    "Updating jobs with queue input",
    "Touching output file",
    "Removing temporary output",
    "Cannot restore ",  # what a failed job was to update and had not made yet
    "Elapsed time:",
    "Shutting down, this might take some time",
    "Reasons:\n",
    "Some jobs were triggered by provenance information",
    "Rules with provenance triggered jobs:",
)
_NOT_SHOWN = {"shellcmd", "job_started", "workflow_started", "rulegraph", "group_info", "debug_dag", "progress"}
_NOTHING_TO_DO = "Nothing to be done"
_TRACEBACK = "Traceback (most recent call last)"
_LAST_ERROR = "Exiting because a job execution failed"
_FAILED_COMMAND = re.compile(r"(?:RuleException:\s+)?CalledProcessError in file ")
_RETRIED = re.compile(r"Trying to restart job (\d+)")
_PARAMETERS = re.compile(r"before: (.*) now: (.*?) ?$", re.DOTALL)
_RED, _YELLOW, _PLAIN = "\033[31m", "\033[33m", "\033[0m"


# --------------------------------------------------------------------------------------------------------- words


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds.

    Examples
    --------
    >>> clock(133.4)
    '00:02:13'
    """
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def about(seconds: float) -> str:
    """A duration as far as an estimate is worth saying.

    Examples
    --------
    >>> about(33), about(130), about(9000)
    ('about 40 s', 'about 2 min', 'about 2.5 h')
    """
    if seconds <= 50:
        return f"about {max(1, -(-int(seconds) // 10)) * 10} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.2g} h" if seconds < 36_000 else f"about {seconds / 3600:.0f} h"


def shortened(text: str) -> str:
    """Text, harmless for terminals, none of whose lines is longer than `LONGEST`."""
    lines = for_terminal(text).split("\n")
    return "\n".join(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…" for line in lines)


def counted(number: int, thing: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "job"), counted(1200, "job")
    ('1 job', '1,200 jobs')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


# ------------------------------------------------------------------------------------------------------ progress


@dataclass
class Progress:
    """How far a run is, and how long it will still take.

    Attributes
    ----------
    left
        Rule -> jobs that have not ended.
    """

    left: Counter[str]
    total: int = 0
    done: int = 0
    begun: float | None = None
    running: dict[int, tuple[str, float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))

    def starts(self, job: int, rule: str, now: float) -> None:
        """A job has been started."""
        self.begun = now if self.begun is None else self.begun
        self.running[job] = (rule, now)

    def ends(self, job: int, now: float, *, well: bool) -> None:
        """A job has ended, well or not."""
        rule, since = self.running.pop(job, ("", now))
        if well:
            self.done += 1
            self.left[rule] -= 1
            measured = self.seconds[rule]
            measured[0] += now - since
            measured[1] += 1

    def seconds_left(self, now: float) -> float | None:
        """Estimate from the mean durations of the jobs of each rule, and of all jobs where none of a rule has ended;
        None as long as there is too little to go by."""
        sums = [sum(column) for column in zip(*self.seconds.values(), strict=True)] or [0.0, 0.0]
        enough = max(_ENOUGH_TO_ESTIMATE, self.total / 20)
        if self.begun is None or sums[1] < enough or sums[0] <= 0 or now <= self.begun:
            return None
        mean = sums[0] / sums[1]
        each = {rule: total / number for rule, (total, number) in self.seconds.items() if number}
        open_ = sum(max(0, number) * each.get(rule, mean) for rule, number in self.left.items())
        begun = [(each.get(rule, mean), now - since) for rule, since in self.running.values()]
        at_once = (sums[0] + sum(spent for _, spent in begun)) / (now - self.begun)
        return float(max(0.0, open_ - sum(min(spent, usual) for usual, spent in begun)) / max(at_once, 0.1))

    def text(self, now: float) -> str:
        """For the beginning of a line.

        Examples
        --------
        >>> Progress(Counter(), total=153, done=23).text(0)
        '[ 23/153]'
        """
        left = self.seconds_left(now) if self.done < self.total else None
        width = len(str(self.total))
        return f"[{self.done:{width}d}/{self.total}{'' if left is None else f', {about(left)} left'}]"


# ------------------------------------------------------------------------------------------------------ failures


@dataclass(frozen=True)
class Failure:
    """A job that has failed.

    Attributes
    ----------
    about
        Its message.
    logs
        Where it may have said why.
    group
        What it was submitted with, if it was: Snakemake takes all jobs of a group for failed.
    word
        Of the scheduler of a cluster, which may know more than the log: that memory was used up, say.
    """

    rule: str
    about: str
    logs: tuple[str, ...]
    group: str = ""
    word: str = ""


def cause(log: str) -> str:
    """Why a job failed, from the text of its log; nothing if it says nothing of it."""
    _, found, message = log.partition(USER_ERROR)
    if found:
        return message.strip()
    if log.rstrip().endswith(" WARNING interrupted"):
        return "It was interrupted."
    lines = log.partition(_TRACEBACK)[2].rstrip().splitlines()
    return lines[-1].strip() if lines else ""


def _causes(failure: Failure, since: float) -> Iterator[tuple[str, str]]:
    """Logs of a failure that say why, and what they say; logs of earlier runs say nothing of this one."""
    for log in failure.logs:
        try:
            if os.stat(log).st_mtime >= since:
                text = cause(Path(log).read_text(encoding="utf-8", errors="replace"))
                if text:
                    yield log, text
        except OSError:
            continue


def failure_lines(failures: Sequence[Failure], progress: Progress, since: float = 0) -> Iterator[str]:
    """What failed, why, and where more is said: a few failures in full, the others counted.

    Parameters
    ----------
    since
        When the run began, in seconds of the clock that files are dated by.
    """
    said = {failure: next(_causes(failure, since), ("", "")) for failure in failures}
    explained = {failure.group for failure, (log, _) in said.items() if log and failure.group}
    failures = [failure for failure, (log, _) in said.items() if log or failure.group not in explained]
    shown = _LINES_OF_A_CAUSE if len(failures) == 1 else _LINES_OF_ONE_OF_SEVERAL
    kept = f"{progress.done} of {counted(progress.total, 'job')} {'is' if progress.done == 1 else 'are'} done and kept"
    yield f"{counted(len(failures), 'job')} failed; {kept}:"
    for failure in failures[:_SHOWN_FAILURES]:
        yield f"  {failure.about}  (rule {failure.rule})"
        log, text = said[failure]
        if not log and failure.word:
            text = failure.word
        elif not log:
            yield "    Its log does not say why: killed, perhaps for want of memory, or see the lines above."
        lines = text.splitlines()
        yield from (f"    {line}" for line in lines[:shown])
        if len(lines) > shown:
            yield f"    ... and {counted(len(lines) - shown, 'more line')}"
        for path in [log] if log else list(failure.logs)[:1]:
            yield f"    log: {path}"
    others = Counter(failure.rule for failure in failures[_SHOWN_FAILURES:])
    if others:
        yield f"  and {', '.join(f'{number} of rule {rule}' for rule, number in others.most_common())}"
    yield "The same command goes on from here once that is put right."


# ------------------------------------------------------------------------------------------------------- dry runs

_REASONS = {
    "Params have changed": "settings changed",
    "Code has changed": "code changed",
    "Set of input files has changed": "made from other files",
    "Software environment": "packages changed",
    "Missing output files": "not made yet",
    "Incomplete output files": "not finished last time",
    "Updated input files": "what it reads is newer",
    "Forced execution": "asked for",
    "Rules with neither input": "asked for",
    "Rules with a run or shell": "asked for",
    "Input files updated by another job": "what it reads is made anew",
}
"""How Snakemake begins a reason, and what that means; the one that comes first here counts."""


def why(reason: str) -> str:
    """A reason of Snakemake in a few words.

    Examples
    --------
    >>> why("Missing output files: a, b; Input files updated by another job: c")
    'not made yet'
    """
    for begins, meaning in _REASONS.items():
        if begins in reason:
            keys = _changed_keys(reason) if meaning == "settings changed" else []
            return f"{', '.join(keys[:4])}{' and others' if len(keys) > 4 else ''} changed" if keys else meaning
    return "to be made"


def _changed_keys(reason: str) -> list[str]:
    """Names of the settings that differ, where the reason tells."""
    found = _PARAMETERS.search(reason.partition("Params have changed")[2].partition("; ")[0])
    if not found:
        return []
    try:
        before, now = (ast.literal_eval(f"[{text}]") for text in found.groups())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    # dictionaries may stand beside the settings, in any order
    pairs = product((one for one in before if isinstance(one, dict)), (one for one in now if isinstance(one, dict)))
    alike = [(old, new) for old, new in pairs if old.keys() == new.keys()]
    return [str(key).replace("_", " ") for old, new in alike for key in old if old[key] != new[key]]


@dataclass(frozen=True)
class Planned:
    """A job that would run."""

    rule: str
    about: str
    reason: str


def plan_lines(jobs: Sequence[Planned]) -> Iterator[str]:
    """What a dry run says: how many jobs of each rule, and why, with an example; a few jobs one by one."""
    yield f"{counted(len(jobs), 'job')} would run:"
    rules: dict[str, list[Planned]] = {}
    for job in jobs:
        rules.setdefault(job.rule, []).append(job)
    width = max(map(len, [*rules, "total"]))
    yield f"{'job':{width}}  count  why"
    for rule, of_rule in rules.items():
        reasons = Counter(why(job.reason) for job in of_rule)
        said = ", ".join(
            f"{number} {reason}" if len(reasons) > 1 else reason for reason, number in reasons.most_common(3)
        )
        one_by_one = len(jobs) <= _FEW and len(of_rule) > 1
        example = of_rule[0].about if len(of_rule) == 1 else "" if one_by_one else f"such as {of_rule[0].about}"
        yield f"{rule:{width}}  {len(of_rule):5d}  {'; '.join(filter(None, [said, example]))}"
        if one_by_one:
            yield from (f"{'':{width}}         {job.about}" for job in of_rule)
    yield f"{'total':{width}}  {len(jobs):5d}"
    yield "Nothing was run (-n). Add -p for everything that Snakemake knows of each job."


# --------------------------------------------------------------------------------------------------------- console


class Console(logging.Handler):
    """Takes the place of the handler that writes Snakemake's records to the terminal.

    Parameters
    ----------
    stream
        Where people read.
    targets
        Rules that only gather files: not counted, not shown.
    dry
        Whether nothing is run.
    colour
        Whether the stream obeys colours.
    otherwise
        The handler whose place it takes; should records not be as expected, it goes on with them.
    now
        A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        targets: Collection[str] = (),
        dry: bool = False,
        colour: bool = False,
        otherwise: logging.Handler | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.stream = stream
        self.targets = frozenset(targets)
        self.dry = dry
        self.colour = colour
        self.otherwise = otherwise
        self.now = now
        self.started = self.last_said = now()
        self.dated = time.time() - 2  # clocks of disks may be behind
        self.progress = Progress(Counter())
        self.abouts: dict[int, tuple[str, str]] = {}
        self.failures: dict[int, Failure] = {}
        self.planned: list[Planned] = []
        self.cores: int | None = None
        self.given_up = False
        self.told_plan = False
        self.ended = threading.Event()

    # ------------------------------------------------------------------------------------------------- writing

    def say(self, text: str, colour: str = "") -> None:
        """Write text as it is, cut where lines are too long."""
        text = shortened(text)
        coloured = f"{colour}{text}{_PLAIN}" if colour and self.colour else text
        self.stream.write(f"{coloured}\n")
        self.stream.flush()
        self.last_said = self.now()

    def _progress_line(self, text: str, colour: str = "") -> None:
        now = self.now()
        self.say(f"{clock(now - self.started)}  {self.progress.text(now)}  {in_one_line(text)}", colour)

    def sign_of_life(self) -> None:
        """A line that says what is going on, if there has been none for a while."""
        now = self.now()
        if now - self.last_said < max(SILENCE, (now - self.started) / 60):
            return
        if self.progress.begun is None:
            self.say(f"{clock(now - self.started)}  finding out what has to be made ...")
            return
        if not self.progress.running:
            self._progress_line("still at it")
            return
        number, (_, since) = min(self.progress.running.items(), key=lambda item: item[1][1])
        others = len(self.progress.running) - 1
        more = f" (and {counted(others, 'other')})" if others else ""
        self._progress_line(f"still at it, for {int(now - since)} s: {self._about(number)}{more}")

    def keep_alive(self) -> None:
        """Give signs of life from a thread of its own until the handler is closed."""

        def watch() -> None:
            while not self.ended.wait(1):
                with self.lock or threading.RLock():
                    try:
                        self.sign_of_life()
                    except (OSError, ValueError):  # nobody listens any more
                        return

        threading.Thread(target=watch, name="signs of life", daemon=True).start()

    def close(self) -> None:
        """No more signs of life."""
        self.ended.set()
        super().close()

    # ------------------------------------------------------------------------------------------------- records

    def emit(self, record: logging.LogRecord) -> None:
        """Write what people want to know of a record."""
        if not self.given_up:
            try:
                self._take(record)
            except BrokenPipeError:
                raise
            except Exception:
                self.given_up = True
                self.ended.set()
            else:
                return
        if self.otherwise is not None:
            self.otherwise.handle(record)

    def _about(self, job: int) -> str:
        return self.abouts.get(job, ("", f"job {job}"))[1]

    def _take(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        name = "" if event is None else str(getattr(event, "value", event)).lower()
        take = getattr(self, f"_take_{name}", None)
        if take is not None:
            take(record.__dict__)
        elif name not in _NOT_SHOWN and record.msg:
            self._take_text(record.getMessage(), record.levelno)

    def _take_run_info(self, record: Mapping[str, object]) -> None:
        stats = record["stats"]
        assert isinstance(stats, Mapping)
        counts = {rule: number for rule, number in stats.items() if rule not in self.targets and rule != "total"}
        if self.dry:
            if self.planned:
                self._tell_plan()
            return
        self.progress = Progress(Counter(counts), total=sum(counts.values()))
        cores = "" if self.cores is None else f", on {counted(self.cores, 'core')}"
        self.say(f"{counted(self.progress.total, 'job')} to run{cores}.")

    def _tell_plan(self) -> None:
        if not self.told_plan:
            self.told_plan = True
            for line in plan_lines(self.planned):
                self.say(line)

    def _take_resources_info(self, record: Mapping[str, object]) -> None:
        cores = record.get("cores")
        self.cores = cores if isinstance(cores, int) else self.cores

    def _take_job_info(self, record: Mapping[str, object]) -> None:
        job, rule = int(str(record["jobid"])), str(record["rule_name"])
        wildcards = record["wildcards"]
        assert isinstance(wildcards, Mapping)
        values = ", ".join(f"{name} {value}" for name, value in wildcards.items())
        words = str(record["rule_msg"] or f"{rule}{f' of {values}' if values else ''}")
        self.abouts[job] = (rule, in_one_line(words))
        if rule in self.targets:
            return
        if self.dry:
            self.planned.append(Planned(rule, self._about(job), str(record["reason"])))
        else:
            self.progress.starts(job, rule, self.now())

    def _take_job_finished(self, record: Mapping[str, object]) -> None:
        job = int(str(record["job_id"]))
        rule, words = self.abouts.get(job, ("", self._about(job)))
        if rule in self.targets:
            return
        self.failures.pop(job, None)
        self.progress.ends(job, self.now(), well=True)
        self._progress_line(words if words.startswith(rule) else f"{words} ({rule})")

    def _take_job_error(self, record: Mapping[str, object]) -> None:
        job, rule = int(str(record["jobid"])), str(record["rule_name"])
        logs = record["log"]
        assert isinstance(logs, Iterable)
        known = self.failures.get(job)
        found = tuple(dict.fromkeys([*(known.logs if known else ()), *map(str, logs)]))
        group = known.group if known else str(record.get("group", ""))
        word = str(record.get("rule_msg") or (known.word if known else ""))
        self.failures[job] = Failure(rule, self._about(job), found, group, word)
        self.progress.ends(job, self.now(), well=False)
        if not known:
            self._progress_line(f"FAILED: {self._about(job)}", _RED)

    def _take_group_error(self, record: Mapping[str, object]) -> None:
        """Each of its jobs is reported as failed after it; here is the log of what they were submitted as."""
        infos, logs = record["job_error_info"], record["aux_logs"]
        assert isinstance(infos, Iterable)
        assert isinstance(logs, Iterable)
        for info in infos:
            self._take_job_error({**info, "log": [*info["log"], *logs], "group": record["groupid"]})

    def _take_text(self, text: str, level: int) -> None:
        if text.startswith(_NOTHING_TO_DO):
            self.say(f"{_NOTHING_TO_DO}: all that was asked for is there and up to date.")
        elif text.startswith(_LAST_ERROR):
            self.tell_failures()
        elif text.startswith("This was a dry-run"):
            self._tell_plan()
        elif text.startswith("Complete log"):
            self._tell_end(text.partition(": ")[2])
        elif retried := _RETRIED.match(text):
            self.failures.pop(int(retried[1]), None)
            self._progress_line(f"trying again: {self._about(int(retried[1]))}", _YELLOW)
        elif not text.startswith(_NEVER_SAID) and not _FAILED_COMMAND.match(text):
            self.say(text, {logging.WARNING: _YELLOW, logging.ERROR: _RED, logging.CRITICAL: _RED}.get(level, ""))

    def _tell_end(self, log: str) -> None:
        done = f"{self.progress.done} of {counted(self.progress.total, 'job')}"
        if os.path.isabs(log) and not os.path.relpath(log).startswith(os.pardir):
            log = os.path.relpath(log)
        self.say(f"{done} done in {clock(self.now() - self.started)}; all details: {log}")

    def tell_failures(self) -> None:
        """What failed, at the end."""
        failures = list(self.failures.values())
        self.failures.clear()  # once
        if failures:
            self.say("")
            for line in failure_lines(failures, self.progress, self.dated):
                self.say(line)
