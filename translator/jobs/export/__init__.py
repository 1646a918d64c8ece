"""Convert a finished run for another library, CTranslate2 or transformers, and check that it translates the same."""
