"""Rows A of the catalogue: stopping and resuming equals not stopping."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import Commands, execute, leftovers, snapshot
from tests.faults.runs import TrainingRuns, arguments, assert_equal, journal, killed_at_random, losses
from translator.storage.manifest import MANIFEST, write_manifest
from translator.training.checkpoint import OPTIMIZER, PROGRESS, read_parameters

TERM, INT, USR1, KILL = signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGKILL


def test_a01_two_runs_with_one_seed_are_equal(runs: TrainingRuns, tmp_path: Path) -> None:
    assert runs.run("transformer", tmp_path / "again").code == 0
    assert_equal(tmp_path / "again", runs.whole("transformer"))


@pytest.mark.parametrize(
    ("kind", "place", "number", "accumulation"),
    [
        ("recurrent", "mid-epoch", TERM, 1),
        ("recurrent", "inside a validation translation", USR1, 1),
        ("transformer", "mid-epoch", INT, 4),
        ("transformer", "twice", KILL, 1),
        ("performer", "twice", TERM, 1),
        ("performer", "while saving", KILL, 1),
        ("transformer", "between saving and pruning", KILL, 1),
    ],
)
def test_a02_stopping_and_resuming_change_nothing(
    kind: str, place: str, number: int, accumulation: int, runs: TrainingRuns, tmp_path: Path
) -> None:
    override = f"training.accumulation={accumulation}"
    runs.interrupted(kind, tmp_path / "run", place, number, override)
    assert_equal(tmp_path / "run", runs.whole(kind, override))


METHODS = {
    "bpe": ("tokenizer.kind=bpe", "training.bpe_dropout=0.2", "training.consistency=simcut", "training.ema=0.9"),
    "unigram": (
        "training.unigram_alpha=0.3",
        "training.consistency=rdrop",
        "training.both_directions=5",
        "training.optimizer=muon",
    ),
}


@pytest.mark.parametrize("methods", METHODS)
def test_a15_a_stop_changes_nothing_with_methods_that_draw_or_change_on_the_way(
    methods: str, runs: TrainingRuns, tmp_path: Path
) -> None:
    runs.interrupted("transformer", tmp_path / "run", "twice", KILL, *METHODS[methods])
    whole = runs.whole("transformer", *METHODS[methods])
    assert_equal(tmp_path / "run", whole)
    assert losses(whole) != losses(runs.whole("transformer"))


@pytest.mark.parametrize("number", [TERM, KILL])
def test_a02_a_stop_changes_nothing_where_parts_are_computed_side_by_side(
    number: int, runs: TrainingRuns, tmp_path: Path
) -> None:
    runs.interrupted("side by side", tmp_path / "run", "twice", number)
    whole = runs.whole("side by side")
    assert_equal(tmp_path / "run", whole)
    for run in (tmp_path / "run", whole):
        record = json.loads((run / "checkpoints" / "step-00000012" / PROGRESS).read_bytes())
        assert record["environment"]["threads"] == "2"
    assert losses(whole) != losses(runs.whole("transformer"))  # each part has draws of its own


@pytest.mark.parametrize("kind", ["recurrent", "transformer"])
def test_a03_kills_at_random_moments_change_nothing(kind: str, runs: TrainingRuns, tmp_path: Path) -> None:
    killed_at_random(runs, kind, tmp_path, kills=5, seed=3)


@pytest.mark.parametrize("place", ["epoch boundary", "step 0", "last step", "while finishing"])
def test_a05_a_stop_at_an_edge_changes_nothing(place: str, runs: TrainingRuns, tmp_path: Path) -> None:
    runs.interrupted("transformer", tmp_path / "run", place, TERM)
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a05_a_finished_run_says_so_and_is_left_alone(runs: TrainingRuns) -> None:
    before = snapshot(runs.whole("transformer"))
    done = runs.run("transformer", runs.whole("transformer"))
    assert done.code == 0
    assert "already finished" in done.error_text
    assert snapshot(runs.whole("transformer")) == before


def test_a06_a_stop_inside_accumulation_is_answered_after_it(runs: TrainingRuns, tmp_path: Path) -> None:
    runs.interrupted("transformer", tmp_path / "run", "inside accumulation", TERM, "training.accumulation=4")
    assert_equal(tmp_path / "run", runs.whole("transformer", "training.accumulation=4"))


@pytest.mark.parametrize("number", [TERM, KILL])
def test_a07_patience_continues_to_count(number: int, runs: TrainingRuns, tmp_path: Path) -> None:
    settings = "training.patience=3", "training.validate_every=2", "training.learning_rate=1e-9"
    whole = runs.whole("transformer", *settings)
    assert json.loads((whole / "final/finished.json").read_bytes())["step"] == 8
    for where in (
        ("translator.training.loop.Report", 7),
        ("translator.jobs.train.final_parameters.read_parameters", 1),
    ):
        done = runs.run("transformer", tmp_path / "run", *settings, sabotage=[("send", int(number), *where)])
        assert done.code in (128 + number, -number), done.error_text
    assert runs.run("transformer", tmp_path / "run", *settings).code == 0
    assert_equal(tmp_path / "run", whole, range(1, 9))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("training.batch_tokens=600", "training.batch_tokens was 1500, is now 600"),
        ("training.learning_rate=0.1", "training.learning_rate was 0.006, is now 0.1"),
        ("encoder.num_layers=2", "encoder.num_layers was 1, is now 2"),
    ],
)
def test_a09_other_settings_are_refused_by_name(override: str, told: str, runs: TrainingRuns) -> None:
    whole = runs.whole("transformer")
    before = snapshot(whole)
    done = runs.run("transformer", whole, override)
    assert done.code == 2
    assert told in done.error_text
    assert "only the length of training, logging and checkpoints may change" in done.error_text
    assert snapshot(whole) == before


def test_a09_more_steps_under_a_schedule_that_ends_are_reported(runs: TrainingRuns, tmp_path: Path) -> None:
    settings = "training.schedule=linear", "training.steps=4"
    assert runs.run("transformer", tmp_path / "run", *settings).code == 0
    done = runs.run("transformer", tmp_path / "run", settings[0], "training.steps=6")
    assert done.code == 0
    assert "started with training.steps 4, now 6" in done.error_text
    assert "the linear schedule ends at training.steps, so the learning rate jumps here" in done.error_text
    assert [record["step"] for record in journal(tmp_path / "run") if record["event"] == "update"] == [*range(1, 7)]


def test_a11_another_thread_count_resumes_with_one_notice(runs: TrainingRuns, tmp_path: Path) -> None:
    stop = ("send", int(TERM), "translator.training.loop.Report", 2)
    assert runs.run("transformer", tmp_path / "run", sabotage=[stop]).code == 143
    threads = ("call", "torch.set_num_threads", 3)
    done = runs.run("transformer", tmp_path / "run", "training.steps=3", sabotage=[threads])
    assert done.code == 0
    assert done.error_text.count("not bit-exact") == 1
    assert "not bit-exact: threads 1 -> 3\n" in done.error_text


def test_a11_a_state_of_a_gpu_resumes_without_a_gpu(runs: TrainingRuns, tmp_path: Path) -> None:
    run, stop = tmp_path / "run", ("send", int(TERM), "translator.training.loop.Report", 2)
    assert runs.run("transformer", run, sabotage=[stop]).code == 143
    newest = run / "checkpoints" / "step-00000002"
    record = json.loads((newest / PROGRESS).read_bytes())
    record["environment"]["device"] = "NVIDIA H100"
    (newest / PROGRESS).write_text(json.dumps(record))
    state = torch.zeros(16, dtype=torch.uint8)
    (newest / OPTIMIZER).write_bytes(save({**read_parameters(newest / OPTIMIZER), "random_cuda": state}))
    (newest / MANIFEST).unlink()
    write_manifest(newest)
    done = runs.run("transformer", run)
    assert done.code == 0
    assert "not bit-exact: device NVIDIA H100 -> cpu\n" in done.error_text


def test_a12_a_translation_is_the_same_again_and_in_any_batch(commands: Commands, finished: Path) -> None:
    for beam in ("1", "5"):
        words = ["translate", "--run", "runs/demo", "--input", "test.en", "--beam-size", beam, "--batch-size"]
        texts = [commands.run(finished, *words, size).output for size in ("1", "32", "32")]
        assert texts[0] == texts[1] == texts[2]
        assert texts[0].count(b"\n") == 12


def test_a13_a_moved_run_resumes(runs: TrainingRuns, commands: Commands, tmp_path: Path) -> None:
    stop = ("send", int(TERM), "translator.training.loop.Report", 2)
    assert runs.run("transformer", tmp_path / "run", sabotage=[stop]).code == 143
    shutil.copytree(runs.folder, tmp_path / "elsewhere" / "corpus", ignore=shutil.ignore_patterns("whole"))
    (tmp_path / "run").rename(tmp_path / "elsewhere" / "moved")
    words = arguments("transformer", "moved")
    words[1] = f"corpus/{words[1]}"
    done = commands.run(tmp_path / "elsewhere", *words)
    assert done.code == 0, done.error_text
    assert_equal(tmp_path / "elsewhere" / "moved", runs.whole("transformer"))
    for name, content in snapshot(tmp_path / "elsewhere" / "moved").items():
        assert str(tmp_path).encode() not in content, name


def test_a14_a_second_process_is_refused_and_the_first_is_not_affected(runs: TrainingRuns, tmp_path: Path) -> None:
    first = runs.start("transformer", tmp_path / "run")
    first.wait_for("step 1 of ")
    first.send(signal.SIGSTOP)
    words = arguments("transformer", tmp_path / "run")
    seconds = [runs.commands.run(runs.folder, *words, *extra) for extra in ([], ["--overwrite"])]
    owners = [re.search(r"in use by pid (\d+)", second.error_text) for second in seconds]
    assert [owner and os.getpgid(int(owner[1])) for owner in owners] == [first.pid, first.pid]
    first.send(signal.SIGCONT)
    assert [second.code for second in seconds] == [5, 5]
    assert first.wait().code == 0
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a14_of_two_that_start_at_once_one_prepares(runs: TrainingRuns, tmp_path: Path) -> None:
    both = [runs.start("transformer", tmp_path / "run") for _ in range(2)]
    codes = sorted(training.wait().code for training in both)
    assert codes in ([0, 0], [0, 5])
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a14_the_lock_of_a_killed_process_is_taken_over(runs: TrainingRuns, tmp_path: Path) -> None:
    kill = ("send", int(KILL), "translator.training.loop.Report", 2)
    assert runs.run("transformer", tmp_path / "run", sabotage=[kill]).code == -KILL
    assert leftovers(tmp_path)
    assert runs.run("transformer", tmp_path / "run", "training.steps=3").code == 0
    assert leftovers(tmp_path) == []


def test_a14_another_run_s_unfinished_folder_is_left_alone(runs: TrainingRuns, tmp_path: Path) -> None:
    (tmp_path / ".tmp-run-two").mkdir()
    assert runs.run("transformer", tmp_path / "run", "training.steps=1").code == 0
    assert leftovers(tmp_path) == [tmp_path / ".tmp-run-two"]


def test_a_command_typed_by_a_user_resumes(runs: TrainingRuns, tmp_path: Path) -> None:
    stop = ("send", int(TERM), "translator.training.loop.Report", 2)
    assert runs.run("transformer", tmp_path / "run", sabotage=[stop]).code == 143
    done = execute(runs.folder, *arguments("transformer", tmp_path / "run"))
    assert done.code == 0
    assert "not bit-exact" not in done.error_text
    assert_equal(tmp_path / "run", runs.whole("transformer"))


def test_a09_other_sentences_are_refused_with_both_fingerprints_and_other_test_sentences_reported(
    commands: Commands, corpus: Path
) -> None:
    words = ["train", "demo.toml", *sets(*SETTINGS["demo"])]
    stop = ("send", int(TERM), "translator.training.loop.Report", 2)
    assert commands.run(corpus, *words, "--output", "run", sabotage=[stop]).code == 143
    before = snapshot(corpus / "run")
    recorded = json.loads(before["run.json"])["corpus"]
    for name, split in (("train", "train"), ("valid", "validation")):
        text = (corpus / f"{name}.de").read_bytes()
        (corpus / f"{name}.de").write_bytes(text.replace(b" ", b" etwa ", 1))
        done = commands.run(corpus, *words, "--output", "run")
        assert done.code == 3
        assert recorded[split]["fingerprint"] in done.error_text
        assert len(re.findall("[0-9a-f]{64}", done.error_text)) == 2
        (corpus / f"{name}.de").write_bytes(text)
    assert snapshot(corpus / "run") == before
    (corpus / "test.de").write_bytes((corpus / "test.de").read_bytes().replace(b" ", b" etwa ", 1))
    done = commands.run(corpus, *words, "--output", "run")
    assert done.code == 0
    assert "warning: test.en and test.de: different test sentences" in done.error_text.replace(f"{corpus}/", "")
