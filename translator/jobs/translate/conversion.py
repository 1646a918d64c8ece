"""Convert a Transformer to the layout of CTranslate2 (github.com/OpenNMT/CTranslate2), which computes the same function.

CTranslate2 supports encoder-decoders with full dot-product attention. Other models are rejected; the error names the setting.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translator.attention import SCORES
from translator.attention.core import Attention
from translator.attention.interface import AttentionSettings
from translator.config import Config
from translator.errors import MachineError, UsageError
from translator.models.interface import AnyModel
from translator.models.transformer import Transformer, TransformerSettings
from translator.models.transformer_layers import Residual
from translator.text.tokenizer import BOS, EOS, UNK, Tokenizer

MAX_POSITIONS = 4096
"""Rows of the exported table of positions if the model itself has no limit."""
_DOT_PRODUCT_MECHANISMS = ("full", "flash")
_ACTIVATIONS = {"relu": "RELU", "gelu": "GELU"}  # both GELUs use the error function


def import_ctranslate2() -> Any:
    """Return the package ctranslate2. Raise MachineError if it is not installed."""
    try:
        import ctranslate2
    except ImportError as error:
        advice = "type: pip install ctranslate2"
        raise MachineError("ctranslate2", f"the package cannot be imported ({error})", advice) from error
    return ctranslate2


def convert(config: Config, model: AnyModel, tokenizer: Tokenizer) -> Any:
    """Return the model as a `TransformerSpec` with copies of its parameters.

    Raises UsageError if CTranslate2 does not support the model.
    """
    check_convertible(config)
    transformer, specs = cast(Transformer, model), import_ctranslate2().specs
    settings, tables = cast(TransformerSettings, config.model), attention_tables(config)
    activation = specs.Activation[_ACTIVATIONS[settings.activation]]
    options = {"pre_norm": settings.norm == "pre", "activation": activation}
    encoder_heads, decoder_heads, _ = (table.num_heads for table in tables.values())
    spec = specs.TransformerSpec(
        specs.TransformerEncoderSpec(len(transformer.encoder_layers), encoder_heads, **options),
        specs.TransformerDecoderSpec(len(transformer.decoder_layers), decoder_heads, **options),
    )
    spec.register_source_vocabulary(tokenizer.source_tokens(range(tokenizer.source_size)))
    spec.register_target_vocabulary(tokenizer.target_tokens(range(tokenizer.target_size)))
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = tokenizer.target_tokens([UNK, BOS, EOS])
    spec.config.decoder_start_token, spec.config.add_source_eos = spec.config.bos_token, True
    _fill(spec, transformer, settings, [dot_scale(table, settings.dim) for table in tables.values()])
    spec.validate()
    return spec


def check_convertible(
    config: Config, library: str = "CTranslate2", advice: str = "use --engine torch for this run"
) -> None:
    """Raise UsageError about the first setting that CTranslate2, or a library with the same attention, does not support."""

    def unsupported(key: str, value: object, why: str) -> UsageError:
        return UsageError(key, f"the run was trained with {value!r}, but {why}", advice)

    if config.architecture != "transformer":
        raise unsupported("model.architecture", config.architecture, f"{library} runs Transformers only")
    tables, dim = attention_tables(config), cast(TransformerSettings, config.model).dim
    for key, table in tables.items():
        if table.mechanism not in _DOT_PRODUCT_MECHANISMS:
            raise unsupported(f"{key}.mechanism", table.mechanism, f"{library} has only full attention (full, flash)")
        if dot_scale(table, dim) is None:
            why = f"{library} has only dot-product scores (scaled_dot, dot, general)"
            raise unsupported(f"{key}.score", table.score, why)
        if table.dim not in (None, dim):
            raise unsupported(f"{key}.dim", table.dim, f"in {library} queries have the width of the model, {dim}")
    _, own, cross = (table.num_heads for table in tables.values())
    if own != cross:
        why = f"{library} uses that of decoder.self_attention, {own}"
        raise unsupported("decoder.cross_attention.num_heads", cross, why)


def attention_tables(config: Config) -> dict[str, AttentionSettings]:
    """Return the settings of encoder self-attention, decoder self-attention and cross-attention by their keys."""
    keys = (("encoder", "self_attention"), ("decoder", "self_attention"), ("decoder", "cross_attention"))
    return {f"{half}.{name}": getattr(getattr(config, half), name) for half, name in keys}


def dot_scale(table: AttentionSettings, dim: int) -> float | None:
    """Return the factor on query . key, None if the score is not a dot product."""
    return SCORES[table.score](table.num_heads, dim // table.num_heads, dim // table.num_heads).dot_scale


def _fill(spec: Any, model: Transformer, settings: TransformerSettings, scales: Sequence[float | None]) -> None:
    """Copy all parameters; `scales` are in the order of `attention_tables`."""
    encoder, decoder, embeddings = spec.encoder, spec.decoder, model.embeddings
    encoder.embeddings[0].weight, decoder.embeddings.weight = _array(embeddings.source_VD), _array(embeddings.target_VD)
    _fill_linear(decoder.projection, model.output)
    for half, positions in ((encoder, model.source_positions), (decoder, model.target_positions)):
        # Adding positions to zeros gives the table of positions.
        zeros_1TD = torch.zeros(1, positions.max_length or MAX_POSITIONS, settings.dim)
        half.position_encodings.encodings = _array(positions(zeros_1TD)[0])
    if settings.norm == "pre":
        _fill_norm(encoder.layer_norm, model.encoder_norm)
        _fill_norm(decoder.layer_norm, model.decoder_norm)
    encoder_layers, decoder_layers = cast(Any, model.encoder_layers), cast(Any, model.decoder_layers)
    encoder_scale, decoder_scale, cross_scale = scales
    for layer_spec, layer in zip(encoder.layer, encoder_layers, strict=True):
        _fill_attention(layer_spec.self_attention, layer.self_attention, layer.attention_residual, scale=encoder_scale)
    for layer_spec, layer in zip(decoder.layer, decoder_layers, strict=True):
        _fill_attention(layer_spec.self_attention, layer.self_attention, layer.self_residual, scale=decoder_scale)
        _fill_attention(layer_spec.attention, layer.cross_attention, layer.cross_residual, scale=cross_scale)
    layer_specs = [*encoder.layer, *decoder.layer]
    for layer_spec, layer in zip(layer_specs, [*encoder_layers, *decoder_layers], strict=True):
        _fill_linear(layer_spec.ffn.linear_0, layer.feed_forward.inner_proj)
        _fill_linear(layer_spec.ffn.linear_1, layer.feed_forward.outer_proj)
        _fill_norm(layer_spec.ffn.layer_norm, layer.forward_residual.norm)
    spec.config.layer_norm_epsilon = layer.forward_residual.norm.eps


def _fill_attention(spec: Any, attention: Attention, residual: Residual, *, scale: float | None) -> None:
    """Copy the projections, concatenated as CTranslate2 multiplies them.

    Self-attention has two matrices, (query, key, value) and output; cross-attention has three, query, (key, value), output.
    """
    arrays = []
    for projection in (attention.query_proj, attention.key_proj, attention.value_proj, attention.output_proj):
        # Without a projection the matrix is the identity, and without a bias the bias is zero.
        weight, bias = getattr(projection, "weight", None), getattr(projection, "bias", None)
        weight = torch.eye(attention.context_dim) if weight is None else weight
        arrays.append((_array(weight), _array(torch.zeros(len(weight)) if bias is None else bias)))
    query, key, value, output = arrays
    groups = [(query, key, value)] if len(spec.linear) == 2 else [(query,), (key, value)]
    for linear, group in zip(spec.linear, [*groups, (output,)], strict=True):
        linear.weight, linear.bias = (np.concatenate(parts) for parts in zip(*group, strict=True))
    spec.queries_scale = scale
    _fill_norm(spec.layer_norm, residual.norm)


def _fill_linear(spec: Any, linear: Any) -> None:
    spec.weight, spec.bias = _array(linear.weight), _array(linear.bias)


def _fill_norm(spec: Any, norm: Any) -> None:
    spec.gamma, spec.beta = _array(norm.weight), _array(norm.bias)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    """Return a copy, since CTranslate2 quantizes in place."""
    return tensor.detach().cpu().numpy().copy()
