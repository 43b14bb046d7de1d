"""Headers of recordings: what they declare, for every format that can be written, whole, cut off and contradictory."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
import wave
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from asd.recordings import headers
from asd.recordings.audio import BadClipError, read_clip_header
from asd.recordings.headers import DeclaredFormat, DeclaredFormatError

RATE = 16_000
CHECKED = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "OGG", "FLAC")
KNOWN_FROM_THE_HEADER = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "OGG")


def sound(channels: int, length: int = 2001) -> NDArray[np.float64]:
    tone = np.sin(2 * np.pi * 200 * np.arange(length) / RATE)
    return tone[:, None] * np.linspace(0.1, 0.5, channels)


def written(form: str, encoding: str, channels: int, length: int = 2001) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound(channels, length), RATE, subtype=encoding, format=form)
    return file.getvalue()


def can_be_written(form: str, encoding: str, channels: int) -> bool:
    try:
        soundfile.read(io.BytesIO(written(form, encoding, channels)), 1)
    except soundfile.LibsndfileError:
        return False
    return True


WRITTEN = [
    (form, encoding, channels)
    for form in CHECKED
    for encoding in soundfile.available_subtypes(form)
    for channels in (1, 2, 6)
    if can_be_written(form, encoding, channels)
]


def declared_by(path: Path) -> DeclaredFormat:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return headers.declared_format(descriptor, path.stat().st_size)
    finally:
        os.close(descriptor)


def bare(stated: DeclaredFormat) -> DeclaredFormat:
    """What is declared, without the place of the samples."""
    return replace(stated, plain=None)


def declared(path: Path, content: bytes) -> DeclaredFormat:
    path.write_bytes(content)
    return declared_by(path)


def problem_of(path: Path) -> str | None:
    try:
        declared_by(path)
    except DeclaredFormatError as error:
        return str(error)
    return None


def problem(path: Path, content: bytes) -> str | None:
    path.write_bytes(content)
    return problem_of(path)


# ------------------------------------------------------------------------------------------------ what can be written


@pytest.mark.parametrize(("form", "encoding", "channels"), WRITTEN)
def test_what_libsndfile_writes_is_declared_as_libsndfile_reads_it(
    tmp_path: Path, form: str, encoding: str, channels: int
) -> None:
    content = written(form, encoding, channels)
    stated = declared(tmp_path / "clip", content)
    found = soundfile.info(io.BytesIO(content))
    assert stated.sample_rate in (None, found.samplerate)
    assert stated.channels in (None, found.channels)
    assert stated.frames in (None, found.frames)
    assert stated.encoding in (None, found.subtype)
    if encoding.startswith(("PCM", "FLOAT", "DOUBLE")):
        assert stated.frames is not None
        assert stated.channels == channels


@pytest.mark.parametrize(
    ("form", "encoding", "channels"), [one for one in WRITTEN if one[0] in KNOWN_FROM_THE_HEADER and one[2] < 6]
)
def test_a_missing_end_is_known(tmp_path: Path, form: str, encoding: str, channels: int) -> None:
    whole = written(form, encoding, channels, 2000)
    end = len(whole) - 1  # the last byte may be a pad byte
    for length in {end - 1, end - 2, end - 5, *np.linspace(0, end - 1, 9).astype(int).tolist()}:
        if length > 12:  # less is no file of any format
            assert problem(tmp_path / "clip", whole[:length]) is not None, f"{length} of {len(whole)} bytes"


@pytest.mark.parametrize(("channels", "width"), [(1, 1), (1, 2), (2, 3), (8, 4)])
def test_what_pythons_own_module_writes_is_declared(tmp_path: Path, channels: int, width: int) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(RATE)
        writer.writeframes(bytes(channels * width * 1001))
    stated = declared(tmp_path / "clip.wav", file.getvalue())
    assert (stated.sample_rate, stated.channels, stated.frames) == (RATE, channels, 1001)


def test_what_scipy_writes_is_declared(tmp_path: Path) -> None:
    import scipy.io.wavfile

    for kind in (np.uint8, np.int16, np.int32, np.float32, np.float64):
        file = io.BytesIO()
        scipy.io.wavfile.write(file, RATE, np.zeros((1001, 3), kind))
        assert declared(tmp_path / "clip.wav", file.getvalue()).frames == 1001


def test_the_real_recordings_are_declared_as_they_are(fan_recordings: Path) -> None:
    for path in fan_recordings.rglob("*.wav"):
        assert problem_of(path) is None
        assert bare(declared_by(path)) == DeclaredFormat(16_000, 8, 160_000, "PCM_16")


@pytest.mark.parametrize("content", [b"", b"R", b"RIFF", b"notes, not sound" * 10, b"\xff\xfb\x90\x44" + bytes(400)])
def test_unknown_formats_declare_nothing(tmp_path: Path, content: bytes) -> None:
    if content[:4] == b"RIFF":
        assert problem(tmp_path / "clip", content + bytes(8)) is None
    else:
        assert declared(tmp_path / "clip", content) == DeclaredFormat()


def test_the_position_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(written("WAV", "PCM_16", 1))
    with path.open("rb") as file:
        file.seek(17)
        headers.declared_format(file.fileno(), path.stat().st_size)
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 17


# ------------------------------------------------------------------------------------------------------ RIFF, by hand


def chunk(name: bytes, content: bytes, size: int | None = None, pad: bool = True) -> bytes:
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + b"\0" * (pad * len(content) % 2)


def form(tag: int = 1, channels: int = 1, rate: int = RATE, bits: int = 16, **other: int) -> bytes:
    """A ``fmt`` chunk whose fields fit, but for those that are given."""
    block = other.get("block", channels * ((bits + 7) // 8))
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, other.get("speed", rate * block), block, bits))


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


AUDIO = np.random.default_rng(0).integers(1, 255, 4000, np.uint8).tobytes()
DATA = chunk(b"data", AUDIO)
LIST = chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 6) + b"maker\0")

GOOD = {
    "plain": riff(form(), DATA),
    "chunks before": riff(chunk(b"bext", bytes(602)), chunk(b"JUNK", bytes(27)), form(), LIST, DATA),
    "chunks after": riff(form(), DATA, LIST, chunk(b"id3 ", b"ID3" + bytes(30))),
    "an odd chunk without its pad byte before": riff(form(), chunk(b"LIST", b"INFOx", pad=False), DATA),
    "an odd chunk without its pad byte after": riff(form(), DATA, chunk(b"LIST", b"INFOx", pad=False), LIST),
    "an odd last chunk without its pad byte": riff(form(), DATA, chunk(b"LIST", b"INFOx", pad=False)),
    "odd audio without pad byte": riff(form(bits=8), chunk(b"data", AUDIO[:-1], pad=False)),
    "odd audio and a chunk": riff(form(bits=8), chunk(b"data", AUDIO[:-1]), LIST),
    "24 bits, the pad byte counted": riff(form(bits=24), chunk(b"data", AUDIO[:3999] + b"\0")),
    "the size of the file as that of RIFF": riff(form(), DATA, size=len(riff(form(), DATA))),
    "a RIFF size that forgot a chunk": riff(form(), DATA, LIST, size=len(riff(form(), DATA)) - 8),
    "bytes behind the end": riff(form(), DATA) + b"TAGsong" + bytes(121),
    "zeros behind the end": riff(form(), DATA, LIST) + bytes(2048),
    "streamed": riff(form(), chunk(b"data", AUDIO, 0xFFFFFFFF), size=0xFFFFFFFF),
    "streamed, as other programs do": riff(form(), chunk(b"data", AUDIO, 0x7FFFF000), size=0x7FFFF024),
    "streamed, 24 bits and a pad byte": riff(form(bits=24), chunk(b"data", AUDIO[:3999], 0xFFFFFFFF), size=0),
    "never closed": riff(form(), chunk(b"data", AUDIO, 0), size=0),
    "block align of zero": riff(form(block=0), DATA),
    "the sample rate as byte rate": riff(form(speed=16_000), DATA),
    "a part of a sample at the end": riff(form(channels=3), DATA),
    "a length left open that all else tells": riff(form(), chunk(b"data", AUDIO, 0xFFFFFFFF), LIST),
    "byte rate of zero": riff(form(speed=0), DATA),
    "byte rate of one": riff(form(speed=1), DATA),
    "byte rate in bits": riff(form(speed=RATE * 16), DATA),
    "neither block align nor byte rate": riff(form(block=0, speed=0), DATA),
    "killed before the sizes were known": riff(form(), chunk(b"data", AUDIO, 0), size=36),
    "killed before anything was known": riff(form(), chunk(b"data", AUDIO, 0), size=8),
    "killed with sizes of a full first buffer": riff(form(), chunk(b"data", AUDIO, 0), size=4088),
    "killed, and RIFF of an odd size": riff(form(), chunk(b"data", AUDIO, 0), size=35),
    "sizes that were all ones": riff(form(), chunk(b"data", AUDIO, 0xFFFFFFFF), size=0xFFFFFFFF),
    "audio size counts the header": riff(form(), chunk(b"data", AUDIO, 4044), size=4036),
    "audio size counts its own eight bytes": riff(form(), chunk(b"data", AUDIO, 4008), size=4036),
    "both sizes count the header": riff(form(), chunk(b"data", AUDIO, 4044), size=4044),
    "ones behind the end": riff(form(), DATA, LIST) + b"\xff" * 512,
    "odd audio without pad byte, then cue": riff(
        form(bits=8), chunk(b"data", AUDIO[:-1], pad=False), chunk(b"cue ", bytes(28))
    ),
    "odd audio without pad byte, then an own chunk": riff(
        form(bits=8), chunk(b"data", AUDIO[:-1], pad=False), chunk(b"mYch", b"x" * 10)
    ),
    "thousands of chunks behind": riff(form(), DATA, *[chunk(b"mYch", b"xy")] * 5000),
    "a last chunk that was cut off": riff(form(), DATA, LIST)[:-7],
    "a last chunk of which only the name is left": riff(form(), DATA, LIST, chunk(b"id3 ", bytes(30)))[:-34],
    "ffmpeg's ADPCM": riff(
        chunk(b"fmt ", struct.pack("<HHIIHHHH", 17, 1, 44_100, 16_000, 1024, 4, 2, 2041)), chunk(b"data", bytes(2048))
    ),
    "12 bits in two bytes": riff(form(bits=12), DATA),
    "A-law that gives 16 bits": riff(form(6, bits=16, block=1, speed=RATE), DATA),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_a_good_wav_is_not_refused(tmp_path: Path, content: bytes) -> None:
    assert problem(tmp_path / "clip.wav", content) is None


CONTRADICTIONS = {
    "block align": riff(form(block=4), DATA),
    "24 bits in four bytes": riff(form(bits=24, block=4), DATA),
    "no channels": riff(form(channels=0), DATA),
    "no bits": riff(form(bits=0), DATA),
    "a valid bit too many": riff(
        chunk(
            b"fmt ",
            struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 17, 4)
            + bytes.fromhex("0100000000001000800000aa00389b71"),
        ),
        DATA,
    ),
    "two formats": riff(form(), form(), DATA),
    "less audio than there is": riff(form(), chunk(b"data", AUDIO, 2000)),
    "audio that lost bytes": riff(
        form(), chunk(b"data", AUDIO[:-10], 4000), LIST, size=len(riff(form(), DATA, LIST)) - 8
    ),
    "audio that got more bytes": riff(form(), chunk(b"data", AUDIO + b"xx", 4000), LIST, size=len(GOOD["plain"]) + 18),
    "sizes of an early flush": riff(form(), chunk(b"data", AUDIO, 400), size=436),
    "a size modulo 65536": riff(form(), chunk(b"data", AUDIO, 904), size=940),
    "another sample rate by byte rate": riff(form(speed=44_100 * 2), DATA),
    "neither block align nor byte rate fit": riff(form(block=4, speed=RATE * 4), DATA),
    "IMA ADPCM of another rate": riff(
        chunk(b"fmt ", struct.pack("<HHIIHHHH", 17, 1, 32_000, 8110, 256, 4, 2, 505)), chunk(b"data", bytes(2560))
    ),
}


@pytest.mark.parametrize("content", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradictory_wav_is_refused_with_the_contradiction(tmp_path: Path, content: bytes) -> None:
    message = problem(tmp_path / "clip.wav", content)
    assert message is not None
    assert "contradicts itself: " in message or "truncated, " in message
    assert "\n" not in message


def changed(content: bytes, position: int, *, by: int) -> bytes:
    """`content` with the bits `by` of one byte flipped."""
    return content[:position] + bytes([content[position] ^ by]) + content[position + 1 :]


def adpcm(tag: int, rate: int, speed: int, block: int, packed: int, more: bytes = b"") -> bytes:
    layout = struct.pack("<HHIIHHHH", tag, 1, rate, speed, block, 4 if tag != 0x31 else 0, 2 + len(more), packed)
    return riff(chunk(b"fmt ", layout + more), chunk(b"data", bytes(10 * block)))


MS_ADPCM = struct.pack("<H14h", 7, 256, 0, 512, -256, 0, 0, 192, 64, 240, 0, 460, -208, 392, -232)
LEFT_TO_LIBSNDFILE = {
    "IMA ADPCM that packs other blocks": (adpcm(0x11, RATE, 8110, 256, 505), adpcm(0x11, RATE, 8110, 256, 500)),
    "Microsoft's ADPCM that does": (
        adpcm(0x02, RATE, 8192, 256, 500, MS_ADPCM),
        adpcm(0x02, RATE, 8192, 256, 496, MS_ADPCM),
    ),
    "GSM that does": (adpcm(0x31, RATE, 3250, 65, 320), adpcm(0x31, RATE, 3250, 65, 318)),
    "W64 of another kind": (written("W64", "PCM_16", 1), changed(written("W64", "PCM_16", 1), 8, by=1)),
    "RF64 without ds64": (written("RF64", "PCM_16", 1), written("RF64", "PCM_16", 1).replace(b"ds64", b"JUNK")),
    "AU without channels": (written("AU", "PCM_16", 1), changed(written("AU", "PCM_16", 1), 23, by=1)),
    "AIFF without channels": (written("AIFF", "PCM_16", 1), changed(written("AIFF", "PCM_16", 1), 21, by=1)),
    "FLAC whose first block is another": (written("FLAC", "PCM_16", 1), changed(written("FLAC", "PCM_16", 1), 4, by=1)),
    "FLAC whose first block is longer": (written("FLAC", "PCM_16", 1), changed(written("FLAC", "PCM_16", 1), 7, by=1)),
}


@pytest.mark.parametrize(("good", "bad"), LEFT_TO_LIBSNDFILE.values(), ids=LEFT_TO_LIBSNDFILE)
def test_what_is_left_to_libsndfile_is_refused(tmp_path: Path, good: bytes, bad: bytes) -> None:
    path = tmp_path / "clip"
    path.write_bytes(good)
    read_clip_header(path)
    path.write_bytes(bad)
    with pytest.raises(BadClipError):
        read_clip_header(path)


def test_what_is_missing_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    assert problem(path, GOOD["plain"][:-1234]) == "truncated, 1234 bytes of audio are missing at the end"
    assert problem(path, GOOD["chunks after"][: 44 + 4000 - 7]) == "truncated, 7 bytes of audio are missing at the end"


@pytest.mark.parametrize("bits", [16, 24])
def test_a_stream_cut_within_a_sample_is_known(tmp_path: Path, bits: int) -> None:
    streamed = riff(form(channels=2, bits=bits), chunk(b"data", AUDIO[: 600 * bits // 8], 0xFFFFFFFF), size=0)
    assert problem(tmp_path / "clip.wav", streamed) is None
    stated = declared(tmp_path / "clip.wav", streamed[:-2])
    assert stated.frames == 600 // 2 - 1
    assert stated.notes == ("a part of a sample at its end was left out",)


def test_big_endian_riff_is_read_as_such(tmp_path: Path) -> None:
    content = b"RIFX" + struct.pack(">I", 4036) + b"WAVEfmt "
    content += struct.pack(">IHHIIHH", 16, 1, 2, RATE, 4 * RATE, 4, 16) + b"data" + struct.pack(">I", 4000) + AUDIO
    assert bare(declared(tmp_path / "clip.wav", content)) == DeclaredFormat(RATE, 2, 1000, "PCM_16")


def test_long_files_have_their_sizes_elsewhere(tmp_path: Path) -> None:
    """A gigabyte and more, of which the disk holds nothing but the header."""
    path = tmp_path / "clip.wav"
    size = 6_000_000_000
    sizes = struct.pack("<QQQI", 72 + size, size, size // 2, 0)
    head = b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", sizes) + form() + b"data\xff\xff\xff\xff"
    path.write_bytes(head)
    os.truncate(path, len(head) + size)
    assert bare(declared_by(path)) == DeclaredFormat(RATE, 1, size // 2, "PCM_16")
    os.truncate(path, len(head) + size - 5)
    assert problem_of(path) == "truncated, 5 bytes of audio are missing at the end"


# --------------------------------------------------------------------------------------------------- other formats


def test_a_tag_in_front_of_a_flac_is_skipped(tmp_path: Path) -> None:
    tag = b"ID3\x04\0\0" + bytes([0, 0, 2, 44]) + bytes(300)
    assert declared(tmp_path / "clip.flac", tag + written("FLAC", "PCM_16", 2)).frames == 2001


@pytest.mark.parametrize(
    "rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000, 12_345, 65_530, 655_350]
)
def test_flac_repeats_its_sample_rate_where_the_audio_begins(tmp_path: Path, rate: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, sound(1), rate, format="FLAC")
    content = bytearray(file.getvalue())
    assert declared(tmp_path / "clip.flac", bytes(content)).sample_rate == rate
    content[19] ^= 0x10
    assert "Hz where the audio begins" in (problem(tmp_path / "clip.flac", bytes(content)) or "")


def test_flac_that_declares_more_than_fits_is_refused(tmp_path: Path) -> None:
    content = bytearray(written("FLAC", "PCM_16", 1))
    content[21:26] = b"\xff" * 5
    assert "can't hold" in (problem(tmp_path / "clip.flac", bytes(content)) or "")


def ogg_checksum(page: bytes) -> int:
    """Ogg's check sum bit by bit, after RFC 3533."""
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C11DB7 if remainder >> 31 else 0)) & 0xFFFFFFFF
    return remainder


def ogg_page(flags: int, number: int, body: bytes = b"x" * 100, stream: int = 7) -> bytes:
    head = b"OggS\0" + struct.pack("<BqIII", flags, 0, stream, number, 0) + bytes([1, len(body)])
    return head[:22] + struct.pack("<I", ogg_checksum(head + body)) + head[26:] + body


BEGIN, MIDDLE, END = ogg_page(2, 0), ogg_page(0, 1), ogg_page(4, 2)
OGG = {
    "whole": (BEGIN + MIDDLE + END, None),
    "two streams at once": (BEGIN + ogg_page(2, 0, stream=8) + MIDDLE + END + ogg_page(4, 1, stream=8), None),
    "without its last page": (BEGIN + MIDDLE, "last Ogg page is missing"),
    "without a page": (BEGIN + END, "missing or out of order"),
    "a page twice": (BEGIN + MIDDLE + MIDDLE + END, "missing or out of order"),
    "pages swapped": (BEGIN + END + MIDDLE, "missing or out of order"),
    "cut within a page": (BEGIN + MIDDLE + END[:-1], "ends in the middle"),
    "cut within the header of a page": (BEGIN + MIDDLE + END[:20], "no Ogg page"),
    "a changed byte": (BEGIN + MIDDLE[:-1] + b"y" + END, "check sum"),
    "bytes between": (BEGIN + b"?" + MIDDLE + END, "no Ogg page"),
    "two recordings": (BEGIN + MIDDLE + END + ogg_page(2, 0, stream=9), "second recording"),
    "its beginning twice": (BEGIN + BEGIN + MIDDLE + END, "begins once more"),
}


@pytest.mark.parametrize(("content", "message"), OGG.values(), ids=OGG)
def test_the_pages_of_ogg(tmp_path: Path, content: bytes, message: str | None) -> None:
    found = problem(tmp_path / "clip.ogg", content)
    assert found is None if message is None else message in (found or "")


def test_aiff_counts_its_samples_twice(tmp_path: Path) -> None:
    content = bytearray(written("AIFF", "PCM_16", 2))
    content[content.index(b"COMM") + 13] ^= 1
    assert "it counts 2000 samples" in (problem(tmp_path / "clip.aiff", bytes(content)) or "")


@pytest.mark.parametrize(("stated", "there"), [(3_000_000_000, 2_999_999_990), (4_000_000_000, 2_500_000_000)])
def test_less_than_promised_is_known_between_2_and_4_gigabytes(tmp_path: Path, stated: int, there: int) -> None:
    path = tmp_path / "clip.wav"
    head = riff(form(), chunk(b"data", b"", stated), size=stated + 36)
    path.write_bytes(head)
    os.truncate(path, len(head) + there)
    assert problem_of(path) == f"truncated, {stated - there} bytes of audio are missing at the end"
    os.truncate(path, len(head) + stated)
    assert problem_of(path) is None


def test_sizes_modulo_four_gigabytes_are_known(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    head = riff(form(), chunk(b"data", b"", 100_000), size=100_036)
    path.write_bytes(head)
    os.truncate(path, len(head) + (1 << 32) + 100_000)
    assert "may be audio, too" in (problem_of(path) or "")


def test_an_au_stream_goes_to_the_end(tmp_path: Path) -> None:
    content = bytearray(written("AU", "PCM_16", 2))
    content[8:12] = b"\xff" * 4
    stated = bare(declared(tmp_path / "clip.au", bytes(content)))
    assert stated == DeclaredFormat(
        RATE, 2, declared(tmp_path / "clip.au", written("AU", "PCM_16", 2)).frames, "PCM_16"
    )


# ------------------------------------------------------------------------------------------------------------ hostile

ENDLESS: dict[str, Callable[[], bytes]] = {
    "chunks of no length": lambda: riff(*[b"JUNK\0\0\0\0"] * 200_000),
    "W64 chunks of no length": lambda: written("W64", "PCM_16", 1)[:40] + bytes(4_000_000),
    "W64 chunks of their header": lambda: written("W64", "PCM_16", 1)[:40] + (b"x" * 16 + b"\x18" + bytes(7)) * 100_000,
    "a chunk that wraps around": lambda: riff(form(), b"JUNK\xff\xff\xff\xff", DATA),
    "a CAF chunk of negative length": lambda: written("CAF", "PCM_16", 1)[:52] + b"free" + b"\xff" * 8 + bytes(4000),
    "AIFF chunks of no length": lambda: b"FORM\0\0\x10\0AIFF" + b"NAME\0\0\0\0" * 200_000,
    "chunks of no length after the audio": lambda: riff(form(), DATA, *[b"JUNK\0\0\0\0"] * 200_000, b"xx"),
    "FLAC blocks of no length": lambda: written("FLAC", "PCM_16", 1)[:42] + b"\x01\0\0\0" * 1_000_000,
    "tags upon tags": lambda: b"ID3\x04\0\0\0\0\0\0" * 200_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_header_without_end_is_given_up(tmp_path: Path, name: str) -> None:
    content = ENDLESS[name]()
    (tmp_path / "clip").write_bytes(content)
    start = time.monotonic()
    if name == "tags upon tags":
        problem_of(tmp_path / "clip")
    else:
        assert problem_of(tmp_path / "clip") is not None
    assert time.monotonic() - start < 1.0


@pytest.mark.parametrize("form_name", CHECKED)
def test_no_other_exception_is_raised(tmp_path: Path, form_name: str) -> None:
    """Thousands of random headers behind the right first bytes."""
    rng = np.random.default_rng(zlib.crc32(form_name.encode()))
    encoding = "VORBIS" if form_name == "OGG" else "PCM_16"
    whole = written(form_name, encoding, 1)[:400]
    path = tmp_path / "clip"
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(4, 120, rng.integers(1, 12)):
            content[place] = rng.choice(np.array([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
        path.write_bytes(content[: rng.integers(4, 400)])
        with contextlib.suppress(DeclaredFormatError):
            assert (declared_by(path).frames or 0) >= 0
