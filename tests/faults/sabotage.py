"""Faults that a test injects into a command: signals, errors or wrong results at a named place.

A place is the dotted name of a function, method or class where it is looked up, like `translator.training.loop.Report`; `nth`
counts its calls from 1, 0 means all of them.
"""

import builtins
import importlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def before(place: str, nth: int, act: Callable[..., None]) -> None:
    """Do something, with the call's arguments, before the nth call of a function."""
    owner, name = owner_of(place)
    inner, calls = getattr(owner, name), 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if nth in (0, calls):
            act(*args, **kwargs)
        return inner(*args, **kwargs)

    setattr(owner, name, wrapped)


def owner_of(place: str) -> tuple[Any, str]:
    """The module or class that a dotted name is an attribute of, and its last part."""
    *path, name = place.split(".")
    for length in range(len(path), 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(path[:length]))
        except ModuleNotFoundError:
            continue
        for part in path[length:]:
            owner = getattr(owner, part)
        return owner, name
    raise LookupError(place)


def send(number: int, place: str, nth: int, times: int = 1) -> None:
    """The process sends itself a signal."""
    before(place, nth, lambda *_, **__: [os.kill(os.getpid(), number) for _ in range(times)] and None)


def fail(error: str, place: str, nth: int, *arguments: Any) -> None:
    """A call raises a built-in exception."""

    def act(*_: Any, **__: Any) -> None:
        raise getattr(builtins, error)(*arguments)

    before(place, nth, act)


def signal_in_iterator(number: int) -> None:
    """The process sends itself a signal when SentencePiece asks for the third sentence."""
    from sentencepiece import SentencePieceTrainer

    inner = SentencePieceTrainer.train

    def wrapped(*, sentence_iterator: Iterator[str], **options: Any) -> None:
        def sentences() -> Iterator[str]:
            for index, sentence in enumerate(sentence_iterator):
                if index == 2:
                    os.kill(os.getpid(), number)
                yield sentence

        inner(sentence_iterator=sentences(), **options)

    SentencePieceTrainer.train = wrapped


def hang(place: str, nth: int) -> None:
    """A call never returns and keeps the interpreter lock."""
    before(place, nth, lambda *_, **__: sum(itertools.repeat(0)) and None)


def replace(place: str, value: object) -> None:
    """A constant has another value."""
    owner, name = owner_of(place)
    setattr(owner, name, value)


def kill_within_write(nth: int) -> None:
    """Half of the nth part of a checkpoint is written when the process is killed."""

    def act(path: Any, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    before("translator.training.checkpoint.write_part", nth, act)


def kill_before_rename_to(name: str) -> None:
    """The process is killed when something is about to get this name."""
    inner = Path.rename

    def wrapped(self: Path, target: Path) -> Path:
        if Path(target).name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(self, target)

    Path.rename = wrapped  # type: ignore[method-assign,assignment]


def scale_loss(factor: float, first: int, last: int, in_training: bool = True) -> None:
    """The losses of some batches are multiplied by a factor."""
    from translator.training.objective import Objective

    inner, calls = Objective.forward, 0

    def wrapped(self: Any, batch: Any) -> Any:
        nonlocal calls
        loss = inner(self, batch)
        if self.training != in_training:
            return loss
        calls += 1
        return loss * factor if first <= calls <= last else loss

    Objective.forward = wrapped  # type: ignore[method-assign]


def call(place: str, *arguments: Any) -> None:
    """Call a function first, like `torch.set_num_threads`."""
    owner, name = owner_of(place)
    getattr(owner, name)(*arguments)
