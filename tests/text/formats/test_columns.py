"""Columns and headers are chosen if that is certain; otherwise the error shows what there is."""

import pytest

from translator.errors import DataError
from translator.text.formats.table import Layout, Row, open_table

SENTENCES = [(f"the dog{' sleeps' * (n % 9)} {n}", f"der Hund{' schläft' * (n % 9)} {n}") for n in range(60)]


PLAIN = Layout(("en", "de"))


def table(rows: list[list[str]], layout: Layout = PLAIN) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    numbered: list[Row] = list(enumerate(rows, 1))
    stream = open_table(iter(numbered), "a.tsv", layout)
    return [pair for block in stream.blocks for pair in zip(*block, strict=True)], stream.notices


@pytest.mark.parametrize(
    "extra",
    [
        lambda n: [str(n), "eng", "deu"],
        lambda n: [f"http://example.org/{n}", f"CC-BY somebody {n}", "x"],
        lambda n: ["", "", f"note {n % 2}"],
    ],
)
def test_the_two_columns_with_sentences_are_found_among_others(extra) -> None:  # type: ignore[no-untyped-def]
    rows = [[extra(n)[0], one, extra(n)[1], two, extra(n)[2]] for n, (one, two) in enumerate(SENTENCES)]
    pairs, notices = table(rows)
    assert pairs == SENTENCES
    assert notices == ("a.tsv: source = column 2, target = column 4",)


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        (["English", "German"], True),
        (["source", "target"], True),
        (["en", "de"], True),
        (["English text", "Übersetzung"], True),
        (["English is hard.", "Deutsch ist schwer."], False),
        (["a dog", "ein Hund"], False),
        (["Yes", "Ja"], False),
        (["the dog 0", "der Hund 0"], False),
    ],
)
def test_a_header_is_told_from_a_pair(first: list[str], is_header: bool) -> None:
    rows = [first, *map(list, SENTENCES)]
    assert len(table(rows)[0]) == len(SENTENCES) + (not is_header)
    if first != ["Yes", "Ja"]:  # as names, they would say that the second column is Japanese
        assert len(table(rows, Layout(("en", "de"), header=True))[0]) == len(SENTENCES)
    assert len(table(rows, Layout(("en", "de"), header=False))[0]) == len(SENTENCES) + 1


@pytest.mark.parametrize("languages", [("en", "ru"), ("ru", "en")])
def test_scripts_tell_columns_without_names(languages: tuple[str, str]) -> None:
    sides = {"en": "a dog sleeps", "ru": "собака спит"}
    rows = [[f"{sides['ru']} {n}", f"{sides['en']} {n}"] for n in range(5)]
    pairs, _ = table(rows, Layout(languages))
    assert pairs[0] == (f"{sides[languages[0]]} 0", f"{sides[languages[1]]} 0")


def test_columns_that_cannot_be_told_apart_are_shown_with_examples() -> None:
    rows = [[one, two, one.upper()] for one, two in SENTENCES]
    with pytest.raises(
        DataError, match=r"a\.tsv:1: cannot tell which columns are 'en' and 'de': 1 \('the dog 0'\), 2 \('der"
    ):
        table(rows)
    named = [["French", "English", "Dutch"], *rows]
    with pytest.raises(DataError, match=r"3 'Dutch' .*choose two, such as --columns 1,2 or --columns French,English"):
        table(named)
    assert table(named, Layout(("en", "nl")))[0] == [(two, one.upper()) for one, two in SENTENCES]
    assert table(named, Layout(("en", "de"), ("French", 2)))[0] == SENTENCES
    with pytest.raises(DataError, match="has no column 'Welsh', only 1 'French'"):
        table(named, Layout(("en", "de"), ("Welsh", 2)))
