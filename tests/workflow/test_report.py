"""The report in a browser: what it opens with, and that every figure and table is there, can be reached and is shown.

Without Chromium, its driver and selenium, only the tests that read the report's files run.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chromium import PATIENCE, chromium, console_errors
from small_data import make_recordings, small_config
from workflow_runner import snakemake, write_config

pytestmark = pytest.mark.slow

GENERAL = ("Workflow", "Statistics", "About")  # what is in every menu of Snakemake's reports
NOT_REPORTED = {"results/skipped_clips.csv"}
SINGLE_MATRIX = re.compile(r"/confusion/[^/]+/[^/]+_snr_?6_[^/]+$")
MORE_DETECTORS = ["PYOD:ECOD"] if importlib.util.find_spec("pyod") else []

# Scripts for the browser. `place`: where an element lies, from the top of the page and the right of the navigation,
# once everything around it is scrolled to its start and transitions are over.
PLACE = """
const place = async (element) => {
    const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(transitions.map((transition) => transition.finished));
    for (let box = element; box; box = box.parentElement) { box.scrollTop = 0; box.scrollLeft = 0; }
    const {left, top} = element.getBoundingClientRect();
    return {left: left - document.querySelector("#app nav").getBoundingClientRect().right, top};
};
"""
ELEMENT = f"{PLACE} const [element, done] = arguments; place(element).then(done);"
# The page keeps one <img> and changes its address, so it is looked for by that.
PICTURE = f"""{PLACE}
const [address, done] = arguments;
const picture = Array.from(document.images).find((image) => image.getAttribute("src") === address);
const size = () => ({{width: picture.naturalWidth, height: picture.naturalHeight}});
if (!picture) done({{error: "no such image on the page"}});
else picture.decode().then(() => place(picture)).then((where) => done({{...size(), ...where}}),
                                                      (error) => done({{error: String(error)}}));
"""
# For each figure of the page: where the image ends and the caption begins, their sizes, and the caption's text.
FIGURES = """
const done = arguments[0];
const images = Array.from(document.querySelectorAll("figure img"));
Promise.allSettled(images.map((image) => { image.loading = "eager"; return image.decode(); })).then(() => done(
    images.map((image) => {
        const caption = image.closest("figure").querySelector("figcaption");
        const [above, below] = [image.getBoundingClientRect(), caption.getBoundingClientRect()];
        const {height, top} = below;
        return {bottom: above.bottom, width: above.width, top, height, text: caption.innerText};
    })));
"""
SCROLLED = """
const box = document.querySelector("#app div.h-screen.overflow-auto:not(nav)");
return {width: box.scrollWidth - box.clientWidth, height: box.clientHeight, left: box.getBoundingClientRect().left};
"""
PLAYED = """
const done = arguments[0], audio = document.querySelector("audio");
audio.muted = true;
audio.ontimeupdate = () => { if (audio.currentTime > 0.05) done("played"); };
audio.onerror = () => done(`not played: ${audio.error.message}`);
audio.play().catch((error) => done(String(error)));
"""
TABLES = r"""
const seen = (element) => element.offsetParent !== null;
const cells = (row) => Array.from(row.cells).filter(seen).map((cell) => cell.innerText.trim().replace(/\s+/g, " "));
return Array.from(document.querySelectorAll(arguments[0])).filter(seen).map((table) => {
    const body = Array.from(table.tBodies).flatMap((part) => Array.from(part.rows));
    return {head: table.tHead ? cells(table.tHead.rows[0]) : [], rows: body.map(cells)};
});
"""


def declared(run: Path) -> set[str]:
    """What a run made for its readers: figures (of confusion matrices, grids), and tables and pages atop results."""
    results = run / "results"
    figures = [path for path in results.glob("figures/**/*") if path.is_file() and not SINGLE_MATRIX.search(str(path))]
    found = [*figures, results / "benchmarks/training_time.png", *results.glob("*.csv"), *results.glob("*.html")]
    return {path.relative_to(run).as_posix() for path in found} - NOT_REPORTED


def data(report: Path, name: str) -> Any:
    """What the report's script of this name holds: results, categories, workflow-desc, ..."""
    text = (report / "report.html").read_text(encoding="utf-8")
    found = re.search(rf'<script id="{name}">\s*var \w+ = (.*);\s*</script>', text)
    assert found, f"no {name} in the report"
    return json.loads(found[1])


def check_file(path: Path) -> None:
    """That a file of the report can be read to its end: browsers also show the beginning of half an image."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            lengths = [len(row) for row in csv.reader(file)]
        # the recordings have no conditions
        assert len(lengths) > (path.name != "conditions.csv"), f"{path.name} has no rows"
        assert set(lengths) == {lengths[0]}, f"rows of {path.name} differ in length"
    elif path.suffix == ".png":
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, SyntaxError) as error:
            raise AssertionError(f"{path.name} is broken: {error}") from error


class Page:
    """A report as its readers use it: with clicks."""

    def __init__(self, browser: Any, wait: Any, report: Path) -> None:
        self.browser, self.wait, self.report = browser, wait, report
        self.results: dict[str, dict[str, Any]] = data(report, "results")
        self.errors()  # forgets those of the page before
        browser.get((report / "report.html").as_uri())
        self.until("#rulegraph canvas, #rulegraph svg")

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def until(self, selector: str, text: str | None = None) -> Any:
        """The first element, with this text if given, as soon as it is shown."""

        def found(_: Any) -> Any:
            fitting = (element for element in self.all(selector) if text is None or element.text.strip() == text)
            return next((element for element in fitting if element.is_displayed()), None)

        try:
            return self.wait(self.browser, PATIENCE, poll_frequency=0.05).until(found)
        except Exception as error:
            raise AssertionError(f"{selector} {text or ''} is not shown; errors: {self.errors()}") from error

    def errors(self) -> list[str]:
        """What went wrong since the last call: errors of scripts, files that are missing."""
        return console_errors(self.browser)

    def tables(self, selector: str = "table") -> list[dict[str, Any]]:
        return self.browser.execute_script(TABLES, selector)

    def check_reach(self, element: Any) -> dict[str, float]:
        """That an element begins on the page, and not under the navigation or above the top; its place."""
        place = self.browser.execute_async_script(ELEMENT, element)
        assert place["top"] >= 0, "the top is out of reach"
        assert place["left"] >= -1, "the left is out of reach"
        return place

    def menu(self) -> list[str]:
        """What the first level of the navigation offers."""
        return [link.text.strip() for link in self.all("#app nav ul a")]

    def show_category(self, name: str) -> list[str]:
        """Open all results of a category, one after the other; their paths."""
        self.until("#app nav ul a", name).click()
        self.until("#app nav nav li", name)
        if self.all("#app nav table"):
            paths = self.show_list()
        else:
            paths = []
            for subcategory in self.menu():
                self.until("#app nav ul a", subcategory).click()
                self.until("#app nav nav li", subcategory)
                paths += self.show_list()
                self.until("#app nav nav a", name).click()
                self.until("#app nav ul a", subcategory)
        self.until("#app nav nav a", "Results").click()
        self.until("#app nav ul a", "Workflow")
        return paths

    def show_list(self) -> list[str]:
        """Open all results of the list that is open; a label with two values may be a switch above it."""
        switches = range(len(self.all("#app nav fieldset label"))) or [None]
        paths = []
        for switch in switches:
            if switch is not None:
                self.all("#app nav fieldset label")[switch].click()
            paths += [self.show_row(number) for number in range(len(self.all("#app nav tbody tr")))]
        return paths

    def show_row(self, number: int) -> str:
        """Open the result of a row of the list, and check what is shown; its path."""
        link = self.all("#app nav tbody tr")[number].find_element("css selector", "td:last-child a")
        if link.get_dom_attribute("download"):  # Snakemake shows no text files, it hands them out
            address = link.get_dom_attribute("href")
            path = next(path for path, result in self.results.items() if result["data_uri"] == address)
        else:
            link.click()
            path = self.browser.execute_script("return app.state.resultPath")
            address = self.results[path]["data_uri"]
            if self.results[path]["mime_type"].startswith("image/"):
                self.check_picture(path, address)
            else:
                self.check_frame(path, address)
        check_file(self.report / address)
        return path

    def check_picture(self, path: str, address: str) -> None:
        shown = self.browser.execute_async_script(PICTURE, address)
        assert "error" not in shown, f"{path}: {shown['error']}"
        assert shown["width"] > 0, path
        assert shown["height"] > 0, path
        assert shown["top"] >= 0, f"the top of {path} is out of reach"
        assert shown["left"] >= -1, f"the left of {path} is out of reach"

    @contextmanager
    def frame(self, address: str | None = None) -> Iterator[None]:
        """Inside the page that is shown, which has to be at this address."""
        frame = self.until("iframe")
        assert address in (None, frame.get_dom_attribute("src"))
        self.browser.switch_to.frame(frame)
        try:
            yield
        finally:
            self.browser.switch_to.default_content()

    def check_frame(self, path: str, address: str) -> None:
        with self.frame(address):
            self.until("body *")
            empty = "neither conditions nor attributes" in self.all("body")[0].text
            tables = any(table["rows"] for table in self.tables())
            assert tables or empty or self.all("img, svg, canvas"), f"{path} is empty"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two machines under both protocols, with an ensemble, and its report.zip."""
    directory = tmp_path_factory.mktemp("report of 둘")
    machines = {"fan": ["id_00", "id_02"], "pump": ["id_00"]}
    make_recordings(directory / "recordings", machines)
    config = small_config()
    for machine, ids in machines.items():
        config["machines"][machine]["ids"] = ids
    raw = {"method": "LOF", "name": "LOF-raw", "representation": "raw"}
    config["snrs"] = {"snr6": "6_dB"}
    config |= {"protocols": ["paper", "strict"], "detectors": ["OCSVM", "LOF", raw, *MORE_DETECTORS]}
    config["ensembles"] = [{"name": "BOTH", "detectors": ["OCSVM", "LOF"]}]
    path = write_config(directory, config)
    snakemake(directory, "--configfile", path, cores=2, figures_as_seen=True).ok()
    snakemake(directory, "--configfile", path, "--report", "report.zip").ok()
    return directory


@pytest.fixture(scope="module")
def report(finished: Path) -> Path:
    """Folder with the unpacked report."""
    with zipfile.ZipFile(finished / "report.zip") as archive:
        archive.extractall(finished / "unpacked")
    return finished / "unpacked" / "report"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium"), "--autoplay-policy=no-user-gesture-required") as chrome:
        yield chrome


@pytest.fixture
def page(browser: Any, report: Path) -> Page:
    """The report as it opens."""
    return open_page(browser, report)


def open_page(browser: Any, report: Path) -> Page:
    from selenium.webdriver.support.ui import WebDriverWait

    return Page(browser, WebDriverWait, report)


def test_report_holds_what_the_run_made(finished: Path, report: Path) -> None:
    results = data(report, "results")
    assert set(results) == declared(finished)
    for path, result in results.items():
        assert (report / result["data_uri"]).read_bytes() == (finished / path).read_bytes(), path
        check_file(report / result["data_uri"])


def test_texts_are_there_and_without_errors_of_markup(report: Path) -> None:
    texts = {path: result["caption"] for path, result in data(report, "results").items()}
    texts["description"] = data(report, "workflow-desc")
    assert [name for name, text in texts.items() if not re.sub(r"<[^>]*>", "", text).strip()] == []
    assert [name for name, text in texts.items() if "system-message" in text or "problematic" in text] == []


def test_no_two_results_of_a_list_have_the_same_labels(report: Path) -> None:
    """The report would show only one of them."""
    results, categories = data(report, "results"), data(report, "categories")
    for category, subcategories in categories.items():
        for subcategory, paths in subcategories.items():
            labels = Counter(",".join(map(str, results[path]["labels"].values())) for path in paths)
            assert max(labels.values()) == 1, (category, subcategory, labels.most_common(3))


def test_report_opens_with_its_title_and_without_errors(page: Page) -> None:
    title = page.until(".prose h1")
    assert title.text.strip()
    page.check_reach(title)
    assert page.errors() == []


def test_first_page_can_be_scrolled_to_its_beginning_in_a_small_window(page: Page) -> None:
    """Snakemake centres its pages, which puts the top and the left of a large one where no scrolling leads."""
    size = page.browser.get_window_size()
    try:
        page.browser.set_window_size(800, 400)
        page.check_reach(page.until(".prose h1"))
    finally:
        page.browser.set_window_size(size["width"], size["height"])


@pytest.fixture(params=[(1280, 800), (1920, 1080)], ids=["small", "large"])
def screen(request: pytest.FixtureRequest, browser: Any) -> Iterator[tuple[int, int]]:
    """A window's width and height."""
    width, height = request.param
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield width, height
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_report_opens_with_the_advice_and_the_leaderboard(screen: tuple[int, int], page: Page, finished: Path) -> None:
    width, height = screen
    with (finished / "results/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        ranking = list(csv.DictReader(file))
    advice = page.until(".prose .advice")
    place = page.check_reach(advice)
    assert place["top"] + advice.size["height"] < height
    said = (finished / "results/summary.txt").read_text(encoding="utf-8").partition("\n\n")[0]
    assert " ".join(advice.text.split()) == " ".join(said.split())
    table = page.until(".prose table")
    assert page.check_reach(table)["top"] < 0.8 * height
    first, *others = page.tables(".prose table")
    assert others == [], "the rest is on the page of the leaderboard"
    assert first["head"][1:] == ["detector", "AUC [95 %]", "false alarms (5 % asked)", "p vs first"]
    assert [row[1].replace(" (recommended)", "") for row in first["rows"]] == [
        row["detector"]
        for row in ranking
        if (row["machine"], row["protocol"]) == (ranking[0]["machine"], ranking[0]["protocol"])
    ]
    assert f"{float(ranking[0]['auc']):.3f}" in " ".join(first["rows"][0])
    graph = page.check_reach(page.until("#rulegraph"))
    assert graph["top"] < height / 2
    assert graph["left"] < width - 200
    scrolled = page.browser.execute_script(SCROLLED)
    assert scrolled["width"] <= 0
    page.until("#app nav ul a", "Leaderboard and tables").click()
    with page.frame():
        every = page.tables()
        assert page.browser.execute_script(
            "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    assert "6 dB" in every[0]["head"]
    shown = {cell.replace(" (recommended)", "") for table in every for row in table["rows"] for cell in row}
    assert {row["detector"] for row in ranking} <= shown
    assert page.errors() == []


def test_figures_of_a_category_are_shown_at_once_with_their_captions_below(
    screen: tuple[int, int], page: Page, report: Path
) -> None:
    categories = data(report, "categories")
    page.until("#app nav ul a", "AUC").click()
    paths = [path for paths in categories["AUC"].values() for path in paths if path.endswith(".png")]
    page.until("figure figcaption")
    figures = page.browser.execute_async_script(FIGURES)
    assert len(figures) == len(paths) > 1
    for figure in figures:
        assert figure["top"] >= figure["bottom"]
        assert figure["height"] > 10
        assert figure["width"] > 200
        assert len(figure["text"]) > 40
    assert page.browser.execute_script(SCROLLED)["width"] <= 0
    page.until("#app nav ul a", "fan").click()
    page.all("#app nav tbody tr td:last-child a")[0].click()  # one of them
    page.until("figure figcaption")
    (figure,) = page.browser.execute_async_script(FIGURES)
    assert figure["top"] >= figure["bottom"]
    assert page.errors() == []


def test_no_dictionaries_of_parameters_are_shown(page: Page, report: Path) -> None:
    assert {str(one["job_properties"][name]) for one in page.results.values() for name in ("params", "wildcards")} == {
        ""
    }
    page.until("#app nav ul a", "Training").click()
    page.until("#app nav ul a", "fan").click()
    page.until("#app nav tbody tr td:last-child a:last-child").click()
    page.until("#app nav .prose")
    assert "Job parameters" not in page.browser.find_element("css selector", "#app nav").text
    assert "{" not in page.browser.find_element("css selector", "#app nav").text


def test_categories_are_in_the_order_of_questions(page: Page) -> None:
    found = [name for name in page.menu() if name not in GENERAL]
    assert found[:2] == ["Leaderboard and tables", "AUC"]
    assert found.index("Scores") < found.index("Confusion matrices") < found.index("Training") < found.index("Listen")


def test_hardest_clips_play_in_the_report(page: Page) -> None:
    page.until("#app nav ul a", "Listen").click()
    with page.frame():
        page.until("audio")
        assert page.browser.execute_async_script(PLAYED) == "played"
    assert page.errors() == []


def test_another_version_of_snakemake_s_page_is_left_as_it_is(browser: Any, damaged: Path) -> None:
    html = damaged / "report.html"
    text = html.read_text(encoding="utf-8")
    for name in ("Menu.prototype.getCategoryMenumitems", "ContentDisplay.prototype.renderContent"):
        ours = text.rindex(f"= {name};")
        text = f"{text[:ours]}= {name}.of.another.version;{text[ours + len(name) + 3 :]}"
    html.write_text(text, encoding="utf-8")
    page = open_page(browser, damaged)
    assert page.menu()[-1] == "Training", "in alphabetical order"
    assert page.show_category("Training")
    assert page.errors() == []


def test_the_way_home_leads_to_the_first_page(page: Page) -> None:
    text = page.until(".prose").text
    page.until("#app nav ul a", "Statistics").click()
    for chart in ("#runtimes canvas", "#timeline canvas"):
        page.until(chart)
    page.all("#app nav nav a")[0].click()
    assert page.until(".prose").text == text
    assert page.errors() == []


def test_every_category_opens_and_every_figure_and_table_is_shown(page: Page, finished: Path, report: Path) -> None:
    categories = data(report, "categories")
    assert sorted(page.menu()) == sorted([*GENERAL, *categories])
    shown = {name: page.show_category(name) for name in categories}
    for name, subcategories in categories.items():
        assert sorted(shown[name]) == sorted(path for paths in subcategories.values() for path in paths)
    everything = [path for paths in shown.values() for path in paths]
    assert len(everything) == len(set(everything))
    assert set(everything) == set(page.results) == declared(finished)
    assert page.errors() == []


# ------------------------------------------------------------------- the checks above notice what they are there for


@pytest.fixture
def damaged(report: Path, tmp_path: Path) -> Path:
    """A copy of the report to break."""
    shutil.copytree(report, tmp_path / "report")
    return tmp_path / "report"


def a_figure(report: Path) -> tuple[str, Path]:
    """Category and file of a figure of the report."""
    results = data(report, "results")
    found = (
        (category, report / results[path]["data_uri"])
        for category, subcategories in data(report, "categories").items()
        for paths in subcategories.values()
        for path in paths
        if path.endswith(".png")
    )
    return next(found)


@pytest.mark.parametrize("damage", ["half", "header", "gone"])
def test_broken_figure_is_noticed(browser: Any, damaged: Path, damage: str) -> None:
    category, path = a_figure(damaged)
    if damage == "gone":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2 if damage == "half" else 20)
    page = open_page(browser, damaged)
    with pytest.raises(AssertionError, match=re.escape(path.name)):
        page.show_category(category)
    assert bool(page.errors()) == (damage == "gone")


def test_error_of_a_script_is_noticed(browser: Any, damaged: Path) -> None:
    html = damaged / "report.html"
    text = html.read_text(encoding="utf-8")
    start, end = text.rsplit("</body>", maxsplit=1)
    html.write_text(f"{start}<script>results.nothing.here;</script></body>{end}", encoding="utf-8")
    assert any("TypeError" in error for error in open_page(browser, damaged).errors())
