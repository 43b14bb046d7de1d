"""What people see of a run: lines for jobs, the time left, failures, dry runs, and what to open next."""

from __future__ import annotations

import io
import logging
import os
from collections import Counter
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from asd.joblog import USER_ERROR
from asd.plan import ending
from asd.plan.console import (
    LONGEST,
    SILENCE,
    Console,
    Failure,
    Planned,
    Progress,
    cause,
    failure_lines,
    plan_lines,
    why,
)
from plans import plan_of
from small_data import small_config


class Event(Enum):
    """Some of Snakemake's, by the names that it gives them."""

    RUN_INFO = "run_info"
    JOB_INFO = "job_info"
    JOB_FINISHED = "job_finished"
    JOB_ERROR = "job_error"
    SHELLCMD = "shellcmd"


class Watched:
    """A console, a clock, and a logger that takes records as Snakemake's does."""

    def __init__(self, *, otherwise: logging.Handler | None = None, dry: bool = False) -> None:
        self.stream = io.StringIO()
        self.time = 0.0
        self.console = Console(self.stream, targets={"all"}, dry=dry, otherwise=otherwise, now=lambda: self.time)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def record(self, message: str | None, level: int = logging.INFO, **extra: Any) -> None:
        record = logging.LogRecord("snakemake", level, "", 0, message, (), None)
        record.__dict__.update(extra)
        self.console.handle(record)

    def plan(self, **counts: int) -> None:
        self.record("Job stats", event=Event.RUN_INFO, stats={**counts, "total": sum(counts.values())})

    def start(self, job: int, rule: str, about: str | None = None, reason: str = "", **wildcards: str) -> None:
        self.record(
            "", event=Event.JOB_INFO, jobid=job, rule_name=rule, rule_msg=about, wildcards=wildcards, reason=reason
        )

    def finish(self, job: int) -> None:
        self.record("", event=Event.JOB_FINISHED, job_id=job)

    def fail(self, job: int, rule: str, *logs: str) -> None:
        self.record("", logging.ERROR, event=Event.JOB_ERROR, jobid=job, rule_name=rule, log=list(logs))


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_job_is_one_line_with_the_time_and_how_far_the_run_is(watched: Watched) -> None:
    watched.plan(train=2, all=1)
    watched.start(7, "train", "fan: training")
    watched.time = 133
    watched.finish(7)
    watched.start(0, "all", "Everything is there.")
    watched.finish(0)
    assert watched.lines == ["2 jobs to run.", "00:02:13  [1/2]  fan: training (train)"]


def test_rules_of_others_have_no_words_for_their_jobs(watched: Watched) -> None:
    watched.plan(plot=1)
    watched.start(1, "plot", machine="fan", nf="0.7")
    watched.finish(1)
    assert watched.lines[-1].endswith("  plot of machine fan, nf 0.7")


def test_what_is_of_no_use_is_left_out_and_what_is_unknown_is_not(watched: Watched) -> None:
    for text in (
        "Cannot restore a.csv: no backup found.",
        "Building DAG of jobs...",
        "Using shell: /bin/bash",
        "Select jobs to execute...",
        None,
    ):
        watched.record(text)
    watched.record("Shell command: x", event=Event.SHELLCMD)
    watched.record('RuleException:\nCalledProcessError in file "a.smk", line 3:\nCommand', logging.ERROR)
    assert watched.lines == []
    watched.record("A disk is full", logging.WARNING)
    watched.record("Nothing to be done (all requested files are present and up to date).")
    assert watched.lines == ["A disk is full", "Nothing to be done: all that was asked for is there and up to date."]


def test_no_line_is_long_and_no_name_is_obeyed(watched: Watched) -> None:
    watched.plan(train=1)
    watched.start(1, "train", "{fan}\x1b[2J<b>\n팬" + "x" * 10_000)
    watched.finish(1)
    watched.record("y" * 10_000)
    assert max(map(len, watched.lines)) <= LONGEST
    assert len(watched.lines) == 3
    assert "{fan}\\x1b[2J<b>\\x0a팬" in watched.lines[1]


def test_a_silent_run_gives_signs_of_life_more_rarely_as_it_takes_longer(watched: Watched) -> None:
    watched.plan(train=3)
    watched.start(1, "train", "fan: training")
    watched.start(2, "train", "pump: training")
    for second in range(3600):
        watched.time = second
        watched.console.sign_of_life()
    assert watched.lines[1] == "00:00:08  [0/3]  still at it, for 8 s: fan: training (and 1 other)"
    assert watched.lines[2].startswith("00:00:16")
    assert 100 < len(watched.lines) < 200
    assert SILENCE < 10


def test_before_there_are_jobs_a_sign_of_life_says_so(watched: Watched) -> None:
    watched.time = 9
    watched.console.sign_of_life()
    assert watched.lines == ["00:00:09  finding out what has to be made ..."]


@pytest.mark.parametrize("spoilt", [{"event": Event.JOB_INFO}, {"event": Event.RUN_INFO, "stats": None}])
def test_records_that_are_not_as_expected_are_left_to_snakemake(spoilt: dict[str, Any]) -> None:
    kept: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    watched = Watched(otherwise=Kept())
    watched.record("first", **spoilt)
    watched.record("second")
    assert [record.msg for record in kept] == ["first", "second"]
    assert watched.lines == []


# ------------------------------------------------------------------------------------------------------- time left


def test_time_left_goes_by_the_durations_of_each_rule_and_by_jobs_at_once() -> None:
    progress = Progress(Counter(short=12, long=4), total=16)
    for number in range(4):  # two at a time
        progress.starts(number, "short", number // 2)
    assert progress.seconds_left(1) is None
    for number in range(4):
        progress.ends(number, number // 2 + 1, well=True)
    assert progress.seconds_left(2) == pytest.approx((8 + 4) / 2)
    for number in (10, 11):
        progress.starts(number, "long", 2)
        progress.ends(number, 22, well=True)
    assert progress.seconds_left(22) == pytest.approx((8 + 40) / 2)
    progress.starts(12, "long", 22)
    progress.starts(13, "long", 22)
    assert progress.seconds_left(32) == pytest.approx((8 + 20) / 2)


def test_a_job_that_failed_is_still_to_be_done() -> None:
    progress = Progress(Counter(train=2), total=2)
    progress.starts(1, "train", 0)
    progress.ends(1, 5, well=False)
    assert (progress.done, progress.left["train"], progress.running) == (0, 2, {})


# -------------------------------------------------------------------------------------------------------- failures


def test_the_cause_is_what_the_log_says_to_the_user_or_its_last_line() -> None:
    assert cause(f"2026 INFO a\n2026{USER_ERROR}fan.wav is empty.\nRemove it.\n") == "fan.wav is empty.\nRemove it."
    assert cause('Traceback (most recent call last):\n  File "a"\nValueError: b\n\n') == "ValueError: b"
    assert cause("INFO read 20 clips\n2026 WARNING interrupted\n") == "It was interrupted."
    assert cause("") == cause("INFO read 20 clips\n") == ""


def test_a_failure_is_told_once_with_rule_message_cause_and_log(watched: Watched, tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(f"x{USER_ERROR}fan.wav is empty.\nRemove it.\n", encoding="utf-8")
    watched.plan(train=5)
    watched.start(1, "train", "fan: training")
    watched.fail(1, "train", str(log))
    watched.record("Exiting because a job execution failed. Look above for error messages", logging.ERROR)
    watched.console.tell_failures()
    text = "\n".join(watched.lines[watched.lines.index("") :])
    said = ("1 job failed; 0 of 5 jobs", "fan: training  (rule train)", "fan.wav is empty.", "Remove it.", str(log))
    for part in said:
        assert text.count(part) == 1, text


def test_many_failures_fit_into_25_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(USER_ERROR + "\n".join(f"problem {number}" for number in range(100)), encoding="utf-8")
    failures = [Failure("train", f"fan {number}", (str(log),)) for number in range(20)]
    lines = list(failure_lines(failures, Progress(Counter(), total=30, done=1)))
    assert lines[0] == "20 jobs failed; 1 of 30 jobs is done and kept:"
    assert "  and 17 of rule train" in lines
    assert "    ... and 97 more lines" in lines
    assert max(len(lines), len(list(failure_lines(failures[:1], Progress(Counter()))))) <= 25 - 4  # of Snakemake's


def test_a_job_that_left_no_log_is_said_to_have_been_killed() -> None:
    failure = Failure("train", "fan", ("nowhere.log",))
    assert any("killed" in line for line in failure_lines([failure], Progress(Counter())))
    lines = list(failure_lines([replace(failure, word="SLURM status is: 'OUT_OF_MEMORY'")], Progress(Counter())))
    assert "    SLURM status is: 'OUT_OF_MEMORY'" in lines
    assert not any("killed" in line for line in lines)


def test_of_a_group_only_those_that_say_why_have_failed(tmp_path: Path) -> None:
    log, earlier = tmp_path / "a.log", tmp_path / "b.log"
    for path in (log, earlier):
        path.write_text(f"{USER_ERROR}fan.wav is empty", encoding="utf-8")
    os.utime(earlier, (100, 100))
    group = [Failure("train", f"fan {path.stem}", (str(path),), "group 1") for path in (log, earlier)]
    lines = list(failure_lines(group, Progress(Counter()), since=1000))
    assert lines[0].startswith("1 job failed")
    assert [line for line in lines if "(rule train)" in line] == ["  fan a  (rule train)"]


def test_a_job_that_is_tried_again_has_not_failed(watched: Watched) -> None:
    watched.plan(train=1)
    watched.start(1, "train", "fan: training")
    watched.fail(1, "train")
    watched.record("Trying to restart job 1.")
    watched.start(1, "train", "fan: training")
    watched.finish(1)
    assert [line.partition("  [")[2] for line in watched.lines[1:]] == [
        "0/1]  FAILED: fan: training",
        "0/1]  trying again: fan: training",
        "1/1]  fan: training (train)",
    ]
    watched.console.tell_failures()
    assert len(watched.lines) == 4


# -------------------------------------------------------------------------------------------------------- dry runs


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Missing output files: a; Input files updated by another job: b", "not made yet"),
        ("Input files updated by another job: b", "what it reads is made anew"),
        (
            "Params have changed since last execution: Union of exclusive params before and now across all output: "
            "before: 'digest a',{'noise_factor': 0.5, 'seed': 0} now: {'noise_factor': 0.7, 'seed': 0},'digest b' ",
            "noise factor changed",
        ),
        ("Params have changed since last execution: before: <nothing exclusive> now: x y ", "settings changed"),
        ("something new", "to be made"),
    ],
)
def test_reasons_in_a_few_words(reason: str, said: str) -> None:
    assert why(reason) == said


def test_a_dry_run_counts_jobs_by_rule_and_lists_few_of_them() -> None:
    jobs = [Planned("train", f"fan {number}: training", "Missing output files: a") for number in range(200)]
    lines = list(plan_lines([*jobs, Planned("tables", "tables", "Forced execution")]))
    assert lines[0] == "201 jobs would run:"
    assert lines[1:-1] == [
        "job     count  why",
        "train     200  not made yet; such as fan 0: training",
        "tables      1  asked for; tables",
        "total     201",
    ]
    few = list(plan_lines(jobs[:2]))
    assert few[2] == "train      2  not made yet"
    assert [line.strip() for line in few[3:5]] == ["fan 0: training", "fan 1: training"]


def test_a_dry_run_is_told_once() -> None:
    watched = Watched(dry=True)
    watched.plan(train=1)
    watched.start(1, "train", "fan: training", "Missing output files: a")
    watched.plan(train=1)
    watched.record("This was a dry-run (flag -n). The order of jobs does not reflect the order of execution.")
    assert watched.lines[0] == "1 job would run:"
    assert watched.lines[2] == "train      1  not made yet; fan: training"
    assert len(watched.lines) == 5


# --------------------------------------------------------------------------------------------------------- the end


def test_a_long_summary_is_cut_and_its_advice_is_not() -> None:
    advice, table = ["Take LOF."] * 3, [f"row {number}" for number in range(100)]
    lines = ending.summary_lines("\n".join([*advice, "", *table]), "results/summary.txt")
    assert lines[:3] == advice
    assert lines[-1] == "... 80 more lines in results/summary.txt"
    assert len(lines) == 25
    assert ending.summary_lines("Take LOF.\n\nrow\n", "x") == ["Take LOF.", "", "row"]


def test_what_to_open_next_is_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asd.plan.ending._command", lambda name: f"bin/{name}")
    plan = plan_of(small_config())
    assert len(ending.next_lines(plan, "", ["--cores", "2"])) == 2
    for name in ("leaderboard.html", "listen.html", "models/fan/nf0.5_seed0/snr6_id_00.onnx"):
        path = tmp_path / "mine" / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    lines = ending.next_lines(plan, "mine/", ["--cores", "2"])
    assert [line.split("  ")[-1].strip() for line in lines[1:]] == [
        "mine/results/leaderboard.html",
        "mine/results/listen.html",
        "bin/snakemake --report results/report.zip",
        "bin/asd score mine/results/models/fan/nf0.5_seed0/snr6_id_00.onnx RECORDING.wav",
    ]
    assert "the same command with --report" in "\n".join(ending.next_lines(plan, "", ["--profile", "x"]))
