"""Machines, IDs and noise levels that a configuration leaves out, found in folders."""

from __future__ import annotations

import copy
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from asd.errors import UserError
from asd.recordings.discovery import complete_from_folders

TREE = (
    *("fan/id_02/normal/1.wav", "fan/id_00/normal/1.wav", "fan/id_00/abnormal/1.wav", "pump/a/normal/1.WAV"),
    *("pump/empty/normal/readme.txt", "notes/id_00/1.wav", "._fan/id_09/normal/1.wav", "fan/id_10/normal/._1.wav"),
)
FANS = ["id_00", "id_02", *(f"id_{number:02d}" for number in range(20, 29))]
MACHINES = {"fan": {"ids": FANS}, "pump": {"ids": ["a"]}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (*TREE, *(f"fan/id_{number:02d}/normal/1.wav" for number in range(20, 29))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def completed(root: Path, *patterns: str, **config: Any) -> dict[str, Any]:
    config = {"dataset": {"root": str(root)}, **config}
    complete_from_folders(config, patterns)
    return {name: value for name, value in config.items() if name != "dataset"}


def test_machines_and_ids_are_the_names_of_folders_with_recordings(root: Path) -> None:
    """Those of other files, hidden ones and those of macOS are none."""
    found = completed(root, "{machine}/{id}/{kind}/*.wav")
    assert found == {"snrs": {"as_recorded": ""}, "reference_snr": "as_recorded", "machines": MACHINES}
    assert list(found["machines"]) == ["fan", "pump"]


def test_what_the_configuration_says_stays(root: Path) -> None:
    own = {"snrs": {"loud": "x"}, "reference_snr": "loud", "machines": {"press": {"ids": ["1"]}}}
    assert completed(root, "{machine}/{id}/{kind}/*.wav", **copy.deepcopy(own)) == own
    several = {"snrs": {"a": "1", "b": "2"}}
    assert "reference_snr" not in completed(root, "{machine}/{id}/{kind}/*.wav", **several)


def test_what_the_pattern_does_not_name_has_a_name_of_its_own(root: Path) -> None:
    assert completed(root, "fan/{id}/{kind}/*.wav")["machines"] == {"machine": {"ids": FANS}}
    assert completed(root, "{machine}/*/{kind}/*.wav")["machines"] == {"fan": {"ids": ["00"]}, "pump": {"ids": ["00"]}}
    assert completed(root, "*/*/{kind}/*.wav")["machines"] == {"machine": {"ids": ["00"]}}


def test_machines_of_several_patterns_are_put_together(root: Path) -> None:
    patterns = ("{machine}/{id}/normal/*.wav", "{machine}/{id}/*.wav")
    assert completed(root, *patterns)["machines"] == {**MACHINES, "notes": {"ids": ["id_00"]}}


def test_noise_levels_are_not_made_up_where_the_pattern_has_them(root: Path) -> None:
    assert completed(root, "{snr_dir}/{machine}/{kind}/*.wav") == {
        "machines": {name: {"ids": ["00"]} for name in ("a", *FANS)}
    }


def test_a_placeholder_twice_in_a_pattern_has_to_be_the_same(root: Path) -> None:
    (root / "fan" / "fan" / "normal").mkdir(parents=True)
    (root / "fan" / "fan" / "normal" / "1.wav").write_bytes(b"x")
    assert completed(root, "{machine}/{machine}/{kind}/*.wav")["machines"] == {"fan": {"ids": ["00"]}}


def test_names_have_one_form_of_unicode(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        folder = tmp_path / form / unicodedata.normalize(form, "팬 é") / "normal"
        folder.mkdir(parents=True)
        (folder / "1.wav").write_bytes(b"x")
    assert completed(tmp_path, "*/{machine}/{kind}/*.wav")["machines"] == {"팬 é": {"ids": ["00"]}}


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (("{machine}/{id}_{kind}/*.wav",), r"\{id\} is not the name of a folder in dataset\.pattern"),
        (("{id}/{kind}_{machine}.wav",), r"\{machine\} is not the name of a folder"),
        (("{machine}/{id}.wav",), r"\{id\} is not the name of a folder"),
        (("{machine}/{id}/{kind}/*.flac",), r"nothing in .* matches dataset\.pattern .*It holds: .*fan, notes, pump"),
    ],
)
def test_what_can_not_be_found_has_to_be_listed(root: Path, patterns: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=f"^machines: is missing.*{said}.*machines: \\{{fan:"):
        completed(root, *patterns)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.root: there is no folder .*/none'\. Set dataset\.root"):
        completed(tmp_path / "none", "{machine}/{id}/{kind}/*.wav")
