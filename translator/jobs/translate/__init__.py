"""Load a trained run and translate: the Python API, search engines, and the conversion to CTranslate2."""
