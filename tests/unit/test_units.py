"""The clips of some IDs: features, names and splits together, and each file read once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asd.detection.clips import ScoredClip
from asd.detection.units import UnitClips, read_unit_clips
from asd.errors import UserError
from asd.features.caches import ClipRecord, write_cache
from asd.splits import Listed, detection_splits
from named_clips import files_of

UNITS = [("snr6", "id_00"), ("snr6", "id_02"), ("snr0", "id_00"), ("snr0", "id_02")]
COUNTS = {"normal": [20, 12, 20, 15], "abnormal": [6, 0, 6, 4]}
SETTINGS: dict[str, Any] = {
    **{"machine": "fan", "reference_snr": "snr6", "protocol": "strict", "units": [list(unit) for unit in UNITS]},
    **{"shares": {"ddae": 20, "ad_train": 56, "ad_test": 24}, "seed": 3},
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[Path]]:
    """Caches and clip lists of four units, in which every row says where it is from."""
    written: dict[str, list[Path]] = {"normal": [], "normal_clips": [], "abnormal": [], "abnormal_clips": []}
    for kind, counts in COUNTS.items():
        for number, (unit, count) in enumerate(zip(UNITS, counts, strict=True)):
            stem = tmp_path / f"{'_'.join(unit)}_{kind}"
            features = np.zeros((count, 136), np.float32)
            features[:, 0], features[:, 1], features[:, 2] = np.arange(count), number, kind == "abnormal"
            clips = [ClipRecord(f"{'/'.join(unit)}/{kind}/{row}.wav") for row in range(count)]
            paths = stem.with_suffix(".npy"), stem.with_suffix(".csv")
            write_cache(*paths, features, clips, allow_empty=True)
            for key, path in zip((kind, f"{kind}_clips"), paths, strict=True):
                written[key].append(path)
    return written


def read(files: dict[str, list[Path]], **changes: Any) -> list[UnitClips]:
    return read_unit_clips(**files, settings=SETTINGS | changes)


def test_features_and_names_are_of_the_same_clips(files) -> None:
    units = read(files)
    assert [(unit.snr, unit.machine_id) for unit in units] == UNITS
    for number, unit in enumerate(units):
        names = unit.names()
        normal, abnormal = unit.test()
        parts = ((unit.train(), names.train, "normal"), (normal, names.normal, "normal"))
        for features, named, kind in (*parts, (abnormal, names.abnormal, "abnormal")):
            assert features.dtype == np.float32
            assert features.shape == (len(named), 136)
            assert set(features[:, 1]) <= {number}
            assert set(features[:, 2]) <= {kind == "abnormal"}
            expected = tuple(f"{unit.snr}/{unit.machine_id}/{kind}/{int(row)}.wav" for row in features[:, 0])
            assert files_of(named) == expected


def test_splits_are_those_of_the_counts(files) -> None:
    pairs = zip(*COUNTS.values(), strict=True)
    counts = {unit: tuple(map(Listed.whole, pair)) for unit, pair in zip(UNITS, pairs, strict=True)}
    expected = detection_splits(counts, SETTINGS)
    for unit in read(files):
        split = expected[unit.snr, unit.machine_id]
        for name in ("train", "normal", "abnormal"):
            assert np.array_equal(getattr(unit.split, name), getattr(split, name))


def test_each_file_is_opened_once(files, monkeypatch) -> None:
    opened: list[str] = []
    really_open = open

    def counted(path: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(str(path))
        return really_open(path, *arguments, **options)

    monkeypatch.setattr("io.open", counted)  # of `pathlib`
    monkeypatch.setattr("builtins.open", counted)
    read(files)
    assert sorted(opened) == sorted(str(path) for paths in files.values() for path in paths)


def test_unlabelled_clips_are_beside_the_split(files, tmp_path: Path) -> None:
    unlabelled: list[list[Path]] = [[], []]
    for number, count in enumerate([3, 0, 1, 0]):
        clips = [ClipRecord(f"u{row}.wav", start="10", condition="?") for row in range(count)]
        paths = tmp_path / f"{number}.npy", tmp_path / f"{number}.csv"
        write_cache(*paths, np.full((count, 136), number, np.float32), clips, allow_empty=True)
        for listed, path in zip(unlabelled, paths, strict=True):
            listed.append(path)
    units = read({**files, "unlabelled": unlabelled[0], "unlabelled_clips": unlabelled[1]})
    assert [len(unit.names().unlabelled) for unit in units] == [3, 0, 1, 0]
    assert [unit.unlabelled.features.tolist() for unit in units] == [
        [[n] * 136] * c for n, c in enumerate([3, 0, 1, 0])
    ]
    assert units[2].names().unlabelled == (ScoredClip("u0.wav", "10", "?"),)
    for unit, without in zip(units, read(files), strict=True):
        assert np.array_equal(unit.train(), without.train())
        assert unit.names() == replace(without.names(), unlabelled=unit.names().unlabelled)


def test_clips_of_one_recording_are_on_one_side(tmp_path: Path) -> None:
    """As the clip list says it, by the name of the file."""
    paths = {name: [tmp_path / name] for name in ("normal", "normal_clips", "abnormal", "abnormal_clips")}
    clips = [ClipRecord(f"{row // 4}.wav", start=str(row % 4)) for row in range(32)]
    for kind, count in (("normal", 32), ("abnormal", 8)):
        features = np.zeros((count, 136), np.float32)
        write_cache(paths[kind][0], paths[f"{kind}_clips"][0], features, clips[:count])
    (unit,) = read(paths, units=[["snr6", "id_00"]])
    names = unit.names()
    assert set(files_of(names.normal)).isdisjoint(files_of(names.train))
    assert len(names.normal) % 4 == 0
    assert len(names.train) + len(names.normal) < 32


def test_too_few_clips_are_named(files) -> None:
    with pytest.raises(UserError, match=r"machine fan, SNR snr6, ID id_02.*the split asks for"):
        read(files, protocol="paper", clips=[[4, 4]] * 4, on_shortfall="error")


def test_lists_of_another_length_are_a_mistake_of_the_rules(files) -> None:
    with pytest.raises(ValueError, match="zip"):
        read({**files, "abnormal": files["abnormal"][:-1]})
