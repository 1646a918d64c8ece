"""A server on this machine with the part of the Hugging Face hub's interface that an upload needs."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Hub(ThreadingHTTPServer):
    """What was uploaded, by the name of the file; and the names of the models that were created."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: list[str] = []
        self.files: dict[str, bytes] = {}
        self.large: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()
        self.card = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body, hub = self._body(), self.server
        hub.tokens.add(self.headers["Authorization"])
        if self.path == "/api/repos/create":
            wanted = json.loads(body)
            hub.models.append("/".join(filter(None, (wanted.get("organization"), wanted["name"]))))
            self._answer({"url": f"{hub.url}/{hub.models[-1]}", "name": hub.models[-1]})
        elif self.path == "/api/validate-yaml":
            hub.card = json.loads(body)["content"]
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            modes = {True: "lfs", False: "regular"}
            names = [file["path"] for file in json.loads(body)["files"]]
            files = [{"path": name, "uploadMode": modes[name.endswith(("safetensors", "spm"))]} for name in names]
            self._answer({"files": [{**file, "shouldIgnore": False} for file in files]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = [{"oid": one["oid"], "size": one["size"]} for one in json.loads(body)["objects"]]
            actions = [{"actions": {"upload": {"href": f"{hub.url}/{one['oid']}"}}} for one in objects]
            self._answer({"transfer": "basic", "objects": [a | b for a, b in zip(objects, actions, strict=True)]})
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "lfsFile":
                    hub.files[line["value"]["path"]] = hub.large[line["value"]["oid"]]
            self._answer(
                {"commitUrl": f"{hub.url}/{hub.models[-1]}/commit/1", "commitOid": "1", "pullRequestUrl": None}
            )

    def do_PUT(self) -> None:
        self.server.large[self.path[1:]] = self._body()
        self._answer({})

    def do_GET(self) -> None:
        self.send_error(404)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _answer(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def open_hub() -> Iterator[Hub]:
    with Hub() as hub:
        thread = Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
