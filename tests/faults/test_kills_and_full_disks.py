"""Whatever strikes a run - kills, a full disk, recordings that change, damaged files - the same command given again
ends with the results of an undisturbed run, or says which file is wrong and what to do; never with other numbers.

By default a few trials of each fault.  With ``FAULT_TRIALS=60``, ``pytest -s`` on this file drives 60 kills at random
moments and more of the other faults, damages every kind of file in every way, and prints what came of all that.  What
is random about a trial follows from the seed in the name of its test.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from threading import Lock

import pytest

from faults import (
    CACHES,
    DAMAGES,
    EVERYTHING,
    IDS,
    KILLS,
    ONE_CACHE,
    TABLES,
    Goal,
    Ledger,
    Moment,
    Outcome,
    Running,
    Workplace,
    damage,
    files_to_delete,
    finished_jobs,
    leftovers,
    make_tiny_recordings,
    outcome_of,
    read_only,
    recording,
    resize,
    result_files,
    stage,
    tmpfs,
    traceback_of_ours,
    used_bytes,
)
from small_data import write_clip

TRIALS = int(os.environ.get("FAULT_TRIALS", "0"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="faults are driven through /proc and tmpfs"),
]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("recordings")
    make_tiny_recordings(directory)
    return directory


class Undisturbed:
    """A run with all figures that nothing strikes.  It starts with the first test and goes on beside it."""

    def __init__(self, running: Running) -> None:
        self._running = running

    @property
    def workplace(self) -> Workplace:
        self._running.finish().ok()
        return self._running.workplace


@pytest.fixture(scope="session")
def undisturbed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    workplace = Workplace.create(tmp_path_factory.mktemp("undisturbed") / "work", root)
    with workplace.start(EVERYTHING) as running:
        yield Undisturbed(running)


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    kept = Ledger()
    yield kept
    print(f"\n\n{kept}\n")


@pytest.fixture
def workplace(root: Path, tmp_path: Path) -> Workplace:
    return Workplace.create(tmp_path / "work", root)


@pytest.fixture
def finished(undisturbed: Undisturbed, tmp_path: Path) -> Workplace:
    """A copy of the undisturbed run."""
    return undisturbed.workplace.copy_to(tmp_path / "work")


# ------------------------------------------------------------------------------------------------------- kills

IN_A_ROW = "several, in a row"


@pytest.mark.parametrize("seed", range(TRIALS or 1))
def test_killed_run_goes_on_where_it_stopped(
    undisturbed: Undisturbed, workplace: Workplace, ledger: Ledger, seed: int
) -> None:
    chance = random.Random(seed)
    name = [IN_A_ROW, *KILLS][seed % (len(KILLS) + 1)]
    kinds = chance.choices(list(KILLS), k=chance.randint(2, 5) if TRIALS else 2) if name == IN_A_ROW else [name]
    goal = EVERYTHING if TRIALS and seed % 2 == 0 else TABLES
    last_event = goal.last_event if len(kinds) == 1 else goal.last_event // 3
    done: set[str] = set()
    stages: list[str] = []
    repeated = untidy = hung = 0
    with ExitStack() as stack:
        for kill in map(KILLS.__getitem__, kinds):
            running = stack.enter_context(workplace.start(goal))
            running.wait_for(Moment.draw(chance, last_event))
            stages.append(stage(running.output))
            kill.strike(running, chance)
            run = running.finish_after_signal(wait_for_jobs=kill.waits)
            hung += running.hung
            repeated += len(done & set(run.jobs))
            done |= finished_jobs(run)
            untidy += "Traceback" in run.output
            if kill.leaves_lock or running.hung:
                if TRIALS and chance.random() < 0.2 and (refused := workplace.run(goal)).returncode:
                    assert "--unlock" in refused.output, refused.output
                workplace.unlock()
        last = workplace.run(goal)
    repeated += len(done & set(last.jobs))
    outcome, why = outcome_of(last, undisturbed.workplace, goal)
    if outcome == Outcome.IDENTICAL and repeated:
        outcome, why = Outcome.REPEATED, f"{repeated} finished jobs ran again\n{last.output}"
    left = len(leftovers(workplace))
    notes = {
        "killed runs with a traceback": untidy,
        "runs that hung at a signal": hung,
        "temporary files left": left,
        "finished jobs run again": repeated,
    }
    ledger.add(name, outcome, stages, notes)
    assert outcome == Outcome.IDENTICAL, f"{', '.join(kinds)} while {', '.join(stages)}:\n{why}"


# -------------------------------------------------------------------------------------------------------- disks


@pytest.mark.parametrize("seed", range(TRIALS // 6 or 1))
def test_full_disk(undisturbed: Undisturbed, root: Path, tmp_path: Path, ledger: Ledger, seed: int) -> None:
    chance = random.Random(seed)
    goal = EVERYTHING if TRIALS else ONE_CACHE
    stages = []
    with tmpfs(tmp_path / "disk", size=50_000_000) as disk:
        workplace = Workplace.create(disk / "work", root)
        for _ in range(3 if TRIALS else 1):
            resize(disk, used_bytes(disk) + int(chance.uniform(20_000, 800_000 if TRIALS else 100_000)))
            with workplace.start(goal, console=tmp_path / "console.txt") as running:
                run = running.finish()
            if run.returncode:
                stages.append(stage(run.output))
                assert "no space left" in run.output.lower(), run.output
                assert traceback_of_ours(run) == "", run.output
        resize(disk, 50_000_000)
        outcome, why = outcome_of(workplace.run(goal), undisturbed.workplace, goal)
    ledger.add("full disk", outcome, stages)
    assert outcome == Outcome.IDENTICAL, why


OF_TABLES = ("*.csv", "*.md", "leaderboard.html", "*.txt")
PARTS = (
    (ONE_CACHE, ("features/fan/snr6_id_00_normal.*",)),
    (EVERYTHING, OF_TABLES),
    (EVERYTHING, ("*.csv",)),
    (EVERYTHING, (*OF_TABLES, "evaluation")),
    (EVERYTHING, ("checkpoints", "figures")),
)
READ_ONLY = ("results", ".") if TRIALS else ("results",)


@pytest.mark.parametrize("folder", READ_ONLY)
@pytest.mark.parametrize("seed", range(TRIALS // 10 or 1))
def test_read_only_folder(
    finished: Workplace, undisturbed: Undisturbed, ledger: Ledger, folder: str, seed: int
) -> None:
    chance = random.Random(seed)
    goal, lost = chance.choice(PARTS) if TRIALS else PARTS[0]
    finished.remove(*lost)
    before = contents(finished)
    with read_only(finished.directory / folder), finished.start(goal) as running:
        refused = running.finish()
    assert refused.returncode != 0
    assert re.search("read-only|write-protected", refused.output, re.IGNORECASE), refused.output
    assert "Traceback" not in refused.output, refused.output
    assert contents(finished) == before
    outcome, why = outcome_of(finished.run(goal), undisturbed.workplace, EVERYTHING)
    ledger.add("read-only folder", outcome)
    assert outcome == Outcome.IDENTICAL, why


def contents(workplace: Workplace) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in result_files(workplace).items()}


# --------------------------------------------------------------------------------------------------- recordings


class Changing:
    """Recordings that are about to become those of the undisturbed run: one is still another one, one is still there,
    and one still missing."""

    def __init__(self, root: Path, right: Path, *, keep_times: bool) -> None:
        shutil.copytree(right, root)
        self._right = right
        self._root = root
        self._keep_times = keep_times
        self.replaced = recording(root, IDS[0], "normal", 4)
        self.vanishing = recording(root, IDS[1], "normal", 99)
        self.appearing = recording(root, IDS[0], "abnormal", 2)
        write_clip(self.replaced, seed=71)  # of the same size
        write_clip(self.vanishing, seed=72)
        self.appearing.unlink()

    def replace(self) -> None:
        self._put_right(self.replaced)

    def vanish(self) -> None:
        self.vanishing.unlink()

    def appear(self) -> None:
        self._put_right(self.appearing)

    def _put_right(self, path: Path) -> None:
        """With the older time stamp of the right one, or with a new one."""
        copy = shutil.copy2 if self._keep_times else shutil.copy
        temporary = path.with_name(".moved")
        copy(self._right / path.relative_to(self._root), temporary)
        temporary.replace(path)


@pytest.mark.parametrize("seed", range(TRIALS // 3 or 1))
def test_recordings_that_change_during_the_run(
    undisturbed: Undisturbed, root: Path, tmp_path: Path, ledger: Ledger, seed: int
) -> None:
    chance = random.Random(seed)
    keep_times = seed % 2 == 0
    goal = TABLES if TRIALS else CACHES
    changing = Changing(tmp_path / "recordings", root, keep_times=keep_times)
    workplace = Workplace.create(tmp_path / "work", tmp_path / "recordings")
    with workplace.start(goal) as running:
        running.wait_for(Moment.draw(chance, chance.choice([CACHES, goal]).last_event))
        stages = [stage(running.output)]
        for change in chance.sample([changing.replace, changing.vanish, changing.appear], k=3):
            change()
            time.sleep(chance.uniform(0, 0.2))
        first = running.finish()
    assert "Traceback" not in first.output, first.output
    if first.returncode:
        assert str(changing.vanishing) in first.output, first.output
    # a list may still be called after what was there when the first run began, if it was read as it is now
    outcome, why = outcome_of(workplace.run(goal), undisturbed.workplace, goal, new_times=True)
    ledger.add("recordings that change", outcome, stages, {"runs stopped by a vanished recording": first.returncode})
    assert outcome == Outcome.IDENTICAL, why


# ----------------------------------------------------------------------------------------------------- two runs


@pytest.mark.parametrize("seed", range(TRIALS // 6 or 1))
def test_two_runs_at_once_in_one_directory(
    finished: Workplace, undisturbed: Undisturbed, ledger: Ledger, seed: int
) -> None:
    chance = random.Random(seed)
    finished.remove(*OF_TABLES, "evaluation")
    with finished.start(TABLES) as first:
        time.sleep(chance.uniform(0, 0.5))
        with finished.start(TABLES) as second:
            runs = [second.finish()]
            # the first may be at its end, without a lock and still there for a moment
            until = time.monotonic() + 1
            while not (locks(finished) or first.ended) and time.monotonic() < until:
                time.sleep(0.05)
            assert locks(finished) or first.ended, "a run that is refused takes the other one's lock away"
            runs.append(first.finish())
    refused = [run for run in runs if run.returncode]
    for run in refused:
        assert "cannot be locked" in run.output, run.output
        assert run.jobs == []
    assert len(refused) < 2
    outcome, why = outcome_of(next(run for run in runs if not run.returncode), undisturbed.workplace, EVERYTHING)
    both = int(all(run.jobs for run in runs))
    ledger.add("two runs in one directory", outcome, notes={"second runs refused": len(refused), "both runs ran": both})
    assert outcome == Outcome.IDENTICAL, why


def locks(workplace: Workplace) -> list[Path]:
    """Locks of Snakemake's, looked up before it is asked whether the run that holds them has ended."""
    return list((workplace.directory / ".snakemake/locks").glob("*"))


if TRIALS:  # by default the first test and the undisturbed run share them

    def test_two_runs_at_once_share_recordings(
        root: Path, tmp_path: Path, undisturbed: Undisturbed, ledger: Ledger
    ) -> None:
        places = [Workplace.create(tmp_path / name, root) for name in ("one", "other")]
        with places[0].start(TABLES) as first, places[1].start(TABLES) as second:
            runs = [first.finish(), second.finish()]
        for run in runs:
            outcome, why = outcome_of(run, undisturbed.workplace, TABLES)
            ledger.add("two directories", outcome)
            assert outcome == Outcome.IDENTICAL, why


# ------------------------------------------------------------------------------------------------ damaged files


@dataclass(frozen=True)
class Use:
    """A command that may need what is damaged.

    Attributes
    ----------
    lost
        Results that are deleted before, since they would have to be made from the damaged one.
    """

    goal: Goal
    lost: tuple[str, ...] = ()


SAME = Use(EVERYTHING)
UNIT = "fan/nf0.5_seed0"
DETECTOR = Use(Goal((f"results/scores/{UNIT}",), "scores/|features/|checkpoints/", "detectors=[OCSVM, LOF, IF]"))
BOTH = "ensembles=[{name: BOTH, detectors: [OCSVM, LOF]}]"
ENSEMBLE = Use(Goal((f"results/ensembles/{UNIT}",), "ensembles/|scores/", BOTH))
TABLES_LOST = Use(TABLES, lost=OF_TABLES)
LOSS_FIGURE_LOST = Use(EVERYTHING, lost=("figures/loss",))
AUC_FIGURES_LOST = Use(EVERYTHING, lost=("figures/auc", "figures/auc_heat_map.png"))

FILES = {
    "feature cache": ("features/fan/snr6_id_00_normal.npy", DETECTOR),
    "clip list": ("features/fan/snr6_id_00_normal.csv", DETECTOR),
    "weights": ("checkpoints/fan/nf0.5_seed0.npz", DETECTOR),
    "checkpoint": ("checkpoints/fan/nf0.5_seed0.pt", DETECTOR),
    "loss curves": ("checkpoints/fan/nf0.5_seed0.loss.csv", LOSS_FIGURE_LOST),
    "scores": ("scores/fan/nf0.5_seed0/snr6_id_00.csv", ENSEMBLE),
    "summary of scores": ("scores/fan/nf0.5_seed0/snr6_id_00.json", ENSEMBLE),
    "evaluation": ("evaluation/fan.csv", TABLES_LOST),
    "comparisons": ("evaluation/fan.comparisons.csv", TABLES_LOST),
    "replicates": ("evaluation/fan.npz", TABLES_LOST),
    "list of skipped": ("features/fan/snr6_id_00_normal.skipped.csv", TABLES_LOST),
    "table of AUCs": ("auc.csv", AUC_FIGURES_LOST),
    "summary": ("summary.csv", AUC_FIGURES_LOST),
}
KEPT, NEW = "time stamp kept", "new time stamp"
AGAIN, NEEDED = "same command", "needed"
Case = tuple[str, str, str, str]  # of FILES, of DAMAGES, time stamp, command
DEFAULT_CASES: list[Case] = [("feature cache", "bit", KEPT, NEEDED), ("evaluation", "cut", KEPT, NEEDED)]
CASES: dict[str, list[Case]] = {"a few": DEFAULT_CASES}
if TRIALS:
    CASES = {what: list(product([what], DAMAGES, (KEPT, NEW), (AGAIN, NEEDED))) for what in FILES}


class References:
    """Undisturbed runs of other commands, each started from the finished one."""

    def __init__(self, finished: Workplace, folder: Path) -> None:
        self._finished = finished
        self._folder = folder
        self._made: dict[Goal, Workplace] = {EVERYTHING: finished}
        self._lock = Lock()

    def of(self, goal: Goal) -> Workplace:
        with self._lock:
            if goal not in self._made:
                self._made[goal] = self._finished.copy_to(self._folder / str(len(self._made)))
                self._made[goal].run(goal).ok()
            return self._made[goal]


@pytest.fixture(scope="session")
def references(undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> References:
    return References(undisturbed.workplace, tmp_path_factory.mktemp("references"))


@pytest.mark.parametrize("cases", CASES.values(), ids=CASES)
def test_damaged_files(
    undisturbed: Undisturbed, references: References, tmp_path: Path, ledger: Ledger, cases: list[Case]
) -> None:
    places = [undisturbed.workplace.copy_to(tmp_path / str(number)) for number in range(len(cases))]
    with ThreadPoolExecutor(3) as pool:
        pool.submit(references.of, DETECTOR.goal)  # which takes longest
        results = list(pool.map(partial(after_damage, references), places, cases))
    for case, (outcome, _) in zip(cases, results, strict=True):
        ledger.add(f"damaged {', '.join(case)}", outcome)
    bad = [f"{case}, {outcome}: {why}" for case, (outcome, why) in zip(cases, results, strict=True) if why]
    assert bad == [], "\n\n".join(bad)


def after_damage(references: References, workplace: Workplace, case: Case) -> tuple[Outcome, str]:
    """What a run makes of a damaged file, and what is wrong with that; after an error, its advice is followed."""
    what, how, stamp, when = case
    name, needing = FILES[what]
    use = needing if when == NEEDED else SAME
    workplace.remove(*use.lost)
    damage(workplace.results / name, how, random.Random(f"{what} {how}"), keep_time=stamp == KEPT)
    run = workplace.run(use.goal)
    reference = references.of(use.goal)
    outcome, why = outcome_of(run, reference, use.goal, unread=name)
    if outcome != Outcome.CLEAR_ERROR:
        return outcome, why
    advised = files_to_delete(run)
    if name not in advised:
        return Outcome.VAGUE_ERROR, f"{name} is not named\n{run.output}"
    workplace.remove(*advised)
    after, why = outcome_of(workplace.run(use.goal), reference, use.goal)
    return outcome, f"after deleting {', '.join(sorted(advised))} {why}" if after != Outcome.IDENTICAL else ""
