"""What a reader should know about translations: unknown words, truncated or several sentences, translations without an end."""

import re

from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.translator import Translator
from translator.text.sentences import sentences_of
from translator.text.words import split_words, words

_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f\u0964\u061f]\W*\w")
_MAX_EXAMPLES, _MAX_CHARACTERS = 10, 60


class TranslationNotices:
    """Collects notices sentence by sentence, in constant memory."""

    def __init__(self, translator: Translator, *, splits_sentences: bool = False) -> None:
        self._language, self._splits_sentences = translator.config.corpus.source_language, splits_sentences
        self._long_source = translator.long_source
        self._num_several = self._num_long = 0
        self._known_words, self._num_lines = translator.known_words, 0
        self._protection = translator.tokenizer.protection
        self._unknown = "words that did not occur in training, so their translations are unreliable:"
        self._truncated = f"source longer than {translator.max_source_tokens} tokens, only its end was translated: line"
        self._unfinished = "the model did not end the translation, which was cut at its maximum length: line"
        self._examples: dict[str, list[str]] = {self._unknown: [], self._truncated: [], self._unfinished: []}

    def add(self, source: str, best: Candidate) -> None:
        """Check the next source and its best translation."""
        self._num_lines += 1
        sentences = sentences_of(source, self._language) if _SENTENCE_END.search(source) else [source]
        self._num_several += len(sentences) > 1 and not self._splits_sentences
        if (limit := self._long_source) is not None and (len(sentences) == 1 or self._splits_sentences):
            self._num_long += any(len(split_words(sentence)) > limit for sentence in sentences)
        known_words = self._known_words
        if known_words is None:
            found = []
        else:
            found = [
                (self._unknown, word) for word in words(self._protection.without(source)) if word not in known_words
            ]
        if best.is_source_truncated:
            found.append((self._truncated, str(self._num_lines)))
        if not best.is_finished:
            found.append((self._unfinished, str(self._num_lines)))
        for message, example in found:
            examples = self._examples[message]
            if len(examples) <= _MAX_EXAMPLES and example not in examples:  # keep one more than is shown
                examples.append(example)

    def take(self) -> list[str]:
        """Return a message for each kind of notice that occurred since the last call."""
        lines = []
        for message, examples in self._examples.items():
            if examples:
                shown = ", ".join(example[:_MAX_CHARACTERS] for example in examples[:_MAX_EXAMPLES])
                lines.append(f"{message} {shown}{' and more' if len(examples) > _MAX_EXAMPLES else ''}")
                examples.clear()
        if self._num_several:
            count = "1 line has" if self._num_several == 1 else f"{self._num_several:,} lines have"
            lines.append(f"{count} several sentences, of which a model may translate only one; add --split-sentences")
            self._num_several = 0
        if self._num_long:
            count = "1 line has a sentence" if self._num_long == 1 else f"{self._num_long:,} lines have sentences"
            lines.append(
                f"{count} of more than {self._long_source} words, longer than 99.9 % of the training sources; such translations "
                "are often incomplete"
            )
            self._num_long = 0
        return lines
