"""Laws of words made from tokens, of weights between words, and of the alignment error rate."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.errors import DataError
from translator.evaluation.alignment import (
    Gold,
    Words,
    pharaoh,
    read_gold,
    score_links,
    strongest_links,
    word_weights,
)
from translator.text.corpus import Corpus
from translator.text.tokenizer import Tokenizer, TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer
from translator.text.words import divides

TEXT = st.text(st.characters(exclude_characters="\0▁", exclude_categories=["Cs"]), max_size=12)
GOLD = [Gold(frozenset({(0, 0), (1, 2)}), frozenset({(0, 0), (1, 2), (2, 1)}))]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    lines = ["the old man reads a book", "der alte Mann liest ein Buch", "<s> </s> 狗 é"]
    return train_tokenizer(Corpus(lines, lines), TokenizerSettings(vocab_size=320))


@given(line=TEXT)
def test_words_are_separated_by_spaces_or_at_tokens_of_scripts_without_spaces(tokenizer: Tokenizer, line: str) -> None:
    words = Words.of(tokenizer.source_tokens(tokenizer.encode_source([line])[0]))
    following = iter(words.words)
    for part in filter(None, unicodedata.normalize("NFC", line).split(" ")):
        joined = next(following)
        while joined != part:
            word = next(following)
            assert divides(joined, word)
            joined += word
    assert [*following] == ["</s>"]
    assert words.num_words == len(words.words) - 1
    assert len(words.word_of_token) == len(words.tokens)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ("▁a b ▁c </s>", ["ab", "c", "</s>"]),
        ("a ▁ ▁b ▁ c ▁ </s>", ["a", "b", "c", "</s>"]),
        ("▁ ▁ a", ["a"]),
        ("▁ <0xC3> <0xBC> ber ▁ <0xC3>", ["über", "\ufffd"]),
        ("▁</ s>", ["</s>"]),
        ("", []),
        ("</s>", ["</s>"]),
        ("▁女孩 看见 iPhone 手机 。 </s>", ["女孩", "看见", "iPhone", "手机", "。", "</s>"]),
        ("▁ <0xE7> <0x8B> <0x97> <0xE5> <0xA5> <0xB3> x y </s>", ["狗", "女", "xy", "</s>"]),
        ("▁ผม อยู่ ที่ ▁25", ["ผม", "อยู่", "ที่", "25"]),
    ],
)
def test_lone_markers_and_bytes_are_not_words_of_their_own(tokens: str, words: list[str]) -> None:
    assert Words.of(tokens.split()).words == words


def test_tokens_can_take_the_place_of_words() -> None:
    words = Words.of(["▁a", "b", "</s>"], "token")
    assert words == (["▁a", "b", "</s>"], ["▁a", "b", "</s>"], [0, 1, 2])
    assert words.num_words == 2


def test_text_that_looks_like_eos_is_a_word() -> None:
    assert Words.of(["▁</", "s>", "</s>"]).num_words == 1


def some_words(numbers: list[int]) -> Words:
    return Words([str(word) for word in range(max(numbers) + 1)], ["x"] * len(numbers), numbers)


def test_word_weights_sum_over_source_tokens_and_average_over_target_tokens() -> None:
    weight_TS = np.random.default_rng(1).dirichlet(np.ones(4), 3)
    joined = word_weights(weight_TS, some_words([0, 0, 1]), some_words([0, 1, 1, 2]))
    assert joined[0, 1] == pytest.approx((weight_TS[0, 1] + weight_TS[0, 2] + weight_TS[1, 1] + weight_TS[1, 2]) / 2)
    assert joined[1].tolist() == pytest.approx([weight_TS[2, 0], weight_TS[2, 1] + weight_TS[2, 2], weight_TS[2, 3]])
    assert joined.sum(1).tolist() == pytest.approx([1.0, 1.0])


def test_each_target_word_is_linked_to_its_largest_weight_but_never_to_eos() -> None:
    source, target = Words.of(["▁a", "▁b", "</s>"]), Words.of(["▁x", "▁y", "▁z", "</s>"])
    weight = np.array([[0.1, 0.2, 0.7], [0.6, 0.4, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 1.0]])
    links = strongest_links(weight, target, source)
    assert links == {(1, 0), (0, 1), (1, 2)}
    assert pharaoh(links) == "0-1 1-0 1-2"
    assert strongest_links(weight[:, 2:], target, Words.of(["</s>"])) == frozenset()


def test_the_error_rate_is_that_of_och_and_ney() -> None:
    links = [frozenset({(0, 0), (2, 1), (3, 3)})]  # one sure, one possible, one wrong; one sure link is missing
    assert score_links(links, GOLD) == pytest.approx((1 - (1 + 2) / (3 + 2), 2 / 3, 1 / 2))


def test_the_sure_links_alone_are_perfect_and_possible_ones_cost_nothing() -> None:
    assert score_links([GOLD[0].sure], GOLD) == (0.0, 1.0, 1.0)
    assert score_links([GOLD[0].possible], GOLD) == (0.0, 1.0, 1.0)
    assert score_links([frozenset()], GOLD) == (1.0, 0.0, 0.0)


def test_gold_links_are_read_in_every_common_form(tmp_path: Path) -> None:
    path = tmp_path / "gold"
    path.write_text("0-0 1-2 2:1\n\n0?0 1p1\n")
    first, second, third = read_gold(path, [(3, 3), (1, 1), (2, 2)])
    assert [first] == GOLD
    assert second == Gold(frozenset(), frozenset())
    assert third == Gold(frozenset(), frozenset({(0, 0), (1, 1)}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-0\n1_1\n", "gold:2: found '1_1', expected a link"),
        ("0-0\n0-5\n", "gold:2: '0-5' names target word 5 of 5; words are counted from 0"),
        ("0-0\n", "1 lines, but there are 2 pairs"),
        ("0-0\n" + "9" * 5000 + "-0\n", "expected a link"),
    ],
)
def test_impossible_gold_links_are_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gold").write_text(text)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        read_gold(tmp_path / "gold", [(3, 3), (2, 5)])
    assert len(str(caught.value)) < 200 + len(str(tmp_path))
