"""What searches for a `Translator`: sentences as pieces in, hypotheses out. Our own search, or CTranslate2's.

ENGINES names them; `--engine` takes one. CTranslate2 runs what `export` wrote into the run folder.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch

from translator.decoding import SEARCHES
from translator.decoding.hypothesis import Hypothesis, make_hypothesis, ranked
from translator.decoding.next_tokens import SUPPRESSED
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, ModelError, UsageError
from translator.jobs.translate.conversion import MOST_POSITIONS, library
from translator.models.interface import AnyModel
from translator.ops.threads import Workers
from translator.runs.folder import RunFolder
from translator.storage.manifest import find_damage
from translator.text.batches import SourceBatch, source_batches
from translator.text.tokenizer import EOS, Tokenizer

CTRANSLATE2, EXPORT = "ctranslate2", "export.json"
ALMOST_ZERO = 1e-9
"""An exponent that leaves log-probabilities as they are; at 0 itself CTranslate2 would end earlier."""
Ids: TypeAlias = Sequence[int]


class Engine(Protocol):
    """Whatever finds translations."""

    def search(self, sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int) -> list[list[Hypothesis]]:
        """The `num_best` hypotheses of each source, best first; a source ends in EOS."""
        ...


class TorchEngine:
    """Our model and our searches."""

    def __init__(self, model: AnyModel) -> None:
        self.model, self.device = model, model.output.weight.device
        self.map = Workers().map if self.device.type == "cpu" else map

    def search(self, sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int) -> list[list[Hypothesis]]:
        """Longest first, a batch a worker."""
        device, batches = self.device, list(source_batches(sources, batch_size=batch_size))

        def search(batch: SourceBatch) -> list[list[Hypothesis]]:
            return SEARCHES[settings.search](self.model, batch.source_BS.to(device), batch.mask_BS.to(device), settings)

        found: list[list[Hypothesis]] = [[] for _ in sources]
        for batch, results in zip(batches, self.map(search, batches), strict=True):
            for index, hypotheses in zip(batch.sentence_B.tolist(), results, strict=True):
                found[index] = hypotheses
        return found


class CTranslate2Engine:
    """CTranslate2 with our settings.

    Its beams are ours and end as ours, when `beam_size` translations have. It returns so many of the most probable, and
    they are ranked here by our length penalty. That finds our best one: a translation that it leaves out is less
    probable than another of at least its length. Further ones of `num_best` may differ. Words that may not come next are
    left out of its softmax, not only out of the choice; a trained model gives them next to nothing, but for the end
    mark before `min_length`.
    """

    def __init__(self, folder: Path, model: AnyModel, tokenizer: Tokenizer) -> None:
        """`folder` was exported from the model."""
        self.possible = MOST_POSITIONS - 1 if model.max_target_length is None else model.max_target_length
        self.tokenizer, self.pieces = tokenizer, tokenizer.target_tokens(range(tokenizer.target_size))
        self.ids, self.end = {piece: number for number, piece in enumerate(self.pieces)}, self.pieces[EOS]
        device, threads = model.output.weight.device.type, torch.get_num_threads()
        try:
            self.translator = library().Translator(str(folder), device=device, inter_threads=threads, intra_threads=1)
            torch.set_num_threads(threads)  # which it has set for this process too
        except (RuntimeError, ValueError) as error:
            raise ModelError(str(folder), f"CTranslate2 cannot load it ({error})", "export the run again") from error

    def search(self, sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int) -> list[list[Hypothesis]]:
        """Sentences of one longest length together, since CTranslate2 takes one for all."""
        if settings.search == "sampling":
            why = "found 'sampling', which CTranslate2 does not repeat sentence by sentence"
            raise UsageError("decoding.search", why, "take 'greedy' or 'beam', or --engine torch")
        longest = [settings.max_target_length(len(source), self.possible) for source in sources]
        rows = sorted(range(len(sources)), key=longest.__getitem__, reverse=True)
        pending: list[tuple[int, Any]] = []
        for most, group in groupby(rows, longest.__getitem__):
            same = list(group)
            results = self.begin([sources[row] for row in same], settings, most=most + 1, batch_size=batch_size)
            pending += zip(same, results, strict=True)
        found: list[list[Hypothesis]] = [[] for _ in sources]
        for row, result in pending:
            hypotheses = self.hypotheses(result, settings)
            if not all(one.is_finished for one in hypotheses):
                hypotheses = self.cut(sources[row], settings, hypotheses, longest[row])
            found[row] = ranked(hypotheses, settings.num_best)
        return found

    def begin(
        self, sources: list[Ids], settings: DecodingSettings, *, most: int, batch_size: int = 1, patience: int = 1
    ) -> list[Any]:
        """The results to come, of at most `most` pieces, the end mark among them."""
        beam_size = settings.beam_size if settings.search == "beam" else 1
        results: list[Any] = self.translator.translate_batch(
            [self.tokenizer.source_tokens(source[:-1]) for source in sources],  # CTranslate2 adds the end mark
            asynchronous=True,
            max_batch_size=batch_size,
            max_input_length=0,
            beam_size=beam_size,
            patience=patience,
            num_hypotheses=beam_size * patience if beam_size > 1 else 1,
            length_penalty=ALMOST_ZERO,
            min_decoding_length=settings.min_length,
            max_decoding_length=most,
            suppress_sequences=[[self.pieces[number]] for number in SUPPRESSED],
            return_end_token=True,
            return_scores=True,
        )
        return results

    def hypotheses(self, pending: Any, settings: DecodingSettings) -> list[Hypothesis]:
        """What was found for one sentence, once it is there."""
        try:
            result = pending.result()
        except RuntimeError as error:
            raise DataError("CTranslate2", str(error), "shorten the sentence, or take --engine torch") from error
        found = []
        for words, log_prob in zip(result.hypotheses, result.scores, strict=True):
            ids, is_finished = tuple(self.ids[word] for word in words if word != self.end), words[-1] == self.end
            found.append(make_hypothesis(ids, log_prob, alpha=settings.length_penalty, is_finished=is_finished))
        return found

    def cut(self, source: Ids, settings: DecodingSettings, found: list[Hypothesis], most: int) -> list[Hypothesis]:
        """Where not all have ended with one step more than the longest length: those that have, and all without that step.

        With twice the patience the same beams run, and nothing that had ended is left out for what is cut.
        """
        (again,) = self.begin([source], settings, most=most, patience=2)
        return [*(one for one in found if one.is_finished), *self.hypotheses(again, settings)]


def torch_engine(run: RunFolder, model: AnyModel, tokenizer: Tokenizer) -> Engine:
    """Our own, for any run."""
    return TorchEngine(model)


def ctranslate2_engine(run: RunFolder, model: AnyModel, tokenizer: Tokenizer) -> Engine:
    """What `export` wrote into the run. Raises ModelError where it is not there, damaged or of other weights."""
    folder, advice = run.path / CTRANSLATE2, f"type: translator export {run.path}"
    if not folder.is_dir():
        raise ModelError(str(folder), "no such folder", advice)
    if reason := find_damage(folder):
        raise ModelError(str(folder), reason, f"{advice} --force")
    if run.read_json(f"{CTRANSLATE2}/{EXPORT}").get("weights") != run.parameters_digest():
        raise ModelError(str(folder), "was exported from other weights (SHA-256 differs)", f"{advice} --force")
    return CTranslate2Engine(folder, model, tokenizer)


ENGINES: dict[str, Callable[[RunFolder, AnyModel, Tokenizer], Engine]] = {
    "torch": torch_engine,
    "ctranslate2": ctranslate2_engine,
}
