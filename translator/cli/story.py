"""`translator story`: the history of attention, trained and told."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import notify, say
from translator.cli.options import RUNS, Device, Overrides, shipped


def story(
    output: Annotated[Path | None, typer.Option(help="Folder of the runs and the page; default: runs/story.")] = None,
    overrides: Overrides = [],  # noqa: B006 - Typer reads the default, nobody changes it
    device: Device = "auto",
) -> None:
    """Train fifteen models on the demo corpus, from one vector to cheaper attention, and say what each step brought.

    About half an hour on two cores. Ctrl-C saves; the same command goes on, and finished runs are used again. Prints a table in
    Markdown and writes it with a page: OUTPUT/story.md, OUTPUT/story.html.

    \b
    Examples:
      translator story
      translator story --set training.steps=100           a rehearsal
    """
    from translator.config import run_name
    from translator.jobs.story.chapters import climb, plan_ladder
    from translator.jobs.story.story import measure
    from translator.jobs.translate.build import choose_device
    from translator.storage.files import write_file

    place, root = choose_device(device), output or RUNS / run_name("story", overrides)
    plans = plan_ladder(overrides, lambda name: shipped(f"{name}.toml"))
    runs = climb(plans, root, device=device, notify=notify)
    notify(f"translating the test set with {len(runs)} models")
    found = measure(plans, runs, device=place)
    for name, text in (("story.md", found.markdown()), ("story.html", found.page())):
        write_file(root / name, f"{text}\n".encode())
        notify(f"written: {root / name}")
    say(found.markdown())
