"""A Transformer of ours in the layout of CTranslate2 (github.com/OpenNMT/CTranslate2), whose engine computes the same.

CTranslate2 knows encoder-decoders with full attention by dot products; anything else is refused, by the setting's name.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from translator.attention import SCORES
from translator.attention.core import Attention
from translator.attention.interface import AttentionSettings
from translator.config import Config
from translator.errors import MachineError, UsageError
from translator.models.interface import AnyModel
from translator.models.transformer import Residual, Transformer, TransformerSettings
from translator.text.tokenizer import BOS, EOS, UNK, Tokenizer

MOST_POSITIONS = 4096
"""Rows of the exported table of positions where the model itself has no last one."""
DOT_PRODUCT_MECHANISMS = ("full", "flash")
ACTIVATIONS = {"relu": "RELU", "gelu": "GELU"}  # GELU by the error function, as ours


def library() -> Any:
    """The package ctranslate2. Raises MachineError where it is not installed."""
    try:
        import ctranslate2
    except ImportError as error:
        advice = "type: pip install ctranslate2"
        raise MachineError("ctranslate2", f"the package cannot be imported ({error})", advice) from error
    return ctranslate2


def convert(config: Config, model: AnyModel, tokenizer: Tokenizer) -> Any:
    """The model as a `TransformerSpec` with copies of its weights. Raises UsageError where CTranslate2 has no such model."""
    check_convertible(config)
    transformer, specs = cast(Transformer, model), library().specs
    settings = cast(TransformerSettings, config.model)
    tables = attention_tables(config)
    common = {
        "pre_norm": settings.norm == "pre",
        "activation": specs.Activation[ACTIVATIONS[settings.activation]],
    }
    heads = [tables[f"{name}.self_attention"].num_heads for name in ("encoder", "decoder")]
    spec = specs.TransformerSpec(
        specs.TransformerEncoderSpec(len(transformer.encoder_layers), heads[0], **common),
        specs.TransformerDecoderSpec(len(transformer.decoder_layers), heads[1], **common),
    )
    name_pieces(spec, tokenizer)
    fill(spec, transformer, settings, [dot_scale(table, settings.dim) for table in tables.values()])
    spec.validate()
    return spec


def check_convertible(config: Config) -> None:
    """Refuse, by the first setting that is in the way, what CTranslate2 cannot compute."""
    if config.architecture != "transformer":
        refuse("model.architecture", config.architecture, "CTranslate2 runs Transformers only")
    tables, dim = attention_tables(config), cast(TransformerSettings, config.model).dim
    for key, table in tables.items():
        if table.mechanism not in DOT_PRODUCT_MECHANISMS:
            refuse(f"{key}.mechanism", table.mechanism, "CTranslate2 has full attention (full, flash) only")
        if dot_scale(table, dim) is None:
            refuse(f"{key}.score", table.score, "CTranslate2 compares by dot products (scaled_dot, dot, general) only")
        if table.dim not in (None, dim):
            refuse(f"{key}.dim", table.dim, f"in CTranslate2 queries are as wide as the model, {dim}")
    own, cross = (tables[f"decoder.{name}_attention"].num_heads for name in ("self", "cross"))
    if own != cross:
        refuse("decoder.cross_attention.num_heads", cross, f"CTranslate2 takes that of decoder.self_attention, {own}")


def refuse(key: str, found: object, why: str) -> None:
    """Raise UsageError about a setting."""
    raise UsageError(key, f"the run was trained with {found!r}, but {why}", "this run translates with --engine torch")


def attention_tables(config: Config) -> dict[str, AttentionSettings]:
    """The settings of a Transformer's three attentions by their keys."""
    names = ("encoder.self_attention", "decoder.self_attention", "decoder.cross_attention")
    return {name: getattr(getattr(config, name.split(".")[0]), name.split(".")[1]) for name in names}


def dot_scale(table: AttentionSettings, dim: int) -> float | None:
    """The factor on query . key; None where the score is no dot product."""
    return SCORES[table.score](table.num_heads, dim // table.num_heads, dim // table.num_heads).dot_scale


def name_pieces(spec: Any, tokenizer: Tokenizer) -> None:
    """Both vocabularies and the marks. Sources get their end mark from CTranslate2."""
    spec.register_source_vocabulary(tokenizer.source_tokens(range(tokenizer.source_size)))
    spec.register_target_vocabulary(tokenizer.target_tokens(range(tokenizer.target_size)))
    config = spec.config
    config.unk_token, config.bos_token, config.eos_token = tokenizer.target_tokens([UNK, BOS, EOS])
    config.decoder_start_token, config.add_source_eos = config.bos_token, True


def fill(spec: Any, model: Transformer, settings: TransformerSettings, scales: Sequence[float | None]) -> None:
    """Copy every weight; `scales` are those of the attentions in encoder, decoder and across."""
    encoder, decoder, embeddings = spec.encoder, spec.decoder, model.embeddings
    encoder.embeddings[0].weight, decoder.embeddings.weight = array(embeddings.source_VD), array(embeddings.target_VD)
    decoder.projection.weight, decoder.projection.bias = array(model.output.weight), array(model.output.bias)
    for half, positions in ((encoder, model.source_positions), (decoder, model.target_positions)):
        half.position_encodings.encodings = array(
            positions(torch.zeros(1, positions.max_length or MOST_POSITIONS, settings.dim))[0]
        )
    if settings.norm == "pre":
        fill_norm(encoder.layer_norm, model.encoder_norm)
        fill_norm(decoder.layer_norm, model.decoder_norm)
    own, past, across = scales
    for layer_spec, layer in zip(encoder.layer, cast(Any, model.encoder_layers), strict=True):
        fill_attention(layer_spec.self_attention, layer.self_attention, layer.attention_residual, scale=own)
        fill_feed_forward(layer_spec.ffn, layer)
    for layer_spec, layer in zip(decoder.layer, cast(Any, model.decoder_layers), strict=True):
        fill_attention(layer_spec.self_attention, layer.self_attention, layer.self_residual, scale=past)
        fill_attention(layer_spec.attention, layer.cross_attention, layer.cross_residual, scale=across)
        fill_feed_forward(layer_spec.ffn, layer)
    spec.config.layer_norm_epsilon = layer.forward_residual.norm.eps


def fill_attention(spec: Any, attention: Attention, residual: Residual, *, scale: float | None) -> None:
    """Projections side by side as CTranslate2 multiplies them: q k v where one sequence looks at itself, else q and k v."""
    dim = attention.context_dim
    query, key, value = (affine(one, dim) for one in (attention.query_proj, attention.key_proj, attention.value_proj))
    groups = [(query, key, value)] if len(spec.linear) == 2 else [(query,), (key, value)]
    for linear, group in zip(spec.linear, [*groups, (affine(attention.output_proj, dim),)], strict=True):
        linear.weight, linear.bias = (np.concatenate(parts) for parts in zip(*group, strict=True))
    spec.queries_scale = scale
    fill_norm(spec.layer_norm, residual.norm)


def affine(projection: nn.Module, dim: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(weight, bias) of a projection: the unit matrix where nothing is projected, zeros where there is no bias."""
    weight, bias = getattr(projection, "weight", None), getattr(projection, "bias", None)
    return array(torch.eye(dim) if weight is None else weight), array(torch.zeros(dim) if bias is None else bias)


def fill_feed_forward(spec: Any, layer: Any) -> None:
    """Both maps and their norm."""
    for linear, projection in (
        (spec.linear_0, layer.feed_forward.inner_proj),
        (spec.linear_1, layer.feed_forward.outer_proj),
    ):
        linear.weight, linear.bias = array(projection.weight), array(projection.bias)
    fill_norm(spec.layer_norm, layer.forward_residual.norm)


def fill_norm(spec: Any, norm: Any) -> None:
    """Scale and shift of a layer norm."""
    spec.gamma, spec.beta = array(norm.weight), array(norm.bias)


def array(weight: Tensor) -> NDArray[np.float32]:
    """A copy, since quantizing works in place."""
    return weight.detach().cpu().numpy().copy()
