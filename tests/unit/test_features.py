"""Features: equal to a plain reference on random, odd and real signals; what scaling and turning do to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from asd.features import acoustic
from asd.features.acoustic import basic_block, clip_features, mean_log_mel, mel_filter_bank, mfcc_block, temporal_block
from asd.features.columns import (
    BASIC_COLUMNS,
    BASIC_NAMES,
    FEATURE_NAMES,
    FEATURE_SETS,
    HIGHEST_FREQUENCY,
    MFCC_COLUMNS,
    N_FEATURES,
    TEMPORAL_COLUMNS,
    TEMPORAL_NAMES,
    count_columns,
    hertz_to_mel,
    in_order,
    mark_of,
    mel_centres,
    mel_edges,
    mel_to_hertz,
    sets_marked,
    sets_of,
)
from asd.recordings.audio import SAMPLE_RATE, read_clip
from places import SCRIPTS
from plain_features import (
    BASIC_ORDER,
    plain_basic_block,
    plain_entropy,
    plain_features,
    plain_mel_filters,
    plain_mfcc_block,
    plain_temporal_block,
    shannon_entropy,
)

Signal = NDArray[np.float32]

LENGTHS = [400, 401, 511, 512, 16_000, 160_000]
MORE_THAN_4096_FRAMES = 4200 * 160


def noise(seed: int, length: int, amplitude: float = 0.1) -> Signal:
    rng = np.random.default_rng(seed)
    return (amplitude * rng.standard_normal(length)).clip(-1, 0.9999).astype(np.float32)


def sine(length: int = 8000) -> Signal:
    return np.float32(0.5) * np.sin(2 * np.pi * 440 * np.arange(length) / 16_000).astype(np.float32)


def impulse(length: int = 8000) -> Signal:
    signal = np.zeros(length, np.float32)
    signal[length // 3] = 0.99
    return signal


def square(length: int = 8000) -> Signal:
    return np.where(np.arange(length) // 20 % 2 == 0, -1.0, 32767 / 32768).astype(np.float32)


EDGE_SIGNALS = {
    "impulse": impulse(),
    "impulse in the last sample": np.roll(impulse(480), 319),
    "noise on a large offset": noise(1, 8000, 1e-3) + np.float32(0.5),
    "full-scale square wave": square(),
    "sine": sine(),
    "amplitude of one millionth": noise(2, 8000, 1e-6),
    "saw tooth": np.linspace(-1, 0.99, 8000, dtype=np.float32),
    "16-bit steps": np.round(noise(3, 8000, 1e-3) * 32768).astype(np.float32) / np.float32(32768),
    "silence, then a click": np.concatenate([np.zeros(4000), [0.3, -0.3], np.zeros(7)]).astype(np.float32),
    "two samples": np.array([0.25, -0.5], np.float32),
    "fifty samples": noise(4, 50),
    "one sample less than a frame": noise(5, 399),
}


def assert_mfcc_close(actual: ArrayLike, expected: ArrayLike) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-4)


def assert_basic_close(actual: ArrayLike, expected: ArrayLike, rtol: float = 1e-3) -> None:
    for name, a, b in zip(BASIC_ORDER, np.asarray(actual), np.asarray(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6, err_msg=name)


# ---------------------------------------------------------------------------------------- against the reference


def test_mel_filters_are_librosas() -> None:
    filters = mel_filter_bank()
    assert filters.dtype == np.float32
    assert filters.shape == (257, 128)
    np.testing.assert_allclose(filters.T, librosa.filters.mel(sr=16_000, n_fft=512, n_mels=128), rtol=0, atol=1e-8)
    np.testing.assert_allclose(filters.T, plain_mel_filters(), rtol=1e-6, atol=1e-9)


def test_the_edges_of_the_mel_bands_are_librosas() -> None:
    assert mel_edges() == pytest.approx(librosa.mel_frequencies(130, fmin=0.0, fmax=8000.0), rel=1e-9)
    assert mel_centres() == mel_edges()[1:-1]
    assert HIGHEST_FREQUENCY == SAMPLE_RATE / 2


def test_the_mel_scale_has_an_inverse() -> None:
    for hertz in (0.0, 10.0, 999.0, 1000.0, 1001.0, 8000.0):
        assert mel_to_hertz(hertz_to_mel(hertz)) == pytest.approx(hertz)
    assert (hertz_to_mel(200.0 / 3.0), hertz_to_mel(6400.0)) == pytest.approx((1.0, 42.0))
    assert np.isfinite(mel_to_hertz(np.inf))


def test_what_the_columns_are_is_known_without_numpy() -> None:
    command = "import sys, asd.features.columns; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", command], env={"PYTHONPATH": str(SCRIPTS)}, check=True)


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_both_blocks_equal_the_reference_on_noise(seed: int, length: int) -> None:
    signal = noise(seed, length, amplitude=[0.01, 0.1, 0.7][seed])
    assert_mfcc_close(mfcc_block(signal), plain_mfcc_block(signal))
    assert_basic_close(basic_block(signal), plain_basic_block(signal))


def test_a_long_clip_is_computed_in_pieces_without_a_seam() -> None:
    signal = noise(7, MORE_THAN_4096_FRAMES) * np.linspace(0.05, 1, MORE_THAN_4096_FRAMES, dtype=np.float32)
    assert_mfcc_close(mfcc_block(signal), plain_mfcc_block(signal))
    assert_basic_close(basic_block(signal), plain_basic_block(signal))


TONES = {
    "tone, period of 16 samples": np.sin(2 * np.pi * 1000 * np.arange(80_000) / 16_000),
    "tone, period of the hop": np.sin(2 * np.pi * 100 * np.arange(80_000) / 16_000),
    "16-bit tone": np.round(32767 * np.sin(2 * np.pi * 1000 * np.arange(80_000) / 16_000)) / 32768,
    "tone in very little noise": np.sin(2 * np.pi * 1000 * np.arange(80_000) / 16_000) + noise(8, 80_000, 1e-4),
    "tone for a third of the clip": np.concatenate(
        [noise(9, 50_000), np.sin(2 * np.pi * 100 * np.arange(30_000) / 16_000)]
    ),
}


def precisions(signal: Signal, monkeypatch: pytest.MonkeyPatch) -> dict[type, int]:
    """How many frames of the signal are transformed in either precision."""
    frames: dict[type, int] = {np.float32: 0, np.float64: 0}
    original = acoustic._log_mel

    def counted(block: NDArray[np.float32], precision: type) -> NDArray[np.float32]:
        frames[precision] += len(block)
        return original(block, precision)

    monkeypatch.setattr(acoustic, "_log_mel", counted)
    mfcc_block(signal)
    return frames


@pytest.mark.parametrize("name", TONES)
def test_pure_tones_are_transformed_in_double_precision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Single precision misses the tolerance for some of them by a factor of five."""
    signal = TONES[name].astype(np.float32)
    assert_mfcc_close(mfcc_block(signal), plain_mfcc_block(signal))
    count = 1 + len(signal) // 160
    assert count < precisions(signal, monkeypatch)[np.float64] < 1.1 * count


@pytest.mark.parametrize("length", [400, 5_000, 160_000, 1_000_000])
def test_noise_is_transformed_in_single_precision_and_checked(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = precisions(noise(10, length), monkeypatch)
    assert frames[np.float32] == 1 + length // 160
    assert min(3, frames[np.float32]) <= frames[np.float64] <= 50


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large")
@pytest.mark.parametrize("name", EDGE_SIGNALS)
def test_both_blocks_equal_the_reference_on_odd_signals(name: str) -> None:
    signal = EDGE_SIGNALS[name]
    assert_mfcc_close(mfcc_block(signal), plain_mfcc_block(signal))
    assert_basic_close(basic_block(signal), plain_basic_block(signal))


@pytest.mark.parametrize("name", ["impulse", "noise on a large offset", "sine", "saw tooth", "16-bit steps"])
def test_statistics_but_entropy_are_exact_to_float32(name: str) -> None:
    signal = EDGE_SIGNALS[name]
    actual, expected = basic_block(signal)[:7], plain_basic_block(signal)[:7]
    np.testing.assert_allclose(actual, expected, rtol=1e-7, atol=1e-9)


def test_a_signal_that_hardly_moves_on_a_large_offset_has_features() -> None:
    signal = np.full(1600, 0.9, np.float32)
    signal[::2] += np.float32(2.0**-23)
    features = clip_features(signal)
    assert np.isfinite(features).all()
    assert_basic_close(features[BASIC_COLUMNS], plain_basic_block(signal))


# --------------------------------------------------------------------------------------------- the temporal block


def assert_temporal_close(actual: ArrayLike, expected: ArrayLike) -> None:
    """To a thousandth: where a band is nearly empty in some frames, rounding of the FFT shows there."""
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large")
@pytest.mark.parametrize("length", [50, 159, 160, 399, 400, 1_601, 16_000])
def test_the_temporal_block_equals_the_reference_on_noise(length: int) -> None:
    """From a single frame on, and of two and three."""
    signal = noise(21, length)
    block = temporal_block(signal)
    assert (block.shape, block.dtype) == ((512,), np.float32)
    np.testing.assert_allclose(block, plain_temporal_block(signal), rtol=1e-4, atol=2e-4)
    if length < 160:
        assert not block[:384].any()  # one frame has no spread, and no neighbour


@pytest.mark.parametrize("count", [*range(1, 8), 100, 101, 201, 512, 1001, 1024, 3001])
@pytest.mark.parametrize("decimals", [8, 1, 0], ids=["distinct", "some equal", "many equal"])
def test_percentiles_and_maximum_are_those_of_sorted_values(count: int, decimals: int) -> None:
    courses = np.random.default_rng(count).normal(-8, 2, (128, count)).round(decimals).astype(np.float32)
    _, p99_p50, _, highest = acoustic._temporal_statistics(courses.copy()).reshape(4, 128)
    places = np.sort(courses, axis=1), np.array([0.99, 0.5]) * (count - 1)
    high, median = (np.array([np.interp(place, range(count), row) for row in places[0]]) for place in places[1])
    np.testing.assert_allclose(p99_p50, high - median, atol=2e-6)
    np.testing.assert_array_equal(highest, courses.max(axis=1))


def test_the_temporal_block_of_a_long_clip_has_no_seam() -> None:
    signal = noise(7, MORE_THAN_4096_FRAMES) * np.linspace(0.05, 1, MORE_THAN_4096_FRAMES, dtype=np.float32)
    np.testing.assert_allclose(temporal_block(signal), plain_temporal_block(signal), rtol=1e-4, atol=2e-4)


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large")
@pytest.mark.parametrize("name", [*EDGE_SIGNALS, *TONES])
def test_the_temporal_block_equals_the_reference_on_odd_signals(name: str) -> None:
    signal = {**EDGE_SIGNALS, **TONES}[name].astype(np.float32)
    assert_temporal_close(temporal_block(signal), plain_temporal_block(signal))


@settings(deadline=None, max_examples=10, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), amplitude=st.floats(0.02, 1.0))
def test_volume_moves_only_the_maximum_over_time(seed: int, amplitude: float) -> None:
    signal = noise(seed, 4000, 0.2)
    change = (temporal_block(np.float32(amplitude) * signal) - temporal_block(signal)).reshape(4, 128)
    assert np.abs(change[:3]).max() < 0.05
    assert change[3] == pytest.approx(2 * np.log(amplitude), abs=0.05)


def test_clicks_are_in_the_temporal_block_and_not_in_the_mean() -> None:
    """Sounds that are louder and weaker in turns have the mean log spectrum of even ones, and nothing else."""
    even = np.tile(noise(22, 1600, 0.05), 10)
    uneven = even.copy()
    for number, gain in enumerate([4.0, 0.25] * 5):
        place = slice(1600 * number, 1600 * number + 1600)
        uneven[place] *= np.float32(gain)
    mean = mean_log_mel(uneven) - mean_log_mel(even)
    steady, changing = (temporal_block(signal).reshape(4, 128) for signal in (even, uneven))
    assert np.abs(mean).max() < 0.5
    assert (changing - steady)[[0, 3]].min() > 0.8


# ------------------------------------------------------------------------------------------------ the whole row


@pytest.mark.parametrize("name", ["16-bit tone", "tone for a third of the clip", "noise"])
def test_the_published_columns_are_the_same_to_the_last_bit_whatever_else_is_asked_for(name: str) -> None:
    signal = {**TONES, "noise": noise(23, 200_000)}[name].astype(np.float32)
    alone, every = clip_features(signal), clip_features(signal, FEATURE_SETS)
    assert (alone.shape, every.shape, every.dtype) == ((136,), (648,), np.float32)
    np.testing.assert_array_equal(every[:136], alone)
    np.testing.assert_array_equal(every[TEMPORAL_COLUMNS], temporal_block(signal))


def test_each_set_of_features_has_columns_of_its_own() -> None:
    assert (TEMPORAL_COLUMNS.start, TEMPORAL_COLUMNS.stop) == (136, 648)
    assert len({*FEATURE_NAMES, *TEMPORAL_NAMES}) == 648
    assert [TEMPORAL_NAMES[number] for number in (0, 140, 256, 511)] == [
        *("log_mel_std_0", "log_mel_p99_p50_12", "log_mel_delta_0", "log_mel_max_127")
    ]
    for features, columns, mark in ((["basic", "mfcc"], 136, ""), (["temporal", "basic", "mfcc"], 648, "-temporal")):
        assert (count_columns(features), mark_of(features)) == (columns, mark)
        assert sets_of(columns) == sets_marked(f"mean-2s{mark}") == in_order(features)
    assert sets_of(512) is None


def test_a_row_is_136_float32_numbers_mfcc_first() -> None:
    signal = noise(11, 16_000)
    row = clip_features(signal)
    assert row.dtype == np.float32
    assert row.shape == (136,) == (N_FEATURES,)
    np.testing.assert_array_equal(row[MFCC_COLUMNS], mfcc_block(signal).astype(np.float32))
    np.testing.assert_array_equal(row[BASIC_COLUMNS], basic_block(signal).astype(np.float32))


def test_columns_are_named_in_the_published_order() -> None:
    assert (MFCC_COLUMNS.start, MFCC_COLUMNS.stop) == (0, 128)
    assert (BASIC_COLUMNS.start, BASIC_COLUMNS.stop) == (128, 136)
    assert list(BASIC_NAMES) == BASIC_ORDER
    assert (*(f"mfcc_{n}" for n in range(128)), *BASIC_ORDER) == FEATURE_NAMES


def test_each_statistic_stands_in_its_own_column() -> None:
    signal = np.tile(np.array([0.5, 0.0, 0.0, 0.25], np.float32), 400)
    row = dict(zip(FEATURE_NAMES, clip_features(signal), strict=True))
    assert row["ptp"] == pytest.approx(0.5)
    assert row["mean"] == pytest.approx(0.1875)
    assert row["rms"] == pytest.approx(np.sqrt(0.3125 / 4))
    assert row["std"] == pytest.approx(np.sqrt(0.3125 / 4 - 0.1875**2))
    assert row["crest"] == pytest.approx(0.5 / np.sqrt(0.3125 / 4))


def test_features_leave_the_signal_as_it_was() -> None:
    signal = noise(12, 1600)
    before = signal.copy()
    clip_features(signal)
    np.testing.assert_array_equal(signal, before)


def test_features_accept_a_read_only_signal() -> None:
    signal = noise(13, 1600)
    signal.flags.writeable = False
    assert np.isfinite(clip_features(signal)).all()


# ------------------------------------------------------------------------------------------------------ entropy


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0])
def test_entropy_is_that_of_the_density_not_shannons(width: float) -> None:
    # 100 samples in each of the 256 bins: the density is 1 / width everywhere, and Shannon's entropy 8 bits
    evenly = np.float32(width) * (np.arange(25_600, dtype=np.float32) + np.float32(0.5)) / np.float32(25_600)
    entropy = basic_block(evenly)[7]
    assert shannon_entropy(evenly.astype(np.float64)) == pytest.approx(8.0, abs=0.01)
    span = float(evenly.max()) - float(evenly.min())
    assert entropy == pytest.approx(-256 * np.log2(1 / span) / span, rel=1e-3, abs=0.1)
    assert abs(entropy - 8.0) > 5.0


def test_entropy_of_noise_is_far_below_zero() -> None:
    signal = noise(14, 16_000, 0.01)
    assert basic_block(signal)[7] == pytest.approx(plain_entropy(signal.astype(np.float64)), rel=1e-3)
    assert basic_block(signal)[7] < -1000


# --------------------------------------------------------------------------------------------------- properties

amplitudes = st.floats(0.02, 1.0)
seeds = st.integers(0, 2**32 - 1)
column = {name: number for number, name in enumerate(BASIC_ORDER)}


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=seeds, amplitude=amplitudes)
def test_volume_leaves_the_shape_statistics_and_scales_the_others(seed: int, amplitude: float) -> None:
    signal = noise(seed, 2000, 0.2)
    louder, quieter = basic_block(signal), basic_block(np.float32(amplitude) * signal)
    for name in ("kurtosis", "skewness", "crest"):
        assert quieter[column[name]] == pytest.approx(louder[column[name]], rel=1e-4, abs=1e-5)
    for name in ("rms", "ptp", "std", "mean"):
        assert quieter[column[name]] == pytest.approx(amplitude * louder[column[name]], rel=1e-4, abs=1e-8)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=seeds)
def test_turning_the_signal_upside_down_flips_skewness_and_mean_only(seed: int) -> None:
    signal = noise(seed, 2000) + np.float32(0.01)
    upright, turned = basic_block(signal), basic_block(-signal)
    signs = np.array([-1 if name in ("skewness", "mean") else 1 for name in BASIC_ORDER])
    np.testing.assert_allclose(turned[:7], (signs * upright)[:7], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(mfcc_block(-signal), mfcc_block(signal), rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=seeds, amplitude=amplitudes)
def test_volume_moves_only_the_first_mfcc(seed: int, amplitude: float) -> None:
    signal = noise(seed, 4000, 0.2)
    change = mfcc_block(np.float32(amplitude) * signal) - mfcc_block(signal)
    assert change[0] == pytest.approx(np.sqrt(128) * 2 * np.log(amplitude), abs=0.05)
    assert np.abs(change[1:]).max() < 0.05


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large")
@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=seeds, length=st.integers(400, 3000))
def test_any_noise_has_finite_features_close_to_the_reference(seed: int, length: int) -> None:
    signal = noise(seed, length)
    row = clip_features(signal)
    assert np.isfinite(row).all()
    assert_mfcc_close(row[MFCC_COLUMNS], plain_mfcc_block(signal))
    assert_basic_close(row[BASIC_COLUMNS], plain_basic_block(signal))


# ----------------------------------------------------------------------------------------------- real recordings


@pytest.mark.parametrize("kind", ["normal", "abnormal"])
@pytest.mark.parametrize("machine_id", ["id_00", "id_02"])
def test_real_recordings_give_the_rows_of_the_real_cache(
    fan_recordings: Path, fan_caches: Path, machine_id: str, kind: str
) -> None:
    files = sorted((fan_recordings / "-6_dB_fan" / "fan" / machine_id / kind).glob("*.wav"))
    assert files
    cache = np.load(fan_caches / f"snr_6_{machine_id}_{kind}.npy")
    for row, file in enumerate(files):
        features = clip_features(read_clip(file).samples)
        assert_mfcc_close(features[MFCC_COLUMNS], cache[row, :128])
        assert_basic_close(features[BASIC_COLUMNS], cache[row, 128:])


def test_the_reference_itself_gives_a_row_of_the_real_cache(fan_recordings: Path, fan_caches: Path) -> None:
    file = sorted((fan_recordings / "-6_dB_fan" / "fan" / "id_00" / "normal").glob("*.wav"))[0]
    features = plain_features(read_clip(file).samples)
    expected = np.load(fan_caches / "snr_6_id_00_normal.npy")[0]
    assert_mfcc_close(features[:128], expected[:128])
    assert_basic_close(features[128:], expected[128:])
