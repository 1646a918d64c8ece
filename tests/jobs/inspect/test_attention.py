"""Attention maps: the right weights for each sentence of a batch, in the layer that the user chose or that aligns best."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from translator.attention import MECHANISMS
from translator.config import dump_config, load_config
from translator.errors import DataError, UsageError
from translator.evaluation.alignment import pharaoh
from translator.jobs.inspect import attention
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.inspect.views import View
from translator.jobs.translate.translator import Translator
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.folder import CONFIG, VALIDATION_LINKS, HeldOut, RunFolder
from translator.runs.model import build_model
from translator.text.corpus import Corpus
from translator.text.tokenizer import TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer

ROOT = Path(__file__).parent.parent.parent.parent
SMALL = {
    "demo": ["model.dim=16", "model.feed_forward_dim=16", "encoder.num_layers=1", "decoder.num_layers=3"],
    "demo-additive": ["model.embedding_dim=8", "encoder.hidden_dim=8", "decoder.hidden_dim=8"],
}
LINES = [
    "The old man reads a book .",
    "A dog sleeps .",
    "   ",
    "When the children come back , our dog wants to sleep .",
]


def translator(name: str, *changes: str) -> Translator:
    """Return an untrained translator: its translations are nonsense, its attention weights are not."""
    torch.manual_seed(5)
    source, target = ((ROOT / f"data/valid.{side}").read_text().splitlines()[:60] for side in ("en", "de"))
    tokenizer = train_tokenizer(Corpus(source, target), TokenizerSettings(vocab_size=350))
    config = load_config(ROOT / f"configs/{name}.toml", [*SMALL[name], "decoding.max_length=9", *changes])
    return Translator(build_model(config, Vocabularies.of(tokenizer), ops=Ops()), tokenizer, config, frozenset())


def view_all(
    loaded: Translator, lines: list[str], layer: int | None = None, head: int | None = None
) -> list[attention.AttentionMap | None]:
    """Return the attention map of each line."""
    best = [(line, candidates[0]) for line, candidates in zip(lines, loaded.candidates(lines), strict=True)]
    return AttentionViewer(loaded, RunFolder(Path("nowhere")), layer=layer, head=head).view_translations(best)


def view(loaded: Translator, line: str, layer: int | None = None, head: int | None = None) -> attention.AttentionMap:
    """Return the attention map of a line that is not blank."""
    [attention_map] = view_all(loaded, [line], layer, head)
    assert attention_map is not None
    return attention_map


@pytest.mark.parametrize("name", SMALL)
def test_a_sentence_in_a_batch_gets_its_own_weights_without_the_padding(name: str) -> None:
    loaded = translator(name)
    together = view_all(loaded, LINES)
    assert [attention_map is None for attention_map in together] == [False, False, True, False]
    for line, attention_map in zip(LINES, together, strict=True):
        if attention_map is not None:
            alone = view(loaded, line)
            np.testing.assert_allclose(attention_map.token_weight, alone.token_weight, atol=1e-6)
            assert attention_map.source.words == [*line.split(), "</s>"]
            assert attention_map.token_weight.shape == (
                len(attention_map.target.tokens),
                len(attention_map.source.tokens),
            )
            np.testing.assert_allclose(attention_map.weight.sum(1), 1.0, atol=1e-6)


def test_without_a_head_the_weights_are_the_average_of_all_heads() -> None:
    loaded = translator("demo")
    heads = [view(loaded, LINES[0], layer=2, head=head).token_weight for head in (1, 2, 3, 4)]
    average = view(loaded, LINES[0], layer=2)
    np.testing.assert_allclose(np.mean(heads, 0), average.token_weight, atol=1e-6)
    assert np.abs(heads[0] - heads[1]).max() > 1e-4
    assert average.view.title == "cross-attention, layer 2 of 3, average of 4 heads"


def test_words_of_a_truncated_source_are_not_shown_but_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translator.jobs.translate.translator.MAX_SOURCE_TOKENS", 6)
    attention_map = view(translator("demo"), LINES[3])
    assert 0 < attention_map.num_truncated == len(LINES[3].split()) - attention_map.source.num_words
    assert attention_map.token_weight.shape[1] == 6
    assert min(source for source, _ in attention_map.links) >= attention_map.num_truncated
    np.testing.assert_allclose(attention_map.weight.sum(1), 1.0, atol=1e-6)


def test_an_unfinished_translation_has_no_row_for_the_end_mark() -> None:
    loaded = translator("demo", "decoding.min_length=9")
    with torch.no_grad():
        loaded.model.output.bias[3] = -1e9
    attention_map = view(loaded, LINES[0])
    assert attention_map.target.num_words == len(attention_map.target.words)


@pytest.mark.parametrize(
    ("name", "mechanism"),
    [(name, mechanism) for name in SMALL for mechanism, built in MECHANISMS.items() if "cross" in built.places],
)
def test_a_mechanism_without_weights_is_an_error_that_names_the_setting(name: str, mechanism: str) -> None:
    built, score = MECHANISMS[mechanism], ["decoder.cross_attention.score=scaled_dot", "decoder.cross_attention.dim=8"]
    if name == "demo" and not built.has_context:
        return
    loaded = translator(name, f"decoder.cross_attention.mechanism={mechanism}", *score)
    if built.has_weights:
        view(loaded, LINES[0])
        return
    with pytest.raises(UsageError, match=rf"decoder\.cross_attention\.mechanism is '{mechanism}'"):
        view(loaded, LINES[0])


def held_out(folder: Path, links: list[str] | None) -> RunFolder:
    """Return a run folder with two validation pairs and their alignments."""
    (folder / CONFIG).write_text(dump_config(load_config(ROOT / "configs/demo.toml")))
    (folder / "corpus").mkdir()
    (folder / "corpus/validation.source").write_text(f"{LINES[0]}\n{LINES[1]}\n")
    (folder / "corpus/validation.target").write_text("Der alte Mann liest ein Buch .\nEin Hund schläft .\n")
    if links is not None:
        (folder / VALIDATION_LINKS).write_text("".join(f"{line}\n" for line in links))
    return RunFolder(folder)


def test_the_default_layer_aligns_best_on_validation_or_is_the_last_but_one(tmp_path: Path) -> None:
    loaded, run = translator("demo"), held_out(tmp_path, None)
    with torch.no_grad():
        for layer in cast(Any, loaded.model).decoder_layers:
            layer.cross_attention.query_proj.weight.mul_(100)  # so that the layers differ
    assert AttentionViewer(loaded, run, layer=None, head=None).view[:5] == (2, 3, None, 4, "the last but one")
    for number in (1, 3):
        links = own_links(loaded, run, AttentionViewer(loaded, run, layer=number, head=None).view)
        (tmp_path / VALIDATION_LINKS).write_text("".join(f"{line}\n" for line in links))
        chosen = AttentionViewer(loaded, run, layer=None, head=None).view
        assert (chosen.layer, chosen.reason) == (number, "lowest alignment error on validation, 0.000")


def own_links(loaded: Translator, run: RunFolder, view: View) -> list[str]:
    """Return the links of a view between the validation pairs."""
    test, viewer = run.split("validation"), AttentionViewer(loaded, run, layer=view.layer, head=None)
    encode = loaded.tokenizer.encode_source(test.source), loaded.tokenizer.encode_target(test.target)
    found = dict(viewer.view_pairs(*encode, [view]))
    return [pharaoh(found[number][0].links) for number in range(len(test.source))]


def test_agreement_is_measured_on_the_references_including_blank_lines(tmp_path: Path) -> None:
    loaded = translator("demo-additive")
    viewer = AttentionViewer(loaded, RunFolder(tmp_path), layer=None, head=None)
    test = HeldOut([LINES[1], "", "A dog"], ["Ein Hund schläft .", "x", ""], None)
    (tmp_path / "gold").write_text("0-0 1-1 2-2 3-3\n\n\n")
    assert 0 <= viewer.agreement(test, tmp_path / "gold").error_rate <= 1
    (tmp_path / "gold").write_text("0-0\n\n0-0\n")
    with pytest.raises(DataError, match="gold:3: '0-0' names target word 0 of 0"):
        viewer.agreement(test, tmp_path / "gold")
