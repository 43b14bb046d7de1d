"""Files written whole or not at all, and what a job says and where."""

from __future__ import annotations

import ast
import errno
import logging
import os
import resource
import socket
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asd.ddae.denoiser import Denoiser
from asd.ddae.scaling import MinMaxScaling
from asd.detection.scores import Scores, UnitScores, write_scores
from asd.errors import UserError
from asd.features.caches import write_cache
from asd.features.cliplist import ClipRecord, write_rows
from asd.files.atomic import whole_file, whole_folder
from asd.joblog import TOLD_BY_SNAKEMAKE, USER_ERROR, job_log
from named_clips import scored_clips
from places import REPOSITORY


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


def test_an_empty_file_may_be_written(tmp_path):
    for _ in range(2):
        with whole_file(tmp_path / "empty.csv") as temporary:
            temporary.write_text("")
        assert (tmp_path / "empty.csv").read_bytes() == b""


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain.csv").write_text("")
    with whole_file(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "table.csv").stat().st_mode == (tmp_path / "plain.csv").stat().st_mode


def planted(place: Path, kind: str, victim: Path) -> None:
    """Something of others at the place of a temporary file."""
    if kind == "file":
        place.write_text("of others")
        place.chmod(0o400)
    elif kind == "folder":
        (place / "deep").mkdir(parents=True)
    elif kind == "hard link":
        os.link(victim, place)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(
            {"link": victim, "link to nothing": victim.with_name("new"), "link to a folder": victim.parent}[kind]
        )


KINDS_PLANTED = ["file", "folder", "hard link", "pipe", "link", "link to nothing", "link to a folder"]


@pytest.mark.parametrize("kind", KINDS_PLANTED)
def test_what_lies_at_the_place_of_the_temporary_file_is_neither_followed_nor_written_to(tmp_path, kind):
    (tmp_path / "elsewhere").mkdir()
    victim = tmp_path / "elsewhere" / "victim"
    victim.write_text("precious")
    (tmp_path / "results").mkdir()
    with whole_file(tmp_path / "results/table.csv") as temporary:
        temporary.write_text("x")
    planted(temporary, kind, victim)
    with whole_file(tmp_path / "results/table.csv") as again:
        assert again == temporary
        assert again.read_bytes() == b""
        again.write_text("new")
    assert os.listdir(tmp_path / "results") == ["table.csv"]
    assert (tmp_path / "results/table.csv").read_text() == "new"

    with whole_folder(tmp_path / "results/scores") as temporary:
        (temporary / "a").write_text("x")
    planted(temporary, kind, victim)
    with whole_folder(tmp_path / "results/scores") as again:
        assert again == temporary
        (again / "b").write_text("new")
    assert os.listdir(tmp_path / "results/scores") == ["b"]
    assert sorted(os.listdir(tmp_path / "results")) == ["scores", "table.csv"]
    assert victim.read_text() == "precious"
    assert os.listdir(victim.parent) == ["victim"]


def test_a_link_put_there_while_a_file_is_written_gets_no_name(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with pytest.raises(OSError, match="symbolic link"), whole_file(tmp_path / "table.csv") as temporary:  # noqa: PT012
        temporary.unlink()
        temporary.symlink_to(victim)
    assert os.listdir(tmp_path) == ["victim"]


def test_the_temporary_file_of_a_running_process_is_not_taken_for_a_left_one(tmp_path):
    """Also before anything is written to it."""
    with whole_file(tmp_path / "table.csv") as temporary:
        other = temporary.with_name(temporary.name.replace(str(os.getpid()), str(os.getppid())))
        os.link(temporary, other)
        write_rows(tmp_path / "table.csv", ["file"], [])
        assert other.exists()
        other.unlink()
        temporary.write_text("new")


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


# --- disks that refuse ---


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no command mount")
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes on a disk."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - left)


def save_features(path: Path) -> None:
    clips = [ClipRecord(str(number)) for number in range(500)]
    write_cache(path, path.with_suffix(".csv"), np.ones((500, 136), np.float32), clips)


def save_weights(path: Path) -> None:
    layers = [(np.ones((256, 128), np.float32), np.ones(256)), (np.ones((128, 256), np.float32), np.ones(128))]
    limits = np.zeros(136, np.float32)
    Denoiser(MinMaxScaling(limits, limits), {"mfcc": layers}).save(path)


def save_with_torch(path: Path) -> None:
    from asd.ddae.model import ENCODER_WIDTHS, TrainedDDAE, build_network, save_checkpoint

    networks = {name: build_network(widths) for name, widths in ENCODER_WIDTHS.items()}
    limits = np.zeros(136, np.float32)
    save_checkpoint(TrainedDDAE(MinMaxScaling(limits, limits), networks, {}), {}, path)


def save_with_torch_by_name(path: Path) -> None:
    """Torch opens the file itself and reports what is wrong in words of its own."""
    import torch

    with whole_file(path) as temporary:
        torch.save(torch.ones(100_000), temporary)


def save_figure(path: Path) -> None:
    from asd.figures.style import new_figure, save

    figure = new_figure(4, 4)
    figure.subplots().imshow(np.random.default_rng(0).random((300, 300)), interpolation="none")
    save(figure, path)


def save_sound(path: Path) -> None:
    import soundfile

    with whole_file(path) as temporary:
        soundfile.write(temporary, np.zeros(200_000, np.int16), 16_000, "PCM_16")


def save_table(path: Path) -> None:
    import pandas as pd

    from asd.evaluation.tables import write_table

    write_table(pd.DataFrame({"auc": np.random.default_rng(0).random(10_000)}), path)


def save_scores(path: Path) -> None:
    clips = scored_clips(tuple(f"{number}.wav" for number in range(5000)), ("n",), ("a",))
    content = UnitScores(clips, {"KNN": Scores(np.ones(5000), np.ones(2), 1.0)}, "paper")
    write_scores(content, path, path.with_suffix(".json"))


WRITERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cache": (save_features, "cache.npy"),
    "weights": (save_weights, "weights.npz"),
    "checkpoint": (save_with_torch, "ddae.pt"),
    "torch": (save_with_torch_by_name, "other.pt"),
    "PNG": (save_figure, "figure.png"),
    "PDF": (save_figure, "figure.pdf"),
    "sound": (save_sound, "clip.wav"),
    "table": (save_table, "table.csv"),
    "rows": (lambda path: write_rows(path, ["file"], [[str(number)] for number in range(50_000)]), "rows.csv"),
    "scores": (save_scores, "scores.csv"),
}


@pytest.mark.parametrize("left", [0, 4096, 40_960])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_said_and_the_old_file_kept(small_disk, writer, left):
    write, name = WRITERS[writer]
    path = small_disk / "results" / name
    path.parent.mkdir()
    path.write_text("old")
    fill(small_disk, left)
    with pytest.raises(UserError) as caught:
        write(path)
    assert str(caught.value) == f"{path}: there is no space left on the disk. Make room on it, and run again."
    assert os.listdir(path.parent) == [name]
    assert path.read_text() == "old"


@pytest.mark.parametrize("writer", WRITERS)
def test_files_that_may_not_grow_are_said(tmp_path, writer):
    write, name = WRITERS[writer]
    (tmp_path / name).write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(UserError, match=r"the file would be larger than allowed here.*ulimit -f") as caught:
            write(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "old"


def test_a_read_only_disk_is_said_for_files_and_folders(small_disk):
    path = small_disk / "old.csv"
    path.write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for target in (path, small_disk / "new" / "folder" / "new.csv"):
        with pytest.raises(UserError) as caught:
            write_rows(target, ["file"], [])
        assert str(caught.value) == (
            f"{target}: the disk is read-only. Mount it for writing or work in another folder, and run again."
        )
    assert path.read_text() == "old"


def test_a_folder_without_permission_is_said(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    user = os.geteuid()
    if user == 0:  # root may do anything
        os.seteuid(65534)
    try:
        with pytest.raises(UserError, match=r"table\.csv: you have no permission.*[Cc]hange the permissions"):
            write_rows(folder / "table.csv", ["file"], [])
    finally:
        os.seteuid(user)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("code", [errno.EDQUOT, errno.EIO, errno.EPERM, errno.ESTALE, errno.ENOSPC])
def test_what_a_network_disk_says_only_at_the_end_is_said(tmp_path, monkeypatch, code):
    def refuses(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuses)
    (tmp_path / "table.csv").write_text("old")
    with pytest.raises(UserError, match=r"table\.csv: .*, and run again\.$"):
        write_rows(tmp_path / "table.csv", ["file"], [])
    assert os.listdir(tmp_path) == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "old"


def test_a_disk_that_knows_no_syncing_is_written_to_all_the_same(tmp_path, monkeypatch):
    def unknown(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unknown)
    write_rows(tmp_path / "table.csv", ["file"], [])
    assert (tmp_path / "table.csv").read_text() == "file\n"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file/table.csv", "a file stands where"),
        ("folder.csv", "folder of this name"),
        (f"{'x' * 300}.csv", "too long"),
    ],
)
def test_places_where_no_file_can_be_are_said(tmp_path, place, said):
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=said) as caught:
        write_rows(tmp_path / place, ["file"], [])
    assert str(caught.value).startswith(str(tmp_path / place))


def test_errors_about_other_files_are_raised_as_they_are(tmp_path):
    with pytest.raises(PermissionError, match="font"), whole_file(tmp_path / "figure.png"):
        raise PermissionError(errno.EACCES, "Permission denied", "/usr/share/fonts/font.ttf")
    for unexpected in (RuntimeError("shapes"), OSError("shapes"), ValueError("shapes"), FileNotFoundError(2, "shapes")):
        with pytest.raises(type(unexpected), match="shapes"), whole_file(tmp_path / "figure.png"):
            raise unexpected
    assert os.listdir(tmp_path) == []


# --- what killed processes left ---

HERE = f"{zlib.crc32(socket.gethostname().encode()):08x}"
ELSEWHERE = "00000000"


@pytest.fixture
def ended() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def left_behind(folder: Path, host: str, process: int, hours_ago: float = 0.0, name: str = "table") -> Path:
    path = folder / f".{name}.{host}-{process}.part.csv"
    path.write_text("half of the")
    moment = time.time() - 3600 * hours_ago
    os.utime(path, (moment, moment))
    return path


def test_what_ended_processes_left_of_the_same_file_is_removed(tmp_path, ended):
    removed = [
        left_behind(tmp_path, HERE, ended),
        left_behind(tmp_path, HERE, 1, hours_ago=1.1),  # a number that another process bears now
        left_behind(tmp_path, ELSEWHERE, 1, hours_ago=1.1),
    ]
    kept = [
        left_behind(tmp_path, HERE, os.getppid()),
        left_behind(tmp_path, ELSEWHERE, ended),
        left_behind(tmp_path, HERE, ended, name="table.skipped"),
        left_behind(tmp_path, HERE, ended, hours_ago=9, name="other"),
        tmp_path / ".table.notes.part.csv",
    ]
    kept[-1].write_text("mine")
    write_rows(tmp_path / "table.csv", ["file"], [])
    assert not any(path.exists() for path in removed)
    assert sorted(os.listdir(tmp_path)) == sorted(["table.csv", *(path.name for path in kept)])


def test_a_killed_process_leaves_the_old_file_and_the_next_one_cleans_up(tmp_path):
    code = """
import os, signal, sys
from asd.files.atomic import whole_file, whole_folder
with whole_file(sys.argv[1]) as temporary:
    temporary.write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "table.csv"
    path.write_text("old")
    for _ in range(3):
        done = run_python(code, str(path))
        assert done.returncode == -9
        assert path.read_text() == "old"
        assert len(os.listdir(tmp_path)) == 2
    write_rows(path, ["file"], [])
    assert os.listdir(tmp_path) == ["table.csv"]


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow" / "scripts")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


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


@pytest.mark.parametrize("error", [UserError("fan.wav is empty"), ZeroDivisionError("x")])
def test_where_snakemake_tells_of_failures_a_job_says_nothing(tmp_path, capsys, monkeypatch, error):
    monkeypatch.setenv(TOLD_BY_SNAKEMAKE, "1")
    path = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stopped, job_log(path):
        raise error
    assert stopped.value.code == 1
    assert capsys.readouterr() == ("", "")
    assert str(error) in path.read_text(encoding="utf-8")


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


def test_a_log_on_a_full_disk_costs_one_sentence(small_disk):
    """The message reaches the terminal and the exit status is 1, without a traceback for each line of the log."""
    fill(small_disk, 0)
    code = """
import logging, sys
from asd.features.cliplist import write_rows
from asd.joblog import job_log
with job_log(sys.argv[1] + "/logs/train_ddae/fan.log"):
    for epoch in range(500):
        logging.info("epoch %d", epoch)
    write_rows(sys.argv[1] + "/loss.csv", ["epoch"], [[str(epoch)] for epoch in range(1000)])
"""
    done = run_python(code, str(small_disk))
    assert done.returncode == 1
    assert f"Error: {small_disk}/loss.csv: there is no space left on the disk." in done.stderr
    assert f"The log is not complete. {small_disk}/logs/train_ddae/fan.log: there is no space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Logging error" not in done.stderr
    assert len(done.stderr.splitlines()) < 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_job_that_did_its_work_does_not_fail_for_its_log():
    code = """
import logging
from asd.joblog import job_log
with job_log("/dev/full"):
    logging.info("trained")
"""
    done = run_python(code)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.strip().startswith("The log is not complete. /dev/full: there is no space left on the disk.")
    assert len(done.stderr.split("\n")) < 5


JOB = """
import atexit, sys
from asd.errors import UserError
from asd.joblog import job_log
{given}

class Slow:
    def __del__(self):
        print("taken apart")

with job_log(sys.argv[1]):
    atexit.register(print, "at exit")
    kept = Slow()
    sys.stdout.write("flushed ")
    {work}
"""


@pytest.mark.parametrize(
    ("given", "work", "said", "status"),
    [
        ("snakemake = {}", "pass", "flushed at exit\n", 0),
        ("snakemake = {}", 'raise UserError("empty")', "flushed at exit\ntaken apart\n", 1),
        ("snakemake = {}", "raise KeyboardInterrupt", "flushed at exit\ntaken apart\n", 130),
        ("", "pass", "flushed at exit\ntaken apart\n", 0),  # another program that uses the package
    ],
)
def test_a_job_of_snakemake_that_is_done_leaves_at_once(tmp_path, given, work, said, status):
    done = run_python(JOB.format(given=given, work=work), str(tmp_path / "job.log"))
    assert (done.stdout, done.returncode) == (said, status)


def test_nothing_follows_the_work_of_a_script():
    """It would not count: the process ends well when the work is done."""
    scripts = sorted((REPOSITORY / "workflow/scripts").glob("*.py"))
    assert len(scripts) > 20
    for path in scripts:
        last = ast.parse(path.read_text(encoding="utf-8")).body[-1]
        assert isinstance(last, ast.With), path.name
        assert ast.unparse(last.items[0]) == "job_log(snakemake.log[0])", path.name


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_terminal_that_takes_nothing_changes_nothing(tmp_path):
    code = f"""
import sys
from asd.joblog import job_log
from asd.errors import UserError
sys.stderr = open("/dev/full", "w")
with job_log({str(tmp_path / "job.log")!r}):
    raise UserError("fan.wav: empty")
"""
    done = run_python(code)
    assert done.returncode != 0
    assert (tmp_path / "job.log").read_text().endswith(f"{USER_ERROR}fan.wav: empty\n")


def test_a_log_that_can_not_be_opened_is_said(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(SystemExit) as stopped, job_log(tmp_path / "logs" / "job.log"):
        pytest.fail("the job began")
    assert stopped.value.code == 1
    assert f"{tmp_path / 'logs' / 'job.log'}: a file stands where" in capsys.readouterr().err


def stopped_job(log: Path, error: BaseException) -> None:
    with pytest.raises(SystemExit) as stopped, job_log(log):
        raise error
    assert stopped.value.code == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "A file: there is no space left on the disk. Make room"),
        (OSError(errno.EROFS, "Read-only file system", "x/y.csv"), "x/y.csv: the disk is read-only. Mount it"),
        (PermissionError(errno.EACCES, "Permission denied", b"a.wav"), "a.wav: you have no permission. Change"),
        (OSError(errno.EIO, "Input/output error", 3), "A file: the disk reports an input/output error. Check"),
    ],
)
def test_errors_of_the_disk_are_told_without_a_traceback(tmp_path, capsys, error, said):
    stopped_job(tmp_path / "job.log", error)
    terminal, log = capsys.readouterr().err, (tmp_path / "job.log").read_text(encoding="utf-8")
    assert f"Error: {said}" in terminal
    assert f"{USER_ERROR}{said}" in log
    assert "Traceback" not in terminal + log


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 74.5 TiB for an array"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_a_job_without_memory_is_named_with_what_to_do(tmp_path, capsys, error):
    log = tmp_path / "results" / "logs" / "train_ddae" / "fan" / "nf0.5_seed0.log"
    stopped_job(log, error)
    said = capsys.readouterr().err
    assert "The job train_ddae/fan/nf0.5_seed0 ran out of memory." in said
    assert "--set-resources train_ddae:mem_mb=" in said
    assert "Traceback" not in said + log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), RuntimeError("shapes"), OSError("x")]
)
def test_errors_of_the_program_are_raised_again(tmp_path, error):
    def job() -> Any:
        with job_log(tmp_path / "job.log"):
            raise error

    with pytest.raises(type(error)) as caught:
        job()
    assert caught.value is error
    assert "Traceback" in (tmp_path / "job.log").read_text(encoding="utf-8")


def test_no_terminal_obeys_what_a_log_or_a_message_says(tmp_path, capsys):
    hostile = "a\x1b[2J\x07\x9b31m\u202eb\rc"
    said = r"a\x1b[2J\x07\x9b31m\u202eb\x0dc"
    with pytest.raises(SystemExit), job_log(tmp_path / "a.log"):  # noqa: PT012
        logging.getLogger("asd").info("reading %s", hostile)
        raise UserError(f"{hostile}: damaged\nsecond line")
    log = (tmp_path / "a.log").read_text(encoding="utf-8")
    for text in (log, capsys.readouterr().err):
        assert f"{said}: damaged\nsecond line" in text
        assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert f"reading {said}" in log


def test_names_that_are_no_unicode_can_be_logged(tmp_path):
    """In a process of its own, since pytest can't hand such a name from one of its processes to the other."""
    code = (
        "import logging, os, sys; from asd.joblog import job_log\n"
        "with job_log(sys.argv[1]): logging.info('%s: empty', os.fsdecode(b'f\\xe4n.wav'))"
    )
    done = run_python(code, str(tmp_path / "job.log"))
    assert done.returncode == 0, done.stderr
    assert "n.wav: empty" in (tmp_path / "job.log").read_text(encoding="utf-8")
    assert "Logging error" not in done.stderr
