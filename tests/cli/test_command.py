"""What holds for every command: its help, and that no option silently replaces itself."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from tests.cli.conftest import Program
from translator.__main__ import main
from translator.cli.app import app
from translator.cli.command import _culprit
from translator.errors import UsageError

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    for parameter in command.params
    if parameter.param_type_name == "option"
]


def test_each_command_is_listed_with_one_sentence_of_one_line(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = program("-h").output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert [line for line in lines if len(line) > 80 or not re.fullmatch(r"  [a-z]+ +[A-Z][^.]+\.", line)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_plain_text_with_examples_and_without_noise(
    name: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = program(name, "-h").output
    assert text == program(name, "--help").output
    assert f"  translator {name}" in text
    assert not re.search(r"default: (no-|\()|<\w+>", text)
    body = text.partition("Arguments:")[2] or text.partition("Options:")[2]
    assert max(map(len, body.splitlines())) <= 80


def test_options_are_grouped(program: Program) -> None:
    text = program("translate", "--help").output
    headings = re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)
    assert headings == ["Arguments", "Options", "Output", "Search", "Attention", "Machine"]
    assert text.index("Search:") < text.index("--beam-size") < text.index("Attention:") < text.index("--layer")


@pytest.mark.parametrize("words", [["--run", "dmeo"], ["dmeo"], ["--run=dmeo", "--force"]])
@pytest.mark.parametrize("command", ["evaluate", "report", "export", "watch"])
def test_every_command_names_its_run_in_both_ways_and_suggests_a_name(
    command: str, words: list[str], here: Path, program: Program
) -> None:
    words = [word for word in words if word != "--force" or command != "watch"]
    result = program(command, *words)
    assert (result.code, result.output) == (4, "")
    assert result.errors == "error: dmeo: no such run; did you mean 'demo'?\n"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.dim=63", "encoder.self_attention.num_heads: the width 63 of the queries is not divisible by 4"),
        ("corpus.folder=nowhere", "nowhere/train.en: no such file"),
        ("corpus.source_language=xx", "train.xx: no such file"),
        ("trainig.steps=3", "unknown table; did you mean 'training'?"),
    ],
)
def test_an_error_in_a_set_names_it(override: str, message: str, here: Path, program: Program) -> None:
    result = program("train", "demo.toml", "--set", override, "--set", "training.steps=6", "--output", "runs/x")
    key = override if "trainig" not in override else "trainig.steps"
    assert result.errors.startswith(f"error: --set {key}: {message}")


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


def test_a_library_that_cannot_be_loaded_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> object:
        try:
            raise ImportError("libblas.so: failed to map segment from shared object")
        except ImportError as error:
            raise ImportError("\nPLEASE READ THIS\n\nfor advice\n") from error

    app = ModuleType("translator.cli.app")
    app.__getattr__ = fail  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "translator.cli.app", app)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main() == 5
    message = "a library cannot be loaded (libblas.so: failed to map segment from shared object); free memory"
    assert capsys.readouterr().err.startswith(f"error: translator: {message}")


@pytest.mark.parametrize(("place", "is_named"), [("torchrun", False), ("decoder.cross_attention.num_heads", True)])
def test_a_number_is_that_of_an_option_only_in_an_error_about_a_setting(place: str, is_named: bool) -> None:
    error = UsageError(place, "processes 0 and 1 have different settings")
    assert (_culprit(error, ["encoder.num_layers=1"]) is not None) is is_named
    assert _culprit(error, ["encoder.num_layers=2"]) is None
