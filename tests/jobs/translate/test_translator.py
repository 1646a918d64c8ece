"""A translator returns one result per line, in order, for any batch size."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from translator.config import load_config
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.rules import Prefixes
from translator.decoding.settings import DecodingSettings
from translator.jobs.translate import blocks
from translator.jobs.translate.engines import Ids
from translator.jobs.translate.translator import Translator, default_batch_size
from translator.models.layers import Vocabularies
from translator.ops.choice import Ops
from translator.runs.model import build_model
from translator.text.corpus import Corpus
from translator.text.tokenizer import TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer

ROOT = Path(__file__).parents[3]
SMALL = ["model.dim=16", "model.feed_forward_dim=16", "encoder.num_layers=1", "decoder.num_layers=1"]
LINES = ["The old man reads a book .", "A dog sleeps .", "", "When the children come back , our dog sleeps .", " "]


@pytest.fixture(scope="module")
def translator() -> Translator:
    """An untrained translator."""
    torch.manual_seed(5)
    source, target = ((ROOT / f"data/valid.{side}").read_text().splitlines()[:60] for side in ("en", "de"))
    tokenizer = train_tokenizer(Corpus(source, target), TokenizerSettings(vocab_size=350))
    config = load_config(ROOT / "configs/demo.toml", [*SMALL, "decoding.max_length=9"])
    return Translator(build_model(config, Vocabularies.of(tokenizer), ops=Ops()), tokenizer, config, frozenset())


def test_a_gpu_decodes_larger_batches_unless_the_user_chooses(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_batch_size(torch.device("cuda:1")) == 1024
    assert default_batch_size(torch.device("cpu")) == 128
    sizes = []
    search = translator.engine.search

    def remember(
        sources: Sequence[Ids], settings: DecodingSettings, *, batch_size: int, prefixes: Prefixes
    ) -> list[list[Hypothesis]]:
        sizes.append(batch_size)
        return search(sources, settings, batch_size=batch_size, prefixes=prefixes)

    monkeypatch.setattr(translator.engine, "search", remember)
    translator.translate(LINES)
    translator.translate(LINES, batch_size=7)
    assert sizes == [128, 7]


@pytest.mark.parametrize("search", ["greedy", "beam", "sampling"])
def test_the_size_of_batches_and_blocks_changes_no_translation(translator: Translator, search: str) -> None:
    settings = DecodingSettings(search=search, max_length=9, num_best=1 if search == "greedy" else 2)
    expected = list(translator.candidates(LINES, settings))
    assert len(expected) == len(LINES)
    for batch_size, block_lines in ((1, 2), (2, 100), (100, 1)):
        results = list(translator.candidates(LINES, settings, batch_size=batch_size, block_lines=block_lines))
        for candidates, others in zip(expected, results, strict=True):
            assert [candidate.text for candidate in candidates] == [other.text for other in others]
            scores = [[candidate.score for candidate in side] for side in (candidates, others)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_a_block_of_long_lines_ends_early(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_CHARACTERS", len(LINES[0]))
    sizes, encode_source = [], translator.tokenizer.encode_source

    def remember(lines: Sequence[str]) -> list[list[int]]:
        sizes.append(len(lines))
        return encode_source(lines)

    monkeypatch.setattr(translator.tokenizer, "encode_source", remember)
    assert len(list(translator.candidates(LINES))) == len(LINES)
    assert sizes == [1, 3, 1]


def test_a_blank_line_has_one_empty_translation(translator: Translator) -> None:
    assert [text == "" for text in translator.translate(LINES)] == [False, False, True, False, True]
    [candidate] = next(translator.candidates([" "]))
    assert (candidate.text, candidate.is_finished) == ("", True)


def test_split_sentences_translates_each_sentence_on_its_own(translator: Translator) -> None:
    sentences = ["A dog sleeps.", "The old man reads a book!"]
    apart = translator.translate(sentences)
    assert all(apart)
    lines = [" ".join(sentences), "", sentences[0]]
    assert translator.translate(lines, split_sentences=True) == [" ".join(apart), "", apart[0]]


def test_the_best_translations_of_a_line_are_combinations_of_those_of_its_sentences(translator: Translator) -> None:
    settings = DecodingSettings(max_length=5, num_best=3)
    sentences = ["A dog sleeps.", "The old man reads a book!"]
    first, second = translator.candidates(sentences, settings)
    [line] = translator.candidates([" ".join(sentences)], settings, split_sentences=True)
    combinations = [(one, two) for one in first for two in second]
    combinations.sort(key=lambda pair: (pair[0].is_finished and pair[1].is_finished, pair[0].score + pair[1].score))
    expected = [f"{one.text} {two.text}" for one, two in combinations[:-4:-1]]
    assert [candidate.text for candidate in line] == expected
    assert line[0].log_prob == pytest.approx(sum(candidate.log_prob for candidate in combinations[-1]), abs=1e-4)
