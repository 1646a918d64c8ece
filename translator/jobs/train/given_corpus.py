"""The options of `train` that name a corpus, as overrides of [corpus] and a name for the run."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from translator.errors import UsageError
from translator.text.discovery import Found, Wanted, as_overrides, corpus_name, describe, discover
from translator.text.formats.columns import Key


class GivenCorpus(NamedTuple):
    """The corpus that the options name."""

    overrides: Sequence[str] = ()  # as --set takes them
    named: Sequence[str] = ()  # those of them that the name of the run does not show
    name: str = ""
    description: str = ""


def given_corpus(
    paths: Sequence[Path], source_language: str | None, target_language: str | None, columns: str | None
) -> GivenCorpus:
    """Return the overrides that read the corpus at these paths; without paths, those of the other options.

    Raises UsageError or DataError if it is not certain how to read the corpus.
    """
    wanted = Wanted(source_language, target_language, _parse_columns(columns))
    named = as_overrides({"columns": list(wanted.columns)}) if wanted.columns else []
    if paths:
        found = discover(paths, wanted)
        return GivenCorpus([*as_overrides(found), *named], named, corpus_name(paths[0], found), describe(found))
    languages: Found = {"source_language": source_language, "target_language": target_language}
    named += as_overrides({name: language for name, language in languages.items() if language})
    return GivenCorpus(named, named)


def _parse_columns(text: str | None) -> tuple[Key, Key] | None:
    """Return the two columns of `--columns 2,3` or `--columns English,German`."""
    if text is None:
        return None
    keys: list[Key] = [int(key) if key.strip().isdecimal() else key.strip() for key in text.split(",")]
    if len(keys) != 2 or not all(keys):
        raise UsageError("--columns", f"found {text!r}, expected two columns", "for example --columns 2,3")
    return keys[0], keys[1]
