"""CTranslate2 computes what we compute, searches as we search, and is refused where it would not."""

import json
import random
import shutil
import sys
from pathlib import Path

import pytest
import torch

from tests.benchmarks.ctranslate2_speed import ctranslate2_speeds
from tests.forced import forced_log_probs
from translator.cli.app import run as run_program
from translator.config import load_config
from translator.decoding.next_tokens import SUPPRESSED
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError, MachineError, ModelError, UsageError
from translator.jobs.export import export
from translator.jobs.export.export import export_run
from translator.jobs.train.events import Watchers
from translator.jobs.train.train import train_run
from translator.jobs.translate.build import build_model, vocabularies_of
from translator.jobs.translate.conversion import check_convertible, convert
from translator.jobs.translate.engines import CTranslate2Engine, TorchEngine
from translator.jobs.translate.translator import load
from translator.ops.choice import Ops
from translator.runs.folder import RunFolder
from translator.text.batches import EncodedLines
from translator.text.sources import read_split
from translator.text.tokenizer import EOS, Tokenizer
from translator.text.tokenizer_training import train_tokenizer

pytest.importorskip("ctranslate2", reason="needs the library: pip install ctranslate2")

DEMO = Path(__file__).parent.parent.parent.parent / "configs" / "demo.toml"
TINY = [
    "model.dim=32", "model.feed_forward_dim=48", "encoder.num_layers=2", "decoder.num_layers=1",
    "tokenizer.vocab_size=320", "tokenizer.max_sentences=300",
]  # fmt: skip
TRAINING = [
    "encoder.num_layers=1", "training.steps=200", "training.batch_tokens=600", "training.validate_every=200",
    "training.save_every=200", "training.label_smoothing=0.0", "training.learning_rate=1e-2", "training.warmup_steps=20",
]  # fmt: skip
PLACES = ("encoder.self_attention", "decoder.self_attention", "decoder.cross_attention")


def everywhere(**table):
    """Overrides of all three attentions."""
    return [f"{place}.{key}={value}" for place in PLACES for key, value in table.items()]


VARIANTS = {
    "pre": [],
    "post": ["model.norm=post"],
    "gelu": ["model.activation=gelu"],
    "learned": ["model.positions=learned", "model.max_positions=40"],
    "no positions": ["model.positions=none"],
    "tied output": ["model.tied_embeddings=output"],
    "untied": ["model.tied_embeddings=none"],
    "two vocabularies": ["model.tied_embeddings=output", "tokenizer.joint=false"],
    "one head": everywhere(num_heads=1),
    "heads that differ": ["encoder.self_attention.num_heads=8", "decoder.num_layers=2"],
    "dot": everywhere(score="dot"),
    "general": everywhere(score="general"),
    "scaled, unprojected": everywhere(projection="none"),
    "flash": everywhere(mechanism="flash", dropout=0),
}
_TOKENIZERS: dict[bool, Tokenizer] = {}


def tokenizer_of(config):
    """Pieces of a corner of the demo corpus, learned once."""
    joint = config.tokenizer.joint
    if joint not in _TOKENIZERS:
        _TOKENIZERS[joint] = train_tokenizer(read_split(config.corpus, "train"), config.tokenizer)
    return _TOKENIZERS[joint]


def both_engines(overrides, folder, *, biases=(), marks=-30.0):
    """(our engine, CTranslate2's, the tokenizer) for one model whose every weight is random and lively.

    `biases` are added to some words; to marks, training leaves next to nothing.
    """
    config = load_config(DEMO, [*TINY, *overrides])
    tokenizer = tokenizer_of(config)
    torch.manual_seed(5)
    model = build_model(config, vocabularies_of(tokenizer), ops=Ops()).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
        model.output.bias[SUPPRESSED] = marks
        for word, bias in biases:
            model.output.bias[word] += bias
    folder.mkdir()
    convert(config, model, tokenizer).save(str(folder))
    return TorchEngine(model), CTranslate2Engine(folder, model, tokenizer), tokenizer


def sources_of(tokenizer):
    """Sentences of several lengths."""
    lines = read_split(load_config(DEMO).corpus, "validation").source[:12]
    return tokenizer.encode_source([*lines, lines[0].split()[0], "ß €"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_translation_has_the_same_log_probability_in_both(tmp_path, variant):
    ours, theirs, tokenizer = both_engines(VARIANTS[variant], tmp_path / "model")
    sources = [ids[-30:] for ids in sources_of(tokenizer)]
    targets = [[*ids[:20][::-1][1:], EOS] for ids in tokenizer.encode_target(["Der Hund schläft.", "ein Buch ß"] * 7)]
    source_BS, target_BT = (EncodedLines.of(ids).padded(torch.arange(14).numpy()) for ids in (sources, targets))
    expected = forced_log_probs(ours.model, source_BS, source_BS != 0, target_BT)
    scored = theirs.translator.score_batch(
        [tokenizer.source_tokens(ids[:-1]) for ids in sources], [tokenizer.target_tokens(ids[:-1]) for ids in targets]
    )
    assert [sum(one.log_probs) for one in scored] == pytest.approx(expected.tolist(), abs=2e-4)


def test_the_other_engine_leaves_torch_its_threads(tmp_path):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        both_engines([], tmp_path / "model")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "settings",
    [
        {"search": "greedy"},
        {"search": "greedy", "max_length": 4},
        {"beam_size": 1},
        {"beam_size": 5, "length_penalty": 0.6},
        {"beam_size": 4, "length_penalty": 0.0, "max_length": 4},
        {"beam_size": 5, "length_penalty": 2.0, "max_length_ratio": 0.5, "max_length_extra": 1},
    ],
    ids=str,
)
def test_both_engines_find_the_same_translation_with_the_same_scores(tmp_path, settings):
    ours, theirs, tokenizer = both_engines([], tmp_path / "model", biases=[(EOS, 4.0)])
    sources, settings = sources_of(tokenizer), DecodingSettings(**settings)
    results = [engine.search(sources, settings, batch_size=5) for engine in (ours, theirs)]
    (mine, other) = ([found[0] for found in result] for result in results)
    assert [(one.ids, one.is_finished) for one in mine] == [(one.ids, one.is_finished) for one in other]
    for field in ("log_prob", "score"):
        mine_values, other_values = ([getattr(one, field) for one in found] for found in (mine, other))
        assert mine_values == pytest.approx(other_values, abs=1e-3)


def test_num_best_translations_come_best_first_and_none_twice(tmp_path):
    _, theirs, tokenizer = both_engines([], tmp_path / "model", biases=[(EOS, 4.0)])
    for found in theirs.search(sources_of(tokenizer), DecodingSettings(num_best=3), batch_size=5):
        assert len({one.ids for one in found}) == len(found) == 3
        assert sorted(found, key=lambda one: -one.score) == found


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_lengths_are_kept_and_a_translation_of_the_greatest_may_still_end(tmp_path, search):
    _, theirs, tokenizer = both_engines([], tmp_path / "model", biases=[(EOS, 30.0)])
    settings = DecodingSettings(search=search, min_length=3, max_length=3)
    results = theirs.search(sources_of(tokenizer), settings, batch_size=5)
    assert {(len(found[0].ids), found[0].is_finished) for found in results} == {(3, True)}


def test_what_has_ended_is_not_lost_for_what_is_cut(tmp_path):
    # Two words take nearly all the probability, so that at the end every beam is more probable than what ended early.
    engines = both_engines([], tmp_path / "model", biases=[(50, 24.0), (60, 24.0), (EOS, 19.0)])[:2]
    sources, settings = [[9, 30, EOS], [70, EOS]], DecodingSettings(max_length=2)
    mine, other = ([found[0] for found in one.search(sources, settings, batch_size=5)] for one in engines)
    assert [one.ids for one in mine] == [one.ids for one in other]
    assert all(one.is_finished for one in other)


@pytest.mark.parametrize("settings", [{"search": "greedy"}, {"beam_size": 5, "num_best": 5}], ids=str)
def test_marks_are_never_written(tmp_path, settings):
    _, theirs, tokenizer = both_engines([], tmp_path / "model", marks=8.0)
    results = theirs.search(sources_of(tokenizer), DecodingSettings(**settings, max_length=6), batch_size=5)
    assert all(min(one.ids, default=4) > EOS for found in results for one in found)


def test_quantizing_leaves_the_model_as_it_was(tmp_path):
    ours, _, tokenizer = both_engines([], tmp_path / "model")
    before = [weight.clone() for weight in ours.model.parameters()]
    convert(load_config(DEMO, TINY), ours.model, tokenizer).optimize("int8")
    assert all(map(torch.equal, before, ours.model.parameters()))


def test_a_source_beyond_the_learned_positions_is_refused_and_a_translation_ends_there(tmp_path):
    ours, theirs, _ = both_engines(VARIANTS["learned"], tmp_path / "model")
    settings = DecodingSettings(search="greedy")
    (mine,), (other,) = (one.search([[9] * 35 + [EOS]], settings, batch_size=5)[0] for one in (ours, theirs))
    assert mine.ids == other.ids
    assert len(other.ids) == 39  # of 40 positions, the end mark's apart
    with pytest.raises(DataError, match=r"CTranslate2: .*position"):
        theirs.search([[9] * 50 + [EOS]], settings, batch_size=5)


def test_sampling_is_refused(tmp_path):
    _, theirs, _ = both_engines([], tmp_path / "model")
    with pytest.raises(UsageError, match=r"decoding\.search: found 'sampling'"):
        theirs.search([[9, EOS]], DecodingSettings(search="sampling"), batch_size=5)


REFUSED = {
    "decoder.cross_attention.score": ["decoder.cross_attention.score=additive"],
    "encoder.self_attention.mechanism": ["encoder.self_attention.mechanism=window"],
    "decoder.self_attention.mechanism": ["decoder.self_attention.mechanism=performer"],
    "decoder.cross_attention.num_heads": ["decoder.cross_attention.num_heads=2"],
    "decoder.self_attention.dim": ["decoder.self_attention.dim=16"],
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_ctranslate2_cannot_compute_is_refused_by_the_settings_name(key):
    with pytest.raises(UsageError) as caught:
        check_convertible(load_config(DEMO, [*TINY, *REFUSED[key]]))
    assert caught.value.place == key
    assert "CTranslate2" in caught.value.problem


def test_a_recurrent_model_is_refused():
    with pytest.raises(UsageError, match=r"model\.architecture: the run was trained with 'recurrent', but"):
        check_convertible(load_config(DEMO.with_name("demo-additive.toml")))


WORDS = {"dog": "hund", "cat": "katze", "sees": "sieht", "likes": "mag", "man": "mann", "old": "alter", "not": "nicht"}


def write_corpus(folder):
    """Pairs of random words, translated one by one."""
    generator = random.Random(1)
    for split, count in (("train", 400), ("valid", 60), ("test", 20)):
        lines = [generator.choices(list(WORDS), k=generator.randint(1, 6)) for _ in range(count)]
        for suffix, texts in (("en", lines), ("de", [[WORDS[word] for word in line] for line in lines])):
            (folder / f"{split}.{suffix}").write_text("".join(" ".join(words) + "\n" for words in texts))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that has learned to translate word by word."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    config = load_config(DEMO, [*TINY, *TRAINING, f"corpus.folder={folder}"])
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    run = train_run(config, folder / "demo", device=torch.device("cpu"), watcher=Watchers())
    torch.set_num_threads(before)
    return run


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, to be spoilt."""
    shutil.copytree(trained.path, tmp_path / "demo")
    return RunFolder(tmp_path / "demo")


def exported(run, **options):
    return export_run(run, **{"quantization": None, "least": None, "force": False, **options})


@pytest.fixture
def program(monkeypatch, capsys):
    """The command line: (exit code, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["translator", *map(str, arguments)])
        return run_program(), *capsys.readouterr()

    return call


def test_an_exported_run_translates_the_same_by_command(run, program, tmp_path):
    code, output, errors = program("export", run.path, "--to", "ctranslate2")
    assert (code, output) == (0, f"{run.path / 'ctranslate2'}\n")
    assert "greedy: 60 of 60 validation translations are the same" in errors
    assert "beam 5: 60 of 60 validation translations are the same" in errors
    source = tmp_path / "test.en"
    source.write_text("\n".join(["the old dog", "", *run.split("test").source]) + "\n")
    arguments = ("translate", "--run", run.path, "--input", source)
    _, expected, _ = program(*arguments)
    code, found, _ = program(*arguments, "--engine", "ctranslate2")
    assert (code, found) == (0, expected)
    assert found.count("\n") == 22
    _, output, _ = program(*arguments, "--engine", "ctranslate2", "--json")
    assert [json.loads(line)["translations"][0]["text"] for line in output.splitlines()] == expected.splitlines()


def test_the_engine_wants_an_undamaged_export_of_these_weights(run):
    with pytest.raises(ModelError, match=r"no such folder; type: translator export"):
        load(run, engine="ctranslate2")
    folder = exported(run).path
    load(run, engine="ctranslate2")
    record = json.loads((folder / "export.json").read_text())
    assert (
        record["weights"]
        == json.loads((run.final / "manifest.json").read_text())["parts"]["model.safetensors"]["sha256"]
    )
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"model\.bin is not what was written"):
        load(run, engine="ctranslate2")


def test_an_export_of_other_weights_is_refused(run, monkeypatch):
    monkeypatch.setattr(RunFolder, "parameters_digest", lambda self: "0" * 64)
    exported(run)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"was exported from other parameters .*--force"):
        load(run, engine="ctranslate2")


def test_an_unknown_engine_is_refused(run):
    with pytest.raises(UsageError, match=r"--engine: found 'eole', expected one of 'torch', 'ctranslate2'"):
        load(run, engine="eole")


def test_an_export_that_translates_otherwise_is_not_written(run, monkeypatch, tmp_path):
    def broken(config, model, tokenizer):
        spec = convert(config, model, tokenizer)
        spec.encoder.position_encodings.encodings.array[:] = 0
        return spec

    monkeypatch.setattr(export, "convert", broken)
    output = tmp_path / "out" / "model"
    with pytest.raises(ModelError, match=r"greedy: \d+ of 60 .* expected at least 99 %; nothing was written"):
        exported(run, output=output)
    assert list(output.parent.iterdir()) == []
    assert not exported(run, output=output, least=0.0).is_same


def test_rounded_weights_report_their_own_agreement(run):
    done = exported(run, quantization="int8")
    assert [one.search for one in done.agreements] == ["greedy", "beam 5"]
    assert all(0 < one.equal <= one.total == 60 for one in done.agreements)
    assert json.loads((done.path / "export.json").read_text())["quantization"] == "int8"
    size = (done.path / "model.bin").stat().st_size
    plain = exported(run, force=True)
    assert plain.is_same
    assert size < (plain.path / "model.bin").stat().st_size
    with pytest.raises(UsageError, match=r"--quantization: int3 is not a valid"):
        exported(run, quantization="int3", force=True)


def test_only_an_export_is_replaced_and_only_by_force(run, tmp_path):
    folder = exported(run).path
    before = (folder / "export.json").read_bytes()
    with pytest.raises(MachineError, match=r"exists; choose another --output, or give --force"):
        exported(run)
    assert (folder / "export.json").read_bytes() == before
    assert exported(run, force=True, quantization="int8").path == folder
    with pytest.raises(MachineError, match=r"exists; choose another --output$"):
        exported(run, output=run.path / "final", force=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(MachineError, match=r"exists; choose another --output$"):
        exported(run, force=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_the_benchmark_measures_both_searches(run):
    speeds = ctranslate2_speeds(load(run), run.split("test").source, 3)
    assert list(speeds) == [f"decoding.ctranslate2.{name}.sentences_per_second" for name in ("greedy", "beam5")]
    assert min(speeds.values()) > 0


def test_a_missing_package_is_named_with_what_to_type(run, monkeypatch, program):
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    code, output, errors = program("export", run.path)
    assert (code, output) == (5, "")
    assert "pip install ctranslate2" in errors
