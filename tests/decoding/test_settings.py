import math

import pytest
import torch
from pydantic import ValidationError

from tests.tiny import tiny
from translator.decoding import SEARCHES
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import EOS, PAD


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("beam_size", 0, "greater than or equal to 1"),
        ("beam_size", -1, "greater than or equal to 1"),
        ("beam_size", 10**6, "less than or equal to 512"),
        ("num_best", 0, "greater than or equal to 1"),
        ("length_penalty", math.nan, "finite number"),
        ("length_penalty", -0.5, "greater than or equal to 0"),
        ("max_length", 0, "greater than or equal to 1"),
        ("max_length_ratio", 0.0, "greater than 0"),
        ("temperature", 0.0, "greater than or equal to 0.01"),
        ("top_k", -1, "greater than or equal to 0"),
        ("top_p", 1.5, "less than or equal to 1"),
        ("seed", -1, "greater than or equal to 0"),
        ("search", "best", "'greedy', 'beam'"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(key: str, value: object, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        DecodingSettings.model_validate({key: value})


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"num_best": 6}, "num_best = 6 is more than the 5 that beam search keeps; raise beam_size"),
        ({"search": "greedy", "num_best": 2}, "num_best = 2 is more than the 1 that greedy search keeps"),
        ({"min_length": 9, "max_length": 8}, "min_length = 9 is more than max_length = 8"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(table: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        DecodingSettings.model_validate(table)


def test_sampling_may_return_more_than_a_beam_holds() -> None:
    assert DecodingSettings(search="sampling", num_best=100).num_best == 100


@pytest.mark.parametrize(
    ("table", "most"), [({}, 30), ({"max_length": 7}, 7), ({"min_length": 50}, 50), ({"max_length_ratio": 0.35}, 13)]
)
def test_the_maximum_length_depends_on_the_source_alone(table: dict[str, object], most: int) -> None:
    assert DecodingSettings.model_validate(table).max_target_length(10) == most


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_a_search_ends_where_the_positions_of_a_model_end(search: str) -> None:
    torch.manual_seed(0)
    model = tiny("transformer", {"model": {"positions": "learned", "max_positions": 6}}).eval()
    settings = DecodingSettings(search=search, min_length=9)
    source = torch.tensor([[4, 5, EOS]])
    ((hypothesis, *_),) = SEARCHES[search](model, source, source != PAD, settings)
    assert (len(hypothesis.ids), hypothesis.is_finished) == (5, False)
