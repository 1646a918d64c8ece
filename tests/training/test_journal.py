"""A journal keeps numbers exactly, survives a crash, and is read while it is written."""

import errno
import json
import math
import os
from pathlib import Path
from typing import IO

import pytest

from tests.training.example import update, validation, write_journal
from translator.errors import ModelError
from translator.training import journal as journal_module
from translator.training.journal import Journal, JournalEvent, JournalReader, read_journal, truncate_after
from translator.training.progress import Report


def updates(path: Path, *steps: int) -> Path:
    return write_journal(path, *map(update, steps))


def test_events_are_read_as_they_were_written(tmp_path: Path) -> None:
    events: list[JournalEvent] = [update(1, 0.1 + 0.2), validation(1, bleu=1 / 3, text="ü\u2028"), update(2, 5e-324)]
    assert read_journal(write_journal(tmp_path / "j", *events)) == (events, False)


def test_numbers_that_are_not_finite_are_null_in_the_file_and_read_as_nan(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "j", update(1, math.nan), validation(1, bleu=math.inf))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [lines[0]["loss"], lines[1]["bleu"]] == [None, None]
    values = [event.loss if isinstance(event, Report) else event.bleu for event in read_journal(path).events]
    assert all(map(math.isnan, values))


def test_an_incomplete_last_line_is_noticed_and_the_rest_is_read(tmp_path: Path) -> None:
    path = updates(tmp_path / "j", 1, 2)
    path.write_bytes(path.read_bytes()[:-5])
    events, is_torn = read_journal(path)
    assert [event.step for event in events] == [1]
    assert is_torn


UPDATE = {
    "event": "update", "step": 1, "epoch": 0, "position": 0, "loss": 1.0, "num_tokens": 1, "learning_rate": 1.0,
    "gradient_norm": 1.0, "skipped": False, "seconds": 1.0,
}  # fmt: skip
VALIDATION = {
    "event": "validation",
    "step": 1,
    "cross_entropy": 1.0,
    "perplexity": 2.7,
    "bleu": 1.0,
    "is_best": True,
    "seconds": 1.0,
    "samples": [],
}


@pytest.mark.parametrize("line", [UPDATE, VALIDATION], ids=["update", "validation"])
def test_every_value_of_a_line_is_checked(line: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text(json.dumps(line) + "\n")
    assert len(read_journal(path).events) == 1
    for field in line:
        for value in ("NaN", "1" + "0" * 400, "-1e999", '"\\ud800"', "[[1]]", '{"x": 1}', "missing"):
            if value == "-1e999" and isinstance(line[field], float):
                continue  # a number that is not finite
            changed = {key: "here" if key == field else old for key, old in line.items()}
            text = json.dumps(changed).replace('"here"', value)
            if value == "missing":
                text = json.dumps({key: old for key, old in line.items() if key != field})
            path.write_text(text + "\n")
            with pytest.raises(ModelError, match="j:1: is damaged; restore the journal, or remove the line"):
                read_journal(path)


@pytest.mark.parametrize(
    "line", ["nonsense", "", "[]", "null", "{}", "[" * 100_000, json.dumps({**UPDATE, "event": "other"})]
)
def test_damage_in_the_middle_is_an_error_with_its_line(line: str, tmp_path: Path) -> None:
    path = updates(tmp_path / "j", 1, 2)
    path.write_text(f"{line}\n" + path.read_text())
    with pytest.raises(ModelError, match="j:1: is damaged"):
        read_journal(path)


def test_steps_never_decrease(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "j", update(2), update(1))
    with pytest.raises(ModelError, match="j:2: is damaged"):
        read_journal(path)


def test_resuming_removes_what_came_later(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "j", update(1), validation(1), update(2), validation(2), update(3))
    truncate_after(path, 2, 1)
    assert read_journal(path).events == [update(1), validation(1), update(2)]


def test_a_reader_continues_where_it_stopped_and_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    forgotten: list[None] = []
    reader = JournalReader(tmp_path / "j", lambda: forgotten.append(None))
    assert list(reader.read()) == []
    content = updates(tmp_path / "other", 1, 2, 3).read_bytes()
    with (tmp_path / "j").open("wb", buffering=0) as file:
        steps = []
        for byte in content:
            file.write(bytes([byte]))
            steps += [event.step for event in reader.read()]
    assert steps == [1, 2, 3]
    assert (len(forgotten), reader.is_torn) == (2, False)  # before there was a journal, and when there was one


def test_a_reader_forgets_what_a_resumed_run_has_removed(tmp_path: Path) -> None:
    steps: list[int] = []
    reader = JournalReader(updates(tmp_path / "j", 1, 2, 3, 4), steps.clear)
    steps += [event.step for event in reader.read()]
    truncate_after(tmp_path / "j", 2, 0)
    updates(tmp_path / "j", 3, 4, 5, 6)
    for event in reader.read():
        steps.append(event.step)
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_pipe_in_place_of_the_journal_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.jsonl")
    with pytest.raises(ModelError, match="is not a regular file"):
        read_journal(tmp_path / "journal.jsonl")


def test_a_journal_that_vanishes_before_it_is_opened_has_no_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, inner = updates(tmp_path / "j", 1), Path.open

    def vanish(opened: Path, mode: str) -> IO[bytes]:
        opened.unlink()
        return inner(opened, mode)

    monkeypatch.setattr(Path, "open", vanish)
    assert read_journal(path) == ([], False)


def lose(path: Path, how: str) -> None:
    if how == "replaced by a file":
        path.with_name("other").write_text("something else")
        path.with_name("other").replace(path)
    else:
        path.unlink()
    if how == "replaced by a link":
        path.symlink_to("nowhere")


@pytest.mark.parametrize("how", ["deleted", "replaced by a file", "replaced by a link"])
def test_a_journal_that_is_lost_is_written_again_with_a_warning_at_once(how: str, tmp_path: Path) -> None:
    warnings: list[str] = []
    path = tmp_path / "j"
    with Journal(path, warnings.append) as journal:
        journal.write(update(1))
        lose(path, how)
        journal.write(update(2))
        assert read_journal(path).events == [update(1), update(2)]
        assert warnings == [f"{path}: was deleted or replaced during training, and has been written again"]
        journal.write(update(3))
    assert read_journal(path).events == [update(1), update(2), update(3)]
    assert len(warnings) == 1
    assert not path.is_symlink()


def test_events_that_the_disk_refuses_wait_until_it_accepts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    path = tmp_path / "j"

    def refuse(descriptor: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Journal(path, warnings.append) as journal:
        journal.write(update(1))
        with monkeypatch.context() as patch:
            patch.setattr(journal_module, "append", refuse)
            journal.write(update(2))
            journal.write(update(3))
            journal.sync()
            assert journal.is_failing
            assert read_journal(path).events == [update(1)]
        journal.write(update(4))
        assert not journal.is_failing
    assert read_journal(path).events == [update(1), update(2), update(3), update(4)]
    (warning,) = warnings
    assert warning.startswith(f"{path}: no space left (No space left on device): ")
    assert warning.endswith("; training continues, and the journal is written when possible")


def test_events_that_are_lost_in_the_end_are_counted(tmp_path: Path) -> None:
    warnings: list[str] = []
    path = tmp_path / "j"
    with Journal(path, warnings.append) as journal:
        journal.write(update(1))
        path.unlink()
        path.mkdir()
        journal.write(update(2))
        journal.write(update(3))
    assert "cannot be written (Is a directory); training continues" in warnings[0]
    assert warnings[1:] == [f"{path}: the last 2 events could not be written and are lost"]


def test_an_endless_line_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").touch()
    os.truncate(tmp_path / "journal.jsonl", 2**40)
    with pytest.raises(ModelError, match=r"journal\.jsonl:1: is damaged"):
        read_journal(tmp_path / "journal.jsonl")


@pytest.mark.parametrize("kept", [0, 10, 1])
def test_a_journal_that_is_shortened_by_another_program_is_reported_and_stays_readable(
    kept: int, tmp_path: Path
) -> None:
    warnings: list[str] = []
    path = tmp_path / "j"
    with Journal(path, warnings.append) as journal:
        for step in (1, 2):
            journal.write(update(step))
        os.truncate(path, kept)
        for step in (3, 4):
            journal.write(update(step))
    assert warnings == [f"{path}: was shortened during training; events before this step are missing"]
    assert read_journal(path) == ([update(3), update(4)], False)
