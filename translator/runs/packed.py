"""Packed runs: what a finished run needs to translate, in one zip file that names no sentence and no path of a corpus.

A packed run has the layout of a run folder, and unpacked by any program it is one. It has no words.txt, counts.tsv,
pairs.u64, journal, corpus and checkpoints. README.md, the model card, is for people and may be edited.

A zip file may come from anywhere. Only files of the names below are unpacked, as plain files in a new folder; their sizes are
limited, and `RunFolder.require_intact` checks their hashes before anything is parsed.
"""

import atexit
import shutil
import stat
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from translator.errors import MachineError, ModelError
from translator.runs.folder import CARD, CONFIG, FINISHED, RECORD
from translator.storage.files import new_file, write_errors
from translator.storage.manifest import MANIFEST
from translator.storage.temporary import remove
from translator.training.checkpoint import MODEL

SUFFIX = ".zip"
PARTS = (
    CARD, CONFIG, RECORD, "tokenizer/source.model", "tokenizer/target.model", MANIFEST, FINISHED, f"final/{MANIFEST}",
    f"final/{MODEL}",
)  # fmt: skip
"""All files of a packed run, in their order."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAX_EXPANSION = 20
"""How many times larger the files may be than the archive; `pack` does not compress, other programs may."""
_MAX_QUOTED = 100
"""Characters of a name that an error quotes."""


def write_packed(folder: Path, output: Path) -> None:
    """Write the parts in a folder to a zip file, whose bytes depend on nothing but their content."""
    num_bytes = (folder / "final" / MODEL).stat().st_size
    with new_file(output, num_bytes=num_bytes) as file, write_errors(output, num_bytes), ZipFile(file, "w") as archive:
        for name in PARTS:
            entry = ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16  # 3: Unix, on every system
            entry.file_size = (folder / name).stat().st_size  # large files need a longer header
            with archive.open(entry, "w") as part, (folder / name).open("rb") as content:
                shutil.copyfileobj(content, part)


def unpack(path: Path) -> Path:
    """Unpack a packed run into a temporary folder, which is deleted at exit, and return that folder.

    Raises ModelError if the file is not a packed run.
    """
    try:
        with ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check_entries(path, entries)
            folder = temporary_folder() / path.name
            for entry in entries:
                target = folder / entry.filename
                with write_errors(target, entry.file_size):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(entry) as part, target.open("xb") as file:
                        shutil.copyfileobj(part, file)
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise ModelError(str(path), f"is not a packed run ({error})", "create it with `translator pack`") from error
    return folder


def _check_entries(path: Path, entries: Sequence[ZipInfo]) -> None:
    """Raise ValueError unless the archive contains exactly the parts of a packed run, in a reasonable size."""
    names = [entry.filename for entry in entries]
    if unknown := next((name for name in names if name not in PARTS), None):
        raise ValueError(f"it contains {unknown[:_MAX_QUOTED]!r}")
    if wrong := next((name for name in PARTS if names.count(name) != 1), None):
        raise ValueError(f"it contains {wrong} {names.count(wrong)} times, expected once")
    if any(entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for entry in entries):
        raise ValueError("unknown compression")
    if sum(entry.file_size for entry in entries) > _MAX_EXPANSION * path.stat().st_size:
        raise ValueError(f"it expands to more than {_MAX_EXPANSION} times its size")


def temporary_folder() -> Path:
    """Create a folder that is deleted at exit. Raises MachineError if no place can be written."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="translator-"))
    except OSError as error:
        problem = f"no temporary folder can be created ({error.strerror})"
        raise MachineError("TMPDIR", problem, "set it to a folder that can be written") from error
    atexit.register(remove, folder)
    return folder
