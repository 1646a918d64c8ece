"""Validates SentencePiece files before SentencePiece parses them: it trusts its input and crashes on bad files.

A file is a protocol buffer: first the tokens, then the trainer's settings, then the normalizer's. Files that this program writes
have short tokens and no character map. Anything else is rejected, even if all hashes match.
"""

from collections.abc import Iterator

import numpy as np

_MAX_TOKEN_BYTES = 118  # a token with its score and type is then at most 127 bytes long, so its length is one byte
_MAX_SCORE = 1e8
# Numbers of protocol buffer fields.
_TRAINER, _NORMALIZER = 2, 3  # of a file
_CHARACTER_MAP = 2  # of the normalizer


def require_harmless(model: bytes) -> None:
    """Raise ValueError or IndexError for a file that this program cannot have written.

    A token is 0x0A, its length, and inside 0x0A, length and UTF-8; 0x15 and a float32 score; and for all but normal tokens
    0x18 and a type.
    """
    position, tokens, scores = 0, [], []
    while model[position] == 0x0A:
        length, size = model[position + 1], model[position + 3]
        score, end = position + 4 + size, position + 2 + length
        has_type = length == size + 9 and model[end - 2] == 0x18
        is_token = has_type or length == size + 7
        if not is_token or size > _MAX_TOKEN_BYTES or model[position + 2] != 0x0A or model[score] != 0x15:
            raise ValueError(f"expected a token at byte {position}")
        tokens.append(model[position + 4 : score])
        scores.append(model[score + 1 : score + 5])
        position = end
    b" ".join(tokens).decode()
    if not (np.abs(np.frombuffer(b"".join(scores), "<f4")) < _MAX_SCORE).all():
        raise ValueError("score is not a finite number")
    for number, content in fields(model[position:]):
        if number not in (_TRAINER, _NORMALIZER) or isinstance(content, int):
            raise ValueError(f"unknown field {number}")
        if number == _NORMALIZER and any(part for inner, part in fields(content) if inner == _CHARACTER_MAP):
            raise ValueError("the normalizer has a character map")


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value) of each field of a protocol buffer; numbers of a fixed size are left as their bytes."""
    position = value = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type not in (0, 1, 2, 5):  # varint, 8 bytes, bytes with their length, 4 bytes
            raise ValueError(f"field {number} has wire type {wire_type}")
        if wire_type in (0, 2):
            value, position = _varint(message, position)
        size = {0: 0, 1: 8, 5: 4}.get(wire_type, value)
        if position + size > len(message):
            raise ValueError(f"field {number} is cut off")
        yield number, message[position : position + size] if wire_type else value
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return (number, end) of a variable-length integer: seven bits per byte, lowest first."""
    number = 0
    for shift in range(0, 64, 7):
        number |= (message[position] & 127) << shift
        position += 1
        if message[position - 1] < 128:
            return number, position
    raise ValueError("integer does not end")
