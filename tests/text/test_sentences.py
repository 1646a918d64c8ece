"""Sentences are found in several scripts, and nothing of a text is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.text.sentences import join_sentences, paragraphs, sentences_of

SAMPLES = {
    "en": ["Dr. Smith came to the U.S. in 1990.", "He paid $3.50, e.g. at 5 p.m. on Monday.", '"Really?" she asked.', "Yes!"],
    "de": ["Am 3. Mai 2020 kam Dr. Müller, z. B. um 5 Uhr, an.", "Er fragte: „Wer ist da?“", "Das kostet ca. 3,50 Euro."],
    "zh": ["今天天气很好。", "价格是3.5元……不是吗？", "他说：“走吧！”", "然后离开了。"],
    "hi": ["आज मौसम अच्छा है।", "हम पार्क जा रहे हैं।", "क्या आप आएंगे?", "ठीक है!"],
    "ja": ["今日は天気がいい。", "公園へ行きましょう！"],
    "ar": ["هل أنت بخير؟", "نعم.", "أنا بخير!"],
    "am": ["ሰላም።", "እንዴት ነህ፧", "ደህና ነኝ።"],
    "de-CH": ["Am 3. Mai kam er.", "Gut."],
    "xx": ["Hello there.", "How are you?", "Fine."],
}  # fmt: skip


@pytest.mark.parametrize("language", SAMPLES)
def test_the_sentences_of_a_line_are_found(language: str) -> None:
    line = join_sentences(SAMPLES[language], language)
    assert (" " in line) == (language not in ("zh", "ja"))
    assert sentences_of(line, language) == SAMPLES[language]


@given(
    st.text(st.sampled_from("aZ9.!? \u3000\u0085\u2028\u00a0。“”(1)😀\n")),
    st.sampled_from(["en", "de", "zh", "hi", "xx"]),
)
def test_no_character_but_spaces_is_lost(line: str, language: str) -> None:
    sentences = sentences_of(line, language)
    assert "".join("".join(sentences).split()) == "".join(line.split())
    assert all(sentences) or sentences == [""]


def test_wrapped_lines_are_joined_and_blank_lines_kept() -> None:
    lines = ["", "The old man", " reads a book.", "", " ", "A dog", "sleeps."]
    assert list(paragraphs(lines, "en")) == ["", "The old man reads a book.", "", "", "A dog sleeps."]
    assert list(paragraphs(["今天天气", "很好。"], "zh-Hans")) == ["今天天气很好。"]
