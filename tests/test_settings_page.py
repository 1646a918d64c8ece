"""configs/README.md is up to date."""

from tests.settings_page import PAGE, write_page


def test_the_page_of_settings_is_current() -> None:
    assert PAGE.read_text("utf-8") == write_page() + "\n", "run `make docs`"
