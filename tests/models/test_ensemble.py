"""An ensemble decodes with the mean of its members' probabilities."""

import math

import pytest
import torch

from tests.decoding.toy import padded
from tests.tiny import tiny
from translator.decoding import SEARCHES
from translator.decoding.settings import DecodingSettings
from translator.models.ensemble import Ensemble
from translator.models.interface import AnyModel
from translator.text.tokenizer import BOS, EOS

SOURCE = padded([[4, 5, 6, EOS], [6, 4, EOS]])
TARGET_BT = torch.tensor([[4, 6, EOS], [5, 4, EOS]])


@pytest.fixture
def members() -> list[AnyModel]:
    torch.manual_seed(0)
    return [tiny("transformer").eval(), tiny("recurrent").eval(), tiny("transformer", {"model": {"dim": 8}}).eval()]


@pytest.mark.parametrize("search", SEARCHES)
def test_an_ensemble_of_one_model_or_of_equal_models_decodes_like_the_model(
    members: list[AnyModel], search: str
) -> None:
    settings = DecodingSettings(search=search, max_length=6)
    expected = SEARCHES[search](members[0], SOURCE.ids, SOURCE.mask, settings)
    for count in (1, 2):
        found = SEARCHES[search](Ensemble(members[:1] * count), SOURCE.ids, SOURCE.mask, settings)
        assert [[h.ids for h in hypotheses] for hypotheses in found] == [[h.ids for h in row] for row in expected]
        assert found[0][0].log_prob == pytest.approx(expected[0][0].log_prob, rel=1e-4)


def test_probabilities_are_averaged_over_models_of_any_architecture(members: list[AnyModel]) -> None:
    previous_BT = torch.cat((torch.full((2, 1), BOS), TARGET_BT[:, :-1]), 1)
    inputs = SOURCE.ids, SOURCE.mask, previous_BT
    with torch.inference_mode():
        expected = torch.stack([member.output.logits(member(*inputs)).softmax(-1) for member in members]).mean(0)
        ensemble = Ensemble(members)
        found = ensemble.output.logits(ensemble(*inputs))
    torch.testing.assert_close(found.exp(), expected)
    torch.testing.assert_close(found.logsumexp(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_beam_search_scores_translations_as_a_forced_pass_does(members: list[AnyModel]) -> None:
    ensemble = Ensemble(members).eval()
    settings = DecodingSettings(beam_size=4, num_best=3, max_length=6, length_penalty=0.0)
    results = SEARCHES["beam"](ensemble, SOURCE.ids, SOURCE.mask, settings)
    for row, hypotheses in enumerate(results):
        for hypothesis in hypotheses:
            ids = torch.tensor([[BOS, *hypothesis.ids, *[EOS] * hypothesis.is_finished]])
            with torch.inference_mode():
                hidden_1TD = ensemble(SOURCE.ids[row : row + 1], SOURCE.mask[row : row + 1], ids[:, :-1])
                log_prob_1TV = ensemble.output.logits(hidden_1TD)
            log_prob = log_prob_1TV.gather(2, ids[:, 1:].unsqueeze(2)).sum().item()
            assert hypothesis.log_prob == pytest.approx(log_prob, abs=1e-4)
            assert math.isfinite(log_prob)


def test_the_limits_of_an_ensemble_are_the_lowest_of_its_members(members: list[AnyModel]) -> None:
    limited = tiny("transformer", {"model": {"positions": "learned", "max_positions": 7}})
    assert Ensemble(members).max_target_length is None
    assert Ensemble([*members, limited]).max_source_length == 7
    assert Ensemble([*members, limited]).max_target_length == 6


def test_the_attention_weights_are_the_mean_of_those_that_all_members_have(members: list[AnyModel]) -> None:
    previous_BT = torch.cat((torch.full((2, 1), BOS), TARGET_BT[:, :-1]), 1)
    weights = Ensemble(members[::2]).attention_weights(SOURCE.ids, SOURCE.mask, previous_BT)
    assert {"encoder.1", "decoder.2", "cross.2"} <= weights.keys()
    torch.testing.assert_close(weights["cross.1"].sum(-1), torch.ones(2, 4, 3))
