"""On a GPU nobody waits for a number: a whole update, run on tensors that have a device and a shape but no content."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.tiny import tiny
from translator.ops.choice import Ops
from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.tokenizer import EOS
from translator.training.loop import build_optimizer, train
from translator.training.objective import Objective
from translator.training.processes import Processes
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
SETTINGS = TrainingSettings(steps=2, batch_tokens=30, pool_sentences=20, accumulation=2)
PAIRS = EncodedPairs(
    *(EncodedLines.of([[4 + n % 3] * (n % length + 1) + [EOS] for n in range(20)]) for length in (5, 7))
)


class NoWaiting(TorchDispatchMode):
    """Refuses what makes the caller wait for the GPU, beside what tensors without content refuse by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        before, after = places(args), places(result)
        if "cuda" in before and "cpu" in after:
            raise AssertionError(f"{func} brings a tensor back from the GPU")
        if before == {"cpu"} and "cuda" in after:
            if not (kwargs or {}).get("non_blocking"):
                raise AssertionError(f"{func} waits until a tensor is on the GPU")
            self.moved += [one.numel() for one in tree_leaves(result)]
        return result


def places(found: Any) -> set[str]:
    return {one.device.type for one in tree_leaves(found) if isinstance(one, Tensor)}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """A GPU with so many bytes free."""
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.empty(16))
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield lambda free: monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))


def updated(mechanism: str, gpu: Callable[[int], None], free_bytes: int) -> list[int]:
    """Train without waiting; returns how many numbers each copy to the GPU had."""
    gpu(free_bytes)
    ops = Ops(fast=True, product_dtype=torch.bfloat16)
    table = {"self_attention": {"mechanism": mechanism, "num_heads": 2}}
    with CUDA:
        model = tiny("transformer", {"encoder": table}, ops)
    objective, updates = (
        Objective(model, label_smoothing=0.1, ops=ops),
        CorpusUpdates(PAIRS, SETTINGS, CUDA, Processes()),
    )
    optimizer = build_optimizer(model, SETTINGS)
    with NoWaiting() as watch:
        outcomes = list(train(objective, updates, optimizer, lambda _: 0.01, settings=SETTINGS, progress=Progress()))
    assert len(outcomes) == 2
    assert places(outcomes[0].number_2) == {"cuda"}
    return watch.moved


@pytest.mark.parametrize("mechanism", ["full", "window", "linformer", "flash"])
def test_nothing_waits_and_only_numbers_of_sentences_go_to_a_gpu_that_holds_the_corpus(
    mechanism: str, gpu: Callable[[int], None]
) -> None:
    assert max(updated(mechanism, gpu, 2**30)) <= 30


def test_nothing_waits_where_batches_are_moved_because_the_corpus_has_no_room(gpu: Callable[[int], None]) -> None:
    assert max(updated("full", gpu, 16 * PAIRS.num_pieces - 1)) > 30


def test_a_quarter_of_the_free_memory_is_room_enough(gpu: Callable[[int], None]) -> None:
    for spare, place in ((0, "cuda"), (-1, "cpu")):
        gpu(16 * PAIRS.num_pieces + spare)
        assert CorpusUpdates(PAIRS, SETTINGS, CUDA, Processes()).pairs.source.pieces.device.type == place
