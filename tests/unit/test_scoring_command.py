"""``asd score`` and ``asd info``: what they print, how they end, and what they cost."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asd.models.metadata import DetectorRecord, Interval
from asd.scoring import command
from asd.scoring.inputs import listed, natural_order, walk
from asd.scoring.model import Model, Verdict
from asd.scoring.output import COLUMNS, TableWriter, csv_line, record, row, shown_width
from places import SHARED
from shop_floor import SECONDS, asd, hum_model, variables
from shop_floor import command as command_line
from shop_floor import record as make_recording
from small_models import DETECTOR

MIMII = SHARED / "data" / "mimii_audio" / "-6_dB_fan" / "fan"
RECORDINGS = 12

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, eight good recordings, two with a fault, and what is no recording."""
    folder = tmp_path_factory.mktemp("floor")
    hum_model(folder / "fan.onnx")
    for number in (1, 2, 3, 9, 10, 11, 20, 100):
        make_recording(folder / "all" / "good" / f"clip_{number}.wav", seed=number)
    for number in (1, 2):
        make_recording(folder / "all" / "bad" / f"clip_{number}.WAV", seed=number, fault=True)
    (folder / "all" / "notes.txt").write_text("notes")
    (folder / "all" / ".hidden.wav").write_bytes(b"")
    (folder / "all" / "._clip_1.wav").write_bytes(b"")
    (folder / "empty").mkdir()
    (folder / "text.wav").write_text("no sound")
    return folder


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process; its status, and what it says on stdout and stderr."""
    monkeypatch.chdir(place)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = command.main(list(arguments))
        return status, *capsys.readouterr()

    return run


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


# -------------------------------------------------------------------------------------------------------------- output


def test_csv_has_a_row_for_each_recording_in_natural_order(run: Run) -> None:
    status, out, err = run("score", "fan.onnx", "all", "--csv")
    rows = rows_of(out)
    assert tuple(rows[0]) == COLUMNS == ("file", "start", "end", "detector", "score", "p_value", "verdict", "reasons")
    good = [f"all/good/clip_{number}.wav" for number in (1, 2, 3, 9, 10, 11, 20, 100)]
    assert [one["file"] for one in rows] == ["all/bad/clip_1.WAV", "all/bad/clip_2.WAV", *good]
    assert [one["verdict"] for one in rows[:2]] == ["anomalous"] * 2
    assert status == command.SOME_ANOMALOUS
    anomalous = sum(one["verdict"] == "anomalous" for one in rows)
    assert f"asd: {anomalous} of 10 clips anomalous\n" in err
    assert "asd: left out of folders: 2 hidden files and 1 other file\n" in err
    assert err.count("\n") == 2


def test_all_formats_say_the_same_and_what_python_says(run: Run, place: Path) -> None:
    verdicts = Model.load(place / "fan.onnx").score(["all/bad/clip_1.WAV", "all/good/clip_1.wav"])
    files = [one.file for one in verdicts]
    values = json.loads(run("score", "fan.onnx", *files, "--json")[1])
    for one, value, cells in zip(verdicts, values, rows_of(run("score", "fan.onnx", *files, "--csv")[1]), strict=True):
        assert set(value) == {*COLUMNS, "remarks"}
        for name in ("start", "end", "score", "p_value"):
            assert value[name] == float(cells[name]) == pytest.approx(getattr(one, name), rel=1e-8)
        assert (value["file"], value["detector"], value["verdict"]) == (one.file, DETECTOR, one.verdict)
        assert value["reasons"] == list(one.reasons)
        assert cells["reasons"] == "; ".join(one.reasons)


def test_the_table_is_aligned_fits_and_has_the_reasons(run: Run, place: Path) -> None:
    status, out, _ = run("score", "fan.onnx", str(place / "all"), "text.wav")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == list(COLUMNS[:-1])
    assert lines[1].strip() == COLUMNS[-1]
    rows = [line for line in lines[2:] if not line.startswith(" ")]
    assert len(rows) == 11
    assert {line.index(DETECTOR) for line in rows} == {lines[0].index("detector")}
    assert all(line.startswith("…") for line in rows[:-1])
    assert re.search(r"anomalous\n {4}2\.9.* kHz, .* dB above normal", out)
    assert re.search(r"text.wav +0.0 +0.0 +DISTANCE +- +- +error\n {4}not readable as audio", out)
    assert status == command.FAILED


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize(
    "name",
    ["a.wav", "x" * 300, "팬/소리_" + "가" * 80, "a\nb\x1b[2J.wav", "fl\udcfcte.wav"],
    ids=["short", "long", "Korean", "controls", "no text"],
)
def test_no_name_breaks_the_table(name: str, width: int) -> None:
    file = io.StringIO()
    writer = TableWriter(file, ["A_VERY_LONG_NAME_OF_AN_ENSEMBLE"], width)
    writer.begin()
    long = ("something is wrong with this recording that takes very many words to say, " * 3,)
    writer.add(Verdict(name, 12_345.5, 12_355.5, -1.23456789e-12, 0.000123456, True, long, "OTHER"))
    writer.add(Verdict(name, 0, 0, float("nan"), float("nan"), False, (f"{name}: no",), "OTHER"))
    lines = file.getvalue().splitlines()
    assert max(map(shown_width, lines)) <= width
    assert file.getvalue().replace("\n", "").isprintable()
    file.getvalue().encode()


ODD = ["a,b", 'say "so"', "two\nlines", "cr\rlf\r\n", " blank ", "umläut", "e\u0301", "=1+1", "-x", "tab\t"]
ODD += ["\x1b[2Jclear", "\u202egnp.wav"]


@pytest.mark.parametrize("name", ODD)
def test_names_come_through_csv_and_json_as_they_are(run: Run, place: Path, name: str, tmp_path: Path) -> None:
    path = make_recording(tmp_path / f"{name}.wav", seed=1)
    status, out, _ = run("score", "fan.onnx", str(path), "--csv")
    assert [one["file"] for one in rows_of(out)] == [str(path)]
    assert status != command.FAILED
    assert [one["file"] for one in json.loads(run("score", "fan.onnx", str(path), "--json")[1])] == [str(path)]
    _, table, words = run("score", "fan.onnx", str(path.with_suffix(".none.wav")))
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", table + words)


def test_bytes_that_are_no_text_are_spelled_out(place: Path, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/fl\xfcte.wav"
    shutil.copy(place / "all/good/clip_1.wav", path)
    for kind in ("--csv", "--json"):
        done = asd("score", place / "fan.onnx", path, kind, text=False)
        assert done.returncode in (0, 1)
        assert rb"fl\xfcte.wav" in done.stdout.replace(rb"\\", b"\\")
        done.stdout.decode()


def test_numbers_that_there_are_none_of_are_empty_or_null() -> None:
    verdict = Verdict("a.wav", 0, 0, float("nan"), float("nan"), False, ("why",), "LOF")
    assert row(verdict) == ("a.wav", "0", "0", "LOF", "", "", "error", "why")
    assert record(verdict)["score"] is record(verdict)["p_value"] is None
    json.dumps(record(verdict), allow_nan=False)


def test_a_csv_line_is_read_back_as_it_was() -> None:
    cells = [*ODD, "", "plain"]
    assert next(csv.reader(io.StringIO(csv_line(cells), newline=""), strict=True)) == cells
    assert csv_line(["plain", "1"]) == "plain,1\n"


def test_rows_come_as_they_are_known(place: Path, tmp_path: Path) -> None:
    """And who has seen enough may go."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(130):
        (many / f"{number}.wav").symlink_to(place / "all/good/clip_1.wav")
    process = subprocess.Popen(
        command_line("score", place / "fan.onnx", many, "--csv"), env=variables(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    process.stdout.close()  # as `head -2` does
    assert lines[0].startswith("file,")
    assert lines[1].startswith(str(many))
    assert process.wait() in (0, 141)


# --------------------------------------------------------------------------------------------------- the recordings


def test_a_recording_is_scored_once_however_often_it_is_named(run: Run, place: Path) -> None:
    (place / "linked").unlink(missing_ok=True)
    (place / "linked").symlink_to("all")
    names = [
        "all/good/clip_9.wav",
        "./all/good/../good/clip_9.wav",
        str(place / "all/good/clip_9.wav"),
        "all",
        "linked",
    ]
    rows = rows_of(run("score", "fan.onnx", *names, "all/good", "--csv")[1])
    assert len(rows) == 10
    assert rows[0]["file"] == names[0]


def test_a_link_of_another_name_is_another_recording(run: Run, place: Path, tmp_path: Path) -> None:
    make_recording(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    os.link(tmp_path / "a.wav", tmp_path / "c.wav")
    assert [Path(one["file"]).name for one in rows_of(run("score", "fan.onnx", str(tmp_path), "--csv")[1])] == [
        *("a.wav", "b.wav", "c.wav")
    ]


def test_what_is_not_there_is_named_and_the_rest_scored(run: Run) -> None:
    status, out, err = run("score", "fan.onnx", "none.wav", "all/good", "nowhere/*.wav", "--csv")
    rows = rows_of(out)
    assert status == command.FAILED
    assert [(one["file"], one["reasons"]) for one in rows if one["verdict"] == "error"] == [
        ("none.wav", "no such file"),
        ("nowhere/*.wav", "no such file"),
    ]
    assert len(rows) == 10
    assert "2 could not be scored, the first: none.wav: no such file" in err


@pytest.mark.parametrize("kind", ["--json", "--csv", "--quiet"])
def test_a_folder_without_recordings_is_an_error_and_the_output_still_whole(run: Run, kind: str) -> None:
    status, out, err = run("score", "fan.onnx", "empty", kind)
    assert status == command.FAILED
    assert "asd: empty: there are no recordings in this folder" in err
    if kind == "--json":
        assert json.loads(out) == []
    if kind == "--csv":
        assert rows_of(out) == []


def test_a_long_recording_has_a_row_for_each_window(run: Run, tmp_path: Path) -> None:
    path = make_recording(tmp_path / "long.wav", 3 * SECONDS)
    _, out, err = run("score", "fan.onnx", str(path), "all/good/clip_1.wav", "--csv")
    assert [(one["start"], one["end"]) for one in rows_of(out)][:3] == [("0", "0.5"), ("0.5", "1"), ("1", "1.5")]
    assert "of 4 windows of 2 recordings anomalous" in err


def test_remarks_are_said_once_each(run: Run, tmp_path: Path) -> None:
    for number in range(3):
        make_recording(tmp_path / f"{number}.wav", seed=number, channels=2)
    _, out, err = run("score", "fan.onnx", str(tmp_path), "--json")
    remark = "2 channel(s), the training recordings have 1: another microphone?"
    assert f"asd: {tmp_path}/0.wav and 2 others: {remark}\n" in err
    assert err.count("microphone") == 1
    assert [one["remarks"] for one in json.loads(out)] == [[remark]] * 3
    assert run("score", "fan.onnx", str(tmp_path), "--json", "--quiet")[2] == ""


def test_a_recording_may_come_from_standard_input(place: Path) -> None:
    with (place / "all/bad/clip_1.WAV").open("rb") as file:
        done = asd("score", place / "fan.onnx", "-", place / "all/bad/clip_1.WAV", "-", "--json", stdin=file)
    first, second = json.loads(done.stdout)
    assert first["file"] == "-"
    assert first["score"] == second["score"]
    assert done.returncode == command.SOME_ANOMALOUS


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "the file is empty"), (b"no sound " * 100, "not readable as audio")]
)
def test_standard_input_that_is_no_recording_is_an_error(place: Path, content: bytes, reason: str) -> None:
    done = asd("score", place / "fan.onnx", "-", "--json", input=content, text=False)
    (value,) = json.loads(done.stdout)
    assert (value["file"], value["verdict"]) == ("-", "error")
    assert value["reasons"][0].startswith(reason)
    assert b"/asd_" not in done.stdout + done.stderr
    assert done.returncode == command.FAILED


def test_folders_are_looked_through_once_links_and_circles_or_not(tmp_path: Path) -> None:
    make_recording(tmp_path / "a" / "1.wav")
    (tmp_path / "a" / "again").symlink_to("..")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "gone.wav").symlink_to("nowhere")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    found = walk(str(tmp_path))
    assert list(found.files) == [str(tmp_path / "a" / "1.wav")]
    assert found.problems == [f"{tmp_path}/gone.wav: can't be looked at (No such file or directory)"]
    assert listed([str(tmp_path)]).files == [str(tmp_path / "a" / "1.wav")]


def test_a_folder_that_cant_be_looked_into_is_an_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_recording(tmp_path / "1.wav")
    (tmp_path / "secret").mkdir()
    original = os.scandir

    def refuse(path: str) -> Any:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may look everywhere
    status, out, err = run("score", "fan.onnx", str(tmp_path), "--csv")
    assert len(rows_of(out)) == 1
    assert f"asd: {tmp_path}/secret: can't be looked into (Permission denied)" in err
    assert status == command.FAILED


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["a", "a/b", "a1", "a2", "a10", "a10b", "b/1/x", "b/1", "b/01", "B", "1", "09", "10", "٣"]
    for one in names:
        for other in names:
            assert (natural_order(one) < natural_order(other)) or (natural_order(other) <= natural_order(one))
    assert sorted(names, key=natural_order)[:3] == ["1", "09", "10"]


# ------------------------------------------------------------------------------------------------------------ the model


def test_models_are_chosen_by_name_and_by_path(run: Run, place: Path, tmp_path: Path) -> None:
    for machine in ("fan", "pump"):
        for machine_id in ("id_00", "id_02"):
            path = tmp_path / "models" / machine / "run" / f"snr6_{machine_id}.onnx"
            hum_model(path, machine=machine, id=machine_id)
            make_recording(tmp_path / "floor" / machine / machine_id / "1.wav")
    make_recording(tmp_path / "floor" / "mixer" / "id_00" / "1.wav")
    models, floor = str(tmp_path / "models"), str(tmp_path / "floor")
    one = str(tmp_path / "floor/pump/id_02/1.wav")
    assert run("score", models, one, "--model-for", "pump/id_02")[0] in (0, 1)
    status, out, _ = run("score", models, floor, "--by-path", "--csv")
    rows = rows_of(out)
    assert [(Path(row["file"]).parts[-3], row["verdict"] == "error") for row in rows] == [
        *([("fan", False)] * 2 + [("mixer", True)] + [("pump", False)] * 2)
    ]
    assert "no folder above it has the name of an ID" in rows[2]["reasons"]
    assert status == command.FAILED
    rows = rows_of(run("score", models, one, "--by-path", "--csv", "--detector", "LOF")[1])
    assert "the model has no detector 'LOF'" in rows[0]["reasons"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score", "none.onnx", "all"], "none.onnx: the model can't be read"),
        (["score", "text.wav", "all"], "text.wav: this is no model of this package, or it is damaged"),
        (["score", "empty", "all"], "empty: there is no model in this folder"),
        (["score", "fan.onnx", "all", "--detector", "LOF"], f"no detector 'LOF': it has {DETECTOR}"),
        (["score", "fan.onnx", "all", "--false-alarms", "0.001"], "at least 999"),
        (["score", "fan.onnx", "all", "--false-alarms", "nan"], "a share between 0 and 1"),
        (["score", "fan.onnx", "all", "--model-for", "fan/id_00"], "chooses from a folder"),
        (["score", "fan.onnx", "all", "--by-path"], "fan.onnx: is not a folder"),
        (["info", "none.onnx"], "none.onnx: the model can't be read"),
        (["watch", "fan.onnx", "none", "--csv", "scores.csv"], "none: there is no such folder"),
        (["watch", "fan.onnx", "all", "--csv", "scores.csv", "--interval", "0"], "seconds or more are wanted"),
        (["watch", "fan.onnx", "all", "--csv", "scores.csv", "--run", "no-such-command x"], "there is no command"),
        (["watch", "fan.onnx", "all", "--csv", "scores.csv", "--run", "'"], "can't be split"),
        (["watch", "fan.onnx", "all", "--csv", "scores.csv", "--alarms", "all"], "there is a folder of this name"),
    ],
)
def test_a_mistake_is_said_in_one_message(run: Run, arguments: list[str], words: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (command.FAILED, "")
    assert words in err
    assert err.startswith("asd: ")
    assert "Traceback" not in err
    assert not Path("scores.csv").exists()


@pytest.mark.parametrize("arguments", [[], ["score"], ["score", "fan.onnx"], ["nothing"], ["score", "m", "r", "--js"]])
def test_how_it_is_used_is_said_where_arguments_are_missing(run: Run, arguments: list[str]) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "usage: asd" in err


def test_help_and_version(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert all(f"    {name} " in out for name in ("score", "watch", "explain", "monitor", "info"))
    for name in ("score", "watch", "explain", "monitor", "info"):
        assert run(name, "--help")[0] == 0
    status, out, _ = run("--version")
    assert status == 0
    assert re.fullmatch(r"asd (\d+\.\d+.*|\(not installed\))\n", out)


def test_folders_that_begin_like_negative_numbers_are_no_options(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    make_recording(tmp_path / "-6_dB_fan" / "a.wav")
    hum_model(tmp_path / "fan.onnx")
    monkeypatch.chdir(tmp_path)
    assert len(rows_of(run("score", "fan.onnx", "-6_dB_fan", "--csv")[1])) == 1


def test_sub_commands_of_other_modules_get_their_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Module:
        explain_command = monitor_command = staticmethod(lambda arguments: seen.append(arguments) or 7)

    for name in ("page", "monitoring"):
        monkeypatch.setitem(sys.modules, f"asd.scoring.{name}", Module)
    assert (
        command.main(["explain", "m.onnx", "a.wav", "--output", "p.html", "--png", "f.png", "--detector", "LOF"]) == 7
    )
    assert (
        command.main(["monitor", "s.csv", "--model", "m.onnx", "--output", "f.png", "--json", "--run-length", "500"])
        == 7
    )
    explained, monitored = ({name: value for name, value in vars(one).items() if name != "run"} for one in seen)
    assert explained == {
        "model": "m.onnx", "recording": "a.wav", "output": "p.html", "png": "f.png", "detector": "LOF",
    }  # fmt: skip
    assert monitored == {
        "scores": "s.csv", "model": "m.onnx", "output": "f.png", "json": True, "run_length": 500,
    }  # fmt: skip


def test_packages_for_pages_are_named_where_they_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Module:
        @staticmethod
        def explain_command(arguments: object) -> int:
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib.pyplot")

    monkeypatch.setitem(sys.modules, "asd.scoring.page", Module)
    assert command.main(["explain", "m.onnx", "a.wav"]) == 2
    assert capsys.readouterr().err == "asd: matplotlib is needed for it: pip install librosa matplotlib seaborn\n"


# ---------------------------------------------------------------------------------------------------- how it may end


def test_a_full_disk_is_said(place: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full:
        for kind in ("--json", "--quiet"):
            done = asd(
                "score",
                place / "fan.onnx",
                place / "all",
                kind,
                stdout=full,
                stderr=subprocess.PIPE,
                capture_output=False,
            )
            assert done.returncode == 2
            assert done.stderr.startswith("asd: the output: there is no space left on the disk")
            assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["--json", "--quiet"])
def test_nobody_reading_is_no_matter(place: Path, kind: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = asd(
        "score", place / "fan.onnx", place / "all", kind, stdout=writer, stderr=subprocess.PIPE, capture_output=False
    )
    os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_ctrl_c_ends_it_without_a_word(place: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(2000):
        (many / f"{number}.wav").symlink_to(place / "all/good/clip_1.wav")
    process = subprocess.Popen(
        command_line("score", place / "fan.onnx", many, "--csv"),
        env=variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == b""


def test_without_anything_to_write_to_the_status_is_the_same(place: Path) -> None:
    arguments = command_line("score", place / "fan.onnx", place / "all")
    code = f"import os, sys; os.close(1); os.execv(sys.executable, {arguments!r})"
    done = subprocess.run([sys.executable, "-c", code], env=variables(), capture_output=True, text=True, check=False)
    assert done.returncode == command.SOME_ANOMALOUS, done.stderr


# ------------------------------------------------------------------------------------------------------------- its cost

HEAVY = {"torch", "sklearn", "librosa", "matplotlib", "pandas", "seaborn", "numba", "onnx", "jsonschema", "snakemake"}

_COST = """
import resource, sys
from asd.scoring.command import main
status = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
print(used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def cost(*arguments: str | Path) -> tuple[set[str], float]:
    """Packages that the command imports, and seconds of processor time that it takes."""
    done = subprocess.run(
        [sys.executable, "-c", _COST, *map(str, arguments)],
        env=variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    *_, packages, seconds = done.stderr.splitlines()
    return set(packages.split()), float(seconds)


def test_a_clip_is_scored_soon_and_without_anything_heavy(tmp_path: Path) -> None:
    hum_model(tmp_path / "m.onnx", seconds=10.0)
    real = MIMII / "id_00" / "normal" / "00000000.wav"
    clip = real if real.is_file() else make_recording(tmp_path / "clip.wav", 10.0, channels=8)
    packages, seconds = min((cost("score", tmp_path / "m.onnx", clip) for _ in range(2)), key=lambda one: one[1])
    print(f"{seconds:.2f} s")
    assert {"onnxruntime", "numpy", "soundfile"} <= packages
    assert not packages & HEAVY
    assert seconds < 2.0  # 0.5 on an idle machine


def test_to_be_told_of_a_model_takes_no_onnx_runtime(place: Path) -> None:
    packages, _ = cost("info", place / "fan.onnx")
    assert not packages & (HEAVY | {"onnxruntime"})


def test_help_takes_nothing_at_all(place: Path) -> None:
    packages, _ = cost("--help")
    assert not packages & (HEAVY | {"onnxruntime", "numpy", "scipy", "soundfile"})


def test_numbers_of_threads_are_the_users_and_not_left_to_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys\nfrom asd.scoring.frugal import be_frugal\nbe_frugal()\n"
        "print('OPENBLAS_NUM_THREADS' in os.environ, 'numpy' in sys.modules)\n"
        "import numpy as np\nnp.ones((600, 600)) @ np.ones((600, 600))\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('Threads:')))"
    )
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    done = subprocess.run([sys.executable, "-c", code], env=variables(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "1"]
    environment = {**variables(), "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == ["False", "False"]


# ----------------------------------------------------------------------------------------------------------- asd info


@pytest.fixture
def informative(tmp_path: Path) -> Path:
    hum_model(
        tmp_path / "m.onnx",
        detectors={
            DETECTOR: DetectorRecord(
                1.25,
                np.array([0.5, 0.75, 1.0, 1.5]),
                Interval(0.9123, 0.8, 0.97),
            ),
            "LOF": DetectorRecord(2.5, np.arange(99.0), Interval(1.0)),
            "HULL": DetectorRecord(3.0, np.arange(3.0)),
        },
        left_out={"PYOD:ECOD": "there are no operators for it"},
        trained_on={"normal_clips": 30, "clip_lists": {"normal": "ab12"}, "recorded": ["2024-05-01", "2024-06-01"]},
        versions={"python": "3.11.7", "scikit-learn": "1.9.1"},
        channel=3,
        channels=8,
        features=("mfcc", "basic", "temporal"),
    )
    return tmp_path / "m.onnx"


def test_info_says_what_a_model_is(run: Run, informative: Path) -> None:
    status, out, err = run("info", str(informative))
    assert (status, err) == (0, "")
    for words in (
        "fan, ID id_00, SNR 6 dB",
        "noise factor 0.7, seed 0, protocol strict",
        "channel 3 (from 0); windows of 0.5 s; those that trained it have 8 channel(s) at 16000 Hz",
        "normal clips 30, clip lists (normal ab12), recorded (2024-05-01, 2024-06-01)",
        "python 3.11.7, scikit-learn 1.9.1",
        "left out: PYOD:ECOD, there are no operators for it",
        "features: float32 [clips, 648]",
        "score_LOF: float32 [clips]",
        "nearest_normal: float32 [clips, 648]",
        "normal_features: float32 [30, 648]",
    ):
        assert words in out
    rows = {
        line.split()[0]: line.split()[1:]
        for line in out.splitlines()
        if line.split()[:1] in (["LOF"], ["HULL"], [DETECTOR])
    }
    assert rows[DETECTOR] == ["*", "1.25", "0.9123", "[0.8000,", "0.9700]", "4", "0.2"]
    assert rows["LOF"] == ["2.5", "1.0000", "99", "0.01"]
    assert rows["HULL"] == ["3", "-", "3", "0.25"]


def test_info_as_json_has_it_all(run: Run, informative: Path) -> None:
    values = json.loads(run("info", str(informative), "--json")[1])
    assert values["detectors"]["LOF"] == {
        "threshold": 2.5,
        "auc": {"value": 1.0, "low": None, "high": None},
        "calibration_clips": 99,
        "smallest_false_alarms": 0.01,
    }
    assert values["detectors"]["HULL"]["auc"] is None
    assert (values["machine"], values["id"], values["snr"], values["protocol"]) == ("fan", "id_00", "snr6", "strict")
    assert values["recordings"]["channel"] == 3
    assert values["inputs"]["features"]["shape"] == ["clips", 648]
    assert set(values["outputs"]) == {
        f"score_{DETECTOR}",
        "score_LOF",
        "score_HULL",
        "nearest_normal",
        "normal_features",
    }
    assert values["trained_on"]["recorded"] == ["2024-05-01", "2024-06-01"]


def test_outputs_are_those_of_the_graph(place: Path) -> None:
    import onnxruntime

    from asd.scoring.info import described

    model = Model.load(place / "fan.onnx")
    session = onnxruntime.InferenceSession(str(place / "fan.onnx"))
    told = described(model.about)
    for kind, values in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        assert {one.name: one.shape for one in values} == {name: about["shape"] for name, about in told[kind].items()}
