"""The demo corpus for tests."""

from pathlib import Path

DATA = Path(__file__).parent.parent.parent / "data"


def demo(split: str) -> tuple[list[str], list[str]]:
    """Source and target lines of the demo corpus."""
    source, target = ((DATA / f"{split}.{suffix}").read_text().split("\n")[:-1] for suffix in ("en", "de"))
    return source, target
