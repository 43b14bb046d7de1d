"""The page with the hardest clips of a run: which they are, and that they are heard and seen there."""

from __future__ import annotations

import base64
import io
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asd.detection.units import UnitClips
from asd.errors import UserError
from asd.features.caches import Cache
from asd.recordings.audio import read_clip
from asd.scoring.bands import reasons
from asd.scoring.hardest import KINDS, Decisions, Kind, Place, hardest
from asd.scoring.listening import ListedUnit, Listened, write_listening_page
from html_pages import Page
from small_listing import ABNORMAL, DETECTOR, NORMAL, TRAIN, small_run

HOSTILE = "\"><img src=x onerror=alert(1)>'&<script>alert(2)<\n\u202e.wav"


# ------------------------------------------------------------------------------------------------------ the choice


def plainly_hardest(tested: list[Decisions], most: int) -> dict[Kind, list[Place]]:
    """The same from its definition: turn by turn, the clip of each SNR that nothing beats."""

    def turns(kind: Kind, taken: set[Place]) -> list[Place]:
        left: list[list[tuple[float, int]]] = []
        for one in tested:
            of_snr = []
            for clip, (score, abnormal) in enumerate(zip(one.scores, one.abnormal, strict=True)):
                if kind == "missed" and abnormal and not score > one.threshold:
                    of_snr.append((float(score), clip))
                elif kind == "false alarm" and not abnormal and score > one.threshold:
                    of_snr.append((-float(score), clip))
                elif kind == "near":
                    of_snr.append((abs(float(score) - one.threshold), clip))
            left.append(of_snr)
        found: list[Place] = []
        while any(left):
            for snr, of_snr in enumerate(left):
                if of_snr:
                    best = min(of_snr)
                    of_snr.remove(best)
                    found.append(Place(snr, best[1]))
        return [place for place in found if place not in taken][:most]

    missed, alarms = turns("missed", set()), turns("false alarm", set())
    return {"missed": missed, "false alarm": alarms, "near": turns("near", {*missed, *alarms})}


@pytest.mark.parametrize("seed", range(60))
def test_the_hardest_clips_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tested = []
    for _ in range(rng.integers(1, 4)):
        count = int(rng.integers(0, 30))
        scores = rng.normal(size=count) if seed % 2 else rng.integers(0, 5, count).astype(float)  # with ties
        tested.append(Decisions(scores, rng.random(count) < 0.4, float(rng.choice([0.0, 1.0, 2.0, 9.0, -9.0]))))
    most = int(rng.integers(1, 8))
    assert hardest(tested, most) == plainly_hardest(tested, most)


def test_every_snr_has_its_turn_and_no_clip_comes_twice() -> None:
    quiet = Decisions(np.array([-3.0, -2.0, -1.0, 0.0]), np.ones(4, bool), 5.0)
    loud = Decisions(np.array([4.0, 6.0, 7.0, 4.9]), np.array([True, True, True, False]), 5.0)
    found = hardest([quiet, loud], 3)
    assert found["missed"] == [Place(0, 0), Place(1, 0), Place(0, 1)]
    assert found["false alarm"] == []
    assert found["near"] == [Place(0, 3), Place(1, 3), Place(0, 2)]


# -------------------------------------------------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def units(root: Path) -> list[ListedUnit]:
    return small_run(root)


def write(path: Path, units: list[ListedUnit], root: Path, **others: Any) -> tuple[Listened, str]:
    """What the page holds, and the page."""
    values = {"title": "seed 0", "root": os.fspath(root), "recordings": {}, "channel": "mean", "seconds": None}
    found = write_listening_page(path, units, DETECTOR, **{**values, **others})
    assert found.size == path.stat().st_size
    return found, path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(units: list[ListedUnit], root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Listened, str]:
    return write(tmp_path_factory.mktemp("page") / "listen.html", units, root)


def cards(content: str) -> list[str]:
    return re.findall(r"<article.*?</article>", content, re.DOTALL)


def test_the_page_is_whole_and_harmless(written: tuple[Listened, str]) -> None:
    counts, content = written
    page = Page(content)
    page.require_harmless()
    assert len(page.all("audio")) == len(page.all("img")) == len(cards(content)) == counts.shown > 20
    assert (counts.silent, counts.left_out) == (0, 0)
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    anchors = {tag["id"] for _, tag in page.tags if "id" in tag}
    assert {tag["href"] for tag in page.all("a")} == {f"#{anchor}" for anchor in anchors}


def test_the_clips_are_the_hardest_in_their_order(written: tuple[Listened, str], units: list[ListedUnit]) -> None:
    shown = [Page(card).text for card in cards(written[1])]
    wanted = []
    for first in (0, 2):  # two SNRs of an ID each
        own = units[first : first + 2]
        decisions = [Decisions(unit.scores.scores[DETECTOR].test, unit.scores.clips.labels, 0.5) for unit in own]
        chosen = hardest(decisions)
        wanted += [(own[place.snr], place.clip) for kind in KINDS for place in chosen[kind]]
    assert len(shown) == len(wanted)
    for text, (unit, clip) in zip(shown, wanted, strict=True):
        scores = unit.scores.scores[DETECTOR]
        tested = unit.scores.clips.tested[clip]
        score = scores.test[clip]
        p_value = (1 + (scores.train >= score).sum()) / (1 + TRAIN)
        features = np.concatenate(unit.clips.test())[clip]
        for part in (
            tested.file,
            "abnormal" if clip >= NORMAL else "normal",
            f"SNR {unit.snr_label}",
            f"score {score:.4g}, threshold 0.5, p\u00a0=\u00a0{p_value:.2g}",
            *reasons(features, unit.normal),
        ):
            assert part in text


def test_a_card_has_the_sound_of_its_clip(written: tuple[Listened, str], root: Path) -> None:
    for card in cards(written[1])[:3]:
        page = Page(card)
        name = page.text[: page.text.index(".wav") + 4]
        (audio,) = page.all("audio")
        heard, rate = soundfile.read(io.BytesIO(base64.b64decode(audio["src"].partition("base64,")[2])))
        clip = read_clip(root / name).samples
        assert (rate, len(heard)) == (16_000, len(clip))
        quieter = np.abs(np.fft.rfft(heard)) / np.sqrt((heard**2).sum())
        wanted = np.abs(np.fft.rfft(clip)) / np.sqrt((clip**2).sum())
        assert np.corrcoef(quieter[:2000], wanted[:2000])[0, 1] > 0.9


def test_the_table_has_the_figures_of_all_ids(written: tuple[Listened, str], units: list[ListedUnit]) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", written[1])
    head, *body = [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows
    ]
    assert head == [
        "machine, ID",
        *(f"{what}, {snr}" for snr in ("6 dB", "-6 dB") for what in ("AUC", "false alarms", "missed")),
    ]
    assert [row[0] for row in body] == ["fan, ID id_00", "fan, ID id_02"]
    for number, unit in enumerate(units):
        scores = unit.scores.scores[DETECTOR].test
        normal, abnormal = scores[:NORMAL], scores[NORMAL:]
        auc = np.mean([(high > low) + 0.5 * (high == low) for high in abnormal for low in normal])
        alarms, missed = int((normal > 0.5).sum()), int((abnormal <= 0.5).sum())
        cells = body[number // 2][1 + 3 * (number % 2) :][:3]
        assert cells == [
            f"{auc:.3f}",
            f"{alarms} of {NORMAL} ({alarms / NORMAL:.1%})",
            f"{missed} of {ABNORMAL} ({missed / ABNORMAL:.1%})",
        ]


def test_the_same_run_has_the_same_page_whatever_the_processes(
    written: tuple[Listened, str], units: list[ListedUnit], root: Path, tmp_path: Path
) -> None:
    assert write(tmp_path / "again.html", units, root, processes=2)[1] == written[1]


def test_a_page_stays_below_its_size_and_says_what_is_left_out(
    written: tuple[Listened, str], units: list[ListedUnit], root: Path, tmp_path: Path
) -> None:
    every = written[0]
    for largest in (every.size - 1, every.size // 2, 20_000):
        counts, content = write(tmp_path / "small.html", units, root, largest=largest)
        assert counts.size <= largest
        assert counts.shown == len(cards(content)) < every.shown
        wrong = sum(
            int(((unit.scores.scores[DETECTOR].test > 0.5) != unit.scores.clips.labels).sum()) for unit in units
        )
        listed = sum(
            ('class="tag abnormal"' in card) != (float(re.findall(r"score (\S+),", card)[0]) > 0.5)
            for card in cards(content)
        )
        assert counts.left_out == wrong - listed
        assert f"{counts.left_out} further misses and false alarms" in content
        # the first ones of every kind stay
        assert [card in written[1] for card in cards(content)] == [True] * counts.shown
    counts, content = write(tmp_path / "none.html", units, root, largest=0)
    assert (counts.shown, cards(content)) == (0, [])


def test_what_cannot_be_heard_any_more_is_shown_without_sound_and_counted(tmp_path: Path) -> None:
    units = small_run(tmp_path / "r", ("id_00",))
    tested = [clip.file for unit in units for clip in unit.scores.clips.tested]
    gone, changed, broken = tested[0], tested[1], tested[NORMAL]
    (tmp_path / "r" / gone).unlink()
    with (tmp_path / "r" / changed).open("ab") as file:
        file.write(b"\0\0")
    (tmp_path / "r" / broken).write_bytes(b"RIFF")
    # of this one nobody knows what its content was
    clips = units[0].clips
    records = [record._replace(content="") if record.file == broken else record for record in clips.abnormal.clips]
    abnormal = Cache(clips.abnormal.features, records)
    units[0] = replace(units[0], clips=replace(clips, abnormal=abnormal))
    counts, content = write(tmp_path / "page.html", units, tmp_path / "r")
    shown = {file: card for card in cards(content) for file in (gone, changed, broken) if f">{file}</p>" in card}
    assert set(shown) == {gone, changed, broken}
    assert counts.silent == 3
    assert counts.shown == len(cards(content)) == content.count("<audio") + 3
    assert "3 of them have no sound" in content
    assert "has changed since it was scored" in shown[changed]
    assert "read any more" in shown[gone]
    assert "read any more" in shown[broken]


def test_without_any_recordings_there_are_still_words(units: list[ListedUnit], tmp_path: Path) -> None:
    counts, content = write(tmp_path / "page.html", units, tmp_path / "nowhere")
    assert counts.silent == counts.shown == len(cards(content)) > 20
    Page(content).require_harmless()


def test_clips_that_were_cut_from_recordings_and_channels_with_a_file_each(tmp_path: Path) -> None:
    """Clip after clip of a recording whose two channels lie in two files, of which the clips are the mean."""
    (one, *_) = units = small_run(tmp_path / "single", ("id_00",), seconds=0.3)
    length = round(0.3 * 16_000)
    mono = {
        kind: np.concatenate([read_clip(tmp_path / "single" / clip.file).samples for clip in cache.clips])
        for kind, cache in (("normal", one.clips.normal), ("abnormal", one.clips.abnormal))
    }
    recordings: dict[str, tuple[str, ...]] = {}
    cut: dict[str, Cache] = {}
    for kind, cache in (("normal", one.clips.normal), ("abnormal", one.clips.abnormal)):
        channels = [tmp_path / f"{kind}_{number}.wav" for number in range(2)]
        for path, factor in zip(channels, (0.5, 1.5), strict=True):
            soundfile.write(path, factor * mono[kind], 16_000, subtype="FLOAT")
        recordings[f"{kind}_0.wav"] = tuple(map(os.fspath, channels))
        records = [
            record._replace(file=f"{kind}_0.wav", start=f"{0.3 * row:.10g}", content="")
            for row, record in enumerate(cache.clips)
        ]
        cut[kind] = Cache(cache.features, records)
    clips: UnitClips = replace(one.clips, normal=cut["normal"], abnormal=cut["abnormal"])
    scores = replace(one.scores, clips=clips.names())
    counts, content = write(
        tmp_path / "page.html",
        [replace(one, clips=clips, scores=scores)],
        tmp_path,
        recordings=recordings,
        seconds=0.3,
    )
    assert (counts.silent, counts.shown) == (0, NORMAL + ABNORMAL)
    assert len(units) == 2
    for card in cards(content):
        kind, start = re.findall(r">(normal|abnormal)_0\.wav, from (\S+) s<", card)[0]
        heard, _ = soundfile.read(io.BytesIO(base64.b64decode(re.findall(r"base64,([^\"]*)\"></audio>", card)[0])))
        first = round(float(start) * 16_000)
        clip = mono[kind][first : first + length]
        assert len(heard) == length
        spectra = [np.abs(np.fft.rfft(signal))[:1500] for signal in (heard, clip)]
        assert np.corrcoef(*spectra)[0, 1] > 0.9


def test_names_of_others_do_nothing(tmp_path: Path) -> None:
    units = small_run(tmp_path / "r", ("id_00",), suffix=HOSTILE)
    hostile = []
    for unit in units:
        records = [record._replace(condition=HOSTILE) for record in unit.clips.abnormal.clips]
        clips = replace(unit.clips, machine_id=HOSTILE, abnormal=Cache(unit.clips.abnormal.features, records))
        scores = replace(unit.scores, clips=clips.names(), scores={HOSTILE: unit.scores.scores[DETECTOR]})
        hostile.append(ListedUnit(HOSTILE, HOSTILE, scores, clips))
    path = tmp_path / "page.html"
    counts = write_listening_page(
        path, hostile, HOSTILE, title=HOSTILE, root=os.fspath(tmp_path / "r"), recordings={}, channel=0, seconds=None
    )
    content = path.read_text(encoding="utf-8")
    page = Page(content)
    page.require_harmless()
    assert len(page.all("img")) == counts.shown > 10
    assert counts.silent == 0
    assert "\u202e" not in content


def test_in_sample_scores_have_no_p_values(tmp_path: Path) -> None:
    content = write(tmp_path / "page.html", small_run(tmp_path, ("id_00",), protocol="paper"), tmp_path)[1]
    assert "p\u00a0=" not in content
    assert "there are no p-values" in content


def test_scores_that_are_missing_or_of_other_clips_are_refused(units: list[ListedUnit], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    about = {"title": "", "root": "", "recordings": {}, "channel": "mean", "seconds": None}
    with pytest.raises(UserError, match=r"ID id_00, SNR snr6: there are no scores of IDS, only of LOF"):
        write_listening_page(path, units, "IDS", **about)
    other = replace(units[0], scores=units[1].scores)
    with pytest.raises(UserError, match="not of the same clips"):
        write_listening_page(path, [other], DETECTOR, **about)
    assert not path.exists()


def test_an_id_without_abnormal_clips_has_false_alarms_and_no_auc(tmp_path: Path) -> None:
    (unit, _) = small_run(tmp_path / "r", ("id_00",))
    clips = unit.clips
    split = replace(clips.split, abnormal=np.empty(0, int))
    clips = replace(clips, split=split, abnormal=Cache(clips.abnormal.features[:0], []))
    scores = unit.scores.scores[DETECTOR]
    of_normal = {DETECTOR: replace(scores, test=scores.test[:NORMAL])}
    only = replace(unit, clips=clips, scores=replace(unit.scores, clips=clips.names(), scores=of_normal))
    counts, content = write(tmp_path / "page.html", [only], tmp_path / "r")
    assert counts.shown == NORMAL
    assert re.findall(r'<td class="number">(.*?)</td>', content)[::2] == ["-", "-"]
