"""Run a command that may be silent for minutes, and say every few seconds that it goes on. Standard library only.

    python envs/show_progress.py WORDS FOLDER COMMAND [ARGUMENT ...]

The command fills FOLDER; its own output is shown if it fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

SECONDS = 6.0
_LONGEST = 100  # characters of what the command itself says
_LAST_LINES = 40
_FETCHING = ("Collecting ", "Downloading ", "Using cached ", "Processing ")
_UNPACKING = "Installing collected packages: "


def gigabytes(folder: str) -> float:
    """Size of all files below a folder; 0 where there is none."""
    size = 0
    for where, _, files in os.walk(folder):
        for name in files:
            try:
                size += os.lstat(os.path.join(where, name)).st_size
            except OSError:  # moved away meanwhile
                continue
    return size / 1e9


def last_step(output: str) -> str:
    """What pip has said last of what it does; nothing if it has said nothing of the kind.

    Examples
    --------
    >>> last_step("Collecting torch==2\\n  Downloading torch-2-cp311.whl (191.8 MB)\\nWARNING: old\\n")
    'fetching torch-2-cp311.whl (191.8 MB)'
    >>> last_step("Installing collected packages: numpy, torch\\n")
    'unpacking 2 packages'
    """
    for line in map(str.strip, reversed(output.splitlines())):
        if line.startswith(_UNPACKING):
            return f"unpacking {line.count(',') + 1} packages"
        if line.startswith(_FETCHING):
            what = line.split(" ", 1)[1].partition(" (from ")[0].removeprefix("cached ")
            return f"fetching {what.rpartition('/')[2]}"[:_LONGEST]
    return ""


def watch(words: str, folder: str, command: Sequence[str], seconds: float = SECONDS) -> int:
    """Run `command`, say `words` first and every few `seconds` how far it is; its exit status."""
    started = time.monotonic()
    print(f"{words} ...", flush=True)
    # a file, not a pipe, which would have to be read while waiting
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        ) as process:
            while True:
                try:
                    status = process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    spent = time.monotonic() - started
                    doing = last_step(_text(output.fileno()))
                    size = gigabytes(folder)
                    told = [f"{spent:4.0f} s", *([f"{size:.1f} GB in {folder}"] if size >= 0.1 else []), doing]
                    print(f"  {', '.join(filter(None, told))} ...", flush=True)
        if status:
            print("\n".join(_text(output.fileno()).splitlines()[-_LAST_LINES:]), file=sys.stderr, flush=True)
    spent, size = time.monotonic() - started, gigabytes(folder)
    print(f"  {'failed' if status else 'done'} after {spent:.0f} s, {size:.1f} GB in {folder}", flush=True)
    return status


def _text(descriptor: int) -> str:
    """All of a file, which another process goes on writing."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")


if __name__ == "__main__":
    try:
        sys.exit(watch(sys.argv[1], sys.argv[2], sys.argv[3:]))
    except KeyboardInterrupt:
        sys.exit(130)
