"""Transfers from a server that does everything wrong."""

from __future__ import annotations

import io
import logging
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from asd.download import transfer as module
from asd.download.archives import Archive
from asd.download.transfer import Retry
from faulty_server import OF_RANGES, Answer, Fault, FaultyServer
from small_archives import (
    CONTENT,
    KINDS,
    OVERSHOOT,
    QUICK,
    SIZE,
    WHOLE,
    described,
    failure,
    fetch,
    members,
    starts,
    tree,
    unpacked,
    zipped,
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# ------------------------------------------------------------------------------------------- servers and the network


@pytest.mark.parametrize("fault", sorted(KINDS, key=lambda fault: fault.name))
@pytest.mark.parametrize("again", [1, 2])
def test_any_fault_passes_and_costs_little(tmp_path: Path, fault: Fault, again: int) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:10_000])
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [fault] * again}, seed=again) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert server.faults == {fault: again}
        assert None not in starts(server), "it has never to begin at the beginning"
        assert server.sent <= 1.5 * SIZE + again * OVERSHOOT * (fault in OF_RANGES)
    assert tree(tmp_path) == unpacked(CONTENT)


def test_a_server_that_ignores_ranges_is_hung_up_at_once(tmp_path: Path) -> None:
    content = members(size=300_000)
    whole = zipped(content)
    (tmp_path / "fan.zip.part").write_bytes(whole[:600_000])
    with FaultyServer({"fan.zip": whole}, {"fan.zip": [Fault.IGNORE_RANGE] * 2}, pace=0.002) as server:
        fetch(described(whole, server), tmp_path)
        assert starts(server) == [600_000] * 3
        assert server.sent <= len(whole) - 600_000 + 2 * OVERSHOOT
    assert tree(tmp_path) == unpacked(content)


@pytest.mark.parametrize("fault", [Fault.WRONG_START, Fault.WRONG_TOTAL])
def test_a_server_that_always_sends_other_bytes_is_given_up_and_nothing_is_written(
    tmp_path: Path, fault: Fault
) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:30_000])
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [fault] * 99}) as server:
        message = failure(described(WHOLE, server), tmp_path)
        assert len(server.requests) == QUICK.attempts
    assert f"30000-{SIZE - 1}/{SIZE}" in message
    assert tree(tmp_path) == {"fan.zip.part": WHOLE[:30_000]}


TEXT = {"Content-Type": "text/plain"}

NO_ARCHIVE = {
    "page": (
        Answer(200, b"<html><TITLE>\nSign &amp;\n in </title>", {"Content-Type": "Text/HTML"}),
        'a page instead of the archive ("Sign & in")',
    ),
    "page without a type": (Answer(200, b"\n<!doctype html><body>", {}), "a page instead of the archive"),
    "page of the right length": (Answer(200, b"<title>x</title>".ljust(SIZE), TEXT), 'archive ("x")'),
    "page that hides its end": (Answer(200, "<title>\x1b[2J\u202ex</title>".encode(), TEXT), 'archive ("[2Jx")'),
    "archive that says it is a page": (Answer(200, WHOLE, {"Content-Type": "text/html"}), "a page instead"),
    "other bytes of the right length": (
        Answer(200, b"\0" * SIZE, TEXT),
        f"something of {SIZE} bytes that is no archive (text/plain)",
    ),
    "an answer to a program": (
        Answer(200, b'{"error": 1}', {"Content-Type": "application/json"}),
        "something of 12 bytes that is no archive (application/json)",
    ),
    "a type with escape codes": (Answer(200, b"%PDF", {"Content-Type": "a\x1b[2Jb"}), r"no archive (a\x1b[2Jb)"),
}
OTHER_ARCHIVES = {
    "too short": (Answer(200, WHOLE[:-1], TEXT), f"something of {SIZE - 1} bytes"),
    "too long": (Answer(200, WHOLE + b"x", TEXT), f"something of {SIZE + 1} bytes"),
    "empty": (Answer(200, b"", TEXT), "something of 0 bytes"),
}


@pytest.mark.parametrize("kind", [*NO_ARCHIVE, *OTHER_ARCHIVES])
def test_nothing_else_is_taken_for_the_archive(tmp_path: Path, kind: str) -> None:
    """What is no archive at all ends it at once; another one may be replaced just now."""
    answer, said = (NO_ARCHIVE | OTHER_ARCHIVES)[kind]
    requests = 1 if kind in NO_ARCHIVE else QUICK.attempts
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [answer] * requests}) as server:
        archive = described(WHOLE, server)
        message = failure(archive, tmp_path)
        assert len(server.requests) == requests
        for part in (said, archive.url, "browser", str(tmp_path / "fan.zip"), "by hand", "run the same command again"):
            assert part in message
        assert message.isprintable()
        assert tree(tmp_path) == {}
        fetch(archive, tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


# ------------------------------------------------------------------------------------------ trust, redirection


def certificate(folder: Path, name: str) -> Path:
    """A certificate, signed by nobody else, of the address `name`, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    path = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", f"subjectAltName={name}", "-keyout", folder / "key.pem", "-out", path]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / "key.pem").read_bytes())
    return path


def test_a_certificate_that_is_not_trusted_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = certificate(tmp_path, "IP:127.0.0.1")
    root = tmp_path / "data"
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("it waits for another attempt"))
    with FaultyServer({"fan.zip": WHOLE}, certificate=own) as server:
        archive = described(WHOLE, server)
        message = failure(archive, root)
        for part in (
            archive.url,
            "can't be trusted (self-signed certificate)",
            "clock",
            "REQUESTS_CA_BUNDLE",
            "by hand",
        ):
            assert part in message.replace("self signed", "self-signed")
        assert server.requests == []
        assert tree(root) == {}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own))
        fetch(archive, root)
    assert tree(root) == unpacked(CONTENT)


def test_a_certificate_of_another_server_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = certificate(tmp_path, "DNS:elsewhere.invalid")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("it waits for another attempt"))
    with FaultyServer({"fan.zip": WHOLE}, certificate=other) as server:
        assert "can't be trusted (IP address mismatch" in failure(described(WHOLE, server), tmp_path / "data")


def test_a_server_that_does_not_speak_https_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("it waits for another attempt"))
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = replace(described(WHOLE, server), url=f"{server.url.replace('http:', 'https:')}/fan.zip")
        assert "can't be trusted" in failure(archive, tmp_path)


def test_a_wrong_path_of_certificates_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    archive = Archive("fan", "https://127.0.0.1:9/fan.zip", SIZE, "", 0)
    message = failure(archive, tmp_path)
    assert str(tmp_path / "none.pem") in message
    assert "Correct REQUESTS_CA_BUNDLE" in message


def test_a_circle_of_redirections_ends_it_at_once(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:30_000])
    circle = [Answer(302, b"", {"Location": f"/{name}"}) for name in ("b.zip", "fan.zip")]
    with FaultyServer(
        dict.fromkeys(("fan.zip", "b.zip"), WHOLE), {"fan.zip": circle[:1] * 99, "b.zip": circle[1:] * 99}
    ) as server:
        message = failure(described(WHOLE, server), tmp_path)
        assert len(server.requests) == 11
    assert "sent on to other addresses more than 10 times" in message
    assert "Check the address" in message
    assert tree(tmp_path) == {"fan.zip.part": WHOLE[:30_000]}


def test_some_redirections_are_followed(tmp_path: Path) -> None:
    onward = Answer(302, b"", {"Location": "/other.zip"})
    with FaultyServer({"fan.zip": b"", "other.zip": WHOLE}, {"fan.zip": [onward]}) as server:
        fetch(described(WHOLE, server), tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)


def test_a_page_in_answer_to_a_range_leaves_the_part_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:30_000])
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Fault.PAGE] * 99}) as server:
        message = failure(described(WHOLE, server), tmp_path)
        assert len(server.requests) == 1
    assert 'a page instead of the archive ("Down for repairs & more")' in message
    assert tree(tmp_path) == {"fan.zip.part": WHOLE[:30_000]}


def test_an_encoded_archive_is_not_written(tmp_path: Path) -> None:
    answer = Answer(200, WHOLE, {"Content-Encoding": "gzip"})
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [answer]}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server) == [None, None]
    assert tree(tmp_path) == unpacked(CONTENT)


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 407, 410, 451])
def test_a_refusal_is_final(tmp_path: Path, status: int) -> None:
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Answer(status)]}) as server:
        archive = described(WHOLE, server)
        message = failure(archive, tmp_path)
        assert len(server.requests) == 1
    assert archive.url in message
    assert str(status) in message
    assert str(tmp_path / "fan.zip") in message


@pytest.mark.parametrize("status", [408, 416, 429, 500, 502, 503, 504])
def test_other_errors_of_the_server_may_pass(tmp_path: Path, status: int) -> None:
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Answer(status)] * 3}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert len(server.requests) == QUICK.attempts
    assert tree(tmp_path) == unpacked(CONTENT)


def test_an_error_that_does_not_pass_is_named(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:30_000])
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Answer(502)] * 4}) as server:
        message = failure(described(WHOLE, server), tmp_path)
    assert "502 Bad Gateway" in message
    assert f"resumes at byte 30000 of {SIZE}" in message


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 -0000", 0.0),
        ("9" * 400, 21600.0),
        ("9" * 5000, 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_the_pause_a_server_asks_for_is_read(header: str | None, asked: float) -> None:
    assert module._asked_pause(header) == asked


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_the_time_a_server_names_is_read(seconds: float) -> None:
    """Made here rather than among parameters: these are made minutes before the test runs."""
    asked = module._asked_pause(formatdate(time.time() + seconds, usegmt=True))
    assert asked == pytest.approx(max(seconds, 0.0), abs=60.0)


def test_pauses_double_up_to_the_longest_and_are_no_shorter_than_asked_for() -> None:
    retry = Retry(first_pause=1.0, longest_pause=10.0, longest_asked_pause=60.0)
    assert [retry.pause(failures, 0.0) for failures in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert [retry.pause(1, asked) for asked in (0.5, 30.0, 1e9)] == [1.0, 30.0, 60.0]


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_is_asked_again_only_when_it_wants_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    later = formatdate(time.time() + 3600, usegmt=True)
    script = [Answer(status, b"", {"Retry-After": wish}) for wish in ("7", "100000", later)]
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": script}) as server:
        fetch(described(WHOLE, server), tmp_path, retry=Retry(first_pause=0.5, longest_asked_pause=900.0))
    assert pauses == [7.0, 900.0, 900.0]


def test_attempts_are_counted_anew_whenever_bytes_arrive(tmp_path: Path) -> None:
    script = [Fault.DROP, Fault.BUSY, Fault.BUSY, Fault.BUSY] * 5
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": script}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert server.left() == 0
    assert tree(tmp_path) == unpacked(CONTENT)
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [*script[:4], Fault.BUSY]}) as server:
        message = failure(described(WHOLE, server), tmp_path / "other")
        assert len(server.requests) == 5
    assert "4 attempts in a row" in message


def test_a_silent_server_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    with FaultyServer({"fan.zip": WHOLE}, {"fan.zip": [Fault.SILENT] * 9}) as server:
        message = failure(described(WHOLE, server), tmp_path, retry=Retry(2, 0.01, read_timeout=0.1))
        assert len(server.requests) == 2
    assert "no byte arrived for 0.1 s" in message


def test_without_a_network_the_message_says_where_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[:12_345])
    with FaultyServer({"fan.zip": WHOLE}) as server:
        archive = described(WHOLE, server)
    message = failure(archive, tmp_path)  # the server is gone now
    assert archive.url in message
    assert "Connection refused" in message
    assert f"Running the same command again resumes at byte 12345 of {SIZE}" in message
    assert "\n" not in message
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
        assert starts(server) == [12_345]


def test_a_host_that_does_not_exist_is_named(tmp_path: Path) -> None:
    message = failure(Archive("fan", "http://nowhere.invalid/fan.zip", SIZE, "", 0), tmp_path)
    assert "http://nowhere.invalid/fan.zip" in message
    assert re.search("(?i)name|resolution", message)
    assert "HTTPConnection" not in message


@pytest.mark.parametrize("url", ["fan.zip", "http://", "gopher://127.0.0.1/fan.zip"])
def test_an_unusable_address_is_named_at_once(tmp_path: Path, url: str) -> None:
    assert f"{url}: not a usable address" in failure(Archive("fan", url, SIZE, "", 0), tmp_path)


# ---------------------------------------------------------------------------------------------------------- progress


def test_lines_say_now_and_then_how_far_an_archive_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Lines without carriage returns, also on a terminal: other archives write there, too."""
    assert module._LINE_INTERVAL == 30.0
    monkeypatch.setattr(module, "_LINE_INTERVAL", 0.02)
    caplog.set_level(logging.INFO, "asd")
    (tmp_path / "fan.zip.part").write_bytes(WHOLE[: SIZE // 2])
    with FaultyServer({"fan.zip": WHOLE}, pace=0.01) as server:
        fetch(described(WHOLE, server), tmp_path)
    shown = capsys.readouterr().err
    assert "\r" not in shown
    states = re.findall(r"^fan: (\d+)%, ([\d.]+) kB of ([\d.]+) kB, .*/s, \d+ min left$", shown, re.MULTILINE)
    assert len(states) >= 2
    assert all(float(total) == pytest.approx(SIZE / 1000, rel=0.01) for _, _, total in states)
    percents = [int(percent) for percent, _, _ in states]
    assert percents == sorted(percents)
    assert percents[0] > 50, "half of it is there from the start"
    assert sum("min left" in record.getMessage() for record in caplog.records) == len(states)


def test_the_rate_is_that_since_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    progress = module._Progress("fan", 10_000_000_000)
    for seconds, size, position in (
        (20, 1_000_000, 5_000_000_000),
        (40, 2_000_000, 5_002_000_000),
        (30, 3 * 10**9, 8 * 10**9),
    ):
        now[0] += seconds
        progress.arrived(size, position)
    assert capsys.readouterr().err.splitlines() == [
        "fan: 50%, 5.0 GB of 10.0 GB, 50.0 kB/s, 1666 min left",
        "fan: 80%, 8.0 GB of 10.0 GB, 100.0 MB/s, 0 min left",
    ]


def test_a_terminal_that_is_gone_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with FaultyServer({"fan.zip": WHOLE}) as server:
        fetch(described(WHOLE, server), tmp_path)
    assert tree(tmp_path) == unpacked(CONTENT)
