"""The HTTP interface of a served run.

    POST /translate   JSON in and out, see `TranslateRequest` and `_answer_record`
    GET  /            a page on which a visitor translates and sees where the model attended
    GET  /health      {"status": "ok", ...}
    GET  /metrics     counters in the text format of Prometheus

No text of a visitor or a model becomes markup: the interface answers in JSON, and the page inserts text nodes.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from translator.decoding.settings import DecodingSettings
from translator.errors import TranslatorError
from translator.jobs.inspect.attention import NOTICE, AttentionViewer
from translator.jobs.serve.batching import Answer, Batcher
from translator.jobs.serve.protection import Protection
from translator.jobs.translate.candidates import sentence_record
from translator.jobs.translate.translator import Translator
from translator.report.page import render
from translator.text.visible import LINE_ENDS, plain_value

_MAX_SENTENCES = 256
_MAX_CHARACTERS = 10_000
_MAX_BEAM_SIZE = 32
_CLIENT_CLOSED = 499
"""Status that nginx logs if the client went away before the answer."""

_Sentence = Annotated[str, StringConstraints(max_length=_MAX_CHARACTERS)]


class Limits(NamedTuple):
    """How much the server does at a time."""

    body_bytes: int = 2**20
    read_seconds: float = 10.0  # in which the head of a request, and then its body, must arrive
    answer_seconds: float = 60.0  # in which it must be answered
    requests: int = 256  # that are read, waiting or translated


class TranslateRequest(BaseModel):
    """The body of `POST /translate`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: Annotated[list[_Sentence], Field(max_length=_MAX_SENTENCES)] | _Sentence
    num_best: int = Field(1, ge=1, le=_MAX_BEAM_SIZE)
    beam_size: int | None = Field(None, ge=1, le=_MAX_BEAM_SIZE)
    attention: bool = False

    @property
    def sources(self) -> list[str]:
        """The sentences; line ends in one become spaces."""
        return [text.translate(LINE_ENDS) for text in ([self.text] if isinstance(self.text, str) else self.text)]


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, problem: str) -> None:
        self.status, self.problem = status, problem
        super().__init__(problem)


class Service:
    """A loaded run behind the interface."""

    def __init__(
        self,
        translator: Translator,
        viewer: AttentionViewer | str,
        settings: DecodingSettings,
        *,
        name: str,
        limits: Limits,
    ) -> None:
        """Make the service; `viewer` may also be the reason why the model has no attention weights."""
        self._no_attention = viewer if isinstance(viewer, str) else None
        self._batcher = Batcher(translator, None if isinstance(viewer, str) else viewer)
        self._settings, self._name, self._limits = settings, name, limits
        corpus = translator.config.corpus
        self._languages = corpus.source_language, corpus.target_language
        self._page = self._render_page(viewer)
        self._num_requests, self._statuses = 0, Counter[int]()

    def app(self, hosts: Sequence[str] | None) -> Protection:
        """Return the application; `hosts` are the names that it may be called by, None for any."""
        routes = [
            Route("/", self._show_page),
            Route("/translate", self._translate, methods=["POST"]),
            Route("/health", self._health),
            Route("/metrics", self._metrics),
        ]
        return Protection(Starlette(routes=routes, lifespan=self._lifespan), hosts, self._statuses)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(self._batcher.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _show_page(self, _request: Request) -> Response:
        return HTMLResponse(self._page)

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "model": self._name, "languages": self._languages})

    async def _metrics(self, _request: Request) -> Response:
        counts = self._batcher.counts
        values = {
            "sentences_total": counts.sentences,
            "batches_total": counts.batches,
            "translating_seconds_total": round(counts.seconds, 6),
            "requests_in_progress": self._num_requests,
            "requests_waiting": self._batcher.num_waiting,
            **{f'responses_total{{code="{code}"}}': count for code, count in sorted(self._statuses.items())},
        }
        return PlainTextResponse("".join(f"translator_{name} {value}\n" for name, value in values.items()))

    async def _translate(self, request: Request) -> Response:
        if self._num_requests >= self._limits.requests:
            return _error(503, "too many requests at a time; try again later")
        self._num_requests += 1
        try:
            wanted = await self._read(request)
            answers = await self._answers(request, wanted)
        except RefusedError as refusal:
            return _error(refusal.status, refusal.problem)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED)
        finally:
            self._num_requests -= 1
        return JSONResponse({"model": self._name, "results": [_answer_record(answer, wanted) for answer in answers]})

    async def _read(self, request: Request) -> TranslateRequest:
        """Return the request. Raises RefusedError if it is too large, too slow or invalid."""
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(415, "Content-Type: expected application/json")
        body, limit = bytearray(), self._limits.body_bytes
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                async for part in request.stream():
                    body += part
                    if len(body) > limit:
                        raise RefusedError(413, f"the body has more than {limit:,} bytes")
        except TimeoutError as error:
            raise RefusedError(408, "the body did not arrive in time") from error
        try:
            return TranslateRequest.model_validate_json(bytes(body))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
            key = ".".join(map(str, fault["loc"])) or "body"
            raise RefusedError(400, f"{key}: {fault['msg'][:1].lower()}{fault['msg'][1:]}") from error

    async def _answers(self, request: Request, wanted: TranslateRequest) -> list[Answer]:
        """Wait for the answers. Raises RefusedError, or ClientDisconnect if the client goes away first."""
        if wanted.attention and self._no_attention is not None:
            raise RefusedError(400, f"attention: {self._no_attention}")
        changes = {"num_best": wanted.num_best, "beam_size": wanted.beam_size or self._settings.beam_size}
        try:
            settings = DecodingSettings.model_validate({**self._settings.model_dump(), **changes})
        except ValidationError as error:
            raise RefusedError(400, error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from error
        answers = self._batcher.submit(wanted.sources, settings, with_attention=wanted.attention)
        gone = asyncio.ensure_future(request.receive())  # the next message after the body is that the client has gone
        try:
            await asyncio.wait((answers, gone), timeout=self._limits.answer_seconds, return_when="FIRST_COMPLETED")
            if answers.done():
                return answers.result()
            if gone.done():
                raise ClientDisconnect
            raise RefusedError(503, "not translated in time; send less at a time, or try again later")
        except TranslatorError as error:
            raise RefusedError(400, str(error)) from error
        finally:
            answers.cancel()
            gone.cancel()

    def _render_page(self, viewer: AttentionViewer | str) -> str:
        source, target = self._languages
        page = {
            "title": f"{self._name} · translator",
            "verdict": f"Translate from {source} to {target}",
            "languages": self._languages,
            "max_characters": _MAX_CHARACTERS,
            "attention_notice": self._no_attention or NOTICE,
        }
        data: dict[str, Any] = {"view": None if isinstance(viewer, str) else viewer.view.title}
        return render("serve.html", page, data, scripts=("map.js", "serve.js"), connects=True)


def _answer_record(answer: Answer, wanted: TranslateRequest) -> object:
    record = sentence_record(answer.source, answer.candidates)
    if wanted.attention:
        record["attention"] = answer.attention and answer.attention.as_record()
    return plain_value(record)


def _error(status: int, problem: str) -> Response:
    return JSONResponse({"error": problem}, status, {"Retry-After": "1"} if status == 503 else {})
