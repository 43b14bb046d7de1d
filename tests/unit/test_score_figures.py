"""Figures of scores: what they show is read from their artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from asd.detection.scores import Scores, UnitScores
from asd.figures.scores import (
    ZOOM,
    RocBand,
    ScorePanel,
    in_units_of_threshold,
    roc_curves,
    save_score_strips,
    score_strips,
)
from asd.figures.style import ABNORMAL, NORMAL
from named_clips import scored_clips
from plain_figures import hard_to_read, pixels
from plain_method import plain_auc

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]

GRID = np.linspace(0.0, 1.0, 51)
LONG = "검출기 {} isolation forest on raw+denoised clips"


def band(power: float) -> RocBand:
    mean = GRID**power
    return RocBand(mean, np.maximum(mean - 0.1, 0.0), np.minimum(mean + 0.1, 1.0))


# --- ROC ---

CURVES = {"6 dB": {"IF": band(0.3), "LOF": band(0.1)}, "0 dB": {"LOF": band(0.4)}}


def roc_rows(figure: Figure) -> list[list]:
    """Whole curve, its beginning, and names, from the top."""
    axes = figure.axes
    return [axes[start : start + 3] for start in range(0, len(axes), 3)]


def curves_of(axes) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_ydata() for line in axes.lines if not line.get_label().startswith("_")}


def test_each_snr_has_a_row_with_the_whole_curves_and_their_beginning():
    figure = roc_curves(CURVES, GRID, "fan")
    assert figure.get_suptitle() == "fan"
    for (whole, start, _), detectors in zip(roc_rows(figure), CURVES.values(), strict=True):
        assert whole.get_xlim() == pytest.approx((0.0, 1.0), abs=0.02)
        assert start.get_xlim() == (0.0, ZOOM)
        for axes in (whole, start):
            shown = curves_of(axes)
            assert list(shown) == list(detectors)
            for name, curve in detectors.items():
                assert shown[name] == pytest.approx(curve.mean)


def test_roc_bands_are_from_low_to_high():
    (whole, *_), _ = roc_rows(roc_curves(CURVES, GRID, "fan"))
    parts = [part for part in whole.collections if isinstance(part, PolyCollection)]
    for part, curve in zip(parts, CURVES["6 dB"].values(), strict=True):
        corners = part.get_paths()[0].vertices
        for x, low, high in zip(GRID[1:-1], curve.low[1:-1], curve.high[1:-1], strict=True):
            heights = corners[np.isclose(corners[:, 0], x), 1]
            assert (heights.min(), heights.max()) == pytest.approx((low, high))


def test_each_row_names_its_detectors_with_their_auc_and_what_their_thresholds_find():
    known = replace(band(0.3), auc=0.76923, at_threshold=(0.0525, 0.8))
    first, second = roc_rows(roc_curves({"6 dB": {"IF": known, "LOF": band(0.1)}, "0 dB": {"LOF": known}}, GRID, "fan"))
    texts = [text.get_text() for text in first[2].get_legend().get_texts()]
    assert texts == ["IF  0.769\nfinds 80 %, false 5.2 %", "LOF"]
    assert [row[2].get_legend().get_title().get_text() for row in (first, second)] == ["6 dB, AUC", "0 dB, AUC"]
    for axes in first[:2]:
        points = [line.get_xydata().tolist() for line in axes.lines if line.get_linestyle() == "None"]
        assert points == [[[0.0525, 0.8]]]


def test_the_baseline_is_grey_and_named_as_one_and_a_line_stands_where_false_alarms_are_asked_for():
    figure = roc_curves(CURVES, GRID, "fan", baseline="LOF", asked=0.05, note="Best by mean AUC.")
    (whole, start, key), _ = roc_rows(figure)
    assert [text.get_text() for text in key.get_legend().get_texts()] == ["IF", "baseline: LOF"]
    (grey,) = [line for line in whole.lines if line.get_label() == "LOF"]
    assert len(set(to_rgb(grey.get_color()))) == 1
    for axes in (whole, start):
        assert [line.get_xdata() for line in axes.lines if line.get_xdata()[0] == line.get_xdata()[-1]] == [[0.05] * 2]
    (below,) = figure.legends
    assert below.get_title().get_text() == "Best by mean AUC."
    assert [text.get_text() for text in below.get_texts()] == ["false alarms asked for: 5 %", "chance"]


def test_a_detector_keeps_its_style_in_each_row_and_legend():
    curves = {
        label: {"IF": replace(band(0.3), at_threshold=(0.1, 0.9)), "LOF": band(0.2)} for label in ("6 dB", "0 dB")
    }
    first, second = roc_rows(roc_curves(dict(curves, **{"0 dB": {"LOF": band(0.2)}}), GRID, "fan"))
    styles = [
        (line.get_color(), str(line._dash_pattern))
        for row in (first, second)
        for line in (*row[0].lines, *row[1].lines)
        if line.get_label() == "LOF"
    ]
    assert len(styles) == 4
    assert len(set(styles)) == 1
    assert second[2].get_legend().get_lines()[0].get_color() == styles[0][0]


@pytest.mark.parametrize("most", [False, True])
def test_roc_nothing_overlaps(most):
    if most:
        known = {"auc": 0.9, "at_threshold": (0.123, 0.456)}
        curves = {
            f"{n} 데시벨": {LONG.format(d): replace(band(0.1 * (d + 1)), **known) for d in range(4)} for n in range(2)
        }
        curves["0 데시벨"][LONG.format(3)] = RocBand(*[np.full(len(GRID), np.nan)] * 3)
        del curves["1 데시벨"][LONG.format(2)]
    else:
        curves = {"0 dB": {"LOF": band(0.2)}}
    figure = roc_curves(
        *(curves, GRID, "팬, strict protocol " * 8),
        baseline=LONG.format(1) if most else None,
        asked=0.05 * most,
        note="Best by mean AUC over SNRs and IDs, though false alarms are far from those asked for. " * most,
    )
    assert hard_to_read(figure) == []


# --- strips ---

RNG = np.random.default_rng(0)
PANEL = ScorePanel(RNG.normal(1.0, 0.1, 90), RNG.normal(1.0, 0.1, 40), RNG.normal(1.3, 0.1, 30), 1.15)
HEAVY = ScorePanel(PANEL.train, PANEL.normal, np.concatenate([PANEL.abnormal, [40.0, 1e6, -30.0]]), 1.15)
LARGE = ScorePanel(RNG.normal(1.0, 0.1, 3000), PANEL.normal, PANEL.abnormal, 1.15)


def test_a_panel_has_the_scores_of_each_class_of_clips():
    clips = scored_clips(("t1", "t2"), ("n1",), ("a1", "a2"))
    scores = {
        "LOF": Scores(np.array([0.1, 0.2]), np.array([0.3, 1.0, 2.0]), 0.5),
        "IF": Scores(np.zeros(2), np.ones(3), 1),
    }
    panel = ScorePanel.of(UnitScores(clips, scores, "paper"), "LOF")
    assert [list(of) for of in panel.kinds.values()] == [[0.1, 0.2], [0.3], [1.0, 2.0]]
    assert panel.threshold == 0.5


@pytest.mark.parametrize("shift", [0.0, -7.0])
def test_zero_is_the_median_of_the_training_clips_and_one_the_threshold(shift):
    train, scores = np.array([1.0, 2.0, 4.0]) + shift, np.array([2.0, 5.0, 5.001, 0.5]) + shift
    assert in_units_of_threshold(scores, train, 5.0 + shift) == pytest.approx([0.0, 1.0, 3.001 / 3.0, -0.5])


@pytest.mark.parametrize(
    ("train", "threshold", "expected"),
    [
        ([1.0, 2.0, 3.0], 2.0, [1.0 - 2.0 / 0.9, 1.0, 1.0 + 1.0 / 0.9]),  # at the median
        ([1.0, 2.0, 3.0], 1.5, [1.0 - 1.5 / 0.9, 1.0 + 0.5 / 0.9, 1.0 + 1.5 / 0.9]),  # below it
        ([2.0, 2.0], 2.0, [0.0, 1.0, 2.0]),
    ],
)
def test_a_threshold_that_is_not_above_the_median_is_still_at_one(train, threshold, expected):
    assert in_units_of_threshold(np.array([0.0, 2.0, 3.0]), np.array(train), threshold) == pytest.approx(expected)


def dots_of(axes, colour: str) -> np.ndarray:
    """Of one colour, with those at the ends of the axis."""
    dots = [line.get_xydata() for line in axes.lines if line.get_linestyle() == "None" and line.get_color() == colour]
    return np.concatenate(dots) if dots else np.empty((0, 2))


def words_of(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_each_clip_is_a_dot_in_the_strip_of_its_kind():
    (axes,) = score_strips({("6 dB", "id_00"): PANEL}, "fan").axes
    tops = []
    for colour, scores in (("0.45", PANEL.train), (NORMAL, PANEL.normal), (ABNORMAL, PANEL.abnormal)):
        dots = dots_of(axes, colour)
        expected = in_units_of_threshold(scores, PANEL.train, 1.15).clip(*axes.get_xlim())
        assert np.sort(dots[:, 0]) == pytest.approx(np.sort(expected))
        tops.append((dots[:, 1].min(), dots[:, 1].max()))
    (_, first), (start, second), (third, _) = tops
    assert first < start < second < third
    (lines,) = (one for one in axes.collections if isinstance(one, LineCollection))
    medians = [segment[0][0] for segment in lines.get_segments()]
    assert medians == pytest.approx(
        [np.median(in_units_of_threshold(of, PANEL.train, 1.15)) for of in PANEL.kinds.values()]
    )


def test_a_strip_says_how_many_clips_are_flagged_missed_and_beyond_the_axis():
    (axes,) = score_strips({("6 dB", "id_00"): HEAVY}, "fan").axes
    alarms, missed = np.sum(PANEL.normal > 1.15), np.sum(HEAVY.abnormal <= 1.15)
    found = " | ".join(words_of(axes))
    assert f"{alarms} of 40 false alarm" in found
    assert f"{missed} of 33 missed ({100 * missed / 33:.2g} %)  ◂ 1  2 ▸" in found
    assert axes.get_xlim()[1] < 10.0
    assert len(dots_of(axes, ABNORMAL)) == 33
    labels = np.arange(73) >= 40
    auc = plain_auc(labels, np.concatenate([PANEL.normal, HEAVY.abnormal]))
    assert axes.get_title(loc="left") == f"6 dB: AUC {auc:.3f}"


def test_the_middle_of_many_clips_are_bars():
    (axes,) = score_strips({("6 dB", "id_00"): LARGE}, "fan").axes
    scaled = in_units_of_threshold(LARGE.train, LARGE.train, 1.15)
    bars = [path for one in axes.collections if isinstance(one, PolyCollection) for path in one.get_paths()]
    boxes = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars]
    low, first, last, high = np.quantile(scaled, (0.1, 0.25, 0.75, 0.9))
    assert boxes == [pytest.approx((low, high)), pytest.approx((first, last))]
    assert len(dots_of(axes, "0.45")) == np.sum((scaled < low) | (scaled > high))
    assert "bars are 25–75 % and 10–90 %" in axes.get_xlabel()


def test_all_parts_have_one_axis_with_the_threshold_in_it():
    figure = score_strips({("6 dB", "id_00"): HEAVY, ("0 dB", "id_00"): PANEL}, "fan")
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    for axes in figure.axes:
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata() for line in dashed] == [[1.0, 1.0]]
    assert "1: threshold" in figure.axes[-1].get_xlabel()


def test_without_abnormal_clips_there_is_no_strip_of_them_and_no_auc():
    none = ScorePanel(PANEL.train, PANEL.normal, np.empty(0), 1.15)
    (axes,) = score_strips({("6 dB", "id_00"): none}, "fan").axes
    assert "abnormal" not in " ".join(words_of(axes))
    assert axes.get_title(loc="left") == "6 dB"
    (axes,) = score_strips({("6 dB", "id_00"): none, ("6 dB", "id_02"): PANEL}, "fan").axes
    assert "no abnormal clips" in words_of(axes)


TINY = [
    ScorePanel(np.array([1.0, 1.0]), np.array([1.0]), np.array([1.0]), 1.0),
    ScorePanel(np.array([1.0, 2.0]), np.array([1.5]), np.array([]), 2.0),
    ScorePanel(np.array([-1e-9, 0.0]), np.array([0.0]), np.array([1e12]), 0.0),
]


@pytest.mark.parametrize("panel", TINY)
def test_few_or_equal_scores_are_drawn_without_a_warning(panel):
    figure = score_strips({("6 dB", "id_00"): panel}, "fan")
    assert len(dots_of(figure.axes[0], "0.45")) == 2
    assert hard_to_read(figure) == []


MOST = ScorePanel(PANEL.train, np.resize(PANEL.normal, 12345), np.resize(HEAVY.abnormal, 23456), 1.15)


@pytest.mark.parametrize("panel", [HEAVY, LARGE, MOST])
def test_strips_nothing_overlaps(panel):
    panels = {
        (f"{snr} 데시벨", f"id_{number:02d} 이름 {'of a fan ' * number}"): panel
        for snr in range(3)
        for number in range(6)
        if (snr, number) != (1, 4)
    }
    figure = score_strips(panels, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []
    assert "no data" in words_of(figure.axes[1])


def test_strips_show_nothing_of_those_before_and_have_room_for_all(tmp_path):
    first, second = {("6 dB", "id_00"): LARGE}, {("6 dB", "id_00"): replace(LARGE, abnormal=HEAVY.abnormal)}
    save_score_strips([(first, "fan", tmp_path / "1.png"), (second, "pump", tmp_path / "2.png")])
    # the other way round
    save_score_strips([(second, "pump", tmp_path / "3.png"), (first, "fan", tmp_path / "4.png")])
    assert np.array_equal(pixels(tmp_path / "1.png"), pixels(tmp_path / "4.png"))
    assert np.array_equal(pixels(tmp_path / "2.png"), pixels(tmp_path / "3.png"))
    assert not np.array_equal(pixels(tmp_path / "1.png"), pixels(tmp_path / "2.png"))
