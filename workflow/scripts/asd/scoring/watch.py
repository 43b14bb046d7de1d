"""``asd watch``: scores recordings as they come into a folder, each once, whatever happens meanwhile."""

from __future__ import annotations

import math
import os
import select
import signal
import stat
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from ..errors import UserError
from ..files.atomic import disk_problem
from ..files.neutral import in_one_line
from ..recordings.listing import some
from .alarms import AlarmInterrupted, Alarms
from .command import discard_output, tell
from .inputs import natural_order, walk
from .journal import Journal, Key, MovedError, Scored, State
from .library import chosen_model
from .model import Judge, Model, Verdict
from .output import TableWriter, as_text
from .windows import Window, read_windows

PATIENCE = 10
"""Intervals after which a recording that can't be read, and does not change, gets the verdict ``error``."""

_SHORTEST = 0.01  # seconds


def watch_command(arguments: Namespace) -> int:
    """Run ``asd watch``; the exit status.

    Raises
    ------
    UserError
        If it can't begin: for lack of a model, a folder, a table to append to.
    """
    if not (math.isfinite(arguments.interval) and arguments.interval >= _SHORTEST):
        raise UserError(f"--interval {arguments.interval:g}: {_SHORTEST:g} seconds or more are wanted")
    if not os.path.isdir(arguments.folder):
        raise UserError(f"{arguments.folder}: there is no such folder to watch")
    with ending_on_signals() as ending:
        model = Model.load(chosen_model(arguments.model))
        judge = model.judge(arguments.detector, arguments.false_alarms)
        alarms = Alarms(arguments.program, arguments.alarms, tell, lambda: ending.asked)
        watch = Watch(judge, os.path.abspath(arguments.folder), arguments.csv, alarms, arguments.interval, ending)
        try:
            shown = not arguments.quiet and sys.stdout is not None
            watch.run(once=arguments.once, rows=TableWriter(sys.stdout, [judge.detector]) if shown else None)
        finally:
            watch.close()
    return 0


# ------------------------------------------------------------------------------------------------------------- the end


class Ending:
    """Whether the watch has been asked to end, and a sleep that ends then."""

    def __init__(self) -> None:
        self.asked = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def ask(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Have it end, as the handler of a signal; the next signal ends it at once."""
        self.asked = True
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)
        with suppress(OSError):
            os.write(self._writer, b".")

    def sleep(self, seconds: float) -> None:
        """Wait, until it is asked to end at the latest."""
        if not self.asked:
            select.select([self._reader], [], [], seconds)

    def close(self) -> None:
        """Release what it holds."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def ending_on_signals() -> Iterator[Ending]:
    """Yield an `Ending` that Ctrl-C and SIGTERM ask for."""
    ending = Ending()
    before = {number: signal.signal(number, ending.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        ending.close()


# ----------------------------------------------------------------------------------------------------- what is complete


@dataclass
class _Seen:
    """How a file is that has not been dealt with, and since when, in seconds of a steady clock."""

    state: State
    since: float


@dataclass
class Arrivals:
    """Which files have been the same at two looks, at least an interval apart.

    Attributes
    ----------
    interval
        Seconds.
    """

    interval: float
    _settled: dict[str, State] = field(default_factory=dict)
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def look(self, files: Mapping[str, State], began: float, ended: float) -> list[str]:
        """Files that are complete by now.

        Parameters
        ----------
        files
            All that are there.
        began, ended
            Of the look at them, seconds of a steady clock.
        """
        self._seen = {file: seen for file, seen in self._seen.items() if file in files}
        self._settled = {file: state for file, state in self._settled.items() if file in files}
        complete = []
        for file, state in files.items():
            if self._settled.get(file) == state:
                continue
            seen = self._seen.get(file)
            if seen is None or seen.state != state:
                self._seen[file] = _Seen(state, ended)
            elif began - seen.since >= self.interval:
                complete.append(file)
        return complete

    def is_settled(self, file: str, state: State) -> bool:
        """Whether a file, as it is, has been dealt with."""
        return self._settled.get(file) == state

    def settle(self, file: str, state: State) -> None:
        """A file, as it is, has been dealt with."""
        self._settled[file] = state
        self._seen.pop(file, None)

    def start_anew(self, file: str) -> None:
        """A file has changed since the look."""
        self._seen.pop(file, None)

    def is_given_up(self, file: str, now: float) -> bool:
        """Whether a file that can't be read has not changed for long."""
        return now - self._seen[file].since >= PATIENCE * self.interval

    def unchanged(self, ended: float) -> bool:
        """Whether files wait that had not changed at the look that ended then."""
        return any(seen.since < ended for seen in self._seen.values())

    def waiting(self) -> list[str]:
        """Files that have not been dealt with."""
        return list(self._seen)


# ----------------------------------------------------------------------------------------------------------- the watch


class Watch:
    """Scores what comes into a folder.

    Parameters
    ----------
    folder
        Absolute, so that a recording has the same name after a restart from elsewhere.
    table
        Path of the table of scores.
    interval
        Seconds between two looks.
    clock
        Gives seconds that never go back.
    """

    def __init__(
        self,
        judge: Judge,
        folder: str,
        table: str,
        alarms: Alarms,
        interval: float,
        ending: Ending,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._judge, self._folder, self._table, self._alarms = judge, folder, table, alarms
        self._interval, self._ending, self._clock = interval, ending, clock
        self._arrivals = Arrivals(interval)
        self._said: dict[str, str] = {}
        self._remarks: set[str] = set()
        self._alarmed: dict[Key, int] = {}  # number of verdicts on a recording that have raised theirs
        self._rows: TableWriter | None = None
        self._moved = False
        self._journal = Journal(table)
        for remark in self._journal.remarks:
            tell(remark)

    def close(self) -> None:
        """Let others append to the table."""
        self._journal.close()

    def run(self, *, once: bool = False, rows: TableWriter | None = None) -> None:
        """Look, score, wait, and look again, until it is asked to end.

        Parameters
        ----------
        once
            Whether to end when all that is there has been dealt with.
        rows
            Where to show rows.
        """
        self._rows = rows
        self._show(None)
        looks = 0
        while not self._ending.asked:
            if self._moved:
                self._begin_anew()
            began = self._clock()
            files = self._files()
            ended = self._clock()
            looks += 1
            for file in sorted(self._arrivals.look(files, began, ended), key=natural_order):
                if self._ending.asked:
                    break
                self._take(file, files[file])
            waiting = self._arrivals.waiting()
            if once and not self._arrivals.unchanged(ended) and (looks > 1 or not waiting):
                if waiting:
                    tell(f"{len(waiting)} recordings still change and are not scored: {some(waiting)}")
                break
            self._ending.sleep(self._interval)

    def _files(self) -> dict[str, State]:
        """Recordings that are there, those left out that are known to have been scored."""
        found = walk(self._folder)
        for problem in found.problems:
            self._say(problem, problem)
        files = {}
        for file, status in found.files.items():
            if not stat.S_ISREG(status.st_mode):
                continue
            files[file] = state = _state(status)
            if not self._arrivals.is_settled(file, state) and Key(as_text(file), *state) in self._journal.done:
                self._arrivals.settle(file, state)
        return files

    def _take(self, file: str, state: State) -> None:
        """Score a file that is complete by all that is known."""
        model = self._judge.model
        recorded = read_windows(file, model.about, keep_samples=False)
        if _state_of(file) != state:  # or is gone
            self._arrivals.start_anew(file)
            return
        if recorded.unreadable and not self._arrivals.is_given_up(file, self._clock()):
            return
        verdicts = list(self._judge([(file, recorded)]))
        features = [window.features if isinstance(window, Window) else None for window in recorded.windows]
        if self._write(Scored(verdicts, features), state):
            self._arrivals.settle(file, state)
            self._report(verdicts)

    def _write(self, scored: Scored, state: State) -> bool:
        """Raise the alarms and write the rows; whether that is done."""
        try:
            self._journal.append_features(scored)
            try:
                self._raise_alarms(scored.verdicts, state)
            except BaseException:
                self._journal.take_back_features()
                raise
            self._journal.append_scores(scored, state)
            self._alarmed.pop(Key(scored.verdicts[0].file, *state), None)
        except AlarmInterrupted:
            return False
        except MovedError:
            self._moved = True
            return False
        except OSError as error:
            problem = disk_problem(error, error.filename or self._table) or f"{self._table}: {error}"
            self._say("write", f"{problem.removesuffix(', and run again.')}; it is tried again.")
            return False
        self._said.pop("write", None)
        return True

    def _raise_alarms(self, verdicts: Sequence[Verdict], state: State) -> None:
        """Before the rows are written, so that none is lost; once, however often it takes to write them."""
        key = Key(verdicts[0].file, *state)
        for number, verdict in enumerate(verdicts):
            if verdict.verdict == "anomalous" and number >= self._alarmed.get(key, 0):
                self._alarms.raise_for(verdict)
                self._alarmed[key] = number + 1

    def _begin_anew(self) -> None:
        """Go on in a new table where somebody has moved or removed the one there was."""
        if not os.path.isdir(os.path.dirname(os.path.abspath(self._table))):
            self._say("moved", f"{self._table}: its folder is not there any more; recordings wait until it is")
            return
        done = self._journal.done
        self._journal.close()
        self._journal = Journal(self._table)
        self._journal.done |= done
        self._moved = False
        self._said.pop("moved", None)
        tell(f"{self._table}: was moved or removed, and a new one is begun")

    def _report(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            self._show(verdict)
            if verdict.verdict == "error" and self._rows is None:
                tell(f"{in_one_line(verdict.file)}: {'; '.join(verdict.reasons)}")
        for remark in verdicts[0].remarks:
            if remark not in self._remarks:
                self._remarks.add(remark)
                tell(f"{in_one_line(verdicts[0].file)}: {remark} (said once)")

    def _show(self, verdict: Verdict | None) -> None:
        """Show a row, or the header; nobody may be there to read it."""
        if self._rows is None:
            return
        try:
            if verdict is None:
                self._rows.begin()
            else:
                self._rows.add(verdict)
        except OSError:
            self._rows = None
            discard_output()

    def _say(self, topic: str, message: str) -> None:
        """Say something, but not the same over and over."""
        if self._said.get(topic) != message:
            self._said[topic] = message
            tell(message)


def _state(status: os.stat_result) -> State:
    return State(status.st_size, status.st_mtime_ns)


def _state_of(file: str) -> State | None:
    try:
        return _state(os.stat(file))
    except OSError:
        return None
