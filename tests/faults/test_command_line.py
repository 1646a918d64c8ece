"""Rows K of the catalogue: the command line, configs and the environment."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import (
    ENVIRONMENT,
    LONGEST_SECONDS,
    NOBODY,
    ROOT,
    Commands,
    Result,
    execute,
    leftovers,
    on_terminal,
    snapshot,
)

SHORT = [*SETTINGS["demo"], "training.steps=2", "training.validate_every=2"]


def refused(done: Result, code: int, *messages: str) -> None:
    """Check that the command failed with one error line that contains the messages, and printed no result."""
    assert (done.code, done.output) == (code, b""), done.error_text
    (line,) = [line for line in done.error_text.splitlines() if line.startswith("error: ")]
    assert done.error_text.splitlines()[-1] == line
    assert len(line) < 4_200
    for message in messages:
        assert message in line


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["trian"], ["trian", "id you mean 'train'?"]),
        (["translat", "a dog"], ["translat", "id you mean 'translate'"]),
        (["translate", "--bach-size", "3"], ["translator translate: ", "--bach-size", "did you mean ", "--batch-size"]),
        (["train", "--sett", "a=b"], ["translator train: ", "--sett", "did you mean --set?"]),
        (["train", "demo.toml", "more"], ["translator train: ", "(more)"]),
        (["translate", "--beam-size"], ["--beam-size", "requires an argument"]),
        (["compare", "--batch-size", "many"], ["translator compare: ", "'--batch-size'", "integer"]),
        (["train", "dmeo"], ["dmeo: no such config", "demo"]),
        (["--verbose"], ["translator: ", "--verbose"]),
        (["evaluate", "--json=yes"], ["--json"]),
        (["translate", "--input", "test.en", "a dog"], ["--input: given together with text"]),
        (["tr\x1b[2Jain"], ["tr\\x1b[2Jain"]),
        (["train", "x\n" * 15], ["x\\x0ax\\x0a"]),
        (["train", "demo.toml", "--set", "x\n" * 15 + "=1"], ["x\\x0ax\\x0a"]),
        (["train", "demo.toml", "--set", "x" * 10_000], ["--set "]),
    ],
)
def test_k01_a_typing_mistake_is_reported_in_one_line(
    commands: Commands, finished: Path, words: list[str], messages: list[str]
) -> None:
    refused(commands.run(finished, *words), 2, *messages)


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("learning_rate = 6e-3", "lerning_rate = 6e-3", ["training.lerning_rate: unknown option", "'learning_rate'?"]),
        ("[training]", "[trainig]", ["trainig: unknown table", "'training'?"]),
        ("num_layers = 2", "num_layer = 2", ["encoder.num_layer: unknown option", "'num_layers'?"]),
        ("steps = 1200", "steps = true", ["training.steps: found True, expected a number"]),
        ('mechanism = "full"', "mechanism = [1]", ["encoder.self_attention.mechanism: found [1], expected 'full'"]),
    ],
)
def test_k02_a_wrong_key_or_value_is_reported_with_file_and_line(
    commands: Commands, corpus: Path, old: str, new: str, messages: list[str]
) -> None:
    text = (corpus / "demo.toml").read_text().replace(old, new, 1)
    (corpus / "demo.toml").write_text(text)
    line = text[: text.index(new)].count("\n") + 1
    refused(commands.run(corpus, "train", "demo.toml"), 2, f"demo.toml:{line}: ", *messages)


@pytest.mark.parametrize(
    ("override", "messages"),
    [
        ("model.dropout=1.5", ["model.dropout: found 1.5, expected less than 1"]),
        ("training.steps=ten", ["training.steps: found 'ten', expected a valid integer"]),
        ("training.learning_rate=nan", ["training.learning_rate: found nan, expected a finite number"]),
        ("training.learning_rate=-1", ["training.learning_rate: found -1, expected greater than 0"]),
        ("training.batch_tokens=0", ["training.batch_tokens: found 0, expected greater than or equal to 1"]),
        ("training.seed=-1", ["training.seed: found -1"]),
        ("training.schedule=cosin", ["training.schedule: found 'cosin', expected 'inverse_sqrt'"]),
        ("tokenizer.vocab_size=1000000000000", ["tokenizer.vocab_size: found 1000000000000, expected less than"]),
        ("model=3", ["model"]),
        ("training.steps.more=1", ["'steps' is a value, not a table"]),
        ("=3", ["expected KEY=VALUE"]),
        ("training.steps", ["expected KEY=VALUE"]),
        (
            os.fsdecode(b"corpus.source_language=\xff"),
            ["--set corpus.source_language: found '\\udcff', which is not UTF-8"],
        ),
        (os.fsdecode(b"corpus.folder=\xff"), ["--set corpus.folder: found '\\udcff', which is not UTF-8"]),
        (os.fsdecode(b"training.steps=5 # \xff"), ["--set training.steps: found '5 # \\udcff', which is not UTF-8"]),
        (os.fsdecode(b"\xff=5"), ["is not UTF-8"]),
        ("model.architecture=[1]", ["--set model.architecture: found [1], expected 'recurrent' or 'transformer'"]),
        (
            "model.architecture={a=1}",
            ["--set model.architecture: found {'a': 1}, expected 'recurrent' or 'transformer'"],
        ),
        (
            "encoder.self_attention.mechanism=[1]",
            ["--set encoder.self_attention.mechanism: found [1], expected 'full'"],
        ),
        ("encoder.self_attention.mechanism={a=1}", ["self_attention.mechanism: found {'a': 1}, expected 'full'"]),
        (
            "training.steps=" + "9" * 5000,
            ["--set training.steps: found '999", "(5,002 characters), expected less than 922"],
        ),
        (
            "training.steps=0x" + "f" * 5000,
            ["training.steps: found an integer of more than 4,300 digits, expected less"],
        ),
        ("training.seed=0x" + "f" * 5000, ["training.seed: found an integer of more than 4,300 digits, expected less"]),
        ("training.learning_rate=0x" + "f" * 5000, ["training.learning_rate: found an integer of", "a valid number"]),
        ("training.steps=9223372036854775808", ["found 9223372036854775808, expected less than 9223372036854775808"]),
        ("training.steps=" + "x" * 10_000, ["training.steps: found 'xxx", "(10,002 characters), expected a valid"]),
        ("corpus.train=[0x" + "f" * 5000 + "]", ["corpus.train"]),
        ("model.architecture=0x" + "f" * 5000, ["model.architecture: found an integer of more than 4,300 digits"]),
        ("encoder.self_attention.mechanism=0x" + "f" * 5000, ["self_attention.mechanism: found an integer of more"]),
        ("training.steps=true", ["--set training.steps: found True, expected a number"]),
        ("training.max_minutes=true", ["--set training.max_minutes: found True, expected a number"]),
        ("model.dropout=false", ["--set model.dropout: found False, expected a number"]),
        ("encoder.self_attention.num_heads=true", ["encoder.self_attention.num_heads: found True, expected a number"]),
        ("training.steps=5\nmodel.dim=3", ["--set training.steps: found '5\\nmodel.dim=3', expected one value"]),
        ('corpus.train=["a"]', ["--set corpus.train: found ['a'], expected a string or a pair of strings"]),
        ("corpus.test=[1, 2]", ["--set corpus.test: found [1, 2], expected a string or a pair of strings"]),
        ("ops.compile=5", ["--set ops.compile: found 5, expected true or false"]),
        ("corpus.folder=5", ["--set corpus.folder: found 5, expected a path"]),
        ("corpus.hub=5", ["--set corpus.hub: found 5, expected a table"]),
        ("corpus.hub={nam=5}", ["--set corpus.hub.nam: unknown option; did you mean 'name'?"]),
        ("decoding.num_best=9", ["--set decoding.num_best: num_best = 9 is more than the 5 that beam search keeps"]),
        ("encoder.self_attention=5", ["--set encoder.self_attention: expected a table"]),
        ("encoder.self_attention.score=[1]", ["--set encoder.self_attention.score: found [1], expected 'additive'"]),
    ],
)
def test_k03_an_invalid_value_is_reported_with_what_was_expected(
    commands: Commands, corpus: Path, override: str, messages: list[str]
) -> None:
    refused(commands.run(corpus, "train", "demo.toml", "--set", override), 2, *messages)
    assert not (corpus / "runs").exists()


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (sets("decoding.max_length=5", "decoding.min_length=10000"), "--set decoding.min_length"),
        (sets("decoding.beam_size=1", "decoding.num_best=2"), "--set decoding.num_best"),
        (["--num-best", "9", "--json"], "--num-best"),
        (["--beam-size", "1", *sets("decoding.num_best=2")], "--set decoding.num_best"),
    ],
)
def test_k03_a_contradiction_is_reported_at_the_option_that_was_given(
    commands: Commands, finished: Path, words: list[str], place: str
) -> None:
    refused(commands.run(finished, "translate", "--run", "runs/demo", "a dog", *words), 2, f"error: {place}: ")


def test_k03_story_rejects_what_train_rejects(commands: Commands, tmp_path: Path) -> None:
    done = commands.run(tmp_path, "story", *sets(os.fsdecode(b"training.steps=5 # \xff")))
    refused(done, 2, "--set training.steps: found '5 # \\udcff', which is not UTF-8")


def test_k05_a_contradiction_is_found_before_any_data_is_read(commands: Commands, corpus: Path) -> None:
    (corpus / "train.en").unlink()
    overrides = sets("model.dim=64", "encoder.self_attention.num_heads=3")
    refused(commands.run(corpus, "train", "demo.toml", *overrides), 2, "64", "3")
    refused(commands.run(corpus, "train", "demo.toml", *sets("decoding.num_best=9")), 2, "num_best = 9 is more than")


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (b"[training\nsteps = 1\n", ["bad.toml:1"]),
        (b"[training]\nsteps = 1\nsteps = 2\n", ["bad.toml:3"]),
        (b"[training]\nsteps = 0x\n", ["bad.toml:2"]),
        (b"[training]\nsteps = " + b"9" * 5000, ["bad.toml:2: steps: an integer of more than 4,300 digits, expected "]),
        (b"# caf\xe9\n", ["bad.toml", "is not UTF-8"]),
        (b"\xff\xfe[\0t\0", ["bad.toml", "is not UTF-8"]),
        (b"a = " + b"[" * 100_000, ["bad.toml", "nested too deeply"]),
        (b"\x80\x04\x95pickle", ["bad.toml"]),
    ],
)
def test_k06_invalid_toml_is_reported_with_its_line(
    commands: Commands, corpus: Path, content: bytes, messages: list[str]
) -> None:
    (corpus / "bad.toml").write_bytes(content)
    refused(commands.run(corpus, "train", "bad.toml"), 2, *messages)


def test_k06_an_empty_config_has_no_corpus_and_a_folder_is_not_a_config(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_bytes(b"")
    (tmp_path / "folder.toml").mkdir()
    refused(commands.run(tmp_path, "train", "empty.toml"), 3, "no such file")
    refused(commands.run(tmp_path, "train", "folder.toml"), 2, "folder.toml: is a folder")
    refused(commands.run(tmp_path, "train", "none.toml"), 2, "none.toml: no such config")


@pytest.mark.parametrize("name", ["thesis.txt", ".git"])
def test_k07_training_does_not_write_to_a_folder_that_is_not_a_run(commands: Commands, work: Path, name: str) -> None:
    (work / "mine").mkdir()
    (work / "mine" / name).write_text("years of work")
    before = snapshot(work)
    for output in ("mine", "test.en", "."):
        refused(commands.run(work, "train", "demo.toml", "--output", output), 5, "is not a run folder")
    changes = ["model.dropout=0.1", "training.learning_rate=0.5", "training.batch_tokens=99"]
    done = commands.run(work, "train", "demo.toml", *sets(*SETTINGS["demo"], *changes), "--output", "runs/demo")
    refused(done, 2, "model.dropout was 0.3, is now 0.1", "training.learning_rate was 0.006, is now 0.5")
    refused(done, 2, "training.batch_tokens was 512, is now 99", "may change", "--overwrite")
    assert snapshot(work) == before


def test_k07_the_same_command_with_more_steps_resumes_the_run(commands: Commands, corpus: Path) -> None:
    settings = [setting for setting in SETTINGS["demo"] if not setting.startswith("training.steps")]
    first = commands.run(corpus, "train", "demo.toml", *sets(*settings, "training.steps=2"))
    again = commands.run(corpus, "train", "demo.toml", *sets(*settings, "training.steps=4"))
    assert (first.code, again.code) == (0, 0), again.error_text
    assert first.output == again.output
    assert "resuming from step 2" in again.error_text
    assert len(list((corpus / "runs").iterdir())) == 1


def test_k07_an_output_needs_a_name(commands: Commands, corpus: Path) -> None:
    (corpus / "nothing").mkdir()
    words = ["train", "../demo.toml", *sets(*SETTINGS["demo"]), "--output", "."]
    refused(commands.run(corpus / "nothing", *words), 2, "--output: found '.', which does not name a run")


def test_k03_compare_rejects_options_before_training(commands: Commands, corpus: Path) -> None:
    words = ["compare", "demo.toml", "demo-additive.toml"]
    refused(commands.run(corpus, *words, *sets("training.steps=1")), 2, "only decoding.* may be set here")
    refused(commands.run(corpus, *words, "--beam-size", "0"), 2, "--beam-size")
    assert not (corpus / "runs").exists()


@pytest.mark.parametrize("marker", ["", "run.json", "config.toml", "manifest.json"])
def test_k08_only_a_run_folder_is_ever_deleted(commands: Commands, work: Path, marker: str) -> None:
    (work / "home").mkdir()
    (work / "home/thesis.txt").write_text("years of work")
    if marker:
        shutil.copy(work / "runs/demo" / marker, work / "home" / marker)
    before = snapshot(work)
    done = commands.run(work, "train", "demo.toml", *sets(*SHORT), "--output", "home", "--overwrite")
    assert done.code in (4, 5)
    refused(done, done.code, "home")
    refused(commands.run(work, "train", "demo.toml", "--output", "/", "--overwrite"), 5, "is not a run folder")
    assert snapshot(work) == before


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Yield the address of a server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("network", ["refusing", "silent", "offline"])
def test_k09_an_unreachable_hub_is_reported_within_half_a_minute(
    commands: Commands, tmp_path: Path, silent_server: str, network: str
) -> None:
    address = silent_server if network == "silent" else "http://127.0.0.1:9"
    variables = {"HF_HOME": str(tmp_path / "cache"), "HF_ENDPOINT": address}
    if network == "offline":
        variables["HF_HUB_OFFLINE"] = "1"
    began = time.monotonic()
    done = commands.run(tmp_path, "train", "multi30k-transformer", environment=variables)
    assert time.monotonic() - began < 30
    refused(done, 5, "cannot reach the Hugging Face hub", "use local files: --set corpus.format=files")


@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"CI": "1"}, {"NO_COLOR": "1", "COLUMNS": "20"}])
def test_k10_output_suits_every_kind_of_terminal(work: Path, changes: dict[str, str]) -> None:
    done = on_terminal(work, "train", "demo.toml", *sets(*SHORT), environment=changes)
    assert done.code == 0, done.error_text
    assert "runs/demo-" in done.error_text.splitlines()[-1]
    if "NO_COLOR" not in changes:
        assert b"\x1b" not in done.output
        assert "step 1 of 2" in done.error_text
    else:
        assert b"\x1b[3" not in done.output
        assert done.output.count(b"\x1b[?25h") == done.output.count(b"\x1b[?25l")


def test_k10_a_pipe_gets_no_control_codes(commands: Commands, work: Path) -> None:
    changes = {"FORCE_COLOR": "1", "COLUMNS": "20", "TERM": "xterm-256color"}
    for words in (["train", "demo.toml", *sets(*SHORT)], ["compare", "runs/demo", "runs/demo-additive"]):
        done = commands.run(work, *words, environment=changes)
        assert b"\x1b" not in done.output + done.errors


def test_k11_no_home_and_no_temporary_folder_are_needed(commands: Commands, work: Path) -> None:
    bare = {"HOME": None, "TMPDIR": "/no/such/folder", "LANG": None, "LC_ALL": None, "TERM": None}
    assert commands.run(work, "translate", "a dog", environment=bare).code == 0
    assert execute(work, "translate", "a dog", environment=bare).code == 0
    assert commands.run(work, "train", "demo.toml", *sets(*SHORT), environment=bare).code == 0
    assert commands.run(work, "evaluate", environment=bare).code == 0


def test_k11_a_read_only_folder_is_reported(commands: Commands, work: Path) -> None:
    work.chmod(0o555)
    assert commands.run(work, "translate", "a dog", user=NOBODY).code == 0
    before = snapshot(work)
    done = commands.run(work, "train", "demo.toml", *sets(*SHORT), "--output", "new/run", user=NOBODY)
    assert snapshot(work) == before
    work.chmod(0o755)
    refused(done, 5, "new", "Permission denied")


def test_k12_help_and_version_do_not_import_torch(tmp_path: Path) -> None:
    for name in ("torch", "datasets", "sacrebleu", "sentencepiece", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('broken')\n")
    broken = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    for words in (["--help"], ["--version"], [], ["train", "--help"], ["translate", "--help"], ["compare", "--help"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = execute(tmp_path, *words, environment=broken)
        assert (done.code, done.errors) == (0, b"")
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 2
    done = execute(tmp_path, "translate", "a dog", environment=broken)
    refused(done, 5, "translator: the installation is incomplete (broken); reinstall it")


def test_k12_an_interrupt_during_imports_is_not_an_internal_error(work: Path) -> None:
    words = [sys.executable, "-m", "translator", "translate", "a dog"]
    for delay in (0.1, 0.3, 0.6, 1.0):
        with subprocess.Popen(
            words, cwd=work, env=ENVIRONMENT, stdout=-1, stderr=-1, start_new_session=True
        ) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=LONGEST_SECONDS)
        assert process.returncode in (130, 0, -signal.SIGINT)
        if process.returncode == 130:
            assert b"Traceback" not in errors


def test_k13_a_clock_that_jumps_back_gives_no_negative_speed(work: Path) -> None:
    (work / "sitecustomize.py").write_text(
        "import time\nreal, count = time.time, iter(range(10**9))\ntime.time = lambda: real() - 1800 * next(count)\n"
    )
    variables = {"PYTHONPATH": f"{work}:{ROOT}"}
    done = execute(work, "train", "demo.toml", *sets(*SHORT), "--output", "runs/new", environment=variables)
    assert done.code == 0, done.error_text
    assert "  -" not in done.error_text
    events = [json.loads(line) for line in (work / "runs/new/journal.jsonl").read_text().splitlines()]
    assert all(event["seconds"] >= 0 for event in events)
    shown = on_terminal(work, "train", "demo.toml", *sets(*SHORT), "--output", "runs/bar", environment=variables)
    assert shown.code == 0
    done = execute(work, "evaluate", "runs/new", environment=variables)
    assert done.code == 0
    assert "-" not in done.lines[-1]


CLOSED = {"standard input": "<&-", "standard output": ">&-", "standard error": "2>&-", "full errors": "2>/dev/full"}


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("words", ["translate 'a dog'", "trian"])
def test_k11_a_closed_or_full_stream_does_not_change_the_exit_code(work: Path, closed: str, words: str) -> None:
    script = f"{sys.executable} -m translator {words} {CLOSED[closed]}"
    done = subprocess.run(["bash", "-c", script], cwd=work, env=ENVIRONMENT, capture_output=True, check=False)
    expected = 2 if words == "trian" else 5 if closed == "standard output" else 0
    assert done.returncode == expected, done.stderr
    assert b"Traceback" not in done.stderr
    assert leftovers(work) == []


def test_k11_training_continues_if_standard_error_is_closed(work: Path) -> None:
    words = " ".join(["train", "demo.toml", *sets(*SHORT), "--output", "runs/new"])
    script = f"set -o pipefail; {sys.executable} -m translator {words} 2>&1 >folder | true"
    done = subprocess.run(["bash", "-c", script], cwd=work, env=ENVIRONMENT, capture_output=True, check=False)
    assert (done.returncode, (work / "folder").read_text()) == (0, "runs/new\n")
    assert (work / "runs/new/final/finished.json").is_file()
