"""What each cheaper mechanism is, against full attention and the papers' own statements."""

import math

import pytest
import torch
from torch import Tensor

from translator.attention import MECHANISMS, SCORES
from translator.attention.interface import Mechanism, MechanismOptions
from translator.attention.masks import masked_softmax, visible
from translator.config import load_config
from translator.errors import DataError, UsageError
from translator.jobs.translate.build import check_model
from translator.ops.choice import Ops

BATCH, HEADS, LENGTH, WIDTH = 2, 3, 150, 8


def built(name: str, *, causal: bool = False, fast: bool = False, length: int = LENGTH, **table: object) -> Mechanism:
    torch.manual_seed(0)
    kind = MECHANISMS[name]
    settings = kind.settings.model_validate({"mechanism": name, **table})
    score = SCORES["scaled_dot"](HEADS, WIDTH, WIDTH)
    return kind(settings, MechanismOptions(score, causal, Ops(fast=fast))).eval()


def inputs(length: int = LENGTH, size: float = 1.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(BATCH, HEADS, length, WIDTH, generator=generator) * size).requires_grad_() for _ in range(3)]


def padding(length: int = LENGTH) -> Tensor:
    mask = torch.ones(BATCH, length, dtype=torch.bool)
    mask[1, length // 2 :] = False
    return mask


def context(mechanism: Mechanism, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    return mechanism.attend(query, mechanism.remember(key, value, mask), want_weights=False)[0]


def test_a_performer_sums_a_source_once_however_many_queries_come() -> None:
    performer, (query, key, value) = built("performer"), inputs()
    memory = performer.remember(key, value, padding())
    whole, _ = performer.attend(query, memory, want_weights=False)
    forgotten = memory._replace(exponent=memory.exponent[:, :, :0])
    one_by_one = [performer.attend(one, forgotten, want_weights=False)[0] for one in query.split(1, 2)]
    torch.testing.assert_close(torch.cat(one_by_one, 2), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("window", "num_global"), [(1, 0), (7, 0), (7, 3), (64, 0), (LENGTH - 1, 0), (500, 2)])
def test_a_window_is_full_attention_behind_a_band(window: int, num_global: int, causal: bool, padded: bool) -> None:
    query, key, value = inputs()
    mask = padding() if padded else None
    place = torch.arange(LENGTH)
    band = (place[:, None] - place).abs() <= window
    band |= (place < num_global)[None, :] | (place < num_global)[:, None]
    allowed = band[None, None] & (
        visible(mask, LENGTH, LENGTH, causal=causal, device=place.device) if padded or causal else True
    )
    expected = masked_softmax(query @ key.transpose(2, 3) / math.sqrt(WIDTH), allowed) @ value
    found = context(built("window", causal=causal, window=window, global_positions=num_global), query, key, value, mask)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fast", [False, True], ids=["blocks", "kernel"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_flash_is_full_attention_with_its_gradients(fast: bool, causal: bool, padded: bool) -> None:
    mask = padding() if padded else None
    results = []
    for name, is_fast in (("full", False), ("flash", fast)):
        numbers = inputs()
        found = context(built(name, causal=causal, fast=is_fast), *numbers, mask)
        results.append((found, *torch.autograd.grad(found.square().sum(), numbers)))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


def test_linformer_is_full_attention_only_for_rank_equal_length_without_padding() -> None:
    query, key, value = inputs()
    linformer = built("linformer", rank=LENGTH, max_length=LENGTH)
    with torch.no_grad():
        linformer.key_rows_RS.copy_(torch.eye(LENGTH))
        linformer.value_rows_RS.copy_(torch.eye(LENGTH))
    torch.testing.assert_close(context(linformer, query, key, value), context(built("full"), query, key, value))
    mask = padding()
    score = (
        (query @ key.transpose(2, 3) / math.sqrt(WIDTH)).exp().masked_fill(~mask[:, None, None], 0).sum(3, keepdim=True)
    )
    padded = (~mask).sum(1)[:, None, None, None]  # each takes the weight of a zero key: exp(0) = 1
    expected = context(built("full"), query, key, value, mask) * score / (score + padded)
    torch.testing.assert_close(context(linformer, query, key, value, mask), expected, atol=1e-5, rtol=1e-4)


def test_linformer_refuses_what_is_longer_with_both_numbers() -> None:
    linformer = built("linformer", max_length=100)
    with pytest.raises(DataError, match="a sentence of 150 pieces, but max_length is 100"):
        linformer.remember(*inputs()[:2], None)


def performer_error(num_features: int, seed: int) -> float:
    query, key, value = inputs(32, 0.4)
    performer = built("performer", num_features=num_features)
    with torch.no_grad():
        performer.seed.fill_(seed)
        return (
            (context(performer, query, key, value) - context(built("full"), query, key, value))
            .square()
            .mean()
            .sqrt()
            .item()
        )


def test_the_error_of_performer_falls_with_the_square_root_of_its_features() -> None:
    sizes = [64, 256, 1024, 4096]
    errors = [sum(math.log(performer_error(size, seed)) for seed in range(5)) / 5 for size in sizes]
    logs = [math.log(size) for size in sizes]
    centre = sum(logs) / 4
    slope = sum((x - centre) * y for x, y in zip(logs, errors, strict=True)) / sum((x - centre) ** 2 for x in logs)
    assert -0.6 < slope < -0.4


def test_the_kernel_of_performer_is_unbiased() -> None:
    query, key = (x.detach()[:1, :1, :1] for x in inputs(1, 0.8)[:2])
    exact = torch.exp((query * key).sum() / math.sqrt(WIDTH)).item()
    performer, found = built("performer", num_features=8), []
    for seed in range(3000):
        performer.seed.data.fill_(seed)
        found.append((torch.exp(performer.exponents(query)) * torch.exp(performer.exponents(key))).mean().item())
    values = torch.tensor(found)
    assert abs(values.mean().item() - exact) < 3 * values.std().item() / math.sqrt(len(found))


@pytest.mark.parametrize("length", [5, 64, 65, 150])
def test_performer_in_parallel_is_performer_position_by_position(length: int) -> None:
    query, key, value = inputs(length)
    performer = built("performer", causal=True)
    whole = context(performer, query, key, value)
    memory, steps = None, []
    for t in range(length):
        here = (key[:, :, t : t + 1], value[:, :, t : t + 1])
        memory = performer.remember(*here, None) if memory is None else performer.extend(memory, *here)
        assert memory.exponent.shape[2] == 1  # a state of constant size
        steps.append(performer.attend(query[:, :, t : t + 1], memory, want_weights=False)[0])
    torch.testing.assert_close(torch.cat(steps, 2), whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("width", [8, 256])
@pytest.mark.parametrize("size", [1.0, 6.0, 30.0])
def test_performer_averages_numbers_of_any_size(size: float, width: int, causal: bool) -> None:
    torch.manual_seed(0)
    settings = MECHANISMS["performer"].settings.model_validate({"mechanism": "performer"})
    score = SCORES["scaled_dot"](2, width, width)
    performer = MECHANISMS["performer"](settings, MechanismOptions(score, causal, Ops()))
    query, key = (torch.randn(2, BATCH, 2, 40, width) * size).requires_grad_().unbind(0)
    value = torch.randn(BATCH, 2, 40, width)
    value[..., 0] = 1.0  # an average of ones is one
    found = context(performer, query, key, value)
    torch.testing.assert_close(found[..., 0], torch.ones(BATCH, 2, 40), atol=1e-4, rtol=0)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(found[..., 1:].sum(), (query, key)))


def test_what_performer_drew_in_a_search_serves_a_training() -> None:
    performer, (query, key, value) = built("performer"), inputs(5)
    with torch.inference_mode():
        context(performer, query.detach(), key.detach(), value.detach())
    context(performer, query, key, value).sum().backward()


def test_performer_draws_anew_only_in_begin_update_from_the_runs_generator() -> None:
    performer = built("performer", redraw_every=2)
    before = int(performer.seed)
    performer.begin_update(1)
    assert int(performer.seed) == before
    torch.manual_seed(5)
    performer.begin_update(2)
    first = int(performer.seed)
    torch.manual_seed(5)
    performer.begin_update(4)
    assert int(performer.seed) == first != before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "decoder.self_attention.mechanism=linformer",
            r"decoder\.self_attention\.mechanism: 'linformer' cannot stand here: .*future",
        ),
        (
            "decoder.cross_attention.mechanism=window",
            r"decoder\.cross_attention\.mechanism: 'window' cannot stand here: .*one sequence",
        ),
    ],
)
def test_an_impossible_place_is_refused_when_the_config_is_read(override: str, message: str) -> None:
    from translator.cli.options import find_config

    with pytest.raises(UsageError, match=message):
        check_model(load_config(find_config("demo"), [override]))


@pytest.mark.parametrize("mechanism", ["performer", "flash"])
def test_a_score_that_is_no_dot_product_is_refused(mechanism: str) -> None:
    from translator.cli.options import find_config

    overrides = [f"encoder.self_attention.mechanism={mechanism}", "encoder.self_attention.score=additive"]
    with pytest.raises(UsageError, match=rf"encoder\.self_attention\.score: '{mechanism}' cannot take 'additive'"):
        check_model(load_config(find_config("demo"), overrides))
