"""The models and sources that every search law is run with: a toy, and each architecture in its smallest form."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from tests.decoding.toy import Source, Toy, padded
from tests.tiny import tiny
from translator.models import MODELS
from translator.models.interface import AnyModel

SUBJECTS: dict[str, Callable[[], AnyModel]] = {"toy": Toy, **{name: partial(tiny, name) for name in MODELS}}


@pytest.fixture(params=SUBJECTS)
def model(request: pytest.FixtureRequest) -> AnyModel:
    """Each subject in turn, with the same parameters in every test."""
    torch.manual_seed(3)
    subject = SUBJECTS[request.param]().eval()
    with torch.no_grad():
        for parameter in subject.parameters():
            parameter.mul_(2.0)  # so that source and prefix make a clear difference
    return subject


@pytest.fixture
def toy() -> Toy:
    """The toy alone."""
    torch.manual_seed(3)
    return Toy().eval()


@pytest.fixture
def sentences() -> list[list[int]]:
    """Sources of several lengths, with EOS."""
    return [[4, 3], [5, 6, 4, 3], [6, 3], [4, 4, 5, 6, 5, 3], [6, 5, 4, 3], [5, 3]]


@pytest.fixture
def source(sentences: list[list[int]]) -> Source:
    """The sentences as one batch."""
    return padded(sentences)
