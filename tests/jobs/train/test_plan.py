"""The run folder is named for the config, the corpus and the overrides of a run."""

from pathlib import Path

import pytest

from translator.jobs.train.given_corpus import GivenCorpus
from translator.jobs.train.plan import plan_run

_CORPUS = GivenCorpus(["corpus.source_language=fr"], [], "news-fr-de")


@pytest.mark.parametrize(
    ("config", "corpus", "overrides", "name"),
    [
        (None, GivenCorpus(), [], "demo"),
        (None, _CORPUS, [], "news-fr-de"),
        ("demo-additive", _CORPUS, [], "demo-additive-news-fr-de"),
        ("demo", GivenCorpus(), ["training.steps=7"], "demo"),  # the same command with more steps resumes the run
        ("demo", GivenCorpus(), ["model.dim=16"], "demo-*"),
        ("demo", GivenCorpus(named=["corpus.columns=[1, 2]"]), [], "demo-*"),
    ],
)
def test_the_folder_says_what_is_trained(
    config: str | None, corpus: GivenCorpus, overrides: list[str], name: str
) -> None:
    loaded, folder = plan_run(config, corpus, overrides, start_from=None, output=None)
    assert folder.match(f"runs/{name}")
    assert len(folder.name) == len(name) + 7 * name.count("*")
    assert loaded.corpus.source_language == ("fr" if corpus.name else "en")


def test_a_given_folder_is_used() -> None:
    assert plan_run("demo", GivenCorpus(), ["model.dim=16"], start_from=None, output=Path("x"))[1] == Path("x")
