"""Sequence-to-sequence translation, told as the story of attention and run from the command line.

The floors, from the ground up; a file imports from floors below or from its own room:

    0  ops/, errors, settings       arithmetic in a plain and a fast form; what can go wrong; the base of all settings
    1  attention/                   scores and mechanisms: the one core that both architectures stand on
    1  text/                        bytes to lines, corpora, pieces and batches
    2  models/                      the recurrent encoder-decoder and the Transformer, behind one interface
    2  faults                       what is wrong with a config, in words
    3  training/                    objective, schedules, loop, checkpoints, journal
    3  decoding/                    greedy and beam search, sampling
    3  evaluation/                  metrics, paired tests, word alignments
    4  config, report/              all settings in one file; pictures, curves and pages
    5  experiment/                  whole jobs: train, translate, evaluate, compare, report, tell the story, export
    6  cli/                         the commands

From Python: `translator.load("runs/demo").translate(["the old man reads a book"])`.
"""

from typing import TYPE_CHECKING

from translator.version import __version__

if TYPE_CHECKING:
    from translator.experiment.translate import Translator, load

__all__ = ["Translator", "__version__", "load"]


def __getattr__(name: str) -> object:
    """Import what needs torch only when it is asked for."""
    if name in ("load", "Translator"):
        from translator.experiment import translate

        return getattr(translate, name)
    raise AttributeError(f"module 'translator' has no attribute {name!r}")
