"""The page about one recording: why it got its score (``asd explain``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import StrPath
from ..files.atomic import whole_file
from ..files.neutral import for_html, for_terminal, in_one_line
from .explanation import Explanation
from .markup import document, items, picture, player, size_in_words, table
from .model import Model
from .ownership import require_own, require_png
from .sound import sound_of

GENERATOR = "asd explain"
"""By which pages and figures are known again, so that nothing else is overwritten."""


def explain_command(arguments: Any) -> int:
    """``asd explain``: write the page and the figure, and say what they are about.

    Parameters
    ----------
    arguments
        With `model`, `recording`, `output` and `png` (paths, or None for names made from the recording's) and
        `detector` (or None).

    Returns
    -------
    int
        0 of a normal recording, 1 of an anomalous one, 2 where something is wrong, which standard error then says.
    """
    try:
        page, figure = output_paths(arguments.recording, arguments.output, arguments.png)
        model = Model.load(arguments.model)
        found = model.explain(arguments.recording, detector=arguments.detector)
        found.save(page, figure)
    except UserError as error:
        print(for_terminal(str(error)), file=sys.stderr)
        return 2
    verdict = found.verdict
    print(f"{in_one_line(verdict.file)}: {found.sentence}")
    print(
        f"  from {verdict.start:.4g} to {verdict.end:.4g} s; score {verdict.score:.4g}, threshold "
        f"{found.record.threshold:.4g} ({in_one_line(verdict.detector)})"
    )
    for reason in (*verdict.reasons, *_remarks(found)):
        print(f"  {in_one_line(reason)}")
    for path in (page, figure):
        print(f"{in_one_line(os.fspath(path))} ({size_in_words(path.stat().st_size)})")
    return int(verdict.anomalous)


def output_paths(recording: StrPath, output: StrPath | None, png: StrPath | None) -> tuple[Path, Path]:
    """Where page and figure go.

    Parameters
    ----------
    output
        By default ``<recording's stem>.explained.html`` in the current folder.
    png
        By default the same with ``.png``.

    Raises
    ------
    UserError
        If something else than an earlier page or figure lies there, or the figure's name does not end in ``.png``.
    """
    page = Path(f"{Path(recording).stem}.explained.html" if output is None else output)
    figure = page.with_name(f"{page.stem}.png") if png is None else Path(png)
    require_png(figure, "--png")
    if page.suffix.lower() == ".png":
        raise UserError(f"{page}: the page is HTML. Choose a name with .html for it, and --png for the figure's.")
    require_own(page, GENERATOR, "--output")
    require_own(figure, GENERATOR, "--png")
    return page, figure


def write_figure(explanation: Explanation, path: StrPath) -> None:
    """Write the figure of all panels, a PNG.

    Raises
    ------
    UserError
        If it can't be written.
    """
    from .drawing import all_panels

    figure = all_panels(explanation)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": GENERATOR})


def write_page(explanation: Explanation, path: StrPath) -> None:
    """Write the page.

    Raises
    ------
    UserError
        If it can't be written.
    """
    content = page_of(explanation)
    with whole_file(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


def page_of(explanation: Explanation) -> str:
    """The page, HTML."""
    verdict = explanation.verdict
    title = f"{Path(verdict.file).name}: {verdict.verdict} ({explanation.about.title})"
    return document(title, GENERATOR, _body(explanation))


def _body(found: Explanation) -> Iterator[str]:
    from .drawing import panels, pictured

    verdict = found.verdict
    drawn = panels(found)

    def figure(name: str, caption: str) -> str:
        panel = drawn[name]
        made = pictured(panel)
        shown = picture(made.light, made.dark, made.kind, panel.description, made.size)
        return f"<figure>{shown}<figcaption>{for_html(caption)}</figcaption></figure>"

    word, _, rest = found.sentence.partition(": ")
    yield f'<p class="soft">{for_html(found.about.title)} · {for_html(verdict.file)}</p>'
    yield f'<div class="verdict {verdict.verdict}"><h1><strong>{word}</strong>: {_unbroken(for_html(rest))}</h1>'
    yield f"<p>{for_html(_score_in_words(found))}</p></div>"
    if remarks := _remarks(found):
        yield f'<div class="remarks">{items(remarks)}</div>'
    yield from _sound(found)
    yield f"<h2>Most unusual</h2>{items(verdict.reasons, ordered=True)}"
    yield (
        '<p class="soft">Compared with the mean of the normal training clips, of which there are '
        f"{found.about.normal.clips}; the order is that of the standard deviations.</p>"
    )
    yield '<h2>What it looks like</h2><div class="panels">'
    yield figure("clip", "Power in 128 mel bands, in decibels.")
    yield figure("typical", _typical_in_words(found))
    yield figure("difference", _difference_in_words(found))
    yield "</div>"
    yield '<h2>Where it differs from normal clips</h2><div class="panels">'
    yield figure("deviations", _deviations_in_words(found))
    yield figure("basic", "Shaded: two standard deviations of normal clips; in brackets the same in numbers.")
    yield "</div>"
    yield '<h2>What the score comes from</h2><div class="panels">'
    yield figure("attribution", _attribution_in_words(found))
    yield figure("scores", "Bars: normal clips by models that had not seen them. Small lines: single clips.")
    yield "</div>"
    yield "<h2>What p means, and when it does not hold</h2>"
    yield from (f"<p>{for_html(text)}</p>" for text in _p_in_words(found))
    yield f"<h2>The model</h2>{_facts(found)}"


def _unbroken(text: str) -> str:
    """Keep ``p = 0.01`` in one line."""
    return text.replace("p = ", "p\u00a0=\u00a0")


def _score_in_words(found: Explanation) -> str:
    verdict, threshold = found.verdict, found.record.threshold
    side = "above" if verdict.anomalous else "not above"
    return f"Its score by {verdict.detector} is {verdict.score:.4g}, {side} the threshold of {threshold:.4g}."


def _remarks(found: Explanation) -> list[str]:
    """What has to be known beside the verdict, a sentence each."""
    verdict = found.verdict
    remarks = []
    if found.windows > 1:
        remarks.append(
            f"The recording is longer than the training clips. This is the most anomalous of its {found.windows} "
            f"windows, from {verdict.start:.4g} to {verdict.end:.4g} s; that one of many has a small p is no surprise."
        )
    if found.unreadable:
        remarks.append(f"{found.unreadable} of {found.windows} windows could not be scored.")
    return remarks + [f"{remark[:1].upper()}{remark[1:]}." for remark in verdict.remarks]


def _sound(found: Explanation) -> Iterator[str]:
    verdict = found.verdict
    sound = sound_of(found.samples)
    yield "<h2>What it sounds like</h2>"
    yield player(sound, Path(verdict.file).name)
    louder = f", {sound.decibels:.0f} dB louder than recorded" if sound.decibels >= 0.5 else ""
    part = "" if sound.whole else f"; the first {sound.seconds:.0f} s"
    yield f'<p class="soft">{verdict.start:.4g} to {verdict.end:.4g} s{part}; mono, 16 kHz{louder}.</p>'


def _typical_in_words(found: Explanation) -> str:
    if found.typical is None:
        return "The model was made without recordings and has no typical clip: this is the mean spectrum instead."
    return f"{found.typical.file}, the training clip that is most like the others. Same colours."


def _difference_in_words(found: Explanation) -> str:
    step = found.seconds / found.difference.shape[1]
    return f"Means over {step:.2g} s. Of a normal clip it is speckled, with no band that lasts."


def _deviations_in_words(found: Explanation) -> str:
    text = "Mean level of each mel band over the clip. Shaded: two standard deviations of normal clips."
    if found.short_deviations is not None:
        text += " Dashed: how far short sounds stand out from the rest of the clip."
    return text


def _attribution_in_words(found: Explanation) -> str:
    attribution = found.attribution
    return (
        "A part of the clip is taken from the nearest normal clip, and the clip is scored again: by how much the score "
        f"falls. The same the other way round, and the mean of both. The clip has {attribution.score:.4g}, the nearest "
        f"normal clip {attribution.nearest_score:.4g}; contributions need not add up to the difference. What is "
        "unusual, but the same in the nearest normal clip, contributes nothing."
    )


def _p_in_words(found: Explanation) -> Iterator[str]:
    count, p_value = len(found.record.calibration), found.verdict.p_value
    as_high = round(p_value * (count + 1)) - 1
    scores = "score" if as_high != 1 else "scores"
    yield (
        "p is the share of normal clips that would score as high or higher. The model was calibrated on "
        f"{count} normal clips ({found.about.calibrated}); {as_high} of them {scores} as high as this one, which is "
        f"itself counted, too: p = {as_high + 1}/{count + 1}. A smaller p than 1/{count + 1} can't be had from so few."
    )
    yield (
        "It holds as long as a normal recording of today is like those clips: the same machine, load, microphone, "
        "place and background noise. If one of them has changed, scores may rise without any fault, and p says "
        "nothing; asd monitor is there to notice that. p is not the probability that the machine is sound. And of a "
        "hundred normal recordings, about one has p = 0.01 or less: who looks at many has to expect some."
    )


def _facts(found: Explanation) -> str:
    about, verdict = found.about, found.verdict
    auc = found.record.auc
    interval = "" if auc is None or auc.low is None or auc.high is None else f" ({auc.low:.3f} to {auc.high:.3f})"
    facts = [
        ("recording", verdict.file),
        ("window", f"{verdict.start:.4g} to {verdict.end:.4g} s"),
        ("model", about.title),
        ("protocol, noise factor, seed", f"{about.protocol}, {about.noise_factor}, {about.seed}"),
        ("detector", verdict.detector),
        ("score, threshold", f"{verdict.score:.6g}, {found.record.threshold:.6g}"),
        ("AUC in the run's test", "no abnormal clips" if auc is None else f"{auc.value:.3f}{interval}"),
        ("normal training clips", str(about.normal.clips)),
        ("features", ", ".join(about.features)),
        *((f"version of {name}", version) for name, version in about.versions.items()),
    ]
    return table([], [[for_html(name), for_html(value)] for name, value in facts])
