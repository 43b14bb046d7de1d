"""Figures of features: the numbers behind them against plain references, and what they show."""

from __future__ import annotations

import doctest
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from asd.ddae.loss import Curve
from asd.features.acoustic import clip_features, mean_log_mel
from asd.features.bands import log_mel
from asd.features.columns import BASIC_NAMES, mel_centres
from asd.figures import features
from asd.figures.features import (
    DenoisingFigures,
    FeaturePanel,
    ProjectionFigures,
    ProjectionPanel,
    denoising,
    loss_curves,
    overall_separation,
    project_2d,
    projection,
    projection_limits,
    separation,
    verdict_on_denoising,
    verdict_on_training,
)
from asd.figures.style import ABNORMAL
from plain_figures import hard_to_read

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]


# --- numbers ---


def plain_inverse_dct(coefficients) -> list[float]:
    """Inverse of the orthonormal DCT-II, written from its definition."""
    n = len(coefficients)
    result = []
    for place in range(n):
        total = 0.0
        for order, value in enumerate(coefficients):
            scale = math.sqrt((1.0 if order == 0 else 2.0) / n)
            total += scale * float(value) * math.cos(math.pi * order * (2 * place + 1) / (2 * n))
        result.append(total)
    return result


def test_log_mel_is_the_inverse_dct_of_the_first_block():
    features = np.random.default_rng(0).normal(size=(2, 136)).astype(np.float32)
    expected = [plain_inverse_dct(row[:128]) for row in features]
    assert log_mel(features) == pytest.approx(np.array(expected), abs=1e-10)
    assert log_mel(features).dtype == np.float64


def test_log_mel_of_a_clips_features_is_the_mean_over_its_frames_of_the_log_mel_spectrum():
    samples = np.random.default_rng(1).normal(0.0, 0.1, 8000).astype(np.float32)
    assert log_mel(clip_features(samples)[None])[0] == pytest.approx(mean_log_mel(samples), abs=1e-4)


def test_projection_is_onto_the_components_of_the_directions_from_the_median_training_row():
    rng = np.random.default_rng(0)
    train, test = (
        rng.normal(size=(41, 5)) * [5, 3, 1, 1, 0.1] + 7.0,
        rng.normal(size=(6, 5)) + np.array([7, 7, 9, 7, 30]),
    )
    (shown, other), shares = project_2d(train.astype(np.float32), test)
    middle = np.sort(train, axis=0)[20]
    rows = np.concatenate([train, test]) - middle
    directions = np.array([row / math.sqrt(sum(row**2)) for row in rows if any(row)])
    values, vectors = np.linalg.eigh(directions.T @ directions / len(directions))
    assert shares == pytest.approx((values[-1], values[-2]), rel=1e-5)
    for number in (0, 1):
        axis = vectors[:, -1 - number]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        assert shown[:, number] == pytest.approx((train - middle) @ axis, abs=1e-4)
        assert other[:, number] == pytest.approx((test - middle) @ axis, abs=1e-4)


def test_projection_shows_what_lies_apart_though_the_training_rows_vary_alike_in_all_directions():
    rng = np.random.default_rng(1)
    train, normal = rng.normal(size=(200, 30)), rng.normal(size=(60, 30))
    far = rng.normal(size=(40, 30)) + 3.0
    (_, shown, apart), _ = project_2d(train, normal, far)
    assert apart[:, 0].min() > shown[:, 0].max()
    # one clip counts no more for being further out
    (_, shown, apart, _), _ = project_2d(train, normal, far, 1e6 * np.eye(30)[:1])
    assert apart[:, 0].min() > shown[:, 0].max()


@pytest.mark.parametrize(
    ("train", "explained"),
    [
        ([[3.0, 4.0, 5.0]], (0.0, 0.0)),
        ([[1.0, 2.0, 3.0]] * 4, (0.0, 0.0)),
        ([[0.1, 0.2, 0.3], [1.1, 0.2, 0.3]], (1.0, 0.0)),
        ([[1.0], [2.0], [4.0]], (1.0, 0.0)),
    ],
)
def test_projection_of_too_few_clips_leaves_components_at_zero(train, explained):
    rows = np.array(train)
    (shown, other), shares = project_2d(rows, rows[:0])
    assert shares == pytest.approx(explained)
    assert shown.shape == (len(train), 2)
    assert not shown[:, 1].any()
    assert other.shape == (0, 2)


def test_separation_is_the_difference_of_the_medians_in_half_widths_of_the_bands():
    normal = np.stack([np.arange(11.0), np.ones(11)], axis=1)  # 10-90 %: 1 to 9
    abnormal = np.stack([np.arange(11.0) * 2.0 + 5.0, np.ones(11)], axis=1)  # 7 to 23
    expected = (15.0 - 5.0) / ((8.0 + 16.0) / 4.0)
    assert separation(normal, abnormal) == pytest.approx([expected, np.nan], nan_ok=True)
    assert np.isnan(separation(normal, abnormal[:0])).all()


# --- losses ---


def losses(seeds: int = 3, epochs: int = 20, factors=(0.0, 0.2, 0.7)) -> dict:
    def of(factor: float, seed: int) -> Curve:
        values = 0.03 * np.exp(-np.arange(epochs) / (10.0 + seed)) + 0.005 + 0.01 * factor
        return Curve(values.tolist(), [], 0, epochs - 1)

    return {
        network: {factor: [of(factor, seed) for seed in range(seeds)] for factor in factors}
        for network in ("mfcc", "basic")
    }


def steps(values: list[float], held_out: list[float], spread: float = 0.5) -> Curve:
    return Curve(values, held_out, 25, int(np.argmin(held_out)), 10, spread)


def test_losses_have_a_panel_for_each_network_with_the_mean_and_range_over_the_seeds():
    curves = losses()
    figure = loss_curves(curves, "fan")
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == ["MFCC network", "basic network"]
    for axes, of in zip(figure.axes, curves.values(), strict=True):
        assert axes.get_yscale() == "log"
        lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
        assert list(lines) == ["0", "0.2", "0.7"]
        bands = [part for part in axes.collections if isinstance(part, PolyCollection)]
        for line, part, values in zip(lines.values(), bands, of.values(), strict=True):
            assert line.get_xdata().tolist() == list(range(1, 21))
            drawn = np.array([curve.training for curve in values])
            assert line.get_ydata() == pytest.approx(drawn.mean(axis=0))
            corners = part.get_paths()[0].vertices
            at = corners[corners[:, 0] == 10.0, 1]
            assert (at.min(), at.max()) == pytest.approx((drawn[:, 9].min(), drawn[:, 9].max()))
        assert sorted(text.get_text() for text in axes.texts) == ["0", "0.2", "0.7"]


def test_losses_of_held_out_clips_are_drawn_with_the_steps_of_the_weights_that_were_kept():
    curves = [steps([0.4, 0.2, 0.1], [0.5, 0.3, 0.4]), steps([0.6, 0.4, 0.1, 0.05], [0.7, 0.5, 0.4, 0.2])]
    (axes,) = loss_curves({"mfcc": {0.7: curves}}, "fan").axes
    training, held_out, kept = axes.lines[:3]
    assert axes.get_xlabel() == "step (one batch of clips)"
    assert (training.get_linestyle(), held_out.get_linestyle(), kept.get_linestyle()) == ("-", "--", "None")
    assert training.get_xdata().tolist() == held_out.get_xdata().tolist() == [0, 25, 50, 75]
    assert training.get_ydata() == pytest.approx([0.5, 0.3, 0.1, 0.05])
    assert held_out.get_ydata() == pytest.approx([0.6, 0.4, 0.4, 0.2])
    assert kept.get_xydata() == pytest.approx(np.array([[25.0, 0.3], [75.0, 0.2]]))


def test_a_network_that_has_hardly_learned_anything_is_marked():
    bad = {0.7: [steps([0.5, 0.1], [0.5, 0.45])], 0.2: [steps([0.5, 0.1], [0.5, 0.1], 0.01)]}
    curves = {"mfcc": {0.0: [steps([0.5, 0.1], [0.5, 0.1])], **bad}, "basic": losses(1)["basic"]}
    first, second = loss_curves(curves, "fan").axes
    titles = [" ".join(axes.get_title().split()) for axes in (first, second)]
    assert titles[0] == "MFCC network has hardly learned anything at noise factor 0.2, 0.7"
    assert titles[1].startswith("basic network has learned: its loss fell by ")
    assert (first.title.get_color(), second.title.get_color()) == (ABNORMAL, "black")


def test_the_verdict_on_a_training_is_that_of_its_complaints_and_says_by_how_much_losses_fell():
    good, better = steps([0.5, 0.1], [0.5, 0.25]), steps([0.5, 0.1], [0.5, 0.05])
    assert doctest.testmod(features).failed == 0
    assert verdict_on_training({0.7: [good]}) == ("has learned: its loss fell by 50 %", True)
    assert verdict_on_training({0.7: [good], 0.2: [better]}) == ("has learned: its loss fell by 50 to 90 %", True)
    assert verdict_on_training({0.7: [good, steps([0.5, 0.1], [0.5, 0.45])]})[1] is False


def test_lines_of_smaller_noise_factors_are_darker():
    lines = loss_curves(losses(), "fan").axes[0].lines[:3]
    brightness = [sum(line.get_color()[:3]) for line in lines]
    assert brightness == sorted(brightness)
    assert len(set(brightness)) == 3


@pytest.mark.parametrize(
    "curves",
    [
        {"mfcc": {0.7: [Curve([0.03], [], 0, 0)]}, "basic": {0.7: [Curve([0.02], [], 0, 0)]}},
        {"mfcc": {0.7: [Curve([0.03, np.nan, 0.01], [], 0, 2)], 0.2: [Curve([np.nan] * 3, [], 0, 2)]}},
        losses(1, 300, tuple(np.arange(10) / 10)),
        {
            name: {factor / 10: [steps([0.5, 0.4, 0.39], [0.5, 0.5, 0.6], 0.01)] for factor in range(10)}
            for name in ("mfcc", "basic")
        },
    ],
    ids=["one epoch", "missing", "ten noise factors", "ten that have not learned"],
)
def test_losses_nothing_overlaps(curves):
    figure = loss_curves(curves, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []


# --- denoising ---


def feature_panel(clips: int = 30, seed: int = 0) -> FeaturePanel:
    rng = np.random.default_rng(seed)
    return FeaturePanel(*(rng.normal(shift, 1.0, (clips, 136)).astype(np.float32) for shift in (0.0, 0.5, 0.1, 0.4)))


def test_spectra_show_median_and_quantiles_in_decibels_at_the_bands_centres():
    panel = feature_panel()
    figure = denoising({"6 dB": panel, "0 dB": feature_panel(seed=1)}, "fan")
    before, _, after, _, apart, _ = figure.axes[:6]
    assert before.get_title() == "6 dB"
    for axes, blocks in (
        (before, (panel.before_normal, panel.before_abnormal)),
        (after, (panel.after_normal, panel.after_abnormal)),
    ):
        assert axes.get_ylim() == before.get_ylim()
        bands = [part for part in axes.collections if isinstance(part, PolyCollection)]
        for line, part, block in zip(axes.lines, bands, blocks, strict=True):
            decibels = 10.0 * np.log10(np.exp(log_mel(block)))
            assert line.get_xdata() == pytest.approx(mel_centres())
            assert line.get_ydata() == pytest.approx(np.median(decibels, axis=0))
            corners = part.get_paths()[0].vertices
            at = corners[np.isclose(corners[:, 0], mel_centres()[40]), 1]
            assert (at.min(), at.max()) == pytest.approx(np.quantile(decibels[:, 40], (0.1, 0.9)))
        assert len({str(line._dash_pattern) for line in axes.lines}) == 2
    shown = {line.get_label(): line.get_ydata() for line in apart.lines if not line.get_label().startswith("_")}
    for when, (normal, abnormal) in panel.pairs.items():
        assert shown[when] == pytest.approx(separation(log_mel(normal), log_mel(abnormal)))


def test_each_basic_feature_has_a_panel_with_four_boxes_for_each_snr():
    panels = {"6 dB": feature_panel(), "0 dB": feature_panel(seed=1)}
    axes_of = {axes.get_title(): axes for axes in denoising(panels, "fan").axes}
    for number, name in enumerate(BASIC_NAMES):
        axes = axes_of[name]
        assert [text.get_text() for text in axes.get_xticklabels()] == ["6 dB", "0 dB"]
        boxes = sorted((patch for patch in axes.patches if isinstance(patch, Rectangle)), key=Rectangle.get_x)
        blocks = [block for panel in panels.values() for pair in panel.pairs.values() for block in pair]
        expected = [np.quantile(block[:, 128 + number].astype(float), (0.25, 0.75)) for block in blocks]
        shown = np.array([(box.get_y(), box.get_y() + box.get_height()) for box in boxes])
        assert shown == pytest.approx(np.array(expected))
        right = [box.get_x() + box.get_width() for box in boxes]
        assert all(edge <= box.get_x() for edge, box in zip(right, boxes[1:], strict=False))
        looks = [(box.get_facecolor(), box.get_edgecolor(), box.get_hatch()) for box in boxes[:4]]
        assert len(set(looks)) == 4


@pytest.mark.parametrize(
    "panels",
    [
        {"0 dB": feature_panel(2), "6 dB": FeaturePanel(*[np.ones((n, 136), np.float32) for n in (2, 0, 2, 0)])},
        {f"{n} 데시벨 of noise": feature_panel(seed=n) for n in range(5)},
    ],
    ids=["few", "five SNRs"],
)
def test_denoising_nothing_overlaps(panels):
    figure = denoising(panels, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []


def pairs_of(before: float, after: float, clips: int = 30, spread: float = 1.0) -> FeaturePanel:
    """All features of the abnormal clips are so much higher, in units of the spread."""
    rows = np.linspace(-1.25, 1.25, clips)[:, None] * np.ones(136)  # 10-90 %: -1 to 1
    spectrum = np.concatenate([scipy.fft.dct(rows[:, :128], norm="ortho"), rows[:, 128:]], axis=1)
    one = np.concatenate([scipy.fft.dct(np.ones(128), norm="ortho"), np.ones(8)])
    groups = (spectrum, spectrum + before * one, spread * spectrum, spread * spectrum + after * one)
    return FeaturePanel(*(group.astype(np.float32) for group in groups))


def test_overall_separation_is_that_of_the_spectrum_and_of_the_basic_features():
    panel = pairs_of(0.5, 2.0)
    assert [overall_separation(*pair) for pair in panel.pairs.values()] == pytest.approx([0.5, 2.0], rel=1e-3)
    assert math.isnan(overall_separation(panel.before_normal, panel.before_abnormal[:0]))
    assert overall_separation(*pairs_of(0.5, 2.0, spread=0.5).pairs["after"]) == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize(
    ("pair", "clause"),
    [
        ((0.8, 1.3), "moves them further apart at 6 dB (separation 0.80 to 1.30)"),
        ((1.3, 0.8), "moves them closer together at 6 dB (separation 1.30 to 0.80)"),
        ((0.8, 0.85), "changes little at 6 dB (separation 0.80 to 0.85)"),
        ((0.05, 0.2), "leaves them mixed at 6 dB (separation 0.05 to 0.20)"),
        ((0.2, 0.4, 16), "leaves them mixed at 6 dB (separation 0.20 to 0.40)"),  # as by chance
        ((0.2, 0.4, 60), "moves them further apart at 6 dB (separation 0.20 to 0.40)"),
        ((0.8, 0.8, 5), "can't be judged by so few of them at 6 dB"),
        ((0.8, 0.0, 30, 0.0), "makes nearly the same of all of them at 6 dB"),
    ],
)
def test_the_verdict_says_what_denoising_does_to_the_separation(pair, clause):
    assert verdict_on_denoising({"6 dB": pairs_of(*pair)}) == f"Abnormal and normal clips: denoising {clause}."


def test_the_verdict_names_the_noise_levels_together_and_stands_above_the_figure():
    panels = {"6 dB": pairs_of(0.8, 1.3), "0 dB": pairs_of(0.5, 0.4), "-6 dB": pairs_of(0.4, 0.8)}
    verdict = (
        "Abnormal and normal clips: denoising moves them further apart at 6 dB (separation 0.80 to 1.30) and "
        "-6 dB (0.40 to 0.80) and moves them closer together at 0 dB (0.50 to 0.40)."
    )
    assert verdict_on_denoising(panels) == verdict
    words = [" ".join(text.get_text().split()) for text in denoising(panels, "fan").findobj(Text)]
    assert verdict in words


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_page_about_denoising_shows_nothing_of_the_one_before(tmp_path):
    first = {"6 dB": feature_panel(seed=2), "0 dB": feature_panel(seed=3)}
    second = {"6 dB": feature_panel(), "0 dB": feature_panel(seed=1)}
    series = DenoisingFigures()
    for name, panels in (("first", first), ("second", second), ("again", first)):
        series.save(panels, "fan", tmp_path / f"{name}.png")
    assert np.array_equal(pixels(tmp_path / "again.png"), pixels(tmp_path / "first.png"))
    assert not np.array_equal(pixels(tmp_path / "second.png"), pixels(tmp_path / "first.png"))


def test_longer_numbers_and_verdicts_have_the_page_laid_out_again(tmp_path):
    short = feature_panel()
    large = FeaturePanel(*(1e5 * block for blocks in short.pairs.values() for block in blocks))
    series, alone = DenoisingFigures(), DenoisingFigures()
    series.save({"6 dB": short}, "fan", tmp_path / "first.png")
    series.save({"6 dB": large}, "팬, strict protocol " * 8, tmp_path / "second.png")
    alone.save({"6 dB": large}, "팬, strict protocol " * 8, tmp_path / "alone.png")
    assert np.array_equal(pixels(tmp_path / "second.png"), pixels(tmp_path / "alone.png"))


# --- projection ---


def projection_panel(outlier: float = 0.0) -> ProjectionPanel:
    rng = np.random.default_rng(0)
    train, normal = rng.normal(size=(120, 2)), rng.normal(size=(40, 2))
    abnormal = np.concatenate([rng.normal(2.0, 1.0, size=(30, 2)), np.full((1, 2), outlier)])
    return ProjectionPanel(train, normal, abnormal, (0.71, 0.204), 0.9876)


def clouds(axes) -> dict[str, np.ndarray]:
    parts = [part for part in axes.collections if isinstance(part, PathCollection)]
    return {part.get_label(): np.asarray(part.get_offsets()) for part in parts if part.get_label()[0] != "_"}


def test_projection_shows_all_clips_inside_and_the_shares_of_variance():
    panel = projection_panel()
    axes = projection({("6 dB", "id_00"): panel}, "fan").axes[0]
    low, high = projection_limits(panel)
    for name, shown in clouds(axes).items():
        clips = getattr(panel, name)
        inside = clips[((clips >= low) & (clips <= high)).all(axis=1)]
        assert len(inside) > 0.8 * len(clips)
        assert shown == pytest.approx(inside)
    assert axes.get_xlabel() == "71 % and 20 %"
    assert axes.get_title(loc="left").startswith("AUC 0.988\n")


def test_outliers_do_not_squash_the_rest_and_are_counted_at_the_edge():
    axes = projection({("6 dB", "id_00"): projection_panel(1e6)}, "fan").axes[0]
    assert axes.get_xlim()[1] < 20
    assert "A" in axes.get_title(loc="left")
    edge = np.concatenate([np.asarray(part.get_offsets()) for part in axes.collections])
    assert edge.max(axis=0) == pytest.approx([axes.get_xlim()[1], axes.get_ylim()[1]])
    total = sum(len(part.get_offsets()) for part in axes.collections)
    assert total == 120 + 40 + 31


def test_the_three_kinds_of_clips_have_marks_of_their_own():
    axes = projection({("6 dB", "id_00"): projection_panel()}, "fan").axes[0]
    parts = [part for part in axes.collections if part.get_label() in ("train", "normal", "abnormal")]
    assert len({part.get_paths()[0].vertices.tobytes() for part in parts}) == 3


@pytest.mark.parametrize(
    "panels",
    [
        {("6 dB", "id_00"): ProjectionPanel(np.zeros((2, 2)), np.zeros((0, 2)), np.full((1, 2), np.nan), (0.0, 0.0))},
        {
            (f"{snr} 데시벨", f"id_{number:02d} 이름"): projection_panel(100.0)
            for snr in range(4)
            for number in range(5)
            if (snr, number) != (2, 3)
        },
    ],
    ids=["two clips", "most"],
)
def test_projection_nothing_overlaps(panels):
    figure = projection(panels, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []


def test_a_projection_shows_nothing_of_the_one_before(tmp_path):
    key, series, alone = ("6 dB", "id_00"), ProjectionFigures(), ProjectionFigures()
    series.save({key: projection_panel(100.0)}, "pump", tmp_path / "first.png")
    series.save({key: replace(projection_panel(), explained=(0.1, 0.05))}, "fan", tmp_path / "second.png")
    alone.save({key: replace(projection_panel(), explained=(0.1, 0.05))}, "fan", tmp_path / "alone.png")
    assert np.array_equal(pixels(tmp_path / "second.png"), pixels(tmp_path / "alone.png"))
    assert not np.array_equal(pixels(tmp_path / "second.png"), pixels(tmp_path / "first.png"))


def test_without_abnormal_clips_a_projection_has_no_mark_and_no_auc_of_them():
    panel = replace(projection_panel(), abnormal=np.empty((0, 2)), auc=np.nan)
    figure = projection({("6 dB", "id_00"): panel}, "fan")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["normal, training (T)", "normal, test (N)"]
    assert "AUC" not in figure.axes[0].get_title(loc="left")


def test_without_abnormal_clips_nothing_is_said_of_them() -> None:
    random = np.random.default_rng(0)
    normal, none = random.normal(size=(5, 136)).astype(np.float32), np.empty((0, 136), np.float32)
    figure = denoising({"6 dB": FeaturePanel(normal, none, normal, none)}, "fan")
    figure.canvas.draw()
    words = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    assert "no abnormal clips" in words
    assert "There are no abnormal clips, so nothing shows whether denoising sets them apart." in " ".join(words)
    assert not [
        word for word in words if word.startswith("abnormal (") or word in ("abnormal before", "abnormal after")
    ]
