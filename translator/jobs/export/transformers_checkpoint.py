"""Write a Transformer as a checkpoint of the library `transformers`, which computes the same function.

    norm = "pre"    PegasusForConditionalGeneration        both with MarianTokenizer, and both read by
    norm = "post"   MarianMTModel                          AutoModelForSeq2SeqLM and AutoTokenizer

Both compute dot-product attention with sinusoidal positions, as ours, with four differences. Their positions have all sines
in the first half and all cosines in the second, where ours alternate, so the model width is permuted everywhere.
Their keys have biases, which are zero. The bias of the output layer is called `final_logits_bias`. The scores are always scaled
by 1 / sqrt(width of a head), so the factor of another score goes into the query projection.
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from translator.attention.core import Attention
from translator.config import Config
from translator.decoding.rules import SUPPRESSED
from translator.errors import UsageError
from translator.jobs.translate.conversion import MAX_POSITIONS, attention_tables, check_convertible, dot_scale
from translator.jobs.translate.translator import MAX_SOURCE_TOKENS, Translator
from translator.models.layers import Embeddings
from translator.models.positions import sinusoids
from translator.models.transformer import Transformer, TransformerSettings
from translator.models.transformer_layers import EncoderLayer
from translator.storage.files import write_part
from translator.text.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from translator.training.checkpoint import serialize

_CLASSES = {"pre": ("pegasus", "PegasusForConditionalGeneration"), "post": ("marian", "MarianMTModel")}
_UNUSED_BIAS = -1e9
"""Output bias of tokens that fill up the smaller of two vocabularies."""
_TARGET_VOCABULARY = "target_vocab.json"
FILES = frozenset({
    "config.json", "generation_config.json", "model.safetensors", "source.spm", "target.spm", "tokenizer_config.json",
    "vocab.json", _TARGET_VOCABULARY,
})  # fmt: skip
"""All files that a checkpoint may have; one vocabulary for both languages is written once."""


def check_exportable(config: Config) -> None:
    """Raise UsageError about the first setting that transformers does not support."""
    check_convertible(config, "transformers", "train the run again with another value")
    model = cast(TransformerSettings, config.model)
    for key in ("keep", "keep_patterns"):
        if found := getattr(config.tokenizer, key):
            problem = f"the run was trained with {found!r}, but transformers does not protect strings"
            raise UsageError(f"tokenizer.{key}", problem, "train the run again without protected strings")
    if model.positions != "sinusoidal":
        problem = f"the run was trained with {model.positions!r}, but transformers has only sinusoidal positions here"
        raise UsageError("model.positions", problem, "train the run again with sinusoidal positions")


def write_checkpoint(translator: Translator, folder: Path, *, usual_length: float) -> None:
    """Write all files of the checkpoint into a folder; sentences have `usual_length` tokens on average.

    Raises UsageError if transformers does not support the model.
    """
    check_exportable(translator.config)
    tokenizer = translator.tokenizer
    tables = {
        "config.json": _model_config(translator.config, tokenizer),
        "generation_config.json": _generation_config(translator.config, usual_length),
        "tokenizer_config.json": _tokenizer_config(translator.config, tokenizer),
        "vocab.json": _ids(tokenizer.source_tokens(range(tokenizer.source_size))),
    }
    if not tokenizer.is_joint:
        tables[_TARGET_VOCABULARY] = _ids(tokenizer.target_tokens(range(tokenizer.target_size)))
    for name, table in tables.items():
        write_part(folder / name, json.dumps(table, indent=2, ensure_ascii=False).encode())
    for side, model in zip(("source", "target"), tokenizer.models, strict=True):
        write_part(folder / f"{side}.spm", model)
    parameters = dict(_parameters(translator.config, cast(Transformer, translator.model), _vocab_size(tokenizer)))
    contiguous = {name: parameter.detach().cpu().contiguous() for name, parameter in parameters.items()}
    write_part(folder / "model.safetensors", serialize(contiguous, {"format": "pt"}))


def _ids(tokens: list[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}


def _vocab_size(tokenizer: Tokenizer) -> int:
    """Return the size of the only vocabulary that Pegasus has; the smaller of our two is filled up."""
    return max(tokenizer.source_size, tokenizer.target_size)


def _model_config(config: Config, tokenizer: Tokenizer) -> dict[str, object]:
    model = cast(TransformerSettings, config.model)
    encoder, decoder, _ = attention_tables(config).values()
    model_type, class_name = _CLASSES[model.norm]
    is_shared = model.tied_embeddings == "all"
    return {
        "architectures": [class_name],
        "model_type": model_type,
        "is_encoder_decoder": True,
        "vocab_size": _vocab_size(tokenizer),
        "tie_word_embeddings": is_shared,
        **({"share_encoder_decoder_embeddings": is_shared} if model_type == "marian" else {}),
        "scale_embedding": True,
        "d_model": model.dim,
        "encoder_layers": config.encoder.model_dump()["num_layers"],
        "decoder_layers": config.decoder.model_dump()["num_layers"],
        "encoder_attention_heads": encoder.num_heads,
        "decoder_attention_heads": decoder.num_heads,
        "encoder_ffn_dim": model.feed_forward_dim,
        "decoder_ffn_dim": model.feed_forward_dim,
        "activation_function": model.activation,
        "max_position_embeddings": MAX_POSITIONS,
        "dropout": model.dropout,
        "activation_dropout": model.activation_dropout,
        "attention_dropout": decoder.dropout,
        **_special_tokens(),
        "dtype": "float32",
    }


def _special_tokens() -> dict[str, int | None]:
    return {
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "decoder_start_token_id": BOS,
        "forced_eos_token_id": None,
    }


def _generation_config(config: Config, usual_length: float) -> dict[str, object]:
    """Return the decoding settings.

    transformers divides log-probabilities by length^penalty, we by ((5 + length) / 6)^penalty. Its penalty is chosen so that,
    at the usual length, one more token has the same effect: the derivatives of the logarithms are equal.
    """
    settings = config.decoding
    values: dict[str, object] = {
        **_special_tokens(),
        "num_beams": settings.beam_size if settings.search == "beam" else 1,
        "do_sample": settings.search == "sampling",
        "max_length": settings.max_target_length(MAX_SOURCE_TOKENS) + 1,  # counts BOS
        "suppress_tokens": SUPPRESSED,
    }
    if settings.search == "beam":
        penalty = settings.length_penalty * usual_length / (5 + usual_length)
        values |= {"length_penalty": round(penalty, 4)}
        values |= {"early_stopping": True if settings.early_stopping else "never"}
    if settings.search == "sampling":
        values |= {"temperature": settings.temperature, "top_k": settings.top_k, "top_p": settings.top_p}
    if settings.min_length:
        values["min_new_tokens"] = settings.min_length
    return values


def _tokenizer_config(config: Config, tokenizer: Tokenizer) -> dict[str, object]:
    names = zip(("pad_token", "unk_token", "bos_token", "eos_token"), (PAD, UNK, BOS, EOS), strict=True)
    return {
        "tokenizer_class": "MarianTokenizer",
        **{name: tokenizer.target_tokens([token])[0] for name, token in names},
        "source_lang": config.corpus.source_language,
        "target_lang": config.corpus.target_language,
        "separate_vocabs": not tokenizer.is_joint,
        "model_max_length": MAX_SOURCE_TOKENS,
        "truncation_side": "left",
        "clean_up_tokenization_spaces": False,
    }


def _parameters(config: Config, model: Transformer, vocab_size: int) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and value of each parameter."""
    settings = cast(TransformerSettings, config.model)
    width_D = torch.cat([torch.arange(first, settings.dim, 2) for first in (0, 1)])  # all sines, then all cosines
    num_unused = vocab_size - len(model.embeddings.bias_V)
    bias_V = nn.functional.pad(model.embeddings.bias_V, (0, num_unused), value=_UNUSED_BIAS)
    yield "final_logits_bias", bias_V.unsqueeze(0)
    for name, weight_VD in _embeddings(settings, model.embeddings).items():
        padded_VD = nn.functional.pad(weight_VD[:, width_D], (0, 0, 0, vocab_size - len(weight_VD)))
        yield name, padded_VD.clone()  # two names may not share memory
    encoder_scale, *decoder_scales = (dot_scale(table, settings.dim) for table in attention_tables(config).values())
    scales = {"encoder": [encoder_scale], "decoder": decoder_scales}
    for half, layers in (("encoder", model.encoder_layers), ("decoder", model.decoder_layers)):
        if settings.norm == "pre":  # Pegasus stores its positions
            yield f"model.{half}.embed_positions.weight", sinusoids(0, MAX_POSITIONS, settings.dim)[:, width_D]
            yield from _norm(f"model.{half}.layer_norm", getattr(model, f"{half}_norm"), width_D)
        for number, layer in enumerate(layers):
            yield from _layer(f"model.{half}.layers.{number}", layer, width_D, cast(list[float], scales[half]))


def _embeddings(settings: TransformerSettings, embeddings: Embeddings) -> dict[str, Tensor]:
    """Return the matrices over the vocabulary. Pegasus always has a shared one, Marian only if there is no other."""
    matrices: dict[str, Tensor] = {"model.shared.weight": embeddings.target_VD}
    if settings.tied_embeddings == "all":
        return matrices
    own: dict[str, Tensor] = {
        "model.encoder.embed_tokens.weight": embeddings.source_VD,
        "model.decoder.embed_tokens.weight": embeddings.target_VD,
        "lm_head.weight": embeddings.weight_VD,
    }
    return own if settings.norm == "post" else matrices | own


def _layer(name: str, layer: Any, width_D: Tensor, scales: Sequence[float]) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters of an encoder or decoder layer; `scales` are those of its attentions."""
    if isinstance(layer, EncoderLayer):
        attentions = {"self_attn": (layer.self_attention, layer.attention_residual)}
    else:
        attentions = {
            "self_attn": (layer.self_attention, layer.self_residual),
            "encoder_attn": (layer.cross_attention, layer.cross_residual),
        }
    for (part, (attention, residual)), scale in zip(attentions.items(), scales, strict=True):
        yield from _attention(f"{name}.{part}", attention, width_D, scale)
        yield from _norm(f"{name}.{part}_layer_norm", residual.norm, width_D)
    inner, outer = layer.feed_forward.inner_proj, layer.feed_forward.outer_proj
    yield f"{name}.fc1.weight", inner.weight[:, width_D]
    yield f"{name}.fc1.bias", inner.bias
    yield f"{name}.fc2.weight", outer.weight[width_D]
    yield f"{name}.fc2.bias", outer.bias[width_D]
    yield from _norm(f"{name}.final_layer_norm", layer.forward_residual.norm, width_D)


def _attention(name: str, attention: Attention, width_D: Tensor, scale: float) -> Iterator[tuple[str, Tensor]]:
    """Yield the four projections; heads are in the same order on both sides, so only the model's side is permuted."""
    # Undoes the library's 1 / sqrt(width of a head).
    factor = scale * math.sqrt(attention.context_dim // attention.num_heads)
    for part in ("query", "key", "value", "output"):
        projection = getattr(attention, f"{part}_proj")
        weight, bias = getattr(projection, "weight", None), getattr(projection, "bias", None)
        weight = torch.eye(len(width_D)) if weight is None else weight
        bias = torch.zeros(len(width_D)) if bias is None else bias
        weight, bias = (weight[width_D], bias[width_D]) if part == "output" else (weight[:, width_D], bias)
        weight, bias = (weight * factor, bias * factor) if part == "query" else (weight, bias)
        short = "out" if part == "output" else part[0]
        yield f"{name}.{short}_proj.weight", weight
        yield f"{name}.{short}_proj.bias", bias


def _norm(name: str, norm: Any, width_D: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", norm.weight[width_D]
    yield f"{name}.bias", norm.bias[width_D]
