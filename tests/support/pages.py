"""The pages of the repository: their headings, blocks of code, commands and links."""

from __future__ import annotations

import re
from dataclasses import dataclass

from places import REPOSITORY

_FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s+)#(?: .*)?$", re.MULTILINE)
_HERE = re.compile(r"<<'?(\w+)'?")
_PROGRAM = re.compile(
    r"(?:\.venv/bin/|[A-Z_]+=\S+ )*(?:snakemake|make|asd|pip|conda|podman|npm|python|snakedeploy|git) +[^ ].*",
    re.DOTALL,
)
_LINK = re.compile(r"(?<!\\)!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def pages() -> list[str]:
    """Every page in Markdown that people read, by its path in the repository."""
    found = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/**/*.md")]
    found += [*REPOSITORY.glob(".github/**/*.md"), REPOSITORY / "config/README.md", REPOSITORY / "results/README.md"]
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in found if "node_modules" not in path.parts)


def read(page: str) -> str:
    """The text of a page."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its text, and the comment of HTML in the line before it, if there is one."""

    language: str
    text: str
    mark: str = ""


def blocks(text: str) -> list[Block]:
    """All blocks of code between fences, in order."""
    found = []
    for match in _FENCED.finditer(text):
        mark = re.search(r"<!-- (.*?) -->\n\Z", text[: match.start()])
        found.append(Block(match["language"], match["text"], mark[1] if mark else ""))
    return found


def without_blocks(text: str) -> str:
    """The text around the blocks of code."""
    return _FENCED.sub("", text)


def without_comments(text: str) -> str:
    """Code without comments of shell, YAML or Python, and without what is left empty."""
    lines = (line.rstrip() for line in _COMMENT.sub("", text).splitlines())
    return "\n".join(line for line in lines if line)


def printed(page: str, heading: str | None = None) -> list[str]:
    """The blocks of shell commands of a page, or of its section under `heading`.

    A program is called by its name alone, wherever the page says that it lies in ``.venv/bin``.
    """
    text = read(page)
    if heading is not None:
        text = re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [block.text.replace(".venv/bin/", "") for block in blocks(text) if block.language == "bash"]


def commands(text: str) -> list[str]:
    """Each command of the blocks of shell commands, and of code in running text, without comments."""
    found: list[str] = []
    for block in blocks(text):
        if block.language != "bash":
            continue
        lines = without_comments(block.text).splitlines()
        while lines:
            command = lines.pop(0)
            while command.endswith("\\"):
                command = command[:-1].rstrip() + " " + lines.pop(0).strip()
            here = _HERE.search(command)
            while here and not command.endswith(f"\n{here[1]}"):
                command += "\n" + lines.pop(0)
            found.append(command)
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", without_blocks(text))
    return found + [" ".join(span.split()) for span in spans if _PROGRAM.fullmatch(" ".join(span.split()))]


def headings(text: str) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", without_blocks(text), re.MULTILINE)]


def anchors(text: str) -> set[str]:
    """What links to a heading end in, as forges make it of the heading."""
    found: set[str] = set()
    for _, title in headings(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = sum(1 for other in found if other == anchor or re.fullmatch(re.escape(anchor) + r"-\d+", other))
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


def links(page: str) -> list[str]:
    """Targets of all links and pictures of a page."""
    text = re.sub(r"`[^`\n]*`", "", without_blocks(read(page)))
    return [first or second for first, second in _LINK.findall(text)]


def broken_links(page: str) -> list[str]:
    """Links of a page to files of the repository, or to headings, that are not there."""
    wrong = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        there = target.exists() and target.resolve().is_relative_to(REPOSITORY)
        if not there or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            wrong.append(link)
    return wrong


def printed_blocks(page: str) -> list[Block]:
    """What a page says that commands print: its blocks with a mark ``<!-- output: part of the command -->``."""
    return [block for block in blocks(read(page)) if block.mark.startswith("output: ")]


def up_to_numbers(text: str) -> str:
    """A text without what differs from computer to computer: numbers, and which bands are unusual in which way."""
    text = re.sub(r"…?[\w./-]*/(?=[\w.]+\.(?:wav|onnx))", "", text)
    text = re.sub(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", "0", text)
    text = re.sub(r"\bkHz\b", "Hz", text).replace("short sounds ", "").replace("below normal", "above normal")
    return " ".join(text.split())


def is_printed(block: Block, output: str) -> bool:
    """Whether `output` holds what a block says, up to numbers; a line of dots in the block stands for anything."""
    real = up_to_numbers(output)
    for part in filter(None, map(up_to_numbers, re.split(r"^\.\.\.$", block.text, flags=re.MULTILINE))):
        _, found, real = real.partition(part)
        if not found:
            return False
    return True
