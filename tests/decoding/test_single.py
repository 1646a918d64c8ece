from tests.decoding.toy import Source, Toy
from translator.decoding.greedy import greedy
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import EOS


def test_finished_sentences_leave_the_batch(toy: Toy, source: Source) -> None:
    toy.bias_V[EOS] = 1.0
    results = greedy(toy, source.ids, source.mask, DecodingSettings(search="greedy", max_length=8))
    lengths = [len(hypothesis.ids) for (hypothesis,) in results]
    assert toy.rows == [sum(length >= step for length in lengths) for step in range(max(lengths) + 1)]
    assert len(set(toy.rows)) > 1
