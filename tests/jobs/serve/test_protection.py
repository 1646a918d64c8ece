"""Pages of strangers cannot use a server."""

import pytest

from tests.jobs.serve.conftest import Served, httpx


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
