"""A run is not scored on pairs that it was trained on, unless the user insists."""

import pytest

from tests.faults.harness import make_it_write, reseal
from tests.jobs.compare.conftest import CPU
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, ModelError
from translator.jobs.compare.compare import compare_runs
from translator.jobs.compare.evaluate import Lines, RunFacts, evaluate_run, given_test, leak_notice, leaked_lines
from translator.jobs.train.fine_tuning import first_test
from translator.runs.folder import HeldOut, RunFolder

GREEDY = DecodingSettings(search="greedy")


@pytest.fixture
def leaked(trained: RunFolder) -> HeldOut:
    """Return twelve test pairs and, after them, the first eleven training pairs."""
    test, corpus = trained.split("test"), trained.path.parent.parent
    training = [(corpus / f"train.{suffix}").read_text().splitlines()[:11] for suffix in ("en", "de")]
    return HeldOut(test.source + training[0], test.target + training[1], None)


def test_test_pairs_that_are_training_pairs_are_found(trained: RunFolder, leaked: HeldOut) -> None:
    assert leaked_lines(trained, trained.split("test")) == []
    assert leaked_lines(trained, leaked) == list(range(13, 24))
    swapped = HeldOut(leaked.source, leaked.target[::-1], None)
    assert leaked_lines(trained, swapped) == []


def test_leaked_pairs_are_an_error_or_part_of_the_result(trained: RunFolder, leaked: HeldOut) -> None:
    with pytest.raises(
        DataError, match=r"11 of 23 test pairs are also training pairs: lines 13, .*, 22 and 1 more; use"
    ):
        evaluate_run(trained, leaked, GREEDY, device=CPU)
    evaluation = evaluate_run(trained, leaked, GREEDY, device=CPU, allow_leaked=True)
    assert evaluation.leaked == list(range(13, 24))
    assert leak_notice(evaluation.leaked, 23) == "11 of 23 test pairs are also training pairs; the scores are too high"


def test_missing_or_damaged_hashes_are_an_error(pair: list[RunFolder]) -> None:
    (pair[0].path / "pairs.u64").write_bytes(b"12345678")
    with pytest.raises(ModelError, match="has changed since it was written"):
        leaked_lines(pair[0], pair[0].split("test"))
    (pair[1].path / "pairs.u64").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        leaked_lines(pair[1], pair[1].split("test"))


def test_scores_are_those_of_the_translations(pair: list[RunFolder]) -> None:
    make_it_write(pair[0].path, "▁der")
    test = pair[0].split("test")
    evaluation = evaluate_run(pair[0], test, GREEDY, device=CPU)
    perfect = evaluate_run(pair[0], test._replace(target=evaluation.hypotheses), GREEDY, device=CPU)
    assert evaluation.scores[0].value < perfect.scores[0].value == pytest.approx(100.0)
    assert sum(group.num_sentences for group in evaluation.by_length) == len(test.source)
    assert "best" not in evaluation.as_record()
    assert RunFacts.of(pair[0]).steps == 2


def test_a_test_set_has_as_many_references_as_sources() -> None:
    two, one = Lines("two", ["one", "two"]), Lines("b", ["eins"])
    with pytest.raises(DataError, match=r"b: 1 lines, but two has 2; line n must translate line n"):
        given_test(two, one)
    assert given_test(two, two) == HeldOut(["one", "two"], ["one", "two"], None)
    several = given_test(two, two, two)
    assert several.others == (["one", "two"],)
    assert several.without([1]) == HeldOut(["two"], ["two"], None, (["two"],))
    with pytest.raises(DataError, match="b: 1 lines, but"):
        given_test(two, two, one)


def test_all_references_of_the_own_test_set_are_used(pair: list[RunFolder]) -> None:
    for run in pair:
        (run.path / "corpus/test.target.1").write_text("x\n" * 12)
        reseal(run.path)
    comparison = compare_runs(pair, settings=GREEDY, device=CPU)
    assert all("nrefs:2" in score.signature for row in comparison.rows for score in row.evaluation.scores)
    config = pair[0].config()
    started = config.model_copy(
        update={"training": config.training.model_copy(update={"initialise_from": str(pair[0].path)})}
    )
    assert first_test(started)["first_test.target.1"] == ["x"] * 12
    (pair[1].path / "corpus/test.target.1").write_text("y\n" * 12)
    reseal(pair[1].path)
    with pytest.raises(DataError, match="other: different references"):
        compare_runs(pair, settings=GREEDY, device=CPU)


def test_a_pair_is_leaked_if_any_of_its_references_is_in_training(trained: RunFolder, leaked: HeldOut) -> None:
    wrong = ["etwas anderes"] * 23
    for target, others in ((wrong, (leaked.target,)), (leaked.target, (wrong, wrong))):
        assert leaked_lines(trained, HeldOut(leaked.source, target, None, others)) == list(range(13, 24))
