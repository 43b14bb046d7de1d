"""Simulated recordings of machines, sound and faulty, in the noise of a factory.

They let the analysis run where no recordings are at hand.  Every machine follows the physics of its sound and the
faults that MIMII recorded (Purohit et al. 2019, *MIMII Dataset*): what turns makes tones at multiples of its rotation
rate, what flows makes coloured noise, what strikes makes the body ring.  An ID is one specimen with its own rates,
blades and resonances; its clips differ in load, rotation rate, starting angle and gain.

All random numbers are drawn from generators seeded with the names of what they are for, so that a clip does not
depend on which others are made, nor in what order.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.fft
import soundfile

from ..files.atomic import whole_file
from ..recordings.audio import FRAME_LENGTH, SAMPLE_RATE
from .machines import Machine, find_machine
from .room import background, hall_of, microphone_response, received
from .signals import Array, Spectrum, gain, generator, grid_of, power

Kind = Literal["normal", "abnormal"]

MACHINE_RMS = 0.02
"""Root mean square of an average normal clip, of full scale: leaves 27 dB for the peaks of the mix at -6 dB."""

SEVERITIES = (0.5, 1.0)
"""Range of the severity of a fault; 0 is none at all."""

_FULL_SCALE = 0.999
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class SimulatedClip:
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


@dataclass(frozen=True)
class _Station:
    """One ID's machine, ready to run, and the microphones before it.

    Attributes
    ----------
    machine
        The specimen.
    response
        From the source to each microphone, housing included, complex128 [microphones, bins].
    faults_from
        Place in the machine's faults of the ID's abnormal clip number 0.
    severity_from
        Of the same clip, 0 to 1 from the mildest to the worst.
    """

    machine: Machine
    response: Spectrum
    faults_from: int
    severity_from: float


@lru_cache(maxsize=8)
def _station(machine: str, machine_id: str, samples: int, microphones: int, seed: int) -> _Station:
    grid = grid_of(samples)
    rng = generator("specimen", machine, machine_id, seed)
    specimen = find_machine(machine)(rng, grid)
    response = specimen.body * microphone_response(rng, grid.frequencies, microphones)
    trial = received(scipy.fft.rfft(specimen.sound(rng, None, 0.0)), response, grid)
    response *= MACHINE_RMS / np.sqrt(power(trial))
    return _Station(specimen, response, int(rng.integers(len(specimen.faults))), rng.uniform())


def _fault_of(station: _Station, number: int) -> tuple[str, float]:
    """Fault and severity of an abnormal clip.

    The faults take turns.  The severity steps by the golden ratio, which spreads any run of clips evenly over
    `SEVERITIES`, so that even a small test set holds mild and grave ones.
    """
    faults = station.machine.faults
    low, high = SEVERITIES
    share = (station.severity_from + number * _GOLDEN) % 1.0
    return faults[(station.faults_from + number) % len(faults)], low + (high - low) * share


def _machine_part(
    machine: str, machine_id: str, kind: Kind, number: int, samples: int, microphones: int, seed: int
) -> Array:
    """The machine's sound in a clip, float64 [microphones, samples]."""
    station = _station(machine, machine_id, samples, microphones, seed)
    rng = generator("clip", machine, machine_id, kind, number, seed)
    fault, severity = (None, 0.0) if kind == "normal" else _fault_of(station, number)
    source = station.machine.sound(rng, fault, severity)
    source *= gain(0.6 * rng.normal())
    return received(scipy.fft.rfft(source), station.response, grid_of(samples))


def _noise_part(
    machine: str, machine_id: str, kind: Kind, number: int, snr_db: float, samples: int, microphones: int, seed: int
) -> Array:
    """The background of a clip, float64 [microphones, samples], on no particular scale."""
    rng = generator("noise", machine, machine_id, kind, number, float(snr_db), seed)
    return background(rng, grid_of(samples), hall_of(samples, seed), microphones)


def _mixed(machine_part: Array, noise_part: Array, snr_db: float) -> SimulatedClip:
    """Both parts of a clip, the noise scaled to the SNR, over all microphones and samples.

    Only where the mix would exceed full scale, at an SNR far below any usual one, both parts are made quieter.
    """
    ratio = 10.0 ** (snr_db / 10.0)
    noise = noise_part * np.sqrt(power(machine_part) / (power(noise_part) * ratio))
    mix = machine_part + noise
    peak = max(float(mix.max()), -float(mix.min()))
    if peak > _FULL_SCALE:
        return SimulatedClip(machine_part * (_FULL_SCALE / peak), noise * (_FULL_SCALE / peak))
    return SimulatedClip(machine_part, noise)


def _samples(machine: str, seconds: float, microphones: int) -> int:
    """Samples of a clip of `seconds`, once it is sure that such a clip can be made."""
    find_machine(machine)
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
) -> SimulatedClip:
    """Simulate one clip; the same arguments always give the same clip.

    Parameters
    ----------
    machine
        One of `asd.demo.machines.REGISTRY`.
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
    kind = _kind(kind)
    machine_part = _machine_part(machine, machine_id, kind, number, samples, microphones, seed)
    noise_part = _noise_part(machine, machine_id, kind, number, snr_db, samples, microphones, seed)
    return _mixed(machine_part, noise_part, snr_db)


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
            noise_part = _noise_part(machine, machine_id, kind, number, snr_db, samples, microphones, seed)
            mix = _mixed(machine_part, noise_part, snr_db).mix
            content = io.BytesIO()
            samples_of_16_bits = np.rint(mix.T * 32768.0).astype(np.int16)
            soundfile.write(content, samples_of_16_bits, SAMPLE_RATE, "PCM_16", format="WAV")
            if claim is not None:
                claim(path, content.getvalue())
            with whole_file(path) as temporary:
                temporary.write_bytes(content.getvalue())
