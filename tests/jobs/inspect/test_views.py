"""Which layer, head and kind of attention is shown: as chosen, or an error that names what exists."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.inspect.test_attention import LINES, translator, view
from translator.errors import UsageError
from translator.evaluation.alignment import Unit
from translator.jobs.inspect import attention
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.translate.translator import Translator
from translator.runs.folder import RunFolder


@pytest.mark.parametrize("choice", [{"layer": 0}, {"layer": 4}, {"head": 5}, {"layer": 1, "head": -1}])
def test_a_layer_or_head_that_does_not_exist_is_rejected(choice: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected 1 to"):
        view(translator("demo"), LINES[0], **choice)


def maps_of(loaded: Translator, line: str, unit: Unit = "word", **choice: Any) -> attention.AttentionMaps:
    """Return the maps of a line in all views of a choice."""
    (candidates,) = loaded.candidates([line])
    viewer = AttentionViewer(loaded, RunFolder(Path("nowhere")), **{"layer": None, "head": None, "unit": unit} | choice)
    (maps,) = viewer.view_all([(line, candidates[0])])
    assert maps is not None
    return maps


def test_every_layer_and_head_of_each_kind_is_one_map_of_a_sheet() -> None:
    loaded = translator("demo")
    for kind, layers in (("cross", 3), ("encoder", 1), ("decoder", 3)):
        maps = maps_of(loaded, LINES[0], kind=kind, head="all")
        (sheet,) = maps.sheets
        titles = [f"layer {layer}, head {head}" for layer in range(1, layers + 1) for head in range(1, 5)]
        assert ([heat_map.title for heat_map in sheet.maps], sheet.per_row) == (titles, 4)
        for attention_map in maps.maps:
            np.testing.assert_allclose(attention_map.weight.sum(1), 1.0, atol=1e-6)
    title = "cross-attention, 3 layers, 4 heads (rows: the translation, columns: the source)"
    assert maps_of(loaded, LINES[0], layer="all", head="all").sheets[0].title == title
    both = maps_of(loaded, LINES[0], kind="self").sheets
    assert [[heat_map.title for heat_map in sheet.maps] for sheet in both] == [
        ["layer 1"],
        ["layer 1", "layer 2", "layer 3"],
    ]
    (single,) = maps_of(loaded, LINES[0], kind="decoder", layer=2, head=3).sheets
    assert (single.title, len(single.maps)) == ("decoder self-attention, layer 2 of 3, head 3 of 4", 1)


def test_the_decoder_attends_to_what_it_has_written_and_the_encoder_to_the_source() -> None:
    loaded = translator("demo")
    (decoder,) = maps_of(loaded, LINES[0], "token", kind="decoder", layer=1).maps
    assert decoder.source.words == ["<s>", *decoder.target.words[:-1]]
    assert np.array_equal(np.triu(decoder.weight, 1), np.zeros_like(decoder.weight))
    (words,) = maps_of(loaded, LINES[0], kind="decoder", layer=1).maps
    assert words.source.words == ["<s>", *words.target.words][: len(words.source.words)]
    (encoder,) = maps_of(loaded, LINES[0], kind="encoder").maps
    assert encoder.source.words == encoder.target.words == [*LINES[0].split(), "</s>"]
    whole = loaded.attention(LINES[0]).weights["encoder.1"].mean(0)
    np.testing.assert_allclose(encoder.token_weight, whole, atol=1e-5)


def test_a_kind_that_a_model_lacks_is_an_error_that_names_the_others() -> None:
    loaded = translator("demo-additive")
    for kind in ("self", "encoder", "decoder"):
        with pytest.raises(
            UsageError, match=f"--kind: found '{kind}', but the model has attention weights only of: cross"
        ):
            maps_of(loaded, LINES[0], kind=kind)
    with pytest.raises(UsageError, match="--kind: found 'sideways', expected one of cross, encoder, decoder, self"):
        maps_of(loaded, LINES[0], kind="sideways")
    linear = translator("demo", "decoder.cross_attention.mechanism=linformer")
    with pytest.raises(
        UsageError, match="which has no attention weights; choose --kind encoder or decoder, or a run with"
    ):
        maps_of(linear, LINES[0])
    assert len(maps_of(linear, LINES[0], kind="self").maps) == 4
