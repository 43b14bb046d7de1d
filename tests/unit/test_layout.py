"""From a pattern with placeholders to sorted lists of recordings, and what is said when there are none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.recordings.layout import (
    CACHE_FIELDS,
    MIMII_PATTERN,
    RECORDING_FIELDS,
    Folder,
    Recording,
    Recordings,
    clean_path,
    doubly_used,
    files_of,
    fill,
    joined_channels,
    placeholders,
)

SNRS = {"snr6": "6_dB", "snr_6": "-6_dB"}
FAN = Folder("fan", "snr6", "id_00", "normal")


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def found(root: Path, folder: Folder = FAN, pattern: str = MIMII_PATTERN, snrs: dict[str, str] = SNRS) -> list[str]:
    """Names of the recordings found, relative to `root`."""
    files = files_of(Recordings(str(root), (pattern,), snrs).recordings(folder))
    assert all(os.path.isfile(file) for file in files)
    return [os.path.relpath(file, root) for file in files]


# ------------------------------------------------------------------------------------------- patterns, placeholders


def test_placeholders_are_named_in_order() -> None:
    assert placeholders(MIMII_PATTERN) == ["snr_dir", "machine", "machine", "id", "kind"]
    assert placeholders("no/braces/*.wav") == []
    assert placeholders("") == []


def test_fields_of_recordings_and_caches_are_the_documented_ones() -> None:
    assert RECORDING_FIELDS == ("snr_dir", "machine", "id", "kind", "split", "condition")
    assert CACHE_FIELDS == ("snr", "machine", "id", "kind")


def test_doubled_braces_are_plain_text() -> None:
    assert placeholders("{{id}}/{id}") == ["id"]
    assert fill("{{id}}/{id}", {"id": "7"}) == "{id}/7"


@pytest.mark.parametrize(
    "pattern", ["{id", "id}", "{}", "{0}", "{id.x}", "{id[0]}", "{id!r}", "{id:>8}", "{ id }", "{a b}", "{a{b}}", "{"]
)
def test_anything_but_a_name_in_matching_braces_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\{|brace|'|placeholder|field"):
        placeholders(pattern)


def test_a_glob_keeps_its_own_wildcards_and_escapes_those_of_the_values() -> None:
    assert fill("{id}/*.wav", {"id": "a[1]*?"}, for_glob=True) == "a[[]1][*][?]/*.wav"
    assert fill("{id}/*.wav", {"id": "a[1]*?"}) == "a[1]*?/*.wav"


plain = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=8)
names = st.sampled_from(RECORDING_FIELDS)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(plain, names), max_size=6), plain, st.lists(plain, min_size=6, max_size=6))
def test_any_pattern_gives_its_names_back_and_is_filled_like_text(
    parts: list[tuple[str, str]], end: str, given_values: list[str]
) -> None:
    values = dict(zip(RECORDING_FIELDS, given_values, strict=True))
    pattern = "".join(f"{before}{{{name}}}" for before, name in parts) + end
    assert placeholders(pattern) == [name for _, name in parts]
    assert fill(pattern, values) == "".join(before + values[name] for before, name in parts) + end


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=20))
def test_any_text_has_placeholders_or_a_value_error(text: str) -> None:
    try:
        found_names = placeholders(text)
    except ValueError:
        return
    assert all(name.isidentifier() for name in found_names)
    fill(text, dict.fromkeys(found_names, "x"))


def test_one_folder_has_one_spelling() -> None:
    assert clean_path("data//mimii/") == clean_path("./data/mimii") == clean_path("data/x/../mimii") == "data/mimii"
    assert clean_path("~/mimii") == os.path.join(os.path.expanduser("~"), "mimii")


def test_a_folder_introduces_itself() -> None:
    assert str(FAN) == "machine fan, SNR snr6, ID id_00, normal"


# --------------------------------------------------------------------------------------------------- finding files


def test_recordings_come_in_sorted_order_with_the_root_in_front(tmp_path: Path) -> None:
    folder = "6_dB_fan/fan/id_00/normal"
    touch(tmp_path, *(f"{folder}/{name}.wav" for name in ("00000010", "00000002", "b", "a", "B", "00000001")))
    files = files_of(Recordings(str(tmp_path), (MIMII_PATTERN,), SNRS).recordings(FAN))
    expected = [f"{tmp_path}/{folder}/{n}.wav" for n in ("00000001", "00000002", "00000010", "B", "a", "b")]
    assert files == expected


def test_only_the_folder_asked_for_is_listed(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "6_dB_fan/fan/id_00/normal/1.wav",
        "6_dB_fan/fan/id_00/abnormal/2.wav",
        "6_dB_fan/fan/id_02/normal/3.wav",
        "-6_dB_fan/fan/id_00/normal/4.wav",
        "6_dB_pump/pump/id_00/normal/5.wav",
        "6_dB_fan/fan/id_00/normal/notes.txt",
    )
    assert found(tmp_path) == ["6_dB_fan/fan/id_00/normal/1.wav"]
    assert found(tmp_path, Folder("fan", "snr_6", "id_00", "normal")) == ["-6_dB_fan/fan/id_00/normal/4.wav"]


def test_hidden_files_and_folders_that_look_like_clips_are_left_out(tmp_path: Path) -> None:
    folder = "6_dB_fan/fan/id_00/normal"
    touch(tmp_path, f"{folder}/1.wav", f"{folder}/.2.wav", f"{folder}/._1.wav", f"{folder}/folder.wav/inside.wav")
    assert found(tmp_path) == [f"{folder}/1.wav"]


@pytest.mark.parametrize("name", ["two words", "선풍기", "[x]", "a*b", "what?", "[!a]", "1,2", "{braces}"])
def test_names_may_have_any_characters(tmp_path: Path, name: str) -> None:
    root = tmp_path / name / "root"
    folder = Folder(name, "snr", name, "normal")
    touch(root, f"{name}_{name}/{name}/{name}/normal/{name}.wav")
    touch(root, f"{name}_{name}/{name}/x/normal/another ID.wav")
    assert found(root, folder, snrs={"snr": name}) == [f"{name}_{name}/{name}/{name}/normal/{name}.wav"]


def test_a_name_with_brackets_does_not_match_what_the_brackets_would(tmp_path: Path) -> None:
    touch(tmp_path, "a1/1.wav", "a[1]/2.wav")
    assert found(tmp_path, Folder("fan", "snr6", "a[1]", "normal"), "{id}/*.wav") == ["a[1]/2.wav"]


def test_two_stars_search_all_folders_below(tmp_path: Path) -> None:
    touch(tmp_path, "id_00/normal/b/2.wav", "id_00/normal/1.wav", "id_00/normal/b/c/3.wav", "id_00/abnormal/4.wav")
    files = found(tmp_path, pattern="{id}/{kind}/**/*.wav")
    assert files == ["id_00/normal/1.wav", "id_00/normal/b/2.wav", "id_00/normal/b/c/3.wav"]


def test_a_file_that_matches_in_several_ways_is_listed_once(tmp_path: Path) -> None:
    touch(tmp_path, "x/id_00/y/normal/1.wav", "x/id_00/2.wav")
    files = found(tmp_path, pattern="**/{id}/**/**/*.wav")
    assert files == ["x/id_00/2.wav", "x/id_00/y/normal/1.wav"]


def test_the_kind_may_be_part_of_the_file_name(tmp_path: Path) -> None:
    touch(tmp_path, "section_00_normal_1.wav", "section_00_abnormal_2.wav")
    pattern = "section_{id}_{kind}_*.wav"
    assert found(tmp_path, Folder("fan", "snr6", "00", "normal"), pattern) == ["section_00_normal_1.wav"]
    assert found(tmp_path, Folder("fan", "snr6", "00", "abnormal"), pattern) == ["section_00_abnormal_2.wav"]


def test_other_file_types_can_be_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "id_00/normal/1.flac", "id_00/normal/2.wav")
    assert found(tmp_path, pattern="{id}/{kind}/*.flac") == ["id_00/normal/1.flac"]


def test_a_link_to_a_recording_is_a_recording(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/1.wav")
    (tmp_path / "id_00").mkdir()
    (tmp_path / "id_00" / "1.wav").symlink_to(tmp_path / "elsewhere" / "1.wav")
    (tmp_path / "id_00" / "2.wav").symlink_to(tmp_path / "nowhere.wav")
    assert found(tmp_path, pattern="{id}/*.wav") == ["id_00/1.wav"]


# ------------------------------------------------------------------------------------------------- nothing is found


def message(root: str | Path, pattern: str = MIMII_PATTERN, folder: Folder = FAN) -> str:
    with pytest.raises(UserError) as caught:
        Recordings(str(root), (pattern,), SNRS).recordings(folder)
    return str(caught.value)


def test_a_missing_root_is_named_with_the_key_to_change(tmp_path: Path) -> None:
    text = message(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in text
    assert "dataset.root" in text


def test_a_missing_relative_root_is_named_with_the_folder_it_was_looked_for_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = message("nowhere")
    assert "'nowhere'" in text
    assert repr(str(tmp_path)) in text


def test_a_root_that_is_a_file_is_no_folder(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    assert "no folder" in message(tmp_path / "file")


def test_the_deepest_folder_there_is_named_with_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path, "6_dB_fan/fan/id_02/normal/1.wav", "6_dB_fan/fan/id_04/normal/1.wav")
    text = message(tmp_path)
    assert "machine fan, SNR snr6, ID id_00, normal" in text
    assert "'6_dB_fan/fan/id_00/normal/*.wav'" in text
    assert f"'{tmp_path}/6_dB_fan/fan' exists and holds: id_02, id_04." in text
    assert "dataset.pattern" in text


def test_a_folder_with_other_files_is_named_with_them(tmp_path: Path) -> None:
    touch(tmp_path, "6_dB_fan/fan/id_00/normal/1.mp3", "6_dB_fan/fan/id_00/normal/notes.txt")
    assert f"'{tmp_path}/6_dB_fan/fan/id_00/normal' exists and holds: 1.mp3, notes.txt." in message(tmp_path)


def test_an_empty_root_holds_nothing(tmp_path: Path) -> None:
    assert f"'{tmp_path}' exists and holds: nothing." in message(tmp_path)


def test_of_many_entries_the_first_eight_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number:02d}.txt" for number in range(11)))
    text = message(tmp_path)
    assert "00.txt" in text
    assert "07.txt and 3 more" in text
    assert "08.txt" not in text


def test_a_pattern_with_two_stars_says_how_far_the_path_exists(tmp_path: Path) -> None:
    touch(tmp_path, "id_00/other/1.wav")
    assert f"'{tmp_path}/id_00' exists and holds: other." in message(tmp_path, "{id}/{kind}/**/*.wav")


# ----------------------------------------------------------------------------------------- several patterns, kinds


def test_recordings_of_several_patterns_come_in_the_order_of_the_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "test/normal_a.wav", "train/normal_b.wav", "train/normal_c.wav", "test/anomaly_a.wav")
    patterns = ("train/{kind}_*.wav", "test/{kind}_*.wav", "*/{kind}_*.wav")
    source = Recordings(str(tmp_path), patterns, SNRS, {"normal": ("normal",), "abnormal": ("anomaly",)})
    assert files_of(source.recordings(FAN)) == [
        f"{tmp_path}/{name}_{end}.wav"
        for name, end in (("train/normal", "b"), ("train/normal", "c"), ("test/normal", "a"))
    ]
    assert files_of(source.recordings(replace(FAN, kind="abnormal"))) == [f"{tmp_path}/test/anomaly_a.wav"]
    assert "abnormal" in source.kinds_of("fan", "id_00")


def test_without_a_text_for_abnormal_there_are_no_abnormal_clips(tmp_path: Path) -> None:
    touch(tmp_path, "normal/a.wav", "abnormal/a.wav")
    source = Recordings(str(tmp_path), ("normal/*.wav",), SNRS, {"normal": ("normal",)})
    assert files_of(source.recordings(FAN)) == [f"{tmp_path}/normal/a.wav"]
    assert files_of(source.recordings(replace(FAN, kind="abnormal"))) == []
    assert source.kinds_of("fan", "id_00") == ("normal",)


def test_missing_abnormal_clips_have_a_remedy_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "6_dB_fan/fan/id_00/normal/a.wav")
    assert "dataset.kinds: {normal: normal}" in message(tmp_path, folder=replace(FAN, kind="abnormal"))
    assert "dataset.kinds" not in message(tmp_path, folder=replace(FAN, machine_id="id_02"))


def test_a_recording_of_two_folders_is_noticed(tmp_path: Path) -> None:
    touch(tmp_path, "normal_1.wav", "abnormal_1.wav")
    source = Recordings(str(tmp_path), ("*{kind}*.wav",), SNRS)
    folders = [FAN, replace(FAN, kind="abnormal")]
    said = doubly_used({folder: source.listing(folder) for folder in folders})
    assert said is not None
    assert all(part in said for part in ("1 recordings", "abnormal_1.wav", *map(str, folders)))
    narrow = Recordings(str(tmp_path), ("{kind}_*.wav",), SNRS)
    assert doubly_used({folder: narrow.listing(folder) for folder in folders}) is None


# ------------------------------------------------------------------------------------- conditions, splits, attributes


def about(root: Path, pattern: str, kind: str = "abnormal", **options: Any) -> list[tuple[str, ...]]:
    """Name, condition, split and values of attributes of each recording found."""
    source = Recordings(str(root), (pattern,), {"snr6": ""}, **options)
    return [
        (
            os.path.relpath(one.file, root),
            one.condition,
            one.split,
            *(f"{name}={text}" for name, text in one.attributes),
        )
        for one in source.recordings(replace(FAN, kind=kind))
    ]


FAULTS = ("ok/1.wav", "leak/1.wav", "belt/1.wav", "fault_b/1.wav", "fault_a/1.wav", "leak/deep/2.wav", "other/1.wav")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("leak",), {"leak/1.wav": ""}),  # there is nothing to tell it from
        (("leak", "belt"), {"belt/1.wav": "belt", "leak/1.wav": "leak"}),
        (("fault_*",), {"fault_a/1.wav": "fault_a", "fault_b/1.wav": "fault_b"}),
        (("fault_?", "belt"), {"belt/1.wav": "belt", "fault_a/1.wav": "fault_a", "fault_b/1.wav": "fault_b"}),
        (("[lb]e*",), {"belt/1.wav": "belt", "leak/1.wav": "leak"}),
        (("leak", "leak*"), {"leak/1.wav": "leak"}),
        (("leak", "not there"), {"leak/1.wav": "leak"}),
    ],
)
def test_a_kind_of_several_texts_or_a_glob_gives_each_recording_its_condition(
    tmp_path: Path, texts: tuple[str, ...], found: dict[str, str]
) -> None:
    touch(tmp_path, *FAULTS)
    kinds = {"normal": ("ok",), "abnormal": texts}
    assert about(tmp_path, "{kind}/*.wav", kinds=kinds) == [(name, condition, "") for name, condition in found.items()]
    assert about(tmp_path, "{kind}/*.wav", "normal", kinds=kinds) == [("ok/1.wav", "", "")]


def test_a_kind_with_brackets_in_its_name_is_itself_and_the_glob(tmp_path: Path) -> None:
    touch(tmp_path, "leak[1]/a.wav", "leak1/b.wav", "leak2/c.wav")
    found = about(tmp_path, "{kind}/*.wav", kinds={"normal": ("ok",), "abnormal": ("leak[1]",)})
    assert found == [("leak1/b.wav", "leak1", ""), ("leak[1]/a.wav", "leak[1]", "")]


def test_a_condition_of_its_own_goes_before_that_of_the_kind(tmp_path: Path) -> None:
    touch(tmp_path, "NG/belt_1.wav", "NG2/leak_1.wav", "OK/cold_1.wav")
    kinds = {"normal": ("OK",), "abnormal": ("NG*",)}
    assert about(tmp_path, "{kind}/{condition}_*.wav", kinds=kinds) == [
        ("NG/belt_1.wav", "belt", ""),
        ("NG2/leak_1.wav", "leak", ""),
    ]
    assert about(tmp_path, "{kind}/{condition}_*.wav", "normal", kinds=kinds) == [("OK/cold_1.wav", "cold", "")]


def test_training_clips_come_first_whatever_their_folder_is_called(tmp_path: Path) -> None:
    touch(tmp_path, "a_eval/normal_1.wav", "b_dev/normal_2.wav", "b_dev/normal_0.wav", "c/normal_3.wav")
    found = about(tmp_path, "{split}/{kind}_*.wav", "normal", splits={"train": "b_dev", "test": "a_eval"})
    assert found == [
        ("b_dev/normal_0.wav", "", "train"),
        ("b_dev/normal_2.wav", "", "train"),
        ("a_eval/normal_1.wav", "", "test"),
    ]


def test_placeholders_of_ones_own_are_attributes(tmp_path: Path) -> None:
    touch(
        tmp_path, "test/source_normal_1_vel_6.wav", "train/target_normal_2_vel_10.wav", "train/noise_normal_3_vel_1.wav"
    )
    attributes = {"domain": ("source", "t*"), "vel": ("*",)}
    found = about(tmp_path, "{split}/{domain}_{kind}_*_vel_{vel}.wav", "normal", attributes=attributes)
    assert found == [
        ("train/target_normal_2_vel_10.wav", "", "train", "domain=target", "vel=10"),
        ("test/source_normal_1_vel_6.wav", "", "test", "domain=source", "vel=6"),
    ]


def test_unlabelled_recordings_need_not_be_there(tmp_path: Path) -> None:
    touch(tmp_path, "ok/1.wav", "today/2.wav")
    kinds = {"normal": ("ok",), "unlabelled": ("today",)}
    assert about(tmp_path, "{kind}/*.wav", "unlabelled", kinds=kinds) == [("today/2.wav", "", "")]
    (tmp_path / "today" / "2.wav").unlink()
    assert about(tmp_path, "{kind}/*.wav", "unlabelled", kinds=kinds) == []
    assert Recordings(str(tmp_path), ("{kind}/*.wav",), {}, kinds).kinds_of("fan", "id_00") == ("normal", "unlabelled")


# ----------------------------------------------------------------------------------------- a file for each channel


def test_files_of_channels_are_one_recording_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    touch(tmp_path, *(f"normal/{name}_ch{channel}.wav" for name in "ba" for channel in (10, 1, 9, 2)))
    source = Recordings(str(tmp_path), ("{kind}/*.wav",), {"snr6": ""}, channel_mark="_ch{channel}")
    found = [[os.path.basename(file) for file in one.files] for one in source.recordings(FAN)]
    assert found == [[f"{name}_ch{channel}.wav" for channel in (1, 2, 9, 10)] for name in "ab"]


def joined(*names: str, mark: str = "_ch{channel}") -> list[tuple[str, ...]]:
    return [one.files for one in joined_channels([Recording((name,)) for name in names], mark, "here")]


@pytest.mark.parametrize(
    ("mark", "names"),
    [
        ("_ch{channel}", ("1_car_ch3_0001.wav", "1_car_ch4_0001.wav")),  # ToyADMOS
        ("_ch{channel}", ("a_ch1_x_ch1.wav", "a_ch1_x_ch2.wav")),  # the last mark counts
        ("-{channel}.", ("2024-05-07-1.wav", "2024-05-07-2.wav")),
        ("mic{channel}", ("mic0 a.wav", "mic1 a.wav")),
        ("({channel})", ("a(1).wav", "a(2).wav")),
        ("_ch{channel}", ("a_ch01.wav", "a_ch02.wav")),
    ],
)
def test_the_mark_may_stand_anywhere_in_the_name(mark: str, names: tuple[str, str]) -> None:
    others = tuple(name.replace("a", "b").replace("0001", "0002").replace("07", "08") for name in names)
    assert others != names
    assert joined(names[0], others[0], names[1], others[1], mark=mark) == [names, others]


def test_numbers_are_compared_whole_and_folders_tell_recordings_apart() -> None:
    names = ("x/a_ch1.wav", "x/a_ch2.wav", "y/a_ch1.wav", "y/a_ch2.wav")
    assert joined(*names) == [names[:2], names[2:]]
    assert joined("a_ch1.wav", "a_ch11.wav") == [("a_ch1.wav", "a_ch11.wav")]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a_ch1.wav", "a_ch2.wav", "b_ch2.wav"), r"'b_ch2\.wav' has no file of channel 1, which others have"),
        (("a_ch1.wav", "b_ch1.wav", "b_ch2.wav", "b_ch3.wav"), r"'a_ch1\.wav' has no file of channel 2, 3"),
        (("a_ch1.wav", "a_ch01.wav"), r"'a_ch01\.wav' and another file are the same channel"),
        (("a_ch1.wav", "noise.wav"), r"dataset\.channels_as_files is '_ch\{channel\}'.*'noise\.wav'"),
    ],
)
def test_channels_that_are_missing_doubled_or_without_a_number_are_named(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{said}"):
        joined(*names)


@pytest.mark.parametrize("difference", [{"condition": "leak"}, {"split": "test"}, {"attributes": (("speed", "3"),)}])
def test_channels_of_which_different_things_are_known_are_named(difference: dict[str, Any]) -> None:
    first, second = Recording(("a_ch1.wav",)), Recording(("a_ch2.wav",), **difference)
    with pytest.raises(UserError, match="differ in condition"):
        joined_channels([first, second], "_ch{channel}", "here")
