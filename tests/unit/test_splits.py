"""Splits: Table 2 of the paper on MIMII's real counts, and what holds for any counts."""

from __future__ import annotations

import zlib
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asd.errors import UserError
from asd.splits import (
    AUTO_SHARES,
    AskedCounts,
    Counts,
    Listed,
    Split,
    check_strict_counts,
    detection_splits,
    given_ddae_rows,
    given_split,
    paper_counts,
    paper_ddae_count,
    paper_split,
    strict_ddae_count,
    strict_ddae_rows,
    strict_split,
    training_rows,
)
from table_2 import TABLE_2

# Clips in MIMII at each SNR: machine -> ID -> normal, abnormal
MIMII_COUNTS = {
    "fan": {"id_00": (1011, 407), "id_02": (1016, 359), "id_04": (1033, 348), "id_06": (1015, 361)},
    "pump": {"id_00": (1006, 143), "id_02": (1005, 111), "id_04": (702, 100), "id_06": (1036, 102)},
    "slider": {"id_00": (1068, 356), "id_02": (1068, 267), "id_04": (534, 178), "id_06": (534, 89)},
    "valve": {"id_00": (991, 119), "id_02": (708, 120), "id_04": (1000, 120), "id_06": (992, 120)},
}

IDS_OF_TABLE_2 = [(machine, name) for machine, ids in TABLE_2.items() for name in ids]
TOO_FEW_ABNORMAL = {("pump", "id_02"): (112, 111), ("pump", "id_06"): (103, 102)}
WHERE = "machine fan, ID id_00, SNR snr6"


def split_of(n_normal: int, n_abnormal: int, n_reference: int, *others: Any) -> Split:
    """The strict split of clips that are recordings of their own."""
    return strict_split(Listed.whole(n_normal), n_abnormal, Listed.whole(n_reference), *others)


def ddae_rows(n_normal: int, *others: Any) -> Any:
    """The same of the clips that train the DDAE."""
    return strict_ddae_rows(Listed.whole(n_normal), *others)


def listed(counts: dict[Any, int]) -> dict[Any, Listed]:
    return {key: Listed.whole(count) for key, count in counts.items()}


def pairs(counts: dict[Any, tuple[int, int]]) -> dict[Any, tuple[Listed, Listed]]:
    return {key: (Listed.whole(normal), Listed.whole(abnormal)) for key, (normal, abnormal) in counts.items()}


# ---------------------------------------------------------------------------------------------------------- automatic


def test_automatic_shares_are_20_56_and_24_per_cent_of_all_clips() -> None:
    assert AUTO_SHARES == {"ddae": 20, "ad_train": 56, "ad_test": 24}
    assert AskedCounts.auto(80, 20) == AskedCounts(20, 56, 24)
    assert AskedCounts.auto(96, 24) == AskedCounts(24, 67, 28)


@pytest.mark.parametrize(("machine", "name"), IDS_OF_TABLE_2)
def test_automatic_counts_are_within_three_clips_of_table_2(machine: str, name: str) -> None:
    split = AskedCounts.auto(*MIMII_COUNTS[machine][name])
    for automatic, published in zip((split.ddae, split.ad_train, split.ad_test), TABLE_2[machine][name], strict=True):
        assert abs(automatic - published) <= 3


counts = st.integers(0, 3000)


@settings(deadline=None, derandomize=True)
@given(counts, counts)
def test_automatic_counts_are_rounded_down_and_never_exceed_the_clips(n_normal: int, n_abnormal: int) -> None:
    split, total = AskedCounts.auto(n_normal, n_abnormal), n_normal + n_abnormal
    for count, share in ((split.ddae, 0.20), (split.ad_train, 0.56), (split.ad_test, 0.24)):
        assert isinstance(count, int)
        assert total * share - 1 < count <= total * share + 1e-6
    assert split.ddae + split.ad_train + split.ad_test <= total


# ----------------------------------------------------------------------------------------------------- MIMII, Table 2


@pytest.mark.parametrize(("machine", "name"), [unit for unit in IDS_OF_TABLE_2 if unit not in TOO_FEW_ABNORMAL])
@pytest.mark.parametrize("on_shortfall", ["error", "shrink"])
def test_table_2_is_met_where_clips_suffice(machine: str, name: str, on_shortfall: str) -> None:
    ddae, ad_train, ad_test = TABLE_2[machine][name]
    n_normal, n_abnormal = MIMII_COUNTS[machine][name]
    expected = Counts(n_train=ad_train, n_normal=ad_test - ad_test // 2, n_abnormal=ad_test // 2)
    assert paper_counts(AskedCounts(ddae, ad_train, ad_test), n_normal, n_abnormal, on_shortfall, WHERE) == expected
    assert paper_ddae_count(ddae, n_normal, on_shortfall, WHERE) == ddae


def test_an_odd_test_clip_is_a_normal_one() -> None:
    assert paper_counts(AskedCounts(285, 794, 339), 1011, 407, "error", WHERE) == Counts(794, 170, 169)


@pytest.mark.parametrize(("machine", "name"), TOO_FEW_ABNORMAL)
def test_the_two_pumps_with_too_few_abnormal_clips_stop_or_shrink(machine: str, name: str) -> None:
    split, there = AskedCounts(*TABLE_2[machine][name]), MIMII_COUNTS[machine][name]
    with pytest.raises(UserError, match=f"there are {there[1]}"):
        paper_counts(split, *there, "error", WHERE)
    n_test = TOO_FEW_ABNORMAL[machine, name]
    assert paper_counts(split, *there, "shrink", WHERE) == Counts(split.ad_train, *n_test)


@pytest.mark.parametrize("name", MIMII_COUNTS["valve"])
def test_valve_has_no_table_and_is_split_by_shares(name: str) -> None:
    n_normal, n_abnormal = MIMII_COUNTS["valve"][name]
    split = AskedCounts.auto(n_normal, n_abnormal)
    result = paper_counts(split, n_normal, n_abnormal, "shrink", WHERE)
    assert result.n_train == (n_normal + n_abnormal) * 56 // 100
    assert result.n_abnormal == min(n_abnormal, split.ad_test // 2)


# ------------------------------------------------------------------------------------------------ what always holds

splits = st.builds(AskedCounts, ddae=st.integers(1, 400), ad_train=st.integers(2, 900), ad_test=st.integers(2, 500))
there = st.integers(0, 1200)


def is_short(split: AskedCounts, n_normal: int, n_abnormal: int) -> bool:
    test_normal, test_abnormal = (split.ad_test + 1) // 2, split.ad_test // 2
    return split.ad_train + test_normal > n_normal or test_abnormal > n_abnormal


def result_or_message(split: AskedCounts, n_normal: int, n_abnormal: int, on_shortfall: str) -> Counts | str:
    try:
        return paper_counts(split, n_normal, n_abnormal, on_shortfall, WHERE)  # type: ignore[arg-type]
    except UserError as error:
        return str(error)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, there, there, st.sampled_from(["error", "shrink"]))
def test_parts_do_not_overlap_and_never_exceed_what_is_there(
    split: AskedCounts, n_normal: int, n_abnormal: int, on_shortfall: str
) -> None:
    result = result_or_message(split, n_normal, n_abnormal, on_shortfall)
    if isinstance(result, Counts):
        train = set(range(result.n_train))
        test = set(range(n_normal)[result.n_train : result.n_train + result.n_normal])
        assert not train & test
        assert len(test) == result.n_normal
        assert len(train | test) == result.n_train + result.n_normal <= n_normal
        assert result.n_abnormal <= n_abnormal
        assert result.n_train >= 2
        assert min(result.n_normal, result.n_abnormal) >= 1
        assert result.n_train <= split.ad_train
        assert result.n_normal + result.n_abnormal <= split.ad_test


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, there, there)
def test_both_test_classes_shrink_alike(split: AskedCounts, n_normal: int, n_abnormal: int) -> None:
    result = result_or_message(split, n_normal, n_abnormal, "shrink")
    if isinstance(result, Counts):
        assert result.n_normal - result.n_abnormal in (0, 1)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, there, there)
def test_error_stops_exactly_when_clips_are_short(split: AskedCounts, n_normal: int, n_abnormal: int) -> None:
    result = result_or_message(split, n_normal, n_abnormal, "error")
    if is_short(split, n_normal, n_abnormal):
        assert isinstance(result, str)
        assert WHERE in result
        assert "on_shortfall" in result
        assert str(n_normal) in result or str(n_abnormal) in result
    else:
        assert result == Counts(split.ad_train, (split.ad_test + 1) // 2, split.ad_test // 2)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, there, there)
def test_shrink_changes_nothing_when_clips_suffice(split: AskedCounts, n_normal: int, n_abnormal: int) -> None:
    if not is_short(split, n_normal, n_abnormal):
        expected = Counts(split.ad_train, (split.ad_test + 1) // 2, split.ad_test // 2)
        assert result_or_message(split, n_normal, n_abnormal, "shrink") == expected


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, there, there)
def test_shrink_takes_as_many_test_clips_as_one_of_the_classes_has(
    split: AskedCounts, n_normal: int, n_abnormal: int
) -> None:
    result = result_or_message(split, n_normal, n_abnormal, "shrink")
    if isinstance(result, Counts):
        whole = result.n_normal + result.n_abnormal == split.ad_test
        no_more_normal = result.n_train + result.n_normal == n_normal
        no_more_abnormal = result.n_abnormal == n_abnormal
        assert whole or no_more_normal or no_more_abnormal


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, there, there)
def test_shrink_keeps_the_training_clips_while_there_are_more_normal_ones(
    split: AskedCounts, n_normal: int, n_abnormal: int
) -> None:
    result = result_or_message(split, n_normal, n_abnormal, "shrink")
    if isinstance(result, Counts) and n_normal > split.ad_train:
        assert result.n_train == split.ad_train


@settings(deadline=None, derandomize=True, max_examples=300)
@given(splits, st.integers(3, 40), st.integers(1, 40))
def test_shrink_stops_only_when_a_part_would_be_empty(split: AskedCounts, n_normal: int, n_abnormal: int) -> None:
    # three normal clips (two to train, one to test) and an abnormal one are always enough
    result = result_or_message(split, n_normal, n_abnormal, "shrink")
    assert isinstance(result, Counts), result


@pytest.mark.parametrize(("n_normal", "n_abnormal"), [(0, 10), (1, 10), (2, 10), (100, 0), (0, 0)])
@pytest.mark.parametrize("on_shortfall", ["error", "shrink"])
def test_too_few_clips_stop_either_way_with_the_counts(n_normal: int, n_abnormal: int, on_shortfall: str) -> None:
    message = result_or_message(AskedCounts(5, 10, 6), n_normal, n_abnormal, on_shortfall)
    assert isinstance(message, str)
    assert message.startswith(WHERE)
    if on_shortfall == "shrink":
        assert f"{n_normal} normal and {n_abnormal} abnormal" in message


def test_the_message_says_what_is_asked_for_what_is_there_and_what_to_do() -> None:
    message = result_or_message(AskedCounts(5, 90, 20), 95, 7, "error")
    assert isinstance(message, str)
    assert message.startswith(f"{WHERE}: ")
    assert "90 + 10 normal clips" in message
    assert "there are 95" in message
    assert "10 abnormal clips" in message
    assert "there are 7" in message
    assert "machines.<name>.split" in message
    assert "on_shortfall: shrink" in message


def test_the_message_does_not_mention_a_class_that_suffices() -> None:
    message = result_or_message(AskedCounts(5, 90, 20), 1000, 7, "error")
    assert isinstance(message, str)
    assert "abnormal" in message
    assert "1000" not in message


def test_training_shrinks_in_proportion_when_normal_clips_do_not_even_suffice_for_it() -> None:
    assert paper_counts(AskedCounts(5, 90, 20), 50, 50, "shrink", WHERE) == Counts(45, 5, 5)


def test_shrinking_is_logged_with_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    paper_counts(AskedCounts(5, 90, 20), 1000, 7, "shrink", WHERE)
    paper_ddae_count(30, 12, "shrink", WHERE)
    shrunk, ddae = (record.getMessage() for record in caplog.records)
    assert WHERE in shrunk
    assert "90 train, 8 normal and 7 abnormal ones test" in shrunk
    assert WHERE in ddae
    assert "12 instead of 30" in ddae


def test_nothing_is_logged_when_clips_suffice(caplog: pytest.LogCaptureFixture) -> None:
    paper_counts(AskedCounts(5, 90, 20), 1000, 10, "shrink", WHERE)
    paper_ddae_count(30, 30, "shrink", WHERE)
    assert not caplog.records


# --------------------------------------------------------------------------------------------------------------- DDAE


def test_the_ddae_trains_on_as_many_clips_as_asked_for() -> None:
    assert paper_ddae_count(30, 30, "error", WHERE) == 30
    assert paper_ddae_count(30, 1000, "shrink", WHERE) == 30


def test_the_ddae_stops_or_takes_what_there_is_when_clips_are_short() -> None:
    with pytest.raises(UserError, match=f"{WHERE}: .*30 normal.*there are 12.*on_shortfall"):
        paper_ddae_count(30, 12, "error", WHERE)
    assert paper_ddae_count(30, 12, "shrink", WHERE) == 12


@pytest.mark.parametrize(("ddae", "n_normal"), [(30, 0), (0, 30), (0, 0)])
@pytest.mark.parametrize("on_shortfall", ["error", "shrink"])
def test_the_ddae_never_trains_on_nothing(ddae: int, n_normal: int, on_shortfall: str) -> None:
    with pytest.raises(UserError, match=WHERE):
        paper_ddae_count(ddae, n_normal, on_shortfall, WHERE)  # type: ignore[arg-type]


# --- strict protocol

SHARES = {"ddae": 20, "ad_train": 56, "ad_test": 24}
counts_of_clips = st.integers(6, 400)
shares_of_clips = st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60)).map(
    lambda parts: {name: 100 * part / sum(parts) for name, part in zip(SHARES, parts, strict=True)}
)


def test_paper_parts_are_the_first_rows() -> None:
    rows = paper_split(Counts(n_train=3, n_normal=2, n_abnormal=4), Listed.whole(9), "error", WHERE)
    assert [part.tolist() for part in (rows.train, rows.normal, rows.abnormal)] == [[0, 1, 2], [3, 4], [0, 1, 2, 3]]


@settings(deadline=None, max_examples=150, database=None)
@given(counts_of_clips, counts_of_clips, st.integers(1, 50), shares_of_clips, st.integers(0, 2**32 - 1))
def test_no_clip_has_two_roles_at_any_snr(n_reference, n_normal, n_abnormal, shares, seed) -> None:
    trained = ddae_rows(n_reference, shares["ddae"], seed, "fan/id_00", WHERE)
    assume(n_normal - len(trained) >= 3)
    rows = split_of(n_normal, n_abnormal, n_reference, shares, seed, "fan/id_00", WHERE)
    parts_of = [set(trained.tolist()), set(rows.train.tolist()), set(rows.normal.tolist())]
    assert sum(map(len, parts_of)) == len(set.union(*parts_of))
    assert len(trained) >= 1
    assert len(rows.train) >= 2
    assert len(rows.normal) >= 1
    assert rows.abnormal.tolist() == list(range(n_abnormal))
    assert set.union(*parts_of[1:]) == set(range(n_normal)) - parts_of[0]
    for part in (trained, rows.train, rows.normal):
        assert sorted(part.tolist()) == part.tolist()


@settings(deadline=None, max_examples=60, database=None)
@given(st.integers(50, 2000), st.integers(0, 1000))
def test_the_shares_are_those_asked_for(n_normal, seed) -> None:
    trained = ddae_rows(n_normal, 20, seed, "fan/id_00", WHERE)
    rows = split_of(n_normal, 9, n_normal, SHARES, seed, "fan/id_00", WHERE)
    for part, share in ((trained, 0.20), (rows.train, 0.56), (rows.normal, 0.24)):
        assert len(part) == pytest.approx(share * n_normal, abs=1.01)


def test_the_same_recordings_have_the_same_role_at_every_snr() -> None:
    first, second = (split_of(500, n, 500, SHARES, 3, "fan/id_00", WHERE) for n in (10, 20))
    assert np.array_equal(first.train, second.train)
    assert np.array_equal(first.normal, second.normal)


def test_seed_and_id_shuffle_differently() -> None:
    units = [(0, "fan/id_00"), (1, "fan/id_00"), (0, "fan/id_02"), (0, "pump/id_00")]
    tested = {tuple(split_of(200, 5, 200, SHARES, *unit, WHERE).normal.tolist()) for unit in units}
    assert len(tested) == len(units)
    everywhere = np.concatenate([split_of(200, 5, 200, SHARES, seed, "x", WHERE).normal for seed in range(60)])
    assert set(everywhere.tolist()) == set(range(200))


@pytest.mark.parametrize(("n_normal", "n_abnormal", "n_reference"), [(3, 5, 3), (0, 5, 100), (4, 2, 900)])
def test_too_few_clips_for_the_strict_protocol_are_named(n_normal, n_abnormal, n_reference) -> None:
    with pytest.raises(UserError, match=f"{WHERE}.*too few for the strict protocol"):
        split_of(n_normal, n_abnormal, n_reference, {**SHARES, "ddae": 90}, 0, "fan/id_00", WHERE)


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(st.integers(0, 30), st.integers(0, 60), shares_of_clips, st.integers(0, 2**32 - 1))
def test_counts_that_no_seed_can_split_are_refused_beforehand(n_normal, n_reference, shares, seed) -> None:
    """Where there are no fewer clips than at the reference SNR, all counts that can't be split are."""

    def message(split) -> str:
        try:
            split()
        except UserError as error:
            return str(error)
        return ""

    before = message(lambda: check_strict_counts(n_normal, n_reference, shares, WHERE))
    later = message(lambda: split_of(n_normal, 5, n_reference, shares, seed, "fan/id_00", WHERE))
    assert before in ("", later)
    if n_normal >= n_reference:
        assert before == later


def test_counts_that_some_seed_can_split_are_not_refused_beforehand() -> None:
    shares = {"ddae": 50, "ad_train": 30, "ad_test": 20}
    check_strict_counts(4, 9, shares, WHERE)  # 5 unseen rows might all train the DDAE
    with pytest.raises(UserError, match=r"2 normal clips are too few .* beside 4 clips that train the DDAE"):
        check_strict_counts(2, 9, shares, WHERE)
    with pytest.raises(UserError, match="at least 4 are needed"):
        check_strict_counts(9, 3, shares, WHERE)


@pytest.mark.parametrize(("n_normal", "share", "count"), [(4, 1, 1), (4, 99, 1), (10, 20, 2), (10, 90, 7)])
def test_the_ddae_leaves_three_clips_under_the_strict_protocol(n_normal, share, count) -> None:
    assert strict_ddae_count(n_normal, share, WHERE) == count
    assert len(ddae_rows(n_normal, share, 0, "fan/id_00", WHERE)) == count


def test_training_rows_follow_the_protocol() -> None:
    common = {"machine": "fan", "reference_snr": "snr6"}
    counts = {"id_00": 50, "id_02": 8}
    paper = {**common, "protocol": "paper", "clips": [10, 9], "on_shortfall": "shrink"}
    rows = training_rows(listed(counts), paper)
    assert {name: part.tolist() for name, part in rows.items()} == {"id_00": [*range(10)], "id_02": [*range(8)]}
    with pytest.raises(UserError, match="machine fan, SNR snr6, ID id_02"):
        training_rows(listed(counts), {**paper, "on_shortfall": "error"})
    strict = training_rows(listed(counts), {**common, "protocol": "strict", "share": 20, "seed": 7})
    for name, count in counts.items():
        assert np.array_equal(strict[name], ddae_rows(count, 20, 7, f"fan/{name}", WHERE))


def test_detection_rows_follow_the_protocol() -> None:
    common = {"machine": "fan", "reference_snr": "snr6"}
    counts = {("snr6", "id_00"): (50, 9), ("snr0", "id_00"): (40, 8)}
    paper = {**common, "protocol": "paper", "clips": [[30, 10], [20, 6]], "on_shortfall": "error"}
    rows = detection_splits(pairs(counts), paper)
    assert rows["snr0", "id_00"].train.tolist() == [*range(20)]
    assert rows["snr0", "id_00"].normal.tolist() == [20, 21, 22]
    assert rows["snr6", "id_00"].abnormal.tolist() == [*range(5)]
    strict = {**common, "protocol": "strict", "shares": SHARES, "seed": 7}
    trained = training_rows(listed({"id_00": 50}), {**strict, "share": 20})["id_00"]
    for unit, (n_normal, _) in counts.items():
        part = detection_splits(pairs(counts), strict)[unit]
        together = np.concatenate([part.train, part.normal, trained[trained < n_normal]])
        assert sorted(together.tolist()) == [*range(n_normal)]


def test_without_abnormal_clips_strict_tests_normal_ones_and_paper_says_so() -> None:
    rows = split_of(100, 0, 100, SHARES, 0, "fan/id_00", WHERE)
    with_abnormal = split_of(100, 7, 100, SHARES, 0, "fan/id_00", WHERE)
    assert rows.abnormal.tolist() == []
    assert rows.normal.tolist() == with_abnormal.normal.tolist()
    for on_shortfall in ("error", "shrink"):
        assert "protocols: [strict]" in result_or_message(AskedCounts(5, 10, 6), 100, 0, on_shortfall)
        assert "protocols: [strict]" not in str(result_or_message(AskedCounts(5, 10, 6), 3, 1, on_shortfall))


# ----------------------------------------------------------------------------------- recordings that are cut into clips


def cut(lengths: list[int], split: str = "") -> Listed:
    """Clips of recordings of so many clips each."""
    names = [f"{number}.wav" for number, length in enumerate(lengths) for _ in range(length)]
    return Listed(names, [split] * len(names))


def recordings_of(clips: Listed, rows: Any) -> set[str]:
    return {clips.recordings[row] for row in rows}


lengths = st.lists(st.integers(1, 12), min_size=2, max_size=12)
seeds = st.integers(0, 50)


@settings(deadline=None, derandomize=True)
@given(lengths, st.integers(0, 2), seeds)
def test_clips_of_a_recording_never_train_and_test(of: list[int], dropped: int, seed: int) -> None:
    """At any SNR, also where it lacks recordings, and for the DDAE as well as for the detectors."""
    reference, here = cut(of), cut(of[: len(of) - dropped])
    assume(len(here) >= 4)
    try:
        trained = strict_ddae_rows(reference, 20, seed, "fan/id_00", WHERE)
        split = strict_split(here, 3, reference, SHARES, seed, "fan/id_00", WHERE)
    except UserError as error:
        assert "fewer" in str(error) or "few" in str(error) or "one recording" in str(error)  # noqa: PT017
        return
    tested = recordings_of(here, split.normal)
    assert tested
    assert not tested & recordings_of(here, split.train)
    assert not tested & recordings_of(reference, trained)
    assert not set(split.train) & {row for row in trained if row < len(here)}
    assert len(split.train) >= 2


@settings(deadline=None, derandomize=True)
@given(lengths, st.integers(2, 30), st.integers(1, 10))
def test_the_paper_tests_no_rest_of_a_training_recording(of: list[int], n_train: int, n_normal: int) -> None:
    clips = cut(of)
    assume(n_train + n_normal <= len(clips))
    try:
        split = paper_split(Counts(n_train, n_normal, 5), clips, "shrink", WHERE)
    except UserError as error:
        assert "no training clip was cut from" in str(error)  # noqa: PT017
        return
    assert split.train.tolist() == list(range(n_train))
    assert not recordings_of(clips, split.train) & recordings_of(clips, split.normal)
    assert 1 <= len(split.normal) <= n_normal
    with (
        pytest.raises(UserError, match="no training clip was cut from")
        if len(split.normal) < n_normal
        else nullcontext()
    ):
        paper_split(Counts(n_train, n_normal, 5), clips, "error", WHERE)


@settings(deadline=None, derandomize=True)
@given(st.integers(6, 400), st.integers(0, 30), seeds)
def test_whole_recordings_are_split_as_by_the_plain_method(n_normal: int, more: int, seed: int) -> None:
    """A permutation: its first share trains the DDAE, the next ones test, all others train."""
    unit, n_reference = "fan/id_00", n_normal + more

    def shuffled(count: int) -> list[int]:
        return np.random.default_rng([seed, zlib.crc32(unit.encode())]).permutation(count).tolist()

    taken = shuffled(n_reference)[: strict_ddae_count(n_reference, SHARES["ddae"], WHERE)]
    left = [row for row in shuffled(n_normal) if row not in taken]
    assume(len(left) >= 3)
    tested = min(max(1, round(len(left) * 24 / 80)), len(left) - 2)
    split = split_of(n_normal, 4, n_reference, SHARES, seed, unit, WHERE)
    assert ddae_rows(n_reference, SHARES["ddae"], seed, unit, WHERE).tolist() == sorted(taken)
    assert split.normal.tolist() == sorted(left[:tested])
    assert split.train.tolist() == sorted(left[tested:])


@settings(deadline=None, derandomize=True)
@given(lengths, lengths, seeds)
def test_the_given_split_is_kept_but_for_clips_that_train_the_ddae(
    train: list[int], test: list[int], seed: int
) -> None:
    first, second = cut(train, "train"), cut(test, "test")
    clips = Listed([*first.recordings, *(f"t{name}" for name in second.recordings)], [*first.splits, *second.splits])
    abnormal = Listed(["a", "b", "c"], ["test", "train", "test"])
    assume(len(first) >= 3)
    trained = given_ddae_rows(clips, 26, seed, "fan/id_00", WHERE)
    split = given_split(clips, abnormal, clips, SHARES, seed, "fan/id_00", WHERE)
    assert split.normal.tolist() == list(range(len(first), len(clips)))
    assert split.abnormal.tolist() == [0, 2]
    assert set(split.train).isdisjoint(trained)
    assert len(split.train) >= 2
    assert set(split.train) | set(given_ddae_rows(clips, 100 * 20 / 76, seed, "fan/id_00", WHERE)) == set(
        range(len(first))
    )


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        (
            Listed(["a", "b", "c", "d"], ["train", "train", "train", ""]),
            r"1 of 4 clips.*\{split\}",
        ),
        (Listed(["a", "b", "c"], ["train", "train", "test"]), "2 normal training clips are given, too few"),
        (Listed(["a", "b", "c", "d"], ["train"] * 4), "0 to test them"),
    ],
)
def test_a_given_split_that_can_not_be_is_named(clips: Listed, said: str) -> None:
    with pytest.raises(UserError, match=f"{WHERE}.*{said}"):
        given_split(clips, Listed([], []), clips, SHARES, 0, "fan/id_00", WHERE)


def test_a_single_recording_can_not_train_and_test() -> None:
    with pytest.raises(UserError, match=r"all 40 normal clips were cut from one recording.*Add another recording"):
        strict_split(cut([40]), 5, cut([40]), SHARES, 0, "fan/id_00", WHERE)


def settings_of_both(protocol: str, asked: tuple[int, int, int], seed: int, snrs: int) -> tuple[dict, dict]:
    """Of the training of the DDAE and of detection, as jobs are given them."""
    common = {"machine": "fan", "reference_snr": "a", "protocol": protocol, "seed": seed, "on_shortfall": "shrink"}
    if protocol == "paper":
        return common | {"clips": [asked[0]]}, common | {"clips": [asked[1:]] * snrs}
    share = SHARES["ddae"] if protocol == "strict" else 100 * SHARES["ddae"] / (SHARES["ddae"] + SHARES["ad_train"])
    return common | {"share": share}, common | {"shares": SHARES}


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.sampled_from(["paper", "strict", "given"]),
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=2, max_size=14),
    st.tuples(st.integers(1, 5), st.integers(5, 20), st.integers(2, 20)),
    st.integers(0, 3),
    seeds,
)
def test_no_recording_trains_and_tests_and_no_clip_has_two_roles_at_any_snr(protocol, of, asked, lost, seed) -> None:
    """Recording n is the same one at every SNR, though its file is not, and at some the last ones may be missing."""
    of.sort(key=lambda one: one[1])  # training clips come first

    def clips_at(snr: str, count: int) -> Listed:
        every = [(f"{snr}/{number}.wav", "test" if test else "train") for number, (_, test) in enumerate(of[:count])]
        each = [one for one, (length, _) in zip(every, of, strict=False) for one in [one] * length]
        return Listed([name for name, _ in each], [split for _, split in each])

    abnormal = Listed(["x", "x", "y"], ["test"] * 3)
    snrs = {"a": clips_at("a", len(of)), "b": clips_at("b", len(of)), "c": clips_at("c", len(of) - lost)}
    training, detection = settings_of_both(protocol, asked, seed, len(snrs))
    try:
        ddae = training_rows({"id_00": snrs["a"]}, training)["id_00"]
        split = detection_splits({(snr, "id_00"): (clips, abnormal) for snr, clips in snrs.items()}, detection)
    except UserError as error:
        assert str(error).startswith("machine fan, SNR ")  # noqa: PT017
        return

    def numbers(rows: Any, clips: Listed) -> set[str]:
        return {name.split("/")[1] for name in recordings_of(clips, rows)}

    assert len(ddae) >= 1
    for snr, clips in snrs.items():
        train, normal = split[snr, "id_00"].train, split[snr, "id_00"].normal
        assert len(train) >= 2
        assert len(normal) >= 1
        assert len(set(train)) == len(train)
        assert len(set(normal)) == len(normal)
        assert not numbers(normal, clips) & numbers(train, clips)
        assert not numbers(normal, clips) & numbers(ddae, snrs["a"]) or (protocol == "paper" and len(train) < len(ddae))
        if protocol != "paper":  # where the clips that train the DDAE train detectors as well
            assert set(train).isdisjoint(ddae)
        if protocol == "given":
            assert normal.tolist() == clips.rows_of("test").tolist()
            assert set(train) <= set(clips.rows_of("train"))
    for part in ("train", "normal", "abnormal"):
        assert np.array_equal(getattr(split["a", "id_00"], part), getattr(split["b", "id_00"], part))


def test_a_clip_that_trains_the_ddae_is_known_by_its_place_in_its_recording() -> None:
    """Not by its row: a recording may be shorter at another SNR, so that later rows move up."""
    reference, here = cut([4, 4, 4, 4]), cut([4, 3, 4, 4])
    trained = strict_ddae_rows(reference, 20, 1, "fan/id_00", WHERE)
    split = strict_split(here, 1, reference, SHARES, 1, "fan/id_00", WHERE)
    known = {(reference.recordings[row], int(reference.numbers()[1][row])) for row in trained}
    left_out = set(range(15)) - set(split.train) - set(split.normal)
    assert {(here.recordings[row], int(here.numbers()[1][row])) for row in left_out} == known - {("1.wav", 3)}
