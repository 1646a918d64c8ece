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
    ViewRequest,
    attention_file,
    parse_attention,
    text_with_attention,
    with_attention,
)
from translator.cli.console import as_json, notify, warn
from translator.cli.files import check_output, line_writer
from translator.cli.input import input_blocks, is_interactive
from translator.cli.progress import count_lines
from translator.errors import ModelError, UsageError

if TYPE_CHECKING:
    from translator.jobs.inspect.attention import AttentionMaps, AttentionViewer
    from translator.jobs.translate.candidates import Candidate
    from translator.jobs.translate.translator import Translator
    from translator.runs.folder import RunFolder


_Text = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Text to translate.", show_default="--input or standard input"),
]
_Run = Annotated[
    list[str],
    options.option(
        "RUN", "Folder or name of a run; several runs form an ensemble (repeatable).", default=options.LATEST
    ),
]
_Checkpoint = Annotated[
    str | None,
    options.option(
        "step-N",
        "Checkpoint to translate with.",
        default="the final parameters; of an unfinished run, the best checkpoint",
    ),
]
_Input = Annotated[
    Path | None, options.option("FILE", "File to translate, one sentence per line; - is standard input.")
]
_Output = Annotated[
    Path | None, options.option("FILE", "File to write instead of standard output.", panel=options.OUTPUT)
]
_NumBest = Annotated[
    int | None,
    options.option(
        "N", "Translations per sentence, as `line ||| text ||| score`, or with --json.", panel=options.OUTPUT
    ),
]
_Prefix = Annotated[str | None, options.option("TEXT", "Start every translation with this text.", panel=options.SEARCH)]
_PrefixColumn = Annotated[
    bool, options.switch("Start each translation with the text after a tab in its input line.", panel=options.SEARCH)
]
_NoRepeatNgram = Annotated[
    int | None,
    options.option("N", "Repeat no sequence of N tokens.", default="the run's setting", panel=options.SEARCH),
]
_SplitSentences = Annotated[
    bool, options.switch("Split lines into sentences, translate each, and join the translations.")
]
_Paragraphs = Annotated[bool, options.switch("Join wrapped lines into paragraphs; implies --split-sentences.")]
_Engine = Annotated[
    str, options.option("torch|ctranslate2", "Inference engine; see `translator export`.", panel=options.MACHINE)
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
    kind: options.Kind = None,
    layer: options.Layers = None,
    head: options.Heads = None,
    attention_unit: options.AttentionUnit = None,
    json: options.Json = False,
    force: options.Force = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
    engine: _Engine = "torch",
) -> None:
    """Translate text with a trained model.

    The text comes from arguments, a file or standard input. Lines from a pipe are translated as they arrive, so that
    another program can write a line and wait for its translation.

    \b
    Examples:
      translator translate "the old man reads a book"
      translator translate --input test.en --output test.de
      echo "a dog" | translator translate --run demo --json
      translator translate --input letter.en --paragraphs
      translator translate "a dog sleeps" --attention terminal --head all
      translator translate "a dog" --run runs/mine-seed1 --run runs/mine-seed2
      translator translate "a dog sleeps" --prefix "Unser Hund"
      translator translate "a dog" --set decoding.search=sampling --set decoding.temperature=0.7
    """
    _reject_conflicts(text, input, prefix, prefix_column=prefix_column)
    check_output(output, input, force=force)
    json, by_sentence = json or attention == "json", split_sentences or paragraphs
    formats = ("json",) if json else FORMATS
    request = parse_attention(attention, other_files=(input, output), force=force, formats=formats)
    view = ViewRequest(kind, layer, head, attention_unit)
    _check_view(request, view, by_sentence=by_sentence)
    from translator.jobs.translate.options import decoding_settings

    folder, translator = _load(run, checkpoint, device, engine)
    flags = {"beam_size": beam_size, "num_best": num_best, "no_repeat_ngram": no_repeat_ngram}
    settings = decoding_settings(translator.config, overrides, flags, num_best="own" if json else "given")
    viewer = view.viewer(translator, folder) if request else None
    search = partial(translator.candidates, settings=settings, batch_size=batch_size, with_words=json)
    blocks = input_blocks(text, input, translator.config.corpus.source_language if paragraphs else None)
    prefix, is_typed = None if prefix_column else prefix or "", is_interactive(text, input)
    results = _translated(translator, blocks, search, viewer, prefix=prefix, by_sentence=by_sentence, is_typed=is_typed)
    _write(results, output, request, json=json, num_best=settings.num_best, has_file=input is not None)


def _reject_conflicts(text: list[str] | None, input: Path | None, prefix: str | None, *, prefix_column: bool) -> None:  # noqa: A002
    """Raise UsageError for arguments that exclude each other.

    Also if the first word is the folder of a run, or a run's name is the only word: then --run is missing.
    """
    from translator.runs.folder import RunFolder
    from translator.runs.lookup import find_run

    if text and input:
        raise UsageError("--input", "given together with text to translate", "give only one of them")
    if prefix is not None and prefix_column:
        raise UsageError("--prefix-column", "given together with --prefix", "give only one of them")
    if not text:
        return
    with suppress(OSError, ValueError, ModelError):  # text that is no path or names no folder
        run = find_run(text[0]) if len(text) == 1 else RunFolder(Path(text[0]))
        is_path = len(Path(text[0]).parts) > 1
        if run.is_run and (is_path or len(text) == 1):
            rest = shlex.join(text[1:]) or "TEXT"
            advice = f"type: translator translate --run {shlex.quote(text[0])} {rest}"
            raise UsageError(text[0], "is a run, expected text to translate", advice)


def _check_view(request: AttentionRequest | None, view: ViewRequest, *, by_sentence: bool) -> None:
    """Raise UsageError for options about attention that have no effect, and for attention of lines of several sentences."""
    if not request:
        view.reject_unused()
    elif by_sentence:
        problem = "found together with --split-sentences or --paragraphs"
        raise UsageError("--attention", problem, "give one sentence per line to see its attention")
    elif request.format == "pharaoh":
        view.require_one("--attention")


def _load(names: list[str], checkpoint: str | None, device: str, engine: str) -> "tuple[RunFolder, Translator]":
    """Return the run or ensemble of these names, or the latest run, and its translator."""
    from translator.jobs.translate.load import load
    from translator.runs.lookup import ensemble_of, find_run

    folder = ensemble_of([find_run(name) for name in names] or [find_run(None, or_unfinished=True)])
    if not names:
        notify(f"translating with {folder.place}")
    return folder, load(folder, device=device, engine=engine, checkpoint=checkpoint, notify=notify)


def _translated(
    translator: "Translator",
    blocks: Iterator[list[str]],
    search: "Callable[..., Iterator[list[Candidate]]]",
    viewer: "AttentionViewer | None",
    *,
    prefix: str | None,  # None: after a tab in each line
    by_sentence: bool,
    is_typed: bool,
) -> "Iterator[tuple[str, list[Candidate], AttentionMaps | None]]":
    """Yield each source with its candidates and the attention maps of the best.

    The results of a block are written before the next block is read. Warnings come at the end, for typed lines after each.
    """
    from translator.jobs.translate.notices import TranslationNotices

    notices, corpus = TranslationNotices(translator, splits_sentences=by_sentence), translator.config.corpus
    if is_typed:
        notify(f"{corpus.source_language} to {corpus.target_language}: type a sentence and press Enter; Ctrl-D ends")
    for lines in blocks:
        pairs = [line.partition("\t")[::2] if prefix is None else (line, prefix) for line in lines]
        sources, prefixes = [source for source, _ in pairs], [prefix for _, prefix in pairs]
        found = list(search(sources, prefixes=prefixes, block_lines=len(pairs), split_sentences=by_sentence))
        for source, candidates in zip(sources, found, strict=True):
            notices.add(source, candidates[0])
        yield from with_attention(iter(found), sources, viewer)
        sys.stdout.flush()
        for notice in notices.take() if is_typed else ():
            warn(notice)
    for notice in notices.take():
        warn(notice)


def _write(
    results: "Iterator[tuple[str, list[Candidate], AttentionMaps | None]]",
    output: Path | None,
    request: AttentionRequest | None,
    *,
    json: bool,
    num_best: int,
    has_file: bool,  # of input
) -> None:
    is_ranked = num_best > 1 and not json  # one line per candidate
    if is_ranked and request and request.file is None:
        raise UsageError("--num-best", "given with --attention on standard output", "write the attention to a file")
    shows_count = has_file and not (output is None and sys.stdout.isatty())
    with line_writer(output) as write, attention_file(request) as keep, count_lines(results, shows_count) as counted:
        for number, (source, candidates, attention_maps) in enumerate(counted, 1):
            keep(source, candidates[0].text, attention_maps)
            if is_ranked:
                for candidate in candidates:
                    write(f"{number} ||| {candidate.text} ||| {candidate.score:.6f}")
            else:
                write(_output_line(source, candidates, attention_maps, request, json=json))


def _output_line(
    source: str,
    candidates: "list[Candidate]",
    attention_maps: "AttentionMaps | None",
    request: AttentionRequest | None,
    *,
    json: bool,
) -> str:
    if not json:
        return text_with_attention(request, candidates[0].text, attention_maps)
    from translator.jobs.translate.candidates import sentence_record

    record = sentence_record(source, candidates)
    if request is not None and request.file is None:
        record["attention"] = attention_maps and attention_maps.as_record()
    return as_json(record)
