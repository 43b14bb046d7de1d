"""How a process that scores uses memory and cores: twice as many clips a second, and nothing taken from others."""

from __future__ import annotations

import importlib
import os
import sys

from ..processes import keep_memory


def be_frugal() -> None:
    """For a process of our own, not for a library: it holds for all of the process."""
    _single_threaded()
    keep_memory()


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
