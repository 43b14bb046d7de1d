"""Chromium without a window, for pages that the package writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chromium import chromium, console_errors

FLAGS = ("--autoplay-policy=no-user-gesture-required", "--window-size=1200,1000")
PATIENCE = 30  # seconds that a page or a script may take

_AUDIO = """
const [number, done] = arguments;
const audio = document.querySelectorAll("audio")[number];
const state = (error) => done({error, duration: audio.duration, ready: audio.readyState, time: audio.currentTime});
audio.muted = true;
audio.onerror = () => state(String(audio.error && audio.error.message));
audio.ontimeupdate = () => { if (audio.currentTime > 0.05) { audio.ontimeupdate = null; audio.pause(); state(null); } };
audio.play().catch((error) => state(String(error)));
"""
_IMAGES = """
const done = arguments[0];
const images = Array.from(document.images);
Promise.allSettled(images.map((image) => image.decode())).then((results) => done(images.map((image, number) => ({
    loaded: results[number].status === "fulfilled", width: image.naturalWidth, height: image.naturalHeight,
    shown: image.getBoundingClientRect().width, alt: image.alt, source: image.currentSrc.slice(0, 64),
    hash: Array.from(image.currentSrc).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7)}))));
"""


class Browser:
    """A browser and the page that is open in it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path) -> None:
        self.errors()  # forgets those of the page before
        self.driver.get(page.resolve().as_uri())

    def errors(self) -> list[str]:
        """What went wrong since the last call."""
        return console_errors(self.driver)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def played(self, number: int) -> dict[str, Any]:
        """What becomes of a player that is asked to play: error, duration and time in seconds, and how ready it is."""
        return dict(self.driver.execute_async_script(_AUDIO, number))

    def images(self) -> list[dict[str, Any]]:
        """All images, once they have been decoded."""
        return list(self.driver.execute_async_script(_IMAGES))

    def prefer(self, scheme: str) -> None:
        """Have a screen that is ``light`` or ``dark``."""
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})

    def resize(self, width: int, height: int) -> None:
        """Have a screen of so many pixels; a window of a browser can't be as narrow as a telephone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """A browser with its own profile; skips the test where there is none."""
    with chromium(profile, *FLAGS, patience=PATIENCE) as driver:
        yield Browser(driver)
