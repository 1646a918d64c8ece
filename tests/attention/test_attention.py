"""Laws that every score and every mechanism obeys, tested over the registries, and the papers' facts about single ones."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from translator.attention import MECHANISMS, SCORES
from translator.attention.build import build_attention
from translator.attention.core import Site, join_heads, split_heads
from translator.attention.masks import causal_mask, masked_softmax
from translator.errors import UsageError
from translator.ops.choice import Ops

DIM, LENGTH = 8, 6


class Case(NamedTuple):
    mechanism: str
    score: str
    place: str
    heads: int
    fast: bool


def scores_of(built):
    """The scores that a mechanism takes."""
    if not built.has_context:
        return ["dot"]
    return [name for name, score in SCORES.items() if not built.needs_dot or score(1, 4, 4).dot_scale is not None]


CASES = [
    Case(mechanism, score, place, heads, fast)
    for mechanism, built in MECHANISMS.items()
    for place in sorted(built.serves)
    for score in scores_of(built)
    for heads in (1, 4)
    for fast in (False, True)
]


def build(case, **settings):
    torch.manual_seed(0)
    table = {"mechanism": case.mechanism, "score": case.score, "num_heads": case.heads, **settings}
    chosen = MECHANISMS[case.mechanism].settings.model_validate(table)
    causal = case.place == "decoder"
    site = Site(case.place, f"{case.place}.attention", DIM, DIM, causal=causal, project_value=case.place != "cross")
    return build_attention(chosen, site, ops=Ops(fast=case.fast)).eval()


def inputs(batch=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, LENGTH, DIM, generator=generator), torch.randn(batch, LENGTH, DIM, generator=generator)


def padded_mask():
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, 4:] = False
    mask[2, 1:] = False
    return mask


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))


@each_case
def test_padding_changes_nothing(case):
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    noisy = torch.where(mask.unsqueeze(-1), memory, 1e3 * torch.ones_like(memory))
    clean, _ = attention(query, attention.remember(memory, mask))
    assert torch.allclose(clean, attention(query, attention.remember(noisy, mask))[0], atol=1e-6)


@each_case
def test_the_future_has_no_gradient(case):
    if case.place != "decoder":
        return
    attention, (query, memory) = build(case), inputs()
    memory.requires_grad_()
    context, _ = attention(query, attention.remember(memory, None))
    (gradient,) = torch.autograd.grad(context[:, 2].sum(), memory)
    assert torch.equal(gradient[:, 3:], torch.zeros_like(gradient[:, 3:]))
    assert gradient[:, :3].abs().sum() > 0


@each_case
def test_step_by_step_equals_all_at_once(case):
    attention, (query, memory) = build(case), inputs()
    past, steps = None, []
    if case.place == "decoder":
        whole, *_ = attention.look_within(memory, None)
        for position in range(LENGTH):
            context, _, past = attention.look_within(memory[:, position : position + 1], None, past=past)
            steps.append(context)
    else:
        kept = attention.remember(memory, None)
        whole, _ = attention(query, kept)
        steps = [attention(query[:, position : position + 1], kept)[0] for position in range(LENGTH)]
    assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-5)


@each_case
def test_looking_within_equals_looking_at_a_memory_of_the_same(case):
    attention, (x, _), mask = build(case), inputs(), None if case.place == "decoder" else padded_mask()
    context, weight, memory = attention.look_within(x, mask, want_weights=True)
    expected, expected_weight = attention(x, attention.remember(x, mask), want_weights=True)
    assert torch.allclose(context, expected, atol=1e-6)
    assert weight is None or torch.allclose(weight, expected_weight, atol=1e-6)
    assert torch.allclose(attention(x, memory)[0], expected, atol=1e-5)


@each_case
def test_a_batch_equals_its_rows(case):
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    whole, _ = attention(query, attention.remember(memory, mask))
    for row in range(3):
        length = int(mask[row].sum())
        alone, _ = attention(query[row : row + 1, :length], attention.remember(memory[row : row + 1, :length], None))
        if case.place != "decoder":
            assert torch.allclose(whole[row : row + 1, :length], alone, atol=1e-5)
        else:
            first, _ = attention(query[row : row + 1], attention.remember(memory[row : row + 1], None))
            assert torch.allclose(whole[row, :length], first[0, :length], atol=1e-5)


@each_case
def test_selected_rows_of_a_memory_are_those_rows(case):
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    rows = torch.tensor([2, 0, 0])
    selected = attention.remember(memory, mask).select(rows)
    expected, _ = attention(query[rows], attention.remember(memory[rows], mask[rows]))
    assert torch.allclose(attention(query[rows], selected)[0], expected, atol=1e-6)


@each_case
def test_weights_sum_to_one_and_do_not_change_the_context(case):
    attention, (query, memory), mask = build(case), inputs(), padded_mask()
    context, weight = attention(query, attention.remember(memory, mask), want_weights=True)
    assert torch.allclose(context, attention(query, attention.remember(memory, mask))[0], atol=1e-5)
    built = MECHANISMS[case.mechanism]
    if built.has_context and built.has_weights:
        assert torch.allclose(weight.sum(-1), torch.ones_like(weight[..., 0]), atol=1e-5)
        assert weight.masked_select(~mask[:, None, None, :].expand_as(weight)).abs().max() == 0
    else:
        assert weight is None
        assert built.has_context == (context.shape[-1] > 0)


@each_case
def test_every_parameter_gets_a_gradient(case):
    attention, (query, memory) = build(case), inputs()
    memory.requires_grad_()  # a dot product has no parameter of its own
    context, _ = attention(query, attention.remember(memory, padded_mask()))
    if context.shape[-1] == 0:
        return
    context.square().sum().backward()
    missing = [
        name
        for name, weight in attention.named_parameters()
        if weight.requires_grad and (weight.grad is None or weight.grad.abs().max() == 0)
    ]
    assert missing == []


@each_case
def test_a_row_that_may_look_nowhere_gives_zeros(case):
    if case.place == "decoder":
        return
    attention, (query, memory) = build(case), inputs()
    attention.output_proj = nn.Identity()
    nowhere = torch.zeros(3, LENGTH, dtype=torch.bool)
    memory.requires_grad_()
    context, _ = attention(query, attention.remember(memory, nowhere))
    assert torch.equal(context, torch.zeros_like(context))
    if context.numel():
        context.sum().backward()
    assert memory.grad is None or memory.grad.isfinite().all()


@each_case
def test_numbers_of_double_precision_stay_so(case):
    attention, (query, memory) = build(case).double(), inputs()
    context, _ = attention(query.double(), attention.remember(memory.double(), padded_mask()))
    assert context.dtype == torch.float64
    single = build(case)
    assert torch.allclose(context.float(), single(query, single.remember(memory, padded_mask()))[0], atol=1e-5)


@each_case
def test_everything_it_makes_is_on_the_device_of_what_it_was_given(case):
    if case.mechanism == "performer":
        return  # its features are drawn from a number, and the meta device has none
    with torch.device("meta"):
        attention, (query, memory), mask = (
            build(case),
            (torch.empty(3, LENGTH, DIM), torch.empty(3, LENGTH, DIM)),
            padded_mask(),
        )
    for real, wanted in ((None, False), (mask, False), (mask, True)):
        context, _ = attention(query, attention.remember(memory, real), want_weights=wanted)
        assert context.device.type == "meta"


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_heads_equal_the_librarys_multi_head_attention(heads, causal, fast):
    case = Case("full", "scaled_dot", "decoder" if causal else "encoder", heads, fast)
    ours, theirs, (x, _), mask = (
        build(case),
        nn.MultiheadAttention(DIM, heads, batch_first=True),
        inputs(),
        padded_mask(),
    )
    with torch.no_grad():
        projections = (ours.query_proj, ours.key_proj, ours.value_proj)
        theirs.in_proj_weight.copy_(torch.cat([one.weight for one in projections]))
        theirs.in_proj_bias.normal_()  # the bias of the keys must not matter
        query_bias, _, value_bias = theirs.in_proj_bias.chunk(3)
        ours.query_proj.bias.copy_(query_bias)
        ours.value_proj.bias.copy_(value_bias)
        ours.output_proj.weight.copy_(theirs.out_proj.weight)
        ours.output_proj.bias.copy_(theirs.out_proj.bias.normal_())
    hidden = ~causal_mask(LENGTH, LENGTH, x.device) if causal else None
    expected, weight = theirs(x, x, x, key_padding_mask=~mask, attn_mask=hidden, average_attn_weights=False)
    context, found = ours(x, ours.remember(x, mask), want_weights=True)
    assert torch.allclose(context, expected, atol=1e-5)
    assert torch.allclose(found, weight, atol=1e-5)
    assert torch.allclose(ours(x, ours.remember(x, mask))[0], expected, atol=1e-5)


@pytest.mark.parametrize("backend", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_plain_attention_equals_each_fused_kernel_of_this_machine(backend):
    query, key, value = torch.randn(3, 2, 4, 5, 8).unbind(0)
    mask = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    with sdpa_kernel(backend):
        expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    score = SCORES["scaled_dot"](4, 8, 8)
    assert torch.allclose(masked_softmax(score(query, key), mask) @ value, expected, atol=1e-5)


def test_additive_attention_with_v_zero_is_uniform_over_real_tokens():
    attention, (query, memory), mask = build(Case("full", "additive", "cross", 2, False)), inputs(), padded_mask()
    nn.init.zeros_(attention.mechanism.score.v_HK)
    _, weight = attention(query, attention.remember(memory, mask), want_weights=True)
    uniform = mask / mask.sum(1, keepdim=True)
    assert torch.allclose(weight, uniform[:, None, None, :].expand_as(weight))


def test_general_with_the_identity_is_dot():
    general, dot = build(Case("full", "general", "cross", 1, False)), build(Case("full", "dot", "cross", 1, False))
    nn.init.eye_(general.key_proj.weight)
    query, memory = inputs()
    found, _ = general(query, general.remember(memory, None))
    assert torch.allclose(found, dot(query, dot.remember(memory, None))[0], atol=1e-6)


def test_concat_of_two_identities_is_additive():
    concat, additive = SCORES["concat"](2, 4, 4), SCORES["additive"](2, 4, 4)
    with torch.no_grad():
        concat.weight_HKJ.copy_(torch.cat((torch.eye(4), torch.eye(4))).expand(2, 8, 4))
        concat.v_HK.copy_(additive.v_HK)
    query, key = torch.randn(2, 3, 2, 5, 4).unbind(0)
    assert torch.allclose(concat(query, key), additive(query, key), atol=1e-6)


def test_concat_takes_unequal_widths():
    assert SCORES["concat"](2, 3, 5)(torch.randn(1, 2, 4, 3), torch.randn(1, 2, 6, 5)).shape == (1, 2, 4, 6)


def test_the_variance_of_a_dot_grows_with_the_width_and_of_a_scaled_one_does_not():
    torch.manual_seed(0)
    for width in (16, 256):
        query, key = torch.randn(2, 1, 1, 400, width).unbind(0)
        assert SCORES["dot"](1, width, width)(query, key).var().item() == pytest.approx(width, rel=0.1)
        assert SCORES["scaled_dot"](1, width, width)(query, key).var().item() == pytest.approx(1.0, rel=0.1)


def test_a_scaled_softmax_keeps_its_gradient_where_a_plain_one_saturates():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 50, 512).unbind(0)

    def slope(name):
        score = SCORES[name](1, 512, 512)(query, key)
        weight = score.softmax(-1)
        return (weight * (1 - weight)).mean().item()

    assert slope("scaled_dot") > 3 * slope("dot")


def test_a_score_refuses_unequal_widths_with_both_numbers():
    site = Site("cross", "decoder.cross_attention", 6, 10, causal=False, project_value=False)
    settings = MECHANISMS["full"].settings.model_validate({"score": "dot"})
    with pytest.raises(UsageError, match=r"decoder.cross_attention.score: 'dot' .* found 6 and 10"):
        build_attention(settings, site, ops=Ops())


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(UsageError, match=r"num_heads: 8 \(queries\) is not divisible by 3"):
        build(Case("full", "scaled_dot", "encoder", 3, False))


def test_a_mechanism_is_refused_where_it_cannot_stand():
    with pytest.raises(UsageError, match=r"'none' cannot stand here: .*; there are full, window"):
        build(Case("none", "dot", "encoder", 1, False))


def test_no_attention_is_refused_where_its_context_would_be_projected():
    site = Site("cross", "decoder.cross_attention", DIM, DIM, causal=False, project_value=True)
    with pytest.raises(UsageError, match=r"cross_attention.mechanism: 'none' needs a recurrent decoder"):
        build_attention(MECHANISMS["none"].settings(), site, ops=Ops())


@pytest.mark.parametrize("projection", ["key", "none"])
def test_a_width_that_nothing_is_projected_to_is_refused(projection):
    with pytest.raises(UsageError, match=r"encoder.attention.dim: found 4, but queries are not projected"):
        build(Case("full", "dot", "encoder", 1, False), projection=projection, dim=4)


def test_the_last_query_sits_at_the_last_position():
    assert causal_mask(2, 4, torch.device("cpu")).tolist() == [[True, True, True, False], [True, True, True, True]]


def test_splitting_and_joining_heads_is_the_identity():
    x = torch.randn(2, 3, 8)
    assert torch.equal(join_heads(split_heads(x, 4)), x)


def test_masked_softmax_is_the_softmax_of_what_is_visible():
    score = torch.randn(1, 1, 1, 4)
    mask = torch.tensor([True, False, True, True])
    assert torch.allclose(masked_softmax(score, mask)[..., mask], score[..., mask].softmax(-1))
    assert math.isclose(masked_softmax(score, mask)[..., 1].item(), 0.0)
