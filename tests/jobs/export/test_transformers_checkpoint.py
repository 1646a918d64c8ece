"""`transformers` computes the same function from an exported checkpoint; what it cannot compute is rejected by name."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.forced import forced_log_probs
from tests.jobs.translate.conftest import DEMO, LEARNED_POSITIONS, TINY, random_model, sources_of
from tests.jobs.translate.test_conversion import everywhere
from translator.config import load_config
from translator.errors import UsageError
from translator.jobs.export.transformers_checkpoint import FILES, check_exportable, write_checkpoint
from translator.jobs.translate.translator import Translator
from translator.text.batches import EncodedLines
from translator.text.tokenizer import BOS, EOS

transformers = pytest.importorskip("transformers", reason="needs the library: pip install transformers")
VARIANTS = {
    "pre": [],
    "post": ["model.norm=post"],
    "gelu": ["model.activation=gelu"],
    "tied output": ["model.tied_embeddings=output"],
    "post, untied": ["model.norm=post", "model.tied_embeddings=none"],
    "two vocabularies": ["model.tied_embeddings=none", "tokenizer.joint=false"],
    "post, two vocabularies": ["model.norm=post", "model.tied_embeddings=output", "tokenizer.joint=false"],
    "odd width": ["model.dim=33", *everywhere(num_heads=1)],
    "different heads": ["encoder.self_attention.num_heads=8", "decoder.num_layers=2"],
    "dot": everywhere(score="dot"),
    "general": everywhere(score="general"),
    "scaled, unprojected": everywhere(projection="none"),
    "flash": everywhere(mechanism="flash", dropout=0),
}


def tiny(overrides: list[str]) -> Translator:
    config, tokenizer, model = random_model(overrides)
    return Translator(model, tokenizer, config, None)


def opened(translator: Translator, folder: Path) -> tuple[Any, Any]:
    """Return (model, tokenizer) of the checkpoint; every parameter is found and none is left over."""
    folder.mkdir()
    write_checkpoint(translator, folder, usual_length=20)
    assert {path.name for path in folder.iterdir()} <= FILES
    with warnings.catch_warnings(action="ignore"):
        model, report = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"))
    return model.eval(), tokenizer


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_translation_has_the_same_log_probability(tmp_path: Path, variant: str) -> None:
    translator = tiny(VARIANTS[variant])
    model, _ = opened(translator, tmp_path / "model")
    sources = [ids[-30:] for ids in sources_of(translator.tokenizer)]
    targets = [
        [*ids[:20][::-1][1:], EOS] for ids in translator.tokenizer.encode_target(["Der Hund.", "ein Buch ß"] * 7)
    ]
    source_BS, target_BT = (EncodedLines.of(ids).padded(np.arange(14))[0] for ids in (sources, targets))
    expected = forced_log_probs(translator.model, source_BS, source_BS != 0, target_BT)
    previous_BT = torch.cat((torch.full((14, 1), BOS), target_BT[:, :-1]), 1)
    with torch.inference_mode():
        logits_BTV = model(source_BS, attention_mask=source_BS != 0, decoder_input_ids=previous_BT).logits
    log_prob_BT = logits_BTV.log_softmax(-1).gather(2, target_BT.unsqueeze(2)).squeeze(2)
    assert (log_prob_BT * (target_BT != 0)).sum(1).tolist() == pytest.approx(expected.tolist(), abs=2e-4)


@pytest.mark.parametrize("overrides", [[], ["tokenizer.joint=false", "model.tied_embeddings=none"]])
def test_the_tokenizer_reads_and_writes_the_same(tmp_path: Path, overrides: list[str]) -> None:
    translator = tiny(overrides)
    _, tokenizer = opened(translator, tmp_path / "model")
    lines = ["The old man reads a book.", "A dog", "ß € 漢 </x>"]
    assert tokenizer(lines)["input_ids"] == (expected := translator.tokenizer.encode_source(lines))
    ids = translator.tokenizer.encode_target(["Der alte Mann.", "ß €"])
    generated = [[BOS, *sentence] for sentence in ids]
    assert tokenizer.batch_decode(generated, skip_special_tokens=True) == ["Der alte Mann.", "ß €"]
    assert len(tokenizer(lines[0] + " word" * 2000, truncation=True)["input_ids"]) == 1024 > max(map(len, expected))


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("decoder.cross_attention.score=additive", "decoder.cross_attention.score"),
        ("encoder.self_attention.mechanism=window", "encoder.self_attention.mechanism"),
        ("decoder.cross_attention.num_heads=2", "decoder.cross_attention.num_heads"),
        (LEARNED_POSITIONS[0], "model.positions"),
        ('tokenizer.keep=["XY"]', "tokenizer.keep"),
    ],
)
def test_an_unsupported_setting_is_rejected_by_its_name(override: str, place: str) -> None:
    with pytest.raises(UsageError, match="transformers") as error:
        check_exportable(load_config(DEMO, [*TINY, override]))
    assert error.value.place == place


def test_decoding_settings_are_carried_over(tmp_path: Path) -> None:
    searches = {
        "beam": ["decoding.early_stopping=false", "decoding.min_length=3"],
        "sampling": ["decoding.search=sampling", "decoding.temperature=0.5", "decoding.top_k=7"],
    }
    found = {}
    for name, overrides in searches.items():
        opened(tiny(overrides), tmp_path / name)
        found[name] = json.loads((tmp_path / name / "generation_config.json").read_text())
    expected = {
        "num_beams": 5,
        "length_penalty": 0.48,
        "early_stopping": "never",
        "min_new_tokens": 3,
        "max_length": 2059,
    }
    assert found["beam"].items() >= expected.items()
    assert found["sampling"].items() >= {"do_sample": True, "temperature": 0.5, "top_k": 7, "num_beams": 1}.items()
