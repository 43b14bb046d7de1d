"""Feature caches: written whole, taken over row by row where nothing changed, and never trusted blindly."""

from __future__ import annotations

import csv
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import asd.recordings.audio
from asd.detection.units import read_unit_clips
from asd.errors import UserError
from asd.features.acoustic import clip_features
from asd.features.caches import checksum, import_cache, read_cache, read_features, write_cache
from asd.features.cliplist import SKIPPED_COLUMNS, ClipRecord, attributes_of, read_clip_list
from asd.features.columns import FEATURE_SETS
from asd.features.extraction import Reading, extract_cache
from asd.features.rows import count_rows
from asd.files.origin import Origin
from asd.recordings.audio import read_clip, read_clips
from asd.recordings.layout import Recording
from places import REPOSITORY

SCRIPTS = REPOSITORY / "workflow" / "scripts"
COLUMNS = [
    *("file", "duration", "sample_rate", "channels", "start", "condition", "split", "attributes"),
    *("size", "modified_ns", "content", "recordings", "extraction", "machine", "snr", "id", "kind"),
    *("list_checksum", "checksum", "line_checksum"),
]


def write_clip(path: Path, seed: int, channels: int = 2, length: int = 800) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = 0.1 * np.random.default_rng(seed).standard_normal((length, channels))
    soundfile.write(path, data, 16_000, subtype="PCM_16")
    return path


class Extraction:
    """A folder of recordings and the three files that `extract_cache` makes of it."""

    def __init__(self, folder: Path, clips: int = 5) -> None:
        self.root = folder / "recordings"
        self.output = folder / "output"
        self.array = self.output / "cache.npy"
        self.list = self.output / "cache.clips.csv"
        self.skipped = self.output / "cache.skipped.csv"
        self.files = [write_clip(self.root / "fan" / f"{number:02d}.wav", number) for number in range(clips)]

    def run(self, files: Sequence[Path] | None = None, **changes: Any) -> None:
        settings: dict[str, Any] = {"channel": "mean", "seconds": None, "on_bad_clip": "error", "extraction": "v1"}
        settings["features"] = ("mfcc", "basic")
        reading = Reading(**{name: changes.pop(name, value) for name, value in settings.items()})
        recordings = [Recording((str(file),)) for file in (self.files if files is None else files)]
        extract_cache(recordings, str(self.root), self.array, self.list, self.skipped, reading, **changes)

    def outputs(self) -> dict[str, bytes]:
        """Everything in the output folder, hidden files too."""
        return {path.name: path.read_bytes() for path in sorted(self.output.glob("*"))} if self.output.exists() else {}

    def assert_right(self, files: Sequence[Path] | None = None) -> None:
        """Rows and list are what a fresh computation of `files` gives."""
        files = self.files if files is None else files
        expected = np.stack([clip_features(read_clip(file).samples) for file in files])
        cache = read_cache(self.array, self.list)
        np.testing.assert_array_equal(cache.features, expected)
        assert [clip.file for clip in cache.clips] == [str(file.relative_to(self.root)) for file in files]


@pytest.fixture
def work(tmp_path: Path) -> Extraction:
    return Extraction(tmp_path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the recordings read since the list was cleared."""
    names: list[str] = []

    def counted(files: Sequence[str], *arguments: Any, **options: Any) -> Any:
        names.append(Path(files[0]).name)
        return read_clips(files, *arguments, **options)

    monkeypatch.setattr(asd.recordings.audio, "read_clips", counted)
    return names


def touch_later(path: Path, seconds: float = 10) -> None:
    status = path.stat()
    moved = status.st_mtime_ns + int(seconds * 1e9)
    os.utime(path, ns=(moved, moved))


# ------------------------------------------------------------------------------------------------------- extraction


def test_row_n_holds_the_features_of_file_n(work: Extraction) -> None:
    work.run()
    features = np.load(work.array)
    assert features.dtype == np.float32
    assert features.shape == (5, 136)
    for row, file in zip(features, work.files, strict=True):
        np.testing.assert_array_equal(row, clip_features(read_clip(file).samples))


def test_rows_follow_the_order_in_which_files_are_given(work: Extraction) -> None:
    order = [work.files[number] for number in (3, 0, 4)]
    work.run(order)
    work.assert_right(order)


def test_the_channel_asked_for_is_used(work: Extraction) -> None:
    work.run(channel=1)
    for row, file in zip(read_features(work.array), work.files, strict=True):
        np.testing.assert_array_equal(row, clip_features(read_clip(file, 1).samples))


def test_the_clip_list_says_what_each_row_was_made_of(work: Extraction) -> None:
    work.run()
    with work.list.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == COLUMNS
    assert len(lines) == 6
    for line, path in zip(lines[1:], work.files, strict=True):
        about = dict(zip(COLUMNS, line, strict=True))
        assert about["file"] == f"fan/{path.name}"
        assert float(about["duration"]) == pytest.approx(0.05)
        assert (about["sample_rate"], about["channels"]) == ("16000", "2")
        assert about["size"] == str(path.stat().st_size)
        assert about["modified_ns"] == str(path.stat().st_mtime_ns)
        assert about["extraction"] == "v1"
        assert len(about["checksum"]) == len(about["line_checksum"]) == 8
        int(about["checksum"] + about["line_checksum"], 16)


def test_names_with_commas_quotes_and_hangul_survive_the_list(work: Extraction) -> None:
    file = write_clip(work.root / '소리, "a" [1]' / "ä b.wav", 9)
    work.run([file])
    work.assert_right([file])


def test_no_recording_is_skipped_when_all_are_good(work: Extraction) -> None:
    work.run(on_bad_clip="skip")
    assert work.skipped.read_text(encoding="utf-8").startswith(",".join(SKIPPED_COLUMNS))
    assert len(work.skipped.read_text(encoding="utf-8").splitlines()) == 1


def test_nothing_but_the_three_outputs_is_left(work: Extraction) -> None:
    work.run()
    assert set(work.outputs()) == {work.array.name, work.list.name, work.skipped.name}


# ------------------------------------------------------------------------------------------- only what changed is read


# --------------------------------------------------------------------------------------------- several processes


@pytest.mark.parametrize("processes", [2, 3, 8])
def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path, processes: int) -> None:
    """Also with a recording that is broken, and with rows that are taken over."""
    work = Extraction(tmp_path, clips=40)
    work.files[17].write_bytes(b"no audio")
    work.run(work.files[:3])
    work.run(on_bad_clip="skip")
    alone = work.outputs()
    shutil.rmtree(work.output)
    work.run(work.files[:3], processes=processes)
    work.run(on_bad_clip="skip", processes=processes)
    assert work.outputs() == alone
    assert len(read_features(work.array)) == 39


def test_processes_name_broken_recordings_and_write_nothing(tmp_path: Path) -> None:
    work = Extraction(tmp_path, clips=40)
    for number in (5, 30):
        work.files[number].write_bytes(b"no audio")
    with pytest.raises(UserError, match=r"(?s)2 of 40 recordings.*05\.wav.*30\.wav"):
        work.run(processes=2)
    assert work.outputs() == {}


def test_a_killed_process_is_said_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Extraction(tmp_path, clips=40)
    original, main = asd.recordings.audio.read_clips, os.getpid()

    def deadly(files: Sequence[str], *arguments: Any) -> Any:
        if files[0].endswith("30.wav") and os.getpid() != main:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(files, *arguments)

    monkeypatch.setattr(asd.recordings.audio, "read_clips", deadly)
    with pytest.raises(UserError, match=r"killed.*--set-threads extract_features=1"):
        work.run(processes=2)
    assert work.outputs() == {}


def test_no_more_processes_are_started_than_there_is_work_for(
    work: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started for five clips"))
    work.run(processes=8)
    work.assert_right()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for the processes in /proc")
def test_processes_end_with_a_killed_main_process(tmp_path: Path) -> None:
    recording = write_clip(tmp_path / "clip.wav", 0)
    code = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from asd.features.extraction import Reading, extract_cache
from asd.recordings.layout import Recording
out = {str(tmp_path)!r}
recordings = [Recording(({str(recording)!r},))] * 50_000
reading = Reading("mean", None, "error", "v1")
extract_cache(recordings, out, out + "/a.npy", out + "/a.csv", out + "/b.csv", reading, processes=2)
"""
    main = subprocess.Popen([sys.executable, "-c", code])
    children: list[str] = []
    deadline = time.monotonic() + 60
    while len(children) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        children = Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text().split()
    assert len(children) == 2
    main.kill()
    main.wait()
    while any(is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(is_running(child) for child in children)


def is_running(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_nothing_is_read_again_when_nothing_changed(work: Extraction, reads: list[str]) -> None:
    work.run()
    assert len(reads) == 5
    before = work.outputs()
    reads.clear()
    work.run()
    assert reads == []
    assert work.outputs() == before


def test_only_a_changed_recording_is_read_again(work: Extraction, reads: list[str]) -> None:
    work.run()
    write_clip(work.files[2], seed=77)
    touch_later(work.files[2])
    reads.clear()
    work.run()
    assert reads == ["02.wav"]
    work.assert_right()


def test_a_recording_replaced_by_an_older_one_of_the_same_size_is_read_again(
    work: Extraction, reads: list[str]
) -> None:
    work.run()
    write_clip(work.files[2], seed=77)
    touch_later(work.files[2], -100_000)
    reads.clear()
    work.run()
    assert reads == ["02.wav"]
    work.assert_right()


def test_only_an_added_recording_is_read_and_it_takes_its_place(work: Extraction, reads: list[str]) -> None:
    work.run([work.files[0], work.files[1], work.files[4]])
    reads.clear()
    work.run()
    assert reads == ["02.wav", "03.wav"]
    work.assert_right()


def test_a_removed_recording_disappears_without_reading_the_others(work: Extraction, reads: list[str]) -> None:
    work.run()
    work.files.pop(1).unlink()
    reads.clear()
    work.run()
    assert reads == []
    work.assert_right()


def test_another_order_moves_rows_without_reading(work: Extraction, reads: list[str]) -> None:
    work.run()
    work.files.reverse()
    reads.clear()
    work.run()
    assert reads == []
    work.assert_right()


@pytest.mark.parametrize("change", ["touched", "copied", "renamed", "moved root"])
def test_recordings_with_the_same_content_are_not_decoded_again(
    work: Extraction, reads: list[str], change: str
) -> None:
    work.run()
    before = np.load(work.array)
    if change == "touched":
        touch_later(work.files[1])
    elif change == "copied":
        shutil.copyfile(work.files[1], work.files[1].with_suffix(".tmp"))
        work.files[1].with_suffix(".tmp").replace(work.files[1])
        touch_later(work.files[1])
    elif change == "renamed":
        work.files[1] = work.files[1].rename(work.root / "fan" / "01b.wav")
    else:
        moved = shutil.copytree(work.root, work.root.with_name("moved"), copy_function=shutil.copyfile)
        shutil.rmtree(work.root)
        work.files = [moved / file.relative_to(work.root) for file in work.files]
        work.root = moved
    reads.clear()
    work.run()
    assert reads == []
    np.testing.assert_array_equal(np.load(work.array), before)
    work.assert_right()
    size_and_date = [(str(file.stat().st_size), str(file.stat().st_mtime_ns)) for file in work.files]
    assert [(clip.size, clip.modified_ns) for clip in read_clip_list(work.list)] == size_and_date


def test_swapped_recordings_are_known_by_their_content(work: Extraction, reads: list[str]) -> None:
    work.run()
    first, second = work.files[:2]
    touch_later(second)  # a copy keeps its time stamp, so the two must differ to begin with
    work.run()
    spare = first.with_suffix(".tmp")
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    reads.clear()
    work.run()
    assert reads == []  # their content is known
    work.assert_right()


def test_other_code_or_settings_read_everything_again(work: Extraction, reads: list[str]) -> None:
    work.run()
    reads.clear()
    work.run(extraction="v2")
    assert len(reads) == 5
    assert {clip.extraction for clip in read_clip_list(work.list)} == {"v2"}
    reads.clear()
    work.run(extraction="v2")
    assert reads == []


def test_another_set_of_features_computes_all_rows_again_and_takes_over_none_of_the_other(
    work: Extraction, reads: list[str]
) -> None:
    work.run(extraction="v1-mean")
    published = np.load(work.array)
    reads.clear()
    work.run(extraction="v1-mean-temporal", features=FEATURE_SETS)
    assert len(reads) == 5
    every = np.load(work.array)
    assert every.shape == (5, 648)
    np.testing.assert_array_equal(every[:, :136], published)
    reads.clear()
    work.run(extraction="v1-mean-temporal", features=FEATURE_SETS)
    assert reads == []
    work.run(extraction="v1-mean")
    assert len(reads) == 5
    np.testing.assert_array_equal(np.load(work.array), published)


# ------------------------------------------------------------------------------------------- damage is not trusted


def change_one_value(work: Extraction) -> None:
    features = np.load(work.array)
    features[1, 7] += 1
    np.save(work.array, features)


def swap_two_rows(work: Extraction) -> None:
    np.save(work.array, np.load(work.array)[[1, 0, 2, 3, 4]])


def shorten_array(work: Extraction) -> None:
    np.save(work.array, np.load(work.array)[:-1])


def cut_array_file(work: Extraction) -> None:
    work.array.write_bytes(work.array.read_bytes()[:-50])


def text_for_array(work: Extraction) -> None:
    work.array.write_text("nothing of use", encoding="utf-8")


def empty_array_file(work: Extraction) -> None:
    work.array.write_bytes(b"")


def broken_zip_for_array(work: Extraction) -> None:
    work.array.write_bytes(b"PK\x03\x04" + bytes(100))


def damaged_array_header(work: Extraction) -> None:
    content = work.array.read_bytes()
    work.array.write_bytes(content.replace(b"'shape': (", b"'shape': ((", 1))


def not_a_number_in_array(work: Extraction) -> None:
    features = np.load(work.array)
    features[0, 0] = np.nan
    np.save(work.array, features)


def remove_array(work: Extraction) -> None:
    work.array.unlink()


def lose_a_line(work: Extraction) -> None:
    lines = work.list.read_text(encoding="utf-8").splitlines(keepends=True)
    work.list.write_text("".join(lines[:2] + lines[3:]), encoding="utf-8")


def swap_two_lines(work: Extraction) -> None:
    lines = work.list.read_text(encoding="utf-8").splitlines(keepends=True)
    work.list.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]), encoding="utf-8")


def lose_the_header(work: Extraction) -> None:
    lines = work.list.read_text(encoding="utf-8").splitlines(keepends=True)
    work.list.write_text("".join(lines[1:]), encoding="utf-8")


def garbage_for_list(work: Extraction) -> None:
    work.list.write_bytes(bytes(range(256)) * 4)


def remove_list(work: Extraction) -> None:
    work.list.unlink()


DAMAGE: list[tuple[Callable[[Extraction], None], list[int]]] = [
    (change_one_value, [1]),
    (swap_two_rows, [0, 1]),
    (shorten_array, [0, 1, 2, 3, 4]),
    (cut_array_file, [0, 1, 2, 3, 4]),
    (text_for_array, [0, 1, 2, 3, 4]),
    (empty_array_file, [0, 1, 2, 3, 4]),
    (broken_zip_for_array, [0, 1, 2, 3, 4]),
    (damaged_array_header, [0, 1, 2, 3, 4]),
    (not_a_number_in_array, [0, 1, 2, 3, 4]),
    (remove_array, [0, 1, 2, 3, 4]),
    (lose_a_line, [0, 1, 2, 3, 4]),
    (swap_two_lines, [0, 1]),
    (lose_the_header, [0, 1, 2, 3, 4]),
    (garbage_for_list, [0, 1, 2, 3, 4]),
    (remove_list, [0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("damage", "read_again"), DAMAGE, ids=[damage.__name__ for damage, _ in DAMAGE])
def test_rows_of_a_damaged_cache_are_computed_again(
    work: Extraction, reads: list[str], damage: Callable[[Extraction], None], read_again: list[int]
) -> None:
    work.run()
    undamaged = work.outputs()
    damage(work)
    reads.clear()
    work.run()
    assert reads == [f"{number:02d}.wav" for number in read_again]
    assert work.outputs() == undamaged


# ------------------------------------------------------------------------------------------------ broken recordings


def break_clips(work: Extraction, *numbers: int) -> None:
    for number in numbers:
        work.files[number].write_bytes(b"")


def test_error_names_the_broken_recording_and_writes_nothing(work: Extraction) -> None:
    break_clips(work, 3)
    with pytest.raises(UserError) as caught:
        work.run()
    message = str(caught.value)
    assert str(work.files[3]) in message
    assert "empty" in message
    assert "1 of 5" in message
    assert "on_bad_clip: skip" in message
    assert not any(str(file) in message for number, file in enumerate(work.files) if number != 3)
    assert work.outputs() == {}


def test_error_names_every_broken_recording_at_once(work: Extraction) -> None:
    break_clips(work, 0, 4)
    work.files[2].unlink()
    with pytest.raises(UserError) as caught:
        work.run()
    assert all(str(work.files[number]) in str(caught.value) for number in (0, 2, 4))
    assert "no such file" in str(caught.value)


def test_error_names_the_first_twenty_and_counts_the_rest(tmp_path: Path) -> None:
    work = Extraction(tmp_path, clips=26)
    break_clips(work, *range(25))
    with pytest.raises(UserError, match="25 of 26") as caught:
        work.run()
    message = str(caught.value)
    assert sum(str(file) in message for file in work.files) == 20
    assert "5 more" in message


def test_error_leaves_earlier_outputs_as_they_were(work: Extraction) -> None:
    work.run()
    before = work.outputs()
    break_clips(work, 1)
    with pytest.raises(UserError):
        work.run()
    assert work.outputs() == before


def test_skip_leaves_broken_recordings_out_and_lists_them(work: Extraction) -> None:
    break_clips(work, 1, 3)
    work.run(on_bad_clip="skip")
    work.assert_right([work.files[number] for number in (0, 2, 4)])
    with work.skipped.open(encoding="utf-8", newline="") as file:
        skipped = list(csv.DictReader(file))
    assert [line["file"] for line in skipped] == ["fan/01.wav", "fan/03.wav"]
    assert all("empty" in line["reason"] for line in skipped)


def test_a_skipped_recording_comes_back_when_it_is_mended(work: Extraction, reads: list[str]) -> None:
    break_clips(work, 1)
    work.run(on_bad_clip="skip")
    write_clip(work.files[1], seed=5)
    reads.clear()
    work.run(on_bad_clip="skip")
    assert reads == ["01.wav"]
    work.assert_right()
    assert work.skipped.read_text(encoding="utf-8").startswith(",".join(SKIPPED_COLUMNS))
    assert len(work.skipped.read_text(encoding="utf-8").splitlines()) == 1


def write_pieces(path: Path, seed: int, silent: Sequence[int] = (), count: int = 4) -> Path:
    """A recording of as many tenths of a second, of which some are silent, and a rest."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(1600 * count + 700)
    for number in silent:
        samples[1600 * number : 1600 * (number + 1)] = 0
    soundfile.write(path, samples, 16_000, subtype="PCM_16")
    return path


def skipped_lines(work: Extraction) -> list[tuple[str, str]]:
    with work.skipped.open(encoding="utf-8", newline="") as file:
        return [(line["file"], line["reason"].rsplit(" (", 1)[-1]) for line in csv.DictReader(file)]


def test_a_recording_cut_into_clips_has_a_row_and_a_start_for_each(work: Extraction) -> None:
    write_pieces(work.files[1], 1)
    write_pieces(work.files[3], 3, count=2)
    files = [work.files[1], work.files[3]]
    work.run(files, seconds=0.1)
    cache = read_cache(work.array, work.list)
    rows = [("fan/01.wav", start) for start in ("0", "0.1", "0.2", "0.3")]
    rows += [("fan/03.wav", start) for start in ("0", "0.1")]
    assert [(clip.file, clip.start) for clip in cache.clips] == rows
    assert {clip.duration for clip in cache.clips} == {"0.1"}
    expected = [clip_features(clip.samples) for file in files for clip in read_clips([str(file)], "mean", 0.1)]
    np.testing.assert_array_equal(cache.features, np.stack(expected))


def test_starts_in_days_of_recording_are_all_different(work: Extraction, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = [1e6 + number * 0.1 for number in range(3)]

    def pieces(files: Sequence[str], *_: Any) -> Iterator[Any]:
        yield from (replace(read_clip(files[0]), start=start) for start in starts)

    monkeypatch.setattr(asd.recordings.audio, "read_clips", pieces)
    work.run(work.files[:1], seconds=0.1)
    assert [clip.start for clip in read_clip_list(work.list)] == ["1000000", "1000000.1", "1000000.2"]


def test_rows_of_a_cut_recording_are_taken_over_together_wherever_it_is(work: Extraction, reads: list[str]) -> None:
    write_pieces(work.files[1], 1)
    work.run(work.files[:2], seconds=0.1, on_bad_clip="skip")
    before = np.load(work.array)
    touch_later(work.files[1])
    work.files[1].rename(work.root / "fan" / "moved.wav")
    reads.clear()
    work.run([work.root / "fan" / "moved.wav"], seconds=0.1)
    assert reads == []
    np.testing.assert_array_equal(np.load(work.array), before)
    assert [clip.start for clip in read_clip_list(work.list)] == ["0", "0.1", "0.2", "0.3"]


def test_what_is_left_out_of_a_recording_is_said_each_time(work: Extraction, reads: list[str]) -> None:
    """Though its other clips were computed before."""
    write_pieces(work.files[1], 1, silent=[1, 2])
    write_pieces(work.files[2], 2)
    work.run(work.files[1:2], seconds=0.1, on_bad_clip="skip")
    said = [("fan/01.wav", f"at {start} s)") for start in ("0.1", "0.2")]
    assert skipped_lines(work) == said
    reads.clear()
    work.run(work.files[1:3], seconds=0.1, on_bad_clip="skip")
    assert skipped_lines(work) == said
    assert [(clip.file, clip.start) for clip in read_clip_list(work.list)] == [
        *(("fan/01.wav", start) for start in ("0", "0.3")),
        *(("fan/02.wav", start) for start in ("0", "0.1", "0.2", "0.3")),
    ]
    assert reads == ["01.wav", "02.wav"]
    with pytest.raises(UserError, match=r"2 of 8 recordings can't be used"):
        work.run(work.files[1:3], seconds=0.1, on_bad_clip="error")


def test_new_conditions_and_attributes_reach_the_list_without_reading(work: Extraction, reads: list[str]) -> None:
    work.run()
    reads.clear()
    about = {"condition": "leak", "split": "test", "attributes": (("speed", "3"), ("음", "a,b"))}
    recordings = [Recording((str(file),), **about) for file in work.files[:1]]
    recordings += [Recording((str(file),)) for file in work.files[1:]]
    reading = Reading("mean", None, "error", "v1")
    extract_cache(recordings, str(work.root), work.array, work.list, work.skipped, reading)
    assert reads == []
    first, second, *_ = read_clip_list(work.list)
    assert (first.condition, first.split, attributes_of(first.attributes)) == tuple(about.values())
    assert (second.condition, second.split, second.attributes) == ("", "", "")


def test_skip_with_a_missing_recording_goes_on(work: Extraction) -> None:
    work.files[0].unlink()
    work.run(on_bad_clip="skip")
    work.assert_right(work.files[1:])


@pytest.mark.parametrize("on_bad_clip", ["error", "skip"])
def test_no_good_recording_at_all_is_an_error_either_way(work: Extraction, on_bad_clip: str) -> None:
    break_clips(work, *range(5))
    with pytest.raises(UserError, match="No usable recording"):
        work.run(on_bad_clip=on_bad_clip)
    assert work.outputs() == {}


def too_loud(path: Path) -> None:
    """Finite samples, but so large that their power is not."""
    data = 1e30 * np.random.default_rng(0).standard_normal(800)
    soundfile.write(path, data, 16_000, subtype="FLOAT")


def hardly_moving(path: Path) -> None:
    """One step of a 24-bit converter on a large offset."""
    data = np.full(800, 0.9)
    data[::2] += 2.0**-23
    soundfile.write(path, data, 16_000, subtype="PCM_24")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("make", [too_loud, hardly_moving])
def test_a_recording_is_computed_or_named_but_never_spoils_the_cache(
    work: Extraction, make: Callable[[Path], None]
) -> None:
    make(work.files[2])
    work.run(on_bad_clip="skip")
    assert count_rows(work.array) in (4, 5)
    assert np.isfinite(read_features(work.array)).all()


# ----------------------------------------------------------------------------------------------- reading and checking


def rows(count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 136)).astype(np.float32)


def test_a_good_cache_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    np.save(path, rows())
    read = read_features(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, rows())
    assert count_rows(path) == 4


def test_float64_is_accepted_and_becomes_float32(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    np.save(path, rows().astype(np.float64))
    read = read_features(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, rows())


def test_a_value_too_large_for_float32_is_not_passed_on_as_infinite(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    values = rows().astype(np.float64)
    values[2, 5] = 1e300
    np.save(path, values)
    with pytest.raises(UserError, match="row 2"):
        read_features(path)


@pytest.mark.parametrize(
    "array",
    [rows()[:, :-1], rows()[0], rows()[None], np.float32(3), rows().T],
    ids=["135 columns", "one dimension", "three dimensions", "a number", "transposed"],
)
@pytest.mark.parametrize("read", [read_features, count_rows])
def test_another_shape_is_refused_and_named(tmp_path: Path, read: Callable[[Path], Any], array: np.ndarray) -> None:
    path = tmp_path / "cache.npy"
    np.save(path, array)
    with pytest.raises(UserError, match=r"shape \[clips, 136\]") as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert str(list(np.shape(array))) in str(caught.value)


@pytest.mark.parametrize(("columns", "asked"), [(136, 648), (648, 136)])
@pytest.mark.parametrize("read", [read_features, count_rows])
def test_a_cache_of_other_features_is_refused_with_what_it_has_what_is_asked_for_and_what_to_do(
    tmp_path: Path, read: Callable[..., Any], columns: int, asked: int
) -> None:
    sets = {136: ("mfcc", "basic"), 648: FEATURE_SETS}
    path = tmp_path / "cache.npy"
    np.save(path, np.zeros((3, columns), np.float32))
    for features in (None, sets[columns]):
        read(path, features=features)
    with pytest.raises(UserError) as caught:
        read(path, features=sets[asked])
    has, wanted = (f"[{', '.join(sets[number])}]" for number in (columns, asked))
    assert str(caught.value) == (
        f"{path}: it has {columns} columns, the features {has}, but the configuration asks for {wanted}, {asked} "
        f"columns. Set features: {has}, or make the cache again."
    )


def test_a_cache_that_an_earlier_configuration_left_is_refused_with_what_to_do(tmp_path: Path) -> None:
    paths = tmp_path / "c.npy", tmp_path / "c.csv"
    write_cache(*paths, rows(), [ClipRecord(f"{number}.wav", extraction="v1-mean") for number in range(4)])
    assert len(read_cache(*paths, expected=Origin(settings="mean")).clips) == 4
    with pytest.raises(
        UserError, match=r"c\.npy: it has 136 columns.*asks for \[mfcc, basic, temporal\].*or delete .*c\.npy"
    ):
        read_cache(*paths, expected=Origin(settings="mean-temporal"))


@pytest.mark.parametrize("dtype", ["int32", "complex64", "float16", "bool", "U3"])
def test_other_types_of_numbers_are_refused_and_named(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "cache.npy"
    np.save(path, np.ones((3, 136)).astype(dtype))
    with pytest.raises(UserError, match="float32") as caught:
        read_features(path)
    assert str(path) in str(caught.value)
    assert str(np.dtype(dtype)) in str(caught.value)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("plain_pickle", [True, False], ids=["pickle", "object array"])
@pytest.mark.parametrize("read", [read_features, count_rows])
def test_code_hidden_in_a_cache_is_not_run(tmp_path: Path, read: Callable[[Path], Any], plain_pickle: bool) -> None:
    path, trap = tmp_path / "cache.npy", Trap(tmp_path / "sprung")
    if plain_pickle:
        path.write_bytes(pickle.dumps(trap))
    else:
        array = np.empty((2, 136), object)
        array[:] = trap
        np.save(path, array, allow_pickle=True)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert not trap.path.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_row(tmp_path: Path, value: float) -> None:
    path = tmp_path / "cache.npy"
    features = rows()
    features[2, 130] = features[3, 0] = value
    np.save(path, features)
    with pytest.raises(UserError, match=r"2 of 4 rows.*row 2") as caught:
        read_features(path)
    assert str(path) in str(caught.value)


def test_a_cache_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    np.save(path, rows()[:0])
    for read in (read_features, count_rows):
        with pytest.raises(UserError, match="no rows"):
            read(path)
    assert read_features(path, allow_empty=True).shape == (0, 136)
    assert count_rows(path, allow_empty=True) == 0


def test_a_cache_without_clips_is_written_only_where_that_is_meant(tmp_path: Path) -> None:
    paths = tmp_path / "c.npy", tmp_path / "c.csv"
    with pytest.raises(UserError, match=r"c\.npy: there are no clips"):
        write_cache(*paths, rows()[:0], [])
    assert os.listdir(tmp_path) == []
    write_cache(*paths, rows()[:0], [], allow_empty=True)
    assert paths[1].read_text(encoding="utf-8").strip() == ",".join(COLUMNS)
    cache = read_cache(*paths, allow_empty=True)
    assert (cache.features.shape, cache.features.dtype, cache.clips) == ((0, 136), np.float32, [])
    with pytest.raises(UserError, match=r"no rows.*Delete .*c\.npy and run again"):
        read_cache(*paths)


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, features=rows())


NOT_CACHES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty file": lambda path: path.touch(),
    "text": lambda path: path.write_text("0.1, 0.2\n" * 50, encoding="utf-8"),
    "folder": lambda path: path.mkdir(),
    "npz archive": archive,
    "broken archive": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
}


@pytest.mark.parametrize("what", NOT_CACHES)
@pytest.mark.parametrize("read", [read_features, count_rows])
def test_a_file_that_is_no_cache_is_named(tmp_path: Path, read: Callable[[Path], Any], what: str) -> None:
    path = tmp_path / "cache.npy"
    NOT_CACHES[what](path)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", [read_features, count_rows])
def test_a_cut_cache_is_refused(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    path = tmp_path / "cache.npy"
    np.save(path, rows())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"cache\.npy"):
        read(path)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("seed", range(5))
def test_random_damage_to_the_header_of_a_cache_is_a_user_error_or_harmless(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = tmp_path / "cache.npy"
    np.save(path, rows())
    whole = path.read_bytes()
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(90)] = rng.integers(256)
        path.write_bytes(content)
        for read in (read_features, count_rows):
            try:
                read(path)
            except UserError as error:
                message = str(error)
            else:
                continue
            assert str(path) in message


def test_a_clip_list_without_the_column_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text("name,duration\na.wav,1\n", encoding="utf-8")
    with pytest.raises(UserError, match="no column 'file'"):
        read_clip_list(path)


def test_a_clip_list_may_lack_columns_or_have_others(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text("colour,file\nred,a.wav\nblue,b.wav\n", encoding="utf-8")
    assert read_clip_list(path, given=True) == [ClipRecord("a.wav"), ClipRecord("b.wav")]


def test_a_clip_list_of_this_workflow_may_not_lack_its_checksums(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text("file,duration\na.wav,10\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"clips\.csv: clip 1 \(a\.wav\).*Delete it and the \.npy file beside it"):
        read_clip_list(path)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    clips = [
        ClipRecord(f"{n}.wav", duration="10", channels="8", size="5", modified_ns=str(n), extraction="v1")
        for n in range(4)
    ]
    write_cache(tmp_path / "new" / "c.npy", tmp_path / "new" / "c.csv", rows(), clips)
    cache = read_cache(tmp_path / "new" / "c.npy", tmp_path / "new" / "c.csv")
    np.testing.assert_array_equal(cache.features, rows())
    summed = [clip._replace(checksum=checksum(row)) for clip, row in zip(clips, rows(), strict=True)]
    assert cache.clips == read_clip_list(tmp_path / "new" / "c.csv")
    assert [clip._replace(list_checksum="") for clip in cache.clips] == summed


# ---------------------------------------------------------------------------------- what is read is what was written


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A cache of four clips and its clip list."""
    paths = tmp_path / "c.npy", tmp_path / "c.csv"
    write_cache(*paths, rows(), [ClipRecord(f"{number}.wav", "10") for number in range(4)])
    return paths


def flip_a_bit(array: Path, clips: Path) -> None:
    content = bytearray(array.read_bytes())
    content[-1000] ^= 1
    array.write_bytes(content)


def halve_with_a_valid_header(array: Path, clips: Path) -> None:
    np.save(array, rows()[:2])


def swap_rows(array: Path, clips: Path) -> None:
    np.save(array, rows()[[1, 0, 2, 3]])


def list_of_another_cache(array: Path, clips: Path) -> None:
    others = [ClipRecord(f"{number}.wav", "10") for number in range(4)]
    write_cache(array.with_name("other.npy"), clips, rows(5)[1:], others)


def lose_the_list(array: Path, clips: Path) -> None:
    clips.unlink()


def rename_a_clip(array: Path, clips: Path) -> None:
    clips.write_text(clips.read_text(encoding="utf-8").replace("2.wav", "5.wav"), encoding="utf-8")


def cut_the_list_at_a_line(array: Path, clips: Path) -> None:
    clips.write_text("".join(clips.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")


def lose_the_cache(array: Path, clips: Path) -> None:
    array.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        halve_with_a_valid_header,
        swap_rows,
        list_of_another_cache,
        lose_the_list,
        rename_a_clip,
        cut_the_list_at_a_line,
        lose_the_cache,
    ],
)
def test_a_damaged_cache_is_named_with_what_to_do(
    pair: tuple[Path, Path], damage: Callable[[Path, Path], None]
) -> None:
    damage(*pair)
    with pytest.raises(UserError, match=r"[Rr]un again") as caught:
        read_cache(*pair)
    assert str(pair[0].with_suffix("")) in str(caught.value)
    with pytest.raises(UserError, match=r"[Rr]un again"):
        read_unit_clips([pair[0]], [pair[1]], [pair[0]], [pair[1]], {"units": [["snr6", "id_00"]]})


def test_changed_rows_are_counted_and_the_first_is_named(pair: tuple[Path, Path]) -> None:
    swap_rows(*pair)
    with pytest.raises(
        UserError, match=r"2 of 4 rows .* the first is row 0 \(0\.wav\).* Delete .*c\.npy and run again"
    ):
        read_cache(*pair)


def test_a_cache_larger_than_its_list_is_refused_before_it_is_read(pair: tuple[Path, Path]) -> None:
    size = 2**34 * 136 * 4
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**34}, 136), }}\n".encode()
    with pair[0].open("wb") as file:
        file.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
        try:
            file.truncate(file.tell() + size)  # takes no space on the disk
        except OSError:
            pytest.skip("the disk has no files of so many bytes, not even empty ones")
    assert count_rows(pair[0]) == 2**34
    with pytest.raises(UserError, match=rf"{2**34} rows, but .*c\.csv lists 4 clips"):
        read_cache(*pair)


# --------------------------------------------------------------------------------------------------------- taking over


def test_an_imported_cache_without_a_list_numbers_its_clips(tmp_path: Path) -> None:
    source = tmp_path / "snr6_id_00_normal.npy"
    np.save(source, rows(2).astype(np.float64))
    import_cache(source, None, tmp_path / "out.npy", tmp_path / "out.csv")
    imported = np.load(tmp_path / "out.npy")
    assert imported.dtype == np.float32
    np.testing.assert_array_equal(imported, rows(2))
    clips = read_clip_list(tmp_path / "out.csv")
    assert [clip.file for clip in clips] == ["snr6_id_00_normal.npy[0]", "snr6_id_00_normal.npy[1]"]


def test_an_imported_cache_takes_its_names_from_its_list(tmp_path: Path) -> None:
    source, names = tmp_path / "cache.npy", tmp_path / "cache.csv"
    np.save(source, rows(2))
    names.write_text("file,channels\nx/1.wav,8\nx/2.wav,8\n", encoding="utf-8")
    import_cache(source, names, tmp_path / "out.npy", tmp_path / "out.csv")
    clips = read_cache(tmp_path / "out.npy", tmp_path / "out.csv").clips
    assert [clip._replace(list_checksum="", recordings="", extraction="") for clip in clips] == [
        ClipRecord(f"x/{number}.wav", channels="8", checksum=checksum(row)) for number, row in enumerate(rows(2), 1)
    ]


def test_checksums_in_an_imported_list_are_compared(pair: tuple[Path, Path], tmp_path: Path) -> None:
    import_cache(*pair, tmp_path / "out.npy", tmp_path / "out.csv")
    np.testing.assert_array_equal(read_cache(tmp_path / "out.npy", tmp_path / "out.csv").features, rows())
    for damage in (flip_a_bit, list_of_another_cache):
        damage(*pair)
        with pytest.raises(
            UserError, match=r"c\.npy: .*do not match their checksums in .*c\.csv.*Make the cache again"
        ):
            import_cache(*pair, tmp_path / "new.npy", tmp_path / "new.csv")
        assert not (tmp_path / "new.npy").exists()


def test_an_import_of_nothing_is_a_cache_without_clips(tmp_path: Path) -> None:
    import_cache(None, None, tmp_path / "out.npy", tmp_path / "out.csv")
    assert read_cache(tmp_path / "out.npy", tmp_path / "out.csv", allow_empty=True).features.shape == (0, 136)


def test_a_list_of_another_length_is_refused(tmp_path: Path) -> None:
    source, names = tmp_path / "cache.npy", tmp_path / "cache.csv"
    np.save(source, rows(3))
    names.write_text("file\n1.wav\n2.wav\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"2 clips.* 3 rows") as caught:
        import_cache(source, names, tmp_path / "out.npy", tmp_path / "out.csv")
    assert str(source) in str(caught.value)
    assert str(names) in str(caught.value)
    assert not (tmp_path / "out.npy").exists()


def test_a_bad_cache_is_not_imported(tmp_path: Path) -> None:
    np.save(tmp_path / "cache.npy", rows()[:, :5])
    with pytest.raises(UserError, match="shape"):
        import_cache(tmp_path / "cache.npy", None, tmp_path / "out.npy", tmp_path / "out.csv")
    assert not (tmp_path / "out.npy").exists()
    assert not (tmp_path / "out.csv").exists()


def test_an_imported_row_is_never_taken_for_an_extracted_one(work: Extraction, reads: list[str]) -> None:
    work.run()
    import_cache(work.array, None, work.array, work.list)
    reads.clear()
    work.run()
    assert len(reads) == 5
    work.assert_right()


def test_the_real_caches_are_read_and_counted(fan_caches: Path) -> None:
    path = fan_caches / "snr6_id_00_normal.npy"
    assert read_features(path).shape == (1011, 136)
    assert count_rows(path) == 1011
