"""One's own recordings and downloads through Snakemake: tutorial, sample sheets, missing labels, check, download."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from hashlib import md5
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from faulty_server import Answer, FaultyServer
from pages import printed, read
from places import REPOSITORY
from small_archives import wait_until
from small_data import SNRS, make_recordings, small_config, write_clip
from workflow_runner import Run, job, snakemake, working_copy, write_config

pytestmark = pytest.mark.slow

SHORT = {"ddae": {"epochs": 2, "batch_size": 4, "device": "cpu"}, "statistics": {"replicates": 100}}


def given(commands: list[str], folder: Path) -> str:
    """What shell commands print that are given in a folder, one after the other."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=folder,
        env={**os.environ, "PATH": programs, "PYTHONPATH": str(folder / "workflow/scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_tutorial_works_exactly_as_printed(tmp_path: Path) -> None:
    clone = working_copy(tmp_path / "clone")
    for number in range(30):
        write_clip(clone / f"recordings/ok_{number:02d}.wav", number)
    for number in range(6):
        write_clip(clone / f"recordings/leak_{number:02d}.wav", 100 + number, abnormal=True)
    blocks = printed("docs/own_recordings.md", "## A sample sheet")
    assert len(blocks) >= 3
    output = given(blocks, clone)
    assert re.search(r"press +as_recorded +left +normal +30 ", output)
    assert re.search(r"press +as_recorded +left +abnormal +6 ", output)
    assert "Nothing suspicious." in output
    assert "| detector |" in output  # the leaderboard
    scores = pd.read_csv(next((clone / "results/scores/press").glob("*/as_recorded_left.csv")))
    assert set(scores["file"].str.split("_").str[0]) == {"recordings/ok", "recordings/leak"}
    assert (scores["label"] == "abnormal").sum() == 6


def test_the_folder_of_the_readme_is_learned(tmp_path: Path) -> None:
    clone = working_copy(tmp_path / "clone")
    for number in range(30):
        write_clip(clone / f"recordings/press/normal/{number}.wav", number)
    for number in range(6):
        write_clip(clone / f"recordings/press/abnormal/{number}.wav", 100 + number, abnormal=True)
    (block,) = (block for block in printed("README.md", "## Three commands") if "press.yaml" in block)
    models = set(re.findall(r"results/models/press/\S+\.onnx", read("README.md")))
    given([block], clone)
    assert models == {"results/models/press/nf0.7_seed0_strict/as_recorded_00.onnx"}
    assert all((clone / model).exists() for model in models)


# ------------------------------------------------------------------------------------------------- sheets and labels


def mixed_recordings(folder: Path) -> list[tuple[str, str, str]]:
    """Two IDs, one of them without abnormal clips, in other formats, rates, lengths and numbers of channels."""
    random = np.random.default_rng(0)
    lines = []
    for name, n_normal, n_abnormal in (("left", 12, 4), ("right", 12, 0)):
        for number in range(n_normal + n_abnormal):
            rate = (8000, 16000, 44100)[number % 3]
            suffix = ("wav", "flac", "ogg")[number % 3]
            samples = 0.1 * random.normal(size=(int(rate * (0.3 + 0.1 * (number % 4))), 1 + number % 2))
            file = f"{name} {number} ä.{suffix}"
            soundfile.write(folder / file, samples, rate)
            lines.append((file, name, "normal" if number < n_normal else "abnormal"))
    return lines


def test_a_sheet_alone_with_an_id_without_abnormal_clips(tmp_path: Path) -> None:
    lines = mixed_recordings(tmp_path)
    rows = [("file", "id", "machine", "label"), *((file, name, "press", label) for file, name, label in lines)]
    (tmp_path / "samples.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    config = {"dataset": {"samples": "samples.csv"}, "detectors": ["LOF"], **SHORT}
    arguments = ("results/auc.csv", "--configfile", write_config(tmp_path, config))
    run = snakemake(tmp_path, *arguments, cores=2).ok()
    assert "No abnormal clips of press right" in run.output
    assert "mean AUC over 1 ID" in run.output
    auc = pd.read_csv(tmp_path / "results/auc.csv").set_index("id")
    assert np.isfinite(auc.loc["left", "auc"])
    assert np.isnan(auc.loc["right", "auc"])
    assert auc.loc["right", "false_alarm_rate"] >= 0
    scores = pd.read_csv(tmp_path / "results/scores/press/nf0.7_seed0_strict/as_recorded_right.csv")
    assert set(scores["part"]) == {"train", "test"}
    assert set(scores["label"]) == {"normal"}
    assert not snakemake(tmp_path, "-n", *arguments).ok().jobs


def test_normal_clips_alone_are_trained_on_and_scored_without_an_auc(tmp_path: Path) -> None:
    make_recordings(tmp_path / "recordings", {"fan": ["id_00"]}, {"snr6": "6_dB"})
    config = {
        "dataset": {"root": "recordings", "kinds": {"normal": "normal"}},
        "snrs": {"snr6": "6_dB"},
        "machines": {"fan": {"ids": ["id_00"]}},
        "detectors": ["LOF", "OCSVM"],
        **SHORT,
    }
    run = snakemake(tmp_path, "--configfile", write_config(tmp_path, config), cores=2).ok()
    assert "no abnormal clips, so no AUC; false alarms" in run.output
    results = tmp_path / "results"
    assert "No AUC, since there are no abnormal clips: fan." in (results / "leaderboard.md").read_text(encoding="utf-8")
    assert pd.read_csv(results / "auc.csv")["auc"].isna().all()
    assert (results / "figures/scores/fan_NF0.7_LOF_strict.png").exists()
    assert (results / "figures/false_alarms/fan.png").exists()
    for kind in ("roc", "auc", "confusion"):
        assert not (results / "figures" / kind).exists()
    assert "auc_heat_map" not in run.output

    config["protocols"] = ["paper"]
    failed = snakemake(tmp_path, "-n", "--configfile", write_config(tmp_path, config)).failed()
    assert "use protocols: [strict]" in failed.output
    config["dataset"] = {"root": "recordings"}
    config["protocols"] = ["strict"]
    for path in (tmp_path / "recordings").rglob("abnormal/*.wav"):
        path.unlink()
    failed = snakemake(tmp_path, "-n", "--configfile", write_config(tmp_path, config)).failed()
    assert "dataset.kinds: {normal: normal}" in failed.output


def test_normal_caches_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.save(tmp_path / "snr6_id_00.npy", random.normal(size=(40, 136)).astype(np.float32))
    config = {
        "dataset": {"cache": "{snr}_{id}.npy", "kinds": {"normal": "normal"}},
        "snrs": {"snr6": "6_dB"},
        "machines": {"fan": {"ids": ["id_00"]}},
        "detectors": ["LOF"],
        **SHORT,
    }
    snakemake(tmp_path, "results/auc.csv", "--configfile", write_config(tmp_path, config)).ok()
    auc = pd.read_csv(tmp_path / "results/auc.csv")
    assert auc["n_abnormal"].tolist() == [0]
    assert auc["n_normal"].item() > 0


@pytest.mark.parametrize(
    ("sheet", "parts"),
    [
        ("file\tmachine\tid\tlabl\na.wav\tfan\tx\tnormal\n", ["samples.tsv", "did you mean 'label'?"]),
        ("file\tmachine\tid\na.wav\tfan\tx\n", ["samples.tsv", "line 2", "a.wav", "not there"]),
        (None, ["dataset.samples", "no file 'samples.tsv'"]),
    ],
)
def test_mistakes_in_a_sheet_stop_the_run_before_any_job(tmp_path: Path, sheet: str | None, parts: list[str]) -> None:
    if sheet is not None:
        (tmp_path / "samples.tsv").write_text(sheet, encoding="utf-8")
    config = {"dataset": {"samples": "samples.tsv"}}
    run = snakemake(tmp_path, "--configfile", write_config(tmp_path, config)).failed()
    assert all(part in run.output for part in parts), run.output
    assert not run.jobs


def test_a_pattern_that_takes_a_clip_for_normal_and_abnormal_is_refused(tmp_path: Path) -> None:
    for number in range(10):
        write_clip(tmp_path / f"fan/x/normal_{number}.wav", number)
        write_clip(tmp_path / f"fan/x/abnormal_{number}.wav", number, abnormal=True)
    config = {
        "dataset": {"root": ".", "pattern": "{machine}/{id}/*{kind}_*.wav"},
        "snrs": {"only": ""},
        "reference_snr": "only",
        "machines": {"fan": {"ids": ["x"]}},
    }
    run = snakemake(tmp_path, "--configfile", write_config(tmp_path, config)).failed()
    assert "10 recordings belong to two folders" in run.output
    assert not run.jobs


# ------------------------------------------------------------------------------------------------------------- check


def test_check_prints_what_there_is_and_what_is_suspicious(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    make_recordings(root, {"fan": ["id_00", "id_02"], "pump": ["id_00", "id_02"]})
    config = write_config(tmp_path, small_config())
    run = snakemake(tmp_path, "check", "--configfile", config, cores=2).ok()
    assert run.jobs == [job("check")]
    assert (
        len(
            re.findall(
                r"^(?:fan|pump) +snr_?6 +id_0\d +(?:ab)?normal +(?:14|5) +0:00:0[14] +0\.25 +16000 +2 +-[12]\d\.\d$",
                run.output,
                re.MULTILINE,
            )
        )
        == 16
    )
    assert "Nothing suspicious." in run.output
    assert not list((tmp_path / "results").rglob("*.npy"))

    folder = root / "6_dB_fan/fan/id_00/normal"
    (folder / "00000003.wav").write_bytes((folder / "00000003.wav").read_bytes()[:5000])
    soundfile.write(folder / "00000004.wav", np.random.default_rng(0).normal(size=4000), 8000)
    (folder / "00000006.wav").write_bytes((folder / "00000005.wav").read_bytes())
    write_clip(root / "6_dB_fan/fan/id_08/normal/00000000.wav", 3)
    for path in (root / "6_dB_pump/pump/id_02/abnormal").iterdir():
        path.unlink()
    run = snakemake(tmp_path, "check", "--configfile", config, cores=2).failed()
    for part in (
        "Wrong (1):",
        "pump/id_02/abnormal",
        "Can't be used (1):",
        "00000003.wav: truncated",
        "1 of 13 have another sample rate (8000 Hz)",
        "2 recordings are the same",
        "1 audio file that no key of the configuration takes",
        "id_08",
        "1 problem, 1 recording can't be used",
    ):
        assert part in run.output, run.output


def test_check_of_the_demo_makes_its_recordings_first(tmp_path: Path) -> None:
    config = {
        "dataset": {"root": "resources/demo"},
        "machines": {"fan": {"ids": ["a"]}},
        "snrs": {"snr6": "6_dB"},
        "demo": {"normal_clips": 10, "abnormal_clips": 2, "seconds": 0.2},
    }
    run = snakemake(tmp_path, "check", "--configfile", write_config(tmp_path, config)).ok()
    assert run.rules == {"simulate_recordings": 1, "check": 1}


# ---------------------------------------------------------------------------------------------------------- download


def archives(folder: Path) -> dict[str, bytes]:
    """Small archives in MIMII's layout: the folder inside is the machine, the same at every SNR."""
    make_recordings(folder, {"fan": ["id_00"], "pump": ["id_00"]})
    packed = {}
    for top in sorted(folder.iterdir()):
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(top.rglob("*.wav")):
                archive.write(path, path.relative_to(top))
        packed[f"{top.name}.zip"] = stream.getvalue()
    return packed


def download_config(server: FaultyServer) -> dict[str, Any]:
    """Of the fan alone, at all SNRs."""
    config: dict[str, Any] = small_config("new folder", ids=("id_00",))
    del config["machines"]["pump"]
    config["download"] = {
        "url": f"{server.url}/{{archive}}.zip",
        "archives": {
            name.removesuffix(".zip"): {"bytes": len(content), "md5": md5(content).hexdigest()}
            for name, content in server.files.items()
        },
        "delete_archives": True,
    }
    return config


def fetched(run: Run) -> list[str]:
    """Archives that jobs were for, in alphabetical order."""
    return sorted(re.findall(r"^    message: Fetching and unpacking (.+)$", run.output, re.MULTILINE))


FANS = sorted(f"{snr_dir}_fan" for snr_dir in SNRS.values())


def test_download_fetches_what_the_configuration_needs_and_nothing_twice(tmp_path: Path) -> None:
    script = [Answer(404), Answer(503)]
    with FaultyServer(archives(tmp_path / "original"), {f"{FANS[0]}.zip": script}) as server:
        path = write_config(tmp_path, download_config(server))
        refused = snakemake(tmp_path, "download", "--configfile", path, cores=4).failed()
        assert "the server answered 404" in refused.output
        assert fetched(refused) == FANS, "what is refused is not tried again"
        run = snakemake(tmp_path, "download", "--configfile", path, cores=4).ok()
        assert FANS[0] in fetched(run)
        assert len(server.requests) == len(FANS) + 2
        root = tmp_path / "new folder"
        assert sorted(entry.name for entry in root.iterdir()) == FANS
        for name in FANS:
            assert "unpacked" in (tmp_path / f"results/logs/fetch_archive/{name}.log").read_text(encoding="utf-8")
        for file in root.rglob("*.wav"):
            assert file.read_bytes() == (tmp_path / "original" / file.relative_to(root)).read_bytes()
        assert len(list(root.rglob("*.wav"))) == len(list((tmp_path / "original").glob("*_fan/**/*.wav"))) > 0

        for file in root.rglob("*"):
            os.utime(file, (1e9, 1e9))
        (tmp_path / "elsewhere").mkdir()
        config = ["--configfile", path, "--config", f"dataset={{root: {root}}}"]
        for directory in (tmp_path, tmp_path / "elsewhere"):
            run = snakemake(directory, "download", *config).ok()
            assert "All archives are unpacked already" in run.output
            assert fetched(run) == []
        assert len(server.requests) == len(FANS) + 2

        shutil.rmtree(root / FANS[1])
        assert fetched(snakemake(tmp_path, "download", "--configfile", path).ok()) == FANS[1:2]
        assert sorted(entry.name for entry in root.iterdir()) == FANS
    snakemake(tmp_path, "check", "--configfile", path).ok()
    snakemake(tmp_path, "results/features/fan/snr6_id_00_normal.npy", "--configfile", path).ok()


def test_a_killed_download_is_resumed_by_the_same_command(tmp_path: Path) -> None:
    """Without another word: Snakemake itself would refuse to work on outputs that a killed one has locked."""
    with FaultyServer(archives(tmp_path / "original"), pace=0.05) as server:
        path = write_config(tmp_path, download_config(server))
        command = ["-s", REPOSITORY / "Snakefile", "-d", tmp_path, "--cores", "4", "download", "--configfile", path]
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        root = tmp_path / "new folder"
        parts = [root / f"{name}.zip.part" for name in FANS]
        try:
            wait_until(lambda: all(part.exists() and part.stat().st_size > 0 for part in parts), seconds=60)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        sizes = {f"{part.name.removesuffix('.part')}": part.stat().st_size for part in parts}
        server.pace = 0.0
        server.requests.clear()
        snakemake(tmp_path, "download", "--configfile", path, cores=4).ok()
        assert {request.name: request.start for request in server.requests} == sizes
        assert sorted(entry.name for entry in root.iterdir()) == FANS


def test_download_without_room_is_refused_before_the_first_byte(tmp_path: Path) -> None:
    with FaultyServer(archives(tmp_path / "original")) as server:
        config = download_config(server)
        config["download"]["archives"][FANS[0]]["unpacked"] = 10**18
        run = snakemake(tmp_path, "download", "--configfile", write_config(tmp_path, config), cores=2).failed()
        assert "of free disk space" in run.output
        assert not server.requests
        assert not (tmp_path / "new folder").exists()


def test_download_of_something_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    config = small_config()
    run = snakemake(tmp_path, "download", "--configfile", write_config(tmp_path, config)).failed()
    assert "the configuration has no such key" in run.output
    config["download"] = {"url": "http://localhost/{archive}", "archives": {"x": {"bytes": 1, "md5": "0" * 32}}}
    run = snakemake(tmp_path, "download", "--configfile", write_config(tmp_path, config)).failed()
    assert "there is no '6_dB_fan'" in run.output
