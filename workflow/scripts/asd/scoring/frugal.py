"""How a process that scores uses memory and cores: twice as many clips a second, and nothing taken from others."""

from __future__ import annotations

import importlib
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = 128 * 2**20  # bytes
_LARGEST_KEPT = 32 * 2**20  # bytes; glibc takes no more


def be_frugal() -> None:
    """For a process of our own, not for a library: it holds for all of the process."""
    _single_threaded()
    _keep_memory()


def _single_threaded() -> None:
    """Import NumPy with one thread for its products of matrices, unless the user says otherwise.

    They are small here: with more threads, these mostly wait for each other, and take time from other programs.
    Programs that are started later find the environment as it was.
    """
    name = "OPENBLAS_NUM_THREADS"
    if "numpy" in sys.modules or name in os.environ or "OMP_NUM_THREADS" in os.environ:
        return
    os.environ[name] = "1"
    try:
        importlib.import_module("numpy")
    finally:
        del os.environ[name]


def _keep_memory() -> None:
    """Have the C library keep what is freed for what is asked for next.

    Each clip takes some arrays of megabytes.  To give their memory back to the system and get it anew, page by page,
    takes as much time as the work on it.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:  # glibc has it
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
