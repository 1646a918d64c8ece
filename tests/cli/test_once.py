"""No option silently replaces itself: given twice, it is an error, in every command."""

from typing import Any

import pytest
import typer

from tests.cli.conftest import Program
from translator.cli.app import app

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    for parameter in command.params
    if parameter.param_type_name == "option"
]


def id_of(value: Any) -> str:
    return value if isinstance(value, str) else value.opts[0].removeprefix("--")


@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=id_of)
def test_an_option_given_twice_is_rejected(command: str, option: Any, program: Program) -> None:
    values = [] if option.is_flag else ["decoding.beam_size=3"]
    name = option.opts[0]
    place = f"{name} {values[0].removesuffix('=3' if name == '--set' else '')}" if option.multiple else name
    once = [name, *values]
    for words in ([*once, *once], [*once, "x", *once], [*once, *once, *once]):
        result = program(command, *words)
        assert (result.code, result.output) == (2, "")
        assert result.errors == f"error: {place}: given twice, expected once; keep one of the values\n"


def test_both_names_of_a_switch_are_one_option(program: Program) -> None:
    assert "--json: given twice" in program("evaluate", "--json", "--no-json").errors


@pytest.mark.parametrize(
    "other", ["decoding.beam_size=4", " decoding.beam_size =4", "decoding={}", "decoding.beam_size={}"]
)
def test_the_same_key_is_not_set_twice(other: str, program: Program) -> None:
    result = program("evaluate", "--set", "decoding.beam_size=3", "--set", other)
    assert result.code == 2
    assert "--set decoding" in result.errors
    assert "given twice, expected once" in result.errors


def test_different_keys_may_be_set(program: Program) -> None:
    words = [
        "--set",
        "training.steps=0",
        "--set",
        "training.step=1",
        "--set",
        "model.dim=4",
        "--set",
        "model.dimension=3",
    ]
    assert "given twice" not in program("train", "demo", *words).errors
