"""The interface answers what it promises, to many clients at once, and survives bad ones."""

import asyncio
import html
import re
import time
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any

import pytest

from tests.jobs.serve.conftest import Served, httpx


def test_each_sentence_is_answered_in_order(shared: Served) -> None:
    answer = shared.post({"text": ["a dog", "", "ein\nHund \x1b"], "num_best": 2}).json()
    texts = [[translation["text"] for translation in result["translations"]] for result in answer["results"]]
    assert texts == [["A DOG", "A DOG1"], ["", "1"], ["EIN HUND \x1b", "EIN HUND \x1b1"]]
    assert [result["source"] for result in answer["results"]] == ["a dog", "", "ein Hund \x1b"]
    keys = {"text", "score", "log_prob", "is_finished", "is_source_truncated", "words"}
    assert answer["results"][0]["translations"][0].keys() == keys
    assert shared.post({"text": "a dog"}).json()["results"][0]["translations"][0]["text"] == "A DOG"
    assert shared.post({"text": []}).json()["results"] == []


@pytest.mark.parametrize(
    ("content", "status", "problem"),
    [
        (b"", 400, "body: invalid JSON"),
        (b"[" * 100_000, 400, "body: invalid JSON"),
        (b"\xff", 400, "body: invalid JSON"),
        (b'{"text": "\\ud800"}', 400, "body: invalid JSON"),
        (b"{}", 400, "text: field required"),
        (b'{"text": 1}', 400, "text."),
        (b'{"text": "a", "txet": 1}', 400, "txet: extra inputs are not permitted"),
        (b'{"text": "a", "num_best": true}', 400, "num_best: input should be a valid integer"),
        (
            b'{"text": "a", "num_best": 6}',
            400,
            "num_best = 6 is more than the 5 that beam search keeps; raise beam_size",
        ),
        (b'{"text": "a", "beam_size": 1000000}', 400, "beam_size: input should be less than or equal to 32"),
        (b'{"text": "a", "attention": true}', 400, "attention: it has none"),
        (b'{"text": "' + b"a" * 10_001 + b'"}', 400, "text."),
        (b'{"text": [' + b'"a",' * 256 + b'"a"]}', 400, "text."),
        (b'{"text": "too long"}', 400, "model: the sentence is too long"),
        (b'{"text": "' + b"a" * 10_000_000 + b'"}', 413, "the body has more than 1,048,576 bytes"),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_wrong(
    shared: Served, content: bytes, status: int, problem: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{shared.url}/translate", content=content, headers=headers, timeout=30)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(problem)


def test_a_body_without_a_length_is_limited_as_well(shared: Served) -> None:
    parts = (b"x" * 2**16 for _ in range(160))
    headers = {"Content-Type": "application/json"}
    assert httpx.post(f"{shared.url}/translate", content=parts, headers=headers, timeout=30).status_code == 413


def test_other_pages_of_a_browser_cannot_use_the_server(shared: Served) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}):  # what a form or a simple request of a stranger's page sends
        assert httpx.post(f"{shared.url}/translate", content=b'{"text": "a"}', headers=headers).status_code == 415
    preflight = httpx.options(f"{shared.url}/translate", headers={"Origin": "http://evil.example"})
    assert (preflight.status_code, "access-control-allow-origin" in preflight.headers) == (405, False)


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:8000", 200), ("LOCALHOST", 200), ("evil.example:8000", 421),
     ("", 421), ("127.0.0.1.evil.example", 421), ("evil.example@127.0.0.1:80", 421), ("::1", 421)],
)  # fmt: skip
def test_a_server_on_loopback_is_called_by_a_name_of_this_machine(shared: Served, host: str, status: int) -> None:
    answer = httpx.get(f"{shared.url}/health", headers={"Host": host})
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"status": "ok", "model": "<b>demo</b>", "languages": ["en", "de"]}


def test_the_page_runs_only_its_own_script_and_escapes_names(shared: Served) -> None:
    answer = httpx.get(f"{shared.url}/")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', answer.text)[1])  # type: ignore[index]
    assert policy.startswith(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'sha256-"
    )
    assert policy.endswith("; connect-src 'self'")
    assert "unsafe" not in policy
    assert (answer.headers["X-Frame-Options"], answer.headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "<b>demo" not in answer.text


def test_two_hundred_clients_are_answered_together(start: Callable[..., Any]) -> None:
    async def ask(url: str, number: int) -> str:
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(f"{url}/translate", json={"text": f"sentence {number}"})
            return str(answer.json()["results"][0]["translations"][0]["text"])

    async def ask_all(url: str) -> list[str]:
        return await asyncio.gather(*(ask(url, number) for number in range(200)))

    with start() as served:
        assert asyncio.run(ask_all(served.url)) == [f"SENTENCE {number}" for number in range(200)]
        assert len(served.shouter.batches) < 150
        assert max(map(len, served.shouter.batches)) <= 128
        metrics = dict(line.rsplit(" ", 1) for line in httpx.get(f"{served.url}/metrics").text.splitlines())
    assert metrics["translator_sentences_total"] == metrics['translator_responses_total{code="200"}'] == "200"
    assert metrics["translator_requests_in_progress"] == metrics["translator_requests_waiting"] == "0"


def in_background(action: Callable[[], Any]) -> tuple[Thread, list[Any]]:
    results: list[Any] = []
    thread = Thread(target=lambda: results.append(action()))
    thread.start()
    return thread, results


def test_requests_wait_for_one_batch_and_one_fault_harms_no_other(start: Callable[..., Any]) -> None:
    with start() as served:
        served.shouter.may_answer.clear()
        texts = ["first", "a", "bug", "too long", "b"]
        pending = []
        for number, text in enumerate(texts):
            pending.append(in_background(partial(served.post, {"text": text})))
            served.shouter.began.wait(20)
            wait_until(partial(has_waiting, served, number))
        served.shouter.may_answer.set()
        for thread, _ in pending:
            thread.join()
        answers = [results[0] for _, results in pending]
    assert served.shouter.batches[:2] == [["first"], ["a", "bug", "too long", "b"]]
    assert [answer.status_code for answer in answers] == [200, 200, 500, 400, 200]
    assert "secret detail" not in answers[2].text


def has_waiting(served: Served, number: int) -> bool:
    metrics = dict(line.rsplit(" ", 1) for line in httpx.get(f"{served.url}/metrics").text.splitlines())
    return int(metrics["translator_requests_waiting"]) == number


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_too_many_and_too_slow_answers_are_refused(start: Callable[..., Any]) -> None:
    with start(requests=2, answer_seconds=1.0) as served:
        served.shouter.may_answer.clear()
        pending = [in_background(lambda: served.post({"text": "a"})) for _ in range(2)]
        wait_until(lambda: "in_progress 2" in httpx.get(f"{served.url}/metrics").text)
        refused = served.post({"text": "b"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json() == {"error": "too many requests at a time; try again later"}
        for thread, results in pending:
            thread.join()
            assert (results[0].status_code, "not translated in time" in results[0].text) == (503, True)
        served.shouter.may_answer.set()
        assert served.post({"text": "c"}).status_code == 200


HEAD = b"POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


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


def test_a_client_that_has_gone_is_not_translated_for(start: Callable[..., Any]) -> None:
    with start() as served:
        served.shouter.may_answer.clear()
        first = in_background(lambda: served.post({"text": "first"}))
        served.shouter.began.wait(20)
        body = b'{"text": "gone"}' + b" " * 84
        with served.connect() as connection:
            connection.sendall(HEAD + body)
            wait_until(partial(has_waiting, served, 1))
        wait_until(lambda: "in_progress 1" in httpx.get(f"{served.url}/metrics").text)
        served.shouter.may_answer.set()
        first[0].join()
        assert served.post({"text": "last"}).status_code == 200
    assert served.shouter.batches == [["first"], ["last"]]


@pytest.mark.parametrize("sent", [b"\x00" * 100, b"GET " + b"a" * 100_000, b"\x16\x03\x01\x02"])
def test_what_is_not_http_is_refused(shared: Served, sent: bytes) -> None:
    with shared.connect() as connection:
        connection.sendall(sent)
        assert received_from(connection).startswith((b"HTTP/1.1 400", b"HTTP/1.1 505"))
    assert shared.post({"text": "a"}).status_code == 200
