"""How fast a GPU trains: `make bench-gpu` prints one `figure value unit` a line within about five minutes.

    TRANSLATOR_MULTI30K=multi30k make bench-gpu
    TRANSLATOR_MULTI30K=multi30k make bench-gpu BENCH="--stages speed,cold"

Stages: `speed` compares captured, uncaptured and plain updates of one model; `cold` runs the whole command on a fresh
folder, with BLEU over time, then starts it again; `seeds` trains one and then four seeds side by side.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch

from tests.benchmarks.figures import show
from tests.benchmarks.training_runs import begun, corpus_overrides, outcomes_of, scores_of
from translator.config import load_config
from translator.jobs.compare.train_missing import plan_runs
from translator.jobs.compare.training_processes import run_commands, train_command
from translator.jobs.train.run_loop import Training
from translator.jobs.translate.device import configure_library

CONFIG = Path(__file__).parent.parent.parent / "configs" / "multi30k-transformer-gpu.toml"
FORMS = {
    "captured": [],
    "uncaptured": ["ops.capture=false"],
    "plain": ["ops.fast=false", "ops.capture=false", "ops.precision=fp32"],
}
WARM_UP, UPDATES, REPEATS = 200, 200, 3
SEEDS = 4


def announce(stage: str) -> None:
    """Print what comes next, as a comment."""
    sys.stdout.write(f"# {stage}\n")
    sys.stdout.flush()


def measure_speed(folder: Path) -> None:
    """Show target tokens per second of each form, in turns, and the share of the time that the GPU works."""
    speeds: dict[str, list[float]] = {form: [] for form in FORMS}
    runs: dict[str, Training] = {}
    for form, overrides in FORMS.items():
        announce(f"speed: {form} updates, {WARM_UP} to warm up")
        settings = [*corpus_overrides(), "training.steps=100000", *overrides]
        runs[form] = begun(CONFIG, settings, folder / form, device="cuda")
        list(islice(outcomes_of(runs[form]), WARM_UP if form == "captured" else WARM_UP // 10))
    for _ in range(REPEATS):
        for form, run in runs.items():
            speeds[form].append(tokens_per_second(run, UPDATES if form == "captured" else UPDATES // 10))
    for form, values in speeds.items():
        show(f"gpu.{form}.tokens_per_second", median(values), note=f" ({min(values):.4g} to {max(values):.4g})")
    for form in ("uncaptured", "plain"):
        ratios = [fast / slow for fast, slow in zip(speeds["captured"], speeds[form], strict=True)]
        show(f"ratio.gpu.captured.over.{form}", median(ratios), "times")
    show("gpu.captured.share_of_time_busy", busy_share(runs["captured"]), "share")
    show("gpu.peak.megabytes", torch.cuda.max_memory_allocated() / 1e6)


def tokens_per_second(run: Training, num_updates: int) -> float:
    """Return the real target tokens per second, EOS included, of the next updates of a run."""
    configure_library(torch.device("cuda"), run.objective.ops)
    torch.cuda.synchronize()
    start = time.monotonic()
    num_tokens = sum(outcome.report.num_tokens for outcome in islice(outcomes_of(run), num_updates))
    torch.cuda.synchronize()
    return num_tokens / (time.monotonic() - start)


def busy_share(run: Training) -> float:
    """Return the share of the time during which a kernel runs, while updates follow each other."""
    outcomes = outcomes_of(run)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        torch.cuda.synchronize()
        start = time.monotonic()
        list(islice(outcomes, UPDATES // 4))
        torch.cuda.synchronize()
        seconds = time.monotonic() - start
    working = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    return float(working / seconds)


def events_of(process: subprocess.Popen[bytes], journal: Path, skip: int = 0) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield (time, event) of a journal as it is written, after the first `skip` lines, until its process ends."""
    seen, ended = skip, False
    while True:
        lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
        for line in lines[seen:]:
            if not line.endswith(b"\n"):
                break
            seen += 1
            yield time.monotonic(), json.loads(line)
        if ended:
            return
        ended = process.poll() is not None
        time.sleep(0.02)


def command(run: Path, overrides: Sequence[str]) -> list[str]:
    """Return `translator train` of the GPU config as a program of its own."""
    return train_command(CONFIG, run, overrides=overrides, device="cuda", made_by="train")


def measure_cold(folder: Path) -> None:
    """Show the seconds to the first update, BLEU over time, and the same for a prepared folder."""
    overrides, log_every = corpus_overrides(), load_config(CONFIG, []).training.log_every
    announce("cold: translator train multi30k-transformer-gpu in a fresh folder")
    run, start = folder / "cold", time.monotonic()
    process = subprocess.Popen(command(run, overrides), stdout=subprocess.DEVNULL)
    seconds: list[float] = []
    for moment, event in events_of(process, run / "journal.jsonl"):
        if event["event"] == "update" and len(seconds) < log_every:  # updates are written when they are logged
            seconds.append(event["seconds"])
            if len(seconds) == log_every:
                show("gpu.cold.first_update.seconds", moment - start - sum(seconds[1:]))
        elif event["event"] == "validation":
            show(f"gpu.cold.step_{event['step']}.bleu", event["bleu"], note=f" after {moment - start:.1f} seconds")
            show(f"gpu.cold.step_{event['step']}.validation.seconds", event["seconds"])
    show("gpu.cold.whole_command.seconds", time.monotonic() - start)
    announce("cold: test set, beam search")
    show("gpu.cold.test.bleu", scores_of(run)["BLEU lc"]["value"])
    announce("prepared: the same folder, ten updates more")
    lines = len((run / "journal.jsonl").read_bytes().splitlines())
    settings = json.loads((run / "final" / "finished.json").read_bytes())
    start = time.monotonic()
    longer = [*overrides, f"training.steps={settings['step'] + 10}", "training.log_every=1"]
    process = subprocess.Popen(command(run, longer), stdout=subprocess.DEVNULL)
    for moment, event in events_of(process, run / "journal.jsonl", skip=lines):
        if event["event"] == "update":
            show("gpu.prepared.first_update.seconds", moment - start)
            break
    process.wait()


def measure_seeds(folder: Path) -> None:
    """Show how much longer four seeds side by side take than one alone, as `compare --seeds` trains them, and their BLEU."""
    config = folder / CONFIG.name
    config.write_text(CONFIG.read_text().replace('format = "hub"', "\n".join(map(_as_toml, corpus_overrides()))))
    seconds = {}
    for count in (1, SEEDS):
        announce(f"seeds: {count} at once")
        planned = plan_runs(config, folder / f"seeds-{count}", num_seeds=count)
        start = time.monotonic()
        run_commands(
            {
                plan.run.path.name: train_command(
                    config, plan.run.path, overrides=plan.overrides, device="cuda", made_by="compare"
                )
                for plan in planned
            },
            num_processes=count,
            notify=announce,
        )
        seconds[count] = time.monotonic() - start
        show(f"gpu.seeds_{count}.seconds", seconds[count])
    show(f"ratio.gpu.seeds_{SEEDS}.over.seeds_1", seconds[SEEDS] / seconds[1], "times")
    scores = [scores_of(plan.run.path)["BLEU lc"]["value"] for plan in planned]
    show(
        f"gpu.seeds_{SEEDS}.mean.test.bleu",
        sum(scores) / len(scores),
        note=" of " + ", ".join(f"{score:.2f}" for score in scores),
    )


def _as_toml(override: str) -> str:
    """Return `corpus.key=value` as a line of the table [corpus]."""
    key, _, value = override.removeprefix("corpus.").partition("=")
    return f"{key} = {json.dumps(value)}"


STAGES = {"speed": measure_speed, "cold": measure_cold, "seeds": measure_seeds}


def main() -> None:
    """Measure, and print every figure at once."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description="How fast a GPU trains.")
    parser.add_argument("--stages", default=",".join(STAGES), help="which ones, in this order")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        why = "torch was built without CUDA" if torch.version.cuda is None else "none is found"
        sys.exit(f"bench-gpu: needs a GPU ({why}); `make bench` measures the CPU")
    show(f"gpu.{torch.cuda.get_device_name().replace(' ', '_')}.torch_{torch.__version__}", 1, "device")
    with tempfile.TemporaryDirectory() as name:
        for stage in options.stages.split(","):
            STAGES[stage](Path(name))


if __name__ == "__main__":
    main()
