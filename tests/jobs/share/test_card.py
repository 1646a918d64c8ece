"""The model card has what the hub reads, and escapes names."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.jobs.compare.conftest import CPU, configure
from tests.jobs.share.conftest import card_of, packed
from translator.errors import UsageError
from translator.jobs.compare.evaluate import evaluate_run
from translator.runs.folder import RunFolder
from translator.runs.lookup import find_run


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
