"""Seals of texts, lines and mappings, and headers of arrays as NumPy writes them."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.files.integrity import (
    ArrayHeader,
    array_of,
    read_array_header,
    seal_of,
    sealed,
    sealed_line,
    sealed_mapping,
    unsealed,
    unsealed_line,
    unsealed_mapping,
)

# --- seals ---

TEXT = "epoch,loss,checksum\n1,0.5,\n2,0.25,\n"
LINE = ["소리, 1.wav", "10", ""]
VALUES = {"thresholds": {"LOF": 1.9}, "n_train": 3}


def test_a_seal_is_a_crc_32_in_eight_digits() -> None:
    assert seal_of(b"123456789") == "cbf43926"
    assert seal_of(b"") == "00000000"


def test_seals_stand_where_files_have_them() -> None:
    assert sealed(TEXT) == f"{TEXT[:-1]}{zlib.crc32(TEXT[:-1].encode()):08x}\n"
    assert sealed_line(LINE) == [*LINE, f"{zlib.crc32(chr(0).join(LINE).encode()):08x}"]
    assert list(sealed_mapping(VALUES).items()) == [
        *VALUES.items(),
        ("crc32", f"{zlib.crc32(json.dumps(VALUES).encode()):08x}"),
    ]


def test_what_was_sealed_is_read_back() -> None:
    assert unsealed(sealed(TEXT)) == TEXT
    assert unsealed_line(sealed_line(LINE)) == LINE
    assert unsealed_mapping(json.loads(json.dumps(sealed_mapping(VALUES)))) == VALUES
    assert unsealed_mapping(dict(reversed(sealed_mapping({"n": 1}).items()))) == {"n": 1}


@settings(deadline=None, max_examples=100, database=None)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_breaks_the_seal_of_a_text(place: int, bit: int) -> None:
    content = bytearray(sealed(TEXT).encode())
    content[place % len(content)] ^= 1 << bit
    with pytest.raises(ValueError, match=r"checksum|decode"):
        unsealed(content.decode("utf-8"))


@pytest.mark.parametrize("text", ["", "\n", "00000000\n", TEXT, sealed(TEXT)[:-1], sealed(TEXT) * 2])
def test_texts_without_a_seal_of_their_own_are_refused(text: str) -> None:
    if text != "00000000\n":  # the seal of nothing
        with pytest.raises(ValueError, match="checksum"):
            unsealed(text)


def test_changed_lines_and_mappings_are_refused() -> None:
    line = sealed_line(LINE)
    for changed in (["x", *line[1:]], [*line[:-1], "00000000"], [line[1], line[0], *line[2:]]):
        for or_bare in (True, False):
            with pytest.raises(ValueError, match="checksum"):
                unsealed_line(changed, or_bare=or_bare)
    with pytest.raises(ValueError, match="checksum"):
        unsealed_mapping({**sealed_mapping(VALUES), "n_train": 4})
    with pytest.raises(KeyError):
        unsealed_mapping(VALUES)


def test_a_line_may_lack_its_seal_only_where_that_is_said() -> None:
    assert unsealed_line([*LINE, ""], or_bare=True) == LINE
    with pytest.raises(ValueError, match="checksum"):
        unsealed_line([*LINE, ""])


# --- headers of arrays ---


def header_of(content: bytes) -> ArrayHeader:
    return read_array_header(io.BytesIO(content), len(content))


def npy(array: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (0, 136), (1, 2, 3)])
@pytest.mark.parametrize(
    "dtype", ["f4", "f8", ">f4", "f2", "i8", "u2", "i1", "?", "c8", "c16", "U8", ">U3", "S5", "U1"]
)
def test_headers_are_read_as_numpy_writes_them(dtype: str, shape: tuple[int, ...], order: str, version) -> None:
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape, order=order)
    content = npy(array, version)
    file = io.BytesIO(content)
    header = read_array_header(file, len(content))
    assert (header.shape, header.dtype, header.itemsize) == (shape, array.dtype.str, array.dtype.itemsize)
    assert header.type_name == str(array.dtype)
    assert header.count == array.size
    assert len(content) - file.tell() == array.nbytes
    back = array_of(content)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert back.flags.writeable


DATA = np.zeros(6, np.float32).tobytes()


def made(header: str, data: bytes = DATA) -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def about(descr: str = "'<f4'", fortran: str = "False", shape: str = "(2, 3)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}\n"


def test_a_made_header_is_read() -> None:
    assert header_of(made(about())) == ArrayHeader((2, 3), False, "<f4", 4)


OTHER_TYPES = ("f4", "=f4", "float32", "<V4", "<M8[s]", "<f4\\n", "")
NO_TYPES = ("<f3", "|f4", "<b1", "<i1", "<f", "<S4", "|U1", "<U")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends within"),
        (b"\x93NUMPZ\x01\x00" + made(about())[8:], "does not begin"),
        (b"\x93NUMPY\x03\x00" + made(about())[8:], r"version 3\.0"),
        (made(about())[:9], "ends within"),
        (made(about())[:40], "ends within"),
        (made(about() + " " * 10_000), "characters"),
        (made(about()[:-3]), "can't be read"),
        (made("(" * 5000), "can't be read"),
        (made("__import__('os').mkdir('sprung')"), "can't be read"),
        (made("{[]: 1}"), "can't be read"),
        (made("[]"), "no mapping"),
        (made("{'descr': '<f4'}"), "no mapping"),
        (made(about()[:-2] + ", 'more': 1}"), "no mapping"),
        (made(about(shape="[2, 3]")), "shape"),
        (made(about(shape="(2, 3.0)")), "shape"),
        (made(about(fortran="0")), "order"),
        (made(about("'|O'")), "could run code"),
        (made(about("[('a', '<f4')]")), "none of plain"),
        (made(about("('<f4', (3,))", shape="(2,)")), "none of plain"),
        (made(about("None")), "none of plain"),
        *((made(about(f"'{name}'")), "none of plain") for name in OTHER_TYPES),
        *((made(about(f"'{name}'")), "there is no type") for name in NO_TYPES),
        (made(about(), DATA[:-1]), "24 bytes, but 23"),
        (made(about(), DATA + b"\0"), "24 bytes, but 25"),
        (made(about(shape="(-2, -3)")), r"\[-2, -3\] elements of float32"),
        (made(about(shape=f"({10**30}, 3)")), "bytes, but 24"),
    ],
)
def test_other_headers_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        header_of(content)


def test_a_header_said_to_be_huge_is_not_read() -> None:
    content = b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little") + about().encode() + DATA
    with pytest.raises(ValueError, match="4294967295 characters"):
        header_of(content)
