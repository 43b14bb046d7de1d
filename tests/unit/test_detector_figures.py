"""Figures with a row for each detector or machine: what they show is read from their artists."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from scipy.stats import binomtest

from asd.figures.by_detector import auc_by_snr, false_alarms, false_alarms_by_share, seconds_of_job, training_time
from asd.figures.results import auc_by_id
from plain_figures import hard_to_read

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore:Glyph")]

LABELS = {"snr6": "6 dB", "snr0": "0 dB", "snr_6": "-6 dB"}
IDS = ("id_00", "id_02")
LONG = "검출기-{}-isolation-forest-on-raw-and-denoised"


def auc_of(protocol: str, factor: float, seed: int, snr: str, name: str, detector: str) -> float:
    """Some AUC, different for every combination."""
    value = (
        0.93 - 0.07 * list(LABELS).index(snr) - 0.05 * (name == "id_02") - 0.01 * seed + 0.002 * (protocol == "paper")
    )
    return value - 0.03 * factor - 0.003 * (sum(map(ord, detector)) % 31)


def tables(
    detectors=("LOF", "IF"),
    factors=(0.7,),
    seeds=(0,),
    protocols=("strict",),
    snrs=tuple(LABELS),
    ids=IDS,
    alarms=5,
    ensembles=(),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lines of ``auc.csv`` and of ``summary.csv`` of a machine."""
    rows = []
    for protocol in protocols:
        for factor in (*factors, *["all"] * bool(ensembles)):
            for snr in snrs:
                for detector in ensembles if factor == "all" else detectors:
                    for seed in seeds:
                        for name in ids:
                            auc = auc_of(protocol, 0.5 if factor == "all" else factor, seed, snr, name, detector)
                            rows.append((protocol, "fan", factor, seed, snr, name, detector, auc, alarms, 100 - alarms))
    columns = ["protocol", "machine", "noise_factor", "seed", "snr", "id", "detector", "auc", "fp", "tn"]
    table = pd.DataFrame(rows, columns=columns)
    table["false_alarm_rate"] = table["fp"] / 100
    summary = table.groupby(["protocol", "machine", "noise_factor", "snr", "detector"], sort=False)["auc"].mean()
    summary = summary.reset_index().rename(columns={"auc": "auc_mean"})
    return table, summary.assign(auc_low=summary["auc_mean"] - 0.04, auc_high=summary["auc_mean"] + 0.02)


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_title()]


def means(axes) -> list[tuple[str, float, float, str]]:
    """Detector, height, value and marker of the marks, from the top to the bottom."""
    found = [
        (line.get_label(), float(line.get_ydata()[0]), float(line.get_xdata()[0]), line.get_marker())
        for line in axes.lines
        if not line.get_label().startswith("_")
    ]
    return sorted(found, key=lambda one: one[1])


def ticks_at(axes, height: float) -> list[float]:
    """Values of the ticks of a lane."""
    lines = [
        line
        for line in axes.lines
        if line.get_marker() == "|" and len(line.get_ydata()) and line.get_ydata()[0] == height
    ]
    return sorted(float(x) for line in lines for x in line.get_xdata())


def whiskers(axes) -> dict[float, tuple[float, float]]:
    """Height -> ends."""
    segments = [one for part in axes.collections if isinstance(part, LineCollection) for one in part.get_segments()]
    return {float(one[0, 1]): (float(one[0, 0]), float(one[1, 0])) for one in segments}


# --- AUC by SNR ---


def test_each_snr_has_a_panel_with_a_row_for_each_detector_the_best_on_top():
    table, summary = tables(("A", "Z", "K"))
    figure = auc_by_snr(summary, table, LABELS, "fan")
    assert [axes.get_title() for axes in panels(figure)] == list(LABELS.values())
    best = sorted("AZK", key=lambda name: -auc_of("strict", 0.7, 0, "snr6", "id_00", name))
    assert [text.get_text() for text in panels(figure)[0].get_yticklabels()] == best
    for axes, snr in zip(panels(figure), LABELS, strict=True):
        assert axes.get_xlabel() == "AUC"
        assert [name for name, *_ in means(axes)] == best
        for (name, height, value, _), centre in zip(means(axes), axes.get_yticks(), strict=True):
            of_ids = [auc_of("strict", 0.7, 0, snr, machine_id, name) for machine_id in IDS]
            assert height == pytest.approx(centre)
            assert value == pytest.approx(np.mean(of_ids))
            assert ticks_at(axes, height) == pytest.approx(sorted(of_ids))
            assert whiskers(axes)[height] == pytest.approx((value - 0.04, value + 0.02))


def test_protocols_share_the_axis_strict_first_and_differ_in_their_marks():
    table, summary = tables(
        ("A",), factors=(0.0, 0.7), seeds=(0, 1), protocols=("strict", "paper"), ensembles=("both",)
    )
    figure = auc_by_snr(summary, table.astype({"noise_factor": str}), LABELS, "fan")
    of_a = [(value, marker) for name, _, value, marker in means(panels(figure)[0]) if name == "A"]
    expected = [
        np.mean([auc_of(protocol, factor, seed, "snr6", name, "A") for seed in (0, 1) for name in IDS])
        for protocol in ("strict", "paper")
        for factor in (0.0, 0.7)
    ]
    assert [value for value, _ in of_a] == pytest.approx(expected)
    assert len({marker for _, marker in of_a[:2]} & {marker for _, marker in of_a[2:]}) == 0
    assert len([name for name, *_ in means(panels(figure)[0]) if name == "both"]) == 2
    assert figure.legends[0].get_title().get_text().endswith(": 0, 0.7, all")


@pytest.mark.parametrize(("shift", "low"), [(0.0, 0.5), (-0.4, 0.2)])
def test_the_axis_reaches_from_chance_or_below_to_one_and_chance_is_drawn(shift, low):
    table, summary = tables()
    table["auc"] += shift
    summary[["auc_mean", "auc_low", "auc_high"]] += shift
    for axes in panels(auc_by_snr(summary, table, LABELS, "fan")):
        assert axes.get_xlim() == pytest.approx((low, 1.0), abs=0.02)
        assert any(list(line.get_xdata()) == [0.5, 0.5] for line in axes.lines)
        assert len(axes.get_xticks()) == len(set(axes.get_xticks()))


def test_missing_snrs_and_intervals_leave_gaps():
    table, summary = tables()
    summary = summary.assign(auc_low=np.nan, auc_high=np.nan)[
        (summary["snr"] != "snr0") | (summary["detector"] != "IF")
    ]
    axes = panels(auc_by_snr(summary, table, LABELS, "fan"))[1]
    assert [name for name, *_ in means(axes)] == ["LOF"]
    assert whiskers(axes) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"detectors": ("LOF",), "snrs": ("snr6",), "ids": ("id_00",)},
        {"detectors": [LONG.format(n) for n in range(12)], "protocols": ("strict", "paper")},
        {
            "detectors": [f"d{n}" for n in range(12)],
            "factors": (0, 0.2, 0.5),
            "protocols": ("strict", "given", "paper"),
        },
    ],
    ids=["one", "long names", "most"],
)
def test_nothing_overlaps(options):
    table, summary = tables(**options)
    labels = {snr: f"{label} 데시벨" for snr, label in LABELS.items() if snr in set(table["snr"])}
    title = "팬, title of a figure " * 4
    assert hard_to_read(auc_by_snr(summary, table, labels, title)) == []
    assert hard_to_read(false_alarms(table, labels, title, asked=0.05, confidence=95.0)) == []
    assert hard_to_read(auc_by_id(table, labels, title)) == []


# --- by ID ---


def test_each_id_has_a_row_under_its_snr_and_each_protocol_a_panel():
    table, _ = tables(
        ("LOF", "IF"), factors=(0.0, 0.7), seeds=(0, 1), protocols=("strict", "paper"), ensembles=("both",)
    )
    table.loc[(table["id"] == "id_02") & (table["snr"] == "snr0"), "auc"] = np.nan  # no abnormal clips
    figure = auc_by_id(table, LABELS, "fan")
    axes = [one for one in figure.axes if one.get_title(loc="left")]
    headings = [one.get_title(loc="left").replace("\n", " ") for one in axes]
    assert headings == [f"{protocol} protocol, mean over 2 noise factors" for protocol in ("strict", "paper")]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == [
        *("6 dB", *IDS, "mean", "0 dB", "id_00", "-6 dB", *IDS, "mean"),
    ]
    assert [text.get_text() for text in axes[0].get_xticklabels()] == ["LOF", "IF", "both"]
    shown = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes[1].texts}
    expected = np.mean([auc_of("paper", factor, seed, "snr6", "id_02", "IF") for factor in (0, 0.7) for seed in (0, 1)])
    assert float(shown[2, 1]) == pytest.approx(expected, abs=6e-4)


# --- false alarms ---


def test_false_alarms_are_shares_of_the_normal_clips_with_exact_intervals_beside_what_was_asked_for():
    table, _ = tables(protocols=("strict", "paper"), seeds=(0, 1))
    table["auc"] = np.nan  # abnormal clips are not needed
    table.loc[(table["protocol"] == "paper") & (table["detector"] == "IF"), ["fp", "tn", "false_alarm_rate"]] = (
        92,
        8,
        0.92,
    )
    table.loc[(table["protocol"] == "strict") & (table["snr"] == "snr6"), ["fp", "tn", "false_alarm_rate"]] = (
        8,
        92,
        0.08,
    )
    figure = false_alarms(table, LABELS, "fan", asked=0.05, confidence=95.0)
    strict, paper = panels(figure)
    assert [axes.get_title() for axes in (strict, paper)] == ["strict protocol", "paper protocol, in-sample thresholds"]
    for axes in (strict, paper):
        assert "false alarms" in axes.get_xlabel()
        assert any(list(line.get_xdata()) == [0.05, 0.05] for line in axes.lines)
    assert [(name, round(value, 9)) for name, _, value, _ in means(strict)] == [("LOF", 0.06), ("IF", 0.06)]
    (_, low, _, good), (name, high, value, bad) = means(paper)
    assert (name, value) == ("IF", pytest.approx(0.92))
    assert good != bad
    assert {marker for *_, marker in means(strict)} == {good}
    # 100 clips of each ID, which SNRs and seeds share
    expected = binomtest(184, 200).proportion_ci(0.95, method="exact")
    assert whiskers(paper)[high] == pytest.approx((expected.low, expected.high))
    assert ticks_at(strict, low) == pytest.approx([0.05, 0.05, 0.08])


def by_share(detectors, protocols, rate=lambda asked, name: asked) -> pd.DataFrame:
    rows = [
        (protocol, "fan", factor, name, asked, rate(asked, name) * (1 + factor), 200)
        for protocol in protocols
        for factor in (0.0, 0.2)
        for name in detectors
        for asked in (0.01, 0.05, 0.2)
    ]
    columns = ["protocol", "machine", "noise_factor", "detector", "asked", "false_alarm_rate", "n_normal"]
    return pd.DataFrame(rows, columns=columns)


def test_false_alarms_by_share_have_a_line_for_each_detector_beside_the_diagonal_and_what_chance_makes_of_it():
    table = by_share(("LOF", "IF"), ("strict", "paper"), lambda asked, name: asked * (4 if name == "IF" else 1))
    figure = false_alarms_by_share(table, "fan", asked=0.05, confidence=95.0)
    assert [axes.get_title().split()[0] for axes in panels(figure)] == ["strict", "paper"]
    for axes in panels(figure):
        shown = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
        assert shown["LOF"].get_xdata().tolist() == [0.01, 0.05, 0.2]
        assert shown["LOF"].get_ydata() == pytest.approx([0.011, 0.055, 0.22])  # the mean over noise factors
        assert shown["IF"].get_ydata() == pytest.approx([0.044, 0.22, 0.88])
        (band,) = (part for part in axes.collections if isinstance(part, PolyCollection))
        at_asked = sorted(y for x, y in band.get_paths()[0].vertices.tolist() if x == pytest.approx(0.05))
        expected = binomtest(10, 200).proportion_ci(0.95, method="exact")
        assert (at_asked[0], at_asked[-1]) == pytest.approx((expected.low, expected.high))
        assert axes.get_ylim() == (0.0, 1.0)
        assert sorted(text.get_text() for text in axes.texts) == ["IF", "LOF"]


@pytest.mark.parametrize(
    ("count", "protocols"), [(1, ["strict"]), (12, ["strict", "paper"]), (12, ["strict", "given", "paper"])]
)
def test_false_alarms_by_share_nothing_overlaps(count, protocols):
    table = by_share([LONG.format(number) for number in range(count)], protocols)
    figure = false_alarms_by_share(table, "팬, title of a figure " * 4, asked=0.05, confidence=95.0)
    assert hard_to_read(figure) == []


# --- training ---


def test_training_time_has_a_row_for_each_machine_and_says_what_is_not_known():
    seconds = [
        ("fan", factor, protocol, 10 * factor + (protocol == "paper") + seed)
        for factor in (0.0, 0.7)
        for seed in (3, 4)
        for protocol in ("strict", "paper")
    ]
    axes = training_time([*seconds, ("pump", 0.0, "strict", math.nan)], "Training").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fan", "pump"]
    shown = [(round(height, 6), value) for name, height, value, _ in means(axes) if name == "fan"]
    heights = sorted({height for height, _ in shown})
    assert [sorted(value for at, value in shown if at == height) for height in heights] == [
        [3, 4],
        [10, 11],
        [4, 5],
        [11, 12],
    ]
    assert axes.get_xlim()[0] == 0
    assert "seconds" in axes.get_xlabel()
    figure = training_time([*seconds, ("pump", 0.0, "strict", math.nan)], "Training")
    assert figure.get_suptitle() == "Training (1 of 9 not recorded here)"
    assert hard_to_read(figure) == []
    assert hard_to_read(training_time([("|fan_ %d $x$", 0.7, "paper", math.nan)], "Training")) == []


def test_seconds_of_a_job_are_those_of_snakemakes_benchmark(tmp_path):
    path = tmp_path / "nf0.7_seed0.tsv"
    assert math.isnan(seconds_of_job(path))
    path.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n", encoding="utf-8")
    assert seconds_of_job(path) == 12.5
    for damaged in ("", "s\th:m:s\n", "x\ty\n1\t2\n", "s\n-\n", "\x00\xff"):
        path.write_text(damaged, encoding="utf-8")
        assert math.isnan(seconds_of_job(path))
