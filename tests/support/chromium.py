"""Chromium without a window, for tests of pages; they are skipped where it or what drives it is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)
PATIENCE = 20  # seconds that a page or a script may take


@contextmanager
def chromium(
    profile: Path, *flags: str, logs: tuple[str, ...] = ("browser",), patience: float = PATIENCE
) -> Iterator[Any]:
    """A selenium driver.

    Parameters
    ----------
    profile
        An empty folder.
    flags
        Further ones than `FLAGS`.
    logs
        What to keep a log of: ``"browser"`` is its console, ``"performance"`` has its requests.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium and chromedriver (Debian: chromium, chromium-driver) are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", dict.fromkeys(logs, "ALL"))
    # with its path given, selenium doesn't look for a driver itself
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        chrome.set_page_load_timeout(patience)
        chrome.set_script_timeout(patience)
        yield chrome
    finally:
        chrome.quit()


def console_errors(browser: Any) -> list[str]:
    """What went wrong since the last call: errors of scripts, files that are missing."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
