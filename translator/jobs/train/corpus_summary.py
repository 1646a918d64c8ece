"""What training prints about its corpus: how the files were understood, how many pairs are used, and what is suspicious."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from translator.errors import abbreviated
from translator.text.corpus import Corpus, Split, Stream
from translator.text.filters import RULES, FilterResult
from translator.text.held_out import CODES
from translator.text.held_out_check import HeldOutCheck
from translator.text.sources import CorpusSettings

_NUM_EXAMPLES, _EXAMPLE_CHARACTERS = 2, 100
_USES: dict[Split, str] = {"validation": "validation", "test": "testing"}


class CheckedSplit(NamedTuple):
    """Validation or test sentences, what was found in them, and a label for each, if the corpus has labels."""

    corpus: Corpus
    check: HeldOutCheck
    labels: list[str] | None


def describe_layout(
    settings: CorpusSettings, train: Stream, sample: Corpus, splits: dict[Split, CheckedSplit]
) -> Iterator[str]:
    """Yield how the files of a table were understood, with two pairs as examples."""
    yield from train.notices
    for split in splits.values():
        yield from split.corpus.notices[1:]  # the columns are the same in all files
    if train.notices:
        for pair in islice(zip(sample.source, sample.target, strict=True), _NUM_EXAMPLES):
            for language, text in zip((settings.source_language, settings.target_language), pair, strict=True):
                yield f"    {language:<6} {abbreviated(text, _EXAMPLE_CHARACTERS)}"


def describe_counts(filtered: FilterResult, splits: dict[Split, CheckedSplit]) -> Iterator[str]:
    """Yield the counts and the warnings, a line each; rules that rejected nothing are omitted."""
    counts = filtered.counts._asdict()
    first = {finding.what: f"{finding.place}:{finding.line}" for finding in filtered.findings}
    skipped = [f"{counts[rule]:,} {rule.replace('_', ' ')} (first {first[rule]})" for rule in RULES if counts[rule]]
    num_pairs = counts["kept"] + counts["held_out"]
    line = f"training pairs: {counts['read']:,} read, {num_pairs:,} kept"
    yield line + (f"; skipped: {', '.join(skipped)}" if skipped else "")
    if counts["held_out"]:
        sizes = {name: int(np.count_nonzero(filtered.split == code)) for name, code in CODES.items() if code}
        parts = [
            f"{counts['kept']:,} for training",
            *(f"{size:,} for {_USES[name]}" for name, size in sizes.items() if size),
        ]
        yield f"{num_pairs:,} pairs: {', '.join(parts)}"
    if noticed := [f"{counts[what]:,} {what}" for what in ("duplicates", "identical") if counts[what]]:
        yield f"among the pairs kept: {', '.join(noticed)}"
    for name, (corpus, check, _) in splits.items():
        pairs, sources = check.also_in_training, check.sources_in_training
        yield (
            f"{name} pairs: {len(corpus.source):,}"
            + (f", {1 + len(corpus.others)} references each" if corpus.others else "")
            + (f", {pairs:,} also in the training data" if pairs else "")
            + (f", {sources:,} with a source from the training data" if sources > pairs else "")
        )
    warnings = [finding for finding in filtered.findings if finding.is_warning]
    for finding in (*warnings, *(finding for split in splits.values() for finding in split.check.findings)):
        yield f"warning: {finding}"
