"""What to type instead of a file that does not exist: looks at the files around it."""

from pathlib import Path

from translator.errors import listed, most_similar

_MAX_LISTED = 5


def advice_for_missing(path: Path, names: list[str] | None = None) -> str:
    """Return advice for a path where there is no file: what may have been meant. `names` are the files to consider."""
    folder = path.parent
    if names is None and not folder.is_dir():
        existing = next(parent for parent in (*folder.parents, Path()) if parent.is_dir())
        missing = folder.relative_to(existing).parts[0] if folder.is_relative_to(existing) else str(folder)
        meant = most_similar(missing, [entry.name for entry in existing.iterdir() if entry.is_dir()])
        advice = f"there is no folder {existing / missing}"
        return f"{advice}; did you mean {existing / meant}?" if meant else advice
    names = files_in(folder) if names is None else names
    longer = [name for name in names if name.startswith(f"{path.name}.") or Path(name).stem == path.name]
    if meant := (longer[0] if longer else most_similar(path.name, names)):
        return f"did you mean {folder / meant}?"
    if not names:
        return f"{folder} has no files; check the name"
    return f"{folder} has {listed(names, _MAX_LISTED)}; check the name"


def files_in(folder: Path) -> list[str]:
    """Return the names of the visible files in a folder, sorted; none if it cannot be listed."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    except OSError:
        return []
