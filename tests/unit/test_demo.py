"""Simulated recordings: exact SNR, faults that sound like what they are called, files as promised."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asd.demo import write as simulation
from asd.demo.catalogue import problems, snr_db_of
from asd.demo.machines import REGISTRY, Fan, Machine, Pump, Slider, Valve
from asd.demo.signals import Grid, generator, grid_of
from asd.errors import UserError
from asd.features.acoustic import mean_log_mel, temporal_block
from asd.recordings.audio import SAMPLE_RATE
from places import SCRIPTS

Array = NDArray[np.float64]
AnyMachine = TypeVar("AnyMachine", bound=Machine)
KINDS: tuple[simulation.Kind, ...] = ("normal", "abnormal")
MACHINES = ("fan", "pump", "slider", "valve")
SNRS = (6.0, 0.0, -6.0)
SAMPLES = 32_000


def clip(
    machine: str = "fan",
    machine_id: str = "id_00",
    kind: simulation.Kind = "normal",
    number: int = 0,
    snr_db: float = 0.0,
    *,
    seconds: float = 1.0,
    microphones: int = 2,
    seed: int = 0,
) -> simulation.SimulatedClip:
    """A clip, short and plain unless told otherwise."""
    return simulation.simulate_clip(
        machine, machine_id, kind, number, snr_db, seconds=seconds, microphones=microphones, seed=seed
    )


def source(machine: str, fault: str | None, machine_id: str = "id_00", take: int = 0, severity: float = 0.9) -> Array:
    """Sound of a machine before its housing, with the fault asked for; equal random numbers for equal `take`."""
    run = simulation._station(machine, machine_id, SAMPLES, 1, 0).machine.sound
    return run(np.random.default_rng(take), fault, 0.0 if fault is None else severity)


def band_power(signal: Array, low: float, high: float) -> float:
    """Power between two frequencies in Hz."""
    frequencies = scipy.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    spectrum = np.abs(scipy.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    return float(spectrum[(frequencies >= low) & (frequencies <= high)].sum())


def kurtosis(signal: Array) -> float:
    """Fisher's: 0 for Gaussian noise, high for blows."""
    centred = signal - signal.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2 - 3.0)


def high_passed(signal: Array, low: float) -> Array:
    """What `signal` has above `low` Hz."""
    spectrum = scipy.fft.rfft(signal)
    spectrum[scipy.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE) < low] = 0.0
    return np.asarray(scipy.fft.irfft(spectrum, n=len(signal)))


def modulation(signal: Array, rate: float) -> float:
    """Depth to which the power of `signal` sways at `rate` Hz (2 % to either side), relative to its mean."""
    power = signal**2
    spectrum = np.abs(scipy.fft.rfft(power)) / len(power)
    frequencies = scipy.fft.rfftfreq(len(power), 1 / SAMPLE_RATE)
    near = np.abs(frequencies - rate) <= 0.02 * rate
    return float(2.0 * np.sqrt(np.sum(spectrum[near] ** 2)) / spectrum[0])


def specimen(machine: type[AnyMachine], machine_id: str) -> AnyMachine:
    """The specimen that `source` runs, drawn anew."""
    (name,) = (name for name, registered in REGISTRY.items() if registered is machine)
    return machine(generator("specimen", name, machine_id, 0), grid_of(SAMPLES))


def level_db(ratio: float | np.floating) -> float:
    """A ratio of powers in dB."""
    return float(10.0 * np.log10(ratio))


# --- SNR, levels, repeatability --------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("snr_db", [*SNRS, 12.5])
@pytest.mark.parametrize("kind", ["normal", "abnormal"])
def test_snr_is_exact(machine: str, snr_db: float, kind: simulation.Kind) -> None:
    parts = clip(machine, kind=kind, snr_db=snr_db, microphones=3)
    assert parts.machine.shape == parts.noise.shape == (3, 16_000)
    assert parts.machine.dtype == parts.noise.dtype == np.float64
    assert level_db(np.mean(parts.machine**2) / np.mean(parts.noise**2)) == pytest.approx(snr_db, abs=1e-9)
    np.testing.assert_array_equal(parts.mix, parts.machine + parts.noise)


def test_snr_is_exact_even_where_the_mix_must_be_made_quieter() -> None:
    parts = clip(snr_db=-40.0)
    assert level_db(np.mean(parts.machine**2) / np.mean(parts.noise**2)) == pytest.approx(-40.0, abs=1e-9)
    assert np.abs(parts.mix).max() == pytest.approx(simulation._FULL_SCALE)


@pytest.mark.parametrize("machine", MACHINES)
def test_only_the_noise_depends_on_the_snr(machine: str) -> None:
    loud, quiet = clip(machine, snr_db=6.0), clip(machine, snr_db=-6.0)
    np.testing.assert_array_equal(loud.machine, quiet.machine)
    alike = np.corrcoef(loud.noise.ravel(), quiet.noise.ravel())[0, 1]
    assert abs(alike) < 0.3  # another noise, not the same one scaled


@pytest.mark.parametrize("machine", MACHINES)
def test_no_clipping_and_a_steady_level(machine: str) -> None:
    counts: dict[simulation.Kind, int] = {"normal": 10, "abnormal": 6}
    clips = [
        clip(machine, machine_id, kind, number, -6.0)
        for machine_id in ("id_00", "id_02")
        for kind, count in counts.items()
        for number in range(count)
    ]
    assert max(np.abs(parts.mix).max() for parts in clips) < simulation._FULL_SCALE
    levels = [level_db(np.mean(parts.machine**2) / simulation.MACHINE_RMS**2) for parts in clips]
    assert np.abs(levels).max() < 10.0
    assert abs(np.median(levels)) < 2.0


def test_the_same_arguments_give_the_same_clip() -> None:
    first = clip(kind="abnormal", number=3)
    simulation._station.cache_clear()
    clip("pump")
    again = clip(kind="abnormal", number=3)
    np.testing.assert_array_equal(first.machine, again.machine)
    np.testing.assert_array_equal(first.noise, again.noise)


def test_seeding_does_not_depend_on_the_process() -> None:
    assert generator("clip", "fan", 3).integers(10**9) == 948_244_509


@pytest.mark.parametrize(
    "other",
    [{"machine_id": "id_02"}, {"number": 1}, {"seed": 1}, {"kind": "abnormal"}, {"machine": "pump"}],
    ids=lambda other: next(iter(other)),
)
def test_other_arguments_give_another_clip(other: dict[str, str | int]) -> None:
    first, second = clip(), clip(**other)  # type: ignore[arg-type]
    for part in ("machine", "noise"):
        alike = np.corrcoef(getattr(first, part).ravel(), getattr(second, part).ravel())[0, 1]
        assert abs(alike) < 0.5


def test_ids_are_specimens_and_clips_of_one_id_are_of_one_specimen() -> None:
    rates = {machine_id: specimen(Fan, machine_id).rate for machine_id in ("id_00", "id_02", "id_04")}
    assert min(abs(a - b) for i, a in rates.items() for j, b in rates.items() if i < j) > 0.1

    def spectrum(machine_id: str, number: int) -> Array:
        power = np.abs(scipy.fft.rfft(clip("fan", machine_id, number=number, seconds=2.0).machine[0])) ** 2
        return np.asarray(np.log(power[: 400 * 40].reshape(400, 40).mean(axis=1)))

    same = np.corrcoef(spectrum("id_00", 0), spectrum("id_00", 1))[0, 1]
    other = np.corrcoef(spectrum("id_00", 0), spectrum("id_02", 0))[0, 1]
    assert same > 0.95
    assert same > other + 0.05


def test_microphones_differ_a_little_in_the_machine_and_more_in_the_noise() -> None:
    parts = clip(microphones=3, seconds=2.0, snr_db=0.0)

    def likeness(signal: Array, low: float, high: float) -> float:
        spectra = scipy.fft.rfft(signal)
        frequencies = scipy.fft.rfftfreq(signal.shape[1], 1 / SAMPLE_RATE)
        a, b = spectra[:2, (frequencies >= low) & (frequencies < high)].reshape(2, -1, 50)
        cross = np.abs(np.mean(a * b.conj(), axis=1))
        return float(np.mean(cross / np.sqrt(np.mean(np.abs(a) ** 2, axis=1) * np.mean(np.abs(b) ** 2, axis=1))))

    assert likeness(parts.machine, 2000.0, 4000.0) > 0.9
    assert likeness(parts.noise, 2000.0, 4000.0) < 0.6
    assert likeness(parts.noise, 100.0, 300.0) > 0.8
    levels = np.sqrt(np.mean(parts.machine**2, axis=1))
    assert len({round(float(level), 9) for level in levels}) == 3
    assert levels.max() / levels.min() < 2.0


# --- Faults ----------------------------------------------------------------------------------------------------------


def test_faults_take_turns() -> None:
    for machine in MACHINES:
        station = simulation._station(machine, "id_00", SAMPLES, 1, 0)
        drawn = [simulation._fault_of(station, number) for number in range(12)]
        faults = REGISTRY[machine].faults
        assert {fault for fault, _ in drawn[: len(faults)]} == set(faults)
        severities = [severity for _, severity in drawn]
        low, high = simulation.SEVERITIES
        assert low <= min(severities) < low + 0.15 * (high - low)
        assert high - 0.15 * (high - low) < max(severities) <= high


@pytest.mark.parametrize("take", range(3))
@pytest.mark.parametrize("machine_id", ["id_00", "id_02"])
class TestFan:
    def test_tones_are_at_multiples_of_the_blade_pass(self, machine_id: str, take: int) -> None:
        fan = specimen(Fan, machine_id)
        tone = fan.blades * fan.rate
        sound = source("fan", None, machine_id, take)
        between = tone + fan.rate / 2.0
        assert band_power(sound, tone * 0.97, tone * 1.03) > 5.0 * band_power(sound, between * 0.97, between * 1.03)

    def test_unbalance_sways_the_sound_and_raises_the_shaft_tones(self, machine_id: str, take: int) -> None:
        rate = specimen(Fan, machine_id).rate
        normal, faulty = (source("fan", fault, machine_id, take) for fault in (None, "unbalance"))
        swaying = [modulation(high_passed(sound, 1000.0), rate) for sound in (normal, faulty)]
        assert swaying[1] > 3.0 * swaying[0]
        assert band_power(faulty, 0.95 * rate, 1.05 * rate) > 4.0 * band_power(normal, 0.95 * rate, 1.05 * rate)

    def test_clogging_lowers_the_blade_tones_and_the_high_flow_noise(self, machine_id: str, take: int) -> None:
        fan = specimen(Fan, machine_id)
        tone = fan.rate * fan.blades
        normal, faulty = (source("fan", fault, machine_id, take) for fault in (None, "clogging"))
        tones = [
            band_power(sound, 0.98 * tone, 1.02 * tone) - band_power(sound, 1.05 * tone, 1.09 * tone)
            for sound in (normal, faulty)
        ]
        assert tones[1] < 0.4 * tones[0]
        tilts = [band_power(sound, 4000.0, 8000.0) / band_power(sound, 60.0, 4000.0) for sound in (normal, faulty)]
        assert tilts[1] < 0.6 * tilts[0]

    def test_voltage_change_shifts_the_blade_tone_and_the_level(self, machine_id: str, take: int) -> None:
        fan = specimen(Fan, machine_id)
        tone = fan.rate * fan.blades
        frequencies = scipy.fft.rfftfreq(grid_of(SAMPLES).length, 1 / SAMPLE_RATE)
        near = (frequencies > 0.75 * tone) & (frequencies < 1.25 * tone)
        peaks = []
        for fault in (None, "voltage_change"):
            spectrum = np.abs(scipy.fft.rfft(source("fan", fault, machine_id, take)))
            smooth = np.convolve(spectrum**2, np.ones(5), mode="same")
            peaks.append(float(frequencies[near][np.argmax(smooth[near])]))
        assert peaks[0] == pytest.approx(tone, rel=0.03)
        shift = peaks[1] / tone - 1.0
        assert 0.1 < abs(shift) < 0.22
        normal, faulty = (source("fan", fault, machine_id, take) for fault in (None, "voltage_change"))
        assert np.sign(level_db(np.mean(faulty**2) / np.mean(normal**2))) == np.sign(shift)


@pytest.mark.parametrize("take", range(3))
@pytest.mark.parametrize("machine_id", ["id_00", "id_02"])
class TestPump:
    def test_leakage_hisses(self, machine_id: str, take: int) -> None:
        normal, faulty = (source("pump", fault, machine_id, take) for fault in (None, "leakage"))
        assert band_power(faulty, 3000.0, 8000.0) > 2.0 * band_power(normal, 3000.0, 8000.0)
        assert band_power(faulty, 100.0, 600.0) == pytest.approx(band_power(normal, 100.0, 600.0), rel=0.1)

    def test_contamination_rattles(self, machine_id: str, take: int) -> None:
        normal, faulty = (high_passed(source("pump", f, machine_id, take), 2000.0) for f in (None, "contamination"))
        assert abs(kurtosis(normal)) < 1.0
        assert kurtosis(faulty) > 3.0

    def test_clogging_cavitates_in_time_with_the_vanes(self, machine_id: str, take: int) -> None:
        pump = specimen(Pump, machine_id)
        tone = pump.rate * pump.blades
        normal, faulty = (source("pump", fault, machine_id, take) for fault in (None, "clogging"))
        swaying = [modulation(high_passed(sound, 2500.0), tone) for sound in (normal, faulty)]
        assert swaying[1] > 2.0 * swaying[0]
        assert band_power(faulty, 2500.0, 6000.0) > 1.5 * band_power(normal, 2500.0, 6000.0)
        assert band_power(faulty, 0.98 * tone, 1.02 * tone) < 0.6 * band_power(normal, 0.98 * tone, 1.02 * tone)


@pytest.mark.parametrize("take", range(3))
@pytest.mark.parametrize("machine_id", ["id_00", "id_02"])
class TestSlider:
    def test_it_stops_at_the_end_of_each_stroke(self, machine_id: str, take: int) -> None:
        sound = high_passed(source("slider", None, machine_id, take), 1000.0)
        blocks = np.sqrt(np.mean(sound[: 200 * 160].reshape(200, 160) ** 2, axis=1))  # 10 ms each
        standing = blocks < 0.2 * np.median(blocks)
        pauses = np.count_nonzero(np.diff(standing.astype(int)) == 1)
        assert 3 <= pauses <= 7  # 2 to 2.8 strokes per second

    def test_rail_damage_strikes_at_the_same_place_of_each_stroke(self, machine_id: str, take: int) -> None:
        normal, faulty = (high_passed(source("slider", f, machine_id, take), 2500.0) for f in (None, "rail_damage"))
        assert kurtosis(faulty) > kurtosis(normal) + 2.0
        blows = np.flatnonzero(np.abs(faulty) > 0.5 * np.abs(faulty).max()) / SAMPLE_RATE
        slider = specimen(Slider, machine_id)
        done = np.array([0.0, 2.0])  # two strokes, there and back, seen from the start of the first
        places = slider.passing_times(done, 1.0, 0.0)
        gap = (places[1] - places[0]) / slider.strokes  # from the blow on the way there to that on the way back
        gaps = np.diff(blows)
        gaps = gaps[gaps > 0.1]  # not between the two pairs of balls
        assert len(gaps) >= 1
        expected = np.array([gap, 2.0 / slider.strokes - gap])
        misses = np.abs(gaps[:, None] - np.concatenate([expected, [2.0 / slider.strokes]])).min(axis=1)
        assert misses.max() < 0.06

    def test_loose_belt_sways_the_motor(self, machine_id: str, take: int) -> None:
        slider = specimen(Slider, machine_id)
        normal, faulty = (source("slider", fault, machine_id, take) for fault in (None, "loose_belt"))
        on_tone = (0.985 * slider.motor, 1.015 * slider.motor)
        around = (0.75 * slider.motor, 1.3 * slider.motor)
        shares = [band_power(sound, *on_tone) / band_power(sound, *around) for sound in (normal, faulty)]
        assert shares[1] < 0.6 * shares[0]

    def test_no_grease_squeals(self, machine_id: str, take: int) -> None:
        slider = specimen(Slider, machine_id)
        normal, faulty = (source("slider", fault, machine_id, take) for fault in (None, "no_grease"))
        squeal = (0.93 * slider.squeal, 1.07 * slider.squeal)
        assert band_power(faulty, *squeal) > 3.0 * band_power(normal, *squeal)
        assert band_power(faulty, 4500.0, 6000.0) > 1.3 * band_power(normal, 4500.0, 6000.0)


class TestValve:
    """Its faults are in the course of the sound, and hardly in its mean spectrum."""

    @staticmethod
    def clicks(fault: str | None, machine_id: str = "id_00", take: int = 0) -> tuple[Array, Array]:
        """Seconds at which it clicks, and how loud each click is in dB, over 10 ms and above 1 kHz."""
        sound = high_passed(source("valve", fault, machine_id, take), 1000.0)
        level = 10.0 * np.log10(np.convolve(sound**2, np.ones(160) / 160, mode="same"))
        peaks = scipy.signal.find_peaks(level, height=np.median(level) + 6.0, distance=480)[0]
        return peaks / SAMPLE_RATE, level[peaks]

    @pytest.mark.parametrize("machine_id", ["id_00", "id_02"])
    def test_it_clicks_twice_a_cycle_in_a_steady_rhythm(self, machine_id: str) -> None:
        valve = specimen(Valve, machine_id)
        times, levels = self.clicks(None, machine_id)
        assert len(times) == pytest.approx(2.0 * 2.0 * valve.cycles, abs=1.5)
        assert np.diff(times)[::2].std() < 0.01
        assert np.diff(times)[1::2].std() < 0.01
        assert levels.std() < 3.0

    def test_closing_late_makes_double_clicks(self) -> None:
        healthy, late = (np.mean([len(self.clicks(f, take=n)[0]) for n in range(4)]) for f in (None, "late_closing"))
        assert late < 0.7 * healthy

    @pytest.mark.parametrize("fault", ["sticking", "weak_spring"])
    def test_clicks_become_unlike(self, fault: str) -> None:
        healthy, uneven = (np.mean([np.ptp(self.clicks(f, take=n)[1]) for n in range(4)]) for f in (None, fault))
        assert uneven > healthy + 4.0

    def test_dirt_takes_the_edge_off_the_clicks(self) -> None:
        healthy, dirty = (np.mean([self.clicks(f, take=n)[1].max() for n in range(4)]) for f in (None, "sluggishness"))
        assert dirty < healthy - 4.0

    @pytest.mark.parametrize("fault", Valve.faults)
    def test_a_fault_leaves_the_mean_spectrum_and_moves_the_temporal_features(
        self, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the hall at 6 dB: shifts of the mean in standard deviations of sound clips, median over most bands."""
        monkeypatch.setattr(simulation, "_fault_of", lambda station, number: (fault, 0.9))
        mean, temporal = [], []
        for kind in KINDS:
            clips = [clip("valve", "id_00", kind, n, 6.0, seconds=2.0).mix.mean(axis=0) for n in range(16)]
            mean.append([mean_log_mel(one.astype(np.float32)) for one in clips])
            temporal.append([temporal_block(one.astype(np.float32)) for one in clips])

        def shifts(clips: list[list[Array]], of: int) -> Array:
            normal, abnormal = (np.array(one).reshape(16, of, 128)[:, :, 16:] for one in clips)
            return np.asarray(
                np.abs(np.median((abnormal.mean(axis=0) - normal.mean(axis=0)) / normal.std(axis=0), axis=1))
            )

        assert shifts(mean, 1).max() < 0.4
        assert shifts(temporal, 4).max() > 0.7


@pytest.mark.parametrize(
    ("machine", "fault"), [(name, fault) for name, machine in REGISTRY.items() for fault in machine.faults]
)
def test_a_fault_grows_with_its_severity(machine: str, fault: str) -> None:
    def bands(sound: Array) -> Array:
        if machine == "valve":  # where its mean spectrum stays
            return temporal_block(sound.astype(np.float32)).reshape(4, 128)[[0, 1, 3]]
        power = np.abs(scipy.fft.rfft(sound))[1:16_001] ** 2
        return np.log(np.add.reduceat(power, np.unique(np.geomspace(20, 15_999, 30).astype(int))))

    def change(severity: float) -> float:
        return float(
            np.mean(
                [
                    np.abs(bands(source(machine, fault, take=take, severity=severity)) - plain).mean()
                    for take, plain in enumerate(plains)
                ]
            )
        )

    plains = [bands(source(machine, None, take=take)) for take in range(4)]
    none, mild, grave = change(0.0), change(0.5), change(1.0)
    assert none < grave
    assert mild < grave


# --- Files -----------------------------------------------------------------------------------------------------------


def test_files_hold_the_clips(tmp_path: Path) -> None:
    paths = {
        (snr_db, kind, number): tmp_path / f"{snr_db:g}_dB" / kind / f"{number:08d}.wav"
        for snr_db in SNRS
        for kind in ("normal", "abnormal")
        for number in range(2)
    }
    simulation.write_recordings(paths, "slider", "id_02", seconds=2.0, microphones=3, seed=5)
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths.values())  # and nothing half written
    for (snr_db, kind, number), path in paths.items():
        info = soundfile.info(path)
        assert (info.channels, info.samplerate, info.frames) == (3, 16_000, SAMPLES)
        assert (info.format, info.subtype) == ("WAV", "PCM_16")
        parts = clip(
            "slider",
            "id_02",
            "normal" if kind == "normal" else "abnormal",
            number,
            snr_db,
            seconds=2.0,
            microphones=3,
            seed=5,
        )
        recorded = soundfile.read(path)[0].T
        np.testing.assert_allclose(recorded, parts.mix, atol=0.51 / 32768)
        noise = recorded - parts.machine
        assert level_db(np.mean(parts.machine**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.02)


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        simulation.write_recordings(
            {(0.0, "abnormal", 1): tmp_path / folder / "1.wav"}, "pump", "id_00", seconds=0.5, microphones=1, seed=0
        )
    assert (tmp_path / "first" / "1.wav").read_bytes() == (tmp_path / "second" / "1.wav").read_bytes()


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "1.wav"
    path.write_bytes(b"old")

    def fail(file: Path, content: bytes) -> int:
        with file.open("wb") as half:
            half.write(content[:100])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        simulation.write_recordings({(0.0, "normal", 1): path}, "fan", "id_00", seconds=0.5, microphones=1, seed=0)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# --- What can't be simulated -----------------------------------------------------------------------------------------


def test_the_machines_that_can_be_simulated() -> None:
    assert tuple(REGISTRY) == MACHINES
    assert all(len(machine.faults) >= 3 for machine in REGISTRY.values())


class Bell(Machine):
    """A machine that is in the registry and nowhere else."""

    faults = ("crack",)

    def __init__(self, rng: np.random.Generator, grid: Grid) -> None:
        self.body = np.ones(len(grid.frequencies), np.complex128)
        self.length = grid.length

    def sound(self, rng: np.random.Generator, fault: str | None, severity: float) -> Array:
        return rng.standard_normal(self.length)


def test_a_machine_takes_no_more_than_an_entry_in_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "bell", Bell)
    assert problems(["bell"], []) == []
    for kind in KINDS:
        parts = clip("bell", kind=kind, snr_db=3.0)
        assert level_db(np.mean(parts.machine**2) / np.mean(parts.noise**2)) == pytest.approx(3.0)


def test_a_machine_without_a_sound_can_not_be_made() -> None:
    class Silent(Machine):
        faults = ()

    with pytest.raises(TypeError, match="abstract"):
        Silent()  # type: ignore[abstract, call-arg]


def test_what_can_not_be_simulated_is_known_without_numpy() -> None:
    found = problems([*MACHINES, "gearbox"], ["6_dB", "-6_dB", "loud"])
    assert [sentence.split(":")[0] for sentence in found] == ["machine gearbox", "SNR 'loud'"]
    command = "import sys, asd.demo.catalogue; sys.exit(not {'numpy', 'scipy', 'soundfile'}.isdisjoint(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", command], env={"PYTHONPATH": str(SCRIPTS)}, check=False).returncode == 0
    )


@pytest.mark.parametrize("machine", ["gearbox", "Fan", ""])
def test_other_machines_are_refused_by_name(machine: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"machine {machine}: .*fan, pump, slider, valve"):
        clip(machine)
    with pytest.raises(UserError, match="fan, pump, slider, valve"):
        simulation.write_recordings(
            {(0.0, "normal", 0): tmp_path / "0.wav"}, machine, "id_00", seconds=1.0, microphones=1, seed=0
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"seconds": 0.02}, {"microphones": 0}, {"kind": "odd"}], ids=str)
def test_clips_that_make_no_sense_are_refused(wrong: dict[str, str | float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        clip(**wrong)  # type: ignore[arg-type]


def test_the_shortest_and_other_lengths() -> None:
    for seconds, samples in ((0.025, 400), (0.1, 1600), (1.2345, 19752)):
        for machine in MACHINES:
            for kind in ("normal", "abnormal"):
                for number in range(3):
                    parts = clip(machine, kind=kind, number=number, seconds=seconds, microphones=1)
                    assert parts.mix.shape == (1, samples)
                    assert np.isfinite(parts.mix).all()


@given(st.integers(-999, 999))
def test_snr_of_a_whole_number(decibels: int) -> None:
    assert snr_db_of(f"{decibels}_dB") == decibels


@given(st.decimals(-999, 999, places=2))
def test_snr_of_a_decimal_number(decibels: object) -> None:
    assert snr_db_of(f"{decibels}_dB") == float(str(decibels))


@given(st.text().filter(lambda text: not text.endswith("_dB")))
def test_snr_of_another_text(text: str) -> None:
    with pytest.raises(UserError) as error:
        snr_db_of(text)
    assert repr(text) in str(error.value)
    assert "-6_dB" in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "6dB", "6 dB", "6_db", "six_dB", "_dB", "nan_dB", "1e3_dB", "6_dB\n", "٦_dB", "1234_dB"]
)
def test_snr_of_nearly_right_texts(text: str) -> None:
    with pytest.raises(UserError, match="_dB are expected"):
        snr_db_of(text)
