"""Feature caches: one array of features and one list of clips for each folder of recordings.

Row *n* of the array belongs to line *n* of the list (see `.cliplist`), and both follow the sorted order of the files.
The list also says what each row was computed from (see `.extraction`), and has checksums of the rows and of its own
lines: `read_cache` finds by them whatever happened to either file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.integrity import ArrayHeader, seal_of
from ..files.origin import NOTHING, Origin
from ..splits import Listed
from .cliplist import ClipRecord, list_checksum, read_clip_list, require_origin, write_clip_list
from .columns import OF_THE_DDAE, count_columns, mark_of, sets_marked
from .rows import named, read_cache_header

logger = logging.getLogger(__name__)

Features = NDArray[np.float32]


class Cache(NamedTuple):
    """Features, float32 [clips, columns], and the clips they are of.

    The columns are those of `asd.features.columns`: 136, or more where further sets of features were asked for.
    """

    features: Features
    clips: list[ClipRecord]

    @property
    def checksum(self) -> str:
        """Of the clips and their features, as `asd.features.cliplist.read_list_checksum` reads it."""
        return self.clips[0].list_checksum if self.clips else NOTHING


def listed(cache: Cache) -> Listed:
    """What decides which clips of a cache train and test."""
    return Listed([clip.file for clip in cache.clips], [clip.split for clip in cache.clips])


def empty_cache(columns: int) -> Cache:
    """A cache without clips."""
    return Cache(np.empty((0, columns), np.float32), [])


def checksum(row: Features) -> str:
    """CRC-32 of a row of features, 8 hexadecimal digits."""
    return seal_of(np.ascontiguousarray(row, np.float32).tobytes())


def _row_checksums(features: Features) -> list[str]:
    content, size = np.ascontiguousarray(features, np.float32).tobytes(), 4 * features.shape[1]
    return [seal_of(content[start : start + size]) for start in range(0, len(content), size)]


# ------------------------------------------------------------------------------------------------------- writing


def write_cache(
    array_path: StrPath,
    list_path: StrPath,
    features: Features,
    clips: Sequence[ClipRecord],
    *,
    origin: Origin | None = None,
    allow_empty: bool = False,
) -> None:
    """Write features, float32 [clips, columns], and their clip list with the checksums of these features.

    Parameters
    ----------
    origin
        Whose they are: machine, SNR, ID and kind.

    Raises
    ------
    UserError
        If there are no clips, unless `allow_empty`.
    """
    if len(features) == 0 and not allow_empty:
        raise UserError(f"{array_path}: there are no clips to write. Check dataset.root and dataset.pattern.")
    with whole_file(array_path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(features, np.float32), allow_pickle=False)
    whose = origin or Origin()
    about = {"machine": whose.machine, "snr": whose.snr, "id": whose.id, "kind": whose.kind}
    lines = [clip._replace(**about, checksum=of) for clip, of in zip(clips, _row_checksums(features), strict=True)]
    of_all = list_checksum(lines)
    write_clip_list(list_path, (line._replace(list_checksum=of_all) for line in lines))


# ------------------------------------------------------------------------------------------------------- reading


def _features(file: BinaryIO, header: ArrayHeader) -> Features:
    """The numbers that follow the header of a feature cache.

    Raises
    ------
    ValueError
        If some are not finite; the message does not name the cache.
    """
    array = header.shaped(np.fromfile(file, header.dtype, header.count))
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, np.float32)
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ValueError(f"{len(bad)} of {len(array)} rows hold NaN or infinite values, the first is row {bad[0]}")
    return array


def read_features(path: StrPath, *, features: Sequence[str] | None = None, allow_empty: bool = False) -> Features:
    """Read a feature cache from elsewhere, without checksums; `read_cache` is for those that this workflow wrote.

    Parameters
    ----------
    features
        The sets of features that it has to have; None takes any.

    Returns
    -------
    float32 [clips, columns]

    Raises
    ------
    UserError
        If the file is missing, is no array, is longer or shorter than it says, has another shape or type, other
        features than asked for, values that are not finite, or no rows (unless `allow_empty`).
    """
    with named(path), Path(path).open("rb") as file:
        return _features(file, read_cache_header(file, features=features, allow_empty=allow_empty))


def read_cache(
    array_path: StrPath,
    list_path: StrPath,
    *,
    allow_empty: bool = False,
    expected: Origin | None = None,
) -> Cache:
    """Read a feature cache that this workflow wrote, and compare each row with its checksum in the clip list.

    Parameters
    ----------
    allow_empty
        Take a cache without rows, too.
    expected
        Whose it has to be; its settings say which features it has to have.

    Raises
    ------
    UserError
        If one of the files is missing or damaged, if they do not belong together, or if they are of something else.
    """
    path, list_path = Path(array_path), Path(list_path)
    with named(path, missing="Run again.", remedy=f"Delete {path} and run again."), path.open("rb") as file:
        asked = None if expected is None else sets_marked(expected.settings)
        header = read_cache_header(file, features=asked, allow_empty=allow_empty)
        clips = read_clip_list(list_path)
        rows = header.shape[0]
        if rows != len(clips):
            raise ValueError(f"the cache has {rows} rows, but {list_path} lists {len(clips)} clips; one is damaged")
        features = _features(file, header)
        require_origin(clips, expected)
        _compare(features, clips, list_path)
        if {clip.list_checksum for clip in clips} - {list_checksum(clips)}:
            raise ValueError(f"lines of {list_path} are missing, changed places or come from elsewhere")
    return Cache(features, clips)


def _compare(features: Features, clips: Sequence[ClipRecord], list_path: Path, *, given: bool = False) -> None:
    """Compare rows with their checksums; one of a `given` list may be empty.

    Raises
    ------
    ValueError
        If they differ; the message does not name the cache.
    """
    wrong = [
        row
        for row, (clip, computed) in enumerate(zip(clips, _row_checksums(features), strict=True))
        if clip.checksum != computed and (clip.checksum or not given)
    ]
    if wrong:
        first = f"row {wrong[0]} ({clips[wrong[0]].file})"
        raise ValueError(
            f"{len(wrong)} of {len(clips)} rows do not match their checksums in {list_path}, the first is {first}; "
            "one of the two files is damaged, or they do not belong together"
        )


# ------------------------------------------------------------------------------------------------------ importing


def import_cache(
    source: StrPath | None,
    source_list: StrPath | None,
    array_path: StrPath,
    list_path: StrPath,
    origin: Origin | None = None,
    features: Sequence[str] = OF_THE_DDAE,
) -> None:
    """Take over a cache that exists already, after checking it.

    Parameters
    ----------
    source
        The cache; None writes one without clips.
    source_list
        Its clip list; without one, clips are called ``<file name>[<row>]``.  Checksums in it are compared with the
        rows; whose they were does not count.
    origin
        Whose the copy is.
    features
        The sets of features that the cache has to have.

    Raises
    ------
    UserError
        As `read_features` does, or if `source_list` is damaged or does not belong to the cache.
    """
    if source is None:
        write_cache(array_path, list_path, *empty_cache(count_columns(features)), allow_empty=True)
        return
    rows = read_features(source, features=features)
    if source_list is None:
        clips = [ClipRecord(f"{Path(source).name}[{row}]") for row in range(len(rows))]
    else:
        clips = read_clip_list(source_list, given=True)
        if len(clips) != len(rows):
            raise UserError(
                f"{source_list} lists {len(clips)} clips, but {source} has {len(rows)} rows. Make both again, or "
                "move the list away."
            )
        with named(source):
            _compare(rows, clips, Path(source_list), given=True)
    clips = [clip._replace(recordings="", extraction=f"given{mark_of(features)}") for clip in clips]
    write_cache(array_path, list_path, rows, clips, origin=origin)
    logger.info("%s: %d clips", source, len(rows))
