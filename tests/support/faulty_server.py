"""An HTTP server on this machine that serves some files, as badly as it is told to.

Each file has a script: a list of faults, of which each request for the file takes the first one that can be made with
it.  Once the script is used up, requests are served well.
"""

from __future__ import annotations

import enum
import random
import re
import select
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

_BLOCK = 2**14  # bytes between two looks at whether the client still listens
_STALL = 20.0  # seconds, longer than any test waits


class Fault(enum.Enum):
    """What a server, or the network before it, does wrong."""

    DROP = "the connection breaks in the middle of the body"
    STALL = "no byte follows after some of the body, but the connection stays"
    SILENT = "no answer at all, but the connection stays"
    FLIP = "one byte of the body is wrong"
    SHORT = "body and Content-Length are shorter than they ought to be"
    IGNORE_RANGE = "the whole file where a part was asked for"
    WRONG_START = "another part than was asked for"
    WRONG_TOTAL = "a part of a file of another size"
    PAGE = "a page, as if all were well"
    BUSY = "503, with the wish to be asked later"


OF_RANGES = {Fault.IGNORE_RANGE, Fault.WRONG_START, Fault.WRONG_TOTAL}
"""Faults that only a request for a part of a file can meet with."""

BRINGING_BYTES = {Fault.DROP, Fault.STALL, Fault.FLIP, Fault.SHORT}
"""Faults after which a client has more of the file than before."""

PAGE = b"<!DOCTYPE html>\n<html><head><title>Down for\n repairs &amp; more</title></head><body>Sorry</body></html>"


@dataclass(frozen=True, eq=False)
class Answer:
    """A whole answer as it stands, whatever was asked for."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One that was made: for a file, from byte `start` to before `end`; both None for the whole."""

    name: str
    start: int | None
    end: int | None


def mixed(counts: Mapping[Fault, int], seed: int, *, longest_run: int = 3) -> list[Fault | None]:
    """So many faults of each kind in random order.

    A client that gives up after so many attempts without a byte, or so many ignored ranges, is not made to: there are
    at most `longest_run` faults in a row that bring nothing, and at most two ignored ranges among them.
    """
    rng = random.Random(seed)
    pool = [fault for fault, count in counts.items() for _ in range(count)]
    rng.shuffle(pool)
    script: list[Fault | None] = []
    run: list[Fault] = []
    while pool:
        bringing = len(run) >= longest_run
        ignored = run.count(Fault.IGNORE_RANGE) >= 2
        fitting = [f for f in pool if f in BRINGING_BYTES or not (bringing or (ignored and f is Fault.IGNORE_RANGE))]
        fault = rng.choice(fitting) if fitting else None
        script.append(fault)
        if fault is None or fault in BRINGING_BYTES:
            run = []
        else:
            run.append(fault)
        if fault is not None:
            pool.remove(fault)
    return script


class FaultyServer:
    """Serves `files` (name -> content) while a ``with`` block lasts.

    Parameters
    ----------
    files
        Content of each file, by name.
    scripts
        Faults of each file, by name; None stands for a request that is served well.
    ranges
        Whether it knows requests for parts; one that does not, sends the whole.
    longest
        Bytes of a body after which it always breaks off, which does not count as a fault.
    pace
        Seconds between two blocks of 16 KiB.
    retry_after
        Header of `Fault.BUSY`.
    seed
        Of where bodies break off, and of which byte is wrong.
    certificate
        File with a certificate and its key: it then speaks HTTPS.

    Attributes
    ----------
    requests
        All that were made, in order.
    faults
        How many faults of each kind there were.
    sent
        Bytes of bodies that went out.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        scripts: Mapping[str, Sequence[Fault | Answer | None]] | None = None,
        *,
        ranges: bool = True,
        longest: int | None = None,
        pace: float = 0.0,
        retry_after: str = "0",
        seed: int = 0,
        certificate: Path | None = None,
    ) -> None:
        self.files = dict(files)
        self.ranges = ranges
        self.longest = longest
        self.pace = pace
        self.retry_after = retry_after
        self.requests: list[Request] = []
        self.faults: Counter[Fault] = Counter()
        self.sent = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._scripts = {name: list(script) for name, script in (scripts or {}).items()}
        self._random = {name: random.Random(f"{seed} {name}") for name in files}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # hands are shaken in the thread of a request, whose failure is the client's
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"http{'s' * (certificate is not None)}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultyServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def left(self) -> int:
        """How many faults are still to come."""
        return sum(fault is not None for script in self._scripts.values() for fault in script)

    def next_fault(self, name: str, is_range: bool) -> Fault | Answer | None:
        """Take the first fault of a file's script that a request can meet with."""
        with self._lock:
            script = self._scripts.get(name, [])
            for index, fault in enumerate(script):
                if is_range or fault not in OF_RANGES:
                    del script[index]
                    if isinstance(fault, Fault):
                        self.faults[fault] += 1
                    return fault
            return None

    def random_byte(self, name: str, start: int, end: int) -> int:
        """A random number from `start` to before `end`."""
        with self._lock:
            return self._random[name].randrange(start, max(end, start + 1))

    def count(self, request: Request | None = None, *, sent: int = 0) -> None:
        """Count a request, or bytes that were sent."""
        with self._lock:
            if request is not None:
                self.requests.append(request)
            self.sent += sent


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # stalled threads sleep on
    owner: FaultyServer

    def server_bind(self) -> None:
        # else bytes that the client never asked to read would wait here, and count as sent
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BLOCK)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up, and are meant to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client to confirm its header
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        owner = self.server.owner
        name = self.path.lstrip("/")
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        span = (int(asked[1]), int(asked[2]) + 1) if asked else None
        owner.count(Request(name, *(span or (None, None))))
        try:
            self._answer(name, span)
        except ConnectionError:
            self.close_connection = True

    def _answer(self, name: str, span: tuple[int, int] | None) -> None:
        owner = self.server.owner
        if name not in owner.files:
            return self._send(Answer(404, b"no such file"))
        fault = owner.next_fault(name, span is not None and owner.ranges)
        if isinstance(fault, Answer):
            return self._send(fault)
        if fault is Fault.PAGE:
            return self._send(Answer(200, PAGE, {"Content-Type": "text/html; charset=utf-8"}))
        if fault is Fault.BUSY:
            return self._send(Answer(503, b"busy", {"Retry-After": owner.retry_after}))
        if fault is Fault.SILENT:
            return self._hang()
        if span is None or not owner.ranges or fault is Fault.IGNORE_RANGE:
            return self._send_file(name, (0, len(owner.files[name])), {}, fault)
        return self._send_part(name, span, fault)

    def _send_part(self, name: str, span: tuple[int, int], fault: Fault | None) -> None:
        size = len(self.server.owner.files[name])
        start, end = span
        if start >= size:
            return self._send(Answer(416, b"", {"Content-Range": f"bytes */{size}"}))
        if fault is Fault.WRONG_START:
            start = start - 1 if start else 1
        total = size + 1 if fault is Fault.WRONG_TOTAL else size
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{total}"}
        return self._send_file(name, (start, min(end, size)), headers, fault)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self._send_bytes(answer.body)

    def _send_file(self, name: str, span: tuple[int, int], headers: Mapping[str, str], fault: Fault | None) -> None:
        owner = self.server.owner
        start, end = span
        body = bytearray(owner.files[name][start:end])
        limit = len(body) if owner.longest is None else min(len(body), owner.longest)
        if fault is Fault.FLIP:
            # not the first two bytes of a file: without a signature, it is no archive and not taken at all
            body[owner.random_byte(name, 0 if start else 2, limit)] ^= 0x10
        if fault is Fault.SHORT:
            body = body[: owner.random_byte(name, 1, limit)]
        if fault in (Fault.DROP, Fault.STALL):
            limit = owner.random_byte(name, 1, limit)
        self.send_response(206 if headers else 200)
        for key, value in {"Content-Length": str(len(body)), "Content-Type": "application/zip", **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self._send_bytes(bytes(body[:limit]))
        if fault is Fault.STALL:
            self._hang()
        elif limit < len(body):
            self._drop(with_reset=fault is Fault.DROP and limit % 2 == 0)

    def _send_bytes(self, body: bytes) -> None:
        owner = self.server.owner
        for start in range(0, len(body), _BLOCK):
            block = body[start : start + _BLOCK]
            self.wfile.write(block)
            owner.count(sent=len(block))
            if owner.pace:
                owner.closing.wait(owner.pace)

    def _hang(self) -> None:
        """Wait until the client hangs up."""
        self.close_connection = True
        select.select([self.connection], [], [], _STALL)

    def _drop(self, *, with_reset: bool) -> None:
        self.close_connection = True
        if with_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
