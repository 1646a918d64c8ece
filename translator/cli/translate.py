"""`translator translate`: print one translation per input line."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
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
from translator.cli.files import check_output, line_writer
from translator.cli.input import input_blocks, is_interactive
from translator.cli.progress import count_lines
from translator.errors import ModelError, UsageError

if TYPE_CHECKING:
    from translator.jobs.inspect.attention import AttentionMap, AttentionViewer
    from translator.jobs.translate.candidates import Candidate
    from translator.jobs.translate.notices import TranslationNotices


_Text = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Text to translate.", show_default="--input or standard input"),
]
_Run = Annotated[
    list[str],
    typer.Option(
        metavar="RUN",
        help="Folder or name of a run; several translate together (repeatable).",
        show_default=options.LATEST,
    ),
]
_Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="step-N",
        help="Checkpoint to translate with.",
        show_default="the final parameters; of an unfinished run, the best checkpoint",
    ),
]
_Input = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File to translate, one sentence per line; - is standard input.")
]
_Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File to write instead of standard output.", rich_help_panel=options.OUTPUT),
]
_NumBest = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Translations per sentence, as `line ||| text ||| score`, or with --json.",
        rich_help_panel=options.OUTPUT,
    ),
]
_Prefix = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Start every translation with this text.", rich_help_panel=options.SEARCH),
]
_PrefixColumn = Annotated[
    bool,
    typer.Option(
        help="Start each translation with the text after a tab in its input line.",
        show_default=False,
        rich_help_panel=options.SEARCH,
    ),
]
_NoRepeatNgram = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Repeat no sequence of N tokens.",
        show_default="the run's setting",
        rich_help_panel=options.SEARCH,
    ),
]
_SplitSentences = Annotated[
    bool, typer.Option(help="Translate the sentences of a line separately and join them again.", show_default=False)
]
_Paragraphs = Annotated[
    bool,
    typer.Option(help="Join wrapped lines to paragraphs, translated by --split-sentences.", show_default=False),
]
_Engine = Annotated[
    str,
    typer.Option(
        metavar="torch|ctranslate2", help="Inference engine; see `translator export`.", rich_help_panel=options.MACHINE
    ),
]


def translate(
    text: _Text = None,
    run: _Run = [],  # noqa: B006 - read by Typer, never changed
    checkpoint: _Checkpoint = None,
    input: _Input = None,  # noqa: A002
    output: _Output = None,
    beam_size: options.BeamSize = None,
    num_best: _NumBest = None,
    prefix: _Prefix = None,
    prefix_column: _PrefixColumn = False,
    no_repeat_ngram: _NoRepeatNgram = None,
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
    """Translate text with a trained model.

    The text is in arguments, in a file or on standard input. Lines from a pipe are translated as soon as no more arrive,
    so another program can write a line and wait for the answer.

    \b
    Examples:
      translator translate "the old man reads a book"
      translator translate --input test.en --output test.de
      echo "a dog" | translator translate --run demo --json
      translator translate --input letter.en --paragraphs
      translator translate "a dog sleeps" --attention terminal
      translator translate "a dog" --run runs/mine-seed1 --run runs/mine-seed2
      translator translate "a dog sleeps" --prefix "Unser Hund"
      translator translate "a dog" --set decoding.search=sampling --set decoding.temperature=0.7
    """
    if text and input:
        raise UsageError("--input", "given together with text to translate", "give only one of them")
    if prefix is not None and prefix_column:
        raise UsageError("--prefix-column", "given together with --prefix", "give only one of them")
    _reject_run(text or [])
    check_output(output, input, force=force)
    request = parse_attention(
        attention, other_files=(input, output), force=force, formats=("json",) if json else FORMATS
    )
    if not request:
        reject_unused(layer, head, attention_unit)
    elif split_sentences or paragraphs:
        problem = "found together with --split-sentences or --paragraphs"
        raise UsageError("--attention", problem, "give one sentence per line to see its attention")
    json = json or attention == "json"

    from translator.jobs.inspect.attention import AttentionViewer
    from translator.jobs.translate.build import choose_device
    from translator.jobs.translate.load import load
    from translator.jobs.translate.notices import TranslationNotices
    from translator.jobs.translate.options import decoding_settings
    from translator.runs.lookup import ensemble_of, find_run

    folder = ensemble_of([find_run(name) for name in run] or [find_run(None, or_unfinished=True)])
    if not run:
        notify(f"translating with {folder.place}")
    translator = load(folder, device=choose_device(device), engine=engine, checkpoint=checkpoint, notify=notify)
    flags = {"beam_size": beam_size, "num_best": num_best, "no_repeat_ngram": no_repeat_ngram}
    settings = decoding_settings(translator.config, overrides, flags, num_best="own" if json else "given")
    if settings.num_best > 1 and not json and request and request.file is None:
        raise UsageError("--num-best", "given with --attention on standard output", "write the attention to a file")
    unit = attention_unit or "word"
    viewer = AttentionViewer(translator, folder, layer=layer, head=head, unit=unit) if request else None
    corpus, is_typed = translator.config.corpus, is_interactive(text, input)
    if is_typed:
        notify(f"{corpus.source_language} to {corpus.target_language}: type a sentence and press Enter; Ctrl-D ends")
    find = partial(
        translator.candidates,
        settings=settings,
        batch_size=batch_size,
        split_sentences=split_sentences or paragraphs,
        with_words=json,
    )
    blocks = input_blocks(text, input, language=corpus.source_language if paragraphs else None)
    if prefix_column:
        pairs = ([line.partition("\t")[::2] for line in lines] for lines in blocks)
    else:
        pairs = ([(line, prefix or "") for line in lines] for lines in blocks)
    results = _translated(
        pairs,
        find,
        viewer,
        TranslationNotices(translator, splits_sentences=split_sentences or paragraphs),
        is_typed=is_typed,
    )
    show_count = input is not None and not (output is None and sys.stdout.isatty())
    with line_writer(output) as write, attention_file(request) as keep, count_lines(results, show_count) as counted:
        for number, (source, candidates, attention_map) in enumerate(counted, 1):
            keep(source, candidates[0].text, attention_map)
            if settings.num_best > 1 and not json:
                for candidate in candidates:
                    write(f"{number} ||| {candidate.text} ||| {candidate.score:.6f}")
            else:
                write(_output_line(source, candidates, attention_map, request, json=json))


def _reject_run(text: list[str]) -> None:
    """Raise UsageError if the first word is the folder of a run, or a run's name is the only word: --run is missing."""
    from translator.runs.folder import RunFolder
    from translator.runs.lookup import find_run

    if not text:
        return
    with suppress(OSError, ValueError, ModelError):  # text that is no path or names no folder
        run = find_run(text[0]) if len(text) == 1 else RunFolder(Path(text[0]))
        is_path = len(Path(text[0]).parts) > 1
        if run.is_run and (is_path or len(text) == 1):
            rest = shlex.join(text[1:]) or "TEXT"
            advice = f"type: translator translate --run {shlex.quote(text[0])} {rest}"
            raise UsageError(text[0], "is a run, expected text to translate", advice)


def _translated(
    blocks: "Iterator[list[tuple[str, str]]]",
    find: "Callable[..., Iterator[list[Candidate]]]",
    viewer: "AttentionViewer | None",
    notices: "TranslationNotices",
    *,
    is_typed: bool,
) -> "Iterator[tuple[str, list[Candidate], AttentionMap | None]]":
    """Yield each source with its candidates and the attention map of the best; the input has pairs of source and prefix.

    The results of a block are written before the next block is read. Warnings come at the end, for typed lines after each.
    """
    for pairs in blocks:
        sources = [source for source, _ in pairs]
        found = list(find(sources, prefixes=[prefix for _, prefix in pairs], block_lines=len(pairs)))
        for source, candidates in zip(sources, found, strict=True):
            notices.add(source, candidates[0])
        yield from with_attention(iter(found), sources, viewer)
        sys.stdout.flush()
        if is_typed:
            _show(notices)
    _show(notices)


def _show(notices: "TranslationNotices") -> None:
    for notice in notices.take():
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
