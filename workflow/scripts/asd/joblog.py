"""What a job says: everything into its log file, and a user's mistake also on the terminal."""

from __future__ import annotations

import atexit
import contextlib
import errno
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError
from .files.atomic import disk_problem
from .files.neutral import for_terminal

USER_ERROR = " ERROR user: "
"""Stands before a user's mistake in a log; what follows, to the end of the file, is the message."""

TOLD_BY_SNAKEMAKE = "ASD_FAILURES_TOLD_BY_SNAKEMAKE"
"""Environment variable: not empty where the process that people watch tells them what the logs of failed jobs say, so
that jobs need not."""

_INTERRUPTED = 130  # as shells report a program that SIGINT ended
_LOGS = "logs"  # folder of the logs; below it one for each rule


class _Harmless(logging.Formatter):
    """Text of a record that no terminal obeys when the log is shown there: names of files may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        """Text with control characters spelled out."""
        return for_terminal(super().format(record))


class _LogFile(logging.FileHandler):
    """A log file that a full disk does not stop: what can't be written is lost, and the first reason is kept."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, mode="w", encoding="utf-8", errors="backslashreplace")
        self.setFormatter(_Harmless("%(asctime)s %(levelname)s %(message)s"))
        self.problem: OSError | None = None

    def handleError(self, record: logging.LogRecord) -> None:
        """Keep the first error of the disk; the module `logging` would print a traceback for every record."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif self.problem is None:
            self.problem = error

    def close(self) -> None:
        """Close the file, though the disk may not take what is still to be written."""
        try:
            super().close()
        except OSError as error:
            self.problem = self.problem or error


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Send log records, warnings and unexpected tracebacks of the block to the file `path`.

    A job whose log can't be written to the end goes on, and says so at its end: its results are as good as ever.

    Raises
    ------
    SystemExit
        With status 1 after a `UserError`, an error of the disk, or if memory is used up; the message has then been
        written to the log and to stderr, without a traceback.  Also if the log can't be opened.  With status 130
        after Ctrl-C.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path)
    except OSError as error:
        _tell(f"Error: {disk_problem(error, path) or f'{path}: the log can not be written ({error}).'}")
        raise SystemExit(1) from None
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    started = time.perf_counter()
    leaving = _Leaving()
    try:
        yield
        root.info("finished after %.1f s", time.perf_counter() - started)
        leaving.done = True
    except KeyboardInterrupt:
        root.warning("interrupted")
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        message = _for_the_user(error, path)
        told = bool(os.environ.get(TOLD_BY_SNAKEMAKE)) and handler.problem is None
        if message is None:
            root.exception("unexpected error")
            if told:
                raise SystemExit(1) from None
            raise
        root.error("user: %s", message)
        if not told:
            _tell(f"Error: {message}\n(log: {path})")
        raise SystemExit(1) from None
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
        if handler.problem is not None:
            _tell(f"The log is not complete. {disk_problem(handler.problem, path) or handler.problem}")


class _Leaving:
    """The end of a job that has done what it had to do: the process goes without taking its modules apart.

    That would take up to 0.4 s, where torch has been imported, and serve nothing.  What other modules have to do at the
    end comes first, since Python begins with what was registered last.
    """

    def __init__(self) -> None:
        self.done = False
        # only in a process that Snakemake started for a script: any other one has something else to do
        if hasattr(sys.modules["__main__"], "snakemake"):
            atexit.register(self._leave)

    def _leave(self) -> None:
        if not self.done:
            return
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(0)


def _for_the_user(error: Exception, log: Path) -> str | None:
    """The message of an error that the user can do something about, else None."""
    if isinstance(error, UserError):
        return str(error)
    if _is_out_of_memory(error):
        return _out_of_memory(log)
    return disk_problem(error) if isinstance(error, OSError) else None


def _is_out_of_memory(error: Exception) -> bool:
    """Also as the operating system reports it when it can't start a process, and as torch does."""
    if isinstance(error, RuntimeError):
        return "out of memory" in str(error) or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def _out_of_memory(log: Path) -> str:
    parts = log.with_suffix("").parts
    job = parts[parts.index(_LOGS) + 1 :] if _LOGS in parts else parts[-1:]
    return (
        f"The job {'/'.join(job)} ran out of memory. Run fewer jobs at once (--cores 1) or, on a cluster, give it "
        f"more: --set-resources {job[0]}:mem_mb=8000"
    )


def _tell(message: str) -> None:
    """Say something on the terminal, if there is one that takes it."""
    with contextlib.suppress(OSError):
        print(f"\n{for_terminal(message)}\n", file=sys.stderr, flush=True)
