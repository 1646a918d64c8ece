"""Train, run and compare sequence-to-sequence translation models built on one attention core.

The rooms of the package by floor; a file imports from floors below or from its own room:

    0  storage/, ops/               complete-or-absent files; arithmetic in a plain and a fast form
    0  errors, settings             the errors with their exit codes; the base class of all settings
    1  attention/                   scores and mechanisms: the core of both architectures
    1  text/                        from bytes to lines, corpora, tokens and batches
    2  models/                      the recurrent encoder-decoder and the Transformer, behind one interface
    2  config_errors, config_files  error messages for invalid configs; where configs are found
    3  training/                    objective, schedules, loop, checkpoints, journal
    3  decoding/                    greedy search, beam search, sampling
    3  evaluation/                  metrics, paired tests, word alignments
    4  config, report/              all settings in one file; pictures, curves and pages
    5  runs/                        the run folder
    6  jobs/                        whole jobs: translate, inspect, train, compare, show, share, export, serve, story
    7  cli/                         the commands
    8  api                          training from Python

From Python:

>>> import translator
>>> translator.load("runs/demo").translate("The man reads a book.")
'Der Mann liest ein Buch.'
"""

from importlib import import_module
from typing import TYPE_CHECKING

from translator.version import __version__

if TYPE_CHECKING:
    from translator.api import train
    from translator.jobs.translate.load import load
    from translator.jobs.translate.results import AttentionWeights, TargetScore
    from translator.jobs.translate.translator import Translator
    from translator.runs.folder import RunFolder

__all__ = ["AttentionWeights", "RunFolder", "TargetScore", "Translator", "__version__", "load", "train"]

_MODULES = {
    "load": "jobs.translate.load",
    "train": "api",
    "Translator": "jobs.translate.translator",
    "TargetScore": "jobs.translate.results",
    "AttentionWeights": "jobs.translate.results",
    "RunFolder": "runs.folder",
}


def __getattr__(name: str) -> object:
    """Import torch only when one of these names is used."""
    if name in _MODULES:
        return getattr(import_module(f"translator.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'translator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
