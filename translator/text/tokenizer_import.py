"""`tokenizer.path`: use a tokenizer that exists, that of another run or any unigram or BPE model of SentencePiece.

SentencePiece trusts the files that it parses, so it never sees a foreign one. The tokens are read here and written again in the
layout of this program: its special tokens first, slots if they are needed, no character map.
"""

from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

from translator.errors import ModelError, UsageError
from translator.text.protected import SLOTS
from translator.text.tokenizer import Tokenizer, TokenizerSettings
from translator.text.tokenizer_safety import fields, require_harmless

_KINDS = {1: "unigram", 2: "bpe"}
_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4
_SPECIAL = [(b"<pad>", _CONTROL), (b"<unk>", _UNKNOWN), (b"<s>", _CONTROL), (b"</s>", _CONTROL)]
"""The special tokens in the order of their ids, and their types."""
# Numbers of protocol buffer fields: of a model; of a token; of the trainer's settings; of the normalizer's.
_TOKEN, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _TYPE = 1, 2, 3
_KIND, _SIZE, _SPACE_AT_END, _BYTE_FALLBACK = 3, 4, 24, 35
_ID_AND_NAME = ((43, 48), (40, 45), (41, 46), (42, 47))  # of the special tokens
_NORMALIZATION = 1


def read_tokenizer(settings: TokenizerSettings, slots: list[str], notify: Callable[[str], None]) -> Tokenizer:
    """Return the tokenizer at `tokenizer.path`. It gets these slots if it has none.

    Raises ModelError for a file that is not a usable SentencePiece model, UsageError for settings that contradict it.
    """
    sides = _find(Path(settings.path or ""))
    models = [_read_model(side, slots, notify) for side in dict.fromkeys(sides)]
    try:
        tokenizer = Tokenizer(models[0][0], models[-1][0], settings)
    except (RuntimeError, ValueError) as error:
        raise ModelError(str(sides[0]), f"rejected by SentencePiece ({error})", "give another file") from error
    kind = models[0][1]
    if settings.kind != kind:
        problem = f"found {settings.kind!r}, but {settings.path} is {kind!r}"
        raise UsageError("tokenizer.kind", problem, f"set tokenizer.kind={kind}")
    if settings.joint and not tokenizer.is_joint:
        problem = f"found true, but {settings.path} has two vocabularies"
        raise UsageError("tokenizer.joint", problem, "set tokenizer.joint=false")
    return tokenizer


def _find(path: Path) -> tuple[Path, Path]:
    """Return the models of source and target at a path: one file, or two in the folder of a tokenizer or of a run."""
    if path.is_file():
        return path, path
    for folder in (path, path / "tokenizer"):
        sides = folder / "source.model", folder / "target.model"
        if all(side.is_file() for side in sides):
            return sides
    raise ModelError(str(path), "no such tokenizer", "give a SentencePiece model or the folder of a run")


def _read_model(path: Path, slots: list[str], notify: Callable[[str], None]) -> tuple[bytes, str]:
    """Return a model in the layout of this program and its kind."""
    try:
        content = path.read_bytes()
        parsed: list[tuple[int, Any]] = [(number, dict(fields(part))) for number, part in fields(content)]  # type: ignore[arg-type]
        tokens = [part for number, part in parsed if number == _TOKEN]
        rest: dict[int, dict[int, Any]] = {_TRAINER: {}, _NORMALIZER: {}, **dict(parsed)}
        trainer, normalizer = rest[_TRAINER], rest[_NORMALIZER]
        kind = _KINDS.get(trainer.get(_KIND, 1), "")
        if not tokens or not trainer or not kind or trainer.get(_SPACE_AT_END):
            raise ValueError("expected a unigram or BPE model that marks where words begin")
        if not _is_own(content, tokens, slots):
            content = _rewritten(tokens, trainer, slots)
            if (name := normalizer.get(_NORMALIZATION, b"").decode()) not in ("", "identity"):
                notify(f"{path}: its normalisation {name!r} is not used; text is normalised to NFC")
        require_harmless(content)
    except OSError as error:
        raise ModelError(str(path), f"cannot be read ({error.strerror})", "check its permissions") from error
    except (ValueError, IndexError, TypeError, KeyError) as error:
        reason = error if isinstance(error, ValueError) else "it is damaged"
        problem = f"is not a SentencePiece model that can be used ({reason})"
        raise ModelError(str(path), problem, "give a unigram or BPE model") from error
    return content, kind


def _is_own(content: bytes, tokens: list[dict[int, Any]], slots: list[str]) -> bool:
    """Return whether a file has the layout of this program and the slots that are needed."""
    first = [(token[_PIECE], token.get(_TYPE)) for token in tokens[: len(_SPECIAL) + 1]]
    has_slots = first[-1] == (SLOTS[0].encode(), _USER_DEFINED)
    if first[: len(_SPECIAL)] != _SPECIAL or (slots and not has_slots):
        return False
    try:
        require_harmless(content)
    except (ValueError, IndexError):
        return False
    return True


def _rewritten(tokens: list[dict[int, Any]], trainer: dict[int, Any], slots: list[str]) -> bytes:
    """Return a model with the same tokens in the layout of this program."""
    names = {trainer.get(field, name) for (_, field), (name, _) in zip(_ID_AND_NAME, _SPECIAL, strict=True)}
    first = [*_SPECIAL, *((slot.encode(), _USER_DEFINED) for slot in slots)]
    names |= {name for name, _ in first}
    zero = pack("<f", 0)
    others = (token for token in tokens if token[_PIECE] not in names)
    entries = [(piece, zero, kind) for piece, kind in first]
    entries += [(token[_PIECE], token.get(_SCORE, zero), token.get(_TYPE, 1)) for token in others]
    settings = {_KIND: trainer.get(_KIND, 1), _SIZE: len(entries), _BYTE_FALLBACK: trainer.get(_BYTE_FALLBACK, 0)}
    settings |= {field: number for number, (field, _) in enumerate(_ID_AND_NAME)}
    parts = [
        _content(_TOKEN, _content(_PIECE, piece) + b"\x15" + score + (_number(_TYPE, kind) if kind != 1 else b""))
        for piece, score, kind in entries
    ]
    trained = b"".join(_number(field, value) for field, value in sorted(settings.items()))
    return b"".join([*parts, _content(_TRAINER, trained), _content(_NORMALIZER, _content(_NORMALIZATION, b"identity"))])


def _number(field: int, value: int) -> bytes:
    """Return a field of a protocol buffer with a number."""
    return _varint(field << 3) + _varint(value)  # wire type 0


def _content(field: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer with bytes."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content  # wire type 2: bytes after their length


def _varint(value: int) -> bytes:
    """Return an integer as seven bits per byte, lowest first."""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)
