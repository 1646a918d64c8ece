"""Scores are those of sacreBLEU, with signature and interval."""

import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from translator.errors import DataError
from translator.evaluation.comparison import by_length, paired_tests, sentence_scores
from translator.evaluation.metrics import ValidationMetrics, bleu, notices, score_all

REFERENCES = [
    "Der alte Mann liest ein Buch.",
    "Ein Hund schläft.",
    "Das Haus ist groß und schön.",
    "Sie singt laut.",
] * 5
HYPOTHESES = ["der alte Mann liest das Buch.", "Ein Hund schläft.", "Das Haus ist groß.", "Er singt sehr laut."] * 5


def test_values_are_those_of_the_library() -> None:
    scores = {score.metric: score.value for score in score_all(HYPOTHESES, [REFERENCES])}
    assert scores["BLEU"] == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert scores["BLEU lc"] == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], lowercase=True).score)
    assert scores["chrF2"] == pytest.approx(sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score)
    assert scores["TER"] == pytest.approx(sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES]).score)
    assert scores["TER cased"] == pytest.approx(TER(case_sensitive=True).corpus_score(HYPOTHESES, [REFERENCES]).score)
    assert scores["TER"] < scores["TER cased"]
    assert bleu(HYPOTHESES, [REFERENCES]) == pytest.approx(scores["BLEU"])


def test_the_metrics_of_validation_are_those_of_the_library_each_time() -> None:
    metrics = ValidationMetrics([[*REFERENCES[:-1], REFERENCES[-1] + "\n"]], tokenizer="char")
    for hypotheses in (HYPOTHESES, REFERENCES, HYPOTHESES):
        expected = sacrebleu.corpus_bleu(hypotheses, [REFERENCES], tokenize="char").score
        assert metrics.bleu(hypotheses) == pytest.approx(expected)
        assert metrics.chrf(hypotheses) == pytest.approx(sacrebleu.corpus_chrf(hypotheses, [REFERENCES]).score)


def test_each_score_has_a_signature_and_lies_in_its_interval() -> None:
    for score in score_all(HYPOTHESES, [REFERENCES]):
        assert "version:" in score.signature
        assert ("case:lc" in score.signature) == (score.metric in ("BLEU lc", "chrF2 lc", "TER"))
        assert score.low <= score.value <= score.high


@pytest.mark.parametrize(("name", "default"), [("BLEU", BLEU), ("chrF2", CHRF), ("TER", TER)])
def test_a_metric_without_an_addition_is_the_default_of_the_library(name: str, default: type) -> None:
    metric = default()
    metric.corpus_score(HYPOTHESES, [REFERENCES])
    signatures = {score.metric: score.signature for score in score_all(HYPOTHESES, [REFERENCES])}
    assert signatures[name].replace("bs:1000|seed:12345|", "") == str(metric.get_signature())


def test_ter_counts_characters_of_text_without_spaces() -> None:
    hypotheses, references = ["她喜欢小狗。", "他买了一本书。"], ["她喜欢那只小狗。", "他买了两本书。"]
    scores = {score.metric: score for score in score_all(hypotheses, [references], tokenizer="zh")}
    assert scores["TER"].value == pytest.approx(100 * 3 / 15)  # two characters added and one replaced
    assert "norm:yes|punct:yes|asian:yes" in scores["TER"].signature
    assert "norm:yes|punct:yes|asian:yes" in scores["TER cased"].signature


def test_the_same_text_scores_exactly_one_hundred() -> None:
    scores = {score.metric: score.value for score in score_all(REFERENCES, [REFERENCES])}
    assert (scores["BLEU"], scores["chrF2"], scores["TER"]) == (100.0, 100.0, 0.0)


def test_empty_translations_score_zero() -> None:
    assert bleu([""] * 20, [REFERENCES]) == 0.0


@pytest.mark.parametrize("hypotheses", [HYPOTHESES[:-1], [*HYPOTHESES, "zu viel"]])
def test_different_counts_are_an_error_that_names_both(hypotheses: list[str]) -> None:
    with pytest.raises(DataError, match=rf"{len(hypotheses)}.*20|20.*{len(hypotheses)}"):
        bleu(hypotheses, [REFERENCES])


def test_an_empty_test_set_is_an_error() -> None:
    with pytest.raises(DataError, match="no sentences"):
        bleu([], [[]])


def test_a_line_break_in_a_translation_does_not_change_its_score() -> None:
    assert bleu([HYPOTHESES[0] + "\r", *HYPOTHESES[1:]], [REFERENCES]) == bleu(HYPOTHESES, [REFERENCES])


def test_different_unicode_normalisation_is_reported() -> None:
    assert notices(["Cafe\u0301"], [["Café"]])
    assert not notices(["Café"], [["Café"]])


def test_text_in_the_form_of_another_program_is_reported() -> None:
    plain = ["ein Hund", "a < b & c", "50 % @ home", "R&D; AT&T"] * 50
    assert notices(plain, [plain]) == []
    (warning,) = notices(plain, [["ein Hu@@ nd", *plain[1:], "ein Hu@@ nd", "Ka@@"]])
    assert "3 of 202 references with BPE marks (@@) of another program, the first in line 1: ein Hu@@ nd;" in warning
    assert notices(["Hu@@ nd", *plain], [[*plain, "x"]]) == []  # under 1 %
    (warning,) = notices(["\u2581ein \u2581Hund"], [["ein Hund"]])
    assert "1 of 1 translations with SentencePiece marks" in warning


def test_tokenised_translations_are_reported_once_and_without_the_advice_of_the_library(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tokenized, plain = ["ein Hund ."] * 100, ["ein Hund."] * 900
    (warning,) = notices([*tokenized, *plain], [["ein Hund."] * 1000])
    assert warning.startswith("100 of 1,000 translations end in a full stop after a space, as tokenised text does; ")
    assert notices([*tokenized[1:], *plain], [["ein Hund."] * 999]) == []
    bleu(tokenized, [["ein Hund."] * 100])
    assert caplog.records == []


def test_translations_that_sometimes_match_nothing_still_have_an_interval() -> None:
    references = [f"der Satz Nummer {n} ist ganz und gar gut" for n in range(12)]
    hypotheses = [references[0], *("x" for _ in range(11))]
    score = score_all(hypotheses, [references])[0]
    assert score.low <= score.value <= score.high


def test_intervals_stay_in_the_range_of_the_metric() -> None:
    weak = score_all([*REFERENCES[:1], *["x"] * 19], [REFERENCES])
    good = score_all([*REFERENCES[:19], "Er singt."], [REFERENCES])
    for score in (*weak, *good):
        assert 0.0 <= score.low <= score.high
        assert score.high <= (float("inf") if score.metric.startswith("TER") else 100.0)
    assert weak[0].low == 0.0
    assert good[0].high == 100.0
    assert max(score.high for score in score_all(["x " * 30] * 20, [REFERENCES])) > 100.0


def test_all_references_are_used() -> None:
    other = [*HYPOTHESES[:10], *REFERENCES[10:]]
    scores = {score.metric: score for score in score_all(HYPOTHESES, [REFERENCES, other])}
    assert scores["BLEU"].value == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES, other]).score)
    assert scores["BLEU"].value > bleu(HYPOTHESES, [REFERENCES])
    assert all("nrefs:2" in score.signature for score in scores.values())
    assert paired_tests([HYPOTHESES, REFERENCES], [REFERENCES, HYPOTHESES])[0].delta == 0.0
    groups = by_length(HYPOTHESES, [REFERENCES, HYPOTHESES], REFERENCES)
    assert [group.bleu for group in groups if group.num_sentences] == [100.0]
    assert sentence_scores(HYPOTHESES, [REFERENCES, HYPOTHESES]) == [100.0] * 20
    with pytest.raises(DataError, match="19 lines, but 20"):
        score_all(HYPOTHESES, [REFERENCES, other[1:]])
