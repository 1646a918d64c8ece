"""Search engines: token ids in, hypotheses out. ENGINES lists them by name; `--engine` chooses one.

`torch` is the search of this package. `ctranslate2` runs the model that `export` wrote into the run folder.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress, groupby
from operator import not_
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch

from translator.decoding import SEARCHES
from translator.decoding.hypothesis import Hypothesis, make_hypothesis, ranked
from translator.decoding.rules import SUPPRESSED, Prefixes
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, ModelError, UsageError
from translator.jobs.translate.conversion import MAX_POSITIONS, import_ctranslate2
from translator.models.interface import AnyModel
from translator.ops.threads import Workers
from translator.runs.folder import RunFolder
from translator.runs.records import ExportRecord, read_record
from translator.storage.manifest import find_damage
from translator.text.batches import SourceBatch, source_batches
from translator.text.tokenizer import EOS, FIRST_SLOT, Tokenizer

CTRANSLATE2, EXPORT = "ctranslate2", "export.json"
_LENGTH_PENALTY = 1e-9
"""Small enough to leave log-probabilities unchanged. With 0, CTranslate2 would use another stopping criterion."""
Ids: TypeAlias = Sequence[int]


class Engine(Protocol):
    """Finds translations."""

    def search(
        self, sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int, prefixes: Prefixes = ()
    ) -> list[list[Hypothesis]]:
        """Return the `num_best` hypotheses of each source, best first. Each source ends in EOS.

        Raises UsageError for a setting that the engine does not have.
        """
        ...


class TorchEngine:
    """Search with this package's own model and algorithms."""

    def __init__(self, model: AnyModel) -> None:
        self.model, self.device = model, model.output.weight.device
        self._map = Workers().map if self.device.type == "cpu" else map

    def search(
        self, sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int, prefixes: Prefixes = ()
    ) -> list[list[Hypothesis]]:
        """Return the `num_best` hypotheses of each source; a CPU decodes one batch per worker thread."""
        batches = list(source_batches(sources, batch_size=batch_size))

        def search(batch: SourceBatch) -> list[list[Hypothesis]]:
            source_BS, mask_BS = batch.source_BS.to(self.device), batch.mask_BS.to(self.device)
            own = [prefixes[sentence] for sentence in batch.sentence_B.tolist()] if prefixes else ()
            return SEARCHES[settings.search](self.model, source_BS, mask_BS, settings, own)

        results: list[list[Hypothesis]] = [[] for _ in sources]
        for batch, hypotheses_B in zip(batches, self._map(search, batches), strict=True):
            for index, hypotheses in zip(batch.sentence_B.tolist(), hypotheses_B, strict=True):
                results[index] = hypotheses
        return results


class CTranslate2Engine:
    """Search with CTranslate2 under the same settings.

    Its beam search keeps and finishes the same hypotheses as ours, and stops when `beam_size` of them have finished. It
    returns the `beam_size` most probable ones, which are ranked here by our length penalty. The best one is always among
    them: for every hypothesis left out, a more probable one of at least its length is returned. The others among
    the `num_best` may differ. CTranslate2 removes tokens that may not come next before the softmax, we remove them after it;
    a trained model gives them almost no probability, except to EOS before `min_length`. Sources with slots are translated
    by `TorchEngine`, since CTranslate2 cannot be made to produce each slot as often as the source has it.
    """

    def __init__(self, folder: Path, model: AnyModel, tokenizer: Tokenizer) -> None:
        """Load the export in `folder`, which was made from `model`."""
        self._model, self._suppressed = model, [*SUPPRESSED, *range(FIRST_SLOT, FIRST_SLOT + model.num_slots)]
        self._max_target_length = MAX_POSITIONS - 1 if model.max_target_length is None else model.max_target_length
        self._tokenizer, self._tokens = tokenizer, tokenizer.target_tokens(range(tokenizer.target_size))
        self._ids, self._end = {token: number for number, token in enumerate(self._tokens)}, self._tokens[EOS]
        device, threads = model.output.weight.device.type, torch.get_num_threads()
        try:
            library = import_ctranslate2()
            self.translator = library.Translator(str(folder), device=device, inter_threads=threads, intra_threads=1)
            torch.set_num_threads(threads)  # CTranslate2 has changed the number of the whole process
        except (RuntimeError, ValueError) as error:
            raise ModelError(str(folder), f"CTranslate2 cannot load it ({error})", "export the run again") from error

    def search(
        self, sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int, prefixes: Prefixes = ()
    ) -> list[list[Hypothesis]]:
        _require_reproducible(settings, prefixes)
        has_slots = [self._tokenizer.count_slots(source) > 0 for source in sources]
        copied: Iterator[list[Hypothesis]] = iter(())
        if any(has_slots):
            copied = iter(
                TorchEngine(self._model).search([*compress(sources, has_slots)], settings, batch_size=batch_size)
            )
        found = iter(self._search([*compress(sources, map(not_, has_slots))], settings, batch_size))
        return [next(copied if is_copied else found) for is_copied in has_slots]

    def _search(self, sources: Sequence[Ids], settings: DecodingSettings, batch_size: int) -> list[list[Hypothesis]]:
        """Search for translations of sources without slots."""
        max_lengths = [settings.max_target_length(len(source), self._max_target_length) for source in sources]
        longest_first = sorted(range(len(sources)), key=max_lengths.__getitem__, reverse=True)
        pending: list[tuple[int, Any]] = []
        # CTranslate2 takes one maximum length per call, so sources with the same one are searched together.
        for max_length, group in groupby(longest_first, max_lengths.__getitem__):
            rows = list(group)
            futures = self._start([sources[row] for row in rows], settings, max_length + 1, batch_size=batch_size)
            pending += zip(rows, futures, strict=True)
        results: list[list[Hypothesis]] = [[] for _ in sources]
        for row, future in pending:
            hypotheses = self._read(future, settings)
            if not all(hypothesis.is_finished for hypothesis in hypotheses):
                # Some hypotheses did not end within the maximum length and EOS. Keep those that did, and search again
                # for unfinished hypotheses of the maximum length. With twice the patience the same beams run, and CTranslate2
                # does not drop a finished hypothesis for an unfinished one.
                (future,) = self._start([sources[row]], settings, max_lengths[row], patience=2)
                finished = [hypothesis for hypothesis in hypotheses if hypothesis.is_finished]
                hypotheses = [*finished, *self._read(future, settings)]
            results[row] = ranked(hypotheses, settings.num_best)
        return results

    def _start(
        self, sources: list[Ids], settings: DecodingSettings, max_length: int, *, batch_size: int = 1, patience: int = 1
    ) -> list[Any]:
        """Return the futures of the results, which have at most `max_length` tokens, EOS included."""
        beam_size = settings.beam_size if settings.search == "beam" else 1
        futures: list[Any] = self.translator.translate_batch(
            [self._tokenizer.source_tokens(source[:-1]) for source in sources],  # CTranslate2 adds EOS
            asynchronous=True,
            max_batch_size=batch_size,
            max_input_length=0,
            beam_size=beam_size,
            patience=patience,
            num_hypotheses=beam_size * patience if beam_size > 1 else 1,
            length_penalty=_LENGTH_PENALTY,
            min_decoding_length=settings.min_length,
            max_decoding_length=max_length,
            suppress_sequences=[[self._tokens[number]] for number in self._suppressed],
            return_end_token=True,
            return_scores=True,
        )
        return futures

    def _read(self, future: Any, settings: DecodingSettings) -> list[Hypothesis]:
        """Wait for the result of one source and return its hypotheses."""
        try:
            result = future.result()
        except RuntimeError as error:
            raise DataError("CTranslate2", str(error), "shorten the sentence, or choose --engine torch") from error
        hypotheses = []
        for tokens, log_prob in zip(result.hypotheses, result.scores, strict=True):
            ids = tuple(self._ids[token] for token in tokens if token != self._end)
            is_finished = tokens[-1] == self._end
            hypotheses.append(make_hypothesis(ids, log_prob, alpha=settings.length_penalty, is_finished=is_finished))
        return hypotheses


def _require_reproducible(settings: DecodingSettings, prefixes: Prefixes) -> None:
    """Raise UsageError for a setting with which CTranslate2 finds other translations or scores than this package."""
    if settings.search in ("sampling", "mbr"):
        why = f"found {settings.search!r}, which CTranslate2 cannot reproduce sentence by sentence"
        raise UsageError("decoding.search", why, "choose 'greedy' or 'beam', or --engine torch")
    if settings.search == "beam" and not settings.early_stopping:
        why = "found false, but CTranslate2 ends a sentence at beam_size finished translations"
        raise UsageError("decoding.early_stopping", why, "choose true, or --engine torch")
    if settings.no_repeat_ngram:
        why = f"found {settings.no_repeat_ngram}, but CTranslate2 gives other scores when it avoids n-grams"
        raise UsageError("decoding.no_repeat_ngram", why, "choose 0, or --engine torch")
    if any(prefixes):
        raise UsageError("--prefix", "given, but CTranslate2 scores only the tokens after it", "choose --engine torch")


def _load_export(run: RunFolder, model: AnyModel, tokenizer: Tokenizer) -> Engine:
    """Load the export of a run. Raise ModelError if it is missing, damaged or made from different parameters."""
    folder, advice = run.path / CTRANSLATE2, f"type: translator export {run.path}"
    if run.packed_in:
        raise ModelError(run.place, "is packed, so it has no export", "unpack it and export the folder")
    if not folder.is_dir():
        raise ModelError(str(folder), "no such folder", advice)
    if reason := find_damage(folder):
        raise ModelError(str(folder), reason, f"{advice} --force")
    if read_record(folder / EXPORT, ExportRecord).parameters != run.parameters_digest():
        raise ModelError(str(folder), "was exported from different parameters (SHA-256 differs)", f"{advice} --force")
    return CTranslate2Engine(folder, model, tokenizer)


ENGINES: dict[str, Callable[[RunFolder, AnyModel, Tokenizer], Engine]] = {
    "torch": lambda _run, model, _tokenizer: TorchEngine(model),
    "ctranslate2": _load_export,
}
