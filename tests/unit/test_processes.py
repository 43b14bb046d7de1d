"""Memory of a process that works on many recordings."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from places import SCRIPTS

_WORK = """
import resource, sys
import numpy as np

if sys.argv[1] == "kept":
    from asd.processes import keep_memory

    keep_memory()
for turn in range(12):
    if turn == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(400_000) for _ in range(4)]  # 13 MB, as a clip takes
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(how: str) -> int:
    """Pages that a process asked the system for in ten turns of the same work."""
    command = [sys.executable, "-c", _WORK, how]
    return int(subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_memory_is_kept_from_clip_to_clip() -> None:
    assert new_pages("kept") < 1000 < new_pages("as usual")
