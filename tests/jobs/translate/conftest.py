"""Tiny Transformers with random parameters, in this package and in CTranslate2."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from translator.config import Config, load_config
from translator.decoding.rules import SUPPRESSED
from translator.jobs.translate.conversion import convert
from translator.jobs.translate.engines import CTranslate2Engine, TorchEngine
from translator.models.interface import AnyModel
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.model import build_model
from translator.text.sources import read_split
from translator.text.tokenizer import Tokenizer
from translator.text.tokenizer_training import train_tokenizer

DEMO = Path(__file__).parents[3] / "configs" / "demo.toml"
TINY = [
    "model.dim=32", "model.feed_forward_dim=48", "encoder.num_layers=2", "decoder.num_layers=1",
    "tokenizer.vocab_size=320", "tokenizer.max_sentences=300",
]  # fmt: skip
LEARNED_POSITIONS = ["model.positions=learned", "model.max_positions=40"]
_TOKENIZERS: dict[bool, Tokenizer] = {}


class Engines(NamedTuple):
    """Both engines for one model."""

    torch: TorchEngine
    ctranslate2: CTranslate2Engine
    tokenizer: Tokenizer


def both_engines(
    overrides: Sequence[str], folder: Path, *, biases: Sequence[tuple[int, float]] = (), suppressed: float = -30.0
) -> Engines:
    """Return both engines for a model with random parameters.

    `biases` are added to the output biases of some tokens; those of suppressed tokens are set, as training makes them
    almost impossible.
    """
    config, tokenizer, model = random_model(overrides)
    with torch.no_grad():
        model.output.bias[SUPPRESSED] = suppressed
        for token, bias in biases:
            model.output.bias[token] += bias
    folder.mkdir()
    convert(config, model, tokenizer).save(str(folder))
    return Engines(TorchEngine(model), CTranslate2Engine(folder, model, tokenizer), tokenizer)


def random_model(overrides: Sequence[str]) -> tuple[Config, Tokenizer, AnyModel]:
    """Return a config, its tokenizer, and its model with random parameters, none of them zero."""
    config = load_config(DEMO, [*TINY, *overrides])
    tokenizer = _tokenizer_of(config)
    torch.manual_seed(5)
    model = build_model(config, Vocabularies.of(tokenizer), ops=Ops()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return config, tokenizer, model


def _tokenizer_of(config: Config) -> Tokenizer:
    """Return the tokenizer of a part of the demo corpus, trained once."""
    joint = config.tokenizer.joint
    if joint not in _TOKENIZERS:
        _TOKENIZERS[joint] = train_tokenizer(read_split(config.corpus, "train"), config.tokenizer)
    return _TOKENIZERS[joint]


def sources_of(tokenizer: Tokenizer) -> list[list[int]]:
    """Return encoded sentences of several lengths."""
    lines = read_split(load_config(DEMO).corpus, "validation").source[:12]
    return tokenizer.encode_source([*lines, lines[0].split()[0], "ß €"])
