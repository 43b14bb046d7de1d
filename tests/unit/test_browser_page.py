"""The page for the browser says of recordings what the package says, and sends nothing anywhere.

Without Chromium, its driver and selenium, or without npm and what it downloads, these tests are skipped.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from asd.detection.detectors import METHODS
from asd.detection.ensembles import Ensemble
from asd.features.acoustic import clip_features
from asd.features.bands import log_mel
from asd.features.columns import FEATURE_SETS, OF_THE_DDAE, FeatureSet, mel_centres
from asd.models.feature_graph import write_feature_extractor
from asd.models.files import with_seal, write_model
from asd.recordings.audio import read_clip
from asd.scoring.bands import unusual_regions
from asd.scoring.model import Model, Verdict
from asd.scoring.p_values import p_values
from chromium import chromium, console_errors
from places import REPOSITORY
from small_data import clip, write_clip
from small_models import DETECTOR, small_model
from trained_models import built, trained, unit

pytestmark = pytest.mark.slow

PAGE = REPOSITORY / "examples" / "onnx" / "web"
PATIENCE = 60  # seconds that a script may take
SECONDS = 0.25  # of the small clips
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
ELSEWHERE = "page.example"  # a name of this computer that is not localhost, which browsers trust less

# Scripts for the browser. `state`: what the page says of all recordings, once it has nothing more to do.
STATE = """
const done = arguments[arguments.length - 1];
const regions = (window) => window.regions.map((one) => [one.first, one.last, one.decibels, one.deviation, one.short]);
const found = (window) => window.problem ? {start: window.start, end: window.end, problem: window.problem.kind} : {
    start: window.start, end: window.end, score: window.score, p: window.pValue, anomalous: window.anomalous,
    features: Array.from(window.features), regions: regions(window)};
import("./app.js").then(async (page) => {
    await page.enqueue(() => {});
    done(page.results.map((one) => ({
        name: one.name, problem: one.problem ? String(one.problem.kind ?? one.problem.stack) : null,
        milliseconds: one.milliseconds, windows: one.result ? one.result.windows.map(found) : [],
        remarks: one.result ? one.result.remarks.map(([kind]) => kind) : []})));
});
"""
DROP = """
const [names, done] = arguments;
const files = new DataTransfer();
Promise.all(names.map(async (name) => {
    files.items.add(new File([await (await fetch(name)).arrayBuffer()], name));
})).then(() => {
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true}));
    done();
});
"""
LEAVE = """
const [address, done] = arguments;
const refused = [];
document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
const image = new Promise((resolve) => {
    const one = new Image();
    one.onload = one.onerror = (event) => resolve(event.type);
    one.src = address;
});
Promise.allSettled([fetch(address), image]).then(([answer, event]) => setTimeout(
    () => done({answer: answer.status, event: event.value, refused: refused.sort(),
                beacon: navigator.sendBeacon(address, "x")}), 200));
"""


@dataclass
class Site:
    """The page's folder, a model beside it, and its server."""

    folder: Path
    address: str
    requests: Path

    @property
    def model(self) -> Model:
        return Model.load(self.folder / "model.onnx")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as it is in the repository, with ONNX Runtime beside it, and no model."""
    folder = tmp_path_factory.mktemp("page") / "web"
    ignored = shutil.ignore_patterns(*(PAGE / ".gitignore").read_text(encoding="utf-8").replace("/", "").split())
    shutil.copytree(PAGE, folder, ignore=ignored)
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm (Debian: npm) is not installed")
    done = subprocess.run([npm, "install"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and re.search("ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|network", done.stderr):
        pytest.skip(f"npm can't download onnxruntime-web: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    run_copy(folder)
    shutil.rmtree(folder / "node_modules")
    return folder


def run_copy(folder: Path, *models: Path) -> None:
    command = [shutil.which("npm") or "npm", "run", "copy", "--", *models]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """A folder, served by nothing but Python."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder.parent / f"requests_{port}.txt"
    with log.open("w") as file:
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        server = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)
    try:
        for _ in range(200):
            with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
                try:
                    connection.request("HEAD", "/icon.svg")
                    break
                except OSError:
                    time.sleep(0.05)
        yield Site(folder, f"http://127.0.0.1:{port}", log)
    finally:
        server.terminate()
        server.wait()


def put_model(folder: Path, train: NDArray[np.float32], calibration: NDArray[np.float32], **about: Any) -> None:
    """A model and what computes its features, beside the page as `npm run copy` puts them."""
    features: tuple[FeatureSet, ...] = OF_THE_DDAE if train.shape[1] == 136 else FEATURE_SETS
    small_model(folder / "model.onnx", train, calibration, **about)
    write_feature_extractor(folder / "features.onnx", features)
    (folder / "models.json").write_text('["model.onnx"]', encoding="utf-8")


def small_features(folder: Path, features: tuple[FeatureSet, ...], count: int = 30) -> NDArray[np.float32]:
    clips = [read_clip(write_clip(folder / f"normal_{seed}.wav", seed)).samples for seed in range(count)]
    return np.stack([clip_features(one, features) for one in clips])


@pytest.fixture(scope="module")
def small_site(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page with a model of small clips, and temporal features."""
    folder = tmp_path_factory.mktemp("small site") / "web"
    shutil.copytree(installed, folder)
    rows = small_features(folder.parent, FEATURE_SETS)
    put_model(folder, rows[:20], rows[20:], seconds=SECONDS, channels=2, sample_rate=16_000)
    with served(folder) as site:
        yield site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    sound = tmp_path_factory.mktemp("microphone") / "hum.wav"
    soundfile.write(sound, np.tile(clip(1, False, 0.5)[:, 0], 20), 16_000, subtype="PCM_16")
    names = f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"
    flags = (*MICROPHONE, f"--use-file-for-fake-audio-capture={sound}", "--lang=en-US", names)
    profile = tmp_path_factory.mktemp("chromium")
    with chromium(profile, *flags, logs=("browser", "performance"), patience=PATIENCE) as chrome:
        yield chrome


class Page:
    """The page as people use it."""

    def __init__(self, browser: Any, site: Site) -> None:
        self.browser, self.site = browser, site
        browser.get("about:blank")
        console_errors(browser), browser.get_log("performance")  # forgets those of the page before
        browser.get(f"{site.address}/")
        self.state()

    def state(self) -> list[dict[str, Any]]:
        """What it says of all recordings, the newest first."""
        found: list[dict[str, Any]] = self.browser.execute_async_script(STATE)
        return found

    def give(self, *files: Path) -> list[dict[str, Any]]:
        """Choose files, as in the dialog of the browser; what is said of them, in their order."""
        before = len(self.state())
        self.browser.find_element("id", "files").send_keys("\n".join(map(str, files)))
        after = self.state()
        return after[: len(after) - before][::-1]

    def click(self, selector: str) -> None:
        self.browser.find_element("css selector", selector).click()

    def text(self, selector: str = "body") -> str:
        return "\n".join(one.text for one in self.browser.find_elements("css selector", selector))

    def requests_elsewhere(self) -> list[str]:
        """Addresses of all requests since the page was opened that its own server did not get."""
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        sent = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        assert f"{self.site.address}/features.onnx" in sent
        # what the page has in memory, such as a recording to listen to, and the symbols of Chromium's player for it
        return [address for address in sent if not address.startswith((self.site.address, "blob:", "data:"))]

    def errors(self) -> list[str]:
        return console_errors(self.browser)


@pytest.fixture
def page(browser: Any, small_site: Site) -> Page:
    return Page(browser, small_site)


def verdicts_of(site: Site, recording: Path) -> list[Verdict]:
    return site.model.score(recording)


def assert_same(found: dict[str, Any], model: Model, recording: Path, rtol: float = 1e-5) -> None:
    """That the page says of the windows of a recording what the package says."""
    assert found["problem"] is None, found
    verdicts = model.score(recording)
    assert len(found["windows"]) == len(verdicts)
    for window, verdict in zip(found["windows"], verdicts, strict=True):
        np.testing.assert_allclose([window["start"], window["end"]], [verdict.start, verdict.end], atol=1e-9)
        np.testing.assert_allclose(window["score"], verdict.score, rtol=rtol)
        assert window["p"] == pytest.approx(verdict.p_value, rel=1e-12)
        assert window["anomalous"] == verdict.anomalous
        features = np.array(window["features"], np.float32)
        expected = unusual_regions(features, model.about.normal)
        assert [region[:2] for region in window["regions"]] == [[one.first, one.last] for one in expected]
        for region, one in zip(window["regions"], expected, strict=True):
            assert region[2:4] == pytest.approx([one.decibels, one.deviation], rel=1e-9)
            assert region[4] == one.short


# ------------------------------------------------------------------------------------------- as the package does


def test_real_recordings_have_the_features_and_scores_of_the_package(
    browser: Any, installed: Path, tmp_path: Path, fan_recordings: Path, fan_caches: Path
) -> None:
    folder = tmp_path / "web"
    shutil.copytree(installed, folder)
    rows = np.load(fan_caches / "snr_6_id_00_normal.npy")
    put_model(folder, rows[10:-200], rows[-200:], seconds=10.0, channels=8, sample_rate=16_000)
    recordings = sorted(fan_recordings.rglob("*.wav"))[1::3]
    with served(folder) as site:
        page = Page(browser, site)
        found = page.give(*recordings)
        assert len(found) == len(recordings) == 8
        for one, recording in zip(found, recordings, strict=True):
            assert one["name"] == recording.name
            assert one["remarks"] == []
            assert_same(one, site.model, recording)
            features = clip_features(read_clip(recording).samples)
            np.testing.assert_allclose(one["windows"][0]["features"], features, rtol=2**-23, atol=2e-4)
        assert {window["anomalous"] for one in found for window in one["windows"]} == {True, False}
        assert page.errors() == []
        assert page.requests_elsewhere() == []


def test_models_of_the_workflow_score_in_the_browser_as_in_the_package(
    browser: Any, installed: Path, tmp_path: Path
) -> None:
    """With all of its detectors and ensembles: trees, kernels, neighbours, hulls, networks."""
    folder = tmp_path / "web"
    shutil.copytree(installed, folder)
    normal = small_features(tmp_path, OF_THE_DDAE, count=110)
    ensembles = [Ensemble("Mean", sorted(METHODS), [], "z"), Ensemble("Ranks", ["HULL", "IF", "KNN"], [], "rank")]
    model = built(trained(list(METHODS), ensembles, clips=unit(normal=normal)), detector="Mean", clip_seconds=SECONDS)
    put_model(folder, normal[:20], normal[20:30])
    write_model(folder / "model.onnx", model.graph, model.about)
    recordings = [write_clip(tmp_path / f"new_{seed}.wav", seed, abnormal=seed % 2 == 0) for seed in range(200, 206)]
    with served(folder) as site:
        page = Page(browser, site)
        assert list(site.model.about.detectors) == [*METHODS, "Mean", "Ranks"]
        for one, recording in zip(page.give(*recordings), recordings, strict=True):
            assert_same(one, site.model, recording)
        assert page.errors() == []


def test_recordings_of_any_encoding_have_the_scores_of_the_package(page: Page, tmp_path: Path) -> None:
    recordings = []
    for number, (kind, encoding, channels) in enumerate(
        [
            *[("WAV", encoding, 2) for encoding in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
            *[("WAVEX", "PCM_16", channels) for channels in (1, 2, 3, 8)],
        ]
    ):
        samples = np.concatenate([clip(number + each, number % 2 == 0, 0.5) for each in range(4)], axis=1)
        recordings.append(tmp_path / f"{encoding} {channels}.wav")
        soundfile.write(recordings[-1], samples[:, :channels], 16_000, format=kind, subtype=encoding)
    for one, recording in zip(page.give(*recordings), recordings, strict=True):
        assert_same(one, page.site.model, recording)
        assert ("otherChannels" in one["remarks"]) == (not recording.stem.endswith(" 2"))
    assert page.errors() == []


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_recordings_of_another_sample_rate_have_nearly_the_features_of_the_package(
    page: Page, tmp_path: Path, rate: int
) -> None:
    """Resamplers differ in the last bands below half of the sample rate, where they let less and less through."""
    recording = tmp_path / f"{rate}.wav"
    random = np.random.default_rng(rate)
    time = np.arange(int(SECONDS * rate)) / rate
    hum = np.sum([np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 6)], axis=0)
    both = np.stack([hum, hum], axis=1) + 0.5 * random.standard_normal((len(time), 2))
    soundfile.write(recording, 0.05 * both, rate, subtype="FLOAT")
    [found] = page.give(recording)
    assert found["remarks"] == (["otherRate"] if rate < 16_000 else [])
    spectra = [np.array(found["windows"][0]["features"])[None], clip_features(read_clip(recording).samples)[None]]
    differences = np.abs(log_mel(spectra[0]) - log_mel(spectra[1]))[0]
    highest = min(rate, 16_000) / 2
    centres = np.array(mel_centres())
    assert differences[centres < 0.9 * highest].max() < 0.005
    assert differences[centres < highest].max() < 0.2
    if rate == 48_000:
        assert_same(found, page.site.model, recording)


def test_p_values_are_those_of_the_package_where_scores_are_equal_too(page: Page) -> None:
    script = """
    const [scores, calibration, done] = arguments;
    import("./scoring.js").then(({pValueOf}) => done(scores.map((score) => pValueOf(score, calibration).pValue)));
    """
    scores, calibration = [0.0, 1.0, 1.5, 2.0, 3.0, 4.0], [1.0, 2.0, 2.0, 3.0]
    found = page.browser.execute_async_script(script, scores, calibration)
    assert found == pytest.approx(p_values(scores, np.array(calibration)).tolist())


def test_a_long_recording_is_scored_in_windows(page: Page, tmp_path: Path) -> None:
    recording = tmp_path / "long.wav"
    parts = [clip(seed, seed == 42, 0.5) for seed in (40, 41, 42, 43)]
    soundfile.write(recording, np.concatenate(parts)[:-1000], 16_000, subtype="PCM_16")
    [found] = page.give(recording)
    assert_same(found, page.site.model, recording)
    assert [window["start"] for window in found["windows"]] == [0, 0.25, 0.5, 0.6875]
    assert [window["anomalous"] for window in found["windows"]] == [False, False, True, True]
    assert "0.5–0.75 s" in page.text(".result h2 + span")  # opens with the most anomalous one
    page.click(".parts button")
    assert "0–0.25 s" in page.text(".result h2 + span")


# ------------------------------------------------------------------------------------------------ what is shown


def test_verdict_p_value_and_bands_are_shown_in_words(page: Page, tmp_path: Path) -> None:
    broken = write_clip(tmp_path / "broken <b>one</b>.wav", 99, abnormal=True)
    page.give(write_clip(tmp_path / "fine.wav", 100), broken)
    assert page.text(".verdict").split() == ["anomalous", "normal"]
    assert page.text("h2").splitlines()[0] == broken.name
    [verdict] = verdicts_of(page.site, broken)
    shown = page.text(".result:first-child")
    assert f"{verdict.score:.4g}" in shown
    assert f"{verdict.p_value:.2g}" in shown
    assert "None of the 10 normal clips of the calibration scored as high." in shown
    assert re.search(r"\d Hz, (short sounds )?[\d.]+ dB (above|below) normal", shown)
    assert "fan, ID id_00, SNR 6 dB" in page.text("#model")
    for chart in page.browser.find_elements("css selector", "svg.chart"):
        assert chart.size["height"] > 50
    assert len(page.browser.find_elements("css selector", ".result:first-child rect.band")) == 2 * 128
    assert page.browser.execute_script("return document.querySelector('audio').readyState") >= 0
    assert page.errors() == []


def test_the_page_speaks_korean_and_english(page: Page, tmp_path: Path) -> None:
    page.give(write_clip(tmp_path / "fine.wav", 100))
    for number, (name, verdict) in enumerate([("en", "normal"), ("ko", "정상"), ("en", "normal")]):
        if number:
            page.click(f".languages button:nth-child({2 if name == 'ko' else 1})")
        assert page.browser.find_element("tag name", "html").get_attribute("lang") == name
        assert page.text(".verdict") == verdict
        assert bool(re.search("[가-힣]", page.text("main"))) == (name == "ko")
    assert page.errors() == []


def test_both_languages_say_the_same_things(page: Page) -> None:
    script = """
    const done = arguments[0];
    const shape = (texts) => Object.entries(texts).map(
        ([key, value]) => typeof value === "object" ? [key, shape(value)] : [key, typeof value]);
    const all = (languages) => Object.values(languages).map((texts) => JSON.stringify(shape(texts)));
    import("./text.js").then(({LANGUAGES}) => done(all(LANGUAGES)));
    """
    english, korean = page.browser.execute_async_script(script)
    assert english == korean


# ----------------------------------------------------------------------------------------------- what goes wrong


def test_what_is_wrong_with_a_recording_is_said_in_words(page: Page, tmp_path: Path) -> None:
    fine = write_clip(tmp_path / "fine.wav", 1)
    stereo = clip(1, False, 0.5)
    for name, samples in {
        "silent": 0 * stereo,
        "cancelling": np.stack([stereo[:, 0], -stereo[:, 0]], axis=1),
        "short": stereo[:399],
        "nothing": stereo[:0],
        "not finite": np.where(np.arange(len(stereo))[:, None] == 7, np.nan, stereo),
        "too large for the model": 1e20 * stereo,
        "too large": 3e38 * stereo / np.abs(stereo).max(),
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, 16_000, subtype="FLOAT")
    (tmp_path / "truncated.wav").write_bytes(fine.read_bytes()[:-100])
    (tmp_path / "header.wav").write_bytes(fine.read_bytes()[:30])
    (tmp_path / "text.wav").write_text("no sound at all", encoding="utf-8")
    (tmp_path / "empty.wav").touch()
    kinds = {
        "silent": "silent",
        "cancelling": "silent",
        "short": "short",
        "nothing": "short",
        "not finite": "notFinite",
        "too large for the model": "noScore",
        "too large": "tooLarge",
        "truncated": "truncated",
        "header": "truncated",
        "text": "noAudio",
        "empty": "noAudio",
    }
    found = page.give(*(tmp_path / f"{name}.wav" for name in kinds))
    said = [one["problem"] or one["windows"][0]["problem"] for one in found]
    assert dict(zip(kinds, said, strict=True)) == kinds
    assert set(page.text(".verdict").splitlines()) == {"no verdict"}
    assert "cancelling.wav is silent: every sample is the same. If its channels cancel" in page.text()
    assert "unexpected" not in page.text()
    assert page.errors() == []


def test_a_recording_that_is_gone_when_the_model_changes_is_said_to_be(page: Page, tmp_path: Path) -> None:
    recording = write_clip(tmp_path / "fine.wav", 0)
    page.give(recording)
    recording.unlink()
    page.give(page.site.folder / "model.onnx")
    assert [one["problem"] for one in page.state()] == ["changed"]
    assert "fine.wav was changed or removed since it was chosen" in page.text(".result")


def test_a_silent_part_of_a_recording_is_said_and_the_others_are_scored(page: Page, tmp_path: Path) -> None:
    recording = tmp_path / "partly.wav"
    soundfile.write(recording, np.concatenate([clip(1, False, 0.5), np.zeros((4000, 2))]), 16_000, subtype="PCM_16")
    [found] = page.give(recording)
    assert [window.get("problem") for window in found["windows"]] == [None, "silent"]
    assert page.text(".verdict") == "normal"
    page.click(".parts button:last-child")
    assert "is silent" in page.text(".result")


def test_models_are_exchanged_and_wrong_ones_refused_in_words(page: Page, tmp_path: Path, small_site: Site) -> None:
    recording = write_clip(tmp_path / "fine.wav", 0)
    [before] = page.give(recording)
    rows = small_features(tmp_path, OF_THE_DDAE)
    for name, about in {"other": {"channel": 1, "id": "id_77"}, "ninth": {"channel": 8}}.items():
        small_model(tmp_path / f"{name}.onnx", rows[:20], rows[20:], seconds=SECONDS, **about)
    page.give(tmp_path / "other.onnx")
    [after] = page.state()
    assert "ID id_77" in page.text("#model")
    assert_same(after, Model.load(tmp_path / "other.onnx"), recording)
    assert after["windows"][0]["score"] != pytest.approx(before["windows"][0]["score"], rel=1e-3)

    content = bytearray((tmp_path / "other.onnx").read_bytes())
    content[1000] ^= 4
    (tmp_path / "damaged.onnx").write_bytes(content)
    (tmp_path / "text.onnx").write_text("no model at all", encoding="utf-8")
    (tmp_path / "cut.onnx").write_bytes(content[:-10])
    future = (tmp_path / "other.onnx").read_bytes()[:-78].replace(b'{"format": 1', b'{"format": 7')
    (tmp_path / "future.onnx").write_bytes(with_seal(future))
    for name, said in {
        "damaged": "damaged.onnx is damaged, or no model of this project: its seal does not match",
        "text": "text.onnx is no model of this project",
        "cut": "cut.onnx is no model of this project",
        "future": "future.onnx is of format 7, and this page reads format 1",
    }.items():
        page.give(tmp_path / f"{name}.onnx")
        assert said in page.text("#problems"), name
        assert "ID id_77" in page.text("#model"), "the model before stays"
    page.give(tmp_path / "ninth.onnx")
    assert "has 2 channel(s), numbered from 0, but the model was trained on number 8" in page.text(".result")

    write_feature_extractor(tmp_path / "few.onnx", OF_THE_DDAE)
    page.give(tmp_path / "few.onnx", small_site.folder / "model.onnx")
    assert "model.onnx takes 512 features more than few.onnx computes" in page.text("#problems")
    assert [(one["problem"], one["windows"]) for one in page.state()] == [(None, [])]
    page.give(small_site.folder / "features.onnx")
    assert page.text("#problems") == ""
    [again] = page.state()
    assert again["windows"] == before["windows"]
    assert page.errors() == []


def test_a_page_without_models_takes_dropped_ones(browser: Any, installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    shutil.copytree(installed, folder)
    rows = small_features(tmp_path, OF_THE_DDAE)
    put_model(folder, rows[:20], rows[20:], seconds=SECONDS)
    (folder / "model.onnx").rename(folder / "mine.onnx")
    (folder / "features.onnx").rename(folder / "theirs.onnx")
    (folder / "models.json").write_text("[]", encoding="utf-8")
    write_clip(folder / "fine.wav", 0)
    with served(folder) as site:
        page = Page(browser, site)
        assert "No model yet" in page.text("#problems")
        page.errors()  # that features.onnx is not there
        page.browser.execute_async_script(DROP, ["fine.wav", "mine.onnx"])
        [found] = page.state()
        assert found["windows"] == []
        assert "features.onnx" in page.text("#problems")
        page.browser.execute_async_script(DROP, ["theirs.onnx"])
        [found] = page.state()
        assert_same(found, Model.load(folder / "mine.onnx"), folder / "fine.wav")
        assert page.errors() == []


def test_a_page_without_its_runtime_says_how_to_get_it(browser: Any, installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    shutil.copytree(installed, folder)
    shutil.rmtree(folder / "ort")
    with served(folder) as site:
        page = Page(browser, site)
        assert "npm install, then npm run copy" in page.text("#problems")
    page.errors()


def test_copy_puts_models_and_their_extractor_beside_the_page(browser: Any, installed: Path, tmp_path: Path) -> None:
    rows = small_features(tmp_path, OF_THE_DDAE)
    models = [tmp_path / "models" / machine / "run" / "snr6_id_00.onnx" for machine in ("fan", "pump")]
    for model in models:
        model.parent.mkdir(parents=True)
        small_model(model, rows[:20], rows[20:], machine=model.parents[1].name)
    write_feature_extractor(tmp_path / "models" / "features.onnx", OF_THE_DDAE)
    folder = tmp_path / "web"
    shutil.copytree(installed, folder)
    (folder / "node_modules" / "onnxruntime-web").mkdir(parents=True)
    (folder / "ort").rename(folder / "node_modules" / "onnxruntime-web" / "dist")
    run_copy(folder, *models)
    with served(folder) as site:
        page = Page(browser, site)
        assert "fan, ID id_00" in page.text("#model-title")
        page.click("#models option:last-child")
        page.state()
        assert "pump, ID id_00" in page.text("#model-title")
        page.give(models[0])
        assert "fan, ID id_00" in page.text("#model-title")
        assert page.browser.find_element("id", "models").get_property("value") == ""
        assert page.errors() == []
    with (folder / "node_modules" / "onnxruntime-web" / "dist" / "ort.wasm.min.mjs").open("a") as file:
        file.write("//")
    with pytest.raises(subprocess.CalledProcessError):
        run_copy(folder)


# ------------------------------------------------------------------------------------------------------ privacy


def test_nothing_leaves_the_page(page: Page, tmp_path: Path) -> None:
    """Not even if a script of it tried to."""
    page.give(write_clip(tmp_path / "fine.wav", 1))
    assert page.requests_elsewhere() == []
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    with served(tmp_path / "elsewhere") as elsewhere:
        found = page.browser.execute_async_script(LEAVE, f"{elsewhere.address}/secret.svg")
        assert (found["answer"], found["event"]) == ("rejected", "error")
        assert found["refused"] == ["connect-src", "img-src"]
        time.sleep(0.3)
        assert "secret" not in elsewhere.requests.read_text(encoding="utf-8")
    assert page.errors()


# --------------------------------------------------------------------------------------------------- microphone


def test_the_microphone_is_recorded_for_as_long_as_the_training_clips(page: Page) -> None:
    page.click("#record")
    for _ in range(200):
        if found := page.state():
            break
        time.sleep(0.05)
    [one] = found
    assert one["problem"] is None
    [window] = one["windows"]
    assert window["end"] - window["start"] == pytest.approx(SECONDS, abs=1e-3)
    rms = window["features"][128]
    assert 0.01 < rms < 0.5, "the hum of the recording that stands for a microphone"
    assert page.text("#record") == "Record 0.25 s"
    assert "was not checked" not in page.text("#model")
    assert DETECTOR not in page.text("#problems")
    assert page.errors() == []


def test_over_plain_http_everything_works_but_the_seal_and_the_microphone(
    browser: Any, small_site: Site, tmp_path: Path
) -> None:
    recording = write_clip(tmp_path / "fine.wav", 1)
    address = small_site.address.replace("127.0.0.1", ELSEWHERE)
    page = Page(browser, Site(small_site.folder, address, small_site.requests))
    assert "Whether the file is undamaged was not checked" in page.text("#model")
    [found] = page.give(recording)
    assert_same(found, small_site.model, recording)
    page.click("#record")
    assert [one["problem"] for one in page.state()] == ["insecure", None]
    assert "Browsers give the microphone only to pages on https and on localhost." in page.text(".result")
    assert page.errors() == []
