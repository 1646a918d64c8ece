"""Which run a command works on: by path, by name, or the latest one."""

from collections.abc import Sequence
from pathlib import Path

from translator.errors import ModelError, listed, most_similar
from translator.runs import RUNS
from translator.runs.folder import RunFolder
from translator.runs.packed import SUFFIX, unpack
from translator.storage.temporary import PREFIX


def find_run(name: str | Path | None, root: Path = RUNS, *, or_unfinished: bool = False) -> RunFolder:
    """Return the run at a path or, if nothing is there, of this name below `root`; None means the latest run.

    With `or_unfinished`, the latest run is the one that was written last if none has finished. "a+b" names the ensemble of
    the runs a and b. The path may be that of a packed run, which is unpacked. Raises ModelError if that is damaged, and if
    there is no such folder. A folder may turn out not to be a run; see `RunFolder.require_run`.
    """
    if name is None:
        has_finished = any(run.is_finished for run in runs_in(root))
        return newest_run(root) if or_unfinished and not has_finished else latest_run(root)
    path = Path(name)
    if path.suffix == SUFFIX and path.is_file():
        return RunFolder(unpack(path), packed_in=path)
    if path.exists():
        return RunFolder(path)
    if len(path.parts) == 1 and (root / path).is_dir():
        return RunFolder(root / path)
    parts = str(name).split("+")
    if len(parts) > 1 and all(parts):
        return ensemble_of([find_run(part, root) for part in parts])
    raise ModelError(str(name), "no such run", suggest_run(path, root))


def suggest_run(path: Path, root: Path = RUNS) -> str:
    """Return advice for the name or path of a run that does not exist: the most similar one, or the known ones."""
    folder = root if len(path.parts) < 2 else path.parent
    names = sorted(run.path.name for run in runs_in(folder))
    if similar := most_similar(path.name, names):
        return f"did you mean {str(path.with_name(similar))!r}?"
    if names:
        return f"{folder} has {listed(names)}"
    return "create one with `translator train`"


def ensemble_of(runs: Sequence[RunFolder]) -> RunFolder:
    """Return the first run with all others as its partners."""
    first, *others = (member for run in runs for member in (run._replace(partners=()), *run.partners))
    return first._replace(partners=tuple(others))


def latest_run(root: Path = RUNS) -> RunFolder:
    """Return the run below `root` that `train` finished last. Raises ModelError if there is none or one is damaged."""
    finished = []
    for run in runs_in(root):
        if run.is_finished:
            if reason := run.find_final_damage(with_parameters=False):
                raise ModelError(str(run.final), reason, "remove this run, or name another one")
            record = run.finish_record()
            if record.made_by == "train":
                finished.append((record.finished_at, run))
    if not finished:
        raise ModelError(str(root), "holds no finished run", "type `translator train` first, or name a run")
    # ISO times sort as texts.
    return max(finished)[1]


def newest_run(root: Path = RUNS) -> RunFolder:
    """Return the run below `root` that was written last, finished or not. Raises ModelError if there is none."""
    runs = runs_in(root)
    if not runs:
        raise ModelError(str(root), "holds no run", "type `translator train` first, or name a run")
    return max(runs, key=lambda run: run.written_at)


def runs_in(root: Path) -> list[RunFolder]:
    """Return all runs below `root`, without those that are still being written or replaced."""
    folders = (path for path in root.glob("*") if not path.name.startswith(PREFIX))
    return [run for run in map(RunFolder, folders) if run.is_run]
