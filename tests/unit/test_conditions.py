"""Single faults against normal clips, and faults against the normal clips of single conditions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest

from asd.detection.clips import ScoredClip, ScoredClips
from asd.detection.scores import Scores, UnitScores
from asd.evaluation.conditions import MOST_VALUES, condition_rows
from asd.evaluation.machine import Unit
from asd.evaluation.rows import ConditionRow
from plain_method import plain_auc

UNIT = Unit.of("given", "0.7", "3", "snr6", "id_00")
THRESHOLD = 0.4


def clip(number: int, condition: str = "", **attributes: str) -> ScoredClip:
    return ScoredClip(f"{number}.wav", condition=condition, attributes=json.dumps(attributes) if attributes else "")


def normal(number: int) -> ScoredClip:
    return clip(number, "warm" if number % 2 else "", domain="source" if number < 12 else "target")


def abnormal(number: int) -> ScoredClip:
    return clip(number, ["leak", "belt", ""][number % 3], domain="source" if number < 4 else "target", speed="6")


def content_of(
    of_normal: Callable[[int], ScoredClip] = normal,
    of_abnormal: Callable[[int], ScoredClip] = abnormal,
    counts: tuple[int, int] = (20, 9),
) -> UnitScores:
    clips = ScoredClips(
        (), *(tuple(map(of, range(count))) for of, count in zip((of_normal, of_abnormal), counts, strict=True))
    )
    random = np.random.default_rng(5)
    scores = {
        name: Scores(np.zeros(2), np.round(random.normal(size=sum(counts)) + clips.labels, 1), THRESHOLD)
        for name in ("LOF", "IF")
    }
    return UnitScores(clips, scores, "given")


def plain_row(content: UnitScores, detector: str, chosen: list[bool]) -> dict[str, float]:
    labels, scores = content.clips.labels[chosen], content.scores[detector].test[chosen]
    return {
        "auc": plain_auc(labels, scores),
        "recall": sum(scores[labels] > THRESHOLD) / sum(labels),
        "false_alarm_rate": sum(scores[~labels] > THRESHOLD) / sum(~labels),
        "n_normal": sum(~labels),
        "n_abnormal": sum(labels),
    }


def by_value(rows: list[ConditionRow], detector: str = "LOF") -> dict[tuple[str, str], ConditionRow]:
    return {(row.attribute, row.value): row for row in rows if row.detector == detector}


@pytest.mark.parametrize("detector", ["LOF", "IF"])
def test_a_fault_is_held_against_all_normal_clips_and_all_faults_against_those_of_an_attribute(detector: str) -> None:
    content = content_of()
    rows = condition_rows({UNIT: content}, "fan")
    assert len(rows) == 8
    found = by_value(rows, detector)
    assert list(found) == [("condition", "belt"), ("condition", "leak"), ("domain", "source"), ("domain", "target")]
    labels = content.clips.labels.tolist()
    for (attribute, value), row in found.items():
        if attribute == "condition":
            chosen = [
                not label or one.condition == value for label, one in zip(labels, content.clips.tested, strict=True)
            ]
        else:
            chosen = [label or value in one.attributes for label, one in zip(labels, content.clips.tested, strict=True)]
        known = dataclasses.asdict(row)
        expected = plain_row(content, detector, chosen)
        assert {name: known.pop(name) for name in expected} == pytest.approx(expected)
        where = {
            "protocol": "given",
            "machine": "fan",
            "noise_factor": "0.7",
            "seed": "3",
            "snr": "snr6",
            "id": "id_00",
        }
        assert known == {**where, "detector": detector, "attribute": attribute, "value": value}


def test_each_unit_has_lines_of_its_own() -> None:
    other = Unit.of("given", "0.7", "4", "snr0", "id_02")
    rows = condition_rows(
        {UNIT: content_of(), other: content_of(of_abnormal=lambda number: clip(number, "rust"))}, "fan"
    )
    assert {(row.seed, row.snr, row.id, row.value) for row in rows if row.attribute == "condition"} == {
        *(("3", "snr6", "id_00", value) for value in ("belt", "leak")),
        ("4", "snr0", "id_02", "rust"),
    }


@pytest.mark.parametrize(
    "content",
    [
        content_of(clip, clip),
        content_of(counts=(20, 0)),
        content_of(of_normal=clip, of_abnormal=lambda number: clip(number, speed="6")),  # no normal clip has a speed
    ],
)
def test_where_there_is_nothing_to_tell_apart_there_is_no_line(content: UnitScores) -> None:
    assert condition_rows({UNIT: content}, "fan") == []


def test_an_attribute_with_very_many_values_has_no_lines() -> None:
    def timed(count: int) -> UnitScores:
        return content_of(lambda number: clip(number, time=str(number % count), site="a"), counts=(2 * MOST_VALUES, 3))

    assert {row.attribute for row in condition_rows({UNIT: timed(MOST_VALUES)}, "fan")} >= {"time", "site"}
    assert "time" not in {row.attribute for row in condition_rows({UNIT: timed(MOST_VALUES + 1)}, "fan")}
    assert "site" in {row.attribute for row in condition_rows({UNIT: timed(MOST_VALUES + 1)}, "fan")}
