"""Protected strings are found, replaced by slots, and put back as often as the source has them."""

import re
import time
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translator.text.corpus import Corpus
from translator.text.protected import MAX_SLOTS, PATTERNS, SLOTS, ProtectedPairs, Protection
from translator.text.tokenizer import FIRST_SLOT, TokenizerSettings
from translator.text.tokenizer_training import train_tokenizer

EVERYTHING = Protection(["{0}", "<b>", "New York"], PATTERNS, num_slots=2)
PIECES = [*"{0}<b>@ .a", "{0}", "<b>", "New York", "x@y.z", "www.a.b", "12345", "67890", "%s", "&amp;", *SLOTS[:3]]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
EXAMPLES = {
    "urls": ("See http://a.b/c?d=e), www.x.org.", ["http://a.b/c?d=e", "www.x.org"]),
    "emails": ("Mail x.y@z.de, not @x or y@z.", ["x.y@z.de"]),
    "tags": ('<a href="x">5 < 6 &amp; 7</a>&#160;', ['<a href="x">', "&amp;", "</a>", "&#160;"]),
    "placeholders": ("{0}, {a}; %s %1$s 9% sure %(n)s ${x} {{_y_}}", "{0} {a} %s %1$s %(n)s ${x} {{_y_}}".split()),
    "numbers": ("12345, 1234, 1,234,567", ["12345"]),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_finds_what_its_name_says(name: str) -> None:
    line, expected = EXAMPLES[name]
    assert Protection((), [name], num_slots=1).find(line) == expected


@pytest.mark.parametrize(
    "bait", ["a", "{", "<a", "a.", "http://", "%(", "a@", "1", "&a", "${", "{{", "www.", "a@b.", "$a"]
)
def test_no_line_takes_long(bait: str) -> None:
    started = time.process_time()
    EVERYTHING.find(bait * 30_000 + "!")
    assert time.process_time() - started < 1


@given(TEXTS, TEXTS)
@example("{0} 12345 12345", "} \ue000 \ue001 \ue000{")
@example("12345", "1\ue0006")
@example("{0}", "{\ue000}")
def test_a_translation_has_the_protected_strings_of_its_source(source: str, translation: str) -> None:
    restored = EVERYTHING.restore(translation, source)
    assert Counter(EVERYTHING.find(restored)) == Counter(EVERYTHING.find(source))


@given(TEXTS)
def test_a_masked_line_is_restored(line: str) -> None:
    masked = EVERYTHING.mask(line)
    assert EVERYTHING.fill([masked], line) == ([line], [])
    assert "".join(EVERYTHING.cut(line, lambda text: re.split("(?<=[.])", text))) == line


@given(TEXTS, TEXTS)
def test_both_sides_of_a_training_pair_have_the_same_slots(source: str, target: str) -> None:
    sides = EVERYTHING.mask_pair(source, target)
    slots = [Counter(slot for slot in side if slot in SLOTS) for side in sides]
    assert slots[0] == slots[1]


def test_strings_may_change_places_and_repeat() -> None:
    protection = Protection(["{0}", "{1}"], num_slots=2)
    assert protection.mask_pair("Send {0} to {1} and {0}.", "{1} bekommt {0}, {0}.") == (
        "Send \ue000 to \ue001 and \ue000.",
        "\ue001 bekommt \ue000, \ue000.",
    )
    assert protection.restore("\ue001 bekommt \ue000, \ue000.", "Send {0} to {1} and {0}.") == "{1} bekommt {0}, {0}."
    assert protection.mask_pair("{0} {1}", "{0} {0} {1}") == ("{0} \ue000", "{0} {0} \ue000")
    assert protection.restore("\ue000", "{0} a {1}", num_read=1) == "{1}"


def test_a_tokenizer_has_the_slots_that_its_pairs_suffice_for() -> None:
    settings = TokenizerSettings(keep=("{0}", "{1}", "{2}"), vocab_size=300)
    pairs = (
        [("a {0}", "{0} b")] * 9
        + [("a {0} {1}", "{1} b {0}")] * 10
        + [("{0} {1} {2}", "{2} {1} {0}")] * 3
        + [("{0}", "b")]
    )
    assert ProtectedPairs.of(pairs, settings.keep, ()) == (2, 22, 1)
    assert ProtectedPairs.of([], settings.keep, ()).num_slots == 1
    messages: list[str] = []
    tokenizer = train_tokenizer(
        Corpus([source for source, _ in pairs], [target for _, target in pairs]), settings, messages.append
    )
    assert (
        "protected strings: in 22 training pairs on both sides; in 1 pairs the sides have different ones" in messages[0]
    )
    assert tokenizer.num_slots == 2 <= MAX_SLOTS
    [source], [target] = tokenizer.encode_pairs(["a {1} {0}"], ["{0} {1} b"])
    first, second = FIRST_SLOT, FIRST_SLOT + 1
    assert [[token for token in ids if token in (first, second)] for ids in (source, target)] == [
        [first, second],
        [second, first],
    ]
    assert tokenizer.encode_source(["a {1} {0}"]) == [source]
    assert tokenizer.decode_target([target]) == ["\ue001 \ue000 b"]
