"""The Slurm profile on a real Slurm of one node.  What is asserted comes from Slurm's own records.

Two runs go on at once: a whole one, and one whose jobs are killed in all the ways in which Slurm kills jobs.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slurm_cluster
from git_module import committed, project
from places import REPOSITORY
from slurm_cluster import Record, SlurmCluster
from small_data import make_recordings, small_config
from workflow_runner import Run, snakemake, write_config

pytestmark = pytest.mark.slow

SECONDS = 400
"""After which a run counts as stuck."""

LIMIT = 65
"""MB: less than a job's two Snakemakes need, so that Slurm kills it."""


def config() -> dict[str, Any]:
    """One machine with one ID, two trainings."""
    settings = small_config(ids=("id_00",))
    del settings["machines"]["pump"]
    settings["seeds"] = [0, 1]
    return settings


# ------------------------------------------------------------------------------------------------------ runs


@pytest.fixture(scope="module")
def cluster() -> Iterator[SlurmCluster]:
    reason = slurm_cluster.missing()
    if reason:
        pytest.skip(f"no Slurm here: {reason}")
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm executor plugin is not installed")
    with tempfile.TemporaryDirectory(prefix="slurm") as folder, SlurmCluster(Path(folder)) as running:
        yield running


@dataclass
class Submitting:
    """A run of Snakemake that submits to a cluster, in a process of its own."""

    cluster: SlurmCluster
    directory: Path
    arguments: list[str]
    snakefile: Path = REPOSITORY / "Snakefile"
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.snakefile), "--nocolor"]
        command += ["--directory", str(self.directory), "--profile", str(REPOSITORY / "profiles/slurm")]
        command += ["--configfile", str(write_config(self.directory, config()))]
        # the tests have no time for the intervals of a cluster with thousands of jobs
        command += ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5", *self.arguments]
        with (self.directory / "console.txt").open("wb") as console:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=self.cluster.environment, stdout=console, stderr=console
            )

    @property
    def output(self) -> str:
        return (self.directory / "console.txt").read_text(encoding="utf-8")

    def finish(self) -> Run:
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            pytest.fail(f"no end after {SECONDS} s:\n{self.output}")
        return Run(self.process.returncode, self.output, self.directory)

    def records(self) -> list[Record]:
        """Submissions of this run, in order."""
        return [record for record in self.cluster.records() if Path(record["WorkDir"]) == self.directory]

    def of_group(self, group: str) -> list[Record]:
        return [record for record in self.records() if record.group == group]

    def of_victim(self, victim: str) -> list[Record]:
        return [record for record in self.records() if record["Comment"].endswith(f"_{victim}")]

    def wait_for(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.2)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    make_recordings(folder / "recordings", {"fan": ["id_00"]})
    return folder


VICTIMS = {
    "snr6_id_00_normal": "cancelled",
    "snr6_id_00_abnormal": "short of memory",
    "snr_6_id_00_normal": "out of time",
    "snr_6_id_00_abnormal": "short of memory each time",
}
"""SNR, ID and kind of each cache that run `killed` makes -> what happens to its job."""

SHORT = f"{LIMIT} if wildcards.kind == 'abnormal' and (attempt == 1 or wildcards.snr == 'snr_6') else 500 + attempt"


@pytest.fixture(scope="module")
def both(
    cluster: SlurmCluster, recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Submitting, Submitting]]:
    """Run `whole` and run `killed`, both ended."""
    places = [tmp_path_factory.mktemp(name) for name in ("whole", "killed")]
    for place in places:
        (place / "recordings").symlink_to(recordings / "recordings")
    caches = [f"results/features/fan/{victim}.npy" for victim in VICTIMS]
    killed = Submitting(
        cluster,
        places[1],
        # each cache is a submission, and each submission may fail once
        [
            *(*caches, "--group-components", "none=1", "--retries", "1", "--keep-going"),
            *("--set-resources", f"extract_features:mem_mb={SHORT}", "extract_features:runtime=attempt"),
        ],
    )
    whole = Submitting(cluster, places[0], [])
    try:
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(cancel_trainings, whole), pool.submit(kill, killed)]:
                done.result()
        yield whole, killed
    finally:
        for run in (whole, killed):
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGINT)
                run.process.wait(60)


def cancel_trainings(run: Submitting) -> None:
    """All those that a submission holds."""
    run.wait_for(lambda: [record for record in run.of_group("training") if record["JobState"] == "RUNNING"])
    run.cluster.call("scancel", str(run.of_group("training")[0].number))


def kill(run: Submitting) -> None:
    """Cancel one job, and stop the processes of another so that its time runs out."""
    cancelled, late = "snr6_id_00_normal", "snr_6_id_00_normal"

    def of_job(number: int) -> list[int]:
        text = run.cluster.call("scontrol", "listpids", str(number), check=False)
        return [int(line.split()[0]) for line in text.splitlines()[1:] if line.split()[0].isdigit()]

    run.wait_for(lambda: run.of_victim(cancelled) and run.of_victim(late))
    first, second = run.of_victim(cancelled)[0], run.of_victim(late)[0]
    run.wait_for(lambda: of_job(second.number))
    for process in of_job(second.number):
        os.kill(process, signal.SIGSTOP)
    run.cluster.call("scancel", str(first.number))


@pytest.fixture(scope="module")
def whole(both: tuple[Submitting, Submitting]) -> Run:
    """The whole run, of which somebody has cancelled the two trainings once."""
    return both[0].finish().ok()


@pytest.fixture(scope="module")
def submissions(both: tuple[Submitting, Submitting], whole: Run) -> dict[str, Record]:
    """The last submission of each group of the whole run."""
    return {record.group: record for record in both[0].records()}


@pytest.fixture(scope="module")
def killed(both: tuple[Submitting, Submitting]) -> Run:
    return both[1].finish()


# ------------------------------------------------------------------------------------------------- a whole run


def test_every_job_runs_on_the_cluster_in_few_submissions(
    both: tuple[Submitting, Submitting], submissions: dict[str, Record], whole: Run
) -> None:
    states = Counter((record.group, record["JobState"]) for record in both[0].records())
    groups = ["detection", "extraction", "figures", "models", "tables", "training"]
    assert states == {("training", "CANCELLED"): 1, **{(group, "COMPLETED"): 1 for group in groups}}
    assert sorted(submissions) == groups
    assert whole.output.count("has been submitted with SLURM jobid") == 7
    assert sum(len(jobs) for jobs in whole.requests.values()) == 4 + 2 * 2 + 2 + 3 + 6 + 3
    assert re.findall(r"^localrule (\w+):", whole.output, re.MULTILINE) == ["default"]


def test_training_alone_asks_for_a_gpu_and_gets_one(submissions: dict[str, Record]) -> None:
    assert {group: record.gpus for group, record in submissions.items() if record.gpus} == {"training": 1}
    asking = {group for group, record in submissions.items() if "TresPerJob=" in record.text}
    assert asking == {"training"}
    assert "TresPerJob=gres:gpu:1" in submissions["training"].text


def test_trainings_take_turns_on_their_gpu(both: tuple[Submitting, Submitting], whole: Run) -> None:
    logs = sorted((both[0].directory / "results/logs/train_ddae/fan").glob("*.log"))
    assert len(logs) == 2
    spans = []
    for log in logs:
        stamps = re.findall(
            r"^\d{4}-\d\d-\d\d (\d\d):(\d\d):(\d\d),(\d+)", log.read_text(encoding="utf-8"), re.MULTILINE
        )
        times = [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in stamps]
        spans.append((times[0], times[-1]))
    (_, first_end), (second_start, _) = sorted(spans)
    assert first_end <= second_start


def test_requests_are_those_of_the_rules(submissions: dict[str, Record], whole: Run) -> None:
    jobs = whole.requests
    caches = jobs["extract_features"]
    # four caches, each on a core
    assert submissions["extraction"].megabytes == pytest.approx(4 * caches[0]["mem_mb"], rel=0.02)
    assert submissions["extraction"].minutes == caches[0]["runtime"]
    assert submissions["extraction"]["NumCPUs"] == "4"
    # two trainings on one GPU, twice
    (first, second, again, _) = jobs["train_ddae"]
    assert submissions["training"].megabytes == pytest.approx(again["mem_mb"], rel=0.02)
    assert again["mem_mb"] == pytest.approx(2 * first["mem_mb"], rel=0.01)
    assert submissions["training"].minutes == 2 * (first["runtime"] + second["runtime"])
    assert submissions["training"]["NumCPUs"] == "1"
    assert submissions["detection"].megabytes == pytest.approx(2 * jobs["detect_anomalies"][0]["mem_mb"], rel=0.02)
    assert submissions["detection"].minutes == jobs["detect_anomalies"][0]["runtime"]
    # tables are made one after another: evaluation, then collection and figures of them side by side
    both_at_once = jobs["collect_results"][0]["mem_mb"] + jobs["plot_results"][0]["mem_mb"]
    assert submissions["tables"].megabytes == pytest.approx(
        max(jobs["evaluate_scores"][0]["mem_mb"], both_at_once), rel=0.02
    )


def test_jobs_keep_within_their_requests(whole: Run) -> None:
    measured = 0
    for path in sorted((whole.directory / "results/benchmarks").rglob("*.tsv")):
        names, values = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:2])
        row = dict(zip(names, values, strict=True))
        rule = path.relative_to(whole.directory / "results/benchmarks").parts[0].removesuffix(".tsv")
        request = whole.requests[rule][0]
        measured += 1
        assert float(row["s"]) < 60 * request["runtime"], path
        if row["max_rss"] != "NA":
            assert float(row["max_rss"]) < request["mem_mb"], path
    assert measured == 20


def test_results_are_those_of_a_local_run(whole: Run, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "recordings").symlink_to(recordings / "recordings")
    here = snakemake(tmp_path, "results/auc.csv", "--configfile", write_config(tmp_path, config()), cores=2).ok()
    names = ["auc.csv", "summary.csv", "comparisons.csv", "leaderboard.csv"]
    names += [str(path.relative_to(tmp_path / "results")) for path in (tmp_path / "results/scores").rglob("*.csv")]
    names += [str(path.relative_to(tmp_path / "results")) for path in (tmp_path / "results/features").rglob("*.npy")]
    assert len(names) == 4 + 4 + 4
    for name in names:
        assert (whole.directory / "results" / name).read_bytes() == (tmp_path / "results" / name).read_bytes(), name
    for path in sorted((tmp_path / "results/checkpoints/fan").glob("*.npz")):
        with np.load(path) as local, np.load(whole.directory / path.relative_to(tmp_path)) as remote:
            assert set(local) == set(remote)
            assert all(np.array_equal(local[name], remote[name]) for name in local)
    assert here.rules["train_ddae"] == 2


# --------------------------------------------------------------------------------------------------- killed jobs


@pytest.mark.parametrize("victim", list(VICTIMS), ids=lambda victim: VICTIMS[victim])
def test_killed_job_is_submitted_again_with_more(both: tuple[Submitting, Submitting], killed: Run, victim: str) -> None:
    first, second = both[1].of_victim(victim)
    what = VICTIMS[victim]
    # a job above its memory is killed by Slurm, which without cgroups calls it failed
    assert first["JobState"] == {"cancelled": "CANCELLED", "out of time": "TIMEOUT"}.get(what, "FAILED")
    assert (first.minutes, second.minutes) == (1, 2)
    if what == "short of memory each time":
        assert second["JobState"] == "FAILED"
        assert not (killed.directory / f"results/features/fan/{victim}.npy").exists()
    else:
        assert second.megabytes > first.megabytes
        assert second["JobState"] == "COMPLETED"
        assert (killed.directory / f"results/features/fan/{victim}.npy").exists()


def test_job_that_fails_for_good_is_reported_with_its_logs(both: tuple[Submitting, Submitting], killed: Run) -> None:
    assert killed.returncode == 1
    assert "Traceback" not in killed.output
    last = both[1].of_victim("snr_6_id_00_abnormal")[-1]
    errors = killed.output.split("Error in rule extract_features:")
    (error,) = (text for text in errors if f"SLURM-job '{last.number}' failed, SLURM status is: 'FAILED'" in text)
    assert "results/logs/extract_features/fan/snr_6_id_00_abnormal.log" in error
    log = Path(last["StdOut"])
    assert str(log) in error
    assert "exceeded memory limit" in log.read_text(encoding="utf-8")


def test_runs_that_were_killed_go_on(both: tuple[Submitting, Submitting], killed: Run) -> None:
    """The same command without the impossible request makes what is missing, and nothing else."""
    caches = [f"results/features/fan/{victim}.npy" for victim in VICTIMS]
    configfile = write_config(killed.directory, config())
    again = snakemake(killed.directory, *caches, "--dry-run", "--configfile", configfile).ok()
    assert again.rules == {"extract_features": 1}


# ------------------------------------------------------------------------------------------------------ from git


def test_a_module_from_git_travels_to_the_nodes(
    cluster: SlurmCluster, both: tuple[Submitting, Submitting], tmp_path: Path
) -> None:
    repository = committed(tmp_path / "repository")
    folder = tmp_path / "project"
    folder.mkdir()
    project(folder, f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")', prefix="below")
    target = "below/results/features/fan/snr6_id_00_normal.npy"
    run = Submitting(cluster, folder, [target], folder / "Snakefile")
    run.finish().ok()
    (record,) = run.records()
    assert record["JobState"] == "COMPLETED"
    assert np.load(folder / target).shape == (14, 648)
