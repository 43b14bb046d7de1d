"""The profile for Kubernetes: results in cloud storage, and jobs in pods that share no disk with anyone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from fake_kubernetes import Cluster, Pod, cluster
from fake_s3 import S3Server, s3_server
from places import REPOSITORY
from small_data import make_recordings, small_config
from workflow_runner import snakemake, working_copy, write_config

pytestmark = pytest.mark.slow

# Apart from the other packages, since they slow down each start of Snakemake
PACKAGES = Path(sys.prefix) / "kubernetes"
PLUGINS = ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_s3")
if not all((PACKAGES / plugin).is_dir() for plugin in PLUGINS):
    pytest.skip(f"the packages of requirements-kubernetes.txt are not in {PACKAGES}", allow_module_level=True)

PROFILE = REPOSITORY / "profiles/kubernetes"
ONE_SNR: dict[str, Any] = {"snrs": {"snr6": "6_dB"}, "detectors": ["LOF"], "protocols": ["strict"]}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A storage, and the way to it in the environment."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SNAKEMAKE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster, and the way to it in the environment."""
    with cluster(tmp_path / "cluster") as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        yield server


def test_demo_is_planned_and_only_training_asks_for_a_gpu(s3: S3Server, tmp_path: Path) -> None:
    few = "demo={normal_clips: 8, abnormal_clips: 3}"  # the storage is asked for each
    run = snakemake(tmp_path, "--dry-run", "--profile", PROFILE, "--config", few).ok()
    rules = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    names = set(re.findall(r"rule (\w+):", rules))
    others = {"download", "fetch_archive", "check", "import_features"}
    others |= {"plot_confusion_over_trainings", "plot_scores_over_trainings", "plot_features_of_id"}
    others |= {"leftovers", "note_dates", "list_hardest"}  # recordings are not in the storage
    others |= {"score", "score_recordings", "monitor", "monitor_recordings"}
    assert run.requests.keys() == names - others
    assert {rule for rule, jobs in run.requests.items() if any("gpu" in job for job in jobs)} == {"train_ddae"}
    assert all(job["gpu"] == 1 and job["scale"] == 0 for job in run.requests["train_ddae"])
    assert run.output.count("gpu_manufacturer=nvidia") == len(run.requests["train_ddae"])
    assert "s3://your-bucket/asd/results/leaderboard.csv (send to storage)" in run.output
    assert s3.objects == {}


def test_demo_in_cloud_storage(s3: S3Server, tmp_path: Path) -> None:
    demo = {"normal_clips": 8, "abnormal_clips": 3, "seconds": 1, "microphones": 1}
    config = ONE_SNR | {"demo": demo, "machines": {"fan": {"ids": ["a"]}}, "reference_snr": "snr6"}
    path = write_config(tmp_path, config | {"dataset": {"root": "resources/demo"}, "ddae": {"epochs": 1}})
    options = ["--configfile", path, "--default-storage-provider", "s3", "--default-storage-prefix", "s3://b/c"]
    target = "results/features/fan/snr6_a_normal.npy"
    # as if made before: extraction could have taken rows over
    s3.buckets.add("b")
    s3.objects |= {f"b/c/{target.removesuffix('npy')}{suffix}": (b"", 0.0) for suffix in ("npy", "csv")}
    run = snakemake(tmp_path, target, "--forcerun", "extract_features", *options).ok()
    assert run.rules == {"simulate_recordings": 1, "extract_features": 1}
    names = {f"{target.removesuffix('npy')}{suffix}" for suffix in ("npy", "csv", "skipped.csv")}
    assert names <= s3.names("b/c")
    assert len(s3.names("b/c/resources/demo/6_dB_fan/fan/a")) == 11
    clips = s3.objects[f"b/c/{target.replace('npy', 'csv')}"][0].decode().splitlines()[1:]
    assert [clip.split(",")[0] for clip in clips] == [f"6_dB_fan/fan/a/normal/{n:08d}.wav" for n in range(8)]
    assert list(tmp_path.glob("re*")) == []  # nothing beside the storage


def test_own_recordings_stay_here_and_pods_do_the_rest(s3: S3Server, kubernetes: Cluster, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    make_recordings(recordings, {"fan": ["id_00"]}, {"snr6": "6_dB"})
    config = small_config(str(recordings), ids=("id_00",))
    del config["machines"]["pump"]
    config["machines"]["fan"]["split"] = "auto"
    work = repository(tmp_path / "work")
    path = write_config(work / "config", config | ONE_SNR | {"seeds": [0, 1]})
    targets = [f"results/checkpoints/fan/nf0.5_seed{seed}_strict.npz" for seed in (0, 1)]
    options = ["--profile", work / "profiles/kubernetes", "--seconds-between-status-checks", "1", "--retries", "0"]
    run = snakemake(work, *targets, "--configfile", path, *options, repository=work)
    pods = list(kubernetes.pods.values())
    assert run.returncode == 0, "\n".join([run.output, *(pod.output for pod in pods)])

    stored = s3.names("your-bucket/asd")
    assert {*targets, *(target.replace(".npz", ".pt") for target in targets)} <= stored
    assert "results/features/fan/snr6_id_00_normal.npy" in stored
    assert "results/logs/train_ddae/fan/nf0.5_seed1_strict.log" in stored
    assert all(name.startswith("results/") for name in stored)  # no recordings, and no more sources
    assert [path.name for path in (work / "results").iterdir()] == ["README.md"]
    assert kubernetes.secrets == {}
    (pod,) = pods  # for both trainings
    check_pod(pod)
    assert [path.name for path in (pod.directory / "results").iterdir()] == ["README.md"]


def repository(folder: Path) -> Path:
    """A clone of this repository as it is now."""
    working_copy(folder)
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def check_pod(pod: Pod) -> None:
    """That a pod asked for a GPU as Kubernetes wants it, and got all that it needs."""
    asked = pod.container["resources"]
    assert asked["requests"]["nvidia.com/gpu"] == asked["limits"]["nvidia.com/gpu"] == "1"
    assert pod.container["image"] == yaml.safe_load((PROFILE / "profile.yaml").read_text())["container-image"]
    sent = {path.relative_to(pod.directory).as_posix() for path in pod.directory.rglob("*") if path.is_file()}
    needed = {"workflow/scripts/asd/ddae/model.py", "workflow/schemas/samples.schema.yaml", "workflow/rules/common.smk"}
    assert needed | {"profiles/default/profile.yaml", "config/config.yaml", "envs/torch_cuda.yaml"} <= sent


def pins(name: str) -> dict[str, str]:
    """Package -> version, of a file with requirements."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    return {normal(package): version for package, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)}


def normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def test_pins_agree_and_are_complete() -> None:
    own, others = pins("requirements-kubernetes.txt"), pins("requirements.txt")
    assert own.keys().isdisjoint(others)
    development = pins("requirements-dev.txt")
    assert all(own[name] == development[name] for name in own.keys() & development)
    pinned = own | others
    installed = {normal(found.name): found for found in metadata.distributions(path=[str(PACKAGES)])}
    for package, version in own.items():
        assert installed[package].version == version
        for text in installed[package].requires or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert normal(needed.name) in pinned, f"{package} needs {needed}"
                assert needed.specifier.contains(pinned[normal(needed.name)]), f"{package} needs {needed}"


def test_image_of_the_pods_has_the_packages_of_the_profile() -> None:
    text = (PROFILE / "Containerfile").read_text(encoding="utf-8")
    assert "--requirement /opt/asd/requirements-kubernetes.txt" in text
    assert "!requirements-kubernetes.txt" in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split("\n")
