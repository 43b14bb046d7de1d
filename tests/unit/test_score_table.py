"""Tables of scores as they are found: whole, cut off, of others, hostile.  Less than two seconds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from asd.errors import UserError
from asd.scoring.score_table import read_score_table

HEADER = "file,start,end,detector,score,p_value,verdict,reasons\n"
ROW = 'a.wav,0,10,LOF,1.5,0.25,normal,"1-2 kHz, 3 dB above normal"\n'


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "scores.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_rows_are_read_by_detector(tmp_path: Path) -> None:
    other = "b.wav,0,10,KNN,2,0.5,anomalous,x\n"
    found = read_score_table(table(tmp_path, HEADER + ROW + other + ROW))
    assert list(found.detectors) == ["LOF", "KNN"]
    clips = found.detectors["LOF"]
    assert list(clips.files) == ["a.wav", "a.wav"]
    assert clips.scores.tolist() == [1.5, 1.5]
    assert clips.p_values.tolist() == [0.25, 0.25]
    assert clips.lines == [2, 4]
    assert (found.rows, found.errors, found.unreadable) == (3, [], [])


def test_columns_of_a_watched_folder_come_along(tmp_path: Path) -> None:
    content = HEADER.replace("\n", ",size,modified_ns,windows\n") + ROW.replace("\n", ",320044,1700000000000000000,1\n")
    assert read_score_table(table(tmp_path, content)).detectors["LOF"].sizes == [320044]


def test_errors_are_counted_and_left_out(tmp_path: Path) -> None:
    error = "b.wav,0,0,LOF,,,error,b.wav: no sound\n"
    found = read_score_table(table(tmp_path, HEADER + ROW + error))
    assert found.errors == ["b.wav: no sound"]
    assert (len(found.detectors["LOF"]), found.rows, found.recent_errors) == (1, 2, 1)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_spreadsheets_write_them_a_little_differently(tmp_path: Path, newline: str, mark: str) -> None:
    assert (
        len(read_score_table(table(tmp_path, (mark + HEADER + ROW + ROW).replace("\n", newline))).detectors["LOF"]) == 2
    )


@pytest.mark.parametrize("kept", range(1, len(ROW) - 2))
def test_a_row_that_was_cut_off_is_left_out(tmp_path: Path, kept: int) -> None:
    found = read_score_table(table(tmp_path, HEADER + ROW + ROW[:kept]))
    whole = ROW[:kept].count(",") >= 7  # only of the reasons something is missing
    assert len(found.detectors["LOF"]) == (2 if whole else 1)
    assert found.unreadable == ([] if whole else [3])


def test_rows_after_one_that_was_cut_off_in_quotes_are_read(tmp_path: Path) -> None:
    torn = ROW[: ROW.index('"') + 5]
    found = read_score_table(table(tmp_path, HEADER + ROW + torn + "\n" + ROW + ROW))
    assert len(found.detectors["LOF"]) >= 3
    assert len(found.detectors["LOF"]) + len(found.unreadable) == 4


def test_names_may_have_anything_in_them(tmp_path: Path) -> None:
    odd = ROW.replace("a.wav", '"a ""b"",\nc.wav"')
    found = read_score_table(
        table(tmp_path, HEADER.encode() + odd.encode() + ROW.encode().replace(b"a.wav", b"\xff.wav"))
    )
    assert list(found.detectors["LOF"].files) == ['a "b",\nc.wav', os.fsdecode(b"\xff.wav")]


@pytest.mark.parametrize(
    "row",
    [
        "a.wav,0,10,LOF,nan,0.25,normal,\n",
        "a.wav,0,10,LOF,1,nan,normal,\n",
        "a.wav,0,10,LOF,inf,0.25,normal,\n",
        "a.wav,0,10,LOF,1,0,normal,\n",
        "a.wav,0,10,LOF,1,-0.5,normal,\n",
        "a.wav,0,10,LOF,1,1.5,normal,\n",
        "a.wav,0,10,LOF,1,,normal,\n",
        "a.wav,0,10,LOF,1,0.25,perhaps,\n",
        "a.wav,x,10,LOF,1,0.25,normal,\n",
        "a.wav,0,10,LOF,1\n",
        f"{'x' * 200_000}\n",
        "\x00\x00\x00,0,10,LOF,1\n",
        f"{'1,' * 500}\n",
    ],
)
def test_rows_that_can_not_be_are_left_out(tmp_path: Path, row: str) -> None:
    found = read_score_table(table(tmp_path, HEADER + ROW + row + ROW))
    assert found.unreadable == [3]
    assert len(found.detectors["LOF"]) == 2


def test_huge_numbers_are_numbers(tmp_path: Path) -> None:
    found = read_score_table(table(tmp_path, HEADER + "a.wav,0,1e9,LOF,1e300,1e-300,normal,\n"))
    assert np.isfinite(found.detectors["LOF"].rounding).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "file, start, end"),
        ("\n", "file, start, end"),
        ("a,b,c\n1,2,3\n", "are missing"),
        (HEADER.replace("p_value,", "") + ROW, "the column p_value is missing"),
        (HEADER, "there are no rows in it yet"),
        (HEADER + "b.wav,0,0,LOF,,,error,b.wav: no sound\n" * 3, "all 3 rows .*no sound"),
        (HEADER + "rubbish\n" * 3, "no row can be read, beginning with line 2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, "missing"),
        (b"\xff\xfe" + HEADER.encode("utf-16-le"), "missing"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_score_table(table(tmp_path, content))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scores\.csv: the table of scores can't be read"):
        read_score_table(tmp_path / "scores.csv")
    with pytest.raises(UserError, match="is a folder"):
        read_score_table(tmp_path)
