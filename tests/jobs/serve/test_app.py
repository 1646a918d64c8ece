"""The interface answers what it promises, to many clients at once, and survives bad ones."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs.serve.conftest import Served, httpx, in_background, wait_until


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
