"""Files that training writes are accepted; files that could crash SentencePiece are rejected."""

import struct

import pytest

from translator.text.corpus import Corpus
from translator.text.tokenizer import TokenizerSettings
from translator.text.tokenizer_safety import require_harmless
from translator.text.tokenizer_training import train_tokenizer

CORPUS = Corpus(["the old man reads", "a dog"] * 20, ["der alte Mann liest", "ein Hund schläft \U0001f600"] * 20)
MODEL = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=300)).models[0]


def field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer, whose content is at most 127 bytes long."""
    return bytes([number << 3 | 2, len(content)]) + content


def token(text: bytes, score: float) -> bytes:
    return field(1, field(1, text) + b"\x15" + struct.pack("<f", score))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("joint", [True, False])
def test_every_trained_model_is_accepted(kind: str, byte_fallback: bool, joint: bool) -> None:
    settings = TokenizerSettings(kind=kind, byte_fallback=byte_fallback, joint=joint, vocab_size=290)
    for model in train_tokenizer(CORPUS, settings).models:
        require_harmless(model)


def test_another_good_token_is_accepted() -> None:
    require_harmless(token(b"x" * 100, -1.0) + MODEL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (token(b"x" * 119, -1.0) + MODEL, "expected a token at byte 0"),
        (token(b"x", float("nan")) + MODEL, "score is not a finite number"),
        (token(b"x", float("inf")) + MODEL, "score is not a finite number"),
        (token(b"\xff", -1.0) + MODEL, "invalid start byte"),
        (MODEL + field(3, field(2, b"x")), "the normalizer has a character map"),
        (MODEL + field(5, b"x"), "unknown field 5"),
        (MODEL + b"\x13", "field 2 has wire type 3"),
        (MODEL + b"\x1a" + b"\xff" * 10, "integer does not end"),
    ],
)
def test_a_dangerous_file_is_rejected(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_harmless(content)


@pytest.mark.parametrize("size", [0, 1, 5, 50, 200])
def test_a_truncated_file_is_rejected(size: int) -> None:
    with pytest.raises((ValueError, IndexError)):
        require_harmless(MODEL[:size])
