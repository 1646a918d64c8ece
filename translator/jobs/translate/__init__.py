"""The Python API: a trained run that translates, its search engines and the conversion to CTranslate2."""
