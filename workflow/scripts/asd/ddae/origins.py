"""Whose weights and loss curves have to be.  The plan reads it, too, on machines without NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from ..errors import UserError
from ..features.cliplist import read_list_checksum
from ..files import StrPath
from ..files.integrity import read_origin_of_archive
from ..files.origin import Origin, Origins, made_from, origins_of


def expected_weights(
    about: Origins, name: str, clip_lists: Sequence[StrPath], lists: str = "reference"
) -> list[Origin]:
    """Whose weights, loss curves or ID classifiers have to be, what they have to be made from included.

    Parameters
    ----------
    about
        Under `name` the trainings; under `lists` the clip lists that are given here in the same order.
    clip_lists
        Of the caches whose clips train them.

    Raises
    ------
    UserError
        If a clip list is not the expected one.
    """
    pairs = zip(clip_lists, origins_of(about, lists), strict=True)
    clips = made_from([read_list_checksum(*pair) for pair in pairs])
    return [replace(origin, made_from=clips) for origin in origins_of(about, name)]


def expected_trainings(about: Origins, reference: Sequence[StrPath]) -> list[Origin]:
    """Whose the loss curves of all machines have to be, one machine after the other.

    Parameters
    ----------
    about
        Machine -> as `expected_weights` takes it, under ``loss``.
    reference
        Clip lists of all machines, one machine after the other.

    Raises
    ------
    UserError
        As `expected_weights` does.
    """
    lists = iter(reference)
    return [
        origin
        for of_machine in about.values()
        for origin in expected_weights(of_machine, "loss", list(islice(lists, len(of_machine["reference"]))))
    ]


def read_weights_checksum(path: StrPath, expected: Origin) -> str:
    """Checksum of trained weights, which are not read themselves.

    Raises
    ------
    UserError
        If they are missing, damaged, or not those expected.
    """
    try:
        origin, checksum = read_origin_of_archive(path)
        origin.require(expected)
    except Exception as error:  # as above
        raise UserError(unusable(path, error)) from error
    return checksum


def unusable(path: StrPath, error: Exception) -> str:
    """What is said of weights that can't be used."""
    return (
        f"{path}: these trained weights can't be used ({type(error).__name__}: {error}). Delete the file and run "
        "again; only this training is repeated."
    )
