"""Write the demo corpus: `python data/grammar.py` makes every text file beside this one, byte for byte the same.

This file says how many sentences of which length go where. Words are in `tables.py` and `lexicon.py`, rules in
`phrases.py`, `nominals.py` and `clauses.py`, the random choices in `sampling.py` and `plans.py`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from phrases import Sentence
from plans import sentence
from sampling import Sampler, Triple, all_triples

LIMITS = (9, 17, 24, 40)  # the longest English sentence of each size, in words
SHORTEST = 3
TRAIN = (3600, 3360, 2640, 2400)
VALID = (140, 130, 120, 110)
TEST = (80, 75, 70, 75)  # of each kind
HELD_OUT = 0.15


def held_out_triples() -> frozenset[Triple]:
    """The combinations of verb, object and adjective that training never sees."""
    random = Random(7)
    return frozenset(triple for triple in all_triples() if random.random() < HELD_OUT)


class Corpus:
    """All splits, drawn one after the other so that no English sentence occurs twice."""

    def __init__(self) -> None:
        held_out = held_out_triples()
        self.triples: dict[str, frozenset[Triple]] = {}  # of every English sentence that was taken
        self.train = list(self._draw(Random(1), TRAIN, lambda _, triples: not triples & held_out))
        self.valid = list(self._draw(Random(2), VALID, lambda _, triples: not triples & held_out))
        trained = frozenset(triple for pair in self.train for triple in self.triples[pair.english])
        known = {word for pair in self.train for word in words(pair)}
        seen = self._draw(
            Random(3), TEST, lambda pair, triples: bool(triples) and triples <= trained and words(pair) <= known
        )
        self.seen = list(seen)
        unseen = self._draw(Random(4), TEST, lambda pair, triples: bool(triples & held_out) and words(pair) <= known)
        self.unseen = list(unseen)

    def _draw(
        self,
        random: Random,
        counts: tuple[int, ...],
        accept: Callable[[Sentence, frozenset[Triple]], bool],
    ) -> Iterator[Sentence]:
        sizes = [size for size, count in enumerate(counts) for _ in range(count)]
        for size in mixed(random, sizes):
            yield self._one(random, size, accept)

    def _one(self, random: Random, size: int, accept: Callable[[Sentence, frozenset[Triple]], bool]) -> Sentence:
        shortest = LIMITS[size - 1] + 1 if size else SHORTEST
        while True:
            sampler = Sampler(random)
            pair = sentence(sampler, size)
            fits = shortest <= len(pair.english.split()) <= LIMITS[size]
            triples = frozenset(sampler.triples)
            if fits and pair.english not in self.triples and accept(pair, triples):
                self.triples[pair.english] = triples
                return pair


def words(pair: Sentence) -> set[str]:
    """The words of both sentences, without their punctuation and with their language."""
    english = {f"en {word.strip(',.?')}" for word in pair.english.split()}
    return english | {f"de {word.strip(',.?')}" for word in pair.german.split()}


def mixed(random: Random, sizes: list[int]) -> list[int]:
    """The sizes in a random order (Fisher and Yates), the same in every version of Python."""
    order = list(sizes)
    for last in range(len(order) - 1, 0, -1):
        other = int(random.random() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


def files() -> dict[str, str]:
    """The text of every file of the corpus by its name."""
    corpus = Corpus()
    test = [(pair, "seen") for pair in corpus.seen] + [(pair, "unseen") for pair in corpus.unseen]
    splits = {"train": corpus.train, "valid": corpus.valid, "test": [pair for pair, _ in test]}
    texts = {}
    for name, pairs in splits.items():
        texts[f"{name}.en"] = _lines(pair.english for pair in pairs)
        texts[f"{name}.de"] = _lines(pair.german for pair in pairs)
    texts["test.kind"] = _lines(kind for _, kind in test)
    texts["valid.align"] = _lines(pair.alignment for pair in corpus.valid)
    texts["test.align"] = _lines(pair.alignment for pair, _ in test)
    return texts


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write the files beside this script."""
    for name, text in files().items():
        (Path(__file__).parent / name).write_bytes(text.encode())
        print(f"{name}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
