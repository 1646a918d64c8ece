"""The model card: what a model is, what it was trained on, how well it translates, and what it cannot do.

The card is Markdown whose head has the metadata that the Hugging Face hub reads (huggingface.co/docs/hub/model-cards). It
contains no sentence of the corpus and no path.
"""

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from translator.config import Config, dump_config
from translator.errors import UsageError
from translator.jobs.compare.evaluate import Evaluation, evaluate_run, leak_notice
from translator.jobs.inspect.attention import NOTICE
from translator.runs.folder import RunFolder
from translator.settings import Settings
from translator.text.sources import CorpusSettings
from translator.text.visible import unbroken, visible
from translator.version import __version__

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]{1,60}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""A language code that the hub knows, more or less; other suffixes of corpus files are not listed as languages."""


class Usage(NamedTuple):
    """How a model is used, which depends on the program that it was written for."""

    package: str
    language: str
    example: str  # in that language; the run's name replaces NAME


PACKED = Usage(
    "attention-translator",
    "sh",
    'pip install .  # in the source folder of translator\ntranslator translate --run NAME.zip "TEXT"',
)


def check_licence(name: str | None) -> None:
    """Raise UsageError for a name that cannot be the identifier of a licence."""
    if name is not None and not _LICENCE.fullmatch(name):
        advice = "see huggingface.co/docs/hub/repositories-licenses"
        raise UsageError("--license", f"found {name!r}, expected an identifier such as apache-2.0 or cc-by-4.0", advice)


def score_on_test_set(run: RunFolder, *, device: torch.device) -> Evaluation | None:
    """Return the scores of a run on its own test set, None if it has none."""
    if not run.has_split("test"):
        return None
    return evaluate_run(run, run.split("test"), device=device, allow_leaked=True)


def public_config(run: RunFolder) -> Config:
    """Return the config without names of files, folders and other runs; a data set of the Hugging Face hub keeps its name."""
    config, default, named = run.config(), CorpusSettings(), ("train", "validation", "columns")
    corpus: dict[str, object] = {name: getattr(default, name) for name in named}
    corpus["test"] = "test" if config.corpus.test else None
    if run.record().corpus.train.revision is None:  # not from the hub
        corpus["hub"] = default.hub
    changes: dict[str, Settings] = {"corpus": config.corpus.model_copy(update=corpus)}
    for name, settings in (("tokenizer", config.tokenizer), ("training", config.training)):
        fields = type(settings).model_fields.items()
        # Optional texts in these tables are names of files and runs.
        paths = [key for key, field in fields if field.annotation == str | None]
        changes[name] = settings.model_copy(update=dict.fromkeys(paths))
    return config.model_copy(update=changes)


def model_card(run: RunFolder, scores: Evaluation | None, *, usage: Usage, licence: str | None) -> str:
    """Return the model card of a run."""
    config = public_config(run)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    name, record = visible(unbroken(run.name)), run.record()
    languages = config.corpus.source_language, config.corpus.target_language
    quoted = shlex.quote(name) if usage.language == "sh" else json.dumps(name, ensure_ascii=False)[1:-1]
    hub = config.corpus.hub if record.corpus.train.revision else None
    return environment.get_template("card.md").render(
        name=name,
        languages=[visible(unbroken(language)) for language in languages],
        known_languages=[language for language in languages if _LANGUAGE.fullmatch(language)],
        hub=hub,
        config=config,
        settings=Markup(dump_config(config)),
        training=run.config().training,
        record=record,
        end=run.finish_record(),
        digest=run.parameters_digest(),
        scores=scores,
        leaked=leak_notice(scores.leaked, len(scores.best)) if scores and scores.leaked else None,
        # The hub knows chrF2 lc as chrf.
        metrics=[(score, re.sub(r"\d.*| .*", "", score.metric).lower()) for score in scores.scores] if scores else [],
        usage=usage,
        example=Markup(usage.example.replace("NAME", quoted)),
        licence=licence,
        notice=NOTICE,
        version=__version__,
    )
