"""What a reader should know about translations: unknown words, truncated sources, translations without an end."""

from translator.jobs.translate.translator import Candidate, Translator
from translator.text.words import words

_MAX_EXAMPLES, _MAX_CHARACTERS = 10, 60


class TranslationNotices:
    """Collects notices sentence by sentence, in constant memory."""

    def __init__(self, translator: Translator) -> None:
        self._known_words, self._max_source_tokens = translator.known_words, translator.max_source_tokens
        self._num_lines = 0
        self._unknown, self._truncated, self._unfinished = _Examples(), _Examples(), _Examples()

    def add(self, source: str, best: Candidate) -> None:
        """Look at the next source and its best translation."""
        self._num_lines += 1
        for word in words(source):
            if word not in self._known_words:
                self._unknown.add(word)
        if best.is_source_truncated:
            self._truncated.add(str(self._num_lines))
        if not best.is_finished:
            self._unfinished.add(str(self._num_lines))

    def lines(self) -> list[str]:
        """Return a message for each kind of notice that occurred."""
        messages = {
            "not among the training words, so do not trust them:": self._unknown,
            f"longer than {self._max_source_tokens} tokens, only the end was translated: line": self._truncated,
            "no end was found, the translation is cut at its maximum length: line": self._unfinished,
        }
        return [f"{message} {examples}" for message, examples in messages.items() if examples.first]


class _Examples:
    """The first few distinct examples, and whether there were more."""

    def __init__(self) -> None:
        self.first: dict[str, None] = {}
        self._has_more = False

    def add(self, example: str) -> None:
        if len(self.first) < _MAX_EXAMPLES:
            self.first[example] = None
        else:
            self._has_more |= example not in self.first

    def __str__(self) -> str:
        return ", ".join(example[:_MAX_CHARACTERS] for example in self.first) + " and more" * self._has_more
