"""The clips that train the ID classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClipsOfId:
    """Normal training clips of one ID at one SNR, which is a class of its own.

    Attributes
    ----------
    name
        For messages.
    features
        As the networks see them (`asd.features.bands.in_bands`), unscaled, float32 [clips, columns].
    recordings
        What each clip was cut from or is.
    """

    snr: str
    name: str
    features: NDArray[np.float32]
    recordings: Sequence[str]
