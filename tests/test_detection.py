"""From features to scores and decisions of the clips of one ID at one SNR, and the files they are written to."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from asd.components import BlockProjection
from asd.denoising import Denoiser
from asd.detection import Detection, detect, write_scores
from asd.detectors import DETECTORS
from asd.scaling import MinMaxScaling
from asd.splits import Parts
from plain_method import plain_map_test, plain_pca

NAMES = ["IF", "OCSVM", "LOF"]
PARTS = Parts(n_train=40, n_normal=9, n_abnormal=6)


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


@pytest.fixture(scope="module")
def detection(normal, abnormal, denoiser) -> Detection:
    return detect(normal, abnormal, PARTS, denoiser, NAMES, 95.0, 0)


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


def test_scores_are_those_of_the_method_step_by_step(normal, abnormal, denoiser, detection):
    """The isolation forest is left out: it depends on the signs of the components, which are arbitrary."""
    train = plain_denoise(denoiser, normal[:40])
    rows = np.vstack([train, plain_denoise(denoiser, normal[40:49]), plain_denoise(denoiser, abnormal[:6])])
    mfcc, basic = plain_map_test(train[:, :128]), plain_map_test(train[:, 128:])
    blocks = ((slice(0, 128), mfcc), (slice(128, 136), basic))
    projected = np.hstack([plain_pca(train[:, block], rows[:, block], count) for block, count in blocks])
    svm = OneClassSVM(gamma="scale", nu=0.1).fit(projected[:40])
    lof = LocalOutlierFactor(novelty=True).fit(projected[:40])
    assert (detection.map_mfcc, detection.map_basic) == (mfcc, basic)
    assert detection.scores["OCSVM"] == pytest.approx(-svm.decision_function(projected), abs=2e-3)
    assert detection.scores["LOF"] == pytest.approx(-lof.score_samples(projected), rel=2e-3)


def test_every_detector_scores_what_it_would_score_clip_by_clip(normal, abnormal, denoiser, detection):
    train = denoiser.denoise(normal[:40])
    projection = BlockProjection.fit(train)
    in_order = [*normal[:40], *normal[40:49], *abnormal[:6]]
    for name in NAMES:
        score = DETECTORS[name](projection.apply(train), 0)
        one_by_one = [score(projection.apply(denoiser.denoise(clip[np.newaxis]))).item() for clip in in_order]
        assert detection.scores[name] == pytest.approx(one_by_one, abs=1e-4)


def test_each_clip_of_the_three_parts_has_one_score(detection):
    assert list(detection.scores) == list(detection.thresholds) == NAMES
    for scores in detection.scores.values():
        assert scores.shape == (40 + 9 + 6,)
        assert np.isfinite(scores).all()


def test_clips_come_in_the_order_train_normal_test_abnormal_test(normal, abnormal, denoiser, detection):
    """A strange clip put at one place changes the score at that place, and at no other."""
    strange = clips(1, 5, shift=-8.0)[0]
    for place in (40, 48, 49, 54):
        changed_normal, changed_abnormal = normal.copy(), abnormal.copy()
        if place < 49:
            changed_normal[place] = strange
        else:
            changed_abnormal[place - 49] = strange
        changed = detect(changed_normal, changed_abnormal, PARTS, denoiser, NAMES, 95.0, 0)
        for name in NAMES:
            different = np.flatnonzero(~np.isclose(changed.scores[name], detection.scores[name], rtol=0, atol=1e-9))
            assert different.tolist() == [place]


@pytest.mark.parametrize("percentile", [50.0, 95.0, 100.0])
def test_thresholds_are_the_percentile_of_the_training_scores(normal, abnormal, denoiser, percentile):
    result = detect(normal, abnormal, PARTS, denoiser, NAMES, percentile, 0)
    for name in NAMES:
        assert result.thresholds[name] == np.percentile(result.scores[name][:40], percentile)
        assert isinstance(result.thresholds[name], float)


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")
@pytest.mark.parametrize("poisoned", ["normal test clips", "abnormal test clips", "clips of no part"])
def test_test_clips_never_influence_the_models(normal, abnormal, denoiser, detection, poisoned):
    changed_normal, changed_abnormal = normal.copy(), abnormal.copy()
    if poisoned == "normal test clips":
        changed_normal[40:49] = 1e6
    elif poisoned == "abnormal test clips":
        changed_abnormal[:6] = 1e6
    else:
        changed_normal[49:] = 1e6
        changed_abnormal[6:] = 1e6
    result = detect(changed_normal, changed_abnormal, PARTS, denoiser, NAMES, 95.0, 0)
    unchanged = {"normal test clips": [*range(40), *range(49, 55)], "abnormal test clips": [*range(49)]}
    rows = unchanged.get(poisoned, [*range(55)])
    assert (result.map_mfcc, result.map_basic) == (detection.map_mfcc, detection.map_basic)
    for name in NAMES:
        assert np.array_equal(result.scores[name][rows], detection.scores[name][rows])
        assert result.thresholds[name] == detection.thresholds[name]


def test_shifted_clips_score_higher_than_normal_ones(detection):
    for name in NAMES:
        assert np.median(detection.scores[name][49:]) > np.median(detection.scores[name][40:49])


def test_only_the_detectors_asked_for_run_in_the_order_asked_for(normal, abnormal, denoiser, detection):
    result = detect(normal, abnormal, PARTS, denoiser, ["LOF", "IF"], 95.0, 0)
    assert list(result.scores) == ["LOF", "IF"]
    assert np.array_equal(result.scores["IF"], detection.scores["IF"])


def test_the_seed_is_that_of_the_isolation_forest(normal, abnormal, denoiser, detection):
    same, other = (detect(normal, abnormal, PARTS, denoiser, NAMES, 95.0, seed) for seed in (0, 1))
    assert np.array_equal(same.scores["IF"], detection.scores["IF"])
    assert not np.array_equal(other.scores["IF"], detection.scores["IF"])
    assert np.array_equal(other.scores["LOF"], detection.scores["LOF"])


# --- files ---

NORMAL_FILES = [f"fan/normal/{number:08}.wav" for number in range(60)]
ABNORMAL_FILES = [f"fan/abnormal/{number:08}.wav" for number in range(20)]
AWKWARD = ["a, b.wav", 'the "loud" one.wav', "팬 정상.wav", " spaces .wav", "NA", "two\nlines.wav", "'00'"]


def read_rows(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def written(detection, tmp_path):
    scores, summary = tmp_path / "new" / "scores.csv", tmp_path / "new" / "summary.json"
    write_scores(detection, PARTS, NORMAL_FILES, ABNORMAL_FILES, scores, summary)
    return scores, summary


def test_columns_are_the_clip_and_a_score_and_a_decision_for_each_detector(written):
    header = written[0].read_text(encoding="utf-8").splitlines()[0]
    assert header == "file,part,label,IF_score,IF_decision,OCSVM_score,OCSVM_decision,LOF_score,LOF_decision"


def test_each_line_names_its_file_part_and_label(written):
    expected = [(NORMAL_FILES[n], "train", "normal") for n in range(40)]
    expected += [(NORMAL_FILES[n], "test", "normal") for n in range(40, 49)]
    expected += [(ABNORMAL_FILES[n], "test", "abnormal") for n in range(6)]
    assert [(row["file"], row["part"], row["label"]) for row in read_rows(written[0])] == expected


def test_scores_are_read_back_exactly(written, detection):
    rows = read_rows(written[0])
    for name in NAMES:
        assert [float(row[f"{name}_score"]) for row in rows] == detection.scores[name].tolist()


def test_a_clip_is_abnormal_when_its_score_is_above_the_threshold(written, detection):
    for row in read_rows(written[0]):
        for name in NAMES:
            above = float(row[f"{name}_score"]) > detection.thresholds[name]
            assert row[f"{name}_decision"] == ("abnormal" if above else "normal")


def test_a_score_equal_to_the_threshold_is_normal(tmp_path):
    detection = Detection({"IF": np.array([0.1, 0.3, 0.3, np.nextafter(0.3, 1.0)])}, {"IF": 0.3}, 1, 1)
    write_scores(detection, Parts(2, 1, 1), ["a", "b", "c"], ["d"], tmp_path / "s.csv", tmp_path / "s.json")
    decisions = [row["IF_decision"] for row in read_rows(tmp_path / "s.csv")]
    assert decisions == ["normal", "normal", "normal", "abnormal"]


def test_summary_holds_thresholds_and_counts(written, detection):
    assert json.loads(written[1].read_text(encoding="utf-8")) == {
        "thresholds": detection.thresholds,
        "map_mfcc": detection.map_mfcc,
        "map_basic": detection.map_basic,
        "n_train": 40,
        "n_normal": 9,
        "n_abnormal": 6,
    }


def test_awkward_file_names_survive(tmp_path):
    detection = Detection({"LOF": np.arange(8.0)}, {"LOF": 4.5}, 1, 1)
    write_scores(detection, Parts(4, 3, 1), AWKWARD, ["이상,음.wav"], tmp_path / "s.csv", tmp_path / "s.json")
    assert [row["file"] for row in read_rows(tmp_path / "s.csv")] == [*AWKWARD, "이상,음.wav"]


def test_nothing_but_the_two_files_is_left(written):
    assert sorted(os.listdir(written[0].parent)) == ["scores.csv", "summary.json"]
