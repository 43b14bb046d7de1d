"""``asd watch``: each recording is scored once, when it is complete, whatever happens meanwhile."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from asd.scoring.alarms import Alarms
from asd.scoring.journal import SCORE_COLUMNS, State, features_beside
from asd.scoring.model import Model, Verdict
from asd.scoring.watch import PATIENCE, Arrivals, Ending, Watch
from shop_floor import SECONDS, asd, command, record, variables

INTERVAL = 0.02
KILLS = 40
_TICK = 0.01  # seconds, in which a file that is written anew gets another time
Row = dict[str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "incoming"
    path.mkdir()
    return path


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


class Scripted(Ending):
    """An end that comes after some steps, one at each pause between two looks, and a clock that stands still meanwhile:
    however busy the machine is, each look comes just after the interval."""

    def __init__(self, steps: Sequence[Callable[[], object]]) -> None:
        super().__init__()
        self._steps = list(steps)
        self._now = 0.0

    def clock(self) -> float:
        """Seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Take a step."""
        if not self._steps:
            self.asked = True
            return
        self._steps.pop(0)()
        self._now += 1.01 * seconds
        time.sleep(_TICK)


def nothing() -> None:
    pass


def watched(
    model: Model,
    folder: Path,
    steps: Sequence[Callable[[], object]] = (),
    *,
    table: Path | None = None,
    once: bool = False,
    command: str | None = None,
    alarms: Path | None = None,
    longest: float = 60.0,
    said: list[str] | None = None,
) -> list[Row]:
    """Watch a folder until the steps are done; the rows of the table."""
    ending = Scripted(steps)
    table = table or folder.parent / "scores.csv"
    told = (said if said is not None else []).append
    raiser = Alarms(command, None if alarms is None else str(alarms), told, lambda: ending.asked, longest)
    timing = (INTERVAL, Ending()) if once else (INTERVAL, ending, ending.clock)
    watch = Watch(model.judge(), str(folder), str(table), raiser, *timing)
    try:
        watch.run(once=once)
    finally:
        watch.close()
    return rows_of(table)


def names(rows: Sequence[Row]) -> list[str]:
    return [Path(row["file"]).name for row in rows]


# ----------------------------------------------------------------------------------------------------- what is complete


def test_a_file_is_complete_when_it_was_the_same_at_two_looks_an_interval_apart() -> None:
    arrivals = Arrivals(1.0)
    new, grown = State(1, 1), State(2, 2)
    assert arrivals.look({"a": new}, 0.0, 0.1) == []
    assert arrivals.look({"a": new}, 1.0, 1.1) == []  # not an interval after the end of the first look
    assert arrivals.look({"a": new}, 1.1, 1.2) == ["a"]
    assert arrivals.look({"a": grown}, 3.0, 3.1) == []
    assert arrivals.look({"a": grown, "b": new}, 4.5, 4.6) == ["a"]
    arrivals.settle("a", grown)
    assert arrivals.look({"a": grown, "b": new}, 6.0, 6.1) == ["b"]
    assert arrivals.waiting() == ["b"]
    assert arrivals.look({"a": new, "b": new}, 8.0, 8.1) == ["b"]
    assert arrivals.look({"a": new, "b": new}, 10.0, 10.1) == ["a", "b"]
    assert arrivals.look({}, 11.0, 11.1) == []
    assert arrivals.waiting() == []


def test_a_file_that_changes_in_time_or_size_alone_starts_anew() -> None:
    arrivals = Arrivals(1.0)
    for number, state in enumerate([State(1, 1), State(1, 2), State(2, 2), State(2, 1)]):
        assert arrivals.look({"a": state}, 2.0 * number, 2.0 * number) == []
    assert not arrivals.unchanged(6.0)
    assert arrivals.look({"a": State(2, 1)}, 8.0, 8.0) == ["a"]
    assert arrivals.unchanged(8.0)
    assert not arrivals.is_given_up("a", 15.9)
    assert arrivals.is_given_up("a", 16.0)


# ----------------------------------------------------------------------------------------------------------------- rows


def test_recordings_are_scored_as_they_come(model: Model, folder: Path) -> None:
    record(folder / "b.wav", seed=1)
    rows = watched(
        model,
        folder,
        [
            lambda: record(folder / "line 1" / "a.wav", 2 * SECONDS, seed=2),
            nothing,
            lambda: record(folder / "c.WAV", seed=3, fault=True),
            nothing,
            nothing,
        ],
    )
    assert tuple(rows[0]) == SCORE_COLUMNS
    assert names(rows) == ["b.wav", "a.wav", "a.wav", "c.WAV"]
    expected = [one for path in ("b.wav", "line 1/a.wav", "c.WAV") for one in model.score(folder / path)]
    for row, verdict in zip(rows, expected, strict=True):
        assert row["file"] == verdict.file
        assert float(row["score"]) == pytest.approx(verdict.score, rel=1e-8)
        assert (row["verdict"], row["reasons"]) == (verdict.verdict, "; ".join(verdict.reasons))
        status = os.stat(row["file"])
        assert (int(row["size"]), int(row["modified_ns"])) == (status.st_size, status.st_mtime_ns)
    assert [row["windows"] for row in rows] == ["1", "2", "2", "1"]


def test_features_are_beside_the_scores(model: Model, folder: Path) -> None:
    record(folder / "a.wav", seed=1)
    rows = watched(model, folder, once=True)
    (found,) = rows_of(features_beside(folder.parent / "scores.csv"))
    assert [found[name] for name in ("file", "start", "end")] == [rows[0][name] for name in ("file", "start", "end")]
    from asd.scoring.windows import Window, read_windows

    (window,) = read_windows(str(folder / "a.wav"), model.about).windows
    assert isinstance(window, Window)
    np.testing.assert_allclose([float(one) for one in list(found.values())[3:]], window.features, rtol=1e-5)


def test_nothing_is_scored_twice_whatever_the_folder_is_called(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(folder / "a.wav")
    first = watched(model, folder, once=True)
    assert watched(model, folder, [nothing] * 3) == first
    monkeypatch.chdir(folder.parent)
    done = asd("watch", _file_of(model), "incoming/../incoming", "--csv", "scores.csv", "--once", "--interval", "0.02")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows_of(Path("scores.csv")) == first
    record(folder / "a.wav", seed=5)  # another recording of that name
    assert names(watched(model, folder, once=True)) == ["a.wav"] * 2


def _file_of(model: Model) -> str:
    return model.path


def test_what_is_no_recording_is_left_alone(model: Model, folder: Path) -> None:
    record(folder / "a.wav")
    record(folder / ".hidden.wav")
    record(folder / ".folder" / "b.wav")
    (folder / "notes.txt").write_text("notes")
    (folder / "folder.wav").mkdir()
    (folder / "gone.wav").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.wav")
    (folder / "circle").symlink_to(".")
    assert names(watched(model, folder, [nothing] * 3)) == ["a.wav"]


def test_the_table_may_be_in_the_folder(model: Model, folder: Path) -> None:
    record(folder / "a.wav")
    table = folder / "scores.csv"
    assert names(watched(model, folder, [nothing] * 4, table=table)) == ["a.wav"]
    assert {path.name for path in folder.iterdir()} == {"a.wav", "scores.csv", "scores.features.csv"}


ODD = ["a,b", 'say "so"', "two\nlines", "cr\r", " blank ", "소리", "\x1b[2J"]


def test_odd_names_are_known_again(model: Model, folder: Path) -> None:
    for number, name in enumerate(ODD):
        record(folder / f"{name}.wav", seed=number)
    shutil.copy(folder / "소리.wav", os.fsencode(folder) + b"/fl\xfcte.wav")
    first = watched(model, folder, once=True)
    assert sorted(names(first)) == sorted([*(f"{name}.wav" for name in ODD), "fl\\xfcte.wav"])
    assert watched(model, folder, [nothing] * 2) == first


def test_recordings_are_never_changed(model: Model, folder: Path) -> None:
    for number in range(3):
        record(folder / f"{number}.wav", seed=number)
    (folder / "broken.wav").write_text("no sound")

    def state() -> list[tuple[str, str, int, int]]:
        return [
            (path.name, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_mode)
            for path in sorted(folder.iterdir())
        ]

    before = state()
    assert len(watched(model, folder, once=True)) == 4
    assert state() == before


# ------------------------------------------------------------------------------------------------------ still to come


def test_a_recording_that_grows_is_scored_when_it_is_whole(model: Model, folder: Path, tmp_path: Path) -> None:
    content = record(tmp_path / "whole.wav", 3 * SECONDS).read_bytes()
    path = folder / "a.wav"

    def grow(share: float) -> Callable[[], object]:
        return lambda: path.write_bytes(content[: round(share * len(content))])

    # even where it stays as it is for some looks
    steps = [grow(0.1), grow(0.4), nothing, nothing, nothing, grow(0.7), nothing, grow(1.0), nothing, nothing]
    rows = watched(model, folder, steps)
    assert [row["end"] for row in rows] == ["0.5", "1", "1.5"]
    assert {row["verdict"] for row in rows} <= {"normal", "anomalous"}
    assert {row["windows"] for row in rows} == {"3"}


def test_a_recording_that_grows_and_is_whole_at_any_time_is_scored_as_it_is_in_the_end(
    model: Model, folder: Path
) -> None:
    """A writer that keeps the header up to date, faster than the interval."""
    path = folder / "a.wav"
    steps = [lambda seconds=seconds: record(path, seconds) for seconds in (0.1, 0.2, 0.3, 0.4, SECONDS)]
    (row,) = watched(model, folder, [*steps, nothing, nothing])
    assert row["end"] == "0.5"


def test_what_cant_be_read_is_given_up_when_it_does_not_change_for_long(model: Model, folder: Path) -> None:
    path = folder / "a.wav"
    path.write_text("no sound")
    assert watched(model, folder, [nothing] * (PATIENCE - 2)) == []
    (row,) = watched(model, folder, [nothing] * (PATIENCE + 3))
    assert (row["verdict"], row["score"], row["p_value"], row["windows"]) == ("error", "", "", "1")
    assert row["reasons"].startswith("not readable as audio")
    assert rows_of(features_beside(folder.parent / "scores.csv")) == []
    assert watched(model, folder, [nothing] * (PATIENCE + 3)) == [row]
    record(path)
    assert [one["verdict"] == "error" for one in watched(model, folder, once=True)] == [True, False]


def test_it_is_tried_again_as_long_as_it_changes(model: Model, folder: Path) -> None:
    path = folder / "a.wav"
    steps: list[Callable[[], object]] = []
    for number in range(4):
        steps += [lambda number=number: path.write_text("no sound" * number), *[nothing] * (PATIENCE // 2)]
    (row,) = watched(model, folder, [*steps, lambda: record(path), nothing, nothing])
    assert row["verdict"] != "error"


def test_a_recording_that_vanishes_is_no_matter(model: Model, folder: Path) -> None:
    said: list[str] = []
    record(folder / "a.wav")
    record(folder / "b.wav")
    rows = watched(model, folder, [(folder / "a.wav").unlink, nothing, nothing], said=said)
    assert (names(rows), said) == (["b.wav"], [])


def test_a_recording_that_vanishes_or_changes_while_it_is_read_is_no_matter(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asd.scoring import watch

    original = watch.read_windows

    def meddled(file: str, *arguments: object, **options: object) -> object:
        found = original(file, *arguments, **options)  # type: ignore[arg-type]
        if file.endswith("gone.wav"):
            Path(file).unlink()
        if file.endswith("changed.wav") and not (folder / "done").exists():
            record(Path(file), seed=7)
            (folder / "done").touch()
        return found

    monkeypatch.setattr(watch, "read_windows", meddled)
    record(folder / "gone.wav")
    record(folder / "changed.wav")
    (row,) = watched(model, folder, [nothing] * 5)
    assert Path(row["file"]).name == "changed.wav"
    assert float(row["score"]) == pytest.approx(model.score(folder / "changed.wav")[0].score, rel=1e-8)


def test_a_folder_that_vanishes_is_said_once_and_awaited(
    model: Model, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder / "a.wav")
    away = folder.parent / "away"
    steps = [nothing, lambda: folder.rename(away), nothing, nothing, lambda: away.rename(folder)]
    rows = watched(model, folder, [*steps, lambda: record(folder / "b.wav"), nothing, nothing])
    assert names(rows) == ["a.wav", "b.wav"]
    assert capsys.readouterr().err == f"asd: {folder}: can't be looked into (No such file or directory)\n"


def test_once_leaves_what_still_changes(
    model: Model, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(folder / "a.wav")
    monkeypatch.setattr(Ending, "sleep", lambda self, seconds: (record(folder / "b.wav", seed=9), time.sleep(0.03)))
    assert names(watched(model, folder, once=True)) == ["a.wav"]
    assert "1 recordings still change and are not scored: " in capsys.readouterr().err


def test_remarks_are_said_once(model: Model, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        record(folder / f"{number}.wav", channels=2)
    watched(model, folder, once=True)
    assert capsys.readouterr().err == (
        f"asd: {folder}/0.wav: 2 channel(s), the training recordings have 1: another microphone? (said once)\n"
    )


# --------------------------------------------------------------------------------------------------------------- alarms

NOTE = """
import json, os, sys
about = {name: os.environ[name] for name in os.environ if name.startswith("ASD_") and name != "ASD_CONSOLE"}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([about, json.load(sys.stdin), os.environ.get("OPENBLAS_NUM_THREADS")]) + "\\n")
print("shown")
"""


@pytest.fixture
def note(tmp_path: Path) -> tuple[str, Path]:
    """A command that notes what it is given, and where."""
    script, notes = tmp_path / "it's a note.py", tmp_path / "notes"
    script.write_text(NOTE)
    notes.touch()
    return f'{sys.executable} "{script}" {notes}', notes


def lines_of(path: Path) -> list[list[object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_alarm_runs_the_command_and_is_a_line(model: Model, folder: Path, note: tuple[str, Path]) -> None:
    record(folder / "good.wav", seed=3)
    record(folder / 'bad $(x) "y".wav', seed=1, fault=True)
    alarms = folder.parent / "alarms.jsonl"
    rows = watched(model, folder, once=True, command=note[0], alarms=alarms)
    anomalous = [row for row in rows if row["verdict"] == "anomalous"]
    assert len(anomalous) < len(rows)
    noted = lines_of(note[1])
    assert [json.loads(line) for line in alarms.read_text().splitlines()] == [verdict for _, verdict, _ in noted]
    for row, (about, verdict, threads) in zip(anomalous, noted, strict=True):
        assert about == {
            "ASD_FILE": row["file"],
            "ASD_START": row["start"],
            "ASD_SCORE": row["score"],
            "ASD_P_VALUE": row["p_value"],
            "ASD_REASONS": row["reasons"],
        }
        assert isinstance(verdict, dict)
        assert (verdict["file"], verdict["verdict"]) == (row["file"], "anomalous")
        assert threads is None or "OPENBLAS_NUM_THREADS" in os.environ


def test_each_window_raises_its_alarm(model: Model, folder: Path, note: tuple[str, Path]) -> None:
    record(folder / "a.wav", 3 * SECONDS, fault=True)
    watched(model, folder, once=True, command=note[0])
    assert [about["ASD_START"] for about, *_ in lines_of(note[1])] == ["0", "0.5", "1"]  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("false", "false ended with status 1 for "),
        ("sh -c 'kill -9 $$'", "sh ended with signal 9 for "),
        ("sleep 30", "'sleep' was ended after 0.3 s"),
        ("sh -c 'sleep 30 & sleep 30'", "'sh' was ended after 0.3 s"),
        ("true", None),  # though it does not read what it is given
    ],
)
def test_a_command_that_fails_or_hangs_stops_nothing(
    model: Model, folder: Path, program: str, words: str | None
) -> None:
    said: list[str] = []
    for number in range(2):
        record(folder / f"{number}.wav", seed=number, fault=True)
    began = time.monotonic()
    rows = watched(model, folder, once=True, command=program, longest=0.3, said=said)
    assert time.monotonic() - began < 20
    assert [row["verdict"] for row in rows] == ["anomalous"] * 2
    assert [words is not None and words in one for one in said] == ([] if words is None else [True, True])


def test_a_command_that_vanishes_stops_nothing(model: Model, folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "alarm.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    record(folder / "a.wav", fault=True)
    said: list[str] = []
    rows = watched(model, folder, [script.unlink, nothing, nothing], command=str(script), said=said)
    assert len(rows) == 1
    assert said == [f"--run: {script} can't be run (No such file or directory)"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("mine\n", "mine\n"),
        ("mine", "mine\n"),
        ('{"file": "/a.wav"}\n{"file": "/b.w', '{"file": "/a.wav"}\n'),
        ('{"fi', ""),
        ('mine\n{"file": ' + "x" * 70_000, 'mine\n{"file": ' + "x" * 70_000 + "\n"),  # no line of ours is as long
    ],
)
def test_half_a_line_of_an_alarm_does_not_stay(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "alarms"
    path.write_text(before)
    verdict = Verdict("/a.wav", 0, 1, 2, 0.5, True, ("why",), "LOF")
    Alarms(None, str(path), print).raise_for(verdict)
    content = path.read_text()
    assert content.startswith(after)
    assert json.loads(content[len(after) :])["file"] == "/a.wav"


def test_alarms_may_go_to_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    Alarms(None, str(path), print).raise_for(Verdict("/a.wav", 0, 1, 2, 0.5, True, ("why",), "LOF"))
    assert json.loads(os.read(reader, 10_000))["file"] == "/a.wav"
    os.close(reader)


# ------------------------------------------------------------------------------------------------------------ its disk


def test_a_full_disk_is_said_once_and_what_could_not_be_written_is_written_later(
    model: Model,
    folder: Path,
    note: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record(folder / "a.wav", 3 * SECONDS, fault=True)
    original, is_full = os.write, [True]

    def write(descriptor: int, content: bytes) -> int:
        if is_full[0] and content.count(b"anomalous"):
            original(descriptor, content[:50])
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(descriptor, content)

    monkeypatch.setattr(os, "write", write)
    table = folder.parent / "scores.csv"
    seen: list[int] = []
    steps = [nothing, nothing, lambda: seen.append(len(rows_of(table))), nothing, lambda: is_full.__setitem__(0, False)]
    rows = watched(model, folder, [*steps, nothing, nothing], command=note[0])
    assert seen == [0]
    assert len(rows) == len(rows_of(features_beside(table))) == 3
    assert len(lines_of(note[1])) == 3  # and not once more for each attempt
    assert capsys.readouterr().err == (
        f"asd: {table}: there is no space left on the disk. Make room on it; it is tried again.\n"
    )


def test_tables_that_are_moved_away_are_begun_anew(
    model: Model, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = folder.parent / "scores.csv"
    old = folder.parent / "old"
    old.mkdir()

    def move() -> None:
        for path in (table, features_beside(table)):
            path.rename(old / path.name)

    record(folder / "a.wav")
    rows = watched(model, folder, [nothing, nothing, move, lambda: record(folder / "b.wav"), nothing, nothing, nothing])
    assert names(rows) == ["b.wav"]
    assert names(rows_of(old / "scores.csv")) == ["a.wav"]
    assert f"asd: {table}: was moved or removed, and a new one is begun\n" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------- how it ends


def started(model: Model, folder: Path, *more: str) -> subprocess.Popen[str]:
    arguments = command("watch", model.path, folder, "--csv", folder.parent / "scores.csv", "--interval", "0.02", *more)
    return subprocess.Popen(arguments, env=variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_asked_and_only_one_appends_to_a_table(model: Model, folder: Path, number: int) -> None:
    record(folder / "a.wav")
    table = folder.parent / "scores.csv"
    process = started(model, folder)
    try:
        wait_for(lambda: table.exists() and len(rows_of(table)) == 1)
        second = asd("watch", model.path, folder, "--csv", table)
        assert second.returncode == 2
        assert second.stderr == f"asd: {table}: another asd watch appends to it. Give another file.\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert f"{folder}/a.wav"[-20:] in out


def test_it_ends_although_a_command_hangs_and_the_alarm_comes_again(
    model: Model, folder: Path, tmp_path: Path, note: tuple[str, Path]
) -> None:
    record(folder / "a.wav", fault=True)
    begun = tmp_path / "begun"
    process = started(model, folder, "--run", f"sh -c 'touch {begun}; sleep 60'")
    try:
        wait_for(begun.exists)
        process.terminate()
        process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert rows_of(folder.parent / "scores.csv") == []
    assert rows_of(features_beside(folder.parent / "scores.csv")) == []
    assert len(watched(model, folder, once=True, command=note[0])) == 1
    assert len(lines_of(note[1])) == 1


def test_nobody_reading_the_rows_is_no_matter(model: Model, folder: Path) -> None:
    for number in range(3):
        record(folder / f"{number}.wav", seed=number)
    process = started(model, folder, "--once")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert len(rows_of(folder.parent / "scores.csv")) == 3


# ------------------------------------------------------------------------------------------------------------- killed


def unsynced(descriptor: int) -> None:
    """In the place of fsync, which is a matter of power cuts: to a kill it makes no difference."""


def in_a_child(work: Callable[[], object]) -> int:
    """Run something in a process of its own that shares nothing with this one but the disk; its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        work()
        status = 0
    finally:
        os._exit(status)


def ended_by(child: int) -> int:
    """Status of a child, or the signal that ended it, negative."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(number: int) -> Iterator[None]:
    """Have this process killed at the n-th call that changes a file, a written text half of which is there."""
    calls = iter(range(number + 1))

    def doomed(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if next(calls) == number:
                if name == "write":
                    descriptor, content = arguments
                    original(descriptor, content[: len(content) // 2])  # type: ignore[index, arg-type]
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments)

        return call

    for name, original in (("write", os.write), ("fsync", unsynced), ("ftruncate", os.ftruncate)):
        setattr(os, name, doomed(name, original))
    yield


def require_whole(table: Path, folder: Path, alarms: Path) -> None:
    """Each recording has its rows, once, and so have the features; and every alarm has been raised."""
    rows = rows_of(table)
    counts = Counter(row["file"] for row in rows)
    assert set(counts) == {str(path) for path in folder.rglob("*.wav")}
    for file, count in counts.items():
        of_file = [row for row in rows if row["file"] == file]
        assert {row["windows"] for row in of_file} == {str(count)}
        assert len({row["start"] for row in of_file}) == count
    features = [(row["file"], row["start"], row["end"]) for row in rows_of(features_beside(table))]
    assert features == [(row["file"], row["start"], row["end"]) for row in rows if row["verdict"] != "error"]
    raised = {(one["file"], one["start"]) for one in map(json.loads, alarms.read_text().splitlines())}
    assert raised == {(row["file"], float(row["start"])) for row in rows if row["verdict"] == "anomalous"}


def test_killed_at_any_place_it_loses_nothing_and_repeats_nothing(model_file: Path, tmp_path: Path) -> None:
    def watch(place: Path) -> None:
        if os.fsync is synced:
            os.fsync = unsynced
        watched(Model.load(model_file), place / "in", once=True, table=place / "scores.csv", alarms=place / "alarms")

    number, status, synced = 0, -1, os.fsync
    while status:
        place = tmp_path / str(number)
        record(place / "in" / "1.wav", seed=1)
        record(place / "in" / "2.wav", 3 * SECONDS, seed=2, fault=True)
        (place / "in" / "3.wav").write_text("no sound")

        def doomed(place: Path = place, number: int = number) -> None:
            next(killed_at(number))
            watch(place)

        status = ended_by(in_a_child(doomed))
        assert status in (0, -signal.SIGKILL)
        assert ended_by(in_a_child(lambda place=place: watch(place))) == 0
        require_whole(place / "scores.csv", place / "in", place / "alarms")
        number += 1
    assert number > 15


def test_killed_again_and_again_it_loses_nothing_and_repeats_nothing(
    model_file: Path, folder: Path, tmp_path: Path
) -> None:
    table, alarms = tmp_path / "scores.csv", tmp_path / "alarms"
    chance = random.Random(0)
    source = tmp_path / "source"
    record(source / "good.wav", seed=1)
    record(source / "bad.wav", 3 * SECONDS, seed=2, fault=True)

    def watch(once: bool) -> None:
        os.fsync = unsynced
        watched(Model.load(model_file), folder, [nothing] * 1000, once=once, table=table, alarms=alarms)

    def size() -> int:
        features = features_beside(table)
        return features.stat().st_size if features.exists() else 0

    last = [0]

    def has_grown() -> bool:
        """And not shrunk, when what was not whole is cut off."""
        before, last[0] = last[0], size()
        return last[0] > before

    kills = 0
    for number in range(KILLS):
        kind = chance.choice(["good", "bad"])
        shutil.copy(source / f"{kind}.wav", folder / f"{number}.part")
        (folder / f"{number}.part").rename(folder / f"{number}.wav")
        child = in_a_child(lambda: watch(once=False))
        if number % 2:
            time.sleep(chance.uniform(0, 0.15))
        else:  # while it writes
            last[0] = size()
            wait_for(has_grown)
            time.sleep(chance.choice([0, 0.001, 0.002, 0.004, 0.01, 0.03]))
        os.kill(child, signal.SIGKILL)
        kills += ended_by(child) == -signal.SIGKILL
    assert kills == KILLS
    assert len(rows_of(table)) > 5  # or nothing was going on
    assert ended_by(in_a_child(lambda: watch(once=True))) == 0
    require_whole(table, folder, alarms)
