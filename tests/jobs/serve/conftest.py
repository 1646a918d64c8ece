"""A server on this machine with a model that shouts, and clients."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from translator.config import Config, load_config
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError
from translator.jobs.translate.candidates import Candidate

pytest.importorskip("uvicorn", reason="needs the libraries: pip install starlette uvicorn")
pytest.importorskip("starlette", reason="needs the libraries: pip install starlette uvicorn")
httpx = pytest.importorskip("httpx2", reason="needs the library: pip install httpx2")

from tests.jobs.translate.conftest import DEMO  # noqa: E402
from translator.jobs.serve.app import Limits, Service  # noqa: E402
from translator.jobs.serve.server import address_of, listen, new_server  # noqa: E402


class Shouter:
    """In place of a `Translator`: answers in upper case, once `may_answer` is set."""

    def __init__(self) -> None:
        self.config: Config = load_config(DEMO)
        self.may_answer = Event()
        self.may_answer.set()
        self.began = Event()
        self.batches: list[list[str]] = []

    def candidates(
        self, lines: Iterable[str], settings: DecodingSettings, *, with_words: bool
    ) -> Iterator[list[Candidate]]:
        self.batches.append(list(lines))
        self.began.set()
        self.may_answer.wait(20)
        if "too long" in self.batches[-1]:
            raise DataError("model", "the sentence is too long")
        if "bug" in self.batches[-1]:
            raise ZeroDivisionError("secret detail")
        for line in self.batches[-1]:
            yield [Candidate(f"{line.upper()}{n or ''}", -1.0, -1.0, True, ()) for n in range(settings.num_best)]


class Served:
    """A running server."""

    def __init__(self, url: str, shouter: Shouter) -> None:
        self.url, self.shouter = url, shouter
        self.address = url.removeprefix("http://").split(":")[0], int(url.rsplit(":", 1)[1])

    def post(self, body: object, **options: Any) -> Any:
        return httpx.post(f"{self.url}/translate", json=body, timeout=30, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=20)


@contextmanager
def serving(**limits: Any) -> Iterator[Served]:
    """Serve a `Shouter` in a thread."""
    shouter, listener = Shouter(), listen("127.0.0.1", 0)
    model: Any = shouter
    settings = Limits(**limits)
    service = Service(model, "it has none", DecodingSettings(), name="<b>demo</b>", limits=settings)
    server = new_server(service, listener, settings)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(address_of(listener), shouter)
    finally:
        shouter.may_answer.set()
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def start() -> Callable[..., Any]:
    return serving


def in_background(action: Callable[[], Any]) -> tuple[Thread, list[Any]]:
    results: list[Any] = []
    thread = Thread(target=lambda: results.append(action()))
    thread.start()
    return thread, results


def has_waiting(served: Served, number: int) -> bool:
    metrics = dict(line.rsplit(" ", 1) for line in httpx.get(f"{served.url}/metrics").text.splitlines())
    return int(metrics["translator_requests_waiting"]) == number


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


HEAD = b"POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
