"""`--corpus` reads what it is given, or says what to type."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from translator.errors import DataError, TranslatorError, UsageError
from translator.text.discovery import Wanted, discover
from translator.text.sources import CorpusSettings, read_split

PAIRS = [
    (f"The dog number {n} sleeps{' well' * (n % 7)}.", f"Hund Nummer {n} schläft{' gut' * (n % 7)}.") for n in range(40)
]


def lines(side: int, number: int = 40) -> str:
    return "".join(f"{pair[side]}\n" for pair in PAIRS[:number])


def rows(delimiter: str, *, header: str = "", number: int = 40, extra: str = "") -> str:
    return header + "".join(f"{delimiter.join(pair)}{extra}\n" for pair in PAIRS[:number])


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def read(path: Path, wanted: Wanted = Wanted()) -> CorpusSettings:  # noqa: B008 - a value
    """Discover a corpus of PAIRS and check that it is read completely."""
    found = CorpusSettings(**discover([path], wanted))
    corpus = read_split(found, "train")
    assert list(zip(corpus.source, corpus.target, strict=True)) == PAIRS
    return found


FILES: dict[str, Callable[[Path], object]] = {
    "tabs": lambda path: path.write_text(rows("\t")),
    "tabs and a third column": lambda path: path.write_text(rows("\t", extra="\tCC-BY somebody")),
    "tabs, header": lambda path: path.write_text(rows("\t", header="English\tGerman\n")),
    "tabs, codes": lambda path: path.write_text(rows("\t", header="eng\tdeu\n")),
    "commas in quotes": lambda path: path.write_text("".join(f'"{one}","{two}"\n' for one, two in PAIRS)),
    "semicolons, CRLF, BOM": lambda path: path.write_bytes(b"\xef\xbb\xbf" + rows(";").replace("\n", "\r\n").encode()),
    "bars": lambda path: path.write_text(rows("|")),
    "bars as of Moses": lambda path: path.write_text(rows(" ||| ")),
    "line breaks in quotes": lambda path: path.write_text(
        "".join(f'"{one}","{two}"\n' for one, two in PAIRS).replace("dog ", "dog\n")
    ),
    "tabs in quotes": lambda path: path.write_text("".join(f'"{one}"\t"{two}"\n' for one, two in PAIRS)),
    "JSON lines": lambda path: path.write_text("".join(json.dumps({"en": one, "de": two}) + "\n" for one, two in PAIRS)),
    "JSON array": lambda path: path.write_text(json.dumps([{"source": one, "target": two} for one, two in PAIRS], indent=2)),
    "JSON rows": lambda path: path.write_text(json.dumps([["en", "de"], *PAIRS])),
    "nested JSON": lambda path: path.write_text(
        "".join(json.dumps({"id": 1, "translation": {"de": two, "en": one}}) + "\n" for one, two in PAIRS)
    ),
    "TMX": lambda path: path.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header srclang="en-GB"/><body>'
        + "".join(
            f'<tu><note>n</note><tuv xml:lang="EN-GB"><seg>\n {one[:3]}<bpt i="1">&lt;b></bpt>{one[3:]}<ept i="1">&lt;/b></ept>'
            f'</seg></tuv><tuv xml:lang="DE"><prop type="x">p</prop><seg><hi>{two}</hi></seg></tuv></tu>\n'
            for one, two in PAIRS
        )
        + "</body></tmx>"
    ),
    "TMX in UTF-16": lambda path: path.write_text(
        '<?xml version="1.0" encoding="utf-16"?><tmx><body>'
        + "".join(
            f'<tu><tuv lang="en"><seg>{one}</seg></tuv><tuv lang="de"><seg>{two}</seg></tuv></tu>' for one, two in PAIRS
        )
        + "</body></tmx>",
        "utf-16",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["corpus", "corpus.txt"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read_whatever_its_name_is(tmp_path: Path, kind: str, name: str) -> None:
    FILES[kind](tmp_path / name)
    found = read(tmp_path / name, Wanted("en", "de"))
    assert (found.validation, found.test) == ("", "")


@pytest.mark.parametrize("place", ["corpus.zip", "folder", "folder/train.en", "folder/train"])
def test_aligned_files_are_found_together(tmp_path: Path, place: str) -> None:
    write(
        tmp_path,
        folder__train_en=lines(0),
        folder__train_de=lines(1),
        folder__README="x",
        folder__dev_en="a\n",
        folder__dev_de="b\n",
    )
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as archive:
        for name in ("train.en", "train.de", "README"):
            archive.write(tmp_path / "folder" / name, name)
    found = read(tmp_path / place)
    assert (found.train, found.validation) == ("train", "dev" if place == "folder" else "")


@pytest.mark.parametrize(
    ("source", "target", "stored"),
    [
        ("Made.de-en.en", "Made.de-en.de", "Made.de-en"),
        ("english.txt", "german.txt", ("english.txt", "german.txt")),
        ("text_en.txt", "text_de.txt", ("text_en.txt", "text_de.txt")),
        ("a.eng", "a.deu", ("a.eng", "a.deu")),
    ],
)
def test_the_language_of_a_file_is_read_from_its_name(
    tmp_path: Path, source: str, target: str, stored: str | tuple[str, str]
) -> None:
    (tmp_path / source).write_text(lines(0))
    (tmp_path / target).write_text(lines(1))
    assert read(tmp_path).train == stored
    assert read(tmp_path / source).train == stored


def test_two_files_may_have_any_name(tmp_path: Path) -> None:
    write(tmp_path, one=lines(0), other__two=lines(1))
    found = CorpusSettings(**discover([tmp_path / "one", tmp_path / "other/two"], Wanted()))
    assert read_split(found, "train").target == [target for _, target in PAIRS]


@pytest.mark.parametrize(
    ("header", "wanted", "languages"),
    [
        ("German,English", Wanted(), ("de", "en")),
        ("Nr,Englisch,Deutsch", Wanted(), ("en", "de")),
        ("English,French", Wanted(), ("en", "fr")),
        ("Dialekt,Hochsprache", Wanted("de", "en", (1, 2)), ("de", "en")),
        ("English,Yoruba,Igbo", Wanted(columns=("Igbo", "English")), ("ig", "en")),
        ("English,Yoruba,Igbo", Wanted(target="yo"), ("en", "yo")),
        ("Sentence A,Sentence B", Wanted(), ("en", "de")),
    ],
)
def test_columns_tell_the_languages(tmp_path: Path, header: str, wanted: Wanted, languages: tuple[str, str]) -> None:
    row = ",".join(["Some words here"] * len(header.split(",")))
    (tmp_path / "a.csv").write_text(header + "\n" + f"{row}\n" * 9)
    found = discover([tmp_path / "a.csv"], wanted)
    assert (found["source_language"], found["target_language"]) == languages


@pytest.mark.parametrize(
    ("name", "languages"),
    [
        ("fra.txt", ("en", "fr")),
        ("corpus.en-it.tsv", ("en", "it")),
        ("swe_fin.tsv.old", ("sv", "fi")),
        ("my-text.tsv", ("en", "de")),
        ("eng.txt", ("en", "de")),
    ],
)
def test_the_name_of_a_table_tells_the_languages(tmp_path: Path, name: str, languages: tuple[str, str]) -> None:
    (tmp_path / name).write_text(rows("\t"))
    found = discover([tmp_path / name], Wanted())
    assert (found["source_language"], found["target_language"]) == languages


def test_rows_may_end_with_a_delimiter_that_the_header_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows(";", header="English;German\n", extra=";"))
    read(tmp_path / "a.csv")


def test_a_text_file_of_an_archive_may_be_a_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as archive:
        archive.writestr("fra.txt", rows("\t", extra="\tCC-BY somebody"))
        archive.writestr("_about.txt", "About these sentences\n")
    found = read(tmp_path / "fra-eng.zip")
    assert (found.format, found.train, found.target_language) == ("tsv", "fra.txt", "fr")


def test_separate_tables_are_the_splits(tmp_path: Path) -> None:
    write(tmp_path, train_csv=rows(";"), valid_csv=rows(";", number=3), test2016_csv=rows(";", number=2))
    found = read(tmp_path)
    assert (found.train, found.validation, found.test) == ("train.csv", "valid.csv", "test2016.csv")
    assert len(read_split(found, "test").source) == 2


@pytest.mark.parametrize(
    ("files", "path", "kind", "message"),
    [
        ({}, "nothing", DataError, "nothing: no such file or folder; "),
        ({"a_tsv": rows("\t"), "b_tsv": rows("\t")}, "", DataError, "found several corpora: a.tsv, b.tsv; .* --corpus .*a.tsv"),
        ({"a_tsv": "\n \n"}, "a.tsv", DataError, "a.tsv: is empty or blank"),
        ({"data__train_en": "x\n"}, "", DataError, "found no files, expected a corpus; type --corpus .*/data$"),
        ({"notes_md": "x"}, "", DataError, "found notes.md, expected a corpus; give one file per language"),
        ({"train_en": "x\n", "train_xx": "x\n"}, "", DataError, "add --source-language en --target-language xx"),
        ({"train_fr": "x\n", "train_it": "x\n"}, "", UsageError, "found the languages fr, it, expected .*; add --s"),
        ({"train_en": lines(0)}, "train.en", DataError, "found plain text .* --corpus .*train.en --corpus TRANSLATION"),
        ({"a": '<?xml version="1.0"?><xliff></xliff>'}, "a", DataError, "is an XLIFF file, .*: xliff2po .*a .*a.po && po2csv"),
        ({"a": "<!DOCTYPE html><html></html>"}, "a", DataError, "is an HTML page, expected a corpus; convert it: pandoc"),
        ({"a_csv": rows(",").replace("The dog number 7", '"The', 1)}, "a.csv", DataError, r"a\.csv:8: not CSV .* close each"),
        ({"source_txt": "x\n", "target_txt": "y\n"}, "", DataError, "type --corpus .*/source.txt --corpus .*/target.txt"),
        ({"a_po": '#: a\nmsgid "one"\nmsgstr "eins"\n'}, "a.po", DataError, "is a gettext file, .*: po2csv .*a.po .*a.po.csv"),
        ({"a": "%PDF-1.4"}, "a", DataError, "is a PDF document, expected text; convert it: pdftotext"),
        ({"a_csv": "French,English\na b c,d e f\n"}, "a.csv", None, "fr en"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_that_says_what_to_type(
    tmp_path: Path, files: dict[str, str], path: str, kind: type[TranslatorError] | None, message: str
) -> None:
    write(tmp_path, **files)
    if kind is None:
        found = discover([tmp_path / path], Wanted())
        assert f"{found['source_language']} {found['target_language']}" == message
        return
    with pytest.raises(kind) as caught:
        read_split(CorpusSettings(**discover([tmp_path / path], Wanted())), "train")
    assert re.search(message, str(caught.value))
