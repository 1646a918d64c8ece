"""Every engine and search copies protected strings: the same multiset in the source and in each translation."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from translator.config import load_config
from translator.decoding import SEARCHES
from translator.decoding.settings import DecodingSettings
from translator.errors import TranslatorError
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.translate.conversion import convert
from translator.jobs.translate.engines import CTranslate2Engine
from translator.jobs.translate.translator import Translator
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.folder import RunFolder
from translator.runs.model import build_model
from translator.text.corpus import Corpus
from translator.text.tokenizer_training import train_tokenizer

ROOT = Path(__file__).parents[3]
SMALL = ["model.dim=16", "model.feed_forward_dim=16", "encoder.num_layers=1", "decoder.num_layers=1"]
KEEP = [
    *SMALL,
    "tokenizer.vocab_size=360",
    'tokenizer.keep=["{0}", "<b>"]',
    'tokenizer.keep_patterns=["urls", "numbers"]',
]
LINES = [
    "{0} sees {0} and <b>a dog</b>.",
    "",
    "A dog sleeps.",
    "Call 1234567 or 7654321, or see www.a.b/c?d.",
    "1234567 {0} <b> 99999 www.x.y {0} 88888, 77777; 66666: 55555! 44444",
    "{0}",
]


@pytest.fixture(scope="module")
def translator() -> Translator:
    """An untrained translator, whose translations are nonsense."""
    torch.manual_seed(5)
    source, target = ((ROOT / f"data/valid.{side}").read_text().splitlines()[:60] for side in ("en", "de"))
    extra = [f"{{0}} <b> 12345 {line}" for line in source[:12]], [f"{line} 12345 {{0}} <b>" for line in target[:12]]
    config = load_config(ROOT / "configs/demo.toml", KEEP)
    tokenizer = train_tokenizer(Corpus(source + extra[0], target + extra[1]), config.tokenizer)
    assert tokenizer.num_slots == 3
    return Translator(build_model(config, Vocabularies.of(tokenizer), ops=Ops()), tokenizer, config, frozenset())


def strings_of(translator: Translator, lines: list[str]) -> list[Counter[str]]:
    return [Counter(translator.tokenizer.protection.find(line)) for line in lines]


@pytest.mark.parametrize("changes", [{}, {"max_length": 3}, {"min_length": 9}], ids=str)
@pytest.mark.parametrize("search", SEARCHES)
def test_protected_strings_are_copied_in_every_search(
    translator: Translator, search: str, changes: dict[str, Any]
) -> None:
    settings = DecodingSettings(search=search, num_best=1 if search == "greedy" else 3, **changes)
    expected = strings_of(translator, LINES)
    assert [found.total() for found in expected] == [3, 0, 0, 3, 11, 1]
    for line, candidates in zip(expected, translator.candidates(LINES, settings), strict=True):
        assert strings_of(translator, [candidate.text for candidate in candidates]) == [line] * len(candidates)


def test_ctranslate2_copies_protected_strings(translator: Translator, tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2", reason="needs the library: pip install ctranslate2")
    model, tokenizer, config = translator.model, translator.tokenizer, translator.config
    (tmp_path / "model").mkdir()
    convert(config, model, tokenizer).save(str(tmp_path / "model"))
    engine = CTranslate2Engine(tmp_path / "model", model, tokenizer)
    other = Translator(model, tokenizer, config, frozenset(), engine)
    assert strings_of(translator, other.translate(LINES)) == strings_of(translator, LINES)
    assert other.translate(LINES) == translator.translate(LINES)
    with pytest.raises(TranslatorError, match="sampling"):
        other.translate(LINES, search="sampling")


def test_of_a_truncated_source_the_strings_that_were_read_are_copied(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translator, "max_source_tokens", 5)
    [translation] = translator.translate(["{0} 11111 {0} dog 22222 {0}"])
    assert strings_of(translator, [translation]) == [Counter(["{0}", "22222"])]


def test_no_protected_string_is_cut_into_sentences(translator: Translator) -> None:
    line = "A dog. See www.a.b? He. {0} sleeps! {0}"
    assert strings_of(translator, [translator.translate(line, split_sentences=True)]) == strings_of(translator, [line])


def test_attention_maps_show_protected_strings(translator: Translator) -> None:
    line = "See www.a.b/c?d. Dog {0}"
    [candidates] = translator.candidates([line])
    viewer = AttentionViewer(translator, RunFolder(Path("nowhere")), layer=None, head=None)
    [attention_map] = viewer.view_translations([(line, candidates[0])])
    assert attention_map is not None
    assert attention_map.source.words == [*line.split(), "</s>"]
    assert all(string in "".join(attention_map.target.words) for string in ("www.a.b/c?d", "{0}"))
