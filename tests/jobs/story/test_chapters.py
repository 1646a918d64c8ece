"""The ladder: rungs that differ by what they say and by nothing else, trained once each, whatever interrupts them."""

import json
import os
import resource
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from translator.cli.options import shipped
from translator.config import Config, dump_config, flatten, load_config, portable
from translator.errors import ModelError, TranslatorError, UsageError
from translator.jobs.story import chapters as ladder
from translator.jobs.story.chapters import LADDER, Plan, Rung, climb, plan_ladder, read_memory, run_program

COMMON = ("corpus.", "tokenizer.", "training.", "decoding.", "ops.")


def config_of(name: str) -> Path:
    return shipped(f"{name}.toml")


PLANS = plan_ladder([], config_of)


@pytest.mark.parametrize("rung", LADDER.values(), ids=LADDER)
def test_a_rung_differs_from_its_config_by_what_it_says(rung: Rung) -> None:
    base = flatten(load_config(config_of(rung.config)))
    own = flatten(load_config(config_of(rung.config), rung.changes))
    changed = {key for key in {*base, *own} if base.get(key) != own.get(key)}
    assert changed == {change.partition("=")[0] for change in rung.changes}


def test_conditions_are_equal_but_for_the_learning_rate_of_an_architecture() -> None:
    first, rates = flatten(PLANS[0].config), {}
    for plan in PLANS:
        for key, value in flatten(plan.config).items():
            if key.startswith(COMMON) and key != "training.learning_rate":
                assert value == first[key], (plan.rung.name, key)
        rates.setdefault(plan.config.architecture, set()).add(plan.config.training.learning_rate)
    assert all(len(found) == 1 for found in rates.values())


def test_each_rung_is_compared_with_one_below_it() -> None:
    names = list(LADDER)
    assert all(names.index(rung.than) < names.index(rung.name) for rung in list(LADDER.values())[1:])
    assert LADDER[names[0]].than is None


def test_a_mistake_is_found_before_anything_is_trained() -> None:
    with pytest.raises(UsageError, match="did you mean 'steps'"):
        plan_ladder(["training.step=1"], config_of)
    with pytest.raises(UsageError, match="the story is told on the demo corpus"):
        plan_ladder(["corpus.folder=x"], config_of)


class Trainings:
    """Trainings that take no time: finished at once, or stopped where `stops_at` says."""

    def __init__(self, stops_at: str = "", peak: int = 100) -> None:
        self.stops_at, self.peak, self.done = stops_at, peak, list[str]()

    def __call__(self, words: Sequence[str]) -> tuple[int, int]:
        run = Path(words[words.index("--output") + 1])
        plan = next(plan for plan in self.plans if plan.rung.name == run.name)
        self.done.append(run.name + " anew" * ("--overwrite" in words))
        (run / "final").mkdir(parents=True, exist_ok=True)
        (run / "run.json").write_text('{"format": 1, "tokenizer": "", "corpus": {}}')
        (run / "config.toml").write_text(dump_config(plan.config))
        if run.name == self.stops_at:
            return 130, self.peak
        (run / "final/finished.json").write_text(json.dumps(finished(plan.config)))
        return 0, self.peak

    def climb(self, plans: Sequence[Plan], root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What was trained, in order."""
        self.plans = plans
        monkeypatch.setattr(ladder, "run_program", self)
        climb(plans, root, device="cpu", notify=lambda text: None)
        return self.done


def finished(config: Config) -> dict[str, object]:
    record = {"format": 1, "finished_at": "", "made_by": "train", "step": 1, "final": "", "weights": 1, "seconds": 1.0}
    return {**record, "training": portable(config)["training"]}


def test_an_interrupted_story_goes_on_with_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TranslatorError, match="dot: its training ended with exit code 130; the same") as stopped:
        Trainings("dot", peak=300).climb(PLANS, tmp_path, monkeypatch)
    assert stopped.value.exit_code == 130
    assert Trainings(peak=200).climb(PLANS, tmp_path, monkeypatch) == list(LADDER)[2:]
    memory = read_memory(tmp_path)
    assert (memory["additive"], memory["dot"], memory["general"]) == (300, 300, 200)
    assert Trainings().climb(PLANS, tmp_path, monkeypatch) == []
    assert read_memory(tmp_path) == memory


def test_a_run_with_another_config_is_trained_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trainings(peak=300).climb(PLANS, tmp_path, monkeypatch)
    longer = plan_ladder(["training.steps=1500"], config_of)
    assert Trainings(peak=200).climb(longer, tmp_path, monkeypatch) == [f"{name} anew" for name in LADDER]
    assert read_memory(tmp_path)["dot"] == 200
    path = tmp_path / "dot/config.toml"
    path.write_text(path.read_text().replace("hidden_dim = 256", "hidden_dim = 128"))
    assert Trainings().climb(longer, tmp_path, monkeypatch) == ["dot anew"]


def test_how_it_is_decoded_does_not_ask_for_a_new_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trainings().climb(PLANS, tmp_path, monkeypatch)
    assert Trainings().climb(plan_ladder(["decoding.beam_size=2"], config_of), tmp_path, monkeypatch) == []


def test_damaged_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text("{")
    with pytest.raises(ModelError, match="is damaged"):
        read_memory(tmp_path)


def child(tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Another program in the place of this one."""
    (tmp_path / "translator.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    return run_program([])


def test_a_program_answers_with_its_exit_code_and_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # where a child's figure begins
    code, peak = child(tmp_path, f"x = bytearray({ours + 10**8}); raise SystemExit(3)", monkeypatch)
    assert code == 3
    assert 10**8 < peak - ours < 1.5 * 10**8


def test_a_signal_goes_through_to_the_program_and_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = (
        "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: exit({}))\nopen('ready', 'w')\ntime.sleep(60)"
    )
    for code, answer in ((143, 143), (0, 143)):
        ready = tmp_path / "ready"
        ready.unlink(missing_ok=True)

        def stop(ready: Path = ready) -> None:
            while not ready.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)

        before = signal.getsignal(signal.SIGTERM)
        threading.Thread(target=stop, daemon=True).start()
        assert child(tmp_path, waits.format(code), monkeypatch)[0] == answer
        assert signal.getsignal(signal.SIGTERM) is before
