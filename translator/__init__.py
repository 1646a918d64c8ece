"""Sequence-to-sequence translation, told as the story of attention and run from the command line.

The floors, from the ground up; a file imports from floors below or from its own room:

    0  storage/, ops/               files that are complete or absent; arithmetic in a plain and a fast form
    0  errors, settings             what can go wrong; the base class of all settings
    1  attention/                   scores and mechanisms: the one core that both architectures stand on
    1  text/                        bytes to lines, corpora, tokens and batches
    2  models/                      the recurrent encoder-decoder and the Transformer, behind one interface
    2  config_errors                what is wrong with a config, in words
    3  training/                    objective, schedules, loop, checkpoints, journal
    3  decoding/                    greedy search, beam search, sampling
    3  evaluation/                  metrics, paired tests, word alignments
    4  config, report/              all settings in one file; pictures, curves and pages
    5  runs/                        what a run folder is
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
    """Import what needs torch only when it is asked for."""
    if name in ("load", "Translator"):
        from translator.jobs.translate import translator

        return getattr(translator, name)
    raise AttributeError(f"module 'translator' has no attribute {name!r}")
