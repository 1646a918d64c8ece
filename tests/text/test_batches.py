"""Every epoch contains every pair once, within the limit of tokens, in a reproducible order."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translator.text.batches import EncodedLines, EncodedPairs, TokenBatches, source_batches
from translator.text.tokenizer import BOS, EOS, PAD

LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=60)


def pairs_of(lengths: list[tuple[int, int]]) -> EncodedPairs:
    sides = ([[10 + n] * (length - 1) + [EOS] for n, length in enumerate(side)] for side in zip(*lengths, strict=True))
    return EncodedPairs(*(EncodedLines.of(side) for side in sides))


@given(LENGTHS, st.integers(1, 80), st.integers(1, 40), st.integers(0, 3), st.booleans())
def test_every_epoch_contains_every_pair_once_within_the_limit(
    lengths: list[tuple[int, int]], limit: int, pool: int, epoch: int, few_shapes: bool
) -> None:
    batches = TokenBatches(pairs_of(lengths), batch_tokens=limit, pool_size=pool, seed=1, few_shapes=few_shapes)
    epoch_batches = batches.epoch(epoch)
    assert sorted(np.concatenate(epoch_batches)) == list(range(len(lengths)))
    for sentences in epoch_batches:
        sizes = [sum(lengths[n][side] for n in sentences) for side in (0, 1)]
        assert len(sentences) == 1 or max(sizes) <= limit
    for sentences, repeated in zip(epoch_batches, batches.epoch(epoch), strict=True):
        assert (sentences == repeated).all()


@given(LENGTHS, st.integers(1, 5))
def test_the_parts_of_an_update_contain_all_its_sentences(lengths: list[tuple[int, int]], parts: int) -> None:
    pairs = pairs_of(lengths)
    whole = np.arange(len(lengths))
    split = pairs.split(whole, parts)
    assert len(split) == min(parts, len(lengths))
    assert all(map(len, split))
    assert sorted(np.concatenate(split)) == sorted(whole)


@given(LENGTHS, st.integers(1, 5))
def test_the_parts_of_an_update_have_about_equal_size_and_similar_sources(
    lengths: list[tuple[int, int]], parts: int
) -> None:
    split = pairs_of(lengths).split(np.arange(len(lengths)), parts)
    tokens = [sum(lengths[n]) for part in split for n in part]
    assert all(sum(sum(lengths[n]) for n in part) <= sum(tokens) / len(split) + max(tokens) for part in split)
    sources = [lengths[n][0] for part in split for n in part]
    assert sources == sorted(sources)


def test_epochs_and_seeds_have_different_orders() -> None:
    pairs = pairs_of([(n % 9 + 1, n % 7 + 1) for n in range(100)])
    orders = {
        tuple(np.concatenate(TokenBatches(pairs, batch_tokens=30, pool_size=50, seed=seed).epoch(epoch)))
        for seed in (1, 2)
        for epoch in (0, 1)
    }
    assert len(orders) == 4


def test_a_batch_is_padded_and_shifted_and_has_the_indices_of_real_tokens() -> None:
    pairs = EncodedPairs(EncodedLines.of([[5, 6, EOS], [7, EOS]]), EncodedLines.of([[8, EOS], [9, 10, EOS]]))
    batch = pairs.batch(np.array([0, 1]))
    assert batch.source_BS.tolist() == [[5, 6, EOS], [7, EOS, PAD]]
    assert batch.mask_BS.tolist() == [[True, True, True], [True, True, False]]
    assert batch.previous_BT[1].tolist() == [BOS, 9, 10]
    assert batch.target_BT.tolist() == [[8, EOS, PAD], [9, 10, EOS]]
    assert batch.target_BT.flatten()[batch.real_M].tolist() == [8, EOS, 9, 10, EOS]
    assert batch.num_tokens == 5


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_source_batches_contain_all_sentences_longest_first(batch_size: int) -> None:
    sources = [[5, EOS], [6, 7, 8, EOS], [9, 10, EOS]]
    batches = list(source_batches(sources, batch_size=batch_size))
    assert torch.cat([batch.sentence_B for batch in batches]).tolist() == [1, 2, 0]
    for batch in batches:
        for row, sentence in enumerate(batch.sentence_B.tolist()):
            assert batch.source_BS[row][batch.mask_BS[row]].tolist() == sources[sentence]


def test_an_epoch_has_each_pair_as_often_as_its_weight_says() -> None:
    pairs = pairs_of([(3, 4)] * 40)
    weight_P = np.resize(np.array([0.0, 0.5, 1.0, 2.25], np.float32), 40)
    batches = TokenBatches(pairs, batch_tokens=50, pool_size=20, seed=1, weight_P=weight_P)
    counts_EP = [np.bincount(np.concatenate(batches.epoch(number)), minlength=40) for number in range(200)]
    assert all((np.abs(count_P - weight_P) < 1).all() for count_P in counts_EP)
    np.testing.assert_allclose(np.mean(counts_EP, 0), weight_P, atol=0.15)
    assert all(map(np.array_equal, batches.epoch(3), batches.epoch(3)))
