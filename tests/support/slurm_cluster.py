"""A real Slurm of one node, with munge for authentication and everything it writes in one folder.

Its graphics cards are device files that do nothing: Slurm counts them, assigns them and sets CUDA_VISIBLE_DEVICES.
Memory limits are kept by polling, run-time limits are whole minutes, and killed jobs end in the states FAILED,
CANCELLED and TIMEOUT, as on a cluster without cgroups and without a database.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
SECONDS = 30.0
"""Until a daemon must answer; usually it takes one second."""

CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=86400
KillWait=3
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=localhost CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there can be no cluster here; nothing if there can be one."""
    without = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if without:
        return (
            f"{', '.join(without)} not installed (Debian: apt-get install --no-install-recommends munge slurmctld "
            "slurmd slurm-client)"
        )
    return "" if os.geteuid() == 0 else "slurmd and device files need root"


def _path() -> str:
    """Debian has the daemons where only root looks."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass(frozen=True)
class Record:
    """What Slurm knows of a job: the fields of ``scontrol show job -d -o``."""

    text: str

    def __getitem__(self, name: str) -> str:
        found = re.search(rf"(?:^|\s){re.escape(name)}=(.*?)(?=\s[A-Za-z_:/]+=|\s*$)", self.text)
        assert found, f"{name} is not in {self.text}"
        return found[1].strip()

    @property
    def number(self) -> int:
        return int(self["JobId"])

    @property
    def group(self) -> str:
        """Group of a submission, or "extract" of extract_features: what Snakemake's comment begins with."""
        return self["Comment"].split("_")[1]

    @property
    def megabytes(self) -> int:
        number, unit = re.fullmatch(r"(\d+)([MG])", self["MinMemoryNode"]).groups()  # type: ignore[union-attr]
        return int(number) * {"M": 1, "G": 1024}[unit]

    @property
    def minutes(self) -> int:
        days, hours, minutes, _ = re.fullmatch(  # type: ignore[union-attr]
            r"(?:(\d+)-)?(\d+):(\d+):(\d+)", self["TimeLimit"]
        ).groups()
        return int(days or 0) * 1440 + int(hours) * 60 + int(minutes)

    @property
    def gpus(self) -> int:
        """How many cards the job was given."""
        found = re.search(r"JOB_GRES=gpu(?::\w+)?:(\d+)", self.text)
        return int(found[1]) if found else 0


@dataclass
class SlurmCluster:
    """Daemons that run as long as the context; `folder` must not be longer than a path of a socket may be."""

    folder: Path
    cpus: int = 8
    gpus: int = 2
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """For clients of this cluster."""
        path = f"{self.folder / 'bin'}:{_path()}"
        return {**os.environ, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self) -> SlurmCluster:
        self._write_files()
        try:
            # in the foreground, so that each process is known and ends with the tests
            self._start(
                "munged",
                "--foreground",
                "--force",
                *(f"--{name}={self.folder / file}" for name, file in MUNGE_FILES.items()),
            )
            self._wait(lambda: (self.folder / "munge.socket").exists())
            self._start("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
            self._start("slurmd", "-D", "-N", "localhost", "-f", str(self.folder / "slurm.conf"))
            self._wait(lambda: self.call("sinfo", "-h", "-o", "%T", check=False).strip() == "idle")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if len(self.processes) == 3:
            self.call("scancel", "--user=root", check=False)
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write_files(self) -> None:
        # munge wants a folder that nobody else may change
        self.folder.mkdir(mode=0o755, exist_ok=True)
        for name in ("state", "spool", "devices"):
            (self.folder / name).mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o400)
        devices = [self.folder / "devices" / f"nvidia{number}" for number in range(self.gpus)]
        for device in devices:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (self.folder / "gres.conf").write_text("".join(f"Name=gpu File={device}\n" for device in devices))
        # the executor takes SLURM_CONF from a job, and srun would look for the configuration of a whole machine
        (self.folder / "bin").mkdir()
        wrapper = self.folder / "bin" / "srun"
        srun = shutil.which("srun", path=_path())
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {srun} "$@"\n')
        wrapper.chmod(0o755)
        slurmctld_port, slurmd_port = _free_ports(2)
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                slurmctld_port=slurmctld_port,
                slurmd_port=slurmd_port,
                cpus=self.cpus,
                gpus=self.gpus,
                memory=int(0.9 * pages / 2**20),
            )
        )

    def _start(self, *command: str) -> None:
        program = str(shutil.which(command[0], path=_path()))
        log = (self.folder / f"{command[0]}.output").open("wb")
        self.processes.append(subprocess.Popen([program, *command[1:]], stdout=log, stderr=log, env=self.environment))
        log.close()

    def _wait(self, condition) -> None:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + SECONDS
        while not condition():
            ended = [process for process in self.processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = sorted([*self.folder.glob("*.output"), *self.folder.glob("*.log")])
                raise RuntimeError("\n".join(f"{log.name}:\n{log.read_text(errors='replace')}" for log in logs))
            time.sleep(0.05)

    def call(self, *command: str, check: bool = True) -> str:
        """Output of one of Slurm's programs."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout

    def records(self, after: int = 0) -> list[Record]:
        """All jobs whose number is above `after`, in the order of submission."""
        lines = self.call("scontrol", "show", "job", "-d", "-o", check=False).splitlines()
        found = [Record(line) for line in lines if line.startswith("JobId=")]
        return sorted((one for one in found if one.number > after), key=lambda one: one.number)

    @property
    def last(self) -> int:
        """Number of the latest job; 0 before the first."""
        return max((record.number for record in self.records()), default=0)


MUNGE_FILES = {
    "key-file": "munge.key",
    "socket": "munge.socket",
    "pid-file": "munged.pid",
    "log-file": "munged.log",
    "seed-file": "munge.seed",
}
