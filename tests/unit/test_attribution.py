"""What a score comes from: parts of a clip in the place of those of the nearest normal clip, and whether the right
part is named."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from asd.demo.signals import generator
from asd.features.acoustic import clip_features
from asd.features.bands import log_mel
from asd.features.columns import FEATURE_SETS, OF_THE_DDAE, FeatureSet, mel_centres
from asd.scoring.attribution import GROUP, GROUPS, Attribution, attribute, mixtures
from asd.scoring.model import Model
from narrow_faults import SteadyMachine
from small_models import neighbour_model, small_model

TRIALS = 200


def two_clips(columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(columns).normal(size=(2, columns)).astype(np.float32)


@pytest.mark.parametrize("columns", [136, 648])
def test_a_mixture_has_what_is_kept_and_nothing_else_of_the_clip(columns: int) -> None:
    clip, nearest = two_clips(columns)
    kept = np.random.default_rng(0).random((20, GROUPS + 1)) < 0.5
    mixed = mixtures(clip, nearest, kept)
    assert mixed.dtype == np.float32
    own, other, found = log_mel(clip[None])[0], log_mel(nearest[None])[0], log_mel(mixed)
    for row, which in enumerate(kept):
        for band in range(128):
            source, features = (own, clip) if which[band // GROUP] else (other, nearest)
            assert found[row, band] == pytest.approx(source[band], abs=1e-5)
            for statistic in range((columns - 136) // 128):
                column = 136 + 128 * statistic + band
                assert mixed[row, column] == features[column]
        assert (mixed[row, 128:136] == (clip if which[GROUPS] else nearest)[128:136]).all()


def test_the_whole_clip_and_the_whole_other_one_stay_as_they_are() -> None:
    clip, nearest = two_clips(648)
    kept = np.stack([np.ones(GROUPS + 1, bool), np.zeros(GROUPS + 1, bool)])
    assert (mixtures(clip, nearest, kept) == np.stack([clip, nearest])).all()


def test_contributions_to_a_sum_are_its_terms_and_it_is_asked_once() -> None:
    clip, nearest = two_clips(136)
    weights = np.random.default_rng(1).normal(size=136)
    calls = []

    def score(features: NDArray[np.float32]) -> NDArray[np.float64]:
        calls.append(len(features))
        return np.asarray(np.concatenate([log_mel(features), features[:, 128:]], axis=1) @ weights)

    found = attribute(score, clip, nearest)
    assert calls == [2 * (GROUPS + 1) + 2]
    terms = weights * (
        np.concatenate([log_mel(clip[None])[0], clip[128:]])
        - np.concatenate([log_mel(nearest[None])[0], nearest[128:]])
    )
    wanted = [*terms[:128].reshape(GROUPS, GROUP).sum(axis=1), terms[128:].sum()]
    for part, term in zip(found.parts, wanted, strict=True):
        assert (part.fall, part.rise, part.contribution) == pytest.approx((term, term, term), abs=1e-4)
    assert found.score - found.nearest_score == pytest.approx(sum(wanted), abs=1e-4)
    assert [part.contribution for part in found.ranked] == sorted((p.contribution for p in found.parts), reverse=True)


def test_of_two_parts_either_of_which_is_enough_both_are_seen() -> None:
    clip, nearest = np.zeros((2, 136), np.float32)
    clip[0] = 10.0  # every band differs

    def score(features: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.maximum(*log_mel(features)[:, [0, 127]].T)

    found = attribute(score, clip, nearest)
    whole = found.score
    first, last = found.parts[0], found.parts[GROUPS - 1]
    assert (first.fall, last.fall) == pytest.approx((0.0, 0.0), abs=1e-5)
    assert (first.contribution, last.contribution) == pytest.approx((whole / 2, whole / 2))
    others = [part.contribution for part in found.parts if part not in (first, last)]
    assert others == pytest.approx([0.0] * len(others), abs=1e-6)


def test_ranges_follow_each_other_from_0_to_8_khz() -> None:
    clip, nearest = two_clips(136)
    parts = attribute(lambda features: np.zeros(len(features)), clip, nearest).parts
    assert parts[-1].hertz is None
    edges = [part.hertz for part in parts[:-1] if part.hertz is not None]
    assert len(edges) == GROUPS
    assert (edges[0][0], edges[-1][1]) == (0.0, 8000.0)
    assert all(one[1] == two[0] for one, two in itertools.pairwise(edges))
    for number, (low, high) in enumerate(edges):
        centres = mel_centres()[number * GROUP : (number + 1) * GROUP]
        assert low < centres[0] < centres[-1] < high


def trials(
    folder: Path, sets: tuple[FeatureSet, ...], *, cepstra: bool = False, hum: bool = False
) -> list[tuple[Attribution, int]]:
    """Attributions of faults of 6 dB, and the number of the range that each is in."""
    with threadpool_limits(1):  # beside other work, sums of 32 000 numbers wait for threads longer than they take
        return list(_trials(folder, sets, cepstra=cepstra, hum=hum))


def _trials(
    folder: Path, sets: tuple[FeatureSet, ...], *, cepstra: bool, hum: bool
) -> Iterator[tuple[Attribution, int]]:
    for seed in range(2):
        machine, rng = SteadyMachine.drawn(seed, hum=hum), generator("trials", seed, len(sets))
        train = machine.features(rng, 120, sets)
        path = folder / f"{seed}.onnx"
        (small_model if cepstra else neighbour_model)(path, train[:100], train[100:])
        model = Model.load(path)
        for number in range(TRIALS // 2):
            hertz = float(np.exp(rng.uniform(np.log(120.0), np.log(7500.0))))
            sound = machine.clip(rng) + machine.fault(rng, hertz, tone=number % 2 == 1)
            clip = clip_features(sound, sets)
            (nearest,) = model.outputs(clip[None], ["nearest_normal"])
            band = int(np.abs(np.array(mel_centres()) - hertz).argmin())
            yield attribute(model.scores, clip, nearest[0]), band // GROUP


def share_among(found: list[tuple[Attribution, int]], places: int, *, by: str = "contribution") -> float:
    """Of the attributions that have the range of the fault among the first places."""
    ranks = [
        sum(getattr(other, by) > getattr(attribution.parts[place], by) for other in attribution.parts)
        for attribution, place in found
    ]
    return float(np.mean(np.array(ranks) < places))


@pytest.mark.parametrize("hum", [False, True])
@pytest.mark.parametrize("sets", [OF_THE_DDAE, FEATURE_SETS], ids=["136", "648"])
def test_the_range_of_a_fault_is_among_the_first_three(sets: tuple[FeatureSet, ...], hum: bool, tmp_path: Path) -> None:
    found = trials(tmp_path, sets, hum=hum)
    first, three = (share_among(found, places) for places in (1, 3))
    print(f"\n{len(found)} faults, {sets}, hum {hum}: first {first:.3f}, among the first three {three:.3f}")
    assert len(found) == TRIALS
    assert three >= 0.95
    assert first >= 0.8


def test_the_mean_of_both_answers_finds_more_than_either_where_a_score_is_of_many_columns_at_once(
    tmp_path: Path,
) -> None:
    found = trials(tmp_path, OF_THE_DDAE, cepstra=True, hum=True)
    shares = {by: share_among(found, 3, by=by) for by in ("contribution", "fall", "rise")}
    print(f"\nstandardised cepstra, among the first three: {shares}")
    assert shares["contribution"] >= 0.95
    assert shares["contribution"] >= max(shares["fall"], shares["rise"])
    assert shares["fall"] < 0.95
