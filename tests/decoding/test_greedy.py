from tests.decoding.toy import Toy, padded
from translator.decoding.greedy import greedy
from translator.decoding.settings import DecodingSettings
from translator.text.tokenizer import BOS, EOS


def test_greedy_search_takes_the_best_token_at_each_step(toy: Toy) -> None:
    source = padded([[4, 5, 3]])
    (hypothesis,) = greedy(toy, source.ids, source.mask, DecodingSettings(search="greedy", max_length=5))[0]
    state = toy.start(toy.encode(source.ids, source.mask), 1)
    previous = source.ids.new_full((1, 1), BOS)
    for token in hypothesis.ids:
        hidden, state = toy.advance(previous, state)
        logits = toy.output.logits(hidden)
        previous = logits[..., EOS:].argmax(-1) + EOS
        assert int(previous) == token
