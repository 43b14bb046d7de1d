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

from asd.figures.style import (
    ABNORMAL,
    NORMAL,
    SMALL,
    auc_by_snr,
    confusion_heat_map,
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
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["LOF", "IF"]
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


def test_noise_factors_may_be_text_as_in_a_file_with_ensembles_which_are_left_out():
    table = auc_rows((0.7, 0.0)).astype({"noise_factor": str})
    ensembles = auc_rows().assign(noise_factor="all", detector="both")
    figure = auc_by_snr(pd.concat([table, ensembles], ignore_index=True), LABELS, "fan")
    assert [axes.get_title() for axes in panels(figure)] == ["noise factor 0", "noise factor 0.7"]
    expected = panels(auc_by_snr(auc_rows((0.0, 0.7)), LABELS, "fan"))
    for axes, other in zip(panels(figure), expected, strict=True):
        assert list(curves(axes)) == ["LOF", "IF"]
        for name, (_, heights, _) in curves(axes).items():
            assert heights == pytest.approx(curves(other)[name][1])


def test_a_table_of_ensembles_alone_has_no_panel():
    assert panels(auc_by_snr(auc_rows().assign(noise_factor="all"), LABELS, "fan")) == []


@pytest.mark.parametrize("count", [1, 10])
def test_any_number_of_detectors_stays_above_the_label_of_its_snr_and_in_its_order(count):
    base = auc_rows((0.0, 0.7), seeds=(0, 1)).query("detector == 'LOF'")
    names = [f"detector {number} 검출기 with a name" for number in range(count)]
    table = pd.concat([base.assign(detector=name) for name in names], ignore_index=True)
    figure = auc_by_snr(table, LABELS, "팬 " * 60)
    for axes in panels(figure):
        places = np.array([positions for positions, _, _ in curves(axes).values()])
        assert places.shape == (count, 3)
        assert np.abs(places - [0, 1, 2]).max() < 0.5
        assert (np.diff(places, axis=0) > 0.05).all()
    assert hard_to_read(figure) == []


def test_chance_is_drawn_only_where_it_does_not_squash_the_rest():
    def chance(table: pd.DataFrame) -> list[float]:
        lines = panels(auc_by_snr(table, LABELS, "fan"))[0].lines
        return [line.get_ydata()[0] for line in lines if line.get_linestyle() == ":" and len(line.get_ydata()) == 2]

    assert chance(auc_rows().assign(auc=lambda rows: rows["auc"] + 0.1)) == []
    assert chance(auc_rows().assign(auc=lambda rows: rows["auc"] - 0.3)) == [0.5]


# --- parts ---


def test_letters_in_a_heat_map_are_readable_on_every_colour():
    for share in np.linspace(0.0, 1.0, 21):
        colour = matplotlib.colormaps["Blues"](share)
        assert contrast(readable_on(colour), colour) >= 4.5
    assert (readable_on("#ffffff"), readable_on("#000000"), readable_on("#777777")) == ("black", "white", "black")


def test_heat_map_letters_have_the_colour_that_is_readable():
    axes = confusion_heat_map(np.array([[55, 45], [0, 100]]), "fan").axes[0]
    for text in axes.texts:
        share = float(text.get_text().split("\n")[1].rstrip("%")) / 100
        assert contrast(text.get_color(), matplotlib.colormaps["Blues"](share)) >= 4.5


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
    figures = [confusion_heat_map(COUNTS, "fan"), auc_by_snr(auc_rows(), LABELS, "fan")]
    assert plt.get_fignums() == []
    assert len(set(map(id, figures))) == 2


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
