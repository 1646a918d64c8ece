from typing import Any

import pytest
import torch

from tests.decoding.toy import Source, Toy, padded
from translator.decoding.sampling import distribution, sampling
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import EOS

LOGITS_1V = torch.tensor([[2.0, 1.0, 0.0, -1.0]]).log_softmax(-1)  # probabilities 0.644, 0.237, 0.087, 0.032


def settings_of(**changes: Any) -> DecodingSettings:
    return DecodingSettings(search="sampling", **changes)


@pytest.mark.parametrize(
    "changes", [{}, {"temperature": 0.5}, {"temperature": 3.0}, {"top_k": 2}, {"top_p": 0.7}], ids=str
)
def test_tokens_are_drawn_as_often_as_their_probability_says(toy: Toy, changes: dict[str, float]) -> None:
    toy.bias_V[:] = torch.tensor([3.0, 0.0, 1.0, 0.5, 0.0, 1.0, 1.5])
    toy.weight_VD.zero_()  # the source only seeds the draws
    count = 2000
    digits = [[4 + number // 3**place % 3 for place in range(7)] for number in range(count)]
    source = padded(digits)
    results = sampling(toy, source.ids, source.mask, settings_of(max_length=1, **changes))
    first = torch.tensor([hypothesis.ids[0] if hypothesis.ids else EOS for (hypothesis,) in results])
    drawn_V = torch.bincount(first, minlength=7)[3:].double()
    expected_V = count * distribution(toy.bias_V[None, 3:], settings_of(**changes))[0].double()
    possible_V = expected_V > 0
    chi_square = ((drawn_V - expected_V) ** 2 / expected_V)[possible_V].sum()
    assert drawn_V[~possible_V].sum() == 0
    assert chi_square < 16.3  # exceeded once in a thousand at three degrees of freedom


def test_temperature_divides_the_logits() -> None:
    prob_1V = distribution(LOGITS_1V, settings_of(temperature=2.0))
    assert torch.allclose(prob_1V, (LOGITS_1V / 2.0).softmax(-1))


def test_top_k_keeps_the_best_tokens_in_proportion() -> None:
    prob_1V = distribution(LOGITS_1V, settings_of(top_k=2))
    assert torch.allclose(prob_1V, torch.tensor([[0.7311, 0.2689, 0.0, 0.0]]), atol=1e-4)  # sigmoid(1)


@pytest.mark.parametrize(
    ("top_p", "kept"), [(1e-300, 1), (0.6, 1), (0.65, 2), (0.88, 2), (0.9, 3), (0.99, 4), (1.0, 4)]
)
def test_top_p_keeps_the_fewest_tokens_with_that_probability(top_p: float, kept: int) -> None:
    shuffled_1V = LOGITS_1V[:, [2, 0, 3, 1]]
    prob_1V = distribution(shuffled_1V, settings_of(top_p=top_p))
    assert int((prob_1V > 0).sum()) == kept
    assert prob_1V.argmax() == 1


def test_the_lowest_temperature_gives_finite_probabilities() -> None:
    assert distribution(100 * LOGITS_1V, settings_of(temperature=0.01)).isfinite().all()


def test_another_seed_gives_another_translation(toy: Toy, source: Source) -> None:
    samples = set()
    for seed in range(4):
        results = sampling(toy, source.ids, source.mask, settings_of(seed=seed, max_length=8))
        samples.add(tuple(hypothesis.ids for (hypothesis,) in results))
    assert len(samples) == 4


def test_draws_for_one_sentence_differ_and_more_draws_include_the_first_ones(toy: Toy) -> None:
    source = padded([[4, 5, 3]])
    many = sampling(toy, source.ids, source.mask, settings_of(num_best=20, max_length=4))[0]
    few = sampling(toy, source.ids, source.mask, settings_of(num_best=5, max_length=4))[0]
    assert len(many) > 5
    assert {hypothesis.ids for hypothesis in few} <= {hypothesis.ids for hypothesis in many}
