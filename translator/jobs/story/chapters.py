"""The ladder that the story of attention climbs: fifteen models, each one step from another, trained under equal conditions.

Each training is a run of `translator train` in a process of its own, so that its memory can be told from all others'.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from translator.config import Config, differences, flatten, load_config
from translator.errors import ModelError, TranslatorError, UsageError
from translator.jobs.compare.conditions import settings_of
from translator.jobs.train.signals import caught
from translator.jobs.translate.build import check_model
from translator.runs.folder import RunFolder
from translator.storage.files import write_file

MEMORY = "memory.json"
"""Beside the runs: the most memory that each training held, in bytes."""
SELF = ("encoder.self_attention", "decoder.self_attention")
CROSS = ("decoder.cross_attention",)


def at(places: Sequence[str], *settings: str) -> tuple[str, ...]:
    """The same settings for several attention tables."""
    return tuple(f"{place}.{setting}" for place in places for setting in settings)


class Rung(NamedTuple):
    """A shipped config with the settings that it changes."""

    name: str
    config: str
    changes: tuple[str, ...]  # as --set takes them
    than: str | None  # the rung that it is compared with
    what: str  # what is new in it, as compared with that one


ADDITIVE, BASE = "demo-additive", "transformer"
RUNGS = (
    Rung("fixed-vector", "demo-fixed-vector", (), None, "The whole sentence goes through one vector"),
    Rung("additive", ADDITIVE, (), "fixed-vector", "The decoder looks back; a small network scores each source word"),
    Rung("dot", ADDITIVE, at(CROSS, "score=dot"), "additive", "A dot product, which has no weights, takes the network's place"),
    Rung("general", ADDITIVE, at(CROSS, "score=general"), "dot", "A learned matrix stands inside the dot product"),
    Rung("scaled-dot", ADDITIVE, at(CROSS, "score=scaled_dot"), "general",
         "The matrix becomes a product of two, and the score is divided by the root of its width"),
    Rung("scaled-dot-4-heads", ADDITIVE, at(CROSS, "score=scaled_dot", "num_heads=4"), "scaled-dot",
         "Four looks at once, each on a quarter of the width"),
    Rung("transformer-1-head", "demo", at(SELF + CROSS, "num_heads=1"), "scaled-dot",
         "Recurrence goes, words look at each other"),
    Rung(BASE, "demo", (), "transformer-1-head", "Four looks at once, in each of three places"),
    Rung("no-positions", "demo", ("model.positions=none",), BASE, "Nothing says where a word stands"),
    Rung("learned-positions", "demo", ("model.positions=learned",), BASE, "A learned vector a position takes the waves' place"),
    Rung("window", "demo-window", (), BASE, "Self-attention sees the neighbours alone"),
    Rung("linformer", "demo-linformer", (), BASE, "The encoder looks at mixtures of its words, fewer than words"),
    Rung("performer", "demo-performer", (), BASE, "Random features take the place of self-attention's softmax"),
    Rung("flash", "demo-flash", (), BASE, "The same attention in blocks, its matrix never written"),
    Rung("transformer-additive", "demo", at(CROSS, "score=additive"), BASE,
         "The small network scores the source words for a Transformer's decoder"),
)  # fmt: skip
LADDER = {rung.name: rung for rung in RUNGS}


class Plan(NamedTuple):
    """A rung with its config, the reader's own changes included."""

    rung: Rung
    path: Path
    overrides: tuple[str, ...]
    config: Config

    def is_config_of(self, run: RunFolder) -> bool:
        """Whether a run was trained as this asks, to the last update."""
        return not differences(settings_of(run), flatten(self.config), may_change=frozenset())


def plan_ladder(overrides: Sequence[str], find: Callable[[str], Path]) -> list[Plan]:
    """Every rung, checked before the first is trained; `find` gives the path of a shipped config."""
    if bad := next((one for one in overrides if one.strip().startswith("corpus.")), None):
        raise UsageError(f"--set {bad}", "the story is told on the demo corpus", "compare models on yours by `compare`")
    plans = []
    for rung in LADDER.values():
        path, changes = find(rung.config), (*rung.changes, *overrides)
        plans.append(Plan(rung, path, changes, load_config(path, changes)))
        check_model(plans[-1].config)
    return plans


def climb(plans: Sequence[Plan], root: Path, *, device: str, notify: Callable[[str], None]) -> list[RunFolder]:
    """The finished run of each rung below `root`; what is missing or was trained otherwise is trained, in order."""
    for number, plan in enumerate(plans, 1):
        run = RunFolder(root / plan.rung.name)
        fits = run.is_run and plan.is_config_of(run)
        if fits and run.is_finished:
            continue
        anew = " anew, since its run has another config" if run.is_run and not fits else ""
        notify(f"rung {number} of {len(plans)}: training {plan.rung.name}{anew}")
        train_rung(plan, run, begin=not fits, device=device)
    return [RunFolder(root / plan.rung.name) for plan in plans]


def train_rung(plan: Plan, run: RunFolder, *, begin: bool, device: str) -> None:
    """Train it, from the start or from where it stopped, and note its memory. Raises TranslatorError where it was stopped."""
    words = ["train", str(plan.path), "--output", str(run.path), "--device", device]
    words += [part for change in plan.overrides for part in ("--set", change)]
    code, peak = run_program([*words, "--overwrite"] if begin and run.is_run else words)
    path = run.path.parent / MEMORY
    if run.is_run:
        known = read_memory(run.path.parent)
        held = {plan.rung.name: max(peak, 0 if begin else known.get(plan.rung.name, 0))}
        write_file(path, json.dumps(known | held, indent=1).encode())
    if code:
        stopped = TranslatorError(
            plan.rung.name, f"its training ended with exit code {code}", "the same command goes on"
        )
        stopped.exit_code = code
        raise stopped


def read_memory(root: Path) -> dict[str, int]:
    """The most memory that each training below `root` held, where that is known."""
    path = root / MEMORY
    try:
        known: dict[str, int] = json.loads(path.read_bytes()) if path.is_file() else {}
    except ValueError as error:
        raise ModelError(str(path), f"is damaged ({error})", "remove it; the figures of memory go with it") from error
    return known


def run_program(words: Sequence[str]) -> tuple[int, int]:
    """(exit code, most memory held in bytes) of this program in a child process, to which signals are passed on.

    A child's figure begins with the memory of whoever starts it, so call this before there is much in memory.
    """
    child = subprocess.Popen([sys.executable, "-m", "translator", *words], stdout=subprocess.DEVNULL)
    received: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)

    with caught(pass_on):
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    code = 128 - child.returncode if child.returncode < 0 else child.returncode
    unit = 1 if sys.platform == "darwin" else 1024
    return code or (128 + received[0] if received else 0), usage.ru_maxrss * unit
