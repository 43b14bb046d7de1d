"""What detectors see of a clip."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from asd.ddae.denoiser import Denoiser
from asd.ddae.scaling import MinMaxScaling
from asd.detection.detectors import find_method
from asd.detection.projections import fit_projection
from asd.detection.representations import Denoised, Represented, blocks_of
from asd.detection.views import REPRESENTATIONS, WITHOUT_SCALING, columns_seen
from asd.features.bands import log_mel
from asd.features.columns import FEATURE_SETS


@pytest.fixture
def clips() -> Represented:
    generator = np.random.default_rng(0)
    features, denoised = (generator.normal(size=(5, 136)).astype(np.float32) for _ in range(2))
    minimum = generator.normal(size=136).astype(np.float32)
    scaling = MinMaxScaling(minimum, minimum + 3)
    embeddings = tuple(
        generator.normal(size=(5, width)).astype(np.float32) for width in (192, 64, 64)
    )  # with two folds
    return Represented(features, Denoised(scaling.apply(features), denoised, scaling), embeddings)


def test_each_representation_is_what_its_name_says(clips: Represented) -> None:
    own = {"denoised", "raw", "raw+denoised", "residual", "log-mel", "log-mel+denoised"}
    assert set(REPRESENTATIONS) == own | {"id-embedding"}
    ddae = clips.denoised
    assert np.array_equal(clips.get("denoised"), ddae.after)
    assert np.array_equal(clips.get("raw"), ddae.before)
    both = clips.get("raw+denoised")
    assert np.array_equal(both[:, :136], ddae.before)
    assert np.array_equal(both[:, 136:], ddae.after)
    assert np.array_equal(clips.get("residual") + ddae.after, ddae.before - ddae.after + ddae.after)


def test_what_needs_no_scaling_is_the_same_without_a_ddae_and_nothing_else_is_there(clips: Represented) -> None:
    alone = replace(clips, denoised=None)[1:]
    for name in REPRESENTATIONS:
        if name in WITHOUT_SCALING:
            assert np.array_equal(alone.get(name), clips[1:].get(name))
        else:
            with pytest.raises(ValueError, match=re.escape(f"unknown representation {name!r}, or nothing to make it")):
                alone.get(name)


def test_log_mel_undoes_the_dct_of_the_features_in_their_own_units() -> None:
    """From made mel spectra to their MFCC block by the formula of the orthonormal DCT-II, and back."""
    generator = np.random.default_rng(2)
    bands, basic = generator.normal(-5, 2, (4, 128)), generator.normal(size=(4, 8))
    number, band = np.arange(128)[:, None], np.arange(128)
    matrix = np.sqrt(2 / 128) * np.cos(np.pi * number * (2 * band + 1) / 256)
    matrix[0] /= np.sqrt(2)
    features = np.hstack([bands @ matrix.T, basic]).astype(np.float32)
    assert log_mel(features) == pytest.approx(bands, abs=1e-4)
    scaling = MinMaxScaling.fit([features])
    shifted = features + 0.5
    both = Represented(features, Denoised(scaling.apply(features), scaling.apply(shifted), scaling))
    expected, other = (np.hstack([log_mel(half), half[:, 128:]]).astype(np.float32) for half in (features, shifted))
    assert np.array_equal(both.get("log-mel"), expected)  # of the features as they are, not scaled and back
    assert np.array_equal(both.get("log-mel+denoised")[:, :136], expected)
    assert both.get("log-mel+denoised")[:, 136:] == pytest.approx(other, abs=1e-3)
    assert both.get("log-mel").dtype == both.get("log-mel+denoised").dtype == np.float32


def test_an_embedding_is_by_the_networks_of_all_clips_or_of_those_outside_a_fold(clips: Represented) -> None:
    assert np.array_equal(clips.get("id-embedding"), clips.embeddings[0])
    assert np.array_equal(clips.in_fold(1)[2:].get("id-embedding"), clips.embeddings[2][2:])
    assert blocks_of("id-embedding") == ()
    with pytest.raises(ValueError, match="unknown representation 'id-embedding'"):
        replace(clips, embeddings=()).get("id-embedding")


def test_temporal_features_are_in_log_mel_alone(clips: Represented) -> None:
    temporal = np.random.default_rng(4).normal(size=(5, 512)).astype(np.float32)
    every = Represented(np.hstack([clips.features, temporal]), clips.denoised)
    for name in REPRESENTATIONS:
        if name == "id-embedding":
            continue
        seen = every.get(name)
        assert seen.shape[1] == columns_seen(name, FEATURE_SETS)
        assert np.array_equal(seen[:, : clips.get(name).shape[1]], clips.get(name))
        blocks = [len(np.arange(seen.shape[1])[block]) for block in blocks_of(name, seen.shape[1])]
        assert blocks == ([128, 8, 512] if name == "log-mel" else [128, 8] * (seen.shape[1] // 136))
    assert np.array_equal(every.get("log-mel")[:, 136:], temporal)


def test_temporal_columns_together_count_half_as_much_as_the_mean_spectrum() -> None:
    """And with few clips, many columns and a constant one, HULL on either view has finite scores that tell them."""
    generator = np.random.default_rng(5)
    rows, others = (generator.normal(3.0, 2.0, (clips, 648)) + generator.normal(size=(clips, 1)) for clips in (60, 20))
    rows[:, 300] = others[:, 300] = -18.4  # a band that is always empty
    others[10:, 136:] += 3.0
    blocks = blocks_of("log-mel", 648)
    variance = fit_projection("standard", rows, blocks).apply(rows).var(axis=0)
    assert [variance[block].sum() for block in blocks] == pytest.approx([128, 8, 64], rel=0.01)
    assert fit_projection("standard", rows, blocks_of("log-mel")).apply(rows).var(axis=0).max() == pytest.approx(1)
    for name in ("standard", "whitening"):
        projection = fit_projection(name, rows, blocks)
        scores = find_method("HULL").fit(projection.apply(rows), 0, n_neighbors=20, regularization=0.1)
        assert np.isfinite(scores.training_scores).all()
        assert scores.score(projection.apply(others))[10:].min() > scores.score(projection.apply(others))[:10].max()
    assert sum(fit_projection("map-pca", rows, blocks).counts) >= 3


def test_unknown_names_are_refused(clips: Represented) -> None:
    with pytest.raises(ValueError, match="unknown representation 'noised'"):
        clips.get("noised")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in REPRESENTATIONS if name != "id-embedding"])
def test_blocks_cover_every_column_once_mfcc_and_basic_in_turns(clips: Represented, name) -> None:
    columns = np.arange(clips.get(name).shape[1])
    blocks = [columns[block] for block in blocks_of(name)]
    assert np.array_equal(np.concatenate(blocks), columns)
    assert [len(block) for block in blocks] == [128, 8] * (len(columns) // 136)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_some_clips_are_taken_from_every_part(clips: Represented, name) -> None:
    part = clips[np.array([3, 1])]
    assert len(part) == 2
    assert np.array_equal(part.get(name), clips.get(name)[[3, 1]])


def test_clips_are_scaled_and_denoised_by_the_machine_s_ddae() -> None:
    generator = np.random.default_rng(1)
    features = generator.normal(size=(4, 136)).astype(np.float32)

    def layers(columns: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (generator.normal(size=shape).astype(np.float32), np.zeros(shape[0], np.float32))
            for shape in ((3, columns), (columns, 3))
        ]

    denoiser = Denoiser(MinMaxScaling.fit([features]), {"mfcc": layers(128), "basic": layers(8)})
    clips = Represented.of(features, denoiser)
    assert clips.features is features
    wider = np.hstack([features, features[:, :9]])  # the DDAE does not see what follows
    assert np.array_equal(denoiser.denoise(wider), denoiser.denoise(features))
    assert np.array_equal(clips.get("raw"), denoiser.scale(features))
    assert np.array_equal(clips.get("denoised"), denoiser.denoise(features))
    assert denoiser.denoise_unscaled(features) == pytest.approx(denoiser.scaling.invert(clips.get("denoised")))
