"""Folders of models: which one is whose, and which one is meant."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from asd.errors import UserError
from asd.scoring.library import Library, chosen_model
from small_models import small_model

FEATURES = np.random.default_rng(0).standard_normal((8, 136)).astype(np.float32)
SNRS = {"snr6": "6 dB", "snr0": "0 dB", "snr_6": "-6 dB"}


def shelve(
    root: Path, machine: str, machine_id: str, snr: str = "snr6", protocol: str = "strict", seed: int = 0
) -> Path:
    """Write a model where the workflow has it."""
    run = f"nf0.7_seed{seed}{'' if protocol == 'paper' else f'_{protocol}'}"
    path = root / machine / run / f"{snr}_{machine_id}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"machine": machine, "id": machine_id, "snr": snr, "snr_label": SNRS[snr]}
    small_model(path, FEATURES[:4], FEATURES[4:], **about, protocol=protocol, seed=str(seed))
    return path


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for machine in ("fan", "valve"):
        for protocol in ("strict", "paper"):
            shelve(root, machine, "id_00", protocol=protocol)
    for snr in SNRS:
        shelve(root, "fan", "id_02", snr)
    shelve(root, "pump", "id_04", seed=0)
    shelve(root, "pump", "id_04", seed=1)
    (root / "features.onnx").write_bytes(b"no model")
    (root / ".hidden.onnx").write_bytes(b"no model")
    (root / "fan" / "notes.txt").write_text("no model")
    return root


def test_all_models_are_found_and_nothing_else(shelves: Path) -> None:
    library = Library.of(shelves)
    assert len(library.models) == 9
    assert library.problems == ()


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("fan/id_00", "fan/nf0.7_seed0_strict/snr6_id_00.onnx"),  # the protocol that is preferred
        ("valve/id_00/snr6", "valve/nf0.7_seed0_strict/snr6_id_00.onnx"),
        ("fan/id_02/snr6", "fan/nf0.7_seed0_strict/snr6_id_02.onnx"),
        ("fan/id_02/snr_6", "fan/nf0.7_seed0_strict/snr_6_id_02.onnx"),
        ("fan/id_02/-6 dB", "fan/nf0.7_seed0_strict/snr_6_id_02.onnx"),
        ("fan/id_02/-6_dB", "fan/nf0.7_seed0_strict/snr_6_id_02.onnx"),
        ("fan/id_02/6dB", "fan/nf0.7_seed0_strict/snr6_id_02.onnx"),
    ],
)
def test_a_model_is_found_by_machine_id_and_snr(shelves: Path, wanted: str, path: str) -> None:
    assert chosen_model(str(shelves), wanted) == str(shelves / path)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("fan/id_02", r"for fan/id_02 there are 3 models. Name the SNR as well, as in --model-for fan/id_02/snr"),
        ("pump/id_04", r"for pump/id_04 there are 2 models. Give the folder of one run, or one of the files"),
        ("pump/id_04/snr0", "there is no model for pump/id_04/snr0. There are:\n"),
        ("slider/id_00", "there is no model for slider/id_00. There are:\n"),
        ("fan/id_02/snr", "there is no model for fan/id_02/snr. There are:\n"),
        ("fan", "MACHINE/ID or MACHINE/ID/SNR is wanted"),
        ("fan//snr6", "MACHINE/ID or MACHINE/ID/SNR is wanted"),
        ("a/b/c/d", "MACHINE/ID or MACHINE/ID/SNR is wanted"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_choice(shelves: Path, wanted: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        chosen_model(str(shelves), wanted)


def test_the_preferred_protocol_does_not_decide_on_anything_else(tmp_path: Path) -> None:
    shelve(tmp_path, "fan", "id_00", "snr6", "strict")
    shelve(tmp_path, "fan", "id_00", "snr0", "paper")
    with pytest.raises(UserError, match=r"there are 2 models\. Name the SNR"):
        chosen_model(str(tmp_path), "fan/id_00")
    assert Library.of(tmp_path).model_for("fan/id_00/snr0").about.protocol == "paper"
    again = shelve(tmp_path / "copy", "fan", "id_00", "snr6", "strict")
    with pytest.raises(
        UserError, match=r"there are 2 models\. Give the folder of one run, or one of the files"
    ) as caught:
        chosen_model(str(tmp_path), "fan/id_00/snr6")
    assert str(again) in str(caught.value)


def test_the_choice_names_every_model_that_could_be_meant(shelves: Path) -> None:
    with pytest.raises(UserError) as caught:
        chosen_model(str(shelves), "fan/id_02")
    lines = str(caught.value).splitlines()[1:]
    assert {re.sub(r" \(.*", "", line.strip()) for line in lines} == {f"fan/id_02/{snr}" for snr in SNRS}
    assert all(str(shelves) in line for line in lines)


def test_the_folder_of_a_run_is_enough_where_it_settles_it(shelves: Path) -> None:
    run = shelves / "pump" / "nf0.7_seed1_strict"
    assert chosen_model(str(run)) == chosen_model(str(run), "pump/id_04") == str(run / "snr6_id_04.onnx")


def test_a_folder_with_several_asks_which(shelves: Path) -> None:
    with pytest.raises(UserError, match=r"there are 9 models .* Say whose is meant with --model-for"):
        chosen_model(str(shelves))


def test_a_file_is_itself_and_needs_no_choice(shelves: Path) -> None:
    path = str(shelves / "fan/nf0.7_seed0_strict/snr6_id_02.onnx")
    assert chosen_model(path) == path
    with pytest.raises(UserError, match="--model-for chooses from a folder"):
        chosen_model(path, "fan/id_02")


def test_folders_without_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no model in this folder"):
        chosen_model(str(tmp_path))
    with pytest.raises(UserError, match="is not a folder"):
        Library.of(tmp_path / "none")


def test_a_damaged_model_is_said_and_does_not_hide_behind_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict, paper = (shelve(tmp_path, "fan", "id_00", protocol=protocol) for protocol in ("strict", "paper"))
    strict.write_bytes(strict.read_bytes()[:-1])
    assert chosen_model(str(tmp_path), "fan/id_00") == str(paper)
    assert f"asd: {strict}: this is no model of this package, or it is damaged" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------------- by path


@pytest.mark.parametrize(
    ("recording", "path"),
    [
        ("/data/fan/id_00/a.wav", "fan/nf0.7_seed0_strict/snr6_id_00.onnx"),
        ("/data/fan/line 3/id_00/night/a.wav", "fan/nf0.7_seed0_strict/snr6_id_00.onnx"),
        ("/data/valve/fan/id_00/a.wav", "fan/nf0.7_seed0_strict/snr6_id_00.onnx"),  # the nearer one
        ("/data/-6_dB_fan/fan/id_02/abnormal/a.wav", "fan/nf0.7_seed0_strict/snr_6_id_02.onnx"),
        ("/data/6_dB_fan/fan/id_02/abnormal/a.wav", "fan/nf0.7_seed0_strict/snr6_id_02.onnx"),
        ("/data/fan/id_02/0_dB/a.wav", "fan/nf0.7_seed0_strict/snr0_id_02.onnx"),
        ("/data/snr0/fan/id_02/a.wav", "fan/nf0.7_seed0_strict/snr0_id_02.onnx"),
    ],
)
def test_folders_say_whose_a_recording_is(shelves: Path, recording: str, path: str) -> None:
    assert Library.of(shelves).model_by_path(recording).path == str(shelves / path)


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ("/data/id_00/fan/a.wav", "no folder above it has the name of an ID, below one with the name of its machine"),
        ("/data/fan_id_00/a.wav", "no folder above it"),
        ("/data/fan/id_00.wav", "no folder above it"),
        ("/data/fan/id_02/a.wav", "there are 3 models. Name a folder of the recordings after the SNR"),
        ("/data/pump/id_04/a.wav", "there are 2 models"),
    ],
)
def test_recordings_of_nobody_are_refused(shelves: Path, recording: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        Library.of(shelves).model_by_path(recording)
    assert str(caught.value).startswith(f"{recording}: ")
