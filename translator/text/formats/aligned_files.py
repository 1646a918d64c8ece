"""Two aligned plain files: line n of one translates line n of the other."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from translator.errors import DataError, listed
from translator.text.block_reader import BlockReader
from translator.text.corpus import Block
from translator.text.reader import LineLimit, read_lines


def paired_lines(source_path: Path, target_path: Path, limit: LineLimit) -> Iterator[Block]:
    """Pair the lines of two files. Raises DataError if one file is longer."""
    with closing(BlockReader(source_path, limit)) as source, closing(BlockReader(target_path, limit)) as target:
        # Both sides are read by bytes and paired by lines, so that neither is in memory by more than a block.
        while num_lines := min(source.fill(), target.fill()):
            yield Block(source.take(num_lines), target.take(num_lines))
        longer, shorter = (source, target) if source.fill() else (target, source)
        while num_lines := longer.fill():  # count the lines without a partner
            longer.take(num_lines)
    if longer.num_lines > shorter.num_lines:
        found = f"found {longer.num_lines:,} lines, but {shorter.path} has {shorter.num_lines:,}"
        raise DataError(str(longer.path), found, _advice(longer, shorter, limit))


def _advice(longer: BlockReader, shorter: BlockReader, limit: LineLimit) -> str:
    """Return what to do about files of unequal length: name the blank lines that have no partner, if these are the cause."""
    unmatched = _unmatched_blanks(longer.path, shorter.path, limit)
    if len(unmatched) != longer.num_lines - shorter.num_lines:
        return "line n of one file must translate line n of the other"
    if unmatched[-1] == longer.num_lines and len(unmatched) == 1:
        return "remove the trailing blank line"
    lines, numbers = "line" if len(unmatched) == 1 else "lines", listed([f"{number:,}" for number in unmatched])
    return f"remove blank {lines} {numbers}, which {shorter.path.name} does not have"


def _unmatched_blanks(longer: Path, shorter: Path, limit: LineLimit) -> list[int]:
    """Return the numbers of the blank lines that only the longer file has."""
    partners = set(_blank_lines(shorter, limit))
    unmatched: list[int] = []
    for number in _blank_lines(longer, limit):
        if number - len(unmatched) not in partners:  # the lines before it that have no partner shift it
            unmatched.append(number)
    return unmatched


def _blank_lines(path: Path, limit: LineLimit) -> Iterator[int]:
    return (number for number, line in enumerate(read_lines(path, limit._replace(skips=True)), 1) if not line.strip())
