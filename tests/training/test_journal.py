"""A journal keeps numbers exactly and survives a crash."""

import json
import os
from pathlib import Path

import pytest

from translator.errors import ModelError
from translator.training.journal import Journal, JournalReader, read_journal, truncate_after


def written(path: Path, *steps: int) -> Path:
    with Journal(path) as journal:
        for step in steps:
            journal.write({"event": "update", "step": step, "loss": 0.1 * step})
    return path


def test_floats_come_back_exactly_and_what_is_not_finite_is_null(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.write({"step": 1, "loss": 0.1 + 0.2, "text": "ü\u2028", "norm": float("nan"), "rate": float("inf")})
    expected = {"step": 1, "loss": 0.1 + 0.2, "text": "ü\u2028", "norm": None, "rate": None}
    assert read_journal(tmp_path / "j") == ([expected], None)


def test_a_torn_last_line_is_noticed_and_the_rest_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "j", 1, 2)
    path.write_bytes(path.read_bytes()[:-5])
    records, notice = read_journal(path)
    assert [record["step"] for record in records] == [1]
    assert notice is not None
    assert "torn" in notice


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "j", 1, 2)
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(ModelError, match="j:1: is damaged"):
        read_journal(path)


def test_going_on_forgets_what_came_later(tmp_path: Path) -> None:
    path = written(tmp_path / "j", 1, 2, 3)
    truncate_after(path, 2, 0)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_reader_goes_on_where_it_stopped_and_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    forgotten: list[None] = []
    reader = JournalReader(tmp_path / "j", lambda: forgotten.append(None))
    assert list(reader.read()) == []
    whole = written(tmp_path / "other", 1, 2, 3).read_bytes()
    with (tmp_path / "j").open("wb", buffering=0) as file:
        seen = []
        for byte in whole:
            file.write(bytes([byte]))
            seen += [record["step"] for record in reader.read()]
    assert seen == [1, 2, 3]
    assert (len(forgotten), reader.is_torn) == (2, False)  # before there was one, and when there was


def test_a_reader_forgets_what_a_training_that_goes_on_has_taken_back(tmp_path: Path) -> None:
    seen: list[int] = []
    reader = JournalReader(written(tmp_path / "j", 1, 2, 3, 4), seen.clear)
    seen += [record["step"] for record in reader.read()]
    truncate_after(tmp_path / "j", 2, 0)
    written(tmp_path / "j", 3, 4, 5, 6)
    for record in reader.read():
        seen.append(record["step"])
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_pipe_in_place_of_the_journal_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.jsonl")
    with pytest.raises(ModelError, match="is not a regular file"):
        read_journal(tmp_path / "journal.jsonl")
