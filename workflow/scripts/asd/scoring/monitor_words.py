"""The words of ``asd monitor``: the verdict, what to do, and what else is to be known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .changes import Change, Course
from .charts import ASSURED, Charts, correlation, false_alarms_apart
from .score_table import RECENT, ScoredRows, ScoreTable

if TYPE_CHECKING:
    from .monitoring import Report

_FEW_CLIPS = 30
_SAME_SCORES = 5
_ALIKE = 0.1  # correlation that is worth a word
_AGAIN = "calibrate again (make the model anew)"
_NO_REASON = "(the table does not say why)"


def valid(clips: ScoredRows, change: Change | None) -> str:
    """Of a model that holds."""
    sound = "" if change is None else f", and so is the sound of the last {change.clips}"
    few = f"; they are too few to say much yet (fewer than {_FEW_CLIPS})" if len(clips) < _FEW_CLIPS else ""
    of = f"the scores of {len(clips)} clips are those" if len(clips) > 1 else "the score of one clip is that"
    return f"valid: {of} of normal clips{sound}{few}"


def small_change(change: Change) -> str:
    """Of a sound that has changed too little for the scores."""
    most = np.abs(change.described).max()
    return f"the sound has changed a little, by {most:.1f} dB at most, which the scores don't mind"


def no_recordings(table: ScoreTable) -> str:
    """Of recordings most of which can't be scored."""
    return (
        f"not valid: {table.recent_errors} of the last {min(RECENT, table.rows)} recordings could not be scored, the "
        f"last one because {table.errors[-1] or _NO_REASON}: look at microphone and recorder"
    )


def not_valid(
    change: Change | None, course: Course | None, since: int | None, clips: ScoredRows, *, higher: bool
) -> str:
    """Of a model that does not hold any more: what has happened, and what to do about it.

    Parameters
    ----------
    since
        Number of a clip, if it is known.
    higher
        Whether the scores have become higher.
    """
    when = _when(since, clips)
    if change is None or change.kind == "nothing":
        why = "" if change is None else "the mean sound has not, so that it is about short or rare sounds: "
        return f"not valid any more: the scores have become higher{when}; {why}listen to the clips"
    more = len(change.regions) - 2
    what = _WORDS["whole" if change.whole else change.kind].format(
        when=f"{when}{_how(course, change)}",
        level=f"{change.decibels:+.2g} dB",
        regions="; ".join([str(one) for one in change.regions[:2]] + ([f"{more} more"] if more > 0 else [])),
        again=_AGAIN,
    )
    return f"not valid any more: {what}{'' if higher else '; the scores do not show it yet'}"


_WORDS = {
    "machine": "the machine sounds different{when}: {regions}. Other bands are as before: look at the machine",
    "whole": (
        "the machine sounds different as a whole{when}, most of all {regions}. The change is not the same in all "
        "clips, as it would be with another microphone: look at the machine"
    ),
    "level": (
        "the level has changed by {level} in all bands{when}: microphone, gain or distance has changed. Put it back, "
        "or {again}"
    ),
    "level and machine": (
        "the level has changed by {level} in all bands{when}, and on top of that the machine sounds different: "
        "{regions}. Look at the machine, and at microphone, gain and distance; then {again}"
    ),
    "noise": (
        "a steady noise has come{when}, heard where it was quiet: {regions}. The background or the recorder has "
        "changed, unless the machine hisses: listen to it; then {again}"
    ),
    "microphone": (
        "the sound has changed as another microphone or room changes it{when}, most of all {regions}. Look at the "
        "microphone, and at the machine, whether it sounds different as a whole; then {again}"
    ),
}


def _when(since: int | None, clips: ScoredRows) -> str:
    if since is None:
        return ""
    return " since the first clip" if since == 0 else f" since about clip {since + 1} ({Path(clips.files[since]).name})"


def _how(course: Course | None, change: Change) -> str:
    if course is None or course.suddenly is None or (course.suddenly and course.since == 0):
        return ""
    if course.suddenly:
        return ", suddenly"
    largest = max([abs(one.decibels) for one in change.regions], default=abs(change.decibels))
    return f", growing by {course.per_clip * largest:.2g} dB a clip"


def remarks_on(table: ScoreTable, clips: ScoredRows, charts: Charts) -> Iterator[str]:
    """What else is to be known of the scores."""
    if table.unreadable:
        count = len(table.unreadable)
        yield f"{count} line{'s' * (count > 1)} could not be read, beginning with line {table.unreadable[0]}"
    if charts.limits.calibration_clips is None:
        yield (
            "how many clips the model was calibrated on can't be told from these p-values: false alarms may come more "
            "often"
        )
    if charts.low is not None:
        yield (
            f"from about clip {charts.low + 1} on, scores were lower than those of normal clips: the model is too "
            "cautious, or the same recordings come again and again"
        )
    same = 1
    while same < len(clips) and clips.scores[-1 - same] == clips.scores[-1]:
        same += 1
    if same >= _SAME_SCORES:
        yield f"the last {same} clips have the same score: does the recorder repeat itself?"
    alike = correlation(charts.z)
    if alike is not None and alike >= _ALIKE:
        apart = false_alarms_apart(charts.limits, alike)
        if apart < charts.limits.run_length:
            yield (
                f"clips resemble their neighbours in time (correlation {alike:.2f}): there is a false alarm about "
                f"every {float(f'{apart:.1g}'):.0f} clips. Score fewer, further apart"
            )


def lines_of(report: Report) -> Iterator[str]:
    """The report for people, in lines; names of others are not made harmless."""
    yield report.sentence
    table = report.table
    errors = f", {len(table.errors)} could not be scored" if table.errors else ""
    whose = "" if report.model is None else f"{report.model.about.title}; "
    yield f"  {whose}{table.path}: {table.rows} rows{errors}"
    for name, charts in report.charts.items():
        yield (
            f"  {name}: {len(charts.z)} clips; EWMA {charts.ewma[-1]:.2f} (limit {charts.limits.ewma:.2f}), CUSUM "
            f"{charts.cusum[-1]:.1f} (limit {charts.limits.cusum:.1f})"
        )
        for alarm in charts.alarms:
            if alarm.end is not None:
                yield f"    an earlier alarm, from clip {alarm.first + 1} on, had ended at clip {alarm.end + 1}"
    if report.change is not None:
        change = report.change
        yield (
            f"  sound of {change.clips} recent clips beside {change.normal_clips} normal ones: p = "
            f"{change.p_value:.2g} (energy distance; inhomogeneity {change.inhomogeneity:.2f})"
        )
    yield (
        f"  limits: a false alarm in {report.run_length:g} clips or more, with {ASSURED:.0%} of sets of calibration "
        "clips, if clips don't depend on their neighbours"
    )
    for remark in report.remarks:
        yield f"  {remark}"
