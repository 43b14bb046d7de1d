"""Simulated recordings of fans, pumps and slide rails, sound and faulty, in the noise of a factory.

They let the analysis run where no recordings are at hand.  Every machine follows the physics of its sound and the
faults that MIMII recorded (Purohit et al. 2019, *MIMII Dataset*): what turns makes tones at multiples of its rotation
rate, what flows makes coloured noise, what strikes makes the body ring.  An ID is one specimen with its own rates,
blades and resonances; its clips differ in load, rotation rate, starting angle and gain.

All random numbers are drawn from generators seeded with the names of what they are for, so that a clip does not
depend on which others are made, nor in what order.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.fft
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray

from ..errors import UserError
from ..files.atomic import whole_file
from ..recordings.audio import FRAME_LENGTH, SAMPLE_RATE

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex128]
Kind = Literal["normal", "abnormal"]

FAULTS: dict[str, tuple[str, ...]] = {
    "fan": ("unbalance", "clogging", "voltage_change"),
    "pump": ("leakage", "contamination", "clogging"),
    "slider": ("rail_damage", "loose_belt", "no_grease"),
}
"""Machine -> its faults.  The keys are the machines that can be simulated."""

MACHINE_RMS = 0.02
"""Root mean square of an average normal clip, of full scale: leaves 27 dB for the peaks of the mix at -6 dB."""

SEVERITIES = (0.5, 1.0)
"""Range of the severity of a fault; 0 is none at all."""

_FULL_SCALE = 0.999
_LEAD_IN = 320  # samples made and thrown away, so that delays and ringing do not wrap around into the clip
_TABLE = 16384  # angles of one revolution; taking the nearest errs by -39 dB at the highest order, less below
_IDLE = 0.12  # of its noise that the drive of a slide rail makes while it stands
_BUMPS = 7  # over 7.3 octaves
_ORDERS = 96  # highest multiple of the rotation rate
_TILT = 2.2  # dB by which the spectrum of the background differs from clip to clip
_GOLDEN = 0.6180339887498949
_SOUND_SPEED = 343.0  # m/s
_SENSOR_NOISE = 1e-3  # rms of a microphone by itself, where the background has 1
_SPACING = 0.07  # m between neighbouring microphones
_SNR_FORM = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]+)?_dB")


@dataclass(frozen=True)
class Components:
    """One clip, its two parts still apart.

    Attributes
    ----------
    machine, noise
        float64 [microphones, samples] at 16 kHz, full scale is 1; the noise is scaled to the SNR asked for.
    """

    machine: Array
    noise: Array

    @property
    def mix(self) -> Array:
        """What the microphones record, float64 [microphones, samples]."""
        return self.machine + self.noise


# --- Building blocks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """Times and frequencies of a clip and its lead-in.

    Attributes
    ----------
    samples
        Of the clip that is kept: the last of `length`.
    length
        A length with a fast Fourier transform.
    times
        Seconds, float64 [length].
    frequencies
        Hz, float64 [length // 2 + 1].
    bumps
        Triangles over the logarithm of the frequency that add up to 1, float64 [length // 2 + 1, bumps].
    """

    samples: int
    length: int
    times: Array
    frequencies: Array
    bumps: Array


@lru_cache(maxsize=4)
def _grid(samples: int) -> _Grid:
    length = int(scipy.fft.next_fast_len(samples + _LEAD_IN, real=True))
    frequencies = np.asarray(scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE))
    knots = np.log(np.geomspace(50.0, 8000.0, _BUMPS))
    octaves = np.log(np.maximum(frequencies, 1.0))
    bumps = np.column_stack([np.interp(octaves, knots, row) for row in np.eye(_BUMPS)])
    return _Grid(samples, length, np.arange(length) / SAMPLE_RATE, frequencies, bumps)


def _generator(*names: object) -> Generator:
    """A generator seeded with `names`; Python's own ``hash`` of a text differs from process to process."""
    digest = hashlib.sha256("\0".join(map(str, names)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


def _gain(decibels: float) -> float:
    """Amplitude ratio of a level difference in dB."""
    return float(10.0 ** (decibels / 20.0))


def _power(signal: Array) -> float:
    """Mean square over everything."""
    return float(np.vdot(signal, signal)) / signal.size


def _band(frequencies: Array, low: float, high: float, order: int = 2) -> Array:
    """Amplitude over frequency, flat from `low` to `high` Hz, falling with ``6 * order`` dB per octave outside."""
    safe = np.maximum(frequencies, 1.0)
    return np.asarray(1.0 / np.sqrt((1.0 + (low / safe) ** (2 * order)) * (1.0 + (safe / high) ** (2 * order))))


def _gaussian(rng: Generator, shape: tuple[int, ...]) -> Spectrum:
    """Complex white Gaussian spectra of unit power per bin and part."""
    return rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]


def _coloured(rng: Generator, amplitude: Array, length: int) -> Array:
    """Gaussian noise of rms 1 on average, its spectrum proportional to `amplitude`, float64 [bins] -> [length]."""
    scale = length / (2.0 * np.sqrt(np.vdot(amplitude, amplitude)))
    return np.asarray(scipy.fft.irfft(_gaussian(rng, amplitude.shape) * (amplitude * scale), n=length))


def _body(rng: Generator, frequencies: Array, low: float, high: float, modes: int, peak: float) -> Spectrum:
    """Response of a housing: direct sound and `modes` resonances between `low` and `high` Hz.

    Each is a damped oscillator, so that the response is causal and a blow rings and dies away.
    """
    response = np.ones(len(frequencies), np.complex128)
    for resonance in np.geomspace(low, high, modes) * rng.uniform(0.85, 1.18, modes):
        sharpness = rng.uniform(6.0, 25.0)
        height = peak * rng.uniform(0.4, 1.0) * rng.choice([-1.0, 1.0])
        oscillator = resonance**2 - frequencies**2 + 1j * frequencies * resonance / sharpness
        response += height / sharpness * resonance**2 / oscillator
    return response


def _revolution(amplitudes: Array, phases: Array) -> Array:
    """Sound of one revolution over the angle, float64 [_TABLE], from the amplitude of each order, float64 [_ORDERS].

    Order k is the k-fold of the rotation rate.
    """
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[1 : _ORDERS + 1] = amplitudes * np.exp(1j * phases) * (_TABLE / 2)
    return np.asarray(scipy.fft.irfft(spectrum, n=_TABLE))


def _turned(revolution: Array, turns: Array) -> Array:
    """The sound of `revolution` at the angles `turns`, in revolutions >= 0."""
    return np.asarray(revolution[(turns * _TABLE).astype(np.int64) & (_TABLE - 1)])


def _wander(rng: Generator, grid: _Grid, deviation: float, every: float) -> Array:
    """A slow random curve about 0 with standard deviation of about `deviation`, one knot `every` so many seconds."""
    knots = int(grid.times[-1] / every) + 3
    curve = np.convolve(rng.standard_normal(knots + 2), [0.41, 0.82, 0.41], mode="valid")
    return np.interp(grid.times, np.arange(knots) * every, deviation * curve)


def _turns(rng: Generator, grid: _Grid, rate: float, drift: float) -> Array:
    """Angle of a shaft in revolutions, from a random start, at `rate` Hz with a relative `drift`."""
    speed = 1.0 + _wander(rng, grid, drift, 0.25)
    return np.asarray(rng.uniform() + np.cumsum(speed) * (rate / SAMPLE_RATE))


def _strike(signal: Array, times: Array, heights: Array, width: float) -> None:
    """Add blows to `signal` in place: raised cosines of `width` seconds (the contact), at `times` in seconds.

    A short contact excites high resonances too, a long and soft one only the low ones.  The blows have equal
    energy at equal height, whatever their width.
    """
    contact = np.hanning(max(1, round(width * SAMPLE_RATE)) + 2)[1:-1]
    contact = contact / np.sqrt(np.vdot(contact, contact))
    starts = (times * SAMPLE_RATE).astype(np.int64)
    inside = (starts >= 0) & (starts + len(contact) <= len(signal))
    spread = starts[inside, None] + np.arange(len(contact))
    np.add.at(signal, spread, heights[inside, None] * contact)


def _poisson_times(rng: Generator, grid: _Grid, rate: float) -> Array:
    """Times in seconds of random events, `rate` of them per second."""
    return np.asarray(rng.uniform(0.0, grid.times[-1], rng.poisson(rate * grid.times[-1])))


# --- Machines --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rotor:
    """What fans and pumps share: a shaft with blades or vanes in a housing.

    Attributes
    ----------
    rate
        Revolutions per second.
    orders, phases
        Amplitude and phase of the tones at multiples of the rotation rate, float64 [_ORDERS].
    passing
        Whether an order is a multiple of the number of blades, bool [_ORDERS].
    flow
        Amplitude of the flow noise over frequency, float64 [bins].
    body
        Response of the housing, complex128 [bins].
    """

    rate: float
    orders: Array
    phases: Array
    passing: NDArray[np.bool_]
    flow: Array
    body: Spectrum


def _rotor_orders(rng: Generator, blades: int, share: float) -> tuple[Array, NDArray[np.bool_]]:
    """Amplitudes of the orders of a rotor, of rms 1 together, and which of them are blade-pass orders.

    `share` is the part of the power that the blade-pass orders have.
    """
    number = np.arange(1, _ORDERS + 1)
    passing = number % blades == 0
    amplitudes = rng.lognormal(0.0, 0.4, _ORDERS) * np.where(passing, (number / blades) ** -0.9, number**-0.8)
    for chosen, power in ((passing, share), (~passing, 1.0 - share)):
        amplitudes[chosen] *= np.sqrt(2.0 * power / np.sum(amplitudes[chosen] ** 2))
    return amplitudes, passing


def _fan(rng: Generator, grid: _Grid) -> _Rotor:
    """One specimen of a fan."""
    blades = int(rng.integers(5, 10))
    orders, passing = _rotor_orders(rng, blades, 0.85)
    return _Rotor(
        rate=rng.uniform(20.0, 32.0),
        orders=orders,
        phases=rng.uniform(0.0, 2.0 * np.pi, _ORDERS),
        passing=passing,
        flow=_band(grid.frequencies, rng.uniform(120.0, 250.0), rng.uniform(700.0, 1400.0), 1),
        body=_body(rng, grid.frequencies, 180.0, 5000.0, 6, 2.5),
    )


def _fan_sound(fan: _Rotor, rng: Generator, grid: _Grid, fault: str | None, severity: float) -> Array:
    """Sound of a fan, float64 [length], about rms 1 before the housing.

    Unbalance sways the rotor once per turn: it modulates all sound and raises the first shaft orders.  Clogging
    starves the blades, whose tones sink, and makes the flow separate, which adds noise of low frequency and takes
    some of the high.  Another supply voltage changes the rotation rate, and with it the level: the power of tones
    grows with about the fourth, that of flow noise with about the fifth power of the rate.
    """
    load = rng.normal()
    speed = 1.0 + 0.004 * load + 0.003 * rng.normal()
    orders = fan.orders * np.where(fan.passing, _gain(0.8 * rng.normal()), _gain(0.8 * rng.normal()))
    flow_level = _gain(0.6 * load + 0.4 * rng.normal())
    flow = fan.flow
    sway = 0.06 * rng.uniform(0.5, 1.5)
    if fault == "voltage_change":
        speed *= 1.0 + rng.choice([-1.0, 1.0]) * 0.17 * severity
    elif fault == "unbalance":
        sway += 0.75 * severity
        orders[:4] += severity * np.array([1.2, 0.7, 0.45, 0.3])
    elif fault == "clogging":
        orders = orders * np.where(fan.passing, _gain(-11.0 * severity), 1.0)
        separated = _band(grid.frequencies, 60.0, 350.0, 1)
        flow = flow * _band(grid.frequencies, 1.0, 5000.0 - 3800.0 * severity, 1) + 0.9 * severity * separated
        flow_level *= _gain(2.0 * severity)
    turns = _turns(rng, grid, fan.rate * speed, 0.002)
    tones = _turned(_revolution(orders, fan.phases), turns) * speed**2.0
    flowing = _coloured(rng, flow, grid.length) * (flow_level * speed**2.5)
    wave = _turned(_revolution(np.eye(1, _ORDERS)[0], fan.phases), turns)
    return np.asarray((0.6 * tones + 0.8 * flowing) * (1.0 + sway * wave))


def _pump(rng: Generator, grid: _Grid) -> _Rotor:
    """One specimen of a water pump."""
    vanes = int(rng.integers(5, 8))
    orders, passing = _rotor_orders(rng, vanes, 0.6)
    return _Rotor(
        rate=rng.uniform(44.0, 52.0),
        orders=orders,
        phases=rng.uniform(0.0, 2.0 * np.pi, _ORDERS),
        passing=passing,
        flow=_band(grid.frequencies, rng.uniform(250.0, 450.0), rng.uniform(1200.0, 2200.0), 1),
        body=_body(rng, grid.frequencies, 250.0, 6000.0, 7, 2.5),
    )


def _pump_sound(pump: _Rotor, rng: Generator, grid: _Grid, fault: str | None, severity: float) -> Array:
    """Sound of a pump, float64 [length], about rms 1 before the housing.

    A leak hisses: noise of high frequency in bursts.  Contamination grinds and rattles: particles strike the
    housing at random and make the rotation rough.  Clogging lets the flow break off behind the vanes: it cavitates,
    which crackles in time with the vanes, while the tones of the vanes and the noise of the flow sink.
    """
    load = rng.normal()
    speed = 1.0 + 0.003 * load + 0.002 * rng.normal()
    orders = pump.orders * np.where(pump.passing, _gain(0.5 * rng.normal()), _gain(0.5 * rng.normal()))
    flow_level = _gain(0.35 * load + 0.3 * rng.normal())
    if fault == "clogging":
        orders = orders * np.where(pump.passing, _gain(-6.0 * severity), 1.0)
        flow_level *= _gain(-3.0 * severity)
    turns = _turns(rng, grid, pump.rate * speed, 0.001)
    sound = 0.65 * _turned(_revolution(orders, pump.phases), turns)
    sound += (0.75 * flow_level) * _coloured(rng, pump.flow, grid.length)
    if fault == "leakage":
        hiss = _coloured(rng, _band(grid.frequencies, 3500.0, 9000.0), grid.length)
        bursts = np.clip(0.6 + _wander(rng, grid, 0.5, 0.08), 0.2, 2.0)
        sound += 2.4 * severity * bursts * hiss
    elif fault == "contamination":
        sound *= 1.0 + _wander(rng, grid, 0.35 * severity, 0.012)
        times = _poisson_times(rng, grid, 60.0)
        _strike(sound, times, 8.0 * severity * rng.lognormal(0.0, 0.5, len(times)), 0.0002)
    elif fault == "clogging":
        vanes = int(np.argmax(pump.passing)) + 1
        gate = np.maximum(0.0, np.cos(2.0 * np.pi * vanes * turns)) ** 2
        sound += 1.8 * severity * gate * _coloured(rng, _band(grid.frequencies, 1500.0, 5000.0), grid.length)
        times = _poisson_times(rng, grid, 150.0)
        _strike(sound, times, 3.0 * severity * rng.lognormal(0.0, 0.6, len(times)), 0.0001)
    return sound


@dataclass(frozen=True)
class _Slider:
    """A carriage that runs back and forth on a rail, drawn by a motor with a belt.

    Attributes
    ----------
    strokes
        Strokes per second, one way each.
    motor
        Revolutions of the motor per second while the carriage runs.
    speed, way
        Speed, 1 when running, and way gone, 0 to 1, over the time of a stroke; float64 [_TABLE + 1].
    orders, phases
        Amplitude and phase of the motor's tones, float64 [_ORDERS].
    damage
        Where on the rail a damage is, 0 to 1.
    squeal
        Frequency in Hz at which it squeals without grease.
    rolling
        Amplitude of the rolling noise over frequency, float64 [bins].
    body
        Response of the rail, complex128 [bins].
    """

    strokes: float
    motor: float
    speed: Array
    way: Array
    orders: Array
    phases: Array
    damage: float
    squeal: float
    rolling: Array
    body: Spectrum


def _slider(rng: Generator, grid: _Grid) -> _Slider:
    """One specimen of a slide rail."""
    strokes = rng.uniform(2.0, 2.8)
    ramp = rng.uniform(0.15, 0.25)
    moment = np.linspace(0.0, 1.0, _TABLE + 1)
    speed = np.clip(np.minimum(moment, 0.94 - moment) / ramp, 0.0, 1.0)
    way = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0)])
    number = np.arange(1, _ORDERS + 1)
    orders = np.where(number <= 14, rng.lognormal(0.0, 0.5, _ORDERS) / number, 0.0)
    return _Slider(
        strokes=strokes,
        motor=rng.uniform(250.0, 380.0),
        speed=speed,
        way=way / way[-1],
        orders=orders * np.sqrt(2.0 / np.sum(orders**2)),
        phases=rng.uniform(0.0, 2.0 * np.pi, _ORDERS),
        damage=rng.uniform(0.25, 0.75),
        squeal=rng.uniform(1800.0, 3200.0),
        rolling=_band(grid.frequencies, rng.uniform(400.0, 700.0), rng.uniform(1800.0, 3000.0), 1),
        body=_body(rng, grid.frequencies, 300.0, 6500.0, 7, 2.5),
    )


def _slider_sound(slider: _Slider, rng: Generator, grid: _Grid, fault: str | None, severity: float) -> Array:
    """Sound of a slide rail, float64 [length], about rms 1 before the rail's response.

    A damaged rail is struck by each of the carriage's two pairs of balls whenever they pass the place, on the way
    there and back.  A loose belt lets the carriage swing to and fro on its way and slaps after each turn.  Without
    grease the friction is louder and sticks and slips: it squeals while the carriage runs.
    """
    load = rng.normal()
    strokes = slider.strokes * (1.0 + 0.004 * load + 0.003 * rng.normal())
    done = rng.uniform(0.0, 2.0) + grid.times * strokes
    speed = slider.speed[((done % 1.0) * _TABLE).astype(np.int64)]
    orders = slider.orders * _gain(0.6 * rng.normal())
    rolling_level = _gain(0.4 * load + 0.3 * rng.normal())
    if fault == "loose_belt":
        swing = rng.uniform(9.0, 14.0)
        speed = speed * (1.0 + 0.35 * severity * np.sin(2.0 * np.pi * (swing * grid.times + rng.uniform())))
    turns = rng.uniform() + np.cumsum(speed) * (slider.motor / SAMPLE_RATE)
    tones = _turned(_revolution(orders, slider.phases), turns) * speed
    rolling = slider.rolling
    if fault == "no_grease":
        rolling = rolling + 4.5 * severity * _band(grid.frequencies, 2000.0, 6000.0)
        rolling_level *= _gain(3.0 * severity)
    sound = 0.75 * tones + (0.85 * rolling_level) * (speed + _IDLE) * _coloured(rng, rolling, grid.length)
    turnings = (np.arange(np.ceil(done[0]), done[-1]) - done[0]) / strokes
    _strike(sound, turnings, 9.0 * rng.lognormal(0.0, 0.15, len(turnings)), 0.004)
    if fault == "rail_damage":
        hits = _passing_times(slider, done, strokes, 0.04)
        _strike(sound, hits, 20.0 * severity * rng.lognormal(0.0, 0.2, len(hits)), 0.0002)
    elif fault == "loose_belt":
        slaps = (turnings[:, None] + np.cumsum(rng.uniform(0.02, 0.05, (len(turnings), 5)), axis=1)).ravel()
        heights = np.tile(0.75 ** np.arange(5), len(turnings)) * rng.lognormal(0.0, 0.3, len(slaps))
        _strike(sound, slaps, 16.0 * severity * heights, 0.0006)
    elif fault == "no_grease":
        pitch = slider.squeal * (1.0 + 0.02 * rng.normal() + _wander(rng, grid, 0.006, 0.1))
        squeal = np.cumsum(pitch) / SAMPLE_RATE
        slip = np.clip(0.5 + _wander(rng, grid, 0.7, 0.05), 0.0, 1.5) * speed
        sound += 3.2 * severity * slip * (np.sin(2.0 * np.pi * squeal) + 0.3 * np.sin(4.0 * np.pi * squeal))
    return np.asarray(sound)


def _passing_times(slider: _Slider, done: Array, strokes: float, wheelbase: float) -> Array:
    """Seconds at which the carriage's two pairs of balls, `wheelbase` of the rail apart, pass the damage."""
    numbers = np.arange(np.floor(done[0]), np.ceil(done[-1]))
    there = numbers % 2 == 0
    moments = []
    for pair in (-wheelbase / 2.0, wheelbase / 2.0):
        place = slider.damage + pair
        way = np.where(there, place, 1.0 - place)
        moments.append(numbers + np.interp(way, slider.way, np.linspace(0.0, 1.0, _TABLE + 1)))
    return np.asarray((np.concatenate(moments) - done[0]) / strokes)


# --- Specimens and microphones ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Station:
    """One ID's machine, ready to run, and the microphones before it.

    Attributes
    ----------
    run
        Sound of the machine at its source: (random numbers, fault, severity) -> float64 [length].
    response
        From the source to each microphone, housing included, complex128 [microphones, bins].
    faults_from
        Place in the machine's faults of the ID's abnormal clip number 0.
    severity_from
        Of the same clip, 0 to 1 from the mildest to the worst.
    """

    run: Callable[[Generator, str | None, float], Array]
    response: Spectrum
    faults_from: int
    severity_from: float


def _runner(
    machine: str, rng: Generator, grid: _Grid
) -> tuple[Callable[[Generator, str | None, float], Array], Spectrum]:
    """Draw a specimen; return how it sounds at its source, and the response of its body."""
    if machine == "fan":
        fan = _fan(rng, grid)
        return lambda clip, fault, severity: _fan_sound(fan, clip, grid, fault, severity), fan.body
    if machine == "pump":
        pump = _pump(rng, grid)
        return lambda clip, fault, severity: _pump_sound(pump, clip, grid, fault, severity), pump.body
    slider = _slider(rng, grid)
    return lambda clip, fault, severity: _slider_sound(slider, clip, grid, fault, severity), slider.body


def _delays(rng: Generator, frequencies: Array, microphones: int) -> Spectrum:
    """Response of each microphone to a source in a random direction: its gain (1 dB) and its delay."""
    delays = rng.uniform(0.0, _SPACING / _SOUND_SPEED, (microphones, 1))
    gains = 10.0 ** (rng.normal(0.0, 1.0, (microphones, 1)) / 20.0)
    return np.asarray(gains * np.exp(-2j * np.pi * delays * frequencies))


def _received(spectrum: Spectrum, response: Spectrum, grid: _Grid) -> Array:
    """The clip without its lead-in, float64 [microphones, samples], of a source's `spectrum`."""
    return np.ascontiguousarray(scipy.fft.irfft(spectrum * response, n=grid.length)[:, -grid.samples :])


@lru_cache(maxsize=8)
def _station(machine: str, machine_id: str, samples: int, microphones: int, seed: int) -> _Station:
    grid = _grid(samples)
    rng = _generator("specimen", machine, machine_id, seed)
    run, body = _runner(machine, rng, grid)
    response = body * _delays(rng, grid.frequencies, microphones)
    trial = _received(scipy.fft.rfft(run(rng, None, 0.0)), response, grid)
    response *= MACHINE_RMS / np.sqrt(_power(trial))
    return _Station(run, response, int(rng.integers(len(FAULTS[machine]))), rng.uniform())


def _fault_of(machine: str, station: _Station, number: int) -> tuple[str, float]:
    """Fault and severity of an abnormal clip.

    The faults take turns.  The severity steps by the golden ratio, which spreads any run of clips evenly over
    `SEVERITIES`, so that even a small test set holds mild and grave ones.
    """
    faults = FAULTS[machine]
    low, high = SEVERITIES
    share = (station.severity_from + number * _GOLDEN) % 1.0
    return faults[(station.faults_from + number) % len(faults)], low + (high - low) * share


def _machine_part(
    machine: str, machine_id: str, kind: Kind, number: int, samples: int, microphones: int, seed: int
) -> Array:
    """The machine's sound in a clip, float64 [microphones, samples]."""
    grid = _grid(samples)
    station = _station(machine, machine_id, samples, microphones, seed)
    rng = _generator("clip", machine, machine_id, kind, number, seed)
    fault, severity = (None, 0.0) if kind == "normal" else _fault_of(machine, station, number)
    source = station.run(rng, fault, severity)
    source *= _gain(0.6 * rng.normal())
    return _received(scipy.fft.rfft(source), station.response, grid)


# --- The factory around ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hall:
    """The hall in which the machine stands.

    Attributes
    ----------
    rumble
        Amplitude of its usual background over frequency, float64 [bins].
    reverberation
        Response from anywhere in the hall, complex128 [bins].
    together
        Amplitude of the part of the diffuse background that all microphones have in common, float64 [bins]; the
        rest of its power differs between them.
    """

    rumble: Array
    reverberation: Spectrum
    together: Array


@lru_cache(maxsize=4)
def _hall(samples: int, seed: int) -> _Hall:
    grid = _grid(samples)
    rng = _generator("hall", seed)
    frequencies = grid.frequencies
    length = round(0.35 * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= 0.5 / np.sqrt(np.vdot(tail, tail))
    tail[0] += 1.0
    together = np.sqrt(np.abs(np.sinc(2.0 * frequencies * _SPACING / _SOUND_SPEED)))
    return _Hall(
        rumble=_band(frequencies, 60.0, rng.uniform(250.0, 450.0), 1)
        * _band(frequencies, 1.0, 2500.0, 1)
        * _random_tilt(rng, grid, 2.0),
        reverberation=scipy.fft.rfft(tail, n=grid.length),
        together=together,
    )


def _random_tilt(rng: Generator, grid: _Grid, deviation: float) -> Array:
    """A smooth random amplitude over frequency, of `deviation` dB, independent about every octave."""
    return np.asarray(np.exp(grid.bumps @ rng.normal(0.0, deviation * np.log(10.0) / 20.0, _BUMPS)))


def _hum_lines(rng: Generator, amplitude: Array, seconds: float) -> None:
    """Add other machines to the `amplitude` of a background, in place: lines at multiples of their rates.

    Far machines are heard by way of many echoes and never run quite evenly, so that a line is a narrow band of
    noise, up to 1 Hz to either side.
    """
    level = float(amplitude.max())
    wide = max(1, round(seconds))  # bins to either side within 1 Hz
    for _ in range(int(rng.integers(1, 4))):
        rate = rng.uniform(24.0, 180.0)
        lines = rate * np.arange(1, int(min(30.0, 4000.0 / rate)) + 1)
        bins = np.round(lines * seconds).astype(np.int64)[:, None] + np.arange(-wide, wide + 1)
        heights = level * rng.uniform(1.0, 4.0) * rng.lognormal(0.0, 0.7, len(lines))
        heights *= np.arange(1, len(lines) + 1) ** -0.7
        np.add.at(amplitude, bins, heights[:, None] * np.hanning(2 * wide + 3)[1:-1])


def _add_clank(signal: Array, rng: Generator, start: int) -> None:
    """Metal on metal: a few high resonances struck at once, dying away."""
    times = np.arange(round(rng.uniform(0.08, 0.3) * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(times))
    for _ in range(4):
        decay = np.exp(-times * 5.0 / times[-1] * rng.uniform(1.0, 2.0))
        sound += rng.uniform(0.3, 1.0) * decay * np.sin(2.0 * np.pi * rng.uniform(400.0, 5000.0) * times)
    _place(signal, rng.uniform(0.5, 2.0) * sound, start)


def _add_hiss(signal: Array, rng: Generator, start: int) -> None:
    """Compressed air let off: a burst of noise without its low frequencies."""
    length = round(rng.uniform(0.1, 0.5) * SAMPLE_RATE)
    burst = np.diff(rng.standard_normal(length + 1)) * np.hanning(length)
    _place(signal, rng.uniform(0.15, 0.6) * burst, start)


def _add_voice(signal: Array, rng: Generator, start: int) -> None:
    """Somebody calls: a gliding pitch below a few formants, in syllables."""
    length = round(rng.uniform(0.3, 0.8) * SAMPLE_RATE)
    times = np.arange(length) / SAMPLE_RATE
    pitch = rng.uniform(100.0, 230.0)
    turns = pitch * times * (1.0 + rng.uniform(-0.15, 0.15) * times)
    harmonics = pitch * np.arange(1, _ORDERS + 1)
    formants = sum(
        weight * np.exp(-(((harmonics - rng.uniform(low, high)) / 150.0) ** 2))
        for low, high, weight in ((300.0, 800.0, 1.0), (900.0, 2000.0, 0.5), (2300.0, 3000.0, 0.25))
    )
    syllables = np.sin(np.pi * times * rng.uniform(3.0, 5.0)) ** 2 * np.hanning(length)
    voice = _turned(_revolution(np.asarray(formants), rng.uniform(0.0, 2.0 * np.pi, _ORDERS)), turns)
    _place(signal, rng.uniform(0.5, 1.5) * syllables * voice, start)


def _place(signal: Array, sound: Array, start: int) -> None:
    """Add `sound` to `signal` in place, from `start` on; what goes beyond the end is lost."""
    end = min(len(signal), start + len(sound))
    signal[start:end] += sound[: end - start]


_EVENTS: tuple[tuple[Callable[[Array, Generator, int], None], float], ...] = (
    (_add_clank, 0.4),
    (_add_hiss, 0.2),
    (_add_voice, 0.2),
)
"""What happens in the hall now and then, and how often per second."""


def _events(rng: Generator, grid: _Grid) -> Array:
    """What happens near the microphones during a clip, float64 [length]; the steady background has rms 1."""
    signal = np.zeros(grid.length)
    for add, rate in _EVENTS:
        for start in rng.integers(0, grid.length, rng.poisson(rate * grid.times[-1])):
            add(signal, rng, int(start))
    return signal


def _background(rng: Generator, grid: _Grid, hall: _Hall, microphones: int) -> Array:
    """Noise of a factory, float64 [microphones, samples], on no particular scale.

    A diffuse field of rumble and hum, alike in all microphones where the wave is long against their distance and
    different where it is short; events from one direction each clip, with their echoes; and the microphones' own
    faint white noise.
    """
    amplitude = hall.rumble * _random_tilt(rng, grid, _TILT)
    _hum_lines(rng, amplitude, grid.length / SAMPLE_RATE)
    amplitude *= grid.length / (2.0 * np.sqrt(np.vdot(amplitude, amplitude)))
    spectra = _gaussian(rng, (2, len(amplitude)))
    spectra[0] *= amplitude * hall.together
    spectra[1] *= np.sqrt(amplitude**2 * (1.0 - hall.together**2) + _SENSOR_NOISE**2 * grid.length / 2.0)
    together, apart = scipy.fft.irfft(spectra, n=grid.length)
    echoing = scipy.fft.irfft(scipy.fft.rfft(_events(rng, grid)) * hall.reverberation, n=grid.length)
    delays = np.round(rng.uniform(0.0, _SPACING / _SOUND_SPEED, microphones) * SAMPLE_RATE).astype(np.int64)
    gains = 10.0 ** (rng.normal(0.0, 0.7, microphones) / 20.0)
    # Stretches of one noise that begin far apart are as unlike as separate noises, and cheaper to make.
    far = np.arange(microphones) * (grid.length // microphones)
    first = grid.length - grid.samples
    background = np.empty((microphones, grid.samples))
    for row, delay, gain, shift in zip(background, delays, gains, far, strict=True):
        row[:] = echoing[first - delay : grid.length - delay]
        row += together[first:]
        shifted = np.roll(apart, shift)
        row += shifted[first:]
        row *= gain
    return background


def _mixed(machine_part: Array, background: Array, snr_db: float) -> Components:
    """Both parts of a clip, the noise scaled to the SNR, over all microphones and samples.

    Only where the mix would exceed full scale, at an SNR far below any usual one, both parts are made quieter.
    """
    ratio = 10.0 ** (snr_db / 10.0)
    noise = background * np.sqrt(_power(machine_part) / (_power(background) * ratio))
    mix = machine_part + noise
    peak = max(float(mix.max()), -float(mix.min()))
    if peak > _FULL_SCALE:
        return Components(machine_part * (_FULL_SCALE / peak), noise * (_FULL_SCALE / peak))
    return Components(machine_part, noise)


# --- What the workflow calls -----------------------------------------------------------------------------------------


def _samples(machine: str, seconds: float, microphones: int) -> int:
    """Samples of a clip of `seconds`, once it is sure that such a clip can be made."""
    if machine not in FAULTS:
        raise UserError(f"machine {machine}: can't be simulated, only {', '.join(FAULTS)} can.")
    if round(seconds * SAMPLE_RATE) < FRAME_LENGTH:
        raise ValueError(f"seconds is {seconds}, a clip needs {FRAME_LENGTH / SAMPLE_RATE}")
    if microphones < 1:
        raise ValueError(f"microphones is {microphones}, a clip needs 1")
    return round(seconds * SAMPLE_RATE)


def _kind(text: str) -> Kind:
    """`text`, once it is sure that it is a kind of clip."""
    if text == "normal":
        return "normal"
    if text == "abnormal":
        return "abnormal"
    raise ValueError(f"kind is {text!r}, it must be normal or abnormal")


def _noise_part(
    machine: str, machine_id: str, kind: str, number: int, snr_db: float, samples: int, microphones: int, seed: int
) -> Array:
    """The background of a clip, float64 [microphones, samples], on no particular scale."""
    rng = _generator("noise", machine, machine_id, kind, number, float(snr_db), seed)
    return _background(rng, _grid(samples), _hall(samples, seed), microphones)


def simulate_clip(
    machine: str,
    machine_id: str,
    kind: Kind,
    number: int,
    snr_db: float,
    *,
    seconds: float,
    microphones: int,
    seed: int,
) -> Components:
    """Simulate one clip; the same arguments always give the same clip.

    Parameters
    ----------
    machine
        One of `FAULTS`.
    machine_id
        Name of the specimen, any text.
    kind
        Whether the clip is of the sound machine or has one of its faults, which take turns by `number`.
    number
        Of the clip among those of its kind.
    snr_db
        10 log10 of the mean power of the machine over that of the noise, over all microphones and samples.  It
        changes the noise, and does not change the sound of the machine unless the mix would exceed full scale.
    seconds
        Length of the clip, at least one frame.
    microphones
        Number of channels, at least 1.
    seed
        Another seed gives other specimens, another hall and other clips.

    Raises
    ------
    UserError
        If `machine` can't be simulated.
    ValueError
        If `kind`, `seconds` or `microphones` is not as said above.
    """
    samples = _samples(machine, seconds, microphones)
    machine_part = _machine_part(machine, machine_id, _kind(kind), number, samples, microphones, seed)
    background = _noise_part(machine, machine_id, kind, number, snr_db, samples, microphones, seed)
    return _mixed(machine_part, background, snr_db)


def snr_db_of(text: str) -> float:
    """The SNR in dB that a folder of MIMII names: ``"-6_dB"`` is -6.0.

    Raises
    ------
    UserError
        If `text` is not of that form.
    """
    if not _SNR_FORM.fullmatch(text):
        raise UserError(
            f"SNR {text!r}: can't be simulated, a number of decibels of up to three digits before the point and _dB "
            'are expected, such as "6_dB", "0_dB" or "-6_dB".'
        )
    return float(text.removesuffix("_dB"))


def write_recordings(
    paths: Mapping[tuple[float, str, int], Path],
    machine: str,
    machine_id: str,
    *,
    seconds: float,
    microphones: int,
    seed: int,
    claim: Callable[[Path, bytes], None] | None = None,
) -> None:
    """Write clips of one machine as WAV files of 16 bits at 16 kHz, each whole or not at all.

    They are the clips of `simulate_clip`; those that differ in the SNR alone share the machine's sound, which is made
    only once.

    Parameters
    ----------
    paths
        (SNR in dB, kind, number) -> file.
    machine, machine_id, seconds, microphones, seed
        As for `simulate_clip`.
    claim
        Called with path and content of each file before it is written.

    Raises
    ------
    UserError
        If `machine` can't be simulated.
    ValueError
        If a kind, `seconds` or `microphones` is not as `simulate_clip` wants it.
    """
    samples = _samples(machine, seconds, microphones)
    by_clip: dict[tuple[Kind, int], dict[float, Path]] = {}
    for (snr_db, kind, number), path in paths.items():
        by_clip.setdefault((_kind(kind), number), {})[snr_db] = path
    for (kind, number), by_snr in by_clip.items():
        machine_part = _machine_part(machine, machine_id, kind, number, samples, microphones, seed)
        for snr_db, path in by_snr.items():
            background = _noise_part(machine, machine_id, kind, number, snr_db, samples, microphones, seed)
            mix = _mixed(machine_part, background, snr_db).mix
            content = io.BytesIO()
            samples_of_16_bits = np.rint(mix.T * 32768.0).astype(np.int16)
            soundfile.write(content, samples_of_16_bits, SAMPLE_RATE, "PCM_16", format="WAV")
            if claim is not None:
                claim(path, content.getvalue())
            with whole_file(path) as temporary:
                temporary.write_bytes(content.getvalue())
