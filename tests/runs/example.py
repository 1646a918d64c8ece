"""Records that nobody had to train a model for."""

from pathlib import Path

import torch
from safetensors.torch import save

from translator.config import Config, dump_config, load_config, portable
from translator.models.layers import Vocabularies
from translator.runs.folder import CONFIG, FINISHED, RECORD, RunFolder
from translator.runs.model import sketch_model
from translator.runs.records import (
    CorpusRecord,
    FinishRecord,
    HeldOutPairs,
    RunRecord,
    TrainingPairs,
    ValidationPairs,
    Versions,
    VocabSizes,
)
from translator.storage.manifest import MANIFEST, write_manifest
from translator.training.settings import TrainingSettings

DIGEST = "0" * 64
CONFIGS = Path(__file__).parents[2] / "configs"


def run_record() -> RunRecord:
    held_out = HeldOutPairs(read=1, also_in_training=0, sources_in_training=0, fingerprint=DIGEST, findings=[])
    return RunRecord(
        created_at="2026-01-01T00:00:00Z",
        corpus=CorpusRecord(
            train=TrainingPairs(
                read=1, blank=0, too_long=0, ratio=0, kept=1, duplicates=0, identical=0, fingerprint=DIGEST, findings=[]
            ),
            validation=ValidationPairs(**dict(held_out), unknown_share=0.0),
        ),
        tokenizer=DIGEST,
        vocab_sizes=VocabSizes(source=8, target=8),
        pairs=DIGEST,
        versions=Versions(translator="0.1.0", python="3.11", torch="2.10", sentencepiece="0.2"),
        threads=1,
    )


def finish_record(config: Config | None = None, **changes: object) -> FinishRecord:
    training = TrainingSettings.model_validate(portable(config)["training"]) if config else TrainingSettings()
    record = FinishRecord(
        finished_at="2026-01-01T00:00:00Z",
        made_by="train",
        reason="all steps done",
        step=1,
        epochs=0,
        seconds=1.0,
        target_tokens=1,
        skipped_updates=0,
        num_parameters=1,
        peak_memory_bytes=100,
        peak_device_memory_bytes=None,
        final="step 1",
        validation_bleu=0.0,
        training=training,
        environment={},
    )
    return record.model_copy(update=changes)


def write_run(folder: Path, config: Config | None = None) -> RunFolder:
    """Write the records of a run that has not finished; there is no model in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_bytes(run_record().as_json())
    (folder / CONFIG).write_text(dump_config(config or load_config(CONFIGS / "demo.toml")))
    return RunFolder(folder)


def finish_run(folder: Path, config: Config | None = None, **changes: object) -> RunFolder:
    """Write the records of a finished run, whose parameters are random."""
    run = write_run(folder, config)
    run.final.mkdir(exist_ok=True)
    (folder / FINISHED).write_bytes(finish_record(config, **changes).as_json())
    model = sketch_model(run.config(), Vocabularies(8, 8, is_joint=True))
    random = torch.Generator().manual_seed(1)
    parameters = {name: torch.rand(x.shape, generator=random) for name, x in model.named_parameters()}
    (run.final / "model.safetensors").write_bytes(save(parameters))
    (run.final / MANIFEST).unlink(missing_ok=True)
    write_manifest(run.final)
    return run
