"""What a killed process left is cleaned up, what a living one writes is not touched."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from translator.storage.temporary import is_alive, recover_partial_writes, temporary_of


@pytest.fixture
def dead() -> int:
    """The pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def alive() -> Iterator[int]:
    """The pid of another process that runs."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate()


def test_a_process_is_alive_until_it_has_ended(dead: int, alive: int) -> None:
    assert [is_alive(pid) for pid in (dead, alive, os.getpid(), 1, 0, -1, 10**30)] == [
        False, True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_zombie_process_counts_as_dead(alive: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # until it has ended
    until = time.monotonic() + 10
    while is_alive(process.pid):
        assert time.monotonic() < until
    assert is_alive(alive)
    process.communicate()


def test_only_what_this_or_a_dead_process_left_for_this_target_is_deleted(
    dead: int, alive: int, tmp_path: Path
) -> None:
    deleted = [f".tmp-run-{dead}", f".tmp-run-{os.getpid()}", f".tmp-run-{dead}.old"]
    kept = ["run", f".tmp-run-{alive}", f".tmp-run-2-{dead}", f".tmp-other-{dead}", ".tmp-run", ".tmp-run-two"]
    for name in (*deleted, *kept):
        (tmp_path / name).mkdir()
    (tmp_path / deleted[0] / "part").write_bytes(b"x")
    recover_partial_writes(tmp_path, "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_an_old_version_without_a_successor_gets_its_name_back(dead: int, tmp_path: Path) -> None:
    (tmp_path / f".tmp-a b-{dead}.old").mkdir()
    (tmp_path / f".tmp-a b-{dead}.old" / "part").write_bytes(b"x")
    (tmp_path / f".tmp-a b-{dead}").write_bytes(b"half")
    recover_partial_writes(tmp_path)
    recover_partial_writes(tmp_path / "not there")
    assert [path.name for path in tmp_path.rglob("*")] == ["a b", "part"]


@pytest.mark.parametrize("length", [1, 234, 235, *range(246, 256)])
@pytest.mark.parametrize("character", ["n", "ü"])
def test_a_temporary_name_fits_whatever_the_name_of_the_target(length: int, character: str, tmp_path: Path) -> None:
    name = "x" * (length % 2) + character * (length // len(character.encode()))
    assert len(os.fsencode(temporary_of(tmp_path / name).name + ".old")) <= 255


def test_names_that_differ_only_at_their_end_have_different_temporary_names(tmp_path: Path) -> None:
    first, second = (tmp_path / ("n" * 254 + end) for end in "ab")
    assert temporary_of(first) != temporary_of(second)


def test_the_old_version_of_a_folder_with_a_long_name_gets_its_name_back(dead: int, tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    old = temporary_of(target).name.replace(str(os.getpid()), str(dead)) + ".old"
    (tmp_path / old).mkdir()
    recover_partial_writes(tmp_path, target.name)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
