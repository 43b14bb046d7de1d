"""Reasons in words: which bands of a clip are unusual."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from asd.features.acoustic import clip_features
from asd.features.columns import MEL_BANDS, N_FEATURES, TEMPORAL_STATISTICS, mel_centres
from asd.features.spectrogram import DECIBELS
from asd.models.metadata import Normal
from asd.scoring.bands import Region, band_limits, reasons, unusual_regions

MEAN = np.linspace(-3.0, -9.0, MEL_BANDS)


def clip(decibels: NDArray[np.float64], stand_out: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """Features of a clip whose spectrum is so many decibels from the mean of normal ones."""
    cepstrum = scipy.fft.dct(MEAN + decibels / DECIBELS, type=2, norm="ortho")
    features = np.concatenate([cepstrum, np.zeros(N_FEATURES - MEL_BANDS)])
    if stand_out is not None:
        temporal = np.zeros((len(TEMPORAL_STATISTICS), MEL_BANDS))
        temporal[TEMPORAL_STATISTICS.index("p99_p50")] = stand_out / DECIBELS
        features = np.concatenate([features, temporal.ravel()])
    return features.astype(np.float32)


def normal(spread: float | NDArray[np.float64] = 1.0, columns: int = N_FEATURES) -> Normal:
    """Of clips whose bands vary by so many decibels."""
    bands = np.broadcast_to(spread, MEL_BANDS) / DECIBELS
    return Normal(100, np.zeros(columns), np.full(columns, 1 / DECIBELS), MEAN, bands)


def bands_between(low: float, high: float) -> NDArray[np.bool_]:
    centres = np.array(mel_centres())
    return (centres >= low) & (centres < high)


def test_a_louder_region_is_named_by_its_frequencies_and_decibels() -> None:
    (found, *_) = reasons(clip(7.0 * bands_between(2100, 2600)), normal())
    assert found == "2.1-2.6 kHz, 7 dB above normal"


def test_a_quieter_region_is_said_to_be_below() -> None:
    (found, *_) = reasons(clip(-12.4 * bands_between(200, 400)), normal())
    assert found == "199-409 Hz, 12 dB below normal"


def test_the_most_unusual_comes_first_as_normal_clips_vary_and_not_as_loud_as_it_is() -> None:
    spread = np.where(bands_between(500, 1000), 10.0, 1.0)
    found = reasons(clip(20.0 * bands_between(500, 1000) + 4.0 * bands_between(4000, 5000)), normal(spread))
    assert found[0].endswith("kHz, 4 dB above normal")
    assert found[1].endswith("20 dB above normal")


def test_neighbours_of_either_sign_are_regions_of_their_own() -> None:
    change = 6.0 * bands_between(1000, 1500) - 6.0 * bands_between(1500, 2000)
    first, second, *_ = unusual_regions(clip(change), normal())
    assert {np.sign(first.decibels), np.sign(second.decibels)} == {1, -1}
    assert not {*range(first.first, first.last + 1)} & {*range(second.first, second.last + 1)}


def test_short_sounds_are_told_from_a_change_of_the_mean() -> None:
    columns = N_FEATURES + MEL_BANDS * len(TEMPORAL_STATISTICS)
    found = reasons(clip(2.0 * bands_between(300, 500), 9.0 * bands_between(5000, 6000)), normal(1.0, columns))
    assert found[0] == "5.0-6.1 kHz, short sounds 9 dB above normal"
    assert "short sounds" not in found[1]


def test_a_clip_like_the_mean_has_no_reasons() -> None:
    # not even of rounding: the mean is then that of single precision
    features = clip(np.zeros(MEL_BANDS))
    exact = scipy.fft.idct(features[:MEL_BANDS].astype(np.float64), type=2, norm="ortho")
    about = Normal(100, np.zeros(N_FEATURES), np.ones(N_FEATURES), exact, np.ones(MEL_BANDS))
    assert reasons(features, about) == ()


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(-60, 60), min_size=MEL_BANDS, max_size=MEL_BANDS), st.integers(1, 5))
def test_regions_do_not_overlap_and_the_first_has_the_largest_deviation(changes: list[float], count: int) -> None:
    decibels = np.array(changes)
    found = unusual_regions(clip(decibels), normal(), count)
    assert len(found) <= count
    bands = [band for region in found for band in range(region.first, region.last + 1)]
    assert len(bands) == len({*bands})
    if np.abs(decibels).max() > 0.1:
        assert abs(found[0].deviation) == pytest.approx(np.abs(decibels).max(), abs=0.05)
    sizes = [abs(region.deviation) for region in found]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("low", "high", "decibels", "words"),
    [
        (0, 0, 3.04, "0-35 Hz, 3 dB above normal"),
        (63, 63, -0.42, "1.65-1.69 kHz, 0.42 dB below normal"),
        (40, 44, 99.6, "0.95-1.07 kHz, 100 dB above normal"),
        (100, 127, 1234.0, "4.0-8.0 kHz, 1234 dB above normal"),
    ],
)
def test_words_are_as_exact_as_a_region_is_narrow(low: int, high: int, decibels: float, words: str) -> None:
    assert str(Region(low, high, decibels, 1.0)) == words


def test_limits_lie_between_the_centres_and_rise() -> None:
    limits, centres = band_limits(), np.array(mel_centres())
    assert (limits[0], limits[-1]) == (0, 8000)
    assert (np.diff(limits) > 0).all()
    assert (limits[1:-1] > centres[:-1]).all()
    assert (limits[1:-1] < centres[1:]).all()


@pytest.mark.parametrize("hertz", [400, 1500, 3000, 6000])
def test_a_whistle_in_noise_is_found_where_it_is(hertz: int) -> None:
    generator = np.random.default_rng(hertz)
    noise = [(0.05 * generator.standard_normal(16_000)).astype(np.float32) for _ in range(21)]
    features = np.stack([clip_features(one) for one in noise[:-1]])
    spectra = scipy.fft.idct(features[:, :MEL_BANDS].astype(np.float64), type=2, norm="ortho", axis=1)
    about = Normal(20, features.mean(axis=0), features.std(axis=0), spectra.mean(axis=0), spectra.std(axis=0))
    whistle = noise[-1] + 0.05 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000).astype(np.float32)
    (found, *_) = unusual_regions(clip_features(whistle), about)
    low, high = found.hertz
    assert low <= hertz <= high
    assert high - low < 0.2 * hertz + 150
    assert found.decibels > 3
