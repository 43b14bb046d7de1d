"""Text of others (names of files, machines and detectors, words of servers) made harmless for where it is shown.

A terminal obeys escape codes, a spreadsheet runs what looks like a formula, Markdown and HTML are languages.
"""

from __future__ import annotations

import html
import re

_HIDDEN = "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
"""Characters that order text anew, break lines or are not seen; joiners of emoji and of Indian scripts are not among
them."""

_CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f{_HIDDEN}\ud800-\udfff]")
_CONTROLS_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_HIDDEN}\ud800-\udfff]")
_MARKDOWN = re.compile(r"[\\`*|~$]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])")
"""What has a meaning in the middle of a line: of brackets those of links, of underscores those at the ends of words."""

_TAGS = re.compile(r"<(?=[A-Za-z/!?])|&(?=#|\w+;)")
_FORMULA = re.compile("\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def for_terminal(text: str) -> str:
    """`text` with control characters and reversals of the writing direction spelled out; lines and tabs stay.

    Also for log files, which people look at in a terminal.

    Examples
    --------
    >>> for_terminal("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return _CONTROLS_IN_LINES.sub(_escaped, text)


def in_one_line(text: str) -> str:
    """The same as `for_terminal` for text that must not begin lines or columns of its own.

    Examples
    --------
    >>> in_one_line("a\\nb")
    'a\\\\x0ab'
    """
    return _CONTROLS.sub(_escaped, text)


def for_markdown(text: str) -> str:
    """`text` as Markdown shows it literally, in one line.

    Examples
    --------
    >>> print(for_markdown("id_00|*<img>"))
    id_00\\|\\*&lt;img>
    """
    escaped = _MARKDOWN.sub(lambda match: f"\\{match[0]}", in_one_line(text))
    return _TAGS.sub(lambda match: html.escape(match[0]), escaped)


def for_html(text: str) -> str:
    """`text` as HTML shows it literally, between tags as well as in attributes."""
    return html.escape(in_one_line(text))


def for_spreadsheet(cell: str) -> str:
    """Text of a cell with an apostrophe in front where a spreadsheet would take it for a formula.

    For tables that people open.  Not for those that are read again, where names have to stay as they are.

    Examples
    --------
    >>> for_spreadsheet("=cmd"), for_spreadsheet("a=1")
    ("'=cmd", 'a=1')
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell
