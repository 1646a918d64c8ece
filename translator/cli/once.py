"""Commands that reject an option given twice, whose second value would silently replace the first."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from translator.errors import UsageError


class OnceCommand(TyperCommand):
    """A command whose options occur at most once; those that are lists with different values, `--set` with different keys."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line. Raises UsageError for the first option or key that is given twice."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))  # `order` has an entry per occurrence
        for parameter, count in Counter(order).items():
            if getattr(parameter, "metavar", None) == "KEY=VALUE":
                _reject_same_keys(parameter.opts[0], values[parameter.name])
            elif getattr(parameter, "multiple", False):
                if repeated := [value for value, times in Counter(values[parameter.name]).items() if times > 1]:
                    raise _given_twice(f"{parameter.opts[0]} {repeated[0]}")
            elif count > 1:
                raise _given_twice(parameter.opts[0])
        return super().parse_args(ctx, args)


def _reject_same_keys(option: str, assignments: Sequence[str]) -> None:
    """Raise UsageError if one assignment sets what another one has set: `a.b=1` and `a.b=2`, or `a.b=1` and `a={b=2}`."""
    seen: list[str] = []
    for assignment in assignments:
        key = assignment.partition("=")[0].strip()
        prefix = f"{key}."  # with the dot, `model.dim` is no part of `model.dimension`
        if any(prefix.startswith(other) or other.startswith(prefix) for other in seen):
            raise _given_twice(f"{option} {key}")
        seen.append(prefix)


def _given_twice(place: str) -> UsageError:
    return UsageError(place, "given twice, expected once", "keep one of the values")
