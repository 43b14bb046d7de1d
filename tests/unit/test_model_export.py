"""Trained runs as ONNX models: every detector, view and ensemble gives the scores that it gives in the workflow."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from asd.ddae.denoiser import ACTIVATIONS
from asd.detection.detectors import METHODS, Detector, complete
from asd.detection.ensembles import Ensemble
from asd.detection.representations import Represented
from asd.detection.scoring import fit_detectors, training_groups
from asd.detection.views import PROJECTIONS, REPRESENTATIONS
from asd.errors import UserError
from asd.features.bands import log_mel
from asd.features.caches import ClipRecord, empty_cache
from asd.features.spectrogram import spectrogram
from asd.models.detectors import CONVERTERS, ensemble
from asd.models.export import Built
from asd.models.files import read_model, write_model
from asd.models.graph import Graph
from trained_models import N_DDAE, N_TRAIN, SPLIT, built, clips, trained, unit


def outputs(model: Built, features: np.ndarray, *names: str) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.graph, providers=["CPUExecutionProvider"])
    return session.run(list(names), {"features": features})


VIEWS = [
    (representation, projection)
    for representation, projection in itertools.product(REPRESENTATIONS, PROJECTIONS)
    if (representation, projection) != ("id-embedding", "map-pca")
    and (representation == "id-embedding") >= (projection == "none")
]


def test_every_method_has_operators() -> None:
    assert set(CONVERTERS) == set(METHODS)


@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_scores_of_new_clips_are_those_of_the_fitted_detectors(protocol: str) -> None:
    """Of clips that had no part in making the model, nor in its check."""
    run = trained(list(METHODS), protocol=protocol)
    model = built(run)
    assert list(model.about.detectors) == list(METHODS)
    assert model.about.left_out == {}
    new = np.concatenate([clips(40, 2), clips(40, 3, shift=3.0)])
    every = Represented.of(run.clips.train_without_ddae(), run.denoiser, run.networks)
    seen = Represented.of(new, run.denoiser, run.networks)
    for train, detectors in training_groups(every, N_TRAIN, run.detectors):
        for fitted in fit_detectors(train, detectors, 0):
            expected = fitted.score(seen)
            (found,) = outputs(model, new, f"score_{fitted.name}")
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, atol=1e-5 * expected.std(), err_msg=fitted.name)


@pytest.mark.parametrize("columns", [136, 648])
def test_every_view_has_operators(columns: int) -> None:
    entries = [
        {"method": "KNN", "name": f"{one}-{two}".replace("+", "."), "representation": one, "projection": two}
        for one, two in VIEWS
    ]
    run = trained(entries, columns=columns)
    assert built(run).about.left_out == {}


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation_has_operators(activation: str) -> None:
    assert built(trained(["LOF"], activation=activation)).about.left_out == {}


def test_ensembles_are_averaged_in_the_model() -> None:
    ensembles = [
        Ensemble("Mean", ["HULL", "KNN"], [], "z"),
        Ensemble("Ranks", ["IF", "KNN", "LOF"], [], "rank"),
        Ensemble("Seeds", ["KNN"], ["seeds"], "z"),
        Ensemble("Factors", ["KNN"], ["noise_factors"], "z"),
    ]
    run = trained(["IF", "LOF", "HULL", "KNN"], ensembles)
    model = built(run, detector="Mean")
    assert model.about.detector == "Mean"
    assert model.about.left_out == {
        "Seeds": "it averages over several seeds",
        "Factors": "it averages over several noise factors",
    }
    new = np.concatenate([clips(40, 2), clips(40, 3, shift=3.0)])
    member = dict(
        zip(
            ["IF", "LOF", "HULL", "KNN"],
            outputs(model, new, *(f"score_{name}" for name in ("IF", "LOF", "HULL", "KNN"))),
            strict=True,
        )
    )
    train = {name: run.scores.scores[name].train for name in member}
    mean, ranks = outputs(model, new, "score_Mean", "score_Ranks")
    z = [(member[name] - train[name].mean()) / train[name].std() for name in ("HULL", "KNN")]
    np.testing.assert_allclose(mean, np.mean(z, axis=0), atol=1e-5)
    shares = [
        [np.mean(train[name] < score) + np.mean(train[name] == score) / 2 for score in member[name]]
        for name in ("IF", "KNN", "LOF")
    ]
    np.testing.assert_allclose(ranks, np.mean(shares, axis=0), atol=1e-2)  # ties in double precision
    assert np.mean(np.abs(ranks - np.mean(shares, axis=0)) < 1e-6) > 0.7


def test_an_ensemble_of_members_without_spread_says_on_which_side_a_score_is() -> None:
    graph = Graph()
    score = graph.cast(graph.input("features", ("clips",)), np.float64)
    graph.output("score_E", ensemble(graph, [(score, np.full(60, 3.0))], "z"), ("clips",))
    session = onnxruntime.InferenceSession(graph.to_bytes(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"features": np.array([2.0, 3.0, 4.0], np.float32)})
    assert found.tolist() == [-1, 0, 1]


def test_what_has_no_operators_is_left_out_and_said() -> None:
    run = trained(["KNN", "HULL"], [Ensemble("Mean", ["HULL", "KNN"], [], "z")])
    other = Detector(**complete({"method": "PYOD:ECOD", "name": "ECOD"}))
    run = replace(
        run, detectors=[*run.detectors, other], ensembles=[*run.ensembles, Ensemble("All", ["ECOD", "KNN"], [], "z")]
    )
    model = built(run, detector="ECOD")
    assert model.about.left_out == {"ECOD": "there are no ONNX operators for PYOD:ECOD", "All": "without ECOD"}
    assert model.about.detector == "KNN"
    with pytest.raises(UserError, match=r"no detector can go into a model file \(ECOD: there are no ONNX operators"):
        built(replace(run, detectors=[other], ensembles=[]))


def test_operators_that_give_other_scores_are_found_out(caplog: pytest.LogCaptureFixture) -> None:
    run = trained(["KNN", "LOF"])
    scores = dict(run.scores.scores)
    moved = scores["LOF"].test.copy()
    moved[3] += 0.01 * scores["LOF"].every.std()
    scores["LOF"] = replace(scores["LOF"], test=moved)
    model = built(replace(run, scores=replace(run.scores, scores=scores)), detector="LOF")
    assert list(model.about.detectors) == ["KNN"]
    assert model.about.detector == "KNN"
    assert "LOF is not in the model: its operators give other scores" in caplog.text


def test_calibration_is_of_clips_that_the_models_had_not_seen() -> None:
    """Training scores where they are cross-fitted; under the paper's protocol the normal test clips."""
    strict, paper = (trained(["LOF"], protocol=name) for name in ("strict", "paper"))
    of_strict, of_paper = built(strict).about, built(paper).about
    assert of_strict.calibrated == "training clips, by models that had not seen them"
    assert of_strict.detectors["LOF"].calibration.tolist() == sorted(strict.scores.scores["LOF"].train)
    assert of_paper.calibrated == "normal test clips"
    assert of_paper.detectors["LOF"].calibration.tolist() == sorted(paper.scores.scores["LOF"].test[:30])
    assert of_strict.detectors["LOF"].threshold == strict.scores.scores["LOF"].threshold


def test_auc_comes_with_an_interval_or_is_unknown() -> None:
    run = trained(["KNN"])
    auc = built(run).about.detectors["KNN"].auc
    test = run.scores.scores["KNN"].test
    labels = run.scores.clips.labels
    pairs = [np.sign(a - n) / 2 + 0.5 for a in test[labels] for n in test[~labels]]
    assert auc is not None
    assert auc.value == pytest.approx(np.mean(pairs))
    assert auc.low is not None
    assert auc.high is not None
    assert auc.low < auc.value <= auc.high
    without = replace(run.clips, abnormal=empty_cache(136), split=replace(SPLIT, abnormal=np.arange(0)))
    assert built(trained(["KNN"], clips=without)).about.detectors["KNN"].auc is None


def test_a_model_says_what_it_was_trained_on(tmp_path: Path) -> None:
    run = trained(["KNN"])
    samples = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    asked: list[ClipRecord] = []

    def read(clip: ClipRecord) -> np.ndarray:
        asked.append(clip)
        return samples

    model = built(run, samples=read, origin={"machine": "fan"})
    write_model(tmp_path / "m.onnx", model.graph, model.about)
    about = read_model(tmp_path / "m.onnx").about
    features = run.clips.train_without_ddae()
    assert (about.title, about.seconds, about.sample_rate, about.channels) == (
        "fan, ID id_00, SNR 6 dB",
        10.0,
        16000,
        8,
    )
    assert about.trained_on["normal_clips"] == N_TRAIN
    assert about.trained_on["further_normal_clips"] == N_DDAE
    assert about.origin == {"machine": "fan"}
    assert about.normal.clips == N_TRAIN + N_DDAE
    np.testing.assert_allclose(about.normal.mean, features.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(about.normal.band_spread, log_mel(features).std(axis=0))
    assert about.typical is not None
    assert [clip.file for clip in asked] == [about.typical.file]
    assert about.typical.spectrogram.shape == (128, 101)
    np.testing.assert_allclose(about.typical.spectrogram, spectrogram(samples), atol=0.25 + 1e-4)
    nearest, normal = outputs(model, features[5:7] + np.float32(1e-3), "nearest_normal", "normal_features")
    assert np.array_equal(normal, features)
    assert np.array_equal(nearest, features[5:7])
    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"), full_check=True)


def test_the_typical_clip_is_the_one_nearest_to_the_mean() -> None:
    run = trained(["KNN"])
    features = run.clips.normal.features.copy()
    rows = run.clips.train_without_ddae()
    features[17] = rows.mean(axis=0)
    changed = replace(run.clips, normal=run.clips.normal._replace(features=features))
    asked: list[str] = []
    built(trained(["KNN"], clips=changed), samples=lambda clip: asked.append(clip.file))
    assert asked == ["17.wav"]


def test_lengths_and_formats_that_differ_are_not_known() -> None:
    of_unit = unit()
    lists = [
        clip._replace(duration=str(5 + row % 7), channels=str(1 + row % 2))
        for row, clip in enumerate(of_unit.normal.clips)
    ]
    about = built(trained(["KNN"], clips=replace(of_unit, normal=of_unit.normal._replace(clips=lists)))).about
    assert (about.seconds, about.channels, about.sample_rate) == (None, None, 16000)


def test_clips_that_are_all_alike_make_a_model_too() -> None:
    """Trees without a branch, distances of 0."""
    of_unit = unit()
    features = of_unit.normal.features.copy()
    features[:80] = features[0]
    same = replace(of_unit, normal=of_unit.normal._replace(features=features))
    run = trained(["IF", "LOF", "HULL", "KNN"], clips=same, protocol="paper")
    model = built(run)
    assert "IF" in model.about.detectors
    (found,) = outputs(model, features[78:90], "score_IF")
    assert np.isfinite(found).all()


def test_models_of_the_same_run_are_the_same_bytes() -> None:
    first, second = (built(trained(["IF", "LOF", "IDS"])) for _ in range(2))
    assert first.graph == second.graph
    assert first.about.to_json() == second.about.to_json()
