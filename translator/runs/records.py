"""The records of a run folder as typed models: what one room writes there and another one reads.

Every field is validated when a record is read, so the code that uses it need not check for missing values or wrong types.
"""

import time
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from translator.errors import ModelError
from translator.training.progress import Count
from translator.training.settings import TrainingSettings

FORMAT: Literal[2] = 2
"""The format of run folders. Raise it when a record or a file changes its meaning; runs of another format are rejected."""

MAX_RECORD_BYTES = 2**20
_MAX_QUOTED = 100
"""Characters of a key that an error quotes."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0, lt=1e12)]


class Record(BaseModel):
    """Base class of all records. Fields that this version does not know are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    def as_json(self) -> bytes:
        """Return the record as it is written to a file."""
        return self.model_dump_json(indent=1).encode()


class FindingRecord(Record):
    """Something unusual in a corpus, with the first line that has it."""

    what: str
    num_lines: Count
    place: str  # name of the file
    line: Count
    example: str
    share: float | None = None  # of the pairs, if that is what matters


class TrainingPairs(Record):
    """What the filters counted in the training pairs."""

    read: Count
    blank: Count
    too_long: Count
    ratio: Count
    kept: Count
    duplicates: Count
    identical: Count
    held_out: Count = 0  # for validation and testing, not among the kept
    long_source: Count | None = None  # length in words that 99.9 % of the sources do not exceed
    revision: str | None = None  # commit of a Hugging Face data set
    fingerprint: Digest
    findings: list[FindingRecord]


class HeldOutPairs(Record):
    """What was found in the validation or test pairs."""

    read: Count
    also_in_training: Count
    sources_in_training: Count
    fingerprint: Digest
    findings: list[FindingRecord]


class AlignedLayer(Record):
    """The layer whose cross-attention agrees best with the gold alignments."""

    layer: Annotated[int, Field(ge=1)]
    error_rate: float


class ValidationPairs(HeldOutPairs):
    """What was found in the validation pairs, and how well the tokenizer covers them."""

    unknown_share: float  # share of their tokens that are unknown or single bytes
    aligned_layer: AlignedLayer | None = None  # in the record of a packed run, which has no pairs to find it with


class CorpusRecord(Record):
    """The splits of the corpus."""

    train: TrainingPairs
    validation: ValidationPairs
    test: HeldOutPairs | None = None


class VocabSizes(Record):
    """Number of tokens of each vocabulary."""

    source: Count
    target: Count


class Versions(Record):
    """The programs that prepared the run."""

    translator: str
    python: str
    torch: str
    sentencepiece: str


class RunRecord(Record):
    """`run.json`: what was known when the run was prepared."""

    format: Literal[2] = FORMAT
    created_at: str
    corpus: CorpusRecord
    tokenizer: Digest
    vocab_sizes: VocabSizes
    pairs: Digest  # SHA-256 of pairs.u64
    versions: Versions
    threads: Count


class FinishRecord(Record):
    """`final/finished.json`: how training ended."""

    format: Literal[2] = FORMAT
    finished_at: str
    made_by: str  # the command that trained the run
    reason: str
    step: Count
    epochs: Count
    seconds: Seconds  # spent in updates, without validation
    target_tokens: Count
    skipped_updates: Count
    num_parameters: Count
    peak_memory_bytes: Count | None  # None if the system does not report it
    peak_device_memory_bytes: Count | None  # None on a CPU
    final: str  # which checkpoint, or average of checkpoints, the final parameters are
    validation_bleu: float | None
    training: TrainingSettings  # at the end of the run; some settings may change when it is resumed
    environment: dict[str, str]  # what must be equal for two runs to agree to the last bit


class AgreementRecord(Record):
    """How many validation sentences two engines translate alike."""

    search: str
    equal: Count
    total: Count


class ExportRecord(Record):
    """`ctranslate2/export.json`: what a model for CTranslate2 was made from."""

    format: Literal[2] = FORMAT
    parameters: Digest
    quantization: str | None
    ctranslate2: str  # version
    agreements: list[AgreementRecord]


class _FormatOnly(BaseModel):
    format: int


RecordT = TypeVar("RecordT", bound=Record)


def read_record(path: Path, kind: type[RecordT]) -> RecordT:
    """Read a record. Raises ModelError if the file is missing, damaged or of another format."""
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise ValueError(f"more than {MAX_RECORD_BYTES:,} bytes")
        content = path.read_bytes()
        # The format alone first: another one may have other fields.
        written_in = _FormatOnly.model_validate_json(content, strict=True).format
        if written_in == FORMAT:
            return kind.model_validate_json(content)
    except (OSError, ValueError) as error:
        problem = _problem(error) if isinstance(error, ValidationError) else f"cannot be read ({error})"
        raise ModelError(str(path), problem, "the run folder is damaged; restore it or train again") from error
    problem = f"written in run format {written_in}, but this version reads format {FORMAT}"
    older = "train the run again (--overwrite), or use the version of translator that made it"
    raise ModelError(str(path), problem, "upgrade translator" if written_in > FORMAT else older)


def _problem(error: ValidationError) -> str:
    """Return the first fault of a record, with the key that has it, on one line."""
    fault = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(map(str, fault["loc"]))[:_MAX_QUOTED]
    if fault["type"] == "missing":
        return f"has no {key!r}"
    reason = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"has no valid {key!r} ({reason})" if key else f"cannot be read ({reason})"


def now() -> str:
    """Return the time in UTC to the second, in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
