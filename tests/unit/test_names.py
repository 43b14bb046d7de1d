"""Names: of recordings, which ones work, and of what a run consists of, which never give two outputs one path."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.plan import paths
from asd.plan.configuration import LONGEST_NAME, ConfigurationError
from asd.recordings.names import is_ignored, name_problem, names_under, require_usable_names, same_name
from plans import plan_of

# ---------------------------------------------------------------------------------------------------- of recordings


@pytest.mark.parametrize(
    "name",
    [
        *(
            "{id}.wav",
            "<results>.wav",
            "100%.wav",
            "$HOME.wav",
            "a;b|c&d.wav",
            "'a' \"b\".wav",
            "back\\slash.wav",
            "-rf",
        ),
        *(" a ", "소음.wav", unicodedata.normalize("NFD", "소음.wav"), "\U0001f50a.wav", "\u202egnp.wav", "a" * 255),
    ],
)
def test_names_that_can_be_written_down_work(name: str) -> None:
    assert name_problem(f"folder/{name}") is None


@pytest.mark.parametrize("letter", ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\x9b"])
@pytest.mark.parametrize("path", ["a{}b.wav", "a{}/b.wav", "{}.wav", "b.wav{}"])
def test_control_characters_are_refused_and_not_repeated(path: str, letter: str) -> None:
    problem = name_problem(path.format(letter))
    assert problem is not None
    assert "control character" in problem
    assert letter not in problem
    assert f"\\x{ord(letter):02x}" in problem


@pytest.mark.parametrize(
    ("name", "encoding"), [("소음 1.wav", "cp949"), ("騒音ｱ.wav", "cp932"), ("Lüfter ß.wav", "cp1252")]
)
def test_a_name_that_is_not_utf_8_is_refused_with_what_it_was_meant_as(name: str, encoding: str) -> None:
    path = os.fsdecode(b"/data/fan 1/" + name.encode(encoding))
    problem = name_problem(path)
    assert problem is not None
    assert problem.isprintable()
    assert repr(name) in problem
    assert f"convmv -f {encoding} -t utf-8 -r --notest '/data/fan 1'" in problem


def test_the_remedy_names_the_folder_above_the_first_wrong_name() -> None:
    wrong = os.fsdecode("소음".encode("cp949"))
    assert "--notest recordings" in str(name_problem(f"recordings/{wrong}/{wrong}.wav"))
    assert "--notest ." in str(name_problem(f"{wrong}/a.wav"))
    assert "--notest /" in str(name_problem(f"/{wrong}.wav"))


def test_bytes_that_are_no_text_in_any_encoding_are_refused() -> None:
    problem = name_problem(os.fsdecode(b"a\xff\x81\xfe.wav"))
    assert problem is not None
    assert "convmv" not in problem
    assert r"'a\xff\x81\xfe.wav': the name is not UTF-8. Rename it" in problem


def test_all_wrong_names_are_counted() -> None:
    require_usable_names(["a.wav", "{b}.wav"])
    with pytest.raises(UserError, match=r"^2 recordings have names that can't be used, the first: 'b\\x0a'"):
        require_usable_names(["a", "b\n", "c\t"])


@pytest.mark.parametrize("root", [".", "..", "/", "data", "/data", "../data", "data/a b", "../../data"])
@pytest.mark.parametrize(
    "name", ["a.wav", "fan/a.wav", "./a.wav", "../a.wav", "a/./b", "a/../b", "a//b", "..a/b", "a/.b", "a/"]
)
def test_names_under_a_folder_are_those_of_the_standard_library(root: str, name: str) -> None:
    paths = [f"{root}/{name}", name, root]
    assert names_under(root, paths) == [os.path.relpath(path, root) for path in paths]


def test_composed_and_decomposed_names_are_the_same() -> None:
    for name in ("소음", "Lüfter", "é"):
        forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
        assert len(forms) == 2
        assert len(set(map(same_name, forms))) == 1
    assert same_name("a") != same_name("A")


@pytest.mark.parametrize(
    "path",
    ["._a.wav", "fan/._a.wav", "__MACOSX/fan/a.wav", "fan/__MACOSX/a.wav", ".DS_Store", "Thumbs.db", ".git/a.wav"],
)
def test_what_systems_leave_behind_is_ignored(path: str) -> None:
    assert is_ignored(path)


@pytest.mark.parametrize(
    "path", ["a.wav", "./a.wav", "../fan/a.wav", "_a.wav", "MACOSX/a.wav", "a._b.wav", "/fan/a.wav"]
)
def test_recordings_are_not_ignored(path: str) -> None:
    assert not is_ignored(path)


# ------------------------------------------------------------------------------------------------------- of outputs

_PIECES = [
    "a",
    "b",
    "A",
    "_",
    "_",
    ".",
    "-",
    "NF0.7",
    "_NF0.7_",
    "strict",
    "normal",
    "abnormal",
    "comparisons",
    "all",
    "ü",
    "u\u0308",
]
_NAMES = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map("".join)
_DETECTORS = st.lists(st.sampled_from([*_PIECES[:-2], ":"]), min_size=1, max_size=4).map("".join)
_BYTES_WHILE_WRITTEN = len("..01234567-1234567.part")


def _configuration(
    machines: list[str], ids: list[str], snrs: list[str], detectors: list[str], ensembles: list[str]
) -> dict[str, Any]:
    return {
        "dataset": {"root": "recordings"},
        "machines": {name: {"ids": ids} for name in machines},
        "snrs": {name: f"text {number}" for number, name in enumerate(snrs)},
        "reference_snr": snrs[0],
        "detectors": [{"method": "LOF", "name": name} for name in detectors],
        "ensembles": [{"name": name, "detectors": detectors[:1], "over": ["noise_factors"]} for name in ensembles],
        "noise_factors": [0.7, 1.5],
        "seeds": [0, 1],
        "protocols": ["paper", "strict"],
    }


def _outputs(config: dict[str, Any]) -> list[str]:
    plan = plan_of(config)
    outputs = [*paths.final_outputs(plan), *paths.skipped(plan)]
    for suffix in ("csv", "comparisons.csv", "npz"):
        outputs += paths.evaluations(plan, suffix)
    for machine in plan.machines:
        outputs += paths.losses_of_machine(plan, machine)
        outputs += [
            f"log/{paths.of_run(paths.RUN, machine, run)}_{paths.file_name(name)}"
            for run in plan.scored_runs
            if not run.is_training
            for name in plan.names_at(run)
        ]
    return outputs


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    *[st.lists(_NAMES, min_size=1, max_size=3)] * 3,
    st.lists(_DETECTORS, min_size=1, max_size=3),
    st.lists(_DETECTORS, max_size=2),
)
def test_outputs_of_allowed_names_are_distinct_whatever_the_disk(
    machines: list[str], ids: list[str], snrs: list[str], detectors: list[str], ensembles: list[str]
) -> None:
    try:
        outputs = _outputs(_configuration(machines, ids, snrs, detectors, ensembles))
    except ConfigurationError:
        assume(False)
    on_any_disk = {unicodedata.normalize("NFC", path).casefold() for path in outputs}
    assert len(on_any_disk) == len(outputs)


def test_the_longest_names_leave_room_for_that_of_a_file_being_written() -> None:
    longest = [["m" * LONGEST_NAME], ["i" * LONGEST_NAME], ["s" * LONGEST_NAME], ["d" * LONGEST_NAME], []]
    config = _configuration(*longest) | {"noise_factors": [1.2345678901234567e-100]}
    parts = [part for path in _outputs(config) for part in PurePosixPath(path).parts]
    assert 220 < max(len(part.encode()) for part in parts) <= 255 - _BYTES_WHILE_WRITTEN
