"""`translator story`: train and compare the models that mark the history of attention."""

from pathlib import Path
from typing import Annotated

from translator.cli import options
from translator.cli.console import notify, print_result
from translator.config_files import shipped
from translator.runs import RUNS

_Output = Annotated[Path | None, options.option("FOLDER", "Folder for the runs and the report.", default="runs/story")]


def story(
    output: _Output = None,
    overrides: options.Overrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
) -> None:
    """Train fifteen models and tell the story of attention.

    The models are trained on the demo corpus and lead from a single sentence vector to efficient attention. Training takes
    about half an hour on two cores. Press Ctrl-C to stop; the same command resumes and reuses finished runs. A Markdown
    table is printed and saved with an HTML page as story.md and story.html in the output folder.

    \b
    Examples:
      translator story
      translator story --set training.steps=100           a quick trial
    """
    from translator.config import run_name
    from translator.jobs.story.chapters import plan_chapters, train_chapters
    from translator.jobs.story.story import measure
    from translator.jobs.translate.device import choose_device
    from translator.storage.files import write_file

    place, root = choose_device(device), output or RUNS / run_name("story", overrides, ignored=frozenset())
    planned = plan_chapters(overrides, lambda name: shipped(f"{name}.toml"))
    runs = train_chapters(planned, root, device=device, notify=notify)
    notify(f"translating the test set with {len(runs)} models")
    measured = measure(planned, runs, device=place)
    for name, text in (("story.md", measured.markdown()), ("story.html", measured.page())):
        write_file(root / name, f"{text}\n".encode())
        notify(f"written: {root / name}")
    print_result(measured.markdown())
