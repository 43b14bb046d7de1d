"""As much of an S3 server as Snakemake's storage plugin talks to, in memory."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class S3Server(ThreadingHTTPServer):
    """Its buckets, and objects by ``bucket/key``: content and time of the upload."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.buckets: set[str] = set()
        self.objects: dict[str, tuple[bytes, float]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Where the server is, and credentials, as the plugin takes them."""
        keys = {"ACCESS_KEY": "key", "SECRET_KEY": "secret", "ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}"}
        return {f"SNAKEMAKE_STORAGE_S3_{name}": value for name, value in keys.items()}

    def names(self, prefix: str) -> set[str]:
        """What there is under ``bucket/prefix/``, without that."""
        return {name.removeprefix(f"{prefix}/") for name in self.objects if name.startswith(f"{prefix}/")}


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """An empty server, as long as the block takes."""
    with S3Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: S3Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece; a client waits long for the second

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle_expect_100(self) -> bool:
        """Ask for the content at once."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).strip("/")

    def _answer(self, status: int, content: bytes = b"", modified: float | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if modified is not None:
            self.send_header("Last-Modified", formatdate(modified, usegmt=True))
            self.send_header("ETag", f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        if "/" not in self._name:
            self._answer(200 if self._name in self.server.buckets else 404)
        else:
            self.do_GET()

    def do_GET(self) -> None:
        if "/" not in self._name:
            self._list()
        elif self._name in self.server.objects:
            self._answer(200, *self.server.objects[self._name])
        else:
            self._answer(404)

    def _list(self) -> None:
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        entries = ""
        for name, (content, modified) in sorted(self.server.objects.items()):
            bucket, key = name.split("/", 1)
            if bucket == self._name and key.startswith(prefix):
                when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified))
                entries += f"<Contents><Key>{escape(key)}</Key><LastModified>{when}</LastModified>"
                entries += f"<Size>{len(content)}</Size></Contents>"
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if "/" not in self._name:
            self.server.buckets.add(self._name)
        else:
            self.server.objects[self._name] = (content, time.time())
        self._answer(200)

    def do_DELETE(self) -> None:
        self.server.buckets.discard(self._name)
        self.server.objects.pop(self._name, None)
        self._answer(204)
