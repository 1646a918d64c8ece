"""`translator translate`: one line out for each line in."""

import sys
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.attention import (
    FORMS,
    Attention,
    Head,
    Layer,
    attention_file,
    follow,
    read_wanted,
    refuse_unused,
    shown,
)
from translator.cli.console import as_json, counted, notify
from translator.cli.files import check_output, input_lines, is_prompt, written
from translator.cli.options import RUNS, BatchSize, BeamSize, DecodingOverrides, Device, Force, Json
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.jobs.translate.translator import Candidate


def translate(
    text: Annotated[list[str] | None, typer.Argument(help="What to translate; else --input or standard input.")] = None,
    run: Annotated[Path | None, typer.Option(help="Run folder; default: the one that `train` finished last.")] = None,
    input: Annotated[Path | None, typer.Option(help="File to translate, a sentence a line.")] = None,  # noqa: A002
    output: Annotated[Path | None, typer.Option(help="File to write instead of standard output.")] = None,
    beam_size: BeamSize = None,
    num_best: Annotated[int | None, typer.Option(metavar="N", help="Translations per sentence, with --json.")] = None,
    batch_size: BatchSize = None,
    attention: Attention = None,
    layer: Layer = None,
    head: Head = None,
    json: Json = False,
    force: Force = False,
    overrides: DecodingOverrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
    engine: Annotated[str, typer.Option(metavar="torch|ctranslate2", help="What searches; see `export`.")] = "torch",
) -> None:
    """Translate words, a file, or standard input with a finished run.

    \b
    Examples:
      translator translate "the old man reads a book"
      translator translate --input test.en --output test.de
      echo "a dog" | translator translate --run runs/demo --json
      translator translate "a dog sleeps" --attention terminal
      translator translate "a dog" --set decoding.search=sampling --set decoding.temperature=0.7
    """
    from translator.jobs.inspect.attention import Looker
    from translator.jobs.translate.build import choose_device
    from translator.jobs.translate.notices import TranslationNotices
    from translator.jobs.translate.translator import BLOCK_LINES, decoding_settings, load
    from translator.runs.folder import RunFolder, latest_run

    if text and input:
        raise UsageError("--input", "given together with words to translate", "choose one of them")
    check_output(output, input, force=force)
    wanted = read_wanted(attention, taken=(input, output), force=force, forms=("json",) if json else FORMS)
    if not wanted:
        refuse_unused(layer, head)
    json = json or attention == "json"
    folder = RunFolder(run) if run else latest_run(RUNS)
    if run is None:
        notify(f"translating with {folder.path}")
    translator = load(folder, device=choose_device(device), engine=engine)
    flags = {"beam_size": beam_size, "num_best": num_best}
    settings = decoding_settings(translator.config, overrides, flags, many_allowed=json)
    looker = Looker(translator, folder, layer=layer, head=head) if wanted else None
    notices = TranslationNotices(translator)
    with written(output) as write, attention_file(wanted) as keep:
        lines, sources = tee(input_lines(text, input))
        block = 1 if is_prompt(text, input) else BLOCK_LINES
        found = translator.candidates(lines, settings, batch_size=batch_size, block_lines=block)
        with counted(found, shown=input is not None and not (output is None and sys.stdout.isatty())) as done:
            for source, candidates, seen in follow(done, sources, looker, together=block):
                notices.add(source, candidates[0])
                keep(source, candidates[0].text, seen)
                if json:
                    looked = {"attention": seen and seen.as_record()} if attention == "json" else {}
                    write(as_json(record_of(source, candidates) | looked))
                else:
                    write(shown(wanted, candidates[0].text, seen))
    for notice in notices.lines():
        notify(notice)


def record_of(source: str, candidates: "list[Candidate]") -> dict[str, object]:
    """All that is known of a sentence's translations, for a line of JSON."""
    found = [{key: value for key, value in one._asdict().items() if key != "ids"} for one in candidates]
    return {"source": source, "translations": found}
