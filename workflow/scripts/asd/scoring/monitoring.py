"""Whether a model still holds: the command ``asd monitor``.

Two questions are asked of a table of scores.  Have the scores become higher than those of normal clips (`.charts`)?
And is the sound of the recent clips as a whole another one than that of the clips which trained the model (`.changes`)?
The second tells what to do: a machine that sounds different is looked at; after a change of microphone, gain or room
the p-values mean nothing any more, and the model is made anew.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.neutral import for_terminal, in_one_line
from . import monitor_words
from .changes import Change, Course
from .charts import Charts, calibration_clips, draw_charts, limits_for, quantiles
from .model import Model
from .ownership import require_own, require_png
from .p_values import p_values
from .recent_sound import Comparison, compare_sound
from .score_table import RECENT, ScoredRows, ScoreTable, read_score_table

logger = logging.getLogger(__name__)

VALID, NOT_VALID, FAILED = 0, 1, 2
"""Exit statuses."""

MARK = "asd monitor"
"""By which figures are known again, so that nothing else is overwritten."""

SHORTEST_RUN, LONGEST_RUN = 20.0, 1e7
"""Clips between false alarms that can be asked for."""

RELEVANT_DECIBELS, RELEVANT_DEVIATIONS = 1.0, 0.5
"""By which the sound of a band has to change if the scores don't mind it; the latter of normal clips."""

_EVIDENCE = 50.0  # BIC
_OTHERS = 0.02  # share of p-values that may be others than the model gives, because scores are rounded
_UNSOUND = 0.5  # share of recent rows that could not be scored
_FEWEST_UNSOUND = 4  # of them


@dataclass(frozen=True, eq=False)
class Report:
    """What is known of a model from a table of scores.

    Attributes
    ----------
    kind
        ``valid``; else what it is about: ``machine``, ``level``, ``level and machine``, ``microphone``, ``noise``,
        ``scores`` (higher, and it is not known why), or ``recordings`` (that can't be scored).
    sentence
        The verdict in words.
    detector
        The one that is shown.
    charts
        Detector -> its charts.
    clips
        What is shown was scored of these.
    since
        Number of the clip since which it is so, from 0; None if there is no alarm.
    change
        Of the sound; None where it is not known.
    course
        How it came.
    remarks
        Sentences about what else is to be known.
    """

    table: ScoreTable
    model: Model | None
    run_length: float
    kind: str
    sentence: str
    detector: str
    charts: Mapping[str, Charts]
    clips: ScoredRows
    since: int | None = None
    change: Change | None = None
    course: Course | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether the model still holds."""
        return self.kind == "valid"

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; clips are counted from 1."""
        return {
            "scores": self.table.path,
            "model": None if self.model is None else self.model.path,
            "valid": self.valid,
            "kind": self.kind,
            "verdict": self.sentence,
            "since": None if self.since is None else {"clip": self.since + 1, "file": self.clips.files[self.since]},
            "rows": self.table.rows,
            "errors": len(self.table.errors),
            "unreadable_lines": self.table.unreadable,
            "run_length": self.run_length,
            "detector": self.detector,
            "charts": {name: _charts_json(one) for name, one in self.charts.items()},
            "sound": None if self.change is None else _change_json(self.change, self.course),
            "remarks": self.remarks,
        }


def _charts_json(charts: Charts) -> dict[str, Any]:
    limits = charts.limits
    return {
        "clips": len(charts.z),
        "calibration_clips": limits.calibration_clips,
        "cusum": {"now": float(charts.cusum[-1]), "limit": limits.cusum},
        "ewma": {"now": float(charts.ewma[-1]), "limit": limits.ewma},
        "alarms": [
            {
                "chart": one.chart,
                "change_after_clip": one.change,
                "alarm_at_clip": one.first + 1,
                "ended_at_clip": None if one.end is None else one.end + 1,
            }
            for one in charts.alarms
        ],
    }


def _change_json(change: Change, course: Course | None) -> dict[str, Any]:
    return {
        "clips": change.clips,
        "normal_clips": change.normal_clips,
        "energy_test": {"p_value": change.p_value, "inhomogeneity": change.inhomogeneity},
        "described_by": change.kind,
        "evidence": change.evidence,
        "level_db": change.decibels,
        "regions": [
            {"hertz": list(one.hertz), "db": one.decibels, "deviation": one.deviation} for one in change.regions
        ],
        "size_in_deviations": change.size,
        "unsteadiness": change.unsteady,
        "suddenly": None if course is None else course.suddenly,
        "difference_db": change.difference.round(3).tolist(),
        "spread_db": change.spread.round(3).tolist(),
    }


# -------------------------------------------------------------------------------------------------------- the command


def monitor_command(arguments: Any) -> int:
    """``asd monitor``: say whether a model still holds, and draw it.

    Parameters
    ----------
    arguments
        With `scores` (path of a table), `model` (path or None), `output` (path of the figure, or None for one named
        after the table in the current folder), `json` and `run_length`.

    Returns
    -------
    int
        0 if it holds, 1 if it does not, 2 where something is wrong, which standard error then says.
    """
    try:
        figure = figure_path(arguments.scores, arguments.output)
        model = None if arguments.model is None else Model.load(arguments.model)
        report = monitor(arguments.scores, model, run_length=arguments.run_length)
        drawn = _drawn(report, figure)
    except UserError as error:
        print(f"asd: {for_terminal(str(error))}", file=sys.stderr)
        return FAILED
    if arguments.json:
        print(json.dumps(report.to_json() | {"figure": drawn}, ensure_ascii=True, allow_nan=False, indent=1))
    else:
        print(*(in_one_line(line) for line in monitor_words.lines_of(report)), sep="\n")
        if drawn:
            print(in_one_line(drawn))
    return VALID if report.valid else NOT_VALID


def monitor_into(scores: StrPath, model: StrPath, figure: StrPath, report: StrPath) -> None:
    """Write the figure, and the report as JSON, each whole or not at all; the verdict goes to the log.

    Raises
    ------
    UserError
        As `monitor`.
    """
    from .monitor_figure import save_figure

    found = monitor(scores, Model.load(model))
    save_figure(found, Path(figure))
    with whole_file(report) as temporary:
        content = json.dumps(found.to_json(), ensure_ascii=True, allow_nan=False, indent=1)
        temporary.write_text(f"{content}\n", encoding="utf-8")
    for line in monitor_words.lines_of(found):
        logger.info("%s", line)


def figure_path(scores: StrPath, output: StrPath | None) -> Path:
    """Where the figure goes.

    Raises
    ------
    UserError
        If something else than an earlier figure is there, or the name does not end in ``.png``.
    """
    path = Path(f"{Path(scores).stem}.monitor.png" if output is None else output)
    require_png(path, "--output")
    require_own(path, MARK, "--output")
    return path


def _drawn(report: Report, path: Path) -> str | None:
    """Draw the figure, and return its path; without matplotlib say so in the report."""
    try:
        from .monitor_figure import save_figure
    except ModuleNotFoundError as error:
        report.remarks.append(f"there is no figure, since {error.name} is not installed (pip install matplotlib)")
        return None
    save_figure(report, path)
    return str(path)


# --------------------------------------------------------------------------------------------------------- the report


def monitor(scores: StrPath, model: Model | None = None, *, run_length: float = 10_000) -> Report:
    """Whether a model still holds.

    Parameters
    ----------
    scores
        A table of ``asd score --csv`` or ``asd watch``, in the order of time.
    model
        The one that scored.  Without it, only the scores are looked at, and not the sound.
    run_length
        Mean number of normal clips between false alarms.  The alarm that the sound has changed has its own.

    Raises
    ------
    UserError
        If the table can't be read, or was not made by this model.
    """
    if not SHORTEST_RUN <= run_length <= LONGEST_RUN:
        raise UserError(
            f"--run-length {run_length:g}: a number of clips from {SHORTEST_RUN:g} to {LONGEST_RUN:g} is wanted"
        )
    table = read_score_table(scores)
    if model is not None:
        _require_scores_of(model, table)
    each = run_length * len(table.detectors)
    charts = {name: _charts_of(clips, name, model, each) for name, clips in table.detectors.items()}
    detector = _shown(charts, model)
    clips, shown = table.detectors[detector], charts[detector]
    remarks = list(monitor_words.remarks_on(table, clips, shown))
    about = Report(table, model, run_length, "valid", "", detector, charts, clips, remarks=remarks)
    if table.recent_errors > max(_UNSOUND * min(RECENT, table.rows), _FEWEST_UNSOUND):
        return replace(about, kind="recordings", sentence=monitor_words.no_recordings(table))
    found = Comparison(None, None, ())
    if model is not None:
        found = compare_sound(table.path, clips, shown, model)
        remarks += found.remarks
    change, alarm = found.change, shown.alarm
    kind = kind_of(change, alarm is not None, run_length)
    if kind == "valid":
        different = _is_different(change, run_length)
        if change is not None and different:
            remarks.append(monitor_words.small_change(change))
        sentence = monitor_words.valid(clips, None if different else change)
        return replace(about, sentence=sentence, change=change)
    if model is None:
        remarks.append("with the model (--model) it can be told whether the machine or the microphone has changed")
    since = found.course.since if found.course is not None else None if alarm is None else alarm.change
    return replace(
        about,
        kind=kind,
        sentence=monitor_words.not_valid(change, found.course, since, clips, higher=alarm is not None),
        since=since,
        change=change,
        course=found.course,
    )


def kind_of(change: Change | None, alarm: bool, run_length: float) -> str:
    """What is wrong, as `Report.kind` has it.

    Parameters
    ----------
    change
        Of the sound, as far as it is known.
    alarm
        Whether the charts are in alarm.
    """
    relevant = (
        change is not None
        and _is_different(change, run_length)
        and change.size >= RELEVANT_DEVIATIONS
        and float(np.abs(change.described).max()) >= RELEVANT_DECIBELS
    )
    if not (alarm or relevant):
        return "valid"
    return "scores" if change is None or change.kind == "nothing" else change.kind


def _is_different(change: Change | None, run_length: float) -> bool:
    """Whether the sound differs by more than chance.

    As the test of the energy distance has it, with one error in `run_length` clips if it is asked after each lot of
    recent clips; or because a description is far better than chance, which sees few bands better and did not happen in
    simulations with normal clips.
    """
    if change is None or change.kind == "nothing":
        return False
    return change.p_value <= float(np.clip(change.clips / run_length, 0.001, 0.05)) or change.evidence >= _EVIDENCE


def _charts_of(clips: ScoredRows, name: str, model: Model | None, run_length: float) -> Charts:
    if model is None:
        count = calibration_clips(clips.p_values, rounding=clips.rounding)
    else:
        count = len(model.record(name).calibration)
    return draw_charts(quantiles(clips.p_values, count), limits_for(run_length, count))


def _require_scores_of(model: Model, table: ScoreTable) -> None:
    """Refuse scores that another model gave."""
    for name, clips in table.detectors.items():
        calibration = model.record(name).calibration
        slack = 1e-6 * np.abs(clips.scores) + 1e-12
        step = clips.rounding + 1e-9
        low = p_values(clips.scores + slack, calibration) - step
        high = p_values(clips.scores - slack, calibration) + step
        wrong = np.flatnonzero((clips.p_values < low) | (clips.p_values > high))
        if len(wrong) > _OTHERS * len(clips):
            raise UserError(
                f"{table.path}: {len(wrong)} of {len(clips)} p-values of {in_one_line(name)} are not those that "
                f"{model.path} gives for their scores, beginning with line {clips.lines[wrong[0]]}: another model gave "
                "them. Give that one, or a table with the rows of this model alone."
            )


def _shown(charts: Mapping[str, Charts], model: Model | None) -> str:
    """The detector that alarms, else the model's, else the first."""
    alarming = [name for name, one in charts.items() if one.alarm is not None]
    wanted = model.about.detector if model is not None else ""
    for names in (alarming, list(charts)):
        if names:
            return wanted if wanted in names else names[0]
    raise ValueError("no charts")
