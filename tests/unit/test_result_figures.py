"""Figures of the summary: what they show is read from their artists."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.figure import Figure

from asd.figures.results import ABLATION_VIEWS, ablation, auc_by_noise_factor, auc_heat_map
from plain_figures import contrast, hard_to_read

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]

LABELS = {"snr6": "6 dB", "snr0": "0 dB", "snr_6": "-6 dB"}
COLUMNS = ["protocol", "machine", "noise_factor", "snr", "detector", "auc_mean", "auc_std", "auc_low", "auc_high"]
LONG = "검출기 {} isolation forest on raw+denoised clips"


def auc_of(machine: str, factor: float, snr: str, detector: str) -> float:
    """Some AUC, different for every combination."""
    number = sum(map(ord, detector)) % 17
    return 0.93 - 0.07 * list(LABELS).index(snr) - 0.003 * number - 0.02 * factor - 0.05 * (machine == "pump")


def summary_of(
    detectors=("IF", "LOF"), factors=(0.0, 0.2, 0.7), machines=("fan",), snrs=tuple(LABELS), ensembles=()
) -> pd.DataFrame:
    rows = []
    for machine in machines:
        for factor in (*factors, *["all"] * bool(ensembles)):
            for snr in snrs:
                for detector in ensembles if factor == "all" else detectors:
                    mean = auc_of(machine, 0.5 if factor == "all" else factor, snr, detector)
                    rows.append(("strict", machine, factor, snr, detector, mean, 0.01, mean - 0.04, mean + 0.02))
    return pd.DataFrame(rows, columns=COLUMNS).assign(worst_auc=0.5)


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_title() + axes.get_title(loc="left")]


def lines_of(axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Detector -> x and y of its line."""
    return {
        line.get_label(): (np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float))
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def whiskers(axes) -> set[tuple[float, float]]:
    """(lower end, upper end) of all bars, vertical or horizontal."""
    ends = set()
    for part in axes.collections:
        if isinstance(part, LineCollection) and part.get_label() != "raw":
            for segment in part.get_segments():
                along = 1 if segment[0, 0] == segment[1, 0] else 0
                ends.add(tuple(round(float(value), 6) for value in segment[:, along]))
    return ends


# --- by noise factor ---


def test_each_snr_has_a_panel_with_the_mean_of_each_detector_over_the_noise_factors():
    figure = auc_by_noise_factor(summary_of(), LABELS, "fan, strict")
    assert [axes.get_title() for axes in panels(figure)] == list(LABELS.values())
    assert figure.get_suptitle() == "fan, strict"
    for axes, snr in zip(panels(figure), LABELS, strict=True):
        shown = lines_of(axes)
        assert list(shown) == ["IF", "LOF"]
        for detector, (x, y) in shown.items():
            assert y == pytest.approx([auc_of("fan", factor, snr, detector) for factor in (0.0, 0.2, 0.7)])
            assert np.diff(x) == pytest.approx([0.2, 0.5])  # the axis is numeric
            assert np.abs(x - [0.0, 0.2, 0.7]).max() < 0.1


def test_bars_and_bands_are_the_bootstrap_interval_and_panels_share_their_range():
    figure = auc_by_noise_factor(summary_of(), LABELS, "fan")
    for axes, snr in zip(panels(figure), LABELS, strict=True):
        means = [auc_of("fan", factor, snr, detector) for factor in (0.0, 0.2, 0.7) for detector in ("IF", "LOF")]
        assert whiskers(axes) == {(round(mean - 0.04, 6), round(mean + 0.02, 6)) for mean in means}
        assert sum(isinstance(part, PolyCollection) for part in axes.collections) == 2
    assert len({axes.get_ylim() for axes in panels(figure)}) == 1


def test_ensembles_are_dashed_lines_across_with_a_mark_beyond_the_noise_factors():
    table = summary_of(ensembles=("LOF", "both"))
    axes = panels(auc_by_noise_factor(table, LABELS, "fan"))[1]
    expected = {round(auc_of("fan", 0.5, "snr0", name), 9) for name in ("LOF", "both")}
    across = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert {round(line.get_ydata()[0], 9) for line in across} == expected
    assert all(line.get_linestyle() == "--" for line in across)
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert {round(line.get_ydata()[0], 9) for line in marks} == expected
    assert min(line.get_xdata()[0] for line in marks) > 0.75
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.2", "0.7", "all"]


def test_a_noise_factor_may_be_text_as_in_a_file():
    table = summary_of().astype({"noise_factor": str})
    for axes, other in zip(
        panels(auc_by_noise_factor(table, LABELS, "fan")),
        panels(auc_by_noise_factor(summary_of(), LABELS, "fan")),
        strict=True,
    ):
        for name, (_, y) in lines_of(axes).items():
            assert y == pytest.approx(lines_of(other)[name][1])


def test_missing_values_are_gaps():
    table = summary_of()
    table.loc[(table["detector"] == "LOF") & (table["noise_factor"] == 0.2), ["auc_mean", "auc_low"]] = np.nan
    table = table[(table["detector"] != "IF") | (table["snr"] != "snr0")]
    first, second, _ = panels(auc_by_noise_factor(table, LABELS, "fan"))
    assert np.isnan(lines_of(first)["LOF"][1]).tolist() == [False, True, False]
    assert list(lines_of(second)) == ["LOF"]


@pytest.mark.parametrize(("count", "directly"), [(4, False), (5, True)])
def test_few_detectors_are_named_in_a_legend_and_many_at_the_ends_of_their_lines(count, directly):
    names = [f"d{number}" for number in range(count)]
    figure = auc_by_noise_factor(summary_of(names), LABELS, "fan")
    for axes in panels(figure):
        assert sorted(text.get_text() for text in axes.texts) == (names if directly else [])
    assert [len(legend.get_texts()) for legend in figure.legends] == ([] if directly else [count])


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        (summary_of(("LOF",), (0.7,), snrs=("snr0",)).assign(auc_low=np.nan, auc_high=np.nan), {"snr0": "0 dB"}),
        (summary_of((), (), ensembles=("LOF",)), LABELS),
        (
            summary_of(
                [LONG.format(n) for n in range(10)], np.arange(10) / 10, ensembles=(LONG.format(3), "all of it")
            ),
            {snr: f"{label} 데시벨" for snr, label in LABELS.items()},
        ),
    ],
    ids=["one", "ensemble", "most"],
)
def test_by_noise_factor_nothing_overlaps(table, labels):
    figure = auc_by_noise_factor(table, labels, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []


# --- heat map ---


def table_of(axes) -> dict[tuple[int, int], matplotlib.text.Text]:
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in axes.texts}


def row_names(figure: Figure) -> list[str]:
    return [text.get_text() for text in panels(figure)[0].get_yticklabels()]


def test_heat_map_has_a_row_for_each_snr_and_the_mean_under_each_machine():
    figure = auc_heat_map(summary_of(factors=(0.7,), machines=("fan", "pump")), LABELS, "strict")
    assert row_names(figure) == ["fan", "6 dB", "0 dB", "-6 dB", "mean", "pump", "6 dB", "0 dB", "-6 dB", "mean"]
    (axes,) = panels(figure)
    assert axes.get_title(loc="left") == "noise factor 0.7"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["IF", "LOF"]
    shown = table_of(axes)
    for start, machine in ((1, "fan"), (6, "pump")):
        for column, detector in enumerate(("IF", "LOF")):
            values = [auc_of(machine, 0.7, snr, detector) for snr in LABELS]
            expected = [f"{value:.3f}".removeprefix("0") for value in (*values, np.mean(values))]
            assert [shown[start + row, column].get_text() for row in range(4)] == expected


def test_heat_map_colours_are_the_numbers_on_a_fixed_scale_with_readable_letters():
    table = summary_of(factors=(0.7,))
    table["auc_mean"] = np.linspace(0.42, 1.0, len(table))
    figure = auc_heat_map(table, LABELS, "strict")
    (axes,) = panels(figure)
    mesh = next(part for part in axes.collections if isinstance(part, QuadMesh))
    assert mesh.get_clim() == (0.5, 1.0)
    values = np.ma.masked_invalid(mesh.get_array()).reshape(5, 2)
    assert values.mask[0].all()  # the heading
    for (row, column), text in table_of(axes).items():
        assert float(text.get_text()) == pytest.approx(values[row, column], abs=6e-4)
        assert contrast(text.get_color(), mesh.to_rgba(values[row, column])) >= 4.5


def test_the_best_of_each_row_is_bold_and_so_are_those_that_look_the_same():
    table = summary_of(("a", "b", "c"), (0.7,), snrs=("snr6", "snr0"))
    table["auc_mean"] = [0.9, 0.8, 0.9001, 0.7, 0.75, 1.0]
    (axes,) = panels(auc_heat_map(table, LABELS, "strict"))
    bold = {place for place, text in table_of(axes).items() if text.get_weight() == "bold"}
    assert bold == {(1, 0), (1, 2), (2, 2), (3, 2)}


@pytest.mark.parametrize("factors", [(0.0, 0.7), (0.0, 0.2, 0.7)])
def test_up_to_three_noise_factors_have_a_panel_each(factors):
    figure = auc_heat_map(summary_of(factors=factors), LABELS, "strict")
    assert [axes.get_title(loc="left") for axes in panels(figure)] == [f"noise factor {factor:g}" for factor in factors]
    for axes, factor in zip(panels(figure), factors, strict=True):
        assert table_of(axes)[1, 0].get_text() == f"{auc_of('fan', factor, 'snr6', 'IF'):.3f}".removeprefix("0")


def test_more_noise_factors_are_averaged_which_is_said_and_ensembles_stand_apart():
    factors = (0.0, 0.2, 0.5, 0.7)
    first, second = panels(auc_heat_map(summary_of(factors=factors, ensembles=("both",)), LABELS, "strict"))
    assert first.get_title(loc="left").split() == ["mean", "over", "4", "noise", "factors"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["IF", "LOF"]
    mean = np.mean([auc_of("fan", factor, "snr0", "LOF") for factor in factors])
    assert table_of(first)[2, 1].get_text() == f"{mean:.3f}".removeprefix("0")
    assert "ensembles" in second.get_title(loc="left")
    assert [text.get_text() for text in second.get_xticklabels()] == ["both"]
    assert table_of(second)[1, 0].get_weight() == "normal"  # nothing to be better than


def test_a_missing_snr_leaves_its_cell_and_the_mean_empty():
    table = summary_of(factors=(0.7,)).query("detector != 'LOF' or snr != 'snr0'")
    (axes,) = panels(auc_heat_map(table, LABELS, "strict"))
    assert {(row, 1) for row in (1, 2, 3, 4)} - set(table_of(axes)) == {(2, 1), (4, 1)}
    assert {(patch.get_y(), patch.get_x()) for patch in axes.patches if patch.get_hatch()} == {(2, 1), (4, 1)}


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        (summary_of(("LOF",), (0.7,), snrs=("snr0",)), {"snr0": "0 dB"}),
        (summary_of([f"d{n}" for n in range(10)], machines=("fan", "pump"), ensembles=("x",)), LABELS),
        (
            summary_of(
                [LONG.format(n) for n in range(10)],
                (0, 0.1, 0.2, 0.3),
                ("팬 기계 with a long name", "b", "c", "d"),
                ensembles=("x", LONG),
            ),
            {snr: f"{label} 데시벨 of noise in the factory" for snr, label in LABELS.items()},
        ),
    ],
    ids=["one", "three panels", "most"],
)
def test_heat_map_nothing_overlaps(table, labels):
    figure = auc_heat_map(table, labels, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []


# --- ablation ---

ENTRIES = {
    "LOF raw": ("LOF", "raw"),
    "LOF": ("LOF", "denoised"),
    "LOF both": ("LOF", "raw+denoised"),
    "IF raw": ("IF", "raw"),
    "IF": ("IF", "denoised"),
    "energy": ("reconstruction error", "residual"),
}


def ablation_summary(factors=(0.0, 0.7), **options) -> pd.DataFrame:
    table = summary_of(tuple(ENTRIES), factors, **options)
    raw = table["detector"].str.endswith("raw")  # the same for all noise factors
    keys = zip(table.loc[raw, "machine"], table.loc[raw, "snr"], table.loc[raw, "detector"], strict=True)
    means = np.array([auc_of(machine, 0.0, snr, detector) for machine, snr, detector in keys])
    for column, shift in (("auc_mean", 0.0), ("auc_low", -0.04), ("auc_high", 0.02)):
        table.loc[raw, column] = means + shift
    return table


def marks(axes) -> list[tuple[float, float, str, str]]:
    """(height, AUC, marker, face) from the top to the bottom."""
    found = [
        (float(line.get_ydata()[0]), float(line.get_xdata()[0]), line.get_marker(), str(line.get_markerfacecolor()))
        for line in axes.lines
        if len(line.get_xdata()) == 1
    ]
    return sorted(found)


def test_ablation_has_one_mark_for_each_representation_and_noise_factor_in_the_band_of_its_method():
    figure = ablation(ablation_summary(), ENTRIES, LABELS, "strict")
    assert [axes.get_title() for axes in panels(figure)] == list(LABELS.values())
    assert [text.get_text() for text in panels(figure)[0].get_yticklabels()] == ["LOF", "IF", "reconstruction error"]
    for axes, snr in zip(panels(figure), LABELS, strict=True):
        expected = [
            *[("LOF raw", 0.0), ("LOF", 0.0), ("LOF", 0.7), ("LOF both", 0.0), ("LOF both", 0.7)],
            *[("IF raw", 0.0), ("IF", 0.0), ("IF", 0.7), ("energy", 0.0), ("energy", 0.7)],
        ]
        shown = marks(axes)
        assert [x for _, x, _, _ in shown] == pytest.approx([auc_of("fan", f, snr, name) for name, f in expected])
        of = [ABLATION_VIEWS.index(ENTRIES[name][1]) for name, _ in expected]
        symbols = dict(zip(of, (marker for _, _, marker, _ in shown), strict=True))
        assert len(set(symbols.values())) == 4
        assert [symbols[number] for number in of] == [marker for _, _, marker, _ in shown]
        assert whiskers(axes) == {(round(x - 0.04, 6), round(x + 0.02, 6)) for _, x, _, _ in shown}
        centres = axes.get_yticks()
        owners = [int(np.argmin(np.abs(centres - y))) for y, *_ in shown]
        assert owners == sorted(owners)
        assert owners[0] == 0
        assert owners[-1] == 2


def test_ablation_marks_each_method_without_denoising_by_a_line_through_its_band():
    axes = panels(ablation(ablation_summary(), ENTRIES, LABELS, "strict"))[0]
    lines = [part.get_segments()[0] for part in axes.collections if part.get_label() == "raw"]
    assert [line[0, 0] for line in lines] == pytest.approx([auc_of("fan", 0, "snr6", n) for n in ("LOF raw", "IF raw")])
    centres = axes.get_yticks()
    for line, centre in zip(lines, centres, strict=False):
        assert line[0, 1] < centre < line[1, 1]


def test_ablation_tells_noise_factors_by_shade_and_says_their_order():
    figure = ablation(ablation_summary((0.0, 0.2, 0.7)), ENTRIES, LABELS, "strict")
    assert figure.legends[0].get_title().get_text().endswith(": 0, 0.2, 0.7")
    denoised = [face for _, _, marker, face in marks(panels(figure)[0]) if marker == "s"]
    assert len(set(denoised)) == 3
    single = ablation(ablation_summary((0.7,)), ENTRIES, LABELS, "strict")
    assert single.legends[0].get_title().get_text() == ""


def test_ablation_of_several_machines_has_rows_and_leaves_out_other_detectors_and_missing_values():
    table = ablation_summary(machines=("fan", "pump"))
    table = table[(table["snr"] != "snr0") | (table["detector"] != "energy")]
    entries = {name: entry for name, entry in ENTRIES.items() if name != "IF"}
    figure = ablation(table, entries, LABELS, "strict")
    assert [axes.get_title() for axes in panels(figure)][3] == "pump, 6 dB"
    assert [len(marks(axes)) for axes in panels(figure)] == [8, 6, 8] * 2


@pytest.mark.parametrize("most", [False, True])
def test_ablation_nothing_overlaps(most):
    if most:
        entries = {LONG.format(n): (f"방법 {n // 4} with quite a long name", ABLATION_VIEWS[n % 4]) for n in range(10)}
        table = summary_of(entries, np.arange(6) / 10, ("fan", "pump"), ensembles=tuple(entries)[1:3])
    else:
        entries = {"LOF": ("LOF", "denoised")}
        table = summary_of(("LOF",), (0.7,)).assign(auc_low=np.nan, auc_high=np.nan)
    figure = ablation(table, entries, LABELS, "팬, strict protocol " * 8)
    assert hard_to_read(figure) == []
