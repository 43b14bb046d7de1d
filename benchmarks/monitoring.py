"""Measure `asd monitor`: how often it alarms for nothing, how soon for something, and whether it tells what changed.

    PYTHONPATH=workflow/scripts python -m benchmarks.monitoring --caches '/data/cache_fan/{snr}_{id}_{kind}.npy'

False alarms and sudden shifts of the scores are simulated.  Faults, levels, microphones, rooms and noises are put into
the features of real normal clips, which are drawn with replacement from those that a model by nearest neighbours has
not seen; its calibration scores are cross-fitted, as those of the workflow's models.  Without --caches, only what needs
no recordings is measured.
"""

from __future__ import annotations

import argparse
import glob
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .measure import ONE_THREAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from asd.scoring.charts import Limits

    Array = NDArray[np.float64]
    Draw = np.random.Generator

RUN_LENGTH = 10_000
SETS_OF = (60, 150, 600)  # calibration clips
SHIFTS = (0.5, 1.0, 2.0)  # standard deviations
SLOPES = (0.01, 0.05, 0.1)  # dB a clip
NEIGHBOURS = 5
FOLDS = 5
TRAINING_SHARE = 0.6
RECENT = 50


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring", description=__doc__)
    parser.add_argument("--caches", help="pattern of feature caches with {snr}, {id} and {kind}")
    parser.add_argument("--trials", type=int, default=20, help="of each fault and of each ID and SNR")
    arguments = parser.parse_args(given)
    os.environ.update(ONE_THREAD)  # before NumPy is imported
    tables = [run_length_table(), correlation_table(), shift_table()]
    if arguments.caches:
        units = units_of(arguments.caches)
        tables += [slow_table(units, arguments.trials), kind_table(units, arguments.trials)]
        tables += [abnormal_table(units, arguments.trials), sound_alarm_table(units, 5 * arguments.trials)]
    for table in tables:  # line by line, for it takes half an hour
        for line in table:
            print(line, flush=True)
        print()


# --------------------------------------------------------------------------------------------------- simulated scores


def real_run_lengths(
    clips: int, limits: Limits, *, sets: int = 200, side_by_side: int = 300, steps: int = 2500, seed: int = 0
) -> Array:
    """Mean number of normal clips between alarms of both charts with each of some sets of calibration clips.

    Unlike the limits, this simulates p-values as they are, multiples of 1 / (clips + 1).

    Returns
    -------
    float64 [sets]
        At least; where there was no alarm at all, twice the number of clips that were simulated.
    """
    import numpy as np

    from asd.scoring.charts import REFERENCE, WEIGHT, quantiles

    random = np.random.default_rng(seed)
    shares = np.cumsum(random.dirichlet(np.ones(clips + 1), sets), axis=1)
    number = np.arange(sets)[:, None]
    z_of = quantiles(np.arange(1, clips + 2) / (clips + 1), clips)
    places = (shares + number).ravel()
    cusum = np.zeros((sets, side_by_side))
    ewma, alarms = cusum.copy(), np.zeros(sets)
    for _ in range(steps):
        drawn = random.random((sets, side_by_side)) * (1 - 1e-12) + number
        z = z_of[np.minimum(np.searchsorted(places, drawn.ravel()).reshape(drawn.shape) - number * (clips + 1), clips)]
        cusum = np.maximum(0.0, cusum + z - REFERENCE)
        ewma = np.maximum((1 - WEIGHT) * ewma + WEIGHT * z, -limits.ewma)
        alarm = (cusum > limits.cusum) | (ewma > limits.ewma)
        alarms += alarm.sum(axis=1)
        cusum[alarm] = ewma[alarm] = 0.0
    return np.asarray(side_by_side * steps / np.maximum(alarms, 0.5))


def run_length_table() -> Iterator[str]:
    """Real run lengths where 10,000 clips were asked for, over sets of calibration clips."""
    import numpy as np

    from asd.scoring.charts import limits_for

    yield f"| calibration clips | limits for | run length of 10 % of sets | median | sets with {RUN_LENGTH} or more |"
    yield "|---|---|---|---|---|"
    for clips in SETS_OF:
        for known, words in ((clips, "so many"), (None, "uniform p-values")):
            found = real_run_lengths(clips, limits_for(RUN_LENGTH, known))
            low, median = np.quantile(found, (0.1, 0.5))
            yield f"| {clips} | {words} | {low:.0f} | {median:.0f} | {np.mean(found >= RUN_LENGTH):.0%} |"


def correlation_table() -> Iterator[str]:
    """False alarms where clips resemble their neighbours in time."""
    from asd.scoring.charts import false_alarms_apart, limits_for

    yield "| correlation of neighbouring clips | clips between false alarms, uniform p-values | limits of 150 clips |"
    yield "|---|---|---|"
    for correlated in (0.0, 0.1, 0.2, 0.3, 0.5):
        apart = [
            false_alarms_apart(limits_for(RUN_LENGTH, known), correlated, clips=4_000_000) for known in (None, 150)
        ]
        yield f"| {correlated} | {apart[0]:.0f} | {apart[1]:.0f} |"


def delays(shift: float, clips: int | None, *, trials: int = 1000, seed: int = 0) -> Array:
    """Clips from a shift of z on until the first alarm, each trial with calibration clips of its own; NaN if there is
    none in 2000 clips, or one before."""
    import numpy as np
    from scipy.special import ndtr

    from asd.scoring.charts import draw_charts, limits_for, quantiles
    from asd.scoring.p_values import p_values

    random = np.random.default_rng(seed)
    limits = limits_for(RUN_LENGTH, clips)
    before, after = 50, 2000
    found = np.full(trials, np.nan)
    for number in range(trials):
        scores = random.standard_normal(before + after)
        scores[before:] += shift
        p = 1 - ndtr(scores) if clips is None else p_values(scores, np.sort(random.standard_normal(clips)))
        alarms = draw_charts(quantiles(p, clips), limits).alarms
        if alarms and alarms[0].first >= before:
            found[number] = alarms[0].first - before + 1
    return found


def shift_table() -> Iterator[str]:
    """Delays of sudden shifts of the scores."""
    yield f"| calibration clips | {' | '.join(f'{shift:g} sd' for shift in SHIFTS)} |"
    yield f"|---|{'---|' * len(SHIFTS)}"
    for clips in (None, *SETS_OF):
        yield f"| {clips or 'any number'} | {' | '.join(_delay(delays(shift, clips)) for shift in SHIFTS)} |"


def _delay(found: Array) -> str:
    """Median and 90 % of delays, of which those that never ended count as the longest."""
    import numpy as np

    longest = np.where(np.isnan(found), np.inf, found)
    median, ninety = np.quantile(longest, (0.5, 0.9), method="higher")
    return f"{median:.0f} (90 %: {ninety:.0f})"


# ------------------------------------------------------------------------------------------------ real clips, changed


@dataclass(frozen=True, eq=False)
class Unit:
    """Clips of an ID at an SNR, and the model of those that train.

    Attributes
    ----------
    normal, test
        Log-mel spectra of the clips that train and of the others, float64 [clips, 128].
    basic
        The basic features of the latter, float64 [clips, 8].
    score
        Log-mel spectra and basic features -> scores.
    calibration
        Ascending.
    abnormal
        Log-mel spectra and basic features of clips of real faults, float64 [clips, 136].
    """

    name: str
    normal: Array
    test: Array
    basic: Array
    score: Callable[[Array], Array]
    calibration: Array
    abnormal: Array | None = None


def nearest_neighbours(train: Array) -> Callable[[Array], Array]:
    """Mean distance to the nearest clips that train, features standardised."""
    import numpy as np

    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-3)
    known = (train - mean) / spread

    def score(clips: Array) -> Array:
        asked = (clips - mean) / spread
        squares = (asked**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * asked @ known.T
        nearest = np.partition(np.maximum(squares, 0.0), NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        return np.asarray(np.sqrt(nearest).mean(axis=1))

    return score


def unit_of(name: str, features: NDArray[np.float32], abnormal: NDArray[np.float32] | None = None) -> Unit:
    """A model of some of the normal clips."""
    import numpy as np

    from asd.features.bands import in_bands, log_mel
    from asd.features.columns import MEL_BANDS

    order = np.random.default_rng(zlib.crc32(name.encode())).permutation(len(features))
    count = int(TRAINING_SHARE * len(features))
    train, test = features[order[:count]], features[order[count:]]
    columns = in_bands(train).astype(np.float64)[:, : MEL_BANDS + 8]
    fold = np.arange(count) % FOLDS
    calibration = np.empty(count)
    for one in range(FOLDS):
        calibration[fold == one] = nearest_neighbours(columns[fold != one])(columns[fold == one])
    basic = test[:, MEL_BANDS : MEL_BANDS + 8].astype(np.float64)
    faults = None if abnormal is None else in_bands(abnormal).astype(np.float64)[:, : MEL_BANDS + 8]
    return Unit(name, log_mel(train), log_mel(test), basic, nearest_neighbours(columns), np.sort(calibration), faults)


def units_of(pattern: str) -> list[Unit]:
    """Of all caches of normal clips that fit a pattern, with those of abnormal clips beside them."""
    import numpy as np

    paths = sorted(glob.glob(pattern.format(snr="*", id="*", kind="normal", machine="*")))
    beside = [path.replace("normal", "abnormal") for path in paths]
    return [
        unit_of(Path(normal).stem, np.load(normal), np.load(other) if os.path.exists(other) else None)
        for normal, other in zip(paths, beside, strict=True)
    ]


Change = Callable[[Any, Any], Any]
"""Log-mel spectra, float64 [clips, 128], and a random generator -> changed ones."""


def filtered(decibels: Callable[[Draw], Array | float]) -> Change:
    """Power times something in each band, what the floor of the logarithm adds left out."""
    import numpy as np

    from asd.features.acoustic import LOG_FLOOR

    def change(spectra: Array, random: Draw) -> Array:
        power = np.maximum(np.exp(spectra) - LOG_FLOOR, 0.0)
        return np.asarray(np.log(power * 10 ** (np.asarray(decibels(random)) / 10) + LOG_FLOOR))

    return change


def with_noise(loudness: float, slope: float) -> Change:
    """A steady noise of so many dB above the quieter bands, and dB an octave."""
    import numpy as np

    def change(spectra: Array, random: Draw) -> Array:
        power = np.exp(spectra)
        noise = np.quantile(power.mean(axis=0), 0.3) * 10 ** ((loudness + slope * np.log2(_hertz() / 1000)) / 10)
        return np.asarray(np.log(power + noise))

    return change


def with_fault(bands: int, decibels: float, regions: int = 1, *, round_ends: bool = False) -> Change:
    """Some regions of so many bands each are louder, somewhere."""
    import numpy as np

    from asd.features.columns import MEL_BANDS
    from asd.features.spectrogram import DECIBELS

    def change(spectra: Array, random: Draw) -> Array:
        added = np.zeros(MEL_BANDS)
        for _ in range(regions):
            first = int(random.integers(0, MEL_BANDS - bands + 1))
            shape = np.hanning(2 * bands + 1)[1::2][:bands] if round_ends else np.ones(bands)
            added[first : first + bands] += decibels / DECIBELS * shape
        return np.asarray(spectra + added)

    return change


def _hertz() -> Array:
    import numpy as np

    from asd.features.columns import mel_centres

    return np.array(mel_centres())


def low_pass(hertz: float, order: int) -> Change:
    """A Butterworth low-pass."""
    import numpy as np

    return filtered(lambda _: -10 * np.log10(1 + (_hertz() / hertz) ** (2 * order)))


def other_room(decibels: float) -> Change:
    """Ups and downs over all bands."""
    import numpy as np

    from asd.features.columns import MEL_BANDS

    orders = np.arange(1, 20)
    waves = np.cos(np.pi * (np.arange(MEL_BANDS)[:, None] + 0.5) / MEL_BANDS * orders)
    scale = decibels / np.sqrt(len(orders) / 2)
    return filtered(lambda random: np.asarray(scale * waves @ random.standard_normal(len(orders))))


def every_change() -> dict[str, tuple[tuple[str, ...], Change]]:
    """Name -> the answers that are right, and the change."""
    import numpy as np

    recorded = ("microphone", "noise")
    return {
        "nothing": (("valid",), lambda spectra, random: spectra),
        "level +3 dB": (("level",), filtered(lambda _: 3.0)),
        "level +6 dB": (("level",), filtered(lambda _: 6.0)),
        "level -6 dB": (("level",), filtered(lambda _: -6.0)),
        "level -20 dB": (("level",), filtered(lambda _: -20.0)),
        "low-pass 4 kHz, 6 dB an octave": (recorded, low_pass(4000, 1)),
        "low-pass 2 kHz, 12 dB an octave": (recorded, low_pass(2000, 2)),
        "high-pass 200 Hz, 6 dB an octave": (recorded, filtered(lambda _: -10 * np.log10(1 + (200 / _hertz()) ** 2))),
        "tilt of 1.5 dB an octave": (recorded, filtered(lambda _: 1.5 * np.log2(_hertz() / 1000))),
        "room, 3 dB rms": (recorded, other_room(3.0)),
        "white noise over the quieter bands": (recorded, with_noise(0.0, 0.0)),
        "noise, -3 dB an octave": (recorded, with_noise(6.0, -3.0)),
        "fault: 3 bands, +3 dB": (("machine",), with_fault(3, 3.0)),
        "fault: 8 bands, +2 dB": (("machine",), with_fault(8, 2.0)),
        "fault: 8 bands, +4 dB": (("machine",), with_fault(8, 4.0)),
        "fault: 8 bands, -4 dB": (("machine",), with_fault(8, -4.0)),
        "fault: 8 bands, +12 dB": (("machine",), with_fault(8, 12.0)),
        "fault: 20 bands, rounded, +4 dB": (("machine",), with_fault(20, 4.0, round_ends=True)),
        "fault: 5 times 3 bands, +6 dB": (("machine",), with_fault(3, 6.0, 5)),
    }


def told(unit: Unit, change: Change, seed: int, *, before: int = 150, after: int = RECENT) -> str:
    """What the monitor says of so many clips before a change and after it."""
    import numpy as np

    from asd.scoring.changes import change_between
    from asd.scoring.charts import draw_charts, limits_for, quantiles
    from asd.scoring.monitoring import kind_of
    from asd.scoring.p_values import p_values

    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(unit.test), before + after)
    spectra = unit.test[drawn].copy()
    spectra[before:] = change(spectra[before:], random)
    p = p_values(unit.score(np.concatenate([spectra, unit.basic[drawn]], axis=1)), unit.calibration)
    count = len(unit.calibration)
    charts = draw_charts(quantiles(p, count), limits_for(RUN_LENGTH, count))
    first = len(p) - RECENT if charts.alarm is None else max(len(p) - RECENT, min(charts.alarm.change, len(p) - 3))
    return kind_of(change_between(spectra[first:], unit.normal), charts.alarm is not None, RUN_LENGTH)


def kind_table(units: Sequence[Unit], trials: int) -> Iterator[str]:
    """What is told of changes after `RECENT` clips."""
    yield "| change, 50 clips ago | told right | otherwise |"
    yield "|---|---|---|"
    for name, (right, change) in every_change().items():
        counts = Counter(told(unit, change, seed) for unit in units for seed in range(trials))
        good = sum(counts[kind] for kind in right)
        others = ", ".join(f"{kind} {count}" for kind, count in counts.most_common() if kind not in right)
        yield f"| {name} | {good} of {counts.total()} ({good / counts.total():.1%}) | {others} |"


def abnormal_table(units: Sequence[Unit], trials: int) -> Iterator[str]:
    """What is told of real faults: abnormal clips, several faults of an ID mixed, in the place of the last ones."""
    import numpy as np

    yield "| SNR and ID | real faults, told as |"
    yield "|---|---|"
    for unit in units:
        if unit.abnormal is None:
            continue
        counts: Counter[str] = Counter()
        for seed in range(trials):
            drawn = np.random.default_rng(seed).integers(0, len(unit.abnormal), RECENT)
            clips = unit.abnormal[drawn, : unit.test.shape[1]]
            counts[told(unit, lambda *_, clips=clips: clips, seed)] += 1
        yield f"| {unit.name} | {', '.join(f'{kind} {count}' for kind, count in counts.most_common())} |"


def sound_alarm_table(units: Sequence[Unit], trials: int) -> Iterator[str]:
    """How often the sound of as many normal clips is said to have changed."""
    import numpy as np

    from asd.scoring.changes import change_between
    from asd.scoring.monitoring import kind_of

    counts: Counter[str] = Counter()
    for unit in units:
        for seed in range(trials):
            recent = unit.test[np.random.default_rng(seed).choice(len(unit.test), RECENT, replace=False)]
            counts[kind_of(change_between(recent, unit.normal), False, RUN_LENGTH)] += 1
    wrong = counts.total() - counts["valid"]
    yield f"The sound of {RECENT} normal clips is said to have changed {wrong} times of {counts.total()}."


def slow_fault(unit: Unit, slope: float, seed: int, *, bands: int = 8, longest: int = 3000) -> tuple[float, str]:
    """Clips until a band that grows by so many dB a clip is noticed by the charts, and what is told of it then."""
    import numpy as np

    from asd.features.spectrogram import DECIBELS
    from asd.scoring.changes import change_between
    from asd.scoring.charts import draw_charts, limits_for, quantiles
    from asd.scoring.monitoring import kind_of
    from asd.scoring.p_values import p_values

    random = np.random.default_rng(seed)
    before, after = 50, min(longest, int(30 / slope))
    first = int(random.integers(0, unit.test.shape[1] - bands + 1))
    drawn = random.integers(0, len(unit.test), before + after)
    spectra = unit.test[drawn].copy()
    spectra[before:, first : first + bands] += slope / DECIBELS * np.arange(1, after + 1)[:, None]
    count = len(unit.calibration)
    p = p_values(unit.score(np.concatenate([spectra, unit.basic[drawn]], axis=1)), unit.calibration)
    charts = draw_charts(quantiles(p, count), limits_for(RUN_LENGTH, count))
    if not charts.alarms or charts.alarms[0].first < before:
        return np.nan, "never" if not charts.alarms else "before"
    alarm = charts.alarms[0]
    recent = spectra[max(alarm.first + 1 - RECENT, min(alarm.change, alarm.first - 2)) : alarm.first + 1]
    return alarm.first - before + 1, kind_of(change_between(recent, unit.normal), True, RUN_LENGTH)


def slow_table(units: Sequence[Unit], trials: int) -> Iterator[str]:
    """Delays of faults that grow, 8 bands wide, and what is told of them at the first alarm."""
    import numpy as np

    yield "| SNR | dB a clip | clips until the first alarm | dB by then | told right at the first alarm |"
    yield "|---|---|---|---|---|"
    for snr in dict.fromkeys(unit.name.split("_id_")[0] for unit in units):
        for slope in SLOPES:
            found = [
                slow_fault(unit, slope, seed)
                for unit in units
                if unit.name.startswith(f"{snr}_id_")
                for seed in range(trials)
            ]
            clips = np.array([one for one, _ in found])
            kinds = Counter(kind for one, kind in found if not np.isnan(one))
            yield (
                f"| {snr} | {slope} | {_delay(clips)} | {slope * np.nanmedian(clips):.1f} | "
                f"{kinds['machine']} of {kinds.total()} |"
            )


if __name__ == "__main__":
    main()
