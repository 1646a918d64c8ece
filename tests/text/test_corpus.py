"""The fingerprint of a corpus depends on its lines and on nothing else; `Lines` are a sequence of strings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from translator.text.corpus import Corpus, Fingerprint, Lines, join_lines

LINES = st.lists(st.text("ab \u00e4", max_size=4), min_size=1, max_size=9)


@given(LINES, st.integers(1, 10))
def test_the_fingerprint_does_not_depend_on_how_a_corpus_is_cut_into_blocks(lines: list[str], size: int) -> None:
    corpus, fingerprint = Corpus(lines, lines[::-1]), Fingerprint()
    for first in range(0, len(lines), size):
        fingerprint.update(Lines.of(side[first : first + size]) for side in corpus[:2])
    assert fingerprint.hexdigest() == corpus.fingerprint


def test_different_corpora_have_different_fingerprints() -> None:
    sides = [["a", "b"], ["ab", ""], ["a b"], ["b", "a"], ["a", "b", ""]]
    fingerprints = {Corpus(source, target).fingerprint for source in sides for target in sides}
    assert len(fingerprints) == len(sides) ** 2


def test_joined_lines_end_in_a_line_feed() -> None:
    assert join_lines(["a", "", "b"]) == "a\n\nb\n"


@given(st.lists(st.tuples(st.text("ab \u00e4\u2028\r", max_size=4), st.booleans())), st.data())
def test_lines_are_selected_and_divided_as_a_list_is(rows: list[tuple[str, bool]], data: st.DataObject) -> None:
    strings, is_selected = [line for line, _ in rows], np.array([selected for _, selected in rows], np.bool_)
    lines, place = Lines.of(strings), data.draw(st.integers(0, len(rows)))
    assert (list(lines), len(lines), lines[:place]) == (strings, len(strings), strings[:place])
    assert list(map(list, lines.divided(place))) == [strings[:place], strings[place:]]
    assert list(lines.select(is_selected)) == [line for line, selected in rows if selected]
