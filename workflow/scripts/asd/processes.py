"""Work on many recordings: shared out over processes, and each process keeping its memory.

Threads would wait for each other: a clip is hundreds of calls of NumPy that take some microseconds each, and only
inside of them does Python let others run.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from .errors import UserError

_WORTH_A_PROCESS = 8  # recordings
_SHARES = 10  # that a process takes from the queue, one after the other, so that all end at about the same time
_MOST_AT_ONCE = 100  # recordings of a share, so that progress can be seen
_PR_SET_PDEATHSIG = 1  # of prctl.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = 128 * 2**20  # bytes
_LARGEST_KEPT = 32 * 2**20  # bytes; glibc takes no more

Task = TypeVar("Task")
Result = TypeVar("Result")


def keep_memory() -> None:
    """Have the C library keep what is freed for what is asked for next, in this process and those that it forks.

    Each clip takes some arrays of megabytes.  To give their memory back to the system and get it anew, page by page,
    takes as much time as the work on it.  For a process of our own, not for a library: it holds for all of the process.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:  # glibc has it
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def _begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it, also if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(libc := ctypes.CDLL(None), "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def shared_out(
    function: Callable[[Task], Result], tasks: Sequence[Task], processes: int, rule: str = "extract_features"
) -> Iterator[Iterator[Result]]:
    """Yield an iterator over the results of `function` in the order of `tasks`.

    Parameters
    ----------
    rule
        Whose job it is, for the message.

    Raises
    ------
    UserError
        If a process was killed.
    """
    processes = min(processes, -(-len(tasks) // _WORTH_A_PROCESS))
    if processes <= 1:
        yield map(function, tasks)
        return
    # imported here, for most jobs have one core
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # forked, since a fresh interpreter takes longer to import NumPy than a hundred clips
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin_worker) as pool:
        try:
            yield pool.map(function, tasks, chunksize=min(_MOST_AT_ONCE, -(-len(tasks) // (processes * _SHARES))))
        except BrokenProcessPool:
            raise UserError(
                f"one of {processes} processes that read recordings was killed, perhaps for want of memory. Run again "
                f"with more of it, or with fewer processes: --set-threads {rule}=1"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
