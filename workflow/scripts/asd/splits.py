"""Which clips of an ID train the DDAE, train the detectors, and test them: the splits of the protocols.

*paper*: clips are taken in file order.  The detectors train on the first ``ad_train`` normal clips, the test takes the
next normal and the first abnormal ones, and the DDAE trains on the first ``ddae`` normal clips at the reference SNR,
which are detector training clips too.

*strict*: normal clips are shuffled by the seed; those that train the DDAE, train the detectors and test them are
disjoint, and every abnormal clip is tested, if there are any.  Row *n* of an ID is taken for the same recording at
every SNR (as it is in MIMII), so a clip that trains the DDAE at the reference SNR tests no detector at any SNR, and
trains none that sees the DDAE's output; others train on it, too.

*given*: the data set says which clips train and which test.  As in *strict*, those that train the DDAE and those that
train the detectors are disjoint, and shuffled by the seed.

Under all of them, the clips that were cut from one recording train or test together.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

OnShortfall = Literal["error", "shrink"]

ProtocolName = Literal["paper", "strict", "given"]


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
        Whether every seed trains and tests with the same clips, so that scores of several seeds can be averaged.
    """

    suffix: str
    scaling_sees_all: bool
    cross_fitted: bool
    quantile: str
    seeds_share_clips: bool


PROTOCOLS: dict[ProtocolName, Protocol] = {
    "strict": Protocol(
        "_strict", scaling_sees_all=False, cross_fitted=True, quantile="weibull", seeds_share_clips=False
    ),
    "given": Protocol("_given", scaling_sees_all=False, cross_fitted=True, quantile="weibull", seeds_share_clips=False),
    "paper": Protocol("", scaling_sees_all=True, cross_fitted=False, quantile="linear", seeds_share_clips=True),
}
"""In the order of tables and figures: those first whose figures hold for new clips.  Which clips train and test under
each of them is what `training_rows` and `detection_splits` say."""


def title_of(protocol: str) -> str:
    """What titles call a protocol where thresholds count.

    Examples
    --------
    >>> title_of("strict")
    'strict protocol'
    >>> title_of("paper")
    'paper protocol, in-sample thresholds'
    """
    return f"{protocol} protocol" + (
        "" if PROTOCOLS[cast(ProtocolName, protocol)].cross_fitted else ", in-sample thresholds"
    )


AUTO_SHARES = {"ddae": 20, "ad_train": 56, "ad_test": 24}
"""Per cent of an ID's clips, normal and abnormal together, as in Table 2 of Kim & Kim (2024).  The strict protocol's
default takes the same shares of the normal clips alone."""

MORE_CLIPS_FOR_THE_DDAE = (
    "Add recordings, or raise machines.<name>.split (paper) or strict.shares.ddae (strict, given)."
)

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
class Listed:
    """The clips of one kind of an ID at an SNR, in file order.

    Attributes
    ----------
    recordings
        Which recording each clip was cut from, or is.
    splits
        ``train``, ``test``, or nothing where the data set does not say.
    """

    recordings: Sequence[str]
    splits: Sequence[str]

    @classmethod
    def whole(cls, count: int) -> Listed:
        """So many clips that are recordings of their own."""
        return cls([str(number) for number in range(count)], [""] * count)

    def __len__(self) -> int:
        return len(self.recordings)

    def numbers(self) -> tuple[Indices, Indices]:
        """Of each clip, the number of its recording, and its own within that; int [clips] each, from 0."""
        import numpy as np

        known: dict[str, int] = {}
        counts: dict[str, int] = {}
        recording, position = np.empty(len(self), np.intp), np.empty(len(self), np.intp)
        for row, name in enumerate(self.recordings):
            recording[row] = known.setdefault(name, len(known))
            position[row] = counts.get(name, 0)
            counts[name] = counts.get(name, 0) + 1
        return recording, position

    def rows_of(self, split: str) -> Indices:
        """Rows that the data set means to train or to test with, int [clips]."""
        import numpy as np

        return np.flatnonzero([one == split for one in self.splits])


@dataclass(frozen=True)
class Split:
    """Rows of the feature caches of one ID at one SNR, each int [clips] in ascending order.

    Attributes
    ----------
    train
        Normal clips that the detectors are fitted on.
    normal, abnormal
        Clips that test them.
    ddae
        Normal clips that train the DDAE and, of the detectors, only those that need none: for these they are clips like
        any others.  None under *paper*, where all detectors train on them.
    """

    train: Indices
    normal: Indices
    abnormal: Indices
    ddae: Indices


def paper_split(counts: Counts, normal: Listed, on_shortfall: OnShortfall, where: str) -> Split:
    """The first normal clips train, the next normal and the first abnormal ones test.

    What is left of the recording that the last training clip was cut from is not tested.

    Raises
    ------
    UserError
        If too few clips are then left to test, and `on_shortfall` is ``"error"``, or if none is.
    """
    import numpy as np

    recording, _ = normal.numbers()
    later = np.arange(counts.n_train, len(normal))
    later = later[~np.isin(recording[later], recording[: counts.n_train])]
    short = counts.n_normal - len(later)
    if short > 0 and (on_shortfall == "error" or not len(later)):
        raise UserError(
            f"{where}: the split asks for {counts.n_normal} normal test clips, but only {len(later)} are of recordings "
            "that no training clip was cut from. Lower the counts in machines.<name>.split, add recordings, or set "
            "on_shortfall: shrink to test with fewer clips."
        )
    if short > 0:
        logger.warning("%s: %d normal clips test, not %d: others are of training recordings", where, len(later), short)
    abnormal = np.arange(counts.n_abnormal - max(0, min(short, counts.n_abnormal - 1)))
    return Split(np.arange(counts.n_train), later[: counts.n_normal], abnormal, np.arange(0))


def unit_name(machine: str, machine_id: str) -> str:
    """What the clips of an ID are shuffled by, beside the seed."""
    return f"{machine}/{machine_id}"


def _shuffled(clips: Listed, rows: Indices, seed: int, unit: str) -> Indices:
    """Some rows, with their recordings in an order that depends on nothing but their number, the `seed` and the name of
    the ID; clips of a recording stay together."""
    import numpy as np

    recording, _ = clips.numbers()
    found, number = np.unique(recording[rows], return_inverse=True)
    rank = np.empty(len(found), np.intp)
    rank[np.random.default_rng([seed, zlib.crc32(unit.encode())]).permutation(len(found))] = np.arange(len(found))
    return rows[np.argsort(rank[number], kind="stable")]


def strict_ddae_rows(normal: Listed, share: float, seed: int, unit: str, where: str) -> Indices:
    """Rows of the normal clips at the reference SNR that train the DDAE under the strict protocol.

    Parameters
    ----------
    normal
        Normal clips of the ID at the reference SNR.
    share, where
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
        As `strict_ddae_count` does, or if all clips are of one recording.
    """
    import numpy as np

    count = strict_ddae_count(len(normal), share, where)
    order = _shuffled(normal, np.arange(len(normal)), seed, unit)
    recording, _ = normal.numbers()
    last = int((recording == recording[order[-1]]).sum())  # clips of the recording that at least is left to test
    if last == len(normal):
        raise UserError(
            f"{where}: all {last} normal clips were cut from one recording, which can't both train and test. Add "
            "another recording of the healthy machine; at least 2 are needed."
        )
    return np.sort(order[: max(1, min(count, len(normal) - last - 2))])


def strict_split(
    normal: Listed,
    n_abnormal: int,
    reference: Listed,
    shares: Mapping[str, float],
    seed: int,
    unit: str,
    where: str,
) -> Split:
    """Rows of one ID at one SNR under the strict protocol.

    Normal rows that train the DDAE at the reference SNR are `Split.ddae`; of the others, in shuffled order, the shares
    ``ad_train`` : ``ad_test`` train and test the detectors, whole recordings those that test them.  All abnormal clips
    are tested.

    Parameters
    ----------
    normal, n_abnormal
        Clips at this SNR.
    reference
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

    taken = strict_ddae_rows(reference, shares["ddae"], seed, unit, where)
    order = _shuffled(normal, np.arange(len(normal)), seed, unit)
    trains_ddae = _same_clips(normal, order, reference, taken)
    left = order[~trains_ddae]
    wanted = _strict_test_count(len(left), len(normal), len(taken), shares, where)
    recording, _ = normal.numbers()
    trained = np.unique(reference.numbers()[0][taken])
    # recordings in shuffled order, and how many clips were tested with as many of them
    untouched = recording[left][~np.isin(recording[left], trained)]
    candidates = untouched[np.sort(np.unique(untouched, return_index=True)[1])]
    tested = np.cumsum([(recording == one).sum() for one in candidates])
    possible = np.flatnonzero(tested <= len(left) - 2)
    if not len(possible):
        raise UserError(
            f"{where}: the normal clips were cut from {len(np.unique(recording))} recordings, too few to train with "
            "some and test with others. Add recordings of the healthy machine."
        )
    number = possible[np.argmin(np.abs(tested[possible] - wanted))] + 1
    is_test = np.isin(recording[left], candidates[:number])
    return Split(np.sort(left[~is_test]), np.sort(left[is_test]), np.arange(n_abnormal), np.sort(order[trains_ddae]))


def _same_clips(clips: Listed, rows: Indices, others: Listed, other_rows: Indices) -> NDArray[np.bool_]:
    """Which of some `rows` at one SNR are, by their numbers, also among `other_rows` at another; bool [rows]."""
    import numpy as np

    recording, position = clips.numbers()
    other_recording, other_position = others.numbers()
    size = 1 + max(position.max(initial=0), other_position.max(initial=0))
    keys = other_recording[other_rows] * size + other_position[other_rows]
    return np.isin(recording[rows] * size + position[rows], keys)


def _require_given(clips: Listed, where: str) -> None:
    """Raise a `UserError` if the data set does not say of every clip what it is for."""
    without = sum(not split for split in clips.splits)
    if without:
        raise UserError(
            f"{where}: nothing says of {without} of {len(clips)} clips whether they train or test, as the given "
            "protocol needs. Put {split} into each dataset.pattern, fill in the column split of the sample sheet or of "
            "the list beside a feature cache, or use protocols: [strict]"
        )


def given_share(shares: Mapping[str, float]) -> float:
    """Per cent of the given training clips that train the DDAE, where `shares` are those of the strict protocol."""
    return 100 * shares["ddae"] / (shares["ddae"] + shares["ad_train"])


def given_ddae_count(n_train: int, share: float) -> int:
    """Number of the given training clips, three at least, that train the DDAE, where `share` per cent are to."""
    return min(max(1, round(n_train * share / 100)), n_train - 2)


def given_ddae_rows(normal: Listed, share: float, seed: int, unit: str, where: str) -> Indices:
    """Rows of the given training clips at the reference SNR that train the DDAE.

    Parameters
    ----------
    share
        Per cent of the given training clips.
    normal, seed, unit, where
        As for `strict_ddae_rows`.

    Returns
    -------
    int [clips]
        In ascending order.

    Raises
    ------
    UserError
        If nothing says which clips train, or there are fewer than three.
    """
    import numpy as np

    _require_given(normal, where)
    rows = normal.rows_of("train")
    if len(rows) < 3:
        raise UserError(
            f"{where}: {len(rows)} normal training clips are given, too few: one at least trains the DDAE, and 2 the "
            "detectors."
        )
    return np.sort(_shuffled(normal, rows, seed, unit)[: given_ddae_count(len(rows), share)])


def given_split(
    normal: Listed,
    abnormal: Listed,
    reference: Listed,
    shares: Mapping[str, float],
    seed: int,
    unit: str,
    where: str,
) -> Split:
    """Rows of one ID at one SNR that the data set itself means to train and test with; those that train the DDAE at the
    reference SNR are `Split.ddae`.

    Parameters
    ----------
    normal, abnormal
        Clips at this SNR.
    reference, shares, seed, unit, where
        As for `strict_split`.

    Raises
    ------
    UserError
        As `given_ddae_rows` does, or if fewer than two clips would train, or no normal one test.
    """
    for clips in (normal, abnormal):
        _require_given(clips, where)
    taken = given_ddae_rows(reference, given_share(shares), seed, unit, where)
    train, test = normal.rows_of("train"), normal.rows_of("test")
    trains_ddae = _same_clips(normal, train, reference, taken)
    train, of_ddae = train[~trains_ddae], train[trains_ddae]
    if len(train) < 2 or not len(test):
        raise UserError(
            f"{where}: {len(train)} normal clips are given to train the detectors (beside {len(taken)} for the DDAE), "
            f"and {len(test)} to test them; at least 2 and 1 are needed."
        )
    if len(abnormal.rows_of("train")):
        logger.warning("%s: %d abnormal training clips are left out", where, len(abnormal.rows_of("train")))
    return Split(train, test, abnormal.rows_of("test"), of_ddae)


def training_rows(clips: Mapping[str, Listed], settings: Mapping[str, Any]) -> dict[str, Indices]:
    """Rows of each ID that train the DDAE of a machine.

    Parameters
    ----------
    clips
        ID -> normal clips at the reference SNR.
    settings
        ``machine``, ``reference_snr``, ``protocol``; under *paper* ``clips``, the number asked for of each ID, and
        ``on_shortfall``; under *strict* and *given* ``share``, per cent of the normal or of the given training clips,
        and ``seed``.

    Raises
    ------
    UserError
        If there are too few clips.
    """
    import numpy as np

    rows = {}
    for number, (name, listed) in enumerate(clips.items()):
        where = f"machine {settings['machine']}, SNR {settings['reference_snr']}, ID {name}"
        unit = unit_name(settings["machine"], name)
        if settings["protocol"] == "paper":
            asked = settings["clips"][number]
            rows[name] = np.arange(paper_ddae_count(asked, len(listed), settings["on_shortfall"], where))
            continue
        choose = strict_ddae_rows if settings["protocol"] == "strict" else given_ddae_rows
        rows[name] = choose(listed, settings["share"], settings["seed"], unit, where)
    return rows


def detection_splits(
    clips: Mapping[tuple[str, str], tuple[Listed, Listed]], settings: Mapping[str, Any]
) -> dict[tuple[str, str], Split]:
    """Rows of some IDs of a machine that train and test the detectors.

    Parameters
    ----------
    clips
        SNR and ID -> normal and abnormal clips; the reference SNR of each ID among them.
    settings
        ``machine``, ``reference_snr``, ``protocol``; under *paper* ``clips``, the numbers asked for (``ad_train``,
        ``ad_test``) in the order of `clips`, and ``on_shortfall``; under *strict* and *given* ``shares`` and ``seed``.

    Raises
    ------
    UserError
        If there are too few clips.
    """
    splits = {}
    for number, ((snr, name), (normal, abnormal)) in enumerate(clips.items()):
        where = f"machine {settings['machine']}, SNR {snr}, ID {name}"
        if settings["protocol"] == "paper":
            asked, shortfall = AskedCounts(0, *settings["clips"][number]), settings["on_shortfall"]
            counts = paper_counts(asked, len(normal), len(abnormal), shortfall, where)
            splits[snr, name] = paper_split(counts, normal, shortfall, where)
            continue
        common = {
            "reference": clips[settings["reference_snr"], name][0],
            "shares": settings["shares"],
            "seed": settings["seed"],
            "unit": unit_name(settings["machine"], name),
            "where": where,
        }
        if settings["protocol"] == "strict":
            splits[snr, name] = strict_split(normal, len(abnormal), **common)
        else:
            splits[snr, name] = given_split(normal, abnormal, **common)
    return splits


FEWEST_CLIPS = 2
"""That projections and detectors can be fitted on."""

_FOLDS_OF_FEW = 10


def fold_numbers(recordings: Sequence[str], folds: int, seed: int, where: str) -> Indices:
    """Into which fold of the cross-fitting each training clip of an ID falls, at random.

    Parameters
    ----------
    recordings
        Which recording each clip was cut from: those of one are in the same fold.  Where all are of one, or a fold
        would leave fewer than `FEWEST_CLIPS`, clips are divided without regard to it; of few, each is by itself.
    folds
        At most; no more than there are recordings.
    where
        What the clips are, for messages.

    Returns
    -------
    int [clips]
        From 0.
    """
    import numpy as np

    clips = range(len(recordings))
    found = _folds(recordings if len(set(recordings)) > 1 else clips, folds, seed)
    if len(found) - np.bincount(found).max() < FEWEST_CLIPS:
        logger.warning(
            "%s: %d are so few, or so unequally divided among recordings, that thresholds come from models which have "
            "seen other clips of the same recording, or the clip itself; add recordings",
            *(where, len(found)),
        )
        found = _folds(clips, max(folds, _FOLDS_OF_FEW), seed)
    return found


def _folds(units: Sequence[object], folds: int, seed: int) -> Indices:
    """Number of the fold of each clip, int [clips]; what is of one unit stays together."""
    import numpy as np

    numbers: dict[object, int] = {}
    number = [numbers.setdefault(unit, len(numbers)) for unit in units]
    shuffled = np.random.default_rng([seed, len(numbers)]).permutation(len(numbers))
    return np.asarray(shuffled % min(folds, len(numbers)), np.intp)[number]
