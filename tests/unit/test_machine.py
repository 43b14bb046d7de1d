"""Statistics of one detector on one ID, the bootstrap over seeds and clips, comparisons and ROC bands of a machine."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from asd.detection.clips import ScoredClip
from asd.detection.scores import (
    ScoredClips,
    Scores,
    UnitScores,
    read_scores,
    score_paths,
    threshold_of,
    write_scores,
)
from asd.errors import UserError
from asd.evaluation import machine as module
from asd.evaluation.false_alarms import ASKED_SHARES, false_alarm_rows
from asd.evaluation.machine import (
    FALSE_POSITIVE_RATES,
    MAX_CURVE_REPLICATES,
    Replicates,
    Unit,
    auc_rows,
    bootstrap,
    compare,
    confusion_counts,
    evaluate_machine,
    read_replicates,
    read_unit_scores,
    roc_bands,
    score_statistics,
    summed_confusion,
    with_abnormal_clips,
    write_replicates,
)
from asd.evaluation.rows import AucRow
from asd.evaluation.statistics import roc_on_grid, weighted_aucs
from named_clips import files_of, scored_clips
from plain_evaluation import MAX_FPR, plain_repeated, plain_replicate
from plain_method import plain_auc, plain_partial_auc
from plain_statistics import plain_delong, plain_p_value, plain_test_of_means

NAN = math.nan
PAPER = ("paper", "0.7", "0")

pytestmark = pytest.mark.filterwarnings("error")  # NumPy's, about what is NaN or divided by 0


def unit(**changes: str) -> Unit:
    where = {"protocol": "paper", "noise_factor": "0.7", "seed": "0", "snr": "snr6", "machine_id": "id_00"}
    return Unit.of(**where | changes)


def clips(n_normal: int, n_abnormal: int, first: int = 0) -> ScoredClips:
    """Names as in MIMII: those of normal and abnormal clips are numbers, and the same ones."""
    return scored_clips(
        ("t0", "t1", "t2"),
        tuple(f"{number:08d}.wav" for number in range(first, first + n_normal)),
        tuple(f"{number:08d}.wav" for number in range(n_abnormal)),
    )


def files(of: ScoredClips, scores: Mapping[str, Iterable[float]], threshold: float = 0.5) -> UnitScores:
    return UnitScores(
        of,
        {name: Scores(np.arange(3.0), np.array(list(values), float), threshold) for name, values in scores.items()},
        "paper",
    )


def random_scores(of: ScoredClips, random: np.random.Generator, shift: float, decimals: int = 1) -> np.ndarray:
    """Normal ones around 0, abnormal ones around `shift`; rounded, so that some are tied."""
    return np.round(random.normal(size=len(of.tested)) + shift * of.labels, decimals)


def random_units(
    shifts: Mapping[str, float],
    *,
    snrs: Sequence[str] = ("snr6",),
    ids: Sequence[str] = ("id_00",),
    seeds: Sequence[str] = ("0",),
    factors: Sequence[str] = ("0.7",),
    counts: tuple[int, int] = (9, 7),
    protocol: str = "paper",
    start: int = 0,
) -> dict[Unit, UnitScores]:
    """Detectors whose scores of abnormal clips are higher by `shifts`, in every unit."""
    random = np.random.default_rng(start)
    contents = {}
    for factor, seed, snr, name in itertools.product(factors, seeds, snrs, ids):
        of = clips(*counts)
        scores = {detector: random_scores(of, random, shift) for detector, shift in shifts.items()}
        contents[unit(protocol=protocol, noise_factor=factor, seed=seed, snr=snr, machine_id=name)] = files(of, scores)
    return contents


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


@settings(deadline=None, max_examples=50, database=None)
@given(labelled_scores())
def test_auc_is_the_share_of_pairs_in_the_right_order(data):
    labels, scores = data
    assert score_statistics(labels, scores, scores > 0)["auc"] == pytest.approx(plain_auc(labels, scores), abs=1e-12)


@settings(deadline=None, max_examples=50, database=None)
@given(labelled_scores())
def test_partial_auc_is_the_standardised_area_up_to_a_tenth_of_false_alarms(data):
    labels, scores = data
    expected = plain_partial_auc(labels, scores, max_fpr=0.1)
    assert score_statistics(labels, scores, scores > 0)["pauc"] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=50, database=None)
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


@settings(deadline=None, max_examples=50, database=None)
@given(labelled_scores(), st.floats(-4, 4))
def test_decisions_are_judged_as_by_scikit_learn(data, threshold):
    labels, scores = data
    decisions = scores > threshold
    got = score_statistics(labels, scores, decisions)
    *expected, _ = precision_recall_fscore_support(labels, decisions, average="binary", zero_division=0)
    assert [got["precision"], got["recall"], got["f1"]] == pytest.approx(expected)
    assert got["false_alarm_rate"] == pytest.approx(decisions[~labels].mean())
    assert [*got] == [*("auc", "pauc", "tn", "fp", "fn", "tp", "precision", "recall", "f1", "false_alarm_rate")]


NORMALS_FIRST = np.array([False] * 20 + [True] * 20)


def test_perfect_scores():
    scores = np.arange(40.0)
    got = score_statistics(NORMALS_FIRST, scores, scores > 19.5)
    assert got == {
        **{"auc": 1.0, "pauc": 1.0, "tn": 20, "fp": 0, "fn": 0, "tp": 20},
        **{"precision": 1.0, "recall": 1.0, "f1": 1.0, "false_alarm_rate": 0.0},
    }


def test_inverse_scores():
    scores = -np.arange(40.0)
    got = score_statistics(NORMALS_FIRST, scores, scores > -19.5)
    assert got["auc"] == 0.0
    assert got["pauc"] == pytest.approx(0.5 * (1 - 0.005 / 0.095))
    assert (got["tn"], got["fp"], got["fn"], got["tp"]) == (0, 20, 20, 0)
    assert (got["precision"], got["recall"], got["f1"], got["false_alarm_rate"]) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("decision", [True, False])
def test_scores_that_are_all_equal_are_chance(decision):
    got = score_statistics(NORMALS_FIRST, np.full(40, 0.3), np.full(40, decision))
    assert got["auc"] == 0.5
    assert got["pauc"] == pytest.approx(0.5)
    assert (got["tn"] + got["fn"], got["fp"] + got["tp"]) == ((0, 40) if decision else (40, 0))


# --- from the files of detection ---

AWKWARD = scored_clips(("NA", "a,b", "팬"), ("x", "true"), ("train", "1e5"))
FOREST = Scores(np.array([9.0, 9.0, 9.0]), np.array([0.1, 0.4, 0.3, 0.9]), 0.35, (11, 3))
FACTOR = Scores(np.array([-9.0, -9.0, -9.0]), np.array([4.0, 3.0, 2.0, 1.0]), 1.5, (0, 1))
MEAN = Scores(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 2.0, 2.0]), 2.0)


def written(
    folder: Path, scores: Mapping[str, Scores], of: ScoredClips = AWKWARD, snr: str = "snr6"
) -> tuple[Path, Path]:
    paths = score_paths(folder, snr, "id_00")
    write_scores(UnitScores(of, dict(scores), "paper"), *paths)
    return paths


@pytest.fixture
def score_files(tmp_path) -> tuple[Path, Path]:
    """Scores of 3 training clips, 2 normal and 2 abnormal test clips, for two detectors."""
    return written(tmp_path / "detectors", {"IF": FOREST, "LOF": FACTOR})


def rows_of(content: UnitScores) -> list[AucRow]:
    return auc_rows(unit(), content, "fan", dict.fromkeys(content.scores, ("raw", "standard")))


def test_statistics_of_score_files_are_those_of_their_test_clips(score_files):
    where = {"machine": "fan", "noise_factor": "0.7", "seed": "0", "snr": "snr6", "id": "id_00", "protocol": "paper"}
    where |= {"representation": "raw", "projection": "standard"}
    counts = {"n_train": 3, "n_normal": 2, "n_abnormal": 2, **where}
    forest, factor = map(dataclasses.asdict, rows_of(read_scores(*score_files)))
    labels = np.array([False, False, True, True])
    scores = np.array([0.1, 0.4, 0.3, 0.9])
    assert forest.pop("pauc") == pytest.approx(plain_partial_auc(labels, scores))
    assert forest == {
        **{"detector": "IF", "threshold": 0.35, "auc": 0.75, "tn": 1, "fp": 1, "fn": 1, "tp": 1, **counts},
        **{"precision": 0.5, "recall": 0.5, "f1": 0.5, "false_alarm_rate": 0.5, "map_mfcc": 11, "map_basic": 3},
    }
    assert factor.pop("pauc") == pytest.approx(plain_partial_auc(labels, np.array([4.0, 3.0, 2.0, 1.0])))
    assert factor.pop("f1") == pytest.approx(0.4)
    assert factor == {
        **{"detector": "LOF", "threshold": 1.5, "auc": 0.0, "tn": 0, "fp": 2, "fn": 1, "tp": 1, **counts},
        **{"precision": pytest.approx(1 / 3), "recall": 0.5, "false_alarm_rate": 1.0, "map_mfcc": 0, "map_basic": 1},
    }


def test_numbers_of_components_are_empty_where_there_was_no_map_test(tmp_path):
    (row,) = rows_of(read_scores(*written(tmp_path, {"MEAN": MEAN})))
    assert (row.map_mfcc, row.map_basic) == (None, None)
    assert row.auc == pytest.approx(0.75)  # pairs: 0 < 2 twice, 2 = 2 twice
    assert (row.tn, row.fp, row.fn, row.tp) == (2, 0, 2, 0)  # a score at the threshold is not above it


def test_test_clips_are_read_without_the_training_clips(score_files):
    content = read_unit_scores([score_files[0].parent], [PAPER], [("snr6", "id_00")])[unit()]
    assert content.clips == AWKWARD
    assert content.clips.labels.tolist() == [False, False, True, True]
    assert {name: scores.test.tolist() for name, scores in content.scores.items()} == {
        "IF": [0.1, 0.4, 0.3, 0.9],
        "LOF": [4.0, 3.0, 2.0, 1.0],
    }
    assert (content.scores["IF"].test > content.scores["IF"].threshold).tolist() == [False, True, False, True]


def test_confusion_matrix_has_true_classes_as_rows_normal_first():
    labels = np.repeat([False, False, True, True], [4, 3, 2, 1])
    decisions = np.repeat([False, True, False, True], [4, 3, 2, 1])
    assert confusion_counts(labels, decisions).tolist() == [[4, 3], [2, 1]]
    assert confusion_counts(np.array([True]), np.array([False])).tolist() == [[0, 0], [1, 0]]


def test_confusion_matrices_are_summed_over_files():
    first = UnitScores(AWKWARD, {"IF": FOREST, "LOF": FACTOR}, "paper")
    second = UnitScores(AWKWARD, {"LOF": FACTOR, "IF": MEAN}, "paper")
    assert summed_confusion([first], "IF").tolist() == [[1, 1], [1, 1]]
    assert summed_confusion([first, second], "IF").tolist() == [[3, 1], [3, 1]]
    assert summed_confusion(iter([first, second]), "LOF").tolist() == [[0, 4], [2, 2]]
    assert summed_confusion([], "LOF").tolist() == [[0, 0], [0, 0]]
    labels, decisions = AWKWARD.labels, FACTOR.test > FACTOR.threshold
    assert summed_confusion([first], "LOF").tolist() == confusion_matrix(labels, decisions).tolist()


def test_detectors_are_evaluated_in_the_order_of_their_scores():
    for names in (["IF", "LOF"], ["LOF", "IF"], ["LOF"]):
        content = UnitScores(AWKWARD, dict.fromkeys(names, FOREST), "paper")
        assert [row.detector for row in rows_of(content)] == names


def test_scores_that_differ_in_their_last_digit_are_told_apart(tmp_path):
    scores = Scores(np.array([0.0]), np.array([0.1, np.nextafter(0.1, 1.0)]), 0.05, (1, 1))
    paths = written(tmp_path, {"IF": scores}, scored_clips(("a",), ("b",), ("c",)))
    assert rows_of(read_scores(*paths))[0].auc == 1.0


# --- units ---


def test_units_are_keys():
    assert unit() == unit()
    assert {unit(): 1}[unit()] == 1
    others = ({"protocol": "strict"}, {"noise_factor": "all"}, {"seed": "1"}, {"snr": "snr0"}, {"machine_id": "id_02"})
    assert len({unit(), *(unit(**other) for other in others)}) == 6
    with pytest.raises(dataclasses.FrozenInstanceError):
        unit().snr = "snr0"  # type: ignore[misc]


def test_detectors_and_ensembles_of_a_run_are_put_together(score_files, tmp_path):
    detectors, ensembles, other_run = (tmp_path / name for name in ("detectors", "ensembles", "other"))
    written(detectors, {"IF": MEAN}, snr="snr0")
    for snr in ("snr6", "snr0"):
        written(ensembles, {"MEAN": MEAN}, snr=snr)
        written(other_run, {"LOF": MEAN}, snr=snr)
    runs = [("paper", "0.7", "1"), PAPER, PAPER]
    units = [["snr6", "id_00"], ["snr0", "id_00"]]
    contents = read_unit_scores([other_run, detectors, str(ensembles)], runs, units)
    assert list(contents) == [unit(seed="1"), unit(seed="1", snr="snr0"), unit(), unit(snr="snr0")]
    assert list(contents[unit()].scores) == ["IF", "LOF", "MEAN"]
    assert contents[unit()].clips == AWKWARD
    assert contents[unit()].protocol == "paper"
    assert contents[unit()].scores["MEAN"].test.tolist() == MEAN.test.tolist()
    assert contents[unit()].scores["LOF"].components == (0, 1)
    assert list(contents[unit(snr="snr0")].scores) == ["IF", "MEAN"]
    assert list(contents[unit(seed="1")].scores) == ["LOF"]
    assert read_unit_scores([], [], units) == {}


@pytest.mark.parametrize(
    "others",
    [
        scored_clips(AWKWARD.train, AWKWARD.normal[::-1], AWKWARD.abnormal),
        scored_clips(AWKWARD.train, AWKWARD.normal, ("train", "1e6")),
        scored_clips(("NA", "a,b", "펌프"), AWKWARD.normal, AWKWARD.abnormal),
    ],
)
def test_files_of_a_run_about_different_clips_are_refused(score_files, tmp_path, others):
    written(tmp_path / "ensembles", {"MEAN": MEAN}, others)
    folders, units = [tmp_path / "detectors", tmp_path / "ensembles"], [("snr6", "id_00")]
    with pytest.raises(UserError, match=r"ensembles.snr6_id_00\.csv: not the clips .* Delete"):
        read_unit_scores(folders, [PAPER] * 2, units)
    both = read_unit_scores(folders, [PAPER, ("paper", "0.7", "1")], units)
    assert len(both) == 2  # other runs may have other clips


def test_damaged_or_missing_files_are_refused(score_files):
    folder = score_files[0].parent
    with pytest.raises(UserError, match=r"snr0_id_00\.csv.*can't be read"):
        read_unit_scores([folder], [PAPER], [("snr6", "id_00"), ("snr0", "id_00")])
    score_files[1].write_bytes(score_files[0].read_bytes())
    with pytest.raises(UserError, match="can't be read"):
        read_unit_scores([folder], [PAPER], [("snr6", "id_00")])
    with pytest.raises(ValueError, match="zip"):
        read_unit_scores([folder], [PAPER] * 2, [])


# --- the bootstrap ---


class Draws:
    """What `bootstrap` and `roc_bands` drew: they are spied on, so that a plain reference can use the same weights."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clips: list[dict[tuple[bool, str], np.ndarray]] = []
        self.seeds: dict[int, np.ndarray] = {}
        clip_weights, seed_weights = module._clip_weights, module.resampled_seeds

        def of_clips(*arguments):
            self.clips.append(clip_weights(*arguments))
            return self.clips[-1]

        def of_seeds(count, *arguments):
            self.seeds[count] = seed_weights(count, *arguments)
            return self.seeds[count]

        monkeypatch.setattr(module, "_clip_weights", of_clips)
        monkeypatch.setattr(module, "resampled_seeds", of_seeds)

    def of(self, ids: Sequence[Mapping], replicate: int, seeds: int) -> tuple[list[dict], list[int]]:
        """How often each clip of some IDs, and each seed, was drawn in a replicate."""
        drawn = [{clip: int(times[replicate]) for clip, times in weights.items()} for weights in ids]
        return drawn, np.rint(self.seeds[seeds][replicate] * seeds).astype(int).tolist()


def assert_as_repeated_clips(
    contents: Mapping[Unit, UnitScores], values: Replicates, draws: Draws, replicates: int, paucs: int
) -> None:
    """Compare every point and every replicate with `plain_replicate`."""
    snrs, ids = list(values.snrs), list(dict.fromkeys(unit.machine_id for unit in contents))
    assert len(draws.clips) == len(snrs) * len(ids)
    assert values.auc.shape == values.pauc.shape == (len(values.entries), len(snrs))
    assert values.auc_replicates.shape == (len(values.entries), len(snrs), replicates)
    assert values.pauc_replicates.shape == (len(values.entries), len(snrs), paucs)
    for (number, (detector, factor)), (column, snr) in itertools.product(enumerate(values.entries), enumerate(snrs)):
        tested = [
            [
                (content.clips.labels, content.scores[detector].test, content.clips.tested)
                for key, content in contents.items()
                if (key.run.noise_factor_text, key.snr, key.machine_id) == (factor, snr, name)
                and detector in content.scores
            ]
            for name in ids
        ]
        weights = draws.clips[column * len(ids) : (column + 1) * len(ids)]
        seeds = len(tested[0])
        once = [dict.fromkeys(of_id, 1) for of_id in weights]
        for max_fpr, point, samples in (
            (None, values.auc, values.auc_replicates),
            (MAX_FPR, values.pauc, values.pauc_replicates),
        ):
            assert point[number, column] == pytest.approx(plain_replicate(tested, once, [1] * seeds, max_fpr))
            expected = [
                plain_replicate(tested, *draws.of(weights, replicate, seeds), max_fpr)
                for replicate in range(samples.shape[-1])
            ]
            assert samples[number, column] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def entries_of(contents: Mapping[Unit, UnitScores]) -> list[tuple[str, str]]:
    return list(
        dict.fromkeys((name, key.run.noise_factor_text) for key, content in contents.items() for name in content.scores)
    )


def test_bootstrap_is_that_of_repeated_clips(monkeypatch):
    contents = random_units(
        {"LOF": 1.0, "IF": 0.3},
        snrs=("snr6", "snr_6"),
        ids=("id_00", "id_02"),
        seeds=("0", "1", "7"),
        factors=("0.7", "1"),
    )
    entries = [("IF", "1"), ("LOF", "0.7"), ("IF", "0.7")]  # as asked for, not as in the files
    monkeypatch.setattr(module, "MAX_CURVE_REPLICATES", 4)
    draws = Draws(monkeypatch)
    values = bootstrap(contents, entries, "fan", 9, 3)
    assert values.entries == tuple(entries)
    assert values.snrs == ("snr6", "snr_6")
    assert_as_repeated_clips(contents, values, draws, 9, 4)
    for weights, label in itertools.product(draws.clips, (False, True)):
        drawn = np.array([times for (of_label, _), times in weights.items() if of_label is label])
        assert drawn.shape == (7 if label else 9, 9)
        assert (drawn.sum(axis=0) == len(drawn)).all()  # normal and abnormal clips are drawn apart
        assert (drawn != 1).any()


@settings(deadline=None, max_examples=15, database=None)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 2**32 - 1),
    st.floats(-1, 2),
)
def test_bootstrap_of_any_numbers_of_clips_seeds_and_ids(counts, seeds, ids, start, shift):
    contents = random_units(
        {"LOF": shift, "IF": 0.0},
        ids=[f"id_{number}" for number in range(ids)],
        seeds=[str(number) for number in range(seeds)],
        counts=counts,
        start=start,
    )
    with pytest.MonkeyPatch.context() as patch:
        draws = Draws(patch)
        values = bootstrap(contents, [("LOF", "0.7"), ("IF", "0.7")], "fan", 4, start)
    assert_as_repeated_clips(contents, values, draws, 4, 4)


def cut(n_normal: Sequence[int], n_abnormal: Sequence[int]) -> ScoredClips:
    """Clips of recordings of so many clips each; those of one recording do not stand side by side."""
    return ScoredClips(
        (),
        *(
            tuple(
                ScoredClip(f"{kind}{recording}.wav", str(number))
                for number in range(max(lengths))
                for recording, length in enumerate(lengths)
                if number < length
            )
            for kind, lengths in (("n", n_normal), ("a", n_abnormal))
        ),
    )


def test_what_noise_factors_share_is_computed_once(monkeypatch):
    """Detectors without a DDAE have the same scores at all of them."""
    asked = []

    def counted(labels, scores, weights):
        asked.append(scores.tobytes())
        return weighted_aucs(labels, scores, weights)

    monkeypatch.setattr(module, "weighted_aucs", counted)
    tested, random = clips(9, 6), np.random.default_rng(0)
    shared, own = (random_scores(tested, random, 1.0, 3) for _ in range(2))
    contents = {
        unit(noise_factor=factor): files(tested, {"HULL": shared, "IF": own + float(factor)})
        for factor in ("0.3", "0.5", "0.7")
    }
    values = bootstrap(contents, entries_of(contents), "fan", 20, 0)
    assert len(asked) == len(set(asked)) == 1 + 3
    of_hull = [values.entries.index(("HULL", factor)) for factor in ("0.3", "0.5", "0.7")]
    assert (values.auc_replicates[of_hull] == values.auc_replicates[of_hull[0]]).all()
    assert values.auc[of_hull[0], 0] == pytest.approx(roc_auc_score(tested.labels, shared))


def test_clips_of_a_recording_are_drawn_together(monkeypatch):
    of = cut([3, 1, 4, 2, 2], [2, 5, 1])
    random = np.random.default_rng(2)
    contents = {
        unit(seed=seed): files(of, {name: random_scores(of, random, shift) for name, shift in (("LOF", 1), ("IF", 0))})
        for seed in "01"
    }
    draws = Draws(monkeypatch)
    values = bootstrap(contents, [("LOF", "0.7"), ("IF", "0.7")], "fan", 30, 0)
    assert_as_repeated_clips(contents, values, draws, 30, 30)
    (weights,) = draws.clips
    for kind, recordings in (("n", 5), ("a", 3)):
        times: dict[str, set[tuple[int, ...]]] = {}
        for (_, clip), drawn in weights.items():
            if clip.file.startswith(kind):
                times.setdefault(clip.file, set()).add(tuple(drawn.tolist()))
        assert len(times) == recordings
        assert all(len(drawn) == 1 for drawn in times.values())
        total = np.sum([next(iter(drawn)) for drawn in times.values()], axis=0)
        assert total.tolist() == [recordings] * 30  # as many recordings as there are, normal and abnormal ones apart


def test_clips_that_are_all_of_one_recording_are_drawn_one_by_one(monkeypatch):
    """Else there would be but one replicate; normal clips, of several recordings, are still drawn with these."""
    of = cut([2, 2, 2], [6])
    draws = Draws(monkeypatch)
    bootstrap({unit(): files(of, {"LOF": np.arange(12.0)})}, [("LOF", "0.7")], "fan", 30, 0)
    (weights,) = draws.clips
    faults = np.array([drawn for (label, _), drawn in weights.items() if label])
    assert len({tuple(drawn.tolist()) for drawn in faults}) == 6
    assert (faults.sum(axis=0) == 6).all()
    assert len({tuple(drawn.tolist()) for (label, _), drawn in weights.items() if not label}) == 3


def test_point_is_the_mean_over_ids_and_seeds():
    contents = random_units({"LOF": 1.0}, ids=("id_00", "id_02"), seeds=("0", "1"), counts=(12, 5))
    contents[unit(machine_id="id_02", seed="1")] = files(of := clips(3, 2), {"LOF": of.labels})  # no weight by clips
    auc = [roc_auc_score(content.clips.labels, content.scores["LOF"].test) for content in contents.values()]
    pauc = [
        roc_auc_score(content.clips.labels, content.scores["LOF"].test, max_fpr=0.1) for content in contents.values()
    ]
    values = bootstrap(contents, [("LOF", "0.7")], "fan", 5, 0)
    assert values.auc.tolist() == [[pytest.approx(np.mean(auc))]]
    assert values.pauc.tolist() == [[pytest.approx(np.mean(pauc))]]
    assert len(set(auc)) > 2


def test_an_ensemble_over_noise_factors_and_seeds_is_an_entry_of_its_own(monkeypatch):
    contents = random_units({"LOF": 1.0, "IF": 0.5}, ids=("id_00", "id_02"), seeds=("0", "1"), factors=("0.7", "1"))
    for seeds, name, start in ((("0", "1"), "MEAN", 1), (("all",), "EVERY", 2)):
        of_all = random_units({name: 1.2}, ids=("id_00", "id_02"), seeds=seeds, factors=("all",), start=start)
        contents |= of_all
    entries = entries_of(contents)
    assert entries[-2:] == [("MEAN", "all"), ("EVERY", "all")]
    assert len(entries) == 6
    draws = Draws(monkeypatch)
    values = bootstrap(contents, entries, "fan", 5, 0)
    assert_as_repeated_clips(contents, values, draws, 5, 5)
    assert np.isfinite(values.covariance).all()


def test_a_clip_keeps_its_weight_under_every_detector_noise_factor_seed_and_snr():
    random = np.random.default_rng(4)
    of = clips(30, 25)
    scores = random_scores(of, random, 0.8)
    turned = random.permutation(30), 30 + random.permutation(25)
    order = np.concatenate(turned)
    other = scored_clips(
        ("u0",), files_of(of.normal[k] for k in turned[0]), files_of(of.abnormal[k - 30] for k in turned[1])
    )  # the same clips in another order
    contents = {}
    for factor, snr, seed in itertools.product(("0.7", "1"), ("snr6", "snr0"), ("0", "1")):
        mixed = (factor, snr, seed) in {("1", "snr6", "0"), ("0.7", "snr0", "1"), ("1", "snr0", "1")}
        contents[unit(noise_factor=factor, snr=snr, seed=seed)] = (
            files(other, {"LOF": scores[order], "KNN": scores[order]})
            if mixed
            else files(of, {"LOF": scores, "KNN": scores})
        )
    values = bootstrap(contents, entries_of(contents), "fan", 50, 0)
    assert len(values.entries) == 4
    alone = bootstrap({unit(): files(of, {"LOF": scores})}, [("LOF", "0.7")], "fan", 50, 0)
    assert len(set(alone.auc_replicates[0, 0].tolist())) > 25
    for number, column in itertools.product(range(4), range(2)):
        assert values.auc_replicates[number, column] == pytest.approx(alone.auc_replicates[0, 0], abs=1e-6)
        assert values.pauc_replicates[number, column] == pytest.approx(alone.pauc_replicates[0, 0], abs=1e-6)


def test_an_snr_with_another_number_of_clips_is_drawn_by_itself():
    contents = random_units({"LOF": 1.0}, snrs=("snr6", "snr0"), counts=(20, 20))
    alone = bootstrap({unit(): contents[unit()]}, [("LOF", "0.7")], "fan", 30, 0)
    contents[unit(snr="snr0")] = random_units({"LOF": 1.0}, counts=(21, 20))[unit()]
    values = bootstrap(contents, [("LOF", "0.7")], "fan", 30, 0)
    assert np.array_equal(values.auc_replicates[0, 0], alone.auc_replicates[0, 0])
    assert np.isfinite(values.auc_replicates).all()


def test_a_detector_is_exactly_as_good_as_itself():
    contents = random_units({"LOF": 1.0}, ids=("id_00", "id_02"), snrs=("snr6", "snr0"), seeds=("0", "1", "2"))
    contents = {
        key: UnitScores(content.clips, {"LOF": content.scores["LOF"], "again": content.scores["LOF"]}, "paper")
        for key, content in contents.items()
    }
    values = bootstrap(contents, entries_of(contents), "fan", 60, 0)
    assert np.array_equal(values.auc_replicates[0], values.auc_replicates[1])
    assert np.array_equal(values.pauc_replicates[0], values.pauc_replicates[1])
    assert values.auc_replicates[0].std() > 0.01
    for row in compare(values, "paper", "fan", 95.0):
        assert (row.difference, row.low, row.high, row.p_value) == (0.0, 0.0, 0.0, 1.0)
        assert row.p_delong == (None if row.snr == "all" else 1.0)


def test_seeds_are_drawn_once_for_all_ids_snrs_and_detectors():
    """AUCs of 1 with one seed and 0.5 with the other, whatever the clips: a replicate is 0.5, 0.75 or 1."""
    contents = {}
    of = clips(6, 6)
    for seed, snr, name in itertools.product(("0", "1"), ("snr6", "snr0"), ("id_00", "id_02")):
        scores = of.labels * (1.0 if seed == "0" else 0.0)
        contents[unit(seed=seed, snr=snr, machine_id=name)] = files(of, {"LOF": scores, "IF": 2 * scores})
    values = bootstrap(contents, entries_of(contents), "fan", 2000, 0)
    assert values.auc.ravel().tolist() == [0.75] * 4
    samples = values.auc_replicates.reshape(4, -1)
    assert (samples == samples[0]).all()
    levels, counts = np.unique(samples[0], return_counts=True)
    assert levels.tolist() == [0.5, 0.75, 1.0]
    assert counts / 2000 == pytest.approx([0.25, 0.5, 0.25], abs=0.04)


def test_ids_are_drawn_independently(monkeypatch):
    of = clips(40, 40)
    content = files(of, {"LOF": random_scores(of, np.random.default_rng(0), 1.0)})
    contents = {unit(machine_id=name): content for name in ("id_00", "id_02", "id_04", "id_06")}
    draws = Draws(monkeypatch)
    all_ids = bootstrap(contents, [("LOF", "0.7")], "fan", 1000, 0)
    assert not any(
        np.array_equal(first[False, of.normal[0]], second[False, of.normal[0]])
        for first, second in itertools.combinations(draws.clips, 2)
    )
    one = bootstrap({unit(): content}, [("LOF", "0.7")], "fan", 1000, 0)
    assert all_ids.auc == pytest.approx(one.auc)
    assert all_ids.auc_replicates.std() == pytest.approx(one.auc_replicates.std() / 2, rel=0.12)
    assert all_ids.covariance == pytest.approx(one.covariance / 4)


@pytest.mark.parametrize("varies", ["clips", "seeds", "both"])
def test_the_seed_and_the_machine_start_the_random_numbers(varies):
    seeds = ("0",) if varies == "clips" else ("0", "1", "2", "3")
    contents = random_units({"LOF": 1.0, "IF": 0.5}, seeds=seeds, counts=(20, 20))
    if varies == "seeds":  # the AUC of a seed is the same whatever the clips
        contents = {
            key: files(
                content.clips, {name: content.clips.labels * float(key.run.seed in (0, 3)) for name in content.scores}
            )
            for key, content in contents.items()
        }
    first, again, other, pump = (
        bootstrap(contents, entries_of(contents), machine, 40, seed)
        for machine, seed in (("fan", 0), ("fan", 0), ("fan", 1), ("pump", 0))
    )
    for name in ("auc_replicates", "pauc_replicates"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        for different in (other, pump):
            assert (getattr(first, name) != getattr(different, name)).mean() > 0.4
    for different in (again, other, pump):
        assert np.array_equal(first.auc, different.auc)
        assert np.array_equal(first.pauc, different.pauc)
        assert np.array_equal(first.covariance, different.covariance)


def test_intervals_of_ordinary_data_contain_the_point():
    contents = random_units(
        {"LOF": 1.5, "IF": 1.0, "KNN": 0.3, "OCSVM": 0.0},
        snrs=("snr6", "snr0"),
        ids=("id_00", "id_02"),
        seeds=("0", "1"),
        counts=(40, 30),
    )
    values = bootstrap(contents, entries_of(contents), "fan", 300, 0)
    for point, samples in ((values.auc, values.auc_replicates), (values.pauc, values.pauc_replicates)):
        low, high = np.quantile(samples, [0.025, 0.975], axis=-1)
        assert (low < point).all()
        assert (point < high).all()
        assert (high - low < 0.35).all()


@pytest.mark.parametrize("shift", [0.3, 1.0, 1.8])
def test_replicates_scatter_as_far_as_delongs_standard_error(shift):
    of = clips(200, 220)
    random = np.random.default_rng(1)
    scores = {name: random_scores(of, random, shift, decimals=3) for name in ("LOF", "IF")}
    values = bootstrap({unit(): files(of, scores)}, [("LOF", "0.7"), ("IF", "0.7")], "fan", 1500, 0)
    aucs, rows = plain_delong(of.labels, np.stack(list(scores.values())))
    covariance = np.array(rows)
    assert values.auc[:, 0] == pytest.approx(aucs)
    assert values.covariance[0] == pytest.approx(covariance)
    for number in range(2):
        assert values.auc_replicates[number, 0].std() == pytest.approx(math.sqrt(covariance[number, number]), rel=0.12)


@pytest.mark.parametrize(("replicates", "partial"), [(MAX_CURVE_REPLICATES + 10, MAX_CURVE_REPLICATES), (20, 20)])
def test_partial_aucs_have_fewer_replicates(replicates, partial):
    contents = random_units({"LOF": 1.0}, counts=(4, 3))
    values = bootstrap(contents, [("LOF", "0.7")], "fan", replicates, 0)
    assert values.auc_replicates.shape == (1, 1, replicates)
    assert values.pauc_replicates.shape == (1, 1, partial)
    assert values.auc_replicates.dtype == values.pauc_replicates.dtype == np.float32
    assert (MAX_CURVE_REPLICATES, module.PARTIAL_AUC_MAX_FPR) == (500, 0.1)


# --- seeds that test different clips, as under the strict protocol ---


def strict_units(tested: Mapping[str, Mapping[str, Sequence[int]]], abnormal: int = 5) -> dict[Unit, UnitScores]:
    """ID -> seed -> numbers of the normal clips tested."""
    random = np.random.default_rng(0)
    contents = {}
    for name, seeds in tested.items():
        for seed, numbers in seeds.items():
            of = scored_clips(("t",), tuple(f"n{k}" for k in numbers), tuple(f"a{k}" for k in range(abnormal)))
            scores = {detector: random_scores(of, random, shift) for detector, shift in (("LOF", 1.0), ("IF", 0.0))}
            contents[unit(protocol="strict", seed=seed, machine_id=name)] = files(of, scores)
    return contents


def test_seeds_may_test_different_clips(monkeypatch):
    contents = strict_units(
        {
            "id_00": {"0": range(6), "1": range(3, 9), "2": (1, 7, 4)},
            "id_02": {"0": range(4), "1": range(4), "2": (5, 6)},
        }
    )
    draws = Draws(monkeypatch)
    values = bootstrap(contents, entries_of(contents), "fan", 12, 0)
    assert len(draws.clips[0]) == 9 + 5
    assert_as_repeated_clips(contents, values, draws, 12, 12)
    assert np.isfinite(values.auc_replicates).all()
    assert np.isnan(values.covariance).all()
    assert [row.p_delong for row in compare(values, "paper", "fan", 95.0)] == [None, None]


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_a_single_normal_and_abnormal_clip(protocol):
    of = scored_clips(("t",), ("n",), ("a",))
    contents = {unit(protocol=protocol): files(of, {"LOF": [0.0, 1.0], "IF": [1.0, 0.0]})}
    values = bootstrap(contents, entries_of(contents), "fan", 10, 0)
    assert values.auc_replicates[:, 0].tolist() == [[1.0] * 10, [0.0] * 10]
    assert np.isnan(values.covariance).all()  # one clip says nothing of a variance
    assert [row.p_delong for row in compare(values, "paper", "fan", 95.0)] == [None, None]


def test_a_replicate_without_clips_of_a_seed_is_about_the_other_seeds(monkeypatch):
    contents = strict_units({"id_00": {"0": (0,), "1": (1,)}}, abnormal=2)
    draws = Draws(monkeypatch)
    values = bootstrap(contents, entries_of(contents), "fan", 40, 0)
    assert_as_repeated_clips(contents, values, draws, 40, 40)
    assert np.isfinite(values.auc_replicates).all()
    gone = [bool((times == 0).any()) for (label, _), times in draws.clips[0].items() if not label]
    assert gone == [True, True]


def test_a_replicate_without_an_auc_of_any_seed_is_left_out(monkeypatch):
    contents = {
        unit(seed=seed): files(
            scored_clips(("t",), (f"n{seed}",), (f"a{seed}",)), {"LOF": [0.0, 1.0], "IF": [0.0, 0.0]}
        )
        for seed in ("0", "1")
    }
    draws = Draws(monkeypatch)
    values = bootstrap(contents, entries_of(contents), "fan", 80, 0)
    assert_as_repeated_clips(contents, values, draws, 80, 80)
    nothing = np.isnan(values.auc_replicates[0, 0])
    assert nothing.mean() == pytest.approx(1 / 8, abs=0.1)  # the normal clip of one seed and the abnormal of the other
    assert set(values.auc_replicates[0, 0, ~nothing].tolist()) == {1.0}
    for row in compare(values, "paper", "fan", 95.0):
        assert (row.difference, row.low, row.high) == (0.5, 0.5, 0.5)


# --- comparisons ---


def made_replicates(
    auc: Sequence[Sequence[float]], samples: np.ndarray, covariance: np.ndarray | None = None, **changes
):
    """Replicates with entries a, b, ... and SNRs snr0, snr1, ..."""
    points = np.array(auc, float)
    entries, snrs = points.shape
    values = Replicates(
        tuple((chr(ord("a") + number), "0.7") for number in range(entries)),
        tuple(f"snr{number}" for number in range(snrs)),
        points,
        points / 2,
        samples.astype(np.float32),
        samples.astype(np.float32) / 2,
        np.full((snrs, entries, entries), NAN) if covariance is None else covariance,
    )
    return dataclasses.replace(values, **changes)


def test_every_pair_is_compared_once_the_better_one_first():
    random = np.random.default_rng(0)
    auc = [[0.5, 0.9], [0.8, 0.7], [0.7, 0.4]]
    samples = np.array(auc)[:, :, None] + random.normal(scale=0.05, size=(3, 2, 200))
    values = made_replicates(auc, samples, entries=(("LOF", "0.7"), ("LOF", "1"), ("MEAN", "all")))
    rows = compare(values, "paper", "fan", 90.0)
    names = ("snr", "detector", "noise_factor", "other_detector", "other_noise_factor")
    assert [tuple(getattr(row, name) for name in names) for row in rows] == [
        ("snr0", "LOF", "1", "MEAN", "all"),
        ("snr0", "LOF", "1", "LOF", "0.7"),
        ("snr0", "MEAN", "all", "LOF", "0.7"),
        ("snr1", "LOF", "0.7", "LOF", "1"),
        ("snr1", "LOF", "0.7", "MEAN", "all"),
        ("snr1", "LOF", "1", "MEAN", "all"),
        ("all", "LOF", "1", "LOF", "0.7"),
        ("all", "LOF", "1", "MEAN", "all"),
        ("all", "LOF", "0.7", "MEAN", "all"),
    ]
    assert [row.difference for row in rows] == pytest.approx([0.1, 0.3, 0.2, 0.2, 0.5, 0.3, 0.05, 0.2, 0.15])
    assert {(row.protocol, row.machine) for row in rows} == {("paper", "fan")}
    numbers = {entry: number for number, entry in enumerate(values.entries)}
    exact = values.auc_replicates.astype(float)
    for row in rows:
        of = exact.mean(axis=1) if row.snr == "all" else exact[:, values.snrs.index(row.snr)]
        first = of[numbers[row.detector, row.noise_factor]]
        second = of[numbers[row.other_detector, row.other_noise_factor]]
        differences = first - second
        assert [row.low, row.high] == pytest.approx(np.quantile(differences, [0.05, 0.95]).tolist(), abs=1e-6)
        beyond = min((differences <= 0).sum(), (differences >= 0).sum())
        assert row.p_value == pytest.approx(min(1.0, 2 * (beyond + 1) / 201))
        assert row.p_delong is None
    assert all(
        isinstance(getattr(row, name), float) for row in rows for name in ("difference", "low", "high", "p_value")
    )


def test_entries_with_equal_aucs_keep_their_order():
    rows = compare(made_replicates([[0.7], [0.7], [0.8]], np.zeros((3, 1, 5))), "paper", "fan", 95.0)
    assert [row.detector + row.other_detector for row in rows] == ["ca", "cb", "ab"] * 2
    assert compare(made_replicates([[0.7, 0.8]], np.zeros((1, 2, 5))), "paper", "fan", 95.0) == []


def test_mean_over_snrs_is_compared_by_the_mean_in_each_replicate():
    """Differences that change their sign from replicate to replicate cancel out if averaged over SNRs in pairs."""
    swing = np.tile([0.2, -0.2], 50)
    samples = np.zeros((2, 2, 100)) + 0.5
    samples[0, 0] += 0.01 + swing
    samples[0, 1] += 0.01 - swing
    rows = {row.snr: row for row in compare(made_replicates([[0.51, 0.51], [0.5, 0.5]], samples), "paper", "fan", 95.0)}
    assert rows["snr0"].p_value == rows["snr1"].p_value == 1.0
    assert rows["all"].p_value == pytest.approx(2 / 101)
    assert [rows["all"].low, rows["all"].high] == pytest.approx([0.01, 0.01], abs=1e-6)


def test_p_value_is_small_for_a_clear_difference_and_large_for_none():
    contents = random_units({"good": 2.5, "bad": 0.0, "chance": 0.0}, seeds=("0", "1"), counts=(60, 60), start=3)
    values = bootstrap(contents, entries_of(contents), "fan", 400, 0)
    rows = {frozenset((row.detector, row.other_detector)): row for row in compare(values, "paper", "fan", 95.0)[:3]}
    for name in ("bad", "chance"):
        row = rows[frozenset(("good", name))]
        assert row.detector == "good"
        assert row.p_value == pytest.approx(2 / 401)
        assert row.p_delong < 1e-6
        assert row.low > 0.25
        assert row.low < row.difference < row.high
    none = rows[frozenset(("bad", "chance"))]
    assert none.p_value > 0.2
    assert none.p_delong > 0.2
    assert none.low < 0.0 < none.high


def test_p_value_of_one_seed_is_delongs():
    contents = random_units({"LOF": 0.9, "IF": 0.4, "KNN": 0.5}, counts=(40, 30))
    rows = compare(bootstrap(contents, entries_of(contents), "fan", 10, 0), "paper", "fan", 95.0)
    (content,) = contents.values()
    assert [row.snr for row in rows] == ["snr6"] * 3 + ["all"] * 3
    for row in rows[:3]:
        first, second = (content.scores[name].test for name in (row.detector, row.other_detector))
        difference, variance = plain_test_of_means([(content.clips.labels, first[None], second[None])])
        assert row.p_delong == pytest.approx(plain_p_value(difference, variance), rel=1e-9)
        assert row.difference == pytest.approx(difference)
        assert 1e-6 < row.p_delong < 0.99
    assert [row.p_delong for row in rows[3:]] == [None] * 3


def test_clips_that_were_cut_from_recordings_have_no_p_value_of_delong():
    """It takes clips for independent."""
    of = cut([3] * 5, [2] * 5)
    random = np.random.default_rng(0)
    scores = {name: random_scores(of, random, shift) for name, shift in (("LOF", 0.9), ("IF", 0.4))}
    (row, _) = compare(
        bootstrap({unit(): files(of, scores)}, [("LOF", "0.7"), ("IF", "0.7")], "fan", 20, 0), "paper", "fan", 95.0
    )
    assert row.p_delong is None
    assert 0 < row.p_value <= 1


def test_p_value_of_several_seeds_ids_and_noise_factors_is_that_of_the_mean_aucs():
    contents = random_units(
        {"LOF": 0.7, "IF": 0.4},
        snrs=("snr6", "snr0"),
        ids=("id_00", "id_02", "id_04"),
        seeds=("0", "1"),
        factors=("0.7", "1"),
        counts=(14, 11),
    )
    for name in ("id_02", "id_04"):  # IDs need not have the same numbers of clips
        for key in [key for key in contents if key.machine_id == name]:
            few = clips(8, 9)
            random = np.random.default_rng(
                [int(text[-1]) for text in (key.run.noise_factor_text, key.run.seed_text, key.snr, name)]
            )
            contents[key] = files(few, {detector: random_scores(few, random, 0.5) for detector in ("LOF", "IF")})
    rows = compare(bootstrap(contents, entries_of(contents), "fan", 10, 0), "paper", "fan", 95.0)
    assert len(rows) == 6 * 3
    for row in rows:
        if row.snr == "all":
            assert row.p_delong is None
            continue
        groups = []
        for name in ("id_00", "id_02", "id_04"):
            pair = []
            for detector, factor in (
                (row.detector, row.noise_factor),
                (row.other_detector, row.other_noise_factor),
            ):
                keys = [unit(noise_factor=factor, seed=seed, snr=row.snr, machine_id=name) for seed in ("0", "1")]
                pair.append(np.stack([contents[key].scores[detector].test for key in keys]))
            groups.append((contents[keys[0]].clips.labels, *pair))
        difference, variance = plain_test_of_means(groups)
        assert row.difference == pytest.approx(difference)
        assert row.p_delong == pytest.approx(plain_p_value(difference, variance), rel=1e-9)


def test_p_values_where_clips_do_not_vary():
    constant = np.array([[[1.0, 1.0], [1.0, 1.0]]]) * 1e-4
    samples = np.zeros((2, 1, 4))
    (better, _), (equal, _) = (
        compare(made_replicates(auc, samples, constant), "paper", "fan", 95.0)
        for auc in ([[0.8], [0.7]], [[0.7], [0.7]])
    )
    assert (better.p_delong, equal.p_delong) == (0.0, 1.0)


# --- bands of ROC curves ---


def test_false_positive_rates_are_finer_where_they_are_few():
    assert (FALSE_POSITIVE_RATES[0], FALSE_POSITIVE_RATES[-1]) == (0.0, 1.0)
    steps = np.diff(FALSE_POSITIVE_RATES)
    assert (steps > 0).all()
    assert steps[:50] == pytest.approx(0.002)
    assert steps[50:] == pytest.approx(0.01)


@pytest.mark.parametrize("strict", [False, True])
def test_roc_curves_are_averaged_over_ids_and_seeds_in_every_replicate(monkeypatch, strict):
    contents = (
        strict_units(
            {
                "id_00": {"0": range(8), "1": range(4, 12), "2": range(2, 9)},
                "id_02": {"0": range(6), "1": range(3, 9), "2": range(5)},
            }
        )
        if strict
        else random_units({"LOF": 1.0, "IF": 0.2}, ids=("id_00", "id_02"), seeds=("0", "1", "2"))
    )
    draws = Draws(monkeypatch)
    monkeypatch.setattr(module, "FEW_CLIPS", 0)
    bands = roc_bands(contents, "fan", replicates=12, confidence=80.0, seed=5)
    assert list(bands) == ["LOF", "IF"]
    assert len(draws.clips) == 2
    for name, band in bands.items():
        curves = np.zeros((13, len(FALSE_POSITIVE_RATES)))
        for replicate in range(13):
            drawn, times = draws.of(draws.clips, replicate, 3) if replicate < 12 else (None, [1, 1, 1])
            for number, machine_id in enumerate(("id_00", "id_02")):
                of_seeds = []
                for key, content in contents.items():
                    if key.machine_id != machine_id:
                        continue
                    labels, scores = content.clips.labels, content.scores[name].test
                    pairs = zip(labels.tolist(), content.clips.tested, strict=True)
                    often = [drawn[number][pair] if drawn else 1 for pair in pairs]
                    repeated = (plain_repeated(values, often) for values in (labels, scores))
                    of_seeds.append(roc_on_grid(*repeated, FALSE_POSITIVE_RATES)[0])
                curves[replicate] += np.average(of_seeds, axis=0, weights=times) / 2
        assert band.mean == pytest.approx(curves[12], abs=1e-12)
        low, high = np.quantile(curves[:12], [0.1, 0.9], axis=0)
        assert band.low == pytest.approx(low, abs=1e-9)
        assert band.high == pytest.approx(high, abs=1e-9)
        aucs = [roc_auc_score(content.clips.labels, content.scores[name].test) for content in contents.values()]
        assert band.auc == pytest.approx(np.mean(aucs))


def test_bands_contain_the_mean_and_grow_with_confidence():
    contents = random_units({"LOF": 1.0, "IF": 0.3}, ids=("id_00", "id_02"), seeds=("0", "1"), counts=(50, 40))
    wide, narrow, again, other = (
        roc_bands(contents, "fan", replicates=150, confidence=confidence, seed=seed)
        for confidence, seed in ((95.0, 0), (50.0, 0), (95.0, 0), (95.0, 1))
    )
    for name, band in wide.items():
        assert band.mean.shape == band.low.shape == band.high.shape == FALSE_POSITIVE_RATES.shape
        assert (band.low <= band.mean + 1e-12).all()
        assert (band.mean <= band.high + 1e-12).all()
        assert (np.diff(band.mean) >= -1e-12).all()
        assert band.mean[-1] == band.low[-1] == band.high[-1] == pytest.approx(1.0)
        assert (band.high - band.low).mean() > 1.5 * (narrow[name].high - narrow[name].low).mean()
        assert np.array_equal(band.low, again[name].low)
        assert not np.array_equal(band.low, other[name].low)
        assert np.array_equal(band.mean, other[name].mean)
        assert band.auc == pytest.approx(np.trapezoid(band.mean, FALSE_POSITIVE_RATES), abs=0.01)


def test_bands_of_few_clips_are_as_wide_as_an_interval_of_a_share():
    """Of 5 abnormal clips that are all told apart, each replicate tells all apart, too."""
    contents = random_units({"LOF": 60.0}, counts=(40, 5))
    band = roc_bands(contents, "fan", replicates=50, confidence=95.0, seed=0)["LOF"]
    ids = {unit.machine_id for unit in contents}
    assert (band.mean == 1.0).all()
    assert (band.high == 1.0).all()
    assert band.low[:-1] == pytest.approx(0.025 ** (1 / (5 * len(ids))))
    assert band.low[-1] == 1.0


def test_bands_have_no_more_replicates_than_they_may(monkeypatch):
    contents = random_units({"LOF": 1.0})
    monkeypatch.setattr(module, "MAX_CURVE_REPLICATES", 6)
    draws = Draws(monkeypatch)
    roc_bands(contents, "fan", replicates=50, confidence=95.0, seed=0)
    assert {len(times) for times in draws.clips[0].values()} == {6}


def test_bands_without_clips_of_a_seed_in_some_replicates():
    contents = strict_units({"id_00": {"0": (0,), "1": (1,)}}, abnormal=2)
    for band in roc_bands(contents, "fan", replicates=60, confidence=95.0, seed=0).values():
        assert np.isfinite([band.mean, band.low, band.high]).all()
        assert math.isfinite(band.auc)


# --- replicates as a file ---


def test_replicates_are_read_back_exactly(tmp_path):
    paper = bootstrap(random_units({"LOF": 1.0, "IF": 0.0}, snrs=("6 dB", "-6 dB")), [("IF", "0.7")], "fan", 7, 0)
    random = np.random.default_rng(0)
    strict = made_replicates(
        [[0.1 + 0.2, 1 / 3], [0.5, NAN]], random.random((2, 2, 9)), entries=(("팬 감지기", "0.7"), ("LOF", "all"))
    )
    strict = dataclasses.replace(
        strict, snrs=("신호 6 dB", "snr.0"), pauc_replicates=random.random((2, 2, 4), np.float32)
    )
    path = tmp_path / "new" / "팬.npz"
    write_replicates({"paper": paper, "strict": strict}, path)
    assert os.listdir(path.parent) == ["팬.npz"]
    read = read_replicates(path)
    assert list(read) == ["paper", "strict"]
    for got, expected in zip(read.values(), (paper, strict), strict=True):
        assert got.entries == expected.entries
        assert got.snrs == expected.snrs
        assert all(type(text) is str for text in (*got.snrs, *itertools.chain(*got.entries)))
        for name in ("auc", "pauc", "auc_replicates", "pauc_replicates", "covariance"):
            assert np.array_equal(getattr(got, name), getattr(expected, name), equal_nan=True), name
            assert getattr(got, name).dtype == getattr(expected, name).dtype


# --- a whole machine ---

VIEWS = {
    "LOF": ["residual", "map"],
    "IF": ["raw", "none"],
    "MEAN": ["ensemble", "z"],
    "EVERY": ["ensemble", "rank"],
}


@pytest.fixture
def machine() -> dict[Unit, UnitScores]:
    """Two noise factors, seeds, SNRs and IDs under the paper protocol, with ensembles; one of each under *strict*."""
    many = {"snrs": ("snr6", "snr0"), "ids": ("id_00", "id_02")}
    contents = random_units({"LOF": 1.0, "IF": 0.5}, seeds=("0", "1"), factors=("0.7", "1"), **many)
    of_all = random_units({"MEAN": 1.2}, seeds=("0", "1"), factors=("all",), start=1, **many)
    of_all |= random_units({"EVERY": 1.3}, seeds=("all",), factors=("all",), start=2, **many)
    return contents | random_units({"LOF": 0.8}, protocol="strict", start=3) | of_all


def test_rows_of_a_machine(machine):
    result = evaluate_machine(machine, "fan", VIEWS, replicates=5, confidence=95.0, seed=0)
    rows = iter(result.rows)
    for key, content in machine.items():
        for name, scores in content.scores.items():
            row = next(rows)
            assert (row.machine, row.detector, row.protocol) == ("fan", name, key.run.protocol)
            assert (row.noise_factor, row.seed) == (key.run.noise_factor_text, key.run.seed_text)
            assert (row.snr, row.id) == (key.snr, key.machine_id)
            assert [row.representation, row.projection] == VIEWS[name]
            labels, decisions = content.clips.labels, scores.test > scores.threshold
            assert row.auc == pytest.approx(roc_auc_score(labels, scores.test))
            assert row.pauc == pytest.approx(roc_auc_score(labels, scores.test, max_fpr=0.1))
            counts = confusion_matrix(labels, decisions).ravel().tolist()
            assert [row.tn, row.fp, row.fn, row.tp] == counts
            precision, recall, f1, _ = precision_recall_fscore_support(
                labels, decisions, average="binary", zero_division=0
            )
            assert [row.precision, row.recall, row.f1] == pytest.approx([precision, recall, f1])
            assert row.false_alarm_rate == pytest.approx(counts[1] / 9)
            assert (row.threshold, row.n_train, row.n_normal, row.n_abnormal) == (0.5, 3, 9, 7)
            assert (row.map_mfcc, row.map_basic) == (None, None)
    assert next(rows, None) is None


def test_bootstrap_and_comparisons_of_a_machine_are_those_of_each_protocol(machine):
    result = evaluate_machine(machine, "fan", VIEWS, replicates=5, confidence=80.0, seed=2)
    assert list(result.replicates) == ["paper", "strict"]
    assert result.replicates["paper"].entries == (
        *(("LOF", "0.7"), ("IF", "0.7"), ("LOF", "1"), ("IF", "1")),
        *(("MEAN", "all"), ("EVERY", "all")),
    )
    assert result.replicates["strict"].entries == (("LOF", "0.7"),)
    expected = []
    for protocol, values in result.replicates.items():
        alone = {key: content for key, content in machine.items() if key.run.protocol == protocol}
        again = bootstrap(alone, values.entries, "fan", 5, 2)
        for name in ("auc", "pauc", "auc_replicates", "pauc_replicates", "covariance"):
            assert np.array_equal(getattr(values, name), getattr(again, name), equal_nan=True)
        expected += compare(again, protocol, "fan", 80.0)
    assert result.comparisons == expected
    assert len(expected) == 15 * 3  # none of strict, which has a single entry


def test_an_ensemble_merged_with_the_detectors_of_a_unit_is_evaluated_beside_them(score_files, tmp_path):
    written(tmp_path / "ensembles", {"MEAN": MEAN})
    folders = [tmp_path / "detectors", tmp_path / "ensembles"]
    contents = read_unit_scores(folders, [PAPER] * 2, [("snr6", "id_00")])
    result = evaluate_machine(contents, "fan", VIEWS, replicates=5, confidence=95.0, seed=0)
    assert [row.detector for row in result.rows] == ["IF", "LOF", "MEAN"]
    assert [(row.map_mfcc, row.map_basic) for row in result.rows] == [(11, 3), (0, 1), (None, None)]
    assert [row.representation for row in result.rows] == ["raw", "residual", "ensemble"]
    assert result.replicates["paper"].entries == (("IF", "0.7"), ("LOF", "0.7"), ("MEAN", "0.7"))


# ------------------------------------------------------------------------------------------ without abnormal clips


def test_without_abnormal_clips_only_false_alarms_are_known():
    statistics = score_statistics(np.zeros(4, bool), np.arange(4.0), np.array([False, True, False, False]))
    known = {name: value for name, value in statistics.items() if not math.isnan(value)}
    assert known == {"tn": 3, "fp": 1, "fn": 0, "tp": 0, "false_alarm_rate": 0.25}
    assert set(statistics) == set(score_statistics(np.array([False, True]), np.arange(2.0), np.zeros(2, bool)))


def test_ids_without_abnormal_clips_have_no_part_in_aucs():
    random = np.random.default_rng(0)
    contents = {}
    for name, n_abnormal in (("id_00", 6), ("id_02", 0)):
        of = clips(9, n_abnormal)
        scores = {"LOF": random_scores(of, random, 1.0), "IF": random_scores(of, random, 0.5)}
        contents[unit(machine_id=name)] = files(of, scores)
    settings = {"replicates": 50, "confidence": 90.0, "seed": 0}
    views = {"LOF": ("raw", "standard"), "IF": ("raw", "standard")}
    both = evaluate_machine(contents, "fan", views, **settings)
    alone = evaluate_machine(with_abnormal_clips(contents), "fan", views, **settings)
    assert both.comparisons == alone.comparisons
    protocol = unit().run.protocol
    assert_equal_replicates(both.replicates[protocol], alone.replicates[protocol])
    assert [row.id for row in both.rows if math.isnan(row.auc)] == ["id_02", "id_02"]
    nothing = evaluate_machine({unit(): files(clips(9, 0), {"LOF": np.arange(9.0)})}, "fan", views, **settings)
    assert (nothing.comparisons, nothing.replicates) == ([], {})
    assert nothing.rows[0].n_abnormal == 0


def assert_equal_replicates(one: Replicates, other: Replicates) -> None:
    for name in ("auc", "pauc", "auc_replicates", "pauc_replicates", "covariance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_replicates_of_nothing_are_read_back(tmp_path):
    write_replicates({}, tmp_path / "none.npz")
    assert read_replicates(tmp_path / "none.npz") == {}


def test_replicates_with_a_flipped_bit_or_cut_are_refused(tmp_path):
    result = evaluate_machine(
        random_units({"LOF": 1.0, "IF": 0.5}),
        "fan",
        {"LOF": ("raw", "x"), "IF": ("raw", "x")},
        replicates=50,
        confidence=90.0,
        seed=0,
    )
    path = tmp_path / "replicates.npz"
    write_replicates(result.replicates, path)
    content, refused = path.read_bytes(), []
    for damaged in (
        content[: len(content) // 2],
        *(flipped(content, place) for place in range(100, len(content), 97)),
    ):
        path.write_bytes(damaged)
        try:
            read = read_replicates(path)["paper"]
        except UserError as error:
            refused.append(str(error))
        else:  # a byte that says nothing, such as a date in the archive
            assert_equal_replicates(read, result.replicates["paper"])
    assert len(refused) > 15
    assert all(str(path) in message and "Delete the file" in message for message in refused)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


# --- false alarms by the share asked for ---


def test_false_alarms_are_counted_for_each_share_as_the_run_would_count_them():
    random = np.random.default_rng(0)
    contents = {}
    for seed, (snr, machine_id, normal) in itertools.product((0, 1), [("snr6", "id_00", 30), ("snr6", "id_02", 50)]):
        clips = ScoredClips(*(tuple(ScoredClip(f"{n}.wav") for n in range(count)) for count in (40, normal, 7)), ())
        scores = {name: Scores(random.normal(size=40), random.normal(size=normal + 7), 1.0) for name in ("IF", "LOF")}
        contents[Unit.of("strict", "0.7", str(seed), snr, machine_id)] = UnitScores(clips, scores, "strict")
    rows = false_alarm_rows(contents, "fan")
    assert [(row.detector, row.asked) for row in rows] == [(n, asked) for n in ("IF", "LOF") for asked in ASKED_SHARES]
    assert {(row.protocol, row.machine, row.noise_factor, row.n_normal) for row in rows} == {
        ("strict", "fan", "0.7", 80)
    }
    for row in rows:
        rates = []
        for content in contents.values():
            scores = content.scores[row.detector]
            threshold = threshold_of(scores.train, 100 * (1 - row.asked), "strict")
            rates.append((scores.test[~content.clips.labels] > threshold).mean())
        assert row.false_alarm_rate == pytest.approx(np.mean(rates))
    rates = [row.false_alarm_rate for row in rows[: len(ASKED_SHARES)]]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1]
