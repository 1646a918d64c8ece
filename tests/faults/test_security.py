"""Rows S of the catalogue: run folders, configs, corpora and terminals made to do harm."""

import html
import json
import os
import pickle
import re
import shutil
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import (
    Commands,
    execute,
    leftovers,
    make_it_write,
    on_terminal,
    reseal,
    snapshot,
)
from tests.faults.test_command_line import refused
from translator.errors import ModelError
from translator.text.tokenizer import fingerprint
from translator.training.checkpoint import read_parameters

SHORT = [*SETTINGS["demo"], "training.steps=2", "training.validate_every=2", "tokenizer.vocab_size=380"]
WEIGHTS = "runs/demo/final/model.safetensors"
MARKUP = ["[red]x", "a [/] b", "[link=http://e]c[/link]", ":smile: dog", "[bold"]
ESCAPES = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\u202etxt", "\x08\x08\x7f"]
LITERAL = ["${HOME}", "$(id)", "%s %d", "{0} {x}", "`id`", "\\x1b", "%(name)s", "~root"]


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.place,))


def test_s01_a_pickle_is_never_opened(commands: Commands, work: Path) -> None:
    content = pickle.dumps(Bomb(work / "created"))
    (work / "model.pt").write_bytes(content)
    refused(commands.run(work, "translate", "--run", "model.pt", "a dog"), 4, "model.pt: is not a run folder")
    (work / WEIGHTS).write_bytes(content)
    reseal(work / "runs/demo/final")
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog"), 4, "cannot be read as safetensors")
    optimizer = next((work / "runs/demo-additive/checkpoints").glob("*12/optimizer.safetensors"))
    optimizer.write_bytes(content)
    reseal(optimizer.parent)
    more = [*SETTINGS["demo-additive"], "training.steps=14"]
    done = commands.run(work, "train", "demo-additive.toml", *sets(*more), "--output", "runs/demo-additive")
    assert done.code in (0, 4), done.error_text
    assert not (work / "created").exists()


def header(entries: dict[str, object]) -> bytes:
    """A safetensors file with this header and 64 bytes of numbers."""
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * 64


F32 = {"dtype": "F32", "shape": [4]}
HOSTILE_WEIGHTS = {
    "endless header": struct.pack("<Q", 2**63) + b"{}",
    "large header": struct.pack("<Q", 200_000_000) + b" " * 200_000_000,
    "overlap": header({"a": {**F32, "data_offsets": [0, 16]}, "b": {**F32, "data_offsets": [8, 24]}}),
    "negative shape": header({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}),
    "huge shape": header({"a": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 16]}}),
    "outside": header({"a": {**F32, "data_offsets": [0, 2**40]}}),
    "nested": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "short": b"\x01",
    "no tensors": header({})[:-64],
    "other type": header({"embeddings.bias_V": {"dtype": "I64", "shape": [2, 4], "data_offsets": [0, 64]}}),
}


@pytest.mark.parametrize("kind", HOSTILE_WEIGHTS)
def test_s03_hostile_parameters_are_refused_early(commands: Commands, work: Path, kind: str) -> None:
    (work / WEIGHTS).write_bytes(HOSTILE_WEIGHTS[kind])
    reseal(work / "runs/demo/final")
    began = time.monotonic()
    try:
        read_parameters(work / WEIGHTS)
    except ModelError:
        assert time.monotonic() - began < 1
    limits = {"RLIMIT_DATA": 1 << 30}
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog", limits=limits), 4, "final/model.safetensors")


def inflate(folder: Path, name: str) -> None:
    """Make a file sparse and 40 GB long. If it has parameters, its header declares a tensor of that size."""
    path, num_bytes = folder / name, 40_000_000_000
    if path.suffix == ".safetensors":
        entry = {"dtype": "F32", "shape": [num_bytes // 4], "data_offsets": [0, num_bytes]}
        path.write_bytes(header({"embeddings.bias_V": entry})[:-64])
        num_bytes += path.stat().st_size
    os.truncate(path, num_bytes)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["parts"][name] = {"bytes": num_bytes, "sha256": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("final", "model.safetensors"), ("final", "finished.json"), ("", "config.toml"), ("", "tokenizer/target.model")],
)
def test_s03_a_huge_file_is_refused_without_being_read(commands: Commands, work: Path, folder: str, name: str) -> None:
    inflate(work / "runs/demo" / folder, name)
    began = time.monotonic()
    done = commands.run(work, "translate", "--run", "runs/demo", "a dog", limits={"RLIMIT_DATA": 1 << 30})
    refused(done, 4, Path(name).name)
    assert time.monotonic() - began < 10  # to hash it takes more than 20 s


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "progress.json"])
def test_s03_a_checkpoint_with_a_huge_file_is_skipped_without_being_read(
    commands: Commands, work: Path, name: str
) -> None:
    newest = max((work / "runs/demo/checkpoints").glob("step-*"))
    inflate(newest, name)
    more = [*SETTINGS["demo"], "training.steps=14"]
    began = time.monotonic()
    done = commands.run(work, "train", "demo.toml", *sets(*more), "--output", "runs/demo")
    assert done.code == 0, done.error_text
    assert re.search(rf"{newest.name} is damaged and was skipped: \S*{name}", done.error_text)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["../../../secret", "/etc/passwd", "tokenizer/../../secret", "link", "."])
@pytest.mark.parametrize("folder", ["", "final"])
def test_s04_a_manifest_that_leads_out_of_its_folder_is_refused(
    commands: Commands, work: Path, folder: str, name: str
) -> None:
    (work / "secret").write_text("secret")
    place = work / "runs/demo" / folder
    if name == "link":
        (place / "link").symlink_to(work / "secret")
    manifest = json.loads((place / "manifest.json").read_bytes())
    manifest["parts"][name] = {"bytes": 6, "sha256": "0" * 64}
    (place / "manifest.json").write_text(json.dumps(manifest))
    done = commands.run(work, "translate", "--run", "runs/demo", "a dog")
    assert done.code == 4
    assert "illegal path" in done.error_text or name == "."


@pytest.mark.parametrize("link", ["journal.jsonl", "final", "checkpoints", "words.txt", "tokenizer"])
def test_s04_a_run_folder_with_a_link_out_of_it_is_neither_read_nor_written(
    commands: Commands, work: Path, link: str
) -> None:
    inside, outside = work / "runs/demo" / link, work / "outside"
    inside.rename(outside)
    inside.symlink_to(outside)
    before = snapshot(work)
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog"), 4, "illegal path", link)
    more = [*SETTINGS["demo"], "training.steps=14"]
    refused(commands.run(work, "train", "demo.toml", *sets(*more), "--output", "runs/demo"), 4, "illegal path", link)
    assert snapshot(work) == before


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.dim=1000000000"],
        ["model.feed_forward_dim=1000000000000"],
        ["encoder.num_layers=1000000000"],
        ["tokenizer.vocab_size=1000000000000"],
        ["model.dim=100000", "encoder.self_attention.num_heads=1"],
    ],
)
def test_s05_a_model_larger_than_any_machine_is_refused_before_it_is_made(
    commands: Commands, work: Path, overrides: list[str]
) -> None:
    done = commands.run(work, "train", "demo.toml", *sets(*overrides), limits={"RLIMIT_DATA": 1 << 30})
    refused(done, 2)
    text = (work / "runs/demo/config.toml").read_text()
    for override in overrides:
        key, value = override.removeprefix("encoder.self_attention.").split("=")
        name = key.split(".")[-1]
        text = re.sub(rf"(?m)^{name} = \d+", f"{name} = {value}", text)
    (work / "runs/demo/config.toml").write_text(text)
    reseal(work / "runs/demo")
    done = commands.run(work, "translate", "--run", "runs/demo", "a dog", limits={"RLIMIT_DATA": 1 << 30})
    refused(done, 4)


@pytest.mark.parametrize(
    "content", [b"", b"\x0a\xff\xff\xff\xff\x0f", b"x" * 2_000_000, b"\x0a\x05\x0a\x03\xff\xfe\xfd"]
)
@pytest.mark.parametrize("resealed", [False, True])
def test_s06_a_tokenizer_that_is_not_the_runs_own_is_never_parsed(
    commands: Commands, work: Path, content: bytes, resealed: bool
) -> None:
    (work / "runs/demo/tokenizer/source.model").write_bytes(content)
    if resealed:
        reseal(work / "runs/demo")
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog"), 4, "tokenizer")
    more = [*SETTINGS["demo"], "training.steps=14"]
    refused(commands.run(work, "train", "demo.toml", *sets(*more), "--output", "runs/demo"), 4, "tokenizer")


def field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def piece(text: bytes, score: float = -1.0) -> bytes:
    """Return the entry of a token in a SentencePiece file."""
    return field(1, field(1, text) + b"\x15" + struct.pack("<f", score))


HOSTILE_TOKENIZERS = {
    "long piece": (piece(b"x" * 2_000_000), b""),
    "no text": (piece(b"\xff\xfe"), b""),
    "half a character": (piece("\u2581".encode()[:2]), b""),
    "no score": (piece(b"qqq", float("nan")), b""),
    "endless score": (piece(b"qqq", float("inf")), b""),
    "characters": (b"", field(3, field(2, b"\x10\0\0\0" + b"\xff" * 60))),
    "characters of no size": (b"", field(3, field(2, b"\xff" * 8))),
    "characters on the way back": (b"", field(5, field(2, b"\x10\0\0\0" + b"\xff" * 60))),
    "a piece at the end": (b"", piece(b"x" * 200_000)),
    "an endless number": (b"", b"\x1a" + b"\xff" * 100_000),
    "a group": (b"", b"\x13" * 100_000),
    "twice": (piece(b"qqq") * 2, b""),
    "one more": (piece(b"qqq"), b""),
}
"""What stands before and after the pieces of a good file."""


@pytest.mark.parametrize("kind", HOSTILE_TOKENIZERS)
def test_s06_a_hostile_tokenizer_with_fitting_hashes_crashes_nothing(commands: Commands, work: Path, kind: str) -> None:
    run, (before, after) = work / "runs/demo", HOSTILE_TOKENIZERS[kind]
    models = [before + (run / f"tokenizer/{side}.model").read_bytes() + after for side in ("source", "target")]
    for side, model in zip(("source", "target"), models, strict=True):
        (run / f"tokenizer/{side}.model").write_bytes(model)
    record = json.loads((run / "run.json").read_bytes())
    (run / "run.json").write_text(json.dumps({**record, "tokenizer": fingerprint(models)}))
    reseal(run)
    told = "parameters of another model" if kind == "one more" else "is not a SentencePiece tokenizer of this program"
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog"), 4, told)


def test_s06_a_tokenizer_of_another_size_is_refused_by_shape(commands: Commands, work: Path) -> None:
    shutil.rmtree(work / "runs/demo/final")
    shutil.copytree(work / "runs/demo-additive/final", work / "runs/demo/final")
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog"), 4, "parameters of another model: ")


def hostile_corpus(folder: Path, sentences: list[str]) -> None:
    """Hostile sentences, labels and all, on every side of the corpus."""
    for split in ("train", "valid", "test"):
        for suffix in ("en", "de", "kind"):
            path = folder / f"{split}.{suffix}"
            if path.exists():
                lines = path.read_text().split("\n")[:-1]
                lines[: len(sentences)] = sentences
                path.write_text("".join(f"{line}\n" for line in lines))


def obeyed(shown: bytes) -> set[bytes]:
    """Control sequences in what a terminal got that are neither the progress bar's nor line ends."""
    ours = rb"\x1b\[(\?25[lh]|[0-9;]*m|[0-9]*[AKG]|2K)"
    rest = re.sub(ours, b"", shown)
    return {*re.findall(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", rest), *re.findall(rb"\xc2[\x80-\x9f]", rest)}


def test_s07_and_s09_every_path_to_a_terminal_shows_escapes_and_markup_as_text(commands: Commands, work: Path) -> None:
    hostile_corpus(work, [*ESCAPES, *MARKUP])
    train = ["train", "demo.toml", *sets(*SHORT, "training.samples=12")]
    names = ["runs/[red]x", "runs/\x1b[2J", "runs/:smile:[bold]"]
    shown = [commands.on_terminal(work, *train, "--output", name) for name in names[:1]]
    for name in names[1:]:
        shutil.copytree(work / names[0], work / name)
    shown += [
        commands.on_terminal(work, "evaluate", names[1], "--allow-leaked"),
        commands.on_terminal(work, "compare", *names, "--allow-leaked"),
        commands.on_terminal(work, "compare", *names, "--json", "--allow-leaked"),
        commands.on_terminal(
            work, "translate", "--run", names[2], "--json", *(f"a {text}" for text in [*ESCAPES, *MARKUP])
        ),
        commands.on_terminal(
            work, "translate", "--attention", "terminal", *(f"a {text}" for text in [*ESCAPES, *MARKUP])
        ),
        commands.on_terminal(work, "translate", "--run", "runs/\x1b[2J-none", "a dog"),
        commands.on_terminal(work, "translate", "--input", "\x1b]0;x\x07[/]"),
        commands.on_terminal(work, "train", "demo.toml", "--set", "model.dropout=[/]\x1b[2J"),
        commands.on_terminal(work, "tr\x1b[2Jain[/]"),
    ]
    for done, code in zip(shown, [0, 0, 0, 0, 0, 0, 4, 3, 2, 2], strict=True):
        assert (done.code, obeyed(done.output)) == (code, set()), done.error_text
    assert all(text.encode() in shown[0].output for text in MARKUP)
    assert b"\\x1b[2J" in shown[0].output
    assert all(text.encode() in shown[2].output for text in ("[red]x", "\\x1b[2J", ":smile:[bold]", "a [/] b"))
    for line in shown[4].output.splitlines()[-10:]:
        if line.startswith(b"{"):
            assert json.loads(line)["source"][2:] in [*ESCAPES, *MARKUP]


def test_s07_what_a_model_writes_is_raw_in_a_pipe_only(commands: Commands, work: Path) -> None:
    make_it_write(work / "runs/demo", "<0x1B>")
    words = ["translate", "--run", "runs/demo", "a dog"]
    shown = on_terminal(work, *words)
    assert (shown.code, obeyed(shown.output)) == (0, set())
    assert b"\\x1b\\x1b" in shown.output
    assert commands.run(work, *words).output.startswith(b"\x1b\x1b")


def test_s10_s12_a_report_shows_text_as_text_and_loads_nothing(commands: Commands, work: Path) -> None:
    hostile = ["<script>alert(1)</script>", "</script><img src=http://a.example/b onerror=x>", "{{ 7*7 }}", "a &amp; b"]
    for name in ("bait.en", "bait.de"):
        (work / name).write_text("".join(f"{text}\n" for text in hostile))
    words = ["report", "runs/demo", "--source", "bait.en", "--reference", "bait.de", "--output", "page.html"]
    assert commands.run(work, *words).code == 0
    page = (work / "page.html").read_text()
    assert page.count("<script") == page.count("</script>") == 2
    assert not re.search(r"<img|<iframe|<[^>]* (src|onerror)=", page)
    assert "default-src 'none'" in html.unescape(page)


def test_s13_code_of_a_data_set_is_not_run(commands: Commands, corpus: Path) -> None:
    (corpus / "scripted").mkdir()
    (corpus / "scripted/scripted.py").write_text(f"open({str(corpus / 'created')!r}, 'w')\n")
    options = sets("corpus.format=hub", "corpus.hub.name=scripted")
    done = commands.run(corpus, "train", "demo.toml", *options, environment={"HF_HOME": str(corpus / "cache")})
    refused(done, 2, "scripted: needs code to be loaded, which is not supported")
    assert not (corpus / "created").exists()


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("target", ["precious", "not-there", "/dev/stdout", "/proc/self/fd/1", "/dev/null"])
def test_s14_an_output_that_is_a_link_is_refused(commands: Commands, work: Path, target: str, force: list[str]) -> None:
    (work / "precious").write_text("precious")
    (work / "out.de").symlink_to(target)
    outputs = ["out.de", target] if target.startswith("/") else ["out.de"]
    for output in outputs:
        done = commands.run(work, "translate", "--output", output, *force, stdin=b"a dog\n")
        refused(done, 5, f"{output}: is ")
        assert "--force" not in done.error_text
    assert (work / "out.de").is_symlink()
    assert (work / "precious").read_text() == "precious"
    assert not (work / "not-there").exists()


@pytest.mark.parametrize("name", ["config.toml", "final/model.safetensors", "corpus/test.target", "checkpoints/new"])
def test_s14_a_part_of_a_run_is_not_overwritten(commands: Commands, work: Path, name: str) -> None:
    (work / "linked").symlink_to("runs")
    before = snapshot(work / "runs/demo")
    words = ["translate", "--run", "runs/demo", "--force", "a dog", "--output"]
    for folder in ("runs/demo", "linked/demo", "runs/demo-additive/../demo"):
        done = commands.run(work, *words, f"{folder}/{name}")
        refused(done, 5, f"belongs to the run {work / 'runs/demo'}; choose a file outside the run folder")
    assert snapshot(work / "runs/demo") == before
    for _ in range(2):
        assert commands.run(work, *words, "runs/demo/dog.de").code == 0


def test_s14_a_run_folder_that_is_a_link_is_not_replaced(commands: Commands, work: Path) -> None:
    (work / "planted").symlink_to("runs/demo")
    before = snapshot(work / "runs/demo")
    done = commands.run(work, "train", "demo.toml", *sets(*SHORT), "--output", "planted", "--overwrite")
    assert done.code in (0, 5), done.error_text
    assert snapshot(work / "runs/demo") == before
    assert leftovers(work) == []


def test_s15_what_a_shell_or_a_format_would_expand_is_literal_everywhere(commands: Commands, work: Path) -> None:
    hostile_corpus(work, LITERAL)
    for text in (LITERAL[0], LITERAL[3]):
        done = commands.run(work, "train", "demo.toml", *sets(*SHORT), "--output", f"runs/{text}")
        assert (done.code, done.lines[-1:]) == (0, [f"runs/{text}"]), done.error_text
        done = commands.run(work, "translate", "--run", f"runs/{text}", "--json", stdin="\n".join(LITERAL).encode())
        assert [json.loads(line)["source"] for line in done.lines] == LITERAL
        refused(commands.run(work, "translate", "--input", f"{text}.en"), 3, f"{text}.en: no such file")
        refused(commands.run(work, "train", "demo.toml", "--set", f"model.norm={text}"), 2, f"found {text!r}")
    samples = commands.run(work, "train", "demo.toml", *sets(*SHORT, "training.samples=12"), "--output", "runs/x")
    assert all(f"source      {text}\n" in samples.error_text for text in LITERAL)


@pytest.mark.parametrize("name", ["run.json", "final/finished.json", "manifest.json", "final/manifest.json"])
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"null", b"9" * 100_000, b'{"format": "x"}']
)
def test_s16_deep_or_strange_json_is_refused(commands: Commands, work: Path, name: str, content: bytes) -> None:
    (work / "runs/demo" / name).write_bytes(content)
    for folder in ("final", "") if "manifest" not in name else ():
        reseal(work / "runs/demo" / folder)
    began = time.monotonic()
    refused(commands.run(work, "translate", "--run", "runs/demo", "a dog"), 4, "runs/demo")
    assert time.monotonic() - began < 10
    done = commands.run(work, "compare", "runs/demo", "runs/demo-additive")
    assert done.code == 4, done.error_text


def test_s16_no_sentence_makes_a_pattern_run_forever(commands: Commands, work: Path) -> None:
    baits = ["a" * 50_000 + "!", "." * 50_000, "&amp;" * 10_000, "1." * 20_000 + "a", "- " * 20_000, "((" * 10_000]
    for name in ("bait.en", "bait.de"):
        (work / name).write_text("".join(f"{bait}\n" for bait in baits))
    began = time.monotonic()
    options = ["--source", "bait.en", "--reference", "bait.de", "--beam-size", "1"]
    done = commands.run(work, "evaluate", "runs/demo", *options)
    assert done.code == 0, done.error_text
    assert time.monotonic() - began < 50


def test_s17_nothing_of_the_person_or_the_machine_is_saved(commands: Commands, work: Path) -> None:
    home = work / "home-of-ada"
    home.mkdir()
    secrets = {"HOME": str(home), "USER": "ada-lovelace", "LOGNAME": "ada-lovelace", "API_TOKEN": "hf_s3cr3t"}
    for name in ("train.en", "train.de", "valid.en", "valid.de", "test.en", "test.de", "demo.toml"):
        shutil.copy(work / name, home / name)
    shutil.copytree(work / "runs/demo", home / "earlier")
    overrides = [
        *SETTINGS["demo"],
        "training.steps=2",
        f"training.initialise_from={home}/earlier",
        f'corpus.test=["{home}/test.en", "{home}/test.de"]',
    ]
    train = ["train", str(home / "demo.toml"), *sets(*overrides), "--output", "runs/new"]
    for _ in range(2):  # the second time it is compared with what was saved
        assert commands.run(work, *train, environment=secrets).code == 0
    assert commands.run(work, "evaluate", "runs/new", "--output", "out.de", environment=secrets).code == 0
    saved = b"".join(snapshot(work / "runs/new").values())
    for word in ("home-of-ada", "ada-lovelace", "s3cr3t", str(work), "API_TOKEN"):
        assert word.encode() not in saved


def test_s17_an_internal_error_is_reported_without_the_environment(work: Path) -> None:
    (work / "sitecustomize.py").write_text(
        "import translator.cli.files as files\n"
        "def broken(*_, **__): raise ZeroDivisionError('\\x1b[2J')\n"
        "files.check_output = broken\n"
    )
    with pytest.raises(AssertionError, match="please report this") as shown:
        execute(work, "translate", "a dog", environment={"PYTHONPATH": f"{work}:{Path.cwd()}", "API_TOKEN": "s3cr3t"})
    assert "s3cr3t" not in str(shown.value)
    assert "\x1b" not in str(shown.value)
