"""Rows F of the catalogue: input and output of `translate`."""

import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.harness import (
    ENVIRONMENT,
    LONGEST_SECONDS,
    NOBODY,
    Commands,
    execute,
    leftovers,
    make_it_write,
    snapshot,
)
from translator.cli.input import input_blocks

if TYPE_CHECKING:
    from tests.faults.runs import TrainingRuns

DOG = b"a dog sleeps\n"
RUNS = ["runs/demo", "runs/demo-additive"]


def shell(folder: Path, line: str) -> tuple[int, bytes, bytes]:
    """A pipeline of a shell, with $translator in it; returns the exit code of the command, not of the pipe's end."""
    words = shlex.join([sys.executable, "-m", "translator"])
    script = f"translator={shlex.quote(words)}; set -o pipefail; {line}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=ENVIRONMENT, capture_output=True, timeout=LONGEST_SECONDS, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("text", ["", "   ", "\t", "\u00a0\u2003"])
def test_f01_empty_input_gives_empty_output(commands: Commands, finished: Path, text: str) -> None:
    done = commands.run(finished, "translate", text)
    assert (done.code, done.output) == (0, b"\n")


@pytest.mark.parametrize("run", RUNS)
def test_f02_blank_lines_stay_where_they_are(commands: Commands, finished: Path, run: str) -> None:
    lines = [b"", b"a dog", b"the cat", b"a bird", b"  ", b"the sun", b""]
    done = commands.run(finished, "translate", "--run", run, stdin=b"".join(line + b"\n" for line in lines))
    assert done.code == 0
    assert [not line for line in done.lines] == [not line.strip() for line in lines]


def test_f03_no_input_gives_no_output(commands: Commands, finished: Path) -> None:
    done = commands.run(finished, "translate")
    assert (done.code, done.output) == (0, b"")


def test_f05_a_last_line_without_its_end_is_a_line(commands: Commands, finished: Path) -> None:
    done = commands.run(finished, "translate", stdin=b"the cat\na dog sleeps")
    assert done.output == commands.run(finished, "translate", stdin=b"the cat\na dog sleeps\n").output
    assert done.output.endswith(b"\n")


def test_f06_translation_ends_soon_and_silently_if_the_reader_leaves(finished: Path) -> None:
    began = time.monotonic()
    code, output, errors = shell(finished, "yes 'a dog' | head -100000 | $translator translate | head -1")
    assert (code, output.count(b"\n")) == (141, 1)
    assert errors.count(b"\n") == 1, errors
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("command", [["translate"], ["evaluate"], ["evaluate", "--json"], ["--help"], ["--version"]])
def test_f06_every_command_ends_silently_if_the_reader_leaves(finished: Path, command: list[str]) -> None:
    line = f"$translator {' '.join(command)} < test.en 2>errors | true"
    code, _, _ = shell(finished, f"sleep 0 | ({line})")
    assert code in (0, 141)
    assert b"Traceback" not in (finished / "errors").read_bytes()


@pytest.mark.parametrize("command", [["translate", "a dog"], ["evaluate", "runs/demo"], ["--version"], ["--help"]])
def test_f07_a_full_disk_behind_standard_output_is_an_error(
    commands: Commands, finished: Path, command: list[str]
) -> None:
    done = commands.run(finished, *command, output=Path("/dev/full"))
    assert done.code == 5
    assert "standard output: cannot be written (No space left on device)" in done.error_text


@pytest.mark.parametrize("run", RUNS)
def test_f08_an_endless_line_is_one_line_in_bounded_time(commands: Commands, finished: Path, run: str) -> None:
    began = time.monotonic()
    done = commands.run(finished, "translate", "--run", run, stdin=DOG + b"dog " * 100_000 + b"\n" + DOG)
    assert time.monotonic() - began < 40
    assert (done.code, len(done.lines)) == (0, 3)
    assert done.lines[0] == done.lines[2]
    assert "only its end was translated: line 2\n" in done.error_text


LIMITS = {
    "positions": ["model.positions=learned", "model.max_positions={}"],
    "attention": ["encoder.self_attention.mechanism=linformer", "encoder.self_attention.max_length={}"],
}


@pytest.mark.parametrize("kind", LIMITS)
def test_f08_of_a_sentence_too_long_for_the_model_the_end_is_translated(runs: "TrainingRuns", kind: str) -> None:
    run = runs.whole("transformer", *(setting.format(250) for setting in LIMITS[kind]))
    words = ["translate", "--run", str(run)]
    done = runs.commands.run(runs.folder, *words, stdin=DOG + b"dog " * 300 + b"\n" + DOG)
    assert (done.code, len(done.lines)) == (0, 3)
    assert done.lines[0] == done.lines[2]
    assert "source longer than 250 tokens, only its end was translated: line 2\n" in done.error_text


@pytest.mark.parametrize("kind", LIMITS)
def test_f08_a_pair_too_long_for_the_model_is_reported_before_the_first_update(
    runs: "TrainingRuns", kind: str, tmp_path: Path
) -> None:
    done = runs.run("transformer", tmp_path / "run", *(setting.format(7) for setting in LIMITS[kind]))
    assert done.code == 3
    assert "error: training pair 1: its source is too long (" in done.error_text
    assert "but the model reads at most 7; so are " in done.error_text


def test_f06_a_reader_that_leaves_is_not_blamed_on_another_file(work: Path) -> None:
    attention = "--attention looked.json"
    code, _, errors = shell(work, f"yes 'a dog' | head -10000 | $translator translate {attention} | head -1")
    assert code == 141
    assert b"looked.json" not in errors
    assert not (work / "looked.json").exists()


@pytest.mark.parametrize("language", ["C", "C.UTF-8", "POSIX"])
def test_f09_bytes_that_are_not_text_are_reported_by_line_in_every_locale(finished: Path, language: str) -> None:
    surroundings = {"LC_ALL": language, "LANG": language, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = execute(finished, "translate", stdin=DOG + b"f\xfcr\n", environment=surroundings)
    assert done.code == 3
    assert "standard input:2: not UTF-8 (byte 0xfc at column 2)" in done.error_text
    umlauts = execute(finished, "translate", stdin="schöne Grüße\n".encode(), environment=surroundings)
    assert umlauts.code == 0
    assert "schöne, grüsse" in umlauts.error_text


def test_f09_bytes_that_are_not_text_are_reported_on_the_command_line(commands: Commands, finished: Path) -> None:
    done = commands.run(finished, "translate", os.fsdecode(b"a \xff"))
    assert done.code == 3
    assert "command line:1: not UTF-8" in done.error_text


def test_f10_an_existing_output_is_kept_and_with_force_until_the_new_one_is_complete(
    commands: Commands, work: Path
) -> None:
    (work / "out.de").write_text("mine\n")
    before = snapshot(work)
    done = commands.run(work, "translate", "--output", "out.de", stdin=DOG)
    assert (done.code, snapshot(work)) == (5, before)
    assert "out.de: already exists; choose another name, or pass --force" in done.error_text
    done = commands.run(work, "translate", "--output", "out.de", "--force", stdin=DOG * 2100 + b"\xff\n")
    assert (done.code, snapshot(work), leftovers(work)) == (3, before, [])
    assert commands.run(work, "translate", "--output", "out.de", "--force", stdin=DOG).code == 0
    assert snapshot(work).keys() == before.keys()
    assert (work / "out.de").read_text() != "mine\n"


def test_f11_input_and_output_are_not_the_same_file_under_any_name(commands: Commands, work: Path) -> None:
    (work / "link.en").symlink_to("test.en")
    (work / "hard.en").hardlink_to(work / "test.en")
    before = snapshot(work)
    for name in ("test.en", "./test.en", "runs/../test.en", "link.en", "hard.en"):
        done = commands.run(work, "translate", "--input", "test.en", "--output", name, "--force")
        assert done.code == 2
        assert "is the same file as the input test.en" in done.error_text
    assert snapshot(work) == before


def test_f13_an_output_that_cannot_be_written_is_reported_before_translating(commands: Commands, work: Path) -> None:
    (work / "locked").mkdir(mode=0o555)
    (work / "folder").mkdir()
    for output, message in (
        ("no/such/out.de", "no/such: no such folder"),
        ("locked/out.de", "locked: folder is not writable"),
        ("folder", "folder: is not a regular file"),
        ("/dev/null", "/dev/null: is not a regular file"),
        ("test.en/out.de", "test.en: no such folder"),
        ("x" * 300, "File name too long"),
    ):
        done = commands.run(work, "translate", "--output", output, "--force", stdin=b"\xff\n", user=NOBODY)
        assert (done.code, message in done.error_text) == (5, True), (output, done.error_text)
        assert commands.run(work, "evaluate", "--output", output, "--force", user=NOBODY).code == 5


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_f14_a_command_stopped_midway_leaves_no_output_file(
    commands: Commands, work: Path, sent: signal.Signals
) -> None:
    running = commands.start(work, "translate", "--output", "out.de", stdin=DOG * 100_000)
    until = time.monotonic() + 30
    while not leftovers(work) and time.monotonic() < until:
        time.sleep(0.01)
    running.send(sent)
    done = running.wait()
    assert not (work / "out.de").exists()
    if sent == signal.SIGKILL:
        assert (done.code, len(leftovers(work))) == (-sent, 1)
        assert commands.run(work, "translate", "--output", "out.de", stdin=DOG).code == 0
    else:
        assert done.code == 128 + sent
    assert leftovers(work) == []


@pytest.mark.parametrize("run", RUNS)
def test_f15_every_script_gets_its_line(commands: Commands, finished: Path, run: str) -> None:
    lines = [
        "😀 👩‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "犬が寝ている",
        "הכלב ישן",
        "e\u0301\u0301\u0301",
        "\u202eabc",
        "\ufffd\uffff",
        "𝔡𝔬𝔤",
        "\x7f\x1b[2J",
    ]
    done = commands.run(finished, "translate", "--run", run, "--json", stdin="".join(f"{x}\n" for x in lines).encode())
    assert done.code == 0
    assert [json.loads(line)["source"] for line in done.lines] == lines
    assert "words that did not occur in training, so their translations are unreliable: " in done.error_text


@pytest.mark.parametrize("run", RUNS)
def test_f16_a_translation_without_end_is_cut_and_flagged(commands: Commands, work: Path, run: str) -> None:
    make_it_write(work / run, "<0x41>")
    done = commands.run(work, "translate", "--run", run, stdin=DOG * 2)
    assert (done.code, len(done.lines), {*done.lines[0]}) == (0, 2, {"A"})
    assert "the model did not end the translation, which was cut at its maximum length: line 1, 2\n" in done.error_text
    (line,) = commands.run(work, "translate", "--run", run, "--json", stdin=DOG).lines
    assert json.loads(line)["translations"][0]["is_finished"] is False


@pytest.mark.parametrize("end", ["<0x0A>", "<0x0D>", "<0x1E>", "<0x0B>", "<0x00>"])
def test_f17_a_line_end_that_the_model_writes_ends_no_line(commands: Commands, work: Path, end: str) -> None:
    make_it_write(work / "runs/demo", end)
    for options in ([], ["--json"], ["--output", "out.de"]):
        done = commands.run(work, "translate", "--run", "runs/demo", *options, stdin=DOG * 3)
        content = (work / "out.de").read_bytes() if "--output" in options else done.output
        assert (done.code, len(content.decode().splitlines())) == (0, 3)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--beam-size=0", "--beam-size: found 0, expected greater than or equal to 1"),
        ("--beam-size=-1", "--beam-size: found -1, expected greater than or equal to 1"),
        ("--beam-size=1000000", "--beam-size: found 1000000, expected less than or equal to 512"),
        ("--num-best=0", "--num-best: found 0, expected greater than or equal to 1"),
        ("--batch-size=0", "'--batch-size'"),
        ("--batch-size=1000000000", "'--batch-size'"),
        ("--set=decoding.length_penalty=nan", "--set decoding.length_penalty: found nan, expected a finite number"),
        ("--set=decoding.length_penalty=inf", "expected a finite number"),
        ("--set=decoding.max_length=-5", "--set decoding.max_length: found -5, expected greater than or equal to 1"),
        ("--set=decoding.beam=3", "--set decoding.beam: unknown option; did you mean 'beam_size'?"),
        ("--set=beam_size=3", "only decoding.* may be set here"),
        ("--beam-size=many", "'--beam-size'"),
        ("--device=tpu", "--device: found 'tpu', expected cpu, cuda, cuda:N or auto"),
    ],
)
def test_f18_an_impossible_search_names_what_is_possible(
    commands: Commands, finished: Path, option: str, expected: str
) -> None:
    done = commands.run(finished, "translate", option, "a dog")
    assert (done.code, done.output) == (2, b"")
    assert expected in done.error_text


def test_f18_running_out_of_memory_is_an_environment_error(commands: Commands, finished: Path) -> None:
    options = ["--beam-size", "512", "--batch-size", "100000", "--set", "decoding.max_length=10000"]
    done = commands.run(
        finished, "translate", "--run", "runs/demo", *options, stdin=DOG * 1000, limits={"RLIMIT_AS": 2 << 30}
    )
    assert done.code == 5
    assert "memory: out of memory; reduce --batch-size" in done.error_text


def test_f19_a_file_gets_the_lines_as_they_are(commands: Commands, work: Path) -> None:
    narrow = {"COLUMNS": "40", "TERM": "xterm", "FORCE_COLOR": "1"}
    lines = [b":smile: " * 40, b"[bold]a[/bold] [/] dog " * 10, b"\x1b[31mred"]
    plain = commands.run(work, "translate", "--json", stdin=b"".join(line + b"\n" for line in lines))
    done = commands.run(work, "translate", "--json", stdin=b"".join(x + b"\n" for x in lines), environment=narrow)
    assert (done.code, done.output) == (0, plain.output)
    assert [json.loads(line)["source"].encode() for line in done.lines] == lines
    make_it_write(work / "runs/demo", "<0x41>")
    done = commands.run(work, "translate", "--run", "runs/demo", stdin=b"a dog " * 100, environment=narrow)
    assert done.lines == ["A" * len(done.lines[0])]
    assert len(done.lines[0]) > 400


@pytest.mark.parametrize(
    ("count", "options"),
    [(200, []), (20, ["--json"]), (20, ["--engine", "ctranslate2"]), (20, ["--attention", "json"])],
)
def test_f20_a_program_that_writes_a_line_and_waits_gets_its_answer(
    commands: Commands, work: Path, count: int, options: list[str]
) -> None:
    if "ctranslate2" in options:
        pytest.importorskip("ctranslate2", reason="needs the library: pip install ctranslate2")
        assert commands.run(work, "export", "runs/demo", "--agreement", "0").code == 0
    ours, theirs = os.pipe()
    answers = os.pipe()
    words = ["translate", "--run", "runs/demo", "--beam-size", "1", *options]
    running = commands.start(work, *words, stdin=ours, output=Path(f"/dev/fd/{answers[1]}"))
    os.close(ours)
    os.close(answers[1])
    sentences = [line for line in (work / "train.en").read_bytes().splitlines() if line][:count]
    with os.fdopen(answers[0], "rb") as output, os.fdopen(theirs, "wb", buffering=0) as partner:
        answered = []
        for sentence in sentences:
            partner.write(sentence + b"\n")
            assert select.select([output], [], [], 30)[0], running.errors_so_far()
            answered.append(output.readline())
    assert running.wait().code == 0
    together = commands.run(work, *words, stdin=b"".join(sentence + b"\n" for sentence in sentences))
    assert len(answered) == count
    assert [line.split(b'"score"')[0] for line in answered] == [
        line.split(b'"score"')[0] for line in together.output.splitlines(keepends=True)
    ]


def test_f20_the_lines_of_a_burst_are_translated_together(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as stream, os.fdopen(theirs, "wb", buffering=0) as partner:
        monkeypatch.setattr(sys, "stdin", stream)
        blocks = input_blocks(None, None)
        partner.write(b"one\ntwo\nthr")
        assert next(blocks) == ["one", "two"]
        partner.write(b"ee\n" + b"more\n" * 10_000)
        lines = [len(next(blocks)) for _ in range(5)]
        assert lines == [2000] * 5
        partner.write(b"end")
        partner.close()
        assert list(blocks) == [["more", "end"]]


def test_f21_the_prompt_greets_edits_warns_after_each_line_and_ends_with_ctrl_d(
    commands: Commands, finished: Path
) -> None:
    typed = [b"og sleeps\x01a d\n", b"a zeppelin\n", b"\x04"]
    done = commands.on_terminal(finished, "translate", "--run", "runs/demo", "--json", typed=typed)
    text = done.output.decode()
    assert done.code == 0
    assert "en to de: type a sentence and press Enter; Ctrl-D ends" in text
    assert '"source": "a dog sleeps"' in text
    before, _, after = text.partition("unreliable: zeppelin")
    assert (before.count("> "), after.count("> ")) == (2, 1)


def test_f21_a_run_in_place_of_a_text_says_what_to_type(commands: Commands, finished: Path) -> None:
    for words, advice in (
        (["runs/demo", "a dog"], "--run runs/demo 'a dog'"),
        (["runs/demo"], "--run runs/demo TEXT"),
        (["demo"], "--run demo TEXT"),
    ):
        done = commands.run(finished, "translate", *words)
        assert (done.code, done.output) == (2, b"")
        assert f"is a run, expected text to translate; type: translator translate {advice}" in done.error_text
    assert commands.run(finished, "translate", "demo", "runs").code == 0


def test_two_commands_with_the_same_output_do_not_touch_each_others_temporary_file(
    commands: Commands, work: Path
) -> None:
    stop = ("send", int(signal.SIGSTOP), "translator.jobs.translate.translator.Translator._decode", 1)
    words = ["translate", "--run", "runs/demo", "--output", "out"]
    slow = commands.start(work, *words, stdin=DOG * 3, sabotage=[stop])
    until = time.monotonic() + 60
    while not list(work.glob(".tmp-out-*")):
        assert time.monotonic() < until, slow.errors_so_far()
        time.sleep(0.05)
    time.sleep(0.5)  # until it has stopped itself
    assert commands.run(work, *words, stdin=DOG).code == 0
    assert (work / "out").read_bytes().count(b"\n") == 1
    assert len(list(work.glob(".tmp-out-*"))) == 1
    slow.send(signal.SIGCONT)
    assert slow.wait().code == 0
    assert (work / "out").read_bytes().count(b"\n") == 3
    assert not leftovers(work)


def test_checkpoints_that_come_and_go_do_not_disturb_commands_that_read_the_run(commands: Commands, work: Path) -> None:
    ended, target = threading.Event(), work / "runs/demo/checkpoints/step-00000099"

    def save_and_prune() -> None:
        while not ended.is_set():
            temporary = target.with_name(f".tmp-{target.name}-{os.getpid()}")
            (temporary / "inner").mkdir(parents=True)
            for name in ("model.safetensors", "optimizer.safetensors", "inner/progress.json"):
                (temporary / name).write_bytes(b"x" * 1000)
            temporary.rename(target)
            target.rename(temporary)
            shutil.rmtree(temporary)

    saving = threading.Thread(target=save_and_prune)
    saving.start()
    try:
        for number in range(3):
            for words in (
                ["translate", "--run", "runs/demo", "a dog sleeps"],
                ["translate", "a dog sleeps"],
                ["evaluate", "runs/demo", "--beam-size", "1"],
                ["report", "runs/demo", "--beam-size", "1", "--output", f"report{number}.html"],
                ["export", "runs/demo", "--output", f"exported{number}"],
            ):
                done = commands.run(work, *words)
                assert done.code == 0, (words, done.error_text)
    finally:
        ended.set()
        saving.join()
