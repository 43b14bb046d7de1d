"""Figures of clips in a plane: the numbers behind them against plain references, and what they show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from asd.detection.networks import TrainedNetworks
from asd.detection.representations import Represented
from asd.detection.seen import as_seen
from asd.figures.projections import ProjectionFigures, ProjectionPanel, project_2d, projection, projection_limits
from plain_figures import hard_to_read, pixels
from trained_models import denoiser, networks, unit

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]


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


def projection_panel(outlier: float = 0.0) -> ProjectionPanel:
    rng = np.random.default_rng(0)
    train, normal = rng.normal(size=(120, 2)), rng.normal(size=(40, 2))
    abnormal = np.concatenate([rng.normal(2.0, 1.0, size=(30, 2)), np.full((1, 2), outlier)])
    return ProjectionPanel(train, normal, abnormal, (0.71, 0.204), 0.9876)


def clouds(axes) -> dict[str, np.ndarray]:
    parts = [part for part in axes.collections if isinstance(part, PathCollection)]
    return {part.get_label(): np.asarray(part.get_offsets()) for part in parts if part.get_label()[0] != "_"}


@pytest.mark.parametrize(("representation", "fitted_on"), [("log-mel", "train_without_ddae"), ("residual", "train")])
def test_a_panel_has_the_clips_as_the_detector_is_given_them(representation, fitted_on):
    clips = unit()
    ddae = denoiser(clips.train())
    panel = ProjectionPanel.of(clips, TrainedNetworks(ddae, {}), representation, "standard", 0.75)
    parts = (getattr(clips, fitted_on)(), *clips.test())
    given = as_seen(representation, "standard", *(Represented.of(part, ddae).get(representation) for part in parts))
    expected, explained = project_2d(*given)
    for shown, coordinates in zip((panel.train, panel.normal, panel.abnormal), expected, strict=True):
        assert len(coordinates) > 0
        assert np.array_equal(shown, coordinates)
    assert (panel.explained, panel.auc) == (explained, 0.75)


def test_a_panel_of_embeddings_is_by_the_networks_of_all_clips():
    clips, ddae = unit(), denoiser(unit().train())
    by_all, by_a_fold = networks(), networks(count=1)
    panel = ProjectionPanel.of(clips, TrainedNetworks(ddae, {"snr6": [by_all, by_a_fold]}), "id-embedding", "none", 0.5)
    parts = (clips.train_without_ddae(), *clips.test())
    expected, _ = project_2d(*(Represented.of(part, ddae, [by_all]).get("id-embedding") for part in parts))
    assert np.array_equal(panel.normal, expected[1])


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
