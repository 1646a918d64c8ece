"""Connections that send nothing, too little or no HTTP are closed."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs.serve.conftest import HEAD, Served


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", b""), (b"POST /tr", b""), (HEAD[:-2], b""), (HEAD, b"HTTP/1.1 408"), (HEAD + b'{"text"', b"HTTP/1.1 408")],
)
def test_a_client_that_stops_sending_is_disconnected(start: Callable[..., Any], sent: bytes, answer: bytes) -> None:
    with start(read_seconds=0.5) as served, served.connect() as connection:
        connection.sendall(sent)
        started = time.monotonic()
        received = b"".join(iter(lambda: received_from(connection), b""))
        assert time.monotonic() - started < 10
        assert received.startswith(answer)
        assert bool(received) == bool(answer)
        assert served.post({"text": "a"}).status_code == 200


def received_from(connection: Any) -> bytes:
    try:
        return bytes(connection.recv(4096))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("sent", [b"\x00" * 100, b"GET " + b"a" * 100_000, b"\x16\x03\x01\x02"])
def test_what_is_not_http_is_refused(shared: Served, sent: bytes) -> None:
    with shared.connect() as connection:
        connection.sendall(sent)
        assert received_from(connection).startswith((b"HTTP/1.1 400", b"HTTP/1.1 505"))
    assert shared.post({"text": "a"}).status_code == 200
