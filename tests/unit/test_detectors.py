"""The registry of detectors: scores as scikit-learn and PyOD compute them, higher for more anomalous clips."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from asd.detection import detectors, neighbours
from asd.detection.detectors import METHODS, Detector, Fitted, complete, find_method
from asd.detection.views import PROJECTIONS, REPRESENTATIONS
from asd.errors import UserError

PAPER = ["IF", "OCSVM", "LOF"]


def fit(name: str, train: np.ndarray, seed: int = 0, **parameters: object) -> Fitted:
    return Detector(**complete({"method": name, "parameters": parameters})).fit(train, seed)


def points(rows: int, seed: int, columns: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)) * np.linspace(2.0, 0.2, columns)


def distances(rows: np.ndarray, train: np.ndarray) -> np.ndarray:
    return np.array([[np.sqrt(((row - other) ** 2).sum()) for other in train] for row in rows])


def expected_scores(name: str, train: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """Each detector once more, line by line."""
    match name:
        case "IF":
            return -IsolationForest(random_state=seed).fit(train).decision_function(rows)
        case "OCSVM":
            return -OneClassSVM(gamma="scale", nu=0.1).fit(train).decision_function(rows)
        case "LOF":
            return -LocalOutlierFactor(novelty=True).fit(train).score_samples(rows)
        case "MAHALANOBIS":
            return distances(rows, train.mean(axis=0)[np.newaxis])[:, 0]
        case "KNN":
            return distances(rows, train).min(axis=1)
        case "LDN":
            return plain_locally_normalised(train, rows, 5)
        case "IDS":
            return plain_ids(train, rows)
        case "HULL":
            return plain_hull_scores(train, rows, 20)
        case "GMM":
            scale = train.std(axis=0).max()
            count = max(1, min(2, len(train) // 20))
            model = GaussianMixture(count, reg_covar=1e-4, random_state=seed, n_init=3).fit(train / scale)
            return -model.score_samples(rows / scale)
    raise AssertionError(name)


def plain_locally_normalised(train: np.ndarray, rows: np.ndarray, k: int, *, left_out: bool = False) -> np.ndarray:
    """Distances in units of each training clip's mean distance to its own neighbours, one number after the other."""
    radii = []
    for number, clip in enumerate(train):
        others = sorted(np.linalg.norm(clip - other) for other in np.delete(train, number, axis=0))
        radii.append(max(np.mean(others[:k]), 1e-12))
    radii = np.minimum(radii, np.quantile(radii, 0.95))
    scores = []
    for number, row in enumerate(rows):
        ratios = [np.linalg.norm(row - clip) / radius for clip, radius in zip(train, radii, strict=True)]
        if left_out:
            del ratios[number]
        scores.append(np.log(max(np.mean(sorted(ratios)[:k]), 1e-12)))
    return np.array(scores)


def plain_ids(train: np.ndarray, rows: np.ndarray, *, left_out: bool = False) -> np.ndarray:
    """Mean over embeddings of 64 columns each, in standard deviations of the training scores."""
    total = np.zeros(len(rows))
    starts = range(0, train.shape[1], 64)
    for start in starts:
        own, others = train[:, start : start + 64], rows[:, start : start + 64]
        usual = plain_locally_normalised(own, own, 5, left_out=True)
        total += (plain_locally_normalised(own, others, 5, left_out=left_out) - usual.mean()) / (usual.std() or 1.0)
    return total / len(starts)


def plain_hull_distance(clip: np.ndarray, neighbours: np.ndarray, share: float) -> float:
    """Least squares with weights that add up to 1: the conditions of Lagrange, solved as one linear system."""
    apart = neighbours - clip
    products = np.array([[one @ other for other in apart] for one in apart])
    products += max(share * sum(one @ one for one in apart) / len(apart), 1e-12) * np.eye(len(apart))
    ones = np.ones((len(apart), 1))
    system = np.block([[2 * products, ones], [ones.T, np.zeros((1, 1))]])
    weights = np.linalg.solve(system, [0.0] * len(apart) + [1.0])[:-1]
    return float(np.linalg.norm(sum(weight * one for weight, one in zip(weights, apart, strict=True))))


def plain_hull_scores(train: np.ndarray, rows: np.ndarray, k: int, *, left_out: bool = False) -> np.ndarray:
    k = min(k, len(train) - 1)

    def nearest(row: np.ndarray, without: int | None = None) -> list[int]:
        return sorted((n for n in range(len(train)) if n != without), key=lambda n: np.linalg.norm(train[n] - row))[:k]

    own = [plain_hull_distance(clip, train[nearest(clip, number)], 0.1) for number, clip in enumerate(train)]
    usual = np.minimum(own, np.quantile(own, 0.95))
    scores = []
    for number, row in enumerate(rows):
        found = nearest(row, number if left_out else None)
        scores.append(np.log(max(plain_hull_distance(row, train[found], 0.1), 1e-12) / max(usual[found].mean(), 1e-12)))
    return np.array(scores)


def test_the_paper_s_detectors_see_denoised_features_through_the_map_test() -> None:
    for name in PAPER:
        assert (METHODS[name].representation, METHODS[name].projection) == ("denoised", "map-pca")


def test_each_entry_is_complete() -> None:
    assert list(METHODS)[:3] == PAPER
    for name, method in METHODS.items():
        assert method.name == name
        assert method.representation in REPRESENTATIONS
        assert method.projection in PROJECTIONS
        assert method.fit.__doc__
        for about in method.parameters.values():
            assert about["description"]
            Draft202012Validator(about).validate(about["default"])


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("name", METHODS)
def test_scores_equal_the_plain_expression(name: str, seed: int) -> None:
    train, rows = points(80, 1), points(30, 2) * 2.0
    assert fit(name, train, seed).score(rows) == pytest.approx(expected_scores(name, train, rows, seed), abs=1e-9)


@pytest.mark.parametrize("name", PAPER)
def test_scores_of_float32_rows_equal_the_scikit_learn_expression(name: str) -> None:
    train, rows = points(40, 3).astype(np.float32), points(20, 4).astype(np.float32)
    assert np.array_equal(fit(name, train).score(rows), expected_scores(name, train, rows, 0))


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("KNN", "LDN", "HULL", "IDS")])
def test_training_scores_are_the_scores_of_the_training_rows(name: str) -> None:
    train = points(60, 13)
    fitted = fit(name, train)
    assert np.array_equal(fitted.training_scores, fitted.score(train))


def test_embeddings_of_several_networks_are_scored_apart_and_averaged() -> None:
    train, rows = points(30, 13, columns=192), points(9, 14, columns=192)
    fitted = fit("IDS", train)
    assert fitted.score(rows) == pytest.approx(plain_ids(train, rows), abs=1e-9)
    assert fitted.training_scores == pytest.approx(plain_ids(train, train, left_out=True), abs=1e-9)
    assert fitted.training_scores.mean() == pytest.approx(0, abs=1e-12)


def test_a_training_clip_is_not_its_own_nearest_neighbour() -> None:
    train = points(60, 13)
    apart = distances(train, train)
    np.fill_diagonal(apart, np.inf)
    assert fit("KNN", train).training_scores == pytest.approx(apart.min(axis=1), abs=1e-9)
    assert fit("KNN", train, n_neighbors=3).training_scores == pytest.approx(
        np.sort(apart)[:, :3].mean(axis=1), abs=1e-9
    )


@pytest.mark.parametrize("k", [1, 5, 99])
def test_local_normalisation_leaves_a_training_clip_out_of_its_own_score(k: int) -> None:
    train, rows = points(30, 13), points(8, 14)
    fitted = fit("LDN", train, n_neighbors=k)
    assert fitted.training_scores == pytest.approx(plain_locally_normalised(train, train, min(k, 29), left_out=True))
    assert fitted.score(rows) == pytest.approx(plain_locally_normalised(train, rows, k))


@pytest.mark.parametrize("at_once", [1, 100, 900])
def test_ratios_of_a_block_of_clips_are_those_of_all(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 30 clips, one, three and all of them at once."""
    train, rows = points(30, 13), points(8, 14)
    expected = plain_locally_normalised(train, train, 5, left_out=True), plain_locally_normalised(train, rows, 5)
    whole = fit("LDN", train)
    monkeypatch.setattr(neighbours, "_DISTANCES_AT_ONCE", at_once)
    fitted = fit("LDN", train)
    for own, at_a_time, plain in zip(
        (whole.training_scores, whole.score(rows)), (fitted.training_scores, fitted.score(rows)), expected, strict=True
    ):
        assert at_a_time == pytest.approx(own, abs=1e-12)
        assert at_a_time == pytest.approx(plain)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("columns", [5, 15, 16, 79, 80, 97, 500, 1311])
def test_the_smallest_of_many_values_are_found_wherever_they_are(columns: int, count: int) -> None:
    random = np.random.default_rng(columns)
    values = random.integers(0, 50, size=(40, columns)).astype(float)  # many are the same
    values[::2] = random.normal(size=(20, columns))
    values[1] = np.arange(columns)[::-1]
    values[3, :-count] = np.inf
    for cards in (4, 10, 16, 36):  # in one hand
        values[cards, :: max(1, columns // cards)] -= 100
    expected = [np.mean(sorted(row)[:count]) for row in values]
    assert neighbours.mean_of_smallest(values, count) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["KNN", "LDN", "HULL", "LOF", "IDS"])
def test_memory_does_not_grow_with_the_square_of_the_clips(name: str) -> None:
    train = points(5000, 1, columns=8)
    tracemalloc.start()
    try:
        fitted = fit(name, train)
        scores = fitted.training_scores, fitted.score(train[:900] + 0.01)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(train) ** 2 * 8 / 2
    assert all(np.isfinite(each).all() for each in scores)


@pytest.mark.filterwarnings("error")
def test_a_copy_of_a_training_clip_is_its_neighbour() -> None:
    once = points(40, 13)
    train = np.vstack([once, once, once])
    assert fit("KNN", train, n_neighbors=2).training_scores == pytest.approx(np.zeros(120), abs=1e-6)
    assert fit("KNN", train, n_neighbors=3).training_scores.min() > 1e-3
    assert np.isfinite(fit("HULL", train).training_scores).all()


def test_local_normalisation_judges_a_clip_by_the_density_around_it() -> None:
    random = np.random.default_rng(0)
    train = np.vstack([random.normal(0, 0.1, (60, 3)), random.normal(50, 5.0, (60, 3))])
    near_the_dense, near_the_scattered = np.array([[1.0, 0.0, 0.0]]), np.array([[51.0, 50.0, 50.0]])
    score = fit("LDN", train).score
    assert score(near_the_dense).item() > score(near_the_scattered).item() + 1.0
    plain = fit("KNN", train).score
    assert plain(near_the_dense).item() < plain(near_the_scattered).item()


@pytest.mark.parametrize("k", [2, 6, 99])
def test_hulls_leave_a_training_clip_out_of_its_own_score(k: int) -> None:
    train, rows = points(40, 13), points(8, 14)
    fitted = fit("HULL", train, n_neighbors=k)
    assert METHODS["HULL"].leave_one_out
    assert fitted.training_scores == pytest.approx(plain_hull_scores(train, train, k, left_out=True))
    assert fitted.score(rows) == pytest.approx(plain_hull_scores(train, rows, k))


def test_a_clip_between_normal_clips_is_near_their_hull() -> None:
    """On a plane of two speeds and loads in twenty dimensions, with a hole in it, against one as far off the plane."""
    random = np.random.default_rng(0)
    plane = np.linalg.qr(random.normal(size=(20, 2)))[0].T
    speeds = random.uniform(-1, 1, (400, 2))
    speeds = speeds[np.linalg.norm(speeds, axis=1) > 0.5]
    train = speeds @ plane + 0.01 * random.normal(size=(len(speeds), 20))
    off = random.normal(size=20)
    off -= off @ plane.T @ plane
    within, beside = np.zeros((1, 20)), (speeds[:1] @ plane + 0.5 * off / np.linalg.norm(off))
    assert fit("HULL", train).score(beside).item() > fit("HULL", train).score(within).item() + 1.0
    knn = fit("KNN", train).score
    assert abs(knn(beside).item() - knn(within).item()) < 0.1


def test_left_out_scores_of_a_hull_are_those_of_new_clips() -> None:
    """5 % of new clips are above 95 % of the training clips' scores, without a further fit."""
    flagged = []
    for seed in range(20):
        fitted = fit("HULL", points(200, seed, 30))
        flagged.append(
            fitted.score(points(500, seed + 100, 30)) > np.quantile(fitted.training_scores, 0.95, method="weibull")
        )
    assert np.mean(flagged) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("name", ["LDN", "HULL"])
def test_one_fault_among_the_training_clips_does_not_hide_the_others_like_it(name: str) -> None:
    train, faults = points(100, 1), points(20, 2) + 12.0
    with_fault = np.vstack([train, points(1, 3) + 12.0])
    clean, spoilt = fit(name, train), fit(name, with_fault)
    assert clean.score(faults).min() > clean.training_scores.max()
    assert spoilt.score(faults).min() > np.quantile(spoilt.training_scores, 0.95)


def test_several_neighbours_are_averaged_and_never_more_than_there_are() -> None:
    train, rows = points(9, 14), points(5, 15)
    apart = np.sort(distances(rows, train))
    assert fit("KNN", train, n_neighbors=4).score(rows) == pytest.approx(apart[:, :4].mean(axis=1))
    assert fit("KNN", train, n_neighbors=99).score(rows) == pytest.approx(apart[:, :8].mean(axis=1))


@pytest.mark.parametrize(
    ("name", "parameters"), [("OCSVM", {"nu": 0.5}), ("LOF", {"n_neighbors": 5}), ("GMM", {"n_components": 1})]
)
def test_parameters_reach_the_model(name: str, parameters: dict[str, float]) -> None:
    train, rows = points(80, 1), points(30, 2)
    assert not np.allclose(fit(name, train, **parameters).score(rows), fit(name, train).score(rows))


@pytest.mark.parametrize("name", METHODS)
def test_an_outlier_scores_higher_than_every_inlier(name: str) -> None:
    fitted = fit(name, points(100, 5))
    inliers, outlier = points(100, 6) * 0.5, np.full((1, 7), 8.0)
    assert fitted.score(outlier).item() > fitted.score(inliers).max()


@pytest.mark.filterwarnings("ignore:n_neighbors")
@pytest.mark.parametrize("rows", [2, 6])
@pytest.mark.parametrize("name", METHODS)
def test_a_handful_of_training_rows_is_enough(name: str, rows: int) -> None:
    train, others = points(rows, 7), points(10, 8)
    fitted = fit(name, train)
    assert np.isfinite(fitted.training_scores).all()
    assert fitted.score(others) == pytest.approx(expected_scores(name, train, others, 0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", METHODS)
def test_a_handful_of_training_rows_gives_no_warnings(name: str) -> None:
    fit(name, points(6, 7)).score(points(10, 8))


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    train, rows = points(60, 9), points(20, 10)
    assert np.array_equal(fit(name, train, 3).score(rows), fit(name, train, 3).score(rows))


def test_another_seed_grows_another_isolation_forest() -> None:
    train, rows = points(60, 9), points(20, 10)
    assert not np.array_equal(fit("IF", train, 0).score(rows), fit("IF", train, 1).score(rows))


@pytest.mark.parametrize("name", ["OCSVM", "LOF", "MAHALANOBIS", "KNN", "LDN", "HULL", "IDS"])
def test_these_detectors_draw_no_random_numbers(name: str) -> None:
    train, rows = points(60, 9), points(20, 10)
    assert np.array_equal(fit(name, train, 0).score(rows), fit(name, train, 1).score(rows))


@pytest.mark.parametrize("name", METHODS)
def test_scores_are_one_float64_for_each_row(name: str) -> None:
    fitted = fit(name, points(30, 11).astype(np.float32))
    scores = fitted.score(points(12, 12).astype(np.float32))
    assert scores.shape == (12,)
    assert fitted.training_scores.shape == (30,)
    assert scores.dtype == fitted.training_scores.dtype == np.float64


# --- as the configuration has them ---


def test_a_name_alone_takes_what_the_method_states() -> None:
    assert complete("KNN") == {
        "name": "KNN",
        "method": "KNN",
        "representation": "raw+denoised",
        "projection": "whitening",
        "parameters": {"n_neighbors": 1},
    }


def test_an_entry_overrides_what_the_method_states() -> None:
    entry = {"method": "LOF", "name": "LOF-5", "representation": "raw", "parameters": {"n_neighbors": 5}}
    assert complete(entry) == {**entry, "projection": "map-pca"}
    assert list(complete(dict(reversed(entry.items())))) == list(complete("LOF"))


@pytest.mark.parametrize("name", ["knn", "PYOD:", "ECOD", ""])
def test_unknown_methods_are_refused(name: str) -> None:
    with pytest.raises(KeyError):
        find_method(name)


def test_adding_a_detector_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "METHODS", dict(METHODS))

    @detectors.detector("NORM", representation="residual", projection="map-pca")
    def norm(train: np.ndarray, seed: int) -> Fitted:
        """Length of the residual."""
        return Fitted(lambda rows: np.linalg.norm(rows, axis=1), np.linalg.norm(train, axis=1))

    about = complete("NORM")
    assert (about["representation"], about["projection"], about["parameters"]) == ("residual", "map-pca", {})
    assert Detector(**about).fit(np.eye(3), 0).score(np.array([[3.0, 4.0, 0.0]])).tolist() == [5.0]


# --- PyOD ---


@pytest.mark.parametrize(("name", "parameters"), [("ECOD", {}), ("HBOS", {"n_bins": 7}), ("IForest", {}), ("KNN", {})])
def test_pyod_detectors_are_found_by_the_name_of_their_class(name: str, parameters: dict[str, int]) -> None:
    pytest.importorskip("pyod", reason="PyOD (requirements-pyod.txt) is not installed")
    train, rows = points(80, 1), points(20, 2)
    fitted = fit(f"PYOD:{name}", train, 4, **parameters)
    module = __import__(f"pyod.models.{name.lower()}", fromlist=[name])
    random = {"random_state": 4} if name == "IForest" else {}
    model = getattr(module, name)(**random, **parameters).fit(train)
    assert np.array_equal(fitted.score(rows), model.decision_function(rows))
    assert np.array_equal(fitted.training_scores, model.decision_scores_)
    assert fitted.score(np.full((1, 7), 9.0)).item() > np.median(fitted.score(rows))


def test_a_pyod_detector_that_does_not_exist_is_named() -> None:
    pytest.importorskip("pyod", reason="PyOD (requirements-pyod.txt) is not installed")
    with pytest.raises(UserError, match="PyOD has no detector 'Ecod'"):
        fit("PYOD:Ecod", points(20, 1))


def test_parameters_that_pyod_does_not_take_are_a_user_s_mistake() -> None:
    pytest.importorskip("pyod", reason="PyOD (requirements-pyod.txt) is not installed")
    with pytest.raises(UserError, match="PYOD:ECOD does not take these parameters"):
        fit("PYOD:ECOD", points(20, 1), colour=3)


def test_without_pyod_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyod.models", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-pyod\.txt"):
        fit("PYOD:ECOD", points(20, 1))
