"""Words are case-folded, stripped of punctuation, counted, and read back from a run folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.errors import ModelError
from translator.text.words import (
    count_words,
    cut_words,
    is_right_to_left,
    is_unspaced,
    load_counts,
    load_words,
    save_counts,
    save_words,
    spaced,
    split_words,
    words,
)


def test_words_are_folded_and_stripped() -> None:
    assert words("„Die Straße\", sagt O'Neill — 3.") == ["die", "strasse", "sagt", "o'neill", "3"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("女孩看见两个苹果。", "女 孩 看 见 两 个 苹 果 。"),
        ("他用iPhone手机，2个", "他 用 iPhone 手 机 ，2 个"),
        ("アパートに住む", "ア パ ー ト に 住 む"),
        ("ผมอยู่ที่นี่ 25 ปี", "ผ ม อ ยู่ ที่ นี่ 25 ปี"),
        ("ສະບາຍດີ", "ສ ະ ບ າ ຍ ດີ"),
        ("សួស្តី", "សួ ស្ តី"),
        ("မင်္ဂလာပါ", "မ င်္ ဂ လာ ပါ"),
        ("བཀྲ་ཤིས་བདེ་ལེགས།", "བཀྲ་ ཤིས་ བདེ་ ལེགས།"),
        ("나는 사과를 먹는다.", "나는 사과를 먹는다."),
        ("ሰላም፡ለዓለም ነው።", "ሰላም፡ ለዓለም ነው።"),
        ("أنا أحب التفاح", "أنا أحب التفاح"),
        ("मैं सेब खाता हूँ।", "मैं सेब खाता हूँ।"),
        ("der\u00a0alte\u2003Mann\u200b, O'Neill", "der alte Mann, O'Neill"),
        ("葛\U000e0100城市 ❤\ufe0fja", "葛\U000e0100 城 市 ❤\ufe0fja"),
    ],
)
def test_the_script_decides_what_a_word_is(line: str, expected: str) -> None:
    assert split_words(line) == expected.split()


@given(st.text(), st.text())
def test_words_do_not_depend_on_the_lines_beside(first: str, second: str) -> None:
    assert split_words(f"{first}\n{second}") == split_words(first) + split_words(second)
    assert spaced(spaced(first)).split() == spaced(first).split()


def test_the_words_that_are_compared_have_no_punctuation() -> None:
    assert words("「女孩」，看见。") == ["女", "孩", "看", "见"]


def test_a_side_is_unspaced_if_most_of_its_words_are_letters() -> None:
    assert is_unspaced(["女孩看见两个苹果。", "他用iPhone手机"])
    assert not is_unspaced(["나는 사과를 먹는다.", "I said 你 to her", ""])


def test_saved_words_are_loaded(tmp_path: Path) -> None:
    known = {"the", "old", "man", "dog"}
    save_words(known, tmp_path / "words.txt")
    assert load_words(tmp_path / "words.txt") == frozenset(known)


def test_missing_words_are_not_known(tmp_path: Path) -> None:
    assert load_words(tmp_path / "words.txt") is None


def test_counts_of_strings_become_counts_of_words() -> None:
    assert count_words({"Der": 3, "der,": 2, "„Hund“": 1, "—": 7}) == {"der": 5, "hund": 1}


@pytest.mark.parametrize("counts", [{}, {"der": 5, "hund": 1}])
def test_saved_counts_are_loaded(counts: dict[str, int], tmp_path: Path) -> None:
    assert load_counts(tmp_path / "counts.tsv") is None
    save_counts(counts, tmp_path / "counts.tsv")
    assert load_counts(tmp_path / "counts.tsv") == counts


def test_damaged_counts_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "counts.tsv").write_text("der\n")
    with pytest.raises(ModelError, match="is damaged"):
        load_counts(tmp_path / "counts.tsv")


@given(st.text(max_size=40) | st.text("我爱 ab\u200bที่\u0f0b\xa0\u200c", max_size=40))
def test_cut_words_are_the_words_with_the_spaces_after_them(line: str) -> None:
    cut = cut_words(line)
    assert "".join(cut) == line
    assert [word for part in cut for word in split_words(part)] == split_words(line)
    assert len(cut) == max(len(split_words(line)), 1)


def test_cut_words_of_chinese_are_letters() -> None:
    assert cut_words("我爱 the sea。") == ["我", "爱 ", "the ", "sea。"]


@pytest.mark.parametrize(
    ("text", "expected"), [("שלום b", True), ("مرحبا", True), ("hello א", False), ("</s> 12", False), ("", False)]
)
def test_the_letters_say_whether_a_text_is_written_from_right_to_left(text: str, expected: bool) -> None:
    assert is_right_to_left(text.split()) is expected
