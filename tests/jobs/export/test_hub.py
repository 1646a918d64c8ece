"""What an upload needs is checked before anything is written."""

import pytest

from tests.jobs.export.conftest import Program
from translator.errors import MachineError, UsageError
from translator.jobs.export.hub import check_upload
from translator.runs.folder import RunFolder

pytest.importorskip("huggingface_hub", reason="needs the library: pip install huggingface_hub")


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (["--push", "a/b/c"], 2, "--push: found 'a/b/c'"),
        (["--push", "me/tiny"], 5, "--push: you are not logged in to the Hugging Face hub; type: hf auth login"),
        (["--quantization", "int8"], 2, "--quantization: cannot be used with --to transformers"),
        (["--license", "?"], 2, "--license: found '?', expected an identifier"),
        (["--to", "onnx"], 2, "--to: found 'onnx', expected 'ctranslate2' or 'transformers'"),
        (["--to", "ctranslate2", "--push", "me/tiny"], 2, "--push: cannot be used with --to ctranslate2"),
    ],
)
def test_options_are_checked_before_anything_is_written(
    run: RunFolder, program: Program, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, problem: str
) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    words = ["export", run.path, "--to", "transformers", *options]
    if options[0] == "--to":
        words = ["export", run.path, *options]
    found, output, errors = program(*words)
    assert (found, output) == (code, "")
    assert problem in errors
    assert not (run.path / "transformers").exists()


def test_a_name_and_a_token_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_secret")
    check_upload("me/demo")
    check_upload("demo")
    with pytest.raises(UsageError, match=r"--push: found 'a/b/c' .*; give OWNER/NAME, or NAME for your own account"):
        check_upload("a/b/c")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(MachineError, match="you are not logged in"):
        check_upload("me/demo")
