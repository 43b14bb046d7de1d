"""What one writes first to score new recordings: librosa for the features, detectors of scikit-learn from joblib."""

from __future__ import annotations

import sys
from pathlib import Path


def train(model: Path, cache: Path) -> None:
    """Fit the paper's detectors on the features of normal clips, and keep them with their thresholds."""
    import joblib
    import numpy as np
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    features = np.load(cache)[:, :136]
    detectors = [IsolationForest(random_state=0), OneClassSVM(nu=0.1), LocalOutlierFactor(novelty=True)]
    dimensions = min(20, len(features) - 1)
    fitted = [make_pipeline(StandardScaler(), PCA(dimensions), one).fit(features) for one in detectors]
    joblib.dump([(one, np.percentile(-one.decision_function(features), 95)) for one in fitted], model)


def score(model: Path, recordings: list[str]) -> None:
    """Print the scores of recordings."""
    import joblib

    from .plain import extract

    detectors = joblib.load(model)
    for recording in recordings:
        row = extract(recording)[None]
        scores = [-float(one.decision_function(row)[0]) for one, _ in detectors]
        anomalous = sum(value > threshold for value, (_, threshold) in zip(scores, detectors, strict=True))
        print(recording, *(f"{value:.4f}" for value in scores), "anomalous" if anomalous > 1 else "normal")


if __name__ == "__main__":
    command, model, *rest = sys.argv[1:]
    if command == "train":
        train(Path(model), Path(rest[0]))
    else:
        score(Path(model), rest)
