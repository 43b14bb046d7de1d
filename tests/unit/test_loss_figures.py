"""Figures of losses: what they show, and the verdict on a training."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import asd.figures.losses
from asd.ddae.loss import Curve
from asd.figures.losses import loss_curves, verdict_on_training
from asd.figures.style import ABNORMAL
from plain_figures import hard_to_read

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]


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
    assert doctest.testmod(asd.figures.losses).failed == 0
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
