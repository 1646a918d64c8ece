"""Protected strings, such as placeholders and URLs, which a translation must contain exactly as its source does.

A model never sees them. Before a line is encoded, each protected string is replaced by a slot, a private-use character
that is a token of its own: the first string of a line by slot 0, the next different one by slot 1, and so on. In training,
strings that both sides of a pair contain equally often are replaced, so the model learns where slots stand. In translation,
search produces every slot exactly as often as the source has it (`decoding/rules.py`), and `restore` puts the strings back.
"""

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import NamedTuple, Self

MAX_SLOTS = 8
SLOTS = [chr(0xE000 + number) for number in range(MAX_SLOTS)]
_SLOT = re.compile(f"[{SLOTS[0]}-{SLOTS[-1]}]")
_MIN_PAIRS = 10
"""Training pairs from which a model learns where a slot stands."""

PATTERNS = {
    "urls": r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?'’”»)\]}]",
    "emails": r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++",
    "tags": r"</?[A-Za-z][^<>]*>|&(?:[A-Za-z]+|#\d+);",
    "placeholders": r"\$?\{\{[^{}]*\}\}|[$%]?\{[^{}\s]*\}|%\(\w+\)[a-z]|%(?:\d+\$)?[sdif@](?![A-Za-z])|\$\w+\$",
    "numbers": r"\d{5,}",
}
"""Kinds of strings that `tokenizer.keep_patterns` can protect. Each takes linear time on every line."""


class Protection:
    """Finds protected strings, replaces them by slots and puts them back."""

    def __init__(self, strings: Iterable[str] = (), patterns: Iterable[str] = (), *, num_slots: int = 0) -> None:
        """Protect these strings and what matches the patterns of these names; nothing if there are no slots."""
        self.slots = SLOTS[:num_slots]
        literal = sorted({unicodedata.normalize("NFC", string) for string in strings}, key=len, reverse=True)
        # Of the alternatives that match at a place, the first wins. A slot character in a text is protected too.
        kinds = [*map(re.escape, literal), *(PATTERNS[name] for name in patterns)]
        self._invented = re.compile("|".join(kinds) or "(?!)")
        self._protected = re.compile("|".join([*kinds, _SLOT.pattern]))

    def find(self, line: str) -> list[str]:
        """Return the protected strings of a line, in order."""
        return self._protected.findall(line) if self.slots else []

    def count_kept(self, sources: Iterable[str], translations: Iterable[str]) -> tuple[int, int]:
        """Return how many protected strings of the sources are in their translations, and how many there are."""
        pairs = [
            (Counter(self.find(source)), Counter(self.find(text)))
            for source, text in zip(sources, translations, strict=True)
        ]
        return sum((source & text).total() for source, text in pairs), sum(source.total() for source, _ in pairs)

    def without(self, line: str) -> str:
        """Return a line with a space for each protected string."""
        return self._replace(line, lambda _: " ")

    def mask(self, line: str) -> str:
        """Return a line with a slot for each protected string."""
        return self._replace(line, self._slot_of(self.find(line)).__getitem__)

    def mask_pair(self, source: str, target: str) -> tuple[str, str]:
        """Return a training pair with slots for the strings that both sides contain equally often; others remain text."""
        counts, others = Counter(found := self.find(source)), Counter(self.find(target))
        slot_of = self._slot_of(string for string in found if counts[string] == others[string])

        def replacement(string: str) -> str:
            return slot_of.get(string) or _SLOT.sub("\ufffd", string)

        return self._replace(source, replacement), self._replace(target, replacement)

    def mask_like(self, source: str, text: str) -> str:
        """Return a text with the slots of its source in place of the strings that the source contains too."""
        slot_of = self._slot_of(self.find(source))
        return self._replace(text, lambda string: slot_of.get(string, string)) if self.slots else text

    def cut(self, line: str, split: Callable[[str], Iterable[str]]) -> list[str]:
        """Split a line with `split`, but never inside a protected string."""
        strings = iter(self.find(line))
        return [_SLOT.sub(lambda _: next(strings), part) for part in split(self.mask(line))]

    def fill(self, texts: Sequence[str], source: str, num_read: int | None = None) -> tuple[list[str], list[str]]:
        """Return the parts of a translation with protected strings in place of slots, and the strings that have no slot there.

        The strings are those of the source or, if the model has read only its end, the last `num_read` of them.
        """
        found = self.find(source)
        # Slots are numbered over the whole source, as in `mask`, even if only its end was read.
        # The last 0 of them are none, but found[-0:] would be all.
        slot_of, read = self._slot_of(found), found if num_read is None else found[-num_read or len(found) :]
        waiting: dict[str, deque[str]] = {slot: deque() for slot in SLOTS}
        for string in read:
            waiting[slot_of[string]].append(string)

        def string_of(match: re.Match[str]) -> str:
            return waiting[match[0]].popleft() if waiting[match[0]] else ""

        filled = [_SLOT.sub(string_of, text) for text in texts]
        return filled, [string for strings in waiting.values() for string in strings]

    def restore(self, translation: str, source: str, num_read: int | None = None) -> str:
        """Return a translation that has the protected strings of its source, see `fill`, in place of its slots.

        What the model has spelled itself is removed, and what has no slot in the translation is appended.
        """
        if not self.slots:
            return translation
        # Removing a string may join its neighbours to another one.
        while self._invented.search(translation):
            translation = " ".join(self._invented.sub("", translation).split())
        parts = re.split(f"({_SLOT.pattern})", translation)
        filled, missing = self.fill(parts, source, num_read)  # of `filled`, every second part was a slot
        strings = Counter([*filled[1::2], *missing])
        # If text beside a string has become a part of it, they are set apart, and in the end only the strings remain.
        for separator, unwanted in (("", "(?!)"), (" ", r"[^\w\s.,;:!?'-]"), (" ", "(?s:.+)")):
            filled[::2] = [re.sub(unwanted, "", text) for text in filled[::2]]
            restored = " ".join([separator.join(filter(None, filled)), *missing]).strip()
            if Counter(self.find(restored)) == strings:
                break
        return restored

    def _slot_of(self, strings: Iterable[str]) -> dict[str, str]:
        """Return the slot of each different string. If there are more strings than slots, they share slots in turn."""
        return dict(zip(dict.fromkeys(strings), cycle(self.slots), strict=False))

    def _replace(self, line: str, replacement: Callable[[str], str]) -> str:
        return self._protected.sub(lambda match: replacement(match[0]), line) if self.slots else line


class ProtectedPairs(NamedTuple):
    """How many training pairs show where protected strings stand."""

    num_slots: int  # the most that at least ten pairs have, at least one
    num_pairs: int  # with a protected string on both sides
    num_others: int  # where a protected string is missing on one side, or occurs more often on the other

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], strings: Iterable[str], patterns: Iterable[str]) -> Self:
        """Count the protected strings of pairs."""
        protection = Protection(strings, patterns, num_slots=MAX_SLOTS)
        with_slots: Counter[int] = Counter()
        num_others = 0
        for source, target in pairs:
            slots = set(_SLOT.findall(protection.mask_pair(source, target)[0]))
            with_slots.update(range(1, len(slots) + 1))
            num_others += Counter(protection.find(source)) != Counter(protection.find(target))
        num_slots = max([1, *(number for number, count in with_slots.items() if count >= _MIN_PAIRS)])
        return cls(num_slots, with_slots[1], num_others)
