"""Files say whose they are; who reads them refuses what is another one's, stale or edited, and names it."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asd.ddae.denoiser import NETWORKS, Denoiser
from asd.ddae.loss import Curve, read_loss, write_loss
from asd.ddae.origins import expected_weights
from asd.ddae.scaling import MinMaxScaling
from asd.detection.clips import ScoredClip, ScoredClips
from asd.detection.origins import expected_evaluations, expected_scores, made_from_both
from asd.detection.scores import Scores, UnitScores, read_scores, score_paths, write_scores
from asd.detection.units import read_unit_clips
from asd.errors import UserError
from asd.evaluation.machine import read_replicates, read_unit_scores, write_replicates
from asd.features.caches import import_cache, read_cache, write_cache
from asd.features.cliplist import ClipRecord, read_clip_list, read_list_checksum, read_skipped, write_skipped
from asd.files.integrity import read_archive, read_origin_of_archive, write_archive
from asd.files.origin import NOTHING, Digested, Origin, made_from
from asd.plan import origins
from asd.recordings.layout import Folder
from plans import plan_of
from small_data import small_config

CACHE = Origin("fan", "snr6", "id_00", "normal", settings="mean")
RUN = Origin("fan", noise_factor="0.7", seed="0", protocol="strict", settings="a", made_from="b")


# ------------------------------------------------------------------------------------------------------------ origins


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"machine": "pump"}, "it is of machine pump, not fan"),
        ({"seed": "1", "noise_factor": "0.2"}, "it is of noise factor 0.2, not 0.7, of seed 1, not 0"),
        ({"protocol": "paper"}, "protocol paper, not strict"),
        ({"id": "id_02"}, "ID id_02, not ?"),
        ({"settings": "c"}, "other settings"),
        ({"made_from": "c"}, "made from other files than those that are there now"),
    ],
)
def test_what_is_another_ones_is_said(changes: dict[str, str], words: str) -> None:
    assert words in replace(RUN, **changes).difference(RUN)


def test_origins_are_told_apart_by_a_short_text_and_sent_as_they_are() -> None:
    about = {"own": [RUN.values()], "clips": [replace(RUN, seed=str(seed)).values() for seed in range(100)]}
    other = {**about, "own": [replace(RUN, settings="z").values()]}
    assert repr(Digested(about)) == repr(Digested(dict(reversed(about.items())))) != repr(Digested(other))
    assert len(repr(Digested(about))) < 40
    received = pickle.loads(pickle.dumps(Digested(about)))
    assert received == about
    assert type(received) is dict


def test_what_is_expected_is_taken_whatever_code_made_it() -> None:
    assert replace(RUN, code="x").difference(RUN) == ""
    assert RUN.difference(replace(RUN, made_from="")) == ""  # where it is not asked what it was made from


def test_what_does_not_say_whose_it_is_is_refused() -> None:
    assert Origin().difference(Origin()) == "it does not say whose it is"
    with pytest.raises(ValueError, match="does not say whose"):
        Origin.of({"colour": "red"})


# ------------------------------------------------------------------------------------------------------------- caches


def features(seed: int = 0, clips: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(clips, 136)).astype(np.float32)


def write(folder: Path, origin: Origin = CACHE, seed: int = 0, clips: int = 4, **about: str) -> tuple[Path, Path]:
    paths = (
        folder / f"{origin.snr}_{origin.id}_{origin.kind}.npy",
        folder / f"{origin.snr}_{origin.id}_{origin.kind}.csv",
    )
    records = [ClipRecord(f"{origin.kind}{number}.wav", extraction="v1-mean", **about) for number in range(clips)]
    write_cache(*paths, features(seed, clips), records, origin=origin, allow_empty=True)
    return paths


def test_a_cache_of_another_id_is_refused(tmp_path: Path) -> None:
    other = write(tmp_path, replace(CACHE, id="id_02"))
    assert len(read_cache(*other).clips) == 4
    with pytest.raises(UserError, match=r"id_02_normal\.npy: it is of ID id_02, not id_00\. Delete .* and run again"):
        read_cache(*other, expected=CACHE)
    with pytest.raises(UserError, match=r"id_02_normal\.csv: it is of ID id_02"):
        read_list_checksum(other[1], CACHE)


def test_a_cache_of_other_settings_is_refused_but_not_one_of_other_code(tmp_path: Path) -> None:
    paths = write(tmp_path)
    assert read_cache(*paths, expected=CACHE).clips[0].origin.code == "v1"
    with pytest.raises(UserError, match="other settings"):
        read_cache(*paths, expected=replace(CACHE, settings="0"))


def test_a_given_cache_is_taken_over_only_with_the_features_asked_for(tmp_path: Path) -> None:
    given, copy = tmp_path / "given.npy", (tmp_path / "copy.npy", tmp_path / "copy.csv")
    np.save(given, np.ones((4, 648), np.float32))
    with pytest.raises(UserError, match="it has 648 columns"):
        import_cache(given, None, *copy)
    import_cache(given, None, *copy, replace(CACHE, settings=""), ("mfcc", "basic", "temporal"))
    assert read_cache(*copy, expected=replace(CACHE, settings="temporal")).features.shape == (4, 648)
    import_cache(None, None, *copy, features=("mfcc", "basic", "temporal"))
    assert read_cache(*copy, allow_empty=True).features.shape == (0, 648)


@pytest.mark.parametrize("edit", [lambda lines: lines[:-1], lambda lines: [lines[1], lines[0], *lines[2:]]])
def test_a_cache_without_its_last_clip_or_with_two_in_another_order_is_refused(
    tmp_path: Path, edit: Callable[[list[str]], list[str]]
) -> None:
    array, clips = write(tmp_path)
    header, *lines = clips.read_text().splitlines()
    clips.write_text("\n".join([header, *edit(lines), ""]))
    np.save(array, np.array(edit(list(np.load(array)))))
    with pytest.raises(UserError, match="missing, changed places"):
        read_cache(array, clips)


def test_what_stands_for_a_cache_follows_from_what_results_depend_on_alone(tmp_path: Path) -> None:
    def checksum(seed: int = 0, **about: str) -> str:
        return read_list_checksum(write(tmp_path, seed=seed, **about)[1], CACHE)

    first = checksum()
    assert checksum(modified_ns="7", size="8", recordings="other") == first
    assert len({first, checksum(seed=1), checksum(condition="leak"), checksum(split="test")}) == 4
    assert read_cache(*write(tmp_path)).checksum == first


def test_a_cache_without_clips_is_taken_only_where_there_are_no_recordings(tmp_path: Path) -> None:
    empty = write(tmp_path, clips=0)
    nothing = replace(CACHE, made_from=NOTHING)
    assert read_cache(*empty, allow_empty=True, expected=nothing).checksum == NOTHING
    assert read_list_checksum(empty[1], nothing) == NOTHING
    with pytest.raises(UserError, match="there are no clips in it"):
        read_cache(*empty, allow_empty=True, expected=CACHE)
    with pytest.raises(UserError, match="made from other files"):
        read_cache(*write(tmp_path), allow_empty=True, expected=nothing)


def test_a_cache_that_was_given_gets_an_origin_whatever_it_had(tmp_path: Path) -> None:
    given = write(tmp_path / "given", replace(CACHE, machine="press"), recordings="somebody's")
    copy = tmp_path / "copy.npy", tmp_path / "copy.csv"
    origin = replace(CACHE, settings="")
    import_cache(*given, *copy, origin)
    assert read_cache(*copy, expected=origin).clips[0].origin == replace(origin, code="given")


def test_caches_of_detection_are_compared_each_with_its_own_origin(tmp_path: Path) -> None:
    settings = {"machine": "fan", "protocol": "paper", "reference_snr": "snr6", "on_shortfall": "error"}
    settings |= {"units": [["snr6", "id_00"], ["snr6", "id_02"]], "clips": [[2, 2], [2, 2]]}
    whose = [replace(CACHE, id=name, kind=kind) for kind in ("normal", "abnormal") for name in ("id_00", "id_02")]
    (n0, n2, a0, a2) = (write(tmp_path, origin, number) for number, origin in enumerate(whose))
    right = [n0[0], n2[0]], [n0[1], n2[1]], [a0[0], a2[0]], [a0[1], a2[1]]
    assert len(read_unit_clips(*right, settings, expected=whose)) == 2
    with pytest.raises(
        UserError, match=r"id_00_abnormal\.npy: it is of ID id_00, not id_02, of kind of clips abnormal"
    ):
        read_unit_clips([n0[0], a0[0]], [n0[1], a0[1]], *right[2:], settings, expected=whose)
    with pytest.raises(UserError, match=r"id_00_abnormal\.npy: it is of ID id_00, not id_02"):
        read_unit_clips(*right[:2], [a0[0], a0[0]], [a0[1], a0[1]], settings, expected=whose)


def test_an_edited_list_of_skipped_recordings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "skipped.csv"
    write_skipped(path, [["a.wav", "too short", "1", "2", "3"]])
    assert read_skipped(path)[0]["reason"] == "too short"
    path.write_text(path.read_text().replace("short", "long"))
    with pytest.raises(UserError, match=r"skipped\.csv: no list of recordings \(its checksum does not match\)"):
        read_skipped(path)


# ------------------------------------------------------------------------------------------------- weights and losses


def denoiser(seed: int = 0) -> Denoiser:
    random = np.random.default_rng(seed)

    def layers(width: int) -> list[tuple[np.ndarray, np.ndarray]]:
        shapes = [(4, width), (width, 4)]
        return [(random.normal(size=s).astype(np.float32), np.zeros(s[0], np.float32)) for s in shapes]

    scaling = MinMaxScaling(np.zeros(136, np.float32), np.ones(136, np.float32))
    return Denoiser(scaling, {name: layers(columns.stop - columns.start) for name, columns in NETWORKS.items()})


@pytest.mark.parametrize("changes", [{"seed": "1"}, {"machine": "pump"}, {"settings": "z"}, {"made_from": "z"}])
def test_weights_and_loss_of_another_training_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    weights, loss = tmp_path / "nf0.7.npz", tmp_path / "nf0.7.loss.csv"
    denoiser().save(weights, RUN)
    write_loss({name: Curve([0.5, 0.25], [], 0, 1) for name in NETWORKS}, loss, RUN)
    Denoiser.load(weights, RUN)
    assert read_loss(loss, RUN)["mfcc"].training == [0.5, 0.25]
    with pytest.raises(UserError, match=r"nf0\.7\.npz: .*Delete the file and run again"):
        Denoiser.load(weights, replace(RUN, **changes))
    with pytest.raises(UserError, match=r"nf0\.7\.loss\.csv: .*Delete the file and run again"):
        read_loss(loss, replace(RUN, **changes))


def test_weights_that_were_saved_again_with_another_value_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    denoiser().save(path, RUN)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["mfcc.0.weight"][0, 0] += 1
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=r"w\.npz.*do not match their checksum"):
        Denoiser.load(path, RUN)


def test_an_archive_says_whose_it_is_without_its_arrays_being_read(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.npz" for number in range(3)]
    for path, value in zip(paths, (1.0, 1.0, 2.0), strict=True):
        write_archive(path, {"a": np.full(3, value)}, RUN)
    first, same, other = map(read_origin_of_archive, paths)
    assert first == same == (RUN, first[1])
    assert other[1] != first[1]
    np.savez(paths[0], a=np.ones(3))
    with pytest.raises(KeyError, match="origin"):
        read_archive(paths[0])


def test_weights_have_to_be_made_from_the_caches_that_are_there(tmp_path: Path) -> None:
    lists = [write(tmp_path, replace(CACHE, id=name))[1] for name in ("id_00", "id_02")]
    about = {"own": [RUN.values()], "reference": [replace(CACHE, id=name).values() for name in ("id_00", "id_02")]}
    (before,) = expected_weights(about, "own", lists)
    write(tmp_path, replace(CACHE, id="id_02"), seed=9)
    (after,) = expected_weights(about, "own", lists)
    assert replace(before, made_from="") == replace(after, made_from="") == replace(RUN, made_from="")
    assert before.difference(after) == "it was made from other files than those that are there now"


# ----------------------------------------------------------------------------------------------- scores and ensembles


def content(origin: Origin = RUN) -> UnitScores:
    clips = ScoredClips(*(tuple(ScoredClip(f"{part}{n}") for n in range(3)) for part in "tna"))
    return UnitScores(clips, {"LOF": Scores(np.arange(3.0), np.arange(6.0), 2.5)}, "strict", origin)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("id_00", "id_02"):
        write_scores(content(replace(RUN, snr="snr6", id=name)), *score_paths(tmp_path / "scores", "snr6", name))
    return tmp_path / "scores"


def test_scores_of_another_id_or_run_are_refused(folder: Path) -> None:
    paths = score_paths(folder, "snr6", "id_02")
    assert read_scores(*paths, replace(RUN, snr="snr6", id="id_02")).origin.id == "id_02"
    with pytest.raises(UserError, match=r"snr6_id_02\.csv.*it is of ID id_02, not id_00.*Delete the folder .*scores"):
        read_scores(*paths, replace(RUN, snr="snr6", id="id_00"))
    with pytest.raises(UserError, match="it is of seed 0, not 3"):
        read_scores(*paths, replace(RUN, snr="snr6", id="id_02", seed="3"))


def test_scores_of_a_whole_run_are_each_of_their_id_and_of_what_is_there_now(folder: Path) -> None:
    run, units = ("strict", "0.7", "0"), [("snr6", "id_00"), ("snr6", "id_02")]
    assert len(read_unit_scores([folder], [run], units, [RUN])) == 2
    with pytest.raises(UserError, match="made from other files than those that are there now"):
        read_unit_scores([folder], [run], units, [replace(RUN, made_from="newer")])
    for old, new in zip(score_paths(folder, *units[1]), score_paths(folder, *units[0]), strict=True):
        new.write_bytes(old.read_bytes())
    with pytest.raises(UserError, match=r"snr6_id_00\.csv.* it is of ID id_02, not id_00"):
        read_unit_scores([folder], [run], units, [RUN])


def test_an_origin_that_was_edited_is_noticed(folder: Path) -> None:
    _, summary = score_paths(folder, "snr6", "id_00")
    values = json.loads(summary.read_text())
    values["origin"]["seed"] = "1"
    summary.write_text(json.dumps(values))
    with pytest.raises(UserError, match="checksum does not match"):
        read_scores(*score_paths(folder, "snr6", "id_00"), replace(RUN, seed="1", snr="snr6", id="id_00"))


def test_scores_have_to_be_made_from_the_weights_of_their_trainings(tmp_path: Path) -> None:
    clips = [write(tmp_path)[1]]
    trainings = [replace(RUN, seed=seed) for seed in ("0", "1")]
    weights = [tmp_path / "0.npz", tmp_path / "1.npz"]
    for number, path in enumerate(weights):
        denoiser(number).save(path, trainings[number])
    scored = [*trainings, replace(RUN, seed="all")]
    about = {name: [one.values() for one in of] for name, of in (("scores", scored), ("weights", trainings))}
    about["clips"] = [CACHE.values()]
    cache = read_list_checksum(clips[0], CACHE)
    sums = [read_origin_of_archive(path)[1] for path in weights]
    expected = [made_from_both([cache], of) for of in ([sums[0]], [sums[1]], sums)]
    assert [one.made_from for one in expected_scores(about, "scores", clips, weights)] == expected
    evaluation = replace(RUN, noise_factor="", seed="", protocol="", made_from="")
    (whole,) = expected_evaluations({"fan": {**about, "own": [evaluation.values()]}}, clips, weights)
    assert whole == replace(evaluation, made_from=made_from(expected))
    with pytest.raises(UserError, match=r"1\.npz.*it is of seed 1, not 0"):
        expected_scores(about, "scores", clips, [weights[1], weights[1]])


# ------------------------------------------------------------------------------------------------------------ the plan


def origins_of_plan(**changes: Any) -> dict[str, Origin]:
    config = small_config() | {"ensembles": [{"name": "E", "detectors": ["OCSVM", "LOF"]}]}
    for keys, value in changes.items():
        *above, last = keys.split("__")
        place = config
        for key in above:
            place = place.setdefault(key, {})
        place[last] = value
    plan = plan_of(config)
    run = plan.trainings[0]
    return {
        "cache": origins.of_cache(plan, Folder("fan", "snr6", "id_00", "normal")),
        "weights": origins.of_weights(plan, "fan", run),
        "scores": origins.of_scores(plan, "fan", run),
        "ensembles": origins.of_ensembles(plan, "fan", run),
        "evaluation": origins.of_evaluation(plan, "fan"),
    }


ALL = ["cache", "weights", "scores", "ensembles", "evaluation"]


@pytest.mark.parametrize(
    ("key", "value", "first"),
    [
        ("dataset__channel", 1, 0),
        ("ddae__epochs", 9, 1),
        ("ddae__epochs", "auto", 1),
        ("ddae__activation", "silu", 1),
        ("ddae__encoder_widths", {"mfcc": [32, 8]}, 1),
        ("ddae__encoder_widths", {"mfcc": [64, 32, 16, 8]}, 5),
        ("threshold_percentile", 90, 2),
        ("detectors", ["LOF", "OCSVM", "IF"], 2),
        ("ensembles", [{"name": "E", "detectors": ["OCSVM", "LOF"], "average": "rank"}], 3),
        ("statistics__replicates", 200, 4),
        ("ddae__device", "auto", 5),
        ("dataset__root", "elsewhere/", 5),
        ("detectors", ["LOF", "OCSVM"], 5),
        ("dataset__on_bad_clip", "skip", 5),
    ],
)
def test_settings_of_a_file_stand_for_those_of_all_it_is_made_from_and_for_no_others(
    key: str, value: Any, first: int
) -> None:
    before, after = origins_of_plan(), origins_of_plan(**{key: value})
    assert [name for name in ALL if before[name] != after[name]] == ALL[first:]


def test_where_there_are_no_abnormal_clips_their_cache_has_to_be_empty() -> None:
    dataset = {"root": "r", "pattern": "{snr_dir}/{machine}/{id}/*.wav", "kinds": {"normal": "normal"}}
    plan = plan_of(small_config() | {"dataset": dataset, "protocols": ["strict"]})
    folder = Folder("fan", "snr6", "id_00", "abnormal")
    assert origins.of_cache(plan, folder).made_from == NOTHING
    assert origins.of_cache(plan, replace(folder, kind="normal")).made_from == ""


# ---------------------------------------------------------------------------------------------------------- evaluation


def test_an_evaluation_of_another_machine_or_of_earlier_scores_is_refused(tmp_path: Path) -> None:
    table, path = tmp_path / "fan.csv", tmp_path / "fan.npz"
    table.write_text("a\n1\n")
    origin = Origin("fan", settings="s", made_from="scores")
    write_replicates({}, path, [table], origin)
    assert read_replicates(path, [table], origin) == {}
    for changes in ({"machine": "pump"}, {"settings": "t"}, {"made_from": "newer"}):
        with pytest.raises(UserError, match=r"fan\.npz: no readable replicates \(it .*Delete the file and run again"):
            read_replicates(path, [table], replace(origin, **changes))
    table.write_text("a\n2\n")
    with pytest.raises(UserError, match=r"fan\.csv: it is damaged"):
        read_replicates(path, [table], origin)


def test_columns_of_a_clip_list_say_whose_it_is(tmp_path: Path) -> None:
    _, clips = write(tmp_path)
    with clips.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {tuple(line[name] for name in ("machine", "snr", "id", "kind")) for line in lines} == {
        ("fan", "snr6", "id_00", "normal")
    }
    assert read_clip_list(clips)[0].origin == replace(CACHE, code="v1")
