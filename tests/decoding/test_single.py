from translator.decoding.greedy import greedy
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import EOS


def test_finished_sentences_leave_the_batch(toy, source):
    toy.bias_V[EOS] = 1.0
    found = greedy(toy, source.ids, source.mask, DecodingSettings(search="greedy", max_length=8))
    lengths = [len(one.ids) for (one,) in found]
    assert toy.rows == [sum(length >= step for length in lengths) for step in range(max(lengths) + 1)]
    assert len(set(toy.rows)) > 1


def test_greedy_search_takes_the_best_word_each_time(toy, padded):
    source = padded([[4, 5, 3]])
    (one,) = greedy(toy, source.ids, source.mask, DecodingSettings(search="greedy", max_length=5))[0]
    state = toy.start(toy.encode(source.ids, source.mask), 1)
    previous = source.ids.new_full((1, 1), 2)
    for expected in one.ids:
        hidden, state = toy.advance(previous, state)
        logits = toy.output.logits(hidden)
        previous = logits[..., EOS:].argmax(-1) + EOS
        assert int(previous) == expected
