"""What rules say of their jobs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from asd.ddae.run import Run
from asd.plan import messages
from asd.recordings.layout import Folder
from places import REPOSITORY
from plans import plan_of
from small_data import make_recordings, small_config

FILES = [REPOSITORY / "Snakefile", REPOSITORY / "workflow/Snakefile", *(REPOSITORY / "workflow/rules").glob("*.smk")]


def test_every_rule_has_a_message_and_every_function_a_rule() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    bodies = re.split(r"^ *rule (?=\w+:$)", text, flags=re.MULTILINE)[1:]
    assert len(bodies) > 25
    said = {body.partition(":")[0]: re.findall(r'^ +message:\n +"(.*)"$', body, re.MULTILINE) for body in bodies}
    assert {rule for rule, found in said.items() if len(found) != 1} == set()
    described = {rule for rule, found in said.items() if found == ["{params.about}"]}
    public = {name for name, value in vars(messages).items() if getattr(value, "__module__", "") == messages.__name__}
    assert described == {name for name in public if not name.startswith("_")}
    for rule in described:
        assert re.search(rf"about=described\(\s*messages\.{rule},", text), rule


def test_messages_name_machine_level_and_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_recordings(tmp_path / "recordings", {"fan": ["id_00"]}, {"snr6": "6_dB"})
    plan = plan_of(small_config())
    folder = Folder("fan", "snr6", "id_00", "normal")
    assert messages.extract_features(plan, folder) == "fan id_00 at 6 dB: features of 14 normal recordings"
    only = plan_of({**small_config(), "snrs": {"as_recorded": ""}, "reference_snr": "as_recorded"})
    said = messages.extract_features(only, Folder("fan", "as_recorded", "id_00", "normal"))
    assert said == "fan id_00: features of normal recordings"
    missing = Folder("pump", "snr_6", "id_00", "abnormal")
    assert messages.extract_features(plan, missing) == "pump id_00 at -6 dB: features of abnormal recordings"
    run = Run(0.5, 0, "strict")
    assert messages.train_ddae(plan, "fan", run) == "fan, noise factor 0.5, seed 0, strict: training of the DDAE"
    over = [Run(None, None, "paper")]
    assert messages.plot_confusion(plan, "fan", over) == "fan, all noise factors, all seeds: confusion matrices"
    assert messages.train_classifier(plan, None, 0, "paper").startswith("all machines, seed 0, paper: ")


def test_features_taken_over_are_counted(tmp_path: Path) -> None:
    np.save(tmp_path / "fan_snr6_id_00_normal.npy", np.zeros((3, 136), np.float32))
    cache = f"{tmp_path}/{{machine}}_{{snr}}_{{id}}_{{kind}}.npy"
    plan = plan_of({**small_config(), "dataset": {"cache": cache}})
    said = messages.import_features(plan, Folder("fan", "snr6", "id_00", "normal"))
    assert said == "fan id_00 at 6 dB: features of 3 normal clips, taken over"


def test_names_of_others_are_harmless_in_one_line_and_short() -> None:
    plan = plan_of(small_config())
    said = messages.evaluate_scores(plan, "{팬}\x1b[2J\n<b>")
    assert said.startswith("{팬}\\x1b[2J\\x0a<b>: ")
    assert len(messages.evaluate_scores(plan, "x" * 1000)) <= 160
