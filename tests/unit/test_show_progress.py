"""A command that is silent for long, as `make setup` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envs import show_progress


def test_signs_of_life_say_what_pip_does_and_how_much_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torch.so").write_bytes(b"\0" * 100_000_000)
    code = "import time; print('Collecting torch==2 (from -r x)'); print('WARNING: old'); time.sleep(1.2)"
    assert show_progress.watch("Packages", str(tmp_path), [sys.executable, "-c", code], seconds=0.5) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "Packages ..."
    assert lines[-2].endswith(f" s, 0.1 GB in {tmp_path}, fetching torch==2 ...")
    assert lines[-1].startswith("  done after ")
    assert "WARNING" not in said.out + said.err


def test_what_a_command_that_fails_has_said_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('out'); sys.exit('no such package')"
    assert show_progress.watch("Packages", str(tmp_path / "none"), [sys.executable, "-c", code]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == ["out", "no such package"]
    assert "failed after" in said.out
