"""Laws of all scores and mechanisms, tested over the registries, and properties of single scores from their papers."""

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from translator.attention import MECHANISMS, SCORES
from translator.attention.build import build_attention
from translator.attention.core import Attention, Site, join_heads, split_heads
from translator.attention.interface import Mechanism, Place, Projection
from translator.attention.masks import causal_mask, masked_softmax
from translator.attention.none import NoneSettings
from translator.errors import UsageError
from translator.ops.choice import Ops

DIM, LENGTH = 8, 6


class Case(NamedTuple):
    mechanism: str
    score: str
    place: Place
    heads: int
    fast: bool


def scores_of(mechanism: type[Mechanism[Any]]) -> list[str]:
    """Return the scores that can be used with a mechanism."""
    if not mechanism.has_context:
        return ["dot"]
    return [name for name, score in SCORES.items() if not mechanism.needs_dot or score(1, 4, 4).dot_scale is not None]


CASES = [
    Case(name, score, place, heads, fast)
    for name, mechanism in MECHANISMS.items()
    for place in sorted(mechanism.places)
    for score in scores_of(mechanism)
    for heads in (1, 4)
    for fast in (False, True)
]


def build(case: Case, **changes: Any) -> Attention:
    torch.manual_seed(0)
    table = {"mechanism": case.mechanism, "score": case.score, "num_heads": case.heads, **changes}
    settings = MECHANISMS[case.mechanism].settings.model_validate(table)
    causal = case.place == "decoder"
    site = Site(case.place, f"{case.place}.attention", DIM, DIM, causal=causal, project_value=case.place != "cross")
    return build_attention(settings, site, ops=Ops(fast=case.fast)).eval()


def inputs(batch: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, LENGTH, DIM, generator=generator), torch.randn(batch, LENGTH, DIM, generator=generator)


def padded_mask() -> Tensor:
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, 4:] = False
    mask[2, 1:] = False
    return mask


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))


@each_case
def test_padding_changes_nothing(case: Case) -> None:
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    noisy = torch.where(mask.unsqueeze(-1), memory, 1e3 * torch.ones_like(memory))
    clean, _ = attention(query, attention.make_memory(memory, mask))
    assert torch.allclose(clean, attention(query, attention.make_memory(noisy, mask))[0], atol=1e-6)


@each_case
def test_the_future_has_no_gradient(case: Case) -> None:
    if case.place != "decoder":
        return
    attention, (query, memory) = build(case), inputs()
    memory.requires_grad_()
    context, _ = attention(query, attention.make_memory(memory, None))
    (gradient,) = torch.autograd.grad(context[:, 2].sum(), memory)
    assert torch.equal(gradient[:, 3:], torch.zeros_like(gradient[:, 3:]))
    assert gradient[:, :3].abs().sum() > 0


@each_case
def test_decoding_step_by_step_equals_the_full_pass(case: Case) -> None:
    attention, (query, memory) = build(case), inputs()
    past, steps = None, []
    if case.place == "decoder":
        whole, *_ = attention.attend_to_self(memory, None)
        for position in range(LENGTH):
            context, _, past = attention.attend_to_self(memory[:, position : position + 1], None, past=past)
            steps.append(context)
    else:
        kept = attention.make_memory(memory, None)
        whole, _ = attention(query, kept)
        steps = [attention(query[:, position : position + 1], kept)[0] for position in range(LENGTH)]
    assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-5)


@each_case
def test_self_attention_equals_attention_to_a_memory_of_the_same_sequence(case: Case) -> None:
    attention, (x, _), mask = build(case), inputs(), None if case.place == "decoder" else padded_mask()
    context, weight, memory = attention.attend_to_self(x, mask, need_weights=True)
    expected, expected_weight = attention(x, attention.make_memory(x, mask), need_weights=True)
    assert torch.allclose(context, expected, atol=1e-6)
    assert weight is None or torch.allclose(weight, expected_weight, atol=1e-6)
    assert torch.allclose(attention(x, memory)[0], expected, atol=1e-5)


@each_case
def test_a_batch_equals_its_rows(case: Case) -> None:
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    whole, _ = attention(query, attention.make_memory(memory, mask))
    for row in range(3):
        length = int(mask[row].sum())
        alone, _ = attention(query[row : row + 1, :length], attention.make_memory(memory[row : row + 1, :length], None))
        if case.place != "decoder":
            assert torch.allclose(whole[row : row + 1, :length], alone, atol=1e-5)
        else:
            first, _ = attention(query[row : row + 1], attention.make_memory(memory[row : row + 1], None))
            assert torch.allclose(whole[row, :length], first[0, :length], atol=1e-5)


@each_case
def test_selecting_rows_of_a_memory_equals_a_memory_of_these_rows(case: Case) -> None:
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    rows = torch.tensor([2, 0, 0])
    selected = attention.make_memory(memory, mask).select(rows)
    expected, _ = attention(query[rows], attention.make_memory(memory[rows], mask[rows]))
    assert torch.allclose(attention(query[rows], selected)[0], expected, atol=1e-6)


@each_case
def test_weights_sum_to_one_and_do_not_change_the_context(case: Case) -> None:
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    context, weight = attention(query, attention.make_memory(memory, mask), need_weights=True)
    assert torch.allclose(context, attention(query, attention.make_memory(memory, mask))[0], atol=1e-5)
    mechanism = MECHANISMS[case.mechanism]
    if mechanism.has_context and mechanism.has_weights:
        assert torch.allclose(weight.sum(-1), torch.ones_like(weight[..., 0]), atol=1e-5)
        assert weight.masked_select(~mask[:, None, None, :].expand_as(weight)).abs().max() == 0
    else:
        assert weight is None
        assert mechanism.has_context == (context.shape[-1] > 0)


@each_case
def test_every_parameter_gets_a_gradient(case: Case) -> None:
    attention, (query, memory) = build(case), inputs()
    memory.requires_grad_()  # a dot product has no parameters
    context, _ = attention(query, attention.make_memory(memory, padded_mask()))
    if context.shape[-1] == 0:
        return
    context.square().sum().backward()
    missing = [
        name
        for name, parameter in attention.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or parameter.grad.abs().max() == 0)
    ]
    assert missing == []


@each_case
def test_a_fully_masked_memory_gives_a_zero_context(case: Case) -> None:
    if case.place == "decoder":
        return
    attention, (query, memory) = build(case), inputs()
    attention.output_proj = nn.Identity()
    mask = torch.zeros(3, LENGTH, dtype=torch.bool)
    memory.requires_grad_()
    context, _ = attention(query, attention.make_memory(memory, mask))
    assert torch.equal(context, torch.zeros_like(context))
    if context.numel():
        context.sum().backward()
    assert memory.grad is None or memory.grad.isfinite().all()


@each_case
def test_double_precision_is_kept(case: Case) -> None:
    attention, (query, memory) = build(case).double(), inputs()
    context, _ = attention(query.double(), attention.make_memory(memory.double(), padded_mask()))
    assert context.dtype == torch.float64
    single = build(case)
    assert torch.allclose(context.float(), single(query, single.make_memory(memory, padded_mask()))[0], atol=1e-5)


@each_case
def test_all_tensors_are_created_on_the_device_of_the_input(case: Case) -> None:
    if case.mechanism == "performer":
        return  # its features are drawn from a seed, which has no value on the meta device
    with torch.device("meta"):
        attention, mask = build(case), padded_mask()
        query, memory = torch.empty(3, LENGTH, DIM), torch.empty(3, LENGTH, DIM)
    for real_BS, need_weights in ((None, False), (mask, False), (mask, True)):
        context, _ = attention(query, attention.make_memory(memory, real_BS), need_weights=need_weights)
        assert context.device.type == "meta"


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_heads_equal_the_multi_head_attention_of_the_library(heads: int, causal: bool, fast: bool) -> None:
    case = Case("full", "scaled_dot", "decoder" if causal else "encoder", heads, fast)
    ours, theirs = build(case), nn.MultiheadAttention(DIM, heads, batch_first=True)
    (x, _), mask, parameters = inputs(), padded_mask(), dict(ours.named_parameters())
    with torch.no_grad():
        weights: list[Tensor] = [parameters[f"{name}_proj.weight"] for name in ("query", "key", "value")]
        theirs.in_proj_weight.copy_(torch.cat(weights))
        theirs.in_proj_bias.normal_()  # the bias of the keys must not matter
        query_bias, _, value_bias = theirs.in_proj_bias.chunk(3)
        parameters["query_proj.bias"].copy_(query_bias)
        parameters["value_proj.bias"].copy_(value_bias)
        parameters["output_proj.weight"].copy_(theirs.out_proj.weight)
        parameters["output_proj.bias"].copy_(theirs.out_proj.bias.normal_())
    hidden = ~causal_mask(LENGTH, LENGTH, x.device) if causal else None
    expected, expected_weight = theirs(x, x, x, key_padding_mask=~mask, attn_mask=hidden, average_attn_weights=False)
    context, weight = ours(x, ours.make_memory(x, mask), need_weights=True)
    assert torch.allclose(context, expected, atol=1e-5)
    assert torch.allclose(weight, expected_weight, atol=1e-5)
    assert torch.allclose(ours(x, ours.make_memory(x, mask))[0], expected, atol=1e-5)


@pytest.mark.parametrize("backend", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_plain_attention_equals_each_fused_kernel_of_this_machine(backend: SDPBackend) -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8).unbind(0)
    mask = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    with sdpa_kernel(backend):
        expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    score = SCORES["scaled_dot"](4, 8, 8)
    assert torch.allclose(masked_softmax(score(query, key), mask) @ value, expected, atol=1e-5)


def test_additive_attention_with_v_zero_is_uniform_over_real_tokens() -> None:
    attention, (query, memory), mask = build(Case("full", "additive", "cross", 2, False)), inputs(), padded_mask()
    nn.init.zeros_(attention.get_parameter("mechanism.score.v_HK"))
    _, weight = attention(query, attention.make_memory(memory, mask), need_weights=True)
    uniform = mask / mask.sum(1, keepdim=True)
    assert torch.allclose(weight, uniform[:, None, None, :].expand_as(weight))


def test_general_with_the_identity_is_dot() -> None:
    general, dot = build(Case("full", "general", "cross", 1, False)), build(Case("full", "dot", "cross", 1, False))
    nn.init.eye_(general.get_parameter("key_proj.weight"))
    query, memory = inputs()
    context, _ = general(query, general.make_memory(memory, None))
    assert torch.allclose(context, dot(query, dot.make_memory(memory, None))[0], atol=1e-6)


def test_concat_of_two_identities_is_additive() -> None:
    concat, additive = SCORES["concat"](2, 4, 4), SCORES["additive"](2, 4, 4)
    with torch.no_grad():
        concat.get_parameter("weight_HKJ").copy_(torch.cat((torch.eye(4), torch.eye(4))).expand(2, 8, 4))
        concat.get_parameter("v_HK").copy_(additive.get_parameter("v_HK"))
    query, key = torch.randn(2, 3, 2, 5, 4).unbind(0)
    assert torch.allclose(concat(query, key), additive(query, key), atol=1e-6)


def test_concat_takes_unequal_widths() -> None:
    assert SCORES["concat"](2, 3, 5)(torch.randn(1, 2, 4, 3), torch.randn(1, 2, 6, 5)).shape == (1, 2, 4, 6)


def test_the_variance_of_a_dot_grows_with_the_width_and_of_a_scaled_one_does_not() -> None:
    torch.manual_seed(0)
    for width in (16, 256):
        query, key = torch.randn(2, 1, 1, 400, width).unbind(0)
        assert SCORES["dot"](1, width, width)(query, key).var().item() == pytest.approx(width, rel=0.1)
        assert SCORES["scaled_dot"](1, width, width)(query, key).var().item() == pytest.approx(1.0, rel=0.1)


def test_a_scaled_softmax_keeps_its_gradient_where_a_plain_one_saturates() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 50, 512).unbind(0)

    def slope(name: str) -> float:
        score = SCORES[name](1, 512, 512)(query, key)
        weight = score.softmax(-1)
        return float((weight * (1 - weight)).mean())

    assert slope("scaled_dot") > 3 * slope("dot")


def test_unequal_widths_are_an_error_with_both_numbers() -> None:
    site = Site("cross", "decoder.cross_attention", 6, 10, causal=False, project_value=False)
    settings = MECHANISMS["full"].settings.model_validate({"score": "dot"})
    with pytest.raises(UsageError, match=r"decoder.cross_attention.score: 'dot' .* found 6 and 10"):
        build_attention(settings, site, ops=Ops())


def test_heads_that_do_not_divide_the_width_are_an_error() -> None:
    with pytest.raises(UsageError, match=r"num_heads: the width 8 of the queries is not divisible by 3"):
        build(Case("full", "scaled_dot", "encoder", 3, False))


def test_a_mechanism_in_the_wrong_place_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'none' cannot be used here: .*; choose one of full, window"):
        build(Case("none", "dot", "encoder", 1, False))


def test_no_attention_in_a_transformer_is_an_error() -> None:
    site = Site("cross", "decoder.cross_attention", DIM, DIM, causal=False, project_value=True)
    with pytest.raises(UsageError, match=r"cross_attention.mechanism: 'none' needs a recurrent decoder"):
        build_attention(NoneSettings(), site, ops=Ops())


@pytest.mark.parametrize("projection", ["key", "none"])
def test_a_projected_width_without_a_projection_is_an_error(projection: Projection) -> None:
    with pytest.raises(UsageError, match=r"encoder.attention.dim: found 4, but queries are not projected"):
        build(Case("full", "dot", "encoder", 1, False), projection=projection, dim=4)


def test_the_last_query_is_at_the_last_position() -> None:
    assert causal_mask(2, 4, torch.device("cpu")).tolist() == [[True, True, True, False], [True, True, True, True]]


def test_splitting_and_joining_heads_is_the_identity() -> None:
    x = torch.randn(2, 3, 8)
    assert torch.equal(join_heads(split_heads(x, 4)), x)


def test_masked_softmax_is_the_softmax_of_the_allowed_positions() -> None:
    score = torch.randn(1, 1, 1, 4)
    mask = torch.tensor([True, False, True, True])
    assert torch.allclose(masked_softmax(score, mask)[..., mask], score[..., mask].softmax(-1))
    assert math.isclose(masked_softmax(score, mask)[..., 1].item(), 0.0)


@pytest.mark.parametrize("name", ["additive", "concat"])
def test_in_a_score_that_adds_query_and_key_a_bias_of_the_query_replaces_one_of_the_key(name: str) -> None:
    torch.manual_seed(0)
    score = SCORES[name](1, 4, 4)
    query, key, key_bias = torch.randn(2, 1, 3, 4), torch.randn(2, 1, 5, 4), torch.randn(4)
    query_bias = key_bias
    if name == "concat":
        query_half, key_half = torch.split(score.get_parameter("weight_HKJ")[0], 4)
        query_bias = key_bias @ key_half @ torch.linalg.inv(query_half)
    torch.testing.assert_close(score(query, key + key_bias), score(query + query_bias, key), atol=1e-5, rtol=1e-4)
