"""Trainings that ask for a GPU: one at a time, in CUDA's environment; those on CPUs are not limited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from places import REPOSITORY
from small_data import make_recordings, small_config
from stand_ins import install_conda
from workflow_runner import Run, snakemake, write_config

GPU = ("--profile", str(REPOSITORY / "profiles/gpu"))
SLURM = ("--profile", str(REPOSITORY / "profiles/slurm"))


def trainings_at_once(run: Run) -> int:
    """The largest number of trainings that ran at a time, from the order of the lines that say so."""
    running = most = 0
    for line in run.output.splitlines():
        if re.match(r"(?:local)?rule train_ddae:", line):
            running += 1
            most = max(most, running)
        elif re.match(r"Finished jobid: \d+ \(Rule: train_ddae\)", line):
            running -= 1
    assert running == 0, run.output
    return most


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with recordings of one machine, to train on with two seeds."""
    directory = tmp_path_factory.mktemp("gpu")
    make_recordings(directory / "recordings", {"fan": ["id_00"]}, {"snr6": "6_dB"})
    config = small_config(ids=("id_00",))
    del config["machines"]["pump"]
    config |= {"snrs": {"snr6": "6_dB"}, "seeds": [0, 1]}
    config["ddae"]["device"] = "auto"
    write_config(directory, config)
    return directory


def train(directory: Path, *arguments: str) -> Run:
    checkpoints = [f"results/checkpoints/fan/nf0.5_seed{seed}.pt" for seed in (0, 1)]
    return snakemake(
        directory, "--configfile", directory / "config.yaml", "--forcerun", "train_ddae", *arguments, "--",
        *checkpoints, cores=2,
    ).ok()  # fmt: skip


@pytest.mark.slow
def test_trainings_on_a_gpu_run_one_at_a_time(directory: Path) -> None:
    """On a machine without one they run as well (ddae.device: auto)."""
    run = train(directory, *GPU)
    assert run.rules["train_ddae"] == 2
    assert trainings_at_once(run) == 1


@pytest.mark.slow
def test_trainings_on_cpus_run_side_by_side(directory: Path) -> None:
    assert trainings_at_once(train(directory)) == 2


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((), "torch_cpu"),
        (GPU, "torch_cuda"),
        (("--set-resources", "train_ddae:gpu=1"), "torch_cuda"),
        ((*GPU, "--set-resources", "train_ddae:gpu=0"), "torch_cpu"),
        (SLURM, "torch_cuda"),
    ],
    ids=["default", "gpu", "command line", "gpu taken back", "slurm"],
)
def test_who_asks_for_a_gpu_trains_with_cuda(
    directory: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], environment: str
) -> None:
    if arguments == SLURM:
        pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm executor plugin is not installed")
    install_conda(monkeypatch, directory / "bin")
    options = ("--configfile", directory / "config.yaml", "--sdm", "conda", "--list-conda-envs")
    listed = snakemake(directory, *options, *arguments).ok().output
    assert set(re.findall(r"envs/(torch\w*)\.yaml", listed)) == {environment}


def test_own_profiles_keep_their_resources(directory: Path) -> None:
    """Which `resources` in profiles/default, where the limit of one GPU might be set as well, would replace."""
    profile = directory / "own" / "profile.yaml"
    profile.parent.mkdir()
    profile.write_text("resources: {mem_mb: 4321, gpu: 7}\nset-resources: {train_ddae: {gpu: 9, mem_mb: 9999}}\n")
    run = train(directory, "--dry-run", "--profile", str(profile.parent))
    assert re.search(r"^    resources: .*mem_mb=4321\b.*gpu=7\b", run.output, re.MULTILINE), run.output
