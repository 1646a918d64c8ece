"""An exported run translates the same, is checked before it is used, and replaces nothing but an older export."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.ctranslate2_speed import ctranslate2_speeds
from tests.jobs.export.conftest import Program
from translator.errors import ModelError, UsageError
from translator.jobs.export.export import Export, export_run
from translator.jobs.translate.load import load
from translator.runs.folder import RunFolder

pytest.importorskip("ctranslate2", reason="needs the library: pip install ctranslate2")


def exported(run: RunFolder, **options: Any) -> Export:
    return export_run(run, **{"quantization": None, "min_agreement": None, "force": False, **options})


def test_an_exported_run_translates_the_same(run: RunFolder, program: Program, tmp_path: Path) -> None:
    code, output, errors = program("export", run.path, "--to", "ctranslate2")
    assert (code, output) == (0, f"{run.path / 'ctranslate2'}\n")
    assert "greedy: 60 of 60 translations are identical" in errors
    assert "beam 5: 60 of 60 translations are identical" in errors
    source = tmp_path / "test.en"
    source.write_text("\n".join(["the old dog", "", *run.split("test").source]) + "\n")
    arguments = ("translate", "--run", run.path, "--input", source)
    _, expected, _ = program(*arguments)
    code, output, _ = program(*arguments, "--engine", "ctranslate2")
    assert (code, output) == (0, expected)
    assert output.count("\n") == 22
    _, output, _ = program(*arguments, "--engine", "ctranslate2", "--json")
    assert [json.loads(line)["translations"][0]["text"] for line in output.splitlines()] == expected.splitlines()


def test_the_engine_needs_an_undamaged_export(run: RunFolder) -> None:
    with pytest.raises(ModelError, match=r"no such folder; type: translator export"):
        load(run, engine="ctranslate2")
    folder = exported(run).path
    load(run, engine="ctranslate2")
    content = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"model\.bin has changed since it was written"):
        load(run, engine="ctranslate2")


def test_an_export_of_other_parameters_is_rejected(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "parameters_digest", lambda self: "0" * 64)
    exported(run)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"was exported from different parameters .*--force"):
        load(run, engine="ctranslate2")


def test_a_quantized_export_reports_its_agreement(run: RunFolder) -> None:
    quantized = exported(run, quantization="int8")
    assert [agreement.search for agreement in quantized.agreements] == ["greedy", "beam 5"]
    assert all(0 < agreement.equal <= agreement.total == 60 for agreement in quantized.agreements)
    assert json.loads((quantized.path / "export.json").read_text())["quantization"] == "int8"
    size = (quantized.path / "model.bin").stat().st_size
    full = exported(run, force=True)
    assert full.is_equivalent
    assert size < (full.path / "model.bin").stat().st_size
    with pytest.raises(UsageError, match=r"--quantization: int3 is not a valid"):
        exported(run, quantization="int3", force=True)


def test_the_benchmark_measures_both_searches(run: RunFolder) -> None:
    speeds = ctranslate2_speeds(load(run), run.split("test").source, 3)
    assert list(speeds) == [f"decoding.ctranslate2.{name}.sentences_per_second" for name in ("greedy", "beam5")]
    assert min(speeds.values()) > 0


def test_a_missing_package_is_named_with_the_command_to_install_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    code, output, errors = program("export", run.path)
    assert (code, output) == (5, "")
    assert "pip install ctranslate2" in errors
