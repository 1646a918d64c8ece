"""Train a SentencePiece tokenizer on the training pairs, or on an even sample of a large corpus."""

import io
import re
from collections.abc import Callable
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from translator.errors import UsageError, first_line
from translator.text.corpus import Block, Corpus
from translator.text.protected import ProtectedPairs, Protection
from translator.text.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerSettings
from translator.text.tokenizer_import import read_tokenizer

_MAX_SENTENCE_BYTES = 2**30


class PairSample:
    """The pairs that a tokenizer is trained on: all pairs or, of a large corpus, an even sample in corpus order.

    Every pair gets a random key, and the pairs with the lowest keys are sampled. Until the corpus has been read, up to 1.5
    times the sample is kept, so that the sample is sorted by key only now and then.
    """

    def __init__(self, settings: TokenizerSettings) -> None:
        self._settings, self._generator = settings, np.random.default_rng(0)
        self._source: list[str] = []
        self._target: list[str] = []
        self._keys: list[NDArray[np.float64]] = []
        self._sizes: list[NDArray[np.int64]] = []  # of the pairs in characters
        self._highest, self._num_pairs, self._num_characters = 1.0, 0, 0

    def add(self, block: Block) -> None:
        """Sample from the next pairs."""
        keys = self._generator.random(len(block.source))
        is_drawn = keys <= self._highest
        source, target = block.select(is_drawn)
        sizes = np.fromiter(map(len, source), np.int64) + np.fromiter(map(len, target), np.int64)
        self._source += source
        self._target += target
        self._keys.append(keys[is_drawn])
        self._sizes.append(sizes)
        self._num_pairs += len(keys)
        self._num_characters += int(sizes.sum())
        if self._excess > 1.5:
            self._shrink()

    def corpus(self) -> Corpus:
        """Return the sampled pairs."""
        if self._excess > 1:
            self._shrink()
        return Corpus(self._source, self._target)

    @property
    def notice(self) -> str | None:
        """A message for the user if not all pairs are in the sample."""
        if len(self._source) == self._num_pairs:
            return None
        limits = "tokenizer.max_sentences and tokenizer.max_characters"
        return f"tokenizer: trained on {len(self._source):,} of {self._num_pairs:,} pairs, sampled evenly ({limits})"

    @property
    def _excess(self) -> float:
        """How many times larger the sample is than it may be."""
        settings = self._settings
        return max(len(self._source) / settings.max_sentences, self._num_characters / settings.max_characters)

    def _shrink(self) -> None:
        """Drop the pairs with the highest keys until the sample is small enough."""
        keys, sizes = np.concatenate(self._keys), np.concatenate(self._sizes)
        order = keys.argsort()
        num_fitting = int(np.searchsorted(np.cumsum(sizes[order]), self._settings.max_characters, side="right"))
        is_chosen = np.zeros(len(keys), np.bool_)
        is_chosen[order[: max(1, min(num_fitting, self._settings.max_sentences))]] = True
        # Over bytes, compress is faster than over NumPy's booleans.
        self._source, self._target = (
            list(compress(side, is_chosen.tobytes())) for side in (self._source, self._target)
        )
        self._keys, self._sizes = [keys[is_chosen]], [sizes[is_chosen]]
        self._num_characters = int(sizes[is_chosen].sum())
        # Pairs with higher keys will not be drawn any more.
        self._highest = float(keys[is_chosen].max())


def train_tokenizer(
    corpus: Corpus, settings: TokenizerSettings, notify: Callable[[str], None] = lambda _: None
) -> Tokenizer:
    """Train the tokenizers of both languages, or read the one at `tokenizer.path`.

    A vocabulary that is too large for the corpus is lowered, with a message. Raises UsageError if it is too small for the
    characters of the corpus.
    """
    source, target, slots = corpus.source, corpus.target, []
    if settings.keep or settings.keep_patterns:
        protection = _protection(corpus, settings, notify)
        pairs = [protection.mask_pair(*pair) for pair in zip(source, target, strict=True)]
        (source, target), slots = ([pair[side] for pair in pairs] for side in (0, 1)), protection.slots
    if settings.path:
        return read_tokenizer(settings, slots, notify)
    texts = [[*source, *target]] if settings.joint else [source, target]
    trained = [_train_model(lines, settings, settings.vocab_size, slots) for lines in texts]
    if lowered := [str(size) for _, size in trained if size != settings.vocab_size]:
        sizes = " and ".join(lowered)
        notify(f"tokenizer.vocab_size: lowered from {settings.vocab_size} to {sizes}, the largest for this corpus")
    return Tokenizer(trained[0][0], trained[-1][0], settings)


def _protection(corpus: Corpus, settings: TokenizerSettings, notify: Callable[[str], None]) -> Protection:
    """Return the protection that the settings ask for, with as many slots as these pairs can train."""
    pairs = zip(corpus.source, corpus.target, strict=True)
    num_slots, num_pairs, num_others = ProtectedPairs.of(pairs, settings.keep, settings.keep_patterns)
    others = f"; in {num_others:,} pairs the sides have different ones, which are trained as text" if num_others else ""
    notify(f"protected strings: in {num_pairs:,} training pairs on both sides{others}")
    if not num_pairs:
        notify("warning: no training pair shows where a protected string stands in a translation")
    return Protection(settings.keep, settings.keep_patterns, num_slots=num_slots)


def _train_model(lines: list[str], settings: TokenizerSettings, vocab_size: int, slots: list[str]) -> tuple[bytes, int]:
    """Return (SentencePiece model, vocabulary size). Only whitespace is normalised, so that decoding restores the text."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(line.replace("\0", " ") for line in lines),  # SentencePiece cuts lines at NUL
            model_writer=model,
            model_type=settings.kind,
            vocab_size=vocab_size,
            character_coverage=settings.character_coverage,
            byte_fallback=settings.byte_fallback,
            user_defined_symbols=slots,  # their ids follow those of the special tokens
            normalization_rule_name="identity",
            max_sentence_length=_MAX_SENTENCE_BYTES,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        message = str(error)
        if match := re.search(r"value <= (\d+)", message):
            return _train_model(lines, settings, int(match[1]), slots)
        if match := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
            needed = f"at least {match[1]} for {len(set().union(*lines))} characters and the special tokens"
            advice = "raise it, or set tokenizer.byte_fallback=false or a lower tokenizer.character_coverage"
            raise UsageError("tokenizer.vocab_size", f"found {vocab_size}, expected {needed}", advice) from error
        problem = f"rejected by SentencePiece ({first_line(error)})"
        raise UsageError("[tokenizer]", problem, "change its settings") from error
    return model.getvalue(), vocab_size
