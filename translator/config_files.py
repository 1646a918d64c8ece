"""Which file a config's name means: a TOML file, or one of the configs that are shipped with the program."""

from pathlib import Path

from translator.errors import UsageError


def shipped(name: str) -> Path:
    """Return the path of a file in `configs/`: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).parent
    installed = package / "configs"
    return (installed if installed.is_dir() else package.parent / "configs") / name


def find_config(name: str) -> Path:
    """Return the config file at this path, or the shipped config of this name. Raises UsageError if there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    candidate = shipped(f"{path.name.removesuffix('.toml')}.toml")
    if candidate.is_file() and path.parent.name in ("", "configs"):
        return candidate
    known = ", ".join(sorted(config.stem for config in candidate.parent.glob("*.toml")))
    problem = "is a folder" if path.is_dir() else "no such config"
    raise UsageError(name, problem, f"give a TOML file or one of {known}")
