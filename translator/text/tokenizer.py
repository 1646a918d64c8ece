"""Text to token ids and back with SentencePiece (Kudo and Richardson 2018). `tokenizer_training.py` trains the tokenizer."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from translator.errors import ModelError
from translator.settings import NameIn, Settings
from translator.text.corpus import Corpus
from translator.text.nfc import nfc
from translator.text.protected import PATTERNS, SLOTS, Protection
from translator.text.tokenizer_safety import require_harmless
from translator.text.visible import LINE_ENDS

PAD, UNK, BOS, EOS = 0, 1, 2, 3
FIRST_SLOT = 4
"""Slots, if a tokenizer has any, have the ids from here on."""


class TokenizerSettings(Settings):
    """`[tokenizer]`: how text is split into tokens."""

    kind: Literal["unigram", "bpe"] = Field("unigram", description="type of the SentencePiece model")
    vocab_size: int = Field(
        8000, ge=8, le=1_000_000, description="tokens of each vocabulary, the four special tokens included"
    )
    joint: bool = Field(True, description="one vocabulary for both languages")
    byte_fallback: bool = Field(True, description="encode unseen characters as bytes, so that nothing is unknown")
    character_coverage: float = Field(
        1.0, ge=0.98, le=1.0, description="share of the characters in the corpus that get a token of their own"
    )
    max_sentences: int = Field(1_000_000, ge=1, description="training pairs that the tokenizer is trained on")
    max_characters: int = Field(
        50_000_000, ge=1, description="the same in characters; SentencePiece needs 20 bytes of memory for each"
    )
    path: str | None = Field(
        None, description="existing tokenizer: a SentencePiece model, or the folder of a run; empty: train one"
    )
    keep: tuple[Annotated[str, Field(pattern=r"\S", max_length=1000)], ...] = Field(
        (), description="strings that are copied unchanged from the source to the translation"
    )
    keep_patterns: tuple[Annotated[str, NameIn(PATTERNS)], ...] = Field(
        (), description="kinds of strings that are copied unchanged; numbers are those of five digits or more"
    )


class Tokenizer:
    """The tokenizers of both languages. Every sentence ends in EOS; special tokens are never read from text."""

    def __init__(self, source_model: bytes, target_model: bytes, settings: TokenizerSettings | None = None) -> None:
        """Load two SentencePiece models. If they have slots, the settings say which strings are protected."""
        from sentencepiece import SentencePieceProcessor

        self.models = (source_model, target_model)
        self.source: Any = SentencePieceProcessor(model_proto=source_model)
        self.target: Any = self.source if self.is_joint else SentencePieceProcessor(model_proto=target_model)
        self.processors = self.source, self.target
        keep, patterns = (settings.keep, settings.keep_patterns) if settings else ((), ())
        self.protection = Protection(keep, patterns, num_slots=self.num_slots)

    @property
    def num_slots(self) -> int:
        """Number of tokens that stand for protected strings, the same in both vocabularies."""
        # A tokenizer with n slots has the first n, at consecutive ids.
        return sum(self.source.piece_to_id(slot) == FIRST_SLOT + number for number, slot in enumerate(SLOTS))

    @property
    def is_joint(self) -> bool:
        """Whether both sides have the same vocabulary."""
        return self.models[0] == self.models[1]

    @property
    def source_size(self) -> int:
        """Number of tokens in the source vocabulary."""
        return int(self.source.get_piece_size())

    @property
    def target_size(self) -> int:
        """Number of tokens in the target vocabulary."""
        return int(self.target.get_piece_size())

    @property
    def fingerprint(self) -> str:
        """SHA-256 over both models."""
        return fingerprint(self.models)

    def count_slots(self, ids: Sequence[int]) -> int:
        """Return how many of the tokens stand for protected strings."""
        return sum(FIRST_SLOT <= token < FIRST_SLOT + self.num_slots for token in ids) if self.protection.slots else 0

    def encode_source(self, lines: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each line to be translated, with EOS at the end."""
        return encode_lines(self.source, [self.protection.mask(line) for line in lines])

    def encode_target(self, lines: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each line with EOS at the end."""
        return encode_lines(self.target, lines)

    def encode_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
        """Return the token ids of both sides of each pair. A slot stands on both sides or on neither."""
        sources, targets = self.mask_pairs(sources, targets)
        return encode_lines(self.source, sources), self.encode_target(targets)

    def mask_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Return the text that the tokens of `encode_pairs` spell: with slots for protected strings."""
        if not self.protection.slots:
            return sources, targets
        pairs = [self.protection.mask_pair(*pair) for pair in zip(sources, targets, strict=True)]
        return [source for source, _ in pairs], [target for _, target in pairs]

    def unknown_share(self, corpus: Corpus) -> float:
        """Return the share of a corpus's tokens that are UNK or single bytes, because their characters have no token."""
        num_unknown = num_tokens = 0
        for processor, lines in zip(self.processors, self.mask_pairs(corpus.source, corpus.target), strict=True):
            unknown = {token for token in range(len(processor)) if processor.is_byte(token) or token == UNK}
            tokens = [token for ids in encode_lines(processor, lines) for token in ids[:-1]]
            num_unknown += sum(token in unknown for token in tokens)
            num_tokens += len(tokens)
        return num_unknown / max(num_tokens, 1)

    def decode_target(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sentence without special tokens. Line ends that a model produces become spaces.

        Slots are still slots, see `Protection.restore`.
        """
        # Special tokens have the lowest ids, EOS the highest of them.
        sentences = [[token for token in sentence if token > EOS] for sentence in ids]
        return [str(self.target.decode(sentence)).translate(LINE_ENDS) for sentence in sentences]

    def source_tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of the source vocabulary as strings."""
        return [str(self.source.id_to_piece(token)) for token in ids]

    def target_tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of the target vocabulary as strings."""
        return [str(self.target.id_to_piece(token)) for token in ids]

    def save(self, folder: Path) -> None:
        """Write source.model and target.model."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, model in zip(("source", "target"), self.models, strict=True):
            (folder / f"{name}.model").write_bytes(model)

    @classmethod
    def load(cls, folder: Path, expected: str, settings: TokenizerSettings | None = None) -> "Tokenizer":
        """Read what `save` wrote. Raises ModelError, before parsing, for another fingerprint or an unsafe file."""
        try:
            models = (folder / "source.model").read_bytes(), (folder / "target.model").read_bytes()
            if fingerprint(models) != expected:
                problem = "is not the tokenizer of this model (SHA-256 differs)"
                raise ModelError(str(folder), problem, "restore the run folder")
            for model in {*models}:
                require_harmless(model)
            return cls(*models, settings)
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise ModelError(str(error.filename), problem, "restore the run folder") from error
        except (RuntimeError, ValueError, IndexError) as error:
            problem = "is not a SentencePiece tokenizer of this program"
            raise ModelError(str(folder), problem, "restore the run folder") from error


def fingerprint(models: Sequence[bytes]) -> str:
    """Return the SHA-256 over both models."""
    return hashlib.sha256(b"".join(hashlib.sha256(model).digest() for model in models)).hexdigest()


def encode_lines(processor: Any, lines: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each line, normalised to NFC, with EOS at the end.

    No token crosses a space, so each distinct word is encoded once and has the same tokens in every sentence. (Whole
    sentences give the same tokens except for one word in thousands, where rounding decides between two equally likely
    segmentations.) `WordEncoder` does the same for millions of lines.
    """
    sentences = [nfc(line).split(" ") for line in lines]
    # One call per word: for a list, SentencePiece starts threads, and aborts the process if there is no memory for them.
    ids = {word: processor.encode(word) for word in set(chain.from_iterable(sentences))}
    return [[*chain.from_iterable(ids[word] for word in sentence), EOS] for sentence in sentences]
