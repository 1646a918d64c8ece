"""A record is read as it was written, or rejected in one line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.example import finish_record, run_record
from translator.errors import ModelError
from translator.runs.records import FORMAT, AgreementRecord, ExportRecord, FinishRecord, Record, RunRecord, read_record

EXPORT = ExportRecord(
    parameters="0" * 64,
    quantization=None,
    ctranslate2="4.8",
    agreements=[AgreementRecord(search="greedy", equal=1, total=2)],
)
RECORDS: list[Record] = [run_record(), finish_record(environment={"device": "cpu"}), EXPORT]
KINDS = [type(record).__name__ for record in RECORDS]
INVALID = ["NaN", "-Infinity", "1e999", "1" + "0" * 400, '"\\ud800"', "[[]]", '{"x": {}}']
"""JSON values that no field can have."""


@pytest.mark.parametrize("record", RECORDS, ids=KINDS)
def test_a_record_is_read_as_it_was_written(record: Record, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(record.as_json())
    assert read_record(tmp_path / "r", type(record)) == record


def with_a_value_replaced(value: Any) -> Iterator[Any]:
    """Yield a copy of a JSON value for each value inside it, which is replaced by HERE."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {**value, key: HERE}
            yield from ({**value, key: changed} for changed in with_a_value_replaced(inner))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for changed in with_a_value_replaced(inner):
                yield [*value[:index], changed, *value[index + 1 :]]


HERE = "replaced"


def rejected(path: Path, content: str, kind: type[Record]) -> str:
    path.write_text(content)
    with pytest.raises(ModelError) as raised:
        read_record(path, kind)
    assert "\n" not in str(raised.value), content
    assert raised.value.exit_code == 4
    return str(raised.value)


@pytest.mark.parametrize("record", RECORDS, ids=KINDS)
def test_every_value_is_checked(record: Record, tmp_path: Path) -> None:
    for changed in with_a_value_replaced(json.loads(record.as_json())):
        for value in INVALID:
            rejected(tmp_path / "r", json.dumps(changed).replace(f'"{HERE}"', value), type(record))


@pytest.mark.parametrize("record", RECORDS, ids=KINDS)
def test_every_field_is_required(record: Record, tmp_path: Path) -> None:
    for field in type(record).model_fields:
        content = {key: value for key, value in json.loads(record.as_json()).items() if key != field}
        assert f"has no '{field}'" in rejected(tmp_path / "r", json.dumps(content), type(record))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"step": "x"}, "has no valid 'step' (input should be a valid integer)"),
        ({"seconds": 1e400}, "has no valid 'seconds' (input should be a finite number)"),
        ({"training": {"steps": 0}}, "has no valid 'training.steps' (input should be greater than or equal to 1)"),
        ({"environment": {"x" * 500: 1}}, f"has no valid 'environment.{'x' * 88}' (input should be a valid string)"),
    ],
)
def test_the_field_is_named(change: dict[str, object], problem: str, tmp_path: Path) -> None:
    record = json.loads(finish_record().as_json())
    (tmp_path / "r").write_text(json.dumps({**record, **change}))
    with pytest.raises(ModelError) as raised:
        read_record(tmp_path / "r", FinishRecord)
    assert str(raised.value) == f"{tmp_path / 'r'}: {problem}; the run folder is damaged; restore it or train again"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b"\xff", b"9" * 100_000, b"{}" + b" " * 2**20])
def test_a_file_that_is_not_a_record_is_rejected_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(ModelError, match=r"\A[^\n]*/r: (cannot be read|has no) [^\n]*\Z"):
        read_record(tmp_path / "r", RunRecord)


def test_a_missing_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        read_record(tmp_path / "r", RunRecord)


@pytest.mark.parametrize(
    ("number", "advice"),
    [(FORMAT - 1, "train the run again (--overwrite), or use the version of translator that made it"),
     (FORMAT + 1, "upgrade translator")],
)  # fmt: skip
@pytest.mark.parametrize("record", RECORDS, ids=KINDS)
def test_another_format_is_rejected_before_its_fields_are_read(
    record: Record, number: int, advice: str, tmp_path: Path
) -> None:
    (tmp_path / "r").write_text(json.dumps({"format": number, "weights": 1}))
    with pytest.raises(ModelError) as raised:
        read_record(tmp_path / "r", type(record))
    problem = f"written in run format {number}, but this version reads format {FORMAT}"
    assert str(raised.value) == f"{tmp_path / 'r'}: {problem}; {advice}"


def test_fields_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "r").write_text(json.dumps({**json.loads(EXPORT.as_json()), "new": 1}))
    assert read_record(tmp_path / "r", ExportRecord) == EXPORT
