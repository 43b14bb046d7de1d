"""Whose an ID classifier has to be.  The plan reads it, too, on machines without NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..features.cliplist import read_list_checksum
from ..files import StrPath
from ..files.origin import Origin, Origins, made_from, origins_of


def expected_classifiers(about: Origins, name: str, clip_lists: Sequence[StrPath]) -> list[Origin]:
    """Whose classifiers have to be, what they have to be made from included.

    Parameters
    ----------
    about
        Under `name` the classifier, or nothing; under ``classified`` the clip lists that are given here in the same
        order.
    clip_lists
        Of the caches whose clips train it, of all machines whose IDs it tells apart.

    Raises
    ------
    UserError
        If a clip list is not the expected one.
    """
    lists = zip(clip_lists, origins_of(about, "classified"), strict=True)
    clips = made_from([read_list_checksum(*pair) for pair in lists])
    return [replace(origin, made_from=clips) for origin in origins_of(about, name)]
