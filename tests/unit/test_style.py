"""Figures: what they show is read from their artists, not from their pixels."""

from __future__ import annotations

import os

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

from asd.figures.confusion import confusion_heat_map
from asd.figures.style import (
    ABNORMAL,
    NORMAL,
    SMALL,
    detector_styles,
    fitted,
    label_ends,
    legend_below,
    line_key,
    new_figure,
    readable_on,
    save,
    spread,
    text_width,
)
from plain_figures import contrast, hard_to_read, lightness

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]


COUNTS = np.array([[90, 10], [25, 75]])


# --- parts ---


def test_letters_in_a_heat_map_are_readable_on_every_colour():
    for share in np.linspace(0.0, 1.0, 21):
        colour = matplotlib.colormaps["Blues"](share)
        assert contrast(readable_on(colour), colour) >= 4.5
    assert (readable_on("#ffffff"), readable_on("#000000"), readable_on("#777777")) == ("black", "white", "black")


def test_ten_detectors_differ_in_colour_and_mark_and_line():
    styles = detector_styles(f"d{number}" for number in range(12))
    assert list(styles) == [f"d{number}" for number in range(12)]
    for part in ("color", "marker", "linestyle"):
        assert len({str(styles[f"d{number}"][part]) for number in range(10)}) == 10


def test_normal_and_abnormal_and_the_first_detectors_differ_in_print_without_colour():
    assert abs(lightness(NORMAL) - lightness(ABNORMAL)) > 20
    first = sorted(lightness(style["color"]) for style in detector_styles("abc").values())
    assert np.diff(first).min() > 15


def test_overlapping_and_spilled_texts_would_be_seen():
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.set_axis_off()
    for text, x in (("one", 0.3), ("two", 0.32), ("three", 0.6), ("four", 0.95)):
        axes.text(x, 0.5, text).set_in_layout(False)
    axes.text(0.1, 0.1, "five", fontsize=6)
    assert hard_to_read(figure) == ["'one' and 'two' overlap", "'four' is cut off", "'five' has 6.0 points"]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], []),
        ([3.0], [3.0]),
        ([1.0, 5.0], [1.0, 5.0]),
        ([5.0, 5.0], [5.5, 4.5]),
        ([0.0, 0.1], [0.0, 1.0]),
        ([10.0, 9.9], [10.0, 9.0]),
        ([4.0, 4.0, 4.0, 8.0], [3.0, 4.0, 5.0, 8.0]),
    ],
)
def test_places_are_spread_as_little_as_needed(places, expected):
    assert sorted(spread(places, 1.0, 0.0, 10.0)) == pytest.approx(sorted(expected))


def test_spread_places_keep_their_order_and_stay_inside_even_without_room():
    rng = np.random.default_rng(0)
    for count in (2, 7, 30):
        places = rng.uniform(-2, 12, count)
        moved = spread(places.tolist(), 1.0, 0.0, 10.0)
        assert np.argsort(moved).tolist() == np.argsort(places).tolist()
        assert min(moved) >= -1e-9
        assert max(moved) <= 10 + 1e-9
        assert np.diff(np.sort(moved)).min() >= min(1.0, 10 / (count - 1)) - 1e-9


def test_long_text_is_broken_into_lines_that_fit_and_nothing_is_lost():
    figure = new_figure(4, 3)
    text = "several words and aVeryLongOneWithoutAnySpaceInIt\nand a line"
    broken = fitted(figure, text, SMALL, 1.0)
    assert text_width(figure, broken, SMALL) <= 1.0
    assert broken.replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert fitted(figure, "short", SMALL, 1.0) == "short"
    assert fitted(figure, "HULL-whitened-and-so-on", SMALL, 1.0) == "HULL-whitened-\nand-so-on"


@pytest.mark.parametrize("count", [1, 4, 11])
def test_legends_are_as_wide_as_the_figure_allows_and_not_wider(count):
    figure = new_figure(3.5, 2)
    figure.subplots()
    handles = [line_key(f"name {number}", color="k", linestyle="-") for number in range(count)]
    legend = legend_below(figure, handles)
    figure.draw_without_rendering()
    assert legend.get_window_extent().width <= figure.bbox.width
    assert (legend._ncols > 1) == (count > 1)
    assert [text.get_text() for text in legend.get_texts()] == [f"name {number}" for number in range(count)]


def test_names_at_line_ends_do_not_overlap_and_are_in_the_order_of_the_ends():
    figure = new_figure(5, 2.5)
    axes = figure.subplots()
    heights = [0.5, 0.52, 0.51, 0.9, 0.5]
    for height in heights:
        axes.plot([0, 1], [0, height])
    style = {"color": "k", "marker": "o"}
    label_ends(figure, {axes: [(1.0, height, f"name {n}", style) for n, height in enumerate(heights)]})
    assert hard_to_read(figure) == []
    shown = {text.get_text(): text.get_window_extent().y0 for text in axes.texts}
    assert sorted(shown, key=shown.get) == ["name 0", "name 4", "name 2", "name 1", "name 3"]


# --- files ---


def test_saving_writes_a_whole_png_and_closes_the_figure(tmp_path):
    figure = confusion_heat_map(COUNTS, "fan")
    save(figure, tmp_path / "new" / "confusion.png")
    assert os.listdir(tmp_path / "new") == ["confusion.png"]
    data = (tmp_path / "new" / "confusion.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data[-8:-4] == b"IEND"
    assert min(matplotlib.image.imread(tmp_path / "new" / "confusion.png").shape[:2]) > 300


def test_figures_are_their_callers_alone_and_need_no_closing():
    figures = [confusion_heat_map(COUNTS, "fan") for _ in range(2)]
    assert plt.get_fignums() == []
    assert len(set(map(id, figures))) == 2


@pytest.mark.parametrize(("suffix", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_format_is_that_of_the_suffix(tmp_path, suffix, start):
    save(confusion_heat_map(COUNTS, "fan"), tmp_path / f"figure.{suffix}")
    assert (tmp_path / f"figure.{suffix}").read_bytes().startswith(start)


def test_interrupted_saving_keeps_the_old_figure_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")

    def breaks_off(target, *_):
        target.write_bytes(b"\x89PNG half")
        raise OSError("disk full")

    monkeypatch.setattr("asd.figures.style.write_png", breaks_off)
    with pytest.raises(OSError, match="disk full"):
        save(confusion_heat_map(COUNTS, "fan"), path)
    assert os.listdir(tmp_path) == ["figure.png"]
    assert path.read_bytes() == b"old"


def test_names_in_hangul_can_be_drawn(tmp_path):
    save(confusion_heat_map(COUNTS, "팬 0 dB, 잡음 0.7"), tmp_path / "팬.png")
    assert os.listdir(tmp_path) == ["팬.png"]
