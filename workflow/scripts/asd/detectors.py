"""Anomaly detectors fitted on normal clips only.  To add one, add an entry to `DETECTORS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

Score = Callable[[NDArray[np.floating]], NDArray[np.float64]]
"""Maps rows, float [clips, components], to scores, float64 [clips]; higher is more anomalous."""


def _isolation_forest(train: NDArray[np.floating], seed: int) -> Score:
    model = IsolationForest(random_state=seed).fit(train)
    return lambda rows: -model.decision_function(rows)


def _one_class_svm(train: NDArray[np.floating], seed: int) -> Score:
    model = OneClassSVM(gamma="scale", nu=0.1).fit(train)
    return lambda rows: -model.decision_function(rows)


def _local_outlier_factor(train: NDArray[np.floating], seed: int) -> Score:
    # scikit-learn's 20 neighbours, or as many as there are
    model: Any = LocalOutlierFactor(n_neighbors=min(20, len(train) - 1), novelty=True).fit(train)
    return lambda rows: -model.score_samples(rows)


DETECTORS: dict[str, Callable[[NDArray[np.floating], int], Score]] = {
    "IF": _isolation_forest,
    "OCSVM": _one_class_svm,
    "LOF": _local_outlier_factor,
}
"""Name in the configuration -> function that fits training rows, float [clips, components], with a seed."""
