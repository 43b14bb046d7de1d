"""The tables of ``asd watch``: whatever was written of them when it ended, they are whole when it goes on."""

from __future__ import annotations

import csv
import errno
import fcntl
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from asd.errors import UserError
from asd.features.columns import FEATURE_NAMES
from asd.scoring.journal import (
    FEATURE_COLUMNS,
    SCORE_COLUMNS,
    Journal,
    Key,
    MovedError,
    Scored,
    State,
    features_beside,
)
from asd.scoring.model import Verdict
from asd.scoring.output import as_text

Recording = tuple[Scored, State]


def recording(file: str, verdicts: Sequence[str] = ("normal",), number: int = 0) -> Recording:
    """Of windows of a second with these verdicts."""
    generator = np.random.default_rng(number)
    found, features = [], []
    for start, verdict in enumerate(verdicts):
        score = math.nan if verdict == "error" else number + start + 0.123456789
        reasons = ("no, it can't",) if verdict == "error" else ("0.9-1.0 kHz, 3 dB above normal", 'a "reason"')
        anomalous = verdict == "anomalous"
        found.append(Verdict(file, start, start + 1, score, score, anomalous, reasons, "LOF"))
        features.append(None if verdict == "error" else generator.standard_normal(648).astype(np.float32))
    return Scored(found, features), State(1000 + number, 1_700_000_000_123_456_789 + number)


RECORDINGS = [
    recording("/data/a.wav", number=0),
    recording('/data/two\nlines, a "quote" and \r.wav', ["anomalous", "error", "normal"], 1),
    recording("/data/broken.wav", ["error"], 2),
    recording("/data/fl\udcfcte.wav", ["normal", "normal"], 3),
    recording("/data/a.wav", ["anomalous"], 4),  # another one of the same name
    recording("/data/소리.wav", ["normal"], 5),
]


def key_of(one: Recording) -> Key:
    return Key(as_text(one[0].verdicts[0].file), *one[1])


def append(journal: Journal, recordings: Sequence[Recording]) -> None:
    for scored, state in recordings:
        journal.append_features(scored)
        journal.append_scores(scored, state)


def opened(path: Path, use: Callable[[Journal], object] = lambda journal: None) -> Journal:
    """Open, use and close the tables."""
    journal = Journal(path)
    try:
        use(journal)
    finally:
        journal.close()
    return journal


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file, strict=True))


def contents(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), features_beside(path).read_bytes()


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, bytes]]:
    """Contents of both tables with none of the recordings, with one, and so on."""
    path = tmp_path_factory.mktemp("steps") / "scores.csv"
    journal = Journal(path)
    found = [contents(path)]
    for one in RECORDINGS:
        append(journal, [one])
        found.append(contents(path))
    journal.close()
    return found


# ------------------------------------------------------------------------------------------------------ what is in them


def test_rows_are_those_of_the_recordings(tmp_path: Path, steps: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(steps[-1][0])
    header, *rows = rows_of(path)
    assert tuple(header) == SCORE_COLUMNS
    assert SCORE_COLUMNS[-3:] == ("size", "modified_ns", "windows")
    expected = [
        [as_text(verdict.file), verdict.verdict, str(state.size), str(state.modified_ns), str(len(scored.verdicts))]
        for scored, state in RECORDINGS
        for verdict in scored.verdicts
    ]
    assert [[row[0], row[6], *row[8:]] for row in rows] == expected
    assert rows[0][4:6] == ["0.123456789", "0.123456789"]
    assert rows[2][4:6] == ["", ""]


def test_features_are_those_of_the_rows_that_were_scored(tmp_path: Path, steps: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "scores.features.csv"
    path.write_bytes(steps[-1][1])
    header, *rows = rows_of(path)
    assert tuple(header) == FEATURE_COLUMNS == ("file", "start", "end", *FEATURE_NAMES)
    expected = [
        (as_text(verdict.file), float(verdict.start), float(verdict.end), features[:136])
        for scored, _ in RECORDINGS
        for verdict, features in zip(scored.verdicts, scored.features, strict=True)
        if features is not None
    ]
    assert len(rows) == len(expected) == 7
    for row, (file, start, end, features) in zip(rows, expected, strict=True):
        assert (row[0], float(row[1]), float(row[2])) == (file, start, end)
        assert row[3:] == [f"{value:.6g}" for value in features.tolist()]


def test_what_is_done_is_known_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.csv"
    opened(path, lambda journal: append(journal, RECORDINGS))
    before = contents(path)
    journal = opened(path)
    assert journal.done == {key_of(one) for one in RECORDINGS}
    assert journal.remarks == []
    assert contents(path) == before


# ------------------------------------------------------------------------------------------------------- ended halfway


def leave(path: Path, scores: bytes, features: bytes | None) -> None:
    path.write_bytes(scores)
    features_beside(path).unlink(missing_ok=True)
    if features is not None:
        features_beside(path).write_bytes(features)


@pytest.mark.parametrize("number", range(len(RECORDINGS)))
def test_of_a_recording_half_of_which_was_written_nothing_stays(
    tmp_path: Path, steps: list[tuple[bytes, bytes]], number: int
) -> None:
    """Wherever it ended: within the features, or within the scores."""
    path = tmp_path / "scores.csv"
    before, after = steps[number], steps[number + 1]
    halves = [(before[0], after[1][:end]) for end in range(len(before[1]), len(after[1]) + 1, 37)]
    halves += [(before[0], after[1][:end]) for end in range(max(len(before[1]), len(after[1]) - 3), len(after[1]) + 1)]
    halves += [(after[0][:end], after[1]) for end in range(len(before[0]), len(after[0]))]
    for half in halves:
        leave(path, *half)
        journal = opened(path)
        assert journal.done == {key_of(one) for one in RECORDINGS[:number]}
        assert contents(path) == before
        assert bool(journal.remarks) == (half[0] != before[0])
    opened(path, lambda journal: append(journal, RECORDINGS[number:]))
    assert contents(path) == steps[-1]


def test_halves_of_headers_are_begun_anew(tmp_path: Path, steps: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "scores.csv"
    scores, features = steps[0]
    for half in [(scores[:end], None) for end in range(len(scores))] + [
        (scores, features[:end]) for end in range(0, len(features), 11)
    ]:
        leave(path, *half)
        assert opened(path).done == set()
        assert contents(path) == steps[0]


@pytest.mark.parametrize("zeros", [1, 5000])
def test_zeros_that_a_power_cut_leaves_are_cut_off(
    tmp_path: Path, steps: list[tuple[bytes, bytes]], zeros: int
) -> None:
    path = tmp_path / "scores.csv"
    for scores in (steps[2][0], steps[3][0][:-20]):
        leave(path, scores + bytes(zeros), steps[3][1])
        assert opened(path).done == {key_of(one) for one in RECORDINGS[:2]}
        assert contents(path) == steps[2]
    leave(path, steps[2][0], steps[2][1] + bytes(zeros))
    opened(path)
    assert contents(path) == steps[2]


# --------------------------------------------------------------------------------------------- what others have written


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda scores: b"time,value\n1,2\n", "its first line is another one"),
        (lambda scores: b"\x89PNG\r\n\x1a\n" + bytes(1000), "its first line is another one"),
        (lambda scores: scores + b"a note of mine", "has not written this (it has no end)"),
        (lambda scores: scores + b"a note of mine\n", "1 values in place of 11"),
        (lambda scores: scores + b"\n", "an empty line"),
        (lambda scores: scores + b'"a"b\n/x,0,1\n', "has not written this"),
        (lambda scores: scores.replace(b",normal,", b",fine,", 1), "no start, end or verdict"),
        (lambda scores: scores.replace(b",1000,", b",1e3,", 1), "no size, time or number of windows"),
        (lambda scores: _without(scores, b"fl\\xfcte"), "rows of the recording before it are missing"),
        (lambda scores: scores.replace(b",3\n", b",2\n", 1), "rows of the recording before it are missing"),
        (lambda scores: b"\xff\xfe" + scores, "its first line is another one"),
    ],
)  # fmt: skip
def test_a_table_with_anything_else_in_it_is_refused_and_left_as_it_is(
    tmp_path: Path, steps: list[tuple[bytes, bytes]], spoil: Callable[[bytes], bytes], words: str
) -> None:
    path = tmp_path / "scores.csv"
    leave(path, spoil(steps[-1][0]), steps[-1][1])
    before = contents(path)
    with pytest.raises(UserError) as caught:
        Journal(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert contents(path) == before


def _without(content: bytes, name: bytes) -> bytes:
    """Without the first line that a name is in."""
    lines = content.split(b"\n")
    lines.remove(next(line for line in lines if name in line))
    return b"\n".join(lines)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda features: b"something else\n",
        lambda features: features.replace(b"/data/a.wav", b"/data/b.wav", 1),
        lambda features: _without(features, b"fl\\xfcte"),
        lambda features: features + features.splitlines(keepends=True)[1].replace(b"a.wav", b"c.wav") * 2
        + features.splitlines(keepends=True)[1],
        lambda features: features + b"my notes\n",
    ],
)  # fmt: skip
def test_features_of_others_are_refused_and_left_as_they_are(
    tmp_path: Path, steps: list[tuple[bytes, bytes]], spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "scores.csv"
    leave(path, steps[-1][0], spoil(steps[-1][1]))
    before = contents(path)
    with pytest.raises(UserError):
        Journal(path)
    assert contents(path) == before


def test_features_without_their_scores_are_not_cut_off(tmp_path: Path, steps: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "scores.csv"
    features_beside(path).write_bytes(steps[1][1])
    with pytest.raises(UserError, match="its rows are not those of"):
        Journal(path)
    assert features_beside(path).read_bytes() == steps[1][1]


def test_a_table_of_features_may_be_begun_later(tmp_path: Path, steps: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "scores.csv"
    leave(path, steps[2][0], None)
    journal = opened(path, lambda journal: append(journal, RECORDINGS[2:4]))
    assert journal.remarks == [
        f"{features_beside(path)}: the features of the first 3 rows of {path} are missing",
    ]
    opened(path, lambda journal: append(journal, RECORDINGS[4:]))
    assert path.read_bytes() == steps[-1][0]
    assert len(rows_of(features_beside(path))) == 1 + 4
    # what is not whole is cut off then as well
    whole = features_beside(path).read_bytes()
    journal = Journal(path)
    journal.append_features(recording("/data/z.wav", ["normal", "normal"])[0])
    journal.close()
    opened(path)
    assert contents(path) == (steps[-1][0], whole)


def test_lines_may_have_been_ended_by_another_program(tmp_path: Path, steps: list[tuple[bytes, bytes]]) -> None:
    path = tmp_path / "scores.csv"
    leave(path, steps[1][0].replace(b"\n", b"\r\n"), steps[1][1].replace(b"\n", b"\r\n"))
    assert opened(path).done == {key_of(RECORDINGS[0])}


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match="is a pipe or device"):
        Journal(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match="there is a folder of this name"):
        Journal(tmp_path / "folder.csv")


# -------------------------------------------------------------------------------------------------------- while it runs


def test_two_do_not_append_to_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    first = Journal(path)
    with pytest.raises(UserError, match="another asd watch appends to it"):
        Journal(path)
    append(first, RECORDINGS[:1])
    first.close()
    opened(path, lambda journal: append(journal, RECORDINGS[1:2]))


def test_a_disk_without_locks_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    opened(tmp_path / "scores.csv", lambda journal: append(journal, RECORDINGS))


@pytest.mark.parametrize("written", [0, 1, 40, 10_000])
@pytest.mark.parametrize("table", [0, 1])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_what_a_full_disk_takes_half_of_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, table: int, call: str
) -> None:
    path = tmp_path / "scores.csv"
    journal = Journal(path)
    append(journal, RECORDINGS[:1])
    before = contents(path)
    original, calls = os.write, []

    def full(descriptor: int, content: bytes = b"") -> int:
        calls.append(descriptor)
        if len({*calls}) <= table:
            return original(descriptor, content) if call == "write" else 0
        if call == "write" and len(calls) == table + 1 and 0 < written < len(content):
            return original(descriptor, content[:written])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space"):
            append(journal, RECORDINGS[1:2])
    assert contents(path) == before
    assert journal.done == {key_of(RECORDINGS[0])}
    append(journal, RECORDINGS[1:2])
    journal.close()
    assert opened(path).done == {key_of(one) for one in RECORDINGS[:2]}


def test_what_could_not_be_taken_back_is_before_the_next_row(
    tmp_path: Path, steps: list[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.csv"
    journal = Journal(path)
    append(journal, RECORDINGS[:1])

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(OSError, match="Input"):
            append(journal, RECORDINGS[1:2])
        with pytest.raises(OSError, match="Input"):
            append(journal, RECORDINGS[1:2])
    append(journal, RECORDINGS[1:2])
    journal.close()
    assert contents(path) == steps[2]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_nothing_is_written_where_nobody_looks(tmp_path: Path, which: int, how: str) -> None:
    path = tmp_path / "scores.csv"
    journal = Journal(path)
    append(journal, RECORDINGS[:1])
    moved = (path, features_beside(path))[which]
    moved.rename(tmp_path / "old.csv")
    if how == "replaced":
        moved.write_text("new")
    with pytest.raises(MovedError):
        append(journal, RECORDINGS[1:2])
    journal.close()
    assert len(rows_of(tmp_path / "old.csv")) == 2
