"""In what the sound of recent clips differs from that of the normal training clips: level, microphone, or machine?

What changes the recording changes all bands: another gain or distance by the same number of decibels, another
microphone or room by different ones; a new background is heard where it was quiet.  A machine that wears changes few
bands, and the others stay.  So the mean difference of the log-mel spectra is described in several ways: nothing but
chance; the same in all bands; a curve over all bands; a steady noise that has come; and few regions, on top of nothing
or of a level.  The description with the smallest Bayesian information criterion (BIC) counts.  Chance is what the means
of as many normal clips differ by, bands together, and no description has to be more exact than `TOLERANCE` and a tenth
of the change.

What microphone, room and gain do, they do to all clips alike.  A change of many bands that differs from clip to clip
much more than normal clips do is therefore one of the machine as a whole.  If it is steady, the spectrum can't tell it
from another microphone, nor few bands of a fault from a narrow resonance of a room: verdicts name both.

Whether there is a change at all is asked without a description, by the energy distance between recent and normal clips.

Source: Székely & Rizzo (2013), *Journal of Statistical Planning and Inference* 143 (energy distance, its permutation
test and its coefficient of inhomogeneity); Schwarz (1978), *Annals of Statistics* 6 (BIC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..features.acoustic import LOG_FLOOR
from ..features.columns import MEL_BANDS, mel_centres
from ..features.spectrogram import DECIBELS
from .bands import Region

Kind = Literal["nothing", "level", "microphone", "noise", "machine", "level and machine"]

TOLERANCE = 0.3
"""dB; what bands may differ by without need of an explanation."""

GROUP = 4
"""Neighbouring bands that the energy distance sees as one."""

_PERMUTATIONS = 1999
_AT_ONCE = 100  # of them
_MOST_NORMAL = 1000  # clips of the energy distance
_RELATIVE = 0.1  # share of the change that a description may be off by
_SHRINKAGE = 30.0  # clips
_UNKNOWN = 25.0  # clips
_TAILS = 3.0  # clips
_UNSTEADY = 3.0  # times normal
_FEWEST_UNSTEADY = 10  # clips
_CURVES = (*range(1, 9), 12, 16, 24, 32)  # highest order of the cosines that make a curve
_REGIONS = 5
_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24)  # bands of a region
_PLACE_AND_WIDTH = 2  # what a region has beside its height
_FEW = 0.4  # share of the bands that a machine changes at most
_COST = float(np.log(MEL_BANDS))  # of a number that is fitted
_LEVELS = np.arange(-60.0, 60.1, 0.5)  # dB
_CLEARLY = 0.15  # of the largest difference, from which on a band differs
_FEWEST_LOST = 4  # bands
_NOISE_LEVELS = np.arange(-30.0, 40.1, 1.0)  # dB, beside the median of the bands
_NOISE_SLOPES = np.arange(-9.0, 3.1, 3.0)  # dB an octave
_CLIPS_WITH_NOISE = 50
_EVIDENCE = 6.0  # twice the logarithm of a likelihood ratio
_LEVEL = 1.0  # dB that a level beside a region has at least

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Change:
    """Difference between the sound of recent and of normal clips.

    Attributes
    ----------
    clips, normal_clips
        Their numbers.
    p_value
        Of the energy distance, if both were the same sound.
    inhomogeneity
        Effect size from 0 (the same sound) to 1.
    kind
        What describes the difference best, whether or not it is more than chance.
    decibels
        By which the level differs in all bands.
    regions
        Those that differ from that level, the largest difference first; of a change of many bands, those that change at
        least half as much as any.
    difference, spread, error
        Of each band in dB: mean difference, standard deviation of normal clips, standard error of the mean difference;
        float64 [128].
    described
        What `kind` says of each band, dB, float64 [128].
    evidence
        By how much the BIC of this description is better than that of chance; 0 for nothing.
    unsteady
        By how many times as much recent clips differ in how much of the change they have, as normal clips do.
    whole
        Whether a machine has changed as a whole.
    """

    clips: int
    normal_clips: int
    p_value: float
    inhomogeneity: float
    kind: Kind
    decibels: float
    regions: tuple[Region, ...]
    difference: Array
    spread: Array
    error: Array
    described: Array
    evidence: float
    unsteady: float
    whole: bool

    @property
    def size(self) -> float:
        """How far the bands are from normal, in standard deviations of normal clips: the largest of the description."""
        return float(np.abs(self.described / np.maximum(self.spread, TOLERANCE)).max())


def change_between(recent: Array, normal: Array, *, seed: int = 0) -> Change:
    """What the sound of recent clips differs from normal in.

    Parameters
    ----------
    recent, normal
        Mean log-mel spectra (`asd.features.bands.log_mel`), float64 [clips, 128]; at least one and two clips.
    """
    spread = normal.std(axis=0, ddof=1)
    difference = DECIBELS * (recent.mean(axis=0) - normal.mean(axis=0))
    each = DECIBELS**2 * _covariance(normal)
    covariance = each * (1 / len(recent) + 1 / len(normal))
    # means of few clips scatter more than normally distributed ones, and covariances of few clips are not well known
    cautious = each * (1 / len(recent) + _TAILS / len(recent) ** 2 + 1 / len(normal))
    cautious *= 1 + _UNKNOWN / max(len(normal) - _UNKNOWN, 5.0)
    p_value, inhomogeneity = energy_test(*_grouped(recent, normal), seed=seed)
    evidence, described = describe(difference, cautious, normal)
    shown, base = described.local, described.fit - described.local
    if described.kind in ("microphone", "noise"):
        most = np.abs(described.fit) >= 0.5 * np.abs(described.fit).max()
        shown, base = np.where(most, described.fit, 0.0), np.zeros(MEL_BANDS)
    unsteady = _unsteadiness(described.fit, recent, normal)
    whole = described.kind in ("microphone", "level", "level and machine") and unsteady >= _UNSTEADY
    if whole and described.kind != "microphone":
        shown, base = described.fit, np.zeros(MEL_BANDS)
    return Change(
        len(recent),
        len(normal),
        p_value,
        inhomogeneity,
        "machine" if whole else described.kind,
        0.0 if whole else described.decibels,
        _regions(shown, difference - base, DECIBELS * spread),
        difference,
        DECIBELS * spread,
        np.sqrt(np.diag(covariance)),
        described.fit,
        evidence,
        unsteady,
        whole,
    )


def _amplitudes(spectra: Array, described: Array, normal: Array) -> Array:
    """How much of a change each clip has, about 0 without it and 1 with it: a sum over the bands in which chance counts
    least."""
    chance = DECIBELS**2 * _covariance(normal) + TOLERANCE**2 * np.eye(MEL_BANDS)
    weights = np.linalg.solve(chance, described)
    return np.asarray(DECIBELS * (spectra - normal.mean(axis=0)) @ weights / (described @ weights))


def _unsteadiness(described: Array, recent: Array, normal: Array) -> float:
    """By how many times as much recent clips differ in how much of a change they have, as normal clips do."""
    if len(recent) < _FEWEST_UNSTEADY or not described.any():
        return 1.0
    ranges = [np.subtract(*np.quantile(_amplitudes(one, described, normal), (0.9, 0.1))) for one in (recent, normal)]
    return float(ranges[0] / max(ranges[1], 1e-9))


def raised(spectrum: Array, decibels: float) -> Array:
    """By how many dB the bands of a log-mel spectrum change if the sound is so many dB louder.

    Near the floor of the logarithm, bands change less than others; float64 [128].
    """
    power = np.exp(spectrum)
    louder = np.maximum(power - LOG_FLOOR, 0.01 * power) * 10 ** (decibels / 10)
    return np.asarray(DECIBELS * (np.log(louder + LOG_FLOOR) - np.log(np.maximum(power, 1.01 * LOG_FLOOR))))


def _covariance(normal: Array) -> Array:
    """Between bands, drawn towards none between different bands, the more the fewer clips there are."""
    found = np.cov(normal, rowvar=False)
    less = min(0.9, 0.1 + _SHRINKAGE / len(normal))
    return np.asarray((1 - less) * found + less * np.diag(np.diag(found)))


# --------------------------------------------------------------------------------------------------- energy distance


def _grouped(recent: Array, normal: Array) -> tuple[Array, Array]:
    """Standardised means of groups of bands."""
    groups = [one.reshape(len(one), -1, GROUP).mean(axis=2) for one in (recent, normal)]
    mean, spread = groups[1].mean(axis=0), np.maximum(groups[1].std(axis=0), TOLERANCE / DECIBELS)
    return (groups[0] - mean) / spread, (groups[1] - mean) / spread


def energy_test(recent: Array, normal: Array, *, seed: int = 0) -> tuple[float, float]:
    """Permutation test of the energy distance between two samples.

    Parameters
    ----------
    recent, normal
        float64 [clips, columns].  Of many normal clips, some are drawn.

    Returns
    -------
    tuple
        The p-value, at least 1 / 2000, and the coefficient of inhomogeneity.
    """
    from scipy.spatial.distance import cdist

    random = np.random.default_rng(seed)
    if len(normal) > _MOST_NORMAL:
        normal = normal[random.choice(len(normal), _MOST_NORMAL, replace=False)]
    both = np.concatenate([recent, normal])
    distances = cdist(both, both)
    rows, flat = distances.sum(axis=1), distances.ravel()
    few, many = len(recent), len(normal)

    def energies(chosen: NDArray[np.intp]) -> tuple[Array, Array]:
        """Of several choices of the clips that count as recent, int [choices, few]; and their scales."""
        among = flat[chosen[:, :, None] * len(both) + chosen[:, None, :]].sum(axis=(1, 2))
        between = rows[chosen].sum(axis=1) - among
        others = rows.sum() - 2 * between - among
        scale = 2 * between / (few * many)
        return scale - among / few**2 - others / many**2, scale

    energy, scale = (float(one[0]) for one in energies(np.arange(few)[None]))
    as_large, left = 1, _PERMUTATIONS
    while left:
        count = min(left, _AT_ONCE)
        chosen = random.random((count, len(both))).argpartition(few - 1, axis=1)[:, :few]
        as_large += int((energies(chosen)[0] >= energy - 1e-12).sum())
        left -= count
    return as_large / (1 + _PERMUTATIONS), max(0.0, energy / scale) if scale > 0 else 0.0


# ------------------------------------------------------------------------------------------------------- descriptions


@dataclass(frozen=True, eq=False)
class Description:
    """How a difference of spectra comes about.

    Attributes
    ----------
    decibels
        The level in it.
    fit, local
        In each band, dB, float64 [128]: all that is described, and the regions in it.
    criterion
        BIC; smaller is better.
    """

    kind: Kind
    decibels: float
    fit: Array
    local: Array
    criterion: float


# --------------------------------------------------------------------------------------------------------- since when


@dataclass(frozen=True)
class Course:
    """How a change came.

    Attributes
    ----------
    since
        Number of the first changed clip.
    suddenly
        Whether it came at once, or grew; None if that can't be told.
    per_clip
        By how much it grows with each clip, as a share of what the recent clips differ by; 0 if it does not grow.
    """

    since: int
    suddenly: bool | None
    per_clip: float


def course_of(change: Change, spectra: Array, numbers: NDArray[np.intp], normal: Array) -> Course:
    """When a change began, from clips before and after it.

    To how much of the change each clip has, a step and a line that rises from 0 are fitted.

    Parameters
    ----------
    spectra
        Log-mel spectra in the order of time, float64 [clips, 128].
    numbers
        Of these clips, ascending.
    normal
        Log-mel spectra of normal clips, float64 [clips, 128].
    """
    return course_of_amplitudes(_amplitudes(spectra, change.described, normal), numbers)


def course_of_amplitudes(amplitudes: Array, numbers: NDArray[np.intp]) -> Course:
    """The same from how much of the change each clip has: about 0 before it; float64 [clips]."""
    place = numbers.astype(np.float64)

    def from_each_on(values: Array) -> Array:
        return np.cumsum(values[::-1])[::-1]

    count, total = from_each_on(np.ones_like(place)), from_each_on(amplitudes)
    start = place - 1  # the line is 0 there
    products = from_each_on(amplitudes * place) - start * total
    squares = from_each_on(place**2) - 2 * start * from_each_on(place) + start**2 * count
    by_step, by_line = total**2 / count, products**2 / np.maximum(squares, 1e-9)
    step, line = int(np.argmax(by_step)), int(np.argmax(by_line))
    explained = max(by_step[step], by_line[line])
    variance = max((float(amplitudes @ amplitudes) - explained) / max(len(place) - 2, 1), 1e-12)
    difference = float(by_line[line] - by_step[step]) / variance
    if difference <= 0:
        return Course(int(numbers[step]), True if difference < -_EVIDENCE else None, 0.0)
    if difference < _EVIDENCE:
        return Course(int(numbers[line]), None, 0.0)
    return Course(int(numbers[line]), False, float(products[line] / squares[line]))


# ------------------------------------------------------------------------------------------------ parts of descriptions


@cache
def _smooth() -> Array:
    """Cosines over the bands, float64 [128, orders]."""
    places = (np.arange(MEL_BANDS) + 0.5) / MEL_BANDS
    return np.cos(np.pi * places[:, None] * np.arange(max(_CURVES) + 1))


@cache
def _boxes() -> Array:
    """All regions, ones inside and zeros elsewhere, float64 [128, regions]."""
    return np.stack(
        [
            ((np.arange(MEL_BANDS) >= first) & (np.arange(MEL_BANDS) < first + width)).astype(np.float64)
            for width in _WIDTHS
            for first in range(MEL_BANDS - width + 1)
        ],
        axis=1,
    )


def describe(difference: Array, covariance: Array, normal: Array) -> tuple[float, Description]:
    """The best description of a mean difference of spectra, and the evidence for it (see `Change`).

    Parameters
    ----------
    difference
        dB, float64 [128].
    covariance
        Of what it is by chance, float64 [128, 128].
    normal
        Log-mel spectra of normal clips, float64 [clips, 128].
    """
    nothing, *others = descriptions(difference, covariance, normal)
    found = min(nothing, *others, key=lambda one: one.criterion)
    return nothing.criterion - found.criterion, _with_second_thoughts(found, difference)


def _with_second_thoughts(found: Description, difference: Array) -> Description:
    """A description, but of a curve that differs from 0 in few bands only as of regions, and of regions at an end of
    the spectrum, which microphones lose, as of a microphone."""
    if found.kind == "microphone" and not _rolls_off(found.fit) and _is_local(found.fit):
        return replace(found, kind="machine", local=np.where(_clearly(found.fit), found.fit, 0.0))
    if found.kind in ("machine", "level and machine") and _rolls_off(difference - (found.fit - found.local)):
        return replace(found, kind="microphone", local=np.zeros(MEL_BANDS))
    return found


def _clearly(difference: Array) -> NDArray[np.bool_]:
    return np.asarray(np.abs(difference) >= max(TOLERANCE, _CLEARLY * float(np.abs(difference).max())))


def _is_local(difference: Array) -> bool:
    """Whether few bands differ."""
    return bool(_clearly(difference).mean() <= _FEW)


def _rolls_off(difference: Array) -> bool:
    """Whether the lowest or the highest bands are lost, the more the nearer they are to the end, and no others differ.

    That is what microphones do.
    """
    for one in (difference, difference[::-1]):
        smooth = np.convolve(np.pad(one, 1, mode="edge"), np.ones(3) / 3, mode="valid")
        lost = smooth <= -_CLEARLY * float(np.abs(smooth).max())
        count = MEL_BANDS if lost.all() else int(np.argmin(lost))
        if count < _FEWEST_LOST or np.abs(smooth[count:]).max(initial=0.0) > 0.5 * np.abs(smooth[:count]).max():
            continue
        outer, inner = smooth[: count // 2].mean(), smooth[count // 2 : count].mean()
        if outer < 1.5 * inner and outer < inner - 1.0:
            return True
    return False


def descriptions(difference: Array, covariance: Array, normal: Array) -> list[Description]:
    """All descriptions of a difference, that of nothing but chance first."""
    from scipy.linalg import cholesky, solve_triangular

    allowed = TOLERANCE**2 + _RELATIVE**2 * float(np.mean(difference**2))
    factor = cholesky(covariance + allowed * np.eye(MEL_BANDS), lower=True)

    def white(columns: Array) -> Array:
        return np.asarray(solve_triangular(factor, columns, lower=True))

    y = white(difference)
    nothing = np.zeros(MEL_BANDS)
    found = [Description("nothing", 0.0, nothing, nothing, float(y @ y))]
    curves = white(_smooth())
    for order in _CURVES:
        weights, rest = _fitted(curves[:, : order + 1], y)  # and the order itself counts as one more
        fit = _smooth()[:, : order + 1] @ weights
        found.append(Description("microphone", 0.0, fit, nothing, rest + _COST * (order + 2)))
    noises = _noises(normal)
    rests = ((y[:, None] - white(noises)) ** 2).sum(axis=0)
    quietest = int(np.argmin(rests))
    found.append(Description("noise", 0.0, noises[:, quietest], nothing, float(rests[quietest]) + 2 * _COST))
    level = _level_of_one(y, normal.mean(axis=0), white)
    boxes = white(_boxes())
    return found + list(_of_regions(y, None, boxes, white)) + list(_of_regions(y, level, boxes, white))


def _noises(normal: Array) -> Array:
    """By how many dB the bands change if a steady noise comes on top, by loudness and slope; float64 [128, noises]."""
    some = normal[:: max(1, len(normal) // _CLIPS_WITH_NOISE)][:_CLIPS_WITH_NOISE]
    octaves = np.log2(np.array(mel_centres()) / 1000)
    loudness, slope = np.meshgrid(np.median(normal) * DECIBELS + _NOISE_LEVELS, _NOISE_SLOPES)
    noise = 10 ** ((loudness.reshape(-1, 1) + slope.reshape(-1, 1) * octaves) / 10)
    power = np.maximum(np.exp(some), 1e-30)
    return np.stack([DECIBELS * np.log1p(one / power).mean(axis=0) for one in noise], axis=1)


def _level_of_one(y: Array, spectrum: Array, white: Callable[[Array], Array]) -> Array:
    """The change of all bands by the level that describes `y` best, divided by this level; float64 [128]."""
    levels = _LEVELS[_LEVELS != 0]
    shapes = np.stack([raised(spectrum, float(one)) for one in levels], axis=1)
    best = int(np.argmin(((y[:, None] - white(shapes)) ** 2).sum(axis=0)))
    return np.asarray(shapes[:, best] / levels[best])


def _of_regions(y: Array, level: Array | None, boxes: Array, white: Callable[[Array], Array]) -> Iterator[Description]:
    """Up to `_REGIONS` regions, on top of a level if there is one, and the level alone."""
    base = np.zeros((MEL_BANDS, 0)) if level is None else level[:, None]
    levels = base.shape[1]
    white_base = white(base)
    chosen: list[int] = []
    for count in range(_REGIONS + 1):
        columns = np.concatenate([white_base, boxes[:, chosen]], axis=1)
        weights, rest = _fitted(columns, y)
        decibels = float(weights[:levels].sum())
        local = _boxes()[:, chosen] @ weights[levels:]
        fit = base @ weights[:levels] + local
        criterion = rest + _COST * (levels + (1 + _PLACE_AND_WIDTH) * count)
        few = np.mean(local != 0) <= _FEW
        if count == 0 and levels:
            yield Description("level", decibels, fit, local, criterion)
        elif count and few and not levels:
            yield Description("machine", 0.0, fit, local, criterion)
        elif count and few and abs(decibels) >= _LEVEL:
            yield Description("level and machine", decibels, fit, local, criterion)
        chosen.append(_next(columns, boxes, y))


def _fitted(columns: Array, y: Array) -> tuple[Array, float]:
    """Least-squares weights, and the sum of squares that is left."""
    if not columns.shape[1]:
        return np.zeros(0), float(y @ y)
    weights = np.linalg.lstsq(columns, y, rcond=None)[0]
    rest = y - columns @ weights
    return np.asarray(weights, np.float64), float(rest @ rest)


def _next(columns: Array, candidates: Array, y: Array) -> int:
    """The candidate that leaves the smallest sum of squares beside some columns."""
    if columns.shape[1]:
        basis = np.linalg.qr(columns)[0]
        candidates = candidates - basis @ (basis.T @ candidates)
        y = y - basis @ (basis.T @ y)
    lengths = (candidates**2).sum(axis=0)
    gains = (y @ candidates) ** 2 / np.where(lengths > 1e-9, lengths, np.inf)
    return int(np.argmax(gains))


def _regions(local: Array, difference: Array, spread: Array) -> tuple[Region, ...]:
    """Neighbouring bands of the same sign in what a machine changed."""
    found = []
    first = 0
    while first < MEL_BANDS:
        last = first
        while last + 1 < MEL_BANDS and np.sign(local[last + 1]) == np.sign(local[first]):
            last += 1
        if local[first]:
            part = slice(first, last + 1)
            deviations = difference[part] / np.maximum(spread[part], 1e-6)
            largest = float(deviations[np.argmax(np.abs(deviations))])
            found.append(Region(first, last, float(difference[part].mean()), largest))
        first = last + 1
    return tuple(sorted(found, key=lambda region: -abs(region.decibels)))
