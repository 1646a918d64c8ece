"""How every benchmark prints: one `figure value unit` a line."""

import sys


def show(figure: str, value: float, unit: str | None = None, *, note: str = "", form: str = ".4g") -> None:
    """A line, at once; a unit that is not given is the last part of the figure's name."""
    unit = unit or figure.rpartition(".")[2].replace("_per_", "/")
    sys.stdout.write(f"{figure} {value:{form}} {unit}{note}\n")
    sys.stdout.flush()
