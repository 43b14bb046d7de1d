"""AUC, partial AUC and confusion counts from the scores of clips."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTIAL_AUC_MAX_FPR = 0.1


@dataclass(frozen=True)
class TestScores:
    """What the detectors say about the test clips of one ID at one SNR.

    Attributes
    ----------
    labels
        bool [clips], True for abnormal.
    scores
        Detector -> float64 [clips], higher is more anomalous.
    decisions
        Detector -> bool [clips], True where the score is above the threshold.
    """

    labels: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    decisions: dict[str, NDArray[np.bool_]]


def read_test_scores(path: str | os.PathLike[str], detectors: Sequence[str]) -> TestScores:
    """Test clips of a file that `asd.detection.write_scores` wrote."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]

    def is_abnormal(column: str) -> NDArray[np.bool_]:
        return np.array([row[column] == "abnormal" for row in rows], bool)

    return TestScores(
        is_abnormal("label"),
        {name: np.array([float(row[f"{name}_score"]) for row in rows]) for name in detectors},
        {name: is_abnormal(f"{name}_decision") for name in detectors},
    )


def confusion_counts(labels: NDArray[np.bool_], decisions: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Confusion matrix, int64 [2, 2]: rows are the true, columns the predicted class; normal first."""
    return np.bincount(2 * labels + decisions, minlength=4).reshape(2, 2)


def score_statistics(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], decisions: NDArray[np.bool_]
) -> dict[str, float]:
    """Statistics of one detector's scores of test clips.

    Parameters
    ----------
    labels
        bool [clips], True for abnormal; both classes must be there.
    scores
        float64 [clips], higher is more anomalous.
    decisions
        bool [clips], True where the score is above the threshold.

    Returns
    -------
    dict
        ``auc``; ``pauc`` (false positive rate up to 0.1, standardised after McClish (1989) so that chance is 0.5);
        ``tn``, ``fp``, ``fn``, ``tp`` with abnormal as positive.
    """
    from sklearn.metrics import roc_auc_score  # takes a second to import, which counting does without

    tn, fp, fn, tp = (int(count) for count in confusion_counts(labels, decisions).ravel())
    auc = float(roc_auc_score(labels, scores))
    pauc = float(roc_auc_score(labels, scores, max_fpr=PARTIAL_AUC_MAX_FPR))
    return {"auc": auc, "pauc": pauc, "tn": tn, "fp": fp, "fn": fn, "tp": tp}


def evaluate_scores(
    scores_path: str | os.PathLike[str], summary_path: str | os.PathLike[str], detectors: Sequence[str]
) -> list[dict[str, Any]]:
    """Statistics of each detector on one ID at one SNR, from the files that `asd.detection.write_scores` wrote."""
    test = read_test_scores(scores_path, detectors)
    about = json.loads(Path(summary_path).read_text(encoding="utf-8"))
    counts = {name: about[name] for name in ("n_train", "n_normal", "n_abnormal", "map_mfcc", "map_basic")}
    return [
        {
            "detector": name,
            "threshold": about["thresholds"][name],
            **score_statistics(test.labels, test.scores[name], test.decisions[name]),
            **counts,
        }
        for name in detectors
    ]
