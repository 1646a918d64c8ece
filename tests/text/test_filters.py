"""What the filter keeps, skips, counts and finds, however the corpus is cut into blocks."""

import random

import pytest

from tests.text.conftest import demo
from translator.errors import DataError
from translator.text.corpus import Block, Corpus
from translator.text.filters import RULES, FilterResult, PairFilter, require_pairs
from translator.text.reader import OVERLONG
from translator.text.sources import CorpusSettings


def filtered(
    rows: list[tuple[str, str]], settings: CorpusSettings | None = None, size: int = 3
) -> tuple[list[str], FilterResult]:
    """Return (sources kept, result)."""
    pair_filter = PairFilter(settings or CorpusSettings(), ("a.en", "a.de"))
    parts = (rows[first : first + size] for first in range(0, len(rows), size))
    blocks = (Block.of(*zip(*part, strict=True)) for part in parts)
    return [line for block in pair_filter.filter_all(blocks) for line in block.source], pair_filter.result()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_each_rule_is_counted_with_its_first_line_and_the_rest_stays_aligned(size: int) -> None:
    rows = [
        ("a", "A"), ("", "B"), ("\u00a0\u200b", "C"), ("w " * 201, "D"), ("a", "v " * 40), ("a", "A"), ("s", "s"),
        ("x", "y" * 5001),
    ]  # fmt: skip
    kept, result = filtered(rows, size=size)
    assert result.counts._asdict() == {
        "read": 8, "blank": 2, "too_long": 2, "ratio": 1, "kept": 3, "duplicates": 1, "identical": 1, "held_out": 0,
    }  # fmt: skip
    assert kept == ["a", "a", "s"]
    assert result.is_kept.tolist() == [True, False, False, False, False, True, True, False]
    places = {finding.what: (finding.place, finding.line, finding.num_lines) for finding in result.findings}
    assert {rule: places[rule] for rule in RULES} == {
        "blank": ("a.en", 2, 2), "too_long": ("a.en", 4, 2), "ratio": ("a.de", 5, 1),
    }  # fmt: skip
    source, target = (list(side) for side in zip(*rows, strict=True))
    assert result.fingerprint == Corpus(source, target).fingerprint


def test_an_error_says_why_no_pairs_are_left() -> None:
    _, result = filtered([("w w", "v v")] * 4, CorpusSettings(max_words=1))
    with pytest.raises(DataError, match=r"0 of 4 training pairs left after filtering \(0 blank, 4 too long"):
        require_pairs(result.counts)


def test_lines_that_were_too_long_to_be_read_are_skipped_and_counted_as_too_long() -> None:
    kept, result = filtered(
        [("a dog", "ein Hund"), (OVERLONG, "word " * 30), ("a cow", OVERLONG), ("a cat", "die Katze")]
    )
    assert kept == ["a dog", "a cat"]
    assert (result.counts.read, result.counts.too_long, result.counts.kept) == (4, 2, 2)
    assert [finding[:4] for finding in result.findings] == [("too_long", 2, "a.en", 2)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Der M\u00c3\u00bcller", "Latin-1"),
        ("it\u00e2\u20ac\u2122s", "Latin-1"),
        ("a\ufffd", "U+FFFD"),
        ("a\x1b[2J", "control"),
    ],
)
def test_damaged_text_is_found_and_kept(line: str, what: str) -> None:
    kept, result = filtered([("fine", "gut"), (line, "gut"), ("fine", line)])
    (finding,) = result.findings
    assert what in finding.what
    assert (finding.place, finding.line, finding.num_lines) == ("a.en", 2, 2)
    assert len(kept) == 3


def test_letters_that_only_resemble_damage_are_not_found() -> None:
    rows = [("\u00c3O \u00c2ngulo", "S\u00c3O"), ("20 \u20ac", "\u00e2ge"), ("tab\there", "x")]
    assert filtered(rows)[1].findings == []


def test_a_shuffled_file_is_a_warning() -> None:
    source, target = demo("train")
    shuffled = random.Random(0).sample(target, len(target))
    _, result = filtered([*zip(source, shuffled, strict=True)])
    assert any("as if one file were shuffled" in str(finding) and finding.is_warning for finding in result.findings)


def test_a_lost_line_is_an_error_or_a_warning() -> None:
    source, target = (lines[:500] for lines in demo("train"))
    rows = [*zip([*source[:100], *source[101:]], target, strict=False)]
    with pytest.raises(
        DataError, match=r"a\.en:\d+: about \d+ lines from here on seem to be translated one line later"
    ):
        filtered(rows)
    kept, result = filtered(rows, CorpusSettings(misaligned="warn"))
    assert len(kept) == len(rows)
    assert any("that seem to be translated one line later" in str(finding) for finding in result.findings)


def unspaced(count: int) -> list[tuple[str, str]]:
    """Return English sentences of one to 30 words, and as many times four Thai letters."""
    rng = random.Random(1)
    lengths = [rng.randint(1, 30) for _ in range(count)]
    return [(f"see {'red ' * length}", "".join(rng.choices("กขคงจฉชซญฎฏฐ", k=4 * length + 3))) for length in lengths]


@pytest.mark.parametrize("size", [7, 1000])
def test_lengths_of_a_script_without_spaces_are_relative_to_the_corpus(size: int) -> None:
    rows = [*unspaced(300), ("one", "ก" * 130), ("see " * 40, "ก")]
    kept, result = filtered(rows, size=size)
    assert (result.counts.ratio, result.counts.too_long, len(kept)) == (2, 0, 300)
    kept, result = filtered([(target, source) for source, target in rows], size=size)
    assert (result.counts.ratio, result.counts.too_long, len(kept)) == (2, 0, 300)
    assert filtered(rows, CorpusSettings(max_words=20), size=size)[1].counts.too_long > 50


@pytest.mark.parametrize(("num_blank", "is_warning"), [(4, False), (5, True)])
def test_a_rule_that_skips_many_pairs_is_a_warning(num_blank: int, is_warning: bool) -> None:
    rows = [*[("a dog", "ein Hund")] * (100 - num_blank), *[("", "eine Katze")] * num_blank]
    (finding,) = (finding for finding in filtered(rows)[1].findings if finding.what == "blank")
    assert finding.is_warning == is_warning
    assert f"{num_blank} lines skipped because a side is blank ({num_blank} %), the first at a.en:" in str(finding)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("der Hu@@ nd", "BPE marks"),
        ("\u2581der \u2581Hund", "SentencePiece marks"),
        ("O &apos;Neill", "Moses"),
        ("rot @-@ grün", "Moses"),
        ("&quot;ja&quot;", "HTML entities"),
        ("a&#160;b", "HTML entities"),
        ("ein <b>Hund</b>", "HTML tags"),
        ('<a href="x">y</a>', "HTML tags"),
    ],
)
def test_text_in_the_form_of_another_program_is_a_warning_or_refused(line: str, what: str) -> None:
    rows = [*[("a dog", "ein Hund < 3 & 4 @ home")] * 100, ("a cow", line), ("a cat", line)]
    (finding,) = (finding for finding in filtered(rows)[1].findings if finding.is_warning)
    assert what in finding.what
    assert (finding.num_lines, finding.place, finding.line, finding.example) == (2, "a.de", 101, line)
    assert not any(finding.is_warning for finding in filtered([*rows[:100] * 2, rows[100]])[1].findings)
    assert filtered(rows, CorpusSettings(preprocessed="allow"))[1].findings == []
    with pytest.raises(DataError, match=r"a\.de:101: 2 lines with .*restore the plain text"):
        filtered(rows, CorpusSettings(preprocessed="refuse"))


def test_a_side_in_another_script_than_its_language_is_a_warning() -> None:
    (finding,) = filtered([("a dog", "Пас спава")] * 4)[1].findings
    assert finding.is_warning
    assert str(finding).startswith("4 lines whose letters are mostly Cyrillic, but the language de is written in Latin")


def test_almost_all_sources_have_at_most_the_words_of_a_long_source() -> None:
    lines = [*["a b c"] * 1999, "a b c d e f g", " ".join("x" * 300)]  # the last one is skipped
    assert filtered([(line, line) for line in lines], size=100)[1].long_source == 3
    assert filtered([(line, line) for line in lines[-2:]])[1].long_source == 7
