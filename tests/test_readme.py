"""Every command, make target and link in the documentation exists."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.benchmarks.results import RECIPES
from translator.cli.app import app
from translator.config import load_config
from translator.config_files import find_config
from translator.runs.model import check_model

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob(".github/*.md")] + [
    page
    for folder in ("configs", "data", "tests", "translator")
    for page in sorted(ROOT.glob(f"{folder}/**/README.md"))
]
GUIDE = (ROOT / "translator" / "README.md").read_text("utf-8")
DIFFS = [
    (match[1], match[2], match[3].splitlines())
    for diff in re.findall(r"^```diff\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    for match in re.finditer(r"^(\+\+\+|---) (\S+\.py)\n((?:(?!\+\+\+|---).*\n)+)", diff, re.MULTILINE)
]
"""The parts of the diffs in the guide: `+++` or `---`, the file, its lines."""
TARGETS = {
    *re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE),
    *(f"result-{name}" for name in RECIPES),
}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code_of(page: Path) -> list[str]:
    """Return the lines of shell blocks and the inline code spans of a page."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [line for block in blocks for line in block.splitlines()] + spans


COMMANDS = sorted({line for page in PAGES for line in code_of(page) if line.startswith("translator ")})


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_valid(line: str) -> None:
    name, *words = shlex.split(line, comments=True)[1:]
    if name.startswith("-"):
        assert name in ("--help", "--version")
        return
    group = typer.main.get_command(app)
    context = group.make_context("translator", [name, *words], resilient_parsing=False)
    command = group.commands[name]  # type: ignore[attr-defined]
    parsed = command.make_context(name, words, parent=context).params  # raises for an unknown option
    if name == "train" and parsed["config"] != "my.toml" and not parsed["start_from"]:
        assert check_model(load_config(find_config(parsed["config"] or "demo"), parsed["overrides"])) > 0


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_exists(page: Path) -> None:
    named = {match for code in code_of(page) for match in re.findall(r"^make ([a-z0-9-]+)", code)}
    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_resolves(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not link.startswith("https://") and not resolves(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = {code for code in code_of(page) if re.fullmatch(r"[a-z][\w/.-]*/[\w.-]+\.(py|toml|txt|md)", code)}
    folders = (ROOT, ROOT / "translator", page.parent)
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []


def resolves(page: Path, link: str) -> bool:
    """Return whether the file of a link exists and, if the link has an anchor, has such a heading."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.exists() and target.is_relative_to(ROOT) and (not anchor or anchor in anchors_of(target))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_reading_path_is_an_afternoon_and_its_line_counts_are_roughly_right() -> None:
    rows = re.findall(r"^\| \[`(.+?\.py)`\]\(.+?\) \| (\d+) \|", GUIDE, re.MULTILINE)
    counts = {name: int(lines) for name, lines in rows}
    real = {name: len((ROOT / "translator" / name).read_text("utf-8").splitlines()) for name in counts}
    assert {name: real[name] for name in counts if abs(counts[name] - real[name]) > max(10, 0.15 * real[name])} == {}
    assert 2_000 < sum(real.values()) < 2_700


@pytest.mark.parametrize("lines", [lines for kind, _, lines in DIFFS if kind == "+++"])
def test_a_new_file_of_the_guide_can_be_imported(lines: list[str]) -> None:
    assert all(line.startswith("+") for line in lines)
    exec("\n".join(line[1:] for line in lines), {"__name__": "example"})


@pytest.mark.parametrize(("name", "lines"), [(name, lines) for kind, name, lines in DIFFS if kind == "---"])
def test_a_change_of_the_guide_applies(name: str, lines: list[str]) -> None:
    present = (ROOT / name).read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("+") and line[1:] not in present] == []


def test_help_is_shown_without_a_command() -> None:
    assert "translate" in CliRunner().invoke(app, ["--help"]).output
