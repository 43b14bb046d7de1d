"""Confusion matrices, single ones and in a grid: what they show is read from their artists, and from pixels once."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from asd.figures.confusion import confusion_grid, confusion_heat_map, save_confusion_heat_maps
from asd.figures.style import ABNORMAL, DPI
from plain_figures import contrast, hard_to_read

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]


# --- single matrices ---

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


def test_heat_map_letters_have_the_colour_that_is_readable():
    axes = confusion_heat_map(np.array([[55, 45], [0, 100]]), "fan").axes[0]
    for text in axes.texts:
        share = float(text.get_text().split("\n")[1].rstrip("%")) / 100
        assert contrast(text.get_color(), matplotlib.colormaps["Blues"](share)) >= 4.5


def test_matrices_written_one_after_the_other_are_drawn_as_if_each_were_alone(tmp_path):
    matrices = [
        (np.array([[90, 10], [25, 75]]), "fan, 6 dB, LOF\nnoise factor 0.7"),
        (np.array([[0, 0], [1, 12345]]), "팬, a title that is too long for one line and so has several, as it should"),
        (np.array([[7, 293], [300, 0]]), "fan"),
    ]
    save_confusion_heat_maps((*one, tmp_path / f"{number}.png") for number, one in enumerate(matrices))
    for number, (counts, title) in enumerate(matrices):
        alone = io.BytesIO()
        confusion_heat_map(counts, title).savefig(alone, format="png", dpi=DPI)
        expected = np.asarray(Image.open(alone).convert("RGB"))
        with Image.open(tmp_path / f"{number}.png") as written:
            assert np.array_equal(np.asarray(written.convert("RGB")), expected)
            assert round(written.info["dpi"][0]) == DPI


# --- grid ---

LABELS = {"snr6": "6 dB", "snr0": "0 dB", "snr_6": "-6 dB"}


def counts_of(names, labels, alarms=15) -> dict:
    return {
        (name, snr): np.array([[300 - alarms, alarms], [120, 180 + n]])
        for n, name in enumerate(names)
        for snr in labels
    }


def frames(figure: Figure) -> list[tuple[float, tuple]]:
    """Line width and colour of the frames around false alarms."""
    patches = [
        patch for patch in figure.axes[0].get_children() if isinstance(patch, Rectangle) and not patch.get_fill()
    ]
    return [(patch.get_linewidth(), matplotlib.colors.to_hex(patch.get_edgecolor()).upper()) for patch in patches]


def test_grid_shows_counts_and_shares_of_every_detector_at_every_snr_where_its_names_say():
    counts = counts_of(("LOF", "IF"), LABELS)
    counts["IF", "snr0"] = np.array([[1, 299], [200, 100]])
    figure = confusion_grid(counts, LABELS, "fan", asked=0.05)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    x, y = places["299 (>99%)"]
    assert abs(places["0 dB"][0] - x) < 0.6 < abs(places["6 dB"][0] - x)
    assert abs(places["IF"][1] - y) < 0.3 < abs(places["LOF"][1] - y)
    assert places["1 (0.3%)"][0] < x
    assert places["200 (67%)"][1] > y  # the axis points down
    shown = [text.get_text() for text in figure.axes[0].texts if "(" in text.get_text()]
    assert len(shown) == 2 * 3 * 4
    assert shown.count("15 (5.0%)") == 5


def test_grid_frames_false_alarms_and_marks_those_that_are_not_as_asked_beyond_chance():
    counts = {("LOF", "snr6"): np.array([[285, 15], [9, 9]]), ("IF", "snr6"): np.array([[1, 299], [9, 9]])}
    counts["OCSVM", "snr6"] = np.array([[3, 1], [9, 9]])  # 25 %, but of 4 clips
    figure = confusion_grid(counts, {"snr6": "6 dB"}, "fan", asked=0.05)
    thin, off = (0.8, "#333333"), (2.0, ABNORMAL)
    assert frames(figure) == [thin, off, thin]
    bold = [text.get_text() for text in figure.axes[0].texts if text.get_weight() == "bold"]
    assert bold == ["299 (>99%)"]
    assert any("5.0% asked for" in text.get_text() for text in figure.legends[0].get_texts())
    without = confusion_grid(counts_of(("LOF",), LABELS), LABELS, "fan", asked=0.05)
    assert len(without.legends[0].get_texts()) == len(figure.legends[0].get_texts()) - 1


def test_grid_colours_right_and_wrong_decisions_apart_with_readable_letters():
    figure = confusion_grid(
        {("LOF", "s"): np.array([[0, 9], [9, 0]]), ("IF", "s"): np.array([[9, 0], [0, 9]])}, {"s": "s"}, "", asked=0.05
    )
    cells = [patch for patch in figure.axes[0].get_children() if isinstance(patch, Rectangle) and patch.get_fill()][:8]
    texts = [text for text in figure.axes[0].texts if "(" in text.get_text()]
    for cell, text in zip(cells, texts, strict=True):
        red, _, blue, _ = cell.get_facecolor()
        assert contrast(text.get_color(), cell.get_facecolor()) >= 4.5
        if text.get_text().startswith("9"):
            assert (blue > red) == (cells.index(cell) >= 4)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("LOF",), {"snr6": "6 dB"}),
        ([f"검출기-{n}-isolation-forest-on-raw-and-denoised-clips" for n in range(12)], LABELS),
        (("LOF", "IF"), {f"snr{n}": f"{n} 데시벨 of noise in the factory" for n in range(7)}),
    ],
    ids=["one", "many detectors", "many SNRs"],
)
def test_grid_nothing_overlaps(names, labels):
    figure = confusion_grid(
        counts_of(names, labels, 280), labels, "팬, noise factor 0.7, strict protocol " * 3, asked=0.05
    )
    assert hard_to_read(figure) == []
