"""Translate the sentences of different clients together.

One thread translates. While it does, requests wait; then all that have the settings of the oldest one form the next batch, up to
a limit. Under load batches are large, and a lone request never waits for another.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import NamedTuple

from translator.decoding.settings import DecodingSettings
from translator.jobs.inspect.attention import AttentionMap, AttentionViewer
from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.translator import Translator

_MAX_SENTENCES = 128
"""Sentences in a batch; a single request may have more."""


class Answer(NamedTuple):
    """The translations of one sentence, best first, and the attention of the best one if it was asked for."""

    source: str
    candidates: list[Candidate]
    attention: AttentionMap | None


class _Job(NamedTuple):
    sources: Sequence[str]
    settings: DecodingSettings
    with_attention: bool
    answers: "asyncio.Future[list[Answer]]"


@dataclass
class BatchCounts:
    """What has been done so far."""

    sentences: int = 0
    batches: int = 0
    seconds: float = 0.0


@dataclass
class Batcher:
    """Collects requests and translates them while `run` is running."""

    translator: Translator
    viewer: AttentionViewer | None
    counts: BatchCounts = field(default_factory=BatchCounts)

    def __post_init__(self) -> None:
        self._waiting: deque[_Job] = deque()
        self._arrived = asyncio.Event()

    def submit(
        self, sources: Sequence[str], settings: DecodingSettings, *, with_attention: bool
    ) -> "asyncio.Future[list[Answer]]":
        """Return the answers to come, one per source. A request whose future is cancelled in time is not translated."""
        answers: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(sources, settings, with_attention, answers))
        self._arrived.set()
        return answers

    async def run(self) -> None:
        """Translate until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "translate") as thread:
            while True:
                await self._arrived.wait()
                jobs = self._next_batch()
                results = await loop.run_in_executor(thread, self._translate, jobs)
                for job, result in zip(jobs, results, strict=True):
                    if job.answers.done():  # the client has gone
                        continue
                    if isinstance(result, Exception):
                        job.answers.set_exception(result)
                    else:
                        job.answers.set_result(result)

    @property
    def num_waiting(self) -> int:
        """How many requests are waiting for the next batch."""
        return len(self._waiting)

    def _next_batch(self) -> list[_Job]:
        """Take the oldest request and all that can be translated with it."""
        jobs: list[_Job] = []
        kept: deque[_Job] = deque()
        num_sentences = 0
        for job in self._waiting:
            if job.answers.done():
                continue
            num_together = num_sentences + len(job.sources)
            if not jobs or (job.settings == jobs[0].settings and num_together <= _MAX_SENTENCES):
                jobs.append(job)
                num_sentences = num_together
            else:
                kept.append(job)
        self._waiting = kept
        if not kept:
            self._arrived.clear()
        return jobs

    def _translate(self, jobs: Sequence[_Job]) -> list[list[Answer] | Exception]:
        """Return the answers to each request. If a batch fails, its requests are tried one by one, so that none harms another."""
        try:
            return list(self._translate_together(jobs)) if jobs else []
        except Exception as error:  # raised again where its client waits
            return [error] if len(jobs) == 1 else [result for job in jobs for result in self._translate([job])]

    def _translate_together(self, jobs: Sequence[_Job]) -> Iterator[list[Answer]]:
        started, sources = monotonic(), [source for job in jobs for source in job.sources]
        candidates = list(self.translator.candidates(sources, jobs[0].settings, with_words=True))
        self.counts.sentences += len(sources)
        self.counts.batches += 1
        self.counts.seconds += monotonic() - started
        remaining = iter(candidates)
        for job in jobs:
            results = list(islice(remaining, len(job.sources)))
            best = [(source, result[0]) for source, result in zip(job.sources, results, strict=True)]
            maps: Sequence[AttentionMap | None] = [None] * len(best)
            if job.with_attention and self.viewer is not None:
                maps = self.viewer.view_translations(best)
            yield [Answer(*answer) for answer in zip(job.sources, results, maps, strict=True)]
