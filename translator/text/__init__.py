"""From files to batches of token ids; models are not known here.

`reader` reads lines, `sources` pairs them, `filters` decides which pairs are used (with `lines` and `misalignment`).
`tokenizer_training` trains a `tokenizer`, `arrow_words` counts and encodes the words of large corpora, `store` keeps encoded
pairs on disk, and `batches` pads them to batches. `words` remembers which words a model has seen.
"""
