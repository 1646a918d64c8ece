"""BLEU, chrF2 and TER as computed by sacreBLEU, each with a confidence interval and its signature.

Scores are comparable only if their signatures are equal. A metric without an addition to its name handles upper and lower
case as sacreBLEU does by default: BLEU and chrF2 distinguish them, TER does not. "lc" stands for lowercased text, "cased" for
text as it is. Papers on Multi30k often report BLEU of lowercased text (case:lc).
"""

import math
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from translator.errors import DataError
from translator.text.preprocessing import form_warnings
from translator.text.visible import LINE_ENDS
from translator.text.words import is_unspaced

_BOOTSTRAP_SAMPLES = 1000
_TOKENIZED_SHARE = 0.1
"""Share of the translations from which a separate full stop at the end is reported."""
References: TypeAlias = Sequence[Sequence[str]]
"""Reference translations of a test set: for each human translator, a list with all sentences."""


class Score(NamedTuple):
    """One score of a system."""

    metric: str
    value: float
    low: float  # of the 95 % bootstrap interval
    high: float
    signature: str

    @property
    def direction(self) -> str:
        """Which scores are better, in words."""
        return "lower is better" if self.metric in LOWER_IS_BETTER else "higher is better"

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


def make_bleu(
    *,
    lowercase: bool = False,
    effective_order: bool = False,
    tokenizer: str = "13a",
    references: References | None = None,
) -> Any:
    """Return BLEU: the share of n-grams (n = 1 to 4) that the reference also has, less if too short (Papineni et al. 2002).

    `effective_order` leaves out n-gram orders that a single sentence is too short for. `tokenizer` is one of sacreBLEU's.
    Given `references`, it counts their n-grams once and scores every system against them.
    """
    from sacrebleu.metrics.bleu import BLEU

    # `force` silences a warning about tokenised text in every call; `notices` gives it once.
    return BLEU(
        lowercase=lowercase, force=True, tokenize=tokenizer, effective_order=effective_order, references=references
    )


def make_chrf(*, lowercase: bool = False, references: References | None = None) -> Any:
    """Return chrF2: F-score of character n-grams in which recall counts twice as much as precision (Popović 2015)."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(lowercase=lowercase, references=references)


def make_ter(*, lowercase: bool = True, is_unspaced: bool = False) -> Any:
    """Return TER: edits needed to turn the translation into the reference, per reference word (Snover et al. 2006).

    Lower is better. For text without spaces, each Chinese character is a word; sacreBLEU then separates punctuation too.
    """
    from sacrebleu.metrics.ter import TER

    return TER(case_sensitive=not lowercase, normalized=is_unspaced, asian_support=is_unspaced)


METRICS: dict[str, Callable[..., Any]] = {
    "BLEU": make_bleu,
    "BLEU lc": partial(make_bleu, lowercase=True),
    "chrF2": make_chrf,
    "chrF2 lc": partial(make_chrf, lowercase=True),
    "TER": make_ter,
    "TER cased": partial(make_ter, lowercase=False),
}
LOWER_IS_BETTER = ("TER", "TER cased")
_MEANINGS = {
    "BLEU": "share of word sequences of 1 to 4 words that the reference also has, less if the translation is too short; "
    "0 to 100, higher is better",
    "chrF2": "the idea of BLEU with sequences of 1 to 6 characters instead of words; 0 to 100, higher is better",
    "TER": "edits that turn the translation into the reference, per 100 words of the reference; lower is better",
}
_CASES = {"lc": "without regard to case", "cased": "with upper and lower case distinguished"}
_MAXIMUM = dict.fromkeys(LOWER_IS_BETTER, math.inf)
"""The largest possible values of metrics, unless it is 100; the smallest is always 0. Intervals are cut off at both."""


def meaning(metric: str) -> str:
    """Return what a metric measures, and which direction is better, as the end of a sentence."""
    name, _, case = metric.partition(" ")
    return _MEANINGS[name] + (f"; {_CASES[case]}" if case else "")


def bleu(hypotheses: Sequence[str], references: References, *, tokenizer: str = "13a") -> float:
    """Return corpus BLEU without an interval."""
    return rounded(make_bleu(tokenizer=tokenizer).corpus_score(*checked(hypotheses, references)).score)


class ValidationMetrics:
    """BLEU and chrF2 of every validation, without intervals; the n-grams of the references are counted once."""

    def __init__(self, references: References, *, tokenizer: str) -> None:
        lines = list(map(_one_line, references))
        self._bleu, self._chrf = make_bleu(tokenizer=tokenizer, references=lines), make_chrf(references=lines)

    def bleu(self, hypotheses: Sequence[str]) -> float:
        return rounded(self._bleu.corpus_score(_one_line(hypotheses), None).score)

    def chrf(self, hypotheses: Sequence[str]) -> float:
        return rounded(self._chrf.corpus_score(_one_line(hypotheses), None).score)


def score_all(hypotheses: Sequence[str], references: References, *, tokenizer: str = "13a") -> list[Score]:
    """Return every metric, cased and lowercased, with intervals. Raises DataError as `checked` does."""
    lines, several = checked(hypotheses, references)
    return [_score(name, lines, several, tokenizer) for name in METRICS]


def _score(name: str, hypotheses: Sequence[str], references: References, tokenizer: str) -> Score:
    """Return one metric with its 95 % bootstrap interval (Koehn 2004); the signature includes the bootstrap's seed."""
    options: dict[str, dict[str, Any]] = {
        "BLEU": {"tokenizer": tokenizer},
        "TER": {"is_unspaced": is_unspaced(references[0])},
    }
    metric = _with_plain_floats(METRICS[name](**options.get(name.split()[0], {})))
    result = metric.corpus_score(hypotheses, references, n_bootstrap=_BOOTSTRAP_SAMPLES)
    signature = metric.get_signature()
    value = rounded(result.score)
    # sacreBLEU sets the mean to -1 if there is no interval.
    mean, half = (value, 0.0) if result._mean < 0 else (result._mean, result._ci)
    # sacreBLEU gives half the width of a symmetric interval around the mean of the samples.
    low, high = max(rounded(mean - half), 0.0), min(rounded(mean + half), _MAXIMUM.get(name, 100.0))
    return Score(name, value, low, high, str(signature))


def _with_plain_floats(metric: Any) -> Any:
    """Make the metric return only Python floats: sacreBLEU's bootstrap fails if they are mixed with NumPy's float32."""
    compute = metric._compute_score_from_stats

    def compute_plainly(stats: Any) -> Any:
        result = compute(stats)
        result.score = float(result.score)
        return result

    metric._compute_score_from_stats = compute_plainly
    return metric


def checked(hypotheses: Sequence[str], references: References) -> tuple[list[str], list[list[str]]]:
    """Return hypotheses and references as sacreBLEU takes them, with every sentence on one line.

    Raises DataError if there are no sentences, or if the numbers of sentences differ: sacreBLEU would ignore the surplus.
    """
    for lines in references:
        if len(hypotheses) != len(lines):
            problem = f"{len(lines):,} lines, but {len(hypotheses):,} translations"
            raise DataError("references", problem, "line n is the reference for line n")
    if not hypotheses:
        raise DataError("references", "no sentences", "give a test set with at least one")
    return _one_line(hypotheses), list(map(_one_line, references))


def _one_line(sentences: Sequence[str]) -> list[str]:
    """Replace line breaks inside sentences, so that scores are the same before and after writing them to a file."""
    return [sentence.translate(LINE_ENDS) for sentence in sentences]


def rounded(value: float) -> float:
    """Round away floating-point noise: 100.0 rather than 100.00000000000004."""
    return round(value, 10)


def notices(hypotheses: Sequence[str], references: References) -> list[str]:
    """Return warnings about test data that makes scores misleading."""

    def is_composed(lines: Sequence[str]) -> bool:
        return all(unicodedata.is_normalized("NFC", line) for line in lines)

    lines = [*chain.from_iterable(references)]
    warnings = []
    if is_composed(hypotheses) != is_composed(lines):
        warnings.append(
            "Unicode normalisation differs between translations and references (NFC and not NFC), so they hardly match"
        )
    if empty := sum(not reference.strip() for reference in lines):
        warnings.append(f"{empty} reference lines are empty")
    num_tokenized = sum(line.endswith(" .") for line in hypotheses)
    if num_tokenized >= _TOKENIZED_SHARE * len(hypotheses) > 0:
        warnings.append(
            f"{num_tokenized:,} of {len(hypotheses):,} translations end in a full stop after a space, as tokenised text does; "
            "scores are comparable only with those of plain text"
        )
    return [*warnings, *form_warnings(hypotheses, "translations"), *form_warnings(lines, "references")]


def useless_output(hypotheses: Sequence[str]) -> str | None:
    """Return a warning if all translations are empty or equal, with what to try, else None."""
    if len(hypotheses) < 2 or len(set(hypotheses)) > 1:
        return None
    what = f"equal ({hypotheses[0][:60]!r})" if hypotheses[0].strip() else "empty"
    return (
        f"warning: all {len(hypotheses):,} validation translations are {what}; if this stays so, lower "
        "training.learning_rate, train for more steps, or check that line n of the target translates line n of the source"
    )
