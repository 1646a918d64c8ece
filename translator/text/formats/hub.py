"""Data sets of the Hugging Face hub, or local folders with the same layout."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from translator.errors import DataError, MachineError, UsageError, first_line
from translator.settings import Settings
from translator.text.formats.table import Row, unnested

_TIMEOUT_SECONDS = 10
_LOCAL_ADVICE = "use local files: --set corpus.format=files --set corpus.folder=FOLDER"


class HubSettings(Settings):
    """`[corpus.hub]`: a data set of the Hugging Face hub, or a local folder with the same layout."""

    name: str = Field("", description="owner/name, or a local folder")
    configuration: str | None = Field(None, description="configuration of the data set, if it has several")
    revision: str | None = Field(None, description="commit or tag; the commit is recorded with the run")
    train: str = Field("train", description="split to train on")
    validation: str = Field("validation", description="split to validate on")
    test: str | None = Field(None, description="split to report scores on; empty: none")
    source_column: str | None = Field(None, description="column of the source; default: corpus.source_language")
    target_column: str | None = Field(None, description="column of the target; default: corpus.target_language")


class HubSplit(NamedTuple):
    """A split of a data set."""

    rows: Iterator[Row]
    place: str
    revision: str | None  # commit, if it came from the hub


def read_hub(hub: HubSettings, name: str) -> HubSplit:
    """Open a split. Code that comes with a data set is never executed."""
    if not hub.name:
        raise UsageError("corpus.hub.name", "found '', expected owner/name", f"set it, or {_LOCAL_ADVICE}")
    revision = None if Path(hub.name).is_dir() else _resolve_revision(hub.name, hub.revision)
    import datasets

    datasets.disable_progress_bars()
    try:
        rows = datasets.load_dataset(hub.name, hub.configuration, split=name, revision=revision)
    except (OSError, ConnectionError) as error:
        raise MachineError(hub.name, f"cannot be loaded ({first_line(error)})", _LOCAL_ADVICE) from error
    except RuntimeError as error:
        raise UsageError(hub.name, "needs code to be loaded, which is not supported", _LOCAL_ADVICE) from error
    except datasets.exceptions.DatasetsError as error:
        cause = error.__cause__ or error
        kind = MachineError if isinstance(cause, OSError) else DataError
        raise kind(hub.name, f"cannot be read ({first_line(cause)})", _LOCAL_ADVICE) from error
    except (ValueError, KeyError) as error:
        raise UsageError("corpus.hub", f"{hub.name}: {first_line(error)}", "check configuration and split") from error
    return HubSplit(enumerate(map(unnested, rows), 1), f"{hub.name}:{name}", revision)


def _resolve_revision(name: str, revision: str | None) -> str | None:
    """Return the commit that a revision of a data set points to. Raises MachineError if the hub cannot be reached."""
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(_TIMEOUT_SECONDS))
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return HfApi().dataset_info(name, revision=revision, timeout=_TIMEOUT_SECONDS).sha
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        found = f"no data set {name!r} at revision {revision or 'main'!r}"
        raise UsageError("corpus.hub", found, "check the name") from error
    except Exception as error:  # the hub client raises many different exceptions without a network
        found = f"cannot reach the Hugging Face hub ({type(error).__name__})"
        raise MachineError(name, found, _LOCAL_ADVICE) from error
