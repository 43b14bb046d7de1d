"""Whether recordings are still those that a cache was made from: by their content, not by date or folder."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asd.features.cliplist import (
    SKIPPED_COLUMNS,
    ClipRecord,
    read_clip_list,
    read_skipped,
    write_clip_list,
    write_rows,
    write_skipped,
)
from asd.plan import changes
from asd.plan.changes import FolderState, folder_state, read_dates
from asd.recordings.layout import Recording
from asd.recordings.state import content_checksum, state_of_files

NAMES = ("a.wav", "b.wav", "소리.wav")


class Work:
    """Three recordings, of which the last was skipped, and the lists of a cache that was made from them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "recordings"
        self.root.mkdir()
        for number, name in enumerate(NAMES):
            (self.root / name).write_bytes(bytes([number]) * 1000)
        self.list, self.skipped = folder / "clips.csv", folder / "skipped.csv"
        self.recordings = [Recording((str(self.root / name),)) for name in NAMES]
        lines = []
        for name in NAMES:
            files = [str(self.root / name)]
            size, date = state_of_files(files)
            about = {"size": size, "modified_ns": date, "content": content_checksum(files)}
            lines.append(ClipRecord(name, recordings="its name", extraction="v1", **about))
        write_clip_list(self.list, lines[:2])
        skipped = lines[2]
        write_skipped(self.skipped, [(skipped.file, "silent", skipped.size, skipped.modified_ns, skipped.content)])

    def state(self, dates: changes.Dates | None = None, extraction: str = "v1") -> FolderState:
        lists = str(self.list), str(self.skipped)
        return folder_state(self.recordings, str(self.root), *lists, dates or {}, extraction)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def test_recordings_that_are_the_same_keep_their_name(work: Work) -> None:
    state = work.state()
    assert (state.name, state.redated) == ("its name", ())
    assert state.unread == 1  # the one that was skipped is looked at again
    assert work.state(extraction="v2").unread == 3


def test_recordings_of_which_clips_were_left_out_are_the_same_but_read_with_others(work: Work) -> None:
    first, second = read_clip_list(work.list)
    write_clip_list(work.list, [first._replace(start="0"), first._replace(start="10"), second])
    lines = [[line[name] for name in SKIPPED_COLUMNS] for line in read_skipped(work.skipped)]
    lines += [[first.file, "silent", first.size, first.modified_ns, first.content]] * 2
    write_skipped(work.skipped, lines)
    state = work.state()
    assert (state.name, state.unread, state.redated) == ("its name", 2, ())
    (work.root / NAMES[0]).write_bytes(b"another")
    assert work.state().name != "its name"


def test_what_was_no_recording_counts_by_its_name(work: Work) -> None:
    lines = [[line[name] for name in SKIPPED_COLUMNS] for line in read_skipped(work.skipped)]
    write_skipped(work.skipped, [*lines, ("gone.wav", "broken link", "", "", "")])

    def state(*names: str) -> str:
        odd = [str(work.root / name) for name in names]
        lists = str(work.list), str(work.skipped)
        return folder_state(work.recordings, str(work.root), *lists, {}, "v1", odd).name

    assert state("gone.wav") == "its name"
    assert len({state("gone.wav"), state(), state("other.wav"), state("gone.wav", "other.wav")}) == 4


def test_touched_recordings_keep_it_and_are_read_once(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        os.utime(work.root / name, ns=(10**18, 10**18))
    state = work.state()
    assert state.name == "its name"
    assert [line[0] for line in state.redated] == list(NAMES)
    write_rows(work.root.parent / "dates.csv", ("file", "size", "modified_ns", "content"), state.redated)
    dates = read_dates(str(work.root.parent / "dates.csv"))
    monkeypatch.setattr(changes, "content_checksum", lambda files: pytest.fail("it was read again"))
    assert work.state(dates) == state


def test_a_moved_or_copied_folder_keeps_it(work: Work) -> None:
    moved = work.root.parent / "elsewhere"
    shutil.copytree(work.root, moved, copy_function=shutil.copyfile)
    work.root = moved
    work.recordings = [Recording((str(moved / name),)) for name in NAMES]
    assert work.state().name == "its name"


def replaced_by_the_same_size(work: Work) -> None:
    (work.root / "b.wav").write_bytes(b"x" * 1000)
    os.utime(work.root / "b.wav", ns=(10**17, 10**17))


def longer(work: Work) -> None:
    (work.root / "b.wav").write_bytes(b"x" * 1001)


def renamed(work: Work) -> None:
    (work.root / "b.wav").rename(work.root / "c.wav")
    work.recordings[1] = Recording((str(work.root / "c.wav"),))


def added(work: Work) -> None:
    (work.root / "d.wav").write_bytes(b"d")
    work.recordings.append(Recording((str(work.root / "d.wav"),)))


def removed(work: Work) -> None:
    del work.recordings[0]


def skipped_one_removed(work: Work) -> None:
    del work.recordings[2]


def skipped_one_mended(work: Work) -> None:
    (work.root / NAMES[2]).write_bytes(b"y" * 1000)
    os.utime(work.root / NAMES[2], ns=(10**17, 10**17))


def in_another_order(work: Work) -> None:
    work.recordings[:2] = work.recordings[1::-1]


def with_a_condition(work: Work) -> None:
    work.recordings[0] = work.recordings[0]._replace(condition="leak")


def with_an_attribute(work: Work) -> None:
    work.recordings[0] = work.recordings[0]._replace(attributes=(("speed", "3"),))


def to_test(work: Work) -> None:
    work.recordings[0] = work.recordings[0]._replace(split="test")


def without_a_list(work: Work) -> None:
    work.list.unlink()


def with_a_damaged_list(work: Work) -> None:
    work.list.write_bytes(work.list.read_bytes().replace(b"its name", b"ATS name"))


CHANGES = (
    *(replaced_by_the_same_size, longer, renamed, added, removed, skipped_one_removed, skipped_one_mended),
    *(in_another_order, with_a_condition, with_an_attribute, to_test, without_a_list, with_a_damaged_list),
)


@pytest.mark.parametrize("change", CHANGES)
def test_any_other_change_gives_another_name_each_time_the_same(work: Work, change: Callable[[Work], None]) -> None:
    change(work)
    state = work.state()
    assert state.name not in ("its name", "ATS name")
    assert state.redated == ()
    assert work.state() == state


def test_the_checksum_is_that_of_all_bytes_of_all_files_whatever_their_length(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lengths = (0, 1, 2**18 - 1, 2**18, 2**18 + 1, 3 * 2**18 + 5)
    contents = [random.bytes(length) for length in lengths]
    files = [str(tmp_path / f"{number}.wav") for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        Path(file).write_bytes(content)
        assert content_checksum([file]) == f"{zlib.crc32(content):08x}"
    assert content_checksum(files) == f"{zlib.crc32(b''.join(contents)):08x}"
