"""The chapters of the story: fifteen models, each one change away from another, trained under equal conditions.

Each chapter is trained in its own process, so that its peak memory does not include that of the others.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from translator.config import Config, differences, flatten, load_config
from translator.errors import UsageError
from translator.jobs.compare.conditions import settings_of
from translator.jobs.compare.training_processes import run_commands, train_command
from translator.runs.folder import RunFolder
from translator.runs.model import check_model


class Chapter(NamedTuple):
    """A shipped config with the settings that the chapter changes."""

    name: str
    config: str
    changes: tuple[str, ...]  # as --set takes them
    previous: str | None  # the chapter that it is compared with
    idea: str  # what is new, compared with the previous chapter


def _set(keys: Sequence[str], *settings: str) -> tuple[str, ...]:
    """Return overrides that give several attention layers the same settings."""
    return tuple(f"{key}.{setting}" for key in keys for setting in settings)


_SELF = ("encoder.self_attention", "decoder.self_attention")
_CROSS = ("decoder.cross_attention",)
_ADDITIVE, _BASE = "demo-additive", "transformer"
CHAPTERS = {chapter.name: chapter for chapter in (
    Chapter("fixed-vector", "demo-fixed-vector", (), None, "The whole sentence is encoded in one vector"),
    Chapter("additive", _ADDITIVE, (), "fixed-vector",
            "The decoder attends to the source; a small network computes the scores"),
    Chapter("dot", _ADDITIVE, _set(_CROSS, "score=dot"), "additive",
            "A dot product without parameters replaces the network"),
    Chapter("general", _ADDITIVE, _set(_CROSS, "score=general"), "dot",
            "The dot product gets a learned matrix between query and key"),
    Chapter("scaled-dot", _ADDITIVE, _set(_CROSS, "score=scaled_dot"), "general",
            "The matrix becomes a product of two, and scores are divided by the square root of their width"),
    Chapter("scaled-dot-4-heads", _ADDITIVE, _set(_CROSS, "score=scaled_dot", "num_heads=4"), "scaled-dot",
            "Four attention heads, each with a quarter of the width"),
    Chapter("transformer-1-head", "demo", _set(_SELF + _CROSS, "num_heads=1"), "scaled-dot",
            "Self-attention replaces recurrence"),
    Chapter(_BASE, "demo", (), "transformer-1-head", "Four heads in self-attention and cross-attention"),
    Chapter("no-positions", "demo", ("model.positions=none",), _BASE, "No position encoding"),
    Chapter("learned-positions", "demo", ("model.positions=learned",), _BASE,
            "Learned position embeddings replace sinusoidal ones"),
    Chapter("window", "demo-window", (), _BASE, "Self-attention only to neighbouring tokens"),
    Chapter("linformer", "demo-linformer", (), _BASE,
            "The encoder attends to a few learned mixtures of its tokens"),
    Chapter("performer", "demo-performer", (), _BASE,
            "Random features approximate the softmax of self-attention, poorly for large queries and keys"),
    Chapter("flash", "demo-flash", (), _BASE, "The same attention in blocks, without storing its matrix"),
    Chapter("transformer-additive", "demo", _set(_CROSS, "score=additive"), _BASE,
            "The small network computes the scores of a Transformer's cross-attention"),
)}  # fmt: skip


class PlannedChapter(NamedTuple):
    """A chapter with its config, user overrides included."""

    chapter: Chapter
    path: Path
    overrides: tuple[str, ...]
    config: Config


def plan_chapters(overrides: Sequence[str], find_config: Callable[[str], Path]) -> list[PlannedChapter]:
    """Load and check the configs of all chapters; `find_config` returns the path of a shipped config by name."""
    if corpus := next((override for override in overrides if override.strip().startswith("corpus.")), None):
        advice = "use `translator compare` with your own corpus"
        raise UsageError(f"--set {corpus}", "the story always uses the demo corpus", advice)
    changed = {change.partition("=")[0] for chapter in CHAPTERS.values() for change in chapter.changes}
    if change := next((override for override in overrides if override.partition("=")[0].strip() in changed), None):
        raise UsageError(
            f"--set {change}", "the chapters of the story differ in this setting", "choose another setting"
        )
    planned = []
    for chapter in CHAPTERS.values():
        path, changes = find_config(chapter.config), (*chapter.changes, *overrides)
        planned.append(PlannedChapter(chapter, path, changes, load_config(path, changes)))
        check_model(planned[-1].config)
    return planned


def train_chapters(
    planned: Sequence[PlannedChapter], root: Path, *, device: str, notify: Callable[[str], None]
) -> list[RunFolder]:
    """Train the chapters whose runs below `root` are missing, unfinished or have other settings; return all runs.

    Raises TranslatorError if a training run fails or is stopped.
    """
    runs, commands = [RunFolder(root / plan.chapter.name) for plan in planned], {}
    for plan, run in zip(planned, runs, strict=True):
        is_other = run.is_run and bool(differences(settings_of(run), flatten(plan.config), may_change=frozenset()))
        if is_other:
            notify(f"{plan.chapter.name}: the run has different settings and is trained again")
        if is_other or not run.is_finished:
            commands[plan.chapter.name] = train_command(
                plan.path, run.path, overrides=plan.overrides, device=device, made_by="train", overwrite=is_other
            )
    run_commands(commands, num_processes=1, notify=notify)
    return runs
