"""Bytes of a file over HTTP: fetched as often as it takes, resumed where they stopped, and stopped at once by Ctrl-C.

What a server sends is written only if it is the part that was asked for: servers answer with pages, other parts and
the whole, and all of it with the status of success.
"""

from __future__ import annotations

import html
import io
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, TextIO

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException, Timeout
from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]
from urllib3.exceptions import HTTPError, ReadTimeoutError

from ..errors import UserError
from ..files.atomic import disk_problem

logger = logging.getLogger(__name__)

_BLOCK = 2**18  # bytes between two looks at whether to stop
_IGNORED_RANGES = 3  # answers in a row with the whole archive before its server is taken to know no ranges
_PAGE_BYTES = 2**16  # of a page, in which its title is looked for
_TITLE_LENGTH = 100
_LINE_INTERVAL = 30.0  # seconds between two lines of progress in a log
_LINE = "{percentage:.0f} %, {n_fmt}B of {total_fmt}B, {rate_fmt}, {remaining} left"
_BAR_INTERVAL = 0.5  # seconds, on a terminal
_PASSING = (  # answers that may be others later on
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)


@dataclass(frozen=True)
class Retry:
    """How patient a download is.

    Attributes
    ----------
    attempts
        Requests in a row that bring no byte before an archive is given up.
    first_pause, longest_pause
        Seconds between two attempts: the first pause, doubled each time, up to the longest.
    longest_asked_pause
        Seconds; a server that asks for a longer pause (``Retry-After``) is asked again after this one.
    connect_timeout, read_timeout
        Seconds without a connection, and without a byte.
    """

    attempts: int = 10
    first_pause: float = 1.0
    longest_pause: float = 120.0
    longest_asked_pause: float = 900.0
    connect_timeout: float = 20.0
    read_timeout: float = 60.0

    def pause(self, failures: int, asked: float) -> float:
        """Seconds to wait after so many `failures` in a row, of a server that asked for `asked` seconds."""
        own = min(self.first_pause * 2.0 ** (failures - 1), self.longest_pause)
        return max(own, min(asked, self.longest_asked_pause))


class Stopped(BaseException):
    """The user has pressed Ctrl-C; no `Exception`, for nobody may take it for a fault of a server or an archive."""


class _Trouble(Exception):
    """Something on the way that may pass; the message is a clause that says what happened.

    `asked_pause` are the seconds after which the server wants to be asked again.
    """

    def __init__(self, message: str, asked_pause: float = 0.0) -> None:
        super().__init__(message)
        self.asked_pause = asked_pause


class _NotTheArchive(_Trouble):
    """The server sends something else, such as a page that says that it is being maintained."""


class RangesIgnored(_Trouble):
    """The server sends the whole archive where a part was asked for."""


# ----------------------------------------------------------------------------------------------- progress, stopping


class _Lines(io.TextIOBase):
    """A stream for tqdm that makes a line of each state of its bar, for logs know no carriage return."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if line := text.strip():
            self._stream.write(f"{line}\n")
            self._stream.flush()
        return len(text)


class Progress:
    """One bar over the bytes of all archives that are fetched, and what is said above it.

    Messages go to the log and to stderr: in a job, the log is a file that nobody looks at while waiting.
    """

    def __init__(self, present: int, total: int) -> None:
        """Begin with `present` of `total` bytes, which earlier runs have fetched."""
        self._present = present
        self._total = total
        self._bar: Any = None
        self._lock = threading.Lock()
        self.fetched = 0

    def arrived(self, size: int) -> None:
        """Count `size` more bytes; the bar appears with the first ones."""
        with self._lock:
            self.fetched += size
            if self._bar is None:
                self._bar = self._new_bar()
            self._bar.update(size)

    def again(self, size: int) -> None:
        """Expect `size` more bytes than was thought."""
        with self._lock:
            self._total += size
            if self._bar is not None:
                self._bar.total = self._total

    def _new_bar(self) -> Any:
        terminal = sys.stderr.isatty()
        return tqdm(
            total=self._total,
            initial=self._present,
            unit="B",
            unit_scale=True,
            miniters=0,
            mininterval=_BAR_INTERVAL if terminal else _LINE_INTERVAL,
            file=sys.stderr if terminal else _Lines(sys.stderr),
            bar_format=None if terminal else _LINE,
            dynamic_ncols=terminal,
        )

    def say(self, text: str, level: int = logging.INFO) -> None:
        """Write a line to the log and to stderr."""
        logger.log(level, "%s", text)
        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


class Halt:
    """Stops threads: those that work at their next block, those that wait for a pause or for bytes at once."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._responses: set[requests.Response] = set()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Stop all threads."""
        self._stop.set()
        with self._lock:
            for response in self._responses:
                with suppress(Exception):  # it may have ended by itself meanwhile, in one of many ways
                    response.raw.shutdown()

    def check(self) -> None:
        """Raise `Stopped` in a thread that is to stop."""
        if self._stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until a stop."""
        self._stop.wait(seconds)
        self.check()

    @contextmanager
    def reading(self, response: requests.Response) -> Iterator[None]:
        """Have `response` hung up by a stop."""
        with self._lock:
            self._responses.add(response)
        try:
            self.check()  # it may have come too late for a stop
            yield
        finally:
            with self._lock:
                self._responses.discard(response)


# --------------------------------------------------------------------------------------------------------- transfer


def _asked_pause(retry_after: str | None) -> float:
    """Seconds that a header ``Retry-After`` asks for, which it gives as seconds or as a date; 0 where it does not."""
    text = (retry_after or "").strip()
    if re.fullmatch(r"[0-9]+", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - time.time())


def _reason(error: BaseException, retry: Retry) -> str:
    """What lies at the bottom of an error of requests or urllib3, whose own messages are about their insides."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {retry.connect_timeout:g} s"
    if isinstance(error, Timeout | ReadTimeoutError):
        return f"no byte arrived for {retry.read_timeout:g} s"
    reason = type(error).__name__
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, OSError) and step.strerror:
            reason = step.strerror
        step = step.__cause__ or step.__context__
    return reason


def _title(head: bytes) -> str:
    """Title of an HTML page, empty if there is none."""
    found = re.search(rb"<title[^>]*>(.*?)</title", head, re.IGNORECASE | re.DOTALL)
    text = html.unescape(found[1].decode("utf-8", "replace")) if found else ""
    return " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces as they arrive: of a piece of given length that was cut off, nothing could be kept."""
    while block := response.raw.read1(_BLOCK, decode_content=False):
        yield block


def _beginning(response: requests.Response, size: int) -> bytes:
    """The first `size` bytes of a body, or as many as there are before whatever goes wrong."""
    head = b""
    with suppress(HTTPError, OSError):
        for block in _blocks(response):
            head += block
            if len(head) >= size:
                break
    return head


def _content_length(response: requests.Response) -> int | None:
    """Length of the body in bytes, where it is said."""
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _something_else(response: requests.Response, head: bytes = b"") -> _NotTheArchive:
    """What a server sends that is not the archive; `head` is what has been read of it."""
    head += _beginning(response, _PAGE_BYTES)
    if "html" in response.headers.get("Content-Type", "").lower() or head.lstrip().startswith(b"<"):
        title = _title(head)[:_TITLE_LENGTH]
        return _NotTheArchive("a page" + (f' ("{title}")' if title else ""))
    length = _content_length(response)
    return _NotTheArchive("something" + ("" if length is None else f" of {length} bytes") + " that is not this archive")


def _write(file: io.FileIO, block: bytes) -> None:
    """Write all of `block` to an unbuffered file, which may take it in pieces."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of files into a `UserError` that names the file, or `path` where the error does not.

    Errors of requests are of the same type, so they must be caught inside of it.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or path
        message = disk_problem(error, where) or f"{where}: can't be written or read ({error.strerror or error})."
        raise UserError(message) from None


class Transfer:
    """Bytes of one archive, from its server into a file."""

    def __init__(
        self, url: str, size: int, part: Path, halt: Halt, progress: Progress, retry: Retry, *, signature: bytes
    ) -> None:
        """Of an archive of `size` bytes that begins with `signature`, into `part`: ``NAME.zip.part``."""
        self._url = url
        self._size = size
        self._signature = signature
        self._part = part
        self._whole = part.with_suffix("")
        self._halt = halt
        self._progress = progress
        self._retry = retry
        self._session = requests.Session()

    def fetch(self, start: int, end: int, *, mending: bool = False) -> None:
        """Fetch the bytes from `start` to before `end` and write them to their place in the file.

        Raises
        ------
        UserError
            If the server refuses, or if too many attempts in a row bring nothing; `mending` changes its words.
        RangesIgnored
            If the server goes on sending the whole archive.
        """
        with disk_errors(self._part), self._part.open("r+b" if self._part.exists() else "x+b", buffering=0) as file:
            try:
                file.seek(start)
                self._fill(file, end, mending)
            finally:
                if file.seek(0, os.SEEK_END) == 0:
                    self._part.unlink()

    def _fill(self, file: io.FileIO, end: int, mending: bool) -> None:
        """Ask for the bytes from the position of `file` to before `end` until all have arrived."""
        failures = ignored = 0
        while (position := file.tell()) < end:
            self._halt.check()
            try:
                self._request(file, end)
            except _Trouble as trouble:
                self._halt.check()  # a stop looks like a dropped connection
                arrived = file.tell() > position
                failures = 0 if arrived else failures + 1
                ignored = 0 if arrived else ignored + isinstance(trouble, RangesIgnored)
                if ignored >= _IGNORED_RANGES:
                    raise
                if failures >= self._retry.attempts:
                    raise self._given_up(trouble, file.tell(), failures, mending) from None
                self._wait(trouble, failures)

    def _wait(self, trouble: _Trouble, failures: int) -> None:
        pause = self._retry.pause(max(failures, 1), trouble.asked_pause)
        what = f"the server sent {trouble}" if isinstance(trouble, _NotTheArchive) else str(trouble)
        self._progress.say(f"{self._whole.stem}: {what}; next attempt in {pause:.3g} s", logging.WARNING)
        self._halt.pause(pause)

    def _given_up(self, trouble: _Trouble, position: int, failures: int, mending: bool) -> UserError:
        url, part = self._url, self._part
        if isinstance(trouble, _NotTheArchive):
            return UserError(
                f"{url}: the server sent {trouble} instead of {self._whole.name}, after {failures} attempts in "
                "a row. Open the address in a browser to see why, and try again later; or fetch the archive by hand, "
                f"put it there as {self._whole}, and run the same command again."
            )
        if mending:
            kept = f"{part} holds the archive, but for some damaged bytes: running the same command again mends it"
        else:
            kept = f"Running the same command again resumes at byte {position} of {self._size} ({part})"
        return UserError(
            f"{url}: {trouble}, {failures} attempts in a row brought nothing. Check the network, or try again later. "
            f"{kept}."
        )

    def _request(self, file: io.FileIO, end: int) -> None:
        """Ask once for the bytes from the position of `file` to before `end`, and write what arrives."""
        start = file.tell()
        headers = {"Accept-Encoding": "identity"}
        if (start, end) != (0, self._size):
            headers["Range"] = f"bytes={start}-{end - 1}"
        timeout = (self._retry.connect_timeout, self._retry.read_timeout)
        try:
            response = self._session.get(self._url, headers=headers, timeout=timeout, stream=True)
            with response, self._halt.reading(response):
                self._check_answer(response, start, end)
                self._write_body(response, file, end)
        except (InvalidSchema, InvalidURL, MissingSchema) as error:
            raise UserError(f"{self._url}: not a usable address ({error}). Correct it.") from None
        except (RequestException, HTTPError) as error:
            raise _Trouble(_reason(error, self._retry)) from None
        if file.tell() < end:
            raise _Trouble("the connection was dropped")

    def _check_answer(self, response: requests.Response, start: int, end: int) -> None:
        """Let only an answer pass whose body can be written to the file as it is."""
        self._check_status(response)
        size, headers = self._size, response.headers
        whole = (start, end) == (0, size)
        if "html" in headers.get("Content-Type", "").lower():
            raise _something_else(response)
        if headers.get("Content-Encoding", "identity") != "identity":
            raise _Trouble(f"the server sent the archive encoded as {headers['Content-Encoding']}")
        if response.status_code == HTTPStatus.OK:
            if _content_length(response) != size:
                raise _something_else(response)
            if not whole:
                raise RangesIgnored("the server sent the whole archive where its rest was asked for")
        elif whole or not re.fullmatch(rf"bytes {start}-[0-9]+/{size}", headers.get("Content-Range", "").strip()):
            described = headers.get("Content-Range", "nothing")
            raise _Trouble(f"the server sent other bytes ({described}) than {start}-{end - 1}/{size}")

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return
        answer = f"the server answered {status} {response.reason or ''}".rstrip()
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING:
            raise UserError(
                f"{self._url}: {answer}. Check the address; or fetch the archive by hand, put it there as "
                f"{self._whole}, and run the same command again."
            )
        raise _Trouble(answer, _asked_pause(response.headers.get("Retry-After")))

    def _write_body(self, response: requests.Response, file: io.FileIO, end: int) -> None:
        unchecked: bytes | None = b"" if file.tell() == 0 else None  # the archive's first bytes, until they suffice
        for block in _blocks(response):
            self._halt.check()
            if unchecked is not None:
                block = unchecked + block
                if len(block) < len(self._signature):
                    unchecked = block
                    continue
                if not block.startswith(self._signature):
                    raise _something_else(response, block)
                unchecked = None
            block = block[: end - file.tell()]
            with disk_errors(self._part):
                _write(file, block)
            self._progress.arrived(len(block))
