"""A comparison finds runs and configs by path and by name."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from tests.jobs.compare.conftest import CPU
from translator.config_files import shipped
from translator.errors import ModelError, UsageError
from translator.jobs.compare.find import find_run_or_config, find_runs
from translator.runs.folder import RunFolder

Find = Callable[..., list[RunFolder]]


@pytest.fixture
def find(pair: list[RunFolder], monkeypatch: pytest.MonkeyPatch) -> Find:
    """Return `find_runs` in a folder where `runs/` has the runs `one` and `other`."""
    runs = pair[0].path.parent / "runs"
    runs.mkdir()
    for run in pair:
        run.path.rename(runs / run.name)
    monkeypatch.chdir(runs.parent)

    def not_trained(name: str) -> NoReturn:
        raise AssertionError(f"{name} is trained")

    return partial(find_runs, seeds=1, skipped=None, device=CPU, open_observer=not_trained)


def test_runs_are_found_by_path_and_by_name(find: Find) -> None:
    assert [run.path for run in find(["one", "runs/other"])] == [Path("runs/one"), Path("runs/other")]
    assert find_run_or_config("demo-additive") == shipped("demo-additive.toml")


def test_missing_runs_are_an_error_or_skipped(find: Find) -> None:
    notices: list[str] = []
    assert len(find(["one", "runs/others", "other"], skipped=notices.append)) == 2
    assert notices == ["skipped: runs/others: no such run or config; did you mean 'runs/other'?"]
    with pytest.raises(ModelError, match="runs/others: no such run or config"):
        find(["one", "runs/others"])
    with pytest.raises(ModelError, match="1 of 2 runs are usable, expected at least 2"):
        find(["one", "runs/others"], skipped=notices.append)


def test_one_run_and_runs_with_several_seeds_are_rejected(find: Find) -> None:
    with pytest.raises(UsageError, match="found 1 run, expected at least 2"):
        find(["one"])
    with pytest.raises(UsageError, match="is a run, which has one seed; name configs, or omit --seeds"):
        find(["one", "other"], seeds=2)
