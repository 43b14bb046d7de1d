"""Archives over HTTP: what is not fetched, not unpacked and not lost, whatever the server and the user do."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.download import archives as module
from asd.download.archives import Archive
from asd.download.transfer import Halt, Progress, Stopped
from faulty_server import Answer, Fault, FaultyServer, Request, mixed
from places import REPOSITORY
from small_archives import (
    CONTENT,
    KINDS,
    LOCK,
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


@pytest.mark.parametrize("delete_archives", [True, False])
def test_an_archive_is_fetched_verified_and_unpacked(tmp_path: Path, delete_archives: bool) -> None:
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path / "data", delete_archives=delete_archives)
        assert server.requests == [Request("fan.zip", None, None)]
        assert server.sent == SIZE
    kept = {} if delete_archives else {"fan.zip": WHOLE}
    assert tree(tmp_path / "data") == unpacked(CONTENT) | kept


def test_empty_folders_and_a_prefix_of_dots_are_unpacked(tmp_path: Path) -> None:
    whole = zipped({"./": b"", "./fan/": b"", "./fan/empty/": b"", "./fan/a..b": b"x", "fan/.hidden": b""})
    with FaultyServer({"fan.zip": whole}) as server:
        fetch(described(whole, server), tmp_path)
    assert tree(tmp_path) == {"fan/fan/a..b": b"x", "fan/fan/.hidden": b""}
    assert (tmp_path / "fan" / "fan" / "empty").is_dir()


@pytest.mark.parametrize("delete_archives", [True, False])
def test_what_is_unpacked_is_never_looked_at_again_whatever_its_time_stamps(
    tmp_path: Path, delete_archives: bool
) -> None:
    with FaultyServer({"fan.zip": WHOLE, "pump.zip": WHOLE}) as server:
        archives = [described(WHOLE, server), described(WHOLE, server, "pump")]
        fetch(archives, tmp_path, delete_archives=delete_archives)
        before = tree(tmp_path)
        server.requests.clear()
        for moment in (0, 2**31 - 2):
            for path in [*tmp_path.rglob("*"), tmp_path]:
                os.utime(path, (moment, moment))
            fetch(archives, tmp_path, delete_archives=delete_archives)
            assert all(path.stat().st_mtime == moment for path in [*tmp_path.rglob("*"), tmp_path])
        assert server.requests == []
        assert tree(tmp_path) == before


def test_only_the_existence_of_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "fan").mkdir()
    (tmp_path / "fan.zip.part").write_bytes(b"anything")
    fetch(Archive("fan", "http://127.0.0.1:9/", 10**15, ""), tmp_path)
    assert tree(tmp_path) == {"fan.zip.part": b"anything"}


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "fan").write_bytes(b"notes")
    with FaultyServer({"fan.zip": WHOLE}) as server:
        assert str(tmp_path / "fan") in failure(described(WHOLE, server), tmp_path)
        assert server.requests == []


@pytest.mark.parametrize("names", [["fan", "fan"], ["a/b"], [".."], [""], [".hidden"]])
def test_names_of_archives_are_unique_names_of_files(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ValueError, match="names of archives"):
        fetch([Archive(name, "http://127.0.0.1:9/", 1, "") for name in names], tmp_path)
    assert os.listdir(tmp_path) == []


# --------------------------------------------------------------------------------- archives and parts that are there


def test_an_archive_put_there_by_hand_is_used(tmp_path: Path) -> None:
    (tmp_path / "fan.zip").write_bytes(WHOLE)
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path, delete_archives=False)
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
        fetch(described(WHOLE, server), tmp_path, delete_archives=False)
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
        fetch([described(WHOLE, server, "right"), described(WHOLE, server, "wrong")], root)
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
        assert starts(server) == [None, 40_000, 40_000, 40_000] * 4
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


def test_damage_that_no_check_sum_covers_costs_the_whole_archive_once(tmp_path: Path) -> None:
    stamp = offset(WHOLE, 3) + 10  # the local header's time
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Answer(200, flipped(WHOLE, stamp))]}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server) == [None, offset(WHOLE, -1), None]
    assert tree(tmp_path) == unpacked(CONTENT)


def test_damage_is_mended_also_if_the_server_knows_no_ranges(tmp_path: Path) -> None:
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Fault.FLIP]}, ranges=False) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server)[0] is None
        assert starts(server)[-1] is None
    assert tree(tmp_path) == unpacked(CONTENT)


def test_faults_while_mending_are_mended(tmp_path: Path) -> None:
    content = members(count=40)
    whole = zipped(content)
    damaged = flipped(whole, *(offset(whole, number) + 1000 for number in (3, 10, 17, 24)))
    (tmp_path / "fan.zip.part").write_bytes(damaged)
    script = [Fault.FLIP, Fault.BUSY, Fault.DROP, Fault.PAGE, Fault.IGNORE_RANGE, Fault.SHORT, Fault.FLIP]
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
        archive = Archive("fan", f"{server.url}/fan.zip", len(other), hashlib.md5(WHOLE).hexdigest())
        message = failure(archive, tmp_path)
        assert starts(server).count(None) == 2
        assert server.sent < 13 * len(other)
    assert archive.url in message
    assert archive.md5 in message
    assert hashlib.md5(other).hexdigest() in message
    assert not (tmp_path / "fan").exists()
    assert not (tmp_path / "fan.zip").exists()


# -------------------------------------------------------------------------------------------------------- disk space


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The disk, whose attribute `free` says how many bytes are."""
    usage = SimpleNamespace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    return usage


def test_too_little_space_is_told_before_anything_is_fetched(tmp_path: Path, disk: SimpleNamespace) -> None:
    with FaultyServer({"fan.zip": WHOLE, "pump.zip": WHOLE}) as server:
        archives = [described(WHOLE, server, name, unpacked=10**6) for name in ("fan", "pump")]
        (tmp_path / "pump.zip.part").write_bytes(WHOLE[:10_000])
        needed = SIZE + 10**6 + (SIZE - 10_000) + 10**6  # all is kept
        disk.free = needed - 1
        message = failure(archives, tmp_path, delete_archives=False)
        for part in (str(tmp_path), f"({needed} bytes)", f"({disk.free} bytes)", "fan, pump"):
            assert part in message
        assert server.requests == []
        disk.free = needed - SIZE - 1  # the first one makes room for the second
        assert f"({needed - SIZE} bytes)" in failure(archives, tmp_path)
        disk.free += 1
        fetch(archives, tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT) | unpacked(CONTENT, "pump")


def test_what_is_done_needs_no_space_and_the_rest_a_guess(tmp_path: Path, disk: SimpleNamespace) -> None:
    (tmp_path / "pump").mkdir()
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archives = [described(WHOLE, server), Archive("pump", "http://127.0.0.1:9/", 10**15, "")]
        needed = SIZE + int(1.5 * SIZE)
        disk.free = needed - 1
        assert f"({needed} bytes)" in failure(archives, tmp_path)
        disk.free = needed
        fetch(archives, tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


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


SIZES = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 90)).map(
    lambda t: (max(t[:2]), min(t[:2]), t[2])
)


@settings(deadline=None, max_examples=int(os.environ.get("FUZZ", "50")))
@given(st.lists(SIZES, min_size=1, max_size=6), st.integers(1, 4), st.booleans(), st.randoms())
def test_the_peak_is_never_exceeded_whatever_the_order_of_events(
    sizes: list[tuple[int, int, int]], connections: int, delete_archives: bool, rng: random.Random
) -> None:
    used = most = 0
    waiting, running = list(sizes), []
    while waiting or running:
        while waiting and len(running) < connections:
            size, missing, content = waiting.pop(0)
            running.append([missing, content, -size if delete_archives else 0])
        steps = rng.choice(running)
        used += steps.pop(0)
        most = max(most, used)
        if not steps:
            running.remove(steps)
    peak = module._peak(sizes, connections, delete_archives)
    assert most <= peak
    if connections == 1 or not delete_archives:
        assert peak == most


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
        assert str(tmp_path / "notes") in failure(Archive("fan", "http://127.0.0.1:9/", 1, ""), root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_root_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    message = failure(Archive("fan", "http://127.0.0.1:9/", 1, ""), tmp_path)
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


# ---------------------------------------------------------------------------------------------- several, and at once


def test_one_that_fails_does_not_stop_the_others_and_all_failures_are_told(tmp_path: Path) -> None:
    names = ["one", "two", "three", "four"]
    scripts = {"one.zip": [Answer(404)], "three.zip": [Answer(410)]}
    with FaultyServer({f"{name}.zip": WHOLE for name in names}, scripts) as server:
        for connections in (1, 3):
            root = tmp_path / str(connections)
            server._scripts.update({name: list(script) for name, script in scripts.items()})
            message = failure([described(WHOLE, server, name) for name in names], root, connections=connections)
            first, *lines = message.splitlines()
            assert "2 of 4" in first
            assert len(lines) == 2
            assert "one.zip: the server answered 404" in lines[0]
            assert "three.zip: the server answered 410" in lines[1]
            assert tree(root) == unpacked(CONTENT, "two") | unpacked(CONTENT, "four")


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_so_many_archives_are_fetched_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    names = ["one", "two", "three", "four", "five"]
    gathered = threading.Barrier(connections)
    running: set[Any] = set()
    most: list[int] = []
    run = module._Job.run

    def observed(job: Any, *arguments: Any) -> None:
        running.add(job)
        most.append(len(running))
        if len(most) <= connections:
            gathered.wait(10.0)
        time.sleep(0.01)  # more than so many would be seen
        run(job, *arguments)
        running.discard(job)

    monkeypatch.setattr(module._Job, "run", observed)
    with FaultyServer({f"{name}.zip": WHOLE for name in names}) as server:
        fetch([described(WHOLE, server, name) for name in names], tmp_path, connections=connections)
    assert max(most) == connections
    assert len(tree(tmp_path)) == len(names) * len(CONTENT)


def test_a_mistake_in_the_program_is_not_taken_for_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> str:
        raise AssertionError("a mistake")

    monkeypatch.setattr(module, "md5", wrong)
    with FaultyServer({"fan.zip": WHOLE}) as server, pytest.raises(AssertionError, match="a mistake"):
        fetch(described(WHOLE, server), tmp_path)


def test_a_second_download_into_the_same_folder_is_refused_at_once(tmp_path: Path) -> None:
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = described(WHOLE, server)
        with (tmp_path / LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            message = failure(archive, tmp_path)
            assert "another download into this folder is running" in message
            assert str(tmp_path) in message
            assert server.requests == []
        fetch(archive, tmp_path)
        assert len(server.requests) == 1


# ----------------------------------------------------------------------------------------------------- interruptions


PROGRAM = """
import json, signal, sys
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been switched off for background jobs
from asd.download import archives as module
from asd.download.archives import Archive, Retry, download
assert module._LAST_WAIT <= 1.0
module._LAST_WAIT = 0.2
archives, root, retry, connections = json.loads(sys.argv[2])
download([Archive(**a) for a in archives], root, delete_archives=True, connections=connections, retry=Retry(**retry))
"""


def started(archives: Sequence[Archive], root: Path, connections: int = 1, **retry: Any) -> subprocess.Popen[bytes]:
    arguments = json.dumps([[vars(archive) for archive in archives], str(root), retry, connections])
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
        process = started([archive], tmp_path)
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
    scripts = {f"{name}.zip": faults[where] for name in ("fan", "pump")}
    with FaultyServer({"fan.zip": WHOLE, "pump.zip": WHOLE}, scripts) as server:
        archives = [described(WHOLE, server, name) for name in ("fan", "pump")]
        process = started(archives, tmp_path, connections=2, first_pause=0.01)
        parts = [tmp_path / f"{name}.zip.part" for name in ("fan", "pump")]
        wait_until(lambda: server.left() == 0 and all(size_of(part) > 0 for part in parts))
        time.sleep(0.1)
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert time.monotonic() - before < 5.0
        assert errors.decode().strip().splitlines()[-1] == "KeyboardInterrupt"
        sizes = [part.stat().st_size for part in parts]
        assert all(0 < size < SIZE for size in sizes)
        server.requests.clear()
        fetch(archives, tmp_path)
        assert starts(server) == sizes
    assert tree(tmp_path) == unpacked(CONTENT) | unpacked(CONTENT, "pump")


def test_no_archive_is_begun_after_a_stop(tmp_path: Path) -> None:
    (tmp_path / "fan.zip").write_bytes(b"not the archive")
    halt = Halt()
    halt.stop()
    place = module._Place(Archive("fan", "http://127.0.0.1:9/", SIZE, ""), tmp_path)
    with pytest.raises(Stopped):
        module._Job(place, halt, Progress(0, SIZE), QUICK).run(True)
    assert tree(tmp_path) == {"fan.zip": b"not the archive"}


# ------------------------------------------------------------------------------------------------------ what it says


def test_the_log_tells_what_is_going_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pump.zip.part").write_bytes(flipped(WHOLE[:30_000], 1000))
    caplog.set_level(logging.INFO, "asd")
    with FaultyServer({"fan.zip": WHOLE, "pump.zip": WHOLE}, {"fan.zip": [Fault.BUSY]}) as server:
        fetch([described(WHOLE, server, name) for name in ("fan", "pump")], tmp_path)
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
        "unpacked 2 of 2 archives, fetched .* s$",
    ]
    found = iter(lines)
    for pattern in expected:
        assert any(re.match(pattern, line) for line in found), (pattern, lines)
    shown = capsys.readouterr().err
    assert all(line in shown for line in lines), "the log is a file, and somebody is waiting"


# --------------------------------------------------------------------------------------------------------- all of it


def test_all_faults_together_cost_little_more_than_the_archives(tmp_path: Path) -> None:
    """Two archives at a time, `FAULTS` faults of each kind over both, and not one byte wrong in the end."""
    count = max(24, FAULTS * 8)
    contents = {name: members(seed, count, size=200_000) for seed, name in enumerate(("fan", "pump"), start=1)}
    files = {f"{name}.zip": zipped(content) for name, content in contents.items()}
    shares = {"fan.zip": (FAULTS + 1) // 2, "pump.zip": FAULTS // 2}
    scripts = {name: mixed(dict.fromkeys(KINDS, share), seed=1) for name, share in shares.items()}
    size = min(len(content) for content in files.values())
    longest = int(0.7 * size / (shares["fan.zip"] * 2.5))  # faults are used up before the archives are
    with FaultyServer(files, scripts, longest=longest, seed=1) as server:
        archives = [described(files[f"{name}.zip"], server, name) for name in contents]
        fetch(archives, tmp_path, delete_archives=False, connections=2, retry=replace(QUICK, attempts=6))
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
