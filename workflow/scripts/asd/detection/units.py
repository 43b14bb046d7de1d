"""The clips of some IDs of a machine, and which of them train and test the detectors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..features.caches import read_cache
from ..splits import Rows, detection_rows

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class UnitClips:
    """The clips of one ID at one SNR.

    Attributes
    ----------
    normal, abnormal
        Unscaled features in file order, float32 [clips, 136].
    rows
        Which of them train and which test.
    """

    snr: str
    machine_id: str
    normal: NDArray[np.float32]
    abnormal: NDArray[np.float32]
    rows: Rows

    def test(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features of the normal and of the abnormal test clips."""
        return self.normal[self.rows.normal], self.abnormal[self.rows.abnormal]


def read_units(
    normal: Sequence[Path],
    normal_clips: Sequence[Path],
    abnormal: Sequence[Path],
    abnormal_clips: Sequence[Path],
    settings: Mapping[str, Any],
) -> list[UnitClips]:
    """The clips of some IDs at all SNRs.

    Parameters
    ----------
    normal, abnormal
        Feature caches of each of ``settings["units"]`` (SNR and ID).
    normal_clips, abnormal_clips
        Their clip lists.
    settings
        As `asd.splits.detection_rows` takes them.

    Raises
    ------
    UserError
        If a cache can't be read or does not match its checksums, or if there are too few clips.
    """
    units = [(snr, name) for snr, name in settings["units"]]
    caches = [
        (read_cache(*first).features, read_cache(*second, allow_empty=True).features)
        for first, second in zip(
            zip(normal, normal_clips, strict=True), zip(abnormal, abnormal_clips, strict=True), strict=True
        )
    ]
    counts = {unit: (len(first), len(second)) for unit, (first, second) in zip(units, caches, strict=True)}
    rows = detection_rows(counts, settings)
    return [UnitClips(*unit, *pair, rows[unit]) for unit, pair in zip(units, caches, strict=True)]
