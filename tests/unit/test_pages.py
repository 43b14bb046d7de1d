"""The pages that people read: short enough, with links that lead somewhere, and commands that are tried."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
import yaml

import pages
from asd.schema import read_schema
from places import REPOSITORY

README = pages.read("README.md")
FAQ = pages.read("docs/faq.md")
LANGUAGES = {"bash", "python", "text", "yaml"}

# --- Length, links, questions ---


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 1100
    picture = REPOSITORY / "docs/images/alarm.png"
    assert pages.links("README.md").count("docs/images/alarm.png") == 1
    assert picture.stat().st_size < 150_000


def test_every_page_is_reached_from_the_readme() -> None:
    pending, reached = ["README.md"], set()
    while pending:
        page = pending.pop()
        if page in reached or not page.endswith(".md"):
            continue
        reached.add(page)
        for link in pages.links(page):
            target = (REPOSITORY / page).parent / link.partition("#")[0]
            if ":" not in link and target.is_file():
                pending.append(target.resolve().relative_to(REPOSITORY).as_posix())
    needless = {page for page in pages.pages() if page.startswith(".github/")} | {"results/README.md"}
    assert set(pages.pages()) - reached - needless == set()


@pytest.mark.parametrize("page", pages.pages())
def test_links_lead_to_files_and_headings(page: str) -> None:
    assert pages.broken_links(page) == []


def test_a_broken_link_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# A [b](c)'s 90 % d\n[1](#a-bs-90--d) [2](#a) [3](p/q.md#why) [4](nowhere.md) [5](p/q.md#b) `[6](x)`\n"
    (tmp_path / "p").mkdir()
    (tmp_path / "p/q.md").write_text("# Why\n", encoding="utf-8")
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(pages, "REPOSITORY", tmp_path)
    assert pages.broken_links("page.md") == ["c", "#a", "nowhere.md", "p/q.md#b"]


@pytest.mark.parametrize("page", pages.pages())
def test_blocks_say_what_they_are(page: str) -> None:
    """So that commands, which are tried, are told from what is printed."""
    text = pages.read(page)
    assert {block.language for block in pages.blocks(text)} <= LANGUAGES
    around = pages.without_blocks(text)
    assert not re.search(r"^```", around, re.MULTILINE), "a fence is not closed"
    assert not re.search(r"(?:\A|\n\n) {4}\S", around), "a block by its indentation alone"


def test_configurations_on_pages_are_valid() -> None:
    schema = read_schema(REPOSITORY / "workflow/schemas/config.schema.yaml")
    written = [
        (page, block.text)
        for page in pages.pages()
        for block in pages.blocks(pages.read(page))
        if block.language == "yaml"
    ]
    assert len(written) > 10
    for page, text in written:
        for key, value in yaml.safe_load(text).items():
            if not key.startswith("x-"):
                rule = {**schema["properties"][key], "$defs": schema["$defs"]}
                errors = [error.message for error in jsonschema.Draft202012Validator(rule).iter_errors(value)]
                assert errors == [], (page, key)


def test_ten_questions_are_answered_within_a_minute_each() -> None:
    titles = [title for level, title in pages.headings(FAQ) if level == 2]
    assert len(titles) == 10
    assert re.findall(r"^\d+\. \[(.*)\]\(#", FAQ, re.MULTILINE) == titles
    answers = re.split(r"^## .*\n", FAQ, flags=re.MULTILINE)[1:]
    assert all(20 < len(answer.split()) < 200 for answer in answers)  # a minute of reading


# --- Every command is tried by a test, or it is said why not ---


@dataclass(frozen=True)
class Tried:
    """By a test, or by a fixture of tests: ``workflow/test_use.py::used``, which has the word `by` in its file."""

    test: str
    by: str


@dataclass(frozen=True)
class Untried:
    """Why a command is not tried as it stands, and what is tried in its place, if anything."""

    why: str
    instead: Tried | None = None


PAGE_OF_USE = Tried("workflow/test_use.py::used", "docs/use.md")
QUESTIONS = Tried("workflow/test_use.py::used", "docs/faq.md")
FIRST_PAGE = Tried("workflow/test_use.py::used", "README.md")
OWN_DATA = Tried("workflow/test_own_data.py::test_the_tutorial_works_exactly_as_printed", "docs/own_recordings.md")
OWN_FOLDER = Tried("workflow/test_own_data.py::test_the_folder_of_the_readme_is_learned", "README.md")
DOWNLOAD = Tried(
    "workflow/test_own_data.py::test_download_fetches_what_the_configuration_needs_and_nothing_twice", '"download"'
)
MIMII = Tried("workflow/test_real_data.py::test_run_from_real_recordings_alone", "config/mimii.yaml")
SLURM = Tried("workflow/test_slurm.py::test_every_job_runs_on_the_cluster_in_few_submissions", "profiles/slurm")
KUBERNETES = Tried("workflow/test_kubernetes.py::test_demo_is_planned_and_only_training_asks_for_a_gpu", "kubernetes")
REQUIREMENTS = Tried("unit/test_environments.py::test_requirements_pin_all_that_is_needed_and_nothing_else", "pins")
CONTAINER = Tried("workflow/test_container.py::test_every_job_runs_in_the_image", "apptainer")
CONDA = Tried("workflow/test_conda.py::test_packages_in_the_home_folder_are_hidden_from_pip_and_from_jobs", "conda")
ONNX = Tried("unit/test_onnx_example.py::test_verdicts_are_those_of_the_package", "score.py")
BENCHMARKS = Tried("workflow/test_benchmarks.py::test_every_benchmark_runs", "benchmarks")
TESTS_THEMSELVES = Untried("the tests themselves, which would start themselves")
NAMED = Tried("unit/test_scoring_command.py::test_help_and_version", "info")
INSTALLS = Untried("fetches packages from the network", REQUIREMENTS)

# The first that fits a command whole; commands are those of shell blocks, and of code in running text
COMMANDS: dict[str, Tried | Untried] = {
    # the page of use, the questions, the tutorial
    r"git clone <.*> && cd <.*>": Untried("the repository has no address of its own"),
    r"make run": Untried("fetches packages, and the demo takes minutes; its fan is run", PAGE_OF_USE),
    r"make setup|pip install '?\..*": Untried("fetches packages from the network", REQUIREMENTS),
    r"asd (score|info) results/models/fan/\S+( \S+)?|asd score --\S+ \S+ results/models/fan/\S+ \S+": FIRST_PAGE,
    r"asd (explain|watch|monitor) .*results/models/fan/.*": PAGE_OF_USE,
    r"asd (score|watch|explain|monitor|info)( --[a-z-]+( [\d.]+| 'command')?)?": NAMED,
    r"mkdir -p inbox|awk .*|python - <<[\s\S]*|python examples/onnx/score.py .*": PAGE_OF_USE,
    r"snakemake --cores 2 (results/models/\S+|(score|monitor) --config score=.*)": PAGE_OF_USE,
    r"snakemake --cores 2 results/figures/loss/\S+|cat results/logs/\S+": QUESTIONS,
    r"snakemake (score|monitor)": PAGE_OF_USE,
    r"cat > press.yaml <<[\s\S]*pattern[\s\S]*|asd score results/models/press/.*": OWN_FOLDER,
    r"printf .*|for file in .*|cat results/leaderboard.md|cat > press.yaml <<[\s\S]*samples[\s\S]*": OWN_DATA,
    r"snakemake (check )?--cores 2 --configfile press.yaml|snakemake check": OWN_DATA,
    # MIMII
    r"snakemake download.*": Untried("fetches 100 GB; a server of small archives stands for it", DOWNLOAD),
    r"snakemake --cores 8 --configfile config/mimii.yaml.*": Untried(
        "reads 138 GB; it is tried with the recordings that are at hand", MIMII
    ),
    # the command itself
    r"snakemake -n": Tried(
        "workflow/test_workflow.py::test_both_entry_points_plan_the_demo_and_need_no_config_in_the_working_directory",
        "--dry-run",
    ),
    r"snakemake -n -p": Tried("workflow/test_small_run.py::plan_and_failure", '"-p"'),
    r"pip install snakemake-logger-plugin-rich|snakemake --logger rich .*": Untried(
        "another project's plugin, not installed here"
    ),
    r"snakemake (--cores 8)?": Untried("the demo takes minutes; its fan is run", PAGE_OF_USE),
    r"snakemake --cores 8 --directory .*": Tried("workflow/test_small_run.py::test_small_run_takes_all_steps", ".test"),
    r"snakemake --report .*": Tried("workflow/test_report.py::test_report_holds_what_the_run_made", "--report"),
    r"snakemake leftovers": Tried(
        "workflow/test_leftovers.py::test_what_a_removed_seed_leaves_is_listed_and_not_deleted", "leftovers"
    ),
    r"snakemake --unlock": Tried("faults/test_kills_and_full_disks.py", "--unlock"),
    # elsewhere
    r"snakemake --cores 8 --use-conda|conda .*|PYTHONNOUSERSITE=1 conda .*": Untried("fetches gigabytes", CONDA),
    r"podman .*|snakemake --sdm apptainer": Untried("needs podman or Apptainer, for which a stand-in is", CONTAINER),
    r"snakemake --cores 8 --profile profiles/gpu": Tried(
        "workflow/test_gpu_profile.py::test_trainings_on_a_gpu_run_one_at_a_time", "profiles/gpu"
    ),
    r"snakemake --profile profiles/slurm.*": Untried("a cluster; the profile is tried with a Slurm of one node", SLURM),
    r"snakemake --profile profiles/kubernetes.*": Untried("a cluster; stand-ins for it and its storage", KUBERNETES),
    r"export SNAKEMAKE_STORAGE_S3_.*": Untried("keys of a storage; a stand-in is", KUBERNETES),
    r"pip install .*": INSTALLS,
    r"snakedeploy .*": Untried(
        "fetches the workflow from its address",
        Tried("workflow/test_modules.py::test_the_demo_under_a_prefix", "module"),
    ),
    r"python score.py .*": ONNX,
    r"cd web|npm .*|python -m http.server": Untried(
        "npm fetches from the network", Tried("unit/test_browser_page.py", "models.json")
    ),
    # for those who work on it
    r"make (test|test-fast)( .*)?|.*pytest .*": TESTS_THEMSELVES,
    r"make lint": Untried("what it calls is called before these tests, not by them"),
    r"make clean": Tried("workflow/test_small_run.py::test_make_clean_keeps_the_readme_of_the_results", '"clean"'),
    r"make bench.*": Untried("takes ten minutes", BENCHMARKS),
    r"make quality.*": Tried("workflow/test_benchmarks.py::test_quality_from_caches_alone", "quality"),
    r"python -m benchmarks.jobs .*": Tried("workflow/test_benchmarks.py::test_what_the_jobs_of_a_run_took", "jobs"),
    r"python -m benchmarks.monitoring .*|.*benchmarks.audio_files .*": Untried("takes long, and data of others"),
    r"PYTHONPATH=\S+ .*python -m asd.plan.documentation": Tried(
        "unit/test_documentation.py::test_a_table_that_differs_is_noticed_and_written_anew", "main("
    ),
    r"python envs/generate.py": Tried(
        "unit/test_environments.py::test_files_are_what_the_script_makes_of_the_requirements", "generate"
    ),
}


def entry_of(command: str) -> tuple[str, Tried | Untried] | None:
    """What stands of a command in the table."""
    plain = command.replace(".venv/bin/", "")
    return next(((pattern, entry) for pattern, entry in COMMANDS.items() if re.fullmatch(pattern, plain)), None)


def test_every_command_is_tried_or_it_is_said_why_not() -> None:
    missing, used = {}, set()
    for page in pages.pages():
        for command in pages.commands(pages.read(page)):
            found = entry_of(command)
            if found is None:
                missing[command] = page
            else:
                used.add(found[0])
    assert missing == {}, "commands that no test tries: add a test, or a reason, to COMMANDS"
    assert set(COMMANDS) - used == set(), "commands that stand on no page any more"


def test_the_tests_that_try_commands_exist() -> None:
    entries = [entry if isinstance(entry, Tried) else entry.instead for entry in COMMANDS.values()]
    for entry in filter(None, entries):
        path, _, name = entry.test.partition("::")
        text = (REPOSITORY / "tests" / path).read_text(encoding="utf-8")
        functions = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, entry
        assert entry.by in text, entry


def test_commands_are_found_in_blocks_and_in_running_text() -> None:
    text = (
        "Say `make run`, not `make`, or `results/x`.\n\n```bash\na 1 \\\n    --b # c\ncat > x <<'END'\n# y\nEND\n"
        "d\n```\n\n```text\nno\n```\n"
    )
    assert pages.commands(text) == ["a 1 --b", "cat > x <<'END'\nEND", "d", "make run"]
    assert entry_of("asd scare results/models/fan/x.onnx") is None


def test_what_is_printed_may_differ_in_numbers_alone() -> None:
    real = "model  results/a/b.onnx\nscore 1.50 of 20\n0.2-0.3 kHz, short sounds 3 dB below normal\nmore\n"
    real += "asd: 3 of 20 anomalous\n"
    page = "model x/b.onnx\nscore 2 of 19\n90-120 Hz, 4 dB above normal\n...\nasd: 18 of 20 anomalous\n"
    assert pages.is_printed(pages.Block("text", page), real)
    for wrong in ("score 2 of 19\nmodel b.onnx\n", "...\nasd: 3 of 20 normal\n", "scores 2 of 19\n"):
        assert not pages.is_printed(pages.Block("text", wrong), real)
