"""Several processes agree on numbers and draw different random ones; tests/faults/test_processes.py trains with them."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, torch
from translator.training.processes import join_processes
with join_processes(torch.device("cpu"), {}) as processes:
    rank = processes.rank
    answers = {"largest": processes.largest(rank), "differ": [processes.differ(3), processes.differ(-rank)], "draws": []}
    for step in (1, 2, 1):
        torch.manual_seed(7)
        processes.separate_draws([], seed=1, step=step)
        answers["draws"].append(torch.rand(1).item())
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers() -> list[dict[str, list[float]]]:
    """The answers of two processes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "PYTHONPATH": str(ROOT), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], env={**common, "WORLD_SIZE": "2", "RANK": rank}, stdout=subprocess.PIPE
        )
        for rank in ("0", "1")
    ]
    return [json.loads(process.communicate()[0]) for process in processes]


@pytest.mark.slow
def test_all_processes_learn_the_largest_number_and_whether_numbers_differ(answers: list[dict[str, object]]) -> None:
    for answer in answers:
        assert answer["largest"] == 1
        assert answer["differ"] == [False, True]


@pytest.mark.slow
def test_each_process_draws_other_numbers_which_depend_on_the_step_alone(answers: list[dict[str, list[float]]]) -> None:
    first, second = (answer["draws"] for answer in answers)
    assert first[0] == first[1] == first[2]  # its generator is the one that is saved
    assert second[0] == second[2]
    assert len({first[0], second[0], second[1]}) == 3
