"""The Korean pages are in step with the English ones: headings, commands, blocks of code."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import pages
from places import REPOSITORY

PAIRS = {
    "README.md": "README.ko.md",
    "docs/faq.md": "docs/ko/faq.md",
    "docs/installation.md": "docs/ko/installation.md",
    "docs/mimii.md": "docs/ko/mimii.md",
    "docs/own_recordings.md": "docs/ko/own_recordings.md",
    "docs/use.md": "docs/ko/use.md",
    "examples/onnx/README.md": "examples/onnx/README.ko.md",
}
HANGUL = re.compile(r"[\uac00-\ud7a3]")


def code(page: str) -> list[tuple[str, str, str]]:
    """Language, mark and text of each block, without comments; what stands in brackets <...> may be translated."""
    return [
        (block.language, block.mark, re.sub(r"<[^<>\n]+>", "<>", pages.without_comments(block.text)))
        for block in pages.blocks(pages.read(page))
    ]


def numbers(page: str) -> Counter[float]:
    """How often each number stands in the text that is read, in figures: not in code, not in what links lead to."""
    text = re.sub(r"`[^`]*`|\]\([^()\s]+\)", " ", pages.without_blocks(pages.read(page)))
    return Counter(float(number.replace(",", "")) for number in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text))


pairs = pytest.mark.parametrize(("english", "korean"), PAIRS.items())


@pairs
def test_headings_have_the_same_levels(english: str, korean: str) -> None:
    levels = [[level for level, _ in pages.headings(pages.read(page))] for page in (english, korean)]
    assert levels[0] == levels[1]


@pairs
def test_blocks_of_code_are_the_same(english: str, korean: str) -> None:
    assert code(korean) == code(english)


@pairs
def test_tables_that_a_run_has_made_are_the_same(english: str, korean: str) -> None:
    tables = [re.findall(r"<!-- output: .* -->\n\n((?:\|.*\n)+)", pages.read(page)) for page in (english, korean)]
    assert tables[0] == tables[1]


@pairs
def test_code_in_running_text_is_the_same(english: str, korean: str) -> None:
    """Commands, options, keys, names of files and detectors."""
    of_english, of_korean = (
        {re.sub(r"<[^<>]+>", "<>", " ".join(span.split())) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)}
        for text in (pages.without_blocks(pages.read(page)) for page in (english, korean))
    )
    assert of_korean == of_english


@pairs
def test_numbers_are_the_same(english: str, korean: str) -> None:
    """Each number of the English page; the Korean one may have more, where the other has words."""
    assert numbers(english) - numbers(korean) == Counter()


@pairs
def test_tables_pictures_and_links_are_as_many(english: str, korean: str) -> None:
    def counts(page: str) -> list[int]:
        around = pages.without_blocks(pages.read(page))
        rows = re.findall(r"^\|.*\|$", around, re.MULTILINE)
        return [len(rows), around.count("!["), sum("://" in link for link in pages.links(page))]

    assert counts(korean) == counts(english)


@pairs
def test_links_lead_to_the_same_pages_in_korean_where_there_are_any(english: str, korean: str) -> None:
    def targets(page: str) -> set[Path]:
        paths = (link.partition("#")[0] for link in pages.links(page) if ":" not in link)
        return {((REPOSITORY / page).parent / path).resolve() for path in paths if path}

    in_korean = {REPOSITORY / one: REPOSITORY / other for one, other in PAIRS.items()}
    expected = {in_korean.get(target, target) for target in targets(english)}
    assert targets(korean) | {REPOSITORY / korean} == expected | {REPOSITORY / english}


@pairs
def test_each_leads_to_the_other(english: str, korean: str) -> None:
    for page, other in ((english, korean), (korean, english)):
        targets = {(REPOSITORY / page).parent / link for link in pages.links(page) if ":" not in link}
        assert (REPOSITORY / other).resolve() in {target.resolve() for target in targets}


@pairs
def test_what_is_to_be_read_is_korean(english: str, korean: str) -> None:
    del english
    paragraphs = re.split(r"\n\s*\n", pages.without_blocks(pages.read(korean)))
    words = [one for one in paragraphs if len(re.findall(r"[A-Za-z]{3,}", re.sub(r"`[^`]*`|\(.*?\)", "", one))) > 12]
    assert [one for one in words if not HANGUL.search(one)] == []
