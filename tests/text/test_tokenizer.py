"""Pieces lose nothing, and text can never spell a mark."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.errors import ModelError, UsageError
from translator.text.corpus import Corpus
from translator.text.tokenizer import BOS, EOS, PAD, Tokenizer, TokenizerSettings, train_tokenizer
from translator.text.words import count_words, known_words, load_counts, load_words, save_counts, save_words, words

CORPUS = Corpus(
    ["the old man reads", "a dog sleeps here", "the dog reads"] * 20,
    ["der alte Mann liest", "ein Hund schläft", "x"] * 20,
)


def trained(**changes: object) -> Tokenizer:
    return train_tokenizer(CORPUS, TokenizerSettings(**{"vocab_size": 300, **changes}))


TOKENIZER = trained()


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("joint", [True, False])
def test_sentences_come_back(kind: str, joint: bool) -> None:
    tokenizer = trained(kind=kind, joint=joint)
    assert tokenizer.decode_target(tokenizer.encode_target(CORPUS.target)) == CORPUS.target
    assert tokenizer.is_joint == joint


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1))
def test_bytes_stand_in_for_unseen_characters(text: str) -> None:
    import unicodedata

    normal = unicodedata.normalize("NFC", text)
    if "\u2581" not in normal:  # SentencePiece's own sign for a space
        assert TOKENIZER.decode_target(TOKENIZER.encode_target([normal])) == [normal]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_words_by_themselves_give_the_pieces_that_the_sentence_gives(kind: str) -> None:
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
def test_text_is_encoded_where_there_is_no_memory_for_a_thread(megabytes: int, tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    command = [sys.executable, "-c", WITHOUT_MEMORY, str(tmp_path / "source.model"), str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_mark_in_the_text_is_text() -> None:
    for ids in TOKENIZER.encode_source(["<s> </s> <pad> <unk>", "</s>"]):
        assert ids[-1] == EOS
        assert not {PAD, BOS, EOS} & set(ids[:-1])


def test_a_vocabulary_too_large_is_lowered_and_said() -> None:
    told: list[str] = []
    made = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=8000), told.append)
    assert made.source_size < 8000
    assert told == [f"tokenizer.vocab_size lowered from 8000 to {made.source_size}: the corpus has no more"]


def test_a_vocabulary_too_small_for_the_characters_is_an_error_with_the_least_size() -> None:
    with pytest.raises(UsageError, match=r"tokenizer\.vocab_size: found 50, expected at least 2\d\d"):
        trained(vocab_size=50)


def test_a_very_long_line_is_learned_from() -> None:
    corpus = Corpus(["ж" * 5 + " the dog " * 1000], ["x"])
    tokenizer = train_tokenizer(corpus, TokenizerSettings(vocab_size=280))
    assert "ж" in "".join(tokenizer.source_tokens(range(tokenizer.source_size)))


def test_the_same_corpus_gives_the_same_tokenizer_after_saving_too(tmp_path: Path) -> None:
    trained().save(tmp_path)
    assert Tokenizer.load(tmp_path, TOKENIZER.fingerprint).fingerprint == trained().fingerprint == TOKENIZER.fingerprint


def test_a_tokenizer_that_is_not_the_expected_one_is_never_parsed(tmp_path: Path) -> None:
    trained().save(tmp_path)
    (tmp_path / "source.model").write_bytes(b"this would crash a parser")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        Tokenizer.load(tmp_path, TOKENIZER.fingerprint)


def test_a_folder_that_holds_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Tokenizer.load(tmp_path, TOKENIZER.fingerprint)


def test_words_are_folded_and_stripped_and_saved(tmp_path: Path) -> None:
    assert words("„Die Straße\", sagt O'Neill — 3.") == ["die", "strasse", "sagt", "o'neill", "3"]
    save_words(known_words(CORPUS.source), tmp_path / "words.txt")
    assert load_words(tmp_path / "words.txt") == known_words(CORPUS.source)


def test_counts_of_tokens_become_counts_of_words_and_come_back(tmp_path: Path) -> None:
    assert load_counts(tmp_path / "counts.tsv") is None
    counts = count_words({"Der": 3, "der,": 2, "„Hund“": 1, "—": 7})
    assert counts == {"der": 5, "hund": 1}
    save_counts(counts, tmp_path / "counts.tsv")
    assert load_counts(tmp_path / "counts.tsv") == counts
    save_counts({}, tmp_path / "counts.tsv")
    assert load_counts(tmp_path / "counts.tsv") == {}
    (tmp_path / "counts.tsv").write_text("der\n")
    with pytest.raises(ModelError, match="is damaged"):
        load_counts(tmp_path / "counts.tsv")
