"""The tables for people as Markdown and as pages, each a file that needs no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..files.neutral import for_html, for_markdown
from .advice import Advice
from .shown import Row, Shown, with_kept_signs

_LONG = 34
"""Letters of a cell that is not broken into lines."""

MOST_ROWS = 2000
"""Of all tables of a page; what there is no room for is in the CSV file, which the page then says."""


def markdown(advice: Advice, remarks: Sequence[str], tables: Sequence[Shown]) -> str:
    """The leaderboard as Markdown: the advice, what to know with it, and the tables with their notes below."""
    blocks = ["# Leaderboard", _advice_in_markdown(advice), *map(for_markdown, remarks)]
    for table in tables:
        columns = range(len(table.header))
        rule = [":--" if column in table.texts else "--:" for column in columns]
        lines = [f"**{for_markdown(table.title)}**", "", _line(map(for_markdown, table.header)), _line(rule)]
        lines += [_line(_emphasised(row)) for row in table.rows]
        blocks.append("\n".join(lines))
        if table.notes:
            blocks.append("\n".join(f"- *{for_markdown(name)}*: {for_markdown(text)}." for name, text in table.notes))
    return "\n\n".join(blocks) + "\n"


def _advice_in_markdown(advice: Advice) -> str:
    first, *others = map(for_markdown, advice.sentences)
    return " ".join([f"**{first}**", *others])


def _emphasised(row: Row) -> list[str]:
    """Cells as Markdown; they are escaped already."""
    cells = list(map(for_markdown, row.cells))
    if row.kind == "recommended":
        cells[1] = re.sub(r"^(.*) \(recommended\)$", r"**\1** (recommended)", cells[1])
    return cells


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def leaderboard_page(advice: Advice, remarks: Sequence[str], tables: Sequence[Shown]) -> str:
    """The leaderboard as a page, with what `markdown` has.

    What the report opens with is in ``section.brief``; it leaves out the rest, which is a page of its own there.
    """
    first, others = tables[:1], tables[1:]
    brief = [
        "<h1>Leaderboard</h1>",
        f'<p class="advice{"" if advice.recommended else " none"}"><strong>{_html(advice.sentences[0])}</strong>',
        f"{_html(' '.join(advice.sentences[1:]))}</p>",
        *(f'<p class="remark">{_html(remark)}</p>' for remark in remarks),
        *map(_table, first),
    ]
    rest = [note for table in first for note in _notes(table)]
    rest += [part for table in others for part in (_table(table), *_notes(table))]
    sections: list[str] = []
    for name, parts in (("brief", brief), ("rest", rest)):
        sections += [f'<section class="{name}">', *parts, "</section>"]
    return _document("Leaderboard", sections)


def summary_page(tables: Iterable[Shown]) -> str:
    """``summary.csv`` for people."""
    return tables_page(
        "Mean over IDs and seeds",
        "AUC of each detector at each SNR; with several seeds, their standard deviation stands behind ±. worst ID: the "
        "lowest mean over the seeds. false alarms: share of the normal clips that are flagged, mean over the SNRs.",
        "summary.csv",
        tables,
        "There is nothing to show.",
    )


def auc_page(tables: Iterable[Shown]) -> str:
    """``auc.csv`` for people."""
    return tables_page(
        "Every ID",
        "AUC of each detector on each machine ID at each SNR: 1 is perfect, 0.5 is chance.",
        "auc.csv",
        tables,
        "There is nothing to show.",
    )


def comparisons_page(tables: Iterable[Shown]) -> str:
    """``comparisons.csv`` for people."""
    return tables_page(
        "Comparisons of detectors",
        "Every pair on the same test clips: by how much the mean AUC over the SNRs is higher, with the interval and "
        "the two-sided p value of a paired bootstrap over seeds and clips, and the difference at each SNR. shown: "
        "whether p is at most 0.05; with many pairs, some are by chance.",
        "comparisons.csv",
        tables,
        "There is nothing to compare: one detector alone, or no abnormal clips.",
    )


def conditions_page(tables: Iterable[Shown]) -> str:
    """``conditions.csv`` for people."""
    return tables_page(
        "Faults and attributes",
        "How well each detector tells single faults (condition) from all normal clips, and all faults from the normal "
        "clips with one value of an attribute, such as the domain: AUC, and the numbers of clips.",
        "conditions.csv",
        tables,
        "The recordings have neither conditions nor attributes.",
    )


def tables_page(title: str, introduction: str, csv: str, tables: Iterable[Shown], nothing: str) -> str:
    """A page of tables.

    Parameters
    ----------
    introduction
        What is to be seen, plain text.
    csv
        The file that has everything.
    nothing
        What to say where there are no tables.
    """
    parts, left, missing = [f"<h1>{for_html(title)}</h1>", f"<p>{for_html(introduction)}</p>"], MOST_ROWS, 0
    for table in tables:
        if left:
            parts += [_table(table, left), *_notes(table)]
        missing += max(0, len(table.rows) - left)
        left -= min(left, len(table.rows))
    if len(parts) == 2:
        parts.append(f"<p>{for_html(nothing)}</p>")
    if missing:
        parts.insert(2, f"<p>There is no room for {missing} lines here: {for_html(csv)} has all.</p>")
    return _document(title, parts)


def _table(table: Shown, most: int = MOST_ROWS) -> str:
    def cell(column: int, text: str, tag: str) -> str:
        names = ["text"] * (column in table.texts) + ["detail"] * (column in table.details)
        names += ["long"] * (len(text) > _LONG)
        place = f' class="{" ".join(names)}"' if names else ""
        return f"<{tag}{place}>{_html(text)}</{tag}>"

    def cells(texts: Sequence[str], tag: str) -> str:
        return "".join(cell(column, text, tag) for column, text in enumerate(texts))

    rows = "\n".join(
        f"<tr{f' class={row.kind}' if row.kind else ''}>{cells(row.cells, 'td')}</tr>" for row in table.rows[:most]
    )
    return (
        f'<h2>{_html(table.title)}</h2>\n<div class="scroll"><table>\n'
        f"<thead><tr>{cells(table.header, 'th')}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _html(text: str) -> str:
    """As HTML; signs stay with their numbers."""
    return with_kept_signs(for_html(text), "&nbsp;")


def _notes(table: Shown) -> list[str]:
    if not table.notes:
        return []
    items = "".join(f"<li><b>{for_html(name)}</b>: {_html(text)}.</li>" for name, text in table.notes)
    return [f'<ul class="notes">{items}</ul>']


def _document(title: str, body: Iterable[str]) -> str:
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{for_html(title)}</title>",
            f"<style>{_STYLE}</style>",
            '</head><body class="page"><main class="board">',
            *body,
            "</main></body></html>",
            "",
        ]
    )


# The report's first page has the leaderboard inside, where there is no body of ours: what is set there must reach
# nothing else, and colours are those of light screens.
_STYLE = """
body.page { --ink: #1b1f24; --soft: #57606a; --line: #d5dae0; --good: #e3f4ea; --edge: #1a7f4b; --cool: #eef5fa;
  --warn: #8f3a00; --doubt: #fbeee8; color-scheme: light dark; margin: 0; background: #fff;
  padding: 1.2rem clamp(0.8rem, 4vw, 2.5rem) 3rem; }
@media screen and (prefers-color-scheme: dark) {
  body.page { --ink: #e6e9ed; --soft: #a0a8b2; --line: #363d46; --good: #163526; --edge: #57c98b; --cool: #182b38;
    --warn: #ff9d76; --doubt: #38231b; background: #14171b; } }
.board { color: var(--ink, #1b1f24); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK KR",
  sans-serif; max-width: 82rem; margin: 0 auto; overflow-wrap: anywhere; }
.board h1 { font-size: clamp(1.3rem, 4vw, 1.7rem); line-height: 1.25; margin: 0 0 0.7rem; }
.board p, .board ul { margin: 0.5rem 0; max-width: 52rem; }
.board .advice { border-left: 0.35rem solid var(--edge, #1a7f4b); background: var(--cool, #eef5fa);
  padding: 0.7rem 1rem; border-radius: 0.3rem; max-width: 56rem; }
.board .advice.none { border-color: var(--warn, #8f3a00); background: var(--doubt, #fbeee8); }
.board .remark, .board .notes { color: var(--soft, #57606a); font-size: 0.9rem; }
.board .notes { padding-left: 1.2rem; list-style: disc; }
.board .notes li { margin: 0.15rem 0; }
.board .scroll { overflow-x: auto; margin: 0.2rem 0 0.6rem; }
.board table { border-collapse: collapse; width: auto; margin: 0; font-size: 0.88rem; line-height: 1.45;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
.board h2 { font-size: 0.95rem; line-height: 1.4; font-weight: 600; margin: 1.3rem 0 0; max-width: 60rem; }
.board th, .board td { padding: 0.22rem 0.5rem; text-align: right; white-space: nowrap; vertical-align: top;
  border-bottom: 1px solid var(--line, #d5dae0); color: inherit; }
.board th { vertical-align: bottom; white-space: normal; border-bottom: 2px solid var(--soft, #57606a);
  font-weight: 600; }
.board th.text, .board td.text { text-align: left; }
.board td.long, .board th.long { min-width: 13rem; max-width: 24rem; white-space: normal; overflow-wrap: anywhere; }
.board tr.recommended td { font-weight: 600; background: var(--good, #e3f4ea); }
.board tr.off td { color: var(--soft, #57606a); }
.board tr.off td:first-child { color: var(--warn, #8f3a00); font-weight: 600; }
@page { margin: 12mm; size: landscape; }
@media print { body.page { padding: 0; } .board table { font-size: 7.5pt; } .board .scroll { overflow: visible; }
  .board h2, .board thead { break-after: avoid; } .board tr { break-inside: avoid; } }
"""
