"""A run with a teacher trains on its own pairs and on the teacher's translations of their sources."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.faults.conftest import SETTINGS, small_corpus
from tests.jobs.train.test_encoded_pairs import prepared
from translator.config import load_config
from translator.errors import ModelError, UsageError
from translator.jobs.train import distillation
from translator.jobs.train.encoded_pairs import encoded_pairs
from translator.jobs.train.events import TrainingObservers
from translator.jobs.train.train import train_run
from translator.runs.folder import RunFolder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_corpus(tmp_path_factory.mktemp("distillation") / "work")


@pytest.fixture(scope="module")
def teacher(corpus: Path) -> RunFolder:
    config = load_config(corpus / "demo.toml", [*SETTINGS["demo"], "training.steps=1"])
    return train_run(config, corpus / "runs/teacher", device=torch.device("cpu"), observer=TrainingObservers())


def sentences(side: tuple[torch.Tensor, Sequence[int]]) -> list[list[int]]:
    tokens, offsets = side
    return [tokens[first:last].tolist() for first, last in pairwise(offsets)]


def test_translations_of_the_teacher_follow_the_references(
    corpus: Path, teacher: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def translate(sources: Sequence[str]) -> list[str]:
        return ["" if number == 0 else source.upper() for number, source in enumerate(sources)]

    plain = prepared(corpus, "runs/plain")
    monkeypatch.setattr(distillation, "load", lambda _run, device: SimpleNamespace(translate=translate))
    taught, notices = prepared(corpus, "runs/taught", f"training.teacher={teacher.path}"), []
    expected, found = encoded_pairs(plain, print).pairs, encoded_pairs(taught, notices.append).pairs
    count = expected.num_pairs
    assert sentences(found.source) == [*sentences(expected.source), *sentences(expected.source)[1:]]  # one was blank
    assert sentences(found.target)[:count] == sentences(expected.target)
    decoded = taught.tokenizer.decode_target(sentences(found.target)[count:])
    assert decoded == [text.upper() for text in taught.tokenizer.decode_target(sentences(expected.source)[1:])]
    twice = prepared(corpus, "runs/twice", f"training.teacher={teacher.path},{teacher.path}+{teacher.path}")
    assert encoded_pairs(twice, print).pairs.num_pairs == 2 * found.num_pairs - count
    assert any("translating the training sources with" in notice for notice in notices)
    monkeypatch.setattr(distillation, "load", pytest.fail)  # the pairs are kept
    assert encoded_pairs(taught, print).pairs.num_pairs == found.num_pairs


def test_a_teacher_must_be_finished_and_translate_between_the_same_languages(corpus: Path, teacher: RunFolder) -> None:
    with pytest.raises(ModelError):
        prepared(corpus, "runs/lost", f"training.teacher={corpus / 'runs/nowhere'}")
    languages = "corpus.source_language=de", "corpus.target_language=en"
    with pytest.raises(UsageError, match=r"training\.teacher: .* translates en to de, expected de to en"):
        prepared(corpus, "runs/back", f"training.teacher={teacher.path}", *languages)
    assert not (corpus / "runs/lost").exists()
