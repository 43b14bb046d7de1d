"""Figures of scores: what they show is read from their artists."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
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
    figure = roc_curves(CURVES, GRID, {}, "fan")
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
    (whole, *_), _ = roc_rows(roc_curves(CURVES, GRID, {}, "fan"))
    parts = [part for part in whole.collections if isinstance(part, PolyCollection)]
    for part, curve in zip(parts, CURVES["6 dB"].values(), strict=True):
        corners = part.get_paths()[0].vertices
        for x, low, high in zip(GRID[1:-1], curve.low[1:-1], curve.high[1:-1], strict=True):
            heights = corners[np.isclose(corners[:, 0], x), 1]
            assert (heights.min(), heights.max()) == pytest.approx((low, high))


def test_each_row_names_its_detectors_with_their_auc_where_it_is_known():
    figure = roc_curves(CURVES, GRID, {"6 dB": {"IF": 0.76923, "LOF": np.nan}}, "fan")
    first, second = (row[2].get_legend() for row in roc_rows(figure))
    assert [text.get_text() for text in first.get_texts()] == ["IF  0.769", "LOF"]
    assert [text.get_text() for text in second.get_texts()] == ["LOF"]
    assert [legend.get_title().get_text() for legend in (first, second)] == ["6 dB, AUC", "0 dB"]


def test_a_detector_keeps_its_style_in_each_row_and_legend():
    first, second = roc_rows(roc_curves(CURVES, GRID, {}, "fan"))
    styles = [
        (line.get_color(), line.get_marker(), str(line._dash_pattern))
        for row in (first, second)
        for line in (*row[0].lines, *row[1].lines)
        if line.get_label() == "LOF"
    ]
    assert len(styles) == 4
    assert len(set(styles)) == 1
    legend = second[2].get_legend().get_lines()[0]
    assert (legend.get_color(), legend.get_marker()) == styles[0][:2]


def test_many_detectors_have_lighter_bands():
    def alpha(count: int) -> float:
        figure = roc_curves({"6 dB": {f"d{n}": band(0.1) for n in range(count)}}, GRID, {}, "fan")
        return figure.axes[0].collections[0].get_alpha()

    assert alpha(10) < alpha(3)


@pytest.mark.parametrize("most", [False, True])
def test_roc_nothing_overlaps(most):
    if most:
        curves = {f"{n} 데시벨": {LONG.format(d): band(0.1 * (d + 1)) for d in range(10)} for n in range(2)}
        curves["0 데시벨"][LONG.format(3)] = RocBand(*[np.full(len(GRID), np.nan)] * 3)
        del curves["1 데시벨"][LONG.format(4)]
    else:
        curves = {"0 dB": {"LOF": band(0.2)}}
    auc = {label: dict.fromkeys(detectors, 0.9) for label, detectors in curves.items()}
    figure = roc_curves(curves, GRID, auc, "팬, strict protocol " * 8)
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
