"""Which run a name, a path or no name means."""

import json
import os
from pathlib import Path

import pytest

from tests.runs.example import finish_run, write_run
from translator.errors import ModelError
from translator.runs.folder import FINISHED, RECORD
from translator.runs.lookup import find_run, latest_run, newest_run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_means_the_run_below_runs_unless_there_is_such_a_folder_here() -> None:
    write_run(Path("runs/demo"))
    assert find_run("demo").path == Path("runs/demo")
    assert find_run("runs/demo").path == find_run(Path("runs/demo")).path == Path("runs/demo")
    write_run(Path("demo"))
    assert find_run("demo").path == Path("demo")


def test_a_name_that_does_not_exist_gets_advice() -> None:
    with pytest.raises(ModelError, match=r"^missing: no such run; create one with `translator train`$"):
        find_run("missing")
    for name in ("demo", "mine"):
        write_run(Path("runs", name))
    with pytest.raises(ModelError, match=r"^dmeo: no such run; did you mean 'demo'\?$"):
        find_run("dmeo")
    with pytest.raises(ModelError, match=r"^runs/mien: no such run; did you mean 'runs/mine'\?$"):
        find_run("runs/mien")
    with pytest.raises(ModelError, match=r"^other: no such run; runs has demo, mine$"):
        find_run("other")


def test_no_name_means_the_run_that_train_finished_last() -> None:
    for name, time in (("one", "2026-01-02"), ("two", "2026-01-03"), ("three", "2026-01-01")):
        finish_run(Path("runs", name), finished_at=time)
    finish_run(Path("runs/compared"), finished_at="2026-01-04", made_by="compare")
    write_run(Path("runs/unfinished"))
    assert find_run(None) == latest_run() == find_run("two")


def test_a_run_that_is_being_replaced_is_not_found() -> None:
    finish_run(Path("runs/.tmp-demo-1.old"))
    for find in (latest_run, newest_run):
        with pytest.raises(ModelError, match=r"runs: holds no .*type `translator train` first"):
            find()


def test_the_newest_run_is_the_one_whose_journal_was_written_last() -> None:
    for number, name in enumerate(("one", "three", "two")):
        run = write_run(Path("runs", name)).path
        os.utime(run / RECORD, (10, 10))
        (run / "journal.jsonl").touch()
        os.utime(run / "journal.jsonl", (number, number))
    assert newest_run().path == Path("runs/two")
    write_run(Path("runs/begun"))  # no journal yet
    assert newest_run().path == Path("runs/begun")


@pytest.mark.parametrize("content", [{"format": 1, "weights": 1}, {"format": 99}, {}])
def test_a_run_that_cannot_be_read_is_named_and_not_skipped(content: dict[str, object]) -> None:
    finish_run(Path("runs/one"))
    old = finish_run(Path("runs/two"))
    (old.path / FINISHED).write_text(json.dumps(content))
    with pytest.raises(ModelError, match="runs/two"):
        latest_run()
