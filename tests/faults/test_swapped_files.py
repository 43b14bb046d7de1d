"""An intermediate file that is another one's, stale or edited never gets into tables and figures: the next
run makes them right, or stops and names the file.

By default a few trials.  ``FAULT_TRIALS=200 pytest -s`` on this file does so many, of each kind of file and of
tampering in turn; what is random about one follows from its number.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from tampering import HOW, KINDS, TRIALS, Trial, Worlds, differing, run

FEW = [
    *(("cache and clip list", "swapped"), ("cache and clip list", "other recordings"), ("weights", "other settings")),
    *(("folder of scores", "other recordings"), ("evaluation", "edited"), ("ensembles", "swapped")),
]

NO_DIFFERENCE = "no difference"
"""Both files happened to be the same; another trial takes the place of this one."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds.make(tmp_path_factory.mktemp("worlds"))


@pytest.fixture(scope="session")
def ledger() -> Iterator[Counter[tuple[str, str]]]:
    kept: Counter[tuple[str, str]] = Counter()
    yield kept
    print("\n")
    for (how, outcome), count in sorted(kept.items()):
        print(f"{how:20}{outcome:20}{count:5}")


def outcome_of(trial: Trial, worlds: Worlds, directory: Path) -> tuple[str, str]:
    """What came of a trial, and what is wrong with that."""
    wrong = trial.tamper(worlds, directory)
    if not wrong:
        return NO_DIFFERENCE, ""
    done = run(directory)
    if "Traceback" in done.output:
        return "TRACEBACK", done.output
    if done.returncode == 0:
        differences = differing(directory, worlds.right)
        return ("WRONG", f"{wrong} -> {differences}\n{done.output}") if differences else ("right", "")
    named = [name for name in wrong if f"results/{name}" in _messages(done.output)]
    return ("named", "") if named else ("NOT NAMED", f"{wrong}\n{done.output}")


def _messages(output: str) -> str:
    """What jobs and checks said to the user, without what Snakemake says of the jobs themselves."""
    parts = [part.partition("\n(log: ")[0] for part in output.split("\nError: ")[1:]]
    return "\n".join(parts)


def trials(first: int, count: int) -> list[Trial]:
    every = list(product(KINDS, HOW)) if TRIALS else FEW
    return [Trial(*every[number % len(every)], number) for number in range(first, first + count)]


def test_no_result_comes_from_a_file_of_something_else(
    worlds: Worlds, tmp_path: Path, ledger: Counter[tuple[str, str]]
) -> None:
    def try_one(trial: Trial) -> tuple[str, str]:
        directory = tmp_path / str(trial.number)
        outcome = outcome_of(trial, worlds, directory)
        shutil.rmtree(directory)
        ledger[trial.how, outcome[0]] += 1
        return outcome

    wanted = TRIALS or len(FEW)
    outcomes: dict[Trial, tuple[str, str]] = {}
    with ThreadPoolExecutor(2) as pool:
        while missing := wanted - sum(outcome != NO_DIFFERENCE for outcome, _ in outcomes.values()):
            more = trials(len(outcomes), missing)
            outcomes |= dict(zip(more, pool.map(try_one, more), strict=True))
    bad = {str(trial): outcome for trial, outcome in outcomes.items() if outcome[1]}
    assert not bad, "\n\n".join(f"{trial}: {outcome}\n{why}" for trial, (outcome, why) in bad.items())
