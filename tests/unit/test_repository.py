"""The repository as a whole: one version and one name, tests in their places, and what others do with a fork."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from envs.generate import ENVIRONMENTS
from places import REPOSITORY, SUPPORT

TESTS = sorted((REPOSITORY / "tests").glob("*/test_*.py"))
CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
JOBS = REPOSITORY / ".github" / "workflows" / "main.yml"


def read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def project() -> dict[str, Any]:
    """The table of the project in pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


# --- One version, one name ---


def test_version_is_the_same_everywhere() -> None:
    latest = re.search(r"^## (\S+) - (\S+)$", CHANGELOG, re.MULTILINE)
    assert latest
    citation = read_yaml(REPOSITORY / "CITATION.cff")
    assert {project()["version"], citation["version"]} == {latest[1]}
    released = str(citation.get("date-released", "unreleased"))
    assert released == latest[2], "CITATION.cff and CHANGELOG.md say when this version was released"


def test_name_is_the_same_everywhere() -> None:
    name = project()["name"]
    assert (REPOSITORY / "workflow" / "scripts" / name / "__init__.py").exists()
    assert read_yaml(REPOSITORY / "CITATION.cff")["title"].startswith(f"{name}: ")
    assert name in ENVIRONMENTS
    containers = "".join(path.read_text(encoding="utf-8") for path in REPOSITORY.glob("**/Containerfile"))
    assert set(re.findall(r"(?:--tag|USER=) ?(?:\S+/)?([\w-]+)", containers)) == {name}
    assert f"resources/{name}.sif" in containers


def test_every_version_has_its_release_notes() -> None:
    versions = re.findall(r"^## (\S+) - (\S+)$", CHANGELOG, re.MULTILINE)
    assert len(versions) == len(re.findall(r"^## ", CHANGELOG, re.MULTILINE)) == len(dict(versions))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version, _ in versions)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in versions[1:]), "only the newest is unreleased"
    sections = re.split(r"^## .*\n", CHANGELOG, flags=re.MULTILINE)[1:]
    assert all(re.search(r"^- ", section, re.MULTILINE) for section in sections)


def test_a_problem_is_reported_with_what_is_needed_to_repeat_it() -> None:
    folder = REPOSITORY / ".github" / "ISSUE_TEMPLATE"
    asked = {field["id"]: field for field in read_yaml(folder / "bug.yml")["body"]}
    assert {"command", "configuration", "log", "versions"} <= set(asked)
    assert all(field["validations"]["required"] for field in asked.values())
    for name in ("CODE_OF_CONDUCT.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md"):
        assert (REPOSITORY / name).exists()
    security = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    assert "weights_only=True" in security
    code = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow/scripts").rglob("*.py")]
    assert not any(
        re.search(r"^\s*(?:import|from) (?:pickle|joblib)|allow_pickle=True", text, re.MULTILINE) for text in code
    )


# --- Tests in their places ---


def imported_by(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, in functions as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def with_helpers(path: Path) -> Iterator[Path]:
    """A test file, and the helpers that it imports, directly or not."""
    pending, seen = [path], set()
    while pending:
        file = pending.pop()
        if file in seen or not file.exists():
            continue
        seen.add(file)
        yield file
        pending += [SUPPORT / f"{name}.py" for name in imported_by(file)]


def calls_snakemake(path: Path) -> bool:
    """Whether a file imports Snakemake or has it in a command."""
    commands = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.List | ast.Tuple)
        and any(isinstance(part, ast.Constant) and part.value == "snakemake" for part in node.elts)
    ]
    # its check of configurations, which ours is compared with, starts no workflow
    imports = re.findall(r"^\s*(?:from|import) snakemake(?!\.utils\b)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return bool(imports) or bool(commands)


def test_no_test_imports_another() -> None:
    names = {path.stem for path in TESTS}
    assert {path.name: sorted(names & imported_by(path)) for path in TESTS if names & imported_by(path)} == {}


def test_tests_lie_in_the_folder_of_their_kind() -> None:
    assert {path.parent.name for path in TESTS} == {"unit", "workflow", "faults"}
    assert not list((REPOSITORY / "tests").glob("test_*.py"))
    assert not list(SUPPORT.glob("test_*.py"))


def test_unit_tests_run_no_workflow() -> None:
    here = Path(__file__)
    units = [path for path in TESTS if path.parent.name == "unit" and path != here]
    assert [path.name for path in units if any(map(calls_snakemake, with_helpers(path)))] == []
    runner = SUPPORT / "workflow_runner.py"
    assert any(map(calls_snakemake, with_helpers(runner)))  # which shows that they would be seen


# --- What others do with a fork ---


def test_jobs_of_a_fork_are_safe_and_repeatable() -> None:
    text = JOBS.read_text(encoding="utf-8")
    content = read_yaml(JOBS)
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["cancel-in-progress"] is True
    assert list(content["jobs"]) == ["lint", "test", "run"]
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert "latest" not in job["runs-on"]
    used = re.findall(r"uses: (.*)$", text, re.MULTILINE)
    # the commit, since anybody who can push to an action can move its tags, and the version for those who read it
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used), used
    versions: dict[str, set[str]] = {}
    for action in used:
        versions.setdefault(action.partition("@")[0], set()).add(action)
    assert all(len(each) == 1 for each in versions.values()), versions


def test_jobs_of_a_fork_call_what_there_is() -> None:
    text = JOBS.read_text(encoding="utf-8")
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"run: make (\S+)", text)) == {"lint", "test-fast"} <= targets
    assert "--use-conda --directory .test" in text
    assert (REPOSITORY / ".test" / "config" / "config.yaml").exists()
    [python] = set(re.findall(r'python-version: "(\S+)"', text))
    assert f"  - python={python}." in (REPOSITORY / "envs" / "asd.yaml").read_text(encoding="utf-8")


def test_actionlint_finds_nothing() -> None:
    beside = Path(sys.executable).parent / "actionlint"
    program = str(beside) if beside.exists() else shutil.which("actionlint")
    if program is None:
        pytest.skip("actionlint is not installed (its package on PyPI downloads the program from elsewhere)")
    done = subprocess.run([program, str(JOBS)], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_catalog_knows_how_to_use_the_workflow() -> None:
    """Wanted for "standardized usage": https://snakemake.github.io/snakemake-workflow-catalog/docs/about/adding_workflows.html"""
    usage = read_yaml(REPOSITORY / ".snakemake-workflow-catalog.yml")["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"] == {"desc": None, "flags": None}
    deployment = usage["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert deployment["conda"] is True
    # the one is documented, the other is read
    assert usage["software-stack-deployment"]["report"] is usage["report"] is True
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    for path in ("workflow/Snakefile", "config/README.md", "config/config.yaml", "workflow/rules/common.smk"):
        assert (REPOSITORY / path).exists(), path


def test_results_of_a_clone_hold_a_readme_alone() -> None:
    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    if not git("ls-files", "Makefile"):
        pytest.skip("no clone")
    assert git("ls-files", "--cached", "--others", "--exclude-standard", "results", ".test") == [
        ".test/config/config.yaml",
        "results/README.md",
    ]
    made = ["results/auc.csv", "results/figures/x.png", ".test/results/auc.csv", ".test/resources/demo/x.wav"]
    assert git("check-ignore", *made) == made
    assert git("check-ignore", "results/README.md") == []
