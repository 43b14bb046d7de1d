"""Figures of clips before and after denoising: the numbers behind them against plain references, and what they show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from asd.features.acoustic import clip_features, mean_log_mel
from asd.features.bands import log_mel
from asd.features.columns import BASIC_NAMES, mel_centres
from asd.figures.denoising import (
    DenoisingFigures,
    FeaturePanel,
    denoising,
    overall_separation,
    separation,
    verdict_on_denoising,
)
from plain_figures import hard_to_read, pixels
from trained_models import denoiser, unit

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]


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


def test_separation_is_the_difference_of_the_medians_in_half_widths_of_the_bands():
    normal = np.stack([np.arange(11.0), np.ones(11)], axis=1)  # 10-90 %: 1 to 9
    abnormal = np.stack([np.arange(11.0) * 2.0 + 5.0, np.ones(11)], axis=1)  # 7 to 23
    expected = (15.0 - 5.0) / ((8.0 + 16.0) / 4.0)
    assert separation(normal, abnormal) == pytest.approx([expected, np.nan], nan_ok=True)
    assert np.isnan(separation(normal, abnormal[:0])).all()


def feature_panel(clips: int = 30, seed: int = 0) -> FeaturePanel:
    rng = np.random.default_rng(seed)
    return FeaturePanel(*(rng.normal(shift, 1.0, (clips, 136)).astype(np.float32) for shift in (0.0, 0.5, 0.1, 0.4)))


def test_a_panel_has_the_test_clips_as_they_are_and_as_the_ddae_gives_them_back():
    clips = unit(648)  # with temporal features, which the DDAE does not see
    ddae = denoiser(clips.train()[:, :136])
    panel = FeaturePanel.of(clips, ddae)
    for (before, after), kind, rows in zip(
        zip(*panel.pairs.values(), strict=True),
        (clips.normal, clips.abnormal),
        (clips.split.normal, clips.split.abnormal),
        strict=True,
    ):
        assert np.array_equal(before, kind.features[rows][:, :136])
        assert np.array_equal(after, ddae.scaling.invert(ddae.denoise(before)))


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
