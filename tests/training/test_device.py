"""Training never waits for the GPU, and survives a failing compiler; tested with tensors that have no content."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.tiny import tiny
from translator.ops.choice import Ops
from translator.text import batches
from translator.text.batches import EncodedLines, EncodedPairs, to_device
from translator.text.tokenizer import EOS
from translator.training.loop import accumulate, build_optimizer, train
from translator.training.objective import Objective
from translator.training.processes import Processes
from translator.training.progress import Progress
from translator.training.settings import TrainingSettings
from translator.training.updates import CorpusUpdates, _resident

CPU, META = torch.device("cpu"), torch.device("meta")
SETTINGS = TrainingSettings(steps=4, batch_tokens=30, pool_sentences=20, accumulation=2)
PAIRS = EncodedPairs(
    *(EncodedLines.of([[4 + n % 3] * (n % length + 1) + [EOS] for n in range(20)]) for length in (5, 7))
)


class Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the size of each copy from the CPU. A copy to the CPU raises an error, because the tensors have no content."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        before, after = (
            {leaf.device.type for leaf in tree_leaves(x) if isinstance(leaf, Tensor)} for x in (args, result)
        )
        if "cpu" in before and after == {"meta"}:
            self.sizes += [leaf.numel() for leaf in tree_leaves(args) if isinstance(leaf, Tensor) and leaf.numel() > 1]
        return result


@pytest.mark.parametrize("is_resident", [True, False])
@pytest.mark.parametrize("mechanism", ["full", "window", "linformer", "flash"])
def test_an_update_never_waits_for_the_device_and_a_corpus_on_the_device_stays_there(
    mechanism: str, is_resident: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def noted(tensor: Tensor, device: torch.device) -> Tensor:
        if tensor.device != device:
            sizes.append(tensor.numel())
        return to_device(tensor, device)

    monkeypatch.setattr(batches, "to_device", noted)
    ops = Ops(fast=True, product_dtype=torch.bfloat16)
    with META:
        model = tiny("transformer", {"encoder": {"self_attention": {"mechanism": mechanism, "num_heads": 2}}}, ops)
    pairs = PAIRS.to(META) if is_resident else PAIRS
    objective, updates = (
        Objective(model, label_smoothing=0.1, ops=ops),
        CorpusUpdates(pairs, SETTINGS, META, Processes()),
    )
    with Copies() as copies:
        loss = accumulate(objective, updates.share(0, 0, 1))
    assert loss.device == META
    assert copies.sizes == [size for size in sizes if size > 1]
    assert (max(sizes) <= max(map(len, updates.epoch(0)))) is is_resident


@pytest.mark.parametrize("spare", [0, -1])
def test_a_quarter_of_the_free_memory_is_room_for_the_corpus(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 16 * PAIRS.num_tokens + spare
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    monkeypatch.setattr(EncodedPairs, "to", lambda self, device: (self, device))
    there = _resident(PAIRS, torch.device("cuda"))
    assert there == ((PAIRS, torch.device("cuda")) if spare == 0 else PAIRS)


def trained(ops: Ops) -> tuple[list[str], list[str]]:
    """(losses, notices)."""
    torch.manual_seed(1)
    notices: list[str] = []
    objective = Objective(tiny("transformer", {}, ops), label_smoothing=0.1, ops=ops, notify=notices.append)
    optimizer, updates = build_optimizer(objective.model, SETTINGS), CorpusUpdates(PAIRS, SETTINGS, CPU, Processes())
    outcomes = train(objective, updates, optimizer, lambda _: 0.01, settings=SETTINGS, progress=Progress())
    return [outcome.read().loss.hex() for outcome in outcomes], notices


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("no compiler\nand much more")


@pytest.mark.parametrize("place", ["call", "forward", "backward"])
def test_a_failing_compiler_is_reported_and_changes_no_result(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(function: Any, **_: Any) -> Any:
        def run(*tensors: Tensor) -> Tensor:
            hidden: Tensor = function(*tensors)
            fail() if place == "forward" else hidden.register_hook(fail)  # type: ignore[no-untyped-call]
            return hidden

        return fail() if place == "call" else run

    monkeypatch.setattr(torch, "compile", compiled)
    plain, _ = trained(Ops())
    found, notices = trained(Ops(compiles=True))
    assert found == plain
    assert notices[0].startswith("compiling")
    assert notices[1:] == ["ops.compile: the compiled model failed (no compiler); training continues without it"]


def test_an_error_of_the_plain_model_is_not_blamed_on_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ops, "output_loss", fail)
    with pytest.raises(RuntimeError, match="no compiler"):
        trained(Ops())
