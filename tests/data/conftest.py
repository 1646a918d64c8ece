"""Makes the modules of the grammar importable: it is a script in the folder of its corpus, not a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "data"))
