"""Which clips of an ID train the DDAE, train the detectors, and test them: the splits of the two protocols.

*paper*: clips are taken in file order.  The detectors train on the first ``ad_train`` normal clips, the test takes the
next normal and the first abnormal ones, and the DDAE trains on the first ``ddae`` normal clips at the reference SNR,
which are detector training clips too.

*strict*: normal clips are shuffled by the seed; those that train the DDAE, train the detectors and test them are
disjoint, and every abnormal clip is tested, if there are any.  Row *n* of an ID is taken for the same recording at
every SNR (as it is in MIMII), so a clip that trains the DDAE at the reference SNR trains or tests no detector at any
SNR.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

OnShortfall = Literal["error", "shrink"]

ProtocolName = Literal["paper", "strict"]


@dataclass(frozen=True)
class Protocol:
    """What tells a protocol from others, apart from its clips.

    Attributes
    ----------
    suffix
        Ends the names of its files.
    scaling_sees_all
        Whether the scaling is fitted on all normal clips, those tested later included, or on those that train the DDAE.
    cross_fitted
        Whether training scores, of which the threshold is a percentile, come from models that have not seen the clip.
    quantile
        NumPy's name of the quantile that the threshold is (see `asd.detection.scores.threshold_of`).
    seeds_share_clips
        Whether every seed tests the same clips, so that scores of several seeds can be averaged.
    """

    suffix: str
    scaling_sees_all: bool
    cross_fitted: bool
    quantile: str
    seeds_share_clips: bool


PROTOCOLS: dict[ProtocolName, Protocol] = {
    "paper": Protocol("", scaling_sees_all=True, cross_fitted=False, quantile="linear", seeds_share_clips=True),
    "strict": Protocol(
        "_strict", scaling_sees_all=False, cross_fitted=True, quantile="weibull", seeds_share_clips=False
    ),
}
"""Which clips train and test under each of them is what `training_rows` and `detection_splits` say."""

AUTO_SHARES = {"ddae": 20, "ad_train": 56, "ad_test": 24}
"""Per cent of an ID's clips, normal and abnormal together, as in Table 2 of Kim & Kim (2024).  The strict protocol's
default takes the same shares of the normal clips alone."""

Indices: TypeAlias = "NDArray[np.intp]"


# --------------------------------------------------------------------------------------- how many clips: no NumPy here


@dataclass(frozen=True)
class AskedCounts:
    """Numbers of clips asked for: DDAE training, detector training, detector test (both classes together)."""

    ddae: int
    ad_train: int
    ad_test: int

    @classmethod
    def auto(cls, n_normal: int, n_abnormal: int) -> AskedCounts:
        """The published shares (20/56/24 %) of the clips there are, rounded down."""
        total = n_normal + n_abnormal
        return cls(**{name: total * share // 100 for name, share in AUTO_SHARES.items()})


@dataclass(frozen=True)
class Counts:
    """Numbers of clips of one ID at one SNR that train the detectors, and of those of each class that test them."""

    n_train: int
    n_normal: int
    n_abnormal: int


def _halves(ad_test: int) -> tuple[int, int]:
    """Normal and abnormal test clips; an odd clip is normal."""
    return ad_test - ad_test // 2, ad_test // 2


def paper_counts(asked: AskedCounts, n_normal: int, n_abnormal: int, on_shortfall: OnShortfall, where: str) -> Counts:
    """Numbers of the clips there are that train and test the detectors under the paper's protocol, as `asked`.

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
    strict = "" if n_abnormal else " Without abnormal clips, use protocols: [strict], which can do without them."
    test_normal, test_abnormal = _halves(asked.ad_test)
    train = asked.ad_train
    short = []
    if train + test_normal > n_normal:
        short.append(f"{train} + {test_normal} normal clips (training + test), there are {n_normal}")
    if test_abnormal > n_abnormal:
        short.append(f"{test_abnormal} abnormal clips (test), there are {n_abnormal}")
    if short and on_shortfall == "error":
        raise UserError(
            f"{where}: the split asks for {' and for '.join(short)}. Lower the counts in machines.<name>.split, or set "
            f"on_shortfall: shrink to test with fewer clips.{strict}"
        )
    if short:
        if train >= n_normal:
            train = max(2, n_normal * train // (train + test_normal))
        ad_test = min(asked.ad_test, 2 * (n_normal - train), 2 * n_abnormal + 1)
        test_normal, test_abnormal = _halves(ad_test)
        logger.warning(
            "%s: fewer clips than the split asks for (%s): %d train, %d normal and %d abnormal ones test",
            *(where, "; ".join(short), train, test_normal, test_abnormal),
        )
    if train < 2 or test_normal < 1 or test_abnormal < 1:
        raise UserError(
            f"{where}: {n_normal} normal and {n_abnormal} abnormal clips are too few, they give {train} training, "
            f"{test_normal} normal and {test_abnormal} abnormal test clips; at least 2, 1 and 1 are needed.{strict}"
        )
    return Counts(train, test_normal, test_abnormal)


def paper_ddae_count(ddae: int, n_normal: int, on_shortfall: OnShortfall, where: str) -> int:
    """Number of normal clips of one ID that train the DDAE under the paper's protocol.

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
    count = min(ddae, n_normal)
    if count < ddae:
        logger.warning("%s: fewer clips than the split asks for: %d instead of %d train the DDAE", where, count, ddae)
    if count < 1:
        raise UserError(f"{where}: no normal clip is left to train the DDAE ({ddae} asked for, {n_normal} there).")
    return count


def strict_ddae_count(n_normal: int, share: float, where: str) -> int:
    """Number of normal clips of one ID that train the DDAE under the strict protocol.

    Parameters
    ----------
    n_normal
        Normal clips of the ID at the reference SNR.
    share
        Per cent of them that train the DDAE; at least one clip does.
    where
        What the clips are, for messages.

    Raises
    ------
    UserError
        If fewer than four normal clips are there: one for the DDAE, two for the detectors, one to test.
    """
    if n_normal < 4:
        raise UserError(
            f"{where}: {n_normal} normal clips are too few for the strict protocol, which keeps clips that train the "
            "DDAE, train the detectors (2) and test them apart; at least 4 are needed."
        )
    return min(max(1, round(n_normal * share / 100)), n_normal - 3)


def _strict_test_count(left: int, n_normal: int, taken: int, shares: Mapping[str, float], where: str) -> int:
    """Normal test clips among the `left` ones of `n_normal` that do not train the DDAE, as `taken` others do.

    Raises
    ------
    UserError
        If fewer than two clips would train the detectors, or none test them.
    """
    tested = min(max(1, round(left * shares["ad_test"] / (shares["ad_train"] + shares["ad_test"]))), left - 2)
    if tested < 1:
        raise UserError(
            f"{where}: {n_normal} normal clips are too few for the strict protocol: beside {taken} clips that "
            "train the DDAE, 2 have to train the detectors, and 1 to test them."
        )
    return tested


def check_strict_counts(n_normal: int, n_reference: int, shares: Mapping[str, float], where: str) -> None:
    """Refuse numbers of clips that the strict protocol can't split, whatever the seed.

    Where there are fewer clips than at the reference SNR, the seed decides how many of them train the DDAE: what passes
    here may still be refused by `strict_split`.

    Parameters
    ----------
    n_normal
        Normal clips of an ID at some SNR.
    n_reference, shares, where
        As for `strict_split`.

    Raises
    ------
    UserError
        As `strict_split` does.
    """
    taken = strict_ddae_count(n_reference, shares["ddae"], where)
    missing = max(0, n_reference - n_normal)
    _strict_test_count(n_normal - max(0, taken - missing), n_normal, taken, shares, where)


# ------------------------------------------------------------------------------------------------------ which clips


@dataclass(frozen=True)
class Split:
    """Rows of the feature caches of one ID at one SNR, each int [clips] in ascending order.

    Attributes
    ----------
    train
        Normal clips that the detectors are fitted on.
    normal, abnormal
        Clips that test them.
    """

    train: Indices
    normal: Indices
    abnormal: Indices


def paper_split(counts: Counts) -> Split:
    """The first normal clips train, the next normal and the first abnormal ones test."""
    import numpy as np

    normal = np.arange(counts.n_train + counts.n_normal)
    return Split(normal[: counts.n_train], normal[counts.n_train :], np.arange(counts.n_abnormal))


def unit_name(machine: str, machine_id: str) -> str:
    """What the clips of an ID are shuffled by, beside the seed."""
    return f"{machine}/{machine_id}"


def _shuffled(n: int, seed: int, unit: str) -> Indices:
    """Row numbers 0 .. n-1 in an order that depends on nothing but `n`, the `seed` and the name of the ID."""
    import numpy as np

    return np.random.default_rng([seed, zlib.crc32(unit.encode())]).permutation(n)


def strict_ddae_rows(n_normal: int, share: float, seed: int, unit: str, where: str) -> Indices:
    """Rows of the normal clips at the reference SNR that train the DDAE under the strict protocol.

    Parameters
    ----------
    n_normal, share, where
        As for `strict_ddae_count`.
    seed
        Of the shuffle, the run's own.
    unit
        Name of machine and ID, so that IDs are shuffled differently.

    Returns
    -------
    int [clips]
        In ascending order.

    Raises
    ------
    UserError
        As `strict_ddae_count` does.
    """
    import numpy as np

    return np.sort(_shuffled(n_normal, seed, unit)[: strict_ddae_count(n_normal, share, where)])


def strict_split(
    n_normal: int,
    n_abnormal: int,
    n_reference: int,
    shares: Mapping[str, float],
    seed: int,
    unit: str,
    where: str,
) -> Split:
    """Rows of one ID at one SNR under the strict protocol.

    Normal rows that train the DDAE at the reference SNR are left out; of the others, in shuffled order, the shares
    ``ad_train`` : ``ad_test`` train and test the detectors.  All abnormal clips are tested.

    Parameters
    ----------
    n_normal, n_abnormal
        Clips at this SNR.
    n_reference
        Normal clips of the ID at the reference SNR.
    shares
        ``ddae``, ``ad_train`` and ``ad_test`` in per cent of the normal clips.
    seed, unit, where
        As for `strict_ddae_rows`.

    Raises
    ------
    UserError
        As `strict_ddae_rows` does, or if fewer than two clips would train, or no normal one test.
    """
    import numpy as np

    taken = strict_ddae_rows(n_reference, shares["ddae"], seed, unit, where)
    order = _shuffled(n_normal, seed, unit)
    left = order[~np.isin(order, taken)]
    tested = _strict_test_count(len(left), n_normal, len(taken), shares, where)
    return Split(np.sort(left[tested:]), np.sort(left[:tested]), np.arange(n_abnormal))


def training_rows(counts: Mapping[str, int], settings: Mapping[str, Any]) -> dict[str, Indices]:
    """Rows of each ID that train the DDAE of a machine.

    Parameters
    ----------
    counts
        ID -> normal clips at the reference SNR.
    settings
        ``machine``, ``reference_snr``, ``protocol``; under *paper* ``clips``, the number asked for of each ID, and
        ``on_shortfall``; under *strict* ``share``, per cent of the normal clips, and ``seed``.

    Raises
    ------
    UserError
        If there are too few clips.
    """
    import numpy as np

    rows = {}
    for number, (name, count) in enumerate(counts.items()):
        where = f"machine {settings['machine']}, SNR {settings['reference_snr']}, ID {name}"
        if settings["protocol"] == "paper":
            rows[name] = np.arange(paper_ddae_count(settings["clips"][number], count, settings["on_shortfall"], where))
        else:
            unit = unit_name(settings["machine"], name)
            rows[name] = strict_ddae_rows(count, settings["share"], settings["seed"], unit, where)
    return rows


def detection_splits(
    counts: Mapping[tuple[str, str], tuple[int, int]], settings: Mapping[str, Any]
) -> dict[tuple[str, str], Split]:
    """Rows of some IDs of a machine that train and test the detectors.

    Parameters
    ----------
    counts
        SNR and ID -> normal and abnormal clips; the reference SNR of each ID among them.
    settings
        ``machine``, ``reference_snr``, ``protocol``; under *paper* ``clips``, the numbers asked for (``ad_train``,
        ``ad_test``) in the order of `counts`, and ``on_shortfall``; under *strict* ``shares`` and ``seed``.

    Raises
    ------
    UserError
        If there are too few clips.
    """
    splits = {}
    for number, ((snr, name), (n_normal, n_abnormal)) in enumerate(counts.items()):
        where = f"machine {settings['machine']}, SNR {snr}, ID {name}"
        if settings["protocol"] == "paper":
            asked = AskedCounts(0, *settings["clips"][number])
            splits[snr, name] = paper_split(paper_counts(asked, n_normal, n_abnormal, settings["on_shortfall"], where))
        else:
            reference = counts[settings["reference_snr"], name][0]
            unit = unit_name(settings["machine"], name)
            shares, seed = settings["shares"], settings["seed"]
            splits[snr, name] = strict_split(n_normal, n_abnormal, reference, shares, seed, unit, where)
    return splits
