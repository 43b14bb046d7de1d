"""The names of runs: one spelling for each noise factor, seed and protocol, and back."""

from __future__ import annotations

import doctest
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from asd.ddae import run
from asd.ddae.run import Run, noise_factor_text
from asd.splits import PROTOCOLS, ProtocolName
from places import REPOSITORY

RUNS = st.builds(
    Run,
    st.none() | st.floats(0, 1e6, allow_nan=False),
    st.none() | st.integers(0, 2**32 - 1),
    st.sampled_from(["paper", "strict"]),
)


@given(RUNS)
def test_every_run_is_read_back_from_its_name(original: Run) -> None:
    assert Run.parse(str(original)) == original
    assert Run.of(original.noise_factor_text, original.seed_text, original.protocol) == original


@given(st.integers(0, 10**6))
def test_whole_numbers_have_one_spelling(number: int) -> None:
    assert noise_factor_text(float(number)) == noise_factor_text(number) == str(number)


def test_names_of_files() -> None:
    assert str(Run(0.7, 0, "paper")) == "nf0.7_seed0"
    assert str(Run(0.0, 12, "strict")) == "nf0_seed12_strict"
    assert str(Run(None, 3, "paper")) == "nfall_seed3"
    assert str(Run(1e-05, None, "strict")) == "nf1e-05_seedall_strict"
    assert [Run(None, 3, "paper").is_training, Run(0.1, None, "paper").is_training, Run(0, 0, "paper").is_training] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("name", ["", "nf0.7", "nf0.7_seed0_other", "nfx_seed0", "nf0.7_seedx", "seed0_nf0.7"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"nf|could not"):
        Run.parse(name)


def test_examples() -> None:
    assert doctest.testmod(run).failed == 0


def test_protocols_are_told_apart_by_their_suffixes_and_are_those_of_the_schema() -> None:
    assert len({protocol.suffix for protocol in PROTOCOLS.values()}) == len(PROTOCOLS)
    assert set(PROTOCOLS) == set(get_args(ProtocolName))
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    assert schema["properties"]["protocols"]["items"]["enum"] == list(PROTOCOLS)
