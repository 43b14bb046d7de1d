"""Feature caches without their numbers: how many clips one holds, from its header and size alone.

A module of its own, since the plan of a run counts clips on machines without NumPy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError
from ..files import StrPath
from ..files.integrity import ArrayHeader, read_array_header
from .columns import FEATURE_SETS, OF_THE_DDAE, count_columns, in_words, sets_of

_TYPES = ("<f4", "<f8")


class OtherFeaturesError(ValueError):
    """A feature cache has other sets of features than it should have.

    Attributes
    ----------
    found
        Those it has, in words.
    """

    def __init__(self, found: Sequence[str], asked: Sequence[str]) -> None:
        self.found = in_words(found)
        super().__init__(
            f"it has {count_columns(found)} columns, the features {self.found}, but the configuration asks for "
            f"{in_words(asked)}, {count_columns(asked)} columns"
        )


@contextmanager
def named(
    path: StrPath,
    missing: str = "Check dataset.cache, snrs and machines.",
    remedy: str = "Make the cache again.",
) -> Iterator[None]:
    """Turn what is wrong with a feature cache, from elsewhere unless said otherwise, into a `UserError` that names it.

    Raises
    ------
    UserError
        For each `ValueError` of the block, and if the cache is missing or a folder.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such feature cache. {missing}") from None
    except OtherFeaturesError as error:
        raise UserError(f"{path}: {error}. Set features: {error.found}, or {remedy[0].lower()}{remedy[1:]}") from None
    except (ValueError, IsADirectoryError) as error:
        raise UserError(f"{path}: {error}. {remedy}") from None


def read_cache_header(
    file: BinaryIO, *, features: Sequence[str] | None = None, allow_empty: bool = False
) -> ArrayHeader:
    """Header of a feature cache, after which `file` stands at the first number.

    Parameters
    ----------
    features
        The sets of features that it has to have; None takes any.

    Raises
    ------
    OtherFeaturesError
        If it has others.
    ValueError
        If this is no feature cache.  The messages do not name it.
    """
    try:
        header = read_array_header(file, os.fstat(file.fileno()).st_size)
    except ValueError as error:
        raise ValueError(f"not a readable NumPy array ({error})") from None
    shape = list(header.shape)
    found = sets_of(shape[1]) if len(shape) == 2 else None
    if found is None:
        known = [OF_THE_DDAE, FEATURE_SETS] if features is None else [features]
        shapes = " or ".join(f"[clips, {count_columns(one)}]" for one in known)
        raise ValueError(f"a feature cache has the shape {shapes}, this one has {shape}")
    if features is not None and found != tuple(features):
        raise OtherFeaturesError(found, features)
    if header.dtype not in _TYPES:
        raise ValueError(f"a feature cache holds float32 (or float64) numbers, this one {header.type_name}")
    if shape[0] == 0 and not allow_empty:
        raise ValueError("the feature cache has no rows")
    return header


def count_rows(path: StrPath, *, features: Sequence[str] | None = None, allow_empty: bool = False) -> int:
    """Number of clips in a feature cache.

    Parameters
    ----------
    path
        ``.npy`` file of float32 or float64 [clips, columns].
    features
        The sets of features that it has to have; None takes any.
    allow_empty
        Take a cache without rows, too.

    Raises
    ------
    UserError
        If the file is missing, is no array, is longer or shorter than it says, has another shape or type, other
        features than asked for, or no rows (unless `allow_empty`).
    """
    with named(path), Path(path).open("rb") as file:
        return read_cache_header(file, features=features, allow_empty=allow_empty).shape[0]
