"""What protects a server and its visitors: checked host names, response headers, and no errors in detail."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",  # a page has its own policy as well, which cannot say this
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Protection:
    """An application around another one, which counts the statuses of its responses.

    A web page of a stranger must not reach a server on loopback by a name of its own that leads to 127.0.0.1 (DNS
    rebinding), so only requests for one of `hosts` are passed on.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None, statuses: Counter[int]) -> None:
        self._app, self._hosts, self._statuses = app, hosts, statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._statuses[message["status"]] += 1
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app: Any = self._app
        if scope["type"] == "http" and not self._is_allowed(Headers(scope=scope).get("host", "")):
            app = PlainTextResponse("this host name is not served here\n", 421)
        await app(scope, receive, send_protected)

    def _is_allowed(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        if not port.isdecimal():  # there is none, and the colon, if any, belongs to an IPv6 address
            name = host
        return self._hosts is None or name.lower() in self._hosts
