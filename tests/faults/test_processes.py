"""Several processes train one run: the same updates, one output, one end."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.runs import TrainingRuns, assert_equal, free_port, journal, losses, peer

TERM = int(signal.SIGTERM)
STILL = {
    "transformer": ["model.dropout=0.0", "ops.precision=fp32"],
    "performer": ["model.dropout=0.0", "ops.precision=fp32"],
    "recurrent": ["model.embedding_dropout=0.0", "model.readout_dropout=0.0", "ops.precision=fp32"],
}


@pytest.mark.parametrize(
    ("kind", "accumulation", "size"), [("transformer", 1, 3), ("recurrent", 1, 2), ("performer", 4, 2)]
)
def test_several_processes_have_the_losses_of_one(
    kind: str, accumulation: int, size: int, runs: TrainingRuns, tmp_path: Path
) -> None:
    settings = [*STILL[kind], f"training.accumulation={accumulation}"]
    done = [process.wait() for process in runs.several(kind, tmp_path / "run", *settings, size=size)]
    assert [result.code for result in done] == [0] * size, done
    assert [result.output for result in done] == [f"{tmp_path / 'run'}\n".encode(), *[b""] * (size - 1)]
    assert [result.error_text for result in done[1:]] == [""] * (size - 1)
    found, expected = (list(map(float.fromhex, losses(run))) for run in (tmp_path / "run", runs.whole(kind, *settings)))
    assert found == pytest.approx(expected, rel=1e-4)
    counts = [
        [record.get("num_tokens") for record in journal(run)] for run in (tmp_path / "run", runs.whole(kind, *settings))
    ]
    assert counts[0] == counts[1]


def test_several_processes_stop_and_resume_exactly(runs: TrainingRuns, tmp_path: Path) -> None:
    assert [process.wait().code for process in runs.several("transformer", tmp_path / "whole")] == [0, 0]
    stop = ("send", TERM, "translator.training.loop.Report", 4)
    done = [process.wait() for process in runs.several("transformer", tmp_path / "run", sabotage=[stop])]
    assert [result.code for result in done] == [143, 143]
    assert "step 4: stopped by SIGTERM, state saved in" in done[0].error_text
    done = [process.wait() for process in runs.several("transformer", tmp_path / "run")]
    assert [result.code for result in done] == [0, 0]
    assert "not bit-exact" not in done[0].error_text
    assert_equal(tmp_path / "run", tmp_path / "whole")


def test_another_number_of_processes_resumes_and_says_so(runs: TrainingRuns, tmp_path: Path) -> None:
    stop = ("send", TERM, "translator.training.loop.Report", 4)
    still = STILL["transformer"]
    assert runs.run("transformer", tmp_path / "run", *still, sabotage=[stop]).code == 143
    done = [process.wait() for process in runs.several("transformer", tmp_path / "run", *still)]
    assert [result.code for result in done] == [0, 0]
    assert "not bit-exact: processes 1 -> 2\n" in done[0].error_text
    found, expected = (
        list(map(float.fromhex, losses(run))) for run in (tmp_path / "run", runs.whole("transformer", *still))
    )
    assert found == pytest.approx(expected, rel=1e-4)


def test_all_processes_lose_patience_together(runs: TrainingRuns, tmp_path: Path) -> None:
    settings = "training.patience=3", "training.validate_every=2", "training.learning_rate=1e-9"
    done = [process.wait() for process in runs.several("transformer", tmp_path / "run", *settings)]
    assert [result.code for result in done] == [0, 0]
    assert json.loads((tmp_path / "run" / "final/finished.json").read_bytes())["step"] == 8


def test_a_run_that_cannot_start_ends_all_processes_with_one_message(runs: TrainingRuns, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no run")
    done = [process.wait() for process in runs.several("transformer", tmp_path / "run")]
    assert [result.code for result in done] == [5, 5]
    assert "exists and is not a run folder" in done[0].error_text
    assert done[1].error_text == ""


def test_a_lost_process_ends_the_others(runs: TrainingRuns, tmp_path: Path) -> None:
    kill = ("send", int(signal.SIGKILL), "translator.training.loop.Report", 4)
    first, last = (process.wait() for process in runs.several("transformer", tmp_path / "run", sabotage=[kill]))
    assert (first.code, last.code) == (5, -9)
    assert "another process of this run has ended" in first.error_text


@pytest.mark.parametrize(
    ("override", "difference"),
    [("model.dim=32", "model.dim is 16 and 32"), ("training.log_every=5", "training.log_every is 1 and 5")],
)
def test_processes_with_different_settings_say_so(
    override: str, difference: str, runs: TrainingRuns, tmp_path: Path
) -> None:
    done = [process.wait(20) for process in runs.several("transformer", tmp_path / "run", last=[override])]
    assert [result.code for result in done] == [2, 2]
    for result in done:
        (line,) = result.error_text.splitlines()
        assert f"processes 0 and 1 have different settings: {difference}" in line
    assert not (tmp_path / "run").exists()


def test_processes_with_different_outputs_say_so(runs: TrainingRuns, tmp_path: Path) -> None:
    port = free_port()
    started = [runs.start("transformer", tmp_path / f"run{rank}", environment=peer(rank, 2, port)) for rank in range(2)]
    done = [process.wait(20) for process in started]
    assert [result.code for result in done] == [2, 2]
    assert "--output is 'run0' and 'run1'" in done[0].error_text


def answer_http(connection: socket.socket) -> None:
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.close()


SERVERS: dict[str, Callable[[socket.socket], None] | None] = {
    "accepts nothing": None,
    "never answers": lambda _: None,
    "hangs up": lambda connection: connection.close(),
    "speaks http": answer_http,
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_port_in_use_is_named_by_every_process(name: str, runs: TrainingRuns, tmp_path: Path) -> None:
    server, connections = socket.create_server(("localhost", 0)), []

    def serve(answer: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                connections.append(server.accept()[0])
            except OSError:
                return
            answer(connections[-1])

    port = server.getsockname()[1]
    if answer := SERVERS[name]:
        threading.Thread(target=serve, args=(answer,), daemon=True).start()
    with server:
        started = [runs.start("transformer", tmp_path / "run", environment=peer(rank, 2, port)) for rank in range(2)]
        done = [process.wait(20) for process in started]
    for connection in connections:
        connection.close()
    assert [result.code for result in done] == [5, 5]
    assert done[0].error_text == f"error: localhost:{port}: the port is in use; choose another MASTER_PORT\n"
    (line,) = done[1].error_text.splitlines()
    assert f"localhost:{port}: what listens at this port is not the first process of this run" in line


def test_a_run_with_the_port_of_another_is_rejected_and_the_other_unharmed(runs: TrainingRuns, tmp_path: Path) -> None:
    port, started = free_port(), time.monotonic()
    running = [
        runs.start("transformer", tmp_path / "run", "training.steps=3000", environment=peer(rank, 2, port))
        for rank in range(2)
    ]
    running[0].wait_for("step 3 of ")
    for rank, size in ((0, 2), (1, 2), (2, 3)):
        done = runs.start("transformer", tmp_path / "other", environment=peer(rank, size, port)).wait(20)
        assert done.code == 5
        assert "choose another" in done.error_text
        assert done.error_text.count("\n") == 1
    running[0].send(signal.SIGTERM)
    assert [process.wait().code for process in running] == [143, 143], time.monotonic() - started


def test_a_process_that_does_not_come_is_not_waited_for_forever(runs: TrainingRuns, tmp_path: Path) -> None:
    for rank, message in (
        (0, "only some of the 2 processes have connected after 2 s"),
        (1, "first process cannot be reached"),
    ):
        done = runs.start(
            "transformer",
            tmp_path / "run",
            environment=peer(rank, 2, free_port()),
            sabotage=[("replace", "translator.training.processes._MEETING_SECONDS", 2)],
        ).wait(20)
        assert done.code == 5
        assert message in done.error_text
        assert done.error_text.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [("RANK", "first"), ("WORLD_SIZE", ""), ("MASTER_PORT", None), ("MASTER_PORT", "70000"), ("MASTER_ADDR", None)],
)
def test_variables_that_torchrun_would_not_set_are_named(
    variable: str, value: str | None, runs: TrainingRuns, tmp_path: Path
) -> None:
    environment: dict[str, str | None] = {**peer(0, 2, free_port()), variable: value}
    done = runs.run("transformer", tmp_path / "run", environment=environment)
    assert done.code == 2
    assert variable in done.error_text
    assert "start the processes with torchrun" in done.error_text
