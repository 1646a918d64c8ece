"""Minimum Bayes risk (Kumar and Byrne 2004): of several translations, the one that agrees best with all of them.

    expected utility of h = sum over candidates r of P(r) utility(h, r)

P is the model's probability, normalised over the candidates (Jinnai et al. 2024). Utilities compare texts, which a search
does not know: `mbr` finds the candidates, and `expected_utilities` is what they are then ranked by.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

from torch import Tensor

from translator.decoding.beam import beam
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.rules import Prefixes
from translator.decoding.sampling import sampling
from translator.decoding.settings import DecodingSettings
from translator.models.interface import AnyModel

_ORDERS = range(1, 7)
_BETA = 2.0
"""How many times as much recall counts as precision; 2 as in sacreBLEU."""

Compare: TypeAlias = Callable[[str, str], float]
"""Similarity of a hypothesis and a reference, from 0 to 100."""


def mbr(
    model: AnyModel, source_BS: Tensor, mask_BS: Tensor, settings: DecodingSettings, prefixes: Prefixes = ()
) -> list[list[Hypothesis]]:
    """Return `num_best` candidates per sentence, the most probable first."""
    return {"beam": beam, "sampling": sampling}[settings.mbr_candidates](model, source_BS, mask_BS, settings, prefixes)


def expected_utilities(texts: Sequence[str], log_probs: Sequence[float], utility: str) -> list[float]:
    """Return the expected utility of each text if the texts have these log-probabilities."""
    highest, compare = max(log_probs), UTILITIES[utility]()
    # Relative to the highest, so that not all underflow.
    weights = [math.exp(log_prob - highest) for log_prob in log_probs]
    return [
        sum(weight * compare(text, other) for weight, other in zip(weights, texts, strict=True)) / sum(weights)
        for text in texts
    ]


def chrf() -> Compare:
    """Return chrF2 (Popović 2015): the F-score of the mean precision and recall of character n-grams, n = 1 to 6."""

    @cache
    def ngrams(text: str) -> list[Counter[str]]:
        letters = "".join(text.split())
        return [Counter(letters[start : start + n] for start in range(len(letters) - n + 1)) for n in _ORDERS]

    def compare(hypothesis: str, reference: str) -> float:
        precision = recall = num_orders = 0.0
        for found, expected in zip(ngrams(hypothesis), ngrams(reference), strict=True):
            if found and expected:
                common = (found & expected).total()
                precision, recall = precision + common / found.total(), recall + common / expected.total()
                num_orders += 1
        if not precision:
            return 0.0
        # Precision and recall are still sums over the orders: F of sums is num_orders times F of means.
        return 100 * (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall) / num_orders

    return compare


def bleu() -> Compare:
    """Return the BLEU of single sentences, as sacrebleu computes it."""
    from sacrebleu import BLEU

    metric: Any = BLEU(effective_order=True)
    return lambda hypothesis, reference: float(metric.sentence_score(hypothesis, [reference]).score)


UTILITIES: dict[str, Callable[[], Compare]] = {"chrf": chrf, "bleu": bleu}
