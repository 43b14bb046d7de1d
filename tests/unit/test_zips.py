"""Archives that are damaged, made wrong or hostile, and what becomes of them."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asd.download import zips as module
from asd.download.archives import Archive
from asd.errors import UserError
from faulty_server import FaultyServer
from small_archives import CONTENT, WHOLE, Content, described, failure, fetch, tree, unpacked


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# -------------------------------------------------------------------------------------------------- hostile archives


def raw_zip(names: Sequence[bytes], data: bytes = b"data", **fields: int) -> bytes:
    """An archive of stored members, put together by hand, with names and fields that no library would write."""
    crc = fields.get("crc", zlib.crc32(data))
    size = fields.get("size", len(data))
    flags = fields.get("flags", 0x800)
    method = fields.get("method", 0)
    body, directory = b"", b""
    for name in names:
        common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(data), size, len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 0x314) + common
        directory += struct.pack("<HHHII", 0, 0, 0, fields.get("mode", 0) << 16, len(body)) + name
        body += b"PK\3\4" + common + name + data
    end = struct.pack("<HHHHIIH", 0, 0, len(names), len(names), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


HOSTILE: dict[str, bytes] = {
    "absolute": raw_zip([b"good", b"/tmp/evil"]),
    "two slashes": raw_zip([b"good", b"//evil"]),
    "up": raw_zip([b"good", b"../evil"]),
    "up inside": raw_zip([b"good", b"a/../../evil"]),
    "up and down": raw_zip([b"good", b"a/../evil"]),
    "only up": raw_zip([b"good", b".."]),
    "folder up": raw_zip([b"good", b"../"], b""),
    "up at the end": raw_zip([b"good", b"a/.."]),
    "drive": raw_zip([b"good", b"C:evil"]),
    "drive and slash": raw_zip([b"good", b"c:/evil"]),
    "backslash": raw_zip([b"good", b"..\\evil"]),
    "backslash inside": raw_zip([b"good", b"a\\evil"]),
    "NUL": raw_zip([b"good", b"evil\0.txt"]),
    "NUL before up": raw_zip([b"good", b"\0/../evil"]),
    "no name": raw_zip([b"good", b""]),
    "dot": raw_zip([b"good", b"."]),
    "twice": raw_zip([b"good", b"evil", b"evil"]),
    "twice in other words": raw_zip([b"good", b"a/evil", b"./a//evil"]),
    "folder twice": raw_zip([b"evil/", b"evil/"], b""),
    "file and folder": raw_zip([b"evil", b"evil/"], b""),
    "folder and file": raw_zip([b"evil/", b"evil"], b""),
    "file and what is in it": raw_zip([b"evil", b"evil/inside"]),
    "what is in it and file": raw_zip([b"evil/inside/deep", b"evil"]),
    "symbolic link": raw_zip([b"good", b"evil"], b"/etc", mode=stat.S_IFLNK | 0o777),
    "character device": raw_zip([b"evil"], mode=stat.S_IFCHR | 0o666),
    "block device": raw_zip([b"evil"], mode=stat.S_IFBLK | 0o666),
    "pipe": raw_zip([b"evil"], mode=stat.S_IFIFO | 0o666),
    "socket": raw_zip([b"evil"], mode=stat.S_IFSOCK | 0o666),
    "encrypted": raw_zip([b"good", b"evil"], flags=0x801),
}


def refused(whole: bytes, root: Path) -> str:
    """Unpack an archive that is there by hand; what the user is told, and nothing else may have changed."""
    root.mkdir(parents=True)
    (root / "fan.zip").write_bytes(whole)
    around = sorted(root.parent.rglob("*"))
    archive = Archive("fan", "http://127.0.0.1:9/", len(whole), hashlib.md5(whole).hexdigest(), 0)
    message = failure(archive, root)
    assert sorted(root.parent.rglob("*")) == around
    assert str(root / "fan.zip") in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused_before_a_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def forbidden(*arguments: Any) -> None:
        pytest.fail("nothing may be unpacked")

    monkeypatch.setattr(module, "_unpack_member", forbidden)
    message = refused(HOSTILE[kind], tmp_path / "a" / "root")
    assert "No file was written" in message
    assert not Path("/tmp/evil").exists()


def test_modes_and_flags_of_ordinary_members_are_no_reason_to_refuse(tmp_path: Path) -> None:
    for number, mode in enumerate((0, stat.S_IFREG | 0o4777, stat.S_IFDIR | 0o755)):
        root = tmp_path / str(number)
        root.mkdir()
        whole = raw_zip([b"good", b"a:/fine" if number > 9 else b"fine"], mode=mode)
        (root / "fan.zip").write_bytes(whole)
        fetch(Archive("fan", "http://127.0.0.1:9/", len(whole), hashlib.md5(whole).hexdigest(), 0), root)
        assert tree(root) == {"fan/good": b"data", "fan/fine": b"data"}
        assert (root / "fan" / "fine").stat().st_mode & 0o7000 == 0


EXAMPLES = int(os.environ.get("FUZZ", "40"))
PIECES = ["..", ".", "/", "//", "\\", "\0", "a", "B", ":", "~", "é", " ", "\n", "\u202e"]

NASTY = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)

NAMES = st.lists(st.one_of(NASTY, st.text(max_size=12)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES)
def test_whatever_the_names_nothing_is_written_outside_and_all_or_nothing_inside(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    base = tmp_path_factory.mktemp("names")
    root = base / "a" / "b" / "root"
    root.mkdir(parents=True)
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    whole = raw_zip(encoded)
    (root / "fan.zip").write_bytes(whole)
    archive = Archive("fan", "http://127.0.0.1:9/", len(whole), hashlib.md5(whole).hexdigest(), 0)
    try:
        fetch(archive, root)
    except UserError:
        assert sorted(os.listdir(root)) == ["fan.zip"]
    else:
        files = [name for name in names if not name.endswith("/")]
        assert sum(path.is_file() for path in (root / "fan").rglob("*")) == len(files)
        assert sorted(os.listdir(root)) == ["fan"]
    assert [path.name for path in (base, base / "a", base / "a" / "b") for path in path.iterdir()] == ["a", "b", "root"]
    shutil.rmtree(base)


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        (raw_zip([b"good", b"wrong"], crc=1), "CRC"),
        (raw_zip([b"good"], size=3), "CRC|bytes"),
        (raw_zip([b"good"], size=5), "CRC|bytes|unpacked"),
        (raw_zip([b"good"], method=99), "compression"),
        (raw_zip([b"good"], method=8), "(?i)invalid|decompress|CRC"),
        (raw_zip([b"good"])[:-30] + b"x" * 30, "zip"),
        (raw_zip([b"\xff\xfe"]), "codec|unpacked"),
        (raw_zip([b"x" * 300]), "(?i)too long"),
    ],
    ids=["CRC", "smaller", "larger", "method", "not deflated", "no end", "no UTF-8", "long name"],
)
def test_an_archive_that_was_made_wrong_leaves_nothing(tmp_path: Path, whole: bytes, said: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "fan.zip").write_bytes(whole)
    message = failure(Archive("fan", "http://127.0.0.1:9/", len(whole), hashlib.md5(whole).hexdigest(), 0), root)
    assert re.search(said, message)
    assert str(root) in message
    assert sorted(os.listdir(root)) == ["fan.zip"]


# ---------------------------------------------------------------------------------------------------- all or nothing


def test_the_folder_appears_only_when_all_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack_member = module._unpack_member
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = described(WHOLE, server)
        for failing in range(len(CONTENT)):
            done: list[int] = []

            def unpack_some(*arguments: Any, failing: int = failing, done: list[int] = done) -> None:
                assert not (tmp_path / "fan").exists()
                if len(done) == failing:
                    raise MemoryError("killed here")
                done.append(1)
                unpack_member(*arguments)

            with monkeypatch.context() as patch:
                patch.setattr(module, "_unpack_member", unpack_some)
                failure(archive, tmp_path)
            assert sorted(os.listdir(tmp_path)) == ["fan.zip"]
        fetch(archive, tmp_path)
        assert len(server.requests) == 1
    assert tree(tmp_path) == unpacked(CONTENT)


def test_all_is_on_the_disk_before_the_folder_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Content] = []
    monkeypatch.setattr(os, "sync", lambda: synced.append(tree(tmp_path)))
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        module.unpack(archive, archive.infolist(), tmp_path / "new", tmp_path / "fan")
    assert synced == [unpacked(CONTENT, "new")]
    assert tree(tmp_path) == unpacked(CONTENT)


def test_unpacking_stops_as_soon_as_it_takes_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the directory of the archive says of sizes: a file is not even written to its end."""
    written: list[int] = []
    remove = shutil.rmtree
    monkeypatch.setattr(
        shutil, "rmtree", lambda folder, **options: (written.extend(map(len, tree(folder).values())), remove(folder))
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1_000_000))
        archive.writestr("b", bytes(50_000_000))
    with zipfile.ZipFile(stream) as archive, pytest.raises(module.TooLarge):
        module.unpack(archive, archive.infolist(), tmp_path / "new", tmp_path / "fan", 2_000_000)
    assert written[0] == 1_000_000
    assert 500_000 < written[1] <= 1_000_000
    assert os.listdir(tmp_path) == []
