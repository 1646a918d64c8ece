"""The Python API: a trained run that translates, its search engines and the conversion to CTranslate2."""

BATCH_SIZE = 128
"""Sentences that are translated at once unless --batch-size says otherwise."""
