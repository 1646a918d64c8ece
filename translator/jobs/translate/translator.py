"""The Python API for a trained model: load a run, translate text, score translations, look at attention weights."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice, repeat
from typing import Unpack, overload

import numpy as np
import torch

from translator.config import Config
from translator.decoding.forced import score_tokens
from translator.decoding.hypothesis import Hypothesis
from translator.decoding.settings import DecodingSettings
from translator.errors import DataError
from translator.jobs.translate.blocks import BLOCK_LINES, blocks
from translator.jobs.translate.candidates import Candidate, WordConfidence, by_consensus, combined, word_confidences
from translator.jobs.translate.engines import Engine, TorchEngine
from translator.jobs.translate.options import TranslateOptions, with_options
from translator.jobs.translate.results import AttentionWeights, TargetScore
from translator.models.interface import AnyModel
from translator.runs.model import count_parameters
from translator.text.batches import EncodedLines, EncodedPairs
from translator.text.sentences import sentences_of
from translator.text.tokenizer import BOS, EOS, Tokenizer

MAX_SOURCE_TOKENS = 1024
"""Longer sources are cut to their last tokens, with a notice, because models are not trained on such lengths."""


def default_batch_size(device: torch.device) -> int:
    """Return the number of sentences to decode together: a GPU decodes 1,000 in about the time of 100."""
    return 1024 if device.type == "cuda" else 128


class Translator:
    """A trained model with its tokenizer and search engine, made by `load`.

    >>> import translator
    >>> model = translator.load("runs/demo")
    >>> model
    Translator(en → de, 27,313 parameters, validation BLEU 100.0)
    >>> model.translate("A dog sleeps.")
    'Ein Hund schläft.'
    """

    def __init__(
        self,
        model: AnyModel,
        tokenizer: Tokenizer,
        config: Config,
        known_words: frozenset[str] | None,  # None if they are not known
        engine: Engine | None = None,
        *,
        validation_bleu: float | None = None,
        long_source: int | None = None,  # words that hardly any training source exceeds; None if not known
    ) -> None:
        self.model, self.tokenizer, self.config, self.known_words = model.eval(), tokenizer, config, known_words
        self.engine, self.validation_bleu = engine or TorchEngine(self.model), validation_bleu
        self.long_source = long_source
        self.device = model.output.weight.device
        self.max_source_tokens = min(MAX_SOURCE_TOKENS, model.max_source_length or MAX_SOURCE_TOKENS)

    def __repr__(self) -> str:
        corpus, score = self.config.corpus, self.validation_bleu
        languages = f"{corpus.source_language} → {corpus.target_language}"
        bleu = "" if score is None else f", validation BLEU {score:.1f}"
        return f"Translator({languages}, {count_parameters(self.model):,} parameters{bleu})"

    @overload
    def translate(  # type: ignore[overload-overlap]  # a string is also an iterable of strings
        self, text: str, settings: DecodingSettings | None = None, **options: Unpack[TranslateOptions]
    ) -> str: ...
    @overload
    def translate(
        self, text: Iterable[str], settings: DecodingSettings | None = None, **options: Unpack[TranslateOptions]
    ) -> list[str]: ...
    @overload
    def translate(  # type: ignore[overload-overlap]
        self, text: str, settings: DecodingSettings | None = None, *, num_best: int, **options: Unpack[TranslateOptions]
    ) -> list[str]: ...
    @overload
    def translate(
        self,
        text: Iterable[str],
        settings: DecodingSettings | None = None,
        *,
        num_best: int,
        **options: Unpack[TranslateOptions],
    ) -> list[list[str]]: ...
    def translate(
        self,
        text: str | Iterable[str],
        settings: DecodingSettings | None = None,
        *,
        num_best: int | None = None,
        **options: Unpack[TranslateOptions],
    ) -> str | list[str] | list[list[str]]:
        """Return the translation of a text, or of each text in a list. A blank text has an empty translation.

        With `num_best`, each translation is replaced by the list of that many different ones, best first. `settings` are the
        run's own by default, and keyword arguments with the names of [decoding] change them for this call. Translations start
        with `prefix`, a text or one per line. With `split_sentences`, the sentences of a text are translated separately.

        >>> model.translate(["A dog sleeps.", "", "The man reads a book."], beam_size=3)
        ['Ein Hund schläft.', '', 'Der Mann liest ein Buch.']
        >>> model.translate("A dog sleeps.", num_best=2)
        ['Ein Hund schläft.', ...]
        >>> model.translate("A dog sleeps.", beam_sise=3)
        Traceback (most recent call last):
        translator.errors.UsageError: beam_sise: unknown option; did you mean 'beam_size'?
        """
        prefix = options.pop("prefix", "")
        batch_size, split_sentences = options.pop("batch_size", None), options.pop("split_sentences", False)
        settings = with_options(settings or self.config.decoding, {**options, "num_best": num_best or 1})
        found = self.candidates(
            [text] if isinstance(text, str) else text,
            settings,
            prefixes=repeat(prefix) if isinstance(prefix, str) else prefix,
            batch_size=batch_size,
            split_sentences=split_sentences,
        )
        if num_best is None:
            best = [candidates[0].text for candidates in found]
            return best[0] if isinstance(text, str) else best
        several = [[candidate.text for candidate in candidates] for candidates in found]
        return several[0] if isinstance(text, str) else several

    @overload
    def score(self, source: str, target: str) -> TargetScore: ...  # type: ignore[overload-overlap]
    @overload
    def score(self, source: Iterable[str], target: Iterable[str]) -> list[TargetScore]: ...
    def score(self, source: str | Iterable[str], target: str | Iterable[str]) -> TargetScore | list[TargetScore]:
        """Return how probable the model finds a given translation of a source, or of each source in a list.

        Raises DataError for lists of different lengths and for a target that is longer than the model can write.

        >>> model.score("A dog sleeps.", "Ein Hund schläft.").log_prob
        -0.0...
        >>> model.score("A dog sleeps.", "Der Mann liest ein Buch.").log_prob < -5
        True
        """
        if isinstance(source, str) and isinstance(target, str):
            return self._score([source], [target])[0]
        if isinstance(source, str) or isinstance(target, str):
            raise DataError("score", "found a text and a list", "give two texts or two lists")
        return self._score(list(source), list(target))

    def _score(self, sources: list[str], targets: list[str]) -> list[TargetScore]:
        if len(sources) != len(targets):
            raise DataError("score", f"{len(sources):,} sources, but {len(targets):,} targets", "give pairs")
        read, encoded = self._encode_pairs(sources, targets)
        scores = score_tokens(self.model, read, encoded)
        tokens = map(self.tokenizer.target_tokens, encoded)
        return [TargetScore(math.fsum(own), own, names) for own, names in zip(scores, tokens, strict=True)]

    def attention(self, source: str, target: str | None = None) -> AttentionWeights:
        """Return the attention weights of all layers and heads between a source and its translation, or a given target.

        They show where the model attends, not why (Jain and Wallace 2019).

        >>> attention = model.attention("A dog sleeps.")
        >>> attention.target[:2]
        ['▁Ein', '▁Hund']
        >>> list(attention.weights)
        ['encoder.1', 'decoder.1', 'cross.1']
        >>> attention.weights["cross.1"].shape == (2, len(attention.target), len(attention.source))
        True
        """
        text = self.translate(source) if target is None else target
        sources, targets = self._encode_pairs([source], [text])
        pairs = EncodedPairs(EncodedLines.of(sources), EncodedLines.of(targets))
        batch = pairs.batch(np.arange(1)).to(self.device)
        with torch.inference_mode():
            weights = self.model.attention_weights(batch.source_BS, batch.mask_BS, batch.previous_BT)
        return AttentionWeights(
            self.tokenizer.source_tokens(sources[0]),
            self.tokenizer.target_tokens(targets[0]),
            self.tokenizer.target_tokens([BOS, *targets[0][:-1]]),
            {name: weight_1HTS[0].float().cpu().numpy() for name, weight_1HTS in weights.items()},
        )

    def _encode_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
        """Return the tokens of both sides; of a source those that the model reads, the last `max_source_tokens`.

        Raises DataError for a target that is longer than the model can write.
        """
        read, encoded = self.tokenizer.encode_pairs(list(map(_one_line, sources)), list(map(_one_line, targets)))
        limit = self.model.max_target_length
        for number, ids in enumerate(encoded, 1):
            if limit is not None and len(ids) > limit + 1:
                problem = f"has {len(ids):,} tokens, but the model writes at most {limit:,}"
                raise DataError(f"target {number:,}", problem, "shorten it")
        return [ids[-self.max_source_tokens :] for ids in read], encoded

    def candidates(
        self,
        lines: Iterable[str],
        settings: DecodingSettings | None = None,
        *,
        prefixes: Iterable[str] = (),
        batch_size: int | None = None,
        block_lines: int = BLOCK_LINES,
        split_sentences: bool = False,
        with_words: bool = False,
    ) -> Iterator[list[Candidate]]:
        """Yield the `num_best` translations of each line, best first; lines are read and translated block by block.

        Each translation starts with the prefix of its line, if there is one. With `split_sentences`, the sentences of a line
        are translated separately and their translations are joined. With `with_words`, candidates have the confidence in each
        word. By default the batch size depends on the device, see `default_batch_size`.
        """
        settings, remaining = settings or self.config.decoding, chain(prefixes, repeat(""))
        search = partial(self._search, settings=settings, batch_size=batch_size or default_batch_size(self.device))
        corpus = self.config.corpus
        for block in blocks(lines, block_lines):
            sentences = [[_one_line(line)] for line in block]
            if split_sentences:
                split = partial(sentences_of, language=corpus.source_language)
                sentences = [self.tokenizer.protection.cut(line, split) for (line,) in sentences]
            given = list[str]()  # the first sentence of a line has its prefix
            for parts, prefix in zip(sentences, remaining, strict=False):
                given += [prefix, *repeat("", len(parts) - 1)]
            found = iter(search(list(chain(*sentences)), given, with_words=with_words))
            for parts in sentences:
                yield combined(list(islice(found, len(parts))), settings.num_best, corpus.target_language)

    def _search(
        self,
        sentences: list[str],
        prefixes: list[str],
        *,
        settings: DecodingSettings,
        batch_size: int,
        with_words: bool,
    ) -> list[list[Candidate]]:
        """Return the `num_best` translations of each sentence, best first."""
        sources = self.tokenizer.encode_source(sentences)
        filled = [index for index, sentence in enumerate(sentences) if sentence]
        truncated = [sources[index][-self.max_source_tokens :] for index in filled]
        given = [self._prefix_ids(sentences[index], prefixes[index]) for index in filled] if any(prefixes) else ()
        results = self.engine.search(truncated, settings.of_candidates, batch_size=batch_size, prefixes=given)
        # Blank lines keep this one.
        candidates = [[Candidate("", 0.0, 0.0, True, ())] for _ in sentences]
        for index, read, hypotheses in zip(filled, truncated, results, strict=True):
            is_truncated, num_slots = len(read) < len(sources[index]), self.tokenizer.count_slots(read)
            restore = partial(self.tokenizer.protection.restore, source=sentences[index], num_read=num_slots)
            decoded = self._decode(hypotheses, restore, is_source_truncated=is_truncated)
            candidates[index] = by_consensus(decoded, settings) if settings.search == "mbr" else decoded
        return self._with_words(sentences, sources, candidates) if with_words else candidates

    def _prefix_ids(self, source: str, prefix: str) -> list[int]:
        """Return the tokens of a prefix, with which the translation of a source starts."""
        masked = self.tokenizer.protection.mask_like(source, _one_line(prefix))
        return self.tokenizer.encode_target([masked])[0][:-1]  # without EOS

    def _with_words(
        self, sentences: list[str], sources: list[list[int]], found: list[list[Candidate]]
    ) -> list[list[Candidate]]:
        """Return the candidates of all sentences with the confidence in each of their words."""
        read = [
            ids[-self.max_source_tokens :] for ids, candidates in zip(sources, found, strict=True) for _ in candidates
        ]
        targets = [[*candidate.ids, EOS] for candidates in found for candidate in candidates]
        # All candidates of all sentences in one pass.
        log_probs = score_tokens(self.model, read, targets) if targets else []
        all_words = map(word_confidences, map(self.tokenizer.target_tokens, targets), log_probs)
        for sentence, candidates in zip(sentences, found, strict=True):
            for place, words in enumerate(islice(all_words, len(candidates))):
                texts, _ = self.tokenizer.protection.fill([word.word for word in words], sentence)
                named = map(WordConfidence, texts, (word.confidence for word in words))
                candidates[place] = candidates[place]._replace(words=tuple(named))
        return found

    def _decode(
        self, hypotheses: list[Hypothesis], restore: Callable[[str], str], *, is_source_truncated: bool
    ) -> list[Candidate]:
        """Return one candidate per distinct text: the best hypothesis that has it."""
        candidates: dict[str, Candidate] = {}
        texts = map(restore, self.tokenizer.decode_target([hypothesis.ids for hypothesis in hypotheses]))
        for text, (ids, log_prob, score, is_finished) in zip(texts, hypotheses, strict=True):
            candidates.setdefault(text, Candidate(text, score, log_prob, is_finished, ids, is_source_truncated))
        return list(candidates.values())


def _one_line(text: str) -> str:
    """Return a text with line ends replaced by spaces, and stripped."""
    return text.replace("\n", " ").strip()
