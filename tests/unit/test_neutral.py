"""Text of others: harmless in a terminal, a spreadsheet, Markdown and HTML, and still what it was."""

from __future__ import annotations

import os
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asd.files.neutral import for_html, for_markdown, for_spreadsheet, for_terminal, in_one_line

PLAIN = ["fan", "id_00", "a b", "소음", "\U0001f468\u200d\U0001f527", "-6_dB", "100%", "$HOME", "«é»", "a\\b"]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_names_stay_as_they_are_in_a_terminal_and_in_html(text: str) -> None:
    assert for_terminal(text) == in_one_line(text) == for_html(text) == text


@pytest.mark.parametrize("text", ["fan", "id_00", "snr_6", "a b", "소음", "[95 %]", "<0.001", "a & b", "0.9 (x)"])
def test_plain_names_and_numbers_stay_as_they_are_in_markdown(text: str) -> None:
    assert for_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb", r"a\x0db"),
        ("\x08\x7f", r"\x08\x7f"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066a\u2069\u200f", r"\u2066a\u2069\u200f"),
        ("\u2028\ufeff", r"\u2028\ufeff"),
        (os.fsdecode(b"\xbc\xd2"), r"\xbc\xd2"),
        ("\ud800", r"\ud800"),
    ],
)
def test_a_terminal_obeys_nothing(text: str, shown: str) -> None:
    assert for_terminal(text) == in_one_line(text) == shown


def test_lines_and_tabs_stay_where_a_text_may_have_them() -> None:
    assert for_terminal("a\n\tb") == "a\n\tb"
    assert in_one_line("a\n\tb") == r"a\x0a\x09b"


@given(st.text())
def test_what_is_left_can_always_be_written_and_has_no_controls(text: str) -> None:
    for neutral in (for_terminal(text), in_one_line(text), for_markdown(text), for_html(text)):
        neutral.encode("utf-8")
        assert not set(neutral) & set(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2028]))
    assert "\n" not in in_one_line(text) + for_markdown(text) + for_html(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("*a* **b**", r"\*a\* \*\*b\*\*"),
        ("_a_ b_c", r"\_a\_ b_c"),
        ("`a`", r"\`a\`"),
        ("[a](javascript:b)", r"[a\](javascript:b)"),
        ("![a][b]", r"![a\][b]"),
        ("<img src=x>", "&lt;img src=x>"),
        ("</td>", "&lt;/td>"),
        ("<!--", "&lt;!--"),
        ("&lt;", "&amp;lt;"),
        ("a\nb", r"a\\x0ab"),
        ("\\", r"\\"),
    ],
)
def test_markdown_has_no_meaning(text: str, written: str) -> None:
    assert for_markdown(text) == written.replace(r"\\x0a", r"\\x0a")


@given(st.text())
def test_html_shows_the_text_and_nothing_else(text: str) -> None:
    class Reader(HTMLParser):
        found = ""

        def handle_data(self, data: str) -> None:
            self.found += data

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag == "p"
            assert dict(attrs) == {"title": in_one_line(text)}

    reader = Reader()
    reader.feed(f'<p title="{for_html(text)}">{for_html(text)}</p>')
    reader.close()
    assert reader.found == in_one_line(text)


@pytest.mark.parametrize(
    "cell", ["=cmd", "+1", "-1", "@a", "\t=a", "\r=a", "\n=a", " =a", "\uff1da", "\uff0ba", "\uff0da", "\uff20a"]
)
def test_formulas_are_text(cell: str) -> None:
    assert for_spreadsheet(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a", "a=1", "'=a", "_-", "소음"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert for_spreadsheet(cell) == cell
