"""How sure a verdict is: conformal p-values, and the threshold that keeps a share of false alarms.

A p-value is the share of normal clips that would score as high or higher.  It holds as far as the new clip, if normal,
and the calibration clips could change places: the same machine, load, microphone and noise.  Elsewhere it says nothing,
and `asd monitor` is there to notice that.

Source: Vovk, Gammerman & Shafer (2005), *Algorithmic Learning in a Random World*; for outliers, Bates, Candès, Lei,
Romano & Sesia (2023), *Annals of Statistics* 51.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError

_ROUNDING = 1e-9  # of a share such as 0.1, which 1 / 10 has to reach


def p_values(scores: ArrayLike, calibration: NDArray[np.float64]) -> NDArray[np.float64]:
    """Conformal p-values: (1 + number of calibration scores at or above a score) / (1 + their number).

    Parameters
    ----------
    scores
        float [clips], higher is more anomalous.
    calibration
        Scores of normal clips by models that had not seen them, ascending, float64 [n].

    Returns
    -------
    float64 [clips]
        In [1 / (n + 1), 1]; NaN where the score is.

    Examples
    --------
    >>> p_values([0.0, 2.5, 9.0], np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    scores = np.asarray(scores, np.float64)
    at_or_above = len(calibration) - np.searchsorted(calibration, scores, side="left")
    return np.asarray(np.where(np.isnan(scores), np.nan, (1 + at_or_above) / (1 + len(calibration))), np.float64)


def is_anomalous(p_value: float, false_alarms: float) -> bool:
    """Whether a clip is anomalous where a share of normal clips may be taken for that."""
    return p_value <= false_alarms + _ROUNDING


def require_enough(false_alarms: float, calibration: NDArray[np.float64]) -> None:
    """Refuse a share of false alarms that so few calibration clips can't tell.

    Raises
    ------
    UserError
        If no p-value could be as small, or it is no share.
    """
    if not 0 < false_alarms < 1:
        raise UserError(f"--false-alarms {false_alarms:g}: a share between 0 and 1 is wanted, such as 0.01")
    if not is_anomalous(1 / (1 + len(calibration)), false_alarms):
        raise UserError(
            f"--false-alarms {false_alarms:g}: too few normal clips for it. The model was calibrated on "
            f"{len(calibration)}, with which {1 / (1 + len(calibration)):.2g} is the smallest share that can be kept; "
            f"{false_alarms:g} takes at least {math.ceil(1 / (false_alarms + _ROUNDING)) - 1}."
        )
