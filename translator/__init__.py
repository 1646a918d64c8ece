"""Train, run and compare sequence-to-sequence translation models built on one attention core.

The rooms of the package by floor; a file imports from floors below or from its own room:

    0  storage/, ops/               complete-or-absent files; arithmetic in a plain and a fast form
    0  errors, settings             the errors with their exit codes; the base class of all settings
    1  attention/                   scores and mechanisms: the core of both architectures
    1  text/                        from bytes to lines, corpora, tokens and batches
    2  models/                      the recurrent encoder-decoder and the Transformer, behind one interface
    2  config_errors                error messages for invalid configs
    3  training/                    objective, schedules, loop, checkpoints, journal
    3  decoding/                    greedy search, beam search, sampling
    3  evaluation/                  metrics, paired tests, word alignments
    4  config, report/              all settings in one file; pictures, curves and pages
    5  runs/                        the run folder
    6  jobs/                        whole jobs: translate, inspect, train, compare, show, export, story
    7  cli/                         the commands

From Python: `translator.load("runs/demo").translate(["the old man reads a book"])`.
"""

from typing import TYPE_CHECKING

from translator.version import __version__

if TYPE_CHECKING:
    from translator.jobs.translate.translator import Translator, load

__all__ = ["Translator", "__version__", "load"]


def __getattr__(name: str) -> object:
    """Import torch only when one of these names is used."""
    if name in ("load", "Translator"):
        from translator.jobs.translate import translator

        return getattr(translator, name)
    raise AttributeError(f"module 'translator' has no attribute {name!r}")
