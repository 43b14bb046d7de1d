"""Reading recordings: formats, channels and sample rates, and every way in which a recording can be broken."""

from __future__ import annotations

import os
import socket
import struct
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from asd.errors import UserError
from asd.recordings import audio
from asd.recordings.audio import BadClipError, Clip, read_clip, read_clip_header

RATE = 16_000


def noise(length: int = 4000, channels: int = 1, seed: int = 0) -> NDArray[np.float64]:
    """Noise that 16-bit files hold without rounding, [samples, channels]."""
    rng = np.random.default_rng(seed)
    return np.round(3000 * rng.standard_normal((length, channels))) / 32768


def hum(length: int, channels: int) -> NDArray[np.float64]:
    """A low tone, louder from channel to channel, that lossy formats keep well, [samples, channels]."""
    tone = np.sin(2 * np.pi * 200 * np.arange(length) / RATE)
    return tone[:, None] * np.linspace(0.1, 0.5, channels)


def write(path: Path, data: NDArray[np.floating], rate: int = RATE, subtype: str | None = None) -> Path:
    soundfile.write(path, data, rate, subtype=subtype)
    return path


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """A RIFF chunk; odd-sized content gets its pad byte."""
    return name + struct.pack("<I", len(content) if size is None else size) + content + b"\0" * (len(content) % 2)


def wav_bytes(
    audio: bytes,
    *,
    bits: int = 16,
    rate: int = RATE,
    before: bytes = b"",
    data_size: int | None = None,
    riff_size: int | None = None,
) -> bytes:
    """A mono PCM WAV put together by hand, with chunks `before` the samples and sizes that may lie."""
    layout = struct.pack("<HHIIHH", 1, 1, rate, rate * bits // 8, bits // 8, bits)
    body = b"WAVE" + chunk(b"fmt ", layout) + before + chunk(b"data", audio, data_size)
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def pcm16(samples: NDArray[np.floating]) -> bytes:
    return np.round(samples.ravel() * 32768).astype("<i2").tobytes()


def read_or_message(path: Path) -> Clip | str:
    """The clip, or what the one exception that is allowed says."""
    try:
        return read_clip(path)
    except BadClipError as error:
        return str(error)


def assert_valid(clip: Clip) -> None:
    assert clip.samples.dtype == np.float32
    assert clip.samples.ndim == 1
    assert len(clip.samples) >= 400
    assert np.isfinite(clip.samples).all()
    assert clip.samples.min() < clip.samples.max()
    assert clip.duration > 0
    assert clip.sample_rate > 0
    assert clip.channels >= 1


# ------------------------------------------------------------------------------------------------- good recordings


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        (".wav", "PCM_16", 1e-7),
        (".wav", "PCM_24", 1e-7),
        (".wav", "FLOAT", 1e-7),
        (".flac", "PCM_16", 1e-7),
        (".ogg", "VORBIS", 0.05),  # lossy
    ],
)
def test_formats_and_channels_are_read_as_their_mean(
    tmp_path: Path, suffix: str, subtype: str, tolerance: float, channels: int
) -> None:
    data = hum(8000, channels) if suffix == ".ogg" else noise(8000, channels)
    clip = read_clip(write(tmp_path / f"clip{suffix}", data, subtype=subtype))
    assert isinstance(clip, Clip)
    assert clip.samples.dtype == np.float32
    assert clip.samples.flags.c_contiguous
    assert clip.samples.shape == (8000,)
    np.testing.assert_allclose(clip.samples, data.mean(axis=1), rtol=0, atol=tolerance)
    assert (clip.duration, clip.sample_rate, clip.channels) == (0.5, RATE, channels)


@pytest.mark.parametrize("channel", [0, 3, 7])
def test_one_channel_can_be_chosen_by_its_number(tmp_path: Path, channel: int) -> None:
    data = noise(channels=8)
    clip = read_clip(write(tmp_path / "clip.wav", data), channel=channel)
    np.testing.assert_allclose(clip.samples, data[:, channel], rtol=0, atol=1e-7)
    assert clip.channels == 8


def test_mean_is_the_default_channel(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", noise(channels=2))
    np.testing.assert_array_equal(read_clip(path).samples, read_clip(path, "mean").samples)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_sixteen_bit_samples_give_the_same_mean_as_floats(tmp_path: Path, channels: int, suffix: str) -> None:
    """They are read as integers, which takes less time; also across the blocks in which the mean is taken."""
    random = np.random.default_rng(channels)
    data = random.integers(-32768, 32768, (20_001, channels), dtype=np.int16, endpoint=False)
    data[0], data[1] = -32768, 32767
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, data, RATE, subtype="PCM_16")
    samples = read_clip(path).samples
    exact = soundfile.read(path, dtype="float64", always_2d=True)[0].mean(axis=1)
    np.testing.assert_array_equal(samples, exact.astype(np.float32))
    assert samples[0] == -1.0
    assert read_clip(path, channels - 1).samples[1] == np.float32(32767 / 32768)


def test_a_path_may_be_given_as_text(tmp_path: Path) -> None:
    path = write(tmp_path / "소리 [1].wav", noise())
    np.testing.assert_array_equal(read_clip(str(path)).samples, read_clip(path).samples)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_sample_rates_are_resampled_to_16_khz(tmp_path: Path, rate: int, channels: int) -> None:
    data = noise(rate // 2, channels)
    clip = read_clip(write(tmp_path / "clip.wav", data, rate))
    expected = librosa.resample(data.mean(axis=1), orig_sr=rate, target_sr=RATE)
    assert abs(len(clip.samples) - RATE // 2) <= 1
    shared = min(len(expected), len(clip.samples))
    np.testing.assert_allclose(clip.samples[:shared], expected[:shared], rtol=0, atol=1e-5)
    assert clip.samples.dtype == np.float32
    assert (clip.duration, clip.sample_rate, clip.channels) == (pytest.approx(0.5), rate, channels)


@pytest.mark.parametrize("channel", ["mean", 1])
@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        (".wav", "PCM_16"),
        (".wav", "PCM_24"),
        (".wav", "FLOAT"),
        (".flac", "PCM_S8"),
        (".flac", "PCM_16"),
        (".flac", "PCM_24"),
        (".ogg", "VORBIS"),
    ],
)
def test_a_long_recording_is_read_in_blocks_to_the_same_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, subtype: str, channel: audio.Channel
) -> None:
    path = write(tmp_path / f"clip{suffix}", hum(50_001, 3) + 0.01 * noise(50_001, 3), subtype=subtype)
    whole = read_clip(path, channel)
    calls = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *given, **named: calls.append(1) or read(*given, **named))
    read_clip(path, channel)
    assert len(calls) == 1, "an ordinary clip is read in one piece"
    monkeypatch.setattr(audio, "_VALUES_AT_ONCE", 1000)
    blocks = read_clip(path, channel)
    assert len(calls) == 1 + 4
    np.testing.assert_array_equal(blocks.samples, whole.samples)
    assert (blocks.duration, blocks.sample_rate, blocks.channels) == (whole.duration, RATE, 3)


@pytest.mark.parametrize(("suffix", "subtype"), [(".wav", "PCM_16"), (".flac", "PCM_24"), (".ogg", "VORBIS")])
def test_the_header_says_what_the_clip_has(tmp_path: Path, suffix: str, subtype: str) -> None:
    path = write(tmp_path / f"clip{suffix}", noise(8000, 2), 8000, subtype)
    header, clip = read_clip_header(path), read_clip(path)
    assert (header.duration, header.sample_rate, header.channels) == (clip.duration, clip.sample_rate, clip.channels)
    assert (header.frames, header.encoding) == (8000, subtype)


def test_codecs_that_cannot_seek_are_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, hum(8000, 1), RATE, subtype="GSM610")
    np.testing.assert_allclose(read_clip(path).samples[:7500], hum(8000, 1)[:7500, 0], rtol=0, atol=0.1)


def test_exactly_one_frame_is_long_enough(tmp_path: Path) -> None:
    assert len(read_clip(write(tmp_path / "clip.wav", noise(400))).samples) == 400


def test_full_scale_samples_stay_within_minus_one_and_one(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(np.tile(np.array([-32768, 32767], "<i2"), 400).tobytes()))
    samples = read_clip(path).samples
    assert samples.min() == -1.0
    assert samples.max() == np.float32(32767 / 32768)


def test_a_wav_with_other_chunks_before_the_samples_is_read(tmp_path: Path) -> None:
    data = noise(1000)
    for length in (4, 26, 27):  # the last one is odd, and gets a pad byte
        path = tmp_path / f"{length}.wav"
        path.write_bytes(wav_bytes(pcm16(data), before=chunk(b"LIST", b"INFO" + b"x" * (length - 4))))
        np.testing.assert_allclose(read_clip(path).samples, data[:, 0], rtol=0, atol=1e-7)


@pytest.mark.parametrize("pad", [True, False])
def test_an_odd_number_of_audio_bytes_is_not_truncated(tmp_path: Path, pad: bool) -> None:
    content = wav_bytes(np.random.default_rng(0).integers(0, 256, 1001, np.uint8).tobytes(), bits=8)
    path = tmp_path / "clip.wav"
    path.write_bytes(content if pad else content[:-1])
    assert len(read_clip(path).samples) == 1001


@pytest.mark.parametrize("riff_size", [0, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_promises_no_size_and_is_read_whole(tmp_path: Path, riff_size: int) -> None:
    data = noise(1000)
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(pcm16(data), data_size=0xFFFFFFFF, riff_size=riff_size))
    clip = read_clip(path)
    np.testing.assert_allclose(clip.samples, data[:, 0], rtol=0, atol=1e-7)
    assert clip.duration == pytest.approx(1000 / RATE)


def test_a_wav_whose_data_size_was_left_at_zero_is_not_called_truncated(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(pcm16(noise(1000)), data_size=0))
    result = read_or_message(path)
    if isinstance(result, str):  # libsndfile takes the zero at its word
        assert "truncated" not in result
    else:
        assert len(result.samples) == 1000


def test_a_flac_of_unknown_length_is_read_whole_or_named(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.flac", noise(1000))
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples; 0 stands for unknown
    content[22:26] = bytes(4)
    path.write_bytes(content)
    result = read_or_message(path)
    if isinstance(result, str):  # libsndfile takes its end for an error
        assert "doesn't say how long it is" in result
    else:
        np.testing.assert_allclose(result.samples, noise(1000)[:, 0], rtol=0, atol=1e-7)


# ----------------------------------------------------------------------------------------------- broken recordings


def missing(path: Path) -> Path:
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("these are notes, not sound\n" * 100, encoding="utf-8")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def file_used_as_a_folder(path: Path) -> Path:
    return write(path, noise()) / "clip.wav"


def name_too_long(path: Path) -> Path:
    return path.with_name("x" * 300 + ".wav")


def headerless(path: Path) -> Path:
    raw = path.with_suffix(".raw")
    raw.write_bytes(pcm16(noise()))
    return raw


def all_zeros(path: Path) -> Path:
    return write(path, np.zeros((4000, 2)))


def constant(path: Path) -> Path:
    return write(path, np.full((4000, 1), 0.25))


def constant_at_another_rate(path: Path) -> Path:
    return write(path, np.full((44_100, 1), 0.25), rate=44_100)


def channels_that_cancel_out(path: Path) -> Path:
    data = noise()
    return write(path, np.hstack([data, -data]))


def shorter_than_one_frame(path: Path) -> Path:
    return write(path, noise(399))


def shorter_than_one_frame_once_resampled(path: Path) -> Path:
    return write(path, noise(1000), rate=44_100)


def no_samples(path: Path) -> Path:
    return write(path, np.zeros((0, 1)))


def with_sample(value: float) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        data = noise(channels=2).astype(np.float32)
        data[1234, 1] = value
        return write(path, data, subtype="FLOAT")

    make.__name__ = f"one_sample_{value}"
    return make


def cut_in_the_samples(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()))[:-100])
    return path


def cut_by_one_byte(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()))[:-1])
    return path


def cut_after_a_list_chunk(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()), before=chunk(b"LIST", b"INFO" + b"x" * 22))[:-100])
    return path


def cut_after_an_odd_sized_chunk(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()), before=chunk(b"LIST", b"INFO" + b"x" * 23))[:-100])
    return path


def cut_after_the_wav_header(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()))[:44])
    return path


def cut_in_the_wav_header(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()))[:30])
    return path


def cut_multichannel_wav(path: Path) -> Path:
    write(path, noise(channels=8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def flac(path: Path) -> Path:
    return write(path.with_suffix(".flac"), noise(40_000))


def cut_flac(path: Path) -> Path:
    path = flac(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def cut_after_the_flac_header(path: Path) -> Path:
    path = flac(path)
    path.write_bytes(path.read_bytes()[:42])
    return path


def flac_that_promises_too_much(path: Path) -> Path:
    path = flac(path)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    return path


def damaged_flac(path: Path, subtype: str = "PCM_16") -> Path:
    path = write(path.with_suffix(".flac"), noise(40_000), subtype=subtype)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    return path


def flac_of_other_samples(path: Path, subtype: str = "PCM_16") -> Path:
    """All frames are whole, but the MD5 is that of another recording."""
    path = write(path.with_suffix(".flac"), noise(4000), subtype=subtype)
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    return path


def flac_of_other_24_bit_samples(path: Path) -> Path:
    return flac_of_other_samples(path, "PCM_24")


def flac_of_other_8_bit_samples(path: Path) -> Path:
    return flac_of_other_samples(path, "PCM_S8")


def damaged_flac_without_md5(path: Path) -> Path:
    path = damaged_flac(path)
    content = bytearray(path.read_bytes())
    content[26:42] = bytes(16)
    path.write_bytes(content)
    return path


def flac_at_another_rate(path: Path) -> Path:
    path = flac(path)
    content = bytearray(path.read_bytes())
    content[18:21] = (8000 << 4 | content[20] & 15).to_bytes(3, "big")
    path.write_bytes(content)
    return path


def damaged_ogg(path: Path) -> Path:
    path = write(path.with_suffix(".ogg"), hum(40_000, 1))
    content = bytearray(path.read_bytes())
    content[-500] ^= 4
    path.write_bytes(content)
    return path


def two_oggs(path: Path) -> Path:
    path = write(path.with_suffix(".ogg"), hum(8000, 1))
    other = write(path.with_name("other.ogg"), hum(8000, 1))
    path.write_bytes(path.read_bytes() + other.read_bytes())
    return path


def changed(make: Callable[[Path], Path], position: int, value: bytes) -> Callable[[Path], Path]:
    """`make`, with some bytes of the header replaced."""

    def change(path: Path) -> Path:
        path = make(path)
        content = path.read_bytes()
        path.write_bytes(content[:position] + value + content[position + len(value) :])
        return path

    change.__name__ = f"byte_{position}_of_{make.__name__}"
    return change


def good_wav(path: Path) -> Path:
    return write(path, noise(4000, 2))


def good_au(path: Path) -> Path:
    return write(path.with_suffix(".au"), noise())


def floats_called_integers(path: Path) -> Path:
    """As scipy and many others write them: without the chunks that libsndfile adds for floating-point numbers."""
    samples = noise(4000, 2).astype("<f4").tobytes()
    layout = struct.pack("<HHIIHH", 1, 2, RATE, 8 * RATE, 8, 32)
    body = b"WAVE" + chunk(b"fmt ", layout) + chunk(b"data", samples)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def integers_called_floats(path: Path) -> Path:
    path = write(path, noise(), subtype="PCM_32")
    return changed(lambda path: path, 20, b"\3")(path)


def too_long(path: Path) -> Path:
    """A file of which the disk holds just the header."""
    size = 2 * (audio.LONGEST + 1)
    path.write_bytes(wav_bytes(b"", rate=48_000, data_size=size, riff_size=size + 36))
    os.truncate(path, 44 + size)
    return path


def too_long_once_resampled(path: Path) -> Path:
    size = 2 * (audio.LONGEST // 16 + 1)
    path.write_bytes(wav_bytes(b"", rate=1000, data_size=size, riff_size=size + 36))
    os.truncate(path, 44 + size)
    return path


def too_slow(path: Path) -> Path:
    return write(path, noise(), rate=999)


def absurdly_fast(path: Path) -> Path:
    path.write_bytes(wav_bytes(pcm16(noise()), rate=2_000_000_000))
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def device(path: Path) -> Path:
    return Path("/dev/zero")


BROKEN: list[tuple[Callable[[Path], Path], str]] = [
    (missing, "no such file"),
    (empty, "empty"),
    (text, "not readable as audio"),
    (folder, "folder"),
    (file_used_as_a_folder, "(?i)not a (folder|directory)|no such file"),
    (name_too_long, "(?i)too long|no such file"),
    (headerless, "not readable as audio"),
    (all_zeros, "silent"),
    (constant, "silent"),
    (constant_at_another_rate, "silent"),
    (channels_that_cancel_out, "silent"),
    (shorter_than_one_frame, "399 samples .* shorter than one frame"),
    (shorter_than_one_frame_once_resampled, "shorter than one frame"),
    (no_samples, "shorter than one frame"),
    (with_sample(np.nan), "NaN or infinite"),
    (with_sample(np.inf), "NaN or infinite"),
    (with_sample(-np.inf), "NaN or infinite"),
    (cut_in_the_samples, "truncated, 100 bytes"),
    (cut_by_one_byte, "truncated, 1 byte"),
    (cut_after_a_list_chunk, "truncated, 100 bytes"),
    (cut_after_an_odd_sized_chunk, "truncated, 100 bytes"),
    (cut_after_the_wav_header, "truncated, 8000 bytes"),
    (cut_in_the_wav_header, "not readable as audio"),
    (cut_multichannel_wav, "truncated"),
    (cut_flac, "truncated|not readable as audio"),
    (cut_after_the_flac_header, "truncated|not readable as audio"),
    (flac_that_promises_too_much, "truncated|not readable as audio"),
    (damaged_flac, "damaged|not readable as audio"),
    (damaged_flac_without_md5, "damaged|not readable as audio"),
    (flac_of_other_samples, "damaged"),
    (flac_of_other_24_bit_samples, "damaged"),
    (flac_of_other_8_bit_samples, "damaged"),
    (flac_at_another_rate, "contradicts itself: 8000 Hz, but 16000 Hz"),
    (damaged_ogg, "damaged, the check sum"),
    (two_oggs, "a second recording"),
    (changed(good_wav, 24, b"\0\x7d"), "contradicts itself: 32000 samples"),  # sample rate
    (changed(good_wav, 22, b"\1"), "contradicts itself: 1 channel"),  # channels
    (changed(good_wav, 34, b"\x18"), "contradicts itself: 2 channel.* of 24 bits"),  # bits
    (changed(good_wav, 40, b"\0\x10"), "contradicts itself: what follows the audio"),  # bytes of audio
    (changed(good_au, 0, b"?"), "not readable as audio"),  # libsndfile would take it for samples without a header
    (changed(good_au, 8, b"\0\0\x10\0"), "contradicts itself: it counts 4096 bytes"),
    (floats_called_integers, "floating-point numbers, not integers"),
    (integers_called_floats, "NaN or infinite"),
    (too_long, "47 minutes at 48000 Hz are too long.*cut it into clips"),
    (too_long_once_resampled, "140 minutes at 1000 Hz are too long"),
    (too_slow, "a sample rate of 999 Hz"),
    (absurdly_fast, "a sample rate of 2000000000 Hz"),
    (pipe, "not a regular file"),
    (device, "not a regular file"),
]
BROKEN_NAMES = [make.__name__ for make, _ in BROKEN]


@pytest.mark.parametrize(("make", "reason"), BROKEN, ids=BROKEN_NAMES)
def test_a_broken_recording_is_named_with_the_reason(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    path = make(tmp_path / "clip.wav")
    with pytest.raises(BadClipError, match=reason) as caught:
        read_clip(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message.replace(str(path), "").strip(": ")) > 8
    assert "\n" not in message


KNOWN_FROM_THE_SAMPLES = {
    *(all_zeros, constant, constant_at_another_rate, channels_that_cancel_out, cut_flac, damaged_flac),
    *(damaged_flac_without_md5, flac_of_other_samples, flac_of_other_24_bit_samples, flac_of_other_8_bit_samples),
    *(floats_called_integers, integers_called_floats),
    *(make for make, reason in BROKEN if reason == "NaN or infinite"),
}


@pytest.mark.parametrize(("make", "reason"), BROKEN, ids=BROKEN_NAMES)
def test_a_header_is_refused_unless_only_the_samples_are_broken(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    path = make(tmp_path / "clip.wav")
    if make in KNOWN_FROM_THE_SAMPLES:
        assert read_clip_header(path).frames > 0
    else:
        with pytest.raises(BadClipError, match=reason):
            read_clip_header(path)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("clip.wav")
        with pytest.raises(BadClipError, match="not a regular file"):
            read_clip("clip.wav")


def test_a_bad_clip_is_a_mistake_the_user_can_mend() -> None:
    assert issubclass(BadClipError, UserError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_recording_without_permission_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", noise())
    path.chmod(0)
    with pytest.raises(BadClipError, match="permission") as caught:
        read_clip(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("channel", [2, 7, -1])
def test_a_channel_that_is_not_there_is_refused_with_the_number_there_are(tmp_path: Path, channel: int) -> None:
    path = write(tmp_path / "clip.wav", noise(channels=2))
    with pytest.raises(BadClipError, match=f"2 channel.*{channel}") as caught:
        read_clip(path, channel=channel)
    assert str(path) in str(caught.value)


# ------------------------------------------------------------------------------------------------ while it is read


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def touch(path: Path) -> None:
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))


def replace(path: Path) -> None:
    other = write(path.with_name("other.wav"), noise(2000))
    other.replace(path)


def shorten(path: Path) -> None:
    os.truncate(path, 100)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (grow, "was changed while it was read"),
        (touch, "was changed while it was read"),
        (replace, "was changed while it was read"),
        (shorten, "was changed while it was read"),
        (Path.unlink, "disappeared while it was read"),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], reason: str, early: bool
) -> None:
    """Both before and after its samples are read; also where the change makes another error."""
    path = write(tmp_path / "clip.wav", noise())
    original = soundfile.SoundFile.read

    def read(self: soundfile.SoundFile, *given: object, **named: object) -> object:
        if early:
            change(path)
        data = original(self, *given, **named)
        if not early:
            change(path)
        return data

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    with pytest.raises(BadClipError, match=reason) as caught:
        read_clip(path)
    assert str(path) in str(caught.value)
    assert "run again" in str(caught.value)


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(5, "Input/output error"), ValueError("array is too big"), RuntimeError("odd")]
)
def test_an_error_while_reading_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = write(tmp_path / "clip.wav", noise())

    def fail(*given: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    with pytest.raises(BadClipError) as caught:
        read_clip(path)
    assert str(path) in str(caught.value)


def test_no_file_stays_open(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.wav", noise()), damaged_flac(tmp_path / "bad.flac")
    open_files = len(os.listdir("/dev/fd"))
    for _ in range(5):
        read_clip(good)
        assert isinstance(read_or_message(bad), str)
        assert isinstance(read_or_message(text(tmp_path / "text.wav")), str)
    assert len(os.listdir("/dev/fd")) == open_files


def test_a_claim_takes_no_memory(tmp_path: Path) -> None:
    """A FLAC of a few kB that promises 2**27 samples of two channels: half a gigabyte."""
    path = write(tmp_path / "clip.flac", np.tile(hum(400, 2), (100, 1)))
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0]) + (audio.LONGEST).to_bytes(4, "big")
    path.write_bytes(content + bytes(400_000))
    tracemalloc.start()
    try:
        assert isinstance(read_or_message(path), str)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_samples_beyond_all_bounds_are_refused_without_a_warning(tmp_path: Path) -> None:
    data = np.tile([[3e38, 3e38], [-3e38, -3e38]], (400, 1))
    path = write(tmp_path / "clip.wav", data, subtype="FLOAT")
    with warnings.catch_warnings(action="error"):
        assert "NaN or infinite" in str(read_or_message(path))
        assert isinstance(read_or_message(write(path, data[:, :1], subtype="FLOAT")), Clip)


# ------------------------------------------------------------------------------------------------- random damage


@pytest.mark.parametrize("seed", range(10))
def test_random_damage_to_the_header_gives_a_clip_or_a_bad_clip(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = wav_bytes(pcm16(noise(1600)), before=chunk(b"LIST", b"INFO" + b"x" * 22))
    for number in range(20):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(100)] = rng.integers(256)
        if rng.random() < 0.3:
            del content[rng.integers(100) :]
        path = tmp_path / f"{number}.wav"
        path.write_bytes(content)
        result = read_or_message(path)
        if isinstance(result, str):
            assert str(path) in result
        else:
            assert_valid(result)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".aiff", ".au", ".w64", ".rf64", ".caf"])
def test_a_recording_cut_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = write(tmp_path / f"whole{suffix}", noise(4000)).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in np.unique(np.linspace(0, len(whole) - 1, 40).astype(int)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadClipError) as caught:
            read_clip(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 7, 8])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_constant_signal_is_silent_whatever_the_rounding_of_the_mean(
    tmp_path: Path, channels: int, subtype: str
) -> None:
    path = tmp_path / "constant.wav"
    levels = np.linspace(0.1, 0.3, channels)
    soundfile.write(path, np.tile(levels, (16_001, 1)), 16_000, subtype=subtype)
    with pytest.raises(BadClipError, match="silent"):
        read_clip(path)
