"""The page to listen to: the clips of a run that its detector finds hardest (`.hardest`), with their sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..detection.clips import ScoredClip
from ..detection.scores import Scores, UnitScores
from ..detection.units import UnitClips
from ..errors import UserError
from ..evaluation.statistics import weighted_aucs
from ..features.bands import log_mel
from ..features.cliplist import ClipRecord
from ..features.columns import BASIC_COLUMNS, BASIC_NAMES
from ..features.spectrogram import DECIBELS, spectrogram
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.neutral import for_html
from ..models.metadata import Normal
from ..processes import shared_out
from ..recordings.again import files_of_clip, read_again
from ..recordings.audio import BadClipError, Channel
from ..recordings.state import content_checksum
from ..splits import PROTOCOLS, title_of
from .bands import reasons
from .hardest import KINDS, MOST, Decisions, Kind, hardest
from .markup import document, image, player, table
from .p_values import p_values
from .sound import SMALL, Sound, sound_of

if TYPE_CHECKING:
    from .drawing import Picture

GENERATOR = "list of the hardest clips"

LARGEST = 24 * 2**20
"""Bytes of the page, unless asked for otherwise."""

_HEADINGS: dict[Kind, str] = {
    "missed": "Missed: abnormal, but not above the threshold; lowest score first",
    "false alarm": "False alarms: normal, but above the threshold; highest score first",
    "near": "Nearest to the threshold of the others, on either side",
}
_SPARE = 100  # bytes, for each ID, of numbers that are not known before the page is complete
_LONGEST = 60.0  # seconds of sound of a clip
_PEAKS = 95  # percentile of the normal clips' peaks that becomes full scale
_BELOW, _ABOVE = 5.0, 15.0  # dB of a spectrogram beyond the mean bands of normal clips


@dataclass(frozen=True, eq=False)
class ListedUnit:
    """One ID at one SNR, as it was tested.

    Attributes
    ----------
    machine, snr_label
        For people; the rest is in `clips`.
    scores
        Of the detectors, and of the ensembles if theirs are wanted, as `asd.detection.scores.read_scores` gives them.
    clips
        The same clips with their features, as `asd.detection.units.read_unit_clips` gives them.
    """

    machine: str
    snr_label: str
    scores: UnitScores
    clips: UnitClips

    @property
    def key(self) -> tuple[str, str]:
        """Machine and ID."""
        return self.machine, self.clips.machine_id

    def record(self, row: int) -> ClipRecord:
        """The line in the clip list of a test clip, normal ones first."""
        split, clips = self.clips.split, self.clips
        normal = len(split.normal)
        if row < normal:
            return clips.normal.clips[int(split.normal[row])]
        return clips.abnormal.clips[int(split.abnormal[row - normal])]

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Of the test clips, float32 [clips, columns]."""
        return np.concatenate(self.clips.test())

    @cached_property
    def normal(self) -> Normal:
        """Statistics of the normal training clips."""
        train = self.clips.train().astype(np.float64)
        bands = log_mel(train)
        return Normal(len(train), train.mean(axis=0), train.std(axis=0), bands.mean(axis=0), bands.std(axis=0))


@dataclass(frozen=True)
class Listened:
    """What a page holds.

    Attributes
    ----------
    shown
        Clips on it.
    left_out
        Misses and false alarms that there was no room for.
    silent
        Clips on it without sound, for their recordings can't be read any more or have changed.
    size
        Bytes.
    """

    shown: int
    left_out: int
    silent: int
    size: int


@dataclass(frozen=True)
class _Chosen:
    """A clip of the page.

    Attributes
    ----------
    key
        Machine and ID.
    unit, clip
        Number of the unit among all, and of its test clip.
    """

    key: tuple[str, str]
    kind: Kind
    unit: int
    clip: int


@dataclass(frozen=True, eq=False)
class _Run:
    """What the page is about."""

    title: str
    detector: str
    units: Sequence[ListedUnit]

    @cached_property
    def decisions(self) -> list[Decisions]:
        """Of the detector, of each unit."""
        scores = [(unit.scores, unit.scores.scores[self.detector]) for unit in self.units]
        return [Decisions(own.test, every.clips.labels, own.threshold) for every, own in scores]

    @cached_property
    def ids(self) -> dict[tuple[str, str], list[int]]:
        """Machine and ID -> numbers of its units, one for each SNR."""
        found: dict[tuple[str, str], list[int]] = {}
        for number, unit in enumerate(self.units):
            found.setdefault(unit.key, []).append(number)
        return found

    def rounds(self) -> Iterator[list[_Chosen]]:
        """The first clip of each kind, machine and ID, then the second of each, and so on."""
        chosen = {key: hardest([self.decisions[number] for number in numbers]) for key, numbers in self.ids.items()}
        for number in range(MOST):
            one_round = [
                _Chosen(key, kind, self.ids[key][places[number].snr], places[number].clip)
                for key, kinds in chosen.items()
                for kind, places in kinds.items()
                if number < len(places)
            ]
            if one_round:
                yield one_round


@dataclass(frozen=True)
class _ToHear:
    """What is needed to hear and see a clip: as it was read, and what is full scale and the range of its colours."""

    files: tuple[str, ...]
    start: str
    content: str
    loudest: float
    low: float
    high: float


@dataclass(frozen=True)
class _Heard:
    sound: Sound
    picture: Picture


def write_listening_page(
    path: StrPath,
    units: Sequence[ListedUnit],
    detector: str,
    *,
    title: str,
    root: str,
    recordings: Mapping[str, Sequence[str]],
    channel: Channel,
    seconds: float | None,
    largest: int = LARGEST,
    processes: int = 1,
) -> Listened:
    """Write the page, one HTML file that needs no other.

    Parameters
    ----------
    path
        Of the page.
    units
        Every ID at every SNR, in the order of the page.
    detector
        Whose scores count: a detector or an ensemble, of all `units`.
    title
        Which run it is, in words: noise factor, seed, protocol.
    root
        Folder that the clips are named relative to (`asd.recordings.layout.Source.root`).
    recordings
        Clip's name in the clip list -> the files of its recording, one for each channel where they have one each.  What
        is not in it is looked for under `root`.
    channel, seconds
        As the clips were read: `asd.recordings.audio.read_clips`.
    largest
        Bytes that the page must not have more of; clips are added in turn as long as there is room.
    processes
        That read recordings at the same time.  The page does not depend on it.

    Raises
    ------
    UserError
        If a unit has no scores of `detector`, or scores and clips are not of the same clips.
    """
    _require_scores(units, detector)
    run = _Run(title, detector, units)
    room = largest - len(_page(run, {}, Listened(0, 0, 0, 0)).encode()) - _SPARE * (1 + len(run.ids))
    cards: dict[_Chosen, str] = {}
    silent = 0
    hear = partial(_hear, channel=channel, seconds=seconds)
    for one_round in run.rounds():
        tasks = [_to_hear(units[one.unit], one.clip, root, recordings) for one in one_round]
        with shared_out(hear, tasks, processes, rule="list_hardest") as results:
            for one, heard in zip(one_round, results, strict=True):
                card = _card(units[one.unit], one, detector, heard)
                room -= len(card.encode())
                if room >= 0:
                    cards[one] = card
                    silent += isinstance(heard, str)
        if room < 0:
            break
    left_out = sum(int(one.wrong.sum()) for one in run.decisions)
    left_out -= sum(bool(run.decisions[one.unit].wrong[one.clip]) for one in cards)
    counts = Listened(len(cards), left_out, silent, 0)
    content = _page(run, cards, counts).encode()
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return replace(counts, size=len(content))


def _require_scores(units: Sequence[ListedUnit], detector: str) -> None:
    for unit in units:
        where = f"machine {unit.machine}, {unit.clips.name}"
        if detector not in unit.scores.scores:
            names = ", ".join(unit.scores.scores)
            raise UserError(f"{where}: there are no scores of {detector}, only of {names}. Run detection again.")
        clips = unit.clips.names()
        if (clips.train, clips.tested) != (unit.scores.clips.train, unit.scores.clips.tested):
            raise UserError(f"{where}: scores and features are not of the same clips. Run detection again.")


def _to_hear(unit: ListedUnit, clip: int, root: str, recordings: Mapping[str, Sequence[str]]) -> _ToHear:
    record = unit.record(clip)
    bands = DECIBELS * unit.normal.band_mean
    # peak to peak, from a normal clip's quietest to its loudest sample
    peaks = unit.clips.train()[:, BASIC_COLUMNS.start + BASIC_NAMES.index("ptp")] / 2
    return _ToHear(
        files_of_clip(record.file, root, recordings),
        record.start,
        record.content,
        float(np.percentile(peaks, _PEAKS)),
        float(bands.min()) - _BELOW,
        float(bands.max()) + _ABOVE,
    )


def _hear(task: _ToHear, channel: Channel, seconds: float | None) -> _Heard | str:
    """Sound and spectrogram of a clip, or why there are none."""
    from .drawing import small_spectrogram

    try:
        if task.content and content_checksum(task.files) != task.content:
            return "The recording has changed since it was scored."
        clip = read_again(task.files, task.start, channel, seconds)
    except (BadClipError, OSError):
        clip = None
    if clip is None:
        return "The recording can't be read any more."
    picture = small_spectrogram(spectrogram(clip.samples), task.low, task.high)
    return _Heard(sound_of(clip.samples, SMALL, loudest=task.loudest, longest=_LONGEST), picture)


def _page(run: _Run, cards: Mapping[_Chosen, str], counts: Listened) -> str:
    body = [
        f'<p class="soft">{for_html(run.title)}</p>',
        f"<h1>The clips that {for_html(run.detector)} finds hardest</h1>",
        *(f"<p>{for_html(text)}</p>" for text in _introduction(run.units, counts)),
        "<h2>All IDs</h2>",
        _summary(run),
    ]
    for number, (key, numbers) in enumerate(run.ids.items()):
        body.append(f'<h2 id="id{number}">{for_html(_name(key))}</h2>')
        for kind in KINDS:
            own = [card for one, card in cards.items() if (one.key, one.kind) == (key, kind)]
            body += _section(kind, own, [run.decisions[one] for one in numbers])
    return document(f"Hardest clips of {run.detector}: {run.title}", GENERATOR, body)


def _introduction(units: Sequence[ListedUnit], counts: Listened) -> Iterator[str]:
    for protocol in dict.fromkeys(unit.scores.protocol for unit in units):
        yield f"Test clips of the {title_of(protocol)}; the SNRs take turns. " + (
            "p is the share of normal clips that would score as high: of the training clips, each scored by models "
            "that had not seen it, and the clip itself."
            if PROTOCOLS[protocol].cross_fitted
            else "Training scores are of models that had seen the clips, so that there are no p-values."
        )
    yield (
        "All clips of an ID and SNR are made louder by the same amount, unless one would be too loud. In spectrograms "
        "frequency goes up (mel, 0 to 8 kHz), and the colours of an ID and SNR mean the same. Below is what is unusual "
        "beside the normal training clips, the most unusual first."
    )
    yield (
        f"{counts.shown} clips are on this page; {counts.left_out} further misses and false alarms had no place on it."
    )
    if counts.silent:
        yield f"{counts.silent} of them have no sound, for their recordings can't be read any more or have changed."


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]}, ID {key[1]}"


def _section(kind: Kind, cards: Sequence[str], decisions: Sequence[Decisions]) -> list[str]:
    """The clips of a kind, and how many there are."""
    heading = _HEADINGS[kind]
    if kind != "near":
        abnormal = kind == "missed"
        count = sum(int((one.wrong & (one.abnormal == abnormal)).sum()) for one in decisions)
        among = sum(int((one.abnormal == abnormal).sum()) for one in decisions)
        heading += f" ({len(cards)} of {count} shown, from {among} clips)"
    grid = f'<div class="grid">{"".join(cards)}</div>' if cards else '<p class="soft">None.</p>'
    return [f"<h3>{for_html(heading)}</h3>", grid]


def _card(unit: ListedUnit, one: _Chosen, detector: str, heard: _Heard | str) -> str:
    """A clip on the page, HTML."""
    scores: Scores = unit.scores.scores[detector]
    record, score = unit.record(one.clip), float(scores.test[one.clip])
    label = "abnormal" if unit.scores.clips.labels[one.clip] else "normal"
    why = "; ".join(reasons(unit.features[one.clip], unit.normal))
    name = _clip_name(ScoredClip.of(record))
    p_value = ""
    if PROTOCOLS[unit.scores.protocol].cross_fitted:
        p_value = f", p\u00a0=\u00a0{float(p_values(score, np.sort(scores.train))):.2g}"
    about = f"SNR {unit.snr_label}{f', {record.condition}' if record.condition else ''}"
    if isinstance(heard, str):
        media = f'<p class="soft">No sound: {for_html(heard)}</p>'
    else:
        picture = heard.picture
        shown = image(picture.light, picture.kind, f"Spectrogram of {name}. {why}.", picture.size)
        media = (
            f'<div class="spectrogram">{shown}<span class="high">8 kHz</span><span class="low">0</span></div>'
            f"{player(heard.sound, name, preload='none')}"
            f'<p class="soft">{_length(heard.sound)}, {heard.sound.decibels:.0f} dB louder than recorded</p>'
        )
    return (
        f'<article class="card"><p class="name">{for_html(name)}</p>'
        f'<p><span class="tag {label}">{label}</span> {for_html(about)}</p>'
        f"<p>score {score:.4g}, threshold {scores.threshold:.4g}{p_value}</p>{media}"
        f"<p>{for_html(why)}</p></article>"
    )


def _length(sound: Sound) -> str:
    return f"{'' if sound.whole else 'the first '}{sound.seconds:.3g} s"


def _clip_name(clip: ScoredClip) -> str:
    return f"{clip.file}, from {clip.start} s" if clip.start else clip.file


def _summary(run: _Run) -> str:
    """AUC, false alarms and misses of each ID at each SNR."""
    snrs = list(dict.fromkeys(unit.snr_label for unit in run.units))
    head = ["machine, ID"]
    for snr in snrs:
        head += [f"{what}, {for_html(snr)}" for what in ("AUC", "false alarms", "missed")]
    rows = []
    for number, (key, numbers) in enumerate(run.ids.items()):
        figures = {run.units[one].snr_label: _figures(run.decisions[one]) for one in numbers}
        cells = [cell for snr in snrs for cell in figures.get(snr, ["-"] * 3)]
        rows.append([f'<a href="#id{number}">{for_html(_name(key))}</a>', *cells])
    return table(head, rows, range(1, len(head)))


def _figures(decisions: Decisions) -> list[str]:
    abnormal, auc = decisions.abnormal, "-"
    if abnormal.any() and not abnormal.all():
        auc = f"{float(weighted_aucs(abnormal, decisions.scores, np.ones((1, len(abnormal))))[0]):.3f}"
    return [auc, _share(decisions.wrong & ~abnormal, ~abnormal), _share(decisions.wrong & abnormal, abnormal)]


def _share(wrong: NDArray[np.bool_], among: NDArray[np.bool_]) -> str:
    count = int(among.sum())
    return f"{int(wrong.sum())} of {count} ({wrong.sum() / count:.1%})" if count else "-"
