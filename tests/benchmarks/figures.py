"""The output of all benchmarks: one line of `figure value unit` per measurement."""

import sys


def show(figure: str, value: float, unit: str | None = None, *, note: str = "", form: str = ".4g") -> None:
    """Print a line and flush it. Without `unit`, the last part of the figure's name is the unit."""
    unit = unit or figure.rpartition(".")[2].replace("_per_", "/")
    sys.stdout.write(f"{figure} {value:{form}} {unit}{note}\n")
    sys.stdout.flush()
