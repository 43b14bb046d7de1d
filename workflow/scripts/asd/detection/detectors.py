"""Anomaly detectors fitted on normal clips only.

To add one, write a function here and decorate it with `detector`: its name, what it sees, and its parameters (a JSON
schema each) are all the workflow needs; the configuration then takes the name.  The function is given training rows,
float [clips, dimensions], the seed and the parameters, and returns a `Fitted`.

NumPy, scikit-learn and PyOD are imported when a detector is fitted, not before: the configuration is checked against
this module each time Snakemake starts, be they installed there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from ..classification.widths import EMBEDDING_WIDTH
from ..errors import UserError
from .views import ID_EMBEDDING, WITHOUT_DDAE, ProjectionName, Representation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Projected: TypeAlias = "NDArray[np.floating]"
"""Clips as a detector is given them, float [clips, dimensions]."""

ScoreFunction: TypeAlias = "Callable[[Projected], NDArray[np.float64]]"
"""Maps projected clips, float [clips, dimensions], to scores, float64 [clips]; higher is more anomalous."""


@dataclass(frozen=True)
class Fitted:
    """A detector fitted on training rows.

    Attributes
    ----------
    score
        Scores rows that the detector has not seen.
    score_training
        Scores the training rows.
    model
        What `score` goes by, for `asd.models.detectors`; None where that can't make operators of it.
    """

    score: ScoreFunction
    score_training: Callable[[], NDArray[np.float64]]
    model: Any = None

    @cached_property
    def training_scores(self) -> NDArray[np.float64]:
        """Scores of the training rows themselves, float64 [clips], for thresholds of the *paper* protocol; not computed
        before they are asked for, as where a threshold is cross-fitted nobody does."""
        return self.score_training()


@dataclass(frozen=True)
class Method:
    """An entry of the registry.

    Attributes
    ----------
    name
        As the configuration calls it.
    representation, projection
        What it sees unless the configuration says otherwise.
    parameters
        Parameter -> JSON schema with a description and a default.
    fit
        Called with training rows, seed and the parameters by name.
    leave_one_out
        Whether `Fitted.training_scores` are those of clips left out, so that they calibrate it without further fits.
    """

    name: str
    representation: Representation
    projection: ProjectionName
    parameters: Mapping[str, Mapping[str, Any]]
    fit: Callable[..., Fitted]
    leave_one_out: bool = False

    def defaults(self) -> dict[str, Any]:
        """Parameter -> default."""
        return {name: about["default"] for name, about in self.parameters.items()}


METHODS: dict[str, Method] = {}
"""Name in the configuration -> detector, in the order in which they are defined here."""

PYOD_PREFIX = "PYOD:"
PYOD_REQUIREMENTS = "requirements-pyod.txt"


def detector(
    name: str,
    *,
    representation: Representation,
    projection: ProjectionName,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    leave_one_out: bool = False,
) -> Callable[[Callable[..., Fitted]], Callable[..., Fitted]]:
    """Put a function into the registry (see the top of this module)."""

    def register(fit: Callable[..., Fitted]) -> Callable[..., Fitted]:
        METHODS[name] = Method(name, representation, projection, parameters or {}, fit, leave_one_out)
        return fit

    return register


def find_method(name: str) -> Method:
    """The detector of that name; ``PYOD:ECOD`` is the class ``ECOD`` of PyOD, whichever it is.

    Raises
    ------
    KeyError
        If there is none.
    """
    if name.startswith(PYOD_PREFIX) and len(name) > len(PYOD_PREFIX):
        return Method(name, "denoised", "map-pca", {}, _pyod(name.removeprefix(PYOD_PREFIX)))
    return METHODS[name]


def _on_training_rows(score: ScoreFunction, train: Projected, model: Any) -> Fitted:
    return Fitted(score, lambda: score(train), model)


# ------------------------------------------------------------------------------------ the paper's three detectors


@detector("IF", representation="denoised", projection="map-pca")
def isolation_forest(train: Projected, seed: int) -> Fitted:
    """Isolation forest (Liu, Ting & Zhou, 2008) as in the paper: scikit-learn's defaults, 100 trees."""
    from .forest import grow

    forest = grow(train, seed)
    return _on_training_rows(forest.score, train, forest)


@detector(
    "OCSVM",
    representation="denoised",
    projection="map-pca",
    parameters={
        "nu": {
            "description": "share of the training clips that may lie outside",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "default": 0.1,
        }
    },
)
def one_class_svm(train: Projected, seed: int, nu: float) -> Fitted:
    """One-class SVM (Schölkopf et al., 2001) as in the paper: Gaussian kernel, ``gamma="scale"``."""
    from sklearn.svm import OneClassSVM

    model = OneClassSVM(gamma="scale", nu=nu).fit(train)
    return _on_training_rows(lambda rows: -model.decision_function(rows), train, model)


@detector(
    "LOF",
    representation="denoised",
    projection="map-pca",
    parameters={
        "n_neighbors": {
            "description": "training clips that make up the neighbourhood (all of them, where there are fewer)",
            "type": "integer",
            "minimum": 1,
            "default": 20,
        }
    },
)
def local_outlier_factor(train: Projected, seed: int, n_neighbors: int) -> Fitted:
    """Local outlier factor (Breunig et al., 2000) as in the paper, with scikit-learn's 20 neighbours."""
    from sklearn.neighbors import LocalOutlierFactor

    model: Any = LocalOutlierFactor(n_neighbors=min(n_neighbors, len(train) - 1), novelty=True).fit(train)
    return _on_training_rows(lambda rows: -model.score_samples(rows), train, model)


# ---------------------------------------------------------------------------------------- on whitened features


@detector("MAHALANOBIS", representation="raw+denoised", projection="whitening")
def mahalanobis(train: Projected, seed: int) -> Fitted:
    """Mahalanobis distance to the mean of the training clips, once the rows are whitened."""
    import numpy as np

    mean = train.mean(axis=0)
    return _on_training_rows(lambda rows: np.linalg.norm(rows - mean, axis=1), train, mean)


@dataclass(frozen=True)
class Neighbours:
    """Training rows, float [n, dimensions], of which the `count` nearest ones count."""

    rows: Projected
    count: int


@detector(
    "KNN",
    representation="raw+denoised",
    projection="whitening",
    parameters={
        "n_neighbors": {
            "description": "nearest training clips whose distances are averaged (all of them, where there are fewer)",
            "type": "integer",
            "minimum": 1,
            "default": 1,
        }
    },
)
def nearest_neighbours(train: Projected, seed: int, n_neighbors: int) -> Fitted:
    """Distance to the nearest training clips (Ramaswamy, Rastogi & Shim, 2000), their mean where several are asked for.

    A training clip is not its own neighbour, so its score is that of a clip left out.
    """
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    neighbours = min(n_neighbors, len(train) - 1)
    # brute force: in hundreds of dimensions, trees visit every leaf
    model = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(train)

    def score(rows: Projected) -> NDArray[np.float64]:
        return np.asarray(model.kneighbors(rows)[0].mean(axis=1), np.float64)

    return Fitted(
        score, lambda: np.asarray(model.kneighbors()[0].mean(axis=1), np.float64), Neighbours(train, neighbours)
    )


_OF_LDN = {
    "n_neighbors": {
        "description": "training clips that a density or a score is averaged over (all, where there are fewer)",
        "type": "integer",
        "minimum": 1,
        "default": 5,
    }
}


@detector(
    "LDN",
    representation="log-mel+denoised",
    projection="standard",
    parameters=_OF_LDN,
)
def locally_normalised_neighbours(train: Projected, seed: int, n_neighbors: int) -> Fitted:
    """Nearest training clips, by distances in units of how far these are from their own neighbours (local density
    normalisation).

    The distance to each training clip is divided by that clip's radius, its mean distance to its own nearest
    neighbours; the score is the logarithm of the mean of the smallest of these ratios.  So a clip near a dense group is
    judged by the group's small distances, one among scattered clips by their large ones, after the idea of local
    density-based score normalisation (Wilkinghoff, Yang, Ebbers, Germain, Wichern & Le Roux, 2025, arXiv 2509.10951).
    No radius is larger than 95 % of them, and several ratios are averaged: a single fault among the training clips, far
    from all others, would else have a radius that takes in every fault like it.

    A training clip is not its own neighbour, so its score is that of a clip left out.
    """
    return _locally_normalised(train, n_neighbors)


@dataclass(frozen=True)
class LocallyNormalised:
    """Training rows, float64 [n, dimensions], with the radius of each, float64 [n]; the mean of the `count` smallest
    ratios counts."""

    rows: NDArray[np.float64]
    radius: NDArray[np.float64]
    count: int


def _locally_normalised(train: Projected, n_neighbors: int) -> Fitted:
    import numpy as np
    from sklearn.metrics.pairwise import euclidean_distances

    rows = np.asarray(train, np.float64)
    between = euclidean_distances(rows)
    np.fill_diagonal(between, np.inf)
    radius = np.maximum(_mean_of_smallest(between, min(n_neighbors, len(rows) - 1)), 1e-12)
    radius = np.minimum(radius, np.quantile(radius, 0.95))

    def log_of_ratios(distances: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        return np.log(np.maximum(_mean_of_smallest(distances / radius, count), 1e-12))

    def score(others: Projected) -> NDArray[np.float64]:
        return log_of_ratios(euclidean_distances(np.asarray(others, np.float64), rows), model.count)

    model = LocallyNormalised(rows, radius, min(n_neighbors, len(rows)))
    return Fitted(score, lambda: log_of_ratios(between, min(n_neighbors, len(rows) - 1)), model)


def _mean_of_smallest(distances: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Mean of the `count` smallest of each row of [rows, columns]."""
    import numpy as np

    return np.asarray(np.partition(distances, count - 1, axis=1)[:, :count].mean(axis=1), np.float64)


# ------------------------------------------------------------------------------------ on the spectrum, without DDAE


@dataclass(frozen=True)
class LocalHull:
    """Training rows, float64 [n, dimensions], the distance of each to the hull of its own neighbours, float64 [n], the
    `count` of neighbours, and the regularisation of their weights."""

    rows: NDArray[np.float64]
    usual: NDArray[np.float64]
    count: int
    regularization: float


@detector(
    "HULL",
    representation="log-mel",
    projection="standard",
    parameters={
        "n_neighbors": {
            "description": "nearest training clips that span the hull (all of them, where there are fewer)",
            "type": "integer",
            "minimum": 2,
            "default": 20,
        },
        "regularization": {
            "description": "share of the neighbours' mean squared distance that keeps their weights small",
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.1,
        },
    },
    leave_one_out=True,
)
def local_affine_hull(train: Projected, seed: int, n_neighbors: int, regularization: float) -> Fitted:
    """Distance to the affine hull of the nearest training clips, in units of that of these clips themselves.

    The neighbours' weights, which add up to 1, reconstruct a clip as in locally linear embedding (Roweis & Saul, 2000,
    *Science* 290; regularised as there); what they can't reconstruct is its distance, as in classifiers by local hulls
    (Vincent & Bengio, 2001, K-local hyperplane and convex distance nearest neighbors, NIPS 14).  A clip between normal
    clips, of a speed or a load in between, is near although no single one is.  The score is the logarithm of its
    ratio to the mean distance of the neighbours, each from the hull of its own; none of these is larger than 95 % of
    them, so that a single fault among the training clips does not take in every fault like it.

    A training clip is not its own neighbour, so its score is that of a clip left out.
    """
    import numpy as np
    from sklearn.metrics.pairwise import euclidean_distances

    rows = np.asarray(train, np.float64)
    count = min(n_neighbors, len(rows) - 1)
    between = euclidean_distances(rows)
    np.fill_diagonal(between, np.inf)
    nearest = _nearest(between, count)
    left_out = _hull_distances(rows, rows, nearest, regularization)
    usual = np.minimum(left_out, np.quantile(left_out, 0.95))

    def log_of_ratios(distances: NDArray[np.float64], neighbours: NDArray[np.intp]) -> NDArray[np.float64]:
        ratios = np.maximum(distances, 1e-12) / np.maximum(usual[neighbours].mean(axis=1), 1e-12)
        return np.asarray(np.log(ratios), np.float64)

    def score(others: Projected) -> NDArray[np.float64]:
        clips = np.asarray(others, np.float64)
        neighbours = _nearest(euclidean_distances(clips, rows), count)
        return log_of_ratios(_hull_distances(clips, rows, neighbours, regularization), neighbours)

    return Fitted(score, lambda: log_of_ratios(left_out, nearest), LocalHull(rows, usual, count, regularization))


def _nearest(distances: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Columns of the `count` smallest of each row of [rows, columns], in any order; [rows, count]."""
    import numpy as np

    return np.argpartition(distances, count - 1, axis=1)[:, :count]


_CLIPS_AT_ONCE = 256  # with 20 neighbours of 136 columns, 6 MB; of 648, 27 MB


def _hull_distances(
    clips: NDArray[np.float64], rows: NDArray[np.float64], neighbours: NDArray[np.intp], regularization: float
) -> NDArray[np.float64]:
    """How far each clip, [clips, columns], is from the regularised affine hull of some rows; float64 [clips].

    With G the neighbours minus the clip and C = G G' + regularization * trace(G G') / k * I, the weights are C^-1 1,
    divided by their sum, and the distance is |w' G|.
    """
    import numpy as np

    found = np.empty(len(clips))
    count = neighbours.shape[1]
    for start in range(0, len(clips), _CLIPS_AT_ONCE):
        part = slice(start, start + _CLIPS_AT_ONCE)
        spanned = rows[neighbours[part]] - clips[part, None, :]
        products = spanned @ spanned.transpose(0, 2, 1)
        trace = np.trace(products, axis1=1, axis2=2)
        # rows that all equal the clip have no distances to keep the weights small by
        products += (np.maximum(regularization * trace / count, 1e-12))[:, None, None] * np.eye(count)
        weights = np.linalg.solve(products, np.ones((len(products), count, 1)))[:, :, 0]
        weights /= weights.sum(axis=1, keepdims=True)
        found[part] = np.linalg.norm((weights[:, None, :] @ spanned)[:, 0, :], axis=1)
    return found


@dataclass(frozen=True)
class Mixture:
    """scikit-learn's mixture, of rows divided by `scale`."""

    mixture: Any
    scale: float


@detector(
    "GMM",
    representation="raw+denoised",
    projection="map-pca",
    parameters={
        "n_components": {
            "description": "Gaussians of the mixture (no more than one for every 20 training clips)",
            "type": "integer",
            "minimum": 1,
            "default": 2,
        }
    },
)
def gaussian_mixture(train: Projected, seed: int, n_components: int) -> Fitted:
    """Negative log-likelihood under a mixture of Gaussians with full covariances, fitted by EM."""
    import numpy as np
    from sklearn.mixture import GaussianMixture

    rows = np.asarray(train, np.float64)
    # in units of the widest direction, so that the regularisation of the covariances means the same everywhere
    scale = float(rows.std(axis=0).max()) or 1.0
    components = max(1, min(n_components, len(rows) // 20))
    model = GaussianMixture(components, reg_covar=1e-4, random_state=seed, n_init=3).fit(rows / scale)

    def score(rows: Projected) -> NDArray[np.float64]:
        return np.asarray(-model.score_samples(np.asarray(rows, np.float64) / scale), np.float64)

    return _on_training_rows(score, train, Mixture(model, scale))


# ------------------------------------------------------------------------------------------ by the other IDs' clips


@dataclass(frozen=True)
class OfNetworks:
    """What is fitted in the embedding of each network, and mean and standard deviation of its training scores."""

    each: Sequence[LocallyNormalised]
    scales: Sequence[tuple[float, float]]


@detector(
    "IDS",
    representation=ID_EMBEDDING,
    projection="none",
    parameters=_OF_LDN,
)
def outlier_exposure_by_machine_id(train: Projected, seed: int, n_neighbors: int) -> Fitted:
    """Outlier exposure by machine-ID classification: `LDN` in what networks see that tell the ID from others.

    To tell the normal clips of an ID from those of others of its kind, networks learn what sets it apart, and what any
    of them may sound like; so a clip that no longer sounds like its ID is far from the ID's clips in the embedding
    (outlier exposure: Hendrycks, Mazeika & Dietterich, 2019; by machine IDs: Giri, Tenneti, Cheng, Helwani, Isik &
    Krishnaswamy, 2020, and Primus, Haunschmid, Praher & Widmer, 2020, both DCASE workshop).  The scores of the networks
    (see `asd.classification`) are averaged, each in standard deviations of its training scores.

    A training clip is not its own neighbour, but the networks have seen it.
    """
    import numpy as np

    columns = range(0, train.shape[1], EMBEDDING_WIDTH)
    fitted = [_locally_normalised(train[:, start : start + EMBEDDING_WIDTH], n_neighbors) for start in columns]
    scales = [(float(one.training_scores.mean()), float(one.training_scores.std()) or 1.0) for one in fitted]

    def averaged(scores: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        scaled = [(one - mean) / spread for one, (mean, spread) in zip(scores, scales, strict=True)]
        return np.asarray(np.mean(scaled, axis=0), np.float64)

    def score(rows: Projected) -> NDArray[np.float64]:
        return averaged(
            [one.score(rows[:, start : start + EMBEDDING_WIDTH]) for one, start in zip(fitted, columns, strict=True)]
        )

    model = OfNetworks([one.model for one in fitted], scales)
    return Fitted(score, lambda: averaged([one.training_scores for one in fitted]), model)


# ---------------------------------------------------------------------------------------------------------- PyOD


def _pyod_class(name: str) -> type[Any]:
    """The detector class `name` of PyOD.

    Raises
    ------
    UserError
        If PyOD is not installed, or has no such class.
    """
    import importlib
    import pkgutil

    try:
        models = importlib.import_module("pyod.models")
    except ImportError as error:
        raise UserError(
            f"detectors: {PYOD_PREFIX}{name} needs PyOD, which can't be imported ({error}). Install it with "
            f"`pip install -r {PYOD_REQUIREMENTS}`, or take the detector out of the configuration."
        ) from error
    modules = sorted(module.name for module in pkgutil.iter_modules(models.__path__))
    plain = name.lower()
    candidates = [module for module in modules if module.replace("_", "") == plain.replace("_", "")]
    for module in candidates:
        found = getattr(importlib.import_module(f"pyod.models.{module}"), name, None)
        if isinstance(found, type):
            return found
    raise UserError(
        f"detectors: PyOD has no detector {name!r}. It is the name of a class in pyod.models, such as ECOD, COPOD or "
        "HBOS, with capital letters as there."
    )


def _pyod(name: str) -> Callable[..., Fitted]:
    def fit(train: Projected, seed: int, **parameters: Any) -> Fitted:
        """Any detector of PyOD (Zhao, Nasrullah & Li, 2019), with its own defaults."""
        import inspect

        import numpy as np

        model_class = _pyod_class(name)
        if "random_state" in inspect.signature(model_class.__init__).parameters:
            parameters = {"random_state": seed, **parameters}
        rows = np.asarray(train, np.float64)
        try:
            model = model_class(**parameters)
        except TypeError as error:
            raise UserError(f"detectors: {PYOD_PREFIX}{name} does not take these parameters: {error}") from error
        model.fit(rows)

        def score(rows: Projected) -> NDArray[np.float64]:
            return np.asarray(model.decision_function(np.asarray(rows, np.float64)), np.float64)

        return Fitted(score, lambda: np.asarray(model.decision_scores_, np.float64))

    return fit


# ------------------------------------------------------------------------------------- as the configuration has it


@dataclass(frozen=True)
class Detector:
    """A detector of a run: a method of the registry, and what it is given.

    Attributes
    ----------
    name
        In tables, figures and files.
    """

    name: str
    method: str
    representation: Representation
    projection: ProjectionName
    parameters: Mapping[str, Any]

    @property
    def needs_ddae(self) -> bool:
        """Whether it sees anything of the DDAE's output."""
        return self.representation not in WITHOUT_DDAE

    @property
    def needs_classifier(self) -> bool:
        """Whether it sees the ID classifier's output."""
        return self.representation == ID_EMBEDDING

    @property
    def leave_one_out(self) -> bool:
        """Whether the training scores calibrate it (see `Method`).

        A whitening that was fitted on the same clips spoils that: where they are few, it makes all of them alike.
        """
        return find_method(self.method).leave_one_out and self.projection == "standard"

    def fit(self, train: Projected, seed: int) -> Fitted:
        """Fit on projected training rows, float [clips, dimensions]."""
        import numpy as np

        fitted = find_method(self.method).fit(train, seed, **self.parameters)
        # some scikit-learn detectors answer float32 rows in float32
        return Fitted(
            lambda rows: np.asarray(fitted.score(rows), np.float64),
            lambda: np.asarray(fitted.training_scores, np.float64),
            fitted.model,
        )


def complete(entry: str | Mapping[str, Any]) -> dict[str, Any]:
    """An entry of ``detectors`` in the configuration with everything it leaves out, always in the same order.

    Parameters
    ----------
    entry
        The name of a method, or a mapping with ``method`` and, if wanted, ``name``, ``representation``, ``projection``
        and ``parameters``.

    Raises
    ------
    KeyError
        If there is no such method.
    """
    given: Mapping[str, Any] = {"method": entry} if isinstance(entry, str) else entry
    method = find_method(given["method"])
    parameters = {**method.defaults(), **given.get("parameters", {})}
    return {
        "name": given.get("name", method.name),
        "method": method.name,
        "representation": given.get("representation", method.representation),
        "projection": given.get("projection", method.projection),
        "parameters": dict(sorted(parameters.items())),
    }
