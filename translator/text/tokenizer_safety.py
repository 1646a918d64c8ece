"""What a SentencePiece file may hold before SentencePiece sees it: that library trusts its files, and dies of bad ones.

A file is a protocol buffer: the pieces, then how they were learned and how text is normalised. Ours have short pieces
and no table of characters. Nothing else is let through, even where every hash says that it is ours.
"""

from collections.abc import Iterator

import numpy as np

LONGEST_PIECE = 118  # bytes, so that a piece with score and type is told to be at most 127 long, in one byte
HIGHEST_SCORE = 1e8
TRAINER, NORMALIZER, CHARACTERS = 2, 3, 2
"""Numbers of fields: two of a file, and one of its normalizer."""


def require_harmless(model: bytes) -> None:
    """Raise ValueError, or IndexError where it ends too early, for a file that our training cannot have written."""
    place, pieces, scores = 0, [], []
    while model[place] == 0x0A:
        length, size = model[place + 1], model[place + 3]
        score, end = place + 4 + size, place + 2 + length
        is_typed = length == size + 9 and model[end - 2] == 0x18
        is_piece = is_typed or length == size + 7
        if not is_piece or size > LONGEST_PIECE or model[place + 2] != 0x0A or model[score] != 0x15:
            raise ValueError(f"no piece at byte {place}")
        pieces.append(model[place + 4 : score])
        scores.append(model[score + 1 : score + 5])
        place = end
    b" ".join(pieces).decode()
    if not (np.abs(np.frombuffer(b"".join(scores), "<f4")) < HIGHEST_SCORE).all():
        raise ValueError("a score that is none")
    for number, content in fields(model[place:]):
        if number not in (TRAINER, NORMALIZER):
            raise ValueError(f"field {number} is unknown")
        if number == NORMALIZER and any(part for inner, part in fields(content) if inner == CHARACTERS):
            raise ValueError("it has a table of characters")


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, content) of each field of a protocol buffer; of a field that is a number, no content."""
    place = 0
    while place < len(message):
        tag, place = varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind not in (0, 1, 2, 5):
            raise ValueError(f"field {number} is of kind {kind}")
        size, place = varint(message, place) if kind in (0, 2) else ({1: 8, 5: 4}[kind], place)
        content = message[place : place + size] if kind == 2 else b""
        place += size if kind else 0
        yield number, content


def varint(message: bytes, place: int) -> tuple[int, int]:
    """(a number, seven bits a byte, the lowest first; where it ends)."""
    number = 0
    for shift in range(0, 64, 7):
        number |= (message[place] & 127) << shift
        place += 1
        if message[place - 1] < 128:
            return number, place
    raise ValueError("a number without an end")
