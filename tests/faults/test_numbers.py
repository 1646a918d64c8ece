"""Rows D of the catalogue: numbers that are not finite, memory that runs out, tiny corpora."""

import json
import signal
from pathlib import Path

import pytest
import torch

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import Commands
from tests.faults.runs import TrainingRuns, journal, losses
from tests.faults.test_processes import STILL
from tests.training.test_loop import begin, corpus_updates
from translator.training.checkpoint import MODEL, OPTIMIZER, read_parameters
from translator.training.loop import accumulate, mean_cross_entropy
from translator.training.updates import Share

NAN = float("nan")
EVER = 10**6


def assert_finite(run: Path) -> None:
    """Check that all parameters of all checkpoints are finite."""
    checkpoints = list(run.glob("checkpoints/step-*"))
    assert checkpoints
    for checkpoint in checkpoints:
        for part in (MODEL, OPTIMIZER):
            weights = read_parameters(checkpoint / part)
            assert all(weight.isfinite().all() for weight in weights.values() if weight.is_floating_point())


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_d01_training_that_diverges_ends_with_its_last_finite_state(
    bad: float, runs: TrainingRuns, tmp_path: Path
) -> None:
    run, settings = tmp_path / "run", ("training.steps=30", "training.save_every=2")
    done = runs.run("transformer", run, *settings, sabotage=[("scale_loss", bad, 5, EVER)])
    assert done.code == 6
    assert "error: step 14: loss not finite in 10 updates in a row (before, it was about " in done.error_text
    assert "lower training.learning_rate (" in done.error_text
    assert_finite(run)
    assert runs.run("transformer", run, *settings).code == 0


def test_d01_the_highest_learning_rate_leaves_only_finite_numbers(runs: TrainingRuns, tmp_path: Path) -> None:
    settings = "training.learning_rate=100", "training.optimizer=adamw", "training.weight_decay=1e6"
    assert runs.run("transformer", tmp_path / "run", *settings, "training.save_every=1").code == 6
    assert_finite(tmp_path / "run")


def test_d03_one_bad_update_is_skipped_alone(runs: TrainingRuns, tmp_path: Path) -> None:
    done = runs.run("transformer", tmp_path / "run", sabotage=[("scale_loss", NAN, 5, 5)])
    assert done.code == 0
    records = [record for record in journal(tmp_path / "run") if record["event"] == "update"]
    assert [record["step"] for record in records if record["skipped"]] == [5]
    assert records[4]["loss"] is None
    assert "step 5: loss or gradient not finite, update skipped (1 so far); epoch 1, training pairs " in done.error_text
    assert json.loads((tmp_path / "run" / "final/finished.json").read_bytes())["skipped_updates"] == 1
    whole = losses(runs.whole("transformer"))
    assert losses(tmp_path / "run")[:4] == whole[:4]
    assert losses(tmp_path / "run")[5] != whole[5]


def test_d03_skipped_updates_are_counted_over_a_stop(runs: TrainingRuns, tmp_path: Path) -> None:
    run, bad = tmp_path / "run", ("scale_loss", NAN, 1, EVER)
    stop = ("send", int(signal.SIGTERM), "translator.training.loop.Report", 6)
    assert runs.run("transformer", run, "training.steps=30", sabotage=[bad, stop]).code == 143
    done = runs.run("transformer", run, "training.steps=30", sabotage=[bad])
    assert done.code == 6
    assert "step 10: loss not finite in 10 updates in a row (no update had a finite loss)" in done.error_text


def test_d04_a_cross_entropy_that_is_not_finite_is_never_the_best(runs: TrainingRuns, tmp_path: Path) -> None:
    done = runs.run("transformer", tmp_path / "run", sabotage=[("scale_loss", NAN, 1, 1, False)])
    assert done.code == 0
    assert "step 6  validation cross-entropy nan  perplexity nan  BLEU 0.00  " in done.error_text
    validations = [record for record in journal(tmp_path / "run") if record["event"] == "validation"]
    assert [(record["cross_entropy"] is None, record["is_best"]) for record in validations] == [
        (True, False),
        (False, True),
    ]
    assert {sample["hypothesis"] for sample in validations[0]["samples"]} == {""}  # it was not asked to translate


@pytest.mark.parametrize("name", ["recurrent", "transformer"])
def test_d05_a_batch_without_targets_has_no_loss(name: str) -> None:
    objective, _ = begin(name)
    (batch,) = corpus_updates().share(0, 0, 1).batches
    empty = batch._replace(real_M=batch.real_M[:0])
    assert accumulate(objective, Share([batch, empty], batch.num_tokens)).isfinite()
    assert all(weight.grad.isfinite().all() for weight in objective.parameters() if weight.grad is not None)
    assert mean_cross_entropy(objective, iter([empty])) == 0.0
    assert mean_cross_entropy(objective, iter([batch, empty])) == mean_cross_entropy(objective, iter([batch]))


def test_d06_a_spike_is_named_with_its_batch(runs: TrainingRuns, tmp_path: Path) -> None:
    done = runs.run("transformer", tmp_path / "run", sabotage=[("scale_loss", 20.0, 8, 8)])
    assert done.code == 0
    assert "step 8: the loss jumped to 1" in done.error_text
    assert done.error_text.count("the loss jumped to") == 1
    notice = next(line for line in done.error_text.splitlines() if "jumped" in line)
    assert "training pairs " in notice


def test_d07_a_missing_gpu_is_named(runs: TrainingRuns, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    folder, words = runs.folder, ["train", "demo.toml", *sets(*SETTINGS["demo"], "training.steps=1")]
    done = runs.commands.run(folder, *words, "--device", "cuda", "--output", tmp_path / "run")
    assert done.code == 5
    assert "CUDA requested but not available" in done.error_text
    assert "use --device cpu" in done.error_text
    done = runs.commands.run(folder, *words, "--device", "auto", "--output", tmp_path / "run")
    assert done.code == 0
    assert "device cpu" in done.error_text


WIDE = "model.feed_forward_dim=2048", "training.batch_tokens=100000", "training.steps=1"
NOTICE = "out of memory: each micro-batch is now split into "


def test_d09_a_memory_limit_halves_the_micro_batch(runs: TrainingRuns, tmp_path: Path) -> None:
    size = memory_of(runs.commands)
    settings = *STILL["transformer"], *WIDE
    whole = runs.whole("transformer", *settings)
    done = runs.run("transformer", tmp_path / "run", *settings, limits={"RLIMIT_AS": size + 750 * 2**20})
    assert done.code == 0, done.error_text
    assert done.error_text.count(NOTICE) >= 1
    found, expected = (list(map(float.fromhex, losses(run))) for run in (tmp_path / "run", whole))
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("megabytes", [90, 180, 210, 280, 300, 360, 405])
def test_d09_training_with_little_memory_ends_with_a_message(
    megabytes: int, runs: TrainingRuns, tmp_path: Path
) -> None:
    """Often it is glibc that ends the trainer, with code 127, while a thread starts; `supervise` then reports it."""
    limit = memory_of(runs.commands) + megabytes * 2**20
    settings = *STILL["transformer"], *WIDE
    done = runs.run("transformer", tmp_path / "run", *settings, limits={"RLIMIT_AS": limit})
    assert done.code in (0, 5), done.error_text
    assert (done.code == 5) == ("\nerror: " in f"\n{done.error_text}")


def test_d09_a_thread_that_cannot_be_started_is_an_environment_error(runs: TrainingRuns, tmp_path: Path) -> None:
    none = ("fail", "RuntimeError", "threading._start_new_thread", 0, "can't start new thread")
    done = runs.run("side by side", tmp_path / "run", sabotage=[none])
    assert done.code == 5
    assert "threads: cannot start another thread; free memory, or raise the limits" in done.error_text


def memory_of(commands: Commands) -> int:
    """Return the address space of the fork server in bytes, which its children inherit."""
    pages = int(Path(f"/proc/{commands.server.pid}/statm").read_text().split()[0])
    return pages * 4096


def test_d09_a_smaller_micro_batch_is_remembered(runs: TrainingRuns, tmp_path: Path) -> None:
    run = tmp_path / "run"
    full = ("fail", "RuntimeError", "translator.training.objective.Objective.forward", 2, "can't allocate memory")
    stop = ("send", int(signal.SIGTERM), "translator.training.loop.Report", 4)
    done = runs.run("transformer", run, sabotage=[full, stop])
    assert done.code == 143
    assert done.error_text.count(NOTICE) == 1
    done = runs.run("transformer", run)
    assert done.code == 0
    assert NOTICE not in done.error_text
    assert json.loads((run / "checkpoints/step-00000012/progress.json").read_bytes())["progress"]["parts"] == 2
    assert runs.run("transformer", tmp_path / "whole", sabotage=[full]).code == 0
    assert losses(run) == losses(tmp_path / "whole")


def test_d09_a_pair_that_does_not_fit_into_memory_ends_training(runs: TrainingRuns, tmp_path: Path) -> None:
    full = ("fail", "MemoryError", "translator.training.objective.Objective.forward", 0)
    done = runs.run("transformer", tmp_path / "run", sabotage=[full])
    assert done.code == 5
    assert "step 1: out of memory with one sentence pair at a time (up to " in done.error_text
    assert "lower training.batch_tokens" in done.error_text


@pytest.mark.parametrize("count", [1, 2])
def test_d10_a_corpus_of_a_pair_or_two_trains(count: int, commands: Commands, corpus: Path) -> None:
    for suffix in ("en", "de"):
        path = corpus / f"train.{suffix}"
        path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:count]), "utf-8")
    done = commands.run(corpus, "train", "demo.toml", *sets(*SETTINGS["demo"]), "--output", "run")
    assert done.code == 0, done.error_text
    assert f"training pairs: {count} read, {count} kept" in done.error_text
    assert len(losses(corpus / "run")) == 12


def test_d11_a_vocabulary_larger_than_the_corpus_is_lowered(commands: Commands, corpus: Path) -> None:
    settings = sets(*SETTINGS["demo"], "tokenizer.vocab_size=8000", "training.steps=1")
    done = commands.run(corpus, "train", "demo.toml", *settings, "--output", "run")
    assert done.code == 0
    assert "tokenizer.vocab_size: lowered from 8000 to " in done.error_text


@pytest.mark.parametrize(("size", "told"), [(3, "found 3, expected"), (20, "found 20, expected at least ")])
def test_d12_a_vocabulary_smaller_than_the_alphabet_is_refused(
    size: int, told: str, commands: Commands, corpus: Path
) -> None:
    settings = sets(*SETTINGS["demo"], f"tokenizer.vocab_size={size}")
    done = commands.run(corpus, "train", "demo.toml", *settings, "--output", "run")
    assert done.code == 2
    assert told in done.error_text
    assert not (corpus / "run").exists()


def test_d13_the_filter_that_leaves_no_pairs_is_named(commands: Commands, corpus: Path) -> None:
    settings = sets(*SETTINGS["demo"], "corpus.max_words=1")
    done = commands.run(corpus, "train", "demo.toml", *settings, "--output", "run")
    assert done.code == 3
    assert "0 of 200 training pairs left" in done.error_text
