"""What a `Looker` sees: the right weights for each sentence of a batch, in the layer that was asked for or aligns best."""

from pathlib import Path

import numpy as np
import pytest
import torch

from translator.attention import MECHANISMS
from translator.config import load_config
from translator.errors import DataError, UsageError
from translator.evaluation.alignment import pharaoh
from translator.jobs.inspect import attention
from translator.jobs.inspect.attention import Looker
from translator.jobs.translate.build import build_model, vocabularies_of
from translator.jobs.translate.translator import Translator
from translator.ops.choice import Ops
from translator.runs.folder import VALIDATION_LINKS, HeldOut, RunFolder
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
    """An untrained one, whose translations are nonsense and whose attention is as lawful as any."""
    torch.manual_seed(5)
    corpus = Corpus(*((ROOT / f"data/valid.{side}").read_text().splitlines()[:60] for side in ("en", "de")))
    tokenizer = train_tokenizer(corpus, TokenizerSettings(vocab_size=350))
    config, _ = load_config(ROOT / f"configs/{name}.toml", [*SMALL[name], "decoding.max_length=9", *changes]), None
    return Translator(build_model(config, vocabularies_of(tokenizer), ops=Ops()), tokenizer, config, frozenset())


def look(loaded: Translator, lines: list[str], **choice: int | None) -> list[attention.AttentionMap | None]:
    """A map for each line."""
    choice = {"layer": None, "head": None, **choice}
    best = [(line, found[0]) for line, found in zip(lines, loaded.candidates(lines), strict=True)]
    return Looker(loaded, RunFolder(Path("nowhere")), **choice).look(best)


@pytest.mark.parametrize("name", SMALL)
def test_a_sentence_in_a_batch_gets_its_own_weights_without_the_padding(name: str) -> None:
    loaded = translator(name)
    together = look(loaded, LINES)
    assert [seen is None for seen in together] == [False, False, True, False]
    for line, seen in zip(LINES, together, strict=True):
        if seen is not None:
            (alone,) = look(loaded, [line])
            np.testing.assert_allclose(seen.piece_weight, alone.piece_weight, atol=1e-6)
            assert seen.source.words == [*line.split(), "</s>"]
            assert seen.piece_weight.shape == (len(seen.target.tokens), len(seen.source.tokens))
            np.testing.assert_allclose(seen.weight.sum(1), 1.0, atol=1e-6)


def test_the_average_of_the_heads_is_the_average_of_the_heads() -> None:
    loaded = translator("demo")
    heads = [look(loaded, LINES[:1], layer=2, head=head)[0].piece_weight for head in (1, 2, 3, 4)]
    (average,) = look(loaded, LINES[:1], layer=2)
    np.testing.assert_allclose(np.mean(heads, 0), average.piece_weight, atol=1e-6)
    assert np.abs(heads[0] - heads[1]).max() > 1e-4
    assert average.view.title == "cross-attention, layer 2 of 3, average of 4 heads"


def test_words_that_were_not_read_are_not_shown_but_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translator.jobs.translate.translator._MAX_SOURCE_TOKENS", 6)
    (seen,) = look(translator("demo"), LINES[3:])
    assert 0 < seen.num_unread == len(LINES[3].split()) - seen.source.num_words
    assert seen.piece_weight.shape[1] == 6
    assert min(source for source, _ in seen.links) >= seen.num_unread
    np.testing.assert_allclose(seen.weight.sum(1), 1.0, atol=1e-6)


def test_a_translation_that_was_cut_has_no_row_for_an_end_mark() -> None:
    loaded = translator("demo", "decoding.min_length=9")
    with torch.no_grad():
        loaded.model.output.bias[3] = -1e9
    (seen,) = look(loaded, LINES[:1])
    assert seen.target.num_words == len(seen.target.words)


@pytest.mark.parametrize(
    ("name", "mechanism"),
    [(name, one) for name in SMALL for one, built in MECHANISMS.items() if "cross" in built.places],
)
def test_what_has_no_weights_is_an_error_that_names_the_setting(name: str, mechanism: str) -> None:
    built, score = MECHANISMS[mechanism], ["decoder.cross_attention.score=scaled_dot", "decoder.cross_attention.dim=8"]
    if name == "demo" and not built.has_context:
        return
    loaded = translator(name, f"decoder.cross_attention.mechanism={mechanism}", *score)
    if built.has_weights:
        assert look(loaded, LINES[:1])[0] is not None
        return
    with pytest.raises(UsageError, match=rf"decoder\.cross_attention\.mechanism is '{mechanism}'"):
        look(loaded, LINES[:1])


@pytest.mark.parametrize("choice", [{"layer": 0}, {"layer": 4}, {"head": 5}, {"layer": 1, "head": -1}])
def test_a_layer_or_head_that_is_not_there_is_refused(choice: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected 1 to"):
        look(translator("demo"), LINES[:1], **choice)


def held_out(folder: Path, links: list[str] | None) -> RunFolder:
    """A run folder with two validation pairs and their alignments."""
    (folder / "corpus").mkdir()
    (folder / "corpus/validation.source").write_text(f"{LINES[0]}\n{LINES[1]}\n")
    (folder / "corpus/validation.target").write_text("Der alte Mann liest ein Buch .\nEin Hund schläft .\n")
    if links is not None:
        (folder / VALIDATION_LINKS).write_text("".join(f"{line}\n" for line in links))
    return RunFolder(folder)


def test_the_layer_is_the_one_that_aligns_best_on_validation_else_the_last_but_one(tmp_path: Path) -> None:
    loaded, run = translator("demo"), held_out(tmp_path, None)
    with torch.no_grad():
        for layer in loaded.model.decoder_layers:
            layer.cross_attention.query_proj.weight.mul_(100)  # so that each looks at something of its own
    assert Looker(loaded, run, layer=None, head=None).view[:5] == (2, 3, None, 4, "the last but one")
    for layer in (1, 3):
        view = Looker(loaded, run, layer=layer, head=None).view
        links = own_links(loaded, run, view)
        (tmp_path / VALIDATION_LINKS).write_text("".join(f"{line}\n" for line in links))
        chosen = Looker(loaded, run, layer=None, head=None).view
        assert (chosen.layer, chosen.chosen_by) == (layer, "lowest alignment error on validation, 0.000")


def own_links(loaded: Translator, run: RunFolder, view: attention.View) -> list[str]:
    """What a view itself finds for the references."""
    test, looker = run.split("validation"), Looker(loaded, run, layer=view.layer, head=None)
    encode = loaded.tokenizer.encode_source(test.source), loaded.tokenizer.encode_target(test.target)
    found = dict(looker.maps(*encode, [view]))
    return [pharaoh(found[number][0].links) for number in range(len(test.source))]


def test_agreement_is_measured_on_the_references_blank_ones_included(tmp_path: Path) -> None:
    loaded = translator("demo-additive")
    looker = Looker(loaded, RunFolder(tmp_path), layer=None, head=None)
    test = HeldOut([LINES[1], "", "A dog"], ["Ein Hund schläft .", "x", ""], None)
    (tmp_path / "gold").write_text("0-0 1-1 2-2 3-3\n\n\n")
    assert 0 <= looker.agreement(test, tmp_path / "gold").error_rate <= 1
    (tmp_path / "gold").write_text("0-0\n\n0-0\n")
    with pytest.raises(DataError, match="gold:3: '0-0' names target word 0 of 0"):
        looker.agreement(test, tmp_path / "gold")
