"""MP3, M4A, AAC, WMA, WebM and others: length and samples are those of ffmpeg, and what is lost is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd.recordings.audio import BadClipError, read_clip, read_clip_header
from asd.recordings.compressed import kind_of

RATE = 16000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg (Debian) makes the files")

MADE = {
    "mp3": ("a.mp3", ["-c:a", "libmp3lame", "-q:a", "4"]),
    "mp3 of constant rate without Xing header": ("a.mp3", ["-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0"]),
    "mp3 of variable rate without Xing header": ("a.mp3", ["-c:a", "libmp3lame", "-q:a", "6", "-write_xing", "0"]),
    "mp3 with tags": ("a.mp3", ["-c:a", "libmp3lame", "-metadata", "title=x", "-write_id3v1", "1"]),
    "mp3 in wav": ("a.wav", ["-c:a", "libmp3lame", "-f", "wav"]),
    "mp2": ("a.mp2", ["-c:a", "mp2"]),
    "m4a": ("a.m4a", ["-c:a", "aac"]),
    "m4a with alac": ("a.m4a", ["-c:a", "alac"]),
    "aac": ("a.aac", ["-c:a", "aac"]),
    "wma": ("a.wma", ["-c:a", "wmav2"]),
    "webm": ("a.webm", ["-c:a", "libopus", "-ar", "48000"]),
    "mka": ("a.mka", ["-c:a", "pcm_s16le"]),
    "caf with alac": ("a.caf", ["-c:a", "alac"]),
    "ac3": ("a.ac3", ["-c:a", "ac3", "-ar", "48000"]),
    "tta": ("a.tta", ["-c:a", "tta"]),
    "wavpack": ("a.wv", ["-c:a", "wavpack"]),
    "flac of unknown length": ("a.flac", ["-c:a", "flac", "PIPE"]),
    "ogg with flac": ("a.ogg", ["-c:a", "flac"]),
}


def ffmpeg(*arguments: str | Path, **options: object) -> bytes:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.wav"
    time = np.arange(3 * RATE) / RATE
    noise = 0.05 * np.random.default_rng(0).standard_normal((len(time), 2))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time)[:, None] + noise, RATE)
    return path


def made(name: str, source: Path, folder: Path) -> Path:
    file, options = MADE[name]
    path = folder / file
    try:
        if "PIPE" in options:
            path.write_bytes(ffmpeg("-i", source, *options[:-1], "-f", path.suffix[1:], "-"))
        else:
            ffmpeg("-i", source, *options, path)
    except subprocess.CalledProcessError:
        pytest.skip(f"this ffmpeg has no encoder for {name}")
    return path


def decoded(path: Path) -> np.ndarray:
    """What ffmpeg hears: float32 [samples], the mean of two channels."""
    return np.frombuffer(ffmpeg("-i", path, "-f", "f32le", "-"), "<f4").reshape(-1, 2).mean(axis=1)


@needs_ffmpeg
@pytest.mark.parametrize("name", MADE)
def test_length_and_samples_are_those_that_ffmpeg_decodes(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    expected, header = decoded(path), read_clip_header(path)
    assert header.channels == 2
    assert abs(header.frames - len(expected)) <= 2304  # delay and padding of the codec
    assert abs(header.duration - 3) < 0.25
    clip = read_clip(path)
    if header.sample_rate == RATE and header.frames == len(expected):
        np.testing.assert_allclose(clip.samples, expected, atol=2e-3)
    spectrum = np.abs(np.fft.rfft(clip.samples[: 2 * RATE]))
    assert abs(np.argmax(spectrum) / 2 - 440) < 1


@needs_ffmpeg
@pytest.mark.parametrize("tail", ["joined", "zeros"])
def test_an_mp3_is_counted_to_its_end(tail: str, source: Path, tmp_path: Path) -> None:
    path = made("mp3 of constant rate without Xing header", source, tmp_path)
    once = read_clip_header(path).frames
    path.write_bytes(path.read_bytes() * 2 if tail == "joined" else path.read_bytes() + bytes(4096))
    again = read_clip_header(path).frames
    assert abs(again - (2 * once if tail == "joined" else once)) <= 2304


@needs_ffmpeg
@pytest.mark.parametrize("name", ["mp3", "m4a", "m4a with alac", "wma", "caf with alac", "tta"])
def test_a_recording_that_promises_more_is_refused_with_a_remedy(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    if name.startswith("m4a"):  # what is known of the sound stands at the start, as recorders write it
        moved = tmp_path / "moved.m4a"
        ffmpeg("-i", path, "-c", "copy", "-movflags", "+faststart", moved)
        path = moved
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(BadClipError, match=r"truncated|damaged|not readable"):
        read_clip(path)


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "m3u8"),
        (b"ffconcat version 1.0\nfile 'a.wav'\n", "mp3"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n", "m4a"),
        (b"\xff\xfb" + bytes(100), "mp3"),
        (b"ID3\x04\0\0\0\0\0\x0a" + bytes(200), "mp3"),
        (bytes(4) + b"ftypM4A " + bytes(100), "m4a"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "webm"),
        (b"hello", "wma"),
    ],
)
def test_playlists_and_fragments_are_refused(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    with pytest.raises(BadClipError, match=r"a\.\w+: "):
        read_clip(path)


def test_what_libsndfile_reads_is_left_to_it() -> None:
    heads = (
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0",
        b"OggS\0\2",
        b"FORM\0\0\0\0AIFF",
        b".snd",
        b"caff\0\1\0\0desc",
        b"",
    )
    assert [kind_of(head) for head in heads] == [None] * len(heads)
    assert kind_of(b"fLaC\0\0\0\x22" + bytes(10) + b"\x03\xe8\0\xf0\0\0\x3e\x80") is None
    assert kind_of(b"fLaC\0\0\0\x22" + bytes(10) + b"\x03\xe8\0\xf0\0\0\0\0") == "flac"
