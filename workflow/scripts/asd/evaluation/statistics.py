"""How certain an AUC or a difference of AUCs is: the bootstrap, DeLong's test, and the statistics around them.

Everywhere, labels are bool [clips], True for abnormal, and scores are float64 [clips], higher for more anomalous.
A bootstrap replicate is a row of weights that says how often each clip was drawn, so that the statistics of all
replicates need the scores sorted only once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST_FOR_P_VALUES = 10
"""Test clips of the smaller class below which no p value is given: replicates of so few clips are nearly all alike."""

FEW_CLIPS = 30
"""Test clips of the smaller class below which the interval of an AUC is no narrower than that of a share of so many."""

# Replicates are handled in blocks of about so many weights, so that what is made of a block stays in the cache.
_BLOCK_WEIGHTS = 32_768

# False positive rates closer than this are the same: 7 of 70 clips are 0.1, but np.linspace(0, 1, 71)[7] is a bit less.
_SAME_RATE = 1e-12


# --- ROC curves of weighted clips ---


def weighted_aucs(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """AUC where each clip counts as often as its weight says; ties count half.

    Parameters
    ----------
    labels
        bool [clips], True for abnormal.
    scores
        float64 [clips], higher is more anomalous; infinite ones are fine.
    weights
        int or float [replicates, clips], not negative.

    Returns
    -------
    numpy.ndarray
        float64 [replicates], NaN where a class has no weight.  Whole weights give exactly the AUC of the clips repeated
        so many times.

    Raises
    ------
    ValueError
        If the shapes do not fit together, there are no clips, a score is NaN, or a weight is negative or not finite.

    References
    ----------
    Hanley, J. A., & McNeil, B. J. (1982). The meaning and use of the area under a receiver operating characteristic
    (ROC) curve. *Radiology* 143, 29-36.
    """

    is_abnormal, values = _checked(labels, scores)
    normal, abnormal = np.flatnonzero(~is_abnormal), np.flatnonzero(is_abnormal)
    descending = abnormal[np.argsort(values[abnormal], kind="stable")[::-1]]
    ranked = -values[descending]
    # of the abnormal clips from the highest score down, how many are above each normal one, and how many not below it
    above, not_below = (np.searchsorted(ranked, -values[normal], side=side) for side in ("left", "right"))
    areas = []
    for block in _blocks(weights, len(values)):
        sums = _summed(block, descending)
        of_normal = block.take(normal, axis=1)
        pairs = sums.take(above, axis=1) + sums.take(not_below, axis=1)
        areas.append(_ratio(np.einsum("rc,rc->r", of_normal, pairs), 2.0 * of_normal.sum(axis=1) * sums[:, -1]))
    return np.concatenate(areas)


def weighted_partial_aucs(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike, max_fpr: float = 0.1
) -> NDArray[np.float64]:
    """Area below the ROC curve up to a false positive rate, standardised so that chance is 0.5 and perfection is 1.

    This is ``sklearn.metrics.roc_auc_score(labels, scores, sample_weight=weights[r], max_fpr=max_fpr)``.

    Parameters
    ----------
    labels
        bool [clips], True for abnormal.
    scores
        float64 [clips], higher is more anomalous; infinite ones are fine.
    weights
        int or float [replicates, clips], not negative.
    max_fpr
        Largest false positive rate, above 0 and at most 1.

    Returns
    -------
    numpy.ndarray
        float64 [replicates], NaN where a class has no weight.

    Raises
    ------
    ValueError
        As `weighted_aucs`; and if `max_fpr` is out of range.

    References
    ----------
    McClish, D. K. (1989). Analyzing a portion of the ROC curve. *Medical Decision Making* 9, 190-195.
    """
    if not 0.0 < max_fpr <= 1.0:
        raise ValueError(f"max_fpr must be above 0 and at most 1, not {max_fpr}")

    def area(false: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
        limit, total = max_fpr * false[:, -1:], false[:, -1] * true[:, -1]
        # beyond where all replicates have reached the limit there is nothing to add up
        points = 1 + int(np.argmax((false >= limit).all(axis=0)))
        false, true = false[:, : max(points, 2)], true[:, : max(points, 2)]
        width = np.diff(np.minimum(false, limit), axis=1)
        share = _ratio(width, np.diff(false, axis=1), otherwise=0.0)  # less than 1 of a segment that the limit cuts
        height = true[:, :-1] + np.diff(true, axis=1) * share / 2.0
        return _ratio((width * height).sum(axis=1), total)

    areas = np.concatenate([area(false, true) for false, true in _roc_counts(labels, scores, weights)])
    smallest, largest = max_fpr**2 / 2.0, max_fpr
    return 0.5 * (1.0 + (areas - smallest) / (largest - smallest))


def roc_on_grid(
    labels: ArrayLike, scores: ArrayLike, grid: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """True positive rates at given false positive rates, for the bands around a ROC curve.

    Between the points of the curve the rate is interpolated linearly, so that the area below is the AUC with ties
    counting half.  Where the curve jumps it is the upper end: at 0 it is the share of the abnormal clips that score
    higher than every normal one.

    Parameters
    ----------
    labels
        bool [clips], True for abnormal.
    scores
        float64 [clips], higher is more anomalous; infinite ones are fine.
    grid
        float64 [points], false positive rates from 0 to 1 in any order.  A rate that misses a jump by a rounding error
        (1e-12) is taken to be at it.
    weights
        int or float [replicates, clips], not negative; without them, each clip counts once in one replicate.

    Returns
    -------
    numpy.ndarray
        float64 [replicates, points], NaN where a class has no weight.

    Raises
    ------
    ValueError
        As `weighted_aucs`; and if the grid is not one-dimensional or has a rate out of range.

    References
    ----------
    Fawcett, T. (2006). An introduction to ROC analysis. *Pattern Recognition Letters* 27, 861-874.
    """
    rates = np.asarray(grid, np.float64)
    if rates.ndim != 1 or not ((rates >= 0.0) & (rates <= 1.0)).all():
        raise ValueError("the grid must be a list of false positive rates from 0 to 1")
    if weights is None:
        weights = np.ones((1, np.size(np.asarray(labels))))

    def read_off(false: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
        weightless = (false[:, -1] == 0.0) | (true[:, -1] == 0.0)
        false, true = (_ratio(counts, counts[:, -1:], otherwise=0.0) for counts in (false, true))
        left = np.empty((len(false), len(rates)), np.int64)
        for row, curve in enumerate(false):
            left[row] = np.searchsorted(curve, rates + _SAME_RATE, side="right") - 1
        right = np.minimum(left + 1, false.shape[1] - 1)

        def at(values: NDArray[np.float64], points: NDArray[np.int64]) -> NDArray[np.float64]:
            taken: NDArray[np.float64] = np.take_along_axis(values, points, axis=1)
            return taken

        past = np.maximum(rates - at(false, left), 0.0)
        share = _ratio(past, at(false, right) - at(false, left), otherwise=0.0)
        heights: NDArray[np.float64] = at(true, left) + share * (at(true, right) - at(true, left))
        heights[weightless] = math.nan
        return heights

    return np.concatenate([read_off(false, true) for false, true in _roc_counts(labels, scores, weights)])


def _roc_counts(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Weight of the normal and of the abnormal clips above each threshold, both [replicates of a block, points].

    There is a point for each distinct score, from the highest down, after one above all scores.
    """
    abnormal, values = _checked(labels, scores)
    order = np.argsort(values, kind="stable")[::-1]  # ties the same way round on any machine
    ranked = values[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)  # of each run of tied scores
    true_above = np.append(0, np.cumsum(abnormal[order])[ends])
    false_above = np.append(0, ends + 1) - true_above
    clips = {True: order[abnormal[order]], False: order[~abnormal[order]]}

    for block in _blocks(weights, len(values)):
        false, true = (_summed(block, clips[label]) for label in (False, True))
        yield false.take(false_above, axis=1), true.take(true_above, axis=1)


def _blocks(weights: ArrayLike, clips: int) -> Iterator[NDArray[np.float64]]:
    """Weights, [replicates, clips], some replicates at a time; no replicates are one empty block."""
    every = np.asarray(weights)
    if every.ndim != 2 or every.shape[1] != clips:
        raise ValueError(f"weights must be [replicates, {clips} clips], not {every.shape}")
    step = max(1, _BLOCK_WEIGHTS // clips)
    for first in range(0, max(1, len(every)), step):
        block = every[first : first + step].astype(np.float64)
        if not ((block >= 0.0) & (block < np.inf)).all():
            raise ValueError("weights must be finite and not negative")
        yield block


def _summed(block: NDArray[np.float64], clips: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weight of the first so many of some clips, from none to all, [replicates, 1 + clips]."""
    sums = np.zeros((len(block), len(clips) + 1))
    np.cumsum(block.take(clips, axis=1), axis=1, out=sums[:, 1:])
    return sums


def _ratio(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], otherwise: float = math.nan
) -> NDArray[np.float64]:
    """Quotient, and `otherwise` where the denominator is not positive."""
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0.0)
    return quotient


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    abnormal, values = np.asarray(labels, np.bool_), np.asarray(scores, np.float64)
    if abnormal.ndim != 1 or values.shape != abnormal.shape or not len(values):
        raise ValueError(f"labels and scores must be [clips], at least one, not {abnormal.shape} and {values.shape}")
    if np.isnan(values).any():
        raise ValueError("a score is NaN")
    return abnormal, values


# --- the bootstrap ---


def bootstrap_weights(strata: ArrayLike, replicates: int, random: np.random.Generator) -> NDArray[np.int32]:
    """How often each clip is drawn in each replicate of a stratified bootstrap.

    From each stratum as many clips are drawn, with replacement, as it has.

    Parameters
    ----------
    strata
        int or str [clips], the stratum of each clip.
    replicates
        Number of replicates.
    random
        Source of the draws.  It is advanced by the same amount whatever the strata are, and the weights of a stratum
        depend on its state, on whether the stratum appears as the first, the second, ..., and on its number of clips
        alone: what becomes of the other clips does not change them.

    Returns
    -------
    numpy.ndarray
        int32 [replicates, clips]; over the clips of a stratum each row sums to their number.

    Raises
    ------
    ValueError
        If `strata` is not one-dimensional or `replicates` is negative.

    References
    ----------
    Davison, A. C., & Hinkley, D. V. (1997). *Bootstrap methods and their application*, section 3.2 (several samples).
    Cambridge University Press.
    """
    groups = np.asarray(strata)
    if groups.ndim != 1 or replicates < 0:
        raise ValueError(f"strata must be [clips] and replicates not negative, not {groups.shape} and {replicates}")
    entropy = [int(word) for word in random.integers(2**32, size=4)]
    _, first_clips, numbers = np.unique(groups, return_index=True, return_inverse=True)
    weights = np.empty((replicates, len(groups)), np.int32)
    for place, number in enumerate(np.argsort(first_clips)):
        own = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(place,)))
        clips = np.flatnonzero(numbers == number)
        weights[:, clips] = _draw_counts(len(clips), replicates, own)
    return weights


def resampled_seeds(n_seeds: int, replicates: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Weights of seeds in each replicate when the seeds are drawn with replacement.

    Parameters
    ----------
    n_seeds
        Number of seeds, at least one; of a single seed the weight is always 1.
    replicates
        Number of replicates.
    random
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        float64 [replicates, n_seeds], shares that sum to 1 in each row.

    Raises
    ------
    ValueError
        If there is no seed or `replicates` is negative.

    References
    ----------
    Davison, A. C., & Hinkley, D. V. (1997). *Bootstrap methods and their application*, section 2.3.
    Cambridge University Press.
    """
    if n_seeds < 1 or replicates < 0:
        raise ValueError(f"there must be a seed and no negative number of replicates, not {n_seeds} and {replicates}")
    return _draw_counts(n_seeds, replicates, random) / n_seeds


def _draw_counts(size: int, replicates: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Multinomial counts of `size` draws from `size` things, int64 [replicates, size]."""
    # not Generator.multinomial, which draws a binomial number per thing and takes several times as long
    drawn = random.integers(size, size=(replicates, size))
    drawn += size * np.arange(replicates)[:, None]
    return np.bincount(drawn.ravel(), minlength=replicates * size).reshape(replicates, size)


def percentile_interval(samples: ArrayLike, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval of bootstrap replicates.

    Parameters
    ----------
    samples
        float [replicates, ...], a statistic or an array of them in each replicate.  Those that are NaN are left out.
    confidence
        Confidence in per cent, between 0 and 100.

    Returns
    -------
    tuple
        Lower and upper end, float64 [...]; NaN where every replicate is.  As much of the replicates lies below the
        lower as above the upper end.

    Raises
    ------
    ValueError
        If there are no replicates, or `confidence` is not between 0 and 100.

    References
    ----------
    Efron, B., & Tibshirani, R. J. (1993). *An introduction to the bootstrap*, chapter 13. Chapman & Hall.
    """
    values = np.asarray(samples, np.float64)
    if not values.ndim or not len(values):
        raise ValueError("there are no replicates")
    if not 0.0 < confidence < 100.0:
        raise ValueError(f"confidence must be between 0 and 100 per cent, not {confidence}")
    tail = (100.0 - confidence) / 200.0
    known = ~np.isnan(values).all(axis=0)  # NumPy warns of the others
    ends = np.full((2, *values.shape[1:]), math.nan)
    ends[:, known] = np.nanquantile(values[:, known], [tail, 1.0 - tail], axis=0)
    return ends[0], ends[1]


def bootstrap_p_value(differences: ArrayLike) -> float:
    """Two-sided p-value of a paired difference: how far out 0 lies among its bootstrap replicates.

    It is twice the smaller of the shares of replicates not above and not below 0, where the observed sample counts as
    one more replicate on either side; so it is never 0, and differences that are all exactly 0 give 1.  But for that
    added replicate it is below ``alpha`` where the percentile interval of confidence ``1 - alpha`` leaves out 0.

    Parameters
    ----------
    differences
        float [replicates], the difference in each replicate, of both detectors on the same draws.  Replicates that are
        NaN are left out.

    Returns
    -------
    float
        From ``2 / (replicates + 1)`` to 1; NaN where every replicate is.

    Raises
    ------
    ValueError
        If `differences` is not one-dimensional or there are none.

    References
    ----------
    Davison, A. C., & Hinkley, D. V. (1997). *Bootstrap methods and their application*, chapter 4 (the added replicate)
    and chapter 5 (tests from intervals). Cambridge University Press.
    """
    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"differences must be [replicates], at least one, not {values.shape}")
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan
    smaller = min(np.count_nonzero(values <= 0.0), np.count_nonzero(values >= 0.0))
    return min(1.0, 2.0 * (smaller + 1.0) / (len(values) + 1.0))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P-values adjusted for their number, so that the chance of any false rejection stays below the level.

    Parameters
    ----------
    p_values
        float [tests], in any order.  Those that are NaN were not tested: they stay NaN and do not count.

    Returns
    -------
    numpy.ndarray
        float64 [tests], adjusted p-values in the same order.

    Raises
    ------
    ValueError
        If `p_values` is not one-dimensional or one is not from 0 to 1.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. *Scandinavian Journal of Statistics* 6,
    65-70.
    """
    adjusted = np.array(p_values, np.float64)
    tested = np.flatnonzero(~np.isnan(adjusted))
    if adjusted.ndim != 1 or not ((adjusted[tested] >= 0.0) & (adjusted[tested] <= 1.0)).all():
        raise ValueError("p-values must be a list of numbers from 0 to 1, or NaN")
    rising = tested[np.argsort(adjusted[tested])]
    multiplied = adjusted[rising] * np.arange(len(rising), 0, -1)
    adjusted[rising] = np.minimum(np.maximum.accumulate(multiplied), 1.0)
    return adjusted


# --- DeLong's test ---


def mean_placements(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Structural components of the mean of a detector's AUCs over seeds, from mid-ranks in O(n log n).

    Like an AUC, the mean of AUCs on the same clips is a mean over pairs of clips, and its components are the means of
    those of the seeds.

    Parameters
    ----------
    labels
        bool [clips], True for abnormal; both classes must be there.
    scores
        float64 [seeds, clips], higher is more anomalous; infinite ones are fine.

    Returns
    -------
    tuple
        float64 [abnormal], for each abnormal clip the share of the normal clips that score lower; and
        float64 [normal], for each normal clip the share of the abnormal clips that score higher; averaged over the
        seeds.  Ties count half.  The mean of either is the mean AUC.

    Raises
    ------
    ValueError
        If the shapes do not fit together, there are no seeds, a score is NaN, or a class is missing.

    References
    ----------
    DeLong, E. R., DeLong, D. M., & Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves: a nonparametric approach. *Biometrics* 44, 837-845.

    Sun, X., & Xu, W. (2014). Fast implementation of DeLong's algorithm for comparing the areas under correlated
    receiver operating characteristic curves. *IEEE Signal Processing Letters* 21, 1389-1393.
    """
    rows = np.asarray(scores, np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"scores must be [seeds, clips], at least one seed, not {rows.shape}")
    abnormal, _ = _checked(labels, rows[0])
    n_abnormal = int(np.count_nonzero(abnormal))
    n_normal = len(abnormal) - n_abnormal
    if not n_abnormal or not n_normal:
        raise ValueError("there must be normal and abnormal clips")
    # Half-integers, whose sums are exact: the order of the seeds changes nothing, not even the last bit.
    lower, higher = np.zeros(n_abnormal), np.zeros(n_normal)
    for row in rows:
        _, values = _checked(labels, row)
        ranks = _midranks(values)
        lower += ranks[abnormal] - _midranks(values[abnormal])
        higher += n_abnormal - (ranks[~abnormal] - _midranks(values[~abnormal]))
    return lower / (len(rows) * n_normal), higher / (len(rows) * n_abnormal)


def _midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; those of tied values are averaged."""
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[numbers]


def delong_covariance(
    components: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """Estimated covariance of the AUCs of several detectors on the same clips (DeLong et al., 1988).

    It is that of drawing other clips and nothing else: seeds and machines are taken as they are.

    Parameters
    ----------
    components
        Of each detector, as `mean_placements` gives them.

    Returns
    -------
    float64 [detectors, detectors]
        NaN where a class has a single clip.
    """
    v10, v01 = (np.stack([component[side] for component in components]) for side in (0, 1))
    return _covariance_of_means(v10) + _covariance_of_means(v01)


def _covariance_of_means(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimated covariance of the means of rows, float64 [rows, rows]; NaN for a single column."""
    rows, count = components.shape
    if count < 2:
        return np.full((rows, rows), math.nan)
    centred = components - components.mean(axis=1, keepdims=True)
    covariance: NDArray[np.float64] = centred @ centred.T / ((count - 1) * count)
    return covariance


def delong_p_value(covariance: NDArray[np.float64], first: int, second: int, difference: float) -> float | None:
    """Two-sided p-value of a difference of two AUCs, with the normal distribution.

    Parameters
    ----------
    covariance
        Of the AUCs, float64 [detectors, detectors].
    first, second
        Which of the detectors differ.
    difference
        AUC of the first minus AUC of the second.

    Returns
    -------
    float or None
        None where the covariance is not known.  Detectors that place every clip alike have a p-value of 1; if they
        differ by the same in every clip, it is 0.
    """
    variance = covariance[first, first] + covariance[second, second] - 2.0 * covariance[first, second]
    if not np.isfinite(variance):
        return None
    # rounding leaves a trace of variance between detectors that place every clip alike
    if variance <= 1e-18:
        return 1.0 if abs(difference) <= 1e-12 else 0.0
    difference = difference if abs(difference) > 1e-12 else 0.0
    return math.erfc(abs(difference) / math.sqrt(variance) / math.sqrt(2.0))  # 2 * (1 - Phi), to its far tail


# --- decisions and summaries ---


def decision_statistics(tn: int, fp: int, fn: int, tp: int) -> dict[str, float]:
    """Quality of decisions from their confusion counts, with abnormal as positive.

    Parameters
    ----------
    tn, fp, fn, tp
        Clips that are normal and not flagged, normal and flagged, abnormal and not flagged, abnormal and flagged.

    Returns
    -------
    dict
        ``precision``, 0 if nothing was flagged; ``recall``, 0 without abnormal clips; ``f1``, 0 if there is neither of
        them (as scikit-learn's ``zero_division=0``); and ``false_alarm_rate``, the share of the normal clips that are
        flagged, NaN without normal clips.

    Raises
    ------
    ValueError
        If a count is negative.

    References
    ----------
    van Rijsbergen, C. J. (1979). *Information retrieval*, 2nd edition, chapter 7. Butterworths.
    """
    if min(tn, fp, fn, tp) < 0:
        raise ValueError(f"counts must not be negative: tn {tn}, fp {fp}, fn {fn}, tp {tp}")
    return {
        "precision": tp / (tp + fp) if tp + fp else 0.0,
        "recall": tp / (tp + fn) if tp + fn else 0.0,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
        "false_alarm_rate": fp / (fp + tn) if fp + tn else math.nan,
    }


def exact_interval(count: int, total: int, confidence: float) -> tuple[float, float]:
    """Interval of a share from the number of times it was seen, which neither end of [0, 1] fools (Clopper & Pearson).

    Parameters
    ----------
    count, total
        How many of how many.
    confidence
        In per cent.

    Returns
    -------
    tuple
        Lower and upper end; 0 and 1 where there is nothing to count.

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the case of the
    binomial. *Biometrika* 26, 404-413.

    Examples
    --------
    >>> low, high = exact_interval(0, 2, 95.0)
    >>> low, round(high, 3)
    (0.0, 0.842)
    """
    if total == 0:
        return 0.0, 1.0
    # quantiles of beta distributions; scipy.stats, which has a function for it, takes half a second to import
    from scipy.special import betaincinv

    tail = (1 - confidence / 100) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    return low, float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0


def clips_of_smaller_class(units: Sequence[Hashable], n_normal: ArrayLike, n_abnormal: ArrayLike) -> int:
    """Test clips of the class of which there are fewer, summed over the units.

    Parameters
    ----------
    units
        Of each line, what has clips of its own, such as an ID; lines of the same one (other SNRs, seeds, detectors)
        share them, and their counts are averaged.
    n_normal, n_abnormal
        int [lines].

    Examples
    --------
    >>> clips_of_smaller_class(["id_00", "id_00", "id_02"], [9, 9, 5], [4, 4, 8])
    9
    """
    smaller = np.minimum(n_normal, n_abnormal)
    of_units: dict[Hashable, list[float]] = {}
    for unit, count in zip(units, smaller.tolist(), strict=True):
        of_units.setdefault(unit, []).append(count)
    return round(sum(math.fsum(counts) / len(counts) for counts in of_units.values()))


def interval_of_few(low: float, high: float, auc: float, clips: int, confidence: float) -> tuple[float, float]:
    """Interval of an AUC, as the bootstrap gives it, made as wide as so few clips ask for.

    Every bootstrap replicate of clips that are perfectly told apart is perfect, too, be they a thousand or two.  So
    where the bootstrap's interval has no width, or the smaller class has fewer than `FEW_CLIPS`, the interval is at
    least that of Clopper & Pearson for a share of so many clips, as if each of them were told apart or not.

    Parameters
    ----------
    low, high
        The bootstrap's.
    clips
        Test clips of the smaller class, in all IDs.
    confidence
        In per cent.

    Examples
    --------
    >>> low, high = interval_of_few(1.0, 1.0, 1.0, 2, 95.0)
    >>> round(low, 3), high
    (0.158, 1.0)
    >>> interval_of_few(0.8, 0.9, 0.85, 300, 95.0)
    (0.8, 0.9)
    """
    if clips < 1 or math.isnan(auc) or (clips >= FEW_CLIPS and low < high):
        return low, high
    from scipy.special import betaincinv

    tail, told = (1 - confidence / 100) / 2, min(auc, 1.0) * clips
    lowest = float(betaincinv(told, clips - told + 1, tail)) if told > 0 else 0.0
    highest = float(betaincinv(told + 1, clips - told, 1 - tail)) if told < clips else 1.0
    return min(low, lowest), max(high, highest)


def auc_interval(auc: float, n_normal: int, n_abnormal: int, confidence: float) -> tuple[float, float]:
    """Interval of an AUC that is known with the numbers of clips alone; NaN where there is no AUC.

    The standard error is that of Hanley & McNeil, the interval symmetric in the logit of the AUC, so that it stays
    between 0 and 1; of few clips, and of AUCs of 0 and 1, it is at least as wide as `interval_of_few` says.

    Parameters
    ----------
    confidence
        In per cent.

    References
    ----------
    Hanley, J. A., McNeil, B. J. (1982). The meaning and use of the area under a receiver operating characteristic (ROC)
    curve. *Radiology* 143, 29-36.

    Examples
    --------
    >>> low, high = auc_interval(0.9, 100, 100, 95.0)
    >>> round(low, 3), round(high, 3)
    (0.848, 0.936)
    """
    if math.isnan(auc) or n_normal < 1 or n_abnormal < 1:
        return math.nan, math.nan
    low = high = auc
    if 0 < auc < 1:
        both_abnormal, both_normal = auc / (2 - auc), 2 * auc**2 / (1 + auc)
        spread = auc * (1 - auc) + (n_abnormal - 1) * (both_abnormal - auc**2) + (n_normal - 1) * (both_normal - auc**2)
        error = math.sqrt(spread / (n_normal * n_abnormal)) / (auc * (1 - auc))
        width = NormalDist().inv_cdf(0.5 + confidence / 200) * error
        logit = math.log(auc / (1 - auc))
        low, high = (1 / (1 + math.exp(min(-(logit + side), 700.0))) for side in (-width, width))
    return interval_of_few(low, high, auc, min(n_normal, n_abnormal), confidence)


def order_of_merit(off: bool, auc: float, is_ensemble: bool) -> tuple[bool, float, bool]:
    """Key by which detectors are sorted, the best first: those whose false alarms are off come last, then the mean AUC
    counts.  Of two that are equally good, a mean of detectors depends less on luck than any of them.

    Examples
    --------
    >>> sorted([(True, 0.9, False), (False, 0.8, False), (False, 0.8, True)], key=lambda one: order_of_merit(*one))
    [(False, 0.8, True), (False, 0.8, False), (True, 0.9, False)]
    """
    return off, 0.0 if math.isnan(auc) else -round(auc, 9), not is_ensemble


def is_off_by_count(rate: float, count: int, total: int, confidence: float, asked: float) -> bool:
    """The same as `is_off` with the ends of `exact_interval`, for who does not need these, and without SciPy.

    An end of that interval is beyond `asked` just where so many, or so few, are too rare at a rate of `asked`.

    Examples
    --------
    >>> is_off_by_count(0.18, 18, 100, 95.0, 0.05), is_off_by_count(0.5, 1, 2, 95.0, 0.05)
    (True, True)
    >>> is_off_by_count(0.12, 12, 100, 95.0, 0.05), is_off_by_count(0.25, 1, 4, 95.0, 0.05)
    (True, False)
    """
    if total == 0 or not 0.0 < asked < 1.0 or asked / 2 <= rate <= 2 * asked:
        return False
    counts = np.arange(count, total + 1) if rate > 2 * asked else np.arange(count + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    chances = factorials[total] - factorials[counts] - factorials[total - counts]
    chances += counts * math.log(asked) + (total - counts) * math.log1p(-asked)
    return bool(np.exp(chances).sum() < (1 - confidence / 100) / 2)


def is_off(rate: float, low: float, high: float, asked: float) -> bool:
    """Whether a false-alarm rate is more than twice, or less than half of the share `asked` for, beyond chance.

    Of a share of 0, which no number of clips can show, none is.

    Parameters
    ----------
    low, high
        Interval of the rate.

    Examples
    --------
    >>> is_off(0.18, 0.15, 0.21, asked=0.05), is_off(0.5, 0.01, 0.99, asked=0.05)
    (True, False)
    """
    return asked > 0 and ((rate > 2 * asked and low > asked) or (rate < asked / 2 and high < asked))
