"""Leaked pairs and swapped sides of validation and test sentences are noticed."""

from tests.text.conftest import demo
from tests.text.test_filters import filtered
from translator.text.corpus import Corpus
from translator.text.held_out_check import check_held_out, looks_swapped
from translator.text.sources import CorpusSettings


def test_held_out_sentences_that_are_also_in_training_are_counted_by_pair_and_by_source() -> None:
    _, train = filtered([("a dog", "ein Hund"), ("a cat", "eine Katze")])
    other = Corpus(["a cat", "a dog", "a cow"], ["eine Katze", "der Hund", "eine Kuh"], ("v.en", "v.de"))
    check = check_held_out(other, CorpusSettings(), train, Corpus(["a dog"], ["ein Hund"]))
    assert (check.also_in_training, check.sources_in_training) == (1, 2)
    assert [(finding.place, finding.line) for finding in check.findings] == [("v.en", 1)]


def test_swapped_sides_are_noticed() -> None:
    train, other = Corpus(*demo("train")), Corpus(*demo("valid"))
    assert not looks_swapped(train, other)
    assert looks_swapped(train, Corpus(other.target, other.source))
