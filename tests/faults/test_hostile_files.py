"""Damaged and hostile files: whatever happens to an intermediate file, it reads as before or ends as a `UserError`.

Each kind of file is damaged in a process of its own, with little memory and a limit on the time of each input, so that
a crash, a hang or a file that claims to be huge shows.  ``FUZZ=4000 pytest -s tests/faults/test_hostile_files.py``
damages each kind 4000 times instead of a few dozen times, and prints what came of it.
"""

from __future__ import annotations

import csv
import faulthandler
import io
import json
import os
import pickle
import random
import resource
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asd.ddae.denoiser import Denoiser
from asd.ddae.loss import Curve, read_loss, write_loss
from asd.ddae.scaling import MinMaxScaling
from asd.detection.clips import ScoredClip
from asd.detection.scores import Scores, UnitScores, read_scores, write_scores
from asd.errors import UserError
from asd.features.caches import ClipRecord, import_cache, read_cache, read_clip_list, read_features, write_cache
from asd.features.rows import count_rows
from asd.files.integrity import MAX_ARCHIVE_BYTES, seal_of, sealed_mapping
from named_clips import scored_clips
from places import SCRIPTS, SUPPORT

pytestmark = pytest.mark.slow


FUZZ = int(os.environ.get("FUZZ", "0"))
EXAMPLES = FUZZ or 50
SECONDS_EACH = 20
SPARE_MEMORY = 256 * 2**20  # bytes beside what a process has when it begins

Files = dict[str, bytes]
"""Name -> content."""


class Crafted(NamedTuple):
    """Files made to do harm, and whether they may be read, as what they were before."""

    files: Files
    readable: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of intermediate file, or of two that belong together.

    Attributes
    ----------
    write
        Writes valid files into a folder; other numbers for another seed.
    read
        What is read from the folder, as something that can be compared.
    crafted
        From valid files: name -> what someone could make of them.
    """

    write: Callable[[Path, int], None]
    read: Callable[[Path], Any]
    crafted: Callable[[Files], Iterator[tuple[str, Crafted]]]

    def files(self, folder: Path, seed: int) -> Files:
        """Content of valid files."""
        folder.mkdir()
        self.write(folder, seed)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --------------------------------------------------------------------------------------------- ways to damage a file


def position(size: int, where: int) -> int:
    """A place in a file; small and negative numbers are near its ends."""
    return where % size if size else 0


def lines_of(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True) or [b""]


def moved_line(data: bytes, where: int, to: int) -> bytes:
    lines = lines_of(data)
    lines.insert(position(len(lines), to), lines.pop(position(len(lines), where)))
    return b"".join(lines)


def other_digit(data: bytes, where: int, new: int) -> bytes:
    digits = [number for number, byte in enumerate(data) if 48 <= byte < 58] or [0]
    at = digits[position(len(digits), where)]
    return data[:at] + bytes([48 + new % 10]) + data[at + 1 :]


class Damage(NamedTuple):
    """One change of a file: what is done, where, with what."""

    what: str
    where: int
    to: int
    size: int
    content: bytes

    def apply(self, data: bytes, other: bytes) -> bytes:
        """`data`, damaged; `other` is a valid file of the same kind."""
        at, to, size = position(len(data), self.where), position(len(data), self.to), self.size
        match self.what:
            case "flip":
                return data[:at] + bytes([data[at] ^ (1 << size % 8)]) + data[at + 1 :] if data else data
            case "set":
                return data[:at] + self.content + data[at + len(self.content) :]
            case "zeros":
                return data[:at] + bytes(len(data[at : at + 16 * size])) + data[at + 16 * size :]
            case "cut":
                return data[:at]
            case "start lost":
                return data[at:]
            case "insert":
                return data[:at] + self.content + data[at:]
            case "delete":
                return data[:at] + data[at + size :]
            case "duplicate":
                return data[:to] + data[at : at + 8 * size] + data[to:]
            case "append":
                return data + (self.content or data)
            case "splice":
                return data[:at] + other[position(len(other), self.to) :]
            case "same place":
                return data[:at] + other[at:]
            case "patch":
                return data[:at] + other[at : at + 8 * size] + data[at + 8 * size :]
            case "line moved":
                return moved_line(data, self.where, self.to)
            case "line lost":
                lines = lines_of(data)
                del lines[position(len(lines), self.where)]
                return b"".join(lines)
            case "cut at line":
                lines = lines_of(data)
                return b"".join(lines[: position(len(lines), self.where)])
            case "digit":
                return other_digit(data, self.where, self.to)
        raise AssertionError(self.what)


WHAT = (
    *("flip", "set", "zeros", "cut", "start lost", "insert", "delete", "duplicate", "append"),
    *("splice", "same place", "patch", "line moved", "line lost", "cut at line", "digit"),
)
PLACES = st.one_of(st.integers(0, 400), st.integers(-400, -1), st.integers(0, 2**31))
DAMAGES = st.builds(
    Damage, st.sampled_from(WHAT), PLACES, PLACES, st.integers(1, 64), st.binary(min_size=1, max_size=8)
)


# ------------------------------------------------------------------------------------------------- caches, clip lists


def features(seed: int, rows: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, 136)).astype(np.float32)


def write_small_cache(folder: Path, seed: int) -> None:
    clips = [
        ClipRecord(
            f'소리 {seed}, "a"/{number:08d}.wav',
            *("10", "16000", "8"),
            condition="leak, large",
            split="test",
            attributes='{"speed": "3"}',
            size="320044",
            modified_ns=str(number),
            extraction="v1",
        )
        for number in range(12)
    ]
    write_cache(folder / "c.npy", folder / "c.csv", features(seed), clips)


def read_small_cache(folder: Path) -> Any:
    cache = read_cache(folder / "c.npy", folder / "c.csv")
    assert count_rows(folder / "c.npy") == len(cache.features)
    assert read_clip_list(folder / "c.csv") == cache.clips
    return cache.features.dtype, cache.features.shape, cache.features.tobytes(), tuple(cache.clips)


def npy(header: str, data: bytes, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """A ``.npy`` file with any header."""
    text = header.encode("latin-1") + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + text + data


def about(shape: str, descr: str = "'<f4'", fortran: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


class Trap:
    """Pickled, it runs code of the file when it is unpickled: it makes a folder."""

    def __init__(self, code: str = "os.mkdir") -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        match self.code:
            case "os.mkdir":
                return os.mkdir, ("sprung",)
            case "os.system":
                return os.system, ("mkdir sprung",)
        return exec, ("import os; os.mkdir('sprung')",)


TRAPS = ("os.mkdir", "os.system", "exec")


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def crafted_arrays(values: np.ndarray) -> Iterator[tuple[str, bytes, bool]]:
    """Name, ``.npy`` file, and whether it still holds the same numbers; `values` is float32 [12, 136]."""
    data, twelve = values.tobytes(), "(12, 136)"
    yield "the same", npy(about(twelve), data), True
    yield "version 2", npy(about(twelve), data, (2, 0)), True
    yield "version 3", npy(about(twelve), data, (3, 0)), False
    yield "version 9", npy(about(twelve), data, (9, 9)), False
    yield "float64", saved(values.astype(np.float64)), True
    yield "Fortran order", saved(np.asfortranarray(values)), True
    yield "Fortran order claimed", npy(about(twelve, fortran="True"), data), False
    yield "other endianness", saved(values.astype(">f4")), False
    yield "other endianness claimed", npy(about(twelve, "'>f4'"), data), False
    for rows in (10**12, 2**63, 10**30, -1, -12):
        yield f"{rows} rows", npy(about(f"({rows}, 136)"), data), False
        yield f"{rows} rows, version 2", npy(about(f"({rows}, 136)"), data, (2, 0)), False
        yield f"{rows} rows of nothing", npy(about(f"({rows}, 136)", "'|S0'"), b""), False
    yield "two negative sides", npy(about("(-12, -136)"), data), False
    yield "many sides", npy(about(f"({'1, ' * 200}12, 136)"), data), False
    yield "no sides", npy(about("()"), data[:4]), False
    yield "truth as a side", npy(about("(True, 136)"), data[: 4 * 136]), False
    yield "shape is text", npy(about("'12, 136'"), data), False
    yield "half, new header", npy(about("(6, 136)"), data[: len(data) // 2]), False
    yield "double, new header", npy(about("(24, 136)"), 2 * data), False
    yield "no rows", npy(about("(0, 136)"), b""), False
    yield "one byte more", npy(about(twelve), data + b"\0"), False
    yield "two arrays", 2 * npy(about(twelve), data), False
    yield "one byte less", npy(about(twelve), data[:-1]), False
    yield "no data", npy(about(twelve), b""), False
    for descr in ("'|O'", "'|V544'", "'<U34'", "'<c8'", "'<i4'", "'<f2'", "'<M8[s]'", "'|S0'", "'|b1'"):
        yield f"type {descr}", npy(about(twelve, descr), data), False
    yield "structured", npy(about("(12,)", "[('a', '<f4', (136,))]"), data), False
    yield "structured, huge", npy(about("(12, 136)", "[('a', '<f4', (1000000000,))]"), data), False
    yield "structured with objects", npy(about("(12, 136)", "[('a', '|O')]"), data), False
    yield "deep header", npy("(" * 9000, data), False
    yield "deep shape", npy(about("(" * 4000 + ")" * 4000), data), False
    yield "many minuses", npy(about(f"({'-' * 9000}1, 136)"), data), False
    yield "header runs code", npy("{'descr': __import__('os').mkdir('sprung')}", data), False
    yield "long header", npy(about(twelve) + " " * 60_000, data), False
    yield "header of 4 GiB", npy(about(twelve), data, (2, 0), 2**32 - 1), False
    yield "keys missing", npy("{'descr': '<f4'}", data), False
    yield "header is a list", npy("['<f4', False, (12, 136)]", data), False
    for code in TRAPS:
        trap = np.empty((12, 136), object)
        trap[:] = Trap(code)
        yield f"objects, {code}", saved(trap), False
        yield f"pickle, {code}", pickle.dumps(Trap(code)), False


def crafted_caches(files: Files) -> Iterator[tuple[str, Crafted]]:
    for name, content, same in crafted_arrays(features(0)):
        yield name, Crafted({**files, "c.npy": content}, readable=same)
    header, *lines = files["c.csv"].decode().splitlines(keepends=True)
    plain = [line.rsplit(",", 2)[0] for line in lines]
    lists = {
        "list without checksums": "file\n" + "".join(f"{number}.wav\n" for number in range(12)),
        "list with empty checksums": header + "".join(f"{line},,\n" for line in plain),
        "list without line checksums": "".join(line.rsplit(",", 1)[0] + "\n" for line in (header, *lines)),
        "columns twice": header.rstrip() + "," + header + "".join(f"{line.rstrip()},{line}" for line in lines),
        "only a header": header,
        "long cell": header + "a" * 200_000 + "\n",
        "one quote": header + '"' + "".join(lines),
        "NUL": header + "\0" + "".join(lines),
    }
    for name, text in lists.items():
        yield name, Crafted({**files, "c.csv": text.encode()}, readable=name == "columns twice")


def read_given(folder: Path) -> Any:
    """Nothing vouches for the numbers of a cache from elsewhere, so only its shape is compared."""
    array = read_features(folder / "c.npy")
    assert np.isfinite(array).all()
    assert len(array) == count_rows(folder / "c.npy")
    return array.dtype, array.shape[1:]


def crafted_given(files: Files) -> Iterator[tuple[str, Crafted]]:
    fine = {"Fortran order claimed", "half, new header", "double, new header", "truth as a side"}
    for name, content, same in crafted_arrays(features(0)):
        yield name, Crafted({"c.npy": content}, readable=same or name in fine)


def import_small_cache(folder: Path) -> Any:
    """A list from elsewhere may lack its checksums, so the names in it are not compared."""
    import_cache(folder / "c.npy", folder / "c.csv", folder / "out" / "c.npy", folder / "out" / "c.csv")
    return read_small_cache(folder / "out")[:-1]


def crafted_imports(files: Files) -> Iterator[tuple[str, Crafted]]:
    lines = files["c.csv"].decode().splitlines(keepends=True)
    yield "another list", Crafted({**files, "c.csv": "".join([lines[0], *lines[:0:-1]]).encode()})
    for name, crafted in crafted_caches(files):
        if crafted.files["c.csv"] == files["c.csv"]:
            yield name, crafted


# ----------------------------------------------------------------------------------------------------------- weights


def write_weights(folder: Path, seed: int) -> None:
    """Networks as narrow as can be, so that all bytes of the file can be flipped."""
    generator = np.random.default_rng(seed)

    def layer(outputs: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
        return generator.normal(size=(outputs, inputs)).astype(np.float32), generator.normal(size=outputs).astype("f")

    networks = {"mfcc": [layer(1, 128), layer(128, 1)], "basic": [layer(1, 8), layer(8, 1)]}
    Denoiser(MinMaxScaling.fit([features(seed)]), networks).save(folder / "w.npz")


def read_weights(folder: Path) -> Any:
    denoiser = Denoiser.load(folder / "w.npz")
    layers = [array for name in sorted(denoiser.networks) for layer in denoiser.networks[name] for array in layer]
    arrays = [denoiser.scaling.minimum, denoiser.scaling.maximum, *layers]
    assert np.isfinite(denoiser.denoise(features(0))).all()
    return tuple((array.dtype, array.shape, array.tobytes()) for array in arrays)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def bomb(name: str, size: int) -> bytes:
    """An archive of a few MB with one member that expands to `size` zeros."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = deflate.compress(bytes(2**24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    content = once * (size // 2**24) + deflate.flush()
    return entry(name, content, size=size, method=zipfile.ZIP_DEFLATED)


def entry(name: str, content: bytes, size: int, method: int = zipfile.ZIP_STORED, stored: int | None = None) -> bytes:
    """An archive with one member that claims to have `size` bytes."""
    stored = len(content) if stored is None else stored
    encoded = name.encode()
    zip64 = struct.pack("<HHQQ", 1, 16, size, stored)
    fields = struct.pack("<HHHHIIIHH", 0, method, 0, 33, zlib.crc32(content), 2**32 - 1, 2**32 - 1, len(encoded), 20)
    local = b"PK\3\4" + struct.pack("<H", 45) + fields + encoded + zip64 + content
    central = b"PK\1\2" + struct.pack("<HH", 45, 45) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded + zip64
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def crafted_archives(content: bytes, member: str) -> Iterator[tuple[str, bytes, bool]]:
    """Name, archive, and whether it still holds the same; `member` is one of its members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    yield "zipped again", zipped(members), True
    yield "in another order", zipped(dict(reversed(members.items()))), True
    yield "compressed", zipped(members, zipfile.ZIP_DEFLATED), False
    yield "LZMA", zipped(members, zipfile.ZIP_LZMA), False
    yield "4 GiB of zeros", bomb(member, 2**32), False
    yield "4 GiB claimed", entry(member, members[member], size=2**32), False
    yield "4 GiB claimed, as stored", entry(member, members[member], size=2**32, stored=2**32), False
    yield "2^62 bytes claimed", entry(member, members[member], size=2**62, stored=2**62), False
    yield "too large", content[:-22] + bytes(MAX_ARCHIVE_BYTES) + content[-22:], False
    yield "directory of 4 GiB", content[:-10] + struct.pack("<I", 2**32 - 2) + content[-6:], False
    yield "two archives", content + content, False
    yield "something before", b"\0" * 100 + content, False
    yield "something after", content + b"\0", False
    yield "a comment", content[:-2] + struct.pack("<H", 4) + b"note", False
    yield "no members", zipped({}), False
    yield "one member lost", zipped({name: data for name, data in members.items() if name != member}), False
    yield "one member empty", zipped({**members, member: b""}), False
    yield "one member half", zipped({**members, member: members[member][: len(members[member]) // 2]}), False
    for code in TRAPS:
        yield f"pickle, {code}", pickle.dumps(Trap(code), protocol=2), False
        yield f"member is a pickle, {code}", zipped({**members, member: pickle.dumps(Trap(code), protocol=2)}), False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `zipfile`, about the name
        file = io.BytesIO(content)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(member, members[member])
        yield "a name twice", file.getvalue(), False


def crafted_weights(files: Files) -> Iterator[tuple[str, Crafted]]:
    content = files["w.npz"]
    for name, data, same in crafted_archives(content, "mfcc.0.weight.npy"):
        yield name, Crafted({"w.npz": data}, readable=same)
    with np.load(io.BytesIO(content)) as stored:
        arrays = dict(stored)

    def with_changed(**changes: Any) -> Crafted:
        file = io.BytesIO()
        np.savez(file, **{**arrays, **{key.replace("__", "."): value for key, value in changes.items()}})
        return Crafted({"w.npz": file.getvalue()})

    weight = arrays["mfcc.0.weight"]
    yield (
        "Fortran order",
        with_changed(mfcc__1__weight=np.asfortranarray(arrays["mfcc.1.weight"]))._replace(readable=True),
    )
    for dtype in ("f8", ">f4", "f2", "i4", "c8", "U4", "O"):
        yield f"type {dtype}", with_changed(mfcc__0__weight=weight.astype(dtype))
    yield "a row for a matrix", with_changed(mfcc__0__weight=weight[0])
    yield "transposed", with_changed(mfcc__0__weight=weight.T)
    yield "one limit for all", with_changed(minimum=np.float32([0]))
    yield "a number for the limits", with_changed(minimum=np.float32(0))
    yield "limits as a column", with_changed(minimum=arrays["minimum"][:, None])
    yield "limits swapped", with_changed(minimum=arrays["maximum"], maximum=arrays["minimum"])
    yield "one bias for all", with_changed(mfcc__1__bias=np.float32([0]))
    yield "no bias", with_changed(mfcc__1__bias=np.empty(0, np.float32))
    yield "another array", with_changed(other=weight)
    yield "half a layer more", with_changed(mfcc__2__weight=weight)
    yield "named like a layer", with_changed(mfcc__one=weight)
    for value in (np.nan, np.inf, -np.inf):
        for key in ("mfcc.0.weight", "basic.1.bias", "minimum", "maximum"):
            changed = arrays[key].copy()
            changed.flat[-1] = value
            yield f"{value} in {key}", with_changed(**{key: changed})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, data, _ in crafted_arrays(features(0)):
        yield f"limits: {name}", Crafted({"w.npz": zipped({**members, "minimum.npy": data})})


# ------------------------------------------------------------------------------------------------- scores, loss curves


def write_small_scores(folder: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    clips = scored_clips(("n0", "n1", "a, b.wav"), ("n7", f"팬{seed}"), ("a0", "a1"))
    fault = ScoredClip("a2", "0.1", "leak, large", '{"speed": "3"}')
    clips = replace(
        clips, abnormal=(*clips.abnormal, fault), unlabelled=(ScoredClip("u0", "10"), ScoredClip("u0", "20"))
    )
    train, test, unlabelled = (generator.normal(size=(2, count)) for count in (3, 5, 2))
    scores = {
        "LOF": Scores(train[0], test[0], 1.9 + seed, (13, 2), unlabelled[0]),
        "KNN-raw": Scores(train[1], test[1], 2.0, None, unlabelled[1]),
    }
    write_scores(UnitScores(clips, scores, "paper"), folder / "s.csv", folder / "s.json")


def read_small_scores(folder: Path) -> Any:
    files = read_scores(folder / "s.csv", folder / "s.json")
    scores = [
        (name, *(part.tobytes() for part in (of.train, of.test, of.unlabelled)), of.threshold, of.components)
        for name, of in files.scores.items()
    ]
    return files.clips, scores, files.protocol


def crafted_scores(files: Files) -> Iterator[tuple[str, Crafted]]:
    summary = json.loads(files["s.json"])
    text = files["s.csv"].decode()

    def signed(content: Any) -> bytes:
        if isinstance(content, dict):
            content = sealed_mapping({key: value for key, value in content.items() if key != "crc32"})
        return json.dumps(content).encode()

    yield "signed again", Crafted({**files, "s.json": signed(summary)}, readable=True)
    yield "indented otherwise", Crafted({**files, "s.json": json.dumps(summary, indent=7).encode()}, readable=True)
    yield "no checksums", Crafted({**files, "s.json": json.dumps({**summary, "crc32": None}).encode()})
    for content in ([], 1, None, "text", {}, {"crc32": None}, [summary]):
        yield f"summary {str(content)[:20]}", Crafted({**files, "s.json": signed(content)})
    for key in summary:
        lacking = {name: value for name, value in summary.items() if name != key}
        yield f"without {key}", Crafted({**files, "s.json": signed(lacking)}, readable=key == "crc32")
    for key, value in {"thresholds": 1, "n_train": "many", "n_normal": 1e400, "map_mfcc": None}.items():
        yield f"{key} {value}", Crafted({**files, "s.json": signed({**summary, key: value})})
    yield "threshold is null", Crafted({**files, "s.json": signed({**summary, "thresholds": {"LOF": None}})})
    yield "another detector", Crafted({**files, "s.json": signed({**summary, "thresholds": {"IF": 1.0}})})
    yield "deep", Crafted({**files, "s.json": b"[" * 100_000})
    yield "deep object", Crafted({**files, "s.json": b'{"crc32":' * 100_000})
    yield "long number", Crafted({**files, "s.json": b'{"crc32": ' + b"9" * 10_000 + b"}"})
    lines = text.splitlines(keepends=True)
    scores = {
        "cut at a line": "".join(lines[:-1]),
        "cut in the last number": text[: text.rindex(",") - 3],
        "cut in the last number, whole line": text[: text.rindex(",") - 3] + ",normal\n",
        "a line twice": "".join([*lines[:-1], lines[1]]),
        "NaN": text.replace(lines[1].split(",")[4], "nan"),
        "long cell": text + "a" * 200_000,
        "empty": "",
    }
    for name, content in scores.items():
        yield name, Crafted({**files, "s.csv": content.encode()})
        vouched = signed({**summary, "scores_crc32": seal_of(content.encode())})
        if name in ("cut at a line", "long cell", "empty"):
            yield f"{name}, signed", Crafted({"s.csv": content.encode(), "s.json": vouched})


def write_small_loss(folder: Path, seed: int) -> None:
    mfcc, held_out, basic = np.random.default_rng(seed).random((3, 6)).tolist()
    curves = {"mfcc": Curve(mfcc, held_out, 25, 4, 2, 0.5), "basic": Curve(basic[:5], held_out[:5], 25, 3, 2)}
    write_loss(curves, folder / "l.csv")


def read_small_loss(folder: Path) -> Any:
    return read_loss(folder / "l.csv")


def crafted_losses(files: Files) -> Iterator[tuple[str, Crafted]]:
    text = files["l.csv"].decode()
    lines = text.splitlines(keepends=True)
    header, *rows = csv.reader(lines)
    texts = {
        "cut at a line": "".join(lines[:-1]),
        "cut in a number": text[: len(text) // 2],
        "line lost": "".join([*lines[:2], *lines[3:]]),
        "no checksum": "".join(",".join(row[:-1]) + "\n" for row in (header, *rows)),
        "empty": "",
    }
    for name, content in texts.items():
        yield name, Crafted({"l.csv": content.encode()})


KINDS = {
    "cache": Kind(write_small_cache, read_small_cache, crafted_caches),
    "given_cache": Kind(lambda folder, seed: np.save(folder / "c.npy", features(seed)), read_given, crafted_given),
    "given_list": Kind(write_small_cache, import_small_cache, crafted_imports),
    "weights": Kind(write_weights, read_weights, crafted_weights),
    "scores": Kind(write_small_scores, read_small_scores, crafted_scores),
    "loss": Kind(write_small_loss, read_small_loss, crafted_losses),
}


# ---------------------------------------------------------------------------------------------- in a process of its own


class Process:
    """Damages files of one kind, and compares what is read with what was written."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.valid = kind.files(folder / "valid", 0)
        self.other = kind.files(folder / "other", 1)
        self.expected, self.others = self.read(self.valid), self.read(self.other)
        self.alone = len(self.valid) == 1
        self.outcomes: dict[str, Counter[str]] = {}
        grown = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + SPARE_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (grown, grown))

    def read(self, files: Files) -> Any:
        place = self.folder / "damaged"
        place.mkdir(exist_ok=True)
        for name, content in files.items():
            (place / name).write_bytes(content)
        faulthandler.dump_traceback_later(SECONDS_EACH, exit=True)
        try:
            return self.kind.read(place)
        except UserError as error:
            message = str(error)
        finally:
            faulthandler.cancel_dump_traceback_later()
            assert not Path("sprung").exists(), "code in the file was executed"
        assert str(place) in message, f"a message without the file: {message}"
        assert "again" in message or "Mend it" in message, f"a message without a remedy: {message}"
        return None

    def check(self, where: str, files: Files) -> None:
        """Read files that were damaged, and count what came of it.

        Raises
        ------
        AssertionError
            If something else than the original was read from them.
        """
        result = self.read(files)
        if files == self.valid:
            outcome = "not damaged"
        elif result is None:
            outcome = "refused"
        elif result == self.expected:
            outcome = "read as before"
        else:
            # two valid files cut and joined may give the second one
            assert self.alone, "something else was read"
            assert result == self.others, "something else was read"
            outcome = "the other file"
        self.outcomes.setdefault(where, Counter())[outcome] += 1

    def check_crafted(self) -> None:
        for name, crafted in self.kind.crafted(self.valid):
            print("crafted:", name, flush=True)
            result = self.read(crafted.files)
            assert result == (self.expected if crafted.readable else None), name
            self.outcomes.setdefault("crafted", Counter())["read as before" if crafted.readable else "refused"] += 1

    def check_flips(self, budget: int) -> None:
        """Flip all bits of a byte, of every byte if there are no more than `budget`, else of some."""
        for name, content in self.valid.items():
            count = min(len(content), budget)
            for place in sorted(random.Random(0).sample(range(len(content)), count)):
                flipped = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
                try:
                    self.check("byte flips", {**self.valid, name: flipped})
                except BaseException:
                    print("flipped:", name, place)
                    raise

    def check_random(self, examples: int) -> None:
        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(sorted(self.valid)), st.lists(DAMAGES, min_size=1, max_size=3))
        def check(name: str, damages: list[Damage]) -> None:
            content = self.valid[name]
            for damage in damages:
                content = damage.apply(content, self.other[name])
            self.check("damaged", {**self.valid, name: content})

        check()


def main(kind: str, folder: str, examples: str, flips: str) -> None:
    """Print as JSON what came of damaging files of one kind."""
    warnings.simplefilter("ignore")
    os.chdir(folder)
    process = Process(KINDS[kind], Path(folder))
    process.check_crafted()
    process.check_flips(int(flips))
    process.check_random(int(examples))
    print(json.dumps(process.outcomes))


# ---------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory by what /proc says of it")
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_found_or_harmless(kind: str, tmp_path: Path) -> None:
    flips = 100_000 if FUZZ else 150
    command = [sys.executable, __file__, kind, str(tmp_path), str(EXAMPLES), str(flips)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SCRIPTS), str(SUPPORT)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120 + EXAMPLES, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    outcomes = json.loads(done.stdout.splitlines()[-1])
    print(f"\n{kind}: {json.dumps(outcomes)}")
    assert outcomes["crafted"]["refused"] > 3
    assert outcomes["damaged"]["refused"] > EXAMPLES / 4


if __name__ == "__main__":
    main(*sys.argv[1:])
