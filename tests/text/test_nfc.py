"""Normal form C, however many combining marks a line has."""

import time
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from translator.text.nfc import nfc

MARKS = "\u0301\u0316"


@given(st.text(st.sampled_from("aé한\n각\u0344" + MARKS)))
def test_usual_text_is_in_normal_form(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)


def test_a_line_with_too_many_marks_is_not_changed_and_takes_no_quadratic_time() -> None:
    long = "e" + MARKS * 200_000
    began = time.process_time()
    assert nfc(f"e\u0301\n{long}\ne\u0301") == f"é\n{long}\né"
    assert nfc(long) == long
    assert time.process_time() - began < 5  # it would take minutes


def test_the_normal_form_is_its_own() -> None:
    for count in range(100, 300):
        text = "e" + "\u0344" * count + MARKS
        assert nfc(nfc(text)) == nfc(text)
