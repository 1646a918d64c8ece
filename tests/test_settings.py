"""What the settings tables share: numbers are numbers, and names come from their registry."""

from typing import Annotated

import pytest
from pydantic import ValidationError

from translator.errors import expected_name, most_similar
from translator.settings import Freedom, MayChange, MayDiffer, NameIn, NoEffect, Settings

FRUITS = {"apple": 1, "pear": 2, "plum": 3}


class Table(Settings):
    fruit: Annotated[str, NameIn(FRUITS)] = "apple"
    later: Annotated[str, NameIn(lambda: FRUITS)] = "apple"
    count: int = 1


@pytest.mark.parametrize("name", FRUITS)
def test_every_name_of_a_registry_is_accepted(name: str) -> None:
    assert Table(fruit=name, later=name).fruit == name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("aple", "'apple', 'pear' or 'plum'; did you mean 'apple'?"),
        ("kumquat", "'apple', 'pear' or 'plum'"),
        (3, "'apple', 'pear' or 'plum'"),
        (["apple"], "'apple', 'pear' or 'plum'"),
    ],
)
def test_another_name_is_refused_with_the_choices_and_the_nearest(value: object, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Table.model_validate({"fruit": value, "later": value})
    assert [error["msg"] for error in caught.value.errors()] == [expected, expected]


def test_the_schema_lists_the_names() -> None:
    assert Table.model_json_schema()["properties"]["fruit"]["enum"] == list(FRUITS)


def test_a_single_choice_is_named_alone() -> None:
    assert expected_name("kumquat", {"apple": 1}) == "'apple'"
    assert (most_similar("plom", FRUITS), most_similar("kumquat", FRUITS)) == ("plum", None)


@pytest.mark.parametrize(("value", "expected"), [(True, "a number"), (2**63, "less than 9223372036854775808")])
def test_neither_true_nor_an_integer_outside_toml_is_a_number(value: object, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Table.model_validate({"count": value})


def test_a_marked_setting_keeps_its_type_and_says_where_it_may_vary() -> None:
    class Marked(Settings):
        may_change: MayChange[int] = 1
        may_differ: MayDiffer[int] = 1
        no_effect: NoEffect[int] = 1
        plain: int = 1

    freedoms = {
        name: {mark for mark in Freedom if mark in field.metadata} for name, field in Marked.model_fields.items()
    }
    assert freedoms == {
        "may_change": {Freedom.ON_RESUME},
        "may_differ": {Freedom.IN_COMPARISON},
        "no_effect": set(Freedom),
        "plain": set(),
    }
    assert Marked(no_effect=2).no_effect == 2
