"""What a page is made of: whether its tags match, and what it would fetch."""

from __future__ import annotations

from html.parser import HTMLParser

_EMPTY = {"meta", "img", "source", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """A page that was read.

    Attributes
    ----------
    tags
        Name and attributes of each, in their order.
    text
        What is not in tags, styles left out.
    """

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(content)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of the tags of this name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def addresses(self) -> list[str]:
        """All that it points to: of images, sounds, links, style sheets, forms."""
        names = ("src", "srcset", "href", "action", "data", "poster", "background")
        return [value for _, attributes in self.tags for name, value in attributes.items() if name in names]

    def require_harmless(self) -> None:
        """That nothing in it runs, or fetches anything."""
        allowed = {
            *(
                "html",
                "head",
                "meta",
                "title",
                "style",
                "body",
                "p",
                "h1",
                "h2",
                "h3",
                "div",
                "strong",
                "ul",
                "ol",
                "li",
            ),
            *("figure", "picture", "source", "img", "figcaption", "audio", "table", "thead", "tbody", "tr", "th", "td"),
            *("article", "span", "a"),
        }
        assert {tag for tag, _ in self.tags} <= allowed
        handlers = [name for _, attributes in self.tags for name in attributes if name.startswith("on")]
        assert handlers == []
        assert [
            address for address in self.addresses() if not address.startswith(("data:image/", "data:audio/", "#"))
        ] == []
