"""A process that has imported torch; each command runs in a child forked from it, which saves the time of the import.

`python -m tests.faults.forkserver SOCKET` serves until its standard input closes. A client connects, sends one JSON object
{arguments, folder, environment, umask, user, limits, sabotage} together with three file descriptors, and is sent the child's
process number and, when that has ended, its exit code (negative: the signal that ended it), a line each.
"""

import ctypes
import io
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any


def main() -> None:
    """Import the slow modules, then fork a child for each request."""

    import sacrebleu  # noqa: F401

    import translator.cli.app
    import translator.jobs.compare.compare
    import translator.jobs.train.train  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1])
        server.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                os._exit(watch(connection))
            connection.close()


def watch(connection: socket.socket) -> int:
    """Fork the command, and report its pid and its wait status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os._exit(run(json.loads(message), descriptors))
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return 0


def give_up_powers() -> None:
    """Drop root's capabilities, so that file modes apply; with another user id Python might not be readable."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0


def run(request: dict[str, Any], descriptors: list[int]) -> int:
    """Run the command in the requested environment and return its exit code."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.umask(request["umask"])
    for name, value in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    if request["user"] is not None and os.getuid() == 0:
        give_up_powers()
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False))
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8", line_buffering=os.isatty(1))
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), encoding="utf-8", line_buffering=True)
    sys.argv = ["translator", *request["arguments"]]
    from tests.faults import sabotage
    from translator.__main__ import main

    for name, *parameters in request["sabotage"]:
        getattr(sabotage, name)(*parameters)
    try:
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        return 1
    return code


if __name__ == "__main__":
    main()
