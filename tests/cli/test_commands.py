"""The commands from training to comparison, and their error messages."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import translator
from tests.cli.conftest import ROOT, TINY, TINY_RECURRENT, Program, command, sets
from tests.faults.harness import reseal


def test_a_run_is_complete_and_contains_no_absolute_path(here: Path, program: Program) -> None:
    run = here / "runs" / "demo"
    record = json.loads((run / "final/finished.json").read_text())
    assert (record["step"], record["made_by"]) == (6, "train")
    events = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    assert [event["step"] for event in events if event["event"] == "update"] == [1, 2, 3, 4, 5, 6]
    assert [event["step"] for event in events if event["event"] == "validation"] == [3, 6]
    for path in run.rglob("*"):
        assert path.is_dir() or str(here.parent).encode() not in path.read_bytes()
    assert not list(run.rglob(".tmp-*"))


def test_training_a_finished_run_says_so(here: Path, program: Program) -> None:
    result = program("train", "demo.toml", *sets(TINY), "--output", "runs/demo")
    assert (result.code, result.output) == (0, "runs/demo\n")
    assert "is already finished" in result.errors


def test_a_run_resumes_with_more_steps_but_not_with_other_settings(here: Path, program: Program) -> None:
    result = program("train", "demo.toml", *sets([*TINY, "training.steps=8"]), "--output", "runs/demo")
    assert result.code == 0
    assert "resuming from step 6" in result.errors
    result = program("train", "demo.toml", *sets([*TINY, "model.dropout=0.4"]), "--output", "runs/demo")
    assert result.code == 2
    assert "model.dropout was 0" in result.errors
    assert "is now 0.4" in result.errors


def test_a_run_can_start_from_the_parameters_of_another(here: Path, program: Program) -> None:
    more = [*TINY, "training.steps=2", "training.initialise_from=runs/demo"]
    assert program("train", "demo.toml", *sets(more)).code == 0
    other = [*more, "tokenizer.kind=bpe"]
    result = program("train", "demo.toml", *sets(other))
    assert result.code == 4
    assert "training.initialise_from: runs/demo has a different tokenizer" in result.errors


def test_protected_strings_are_copied_by_a_trained_run(here: Path, program: Program) -> None:
    for split in ("train", "valid", "test"):
        for language in ("en", "de"):
            lines = Path(f"{split}.{language}").read_text().splitlines()
            Path(f"{split}.{language}").write_text("".join(f"{{{n}}} {line}\n" for n, line in enumerate(lines)))
    keep = ['tokenizer.keep=["<b>", "</b>"]', 'tokenizer.keep_patterns=["placeholders", "emails"]']
    result = program("train", "demo.toml", *sets([*TINY, *keep]), "--output", "runs/keep")
    assert result.code == 0
    assert "protected strings: in 300 training pairs on both sides" in result.errors
    sentence = "{7} <b>dogs</b> sleep, {x} {7} a@b.c"
    [translation] = program("translate", "--run", "keep", sentence).output.splitlines()
    strings = sorted(re.findall(r"{\w+}|</?b>|a@b.c", translation))
    assert strings == ["</b>", "<b>", "a@b.c", "{7}", "{7}", "{x}"]
    assert "kept      100.00  (higher is better)              12" in program("evaluate", "keep").output
    assert json.loads(program("evaluate", "keep", "--json").output)["protected"] == {"num_kept": 12, "num_strings": 12}


def test_a_run_translates_without_the_folders_that_may_be_deleted(here: Path, program: Program) -> None:
    expected = program("translate", "A dog sleeps.", "--attention", "pharaoh").output
    for name in ("corpus", "checkpoints", "prepared"):
        shutil.rmtree(here / "runs/demo" / name)
    assert program("translate", "A dog sleeps.", "--attention", "pharaoh").output == expected
    result = program("evaluate", "runs/demo")
    assert result.code == 4
    assert "the run has no test sentences; give files with --source and --reference" in result.errors
    files = ["--source", "test.en", "--reference", "test.de"]
    assert program("evaluate", "runs/demo", *files).output.startswith("Scores of demo\n")
    assert program("report", "runs/demo", *files).code == 0
    result = program("train", "demo.toml", *sets(TINY), "--output", "runs/demo")
    assert (result.code, result.output) == (0, "runs/demo\n")


def test_translate_prints_one_line_per_input_line(here: Path, program: Program) -> None:
    result = program("translate", stdin=b"A dog sleeps.\n\n   \nLast line")
    assert result.code == 0
    lines = result.output.split("\n")
    assert (len(lines), lines[1], lines[2], lines[4]) == (5, "", "", "")
    assert "translating with runs/demo" in result.errors
    assert program("translate", "").output == "\n"
    assert program("translate", stdin=b"").output == ""


def test_plain_words_are_one_line_and_quoted_arguments_one_line_each(here: Path, program: Program) -> None:
    assert program("translate", "a", "dog", "sleeps").output == program("translate", "a dog sleeps").output
    two = program("translate", "a dog sleeps", "the cat").output
    assert two == program("translate", stdin=b"a dog sleeps\nthe cat\n").output


def test_batch_size_and_order_do_not_change_translations(here: Path, program: Program) -> None:
    lines = (here / "test.en").read_text().splitlines()
    whole = program("translate", "--input", "test.en").output.splitlines()
    assert program("translate", "--input", "test.en", "--batch-size", "1").output.splitlines() == whole
    backwards = program("translate", stdin="\n".join(reversed(lines)).encode()).output.splitlines()
    assert backwards == whole[::-1]


def test_sentences_of_a_line_and_paragraphs_of_a_document_are_translated_one_by_one(
    here: Path, program: Program
) -> None:
    dog, man = program("translate", stdin=b"A dog sleeps.\nThe man reads a book.\n").output.splitlines()
    result = program("translate", "--split-sentences", stdin=b"A dog sleeps. The man reads a book.\n\nA dog sleeps.\n")
    assert result.output.splitlines() == [f"{dog} {man}", "", dog]
    Path("letter").write_text("A dog\nsleeps. The man\nreads a book.\n\n\nA dog sleeps.")
    assert program("translate", "--input", "letter", "--paragraphs").output.splitlines() == [
        f"{dog} {man}",
        "",
        "",
        dog,
    ]
    assert program("translate", "a dog", "--paragraphs", "--attention", "terminal").code == 2


def test_json_lines_have_the_n_best_translations(here: Path, program: Program) -> None:
    result = program("translate", "a dog sleeps", "--json", "--num-best", "2")
    record = json.loads(result.output)
    assert record["source"] == "a dog sleeps"
    assert 1 <= len(record["translations"]) <= 2


def test_every_word_of_a_json_line_has_a_confidence(here: Path, program: Program) -> None:
    lines = program("translate", "--input", "test.en", "--json").output.splitlines()
    for line in lines:
        for translation in json.loads(line)["translations"]:
            assert bool(translation["words"]) == bool(translation["text"])
            assert all(0 <= word["confidence"] <= 1 for word in translation["words"])
    assert json.loads(program("translate", "", "--json").output)["translations"][0]["words"] == []


def test_plain_lines_have_the_n_best_translations_with_line_and_score(here: Path, program: Program) -> None:
    rows = program("translate", "a dog sleeps", "the cat", "--num-best", "2").output.splitlines()
    records = program("translate", "a dog sleeps", "the cat", "--num-best", "2", "--json").output.splitlines()
    best = [(number, one) for number, line in enumerate(records, 1) for one in json.loads(line)["translations"]]
    assert rows == [f"{number} ||| {one['text']} ||| {one['score']:.6f}" for number, one in best]
    result = program("translate", "a dog", "--num-best", "2", "--attention", "terminal")
    assert (result.code, "--num-best: given with --attention on standard output" in result.errors) == (2, True)


def test_translations_start_with_their_prefix(here: Path, program: Program) -> None:
    lines = program("translate", "a dog sleeps", "the cat", "--prefix", "Unser Hund").output.splitlines()
    assert [line[:10] for line in lines] == ["Unser Hund"] * 2
    lines = program("translate", "--prefix-column", stdin=b"a dog\tDer alte\nthe cat\n\tx\n").output.splitlines()
    assert lines[0].startswith("Der alte")
    assert lines[1:] == [*program("translate", "the cat").output.splitlines(), ""]
    assert program("translate", "a dog", "--prefix", "x", "--prefix-column").code == 2


def test_no_sequence_of_tokens_is_repeated_on_request(here: Path, program: Program) -> None:
    words = ["a dog sleeps", "--set", "decoding.min_length=12", "--set", "decoding.max_length=12"]
    free = json.loads(program("translate", *words, "--json").output)["translations"][0]
    bound = json.loads(program("translate", *words, "--no-repeat-ngram", "1", "--json").output)["translations"][0]
    assert bound["log_prob"] < free["log_prob"]


def test_a_dash_is_standard_input(here: Path, program: Program) -> None:
    expected = program("translate", "a dog sleeps").output
    assert program("translate", "-", stdin=b"a dog sleeps\n").output == expected
    assert program("translate", "--input", "-", stdin=b"a dog sleeps\n").output == expected


def test_an_unfinished_run_translates_with_its_best_checkpoint(here: Path, program: Program) -> None:
    shutil.rmtree(here / "runs/demo/final")
    result = program("translate", "a dog sleeps")
    assert result.code == 0
    assert "runs/demo: training has not finished; translating with its best checkpoint, step " in result.errors
    with pytest.warns(UserWarning, match="training has not finished"):
        assert translator.load("demo").translate("a dog sleeps") + "\n" == result.output
    best = result.errors.partition("checkpoint, step ")[2].partition(",")[0]
    chosen = program("translate", "a dog sleeps", "--checkpoint", f"step-{best}")
    assert (chosen.output, "training has not finished" in chosen.errors) == (result.output, False)
    result = program("translate", "a dog sleeps", "--checkpoint", "step-5")
    assert result.code == 2
    assert "--checkpoint: found 'step-5', but runs/demo has step-" in result.errors
    shutil.rmtree(here / "runs/demo/checkpoints")
    result = program("translate", "a dog sleeps")
    assert (result.code, "has no checkpoint" in result.errors) == (4, True)


def test_runs_lists_the_runs(here: Path, program: Program) -> None:
    shutil.copytree("runs/demo", "runs/stopped")
    shutil.rmtree("runs/stopped/final")
    lines = program("runs").output.splitlines()
    assert lines[0].split() == ["run", "state", "architecture", "validation", "BLEU", "size", "changes"]
    assert sorted(line.split(", ")[0].split() for line in lines[1:]) == [["demo", "finished"], ["stopped", "stopped"]]
    assert "model.dim=16" in next(line for line in lines if line.startswith("demo "))
    assert {run["name"] for run in json.loads(program("runs", "--json").output)} == {"demo", "stopped"}
    assert "runs/none: no runs" in program("runs", "runs/none").errors


def test_config_writes_a_config_that_trains_the_same_model(here: Path, program: Program) -> None:
    result = program("config", "demo.toml", "--set", "training.steps=7")
    assert result.code == 0
    (here / "mine.toml").write_text(result.output)
    assert "steps = 7" in result.output
    assert program("config", "mine.toml").output == result.output


def test_settings_explains_a_setting(program: Program) -> None:
    output = program("settings", "training.steps").output
    assert output.startswith("training.steps = ")
    assert "integer ≥ 1" in output


def test_the_config_of_a_run_can_be_used_again(here: Path, program: Program) -> None:
    result = program("train", "runs/demo/config.toml", "--output", "runs/again")
    assert result.code == 2
    assert "does not record where its corpus was; add --set corpus.folder=FOLDER" in result.errors
    words = ["runs/demo/config.toml", "--set", "corpus.folder=.", "--output", "runs/again"]
    assert program("train", *words).code == 0
    assert (here / "runs/again/config.toml").read_bytes() == (here / "runs/demo/config.toml").read_bytes()
    assert "is a run, expected a config; to train its config again, type" in program("train", "runs/demo").errors


def test_unknown_words_are_reported_once(here: Path, program: Program) -> None:
    result = program("translate", "a zeppelin and a Zeppelin")
    assert result.errors.count("zeppelin") == 1
    assert "words that did not occur in training" in result.errors


def test_python_loads_the_same_translator(here: Path, program: Program) -> None:
    assert translator.load("runs/demo").translate(["a dog sleeps", ""]) == [
        program("translate", "a dog sleeps").output.rstrip("\n"),
        "",
    ]


def test_an_output_file_is_not_overwritten_without_force(here: Path, program: Program) -> None:
    assert program("translate", "--input", "test.en", "--output", "out.de").code == 0
    assert len((here / "out.de").read_text().splitlines()) == 12
    assert program("translate", "--input", "test.en", "--output", "out.de").code == 5
    assert program("translate", "--input", "test.en", "--output", "out.de", "--force").code == 0
    assert program("translate", "--input", "test.en", "--output", "test.en", "--force").code == 2
    assert program("translate", "--input", "test.en", "--output", "no/such/folder").code == 5


def test_evaluate_prints_every_score_with_its_signature(here: Path, program: Program) -> None:
    result = program("evaluate", "--output", "test.out")
    assert result.code == 0
    for part in ("BLEU", "chrF2", "TER", "case:lc", "case:mixed", "95 % interval", "25+ words", "seen", "unseen words"):
        assert part in result.output
    record = json.loads(program("evaluate", "runs/demo", "--json").output)
    assert record["num_sentences"] == 12
    files = program("evaluate", "--source", "test.en", "--reference", "test.de", "--json")
    assert json.loads(files.output)["scores"] == record["scores"]


def test_compare_trains_missing_runs_and_starts_with_the_verdict(here: Path, program: Program) -> None:
    text = (here / "demo-additive.toml").read_text()
    for override in TINY_RECURRENT:
        key, value = override.split("=")
        name = key.split(".")[1]
        text = "\n".join(f"{name} = {value}" if line.split(" = ")[0] == name else line for line in text.splitlines())
    (here / "demo-additive.toml").write_text(text.replace("hidden_dim = 16", "hidden_dim = 8", 1))
    result = program("compare", "runs/demo", "demo-additive.toml")
    assert result.code == 0
    assert "no finished run yet, training it first" in result.errors
    first, *_ = result.output.splitlines()
    assert "BLEU" in first
    assert re.search(r"^run .*25\+ words \(", result.output, re.MULTILINE)
    assert "Unequal conditions\n" in result.output
    record = json.loads(program("compare", "runs/demo", "runs/demo-additive", "--json").output)
    assert [row["run"] for row in record["runs"]] == ["demo", "demo-additive"]
    assert [group["name"] for group in record["runs"][0]["by_frequency"]][:2] == ["unseen words", "words seen once"]
    unequal = [condition["name"] for condition in record["conditions"]]
    assert {"steps", "training.steps", "training.average", "parameters"} <= set(unequal)
    result = program("compare", "runs/demo", "runs/demo-additive", "--strict")
    assert (result.code, result.output) == (2, "")
    assert all(f"{name} (" in result.errors for name in unequal)
    assert (
        "translating with runs/demo\n" in program("translate", "a").errors
    )  # compare's run is not the latest of train


def test_compare_rejects_different_references_and_a_single_run(here: Path, program: Program) -> None:
    shutil.copytree("runs/demo", "runs/other")
    (here / "runs/other/corpus/test.target").write_text("x\n" * 12)
    assert program("compare", "runs/demo", "runs/other").code == 4
    reseal(here / "runs/other")
    result = program("compare", "runs/demo", "runs/other")
    assert result.code == 3
    assert "different references" in result.errors
    assert program("compare", "runs/demo").code == 2
    same = json.loads(program("compare", "runs/demo", "runs/demo", "--json").output)
    assert [row["paired_test"]["p_value"] for row in same["runs"]] == [1.0, 1.0]


TEST_FILES = ("--source", "test.en", "--reference", "test.de")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["trian"], 2, "train"),
        (["train", "nothing"], 2, "no such config"),
        (["train", "demo.toml", "--set", "training.step=1"], 2, "did you mean 'steps'?"),
        (["train", "demo.toml", "--device", "cuda"], 5, "CUDA requested but not available"),
        (["train", "demo.toml", "--output", "test.en"], 5, "is not a run folder"),
        (["train", "demo.toml", "--overwrite", "--output", "."], 5, "not a run folder"),
        (["translate", "--run", "test.en", "x"], 4, "is not a run folder of this program"),
        (["translate", "--beam-size", "0", "x"], 2, "--beam-size: found 0"),
        (["translate", "--batch-size", "0", "x"], 2, "batch-size"),
        (["translate", "--set", "decoding.length_penalty=nan", "x"], 2, "decoding.length_penalty"),
        (["translate", "--set", "training.steps=1", "x"], 2, "only decoding.* may be set here"),
        (["translate", "--input", "missing"], 3, "missing: no such file"),
        (["translate", "--input", "missing", "--output", "test.en", "--force"], 3, "missing: no such file"),
        (["compare", "runs/demo", "runs/demo", "--seeds", "2"], 2, "runs/demo: is a run, which has one seed"),
        (
            ["compare", "demo.toml", "demo-additive.toml"],
            2,
            "runs/demo: was trained with different settings: decoder.num",
        ),
        (["evaluate", "--source", "test.en"], 2, "only one of them is given"),
        (["evaluate", "--source", "test.en", "--reference", "train.de"], 3, "300 lines, but test.en has 12"),
        (["evaluate", *TEST_FILES, "--output", "test.de", "--force"], 2, "test.de is the same file"),
        (["evaluate", "--alignments", "test.en", "--output", "test.en", "--force"], 2, "test.en is the same file"),
    ],
)
def test_an_error_has_one_message_and_the_right_exit_code(
    here: Path, program: Program, arguments: list[str], code: int, message: str
) -> None:
    result = program(*arguments)
    assert result.code == code, result.errors
    assert message in result.errors
    assert result.output == ""


def test_damaged_parameters_are_rejected(here: Path, program: Program) -> None:
    path = here / "runs/demo/final/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    result = program("translate", "x")
    assert result.code == 4
    assert "model.safetensors has changed since it was written" in result.errors


def test_input_that_is_not_utf_8_is_reported_with_its_line(here: Path, program: Program) -> None:
    result = program("translate", stdin=b"good\nf\xfcr\n")
    assert result.code == 3
    assert "standard input:2: not UTF-8" in result.errors


def test_a_full_disk_behind_standard_output_is_an_environment_error(here: Path) -> None:
    done = command(here, "translate", "--input", "test.en", stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    with open("/dev/full", "w") as full:  # noqa: PTH123
        words = [sys.executable, "-m", "translator", "translate", "a dog"]
        broken = subprocess.run(
            words,
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert broken.returncode == 5


def test_help_is_fast_and_does_not_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['translator', '--help']\n"
        "from translator.cli.app import run\n"
        "assert run() == 0\n"
        "assert not {'torch', 'datasets', 'pydantic', 'sacrebleu', 'sentencepiece'} & set(sys.modules)\n"
        "import time; assert time.process_time() < 0.3"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("train", "translate", "evaluate", "compare"))
    assert command(tmp_path, "--version").stdout == f"translator {translator.__version__}\n"


def test_a_progress_bar_does_not_mix_with_the_translations(here: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of Unix")
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "translator", "translate", "--input", "test.en"]
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    with (here / "out").open("wb") as out:
        code = subprocess.run(words, cwd=here, env=environment, stdout=out, stderr=theirs, check=False).returncode
    os.close(theirs)
    assert code == 0
    assert b"12 lines" in os.read(ours, 100_000)
    assert len((here / "out").read_text().splitlines()) == 12


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the working directory cannot be deleted")
def test_absolute_paths_work_from_a_deleted_working_directory(here: Path, tmp_path: Path) -> None:
    (tmp_path / "deleted").mkdir()
    program = f"import os, sys; os.rmdir({str(tmp_path / 'deleted')!r}); from translator.__main__ import main; sys.exit(main())"
    words = [
        "translate",
        "--run",
        str(here / "runs/demo"),
        "--input",
        str(here / "test.en"),
        "--output",
        str(here / "out"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *words],
        cwd=tmp_path / "deleted",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "the working directory has been deleted, so only absolute paths work" in done.stderr
    assert len((here / "out").read_text().splitlines()) == 12


@pytest.mark.parametrize("length", [246, 251, 255])
def test_files_with_long_names_are_read_and_written(length: int, here: Path, program: Program) -> None:
    source, target = "s" * length, "t" * length
    (here / source).write_bytes((here / "test.en").read_bytes())
    assert program("translate", "--run", "runs/demo", "--input", source, "--output", target).code == 0
    assert len((here / target).read_text().splitlines()) == 12
    (here / "runs/demo").rename(here / ("r" * length))
    assert program("train", "demo.toml", *sets([*TINY, "training.steps=8"]), "--output", "r" * length).code == 0
    assert sorted(path.name for path in here.glob(".*")) == []
