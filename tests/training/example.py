"""Events of a run that was never trained."""

from pathlib import Path

from translator.training.journal import Journal, JournalEvent
from translator.training.loop import perplexity
from translator.training.progress import Report, Sample, Validation


def update(step: int, loss: float = 2.0, *, rate: float = 1e-3, seconds: float = 0.5) -> Report:
    return Report(step, 0, step - 1, loss, 100, rate, 1.0, False, seconds)


def validation(step: int, cross_entropy: float = 1.5, bleu: float = 33.25, *, text: str = "a dog") -> Validation:
    return Validation(step, cross_entropy, perplexity(cross_entropy), bleu, True, 3.0, [Sample(text, text, text)] * 3)


def write_journal(path: Path, *events: JournalEvent) -> Path:
    """Append events to a journal."""
    with Journal(path, print) as journal:
        for event in events:
            journal.write(event)
    return path
