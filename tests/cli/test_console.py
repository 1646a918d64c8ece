"""What reaches a terminal cannot start a line or a sequence of its own."""

import io
import sys
from pathlib import Path

import pytest

from translator.cli.console import print_path


@pytest.mark.parametrize(("on_terminal", "expected"), [(True, "runs/a\\x0ab\\x1bc\n"), (False, "runs/a\nb\x1bc\n")])
def test_a_line_feed_in_a_path_is_escaped_on_a_terminal_only(
    on_terminal: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: on_terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    print_path(Path("runs/a\nb\x1bc"))
    assert stream.getvalue() == expected
