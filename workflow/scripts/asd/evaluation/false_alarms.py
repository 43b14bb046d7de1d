"""How many false alarms detectors give for how many were asked for: thresholds at other percentiles than the run's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..detection.scores import UnitScores
from ..splits import PROTOCOLS
from .machine import Unit
from .rows import FalseAlarmRow, columns_of

ASKED_SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
"""Of the normal clips."""

_Entry = tuple[str, str, str]


def false_alarm_rows(contents: Mapping[Unit, UnitScores], machine: str) -> list[FalseAlarmRow]:
    """A line for each protocol, noise factor, detector and share of `ASKED_SHARES`.

    Thresholds are those percentiles of the training scores that `asd.detection.scores.threshold_of` takes.
    """
    rates: dict[_Entry, list[NDArray[np.float64]]] = {}
    clips: dict[_Entry, dict[str, list[int]]] = {}
    for unit, content in contents.items():
        normal = ~content.clips.labels
        for detector, scores in content.scores.items():
            entry = (unit.run.protocol, unit.run.noise_factor_text, detector)
            percentiles = 100 * (1 - np.array(ASKED_SHARES))
            quantile = PROTOCOLS[content.protocol].quantile
            thresholds = np.percentile(scores.train, percentiles, method=quantile)  # type: ignore[call-overload]
            flagged = scores.test[normal] > thresholds[:, np.newaxis]
            rates.setdefault(entry, []).append(flagged.mean(axis=1))
            clips.setdefault(entry, {}).setdefault(unit.machine_id, []).append(int(normal.sum()))
    return [
        FalseAlarmRow(
            protocol=protocol,
            machine=machine,
            noise_factor=factor,
            detector=detector,
            asked=asked,
            false_alarm_rate=float(rate),
            n_normal=round(sum(float(np.mean(counts)) for counts in clips[protocol, factor, detector].values())),
        )
        for (protocol, factor, detector), of_units in rates.items()
        for asked, rate in zip(ASKED_SHARES, np.mean(of_units, axis=0), strict=True)
    ]


def false_alarm_table(rows: Iterable[FalseAlarmRow]) -> pd.DataFrame:
    """Lines of ``evaluation/{machine}.false_alarms.csv``."""
    return pd.DataFrame([asdict(row) for row in rows], columns=columns_of(FalseAlarmRow))
