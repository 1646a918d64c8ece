"""Pairs on disk are the pairs encoded in memory, and threads change no order."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from translator.text.batches import TokenBatches, encode_corpus
from translator.text.corpus import Block, Corpus, Fingerprint
from translator.text.store import PARTS, read_pairs, select_pairs, write_pairs
from translator.text.tokenizer import TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer

SOURCE = [f"the {word} dog {n} reads" for n in range(40) for word in ("old", "young", "")]
CORPUS = Corpus(SOURCE, [f"der Hund {line} \U0001f600" for line in SOURCE])


def blocks(size: int) -> list[Block]:
    starts = range(0, len(SOURCE), size)
    return [Block.of(CORPUS.source[first : first + size], CORPUS.target[first : first + size]) for first in starts]


@pytest.mark.parametrize("joint", [True, False])
def test_pairs_on_disk_are_the_pairs_encoded_in_memory(tmp_path: Path, joint: bool) -> None:
    tokenizer = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=300, joint=joint))
    write_pairs(blocks(7), tokenizer, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(PARTS)
    stored, expected = read_pairs(tmp_path, tokenizer), encode_corpus(CORPUS, tokenizer)
    assert stored.source.tokens.dtype == torch.uint16
    for stored_side, expected_side in zip(stored, expected, strict=True):
        assert stored_side.tokens.tolist() == expected_side.tokens.tolist()
        assert (stored_side.offsets == expected_side.offsets).all()
    batches, expected_batches = (
        TokenBatches(pairs, batch_tokens=60, pool_size=30, seed=1) for pairs in (stored, expected)
    )
    for sentences, same in zip(batches.epoch(0), expected_batches.epoch(0), strict=True):
        batch, expected_batch = stored.batch(sentences), expected.batch(same)
        for name, tensor in batch._asdict().items():
            assert tensor is getattr(expected_batch, name) or torch.equal(tensor, getattr(expected_batch, name))


def test_tokens_of_another_tokenizer_are_rejected(tmp_path: Path) -> None:
    write_pairs(blocks(50), train_tokenizer(CORPUS, TokenizerSettings(vocab_size=300)), tmp_path)
    smaller = train_tokenizer(CORPUS, TokenizerSettings(vocab_size=290))
    with pytest.raises(ValueError, match=r"source\.tokens was not written with this tokenizer"):
        read_pairs(tmp_path, smaller)
    (tmp_path / "source.lengths").write_bytes(b"")
    with pytest.raises(ValueError, match=r"source\.tokens was not written with this tokenizer"):
        read_pairs(tmp_path, smaller)


def test_only_kept_pairs_are_selected_and_all_are_in_the_fingerprint() -> None:
    is_kept, fingerprint = np.arange(len(SOURCE)) % 3 > 0, Fingerprint()
    selected = list(chain.from_iterable(block.source for block in select_pairs(blocks(7), is_kept, fingerprint)))
    assert selected == [line for number, line in enumerate(SOURCE) if number % 3]
    assert fingerprint.hexdigest() == CORPUS.fingerprint
