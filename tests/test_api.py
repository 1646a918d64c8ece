"""The Python API: its examples, and what they do not show."""

import doctest
import importlib
import math
import signal
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

import translator
from tests.memorise import PAIRS, memorise
from translator.config import flatten, load_config
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, UsageError
from translator.jobs.train.run_loop import Training
from translator.jobs.translate.options import DecodingOptions
from translator.jobs.translate.translator import Translator

MODULES = ["translator", "translator.api", "translator.jobs.translate.load", "translator.jobs.translate.translator"]
SHORT = {"training.steps": 3, "model.dim": 16}


@pytest.fixture(scope="session")
def memorised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `memorise.toml` and its run, `runs/demo`."""
    folder = tmp_path_factory.mktemp("memorised")
    torch.set_num_threads(1)
    memorise(folder)
    return folder


@pytest.fixture(autouse=True)
def here(memorised: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(memorised)
    return memorised


@pytest.fixture
def loaded(here: Path) -> Translator:
    return translator.load("demo")


@pytest.mark.parametrize("name", MODULES)
def test_every_example_is_true(name: str, loaded: Translator) -> None:
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testmod(importlib.import_module(name), extraglobs={"model": loaded}, optionflags=flags)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    "member",
    [translator.load, translator.train, *(getattr(Translator, name) for name in ("translate", "score", "attention"))],
)
def test_every_function_has_an_example(member: object) -> None:
    assert ">>>" in (member.__doc__ or "")


def test_the_result_has_the_form_of_the_text(loaded: Translator) -> None:
    sources, targets = map(list, zip(*PAIRS, strict=True))
    assert loaded.translate(sources[0]) == targets[0]
    assert loaded.translate(sources) == loaded.translate(iter(sources)) == targets
    assert loaded.translate([]) == loaded.translate([], num_best=2) == []
    assert loaded.translate("two\nlines") == loaded.translate("two lines")
    best = loaded.translate(sources[:2], num_best=3)
    assert [texts[0] for texts in best] == targets[:2]
    assert [len(set(texts)) for texts in best] == [3, 3]
    assert loaded.translate(sources[0], num_best=3) == best[0]
    assert loaded.translate(sources[0], num_best=1) == targets[:1]


def test_keyword_arguments_change_the_search_and_are_checked(loaded: Translator) -> None:
    assert loaded.translate(PAIRS[0][0], max_length=1) == "Ein"
    assert loaded.translate(PAIRS[0][0], search="greedy", batch_size=1) == PAIRS[0][1]
    assert loaded.translate(PAIRS[0][0], prefix="Der Mann").startswith("Der Mann")
    assert loaded.translate([PAIRS[0][0]] * 2, prefix=["Die", ""])[1] == PAIRS[0][1]
    with pytest.raises(UsageError, match=r"^beam_size: found 0, expected greater than or equal to 1$"):
        loaded.translate("a", beam_size=0)
    with pytest.raises(UsageError, match="num_best = 9 is more than the 4 that beam search keeps; raise beam_size"):
        loaded.translate("a", num_best=9)


def test_every_decoding_setting_is_a_keyword_argument() -> None:
    fields = {name: field.annotation for name, field in DecodingSettings.model_fields.items() if name != "num_best"}
    hints = get_type_hints(DecodingOptions)
    assert hints.keys() == fields.keys()
    assert {name for name in fields if fields[name] not in (hints[name], hints[name] | None)} == set()


def test_a_score_is_the_log_probability_that_the_search_reports(loaded: Translator) -> None:
    sources = [source for source, _ in PAIRS]
    best = [candidates[0] for candidates in loaded.candidates(sources)]
    scores = loaded.score(sources, [candidate.text for candidate in best])
    for score, candidate in zip(scores, best, strict=True):
        assert score.log_prob == pytest.approx(candidate.log_prob, abs=1e-4)
        assert math.fsum(score.token_log_probs) == pytest.approx(score.log_prob)
        assert (len(score.tokens), score.tokens[-1]) == (len(score.token_log_probs), "</s>")
    assert loaded.score(*PAIRS[0]).log_prob == pytest.approx(scores[0].log_prob, abs=1e-4)


def test_the_confidences_of_the_words_multiply_to_the_probability_of_the_text(loaded: Translator) -> None:
    sources = [source for source, _ in PAIRS]
    for source, [best] in zip(sources, loaded.candidates(sources, with_words=True), strict=True):
        assert [word.word for word in best.words] == best.text.split()
        *_, end = loaded.score(source, best.text).token_log_probs
        assert math.prod(word.confidence for word in best.words) == pytest.approx(
            math.exp(best.log_prob - end), rel=1e-3
        )


def test_pairs_that_are_none_are_rejected(loaded: Translator) -> None:
    with pytest.raises(DataError, match="2 sources, but 1 targets"):
        loaded.score(["a", "b"], ["c"])
    with pytest.raises(DataError, match="found a text and a list"):
        loaded.score("a", ["b"])  # type: ignore[call-overload]


def test_attention_has_a_row_for_each_token_of_the_translation(loaded: Translator) -> None:
    attention = loaded.attention("A dog sleeps.")
    assert attention.weights["cross.1"].shape == (2, len(attention.target), len(attention.source))
    assert attention.previous == ["<s>", *attention.target[:-1]]
    assert attention.weights["decoder.1"][0, 0, 1] == 0  # the first token sees only the start
    assert "".join(loaded.attention("A dog sleeps.", "Der Mann").target) == "▁Der▁Mann</s>"
    for weight_HTS in attention.weights.values():
        assert weight_HTS.sum(-1) == pytest.approx(1)


def test_overrides_are_those_of_the_command_line(here: Path) -> None:
    run = translator.train(
        "memorise.toml", {"training": {"steps": 2}, "model": {"dim": 16}, "decoding.search": "greedy"}
    )
    written = ["training.steps=2", "model.dim=16", "decoding.search=greedy"]
    assert run.config() == load_config(here / "memorise.toml", written).model_copy(
        update={"corpus": run.config().corpus}
    )
    again = translator.train(load_config(here / "memorise.toml"), SHORT, output="runs/config")
    assert flatten(again.config())["model.dim"] == 16
    with pytest.raises(UsageError, match='missing, and a config in memory has no name; give output="runs/NAME"'):
        translator.train(load_config(here / "memorise.toml"))
    with pytest.raises(UsageError, match=r"training\.steps: found None, expected a value that TOML can hold"):
        translator.train("memorise.toml", {"training.steps": None})


def test_an_interrupted_cell_saves_and_the_same_call_resumes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reads = Training._read_outcomes, []

    def interrupt(*arguments: object) -> None:
        read(*arguments)  # type: ignore[arg-type]
        reads.append(1)
        if len(reads) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Training, "_read_outcomes", interrupt)
    with pytest.raises(KeyboardInterrupt, match="stopped by SIGINT, state saved in runs/stopped"):
        translator.train("memorise.toml", SHORT, output="runs/stopped")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert [path.name for path in Path("runs/stopped/checkpoints").iterdir()] != []
    assert translator.train("memorise.toml", SHORT, output="runs/stopped").finish_record().step == 3
