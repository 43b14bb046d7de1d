"""Layouts of data sets that people have, as trees of short recordings: the names are real, the sounds are noise."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

RATE = 16000


def write_tone(path: Path, seconds: float = 0.1) -> None:
    """A 16-bit recording that no other path has; without a library, since there are thousands."""
    random = np.random.default_rng(zlib.crc32(str(path).encode()))
    samples = (3000 * random.standard_normal(int(RATE * seconds))).astype("<i2").tobytes()
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(samples),
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        RATE,
        2 * RATE,
        2,
        16,
        b"data",
        len(samples),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + samples)


def dcase2020() -> Iterator[str]:
    """Training and test folders, labels and IDs in the file names."""
    ids = dict.fromkeys(("fan", "pump", "slider", "valve"), ("id_00", "id_02", "id_04", "id_06"))
    ids |= {"ToyCar": ("id_01", "id_02", "id_03", "id_04"), "ToyConveyor": ("id_01", "id_02", "id_03")}
    for machine, names in ids.items():
        for name, number in product(names, range(8)):
            yield f"{machine}/train/normal_{name}_{number:08d}.wav"
        for name, kind, number in product(names, ("normal", "anomaly"), range(2)):
            yield f"{machine}/test/{kind}_{name}_{number:08d}.wav"


def _sections(machines: tuple[str, ...], sections: int, *, one_test_folder: bool) -> Iterator[str]:
    parameters = ("m-n_W", "vel_6_loc_A", "strength_1_ambient")
    for machine, section in product(machines, range(sections)):
        for domain, count in (("source", 8), ("target", 3)):
            for number in range(count):
                name = f"section_{section:02d}_{domain}_train_normal_{number:04d}_{parameters[number % 3]}.wav"
                yield f"{machine}/train/{name}"
            for kind, number in product(("normal", "anomaly"), range(2)):
                name = f"section_{section:02d}_{domain}_test_{kind}_{number:04d}"
                folder = "test" if one_test_folder else f"{domain}_test"
                yield f"{machine}/{folder}/{name}{f'_{parameters[number]}' if one_test_folder else ''}.wav"
        yield f"{machine}/attributes_{section:02d}.csv"


def dcase2021() -> Iterator[str]:
    """Sections, source and target domain, a test folder for each."""
    machines = ("fan", "gearbox", "pump", "slider", "ToyCar", "ToyTrain", "valve")
    return _sections(machines, 3, one_test_folder=False)


def mimii_due() -> Iterator[str]:
    """As DCASE 2021."""
    return _sections(("fan", "gearbox", "pump", "slider", "valve"), 3, one_test_folder=False)


def dcase2022() -> Iterator[str]:
    """Sections, both domains in one test folder, attributes in all names."""
    machines = ("bearing", "fan", "gearbox", "slider", "ToyCar", "ToyTrain", "valve")
    return _sections(machines, 3, one_test_folder=True)


def mimii_dg() -> Iterator[str]:
    """As DCASE 2022."""
    return _sections(("bearing", "fan", "gearbox", "slider", "valve"), 3, one_test_folder=True)


def dcase2023() -> Iterator[str]:
    """One section for each machine; so are 2024 and 2025, which have a folder of noise beside."""
    machines = ("bearing", "fan", "gearbox", "slider", "ToyCar", "ToyTrain", "valve")
    yield from _sections(machines, 1, one_test_folder=True)
    yield from (f"{machine}/supplemental/section_00_supplemental_noise_0000.wav" for machine in machines)


def toyadmos() -> Iterator[str]:
    """A file for each of four channels; the damage in the file name."""
    for machine, cases in (("ToyCar", 4), ("ToyConveyor", 3), ("ToyTrain", 4)):
        for case, channel in product(range(1, cases + 1), range(1, 5)):
            folder, name = f"{machine}/case{case}", f"{machine}_case{case}"
            for number in range(1, 9):
                yield f"{folder}/NormalSound_IND/1{case}00010001_{name}_normal_IND_ch{channel}_{number:04d}.wav"
            for damage, number in product(("ab01", "ab02"), range(1, 3)):
                yield f"{folder}/AnomalousSound_IND/1{case}01010001_{name}_{damage}_IND_ch{channel}_{number:04d}.wav"
            yield f"{folder}/NormalSound_CNT/1{case}00110001_{name}_normal_CNT_ch{channel}_0001.wav"


def idmt_isa_engine() -> Iterator[str]:
    """A folder for each state of the engine; the background noise in the file name."""
    states = ("engine1_good", "engine2_broken", "engine3_heavyload")
    for state, number in product(states, range(8)):
        yield f"train_cut/{state}/pure_{number}.wav"
    for state, noise, number in product(states, ("pure", "talking", "atmo_low", "whitenoise_low"), range(2)):
        yield f"test/{state}/{noise}_{number}.wav"
    yield from (f"train/{state}/pure.wav" for state in states)


def folders() -> Iterator[str]:
    """Machine, ID and kind are folders."""
    for name, (kind, count) in product(("left", "right"), (("normal", 20), ("abnormal", 4))):
        yield from (f"press/{name}/{kind}/{number}.wav" for number in range(count))


def faults() -> Iterator[str]:
    """A folder for each fault."""
    counts = {"ok": 20, "leak": 3, "belt": 3, "fault_valve": 2, "fault_bearing": 2}
    for kind, count in counts.items():
        yield from (f"press/left/{kind}/{number}.wav" for number in range(count))


def names() -> Iterator[str]:
    """One folder, labels in the file names."""
    yield from (f"2024-05-{number:02d}_OK.wav" for number in range(1, 21))
    yield from (f"2024-06-{number:02d}_NG.wav" for number in range(1, 5))


def parts() -> Iterator[str]:
    """Training and test folders."""
    yield from (f"train/normal/{number}.wav" for number in range(12))
    for kind in ("normal", "abnormal"):
        yield from (f"test/{kind}/{number}.wav" for number in range(4))


def channels() -> Iterator[str]:
    """A file for each of two channels."""
    for kind, count in (("normal", 20), ("abnormal", 4)):
        yield from (f"{kind}/{number}_ch{channel}.wav" for number in range(count) for channel in (1, 2))


def hours() -> Iterator[str]:
    """A few long recordings."""
    yield from (f"normal/day{number}.wav" for number in range(3))
    yield "abnormal/leak.wav"


def healthy() -> Iterator[str]:
    """No faults."""
    yield from (f"{number}.wav" for number in range(20))


def unknown() -> Iterator[str]:
    """Healthy recordings, and some that nobody has judged."""
    yield from (f"good/{number}.wav" for number in range(20))
    yield from (f"today/{number}.wav" for number in range(5))


def make_layout(layout: Callable[[], Iterator[str]], root: Path) -> Path:
    """The files of a layout under `root`; long ones where the layout is about those."""
    for name in layout():
        if name.endswith(".wav"):
            write_tone(root / name, 45 if layout is hours else 0.1)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("file_name,d1p,d1v\n", encoding="utf-8")
    return root
