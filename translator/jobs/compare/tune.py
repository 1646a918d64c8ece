"""Tune a decoding setting: translate the validation sentences with several values, and compare their BLEU."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from translator.decoding.settings import DecodingSettings
from translator.errors import UsageError, expected_name
from translator.evaluation.metrics import bleu
from translator.evaluation.settings import BleuTokenizer, choose_tokenizer
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder

TUNABLE: dict[str, Sequence[float]] = {
    "length_penalty": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0),
    "beam_size": (1, 2, 3, 4, 5, 6, 8, 10),
}
"""The settings of [decoding] that can be tuned, with the values that are tried."""


class Tuning(NamedTuple):
    """The validation BLEU of each value of a setting."""

    setting: str
    bleu: dict[float, float]

    @property
    def best(self) -> float:
        """The value with the highest BLEU, the first if several are equal."""
        return max(self.bleu, key=self.bleu.__getitem__)


def tune(
    run: RunFolder,
    setting: str,
    settings: DecodingSettings,
    *,
    device: torch.device,
    batch_size: int | None = None,
    tokenizer: BleuTokenizer | None = None,
) -> Tuning:
    """Translate the validation sentences of a run once per value. Raises UsageError for a setting that is not in TUNABLE."""
    if setting not in TUNABLE:
        raise UsageError("--tune", f"found {setting!r}, expected {expected_name(setting, TUNABLE)}")
    translator, validation = load(run, device=device), run.split("validation")
    config, scores = translator.config, {}
    tokenizer = tokenizer or choose_tokenizer(config.evaluation, config.corpus.target_language)
    for value in TUNABLE[setting]:
        changed = settings.model_copy(update={setting: value})
        hypotheses = [
            best.text for best, *_ in translator.candidates(validation.source, changed, batch_size=batch_size)
        ]
        scores[value] = bleu(hypotheses, validation.references, tokenizer=tokenizer.name)
    return Tuning(setting, scores)
