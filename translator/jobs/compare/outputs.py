"""Score translations by any systems, read from files: no run is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from translator.evaluation.comparison import Difference, paired_bootstrap
from translator.evaluation.settings import EvaluationSettings, choose_tokenizer
from translator.jobs.compare.evaluate import Lines, Scores, require_aligned, score
from translator.runs.folder import HeldOut
from translator.text.discovery import language_of_file
from translator.text.words import is_unspaced

_UNSPACED = "the references have no spaces between words: name BLEU's tokenizer, such as --set evaluation.tokenizer=zh"


class Output(NamedTuple):
    """The scores of a system's translations."""

    system: str
    scored: Scores
    test: Difference | None  # from the first system; None for that one

    def as_record(self) -> dict[str, object]:
        """Return everything but notices, by name."""
        record = {"system": self.system, **self.scored._asdict(), "paired_test": self.test}
        return {name: value for name, value in record.items() if name != "notices" and value is not None}


def score_outputs(
    hypotheses: Sequence[Lines],
    references: Sequence[Lines],
    source: Lines | None = None,
    settings: EvaluationSettings = EvaluationSettings(),  # noqa: B008 - a value
) -> list[Output]:
    """Score each system's translations, and compare all systems with the first by paired bootstrap.

    By default BLEU's tokenizer follows the language in the name of the first reference. Raises DataError if the files have
    different numbers of lines.
    """
    first, *others = references
    require_aligned(source or first, *references, *hypotheses)
    test = HeldOut(source.lines if source else [], first.lines, None, tuple(lines for _, lines in others))
    tokenizer = choose_tokenizer(settings, language_of_file(Path(first.place).name) or "")
    if tokenizer.name == "13a" and settings.tokenizer == "auto" and is_unspaced(first.lines):
        tokenizer = tokenizer._replace(notice=_UNSPACED)
    systems = [lines for _, lines in hypotheses]
    pairs = [(number, 0) for number in range(1, len(systems))]
    tests = paired_bootstrap(systems, test.references, pairs, tokenizer=tokenizer.name)
    scores = [score(lines, test, tokenizer) for lines in systems]
    return [
        Output(place, scored, difference)
        for (place, _), scored, difference in zip(hypotheses, scores, [None, *tests], strict=True)
    ]


def output_notices(hypotheses: Sequence[Lines], outputs: Sequence[Output]) -> list[str]:
    """Return warnings about what makes the scores misleading, each once."""
    empty = [(place, sum(not line.strip() for line in lines), len(lines)) for place, lines in hypotheses]
    found = [f"{place}: {count:,} of {total:,} lines are empty" for place, count, total in empty if count]
    return list(dict.fromkeys([*found, *(notice for output in outputs for notice in output.scored.notices)]))
