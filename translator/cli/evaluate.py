"""`translator evaluate`: score a run on a test set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli import options
from translator.cli.attention import ViewRequest, attention_file, parse_attention, with_attention
from translator.cli.console import as_json, notify, print_result, warn
from translator.cli.files import check_output, read_given_test, write_lines
from translator.cli.progress import Display
from translator.cli.tables import number
from translator.errors import UsageError

if TYPE_CHECKING:
    from translator.jobs.compare.evaluate import Evaluation
    from translator.jobs.compare.tune import Tuning
    from translator.runs.folder import HeldOut, RunFolder


_Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File to write the translations to.", rich_help_panel=options.OUTPUT)
]
_Alignments = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Gold word alignments (0-0 1-2) to compare the attention with.",
        rich_help_panel=options.TEST,
    ),
]
_WithoutLeaked = Annotated[
    bool,
    typer.Option(
        help="Leave out test pairs that occur in the training data.", show_default=False, rich_help_panel=options.TEST
    ),
]
_Tune = Annotated[
    str | None,
    typer.Option(
        metavar="length_penalty|beam_size",
        help="Compare values of a decoding setting on the validation set.",
        rich_help_panel=options.SEARCH,
    ),
]


def evaluate(
    run: options.FinishedRun = None,
    source: options.Source = None,
    reference: options.Reference = [],  # noqa: B006 - read by Typer, never changed
    output: _Output = None,
    beam_size: options.BeamSize = None,
    batch_size: options.BatchSize = None,
    alignments: _Alignments = None,
    attention: options.Attention = None,
    kind: options.Kind = None,
    layer: options.Layers = None,
    head: options.Heads = None,
    attention_unit: options.AttentionUnit = None,
    json: options.Json = False,
    force: options.Force = False,
    tune: _Tune = None,
    allow_leaked: options.AllowLeaked = False,
    without_leaked: _WithoutLeaked = False,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
) -> None:
    """Score a model on a test set, with confidence intervals.

    The scores are BLEU, chrF2 and TER, cased and lowercased.

    \b
    Examples:
      translator evaluate
      translator evaluate runs/demo --beam-size 1
      translator evaluate runs/demo --tune length_penalty
      translator evaluate runs/demo --alignments data/test.align --attention attention.json
      translator evaluate runs/mine --source test.en --reference test.de --output mine.de
    """
    from translator.jobs.compare.evaluate import evaluate_first, evaluate_run
    from translator.jobs.compare.tune import tune as tune_setting
    from translator.jobs.translate.build import choose_device
    from translator.jobs.translate.load import load
    from translator.jobs.translate.options import decoding_settings
    from translator.runs.lookup import find_run

    test = read_given_test(source, reference, output, force=force)
    check_output(output, alignments, force=force)
    other_files = (source, *reference, output, alignments)
    request = parse_attention(attention, other_files=other_files, force=force, formats=())
    view = ViewRequest(kind, layer, head, attention_unit)
    if not request and not alignments:
        view.reject_unused()
    if alignments or (request and request.format == "pharaoh"):
        view.require_one("--alignments" if alignments else "--attention")
    folder = find_run(run)
    folder.require_finished()
    settings = decoding_settings(folder.config(), overrides, {"beam_size": beam_size})
    place, viewer = choose_device(device), None
    if tune is not None:
        if test or output or alignments or request:
            problem = "given together with an option for the test set"
            raise UsageError("--tune", problem, "give it alone: it uses the validation set")
        print_result(_tuning_text(tune_setting(folder, tune, settings, device=place, batch_size=batch_size), json=json))
        return
    has_files, test = test is not None, test or folder.split("test")
    if without_leaked:
        test = _leave_out_leaked(folder, test)
    if request or alignments:
        viewer = view.viewer(load(folder, device=place), folder)
    agreement = viewer.agreement(test, alignments) if viewer and alignments else None
    notify(f"translating {len(test.source):,} sentences with {folder.place}")
    with Display() as display:
        display.working("translating")
        evaluation = evaluate_run(
            folder, test, settings, device=place, batch_size=batch_size, allow_leaked=allow_leaked
        )
    evaluation = evaluation._replace(alignment=agreement)
    if viewer and request:
        results = ([candidate] for candidate in evaluation.best)
        with attention_file(request) as keep:
            for sentence, [best], attention_maps in with_attention(results, test.source, viewer):
                keep(sentence, best.text, attention_maps)
    if output is not None:
        write_lines(output, evaluation.hypotheses)
    for notice in evaluation.notices:
        warn(notice)
    first = None if has_files else evaluate_first(folder, settings, device=place, batch_size=batch_size)
    if json:
        more = {"num_sentences": len(test.source), "decoding": settings.model_dump(mode="json")}
        print_result(as_json(evaluation.as_record() | more | ({"first": first.as_record()} if first else {}), indent=1))
    else:
        print_result(_plain_text(evaluation))
        if first:
            print_result(f"\ntest set of the run that this one started from\n{_plain_text(first)}")


def _leave_out_leaked(run: "RunFolder", test: "HeldOut") -> "HeldOut":
    """Return the test pairs that were not trained on, and tell how many were left out."""
    from translator.jobs.compare.evaluate import all_leaked_lines

    leaked = all_leaked_lines(run, test)
    notify(f"left out {len(leaked):,} of {len(test.source):,} test pairs, which are also training pairs")
    return test.without(leaked)


def _tuning_text(tuning: "Tuning", *, json: bool) -> str:
    """Return the validation BLEU of each value, and how to use the best one."""
    if json:
        return as_json({"setting": f"decoding.{tuning.setting}", "validation_bleu": tuning.bleu, "best": tuning.best})
    rows = [f"{tuning.setting} {value:<4g} validation BLEU {number(score, 2)}" for value, score in tuning.bleu.items()]
    return "\n".join([*rows, f"best: --set decoding.{tuning.setting}={tuning.best:g}"])


def _plain_text(evaluation: "Evaluation") -> str:
    """Return a line per score, per group of sentences and per group of words, then the cost."""
    rows = [
        (score.metric, number(score.value, 2), f"95 % interval {score.low:.2f} to {score.high:.2f}   {score.signature}")
        for score in evaluation.scores
    ]
    rows += [
        ("BLEU", number(group.bleu, 2), f"{group.name}, {group.num_sentences} sentences")
        for group in [*evaluation.by_length, *evaluation.by_kind]
    ]
    rows += [
        ("F1", number(words.f1, 2), f"{words.name}, {words.num_words} in the references")
        for words in evaluation.by_frequency
    ]
    if alignment := evaluation.alignment:
        detail = f"precision {alignment.precision:.3f}, recall {alignment.recall:.3f}   {alignment.view}"
        rows.append(("AER", number(alignment.error_rate, 3), detail))
    if protected := evaluation.protected:
        share = 100 * protected.num_kept / max(protected.num_strings, 1)
        rows.append(
            ("kept", number(share, 2), f"per cent of {protected.num_strings:,} protected strings in the sources")
        )
    lines = [f"{metric:<9} {value:>6}   {detail}" for metric, value, detail in rows]
    if evaluation.leaked:
        from translator.jobs.compare.evaluate import leak_notice

        lines.append(leak_notice(evaluation.leaked, len(evaluation.hypotheses)))
    speed = len(evaluation.hypotheses) / max(evaluation.seconds, 1e-9)
    lines.append(f"{len(evaluation.hypotheses)} sentences in {evaluation.seconds:.1f} s, {speed:.0f} per second")
    return "\n".join(lines)
