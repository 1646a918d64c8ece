"""A page as its elements, for tests without a browser."""

import json
from html.parser import HTMLParser


class Parsed(HTMLParser):
    """The elements of a page, their attributes, and the text of each element."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[int] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "input"):
            self.open.append(len(self.elements))
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] += data

    def text_of(self, tag: str) -> list[str]:
        return [text for (element, _), text in zip(self.elements, self.texts, strict=True) if element == tag]

    @property
    def data(self) -> dict[str, object]:
        return json.loads(self.text_of("script")[0])  # type: ignore[no-any-return]

    @property
    def policy(self) -> str:
        return next(attrs["content"] or "" for tag, attrs in self.elements if tag == "meta" and "http-equiv" in attrs)
