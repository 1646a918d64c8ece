"""The files are what the script writes, and they keep what the data card promises."""

from pathlib import Path

import grammar
import pytest

DATA = Path(grammar.__file__).parent
BOUNDS = ((3, 9), (10, 17), (18, 24), (25, 40))


def lines(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")


@pytest.mark.slow
def test_the_script_writes_the_files_byte_for_byte() -> None:
    for name, text in grammar.files().items():
        assert (DATA / name).read_bytes() == text.encode(), name


def test_sizes_and_lengths_are_those_of_the_card() -> None:
    for split, counts in (
        ("train", (3600, 3360, 2640, 2400)),
        ("valid", (140, 130, 120, 110)),
        ("test", (160, 150, 140, 150)),
    ):
        lengths = [len(line.split()) for line in lines(f"{split}.en")]
        assert len(lines(f"{split}.de")) == len(lengths)
        assert tuple(sum(low <= length <= high for length in lengths) for low, high in BOUNDS) == counts
    assert lines("test.kind") == ["seen"] * 300 + ["unseen"] * 300


def test_no_english_sentence_comes_twice_and_none_is_in_two_splits() -> None:
    sentences = [line for split in ("train", "valid", "test") for line in lines(f"{split}.en")]
    assert len(set(sentences)) == len(sentences) == 13_100


def test_every_test_word_is_a_training_word() -> None:
    for language in ("en", "de"):
        known = {word.strip(",.?") for line in lines(f"train.{language}") for word in line.split()}
        assert {word.strip(",.?") for line in lines(f"test.{language}") for word in line.split()} <= known


def test_the_held_out_combinations_are_unseen() -> None:
    held_out = grammar.held_out_triples()
    assert 0.1 < len(held_out) / len(grammar.all_triples()) < 0.2
    direct = {
        f" {triple.verb.split('_')[0]}s the {triple.adjective} {triple.noun} "
        for triple in held_out
        if "_" not in triple.verb
    }
    text = " ".join(lines("train.en")).replace(".", " ").replace(",", " ")
    assert not [phrase for phrase in direct if phrase in text]


def test_alignments_name_words_that_are_there_and_leave_none_out() -> None:
    for english, german, alignment in zip(*(lines(f"test.{name}") for name in ("en", "de", "align")), strict=True):
        points = [tuple(map(int, point.split("-"))) for point in alignment.split()]
        assert {one for one, _ in points} == set(range(len(english.split())))
        assert {other for _, other in points} == set(range(len(german.split())))
