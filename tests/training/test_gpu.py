"""Every architecture and mechanism computes the same on a GPU as on a CPU."""

from typing import Any

import pytest
import torch

from tests.models.test_laws import VARIANTS, label
from tests.tiny import tiny
from tests.training.test_capture import corpus_updates
from translator.decoding import SEARCHES
from translator.decoding.settings import DecodingSettings
from translator.ops.choice import Ops
from translator.training.loop import accumulate
from translator.training.objective import Objective

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 5e-2)])
@pytest.mark.parametrize("variant", VARIANTS, ids=label)
def test_loss_and_gradients_are_those_of_the_cpu(
    variant: tuple[str, dict[str, Any]], dtype: torch.dtype, tolerance: float
) -> None:
    results = []
    for device, ops in ((CPU, Ops()), (GPU, Ops(fast=True, product_dtype=dtype))):
        torch.manual_seed(1)
        objective = Objective(tiny(*variant, ops).eval().to(device), label_smoothing=0.1, ops=ops)
        with torch.backends.cudnn.flags(enabled=False):  # it has no gradients outside training
            loss = accumulate(objective, corpus_updates(device).share(0, 0, 1))
        gradients = [p.grad.flatten().cpu() for p in objective.parameters() if p.grad is not None]
        results.append((loss.item(), torch.cat(gradients)))
    assert results[1][0] == pytest.approx(results[0][0], rel=tolerance)
    assert (results[1][1] - results[0][1]).norm() <= tolerance * 2 * results[0][1].norm()


@pytest.mark.parametrize("search", [name for name in SEARCHES if name != "sampling"])
@pytest.mark.parametrize("name", ["transformer", "recurrent"])
def test_searches_find_the_translations_of_the_cpu(name: str, search: str) -> None:
    found = []
    for device in (CPU, GPU):
        torch.manual_seed(1)
        model = tiny(name, {}, Ops()).eval().to(device)
        batch = corpus_updates(device).share(0, 0, 1).batches[0]
        hypotheses = SEARCHES[search](model, batch.source_BS, batch.mask_BS, DecodingSettings(search=search))
        found.append([hypothesis[0].ids for hypothesis in hypotheses])
    assert found[0] == found[1]
