"""What finished.json says of a run."""

from pathlib import Path

import numpy as np

from tests.tiny import tiny
from translator.config import load_config
from translator.jobs.train.final_parameters import Choice, record_of
from translator.training.progress import Progress

ROOT = Path(__file__).parents[3]


def test_the_peak_memory_covers_all_that_the_process_has_held() -> None:
    held = np.ones(2**25)
    config, choice = load_config(ROOT / "configs/demo.toml"), Choice("step 1", {}, None)
    record = record_of(Progress(), config, tiny("transformer"), choice, reason="", made_by="", environment={})
    assert record.peak_memory_bytes is not None
    assert held.nbytes < record.peak_memory_bytes < 2**40
    assert record.peak_device_memory_bytes is None
