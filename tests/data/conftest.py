"""The grammar is a script beside its corpus, not a package; its modules are found in its folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "data"))
