"""Tokenizers of other runs and programs are used as they are, in the layout of this program."""

import io
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from translator.errors import ModelError, UsageError
from translator.text.corpus import Corpus
from translator.text.protected import SLOTS
from translator.text.tokenizer import TokenizerSettings
from translator.text.tokenizer_import import read_tokenizer
from translator.text.tokenizer_training import train_tokenizer

LINES = ["the old man reads a book .", "der alte Mann liest ein Buch .", "zwölf \U0001f600 dogs ½ sleep"] * 9
CORPUS = Corpus(LINES, LINES)


def foreign(**options: Any) -> bytes:
    """Train a model as other programs do: with their special tokens and a character map."""
    model = io.BytesIO()
    defaults = {"vocab_size": 48, "user_defined_symbols": ["<sep>"], "hard_vocab_limit": False, "minloglevel": 2}
    SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_writer=model, **{**defaults, **options})
    return model.getvalue()


@pytest.mark.parametrize("slots", [[], SLOTS[:2]], ids=len)
@pytest.mark.parametrize(
    "options", [{}, {"pad_id": 0, "unk_id": 3, "bos_id": -1, "eos_id": 1, "unk_piece": "<U>"}], ids=str
)
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_foreign_model_splits_text_as_before(
    tmp_path: Path, kind: str, options: dict[str, Any], slots: list[str]
) -> None:
    model, messages = foreign(model_type=kind, **options), list[str]()
    (tmp_path / "my.model").write_bytes(model)
    tokenizer = read_tokenizer(TokenizerSettings(path=str(tmp_path / "my.model"), kind=kind), slots, messages.append)
    assert "its normalisation 'nmt_nfkc' is not used" in messages[0]
    assert tokenizer.target_tokens(range(4)) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert (tokenizer.num_slots, tokenizer.is_joint) == (len(slots), True)
    before = SentencePieceProcessor(model_proto=model)
    words = {word for line in LINES for word in line.split() if word != "½"}  # the character map turns this into 1/2
    assert all(tokenizer.source.encode(word, out_type=str) == before.encode(word, out_type=str) for word in words)
    assert tokenizer.decode_target(tokenizer.encode_target(LINES[:2])) == LINES[:2]


@pytest.mark.parametrize("joint", [True, False])
def test_the_tokenizer_of_a_run_is_not_changed(tmp_path: Path, joint: bool) -> None:
    settings = TokenizerSettings(vocab_size=320, joint=joint, keep=("{0}",))
    trained = train_tokenizer(Corpus(LINES[2:], [*LINES[2:-2], "x", "y"]), settings)
    trained.save(tmp_path / "tokenizer")
    settings = settings.model_copy(update={"path": str(tmp_path)})
    assert train_tokenizer(Corpus(["{0} x"], ["x"]), settings).fingerprint == trained.fingerprint
    if not joint:
        with pytest.raises(UsageError, match=r"tokenizer.joint: found true, but .* has two vocabularies; set"):
            read_tokenizer(settings.model_copy(update={"joint": True}), [], print)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a unigram or BPE model"),
        (b'{"model": {}}', "is not a SentencePiece model that can be used"),
        (foreign()[:299], "is cut off"),
        (foreign(model_type="char"), "expected a unigram or BPE model"),
        (foreign(treat_whitespace_as_suffix=True), "that marks where words begin"),
    ],
    ids=range(5),
)
def test_an_unusable_file_is_rejected(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "my.model").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_tokenizer(TokenizerSettings(path=str(tmp_path / "my.model")), [], print)


def test_a_missing_or_contradicting_tokenizer_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such tokenizer; give a SentencePiece model or the folder of a run"):
        read_tokenizer(TokenizerSettings(path=str(tmp_path)), [], print)
    (tmp_path / "my.model").write_bytes(foreign())
    with pytest.raises(
        UsageError, match=r"tokenizer.kind: found 'bpe', but .* is 'unigram'; set tokenizer.kind=unigram"
    ):
        read_tokenizer(TokenizerSettings(path=str(tmp_path / "my.model"), kind="bpe"), [], print)
