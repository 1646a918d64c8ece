"""BLEU, chrF2 and TER, all by sacreBLEU, each with the signature and the interval that make a figure repeatable.

Never compare figures whose signatures differ. Lowercased BLEU (case:lc) is what papers on Multi30k report.
"""

import math
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from translator.errors import DataError
from translator.text.visible import LINE_ENDS

BOOTSTRAP_SAMPLES = 1000


class Score(NamedTuple):
    """One figure of a system."""

    metric: str
    value: float
    low: float  # of the 95 % bootstrap interval
    high: float
    signature: str

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


def make_bleu(*, lowercase: bool = False, effective_order: bool = False) -> Any:
    """BLEU (Papineni et al. 2002), tokenised by 13a; of single sentences with the effective order."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(lowercase=lowercase, effective_order=effective_order)


def make_chrf(*, lowercase: bool = False) -> Any:
    """chrF2 (Popović 2015): character n-grams, recall counted twice."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(lowercase=lowercase)


def make_ter(*, lowercase: bool = False) -> Any:
    """Translation edit rate (Snover et al. 2006); lower is better."""
    from sacrebleu.metrics.ter import TER

    return TER(case_sensitive=not lowercase)


METRICS: dict[str, Callable[..., Any]] = {"BLEU": make_bleu, "chrF2": make_chrf, "TER": make_ter}
HIGHEST = {"BLEU": 100.0, "chrF2": 100.0, "TER": math.inf}
"""What no text can exceed, so that no interval does; zero is the least of each."""


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU without an interval, for validation."""
    check_counts(hypotheses, references)
    return rounded(make_bleu().corpus_score(one_line(hypotheses), [one_line(references)]).score)


def score_all(hypotheses: Sequence[str], references: Sequence[str]) -> list[Score]:
    """Every metric, cased and lowercased, with intervals. Raises DataError where the counts differ or there is nothing."""
    check_counts(hypotheses, references)
    return [score(name, hypotheses, references, lowercase=lowercase) for name in METRICS for lowercase in (False, True)]


def score(name: str, hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool) -> Score:
    """One metric with its 95 % interval, from a bootstrap whose seed the signature names (Koehn 2004)."""
    metric = with_plain_floats(METRICS[name](lowercase=lowercase))
    result = metric.corpus_score(one_line(hypotheses), [one_line(references)], n_bootstrap=BOOTSTRAP_SAMPLES)
    signature = metric.get_signature()
    value = rounded(result.score)
    mean, half = (value, 0.0) if result._mean < 0 else (result._mean, result._ci)
    label = f"{name} lc" if lowercase else name
    low, high = max(rounded(mean - half), 0.0), min(rounded(mean + half), HIGHEST[name])
    return Score(label, value, low, high, str(signature))


def with_plain_floats(metric: Any) -> Any:
    """The metric with scores of one type: the library's bootstrap fails where 0.0 meets NumPy's float32."""
    compute = metric._compute_score_from_stats

    def compute_plainly(stats: Any) -> Any:
        found = compute(stats)
        found.score = float(found.score)
        return found

    metric._compute_score_from_stats = compute_plainly
    return metric


def check_counts(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """SacreBLEU would score the shorter of the two; here it is an error."""
    if len(hypotheses) != len(references):
        raise DataError(
            "references", f"{len(references):,} lines, but {len(hypotheses):,} translations", "line n judges line n"
        )
    if not references:
        raise DataError("references", "no sentences", "give a test set with at least one")


def one_line(sentences: Sequence[str]) -> list[str]:
    """The same score for a sentence whether or not it has been through a file."""
    return [sentence.translate(LINE_ENDS) for sentence in sentences]


def rounded(value: float) -> float:
    """100.0 rather than 100.00000000000004."""
    return round(value, 10)


def notices(hypotheses: Sequence[str], references: Sequence[str]) -> list[str]:
    """What spoils a score without being an error."""

    def is_composed(lines: Sequence[str]) -> bool:
        return all(unicodedata.is_normalized("NFC", line) for line in lines)

    found = []
    if is_composed(hypotheses) != is_composed(references):
        found.append(
            "Unicode normalisation differs between translations and references (NFC and not); they hardly match"
        )
    if empty := sum(not reference.strip() for reference in references):
        found.append(f"{empty} reference lines are empty")
    return found
