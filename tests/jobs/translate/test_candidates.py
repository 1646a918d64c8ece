"""Candidates are ranked by agreement, combined to lines, and recorded without their tokens."""

import math

import pytest

from translator.decoding.settings import DecodingSettings
from translator.jobs.translate.candidates import Candidate, by_consensus, combined, sentence_record, word_confidences


def test_mbr_returns_the_candidate_that_agrees_with_the_others() -> None:
    texts = ["ein Hund schläft", "ein Hund schlief", "ein Hund schlafe", "die Katze"]
    candidates = [Candidate(text, -1.0, -1.0 + 0.1 * rank, True, ()) for rank, text in enumerate(texts)]
    candidates.append(Candidate("ein Hund schläft ein", -1.0, -1.0, False, ()))
    settings = DecodingSettings(search="mbr", num_best=2)
    best = by_consensus(candidates, settings)
    assert len(best) == 2
    assert all(candidate.text.startswith("ein Hund sch") for candidate in best)
    assert best[0].score > best[1].score
    ranked = by_consensus(candidates, settings.model_copy(update={"num_best": 5}))
    assert [candidate.text for candidate in ranked[-2:]] == [
        "die Katze",
        "ein Hund schläft ein",
    ]  # unfinished ones last


def test_a_line_combines_the_best_translations_of_its_sentences() -> None:
    first = [Candidate("Ja.", -1.0, -1.0, True, (7,)), Candidate("Nein.", -3.0, -3.0, True, (8,))]
    second = [Candidate("Gut.", -1.0, -1.0, True, (9,)), Candidate("Na", -0.5, -0.5, False, (5,))]
    best = combined([first, second], 2, "de")
    assert [(candidate.text, candidate.score, candidate.ids) for candidate in best] == [
        ("Ja. Gut.", -2.0, (7, 9)),
        ("Nein. Gut.", -4.0, (8, 9)),
    ]  # finished ones first
    assert combined([first, second], 1, "ja")[0].text == "Ja.Gut."


def test_the_confidence_in_a_word_is_the_product_over_its_tokens() -> None:
    words = word_confidences(["▁ein", "▁Hun", "d", "</s>"], [math.log(p) for p in (0.5, 0.8, 0.5, 0.9)])
    assert [word.word for word in words] == ["ein", "Hund"]
    assert [word.confidence for word in words] == pytest.approx([0.5, 0.4])


def test_a_record_has_no_tokens() -> None:
    record = sentence_record("yes", [Candidate("ja", -1.0, -1.0, True, (7,))])
    expected = {"text": "ja", "score": -1.0, "log_prob": -1.0, "is_finished": True}
    assert record == {"source": "yes", "translations": [{**expected, "is_source_truncated": False, "words": ()}]}
