import pytest
import torch

from tests.decoding.toy import Source, Toy, padded
from tests.forced import forced_log_probs
from translator.decoding import forced
from translator.models.interface import AnyModel
from translator.text.batches import Batch
from translator.text.tokenizer import BOS, EOS, PAD


def test_a_forced_log_prob_is_the_sum_over_its_tokens(toy: Toy) -> None:
    source = padded([[4, 5, 3], [6, 3]])
    targets = padded([[5, EOS], [4, 6, 6, EOS]]).ids
    expected = []
    for row, tokens in enumerate(([5, EOS], [4, 6, 6, EOS])):
        state = toy.start(toy.encode(source.ids[row : row + 1], source.mask[row : row + 1]), 1)
        total = torch.zeros(())
        for previous, token in zip([BOS, *tokens], tokens, strict=False):
            hidden, state = toy.advance(torch.tensor([[previous]]), state)
            logits = toy.output.logits(hidden)
            total = total + logits.log_softmax(-1)[0, 0, token]
        expected.append(total)
    assert torch.allclose(forced_log_probs(toy, source.ids, source.mask, targets), torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize("elements", [1, 20, 10_000])
def test_the_log_probs_of_the_tokens_add_up_to_those_of_the_targets(
    model: AnyModel, source: Source, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forced, "CHUNK_ELEMENTS", elements)
    target_BT = padded([[4, 5, EOS], [6, EOS], [EOS], [5, 5, 4, 6, EOS], [4, EOS], [6, 4, EOS]]).ids
    previous_BT = torch.cat((torch.full_like(target_BT[:, :1], BOS), target_BT[:, :-1]), 1)
    batch = Batch(source.ids, source.mask, previous_BT, target_BT, None, torch.arange(6))
    log_prob_BT = forced.forced_log_probs(model, batch).masked_fill(target_BT == PAD, 0)
    expected_B = forced_log_probs(model, source.ids, source.mask, target_BT)
    assert torch.allclose(log_prob_BT.sum(1), expected_B, atol=1e-5)
