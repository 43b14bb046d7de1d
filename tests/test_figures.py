"""Figures: what they show is read from their artists, not from their pixels."""

from __future__ import annotations

import os

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure

from asd.figures import auc_by_snr, confusion_heat_map, save

pytestmark = pytest.mark.filterwarnings("ignore:Glyph")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


# --- confusion ---

COUNTS = np.array([[90, 10], [25, 75]])


def cells(figure: Figure) -> dict[tuple[int, int], str]:
    """(row, column) -> text; rows count from the top."""
    axes = figure.axes[0]
    assert axes.yaxis_inverted()
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}


def test_heat_map_shows_counts_and_shares_of_the_true_class():
    assert cells(confusion_heat_map(COUNTS, "fan")) == {
        (0, 0): "90\n90.0%",
        (0, 1): "10\n10.0%",
        (1, 0): "25\n25.0%",
        (1, 1): "75\n75.0%",
    }


def test_heat_map_shares_are_taken_over_rows_even_if_the_classes_are_uneven():
    shown = cells(confusion_heat_map(np.array([[3, 1], [100, 300]]), "fan"))
    assert [shown[key] for key in sorted(shown)] == ["3\n75.0%", "1\n25.0%", "100\n25.0%", "300\n75.0%"]


def test_heat_map_colours_are_the_shares_on_a_scale_from_none_to_all():
    axes = confusion_heat_map(COUNTS, "fan").axes[0]
    mesh = next(artist for artist in axes.collections if isinstance(artist, QuadMesh))
    assert np.asarray(mesh.get_array()).reshape(2, 2) == pytest.approx(COUNTS / 100)
    assert mesh.get_clim() == (0.0, 1.0)


def test_heat_map_has_true_classes_as_rows_and_predicted_ones_as_columns():
    axes = confusion_heat_map(COUNTS, "fan, LOF").axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("True", "Predicted")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Normal", "Abnormal"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Normal", "Abnormal"]
    assert axes.get_title() == "fan, LOF"


def test_heat_map_of_a_class_without_clips_shows_zeros():
    shown = cells(confusion_heat_map(np.array([[5, 5], [0, 0]]), "fan"))
    assert shown[1, 0] == shown[1, 1] == "0\n0.0%"
    assert set(cells(confusion_heat_map(np.zeros((2, 2), int), "fan")).values()) == {"0\n0.0%"}


# --- AUC by SNR ---

SNRS = ["snr6", "snr0", "snr_6"]
LABELS = {"snr6": "6 dB", "snr0": "0 dB", "snr_6": "-6 dB"}


def auc_of(noise_factor: float, seed: int, snr: str, name: str, detector: str) -> float:
    """Some AUC, different for every combination."""
    value = 0.9 - 0.1 * SNRS.index(snr) - 0.05 * (name == "id_02") - 0.02 * seed * (1 + SNRS.index(snr))
    return value - 0.03 * noise_factor - 0.13 * (detector == "IF")


def auc_rows(noise_factors=(0.7,), seeds=(0,), machine="fan") -> pd.DataFrame:
    rows = [
        (machine, noise_factor, seed, snr, name, detector, auc_of(noise_factor, seed, snr, name, detector))
        for noise_factor in noise_factors
        for seed in seeds
        for snr in reversed(SNRS)
        for name in ("id_00", "id_02")
        for detector in ("LOF", "IF")
    ]
    return pd.DataFrame(rows, columns=["machine", "noise_factor", "seed", "snr", "id", "detector", "auc"])


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_visible()]


def curves(axes) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Detector -> positions, heights, and lengths of the bars above them."""
    result = {}
    for container in axes.containers:
        line, _, bars = container.lines
        if not bars:
            result[container.get_label()] = (
                line.get_xdata(),
                line.get_ydata(orig=False),
                np.zeros(len(line.get_xdata())),
            )
            continue
        assert isinstance(bars[0], LineCollection)
        lengths = np.array(
            [np.ptp(np.reshape(bar, (-1, 2))[:, 1]) if len(bar) else 0.0 for bar in bars[0].get_segments()]
        )
        result[container.get_label()] = (line.get_xdata(), line.get_ydata(orig=False), lengths / 2.0)
    return result


def small_marks(axes, position: float) -> set[float]:
    """Heights of the marks at `position` that belong to no line."""
    parts = {id(part) for container in axes.containers for part in (container.lines[0], *container.lines[1])}
    marks = [line for line in axes.lines if id(line) not in parts and line.get_linestyle() == "None"]
    return {
        round(float(y), 9)
        for line in marks
        for x, y in zip(np.atleast_1d(line.get_xdata()), np.atleast_1d(line.get_ydata()), strict=True)
        if np.isclose(x, position)
    }


@pytest.mark.parametrize(
    "noise_factors", [(0.7,), (0.7, 0.0), (0.0, 0.3, 0.7, 1.0), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)]
)
def test_each_noise_factor_has_a_panel_in_rising_order(noise_factors):
    figure = auc_by_snr(auc_rows(noise_factors), LABELS, "fan")
    titles = [axes.get_title() for axes in panels(figure)]
    assert titles == [f"noise factor {noise_factor:g}" for noise_factor in sorted(noise_factors)]


def test_lines_are_at_the_mean_over_ids_and_seeds():
    figure = auc_by_snr(auc_rows((0.0, 0.7), seeds=(0, 1, 2)), LABELS, "fan")
    for axes, noise_factor in zip(panels(figure), (0.0, 0.7), strict=True):
        shown = curves(axes)
        assert list(shown) == ["LOF", "IF"]
        for detector, (_, heights, _) in shown.items():
            for snr, height in zip(SNRS, heights, strict=True):
                values = [auc_of(noise_factor, s, snr, name, detector) for s in range(3) for name in ("id_00", "id_02")]
                assert height == pytest.approx(np.mean(values))


def test_bars_are_the_standard_deviation_over_seeds_of_the_mean_over_ids():
    shown = curves(panels(auc_by_snr(auc_rows(seeds=(0, 1, 2)), LABELS, "fan"))[0])
    for detector, (_, _, lengths) in shown.items():
        for snr, length in zip(SNRS, lengths, strict=True):
            means = [
                (auc_of(0.7, seed, snr, "id_00", detector) + auc_of(0.7, seed, snr, "id_02", detector)) / 2
                for seed in range(3)
            ]
            assert length == pytest.approx(np.std(means, ddof=1))
            assert length > 0.01


def test_a_single_seed_has_bars_of_no_length():
    for _, _, lengths in curves(panels(auc_by_snr(auc_rows(), LABELS, "fan"))[0]).values():
        assert lengths == pytest.approx(0.0)


def test_single_ids_are_small_marks_at_their_mean_over_seeds():
    axes = panels(auc_by_snr(auc_rows(seeds=(0, 1)), LABELS, "fan"))[0]
    for detector, (positions, _, _) in curves(axes).items():
        for position, snr in zip(positions, SNRS, strict=True):
            expected = {
                round((auc_of(0.7, 0, snr, name, detector) + auc_of(0.7, 1, snr, name, detector)) / 2, 9)
                for name in ("id_00", "id_02")
            }
            assert small_marks(axes, position) == expected


def test_detectors_stand_side_by_side_above_the_label_of_their_snr():
    axes = panels(auc_by_snr(auc_rows(), LABELS, "fan"))[0]
    assert axes.get_xticks().tolist() == [0, 1, 2]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["6 dB", "0 dB", "-6 dB"]
    (first, _, _), (second, _, _) = curves(axes).values()
    assert np.abs(first - [0, 1, 2]).max() < 0.5
    assert np.abs(second - [0, 1, 2]).max() < 0.5
    assert (second - first).min() > 0.05


def test_detectors_differ_in_marker_as_well_as_in_colour_and_are_named():
    figure = auc_by_snr(auc_rows(), LABELS, "the title")
    axes = panels(figure)[0]
    lines = [container.lines[0] for container in axes.containers]
    assert len({line.get_marker() for line in lines}) == len({str(line.get_color()) for line in lines}) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["LOF", "IF"]
    assert axes.get_ylabel() == "AUC"
    assert figure.get_suptitle() == "the title"


def test_an_snr_that_was_not_computed_is_left_out():
    table = auc_rows().query("snr != 'snr0'")
    for _, heights, _ in curves(panels(auc_by_snr(table, LABELS, "fan"))[0]).values():
        assert np.isnan(heights).tolist() == [False, True, False]


def test_one_snr_one_id_and_one_detector_are_enough():
    table = auc_rows().query("snr == 'snr0' and id == 'id_00' and detector == 'LOF'")
    shown = curves(panels(auc_by_snr(table, {"snr0": LABELS["snr0"]}, "fan"))[0])
    assert shown["LOF"][1].tolist() == pytest.approx([auc_of(0.7, 0, "snr0", "id_00", "LOF")])


# --- files ---


def test_saving_writes_a_whole_png_and_closes_the_figure(tmp_path):
    figure = confusion_heat_map(COUNTS, "fan")
    save(figure, tmp_path / "new" / "confusion.png")
    assert os.listdir(tmp_path / "new") == ["confusion.png"]
    data = (tmp_path / "new" / "confusion.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data[-8:-4] == b"IEND"
    assert min(matplotlib.image.imread(tmp_path / "new" / "confusion.png").shape[:2]) > 300
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize(("suffix", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_format_is_that_of_the_suffix(tmp_path, suffix, start):
    save(confusion_heat_map(COUNTS, "fan"), tmp_path / f"figure.{suffix}")
    assert (tmp_path / f"figure.{suffix}").read_bytes().startswith(start)


def test_interrupted_saving_keeps_the_old_figure_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")

    def breaks_off(self, target, **_):
        target.write_bytes(b"\x89PNG half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", breaks_off)
    with pytest.raises(OSError, match="disk full"):
        save(confusion_heat_map(COUNTS, "fan"), path)
    assert os.listdir(tmp_path) == ["figure.png"]
    assert path.read_bytes() == b"old"


def test_names_in_hangul_can_be_drawn(tmp_path):
    save(confusion_heat_map(COUNTS, "팬 0 dB, 잡음 0.7"), tmp_path / "팬.png")
    labels = {"snr6": "6 데시벨", "snr0": "0 데시벨", "snr_6": "-6 데시벨"}
    save(auc_by_snr(auc_rows(machine="팬"), labels, "팬"), tmp_path / "팬_auc.png")
    assert sorted(os.listdir(tmp_path)) == ["팬.png", "팬_auc.png"]
