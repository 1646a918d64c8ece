"""Convert a finished run for CTranslate2 and check that it translates the same."""
