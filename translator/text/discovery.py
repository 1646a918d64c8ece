"""`--corpus`: find out what a file, a folder or an archive holds, and return the settings of [corpus] that read it.

The settings are found once, before training, and stored with the run like all others. What cannot be decided for certain is an
error that says what to type.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeAlias

from translator.errors import DataError, UsageError, listed
from translator.text.corpus import Split
from translator.text.formats.columns import Key, Languages
from translator.text.formats.recognise import format_of
from translator.text.formats.table import named_languages
from translator.text.formats.tmx import tmx_languages
from translator.text.language_names import is_known, tag_of
from translator.text.nearby import advice_for_missing, files_in
from translator.text.opening import file_names, uncompressed_name
from translator.text.sources import TABLES, CorpusSettings

Found: TypeAlias = dict[str, Any]
"""Settings of [corpus]; the name of a split that does not exist is empty."""
_Groups: TypeAlias = Mapping[str, dict[str, str]]
"""Name without the language -> language -> name, of plain files that belong together."""

_SPLITS: dict[Split, str] = {"train": r"train(ing)?", "validation": r"(valid(ation)?|val|dev)\d*", "test": r"test\d*"}
_NUMBERED = re.compile(r"(.+)\.\d")
_DEFAULTS = CorpusSettings()
_MAX_LISTED = 8


class Wanted(NamedTuple):
    """What the user said about the corpus; None where nothing was said."""

    source: str | None = None
    target: str | None = None
    columns: tuple[Key, Key] | None = None

    def languages(self, found: Sequence[str], place: str, *, is_ordered: bool) -> Languages:
        """Return both languages, given those of the corpus. Raises UsageError if the direction is not certain.

        In a table, the first of two languages is the source; of files, the default source language.
        """
        given, (source, target) = (self.source, self.target), (self.source, self.target)
        if not found:
            source, target = source or _DEFAULTS.source_language, target or _DEFAULTS.target_language
        elif given == (None, None) and is_ordered and len(found) == 2:
            source, target = found
        else:
            source = source or _only(found, _DEFAULTS.source_language, other=target)
            target = target or _only(found, _DEFAULTS.target_language, other=source)
        if source and target and source != target:
            return source, target
        problem = f"found the languages {', '.join(found)}" if found else "found no names of languages"
        options = f"--source-language {source or 'LANGUAGE'} --target-language {target or 'LANGUAGE'}"
        raise UsageError(place, f"{problem}, expected a source and a target", f"add {options}")


def _only(languages: Sequence[str], default: str, *, other: str | None) -> str | None:
    """Return the only language besides the other one or, of several, the default; None if it is not among them."""
    rest = [language for language in languages if language != tag_of(other or "")]
    return rest[0] if len(rest) == 1 else next((language for language in rest if language == default), None)


def discover(paths: Sequence[Path], wanted: Wanted) -> Found:
    """Return the settings that read the corpus at a path, or in two aligned files.

    Raises DataError or UsageError if it cannot be read, or can be read in several ways.
    """
    if len(paths) == 2:
        return _in_two_files(paths[0], paths[1], wanted)
    if len(paths) > 2:
        raise UsageError("--corpus", f"given {len(paths)} times", "give a file, a folder, or two aligned files")
    path = paths[0]
    if path.is_dir():
        return _in_collection(path, files_in(path), wanted)
    folder, names = path.parent, files_in(path.parent)
    if not path.exists():
        names = [name for name in names if name.startswith(f"{path.name}.")]
        if len(names) < 2:
            raise DataError(str(path), "no such file or folder", advice_for_missing(path))
        return _in_collection(folder, names, wanted)
    for sides in _groups(names, wanted).values():
        if path.name in sides.values():
            return _in_collection(folder, list(sides.values()), wanted)
    format_name = format_of(path)
    if format_name == "zip":
        return _in_collection(path, file_names(path), wanted)
    if format_name == "files":
        found = "found plain text without columns, expected two aligned files or a table"
        raise DataError(str(path), found, f"give both files: --corpus {path} --corpus TRANSLATION")
    return _in_table(folder, {"train": path.name}, wanted)


def corpus_name(path: Path, found: Found) -> str:
    """Return a name for runs on a corpus, such as `sheet-en-de`, after its file or, if that says more, its folder."""
    path = path.resolve()
    label = _label(path.name, Wanted(found["source_language"], found["target_language"]))
    name = path.name if path.is_dir() else (label[0] if label else uncompressed_name(path.name)).split(".")[0]
    # `train.en` says less than the name of its folder.
    name = name.strip("._-") if name.strip("._-") and _split_of(name) is None else path.parent.name
    return f"{name}-{found['source_language']}-{found['target_language']}"


def describe(found: Found) -> str:
    """Return what was found, on one line."""
    splits = [
        f"{split} {name if isinstance(name, str) else ' + '.join(name)}" for split in _SPLITS if (name := found[split])
    ]
    languages = f"{found['source_language']} to {found['target_language']}"
    return f"corpus: {found['folder']}, format {found['format']}, {languages}, {', '.join(splits)}"


def as_overrides(found: Found) -> list[str]:
    """Return the settings as `--set` takes them."""
    return [f"corpus.{name}={json.dumps(value, ensure_ascii=False)}" for name, value in found.items()]


def _in_two_files(source: Path, target: Path, wanted: Wanted) -> Found:
    """Return the settings for two aligned files."""
    for path in (source, target):
        if not path.exists():
            raise DataError(str(path), "no such file", advice_for_missing(path))
    labels = [label[1] for path in (source, target) if (label := _label(path.name, wanted))]
    languages = wanted.languages(labels, "--corpus", is_ordered=True)
    return _settings(
        source.parent, "files", {"train": [source.name, os.path.relpath(target, source.parent)]}, languages
    )


def _in_collection(folder: Path, names: Sequence[str], wanted: Wanted) -> Found:
    """Return the settings for the files of a folder or an archive: one corpus, with or without separate splits."""
    groups = _groups(names, wanted)
    tables = [name for name in names if _is_table(name)]
    if not groups and not tables:
        texts = [name for name in names if uncompressed_name(name).lower().endswith(".txt")]
        tables = [name for name in texts if format_of(folder / name) in TABLES]
    kinds: list[Sequence[str]] = [kind for kind in (list(groups), tables) if kind]
    # If both plain files and tables could be the corpus, it is the kind that has training pairs.
    with_training = [kind for kind in kinds if any(_split_of(name) == "train" for name in kind)] or kinds
    splits = _choose_splits(with_training[0]) if len(with_training) == 1 else None
    if splits is None:
        raise _unclear(folder, names, [*(next(iter(sides.values())) for sides in groups.values()), *tables])
    if splits["train"] in tables:
        return _in_table(folder, splits, wanted)
    found = list(groups[splits["train"]])
    source, target = wanted.languages(found, str(folder), is_ordered=False)
    chosen: dict[Split, Any] = {}
    for split, key in splits.items():
        sides = groups[key]
        if missing := [language for language in (source, target) if tag_of(language) not in sides]:
            there = ", ".join(sides.values())
            raise DataError(str(folder), f"found {there}, but none of them in {missing[0]!r}", "check the languages")
        pair = [sides[tag_of(source)], sides[tag_of(target)]]
        stem = uncompressed_name(pair[0]).removesuffix(f".{source}")
        is_usual = [uncompressed_name(name) for name in pair] == [f"{stem}.{source}", f"{stem}.{target}"]
        chosen[split] = stem if is_usual else pair
    return _settings(folder, "files", chosen, (source, target))


def _in_table(folder: Path, splits: Mapping[Split, str], wanted: Wanted) -> Found:
    """Return the settings for files with both sides in each row."""
    path = folder / splits["train"]
    format_name = format_of(path)
    if format_name == "files":
        advice = "separate source and target by tabs"
        raise DataError(str(path), "found no columns, expected a source and a target in each row", advice)
    if format_name == "tmx":
        found = list(dict.fromkeys(map(tag_of, tmx_languages(path))))
    else:
        layout = _DEFAULTS.layout("train")._replace(columns=wanted.columns)
        found = named_languages(TABLES[format_name].read(path, layout.limit, layout.languages), str(path), layout)
    found = found or _languages_in(path.name)
    return _settings(folder, format_name, splits, wanted.languages(found, str(path), is_ordered=True))


def _languages_in(name: str) -> list[str]:
    """Return the languages in the name of a table: of `corpus.en-fr.tsv` both, of `fra.txt` the default source and French."""
    # A language ends where letters and digits end; \b would not end it at "_".
    pairs = re.findall(r"(?<![^\W_])([a-z]{2,3})[-_]([a-z]{2,3})(?![^\W_])", name.casefold())
    if pair := next((pair for pair in pairs if all(map(is_known, pair))), None):
        return list(map(tag_of, pair))
    stem, source = uncompressed_name(name).split(".")[0], _DEFAULTS.source_language
    is_language = stem.isalpha() and is_known(stem) and tag_of(stem) != source
    return [source, tag_of(stem)] if is_language else []


def _settings(folder: Path, format_name: str, splits: Mapping[Split, Any], languages: Languages) -> Found:
    return {
        "format": format_name,
        "folder": str(folder),
        "source_language": languages[0],
        "target_language": languages[1],
        **{split: splits.get(split, "") for split in _SPLITS},
    }


def _label(name: str, wanted: Wanted) -> tuple[str, str] | None:
    """Return the name of a plain file without its language, and the language: `train.en`, `text_en.txt`, `english.gz`."""
    stem = uncompressed_name(name).removesuffix(".txt")
    last = re.split(r"[./]", stem)[-1]
    for word in (last, re.split(r"[-_]", last)[-1]):
        if is_known(word) or word in (wanted.source, wanted.target):
            return stem.removesuffix(word), tag_of(word)
    return None


def language_of_file(name: str) -> str | None:
    """Return the language that the name of a plain file ends in: `test.de`, `test.de.0`, `german.txt`."""
    numbered = _NUMBERED.fullmatch(uncompressed_name(name))
    label = _label(numbered[1] if numbered else name, Wanted())
    return label[1] if label else None


def _groups(names: Iterable[str], wanted: Wanted) -> _Groups:
    """Return the plain files that exist in several languages."""
    groups: dict[str, dict[str, str]] = {}
    for name in map(_without_number, sorted(names)):
        if label := _label(name, wanted):
            groups.setdefault(label[0], {}).setdefault(label[1], name)
    return {key: sides for key, sides in groups.items() if len(sides) > 1}


def _without_number(name: str) -> str:
    """Return `test.de` for `test.de.0`, one of several references of a test set, and any other name as it is."""
    numbered = _NUMBERED.fullmatch(uncompressed_name(name))
    return numbered[1] if numbered and _split_of(name) == "test" else name


def _is_table(name: str) -> bool:
    suffix = PurePosixPath(uncompressed_name(name)).suffix.lower()
    # Most .txt files are plain text; only their content shows columns.
    return any(suffix in table.suffixes for table in TABLES.values()) and suffix != ".txt"


def _split_of(name: str) -> Split | None:
    """Return the split that a word in the name of a file stands for."""
    words = re.split(r"[\W_]+", PurePosixPath(name).name.lower())
    return next((split for split, word in _SPLITS.items() if any(re.fullmatch(word, part) for part in words)), None)


def _choose_splits(names: Sequence[str]) -> dict[Split, str] | None:
    """Return the file of each split, or None unless exactly one can be the training pairs."""
    by_split: dict[Split | None, list[str]] = {}
    for name in names:
        by_split.setdefault(_split_of(name), []).append(name)
    training = by_split.get("train") or by_split.get(None) or (names if len(names) == 1 else [])
    if len(training) != 1:
        return None
    others = {split: by_split[split][0] for split in ("validation", "test") if split in by_split}
    return {"train": training[0], **{split: name for split, name in others.items() if name != training[0]}}


def _unclear(folder: Path, names: Sequence[str], candidates: Sequence[str]) -> DataError:
    """Return the error for a folder or archive that holds no corpus, or several."""
    if not candidates:
        advice = "give one file per language, such as train.en and train.de, or a table such as train.tsv"
        if codes := _unknown_languages(names):
            advice = f"add --source-language {codes[0]} --target-language {codes[1]}, or the other way round"
        elif not names and len(inner := [path for path in sorted(folder.glob("[!.]*")) if path.is_dir()]) == 1:
            advice = f"type --corpus {inner[0]}"
        elif len(names) == 2 and folder.is_dir():
            advice = "if they are aligned, type " + " ".join(f"--corpus {folder / name}" for name in names)
        found = listed(names, _MAX_LISTED) or "no files"
        return DataError(str(folder), f"found {found}, expected a corpus", advice)
    is_folder = folder.is_dir()
    advice = (
        f"give one of them, such as --corpus {folder / candidates[0]}" if is_folder else f"unpack it: unzip {folder}"
    )
    return DataError(str(folder), f"found several corpora: {listed(candidates, _MAX_LISTED)}", advice)


def _unknown_languages(names: Sequence[str]) -> tuple[str, str] | None:
    """Return the suffixes of the first two files that differ only in a short suffix, which may be languages."""
    suffixes: dict[str, list[str]] = {}
    for name in sorted(names):
        stem, _, suffix = uncompressed_name(name).rpartition(".")
        if re.fullmatch("[a-z]{2,3}", suffix) and not _is_table(name):
            suffixes.setdefault(stem, []).append(suffix)
    return next(((found[0], found[1]) for found in suffixes.values() if len(found) > 1), None)
