"""AUC, partial AUC and confusion counts of one detector, and their summary over IDs and seeds."""

from __future__ import annotations

import csv
import math
import os
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd.detection import Detection, write_scores
from asd.evaluation import confusion_counts, evaluate_scores, read_test_scores, score_statistics
from asd.splits import Parts
from asd.tables import (
    AUC_COLUMNS,
    SUMMARY_COLUMNS,
    auc_table,
    collect,
    format_summary,
    read_table,
    summarise,
    write_table,
)
from plain_method import plain_auc, plain_partial_auc

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


# --- one detector, one ID ---


@st.composite
def labelled_scores(draw) -> tuple[np.ndarray, np.ndarray]:
    """Labels with both classes, and scores of which many are equal."""
    value = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3, allow_subnormal=False))
    normal = draw(st.lists(value, min_size=1, max_size=30))
    abnormal = draw(st.lists(value, min_size=1, max_size=30))
    order = draw(st.permutations(range(len(normal) + len(abnormal))))
    labels = np.array([False] * len(normal) + [True] * len(abnormal))[order]
    return labels, np.array(normal + abnormal)[order]


@settings(deadline=None, max_examples=80, database=None)
@given(labelled_scores())
def test_auc_is_the_share_of_pairs_in_the_right_order(data):
    labels, scores = data
    assert score_statistics(labels, scores, scores > 0)["auc"] == pytest.approx(plain_auc(labels, scores), abs=1e-12)


@settings(deadline=None, max_examples=80, database=None)
@given(labelled_scores())
def test_partial_auc_is_the_standardised_area_up_to_a_tenth_of_false_alarms(data):
    labels, scores = data
    expected = plain_partial_auc(labels, scores, max_fpr=0.1)
    assert score_statistics(labels, scores, scores > 0)["pauc"] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=60, database=None)
@given(labelled_scores(), st.floats(-4, 4))
def test_confusion_counts_are_counted_with_abnormal_as_positive(data, threshold):
    labels, scores = data
    counts = {"tn": 0, "fp": 0, "fn": 0, "tp": 0}
    for abnormal, score in zip(labels, scores, strict=True):
        if score > threshold:
            counts["tp" if abnormal else "fp"] += 1
        else:
            counts["fn" if abnormal else "tn"] += 1
    got = score_statistics(labels, scores, scores > threshold)
    assert {name: got[name] for name in counts} == counts


NORMALS_FIRST = np.array([False] * 20 + [True] * 20)


def test_perfect_scores():
    scores = np.arange(40.0)
    got = score_statistics(NORMALS_FIRST, scores, scores > 19.5)
    assert got == {"auc": 1.0, "pauc": 1.0, "tn": 20, "fp": 0, "fn": 0, "tp": 20}


def test_inverse_scores():
    scores = -np.arange(40.0)
    got = score_statistics(NORMALS_FIRST, scores, scores > -19.5)
    assert got["auc"] == 0.0
    assert got["pauc"] == pytest.approx(0.5 * (1 - 0.005 / 0.095))
    assert (got["tn"], got["fp"], got["fn"], got["tp"]) == (0, 20, 20, 0)


@pytest.mark.parametrize("decision", [True, False])
def test_scores_that_are_all_equal_are_chance(decision):
    got = score_statistics(NORMALS_FIRST, np.full(40, 0.3), np.full(40, decision))
    assert got["auc"] == 0.5
    assert got["pauc"] == pytest.approx(0.5)
    assert (got["tn"] + got["fn"], got["fp"] + got["tp"]) == ((0, 40) if decision else (40, 0))


# --- from the files of detection ---


@pytest.fixture
def score_files(tmp_path):
    """Scores of 3 training clips, 2 normal and 2 abnormal test clips, for two detectors."""
    detection = Detection(
        {"IF": np.array([9.0, 9.0, 9.0, 0.1, 0.4, 0.3, 0.9]), "LOF": np.array([-9.0, -9.0, -9.0, 4.0, 3.0, 2.0, 1.0])},
        {"IF": 0.35, "LOF": 1.5},
        11,
        3,
    )
    paths = tmp_path / "scores.csv", tmp_path / "summary.json"
    write_scores(detection, Parts(3, 2, 2), ["NA", "a,b", "팬", "x", "true"], ["train", "1e5"], *paths)
    return paths


def test_statistics_of_score_files_are_those_of_their_test_clips(score_files):
    shared = {"n_train": 3, "n_normal": 2, "n_abnormal": 2, "map_mfcc": 11, "map_basic": 3}
    forest, factor = evaluate_scores(*score_files, ["IF", "LOF"])
    labels = np.array([False, False, True, True])
    scores = np.array([0.1, 0.4, 0.3, 0.9])
    assert forest.pop("pauc") == pytest.approx(plain_partial_auc(labels, scores))
    assert forest == {"detector": "IF", "threshold": 0.35, "auc": 0.75, "tn": 1, "fp": 1, "fn": 1, "tp": 1, **shared}
    assert factor.pop("pauc") == pytest.approx(plain_partial_auc(labels, np.array([4.0, 3.0, 2.0, 1.0])))
    assert factor == {"detector": "LOF", "threshold": 1.5, "auc": 0.0, "tn": 0, "fp": 2, "fn": 1, "tp": 1, **shared}


def test_test_clips_are_read_without_the_training_clips(score_files):
    test = read_test_scores(score_files[0], ["LOF", "IF"])
    assert test.labels.tolist() == [False, False, True, True]
    assert {name: scores.tolist() for name, scores in test.scores.items()} == {
        "LOF": [4.0, 3.0, 2.0, 1.0],
        "IF": [0.1, 0.4, 0.3, 0.9],
    }
    assert test.decisions["IF"].tolist() == [False, True, False, True]


def test_confusion_matrix_has_true_classes_as_rows_normal_first():
    labels = np.repeat([False, False, True, True], [4, 3, 2, 1])
    decisions = np.repeat([False, True, False, True], [4, 3, 2, 1])
    assert confusion_counts(labels, decisions).tolist() == [[4, 3], [2, 1]]
    assert confusion_counts(np.array([True]), np.array([False])).tolist() == [[0, 0], [1, 0]]


def test_only_the_detectors_asked_for_are_evaluated_in_the_order_asked_for(score_files):
    assert [row["detector"] for row in evaluate_scores(*score_files, ["LOF"])] == ["LOF"]
    assert [row["detector"] for row in evaluate_scores(*score_files, ["LOF", "IF"])] == ["LOF", "IF"]


def test_scores_that_differ_in_their_last_digit_are_told_apart(tmp_path):
    scores = np.array([0.0, 0.1, np.nextafter(0.1, 1.0)])
    detection = Detection({"IF": scores}, {"IF": 0.05}, 1, 1)
    paths = tmp_path / "scores.csv", tmp_path / "summary.json"
    write_scores(detection, Parts(1, 1, 1), ["a", "b"], ["c"], *paths)
    assert evaluate_scores(*paths, ["IF"])[0]["auc"] == 1.0


# --- tables ---


def row(**changes) -> dict:
    values = {
        **{"machine": "fan", "noise_factor": 0.7, "seed": 0, "snr": "snr6", "id": "id_00", "detector": "IF"},
        **{"auc": 0.9, "pauc": 0.8, "threshold": 0.1, "n_train": 10, "n_normal": 4, "n_abnormal": 4},
        **{"tn": 4, "fp": 0, "fn": 1, "tp": 3, "map_mfcc": 9, "map_basic": 2},
    }
    assert set(changes) <= set(values)
    return values | changes


def test_columns_of_both_tables():
    assert list(AUC_COLUMNS) == EXPECTED_AUC_COLUMNS
    assert list(SUMMARY_COLUMNS) == EXPECTED_SUMMARY_COLUMNS
    assert list(auc_table([row()]).columns) == EXPECTED_AUC_COLUMNS
    assert list(auc_table([]).columns) == EXPECTED_AUC_COLUMNS
    assert list(summarise(auc_table([row()])).columns) == EXPECTED_SUMMARY_COLUMNS


def test_a_table_is_read_back_exactly(tmp_path):
    table = auc_table([row(auc=0.1 + 0.2, pauc=1 / 3, threshold=-1e-17), row(id="id_02", auc=math.pi / 4)])
    write_table(table, tmp_path / "auc.csv")
    assert os.listdir(tmp_path) == ["auc.csv"]
    pd.testing.assert_frame_equal(read_table([tmp_path / "auc.csv"]), table, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("name", ["00", "NA", "1e3", "nan", "True", "01.50", '팬, "큰"', "null"])
def test_names_stay_text(tmp_path, name):
    path = tmp_path / "auc.csv"
    write_table(auc_table([row(id=name, machine=name, snr=name, detector=name)]), path)
    table = read_table([path])
    assert table.loc[0, ["machine", "snr", "id", "detector"]].tolist() == [name] * 4
    assert summarise(table).loc[0, "worst_id"] == name


def test_several_tables_are_joined_in_their_order(tmp_path):
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    for number, path in enumerate(paths):
        write_table(auc_table([row(seed=number), row(seed=number, noise_factor=number)]), path)
    table = read_table([paths[2], paths[0], paths[1]])
    assert table["seed"].tolist() == [2, 2, 0, 0, 1, 1]
    assert table["noise_factor"].tolist() == [0.7, 2, 0.7, 0, 0.7, 1]
    assert table.index.tolist() == list(range(6))


# --- summary ---

AUCS = {  # detector, seed -> AUC of id_00 and of id_02
    ("LOF", 0): (0.90, 0.80),
    ("LOF", 1): (0.96, 0.70),
    ("IF", 0): (0.60, 1.00),
    ("IF", 1): (0.70, 0.98),
}


@pytest.fixture
def two_seeds() -> pd.DataFrame:
    return auc_table(
        row(detector=detector, seed=seed, id=name, auc=auc, pauc=auc / 2)
        for (detector, seed), aucs in AUCS.items()
        for name, auc in zip(("id_00", "id_02"), aucs, strict=True)
    )


def test_summary_of_two_ids_two_seeds_and_two_detectors_by_hand(two_seeds):
    first, second = summarise(two_seeds).to_dict("records")
    assert first == {
        **{"machine": "fan", "noise_factor": 0.7, "snr": "snr6", "detector": "LOF"},
        "auc_mean": pytest.approx(0.84),  # means over the IDs: 0.85 and 0.83
        "auc_std": pytest.approx(0.02 / math.sqrt(2)),
        "pauc_mean": pytest.approx(0.42),
        "worst_id": "id_02",
        "worst_auc": pytest.approx(0.75),
        "n_ids": 2,
        "n_seeds": 2,
    }
    assert second == {
        **{"machine": "fan", "noise_factor": 0.7, "snr": "snr6", "detector": "IF"},
        "auc_mean": pytest.approx(0.82),  # means over the IDs: 0.80 and 0.84
        "auc_std": pytest.approx(statistics.stdev([0.80, 0.84])),
        "pauc_mean": pytest.approx(0.41),
        "worst_id": "id_00",
        "worst_auc": pytest.approx(0.65),
        "n_ids": 2,
        "n_seeds": 2,
    }


def test_a_single_seed_has_no_standard_deviation(two_seeds, tmp_path):
    summary = summarise(two_seeds[two_seeds["seed"] == 1])
    assert summary["auc_std"].isna().all()
    assert summary["auc_mean"].tolist() == pytest.approx([0.83, 0.84])
    assert summary["n_seeds"].tolist() == [1, 1]
    write_table(summary, tmp_path / "summary.csv")
    with open(tmp_path / "summary.csv", newline="", encoding="utf-8") as file:
        assert [line["auc_std"] for line in csv.DictReader(file)] == ["", ""]


def test_worst_id_is_the_lowest_on_average_not_in_any_one_seed():
    table = auc_table(
        row(seed=seed, id=name, auc=auc)
        for name, aucs in {"id_00": (0.1, 1.0, 1.0), "id_02": (0.6, 0.6, 0.6)}.items()
        for seed, auc in enumerate(aucs)
    )
    assert summarise(table).loc[0, ["worst_id", "worst_auc"]].tolist() == ["id_02", pytest.approx(0.6)]


def test_groups_keep_the_order_of_their_first_appearance():
    keys = [
        ("valve", 0.7, "snr_6", "OCSVM"),
        ("valve", 0.7, "snr6", "IF"),
        ("fan", 1.0, "snr0", "LOF"),
        ("fan", 0.0, "snr0", "LOF"),
        ("valve", 0.7, "snr6", "LOF"),
    ]
    names = ("machine", "noise_factor", "snr", "detector")
    rows = [row(id=name, **dict(zip(names, key, strict=True))) for name in ("id_06", "id_00") for key in keys]
    summary = summarise(auc_table(rows))
    assert [tuple(values) for values in summary[list(names)].to_numpy()] == keys
    assert summary["n_ids"].tolist() == [2] * 5


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
    assert format_summary(summarise(table)) == (
        "fan, noise factor 0.7: mean AUC over 2 IDs\nSNR       IF  OCSVM\nsnr6   0.974  1.000\nsnr_6  0.500  0.872\n"
    )


def test_text_for_several_seeds_machines_and_noise_factors(two_seeds):
    others = auc_table([row(machine="pump", noise_factor=0.0, detector="LOF", auc=0.61), row(machine="pump", auc=0.25)])
    assert format_summary(summarise(pd.concat([two_seeds, others]))) == (
        "fan, noise factor 0.7: mean AUC over 2 IDs, mean and standard deviation over 2 seeds\n"
        "SNR            LOF            IF\n"
        "snr6  0.840 ±0.014  0.820 ±0.028\n"
        "\n"
        "pump, noise factor 0: mean AUC over 1 ID\n"
        "SNR     LOF\n"
        "snr6  0.610\n"
        "\n"
        "pump, noise factor 0.7: mean AUC over 1 ID\n"
        "SNR      IF\n"
        "snr6  0.250\n"
    )


def test_text_marks_what_was_not_computed():
    table = auc_table([row(snr="snr6", detector="IF"), row(snr="snr0", detector="LOF")])
    assert format_summary(summarise(table)).splitlines()[1:] == [
        "SNR      IF    LOF",
        "snr6  0.900      -",
        "snr0      -  0.900",
    ]


# --- everything together ---


def collect_into(folder, tables, skipped) -> dict[str, str]:
    names = {
        "auc_path": "auc.csv",
        "summary_path": "summary.csv",
        "skipped_path": "skipped.csv",
        "text_path": "auc.txt",
    }
    paths = {key: folder / "out" / name for key, name in names.items()}
    collect(tables, skipped, **paths)
    assert sorted(os.listdir(folder / "out")) == sorted(names.values())
    return {name: (folder / "out" / name).read_text(encoding="utf-8") for name in names.values()}


@pytest.fixture
def table_paths(two_seeds, tmp_path):
    paths = [tmp_path / "seed0.csv", tmp_path / "seed1.csv"]
    for seed, path in enumerate(paths):
        write_table(two_seeds[two_seeds["seed"] == seed], path)
    return paths


def test_collect_writes_tables_and_text(table_paths, tmp_path, two_seeds):
    written = collect_into(tmp_path, table_paths, [])
    in_order = two_seeds.sort_values("seed", kind="stable").reset_index(drop=True)
    assert written["auc.csv"].splitlines()[0] == ",".join(EXPECTED_AUC_COLUMNS)
    assert written["summary.csv"].splitlines()[0] == ",".join(EXPECTED_SUMMARY_COLUMNS)
    pd.testing.assert_frame_equal(read_table([tmp_path / "out" / "auc.csv"]), in_order, check_dtype=False)
    assert written["summary.csv"].splitlines()[1].startswith("fan,0.7,snr6,LOF,0.84")
    assert written["skipped.csv"] == "file,reason\n"
    assert written["auc.txt"] == format_summary(summarise(in_order))


def test_collect_joins_the_lists_of_recordings_left_out_and_says_so(table_paths, tmp_path):
    lists = [tmp_path / f"skipped{number}.csv" for number in range(3)]
    lists[0].write_text('file,reason\n"팬, 1.wav","silent, every sample is 0"\n', encoding="utf-8")
    lists[1].write_text("file,reason\n", encoding="utf-8")
    lists[2].write_text("file,reason\nNA,00\n", encoding="utf-8")
    written = collect_into(tmp_path, table_paths, lists)
    assert written["skipped.csv"] == 'file,reason\n"팬, 1.wav","silent, every sample is 0"\nNA,00\n'
    assert written["auc.txt"].endswith(f"\n2 recordings were left out, see {tmp_path / 'out' / 'skipped.csv'}\n")


def test_collect_is_silent_about_lists_that_are_empty(table_paths, tmp_path):
    (tmp_path / "skipped.csv").write_text("file,reason\n", encoding="utf-8")
    written = collect_into(tmp_path, table_paths, [tmp_path / "skipped.csv"])
    assert written["skipped.csv"] == "file,reason\n"
    assert "left out" not in written["auc.txt"]
