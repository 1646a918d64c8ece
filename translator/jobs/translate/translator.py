"""A finished run, loaded: text in, translations out, one for each line and in its order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import Config, apply_override, check_table, flatten
from translator.config_errors import Origin
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.settings import DecodingSettings
from translator.errors import ModelError, UsageError
from translator.jobs.translate.build import build_model, vocabularies_of
from translator.jobs.translate.engines import ENGINES, Engine, TorchEngine
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops, choose_ops
from translator.runs.folder import CONFIG, WORDS, RunFolder
from translator.text.tokenizer import Tokenizer
from translator.text.words import load_words, words
from translator.training.checkpoint import MODEL, check_shapes, load_parameters, read_parameters, shapes_of

MOST_PIECES = 1024
"""Of longer sources only the last pieces are translated, with a notice: no model here was trained on such lengths."""
MOST_EXAMPLES, LONGEST_EXAMPLE = 10, 60
"""What a notice shows: so many things, so many characters of each."""
BLOCK_LINES = 2000
"""Lines that are sorted by length and translated together; the first output waits for one block."""


def default_batch_size(device: torch.device) -> int:
    """Return the number of sentences to decode together: a GPU decodes 1,000 in about the time of 100."""
    return 1024 if device.type == "cuda" else 128


class Candidate(NamedTuple):
    """One translation of a sentence."""

    text: str
    score: float  # what candidates are ranked by, see decoding/hypothesis.py
    log_prob: float
    is_finished: bool  # False where it was cut at its longest length
    ids: tuple[int, ...]  # its pieces, without the end mark
    is_whole: bool = True  # False where only the end of a source too long was translated


class Translator:
    """A trained model with its tokenizer. Made by `load`; `translate` is all that most callers need.

    The search is the engine's: another one than ours may stand in.
    """

    def __init__(
        self,
        model: AnyModel,
        tokenizer: Tokenizer,
        config: Config,
        known: frozenset[str],
        engine: Engine | None = None,
    ) -> None:
        self.model, self.tokenizer, self.config, self.known = model.eval(), tokenizer, config, known
        self.engine = engine or TorchEngine(self.model)
        self.most_pieces = min(MOST_PIECES, model.max_source_length or MOST_PIECES)

    def translate(
        self, lines: Sequence[str], settings: DecodingSettings | None = None, *, batch_size: int | None = None
    ) -> list[str]:
        """The best translation of each line; an empty one for an empty one."""
        return [candidates[0].text for candidates in self.candidates(lines, settings, batch_size=batch_size)]

    def candidates(
        self,
        lines: Iterable[str],
        settings: DecodingSettings | None = None,
        *,
        batch_size: int | None = None,
        block_lines: int = BLOCK_LINES,
    ) -> Iterator[list[Candidate]]:
        """Each line's `num_best` translations, best first, block by block as the lines come in.

        By default, the batch size depends on the device, see `default_batch_size`.
        """
        batch_size = batch_size or default_batch_size(self.model.output.weight.device)
        remaining = iter(lines)
        while block := list(islice(remaining, block_lines)):
            yield from self.translate_block(block, settings or self.config.decoding, batch_size)

    def translate_block(self, lines: list[str], settings: DecodingSettings, batch_size: int) -> list[list[Candidate]]:
        """Search for all lines that are not blank, and put the results in their places."""
        sources = self.tokenizer.encode_source([line.strip() for line in lines])
        filled = [index for index, line in enumerate(lines) if line.strip()]
        cut = [sources[index][-self.most_pieces :] for index in filled]
        results = self.engine.search(cut, settings, batch_size=batch_size)
        found: list[list[Hypothesis]] = [[] for _ in lines]
        for index, hypotheses in zip(filled, results, strict=True):
            found[index] = hypotheses
        return [self.texts(one, len(ids) <= self.most_pieces) for one, ids in zip(found, sources, strict=True)]

    def texts(self, hypotheses: list[Hypothesis], is_whole: bool) -> list[Candidate]:
        """Pieces back to text, each text once."""
        if not hypotheses:
            return [Candidate("", 0.0, 0.0, True, ())]
        texts = self.tokenizer.decode_target([one.ids for one in hypotheses])
        found: dict[str, Candidate] = {}
        for text, one in zip(texts, hypotheses, strict=True):
            found.setdefault(text, Candidate(text, one.score, one.log_prob, one.is_finished, one.ids, is_whole))
        return list(found.values())


class Remarks:
    """Gathers, line by line, what a reader of the translations should know of them, in as much memory as it shows."""

    def __init__(self, translator: Translator) -> None:
        self.known, self.most_pieces, self.line = translator.known, translator.most_pieces, 0
        self.unknown, self.shortened, self.endless = Examples(), Examples(), Examples()

    def see(self, source: str, best: Candidate) -> None:
        """The next line and its translation."""
        self.line += 1
        for word in words(source):
            if word not in self.known:
                self.unknown.add(word)
        if not best.is_whole:
            self.shortened.add(str(self.line))
        if not best.is_finished:
            self.endless.add(str(self.line))

    def notices(self) -> list[str]:
        """Words that training never saw, lines cut short, translations without an end."""
        remarks = {
            "not among the training words, so do not trust them:": self.unknown,
            f"longer than {self.most_pieces} pieces, only the end was translated: line": self.shortened,
            "no end was found, the translation is cut at its longest length: line": self.endless,
        }
        return [f"{remark} {examples}" for remark, examples in remarks.items() if examples.first]


class Examples:
    """The first few of many things, each once, and whether there were more."""

    def __init__(self) -> None:
        self.first: dict[str, None] = {}
        self.has_more = False

    def add(self, one: str) -> None:
        """One more of them."""
        if len(self.first) < MOST_EXAMPLES:
            self.first[one] = None
        else:
            self.has_more |= one not in self.first

    def __str__(self) -> str:
        return ", ".join(one[:LONGEST_EXAMPLE] for one in self.first) + (" and more" if self.has_more else "")


def load(run: str | Path | RunFolder, *, device: torch.device | str = "cpu", engine: str = "torch") -> Translator:
    """Load a finished run, to be searched by a name in ENGINES. Raises ModelError where there is none or it is damaged.

    Decoding uses fp32 products unless the config asks for bf16, so that a batch equals its rows.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(Path(run))
    if engine not in ENGINES:
        raise UsageError("--engine", f"found {engine!r}, expected one of {', '.join(map(repr, ENGINES))}")
    folder.require_finished()
    config, tokenizer = folder.config(), folder.tokenizer()
    device = torch.device(device)
    precision = "fp32" if config.ops.precision == "auto" else config.ops.precision
    ops = choose_ops(config.ops.model_copy(update={"precision": precision}), device)
    place = str(folder.final / MODEL)
    weights = read_parameters(folder.final / MODEL)
    check_sizes(folder, config, vocabularies_of(tokenizer), weights)
    with device:
        model = build_model(config, vocabularies_of(tokenizer), ops=ops)
    load_parameters(model, weights, place)
    known = load_words(folder.path / WORDS)
    return Translator(model, tokenizer, config, known, ENGINES[engine](folder, model, tokenizer))


def check_sizes(
    folder: RunFolder, config: Config, vocabularies: Vocabularies, weights: dict[str, torch.Tensor]
) -> None:
    """Before memory is asked for: raise ModelError for a config of sizes that the weights do not bear out.

    The model is built without memory for that, but as this takes a second, only where a size is larger than all of theirs.
    """
    tables = {
        key: value for key, value in flatten(config).items() if key.split(".")[0] in ("model", "encoder", "decoder")
    }
    largest = max([len(weights), *(size for weight in weights.values() for size in weight.shape)])
    if max(value for value in tables.values() if isinstance(value, int)) <= largest:
        return
    try:
        with torch.device("meta"):
            model = build_model(config, vocabularies, ops=Ops())
        check_shapes(weights, shapes_of(model), str(folder.final / MODEL))
    except (RuntimeError, OverflowError, UsageError) as error:
        raise ModelError(
            str(folder.path / CONFIG), f"describes no model ({error})", "restore the run folder"
        ) from error


def decoding_settings(
    config: Config, overrides: Sequence[str], flags: Mapping[str, int | None], *, many_allowed: bool
) -> DecodingSettings:
    """The run's decoding table with `decoding.key=value` changes and those of options of their own, None: not given.

    Raises UsageError for any other key.
    """
    for override in overrides:
        if not override.startswith("decoding."):
            raise UsageError(f"--set {override}", "the run is trained already", "only decoding.* may be set here")
    table = {"decoding": config.decoding.model_dump(exclude_none=True)}
    if not many_allowed:
        table["decoding"]["num_best"] = 1  # a run that asks for more means JSON
    for override in overrides:
        apply_override(table, override)
    given = {name: value for name, value in flags.items() if value is not None}
    options = {f"decoding.{name}": f"--{name.replace('_', '-')}" for name in given}
    origin = Origin("the run's config.toml", "", tuple(overrides), options)
    settings = check_table({**table["decoding"], **given}, "decoding", DecodingSettings, origin)
    if settings.num_best > 1 and not many_allowed:
        raise UsageError("--num-best", "several translations do not fit one line", "add --json")
    return settings
