"""Figures of scores: what they show is read from their artists."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from asd.figures.scores import ZOOM, RocBand, ScorePanel, roc_curves, score_histograms, score_limits
from asd.figures.style import ABNORMAL
from plain_figures import hard_to_read

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


# --- histograms ---

RNG = np.random.default_rng(0)
PANEL = ScorePanel(RNG.normal(1.0, 0.1, 400), RNG.normal(1.0, 0.1, 90), RNG.normal(1.3, 0.1, 80), 1.15)
HEAVY = ScorePanel(PANEL.train, PANEL.normal, np.concatenate([PANEL.abnormal, [40.0, 1e6, -30.0]]), 1.15)


def histogram(figure: Figure) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kind of clips -> shares and edges."""
    parts = [part for part in figure.axes[0].patches if isinstance(part, StepPatch)]
    return {part.get_label(): (part.get_data().values, part.get_data().edges) for part in parts}


def test_histograms_show_the_share_of_the_clips_of_each_kind():
    shown = histogram(score_histograms({("6 dB", "id_00"): PANEL}, "fan"))
    assert set(shown) == {"train", "normal", "abnormal"}
    for kind, (shares, edges) in shown.items():
        values = getattr(PANEL, kind)
        inside = [np.mean((values >= low) & (values < high)) for low, high in pairwise(edges)]
        assert shares == pytest.approx(inside)


def test_scores_far_outside_are_one_bar_at_the_end_and_counted():
    figure = score_histograms({("6 dB", "id_00"): HEAVY}, "fan")
    shares, edges = histogram(figure)["abnormal"]
    assert shares[-1] == pytest.approx(2 / 83)
    assert shares[0] == pytest.approx(1 / 83)
    assert shares[1] == shares[-2] == 0.0  # set apart
    assert np.sum(shares) == pytest.approx(1.0)
    assert figure.axes[0].get_xlim() == pytest.approx((edges[0], edges[-1]))
    assert "◂ 1 A  2 A ▸" in figure.axes[0].get_title(loc="left")
    low, high = score_limits(HEAVY)
    assert -1.0 < low < 0.9
    assert 1.5 < high < 3.0


def test_histograms_say_how_many_clips_are_above_the_threshold():
    figure = score_histograms({("6 dB", "id_00"): PANEL}, "fan")
    alarms, detected = np.mean(PANEL.normal > 1.15), np.mean(PANEL.abnormal > 1.15)
    assert figure.axes[0].get_title(loc="left").split("\n")[0] == f"FA {alarms:.0%}, det. {detected:.0%}"
    assert [line.get_xdata()[0] for line in figure.axes[0].lines] == [1.15]


def test_abnormal_clips_are_hatched_and_training_ones_an_outline():
    figure = score_histograms({("6 dB", "id_00"): PANEL}, "fan")
    parts = {part.get_label(): part for part in figure.axes[0].patches}
    assert parts["abnormal"].get_hatch()
    assert parts["abnormal"].get_fill()
    assert not parts["normal"].get_hatch()
    assert not parts["train"].get_fill()
    assert parts["abnormal"].get_edgecolor()[:3] == pytest.approx(
        tuple(int(ABNORMAL[n : n + 2], 16) / 255 for n in (1, 3, 5))
    )


@pytest.mark.parametrize(("ids", "turned"), [(1, True), (4, False), (5, True)])
def test_panels_are_a_grid_of_snr_and_id_with_gaps_where_data_are_missing(ids, turned):
    names = [(snr, f"id_{number:02d}") for snr in ("6 dB", "0 dB") for number in range(ids)]
    figure = score_histograms({name: PANEL for name in names if ids == 1 or name != names[-1]}, "fan")
    rows, columns = figure.axes[0].get_gridspec().get_geometry()
    assert (rows, columns) == ((ids, 2) if turned else (2, ids))
    empty = [number for number, axes in enumerate(figure.axes) if "no data" in [text.get_text() for text in axes.texts]]
    assert empty == ([] if ids == 1 else [2 * ids - 1])


TINY = [
    ScorePanel(np.array([1.0, 1.0]), np.array([1.0]), np.array([1.0]), 1.0),
    ScorePanel(np.array([1.0, 2.0]), np.array([np.nan]), np.array([]), 2.0),
    ScorePanel(np.array([0.0, 0.0]), np.array([]), np.array([np.inf]), np.nan),
]


@pytest.mark.parametrize("panel", TINY)
def test_few_equal_or_missing_scores_are_drawn_without_a_warning(panel):
    figure = score_histograms({("6 dB", "id_00"): panel}, "fan")
    shares, edges = histogram(figure)["train"]
    assert shares.sum() == pytest.approx(1.0)
    assert edges[0] <= panel.train.min() <= panel.train.max() <= edges[-1]
    assert hard_to_read(figure) == []


def test_histograms_nothing_overlaps():
    panels = {(f"{snr} 데시벨", f"id_{number:02d} 이름"): HEAVY for snr in range(4) for number in range(5)}
    figure = score_histograms(panels, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []
