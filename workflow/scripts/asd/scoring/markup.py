"""Parts of the pages about clips: one file each that needs no other, in light or dark as the reader's screen is."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from ..files.neutral import for_html
from .sound import Sound

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --card: #f6f8fa; --line: #d5dae0;
  --normal: #1a6fa8; --anomalous: #a33000; --tint: #fbeee8; --cool: #e8f2f9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #a0a8b2; --paper: #14171b; --card: #1e2329;
  --line: #363d46; --normal: #7cc0ee; --anomalous: #ff9d76; --tint: #38231b; --cool: #182b38; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 1rem clamp(0.8rem, 3vw, 2rem) 3rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.35rem, 4vw, 1.9rem); line-height: 1.25; margin: 0.2rem 0 0.6rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.4rem; }
p, ul, ol { margin: 0.4rem 0; max-width: 50rem; }
.soft, figcaption { color: var(--soft); font-size: 0.9rem; }
.verdict { border-left: 0.4rem solid var(--normal); background: var(--cool); padding: 0.8rem 1rem;
  border-radius: 0.4rem; }
.verdict.anomalous { border-color: var(--anomalous); background: var(--tint); }
.verdict strong { color: var(--normal); }
.verdict.anomalous strong { color: var(--anomalous); }
.remarks { border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.5rem 1rem; margin: 0.8rem 0; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
figure { margin: 0; min-width: 0; }
.panels { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
picture, img { display: block; width: 100%; height: auto; }
.panels img { max-width: 36rem; }
audio { width: 100%; max-width: 36rem; display: block; margin: 0.5rem 0; }
.table { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td:first-child { min-width: 7rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.7rem 0.8rem;
  min-width: 0; }
.card p { margin: 0.15rem 0; font-size: 0.92rem; }
.card img { height: 7.5rem; border-radius: 0.25rem; image-rendering: auto; }
.name { font-weight: 600; font-size: 0.9rem; }
.spectrogram { position: relative; }
.spectrogram span { position: absolute; left: 0.3rem; font-size: 0.7rem; color: #fff; text-shadow: 0 0 3px #000, 0 0 2px
  #000; }
.spectrogram .high { top: 0.15rem; } .spectrogram .low { bottom: 0.15rem; }
.spectrogram .end { bottom: 0.15rem; left: auto; right: 0.3rem; }
.tag { display: inline-block; border-radius: 1rem; padding: 0 0.6rem; font-size: 0.8rem; font-weight: 600;
  border: 1px solid currentColor; }
.tag.abnormal { color: var(--anomalous); } .tag.normal { color: var(--normal); }
a { color: var(--normal); }
"""


def document(title: str, generator: str, body: Iterable[str]) -> str:
    """A whole page.

    Parameters
    ----------
    title
        Plain text.
    generator
        Which of our pages it is, by which it is known again (`is_page_of`).
    body
        HTML.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta name="generator" content="{for_html(generator)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # whatever a name of a file may do, nothing is run or fetched
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            "media-src data:; style-src 'unsafe-inline'\">",
            f"<title>{for_html(title)}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def is_page_of(generator: str, beginning: bytes) -> bool:
    """Whether a file that begins so is a page that `document` made for this generator."""
    mark = f'<meta name="generator" content="{for_html(generator)}">'
    return beginning.startswith(b"<!DOCTYPE html>") and mark.encode() in beginning[:1000]


def data_uri(content: bytes, kind: str) -> str:
    """A file as the address of itself, to stand between double quotes."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}".replace('"', "%22")


def picture(light: bytes, dark: bytes, kind: str, description: str, size: tuple[int, int]) -> str:
    """A figure in two versions, one of which is shown.

    Parameters
    ----------
    light, dark
        Files of images of the MIME type `kind`, of the same `size` in pixels.
    description
        What is to be seen, plain text for those who don't see it.
    """
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{data_uri(dark, kind)}">'
        f"{image(light, kind, description, size)}</picture>"
    )


def image(content: bytes, kind: str, description: str, size: tuple[int, int]) -> str:
    """An image; parameters as of `picture`."""
    return f'<img src="{data_uri(content, kind)}" alt="{for_html(description)}" width="{size[0]}" height="{size[1]}">'


def player(sound: Sound, name: str, *, preload: str = "auto") -> str:
    """Plays a clip.

    Parameters
    ----------
    name
        Of the clip, plain text for those who don't see where the player stands.
    preload
        ``none`` where there are many: it is then decoded when somebody asks for it.
    """
    return (
        f'<audio controls preload="{preload}" aria-label="sound of {for_html(name)}" '
        f'src="{data_uri(sound.content, sound.kind)}"></audio>'
    )


def items(texts: Iterable[str], *, ordered: bool = False) -> str:
    """A list of plain texts."""
    tag = "ol" if ordered else "ul"
    return f"<{tag}>{''.join(f'<li>{for_html(text)}</li>' for text in texts)}</{tag}>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table; its cells are HTML.

    Parameters
    ----------
    numbers
        Columns that are right-aligned.
    """
    right = set(numbers)

    def cells(row: Sequence[str], tag: str) -> str:
        places = (' class="number"' if column in right else "" for column in range(len(row)))
        return "".join(f"<{tag}{place}>{cell}</{tag}>" for place, cell in zip(places, row, strict=True))

    header = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="table"><table>{header}<tbody>{body}</tbody></table></div>'


def size_in_words(count: int) -> str:
    """Bytes for people: ``640 kB``, ``1.3 MB``."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
