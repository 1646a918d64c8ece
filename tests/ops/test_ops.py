"""The fast form of each operation equals its plain form."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from translator.attention import MECHANISMS
from translator.errors import MachineError
from translator.models import MODELS
from translator.ops import choice, dropout, linear, loss
from translator.ops.choice import Ops, OpsSettings, choose_ops
from translator.ops.consistency import PairWeights
from translator.ops.dropout import byte_dropout
from translator.ops.layers import Linear, apply_together

TYPES = [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)]


def relative(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_fast_linear_equals_plain_in_values_and_gradients(dtype, tolerance, monkeypatch):
    monkeypatch.setattr(linear, "LEAST_ROUNDED", 0)
    torch.manual_seed(0)
    x, weight, bias = torch.randn(3, 25, 16), torch.randn(7, 16), torch.randn(7)
    results = []
    for ops in (Ops(), Ops(True, dtype)):
        leaves = [leaf.clone().requires_grad_() for leaf in (x, weight, bias)]
        product = ops.linear(*leaves)
        results.append([product.detach(), *torch.autograd.grad(product.square().sum(), leaves)])
    for found, expected in zip(results[1], results[0], strict=True):
        assert found.dtype == torch.float32
        assert relative(found, expected) < tolerance


def test_only_large_products_are_rounded(monkeypatch):
    monkeypatch.setattr(linear, "LEAST_ROUNDED", 5 * 16 * 7)
    ops, weight = Ops(True, torch.bfloat16), torch.randn(7, 16)
    for num_rows, is_rounded in ((4, False), (5, True)):
        x = torch.randn(num_rows, 16)
        assert (relative(ops.linear(x, weight), functional.linear(x, weight)) > 1e-4) is is_rounded


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("fast", [False, True])
def test_layers_applied_together_equal_each_alone_in_values_and_gradients(dtype, tolerance, fast, monkeypatch):
    monkeypatch.setattr(linear, "LEAST_ROUNDED", 0)
    torch.manual_seed(0)
    ops, x = Ops(fast, dtype), torch.randn(3, 25, 16, requires_grad=True)
    layers = [Linear(16, 7, ops=ops), nn.Identity(), Linear(16, 5, ops=ops, bias=False), Linear(16, 7, ops=ops)]
    nn.init.normal_(layers[-1].bias)
    leaves = [x, *(parameter for layer in layers for parameter in layer.parameters())]
    results = []
    for outputs in ([layer(x) for layer in layers], apply_together(layers, x)):
        total = sum(output.square().sum() for output in outputs)
        results.append([*outputs, *torch.autograd.grad(total, leaves)])
    for found, expected in zip(results[1], results[0], strict=True):
        assert found.shape == expected.shape
        assert relative(found, expected) < tolerance


@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 7)])
def test_a_compiled_product_equals_the_plain_one_which_computes_gradients(monkeypatch, bias):
    monkeypatch.setattr(linear, "LEAST_PRODUCT", 0)
    monkeypatch.setattr(linear, "IS_INTEL", False)
    x, weight = torch.randn(3, 25, 16, requires_grad=True), torch.randn(7, 16)  # 75 rows, padded to 76
    expected = functional.linear(x, weight, bias)
    assert linear.compiled_linear(x, weight, bias).requires_grad
    with torch.inference_mode():
        assert relative(linear.compiled_linear(x, weight, bias), expected) < 1e-6


def test_products_of_slices_are_not_compiled(monkeypatch):
    monkeypatch.setattr(linear, "LEAST_PRODUCT", 0)
    monkeypatch.setattr(linear, "IS_INTEL", False)
    x, weight = torch.randn(5, 16), torch.randn(7, 16)
    with torch.inference_mode():
        assert linear.gains_by_compiling(x, weight) == linear.HAS_ONEDNN
        assert not linear.gains_by_compiling(x[:, :8], weight[:, :8].contiguous())
        assert not linear.gains_by_compiling(x[:, :8].contiguous(), weight[:, :8])


def test_products_on_intel_processors_are_not_compiled(monkeypatch):
    monkeypatch.setattr(linear, "LEAST_PRODUCT", 0)
    monkeypatch.setattr(linear, "IS_INTEL", True)
    with torch.inference_mode():
        assert not linear.gains_by_compiling(torch.randn(5, 16), torch.randn(7, 16))


def test_rows_are_padded_with_zeros_to_one_of_few_numbers():
    rounded = [linear.rounded_up(num_rows) for num_rows in range(5000)]
    assert all(0 <= rounded_rows - num_rows <= num_rows / 16 for num_rows, rounded_rows in enumerate(rounded))
    assert len({num_rows for num_rows in rounded if 1024 < num_rows <= 2048}) == linear.ROWS_IN_OCTAVE
    rows = torch.randn(1999, 3)
    padded = linear.padded(rows, torch.bfloat16)
    assert padded.shape == (2048, 3)
    assert torch.equal(padded[:1999], rows.bfloat16())
    assert not padded[1999:].any()


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_chunked_output_loss_equals_plain_in_value_and_gradients(dtype, tolerance, smoothing, monkeypatch):
    monkeypatch.setattr(loss, "CHUNK_ELEMENTS", 33 * 31)  # 34 rows at a time, the last 33 padded
    monkeypatch.setattr(loss, "BLOCK_ELEMENTS", 10 * 31)  # in blocks of 10
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(67, 8), torch.randn(31, 8), torch.randn(31)
    target = torch.randint(31, (67,))
    results = []
    for ops in (Ops(), Ops(True, dtype)):
        leaves = [leaf.clone().requires_grad_() for leaf in (hidden, weight, bias)]
        total = ops.output_loss(*leaves, target, label_smoothing=smoothing)
        results.append([total.detach(), *torch.autograd.grad(total * 3, leaves)])
    for found, expected in zip(results[1], results[0], strict=True):
        assert relative(found, expected) < tolerance


def test_output_loss_is_finite_for_an_impossible_target():
    hidden, weight = torch.tensor([[1.0]]), torch.tensor([[500.0], [-500.0]])
    total = Ops(True).output_loss(hidden, weight, torch.zeros(2), torch.tensor([1]), label_smoothing=0.0)
    assert total.item() == pytest.approx(1000.0)


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5])
def test_byte_dropout_keeps_the_mean_and_drops_with_the_probability(probability):
    torch.manual_seed(0)
    dropped = byte_dropout(torch.ones(400_000), probability)
    assert (dropped == 0).float().mean().item() == pytest.approx(probability, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("probability", [0.001, 1 / 512, 0.002, 0.01, 0.1, 0.3, 0.5, 0.999])
def test_byte_dropout_rounds_to_a_multiple_of_1_256_and_keeps_the_mean_exactly(probability, monkeypatch):
    monkeypatch.setattr(dropout, "random_bytes", lambda _shape: torch.arange(256, dtype=torch.uint8))
    dropped = byte_dropout(torch.ones(256, dtype=torch.float64), probability)
    share = (dropped == 0).double().mean().item()
    assert share == min(round(probability * 256), 255) / 256
    assert (share == 0) == (probability <= 1 / 512)
    assert dropped.mean().item() == pytest.approx(1.0, rel=1e-12)


def test_every_dropout_setting_documents_the_rounding():
    tables = [mechanism.settings for mechanism in MECHANISMS.values()]
    tables += [table for architecture in MODELS.values() for table in architecture[1:]]
    descriptions = [
        field.description
        for table in tables
        for name, field in table.model_fields.items()
        if "dropout" in name and "must be 0" not in field.description
    ]
    assert descriptions
    assert all(description.endswith(f"; {dropout.ROUNDING}") for description in descriptions)


def test_byte_dropout_uses_one_mask_for_values_and_gradients():
    x = torch.ones(1000, requires_grad=True)
    dropped = byte_dropout(x, 0.3)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


@pytest.mark.parametrize("fast", [False, True])
def test_dropout_draws_from_the_default_generator(fast):
    x = torch.ones(1000)
    torch.manual_seed(7)
    first = Ops(fast).dropout(x, 0.5, training=True)
    torch.manual_seed(7)
    assert torch.equal(first, Ops(fast).dropout(x, 0.5, training=True))
    assert not torch.equal(first, Ops(fast).dropout(x, 0.5, training=True))


def test_dropout_does_nothing_outside_training():
    x = torch.ones(5)
    assert Ops(True).dropout(x, 0.5, training=False) is x


def test_random_bytes_are_uniform():
    from translator.ops.dropout import random_bytes

    torch.manual_seed(0)
    counts = torch.bincount(random_bytes(torch.Size((256_000,))).long(), minlength=256)
    assert counts.min() > 800
    assert counts.max() < 1200


def test_without_bf16_instructions_auto_uses_fp32_and_bf16_is_an_error(monkeypatch):
    monkeypatch.setattr(choice, "multiplies_bf16", lambda device: False)
    cpu = torch.device("cpu")
    assert choose_ops(OpsSettings(), cpu).product_dtype == torch.float32
    with pytest.raises(MachineError, match="found 'bf16'"):
        choose_ops(OpsSettings(precision="bf16"), cpu)


def test_plain_ops_multiply_in_fp32():
    assert choose_ops(OpsSettings(fast=False), torch.device("cpu")) == Ops()


def test_linear_without_bias():
    x, weight = torch.randn(2, 3), torch.randn(4, 3)
    assert torch.allclose(Ops(True).linear(x, weight), functional.linear(x, weight))


@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 7)])
def test_a_short_product_equals_the_plain_one_and_its_gradients_have_the_types_of_the_operands(bias):
    """What a GPU computes, here on a CPU."""
    torch.manual_seed(0)
    results = []
    for multiply in (functional.linear, lambda *operands: linear.short_linear(*operands, torch.bfloat16)):
        torch.manual_seed(1)
        leaves = [leaf.requires_grad_() for leaf in (torch.randn(3, 25, 16), torch.randn(7, 16))]
        leaves += [] if bias is None else [bias.clone().requires_grad_()]
        product = multiply(*leaves, *([None] if bias is None else []))
        results.append([product.detach().float(), *torch.autograd.grad(product.float().square().sum(), leaves)])
    assert product.dtype == torch.bfloat16
    for found, expected in zip(results[1], results[0], strict=True):
        assert found.dtype == torch.float32
        assert relative(found, expected) < 2e-2


@pytest.mark.parametrize("num_rows", [1, 7, 64, 192])
def test_column_sums_in_two_stages_are_the_sums(num_rows):
    rows = torch.randn(num_rows, 5)
    torch.testing.assert_close(linear.column_sums(rows, torch.float32), rows.sum(0))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("counts", [None, torch.tensor([[1.0], [0.0], [1.0], [1.0]])])
def test_both_forms_of_the_loss_over_a_block_agree(counts, smoothing):
    torch.manual_seed(0)
    logits, bias, target = torch.randn(4, 31), torch.randn(31), torch.randint(31, (4,))
    plain, short = logits.clone(), logits + bias
    expected = loss.differentiate(plain, bias, target, counts, smoothing)
    found = loss.differentiate_short(short, target, counts, smoothing)
    torch.testing.assert_close([*found, short], [*expected, plain])


def pair_gradients(ops, hidden_2MD, *, smoothing=0.1, weights=PairWeights(1.0, 0.5, 3.0, 2.0), counts=None):  # noqa: B008
    """Return the loss of two views and its gradients over hidden states, weight and bias."""
    torch.manual_seed(0)
    leaves = [hidden_2MD.clone(), torch.randn(31, 8), torch.randn(31)]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    target = torch.randint(31, (hidden_2MD.shape[1],))
    total = ops.pair_loss(*leaves, target, label_smoothing=smoothing, weights=weights, counts_M=counts)
    return [total.detach(), *torch.autograd.grad(total * 3, leaves)]


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("counts", [None, torch.arange(67) % 3 > 0])
def test_chunked_pair_loss_equals_plain_in_value_and_gradients(dtype, tolerance, smoothing, counts, monkeypatch):
    monkeypatch.setattr(loss, "CHUNK_ELEMENTS", 33 * 62)  # 34 rows of each view at a time
    monkeypatch.setattr(loss, "BLOCK_ELEMENTS", 10 * 62)  # in blocks of 10
    hidden = torch.randn(2, 67, 8, generator=torch.Generator().manual_seed(1))
    expected = pair_gradients(Ops(), hidden, smoothing=smoothing, counts=counts)
    found = pair_gradients(Ops(True, dtype), hidden, smoothing=smoothing, counts=counts)
    for one, other in zip(found, expected, strict=True):
        assert relative(one, other) < tolerance


@pytest.mark.parametrize("fast", [False, True])
def test_the_divergence_of_two_equal_views_is_zero_and_has_no_gradient(fast):
    hidden = torch.randn(1, 9, 8).expand(2, -1, -1)
    for result in pair_gradients(Ops(fast), hidden, weights=PairWeights(0.0, 0.0, 3.0, 2.0)):
        assert result.abs().max() < 1e-5
