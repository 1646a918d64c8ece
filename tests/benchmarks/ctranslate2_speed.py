"""The speed of CTranslate2 at its fastest setting, with the same parameters and the same work as our own search."""

import itertools
import tempfile
import time
from typing import Any

import torch

from translator.jobs.translate.conversion import convert, import_ctranslate2
from translator.jobs.translate.translator import Translator

WARM_UP = 100
BATCH_SIZES = (32, 64, 128)


def ctranslate2_speeds(translator: Translator, lines: list[str], forced: int) -> dict[str, float]:
    """Return sentences per second from text to text, with translations of exactly `forced` tokens.

    The fastest batch size and division of threads counts. Our own search needs one step more, for the end token, because
    CTranslate2 cuts the translation instead.
    """
    threads = torch.get_num_threads()
    speeds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        convert(translator.config, translator.model, translator.tokenizer).save(folder)
        for workers in {1, threads}:
            engine = import_ctranslate2().Translator(folder, inter_threads=workers, intra_threads=threads // workers)
            for (name, beam_size), batch_size in itertools.product({"greedy": 1, "beam5": 5}.items(), BATCH_SIZES):
                options = {"beam_size": beam_size, "max_batch_size": batch_size}
                options |= {"min_decoding_length": forced, "max_decoding_length": forced}
                translate(engine, translator, lines[:WARM_UP], options)
                began = time.monotonic()
                translate(engine, translator, lines, options)
                figure = f"decoding.ctranslate2.{name}.sentences_per_second"
                speeds.setdefault(figure, []).append(len(lines) / (time.monotonic() - began))
    torch.set_num_threads(threads)  # CTranslate2 changes it for the whole process
    return {figure: max(values) for figure, values in speeds.items()}


def translate(engine: Any, translator: Translator, lines: list[str], options: dict[str, int]) -> list[str]:
    """Translate text to text, as `Translator.translate` does."""
    tokenizer = translator.tokenizer
    ids = {token: number for number, token in enumerate(tokenizer.target_tokens(range(tokenizer.target_size)))}
    sources = [tokenizer.source_tokens(source[:-1]) for source in tokenizer.encode_source(lines)]
    results = engine.translate_batch(sources, **options)
    return tokenizer.decode_target([[ids[token] for token in result.hypotheses[0]] for result in results])
