"""Lines are collected in blocks that end early if they are long or no more are waiting."""

import pytest

from translator.jobs.translate import blocks as module
from translator.jobs.translate.blocks import blocks


def test_blocks_hold_every_line_in_order() -> None:
    lines = [str(number) for number in range(7)]
    assert list(blocks(lines, 3)) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert list(blocks([])) == []


def test_a_block_ends_if_no_more_lines_are_waiting_or_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = iter([True, False, True, False])
    assert list(blocks(["a", "b", "c", "d"], has_more=lambda: next(waiting))) == [["a", "b"], ["c", "d"]]
    monkeypatch.setattr(module, "_BLOCK_CHARACTERS", 4)
    assert list(blocks(["aaaa", "b", "c", "dd", "e"])) == [["aaaa"], ["b", "c", "dd"], ["e"]]
