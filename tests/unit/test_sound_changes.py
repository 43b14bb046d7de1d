"""What has changed in the sound: level, microphone, noise or machine; how surely, and since when.

About ten seconds; those with real clips need the shared data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from asd.features.spectrogram import DECIBELS
from asd.scoring.changes import Change, change_between, course_of, course_of_amplitudes, energy_test, raised
from asd.scoring.monitoring import kind_of
from benchmarks.monitoring import RUN_LENGTH, every_change, told, unit_of, with_fault
from normal_sounds import spectra_of
from places import SHARED

FEATURES = SHARED / "data" / "mimii_features" / "cache_fan_fast"
needs_real = pytest.mark.skipif(not FEATURES.is_dir(), reason="the shared features are not there")

NORMAL = spectra_of(300, seed=1)
RECENT = 40


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the command has it: with more, small products of matrices mostly wait for each other."""
    with threadpool_limits(1):
        yield


def recent(seed: int) -> np.ndarray:
    return spectra_of(RECENT, seed=1000 + seed)


def kinds(name: str, trials: int) -> Counter[str]:
    change = every_change()[name][1]
    found: Counter[str] = Counter()
    for seed in range(trials):
        changed = change_between(change(recent(seed), np.random.default_rng(seed)), NORMAL, seed=seed)
        found[kind_of(changed, False, RUN_LENGTH)] += 1
    return found


def test_kinds_of_change_are_told_apart() -> None:
    trials = 10
    found = {name: kinds(name, trials) for name in every_change()}
    right = {name: sum(found[name][kind] for kind in kinds) for name, (kinds, _) in every_change().items()}
    assert min(right.values()) >= 0.8 * trials, found
    assert sum(right.values()) >= 0.95 * trials * len(right), found


@needs_real
@pytest.mark.parametrize("name", ["nothing", "level +6 dB", "low-pass 4 kHz, 6 dB an octave", "fault: 8 bands, +4 dB"])
def test_kinds_of_change_of_real_clips_are_told_apart(name: str) -> None:
    unit = unit_of("snr6_id_02", np.load(FEATURES / "snr6_id_02_normal.npy"))
    right, change = every_change()[name]
    found = Counter(told(unit, change, seed) for seed in range(10))
    assert sum(found[kind] for kind in right) >= 9, found


def test_a_region_is_told_where_it_is_and_how_loud() -> None:
    spectra = recent(0)
    spectra[:, 60:66] += 4 / DECIBELS
    found = change_between(spectra, NORMAL)
    [region] = found.regions
    assert (region.first, region.last) == (60, 65)
    assert region.decibels == pytest.approx(4, abs=0.4)
    assert found.kind == "machine"
    assert found.p_value == 1 / 2000
    assert str(region).startswith("1.5-1.8 kHz, ")
    assert str(region).endswith(" dB above normal")


def test_a_level_is_told_in_decibels_also_near_the_floor_of_the_logarithm() -> None:
    for quieter in (0.0, 9.0):  # the latter with bands below the floor
        found = change_between(
            NORMAL[:RECENT] * 0 + np.log(np.exp(recent(0) - quieter) * 10**-1.2 + 1e-8),
            np.log(np.exp(NORMAL - quieter) + 1e-8),
        )
        assert found.kind == "level"
        assert found.decibels == pytest.approx(-12, abs=0.5)


def test_a_level_and_a_fault_are_told_from_each_other() -> None:
    spectra = recent(1) + 5 / DECIBELS
    spectra[:, 90:98] += 6 / DECIBELS
    found = change_between(spectra, NORMAL)
    assert found.kind == "level and machine"
    assert found.decibels == pytest.approx(5, abs=0.5)
    assert found.regions[0].first in (89, 90)
    assert found.regions[0].decibels == pytest.approx(6, abs=0.7)


@pytest.mark.parametrize("shape", [np.linspace(-1, 1, 128), np.ones(128)])
def test_many_bands_that_change_from_clip_to_clip_are_the_machine(shape: np.ndarray) -> None:
    steady = change_between(recent(4) + 6 / DECIBELS * shape, NORMAL)
    assert steady.kind in ("microphone", "level")
    assert steady.unsteady < 2
    how_much = np.random.default_rng(0).random((RECENT, 1)) * 12 / DECIBELS
    varying = change_between(recent(4) + how_much * shape, NORMAL)
    assert (varying.kind, varying.whole, varying.decibels) == ("machine", True, 0.0)
    assert varying.unsteady > 3
    assert not change_between(recent(4)[:5] + how_much[:5] * shape, NORMAL).whole  # too few to say


def test_raised_spectra_are_those_of_louder_sounds() -> None:
    spectrum = np.log(np.exp(NORMAL[0] - 8) + 1e-8)
    louder = np.log(np.exp(NORMAL[0] - 8) * 10**0.6 + 1e-8)
    assert np.allclose(raised(spectrum, 6.0), DECIBELS * (louder - spectrum), atol=1e-6)
    assert raised(spectrum, 6.0).max() < 6
    assert np.allclose(raised(spectrum, 0.0), 0, atol=1e-6)


def test_what_is_known_is_the_same_each_time() -> None:
    first, second = (change_between(recent(2), NORMAL) for _ in range(2))
    assert first.p_value == second.p_value
    assert (first.described == second.described).all()


def test_errors_are_those_of_means() -> None:
    differences = np.array([change.difference for change in (change_between(recent(n), NORMAL) for n in range(30))])
    expected = change_between(recent(0), NORMAL).error
    # of the recent clips alone, since the normal ones are always the same
    observed = differences.std(axis=0).mean() * np.sqrt(1 + RECENT / len(NORMAL))
    assert observed == pytest.approx(expected.mean(), rel=0.15)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_clips_are_enough_for_large_changes(count: int) -> None:
    found = change_between(recent(3)[:count] + 20 / DECIBELS, NORMAL)
    assert found.kind == "level"
    assert np.isfinite(found.error).all()


@pytest.mark.parametrize("count", [10, 30])
def test_few_normal_clips_do_not_lead_to_alarms(count: int) -> None:
    found = [kind_of(change_between(recent(n), NORMAL[10 * n : 10 * n + count]), False, RUN_LENGTH) for n in range(20)]
    assert found.count("valid") >= 19


def test_bands_that_never_change_are_no_problem() -> None:
    normal, now = NORMAL.copy(), recent(0)
    normal[:, 100:] = now[:, 100:] = -18.0
    assert change_between(now, normal).kind == "nothing"
    same = np.repeat(normal[:1], 50, axis=0)
    assert change_between(same[:20], same).kind == "nothing"


# --------------------------------------------------------------------------------------------------- energy distance


def test_the_energy_test_keeps_its_level_and_sees_changes() -> None:
    random = np.random.default_rng(0)
    found = [
        energy_test(random.standard_normal((20, 4)), random.standard_normal((60, 4)), seed=n)[0] for n in range(60)
    ]
    assert 0.2 < np.mean(np.array(found) <= 0.5) < 0.8
    assert min(found) > 0.001
    p_value, size = energy_test(random.standard_normal((20, 4)) + 1, random.standard_normal((60, 4)))
    assert p_value <= 0.001
    assert 0.1 < size < 1


def test_the_energy_distance_is_the_one_of_its_definition() -> None:
    random = np.random.default_rng(1)
    one, other = random.standard_normal((7, 3)), random.standard_normal((11, 3)) + 0.5

    def mean_distance(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean([np.sqrt(((a - b) ** 2).sum()) for a in x for b in y]))

    between = mean_distance(one, other)
    energy = 2 * between - mean_distance(one, one) - mean_distance(other, other)
    assert energy_test(one, other)[1] == pytest.approx(energy / (2 * between))


# --------------------------------------------------------------------------------------------------------- since when


def test_a_step_is_told_from_a_slow_growth() -> None:
    random = np.random.default_rng(0)
    numbers = np.arange(300)
    noise = 0.3 * random.standard_normal(300)
    step = course_of_amplitudes(noise + (numbers >= 200), numbers)
    assert step.suddenly is True
    assert abs(step.since - 200) <= 3
    slow = course_of_amplitudes(noise + np.maximum(0, numbers - 199) / 60, numbers)
    assert slow.suddenly is False
    assert abs(slow.since - 200) <= 20
    assert slow.per_clip == pytest.approx(1 / 60, rel=0.2)


def test_numbers_of_clips_may_have_gaps() -> None:
    numbers = np.sort(np.random.default_rng(0).choice(1000, 150, replace=False))
    slow = course_of_amplitudes(np.maximum(0.0, numbers - 599) / 100, numbers)
    assert slow.suddenly is False
    assert abs(slow.since - 600) < 30
    assert slow.per_clip == pytest.approx(0.01, rel=0.1)


def test_since_when_a_fault_has_been_there() -> None:
    spectra = spectra_of(200, seed=5)
    fault = with_fault(6, 3.0)
    spectra[120:] = fault(spectra[120:], np.random.default_rng(0))
    found: Change = change_between(spectra[-RECENT:], NORMAL)
    course = course_of(found, spectra, np.arange(200), NORMAL)
    assert abs(course.since - 120) <= 2
    assert course.suddenly is True
