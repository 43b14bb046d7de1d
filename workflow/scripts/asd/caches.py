"""Feature caches: one array of features and one list of clips for each folder of recordings.

Row *n* of the array belongs to line *n* of the list, and both follow the sorted order of the files.  The list also
says what each row was computed from (see `asd.extraction`).
"""

from __future__ import annotations

import csv
import logging
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .atomic import whole_file
from .columns import N_FEATURES
from .errors import UserError

logger = logging.getLogger(__name__)

Features = NDArray[np.float32]


@dataclass(frozen=True)
class ClipRecord:
    """One line of a clip list; every value as text, empty where it is not known.

    Attributes
    ----------
    file
        Path under the data set's root.
    duration, sample_rate, channels
        As recorded: seconds, Hz, count.
    size, modified_ns
        Of the file when it was read: bytes, and nanoseconds since 1970.
    extraction
        What the features were computed with (code and settings), as a hash.
    checksum
        CRC-32 of the row of features, 8 hexadecimal digits.
    """

    file: str
    duration: str = ""
    sample_rate: str = ""
    channels: str = ""
    size: str = ""
    modified_ns: str = ""
    extraction: str = ""
    checksum: str = ""


def checksum(row: Features) -> str:
    """CRC-32 of a row of features, 8 hexadecimal digits."""
    return f"{zlib.crc32(np.ascontiguousarray(row, np.float32).tobytes()):08x}"


def write_rows(path: str | os.PathLike[str], header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a CSV file, whole or not at all."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_cache(
    array_path: str | os.PathLike[str], list_path: str | os.PathLike[str], features: Features, clips: list[ClipRecord]
) -> None:
    """Write features, float32 [clips, 136], and their clip list."""
    with whole_file(array_path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(features, np.float32), allow_pickle=False)
    header = [field.name for field in fields(ClipRecord)]
    write_rows(list_path, header, [list(asdict(clip).values()) for clip in clips])


def read_clip_list(path: str | os.PathLike[str]) -> list[ClipRecord]:
    """Read a clip list; columns that `ClipRecord` does not know are ignored, missing ones are empty.

    Raises
    ------
    UserError
        If the file has no column ``file``, or is no text.
    """
    known = [field.name for field in fields(ClipRecord)]
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if "file" not in (reader.fieldnames or []):
                raise UserError(f"{path}: not a clip list, it has no column 'file'")
            return [ClipRecord(**{name: row.get(name) or "" for name in known}) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a clip list ({error})") from error


def read_features(path: str | os.PathLike[str]) -> Features:
    """Read a feature cache and check it.

    Returns
    -------
    float32 [clips, 136]

    Raises
    ------
    UserError
        If the file is missing, is no array, or has another shape or type, no rows, or values that are not finite.
    """
    path = Path(path)
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such feature cache. Check dataset.cache.") from None
    except Exception as error:  # np.load raises many types, depending on where the file is damaged
        raise UserError(f"{path}: not a readable NumPy array ({error}). Make the cache again.") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.shape[1] != N_FEATURES:
        shape = list(getattr(array, "shape", ()))
        raise UserError(f"{path}: a feature cache has the shape [clips, {N_FEATURES}], this one has {shape}.")
    if array.dtype not in (np.float32, np.float64):
        raise UserError(f"{path}: a feature cache holds float32 (or float64) numbers, this one {array.dtype}.")
    if len(array) == 0:
        raise UserError(f"{path}: the feature cache has no rows.")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise UserError(
            f"{path}: {len(bad)} of {len(array)} rows hold NaN or infinite values, the first is row {bad[0]}. "
            "Make the cache again from the recordings."
        )
    return array


def count_rows(path: str | os.PathLike[str]) -> int:
    """Number of clips in a feature cache, from its header alone.

    Raises
    ------
    UserError
        If the file is missing, is no array, or has another shape.
    """
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except FileNotFoundError:
        raise UserError(f"{path}: no such feature cache. Check dataset.cache, snrs and machines.") from None
    except Exception as error:  # np.load raises many types, depending on where the file is damaged
        raise UserError(f"{path}: not a readable NumPy array ({error}). Make the cache again.") from None
    if len(shape) != 2 or shape[1] != N_FEATURES:
        raise UserError(f"{path}: a feature cache has the shape [clips, {N_FEATURES}], this one has {list(shape)}.")
    return int(shape[0])


def import_cache(
    source: str | os.PathLike[str],
    source_list: str | os.PathLike[str] | None,
    array_path: str | os.PathLike[str],
    list_path: str | os.PathLike[str],
) -> None:
    """Take over a cache that exists already, after checking it; its clips are called ``<file name>[<row>]``
    unless `source_list` names them.

    Raises
    ------
    UserError
        As `read_features` does, or if `source_list` has another number of lines than the cache has rows.
    """
    features = read_features(source)
    if source_list is None:
        clips = [ClipRecord(f"{Path(source).name}[{row}]") for row in range(len(features))]
    else:
        clips = read_clip_list(source_list)
        if len(clips) != len(features):
            raise UserError(f"{source_list} lists {len(clips)} clips, but {source} has {len(features)} rows.")
    write_cache(array_path, list_path, features, clips)
    logger.info("%s: %d clips", source, len(features))
