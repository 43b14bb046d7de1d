"""Which clips of an ID train the DDAE, train the detectors, and test them.

Clips are taken in file order: the detectors train on the first ``ad_train`` normal clips, the test takes the next
normal and the first abnormal ones, and the DDAE trains on the first ``ddae`` normal clips at the reference SNR.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from .errors import UserError

logger = logging.getLogger(__name__)

OnShortfall = Literal["error", "shrink"]

AUTO_SHARES = {"ddae": 20, "ad_train": 56, "ad_test": 24}
"""Per cent of an ID's clips, normal and abnormal together, as in Table 2 of Kim & Kim (2024)."""


@dataclass(frozen=True)
class Split:
    """Numbers of clips asked for: DDAE training, detector training, detector test (both classes together)."""

    ddae: int
    ad_train: int
    ad_test: int

    @classmethod
    def auto(cls, n_normal: int, n_abnormal: int) -> Split:
        """The published shares (20/56/24 %) of the clips there are, rounded down."""
        total = n_normal + n_abnormal
        return cls(**{name: total * share // 100 for name, share in AUTO_SHARES.items()})


@dataclass(frozen=True)
class Parts:
    """Rows of one ID at one SNR.

    Normal rows ``[:n_train]`` train the detectors; the next `n_normal` and abnormal rows ``[:n_abnormal]`` test them.
    """

    n_train: int
    n_normal: int
    n_abnormal: int


def _halves(ad_test: int) -> tuple[int, int]:
    """Normal and abnormal test clips; an odd clip is normal."""
    return ad_test - ad_test // 2, ad_test // 2


def parts(split: Split, n_normal: int, n_abnormal: int, on_shortfall: OnShortfall, where: str) -> Parts:
    """Parts of the clips there are, as `split` asks for.

    Parameters
    ----------
    n_normal, n_abnormal
        Clips there are.
    on_shortfall
        If there are fewer than asked for: ``"error"``, or ``"shrink"``.  Shrinking takes from both test
        classes alike; only where normal clips do not even suffice to train, training shrinks in proportion.
    where
        What the clips are, for messages: ``"machine fan, ID id_00, SNR snr6"``.

    Raises
    ------
    UserError
        If clips are short and `on_shortfall` is ``"error"``, or if a part would be empty.
    """
    test_normal, test_abnormal = _halves(split.ad_test)
    train = split.ad_train
    short = []
    if train + test_normal > n_normal:
        short.append(f"{train} + {test_normal} normal clips (training + test), there are {n_normal}")
    if test_abnormal > n_abnormal:
        short.append(f"{test_abnormal} abnormal clips (test), there are {n_abnormal}")
    if short and on_shortfall == "error":
        raise UserError(
            f"{where}: the split asks for {' and for '.join(short)}. Lower the counts in machines.<name>.split, or set "
            "on_shortfall: shrink to test with fewer clips."
        )
    if short:
        if train >= n_normal:
            train = max(2, n_normal * train // (train + test_normal))
        ad_test = min(split.ad_test, 2 * (n_normal - train), 2 * n_abnormal + 1)
        test_normal, test_abnormal = _halves(ad_test)
        logger.warning(
            "%s: fewer clips than the split asks for (%s): %d train, %d normal and %d abnormal ones test",
            *(where, "; ".join(short), train, test_normal, test_abnormal),
        )
    if train < 2 or test_normal < 1 or test_abnormal < 1:
        raise UserError(
            f"{where}: {n_normal} normal and {n_abnormal} abnormal clips are too few, they give {train} training, "
            f"{test_normal} normal and {test_abnormal} abnormal test clips; at least 2, 1 and 1 are needed."
        )
    return Parts(train, test_normal, test_abnormal)


def ddae_rows(ddae: int, n_normal: int, on_shortfall: OnShortfall, where: str) -> int:
    """Number of normal clips of one ID that train the DDAE.

    Raises
    ------
    UserError
        If there are fewer than `ddae` and `on_shortfall` is ``"error"``, or if none is left.
    """
    if ddae > n_normal and on_shortfall == "error":
        raise UserError(
            f"{where}: the split asks for {ddae} normal clips to train the DDAE, there are {n_normal}. Lower "
            "machines.<name>.split, or set on_shortfall: shrink to train with those there are."
        )
    rows = min(ddae, n_normal)
    if rows < ddae:
        logger.warning("%s: fewer clips than the split asks for: %d instead of %d train the DDAE", where, rows, ddae)
    if rows < 1:
        raise UserError(f"{where}: no normal clip is left to train the DDAE ({ddae} asked for, {n_normal} there).")
    return rows
