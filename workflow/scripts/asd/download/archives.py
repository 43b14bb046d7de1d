"""Zip archives over HTTP: fetched, verified, unpacked, and none of it twice.

The archives are some 10 GB each, so whatever stops a transfer, it goes on where it stopped, and of wrong bytes only
the damaged members are fetched again.  pooch, which verifies and unpacks as well, has no resume: a connection dropped
after 9 GB would cost 9 GB.

In the folder `root`, ``NAME`` is a whole unpacked archive, ``NAME.zip`` a fetched one, ``NAME.zip.part`` the beginning
of one, and ``.NAME.unpacking`` what an interrupted run has left of unpacking.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import UserError
from .transfer import Halt, Progress, RangesIgnored, Retry, Transfer, disk_errors
from .zips import SIGNATURE, Span, check_members, damaged_spans, directory_start, md5, unpack

logger = logging.getLogger(__name__)

_TAILS = tuple(2**power for power in (16, 19, 22, 25))  # bytes fetched again where the end of one can't be read
_RESTARTS = 3  # from byte zero, of a server that knows no ranges
_MENDINGS = 5  # rounds of finding and fetching damaged members
_UNPACKED_GUESS = 1.5  # times the size of the archive
_LAST_WAIT = 1.0  # seconds that threads get to end after Ctrl-C


@dataclass(frozen=True)
class Archive:
    """A zip archive on a server.

    Attributes
    ----------
    name
        The archive is kept as ``<name>.zip`` and unpacked into the folder ``<name>``.
    url
        Where it is.
    size
        Bytes.
    md5
        Of the archive, 32 hexadecimal digits.
    unpacked
        Bytes of its members once unpacked, where that is known.
    """

    name: str
    url: str
    size: int
    md5: str
    unpacked: int | None = None


def _amount(size: float) -> str:
    """`size` bytes as a person would say it."""
    for unit, bytes_per_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_per_unit:
            return f"{size / bytes_per_unit:.1f} {unit}"
    return f"{size:.0f} bytes"


def _require_space(root: Path, needed: int, what: str) -> None:
    """Raise a `UserError` if fewer than `needed` bytes are free in `root`."""
    with disk_errors(root):
        free = shutil.disk_usage(root).free
    if needed > free:
        raise UserError(
            f"{root}: {what} needs {_amount(needed)} of free disk space ({needed} bytes), there are {_amount(free)} "
            f"({free} bytes). Make room, choose another folder, or fetch fewer archives at a time."
        )


# ------------------------------------------------------------------------------------------------------ one archive


@dataclass(frozen=True)
class _Place:
    """Where an archive and its parts are in the folder `root`, and what there is."""

    archive: Archive
    root: Path

    @property
    def folder(self) -> Path:
        """Where it is unpacked once it is whole."""
        return self.root / self.archive.name

    @property
    def temporary(self) -> Path:
        """Where it is being unpacked."""
        return self.root / f".{self.archive.name}.unpacking"

    @property
    def zip(self) -> Path:
        """The archive itself."""
        return self.root / f"{self.archive.name}.zip"

    @property
    def part(self) -> Path:
        """The beginning of the archive."""
        return self.root / f"{self.archive.name}.zip.part"

    def is_done(self) -> bool:
        """Whether the archive was unpacked by an earlier run; nothing but the folder's existence counts.

        Raises
        ------
        UserError
            If something else has the folder's name.
        """
        if self.folder.is_dir():
            return True
        if os.path.lexists(self.folder):
            raise UserError(f"{self.folder}: is in the way of a folder. Move it elsewhere.")
        return False

    def present(self) -> int:
        """Bytes of the archive that are here, as far as sizes tell."""
        sizes = [path.stat().st_size for path in (self.zip, self.part) if path.exists()]
        return min(max(sizes, default=0), self.archive.size)

    def remove_leftovers(self) -> None:
        """Remove what an interrupted run has left of unpacking."""
        if self.temporary.exists():
            with disk_errors(self.temporary):
                shutil.rmtree(self.temporary)


class _Job:
    """What is to be done for one archive."""

    def __init__(self, place: _Place, halt: Halt, progress: Progress, retry: Retry) -> None:
        self._place = place
        self._archive = place.archive
        self._halt = halt
        self._progress = progress
        self._transfer = Transfer(
            place.archive.url, place.archive.size, place.part, halt, progress, retry, signature=SIGNATURE
        )

    def run(self, delete_archives: bool) -> None:
        """Fetch the archive as far as it is not here, verify and unpack it.

        Raises
        ------
        UserError
            If that can't be done.
        """
        with disk_errors(self._place.root):
            self._halt.check()
            if not self._adopt():
                self._obtain()
            self._unpack()
            if delete_archives:
                self._place.zip.unlink()

    def _say(self, text: str) -> None:
        self._progress.say(f"{self._archive.name}: {text}")

    def _adopt(self) -> bool:
        """Whether there is an archive that can be used; a wrong one becomes the beginning of a right one.

        A link stays as it is: what it leads to is not ours to change.
        """
        if not self._place.zip.exists():
            return False
        size = self._place.zip.stat().st_size
        if size == self._archive.size and self._found_md5(self._place.zip) == self._archive.md5:
            return True
        self._say(f"{self._place.zip} is not the archive, or not all of it")
        longer = not self._place.part.exists() or size >= self._place.part.stat().st_size
        if longer and not self._place.zip.is_symlink():
            os.replace(self._place.zip, self._place.part)
        return False

    def _found_md5(self, path: Path) -> str:
        started = time.monotonic()
        self._say(f"verifying {_amount(self._archive.size)}, which may take minutes")
        found = md5(path, self._halt.check)
        verdict = "verified" if found == self._archive.md5 else "has wrong bytes"
        self._say(f"{verdict}, {time.monotonic() - started:.0f} s")
        return found

    def _obtain(self) -> None:
        """Make a right archive of what there is of it, which may be nothing.

        Raises
        ------
        UserError
            If its bytes are wrong even after all was fetched again.
        """
        self._trim()
        found = ""
        for again in (False, True):
            if again:
                self._start_over("fetching all of it again")
            self._fetch_rest()
            found = self._found_md5(self._place.part)
            if found != self._archive.md5:
                found = self._mend(found)
            if found == self._archive.md5:
                os.replace(self._place.part, self._place.zip)
                return
        raise UserError(
            f"{self._archive.url}: the archive has the MD5 {found} and should have {self._archive.md5}, also after it "
            f"was fetched twice ({self._place.part}). It may have been replaced by another version; compare the MD5 "
            "with the one its publisher names."
        )

    def _trim(self) -> None:
        """Cut off of a beginning what can't belong to it: all that follows the end, or everything."""
        if not self._place.part.exists():
            return
        size = self._place.part.stat().st_size
        with self._place.part.open("rb") as file:
            signed = file.read(len(SIGNATURE)) == SIGNATURE
        if size and not signed:
            self._start_over(f"{self._place.part} is not the beginning of an archive")
        elif size > self._archive.size:
            os.truncate(self._place.part, self._archive.size)

    def _start_over(self, reason: str) -> None:
        self._say(f"{reason}; starting at byte 0")
        self._progress.again(min(self._place.part.stat().st_size, self._archive.size))
        os.truncate(self._place.part, 0)

    def _fetch_rest(self) -> None:
        """Fetch what is missing behind the beginning.

        Raises
        ------
        UserError
            If that can't be done.
        """
        for restart in range(_RESTARTS + 1):
            start = self._place.part.stat().st_size if self._place.part.exists() else 0
            if start == self._archive.size:
                return
            size = _amount(self._archive.size)
            self._say(f"resumed at byte {start} of {self._archive.size}" if start else f"starts, {size}")
            started = time.monotonic()
            try:
                self._transfer.fetch(start, self._archive.size)
            except RangesIgnored:
                if restart < _RESTARTS:
                    self._start_over("its server sends only whole archives")
            else:
                self._say(f"complete, {size} in {time.monotonic() - started:.0f} s")
                return
        raise UserError(
            f"{self._archive.url}: the server sends only whole archives, and dropped the connection {_RESTARTS + 1} "
            f"times before the end. Fetch the archive by hand, put it there as {self._place.zip}, and run the same "
            "command again."
        )

    def _mend(self, found: str) -> str:
        """Fetch damaged members again, some rounds if need be; return the MD5 then, which was `found`."""
        for _ in range(_MENDINGS):
            self._say("looking for damaged members, which may take minutes")
            try:
                damaged = self._mend_members() if self._mend_directory() else None
            except RangesIgnored:
                break
            found = self._found_md5(self._place.part)
            if found == self._archive.md5 or damaged == []:  # damage that is in no member can't be found
                break
        return found

    def _mend_directory(self) -> bool:
        """Fetch the archive's directory again, which tells what members there are; whether it can be read.

        The end says where it begins, so where it can't be read, ever more of the end is fetched before.
        """
        size = end = self._archive.size
        for length in _TAILS:
            if directory_start(self._place.part) is not None or end == 0:
                break
            start = max(0, size - length)
            self._fetch_again([(start, end)])
            end = start
        directory = directory_start(self._place.part)
        if directory is not None and directory < end:
            self._fetch_again([(directory, end)])
        return directory_start(self._place.part) is not None

    def _mend_members(self) -> list[Span]:
        """Fetch the damaged members again; return where they are."""
        spans = damaged_spans(self._place.part, self._halt.check)
        self._fetch_again(spans)
        return spans

    def _fetch_again(self, spans: Sequence[Span]) -> None:
        size = sum(end - start for start, end in spans)
        if spans:
            self._say(f"fetching {_amount(size)} again, pieces: {len(spans)}")
        self._progress.again(size)
        for start, end in spans:
            self._transfer.fetch(start, end, mending=True)

    def _unpack(self) -> None:
        """Unpack the verified archive into a hidden folder, and rename that.

        Raises
        ------
        UserError
            If the archive can't be read, is refused, or needs more space than there is.
        """
        started = time.monotonic()
        try:
            with zipfile.ZipFile(self._place.zip) as archive:
                members = archive.infolist()
                check_members(self._place.zip, members)
                needed = sum(member.file_size for member in members)
                _require_space(self._place.root, needed, f"unpacking {self._place.zip}")
                self._say(f"unpacking {len(members)} members, {_amount(needed)}, which may take minutes")
                with disk_errors(self._place.temporary):
                    unpack(archive, members, self._place.temporary, self._place.folder, self._halt.check)
        except (OSError, UserError):
            raise
        except Exception as error:  # zipfile raises many types
            raise UserError(
                f"{self._place.zip}: can't be unpacked ({error or type(error).__name__}), although it has the right "
                "MD5. The archive is as its publisher made it; ask there."
            ) from None
        files = sum(not member.is_dir() for member in members)
        self._say(f"unpacked {files} files, {time.monotonic() - started:.0f} s")


# ------------------------------------------------------------------------------------------------------- all of them


def _peak(sizes: Sequence[tuple[int, int, int]], connections: int, delete_archives: bool) -> int:
    """Most bytes that are in use at once, beyond those in use now.

    Parameters
    ----------
    sizes
        Of each archive in order: its bytes, those that are missing, and those of its members.
    connections
        How many are worked on at once.
    delete_archives
        Whether an archive is removed once it is unpacked.

    Notes
    -----
    From the start of one archive to the start of the next, it is itself unfinished and so are at most
    ``connections - 1`` of those before; the largest ones, at worst.  At worst, each of them is just unpacked.
    """
    peak = used = 0
    earlier: list[int] = []
    for size, missing, unpacked in sizes:
        deleted = size if delete_archives else 0
        used += missing + unpacked - deleted
        peak = max(peak, used + deleted + sum(sorted(earlier, reverse=True)[: connections - 1]))
        earlier.append(deleted)
    return peak


def _require_space_for_all(root: Path, places: Sequence[_Place], connections: int, delete_archives: bool) -> None:
    sizes = []
    for place in places:
        size, unpacked = place.archive.size, place.archive.unpacked
        guess = int(_UNPACKED_GUESS * size) if unpacked is None else unpacked
        sizes.append((size, size - place.present(), guess))
    what = "fetching and unpacking " + ", ".join(place.archive.name for place in places)
    _require_space(root, _peak(sizes, connections, delete_archives), what)


@contextmanager
def _only_download(root: Path) -> Iterator[None]:
    """Let no other download work in `root`; the kernel forgets the lock with the process that holds it."""
    path = root / ".download.lock"
    with disk_errors(path):
        file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{root}: another download into this folder is running. Wait until it has ended, or stop it."
            ) from None
        except OSError as error:  # some network file systems
            logger.warning("%s: can't be locked (%s), so see to it that only one download runs", path, error.strerror)
        yield


def _in_threads(tasks: Sequence[Callable[[], None]], count: int, halt: Halt) -> list[Future[None]]:
    """Call `tasks`, `count` at a time and in order, and return what became of each.

    Python waits for the threads of a ThreadPoolExecutor before it ends, so one that waits for an address to be
    resolved or for a connection would hold up Ctrl-C.  These are forgotten.
    """
    futures: list[Future[None]] = [Future() for _ in tasks]
    rest = iter(list(zip(tasks, futures, strict=True)))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                task, future = next(rest, (None, None))
            if task is None or future is None:
                return
            try:
                task()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(count, len(tasks)))]
    try:
        for thread in threads:
            thread.start()
        wait(futures)
    except BaseException:
        halt.stop()
        deadline = time.monotonic() + _LAST_WAIT
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        raise
    return futures


def _report_failures(futures: Sequence[Future[None]]) -> None:
    """Raise what has gone wrong: mistakes of ours as they are, all others in one `UserError`, a line each."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, UserError):
            raise error
    if len(errors) == 1:
        raise errors[0]
    if errors:
        lines = "".join(f"\n- {error}" for error in errors)
        raise UserError(f"{len(errors)} of {len(futures)} archives failed:{lines}")


def _fetch_and_unpack(
    places: Sequence[_Place], root: Path, *, delete_archives: bool, connections: int, retry: Retry
) -> None:
    for place in places:
        place.remove_leftovers()
    _require_space_for_all(root, places, connections, delete_archives)
    started = time.monotonic()
    unfinished = [place for place in places if place.present() < place.archive.size]
    progress = Progress(sum(place.present() for place in unfinished), sum(place.archive.size for place in unfinished))
    halt = Halt()
    try:
        jobs = [_Job(place, halt, progress, retry) for place in places]
        futures = _in_threads([partial(job.run, delete_archives) for job in jobs], connections, halt)
    finally:
        progress.close()
    unpacked = sum(future.exception() is None for future in futures)
    seconds = time.monotonic() - started
    progress.say(f"unpacked {unpacked} of {len(places)} archives, fetched {_amount(progress.fetched)}, {seconds:.0f} s")
    _report_failures(futures)


def download(
    archives: Sequence[Archive],
    root: str | os.PathLike[str],
    *,
    delete_archives: bool,
    connections: int = 1,
    retry: Retry = Retry(),  # noqa: B008
) -> None:
    """Have each archive unpacked as a folder in `root`, and do only what is left to do for that.

    An archive whose folder exists is done: the folder gets its name once all is unpacked and checked.  One that was
    put into `root` by hand is verified and used.  Interrupted in any way, the same call goes on where it stopped.

    Parameters
    ----------
    archives
        Names are unique, and names of files.
    root
        Folder, made if need be.
    delete_archives
        Whether each archive is removed once it is unpacked.
    connections
        Archives that are fetched at once.
    retry
        Patience with servers and the network.

    Raises
    ------
    UserError
        If the disk has too little space or can't be written, another download works in `root`, or archives can't be
        had, are not what they should be, or would write outside of their folder.  One that fails does not stop the
        others; with several, each has a line of the message.
    ValueError
        If names of archives are not unique or no plain names.
    """
    root = Path(root)
    names = [archive.name for archive in archives]
    if len(set(names)) < len(names) or any(name[:1] in ("", ".") or Path(name).name != name for name in names):
        raise ValueError(f"names of archives must be unique names of files, not {names}")
    places = [_Place(archive, root) for archive in archives]
    with disk_errors(root):
        if all(place.is_done() for place in places):
            logger.info("all %d archives are unpacked already", len(places))
            return
        root.mkdir(parents=True, exist_ok=True)
    with _only_download(root), disk_errors(root):
        places = [place for place in places if not place.is_done()]
        _fetch_and_unpack(places, root, delete_archives=delete_archives, connections=max(1, connections), retry=retry)
