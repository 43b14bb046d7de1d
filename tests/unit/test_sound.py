"""The sound of a clip on a page, and the spectrogram beside it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from asd.features.acoustic import clip_features
from asd.features.bands import log_mel
from asd.features.spectrogram import DECIBELS, seconds_of, spectrogram, thinned
from asd.scoring import sound
from asd.scoring.sound import sound_of, with_serial


def noise(seconds: float = 1.0, level: float = 0.02) -> NDArray[np.float32]:
    return (level * np.random.default_rng(0).normal(size=round(16_000 * seconds))).astype(np.float32)


def decoded(content: bytes) -> NDArray[np.float64]:
    samples, rate = soundfile.read(io.BytesIO(content))
    assert rate == 16_000
    return np.asarray(samples)


def test_a_clip_is_opus_of_the_same_length_and_made_louder() -> None:
    clip = noise()
    found = sound_of(clip)
    assert soundfile.info(io.BytesIO(found.content)).subtype == "OPUS"
    assert found.kind == "audio/ogg;codecs=opus"
    heard = decoded(found.content)
    assert (len(heard), found.seconds, found.whole) == (16_000, 1.0, True)
    louder = 10 ** (found.decibels / 20)
    assert np.abs(clip).max() * louder == pytest.approx(10 ** (-1 / 20), rel=1e-5)
    # the codec changes the wave, but not how much of it there is
    assert np.sqrt((heard**2).mean()) == pytest.approx(np.sqrt((clip**2).mean()) * louder, rel=0.1)


def test_the_same_clip_gives_the_same_bytes() -> None:
    assert len({sound_of(noise()).content for _ in range(3)}) == 1


def test_without_opus_a_clip_is_flac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "available_subtypes", lambda _: {"VORBIS": "Vorbis"})
    clip = noise()
    found = sound_of(clip)
    assert found.kind == "audio/flac"
    assert found.content[:4] == b"fLaC"
    assert decoded(found.content) == pytest.approx(clip * 10 ** (found.decibels / 20), abs=1e-4)


def test_what_is_loud_stays_as_it_is_and_what_is_too_loud_is_clipped() -> None:
    assert sound_of(noise(level=0.3)).decibels == 0.0
    loud = np.float32(3.0) * noise(level=1.0)
    assert np.isfinite(decoded(sound_of(loud).content)).all()


def test_clips_are_made_louder_by_the_same_amount_where_that_is_asked_for() -> None:
    one, other = sound_of(noise(level=0.01), loudest=0.1), sound_of(noise(level=0.001), loudest=0.1)
    assert one.decibels == other.decibels == pytest.approx(19.0, abs=1e-5)
    assert sound_of(noise(level=0.1), loudest=0.1).decibels < 19.0


def test_of_a_long_clip_the_beginning_is_kept() -> None:
    found = sound_of(noise(3.0), longest=1.0)
    assert (found.seconds, found.whole, len(decoded(found.content))) == (1.0, False, 16_000)
    assert sound_of(noise(3.0), longest=3.0).whole


def test_a_clip_that_is_written_in_several_parts_is_whole() -> None:
    seconds = 2.5 * sound._AT_ONCE / 16_000
    assert len(decoded(sound_of(noise(seconds)).content)) == round(16_000 * seconds)


def test_another_serial_number_has_checksums_that_fit() -> None:
    content = sound_of(noise()).content
    changed = with_serial(content, 0xDEADBEEF)
    assert changed != content
    assert changed.count(bytes.fromhex("efbeadde")) == changed.count(b"OggS")
    # libogg throws pages away whose checksum does not fit
    assert (decoded(changed) == decoded(content)).all()
    broken = bytearray(changed)
    broken[22] ^= 1
    with pytest.raises(soundfile.LibsndfileError):
        decoded(bytes(broken))


def test_a_serial_number_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no Ogg file"):
        with_serial(b"RIFF" + bytes(100), 1)


def test_a_spectrogram_has_the_features_as_its_mean() -> None:
    clip = noise(0.5)
    found = spectrogram(clip)
    assert found.shape == (128, 51)
    assert seconds_of(found.shape[1]) == pytest.approx(0.51)
    mean = DECIBELS * log_mel(clip_features(clip)[None])[0]
    assert found.mean(axis=1, dtype=np.float64) == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize(("frames", "most"), [(1, 1), (10, 3), (10, 10), (10, 99), (1001, 500), (7, 1)])
def test_thinned_spectrograms_are_means_of_neighbours(frames: int, most: int) -> None:
    values = np.random.default_rng(frames).normal(size=(4, frames)).astype(np.float32)
    found = thinned(values, most)
    together = next(count for count in range(1, frames + 1) if -(-frames // count) <= most)
    wanted = [values[:, start : start + together].mean(axis=1) for start in range(0, frames, together)]
    assert found.shape[1] <= most
    assert found == pytest.approx(np.stack(wanted, axis=1), abs=1e-6)
