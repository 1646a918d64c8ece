"""What the headings of a report mean, in a sentence or two for a reader who sees them for the first time."""

from translator.evaluation.metrics import METRICS, meaning
from translator.report.curves import CURVES

_LOSS, _CROSS_ENTROPY, _PERPLEXITY = CURVES["loss"], CURVES["cross_entropy"], CURVES["perplexity"]
_BLEU = f"BLEU: {meaning('BLEU')}."

TERMS = {
    **{metric: f"{metric}: {meaning(metric)}." for metric in METRICS},
    "BLEU below the best": "How much lower BLEU is than that of the best run, with the 95 % interval of the difference. p is the "
    "probability of such a difference if the runs were equally good.",
    "mean BLEU": f"The mean of BLEU over the seeds of a config. {_BLEU}",
    "standard deviation": "How much BLEU varies between the seeds of a config.",
    "mean below the best": "How much lower the mean is than that of the best config, with the 95 % interval of the difference.",
    "BLEU by words of the source": f"Short and long sentences scored separately. {_BLEU}",
    "BLEU by kind of sentence": f"Sentences scored by what they test. {_BLEU}",
    "F1 of words by times in training": "How well rare and frequent words are translated, in percent: harmonic mean of precision "
    "(the share of translated words that the reference has) and recall (the share of its words that are translated). "
    "Higher is better.",
    _LOSS.title: "What training minimises: the cross-entropy of the training tokens with label smoothing. Lower is better.",
    _CROSS_ENTROPY.title: "Mean of -log p over the tokens of the validation sentences. Lower is better.",
    _PERPLEXITY.title: "Number of equally probable tokens among which the model would be equally uncertain, at least 1. "
    "Lower is better.",
    CURVES["bleu"].title: f"BLEU of the validation sentences during training. {_BLEU}",
}
