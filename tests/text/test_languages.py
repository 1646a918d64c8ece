"""The script of a text is compared with that of its language tag, if that is known."""

import pytest

from translator.text.languages import script_warning

GREEK, SERBIAN, JAPANESE = ["Ένας σκύλος κοιμάται."], ["Пас спава.", "Dog"], ["犬が寝ている。", "テスト"]


@pytest.mark.parametrize(
    ("lines", "tag"),
    [
        (GREEK, "el"), (SERBIAN, "sr-Cyrl"), (SERBIAN, "sr"), (JAPANESE, "ja"), (["A dog sleeps."], "en-GB"), (["A"], "xx"),
        (["1 + 2", "!"], "ru"), (["女孩"], "zh-Hans-CN"), (["Pas spava."], "sr-Latn-RS"), (["Пас"], "x-private"), ([], "de"),
    ],
)  # fmt: skip
def test_a_text_in_the_script_of_its_language_is_not_reported(lines: list[str], tag: str) -> None:
    assert script_warning(lines, tag) is None


@pytest.mark.parametrize(
    ("lines", "tag", "found", "expected"),
    [
        (GREEK, "de", "Greek", "Latin"),
        (SERBIAN, "sr_Latn", "Cyrillic", "Latin"),
        (JAPANESE, "en", "Cjk", "Latin"),
        (["A dog sleeps."], "zh-TW", "Latin", "Cjk"),
    ],
)
def test_a_text_in_another_script_is_reported(lines: list[str], tag: str, found: str, expected: str) -> None:
    assert script_warning(lines, tag) == (
        f"whose letters are mostly {found}, but the language {tag} is written in {expected}"
    )
