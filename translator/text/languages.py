"""Does a text have the script of its language tag? Any BCP 47 tag is accepted; unknown ones are not checked."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

_SUBTAGS = {
    "latn": "LATIN", "cyrl": "CYRILLIC", "grek": "GREEK", "arab": "ARABIC", "hebr": "HEBREW", "deva": "DEVANAGARI",
    "thai": "THAI", "hans": "CJK", "hant": "CJK", "jpan": "CJK", "kore": "HANGUL", "ethi": "ETHIOPIC", "geor": "GEORGIAN",
    "armn": "ARMENIAN", "beng": "BENGALI", "taml": "TAMIL", "telu": "TELUGU", "khmr": "KHMER", "laoo": "LAO",
    "mymr": "MYANMAR", "tibt": "TIBETAN",
}  # fmt: skip
"""Script subtags of ISO 15924, with the first word of the Unicode names of their letters."""
_LANGUAGES = {
    "LATIN": "en de fr es it pt nl sv da no nb nn fi et lv lt pl cs sk sl hr hu ro tr vi id ms sw ca eu gl is ga cy mt af sq",
    "CYRILLIC": "ru uk be bg mk", "GREEK": "el", "ARABIC": "ar fa ur ps", "HEBREW": "he yi", "DEVANAGARI": "hi mr ne",
    "THAI": "th", "CJK": "zh ja yue", "HANGUL": "ko", "ETHIOPIC": "am ti", "GEORGIAN": "ka", "ARMENIAN": "hy",
    "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "TIBETAN": "bo",
}  # fmt: skip
_SCRIPTS = {language: script for script, languages in _LANGUAGES.items() for language in languages.split()}
_ALIASES = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}
_MAX_LETTERS = 20_000


def usual_script(tag: str) -> str | None:
    """Return the script of a tag such as `sr-Latn` or `zh`, by its Unicode name; None if it is not known."""
    language, *subtags = tag.replace("_", "-").lower().split("-")
    return next((_SUBTAGS[subtag] for subtag in subtags if subtag in _SUBTAGS), _SCRIPTS.get(language))


def script_of(lines: Iterable[str]) -> str | None:
    """Return the script that most letters of a text have, by its Unicode name; None for a text without letters."""
    letters = [character for character in "".join(lines)[: 5 * _MAX_LETTERS] if character.isalpha()][:_MAX_LETTERS]
    names = (unicodedata.name(character, "?").split()[0] for character in letters)
    scripts = Counter(_ALIASES.get(name, name) for name in names)
    return scripts.most_common(1)[0][0] if scripts else None


def script_warning(lines: Iterable[str], tag: str) -> str | None:
    """Return what is unusual about the script of a text in this language, or None."""
    expected, found = usual_script(tag), script_of(lines)
    if expected is None or found in (None, expected):
        return None
    return f"whose letters are mostly {str(found).capitalize()}, but the language {tag} is written in {expected.capitalize()}"
