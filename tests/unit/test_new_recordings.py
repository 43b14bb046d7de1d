"""What the configuration asks about new recordings, and of which model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from asd.errors import UserError
from asd.plan import paths
from asd.plan.configuration import ConfigurationError
from asd.plan.new_recordings import asked
from plans import plan_of
from small_data import small_config


def config(**changes: Any) -> dict[str, Any]:
    return {**small_config(), **changes}


def asking(**section: Any) -> Any:
    return plan_of(config(score=section))


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("new/b.wav", "new/a.wav", "new/notes.txt", "other.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_what_is_not_said_is_taken_where_there_is_one(recordings: Path) -> None:
    found = asked(asking(recordings="new", machine="fan", id="id_02", false_alarms=0.01))
    assert (found.machine, found.machine_id, found.false_alarms) == ("fan", "id_02", 0.01)
    assert found.snr == asking().reference_snr
    assert found.recordings == ["new"]
    assert found.place == f"results/scored/fan_{found.snr}_id_02"
    assert asked(asking(recordings="new", machine="fan", id="id_02", snr="snr_6")).snr == "snr_6"


def test_globs_are_filled_in(recordings: Path) -> None:
    of = {"machine": "fan", "id": "id_00"}
    assert asked(asking(recordings=["new/*.wav", "other.wav"], **of)).recordings == [
        "new/a.wav",
        "new/b.wav",
        "other.wav",
    ]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, r"score.recordings: which recordings\? For example:\n +snakemake score --config score="),
        ({"recordings": "new"}, r"score.machine: which of fan, pump\?"),
        ({"recordings": "new", "machine": "fan"}, r"score.id: which of id_00, id_02\?"),
        (
            {"recordings": "new", "machine": "fan", "id": "id_04"},
            r"score.id: 'id_04' is none of fan's \(id_00, id_02\)",
        ),
        ({"recordings": "*.flac", "machine": "fan", "id": "id_00"}, r"score.recordings: there is nothing at '\*.flac'"),
    ],
)
def test_what_is_missing_is_said(recordings: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        asked(asking(**section))


def test_without_models_nothing_can_be_asked(recordings: Path) -> None:
    plan = plan_of(config(models={"export": "none"}, score={"recordings": "new", "machine": "fan", "id": "id_00"}))
    assert [output for output in paths.final_outputs(plan) if "/models/" in output] == []
    with pytest.raises(UserError, match=r"models.export is none"):
        asked(plan)


def test_state_changes_with_recordings_and_with_nothing_else(recordings: Path) -> None:
    found = asked(asking(recordings="new", machine="fan", id="id_00"))
    before = found.state()
    (recordings / "new/notes.txt").write_bytes(b"more")
    assert found.state() == before
    os.utime(recordings / "new/a.wav", ns=(1, 1))
    changed = found.state()
    (recordings / "new/c.wav").write_bytes(b"x")
    assert len({before, changed, found.state()}) == 3


def test_models_are_of_the_first_training_unless_all_are_asked_for() -> None:
    def exported(**changes: Any) -> list[str]:
        plan = plan_of(config(noise_factors=[0.7, 0.2], seeds=[3, 1], protocols=["paper", "strict"], **changes))
        return [str(run) for run in plan.exported]

    assert sorted(exported()) == ["nf0.2_seed1", "nf0.2_seed1_strict"]
    assert len(exported(models={"export": "all"})) == 8
    assert exported(models={"export": "none"}) == []


def test_the_deciding_detector_is_the_first_ensemble_of_one_training() -> None:
    over = {"name": "A", "detectors": ["LOF"], "over": ["noise_factors"], "average": "z"}
    both = {"name": "B", "detectors": ["IF", "LOF"], "over": [], "average": "z"}
    given = {"detectors": ["IF", "LOF"], "protocols": ["paper"]}
    assert plan_of(config(**given, ensembles=[])).deciding_detector == "IF"
    assert plan_of(config(**given, ensembles=[over, both])).deciding_detector == "B"
    assert plan_of(config(**given, ensembles=[over], models={"detector": "LOF"})).deciding_detector == "LOF"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": {"detector": "HULL"}}, "models.detector: 'HULL' is none of OCSVM, LOF"),
        (
            {"models": {"detector": "O"}, "ensembles": [{"name": "O", "detectors": ["LOF"], "over": ["seeds"]}]},
            "models.detector: 'O' is none of OCSVM, LOF. It averages over several trainings, and a model is of one",
        ),
        ({"score": {"machine": "valve"}}, "score.machine: 'valve' is none of fan, pump"),
        ({"score": {"snr": "snr3"}}, "score.snr: 'snr3' is none of snr6, snr_6"),
        ({"score": {"false_alarms": 0}}, "score.false_alarms"),
        ({"models": {"export": "some"}}, "models.export"),
    ],
)
def test_what_there_is_none_of_is_said_before_anything_runs(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        plan_of(config(**changes))
    assert message in str(raised.value)
