"""A static batch is the dynamic batch with its sizes rounded up, and batches cut to shapes have few shapes."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from translator.text.batches import (
    LENGTH_MULTIPLE,
    ROW_COUNTS_PER_OCTAVE,
    EncodedLines,
    EncodedPairs,
    TokenBatches,
    rows_above,
    rows_below,
)
from translator.text.static_batches import Shape, StaticBatches
from translator.text.tokenizer import EOS, PAD

LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=60)


def pairs_of(lengths: list[tuple[int, int]]) -> EncodedPairs:
    sides = ([[10 + n] * (length - 1) + [EOS] for n, length in enumerate(side)] for side in zip(*lengths, strict=True))
    return EncodedPairs(*(EncodedLines.of(side) for side in sides))


@given(LENGTHS)
def test_a_static_batch_contains_the_dynamic_batch_and_nothing_else_counts(lengths: list[tuple[int, int]]) -> None:
    pairs = pairs_of(lengths)
    static = StaticBatches(pairs)
    epoch = TokenBatches(pairs, batch_tokens=100, pool_size=40, seed=1).epoch(0)
    for sentences, rows in zip(epoch, static.rows(epoch), strict=True):
        expected = pairs.batch(sentences)
        batch = static.batch(rows)
        assert batch.source_BS.shape == rows.shape[:2]
        assert batch.target_BT.shape == (rows.shape.num_rows, rows.shape.target_length)
        assert batch.num_tokens == expected.num_tokens
        for name in ("source_BS", "mask_BS", "previous_BT", "target_BT"):
            wide, narrow = getattr(batch, name), getattr(expected, name)
            assert torch.equal(wide[: len(narrow), : narrow.shape[1]], narrow)
        assert batch.counts_M is not None
        assert expected.real_M is not None
        counted = batch.target_BT.flatten()[batch.counts_M]
        assert counted.tolist() == expected.target_BT.flatten()[expected.real_M].tolist()
        assert batch.mask_BS.any(1).all()  # an empty row repeats a sentence, since attention needs a token to attend to
        assert torch.equal(batch.mask_BS, batch.source_BS != PAD)


@given(st.integers(1, 5000))
def test_the_number_of_rows_is_rounded_by_at_most_an_eighth(num_rows: int) -> None:
    assert rows_below(num_rows) <= num_rows <= rows_above(num_rows)
    assert rows_above(num_rows) - rows_below(num_rows) <= max(num_rows / ROW_COUNTS_PER_OCTAVE, 1)
    assert rows_above(rows_above(num_rows)) == rows_above(num_rows)


def test_lengths_are_never_rounded_above_the_limits_of_the_model() -> None:
    static = StaticBatches(pairs_of([(6, 7)]), max_source_length=6, max_target_length=50)
    assert static.shape(np.array([0])) == Shape(1, 6, -(-7 // LENGTH_MULTIPLE) * LENGTH_MULTIPLE)


def test_batches_cut_to_shapes_have_few_of_them() -> None:
    generator = np.random.default_rng(1)
    lengths = np.clip(generator.normal(14, 5, (4000, 1)).round() + generator.integers(-3, 4, (4000, 2)), 2, 40)
    pairs = pairs_of([(int(source), int(target)) for source, target in lengths])
    static, shapes = StaticBatches(pairs), []
    for few_shapes in (False, True):
        batches = TokenBatches(pairs, batch_tokens=1000, pool_size=4000, seed=1, few_shapes=few_shapes)
        shapes.append([static.shape(sentences) for epoch in range(5) for sentences in batches.epoch(epoch)])
    assert 2 * len(set(shapes[1])) <= len(set(shapes[0]))
