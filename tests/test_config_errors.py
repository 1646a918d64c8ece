"""Error messages for invalid configs."""

from translator.config_errors import Origin, quoted, suggestion

TOML = """
[model]
dim = 16
[ training . more ]
steps = 5
"""


def test_a_key_is_located_by_its_line_or_by_the_option_that_set_it() -> None:
    origin = Origin("my.toml", TOML, ("encoder.self_attention={}",), {"decoding.beam_size": "--beam-size"})
    assert origin.place("model.dim") == "my.toml:3: model.dim"
    assert origin.place("training.more.steps") == "my.toml:5: training.more.steps"
    assert origin.place("training.more") == "my.toml:4: training.more"
    assert origin.place("model.dropout") == "my.toml: model.dropout"
    assert origin.place("encoder.self_attention.score") == "--set encoder.self_attention.score"
    assert origin.place("model.dim", "decoding.beam_size") == "--beam-size"


def test_an_unknown_word_gets_the_most_similar_one_or_all() -> None:
    known = {"steps": 1, "seed": 2}
    assert suggestion("step", known) == "did you mean 'steps'?"
    assert suggestion("batch", known) == "expected one of steps, seed"


def test_a_long_value_is_shortened() -> None:
    assert quoted("a") == "'a'"
    assert quoted("x" * 1000) == f"'{'x' * 199}... (1,002 characters)"
