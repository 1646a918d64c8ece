"""CTranslate2 computes the same log-probabilities; models that it does not support are rejected."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.forced import forced_log_probs
from tests.jobs.translate.conftest import DEMO, LEARNED_POSITIONS, TINY, both_engines, sources_of
from translator.config import load_config
from translator.errors import UsageError
from translator.jobs.translate.conversion import check_convertible, convert
from translator.text.batches import EncodedLines
from translator.text.tokenizer import EOS

pytest.importorskip("ctranslate2", reason="needs the library: pip install ctranslate2")


def everywhere(**settings: object) -> list[str]:
    """Return overrides of all three attention layers."""
    layers = ("encoder.self_attention", "decoder.self_attention", "decoder.cross_attention")
    return [f"{layer}.{key}={value}" for layer in layers for key, value in settings.items()]


VARIANTS = {
    "pre": [],
    "post": ["model.norm=post"],
    "gelu": ["model.activation=gelu"],
    "learned": LEARNED_POSITIONS,
    "no positions": ["model.positions=none"],
    "tied output": ["model.tied_embeddings=output"],
    "untied": ["model.tied_embeddings=none"],
    "two vocabularies": ["model.tied_embeddings=output", "tokenizer.joint=false"],
    "one head": everywhere(num_heads=1),
    "different heads": ["encoder.self_attention.num_heads=8", "decoder.num_layers=2"],
    "dot": everywhere(score="dot"),
    "general": everywhere(score="general"),
    "scaled, unprojected": everywhere(projection="none"),
    "flash": everywhere(mechanism="flash", dropout=0),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_translation_has_the_same_log_probability_in_both_engines(tmp_path: Path, variant: str) -> None:
    engines = both_engines(VARIANTS[variant], tmp_path / "model")
    tokenizer = engines.tokenizer
    sources = [ids[-30:] for ids in sources_of(tokenizer)]
    targets = [[*ids[:20][::-1][1:], EOS] for ids in tokenizer.encode_target(["Der Hund schläft.", "ein Buch ß"] * 7)]
    source_BS, target_BT = (EncodedLines.of(ids).padded(np.arange(14))[0] for ids in (sources, targets))
    expected = forced_log_probs(engines.torch.model, source_BS, source_BS != 0, target_BT)
    scored = engines.ctranslate2.translator.score_batch(
        [tokenizer.source_tokens(ids[:-1]) for ids in sources], [tokenizer.target_tokens(ids[:-1]) for ids in targets]
    )
    assert [sum(result.log_probs) for result in scored] == pytest.approx(expected.tolist(), abs=2e-4)


def test_quantization_does_not_change_the_model(tmp_path: Path) -> None:
    engines = both_engines([], tmp_path / "model")
    model = engines.torch.model
    before = [parameter.clone() for parameter in model.parameters()]
    convert(load_config(DEMO, TINY), model, engines.tokenizer).optimize("int8")
    assert all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize(
    "override",
    [
        "decoder.cross_attention.score=additive",
        "encoder.self_attention.mechanism=window",
        "decoder.self_attention.mechanism=performer",
        "decoder.cross_attention.num_heads=2",
        "decoder.self_attention.dim=16",
    ],
)
def test_an_unsupported_setting_is_rejected_by_its_name(override: str) -> None:
    with pytest.raises(UsageError) as error:
        check_convertible(load_config(DEMO, [*TINY, override]))
    assert error.value.place == override.partition("=")[0]
    assert "CTranslate2" in error.value.problem


def test_a_recurrent_model_is_rejected() -> None:
    with pytest.raises(UsageError, match=r"model\.architecture: the run was trained with 'recurrent', but"):
        check_convertible(load_config(DEMO.with_name("demo-additive.toml")))
