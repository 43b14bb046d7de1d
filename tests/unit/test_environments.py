"""The conda environments of the rules name the versions of requirements.txt, and all that their scripts import."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from asd.plan.fingerprint import modules_of
from envs import generate
from places import REPOSITORY, SCRIPTS

ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))
RULES = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
# Functions that choose an environment, and what they choose from
CHOICES = {
    "detection_environment()": ["detection", "detection_pyod"],
    "training_environment()": ["torch_cpu", "torch_cuda"],
}


def environments_of_scripts() -> dict[str, list[str]]:
    """Script -> the environments that its rule may run in."""
    environments = {}
    for body in re.split(r"^\s*rule(?: \w+)?:", RULES, flags=re.MULTILINE)[1:]:
        chosen = re.findall(r"^ *conda:\n *(.*)$", body, re.MULTILINE)
        scripts = re.findall(r'"\.\./scripts/(\w+)\.py"', body)
        if "script:" not in body:  # it only asks for what other rules make
            assert not chosen, body
            continue
        assert (len(chosen), len(scripts)) == (1, 1), body
        environments[scripts[0]] = CHOICES.get(chosen[0]) or re.findall(r'^"\.\./\.\./envs/(\w+)\.yaml"$', chosen[0])
    return environments


SCRIPT_ENVIRONMENTS = environments_of_scripts()


def packages_named(path: Path) -> tuple[list[str], list[str]]:
    """What an environment takes from conda, and what from pip (without options)."""
    packages: list[Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    [from_pip] = [package["pip"] for package in packages if isinstance(package, dict)]
    from_conda = [package for package in packages if isinstance(package, str)]
    return from_conda, [line for line in from_pip if not line.startswith("-")]


def pins(path: Path) -> dict[str, str]:
    """Name -> version of the packages of an environment."""
    return dict(re.split("={2,3}", line) for line in packages_named(path)[1])


def imported_at_once(path: Path) -> set[str]:
    """Modules that a file imports when it is imported itself, and a script inside its ``with`` block.

    Dotted names, with those of the names taken from them, which may be modules too.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [node.body for node in tree.body if isinstance(node, ast.With)]
    around = path.parent.relative_to(SCRIPTS).parts
    names = set()
    for node in itertools.chain(tree.body, *blocks):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = around[: len(around) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def packages_of(script: str) -> set[str]:
    """Names of the foreign packages that a script and the modules of `asd` under it import."""
    pending, seen, foreign = [SCRIPTS / f"{script}.py"], set(), set()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported_at_once(path):
            top, *rest = name.split(".")
            if top == "asd":
                files = [SCRIPTS.joinpath(top, *rest, "__init__.py"), SCRIPTS.joinpath(top, *rest).with_suffix(".py")]
                pending += [file for file in files if file.is_file()]
            elif top not in sys.stdlib_module_names:
                foreign.add(top)
    return foreign


def test_each_script_runs_in_an_environment() -> None:
    assert set(SCRIPT_ENVIRONMENTS) == {path.stem for path in SCRIPTS.glob("*.py")}
    used = set(itertools.chain.from_iterable(SCRIPT_ENVIRONMENTS.values()))
    assert used == {path.stem for path in ENVIRONMENTS} - {"asd"}


def test_files_are_what_the_script_makes_of_the_requirements() -> None:
    """If they are not: python envs/generate.py."""
    assert generate.differences(generate.texts()) == []


def test_changed_missing_and_needless_files_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("audio.yaml", "figures.yaml", "old.yaml")
    audio, figures, old = (tmp_path / name for name in names)
    monkeypatch.setattr(generate, "REPOSITORY", tmp_path)
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    monkeypatch.setattr(generate, "texts", lambda: {audio: "right", figures: "right"})
    audio.write_text("wrong", encoding="utf-8")
    old.write_text("of no use any more", encoding="utf-8")
    message = generate.main(["--check"])
    assert str(message).startswith(", ".join(names))
    assert (audio.read_text(encoding="utf-8"), figures.exists(), old.exists()) == ("wrong", False, True)
    assert generate.main([]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == dict.fromkeys(
        names[:2], "right"
    )
    assert generate.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scipy": None}, r"scikit-learn needs scipy>=\S+, which no requirements file pins"),
        ({"joblib": "0.1"}, r"scikit-learn needs joblib>=\S+, but 0\.1 is pinned"),
        ({"joblib": "99.0"}, r"joblib is pinned to 99\.0, but \S+ is installed"),
        ({"no-such-package": "1.0"}, r"no-such-package is not installed"),
    ],
)
def test_pins_that_do_not_fit_are_explained(changed: dict[str, str | None], message: str) -> None:
    pins = generate.read_pins()
    for name, version in changed.items():
        if version is None:
            del pins[name]
        else:
            pins[name] = generate.Pin(name, version)
    packages = ["scikit-learn", *(name for name in changed if name == "no-such-package")]
    with pytest.raises(generate.MismatchError, match=message):
        generate.with_all_they_need(packages, pins)


def test_requirements_pin_all_that_is_needed_and_nothing_else() -> None:
    files = ("requirements.txt", "requirements-slurm.txt", "requirements-pyod.txt", "requirements-dev.txt")
    for some in (files[:1], files[:2], (files[0], files[2]), files):
        pins = generate.read_pins(some)
        direct = [name for file in some for name in generate.direct_packages(file)]
        assert generate.with_all_they_need(direct, pins) == dict(sorted(pins.items())), some


def test_single_environment_is_that_of_the_requirements() -> None:
    required = generate.read_pins(["requirements.txt"]).values()
    assert pins(REPOSITORY / "envs/asd.yaml") == {pin.name: pin.version for pin in required}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environment_is_valid_and_exact(path: Path) -> None:
    environment = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(environment) == {"channels", "dependencies", "variables"}
    assert environment["variables"] == {"PYTHONNOUSERSITE": "1"}  # as text: conda knows no other kind
    assert environment["channels"] == ["conda-forge"]  # no others, nor `nodefaults`, which pip-based files do without
    from_conda, from_pip = packages_named(path)
    versions = dict(package.split("=") for package in from_conda)
    assert versions == {"python": "3.11.11", "pip": "25.0"}
    assert all(re.fullmatch(r"[\w.-]+={2,3}[\w.]+", line) for line in from_pip), from_pip
    assert len(pins(path)) == len(from_pip)


def test_single_environment_holds_all_others() -> None:
    everything = pins(REPOSITORY / "envs/asd.yaml")
    for path in ENVIRONMENTS:
        if path.stem != "detection_pyod":
            assert pins(path).items() <= everything.items(), path.name


def test_environments_of_training_differ_in_the_build_of_torch() -> None:
    cpu, cuda = (packages_named(REPOSITORY / f"envs/torch_{name}.yaml")[1] for name in ("cpu", "cuda"))
    version = pins(REPOSITORY / "envs/torch_cpu.yaml")["torch"]
    assert [(a, b) for a, b in zip(cpu, cuda, strict=True) if a != b] == [(f"torch=={version}", f"torch==={version}")]
    offered = {
        name: re.findall(r"^ +- (--.*)$", (REPOSITORY / f"envs/{name}.yaml").read_text(encoding="utf-8"), re.MULTILINE)
        for name in generate.ENVIRONMENTS
    }
    assert not any(offered.values())  # which indexes there are is a matter of pip's configuration
    builds = [version, f"{version}+cpu"]
    assert list(SpecifierSet(f"=={version}").filter(builds)) == builds
    assert list(SpecifierSet(f"==={version}").filter(builds)) == [version]


IMPORTED_WHEN_CALLED = {
    "extract_features": {"soxr"},
    "detect_anomalies": {"sklearn"},
    "detect_without_ddae": {"sklearn"},
    "evaluate_scores": {"sklearn"},
    "plot_features": {"scipy"},
    "plot_confusion": {"scipy"},
    "plot_results": {"scipy"},
}


def test_detectors_of_pyod_have_an_environment_with_everything_that_detection_needs() -> None:
    with_pyod = pins(REPOSITORY / "envs/detection_pyod.yaml")
    assert pins(REPOSITORY / "envs/detection.yaml").items() <= with_pyod.items()
    extra = (REPOSITORY / "requirements-pyod.txt").read_text(encoding="utf-8")
    assert f"pyod=={with_pyod['pyod']}" in extra


def test_pygments_is_there_for_the_report() -> None:
    """Snakemake writes reports with it, but does not require it; tools of the tests would hide that it is missing."""
    assert "Pygments" in pins(REPOSITORY / "envs/asd.yaml")


@pytest.mark.parametrize("script", sorted(SCRIPT_ENVIRONMENTS))
def test_script_imports_only_what_its_environment_names(script: str) -> None:
    """Snakemake's own environment would hide a missing package: it is on the import path of every script."""
    needed = packages_of(script) | IMPORTED_WHEN_CALLED.get(script, set())
    for environment in SCRIPT_ENVIRONMENTS[script]:
        # what these need in turn may change with their next version
        named = generate.ENVIRONMENTS[environment].packages
        assert needed <= {name.replace("scikit-learn", "sklearn") for name in named}, environment


def users(package: str) -> set[str]:
    return {script for script in SCRIPT_ENVIRONMENTS if package in packages_of(script)}


def test_heavy_packages_are_imported_only_where_they_are_needed() -> None:
    figures = {"plot_confusion", "plot_roc", "plot_features", "plot_loss", "plot_results", "plot_scores"}
    assert users("torch") == {"train_ddae", "train_classifier"}
    assert users("sklearn") == set()  # where it is needed, it is imported by what is called
    assert users("pandas") == {"evaluate_scores", "collect_results", "plot_results"}
    assert users("matplotlib") == figures
    read_recordings = {"extract_features", "simulate_recordings", "check_recordings"}
    read_recordings |= {"export_features", "export_models", "list_hardest", "score_recordings", "monitor_recordings"}
    assert users("soundfile") == read_recordings
    assert users("onnx") == {"export_features", "export_models"}
    assert users("requests") == {"fetch_archive"}


def modules(script: str) -> set[str]:
    """Modules of the package that decide whether a rule runs again: ``detection/scores`` and so on."""
    files = modules_of(SCRIPTS / f"{script}.py", SCRIPTS / "asd")
    return {path.relative_to(SCRIPTS / "asd").with_suffix("").as_posix() for path in files if path.parent != SCRIPTS}


def rooms(script: str) -> set[str]:
    """Subpackages that a rule's code comes from."""
    return {name.split("/")[0] for name in modules(script) if "/" in name}


def test_training_does_not_depend_on_detectors_and_statistics() -> None:
    """So that a new detector, ensemble or statistic trains nothing again."""
    assert rooms("train_ddae") == {"files", "features", "ddae"}
    of_detection = {name for name in modules("train_classifier") if name.startswith("detection/")}
    assert of_detection == {"detection/__init__", "detection/units", "detection/clips"}
    of_ddae = {name for name in modules("train_classifier") if name.startswith("ddae/")}
    assert of_ddae == {"ddae/__init__", "ddae/adam", "ddae/origins"}
    assert rooms("train_classifier") == {"files", "features", "ddae", "classification", "detection"}


def test_figures_of_features_do_not_depend_on_how_detectors_score() -> None:
    """They show what the best detector sees, and which that is, they read from scores."""
    forbidden = {"detectors", "scoring", "ensembles"}
    assert modules("plot_features").isdisjoint({f"detection/{name}" for name in forbidden})


def test_detection_does_not_depend_on_what_comes_after_it() -> None:
    assert rooms("detect_anomalies") == {"files", "features", "ddae", "classification", "detection"}
    forbidden = {"detection/ensembles", "ddae/training", "ddae/model", "ddae/device", "classification/training"}
    assert modules("detect_anomalies").isdisjoint(forbidden)


def test_what_follows_the_caches_does_not_depend_on_how_they_are_extracted() -> None:
    """So that new code for the extraction trains nothing again where a run starts from given caches."""
    extraction = {"recordings/audio", "features/acoustic", "features/extraction"}
    used = {script: modules(script) for script in SCRIPT_ENVIRONMENTS}
    assert extraction <= used.pop("extract_features")
    assert "recordings/audio" in used.pop("simulate_recordings")
    # which no other rule waits for
    of_new_recordings = ("score_recordings", "monitor_recordings")
    for script in ("check_recordings", "export_features", "export_models", "list_hardest", *of_new_recordings):
        assert "recordings/audio" in used.pop(script)
    assert all(names.isdisjoint(extraction) for names in used.values())


def test_no_job_depends_on_the_plan() -> None:
    """So that a change of the plan runs nothing again unless it changes what a job is given."""
    assert not any("plan" in rooms(script) for script in SCRIPT_ENVIRONMENTS)
