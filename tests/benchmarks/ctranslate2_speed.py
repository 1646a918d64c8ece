"""CTranslate2 in its fastest setting, on the weights of a training of ours and at the work that ours is measured at."""

import itertools
import tempfile
import time
from typing import Any

import torch

from translator.jobs.translate.conversion import convert, library
from translator.jobs.translate.translator import Translator

WARM_UP = 100
BATCH_SIZES = (32, 64, 128)


def ctranslate2_speeds(translator: Translator, lines: list[str], forced: int) -> dict[str, float]:
    """Sentences a second from text to text, exactly `forced` pieces each: the best of all ways to use the threads.

    Ours takes one step more, for the end mark; CTranslate2 is spared it, since it cuts instead.
    """
    threads = torch.get_num_threads()
    speeds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        convert(translator.config, translator.model, translator.tokenizer).save(folder)
        for workers in {1, threads}:
            engine = library().Translator(folder, inter_threads=workers, intra_threads=threads // workers)
            for (name, beam_size), batch_size in itertools.product({"greedy": 1, "beam5": 5}.items(), BATCH_SIZES):
                options = {"beam_size": beam_size, "max_batch_size": batch_size}
                options |= {"min_decoding_length": forced, "max_decoding_length": forced}
                translate(engine, translator, lines[:WARM_UP], options)
                began = time.monotonic()
                translate(engine, translator, lines, options)
                figure = f"decoding.ctranslate2.{name}.sentences_per_second"
                speeds.setdefault(figure, []).append(len(lines) / (time.monotonic() - began))
    torch.set_num_threads(threads)  # CTranslate2 has set its own for the whole process
    return {figure: max(found) for figure, found in speeds.items()}


def translate(engine: Any, translator: Translator, lines: list[str], options: dict[str, int]) -> list[str]:
    """Text to text, as `Translator.translate` does it."""
    tokenizer = translator.tokenizer
    numbers = {piece: number for number, piece in enumerate(tokenizer.target_tokens(range(tokenizer.target_size)))}
    sources = [tokenizer.source_tokens(ids[:-1]) for ids in tokenizer.encode_source(lines)]
    results = engine.translate_batch(sources, **options)
    return tokenizer.decode_target([[numbers[piece] for piece in result.hypotheses[0]] for result in results])
