"""What `snakemake check` makes of recordings, from their headers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd.recordings.check import inspect, report, unused_recordings
from asd.recordings.layout import Folder

FOLDER = Folder("press", "as_recorded", "left", "normal")


def write(path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1, seed: int = 0) -> str:
    samples = 0.1 * np.random.default_rng(seed).normal(size=(int(seconds * rate), channels))
    soundfile.write(path, samples, rate)
    return str(path)


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    return [write(tmp_path / f"{number}.wav", seed=number) for number in range(6)]


def test_ordinary_recordings_give_no_remarks(names: list[str]) -> None:
    found = inspect({FOLDER: names}, threads=2)
    assert (found.unusable, found.remarks) == ([], [])
    assert [header.duration for header in found.headers[FOLDER]] == [1.0] * 6
    lines = report(found, [], []).splitlines()
    assert lines[1].split() == ["press", "as_recorded", "left", "normal", "6", "0:00:06", "1.00", "16000", "1"]
    assert lines[-1] == "Nothing suspicious."


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"rate": 44100}, "another sample rate (44100 Hz): {odd}"),
        ({"rate": 8000}, "less than 16000 Hz"),
        ({"channels": 2}, "another number of channels (2): {odd}"),
        ({"seconds": 0.4}, "less than half or more than twice as long as the median (1.00 s): {odd}"),
        ({"seconds": 2.1}, "less than half or more than twice as long as the median (1.00 s): {odd}"),
    ],
)
def test_a_recording_unlike_the_others_is_named(names: list[str], tmp_path: Path, changes: dict, part: str) -> None:
    odd = write(tmp_path / "odd.wav", seed=9, **changes)
    found = inspect({FOLDER: [*names, odd]})
    assert found.unusable == []
    assert any(part.format(odd=odd) in remark and remark.startswith(str(FOLDER)) for remark in found.remarks)


def test_copies_are_named_whatever_their_folder(names: list[str], tmp_path: Path) -> None:
    copy = shutil.copy(names[2], str(tmp_path / "copy.wav"))
    other = Folder("press", "as_recorded", "left", "abnormal")
    assert inspect({FOLDER: names, other: [copy]}).remarks == [f"2 recordings are the same: {names[2]}, {copy}"]


def test_recordings_that_differ_outside_of_the_middle_are_no_copies(tmp_path: Path) -> None:
    samples = 0.1 * np.random.default_rng(0).normal(size=16000)
    paths = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    for number, path in enumerate(paths):
        samples[0] = 0.1 * number
        soundfile.write(path, samples, 16000)
    assert inspect({FOLDER: paths}).remarks == []


def test_what_can_not_be_used_is_listed_and_not_counted(names: list[str], tmp_path: Path) -> None:
    bad = {"empty.wav": b"", "text.wav": b"hello" * 100, "cut.wav": Path(names[0]).read_bytes()[:1000]}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    paths = [*names, *(str(tmp_path / name) for name in bad), str(tmp_path / "none.wav")]
    found = inspect({FOLDER: paths})
    assert len(found.headers[FOLDER]) == 6
    assert [problem.split(":")[0] for problem in found.unusable] == paths[6:]
    assert inspect({FOLDER: names}, channel=1).unusable[0].startswith(f"{names[0]}: has 1 channel(s)")


def test_audio_files_that_are_not_used_are_found_and_others_are_not(tmp_path: Path) -> None:
    for name in ("a/1.wav", "a/2.FLAC", "b/3.ogg", "b/notes.txt", ".hidden/4.wav", "a/.5.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    used = [f"{tmp_path}/b/../a/1.wav"]
    assert unused_recordings(str(tmp_path), used) == [f"{tmp_path}/a/2.FLAC", f"{tmp_path}/b/3.ogg"]


def test_long_lists_are_cut(names: list[str]) -> None:
    problems = [f"problem {number}" for number in range(50)]
    text = report(inspect({FOLDER: names}), problems, [f"{number}.wav" for number in range(9)])
    assert "Missing (50):" in text
    assert "problem 19\n  and 30 more" in text
    assert "9 audio files that no key of the configuration takes: 0.wav, 1.wav, 2.wav, 3.wav, 4.wav and 4 more" in text
