"""Reading recordings: formats, channels and sample rates, and every way in which a recording can be broken."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from asd.audio import BadClipError, Clip, read_clip
from asd.errors import UserError

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
    if isinstance(result, str):  # soundfile can't seek in it
        assert str(path) in result
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


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_a_recording_cut_anywhere_gives_a_clip_or_a_bad_clip(tmp_path: Path, suffix: str) -> None:
    whole = write(tmp_path / f"whole{suffix}", noise(4000)).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in np.unique(np.linspace(0, len(whole) - 1, 40).astype(int)):
        path.write_bytes(whole[:length])
        result = read_or_message(path)
        if isinstance(result, str):
            assert str(path) in result
        else:
            assert suffix == ".ogg", "a cut WAV or FLAC can be told, and must be"
            assert_valid(result)


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
