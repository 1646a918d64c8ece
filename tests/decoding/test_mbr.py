"""Minimum Bayes risk chooses the candidate with the highest expected utility, with the utilities of sacrebleu."""

import math

import pytest
from sacrebleu import BLEU, CHRF

from translator.decoding.mbr import UTILITIES, expected_utilities

TEXTS = ["the cat sat on the mat", "the cat sits on a mat", "a dog", "", "x", "Über uns, naïve Grüße!", "the  cat sat"]


@pytest.mark.parametrize("hypothesis", TEXTS)
@pytest.mark.parametrize("reference", [text for text in TEXTS if text])
def test_utilities_are_those_of_sacrebleu(hypothesis: str, reference: str) -> None:
    expected = {"chrf": CHRF(), "bleu": BLEU(effective_order=True)}
    for name, metric in expected.items():
        found = UTILITIES[name]()(hypothesis, reference)
        assert found == pytest.approx(metric.sentence_score(hypothesis, [reference]).score, abs=1e-6)


@pytest.mark.parametrize("utility", UTILITIES)
def test_the_expectation_is_taken_over_the_probabilities_of_the_candidates(utility: str) -> None:
    texts, probs, compare = TEXTS[:3], [0.5, 0.3, 0.2], UTILITIES[utility]()
    expected = [sum(prob * compare(text, other) for prob, other in zip(probs, texts, strict=True)) for text in texts]
    log_probs = [math.log(prob) - 400.0 for prob in probs]  # far too small to be exponentiated one by one
    assert expected_utilities(texts, log_probs, utility) == pytest.approx(expected)


def test_a_single_candidate_has_the_highest_utility() -> None:
    assert expected_utilities(["a b c"], [-3.0], "chrf") == [pytest.approx(100.0)]
