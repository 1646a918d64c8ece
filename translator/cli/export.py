"""`translator export`: convert a run for another program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from translator.cli import options
from translator.cli.console import notify, print_result, warn
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.jobs.export.export import Export
    from translator.runs.folder import RunFolder

_To = Annotated[str, options.option("ctranslate2|transformers", "Library to convert for.")]
_Output = Annotated[
    Path | None, options.option(None, "Folder to write.", default="in the run folder, named after the library")
]
_Source = Annotated[
    Path | None, options.option(None, "Sentences to translate with both libraries.", default="the run's validation set")
]
_Quantization = Annotated[
    str | None,
    options.option("int8|int16|float16|...", "Quantize the parameters (ctranslate2 only).", default="not quantized"),
]
_Agreement = Annotated[
    float | None,
    options.option(
        "PERCENT", "Fail if fewer translations are identical.", default="99, or 0 with --quantization", min=0, max=100
    ),
]
_Push = Annotated[
    str | None, options.option("NAME", "Also upload the model to the Hugging Face hub (transformers only).")
]


def export(
    run: options.FinishedRun = None,
    to: _To = "ctranslate2",
    output: _Output = None,
    source: _Source = None,
    quantization: _Quantization = None,
    agreement: _Agreement = None,
    licence: options.Licence = None,
    push: _Push = None,
    force: options.Force = False,
) -> None:
    """Convert a Transformer for another library and check the result.

    Some sentences are translated with both libraries, by greedy search and with beam size 5, and compared. `ctranslate2` is
    a fast inference engine, used by `translator translate --engine ctranslate2`; `transformers` is the library of the
    Hugging Face hub.

    \b
    Examples:
      translator export runs/demo
      translator export runs/demo --quantization int8 --output demo-int8
      translator export runs/demo --to transformers --output demo-transformers
      translator export runs/demo --to transformers --license apache-2.0 --push me/demo
    """
    from translator.jobs.export.agreement import MIN_AGREEMENT
    from translator.jobs.export.export import export_run
    from translator.runs.lookup import find_run

    if to not in ("ctranslate2", "transformers"):
        raise UsageError("--to", f"found {to!r}, expected 'ctranslate2' or 'transformers'")
    if to == "transformers":
        _reject("--quantization", quantization, "transformers")
        exported = _export_checkpoint(find_run(run), output, source, agreement, licence, push, force=force)
    else:
        _reject("--license", licence, "ctranslate2")
        _reject("--push", push, "ctranslate2")
        exported = export_run(
            find_run(run), output, quantization=quantization, min_agreement=agreement, force=force, source=source
        )
    for comparison in exported.agreements:
        notify(str(comparison))
    if not exported.is_equivalent:
        warn(f"fewer than {MIN_AGREEMENT:g} % of the translations are identical to those of the run")
    print_result(str(exported.path))
    if push is not None:
        from translator.jobs.export.hub import upload

        notify(f"uploaded to {upload(exported.path, push)}")


def _reject(option: str, value: object, library: str) -> None:
    if value is not None:
        raise UsageError(option, f"cannot be used with --to {library}", f"omit {option}")


def _export_checkpoint(
    run: "RunFolder",
    output: Path | None,
    source: Path | None,
    agreement: float | None,
    licence: str | None,
    push: str | None,
    *,
    force: bool,
) -> "Export":
    from translator.jobs.export.hub import check_upload
    from translator.jobs.export.transformers_export import export_checkpoint, is_installed

    if push is not None:
        check_upload(push)
    if not is_installed():
        warn("the translations are not compared, since transformers is not installed; pip install transformers")
    return export_checkpoint(
        run, output, source=source, min_agreement=agreement, licence=licence, name=push, force=force
    )
