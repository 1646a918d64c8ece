"""`translator serve` with a trained model, in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Program

pytest.importorskip("uvicorn", reason="needs the libraries: pip install starlette uvicorn")
httpx = pytest.importorskip("httpx2", reason="needs the library: pip install httpx2")


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process and its address, once it is ready."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "translator", "serve", *arguments, "--port", "0"]
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()  # type: ignore[union-attr]
            address = re.search(r"on (http://127\.0\.0\.1:\d+)$", line.strip())
            assert address, line
            yield process, address[1]
        finally:
            process.kill()


def test_answers_are_those_of_translate_and_are_finished_on_sigterm(here: Path, program: Program) -> None:
    sources = ["A dog sleeps.", "The old man reads a book."]
    arguments = ("--num-best", "2", "--json", "--attention", "json")
    expected = [json.loads(line) for line in program("translate", *sources, *arguments).output.splitlines()]
    with serving(here, "runs/demo") as (process, address), ExitStack() as opened:
        body = {"text": sources, "num_best": 2, "attention": True}
        assert httpx.post(f"{address}/translate", json=body, timeout=60).json() == {
            "model": "demo",
            "results": expected,
        }
        assert "cross-attention" in httpx.get(f"{address}/").text
        place = address.removeprefix("http://")
        clients = [opened.enter_context(closing(HTTPConnection(place, timeout=60))) for _ in range(200)]
        for client in clients:
            content, headers = json.dumps({"text": sources * 8}), {"Content-Type": "application/json"}
            client.request("POST", "/translate", content, headers)
        progress = re.search(r"requests_in_progress (\d+)", httpx.get(f"{address}/metrics", timeout=60).text)
        assert progress is not None
        assert int(progress[1]) > 50
        process.send_signal(signal.SIGTERM)
        answers = [opened.enter_context(closing(client.getresponse())) for client in clients]
        assert [answer.status for answer in answers] == [200] * 200
        assert {len(json.loads(answer.read())["results"]) for answer in answers} == {16}
        assert process.wait(60) == 143
        assert process.stderr.read() == ""  # type: ignore[union-attr]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/health")


def test_a_port_in_use_and_a_wrong_layer_are_named(here: Path, program: Program) -> None:
    result = program("serve", "runs/demo", "--port", "0", "--layer", "9")
    assert (result.code, "--layer: found 9, expected 1 to 1" in result.errors) == (2, True)
    for host, code in (("192.0.2.1", 5), ("no.such.host.invalid", 5)):
        result = program("serve", "runs/demo", "--host", host)
        assert (result.code, f"{host}:8000: cannot listen on this address" in result.errors) == (code, True)
    result = program("serve", "nowhere")
    assert result.code == 4
