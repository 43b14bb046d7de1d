"""Tables of results: writing and reading, the summary over IDs and seeds, the leaderboard, and the text of both."""

from __future__ import annotations

import csv
import dataclasses
import html
import itertools
import math
import os
import re
import shutil
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from asd.ddae.loss import Curve
from asd.detection.scores import Scores, UnitScores
from asd.evaluation import pages, shown, tables
from asd.evaluation.advice import Advice, about_few_clips, advise, marked, remarks
from asd.evaluation.collection import ResultFiles, collect
from asd.evaluation.leaderboard import leaderboard
from asd.evaluation.machine import MachineResults, Replicates, Unit, compare, evaluate_machine, write_replicates
from asd.evaluation.rows import AucRow, ComparisonRow, ConditionRow, columns_of, text_columns_of
from asd.evaluation.shown import format_summary
from asd.evaluation.statistics import holm
from asd.evaluation.tables import (
    AUC_COLUMNS,
    COMPARISON_COLUMNS,
    SUMMARY_COLUMNS,
    auc_table,
    comparison_table,
    condition_table,
    for_people,
    number_of,
    read_table,
    summarise,
    write_table,
)
from asd.features.cliplist import write_skipped
from asd.files.neutral import in_one_line
from asd.files.origin import Origin
from asd.splits import title_of
from named_clips import scored_clips

pytestmark = pytest.mark.filterwarnings("error")  # of NumPy and pandas

LABELS = {"snr6": "6 dB", "snr0": "0 dB", "snr_6": "-6 dB"}
SAID = Advice(("*Said*.",))


def markdown(ranking: pd.DataFrame, confidence: float, sentences: Sequence[str] = (), snr_labels: Any = LABELS) -> str:
    """The leaderboard in Markdown, with the rankings alone."""
    return pages.markdown(SAID, sentences, list(shown.of_ranking(ranking, confidence, 0.05, snr_labels)))


def html_page(ranking: pd.DataFrame, confidence: float, sentences: Sequence[str] = (), snr_labels: Any = LABELS) -> str:
    """The same as a page."""
    return pages.leaderboard_page(SAID, sentences, list(shown.of_ranking(ranking, confidence, 0.05, snr_labels)))


EXPECTED_AUC_COLUMNS = [
    "machine",
    "noise_factor",
    "seed",
    "snr",
    "id",
    "detector",
    "auc",
    "pauc",
    "threshold",
    "n_train",
    "n_normal",
    "n_abnormal",
    "tn",
    "fp",
    "fn",
    "tp",
    "map_mfcc",
    "map_basic",
]
EXPECTED_SUMMARY_COLUMNS = [
    "machine",
    "noise_factor",
    "snr",
    "detector",
    "auc_mean",
    "auc_std",
    "pauc_mean",
    "worst_id",
    "worst_auc",
    "n_ids",
    "n_seeds",
]
NEW_AUC_COLUMNS = ["protocol", "representation", "projection", "precision", "recall", "f1", "false_alarm_rate"]
NEW_SUMMARY_COLUMNS = [
    *("protocol", "auc_low", "auc_high", "auc_harmonic_mean", "pauc_low", "pauc_high", "pauc_harmonic_mean"),
    *("precision", "recall", "f1", "false_alarm_rate"),
]


def row(**changes) -> AucRow:
    values = {
        **{"machine": "fan", "noise_factor": 0.7, "seed": 0, "snr": "snr6", "id": "id_00", "detector": "IF"},
        **{"auc": 0.9, "pauc": 0.8, "threshold": 0.1, "n_train": 10, "n_normal": 40, "n_abnormal": 40},
        **{"tn": 4, "fp": 0, "fn": 1, "tp": 3, "map_mfcc": 9, "map_basic": 2},
        **{"protocol": "paper", "representation": "residual", "projection": "map"},
        **{"precision": 1.0, "recall": 0.75, "f1": 6 / 7, "false_alarm_rate": 0.0},
    }
    return AucRow(**values | changes)


def comparison(**changes) -> ComparisonRow:
    values = {
        **{"protocol": "paper", "machine": "fan", "snr": "snr6", "detector": "LOF", "noise_factor": 0.7},
        **{"other_detector": "IF", "other_noise_factor": 0.7, "difference": 0.1, "low": -0.1, "high": 0.3},
        **{"p_value": 0.2, "p_delong": 0.1},
    }
    return ComparisonRow(**values | changes)


def made_replicates(
    entries: Sequence[tuple[str, str]], auc: Sequence[Sequence[float]], samples: np.ndarray, snrs=("snr6", "snr0")
) -> Replicates:
    """AUCs and replicates as given, [entries, snrs] and [entries, snrs, replicates]; the partial ones half of them."""
    points = np.array(auc, float)
    assert points.shape == (len(entries), len(snrs)) == samples.shape[:2]
    nothing = np.full((len(snrs), len(entries), len(entries)), math.nan)
    drawn = samples.astype(np.float32)
    return Replicates(tuple(entries), tuple(snrs), points, points / 2, drawn, drawn[:, :, :20] / 2, nothing)


# --- tables as files ---


def test_columns_of_both_tables():
    assert list(AUC_COLUMNS) == EXPECTED_AUC_COLUMNS + NEW_AUC_COLUMNS
    assert list(SUMMARY_COLUMNS) == EXPECTED_SUMMARY_COLUMNS + NEW_SUMMARY_COLUMNS
    assert list(auc_table([row()]).columns) == list(AUC_COLUMNS)
    assert list(auc_table([]).columns) == list(AUC_COLUMNS)
    assert list(summarise(auc_table([row()])).columns) == list(SUMMARY_COLUMNS)
    assert list(comparison_table([comparison()]).columns) == list(COMPARISON_COLUMNS)
    assert list(comparison_table([]).columns) == list(COMPARISON_COLUMNS)


@pytest.mark.parametrize("changes", [{"aucc": 0.5}, {"pauc": ...}])
def test_an_unknown_or_a_missing_column_is_an_error_at_once(changes):
    values = {name: value for name, value in {**dataclasses.asdict(row()), **changes}.items() if value is not ...}
    with pytest.raises(TypeError, match=r"aucc|pauc"):
        AucRow(**values)


@pytest.mark.parametrize("whole", [row(), comparison()])
def test_every_number_of_a_line_may_be_missing_and_names_stay_text(tmp_path, whole):
    kind = type(whole)
    numbers = [name for name in columns_of(kind) if name not in text_columns_of(kind)]
    assert numbers
    lines = [whole, dataclasses.replace(whole, **dict.fromkeys(numbers))]
    write_table(tables._table_of(lines, kind), tmp_path / "table.csv")
    read = read_table([tmp_path / "table.csv"])
    assert read.columns[read.isna().any()].tolist() == numbers
    assert read.loc[0, numbers].tolist() == [getattr(whole, name) for name in numbers]


def test_a_table_is_read_back_exactly(tmp_path):
    table = auc_table([row(auc=0.1 + 0.2, pauc=1 / 3, threshold=-1e-17), row(id="id_02", auc=math.pi / 4, f1=2 / 3)])
    write_table(table, tmp_path / "auc.csv")
    assert os.listdir(tmp_path) == ["auc.csv"]
    pd.testing.assert_frame_equal(read_table([tmp_path / "auc.csv"]), table, check_exact=True, check_dtype=False)


NAMES = ["00", "NA", "1e3", "nan", "True", "01.50", '팬, "큰"', "null", "all"]


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_text(tmp_path, name):
    path = tmp_path / "auc.csv"
    named = dict.fromkeys(("id", "machine", "snr", "detector", "representation", "projection", "protocol"), name)
    write_table(auc_table([row(**named)]), path)
    table = read_table([path])
    assert table.loc[0, list(named)].tolist() == [name] * 7
    assert summarise(table).loc[0, "worst_id"] == name


@pytest.mark.parametrize("name", NAMES)
def test_names_in_summaries_and_comparisons_stay_text(tmp_path, name):
    write_table(summarise(auc_table([row(id=name, protocol=name)])), tmp_path / "summary.csv")
    assert read_table([tmp_path / "summary.csv"]).loc[0, ["worst_id", "protocol"]].tolist() == [name] * 2
    named = dict.fromkeys(("protocol", "machine", "snr", "detector", "other_detector"), name)
    write_table(comparison_table([comparison(**named)]), tmp_path / "comparisons.csv")
    assert read_table([tmp_path / "comparisons.csv"]).loc[0, list(named)].tolist() == [name] * 5


def test_several_tables_are_joined_in_their_order(tmp_path):
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    for number, path in enumerate(paths):
        write_table(auc_table([row(seed=number), row(seed=number, noise_factor=number)]), path)
    table = read_table([paths[2], paths[0], paths[1]])
    assert table["seed"].tolist() == [2, 2, 0, 0, 1, 1]
    assert table["noise_factor"].tolist() == [0.7, 2, 0.7, 0, 0.7, 1]
    assert table.index.tolist() == list(range(6))


@settings(deadline=None, max_examples=40, database=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.just("all"), st.floats(0, 10), st.integers(0, 3)),
            st.one_of(st.just("all"), st.integers(0, 2**32 - 1)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_noise_factors_and_seeds_are_numbers_except_for_all(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("tables") / "auc.csv"
    write_table(auc_table(row(noise_factor=str(factor), seed=str(seed)) for factor, seed in drawn), path)
    table = read_table([path])
    for column, expected in zip(("noise_factor", "seed"), zip(*drawn, strict=True), strict=True):
        values = table[column].tolist()
        assert values == list(expected)
        assert [isinstance(value, str) for value in values] == [value == "all" for value in expected]
        assert ("all" in expected) == (table[column].dtype == object)
        if all(isinstance(value, int) for value in expected):
            assert table[column].dtype == np.int64
    write_table(table, path)
    pd.testing.assert_frame_equal(read_table([path]), table)


def test_noise_factors_of_comparisons_are_numbers_except_for_all(tmp_path):
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    write_table(comparison_table([comparison(noise_factor="all", other_noise_factor="0.7")]), paths[0])
    write_table(comparison_table([comparison(noise_factor="1.0", other_noise_factor="0.0", p_delong=None)]), paths[1])
    write_table(comparison_table([]), paths[2])  # of a single detector
    assert len(read_table(paths[2:])) == 0
    table = read_table(paths[:2])
    assert table["noise_factor"].tolist() == ["all", 1.0]
    assert table["other_noise_factor"].tolist() == [0.7, 0.0]
    assert table["p_delong"].dtype == float
    assert table["p_delong"].tolist() == [0.1, pytest.approx(math.nan, nan_ok=True)]


def test_numbers_of_components_may_be_empty(tmp_path):
    write_table(auc_table([row(map_mfcc=None, map_basic=None), row()]), tmp_path / "auc.csv")
    table = read_table([tmp_path / "auc.csv"])
    for column, value in (("map_mfcc", 9.0), ("map_basic", 2.0)):
        assert table[column].dtype == float
        assert table[column].tolist() == [pytest.approx(math.nan, nan_ok=True), value]
    write_table(table, tmp_path / "again.csv")
    with open(tmp_path / "again.csv", newline="", encoding="utf-8") as file:
        assert [line["map_mfcc"] for line in csv.DictReader(file)] == ["", "9.0"]


# --- summary ---

AUCS = {  # detector, seed -> AUC of id_00 and of id_02
    ("LOF", 0): (0.90, 0.80),
    ("LOF", 1): (0.96, 0.70),
    ("IF", 0): (0.60, 1.00),
    ("IF", 1): (0.70, 0.98),
}
ENTRIES = (("LOF", "0.7"), ("IF", "0.7"))


@pytest.fixture
def two_seeds() -> pd.DataFrame:
    return auc_table(
        row(detector=detector, seed=seed, id=name, auc=auc, pauc=auc / 2, precision=auc / 3, recall=auc / 4, f1=auc / 5)
        for (detector, seed), aucs in AUCS.items()
        for name, auc in zip(("id_00", "id_02"), aucs, strict=True)
    )


@pytest.fixture
def bootstrapped() -> dict[str, dict[str, Replicates]]:
    """Replicates for `two_seeds`."""
    samples = np.random.default_rng(0).uniform(0.6, 1.0, size=(2, 1, 101))
    return {"fan": {"paper": made_replicates(ENTRIES, [[0.84], [0.82]], samples, ("snr6",))}}


def test_summary_of_two_ids_two_seeds_and_two_detectors_by_hand(two_seeds):
    first, second = summarise(two_seeds).to_dict("records")
    nothing = dict.fromkeys(
        ("auc_low", "auc_high", "pauc_low", "pauc_high"), pytest.approx(math.nan, nan_ok=True)
    )  # without a bootstrap
    assert first == {
        **{"machine": "fan", "noise_factor": 0.7, "snr": "snr6", "detector": "LOF", "protocol": "paper"},
        "auc_mean": pytest.approx(0.84),  # means over the IDs: 0.85 and 0.83
        "auc_std": pytest.approx(0.02 / math.sqrt(2)),
        "pauc_mean": pytest.approx(0.42),
        "worst_id": "id_02",
        "worst_auc": pytest.approx(0.75),
        "n_ids": 2,
        "n_seeds": 2,
        **nothing,
        "auc_harmonic_mean": pytest.approx(statistics.harmonic_mean([0.93, 0.75])),
        "pauc_harmonic_mean": pytest.approx(statistics.harmonic_mean([0.465, 0.375])),
        "precision": pytest.approx(0.28),
        "recall": pytest.approx(0.21),
        "f1": pytest.approx(0.168),
        "false_alarm_rate": 0.0,
    }
    assert second == {
        **{"machine": "fan", "noise_factor": 0.7, "snr": "snr6", "detector": "IF", "protocol": "paper"},
        "auc_mean": pytest.approx(0.82),  # means over the IDs: 0.80 and 0.84
        "auc_std": pytest.approx(statistics.stdev([0.80, 0.84])),
        "pauc_mean": pytest.approx(0.41),
        "worst_id": "id_00",
        "worst_auc": pytest.approx(0.65),
        "n_ids": 2,
        "n_seeds": 2,
        **nothing,
        "auc_harmonic_mean": pytest.approx(statistics.harmonic_mean([0.65, 0.99])),
        "pauc_harmonic_mean": pytest.approx(statistics.harmonic_mean([0.325, 0.495])),
        "precision": pytest.approx(0.82 / 3),
        "recall": pytest.approx(0.205),
        "f1": pytest.approx(0.164),
        "false_alarm_rate": 0.0,
    }


def test_a_single_seed_has_no_standard_deviation(two_seeds, tmp_path):
    summary = summarise(two_seeds[two_seeds["seed"] == 1])
    assert summary["auc_std"].isna().all()
    assert summary["auc_mean"].tolist() == pytest.approx([0.83, 0.84])
    assert summary["n_seeds"].tolist() == [1, 1]
    write_table(summary, tmp_path / "summary.csv")
    with open(tmp_path / "summary.csv", newline="", encoding="utf-8") as file:
        assert [line["auc_std"] for line in csv.DictReader(file)] == ["", ""]
    again = read_table([tmp_path / "summary.csv"])
    assert again["auc_std"].dtype == float
    assert again["auc_std"].isna().all()


def test_worst_id_is_the_lowest_on_average_not_in_any_one_seed():
    table = auc_table(
        row(seed=seed, id=name, auc=auc)
        for name, aucs in {"id_00": (0.1, 1.0, 1.0), "id_02": (0.6, 0.6, 0.6)}.items()
        for seed, auc in enumerate(aucs)
    )
    assert summarise(table).loc[0, ["worst_id", "worst_auc"]].tolist() == ["id_02", pytest.approx(0.6)]


def test_groups_keep_the_order_of_their_first_appearance():
    keys = [
        ("strict", "valve", 0.7, "snr_6", "OCSVM"),
        ("strict", "valve", 0.7, "snr6", "IF"),
        ("paper", "fan", 1.0, "snr0", "LOF"),
        ("paper", "fan", 0.0, "snr0", "LOF"),
        ("strict", "valve", 0.7, "snr6", "LOF"),
        ("strict", "fan", 1.0, "snr0", "LOF"),
        ("strict", "fan", "all", "snr0", "LOF"),
    ]
    names = ("protocol", "machine", "noise_factor", "snr", "detector")
    rows = [row(id=name, **dict(zip(names, key, strict=True))) for name in ("id_06", "id_00") for key in keys]
    summary = summarise(auc_table(rows))
    assert [tuple(values) for values in summary[list(names)].to_numpy()] == keys
    assert summary["n_ids"].tolist() == [2] * 7


def test_protocols_are_summed_up_apart():
    table = auc_table([row(protocol="paper", auc=0.9), row(protocol="strict", auc=0.7), row(protocol="strict", seed=1)])
    summary = summarise(table)
    assert summary["protocol"].tolist() == ["paper", "strict"]
    assert summary["auc_mean"].tolist() == pytest.approx([0.9, 0.8])
    assert summary["n_seeds"].tolist() == [1, 2]


@pytest.mark.parametrize("confidence", [95.0, 50.0])
def test_intervals_are_those_of_the_replicates_of_each_group(confidence):
    """The same detector at several noise factors, SNRs, machines and protocols."""
    random = np.random.default_rng(0)
    entries, snrs = (("IF", "0.0"), ("LOF", "0.7"), ("IF", "0.7"), ("IF", "all")), ("snr6", "snr0")
    by_machine = {
        machine: {
            protocol: made_replicates(entries, np.full((4, 2), 0.5), random.random((4, 2, 50)), snrs)
            for protocol in ("paper", "strict")
        }
        for machine in ("fan", "pump")
    }
    table = auc_table(
        row(machine=machine, protocol=protocol, snr=snr, detector=detector, noise_factor=number_of(factor))
        for machine, protocol, snr, (detector, factor) in itertools.product(
            by_machine, ("strict", "paper"), snrs[::-1], entries[::-1]
        )
    )
    summary = summarise(table, by_machine, confidence)
    assert len(summary) == 32
    tails = [0.5 - confidence / 200, 0.5 + confidence / 200]
    for line in summary.itertuples():
        values = by_machine[line.machine][line.protocol]
        place = entries.index((line.detector, str(line.noise_factor))), snrs.index(line.snr)
        low, high = np.quantile(values.auc_replicates[place].astype(float), tails)
        assert (line.auc_low, line.auc_high) == (pytest.approx(low), pytest.approx(high))
        low, high = np.quantile(values.pauc_replicates[place].astype(float), tails)
        assert (line.pauc_low, line.pauc_high) == (pytest.approx(low), pytest.approx(high))


def test_harmonic_mean_is_over_ids_of_the_mean_over_seeds():
    table = auc_table(
        row(seed=seed, id=name, auc=auc, pauc=auc)
        for name, aucs in {"id_00": (0.2, 0.6), "id_02": (0.8, 0.8), "id_04": (1.0, 0.6)}.items()
        for seed, auc in enumerate(aucs)
    )
    summary = summarise(table)
    expected = pytest.approx(3 / (1 / 0.4 + 1 / 0.8 + 1 / 0.8))
    assert summary.loc[0, ["auc_harmonic_mean", "pauc_harmonic_mean"]].tolist() == [expected, expected]
    table.loc[:1, ["auc", "pauc"]] = 0.0
    assert summarise(table).loc[0, "auc_harmonic_mean"] == 0.0


def test_a_summary_with_all_is_read_back(two_seeds, bootstrapped, tmp_path):
    both = pd.concat([two_seeds, auc_table([row(detector="MEAN", noise_factor="all", seed="all")])])
    entries = (*ENTRIES, ("MEAN", "all"))
    samples = np.random.default_rng(0).random((3, 1, 30))
    values = made_replicates(entries, [[0.84], [0.82], [0.9]], samples, ("snr6",))
    summary = summarise(both, {"fan": {"paper": values}}, 95.0)
    assert summary["noise_factor"].tolist() == [0.7, 0.7, "all"]
    assert summary[["auc_low", "auc_high", "pauc_low", "pauc_high"]].notna().all(axis=None)
    write_table(summary, tmp_path / "summary.csv")
    again = read_table([tmp_path / "summary.csv"])
    pd.testing.assert_frame_equal(again, summary, check_dtype=False, check_exact=True)
    assert [type(value) for value in again["noise_factor"]] == [float, float, str]


# --- text ---


def test_text_for_one_seed():
    table = auc_table(
        row(snr=snr, detector=detector, id=name, auc=auc)
        for name in ("id_00", "id_02")
        for snr, detector, auc in (
            ("snr6", "IF", 0.97444),
            ("snr6", "OCSVM", 1.0),
            ("snr_6", "IF", 0.5),
            ("snr_6", "OCSVM", 0.8716),
        )
    )
    assert format_summary(summarise(table), LABELS) == (
        "fan, noise factor 0.7, paper protocol: mean AUC over 2 IDs\n"
        "SNR       IF  OCSVM\n"
        "6 dB   0.974  1.000\n"
        "-6 dB  0.500  0.872\n"
    )


def test_text_for_several_seeds_machines_noise_factors_and_protocols(two_seeds):
    others = auc_table(
        [
            row(machine="pump", noise_factor=0.0, detector="LOF", auc=0.61),
            row(machine="pump", auc=0.25),
            row(machine="pump", auc=0.75, protocol="strict"),
            row(machine="pump", noise_factor="all", seed="all", detector="MEAN"),
        ]
    )
    assert format_summary(summarise(pd.concat([two_seeds, others])), LABELS) == (
        "pump, noise factor 0.7, strict protocol: mean AUC over 1 ID\n"
        "SNR      IF\n"
        "6 dB  0.750\n"
        "\n"
        "fan, noise factor 0.7, paper protocol: mean AUC over 2 IDs, mean and standard deviation over 2 seeds\n"
        "SNR            LOF            IF\n"
        "6 dB  0.840 ±0.014  0.820 ±0.028\n"
        "\n"
        "pump, noise factor 0, paper protocol: mean AUC over 1 ID\n"
        "SNR     LOF\n"
        "6 dB  0.610\n"
        "\n"
        "pump, noise factor 0.7, paper protocol: mean AUC over 1 ID\n"
        "SNR      IF\n"
        "6 dB  0.250\n"
        "\n"
        "pump, all noise factors, paper protocol: mean AUC over 1 ID\n"
        "SNR    MEAN\n"
        "6 dB  0.900\n"
    )


def test_text_marks_what_was_not_computed():
    table = auc_table([row(snr="snr6", detector="IF"), row(snr="snr0", detector="LOF")])
    assert format_summary(summarise(table), LABELS).splitlines()[1:] == [
        "SNR      IF    LOF",
        "6 dB  0.900      -",
        "0 dB      -  0.900",
    ]


def test_text_with_many_detectors_goes_on_below_and_korean_names_stay_in_their_columns():
    names = ["소음 큰 검출기", *(f"detector {number:02}" for number in range(20))]
    lines = format_summary(summarise(auc_table(row(detector=name) for name in names)), LABELS).splitlines()
    assert max(map(len, lines)) <= shown.CONSOLE_WIDTH
    assert sum(line.startswith("SNR  ") for line in lines) == 3
    assert [name for name in names if not any(name in line for line in lines)] == []
    assert (lines[1], lines[2]) == (
        "SNR   소음 큰 검출기  " + "  ".join(names[1:7]),
        "6 dB           0.900  " + "  ".join(["      0.900"] * 6),
    )


# --- leaderboard ---

RANKED = (("LOF", "0.7"), ("IF", "0.7"), ("IF", "1.0"), ("MEAN", "all"))
LEADERBOARD_COLUMNS = [
    *("rank", "protocol", "machine", "detector", "noise_factor", "representation", "projection"),
    *("auc", "auc_low", "auc_high", "auc_std", "auc.snr6", "auc.snr0", "pauc", "auc_harmonic_mean"),
    *("worst", "worst_auc", "precision", "recall", "f1", "false_alarm_rate"),
    *("behind_first", "p_value", "p_holm", "n_seeds"),
    *("false_alarms_low", "false_alarms_high", "false_alarms_off"),
    *("worst_machine", "worst_snr", "worst_id", "n_clips", "recommended"),
]


def made_results(machines: Sequence[str] = ("fan",), protocols: Sequence[str] = ("paper",), replicates: int = 99):
    """A table with two SNRs, IDs and seeds, and replicates around its means; MEAN is over all seeds."""
    random = np.random.default_rng(1)
    rows, by_machine = [], {}
    for machine, protocol in itertools.product(machines, protocols):
        auc = np.zeros((4, 2))
        for (number, (detector, factor)), (column, snr) in itertools.product(
            enumerate(RANKED), enumerate(("snr6", "snr0"))
        ):
            seeds = ("all",) if factor == "all" else (0, 1)
            for seed, name in itertools.product(seeds, ("id_00", "id_02")):
                where = {"machine": machine, "protocol": protocol, "snr": snr, "id": name, "seed": seed}
                value = random.uniform(0.4, 0.6) + 0.1 * ((number + 2) % 4)
                auc[number, column] += value / 2 / len(seeds)
                decisions = dict(zip(("precision", "recall", "f1", "false_alarm_rate"), random.random(4), strict=True))
                entry = {"detector": detector, "noise_factor": number_of(factor), "representation": f"r{number}"}
                rows.append(row(**where, **entry, auc=value, projection=f"p{number}", **decisions))
        samples = auc[:, :, None] + random.normal(scale=0.05, size=(4, 2, replicates))
        by_machine.setdefault(machine, {})[protocol] = made_replicates(RANKED, auc, samples)
    return auc_table(rows), by_machine


def entry_rows(table: pd.DataFrame, line) -> pd.DataFrame:
    return table[(table["detector"] == line["detector"]) & (table["noise_factor"] == line["noise_factor"])]


def test_leaderboard_of_one_machine():
    table, by_machine = made_results()
    values = by_machine["fan"]["paper"]
    ranking = leaderboard(table, by_machine, 90.0)
    assert list(ranking.columns) == LEADERBOARD_COLUMNS
    assert ranking["rank"].tolist() == [1, 2, 3, 4]
    assert (ranking["protocol"] == "paper").all()
    assert (ranking["machine"] == "fan").all()
    means = values.auc.mean(axis=1)
    order = np.argsort(-means).tolist()
    assert order != [0, 1, 2, 3]
    assert ranking["auc"].is_monotonic_decreasing
    texts = [(detector, str(factor)) for detector, factor in ranking[["detector", "noise_factor"]].to_numpy()]
    assert texts == [RANKED[number] for number in order]
    samples = values.auc_replicates.astype(float).mean(axis=1)
    p_values = []
    for line, number in zip(ranking.to_dict("records"), order, strict=True):
        mine = entry_rows(table, line)
        assert (line["representation"], line["projection"]) == (f"r{number}", f"p{number}")
        assert line["auc"] == pytest.approx(means[number])
        assert line["auc"] == pytest.approx(mine["auc"].mean())
        assert [line["auc.snr6"], line["auc.snr0"]] == pytest.approx(values.auc[number].tolist())
        assert line["pauc"] == pytest.approx(means[number] / 2)
        interval = np.quantile(samples[number], [0.05, 0.95]).tolist()
        assert [line["auc_low"], line["auc_high"]] == pytest.approx(interval, abs=1e-6)
        assert line["n_seeds"] == (1 if line["noise_factor"] == "all" else 2)
        of_seeds = [mine[mine["seed"] == seed]["auc"].mean() for seed in (0, 1)]
        std = math.nan if line["noise_factor"] == "all" else statistics.stdev(of_seeds)
        assert line["auc_std"] == pytest.approx(std, nan_ok=True)
        cells = {
            (snr, name): mine[(mine["snr"] == snr) & (mine["id"] == name)]["auc"].mean()
            for snr, name in itertools.product(("snr6", "snr0"), ("id_00", "id_02"))
        }
        worst = min(cells, key=lambda cell: cells[cell])
        assert (line["worst"], line["worst_auc"]) == (" ".join(worst), pytest.approx(cells[worst]))
        assert line["auc_harmonic_mean"] == pytest.approx(statistics.harmonic_mean(cells.values()))
        for name in ("precision", "recall", "f1", "false_alarm_rate"):
            assert line[name] == pytest.approx(mine[name].mean())
        assert line["behind_first"] == pytest.approx(means[order[0]] - means[number])
        differences = samples[order[0]] - samples[number]
        beyond = min((differences <= 0).sum(), (differences >= 0).sum())
        p_values.append(min(1.0, 2 * (beyond + 1) / 100))
    assert math.isnan(ranking["p_value"][0])
    assert math.isnan(ranking["p_holm"][0])
    assert ranking["p_value"][1:].tolist() == pytest.approx(p_values[1:])
    assert ranking["p_holm"][1:].tolist() == pytest.approx(holm(p_values[1:]).tolist())
    assert (ranking["p_holm"][1:] > ranking["p_value"][1:]).any()


def test_p_values_are_adjusted_for_the_comparisons_of_the_ranking():
    """Four detectors, of which the second is as good as the first in 3 of 99 replicates, and so on."""
    first = np.full(99, 0.9)
    samples = np.stack([np.where(np.arange(99) < worse, 0.95, 0.5) for worse in (20, 0, 3)])
    samples = np.concatenate([samples, first[None]])[:, None, :]
    values = made_replicates(RANKED, [[0.6], [0.7], [0.8], [0.9]], samples, ("snr6",))
    table = auc_table(row(detector=name, noise_factor=number_of(factor)) for name, factor in RANKED)
    ranking = leaderboard(table, {"fan": {"paper": values}}, 95.0)
    assert ranking["detector"].tolist() == ["MEAN", "IF", "IF", "LOF"]
    assert ranking["noise_factor"].tolist() == ["all", 1.0, 0.7, 0.7]
    assert ranking["behind_first"].tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert ranking["p_value"].tolist() == pytest.approx([math.nan, 0.08, 0.02, 0.42], nan_ok=True)
    assert ranking["p_holm"].tolist() == pytest.approx([math.nan, 0.16, 0.06, 0.42], nan_ok=True)


def test_of_equally_good_ones_an_ensemble_comes_first():
    names = ["A", "B", "Mean"]
    values = made_replicates(
        [(name, "0.7") for name in names], [[0.9], [0.8], [0.9]], np.full((3, 1, 9), 0.9), ["snr6"]
    )
    views = {"Mean": {"representation": "ensemble", "projection": "z"}}
    table = auc_table(row(detector=name, **views.get(name, {})) for name in names)
    assert leaderboard(table, {"fan": {"paper": values}}, 95.0)["detector"].tolist() == ["Mean", "A", "B"]


def test_equal_detectors_keep_their_order_and_are_not_told_apart():
    values = made_replicates(ENTRIES, [[0.8, 0.6], [0.7, 0.7]], np.full((2, 2, 9), 0.7))
    table = auc_table(row(detector=name, snr=snr) for name in ("LOF", "IF") for snr in ("snr6", "snr0"))
    ranking = leaderboard(table, {"fan": {"paper": values}}, 95.0)
    assert ranking["detector"].tolist() == ["LOF", "IF"]
    assert ranking.loc[1, ["p_value", "p_holm"]].tolist() == [1.0, 1.0]
    assert ranking["behind_first"].tolist() == pytest.approx([0.0, 0.0])


def alarming(**false_alarms: int) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Detectors, the best first, and how many of 2 x 200 normal clips each flags at both of two SNRs."""
    entries = [(name, "0.7") for name in false_alarms]
    aucs = [[0.9 - 0.1 * number] * 2 for number in range(len(entries))]
    values = made_replicates(entries, aucs, np.repeat(np.array(aucs)[:, :, None], 9, axis=2))
    table = auc_table(
        row(detector=name, snr=snr, id=id_, fp=count // 2, tn=200 - count // 2, false_alarm_rate=count / 400)
        for name, count in false_alarms.items()
        for snr in ("snr6", "snr0")
        for id_ in ("id_00", "id_02")
    )
    return table, {"fan": {"paper": values}}


def test_a_detector_whose_false_alarms_are_off_is_marked_and_never_the_best():
    ranking = leaderboard(*alarming(LOF=80, IF=24, OCSVM=2), 95.0, 0.05)
    assert ranking["detector"].tolist() == ["IF", "LOF", "OCSVM"]
    assert ranking["false_alarms_off"].tolist() == [False, True, True]
    assert ranking["rank"].fillna(0).tolist() == [1, 0, 0]
    assert ranking["behind_first"].tolist() == pytest.approx([0.0, -0.1, 0.1])
    interval = binomtest(80, 400).proportion_ci(0.95, "exact")  # SNRs share their clips
    assert ranking.loc[1, ["false_alarms_low", "false_alarms_high"]].tolist() == pytest.approx(list(interval))
    ((_, *lines),) = markdown_tables(markdown(ranking, 95.0)).values()
    assert [cells[0] for cells in lines] == ["1", "off", "off"]
    assert [cells[3] for cells in lines] == ["6.0 % [3.9, 8.8]", "20.0 % [16.2, 24.3] !", "0.5 % [0.1, 1.8] !"]
    page = html_page(ranking, 95.0)
    assert page.count("<tr class=off>") == 2
    assert "<tr class=recommended>" not in page  # the thresholds are in-sample


def test_perfect_scores_of_two_clips_are_no_certainty():
    """They gave "AUC 1.000 [1.000, 1.000], p = .002"."""
    table, by_machine = alarming(LOF=0, IF=0)
    values = replace(by_machine["fan"]["paper"], auc=np.array([[1.0, 1.0], [0.5, 0.5]]))
    values = replace(values, auc_replicates=np.repeat(values.auc[:, :, None], 99, axis=2).astype(np.float32))
    for count, p_value in ((1, math.nan), (10, 2 / 100)):
        few = table.assign(n_normal=count, n_abnormal=50, auc=[1.0] * 4 + [0.5] * 4)
        ranking = leaderboard(few, {"fan": {"paper": values}}, 95.0)
        assert ranking.loc[0, "auc_low"] == pytest.approx(0.025 ** (1 / (2 * count)))
        assert ranking.loc[0, "auc_high"] == 1.0
        assert ranking.loc[1, "p_value"] == pytest.approx(p_value, nan_ok=True)
        assert summarise(few, {"fan": {"paper": values}})["auc_low"][0] == ranking.loc[0, "auc_low"]
        (sentence,) = about_few_clips(few)
        assert f"fan (paper): {2 * count}." in sentence
    assert about_few_clips(table) == []
    ranking = leaderboard(table.assign(n_normal=500, n_abnormal=400), {"fan": {"paper": values}}, 95.0)
    assert ranking.loc[0, "auc_low"] == pytest.approx(0.025 ** (1 / 800))


def test_few_clips_or_no_wish_mark_no_detector():
    assert leaderboard(*alarming(LOF=80, IF=0), 95.0)["rank"].tolist() == [1, 2]
    assert leaderboard(*alarming(LOF=40, IF=12), 95.0, 0.05)["rank"].tolist() == [1, 2]  # 10 % is not more than twice
    table, by_machine = alarming(LOF=80)
    few = table.assign(fp=1, tn=3, false_alarm_rate=0.25)
    assert leaderboard(few, by_machine, 95.0, 0.05)["rank"].tolist() == [1]


def test_leaderboard_of_a_single_detector():
    values = made_replicates([("IF", "0.7")], [[0.8, 0.6]], np.random.default_rng(0).random((1, 2, 9)))
    table = auc_table(row(snr=snr) for snr in ("snr6", "snr0"))
    ranking = leaderboard(table, {"fan": {"paper": values}}, 95.0)
    assert ranking["detector"].tolist() == ["IF"]
    assert ranking.loc[0, ["p_value", "p_holm", "auc_std"]].isna().all()
    assert ranking.loc[0, "behind_first"] == 0.0
    assert [len(rows) for rows in markdown_tables(markdown(ranking, 95.0)).values()] == [2]


def test_a_ranking_for_each_protocol_and_machine_and_one_over_all_machines_first():
    table, by_machine = made_results(("pump", "fan"), ("strict", "paper"))
    ranking = leaderboard(table, by_machine, 95.0)
    scopes = [(protocol, machine) for protocol in ("strict", "paper") for machine in ("all machines", "pump", "fan")]
    assert [tuple(line) for line in ranking[["protocol", "machine"]].to_numpy()] == [
        scope for scope in scopes for _ in RANKED
    ]
    assert ranking["rank"].tolist() == [1, 2, 3, 4] * 6
    for protocol, machine in scopes:
        part = ranking[(ranking["protocol"] == protocol) & (ranking["machine"] == machine)]
        assert part["auc"].is_monotonic_decreasing
        if machine != "all machines":
            here = table[(table["protocol"] == protocol) & (table["machine"] == machine)]
            alone = leaderboard(here, {machine: {protocol: by_machine[machine][protocol]}}, 95.0)
            pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)
    only_one = table[table["machine"] == "fan"]
    assert set(leaderboard(only_one, {"fan": by_machine["fan"]}, 95.0)["machine"]) == {"fan"}


def test_ranking_over_machines_is_of_their_mean_in_each_replicate():
    table, by_machine = made_results(("pump", "fan"))
    ranking = leaderboard(table, by_machine, 80.0)
    ranking = ranking[ranking["machine"] == "all machines"]
    values = [by_machine[machine]["paper"] for machine in ("pump", "fan")]
    auc = (values[0].auc + values[1].auc) / 2
    samples = sum(value.auc_replicates.astype(float).mean(axis=1) for value in values) / 2
    order = np.argsort(-auc.mean(axis=1)).tolist()
    p_values = []
    for line, number in zip(ranking.to_dict("records"), order, strict=True):
        mine = entry_rows(table, line)
        assert (line["detector"], str(line["noise_factor"])) == RANKED[number]
        assert line["auc"] == pytest.approx(auc[number].mean())
        assert [line["auc.snr6"], line["auc.snr0"]] == pytest.approx(auc[number].tolist())
        assert line["pauc"] == pytest.approx(auc[number].mean() / 2)
        interval = np.quantile(samples[number], [0.1, 0.9]).tolist()
        assert [line["auc_low"], line["auc_high"]] == pytest.approx(interval, abs=1e-6)
        each = [np.quantile(value.auc_replicates[number].mean(axis=0), [0.1, 0.9]) for value in values]
        assert interval[1] - interval[0] < max(high - low for low, high in each)
        of_cells = mine.groupby(["machine", "snr", "id"])["auc"].mean()
        assert line["worst"] == " ".join(of_cells.idxmin())
        assert line["worst"].split()[0] in by_machine
        assert line["worst_auc"] == pytest.approx(of_cells.min())
        assert line["auc_harmonic_mean"] == pytest.approx(statistics.harmonic_mean(of_cells))
        if line["noise_factor"] != "all":
            of_seeds = [mine[mine["seed"] == seed]["auc"].mean() for seed in (0, 1)]
            assert line["auc_std"] == pytest.approx(statistics.stdev(of_seeds))
        differences = samples[order[0]] - samples[number]
        p_values.append(min(1.0, 2 * (min((differences <= 0).sum(), (differences >= 0).sum()) + 1) / 100))
    assert ranking["p_value"].tolist()[1:] == pytest.approx(p_values[1:])
    assert ranking["p_holm"].tolist()[1:] == pytest.approx(holm(p_values[1:]).tolist())


# --- Markdown and HTML ---

PIPE = re.compile(r"(?<!\\)\|")


def cells_of(line: str) -> list[str]:
    """Cells of a row of a Markdown table, as GitHub reads it."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    return [literal(cell.strip()) for cell in PIPE.split(line)[1:-1]]


def literal(text: str) -> str:
    """What Markdown shows of a text: a backslash before a sign is left out, entities are signs."""
    return re.sub(r"\\([!-/:-@\[-`{-~])|(&(?:#\w+|\w+);)", lambda found: found[1] or html.unescape(found[2]), text)


def markdown_tables(text: str) -> dict[str, list[list[str]]]:
    """Title -> rows of cells, header first; each table is valid, below a title and an empty line."""
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    found = {}
    for title, table in re.findall(r"(?<=\n\n)(\*\*(?:[^*\n]|\\\*)+\*\*)\n\n((?:\|.*\n)+)", text):
        header, separator, *rows = map(cells_of, table.splitlines())
        assert all(re.fullmatch(":?-+:?", cell) for cell in separator)
        assert {len(cells) for cells in (separator, *rows)} == {len(header)}
        found[literal(title[2:-2])] = [header, *rows]
    return found


class PageReader(HTMLParser):
    """Title -> rows of cells, header first; every tag is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags[tag] += 1
        self.text = ""
        if tag == "tr":
            self.rows.append([])
        if tag != "meta":  # it has no end
            self.open.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\u00a0", " ")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "h2":
            self.rows = self.tables.setdefault(self.text, [])
        elif tag in ("th", "td"):
            assert (tag == "th") == (len(self.rows) == 1)
            self.rows[-1].append(self.text)


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "p", "strong", "div"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


def assert_page_shows(page: str, shown: Mapping[str, list[list[str]]]) -> None:
    """The page has the same tables as the Markdown, and neither scripts nor anything from elsewhere."""
    assert page.startswith("<!DOCTYPE html>\n")
    assert page.endswith("</html>\n")
    assert 'charset="utf-8"' in page
    reader = PageReader(page)
    assert reader.tables == dict(shown)
    assert set(reader.tags) == TAGS
    assert reader.tags["table"] == len(shown)


def test_markdown_of_the_leaderboard():
    ranking = pd.DataFrame(
        {
            "rank": pd.array([1, None, 1], "Int64"),
            "protocol": ["paper", "paper", "strict"],
            "machine": ["fan", "fan", "fan"],
            "detector": ["MEAN", "IF", "IF"],
            "noise_factor": ["all", 1.0, 0.7],
            "auc": [0.91249, 0.5, 1.0],
            "auc_low": [0.9, 0.4, 1.0],
            "auc_high": [0.92351, 0.6, 1.0],
            "auc.snr6": [0.95, 0.55, 1.0],
            "auc.snr_6": [0.8749, 0.45, 1.0],
            "pauc": [0.7, 0.51, 1.0],
            "worst_machine": ["fan"] * 3,
            "worst_snr": ["snr6", "snr_6", "snr6"],
            "worst_id": ["id_00", "id|02", "id_00"],
            "worst_auc": [0.6, 0.3, 1.0],
            "false_alarm_rate": [0.05249, 0.1, 0.0],
            "false_alarms_low": [0.04, 0.08, 0.0],
            "false_alarms_high": [0.0651, 0.12, 0.004],
            "f1": [0.8, 0.66667, 0.0],
            "p_holm": [math.nan, 0.0009, math.nan],
            "n_seeds": [1, 3, 1],
            "false_alarms_off": [False, True, False],
            "recommended": [False, False, True],
        }
    )
    head = (
        "|  | detector | noise factor | AUC [95 %] | false alarms (5 % asked) | p vs first | 6 dB | -6 dB | pAUC | F1 "
        "| worst |\n"
    )
    rule = "| --: | :-- | --: | --: | --: | --: | --: | --: | --: | --: | :-- |\n"
    assert markdown(ranking, 95.0, ["Few|clips."]) == (
        "# Leaderboard\n\n**\\*Said\\*.**\n\nFew\\|clips.\n\n"
        "**fan, paper protocol, in-sample thresholds: mean over SNRs, IDs and 3 seeds**\n\n"
        + head
        + rule
        + "| 1 | MEAN | all | 0.912 [0.900, 0.924] | 5.2 % [4.0, 6.5] |  | 0.950 | 0.875 | 0.700 | 0.800 "
        "| 0.600 (id_00, 6 dB) |\n"
        "| off | IF | 1 | 0.500 [0.400, 0.600] | 10.0 % [8.0, 12.0] ! | <0.001 | 0.550 | 0.450 | 0.510 | 0.667 "
        "| 0.300 (id\\|02, -6 dB) |\n\n"
        "**fan, strict protocol: mean over SNRs, IDs and 1 seed**\n\n"
        + head
        + rule
        + "| 1 | **IF** (recommended) | 0.7 | 1.000 [1.000, 1.000] | 0 % [0, 0.4] |  | 1.000 | 1.000 | 1.000 | 0.000 "
        "| 1.000 (id_00, 6 dB) |\n"
    )
    assert html_page(ranking, 95.0).count("<tr class=recommended>") == 1


def test_markdown_and_page_have_a_table_for_each_protocol_and_machine():
    table, by_machine = made_results(("pump", "fan"), ("strict", "paper"))
    ranking = leaderboard(table, by_machine, 99.5)
    found = markdown_tables(markdown(ranking, 99.5))
    assert_page_shows(html_page(ranking, 99.5), found)
    assert list(found) == [
        f"{machine}, {title_of(protocol)}: mean over SNRs, IDs and 2 seeds"
        for protocol in ("strict", "paper")
        for machine in ("all machines", "pump", "fan")
    ]
    rows = [line for header, *lines in found.values() for line in lines if "AUC [99.5 %]" in header]
    assert len(rows) == len(ranking) == 24
    for cells, line in zip(rows, ranking.to_dict("records"), strict=True):
        assert cells[:2] == [str(line["rank"]), line["detector"]]
        assert cells[2] == (line["noise_factor"] if line["noise_factor"] == "all" else f"{line['noise_factor']:g}")
        assert cells[3] == f"{line['auc']:.3f} [{line['auc_low']:.3f}, {line['auc_high']:.3f}]"
        assert cells[5] == ("" if line["rank"] == 1 else f"{line['p_holm']:.3f}")
        assert cells[6:10] == [f"{line[name]:.3f}" for name in ("auc.snr6", "auc.snr0", "pauc", "f1")]
        machine = f"{line['worst_machine']} " * (line["machine"] == "all machines")
        assert cells[10] == f"{line['worst_auc']:.3f} ({machine}{line['worst_id']}, {LABELS[line['worst_snr']]})"


# No name has a backslash, and neither spaces at its ends nor a line break (see the schema).
NAME = st.one_of(
    st.sampled_from(["a|b", "</td>", "&lt;", "<script>", "팬", "*a*", "_a_", "a_b", "`a`", "[a](b)", "$a$", "~~a~~"]),
    st.text(st.characters(exclude_characters="\\", exclude_categories=["C", "Z"]), min_size=1, max_size=8),
)


@settings(deadline=None, max_examples=40, database=None)
@given(st.lists(NAME, min_size=1, max_size=4, unique=True), st.lists(NAME, min_size=1, max_size=3, unique=True), NAME)
def test_markdown_and_page_are_valid_whatever_the_names(detectors, snrs, machine_id):
    entries = [(name, "0.7") for name in detectors]
    random = np.random.default_rng(0)
    values = made_replicates(
        entries, random.random((len(entries), len(snrs))), random.random((len(entries), len(snrs), 9)), snrs
    )
    table = auc_table(row(detector=name, snr=snr, id=machine_id) for name in detectors for snr in snrs)
    ranking = leaderboard(table, {"fan": {"paper": values}}, 95.0)
    found = markdown_tables(markdown(ranking, 95.0))
    assert_page_shows(html_page(ranking, 95.0), found)
    ((title, (header, *rows)),) = found.items()
    assert title == "fan, paper protocol, in-sample thresholds: mean over SNRs, IDs and 1 seed"
    assert header[5 : 5 + len(snrs)] == list(snrs)
    assert [cells[1] for cells in rows] == ranking["detector"].tolist()
    assert all(f" ({machine_id}, " in cells[-1] for cells in rows)


def test_markdown_of_names_has_no_marks_of_its_own():
    """As GitHub would take them: emphasis, code, links, formulas, tags and entities."""
    names = ["*a*", "_a_", "`a`", "[a](b)", "$a$", "~~a~~", "<img src=x>", "&lt;", "a|b"]
    values = made_replicates([("IF", "0.7")], np.ones((1, len(names))), np.ones((1, len(names), 9)), names)
    table = auc_table(row(snr=name) for name in names)
    text = markdown(leaderboard(table, {"fan": {"paper": values}}, 95.0), 95.0, ["No AUC: <img>, *a*."])
    for mark in (r"(?<!\\)[*_`$~](?![*])a", r"(?<!\\)\]\(", "<img", "&lt; "):
        assert not re.search(mark, text.replace("**fan", "")), mark
    assert "No AUC: &lt;img>, \\*a\\*." in text
    assert r"| \_a\_ |" in text


def test_control_characters_of_names_reach_no_page_and_no_terminal():
    table = auc_table([row(machine="f\x1b[2Jan", snr="a\nb", detector="\u202eX")])
    values = made_replicates([("\u202eX", "0.7")], np.ones((1, 1)), np.ones((1, 1, 9)), ["a\nb"])
    ranking = leaderboard(table, {"f\x1b[2Jan": {"paper": values}}, 95.0)
    for text in (markdown(ranking, 95.0), html_page(ranking, 95.0), format_summary(summarise(table), {})):
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        shown = literal(text)
        assert all(part in shown for part in (r"f\x1b[2Jan", r"a\x0ab", r"\u202eX"))


# --- the other tables as pages ---


def pages_of(name: str) -> dict[str, str]:
    """The pages of two detectors where machines, IDs, SNRs, detectors, conditions and attributes have this name."""
    contents = {
        replace(unit, snr=name, machine_id=name): files for unit, files in scored_machine(0, ("id_00",)).items()
    }
    result = evaluate_machine(contents, name, VIEWS, replicates=20, confidence=90.0, seed=0)
    table = auc_table(result.rows)
    table["noise_factor"] = [number_of(value) for value in table["noise_factor"]]
    faults = [replace(CONDITION_ROW, machine=name, snr=name, id=name, attribute=name, value=name)]
    conditions = condition_table(faults)
    conditions["noise_factor"] = 0.7
    return {
        "summary": pages.summary_page(shown.of_summary(summarise(table), {})),
        "auc": pages.auc_page(shown.of_every_id(table, {})),
        "comparisons": pages.comparisons_page(shown.of_comparisons(comparison_table(result.comparisons), 90.0, {})),
        "conditions": pages.conditions_page(shown.of_conditions(conditions, {})),
    }


@pytest.mark.parametrize("name", ["a|<script>&lt;\x1b[2J", "소음 \u202e기", '"><b>', "long " * 20])
def test_pages_show_names_and_run_nothing_whatever_these_are(name):
    for kind, page in pages_of(name).items():
        read = PageReader(page)
        assert set(read.tags) <= TAGS, kind
        assert not re.search("[\x1b\u202e]", page)
        assert html.escape(in_one_line(name)).strip() in page.replace("&nbsp;", " "), kind
        assert read.tables, kind


def test_numbers_of_pages_are_those_of_the_tables(machines):
    table = auc_table(machines["fan"].rows)
    table["noise_factor"] = [number_of(value) for value in table["noise_factor"]]
    (*_, ensemble) = shown.of_summary(summarise(table), LABELS)
    assert ensemble.header == ("detector", "6 dB", "0 dB", "worst ID", "false alarms")
    mine = table[table["detector"] == "MEAN"]
    assert ensemble.rows[0].cells[1] == f"{mine[mine['snr'] == 'snr6']['auc'].mean():.3f} ±" + (
        f"{mine[mine['snr'] == 'snr6'].groupby('seed')['auc'].mean().std():.3f}"
    )
    first = next(iter(shown.of_every_id(table, LABELS)))
    assert first.header == ("ID", "SNR", "LOF", "IF", "팬")
    here = table[(table["noise_factor"] == 0.7) & (table["id"] == "id_00") & (table["snr"] == "snr6")]
    means = here.groupby("detector", sort=False)["auc"].mean()
    assert first.rows[0].cells == ("id_00", "6 dB", *(f"{'* ' * bool(v == means.max())}{v:.3f}" for v in means))
    compared = comparison_table(machines["fan"].comparisons)
    (pairs,) = shown.of_comparisons(compared, 90.0, LABELS)
    assert len(pairs.rows) == 21
    line = compared[compared["snr"] == "all"].iloc[0]
    assert pairs.rows[0].cells[2].startswith(f"{line['difference']:+.3f} [")
    assert pairs.header[-2:] == ("at 6 dB", "at 0 dB")


def test_what_a_page_has_no_room_for_is_said(monkeypatch):
    monkeypatch.setattr(pages, "MOST_ROWS", 5)
    table = shown.Shown("t", ("a",), tuple(shown.Row((str(number),)) for number in range(4)))
    page = pages.tables_page("T", "What.", "t.csv", [table, table, table], "Nothing.")
    assert page.count("<td") == 5
    assert "There is no room for 7 lines here: t.csv has all." in page
    assert "Nothing." in pages.tables_page("T", "What.", "t.csv", [], "Nothing.")


# --- tables that people open ---


def test_text_that_a_spreadsheet_would_run_has_an_apostrophe_in_front():
    table = pd.DataFrame(
        {
            "name": ["=cmd", "+1", "-6_dB", "@a", "a=1", "\tx", ""],
            "plain": list("abcdefg"),
            "count": [-1, 2, 3, 4, 5, 6, 7],
            "some": pd.Series([None, -1, 2, 3, 4, 5, 6], dtype=object),
        }
    )
    changed = for_people(table)
    assert changed["name"].tolist() == ["'=cmd", "'+1", "'-6_dB", "'@a", "a=1", "'\tx", ""]
    pd.testing.assert_frame_equal(changed.drop(columns="name"), table.drop(columns="name"))
    assert changed.columns.tolist() == table.columns.tolist()
    pd.testing.assert_frame_equal(for_people(table.drop(columns="name")), table.drop(columns="name"))


def test_names_of_files_and_machines_run_nothing_in_the_tables_of_a_run(tmp_path):
    contents = {
        replace(unit, snr="=1+1" if unit.snr == "snr6" else unit.snr, machine_id="@x"): files
        for unit, files in scored_machine(0, ("id_00",)).items()
    }
    result = evaluate_machine(contents, "-fan", VIEWS, replicates=20, confidence=90.0, seed=0)
    paths = {
        "tables": [tmp_path / "a.csv"],
        "comparisons": [tmp_path / "c.csv"],
        "conditions": [tmp_path / "conditions.csv"],
        "replicates": {"-fan": tmp_path / "r"},
    }
    write_table(auc_table(result.rows), paths["tables"][0])
    write_table(comparison_table(result.comparisons), paths["comparisons"][0])
    write_table(condition_table([CONDITION_ROW]), paths["conditions"][0])
    write_replicates(result.replicates, paths["replicates"]["-fan"])
    assert set(read_table(paths["tables"])["snr"]) == {"=1+1", "snr0"}, "what is read again stays as it is"
    write_skipped(tmp_path / "skipped.csv", [("=cmd.wav", "silent", "", "", "")])
    collect_into(tmp_path, paths, [tmp_path / "skipped.csv"])
    for name in (name for name in OUTPUTS.values() if name.endswith(".csv")):
        with (tmp_path / "out" / name).open(newline="", encoding="utf-8") as lines:
            cells = [cell for line in csv.reader(lines) for cell in line]
        assert any(cell.startswith(("'=", "'-", "'@")) for cell in cells), name
        assert not [cell for cell in cells if cell.startswith(tuple("=+@-")) and not is_number(cell)], name


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- from scores to tables ---


def scored_machine(start: int, ids: Sequence[str], protocol: str = "paper") -> dict[Unit, UnitScores]:
    """Three detectors and an ensemble over noise factors at two SNRs, with two seeds."""
    random = np.random.default_rng(start)
    of = scored_clips(("t",), tuple(f"n{k}" for k in range(12)), tuple(f"a{k}" for k in range(10)))
    contents = {}
    for factor, seed, snr, name in itertools.product(("0.7", "1.0", "all"), "01", ("snr6", "snr0"), ids):
        names = {"MEAN": 1.0} if factor == "all" else {"LOF": 0.9, "IF": 0.4, "팬": 0.0}
        scores = {
            detector: Scores(
                np.zeros(1),
                random.normal(size=22) + shift * of.labels,
                0.5,
                (3, 1) if detector == "LOF" else None,
            )
            for detector, shift in names.items()
        }
        contents[Unit.of(protocol, factor, seed, snr, name)] = UnitScores(of, scores, "paper")
    return contents


VIEWS = {"LOF": ("residual", "map"), "IF": ("raw", "none"), "팬": ("latent", "none"), "MEAN": ("ensemble", "z")}


@pytest.fixture(scope="module")
def machines() -> dict:
    contents = {"fan": scored_machine(0, ("id_00", "id_02")), "펌프": scored_machine(1, ("id_00", "id_04"))}
    return {
        name: evaluate_machine(units, name, VIEWS, replicates=40, confidence=90.0, seed=0)
        for name, units in contents.items()
    }


OUTPUTS = {
    "auc": "auc.csv",
    "summary": "summary.csv",
    "leaderboard": "leaderboard.csv",
    "markdown": "leaderboard.md",
    "page": "leaderboard.html",
    "auc_page": "auc.html",
    "summary_page": "summary.html",
    "comparisons_page": "comparisons.html",
    "conditions_page": "conditions.html",
    "comparisons": "comparisons.csv",
    "conditions": "conditions.csv",
    "skipped": "skipped.csv",
    "text": "auc.txt",
}


CONDITION_ROW = ConditionRow(
    *("strict", "-fan", "0.7", "0", "=1+1", "@id", "LOF", "condition", "=leak"), *(0.5, 0.5, 0.5, 1, 1)
)


def collect_into(
    folder: Path, inputs: Mapping, skipped: Sequence[Path], confidence: float = 90.0, trainings: Sequence = ()
) -> dict[str, str]:
    files = ResultFiles(**{key: folder / "out" / name for key, name in OUTPUTS.items()})
    of_machines = [inputs[name] for name in ("tables", "replicates", "comparisons", "conditions")]
    collect(*of_machines, skipped, trainings, files=files, confidence=confidence, asked=0.05, snr_labels=LABELS)
    assert sorted(os.listdir(folder / "out")) == sorted(OUTPUTS.values())
    return {name: (folder / "out" / name).read_text(encoding="utf-8") for name in OUTPUTS.values()}


@pytest.fixture
def inputs(machines, tmp_path) -> dict:
    """Files as rule evaluate_scores writes them."""
    paths = {"tables": [], "replicates": {}, "comparisons": [], "conditions": []}
    for number, (name, result) in enumerate(machines.items()):
        paths["tables"].append(tmp_path / f"{number}.csv")
        paths["comparisons"].append(tmp_path / f"{number}.comparisons.csv")
        paths["conditions"].append(tmp_path / f"{number}.conditions.csv")
        paths["replicates"][name] = tmp_path / f"{number}.npz"
        write_table(condition_table([]), paths["conditions"][-1])
        write_table(auc_table(result.rows), paths["tables"][-1])
        write_table(comparison_table(result.comparisons), paths["comparisons"][-1])
        write_replicates(result.replicates, paths["replicates"][name])
    return paths


def test_collect_writes_tables_and_text(inputs, machines, tmp_path):
    written = collect_into(tmp_path, inputs, [])
    out = tmp_path / "out"
    table = read_table(inputs["tables"])
    by_machine = {name: result.replicates for name, result in machines.items()}
    assert written["auc.csv"].splitlines()[0] == ",".join(AUC_COLUMNS)
    pd.testing.assert_frame_equal(read_table([out / "auc.csv"]), table)
    assert len(table) == sum(len(result.rows) for result in machines.values()) == 2 * 2 * 2 * 2 * 7
    assert written["summary.csv"].splitlines()[0] == ",".join(SUMMARY_COLUMNS)
    summary = summarise(table, by_machine, 90.0)
    pd.testing.assert_frame_equal(read_table([out / "summary.csv"]), summary, check_dtype=False)
    ranking = leaderboard(table, by_machine, 90.0, 0.05)
    advice = advise(ranking, table, confidence=90.0, asked=0.05, snr_labels=LABELS)
    ranking, said = marked(ranking, advice), remarks(table, [], ())
    board = shown.of_leaderboard(ranking, table, advice, 90.0, 0.05, LABELS)
    read = pd.read_csv(out / "leaderboard.csv")
    assert read.columns.tolist() == LEADERBOARD_COLUMNS
    assert read["detector"].tolist() == ranking["detector"].tolist()
    for column in ("auc", "auc_low", "auc_high", "p_value", "p_holm"):
        assert read[column].tolist() == pytest.approx(ranking[column].tolist(), nan_ok=True)
    assert read["recommended"].tolist() == ranking["recommended"].tolist()
    assert written["leaderboard.md"] == pages.markdown(advice, said, board)
    assert len(markdown_tables(written["leaderboard.md"])) == 4  # one of them by ID
    assert written["leaderboard.html"] == pages.leaderboard_page(advice, said, board)
    assert written["comparisons.csv"].splitlines()[0] == ",".join(COMPARISON_COLUMNS)
    compared = read_table([out / "comparisons.csv"])
    assert len(compared) == 2 * 21 * 3
    assert compared["difference"].tolist() == [
        line.difference for result in machines.values() for line in result.comparisons
    ]
    assert compared["p_delong"].isna().tolist() == (compared["snr"] == "all").tolist()
    assert written["skipped.csv"] == "file,reason\n"
    assert written["auc.txt"] == f"{shown.in_lines(advice.paragraph)}\n\n{format_summary(summary, LABELS)}"


def test_collect_uses_the_confidence(inputs, tmp_path):
    wide, narrow = (
        collect_into(tmp_path / name, inputs, [], confidence) for name, confidence in (("a", 95.0), ("b", 50.0))
    )
    for name in ("summary.csv", "leaderboard.csv"):
        widths = []
        for folder in ("a", "b"):
            table = pd.read_csv(tmp_path / folder / "out" / name)
            widths.append(table["auc_high"] - table["auc_low"])
        assert (widths[0] > 1.5 * widths[1]).all()
    assert "AUC [95 %]" in wide["leaderboard.md"]
    assert "AUC [50 %]" in narrow["leaderboard.md"]
    assert wide["comparisons.csv"] == narrow["comparisons.csv"]


def test_collect_joins_the_lists_of_recordings_left_out_and_says_so(inputs, tmp_path):
    lists = [tmp_path / f"skipped{number}.csv" for number in range(3)]
    write_skipped(lists[0], [("팬, 1.wav", "silent, every sample is 0", "5", "6", "")])
    write_skipped(lists[1], [])
    write_skipped(lists[2], [("NA", "00", "", "", "")])
    written = collect_into(tmp_path, inputs, lists)
    assert written["skipped.csv"] == 'file,reason\n"팬, 1.wav","silent, every sample is 0"\nNA,00\n'
    assert written["auc.txt"].endswith(f"\n2 recordings were left out, see {tmp_path / 'out' / 'skipped.csv'}\n")


def test_collect_is_silent_about_lists_that_are_empty(inputs, tmp_path):
    write_skipped(tmp_path / "skipped.csv", [])
    written = collect_into(tmp_path, inputs, [tmp_path / "skipped.csv"])
    assert written["skipped.csv"] == "file,reason\n"
    assert "left out" not in written["auc.txt"]


@pytest.mark.parametrize("name", ["markdown", "leaderboard_page", "for_console"])
def test_collect_leaves_old_files_whole_when_it_fails(inputs, tmp_path, monkeypatch, name):
    before = collect_into(tmp_path, inputs, [], 90.0)

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(shown if name == "for_console" else pages, name, fails)
    with pytest.raises(OSError, match="disk full"):
        collect_into(tmp_path, inputs, [], 50.0)
    assert sorted(os.listdir(tmp_path / "out")) == sorted(OUTPUTS.values())
    failed = {"markdown": "leaderboard.md", "leaderboard_page": "leaderboard.html", "for_console": "auc.txt"}[name]
    assert (tmp_path / "out" / failed).read_text(encoding="utf-8") == before[failed]


def test_leaderboard_agrees_with_the_comparisons_and_the_table(machines):
    """The first of a ranking is compared with the others as `compare` does on the mean over the SNRs."""
    rows = itertools.chain.from_iterable(result.rows for result in machines.values())
    table = auc_table(rows)
    table["noise_factor"] = [number_of(value) for value in table["noise_factor"]]
    ranking = leaderboard(table, {name: result.replicates for name, result in machines.items()}, 90.0)
    for name, result in machines.items():
        lines = ranking[ranking["machine"] == name].to_dict("records")
        pairs = {
            (line.detector, line.noise_factor, line.other_detector, line.other_noise_factor): line
            for line in compare(result.replicates["paper"], "paper", "fan", 90.0)
            if line.snr == "all"
        }
        for line in lines:
            mine = entry_rows(table[table["machine"] == name], line)
            assert line["auc"] == pytest.approx(mine["auc"].mean())
            assert line["pauc"] == pytest.approx(mine["pauc"].mean())
            assert line["auc_low"] < line["auc"] < line["auc_high"]
        for line in lines[1:]:
            pair = pairs[
                lines[0]["detector"], str(lines[0]["noise_factor"]), line["detector"], str(line["noise_factor"])
            ]
            assert line["behind_first"] == pytest.approx(pair.difference)
            assert line["p_value"] == pytest.approx(pair.p_value)


def test_collect_with_a_single_detector(tmp_path):
    """There is nothing to compare then, and the table of comparisons has no rows."""
    contents = {
        unit: UnitScores(files.clips, {"IF": files.scores["IF"]}, "paper")
        for unit, files in scored_machine(0, ("id_00",)).items()
        if unit.run.noise_factor == 0.7
    }
    result = evaluate_machine(contents, "fan", VIEWS, replicates=10, confidence=90.0, seed=0)
    paths = tmp_path / "fan.csv", tmp_path / "fan.comparisons.csv", tmp_path / "fan.npz"
    write_table(auc_table(result.rows), paths[0])
    write_table(comparison_table(result.comparisons), paths[1])
    write_replicates(result.replicates, paths[2])
    conditions = tmp_path / "fan.conditions.csv"
    write_table(condition_table([]), conditions)
    inputs = {"tables": paths[:1], "comparisons": paths[1:2], "replicates": {"fan": paths[2]}}
    inputs["conditions"] = [conditions]
    written = collect_into(tmp_path, inputs, [])
    assert written["comparisons.csv"] == ",".join(COMPARISON_COLUMNS) + "\n"
    assert len(written["leaderboard.csv"].splitlines()) == 2


def test_a_machine_with_many_ids_counts_no_more_than_the_others():
    """Over the seeds, one machine gains what the other loses, so the mean of the machines does not move."""
    aucs = {("fan", 0): 0.8, ("fan", 1): 0.9, ("pump", 0): 0.7, ("pump", 1): 0.6}
    ids = {"fan": ("a", "b", "c"), "pump": ("a",)}
    table = auc_table(
        row(machine=machine, seed=seed, id=name, auc=auc, false_alarm_rate={"fan": 0.1, "pump": 0.3}[machine])
        for (machine, seed), auc in aucs.items()
        for name in ids[machine]
    )
    entries, samples = [("IF", "0.7")], np.random.default_rng(0).uniform(0.6, 1.0, size=(1, 1, 50))
    by_machine = {
        machine: {"paper": made_replicates(entries, [[auc]], samples, ("snr6",))}
        for machine, auc in (("fan", 0.85), ("pump", 0.65))
    }
    everything = leaderboard(table, by_machine, 95.0).iloc[0]
    assert everything["machine"] == "all machines"
    assert everything["auc"] == pytest.approx(0.75)
    assert everything["auc_std"] == pytest.approx(0.0, abs=1e-12)
    assert everything["false_alarm_rate"] == pytest.approx(0.2)


def test_numbers_of_a_leaderboard_stay_numbers_where_a_cell_is_empty(tmp_path, two_seeds, bootstrapped):
    write_table(leaderboard(two_seeds, bootstrapped, 95.0), tmp_path / "leaderboard.csv")
    write_table(summarise(two_seeds), tmp_path / "summary.csv")
    ranking = read_table([tmp_path / "leaderboard.csv"])
    assert ranking["p_value"].dtype == ranking["p_holm"].dtype == np.float64
    assert read_table([tmp_path / "summary.csv"])["auc_low"].dtype == np.float64


# ------------------------------------------------------------------------------------------ without abnormal clips


def unlabelled_machine() -> dict[Unit, UnitScores]:
    """A machine with normal clips only: one of four is flagged."""
    of = scored_clips(("t",), ("n0", "n1", "n2", "n3"), ())
    scores = {"LOF": Scores(np.zeros(1), np.array([0.0, 1.0, 0.2, 0.3]), 0.5)}
    return {Unit.of("strict", "0.7", seed, "snr6", "id_00"): UnitScores(of, scores, "strict") for seed in "01"}


def test_machines_without_abnormal_clips_have_false_alarms_but_no_auc_and_no_rank(inputs, machines, tmp_path):
    ranked = collect_into(tmp_path, inputs, [])
    shutil.rmtree(tmp_path / "out")
    result = evaluate_machine(unlabelled_machine(), "press", VIEWS, replicates=40, confidence=90.0, seed=0)
    add_machine(inputs, tmp_path, "press", result)
    written = collect_into(tmp_path, inputs, [])
    assert written["leaderboard.csv"] == ranked["leaderboard.csv"]
    assert written["comparisons.csv"] == ranked["comparisons.csv"]
    sentence = "No AUC, since there are no abnormal clips: press."
    assert written["leaderboard.md"].replace(f"{sentence}\n\n", "") == ranked["leaderboard.md"]
    assert sentence in written["leaderboard.html"]
    alone = (
        "press, noise factor 0.7, strict protocol: no abnormal clips, so no AUC; false alarms, mean over 2 seeds\n"
        "SNR     LOF\n"
        "6 dB  25.0%\n\n"
    )
    assert alone in written["auc.txt"]
    assert written["auc.txt"].replace(alone, "") == ranked["auc.txt"]
    summary = read_table([tmp_path / "out" / "summary.csv"])
    line = summary[summary["machine"] == "press"].iloc[0]
    assert (line["n_ids"], line["n_seeds"], line["false_alarm_rate"], line["worst_id"]) == (0, 2, 0.25, "")
    assert pd.isna(line[["auc_mean", "auc_std", "auc_low", "pauc_mean", "recall", "auc_harmonic_mean"]]).all()


def test_an_id_without_abnormal_clips_counts_for_false_alarms_alone(machines):
    table = auc_table(machines["fan"].rows)
    group = table[(table["detector"] == "LOF") & (table["noise_factor"] == "0.7") & (table["snr"] == "snr6")].copy()
    without = group.copy()
    unknown = ["auc", "pauc", "precision", "recall", "f1"]
    without.loc[without["id"] == "id_02", unknown] = np.nan
    alone = summarise(group[group["id"] == "id_00"]).iloc[0]
    both = summarise(without).iloc[0]
    same = ["auc_mean", "auc_std", "pauc_mean", "worst_id", "worst_auc", "n_ids", "auc_harmonic_mean", "f1"]
    assert both[same].to_dict() == pytest.approx(alone[same].to_dict())
    assert both["false_alarm_rate"] == pytest.approx(group["false_alarm_rate"].mean())


def test_without_any_abnormal_clips_the_leaderboard_is_empty_and_says_why(tmp_path):
    inputs = {"tables": [], "replicates": {}, "comparisons": [], "conditions": []}
    result = evaluate_machine(unlabelled_machine(), "press", VIEWS, replicates=40, confidence=90.0, seed=0)
    add_machine(inputs, tmp_path, "press", result)
    written = collect_into(tmp_path, inputs, [])
    assert "There are no abnormal clips, so nobody can know" in written["leaderboard.md"]
    assert "No AUC, since there are no abnormal clips: press." in written["leaderboard.md"]
    assert len(written["leaderboard.csv"].splitlines()) == 1
    assert len(written["comparisons.csv"].splitlines()) == 1


def add_machine(inputs: dict, folder: Path, name: str, result: MachineResults) -> None:
    inputs["tables"].append(folder / f"{name}.csv")
    inputs["comparisons"].append(folder / f"{name}.comparisons.csv")
    inputs["conditions"].append(folder / f"{name}.conditions.csv")
    write_table(condition_table([]), inputs["conditions"][-1])
    inputs["replicates"][name] = folder / f"{name}.npz"
    write_table(auc_table(result.rows), inputs["tables"][-1])
    write_table(comparison_table(result.comparisons), inputs["comparisons"][-1])
    write_replicates(result.replicates, inputs["replicates"][name])


def trained(seed: int, machine: str = "fan", kept: float = 0.01) -> tuple[Origin, Mapping[str, Curve]]:
    origin = Origin(machine, noise_factor="0.7", seed=str(seed), protocol="strict")
    return origin, {"mfcc": Curve([0.1, kept], [], 0, 1, 0, 0.5), "basic": Curve([0.1, 0.01], [], 0, 1, 0, 0.5)}


def test_ddaes_that_have_hardly_learned_anything_are_said_in_leaderboard_and_summary(inputs, tmp_path):
    bad = [trained(seed, "a|b\x1b", kept=0.09) for seed in range(8)]
    written = collect_into(tmp_path, inputs, [], trainings=[trained(0), *bad])
    clause = "(noise factor 0.7, seed 1, strict protocol): mfcc network: its loss fell by 10.0 % only (0.1 to 0.09)"
    for name in ("leaderboard.md", "leaderboard.html", "auc.txt"):
        assert "8 of 9 DDAEs have hardly learned anything" in written[name]
        assert clause in written[name].replace("&nbsp;", " ")
        assert "and 2 more" in written[name]
        assert "\x1b" not in written[name]
        assert "fan (noise" not in written[name]


def test_of_ddaes_that_have_learned_nothing_is_said(inputs, tmp_path):
    written = collect_into(tmp_path, inputs, [], trainings=[trained(0), trained(1)])
    assert not any("DDAEs have" in text for text in written.values())
