"""Recordings as people have them: of other rates, channels and lengths, broken, silent, or none at all."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.features.acoustic import clip_features
from asd.recordings import audio
from asd.recordings.audio import BadClip, Clip, Header, read_clip, read_clips
from asd.scoring.model import Model, Verdict
from asd.scoring.windows import NoWindow, Window, read_windows
from shop_floor import RATE, SECONDS, hum, hum_model, record, variables


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "fan.onnx"
    hum_model(path)
    return Model.load(path)


def only(model: Model, path: Path) -> Verdict:
    (verdict,) = model.score(path)
    return verdict


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


# ------------------------------------------------------------------------------------------------------------- windows


def test_a_recording_of_the_usual_length_is_read_as_training_clips_are(model: Model, tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", channels=8)
    (window,) = read_windows(str(path), model.about).windows
    assert isinstance(window, Window)
    clip = read_clip(path)
    assert np.array_equal(window.samples, clip.samples)
    assert np.array_equal(window.features, clip_features(clip.samples))
    assert (window.start, window.end) == (0, SECONDS)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (0.5, [0]),
        (0.524, [0]),
        (0.55, [0, 0.05]),
        (1.0, [0, 0.5]),
        (1.02, [0, 0.5]),  # the rest has no whole frame
        (1.03, [0, 0.5, 0.53]),
        (1.7, [0, 0.5, 1.0, 1.2]),
    ],
)
def test_windows_cover_a_longer_recording_to_its_end(
    model: Model, tmp_path: Path, seconds: float, starts: list[float]
) -> None:
    path = record(tmp_path / "a.wav", seconds)
    whole = read_clip(path).samples
    windows = read_windows(str(path), model.about).windows
    assert [window.start for window in windows] == pytest.approx(starts)
    for window in windows:
        assert isinstance(window, Window)
        part = whole[round(window.start * RATE) : round(window.end * RATE)]
        assert np.array_equal(window.samples, part)
        assert np.array_equal(window.features, clip_features(part))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 30))
def test_the_last_samples_are_known_whatever_blocks_they_came_in(blocks: list[int], length: int) -> None:
    samples = np.arange(sum(blocks), dtype=np.float32)
    remembered = audio._Remembered(iter(np.split(samples, np.cumsum(blocks)[:-1])), length)
    assert np.array_equal(np.concatenate(list(remembered)), samples)
    assert np.array_equal(remembered.last(), samples[-length:])
    assert sum(map(len, remembered._recent)) < length + max(blocks)


@pytest.mark.parametrize("seconds", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_clips_before_the_last_are_those_of_the_workflow(tmp_path: Path, seconds: float, rate: int) -> None:
    """Which resamples each as if it were a recording, and leaves a rest out."""
    path = record(tmp_path / "a.wav", 1.25, rate=rate)
    expected = list(read_clips(path, seconds=seconds))
    got = list(read_clips(path, "mean", lambda header: seconds, to_the_end=True))
    assert len(got) == len(expected) + 1
    for one, other in zip(expected, got[:-1], strict=True):
        assert isinstance(one, Clip)
        assert isinstance(other, Clip)
        assert one.start == other.start
        assert np.array_equal(one.samples, other.samples)
    last = got[-1]
    assert isinstance(last, Clip)
    assert last.start + last.duration == pytest.approx(1.25)


def test_windows_need_not_keep_their_samples(model: Model, tmp_path: Path) -> None:
    path = str(record(tmp_path / "a.wav", 1.2))
    kept, bare = (read_windows(path, model.about, keep_samples=keep) for keep in (True, False))
    for one, other in zip(kept.windows, bare.windows, strict=True):
        assert isinstance(one, Window)
        assert isinstance(other, Window)
        assert np.array_equal(one.features, other.features)
        assert len(one.samples)
        assert not len(other.samples)


def test_without_a_length_a_recording_is_one_window(tmp_path: Path) -> None:
    about = hum_model(tmp_path / "m.onnx", seconds=None)
    (window,) = read_windows(str(record(tmp_path / "a.wav", 3.3)), about).windows
    assert (window.start, window.end) == (0, 3.3)


# ------------------------------------------------------------------------------------------------ in what they differ


def test_other_rates_and_channels_are_read_and_remarked_on(tmp_path: Path) -> None:
    hum_model(tmp_path / "m.onnx", channels=8)
    model = Model.load(tmp_path / "m.onnx")
    fine = only(model, record(tmp_path / "8.wav", channels=8))
    assert fine.remarks == ()
    mono = only(model, record(tmp_path / "1.wav"))
    assert mono.score == fine.score
    assert mono.remarks == ("1 channel(s), the training recordings have 8: another microphone?",)
    low = only(model, record(tmp_path / "low.wav", rate=8000, channels=8))
    assert low.remarks == ("8000 Hz, the training recordings have 16000 Hz: bands above half of it are missing",)
    assert any("below normal" in reason for reason in low.reasons)
    high = only(model, record(tmp_path / "high.wav", rate=48_000, channels=8))
    assert high.remarks == ()
    assert high.verdict != "error"


def test_a_short_recording_is_scored_with_a_remark(model: Model, tmp_path: Path) -> None:
    short = only(model, record(tmp_path / "short.wav", 0.2))
    assert short.verdict in ("normal", "anomalous")
    assert short.remarks == (
        "0.2 s, the training clips have 0.5 s: the score scatters more, and the p-value is approximate",
    )


def test_a_thousand_channels_are_as_good_as_one(model: Model, tmp_path: Path) -> None:
    one, many = record(tmp_path / "1.wav"), record(tmp_path / "1000.wav", channels=1000)
    assert only(model, many).score == pytest.approx(only(model, one).score, rel=1e-5)
    assert only(model, many).remarks == ("1000 channel(s), the training recordings have 1: another microphone?",)


def test_the_channel_of_the_training_is_taken(tmp_path: Path) -> None:
    hum_model(tmp_path / "m.onnx", channel=1, channels=2)
    model = Model.load(tmp_path / "m.onnx")
    second = write(tmp_path / "2.wav", np.stack([np.zeros(8000), hum(seed=3)], axis=1))
    assert only(model, second).score == only(model, record(tmp_path / "same.wav", seed=3, channels=2)).score
    missing = only(model, record(tmp_path / "1.wav"))
    assert missing.reasons == ("has 1 channel(s), numbered from 0, but the model was trained on number 1",)


# ------------------------------------------------------------------------------------------------- what can't be scored


def silence(path: Path) -> None:
    write(path, np.zeros(8000))


def cancelling(path: Path) -> None:
    write(path, np.stack([hum(), -hum()], axis=1))


def not_a_number(path: Path) -> None:
    samples = hum()
    samples[100] = np.nan
    write(path, samples, subtype="FLOAT")


def enormous(path: Path) -> None:
    write(path, hum().astype(np.float64) * 1e30, subtype="FLOAT")


def text(path: Path) -> None:
    path.write_text("no sound at all\n" * 100)


def empty(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    record(path)
    path.write_bytes(path.read_bytes()[:-1000])


def too_short(path: Path) -> None:
    write(path, hum()[:300])


def contradictory(path: Path) -> None:
    record(path)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", 1)  # Hz
    path.write_bytes(content)


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def broken_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.wav"))


def missing(path: Path) -> None:
    pass


UNUSABLE = {
    silence: "silent, every sample is 0",
    cancelling: "silent, every sample is",
    not_a_number: "contains NaN or infinite samples",
    enormous: "features are not finite",
    text: "not readable as audio",
    empty: r"the file is empty \(0 bytes\)",
    truncated: "truncated|missing|short",
    too_short: "300 samples .* shorter than one frame",
    contradictory: "its header contradicts itself",
    folder: "is a folder",
    pipe: "is not a regular file but a pipe",
    broken_link: "no such file",
    missing: "no such file",
}


@pytest.mark.parametrize("make", UNUSABLE, ids=lambda make: make.__name__)
def test_what_cant_be_scored_says_why_in_words_of_its_own(model: Model, tmp_path: Path, make) -> None:
    path = tmp_path / "a.wav"
    make(path)
    verdict = only(model, path)
    assert (verdict.verdict, verdict.anomalous) == ("error", False)
    assert np.isnan(verdict.score)
    assert np.isnan(verdict.p_value)
    (reason,) = verdict.reasons
    assert re.search(UNUSABLE[make], reason)
    # the name has a column of its own, and there is no configuration here
    assert str(path) not in reason
    assert "dataset." not in reason
    assert "requirements" not in reason


def test_an_unreadable_file_is_said_to_be_one(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path / "a.wav")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("asd.recordings.audio.os.open", refuse)  # root may read all
    assert only(model, path).reasons == ("no permission to read the file",)


def test_others_are_scored_although_some_cant_be(model: Model, tmp_path: Path) -> None:
    good = [record(tmp_path / f"{number}.wav", seed=number) for number in range(3)]
    text(tmp_path / "b.wav")
    files = [good[0], tmp_path / "b.wav", good[1], tmp_path / "none.wav", good[2]]
    found = model.score(files)
    assert [one.verdict == "error" for one in found] == [False, True, False, True, False]
    assert [found[at].score for at in (0, 2, 4)] == [only(model, path).score for path in good]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_window_that_cant_be_scored_spoils_no_other(model: Model, tmp_path: Path, value: float) -> None:
    samples = hum(2.0)
    samples[RATE // 2 : RATE] = value
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    found = model.score(path)
    assert [one.verdict == "error" for one in found] == [False, True, False, False]
    assert [(one.start, one.end) for one in found] == [(0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]
    assert re.search("silent|NaN", found[1].reasons[0])


def test_a_recording_that_breaks_off_counts_for_nothing(model: Model, tmp_path: Path) -> None:
    """Damage at the end of a FLAC file is found when its check sum is compared, after the last window."""
    path = tmp_path / "a.flac"
    soundfile.write(path, hum(2.0), RATE)
    content = bytearray(path.read_bytes())
    content[30] ^= 1  # of the check sum
    path.write_bytes(content)
    (verdict,) = model.score(path)
    assert verdict.verdict == "error"
    assert "FLAC check sum" in verdict.reasons[0]


def test_a_recording_that_changes_while_it_is_read_counts_for_nothing(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record(tmp_path / "a.wav", 2.0)
    original = audio._pieces

    def meddled(blocks: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
        yield from original(blocks, length)
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(audio, "_pieces", meddled)
    (verdict,) = model.score(path)
    assert verdict.verdict == "error"
    assert "was changed while it was read" in verdict.reasons[0]


def test_too_little_memory_is_said(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("asd.scoring.windows.clip_features", refuse)
    assert only(model, record(tmp_path / "a.wav")).reasons == ("there is not enough memory for it",)


# ------------------------------------------------------------------------------------------------------ very long ones


def write_long(path: Path, seconds: int, sounding: list[int]) -> None:
    """16 kHz mono that is silent but for some seconds, and takes no room on the disk for that."""
    length = 2 * RATE * seconds
    header = (
        b"RIFF"
        + struct.pack("<I", 36 + length)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    )
    with path.open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", length))
        for second in sounding:
            file.seek(44 + 2 * RATE * second)
            file.write((32767 * hum(1.0, second)).astype("<i2").tobytes())
        file.truncate(44 + length)


_LONG = """
import resource, sys
from asd.scoring.frugal import be_frugal

be_frugal()  # as the command does
from asd.scoring.model import Model

model = Model.load(sys.argv[1])
model.score(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = model.score(sys.argv[3])
print(len(found), sum(one.verdict != "error" for one in found), found[-1].end)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_three_hours_are_scored_in_little_memory(tmp_path: Path) -> None:
    hum_model(tmp_path / "m.onnx", seconds=10.0)
    record(tmp_path / "short.wav", 60.0)
    sounding = [*range(5, 10_800, 50), 10_799]  # in more windows than may be kept
    write_long(tmp_path / "long.wav", 3 * 3600, sounding)
    arguments = [tmp_path / name for name in ("m.onnx", "short.wav", "long.wav")]
    done = subprocess.run(
        [sys.executable, "-c", _LONG, *arguments], env=variables(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts, kilobytes = done.stdout.splitlines()
    assert counts == f"1080 {len(sounding)} 10800.0"
    assert int(kilobytes) < 100_000


def test_longer_than_any_clip_is_refused_only_where_windows_have_no_length(tmp_path: Path) -> None:
    about = hum_model(tmp_path / "m.onnx", seconds=None)
    write_long(tmp_path / "long.wav", 3 * 3600, [])
    (part,) = read_windows(str(tmp_path / "long.wav"), about).windows
    assert isinstance(part, NoWindow)
    assert part.reason.endswith("; cut it into shorter ones")


def test_what_is_wrong_with_a_whole_recording_comes_last_and_without_a_start(tmp_path: Path) -> None:
    seen: list[Header] = []

    def length(header: Header) -> float:
        seen.append(header)
        return 0.1

    path = record(tmp_path / "a.wav", 1.0)
    assert all(isinstance(one, Clip) for one in read_clips(path, "mean", length, to_the_end=True))
    assert [one.duration for one in seen] == [1.0]
    (bad,) = read_clips(tmp_path / "none.wav", "mean", length, to_the_end=True)
    assert isinstance(bad, BadClip)
    assert bad.start is None
