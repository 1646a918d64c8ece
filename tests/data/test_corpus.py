"""The files are what the script writes, and data/README.md describes them correctly."""

import re
from pathlib import Path

import grammar
import pytest
from lexicon import NOUNS, VERBS
from sampling import Triple, all_triples

DATA = Path(grammar.__file__).parent
BOUNDS = ((3, 9), (10, 17), (18, 24), (25, 40))


def lines(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")


@pytest.mark.slow
def test_seen_sentences_have_only_combinations_from_training_and_unseen_ones_have_others() -> None:
    corpus = grammar.Corpus()
    trained = {triple for pair in corpus.train for triple in corpus.triples[pair.english]}
    assert all(corpus.triples[pair.english] and corpus.triples[pair.english] <= trained for pair in corpus.seen)
    assert not any(corpus.triples[pair.english] <= trained for pair in corpus.unseen)


@pytest.mark.slow
def test_the_script_writes_the_files_byte_for_byte() -> None:
    for name, text in grammar.files().items():
        assert (DATA / name).read_bytes() == text.encode(), name


def test_sizes_and_lengths_are_those_in_the_readme() -> None:
    for split, counts in (
        ("train", (3600, 3360, 2640, 2400)),
        ("valid", (140, 130, 120, 110)),
        ("test", (160, 150, 140, 150)),
    ):
        lengths = [len(line.split()) for line in lines(f"{split}.en")]
        assert len(lines(f"{split}.de")) == len(lengths)
        assert tuple(sum(low <= length <= high for length in lengths) for low, high in BOUNDS) == counts
    assert lines("test.kind") == ["seen"] * 300 + ["unseen"] * 300


def test_every_english_sentence_occurs_once_in_all_splits_together() -> None:
    sentences = [line for split in ("train", "valid", "test") for line in lines(f"{split}.en")]
    assert len(set(sentences)) == len(sentences) == 13_100


def test_every_test_word_is_a_training_word() -> None:
    for language in ("en", "de"):
        known = {word.strip(",.?") for line in lines(f"train.{language}") for word in line.split()}
        assert {word.strip(",.?") for line in lines(f"test.{language}") for word in line.split()} <= known


def test_the_held_out_combinations_are_unseen() -> None:
    held_out = grammar.held_out_triples()
    assert 0.1 < len(held_out) / len(all_triples()) < 0.2
    text = "\n".join(lines("train.en") + lines("valid.en"))
    assert re.search(direct_object(Triple("read", "book", "old")), text)  # the pattern does find combinations
    found = [triple for triple in held_out if re.search(direct_object(triple), text)]
    assert [triple for triple in found if triple.verb != "cook"] == []  # in "gives the cook fresh fish" nobody cooks


def direct_object(triple: Triple) -> str:
    """Return a pattern for the verb in any form, a determiner, the adjective and the noun in either number."""
    verb, noun = VERBS[triple.verb], NOUNS[triple.noun]
    forms = "|".join((verb.english, verb.third, verb.english_participle))
    return rf"\b(?:{forms}) (?:\w+ )?{triple.adjective} (?:{noun.english}|{noun.plural or noun.english})\b"


def test_alignments_contain_every_word_and_no_others() -> None:
    splits = [
        [line for split in ("valid", "test") for line in lines(f"{split}.{name}")] for name in ("en", "de", "align")
    ]
    for english, german, alignment in zip(*splits, strict=True):
        points = [tuple(map(int, point.split("-"))) for point in alignment.split()]
        assert {source for source, _ in points} == set(range(len(english.split())))
        assert {target for _, target in points} == set(range(len(german.split())))
