"""Pieces come back from disk as they were encoded, and a sample is drawn evenly."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from translator.text.batches import TokenBatches, encode_corpus
from translator.text.corpus import Block, Corpus, Fingerprint
from translator.text.store import read_pairs, select_pairs, threaded_map, write_pairs
from translator.text.tokenizer import PairSample, TokenizerSettings, train_tokenizer

SOURCE = [f"the {word} dog {n} reads" for n in range(40) for word in ("old", "young", "")]
CORPUS = Corpus(SOURCE, [f"der Hund {line} \U0001f600" for line in SOURCE])


def blocks(size: int) -> list[Block]:
    starts = range(0, len(SOURCE), size)
    return [Block(CORPUS.source[first : first + size], CORPUS.target[first : first + size]) for first in starts]


@pytest.mark.parametrize("joint", [True, False])
def test_pairs_on_disk_are_the_pairs_encoded_in_memory(tmp_path: Path, joint: bool) -> None:
    tokenizer = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=300, joint=joint))
    write_pairs(blocks(7), tokenizer, tmp_path)
    found, expected = read_pairs(tmp_path, tokenizer), encode_corpus(CORPUS, tokenizer)
    assert found.source.pieces.dtype == torch.uint16
    for one, other in zip(found, expected, strict=True):
        assert one.pieces.tolist() == other.pieces.tolist()
        assert (one.offsets == other.offsets).all()
    ours, theirs = (TokenBatches(pairs, batch_tokens=60, pool_size=30, seed=1) for pairs in (found, expected))
    for one, other in zip(ours.epoch(0), theirs.epoch(0), strict=True):
        assert all((a == b).all() for a, b in zip(ours.batch(one), theirs.batch(other), strict=True))


def test_pieces_of_another_tokenizer_are_not_read(tmp_path: Path) -> None:
    write_pairs(blocks(50), train_tokenizer(CORPUS, TokenizerSettings(vocab_size=300)), tmp_path)
    smaller = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=290))
    with pytest.raises(ValueError, match="not those of this tokenizer"):
        read_pairs(tmp_path, smaller)
    (tmp_path / "source.lengths").write_bytes(b"")
    with pytest.raises(ValueError, match="not those of this tokenizer"):
        read_pairs(tmp_path, smaller)


def test_what_the_gate_left_out_is_left_out_again() -> None:
    kept, seen = np.arange(len(SOURCE)) % 3 > 0, Fingerprint()
    found = list(chain.from_iterable(block.source for block in select_pairs(blocks(7), kept, seen)))
    assert found == [line for number, line in enumerate(SOURCE) if number % 3]
    assert seen.hexdigest() == CORPUS.fingerprint


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_working_ahead_keeps_the_order_and_hides_no_error(threads: int) -> None:
    assert list(threaded_map(str, range(9), threads)) == [*"012345678"]
    assert list(threaded_map(str, [], threads)) == []
    remaining = iter(range(9))
    next(threaded_map(str, remaining, threads))
    assert next(remaining) == threads + 1  # it takes no more than it has threads for
    with pytest.raises(ZeroDivisionError):
        list(threaded_map(str, (1 // (3 - n) for n in range(5)), threads))
    found = threaded_map(lambda n: 1 // (3 - n), range(5), threads)
    assert [next(found) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)


@pytest.mark.parametrize(("limits", "most"), [({"max_sentences": 20}, 20), ({"max_characters": 1000}, 25)])
def test_a_sample_is_drawn_evenly_in_order_and_said(limits: dict[str, int], most: int) -> None:
    counts = np.zeros(2000)
    sample = PairSample(TokenizerSettings(**limits))
    for first in range(0, 2000, 50):
        numbers = [f"{n:010d}" for n in range(first, first + 50)]
        sample.add(Block(numbers, [number * 3 for number in numbers]))
    drawn = sample.corpus()
    assert len(drawn.source) == most
    assert drawn.target == [number * 3 for number in drawn.source]
    assert drawn.source == sorted(drawn.source)
    counts[[int(number) for number in drawn.source]] = 1
    assert counts.reshape(2, 1000).sum(axis=1).min() >= most // 4
    assert sample.notice is not None
    assert f"learned from {most} of 2,000 pairs" in sample.notice


def test_a_small_corpus_is_its_own_sample() -> None:
    sample = PairSample(TokenizerSettings())
    for block in blocks(7):
        sample.add(block)
    assert sample.corpus()[:2] == CORPUS[:2]
    assert sample.notice is None
