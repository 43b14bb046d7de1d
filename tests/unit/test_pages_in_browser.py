"""The pages about clips in a browser: whether they are shown, fit a telephone, and are heard.

Without Chromium, its driver and selenium they are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd.demo.signals import generator
from asd.evaluation.advice import Advice
from asd.evaluation.pages import leaderboard_page
from asd.evaluation.shown import Row, Shown
from asd.features.columns import OF_THE_DDAE
from asd.scoring.listening import write_listening_page
from asd.scoring.model import Model
from browser import Browser, open_browser
from narrow_faults import SteadyMachine
from small_listing import DETECTOR, small_run
from small_models import neighbour_model

SECONDS = 2.0
TELEPHONE = 360  # pixels across


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page about a clip, in a folder with an odd name."""
    folder = tmp_path_factory.mktemp("왜 #1? & <b>")
    machine, rng = SteadyMachine.drawn(0, SECONDS), generator("browser")
    features = machine.features(rng, 60, OF_THE_DDAE)
    neighbour_model(folder / "m.onnx", features[:40], features[40:], seconds=SECONDS)
    name = f"{'a_very_long_name_' * 8}<script>window.hacked=1<.wav"
    sound = machine.clip(rng) + machine.fault(rng, 2000.0, 12.0)
    soundfile.write(folder / name, sound, 16_000, subtype="FLOAT", format="WAV")
    Model.load(folder / "m.onnx").explain(folder / name).save(folder / "page.html")
    return folder / "page.html"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page with the hardest clips of a run."""
    folder = tmp_path_factory.mktemp("listed")
    units = small_run(folder, ("id_00",), suffix="<script>window.hacked=1<.wav")
    about = {"title": "seed 0", "root": os.fspath(folder), "recordings": {}, "channel": "mean", "seconds": None}
    write_listening_page(folder / "listen.html", units, DETECTOR, **about)
    return folder / "listen.html"


def check_shown(browser: Browser, count: int) -> None:
    """That all images are shown, nothing went wrong and nothing was run."""
    images = browser.images()
    assert len(images) == count
    assert all(image["loaded"] and image["width"] > 20 and image["height"] > 100 for image in images)
    assert all(image["shown"] > 100 and image["alt"] for image in images)
    assert len({image["hash"] for image in images}) == count, "some are the same"
    assert browser.errors() == []
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.querySelectorAll('script').length") == 0


def check_fits(browser: Browser, page: Path) -> None:
    """That a telephone shows the page without scrolling sideways, in letters that can be read."""
    browser.resize(TELEPHONE, 800)
    try:
        browser.open(page)
        assert browser.run("return document.documentElement.scrollWidth") <= TELEPHONE
        assert float(browser.run("return getComputedStyle(document.body).fontSize").removesuffix("px")) >= 16
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check_heard(browser: Browser, number: int, seconds: float) -> None:
    heard = browser.played(number)
    assert heard["error"] is None
    assert heard["duration"] == pytest.approx(seconds, abs=0.05)
    assert heard["ready"] >= 2  # there is data to play
    assert heard["time"] > 0.05


def test_the_page_about_a_clip_is_shown_and_heard(browser: Browser, explained: Path) -> None:
    browser.open(explained)
    check_shown(browser, 7)
    assert browser.run("return document.querySelector('h1').innerText").startswith("Anomalous: none of 20 normal clips")
    assert browser.run("return document.querySelectorAll('audio').length") == 1
    check_heard(browser, 0, SECONDS)
    assert browser.errors() == []


def test_the_page_is_light_or_dark_as_the_screen_is(browser: Browser, explained: Path) -> None:
    looks = {}
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        browser.open(explained)
        check_shown(browser, 7)
        colour = browser.run("return getComputedStyle(document.body).backgroundColor")
        brightness = np.mean([int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")])
        looks[scheme] = brightness, {image["hash"] for image in browser.images()}
    browser.prefer("light")
    assert looks["light"][0] > 240
    assert looks["dark"][0] < 40
    assert not looks["light"][1] & looks["dark"][1]


def test_the_pages_fit_a_telephone(browser: Browser, explained: Path, listed: Path) -> None:
    for page in (explained, listed):
        check_fits(browser, page)


def test_the_hardest_clips_are_shown_and_heard(browser: Browser, listed: Path) -> None:
    browser.open(listed)
    players = int(browser.run("return document.querySelectorAll('audio').length"))
    assert players > 10
    check_shown(browser, players)
    for number in (0, players - 1):
        check_heard(browser, number, 0.3)
    assert browser.errors() == []


def test_tables_fit_a_telephone_however_long_the_names(browser: Browser, tmp_path: Path) -> None:
    name = f"{'long_name_' * 12}<script>window.hacked=1</script>"
    header, cells = ("detector", *(f"column {number}" for number in range(12))), (name, *["0.800 [0.700, 0.900]"] * 12)
    table = Shown(f"{name}, strict protocol", header, (Row(cells, "recommended"), Row(cells, "off")))
    advice = Advice((f"Use {name}: it flags 4.8 % of normal clips.", "Few clips."), recommended=True)
    page = tmp_path / "leaderboard.html"
    page.write_text(leaderboard_page(advice, [f"{name} has few clips."], [table, table]), encoding="utf-8")
    browser.open(page)
    browser.resize(TELEPHONE, 800)
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        width, inside = browser.run(
            "return [document.documentElement.scrollWidth, document.querySelector('.scroll').scrollWidth]"
        )
        assert width <= TELEPHONE < inside
    assert browser.run("return document.querySelector('.advice').getBoundingClientRect().top") < 100
    assert browser.run("return window.hacked === undefined")
    assert browser.errors() == []
