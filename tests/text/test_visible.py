"""Shown text contains no control characters and no line ends that anyone would obey."""

from hypothesis import given
from hypothesis import strategies as st

from translator.text.visible import CONTROL, LINE_ENDS, unbroken, visible


@given(st.text())
def test_visible_text_has_no_control_characters_and_is_otherwise_the_same(text: str) -> None:
    shown = visible(text)
    assert not CONTROL.search(shown)
    if not CONTROL.search(text):
        assert shown == text


def test_control_characters_are_written_as_escapes() -> None:
    assert visible("a\x1b[2J\u202e\tb\n") == "a\\x1b[2J\\u202e\tb\n"


@given(st.text())
def test_unbroken_text_has_no_line_feeds(text: str) -> None:
    assert "\n" not in unbroken(text)


@given(st.text())
def test_text_without_line_ends_is_one_line_for_python_too(text: str) -> None:
    assert len(text.translate(LINE_ENDS).splitlines()) <= 1
