"""Control charts of p-values: have a model's scores become higher than those of normal clips, and since when?

A p-value of a normal clip is as likely to be small as to be large, so that z, the standard normal quantile of 1 - p,
has mean 0 and standard deviation 1; when the machine or the microphone changes, its mean rises.  Two charts add up what
single clips do not show: the CUSUM, which sums what z is above half a standard deviation, and the EWMA, a mean that
forgets.  Their limits keep a run length, the mean number of normal clips until a false alarm.

The p-values are those of one finite set of calibration clips.  Given that set they are not exactly uniform: between
neighbouring calibration scores lie not equal shares of normal clips but Dirichlet distributed ones.  The limits are
therefore so high that the run length is reached with nine in ten sets of calibration clips, and not just with the
unknown average one.  Clips that resemble their neighbours in time alarm more often (`false_alarms_apart`).

Source: Page (1954), *Biometrika* 41 (CUSUM and its estimate of when the change was); Roberts (1959), *Technometrics* 1
(EWMA); Brook & Evans (1972), *Biometrika* 59, and Lucas & Saccucci (1990), *Technometrics* 32 (run lengths by Markov
chains); Gandy & Kvaløy (2013), *Scandinavian Journal of Statistics* 40 (limits that hold for most calibrations);
Nishina (1992), *Reliability Engineering & System Safety* 38 (when the change was, of an EWMA).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

REFERENCE = 0.5
"""What the CUSUM takes from z at each clip; it is quickest for shifts of twice that."""

WEIGHT = 0.1
"""Of the newest clip in the EWMA."""

ASSURED = 0.9
"""Share of sets of calibration clips with which the run length is reached."""

CHARTS = 2
"""They share the false alarms, so that each alone gets as many times the run length."""

CAP = 2.0
"""Times its limit, where the CUSUM ends: it would never come down again when the machine is mended after a year."""

_BLOCK = 30  # clips
_DRAWS = 400  # sets of calibration clips
_NEAR = 9  # of them, around the one with which the run length is just reached, of whose limits the median is taken
_FINE = {"cusum": 100, "ewma": 161}  # states of the Markov chains
_COARSE = {"cusum": 50, "ewma": 61}
_HIGHEST = 60.0  # limit of a chart
_MANY_CLIPS = 20_000  # calibration clips from which on the allowance is nothing

Array = NDArray[np.float64]
Shares = Callable[[Array], Array]
"""Probability that z is at most x, for each of some sets of calibration clips: [...] -> [sets, ...]."""


def quantiles(p_values: ArrayLike, calibration_clips: int | None) -> Array:
    """Standard normal quantiles z of 1 - p; higher is more anomalous.

    A conformal p-value stands for all places between two neighbouring calibration scores, and is taken for their
    middle: p - 1 / (2 n + 2).

    Parameters
    ----------
    p_values
        float [clips], above 0 and at most 1.
    calibration_clips
        n; None where it is not known.

    Examples
    --------
    >>> quantiles([0.5, 1.0], 1).round(3).tolist()
    [0.674, -0.674]
    """
    from scipy.special import ndtri

    p = np.asarray(p_values, np.float64)
    half = 0.0 if calibration_clips is None else 0.5 / (calibration_clips + 1)
    return np.asarray(-ndtri(np.clip(p - half, 1e-9, 1 - 1e-9)))


def calibration_clips(p_values: ArrayLike, *, largest: int = 50_000, rounding: ArrayLike = 1e-12) -> int | None:
    """How many calibration clips there must have been for conformal p-values, which are multiples of 1 / (n + 1).

    Parameters
    ----------
    p_values
        float [clips].
    rounding
        By how much each may be wrong, because fewer digits were written.

    Returns
    -------
    int or None
        The smallest n that fits, which leads to the most cautious limits; None if none does.

    Examples
    --------
    >>> calibration_clips([0.2, 0.5, 1.0])
    9
    """
    p, first = np.unique(np.asarray(p_values, np.float64), return_index=True)
    tolerance = np.broadcast_to(np.asarray(rounding, np.float64), np.shape(p_values))[first] + 1e-12
    if not len(p):
        return None
    some = np.argsort(tolerance / p, kind="stable")[:: max(1, len(p) // 400)][:400]
    p, tolerance = p[some], tolerance[some]
    fewest = int(np.ceil(1 / (p + tolerance).min() - 1e-9))
    for start in range(max(2, fewest), largest + 2, 1000):
        whole = np.arange(start, min(start + 1000, largest + 2))[:, None]
        products = whole * p
        allowed = whole * tolerance
        fits = (np.abs(products - np.round(products)) <= allowed).all(axis=1) & (allowed.min(axis=1) < 0.25)
        if fits.any():
            return int(whole[int(np.argmax(fits)), 0]) - 1
    return None


# ------------------------------------------------------------------------------------------------------- run lengths


def standard_normal(x: Array) -> Array:
    """Of z, if the p-values are exactly uniform."""
    from scipy.special import ndtr

    return np.asarray(ndtr(x))[None]


def given_calibration(weights: Array) -> Shares:
    """Of z, given sets of calibration clips.

    Parameters
    ----------
    weights
        Share of normal clips with each p-value, ascending: those above the highest calibration score first;
        float64 [sets, n + 1].
    """
    from scipy.special import ndtr

    cells = weights.shape[1]
    below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)

    def shares(x: Array) -> Array:
        place = ndtr(-x) * cells
        cell = np.minimum(place.astype(np.intp), cells - 1)
        inside = place - cell
        return np.asarray(1 - (below[:, cell] * (1 - inside) + below[:, cell + 1] * inside))

    return shares


def run_lengths(chain: Array, start: int) -> Array:
    """Mean number of steps until Markov chains leave their states.

    Parameters
    ----------
    chain
        Probabilities of going from state to state, rows sum up to less than 1; float64 [chains, states, states].
    start
        Number of the state they start in.

    Returns
    -------
    float64 [chains]
    """
    states = chain.shape[1]
    ones = np.ones((len(chain), states, 1))
    found = np.linalg.solve(np.eye(states) - chain, ones)[:, start, 0]
    return np.where(found < 0, np.inf, found)  # of more steps than numbers are precise


def cusum_run_lengths(shares: Shares, limit: float, *, reference: float = REFERENCE, states: int = 150) -> Array:
    """Mean number of clips until a one-sided CUSUM, which starts at 0, is above its limit; float64 [sets].

    Examples
    --------
    >>> cusum_run_lengths(standard_normal, 4.0).round().tolist()
    [335.0]
    """
    width = 2 * limit / (2 * states - 1)
    steps = np.arange(-states, states + 1)
    up_to = shares(np.asarray(steps * width + width / 2 + reference, np.float64))  # of a step of at most so many states
    at = np.arange(states)
    change = at[None, :] - at[:, None] + states
    chain = up_to[:, change] - up_to[:, change - 1]
    chain[:, :, 0] = up_to[:, states - at]
    return run_lengths(chain, 0)


def ewma_run_lengths(
    shares: Shares, limit: float, *, weight: float = WEIGHT, two_sided: bool = False, states: int = 181
) -> Array:
    """Mean number of clips until an EWMA, which starts at 0, is above its limit; float64 [sets].

    Parameters
    ----------
    limit
        Of the EWMA itself and not of its standard deviation, which is ``sqrt(weight / (2 - weight))``.
    two_sided
        Whether it also counts when it is below -`limit`; else it is held there.

    Examples
    --------
    >>> limit = 2.814 * (0.1 / 1.9) ** 0.5
    >>> ewma_run_lengths(standard_normal, limit, two_sided=True).round(-1).tolist()
    [500.0]
    """
    width = 2 * limit / states
    edges = -limit + width * np.arange(states + 1)
    middles = edges[:-1] + width / 2
    up_to = shares((edges[None, :] - (1 - weight) * middles[:, None]) / weight)
    if not two_sided:
        up_to[:, :, 0] = 0.0
    return run_lengths(np.asarray(np.diff(up_to, axis=2), np.float64), states // 2)


_LENGTHS: dict[str, Callable[[Shares, float, int], Array]] = {
    "cusum": lambda shares, limit, states: cusum_run_lengths(shares, limit, states=states),
    "ewma": lambda shares, limit, states: ewma_run_lengths(shares, limit, states=states),
}


@dataclass(frozen=True)
class Limits:
    """Of the charts.

    Attributes
    ----------
    run_length
        Mean number of normal clips until one of the charts gives a false alarm, at least, with `ASSURED` of the sets
        of calibration clips.
    calibration_clips
        None where they are not known; the limits then hold for exactly uniform p-values.
    cusum, ewma
        Above which there is an alarm.
    """

    run_length: float
    calibration_clips: int | None
    cusum: float
    ewma: float


@cache
def limits_for(run_length: float, calibration_clips: int | None) -> Limits:
    """Limits that keep a run length.

    Parameters
    ----------
    run_length
        Number of clips, at least 10.
    """
    each = CHARTS * run_length
    found = {chart: _limit(chart, each, calibration_clips) for chart in _LENGTHS}
    return Limits(run_length, calibration_clips, **found)


def _limit(chart: str, run_length: float, clips: int | None) -> float:
    lengths = _LENGTHS[chart]
    exact = _root(lambda limit: float(lengths(standard_normal, limit, _FINE[chart])[0]), run_length)
    if clips is None or clips > _MANY_CLIPS:
        return exact
    # with fewer states a chain is a little off, by as much whatever the calibration clips
    wanted = float(lengths(standard_normal, exact, _COARSE[chart])[0])
    weights = np.random.default_rng(clips).dirichlet(np.ones(clips + 1), _DRAWS)
    rank = round((1 - ASSURED) * _DRAWS)
    order = np.argsort(lengths(given_calibration(weights), exact, _COARSE[chart]), kind="stable")
    near = given_calibration(weights[order[rank - _NEAR // 2 : rank + _NEAR // 2 + 1]])
    return _root(lambda limit: float(np.median(lengths(near, limit, _COARSE[chart]))), wanted, exact)


def _root(length: Callable[[float], float], wanted: float, low: float = 0.01) -> float:
    """The limit, from `low` on, with a run length, which grows with the limit about exponentially."""
    from scipy.optimize import brentq

    def off(limit: float) -> float:
        return float(np.log(min(length(limit), 1e15)) - np.log(wanted))

    high = max(2 * low, 0.5)
    while off(high) < 0:
        if high > _HIGHEST:
            return high
        low, high = high, 1.5 * high
    return low if off(low) > 0 else float(brentq(off, low, high, xtol=1e-3))


# ------------------------------------------------------------------------------------------------------------- charts


@dataclass(frozen=True)
class Alarm:
    """A time in which the charts say that scores are too high.

    Attributes
    ----------
    change
        Number of the first clip, from 0, after which the scores may have risen.
    first
        Of the first clip at which a chart is above its limit.
    end
        Of the clip at which the CUSUM is back at 0 and the EWMA below its limit; None if it never is.
    chart
        The one that was above its limit first: ``cusum``, ``ewma`` or ``both``.
    """

    change: int
    first: int
    end: int | None
    chart: str


@dataclass(frozen=True, eq=False)
class Charts:
    """The charts of some clips in the order of time.

    Attributes
    ----------
    z, cusum, ewma
        float64 [clips].
    alarms
        In the order of time; only the last may not have ended.
    low
        Number of the first clip at which the EWMA is below minus its limit: scores are lower than those of the
        calibration clips.  It is held there, and is no alarm.
    """

    limits: Limits
    z: Array
    cusum: Array
    ewma: Array
    alarms: tuple[Alarm, ...]
    low: int | None

    @property
    def alarm(self) -> Alarm | None:
        """The one that has not ended."""
        return self.alarms[-1] if self.alarms and self.alarms[-1].end is None else None


def draw_charts(z: Array, limits: Limits) -> Charts:
    """Both charts of quantiles z, float64 [clips], in the order of time."""
    cusum, ewma = np.empty(len(z)), np.empty(len(z))
    alarms: list[Alarm] = []
    low: int | None = None
    total = mean = 0.0
    last_zero = last_below = -1
    since: tuple[int, int, str] | None = None
    for number, value in enumerate(z.tolist()):
        total = min(max(0.0, total + value - REFERENCE), CAP * limits.cusum)
        mean = (1 - WEIGHT) * mean + WEIGHT * value
        if mean < -limits.ewma:
            mean = -limits.ewma
            low = number if low is None else low
        cusum[number], ewma[number] = total, mean
        if since is None:
            last_zero = number if total == 0 else last_zero
            last_below = number if mean <= 0 else last_below
            by_cusum, by_ewma = total > limits.cusum, mean > limits.ewma
            if by_cusum or by_ewma:
                chart = "both" if by_cusum and by_ewma else "cusum" if by_cusum else "ewma"
                since = ((last_zero if by_cusum else last_below) + 1, number, chart)
        elif total == 0 and mean <= limits.ewma:
            alarms.append(Alarm(since[0], since[1], number, since[2]))
            since, last_zero, last_below = None, number, number
    if since is not None:
        alarms.append(Alarm(since[0], since[1], None, since[2]))
    return Charts(limits, z, cusum, ewma, tuple(alarms), low)


# ------------------------------------------------------------------------------------------- clips that are alike


def correlation(z: Array) -> float | None:
    """Correlation of clips with their neighbours in time, if it is more than chance (with 99 %); None if it is not.

    Within blocks of `_BLOCK` clips, each less its mean, so that a machine that changes is not taken for it.
    """
    blocks = z[: len(z) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    centred = blocks - blocks.mean(axis=1, keepdims=True)
    total = float((centred**2).sum())
    if total < 1e-9:
        return None
    found = float((centred[:, 1:] * centred[:, :-1]).sum()) / total + 1 / _BLOCK  # which the means take away
    return found if found > 2.33 / np.sqrt(blocks.size) else None


def false_alarms_apart(limits: Limits, correlated: float = 0.0, *, seed: int = 0, clips: int = 2_000_000) -> float:
    """Mean number of normal clips between false alarms of either chart, if neighbours in time are correlated.

    Simulated, with uniform p-values whose z are an autoregression of first order, and charts that begin anew after each
    alarm.

    Parameters
    ----------
    correlated
        Of each clip with the next.
    clips
        That are simulated.  What is seldom is not known well: from a tenth of them on, it is only a lower limit.
    """
    random = np.random.default_rng(seed)
    side_by_side = 1000
    steps = clips // side_by_side
    scale = np.sqrt(1 - correlated**2)
    z = random.standard_normal(side_by_side)
    cusum, ewma = np.zeros(side_by_side), np.zeros(side_by_side)
    alarms = 0
    for _ in range(steps):
        z = correlated * z + scale * random.standard_normal(side_by_side)
        cusum = np.maximum(0.0, cusum + z - REFERENCE)
        ewma = np.maximum((1 - WEIGHT) * ewma + WEIGHT * z, -limits.ewma)
        alarm = (cusum > limits.cusum) | (ewma > limits.ewma)
        alarms += int(alarm.sum())
        cusum[alarm] = ewma[alarm] = 0.0
    return clips / max(alarms, 1)
