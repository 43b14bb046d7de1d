"""The rooms of the package: which there are, and that none imports from one above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from places import SCRIPTS

PACKAGE = SCRIPTS / "asd"
LAYERS = [
    ["errors"],
    ["files", "schema"],
    ["joblog", "processes", "splits"],
    ["recordings", "download"],
    ["demo", "features"],
    ["ddae"],
    ["classification"],
    ["detection"],
    ["evaluation"],
    ["figures"],
    ["models"],
    ["scoring"],
    ["plan"],
]
"""From the bottom up; those of a line know nothing of each other."""

AT_THE_TOP = {"__init__", "errors", "joblog", "processes", "schema", "splits"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def height(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def room_of(path: Path) -> str:
    """The room a module is in, or is itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    """Rooms that a module names in an import statement, its own left out."""
    around = ("asd", *path.parent.relative_to(PACKAGE).parts)
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = around[: len(around) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names] if module == "asd" else [module]
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "asd" and len(part) > 1} - {room_of(path)}


def test_every_room_is_known_and_only_few_modules_lie_outside_of_one() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == AT_THE_TOP
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders | AT_THE_TOP == {"__init__", *(room for rooms in LAYERS for room in rooms)}
    assert all((PACKAGE / folder / "__init__.py").is_file() for folder in folders)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).with_suffix("").as_posix())
def test_no_module_imports_upward(path: Path) -> None:
    if path.name == "__init__.py" and path.parent == PACKAGE:
        assert not rooms_imported(path)
        return
    own = height(room_of(path))
    assert {room for room in rooms_imported(path) if height(room) >= own} == set()


def test_the_walk_sees_every_way_to_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_layers.PACKAGE", tmp_path)
    module = tmp_path / "files" / "a.py"
    module.parent.mkdir()
    module.write_text(
        "import asd.plan.run\nfrom asd import figures\nfrom asd.ddae.model import x\nfrom .. import splits\n"
        "from ..detection import y\nfrom . import b\nfrom .c import d\n"
        "def f():\n    from ..evaluation.tables import z\n",
        encoding="utf-8",
    )
    assert rooms_imported(module) == {"plan", "figures", "ddae", "splits", "detection", "evaluation"}


def test_the_package_knows_nothing_of_snakemake() -> None:
    named = [path for path in MODULES if "import snakemake" in path.read_text() or "from snakemake" in path.read_text()]
    assert named == []
