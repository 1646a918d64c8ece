"""`translator translate`: print one translation per input line."""

import sys
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli import options
from translator.cli.attention import (
    FORMATS,
    AttentionRequest,
    attention_file,
    parse_attention,
    reject_unused,
    text_with_attention,
    with_attention,
)
from translator.cli.console import as_json, notify, warn
from translator.cli.files import check_output, input_lines, is_interactive, line_writer
from translator.cli.progress import count_lines
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.jobs.inspect.attention import AttentionMap
    from translator.jobs.translate.candidates import Candidate


_Text = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Text to translate.", show_default="--input or standard input"),
]
_Run = Annotated[
    list[str],
    typer.Option(help="Folder or name of a run; several translate together (repeatable).", show_default=options.LATEST),
]
_Input = Annotated[Path | None, typer.Option(help="File to translate, one sentence per line.")]
_Output = Annotated[Path | None, typer.Option(help="File to write instead of standard output.")]
_NumBest = Annotated[int | None, typer.Option(metavar="N", help="Translations per sentence, with --json.")]
_SplitSentences = Annotated[
    bool, typer.Option(help="Translate the sentences of a line separately and join them again.", show_default=False)
]
_Paragraphs = Annotated[
    bool,
    typer.Option(help="Join wrapped lines to paragraphs, translated by --split-sentences.", show_default=False),
]
_Engine = Annotated[str, typer.Option(metavar="torch|ctranslate2", help="Inference engine; see `translator export`.")]


def translate(
    text: _Text = None,
    run: _Run = [],  # noqa: B006 - read by Typer, never changed
    input: _Input = None,  # noqa: A002
    output: _Output = None,
    beam_size: options.BeamSize = None,
    num_best: _NumBest = None,
    batch_size: options.BatchSize = None,
    split_sentences: _SplitSentences = False,
    paragraphs: _Paragraphs = False,
    attention: options.Attention = None,
    layer: options.Layer = None,
    head: options.Head = None,
    attention_unit: options.AttentionUnit = None,
    json: options.Json = False,
    force: options.Force = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
    engine: _Engine = "torch",
) -> None:
    """Translate arguments, a file or standard input with a finished run.

    \b
    Examples:
      translator translate "the old man reads a book"
      translator translate --input test.en --output test.de
      echo "a dog" | translator translate --run runs/demo --json
      translator translate --input letter.en --paragraphs
      translator translate "a dog sleeps" --attention terminal
      translator translate "a dog" --run runs/mine-seed1 --run runs/mine-seed2
      translator translate "a dog" --set decoding.search=sampling --set decoding.temperature=0.7
    """
    from translator.jobs.inspect.attention import AttentionViewer
    from translator.jobs.translate.build import choose_device
    from translator.jobs.translate.load import load
    from translator.jobs.translate.notices import TranslationNotices
    from translator.jobs.translate.options import decoding_settings
    from translator.jobs.translate.translator import BLOCK_LINES
    from translator.runs.lookup import ensemble_of, find_run
    from translator.text.sentences import paragraphs as join_paragraphs

    if text and input:
        raise UsageError("--input", "given together with text to translate", "give only one of them")
    check_output(output, input, force=force)
    formats = ("json",) if json else FORMATS
    request = parse_attention(attention, other_files=(input, output), force=force, formats=formats)
    if not request:
        reject_unused(layer, head, attention_unit)
    elif split_sentences or paragraphs:
        problem = "found together with --split-sentences or --paragraphs"
        raise UsageError("--attention", problem, "give one sentence per line to see its attention")
    json = json or attention == "json"
    folder = ensemble_of([find_run(name) for name in run] or [find_run(None)])
    if not run:
        notify(f"translating with {folder.place}")
    translator = load(folder, device=choose_device(device), engine=engine)
    flags = {"beam_size": beam_size, "num_best": num_best}
    settings = decoding_settings(translator.config, overrides, flags, many_allowed=json)
    viewer = (
        AttentionViewer(translator, folder, layer=layer, head=head, unit=attention_unit or "word") if request else None
    )
    notices = TranslationNotices(translator)
    given = input_lines(text, input)
    lines, sources = tee(join_paragraphs(given, translator.config.corpus.source_language) if paragraphs else given)
    block_size = 1 if is_interactive(text, input) else BLOCK_LINES
    results = translator.candidates(
        lines,
        settings,
        batch_size=batch_size,
        block_lines=block_size,
        split_sentences=split_sentences or paragraphs,
    )
    show_count = input is not None and not (output is None and sys.stdout.isatty())
    with line_writer(output) as write, attention_file(request) as keep, count_lines(results, show_count) as counted:
        for source, candidates, attention_map in with_attention(counted, sources, viewer, block_size=block_size):
            notices.add(source, candidates[0])
            keep(source, candidates[0].text, attention_map)
            write(_output_line(source, candidates, attention_map, request, json=json))
    for notice in notices.lines():
        warn(notice)


def _output_line(
    source: str,
    candidates: "list[Candidate]",
    attention_map: "AttentionMap | None",
    request: AttentionRequest | None,
    *,
    json: bool,
) -> str:
    if not json:
        return text_with_attention(request, candidates[0].text, attention_map)
    translations = [candidate._asdict() for candidate in candidates]
    for translation in translations:
        del translation["ids"]
    record: dict[str, object] = {"source": source, "translations": translations}
    if request is not None and request.file is None:
        record["attention"] = attention_map and attention_map.as_record()
    return as_json(record)
