"""Why a recording got its score, the page and the figure about it, and the command that writes them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from asd.demo.signals import generator
from asd.errors import UserError
from asd.features.columns import FEATURE_SETS, OF_THE_DDAE, FeatureSet
from asd.features.spectrogram import DECIBELS, spectrogram
from asd.models.metadata import Interval, Typical
from asd.scoring.explanation import Explanation
from asd.scoring.model import Model
from asd.scoring.page import explain_command, output_paths, page_of, write_figure
from html_pages import Page
from narrow_faults import SteadyMachine
from places import SCRIPTS
from small_models import NEAREST, neighbour_model

SECONDS = 1.0
FAULT = 2000.0  # Hz
HOSTILE = "\"><img src=x onerror=alert(1)>'&<script>alert(2)<\n\u202e.wav"


class Shop:
    """A machine, recordings of it and its model."""

    def __init__(self, folder: Path, sets: tuple[FeatureSet, ...], *, typical: bool) -> None:
        self.folder = folder
        self.machine = SteadyMachine.drawn(0, SECONDS)
        rng = generator("explained", len(sets))
        features = self.machine.features(rng, 150, sets)
        self.normal = self.machine.clip(rng)
        self.faulty = self.machine.clip(rng) + self.machine.fault(rng, FAULT, 12.0)
        about = Typical("normal/1.wav", SECONDS, spectrogram(self.normal)) if typical else None
        self.path = folder / "model.onnx"
        neighbour_model(self.path, features[:80], features[80:], seconds=SECONDS, typical=about)
        self.model = Model.load(self.path)

    def written(self, samples: NDArray[np.float32], name: str = "clip.wav", rate: int = 16_000) -> str:
        path = self.folder / name
        soundfile.write(path, samples, rate, subtype="FLOAT", format="WAV")
        return os.fspath(path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"), OF_THE_DDAE, typical=True)


@pytest.fixture(scope="module")
def shop_with_time(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop with time"), FEATURE_SETS, typical=False)


@pytest.fixture(scope="module")
def found(shop: Shop) -> Explanation:
    return shop.model.explain(shop.written(shop.faulty))


@pytest.fixture(scope="module")
def page(found: Explanation) -> str:
    return page_of(found)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with dots in the place of figures, for what has nothing to do with them."""
    from asd.scoring import drawing

    def dot(panel: drawing.Panel) -> drawing.Picture:
        return drawing.Picture(panel.description.encode(), b"dark", "image/webp", (1, 1))

    monkeypatch.setattr(drawing, "pictured", dot)
    monkeypatch.setattr(drawing, "all_panels", lambda _: drawing.new_figure(1.0, 1.0))


def arguments(shop: Shop, recording: str, **others: object) -> SimpleNamespace:
    values = {"model": os.fspath(shop.path), "recording": recording, "output": None, "png": None, "detector": None}
    return SimpleNamespace(**{**values, **others})


def within(hertz: float, limits: tuple[float, float] | None) -> bool:
    return limits is not None and limits[0] <= hertz <= limits[1]


# ------------------------------------------------------------------------------------------------- what it is made of


def test_it_says_the_same_as_the_score(shop: Shop, found: Explanation) -> None:
    (verdict,) = shop.model.score(found.verdict.file)
    assert found.verdict == verdict
    assert verdict.anomalous
    assert found.attribution.score == pytest.approx(verdict.score, rel=1e-6)
    assert (found.windows, found.unreadable) == (1, 0)


def test_the_fault_is_in_what_is_unusual_and_in_what_contributes_most(found: Explanation) -> None:
    assert within(FAULT, found.attribution.ranked[0].hertz)
    assert found.verdict.reasons[0].startswith(("1.9-", "2.0-", "1.8-"))
    peak = int(np.argmax(found.deviations))
    assert found.difference[peak].mean() > 8.0
    assert found.deviations[peak] > 5.0


def test_its_numbers_belong_together(shop: Shop, found: Explanation) -> None:
    normal = shop.model.about.normal
    assert found.spectrogram.shape[0] == found.difference.shape[0] == 128
    assert found.normal_spectrum == pytest.approx(DECIBELS * normal.band_mean)
    assert (found.spectrogram == spectrogram(shop.faulty)).all()
    tenths = np.array_split(found.spectrogram.astype(float), range(11, 101, 11), axis=1)  # 101 frames, 10 at most
    wanted = np.stack([tenth.mean(axis=1) for tenth in tenths], axis=1) - found.normal_spectrum[:, None]
    assert found.difference == pytest.approx(wanted, abs=1e-3)
    differences = found.spectrogram.mean(axis=1, dtype=float) - found.normal_spectrum
    assert found.deviations * normal.band_spread * DECIBELS == pytest.approx(differences, abs=1e-3)
    rms = found.basic[0]
    assert rms.name == "rms"
    assert rms.value == pytest.approx(np.sqrt((shop.faulty.astype(float) ** 2).mean()), rel=1e-5)
    assert rms.deviation == pytest.approx((rms.value - normal.mean[128]) / normal.spread[128])
    assert found.short_deviations is None


def test_a_sentence_counts_the_normal_clips_that_score_as_high(found: Explanation) -> None:
    calibration = found.record.calibration
    assert found.sentence == "Anomalous: none of 70 normal clips scores as high as this (p = 0.014)"
    score = float(calibration[-10])
    verdict = replace(found.verdict, score=score, p_value=11 / 71, anomalous=False)
    assert (calibration >= score).sum() == 10
    assert replace(found, verdict=verdict).sentence == "Normal: 10 of 70 normal clips score as high as this (p = 0.15)"


@pytest.mark.usefixtures("undrawn")
def test_of_a_long_recording_the_most_anomalous_window_is_explained(shop: Shop) -> None:
    file = shop.written(np.concatenate([shop.normal, shop.normal, shop.faulty, shop.normal]), "long.wav")
    found = shop.model.explain(file)
    verdicts = shop.model.score(file)
    assert found.verdict == max(verdicts, key=lambda verdict: verdict.score)
    assert (found.verdict.start, found.verdict.end, found.windows) == (2.0, 3.0, 4)
    assert (found.samples == shop.faulty).all()
    assert "most anomalous of its 4 windows, from 2 to 3 s" in Page(page_of(found)).text


@pytest.mark.usefixtures("undrawn")
def test_a_silent_window_is_left_out_and_said(shop: Shop) -> None:
    file = shop.written(np.concatenate([shop.normal, np.zeros_like(shop.normal), shop.faulty]), "gap.wav")
    found = shop.model.explain(file)
    assert (found.windows, found.unreadable, found.verdict.start) == (3, 1, 2.0)
    assert "1 of 3 windows could not be scored." in Page(page_of(found)).text


@pytest.mark.usefixtures("undrawn")
def test_temporal_columns_have_their_say(shop_with_time: Shop) -> None:
    clip = shop_with_time.normal.copy()
    rng = generator("bursts")
    for start in range(1000, len(clip), 4000):
        clip[start : start + 200] += 20 * shop_with_time.machine.fault(rng, FAULT)[:200]
    found = shop_with_time.model.explain(shop_with_time.written(clip))
    assert found.short_deviations is not None
    assert any("short sounds" in reason for reason in found.verdict.reasons)
    assert found.short_deviations.max() > 5.0
    text = Page(page_of(found)).text
    assert "how far short sounds stand out" in text
    assert "has no typical clip" in text


def test_what_cannot_be_read_or_is_not_there_is_said(shop: Shop) -> None:
    with pytest.raises(UserError, match=r"nowhere\.wav"):
        shop.model.explain("nowhere.wav")
    with pytest.raises(UserError, match="OTHER"):
        shop.model.explain(shop.written(shop.normal), detector="OTHER")
    with pytest.raises(UserError, match="silent"):
        shop.model.explain(shop.written(np.zeros_like(shop.normal), "silent.wav"))


# -------------------------------------------------------------------------------------------------------- the page


def test_the_page_is_whole_harmless_and_small(page: str, found: Explanation) -> None:
    read = Page(page)
    read.require_harmless()
    assert len(page.encode()) < 2e6
    assert [one["src"][:33] for one in read.all("audio")] == ["data:audio/ogg;codecs=opus;base64"]
    images = read.all("img")
    assert len(images) == len(read.all("source")) == 7
    assert all(len(one["alt"]) > 40 for one in images)
    assert len({one["src"] for one in images}) == 7
    for text in (found.sentence.partition(": ")[2], *found.verdict.reasons, "What p means", "asd monitor", NEAREST):
        assert text in read.text.replace("\u00a0", " ")


def test_the_same_recording_has_the_same_page(page: str, found: Explanation) -> None:
    assert page_of(found) == page


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_is_to_be_known_beside_the_verdict(shop: Shop, found: Explanation) -> None:
    verdict = replace(found.verdict, remarks=("0.3 s, the training clips have 1 s",))
    record = replace(found.record, auc=Interval(0.9, 0.85, 0.95))
    text = Page(page_of(replace(found, verdict=verdict, record=record))).text
    assert "0.3 s, the training clips have 1 s." in text
    assert "0.900 (0.850 to 0.950)" in text


@pytest.mark.usefixtures("undrawn")
def test_names_of_others_do_nothing_on_a_page(shop: Shop, found: Explanation) -> None:
    about = replace(
        shop.model.about, machine=HOSTILE, snr_label=HOSTILE, versions={HOSTILE: HOSTILE}, calibrated=HOSTILE
    )
    assert about.typical is not None
    hostile = replace(
        found,
        about=about,
        typical=replace(about.typical, file=HOSTILE),
        verdict=replace(found.verdict, file=f"a/{HOSTILE}", detector=HOSTILE, remarks=(HOSTILE,), reasons=(HOSTILE,)),
    )
    content = page_of(hostile)
    read = Page(content)
    read.require_harmless()
    assert "alert(1)" in read.text
    assert len(read.all("img")) == 7
    assert "\u202e" not in content


@pytest.mark.usefixtures("undrawn")
def test_a_file_of_a_hostile_name_is_explained(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shop.written(shop.faulty, HOSTILE)
    monkeypatch.chdir(tmp_path)
    assert explain_command(arguments(shop, file)) == 1
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{HOSTILE[:-4]}.explained.html", f"{HOSTILE[:-4]}.explained.png"]
    Page((tmp_path / names[0]).read_text(encoding="utf-8")).require_harmless()


@pytest.mark.parametrize("score", [-1e6, 1e6])
def test_a_score_far_from_all_others_can_be_drawn(found: Explanation, score: float) -> None:
    from asd.scoring.drawing import panels, pictured

    far = replace(found, verdict=replace(found.verdict, score=score))
    same = replace(found, record=replace(found.record, calibration=np.ones(3), threshold=1.0))
    for explanation in (far, same):
        assert len(pictured(panels(explanation)["scores"]).light) > 1000


# ----------------------------------------------------------------------------------------------------- the command


def test_the_command_writes_page_and_figure_and_says_so(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = shop.written(shop.faulty, "bad.wav")
    monkeypatch.chdir(tmp_path)
    assert explain_command(arguments(shop, faulty)) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert "Anomalous: none of 70 normal clips scores as high as this (p = 0.014)" in said.out
    for name in ("bad.explained.html", "bad.explained.png"):
        assert f"{name} ({(tmp_path / name).stat().st_size / 1e3:.0f} kB)" in said.out
    with Image.open(tmp_path / "bad.explained.png") as picture:
        assert picture.size == (1080, 1500)
        assert len(set(picture.convert("L").resize((50, 50)).tobytes())) > 50


@pytest.mark.usefixtures("undrawn")
def test_page_and_figure_go_where_they_are_asked_for(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop.written(shop.normal, "good.wav")
    monkeypatch.chdir(tmp_path)
    assert explain_command(arguments(shop, file, output="some/where/page.htm", png="figure.png")) == 0
    assert sorted(os.fspath(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        *("figure.png", "some/where/page.htm")
    ]


def test_what_is_wrong_is_said_and_nothing_is_written(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop.written(shop.normal)
    monkeypatch.chdir(tmp_path)
    for wrong in ({"recording": "nowhere.wav"}, {"detector": "OTHER"}, {"model": file}, {"png": "figure.pdf"}):
        assert explain_command(SimpleNamespace(**{**vars(arguments(shop, file)), **wrong})) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert any(str(value).rpartition("/")[2] in said.err for value in wrong.values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("undrawn")
def test_earlier_pages_are_replaced_and_nothing_else_is(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop.written(shop.normal, "again.wav")
    monkeypatch.chdir(tmp_path)
    page, figure = tmp_path / "again.explained.html", tmp_path / "again.explained.png"
    for other in (page, figure):
        for content in (b"", b"mine", b"<!DOCTYPE html>\n<title>mine</title>", b"\x89PNG\r\n\x1a\n mine"):
            other.write_bytes(content)
            assert explain_command(arguments(shop, file)) == 2
            assert f"{other.name}: something that asd explain did not write" in capsys.readouterr().err
            assert other.read_bytes() == content
        other.unlink()
        other.mkdir()
        assert explain_command(arguments(shop, file)) == 2
        other.rmdir()
        other.symlink_to("nowhere")
        assert explain_command(arguments(shop, file)) == 2
        other.unlink()
    assert explain_command(arguments(shop, file)) == 0
    first = page.read_bytes()
    assert explain_command(arguments(shop, shop.written(shop.faulty, "again.wav"))) == 1
    assert page.read_bytes() != first


def test_a_recording_is_never_overwritten(shop: Shop) -> None:
    file = shop.written(shop.normal, "kept.wav")
    content = Path(file).read_bytes()
    assert explain_command(arguments(shop, file, output=file)) == 2
    assert explain_command(arguments(shop, file, output="page.html", png=file)) == 2
    assert Path(file).read_bytes() == content


def test_page_and_figure_have_names_of_their_own() -> None:
    assert output_paths("a/b.c.wav", None, None) == (Path("b.c.explained.html"), Path("b.c.explained.png"))
    assert output_paths("b.wav", "x/y.html", None) == (Path("x/y.html"), Path("x/y.png"))
    with pytest.raises(UserError, match="HTML"):
        output_paths("b.wav", "y.png", None)


def test_a_figure_that_cannot_be_written_leaves_nothing(found: Explanation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="folders"):
        write_figure(found, tmp_path / "file" / "x.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_is_found_without_what_draws() -> None:
    code = (
        "import sys, asd.scoring.page\n"
        "print([name for name in ('librosa', 'matplotlib', 'seaborn', 'pandas', 'sklearn', 'torch', 'onnxruntime')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_real_recordings_are_explained(fan_caches: Path, fan_recordings: Path, tmp_path: Path) -> None:
    features = np.load(fan_caches / "snr_6_id_00_normal.npy")
    path = tmp_path / "fan.onnx"
    # the first eight are the recordings that are there
    neighbour_model(path, features[8:700], features[700:], neighbours=5, seconds=10.0, channels=8, sample_rate=16_000)
    model, folder = Model.load(path), fan_recordings / "-6_dB_fan" / "fan" / "id_00"
    found = model.explain(folder / "abnormal" / "00000001.wav")
    assert found.verdict.remarks == ()
    assert found.attribution.score == pytest.approx(found.verdict.score)
    assert found.attribution.nearest_score < found.verdict.score
    assert found.spectrogram.shape[0] == 128
    normal = [model.explain(folder / "normal" / f"{number:08d}.wav").verdict for number in range(3)]
    assert not any(verdict.anomalous for verdict in normal)
    content = page_of(found)
    Page(content).require_harmless()
    assert len(content.encode()) < 2e6
