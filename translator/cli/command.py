"""What all commands share: help in groups, and an error for an option given twice, whose second value would replace the first."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from translator.cli.options import GROUPS
from translator.errors import DataError, ModelError, TranslatorError, UsageError

_SETTING = re.compile(r"\[\w+\]|\w+(\.\w+)+")
"""The place of an error about a setting or a table of a config."""


class Command(TyperCommand):
    """A command that rejects an option given twice, or a list option with the same value twice, or `--set` with the same key.

    Its help lists the options by their `rich_help_panel`, as plain text.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options without a group, then each group."""
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in ("Arguments", "Options", *GROUPS)}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                is_argument = parameter.param_type_name == "argument"
                title = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or "Options"
                groups.setdefault(title, []).append(_plain(*record))
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. An error about a value of --set names the option."""
        try:
            return super().invoke(ctx)
        except (UsageError, DataError, ModelError) as error:
            if override := _culprit(error, ctx.params.get("overrides") or []):
                raise type(error)(f"--set {override}", f"{error.place}: {error.problem}", error.advice) from error
            raise

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line. Raises UsageError for the first option or key that is given twice."""
        args = self._with_run_as_argument(args)
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

    def _with_run_as_argument(self, args: list[str]) -> list[str]:
        """Return the words with `--run NAME` replaced by NAME, for commands whose argument is a run."""
        if not any(parameter.param_type_name == "argument" and parameter.metavar == "RUN" for parameter in self.params):
            return args
        # Words after -- are arguments, even if they look like options.
        end = args.index("--") if "--" in args else len(args)
        named = [word.removeprefix("--run=") for word in args[:end] if word != "--run"]
        return [*named, *args[end:]]


def reject_others(context: typer.Context, option: str, allowed: Sequence[str], advice: str) -> None:
    """Raise UsageError for the first option or argument on the command line that has no effect beside `option`."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in allowed:
            name = parameter.opts[0] if parameter.param_type_name == "option" else str(parameter.metavar)
            raise UsageError(name, f"has no effect together with {option}", advice)


def _culprit(error: TranslatorError, overrides: Sequence[str]) -> str | None:
    """Return the --set whose value the error shows: in its place, such as a file name, or as a word of a usage error.

    Numbers count in usage errors about a setting only: "training pair 1" and "processes 0 and 1" do not mean the 1 of
    `--set encoder.num_layers=1`.
    """
    is_usage = isinstance(error, UsageError)
    text = f"{error.place} {error.problem}" if is_usage else error.place
    if "--set" in text:
        return None
    for override in overrides:
        value = override.partition("=")[2].strip()
        may_be_shown = value if is_usage and _SETTING.fullmatch(error.place) else re.search(r"[^\W\d_]", value)
        if may_be_shown and re.search(rf"(?<!\w)(?<!\d\.){re.escape(value)}(?!\w)", text):
            return override
    return None


def _plain(names: str, text: str) -> tuple[str, str]:
    """Return a line of the help without Typer's parentheses around defaults and its names of Python types."""
    # [default: (the demo)] becomes [default: the demo].
    text = re.sub(r"\[default: \((.*?)\)(?=[];])", r"[default: \1", text)
    names = re.sub(r"(--\S+) <path>", r"\1 PATH", names)
    return re.sub(r" <[\w\[\]]+>$", "", names), text


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
