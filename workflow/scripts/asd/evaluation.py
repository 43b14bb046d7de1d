"""AUC, partial AUC and confusion counts from the scores of clips."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, roc_auc_score

PARTIAL_AUC_MAX_FPR = 0.1


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
    tn, fp, fn, tp = (int(count) for count in confusion_matrix(labels, decisions, labels=[False, True]).ravel())
    auc = float(roc_auc_score(labels, scores))
    pauc = float(roc_auc_score(labels, scores, max_fpr=PARTIAL_AUC_MAX_FPR))
    return {"auc": auc, "pauc": pauc, "tn": tn, "fp": fp, "fn": fn, "tp": tp}


def evaluate_scores(
    scores_path: str | os.PathLike[str], summary_path: str | os.PathLike[str], detectors: Sequence[str]
) -> list[dict[str, Any]]:
    """Statistics of each detector on one ID at one SNR, from the files that `asd.detection.write_scores` wrote."""
    test = pd.read_csv(scores_path).query("part == 'test'")
    about = json.loads(Path(summary_path).read_text(encoding="utf-8"))
    labels = (test["label"] == "abnormal").to_numpy()
    counts = {name: about[name] for name in ("n_train", "n_normal", "n_abnormal", "map_mfcc", "map_basic")}
    return [
        {
            "detector": name,
            "threshold": about["thresholds"][name],
            **score_statistics(
                labels, test[f"{name}_score"].to_numpy(), (test[f"{name}_decision"] == "abnormal").to_numpy()
            ),
            **counts,
        }
        for name in detectors
    ]
