"""A packed run translates as the run does, and tells nothing of the corpus and the machine."""

import json
import platform
import re
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from tests.faults.harness import make_it_write
from tests.jobs.compare.conftest import CPU, change, configure
from translator.errors import UsageError
from translator.jobs.compare.evaluate import evaluate_run
from translator.jobs.inspect.attention import AttentionViewer
from translator.jobs.share.pack import pack_run
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder
from translator.runs.lookup import find_run

FINDING = {
    "what": "odd",
    "num_lines": 1,
    "place": "secret.en",
    "line": 1,
    "example": "A secret sentence.",
    "share": None,
}


@pytest.fixture
def run(pair: list[RunFolder]) -> RunFolder:
    """Return a run that always writes one word and whose records name files and quote a sentence."""
    run = pair[0]
    make_it_write(run.path, "▁der")
    secret = {
        "folder": Path("secret"),
        "train": ("secret.en", "../secret.de"),
        "validation": "secret",
        "test": "secret",
    }
    configure(run, corpus=secret, training={"initialise_from": "secret/run", "teacher": "secret/a,secret/b"})
    change(run, "run.json", **{f"corpus__{split}__findings": [FINDING] for split in ("train", "validation", "test")})
    return run


def packed(run: RunFolder, output: Path, licence: str | None = None) -> RunFolder:
    pack_run(run, output, licence=licence, device=CPU)
    return find_run(output)


def card_of(run: RunFolder) -> Any:
    return ModelCard((run.path / "README.md").read_text())


def test_a_packed_run_translates_as_the_run(run: RunFolder, tmp_path: Path) -> None:
    source = run.split("test").source
    expected = load(run).translate(source)
    copy = packed(run, tmp_path / "model.zip")
    shutil.rmtree(run.path)
    copy.require_finished()
    assert load(tmp_path / "model.zip").translate(source) == load(copy).translate(source) == expected
    shutil.move(copy.path, tmp_path / "unpacked")
    assert load(tmp_path / "unpacked").translate(source) == expected


def test_the_same_run_gives_the_same_bytes(run: RunFolder, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        packed(run, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_pack_contains_no_sentence_path_or_host(run: RunFolder, tmp_path: Path) -> None:
    packed(run, tmp_path / "model.zip")
    content = (tmp_path / "model.zip").read_bytes()
    sentences = [path.read_bytes().splitlines() for path in (run.path / "corpus").iterdir() if path.suffix != ".kind"]
    names = [b"secret", str(tmp_path).encode(), str(Path.home()).encode(), platform.node().encode() or b"secret"]
    for text in [*names[:3], *(line for lines in sentences for line in lines)]:
        assert text not in content
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        for name in (name for name in archive.namelist() if not name.endswith(("model.safetensors", ".model"))):
            assert names[3] not in archive.read(name).split()
    assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_the_hub_reads_the_scores_in_the_card(run: RunFolder, tmp_path: Path) -> None:
    card = card_of(packed(run, tmp_path / "model.zip", "cc-by-4.0"))
    assert (card.data.language, card.data.license, card.data.pipeline_tag) == (["en", "de"], "cc-by-4.0", "translation")
    expected = evaluate_run(run, run.split("test"), device=CPU)
    assert [(result.metric_name, result.metric_value) for result in card.data.eval_results] == [
        (score.metric, round(score.value, 2)) for score in expected.scores
    ]
    for score in expected.scores:
        cells = (f"{score.value:.2f}", f"{score.low:.2f} to {score.high:.2f}", score.signature.replace("|", r"\|"))
        assert f"| {score.metric} | {cells[0]} | {cells[1]} | `{cells[2]}` |" in card.text
    record = run.record().corpus
    assert f"| training | {record.train.kept} of {record.train.read} | `{record.train.fingerprint}` |" in card.text
    assert "Training started from the parameters of another model." in card.text
    assert "Further targets are translations of the training sources by other models." in card.text


def test_a_card_without_licence_and_test_set_says_so(run: RunFolder, tmp_path: Path) -> None:
    shutil.rmtree(run.path / "corpus")
    text = (packed(run, tmp_path / "model.zip").path / "README.md").read_text()
    assert "license: unknown  # to be filled in" in text
    assert "The run has no test set. BLEU on the validation sentences" in text
    assert card_of(find_run(tmp_path / "model.zip")).data.eval_results is None
    for name in ("", "my licence", "--- x"):
        with pytest.raises(UsageError, match=r"--license: found .*, expected an identifier such as apache-2"):
            packed(run, tmp_path / "other.zip", name)


def test_the_card_escapes_what_a_name_could_do(run: RunFolder, tmp_path: Path) -> None:
    name = 'a": <script>alert(1)</script>\n---\n'
    hostile = RunFolder(run.path.rename(run.path.with_name(name.replace("/", "|"))))
    configure(hostile, corpus={"source_language": 'x"\n- y: <b>'})
    card = card_of(packed(hostile, tmp_path / "model.zip"))
    assert (card.data.language, card.data.model_name.splitlines()) == (["de"], [visible_name(name)])
    text = re.sub(r"(?s)```.*?```", "", card.text)
    assert not any(tag in text for tag in ("<script>", "<b>"))
    assert f"--run {shlex.quote(visible_name(name))}.zip" in card.text


def visible_name(name: str) -> str:
    return name.replace("/", "|").replace("\n", "\\x0a")


def test_the_card_and_nothing_else_may_be_edited(run: RunFolder, tmp_path: Path) -> None:
    copy = packed(run, tmp_path / "model.zip")
    (copy.path / "README.md").write_text("mine")
    copy.require_finished()
    assert json.loads((copy.path / "manifest.json").read_bytes())["parts"].keys() == {
        "README.md", "config.toml", "run.json", "tokenizer/source.model", "tokenizer/target.model"
    }  # fmt: skip


def test_a_pack_shows_the_layer_that_aligned_best(run: RunFolder, tmp_path: Path) -> None:
    copy = packed(run, tmp_path / "model.zip")
    views = [AttentionViewer(load(one), one, layer=None, head=None).view for one in (run, copy)]
    assert views[0] == views[1]


def test_a_pack_is_not_packed_again(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.zip: is already packed"):
        pack_run(packed(run, tmp_path / "model.zip"), tmp_path / "other.zip", licence=None, device=CPU)
