"""Faults that strike a run of the workflow: how they are brought about, and what is compared after them."""

from __future__ import annotations

import contextlib
import csv
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from places import REPOSITORY
from small_data import write_clip
from workflow_runner import Run, snakemake, write_config

IDS = ("id_00", "id_02")
CLIPS = {"normal": 10, "abnormal": 5}
SECONDS = 120  # after which a run counts as stuck
PATIENCE = 30  # with a run that a signal is to end

_STARTED = re.compile(r"^(?:local)?rule (?P<rule>\w+):\n(?:    .*\n)*?    jobid: (?P<number>\d+)$", re.MULTILINE)
_FINISHED = re.compile(r"^Finished jobid: (?P<number>\d+) \(Rule: (?P<rule>\w+)\)$", re.MULTILINE)
_TARGET_RULES = ("all", "default")
_MISTAKE = re.compile(r"^Error: (?P<message>.*?)\n\(log: ", re.MULTILINE | re.DOTALL)
_FOLDER = re.compile(r"Delete the folder (results/\S+)")
_RESULT = re.compile(r"results/[^\s,;:'\"()]+\.(?:npy|npz|pt|csv|json)")
_TRACEBACK = "Traceback (most recent call last)"
_OURS = re.compile(r'^  File ".*(?:/workflow/scripts/|/\.snakemake/scripts/).*', re.MULTILINE)


class Outcome(StrEnum):
    """What came of a fault in the end."""

    IDENTICAL = "identical"
    CLEAR_ERROR = "clear error"
    VAGUE_ERROR = "vague error"
    TRACEBACK = "traceback"
    REPEATED = "REPEATED"
    LOST = "LOST"
    WRONG = "WRONG"


# ------------------------------------------------------------------------------------------------ data and runs


def make_tiny_recordings(root: Path) -> None:
    """Recordings of one fan with two IDs at one SNR."""
    for name in IDS:
        for kind, count in CLIPS.items():
            for number in range(count):
                path = recording(root, name, kind, number)
                write_clip(path, seed=number + 1000 * IDS.index(name), abnormal=kind == "abnormal")


def recording(root: Path, name: str, kind: str, number: int) -> Path:
    return root / f"6_dB_fan/fan/{name}/{kind}/{number:08d}.wav"


def tiny_config(root: str) -> dict[str, Any]:
    """As little work as there can be: one training of one epoch."""
    return {
        "dataset": {"root": root},
        "snrs": {"snr6": "6_dB"},
        "reference_snr": "snr6",
        "machines": {
            "fan": {"ids": list(IDS), "split": {name: {"ddae": 4, "ad_train": 6, "ad_test": 8} for name in IDS}}
        },
        "ddae": {"epochs": 1, "batch_size": 4, "learning_rate": 1.0e-3, "device": "cpu"},
        "noise_factors": [0.5],
        "seeds": [0],
        "protocols": ["paper"],
        "detectors": ["OCSVM", "LOF"],
        "statistics": {"replicates": 100},
    }


@dataclass(frozen=True)
class Goal:
    """What a run is asked for.

    Attributes
    ----------
    made
        Regular expression of the results, under ``results/``, that such a run makes.
    config
        Given on the command line.
    """

    targets: tuple[str, ...]
    made: str
    config: str = ""

    @property
    def last_event(self) -> int:
        """How many times a job starts or finishes in a whole run."""
        return {EVERYTHING: 32, TABLES: 16}.get(self, 8)


EVERYTHING = Goal((), "")
TABLES = Goal(("results/auc.csv", "results/leaderboard.md"), r"(?!figures/|models/|listen\.html)")
CACHES = Goal(tuple(f"results/features/fan/snr6_{name}_{kind}.npy" for name in IDS for kind in CLIPS), "features/")
ONE_CACHE = Goal(CACHES.targets[:1], r"features/fan/snr6_id_00_normal\.")


@dataclass(frozen=True)
class Workplace:
    """A working directory with its configuration."""

    directory: Path

    @classmethod
    def create(cls, directory: Path, root: Path | str) -> Workplace:
        directory.mkdir(parents=True, exist_ok=True)
        write_config(directory, tiny_config(str(root)))
        return cls(directory)

    def copy_to(self, directory: Path) -> Workplace:
        """A copy with all time stamps."""
        shutil.copytree(self.directory, directory, symlinks=True, dirs_exist_ok=True)
        return Workplace(directory)

    @property
    def results(self) -> Path:
        return self.directory / "results"

    def arguments(self, goal: Goal) -> list[str]:
        configfile = str(self.directory / "config.yaml")
        return [*goal.targets, "--configfile", configfile, *(["--config", goal.config] if goal.config else [])]

    def run(self, goal: Goal) -> Run:
        return snakemake(self.directory, *self.arguments(goal), cores=2)

    def start(self, goal: Goal, console: Path | None = None) -> Running:
        """Start a run; what it says goes to `console`, beside the working directory if left out."""
        return Running(self, goal, console or self.directory.with_name(f"console.{time.time_ns()}.txt"))

    def unlock(self) -> None:
        snakemake(self.directory, "--unlock", *self.arguments(EVERYTHING), cores=2).ok()

    def remove(self, *patterns: str) -> None:
        """Delete results."""
        for pattern in patterns:
            for path in self.results.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


class Running:
    """A run that goes on, in a process group of its own; always used in a ``with`` statement, which ends it."""

    def __init__(self, workplace: Workplace, goal: Goal, console: Path) -> None:
        self.workplace = workplace
        self.console = console
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--nocolor"]
        command += ["--directory", str(workplace.directory), "--cores", "2", *workplace.arguments(goal)]
        self._file: IO[bytes] = console.open("wb")
        self.process = subprocess.Popen(
            command,
            cwd=workplace.directory,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_listen_to_ctrl_c,
        )
        self.group = self.process.pid
        self.hung = False

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            if members(self.group):
                os.killpg(self.group, signal.SIGKILL)
        self.process.wait()
        self._file.close()

    @property
    def output(self) -> str:
        return self.console.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def jobs(self) -> list[int]:
        """Processes of jobs."""
        return [process for process in members(self.group) if process != self.process.pid]

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Whether the condition came true before the run ended."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            if self.ended or time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def wait_for(self, moment: Moment) -> None:
        if self.wait_until(lambda: len(events(self.output)) >= moment.events):
            time.sleep(moment.delay)

    def finish_after_signal(self, *, wait_for_jobs: bool = True) -> Run:
        """The same, but a signal at a bad moment hangs Snakemake for good; whoever has sent it would kill it then."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.hung = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.group, signal.SIGKILL)
        return self.finish(wait_for_jobs=wait_for_jobs)

    def finish(self, *, wait_for_jobs: bool = True) -> Run:
        """Wait for Snakemake, and for jobs that outlive it."""
        self.process.wait(SECONDS)
        deadline = time.monotonic() + SECONDS
        while wait_for_jobs and members(self.group) and time.monotonic() < deadline:
            time.sleep(0.01)
        return Run(self.process.returncode, self.output, self.workplace.directory)


def _listen_to_ctrl_c() -> None:
    """A test run that was itself started in the background would hand on its deafness."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def members(group: int) -> list[int]:
    """Living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                _, _, after_name = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
            except OSError:
                continue
            state, _, of_group, *_ = after_name.split()
            if int(of_group) == group and state not in "ZX":
                found.append(int(entry.name))
    return found


# -------------------------------------------------------------------------------------------- what has happened


def events(output: str) -> list[str]:
    """Rules of the jobs that have started or finished, in order."""
    found = [*_STARTED.finditer(output), *_FINISHED.finditer(output)]
    return [match["rule"] for match in sorted(found, key=lambda match: match.start())]


def finished_jobs(run: Run) -> set[str]:
    """Names of the jobs that a run has finished, as `Run.jobs` has them."""
    numbers = [match["number"] for match in _STARTED.finditer(run.output) if match["rule"] not in _TARGET_RULES]
    names = dict(zip(numbers, run.jobs, strict=False))  # the last line may be cut off
    return {names[match["number"]] for match in _FINISHED.finditer(run.output) if match["number"] in names}


def stage(output: str) -> str:
    """What a run was doing when it ended."""
    started = {match["number"]: match["rule"] for match in _STARTED.finditer(output)}
    done = {match["number"] for match in _FINISHED.finditer(output)}
    open_rules = sorted({rule for number, rule in started.items() if number not in done})
    if open_rules:
        return " + ".join(open_rules)
    if not started:
        return "planning"
    return "after the end" if "(100%) done" in output else "between jobs"


def traceback_of_ours(run: Run) -> str:
    """The first line of a traceback that is in the code of this repository, not in Snakemake's."""
    found = _OURS.search(run.output)
    return found[0] if found and _TRACEBACK in run.output else ""


def result_files(workplace: Workplace, goal: Goal = EVERYTHING) -> dict[str, Path]:
    """Results by name, without logs and measured times, which differ from run to run."""
    files = (path for path in workplace.results.rglob("*") if path.is_file())
    named = {path.relative_to(workplace.results).as_posix(): path for path in files}
    return {name: path for name, path in named.items() if re.match(f"(?!logs/|benchmarks/)(?:{goal.made})", name)}


def leftovers(workplace: Workplace) -> list[str]:
    """Temporary files that nobody will rename any more."""
    return [name for name in result_files(workplace) if _is_temporary(name)]


def _is_temporary(name: str) -> bool:
    return ".part" in Path(name).name


@dataclass(frozen=True)
class Difference:
    """A result that is not as in an undisturbed run."""

    name: str
    missing: bool

    def __str__(self) -> str:
        return f"{self.name} ({'missing' if self.missing else 'another content'})"


def differences(
    workplace: Workplace, reference: Workplace, goal: Goal, *, unread: str = "", new_times: bool = False
) -> list[Difference]:
    """Results that are not as in `reference`; those that only one of them has are among them.

    Parameters
    ----------
    unread
        A result that need not be as in `reference`, since the last run had no use for it.
    new_times
        Recordings may have other time stamps, which clip lists hold.
    """
    here, there = (
        {name: path for name, path in result_files(place, goal).items() if not _is_temporary(name)}
        for place in (workplace, reference)
    )
    return [
        Difference(name, missing=name not in here)
        for name in sorted((here.keys() | there.keys()) - {unread})
        if name not in here or name not in there or not _same_content(here[name], there[name], new_times)
    ]


def _same_content(first: Path, second: Path, new_times: bool) -> bool:
    if first.read_bytes() == second.read_bytes():
        return True
    if new_times and first.parts[-3:-1] == ("features", "fan") and first.suffix == ".csv":
        return _without_times(first) == _without_times(second)
    if first.suffix == ".npz":
        with np.load(first) as here, np.load(second) as there:
            return set(here.files) == set(there.files) and all(_same_array(here[n], there[n]) for n in here.files)
    if first.suffix == ".pt":
        import torch  # takes a second, and equal bytes are the rule

        return _same_values(*(torch.load(path, weights_only=True) for path in (first, second)))
    return False


_WITH_TIMES = ("modified_ns", "recordings", "list_checksum", "line_checksum")  # what follows from them, too


def _without_times(clip_list: Path) -> list[dict[str, str]]:
    with clip_list.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return [{key: value for key, value in row.items() if key not in _WITH_TIMES} for row in rows]


def _same_array(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


def _same_values(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same_values(value, second[key]) for key, value in first.items())
    if hasattr(first, "numpy"):
        return _same_array(first.numpy(), second.numpy())
    return bool(first == second)


def outcome_of(
    run: Run, reference: Workplace, goal: Goal, *, unread: str = "", new_times: bool = False
) -> tuple[Outcome, str]:
    """What the last run of a trial has led to, and how that shows.

    Parameters
    ----------
    unread, new_times
        As `differences` takes them.
    """
    if _TRACEBACK in run.output:
        return Outcome.TRACEBACK, run.output
    if run.returncode:
        return (Outcome.CLEAR_ERROR if _MISTAKE.search(run.output) else Outcome.VAGUE_ERROR), run.output
    found = differences(Workplace(run.directory), reference, goal, unread=unread, new_times=new_times)
    if not found:
        return Outcome.IDENTICAL, ""
    outcome = Outcome.LOST if all(difference.missing for difference in found) else Outcome.WRONG
    return outcome, "\n".join(map(str, found)) + "\n" + run.output


def files_to_delete(run: Run) -> set[str]:
    """Results, under ``results/``, that the messages of failed jobs say to delete."""
    names = set()
    for match in _MISTAKE.finditer(run.output):
        for path in map(Path, _RESULT.findall(match["message"])):
            names.add(path)
            names |= set(map(Path, _FOLDER.findall(match["message"])))
            if "file beside it" in match["message"]:
                names |= {path.with_suffix(".npy"), path.with_suffix(".csv")}
    return {path.relative_to("results").as_posix() for path in names}


# ------------------------------------------------------------------------------------------------------- kills


@dataclass(frozen=True)
class Moment:
    """Some time after so many jobs have started or finished: this hits all stages alike, on a busy machine too."""

    events: int
    delay: float

    @classmethod
    def draw(cls, chance: random.Random, last_event: int) -> Moment:
        after = chance.randint(0, last_event)
        if after == 0:
            return cls(after, chance.uniform(0, 2))  # planning takes longer than most jobs
        return cls(after, chance.uniform(0, 0.9))


Strike = Callable[[Running, random.Random], None]


def signal_group(number: signal.Signals) -> Strike:
    """To Snakemake and to all jobs, as Ctrl-C and the end of a session do."""

    def strike(running: Running, chance: random.Random) -> None:
        with contextlib.suppress(ProcessLookupError):  # the run has ended meanwhile
            os.killpg(running.group, number)

    return strike


def signal_snakemake(number: signal.Signals) -> Strike:
    """To Snakemake alone, as `kill` and the system, when memory is short, do."""

    def strike(running: Running, chance: random.Random) -> None:
        if not running.ended:
            os.kill(running.process.pid, number)

    return strike


def kill_job(running: Running, chance: random.Random) -> None:
    """One of the processes of a job; of the next one that starts, if there is none."""
    if running.wait_until(lambda: bool(running.jobs())):
        with contextlib.suppress(ProcessLookupError, IndexError):  # it has ended meanwhile
            os.kill(chance.choice(running.jobs()), signal.SIGKILL)


@dataclass(frozen=True)
class Kill:
    """A way to end a run.

    Attributes
    ----------
    leaves_lock
        Snakemake has to be told to unlock the directory.
    waits
        Until all processes have ended; else jobs may go on beside the next run.
    """

    strike: Strike
    leaves_lock: bool = False
    waits: bool = True


KILLS = {
    "SIGKILL, all processes": Kill(signal_group(signal.SIGKILL), leaves_lock=True),
    "SIGKILL, a job": Kill(kill_job),
    "SIGKILL, Snakemake alone": Kill(signal_snakemake(signal.SIGKILL), leaves_lock=True, waits=False),
    "SIGINT, all processes": Kill(signal_group(signal.SIGINT)),
    "SIGTERM, all processes": Kill(signal_group(signal.SIGTERM)),
    "SIGTERM, Snakemake alone": Kill(signal_snakemake(signal.SIGTERM)),
}


# -------------------------------------------------------------------------------------------------------- disks


@contextmanager
def tmpfs(directory: Path, size: int) -> Iterator[Path]:
    """A file system of `size` bytes; the test is skipped where none can be mounted."""
    directory.mkdir(parents=True, exist_ok=True)
    with _mounted(directory, ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]):
        yield directory


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Nothing can be written to a folder; the test is skipped where that can't be brought about."""
    with _mounted(directory, ["--bind", str(directory)]):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(directory)], check=True)
        yield


@contextmanager
def _mounted(directory: Path, what: Iterable[str]) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    done = subprocess.run(["mount", *what, str(directory)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def resize(directory: Path, size: int) -> None:
    """Of a `tmpfs`."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(directory)], check=True)


def used_bytes(directory: Path) -> int:
    """On the file system of a folder."""
    status = os.statvfs(directory)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


# ------------------------------------------------------------------------------------------------ damaged files


def cut_in_half(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip_bit(path: Path, chance: random.Random) -> None:
    """Of a number: in text, a digit becomes another one; in an array, a value changes, and by no little."""
    content = bytearray(path.read_bytes())
    if path.suffix in (".csv", ".json"):
        start = content.index(b"\n")  # not in the header
        digits = [place for place in range(start, len(content)) if chr(content[place]).isdigit()]
        content[chance.choice(digits or range(start))] ^= 1
    elif path.suffix == ".npy":
        content[128 + 4 * chance.randrange((len(content) - 128) // 4) + 2] ^= 0x40
    else:
        place = chance.randrange(len(content) // 4, len(content) // 2)  # of the weights, not of their names
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {"cut": cut_in_half, "bit": flip_bit}


def damage(path: Path, how: str, chance: random.Random, *, keep_time: bool) -> None:
    before = path.stat()
    DAMAGES[how](path, chance)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# -------------------------------------------------------------------------------------------------- bookkeeping


@dataclass
class Ledger:
    """Outcomes of all trials of a session."""

    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def add(
        self, fault: str, outcome: Outcome, stages: Iterable[str] = (), notes: Mapping[str, int] | None = None
    ) -> None:
        self.outcomes[fault, outcome] += 1
        self.stages.update(stages)
        self.notes.update(notes or {})

    def __str__(self) -> str:
        seen = [outcome for outcome in Outcome if any(of == outcome for _, of in self.outcomes)]
        faults = list(dict.fromkeys(fault for fault, _ in self.outcomes))
        width = max(map(len, faults), default=0)
        lines = [" " * width + "".join(f"  {outcome}" for outcome in seen)]
        for fault in faults:
            counts = [f"  {self.outcomes[fault, outcome] or '-':>{len(outcome)}}" for outcome in seen]
            lines.append(f"{fault:<{width}}" + "".join(counts))
        lines += ["", "stage hit", *(f"{count:6}  {name}" for name, count in self.stages.most_common())]
        lines += ["", "noted", *(f"{count:6}  {name}" for name, count in sorted(self.notes.items()))]
        return "\n".join(lines)
