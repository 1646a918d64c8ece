"""Rows E of the catalogue: what a corpus may contain, and what is done about it."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import time
import unicodedata
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, sets
from tests.faults.harness import NOBODY, Commands, Result, execute, leftovers, on_terminal, reseal

ONE_STEP = [*SETTINGS["demo"], "training.steps=1", "training.validate_every=1", "training.samples=0"]


def train(commands: Commands, folder: Path, *overrides: str, run: str = "runs/demo") -> Result:
    """One update of a small model."""
    done = commands.run(folder, "train", "demo.toml", *sets(*ONE_STEP, *overrides), "--output", run)
    assert not leftovers(folder)
    if done.code:
        assert done.output == b""
        assert not (folder / run).exists()
    return done


def refused(done: Result, code: int, *messages: str) -> None:
    """Check that the command failed with one error line that contains these parts."""
    assert done.code == code, done.error_text
    (line,) = [line for line in done.error_text.splitlines() if line.startswith("error: ")]
    assert done.error_text.splitlines()[-1] == line
    assert len(line) < 4_200
    for message in messages:
        assert message in line


def record(folder: Path, run: str = "runs/demo") -> dict[str, dict[str, object]]:
    """Return what the run recorded about its corpus."""
    return json.loads((folder / run / "run.json").read_bytes())["corpus"]


def learned(folder: Path, run: str) -> str:
    """Return a hash of the tokenizer and the final parameters."""
    files = [f"{run}/tokenizer/source.model", f"{run}/tokenizer/target.model", f"{run}/final/model.safetensors"]
    return hashlib.sha256(b"".join((folder / file).read_bytes() for file in files)).hexdigest()


def lines_of(path: Path) -> list[str]:
    """Cut at LF only."""
    return path.read_bytes().decode().split("\n")[:-1]


def write(path: Path, lines: list[str]) -> None:
    """End each with LF."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def alter(path: Path, number: int, line: str) -> None:
    """Replace a line, counted from 1."""
    lines = lines_of(path)
    lines[number - 1] = line
    write(path, lines)


def warnings(done: Result) -> list[str]:
    """The warnings about the corpus."""
    return [line for line in done.error_text.splitlines() if line.startswith("warning: ")]


def test_e01_sides_of_different_length_are_never_trained_on(commands: Commands, corpus: Path) -> None:
    write(corpus / "train.de", lines_of(corpus / "train.de")[:-1])
    refused(train(commands, corpus), 3, "train.en: found 200 lines, but train.de has 199", "must translate")
    assert not (corpus / "runs").exists()
    refused(execute(corpus, "train", "demo.toml"), 3, "train.en: found 200 lines, but train.de has 199")


def test_e03_a_missing_last_line_feed_changes_nothing(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus).code == 0
    (corpus / "train.de").write_bytes((corpus / "train.de").read_bytes().removesuffix(b"\n"))
    assert train(commands, corpus, run="other/run").code == 0
    assert learned(corpus, "runs/demo") == learned(corpus, "other/run")


def test_e04_a_blank_line_too_many_is_not_silently_dropped(commands: Commands, corpus: Path) -> None:
    write(corpus / "train.de", [*lines_of(corpus / "train.de"), ""])
    refused(
        train(commands, corpus), 3, "train.de: found 201 lines, but train.en has 200", "remove the trailing blank line"
    )


def test_e05_line_separators_inside_sentences_keep_pairs_aligned(commands: Commands, corpus: Path) -> None:
    for suffix in ("en", "de"):
        lines = lines_of(corpus / f"train.{suffix}")
        mark = {"en": "\u2028", "de": "\x85"}[suffix]
        write(corpus / f"train.{suffix}", [line.replace(" ", f" {mark}", 1) for line in lines])
    done = train(commands, corpus)
    assert done.code == 0, done.error_text
    assert record(corpus)["train"]["read"] == record(corpus)["train"]["kept"] == 200
    (warning,) = warnings(done)
    assert "200 lines with control characters, the first at train.de:1: " in warning
    assert "\\x85" in warning


def test_e07_cr_lf_is_lf(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus).code == 0
    (corpus / "train.de").write_bytes((corpus / "train.de").read_bytes().replace(b"\n", b"\r\n"))
    assert train(commands, corpus, run="other/run").code == 0
    assert learned(corpus, "runs/demo") == learned(corpus, "other/run")


def test_e08_a_byte_order_mark_is_not_text(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus).code == 0
    (corpus / "train.en").write_bytes(b"\xef\xbb\xbf" + (corpus / "train.en").read_bytes())
    assert train(commands, corpus, run="other/run").code == 0
    assert learned(corpus, "runs/demo") == learned(corpus, "other/run")


def test_e09_a_byte_that_is_not_utf_8_is_named(commands: Commands, corpus: Path) -> None:
    lines = (corpus / "train.de").read_bytes().split(b"\n")
    lines[136] = b"Der M\xfcller " + lines[136]
    (corpus / "train.de").write_bytes(b"\n".join(lines))
    refused(train(commands, corpus), 3, "train.de:137: not UTF-8 (byte 0xfc at column 6)", "iconv")


def test_e10_utf_16_is_recognised(commands: Commands, corpus: Path) -> None:
    text = (corpus / "train.en").read_text(encoding="utf-8")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        (corpus / "train.en").write_bytes(text.encode(encoding))
        refused(train(commands, corpus), 3, "train.en:1: looks like UTF-16", "iconv -f UTF-16")


def test_e11_a_nul_byte_never_cuts_a_line(commands: Commands, corpus: Path) -> None:
    alter(corpus / "train.de", 5, "Der alte\0 Mann")
    refused(train(commands, corpus), 3, "train.de:5: found a NUL byte at column 9")
    alter(corpus / "train.de", 5, "Der alte Mann")
    for split in ("train", "valid", "test"):
        sides = [lines_of(corpus / f"{split}.{suffix}") for suffix in ("en", "de")]
        write(corpus / f"{split}.jsonl", [json.dumps({"en": one, "de": two}) for one, two in zip(*sides, strict=True)])
    for split, number in (("train", 101), ("valid", 12), ("test", 1)):
        whole = lines_of(corpus / f"{split}.jsonl")
        alter(corpus / f"{split}.jsonl", number, json.dumps({"en": "The old\0 man", "de": "Der alte Mann"}))
        refused(train(commands, corpus, "corpus.format=jsonl"), 3, f"{split}.jsonl:{number}: found a NUL character")
        write(corpus / f"{split}.jsonl", whole)
    assert train(commands, corpus, "corpus.format=jsonl").code == 0


@pytest.mark.parametrize("num_keys", [1, 10_000])
def test_keys_of_a_row_neither_begin_lines_nor_flood_the_error(commands: Commands, corpus: Path, num_keys: int) -> None:
    write(corpus / "train.jsonl", [json.dumps(dict.fromkeys(f"{number}\n" * 15 for number in range(num_keys)))])
    refused(train(commands, corpus, "corpus.format=jsonl"), 3, "train.jsonl:1: ", "\\x0a")


def test_e12_blank_lines_are_skipped_counted_and_shift_nothing(commands: Commands, corpus: Path) -> None:
    blanks = ["", "   ", "\u00a0", "\u200b", "\t\u3000\ufeff"]
    for number in range(20):
        alter(corpus / ("train.en", "train.de")[number % 2], 10 * number + 1, blanks[number % 5])
    done = train(commands, corpus)
    assert done.code == 0
    assert "200 read, 180 kept; skipped: 20 blank (first train.en:1)" in done.error_text
    clean = corpus.parent / "clean"
    shutil.copytree(corpus, clean, ignore=shutil.ignore_patterns("runs"))
    kept = [number for number in range(200) if number % 10]
    for suffix in ("en", "de"):
        lines = lines_of(clean / f"train.{suffix}")
        write(clean / f"train.{suffix}", [lines[number] for number in kept])
    assert train(commands, clean).code == 0
    assert learned(corpus, "runs/demo") == learned(clean, "runs/demo")


@pytest.mark.parametrize("word", ["word ", "word"])
def test_e13_a_line_of_10_mb_is_skipped_and_named(commands: Commands, corpus: Path, word: str) -> None:
    alter(corpus / "train.en", 137, word * (10_000_000 // len(word)))
    limits = {"RLIMIT_AS": 6 * 2**30}
    done = commands.run(corpus, "train", "demo.toml", *sets(*ONE_STEP), "--output", "runs/demo", limits=limits)
    assert done.code == 0, done.error_text
    assert "200 read, 199 kept; skipped: 1 too long (first train.en:137)" in done.error_text
    finished = json.loads((corpus / "runs/demo/final/finished.json").read_bytes())
    assert finished["peak_memory_bytes"] < 1.5 * 2**30


def put_long_line(path: Path, number: int, num_bytes: int) -> None:
    """Replace a line by a long one. The file is sparse: the rest of the line is NUL, which a skipped line may contain."""
    lines = path.read_bytes().split(b"\n")
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines[: number - 1])
        file.write(b"word " * min(num_bytes // 5, 400_000))
        file.seek(num_bytes - min(num_bytes // 5, 400_000) * 5, os.SEEK_CUR)
        file.write(b"\n" + b"\n".join(lines[number:]))


@pytest.mark.parametrize("side", ["en", "de"])
def test_e13_a_line_of_600_mb_is_skipped_in_little_memory(commands: Commands, corpus: Path, side: str) -> None:
    put_long_line(corpus / f"train.{side}", 137, 600_000_000)
    limits = {"RLIMIT_AS": 3 * 2**30}
    done = commands.run(corpus, "train", "demo.toml", *sets(*ONE_STEP), "--output", "runs/demo", limits=limits)
    assert done.code == 0, done.error_text
    assert f"200 read, 199 kept; skipped: 1 too long (first train.{side}:137)" in done.error_text
    finished = json.loads((corpus / "runs/demo/final/finished.json").read_bytes())
    assert finished["peak_memory_bytes"] < 2**30


def test_e13_only_lines_over_the_limit_are_skipped_and_their_partners_too(commands: Commands, corpus: Path) -> None:
    lines = lines_of(corpus / "train.en")
    longest = max(len(line.encode()) for side in ("en", "de") for line in lines_of(corpus / f"train.{side}"))
    alter(corpus / "train.en", 5, lines[4].ljust(longest + 1, "s"))
    alter(corpus / "train.en", 6, lines[5].ljust(longest, "s"))
    done = train(commands, corpus, f"corpus.max_line_bytes={longest}")
    assert "200 read, 199 kept; skipped: 1 too long (first train.en:5)" in done.error_text
    alter(corpus / "valid.de", 3, "s" * (longest + 1))
    done = train(commands, corpus, f"corpus.max_line_bytes={longest}", run="other/run")
    refused(done, 3, f"valid.de:3: found a line of more than {longest} bytes (corpus.max_line_bytes)", "split it")


def test_e13_other_commands_reject_long_lines_with_their_number(
    commands: Commands, finished: Path, tmp_path: Path
) -> None:
    limits = {"RLIMIT_AS": 3 * 2**30}
    (tmp_path / "good").write_bytes(b"a dog\n" * 12)
    shutil.copy(tmp_path / "good", tmp_path / "long")
    put_long_line(tmp_path / "long", 7, 600_000_000)
    for arguments in (
        ["translate", "--run", "runs/demo", "--input", tmp_path / "long"],
        ["evaluate", "runs/demo", "--source", tmp_path / "long", "--reference", tmp_path / "good"],
        ["evaluate", "runs/demo", "--source", tmp_path / "good", "--reference", tmp_path / "long"],
        ["evaluate", "runs/demo", "--alignments", tmp_path / "long"],
        ["compare", "runs/demo", "runs/demo-additive", "--source", tmp_path / "good", "--reference", tmp_path / "long"],
        ["report", "runs/demo", "--source", tmp_path / "good", "--reference", tmp_path / "long"],
    ):
        refused(
            commands.run(finished, *arguments, limits=limits), 3, "long:7: found a line of more than 1,000,000 bytes"
        )


def test_e13_standard_input_is_read_within_the_same_limit(commands: Commands, finished: Path) -> None:
    longest = b"word " * 200_000
    done = commands.run(finished, "translate", "--run", "runs/demo", stdin=b"a dog\n" + longest + b"\na dog\n")
    assert (done.code, len(done.lines)) == (0, 3), done.error_text
    text = b"a dog\n" + longest + b"s" * 10**8 + b"\na dog\n"
    limits = {"RLIMIT_AS": 3 * 2**30}
    done = commands.run(finished, "translate", "--run", "runs/demo", stdin=text, limits=limits)
    refused(done, 3, "standard input:2: found a line of more than 1,000,000 bytes", "split it")


@pytest.mark.parametrize("line", [b"x", b"a dog sleeps .\n"])
def test_e14_a_small_file_that_expands_to_600_mb_is_refused(commands: Commands, corpus: Path, line: bytes) -> None:
    bomb = gzip.compress(line * (10**7 // len(line))) * 60
    assert len(bomb) < 2 * 10**6
    for suffix in ("en", "de"):
        (corpus / f"train.{suffix}").unlink()
        (corpus / f"train.{suffix}.gz").write_bytes(bomb)
    limits = {"RLIMIT_AS": 3 * 2**30}
    words = ["train", "demo.toml", *sets(*ONE_STEP), "--output", "runs/demo"]
    refused(commands.run(corpus, *words, limits=limits), 3, "train.en.gz: expands to more than", "gunzip")
    assert not (corpus / "runs").exists()


def test_e14_gzip_is_read_whole_or_refused(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus).code == 0
    plain = (corpus / "train.de").read_bytes()
    whole = gzip.compress(plain)
    (corpus / "train.de").unlink()
    path = corpus / "train.de.gz"
    path.write_bytes(whole)
    assert train(commands, corpus, run="other/run").code == 0
    assert learned(corpus, "runs/demo") == learned(corpus, "other/run")
    crc = bytearray(whole)
    crc[-6] ^= 1
    for damaged in (whole[: len(whole) // 2], whole[:-4], bytes(crc), whole[:20] + b"\xff" * 20 + whole[40:]):
        path.write_bytes(damaged)
        refused(train(commands, corpus, run="third/run"), 3, "train.de.gz: damaged gzip file")
    path.write_bytes(plain)
    assert train(commands, corpus, run="third/run").code == 0
    assert learned(corpus, "runs/demo") == learned(corpus, "third/run")


def write_tsv(folder: Path) -> None:
    """Write the same corpus as one file per split."""
    for split in ("train", "valid", "test"):
        sides = [lines_of(folder / f"{split}.{suffix}") for suffix in ("en", "de")]
        write(folder / f"{split}.tsv", ["\t".join(pair) for pair in zip(*sides, strict=True)])


def test_e16_a_row_of_other_than_two_fields_is_named(commands: Commands, corpus: Path) -> None:
    write_tsv(corpus)
    good = lines_of(corpus / "train.tsv")[8]
    for row, number in ((good + "\tmore", 3), ("alone", 1)):
        alter(corpus / "train.tsv", 9, row)
        done = train(commands, corpus, "corpus.format=tsv")
        refused(done, 3, f"train.tsv:9: found {number} field{'s' * (number > 1)}, expected 2; correct the row")


def test_e17_quotes_and_the_word_null_are_text(commands: Commands, corpus: Path) -> None:
    write_tsv(corpus)
    alter(corpus / "train.tsv", 7, '"The old man\t"Der alte Mann')
    alter(corpus / "train.tsv", 8, "NA\tnull")
    alter(corpus / "valid.tsv", 1, '"null\tNA')
    assert train(commands, corpus, "corpus.format=tsv").code == 0
    assert record(corpus)["train"]["kept"] == 200
    assert lines_of(corpus / "runs/demo/corpus/validation.source")[0] == '"null'
    assert "na" in lines_of(corpus / "runs/demo/words.txt")


def test_e18_composed_and_decomposed_characters_are_the_same(commands: Commands, corpus: Path) -> None:
    write(corpus / "train.en", lines_of(corpus / "train.de"))
    assert train(commands, corpus).code == 0
    decomposed = [unicodedata.normalize("NFD", line) for line in lines_of(corpus / "train.de")]
    assert decomposed != lines_of(corpus / "train.de")
    write(corpus / "train.de", decomposed)
    done = train(commands, corpus, run="other/run")
    assert record(corpus, "other/run")["train"]["identical"] == 200
    assert "200 lines identical on both sides" in done.error_text
    assert learned(corpus, "runs/demo") == learned(corpus, "other/run")


def test_e19_duplicates_and_overlaps_are_counted_and_a_leaked_test_set_is_refused(
    commands: Commands, corpus: Path
) -> None:
    for suffix in ("en", "de"):
        lines = lines_of(corpus / f"train.{suffix}")
        write(corpus / f"train.{suffix}", [*lines[:140], *lines[:60]])
        alter(corpus / f"valid.{suffix}", 3, lines[10])
        for number in (2, 7):
            alter(corpus / f"test.{suffix}", number, lines[number])
    alter(corpus / "valid.en", 4, lines_of(corpus / "train.en")[20])
    done = train(commands, corpus)
    assert done.code == 0
    assert "among the pairs kept: 60 duplicates" in done.error_text
    assert (
        "validation pairs: 12, 1 also in the training data, 2 with a source from the training data" in done.error_text
    )
    assert "warning: 1 line also found in the training pairs, the first at valid.en:3" in done.error_text
    files = ["--source", "test.en", "--reference", "test.de"]
    for words in (["evaluate", "runs/demo"], ["evaluate", "runs/demo", *files], ["compare", "runs/demo", "runs/demo"]):
        done = commands.run(corpus, *words)
        refused(done, 3, "runs/demo: 2 of 12 test pairs are also training pairs: lines 2, 7; ", "--allow-leaked")
        done = commands.run(corpus, *words, "--allow-leaked")
        assert done.code == 0
        assert b"also training pairs" in done.output or b"test pairs in training data" in done.output
        found = json.loads(commands.run(corpus, *words, "--allow-leaked", "--json").output)
        assert found.get("leaked", found.get("runs", [{}])[0].get("leaked")) == [2, 7]
    write(corpus / "all.en", lines_of(corpus / "train.en"))
    write(corpus / "all.de", lines_of(corpus / "train.de"))
    done = commands.run(corpus, "evaluate", "runs/demo", "--source", "all.en", "--reference", "all.de")
    refused(done, 3, "200 of 200", "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 190 more")


def test_e19_a_run_that_no_longer_knows_its_training_pairs_scores_nothing(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus).code == 0
    (corpus / "runs/demo/pairs.u64").write_bytes(b"")
    assert commands.run(corpus, "evaluate", "runs/demo").code == 4


def test_e20_sides_that_are_alike_are_warned_of_with_their_share(commands: Commands, corpus: Path) -> None:
    for number in range(1, 201, 5):
        for line in (number, number + 1):
            alter(corpus / "train.de", line, lines_of(corpus / "train.en")[line - 1])
    (warning,) = warnings(train(commands, corpus))
    assert "80 lines identical on both sides (40 %), the first at train.en:1: " in warning


def test_e21_validation_with_its_sides_exchanged_is_warned_of(commands: Commands, corpus: Path) -> None:
    assert warnings(train(commands, corpus)) == []
    source, target = corpus / "valid.en", corpus / "valid.de"
    source.rename(corpus / "x")
    target.rename(source)
    (corpus / "x").rename(target)
    (warning,) = warnings(train(commands, corpus, run="runs/other"))
    assert "12 lines whose source and target look swapped, the first at valid." in warning
    (finding,) = record(corpus, "runs/other")["validation"]["findings"]
    assert (finding["num_lines"], finding["place"]) == (12, "valid.en")


def test_e22_one_file_for_both_sides_is_refused(commands: Commands, corpus: Path) -> None:
    (corpus / "link.de").symlink_to("train.en")
    for other in ("train.en", "./train.en", "link.de"):
        done = train(commands, corpus, f'corpus.train=["train.en", "{other}"]')
        refused(done, 2, "[corpus]: found train.en for both sides, expected two files")


def test_e23_a_corpus_of_emoji_trains_and_unknown_characters_are_reported(commands: Commands, corpus: Path) -> None:
    for suffix in ("en", "de"):
        lines = lines_of(corpus / f"train.{suffix}")
        write(corpus / f"train.{suffix}", ["".join(chr(0x1F600 + ord(c) % 64) for c in line) for line in lines])
    done = train(commands, corpus, "tokenizer.character_coverage=0.98")
    assert done.code == 0
    assert "% of the validation tokens are characters that do not occur in the training pairs" in done.error_text
    assert record(corpus)["validation"]["unknown_share"] > 0.5
    done = commands.run(corpus, "translate", "--run", "runs/demo", "日本語 😀")
    assert done.code == 0
    assert len(done.lines) == 1


def test_e24_marks_in_the_text_are_text(commands: Commands, corpus: Path) -> None:
    for suffix in ("en", "de"):
        for number in range(1, 20):
            alter(corpus / f"train.{suffix}", number, "<s> </s> <unk> <pad> ▁ <0x41>")
        alter(corpus / f"valid.{suffix}", 1, "</s> <pad>")
    assert train(commands, corpus).code == 0
    from translator.runs.folder import RunFolder
    from translator.text.tokenizer import EOS

    tokenizer = RunFolder(corpus / "runs/demo").tokenizer()
    (ids,) = tokenizer.encode_source(["<s> </s> <unk> <pad>"])
    assert ids[-1] == EOS
    assert min(ids[:-1]) > EOS
    assert tokenizer.decode_target([ids]) == ["<s> </s> <unk> <pad>"]
    assert commands.run(corpus, "translate", "--run", "runs/demo", "</s> <pad>").code == 0


def test_e25_a_file_that_is_not_a_corpus_is_named(commands: Commands, corpus: Path) -> None:
    path = corpus / "train.de"
    whole = path.read_bytes()
    path.write_bytes(b"")
    refused(train(commands, corpus), 3, "train.de", "has 0")
    write(path, ["  "] * 200)
    refused(train(commands, corpus), 3, "train.de: found no text")
    (corpus / "train.en").rename(corpus / "kept")
    (corpus / "train.en").write_bytes(b"")
    path.write_bytes(b"")
    refused(train(commands, corpus), 3, "train.en: found no text")
    (corpus / "kept").rename(corpus / "train.en")
    path.unlink()
    refused(train(commands, corpus), 3, "train.de: no such file")
    path.mkdir()
    refused(train(commands, corpus), 3, "train.de: ")
    path.rmdir()
    os.mkfifo(path)
    refused(train(commands, corpus), 3, "train.de: not a regular file")
    path.unlink()
    path.write_bytes(whole)
    path.chmod(0)
    done = commands.run(corpus, "train", "demo.toml", *sets(*ONE_STEP), user=NOBODY)
    refused(done, 3, "train.de: cannot be read (Permission denied)")


@pytest.mark.parametrize("name", ["a b", "a,b", "größe", "-train", "a'b\"c", "[red]x", "$(id) %s {0}"])
def test_e26_a_file_may_have_any_name(commands: Commands, corpus: Path, name: str) -> None:
    for suffix in ("en", "de"):
        (corpus / f"train.{suffix}").rename(corpus / f"{name}.{suffix}")
    done = train(commands, corpus, f"corpus.train={json.dumps(name, ensure_ascii=False)}")
    assert done.code == 0, done.error_text
    alter(corpus / f"{name}.de", 3, "x\0")
    refused(
        train(commands, corpus, f"corpus.train={json.dumps(name, ensure_ascii=False)}", run="b/run"), 3, f"{name}.de:3"
    )


@pytest.mark.parametrize("side", ["en", "de"])
@pytest.mark.parametrize("number", [20, 100, 160])
def test_a_line_lost_on_one_side_stops_with_the_line(commands: Commands, corpus: Path, side: str, number: int) -> None:
    lines = lines_of(corpus / f"train.{side}")
    del lines[number - 1]
    write(corpus / f"train.{side}", [*lines, "Something else stands at the end."])
    done = train(commands, corpus)
    refused(done, 3, "from here on seem to be translated one line", "set corpus.misaligned=warn")
    found = int(done.error_text.split("train.en:")[1].split(":")[0])
    assert abs(found - number) <= 3
    done = train(commands, corpus, "corpus.misaligned=warn")
    assert done.code == 0
    assert any("that seem to be translated one line" in line for line in warnings(done))


def test_text_decoded_wrongly_is_warned_of_and_nothing_of_it_is_obeyed(commands: Commands, corpus: Path) -> None:
    target = lines_of(corpus / "train.de")
    alter(corpus / "train.de", 3, target[2] + " Müller".encode().decode("latin-1"))
    alter(corpus / "train.de", 9, target[8] + " M\ufffdller")
    alter(corpus / "train.en", 4, "The \x1b[2J[/] :smile: \x9b2J " + lines_of(corpus / "train.en")[3])
    seen = on_terminal(
        corpus, "train", "demo.toml", *sets(*ONE_STEP, "tokenizer.vocab_size=400"), "--output", "runs/demo"
    ).error_text
    for message in (
        "with UTF-8 that was decoded as Latin-1, the first at train.de:3",
        "with U+FFFD",
        "\\x1b[2J[/] :smile:",
    ):
        assert message in seen, seen
    assert "\x1b[2J" not in seen
    assert "\x9b" not in seen
    places = [(finding["place"], finding["line"]) for finding in record(corpus)["train"]["findings"]]
    assert sorted(places) == [("train.de", 3), ("train.de", 9), ("train.en", 4)]


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("valid.align", ["0-0"], "valid.align: found 1 lines, expected 12, one for each validation pair"),
        ("valid.align", [], "valid.align: found 0 lines, expected 12, one for each validation pair"),
        ("valid.align", ["0-0", "x-y", *["0-0"] * 10], "valid.align:2: found 'x-y', expected a link"),
        ("valid.align", [*["0-0"] * 11, "0-99"], "valid.align:12: '0-99' names target word 99 of "),
        ("test.kind", ["seen", "seen"], "test.kind: found 2 lines, expected 12, one for each test pair"),
        ("test.kind", ["seen"] * 13, "test.kind: found 13 lines, expected 12, one for each test pair"),
        ("test.kind", [*["seen"] * 11, "un\0seen"], "test.kind:12: found a NUL byte"),
    ],
)
def test_what_is_said_beside_a_corpus_is_said_of_each_of_its_pairs(
    commands: Commands, corpus: Path, name: str, lines: list[str], message: str
) -> None:
    write(corpus / name, lines)
    refused(train(commands, corpus), 3, message)
    assert not (corpus / "runs").exists()


def test_encoded_pairs_are_reused_unless_they_are_damaged(commands: Commands, corpus: Path) -> None:
    prepared = corpus / "runs/demo/prepared"
    assert train(commands, corpus).code == 0
    before = {path.name: path.stat() for path in prepared.iterdir()}
    done = train(commands, corpus, "training.steps=2")
    assert "written again" not in done.error_text
    assert {path.name: path.stat().st_mtime_ns for path in prepared.iterdir()} == {
        name: stat.st_mtime_ns for name, stat in before.items()
    }
    assert train(commands, corpus, "training.steps=4", run="other/run").code == 0
    whole = (prepared / "target.tokens").read_bytes()
    for damaged in (b"", whole[:-1], whole[:40] + b"\xff\xff" + whole[42:]):
        shutil.copytree(corpus / "runs/demo", corpus / "runs/copy")
        (corpus / "runs/copy/prepared/target.tokens").write_bytes(damaged)
        done = train(commands, corpus, "training.steps=4", run="runs/copy")
        assert "runs/copy/prepared cannot be used and is written again: target.tokens" in done.error_text
        assert learned(corpus, "runs/copy") == learned(corpus, "other/run")
        shutil.rmtree(corpus / "runs/copy")


def test_a_run_that_is_moved_keeps_its_encoded_pairs(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus).code == 0
    (corpus / "runs/demo").rename(corpus / "moved")
    done = train(commands, corpus, "training.steps=4", run="moved")
    assert done.code == 0
    assert "written again" not in done.error_text
    assert train(commands, corpus, "corpus.max_words=12", run="runs/shorter").code == 0
    assert record(corpus, "runs/shorter")["train"]["kept"] < 200


def test_a_start_that_is_killed_leaves_nothing_that_is_used(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus, run="other/run").code == 0
    for _ in range(4):
        running = commands.start(corpus, "train", "demo.toml", *sets(*ONE_STEP), "--output", "runs/demo")
        until = time.monotonic() + 30
        while not list(corpus.glob("runs/**/.tmp-*")) and time.monotonic() < until:
            time.sleep(0.002)
        running.send(signal.SIGKILL)
        running.wait()
    assert train(commands, corpus).code == 0
    assert learned(corpus, "runs/demo") == learned(corpus, "other/run")


def test_a_corpus_without_a_test_set_is_trained_on(commands: Commands, corpus: Path) -> None:
    for path in corpus.glob("test.*"):
        path.unlink()
    refused(train(commands, corpus), 3, "test.en: no such file", "train without a test set: --set corpus.test=")
    assert train(commands, corpus, "corpus.test=").code == 0
    done = train(commands, corpus, "corpus.test=")
    assert "is already finished" in done.error_text
    refused(commands.run(corpus, "evaluate"), 4, "the run has no test sentences", "--source and --reference")


def test_one_file_with_a_header_is_split_trained_on_and_evaluated(commands: Commands, corpus: Path) -> None:
    rows = zip(lines_of(corpus / "train.en"), lines_of(corpus / "train.de"), strict=True)
    write(corpus / "sheet.csv", ["English;Deutsch", *(f"{one};{two}" for one, two in rows)])
    words = ["train", "demo.toml", "--corpus", "sheet.csv", *sets(*ONE_STEP)]
    done = commands.run(corpus, *words)
    assert done.code == 0, done.error_text
    assert "sheet.csv:1: left out the header 'English', 'Deutsch'" in done.error_text
    assert "200 pairs: 160 for training, 20 for validation, 20 for testing" in done.error_text
    (run,) = done.lines
    assert run.startswith("runs/demo-sheet-en-de")
    assert commands.run(corpus, "evaluate", run).code == 0
    assert "already finished" in commands.run(corpus, *words).error_text
    write(corpus / "small.tsv", ["a\tb"] * 9)
    done = commands.run(corpus, "train", "demo.toml", "--corpus", "small.tsv", *sets(*ONE_STEP))
    refused(done, 3, "small.tsv: found 9 pairs, expected at least 10 to hold some out")


def test_e19_a_carriage_return_at_the_end_of_a_field_hides_no_leak(commands: Commands, corpus: Path) -> None:
    for split in ("train", "valid", "test"):
        sides = (lines_of(corpus / f"{split}.{language}") for language in ("en", "de"))
        rows = [(f"{one}\r", f"{two}\r") for one, two in zip(*sides, strict=True)]
        rows = [("A dog.\r", "Ein Hund.\r"), *rows] if split != "valid" else rows
        write(corpus / f"{split}.jsonl", [json.dumps(dict(zip(("en", "de"), row, strict=True))) for row in rows])
    assert train(commands, corpus, "corpus.format=jsonl").code == 0
    refused(commands.run(corpus, "evaluate"), 3, "1 of 13 test pairs are also training pairs: lines 1; ")


def test_a_hub_data_set_that_is_damaged_is_named(commands: Commands, corpus: Path) -> None:
    (corpus / "broken").mkdir()
    (corpus / "broken/train.jsonl").write_text('{"en": "a",\n')
    options = sets("corpus.format=hub", "corpus.hub.name=broken")
    done = commands.run(corpus, "train", "demo.toml", *options, environment={"HF_HOME": str(corpus / "cache")})
    refused(done, 3, "broken: cannot be read (")


def test_runs_on_the_same_references_but_other_sources_are_not_compared(commands: Commands, work: Path) -> None:
    shutil.copytree(work / "runs/demo", work / "runs/other")
    shutil.copy(work / "runs/other/corpus/test.target", work / "runs/other/corpus/test.source")
    reseal(work / "runs/other")
    refused(commands.run(work, "compare", "runs/demo", "runs/other"), 3, "other: different sources (fingerprint ")


def test_a_run_that_keeps_several_translations_is_scored_by_its_best(commands: Commands, corpus: Path) -> None:
    assert train(commands, corpus, "decoding.num_best=2").code == 0
    assert commands.run(corpus, "evaluate").code == 0
    assert commands.run(corpus, "translate", "a dog").code == 0
