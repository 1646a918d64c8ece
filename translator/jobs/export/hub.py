"""Upload an exported model to the Hugging Face hub, or to the server that HF_ENDPOINT names."""

from pathlib import Path

from translator.errors import MachineError, UsageError, first_line
from translator.storage.manifest import MANIFEST
from translator.version import __version__


def check_upload(name: str) -> None:
    """Raise UsageError if no model can have this name, MachineError if the library or an access token is missing."""
    try:
        from huggingface_hub import get_token
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
    except ImportError as error:
        advice = "type: pip install huggingface_hub"
        raise MachineError("huggingface_hub", f"the package cannot be imported ({error})", advice) from error
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UsageError(
            "--push", f"found {name!r} ({error})", "give OWNER/NAME, or NAME for your own account"
        ) from error
    if get_token() is None:
        raise MachineError("--push", "you are not logged in to the Hugging Face hub", "type: hf auth login")


def upload(folder: Path, name: str) -> str:
    """Create the model on the hub if it does not exist, upload the folder in one commit, and return its address.

    Raises MachineError if the hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    disable_progress_bars()
    api = HfApi(library_name="attention-translator", library_version=__version__)
    try:
        created = api.create_repo(name, exist_ok=True)
        api.upload_folder(
            repo_id=created.repo_id, folder_path=folder, ignore_patterns=[MANIFEST], commit_message="Upload the model"
        )
    except Exception as error:  # of the library, or of the HTTP client below it, which differs between versions
        advice = f"the model is in {folder}; push it again"
        raise MachineError(name, f"cannot be uploaded ({first_line(error)})", advice) from error
    return str(created)
