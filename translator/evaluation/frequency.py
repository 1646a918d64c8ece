"""How well words are translated that training saw never, once, rarely or often."""

from typing import NamedTuple


class WordScore(NamedTuple):
    """F1 of some of the words of the references."""

    name: str
    num_words: int
    f1: float | None  # in percent; None where the references have no such word
