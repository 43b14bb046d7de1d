"""Bytes of a file over HTTP: fetched as often as it takes, resumed where they stopped, and stopped at once by Ctrl-C.

What a server sends is written only if it is the part that was asked for: servers answer with pages, other parts and
the whole, and all of it with the status of success.  What time does not mend (a refusal, a page, a certificate that is
not trusted, a circle of redirections) ends the transfer at once.
"""

from __future__ import annotations

import html
import io
import logging
import os
import re
import signal
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests
import urllib3
from requests.exceptions import (
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    RequestException,
    SSLError,
    Timeout,
    TooManyRedirects,
)
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError

from ..errors import UserError
from ..files.neutral import in_one_line
from .place import amount, disk_errors
from .zips import SIGNATURE

logger = logging.getLogger(__name__)

_BLOCK = 2**18  # bytes that are read at once
_IGNORED_RANGES = 3  # answers in a row with the whole archive before its server is taken to know no ranges
_PAGE_BYTES = 2**16  # of a page, in which its title is looked for
_TITLE_LENGTH = 100
_LINE_INTERVAL = 30.0  # seconds between two lines about how far an archive is
_REDIRECTIONS = 10  # from one address to another, more than any server needs
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

    attempts: int = 12
    first_pause: float = 1.0
    longest_pause: float = 60.0
    longest_asked_pause: float = 900.0
    connect_timeout: float = 20.0
    read_timeout: float = 60.0

    def pause(self, failures: int, asked: float) -> float:
        """Seconds to wait after so many `failures` in a row, of a server that asked for `asked` seconds."""
        own = min(self.first_pause * 2.0 ** (failures - 1), self.longest_pause)
        return max(own, min(asked, self.longest_asked_pause))


class _Trouble(Exception):
    """Something on the way that may pass; the message is a clause that says what happened.

    `asked_pause` are the seconds after which the server wants to be asked again.
    """

    def __init__(self, message: str, asked_pause: float = 0.0) -> None:
        super().__init__(message)
        self.asked_pause = asked_pause


class _NotTheArchive(_Trouble):
    """The server sends an archive, but not this one, or not all of it."""


class _Unmendable(Exception):
    """Something that no further attempt mends; the message is a clause that says what happened, and a remedy."""


class RangesIgnored(_Trouble):
    """The server sends the whole archive where a part was asked for."""


# -------------------------------------------------------------------------------------------------- saying, stopping


def say(name: str, text: str, level: int = logging.INFO) -> None:
    """Write a line about an archive to the log and to the terminal: nobody looks at a log while waiting."""
    line = in_one_line(f"{name}: {text}")
    logger.log(level, "%s", line)
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")  # whole, for other archives write there too
        sys.stderr.flush()


class _Progress:
    """Says now and then how far an archive is; in lines, since several of them share a terminal."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._arrived = 0  # bytes since the last line
        self._said = time.monotonic()

    def arrived(self, size: int, position: int) -> None:
        """Count `size` more bytes, which end at `position`."""
        self._arrived += size
        seconds = time.monotonic() - self._said
        if seconds >= _LINE_INTERVAL:
            rate = self._arrived / seconds
            minutes = (self._size - position) / rate / 60
            done = f"{position / self._size:.0%}, {amount(position)} of {amount(self._size)}"
            say(self._name, f"{done}, {amount(rate)}/s, {minutes:.0f} min left")
            self._arrived, self._said = 0, time.monotonic()


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process itself, where nothing is left to do then.

    While the name of a server is looked up, which may take half a minute, Python hears of no signal.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


# --------------------------------------------------------------------------------------------------------- transfer


def _asked_pause(retry_after: str | None) -> float:
    """Seconds that a header ``Retry-After`` asks for, which it gives as seconds or as a date; 0 where it does not."""
    try:
        return urllib3.Retry().parse_retry_after(retry_after or "")
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _reason(error: BaseException, retry: Retry) -> str:
    """What lies at the bottom of an error of requests or urllib3, whose own messages are about their insides."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {retry.connect_timeout:g} s"
    if isinstance(error, Timeout | ReadTimeoutError):
        return f"no byte arrived for {retry.read_timeout:g} s"
    reasons = [step.strerror for step in _steps(error) if isinstance(step, OSError) and step.strerror]
    return reasons[-1] if reasons else type(error).__name__


def _of_tls(error: BaseException) -> ssl.SSLError | None:
    """The error at the bottom if two computers can't agree to talk in secret; None if the connection just broke."""
    passing = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    found = [step for step in _steps(error) if isinstance(step, ssl.SSLError)]
    return found[-1] if found and not isinstance(found[-1], passing) else None


def _steps(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _title(head: bytes) -> str:
    """Title of an HTML page, empty if there is none."""
    found = re.search(rb"<title[^>]*>(.*?)</title", head, re.IGNORECASE | re.DOTALL)
    text = html.unescape(found[1].decode("utf-8", "replace")) if found else ""
    return " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces as they arrive: of a piece of given length that was cut off, nothing could be kept."""
    while block := response.raw.read1(_BLOCK, decode_content=False):
        yield block


def _something_else(response: requests.Response, head: bytes = b"") -> _NotTheArchive | _Unmendable:
    """What a server sends that is not the archive; `head` is what has been read of it."""
    with suppress(HTTPError, OSError):
        head += response.raw.read(_PAGE_BYTES)
    remedy = "Open the address in a browser to see why"
    if "html" in response.headers.get("Content-Type", "").lower() or head.lstrip().startswith(b"<"):
        title = _title(head)[:_TITLE_LENGTH]
        said = f' ("{title}")' if title else ""
        return _Unmendable(f"the server sent a page instead of the archive{said}", remedy)
    length = response.headers.get("Content-Length")
    what = "something" + (f" of {length} bytes" if length else "") + " that is "
    if head and not head.startswith(SIGNATURE):
        kind = response.headers.get("Content-Type")
        return _Unmendable(f"the server sent {what}no archive{f' ({kind})' if kind else ''}", remedy)
    return _NotTheArchive(f"{what}not this archive")


def _write(file: io.FileIO, block: bytes) -> None:
    """Write all of `block` to an unbuffered file, which may take it in pieces."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


class Transfer:
    """Bytes of one archive, from its server into a file."""

    def __init__(self, url: str, size: int, part: Path, retry: Retry) -> None:
        """Of an archive of `size` bytes, into `part`: ``NAME.zip.part``."""
        self._url = url
        self._size = size
        self._part = part
        self._whole = part.with_suffix("")
        self._name = self._whole.stem
        self._retry = retry
        self._progress = _Progress(self._name, size)
        self._session = requests.Session()
        self._session.max_redirects = _REDIRECTIONS

    def fetch(self, start: int, end: int, *, mending: bool = False) -> None:
        """Fetch the bytes from `start` to before `end` and write them to their place in the file.

        Raises
        ------
        UserError
            If the server refuses or sends something else, can't be trusted, sends on and on to other addresses, or if
            too many attempts in a row bring nothing; `mending` changes its words.
        RangesIgnored
            If the server goes on sending the whole archive.
        """
        self._progress = _Progress(self._name, self._size)
        with disk_errors(self._part), self._part.open("r+b" if self._part.exists() else "x+b", buffering=0) as file:
            try:
                file.seek(start)
                self._fill(file, end, mending)
            except _Unmendable as problem:
                what, remedy = problem.args
                raise UserError(in_one_line(f"{self._url}: {what}. {remedy}; or {self._by_hand}")) from None
            finally:
                if file.seek(0, os.SEEK_END) == 0:
                    self._part.unlink()

    @property
    def _by_hand(self) -> str:
        return f"fetch the archive by hand, put it there as {self._whole}, and run the same command again."

    def _fill(self, file: io.FileIO, end: int, mending: bool) -> None:
        """Ask for the bytes from the position of `file` to before `end` until all have arrived."""
        failures = ignored = 0
        while (position := file.tell()) < end:
            try:
                self._request(file, end)
            except _Trouble as trouble:
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
        say(self._name, f"{what}; next attempt in {pause:.3g} s", logging.WARNING)
        time.sleep(pause)

    def _given_up(self, trouble: _Trouble, position: int, failures: int, mending: bool) -> UserError:
        url, part = self._url, self._part
        if isinstance(trouble, _NotTheArchive):
            return UserError(
                f"{url}: the server sent {trouble} instead of {self._whole.name}, after {failures} attempts in "
                f"a row. Open the address in a browser to see why, and try again later; or {self._by_hand}"
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
            with _ended_by_ctrl_c():
                response = self._answer(headers, timeout)
            with response:
                self._check_answer(response, start, end)
                self._write_body(response, file, end)
        except (RequestException, HTTPError) as error:
            raise _Trouble(_reason(error, self._retry)) from None
        if file.tell() < end:
            raise _Trouble("the connection was dropped")

    def _answer(self, headers: Mapping[str, str], timeout: tuple[float, float]) -> requests.Response:
        """The answer of the server to a request, as far as its headers."""
        try:
            return self._session.get(self._url, headers=headers, timeout=timeout, stream=True)
        except (InvalidSchema, InvalidURL, MissingSchema) as error:
            raise UserError(in_one_line(f"{self._url}: not a usable address ({error}). Correct it.")) from None
        except TooManyRedirects:
            raise _Unmendable(
                f"the server sent on to other addresses more than {_REDIRECTIONS} times", "Check the address"
            ) from None
        except SSLError as error:
            problem = _of_tls(error)
            if problem is None:
                raise
            reason = getattr(problem, "verify_message", "") or problem.reason or str(problem)
            raise _Unmendable(
                f"the server can't be trusted ({reason}), so nothing was taken",
                "Check the address and this computer's clock; where a company's or school's network opens all "
                "connections, set REQUESTS_CA_BUNDLE to the file with its certificate",
            ) from None
        except RequestException:
            raise
        except OSError as error:  # as requests answers to a wrong path
            raise UserError(f"{self._url}: {error}. Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE.") from None

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
            if headers.get("Content-Length") != str(size):
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
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING:
            raise _Unmendable(answer, "Check the address")
        raise _Trouble(answer, _asked_pause(response.headers.get("Retry-After")))

    def _write_body(self, response: requests.Response, file: io.FileIO, end: int) -> None:
        unchecked: bytes | None = b"" if file.tell() == 0 else None  # the archive's first bytes, until they suffice
        for block in _blocks(response):
            if unchecked is not None:
                block = unchecked + block
                if len(block) < len(SIGNATURE):
                    unchecked = block
                    continue
                if not block.startswith(SIGNATURE):
                    raise _something_else(response, block)
                unchecked = None
            block = block[: end - file.tell()]
            with disk_errors(self._part):
                _write(file, block)
            self._progress.arrived(len(block), file.tell())
