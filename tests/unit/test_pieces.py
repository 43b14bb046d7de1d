"""Long recordings in clips, and recordings with a file for each channel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.recordings import audio
from asd.recordings.audio import BadClip, BadClipError, Clip, read_clip, read_clip_header, read_clips
from places import REPOSITORY

RATE = 16000


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((frames, channels))


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def good(path: Path | tuple[str, ...], seconds: float | None, channel: audio.Channel = "mean") -> list[Clip]:
    clips = list(read_clips(path, channel, seconds))
    assert all(isinstance(clip, Clip) for clip in clips), clips
    return [clip for clip in clips if isinstance(clip, Clip)]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.33, 0.9, 1.0])
def test_pieces_are_the_recording_without_its_rest(
    tmp_path: Path, name: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / name, noise(RATE, 2))
    whole = read_clip(path)
    monkeypatch.setattr(audio, "_VALUES_AT_ONCE", 1)
    monkeypatch.setattr(audio, "_SAMPLES_AT_ONCE", 1700)  # blocks that fit no piece
    clips = good(path, seconds)
    length = round(seconds * RATE)
    assert [clip.start for clip in clips] == [number * length / RATE for number in range(RATE // length)]
    joined = np.concatenate([clip.samples for clip in clips])
    np.testing.assert_allclose(joined, whole.samples[: len(joined)], atol=1e-7)
    assert {(clip.duration, clip.sample_rate, clip.channels) for clip in clips} == {(length / RATE, RATE, 2)}


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.integers(1, 30), max_size=8), st.integers(1, 40))
def test_blocks_of_any_length_become_pieces_of_one(blocks: list[int], length: int) -> None:
    samples = np.arange(sum(blocks), dtype=np.float32)
    parts = iter(np.split(samples, np.cumsum(blocks)[:-1])) if blocks else iter(())
    pieces = list(audio._pieces(parts, length))
    assert [len(piece) for piece in pieces] == [length] * (len(samples) // length)
    np.testing.assert_array_equal(np.concatenate([*pieces, []]), samples[: len(samples) // length * length])


def test_each_piece_is_resampled_as_if_it_were_a_recording(tmp_path: Path) -> None:
    samples = noise(44100 * 2)
    clips = good(write(tmp_path / "long.wav", samples, 44100), 0.5)
    alone = [read_clip(write(tmp_path / "one.wav", part, 44100)).samples for part in np.split(samples, 4)]
    assert len(clips) == 4
    for clip, expected in zip(clips, alone, strict=True):
        np.testing.assert_array_equal(clip.samples, expected)


def test_a_silent_piece_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    samples = noise(3 * RATE)
    samples[RATE : 2 * RATE] = 0
    clips = list(read_clips(write(tmp_path / "gap.wav", samples), seconds=1))
    assert [clip.start for clip in clips] == [0, 1, 2]
    assert isinstance(clips[1], BadClip)
    assert "gap.wav: silent" in clips[1].reason
    assert "at 1 s" in clips[1].reason


def test_of_a_broken_recording_nothing_is_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", noise(3 * RATE), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    *_, last = read_clips(path, seconds=0.5)
    assert isinstance(last, BadClip)
    assert last.start is None
    (missing,) = read_clips(tmp_path / "missing.wav", seconds=0.5)
    assert missing == BadClip(None, f"{tmp_path}/missing.wav: no such file")


def test_a_recording_shorter_than_a_clip_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "short.wav", noise(RATE))
    (clip,) = read_clips(path, seconds=1.5)
    assert isinstance(clip, BadClip)
    assert "1.00 s are shorter than a clip of 1.5 s" in clip.reason
    with pytest.raises(BadClipError, match="shorter than a clip"):
        read_clip_header(path, seconds=1.5)


@pytest.mark.parametrize("widths", [(1, 1), (2, 1), (1, 3, 2)])
def test_files_of_channels_are_one_recording(tmp_path: Path, widths: tuple[int, ...]) -> None:
    samples = noise(RATE, sum(widths))
    parts = np.split(samples, np.cumsum(widths)[:-1], axis=1)
    files = tuple(str(write(tmp_path / f"{n}.wav", part, subtype="PCM_16")) for n, part in enumerate(parts))
    together = write(tmp_path / "all.wav", samples, subtype="PCM_16")
    for channel in ("mean", *range(sum(widths))):
        one, other = read_clip(files, channel), read_clip(together, channel)
        np.testing.assert_allclose(one.samples, other.samples, atol=1e-7)
        assert one.channels == other.channels == sum(widths)
    assert read_clip_header(files) == read_clip_header(together)
    with pytest.raises(BadClipError, match=f"asks for number {sum(widths)}"):
        read_clip(files, sum(widths))
    assert len(good(files, 0.25)) == 4


@pytest.mark.parametrize(("frames", "rate", "said"), [(RATE - 1, RATE, "15999 samples"), (RATE, 8000, "8000 Hz")])
def test_files_that_do_not_belong_together_are_named(tmp_path: Path, frames: int, rate: int, said: str) -> None:
    files = (
        str(write(tmp_path / "left.wav", noise(RATE))),
        str(write(tmp_path / "right.wav", noise(frames, seed=1), rate)),
    )
    with pytest.raises(BadClipError, match=rf"right\.wav: {said}, but \d+ in .*left\.wav"):
        read_clip(files)


def test_channels_that_cancel_each_other_have_a_remedy(tmp_path: Path) -> None:
    one = noise(RATE)
    with pytest.raises(BadClipError, match=r"silent.*dataset\.channel: 0"):
        read_clip(write(tmp_path / "a.wav", np.hstack([one, -one]), subtype="FLOAT"))


def test_an_hour_takes_no_more_memory_than_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    with soundfile.SoundFile(path, "w", 48000, 2, "PCM_16") as file:
        block = (3000 * np.random.default_rng(0).standard_normal((48000 * 60, 2))).astype(np.int16)
        for _ in range(10):
            file.write(block)
    script = (
        "import resource, sys; from asd.recordings.audio import read_clips\n"
        "next(read_clips(sys.argv[1], 'mean', 10)); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "n = sum(1 for _ in read_clips(sys.argv[1], 'mean', 10))\n"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    count, kilobytes = map(int, done.stdout.split())
    assert count == 60
    assert kilobytes < 60_000  # the samples are 115 MB
