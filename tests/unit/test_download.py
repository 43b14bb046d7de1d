"""An archive over HTTP: what is not fetched, not unpacked and not lost, whatever the server and the user do."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asd.download import archives as module
from asd.download.archives import Archive
from asd.download.place import Place
from faulty_server import Answer, Fault, FaultyServer, Request, mixed
from places import REPOSITORY
from small_archives import (
    CONTENT,
    KINDS,
    MEMBER,
    OVERSHOOT,
    QUICK,
    SIZE,
    WHOLE,
    described,
    failure,
    fetch,
    flipped,
    members,
    offset,
    starts,
    tree,
    unpacked,
    wait_until,
    zipped,
)

FAULTS = int(os.environ.get("FAULTS", "3"))
"""How many faults of each kind the long test meets with."""

MOST_SENT = 1.5
"""How much more than the archives themselves may be sent in it."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# ---------------------------------------------------------------------------------------------- what is done, is not


@pytest.mark.parametrize("delete_archive", [True, False])
def test_an_archive_is_fetched_verified_and_unpacked(tmp_path: Path, delete_archive: bool) -> None:
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path / "data", delete_archive=delete_archive)
        assert server.requests == [Request("fan.zip", None, None)]
        assert server.sent == SIZE
    kept = {} if delete_archive else {"fan.zip": WHOLE}
    assert tree(tmp_path / "data") == unpacked(CONTENT) | kept


def test_empty_folders_and_a_prefix_of_dots_are_unpacked(tmp_path: Path) -> None:
    whole = zipped({"./": b"", "./fan/": b"", "./fan/empty/": b"", "./fan/a..b": b"x", "fan/.hidden": b""})
    with FaultyServer({"fan.zip": whole}) as server:
        fetch(described(whole, server), tmp_path)
    assert tree(tmp_path) == {"fan/fan/a..b": b"x", "fan/fan/.hidden": b""}
    assert (tmp_path / "fan" / "fan" / "empty").is_dir()


@pytest.mark.parametrize("delete_archive", [True, False])
def test_what_is_unpacked_is_never_looked_at_again_whatever_its_time_stamps(
    tmp_path: Path, delete_archive: bool
) -> None:
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = described(WHOLE, server)
        fetch(archive, tmp_path, delete_archive=delete_archive)
        before = tree(tmp_path)
        server.requests.clear()
        for moment in (0, 2**31 - 2):
            for path in [*tmp_path.rglob("*"), tmp_path]:
                os.utime(path, (moment, moment))
            fetch(archive, tmp_path, delete_archive=delete_archive)
            assert all(path.stat().st_mtime == moment for path in [*tmp_path.rglob("*"), tmp_path])
        assert server.requests == []
        assert tree(tmp_path) == before


def test_only_the_existence_of_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "fan").mkdir()
    (tmp_path / "fan.zip.part").write_bytes(b"anything")
    fetch(Archive("fan", "http://127.0.0.1:9/", 10**15, "", 10**15), tmp_path)
    assert tree(tmp_path) == {"fan.zip.part": b"anything"}


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "fan").write_bytes(b"notes")
    with FaultyServer({"fan.zip": WHOLE}) as server:
        assert str(tmp_path / "fan") in failure(described(WHOLE, server), tmp_path)
        assert server.requests == []


# --------------------------------------------------------------------------------- archives and parts that are there


def test_an_archive_put_there_by_hand_is_used(tmp_path: Path) -> None:
    (tmp_path / "fan.zip").write_bytes(WHOLE)
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path, delete_archive=False)
        assert server.requests == []
    assert tree(tmp_path) == unpacked(CONTENT) | {"fan.zip": WHOLE}


def test_a_part_is_resumed_where_it_stops(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:50_000])
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert server.requests == [Request("fan.zip", 50_000, SIZE)]
        assert server.sent == SIZE - 50_000
    assert tree(tmp_path) == unpacked(CONTENT)


def test_a_whole_part_needs_no_request(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE)
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert server.requests == []
    assert tree(tmp_path) == unpacked(CONTENT)


@pytest.mark.parametrize("name", ["fan.zip", "fan.zip.part"])
@pytest.mark.parametrize(
    ("present", "most_sent"),
    [
        (WHOLE[:30_000], SIZE - 30_000),
        (WHOLE + b"more than there should be", 0),
        (flipped(WHOLE, 1000), MEMBER + 2000),
        (flipped(WHOLE[:60_000], 1000), SIZE - 60_000 + MEMBER + 2000),
        (flipped(WHOLE, 1000) + b"more", MEMBER + 2000),
        (b"<html>an error page that a browser has saved</html>", SIZE),
        (b"", SIZE),
        (b"P", SIZE),
    ],
    ids=["cut", "longer", "damaged", "cut and damaged", "longer and damaged", "page", "empty", "one byte"],
)
def test_a_wrong_archive_or_part_becomes_right_for_few_bytes(
    tmp_path: Path, name: str, present: bytes, most_sent: int
) -> None:
    (tmp_path / name).write_bytes(present)
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path, delete_archive=False)
        assert server.sent <= most_sent
    assert tree(tmp_path) == unpacked(CONTENT) | {"fan.zip": WHOLE}


def test_the_longer_of_a_wrong_archive_and_a_part_is_resumed(tmp_path: Path) -> None:
    for size, other in [(30_000, 50_000), (50_000, 30_000)]:
        root = tmp_path / str(size)
        root.mkdir()
        (root / "fan.zip").write_bytes(WHOLE[:size])
        (root / "fan.zip.part").write_bytes(WHOLE[:other])
        with FaultyServer({"fan.zip": WHOLE}) as server:
            fetch(described(WHOLE, server), root)
            assert starts(server) == [50_000]
        assert tree(root) == unpacked(CONTENT)


def test_a_linked_archive_is_used_but_never_changed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for name, content in {"right": WHOLE, "wrong": flipped(WHOLE, 1000)}.items():
        (tmp_path / name).write_bytes(content)
        (root / f"{name}.zip").symlink_to(tmp_path / name)
    with FaultyServer({"right.zip": WHOLE, "wrong.zip": WHOLE}) as server:
        fetch(described(WHOLE, server, "right"), root)
        fetch(described(WHOLE, server, "wrong"), root)
        assert {request.name for request in server.requests} == {"wrong.zip"}
    assert tree(root) == unpacked(CONTENT, "right") | unpacked(CONTENT, "wrong")
    assert (tmp_path / "right").read_bytes() == WHOLE
    assert (tmp_path / "wrong").read_bytes() == flipped(WHOLE, 1000)


# -------------------------------------------------------------------------------------------- servers without ranges


def test_a_server_that_knows_no_ranges_is_asked_for_all_after_some_attempts(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:30_000])
    with FaultyServer({"fan.zip": WHOLE}, ranges=False) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server) == [30_000, 30_000, 30_000, None]
    assert tree(tmp_path) == unpacked(CONTENT)


def test_a_server_that_knows_no_ranges_and_always_breaks_off_is_given_up(tmp_path: Path) -> None:
    with FaultyServer({"fan.zip": WHOLE}, ranges=False, longest=40_000) as server:
        message = failure(described(WHOLE, server), tmp_path)
        assert starts(server) == [None, 40_000, 40_000, 40_000] * 2
    assert server.url in message
    assert str(tmp_path / "fan.zip") in message
    assert "sends only whole archives" in message


# ------------------------------------------------------------------------------------------------------- wrong bytes


def test_only_damaged_members_are_fetched_again(tmp_path: Path) -> None:
    content = members(count=40)
    whole = zipped(content)
    positions = [offset(whole, number) + 1000 for number in (3, 4, 17)]
    (tmp_path / "fan.zip.part").write_bytes(flipped(whole, *positions))
    with FaultyServer({"fan.zip": whole}) as server:
        fetch(described(whole, server), tmp_path)
        spans = [(request.start, request.end) for request in server.requests]
    assert spans == [
        (offset(whole, -1), len(whole)),
        (offset(whole, 3), offset(whole, 5)),
        (offset(whole, 17), offset(whole, 18)),
    ]
    assert tree(tmp_path) == unpacked(content)


@pytest.mark.parametrize("part", [-22, -20, -12, -10, -9, -6, -5, -2, -1])
def test_damage_to_the_end_record_is_mended(tmp_path: Path, part: int) -> None:
    content = members(count=20, size=40_000)
    whole = zipped(content)
    (tmp_path / "fan.zip.part").write_bytes(flipped(whole, len(whole) + part, 90_000))
    with FaultyServer({"fan.zip": whole}) as server:
        fetch(described(whole, server), tmp_path)
        assert server.sent <= 2**16 + 5000 + 80_200
    assert tree(tmp_path) == unpacked(content)


def test_damage_to_a_long_directory_is_mended(tmp_path: Path) -> None:
    """Also when the first tail that is fetched is shorter than the directory."""
    content = {f"{n:04}" + "x" * 246: b"%d" % n * 2000 for n in range(250)}
    whole = zipped(content)
    directory = offset(whole, -1)
    assert len(whole) - directory > 2**16
    entry = whole.index(b"PK\1\2", directory + 1000)
    for position in (entry, entry + 16, entry + 43):
        root = tmp_path / str(position)
        root.mkdir()
        (root / "fan.zip.part").write_bytes(flipped(whole, position, len(whole) - 20, 5000))
        with FaultyServer({"fan.zip": whole}) as server:
            fetch(described(whole, server), root)
            assert server.sent <= 2**19 + 20_000
        assert tree(root) == unpacked(content)


def test_damage_that_no_check_sum_covers_is_fetched_with_all_else_by_the_next_attempt(tmp_path: Path) -> None:
    stamp = offset(WHOLE, 3) + 10  # the local header's time
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Answer(200, flipped(WHOLE, stamp))]}) as server:
        assert "fetches all of it once more" in failure(described(WHOLE, server), tmp_path)
        assert starts(server) == [None, offset(WHOLE, -1)]
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server)[2:] == [offset(WHOLE, -1), None]
    assert tree(tmp_path) == unpacked(CONTENT)


def test_damage_is_fetched_with_all_else_if_the_server_knows_no_ranges(tmp_path: Path) -> None:
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Fault.FLIP]}, ranges=False) as server:
        failure(described(WHOLE, server), tmp_path)
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server).count(None) == 2
    assert tree(tmp_path) == unpacked(CONTENT)


def test_faults_while_mending_are_mended(tmp_path: Path) -> None:
    content = members(count=40)
    whole = zipped(content)
    damaged = flipped(whole, *(offset(whole, number) + 1000 for number in (3, 10, 17, 24)))
    (tmp_path / "fan.zip.part").write_bytes(damaged)
    script = [Fault.FLIP, Fault.BUSY, Fault.DROP, Fault.IGNORE_RANGE, Fault.SHORT, Fault.FLIP]
    with FaultyServer({"fan.zip": whole}, {"fan.zip": [*script, Fault.STALL, Fault.FLIP, Fault.WRONG_START]}) as server:
        fetch(described(whole, server), tmp_path)
        assert server.left() == 0
        assert server.sent < 0.6 * len(whole) + 2 * OVERSHOOT
        assert None not in starts(server)
    assert tree(tmp_path) == unpacked(content)


def test_a_mending_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(flipped(WHOLE, 1000))
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [None, *[Fault.BUSY] * 4]}) as server:
        assert "but for some damaged bytes" in failure(described(WHOLE, server), tmp_path)
        fetch(described(WHOLE, server), tmp_path)
        assert server.sent < MEMBER + 4000
    assert tree(tmp_path) == unpacked(CONTENT)


@pytest.mark.parametrize("other", [zipped(members(1)), b"PK" + b"x" * (SIZE - 2)], ids=["archive", "no archive"])
def test_an_archive_that_stays_wrong_is_refused_with_both_check_sums(tmp_path: Path, other: bytes) -> None:
    assert len(other) != SIZE or other[:2] == b"PK"
    with FaultyServer({"fan.zip": other}) as server:
        archive = Archive("fan", f"{server.url}/fan.zip", len(other), hashlib.md5(WHOLE).hexdigest(), 0)
        message = failure(archive, tmp_path)
        assert starts(server).count(None) == 1
        assert server.sent < 7 * len(other)
    assert archive.url in message
    assert archive.md5 in message
    assert hashlib.md5(other).hexdigest() in message
    assert not (tmp_path / "fan").exists()
    assert not (tmp_path / "fan.zip").exists()


def test_sha_256_is_checked_beside_md5_where_it_is_given(tmp_path: Path) -> None:
    right, wrong = hashlib.sha256(WHOLE).hexdigest(), hashlib.sha256(b"").hexdigest()
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = described(WHOLE, server)
        fetch(replace(archive, sha256=right), tmp_path / "right")
        for already_there in (False, True):
            root = tmp_path / f"wrong {already_there}"
            root.mkdir()
            if already_there:
                (root / "fan.zip").write_bytes(WHOLE)
            server.requests.clear()
            message = failure(replace(archive, sha256=wrong), root)
            assert len(server.requests) == (not already_there)
            assert right in message
            assert wrong in message
            assert "download.archives" in message
            assert not (root / "fan").exists()
    assert tree(tmp_path / "right") == unpacked(CONTENT)


# -------------------------------------------------------------------------------------------------------- disk space


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The disk, whose attribute `free` says how many bytes are."""
    usage = SimpleNamespace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    return usage


def test_too_little_space_is_told_before_anything_is_fetched(tmp_path: Path, disk: SimpleNamespace) -> None:
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = described(WHOLE, server, unpacked=10**6)
        (tmp_path / "fan.zip.part").write_bytes(WHOLE[:10_000])
        needed = SIZE - 10_000 + 10**6
        disk.free = needed - 1
        message = failure(archive, tmp_path)
        for part in (str(tmp_path), f"({needed} bytes)", f"({disk.free} bytes)", "fan"):
            assert part in message
        assert server.requests == []
        disk.free += 1
        fetch(archive, tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


def test_files_that_take_more_than_they_may_are_not_unpacked(tmp_path: Path) -> None:
    content = {"few": b"x", "zeros": bytes(3_000_000)}
    whole = zipped(content)
    assert len(whole) < 5000
    with FaultyServer({"fan.zip": whole}) as server:
        archive = described(whole, server)
        message = failure(replace(archive, most_unpacked=3_000_000), tmp_path)
        for part in (str(tmp_path / "fan.zip"), "more than the 3000000 bytes", "download.archives.fan.unpacked"):
            assert part in message
        assert tree(tmp_path) == {"fan.zip": whole}, "it is kept, and nothing of it unpacked"
        fetch(replace(archive, most_unpacked=3_000_001), tmp_path)
        assert len(server.requests) == 1
    assert tree(tmp_path) == unpacked(content)


def test_what_unpacking_needs_is_looked_up_once_the_archive_is_there(tmp_path: Path, disk: SimpleNamespace) -> None:
    content = {"few": b"x", "zeros": bytes(3_000_000)}  # the second one is deflated
    whole = zipped(content)
    disk.free = 3_000_000
    with FaultyServer({"fan.zip": whole}) as server:
        message = failure(described(whole, server), tmp_path)
        assert "(3000001 bytes)" in message
        assert str(tmp_path / "fan.zip") in message
        assert tree(tmp_path) == {"fan.zip": whole}
        disk.free += 1
        fetch(described(whole, server), tmp_path)
        assert len(server.requests) == 1
    assert tree(tmp_path) == unpacked(content)


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "no space"), (errno.EDQUOT, "quota"), (errno.EACCES, "no permission"), (errno.ENOLCK, "can't be")],
)
@pytest.mark.parametrize("where", ["transfer", "unpacking", "renaming"])
def test_errors_of_the_disk_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str, where: str
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise OSError(code, os.strerror(code))

    patched, name = {
        "transfer": ("asd.download.transfer._write", "fan.zip.part"),
        "unpacking": ("asd.download.zips._unpack_member", ".fan.unpacking"),
        "renaming": ("os.replace", ""),
    }[where]
    with FaultyServer({"fan.zip": WHOLE}) as server, monkeypatch.context() as patch:
        patch.setattr(patched, fail)
        message = failure(described(WHOLE, server), tmp_path)
        assert len(server.requests) == 1, "it must not be taken for an error of the network"
    assert said in message
    assert str(tmp_path / name) in message
    assert not (tmp_path / "fan").exists()
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


def test_a_root_that_can_be_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"")
    for root in (tmp_path / "notes", tmp_path / "notes" / "data"):
        assert str(tmp_path / "notes") in failure(Archive("fan", "http://127.0.0.1:9/", 1, "", 0), root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_root_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    message = failure(Archive("fan", "http://127.0.0.1:9/", 1, "", 0), tmp_path)
    assert "permission" in message
    assert str(tmp_path) in message


def test_what_a_killed_run_has_left_of_unpacking_is_done_anew(tmp_path: Path) -> None:
    leftover = tmp_path / ".fan.unpacking" / "fan" / "id_00"
    leftover.mkdir(parents=True)
    (leftover / "0000.wav").write_bytes(b"half of")
    (leftover / "not in the archive").write_bytes(b"")
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


def test_a_mistake_in_the_program_is_not_taken_for_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> str:
        raise AssertionError("a mistake")

    monkeypatch.setattr(module, "checksums", wrong)
    with FaultyServer({"fan.zip": WHOLE}) as server, pytest.raises(AssertionError, match="a mistake"):
        fetch(described(WHOLE, server), tmp_path)


def test_a_second_process_is_refused_at_once_and_takes_no_lock_away(tmp_path: Path) -> None:
    with FaultyServer({"fan.zip": WHOLE, "pump.zip": WHOLE}) as server:
        archive = described(WHOLE, server)
        with Place(tmp_path, "fan").locked():
            for _ in range(2):
                message = failure(archive, tmp_path)
                assert "another download into this folder is running (fan.zip)" in message
                assert str(tmp_path) in message
            assert server.requests == []
            fetch(described(WHOLE, server, "pump"), tmp_path)
        fetch(archive, tmp_path)
        assert len(server.requests) == 2
    assert tree(tmp_path) == unpacked(CONTENT) | unpacked(CONTENT, "pump"), "no lock is left"


def test_where_nothing_can_be_locked_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
    assert "only one download runs" in caplog.text
    assert tree(tmp_path) == unpacked(CONTENT)


# ----------------------------------------------------------------------------------------------------- interruptions


PROGRAM = """
import json, signal, socket, sys
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been switched off for background jobs
from asd.download.archives import Archive, Retry, fetch_archive
archive, root, retry, deaf = json.loads(sys.argv[2])
if deaf:  # as while a name is looked up: a call that no signal interrupts
    import hashlib
    socket.getaddrinfo = lambda *arguments, **options: hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
fetch_archive(Archive(**archive), root, delete_archive=True, retry=Retry(**retry))
"""


def started(archive: Archive, root: Path, *, deaf: bool = False, **retry: Any) -> subprocess.Popen[bytes]:
    arguments = json.dumps([vars(archive), str(root), retry, deaf])
    command = [sys.executable, "-c", PROGRAM, str(REPOSITORY / "workflow" / "scripts"), arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_killed_download_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    part = tmp_path / "fan.zip.part"
    content = members(size=250_000)
    whole = zipped(content)
    with FaultyServer({"fan.zip": whole}, pace=0.01) as server:
        archive = described(whole, server)
        process = started(archive, tmp_path)
        try:
            wait_until(lambda: size_of(part) > 200_000)
            assert "another download" in failure(archive, tmp_path), "it runs, so its lock holds"
        finally:
            process.kill()
            process.communicate()
        size = part.stat().st_size
        assert whole.startswith(part.read_bytes())
        assert 200_000 < size < len(whole)
        server.pace = 0.0
        fetch(archive, tmp_path)
        assert starts(server) == [None, size]
        assert server.sent <= len(whole) + OVERSHOOT
    assert tree(tmp_path) == unpacked(content)


@pytest.mark.parametrize("where", ["body", "answer", "pause"])
def test_ctrl_c_stops_at_once_and_leaves_what_can_be_resumed(tmp_path: Path, where: str) -> None:
    """However long the server is silent: here longer than anyone waits."""
    faults: dict[str, list[Fault | Answer | None]] = {
        "body": [Fault.STALL],
        "answer": [Fault.DROP, Fault.SILENT],
        "pause": [Fault.DROP, Answer(503, b"", {"Retry-After": "100"})],
    }
    part = tmp_path / "fan.zip.part"
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": faults[where]}) as server:
        process = started(described(WHOLE, server), tmp_path, first_pause=0.01)
        wait_until(lambda: server.left() == 0 and size_of(part) > 0)
        time.sleep(0.1)
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert time.monotonic() - before < 5.0
        assert b"KeyboardInterrupt" in errors.splitlines()[-1] or process.returncode == -signal.SIGINT
        size = part.stat().st_size
        assert 0 < size < SIZE
        server.requests.clear()
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server) == [size]
    assert tree(tmp_path) == unpacked(CONTENT)


def test_ctrl_c_stops_at_once_while_a_name_is_looked_up(tmp_path: Path) -> None:
    process = started(Archive("fan", "http://nowhere.invalid/fan.zip", SIZE, "", 0), tmp_path, deaf=True)
    try:
        wait_until(lambda: (tmp_path / "fan.zip.part").exists())
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == -signal.SIGINT
    finally:
        process.kill()
        process.communicate()
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


def test_ctrl_c_leaves_nothing_of_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> None:
        (tmp_path / ".fan.unpacking" / "half").write_bytes(b"")
        raise KeyboardInterrupt

    (tmp_path / "fan.zip").write_bytes(WHOLE)
    monkeypatch.setattr("asd.download.zips._unpack_member", interrupted)
    with FaultyServer({"fan.zip": WHOLE}) as server, pytest.raises(KeyboardInterrupt):
        fetch(described(WHOLE, server), tmp_path)
    assert tree(tmp_path) == {"fan.zip": WHOLE}
    assert not (tmp_path / ".fan.unpacking").exists()


# ------------------------------------------------------------------------------------------------------ what it says


def test_the_log_tells_what_is_going_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pump.zip.part").write_bytes(flipped(WHOLE[:30_000], 1000))
    caplog.set_level(logging.INFO, "asd")
    with FaultyServer({"fan.zip": WHOLE, "pump.zip": WHOLE}, {"fan.zip": [Fault.BUSY]}) as server:
        for name in ("fan", "pump"):
            fetch(described(WHOLE, server, name), tmp_path)
    lines = [record.getMessage() for record in caplog.records]
    expected = [
        "fan: starts, ",
        "fan: the server answered 503 Service Unavailable; next attempt in ",
        "fan: complete, ",
        "fan: verifying .* may take minutes",
        "fan: verified, .* s$",
        "fan: unpacking 8 members, .* may take minutes",
        "fan: unpacked 8 files, .* s$",
        f"pump: resumed at byte 30000 of {SIZE}",
        "pump: has wrong bytes",
        "pump: looking for damaged members",
        "pump: fetching .* again",
        "pump: verified",
    ]
    found = iter(lines)
    for pattern in expected:
        assert any(re.match(pattern, line) for line in found), (pattern, lines)
    shown = capsys.readouterr().err
    assert all(line in shown for line in lines), "the log is a file, and somebody is waiting"


# --------------------------------------------------------------------------------------------------------- all of it


def test_all_faults_together_cost_little_more_than_the_archives(tmp_path: Path) -> None:
    """Two archives, `FAULTS` faults of each kind over both, and not one byte wrong in the end."""
    count = max(24, FAULTS * 8)
    contents = {name: members(seed, count, size=200_000) for seed, name in enumerate(("fan", "pump"), start=1)}
    files = {f"{name}.zip": zipped(content) for name, content in contents.items()}
    shares = {"fan.zip": (FAULTS + 1) // 2, "pump.zip": FAULTS // 2}
    scripts = {name: mixed(dict.fromkeys(KINDS, share), seed=1) for name, share in shares.items()}
    size = min(len(content) for content in files.values())
    longest = int(0.7 * size / (shares["fan.zip"] * 2.5))  # faults are used up before the archives are
    with FaultyServer(files, scripts, longest=longest, seed=1) as server:
        for name in contents:
            archive = described(files[f"{name}.zip"], server, name)
            fetch(archive, tmp_path, delete_archive=False, retry=replace(QUICK, attempts=6))
        faults, sent, requests = server.faults, server.sent, len(server.requests)
    total = sum(map(len, files.values()))
    print(f"\n{sum(faults.values())} faults in {requests} requests: ", end="")
    print(", ".join(f"{faults[kind]} {kind.name}" for kind in KINDS))
    print(f"archives of {total} bytes, sent {sent}: {sent / total:.3f} times")
    assert sum(faults.values()) >= 20
    assert all(faults[kind] >= FAULTS for kind in KINDS)
    assert sent <= MOST_SENT * total
    for name, content in contents.items():
        assert (
            hashlib.md5((tmp_path / f"{name}.zip").read_bytes()).digest() == hashlib.md5(files[f"{name}.zip"]).digest()
        )
        assert tree(tmp_path / name) == content
