"""Choose the columns of the source and the target: as given, by their names or scripts, or as the only ones with sentences."""

import shlex
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from translator.errors import DataError, abbreviated, listed
from translator.text.language_names import language_of, names_language
from translator.text.languages import script_of, usual_script

Key: TypeAlias = int | str
"""The number of a column, counted from 1, or its name."""
Languages: TypeAlias = tuple[str, str]

_ROLES = ({"source", "src", "original"}, {"target", "tgt", "trg", "translation"})
_USUAL_NAMES = {"id", "sentence", "text", "score", "url", "author", "license", "attribution", "comment", "number", "nr"}
_MIN_ROWS = 20  # for statistics
_MIN_CORRELATION, _MARGIN = 0.4, 0.2  # of the lengths of two columns
_EXAMPLE_CHARACTERS = 30


class Column(NamedTuple):
    """A column with its text in the first rows."""

    number: int  # counted from 1
    name: str | None
    texts: Sequence[str]

    def __str__(self) -> str:
        example = next(filter(str.strip, self.texts), "")
        return f"{self.label} ({abbreviated(example, _EXAMPLE_CHARACTERS)!r})"

    @property
    def label(self) -> str:
        """The number, and the name if there is one."""
        return str(self.number) if self.name is None else f"{self.number} {self.name!r}"

    @property
    def holds_sentences(self) -> bool:
        """Whether most fields have a letter and few are repeated."""
        filled = [text for text in self.texts if text.strip()]
        num_texts = sum(_has_letter(text) and not text.startswith(("http:", "https:")) for text in filled)
        is_repetitive = len(filled) >= _MIN_ROWS and len(set(filled)) < len(filled) / 10
        return 2 * num_texts > len(self.texts) and not is_repetitive


def choose_columns(
    columns: Sequence[Column], languages: Languages, given: tuple[Key, Key] | None, place: str
) -> tuple[Column, Column]:
    """Return the columns of the source and the target. Raises DataError with examples unless the choice is certain."""
    if given:
        source, target = (_find(columns, key, place) for key in given)
        return source, target
    likely = [column for column in columns if column.holds_sentences] if len(columns) > 2 else list(columns)
    for is_side in (lambda name, side: names_language(name, languages[side]), lambda name, side: name in _ROLES[side]):
        if pair := _named(likely, is_side):
            return pair
    if pair := _by_script(likely, languages):
        return pair
    if len(likely) == 2 and (pair := _named_in_part(likely, languages)):
        return pair
    is_unnamed = not any(column.name and language_of(column.name) for column in likely)
    if is_unnamed and (related := _most_related(likely)):
        return related
    raise _uncertain(columns, likely, languages, place)


def is_header(fields: Sequence[str], columns: Sequence[Sequence[str]], languages: Languages) -> bool:
    """Return whether the fields of the first row are the names of the columns, whose other fields are given.

    They are names if all differ and all are known, or some are known and the rows below are longer, or if one with letters
    stands over numbers. A short name alone is no evidence: "Ja" is a word as well as Japanese.
    """
    filled = [field.strip().casefold() for field in fields if field.strip()]
    if len(filled) < 2 or len(set(filled)) < len(filled):
        return False
    over_numbers = (
        len(column) > 4 and _has_letter(field) and not any(map(_has_letter, column)) and any(column)
        for field, column in zip(fields, columns, strict=True)
    )
    known = [
        bool(language_of(field)) or any(field in names for names in (*_ROLES, _USUAL_NAMES, *languages))
        for field in filled
    ]
    has_long_name = any(is_known and len(field) > 3 for is_known, field in zip(known, filled, strict=True))
    num_words = sum(len(field.split()) for field in fields)
    rows = list(zip(*columns, strict=True))
    below = sum(len(field.split()) for row in rows for field in row) / max(len(rows), 1)
    is_sentence = any(field.endswith((".", "!", "?", "。")) for field in filled)
    is_named = all(known) or (has_long_name and below > 2 * num_words)
    return any(over_numbers) or (is_named and not is_sentence)


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _named(columns: Sequence[Column], is_side: Callable[[str, int], bool]) -> tuple[Column, Column] | None:
    """Return the only column whose name fits the source and the only one that fits the target, or None."""
    sides = [[column for column in columns if column.name and is_side(column.name.casefold(), side)] for side in (0, 1)]
    source, target = sides
    return (source[0], target[0]) if len(source) == len(target) == 1 and source != target else None


def _by_script(columns: Sequence[Column], languages: Languages) -> tuple[Column, Column] | None:
    """Return the only columns in the scripts of the languages, or None, also if columns are named, since names say more."""
    if any(column.name and language_of(column.name) for column in columns):
        return None
    expected, found = map(usual_script, languages), [script_of(column.texts) for column in columns]
    sides = [[column for column, script in zip(columns, found, strict=True) if script == side] for side in expected]
    source, target = sides
    return (source[0], target[0]) if len(source) == len(target) == 1 and source != target else None


def _named_in_part(columns: Sequence[Column], languages: Languages) -> tuple[Column, Column] | None:
    """Return the order of two columns in which no name contradicts the languages: that of the file if both fit, or None."""
    for pair in ((columns[0], columns[1]), (columns[1], columns[0])):
        names = [column.name or "" for column in pair]
        fits = [bool(name) and names_language(name, language) for name, language in zip(names, languages, strict=True)]
        contradicts = [not fit and bool(language_of(name)) for name, fit in zip(names, fits, strict=True)]
        if not any(contradicts) and (any(fits) or not any(map(language_of, names))):
            return pair
    return None


def _most_related(columns: Sequence[Column]) -> tuple[Column, Column] | None:
    """Return the two columns whose lengths are correlated, as those of translations are, or None if it is not certain."""
    if len(columns) < 3 or len(columns[0].texts) < _MIN_ROWS:
        return None
    lengths = np.array([[np.log1p(len(text)) for text in column.texts] for column in columns])
    lengths += np.random.default_rng(0).normal(0, 1e-9, lengths.shape)  # a constant column has no correlation
    correlation = np.corrcoef(lengths)
    # Most correlated first.
    pairs = sorted(combinations(range(len(columns)), 2), key=lambda pair: -correlation[pair])
    best, second = (correlation[pair] for pair in pairs[:2])
    first, last = pairs[0]
    return (columns[first], columns[last]) if best > max(_MIN_CORRELATION, second + _MARGIN) else None


def _find(columns: Sequence[Column], key: Key, place: str) -> Column:
    """Return the column with this number or name. Raises DataError if there is none."""
    for column in columns:
        if key in (column.number, column.name) or (column.name and column.name.casefold() == str(key).casefold()):
            return column
    raise DataError(place, f"has no column {key!r}, only {listed(columns)}", "change corpus.columns (--columns)")


def _uncertain(columns: Sequence[Column], likely: Sequence[Column], languages: Languages, place: str) -> DataError:
    pair = (list(likely) + list(columns))[:2]
    examples = [",".join(str(column.number) for column in pair)]
    if all(column.name for column in pair):
        examples.append(",".join(str(column.name) for column in pair))
    problem = f"cannot tell which columns are {languages[0]!r} and {languages[1]!r}: {listed(columns)}"
    return DataError(
        place, problem, f"choose two, such as --columns {' or --columns '.join(map(shlex.quote, examples))}"
    )
