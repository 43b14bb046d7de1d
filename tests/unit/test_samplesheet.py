"""Sample sheets: what is read, what is refused and how, and what a configuration may leave to them."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.recordings.layout import Folder, files_of
from asd.recordings.samplesheet import Sample, SampleSheet, complete_configuration, read_samples, sheet_problems
from places import REPOSITORY

SCHEMAS = REPOSITORY / "workflow" / "schemas"
SCHEMA = yaml.safe_load((SCHEMAS / "samples.schema.yaml").read_text(encoding="utf-8"))
HEADER = ["file", "machine", "id", "snr", "label"]
LINES = [
    ["a/1.wav", "fan", "00", "6 dB", "normal"],
    ["a/2.wav", "fan", "00", "6 dB", "abnormal"],
    ["b/1.wav", "팬", "id 1", "0 dB", "normal"],
]


def write(path: Path, lines: list[list[str]], delimiter: str = "\t") -> Path:
    text = "\n".join(delimiter.join(line) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def read(path: Path) -> list[Sample]:
    return read_samples(path, SCHEMA)


def message(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read(path)
    return str(caught.value)


def read_or_message(path: Path) -> list[Sample] | str:
    try:
        return read(path)
    except UserError as error:
        return str(error)


# --------------------------------------------------------------------------------------------------------- reading


def test_lines_are_read_as_they_stand(tmp_path: Path) -> None:
    assert read(write(tmp_path / "s.tsv", [HEADER, *LINES])) == [
        Sample(2, "a/1.wav", "fan", "00", "6 dB", "normal"),
        Sample(3, "a/2.wav", "fan", "00", "6 dB", "abnormal"),
        Sample(4, "b/1.wav", "팬", "id 1", "0 dB", "normal"),
    ]


def test_the_example_sheet_is_one() -> None:
    samples = read(REPOSITORY / "config" / "samples.tsv")
    assert {sample.kind for sample in samples} == {"normal", "abnormal"}


def test_columns_come_in_any_order_and_csv_is_separated_by_commas(tmp_path: Path) -> None:
    order = [4, 2, 0, 1, 3]
    lines = [[line[number] for number in order] for line in [HEADER, *LINES]]
    assert read(write(tmp_path / "s.csv", lines, ",")) == read(write(tmp_path / "s.tsv", [HEADER, *LINES]))


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    text = '\ufefffile\tmachine\tid\r\n\r\n a.wav \tfan\t00\r\n\t\t\r\n"b\tc.wav"\tfan\t00\r\n'
    (tmp_path / "s.tsv").write_bytes(text.encode("utf-8"))
    assert [(sample.line, sample.file) for sample in read(tmp_path / "s.tsv")] == [(3, "a.wav"), (5, "b\tc.wav")]


def test_without_labels_all_clips_are_normal_and_without_snr_there_is_none(tmp_path: Path) -> None:
    samples = read(write(tmp_path / "s.tsv", [HEADER[:3], ["a.wav", "fan", "00"]]))
    assert samples == [Sample(2, "a.wav", "fan", "00", None, "normal")]
    empty = read(write(tmp_path / "s.tsv", [[*HEADER[:3], "label"], ["a.wav", "fan", "00", ""]]))
    assert empty == samples


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([["file", "machine"]], ["'id' is missing"]),
        ([[*HEADER[:3], "lable"], ["a", "fan", "00", "normal"]], ["unknown column 'lable', did you mean 'label'?"]),
        ([[*HEADER[:3], "id"], ["a", "fan", "00", "00"]], ["'id' stands there more than once"]),
        ([HEADER], ["no lines"]),
        ([HEADER, LINES[0][:4]], ["line 2: 4 columns, the header has 5"]),
        ([HEADER, LINES[0], [*LINES[1][:4], "broken"]], ["line 3", "broken", "normal, abnormal"]),
        ([HEADER, LINES[0], [*LINES[1][:4], ""]], ["line 3", "label"]),
        ([HEADER, LINES[0], [*LINES[1][:3], "", "normal"]], ["line 3", "snr"]),
        ([HEADER, ["", *LINES[0][1:]]], ["line 2", "file"]),
        ([HEADER, ["a", "../fan", *LINES[0][2:]]], ["line 2", "machine", "../fan"]),
        ([HEADER, ["a", "fan", "x/y", *LINES[0][3:]]], ["line 2", "id", "x/y"]),
        ([HEADER, LINES[0], LINES[1], ["./a//1.wav", *LINES[1][1:]]], ["line 4", "a//1.wav", "in line 2 already"]),
        ([["file,machine,id"], ["a,fan,00"]], ["separated by tabs", "file,machine,id"]),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, lines: list[list[str]], parts: list[str]) -> None:
    said = message(write(tmp_path / "s.tsv", lines))
    assert all(part in said for part in [str(tmp_path / "s.tsv"), *parts])


def test_many_mistakes_are_named_together_but_not_all(tmp_path: Path) -> None:
    lines = [[f"{number}.wav", "a/b", "00", "6 dB", "normal"] for number in range(50)]
    said = message(write(tmp_path / "s.tsv", [HEADER, *lines]))
    assert all(part in said for part in ("line 2:", "line 9:", "and 42 more"))
    assert "line 10:" not in said


def test_what_is_no_sheet_is_refused(tmp_path: Path) -> None:
    assert "there is no file" in message(tmp_path / "none.tsv")
    assert "folder" in message(tmp_path)
    for name, content in {"empty": b"", "utf16": "file\tid\n".encode("utf-16"), "binary": bytes(range(256))}.items():
        (tmp_path / name).write_bytes(content)
        assert str(tmp_path / name) in message(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    assert "device" in message(tmp_path / "pipe")


def test_a_huge_file_is_not_even_opened(tmp_path: Path) -> None:
    with (tmp_path / "huge.tsv").open("wb") as file:
        file.truncate(2**32)
    assert "huge file" in message(tmp_path / "huge.tsv")


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
tables = st.lists(st.lists(cells, max_size=6), max_size=6)


@settings(deadline=None, derandomize=True, max_examples=int(os.environ.get("FUZZ", "150")))
@given(st.lists(st.permutations(HEADER), max_size=1), tables, st.sampled_from(["\t", ",", ";"]))
@example([HEADER], [["x\0.wav", "fan", "00", "a", "normal"]], "\t")
def test_any_table_is_refused_or_read_without_loss(
    tmp_path_factory: Any, header: list[list[str]], lines: list[list[str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("sheet") / "s.tsv"
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows([*header, *lines])
    path.write_bytes(stream.getvalue().encode("utf-8"))
    samples = read_or_message(path)
    if isinstance(samples, str):
        assert str(path) in samples
        return
    assert delimiter == "\t"
    meant = [[cell.strip() for cell in line] for line in lines]
    meant = [line for line in meant if any(line)]
    assert [sample.file for sample in samples] == [line[header[0].index("file")] for line in meant]
    for sample in samples:
        assert sample.kind in ("normal", "abnormal")
        assert not set("/{}*?[]\\") & set(sample.machine + sample.machine_id + (sample.snr or ""))


@settings(deadline=None, derandomize=True, max_examples=int(os.environ.get("FUZZ", "150")))
@given(st.data())
def test_a_mutated_sheet_is_refused_or_still_a_sheet(tmp_path_factory: Any, data: st.DataObject) -> None:
    path = write(tmp_path_factory.mktemp("sheet") / "s.tsv", [HEADER, *LINES])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"])):
            case "set":
                content[place] = data.draw(st.integers(0, 255))
            case "insert":
                content[place:place] = data.draw(st.binary(min_size=1, max_size=5))
            case "delete":
                del content[place : place + 3]
            case _:
                del content[place + 1 :]
        content = content or bytearray(b"x")
    path.write_bytes(bytes(content))
    samples = read_or_message(path)
    if isinstance(samples, str):
        assert str(path) in samples
        return
    # what is accepted is what stands in the file, as Python's csv reads it
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter="\t"))
    rows = [row for row in rows if any(str(cell).strip() for cell in row.values())]
    assert [sample.file for sample in samples] == [row["file"].strip() for row in rows]
    assert [sample.kind for sample in samples] == [(row.get("label") or "").strip() or "normal" for row in rows]


# -------------------------------------------------------------------------------------------------------- recordings


@pytest.fixture
def sheet(tmp_path: Path) -> SampleSheet:
    for line in LINES:
        (tmp_path / line[0]).parent.mkdir(exist_ok=True)
        (tmp_path / line[0]).write_bytes(b"x")
    samples = read(write(tmp_path / "s.tsv", [HEADER, *LINES]))
    return SampleSheet("s.tsv", str(tmp_path), samples, ["6 dB", "0 dB"])


def test_recordings_come_in_the_order_of_the_sheet(tmp_path: Path) -> None:
    names = ["b.wav", "c.wav", "a.wav"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    files = [names[0], names[1], str(tmp_path / names[2])]
    samples = [Sample(number, file, "fan", "00", None, "normal") for number, file in enumerate(files)]
    sheet = SampleSheet("s.tsv", str(tmp_path), samples, ["only"])
    assert files_of(sheet.recordings(Folder("fan", "only", "00", "normal"))) == [f"{tmp_path}/{name}" for name in names]


def test_an_id_without_abnormal_clips_has_none(sheet: SampleSheet) -> None:
    assert sheet.kinds_of("fan", "00") == ("normal", "abnormal")
    assert sheet.kinds_of("팬", "id 1") == ("normal",)
    assert sheet.recordings(Folder("팬", "0 dB", "id 1", "abnormal")) == []


def test_an_id_with_abnormal_clips_at_some_snrs_only_is_refused(sheet: SampleSheet) -> None:
    with pytest.raises(UserError, match="no line for machine fan, SNR 0 dB, ID 00, abnormal"):
        sheet.recordings(Folder("fan", "0 dB", "00", "abnormal"))


def test_recordings_that_are_not_there_are_named_with_their_line(sheet: SampleSheet, tmp_path: Path) -> None:
    (tmp_path / "a/2.wav").unlink()
    with pytest.raises(UserError, match=r"1 of 1 recordings .* line 3: '.*a/2.wav'.*dataset\.root"):
        sheet.recordings(Folder("fan", "6 dB", "00", "abnormal"))


# ------------------------------------------------------------------------- conditions, splits, attributes, channels

FULL = ["speed", "file", "machine", "split", "id", "label", "condition", "원인"]
FULL_LINES = [
    ["3", "a_ch1.wav", "fan", "train", "00", "normal", "", ""],
    ["3", "a_ch2.wav", "fan", "train", "00", "normal", "", ""],
    ["4.5", "b_ch1.wav", "fan", "test", "00", "abnormal", "leak", "물, x"],
    ["4.5", "b_ch2.wav", "fan", "test", "00", "abnormal", "leak", "물, x"],
    ["", "c_ch1.wav", "fan", "", "00", "unlabelled", "", ""],
    ["", "c_ch2.wav", "fan", "", "00", "unlabelled", "", ""],
]


def full_sheet(tmp_path: Path, lines: list[list[str]] = FULL_LINES, mark: str | None = None) -> SampleSheet:
    for line in lines:
        (tmp_path / line[1]).write_bytes(line[1].encode())
    return SampleSheet("s.tsv", str(tmp_path), read(write(tmp_path / "s.tsv", [FULL, *lines])), ["a"], mark)


def test_condition_split_and_columns_of_ones_own_are_kept(tmp_path: Path) -> None:
    sheet = full_sheet(tmp_path)
    assert sheet.kinds_of("fan", "00") == ("normal", "abnormal", "unlabelled")
    found = {kind: sheet.recordings(Folder("fan", "a", "00", kind)) for kind in sheet.kinds_of("fan", "00")}
    assert {kind: [os.path.basename(one.file) for one in of_kind] for kind, of_kind in found.items()} == {
        "normal": ["a_ch1.wav", "a_ch2.wav"],
        "abnormal": ["b_ch1.wav", "b_ch2.wav"],
        "unlabelled": ["c_ch1.wav", "c_ch2.wav"],
    }
    known = {kind: {(one.condition, one.split, one.attributes) for one in of_kind} for kind, of_kind in found.items()}
    assert known == {
        "normal": {("", "train", (("speed", "3"), ("원인", "")))},
        "abnormal": {("leak", "test", (("speed", "4.5"), ("원인", "물, x")))},
        "unlabelled": {("", "", (("speed", ""), ("원인", "")))},
    }


def test_files_of_channels_of_a_sheet_are_one_recording(tmp_path: Path) -> None:
    sheet = full_sheet(tmp_path, FULL_LINES[::-1], mark="_ch{channel}")
    (fault,) = sheet.recordings(Folder("fan", "a", "00", "abnormal"))
    assert fault.files == (f"{tmp_path}/b_ch1.wav", f"{tmp_path}/b_ch2.wav")
    assert fault.condition == "leak"
    other = [*FULL_LINES[2][:6], "belt", FULL_LINES[2][7]]
    with pytest.raises(UserError, match=r"s\.tsv: machine fan, SNR a, ID 00, abnormal: .*differ in condition"):
        full_sheet(tmp_path, [*FULL_LINES[:2], other, FULL_LINES[3]], "_ch{channel}").recordings(
            Folder("fan", "a", "00", "abnormal")
        )


def test_an_id_without_unlabelled_clips_has_none(tmp_path: Path) -> None:
    sheet = full_sheet(tmp_path, FULL_LINES[:4])
    assert sheet.kinds_of("fan", "00") == ("normal", "abnormal")
    assert sheet.recordings(Folder("fan", "a", "00", "unlabelled")) == []


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("lable", "normal", "unknown column 'lable', did you mean 'label'"),
        ("Label", "normal", "unknown column 'Label', did you mean 'label'"),
        ("spilt", "train", "unknown column 'spilt', did you mean 'split'"),
        ("conditions", "x", "unknown column 'conditions', did you mean 'condition'"),
        ("", "x", "a column has no name"),
        ("split", "dev", "'dev'"),
        ("label", "unlabeled", "'unlabeled'"),
    ],
)
def test_what_was_meant_for_a_known_column_is_no_attribute(tmp_path: Path, column: str, cell: str, said: str) -> None:
    header = [*HEADER[:3], column]
    assert said in message(write(tmp_path / "s.tsv", [header, ["a", "fan", "00", cell]]))


def test_one_recording_with_two_values_of_an_attribute_is_refused(tmp_path: Path) -> None:
    header = [*HEADER[:3], "speed"]
    lines = [["a.wav", "fan", "00", "3"], ["./a.wav", "fan", "00", "4"]]
    said = message(write(tmp_path / "s.tsv", [header, *lines]))
    assert "line 3: './a.wav' stands in line 2 already, as something else (speed: '3' there, '4' here)" in said


# ---------------------------------------------------------------------------------------------------- configuration


def test_a_configuration_may_leave_everything_to_the_sheet(tmp_path: Path) -> None:
    config: dict[str, Any] = {"dataset": {"samples": "s.tsv"}}
    samples = read(write(tmp_path / "s.tsv", [HEADER, *LINES]))
    assert complete_configuration(config, samples) == []
    assert config == {
        "dataset": {"samples": "s.tsv", "root": "."},
        "machines": {"fan": {"ids": ["00"]}, "팬": {"ids": ["id 1"]}},
        "snrs": {"6 dB": "", "0 dB": ""},
    }


def test_what_a_configuration_says_stays(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "dataset": {"samples": "s.tsv", "root": "/data"},
        "machines": {"fan": {"ids": ["00"], "split": "auto"}},
        "snrs": {"6 dB": "loud"},
    }
    given_config = yaml.safe_load(yaml.safe_dump(config))
    samples = read(write(tmp_path / "s.tsv", [HEADER, *LINES]))
    assert complete_configuration(config, samples) == []
    assert config == {**given_config, "reference_snr": "6 dB"}


def test_a_single_noise_level_needs_no_name(tmp_path: Path) -> None:
    config: dict[str, Any] = {"dataset": {"samples": "s.tsv"}}
    complete_configuration(config, read(write(tmp_path / "s.tsv", [HEADER[:3], ["a.wav", "fan", "00"]])))
    assert config["snrs"] == {"as_recorded": ""}
    assert config["reference_snr"] == "as_recorded"


def test_machines_ids_and_snrs_that_the_sheet_does_not_know_are_named(tmp_path: Path) -> None:
    samples = read(write(tmp_path / "s.tsv", [HEADER, *LINES]))
    config: dict[str, Any] = {"dataset": {"samples": "s.tsv"}, "machines": {"fna": {}}}
    assert complete_configuration(config, samples) == ["machines: fna is not in the sample sheet, which has fan, 팬"]
    config = {"machines": {"fan": {"ids": ["00", "01"]}}, "snrs": {"6 dB": "", "3 dB": ""}}
    problems = " ".join(sheet_problems(config, samples))
    assert "machines.fan.ids: 01 is not in the sample sheet, which has 00" in problems
    assert "snrs: 3 dB is not in the sample sheet, which has 0 dB, 6 dB" in problems


def test_several_snrs_need_a_column(tmp_path: Path) -> None:
    samples = read(write(tmp_path / "s.tsv", [HEADER[:3], ["a.wav", "fan", "00"]]))
    config = {"machines": {"fan": {"ids": ["00"]}}, "snrs": {"6 dB": "", "0 dB": ""}}
    assert "no column 'snr'" in " ".join(sheet_problems(config, samples))
