"""Write the demo corpus: `python data/grammar.py` reproduces every text file in this folder byte for byte.

This file decides how many sentences of which length each split has. Words are in `tables.py` and `lexicon.py`, rules in
`phrases.py`, `nominals.py` and `clauses.py`, random choices in `sampling.py` and `plans.py`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from phrases import Sentence
from plans import sentence
from sampling import Sampler, Triple, all_triples

_LIMITS = (9, 17, 24, 40)  # the longest English sentence of each size, in words
_SHORTEST = 3
_TRAIN = (3600, 3360, 2640, 2400)
_VALID = (140, 130, 120, 110)
_TEST = (80, 75, 70, 75)  # of each kind
_HELD_OUT = 0.15


def held_out_triples() -> frozenset[Triple]:
    """Return the combinations of verb, object and adjective that do not occur in the training split."""
    random = Random(7)
    return frozenset(triple for triple in all_triples() if random.random() < _HELD_OUT)


class Corpus:
    """All splits, drawn one after another so that no English sentence occurs twice."""

    def __init__(self) -> None:
        held_out = held_out_triples()
        self.triples: dict[str, frozenset[Triple]] = {}  # of every English sentence in the corpus
        self.train = list(self._draw(Random(1), _TRAIN, lambda _, triples: not triples & held_out))
        self.valid = list(self._draw(Random(2), _VALID, lambda _, triples: not triples & held_out))
        trained = frozenset(triple for pair in self.train for triple in self.triples[pair.english])
        known = {word for pair in self.train for word in _words(pair)}
        seen = self._draw(
            Random(3), _TEST, lambda pair, triples: bool(triples) and triples <= trained and _words(pair) <= known
        )
        self.seen = list(seen)
        unseen = self._draw(Random(4), _TEST, lambda pair, triples: bool(triples & held_out) and _words(pair) <= known)
        self.unseen = list(unseen)

    def _draw(
        self,
        random: Random,
        counts: tuple[int, ...],
        accept: Callable[[Sentence, frozenset[Triple]], bool],
    ) -> Iterator[Sentence]:
        sizes = [size for size, count in enumerate(counts) for _ in range(count)]
        for size in _shuffled(random, sizes):
            yield self._draw_pair(random, size, accept)

    def _draw_pair(self, random: Random, size: int, accept: Callable[[Sentence, frozenset[Triple]], bool]) -> Sentence:
        shortest = _LIMITS[size - 1] + 1 if size else _SHORTEST
        while True:
            sampler = Sampler(random)
            pair = sentence(sampler, size)
            fits = shortest <= len(pair.english.split()) <= _LIMITS[size]
            triples = frozenset(sampler.triples)
            if fits and pair.english not in self.triples and accept(pair, triples):
                self.triples[pair.english] = triples
                return pair


def _words(pair: Sentence) -> set[str]:
    """Return the words of both sentences without punctuation, each prefixed with its language."""
    english = {f"en {word.strip(',.?')}" for word in pair.english.split()}
    return english | {f"de {word.strip(',.?')}" for word in pair.german.split()}


def _shuffled(random: Random, sizes: list[int]) -> list[int]:
    """Shuffle the sizes (Fisher and Yates). Unlike `Random.shuffle`, this is the same in every version of Python."""
    order = list(sizes)
    for last in range(len(order) - 1, 0, -1):
        other = int(random.random() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


def files() -> dict[str, str]:
    """Return the text of every corpus file by file name."""
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
    """Write the files into the folder of this script."""
    for name, text in files().items():
        (Path(__file__).parent / name).write_bytes(text.encode())
        print(f"{name}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
