"""Write the conda environments of the rules: ``python envs/generate.py``, or with ``--check`` say which files differ.

Each environment holds the packages of `ENVIRONMENTS` and all that these need in turn, in the versions of
requirements.txt and requirements-pyod.txt.  Which package needs which is read from the installed packages (``make
setup``, and requirements-pyod.txt), as it is on Linux with the Python of the environments.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
PYTHON, PIP = "3.11.11", "25.0"
REQUIREMENTS = ("requirements.txt", "requirements-pyod.txt")

# What the markers of requirements are decided for
PLATFORM = {
    "implementation_name": "cpython",
    "implementation_version": PYTHON,
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": PYTHON,
    "python_version": PYTHON.rpartition(".")[0],
    "sys_platform": "linux",
}
# Required by PyTorch's build for CUDA alone, in exact versions, so that they need no pins
CUDA_ONLY = re.compile(r"(nvidia|cuda)-.*|triton")
_PIN = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
_IN_TURN = "# What these need in turn"


class MismatchError(Exception):
    """Requirements and installed packages don't fit together; the message says what to do."""


@dataclass(frozen=True)
class Environment:
    """What a file in this folder is made from.

    Attributes
    ----------
    purpose
        First line of the file.
    packages
        Those that scripts import, and programs that are called.
    note
        Further comment.
    only_cuda
        Whether PyTorch has to be the build for CUDA.
    """

    purpose: str
    packages: tuple[str, ...]
    note: str = ""
    only_cuda: bool = False


def direct_packages(file: str) -> tuple[str, ...]:
    """Names above the heading of what these need in turn, in a requirements file."""
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    return tuple(name for name, _ in _PIN.findall(text.partition(_IN_TURN)[0]))


_SOUND = ("av", "numpy", "scipy", "soundfile", "soxr")
_TRAINING = ("numpy", "scipy", "torch")
_DETECTION = ("numpy", "pandas", "scikit-learn", "scipy")

ENVIRONMENTS = {
    "asd": Environment(
        "Everything in one environment, for those who like a single one",
        direct_packages(REQUIREMENTS[0]),
        note="PYTHONNOUSERSITE=1 conda env create --name asd --file envs/asd.yaml",
    ),
    "audio": Environment("Recordings and features", _SOUND),
    "detection": Environment("Detection and evaluation", _DETECTION),
    "detection_pyod": Environment("Detection with detectors of PyOD", (*_DETECTION, "pyod")),
    "download": Environment("Fetching archives", ("requests", "urllib3")),
    "figures": Environment("Tables and figures", ("matplotlib", "numpy", "pandas", "scipy")),
    "models": Environment(
        "Models as files, and what they say of new recordings",
        (*_SOUND, "librosa", "matplotlib", "onnx", "onnxruntime", "scikit-learn", "seaborn"),
    ),
    "torch_cpu": Environment(
        "Training of the DDAE without a GPU",
        _TRAINING,
        note=(
            "== also matches the build for CPUs (version +cpu), which pip prefers where its configuration (or the "
            "variable PIP_EXTRA_INDEX_URL) offers PyTorch's index of it. Elsewhere it takes the build for CUDA, which "
            "is larger by gigabytes and runs on CPUs as well."
        ),
    ),
    "torch_cuda": Environment(
        "Training of the DDAE on a CUDA GPU (Linux), where train_ddae asks for one: profiles/gpu, profiles/slurm",
        _TRAINING,
        note=(
            "=== matches the build for CUDA alone, never one for CPUs (version +cpu), whatever indexes pip is "
            "given. The libraries that it was built with (nvidia-*, cuda-*, triton) are not listed: the wheel "
            "itself requires them in exact versions."
        ),
        only_cuda=True,
    ),
}


@dataclass(frozen=True)
class Pin:
    """A line ``name==version``."""

    name: str
    version: str


def read_pins(names: Iterable[str] = REQUIREMENTS) -> dict[str, Pin]:
    """Normalized name -> pin, of all packages that some requirements files name.

    Raises
    ------
    MismatchError
        If two lines pin a package to different versions.
    """
    pins: dict[str, Pin] = {}
    for file in names:
        for name, version in _PIN.findall((REPOSITORY / file).read_text(encoding="utf-8")):
            pin = pins.setdefault(canonicalize_name(name), Pin(name, version))
            if pin.version != version:
                raise MismatchError(f"{file}: {name} is pinned to {version}, and to {pin.version} elsewhere.")
    return pins


def _needs(pin: Pin, extras: frozenset[str]) -> list[Requirement]:
    """What a package, with these extras, needs on `PLATFORM`."""
    try:
        installed = importlib.metadata.distribution(pin.name)
    except importlib.metadata.PackageNotFoundError:
        raise MismatchError(f"{pin.name} is not installed. Run make setup, and pip with {REQUIREMENTS[1]}.") from None
    if Version(installed.version).public != pin.version:
        raise MismatchError(f"{pin.name} is pinned to {pin.version}, but {installed.version} is installed.")
    needed = [Requirement(text) for text in installed.requires or ()]
    return [
        requirement
        for requirement in needed
        if requirement.marker is None
        or any(requirement.marker.evaluate({**PLATFORM, "extra": extra}) for extra in ("", *extras))
    ]


def with_all_they_need(packages: Iterable[str], pins: Mapping[str, Pin]) -> dict[str, Pin]:
    """Pins of some packages and of all that these need in turn, in the order of their names.

    Raises
    ------
    MismatchError
        If one is not pinned, or not installed in the version that it is pinned to, or if another can't do with it.
    """
    pending = [(Requirement(name), "this script") for name in packages]
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        requirement, user = pending.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen or (name not in pins and CUDA_ONLY.fullmatch(name)):
            continue
        seen.add((name, extras))
        if name not in pins:
            raise MismatchError(f"{user} needs {requirement}, which no requirements file pins.")
        if not requirement.specifier.contains(pins[name].version, prereleases=True):
            raise MismatchError(f"{user} needs {requirement}, but {pins[name].version} is pinned.")
        pending += [(needed, pins[name].name) for needed in _needs(pins[name], extras)]
    return {name: pins[name] for name in sorted({name for name, _ in seen})}


def text_of(environment: Environment, pins: Mapping[str, Pin]) -> str:
    """The file of an environment."""
    own = {canonicalize_name(name) for name in environment.packages}

    def pinned(name: str, pin: Pin) -> str:
        return f"      - {pin.name}{'===' if environment.only_cuda and name == 'torch' else '=='}{pin.version}"

    every = with_all_they_need(environment.packages, pins)
    return "\n".join(
        [
            f"# {environment.purpose}",
            "# Made by envs/generate.py, with the exact versions of requirements.txt; for conda 24.7.1 or newer.",
            *(f"# {line}" for line in textwrap.wrap(environment.note, 118)),
            "channels:",
            "  - conda-forge",
            "dependencies:",
            f"  - python={PYTHON}",
            f"  - pip={PIP}",
            "  - pip:",
            *(pinned(name, pin) for name, pin in every.items() if name in own),
            "      # what these need in turn",
            *(pinned(name, pin) for name, pin in every.items() if name not in own),
            "# no packages of the user's home folder",
            "variables:",
            '  PYTHONNOUSERSITE: "1"',
            "",
        ]
    )


def texts() -> dict[Path, str]:
    """File -> content, of all environments.

    Raises
    ------
    MismatchError
        As `read_pins` and `with_all_they_need`.
    """
    pins = read_pins()
    return {FOLDER / f"{name}.yaml": text_of(environment, pins) for name, environment in ENVIRONMENTS.items()}


def differences(expected: Mapping[Path, str]) -> list[Path]:
    """Files that are missing, not as they should be, or of no environment."""
    present = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    return sorted(path for path in {*expected, *present} if expected.get(path) != present.get(path))


def main(arguments: list[str]) -> str | int:
    """Exit status, or the message to end with."""
    if arguments not in ([], ["--check"]):
        return "python envs/generate.py [--check]"
    try:
        expected = texts()
    except MismatchError as error:
        return str(error)
    different = differences(expected)
    names = ", ".join(str(path.relative_to(REPOSITORY)) for path in different)
    if arguments and different:
        return f"{names}: not what envs/generate.py makes of the requirements. Run python envs/generate.py"
    for path in different:
        if path in expected:
            path.write_text(expected[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
