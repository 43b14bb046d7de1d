"""How well detectors tell single faults from normal clips, and faults from the normal clips of single conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..detection.clips import ScoredClips
from ..detection.scores import UnitScores
from ..features.cliplist import attributes_of
from .machine import Unit
from .rows import ConditionRow
from .statistics import weighted_aucs

CONDITION = "condition"
"""What tables call the fault, beside the names of attributes."""

MOST_VALUES = 50
"""Of an attribute with more values, such as a time or a remark, there is no AUC for each."""


def condition_rows(contents: Mapping[Unit, UnitScores], machine: str) -> list[ConditionRow]:
    """A line for each detector and each condition or value of an attribute, of every ID at every SNR.

    The clips of a fault are held against all normal clips; all abnormal clips against the normal clips with one value
    of an attribute, as DCASE does for domains.
    """
    rows = []
    for unit, content in contents.items():
        for attribute, value, of_value in _groups(content.clips):
            labels = content.clips.labels[of_value]
            for detector, scores in content.scores.items():
                chosen = scores.test[of_value]
                flagged = chosen > scores.threshold
                rows.append(
                    ConditionRow(
                        protocol=unit.run.protocol,
                        machine=machine,
                        noise_factor=unit.run.noise_factor_text,
                        seed=unit.run.seed_text,
                        snr=unit.snr,
                        id=unit.machine_id,
                        detector=detector,
                        attribute=attribute,
                        value=value,
                        auc=float(weighted_aucs(labels, chosen, np.ones((1, len(labels))))[0]),
                        recall=float(flagged[labels].mean()),
                        false_alarm_rate=float(flagged[~labels].mean()),
                        n_normal=int((~labels).sum()),
                        n_abnormal=int(labels.sum()),
                    )
                )
    return rows


def _groups(clips: ScoredClips) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Attribute, value, and which test clips to look at, bool [clips]; there are some of both labels."""
    labels = clips.labels
    conditions = np.array([clip.condition for clip in clips.tested])
    yield from _of_values(CONDITION, conditions, labels, ~labels)
    attributes = [dict(attributes_of(clip.attributes)) for clip in clips.tested]
    for name in dict.fromkeys(name for values in attributes for name in values):
        yield from _of_values(name, np.array([values.get(name, "") for values in attributes]), ~labels, labels)


def _of_values(
    name: str, values: NDArray[np.str_], divided: NDArray[np.bool_], always: NDArray[np.bool_]
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Each value among the `divided` clips, together with those that are `always` looked at; bool [clips] each."""
    found = [str(value) for value in np.unique(values[divided]) if value]
    if always.any() and 0 < len(found) <= MOST_VALUES:
        yield from ((name, value, (divided & (values == value)) | always) for value in found)
