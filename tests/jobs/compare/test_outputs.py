"""Translations by any systems are scored and compared with the first."""

import pytest

from translator.errors import DataError
from translator.jobs.compare.evaluate import Lines
from translator.jobs.compare.outputs import output_notices, score_outputs

REFERENCE = Lines("test.de", [f"der alte Mann Nummer {number} liest ein gutes Buch" for number in range(30)])
GOOD = Lines("good", REFERENCE.lines)
BAD = Lines("bad", [line.replace("gutes Buch", "Heft") for line in REFERENCE.lines])


def test_every_system_is_compared_with_the_first() -> None:
    good, bad = score_outputs([GOOD, BAD], [REFERENCE])
    assert (good.system, bad.system) == ("good", "bad")
    assert good.test is None
    assert bad.test is not None
    assert (bad.test.outcome, bad.test.delta < 0) == ("worse", True)
    assert good.scored.scores[0].value == 100.0
    assert bad.as_record()["system"] == "bad"
    assert "notices" not in bad.as_record()


def test_empty_lines_are_counted_once_per_file() -> None:
    gaps = Lines("gaps", ["", " ", *REFERENCE.lines[2:]])
    outputs = score_outputs([gaps, GOOD], [REFERENCE])
    assert output_notices([gaps, GOOD], outputs)[0] == "gaps: 2 of 30 lines are empty"


def test_the_tokenizer_follows_the_name_of_the_reference() -> None:
    chinese = Lines("test.zh", ["\u8fd9\u662f\u4e00\u672c\u597d\u4e66"] * 12)
    (output,) = score_outputs([Lines("ours", chinese.lines)], [chinese])
    assert "tok:zh" in output.scored.scores[0].signature


def test_files_of_unequal_length_are_an_error() -> None:
    with pytest.raises(DataError, match="short"):
        score_outputs([Lines("short", GOOD.lines[:29])], [REFERENCE])
