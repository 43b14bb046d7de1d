"""What `snakemake check` makes of recordings: the same as the run, and what differs between folders that should not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd.features.extraction import Reading as ExtractionReading
from asd.features.extraction import extract_cache, features_problem
from asd.recordings import check
from asd.recordings.check import (
    Inspection,
    Reading,
    auc_error,
    failure,
    inspect,
    level_of,
    report,
    split_problems,
    unused_recordings,
)
from asd.recordings.layout import Folder, Recording
from asd.splits import Listed
from places import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases" / "recordings.py"
FOLDER = Folder("press", "as_recorded", "left", "normal")
ABNORMAL = Folder("press", "as_recorded", "left", "abnormal")


def write(
    path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1, seed: int = 0, loud: float = 0.1
) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = loud * np.random.default_rng(seed).normal(size=(int(seconds * rate), channels)).clip(-3, 3)
    soundfile.write(path, samples, rate)
    return str(path)


def of(names: list[str]) -> list[Recording]:
    return [Recording((name,)) for name in names]


def look(names: dict[Folder, list[str]], **reading: object) -> Inspection:
    return inspect({folder: of(listed) for folder, listed in names.items()}, Reading(**reading))  # type: ignore[arg-type]


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    return [write(tmp_path / f"{number}.wav", seed=number) for number in range(6)]


# ------------------------------------------------------------------------------------------------------ one folder


@pytest.mark.parametrize("samples", [True, False])
def test_ordinary_recordings_give_no_remarks(names: list[str], samples: bool) -> None:
    found = look({FOLDER: names}, samples=samples)
    assert (found.unusable, found.remarks, found.problems) == ([], [], [])
    assert [one.duration for one in found.seen[FOLDER]] == [1.0] * 6
    lines = report(found, [], [], []).splitlines()
    expected = ["press", "as_recorded", "left", "normal", "6", "0:00:06", "1.00", "16000", "1"]
    assert lines[1].split() == [*expected, *(["-20.0"] if samples else [])]
    assert lines[-1] == "Nothing suspicious."


@pytest.mark.parametrize("samples", [True, False])
@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"rate": 44100}, "another sample rate (44100 Hz): {odd}"),
        ({"rate": 8000}, "less than 16000 Hz"),
        ({"channels": 2}, "another number of channels (2): {odd}"),
        ({"seconds": 0.4}, "less than half or more than twice as long as the median (1.00 s): {odd}"),
        ({"seconds": 2.1}, "less than half or more than twice as long as the median (1.00 s): {odd}"),
    ],
)
def test_a_recording_unlike_the_others_is_named(
    names: list[str], tmp_path: Path, changes: dict, part: str, samples: bool
) -> None:
    odd = write(tmp_path / "odd.wav", seed=9, **changes)
    found = look({FOLDER: [*names, odd]}, samples=samples)
    assert found.unusable == []
    assert any(part.format(odd=odd) in remark and remark.startswith(str(FOLDER)) for remark in found.remarks)


def test_processes_change_nothing(names: list[str], tmp_path: Path) -> None:
    many = [write(tmp_path / f"many/{number}.wav", 0.1, seed=number) for number in range(40)]
    one, two = (inspect({FOLDER: of([*many, *names])}, Reading(), processes) for processes in (1, 2))
    assert one == two
    assert len(one.seen[FOLDER]) == 46


def test_progress_is_said_every_few_seconds(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_SECONDS_BETWEEN", 0.0)
    said: list[str] = []
    inspect({FOLDER: of(names)}, Reading(), 1, said.append)
    assert len(said) == 6
    assert said[2].startswith("3 of 6 recordings, about 0:00:0")


def test_the_level_is_that_of_full_scale() -> None:
    time_axis = np.arange(16000) / 16000
    assert level_of(np.sin(2 * np.pi * 100 * time_axis).astype(np.float32)) == pytest.approx(-3.01, abs=0.01)
    assert level_of(np.full(100, 0.5, np.float32)) == pytest.approx(-6.02, abs=0.01)
    assert level_of(np.zeros(100, np.float32)) == -300


# ------------------------------------------------------------------------------------------------- as the run does


def damaged(path: Path, seed: int) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def emptied(path: Path, seed: int) -> None:
    path.write_bytes(b"")


def text_instead(path: Path, seed: int) -> None:
    path.write_bytes(b"hello " * 500)


def silent(path: Path, seed: int) -> None:
    soundfile.write(path, np.zeros(16000), 16000)


def not_a_number(path: Path, seed: int) -> None:
    samples = 0.1 * np.random.default_rng(seed).normal(size=16000)
    samples[5000] = np.nan
    soundfile.write(path, samples, 16000, subtype="FLOAT")


def far_too_loud(path: Path, seed: int) -> None:
    soundfile.write(path, 1e30 * np.random.default_rng(seed).normal(size=16000), 16000, subtype="FLOAT")


def too_short(path: Path, seed: int) -> None:
    write(path, 0.01, seed=seed)


def flac_with_a_flipped_bit(path: Path, seed: int) -> None:
    soundfile.write(path, 0.1 * np.random.default_rng(seed).normal(size=16000), 16000, format="FLAC")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def channels_that_cancel(path: Path, seed: int) -> None:
    one = 0.1 * np.random.default_rng(seed).normal(size=16000)
    soundfile.write(path, np.stack([one, -one], 1), 16000)


def gone(path: Path, seed: int) -> None:
    path.unlink()


def a_folder(path: Path, seed: int) -> None:
    path.unlink()
    path.mkdir()


def good_float(path: Path, seed: int) -> None:
    soundfile.write(path, 3.0 * np.random.default_rng(seed).normal(size=16000), 16000, subtype="FLOAT")


def good_with_another_rate(path: Path, seed: int) -> None:
    write(path, 0.5, 44100, 2, seed)


SPOIL = [
    *(damaged, emptied, text_instead, silent, not_a_number, far_too_loud, too_short, flac_with_a_flipped_bit),
    *(channels_that_cancel, gone, a_folder, good_float, good_with_another_rate),
]


def refused_by_the_run(recordings: list[Recording], folder: Path, seconds: float | None) -> set[str]:
    """Names of the recordings that the extraction leaves out."""
    reading = ExtractionReading("mean", seconds, "skip", "code")
    outputs = [folder / name for name in ("c.npy", "c.csv", "c.skipped.csv")]
    extract_cache(recordings, "/", *outputs, reading)
    lines = outputs[2].read_text(encoding="utf-8").splitlines()[1:]
    return {"/" + line.split(",")[0] for line in lines}


def agree(recordings: list[Recording], folder: Path, seconds: float | None = None) -> set[str]:
    """What both refuse; they have to agree."""
    reading = Reading("mean", seconds, True, True, features_problem)
    found = inspect({FOLDER: recordings}, reading)
    by_check = {one.file for one in recordings if any(reason.startswith(one.file) for reason in found.unusable)}
    by_run = refused_by_the_run(recordings, folder, seconds)
    assert by_check == by_run
    return by_run


@pytest.mark.parametrize("seconds", [None, 0.4])
def test_check_and_run_agree_on_good_and_bad_recordings(tmp_path: Path, seconds: float | None) -> None:
    files = [Path(write(tmp_path / f"{number}.wav", seed=number)) for number in range(len(SPOIL))]
    for number, (path, spoil) in enumerate(zip(files, SPOIL, strict=True)):
        spoil(path, number)
    refused = agree(of(list(map(str, files))), tmp_path, seconds)
    assert {Path(name).name for name in refused} == {f"{number}.wav" for number in range(len(SPOIL) - 2)}


@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases/recordings.py")
def test_check_and_run_agree_on_oddly_made_recordings(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(CASES), str(tmp_path / "cases")], check=True, capture_output=True)
    files = [str(path) for path in sorted((tmp_path / "cases").iterdir()) if path.suffix in (".wav", ".mp3")]
    assert len(files) > 5
    agree(of([*files, write(tmp_path / "good.wav")]), tmp_path)


def test_check_and_run_agree_on_random_damage(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    files = [write(tmp_path / f"{number}.wav", 0.1, seed=number) for number in range(120)]
    for name in files[10:]:
        content = bytearray(Path(name).read_bytes())
        for _ in range(3):
            content[int(random.integers(60))] = int(random.integers(256))
        Path(name).write_bytes(content[: int(random.integers(20, len(content) + 1))])
    assert len(agree(of(files), tmp_path)) >= 60


def test_without_skip_all_that_is_broken_is_named(names: list[str], tmp_path: Path) -> None:
    bad = {"empty.wav": b"", "text.wav": b"hello" * 100, "cut.wav": Path(names[0]).read_bytes()[:1000]}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    paths = [*names, *(str(tmp_path / name) for name in bad), str(tmp_path / "none.wav")]
    found = look({FOLDER: paths})
    assert len(found.seen[FOLDER]) == 6
    assert [problem.split(":")[0] for problem in found.unusable] == paths[6:]
    assert look({FOLDER: names}, channel=1).unusable[0].startswith(f"{names[0]}: has 1 channel(s)")
    assert "Can't be used (4):" in report(found, [], [], [])


def test_a_folder_of_which_nothing_is_left_is_a_problem(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"x" * 100)
    found = look({FOLDER: names, ABNORMAL: [str(tmp_path / "bad.wav")]}, skip=True)
    assert found.problems == [f"{ABNORMAL}: no usable recording is left"]
    assert look({FOLDER: names, ABNORMAL: []}, skip=True).problems == []


@pytest.mark.parametrize(("problems", "unusable", "skip"), [(0, 0, False), (0, 7, True), (0, 0, True)])
def test_a_check_passes_where_the_run_does(problems: int, unusable: int, skip: bool) -> None:
    assert failure(problems, unusable, skip) is None


@pytest.mark.parametrize(
    ("problems", "unusable", "skip", "counted", "remedy"),
    [
        (1, 0, False, "1 problem, as listed", "Mend the configuration"),
        (2, 0, False, "2 problems, as listed", "Mend the configuration"),
        (0, 1, False, "1 recording can't be used, as listed", "leave it out"),
        (0, 3, False, "3 recordings can't be used, as listed", "on_bad_clip: skip to leave them out"),
        (1, 3, False, "1 problem, 3 recordings can't be used, as listed", "Replace or remove them"),
        (1, 3, True, "1 problem, as listed", "Mend the configuration"),
    ],
)
def test_a_failing_check_counts_what_there_is_and_says_what_to_do(
    problems: int, unusable: int, skip: bool, counted: str, remedy: str
) -> None:
    text = failure(problems, unusable, skip)
    assert text is not None
    assert text.startswith(counted)
    assert remedy in text
    assert " 0 " not in f" {text}"


# ----------------------------------------------------------------------------------------------- labels and copies


def test_copies_are_named_and_those_with_two_labels_first(names: list[str], tmp_path: Path) -> None:
    copy = shutil.copy(names[2], str(tmp_path / "copy.wav"))
    (remark,) = look({FOLDER: [*names, copy]}).remarks
    assert remark == f"2 recordings are the same: {names[2]}, {copy}"
    other = Folder("press", "as_recorded", "right", "normal")
    assert "but of several IDs or SNRs" in look({FOLDER: names, other: [copy]}).remarks[0]
    remark = look({FOLDER: names, ABNORMAL: [copy]}).remarks[0]
    assert remark == f"2 recordings are the same, but normal and abnormal: {names[2]}, {copy}"


def test_recordings_that_differ_outside_of_the_middle_are_no_copies(tmp_path: Path) -> None:
    samples = 0.1 * np.random.default_rng(0).normal(size=16000)
    paths = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    for number, path in enumerate(paths):
        samples[0] = 0.1 * number
        soundfile.write(path, samples, 16000)
    assert look({FOLDER: paths}).remarks == []


@pytest.mark.parametrize(
    ("folder", "name", "is_odd"),
    [
        (FOLDER, "abnormal_1.wav", True),
        (FOLDER, "2024-NG-01.wav", True),
        (FOLDER, "bearing Fault 3.wav", True),
        (FOLDER, "section_00_anomaly_0001.wav", True),
        (FOLDER, "불량_01.wav", True),
        (FOLDER, "비정상.wav", True),
        (FOLDER, "정상_1.wav", False),
        (FOLDER, "normal_1.wav", False),
        (FOLDER, "ringing_engine.wav", False),
        (FOLDER, "default_01.wav", False),
        (FOLDER, "normal_before_fault.wav", False),
        (ABNORMAL, "normal_1.wav", True),
        (ABNORMAL, "OK-17.wav", True),
        (ABNORMAL, "정상.wav", True),
        (ABNORMAL, "abnormal_1.wav", False),
        (ABNORMAL, "비정상.wav", False),
        (ABNORMAL, "book_1.wav", False),
    ],
)
def test_names_that_say_another_label_are_named(tmp_path: Path, folder: Folder, name: str, is_odd: bool) -> None:
    remarks = look({folder: [write(tmp_path / name)]}).remarks
    assert [remark.endswith(f"by their names: {tmp_path / name}") for remark in remarks] == [True] * is_odd


@pytest.mark.parametrize(("days", "is_odd"), [(4000, True), (3, True), (0.1, True), (0.001, False), (-3, False)])
def test_dates_in_the_future_are_named(names: list[str], days: float, is_odd: bool) -> None:
    moment = time.time() + 86400 * days
    os.utime(names[3], (moment, moment))
    remarks = look({FOLDER: names}, samples=False).remarks
    assert [names[3] in remark and "in the future" in remark for remark in remarks] == [True] * is_odd


# --------------------------------------------------------------------------------------------------- between folders


def pair(tmp_path: Path, second: Folder = ABNORMAL, **changes: object) -> list[str]:
    """Remarks about two folders, of which the second one differs."""
    first = [write(tmp_path / f"first/{number}.wav", seed=number) for number in range(6)]
    other = [write(tmp_path / f"second/{number}.wav", seed=100 + number, **changes) for number in range(6)]  # type: ignore[arg-type]
    return list(look({FOLDER: first, second: other}).remarks)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"rate": 48000}, "sample rate (normal 16000 Hz, abnormal 48000 Hz)"),
        ({"rate": 22050}, "sample rate (normal 16000 Hz, abnormal 22050 Hz)"),
        ({"channels": 2}, "number of channels (normal 1, abnormal 2)"),
        ({"seconds": 1.5}, "length (normal 1.00 s, abnormal 1.50 s)"),
        ({"seconds": 0.6}, "length (normal 1.00 s, abnormal 0.60 s)"),
        ({"loud": 0.2}, "level (normal -20.0 dB, abnormal -14.0 dB)"),
        ({"loud": 0.06}, "level (normal -20.0 dB, abnormal -24.5 dB)"),
        ({"loud": 0.005}, "level (normal -20.0 dB, abnormal -46.1 dB)"),
    ],
)
def test_what_tells_kinds_apart_but_is_not_the_machine_is_named(tmp_path: Path, changes: dict, part: str) -> None:
    (remark,) = (remark for remark in pair(tmp_path, **changes) if "recordings differ" in remark)
    assert part in remark
    assert "would learn the recorder" in remark


@pytest.mark.parametrize("changes", [{}, {"loud": 0.12}, {"seconds": 1.1}])
def test_what_is_usual_between_kinds_is_not_named(tmp_path: Path, changes: dict) -> None:
    assert pair(tmp_path, **changes) == []


def test_formats_that_differ_between_kinds_are_named(tmp_path: Path) -> None:
    first = [write(tmp_path / f"{number}.wav", seed=number) for number in range(6)]
    other = [write(tmp_path / f"{number}.flac", seed=100 + number) for number in range(6)]
    (remark,) = look({FOLDER: first, ABNORMAL: other}).remarks
    assert "file format (normal .wav, abnormal .flac)" in remark


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (Folder("press", "as_recorded", "right", "normal"), "SNR as_recorded: its IDs differ in"),
        (Folder("press", "quiet", "left", "normal"), "ID left: its SNRs differ in"),
    ],
)
@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"rate": 48000}, "sample rate ("),
        ({"channels": 4}, "number of channels ("),
        ({"seconds": 2}, "length ("),
        ({"loud": 0.005}, "level ("),
    ],
)
def test_what_differs_between_ids_and_snrs_is_named(
    tmp_path: Path, second: Folder, what: str, changes: dict, part: str
) -> None:
    assert any(what in remark and part in remark for remark in pair(tmp_path, second, **changes))


@pytest.mark.parametrize(
    ("names_at_other", "part"),
    [
        (["1.wav", "2.wav", "3.wav"], None),
        (["1.flac", "2.flac", "3.flac"], None),
        (["1_quiet.wav", "2_quiet.wav", "3_quiet.wav"], None),
        (["-6_dB1.wav", "-6_dB2.wav", "-6_dB3.wav"], None),
        (["1.wav", "2.wav"], "not as many clips at every SNR (loud 3, quiet 2)"),
        (["1.wav", "2.wav", "3.wav", "4.wav"], "not as many clips at every SNR (loud 3, quiet 4)"),
        (["1.wav", "3.wav", "4.wav"], "2 of 3 have other names at SNR loud than at quiet, such as '2' and '3'"),
        (["x.wav", "y.wav", "z.wav"], "3 of 3 have other names"),
    ],
)
def test_names_and_counts_are_compared_across_snrs(tmp_path: Path, names_at_other: list[str], part: str | None) -> None:
    folders = {
        Folder("fan", "loud", "a", "normal"): [f"loud/{number}.wav" for number in (1, 2, 3)],
        Folder("fan", "quiet", "a", "normal"): [f"quiet/{name}" for name in names_at_other],
    }
    recordings = {
        folder: of([write(tmp_path / name, 0.1, seed=number + len(folder.snr)) for number, name in enumerate(listed)])
        for folder, listed in folders.items()
    }
    remarks = inspect(recordings, Reading(samples=False), snr_dirs={"loud": "6_dB", "quiet": "-6_dB"}).remarks
    found = [remark for remark in remarks if "clip n is taken for the same one" in remark]
    assert len(found) == (part is not None)
    assert part is None or part in found[0]


# --------------------------------------------------------------------------------------------------------- few clips


def clips(normal: int, abnormal: int) -> dict[Folder, Listed]:
    return {FOLDER: Listed.whole(normal), ABNORMAL: Listed.whole(abnormal)}


def computation(**changes: object) -> dict:
    shares = {"ddae": 20.0, "ad_train": 56.0, "ad_test": 24.0}
    common = {"machine": "press", "reference_snr": "as_recorded", "protocol": "strict", "seed": 0}
    return {
        "splits": [
            {
                "training": {**common, "share": 20.0},
                "detection": {**common, "units": [["as_recorded", "left"]], "shares": shares},
            }
        ],
        "batch_size": 1,
        "fewest_to_hold_out": 0,
        "threshold_percentile": 50.0,
        "whitened_columns": {},
        **changes,
    }


@pytest.mark.parametrize(
    ("normal", "abnormal", "part"),
    [
        (10, 5, "2 of 10 normal and 5 of 5 abnormal clips are tested"),
        (30, 6, "7 of 30 normal and 6 of 6 abnormal clips are tested"),
        (200, 3, "3 of 3 abnormal clips are tested"),
        (200, 60, None),
        (200, 0, None),
    ],
)
def test_too_few_clips_to_test_with_are_named(normal: int, abnormal: int, part: str | None) -> None:
    problems, remarks = split_problems(clips(normal, abnormal), [computation()])
    assert problems == []
    assert len(remarks) == (part is not None)
    assert part is None or part in remarks[0]


@pytest.mark.parametrize(
    ("normal", "changes", "part"),
    [
        (100, {"batch_size": 64}, "20 clips train the DDAE, fewer than a batch (64)"),
        (100, {"batch_size": 20}, None),
        (100, {"batch_size": "auto", "fewest_to_hold_out": 20}, None),
        (100, {"batch_size": "auto", "fewest_to_hold_out": 21}, "20 clips train the DDAE, too few to hold one out"),
        (30, {"threshold_percentile": 95.0}, "17 clips train the detectors"),
        (30, {"threshold_percentile": 99.0}, "100 are needed"),
        (100, {"threshold_percentile": 95.0}, None),
        (100, {"threshold_percentile": 100.0}, None),
        (300, {"whitened_columns": {"A": 272, "B": 136}}, "168 clips of SNR as_recorded, ID left, are fewer"),
        (300, {"whitened_columns": {"B": 136}}, None),
    ],
)
def test_too_few_clips_to_train_with_are_named(normal: int, changes: dict, part: str | None) -> None:
    problems, remarks = split_problems(clips(normal, 0), [computation(**changes)])
    assert problems == []
    assert len(remarks) == (part is not None), remarks
    assert part is None or part in remarks[0]


@pytest.mark.parametrize("normal", [0, 1, 3])
def test_too_few_clips_for_the_protocol_are_a_problem(normal: int) -> None:
    (problem,), remarks = split_problems(clips(normal, 5), [computation()])
    assert f"{normal} normal clips are too few for the strict protocol" in problem
    assert remarks == []


def test_clips_of_one_recording_can_not_be_split(tmp_path: Path) -> None:
    long = write(tmp_path / "hour.wav", 8.0)
    found = inspect({FOLDER: of([long]), ABNORMAL: of([write(tmp_path / "x.wav", 2.0, seed=1)])}, Reading(seconds=0.5))
    assert len(found.clips[FOLDER]) == 16
    (problem,), _ = split_problems(found.clips, [computation()])
    assert "were cut from one recording" in problem


def test_what_is_broken_counts_until_it_is_to_be_skipped(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    listed = {FOLDER: [*names[:3], str(tmp_path / "bad.wav")], ABNORMAL: [write(tmp_path / "x.wav", seed=77)]}
    for skip, too_few in ((False, 0), (True, 1)):
        assert len(split_problems(look(listed, skip=skip).clips, [computation()])[0]) == too_few


def test_the_error_of_an_auc_is_that_of_chance() -> None:
    random = np.random.default_rng(0)
    normal, abnormal = random.normal(size=(4000, 4)), random.normal(size=(4000, 7))
    aucs = (normal[:, :, None] < abnormal[:, None, :]).mean(axis=(1, 2))
    assert auc_error(4, 7) == pytest.approx(aucs.std(), rel=0.05)


# ------------------------------------------------------------------------------------------------------------- report


@pytest.mark.parametrize("from_sheet", [False, True])
def test_audio_files_that_are_not_used_are_found_and_others_are_not(tmp_path: Path, from_sheet: bool) -> None:
    for name in ("a/1.wav", "a/2.FLAC", "a/3.m4a", "b/4.ogg", "b/5.wma", "b/notes.txt", ".hidden/6.wav", "a/.7.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a/link.wav").symlink_to("1.wav")
    used = [f"{tmp_path}/b/../a/1.wav"]
    expected = ["a/2.FLAC", "a/3.m4a", *([] if from_sheet else ["b/4.ogg", "b/5.wma"])]
    found = unused_recordings(str(tmp_path), used, from_sheet)
    assert [os.path.relpath(path, tmp_path) for path in found] == expected


def test_long_lists_are_cut(names: list[str]) -> None:
    problems = [f"problem {number}" for number in range(50)]
    text = report(look({FOLDER: names}), problems, ["few"], [f"{number}.wav" for number in range(9)], ["remark"])
    assert "Wrong (50):" in text
    assert "problem 19\n  and 30 more" in text
    assert "9 audio files that no key of the configuration takes: 0.wav, 1.wav, 2.wav, 3.wav, 4.wav and 4 more" in text
    assert "  - remark" in text
    assert "Few clips (1):\n  - few" in text


@pytest.mark.parametrize("code", ["\x1b[2J", "\x9b31m", "\r", "\x07", "\u202e"])
def test_nothing_in_a_report_is_a_command_to_the_terminal(names: list[str], code: str) -> None:
    folder = Folder("press", "as_recorded", f"left{code}", "normal")
    found = look({folder: names})
    text = report(found, [f"problem {code}"], [f"few {code}"], [f"x{code}.wav"], [f"remark {code}"])
    assert code not in text


@pytest.mark.parametrize(("scale", "is_fine"), [(1e-6, True), (1.0, True), (1e5, True), (1e30, False), (1e35, False)])
def test_features_are_computed_where_they_may_not_be_finite(scale: float, is_fine: bool) -> None:
    sound = (scale * np.random.default_rng(0).normal(size=8000)).astype(np.float32)
    assert (features_problem(sound) is None) is is_fine


def test_headers_that_are_wrong_in_what_makes_no_difference_are_named_once(names: list[str]) -> None:
    for name in names[:2]:
        content = bytearray(Path(name).read_bytes())
        content[28:32] = bytes(4)  # the byte rate
        Path(name).write_bytes(content)
    (remark,) = look({FOLDER: names}).remarks
    assert remark.startswith(f"2 recording(s), such as {names[0]}: its byte rate")
