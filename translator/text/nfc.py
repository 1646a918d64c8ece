"""Unicode's normal form C, in linear time."""

import unicodedata

_MAX_MARKS = 255


def nfc(text: str) -> str:
    """Return lines in normal form C. A line with more than 255 combining marks in a row, as in no language, is left unchanged.

    Normalisation sorts the marks in quadratic time: a line of a megabyte could take minutes.
    """
    if unicodedata.is_normalized("NFC", text):
        return text
    if not _has_many_marks(text):
        return unicodedata.normalize("NFC", text)
    return "\n".join(line if _has_many_marks(line) else unicodedata.normalize("NFC", line) for line in text.split("\n"))


def _has_many_marks(text: str) -> bool:
    # One byte per character, 1 for a combining mark: a substring search is fast.
    return b"\1" * (_MAX_MARKS + 1) in bytes(map(bool, map(unicodedata.combining, text)))
