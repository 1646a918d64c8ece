"""Subword regularisation: in training, words are split into tokens at random, differently each time they are read.

BPE-dropout (Provilkov et al. 2020) omits merges at random; unigram sampling (Kudo 2018) draws a segmentation by its
probability. Words are segmented independently, since no token crosses a space. The draws for a sentence depend on the
seed, the epoch and the number of the sentence alone, so a resumed run draws what an uninterrupted one draws.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.tokenizer import EOS

_MAX_CACHED_TOKENS = 2**18
"""Tokens of all words that are remembered."""
_MAX_WORD_TOKENS = 32
"""Longer words, such as sentences in a script without spaces, are not remembered."""
_NO_MERGE = 2**31
"""Rank of two symbols that no token spells."""

WordT = TypeVar("WordT")


class Segmenter(ABC, Generic[WordT]):
    """Draws segmentations of words, which are given as the ids of their best segmentation, and caches what it computes."""

    def __init__(self, processor: Any) -> None:
        """Read the vocabulary of a SentencePiece processor."""
        tokens = range(processor.get_piece_size())
        self.pieces: list[str] = [processor.id_to_piece(token) for token in tokens]
        self.scores: list[float] = [processor.get_score(token) for token in tokens]
        # Bytes, special tokens and unknown characters are never joined with others.
        self.is_plain = [
            not (processor.is_byte(token) or processor.is_control(token) or processor.is_unknown(token))
            for token in tokens
        ]
        self.ids = {piece: token for token, piece in enumerate(self.pieces) if self.is_plain[token]}
        self.is_start = [piece.startswith("▁") for piece in self.pieces]
        self._words: dict[tuple[int, ...], WordT] = {}
        self._num_cached = 0

    def sample(self, best: Sequence[int], generator: Random) -> list[int]:
        """Return a sentence with its words segmented at random; both end in EOS."""
        sentence: list[int] = []
        starts = [place for place, token in enumerate(best) if place == 0 or self.is_start[token]]
        for start, end in pairwise([*starts, len(best) - 1]):
            ids = tuple(best[start:end])
            word = self._words.get(ids)
            sentence += self.draw(self._remember(ids) if word is None else word, generator)
        return [*sentence, EOS]

    def _remember(self, ids: tuple[int, ...]) -> WordT:
        """Return what `draw` needs to know about a new word, and keep it unless it is long."""
        word = self.read(ids)
        if len(ids) <= _MAX_WORD_TOKENS:
            if self._num_cached > _MAX_CACHED_TOKENS:
                self._words.clear()
                self._num_cached = 0
            self._words[ids] = word
            self._num_cached += len(ids)
        return word

    def symbols(self, best: Sequence[int]) -> list[int]:
        """Return the ids of the characters of a word, and of its bytes."""
        symbols: list[int] = []
        for token in best:
            characters = [self.ids.get(character) for character in self.pieces[token]]
            is_split = self.is_plain[token] and None not in characters
            symbols += [symbol for symbol in characters if symbol is not None] if is_split else [token]
        return symbols

    def merged(self, symbols: Sequence[int]) -> int | None:
        """Return the token that spells these symbols, or None if there is none."""
        if not all(self.is_plain[symbol] for symbol in symbols):
            return None
        return self.ids.get("".join(self.pieces[symbol] for symbol in symbols))

    @abstractmethod
    def read(self, best: tuple[int, ...]) -> WordT:
        """Return what `draw` needs to know about a word."""

    @abstractmethod
    def draw(self, word: WordT, generator: Random) -> Sequence[int]:
        """Return a segmentation of a word."""


class _Word(NamedTuple):
    """A word before the first merge, and after all merges."""

    symbols: list[int]
    ranks: list[int]  # of the merge of each symbol with the next one, _NO_MERGE if there is none
    best: Sequence[int]


class BPEDropout(Segmenter[_Word]):
    """Byte pair encoding (Sennrich et al. 2016) in which every possible merge is omitted with a probability, at each step.

    Of the remaining merges the first is applied, until none remains. The number of merges before one is omitted, and the
    number that are omitted then, have geometric distributions, so that few random numbers are drawn.
    """

    def __init__(self, processor: Any, probability: float) -> None:
        super().__init__(processor)
        self._log_keep, self._log_omit = math.log1p(-probability), math.log(probability)
        self._by_rank = sorted(self.ids.values(), key=lambda token: -self.scores[token])
        self._rank = {token: rank for rank, token in enumerate(self._by_rank)}
        self._pairs: dict[tuple[int, int], int] = {}

    def read(self, best: tuple[int, ...]) -> _Word:
        symbols = self.symbols(best)
        return _Word(symbols, [self._rank_of(*pair) for pair in pairwise(symbols)], best)

    def draw(self, word: _Word, generator: Random) -> Sequence[int]:
        num_merges = int(math.log(1.0 - generator.random()) / self._log_keep)
        # All merges of the best segmentation come before the first that is omitted.
        if num_merges >= len(word.symbols) - len(word.best):
            return word.best
        symbols, ranks = word.symbols.copy(), word.ranks.copy()
        while ranks:
            if num_merges:
                num_merges -= 1
                rank = min(ranks)
                if rank == _NO_MERGE:
                    break
                self._merge(symbols, ranks, ranks.index(rank))
                continue
            num_omitted = 1 + int(math.log(1.0 - generator.random()) / self._log_omit)
            merges = sorted((rank, place) for place, rank in enumerate(ranks) if rank != _NO_MERGE)
            if num_omitted >= len(merges):
                break
            self._merge(symbols, ranks, merges[num_omitted][1])
            num_merges = int(math.log(1.0 - generator.random()) / self._log_keep)
        return symbols

    def _merge(self, symbols: list[int], ranks: list[int], place: int) -> None:
        """Replace the symbol at a place and the next one by their merge."""
        symbols[place : place + 2] = [self._by_rank[ranks.pop(place)]]
        if place:
            ranks[place - 1] = self._rank_of(symbols[place - 1], symbols[place])
        if place < len(ranks):
            ranks[place] = self._rank_of(symbols[place], symbols[place + 1])

    def _rank_of(self, left: int, right: int) -> int:
        """Return the place of the merge of two symbols in the order in which merges are applied."""
        rank = self._pairs.get((left, right))
        if rank is None:
            token = self.merged((left, right))
            rank = self._pairs[left, right] = _NO_MERGE if token is None else self._rank[token]
        return rank


class _Arrivals(NamedTuple):
    """The tokens that may end at a place in a word."""

    cumulative: list[float]  # probability of this token or one before it in the list, given that some token ends here
    starts: list[int]
    tokens: list[int]


class UnigramSampling(Segmenter[list[_Arrivals]]):
    """A segmentation is drawn with probability P(segmentation)^alpha / Z, where P multiplies the unigram probabilities.

    Forward filtering, backward sampling over all segmentations (Kudo 2018, with l infinite).
    """

    def __init__(self, processor: Any, alpha: float) -> None:
        super().__init__(processor)
        self._alpha = alpha
        self._longest = max(map(len, self.pieces))

    def read(self, best: tuple[int, ...]) -> list[_Arrivals]:
        symbols = self.symbols(best)
        log_sums, arrivals = [0.0], [_Arrivals([], [], [])]  # log of the summed P^alpha up to each place
        for end in range(1, len(symbols) + 1):
            logs: list[float] = []
            starts: list[int] = []
            tokens: list[int] = []
            for start in range(max(0, end - self._longest), end):
                token = symbols[start] if end - start == 1 else self.merged(symbols[start:end])
                if token is not None:
                    logs.append(log_sums[start] + self._alpha * self.scores[token])
                    starts.append(start)
                    tokens.append(token)
            highest = max(logs)  # for a stable logarithm of a sum
            weights = np.exp(np.array(logs) - highest)
            log_sums.append(highest + math.log(weights.sum()))
            arrivals.append(_Arrivals((weights.cumsum() / weights.sum())[:-1].tolist(), starts, tokens))
        return arrivals

    def draw(self, word: list[_Arrivals], generator: Random) -> Sequence[int]:
        tokens, end = [], len(word) - 1
        while end:
            cumulative, starts, ends_here = word[end]
            choice = bisect(cumulative, generator.random())
            tokens.append(ends_here[choice])
            end = starts[choice]
        return tokens[::-1]


class SubwordSampler:
    """Draws new segmentations of the sentences of an update."""

    def __init__(
        self,
        source: Segmenter[Any],
        target: Segmenter[Any],
        *,
        seed: int,
        max_lengths: tuple[int | None, int | None] = (None, None),
    ) -> None:
        """A sentence that gets longer than the `max_lengths` of source and target keeps its best segmentation."""
        self._segmenters, self._seed, self._max_lengths = (source, target), seed, max_lengths

    def sample(self, pairs: EncodedPairs, sentences: NDArray[np.int64], epoch: int) -> EncodedPairs:
        """Return these sentences, numbered from 0, in new segmentations."""
        return EncodedPairs(*(self._side(side, pairs[side], sentences, epoch) for side in (0, 1)))

    def _side(self, side: int, lines: EncodedLines, sentences: NDArray[np.int64], epoch: int) -> EncodedLines:
        generator, limit = Random(), self._max_lengths[side] or math.inf
        sampled = []
        for sentence in sentences.tolist():
            # An integer that no other side, sentence, epoch and seed has.
            generator.seed(((self._seed << 40 | epoch) << 40 | sentence) << 1 | side)
            best = lines.tokens[lines.offsets[sentence] : lines.offsets[sentence + 1]].tolist()
            ids = self._segmenters[side].sample(best, generator)
            sampled.append(ids if len(ids) <= limit else best)
        return EncodedLines.of(sampled)
