"""Listing: nothing is left out silently, listed twice or under two labels, whatever files are called and linked by."""

from __future__ import annotations

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from asd.errors import UserError
from asd.plan import Plan, checks, parameters
from asd.recordings import listing as listing_module
from asd.recordings.layout import Folder, Listing, Recordings, doubly_used
from asd.recordings.listing import Finding, Oddity, existing_path, left_out, sentences_about
from asd.recordings.samplesheet import Sample, SampleSheet
from plans import plan_of

PATTERN = "{id}/{kind}/*.wav"
ID = Folder("fan", "snr", "a", "normal")
HANGUL = "선풍기"
NFC, NFD = (unicodedata.normalize(form, HANGUL) for form in ("NFC", "NFD"))


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def listed(root: Path, pattern: str = PATTERN, folder: Folder = ID, **settings: object) -> Listing:
    return Recordings(str(root), (pattern,), {"snr": ""}, **settings).listing(folder)  # type: ignore[arg-type]


def names(found: Listing, root: Path) -> list[str]:
    return [os.path.relpath(recording.file, root) for recording in found.recordings]


def oddities(found: Listing, root: Path) -> list[tuple[Oddity, str]]:
    return [(one.oddity, os.path.relpath(one.path, root)) for one in found.findings]


# ---------------------------------------------------------------------------------------------- what can't be used


def broken_link(path: Path) -> None:
    path.symlink_to("nowhere.wav")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def link_below_a_file(path: Path) -> None:
    path.symlink_to("1.wav/inside.wav")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket has to be short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder_like_a_recording(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "oddity"),
    [
        (broken_link, Oddity.BROKEN_LINK),
        (circle, Oddity.BROKEN_LINK),
        (link_below_a_file, Oddity.BROKEN_LINK),
        (pipe, Oddity.NOT_A_FILE),
        (bound_socket, Oddity.NOT_A_FILE),
        (link_to_a_device, Oddity.NOT_A_FILE),
        (folder_like_a_recording, Oddity.FOLDER),
    ],
)
def test_what_is_no_recording_is_found_named_and_left_out(
    tmp_path: Path, make: Callable[[Path], None], oddity: Oddity
) -> None:
    touch(tmp_path, "a/normal/1.wav", "a/normal/3.wav")
    make(tmp_path / "a/normal/2.wav")
    found = listed(tmp_path)
    assert names(found, tmp_path) == ["a/normal/1.wav", "a/normal/3.wav"]
    assert oddities(found, tmp_path) == [(oddity, "a/normal/2.wav")]
    assert list(left_out(found.findings)) == [str(tmp_path / "a/normal/2.wav")]


def test_an_empty_file_is_named_and_stays_for_the_reader_to_refuse(tmp_path: Path) -> None:
    touch(tmp_path, "a/normal/1.wav")
    (tmp_path / "a/normal/2.wav").write_bytes(b"")
    found = listed(tmp_path)
    assert names(found, tmp_path) == ["a/normal/1.wav", "a/normal/2.wav"]
    assert oddities(found, tmp_path) == [(Oddity.EMPTY, "a/normal/2.wav")]
    assert not left_out(found.findings)


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Folders that nobody may look into, root neither."""
    closed: set[str] = set()
    scandir = os.scandir

    def refuse(path: str) -> os.ScandirIterator[str]:
        if os.path.basename(os.path.normpath(path)) in closed:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(listing_module.os, "scandir", refuse)
    return closed


@pytest.mark.parametrize(
    ("pattern", "name", "recordings"),
    [
        ("{id}/**/*.wav", "deep", ["a/normal/1.wav"]),
        ("{id}/*/*.wav", "other", ["a/normal/1.wav"]),
        ("{id}/[no]*/*.wav", "other", ["a/normal/1.wav"]),
    ],
)
def test_a_folder_that_can_not_be_looked_into_is_found(
    tmp_path: Path, locked: set[str], pattern: str, name: str, recordings: list[str]
) -> None:
    touch(tmp_path, "a/normal/1.wav", f"a/{name}/2.wav")
    locked.add(name)
    found = listed(tmp_path, pattern)
    assert names(found, tmp_path) == recordings
    assert oddities(found, tmp_path) == [(Oddity.UNREADABLE, f"a/{name}")]
    assert "Permission denied" in str(found.findings[0])


def test_a_folder_of_which_nothing_can_be_read_says_so(tmp_path: Path, locked: set[str]) -> None:
    touch(tmp_path, "a/normal/1.wav")
    locked.add("normal")
    with pytest.raises(UserError, match=r"1 can't be looked into or at: .*a/normal \(Permission denied\)"):
        listed(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "link", "is_found"),
    [
        ("{id}/{kind}/*.wav", "a/normal", True),
        ("{id}/**/*.wav", "a/more", True),
        ("{id}/*/*.wav", "a/speed_1.5", True),
        ("{id}/**/*.wav", "a/notes.txt", False),
    ],
)
def test_a_broken_link_in_place_of_a_folder_is_found(tmp_path: Path, pattern: str, link: str, is_found: bool) -> None:
    touch(tmp_path, "a/other/1.wav")
    (tmp_path / link).symlink_to("/nowhere/at/all")
    try:
        found = [name for _, name in oddities(listed(tmp_path, pattern), tmp_path)]
    except UserError as error:
        found = [link] if f"1 lead nowhere (broken links): {tmp_path / link}" in str(error) else []
    assert found == ([link] if is_found else [])


# ------------------------------------------------------------------------------------------------ letters of endings


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("{id}/*.wav", ["a/1.WAV", "a/2.wav", "a/3.Wav"]),
        ("{id}/*.flac", ["a/1.Flac", "a/2.FLAC"]),
        ("{id}/*.MP3", ["a/1.mp3"]),
        ("{id}/**/*.Ogg", ["a/1.ogg", "a/x/2.OGG"]),
        ("{id}/{kind}_1.wav", ["a/normal_1.WAV"]),
    ],
)
def test_endings_of_sound_are_taken_in_any_letters(tmp_path: Path, pattern: str, there: list[str]) -> None:
    touch(tmp_path, *there, "a/other.txt")
    found = listed(tmp_path, pattern)
    assert names(found, tmp_path) == there
    ending = os.path.splitext(pattern)[1]
    expected = [name for name in there if not name.endswith(ending)]
    assert sorted(oddities(found, tmp_path)) == [(Oddity.OTHER_CASE, name) for name in expected]


def test_other_endings_in_other_letters_are_named_and_not_taken(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.dat", "a/2.DAT")
    found = listed(tmp_path, "{id}/*.dat")
    assert names(found, tmp_path) == ["a/1.dat"]
    assert oddities(found, tmp_path) == [(Oddity.NOT_TAKEN, "a/2.DAT")]


def test_letters_elsewhere_in_a_name_count(tmp_path: Path) -> None:
    touch(tmp_path, "a/ok_1.wav", "a/OK_2.wav", "A/ok_3.wav")
    assert names(listed(tmp_path, "{id}/ok_*.wav"), tmp_path) == ["a/ok_1.wav"]


# ---------------------------------------------------------------------------------------- links in circles, and names


@pytest.mark.parametrize(
    ("link", "target"), [("a/normal/again", "."), ("a/normal/x/up", "../.."), ("a/b", "normal"), ("a/normal/0", "x")]
)
def test_links_to_folders_listed_already_are_followed_once(tmp_path: Path, link: str, target: str) -> None:
    touch(tmp_path, "a/normal/1.wav", "a/normal/x/2.wav")
    (tmp_path / link).symlink_to(target)
    found = listed(tmp_path, "{id}/**/*.wav")
    assert names(found, tmp_path) == ["a/normal/1.wav", "a/normal/x/2.wav"]
    assert oddities(found, tmp_path)[0][0] == Oddity.LISTED_LINK


def test_links_that_lead_elsewhere_are_followed_and_in_circles_once(tmp_path: Path) -> None:
    touch(tmp_path, "there/1.wav", "there/deep/2.wav", "root/a/3.wav")
    (tmp_path / "root/a/link").symlink_to(tmp_path / "there")
    (tmp_path / "there/deep/back").symlink_to(tmp_path / "there")
    found = listed(tmp_path / "root", "{id}/**/*.wav")
    assert names(found, tmp_path / "root") == ["a/3.wav", "a/link/1.wav", "a/link/deep/2.wav"]


def test_two_links_to_each_other_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/x/1.wav", "a/y/2.wav")
    (tmp_path / "a/x/to_y").symlink_to("../y")
    (tmp_path / "a/y/to_x").symlink_to("../x")
    assert names(listed(tmp_path, "{id}/**/*.wav"), tmp_path) == ["a/x/1.wav", "a/y/2.wav"]


def linked(path: Path, target: Path) -> None:
    path.symlink_to(target)


def hard_linked(path: Path, target: Path) -> None:
    os.link(target, path)


def linked_by_a_link(path: Path, target: Path) -> None:
    between = target.parent / "between.link"
    between.symlink_to(target)
    path.symlink_to(between)


@pytest.mark.parametrize("link", [linked, hard_linked, linked_by_a_link])
def test_two_names_with_one_label_are_listed_once_and_said(tmp_path: Path, link: Callable[..., None]) -> None:
    touch(tmp_path, "a/normal/2.wav")
    link(tmp_path / "a/normal/1.wav", tmp_path / "a/normal/2.wav")
    found = listed(tmp_path)
    assert names(found, tmp_path) == ["a/normal/1.wav" if link is hard_linked else "a/normal/2.wav"]
    assert [oddity for oddity, _ in oddities(found, tmp_path)] == [Oddity.TWICE]
    assert {found.findings[0].path, found.findings[0].about} == {str(tmp_path / f"a/normal/{n}.wav") for n in (1, 2)}


@pytest.mark.parametrize("link", [linked, hard_linked, linked_by_a_link])
@pytest.mark.parametrize("other", ["a/abnormal", "b/normal"])
def test_two_labels_are_an_error_that_names_both(tmp_path: Path, link: Callable[..., None], other: str) -> None:
    touch(tmp_path, "a/normal/1.wav", f"{other}/x.wav", "a/abnormal/y.wav")
    link(tmp_path / other / "2.wav", tmp_path / "a/normal/1.wav")
    folders = [ID, Folder("fan", "snr", *other.split("/"))]
    text = doubly_used({folder: listed(tmp_path, folder=folder) for folder in folders})
    assert text is not None
    for part in ("a/normal/1.wav", f"{other}/2.wav", str(folders[0]), str(folders[1])):
        assert part in text


def test_a_recording_with_two_conditions_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "a/leak/1.wav")
    (tmp_path / "a/belt").symlink_to("leak")
    kinds = {"normal": ("leak", "belt")}
    with pytest.raises(UserError, match=r"leak/1\.wav.*belt/1\.wav|belt/1\.wav.*leak/1\.wav"):
        listed(tmp_path, kinds=kinds)


# ------------------------------------------------------------------------------------------------------------ Unicode


@pytest.mark.parametrize(("on_disk", "asked"), [(NFD, NFC), (NFC, NFD), (NFC, NFC), (NFD, NFD)])
@pytest.mark.parametrize("pattern", ["{machine}/{id}/*.wav", "{machine}_*/{id}/*.wav", "**/{machine}*/{id}/*.wav"])
def test_names_in_either_form_of_unicode_are_the_same(tmp_path: Path, on_disk: str, asked: str, pattern: str) -> None:
    suffix = "_x" if "*" in pattern.split("/{id}")[0] else ""
    touch(tmp_path, f"{on_disk}{suffix}/{on_disk}/{on_disk}.wav")
    found = listed(tmp_path, pattern, Folder(asked, "snr", asked, "normal"))
    assert names(found, tmp_path) == [f"{on_disk}{suffix}/{on_disk}/{on_disk}.wav"]


@pytest.mark.parametrize(("on_disk", "asked"), [(NFD, NFC), (NFC, NFD)])
def test_texts_of_kinds_conditions_and_splits_too(tmp_path: Path, on_disk: str, asked: str) -> None:
    touch(tmp_path, f"a/{on_disk}/{on_disk}_train/1.wav")
    settings = {"kinds": {"normal": (asked,)}, "splits": {"train": f"{asked}_train", "test": "test"}}
    (recording,) = listed(tmp_path, "{id}/{kind}/{split}/*.wav", **settings).recordings
    assert recording.split == "train"


@pytest.mark.parametrize(("on_disk", "asked"), [(NFD, NFC), (NFC, NFD)])
def test_roots_and_files_of_sheets_too(tmp_path: Path, on_disk: str, asked: str) -> None:
    touch(tmp_path, f"{on_disk}/x/{on_disk}.wav")
    assert existing_path(f"{tmp_path}/{asked}/x/{asked}.wav") == f"{tmp_path}/{on_disk}/x/{on_disk}.wav"
    assert existing_path(f"{tmp_path}/{asked}/y/{asked}.wav") == f"{tmp_path}/{asked}/y/{asked}.wav"
    samples = [Sample(2, f"{asked}/x/{asked}.wav", on_disk, "a", None, "normal")]
    found = SampleSheet("sheet", str(tmp_path), samples, ["snr"]).listing(Folder(asked, "snr", "a", "normal"))
    assert names(found, tmp_path) == [f"{on_disk}/x/{on_disk}.wav"]


def test_rows_are_in_the_same_order_in_both_forms(tmp_path: Path) -> None:
    clips = ["ä.wav", "b.wav", "z.wav", "가.wav", "각.wav", "나.wav"]
    for form in ("NFC", "NFD"):
        touch(tmp_path / form, *(f"a/{unicodedata.normalize(form, name)}" for name in clips))
    orders = [
        [unicodedata.normalize("NFC", name) for name in names(listed(tmp_path / form, "{id}/*.wav"), tmp_path / form)]
        for form in ("NFC", "NFD")
    ]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("clips", [("a.wav", "a.WAV"), (f"{NFC}.wav", f"{NFD}.wav"), (f"{NFC}.WAV", f"{NFD}.wav")])
def test_files_that_one_would_call_the_same_are_all_taken_and_said(tmp_path: Path, clips: tuple[str, str]) -> None:
    touch(tmp_path, *(f"a/{name}" for name in clips), "a/b.wav")
    found = listed(tmp_path, "{id}/*.wav")
    assert sorted(names(found, tmp_path)) == sorted(["a/b.wav", *(f"a/{name}" for name in clips)])
    assert [oddity for oddity, _ in oddities(found, tmp_path)].count(Oddity.SAME_NAME) == 1


# ------------------------------------------------------------------------------- what operating systems leave behind


@pytest.mark.parametrize(
    "name", ["a/normal/._1.wav", "__MACOSX/a/normal/1.wav", "a/normal/.hidden.wav", ".git/1.wav", "a/__MACOSX/._1.wav"]
)
def test_hidden_files_and_those_of_macos_are_ignored(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a/normal/1.wav", name)
    found = listed(tmp_path, "**/*.wav")
    assert (names(found, tmp_path), found.findings) == (["a/normal/1.wav"], [])


# --------------------------------------------------------------------------------------------------------------- sheets


def sheet(root: Path, *lines: tuple[str, str], machine_id: str = "a") -> SampleSheet:
    samples = [Sample(number, file, "fan", machine_id, None, kind) for number, (file, kind) in enumerate(lines, 2)]
    return SampleSheet("sheet.tsv", str(root), samples, ["snr"])


def test_trees_and_sheets_say_size_and_date_of_each_file_behind_links_too(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/1.wav", "a/normal/2.wav")
    (tmp_path / "a/normal/1.wav").symlink_to(tmp_path / "elsewhere/1.wav")
    (tmp_path / "elsewhere/1.wav").write_bytes(b"longer than the other one")
    os.utime(tmp_path / "a/normal/2.wav", ns=(1, 2_000_000_001))
    files = [f"{tmp_path}/a/normal/{number}.wav" for number in (1, 2)]
    of_sheet = sheet(tmp_path, *((file, "normal") for file in files)).listing(ID)
    for found in (listed(tmp_path), of_sheet):
        assert found.states == {file: (os.stat(file).st_size, os.stat(file).st_mtime_ns) for file in files}
        assert found.states[files[0]][0] == 25
        assert found.states[files[1]][1] == 2_000_000_001


@pytest.mark.parametrize("again", ["1.wav", "./x/../1.wav", "{root}/1.wav", "link.wav", "hard.wav"])
def test_a_sheet_may_name_a_recording_twice_with_one_label(tmp_path: Path, again: str) -> None:
    touch(tmp_path, "1.wav", "2.wav", "x/3.wav")
    (tmp_path / "link.wav").symlink_to("1.wav")
    os.link(tmp_path / "1.wav", tmp_path / "hard.wav")
    lines = [("1.wav", "normal"), (again.format(root=tmp_path), "normal"), ("2.wav", "normal")]
    found = sheet(tmp_path, *lines).listing(ID)
    assert names(found, tmp_path) == ["1.wav", "2.wav"]
    assert [one.oddity for one in found.findings] == [Oddity.TWICE]


@pytest.mark.parametrize("again", ["./x/../1.wav", "{root}/1.wav", "link.wav", "hard.wav"])
def test_a_sheet_with_two_labels_of_a_recording_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "1.wav", "2.wav", "3.wav", "4.wav", "x/5.wav")
    (tmp_path / "link.wav").symlink_to("1.wav")
    os.link(tmp_path / "1.wav", tmp_path / "hard.wav")
    lines = [f"{name}.wav\tfan\ta\tnormal" for name in "1234"]
    lines.append(f"{again.format(root=tmp_path)}\tfan\ta\tabnormal")
    text = "\n".join(["file\tmachine\tid\tlabel", *lines])
    (tmp_path / "sheet.tsv").write_text(text, encoding="utf-8")
    try:
        problems = checks.data_problems(plan_of({"dataset": {"samples": "sheet.tsv"}}))
    except UserError as error:  # by its text
        problems = [str(error)]
    assert any("1.wav" in problem and "normal" in problem and "abnormal" in problem for problem in problems), problems


def test_pipes_and_broken_links_of_a_sheet_are_found_and_missing_files_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "1.wav")
    pipe(tmp_path / "2.wav")
    broken_link(tmp_path / "3.wav")
    found = sheet(tmp_path, *((f"{n}.wav", "normal") for n in (1, 2, 3))).listing(ID)
    assert names(found, tmp_path) == ["1.wav"]
    assert [one.oddity for one in found.findings] == [Oddity.NOT_A_FILE, Oddity.BROKEN_LINK]
    for wrong in ("gone.wav", "."):
        with pytest.raises(UserError, match=r"1 of 2 recordings .* line 3"):
            sheet(tmp_path, ("1.wav", "normal"), (wrong, "normal")).listing(ID)


# ------------------------------------------------------------------------------------------------------------- the plan


def plan(tmp_path: Path, **dataset: object) -> Plan:
    return plan_of(
        {
            "dataset": {"root": str(tmp_path), "pattern": PATTERN, **dataset},
            "machines": {"fan": {"ids": ["a"]}},
            "snrs": {"snr": ""},
            "reference_snr": "snr",
        }
    )


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    touch(tmp_path, *(f"a/normal/{n}.wav" for n in range(9)), "a/normal/9.WAV", "a/abnormal/1.wav")
    broken_link(tmp_path / "a/normal/broken.wav")
    pipe(tmp_path / "a/abnormal/pipe.wav")
    return tmp_path


def test_what_may_hide_recordings_stops_a_run_and_the_rest_is_said(odd_tree: Path) -> None:
    (problem,) = checks.data_problems(plan(odd_tree))
    for part in ("1 lead nowhere (broken links)", "a/normal/broken.wav", "dataset.on_bad_clip: skip"):
        assert part in problem
    remarks = checks.data_remarks(plan(odd_tree))
    assert [remark.split("takes, ")[1].split(" ")[0:2] for remark in remarks] == [["1", "are"], ["1", "have"]]


def test_when_bad_clips_are_skipped_it_is_said_and_listed(odd_tree: Path) -> None:
    skipping = plan(odd_tree, on_bad_clip="skip")
    assert checks.data_problems(skipping) == []
    assert len(checks.data_remarks(skipping)) == 3
    found = parameters.findings_of(skipping, ID)
    assert list(found["left_out"]) == [str(odd_tree / "a/normal/broken.wav")]
    assert len(found["sentences"]) == 2


def test_many_findings_make_one_sentence() -> None:
    (sentence,) = sentences_about([Finding(Oddity.EMPTY, f"{n}.wav") for n in range(1000)])
    assert sentence == "1000 are empty (0 bytes): 0.wav, 1.wav, 2.wav and 997 more"
    (sentence,) = sentences_about([Finding(Oddity.EMPTY, "\x1b[2J\n.wav")])
    assert "\x1b" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("dataset", "is_said"),
    [({"root": "mimii"}, True), ({"root": "mimii", "on_bad_clip": "skip"}, True), ({"root": "there"}, False)],
)
def test_a_missing_download_is_named_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: dict[str, str], is_said: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there/6_dB_fan/fan").mkdir(parents=True)
    config = {
        "dataset": dataset,
        "machines": {"fan": {"ids": ["id_00"]}},
        "snrs": {"snr6": "6_dB"},
        "download": {
            "url": "https://example.org/{archive}.zip",
            "archives": {"6_dB_fan": {"bytes": 1, "md5": "0" * 32}},
        },
    }
    problems = checks.data_problems(plan_of(yaml.safe_load(yaml.safe_dump(config))))
    assert problems
    assert any("snakemake download" in problem for problem in problems) is is_said
