"""The cheaper mechanisms compared with full attention and with the statements of their papers."""

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.models import test_learning
from translator.attention import MECHANISMS, SCORES
from translator.attention.full import Full, FullMemory, FullSettings
from translator.attention.interface import Mechanism, MechanismOptions
from translator.attention.masks import attention_mask, masked_softmax
from translator.attention.performer import Performer, PerformerSettings
from translator.config import load_config
from translator.errors import DataError, UsageError
from translator.ops.choice import Ops
from translator.runs.model import check_model
from translator.text.tokenizer import PAD

BATCH, HEADS, LENGTH, WIDTH = 2, 3, 150, 8


def build(name: str, *, causal: bool = False, fast: bool = False, **table: object) -> Mechanism[Any]:
    torch.manual_seed(0)
    mechanism_class = MECHANISMS[name]
    settings = mechanism_class.settings.model_validate({"mechanism": name, **table})
    score = SCORES["scaled_dot"](HEADS, WIDTH, WIDTH)
    return mechanism_class(settings, MechanismOptions(score, causal, Ops(fast=fast))).eval()


def inputs(length: int = LENGTH, size: float = 1.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(BATCH, HEADS, length, WIDTH, generator=generator) * size).requires_grad_() for _ in range(3)]


def padding(length: int = LENGTH) -> Tensor:
    mask = torch.ones(BATCH, length, dtype=torch.bool)
    mask[1, length // 2 :] = False
    return mask


def context(mechanism: Mechanism[Any], query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    return mechanism.attend(query, mechanism.make_memory(key, value, mask), need_weights=False)[0]


class WrittenElements(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the elements that operations write, which grow with the length as their time does, without its noise."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.count += sum(leaf.numel() for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
        return output


def count_written(name: str, *, causal: bool, length: int) -> tuple[int, int]:
    """Return how many elements the forward pass and the backward pass write."""
    query, key, value = inputs(length)
    table: dict[str, Any] = {"max_length": 1024} if name == "linformer" else {}
    mechanism = build(name, causal=causal, **table)
    with WrittenElements() as forward:  # type: ignore[no-untyped-call]
        total = context(mechanism, query, key, value).sum()
    with WrittenElements() as backward:  # type: ignore[no-untyped-call]
        torch.autograd.grad(total, (query, key, value))
    return forward.count, backward.count


QUADRATIC = ("full", "flash")


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name, mechanism in MECHANISMS.items() for place in sorted(mechanism.places) if name != "none"],
)
def test_cost_is_linear_in_the_length_unless_all_pairs_are_compared(name: str, place: str) -> None:
    forward, backward = (
        large / small
        for small, large in zip(
            *(count_written(name, causal=place == "decoder", length=length) for length in (512, 1024)), strict=True
        )
    )
    factor = 4 if name in QUADRATIC else 2
    assert forward == pytest.approx(factor, rel=0.05)
    assert backward == pytest.approx(factor, rel=0.05)


def test_performer_needs_only_its_sums_for_any_number_of_queries() -> None:
    performer, (query, key, value) = build("performer"), inputs()
    memory = performer.make_memory(key, value, padding())
    whole, _ = performer.attend(query, memory, need_weights=False)
    only_sums = memory._replace(exponent=memory.exponent[:, :, :0])
    contexts = [
        performer.attend(query_BH1K, only_sums, need_weights=False)[0] for query_BH1K in torch.split(query, 1, 2)
    ]
    torch.testing.assert_close(torch.cat(contexts, 2), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("window", "num_global"), [(1, 0), (7, 0), (7, 3), (64, 0), (LENGTH - 1, 0), (500, 2)])
def test_window_equals_full_attention_with_a_band_mask(
    window: int, num_global: int, causal: bool, padded: bool
) -> None:
    query, key, value = inputs()
    mask = padding() if padded else None
    position = torch.arange(LENGTH)
    band = (position[:, None] - position).abs() <= window
    band |= (position < num_global)[None, :] | (position < num_global)[:, None]
    others = attention_mask(mask, LENGTH, LENGTH, causal=causal, device=position.device)
    allowed = band[None, None] if others is None else band & others
    expected = masked_softmax(query @ key.transpose(2, 3) / math.sqrt(WIDTH), allowed) @ value
    actual = context(
        build("window", causal=causal, window=window, global_positions=num_global), query, key, value, mask
    )
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fast", [False, True], ids=["blocks", "kernel"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_flash_equals_full_attention_in_values_and_gradients(fast: bool, causal: bool, padded: bool) -> None:
    mask = padding() if padded else None
    results = []
    for name, is_fast in (("full", False), ("flash", fast)):
        query, key, value = inputs()
        actual = context(build(name, causal=causal, fast=is_fast), query, key, value, mask)
        results.append((actual, *torch.autograd.grad(actual.square().sum(), (query, key, value))))
    for expected, actual in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, atol=2e-5, rtol=1e-4)


def test_linformer_equals_full_attention_only_for_rank_equal_length_without_padding() -> None:
    query, key, value = inputs()
    linformer = build("linformer", rank=LENGTH, max_length=LENGTH)
    with torch.no_grad():
        for name in ("key_rows_RS", "value_rows_RS"):
            linformer.get_parameter(name).copy_(torch.eye(LENGTH))
    torch.testing.assert_close(context(linformer, query, key, value), context(build("full"), query, key, value))
    mask = padding()
    score = (query @ key.transpose(2, 3) / math.sqrt(WIDTH)).exp()
    real_sum = score.masked_fill(~mask[:, None, None], 0).sum(3, keepdim=True)
    padded_sum = (~mask).sum(1)[:, None, None, None]  # each padded position is a zero key, with weight exp(0) = 1
    expected = context(build("full"), query, key, value, mask) * real_sum / (real_sum + padded_sum)
    torch.testing.assert_close(context(linformer, query, key, value, mask), expected, atol=1e-5, rtol=1e-4)


def test_a_sequence_too_long_for_linformer_is_an_error_with_both_numbers() -> None:
    linformer, (_, key, value) = build("linformer", max_length=100), inputs()
    with pytest.raises(DataError, match="found a sentence of 150 tokens, expected at most max_length = 100"):
        linformer.make_memory(key, value, None)


class ContextErrors(NamedTuple):
    """Errors of a context relative to full attention."""

    features: float  # of Performer with 64 features, geometric mean over four draws
    slope: float  # exponent with which it falls from 64 to 1,024 features
    mean: float  # of the mean of all values, which ignores query and key


@torch.no_grad()
def performer_errors(query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False) -> ContextErrors:
    width = query.shape[3]
    options = MechanismOptions(SCORES["scaled_dot"](query.shape[1], width, width), causal, Ops())
    full = Full(FullSettings(), options)
    exact = context(full, query, key, value)
    logs = []
    for num_features in (64, 1024):
        performer = Performer(PerformerSettings(num_features=num_features), options)
        for seed in range(4):
            performer.seed.fill_(seed)
            logs.append((context(performer, query, key, value) - exact).norm().div(exact.norm()).log().item())
    few, many = sum(logs[:4]) / 4, sum(logs[4:]) / 4
    mean = (context(full, 0 * query, key, value) - exact).norm() / exact.norm()
    return ContextErrors(math.exp(few), (many - few) / math.log(1024 / 64), mean.item())


@pytest.mark.parametrize(
    ("size", "least", "most"), [(0.2, -0.6, -0.4), (0.4, -0.6, -0.4), (1.0, -0.25, -0.05), (2.0, -0.1, 0.0)]
)
def test_the_error_of_performer_falls_with_the_root_of_its_features_only_for_small_queries_and_keys(
    size: float, least: float, most: float
) -> None:
    query, key, value = inputs(32)
    assert least < performer_errors(query * size, key * size, value).slope < most


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_for_large_queries_and_keys_64_features_are_no_better_than_the_mean_of_the_values(size: float) -> None:
    query, key, value = inputs(32)
    errors = performer_errors(query * size, key * size, value)
    assert errors.features > errors.mean


@pytest.mark.slow
def test_the_error_of_performer_hardly_falls_on_trained_queries_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Transformer with full attention learns to reverse; its queries and keys are then given to Performer."""
    torch.manual_seed(1)
    model = test_learning.build("transformer")
    assert test_learning.train_accuracy(model, 16, reverse=True, steps=500) > 0.95
    calls: list[tuple[Tensor, FullMemory, bool]] = []
    attend = Full.attend

    def record(self: Full, query: Tensor, memory: FullMemory, *, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        calls.append((query, memory, self.causal))
        return attend(self, query, memory, need_weights=need_weights)

    source, target = test_learning.sentences(16, reverse=True, generator=torch.Generator().manual_seed(2))
    with monkeypatch.context() as patch, torch.no_grad():
        patch.setattr(Full, "attend", record)
        model(source[:2], source[:2] != PAD, target[:2])
    errors = [performer_errors(query, key, value, causal=causal) for query, (key, value, _), causal in calls]
    assert len(errors) == 6  # two layers of encoder, decoder and cross-attention
    assert all(-0.35 < error.slope < 0.0 for error in errors)
    assert max(error.features / error.mean for error in errors) > 0.9


def test_the_kernel_of_performer_is_unbiased() -> None:
    query, key = (x.detach()[:1, :1, :1] for x in inputs(1, 0.8)[:2])
    exact = torch.exp((query * key).sum() / math.sqrt(WIDTH)).item()
    performer, estimates = build("performer", num_features=8), []
    assert isinstance(performer, Performer)
    for seed in range(3000):
        performer.seed.data.fill_(seed)
        estimates.append((torch.exp(performer.exponents(query)) * torch.exp(performer.exponents(key))).mean().item())
    values = torch.tensor(estimates)
    assert abs(values.mean().item() - exact) < 3 * values.std().item() / math.sqrt(len(estimates))


@pytest.mark.parametrize("length", [5, 64, 65, 150])
def test_performer_on_a_whole_sequence_equals_performer_position_by_position(length: int) -> None:
    query, key, value = inputs(length)
    performer = build("performer", causal=True)
    whole = context(performer, query, key, value)
    memory, steps = None, []
    for t in range(length):
        new = (key[:, :, t : t + 1], value[:, :, t : t + 1])
        memory = performer.make_memory(*new, None) if memory is None else performer.extend_memory(memory, *new)
        assert memory.exponent.shape[2] == 1  # the memory has constant size
        steps.append(performer.attend(query[:, :, t : t + 1], memory, need_weights=False)[0])
    torch.testing.assert_close(torch.cat(steps, 2), whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name, mechanism in MECHANISMS.items() if mechanism.has_context])
def test_a_key_bias_cancels_in_a_softmax_over_dot_products_but_not_in_linformer_and_performer(name: str) -> None:
    (query, key, value), mask = inputs(), padding()
    biased = key + torch.linspace(-1, 1, WIDTH)
    contexts = [context(build(name), query, used, value, mask) for used in (key, biased)]
    difference = (contexts[1] - contexts[0]).norm() / contexts[0].norm()
    assert difference > 0.1 if name in ("linformer", "performer") else difference < 1e-5


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("width", [8, 256])
@pytest.mark.parametrize("size", [1.0, 6.0, 30.0])
def test_performer_is_stable_for_queries_and_keys_of_any_size(size: float, width: int, causal: bool) -> None:
    torch.manual_seed(0)
    performer = Performer(PerformerSettings(), MechanismOptions(SCORES["scaled_dot"](2, width, width), causal, Ops()))
    query, key = (torch.randn(2, BATCH, 2, 40, width) * size).requires_grad_().unbind(0)
    value = torch.randn(BATCH, 2, 40, width)
    value[..., 0] = 1.0  # an average of ones is one
    actual = context(performer, query, key, value)
    torch.testing.assert_close(actual[..., 0], torch.ones(BATCH, 2, 40), atol=1e-4, rtol=0)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(actual[..., 1:].sum(), (query, key)))


def test_performer_features_drawn_during_a_search_can_be_used_in_training() -> None:
    performer, (query, key, value) = build("performer"), inputs(5)
    with torch.inference_mode():
        context(performer, query.detach(), key.detach(), value.detach())
    torch.autograd.grad(context(performer, query, key, value).sum(), query)


def test_performer_redraws_only_in_begin_update_and_from_the_generator_of_the_run() -> None:
    performer = build("performer", redraw_every=2)
    before = int(performer.get_parameter("seed"))
    performer.begin_update(1)
    assert int(performer.get_parameter("seed")) == before
    torch.manual_seed(5)
    performer.begin_update(2)
    first = int(performer.get_parameter("seed"))
    torch.manual_seed(5)
    performer.begin_update(4)
    assert int(performer.get_parameter("seed")) == first != before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "decoder.self_attention.mechanism=linformer",
            r"decoder\.self_attention\.mechanism: 'linformer' cannot be used here: .*future",
        ),
        (
            "decoder.cross_attention.mechanism=window",
            r"decoder\.cross_attention\.mechanism: 'window' cannot be used here: .*one sequence",
        ),
    ],
)
def test_a_mechanism_in_the_wrong_place_is_an_error_before_data_is_read(override: str, message: str) -> None:
    from translator.config_files import find_config

    with pytest.raises(UsageError, match=message):
        check_model(load_config(find_config("demo"), [override]))


@pytest.mark.parametrize("mechanism", ["performer", "flash"])
def test_a_mechanism_for_dot_products_with_another_score_is_an_error(mechanism: str) -> None:
    from translator.config_files import find_config

    overrides = [f"encoder.self_attention.mechanism={mechanism}", "encoder.self_attention.score=additive"]
    with pytest.raises(
        UsageError, match=rf"encoder\.self_attention\.score: '{mechanism}' cannot be used with 'additive'"
    ):
        check_model(load_config(find_config("demo"), overrides))
