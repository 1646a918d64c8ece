"""10,000 strings through reader, tokenizer, printer and JSON, and many through each architecture."""

from collections.abc import Callable
from pathlib import Path

import pytest

import translator
from tests.faults.strings import check_texts, check_translations

COUNT = 10_000


@pytest.mark.parametrize("run", ["demo", "demo-additive"])
def test_every_string_stays_one_line_from_input_to_output(
    finished: Path, run: str, record_property: Callable[[str, object], None]
) -> None:
    loaded = translator.load(finished / "runs" / run)
    check_texts(loaded, COUNT)
    check_translations(loaded, COUNT // 5)
    record_property("strings", COUNT + COUNT // 5)
