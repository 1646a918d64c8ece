"""Comparisons claim no more than the figures show."""

import random

import pytest
from sacrebleu.significance import PairedTest

from translator.errors import DataError
from translator.evaluation.comparison import (
    Difference,
    by_kind,
    by_length,
    check_same,
    corrected,
    holm,
    most_different,
    paired_bootstrap,
    paired_tests,
    sentence_scores,
    verdict,
)
from translator.evaluation.metrics import Score, bleu, make_bleu

REFERENCES = [f"der alte Mann Nummer {n} liest heute ein gutes Buch über Haus {n}" for n in range(60)]
WORSE = [line.replace("gutes Buch", "Heft") if n % 2 else line for n, line in enumerate(REFERENCES)]
SLIGHTLY = [line.replace("heute", "jetzt") if n == 7 else line for n, line in enumerate(REFERENCES)]


def test_every_sentence_is_in_one_length_group() -> None:
    sources = ["w " * (n % 40 + 1) for n in range(60)]
    groups = by_length(WORSE, [REFERENCES], sources)
    assert [group.name for group in groups] == ["<10 words", "10-17 words", "18-24 words", "25+ words"]
    assert sum(group.num_sentences for group in groups) == 60
    first = [n for n, source in enumerate(sources) if len(source.split()) < 10]
    assert groups[0].bleu == bleu([WORSE[n] for n in first], [[REFERENCES[n] for n in first]])


def test_an_empty_group_has_no_score() -> None:
    assert by_length(WORSE, [REFERENCES], ["one"] * 60)[3].bleu is None


def test_each_kind_has_its_own_score() -> None:
    groups = by_kind(WORSE, [REFERENCES], ["even", "odd"] * 30)
    assert [(group.name, group.bleu == 100.0) for group in groups] == [("even", True), ("odd", False)]


def test_a_system_against_itself_shows_no_difference() -> None:
    for test in paired_tests([WORSE, WORSE], [REFERENCES]):
        assert (test.delta, test.low, test.high, test.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_the_order_of_the_systems_changes_nothing() -> None:
    tests, reversed_tests = (
        paired_tests([REFERENCES, WORSE], [REFERENCES]),
        paired_tests([WORSE, REFERENCES], [REFERENCES]),
    )
    assert tests == reversed_tests[::-1]
    assert tests[1].delta == pytest.approx(100 - bleu(WORSE, [REFERENCES]))
    assert tests[1].low < tests[1].delta < tests[1].high
    assert tests[1].is_significant


def test_several_systems_give_the_same_tests_in_any_order() -> None:
    systems = {"best": REFERENCES, "worse": WORSE, "slightly": SLIGHTLY}
    by_name = [
        dict(zip(order, paired_tests([systems[name] for name in order], [REFERENCES]), strict=True))
        for order in (["best", "worse", "slightly"], ["slightly", "best", "worse"])
    ]
    assert by_name[0] == by_name[1]


def garbled(share: float, seed: int) -> list[str]:
    draw, vocabulary = random.Random(seed), " ".join(REFERENCES).split()
    return [
        " ".join(word if draw.random() > share else draw.choice(vocabulary) for word in line.split())
        for line in REFERENCES
    ]


@pytest.mark.parametrize("share", [0.24, 0.28])
def test_differences_and_p_values_are_those_of_sacrebleu(share: float) -> None:
    """sacreBLEU's approximate randomisation is two-sided like ours, its bootstrap one-sided; both are random, hence 0.03."""
    first, second = garbled(0.2, 1), garbled(share, 2)
    (ours,) = paired_bootstrap([first, second], [REFERENCES], [(0, 1)])
    for kind, sides in (("ar", 1), ("bs", 2)):
        scores = PairedTest([("a", first), ("b", second)], {"BLEU": make_bleu()}, [REFERENCES], kind, n_samples=1000)()[
            1
        ]
        theirs = scores["BLEU"]
        assert ours.delta == pytest.approx(theirs[0].score - theirs[1].score)  # type: ignore[union-attr]
        assert ours.p_value == pytest.approx(sides * theirs[1].p_value, abs=0.03)  # type: ignore[union-attr,operator]


def test_the_sentences_that_differ_most_come_first_for_both_systems() -> None:
    assert most_different([5.0, 9.0, 1.0, 4.0, 7.0], [5.0, 2.0, 3.0, 8.0, 6.0], most=2) == (
        [(2, 9.0, 2.0), (5, 7.0, 6.0)],
        [(4, 4.0, 8.0), (3, 1.0, 3.0)],
    )
    assert most_different([1.0, 2.0], [1.0, 2.0]) == ([], [])
    assert [gap.number for gap in most_different([1.0] * 12, [0.0] * 12).best_is_better] == list(range(1, 11))


def test_the_score_of_a_sentence_is_sacrebleu_s() -> None:
    lines = ["", "ein", "ein gutes", *WORSE[:5]]
    references = ["ein gutes Buch"] * 3 + REFERENCES[:5]
    metric = make_bleu(effective_order=True)
    expected = [
        metric.sentence_score(line, [reference]).score for line, reference in zip(lines, references, strict=True)
    ]
    assert sentence_scores(lines, [references]) == pytest.approx(expected)


def with_changes(count: int) -> list[str]:
    return [line.replace("heute", "jetzt") if n < count else line for n, line in enumerate(REFERENCES)]


@pytest.mark.parametrize("count", [1, 4, 9])
def test_fewer_than_ten_differing_sentences_are_too_few_to_tell(count: int) -> None:
    test = paired_tests([REFERENCES, with_changes(count)], [REFERENCES])[1]
    assert test.delta > 0
    assert (test.p_value, test.reason) == (None, f"too few sentences differ to tell: {count} of 60")
    assert (test.outcome, test.is_significant) == ("alike", False)
    assert str(test) == f"{test.delta:.1f} (too few sentences differ to tell: {count} of 60)"


def test_from_ten_differing_sentences_there_is_a_test() -> None:
    test = paired_tests([REFERENCES, with_changes(10)], [REFERENCES])[1]
    assert test.p_value is not None
    assert (test.p_value < 0.05, test.reason, test.outcome) == (True, None, "better")


def test_a_sentence_whose_words_are_the_same_does_not_differ() -> None:
    spaced = [f" {line} " for line in REFERENCES]
    test = paired_tests([REFERENCES, spaced], [REFERENCES])[1]
    assert (test.delta, test.p_value, test.reason) == (0.0, 1.0, None)


def test_a_difference_without_a_test_does_not_count_in_the_correction() -> None:
    clear, untested = (
        Difference(1.0, 0.5, 1.5, 0.03),
        Difference(0.1, 0.0, 0.2, None, "too few sentences differ to tell"),
    )
    assert corrected([clear, untested]) == [clear, untested]
    assert corrected([clear, clear, untested]) == [clear._replace(p_value=0.06)] * 2 + [untested]


def test_holm_equals_a_calculation_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.9]) == [1.0, 1.0]


def bleus(*values: float) -> list[Score]:
    return [Score("BLEU", value, value - 1, value + 1, "") for value in values]


def test_the_verdict_states_the_figures() -> None:
    clear, none = Difference(3.0, 1.0, 5.0, 0.01), Difference(0.5, -1.0, 2.0, 0.4)
    first = Difference(0.0, 0.0, 0.0, 1.0)
    assert verdict(["a", "b"], bleus(30.0, 27.0), [first, clear]).startswith(
        "a scores 3.0 BLEU above b (95 % interval 1.0"
    )
    untested = Difference(0.5, 0.1, 0.9, None, "too few sentences differ to tell: 4 of 600")
    assert verdict(["a", "b"], bleus(30.0, 29.5), [first, untested]) == (
        "a scores 0.5 BLEU above b, but too few sentences differ to tell: 4 of 600."
    )
    assert "cannot tell them apart" in verdict(["a", "b"], bleus(30.0, 29.5), [first, none])
    assert verdict(["a", "b"], bleus(30.0, 30.0), [first, first]) == "a and b score the same BLEU, 30.0."
    assert verdict(["a"], bleus(30.0), [first]) == "a scores 30.0 BLEU (95 % interval 29.0 to 31.0)."


def test_different_references_are_refused() -> None:
    with pytest.raises(DataError, match=r"b: different references \(fingerprint .*, a has "):
        check_same(["a", "b"], [REFERENCES, WORSE], "references")
