"""Every command of the README can be typed."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from translator.cli.app import app
from translator.cli.options import find_config
from translator.config import load_config
from translator.jobs.translate.build import check_model

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
COMMANDS = [line for line in BLOCKS.splitlines() if line.startswith("translator ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    group = typer.main.get_command(app)
    context = group.make_context("translator", list(words), resilient_parsing=False)  # raises for an unknown option
    command = group.commands[words[0]]  # type: ignore[attr-defined]
    parsed = command.make_context(words[0], list(words[1:]), parent=context).params
    if words[0] == "train":
        assert check_model(load_config(find_config(parsed["config"]), parsed["overrides"])) > 0


def test_every_target_of_make_that_is_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) | {
        "uses"
    }


def test_every_shipped_config_is_in_the_table() -> None:
    assert all(f"`{path.stem}`" in README for path in (ROOT / "configs").glob("*.toml"))


def test_help_is_shown_without_a_command() -> None:
    assert "translate" in CliRunner().invoke(app, ["--help"]).output
