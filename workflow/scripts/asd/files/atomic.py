"""Files that are written whole or not at all, and what a disk's refusal means to the user."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

_CAUSES = {
    errno.ENOSPC: ("there is no space left on the disk", "Make room on it"),
    errno.EDQUOT: ("your share of the disk (quota) is used up", "Remove files of yours or ask for more"),
    errno.EFBIG: ("the file would be larger than allowed here", "Raise the limit (ulimit -f) or use another disk"),
    errno.EROFS: ("the disk is read-only", "Mount it for writing or work in another folder"),
    errno.EACCES: ("you have no permission", "Change the permissions of the file and its folder"),
    errno.EPERM: ("it is not permitted", "Change owner or attributes of the file and its folder"),
    errno.EIO: ("the disk reports an input/output error", "Check the disk and its connection"),
    errno.ESTALE: ("the network disk lost the file", "Check that the disk is mounted"),
    errno.ENOTDIR: ("a file stands where one of its folders has to be", "Move that file away"),
    errno.EEXIST: ("a file stands where one of its folders has to be", "Move that file away"),
    errno.EISDIR: ("there is a folder of this name", "Move it away"),
    errno.ENAMETOOLONG: ("the name is too long for the disk", "Use shorter names"),
}
_NOT_SYNCED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
_SECONDS_TO_WRITE = 3600  # any file, with much to spare
_PAST = 10 * 10**9  # nanoseconds, more than any disk's clock ticks in
_PROBE = bytes(2**20)
_MAKER = re.compile(r"([0-9a-f]{8})-(\d{1,9})")  # in the name of a temporary file: computer and process


def disk_problem(error: OSError, path: str | os.PathLike[str] | None = None) -> str | None:
    """What an error of the operating system means and what to do, if it is about the disk and not about the program.

    Parameters
    ----------
    path
        The file to name; if left out, the one that the error names.
    """
    if error.errno not in _CAUSES:
        return None
    cause, remedy = _CAUSES[error.errno]
    where = path or error.filename
    named = os.fsdecode(where) if isinstance(where, str | bytes | os.PathLike) else "A file"
    return f"{named}: {cause}. {remedy}, and run again."


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name keeps the suffix of `path`, because many writers choose their format by it.  Whatever
    interrupts the block, `path` holds either its old content or the whole new one, even if the power fails.

    The temporary file is a new, empty one, so that no link that lies there leads to a file of others.  Nothing gets the
    name `path` if the block does not write.

    What a killed process left of an earlier attempt at `path` is removed, see `_is_left_over`.

    Raises
    ------
    UserError
        If the disk is full or read-only, or something else is wrong with it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{_host()}-{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        made = _make_new(temporary)
        yield temporary
        _to_disk(temporary, made)
        os.replace(temporary, path)
    except (UserError, MemoryError):
        raise
    except Exception as error:
        if (message := _explained(error, path, temporary)) is None:
            raise
        raise UserError(message) from error
    finally:
        with contextlib.suppress(OSError):  # it would hide the error that led here
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new, hidden folder beside `path`; rename it to `path`, in place of what was there, when the block ends
    without an error.

    Files in it are best written by `whole_file`.  What a killed process left of an earlier attempt is removed.

    Raises
    ------
    UserError
        If something is wrong with the disk.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{_host()}-{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path, folder=True)
        _remove(temporary)
        temporary.mkdir()
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        if (message := disk_problem(error, path)) is None:
            raise
        raise UserError(message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_new(temporary: Path) -> int:
    """Make an empty file where nothing is; what is there has been left by a process of the same number, or put there.

    Returns
    -------
    int
        Its modification time in nanoseconds, which is some seconds ago, so that whatever is written changes it.

    Raises
    ------
    FileExistsError
        If somebody else makes one at the same time.
    """
    _remove(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        past = time.time_ns() - _PAST
        os.utime(descriptor, ns=(past, past))
        return os.fstat(descriptor).st_mtime_ns
    finally:
        os.close(descriptor)


def _remove(temporary: Path) -> None:
    """Remove a file, folder or link (not what it leads to), if there is one."""
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary)
    else:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path, made: int) -> None:
    """Wait until the content of `path`, a new file with the modification time `made`, is on the disk.

    A file renamed before that may be there and empty after a power cut.  It also makes a network disk tell now what
    it could not write.
    """
    # a link put there meanwhile is not followed
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        status = os.fstat(descriptor)
        if status.st_size == 0 and status.st_mtime_ns == made:
            raise FileNotFoundError(errno.ENOENT, "nothing was written", str(path))
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise
    finally:
        os.close(descriptor)


def _explained(error: Exception, path: Path, temporary: Path) -> str | None:
    """What to tell the user of an error while `path` was written; None if it is not about the disk.

    Writers of files stumble over their own clean-up after a failed write, so that the errors behind the error count
    too.  Some of them (NumPy, torch, Pillow, libsndfile) report it in words of their own, without the reason.
    """
    ours = {str(place) for place in (path, temporary, *path.parents)}
    for behind in _and_behind(error):
        if isinstance(behind, OSError) and (behind.filename is None or str(behind.filename) in ours):
            message = disk_problem(behind, path)
            if message is not None:
                return message
    if isinstance(error, RuntimeError) or (isinstance(error, OSError) and error.errno is None):
        refusal = _refusal(temporary)
        return None if refusal is None else disk_problem(refusal, path)
    return None


def _and_behind(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those during whose handling it was raised."""
    while error is not None:
        yield error
        error = error.__context__


def _refusal(temporary: Path) -> OSError | None:
    """The error that the disk answers to another write, if it does."""
    try:
        with temporary.open("ab") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


# ------------------------------------------------------------------------------------------ left by killed processes


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _remove_leftovers(path: Path, *, folder: bool = False) -> None:
    """Remove temporary files or folders of earlier attempts at `path`, as far as that is possible."""
    start, end = (f".{path.name}.", ".part") if folder else (f".{path.stem}.", f".part{path.suffix}")
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            if name.startswith(start) and (made := _MAKER.fullmatch(name[len(start) :].removesuffix(end))):
                temporary = path.with_name(name)
                if not _is_left_over(temporary, host=made[1], process=int(made[2])):
                    continue
                if folder:
                    shutil.rmtree(temporary)
                else:
                    temporary.unlink()


def _is_left_over(temporary: Path, host: str, process: int) -> bool:
    """Whether no process will rename a temporary file any more.

    Its process has ended, as far as it ran on this computer; of processes on others that share the disk nothing is
    known, nor is it known whose number another process bears now.  So anything that nobody has written to for an hour
    counts too.
    """
    if time.time() - temporary.lstat().st_mtime > _SECONDS_TO_WRITE:
        return True
    return host == _host() and not _is_running(process)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # where signal 0 is not a question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
