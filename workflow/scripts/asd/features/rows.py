"""Feature caches without their numbers: how many clips one holds, from its header and size alone.

A module of its own, since the plan of a run counts clips on machines without NumPy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError
from ..files import StrPath
from ..files.integrity import ArrayHeader, read_array_header
from .columns import N_FEATURES

_TYPES = ("<f4", "<f8")


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
    except (ValueError, IsADirectoryError) as error:
        raise UserError(f"{path}: {error}. {remedy}") from None


def read_cache_header(file: BinaryIO, *, allow_empty: bool = False) -> ArrayHeader:
    """Header of a feature cache, after which `file` stands at the first number.

    Raises
    ------
    ValueError
        If this is no feature cache; the message does not name it.
    """
    try:
        header = read_array_header(file, os.fstat(file.fileno()).st_size)
    except ValueError as error:
        raise ValueError(f"not a readable NumPy array ({error})") from None
    shape = list(header.shape)
    if len(shape) != 2 or shape[1] != N_FEATURES:
        raise ValueError(f"a feature cache has the shape [clips, {N_FEATURES}], this one has {shape}")
    if header.dtype not in _TYPES:
        raise ValueError(f"a feature cache holds float32 (or float64) numbers, this one {header.type_name}")
    if shape[0] == 0 and not allow_empty:
        raise ValueError("the feature cache has no rows")
    return header


def count_rows(path: StrPath, *, allow_empty: bool = False) -> int:
    """Number of clips in a feature cache.

    Parameters
    ----------
    path
        ``.npy`` file of float32 or float64 [clips, 136].
    allow_empty
        Take a cache without rows, too.

    Raises
    ------
    UserError
        If the file is missing, is no array, is longer or shorter than it says, has another shape or type, or no rows
        (unless `allow_empty`).
    """
    with named(path), Path(path).open("rb") as file:
        return read_cache_header(file, allow_empty=allow_empty).shape[0]
