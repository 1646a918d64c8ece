"""Encoding loses nothing, and text can never produce a special token."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.errors import ModelError
from translator.text.corpus import Corpus
from translator.text.tokenizer import BOS, EOS, PAD, Tokenizer, TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer

CORPUS = Corpus(
    ["the old man reads", "a dog sleeps here", "the dog reads"] * 20,
    ["der alte Mann liest", "ein Hund schläft", "x"] * 20,
)


def trained(**changes: object) -> Tokenizer:
    return train_tokenizer(CORPUS, TokenizerSettings(**{"vocab_size": 300, **changes}))


TOKENIZER = trained()


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("joint", [True, False])
def test_decoding_restores_sentences(kind: str, joint: bool) -> None:
    tokenizer = trained(kind=kind, joint=joint)
    assert tokenizer.decode_target(tokenizer.encode_target(CORPUS.target)) == CORPUS.target
    assert tokenizer.is_joint == joint


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1))
def test_unseen_characters_are_encoded_as_bytes(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    if "\u2581" not in normal:  # SentencePiece's own sign for a space
        assert TOKENIZER.decode_target(TOKENIZER.encode_target([normal])) == [normal]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_words_have_the_same_tokens_alone_and_in_a_sentence(kind: str) -> None:
    tokenizer = trained(kind=kind)
    lines = [*CORPUS.source, "  the  old\tdog ", "x \u00df \u00a0 sleeps. the", "</s> the <unk>", "", " "]
    assert tokenizer.encode_source(lines) == tokenizer.source.encode(lines, add_eos=True)


WITHOUT_MEMORY = """
import resource, sys
from pathlib import Path
from translator.text.tokenizer import Tokenizer

model = Path(sys.argv[1]).read_bytes()
tokenizer = Tokenizer(model, model)
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[2]) * 2**20,) * 2)
print(tokenizer.decode_target(tokenizer.encode_target(["the dog reads"] * 9)) == ["the dog reads"] * 9)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc")
@pytest.mark.parametrize("megabytes", [4, 12, 20])
def test_text_is_encoded_even_without_memory_for_a_thread(megabytes: int, tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    command = [sys.executable, "-c", WITHOUT_MEMORY, str(tmp_path / "source.model"), str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_special_token_in_the_text_is_text() -> None:
    for ids in TOKENIZER.encode_source(["<s> </s> <pad> <unk>", "</s>"]):
        assert ids[-1] == EOS
        assert not {PAD, BOS, EOS} & set(ids[:-1])


def test_the_unknown_share_counts_characters_without_a_token() -> None:
    assert TOKENIZER.unknown_share(CORPUS) == 0
    assert TOKENIZER.unknown_share(Corpus(["\u65e5"], ["\u65e5"])) == pytest.approx(3 / 4)  # a space and three bytes


def test_a_saved_tokenizer_is_loaded(tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    loaded = Tokenizer.load(tmp_path, TOKENIZER.fingerprint)
    assert loaded.fingerprint == TOKENIZER.fingerprint
    assert loaded.encode_source(CORPUS.source) == TOKENIZER.encode_source(CORPUS.source)


def test_a_tokenizer_other_than_the_expected_one_is_never_parsed(tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    (tmp_path / "source.model").write_bytes(b"this would crash a parser")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        Tokenizer.load(tmp_path, TOKENIZER.fingerprint)


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Tokenizer.load(tmp_path, TOKENIZER.fingerprint)
