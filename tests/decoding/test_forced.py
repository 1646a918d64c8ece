import torch

from tests.decoding.toy import Toy, padded
from tests.forced import forced_log_probs
from translator.text.tokenizer import BOS, EOS


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
