"""CTranslate2 finds the same translations with the same scores, under every decoding setting."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.jobs.translate.conftest import LEARNED_POSITIONS, both_engines, sources_of
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, UsageError
from translator.text.tokenizer import EOS

pytest.importorskip("ctranslate2", reason="needs the library: pip install ctranslate2")


def test_ctranslate2_does_not_change_the_threads_of_torch(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        both_engines([], tmp_path / "model")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "changes",
    [
        {"search": "greedy"},
        {"search": "greedy", "max_length": 4},
        {"beam_size": 1},
        {"beam_size": 5, "length_penalty": 0.6},
        {"beam_size": 4, "length_penalty": 0.0, "max_length": 4},
        {"beam_size": 5, "length_penalty": 2.0, "max_length_ratio": 0.5, "max_length_extra": 1},
    ],
    ids=str,
)
def test_both_engines_find_the_same_translation_with_the_same_scores(tmp_path: Path, changes: dict[str, Any]) -> None:
    engines = both_engines([], tmp_path / "model", biases=[(EOS, 4.0)])
    sources, settings = sources_of(engines.tokenizer), DecodingSettings(**changes)
    ours, theirs = (
        [hypotheses[0] for hypotheses in engine.search(sources, settings, batch_size=5)] for engine in engines[:2]
    )
    assert [best.ids for best in ours] == [best.ids for best in theirs]
    assert [best.is_finished for best in ours] == [best.is_finished for best in theirs]
    assert [best.log_prob for best in ours] == pytest.approx([best.log_prob for best in theirs], abs=1e-3)
    assert [best.score for best in ours] == pytest.approx([best.score for best in theirs], abs=1e-3)


def test_the_best_translations_are_sorted_and_distinct(tmp_path: Path) -> None:
    engines = both_engines([], tmp_path / "model", biases=[(EOS, 4.0)])
    settings = DecodingSettings(num_best=3)
    for hypotheses in engines.ctranslate2.search(sources_of(engines.tokenizer), settings, batch_size=5):
        assert len({hypothesis.ids for hypothesis in hypotheses}) == len(hypotheses) == 3
        assert sorted(hypotheses, key=lambda hypothesis: -hypothesis.score) == hypotheses


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_a_translation_of_the_maximum_length_may_be_finished(tmp_path: Path, search: str) -> None:
    engines = both_engines([], tmp_path / "model", biases=[(EOS, 30.0)])
    settings = DecodingSettings(search=search, min_length=3, max_length=3)
    results = engines.ctranslate2.search(sources_of(engines.tokenizer), settings, batch_size=5)
    assert {(len(hypotheses[0].ids), hypotheses[0].is_finished) for hypotheses in results} == {(3, True)}


def test_finished_hypotheses_are_not_lost_to_unfinished_ones(tmp_path: Path) -> None:
    # Two tokens take nearly all the probability, so at the maximum length every beam is more probable than the
    # hypotheses that finished earlier.
    engines = both_engines([], tmp_path / "model", biases=[(50, 24.0), (60, 24.0), (EOS, 19.0)])
    sources, settings = [[9, 30, EOS], [70, EOS]], DecodingSettings(max_length=2)
    ours, theirs = (
        [hypotheses[0] for hypotheses in engine.search(sources, settings, batch_size=5)] for engine in engines[:2]
    )
    assert [best.ids for best in ours] == [best.ids for best in theirs]
    assert all(best.is_finished for best in theirs)


@pytest.mark.parametrize("changes", [{"search": "greedy"}, {"beam_size": 5, "num_best": 5}], ids=str)
def test_control_tokens_are_never_generated(tmp_path: Path, changes: dict[str, Any]) -> None:
    engines = both_engines([], tmp_path / "model", suppressed=8.0)
    settings = DecodingSettings(**changes, max_length=6)
    results = engines.ctranslate2.search(sources_of(engines.tokenizer), settings, batch_size=5)
    assert all(min(hypothesis.ids, default=4) > EOS for hypotheses in results for hypothesis in hypotheses)


def test_learned_positions_limit_the_source_and_the_translation(tmp_path: Path) -> None:
    engines, settings = both_engines(LEARNED_POSITIONS, tmp_path / "model"), DecodingSettings(search="greedy")
    ours, theirs = (engine.search([[9] * 35 + [EOS]], settings, batch_size=5)[0][0] for engine in engines[:2])
    assert ours.ids == theirs.ids
    assert len(theirs.ids) == 39  # one of the 40 positions is for EOS
    with pytest.raises(DataError, match=r"CTranslate2: .*position"):
        engines.ctranslate2.search([[9] * 50 + [EOS]], settings, batch_size=5)


def test_search_without_early_stopping_is_rejected(tmp_path: Path) -> None:
    engine = both_engines([], tmp_path / "model").ctranslate2
    settings = DecodingSettings(early_stopping=False)
    with pytest.raises(
        UsageError, match=r"decoding\.early_stopping: found false, but CTranslate2 .*; choose true, or --eng"
    ):
        engine.search([[9, EOS]], settings, batch_size=5)
    engine.search([[9, EOS]], settings.model_copy(update={"search": "greedy"}), batch_size=5)


def test_prefixes_and_the_avoidance_of_ngrams_are_rejected(tmp_path: Path) -> None:
    engine = both_engines([], tmp_path / "model").ctranslate2
    with pytest.raises(UsageError, match=r"--prefix: given, but CTranslate2 .*; choose --engine torch"):
        engine.search([[9, EOS]], DecodingSettings(), batch_size=5, prefixes=[[9]])
    with pytest.raises(UsageError, match=r"decoding\.no_repeat_ngram: found 2, but CTranslate2"):
        engine.search([[9, EOS]], DecodingSettings(no_repeat_ngram=2), batch_size=5)


def test_sampling_is_rejected(tmp_path: Path) -> None:
    engine = both_engines([], tmp_path / "model").ctranslate2
    with pytest.raises(UsageError, match=r"decoding\.search: found 'sampling'"):
        engine.search([[9, EOS]], DecodingSettings(search="sampling"), batch_size=5)
