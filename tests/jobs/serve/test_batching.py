"""Requests of many clients are translated together, and none harms another."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.jobs.serve.conftest import HEAD, has_waiting, httpx, in_background, wait_until


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
