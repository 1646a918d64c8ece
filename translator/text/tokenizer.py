"""SentencePiece (Kudo and Richardson 2018): text to pieces and back, trained on the training side of the corpus alone."""

import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from translator.errors import ModelError, UsageError
from translator.settings import Settings
from translator.text.corpus import Block, Corpus
from translator.text.tokenizer_safety import require_harmless
from translator.text.visible import LINE_ENDS

PAD, UNK, BOS, EOS = 0, 1, 2, 3
LONGEST_SENTENCE_BYTES = 2**30


class TokenizerSettings(Settings):
    """`[tokenizer]`: how words become pieces."""

    kind: Literal["unigram", "bpe"] = Field("unigram", description="the SentencePiece model")
    vocab_size: int = Field(8000, ge=8, le=1_000_000, description="pieces of each vocabulary, the four marks included")
    joint: bool = Field(True, description="one vocabulary for both languages")
    byte_fallback: bool = Field(True, description="unseen characters become bytes, so that nothing is unknown")
    character_coverage: float = Field(1.0, gt=0.9, le=1.0, description="share of the characters that get a piece")
    max_sentences: int = Field(1_000_000, ge=1, description="training pairs that pieces are learned from")
    max_characters: int = Field(
        50_000_000, ge=1, description="the same in characters; each takes SentencePiece 20 bytes of memory"
    )


class Tokenizer:
    """Pieces of both sides. Sentences end in EOS; control marks are never read from text."""

    def __init__(self, source_model: bytes, target_model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self.models = (source_model, target_model)
        self.source: Any = SentencePieceProcessor(model_proto=source_model)
        self.target: Any = self.source
        if not self.is_joint:
            self.target = SentencePieceProcessor(model_proto=target_model)

    @property
    def processors(self) -> tuple[Any, Any]:
        """SentencePiece itself, for the source and for the target."""
        return self.source, self.target

    @property
    def is_joint(self) -> bool:
        """Whether both sides have the same pieces."""
        return self.models[0] == self.models[1]

    @property
    def source_size(self) -> int:
        """Pieces of the source vocabulary."""
        return int(self.source.get_piece_size())

    @property
    def target_size(self) -> int:
        """Pieces of the target vocabulary."""
        return int(self.target.get_piece_size())

    @property
    def fingerprint(self) -> str:
        """SHA-256 over both models."""
        return fingerprint(self.models)

    def encode_source(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, EOS last. Text is normalised to NFC, as the training text was."""
        return encode(self.source, lines)

    def encode_target(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, EOS last."""
        return encode(self.target, lines)

    def unknown_share(self, corpus: Corpus) -> float:
        """The share of a corpus's pieces that are unknown or single bytes: its characters have no piece of their own."""
        unknown = found = 0
        for processor, lines in zip(self.processors, (corpus.source, corpus.target), strict=True):
            strange = {piece for piece in range(len(processor)) if processor.is_byte(piece) or piece == UNK}
            pieces = [piece for ids in encode(processor, lines) for piece in ids[:-1]]
            unknown, found = unknown + sum(piece in strange for piece in pieces), found + len(pieces)
        return unknown / max(found, 1)

    def decode_target(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each sentence, on one line whatever its pieces hold; marks are left out."""
        kept = [[piece for piece in sentence if piece > EOS] for sentence in ids]
        return [str(self.target.decode(pieces)).translate(LINE_ENDS) for pieces in kept]

    def source_tokens(self, ids: Sequence[int]) -> list[str]:
        """Each id as it is written in the source vocabulary."""
        return [str(self.source.id_to_piece(piece)) for piece in ids]

    def target_tokens(self, ids: Sequence[int]) -> list[str]:
        """Each id as it is written in the target vocabulary."""
        return [str(self.target.id_to_piece(piece)) for piece in ids]

    def save(self, folder: Path) -> None:
        """Write source.model and target.model."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, model in zip(("source", "target"), self.models, strict=True):
            (folder / f"{name}.model").write_bytes(model)

    @classmethod
    def load(cls, folder: Path, expected: str) -> "Tokenizer":
        """Read what `save` wrote. Raises ModelError where it is missing, another one or harmful: that is never parsed."""
        try:
            models = (folder / "source.model").read_bytes(), (folder / "target.model").read_bytes()
            if fingerprint(models) != expected:
                raise ModelError(
                    str(folder), "is not the tokenizer of this model (SHA-256 differs)", "restore the run folder"
                )
            for model in {*models}:
                require_harmless(model)
            return cls(*models)
        except OSError as error:
            raise ModelError(
                str(error.filename), f"cannot be read ({error.strerror})", "restore the run folder"
            ) from error
        except (RuntimeError, ValueError, IndexError) as error:
            problem = "is not a SentencePiece tokenizer of this program"
            raise ModelError(str(folder), problem, "restore the run folder") from error


class PairSample:
    """The pairs that pieces are learned from: all of them or, of a large corpus, so many drawn evenly, in their order."""

    def __init__(self, settings: TokenizerSettings) -> None:
        self.settings, self.generator = settings, np.random.default_rng(0)
        self.source: list[str] = []
        self.target: list[str] = []
        self.keys: list[NDArray[np.float64]] = []  # a pair is in if its key is among the lowest
        self.highest, self.num_pairs, self.num_characters = 1.0, 0, 0

    def add(self, block: Block) -> None:
        """Draw from the next pairs."""
        keys = self.generator.random(len(block.source))
        drawn = keys <= self.highest
        source, target = (list(compress(side, drawn)) for side in block)
        self.source += source
        self.target += target
        self.keys.append(keys[drawn])
        self.num_pairs += len(keys)
        self.num_characters += sum(map(len, source)) + sum(map(len, target))
        if self.excess > 1.5:
            self.shrink()

    @property
    def excess(self) -> float:
        """How many times too large it is."""
        settings = self.settings
        return max(len(self.source) / settings.max_sentences, self.num_characters / settings.max_characters)

    def shrink(self) -> None:
        """Drop the pairs with the highest keys until it is small enough."""
        keys = np.concatenate(self.keys)
        sizes = np.fromiter(map(len, self.source), np.int64) + np.fromiter(map(len, self.target), np.int64)
        lowest = keys.argsort()
        fitting = int(np.searchsorted(np.cumsum(sizes[lowest]), self.settings.max_characters, side="right"))
        chosen = np.sort(lowest[: max(1, min(fitting, self.settings.max_sentences))])
        self.source, self.target = ([side[index] for index in chosen] for side in (self.source, self.target))
        self.keys, self.num_characters = [keys[chosen]], int(sizes[chosen].sum())
        self.highest = float(keys[chosen].max())

    def corpus(self) -> Corpus:
        """The pairs drawn."""
        if self.excess > 1:
            self.shrink()
        return Corpus(self.source, self.target)

    @property
    def notice(self) -> str | None:
        """What a person should know of it."""
        if len(self.source) == self.num_pairs:
            return None
        return f"tokenizer: learned from {len(self.source):,} of {self.num_pairs:,} pairs, drawn evenly (tokenizer.max_...)"


def fingerprint(models: Sequence[bytes]) -> str:
    """SHA-256 over both models."""
    return hashlib.sha256(b"".join(hashlib.sha256(model).digest() for model in models)).hexdigest()


def encode(processor: Any, lines: Sequence[str]) -> list[list[int]]:
    """Ids of each line, EOS last.

    No piece reaches over a space, so each word is encoded by itself and has the same pieces wherever it stands. (Whole
    sentences give the same but for one in thousands, where rounding decides between two equally likely ways to cut a word.)
    One call a word: for a list SentencePiece starts threads, and aborts the process where there is no memory for one.
    """
    sentences = [unicodedata.normalize("NFC", line).split(" ") for line in lines]
    words = list({*chain.from_iterable(sentences)})
    pieces = dict(zip(words, map(processor.encode, words), strict=True))
    return [[*chain.from_iterable(pieces[word] for word in sentence), EOS] for sentence in sentences]


def train_tokenizer(
    corpus: Corpus, settings: TokenizerSettings, notify: Callable[[str], None] = lambda _: None
) -> Tokenizer:
    """Learn the pieces. A vocabulary too large for the corpus is lowered, which a person is told.

    Raises UsageError where it is too small for the corpus's characters.
    """
    texts = [[*corpus.source, *corpus.target]] if settings.joint else [corpus.source, corpus.target]
    learned = [learn(lines, settings, settings.vocab_size) for lines in texts]
    if lowered := [str(size) for _, size in learned if size != settings.vocab_size]:
        sizes = " and ".join(lowered)
        notify(f"tokenizer.vocab_size lowered from {settings.vocab_size} to {sizes}: the corpus has no more")
    return Tokenizer(learned[0][0], learned[-1][0])


def learn(lines: list[str], settings: TokenizerSettings, vocab_size: int) -> tuple[bytes, int]:
    """(a SentencePiece model, its size). Nothing is normalised but whitespace, so that text comes back as it was."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(line.replace("\0", " ") for line in lines),  # at a NUL it would end
            model_writer=model,
            model_type=settings.kind,
            vocab_size=vocab_size,
            character_coverage=settings.character_coverage,
            byte_fallback=settings.byte_fallback,
            normalization_rule_name="identity",
            max_sentence_length=LONGEST_SENTENCE_BYTES,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        message = str(error)
        if possible := re.search(r"value <= (\d+)", message):
            return learn(lines, settings, int(possible[1]))
        if needed := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
            raise too_small(vocab_size, int(needed[1]), lines) from error
        raise UsageError(
            "[tokenizer]", f"SentencePiece refuses ({message.splitlines()[0]})", "change its settings"
        ) from error
    return model.getvalue(), vocab_size


def too_small(vocab_size: int, needed: int, lines: list[str]) -> UsageError:
    """The error for a vocabulary that cannot even hold the corpus's characters."""
    characters = len(set().union(*lines))
    return UsageError(
        "tokenizer.vocab_size",
        f"found {vocab_size}, expected at least {needed} for {characters} characters and the marks",
        "raise it, or set tokenizer.byte_fallback=false or a lower tokenizer.character_coverage",
    )
