"""A finished run, loaded: text in, translations out, one for each line and in its order."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import Config, Origin, apply_override, check_table
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.settings import DecodingSettings
from translator.errors import ModelError, UsageError
from translator.experiment.build import build_model, vocabularies_of
from translator.experiment.engines import ENGINES, Engine, TorchEngine
from translator.experiment.run_folder import WORDS, RunFolder
from translator.models.interface import AnyModel
from translator.ops.choice import choose_ops
from translator.text.tokenizer import Tokenizer
from translator.text.words import load_words, words
from translator.training.checkpoint import MODEL, load_weights, read_weights

MOST_PIECES = 1024
"""Longer sources keep their last pieces only, with a notice: no model here was trained on such lengths."""
BLOCK_LINES = 2000
"""Lines that are sorted by length and translated together; the first output waits for one block."""


class Candidate(NamedTuple):
    """One translation of a sentence."""

    text: str
    score: float  # what candidates are ranked by, see decoding/hypothesis.py
    log_prob: float
    is_finished: bool  # False where it was cut at its longest length
    ids: tuple[int, ...]  # its pieces, without the end mark


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

    def translate(
        self, lines: Sequence[str], settings: DecodingSettings | None = None, *, batch_size: int = 64
    ) -> list[str]:
        """The best translation of each line; an empty one for an empty one."""
        return [candidates[0].text for candidates in self.candidates(lines, settings, batch_size=batch_size)]

    def candidates(
        self,
        lines: Iterable[str],
        settings: DecodingSettings | None = None,
        *,
        batch_size: int = 64,
        block_lines: int = BLOCK_LINES,
    ) -> Iterator[list[Candidate]]:
        """Each line's `num_best` translations, best first, block by block as the lines come in."""
        remaining = iter(lines)
        while block := list(islice(remaining, block_lines)):
            yield from self.translate_block(block, settings or self.config.decoding, batch_size)

    def translate_block(self, lines: list[str], settings: DecodingSettings, batch_size: int) -> list[list[Candidate]]:
        """Search for all lines that are not blank, and put the results in their places."""
        sources = [ids[-MOST_PIECES:] for ids in self.tokenizer.encode_source([line.strip() for line in lines])]
        filled = [index for index, line in enumerate(lines) if line.strip()]
        results = self.engine.search([sources[index] for index in filled], settings, batch_size=batch_size)
        found: list[list[Hypothesis]] = [[] for _ in lines]
        for index, hypotheses in zip(filled, results, strict=True):
            found[index] = hypotheses
        return [self.texts(hypotheses) for hypotheses in found]

    def texts(self, hypotheses: list[Hypothesis]) -> list[Candidate]:
        """Pieces back to text, each text once; a line break that byte pieces may spell becomes a space."""
        if not hypotheses:
            return [Candidate("", 0.0, 0.0, True, ())]
        texts = self.tokenizer.decode_target([one.ids for one in hypotheses])
        found: dict[str, Candidate] = {}
        for text, one in zip(texts, hypotheses, strict=True):
            line = text.replace("\n", " ").replace("\r", " ")
            found.setdefault(line, Candidate(line, one.score, one.log_prob, one.is_finished, one.ids))
        return list(found.values())

    def notices(self, lines: Sequence[str]) -> list[str]:
        """What a reader of the translations should know of the input: words that training never saw, lines cut short."""
        unknown = list(dict.fromkeys(word for line in lines for word in words(line) if word not in self.known))
        found = []
        if unknown:
            more = f" and {len(unknown) - 10:,} more" if len(unknown) > 10 else ""
            found.append(f"not among the training words, so do not trust them: {', '.join(unknown[:10])}{more}")
        for number, line in enumerate(lines, 1):
            if len(line) > MOST_PIECES and len(self.tokenizer.encode_source([line])[0]) > MOST_PIECES:
                found.append(f"line {number}: longer than {MOST_PIECES} pieces, only the end of it was translated")
        return found


def load(run: str | Path | RunFolder, *, device: torch.device | str = "cpu", engine: str = "torch") -> Translator:
    """Load a finished run, to be searched by a name in ENGINES. Raises ModelError where there is none or it is damaged.

    Decoding uses fp32 products unless the config asks for bf16, so that a batch equals its rows.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(Path(run))
    if engine not in ENGINES:
        raise UsageError("--engine", f"found {engine!r}, expected one of {', '.join(map(repr, ENGINES))}")
    folder.require_finished()
    config, tokenizer = folder.config(), Tokenizer.load(folder.tokenizer)
    if tokenizer.fingerprint != folder.record().get("tokenizer"):
        raise ModelError(str(folder.tokenizer), "does not match the model (SHA-256 differs)", "restore the run folder")
    device = torch.device(device)
    precision = "fp32" if config.ops.precision == "auto" else config.ops.precision
    ops = choose_ops(config.ops.model_copy(update={"precision": precision}), device)
    with device:
        model = build_model(config, vocabularies_of(tokenizer), ops=ops)
    weights = folder.final / MODEL
    load_weights(model, read_weights(weights), str(weights))
    known = load_words(folder.path / WORDS)
    return Translator(model, tokenizer, config, known, ENGINES[engine](folder, model, tokenizer))


def decoding_settings(config: Config, overrides: Sequence[str], *, many_allowed: bool) -> DecodingSettings:
    """The run's decoding table with `decoding.key=value` changes. Raises UsageError for any other key."""
    for override in overrides:
        if not override.startswith("decoding."):
            raise UsageError(f"--set {override}", "the run is trained already", "only decoding.* may be set here")
    table = {"decoding": config.decoding.model_dump(exclude_none=True)}
    for override in overrides:
        apply_override(table, override)
    settings = check_table(
        table["decoding"], "decoding", DecodingSettings, Origin("the run's config.toml", "", tuple(overrides))
    )
    if settings.num_best > 1 and not many_allowed:
        raise UsageError("--num-best", "several translations do not fit one line", "add --json")
    return settings
