"""Chapters differ only by what they say, and each is trained once, even if the story is interrupted."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.runs.example import finish_run, write_run
from translator.config import flatten, load_config
from translator.config_files import shipped
from translator.errors import TranslatorError, UsageError
from translator.jobs.story import chapters
from translator.jobs.story.chapters import CHAPTERS, Chapter, PlannedChapter, plan_chapters, train_chapters

EQUAL = ("corpus.", "tokenizer.", "training.", "decoding.", "ops.")


def find_config(name: str) -> Path:
    return shipped(f"{name}.toml")


PLANNED = plan_chapters([], find_config)


@pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=CHAPTERS)
def test_a_chapter_differs_from_its_config_by_its_changes(chapter: Chapter) -> None:
    base = flatten(load_config(find_config(chapter.config)))
    own = flatten(load_config(find_config(chapter.config), chapter.changes))
    changed = {key for key in {*base, *own} if base.get(key) != own.get(key)}
    assert changed == {change.partition("=")[0] for change in chapter.changes}


def test_conditions_are_equal_except_the_learning_rate_of_an_architecture() -> None:
    first, rates = flatten(PLANNED[0].config), dict[str, set[float]]()
    for plan in PLANNED:
        for key, value in flatten(plan.config).items():
            if key.startswith(EQUAL) and key != "training.learning_rate":
                assert value == first[key], (plan.chapter.name, key)
        rates.setdefault(plan.config.architecture, set()).add(plan.config.training.learning_rate)
    assert all(len(values) == 1 for values in rates.values())


def test_each_chapter_is_compared_with_an_earlier_one() -> None:
    first, *others = CHAPTERS.values()
    earlier = {first.name}
    assert first.previous is None
    for chapter in others:
        assert chapter.previous in earlier
        earlier.add(chapter.name)


def test_mistakes_are_found_before_anything_is_trained() -> None:
    with pytest.raises(UsageError, match="did you mean 'steps'"):
        plan_chapters(["training.step=1"], find_config)
    with pytest.raises(UsageError, match="the story always uses the demo corpus"):
        plan_chapters(["corpus.folder=x"], find_config)


class Runner:
    """Replaces `run_commands`: runs are finished at once, except one at which training stops."""

    def __init__(self, planned: Sequence[PlannedChapter], stops_at: str = "") -> None:
        self.planned, self.stops_at, self.trained = planned, stops_at, list[str]()

    def __call__(self, commands: Mapping[str, Sequence[str]], *, num_processes: int, notify: object) -> None:
        assert num_processes == 1  # speeds are compared
        for name, command in commands.items():
            run = Path(command[command.index("--output") + 1])
            plan = next(plan for plan in self.planned if plan.chapter.name == name == run.name)
            self.trained.append(name + " again" * ("--overwrite" in command))
            write_run(run, plan.config)
            if name == self.stops_at:
                raise TranslatorError(name, "stopped")
            finish_run(run, plan.config)


Train = Callable[..., list[str]]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return a function that returns what is trained, in order."""

    def train(planned: Sequence[PlannedChapter], stops_at: str = "") -> list[str]:
        runner = Runner(planned, stops_at)
        monkeypatch.setattr(chapters, "run_commands", runner)
        if stops_at:
            with pytest.raises(TranslatorError, match="stopped"):
                train_chapters(planned, tmp_path, device="cpu", notify=lambda text: None)
        else:
            runs = train_chapters(planned, tmp_path, device="cpu", notify=lambda text: None)
            assert [run.path for run in runs] == [tmp_path / name for name in CHAPTERS]
        return runner.trained

    return train


def test_an_interrupted_story_resumes_with_the_missing_chapters(train: Train) -> None:
    assert train(PLANNED, stops_at="dot") == list(CHAPTERS)[:3]
    assert train(PLANNED) == list(CHAPTERS)[2:]
    assert train(PLANNED) == []


def test_a_run_with_other_settings_is_trained_again(train: Train, tmp_path: Path) -> None:
    train(PLANNED)
    longer = plan_chapters(["training.steps=1500"], find_config)
    assert train(longer) == [f"{name} again" for name in CHAPTERS]
    path = tmp_path / "dot/config.toml"
    path.write_text(path.read_text().replace("hidden_dim = 256", "hidden_dim = 128"))
    assert train(longer) == ["dot again"]


def test_other_decoding_settings_do_not_require_training(train: Train) -> None:
    train(PLANNED)
    assert train(plan_chapters(["decoding.beam_size=2"], find_config)) == []
