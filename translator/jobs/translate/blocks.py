"""Lines in blocks that are sorted by length and translated together."""

from collections.abc import Callable, Iterable, Iterator

BLOCK_LINES = 2000
"""Most lines of a block. Output starts after the first block."""
_BLOCK_CHARACTERS = 2**22
"""Characters after which a block ends early, so that long lines do not fill the memory."""


def blocks(
    lines: Iterable[str], max_lines: int = BLOCK_LINES, has_more: Callable[[], bool] = lambda: True
) -> Iterator[list[str]]:
    """Yield the lines in blocks that are translated together: full ones, or smaller ones if `has_more` is false."""
    block, num_characters = [], 0
    for line in lines:
        block.append(line)
        num_characters += len(line)
        if len(block) == max_lines or num_characters >= _BLOCK_CHARACTERS or not has_more():
            yield block
            block, num_characters = [], 0
    if block:
        yield block
