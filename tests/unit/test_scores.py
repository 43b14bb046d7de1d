"""The two files that hold the scores of one ID at one SNR."""

from __future__ import annotations

import csv
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from asd.detection.clips import ScoredClip, ScoredClips
from asd.detection.scores import Scores, UnitScores, read_scores, score_paths, write_scores
from asd.errors import UserError
from named_clips import files_of, scored_clips

AWKWARD = ["a, b.wav", 'the "loud" one.wav', "팬 정상.wav", " spaces .wav", "NA", "two\nlines.wav", "'00'"]
CLIPS = scored_clips(("n0", "n1", "n2"), ("n7", "n9"), ("a0", "a1", "a2"))
SCORES = {
    "LOF": Scores(np.array([1.0, 1 / 3, 2.5]), np.array([0.1, 2.0, 1e-300, np.pi, -4.0]), 1.9, (13, 2)),
    "KNN-raw": Scores(np.arange(3.0), np.arange(5.0), 2.0),
}


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "new" / "scores.csv", tmp_path / "new" / "summary.json"
    write_scores(UnitScores(CLIPS, SCORES, "strict"), *paths)
    return paths


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_are_the_clip_and_a_score_and_a_decision_for_each_detector(written) -> None:
    header = written[0].read_text(encoding="utf-8").splitlines()[0]
    assert (
        header
        == "file,part,label,protocol,LOF_score,LOF_decision,KNN-raw_score,KNN-raw_decision,start,condition,attributes"
    )


def test_each_line_names_its_file_part_label_and_protocol(written) -> None:
    rows = read_rows(written[0])
    assert [row["file"] for row in rows] == ["n0", "n1", "n2", "n7", "n9", "a0", "a1", "a2"]
    assert [row["part"] for row in rows] == ["train"] * 3 + ["test"] * 5
    assert [row["label"] for row in rows] == ["normal"] * 5 + ["abnormal"] * 3
    assert {row["protocol"] for row in rows} == {"strict"}


def test_decisions_follow_the_threshold_and_a_score_equal_to_it_is_normal(written) -> None:
    rows = read_rows(written[0])
    assert [row["LOF_decision"] for row in rows] == [
        "abnormal" if float(row["LOF_score"]) > 1.9 else "normal" for row in rows
    ]
    flagged = [float(row["KNN-raw_score"]) for row in rows if row["KNN-raw_decision"] == "abnormal"]
    assert flagged == [3.0, 4.0]


def test_everything_is_read_back_exactly(written) -> None:
    files = read_scores(*written)
    assert files.clips == CLIPS
    assert files.protocol == "strict"
    assert list(files.scores) == list(SCORES)
    for name, expected in SCORES.items():
        got = files.scores[name]
        assert np.array_equal(got.train, expected.train)
        assert np.array_equal(got.test, expected.test)
        assert (got.threshold, got.components) == (expected.threshold, expected.components)


ABOUT = ScoredClips(
    (ScoredClip("n.wav", "0"), ScoredClip("n.wav", "0.1", "cold", '{"speed": "3"}')),
    (ScoredClip("m.wav", "12.5", "", '{"speed": "4", "원인": "a, \\"b\\""}'),),
    (ScoredClip("a.wav", condition="leak, large"), ScoredClip("a.wav", "0.1", "누수")),
    (ScoredClip("u.wav"), ScoredClip("m.wav", "0"), ScoredClip("v.wav", condition="?")),
)


def test_start_condition_attributes_and_unlabelled_clips_are_read_back(tmp_path: Path) -> None:
    scores = {
        "LOF": Scores(np.arange(2.0), np.arange(3.0), 1.5, (3, 1), np.array([9.0, -1 / 3, 1.0])),
        "IF": Scores(np.arange(2.0), np.arange(3.0), 0.5, None, np.array([0.5, 0.6, 0.7])),
    }
    paths = tmp_path / "s.csv", tmp_path / "s.json"
    write_scores(UnitScores(ABOUT, scores, "given"), *paths)
    content = read_scores(*paths)
    assert content.clips == ABOUT
    for name, expected in scores.items():
        for part in ("train", "test", "unlabelled"):
            assert np.array_equal(getattr(content.scores[name], part), getattr(expected, part))
    assert json.loads(paths[1].read_text(encoding="utf-8"))["n_unlabelled"] == 3
    lines = read_rows(paths[0])
    assert [(line["part"], line["label"]) for line in lines] == [
        *[("train", "normal")] * 2,
        ("test", "normal"),
        *[("test", "abnormal")] * 2,
        *[("test", "unlabelled")] * 3,
    ]
    assert [line["LOF_decision"] for line in lines[-3:]] == ["abnormal", "normal", "normal"]
    assert lines[4] == lines[4] | {"file": "a.wav", "start": "0.1", "condition": "누수", "attributes": ""}


def test_labels_are_those_of_the_test_clips() -> None:
    assert CLIPS.labels.tolist() == [False, False, True, True, True]
    assert files_of(CLIPS.tested) == ("n7", "n9", "a0", "a1", "a2")


def test_summary_holds_thresholds_and_counts(written) -> None:
    summary = json.loads(written[1].read_text(encoding="utf-8"))
    assert len(summary.pop("crc32")) == 8
    assert summary == {
        "protocol": "strict",
        "thresholds": {"LOF": 1.9, "KNN-raw": 2.0},
        "map_mfcc": {"LOF": 13},
        "map_basic": {"LOF": 2},
        "n_train": 3,
        "n_normal": 2,
        "n_abnormal": 3,
        "n_unlabelled": 0,
        "origin": {},
        "scores_crc32": f"{zlib.crc32(written[0].read_bytes()):08x}",
    }


def test_awkward_file_names_survive(tmp_path: Path) -> None:
    clips = scored_clips(tuple(AWKWARD[:4]), tuple(AWKWARD[4:]), ("이상,음.wav",))
    scores = {"LOF": Scores(np.arange(4.0), np.arange(4.0), 4.5)}
    write_scores(UnitScores(clips, scores, "paper"), tmp_path / "s", tmp_path / "j")
    assert read_scores(tmp_path / "s", tmp_path / "j").clips == clips


def test_nothing_but_the_two_files_is_left(written) -> None:
    assert sorted(os.listdir(written[0].parent)) == ["scores.csv", "summary.json"]


@pytest.mark.parametrize(
    "damage",
    [
        *("cut", "no scores", "other counts", "no json", "missing", "word", "digit", "last line lost", "lines swapped"),
        *("number cut", "threshold", "list for json", "deep json", "scores of others"),
    ],
)
def test_damaged_files_are_named(written, damage: str) -> None:
    scores, summary = written
    text = scores.read_text(encoding="utf-8")
    match damage:
        case "cut":
            scores.write_text(text[: len(text) // 2])
        case "no scores":
            scores.write_text("")
        case "other counts":
            summary.write_text(summary.read_text().replace('"n_normal": 2', '"n_normal": 3'))
        case "no json":
            summary.write_text("{")
        case "missing":
            scores.unlink()
        case "word":
            scores.write_text(text.replace("2.5", "many"))
        case "digit":
            scores.write_text(text.replace("2.5", "2.6"))
        case "last line lost":
            scores.write_text(text[: text.rindex("a2")])
        case "lines swapped":
            scores.write_text(text.replace("n0", "n9", 1))
        case "number cut":
            scores.write_text(text.replace("3.141592653589793", "3.1415926"))
        case "threshold":
            summary.write_text(summary.read_text().replace("1.9", "1.8"))
        case "list for json":
            summary.write_text("[1, 2]")
        case "deep json":
            summary.write_text("[" * 100_000)
        case "scores of others":
            others = {"LOF": Scores(np.zeros(3), np.zeros(5), 0.0)}
            write_scores(UnitScores(CLIPS, others, "strict"), scores, summary.with_name("other.json"))
    with pytest.raises(UserError, match=r"scores\.csv.*can't be read"):
        read_scores(scores, summary)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["train", "test", "threshold"])
def test_scores_that_are_not_finite_are_refused_when_they_are_written(tmp_path: Path, value: float, where: str) -> None:
    values = {"train": np.zeros(3), "test": np.zeros(5), "threshold": 0.0}
    values[where] = value if where == "threshold" else np.append(values[where][1:], value)
    with pytest.raises(UserError, match=r"KNN gave scores that are not finite.*detectors"):
        write_scores(UnitScores(CLIPS, {"KNN": Scores(**values)}, "paper"), tmp_path / "s.csv", tmp_path / "s.json")
    assert os.listdir(tmp_path) == []


def test_the_same_scores_are_written_in_the_same_bytes(written, tmp_path: Path) -> None:
    again = tmp_path / "s.csv", tmp_path / "s.json"
    write_scores(UnitScores(CLIPS, SCORES, "strict"), *again)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_a_pair_of_files_is_called_after_snr_and_id(tmp_path: Path) -> None:
    write_scores(UnitScores(CLIPS, SCORES, "paper"), *score_paths(tmp_path / "nf0.7_seed0", "snr_6", "id_00"))
    assert sorted(os.listdir(tmp_path / "nf0.7_seed0")) == ["snr_6_id_00.csv", "snr_6_id_00.json"]
    assert read_scores(*score_paths(str(tmp_path / "nf0.7_seed0"), "snr_6", "id_00")).clips == CLIPS
