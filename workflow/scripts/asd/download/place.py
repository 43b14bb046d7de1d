"""Where an archive is in a folder, as a whole and in parts, and whether there is room: what planning has to know too.

In the folder `root`, ``NAME`` is a whole unpacked archive, ``NAME.zip`` a fetched one, ``NAME.zip.part`` the beginning
of one, ``.NAME.unpacking`` what an interrupted run has left of unpacking, and ``.NAME.lock`` is there while one works.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..files.atomic import disk_problem

logger = logging.getLogger(__name__)


class Place:
    """The archive `name` in the folder `root`."""

    def __init__(self, root: str | os.PathLike[str], name: str) -> None:
        self.root = Path(root)
        self.folder = self.root / name
        self.zip = self.root / f"{name}.zip"
        self.part = self.root / f"{name}.zip.part"
        self.temporary = self.root / f".{name}.unpacking"
        self.lock = self.root / f".{name}.lock"

    def is_done(self) -> bool:
        """Whether the archive was unpacked by an earlier run; nothing but the folder's existence counts.

        Raises
        ------
        UserError
            If something else has the folder's name, or the disk does not say.
        """
        with disk_errors(self.root):
            if self.folder.is_dir():
                return True
            if os.path.lexists(self.folder):
                raise UserError(f"{self.folder}: is in the way of a folder. Move it elsewhere.")
            return False

    def missing(self, size: int) -> int:
        """Bytes that are still to be fetched of an archive of `size` bytes, as far as sizes of files tell."""
        present = [path.stat().st_size for path in (self.zip, self.part) if path.exists()]
        return max(0, size - max(present, default=0))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process work on the archive; the kernel forgets the lock with the process that holds it.

        Raises
        ------
        UserError
            If another process does, or the disk can't be written.
        """
        with disk_errors(self.lock):
            file = self.lock.open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"{self.root}: another download into this folder is running ({self.zip.name}). Wait until it has "
                    "ended, or stop it."
                ) from None
            except OSError as error:  # some network file systems
                message = "%s: can't be locked (%s), so see to it that only one download runs"
                logger.warning(message, self.lock, error.strerror)
            try:
                yield
            finally:
                self.lock.unlink(missing_ok=True)


def amount(size: float) -> str:
    """`size` bytes as a person would say it."""
    for unit, bytes_per_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_per_unit:
            return f"{size / bytes_per_unit:.1f} {unit}"
    return f"{size:.0f} bytes"


def require_space(root: Path, needed: int, what: str) -> None:
    """Raise a `UserError` if fewer than `needed` bytes are free in `root`, or where it is yet to be made."""
    with disk_errors(root):
        free = shutil.disk_usage(next(place for place in (root, *root.parents) if place.exists())).free
    if needed > free:
        raise UserError(
            f"{root}: {what} needs {amount(needed)} of free disk space ({needed} bytes), there are {amount(free)} "
            f"({free} bytes). Make room, choose another folder, or fetch fewer archives at a time."
        )


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
