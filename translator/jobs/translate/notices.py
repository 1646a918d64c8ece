"""What a reader should know about translations: unknown words, truncated or several sentences, translations without an end."""

import re

from translator.jobs.translate.candidates import Candidate
from translator.jobs.translate.translator import Translator
from translator.text.sentences import sentences_of
from translator.text.words import words

_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f\u0964\u061f]\W*\w")
_MAX_EXAMPLES, _MAX_CHARACTERS = 10, 60


class TranslationNotices:
    """Collects notices sentence by sentence, in constant memory."""

    def __init__(self, translator: Translator, *, splits_sentences: bool = False) -> None:
        self._language = None if splits_sentences else translator.config.corpus.source_language
        self._num_several = 0
        self._known_words, self._num_lines = translator.known_words, 0
        self._protection = translator.tokenizer.protection
        self._unknown = "words that did not occur in training, so their translations are unreliable:"
        self._truncated = f"source longer than {translator.max_source_tokens} tokens, only its end was translated: line"
        self._unfinished = "the model did not end the translation, which was cut at its maximum length: line"
        self._examples: dict[str, list[str]] = {self._unknown: [], self._truncated: [], self._unfinished: []}

    def add(self, source: str, best: Candidate) -> None:
        """Check the next source and its best translation."""
        self._num_lines += 1
        if self._language is not None and _SENTENCE_END.search(source):
            self._num_several += len(sentences_of(source, self._language)) > 1
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
        return lines
