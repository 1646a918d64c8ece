"""Files of unequal length are an error that names the blank lines without a partner, if these are the cause."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.errors import DataError
from translator.text.formats.aligned_files import paired_lines
from translator.text.reader import LineLimit


def error_of(folder: Path, source: list[str], target: list[str]) -> str:
    for name, lines in (("a.en", source), ("a.de", target)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(DataError) as caught:
        list(paired_lines(folder / "a.en", folder / "a.de", LineLimit()))
    return str(caught.value)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=10).filter(any))
def test_the_blank_lines_that_only_one_file_has_are_named(
    tmp_path_factory: pytest.TempPathFactory, has_blank_after: list[bool]
) -> None:
    longer = [line for has_blank in has_blank_after for line in (["word", ""] if has_blank else ["word"])]
    blank = [number for number, line in enumerate(longer, 1) if not line]
    error = error_of(tmp_path_factory.mktemp("a"), longer, ["word"] * len(has_blank_after))
    assert error.endswith(
        "remove the trailing blank line"
        if blank == [len(longer)]
        else f"remove blank line{'s' * (len(blank) > 1)} {', '.join(map(str, blank))}, which a.de does not have"
    )


def test_blank_lines_with_a_blank_partner_are_not_named(tmp_path: Path) -> None:
    error = error_of(tmp_path, ["a", "", "b", "", "c", ""], ["a", "b", "", "c", ""])
    assert error.endswith(
        "found 6 lines, but " + str(tmp_path / "a.de") + " has 5; remove blank line 2, which a.de does not have"
    )


def test_a_missing_sentence_is_no_matter_of_blank_lines(tmp_path: Path) -> None:
    assert error_of(tmp_path, ["a", "", "b", "c"], ["a", "", "b"]).endswith(
        "line n of one file must translate line n of the other"
    )


def test_at_most_ten_blank_lines_are_listed(tmp_path: Path) -> None:
    error = error_of(tmp_path, ["", "a"] * 12, ["a"] * 12)
    assert "remove blank lines 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 2 more, which" in error
