"""Files written whole or not at all, and what a job says and where."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import pytest

from asd.atomic import whole_file
from asd.console import USER_ERROR, job_log
from asd.errors import UserError


def test_a_new_file_appears_under_its_name(tmp_path):
    with whole_file(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "table.csv").read_text() == "new"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_an_old_file_is_replaced_only_at_the_end(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("interruption", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_an_interruption_keeps_the_old_file_and_leaves_no_other(tmp_path, interruption):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(interruption), whole_file(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the n")
        raise interruption
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_an_interruption_before_anything_was_written_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="early"), whole_file(tmp_path / "table.csv"):
        raise ValueError("early")
    assert os.listdir(tmp_path) == []


def test_a_block_that_writes_nothing_does_not_remove_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(path):
        pass
    assert path.read_text() == "old"


def test_parent_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "table.csv"
    with whole_file(str(path)) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("name", ["ddae.pt", "figure.png", '팬, "6 dB".csv', "no_suffix", "two.dots.npz"])
def test_the_temporary_file_lies_beside_the_file_and_has_its_suffix(tmp_path, name):
    with whole_file(tmp_path / name) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name != name
        assert temporary.suffix.endswith(Path(name).suffix)
        temporary.write_text("x")
    assert os.listdir(tmp_path) == [name]


# --- job_log ---


@pytest.fixture(autouse=True)
def root_logger():
    """The root logger, put back as it was after the test."""
    root = logging.getLogger()
    level = root.level
    yield root
    root.setLevel(level)


def test_records_of_every_module_go_to_the_log(tmp_path):
    path = tmp_path / "logs" / "job.log"
    with job_log(path):
        logging.getLogger("asd.anything").info("trained on %d clips of 팬", 12)
    text = path.read_text(encoding="utf-8")
    assert "INFO trained on 12 clips of 팬" in text
    assert "finished after" in text


def test_a_second_run_starts_a_new_log(tmp_path):
    path = tmp_path / "job.log"
    for message in ("first run", "second run"):
        with job_log(path):
            logging.info(message)
    text = path.read_text(encoding="utf-8")
    assert "second run" in text
    assert "first run" not in text


def test_a_mistake_of_the_user_is_told_in_log_and_terminal_without_a_traceback(tmp_path, capsys):
    path = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stopped, job_log(path):
        raise UserError("fan.wav: the file is empty. Remove it.")
    assert stopped.value.code == 1
    terminal, log = capsys.readouterr(), path.read_text(encoding="utf-8")
    assert "Error: fan.wav: the file is empty. Remove it." in terminal.err
    assert str(path) in terminal.err
    assert log.endswith(f"{USER_ERROR}fan.wav: the file is empty. Remove it.\n")
    assert "finished" not in log
    assert "Traceback" not in terminal.err + terminal.out + log


def test_the_cause_of_a_mistake_is_not_told_either(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped, job_log(tmp_path / "job.log"):
        raise UserError("not a number") from ValueError("invalid literal")
    assert stopped.value.__suppress_context__
    assert stopped.value.__cause__ is None
    assert "Traceback" not in capsys.readouterr().err + (tmp_path / "job.log").read_text(encoding="utf-8")


def test_any_other_error_is_raised_again_and_logged_with_its_traceback(tmp_path):
    path = tmp_path / "job.log"
    with pytest.raises(ZeroDivisionError), job_log(path):
        _ = 1 / 0
    log = path.read_text(encoding="utf-8")
    assert "Traceback" in log
    assert "ZeroDivisionError" in log
    assert "finished" not in log


def test_ctrl_c_ends_without_a_traceback(tmp_path, capsys):
    path = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stopped, job_log(path):
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert path.read_text(encoding="utf-8").endswith("WARNING interrupted\n")
    assert capsys.readouterr().err == ""


def test_warnings_go_to_the_log(tmp_path):
    path = tmp_path / "job.log"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with job_log(path):
            warnings.warn("a column is constant", RuntimeWarning, stacklevel=1)
    assert "RuntimeWarning: a column is constant" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("end", [None, UserError, RuntimeError])
def test_afterwards_nothing_is_left_of_the_log_handler(tmp_path, root_logger, end):
    path = tmp_path / "job.log"
    handlers, shown = list(root_logger.handlers), warnings.showwarning
    try:
        with job_log(path):
            assert len(root_logger.handlers) == len(handlers) + 1
            if end:
                raise end("stop")
    except (SystemExit, RuntimeError):
        pass
    assert root_logger.handlers == handlers
    assert warnings.showwarning is shown
    logging.warning("a later record")
    assert "a later record" not in path.read_text(encoding="utf-8")
