"""As much of a Kubernetes cluster as Snakemake's executor plugin talks to.  Pods are processes on this computer.

Each pod starts in an empty folder, with the variables of its own specification alone, as in a container.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

_NAMESPACE = "/namespaces/default"


@dataclass(frozen=True)
class Pod:
    """A pod of a job: what was asked for, where it runs, and its process."""

    specification: dict[str, Any]
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def container(self) -> dict[str, Any]:
        (container,) = self.specification["containers"]
        return dict(container)

    @property
    def output(self) -> str:
        return (self.directory.parent / "output").read_text(encoding="utf-8")


class Cluster(ThreadingHTTPServer):
    """Its API server; `pods` has all that there were, by the name of their job."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.pods: dict[str, Pod] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self._programs = folder / "bin"
        self._programs.mkdir(parents=True)
        # pip has nothing to do, since pods have the packages of the tests
        self._program("pip", f'echo "$@" >> "{folder / "pip"}"')
        packages = os.environ.get("PYTHONPATH", "")
        self._program("python", f'PYTHONPATH="{packages}" exec "{sys.executable}" "$@"')

    def _program(self, name: str, line: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        path.chmod(0o755)

    @property
    def kubeconfig(self) -> Path:
        """A file for the variable KUBECONFIG."""
        address = f"http://127.0.0.1:{self.server_port}"
        context = {"name": "here", "context": {"cluster": "here", "user": "me"}}
        path = self.folder / "kubeconfig"
        config = {
            "current-context": "here",
            "contexts": [context],
            "clusters": [{"name": "here", "cluster": {"server": address}}],
            "users": [{"name": "me", "user": {}}],
        }
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def start(self, name: str, specification: dict[str, Any]) -> None:
        (container,) = specification["containers"]
        directory = self.folder / name / "workdir"
        directory.mkdir(parents=True)
        environment = {"PATH": f"{self._programs}:/usr/bin:/bin", "HOME": str(directory.parent), "USER": "pod"}
        for variable in container["env"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            value = self.secrets[reference["name"]][reference["key"]]
            environment[variable["name"]] = base64.b64decode(value).decode()
        with (directory.parent / "output").open("wb") as output:
            process = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=directory,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.pods[name] = Pod(specification, directory, process)


def refusal(specification: dict[str, Any]) -> str | None:
    """What Kubernetes has against a pod: it does not lend anything but CPUs and memory (and disks) without a limit."""
    for container in specification["containers"]:
        requests, limits = (container["resources"].get(kind) or {} for kind in ("requests", "limits"))
        for name in [*requests, *limits]:
            if "/" in name and requests.get(name) != limits.get(name):
                return f"{name}: limit must be set for non overcommitable resources, and be what is requested"
    return None


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster without pods, as long as the block takes."""
    with Cluster(folder) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
            for pod in server.pods.values():
                if pod.process.poll() is None:
                    pod.process.kill()
                pod.process.wait()


class _Handler(BaseHTTPRequestHandler):
    server: Cluster
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece; a client waits long for the second

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        return content

    def do_POST(self) -> None:
        content = self._content()
        name = content["metadata"]["name"]
        if self.path.endswith(f"/v1{_NAMESPACE}/secrets"):
            self.server.secrets[name] = content["data"]
        elif self.path.endswith(f"/batch/v1{_NAMESPACE}/jobs"):
            specification = content["spec"]["template"]["spec"]
            if problem := refusal(specification):
                self._answer({"message": problem}, 422)
                return
            self.server.start(name, specification)
        self._answer(content, 201)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if match := re.search(r"/jobs/([^/]+)/status$", address.path):
            ended = self.server.pods[match[1]].process.poll()
            counts = {} if ended is None else {"failed": int(ended != 0), "succeeded": int(ended == 0)}
            self._answer({"metadata": {"name": match[1]}, "status": counts})
        elif match := re.search(r"/pods/([^/]+)/log$", address.path):
            self._answer({"log": self.server.pods[match[1]].output})
        else:
            name = parse_qs(address.query)["labelSelector"][0].removeprefix("job-name=")
            self._answer({"items": [self._described(name)]})

    def _described(self, name: str) -> dict[str, Any]:
        ended = self.server.pods[name].process.poll()
        state = {"running": {}} if ended is None else {"terminated": {"exitCode": ended}}
        described = {"name": "snakemake", "image": "", "imageID": "", "ready": True, "restartCount": 0, "state": state}
        return {"metadata": {"name": name}, "status": {"containerStatuses": [described]}}

    def do_DELETE(self) -> None:
        self._content()
        self.server.secrets.pop(self.path.split("?")[0].split("/")[-1], None)
        self._answer({})
