"""What happens when ``asd watch`` finds something anomalous: a command is run, a line is appended to a file."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files.atomic import disk_problem
from .model import Verdict
from .output import number, record

LONGEST = 60.0
"""Seconds that a command may take."""

_ONCE_ASKED_TO_END = 2.0  # seconds that it has left then
_LOOKS = 0.02  # seconds between two looks at whether it has ended
_BEGINNING = b'{"file": '  # of a line
_STDERR = 2


class AlarmInterrupted(Exception):
    """The watch is to end, and a command has not ended yet."""


class Alarms:
    """What is to happen.

    Parameters
    ----------
    command
        A command and its arguments as a shell has them, though none runs it; None for none.
    file
        File to append lines of JSON to; None for none.
    tell
        Is told what went wrong.
    is_ending
        Says whether the watch has been asked to end.
    longest
        Seconds that the command may take.

    Raises
    ------
    UserError
        If there is no such command, or the file can't be appended to.
    """

    def __init__(
        self,
        command: str | None,
        file: str | None,
        tell: Callable[[str], None],
        is_ending: Callable[[], bool] = lambda: False,
        longest: float = LONGEST,
    ) -> None:
        self._arguments = _arguments(command)
        self._file = None if file is None else Path(file)
        self._tell, self._is_ending, self._longest = tell, is_ending, longest
        if self._file is not None:
            try:
                self._append(self._file, "")
            except OSError as error:
                raise UserError(disk_problem(error, file) or f"{file}: can't be appended to ({error})") from error

    def raise_for(self, verdict: Verdict) -> None:
        """Raise the alarm for a verdict.

        Raises
        ------
        OSError
            If the line can't be appended; the command has not been run then.
        AlarmInterrupted
            If the watch is to end meanwhile.
        """
        values = record(verdict)
        if self._file is not None:
            self._append(self._file, f"{json.dumps(values, allow_nan=False)}\n")
        if self._arguments:
            self._run(self._arguments, verdict, values)

    def _append(self, path: Path, text: str) -> None:
        """Append a line; of one that a power cut has left half, nothing stays."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        with open(descriptor, "r+b", buffering=0) as file:
            if not file.seekable():  # a pipe, say
                file.write(text.encode())
                return
            _mend(file)
            before = file.seek(0, os.SEEK_END)
            content = text.encode()
            try:
                while content:
                    content = content[file.write(content) :]
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise

    def _run(self, arguments: list[str], verdict: Verdict, values: Mapping[str, Any]) -> None:
        about = {
            "ASD_FILE": verdict.file,
            "ASD_START": number(verdict.start),
            "ASD_SCORE": number(verdict.score),
            "ASD_P_VALUE": number(verdict.p_value),
            "ASD_REASONS": "; ".join(verdict.reasons),
        }
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=_STDERR,  # standard output has the rows
                env={**os.environ, **about},
                start_new_session=True,  # to be ended with all that it starts, and not by Ctrl-C
            )
        except OSError as error:
            self._tell(f"--run: {arguments[0]} can't be run ({error.strerror or error})")
            return
        with process:
            assert process.stdin is not None
            with suppress(OSError):  # it need not read it
                process.stdin.write(f"{json.dumps(values)}\n".encode())
            with suppress(OSError):
                process.stdin.close()
            status = self._wait(process)
        if status:
            ended = f"signal {-status}" if status < 0 else f"status {status}"
            self._tell(f"--run: {arguments[0]} ended with {ended} for {verdict.file}")

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        """The command's exit status, 0 if it had to be killed, which has been said then.

        Raises
        ------
        AlarmInterrupted
            If the watch is to end, and the command does not in time.
        """
        deadline = time.monotonic() + self._longest
        asked = None
        while (status := process.poll()) is None:
            now = time.monotonic()
            if asked is None and self._is_ending():
                asked = now
            if now > deadline or (asked is not None and now > asked + _ONCE_ASKED_TO_END):
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if asked is not None:
                    raise AlarmInterrupted
                self._tell(f"--run: {process.args[0]!r} was ended after {self._longest:g} s")  # type: ignore[index]
                return 0
            time.sleep(_LOOKS)
        return status


def _arguments(command: str | None) -> list[str]:
    if command is None:
        return []
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UserError(f"--run {command}: can't be split into a command and its arguments ({error})") from error
    if not arguments or shutil.which(arguments[0]) is None:
        raise UserError(f"--run {command}: there is no command {arguments[0] if arguments else ''!r}")
    return arguments


def _mend(file: Any) -> None:
    """Cut off half a line at the end if it is one of ours, or else end it."""
    size = file.seek(0, os.SEEK_END)
    place = max(0, size - 2**16)
    file.seek(place)
    rest = file.read()
    if not rest or rest.endswith(b"\n"):
        return
    last = rest.rfind(b"\n") + 1
    half = rest[last:]
    if (last or not place) and (half.startswith(_BEGINNING) or _BEGINNING.startswith(half)):
        os.ftruncate(file.fileno(), place + last)
    else:
        file.write(b"\n")
