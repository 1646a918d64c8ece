"""The tutorial notebook runs from top to bottom in a kernel, with training that is too short to learn anything."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.test_readme import ROOT, resolves

nbformat = pytest.importorskip("nbformat", reason="needs the library: pip install nbformat")
nbclient = pytest.importorskip("nbclient", reason="needs the library: pip install nbclient")
pytest.importorskip("ipykernel", reason="needs the library: pip install ipykernel")
pytest.importorskip("matplotlib", reason="needs the library: pip install matplotlib")
NOTEBOOK = ROOT / "translator" / "tutorial.ipynb"
SHORT = {
    "training.steps": 2,
    "training.validate_every": 2,
    "decoding.max_length": 8,
    "decoding.beam_size": 1,
}


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the Jupyter libraries
def test_the_tutorial_runs_and_shows_pictures_and_progress(
    notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORIAL_SETTINGS", json.dumps(SHORT))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    resources = {"metadata": {"path": str(tmp_path)}}
    done = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    bars = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert [bar.partition("</progress>")[0] for bar in bars] == ["<progress value=2 max=2>"] * 3
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert "order ignored without positions: True" in str(outputs)
    assert "order ignored with positions:    False" in str(outputs)
    assert [path.name for path in sorted((tmp_path / "runs").iterdir()) if path.is_dir()] == [
        "tutorial-additive",
        "tutorial-fixed-vector",
        "tutorial-transformer",
    ]


def test_the_tutorial_has_no_outputs_and_its_links_resolve(notebook: Any) -> None:
    assert [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []
    links = [link for cell in notebook.cells for link in re.findall(r"\]\(([^)\s]+)\)", cell.source)]
    assert len(links) > 2
    assert [link for link in links if not resolves(NOTEBOOK, link)] == []
