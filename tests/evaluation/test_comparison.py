"""Comparisons that say no more than the figures."""

import pytest

from translator.errors import DataError
from translator.evaluation.comparison import (
    Difference,
    by_kind,
    by_length,
    check_same_references,
    holm,
    paired_tests,
    verdict,
)
from translator.evaluation.metrics import Score, bleu

REFERENCES = [f"der alte Mann Nummer {n} liest heute ein gutes Buch über Haus {n}" for n in range(60)]
WORSE = [line.replace("gutes Buch", "Heft") if n % 2 else line for n, line in enumerate(REFERENCES)]
SLIGHTLY = [line.replace("heute", "jetzt") if n == 7 else line for n, line in enumerate(REFERENCES)]


def test_every_sentence_is_in_one_bucket_of_length() -> None:
    sources = ["w " * (n % 40 + 1) for n in range(60)]
    groups = by_length(WORSE, REFERENCES, sources)
    assert [group.name for group in groups] == ["<10 words", "10-17 words", "18-24 words", "25+ words"]
    assert sum(group.num_sentences for group in groups) == 60
    first = [n for n, source in enumerate(sources) if len(source.split()) < 10]
    assert groups[0].bleu == bleu([WORSE[n] for n in first], [REFERENCES[n] for n in first])


def test_an_empty_bucket_has_no_score() -> None:
    assert by_length(WORSE, REFERENCES, ["one"] * 60)[3].bleu is None


def test_kinds_are_scored_apart() -> None:
    groups = by_kind(WORSE, REFERENCES, ["even", "odd"] * 30)
    assert [(group.name, group.bleu == 100.0) for group in groups] == [("even", True), ("odd", False)]


def test_a_system_against_itself_shows_no_difference() -> None:
    for test in paired_tests([WORSE, WORSE], REFERENCES):
        assert (test.delta, test.low, test.high, test.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_the_order_of_the_systems_changes_nothing() -> None:
    one, other = paired_tests([REFERENCES, WORSE], REFERENCES), paired_tests([WORSE, REFERENCES], REFERENCES)
    assert one == other[::-1]
    assert one[1].delta == pytest.approx(100 - bleu(WORSE, REFERENCES))
    assert one[1].low < one[1].delta < one[1].high
    assert one[1].p_value < 0.05


def test_one_sentence_of_sixty_proves_nothing() -> None:
    assert paired_tests([REFERENCES, SLIGHTLY], REFERENCES)[1].p_value > 0.05


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.9]) == [1.0, 1.0]


def bleus(*values: float) -> list[Score]:
    return [Score("BLEU", value, value - 1, value + 1, "") for value in values]


def test_the_verdict_says_what_the_figures_say() -> None:
    clear, none = Difference(3.0, 1.0, 5.0, 0.01), Difference(0.5, -1.0, 2.0, 0.4)
    first = Difference(0.0, 0.0, 0.0, 1.0)
    assert verdict(["a", "b"], bleus(30.0, 27.0), [first, clear]).startswith(
        "a scores 3.0 BLEU above b (95 % interval 1.0"
    )
    assert "cannot tell them apart" in verdict(["a", "b"], bleus(30.0, 29.5), [first, none])
    assert verdict(["a", "b"], bleus(30.0, 30.0), [first, first]) == "a and b score the same BLEU, 30.0."
    assert verdict(["a"], bleus(30.0), [first]) == "a scores 30.0 BLEU (95 % interval 29.0 to 31.0)."


def test_other_references_are_refused() -> None:
    with pytest.raises(DataError, match=r"b: different references \(fingerprint .*, a has "):
        check_same_references(["a", "b"], [REFERENCES, WORSE])
