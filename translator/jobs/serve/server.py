"""Listen for requests, with uvicorn, until a signal; answers in flight are finished first."""

import asyncio
import socket
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from translator.errors import MachineError
from translator.jobs.serve.app import Limits, Service
from translator.jobs.serve.protection import LOOPBACK

_MAX_CONNECTIONS = 1000


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises MachineError if the address cannot be used."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        problem = f"cannot listen on this address ({getattr(error, 'strerror', None) or error})"
        raise MachineError(f"{host}:{port}", problem, "choose another --host or --port") from error


def address_of(listener: socket.socket) -> str:
    """Return the address of the page."""
    host, port, *_ = listener.getsockname()
    # An IPv6 address stands in brackets in a URL.
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def new_server(service: Service, listener: socket.socket, limits: Limits) -> uvicorn.Server:
    """Return the server; its `run(sockets=[listener])` answers requests until SIGTERM or Ctrl-C, and then raises that signal.

    On loopback, it answers only requests that name this machine as their host.
    """
    host = listener.getsockname()[0]
    is_loopback = host.startswith("127.") or host == "::1"
    app: Any = service.app((*LOOPBACK, host) if is_loopback else None)
    http: Any = partial(_TimedProtocol, limits.read_seconds)
    config = uvicorn.Config(
        app,
        http=http,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=int(limits.read_seconds),
        timeout_graceful_shutdown=int(limits.read_seconds + limits.answer_seconds),
    )
    return uvicorn.Server(config)


class _TimedProtocol(H11Protocol):
    """A connection that is closed if the head of a request, or the rest of a refused body, does not arrive in time."""

    def __init__(self, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _update_timer(self) -> None:
        """Run the timer from the first moment at which no request is being answered until one is."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif not is_answering and self._timer is None:
            self._timer = self.loop.call_later(self._seconds, self.transport.abort)
