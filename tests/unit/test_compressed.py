"""MP3, M4A, AAC, WMA, WebM and others: length and samples are those of ffmpeg, and what is lost is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd.recordings.audio import BadClipError, read_clip, read_clip_header
from asd.recordings.compressed import HEAD_BYTES, CompressedError, CompressedFile, kind_of, kind_of_file
from asd.recordings.listing import AUDIO_ENDINGS

RATE = 16000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg (Debian) makes the files")

MADE = {
    "mp3": ("a.mp3", ["-c:a", "libmp3lame", "-q:a", "4"]),
    "mp3 of constant rate without Xing header": ("a.mp3", ["-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0"]),
    "mp3 of variable rate without Xing header": ("a.mp3", ["-c:a", "libmp3lame", "-q:a", "6", "-write_xing", "0"]),
    "mp3 with tags": ("a.mp3", ["-c:a", "libmp3lame", "-metadata", "title=x", "-write_id3v1", "1"]),
    "mp3 through a pipe": ("a.mp3", ["-c:a", "libmp3lame", "-q:a", "4", "PIPE"]),
    "mp3 in wav": ("a.wav", ["-c:a", "libmp3lame", "-f", "wav"]),
    "mp3 in wav through a pipe": ("a.wav", ["-c:a", "libmp3lame", "PIPE"]),
    "wma in wav": ("a.wav", ["-c:a", "wmav2", "-f", "wav"]),
    "mp2": ("a.mp2", ["-c:a", "mp2"]),
    "m4a": ("a.m4a", ["-c:a", "aac"]),
    "m4a with alac": ("a.m4a", ["-c:a", "alac"]),
    "aac": ("a.aac", ["-c:a", "aac"]),
    "wma": ("a.wma", ["-c:a", "wmav2"]),
    "wma of version 1": ("a.wma", ["-c:a", "wmav1"]),
    "m4a in fragments": ("a.m4a", ["-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"]),
    "3gp": ("a.3gp", ["-c:a", "aac"]),
    "amr": ("a.amr", ["-c:a", "libopencore_amrnb", "-ac", "1", "-ar", "8000"]),
    "webm with vorbis": ("a.webm", ["-c:a", "libvorbis"]),
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


def heard(path: Path) -> tuple[int, np.ndarray]:
    """What FFmpeg's own program decodes, and the number of channels: float32 [samples, channels]."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=channels", "-of", "csv=p=0"]
    channels = int(
        subprocess.run([*probe, str(path)], check=True, stdout=subprocess.PIPE).stdout.split()[0].strip(b",")
    )
    return channels, np.frombuffer(ffmpeg("-i", path, "-f", "f32le", "-"), "<f4").reshape(-1, channels)


def read(path: Path, at_once: int = 1000) -> tuple[CompressedFile, np.ndarray]:
    """The file and all of its samples, read in parts."""
    kind = kind_of(path.read_bytes()[:HEAD_BYTES])
    assert kind is not None
    with CompressedFile(path, kind) as file:
        parts = [file.read(at_once)]
        while len(parts[-1]):
            parts.append(file.read(at_once))
        assert file.frames == sum(map(len, parts))
        assert max(map(len, parts)) <= at_once
        return file, np.concatenate(parts)


def assert_heard(path: Path) -> int:
    """Assert that length and samples are those of FFmpeg's program, and return the length."""
    channels, expected = heard(path)
    file, samples = read(path)
    assert (file.frames, file.channels, samples.dtype) == (len(expected), channels, np.float32)
    np.testing.assert_allclose(samples, expected, atol=1e-3)
    return file.frames


@needs_ffmpeg
@pytest.mark.parametrize("name", [name for name in MADE if name not in ("flac of unknown length", "ogg with flac")])
def test_length_and_samples_are_those_that_ffmpeg_decodes(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    frames = assert_heard(path)
    header = read_clip_header(path)
    assert header.frames == frames
    assert abs(header.duration - 3) < 0.15
    spectrum = np.abs(np.fft.rfft(read_clip(path).samples[: 2 * RATE]))
    assert abs(np.argmax(spectrum) / 2 - 440) < 1


@needs_ffmpeg
@pytest.mark.parametrize("name", ["flac of unknown length", "ogg with flac"])
def test_flac_that_libsndfile_does_not_read_is_read_exactly(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    assert read_clip_header(path).frames == 3 * RATE
    np.testing.assert_allclose(read_clip(path).samples, heard(path)[1].mean(axis=1), atol=1e-6)


NO_XING = ["mp3 of constant rate without Xing header", "mp3 of variable rate without Xing header", "mp2"]


@needs_ffmpeg
@pytest.mark.parametrize("name", ["mp3", "mp3 with tags", *NO_XING])
def test_joined_recordings_count_as_a_whole(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    once = assert_heard(path)
    path.write_bytes(path.read_bytes() * 3)
    assert (
        abs(assert_heard(path) - 3 * once) <= 2 * 2304
    )  # delay and padding that a header states are cut off once only


@needs_ffmpeg
@pytest.mark.parametrize("name", NO_XING)
@pytest.mark.parametrize("what", ["zeros behind", "junk before", "ID3v2 before", "ID3v1 behind", "APE behind"])
def test_what_is_no_audio_makes_no_difference(name: str, what: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    content, once = path.read_bytes(), assert_heard(path)
    items = b"".join(
        (5000).to_bytes(4, "little") + bytes(4) + key + b"\0" + bytes(range(1, 251)) * 20 for key in (b"AB", b"CD")
    )
    tag = b"APETAGEX" + (2000).to_bytes(4, "little") + (len(items) + 32).to_bytes(4, "little") + b"\2\0\0\0"
    changed = {
        "zeros behind": content + bytes(4096),
        "junk before": bytes(range(250)) * 4 + content,
        "ID3v2 before": b"ID3\4\0\0\0\1\0\0" + b"Info".ljust(16384, b"x") + content,
        "ID3v1 behind": content + b"TAG" + bytes(125),
        "APE behind": content + tag + b"\0\0\0\xa0" + bytes(8) + items + tag + b"\0\0\0\x80" + bytes(8),
    }
    path.write_bytes(changed[what])
    assert read_clip_header(path).frames == once


@needs_ffmpeg
@pytest.mark.parametrize("name", [*NO_XING, "aac"])
@pytest.mark.parametrize("lost", [1, 100, 1001, 4000])
def test_of_a_stream_that_promises_nothing_the_whole_frames_are_read(
    name: str, lost: int, source: Path, tmp_path: Path
) -> None:
    path = made(name, source, tmp_path)
    whole = read(path)[1]
    path.write_bytes(path.read_bytes()[:-lost])
    samples = read(path)[1]
    assert 0 <= len(whole) - len(samples) <= 1152 + 4 * RATE * lost // 1000
    sure = len(samples) - 2 * 1152  # of the last frames there is a part
    np.testing.assert_array_equal(samples[:sure], whole[:sure])


@needs_ffmpeg
@pytest.mark.parametrize("frames", [1, 2, 30])
def test_each_frame_that_a_header_counts_has_to_be_there(frames: int, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    ffmpeg("-i", source, "-c:a", "libmp3lame", "-b:a", "64k", path)
    length = 72 * 64000 // RATE  # bytes of a frame
    path.write_bytes(path.read_bytes()[: -frames * length])
    with pytest.raises(CompressedError, match=r"truncated, \d+ frames are promised, but only \d+ are there"):
        read(path)


@needs_ffmpeg
def test_frames_that_can_not_be_decoded_are_damage(source: Path, tmp_path: Path) -> None:
    path = made("mp3 of constant rate without Xing header", source, tmp_path)
    content = bytearray(path.read_bytes())
    content[6000:7000] = bytes(range(200)) * 5
    path.write_bytes(content)
    with pytest.raises(CompressedError, match="damaged"):
        read(path)


@needs_ffmpeg
def test_the_sound_of_a_film_is_taken_and_of_two_streams_none(source: Path, tmp_path: Path) -> None:
    film = ["-f", "lavfi", "-i", "testsrc=d=4:r=5:s=64x64"]
    for name in ("film.mp4", "film.mkv", "film.wmv"):
        path = tmp_path / name
        ffmpeg(
            *film,
            "-i",
            source,
            "-c:v",
            "mpeg4" if name != "film.wmv" else "wmv2",
            "-c:a",
            "wmav2" if name == "film.wmv" else "aac",
            path,
        )
        assert_heard(path)
    two = tmp_path / "two.m4a"
    ffmpeg("-i", source, "-map", "0:a", "-map", "0:a", two)
    with pytest.raises(CompressedError, match=r"2 audio streams in it; .*ffmpeg -i in -map 0:a:0"):
        read(two)
    silent = tmp_path / "silent.mp4"
    ffmpeg(*film, "-c:v", "mpeg4", silent)
    with pytest.raises(CompressedError, match="no audio in it"):
        read(silent)


@needs_ffmpeg
@pytest.mark.parametrize("other", [["-ar", "32000"], ["-ac", "1"]])
def test_a_change_of_rate_or_channels_is_refused(other: list[str], source: Path, tmp_path: Path) -> None:
    path = made("mp2", source, tmp_path)
    second = tmp_path / "other.mp2"
    ffmpeg("-i", source, *other, second)
    path.write_bytes(path.read_bytes() + second.read_bytes())
    with pytest.raises(CompressedError, match="changes within it; convert it"):
        read(path)


@needs_ffmpeg
def test_a_file_object_is_read_beside_another_reader_and_stays_open(source: Path, tmp_path: Path) -> None:
    path = made("m4a", source, tmp_path)
    with path.open("rb") as content:
        kind = kind_of_file(content.fileno())
        assert kind == "mov"
        with CompressedFile(content, kind) as one, CompressedFile(content, kind) as two:
            first = one.read(5000)
            assert (one.frames, one.subtype, one.samplerate) == (two.frames, "AAC", RATE)
            np.testing.assert_array_equal(two.read(5000), first)
            assert len(one.read(10**9)) == one.frames - 5000
            assert one.read(1).shape == (0, 2)
        assert not content.closed


@needs_ffmpeg
@pytest.mark.parametrize(("encoder", "depth"), [("pcm_u8", 8), ("pcm_s16le", 16), ("pcm_s24le", 24), ("pcm_s32le", 32)])
def test_integers_are_scaled_exactly(encoder: str, depth: int, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-(2 ** (depth - 1)), 2 ** (depth - 1), 1000)
    plain = (values * 2 ** (32 - depth)).astype("<i4").tobytes()
    path = tmp_path / "a.mka"
    ffmpeg("-f", "s32le", "-ar", RATE, "-ac", "1", "-i", "-", "-c:a", encoder, path, input=plain)
    np.testing.assert_array_equal(read(path)[1][:, 0], (values / 2.0 ** (depth - 1)).astype(np.float32))


def test_endings_of_what_is_read_are_known_once_and_in_lower_case() -> None:
    made_here = {Path(file).suffix for file, _ in MADE.values()}
    assert made_here <= set(AUDIO_ENDINGS)
    assert len(set(AUDIO_ENDINGS)) == len(AUDIO_ENDINGS)
    assert all(ending.startswith(".") and ending == ending.lower() for ending in AUDIO_ENDINGS)


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


@needs_ffmpeg
@pytest.mark.parametrize("name", ["aac", "webm", "mp3 of variable rate without Xing header", "wma", "mp3 in wav"])
def test_audio_missing_in_the_middle_is_noticed(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + content[middle + 3001 :])
    with pytest.raises(CompressedError, match=r"damaged|truncated|missing"):
        read(path)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["wavpack", "tta", "m4a", "wma", "aac", "mp2"])
def test_bytes_behind_the_end_are_no_damage(name: str, source: Path, tmp_path: Path) -> None:
    path = made(name, source, tmp_path)
    frames = read(path)[0].frames
    path.write_bytes(path.read_bytes() + bytes(range(200)) * 3)
    assert read_clip_header(path).frames == frames


@pytest.mark.parametrize(
    "head", [b"fLaC", b"RIFF\0\0\0\0WAVEfmt ", b"caff\0\1\0\0desc", b"\xff\xfb\x90", b"\xff\xf1", b"ID3\4"]
)
def test_a_file_of_a_few_bytes_is_no_recording(head: bytes, tmp_path: Path) -> None:
    for length in range(len(head) + 1):
        path = tmp_path / "a.bin"
        path.write_bytes(head[:length])
        with pytest.raises(BadClipError):
            read_clip(path)


def test_the_place_that_libsndfile_reads_on_from_is_left_alone(source: Path) -> None:
    with source.open("rb", buffering=0) as content:
        assert kind_of_file(content.fileno()) is None
        assert content.tell() == 0


def test_something_else_behind_an_mp3_that_promises_nothing_is_damage(tmp_path: Path) -> None:
    """A last frame that is there in part is none of it."""
    soundfile.write(tmp_path / "a.mp3", 0.3 * np.sin(np.arange(RATE) / 6), RATE)
    content = (tmp_path / "a.mp3").read_bytes().replace(b"Info", bytes(4)).replace(b"Xing", bytes(4))
    (tmp_path / "a.mp3").write_bytes(content)
    read_clip(tmp_path / "a.mp3")
    other = np.random.default_rng(0).integers(0, 200, 14_000, np.uint8).tobytes()  # 200: no frame begins anywhere
    (tmp_path / "a.mp3").write_bytes(content + other)
    with pytest.raises(BadClipError, match="damaged"):
        read_clip(tmp_path / "a.mp3")


@pytest.mark.parametrize("start", [b"RIFFxxxx", b"riff.\x91\xcf\x11", b"FORMxxxx", b"OggS\0\2\0\0", b"fLaC\0\0\0\x22"])
def test_an_mp3_is_not_looked_for_in_files_of_other_formats(start: bytes, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", 0.3 * np.sin(np.arange(RATE) / 6), RATE)
    content = (tmp_path / "a.mp3").read_bytes()
    assert kind_of(b"xxxxxxxx" + content) == "mp3"
    assert kind_of(start + content) != "mp3"
