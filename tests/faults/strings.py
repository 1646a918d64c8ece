"""The laws of strings: any text passes through reader, tokenizer, printer, JSON and a model as one line."""

import io
import json
import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from translator.cli.console import as_json
from translator.decoding.settings import DecodingSettings
from translator.jobs.translate.translator import Translator
from translator.text.reader import decode_lines
from translator.text.tokenizer import EOS
from translator.text.visible import CONTROL, visible

SEPARATORS = " \t\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u200b\u2028\u2029\u2060\u3000\ufeff\u2581\x1b\x9b[]/:<&\"'\\%{}"
TEXTS = st.text(
    st.one_of(st.sampled_from(SEPARATORS), st.characters(exclude_categories=["Cs"], exclude_characters="\0\n")),
    max_size=30,
)
BLANK = re.compile(r"[\s\x1c-\x1f\x85\u2581]+")


def check_texts(translator: Translator, count: int) -> None:
    """Reader, tokenizer, printer and JSON, each given `count` texts."""
    tokenizer = translator.tokenizer

    @settings(max_examples=count, deadline=None, derandomize=True, database=None)
    @given(TEXTS)
    def law(text: str) -> None:
        stream = io.BytesIO(f"first\n{text}\nlast".encode())
        assert list(decode_lines(stream, "here")) == ["first", text.removesuffix("\r"), "last"]
        (ids,) = tokenizer.encode_target([text])
        assert ids[-1] == EOS
        assert all(piece == 1 or piece > EOS for piece in ids[:-1])
        (back,) = tokenizer.decode_target([ids])
        assert len(back.splitlines()) <= 1
        assert BLANK.sub("", back) == BLANK.sub("", unicodedata.normalize("NFC", text))
        assert not CONTROL.search(visible(text))
        line = as_json({"source": text})
        assert json.loads(line) == {"source": text}
        assert not CONTROL.search(line)
        assert len(line.splitlines()) == 1

    law()


def check_translations(translator: Translator, count: int) -> None:
    """`count` lists of lines: together as apart, in any order, in batches of any size."""
    quick = DecodingSettings(beam_size=2, max_length=6)

    @settings(max_examples=count, deadline=None, derandomize=True, database=None)
    @given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5), st.integers(1, 9))
    def law(lines: list[str], more: list[str], batch_size: int) -> None:
        whole = translator.translate([*lines, *more], quick)
        assert whole == translator.translate(lines, quick) + translator.translate(more, quick)
        assert whole == translator.translate([*lines, *more][::-1], quick, batch_size=batch_size)[::-1]
        assert [not line.strip() and bool(line) for line in whole] == [False] * len(whole)

    law()
