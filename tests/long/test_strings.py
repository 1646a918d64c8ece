"""10,000 strings through reader, tokenizer, printer and JSON, and as many through each architecture."""

from pathlib import Path

import pytest

import translator
from tests.faults.conftest import commands, finished  # noqa: F401 - fixtures
from tests.faults.strings import check_texts, check_translations

COUNT = 10_000


@pytest.mark.parametrize("run", ["demo", "demo-additive"])
def test_every_string_is_one_line_all_the_way(finished: Path, run: str) -> None:  # noqa: F811
    loaded = translator.load(finished / "runs" / run)
    check_texts(loaded, COUNT)
    check_translations(loaded, COUNT // 5)
