"""From features to scores and decisions of the clips of one ID at one SNR, and the files they are written to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from asd.ddae.denoiser import Denoiser
from asd.ddae.scaling import MinMaxScaling
from asd.detection.detectors import METHODS, Detector, complete
from asd.detection.projections import fit_projection
from asd.detection.representations import Represented, blocks_of
from asd.detection.scores import Scores, threshold_of
from asd.detection.scoring import cross_fitted_scores, detect
from asd.detection.units import UnitClips
from asd.features.caches import Cache, ClipRecord, empty_cache
from asd.splits import Counts, Listed, Split, _folds, paper_split
from plain_method import plain_map_test, plain_pca

PAPER = ["IF", "OCSVM", "LOF"]
WITHOUT_CLASSIFIER = [name for name in METHODS if name != "IDS"]
NAMES = [*WITHOUT_CLASSIFIER, "LOF-raw", "KNN-residual"]
EXTRA = [
    {"method": "LOF", "name": "LOF-raw", "representation": "raw"},
    {"method": "KNN", "name": "KNN-residual", "representation": "residual"},
]
DETECTORS = {about["name"]: Detector(**about) for about in map(complete, [*WITHOUT_CLASSIFIER, *EXTRA])}
SHUFFLED = np.random.default_rng(3).permutation(60)
STRICT = Split(np.sort(SHUFFLED[:40]), np.sort(SHUFFLED[40:49]), np.arange(6), np.sort(SHUFFLED[49:55]))
IN_FILE_ORDER = paper_split(Counts(n_train=40, n_normal=9, n_abnormal=6), Listed.whole(60), "error", "here")
SPLITS = {"paper": IN_FILE_ORDER, "strict": STRICT}


def test_scores_of_clips_left_out_tell_no_threshold_where_temporal_columns_outnumber_the_clips(denoiser) -> None:
    """Each clip is far out in a few of many columns, as a clank nearby makes it, and widens these."""
    features = clips(60, 0)
    temporal = np.random.default_rng(1).standard_t(2, (60, 512)).astype(np.float32)
    split = Split(np.arange(50), np.arange(50, 60), np.arange(0), np.arange(0))
    hull = Detector(**complete("HULL"))
    options = {"protocol": "strict", "threshold_percentile": 90.0, "folds": 5, "seed": 0}
    for every in (features, np.hstack([features, temporal])):
        unit = replace(unit_of(every, every[:0], split), unlabelled=empty_cache(every.shape[1]))
        found = detect(unit, denoiser, [hull], **options).scores["HULL"].train
        fitted = cross_fitted_scores(Represented.of(every[:50], denoiser), [hull], 5, 0)["HULL"]
        assert np.array_equal(found, fitted) == (every.shape[1] > 136)


Detect = Callable[..., dict[str, Scores]]


def clips(rows: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Unscaled features with a few causes behind them, float32 [rows, 136]."""
    generator = np.random.default_rng(seed)
    loadings = np.random.default_rng(99).normal(size=(6, 136))
    values = (generator.normal(size=(rows, 6)) + shift) @ loadings + 0.3 * generator.normal(size=(rows, 136))
    return (values * np.linspace(0.5, 5.0, 136)).astype(np.float32)


@pytest.fixture(scope="module")
def normal() -> np.ndarray:
    return clips(60, 0)


@pytest.fixture(scope="module")
def abnormal() -> np.ndarray:
    return clips(20, 1, shift=3.0)


@pytest.fixture(scope="module")
def denoiser(normal) -> Denoiser:
    """Small networks with random weights: 128-12-5-12-128 and 8-16-20-16-8."""
    generator = np.random.default_rng(7)

    def layers(*widths: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (
                (generator.normal(size=(after, before)) * 2.0 / np.sqrt(before)).astype(np.float32),
                (0.3 * generator.normal(size=after)).astype(np.float32),
            )
            for before, after in zip(widths[:-1], widths[1:], strict=True)  # noqa: RUF007
        ]

    networks = {"mfcc": layers(128, 12, 5, 12, 128), "basic": layers(8, 16, 20, 16, 8)}
    return Denoiser(MinMaxScaling.fit([normal]), networks)


def unit_of(normal: np.ndarray, abnormal: np.ndarray, split: Split) -> UnitClips:
    """An ID at an SNR with these features, its clips called after kind and row."""
    caches = [
        Cache(features, [ClipRecord(f"{kind}{row}.wav") for row in range(len(features))])
        for kind, features in (("normal", normal), ("abnormal", abnormal))
    ]
    return UnitClips("snr6", "id_00", *caches, empty_cache(136), split)


@pytest.fixture(scope="module")
def run(normal, abnormal, denoiser) -> Detect:
    """`detect` on the data above, of which any part can be replaced."""

    def detect_with(protocol: str = "paper", names: list[str] = NAMES, **changes: Any) -> dict[str, Scores]:
        features = {"normal": normal, "abnormal": abnormal}
        features |= {kind: changes.pop(kind) for kind in features if kind in changes}
        unit = unit_of(features["normal"], features["abnormal"], SPLITS[protocol])
        options = {"threshold_percentile": 90.0, "folds": 4, "seed": 0, **changes}
        return detect(unit, denoiser, [DETECTORS[name] for name in names], protocol=protocol, **options).scores

    return detect_with


@pytest.fixture(scope="module")
def detections(run) -> dict[str, dict[str, Scores]]:
    return {protocol: run(protocol) for protocol in SPLITS}


def plain_denoise(denoiser: Denoiser, features: np.ndarray) -> np.ndarray:
    """Four layers each, in float64: ReLU, linear (the code), ReLU, sigmoid."""
    low, high = denoiser.scaling.minimum.astype(float), denoiser.scaling.maximum.astype(float)
    scaled = (features - low) / (high - low + 1e-8)
    outputs = []
    for name, block in (("mfcc", scaled[:, :128]), ("basic", scaled[:, 128:])):
        (w1, b1), (w2, b2), (w3, b3), (w4, b4) = denoiser.networks[name]
        hidden = np.maximum(0, block @ w1.T + b1)
        code = hidden @ w2.T + b2
        hidden = np.maximum(0, code @ w3.T + b3)
        outputs.append(1 / (1 + np.exp(-(hidden @ w4.T + b4))))
    return np.hstack(outputs)


def test_scores_are_those_of_the_method_step_by_step(normal, abnormal, denoiser, detections):
    """The isolation forest is left out: it depends on the signs of the components, which are arbitrary."""
    train = plain_denoise(denoiser, normal[:40])
    rows = np.vstack([train, plain_denoise(denoiser, normal[40:49]), plain_denoise(denoiser, abnormal[:6])])
    mfcc, basic = plain_map_test(train[:, :128]), plain_map_test(train[:, 128:])
    blocks = ((slice(0, 128), mfcc), (slice(128, 136), basic))
    projected = np.hstack([plain_pca(train[:, block], rows[:, block], count) for block, count in blocks])
    svm = OneClassSVM(gamma="scale", nu=0.1).fit(projected[:40])
    lof = LocalOutlierFactor(novelty=True).fit(projected[:40])
    got = detections["paper"]
    for name in PAPER:
        assert got[name].components == (mfcc, basic)
    expected = {"OCSVM": -svm.decision_function(projected), "LOF": -lof.score_samples(projected)}
    assert got["OCSVM"].train == pytest.approx(expected["OCSVM"][:40], abs=2e-3)
    assert got["OCSVM"].test == pytest.approx(expected["OCSVM"][40:], abs=2e-3)
    assert got["LOF"].train == pytest.approx(expected["LOF"][:40], rel=2e-3)
    assert got["LOF"].test == pytest.approx(expected["LOF"][40:], rel=2e-3)


def test_nearest_neighbours_step_by_step(normal, abnormal, denoiser, detections):
    """Standardise both halves, whiten with the covariance of Ledoit and Wolf, distance to the nearest training clip."""
    from sklearn.covariance import LedoitWolf
    from sklearn.preprocessing import StandardScaler

    scaled = [denoiser.scale(clips).astype(float) for clips in (normal[:40], normal[40:49], abnormal[:6])]
    denoised = [plain_denoise(denoiser, clips) for clips in (normal[:40], normal[40:49], abnormal[:6])]
    both = [np.hstack(pair) for pair in zip(scaled, denoised, strict=True)]
    scaler = StandardScaler().fit(both[0])
    model = LedoitWolf(assume_centered=True).fit(scaler.transform(both[0]))
    train = scaler.transform(both[0])
    expected = []
    for row in scaler.transform(np.vstack(both[1:])):
        differences = row - train
        expected.append(np.sqrt(np.einsum("ni,ij,nj->n", differences, model.precision_, differences)).min())
    assert detections["paper"]["KNN"].test == pytest.approx(expected, rel=1e-3)
    assert detections["paper"]["KNN"].components is None


@pytest.mark.parametrize("protocol", SPLITS)
def test_every_detector_scores_what_it_would_score_clip_by_clip(normal, abnormal, denoiser, detections, protocol):
    split = SPLITS[protocol]
    for name, detector in DETECTORS.items():
        rows = split.train if detector.needs_ddae else [*split.train, *split.ddae]
        view = Represented.of(normal[rows], denoiser).get(detector.representation)
        projection = fit_projection(detector.projection, view, blocks_of(detector.representation))
        fitted = detector.fit(projection.apply(view), 0)
        one_by_one = [
            fitted.score(
                projection.apply(Represented.of(clip[np.newaxis], denoiser).get(detector.representation))
            ).item()
            for clip in [*normal[split.normal], *abnormal[split.abnormal]]
        ]
        assert detections[protocol][name].test == pytest.approx(one_by_one, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("protocol", SPLITS)
def test_each_clip_of_the_three_parts_has_one_score(detections, protocol):
    assert list(detections[protocol]) == NAMES
    for scores in detections[protocol].values():
        assert scores.train.shape == (40,)
        assert scores.test.shape == (9 + 6,)
        assert np.isfinite(scores.train).all()
        assert np.isfinite(scores.test).all()


@pytest.mark.parametrize("protocol", SPLITS)
def test_test_clips_come_normal_ones_first(normal, abnormal, run, detections, protocol):
    """A strange clip put at one place changes the score at that place, and at no other."""
    split = SPLITS[protocol]
    strange = clips(1, 5, shift=-8.0)[0]
    for place in (0, 8, 9, 14):
        changed_normal, changed_abnormal = normal.copy(), abnormal.copy()
        if place < 9:
            changed_normal[split.normal[place]] = strange
        else:
            changed_abnormal[split.abnormal[place - 9]] = strange
        changed = run(protocol, normal=changed_normal, abnormal=changed_abnormal)
        for name in NAMES:
            before, after = detections[protocol][name], changed[name]
            assert np.flatnonzero(~np.isclose(after.test, before.test, rtol=0, atol=1e-9)).tolist() == [place]
            assert np.array_equal(after.train, before.train)


@pytest.mark.parametrize("percentile", [50.0, 95.0, 100.0])
def test_thresholds_are_the_percentile_of_the_training_scores(run, percentile):
    for name, scores in run(threshold_percentile=percentile).items():
        assert scores.threshold == np.percentile(scores.train, percentile), name
        assert isinstance(scores.threshold, float)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("protocol", SPLITS)
@pytest.mark.parametrize("poisoned", ["normal test clips", "abnormal test clips", "clips of no part"])
def test_test_clips_never_influence_models_or_thresholds(normal, abnormal, run, detections, poisoned, protocol):
    split = SPLITS[protocol]
    changed_normal, changed_abnormal = normal.copy(), abnormal.copy()
    if poisoned == "normal test clips":
        changed_normal[split.normal] = 1e6
    elif poisoned == "abnormal test clips":
        changed_abnormal[split.abnormal] = 1e6
    else:
        changed_normal[np.setdiff1d(np.arange(60), [*split.train, *split.normal, *split.ddae])] = 1e6
        changed_abnormal[6:] = 1e6
    result = run(protocol, normal=changed_normal, abnormal=changed_abnormal)
    unchanged = {"normal test clips": [*range(9, 15)], "abnormal test clips": [*range(9)]}.get(poisoned, [*range(15)])
    for name, before in detections[protocol].items():
        after = result[name]
        assert after.components == before.components
        assert np.array_equal(after.train, before.train)
        assert np.array_equal(after.test[unchanged], before.test[unchanged])
        assert after.threshold == before.threshold


def test_training_clips_do_influence_them(normal, run, detections):
    """The test above could not fail if nothing had any influence."""
    changed = normal.copy()
    changed[STRICT.train[3]] = clips(1, 8, shift=4.0)[0]
    for name, after in run("strict", normal=changed).items():
        assert after.threshold != detections["strict"][name].threshold
        assert not np.array_equal(after.test, detections["strict"][name].test)


# --- the strict protocol's training scores ---


def test_cross_fitted_scores_come_from_models_that_have_not_seen_the_clip(normal, denoiser):
    """However strange a training clip is made, the models that score it stay the same; those of others change."""
    detectors = [DETECTORS[name] for name in ("LOF", "KNN", "MAHALANOBIS")]
    train = normal[:40]
    before = cross_fitted_scores(Represented.of(train, denoiser), detectors, 40, 0)
    for detector in detectors:
        view = functools.partial(Represented.get, representation=detector.representation)
        for left_out in (0, 17, 39):
            rest = view(Represented.of(np.delete(train, left_out, axis=0), denoiser))
            projection = fit_projection(detector.projection, rest, blocks_of(detector.representation))
            fitted = detector.fit(projection.apply(rest), 0)
            alone = view(Represented.of(train[[left_out]], denoiser))
            expected = fitted.score(projection.apply(alone)).item()
            assert before[detector.name][left_out] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("folds", [2, 5, 40, 1000])
def test_any_number_of_folds_scores_every_clip(normal, denoiser, folds):
    scores = cross_fitted_scores(Represented.of(normal[:12], denoiser), [DETECTORS["KNN"]], folds, 0)["KNN"]
    assert scores.shape == (12,)
    assert (scores > 0).all()


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.integers(2, 8), st.integers(0, 50))
def test_clips_of_a_recording_are_in_one_fold(lengths: list[int], folds: int, seed: int) -> None:
    recordings = [f"{number}.wav" for number, length in enumerate(lengths) for _ in range(length)]
    recordings = np.random.default_rng(seed).permutation(recordings).tolist()
    of_recording: dict[str, set[int]] = {}
    for recording, fold in zip(recordings, _folds(recordings, folds, seed).tolist(), strict=True):
        of_recording.setdefault(recording, set()).add(fold)
    assert all(len(numbers) == 1 for numbers in of_recording.values())
    sizes = np.bincount([numbers.pop() for numbers in of_recording.values()])
    assert len(sizes) == min(folds, len(lengths))
    assert sizes.max() - sizes.min() <= 1


def test_whole_recordings_are_divided_as_by_the_plain_method() -> None:
    plain = np.random.default_rng([3, 40]).permutation(40) % 7
    assert _folds([f"{number}.wav" for number in range(40)], 7, 3).tolist() == plain.tolist()


def test_a_clip_is_scored_by_models_that_have_seen_no_clip_of_its_recording(normal, denoiser):
    """However much clips of one recording are changed, the models that score them stay the same."""
    detector, recordings = DETECTORS["KNN"], [f"{row // 5}.wav" for row in range(40)]

    def scores(train: np.ndarray) -> np.ndarray:
        return cross_fitted_scores(Represented.of(train, denoiser), [detector], 3, 0, recordings)["KNN"]

    before, changed = scores(normal[:40]), normal[:40].copy()
    changed[11:15] = changed[11:15] * 0.5 + 1  # the others of its recording
    after = scores(changed)
    assert after[10] == before[10]
    assert (after[11:15] != before[11:15]).all()
    assert (after != before).sum() > 5  # those in other folds


def test_clips_that_are_all_of_one_recording_are_each_by_themselves(normal, denoiser):
    train = Represented.of(normal[:12], denoiser)
    same = cross_fitted_scores(train, [DETECTORS["KNN"]], 4, 0, ["a.wav"] * 12)["KNN"]
    assert np.array_equal(same, cross_fitted_scores(train, [DETECTORS["KNN"]], 4, 0)["KNN"])


@pytest.mark.parametrize("lengths", [(4, 1), (1, 4), (1, 1), (1, 1, 1)])
def test_clips_too_few_for_folds_are_scored_all_the_same_and_it_is_said(normal, denoiser, caplog, lengths):
    """By models fitted on two clips at least: as if each were a recording or, of two clips, on both."""
    recordings = np.repeat([f"{number}.wav" for number in range(len(lengths))], lengths).tolist()
    train = Represented.of(normal[: len(recordings)], denoiser)
    detectors = list(DETECTORS.values())
    found = cross_fitted_scores(train, detectors, 2, 0, recordings, "clips of ID 7")
    assert all(np.isfinite(scores).all() for scores in found.values())
    (said,) = caplog.messages
    assert said.startswith(f"clips of ID 7: {len(recordings)} are so few")
    if len(recordings) > 2:
        alone = cross_fitted_scores(train, detectors, len(recordings), 0)
        assert all(np.allclose(found[name], alone[name], rtol=1e-6) for name in found)
        assert len(caplog.messages) == 1


def test_unlabelled_clips_are_scored_and_change_nothing(normal, abnormal, denoiser):
    unit = unit_of(normal, abnormal, STRICT)
    unlabelled = Cache(abnormal[6:16], [ClipRecord(f"u{row}.wav", condition="?") for row in range(10)])
    options: dict[str, Any] = {"protocol": "strict", "threshold_percentile": 90.0, "folds": 4, "seed": 0}
    detectors = [DETECTORS[name] for name in ("LOF", "KNN", "IF")]
    without = detect(unit, denoiser, detectors, **options)
    content = detect(replace(unit, unlabelled=unlabelled), denoiser, detectors, **options)
    assert [clip.file for clip in content.clips.unlabelled] == [f"u{row}.wav" for row in range(10)]
    assert content.clips.tested == without.clips.tested
    as_tests = detect(
        unit_of(normal, abnormal, replace(STRICT, abnormal=np.arange(6, 16))), denoiser, detectors, **options
    )
    for name, scores in content.scores.items():
        assert np.array_equal(scores.train, without.scores[name].train)
        assert np.allclose(scores.test, without.scores[name].test, rtol=1e-6)
        assert scores.threshold == without.scores[name].threshold
        assert len(without.scores[name].unlabelled) == 0
        assert np.allclose(scores.unlabelled, as_tests.scores[name].test[9:], rtol=1e-6)


def test_strict_training_scores_are_cross_fitted_and_paper_ones_are_not(normal, denoiser, detections):
    every = Represented.of(normal[[*STRICT.train, *STRICT.ddae]], denoiser)
    for name, scores in detections["strict"].items():
        train = every[: len(STRICT.train)] if DETECTORS[name].needs_ddae else every
        if not DETECTORS[name].leave_one_out:
            expected = cross_fitted_scores(train, [DETECTORS[name]], 4, 0)[name]
            assert np.array_equal(scores.train, expected[: len(STRICT.train)])
    in_sample = detections["paper"]["MAHALANOBIS"].train
    assert (
        in_sample.mean()
        < cross_fitted_scores(Represented.of(normal[:40], denoiser), [DETECTORS["MAHALANOBIS"]], 4, 0)[
            "MAHALANOBIS"
        ].mean()
    )


@pytest.mark.parametrize("projection", ["standard", "whitening"])
def test_strict_thresholds_of_hulls_hold_with_fewer_clips_than_columns(denoiser, projection: str) -> None:
    """10 % asked for. A whitening fitted on the 60 clips that set the threshold would have nearly all flagged."""
    rates = []
    for seed in range(4):
        split = Split(np.arange(60), np.arange(60, 360), np.arange(6), np.arange(0))
        unit = unit_of(clips(360, seed), clips(6, seed + 50, shift=3.0), split)
        hull = Detector(**complete({"method": "HULL", "projection": projection}))
        (scores,) = detect(
            unit, denoiser, [hull], protocol="strict", threshold_percentile=90.0, folds=5, seed=seed
        ).scores.values()
        rates.append((scores.test[:300] > scores.threshold).mean())
    assert 0.03 < np.mean(rates) < 0.17, rates


def test_clips_of_the_ddae_train_those_detectors_that_need_none(normal, run, detections):
    changed = normal.copy()
    changed[STRICT.ddae] = clips(len(STRICT.ddae), 8, shift=0.5)
    for name, after in run("strict", normal=changed).items():
        same = np.array_equal(after.test, detections["strict"][name].test)
        assert same == DETECTORS[name].needs_ddae, name
        assert after.train.shape == (40,)


def test_scores_of_clips_left_out_are_taken_where_every_clip_is_a_recording_of_its_own(normal, abnormal, denoiser):
    """Else neighbours that were cut from the same recording would make all clips seem usual."""
    unit, hull = unit_of(normal, abnormal, STRICT), DETECTORS["HULL"]
    options: dict[str, Any] = {"protocol": "strict", "threshold_percentile": 90.0, "folds": 4, "seed": 0}
    view = Represented.of(normal[[*STRICT.train, *STRICT.ddae]], denoiser).get("log-mel")
    projected = fit_projection("standard", view, blocks_of("log-mel")).apply(view)
    found = detect(unit, denoiser, [hull], **options).scores["HULL"]
    assert np.array_equal(found.train, hull.fit(projected, 0).training_scores[:40])
    cut = [clip._replace(file=f"{row // 3}.wav") for row, clip in enumerate(unit.normal.clips)]
    unit = replace(unit, normal=Cache(unit.normal.features, cut))
    every = Represented.of(normal[[*STRICT.train, *STRICT.ddae]], denoiser)
    expected = cross_fitted_scores(every, [hull], 4, 0, unit.training_recordings())["HULL"]
    assert np.array_equal(detect(unit, denoiser, [hull], **options).scores["HULL"].train, expected[:40])


@pytest.mark.parametrize("percentile", [80.0, 90.0, 95.0])
def test_strict_thresholds_flag_as_many_new_normals_as_asked_for(percentile):
    """Over many draws of 39 training scores and a new one, the new one is flagged as often as asked for."""
    random = np.random.default_rng(0)
    flagged = [
        random.exponential() > threshold_of(random.exponential(size=39), percentile, "strict") for _ in range(20_000)
    ]
    assert np.mean(flagged) == pytest.approx(1 - percentile / 100, abs=0.006)


def test_the_paper_s_threshold_flags_more_new_normals_than_asked_for():
    random = np.random.default_rng(0)
    flagged = [random.exponential() > threshold_of(random.exponential(size=39), 95.0, "paper") for _ in range(20_000)]
    assert np.mean(flagged) > 0.065


def test_shifted_clips_score_higher_than_normal_ones(detections):
    for protocol, name in ((protocol, name) for protocol in SPLITS for name in (*PAPER, "KNN", "MAHALANOBIS", "GMM")):
        scores = detections[protocol][name].test
        assert np.median(scores[9:]) > np.median(scores[:9])


def test_only_the_detectors_asked_for_run_in_the_order_asked_for(run, detections):
    result = run(names=["LOF", "IF"])
    assert list(result) == ["LOF", "IF"]
    assert np.array_equal(result["IF"].test, detections["paper"]["IF"].test)


def test_the_seed_is_that_of_the_isolation_forest(run, detections):
    same, other = (run(names=["IF", "LOF"], seed=seed) for seed in (0, 1))
    assert np.array_equal(same["IF"].test, detections["paper"]["IF"].test)
    assert not np.array_equal(other["IF"].test, detections["paper"]["IF"].test)
    assert np.array_equal(other["LOF"].test, detections["paper"]["LOF"].test)
