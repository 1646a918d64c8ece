"""Sequence-level distillation (Kim and Rush 2016): a run also learns from a teacher's translations of its training sources.

In the paper, these translations replace the references; here they are added to them. Data diversification (Nguyen et al. 2020)
does this with several teachers; the guide to the commands has a recipe.
"""

from collections.abc import Callable, Iterable, Iterator

import torch

from translator.config import Config
from translator.errors import UsageError
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder
from translator.runs.lookup import find_run
from translator.text.corpus import Block

_NOTICE_EVERY = 5_000


def find_teachers(config: Config, run: RunFolder) -> list[RunFolder]:
    """Return the runs, or ensembles, that `training.teacher` names.

    Raises ModelError if one is not finished, and UsageError if it is the run itself or translates between other languages.
    """
    names = config.training.teacher.split(",") if config.training.teacher else []
    teachers = [find_run(name.strip()) for name in names if name.strip()]
    for teacher in teachers:
        for member in (teacher, *teacher.partners):
            if member.path.resolve() == run.path.resolve():
                raise UsageError("training.teacher", f"{member.path} is the run itself", "give another --output")
            member.require_finished()
        corpora = teacher.config().corpus, config.corpus
        found, expected = (f"{corpus.source_language} to {corpus.target_language}" for corpus in corpora)
        if found != expected:
            raise UsageError("training.teacher", f"{teacher.path} translates {found}, expected {expected}")
    return teachers


def digest_of(teacher: RunFolder) -> str:
    """Return what determines the translations: the parameters of all members, and the decoding settings of the first."""
    digests = [member.parameters_digest() for member in (teacher, *teacher.partners)]
    return " ".join([*digests, teacher.config().decoding.model_dump_json()])


def distilled(
    blocks: Iterable[Block], teacher: RunFolder, device: torch.device, notify: Callable[[str], None]
) -> Iterator[Block]:
    """Yield the sources with the teacher's translations, without those that are blank."""
    translator, num_done = load(teacher, device=device), 0
    notify(f"translating the training sources with {teacher.place}")
    for block in blocks:
        targets = translator.translate(block.source)
        pairs = [pair for pair in zip(block.source, targets, strict=True) if pair[1].strip()]
        yield Block.of([source for source, _ in pairs], [target for _, target in pairs])
        if (num_done + len(targets)) // _NOTICE_EVERY > num_done // _NOTICE_EVERY:
            notify(f"{num_done + len(targets):,} training sources translated")
        num_done += len(targets)
