"""Sentences of a line and paragraphs of a document. Sentence boundaries are found by the rules of sentencex (Wikimedia)."""

import re
from collections.abc import Iterable, Iterator, Sequence

_SPACE = re.compile(r"\s")
_WITHOUT_SPACES = frozenset({"zh", "cmn", "yue", "wuu", "nan", "hak", "lzh", "ja"})
"""Languages that write nothing between two sentences."""


def sentences_of(line: str, language: str) -> list[str]:
    """Return the sentences of a line, without the spaces around them; a blank line is one empty sentence."""
    import sentencex

    # sentencex panics at some sequences of spaces outside ASCII. It returns parts that together are the line.
    plain, first, sentences = _SPACE.sub(" ", line), 0, []
    for part in sentencex.segment(_primary(language), plain):
        # Of the original, whose spaces may not be ASCII.
        sentences.append(line[first : first + len(part)].strip())
        first += len(part)
    return [sentence for sentence in sentences if sentence] or [""]


def join_sentences(sentences: Sequence[str], language: str) -> str:
    """Return the sentences, or the lines of a paragraph, as one line; empty ones leave no space."""
    separator = "" if _primary(language) in _WITHOUT_SPACES else " "
    return separator.join(filter(None, sentences))


def paragraphs(lines: Iterable[str], language: str) -> Iterator[str]:
    """Yield each paragraph of a text as one line, and each blank line as an empty one."""
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line.strip())
            continue
        if paragraph:
            yield join_sentences(paragraph, language)
        paragraph = []
        yield ""
    if paragraph:
        yield join_sentences(paragraph, language)


def _primary(language: str) -> str:
    """Return the language of a BCP 47 tag without script and region."""
    return re.split("[-_]", language)[0].lower()
