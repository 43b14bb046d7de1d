"""From the demo to an explained alarm: what the pages say about using models, as printed."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import pages
from pages import is_printed, printed
from workflow_runner import snakemake, working_copy

pytestmark = pytest.mark.slow

USE = "docs/use.md"
ANOMALOUS = 1

# In this order: the page about using models, the command of the first page about the demo's models, the questions
COMMANDS = [
    *((USE, block) for block in printed(USE)),
    *(("README.md", block) for block in printed("README.md") if block.startswith("asd ")),
    *(("docs/faq.md", block) for block in printed("docs/faq.md") if "press" not in block),
]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A clone in which all of `COMMANDS` were given, and what they printed."""
    clone = working_copy(tmp_path_factory.mktemp("use") / "clone")
    programs = tmp_path_factory.mktemp("bin")
    asd = programs / "asd"  # as `pip install` makes it
    asd.write_text(
        f"#!{sys.executable}\nimport sys\nfrom asd.scoring.command import main\nsys.exit(main())\n", encoding="utf-8"
    )
    asd.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "workflow/scripts"),
    }
    outputs = []
    for _, block in COMMANDS:
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail\n{block}"],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode in (0, ANOMALOUS), f"{block}\n{done.stdout}"
        assert "Traceback" not in done.stdout
        outputs.append(done.stdout)
    return clone, outputs


def printed_by(used: tuple[Path, list[str]], text: str) -> str:
    """What the block with `text` in it, on the page of use, printed."""
    (found,) = (
        output for (page, block), output in zip(COMMANDS, used[1], strict=True) if page == USE and text in block
    )
    return found


def test_the_pages_print_what_the_commands_do(used: tuple[Path, list[str]]) -> None:
    shown = [(page, block) for page in dict(COMMANDS) for block in pages.printed_blocks(page)]
    assert {page for page, _ in shown} >= {USE, "README.md"}
    for page, block in shown:
        command = block.mark.removeprefix("output: ")
        if command.startswith("asd "):
            real = [out for (of, text), out in zip(COMMANDS, used[1], strict=True) if of == page and command in text]
            assert len(real) == 1, (page, block.mark)
            assert is_printed(block, real[0]), f"{page} says\n{block.text}\nand {command} printed\n{real[0]}"


def test_the_model_says_what_it_is(used: tuple[Path, list[str]]) -> None:
    assert "fan, ID id_00, SNR 6 dB" in printed_by(used, "asd info")
    names = {path.name for path in (used[0] / "results/models/fan/nf0.7_seed0_strict").glob("*.onnx")}
    assert names == {f"{snr}_{name}.onnx" for snr in ("snr6", "snr0", "snr_6") for name in ("id_00", "id_02")}


def test_faults_are_found_and_explained(used: tuple[Path, list[str]]) -> None:
    found = printed_by(used, "asd score results")
    assert len(re.findall(r" anomalous$", found, re.MULTILINE)) >= 15  # of 20
    assert re.search(r"\d+ of 20 clips anomalous", found)
    assert re.search(r"k?Hz, .*dB (above|below) normal", found)
    page = (used[0] / "00000000.explained.html").read_text(encoding="utf-8")
    assert "Anomalous</strong>: " in page or "Anomalous: " in page
    assert (used[0] / "00000000.explained.png").stat().st_size > 50_000
    assert "False" not in printed_by(used, "from asd import Model")


def test_normal_clips_are_watched_and_the_model_holds(used: tuple[Path, list[str]]) -> None:
    rows = list(csv.DictReader((used[0] / "scores.csv").open(encoding="utf-8")))
    assert len(rows) == len({row["file"] for row in rows}) == 19
    assert sum(row["verdict"] == "normal" for row in rows) >= 15
    assert "trained the model" not in printed_by(used, "asd watch")
    assert printed_by(used, "asd monitor").startswith("valid: ")
    assert (used[0] / "scores.monitor.png").exists()
    answers = pd.read_csv(used[0] / "results/scored/fan_snr6_id_00.csv")
    assert (used[0] / "results/scored/fan_snr6_id_00.monitor.png").exists()
    report = json.loads((used[0] / "results/scored/fan_snr6_id_00.monitor.json").read_text(encoding="utf-8"))
    assert report["kind"] == "valid"
    watched = {Path(row["file"]).name: float(row["score"]) for row in rows}
    assert len(answers) == 19
    assert all(watched[Path(row.file).name] == pytest.approx(row.score, abs=1e-5) for row in answers.itertuples())


def test_onnx_runtime_alone_gives_the_same_score(used: tuple[Path, list[str]]) -> None:
    alone = re.search(r"score (\S+), threshold", printed_by(used, "examples/onnx/score.py"))
    listed = re.search(r"00000000\.wav +\S+ +\S+ +Ensemble +(\S+)", printed_by(used, "asd score results"))
    assert alone
    assert listed
    assert float(alone[1]) == pytest.approx(float(listed[1]), rel=2e-3)


def test_the_demo_s_aucs_fall_with_the_snr(used: tuple[Path, list[str]]) -> None:
    """The same run goes on, as `make run` starts it, up to the AUCs."""
    snakemake(used[0], "results/evaluation/fan.csv", cores=2, repository=used[0]).ok()
    table = pd.read_csv(used[0] / "results/evaluation/fan.csv")
    means = table.groupby("snr")["auc"].mean()
    assert means["snr6"] > means["snr0"] > means["snr_6"] > 0.5
    assert 0.85 < means["snr6"] < 0.999
