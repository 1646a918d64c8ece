"""The Python API: load a finished run and translate lines of text, in order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import Config, apply_override, check_table, flatten
from translator.config_errors import Origin
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.settings import DecodingSettings
from translator.errors import ModelError, UsageError
from translator.jobs.translate.build import build_model, configure_library, vocabularies_of
from translator.jobs.translate.engines import ENGINES, Engine, TorchEngine
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops, choose_ops
from translator.runs.folder import CONFIG, WORDS, RunFolder
from translator.runs.lookup import find_run
from translator.text.tokenizer import Tokenizer
from translator.text.words import load_words
from translator.training.checkpoint import MODEL, check_shapes, load_parameters, read_parameters, shapes_of

_MAX_SOURCE_TOKENS = 1024
"""Of longer sources only the last tokens are translated, with a notice: models are not trained on such lengths."""
BLOCK_LINES = 2000
"""Lines that are sorted by length and translated together. Output starts after the first block."""
_BLOCK_CHARACTERS = 2**22
"""Characters after which a block ends early, so that long lines do not fill the memory."""


def default_batch_size(device: torch.device) -> int:
    """Return the number of sentences to decode together: a GPU decodes 1,000 in about the time of 100."""
    return 1024 if device.type == "cuda" else 128


class Candidate(NamedTuple):
    """One translation of a sentence."""

    text: str
    score: float  # candidates are ranked by it, see decoding/hypothesis.py
    log_prob: float
    is_finished: bool  # False if it was cut at the maximum length
    ids: tuple[int, ...]  # its tokens, without EOS
    is_source_truncated: bool = False  # True if only the end of a source that was too long was translated


class Translator:
    """A trained model with its tokenizer and search engine. `load` makes one; most callers need only `translate`."""

    def __init__(
        self,
        model: AnyModel,
        tokenizer: Tokenizer,
        config: Config,
        known_words: frozenset[str],
        engine: Engine | None = None,
    ) -> None:
        self.model, self.tokenizer, self.config, self.known_words = model.eval(), tokenizer, config, known_words
        self.engine = engine or TorchEngine(self.model)
        self.max_source_tokens = min(_MAX_SOURCE_TOKENS, model.max_source_length or _MAX_SOURCE_TOKENS)

    def translate(
        self, lines: Sequence[str], settings: DecodingSettings | None = None, *, batch_size: int | None = None
    ) -> list[str]:
        """Return the best translation of each line, an empty one for a blank line."""
        return [candidates[0].text for candidates in self.candidates(lines, settings, batch_size=batch_size)]

    def candidates(
        self,
        lines: Iterable[str],
        settings: DecodingSettings | None = None,
        *,
        batch_size: int | None = None,
        block_lines: int = BLOCK_LINES,
    ) -> Iterator[list[Candidate]]:
        """Yield the `num_best` translations of each line, best first; lines are read and translated block by block.

        By default the batch size depends on the device, see `default_batch_size`.
        """
        settings = settings or self.config.decoding
        batch_size = batch_size or default_batch_size(self.model.output.weight.device)
        for block in _blocks(lines, block_lines):
            sources = self.tokenizer.encode_source([line.strip() for line in block])
            filled = [index for index, line in enumerate(block) if line.strip()]
            truncated = [sources[index][-self.max_source_tokens :] for index in filled]
            results = self.engine.search(truncated, settings, batch_size=batch_size)
            candidates = [[Candidate("", 0.0, 0.0, True, ())] for _ in block]
            for index, hypotheses in zip(filled, results, strict=True):
                candidates[index] = self._decode(hypotheses, len(sources[index]) > self.max_source_tokens)
            yield from candidates

    def _decode(self, hypotheses: list[Hypothesis], is_source_truncated: bool) -> list[Candidate]:
        """Return one candidate per distinct text: the best hypothesis that has it."""
        candidates: dict[str, Candidate] = {}
        texts = self.tokenizer.decode_target([hypothesis.ids for hypothesis in hypotheses])
        for text, (ids, log_prob, score, is_finished) in zip(texts, hypotheses, strict=True):
            candidates.setdefault(text, Candidate(text, score, log_prob, is_finished, ids, is_source_truncated))
        return list(candidates.values())


def _blocks(lines: Iterable[str], max_lines: int) -> Iterator[list[str]]:
    block, num_characters = [], 0
    for line in lines:
        block.append(line)
        num_characters += len(line)
        if len(block) == max_lines or num_characters >= _BLOCK_CHARACTERS:
            yield block
            block, num_characters = [], 0
    if block:
        yield block


def load(run: str | Path | RunFolder, *, device: torch.device | str = "cpu", engine: str = "torch") -> Translator:
    """Load a finished run with an engine of ENGINES. Raise ModelError if the run is missing or damaged.

    Decoding uses fp32 matrix products unless the config asks for bf16, so that batches do not change results.
    """
    folder = run if isinstance(run, RunFolder) else find_run(run)
    if engine not in ENGINES:
        raise UsageError("--engine", f"found {engine!r}, expected one of {', '.join(map(repr, ENGINES))}")
    folder.require_finished()
    config, tokenizer = folder.config(), folder.tokenizer()
    device = torch.device(device)
    precision = "fp32" if config.ops.precision == "auto" else config.ops.precision
    ops = choose_ops(config.ops.model_copy(update={"precision": precision}), device)
    configure_library(device, ops)
    path = folder.final / MODEL
    parameters = read_parameters(path)
    vocabularies = vocabularies_of(tokenizer)
    _check_sizes(folder, config, vocabularies, parameters)
    with device:
        model = build_model(config, vocabularies, ops=ops)
    load_parameters(model, parameters, str(path))
    known_words = load_words(folder.path / WORDS)
    return Translator(model, tokenizer, config, known_words, ENGINES[engine](folder, model, tokenizer))


def _check_sizes(
    folder: RunFolder, config: Config, vocabularies: Vocabularies, parameters: dict[str, torch.Tensor]
) -> None:
    """Raise ModelError if the config has sizes that the parameters do not have, before memory is allocated for them.

    Building the model on the meta device takes a second, so it is only done if a size exceeds all sizes of parameters.
    """
    tables, settings = ("model.", "encoder.", "decoder."), flatten(config).items()
    sizes = [value for key, value in settings if key.startswith(tables) and isinstance(value, int)]
    largest = max([len(parameters), *(size for parameter in parameters.values() for size in parameter.shape)])
    if max(sizes) <= largest:
        return
    try:
        with torch.device("meta"):
            model = build_model(config, vocabularies, ops=Ops())
        check_shapes(parameters, shapes_of(model), str(folder.final / MODEL))
    except (RuntimeError, OverflowError, UsageError) as error:
        problem = f"does not describe a valid model ({error})"
        raise ModelError(str(folder.path / CONFIG), problem, "restore the run folder") from error


def decoding_settings(
    config: Config, overrides: Sequence[str], options: Mapping[str, int | None], *, many_allowed: bool
) -> DecodingSettings:
    """Return the run's decoding settings with `decoding.key=value` overrides and command-line options applied.

    `options` maps setting names to values, None if not given. Raises UsageError for overrides of other tables.
    """
    for override in overrides:
        if not override.startswith("decoding."):
            raise UsageError(f"--set {override}", "the run is already trained", "only decoding.* may be set here")
    tables = {"decoding": config.decoding.model_dump(exclude_none=True)}
    if not many_allowed:
        tables["decoding"]["num_best"] = 1  # the run's own setting, which is for JSON output
    for override in overrides:
        apply_override(tables, override)
    given = {name: value for name, value in options.items() if value is not None}
    places = {f"decoding.{name}": f"--{name.replace('_', '-')}" for name in given}
    for override in overrides:
        if option := places.get(override.partition("=")[0].strip()):
            raise UsageError(f"--set {override}", f"also given as {option}, expected once", "keep one of the values")
    origin = Origin("the run's config.toml", "", tuple(overrides), places)
    settings = check_table({**tables["decoding"], **given}, "decoding", DecodingSettings, origin)
    if settings.num_best > 1 and not many_allowed:
        raise UsageError("--num-best", "several translations do not fit on one line", "add --json")
    return settings
